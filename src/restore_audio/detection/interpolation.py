"""Verify by repair: put the likeliest samples into a short stretch and see how much quieter the error gets.

The stretch is filled by least squares of a short autoregressive model fitted on both sides (Janssen,
Veldhuis and Vries 1986, one pass); made for judging a few milliseconds quickly, not for restoring them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..signal.kernels import solve_toeplitz
from .measures import Run, Samples

ORDER = 32


@dataclass(frozen=True)
class Repair:
    """A trial repair of ``samples[start:end]``.

    Attributes:
        fill: the samples that the surroundings make likeliest, ``(end - start,)``.
        error_before, error_after: energy of the prediction error over the stretch and the order after it,
            per sample, as found and as filled.
        error_around: the same on both sides of it.
    """

    fill: Samples
    error_before: float
    error_after: float
    error_around: float


def repair(samples: Samples, stretch: Run, context: int) -> Repair | None:
    """Fill ``stretch`` from ``context`` samples on both sides; None where they are too few."""
    start, end = stretch
    left, right = samples[max(start - context, 0) : start], samples[end : end + context]
    if min(left.size, right.size) < 3 * ORDER:
        return None
    correlation = _correlation(left) + _correlation(right)
    correlation[0] = correlation[0] * (1 + 1e-6) + 1e-18
    try:
        filter_ = np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])
        known = samples[start - ORDER : end + ORDER].copy()
        known[ORDER:-ORDER] = 0.0
        own = np.correlate(filter_, filter_, "full")[ORDER:]
        column = np.zeros(end - start)
        column[: min(own.size, column.size)] = own[: column.size]
        target = np.correlate(np.convolve(known, filter_)[ORDER:-ORDER], filter_, "valid")[: end - start]
        fill = solve_toeplitz(column, -target)
    except ValueError:
        return None
    if not np.all(np.isfinite(fill)):
        return None
    filled = known
    filled[ORDER:-ORDER] = fill
    before = np.convolve(samples[start - ORDER : end + ORDER], filter_, "valid")
    after = np.convolve(filled, filter_, "valid")
    sides = np.convolve(left, filter_, "valid"), np.convolve(right, filter_, "valid")
    around = sum(float(side @ side) for side in sides) / sum(side.size for side in sides)
    return Repair(fill, float(before @ before) / before.size, float(after @ after) / after.size, around)


def _correlation(samples: Samples) -> Samples:
    windowed = samples * np.hanning(samples.size + 2)[1:-1]
    size = 1 << (samples.size + ORDER).bit_length()
    return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(windowed, size)) ** 2)[: ORDER + 1])
