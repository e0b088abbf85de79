"""The samples of a gap whose prediction error is least: the step of Janssen, Veldhuis and Vries (1986).

In: the autocorrelation of prediction error filters and the samples on both sides. Out: the gap's samples.
For one contiguous gap the normal equations are Toeplitz, so Levinson's recursion solves them in O(gap²).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from .convolution import convolve_valid, fast_length
from .kernels import solve_toeplitz


def filter_products(filters: list[tuple[Samples, float]]) -> Samples:
    """Weighted sum of the autocorrelations of prediction error filters: lags -order … order.

    Args:
        filters: each a filter ``(order + 1,)`` with its weight; orders may differ.
    """
    order = max(predictor.size for predictor, _ in filters) - 1
    size = fast_length(2 * order + 1)
    power = sum(weight * np.abs(np.fft.rfft(predictor, size)) ** 2 for predictor, weight in filters)
    products = np.fft.irfft(power, size)
    return np.concatenate([products[size - order :], products[: order + 1]])


def solve_gap(products: Samples, before: Samples, after: Samples, gap: int) -> Samples | None:
    """The gap's samples ``(gap,)`` of least error; None where there is no finite solution.

    Args:
        products: from :func:`filter_products`, ``(2 · order + 1,)``.
        before: the last ``order`` samples before the gap.
        after: the first ``order`` samples behind it.
        gap: samples missing.
    """
    order = products.size // 2
    known = np.concatenate([before, np.zeros(gap), after])
    column = np.zeros(gap)
    column[: order + 1] = products[order : order + gap]
    try:
        solved = solve_toeplitz(column, -convolve_valid(known, products))
    except ValueError:
        return None
    return solved if np.all(np.isfinite(solved)) else None


def solve_places(filter_: Samples, known: Samples, places: NDArray[np.int64]) -> tuple[Samples, Samples]:
    """Samples of least prediction error at some places, and the system ``(N, N)`` of their normal equations.

    Args:
        filter_: prediction error filter ``(order + 1,)``.
        known: ``order`` samples, those among which the places are, and ``order`` samples; the values at the
            places do not matter.
        places: ``(N,)``, counted from the sample at ``order``.
    """
    order = filter_.size - 1
    given = known.copy()
    given[places + order] = 0.0
    products = np.correlate(filter_, filter_, "full")[order:]
    lags = np.abs(places[:, None] - places[None, :])
    system = np.where(lags <= order, products[np.minimum(lags, order)], 0.0)
    target = np.correlate(np.convolve(given, filter_, "valid"), filter_, "valid")[places]
    return np.asarray(-np.linalg.solve(system, target), dtype=np.float64), system
