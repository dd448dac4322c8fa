"""The targets of the parts `growth`, `backup` and `memory`."""

from collections.abc import Iterator

from . import backup
from .commands import EXPORT, STATS
from .plan import FULL, MB, size_label
from .ratios import Parts, Ratio, Selection, Target, median, ratio

_FEW_IMAGES, _MANY_IMAGES = 1_000, 1_000_000
_SLOW_READERS = 64


def growth_targets(parts: Parts) -> Iterator[Target]:
    """Yield the targets of one operation beside many images, and of the memory of commands."""
    for operation in ("GET", "record", "save"):
        over: Selection = {"what": operation, "images": _MANY_IMAGES}
        under: Selection = {"what": operation, "images": _FEW_IMAGES}
        name = f"one {operation} beside {_MANY_IMAGES:,} images: time against {_FEW_IMAGES:,}"
        yield Target(name, "below", 1.3, "x", ratio(parts.get("growth"), over, under, "seconds"))
    found = parts.get("growth")
    reads = median(found, {"what": "reads", "images": _MANY_IMAGES}, "reads")
    name = f"one GET beside {_MANY_IMAGES:,} images: pages read from the system"
    yield Target(name, "at most", 4.0, "", None if reads is None else Ratio(reads, FULL.rounds))
    for command, count in ((STATS, _MANY_IMAGES), (EXPORT, FULL.exported_images)):
        many, few = (median(found, {"what": command, "stored": n}, "peak_mib") for n in (count, _FEW_IMAGES))
        name = f"`{command}` of {count:,} images: most memory above that of {_FEW_IMAGES:,}"
        measured = None if many is None or few is None else Ratio(many - few, 1)
        yield Target(name, "at most", 16.0, " MiB", measured)


def backup_targets(parts: Parts) -> Iterator[Target]:
    """Yield the targets of the log while images are saved, and of the memory of backups."""
    rows = found.rows if (found := parts.get("backup")) else []

    def most(loads: tuple[str, ...], contestant: str, column: str, scale: int) -> Ratio | None:
        """Return the largest value of these steps."""
        own = [row for row in rows if row["load"] in loads and row["contestant"] == contestant]
        return Ratio(max(float(row[column]) for row in own) / scale, len(own)) if own else None

    for store in (backup.DATABASE, backup.FILES, backup.IN_BUCKET, backup.LITESTREAM):
        log = most((backup.SAVES,), store, "log_bytes", MB)
        yield Target(f"saves of {size_label(backup.SIZE)}, {store}: the log", "at most", 32.0, " MB", log)
    for way in (backup.DATABASE, backup.ONE_FILE, backup.FOLDER, backup.BUCKET):
        used = most((backup.BACKUP, backup.AGAIN, backup.RESTORE), way, "peak_mib", 1)
        yield Target(f"backup and restore, {way}: most memory of a command", "at most", 160.0, " MiB", used)


def memory_targets(parts: Parts) -> Iterator[Target]:
    """Yield the target of the memory of slow readers."""
    row: Selection = {"contestant": "pixstore/uvicorn", "readers": _SLOW_READERS, "size": 20 * MB}
    used = median(parts.get("memory"), row, "above_idle_mib")
    name = f"{_SLOW_READERS} slow readers of 20 MB: memory above idle"
    yield Target(name, "below", 64.0, " MiB", None if used is None else Ratio(used, 1))
