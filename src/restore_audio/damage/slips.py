"""Sample slips: two clocks do not run alike, and now and then some samples are lost or come twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .record import Damaged, draw_places
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


def draw_slips(
    rng: np.random.Generator,
    audio: Samples,
    rate_hz: int,
    *,
    per_second: float = 0.5,
    length_ms: tuple[float, float] | None = None,
    avoid: Sequence[Span] = (),
) -> Slips:
    """Draw slips of 1 to 50 samples, half of them lost and half doubled."""
    low, high = LENGTHS if length_ms is None else (ms * rate_hz / 1000 for ms in length_ms)
    places = draw_places(
        rng,
        audio,
        rate_hz,
        (max(low, 1.0), max(high, 1.0)),
        per_second=per_second,
        avoid=avoid,
        all_channels=1.0,
    )
    return Slips(tuple(Slip(p.start, p.end, bool(rng.random() < 0.5)) for p in places))
