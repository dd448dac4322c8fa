"""What a decoder does with every picture, and how far it may go: written down for the processes that do it."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from ..errors import ConfigError
from .variants import Variant

DEFAULT_MAX_PIXELS = 100_000_000
DEFAULT_MAX_TOTAL_PIXELS = 1_000_000_000  # 1,000 frames of 1280 by 720 have 921,600,000
DEFAULT_MAX_FRAMES = 1_000
MAX_SCANS = 100  # encoders make about ten; for each one a decoder goes through all pixels
DEFAULT_MAX_CPU_S = 20
DEFAULT_MAX_WALL_S = 60
DEFAULT_MAX_MEMORY_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may take. Raises ConfigError for what can't be.

    max_pixels: width times height of one frame. max_total_pixels: of all frames of an animation together, each as large
    as its canvas, since that is what each costs however little it changes. max_frames: of an animation. max_cpu_s:
    processor time, in whole seconds. max_wall_s: seconds from its first byte to its answer. max_memory_bytes: of one
    process, beyond what it has before it sees the picture; Linux alone keeps to it.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS
    max_total_pixels: int = DEFAULT_MAX_TOTAL_PIXELS
    max_frames: int = DEFAULT_MAX_FRAMES
    max_cpu_s: int = DEFAULT_MAX_CPU_S
    max_wall_s: float = DEFAULT_MAX_WALL_S
    max_memory_bytes: int = DEFAULT_MAX_MEMORY_BYTES

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            kind = int | float if name == "max_wall_s" else int
            if not isinstance(value, kind) or isinstance(value, bool) or not 0 < value < 2**60:
                raise ConfigError(f"{name} must be a number above 0, and a whole one but for max_wall_s")


@dataclass(frozen=True, slots=True)
class Task:
    """What to make of every picture, within which limits. Raises ConfigError for two variants of one name."""

    variants: tuple[Variant, ...]
    placeholder: bool
    limits: Limits

    def __post_init__(self) -> None:
        if not all(isinstance(variant, Variant) for variant in self.variants):
            raise ConfigError("variants are Variant(…) each")
        if len({variant.name for variant in self.variants}) < len(self.variants):
            raise ConfigError("every variant needs a name of its own")

    def to_json(self) -> str:
        """Return the task as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the task that `to_json` wrote down."""
        fields = json.loads(text)
        variants = tuple(Variant(**each) for each in fields["variants"])
        return cls(variants, fields["placeholder"], Limits(**fields["limits"]))
