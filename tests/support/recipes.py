"""The applications of docs/recipes: written to a folder as they stand there, and run."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from anyio.from_thread import start_blocking_portal

from pixstore_asgi import ImageRecord, Pixstore, decode_payload
from pixstore_asgi.core.cipher import unseal
from tests.support.paths import DOCS, ROOT
from tests.support.samples import SECRET
from tests.support.servers import Server, running

PAGES = {path.stem: path.read_text() for path in sorted((DOCS / "recipes").glob("*.md"))}
FILE = re.compile(r"(?:#|//|<!--) (appended to )?([\w./-]+\.(?:py|js|html))(?: -->)?\n")
BLOCKS = [
    (page, block)
    for page, text in PAGES.items()
    for block in re.findall(r"```(?:python|js|html)\n(.*?)```", text, re.DOTALL)
]
FILES = {found[2]: block for _, block in BLOCKS if (found := FILE.match(block))}
OTHER_BLOCKS = {page: block.strip() for page, block in BLOCKS if not FILE.match(block)}
"""The code without a file name; no page has two such blocks."""


def write_files(folder: Path, *, django: bool = False) -> Path:
    """Write the files of all pages and return the folder; those of Django into a new project."""
    if django:
        subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", folder], check=True)
    for name, text in FILES.items():
        path = folder / name
        if name.startswith("mysite/") == django:
            before = path.read_text() if "appended to" in text.splitlines()[0] else ""
            path.parent.mkdir(exist_ok=True)
            path.write_text(before + text)
    return folder


@contextlib.contextmanager
def recipe(folder: Path, module: str, **environment: str) -> Iterator[Server]:
    """Run one of the written applications under uvicorn, with /in-use beside it (tests.support.recipe_app)."""
    paths = f"{folder}:{ROOT}"
    with running(
        "uvicorn",
        "tests.support.recipe_app:app",
        folder,
        cwd=folder,
        environment={
            "PYTHONPATH": paths,
            "PIXSTORE_TEST_RECIPE": module,
            "PIXSTORE_SECRET": SECRET,
            "PYTHONWARNINGS": "always::ResourceWarning",
            **environment,
        },
    ) as served:
        yield served


def save(folder: Path, image: bytes) -> ImageRecord:
    """Store an image from this process beside the running application."""

    async def save_it() -> ImageRecord:
        async with Pixstore(folder / "pixstore.db", secret=SECRET) as pix:
            return await pix.save_image(image)

    with start_blocking_portal() as portal:
        return portal.call(save_it)


def sent(record: ImageRecord, **more: str) -> dict[str, str]:
    return {"x-pixstore-proof": record.stateless_proof, "x-pixstore-token": str(record.token), **more}


def image_in(record: ImageRecord, response: httpx.Response) -> bytes:
    """Return the image that a response of 200 holds, its length checked."""
    response.raise_for_status()
    if len(response.content) != int(response.headers["content-length"]):
        raise AssertionError("the payload has another length than its header")
    payload = decode_payload(response.content)
    return unseal(key=record.key, iv=record.iv, tag=record.tag, ciphertext=payload.ciphertext)[1]
