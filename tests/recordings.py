"""Recordings that tests make for themselves: notes of a few partials over a little noise, and holes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

Samples = NDArray[np.float64]


def music(seconds: float = 2.0, rate_hz: int = 44_100, channels: int = 1, seed: int = 0) -> Samples:
    """``(C, T)``: a melody of plucked notes, each channel a little different, peak about 0.5."""
    rng = np.random.default_rng(seed)
    total = round(seconds * rate_hz)
    time = np.arange(total) / rate_hz
    audio = 1e-4 * rng.standard_normal((channels, total))
    for start in np.arange(-0.3, seconds, 0.23):
        pitch = 110 * 2 ** (rng.integers(0, 25) / 12)
        sounding = slice(max(round(start * rate_hz), 0), round((start + 1.5) * rate_hz))
        age = time[sounding] - start
        shape = np.minimum(age / 0.01, 1) * np.exp(-age / 0.4) * (1 - np.minimum(age / 1.5, 1)) ** 0.5
        for partial in range(1, 9):
            if pitch * partial < 0.45 * rate_hz:
                phase = rng.uniform(0, 2 * np.pi)
                wave = shape * np.sin(2 * np.pi * pitch * partial * age + phase) / partial
                audio[:, sounding] += wave * (1 + 0.2 * rng.standard_normal((channels, 1)))
    return 0.5 * audio / np.max(np.abs(audio))


def holes(audio: Samples, places: Sequence[tuple[int, int]], channel: int | None = None) -> Samples:
    """A copy with zeros from ``start`` on for ``length`` samples."""
    damaged = audio.copy()
    for start, length in places:
        damaged[slice(None) if channel is None else channel, start : start + length] = 0
    return damaged


def sdr_db(clean: Samples, made: Samples) -> float:
    """Signal-to-distortion ratio over everything, written here once more: no test asks the code it tests."""
    return float(10 * np.log10(np.sum(clean**2) / np.sum((clean - made) ** 2)))


def colourful(seed: int, samples: int) -> Samples:
    """Noise with a spectrum, that AR cannot foresee for long."""
    rng = np.random.default_rng(seed)
    return np.asarray(0.1 * lfilter([1.0], [1.0, -1.2, 0.6], rng.standard_normal(samples)))


def in_16_bit(audio: Samples) -> Samples:
    """Rounded as a file of 16 bit holds it."""
    return np.rint(audio * 32768) / 32768


def save(path: Path, audio: Samples, rate_hz: int = 44_100, subtype: str | None = "PCM_16") -> Path:
    """Write a recording with libsndfile alone, so that our own writer is not its own witness."""
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def load(path: Path, dtype: str = "float64") -> Samples:
    """``(C, T)``, read with libsndfile alone."""
    audio, _ = soundfile.read(path, dtype=dtype, always_2d=True)
    return audio.T
