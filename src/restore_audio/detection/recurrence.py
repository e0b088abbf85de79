"""Whether a passage sounds again elsewhere: a dip that comes back with the beat is music, not damage.

In: the levels of a window and a stretch of it. Out: how far the likeliest other place is from it, in dB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..signal.convolution import fast_length
from .features import Levels

Floats = NDArray[np.float64]

# The weigher was trained on this: a change needs "python examples/train_detector.py export".
_FRAMES = 2
"""In a step."""

_BESIDE = 12
"""Frames beside the stretch that have to be alike as well: 50 ms on either side."""

_APART = 20
"""Frames by which the other place must be further away than the stretch is long."""

_LONGEST = 125
"""Frames of a passage, 0.5 s; of a longer one its beginning is compared."""

_GROUPS = 8
"""Bands are compared in so many groups."""

FAR_DB = 20.0
"""Difference where there is no other place."""


def recurrence(levels: Levels, channel: int, first: int, last: int) -> tuple[float, float]:
    """How like a stretch, with 50 ms on either side, is to the likeliest other place of its channel.

    Args:
        levels: of the window.
        channel: from 0.
        first, last: steps of the stretch, the last exclusive.

    Returns:
        The RMS difference in dB over time and bands, both made equally loud, and the share of the passage's
        variance that the other place does not explain.
    """
    bands = levels.bands[channel, :, :, : levels.usable].reshape(-1, levels.usable)
    groups = np.array_split(np.arange(levels.usable), min(_GROUPS, levels.usable))
    sound = np.stack([bands[:, group].mean(axis=1) for group in groups], axis=1).astype(np.float64)
    start = max(_FRAMES * first - _BESIDE, 0)
    end = min(_FRAMES * last + _BESIDE, start + _LONGEST, len(sound))
    length = end - start
    places = np.arange(len(sound) - length + 1)
    elsewhere = np.abs(places - start) >= _FRAMES * (last - first) + _APART
    if not elsewhere.any():
        return FAR_DB, 1.0
    passage = sound[start:end]
    sound = sound - passage.mean()
    passage = sound[start:end]
    size = fast_length(len(sound) + length)
    spectrum = np.fft.rfft(sound, size, axis=0) * np.conj(np.fft.rfft(passage, size, axis=0))
    products = np.fft.irfft(spectrum.sum(axis=1), size)[: places.size]
    count = passage.size
    energies, sums = (_sums(rows, length) for rows in ((sound**2).sum(axis=1), sound.sum(axis=1)))
    own = float((passage**2).sum())  # its mean is 0
    left = (energies + own - 2 * products) / count - (sums / count) ** 2
    least = max(float(left[elsewhere].min()), 0.0)
    return min(float(np.sqrt(least)), FAR_DB), min(least * count / max(own, 1e-9), 2.0)


def _sums(values: Floats, length: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums: Floats = total[length:] - total[:-length]
    return sums
