"""Verify by repair: put the likeliest samples into a short stretch and see how much quieter the error gets.

The stretch is filled by least squares of a short autoregressive model fitted on both sides (Janssen,
Veldhuis and Vries 1986, one pass); made for judging a few milliseconds quickly, not for restoring them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Run, Samples
from ..signal import kernels
from ..signal.least_squares import filter_products, solve_gap
from ..signal.lpc import NOISE, hann_window, lpc

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
    windows = hann_window(left.size), hann_window(right.size)
    found = kernels.trial_repair(samples, stretch, windows, ORDER, NOISE)
    if found is not None:
        made, energies = found
        over, beside = end - start + ORDER, left.size + right.size - 2 * ORDER
        return Repair(made, *(energies / (over, over, beside)).tolist()) if energies.size else None
    try:
        filter_ = lpc([left, right], ORDER)
    except ValueError:
        return None
    products = filter_products([(filter_, 1.0)])
    fill = solve_gap(products, left[-ORDER:], right[:ORDER], end - start)
    if fill is None:
        return None
    filled = np.concatenate([left[-ORDER:], fill, right[:ORDER]])
    before = np.convolve(samples[start - ORDER : end + ORDER], filter_, "valid")
    after = np.convolve(filled, filter_, "valid")
    sides = np.convolve(left, filter_, "valid"), np.convolve(right, filter_, "valid")
    around = sum(float(side @ side) for side in sides) / sum(side.size for side in sides)
    return Repair(fill, float(before @ before) / before.size, float(after @ after) / after.size, around)
