"""Tables of the public names: calls, effects, results and exceptions, from signatures and docstrings."""

import inspect
import re
from importlib import import_module
from typing import Any

from pixstore_asgi import (
    ImageRecord,
    Payload,
    PayloadResponse,
    Pixstore,
    PixstoreApp,
    PixstoreMiddleware,
    RecordsApp,
    Variant,
    testing,
)
from pixstore_asgi.core.images import ExportedImage, Image, ImageInfo, Seal, Usage
from pixstore_asgi.core.recipient import Recipient
from pixstore_asgi.keys.rotation import KeyStatus
from pixstore_asgi.testing import fixtures
from tests.docs.reference.docstrings import Docstring, constants_of, docstring_of, functions_of
from tests.docs.reference.markdown import table

METHODS = {
    "save": ["save_image", "save_image_from_file", "update_image", "update_image_from_file", "delete_image"],
    "read": [
        "get_image_record",
        "get_image_records",
        "image_exists",
        "read_image",
        "list_images",
        "usage",
        "open_payload",
    ],
    "revoke": ["revoke", "reseal_image"],
    "move": ["export_image", "export_variants", "import_image"],
    "secrets": ["key_status", "rewrap_keys", "retire_key", "reload_secrets"],
    "life": ["open", "close", "lifespan", "ping"],
}
"""Every public method of Pixstore, by the section of python-api.md that lists it."""

CALLS = ["call", "effect and result", "raises"]


def call_of(name: str, function: Any) -> str:
    """Return the call of a function or class with its arguments, without types. Options of classes are left out."""
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
    written, is_marked = [], False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not is_marked:
            is_marked = True
            written.append("*")
            if inspect.isclass(function):
                written[-1] = "…"
                break
        written.append("…" if each.kind is each.VAR_KEYWORD else _argument(each))
    return f"`{name}({', '.join(written)})`"


def _argument(parameter: inspect.Parameter) -> str:
    if parameter.default is not parameter.empty:
        default = repr(parameter.default)
        return f"{parameter.name}={'…' if default.startswith('<') else default}"
    return f"{parameter.name}=…" if parameter.kind is parameter.KEYWORD_ONLY else parameter.name


def call_row(call: str, doc: Docstring) -> list[str]:
    returns = [f"**Returns:** {doc.returns}"] if doc.returns else []
    return [call, "\n".join([*doc.text, *returns]), "\n".join(_error(*each) for each in doc.raises.items())]


def _error(name: str, text: str) -> str:
    """Return an exception with its reason. One that is like another call's, or plain, goes without."""
    is_plain = text == "The store failed." or re.fullmatch(r"As in `\w+`\.", text)
    return f"`{name}`" if is_plain else f"`{name}`: {text}"


def methods(kind: str) -> str:
    """Return the table of some methods of Pixstore, and the table of their arguments."""
    named = {name: vars(Pixstore)[name] for name in METHODS[kind]}
    calls = table(CALLS, [call_row(call_of(name, each), docstring_of(each)) for name, each in named.items()])
    meanings: dict[tuple[str, str], list[str]] = {}
    for name, each in named.items():
        for argument in docstring_of(each).arguments:
            meanings.setdefault((argument, _meaning(name, argument)), []).append(f"`{name}`")
    rows = [[f"`{argument}`", ", ".join(of), text] for (argument, text), of in meanings.items()]
    return f"{calls}\n\n{table(['argument', 'of', 'meaning'], rows)}" if rows else calls


def _meaning(method: str, argument: str) -> str:
    """Return the meaning of an argument, also if the docstring says that it is the one of another method."""
    text = docstring_of(vars(Pixstore)[method]).arguments[argument]
    other = re.fullmatch(r"As in `(\w+)`\.", text)
    return _meaning(other[1], argument) if other else text


def missing_methods() -> set[str]:
    """Return the public methods of Pixstore that no table has."""
    public = {name for name, value in vars(Pixstore).items() if inspect.isfunction(value) and name[0] != "_"}
    return public.symmetric_difference(name for names in METHODS.values() for name in names)


def things(*named: tuple[str, Any]) -> str:
    """Return the table of functions and classes, by the text before their brackets."""
    return table(CALLS, [call_row(call_of(name, each), docstring_of(each)) for name, each in named])


def applications() -> str:
    rows = [
        *((each.__name__, each) for each in (PixstoreApp, PixstoreMiddleware, RecordsApp, PayloadResponse)),
        ("PixstoreApp.client_path", PixstoreApp.client_path),
        ("PixstoreApp.client_integrity", PixstoreApp.client_integrity),
    ]
    return things(*rows)


def results() -> str:
    """Return the table of the objects that methods return, and of their fields."""
    kinds = (ImageRecord, ImageInfo, Usage, Image, ExportedImage, Seal, KeyStatus, Payload, Variant, Recipient)
    rows = [_fields(each) for each in kinds]
    return table(["object", "meaning", "fields and properties"], rows)


def _fields(kind: Any) -> list[str]:
    doc = docstring_of(kind)
    own = {name: value for name, value in vars(kind).items() if name[0] != "_"}
    properties = [
        f"`{name}`: {' '.join(docstring_of(value).text)}" for name, value in own.items() if isinstance(value, property)
    ]
    arguments = [f"`{name}`: {text}" for name, text in doc.arguments.items()]
    return [f"`{kind.__name__}`", "\n".join(doc.text), "\n".join(arguments + properties)]


def integrations(module: Any) -> str:
    """Return the table of the public names of one integration."""
    constants = constants_of(module)
    names = getattr(module, "__all__", None) or [
        name for name, each in vars(module).items() if inspect.isfunction(each) and each.__module__ == module.__name__
    ]
    rows = []
    for name in names:
        if name[0] == "_":
            continue
        thing = getattr(module, name)
        if name in constants:
            rows.append(call_row(f"`{name}`", constants[name]))
        elif thing.__module__ == module.__name__:
            rows.append(call_row(call_of(name, thing), docstring_of(thing)))
    return table(CALLS, rows)


def tools_for_tests() -> str:
    """Return the table of the tools for tests of an application."""
    homes = [import_module(f"pixstore_asgi.testing.{name}") for name in ("pixstore", "samples", "reading")]
    constants = {name: doc for home in homes for name, doc in constants_of(home).items()}
    rows = []
    for name in testing.__all__:
        thing = getattr(testing, name)
        rows.append(
            call_row(f"`{name}`", constants[name])
            if name in constants
            else call_row(call_of(name, thing), docstring_of(thing))
        )
        if inspect.isclass(thing):
            own = {each: value for each, value in vars(thing).items() if each[0] != "_" and inspect.isfunction(value)}
            rows += [call_row(call_of(f"{name}.{each}", value), docstring_of(value)) for each, value in own.items()]
    return table(CALLS, rows)


def fixtures_for_pytest() -> str:
    rows = [[f"`{name}`", " ".join(doc.text)] for name, doc in functions_of(fixtures).items()]
    return table(["fixture", "meaning"], rows)
