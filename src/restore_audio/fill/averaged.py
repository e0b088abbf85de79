"""Repair averaged samples: every other sample of the span is good and stays as it is.

In: a gap of kind ``interpolated``. Out: the good samples as they are, between them those that make the error
of a short autoregressive model smallest (Janssen, Veldhuis and Vries 1986, one pass); None where the span is
held or on a line, and nothing in it is good. The error to expect is that of the same repair beside the gap.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.least_squares import solve_places
from ..signal.lpc import lpc
from .gaps import Gap, Prediction

_ORDER = 32
_CONTEXT = 1024
"""Samples on either side that the model is fitted on."""

_TRIALS = 2
"""On either side: stretches as long, whose truth is known, in which the error of the repair is measured."""

_FEWEST = 3
"""Samples that were averaged, as in :mod:`restore_audio.detection.interpolated`."""

_STRAIGHT = 2.0**-14
"""Two steps of 16 bit: second differences of means lie below, whatever the rounding."""

_MOST_GOOD_STRAIGHT = 0.5
"""Share of the samples between that may lie straight too; on a line all do."""


def repair(gap: Gap, prior: Prediction) -> Prediction | None:
    """Replace the first, third, ... sample of the gap, if they are the means of the others."""
    audio = gap.mine
    first, last = max(gap.first, gap.start - _CONTEXT), min(gap.last, gap.end + _CONTEXT)
    if min(gap.start - first, last - gap.end) < 4 * _ORDER or gap.end - gap.start < 2 * _FEWEST - 1:
        return None
    around = audio[first:last]
    if not np.all(np.isfinite(around)):
        return None
    bends = np.abs(np.diff(audio[gap.start - 1 : gap.end + 1], 2))
    if np.any(bends[::2] > _STRAIGHT) or np.mean(bends[1::2] <= _STRAIGHT) > _MOST_GOOD_STRAIGHT:
        return None
    try:
        filter_ = lpc([around[: gap.start - first], around[gap.end - first :]], _ORDER)
    except ValueError:
        return None
    whole, start = around.copy(), gap.start - first
    made = _solved(filter_, whole, start, gap.length)
    whole[start : start + gap.length] = made
    errors = []
    for number in range(1, _TRIALS + 1):
        for place in (start - number * (gap.length + 1), start + number * (gap.length + 1)):
            if _ORDER <= place <= whole.size - gap.length - _ORDER:
                off = whole[place : place + gap.length] - _solved(filter_, whole, place, gap.length)
                errors.append(float(off @ off) + 1e-20)
    return Prediction(made, float(np.exp(np.mean(np.log(errors)))) if errors else prior.expected_error)


def _solved(filter_: Samples, samples: Samples, start: int, length: int) -> Samples:
    """A stretch whose first, third, ... sample is of least prediction error."""
    known = samples[start - _ORDER : start + length + _ORDER].copy()
    places = np.arange(0, length, 2)
    known[places + _ORDER], _ = solve_places(filter_, known, places)
    return known[_ORDER:-_ORDER]
