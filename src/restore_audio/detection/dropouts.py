"""Dropouts: the level collapses for 5 to 400 ms and comes back.

In: one channel of a window. Out: candidates, each with the evidence that :mod:`.verifier` weighs.

A dropout has two steep edges, and behind it the music goes on as it went before: same level, same
colour. A gate, a stop of the voice or a staccato note has the edges too, but changes the colour, ends in
an onset, or is one of many.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.running import running_mean
from ..signal.screens import cell_powers
from .candidate import Candidate
from .dip_evidence import dip_evidence, edges_of, levels_of
from .dips import find_dips
from .measures import SILENT_DB, cell_samples, samples_of

_LEAST_DB = 8.0
_HELD = 0.8


def find_dropouts(samples: Samples, rate_hz: int, longest: int) -> list[Candidate]:
    """Stretches in which the level may have collapsed.

    Args:
        samples: ``(T,)``, finite.
        rate_hz: sample rate.
        longest: in samples.
    """
    cell = 2 * cell_samples(rate_hz)
    if samples.size < 600 * cell:
        return []
    width = samples_of(3.0, rate_hz)
    level, treble = map(levels_of, cell_powers(samples, width, cell))
    found = []
    dips, falls, rises = find_dips(level, _LEAST_DB, max(longest // cell, 1))
    for dip in dips:
        if dip.first < 80 or dip.last > level.size - 80:
            continue
        inside = samples[(dip.first + 2) * cell : (dip.last - 2) * cell]
        if np.mean(inside[1:] == inside[:-1]) > _HELD:
            continue  # digital silence: whether that is damage, its exact edges tell better
        if level[dip.first - 12 : dip.first - 2].mean() < SILENT_DB:
            continue
        near = samples_of(50.0, rate_hz)
        begin = dip.first * cell - near
        around = samples[max(begin - width, 0) : dip.last * cell + near + width]
        full = (around - running_mean(around, width))[begin - max(begin - width, 0) :]
        features = dip_evidence(dip, level, treble, falls, rises, full, begin, cell, rate_hz)
        found.append(Candidate(*edges_of(dip, level, cell), features))
    return found
