"""Columns of a benchmark's tables: what distinguishes one kind of damage from the next."""

from __future__ import annotations

from dataclasses import dataclass

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
