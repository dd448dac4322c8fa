"""Fixtures of the stores' tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB, until `resize`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounting.returncode:
        pytest.skip("a small disk needs root and the right to mount: run this as root")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
