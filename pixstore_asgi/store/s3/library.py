"""obstore, with threads that this process has."""

import atexit
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import obstore
import obstore.exceptions
import obstore.store

from ...errors import StoreError
from ...process import generation, no_fork
from ...threads import Lock

_LAST_WORDS_S = 0.2
_COMPILED = "obstore._obstore"
_COMPILED_FILE = str(sys.modules[_COMPILED].__file__)

_loaded: dict[int, ModuleType] = {}  # keys: the generations of this process and its ancestors that use obstore
_lock = Lock()


def library() -> Any:
    """Return obstore with its modules `store` and `exceptions`. Raises StoreError.

    Its threads start in the process that calls this function first. A fork does not copy them: in the child, each
    request of the parent's obstore would wait forever, also one of a new client.
    """
    if found := _loaded.get(generation()):
        return found
    with no_fork(), _lock:
        if not _loaded:
            # Give the threads time to finish before the interpreter exits. If a thread asks for Python's lock after the
            # exit, the process aborts (SIGABRT). obstore does not tell when its threads have finished.
            atexit.register(time.sleep, _LAST_WORDS_S)
        if generation() not in _loaded:
            _loaded[generation()] = _another() if _loaded else obstore
        return _loaded[generation()]


def _another() -> ModuleType:
    """Import obstore once more, from a copy of its compiled module, which has variables and threads of its own.

    The copy stays in `sys.modules`, because parts of obstore import others when they are first used.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        del sys.modules[name]
    try:
        with _copied(_COMPILED_FILE) as copy:
            loader = ExtensionFileLoader(_COMPILED, copy)
            spec = spec_from_file_location(_COMPILED, copy, loader=loader)
            assert spec is not None
            sys.modules[_COMPILED] = module_from_spec(spec)
            loader.exec_module(sys.modules[_COMPILED])
    except (OSError, ImportError) as error:
        raise StoreError(
            "the bucket was used before a fork, and obstore can't be loaded once more in the forked process "
            f"({type(error).__name__}): use it in each worker process only, not before the fork"
        ) from error
    package = importlib.import_module("obstore")
    for name in ("store", "exceptions"):
        importlib.import_module(f"obstore.{name}")
    return package


@contextmanager
def _copied(path: str) -> Iterator[str]:
    """Copy a file, to memory if the system can. The system would recognise a link to a library that it has loaded, and
    a name that it has loaded before.
    """
    with open(path, "rb") as source:
        if hasattr(os, "memfd_create"):
            with open(os.memfd_create("obstore"), "wb") as copy:
                copy.write(source.read())
                copy.flush()
                yield f"/proc/{os.getpid()}/fd/{copy.fileno()}"
        else:
            with tempfile.NamedTemporaryFile(suffix=".so") as copy:
                copy.write(source.read())
                copy.flush()
                yield copy.name
