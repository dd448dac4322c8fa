"""Applications as a framework's own tools make them, with the client's package as a registry would serve it."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.engines import ENGINES
from tests.browser.engines.page import Browser, Engine
from tests.browser.support import open_page, wait_for, wait_until
from tests.browser.test_front_end import FILES, WIDTHS
from tests.support.paths import DOCS, ROOT
from tests.support.recipes import recipe, write_files
from tests.support.samples import picture
from tests.support.servers import Server, free_port, running_command

pytestmark = [pytest.mark.browser, pytest.mark.slow]

APPS = Path(__file__).parent / "apps"
NEXT_FILES = dict(re.findall(r"```(?:js|tsx)\n// (\S+)\n(.*?)```", (DOCS / "frameworks.md").read_text(), re.DOTALL))
BACKEND = """
from gallery_app import app, pix
from pixstore_asgi import RecordsApp, recipient_of
from starlette.responses import JSONResponse
from starlette.routing import Route

async def pictures(request):
    ids = [image.id for image in await pix.list_images(directory="gallery")]
    records = await pix.get_image_records(ids, recipient=recipient_of(request, cookie=True))
    return JSONResponse(list(records.values()))

app.router.routes[:0] = [
    Route("/records", RecordsApp(pix, lambda scope, image_id: True)),
    Route("/api/pictures", pictures),
]
"""
SHOWN = f"JSON.stringify({WIDTHS}) === '[320,320]'"

Tool = Callable[..., list[str]]
Make = Callable[[str], Path]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine is enough: differences between engines are tested with smaller builds."""
    with ENGINES["chromium"]() as opened:
        yield opened


@pytest.fixture
def tool(node_path: str, npm_packages: Path) -> Tool:
    """The command that runs a script of a package."""
    return lambda script, *arguments: [node_path, str(npm_packages / script), *arguments]


@pytest.fixture
def make(tmp_path: Path, npm_packages: Path) -> Make:
    """Makes the folder of an application, with the client installed in it and all other packages beside it."""

    def make_it(name: str) -> Path:
        folder = shutil.copytree(APPS / name, tmp_path / name)
        packed = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(tmp_path)]
        subprocess.run(packed, cwd=ROOT / "js_client", check=True, capture_output=True)
        (tarball,) = tmp_path.glob("*.tgz")
        shutil.unpack_archive(tarball, folder / "node_modules")
        (folder / "node_modules" / "package").rename(folder / "node_modules" / "pixstore-asgi-client")
        (tmp_path / "node_modules").symlink_to(npm_packages)
        return folder

    return make_it


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder. A failure of it fails the test."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def save_pictures(server: Server) -> list[str]:
    """Save two pictures. Return key, iv, tag and proof of each record, including those of the variants."""
    for kind, size in (("webp", 900), ("jpeg", 640)):
        httpx.post(f"{server.url}/api/pictures", content=picture(kind, size)).raise_for_status()
    listed = httpx.get(f"{server.url}/api/pictures").raise_for_status().text
    return re.findall(r'"(?:key|iv|tag|statelessProof)": ?"([^"]+)"', listed)


@pytest.mark.soak
def test_a_vite_app_in_strict_typescript(browser: Browser, tmp_path: Path, make: Make, tool: Tool) -> None:
    """The page's ten lines for React pass the compiler and ESLint as Vite's template has them, and show pictures."""
    folder = make("vite")
    (folder / "src").mkdir()
    (folder / "src" / "main.tsx").write_text(FILES["react.tsx"])
    run(tool("typescript/bin/tsc", "-p", "."), folder)
    run(tool("eslint/bin/eslint.js", "--max-warnings", "0", "."), folder)
    run(tool("vite/bin/vite.js", "build", "--outDir", str(tmp_path / "built")), folder)
    write_files(tmp_path)
    with recipe(tmp_path, "gallery_app") as server, open_page(browser) as page:
        save_pictures(server)
        page.goto(f"{server.url}/page/built/index.html")
        wait_for(page, SHOWN)


def test_next_sends_sealed_records_and_no_key(
    browser: Browser, tmp_path: Path, make: Make, tool: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Next's build accepts the types. The HTML has places at the first visit, then sealed records, and no key."""
    monkeypatch.setenv("NEXT_TELEMETRY_DISABLED", "1")
    folder = make("next")
    for name in ("app/page.tsx", "app/pictures.tsx"):
        (folder / name).write_text(NEXT_FILES[name])
    (folder / "documented.config.mjs").write_text(NEXT_FILES["next.config.mjs"])
    write_files(tmp_path)
    (tmp_path / "backend.py").write_text(BACKEND)
    with recipe(tmp_path, "backend") as backend:
        secrets = save_pictures(backend)
        monkeypatch.setenv("BACKEND", backend.url)
        run(tool("next/dist/bin/next", "build"), folder)
        port = free_port()
        start = tool("next/dist/bin/next", "start", "-H", "127.0.0.1", "-p", str(port))
        with running_command(start, port, tmp_path / "next.log", cwd=folder, environment={}) as served:
            html = httpx.get(served.url).raise_for_status().text
            assert len(re.findall(r'<img [^>]*src="data:image/png[^>]*>', html)) == 2
            assert len(secrets) == 2 * 2 * 4
            assert [secret for secret in secrets if secret in html] == []
            with open_page(browser) as page:
                page.goto(served.url)
                wait_for(page, SHOWN)
                wait_until(lambda: backend.log.count("GET /records"), "that the page fetches its records")
                fetched = backend.log.count("GET /records")
                page.reload()
                wait_for(page, SHOWN)
                html = page.evaluate("document.documentElement.outerHTML")
                assert len(set(re.findall(r'\\"sealed\\":\\"([^"\\]+)', html))) == 2 * 2
                keys = secrets[::4]
                assert [key for key in keys if key in html] == []
                assert backend.log.count("GET /records") == fetched
