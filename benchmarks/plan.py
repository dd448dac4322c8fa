"""The measurements of a run and their length: the full plan, and the quick one for tests."""

from dataclasses import dataclass, field
from typing import Any

KB, MB = 1_000, 1_000_000

PARTS = (
    "in-process",
    "servers",
    "saves",
    "growth",
    "backup",
    "memory",
    "stores",
    "pictures",
    "browser",
    "scroll",
    "slow-line",
    "sealed-records",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes in bytes, times in seconds. Ratios are medians over `rounds` pairs measured side by side.

    few_rounds: for parts in which the median of any three rounds was within 5 % of the median of five, and for ratios
    that are far from their bounds.
    """

    name: str = "full"
    rounds: int = 5
    few_rounds: int = 3
    image_sizes: tuple[int, ...] = (30 * KB, 370 * KB, 3_800 * KB, 20 * MB)
    connections: tuple[int, ...] = (16,)
    gallery_sizes: tuple[int, ...] = (30 * KB, 370 * KB, 3_800 * KB)
    gallery_images: int = 2_000
    gallery_bytes: int = 740 * MB
    asgi_servers: tuple[str, ...] = ("uvicorn", "granian")
    load_s: int = 1
    warm_s: int = 1
    sealed_sizes: tuple[int, ...] = (1 * KB, 50 * KB, 500 * KB, 5 * MB)
    timer_options: tuple[str, ...] = ("--processes=1", "--values=5", "--warmups=1", "--min-time=0.1")
    rival_s: int = 1
    saves_sizes: tuple[int, ...] = (30 * KB, 370 * KB, 3_800 * KB, 20 * MB)
    saves_s: float = 1.0
    saves_jpeg_sizes: tuple[int, ...] = (30 * KB, 3_800 * KB)
    concurrent_saves: tuple[int, ...] = (1, 16)
    stored_images: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    exported_images: int = 100_000
    growth_samples: int = 300
    log_saves: int = 2_000
    backup_images: int = 1_000
    bucket_images: int = 200
    readers: int = 64
    read_image_bytes: int = 20 * MB
    read_s: float = 10.0
    stores_sizes: tuple[int, ...] = (30 * KB, 370 * KB, 3_800 * KB)
    stores_first_bytes: int = 20
    stores_saves_s: float = 0.3
    stores_rows: int = 1_000_000
    stores_readers: int = 32
    stores_read_s: float = 3.0
    photo_size: tuple[int, int] = (4_000, 3_000)  # pixels
    photos_rounds: int = 3
    photos_at_once: tuple[int, ...] = (1, 4, 16)
    photos_saved: int = 8
    photos_formats: tuple[str, ...] = ("jpeg", "webp", "png", "avif")
    photos_copied: float = 40.0  # megapixels
    photos_timed_s: float = 0.3
    photos_padded: int = 10_000
    photos_page: int = 100
    browser_sizes: tuple[int, ...] = (50 * KB, 500 * KB, 5 * MB)
    browser_read_bytes: int = 15 * MB
    browser_reloads: int = 3
    browser_at_once: int = 100
    browser_held: int = 10
    browser_wait_ms: int = 3_000
    browser_cached: int = 1_000
    browser_evicted_size: int = 500 * KB
    sealed_record_reads: int = 12
    sealed_record_answers: int = 200
    scroll_images: int = 1_000
    scroll_pixels_per_frame: int = 30
    webkit_pixels_per_frame: int = 60
    webkit_most_images: int = 8_000
    slow_line_rounds: int = 3
    slow_line_images: int = 50
    slow_line_is_slow: bool = True
    case: str | None = None

    def has_case(self, name: str) -> bool:
        """Return whether a case is to be measured: all are, unless the command names one."""
        return self.case in (None, name)

    def gallery_count(self, size: int) -> int:
        """Return how many images of a size a gallery has: fewer large ones, for the disk's sake."""
        return min(self.gallery_images, self.gallery_bytes // size)

    def browser_reads(self, size: int) -> int:
        """Return how many images of a size are read one after another."""
        return max(min(self.browser_read_bytes // size, 10), 1)


FULL = Plan()
QUICK = Plan(
    name="quick",
    rounds=1,
    few_rounds=1,
    image_sizes=(30 * KB,),
    connections=(16,),
    gallery_sizes=(30 * KB, 1_200 * KB),
    gallery_images=80,
    asgi_servers=("uvicorn",),
    load_s=1,
    warm_s=0,
    sealed_sizes=(500 * KB,),
    timer_options=("--worker", "--values=1", "--warmups=1", "--loops=20"),  # all cases in one process
    saves_sizes=(30 * KB, 1_200 * KB),
    saves_jpeg_sizes=(30 * KB, 1_200 * KB),
    saves_s=0.3,
    concurrent_saves=(16,),
    stored_images=(100, 500),
    exported_images=100,
    growth_samples=20,
    log_saves=50,
    backup_images=8,
    bucket_images=4,
    readers=8,
    read_image_bytes=4 * MB,
    read_s=0.5,
    stores_sizes=(30 * KB, 1_200 * KB),
    stores_first_bytes=3,
    stores_saves_s=0.2,
    stores_rows=2_000,
    stores_readers=4,
    stores_read_s=0.5,
    photo_size=(1_600, 1_200),
    photos_rounds=1,
    photos_at_once=(2,),
    photos_saved=2,
    photos_formats=("jpeg",),
    photos_copied=2.0,
    photos_timed_s=0.02,
    photos_padded=500,
    photos_page=8,
    browser_sizes=(50 * KB,),
    browser_read_bytes=100 * KB,
    browser_reloads=1,
    browser_at_once=5,
    browser_held=2,
    browser_wait_ms=10,
    browser_cached=55,
    browser_evicted_size=5 * KB,
    sealed_record_reads=2,
    sealed_record_answers=3,
    scroll_images=60,
    scroll_pixels_per_frame=10,
    webkit_pixels_per_frame=10,
    webkit_most_images=60,
    slow_line_rounds=1,
    slow_line_images=30,
    slow_line_is_slow=False,
)


@dataclass(slots=True)
class Findings:
    """The results of one part: flat rows, one per measurement, and the reasons for missing measurements.

    environment: the result of `environment.describe` at the time. timing: that of `environment.timed`.
    """

    rows: list[dict[str, float | int | str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, float | str] = field(default_factory=dict)


def size_label(size: int) -> str:
    """Return a size in words, e.g. "370 KB" or "3.8 MB"."""
    return f"{size / MB:.4g} MB" if size >= MB else f"{size / KB:.4g} KB"


def size_name(size: int) -> str:
    """Return a size as in the name of a case, e.g. "3.8MB"."""
    return size_label(size).replace(" ", "")
