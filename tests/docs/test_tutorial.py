"""docs/tutorial.md: its application, assembled from the page, in a real browser."""

import io
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from benchmarks.browser.chromium import CHROMIUM_ARGUMENTS
from pixstore_asgi.testing import proof_headers
from tests.browser.support import noise
from tests.demo.browsing import browsing
from tests.docs import tutorial_shots
from tests.docs.tutorial import PAGE, STAGES, Reader, commands, write_stages
from tests.docs.tutorial_page import add_photos, expect_shown, photos, sign_in, slow_upload
from tests.support.paths import DOCS, ROOT
from tests.support.samples import picture
from tests.support.tools import go_without

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_BYTES = 60_000
MOST_WORDS = 1_900
STORED = """async () => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const connection = await done(indexedDB.open("pixstore-asgi"));
  const counts = {};
  for (const name of ["entries", "bytes"]) {
    counts[name] = await done(connection.transaction(name).objectStore(name).count());
  }
  connection.close();
  return counts;
}"""
NOTE_PROGRESS = """() => {
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector("progress");
    if (bar) seen.push(bar.position);
  }).observe(document.getElementById("messages"), { subtree: true, childList: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browsing(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos and files that are refused."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "photo.jpg").write_bytes(picture("jpeg", 400))
    (folder / "photo.webp").write_bytes(picture("webp", 500))
    (folder / "large.png").write_bytes(noise("png", seed=1, size=400))
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "cut.jpg").write_bytes(picture("jpeg", 400)[:1_000])
    with (folder / "huge.png").open("wb") as huge:
        huge.truncate(32 * 1024 * 1024 + 1)
    return folder


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has followed all stages."""
    folder = tmp_path_factory.mktemp("photos")
    write_stages(6, folder)
    return folder


@pytest.fixture(scope="module")
def site(application: Path) -> Iterator[str]:
    """The finished application, with the users that the page adds."""
    reader = Reader(application)
    for line in [line for block in commands(2) for line in block][:-1]:
        reader.enter(line)
    with reader.at_stage(5, writes=False) as url:
        yield url


def session(url: str, name: str) -> httpx.Client:
    """Return a client that is signed in, with a cookie that browsers send over HTTPS and to 127.0.0.1."""
    answer = httpx.post(f"{url}/api/session", json={"name": name, "password": Reader.PASSWORD.format(name)})
    cookie, *attributes = answer.raise_for_status().headers["set-cookie"].split("; ")
    assert {"httponly", "secure", "samesite=lax"} <= {attribute.lower() for attribute in attributes}
    return httpx.Client(base_url=url, headers={"cookie": cookie}, timeout=60)


def ids_of(user: httpx.Client) -> list[str]:
    """Return the ids of the newest photos of a user."""
    answer = user.get("/api/pictures").raise_for_status()
    assert answer.headers["cache-control"] == "no-store"
    return [record["id"] for record in answer.json()["records"]]


def test_each_stage_shows_what_the_page_says(browser: Browser, files: Path, tmp_path: Path) -> None:
    """A reader follows the stages in one folder, and sees a picture after each of them, an old one too."""
    (tmp_path / "photo.jpg").write_bytes((files / "photo.jpg").read_bytes())
    reader = Reader(tmp_path)
    with browsing(browser) as visitor:
        with reader.at_stage(1) as url:
            ((upload,),) = commands(1)[-1:]
            assert '"statelessProof"' in reader.enter(upload.replace("http://127.0.0.1:8000", url))
            page = visitor.new_page()
            page.goto(url)
            expect_shown(photos(page))
        with reader.at_stage(2) as url:
            page = sign_in(visitor, url, "ada")
            expect(photos(page)).to_have_count(0)
            add_photos(page, files / "photo.webp")
            expect_shown(photos(page))
        with reader.at_stage(3) as url:  # the cookie is that of stage 2, because the secret is
            page.goto(url)
            page.get_by_label("Add photos").set_input_files(files / "letter.pdf")
            expect(page.get_by_role("status")).to_contain_text("letter.pdf: this is not an image")
        with reader.at_stage(4) as url:
            page.goto(url)
            expect_shown(photos(page))
            expect(photos(page).locator("img")).to_have_js_property("naturalWidth", 320)


