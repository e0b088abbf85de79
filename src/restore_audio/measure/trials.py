"""What a benchmark gives to methods: conditions, trials, and the protocols that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..spans import Span

Samples = NDArray[np.float64]

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
    """

    name: str
    value: float
    kind: str = "zeros"
    length_ms: float | None = None
    lost_share: float = 0.0
    burst_packets: float = 1.0
    rivals: bool = True


@dataclass(frozen=True)
class Trial:
    """A damaged recording and what is known about it.

    Attributes:
        clean, damaged: ``(C, T)``.
        rate_hz: sample rate.
        spans: the true damage, in order.
        told: methods may know the spans.
        before: the damaged recording is scored too, as it was given.
    """

    clean: Samples
    damaged: Samples
    rate_hz: int
    spans: tuple[Span, ...]
    told: bool
    before: bool = False


MakeTrials = Callable[[Samples, int, Condition, np.random.Generator, int], list[Trial]]


@dataclass(frozen=True)
class Protocol:
    """A name, what it means, its conditions, and how a trial is made.

    Attributes:
        told: positions are told; else they are to be found.
        axis: what ``Condition.value`` measures, or None where conditions are no scale.
        make: excerpt, rate, condition, generator and number of gaps to trials.
    """

    name: str
    title: str
    conditions: tuple[Condition, ...]
    told: bool
    axis: str | None
    make: MakeTrials
