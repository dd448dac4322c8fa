"""The documents agree with the code about calls, options, errors and links."""

import ast
import inspect
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from pixstore_asgi import Pixstore, PixstoreApp, PixstoreMiddleware
from tests.docs.reference import BLOCKS, blocks_in, filled
from tests.docs.reference.api import missing_methods
from tests.docs.tables import rows
from tests.support.paths import DOCS, PACKAGE, ROOT

CONFIGURATION = (DOCS / "configuration.md").read_text()
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text()
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "js_client")),
    *sorted(DOCS.rglob("*.md")),
]
GENERATED = [page for page in sorted(DOCS.glob("*.md")) if blocks_in(page.read_text())]


def test_the_middleware_takes_the_options_of_the_app() -> None:
    """Every option that configuration.md lists for both is taken by both."""
    pix = Pixstore("unopened.db")
    options = {name: each.default for name, each in inspect.signature(PixstoreApp).parameters.items()}
    del options["pixstore"]
    PixstoreMiddleware(PixstoreApp(pix, **options), pix, **options)


def test_every_environment_variable_is_listed() -> None:
    """The table of environment variables has the variables that the package reads."""
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    listed = {name.strip("`") for name, *_ in rows(CONFIGURATION, "| environment variable |")}
    named = set(re.findall(r"\b(?:PIXSTORE_[A-Z_]+|AWS_PROFILE|AWS_ENDPOINT_URL\w*)\b", source))
    assert listed == named - {"PIXSTORE_ROUTE", "PIXSTORE_ALSO"}  # settings of Django
    assert source.count("os.environ") == len(listed)


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.stem)
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    """If this fails, run `python -m tests.docs.reference --write`."""
    text = page.read_text()
    assert text == filled(text)


def test_every_table_stands_once() -> None:
    """Each block is in one page."""
    assert sorted(name for page in GENERATED for name in blocks_in(page.read_text())) == sorted(BLOCKS)


