"""Repair muted AAC and Vorbis packets with what the decoder had of the sound around them.

In: a gap of kind ``zeros`` and what the best fill predicts there. Out: that prediction, changed so that it
agrees with what is known; None where the gap is not of this sort. The sound behind the zeros is the sum of
two halves (:mod:`restore_audio.signal.lapped`), which are told apart exactly: one is half of the block that
it stands in, the other is half of the first block of zeros, whose second packet was lost.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.lapped import BLOCK, HEARD, earlier, later, windows
from .gaps import Gap, Prediction


def repair(gap: Gap, prior: Prediction) -> Prediction | None:
    """The prediction with both known halves; of the windows in use, the one that they fit best."""
    audio, first = gap.mine, gap.end - HEARD
    zeros, length = audio[gap.start : first], first - gap.start
    found = audio[first : first + BLOCK]
    if length < BLOCK or length % BLOCK or first + BLOCK > gap.last or np.any(zeros) or found[0] == 0.0:
        return None
    if not np.all(np.isfinite(found)):
        return None
    before, behind = prior.samples[:BLOCK], np.append(prior.samples[-HEARD:], found[HEARD:])
    best = min((_known(before, behind, found, rising) for rising in windows()), key=lambda k: k[0])
    made = prior.samples.copy()
    made[:BLOCK] += best[1]
    made[-HEARD:] += best[2][:HEARD]
    return Prediction(made, 0.5 * prior.expected_error)


def _known(
    before: Samples, behind: Samples, found: Samples, rising: Samples
) -> tuple[float, Samples, Samples]:
    """Energy of what is missing in the prediction of both blocks for a window, and what is, ``(T,)`` each."""
    falling, right = rising[::-1], later(found, rising)
    # the last samples are no part of the gap: where they come from the rest of the half is known
    late = (right[HEARD:] + falling[HEARD:] * behind[::-1][HEARD:]) / rising[HEARD:]
    right = right - later(np.append(behind[:HEARD], late), rising)
    left = earlier(found - before, rising)
    return float(left @ left + right @ right), falling * left, rising * right
