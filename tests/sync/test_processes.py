"""SyncPixstore in whole processes: scripts, forks, consoles, interrupted calls, and the routes of real servers."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif((3, 12) <= sys.version_info < (3, 12, 2), reason="this Python starts no thread at its end"),
]

BEGIN = """
import _thread, asyncio, io, os, signal, sys, threading, time
os.register_at_fork(after_in_parent=lambda: after_a_fork())  # runs before the package's own
after_a_fork = lambda: None
from pixstore_asgi import Pixstore
from pixstore_asgi.sync import SyncPixstore
from tests.support.samples import SECRET, large_png, picture
signal.signal(signal.SIGINT, signal.default_int_handler)  # in a shell's background job, Python ignores it
folder = sys.argv[1]
images = SyncPixstore(Pixstore(f"{folder}/pixstore.db", blobs=f"{folder}/bodies", secret=SECRET))
"""


def script(folder: Path, text: str, *, warnings: str = "error") -> subprocess.Popen[str]:
    command = [sys.executable, "-W", warnings, "-W", "ignore::DeprecationWarning", "-c", BEGIN + text, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def output(process: subprocess.Popen[str], stdin: str = "") -> str:
    said, _ = process.communicate(stdin, timeout=60)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("end", ["", "threading.Thread(target=images.ping).start()"])
def test_a_script_ends(tmp_path: Path, end: str) -> None:
    """A script that leaves a store with bodies in files open ends without a warning, also while a thread calls."""
    saved = "record = images.save_image(large_png(3_000_000)); print(images.image_exists(record.id));"
    assert output(script(tmp_path, saved + end)) == "True\n"
    assert not (tmp_path / "pixstore.db-wal").exists()  # the end of the event loop closed the store


def test_a_forked_worker(tmp_path: Path) -> None:
    """After a fork, as of Celery's or gunicorn's workers, the child and the parent both go on, and both end."""
    text = """
record = images.save_image(picture())
busy = threading.Thread(target=lambda: [images.get_image_record(record.id) for _ in range(200)])
busy.start()
children = []
for number in range(4):
    if not (pid := os.fork()):
        images.save_image(picture(seed=number))
        assert images.get_image_record(record.id)
        sys.exit(0)  # unlike os._exit, it runs what the parent has registered for its end
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
busy.join()
print(len(images.list_images()))
"""
    assert output(script(tmp_path, text)) == "5\n"


def test_a_fork_during_a_write(tmp_path: Path) -> None:
    """A fork waits for the write that another thread is in, so that the child can write, too."""
    text = """
writing, forking = threading.Event(), threading.Event()
def now():
    in_a_write = threading.current_thread() is not threading.main_thread() and not asyncio._get_running_loop()
    if forking.is_set() and in_a_write:
        writing.set()
        time.sleep(0.3)  # the main thread forks meanwhile
    return time.time_ns() // 1_000_000
from pixstore_asgi.store.sqlite import SqliteStore
images = SyncPixstore(Pixstore(SqliteStore(f"{folder}/pixstore.db", clock_ms=now, busy_timeout_s=1), secret=SECRET))
images.save_image(picture())
forking.set()
saving = threading.Thread(target=images.save_image, args=[picture()])
saving.start()
assert writing.wait(30)
child = os.fork()
forking.clear()
if not child:
    images.save_image(picture())
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
saving.join()
print(len(images.list_images()))
"""
    assert output(script(tmp_path, text)) == "3\n"


def test_a_fork_during_a_read(tmp_path: Path) -> None:
    """A fork waits for the read that another thread is in, because SQLite may hold a mutex that the child needs.

    The event loop goes on meanwhile.
    """
    text = """
from pixstore_asgi.store.sqlite import engine
from pixstore_asgi.sync.loops import run_on_loop
reading, query, has_read = threading.Event(), engine.query, []
def slow_query(*args, **kwargs):
    reading.set()
    time.sleep(0.1)  # the main thread forks meanwhile
    looked = threading.Event()
    run_on_loop(lambda: (store.read_nowait(record.id), looked.set()))
    assert looked.wait(30)  # the event loop does not wait for the fork
    has_read.append(True)
    return query(*args, **kwargs)
from pixstore_asgi.store.sqlite import SqliteStore
store = SqliteStore(f"{folder}/pixstore.db")
images = SyncPixstore(Pixstore(store, secret=SECRET))
record = images.save_image(picture())
engine.query = slow_query
listing = threading.Thread(target=images.list_images)
listing.start()
assert reading.wait(30)
if not (child := os.fork()):
    os._exit(0 if has_read else 1)
assert os.waitpid(child, 0)[1] == 0
listing.join()
"""
    assert output(script(tmp_path, text)) == ""


def test_an_interrupted_fork(tmp_path: Path) -> None:
    """A signal handler that raises just before or after a fork stops no later write."""
    text = """
interrupt = _thread.interrupt_main  # the next Python function of the main thread raises KeyboardInterrupt
sys.unraisablehook = lambda _: None  # Python ignores errors of functions that it calls around a fork
images.save_image(picture())
os.register_at_fork(before=lambda: before_a_fork())
for before_a_fork, after_a_fork in [(interrupt, lambda: None), (lambda: None, interrupt)]:
    try:
        if not (child := os.fork()):
            images.save_image(picture())
            sys.exit(0)
        os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.waitpid(child, 0)
    images.save_image(picture())
print(len(images.list_images()))
"""
    assert output(script(tmp_path, text)) == "5\n"


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C during a save cancels it: KeyboardInterrupt is raised, nothing is stored, and the process ends.

    In the second save the signal does not wake the thread that waits.
    """
    text = """
def slow():
    yield picture()[:100]
    os.kill(os.getpid(), signal.SIGINT)
    yield picture()[100:]
try:
    images.save_image(slow())
except KeyboardInterrupt:
    print("interrupted", images.list_images())

async def stalled():
    yield picture()[:100]
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    await __import__("asyncio").sleep(60)
try:
    images.save_image(stalled())
except KeyboardInterrupt:
    print("interrupted", images.list_images())
"""
    assert output(script(tmp_path, text)) == "interrupted []\n" * 2


def test_too_many_open_files(tmp_path: Path) -> None:
    """If the event loop can't start, each call says so, and later calls work."""
    text = """
import resource
from pixstore_asgi import StoreError
most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
for _ in range(2):
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        images.ping()
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
print(images.list_images())
"""
    refused = "SyncPixstore can't start its event loop: [Errno 24] Too many open files\n"
    said = output(script(tmp_path, text, warnings="default")).splitlines(keepends=True)
    assert [line for line in said if "Errno" in line] == [refused] * 2
    assert said[-1] == "[]\n"


def test_a_console_with_an_event_loop(tmp_path: Path) -> None:
    """In a console that runs an event loop, as notebooks do, calls work; in a plain event loop they do not."""
    lines = (
        BEGIN.replace("sys.argv[1]", repr(str(tmp_path)))
        + "images.save_image(picture()).token > 0\nimport asyncio; asyncio.get_running_loop().is_running()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "asyncio"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = output(process, lines)
    assert said.count("True") == 2
