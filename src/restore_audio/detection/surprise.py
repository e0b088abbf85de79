"""How unlikely it is that music passes through given values, in nats.

In: samples, which of them are in question, how exactly their values are told. Out: minus the logarithm of the
probability that a short autoregressive model, fitted on both sides, gives to values that near.

Samples that a machine made up by a rule (held, on a line, the mean of two) obey it exactly. Where the music
could have been anywhere within a hundred steps of quantisation, each such sample is a coincidence of about
one in a hundred; where the model predicts it to within a step, as in slow or resampled sounds, it is none.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal.least_squares import solve_places
from ..signal.lpc import lpc

ORDER = 32
_CONTEXT_SAMPLES = 1024
"""On both sides: the shortest that a model of this order is well fitted on."""

_NEAR = (64, 256, 1024)
"""Samples beside those in question over which the error is averaged: the calmest stretch counts, since a
sound may change its loudness and roughness at any place."""

_MOST_MISFIT = 3.0
"""Nats for each sample that the values may add by lying off the model's: an onset lies off it as well."""

_NOISE = 1e-9
"""White noise added to the fit, as a share of the power."""


def surprise(samples: Samples, asked: NDArray[np.int64], exactness: float) -> float:
    """Minus the log probability of values within ``exactness`` of those at ``asked``.

    The values are weighed together, given all samples around: their joint density under the model (normal,
    with the variance of its error on both sides), times ``exactness`` for each.

    Args:
        samples: ``(T,)``, finite.
        asked: indices, in order, at most some hundred samples from first to last.
        exactness: width of the interval, in the samples' unit, that counts as the same value.

    Returns:
        Nats, below 0 where the values are the likely ones; ``-inf`` where the model cannot be fitted.
    """
    first, last = int(asked[0]), int(asked[-1]) + 1
    left = samples[max(first - _CONTEXT_SAMPLES, 0) : first]
    right = samples[last : last + _CONTEXT_SAMPLES]
    if min(left.size, right.size) < 4 * ORDER:
        return -math.inf
    try:
        filter_ = lpc([left, right], ORDER, noise=_NOISE)
    except ValueError:
        return -math.inf
    before, after = (np.square(np.convolve(side, filter_, "valid")) for side in (left, right))
    nearer = (part.mean() for size in _NEAR for part in (before[-size:], after[ORDER : ORDER + size]))
    variance = float(min(nearer)) + exactness**2 / 12
    likely, system = solve_places(filter_, samples[first - ORDER : last + ORDER], asked - first)
    off = samples[asked] - likely
    misfit = float(off @ system @ off) / (2 * variance)
    spread = 0.5 * (asked.size * math.log(2 * math.pi * variance) - np.linalg.slogdet(system)[1])
    return float(min(misfit, _MOST_MISFIT * asked.size) + spread - asked.size * math.log(exactness))
