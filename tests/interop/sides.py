"""Starts applications around npm's pixstore and around ours, each in a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.peers import Peer
from tests.support.paths import ROOT
from tests.support.samples import SECRET
from tests.support.servers import free_port

NODE_FOLDER = ROOT / "tests" / "js"
WINDOW_MS = 20_000


@dataclass(frozen=True)
class Setup:
    """How an application is set up; a window or route of None leaves the package its default.

    own_endpoint: images are served by the application, behind a header. by_cookie: our proofs are
    bound to the visitor that a cookie names. secrets: oldest to newest; npm's takes none. database, blobs: where
    ours keeps its images, if not in its folder. thumb_width: ours makes a thumbnail of each, so wide. records: the kind
    of records that ours hands out.
    """

    window_ms: int | None = WINDOW_MS
    route: str | None = None
    own_endpoint: bool = False
    by_cookie: bool = False
    secrets: tuple[str, ...] = (SECRET,)
    database: str | None = None
    blobs: str | None = None
    thumb_width: int | None = None
    records: str = "plain"


USUAL = Setup()


class Side:
    """One of the two packages, "npm" or "ours": starts its applications. `table` holds its images' metadata."""

    def __init__(self, name: str, table: str, folder: Path, page: Path) -> None:
        self.name = name
        self.table = table
        self._folder = folder
        self._page = page
        self._started = 0
        self._stack = contextlib.ExitStack()
        self._lasting: dict[Setup, Peer] = {}

    @property
    def shared(self) -> Peer:
        """An application that lives as long as this side, for scenarios that leave it as they found it."""
        return self.lasting(USUAL)

    def lasting(self, setup: Setup) -> Peer:
        """Return the application with this setup. The first call starts it, and it lives as long as this side."""
        if setup not in self._lasting:
            self._lasting[setup] = self._stack.enter_context(self.start(setup))
        return self._lasting[setup]

    def close(self) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def start(self, setup: Setup = USUAL, *, folder: Path | None = None) -> Iterator[Peer]:
        """Run an application until the block ends, in a new folder or on the data of another one."""
        peer = self._spawn(setup, folder or self._new_folder())
        try:
            yield peer
            if peer.process.poll() is None:
                peer.stop()
        finally:
            peer.process.kill()
            peer.process.wait()

    def _new_folder(self) -> Path:
        self._started += 1
        folder = self._folder / f"{self.name}-{self._started}"
        folder.mkdir()
        return folder

    def _spawn(self, setup: Setup, folder: Path) -> Peer:
        log_file = folder / "log"
        for _ in range(3):  # the port that was free, or that npm's package draws, may be taken
            with log_file.open("ab") as log:
                process = subprocess.Popen(
                    self._command(setup, folder),
                    cwd=folder,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                    umask=0o022,
                )
            assert process.stdout is not None
            with process.stdout as output:
                urls = output.readline()
            if urls:
                return Peer(process, folder, **json.loads(urls))
            process.wait()
            if "EADDRINUSE" not in log_file.read_text():
                break
        raise RuntimeError(f"the application did not start:\n{log_file.read_text()}")

    def _command(self, setup: Setup, folder: Path) -> list[str]:
        if self.name == "npm":
            given = {"config": _npm_config(setup), "page": str(self._page)}
            return ["node", str(NODE_FOLDER / "interop" / "backend.mjs"), json.dumps(given)]
        ours = {**vars(setup), "database": setup.database or str(folder / "pixstore.db"), "page": str(self._page)}
        return [sys.executable, "-m", "tests.interop.our_app", json.dumps(ours)]


def _npm_config(setup: Setup) -> dict[str, Any]:
    config = {
        "statelessKeyWindowLength": setup.window_ms,
        "defaultEndpointRoute": setup.route,
        # With its default window it also draws its default port.
        "defaultEndpointListenPort": None if setup.window_ms is None else free_port(),
        "defaultEndpointEnabled": not setup.own_endpoint,
    }
    return {name: value for name, value in config.items() if value is not None}


@contextlib.contextmanager
def both_sides(folder: Path) -> Iterator[dict[str, Side]]:
    """Make npm's side and ours, which keep their data below `folder`, together with the page that they serve."""
    page = folder / "page"
    page.mkdir()
    bundle = ["node", str(NODE_FOLDER / "interop" / "bundle.mjs"), str(page)]
    subprocess.run(bundle, check=True, capture_output=True, timeout=60)
    with contextlib.ExitStack() as stack:
        sides = {name: Side(name, table, folder, page) for name, table in (("npm", "image_records"), ("ours", "image"))}
        for side in sides.values():
            stack.callback(side.close)
        yield sides
