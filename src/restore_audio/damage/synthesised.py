"""Sounds that look like damage and are none: made from a seed, one or two channels, peak about 0.5.

In: a generator, length and rate. Out: ``(C, T)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from ..arrays import Samples
from .gates import ducked, rhythmic_gate
from .record import log_uniform

Mono = Samples

_PERIOD_SAMPLES = 2048
"""Of the table from which a saw-tooth is read."""


def _note_hz(rng: np.random.Generator) -> float:
    scale = (0, 2, 3, 5, 7, 8, 10)
    return 110.0 * 2 ** ((12 * int(rng.integers(0, 3)) + int(rng.choice(scale))) / 12)


def _tone(rng: np.random.Generator, hz: float, samples: int, rate_hz: int, sort: str) -> Mono:
    phase = hz * np.arange(samples) / rate_hz + rng.random()
    if sort == "sine":
        return np.sin(2 * np.pi * phase)
    if sort == "square":
        return np.where(phase % 1 < float(rng.choice([0.125, 0.25, 0.5])), 1.0, -1.0)
    if sort == "triangle":  # in 16 levels, as sound chips have it
        return np.round(7.5 * (4 * np.abs(phase % 1 - 0.5) - 1)) / 7.5
    harmonics = np.arange(1, max(2, min(40, int(0.45 * rate_hz / hz))))
    period = np.arange(_PERIOD_SAMPLES) / _PERIOD_SAMPLES
    table = np.sin(2 * np.pi * period[:, None] * harmonics) @ (1 / harmonics) / 1.5
    return np.asarray(table[(phase * _PERIOD_SAMPLES).astype(np.int64) % _PERIOD_SAMPLES])


def chords(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """A pad of saw-toothed chords in two channels, a little out of tune."""
    made = np.zeros((2, length))
    step = int(rng.uniform(1.0, 3.0) * rate_hz)
    for start in range(0, length, step):
        size = min(step, length - start)
        root = _note_hz(rng)
        for interval in (1.0, 1.26, 1.498):
            for channel in (0, 1):
                hz = root * interval * (1 + 0.003 * rng.standard_normal())
                made[channel, start : start + size] += 0.12 * _tone(rng, hz, size, rate_hz, "saw")
    sos = butter(2, min(rng.uniform(1500, 8000), 0.4 * rate_hz), fs=rate_hz, output="sos")
    return np.asarray(sosfilt(sos, made, axis=1))


def gated_synthesiser(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Chords opened and closed by a pattern."""
    return rhythmic_gate(rng, chords(rng, length, rate_hz), rate_hz)


