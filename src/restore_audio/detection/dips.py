"""How far a dip of the level stands out from what else its recording does at the same scale.

In: the levels of a window and a stretch of it. Out: for the level of the first and of the second difference,
and for three groups of bands, how deep the stretch lies below the lower one of its sides, and how much deeper
that is than elsewhere in the window. Beating tones, drum rolls and gates dip again and again; a dropout
seldom does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .features import Levels

Floats = NDArray[np.float32]
Sums = NDArray[np.float64]

# The weigher was trained on this: a change needs "python examples/train_detector.py export".
_SIDE_MS = (8, 40)
"""Shortest and longest side that a stretch is compared with; in between they are as long as it is."""

_LONGEST_MS = 256
"""Of what is longer the beginning is compared."""

_NEAR_MS = 3
"""The dip is where it is deepest, so near to the stretch's beginning."""

_APART_MS = 20
"""Elsewhere is what is further away than the stretch and its sides are long, and this."""

_FRAME_MS = 4
_GROUPS = 3
_SHARES = (0.9, 0.98, 1.0)
"""Elsewhere, so large a share of all places dips less deep."""

DIPS = (
    *(
        f"{words} of the {name}"
        for name in ("level", "treble")
        for words in ("dip", "dip beyond most", "dip beyond nearly all", "dip beyond the deepest elsewhere")
    ),
    *(
        f"{words} of the {name}"
        for name in ("lows", "middles", "highs")
        for words in ("fall", "fall beyond nearly all")
    ),
)
"""What :meth:`Dips.measures` returns."""


class Dips:
    """Dips of all stretches of one window, whose levels are summed once."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._sums: dict[int, list[tuple[int, Sums]]] = {}

    def measures(self, channel: int, first_ms: int, last_ms: int) -> list[float]:
        """:data:`DIPS` of a stretch, in dB.

        Args:
            channel: from 0.
            first_ms, last_ms: of the stretch, in milliseconds of the window, the last exclusive.
        """
        if channel not in self._sums:
            self._sums[channel] = _summed(self._levels, channel)
        level, treble, *groups = (
            _against(sums, first_ms, last_ms, cell_ms) for cell_ms, sums in self._sums[channel]
        )
        return [*level, *treble, *(value for own, _, most, _ in groups for value in (own, most))]


def _summed(levels: Levels, channel: int) -> list[tuple[int, Sums]]:
    """Milliseconds of a cell and running sums: of the two differences' levels and the groups of bands."""
    fine = levels.fine[channel]
    bands = levels.bands[channel].reshape(-1, levels.bands.shape[-1])
    groups = np.array_split(np.arange(levels.usable), _GROUPS)
    return [
        *((1, _sums(fine[:, order].reshape(-1))) for order in (0, 1)),
        *((_FRAME_MS, _sums(bands[:, g[0] : g[-1] + 1].mean(axis=1))) for g in groups),
    ]


def _sums(level: Floats) -> Sums:
    """Running sums; beyond its ends the level is taken to go on as it was there."""
    padded = np.pad(level, _SIDE_MS[1], mode="edge")
    return np.concatenate([[0.0], np.cumsum(padded, dtype=np.float64)])


def _against(sums: Sums, first_ms: int, last_ms: int, cell_ms: int) -> list[float]:
    """The dip, and how far it exceeds each of the :data:`_SHARES` of those elsewhere."""
    length = max(min(last_ms - first_ms, _LONGEST_MS) // cell_ms, 1)
    side = max(min(max(last_ms - first_ms, _SIDE_MS[0]), _SIDE_MS[1]) // cell_ms, 1)
    found = _all(sums, length, side)
    if not found.size:
        return [0.0] * (1 + len(_SHARES))
    at, near = min(first_ms // cell_ms, found.size - 1), -(-_NEAR_MS // cell_ms)
    own = float(found[max(at - near, 0) : at + near + 1].max())
    apart = length + side + _APART_MS // cell_ms
    elsewhere = np.concatenate([found[: max(at - apart, 0)], found[at + apart :]])
    if not elsewhere.size:
        return [own] * (1 + len(_SHARES))
    places = [min(int(share * elsewhere.size), elsewhere.size - 1) for share in _SHARES]
    elsewhere.partition(places)
    return [own, *(own - float(elsewhere[place]) for place in places)]


def _all(sums: Sums, length: int, side: int) -> Floats:
    """How far each ``length`` cells lie below the lower of the ``side`` cells before and after them."""
    sums = sums[_SIDE_MS[1] - side : sums.size - _SIDE_MS[1] + side]
    count = max(sums.size - 2 * side - length, 0)
    around = sums[side:] - sums[:-side]
    inside = sums[side + length : side + length + count] - sums[side : side + count]
    lower = np.minimum(around[:count], around[side + length : side + length + count])
    return np.asarray(lower / side - inside / length, dtype=np.float32)
