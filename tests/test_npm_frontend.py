"""The published front end of npm's pixstore 3.2.1, unmodified, in Node, against a real server of ours."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import Server, serving
from tests.support import picture

pytestmark = pytest.mark.servers

NODE_TESTS = Path(__file__).parent / "js"


def read_all(node_path: str, server: Server, records: list[Any]) -> list[dict[str, str]]:
    host, port = server.url.removeprefix("http://").split(":")
    script = NODE_TESTS / "npm-frontend.mjs"
    asked = json.dumps({"host": host, "port": int(port), "records": records})
    result = subprocess.run([node_path, script], input=asked, capture_output=True, text=True, check=True, timeout=60)
    answers: list[dict[str, str]] = json.loads(result.stdout)
    return answers


def test_npms_front_end_reads_our_images(tmp_path: Path, node_path: str) -> None:
    """It reads png, webp and jpeg with their types, sees an update through an old record, and a bad proof refused."""

    def save(**query: str) -> Any:
        return httpx.post(f"{server.url}/save", params=query).raise_for_status().json()

    with serving("uvicorn", "wrapped", tmp_path) as server:
        records = [save(kind=kind) for kind in ("png", "webp", "jpeg")]
        old = save(kind="png")
        save(id=old["id"], kind="webp")
        forged = {**save(kind="png"), "statelessProof": records[0]["statelessProof"]}
        missing = {**records[0], "id": "test:nobody"}
        answers = read_all(node_path, server, [*records, old, forged, missing])
    shown = [(answer["type"], base64.b64decode(answer["base64"])) for answer in answers[:4]]
    assert shown == [
        ("image/png", picture("png")),
        ("image/webp", picture("webp")),
        ("image/jpeg", picture("jpeg")),
        ("image/webp", picture("webp")),
    ]
    assert ["InvalidProof" in answer["error"] for answer in answers[4:]] == [True, True]


def test_the_installed_package_is_the_published_one() -> None:
    """The peer is npm's pixstore in the version that the documentation names."""
    package = json.loads((NODE_TESTS / "node_modules" / "pixstore" / "package.json").read_text())
    assert package["version"] == "3.2.1"
