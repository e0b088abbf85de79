"""What a benchmark does to a recording and gives to methods, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that the list of protocols needs no NumPy
    from ..arrays import Samples
    from ..spans import Span

CLEAN = "clean"
"""Kind of a condition without damage."""


@dataclass(frozen=True)
class Condition:
    """One column of a table.

    Attributes:
        name: as people read it.
        value: its place on the axis of a curve, in milliseconds or per cent.
        kind: of damage, for ``blind``; ``clean`` for none.
        length_ms: of each gap or packet; None for the kind's own lengths.
        lost_share: of packets.
        burst_packets: mean number of packets that are lost in a row.
        rivals: other programs are measured in it.
        band_share: of the sample rate that the recording went through.
    """

    name: str
    value: float
    kind: str = "zeros"
    length_ms: float | None = None
    lost_share: float = 0.0
    burst_packets: float = 1.0
    rivals: bool = True
    band_share: float = 1.0


@dataclass(frozen=True)
class Trial:
    """A damaged recording and what is known about it.

    Attributes:
        clean, damaged: ``(C, T)``.
        spans: the true damage, in order.
        told: methods may know the spans.
        before: the damaged recording is scored too, as it was given.
        band_share: of the band that is left of it.
    """

    clean: Samples
    damaged: Samples
    rate_hz: int
    spans: tuple[Span, ...]
    told: bool
    before: bool = False
    band_share: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What a method made of a trial.

    Attributes:
        samples: ``(C, T)``, or None with ``trouble``.
        found: spans that it found; None if it was told, or does not say.
        seconds, peak_mb: wall clock and largest resident size, MB (None where the system does not tell).
        trouble: why there is nothing.
    """

    samples: Samples | None
    found: tuple[Span, ...] | None
    seconds: float
    peak_mb: float | None
    trouble: str | None = None