def test_a_wrong_password_is_refused(context: BrowserContext, site: str) -> None:
    """For a user and for a name that is no user, with the same message and no cookie."""
    for name in ("ada", "eve"):
        page = sign_in(context, site, name, "guessed")
        expect(page.get_by_role("status")).to_have_text("wrong name or password")
        expect(page.get_by_label("Add photos")).to_be_hidden()
    assert context.cookies() == []


def test_an_upload_shows_its_progress(context: BrowserContext, site: str, files: Path) -> None:
    """The bar is between nothing and all, then without a value, and goes when the photo is in the list."""
    page = sign_in(context, site, "ada")
    page.evaluate(NOTE_PROGRESS)
    slow_upload(page, (files / "large.png").stat().st_size)
    add_photos(page, files / "large.png")
    seen = page.evaluate("seen")
    assert [share for share in seen if 0 < share < 1]
    assert seen[-1] == -1
    expect_shown(photos(page).first)


def test_bad_uploads_have_messages(context: BrowserContext, site: str, files: Path) -> None:
    """Each refused file is named with the reason, and the good one among them is in the list."""
    page = sign_in(context, site, "ada")
    before = photos(page).count()
    bad = {
        "letter.pdf": "this is not an image of a format accepted here (PNG, WebP, JPEG), or only the beginning of one",
        "cut.jpg": "the JPEG image is truncated: it ends before its last part",
        "huge.png": "the file is larger than 32 MiB",
    }
    page.get_by_label("Add photos").set_input_files([*(files / name for name in bad), files / "photo.jpg"])
    expect(photos(page)).to_have_count(before + 1)
    expect(page.get_by_role("status").locator("p")).to_have_text([f"{name}: {text}" for name, text in bad.items()])
    context.clear_cookies()
    page.get_by_label("Add photos").set_input_files(files / "photo.jpg")
    expect(page.get_by_role("status")).to_have_text("photo.jpg: sign in first")
    context.route("**/api/pictures", lambda route: route.abort())
    page.get_by_label("Add photos").set_input_files(files / "photo.jpg")
    expect(page.get_by_role("status")).to_have_text("photo.jpg: the connection failed")


def test_another_user_gets_nothing(context: BrowserContext, site: str) -> None:
    """Neither in the list, nor by a record that leaked, nor by its id in a page; and Ben cannot delete it."""
    with session(site, "ada") as ada, session(site, "ben") as ben:
        answer = ada.post("/api/pictures", content=picture("jpeg")).raise_for_status()
        assert answer.headers["cache-control"] == "no-store"
        record = answer.json()
        assert record["id"] in ids_of(ada)
        assert record["id"] not in ids_of(ben)
        image = f"/pixstore-image/{record['id']}"
        assert ada.get(image, headers=proof_headers(record)).status_code == 200
        assert ben.get(image, headers=proof_headers(record)).status_code == 403
        assert ben.delete(f"/api/pictures/{record['id']}").status_code == 404
        page = sign_in(context, site, "ben")
        page.evaluate(
            """(srcId) => {
              const picture = Object.assign(document.createElement("pix-image"), { srcId, width: 100, height: 100 });
              document.getElementById("list").append(picture);
            }""",
            record["id"],
        )
        expect(page.locator("#list > pix-image")).to_have_js_property("state", "error")
        assert page.evaluate("document.querySelector('#list > pix-image').error.name") == "NotFoundError"


def test_a_long_list_comes_in_pages(context: BrowserContext, site: str) -> None:
    """The newest 50 first, thumbnails of them, and the rest by a button, which goes then."""
    with session(site, "ben") as ben:
        ids = [ben.post("/api/pictures", content=picture("png", seed=n)).json()["id"] for n in range(51)]
        page = sign_in(context, site, "ben")
        expect(photos(page)).to_have_count(50)
        expect_shown(photos(page).first)
        page.get_by_role("button", name="More").click()
        expect(photos(page)).to_have_count(51)
        expect(page.get_by_role("button", name="More")).to_be_hidden()
        assert (
            page.evaluate("[...document.querySelectorAll('#list pix-image')].map(({record}) => record.id)") == ids[::-1]
        )


