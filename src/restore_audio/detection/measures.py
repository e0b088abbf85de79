"""Small measures that the detectors share: runs, levels, and how far evidence lies beyond its threshold.

All times are samples, all levels decibels of amplitude.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

SILENT_DB = -60.0
"""RMS level, dBFS, below which a gap is inaudible."""

_FLOOR = 1e-9


def samples_of(milliseconds: float, rate_hz: int) -> int:
    """Samples in a time, at least one."""
    return max(1, round(milliseconds * rate_hz / 1000))


def rms(values: NDArray[np.floating]) -> float:
    """Root mean square; 0 of nothing."""
    return math.sqrt(float(values @ values) / values.size) if values.size else 0.0


def median(values: NDArray[Any]) -> NDArray[Any]:
    """Along the last axis, of finite values: a quarter of NumPy's time, which also imports masked arrays.

    >>> float(median(np.array([3.0, 1.0, 2.0, 5.0])))
    2.5
    """
    size = values.shape[-1]
    ordered = np.partition(values, ((size - 1) // 2, size // 2), axis=-1)
    return np.asarray(0.5 * ordered[..., (size - 1) // 2] + 0.5 * ordered[..., size // 2])


def db(ratio: float) -> float:
    """Decibels of an amplitude ratio, never below −180.

    >>> round(db(10.0), 6)
    20.0
    """
    return 20.0 * math.log10(max(ratio, _FLOOR))


def confidence(score: float) -> float:
    """Turn a score (0: as likely damage as not) into a probability.

    >>> confidence(0.0)
    0.5
    """
    return 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))


def cell_samples(rate_hz: int) -> int:
    """Samples of a cell of 0.5 ms, the finest time that the screens know."""
    return max(4, round(rate_hz / 2000))


def grid_samples(rate_hz: int) -> int:
    """Samples of 64 cells, about 32 ms: windows begin at multiples of it, so frames never shift."""
    return 64 * cell_samples(rate_hz)
