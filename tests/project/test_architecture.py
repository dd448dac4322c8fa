"""The architecture: the direction of imports, and documented public names."""

import ast
import inspect
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pixstore_asgi
from tests.project.direction import DIRECTION

PACKAGE = Path(pixstore_asgi.__file__).parent

ROW_OF = {package: number for number, packages in enumerate(DIRECTION) for package in packages}
MODULES = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE})


def source(module: str) -> ast.Module:
    return ast.parse(PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text())


def imports_of(module: str) -> set[str]:
    """Return the package's modules that a module imports, at any level of its code."""
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
    """Return the module that `from base import name` reads: base.name, base, or the `__init__` of base."""
    for candidate in (".".join([*base, name]), ".".join(base)):
        if candidate in MODULES:
            return candidate
    return ".".join([*base, "__init__"])


def top_names(tree: ast.Module) -> set[str]:
    """Return the top-level packages of a module's absolute imports."""
    nodes = list(ast.walk(tree))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(n.module or "").split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """A module imports only from its own package and from lower layers; a new package needs a row."""
    own = module.split(".")[0]
    assert own in ROW_OF, f"give {own} a row"
    for imported in imports_of(module):
        package = imported.split(".")[0]
        assert package == own or ROW_OF[package] < ROW_OF[own], f"{module} imports {imported}"


def test_no_modules_import_each_other() -> None:
    """The modules have an order in which each imports only those before it."""
    order = TopologicalSorter({module: imports_of(module) - {module} for module in MODULES}).static_order()
    assert set(order) == set(MODULES)


def test_every_package_has_a_docstring() -> None:
    """Each folder's `__init__` begins with a sentence about its purpose."""
    for folder in FOLDERS:
        lines = (ast.get_docstring(ast.parse(folder.joinpath("__init__.py").read_text())) or "").splitlines()
        assert lines, folder
        assert lines[0].endswith("."), folder


def test_only_one_module_knows_aiosqlite() -> None:
    """Only the SQLite store's connection imports aiosqlite, and the stores know nothing of secrets."""
    knowing = [
        m for m in MODULES if "import aiosqlite" in PACKAGE.joinpath(*m.split(".")).with_suffix(".py").read_text()
    ]
    assert knowing == ["store.sqlite.connection"]
    for module in MODULES:
        if module.startswith("store."):
            assert not imports_of(module) & {"core.wire", "core.proof", "core.cipher", "core.keyring"}


@pytest.mark.parametrize("module", ["errors", *(module for module in MODULES if module.startswith("core."))])
def test_the_core_is_pure(module: str) -> None:
    """Modules below the stores use no I/O, event loop, clock or randomness."""
    tree = source(module)
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"os", "io", "time", "datetime", "random", "secrets", "asyncio", "anyio", "socket", "pathlib"}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"open", "print", "input"}


def test_few_names_are_public() -> None:
    """The package exports at most 19 names, which exist; StoreConflict, which applications catch, is one."""
    assert len(pixstore_asgi.__all__) <= 19
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
