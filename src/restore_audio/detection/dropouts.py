"""Dropouts: the level, or only the treble, collapses for 5 to 400 ms and comes back.

In: one channel of a window. Out: candidates, each with the evidence that :mod:`.verifier` weighs.

A dropout has two steep edges, and behind it the music goes on as it went before: same level, same
colour. A gate, a stop of the voice or a staccato note has the edges too, but changes the colour, ends in
an onset, or is one of many.
"""

from __future__ import annotations

import numpy as np

from ..signal.running import running_mean
from .candidate import Candidate
from .dip_evidence import dip_evidence, edges_of, levels_of
from .dips import find_dips
from .measures import SILENT_DB, Samples, cell_samples, samples_of

_LEAST_DB = 8.0
_HELD = 0.8


def find_dropouts(samples: Samples, rate_hz: int, longest: int) -> tuple[list[Candidate], list[Candidate]]:
    """Stretches in which the level may have collapsed, and those in which only the treble may have.

    Args:
        samples: ``(T,)``, finite.
        rate_hz: sample rate.
        longest: in samples.
    """
    cell = 2 * cell_samples(rate_hz)
    if samples.size < 600 * cell:
        return [], []
    full = samples - running_mean(samples, samples_of(3.0, rate_hz))
    bright = np.diff(samples, n=2, append=[0.0, 0.0])
    level, treble = levels_of(full, cell), levels_of(bright, cell)
    found: tuple[list[Candidate], list[Candidate]] = ([], [])
    for kind, (mine, other, audio) in enumerate(((level, treble, full), (treble, level, bright))):
        dips, falls, rises = find_dips(mine, _LEAST_DB, max(longest // cell, 1))
        for dip in dips:
            if dip.first < 80 or dip.last > mine.size - 80:
                continue
            inside = samples[(dip.first + 2) * cell : (dip.last - 2) * cell]
            if np.mean(inside[1:] == inside[:-1]) > _HELD:
                continue  # digital silence: whether that is damage, its exact edges tell better
            if mine[dip.first - 12 : dip.first - 2].mean() < SILENT_DB - 20.0 * kind:
                continue
            features = dip_evidence(dip, mine, other, falls, rises, audio, cell, rate_hz)
            if kind == 1 and features[1] > 0.6 * features[0]:
                continue  # all of the level falls: the first kind
            found[kind].append(Candidate(*edges_of(dip, mine, cell), features))
    return found
