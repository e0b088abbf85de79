"""Linear prediction in its cheapest form: does the sound break at this sample?

Short models by the autocorrelation method; for filling gaps see :mod:`restore_audio.fill.ar`.
"""

from __future__ import annotations

import numpy as np

from ..signal.kernels import solve_toeplitz
from .measures import Samples, db, rms, samples_of

ORDER = 24
_CONTEXT_MS = 20.0


def predictor(samples: Samples, order: int = ORDER) -> Samples:
    """Prediction error filter of a stretch: shape ``(order + 1,)``, first element 1."""
    windowed = samples * np.hanning(samples.size)
    size = 1 << (2 * windowed.size - 1).bit_length()
    power = np.abs(np.fft.rfft(windowed, size)) ** 2
    correlation = np.fft.irfft(power)[: order + 1]
    correlation[0] = correlation[0] * (1 + 1e-6) + 1e-20
    return np.concatenate([[1.0], -solve_toeplitz(correlation[:-1], correlation[1:])])


def prediction_break(samples: Samples, place: int, rate_hz: int) -> float:
    """How much worse than usual the sample at ``place`` is foretold from both sides, in dB.

    The forecast from the left errs at ``place``, that from the right at ``place - 1``; errors of the
    three samples behind are counted too, as the break may lie between samples of a soft edge.
    """
    context = samples_of(_CONTEXT_MS, rate_hz)
    return max(
        _one_sided(samples[max(place - context, 0) : place + 3]),
        _one_sided(samples[max(place - 3, 0) : place + context][::-1]),
    )


def _one_sided(samples: Samples) -> float:
    known = samples[:-3]
    if known.size < 4 * ORDER:
        return -180.0
    errors = np.convolve(samples, predictor(known))[ORDER : samples.size]
    return db(float(np.max(np.abs(errors[-3:]))) / max(rms(errors[:-3]), 1e-9))
