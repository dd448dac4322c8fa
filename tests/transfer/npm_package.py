"""The published npm package pixstore, run in Node: its back end as a process of its own, its front end as one page."""

import base64
import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.paths import TESTS

SCRIPTS = TESTS / "js"


@dataclass
class Backend:
    """A running back end over one database and folder."""

    process: subprocess.Popen[str]
    url: str

    def save(self, image: bytes, directory: str | None = None) -> Any:
        return self._call("save", image=base64.b64encode(image).decode(), directory=directory)

    def update(self, image_id: str, image: bytes) -> Any:
        return self._call("update", id=image_id, image=base64.b64encode(image).decode())

    def record(self, image_id: str) -> Any:
        return self._call("record", id=image_id)

    def _call(self, call: str, **values: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, **values}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer["result"]


@contextmanager
def backend(node_path: str, database: Path, images: Path, formats: Sequence[str] | None = None) -> Iterator[Backend]:
    """Run a back end until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [node_path, str(SCRIPTS / "moving" / "backend.mjs")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        running = Backend(process, f"http://127.0.0.1:{port}/pixstore-image")
        running._call("start", database=str(database), images=str(images), port=port, formats=formats)
        yield running
        assert process.stdin is not None
        process.stdin.close()


def page(node_path: str, visits: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Show images in one page: each visit is a record, and the URL of the images. Return the received images."""
    asked = json.dumps([{"url": url, "record": record} for url, record in visits])
    command = [node_path, str(SCRIPTS / "moving" / "page.mjs")]
    result = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=60)
    answers: list[dict[str, Any]] = json.loads(result.stdout)
    return [{**a, "image": base64.b64decode(a.pop("base64"))} if "base64" in a else a for a in answers]
