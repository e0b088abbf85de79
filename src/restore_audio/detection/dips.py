"""Levels that step down and up again, or up and down: where steep edges enclose something.

In: a level in dB for each millisecond. Out: pairs of steps, the cells that they enclose.
A decay has one steep edge, a dropout two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..signal.running import running_max, running_min
from .measures import median

Levels = NDArray[np.float64]

_OUTER, _INNER = 6, 2
"""Cells that must be above, and below, a step: a click of 2 ms, smoothed, fills fewer. Between them lie the
three cells on either side that a soft edge and the smoothing of the level may take."""

_REACH = 3


@dataclass(frozen=True)
class Dip:
    """Cells ``first`` to ``last`` (exclusive) between a fall and a rise of so many dB."""

    first: int
    last: int
    fall_db: float
    rise_db: float


def find_dips(levels: Levels, least_db: float, longest: int) -> tuple[list[Dip], Levels, Levels]:
    """Pairs of a steep fall and a steep rise at most ``longest`` cells later.

    Returns:
        The dips, and how far the level falls and rises at each cell, for telling how common that is.
    """
    falls, rises = _falls(levels), _falls(levels[::-1])[::-1]
    starts = _local_maxima(falls, least_db)
    ends = _local_maxima(rises, least_db)
    dips: list[Dip] = []
    for start in starts.tolist():
        near = ends[(ends > start + 2) & (ends <= start + longest)]
        before = median(levels[max(start - 12, 0) : max(start - 2, 1)])
        for end in near.tolist():
            after = median(levels[end + 3 : end + 13])
            inside = levels[start + 3 : end - 2] if end - start > 6 else levels[start + 2 : end - 1]
            if inside.size and inside.max() < min(before, after) - 0.7 * least_db:
                dips.append(Dip(start, end + 1, float(falls[start]), float(rises[end])))
                break
            if levels[start + 2 : end].max(initial=-300.0) > before - 0.5 * least_db:
                break
    return dips, falls, rises


def _falls(levels: Levels) -> Levels:
    """How far the level falls at each cell: its minimum just before over its maximum just after."""
    lowest = running_min(levels, _OUTER, first=0)  # of cells k … k + 3
    highest = running_max(levels, _INNER, first=0)  # of cells k, k + 1
    falls = np.zeros_like(levels)
    first, last = _OUTER + _REACH - 1, levels.size - _REACH - _INNER
    if last > first:
        cells = np.arange(first, last)
        falls[first:last] = lowest[cells - first] - highest[cells + _REACH]
    return falls


def _local_maxima(values: Levels, least: float) -> NDArray[np.int64]:
    return np.flatnonzero((values >= least) & (values >= running_max(values, 9)))
