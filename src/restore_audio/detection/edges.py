"""Edges of the stretches that the network marks, measured in the samples.

The network's scores have a resolution of 2 ms. In cells of 0.5 ms around each end of a stretch the level of
the first or second difference falls, or rises, from one side to the other: the edge is where it is back
within a few decibels of the outer side's median.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..signal.running import running_mean
from .gap_edges import change_of_level
from .measures import cell_samples, median

Samples = NDArray[np.floating]

_BURST_MS, _BESIDE_MS = 1.0, (3.0, 2.0)
"""A burst of noise begins so near to where its level rises, smoothed over 1.5 ms; what is looked at outside
of that, and inside."""

_SPARED_MS = 0.15
"""Added on either side of the likeliest change: 98 % of the ends of 388 bursts in training music lie within,
and 12 healthy samples of each, which were 64."""

# Lengths and levels by judgement, measured by no command one by one; ``bench`` says where ends come to lie.
_OUTER_MS, _INNER_MS = (24.0, 5.0), (2.0, 12.0)
_REACH_MS = 10.0
_LEAST_DB = 6.0
_BACK_SHARE = 0.4
"""Share of the fall from the outer level at which the edge is."""

_MOST_BACK_DB = 4.0
_FLOOR = 1e-12


def refined(audio: Samples, first: int, last: int, rate_hz: int, order: int) -> tuple[int, int]:
    """First and last (exclusive) sample of the damage.

    Args:
        audio: one channel ``(T,)``.
        first, last: where the network says.
        rate_hz: sample rate.
        order: of the difference whose level shows the damage: 1, or 2 for damage in the treble.
    """
    cell = cell_samples(rate_hz)
    reach = round(40.0 * rate_hz / 1000)
    lead = max(first - reach, 0) // cell * cell
    piece = np.asarray(audio[lead : last + reach], dtype=np.float64)
    if piece.size < 20 * cell:
        return first, last
    power = np.diff(piece, order, prepend=piece[:1] if order == 1 else [piece[0], piece[0]]) ** 2
    cells = power[: power.size // cell * cell].reshape(-1, cell).mean(axis=1)
    levels = 10.0 * np.log10(running_mean(cells, 3) + _FLOOR)
    start = _edge(levels, (first - lead) / cell, (last - first) / cell)
    end = levels.size - _edge(levels[::-1], levels.size - (last - lead) / cell, (last - first) / cell)
    made = lead + round(start * cell), lead + round(end * cell)
    return made if made[0] < made[1] else (first, last)


def burst(audio: Samples, first: int, last: int, rate_hz: int) -> tuple[int, int]:
    """First and last (exclusive) sample of a burst of noise, from where :func:`refined` has put them."""
    start = _burst_start(audio, first, last - first, rate_hz)
    end = audio.size - _burst_start(audio[::-1], audio.size - last, last - first, rate_hz)
    return (start, end) if start < end else (first, last)


def _burst_start(audio: Samples, first: int, length: int, rate_hz: int) -> int:
    """Where the second difference gets louder, if it does so near to ``first``."""
    near, outside, inside = (round(ms * rate_hz / 1000) for ms in (_BURST_MS, *_BESIDE_MS))
    lead, inside = first - near - outside - 2, min(inside, length // 2)
    if lead < 0 or inside < near or first + inside > audio.size:
        return first
    bends = np.diff(np.asarray(audio[lead : first + inside], dtype=np.float64), 2)
    start = lead + 2 + change_of_level(bends, outside) - round(_SPARED_MS * rate_hz / 1000)
    return start if abs(start - first) <= near else first


def _edge(levels: NDArray[np.float64], place: float, length: float) -> float:
    """The left edge near ``place``, in cells; ``place`` itself where the level does not show it."""
    at = round(place)
    outer = levels[max(at - round(2 * _OUTER_MS[0]), 0) : max(at - round(2 * _OUTER_MS[1]), 0)]
    half = max(int(length / 2), 1)
    inner = levels[at + min(round(2 * _INNER_MS[0]), half - 1) : at + min(round(2 * _INNER_MS[1]), half + 1)]
    if outer.size < 8 or not inner.size:
        return place
    outside, inside = float(median(outer)), float(median(inner))
    if abs(outside - inside) < _LEAST_DB:
        return place
    back = min(_BACK_SHARE * abs(outside - inside), _MOST_BACK_DB)
    away = (outside - levels if outside > inside else levels - outside) > back
    first, last = (
        max(at - round(2 * _REACH_MS), 0),
        min(at + min(round(2 * _REACH_MS), half) + 1, levels.size),
    )
    healthy = np.flatnonzero(~away[first:last])
    return float(first + healthy[-1] + 1) if healthy.size else float(first)
