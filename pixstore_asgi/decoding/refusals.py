"""Why a picture is refused, and what is said of it."""

from enum import StrEnum

from .task import MAX_SCANS, Limits

_MEGA = 1_000_000
_GIB = 1024 * 1024 * 1024
_WRITTEN = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "avif": "AVIF"}


class Refusal(StrEnum):
    """Why a picture is refused."""

    DAMAGED = "damaged"
    PIXELS = "pixels"
    TOTAL_PIXELS = "total-pixels"
    FRAMES = "frames"
    SCANS = "scans"
    MEMORY = "memory"
    TIME = "time"
    REPLY = "reply"
    CRASH = "crash"

    def text(self, format: str, limits: Limits) -> str:
        """Return what is wrong with the picture of this format, and what can be done by whoever sent it."""
        match self:
            case Refusal.DAMAGED:
                return f"the {_WRITTEN.get(format, format)} image does not decode: it is damaged"
            case Refusal.PIXELS:
                return f"the image has more than {limits.max_pixels / _MEGA:,g} megapixels: scale it down"
            case Refusal.TOTAL_PIXELS:
                most = limits.max_total_pixels / _MEGA
                return f"the image's frames have more than {most:,g} megapixels together: shorten it or scale it down"
            case Refusal.FRAMES:
                return f"the image has more than {limits.max_frames:,} frames: shorten it"
            case Refusal.SCANS:
                return f"the JPEG image has more than {MAX_SCANS} scans: save it anew in an image program"
            case Refusal.MEMORY:
                most = limits.max_memory_bytes / _GIB
                return f"the image takes more memory to decode than {most:.3g} GiB: scale it down"
            case Refusal.TIME:
                longest = f"{limits.max_cpu_s} s of processor time or {limits.max_wall_s} s in all"
                return f"the image takes longer to decode than {longest}: scale it down"
            case Refusal.REPLY:
                return "the variants of the image are too large: give them smaller boxes"
            case Refusal.CRASH:
                return "the process that decoded the image has crashed: it is damaged, or made to harm"
