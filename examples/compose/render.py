"""From a score to samples: FluidSynth plays it, then it is cut, faded, levelled and rounded to 16 bit."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt
from score import Score

Samples = NDArray[np.float64]

RATE_HZ = 44_100
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
PEAK_DBFS = -3.0


@dataclass(frozen=True)
class Room:
    """FluidSynth's reverb, 0 to 1 each, and how hot the mix is.

    Attributes:
        size, damping, level: of the reverb.
        drive: 1 leaves the peaks alone, more rounds them off as mastering does.
        width: of the stereo picture; 1 as played, 0 mono.
    """

    size: float = 0.55
    damping: float = 0.35
    level: float = 0.6
    drive: float = 1.0
    width: float = 1.0


def play(score: Score, room: Room) -> Samples:
    """Samples ``(2, T)`` with all of the reverb's tail."""
    with tempfile.TemporaryDirectory() as place:
        midi, wave = Path(place) / "score.mid", Path(place) / "score.wav"
        score.write(midi)
        options = {
            "synth.reverb.active": 1,
            "synth.reverb.room-size": room.size,
            "synth.reverb.damp": room.damping,
            "synth.reverb.level": room.level,
            "synth.reverb.width": 0.8,
            "synth.chorus.active": 1,
            "synth.gain": 0.3,
            "synth.polyphony": 512,
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        wanted = ["-niq", "-r", str(RATE_HZ), "-O", "float", "-T", "wav", "-F", str(wave), *settings]
        subprocess.run(["fluidsynth", *wanted, str(SOUNDFONT), str(midi)], check=True, capture_output=True)
        audio, rate_hz = soundfile.read(wave, always_2d=True)
    assert rate_hz == RATE_HZ
    return np.asarray(audio.T)


def finish(audio: Samples, room: Room, *, seconds: float, fade_s: float, mono: bool, seed: int) -> Samples:
    """Cut to ``seconds``, fade the end, level to -3 dBFS, round to 16 bit with dither ``(C, T)``.

    The dither keeps rests from being digitally black, as no recording is.
    """
    total = round(seconds * RATE_HZ)
    audio = np.pad(audio, ((0, 0), (0, max(0, total - audio.shape[1]))))[:, :total]
    middle, side = audio.mean(axis=0), room.width * 0.5 * (audio[0] - audio[-1])
    audio = middle[None] if mono else np.stack([middle + side, middle - side])
    audio = sosfilt(butter(2, 25, "highpass", fs=RATE_HZ, output="sos"), audio)
    audio = audio / np.max(np.abs(audio))
    if room.drive > 1:
        audio = np.tanh(room.drive * audio) / np.tanh(room.drive)
    fade = round(fade_s * RATE_HZ)
    audio[:, total - fade :] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))
    audio *= 10 ** (PEAK_DBFS / 20) / np.max(np.abs(audio))
    rng = np.random.default_rng(seed)
    dither = rng.random(audio.shape) - rng.random(audio.shape)
    return np.asarray(np.clip(np.round(32768 * audio + dither), -32768, 32767) / 32768)
