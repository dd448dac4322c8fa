"""The targets of the part `pictures`."""

from collections.abc import Iterator

from ..ratios import Parts, Ratio, Selection, Target, ratio
from .copies import MAKING, SHARP, THREE
from .saves import SAVES
from .ways import BY_HAND, OURS


def photo_targets(parts: Parts) -> Iterator[Target]:
    """Yield the targets of copies and saves, against Pillow by hand and sharp."""
    found = parts.get("pictures")
    copies: Selection = {"load": MAKING, "task": THREE, "format": "jpeg"}
    saves: Selection = {"load": SAVES, "concurrent": 16}

    def against(shared: Selection, rival: str, column: str) -> Ratio | None:
        return ratio(found, {**shared, "contestant": OURS}, {**shared, "contestant": rival}, column)

    for rival, bound in ((BY_HAND, 1.05), (SHARP, 1.6)):
        name = f"three copies of a JPEG photo of 12 megapixels: CPU against {rival}"
        yield Target(name, "at most", bound, "x", against(copies, rival, "cpu_s"))
    name = "saves of such a photo with these copies, 16 at once"
    yield Target(f"{name}: CPU against {BY_HAND}", "at most", 1.05, "x", against(saves, BY_HAND, "cpu_s"))
    rate = against(saves, BY_HAND, "saves_per_s")
    yield Target(f"{name}: photos/s against {BY_HAND}", "at least", 0.9, "x", rate)
