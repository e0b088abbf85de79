"""The ear of PEAQ (basic version): from frames of samples to excitation patterns.

In: frames of samples in the scale of 16 bit (−32768..32767) at 48 kHz, ``(..., 2048)``. Out: power
spectra ``(..., F)`` with F = 1025 bins, and patterns ``(..., B)`` with B = 109 bands of a quarter
Bark. Energies are relative to 0 dB; a full-scale sine reads 92 dB.

Source: ITU-R BS.1387-1, Annex 2 (2001), with the readings of P. Kabal, "An Examination and
Interpretation of ITU-R BS.1387", McGill University, 2003. The standard's factors √(8/3) and 1/N of
the transform cancel in its level calibration, so neither appears here.

>>> BANDS.centre_hz.size, round(float(BANDS.centre_hz[0]), 1)
(109, 91.7)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.fft import rfft

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RATE_HZ = 48_000
FRAME_SAMPLES = 2048
HOP_SAMPLES = 1024
FRAMES_PER_SECOND = RATE_HZ / HOP_SAMPLES
FULL_SCALE = 32768.0
BAND_BARK = 0.25
ENERGY_FLOOR = 1e-12
SPREAD_POWER = 0.4


@dataclass(frozen=True)
class Bands:
    """The bands of the model: the centre of each, its share of each bin, the noise inside the ear."""

    centre_hz: Array  # (B,)
    grouping: scipy.sparse.csr_array  # (B, F), share of each bin that falls into each band
    internal_noise: Array  # (B,)


def _make_bands() -> Bands:
    low_bark, high_bark = 7 * np.arcsinh(np.array([80.0, 18_000.0]) / 650)
    count = int(np.ceil((high_bark - low_bark) / BAND_BARK))
    edges_bark = np.minimum(low_bark + BAND_BARK * np.arange(count + 1), high_bark)
    edges_hz = 650 * np.sinh(edges_bark / 7)
    centre_hz = 650 * np.sinh((edges_bark[:-1] + edges_bark[1:]) / 2 / 7)

    # A bin is as wide as its distance to the next, so bands take fractions of the bins at their edges.
    bins = np.arange(FRAME_SAMPLES // 2 + 1)
    edges_bins = edges_hz * FRAME_SAMPLES / RATE_HZ
    upper = np.minimum(edges_bins[1:, None], bins + 0.5)
    lower = np.maximum(edges_bins[:-1, None], bins - 0.5)
    grouping = scipy.sparse.csr_array(np.maximum(upper - lower, 0.0))
    return Bands(centre_hz, grouping, 10 ** (0.1456 * (centre_hz / 1000) ** -0.8))


BANDS = _make_bands()


def _make_window() -> Array:
    """A symmetric Hann window that also carries the calibration of the level."""
    last = FRAME_SAMPLES - 1
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / last))
    # The 1019.5 Hz of the calibration lie between two bins; the window loses the factor γ there.
    offset = (1019.5 * FRAME_SAMPLES / RATE_HZ % 1) * last / FRAME_SAMPLES
    offset = 1 - offset if offset > 0.5 else offset
    gamma = np.sin(np.pi * offset) / (np.pi * offset * (1 - offset**2))
    gain = 10 ** (92 / 20) / (gamma * FULL_SCALE / 4 * last)
    return np.asarray(hann * gain, dtype=np.float64)


def _make_ear_weights() -> Array:
    """Power gain of the outer and middle ear for each bin; nothing passes at 0 Hz."""
    khz = np.arange(1, FRAME_SAMPLES // 2 + 1) * RATE_HZ / FRAME_SAMPLES / 1000
    gain_db = -2.184 * khz**-0.8 + 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) - 0.001 * khz**3.6
    return np.concatenate([[0.0], 10 ** (gain_db / 10)])


WINDOW = _make_window()
EAR_WEIGHTS = _make_ear_weights()


def power_spectra(frames: Array) -> Array:
    """Calibrated power spectra, not yet weighted by the ear: ``(..., 2048)`` → ``(..., 1025)``."""
    spectra = rfft(frames * WINDOW)
    return np.asarray(spectra.real**2 + spectra.imag**2, dtype=np.float64)


def group(power: Array) -> Array:
    """Sum weighted powers into bands, never below the floor: ``(..., 1025)`` → ``(..., 109)``."""
    flat = power.reshape(-1, power.shape[-1])
    bands = (BANDS.grouping @ flat.T).T
    return np.asarray(np.maximum(bands, ENERGY_FLOOR).reshape(*power.shape[:-1], -1), dtype=np.float64)


def time_constant_decay(longest_s: float, shortest_s: float = 0.008) -> Array:
    """Decay per frame ``(109,)`` of a smoothing whose time constant falls with the centre frequency.

    ``longest_s`` is the time constant at 100 Hz, ``shortest_s`` the limit at high frequencies.
    """
    seconds = shortest_s + 100 / BANDS.centre_hz * (longest_s - shortest_s)
    return np.asarray(np.exp(-1 / (FRAMES_PER_SECOND * seconds)), dtype=np.float64)


def _spread_raw(bands: Array) -> Array:
    band_index = np.arange(bands.shape[-1])
    lower = 10 ** (-2.7 * BAND_BARK)
    upper = 10 ** ((-2.4 - 23 / BANDS.centre_hz) * BAND_BARK) * bands ** (0.2 * BAND_BARK)

    lower_sum = (1 - lower ** (band_index + 1)) / (1 - lower)
    upper_sum = (1 - upper ** (band_index.size - band_index)) / (1 - upper)
    source = (bands / (lower_sum + upper_sum - 1)) ** SPREAD_POWER

    spread = source.copy()
    lower_step = lower**SPREAD_POWER
    for m in range(band_index.size - 2, -1, -1):
        spread[..., m] += lower_step * spread[..., m + 1]
    # Each band has its own upper slope, so these tails do not add up to a recursion: walk upwards
    # with all tails at once, one band further at each step.
    upper_step = upper**SPREAD_POWER
    tail = source
    for distance in range(1, band_index.size):
        tail = tail[..., :-1] * upper_step[..., : band_index.size - distance]
        spread[..., distance:] += tail
    return np.asarray(spread ** (1 / SPREAD_POWER), dtype=np.float64)


SPREAD_NORM = _spread_raw(np.ones(BANDS.centre_hz.size))


def spread_bands(bands: Array) -> Array:
    """Spread energies along frequency, louder bands further upwards: ``(..., 109)`` → same shape."""
    return _spread_raw(bands) / SPREAD_NORM


class Leaky:
    """First-order smoothing over frames that goes on where the last block ended; starts at zero.

    ``y[k] = decay · y[k−1] + gain · x[k]`` along the last axis but one of ``(..., K, B)``.
    """

    def __init__(self, decay: Array, gain: Array | float) -> None:
        self.decay = decay
        self.gain = gain
        self._state: Array | float = 0.0

    def __call__(self, values: Array) -> Array:
        """Smooth the next frames."""
        smooth = self.gain * values
        state = self._state
        for k in range(values.shape[-2]):
            smooth[..., k, :] += self.decay * state
            state = smooth[..., k, :]
        self._state = np.array(state)
        return smooth
