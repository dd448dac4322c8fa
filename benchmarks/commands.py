"""The memory of the commands `stats` and `export`, by the number and the size of images."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .big_database import IMAGE_BYTES, BigDatabase
from .own_images import OwnImages
from .plan import Plan
from .runs import Row

STATS, EXPORT = "stats", "export images"
LARGE_IMAGES = 4

_COMMAND = str(Path(sys.executable).with_name("pixstore-asgi"))
_CHILD = str(Path(__file__).with_name("measured_child.py"))


def commands(plan: Plan, databases: Iterable[BigDatabase], folder: Path) -> Iterator[Row]:
    """Run `stats` over each database, and `export images` over those of at most `plan.exported_images` images; then
    both over few large images.
    """
    for database in databases:
        count, secret = len(database.ids), database.secret.decode()
        for command in (STATS, EXPORT) if count <= plan.exported_images else (STATS,):
            yield _row(command, count, IMAGE_BYTES, run_command(command, database.path, secret, folder))
    with OwnImages(folder / "large.db") as images:
        images.save_copies(plan.read_image_bytes, LARGE_IMAGES)
        for command in (STATS, EXPORT):
            used = run_command(command, Path(images.database), images.secret, folder)
            yield _row(command, LARGE_IMAGES, plan.read_image_bytes, used)


def run_command(command: str, database: Path, secret: str, folder: Path) -> Row:
    """Run one of the commands in a process of its own, and return its time, CPU and most memory."""
    target = folder / "exported"
    line = [_COMMAND, *command.split(), "--database", str(database)]
    line += ["--to", str(target)] if command == EXPORT else []
    environment = os.environ | {"PIXSTORE_SECRET": secret}
    done = subprocess.run([sys.executable, _CHILD, *line], capture_output=True, text=True, env=environment, check=False)
    shutil.rmtree(target, ignore_errors=True)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-3000:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return {name: round(measured[name], 3) for name in ("seconds", "cpu_s", "peak_mib")}


def _row(command: str, count: int, size: int, used: Row) -> Row:
    return {"what": command, "stored": count, "size": size, **used}