def side_chained_pad(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Chords pressed down at every beat."""
    return ducked(rng, chords(rng, length, rate_hz), rate_hz)


def staccato(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Short notes, often the same one again to the bit, with digital silence between."""
    made = np.zeros((1, length))
    step = round(60 / rng.uniform(80, 160) / float(rng.choice([1, 2, 4])) * rate_hz)
    sort = str(rng.choice(["sine", "saw", "square"]))
    size = round(rng.uniform(0.2, 0.9) * step)
    ramp = max(1, round(log_uniform(rng, 0.0002, 0.01) * rate_hz))
    edge = np.minimum(np.arange(size) + 1, size - np.arange(size))
    shape = np.clip(edge / ramp, 0, 1) * np.exp(-np.arange(size) / rate_hz / rng.uniform(0.05, 1.0))
    same = rng.random() < 0.5
    note = 0.4 * shape * _tone(rng, _note_hz(rng), size, rate_hz, sort)
    for start in range(0, length - size, step):
        if not same:
            note = 0.4 * shape * _tone(rng, _note_hz(rng), size, rate_hz, sort)
        made[0, start : start + size] = note
    return made


def chiptune(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Square waves, a stepped triangle and noise: constant runs, hard edges, exact repeats."""
    made = np.zeros((1, length))
    step = round(60 / rng.uniform(100, 180) / 4 * rate_hz)
    for sort, gain in (("square", 0.15), ("square", 0.12), ("triangle", 0.2)):
        for start in range(0, length, step * int(rng.choice([1, 1, 2]))):
            if rng.random() < 0.85:
                size = min(step if rng.random() < 0.7 else step // 2, length - start)
                levels = np.ceil(15 * np.exp(-np.arange(size) / rate_hz / 0.3)) / 15  # in 16 steps
                made[0, start : start + size] += (
                    gain * levels * _tone(rng, _note_hz(rng), size, rate_hz, sort)
                )
    held = max(1, round(rate_hz / log_uniform(rng, 2000, 12_000)))  # a noise channel holds each value
    for start in range(0, length, 4 * step):
        size = min(round(0.06 * rate_hz), length - start)
        steps = np.repeat(rng.choice([-1.0, 1.0], size // held + 1), held)[:size]
        made[0, start : start + size] += 0.12 * steps * np.linspace(1, 0, size)
    return made


def castanets(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Dry strikes of two resonances, 1 to 4 kHz, in silence."""
    made = np.zeros((2, length))
    step = 60 / rng.uniform(90, 140) / 4
    for beat in np.flatnonzero(rng.random(int(length / rate_hz / step)) < 0.6):
        start = int((beat * step + 0.004 * rng.standard_normal()) * rate_hz)
        _strike(made, rng, max(start, 0), rate_hz, (1000, 4000), (0.004, 0.02), 0.4 * rng.uniform(0.4, 1))
    return made + 10 ** (-rng.uniform(60, 100) / 20) * rng.standard_normal(made.shape)


def applause(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """Hundreds of claps a second, from few to many people."""
    made = np.zeros((2, length))
    count = int(log_uniform(rng, 5, 200) * length / rate_hz)
    for start in rng.integers(0, max(length - 1, 1), count).tolist():
        loudness = 0.15 * float(rng.pareto(2.0) + 0.3)
        _strike(made, rng, start, rate_hz, (600, 3000), (0.002, 0.012), min(loudness, 1.0))
    return np.asarray(0.5 * made / max(1e-9, float(np.max(np.abs(made)))))


def _strike(
    made: Samples,
    rng: np.random.Generator,
    start: int,
    rate_hz: int,
    range_hz: tuple[float, float],
    decay_s: tuple[float, float],
    gain: float,
) -> None:
    decay = log_uniform(rng, *decay_s)
    size = min(round(7 * decay * rate_hz), made.shape[1] - start)
    if size < 2:
        return
    time = np.arange(size) / rate_hz
    noise = rng.standard_normal(size)
    ring = sum(np.sin(2 * np.pi * log_uniform(rng, *range_hz) * time) for _ in range(2))
    sound = gain * (0.4 * noise + 0.5 * ring) * np.exp(-time / decay) * np.minimum(time / 0.0004, 1)
    place = rng.uniform(0.3, 0.7)
    made[:, start : start + size] += np.array([[place], [1 - place]])[: len(made)] * sound


def hi_hats(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """One sample of high noise, closed and open, in sixteenths, over a bass or alone."""
    made = np.zeros((1, length))
    step = round(60 / rng.uniform(80, 150) / 4 * rate_hz)
    sos = butter(4, min(rng.uniform(4000, 9000), 0.4 * rate_hz), "highpass", fs=rate_hz, output="sos")
    hats = []
    for decay in (0.02, 0.15):
        time = np.arange(round(6 * decay * rate_hz)) / rate_hz
        hats.append(sosfilt(sos, rng.standard_normal(time.size)) * np.exp(-time / decay))
    for start in range(0, length, step):
        hat = hats[int(rng.random() < 0.2)][: length - start]
        made[0, start : start + hat.size] += 0.2 * float(rng.choice([0.4, 0.7, 1.0])) * hat
    if rng.random() < 0.5:
        for start in range(0, length, 4 * step):
            size = min(4 * step, length - start)
            bass = _tone(rng, _note_hz(rng) / 2, size, rate_hz, "saw")
            made[0, start : start + size] += 0.15 * bass * np.exp(-np.arange(size) / rate_hz / 0.4)
    return made


def crackle(rng: np.random.Generator, length: int, rate_hz: int) -> Samples:
    """A bed of crackle, 30 to 2000 ticks a second, 30 to 55 dB below full scale, over surface noise."""
    ticks = np.zeros((1, length))
    count = max(1, int(log_uniform(rng, 30, 2000) * length / rate_hz))
    heights = np.minimum(rng.pareto(2.5, count) + 0.2, 3.0) * rng.choice([-1.0, 1.0], count)
    np.add.at(ticks[0], rng.integers(0, length, count), heights)
    made = lfilter([1, -0.7], [1, -1.2, 0.5], ticks, axis=1)
    made *= 10 ** (-rng.uniform(30, 55) / 20) / max(1e-9, float(np.quantile(np.abs(heights), 0.9)))
    hiss = sosfilt(butter(1, 3000, fs=rate_hz, output="sos"), rng.standard_normal((1, length)))
    return np.asarray(made + 10 ** (-rng.uniform(50, 75) / 20) * hiss)


SOUNDS: dict[str, Callable[[np.random.Generator, int, int], Samples]] = {
    "gated_synthesiser": gated_synthesiser,
    "side_chained_pad": side_chained_pad,
    "staccato": staccato,
    "chiptune": chiptune,
    "castanets": castanets,
    "applause": applause,
    "hi_hats": hi_hats,
    "crackle": crackle,
}
