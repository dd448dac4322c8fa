"""Tables of the options of classes: their defaults from the signatures, their meaning from the docstrings."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

from tests.docs.reference.docstrings import docstring_of
from tests.docs.reference.markdown import table
from tests.support.paths import ROOT

_MIB = 1024 * 1024


def options(*kinds: Any, without: Sequence[str] = ()) -> str:
    """Return the table of the options of one class or function, or of several, without the arguments in `without`.

    One that passes further options on has a row for them.
    """
    rows = []
    for kind in kinds:
        meanings = docstring_of(kind).arguments
        for name, each in inspect.signature(kind).parameters.items():
            if each.kind is each.VAR_KEYWORD:
                rows += [["others", "", meanings[name]]] if len(kinds) == 1 else []
            elif name not in without:
                of = f" ({kind.__name__})" if len(kinds) > 1 and kind is not kinds[-1] else ""
                rows.append([f"`{name}`{of}", _default(each), meanings[name]])
    return table(["option", "default", "meaning"], rows)


def options_of_typedef(file: str, name: str) -> str:
    """Return the table of the properties of a type that a file of the browser client declares in JSDoc."""
    source = (ROOT / "js_client" / "src" / file).read_text()
    (typedef,) = re.findall(rf"@typedef {{object}} {name}\n(.*?)\*/", source, re.DOTALL)
    text = re.sub(r"\n \*   ", " ", typedef)
    rows = []
    for option, meaning in re.findall(r"@property {.*} (\[?\w+\]?)  (.*)", text):
        said, _, default = meaning.partition("; default: ")
        rows.append([f"`{option.strip('[]')}`", default if option.startswith("[") else "required", said])
    return table(["option", "default", "meaning"], rows)


def _default(parameter: inspect.Parameter) -> str:
    value = parameter.default
    if value is parameter.empty:
        return "required"
    if inspect.isclass(value):
        return f"`{value.__name__}`"
    if callable(value):
        return "the system's clock"
    size = f" ({value // _MIB} MiB)" if isinstance(value, int) and value >= _MIB and value % _MIB == 0 else ""
    return f"`{value!r}`{size}".replace(".0`", "`").replace("'", '"')
