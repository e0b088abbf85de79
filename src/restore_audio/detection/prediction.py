"""Linear prediction in its cheapest form: does the sound break at this sample?

Short models by the autocorrelation method; for filling gaps see :mod:`restore_audio.fill.ar`.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.lpc import errors_of
from .measures import db, rms, samples_of

ORDER = 24
_CONTEXT_MS = 20.0


def prediction_break(samples: Samples, place: int, rate_hz: int) -> float:
    """How much worse than usual the sample at ``place`` is predicted from both sides, in dB.

    The prediction from the left errs at ``place``, that from the right at ``place - 1``; errors of the
    three samples behind are counted too, as the break may lie between samples of a soft edge.
    """
    context = samples_of(_CONTEXT_MS, rate_hz)
    return max(
        _one_sided(samples[max(place - context, 0) : place + 3]),
        _one_sided(samples[max(place - 3, 0) : place + context][::-1]),
    )


def _one_sided(samples: Samples) -> float:
    known = samples.size - 3
    if known < 4 * ORDER:
        return -180.0
    errors = errors_of(samples, known, ORDER)
    return db(float(np.max(np.abs(errors[-3:]))) / max(rms(errors[:-3]), 1e-9))
