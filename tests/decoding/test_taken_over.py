"""A decoder that runs hostile code: the kernel denies the process everything but its link."""

import os
import sys
from pathlib import Path

import pytest

from pixstore_asgi.decoding import handle
from pixstore_asgi.decoding.sandbox import Sandbox
from tests.decoding.conftest import MakeDecoder
from tests.decoding.made import FORMATS, encoded, photo, quarters
from tests.support.tools import go_without

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")]

PICTURE = encoded(quarters(), "jpeg")

# Instead of decoding, a worker tries these. Each bit of its picture's width tells of one whether it was refused.
ATTEMPTS = """
import ctypes, errno, os, signal, socket
from pixstore_asgi.decoding import worker
from pixstore_asgi.decoding.task import Decoded

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def memory_of(pid):
    own = ctypes.create_string_buffer(8)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(own), 8)
    if libc.process_vm_readv(pid, vector, 1, vector, 1, 0) < 0:
        raise OSError(ctypes.get_errno(), "")

def forked():
    if os.fork() == 0:
        os._exit(0)

FOLDER, APPLICATION, FORK_SERVER = {folder!r}, {application}, os.getpid()
victim = FOLDER + "/victim"
tries = {
    "read": lambda: os.open(victim, os.O_RDONLY),
    "write": lambda: os.open(victim, os.O_WRONLY),
    "create": lambda: os.open(FOLDER + "/new", os.O_CREAT | os.O_WRONLY),
    "truncate": lambda: os.truncate(victim, 0),
    "rename": lambda: os.rename(victim, victim + "2"),
    "unlink": lambda: os.unlink(victim),
    "mkdir": lambda: os.mkdir(FOLDER + "/made"),
    "link": lambda: os.symlink(victim, FOLDER + "/linked"),
    "signal to the application": lambda: os.kill(APPLICATION, 0),
    "signal to the fork server": lambda: os.kill(FORK_SERVER, 0),
    "memory of the application": lambda: memory_of(APPLICATION),
    "memory of the fork server": lambda: memory_of(FORK_SERVER),
    "chmod": lambda: os.chmod(victim, 0),
    "times": lambda: os.utime(victim, (0, 0)),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.socket(),
    "fork": forked,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "limits of the application": lambda: call(302, APPLICATION, 0, None, None),
    "urgency of the application": lambda: os.setpriority(os.PRIO_PROCESS, APPLICATION, 19),
    "descriptors of the application": lambda: call(434, APPLICATION, 0),
    "memory as a file": lambda: os.memfd_create("x"),
    "io_uring": lambda: call(425, 1, ctypes.create_string_buffer(120)),
    "bpf": lambda: call(321, 0, None, 0),
}

def decode(*_):
    refused = 0
    for number, attempt in enumerate(tries.values()):
        try:
            attempt()
        except OSError as error:
            refused |= (error.errno in (errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMFILE)) << number
    return Decoded(1 + refused, 1)

worker.decode = decode
"""
NAMES = [line.split('"')[1] for line in ATTEMPTS.splitlines() if line.startswith('    "')]
BY_LANDLOCK = NAMES[: NAMES.index("memory of the fork server") + 1]


async def not_refused(
    make_decoder: MakeDecoder, folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = ""
) -> list[str]:
    """Return the operations that succeed in a worker that runs the attacker's code."""
    victim = folder / "victim"
    victim.write_bytes(b"content")
    attempts = ATTEMPTS.replace("{folder!r}", repr(str(folder))).replace("{application}", str(os.getpid()))
    monkeypatch.setattr(handle, "_BOOT", handle._BOOT.replace("main(", f"{attempts}{more}\nmain("))
    refused = (await make_decoder().decode([PICTURE], "jpeg")).width - 1
    assert victim.read_bytes() == b"content"
    assert os.listdir(folder) == ["victim"]
    return [name for number, name in enumerate(NAMES) if not refused >> number & 1]


async def test_a_decoder_that_is_taken_over_can_do_nothing(
    make_decoder: MakeDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches no file, no socket, no other process, and starts none."""
    if not Sandbox().has_seccomp:
        go_without("this kernel has no seccomp filters")
    assert await not_refused(make_decoder, tmp_path, monkeypatch) == []


async def test_landlock_alone_keeps_files_and_other_processes(
    make_decoder: MakeDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where system calls can't be filtered, files, signals and memory are refused all the same."""
    if Sandbox().landlock < 6:
        go_without("this kernel has no Landlock, or one before version 6")
    tries = "for name in [*tries][12:]: tries[name] = lambda: None\n"
    off = "from pixstore_asgi.decoding.sandbox import Sandbox\nSandbox.deny_calls = lambda self: None\n"
    assert set(await not_refused(make_decoder, tmp_path, monkeypatch, tries + off)).isdisjoint(BY_LANDLOCK)


async def test_without_both_pictures_are_decoded(make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has neither is used all the same."""
    off = (
        "from pixstore_asgi.decoding import sandbox\n"
        "sandbox.Sandbox.__init__ = lambda self: self.__dict__.update(landlock=0, has_seccomp=False)\n"
    )
    monkeypatch.setattr(handle, "_BOOT", handle._BOOT.replace("main(", f"{off}main("))
    decoder = make_decoder()
    for kind in FORMATS:
        assert (await decoder.decode([encoded(quarters(), kind)], kind)).width == 60


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif"])
async def test_nothing_that_decoding_needs_is_refused(
    make_decoder: MakeDecoder, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The system calls that are left are enough: if one more is called, the test fails."""
    if not Sandbox().has_seccomp:
        go_without("this kernel has no seccomp filters")
    fatal = (
        "from pixstore_asgi.decoding import sandbox\nsandbox._RETURN_ERRNO = 0x80000000\n"  # SECCOMP_RET_KILL_PROCESS
    )
    monkeypatch.setattr(handle, "_BOOT", handle._BOOT.replace("main(", f"{fatal}main("))
    assert (await make_decoder(placeholder=True).decode([photo(1200, 900, kind)], kind)).width == 1200
