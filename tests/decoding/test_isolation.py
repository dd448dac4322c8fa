"""The processes that decode pictures have no secret and no file, and leave no process behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pixstore_asgi.decoding import Decoded
from pixstore_asgi.decoding.handle import ENVIRONMENT
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import encoded, photo, quarters
from tests.decoding.processes import confined_workers, descendants, fork_servers, is_alive, status, wait_until
from tests.decoding.test_decoder import Interrupted
from tests.support.paths import ROOT
from tests.support.samples import SECRET
from tests.support.tools import go_without, require

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")]

OPENED_TO_WRITE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|memfd_create|creat\(|shm_open")


@contextmanager
def application(tmp_path: Path, *under: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the application, once it has decoded its first picture."""
    picture = tmp_path / "picture"
    picture.write_bytes(photo(1200, 900))
    command = [*under, sys.executable, "-B", "-m", "tests.decoding.application", str(picture), "jpeg"]
    # Measuring coverage would write files of its own.
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=unmeasured,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "decoded\n"
            yield process
        finally:
            process.kill()


async def test_no_secret_is_in_the_environment(make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork server and workers have only the settings of malloc in their environment."""
    monkeypatch.setenv("PIXSTORE_SECRET", SECRET)
    decoder = make_decoder()
    seen: list[bytes] = []

    def look() -> None:
        pids = [*fork_servers(), *(confined_workers() if os.geteuid() == 0 else [])]  # others may not look into workers
        seen.extend(Path(f"/proc/{pid}/environ").read_bytes() for pid in pids)

    await decoder.decode(Interrupted(look), "jpeg")
    assert seen
    (setting,) = ENVIRONMENT.items()
    assert set(seen) == {"=".join(setting).encode() + b"\0"}


async def test_the_package_s_own_secrets_are_not_even_loaded(make_decoder: MakeDecoder) -> None:
    """The fork server has neither the cipher nor the web framework loaded."""
    decoder = make_decoder()
    await decoder.decode([encoded(quarters(), "png")], "png")
    loaded = Path(f"/proc/{fork_servers()[0]}/maps").read_text()
    assert "PIL" in loaded
    assert "cryptography" not in loaded
    assert "sqlite" not in loaded


async def test_a_child_has_its_link_alone(make_decoder: MakeDecoder) -> None:
    """Of all that application and fork server have open, a worker has one socket, and /dev/null to write to."""
    if os.geteuid() != 0:
        go_without("only root may look into a worker")
    decoder = make_decoder(processes=3)
    found: dict[str, str] = {}

    def look() -> None:
        folder = Path(f"/proc/{confined_workers()[0]}/fd")
        wait_until(lambda: "2" not in os.listdir(folder))  # standard error is closed last
        found.update({entry.name: os.readlink(entry) for entry in folder.iterdir()})

    await decoder.decode(Interrupted(look), "jpeg")
    assert found.pop("0").startswith("socket:")
    assert found == {"1": "/dev/null"}


async def test_a_child_can_open_and_start_nothing(make_decoder: MakeDecoder) -> None:
    """The kernel lets it write no file, open nothing, start no process, and use no more than its time and memory."""
    decoder = make_decoder(max_cpu_s=7, max_memory_bytes=123 * 1024 * 1024)
    limits: dict[str, tuple[str, str]] = {}

    def look() -> None:
        for line in Path(f"/proc/{confined_workers()[0]}/limits").read_text().splitlines()[1:]:
            name, soft, hard, *_ = re.split(r"\s{2,}", line)
            limits[name] = (soft, hard)

    await decoder.decode(Interrupted(look), "jpeg")
    for name in ("Max file size", "Max core file size", "Max processes", "Max open files"):
        assert limits[name] == ("0", "0"), name
    assert limits["Max cpu time"] == ("7", "8")
    assert 123 * 1024 * 1024 < int(limits["Max address space"][0]) < 400 * 1024 * 1024


async def test_the_helper_is_of_one_thread(make_decoder: MakeDecoder) -> None:
    """It may fork, because it has no other thread that could hold a lock in the worker forever."""
    decoder = make_decoder()
    await decoder.decode([encoded(quarters(), "avif")], "avif")
    assert status(fork_servers()[0], "Threads") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_helper_lives_as_long_as_its_application(make_decoder: MakeDecoder, number: signal.Signals) -> None:
    """Signals that all processes get at once when a service ends do not take it from pictures under way."""
    decoder = make_decoder()
    await decoder.decode([encoded(quarters(), "png")], "png")
    (server,) = fork_servers()
    os.kill(server, number)
    assert await decoder.decode([encoded(quarters(), "png")], "png") == Decoded(60, 40)
    assert fork_servers() == [server]


@pytest.mark.slow
def test_a_killed_application_leaves_no_process(tmp_path: Path) -> None:
    """After kill -9, in the middle of a picture, fork server and workers end too."""
    with application(tmp_path) as process:
        wait_until(lambda: len(descendants(process.pid)) > 1)
        left = descendants(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_alive, left)))


@pytest.mark.slow
def test_a_killed_application_leaves_no_child_that_hangs(tmp_path: Path) -> None:
    """Not even one that was stopped."""
    with application(tmp_path) as process:
        stopped = confined_workers(process.pid)[0]
        os.kill(stopped, signal.SIGSTOP)
        left = fork_servers(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(map(is_alive, [stopped, *left])))


@pytest.mark.slow
def test_nothing_of_a_picture_comes_to_a_disk(tmp_path: Path) -> None:
    """Application and fork server open only /dev/null to write, and workers open no file at all."""
    strace = require("strace", "strace")
    calls = tmp_path / "calls"
    traced = "trace=open,openat,openat2,creat,memfd_create,mknod,mknodat,rename,renameat2,link,linkat,prctl"
    with application(tmp_path, strace, "-f", "-qq", "-e", traced, "-o", str(calls)) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
    lines = calls.read_text().splitlines()
    in_children = {line.split()[0] for line in lines if "PR_SET_NO_NEW_PRIVS" in line}
    assert in_children
    assert not [line for line in lines if line.split()[0] in in_children and "prctl" not in line]
    assert [line for line in lines if OPENED_TO_WRITE.search(line) and "/dev/null" not in line] == []
