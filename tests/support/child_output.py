"""The output of the processes that tests start: files, stderr, and the command line's stdout."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import IO, Any

import pytest


class ChildOutput:
    """Collects the output of child processes.

    Servers print to files, which are followed from their start, also when they are deleted meanwhile. What goes to
    pipes is had from `communicate`, which `subprocess.run` calls too. There the stdout of a process that is not the
    command line is left out: it is a helper's answer to its test, and may be a record.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._followed: list[tuple[subprocess.Popen[Any], IO[bytes]]] = []

    def take(self) -> list[str]:
        """Return the output since the last call."""
        texts, self._texts = self._texts, []
        for process, file in list(self._followed):
            has_ended = process.poll() is not None
            texts.append(_text(file.read()))
            if has_ended:
                file.close()
                self._followed.remove((process, file))
        return texts

    def started(self, process: subprocess.Popen[Any], streams: dict[str, Any]) -> None:
        """Follow the files among the streams that a process was given."""
        names = {getattr(streams.get(stream), "name", None) for stream in ("stdout", "stderr")}
        paths = [Path(name) for name in names if isinstance(name, str)]
        self._followed += [(process, path.open("rb")) for path in paths if path.is_file()]

    def close(self) -> None:
        """Follow nothing any more."""
        for _, file in self._followed:
            file.close()

    def ended(self, process: subprocess.Popen[Any], output: str | bytes | None, errors: str | bytes | None) -> None:
        """Take the output that a process wrote to pipes."""
        self._texts.append(_text(errors))
        if _is_command_line(process.args):
            self._texts.append(_text(output))


@contextmanager
def child_output() -> Iterator[ChildOutput]:
    """Collect the output of the processes that start within the block."""
    collected = ChildOutput()
    start, communicate = subprocess.Popen.__init__, subprocess.Popen.communicate

    @wraps(start)
    def noted_start(self: subprocess.Popen[Any], *args: Any, **options: Any) -> None:
        start(self, *args, **options)
        collected.started(self, options)

    @wraps(communicate)
    def noted_communicate(self: subprocess.Popen[Any], *args: Any, **options: Any) -> tuple[Any, Any]:
        output, errors = communicate(self, *args, **options)
        collected.ended(self, output, errors)
        return output, errors

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subprocess.Popen, "__init__", noted_start)
        patched.setattr(subprocess.Popen, "communicate", noted_communicate)
        yield collected
    collected.close()


def _is_command_line(arguments: Any) -> bool:
    words = [str(arguments)] if isinstance(arguments, str | Path) else [str(word) for word in arguments]
    return any("pixstore_asgi.cli" in word or Path(word).name == "pixstore-asgi" for word in words)


def _text(printed: str | bytes | None) -> str:
    return printed.decode(errors="replace") if isinstance(printed, bytes) else printed or ""
