"""What the learned detector sees of a recording: short-time levels of bands, in all channels, on a grid.

In: a window of a recording ``(C, T)`` and its prediction error. Out: for each channel and each step of 8 ms a
row of 225 numbers:

====== =====================================================================================
64     levels of 32 bands in two frames of 12 ms, less each band's mean over a second around
64     the same of the other channels (the channel itself where there is only one)
16     level of the first and of the second difference in each millisecond, less their means
16     the same of the other channels
16     level of the prediction error in each millisecond, less its mean, here and in the other channels
8      level of the first difference of what the channels do not share, each millisecond
8      level of the first difference in each millisecond, absolute
32     the bands' means, absolute
1      the share of the bands that lie below half the sample rate
====== =====================================================================================

The grid is that of :func:`.measures.cell_samples`: a step is 16 cells of 0.5 ms, a frame 24 cells every 8
cells. Frequencies are in hertz at every sample rate; bands above half of it are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..signal.bands import Bands, difference_powers
from .measures import cell_samples
from .screen import prediction_error

Floats = NDArray[np.float32]

# The frame network was trained on levels that are computed so: a change needs examples/train_detector.py.
BANDS = 32
LOWEST_HZ, HIGHEST_HZ = 120.0, 17_500.0
STEP_CELLS = 16
FRAME_CELLS, HOP_CELLS = 24, 8
FINE = 8
"""Levels of a millisecond in a step."""

FEATURES = 4 * BANDS + 8 * FINE + BANDS + 1
MEAN_STEPS = 125
"""Steps of the mean that is taken off: one second."""

_FLOOR_BAND, _FLOOR_FINE = 1e-11, 1e-10
"""Powers that are added before logarithms are taken, −110 and −100 dB: what is softer is one silence."""

_SCALE_DB = 10.0
"""Decibels in a unit of what the network sees."""


@dataclass(frozen=True)
class Levels:
    """Levels in dB of one window.

    Attributes:
        bands: ``(C, steps, 2, 32)``.
        fine: ``(C, steps, 2, 8)``: of the first and of the second difference.
        side: ``(C, steps, 8)``: of the first difference of a channel less the mean of the others.
        error: ``(C, steps, 8)``: of the error of linear prediction (:mod:`.screen`).
        usable: bands below half the sample rate; the others hold the floor.
    """

    bands: Floats
    fine: Floats
    side: Floats
    error: Floats
    usable: int
    _kept: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def kept(self, channel: int, make: Callable[[], Any]) -> Any:
        """What is made of a channel once, for all of its stretches."""
        if channel not in self._kept:
            self._kept[channel] = make()
        return self._kept[channel]


def step_samples(rate_hz: int) -> int:
    """Samples of a step, about 8 ms."""
    return STEP_CELLS * cell_samples(rate_hz)


def levels_of(samples: NDArray[np.floating], rate_hz: int, errors: Sequence[Floats] | None = None) -> Levels:
    """Levels of every whole step of a window.

    Args:
        samples: ``(C, T)`` in [-1, 1], finite.
        rate_hz: sample rate.
        errors: of linear prediction, one ``(T,)`` for each channel; computed when None.
    """
    cell = cell_samples(rate_hz)
    channels, length = samples.shape
    steps = length // (STEP_CELLS * cell)
    lead = (FRAME_CELLS - HOP_CELLS) // 2 * cell
    audio = np.zeros((channels, steps * STEP_CELLS * cell + 2 * lead), dtype=np.float32)
    used = samples[:, : audio.shape[1] - lead]
    audio[:, lead : lead + used.shape[1]] = used
    usable = int(np.count_nonzero(centres_hz() * 1.03 < rate_hz / 2))
    analysis = _analysis(rate_hz)
    bands = np.empty((channels, 2 * steps, BANDS), dtype=np.float32)
    for channel in range(channels):
        analysis.powers(audio[channel], HOP_CELLS * cell, 2 * steps, bands[channel])
    bands = _in_db(bands, _FLOOR_BAND)
    bands[..., usable:] = 10.0 * np.log10(_FLOOR_BAND)
    fine = np.empty((channels, steps, 2, FINE), dtype=np.float32)
    side = np.full((channels, steps, FINE), 10.0 * np.log10(_FLOOR_FINE), dtype=np.float32)
    body = audio[:, lead - 2 : lead + steps * STEP_CELLS * cell]
    total = body.sum(axis=0) if channels > 1 else None
    for channel in range(channels):
        powers = difference_powers(body[channel], total, 1 / max(channels - 1, 1), 2 * cell)
        places = fine[channel, :, 0], fine[channel, :, 1], side[channel]
        for place, power in zip(places, powers, strict=True):
            if power is not None:
                place[:] = _in_db(power, _FLOOR_FINE).reshape(-1, FINE)
    if errors is None:
        errors = [prediction_error(audio, rate_hz) for audio in samples]
    error = np.empty((channels, steps, FINE), dtype=np.float32)
    for channel in range(channels):
        cells = errors[channel][: steps * STEP_CELLS * cell].reshape(-1, 2 * cell)
        powers = np.einsum("ij,ij->i", cells, cells) * np.float32(1 / (2 * cell))
        error[channel] = _in_db(powers, _FLOOR_FINE).reshape(-1, FINE)
    return Levels(bands.reshape(channels, steps, 2, BANDS), fine, side, error, usable)


def features_of(levels: Levels) -> Floats:
    """Rows for the network: ``(C, steps, 225)`` float32, about −4 to 4.

    The mean that is taken off is over the 125 steps around, fewer at the ends of the window.
    """
    bands, fine = levels.bands, levels.fine
    channels, steps = bands.shape[:2]
    mean = moving_mean(bands.mean(axis=2))
    fine_mean = moving_mean(fine.mean(axis=3))
    error = levels.error - moving_mean(levels.error.mean(axis=2, keepdims=True))
    own = (bands - mean[:, :, None]) * (1 / _SCALE_DB)
    own[..., levels.usable :] = 0.0
    own_fine = (fine - fine_mean[..., None]) * (1 / _SCALE_DB)
    rows = np.empty((channels, steps, FEATURES), dtype=np.float32)
    rows[..., :64] = own.reshape(channels, steps, 64)
    rows[..., 128:144] = own_fine.reshape(channels, steps, 16)
    rows[..., 209:217] = error * (1 / _SCALE_DB)
    if channels == 1:
        rows[..., 64:128], rows[..., 144:160] = rows[..., :64], rows[..., 128:144]
        rows[..., 217:225] = rows[..., 209:217]
    else:
        rest = 1 / (channels - 1)
        rows[..., 64:128] = (rows[..., :64].sum(axis=0) - rows[..., :64]) * rest
        rows[..., 144:160] = (rows[..., 128:144].sum(axis=0) - rows[..., 128:144]) * rest
        rows[..., 217:225] = (rows[..., 209:217].sum(axis=0) - rows[..., 209:217]) * rest
    rows[..., 160:168] = (levels.side - fine_mean[:, :, :1]) * (1 / _SCALE_DB)
    rows[..., 168:176] = (fine[:, :, 0] + 60.0) * (0.5 / _SCALE_DB)
    context = (mean + 60.0) * (0.5 / _SCALE_DB)
    context[..., levels.usable :] = -2.5
    rows[..., 176:208] = context
    rows[..., 208] = levels.usable / BANDS
    np.clip(rows, -4.0, 4.0, out=rows)
    return rows


def moving_mean(values: Floats) -> Floats:
    """Mean over the steps around, along axis 1: ``(C, steps, n)`` → the same."""
    half, steps = MEAN_STEPS // 2, values.shape[1]
    rows = np.moveaxis(values, 1, 2)  # sums along what lies side by side take a third of the time
    sums = np.empty((*rows.shape[:2], steps + 2 * half + 1))
    sums[..., : half + 1], sums[..., half + 1 + steps :] = rows[..., :1], rows[..., -1:]
    sums[..., half + 1 : half + 1 + steps] = rows
    np.cumsum(sums, axis=2, out=sums)
    mean = (sums[..., MEAN_STEPS:] - sums[..., :-MEAN_STEPS]) / MEAN_STEPS
    return np.ascontiguousarray(np.moveaxis(mean, 2, 1), dtype=np.float32)


def _in_db(power: Floats, floor: float) -> Floats:
    """Levels of powers, which are overwritten. Natural logarithms take a tenth of the time."""
    power += np.float32(floor)
    np.log(power, out=power)
    power *= np.float32(10.0 / np.log(10.0))
    return power


def _mel(frequency_hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(frequency_hz) / 700.0))


@lru_cache(maxsize=1)
def centres_hz() -> NDArray[np.float64]:
    """Middle of each band ``(32,)``, evenly apart on the mel scale."""
    mels = np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS)
    return np.asarray(700.0 * (10 ** (mels / 2595.0) - 1.0))


@lru_cache(maxsize=8)
def _analysis(rate_hz: int) -> Bands:
    """Window and triangular bands ``(bins, 32)``; a sine of amplitude 1 has about 0 dB."""
    size = FRAME_CELLS * cell_samples(rate_hz)
    window = np.hanning(size + 1)[:size]
    bins_hz = np.arange(size // 2 + 1) * rate_hz / size
    centres = centres_hz()
    spacing = np.maximum(np.gradient(centres), rate_hz / size)
    matrix = np.clip(1.0 - np.abs(bins_hz[:, None] - centres[None]) / spacing[None], 0.0, None)
    last = int(np.flatnonzero(matrix.any(axis=1))[-1]) + 1
    matrix *= 4.0 / np.sum(window) ** 2
    return Bands(window.astype(np.float32), np.ascontiguousarray(matrix[:last], dtype=np.float32))
