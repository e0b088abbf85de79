"""Edges of a click to the sample, from a second look.

In: one channel, and about where a click is. Out: its first sample and the first one behind it.

A stretch that surely holds the click is filled by least squares of a short autoregressive model (Janssen,
Veldhuis and Vries 1986), whose error has a known covariance, σ² (AᵀA)⁻¹. Taking some first or last samples of
the stretch as they are, instead of filling them, adds to the prediction error; each good sample adds σ² on
average, one that the click has touched much more. The edges are where all that can be kept is kept.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Run, Samples
from ..signal.least_squares import filter_products, solve_gap
from ..signal.lpc import lpc
from .measures import samples_of

_ORDER = 32
_CONTEXT_MS = 20.0
_WIDER_MS = 0.4
"""Added to both ends for the stretch that surely holds the click."""

_PRICE = 4.0
"""Prediction error, in variances, that a sample may add to be kept: healthy ones add 1 on average."""


def click_edges(samples: Samples, start: int, end: int, rate_hz: int) -> Run:
    """First sample of a click and the first one behind it.

    Args:
        samples: one channel ``(T,)``, finite.
        start, end: about where it is.
        rate_hz: sample rate.

    Returns:
        ``start, end`` where the surroundings are too short, or nothing stands out of them.
    """
    wider, context = samples_of(_WIDER_MS, rate_hz), samples_of(_CONTEXT_MS, rate_hz)
    first, last = start - wider, end + wider
    if first < 0 or last > samples.size:
        return start, end
    kept = _kept(samples, (first, last), context, from_end=False)
    if kept >= last - first:
        return start, end
    first += kept
    kept = _kept(samples, (first, last), context, from_end=True)
    return (first, last - kept) if kept < last - first else (start, end)


def _kept(samples: Samples, stretch: Run, context: int, *, from_end: bool) -> int:
    """How many samples at the start of a stretch, or at its end, are healthy; all where it cannot be told."""
    start, end = stretch
    left, right = samples[max(start - context, 0) : start], samples[end : end + context]
    length = end - start
    if min(left.size, right.size) < 3 * _ORDER:
        return length
    try:
        predictor = lpc([left, right], _ORDER)
        products = filter_products([(predictor, 1.0)])
        fill = solve_gap(products, left[-_ORDER:], right[:_ORDER], length)
        if fill is None:
            return length
        lags = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        system = np.where(lags <= _ORDER, products[_ORDER + np.minimum(lags, _ORDER)], 0.0)
        system[np.diag_indices(length)] *= 1.0 + 1e-9
        covariance = np.linalg.inv(system)
        differs = samples[start:end] - fill
        if from_end:
            covariance, differs = covariance[::-1, ::-1], differs[::-1]
        added = np.linalg.solve(np.linalg.cholesky(covariance), differs) ** 2
    except (ValueError, np.linalg.LinAlgError):
        return length
    sides = [np.convolve(side, predictor, "valid") for side in (left, right)]
    error = max(float(side @ side) / side.size for side in sides)
    worth = np.concatenate([[0.0], np.cumsum(_PRICE - added / (error + 1e-20))])
    return int(np.argmax(worth))
