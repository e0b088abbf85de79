"""Powers of frequency bands in many short frames, compiled where it can be (``bands.c``).

In: samples ``(T,)`` float32 and bands of bins. Out: a row for each frame. NumPy transforms one frame at a
time; compiled, eight are transformed at once, one in each lane of a vector, in a quarter of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .library import at

Floats = NDArray[np.float32]
Counts = NDArray[np.long]

_AT_ONCE = 128
"""Frames: few enough for the processor's cache."""

_LANES = 8


@dataclass(frozen=True)
class Bands:
    """How frames are weighed.

    Attributes:
        window: ``(N,)``, N even.
        weights: of bins in bands, ``(bins, B)``, bins at most N / 2 + 1.
    """

    window: Floats
    weights: Floats

    @cached_property
    def _edges(self) -> tuple[Counts, Counts]:
        """First and last bin (exclusive) of each band."""
        used = self.weights != 0.0
        last = np.where(used.any(axis=0), len(used) - used[::-1].argmax(axis=0), 0)
        return used.argmax(axis=0).astype(np.long), last.astype(np.long)

    def powers(self, samples: Floats, hop: int, count: int, out: Floats) -> None:
        """Powers of ``count`` frames, the first at sample 0, into ``out``, shape (count, B)."""
        size, (bins, bands) = self.window.size, self.weights.shape
        factors = _factors(size // 2)
        if kernels.LIBRARY is not None and factors is not None and count:
            assert samples.dtype == out.dtype == np.float32
            assert samples.size >= (count - 1) * hop + size
            assert out.shape == (count, bands)
            assert out.flags.c_contiguous
            room = np.empty(_LANES * (2 * size + size // 2 + 2), np.float32)
            work = room[-room.ctypes.data % (4 * _LANES) // 4 :]  # vectors are aligned
            first, last = self._edges
            kernels.LIBRARY.band_powers(
                *(at(np.ascontiguousarray(samples)), size, hop, count, at(self.window), at(_turns(size))),
                *(at(factors), factors.size, at(self.weights), at(first), at(last), bands, at(work), at(out)),
            )
            return
        frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
        for start in range(0, count, _AT_ONCE):
            some = slice(start, min(start + _AT_ONCE, count))
            spectrum = np.fft.rfft(frames[some] * self.window)[:, :bins]
            power = np.square(spectrum.real)
            power += np.square(spectrum.imag)
            np.matmul(power, self.weights, out=out[some])


def difference_powers(
    samples: Floats, total: Floats | None, share: float, size: int
) -> tuple[Floats, Floats, Floats | None]:
    """Mean squares of differences in cells of ``size`` samples.

    Args:
        samples: ``(2 + N · size,)``, the first two only to be compared with.
        total: of all channels, of the same shape; None where there is one channel.
        share: one over the number of the others.
        size: of a cell.

    Returns:
        Of the first difference, of the second, and of the first of what the other channels do not share (None
        without ``total``), each ``(N,)``.
    """
    count = (samples.size - 2) // size
    if kernels.LIBRARY is not None:
        made = np.empty((3 if total is not None else 2, count), np.float32)
        rows = [at(row) for row in made] + [None]
        kernels.LIBRARY.difference_powers(
            *(at(np.ascontiguousarray(samples)), None if total is None else at(np.ascontiguousarray(total))),
            *(share, size, count, *rows[:3]),
        )
        made *= np.float32(1 / size)
        return made[0], made[1], made[2] if total is not None else None
    first = np.diff(samples)
    second = np.diff(first)
    apart = None
    if total is not None:
        apart = _mean_squares((first - np.diff((total - samples) * np.float32(share)))[1:], size)
    return _mean_squares(first[1:], size), _mean_squares(second, size), apart


def _mean_squares(values: Floats, size: int) -> Floats:
    cells = values.reshape(-1, size)
    return np.asarray(np.einsum("ij,ij->i", cells, cells) * np.float32(1 / size))


@lru_cache(maxsize=8)
def _turns(size: int) -> Floats:
    """Cosine and sine of each of ``size`` parts of a turn, ``(size, 2)``."""
    angles = 2 * np.pi / size * np.arange(size)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _factors(size: int) -> Counts | None:
    """Of the transform's length: fours, then primes; None if one is above 13."""
    factors = []
    for factor in (4, 2, 3, 5, 7, 11, 13):
        while size % factor == 0:
            factors.append(factor)
            size //= factor
    return np.array(factors, np.long) if size == 1 else None
