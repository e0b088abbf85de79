"""Whether a passage sounds again elsewhere: a dip that comes back with the beat is music, not damage.

In: the levels of a window and a stretch of it. Out: how far the likeliest other place is from it, in dB.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    heard: _Heard = levels.kept(channel, lambda: _heard(levels, channel))
    sound = heard.sound
    start = max(_FRAMES * first - _BESIDE, 0)
    end = min(_FRAMES * last + _BESIDE, start + _LONGEST, len(sound))
    length = end - start
    places = np.arange(len(sound) - length + 1)
    elsewhere = np.abs(places - start) >= _FRAMES * (last - first) + _APART
    if not elsewhere.any():
        return FAR_DB, 1.0
    level = float(sound[start:end].mean())
    passage = sound[start:end] - level
    # Against the sound less the same level; the passage has none, so that the products do not change.
    products = heard.products(passage)[: places.size]
    count = passage.size
    sums = _windows(heard.sums, length) - count * level
    energies = _windows(heard.energies, length) - 2 * level * sums - count * level**2
    own = float((passage**2).sum())  # its mean is 0
    left = (energies + own - 2 * products) / count - (sums / count) ** 2
    least = max(float(left[elsewhere].min()), 0.0)
    return min(float(np.sqrt(least)), FAR_DB), min(least * count / max(own, 1e-9), 2.0)


@dataclass(frozen=True)
class _Heard:
    """What is made of a channel once, for all of its stretches.

    Attributes:
        sound: levels in groups of bands ``(frames, groups)``, less their mean.
        spectrum: along time, of ``size`` frames.
        energies, sums: over the groups and all frames before each, ``(frames + 1,)``.
    """

    sound: Floats
    spectrum: NDArray[np.complex128]
    size: int
    energies: Floats
    sums: Floats

    def products(self, passage: Floats) -> Floats:
        """Sum over groups and frames of a passage times the sound from each frame on."""
        spectrum = np.conj(np.fft.rfft(passage, self.size, axis=0))
        np.multiply(spectrum, self.spectrum, out=spectrum)
        products: Floats = np.fft.irfft(spectrum.sum(axis=1), self.size)
        return products


def _heard(levels: Levels, channel: int) -> _Heard:
    bands = levels.bands[channel, :, :, : levels.usable].reshape(-1, levels.usable)
    groups = np.array_split(np.arange(levels.usable), min(_GROUPS, levels.usable))
    sound = np.stack([bands[:, group].mean(axis=1) for group in groups], axis=1).astype(np.float64)
    sound -= sound.mean()  # differences count, and small numbers are exact
    size = fast_length(len(sound) + _LONGEST)
    energies, sums = (_before(rows) for rows in ((sound**2).sum(axis=1), sound.sum(axis=1)))
    return _Heard(sound, np.fft.rfft(sound, size, axis=0), size, energies, sums)


def _before(values: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(values)])


def _windows(totals: Floats, length: int) -> Floats:
    """Sums of ``length`` values from each place on."""
    sums: Floats = totals[length:] - totals[:-length]
    return sums
