"""Samples in memory, as callers give them and as they are worked on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .settings import LOUDEST_SAMPLE, MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ

Samples = NDArray[np.float64]
"""Audio ``(C, T)`` or ``(T,)``, and whatever else is measured of it in double precision."""

Run = tuple[int, int]
"""First and last (exclusive) index."""


def as_audio(samples: ArrayLike, rate_hz: int) -> Samples:
    """Samples as ``(C, T)`` float64, checked.

    Args:
        samples: ``(C, T)`` or ``(T,)``, floating point in [-1, 1]; an array or lists.
        rate_hz: 8000 to 192000.

    Raises:
        ValueError: the shape, the type or the rate cannot be meant.
    """
    given = np.asarray(samples)
    if given.ndim not in (1, 2):
        raise ValueError(f"samples must be (channels, samples) or (samples,), got shape {given.shape}")
    if isinstance(samples, np.ndarray) and not np.issubdtype(given.dtype, np.floating):
        raise ValueError(
            f"samples must be floating point in [-1, 1], got {given.dtype}: divide by full scale, "
            f"for example by 32768 for int16"
        )
    audio = np.atleast_2d(np.asarray(given, dtype=np.float64))
    channels, length = audio.shape
    if channels > MAX_CHANNELS or channels > length > 0:
        raise ValueError(
            f"samples of shape {given.shape} would be {channels} channels of {length} samples: give "
            f"(channels, samples), for example samples.T of what soundfile reads"
        )
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate_hz}")
    return audio


def sane(block: Samples) -> Samples:
    """Samples with NaN in place of those that cannot be sound."""
    if np.abs(block).max(initial=0.0) <= LOUDEST_SAMPLE:
        return block
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(block) <= LOUDEST_SAMPLE, block, np.nan)


def runs_of(flags: NDArray[np.bool_]) -> list[Run]:
    """First and last (exclusive) index of each stretch of true values.

    >>> runs_of(np.array([True, False, True, True]))
    [(0, 1), (2, 4)]
    """
    edges = np.flatnonzero(np.diff(flags.view(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
