"""What a detector hands to the verifier, and the company in which candidates lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples

_COMPANY_CELLS, _ALIKE = 5000, 0.35
"""2.5 s on either side, a bar of music or more; and how high others must be, in the one's own height."""

_EQUAL_CELLS = 2
"""1 ms: how exactly the distances of a rhythm are equal."""

_RHYTHM_SCORE = 3.0
"""Pairs of candidates as high at equal distances before and behind are a rhythm; taken off for each doubling
beyond the first, which is chance. Chosen with the clicks' other scores."""


@dataclass(frozen=True)
class Candidate:
    """Samples ``start`` to ``end`` (exclusive) of one channel, and the evidence ``(features,)``.

    ``doubt()`` is taken off the verifier's score: what speaks against damage beside that evidence. It is
    never negative, and only asked for where the evidence alone does not rule damage out.
    """

    start: int
    end: int
    features: Samples
    doubt: Callable[[], float] = float


def symmetries(distances: NDArray[np.int64], tolerance: int) -> int:
    """How many of the candidates before one have their like at the same distance behind it.

    Args:
        distances: of the others from the one, ``(N,)``; those before it are negative.
        tolerance: how far two distances may differ to be the same.
    """
    behind, before = np.sort(distances[distances > 0]), -distances[distances < 0]
    nearest = np.searchsorted(behind, before + tolerance, side="right")
    return int(np.count_nonzero(nearest > np.searchsorted(behind, before - tolerance)))


def company(peaks: NDArray[np.floating], places: NDArray[np.int64], place: int) -> tuple[int, int]:
    """How many others that are a third as high lie around a candidate, and pairs of them at equal distances.

    Args:
        peaks: of the prediction error, in cells of 0.5 ms.
        places: cells of all candidates, in order.
        place: cell of the one.
    """
    first, last = np.searchsorted(places, (place - _COMPANY_CELLS, place + _COMPANY_CELLS))
    others = places[first:last]
    others = others[(others != place) & (peaks[others] > _ALIKE * peaks[place])]
    return others.size, symmetries(others - place, _EQUAL_CELLS)


def company_doubt(alike: int, pairs: int, *, most_alike: int, crowd_score: float) -> float:
    """What is taken off a candidate's score for its :func:`company`.

    Args:
        alike: others that are a third as high.
        pairs: of others at equal distances.
        most_alike: others that cost nothing.
        crowd_score: taken off for each doubling beyond them.
    """
    crowd = crowd_score * math.log2(max(alike / most_alike, 1.0))
    return crowd + _RHYTHM_SCORE * math.log2(max(pairs, 1))
