"""Stretches that equal, sample for sample, something played earlier.

In: one channel of a window. Out: every such stretch of at least 64 samples, at any distance up to a limit.

Sounds that were recorded never repeat to the last bit; buffers that are played again do, and so does music
that a machine plays: which of the two it is, :mod:`.repeats` decides.

Content finds its own anchors: a hash of three neighbouring samples says which samples are looked up (one in
eight), so that copies agree on theirs wherever they lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal import screens

SHORTEST_SAMPLES = 64
"""The smallest buffers that are in use; eight anchors lie in one, on average."""

MOST_MATCHES = 2000
"""Windows with more stretches than this are music that repeats itself by design."""

_ANCHORS = np.uint32(1 << 29)
"""Hashes below this (one in eight) are anchors."""

_PROBE = 8
"""Samples behind an anchor that have to agree before a stretch is measured."""

_ODD = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)
"""Odd multipliers whose bits are well mixed (the constants of common 32-bit hashes)."""

_PLACE_BITS = np.uint64(24)
"""Bits of a sort key that hold the place: windows are shorter than 2^24 samples."""


@dataclass(frozen=True, order=True)
class Match:
    """Samples ``start`` to ``end`` (exclusive) equal those ``lag`` before; their neighbours do not."""

    start: int
    end: int
    lag: int

    @property
    def length(self) -> int:
        """Samples."""
        return self.end - self.start


def find_matches(samples: Samples, longest_lag: int) -> list[Match]:
    """All stretches of at least :data:`SHORTEST_SAMPLES` that equal an earlier one, in order.

    Of several earlier ones that equal a stretch, the nearest is found. Stretches in which samples rest on
    their value are not looked at: those are runs. Empty if there are more than :data:`MOST_MATCHES`.

    Args:
        samples: ``(T,)``, finite.
        longest_lag: how much earlier, in samples.
    """
    if samples.size < 2 * SHORTEST_SAMPLES:
        return []
    late, lag = _pairs(samples, longest_lag)
    order = np.lexsort((late, lag))
    late, lag = late[order], lag[order]
    first = np.ones(late.size, dtype=bool)
    first[1:] = (np.diff(lag) != 0) | (np.diff(late) > SHORTEST_SAMPLES)
    if np.count_nonzero(first) > MOST_MATCHES:
        return []
    found: list[Match] = []
    for place, distance in zip(late[first].tolist(), lag[first].tolist(), strict=True):
        if found and found[-1].lag == distance and found[-1].end > place:
            continue
        found.append(_extended(samples, place, distance))
    return sorted(match for match in found if match.length >= SHORTEST_SAMPLES)


def _pairs(samples: Samples, longest_lag: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places at which eight samples equal those ``lag`` before, and the lags."""
    keys = screens.find_anchors(samples, int(_ANCHORS), _ODD)
    if keys is not None:
        pairs = screens.pair_anchors(samples, keys, (SHORTEST_SAMPLES, longest_lag), _PROBE)
        if pairs is not None:
            return pairs
    return _sorted_pairs(samples, _keys(samples) if keys is None else keys, longest_lag)


def _sorted_pairs(
    samples: Samples, keys: NDArray[np.uint64], longest_lag: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As :func:`..signal.screens.pair_anchors`, where that is not compiled."""
    keys.sort()
    same = np.flatnonzero(keys[1:] >> _PLACE_BITS == keys[:-1] >> _PLACE_BITS)
    places = (keys & np.uint64((1 << 24) - 1)).astype(np.int64)
    late, lag = places[same + 1], places[same + 1] - places[same]
    near = (lag >= SHORTEST_SAMPLES) & (lag <= longest_lag)
    late, lag = late[near], lag[near]
    for step in range(_PROBE):
        equal = samples[late + step] == samples[late + step - lag]
        late, lag = late[equal], lag[equal]
    return late, lag


def _keys(samples: Samples) -> NDArray[np.uint64]:
    """As :func:`..signal.screens.find_anchors`, where that is not compiled."""
    odd = np.array(_ODD, dtype=np.uint32)
    high = np.ascontiguousarray(samples).view(np.uint32)[1::2]  # sign, exponent and the first 20 bits
    hashes = high[:-2] * odd[0]
    hashes += high[1:-1] * odd[1]
    hashes += high[2:] * odd[2]
    hashes ^= hashes >> np.uint32(15)
    hashes *= odd[0]
    at = np.flatnonzero(hashes < _ANCHORS)
    at = at[at < samples.size - _PROBE]
    moving = np.ones(at.size, dtype=bool)
    for step in range(4):
        moving &= samples[at + step] != samples[at + step + 1]
    at = at[moving]
    keys = (hashes[at].astype(np.uint64) << np.uint64(32)) ^ (hashes[at + 4].astype(np.uint64) << _PLACE_BITS)
    return np.asarray((keys >> _PLACE_BITS << _PLACE_BITS) | at.astype(np.uint64))


def _extended(samples: Samples, place: int, lag: int) -> Match:
    """The whole stretch around ``place`` that equals what lies ``lag`` before."""
    step = 4096
    end = place
    while end < samples.size:
        stop = min(end + step, samples.size)
        different = np.flatnonzero(samples[end:stop] != samples[end - lag : stop - lag])
        if different.size:
            end += int(different[0])
            break
        end = stop
    start = place
    while start > lag:
        stop = max(start - step, lag)
        different = np.flatnonzero(samples[stop:start] != samples[stop - lag : start - lag])
        if different.size:
            start = stop + int(different[-1]) + 1
            break
        start = stop
    return Match(start, end, lag)
