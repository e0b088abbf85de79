"""Values that a recording uses: whether a stretch rests at one by rounding or by clipping.

In: the sound on both sides of a stretch that holds one value. Out: measures of how it may have come there
without any sample being lost.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples

ADJACENT = 3
"""Samples right outside of an edge, which may be a soft one."""

_CLIPPED = 0.97
"""Clipped tops lie within a few hundredths of the largest sample around: limiters and filters round them."""

_STUCK = 1.03
"""A value this far beyond all peaks around was not clipped from them."""

_CLIMB = 0.2
"""A wave climbs to its top; a value that is stuck is jumped to by at least this share of it."""


def values_crossed(before: Samples, after: Samples, value: float, values: Samples | None = None) -> int:
    """How many of the values in use lie between the resting value and the samples beside it, at most.

    In 8 bit and in mu-law the crest of a wave rests, one or two values above its neighbours; samples that
    were lost are left and met again by a jump over many. ``values``: those of both sides, in order, if known.

    >>> values_crossed(np.array([0.0, 1.0, 2.0, 3.0]), np.array([3.0, 1.0]), 4.0)
    3
    """
    if values is None:
        values = np.unique(np.concatenate([before, after]))
    beside = np.concatenate([before[-ADJACENT:], after[:ADJACENT]])
    return int(np.abs(np.searchsorted(values, beside) - np.searchsorted(values, value)).max())


def is_clipped(before: Samples, after: Samples, value: float) -> bool:
    """Whether a resting value is the top of a clipped wave: at the peak of what is around, and climbed to."""
    highest, lowest = max(before.max(), after.max()), min(before.min(), after.min())
    if not (value >= _CLIPPED * highest > 0 or value <= _CLIPPED * lowest < 0):
        return False
    beyond = max(value / (highest or 1.0), value / (lowest or -1.0)) > _STUCK and abs(value) < _CLIPPED
    jump = min(abs(before[-1] - value), abs(after[0] - value))
    return bool(not beyond or jump < _CLIMB * abs(value))
