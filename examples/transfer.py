"""Transfers of old records: a narrow band, noise that turns with them, crackle. None of it is damage."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from restore_audio.arrays import Samples
from restore_audio.damage.record import log_uniform

_TURNS_PER_MINUTE = (33.3, 45.0, 78.0)


def transfer(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """As from a worn disc: 60–400 Hz to 2.5–9 kHz, mostly mono, noise 12 to 40 dB below, crackle, swish."""
    highest = min(log_uniform(rng, 2500, 9000), 0.45 * rate_hz)
    sos = butter(2, [log_uniform(rng, 60, 400), highest], "bandpass", fs=rate_hz, output="sos")
    source = samples.mean(axis=0, keepdims=True) if rng.random() < 0.7 else samples
    made = np.resize(sosfilt(sos, source, axis=1), samples.shape)
    rms = float(np.sqrt(np.mean(made**2))) + 1e-6
    noise = rng.standard_normal((1 if rng.random() < 0.5 else len(made), made.shape[1]))
    if rng.random() < 0.7:
        noise = lfilter([1.0], [1.0, -rng.uniform(0.3, 0.97)], noise, axis=1)
        noise /= noise.std()
    made = made + noise * rms * 10 ** (rng.uniform(-40, -12) / 20)
    if rng.random() < 0.8:
        made = made + _ticks(rng, made.shape, rate_hz, rms)
    if rng.random() < 0.5:
        turns_hz = float(rng.choice(_TURNS_PER_MINUTE)) / 60
        turn = np.sin(2 * np.pi * turns_hz * np.arange(made.shape[1]) / rate_hz)
        swish = rng.standard_normal(made.shape) * rms * 10 ** (rng.uniform(-35, -20) / 20)
        made = made * (1 + 0.1 * turn) + swish * np.maximum(turn, 0.0) ** 4
    return np.asarray(np.clip(made, -1.0, 1.0))


def _ticks(rng: np.random.Generator, shape: tuple[int, ...], rate_hz: int, rms: float) -> Samples:
    """2 to 200 ticks a second of 3 to 60 samples, in all channels or in one."""
    made = np.zeros(shape)
    count = int(rng.poisson(log_uniform(rng, 2, 200) * shape[1] / rate_hz))
    for start in rng.integers(0, max(shape[1] - 64, 1), count).tolist():
        size = int(log_uniform(rng, 3, 60))
        tick = (
            rng.standard_normal(size) * np.exp(-4 * np.arange(size) / size) * rms * log_uniform(rng, 0.2, 5)
        )
        rows = slice(None) if rng.random() < 0.5 else int(rng.integers(shape[0]))
        made[rows, start : start + size] += tick
    return made
