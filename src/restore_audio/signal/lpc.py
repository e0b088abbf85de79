"""Short linear prediction by the autocorrelation method, for judging a few milliseconds quickly.

In: stretches of sound. Out: a prediction error filter. For filling gaps see :mod:`.burg`, which fits better
and costs more.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..arrays import Samples
from . import kernels
from .kernels import solve_toeplitz

NOISE = 1e-6
"""White noise under the fit, as a share of the power: it keeps band-limited sound from a singular fit."""


def lpc(stretches: list[Samples], order: int, noise: float = NOISE) -> Samples:
    """Prediction error filter ``(order + 1,)``, first element 1, of one or several stretches together.

    Args:
        stretches: each ``(T,)``.
        noise: white noise under the fit, as a share of the power.

    Raises:
        ValueError: there is no finite solution.
    """
    correlation = sum((autocorrelation(stretch, order) for stretch in stretches), np.zeros(order + 1))
    correlation[0] = correlation[0] * (1 + noise) + 1e-20
    return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])


def errors_of(samples: Samples, known: int, order: int) -> Samples:
    """Prediction errors of ``samples[order:]``, by a model that is fitted on the first ``known`` of them.

    Args:
        samples: ``(T,)``, T above the order.
        known: at least one.

    Raises:
        ValueError: there is no finite solution.
    """
    errors = kernels.errors_of(samples, hann_window(known), order, NOISE)
    if errors is None:
        return np.asarray(np.convolve(samples, lpc([samples[:known]], order), "valid"))
    if not errors.size:
        raise ValueError("the samples have no finite model")
    return errors


def autocorrelation(samples: Samples, order: int) -> Samples:
    """Of the samples under a window of Hann: lags 0 to ``order``."""
    window = hann_window(samples.size)
    found = kernels.windowed_products(samples, window, order + 1)
    if found is not None:
        return found
    size = 1 << (samples.size + order).bit_length()
    return np.asarray(np.fft.irfft(np.abs(np.fft.rfft(samples * window, size)) ** 2)[: order + 1])


@lru_cache(maxsize=64)
def hann_window(size: int) -> Samples:
    """``(size,)``, without the zeros at both ends."""
    return np.hanning(size + 2)[1:-1]
