"""The house: which file may import which, and what every public name owes its reader."""

import ast
import inspect
from pathlib import Path

import pytest

import pixstore_asgi

PACKAGE = Path(pixstore_asgi.__file__).parent

# Low to high: a file imports only from lines above its own. Files of one line do not know each other.
LAYERS = [
    ["errors", "core.hidden"],
    ["core.ids", "core.formats", "core.keyring", "keys.file", "asgi.client_files", "asgi.deadline"],
    ["core.images"],
    ["core.record", "core.wire", "core.proof", "core.cipher", "asgi.http"],
    ["core.batch", "saving.sealing"],
    ["store.contract"],
    ["store.sqlite.descriptor", "store.memory", "store.sqlite.file"],
    ["store.sqlite.leases", "store.sqlite.write_lock"],
    ["store.sqlite.schema"],
    ["store.sqlite.connection", "store.sqlite.rows"],
    ["store.sqlite.commits"],
    ["store.sqlite.session"],
    ["store.sqlite.streams"],
    ["store.sqlite.store", "store.sqlite.backup"],
    ["store.connect"],
    ["serving.proofs", "keys.find", "serving.cache", "serving.export"],
    ["serving.payload"],
    ["pixstore"],
    ["asgi.authorization", "asgi.lifespan"],
    ["asgi.delivery"],
    ["asgi.app"],
    ["asgi.middleware"],
    ["__init__"],
    ["integrations"],
    ["demo", "transfer"],
    ["cli"],
]
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}
MODULES = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py"))
FREE = {module for module in MODULES if module.endswith("__init__")}


def layer_name(module: str) -> str:
    """A folder of thin files (demo, cli) is one room."""
    parts = module.split(".")
    folders = [".".join(parts[:end]) for end in range(1, len(parts))]
    return next((folder for folder in folders if folder in LAYER_OF), module)


def source(module: str) -> ast.Module:
    return ast.parse(PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text())


def imports_of(module: str) -> set[str]:
    """Return the package's modules that a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(source(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*module.split(".")[: -node.level], *(node.module.split(".") if node.module else [])]
            found.update(_module_of(base, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pixstore_asgi"):
            base = (node.module or "").split(".")[1:]
            found.update(_module_of(base, alias.name) for alias in node.names)
    return found


def _module_of(base: list[str], name: str) -> str:
    """Tell which module `from base import name` reads: base.name, base itself, or the package's own front."""
    for candidate in (".".join([*base, name]), ".".join(base)):
        if candidate in MODULES:
            return candidate
    return ".".join([*base, "__init__"])


def top_names(tree: ast.Module) -> set[str]:
    """Return the top-level packages that a module imports absolutely."""
    nodes = list(ast.walk(tree))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(n.module or "").split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FREE])
def test_imports_go_down(module: str) -> None:
    """A module imports only from lower layers; a new one must be given its place."""
    own = layer_name(module)
    assert own in LAYER_OF, f"give {module} a layer"
    for imported in {layer_name(name) for name in imports_of(module)} - {own}:
        assert LAYER_OF[imported] < LAYER_OF[own], f"{module} imports {imported}"


def test_only_one_module_knows_aiosqlite() -> None:
    """aiosqlite is imported by the SQLite store's connection alone, and the stores know nothing of secrets."""
    knowing = [
        m for m in MODULES if "import aiosqlite" in PACKAGE.joinpath(*m.split(".")).with_suffix(".py").read_text()
    ]
    assert knowing == ["store.sqlite.connection"]
    for module in MODULES:
        if module.startswith("store."):
            assert not imports_of(module) & {"core.wire", "core.proof", "core.cipher", "core.keyring", "keys.file"}


@pytest.mark.parametrize(
    "module", ["errors", *(module for module in MODULES if module.startswith("core.")), "asgi.http"]
)
def test_the_core_is_pure(module: str) -> None:
    """No I/O, no event loop, no clock, no randomness below the stores."""
    tree = source(module)
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"os", "io", "time", "datetime", "random", "secrets", "asyncio", "anyio", "socket", "pathlib"}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"open", "print", "input"}


def test_few_names_are_public() -> None:
    """The package exports at most 18 names, and each exists; an application's answer to a conflict is among them."""
    assert len(pixstore_asgi.__all__) <= 18
    assert "StoreConflict" in pixstore_asgi.__all__
    assert all(hasattr(pixstore_asgi, name) for name in pixstore_asgi.__all__)


@pytest.mark.parametrize("name", pixstore_asgi.__all__)
def test_public_names_are_documented(name: str) -> None:
    """Every public name, and every public method and property of its own, has a docstring."""
    thing = getattr(pixstore_asgi, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property | classmethod)):
                assert inspect.getdoc(getattr(thing, member)), f"{name}.{member}"
