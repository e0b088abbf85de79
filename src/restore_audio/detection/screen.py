"""The error of linear prediction for a whole window at once, cheaply.

In: one channel ``(T,)``. Out: the prediction error ``(T,)`` float32 of short models, one for each 32 ms,
and its peaks in cells of 0.5 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal import screens
from ..signal.running import running_max
from .measures import cell_samples, grid_samples

Floats = NDArray[np.float32]

ORDER = 16
_AT_ONCE = 64
_NEAR_CELLS, _WIDE_CELLS = (5, 60), (5, 200)
"""How far neighbours of a peak are looked for, but for its own cells."""

_NOISE = 3e-6
"""White noise added to the fit, as a share of the power: lossy coding leaves empty bands."""


def prediction_error(samples: Samples, rate_hz: int) -> Floats:
    """Error of a linear prediction of order 16 whose model changes every 32 ms.

    Shape:
        ``(T,)`` → ``(T,)``
    """
    hop = grid_samples(rate_hz)
    count = -(-samples.size // hop)
    half = hop // 2
    before = max(half, ORDER)
    padded = np.zeros(before + count * hop + half, dtype=np.float32)
    padded[before : before + samples.size] = samples
    found = screens.short_prediction(padded, before, _window(2 * hop), count, _NOISE)
    if found is not None:
        return found[: samples.size]
    views = np.lib.stride_tricks.sliding_window_view
    frames = views(padded[before - half :], 2 * hop)[::hop][:count]
    blocks = views(padded[before - ORDER :], hop + ORDER)[::hop][:count]
    error = np.empty((count, hop), dtype=np.float32)
    for first in range(0, count, _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        error[some] = _filtered(blocks[some], _fit(frames[some]))
    return error.reshape(-1)[: samples.size]


def _fit(frames: Floats) -> Floats:
    windowed = frames * _window(frames.shape[1])
    correlation = np.empty((frames.shape[0], ORDER + 1))
    for lag in range(ORDER + 1):
        np.einsum(
            "ij,ij->i", windowed[:, lag:], windowed[:, : windowed.shape[1] - lag], out=correlation[:, lag]
        )
    return np.asarray(levinson(correlation), dtype=np.float32)


def _filtered(blocks: Floats, filters: Floats) -> Floats:
    """Each block ``(N, order + T)`` through its own filter, as two small matrix products: ``(N, T)``.

    Sixteen outputs depend on their own sixteen inputs and on the sixteen before; as matrices these are
    the upper and the lower triangle of one Toeplitz matrix.
    """
    pieces = np.ascontiguousarray(blocks).reshape(blocks.shape[0], -1, ORDER)
    padded = np.concatenate(
        [np.zeros((len(filters), ORDER), np.float32), filters, filters[:, :ORDER] * 0], axis=1
    )
    lag = np.arange(ORDER)[None, :] - np.arange(ORDER)[:, None]
    own, before = padded[:, ORDER + lag], padded[:, 2 * ORDER + lag]
    result: Floats = np.matmul(pieces[:, 1:], own)
    result += np.matmul(pieces[:, :-1], before)
    return result.reshape(len(filters), -1)


def levinson(correlation: Samples) -> Samples:
    """Prediction error filters ``(N, order + 1)`` of autocorrelations of the same shape."""
    count, size = correlation.shape
    power = correlation[:, 0] * (1 + _NOISE) + 1e-12
    filters = np.zeros((count, size))
    filters[:, 0] = 1.0
    for order in range(1, size):
        reflection = -np.sum(filters[:, :order] * correlation[:, order:0:-1], axis=1) / power
        filters[:, 1 : order + 1] += reflection[:, None] * filters[:, order - 1 :: -1][:, :order]
        power = power * np.maximum(1 - reflection**2, 1e-9)
    return filters


@dataclass(frozen=True)
class Peaks:
    """Peaks of the prediction error in cells of 0.5 ms, and what they are held against.

    Attributes:
        each: ``(cells,)``.
    """

    each: Floats

    @classmethod
    def of(cls, error: Floats, rate_hz: int) -> Peaks:
        """The peaks of an error ``(T,)``."""
        return cls(cell_peaks(error, rate_hz))

    @cached_property
    def background(self) -> Floats:
        """See :func:`background`."""
        return background(self.each)

    @cached_property
    def near(self) -> Floats:
        """The largest 2.5 to 30 ms away."""
        return largest_around(self.each, *_NEAR_CELLS)

    @cached_property
    def wide(self) -> Floats:
        """The largest 2.5 to 100 ms away."""
        return largest_around(self.each, *_WIDE_CELLS)


def cell_peaks(error: Floats, rate_hz: int) -> Floats:
    """Largest magnitude in each cell of 0.5 ms: ``(T,)`` → ``(T // cell,)``."""
    return screens.cell_peaks(error, cell_samples(rate_hz))


def largest_around(peaks: Floats, first: int, last: int) -> Floats:
    """The largest peak from ``first`` to ``last`` cells away, on either side."""
    size = last - first + 1
    largest = running_max(peaks, size)
    shift = first + size // 2
    around = np.zeros_like(peaks)
    around[shift:] = largest[:-shift]
    np.maximum(around[:-shift], largest[shift:], out=around[:-shift])
    return np.maximum(around, 1e-9)


def background(peaks: Floats, group: int = 16, reach: int = 5) -> Floats:
    """A robust level for each cell: the median over 8 ms groups, and again over the groups around."""
    count = -(-peaks.size // group)
    padded = np.pad(peaks, (0, count * group - peaks.size), mode="edge")
    medians = np.pad(_medians(padded.reshape(-1, group)), reach, mode="reflect" if count > reach else "edge")
    smooth = _medians(np.lib.stride_tricks.sliding_window_view(medians, 2 * reach + 1))
    return np.repeat(smooth, group)[: peaks.size].astype(np.float32)


def _medians(rows: Floats) -> Floats:
    """Of each short row; sorting them all takes a third of what numpy.median does."""
    ordered = np.sort(rows, axis=1)
    size = rows.shape[1]
    return np.asarray(0.5 * (ordered[:, (size - 1) // 2] + ordered[:, size // 2]), dtype=np.float32)


@lru_cache(maxsize=8)
def _window(size: int) -> Floats:
    return np.hanning(size).astype(np.float32)
