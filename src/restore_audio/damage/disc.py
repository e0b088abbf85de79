"""What CD and DAT players put in place of samples that they cannot read.

A single bad sample between good ones becomes the mean of its neighbours; the interleave of the disc spreads
a burst so that often every other sample is bad. Longer ones hold the last good value and join the next one by
a line; still longer ones are muted with short ramps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .kinds import DISC_METHODS
from .record import Damaged, Draft

_KINDS = {"mean": "interpolated", "hold": "interpolated", "mute": "zeros"}
_LENGTHS = {"mean": (1.0, 60.0), "hold": (3.0, 60.0), "mute": (7.0, 1300.0)}
"""Samples: from one error to some frames of 588 bits; a muted DAT block lasts up to 30 ms."""


@dataclass(frozen=True)
class Unread:
    """Samples ``start`` to ``end`` of one channel are made up.

    Attributes:
        method: one of :data:`~.kinds.DISC_METHODS`: ``mean`` of the neighbours for every other sample
            from ``start`` on; ``hold`` the last good value, then a line to the next; ``mute``.
        ramp_samples: ``hold``: length of the line; ``mute``: of each of the two ramps,
            between which at least one sample is zero.
    """

    start: int
    end: int
    channel: int
    method: str
    ramp_samples: int = 0

    def __post_init__(self) -> None:
        if self.method not in DISC_METHODS or not 1 <= self.start < self.end:
            raise ValueError(f"no player fills {self.start} to {self.end} by {self.method!r}")


@dataclass(frozen=True)
class Disc:
    """Errors of a disc or a digital tape."""

    name: ClassVar[str] = "disc"
    unread: tuple[Unread, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``interpolated`` or ``zeros``."""
        samples = before.samples.copy()
        for error in self.unread:
            _make_up(samples[error.channel], error)
        return before.struck(
            samples, [Span(e.start, e.end, e.channel, _KINDS[e.method]) for e in self.unread]
        )


def _make_up(samples: Samples, error: Unread) -> None:
    start, end = error.start, min(error.end, samples.size - 1)
    if error.method == "mean":
        bad = np.arange(start, end, 2)
        samples[bad] = 0.5 * (samples[bad - 1] + samples[bad + 1])
    elif error.method == "hold":
        line = min(error.ramp_samples, end - start)
        held, after = samples[start - 1], samples[end]
        samples[start : end - line] = held
        samples[end - line : end] = held + (after - held) * np.arange(1, line + 1) / (line + 1)
    else:
        inside = end - start
        ramp = min(error.ramp_samples, (inside - 1) // 2)  # a mute reaches zero
        distance = np.minimum(np.arange(inside) + 1, inside - np.arange(inside))
        samples[start:end] *= np.clip(1 - distance / (ramp + 1), 0, 1)


def draw_disc(draft: Draft, *, method: str) -> Disc:
    """Draw errors of a disc, four in ten in one channel alone.

    Args:
        method: one of :data:`~.kinds.DISC_METHODS`.
    """
    rng = draft.rng
    unread: list[Unread] = []
    low, high = _LENGTHS[method] if draft.length_ms is None else draft.samples(draft.length_ms)
    for place in draft.places((max(low, 1.0), max(high, 1.0)), all_channels=0.6):
        length = place.end - place.start
        ramp = int(rng.integers(3, 11)) if method == "hold" else int(rng.integers(1, 33))
        if method == "mean":
            length += 1 - length % 2  # it ends with a made-up sample, as it starts
            ramp = 0
        elif method == "hold":
            length = max(length, ramp + 2)
        end = place.start + length
        unread += [
            Unread(place.start, end, channel, method, ramp)
            for channel in place.channels
            if end < draft.audio.shape[1]
        ]
    return Disc(tuple(unread))
