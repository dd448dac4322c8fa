"""The npm package pixstore in a Node process: its endpoint on a port, and commands to it (npm_peer.mjs)."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixstore_asgi import ImageRecord

from .environment import NPM_FOLDER
from .load import Request
from .own_images import image_request
from .processes import free_port, running

_SCRIPT = Path(__file__).with_name("npm_peer.mjs")


@dataclass(frozen=True, slots=True)
class NpmPeer:
    """A running peer, and the process id of its server."""

    port: int
    process: subprocess.Popen[str]
    log_folder: Path

    def call(self, command: str, **arguments: Any) -> Any:
        """Run one command and return its result. Raises RuntimeError where the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"npm pixstore ended on the command {command!r}: see the logs in {self.log_folder}")
        return json.loads(line)

    def record(self, image_id: str) -> ImageRecord:
        """Return a fresh record of an image."""
        return ImageRecord.parse(self.call("record", id=image_id))

    def request(self, record: ImageRecord) -> Request:
        """Return the request that npm's client makes for a record, which escapes the colon of an id."""
        own = image_request(self.port, record)
        return Request(own.port, own.path.replace(":", "%3A"), own.headers)


@contextlib.contextmanager
def npm_peer(folder: Path, core: int | None) -> Iterator[NpmPeer]:
    """Run npm's pixstore with its data in `folder` until the block ends."""
    port = free_port()
    environment = {
        "PIXSTORE_NPM_PORT": str(port),
        "PIXSTORE_NPM_DATA": str(folder),
        "PIXSTORE_NPM_MODULES": str(NPM_FOLDER),
        "NODE_ENV": "production",
    }
    with running(
        ["node", str(_SCRIPT)], port=port, core=core, folder=folder, environment=environment, with_pipes=True
    ) as process:
        yield NpmPeer(port, process, folder)
