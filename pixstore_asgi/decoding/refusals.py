"""Why a picture is refused, and what is said of it."""

from enum import StrEnum

from .task import Limits


class Refusal(StrEnum):
    """Why a picture is refused."""

    DAMAGED = "damaged"
    PIXELS = "pixels"
    FRAMES = "frames"
    MEMORY = "memory"
    TIME = "time"
    REPLY = "reply"
    CRASH = "crash"

    def text(self, format: str, limits: Limits) -> str:
        """Return what is wrong with the picture of this format, and what can be done."""
        match self:
            case Refusal.DAMAGED:
                return f"the {format} image does not decode: it is damaged"
            case Refusal.PIXELS:
                return f"the image has more than max_pixels, {limits.max_pixels}: scale it down"
            case Refusal.FRAMES:
                return f"the image has more frames than max_frames, {limits.max_frames}: shorten it"
            case Refusal.MEMORY:
                return f"the image takes more memory to decode than max_memory_bytes, {limits.max_memory_bytes}"
            case Refusal.TIME:
                longest = f"max_cpu_s, {limits.max_cpu_s} s, or max_wall_s, {limits.max_wall_s} s"
                return f"the image takes longer to decode than {longest}"
            case Refusal.REPLY:
                return "the variants of the image are too large: give them smaller boxes"
            case Refusal.CRASH:
                return "the process that decoded the image has crashed: it is damaged, or made to harm"
