"""Short bursts of noise: 2 to 40 ms in which nothing is as prediction says, with two steep edges.

In: one channel of a window and its prediction error. Out: candidates, each with the evidence that
:mod:`.verifier` weighs. A drum or a consonant begins as steeply, but does not end so.
"""

from __future__ import annotations

import numpy as np

from .candidate import Candidate
from .dip_evidence import dip_evidence, edges_of, levels_of
from .dips import Dip, find_dips
from .measures import SILENT_DB, Samples, cell_samples, samples_of
from .screen import Floats

LONGEST_MS = 40.0
_LEAST_DB = 6.0
_STEADY_DB = 20.0
"""Where the level changes by more, a sound begins or ends."""


def find_bursts(samples: Samples, error: Floats, rate_hz: int) -> list[Candidate]:
    """Stretches that may be bursts of noise.

    Args:
        samples: ``(T,)``, finite.
        error: prediction error ``(T,)``.
        rate_hz: sample rate.
    """
    cell = 2 * cell_samples(rate_hz)
    if samples.size < 600 * cell:
        return []
    unforeseen = error.astype(np.float64)
    mine, other = -levels_of(unforeseen, cell), -levels_of(samples, cell)
    dips, falls, rises = find_dips(mine, _LEAST_DB, samples_of(LONGEST_MS, rate_hz) // cell)
    found = []
    for dip in dips:
        if dip.first < 80 or dip.last > mine.size - 80 or -other[dip.first : dip.last].mean() < SILENT_DB:
            continue
        level_before, level_after = (-other[cells].mean() for cells in _sides(dip))
        if min(level_before, level_after) < SILENT_DB or abs(level_before - level_after) > _STEADY_DB:
            continue
        features = dip_evidence(dip, mine, other, falls, rises, unforeseen, cell, rate_hz)
        found.append(Candidate(*edges_of(dip, mine, cell), features))
    return found


def _sides(dip: Dip) -> tuple[slice, slice]:
    return slice(dip.first - 22, dip.first - 2), slice(dip.last + 2, dip.last + 22)
