"""Bar charts as SVG text, written here: a few rectangles need no plotting library, and the files diff well."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LABEL, _VALUE = 720, 230, 110
_BAR, _GAP, _TITLE = 16, 6, 34
_OURS, _OTHERS = "#2a6f97", "#a9b4bd"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `text` stands at its end."""

    label: str
    value: float
    text: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars on one scale of their own, from 0."""

    title: str
    bars: Sequence[Bar]


def bar_chart(title: str, panels: Sequence[Panel]) -> str:
    """Return an SVG document with the panels below each other."""
    parts: list[str] = []
    y = 56
    for panel in panels:
        parts.append(f'<text x="16" y="{y}" font-weight="600">{escape(panel.title)}</text>')
        y += 12
        longest = max((bar.value for bar in panel.bars), default=0) or 1
        for bar in panel.bars:
            parts.append(_bar(bar, bar.value / longest, y))
            y += _BAR + _GAP
        y += _TITLE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">'
    )
    background = f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>'
    heading = f'<text x="16" y="26" font-size="16" font-weight="600">{escape(title)}</text>'
    return "\n".join([head, background, heading, *parts, "</svg>", ""])


def _bar(bar: Bar, share: float, y: int) -> str:
    width = max((_WIDTH - _LABEL - _VALUE) * share, 1)
    colour = _OURS if bar.is_ours else _OTHERS
    return (
        f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>'
        f'<text x="{_LABEL + width + 6:.1f}" y="{y + 12}">{escape(bar.text)}</text>'
    )
