"""Curves and bars as SVG text that a page can hold: no script, no font, no network.

In: series of numbers with names. Out: ``<svg>…</svg>``. Colours and text follow the page's style sheet
(classes ``s0`` … ``s9``, ``grid``, ``label``). Missing values leave a gap, never a zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 16, 44
COLOURS = 10
BAR = 13


@dataclass(frozen=True)
class Series:
    """A name and values; None where there is none."""

    name: str
    values: tuple[float | None, ...]


def curves(places: Sequence[float], series: Sequence[Series], *, x_title: str, y_title: str) -> str:
    """Lines over a logarithmic axis.

    Args:
        places: above 0, one for each value.
        x_title, y_title: with units.
    """
    known = [v for s in series for v in s.values if v is not None]
    if not known or not places:
        return ""
    low, high, step = _scale(min(known), max(known))
    first, last = math.log(min(places)), math.log(max(places))

    def x_of(place: float) -> float:
        share = (math.log(place) - first) / (last - first) if last > first else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_open(WIDTH, HEIGHT, f"{y_title} over {x_title}")]
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        y = y_of(value)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:g}", "end"))
    parts += [_text(x_of(place), HEIGHT - BOTTOM + 18, f"{place:g}", "middle") for place in places]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_title, "middle"))
    parts.append(
        f'<text class="label" transform="rotate(-90)" x="{-(HEIGHT - BOTTOM + TOP) / 2:.0f}" y="13" '
        f'text-anchor="middle">{escape(y_title)}</text>'
    )
    for number, line in enumerate(series):
        points = [
            (x_of(place), y_of(value))
            for place, value in zip(places, line.values, strict=True)
            if value is not None
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = f"s{number % COLOURS}"
        parts.append(
            f'<polyline class="line {colour}" points="{path}"><title>{escape(line.name)}</title></polyline>'
        )
        parts += [f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
    parts += _legend([line.name for line in series])
    return "".join([*parts, "</svg>"])


def bars(groups: Sequence[str], series: Sequence[Series], *, title: str, digits: int = 1) -> str:
    """Groups of lying bars, one of each series in a group, with their values written beside them.

    Args:
        groups: names of the groups, one for each value of a series; those without any value are left out.
        title: what the bars measure, with unit.
        digits: of the values, behind the point.
    """
    known = [v for s in series for v in s.values if v is not None]
    if not known:
        return ""
    shown = [k for k in range(len(groups)) if any(line.values[k] is not None for line in series)]
    low, high, _ = _scale(min(0.0, *known), max(0.0, *known))
    left, group_height = 150, BAR * len(series) + 10
    legend_height = 18 * len(series) + 8
    height = 24 + group_height * len(shown) + legend_height

    def x_of(value: float) -> float:
        return left + (value - low) / (high - low) * (WIDTH - left - 60)

    parts = [_open(WIDTH, height, title), _text(left, 14, title, "start")]
    for row, place in enumerate(shown):
        top = 24 + row * group_height
        parts.append(_text(left - 8, top + group_height / 2, groups[place], "end"))
        for number, line in enumerate(series):
            value = line.values[place]
            if value is None:
                continue
            x, end = sorted((x_of(0), x_of(value)))
            y = top + number * BAR
            parts.append(
                f'<rect class="bar s{number % COLOURS}" x="{x:.1f}" y="{y}" width="{max(end - x, 0.5):.1f}" '
                f'height="{BAR - 2}"><title>{escape(line.name)}: {value:.2f}</title></rect>'
            )
            parts.append(
                _text(end + 4, y + BAR - 3, f"{round(value, digits) + 0.0:,.{digits}f}", "start", small=True)
            )
    top = 24 + group_height * len(shown) + 8
    parts += _legend([line.name for line in series], left=left, top=top)
    return "".join([*parts, "</svg>"])


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round limits and step of an axis.

    >>> _scale(0.3, 17.0)
    (0.0, 20.0, 5.0)
    """
    raw = max(high - low, 1e-6) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    return math.floor(low / step) * step, max(math.ceil(high / step), math.floor(low / step) + 1) * step, step


def _open(width: int, height: float, title: str) -> str:
    return f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">'


def _text(x: float, y: float, text: str, anchor: str, *, small: bool = False) -> str:
    kind = "label small" if small else "label"
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _legend(names: Sequence[str], *, left: float = WIDTH - RIGHT + 14, top: float = TOP) -> list[str]:
    parts = []
    for number, name in enumerate(names):
        y = top + 18 * number
        parts.append(f'<rect class="bar s{number % COLOURS}" x="{left}" y="{y}" width="12" height="12"/>')
        parts.append(
            _text(left + 18, y + 10, name if len(name) <= 90 else name[:89] + "…", "start", small=True)
        )
    return parts
