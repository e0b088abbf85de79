"""Buffers that a capture or playback program gets wrong: again, too old, missing, or empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..spans import Span
from .kinds import BUFFER_FAULTS
from .record import Damaged, Draft
from .shifts import cut_out

SIZES = (64, 128, 256, 441, 480, 512, 882, 960, 1024, 2048, 4096)
"""Of buffers, in samples: powers of two, and 10 and 20 ms."""

OLDEST_S = 2.0


@dataclass(frozen=True)
class Buffer:
    """Samples ``start`` to ``end`` of all channels go wrong.

    Attributes:
        start, end: where, in samples of the recording before the step.
        fault: one of :data:`~.kinds.BUFFER_FAULTS`.
        distance_samples: how much older the content is that is played instead (``repeated``, ``stale``).
    """

    start: int
    end: int
    fault: str
    distance_samples: int = 0

    def __post_init__(self) -> None:
        if self.fault not in BUFFER_FAULTS or not 0 <= self.start < self.end:
            raise ValueError(f"no buffer goes wrong as {self.fault!r} at {self.start} to {self.end}")


@dataclass(frozen=True)
class Buffers:
    """Buffers that go wrong, in order, none overlapping another."""

    name: ClassVar[str] = "buffers"
    buffers: tuple[Buffer, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``repeat``, ``zeros`` or ``splice``; a dropped buffer makes the recording shorter."""
        samples = before.samples.copy()
        spans = []
        for buffer in self.buffers:
            if buffer.fault == "dropped":
                continue
            inside = slice(buffer.start, buffer.end)
            if buffer.fault == "zeroed":
                samples[:, inside] = 0.0
            else:
                distance = min(buffer.distance_samples, buffer.start)
                old = before.samples[:, buffer.start - distance : buffer.end - distance]
                fits = (
                    min(distance, buffer.end - buffer.start) if buffer.fault == "repeated" else old.shape[1]
                )
                samples[:, inside] = np.resize(old[:, :fits].T, (buffer.end - buffer.start, len(old))).T
            kind = "zeros" if buffer.fault == "zeroed" else "repeat"
            spans += [Span(buffer.start, buffer.end, channel, kind) for channel in range(len(samples))]
        struck = before.struck(samples, spans)
        return cut_out(struck, [(b.start, b.end) for b in self.buffers if b.fault == "dropped"])


def draw_buffers(draft: Draft, *, fault: str) -> Buffers:
    """Draw buffers of 64 to 4096 samples that go wrong.

    Args:
        fault: one of :data:`~.kinds.BUFFER_FAULTS`.
    """
    rng = draft.rng
    limits = draft.samples((0, 0)) if draft.length_ms else (SIZES[0], SIZES[-1])
    drawn = []
    for place in draft.places(limits, all_channels=1.0):
        size = place.end - place.start
        if draft.length_ms is None:
            size = min(SIZES, key=lambda s: abs(np.log(s / size)))
        times = int(rng.integers(1, 4)) if fault == "repeated" and rng.random() < 0.3 else 1
        end = min(place.start + size * times, draft.audio.shape[1])
        distance = size
        if fault == "stale":
            furthest = min(place.start, round(OLDEST_S * draft.rate_hz))
            distance = int(rng.integers(size + 1, furthest + 1)) if furthest > size else size
        drawn.append(Buffer(place.start, end, fault, 0 if fault in ("dropped", "zeroed") else distance))
    return Buffers(tuple(drawn))
