"""Sample slips: two clocks do not run alike, and now and then some samples are lost or come twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .record import Damaged, Draft
from .shifts import taken

LENGTHS = (1.0, 50.0)
"""Shortest and longest slip in samples."""


@dataclass(frozen=True)
class Slip:
    """Samples ``start`` to ``end`` of all channels are lost, or come twice."""

    start: int
    end: int
    doubled: bool = False


@dataclass(frozen=True)
class Slips:
    """Slips in order, none overlapping another."""

    name: ClassVar[str] = "slips"
    slips: tuple[Slip, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``splice``; the recording becomes shorter or longer."""
        pieces, at = [], 0
        for slip in self.slips:
            pieces.append(np.arange(at, slip.end if slip.doubled else slip.start))
            at = slip.start if slip.doubled else slip.end
        pieces.append(np.arange(at, before.samples.shape[1]))
        return taken(before, np.concatenate(pieces))


def draw_slips(draft: Draft) -> Slips:
    """Draw slips of 1 to 50 samples, half of them lost and half doubled."""
    low, high = LENGTHS if draft.length_ms is None else draft.samples(draft.length_ms)
    places = draft.places((max(low, 1.0), max(high, 1.0)), all_channels=1.0)
    return Slips(tuple(Slip(p.start, p.end, bool(draft.rng.random() < 0.5)) for p in places))
