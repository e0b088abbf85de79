"""What a detector hands to the verifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples


@dataclass(frozen=True)
class Candidate:
    """Samples ``start`` to ``end`` (exclusive) of one channel, and the evidence ``(features,)``.

    ``doubt`` is taken off the verifier's score: what speaks against damage beside that evidence.
    """

    start: int
    end: int
    features: Samples
    doubt: float = 0.0


def symmetries(distances: NDArray[np.int64], tolerance: int) -> int:
    """How many of the candidates before one have their like at the same distance behind it.

    Args:
        distances: of the others from the one, ``(N,)``; those before it are negative.
        tolerance: how far two distances may differ to be the same.
    """
    behind, before = np.sort(distances[distances > 0]), -distances[distances < 0]
    nearest = np.searchsorted(behind, before + tolerance, side="right")
    return int(np.count_nonzero(nearest > np.searchsorted(behind, before - tolerance)))
