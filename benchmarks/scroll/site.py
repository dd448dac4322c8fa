"""The running site_app, with its pictures saved and its scripts bundled."""

import contextlib
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..browser.site import bundle_npm
from ..photos.photo import photo
from ..photos.saved import save_photos
from ..plan import Plan
from ..processes import free_port, running
from ..rivals import asgi_command
from .ways import THUMB

_SIZE = (800, 600)  # pixels, of the originals, which are not shown
_BUNDLER = Path(__file__).with_name("bundle.mjs")


@contextlib.contextmanager
def running_site(folder: Path, plan: Plan) -> Iterator[str]:
    """Run the site under uvicorn until the block ends, and yield its URL; its data goes to `folder`."""
    database, bundle, secret = folder / "pixstore.db", folder / "bundle", secrets.token_urlsafe(32)
    save_photos(database, secret, photo(_SIZE), plan.scroll_images, THUMB)
    bundle_npm(bundle / "npm.js")
    subprocess.run(["node", str(_BUNDLER), str(bundle / "react.js")], check=True, capture_output=True, timeout=60)
    port = free_port()
    command = asgi_command("uvicorn", "app", port, module="benchmarks.scroll.site_app")
    variables = {
        "PIXSTORE_BENCH_DATABASE": str(database),
        "PIXSTORE_BENCH_BUNDLE": str(bundle),
        "PIXSTORE_SECRET": secret,
    }
    with running(command, port=port, core=None, folder=folder, environment=variables):
        yield f"http://127.0.0.1:{port}"