def test_every_method_of_pixstore_is_listed() -> None:
    """Each public method is in one table of python-api.md, and no other."""
    assert not missing_methods()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link, to a file or to a heading, has its end."""
    text = page.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        end = (page.parent / path).resolve() if path else page
        assert end.exists(), target
        if anchor:
            headings = [re.sub(r"[^\w -]", "", h).replace(" ", "-").lower() for h in _headings(end.read_text())]
            assert anchor in headings, target


def test_pages_that_the_code_cites_exist() -> None:
    """Where a docstring or an error names a page, and a heading of it, both are there, and it is not README."""
    source = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    cited = re.findall(r'docs/([\w/-]+\.md)(?:, "([^"]+)")?', source)
    assert len(cited) > 5
    assert "README" not in source
    for page, heading in cited:
        assert not heading or heading in _headings((DOCS / page).read_text()), (page, heading)
        assert (DOCS / page).is_file(), page


def _headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


@cache
def python_messages() -> list[str]:
    """Return every text in the package, values in it replaced by `…`."""
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = [re.sub(r"%[rsd]", "…", n.value) for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return plain + [_joined(node) for node in nodes if isinstance(node, ast.JoinedStr)]


def _joined(text: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in text.values)


def client_messages() -> list[str]:
    """Return every text in the browser client, values in it replaced by `…`."""
    source = "\n".join(path.read_text() for path in (ROOT / "js_client" / "src").rglob("*.js"))
    return [re.sub(r"\$\{[^}]*\}", "…", text) for text in re.findall(r'"[^"\n]+"|`[^`]+`', source)]


SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", TROUBLESHOOTING, re.MULTILINE))


def explained(heading: str) -> list[str]:
    """Return the messages in a section of troubleshooting.md. A row may explain several."""
    cells = re.findall(r"^\| (`.*?`) \|", SECTIONS[heading], re.MULTILINE)
    return [message.strip("`") for cell in cells for message in cell.split("<br>")]


@pytest.mark.parametrize("heading", [heading for heading in SECTIONS if heading != "Without a message of ours"])
def test_every_message_that_is_explained_exists(heading: str) -> None:
    """Each text in troubleshooting.md stands in the code, word for word."""
    texts = client_messages() if heading == "In the page" else python_messages()
    assert len(explained(heading)) > 4
    for message in explained(heading):
        assert any(message in text for text in texts), message


def test_every_secret_error_and_refusal_is_explained() -> None:
    """troubleshooting.md has every error of a secret, and every refusal of a page's request.

    An error that says after a colon or semicolon what to do needs no row: the row would say the same.
    """
    rows_of_all = [message for heading in SECTIONS for message in explained(heading)]
    trees = [ast.parse(path.read_text()) for path in (*PACKAGE.glob("keys/*.py"), PACKAGE / "core" / "keyring.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    raised = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "SecretError"]
    texts = [_joined(text) if isinstance(text, ast.JoinedStr) else ast.literal_eval(text) for text in raised]
    advice = (ROOT / "js_client" / "src" / "errors.js").read_text().split("const ADVICE = {")[1].split("};")[0]
    refusals = [text for text in re.findall(r'"(.*)"', advice) if text]
    assert len(texts) > 10
    assert len(refusals) == 5
    for text in [*(text for text in texts if not re.search(r"[:;] …?[\w`]", text)), *refusals]:
        assert any(message in text for message in rows_of_all), text


def test_no_text_installs_from_a_registry_what_is_not_there() -> None:
    """Neither package is published: a command with its name would install the package of a stranger."""
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.js")]
    sources += [path for path in (ROOT / "scripts").rglob("*") if path.is_file()]
    sources += [*(ROOT / "js_client" / "src").rglob("*.js"), ROOT / "js_client" / "package.json", *PAGES]
    installing = r"\bpipx? install ['\"]?pixstore|\b(npm|npx|yarn|pnpm|uv) [a-z ]*pixstore[-_]asgi|pixstore-asgi\["
    found = [(path.name, match[0]) for path in sources for match in re.finditer(installing, path.read_text())]
    assert len(sources) > 50
    assert not found


def test_the_threat_model_names_what_exists() -> None:
    """Every name in SECURITY.md that is set as code stands in the package, its client, or a header of theirs."""
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "js_client" / "src").rglob("*.js")]
    code = "\n".join(path.read_text() for path in sources)
    # The code of one section is an application's: tests/pixstore/test_trackers.py runs it.
    text = re.sub(
        r"\n## Error trackers and logs\n.*?(?=\n## )", "", (ROOT / "SECURITY.md").read_text(), flags=re.DOTALL
    )
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    names = set(re.findall(r"`([^`]+)`", text))
    assert len(names) > 10
    assert not [name for name in names if name.partition("=")[0] not in code]


def test_every_promise_of_the_threat_model_has_a_test() -> None:
    """Each promise in SECURITY.md, and each reader of records, has a number, under which the page names its tests."""
    text = (ROOT / "SECURITY.md").read_text()
    numbers = [cells[-1] for head in ("| promise |", "| reader |") for cells in rows(text, head)]
    (block,) = re.findall(r"The tests .*, by number:\n\n```text\n(.*?)```", text, re.DOTALL)
    named = [re.fullmatch(r" *(\d+)  (tests/\S+\.py)::(test_\w+)", line) for line in block.splitlines()]
    numbers = list(dict.fromkeys(numbers))
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert list(dict.fromkeys(match and match[1] for match in named)) == numbers
    for match in named:
        assert match
        file, name = match[2], match[3]
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE), (file, name)


def test_the_supported_versions_are_those_of_the_package() -> None:
    """The table of the oldest versions agrees with pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *(line for lines in extras.values() for line in lines)]
    oldest = {"Python": project["requires-python"].removeprefix(">=")}
    for line in required:
        if bound := re.match(r"([a-z0-9-]+)(?:\[\w+\])?>=([0-9.]+)", line):
            oldest.setdefault(bound[1], bound[2])
    listed: dict[str, str] = {}
    for names, versions, _ in rows((DOCS / "deployment.md").read_text(), "| package | oldest |"):
        listed |= dict(zip(names.split(", "), versions.split(", "), strict=True))
    assert listed == {name: oldest[name] for name in listed}
    ours = ("dependencies", "cli", "postgres", "s3", "images", "django", "sqlalchemy")
    lines = [line for name in ours for line in (project["dependencies"] if name == "dependencies" else extras[name])]
    assert {re.split(r"[\[>]", line)[0] for line in lines} <= set(listed)
