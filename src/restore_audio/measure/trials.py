"""What a benchmark gives to methods, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Samples
from ..spans import Span


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
