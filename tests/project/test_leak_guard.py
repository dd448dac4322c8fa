"""The guard that searches the output of every test for keys, proofs and secrets finds a leak in each place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

LEAKING = """
import base64, logging, os, subprocess, sys

import click, httpx, pytest
from click.testing import CliRunner

from pixstore_asgi import ImageRecord, PixstoreError
from pixstore_asgi.cli.commands import commands
from pixstore_asgi.core.images import Unwrapped
from tests.demo import process
from tests.support import servers
from tests.support.samples import OTHER_SECRET, SECRET

KEY = bytes(range(200, 232))
PROOF = base64.b64encode(bytes(range(220, 256))).decode()
FIELDS = dict(
    id="a", token=1, iv=bytes(12), tag=bytes(16), unwrapped=Unwrapped(KEY), proof=PROOF, proof_expires_at=None
)
SPELLINGS = [
    SECRET, OTHER_SECRET, PROOF, base64.urlsafe_b64encode(bytes(range(220, 256))).decode(),
    KEY.hex(), KEY.hex().upper(), repr(KEY), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode(),
    base64.b64encode(KEY).decode().rstrip("="), base64.urlsafe_b64encode(KEY).decode().rstrip("="),
    base64.b64encode(SECRET.encode()).decode(),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with servers.serving("uvicorn", "from_store", tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.mark.parametrize("text", SPELLINGS, ids=range(len(SPELLINGS)))
def test_spelling(text):
    ImageRecord.create(**FIELDS)
    print(text)


def test_parsed_record():
    parsed = {"id": "a", "token": 1, "statelessProof": PROOF}
    parsed["meta"] = {"key": base64.b64encode(KEY).decode(), "iv": "A" * 16, "tag": "A" * 22 + "=="}
    print(bytes(ImageRecord.parse(parsed).key))


def test_log():
    logging.getLogger("pixstore_asgi").debug("%s", SECRET)


def test_error():
    PixstoreError(SECRET)


def test_stderr():
    print(SECRET, file=sys.stderr)


def test_descriptor():
    os.write(2, SECRET.encode())


def test_fixture(tmp_path, request):
    request.addfinalizer(lambda: print(SECRET))


def test_caught(capsys):
    click.echo(SECRET)
    capsys.readouterr()


def test_caught_descriptor(capfdbinary):
    os.write(1, SECRET.encode())
    capfdbinary.readouterr()


def test_runner():
    CliRunner().invoke(commands, ["serve", "--database", SECRET])


def test_inherited():
    subprocess.run([sys.executable, "-c", f"print('{SECRET}')"], check=True)


def test_stderr_of_a_helper():
    subprocess.run([sys.executable, "-c", f"import sys; sys.exit('{SECRET}')"], capture_output=True)


def test_stderr_of_a_command(tmp_path):
    process.run("serve", "--database", str(tmp_path / SECRET))


@pytest.mark.parametrize(
    "command",
    [[sys.executable, "-c", f"import pixstore_asgi.cli; print('{SECRET}')"], ["echo", "/bin/pixstore-asgi", SECRET]],
    ids=["module", "program"],
)
def test_stdout_of_a_command(command):
    subprocess.run(command, stdout=subprocess.PIPE, check=True)


def test_command_that_serves(tmp_path):
    with process.running("serve", "--create", "--port", "0", "--database", str(tmp_path / SECRET), secret=SECRET):
        pass


def test_server(tmp_path):
    with servers.serving("uvicorn", "from_store", tmp_path) as server:
        httpx.get(f"{server.url}/{SECRET}")


def test_shared_server(shared):
    httpx.get(f"{shared.url}/{SECRET}")
"""
SILENT = """
def test_answer_of_a_helper():
    subprocess.run([sys.executable, "-c", f"print('{SECRET}')"], stdout=subprocess.PIPE, check=True)


def test_id_and_token():
    print(ImageRecord.create(**FIELDS), "a" * 99, base64.b64encode(bytes(16)))


def test_new_secret():
    assert process.run("secret").stdout


def test_another_server_of_the_same_module(shared):
    httpx.get(f"{shared.url}/nothing")
"""


def test_a_leak_in_any_place_fails_its_test(tmp_path: Path) -> None:
    """A test that passes and leaks a key, proof or secret then fails; a test without a leak passes."""
    planted = tmp_path / "test_planted.py"
    planted.write_text(LEAKING + SILENT)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rpE", "--tb=no"]
    done = subprocess.run([*command, planted], capture_output=True, text=True, check=False, cwd=ROOT)
    passed = set(re.findall(r"^PASSED .*::(test_\S+)", done.stdout, re.MULTILINE))
    failed = set(re.findall(r"^ERROR .*::(test_\S+)", done.stdout, re.MULTILINE))
    assert passed - failed == set(re.findall(r"def (test_\w+)", SILENT))
    assert {name.partition("[")[0] for name in failed} == set(re.findall(r"def (test_\w+)", LEAKING))
    assert failed <= passed