def test_a_deleted_photo_is_gone(context: BrowserContext, site: str, files: Path) -> None:
    """From the list, from the browser's storage and from the server; the others stay."""
    page = sign_in(context, site, "ada")
    add_photos(page, files / "photo.webp", files / "photo.jpg")
    before = photos(page).count()
    gone = page.evaluate("document.querySelector('#list pix-image').record.id")
    open_first(page)
    page.get_by_role("button", name="Delete").click()
    expect(photos(page)).to_have_count(before - 1)
    expect(page.get_by_role("dialog")).to_be_hidden()
    with session(site, "ada") as ada:
        assert gone not in ids_of(ada)
        assert ada.get(f"/api/records?id={gone}").json() == {}
    script = "async (id) => (await import('/pixstore-image/-/client/index.js')).cachedImageExists(id)"
    assert page.evaluate(script, gone) is False


def open_first(page: Page) -> None:
    page.get_by_role("button", name="Open the photo").first.click()
    expect_shown(page.locator("#photo"))


def test_a_sign_out_leaves_nothing(context: BrowserContext, site: str, files: Path) -> None:
    """No cookie, no ciphertext in the browser's storage, no photo on the page, in another tab neither."""
    page = sign_in(context, site, "ada")
    add_photos(page, files / "photo.webp")
    open_first(page)
    page.get_by_role("button", name="Close").click()
    other = context.new_page()
    other.goto(site)
    expect_shown(photos(other).first)
    page.wait_for_function(f"async () => (await ({STORED})()).bytes > 1")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.evaluate(STORED) == {"entries": 0, "bytes": 0}
    assert context.cookies() == []
    expect(photos(page)).to_have_count(0)
    expect(other.locator("#list img[src^=blob]")).to_have_count(0)
    expect(other.get_by_label("Password")).to_be_visible()


def test_the_tests_of_the_application_pass(application: Path) -> None:
    """Those of stage 6, by the command that the page has, and their number is the one that it names."""
    output = Reader(application).enter(commands(6)[0][-1])
    (count,) = re.findall(r"`(\d) passed`", STAGES[5])
    assert f"{count} passed" in output


def test_the_installation_names_what_there_is() -> None:
    """The first command block installs extras of this package, from the checkout that it was entered in."""
    lines = commands(1)[0]
    assert lines[0] == "checkout=$(pwd)"
    assert [line for line in lines if line.startswith("pip install")] == [
        'pip install "${checkout}[cli,images]" fastapi itsdangerous uvicorn'
    ]


def test_the_page_is_short_and_shows_its_screenshots() -> None:
    """Each in both themes, with a text for screen readers; the files are small, and there are no others."""
    assert len(re.sub(r"```.*?```|<picture>.*?</picture>", "", PAGE, flags=re.DOTALL).split()) <= MOST_WORDS
    shown = re.findall(r'(?:srcset|src)="(\.\./[^"]+)"', PAGE)
    assert [Path(path).name for path in shown] == [
        f"{name}-{scheme}.webp" for name in tutorial_shots.NAMES for scheme in ("dark", "light")
    ]
    assert {(DOCS / path).resolve() for path in shown} == set(tutorial_shots.FOLDER.iterdir())
    assert len(re.findall(r'alt="[^"]{30,}"', PAGE)) == len(tutorial_shots.NAMES)
    assert all(path.stat().st_size < MOST_BYTES for path in tutorial_shots.FOLDER.iterdir())
    size = (tutorial_shots.SIZE["width"], tutorial_shots.SIZE["height"])
    assert set(sizes_in(tutorial_shots.FOLDER).values()) == {size}


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_the_installation_and_the_tests_work_in_a_new_environment(tmp_path: Path) -> None:
    """The commands of stages 1 and 6, entered as they stand, in a home of their own."""
    script = "\n".join(["set -e", *commands(1)[0], 'cp "$STAGES"/*.py .', *commands(6)[0]])
    write_stages(6, tmp_path)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "STAGES": str(tmp_path)}
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if "Failed to establish a new connection" in done.stderr:
        go_without("pip reaches no package index")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.soak
def test_the_screenshots_can_be_taken_again(browser: Browser, tmp_path: Path) -> None:
    """The program still gets through the tutorial, and makes the files that there are, of the same size in pixels."""
    tutorial_shots.take(browser, tmp_path, 12)
    assert sizes_in(tmp_path) == sizes_in(tutorial_shots.FOLDER)


def sizes_in(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: Image.open(io.BytesIO(path.read_bytes())).size for path in folder.iterdir()}
