"""What PEAQ (basic version) makes of the excitations of reference and test, before comparing them.

In: excitation patterns ``(C, K, B)`` of C channels, K frames and B = 109 bands. Out: patterns of the
same shape: smeared over time, adapted in level and spectrum, and their modulation. Each object keeps
its state, so a long recording can be passed in blocks of frames; all states start at zero.

Source: ITU-R BS.1387-1, Annex 2, sections 2 and 3; numbers of equations "K" are those of P. Kabal,
"An Examination and Interpretation of ITU-R BS.1387", McGill University, 2003.
"""

from __future__ import annotations

import numpy as np

from .ear import (
    BANDS,
    FRAMES_PER_SECOND,
    Array,
    Leaky,
    group,
    spread_bands,
    time_constant_decay,
)

SHARPNESS = 0.3  # exponent from energy to a rough loudness


def spread_excitation(weighted_power: Array) -> Array:
    """Bands with the ear's own noise, spread along frequency: ``(..., 1025)`` → ``(..., 109)``."""
    return spread_bands(group(weighted_power) + BANDS.internal_noise)


class ForwardMasking:
    """Smears an excitation over time, letting rises through at once (K32, K33)."""

    def __init__(self) -> None:
        decay = time_constant_decay(0.030)
        self._filter = Leaky(decay, 1 - decay)

    def __call__(self, spread: Array) -> Array:
        """Smear the next frames."""
        return np.maximum(self._filter(spread), spread)


class Modulation:
    """How much each band's envelope moves, and its mean (K65 to K67)."""

    def __init__(self) -> None:
        decay = time_constant_decay(0.050)
        self._mean = Leaky(decay, 1 - decay)
        self._change = Leaky(decay, 1 - decay)
        self._last: Array | None = None

    def __call__(self, spread: Array) -> tuple[Array, Array]:
        """Modulation and mean rough loudness of a spread (not smeared) excitation."""
        rough = spread**SHARPNESS
        last = np.zeros_like(rough[:, 0]) if self._last is None else self._last
        steps = np.abs(np.diff(rough, axis=1, prepend=last[:, None]))
        self._last = rough[:, -1].copy()
        mean = self._mean(rough)
        change = self._change(FRAMES_PER_SECOND * steps)
        return change / (1 + mean / SHARPNESS), mean


class Adaptation:
    """Takes slow differences in level and spectrum out of both excitations (K55 to K64)."""

    def __init__(self) -> None:
        decay = time_constant_decay(0.050)
        self._level_ref = Leaky(decay, 1 - decay)
        self._level_test = Leaky(decay, 1 - decay)
        self._cross = Leaky(decay, 1.0)
        self._energy = Leaky(decay, 1.0)
        self._correction_ref = Leaky(decay, 1 - decay)
        self._correction_test = Leaky(decay, 1 - decay)

    def __call__(self, ref: Array, test: Array) -> tuple[Array, Array]:
        """The adapted pair of smeared excitations."""
        level_ref, level_test = self._level_ref(ref), self._level_test(test)
        overlap = np.sqrt(level_ref * level_test).sum(-1, keepdims=True)
        ratio = (overlap / level_test.sum(-1, keepdims=True)) ** 2
        # The louder one comes down.
        ref = ref / np.maximum(ratio, 1.0)
        test = test * np.minimum(ratio, 1.0)

        # A band's gain from reference to test, over the last frames; again the louder one comes down.
        gain = self._cross(ref * test) / self._energy(ref * ref)
        pattern_ref = self._correction_ref(_mean_of_neighbours(np.minimum(gain, 1.0)))
        pattern_test = self._correction_test(_mean_of_neighbours(1 / np.maximum(gain, 1.0)))
        return ref * pattern_ref, test * pattern_test


def _mean_of_neighbours(values: Array) -> Array:
    """Mean over the bands m−3..m+4 that exist."""
    bands = values.shape[-1]
    total = np.zeros_like(values)
    count = np.zeros(bands)
    for shift in range(-3, 5):
        into = slice(max(0, -shift), min(bands, bands - shift))
        out_of = slice(max(0, shift), min(bands, bands + shift))
        total[..., into] += values[..., out_of]
        count[into] += 1
    return total / count


_KHZ = BANDS.centre_hz / 1000
_LOUDNESS_THRESHOLD = 10 ** (0.364 * _KHZ**-0.8)
_LOUDNESS_INDEX = 10 ** (0.1 * (-2 - 2.05 * np.arctan(_KHZ / 4) - 0.75 * np.arctan((_KHZ / 1.6) ** 2)))


def loudness_sone(smeared: Array) -> Array:
    """Loudness of each frame (K68 to K71): ``(..., B)`` → ``(...)``."""
    threshold, index = _LOUDNESS_THRESHOLD, _LOUDNESS_INDEX
    per_band = 1.07664 * (threshold / index / 1e4) ** 0.23
    per_band = per_band * ((1 - index + index * smeared / threshold) ** 0.23 - 1)
    return np.asarray(np.maximum(per_band, 0.0).sum(-1) * 24 / BANDS.centre_hz.size, dtype=np.float64)
