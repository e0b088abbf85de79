"""A gap, and the one walk over the gaps of a recording.

In: samples ``(C, T)`` and the spans to fill. Out: gaps, channel by channel and in order of time, each with
the healthy samples around it.

::

    audio     ───────▒▒▒▒──────────▒▒▒▒▒▒───────
                          first   start end    last      (of the second gap)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..spans import Span, merge_spans
from .memory import Memory


@dataclass(frozen=True)
class Gap:
    """Samples ``start`` to ``end`` (exclusive) of one channel, and what is around them.

    Attributes:
        audio: all channels ``(C, T)``; gaps that were filled before are filled in it.
        lost: which of its samples are or were damaged, ``(C, T)``.
        channel: of the gap.
        start, end: of the gap.
        first, last: the channel is healthy or filled from ``first`` to ``start``, from ``end`` to ``last``.
        rate_hz: sample rate.
        kind: of its damage (:data:`restore_audio.spans.KINDS`).
        method: how it is to be filled, if not as all others.
        memory: the whole recording, where it can be looked at.
        offset: where ``audio`` begins in it.
    """

    audio: Samples
    lost: NDArray[np.bool_]
    channel: int
    start: int
    end: int
    first: int
    last: int
    rate_hz: int
    kind: str = "given"
    method: str | None = None
    memory: Memory | None = None
    offset: int = 0

    @property
    def length(self) -> int:
        """Samples missing."""
        return self.end - self.start

    @property
    def length_ms(self) -> float:
        """Milliseconds missing."""
        return self.length * 1000 / self.rate_hz

    @property
    def mine(self) -> Samples:
        """The channel of the gap, ``(T,)``."""
        channel: Samples = self.audio[self.channel]
        return channel

    @property
    def healthy(self) -> NDArray[np.bool_]:
        """Samples of the channel that were never damaged, ``(T,)``."""
        healthy: NDArray[np.bool_] = ~self.lost[self.channel]
        return healthy

    @property
    def before(self) -> Samples:
        """Samples of the channel up to the gap."""
        return self.mine[self.first : self.start]

    @property
    def after(self) -> Samples:
        """Samples of the channel from the gap on."""
        return self.mine[self.end : self.last]


@dataclass(frozen=True)
class Prediction:
    """A fill, shape ``(gap,)``, and the energy of the error that its models expect of it, to choose by."""

    samples: Samples
    expected_error: float


def walk_gaps(
    audio: Samples,
    spans: Iterable[Span],
    rate_hz: int,
    *,
    others: Iterable[Span] = (),
    look_through: bool = True,
    memory: Memory | None = None,
    offset: int = 0,
) -> Iterator[Gap]:
    """The gaps to fill, one after the other.

    Args:
        audio: ``(C, T)``; the caller may write each fill into it before taking the next gap.
        spans: what is to be filled; those of a channel that touch are one gap.
        rate_hz: sample rate.
        others: damaged as well, but not filled; none touches a span of its channel.
        look_through: the stretch before a gap reaches through the gap before it, which is filled by then;
            else it begins behind it.
        memory, offset: handed on to the gaps.

    Raises:
        ValueError: a span lies outside the samples.
    """
    wanted, left = merge_spans(spans), merge_spans(others)
    lost = np.zeros(audio.shape, dtype=bool)
    for span in (*wanted, *left):
        if span.end > audio.shape[1] or span.channel >= audio.shape[0]:
            raise ValueError(f"{span} lies outside of samples {audio.shape}")
        lost[span.channel, span.start : span.end] = True
    for channel in sorted({span.channel for span in wanted}):
        damage = sorted(
            [(s.start, s.end, s) for s in wanted if s.channel == channel]
            + [(s.start, s.end, None) for s in left if s.channel == channel],
            key=lambda entry: entry[:2],
        )
        edges = [0, *(edge for start, end, _ in damage for edge in (start, end)), audio.shape[1]]
        for number, (start, end, gap) in enumerate(damage):
            if gap is None:
                continue
            through = look_through and number > 0 and damage[number - 1][2] is not None
            first = edges[2 * number - 2 if through else 2 * number]
            last, how = edges[2 * number + 3], gap.method
            yield Gap(audio, lost, channel, start, end, first, last, rate_hz, gap.kind, how, memory, offset)
