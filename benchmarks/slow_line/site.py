"""The running site_app behind a slow line, with its pictures saved and its scripts bundled."""

import contextlib
import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
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
_ONE_WAY_MS, _DOWN_KBIT, _UP_KBIT = 75, 1_600, 750  # Lighthouse's "slow 4G"


@dataclass(frozen=True, slots=True)
class Site:
    """A running site: `url` is at the far end of the line."""

    url: str
    line: "subprocess.Popen[str]"
    _near_url: str

    def traffic(self) -> dict[str, int]:
        """Return the requests to the server, and the bytes and connections on the line, since the last call."""
        assert self.line.stdin is not None
        assert self.line.stdout is not None
        self.line.stdin.write("\n")
        self.line.stdin.flush()
        with urllib.request.urlopen(f"{self._near_url}/requests") as answer:  # noqa: S310
            return {"requests": json.load(answer), **json.loads(self.line.stdout.readline())}


@contextlib.contextmanager
def running_site(folder: Path, plan: Plan) -> Iterator[Site]:
    """Run the site under uvicorn, and the line, until the block ends; data goes to `folder`."""
    database, bundle, secret = folder / "pixstore.db", folder / "bundle", secrets.token_urlsafe(32)
    save_photos(database, secret, photo(_SIZE), plan.slow_line_images, THUMB)
    bundle_npm(bundle / "npm.js")
    subprocess.run(["node", str(_BUNDLER), str(bundle)], check=True, capture_output=True, timeout=120)
    port, far_port, copies_port = free_port(), free_port(), free_port()
    variables = {
        "PIXSTORE_BENCH_DATABASE": str(database),
        "PIXSTORE_BENCH_BUNDLE": str(bundle),
        "PIXSTORE_BENCH_COPIES": f"http://127.0.0.1:{copies_port}",
        "PIXSTORE_SECRET": secret,
    }
    command = asgi_command("uvicorn", "app", port, module="benchmarks.slow_line.site_app")
    with running(command, port=port, core=None, folder=folder, environment=variables):
        rates = ["--down-kbit", str(_DOWN_KBIT), "--up-kbit", str(_UP_KBIT), "--connecting"]
        options = ["--delay-ms", str(_ONE_WAY_MS), *(rates if plan.slow_line_is_slow else [])]
        ports = [f"{each}:{port}" for each in (far_port, copies_port)]
        command = [sys.executable, "-m", "benchmarks.line", *options, *ports]
        with running(command, port=far_port, core=None, folder=folder, with_pipes=True) as line:
            yield Site(f"http://127.0.0.1:{far_port}", line, f"http://127.0.0.1:{port}")
