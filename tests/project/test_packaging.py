"""The built wheel and sdist: their contents, and their use in a fresh environment."""

import email
import os
import posixpath
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import httpx
import pytest

import pixstore_asgi
from pixstore_asgi import ImageRecord, decode_payload
from pixstore_asgi.core.cipher import unseal
from pixstore_asgi.store.postgres import schema as postgres_schema
from pixstore_asgi.store.sqlite import schema as sqlite_schema
from tests.support.paths import ROOT
from tests.support.recipes import FILES
from tests.support.samples import picture
from tests.support.servers import uvicorn_of
from tests.support.tools import go_without

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SHIPPED = {".py", ".typed", ".md", ".json", ".js", ".br", ".gz", ".css", ".html", ".svg", ".webp", ".png", ".jpg"}
BESIDE_THE_DOCS = [
    *("README.md", "SECURITY.md", "js_client/README.md"),
    "benchmarks/README.md",
    *(f"benchmarks/results/{name}" for name in ("results.md", "servers.svg", "slow-line.svg")),
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Built(NamedTuple):
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of this checkout, and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def make_environment(folder: Path, requirement: str) -> Path:
    """Create a fresh environment with a package and its dependencies; skip if no index has them."""
    venv.create(folder, with_pip=False)
    result = pip(folder, "install", "--quiet", "--no-compile", requirement)
    if "Failed to establish a new connection" in result.stderr:
        go_without("pip reaches no package index")
    assert result.returncode == 0, result.stderr
    return folder


def pip(environment: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the pip of this environment, because its cache has most packages, on another environment."""
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(environment: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of an environment, in the environment's folder."""
    return subprocess.run(
        [str(environment / "bin" / program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=environment,
        env=_environ(),
    )


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIXSTORE", "COV"))}


def test_the_wheel_contains_only_the_package(built: Built) -> None:
    """The wheel contains each tracked file of package, client and docs, type marker and licence, and no other."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    information = f"pixstore_asgi-{PROJECT['version']}.dist-info"
    package = {name for name in names if not name.startswith(information)}
    assert package == tracked("pixstore_asgi/") | {
        name.replace("js_client/dist/", "pixstore_asgi/_client/") for name in tracked("js_client/dist/")
    } | {f"pixstore_asgi/{name}" for name in (*tracked("docs/"), *BESIDE_THE_DOCS)}
    client = {f"pixstore_asgi/_client/{name}" for name in ("index.js", "index.js.br", "index.js.gz")}
    assert {"pixstore_asgi/py.typed", "pixstore_asgi/docs/deployment.md"} | client <= package
    assert {PurePosixPath(name).suffix for name in package} <= SHIPPED
    assert f"{information}/licenses/LICENSE" in names


def test_links_of_the_documents_work_in_the_wheel(built: Built) -> None:
    """The targets of relative links in the wheel's pages are in the wheel."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
        pages = {name: wheel.read(name).decode() for name in names if re.fullmatch(r"pixstore_asgi/docs/.*\.md", name)}
    for name, page in pages.items():
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page):
            assert posixpath.normpath(posixpath.join(posixpath.dirname(name), link)) in names, f"{name}: {link}"


def test_the_sdist_contains_the_tracked_files(built: Built) -> None:
    """The sdist has sources, tests and documents, and no file that a run or npm left in the checkout."""
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert {"js_client/src/index.js", *(f"js_client/dist/index.js{coded}" for coded in ("", ".br", ".gz"))} <= names
    assert {"tests/vectors/wire.json", "pixstore_asgi/py.typed", "docs/deployment.md"} <= names
    assert names - {"PKG-INFO"} <= tracked("")
    assert not [name for name in names if re.search(r"node_modules|\.db|\.key$|\.pem$|\.venv", name)]


def tracked(folder: str) -> set[str]:
    """Return the files of the checkout that are tracked, or would be after `git add`."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", folder or "."]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_one_version_everywhere(built: Built) -> None:
    """Project, package, wheel, client and changelog have one version, and the changelog names the schemas'."""
    with zipfile.ZipFile(built.wheel) as wheel:
        metadata = email.message_from_bytes(wheel.read(f"pixstore_asgi-{PROJECT['version']}.dist-info/METADATA"))
    assert metadata["Version"] == PROJECT["version"]
    assert pixstore_asgi.__version__ == PROJECT["version"]
    assert metadata["License-Expression"] == "MIT"
    assert f'"version": "{PROJECT["version"]}"' in (ROOT / "js_client" / "package.json").read_text()
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert PROJECT["version"] in changes
    schemas = f"SQLite's schema is {len(sqlite_schema.MIGRATIONS)}, PostgreSQL's {len(postgres_schema.MIGRATIONS)}."
    assert schemas in " ".join(changes.split())


def test_the_wheel_works_far_from_the_checkout(built: Built, tmp_path: Path) -> None:
    """With [cli] the Starlette recipe works; without it, the package imports and its command names that extra."""
    environment = make_environment(tmp_path / "venv", f"{built.wheel}[cli]")
    assert run(environment, "pixstore-asgi", "--version").stdout == f"pixstore-asgi {PROJECT['version']}\n"
    documents = Path(run(environment, "pixstore-asgi", "--help").stdout.splitlines()[-1].strip())
    assert documents.is_relative_to(environment)
    assert (documents / "wire-format.md").is_file()
    assert_serves(environment, tmp_path)
    pip(environment, "uninstall", "--yes", "click", "uvicorn")  # quicker than a second environment without them
    where = run(environment, "python", "-I", "-c", "import pixstore_asgi; print(pixstore_asgi.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(environment), where.stderr
    command = run(environment, "pixstore-asgi", "--version")
    assert command.returncode == 1
    assert command.stderr == "this needs packages that are not installed: pip install '.[cli]' in the checkout\n"


@pytest.mark.soak
def test_the_sdist_works_far_from_the_checkout(built: Built, tmp_path: Path) -> None:
    """An installation from the sdist works too."""
    environment = make_environment(tmp_path / "venv", f"{built.sdist}[cli]")
    assert run(environment, "pixstore-asgi", "--version").stdout == f"pixstore-asgi {PROJECT['version']}\n"
    assert_serves(environment, tmp_path)


def assert_serves(environment: Path, folder: Path) -> None:
    (folder / "app.py").write_text(FILES["starlette_app.py"])
    with (
        uvicorn_of(environment / "bin" / "python", ["app:app"], folder, _environ()) as url,
        httpx.Client(base_url=url, trust_env=False) as http,
    ):
        # The service worker is served only where an application asks for it.
        files = set((ROOT / "js_client" / "dist").glob("*.js")) - {ROOT / "js_client" / "dist" / "service-worker.js"}
        for built in files:
            for coding, ending in (("identity", ""), ("gzip", ".gz"), ("br", ".br")):
                url_path = f"/pixstore-image/-/client/{built.name}"
                with http.stream("GET", url_path, headers={"accept-encoding": coding}) as served:
                    assert b"".join(served.iter_raw()) == built.with_name(built.name + ending).read_bytes()
                assert "javascript" in served.headers["content-type"]
        record = ImageRecord.parse(http.post("/api/pictures", content=picture()).json())
        proven = {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token)}
        body = http.get(f"/pixstore-image/{record.id}", headers=proven).content
        ciphertext = decode_payload(body).ciphertext
        assert unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=ciphertext) == ("png", picture())
