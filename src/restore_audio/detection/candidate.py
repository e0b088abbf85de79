"""What a detector hands to the verifier."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Samples


@dataclass(frozen=True)
class Candidate:
    """Samples ``start`` to ``end`` (exclusive) of one channel, and the evidence ``(features,)``."""

    start: int
    end: int
    features: Samples
