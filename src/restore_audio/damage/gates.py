"""Gates that are meant: noise gates, rhythmic gates, ducking, stops. Nothing of it is damage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from ..arrays import Samples
from .record import log_uniform

_BLOCK_SAMPLES = 16

_CLOSED_SHARE = 0.05
"""Of the time a noise gate is closed, at least."""


def noise_gate(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """Closed where the level is low, with ramps of 0 to 50 ms; silence is left, or 20 to 60 dB less.

    Music that is never quiet for long raises the threshold, so that the gate does close.
    """
    level = _level(samples, rate_hz, 5.0)
    threshold = _threshold(rng, level)
    hold = round(rng.uniform(0.005, 0.15) * rate_hz)
    ramp = round(rng.choice([0.0, 2.0, 5.0, 10.0, 20.0, 50.0]) * rate_hz / 1000)
    quiet_for_long = np.quantile(maximum_filter1d(level, 2 * ((hold + ramp) // 2) + 1), _CLOSED_SHARE)
    threshold = max(threshold, float(quiet_for_long))
    opened = maximum_filter1d((level > threshold).astype(np.float64), 2 * (hold // 2) + 1)
    gain = uniform_filter1d(opened, ramp) if ramp > 1 else opened
    floor = 0.0 if rng.random() < 0.6 else 10 ** (-rng.uniform(20, 60) / 20)
    return np.asarray(samples * np.maximum(gain, floor))


def expander_gate(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """As audio tools gate: an envelope with attack and release, and a ratio below the threshold.

    Attack 0.1 to 20 ms and release 5 to 250 ms, ratio 2 to 20, range 18 dB to all, without a knee.
    """
    peaks = np.max(np.abs(samples), axis=0)
    padded = np.pad(peaks, (0, -peaks.size % _BLOCK_SAMPLES))
    blocks = padded.reshape(-1, _BLOCK_SAMPLES).max(axis=1)
    block_s = _BLOCK_SAMPLES / rate_hz
    attack = float(np.exp(-block_s / log_uniform(rng, 1e-4, 0.02)))
    release = float(np.exp(-block_s / log_uniform(rng, 0.005, 0.25)))
    envelope, state = [], 0.0
    for value in blocks.tolist():
        keep = attack if value > state else release
        state = keep * state + (1 - keep) * value
        envelope.append(state)
    level = np.array(envelope)
    threshold = _threshold(rng, level)
    ratio, lowest = log_uniform(rng, 2, 20), 10 ** (-float(rng.choice([18, 24, 40, 200])) / 20)
    gain = np.maximum(np.minimum(level / threshold, 1.0) ** (ratio - 1), lowest)
    middles = (np.arange(gain.size) + 0.5) * _BLOCK_SAMPLES
    return np.asarray(samples * np.interp(np.arange(peaks.size), middles, gain))


def rhythmic_gate(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """A pattern of sixteenths opens and closes, as trance gates do; ramps of 0 to 10 ms."""
    step = 60 / rng.uniform(90, 160) / float(rng.choice([2, 4, 4, 8]))
    pattern = rng.random(int(rng.choice([4, 8, 16]))) < rng.uniform(0.4, 0.8)
    pattern[0] = True
    share = rng.uniform(0.35, 0.95)
    time = np.arange(samples.shape[1]) / rate_hz / step
    opened = pattern[time.astype(np.int64) % pattern.size] & (time % 1 < share)
    ramp = round(rng.choice([0.0, 0.5, 1.0, 2.0, 5.0, 10.0]) * rate_hz / 1000)
    gain = opened.astype(np.float64)
    gain = uniform_filter1d(gain, ramp) if ramp > 1 else gain
    depth = 1.0 if rng.random() < 0.6 else rng.uniform(0.7, 0.99)
    return np.asarray(samples * (1 - depth * (1 - gain)))


def ducked(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """Pressed down at every beat, and let up again: side-chain compression by a bass drum."""
    beat = 60 / rng.uniform(100, 150)
    time = (np.arange(samples.shape[1]) / rate_hz) % beat
    attack, held = log_uniform(rng, 0.0005, 0.01), rng.uniform(0.01, 0.1)
    release = rng.uniform(0.2, 0.6) * beat
    down = np.minimum(time / attack, 1.0) * np.exp(-np.maximum(time - attack - held, 0) / (release / 3))
    return np.asarray(samples * 10 ** (-rng.uniform(6, 40) * down / 20))


def stops(rng: np.random.Generator, samples: Samples, rate_hz: int) -> Samples:
    """All voices stop within 5 to 120 ms, are silent for 0.35 to 1.5 s, and go on with an attack."""
    gain = np.ones(samples.shape[1])
    at = int(rng.uniform(0.5, 1.5) * rate_hz)
    while at < gain.size:
        fade = round(log_uniform(rng, 0.005, 0.12) * rate_hz)
        silent = round(rng.uniform(0.35, 1.5) * rate_hz)
        shape = np.concatenate([np.linspace(1, 0, fade) ** 2, np.zeros(silent)])
        end = min(at + shape.size, gain.size)
        gain[at:end] = shape[: end - at]
        at += shape.size + int(rng.uniform(0.6, 2.5) * rate_hz)
    noise = rng.standard_normal(samples.shape) * 10 ** (-rng.uniform(60, 90) / 20)
    return np.asarray(samples * gain + (noise if rng.random() < 0.5 else 0.0))


GATES: dict[str, Callable[[np.random.Generator, Samples, int], Samples]] = {
    "gate": noise_gate,
    "expander": expander_gate,
    "rhythmic_gate": rhythmic_gate,
    "ducked": ducked,
    "stops": stops,
}


def _level(samples: Samples, rate_hz: int, ms: float) -> NDArray[np.float64]:
    power = np.mean(np.square(samples), axis=0)
    smooth = uniform_filter1d(power, max(1, round(ms * rate_hz / 1000)))
    return np.asarray(np.sqrt(np.maximum(smooth, 0.0)))


def _threshold(rng: np.random.Generator, level: NDArray[np.float64]) -> float:
    """Between the quiet and the loud parts, on a logarithmic scale."""
    low, high = np.maximum(np.quantile(level, [0.05, 0.95]), 1e-6)
    return float(low * (high / low) ** rng.uniform(0.2, 0.8))
