"""Spoken: two voices of espeak-ng in a small room."""

from __future__ import annotations

import io
import subprocess

import numpy as np
import soundfile
import soxr
from piece import Composition, Samples
from render import RATE_HZ
from scipy.signal import butter, fftconvolve, sosfilt

LINES = [
    ("en-gb+m3", 170, 42, "Nobody knew where the tape had been for forty years."),
    ("en-us+f3", 176, 58, "In the attic, behind the boxes, still on its reel."),
    ("en-gb+m3", 166, 38, "Put it on, then! But quietly. Let us hear what is left."),
]
PAUSE_S = 0.28


def speak(rng: np.random.Generator) -> Samples:
    """The dialogue ``(1, T)``: each line loud as the other, a little room around it, and the room's air."""
    turns = [np.zeros(round(0.15 * RATE_HZ))]
    for voice, words_a_minute, tone, text in LINES:
        said = subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(words_a_minute), "-p", str(tone), "--stdout", text],
            check=True,
            capture_output=True,
        ).stdout
        samples, rate_hz = soundfile.read(io.BytesIO(said))
        samples = np.trim_zeros(soxr.resample(samples, rate_hz, RATE_HZ, quality="VHQ"))
        turns += [0.1 * samples / np.std(samples), np.zeros(round(PAUSE_S * RATE_HZ))]
    dry = np.concatenate([*turns, np.zeros(RATE_HZ)])
    # espeak-ng ends at 11 kHz: breath above follows the voice, as sibilants go on in a real one.
    bright = sosfilt(butter(4, 6000, "highpass", fs=RATE_HZ, output="sos"), dry)
    envelope = sosfilt(butter(1, 60, fs=RATE_HZ, output="sos"), np.abs(bright))
    air = sosfilt(
        butter(4, (9500, 16_000), "bandpass", fs=RATE_HZ, output="sos"), rng.standard_normal(dry.size)
    )
    dry = dry + 0.8 * np.maximum(envelope, 0) * air
    time = np.arange(round(0.35 * RATE_HZ)) / RATE_HZ
    room = rng.standard_normal(time.size) * np.exp(-time / 0.055) * (time > 0.006)
    room *= 0.28 / np.sqrt(np.sum(room**2))
    wet = fftconvolve(dry, room)[: dry.size]
    tone = sosfilt(butter(1, 900, fs=RATE_HZ, output="sos"), rng.standard_normal(dry.size))
    return np.asarray(dry + wet + 2e-4 * tone / np.std(tone) + 4e-5 * rng.standard_normal(dry.size))[None]


PIECES = [
    Composition(
        "Spoken",
        "The Attic Tape",
        "A short dialogue of two synthetic voices (espeak-ng) in a small room, mono, with pauses.",
        None,
        10.5,
        fade_s=0.4,
        mono=True,
    )
]
