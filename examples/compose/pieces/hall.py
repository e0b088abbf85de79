"""Classical, Jazz, Historic."""

from __future__ import annotations

import numpy as np
from piece import Composition, Samples
from render import RATE_HZ, Room
from scipy.signal import butter, lfilter, sosfilt, sosfiltfilt
from score import Score


def minuet() -> Score:
    """A minuet's first strain in G minor for string quartet."""
    score = Score(bpm=136, seed=41, slower=20, slower_beats=12)
    first = score.part(40, pan=34, volume=100, reverb=70, velocity=80, vibrato=30)
    second = score.part(40, pan=54, volume=84, reverb=70, velocity=70, vibrato=25, loose_ms=11)
    viola = score.part(41, pan=78, volume=88, reverb=70, velocity=70, vibrato=20)
    cello = score.part(42, pan=96, volume=96, reverb=70, velocity=76, vibrato=20)
    first.line(
        0, "D5/1! G5/0.5 A5 Bb5/1 | A5/1.5! G5/0.5 F#5/1 | G5/0.5 F#5 G5 A5 Bb5 C6 | D6/2! C6/0.5, Bb5,"
    )
    first.line(12, "Eb6/1! D6/0.5 C6 Bb5/1 | D6/1! C6/0.5 Bb5 A5/1 | Bb5/0.5 A5 G5/1! F#5/1 | G5/3")
    second.line(
        0,
        "Bb4/1 D5 D5 | C5/1.5 Bb4/0.5 A4/1 | Bb4/1 C5 D5 | F5/2 D5/1 | G5/1 Eb5 D5 | "
        "F5/1 D5 C5 | D5/0.5 C5 Bb4/1 A4/1 | Bb4/3",
    )
    viola.line(
        0,
        "G4/1' G4' G4' | Eb4/1 D4 D4 | D4/0.5 A4 G4 F#4 G4/1 | Bb4/1 A4 F4 | "
        "G4/1.5 A4/0.5 Bb4/1 | A4 F4 F4 | F4/0.5 Eb4 D4/1 C4/1 | D4/3",
    )
    cello.line(
        0,
        "G2/1! Bb2 G2 | C3/1! D3 D2 | G3/1! Eb3 D3/0.5 C3 | Bb2/1! F3 Bb3 | "
        "C3/1! C3/0.5 F3 G3/1 | D3! Bb2 F2 | Bb2/0.5 C3 D3/1! D2/1 | G2/3",
    )
    for part in (first, second, viola, cello):
        part.swell(0, 3, 92, 108)
        part.swell(6, 12, 100, 126)
        part.swell(12, 15, 126, 104)
        part.swell(18, 24, 118, 84)
    return score


def half_past() -> Score:
    """Swing in F: tenor saxophone over piano trio, ride and brushes of a jazz kit."""
    score = Score(bpm=172, seed=42, swing=0.64, unit=0.5)
    sax = score.part(66, pan=76, volume=104, reverb=50, velocity=86, vibrato=30)
    piano = score.part(0, pan=38, volume=92, reverb=35, velocity=70)
    bass = score.part(32, pan=58, volume=110, reverb=15, velocity=92)
    guitar = score.part(26, pan=100, volume=64, reverb=30, velocity=58)
    drums = score.drums(32, volume=96, reverb=30, velocity=78)
    sax.line(
        0,
        "-/0.5 D5/0.5! F5 A5 C6/0.5~ Bb5 A5 G5 | E5 G5 Bb5 Db6! C6/1~ -/0.5 Ab5/0.5 | "
        "A5/1.5! G5/0.5 E5 C5 -/1",
    )
    sax.line(
        12,
        "F#5/0.5 A5 C6 Eb6! D6 C6 Bb5 A5 | G5/1~ Bb5/0.5 D6 Db6! Bb5 G5 E5 | "
        "F5/0.5 A5 C6 E6 D6/1~ C6/0.5 A5 | G5/0.5 -/1 C5/0.5! F5/3~",
    )
    bass.line(
        0,
        "G2/1! Bb2 D3 Db3 | C3! E2 G2 E2 | F2! A2 C3 E3 | D3! C3 A2 F#2 | G2! D3 C3 Bb2 | "
        "A2! F2 D2 Db2 | C2 C3 F2/3!",
    )
    piano.chords(
        0,
        "Gm9/4 C7b9/4 Fmaj9/4 D7s9/4 Gm9/2 C13/2 F69/2 D7/2",
        rhythm="x-.x-..-",
        step=0.5,
        low="A3",
        strum_ms=5,
        hold=0.85,
    )
    piano.chords(24, "Db9/1.5 F69/2.5", rhythm="-x", step=0.75, low="A3")
    piano.line(26, "A3+D4+G4+C5/2.5!", velocity=80)
    guitar.chords(
        0, "Gm7/4 C7/4 F6/4 D7/4 Gm7/2 C7/2 F6/2 D7/2", rhythm="xxxx", step=1, low="F3", strum_ms=9, hold=0.35
    )
    drums.hits(0, step=0.5, times=6, ride="x.Xxx.Xx", pedal="..x...x.", kick="o..o....", snare="...o....")
    drums.hits(7, step=0.5, snare="..ox", times=1)
    drums.hits(15.5, snare="X", kick="x", step=0.5)
    drums.hits(24, step=0.5, ride="x.X.", snare="...Xx", kick="....X", crash="....o")
    return score


def parasol() -> Score:
    """A two-step rag in C for parlour piano, cornet-like clarinet, tuba and banjo."""
    score = Score(bpm=98, seed=43, slower=15, slower_beats=10)
    piano = score.part(3, volume=108, reverb=25, velocity=84)
    clarinet = score.part(71, volume=82, reverb=40, velocity=72, vibrato=25)
    tuba = score.part(58, volume=88, reverb=25, velocity=80)
    banjo = score.part(105, volume=60, reverb=20, velocity=64)
    piano.line(
        0, "E5/0.25! C5+E5/0.5 G5/0.25 A5 E5+G5/0.5 C5/0.25 | D#5/0.25! E5 C5+G5/0.5 E5 C6/0.5!", velocity=88
    )
    piano.line(4, "B5/0.25! A5 F5/0.5 D5/0.25 F5 A5/0.5 | G5+B4/0.25! A5 B5/0.5 D6/0.25 B5/0.5 G5/0.25")
    piano.line(8, "E5/0.25! C5+E5/0.5 G5/0.25 A5 E5+G5/0.5 C5/0.25 | C#5+A5/0.25! E5 G5/0.5 A5 E6/0.5!")
    piano.line(
        12,
        "D6/0.25! C6 A5 F#5/0.5 A5/0.25 C6/0.5 | B5/0.25! D6/0.5 B5/0.25 F5 D5/0.5 B4/0.25 | C5+E5+C6/1.5!",
    )
    bass = "C3 E4+G4 G2 E4+G4 | C3 E4+G4 E3 G4+C5 | F3 A4+C5 D3 A4+C5 | G2 F4+B4 B2 F4+G4 | "
    bass += "C3 E4+G4 G2 E4+G4 | A2 E4+G4 C#3 G4+A4 | D3 F#4+C5 A2 F#4+C5 | G2 F4+B4 G3 F4+B4"
    for place, word in enumerate(w for w in bass.split() if w != "|"):
        piano.line(place * 0.5, f"{word}/0.5", velocity=74 if place % 2 == 0 else 64, legato=0.7)
    piano.line(16, "C2+C3+G3/1.5!")
    clarinet.line(
        0,
        "-/2 G4/0.5 C5 E5/1_ | D5/1 C5/0.5 A4 | B4/0.5 D5 F5/1 | E5/1.5 G5/0.5 | "
        "A5/0.5 G5 E5 C#5 | F#5/1 E5/0.5 D5 | D5/0.25 C5 B4/0.5 G4 B4 | G4/1.5",
    )
    tuba.line(
        0,
        "C2/0.9! -/0.1 G1/0.9 -/0.1 | C2/0.9 -/0.1 E2/0.9 -/0.1 | F2/0.9 -/0.1 D2/0.9 -/0.1 | "
        "G1/0.9 -/0.1 B1/0.9 -/0.1",
    )
    tuba.line(
        8,
        "C2/0.9! -/0.1 G1/0.9 -/0.1 | A1/0.9 -/0.1 C#2/0.9 -/0.1 | D2/0.9 -/0.1 A1/0.9 -/0.1 | "
        "G1/0.9 -/0.1 G1/0.5 B1 | C2/1.5!",
    )
    banjo.chords(
        0, "C/4 F/2 G7/2 C/2 A7/2 D7/2 G7/2", rhythm="-x-x", step=0.5, low="G4", strum_ms=9, hold=0.5
    )
    return score


def shellac(audio: Samples, rng: np.random.Generator) -> Samples:
    """What a worn 78 does, without clicks: wow, 150 Hz to 7 kHz, hiss and rumble that turn with the disc."""
    total = audio.shape[1]
    time = np.arange(total) / RATE_HZ
    turn = 2 * np.pi * 78 / 60 * time
    source = np.arange(total) + 0.0011 * RATE_HZ * (1 - np.cos(turn)) / (2 * np.pi * 1.3)
    audio = np.stack([np.interp(source, np.arange(total), channel) for channel in audio])
    audio = sosfiltfilt(butter(2, (150, 7000), "bandpass", fs=RATE_HZ, output="sos"), audio)
    audio /= np.max(np.abs(audio))
    hiss = lfilter([1], [1, -0.6], rng.standard_normal(total))
    hiss = sosfilt(butter(2, (300, 14_000), "bandpass", fs=RATE_HZ, output="sos"), hiss)
    hiss *= 0.0035 * (1 + 0.25 * np.sin(turn)) / np.std(hiss)
    rumble = sosfilt(butter(2, (30, 120), "bandpass", fs=RATE_HZ, output="sos"), rng.standard_normal(total))
    rumble *= 0.003 * (1 + 0.2 * np.cos(turn)) / np.std(rumble)
    return np.asarray(audio + hiss + rumble)


PIECES = [
    Composition(
        "Classical",
        "Minuet in G minor",
        "The first strain of a minuet for string quartet, with phrasing, vibrato and a ritardando.",
        minuet,
        12.0,
        Room(size=0.75, level=0.75, damping=0.3, width=0.8),
        fade_s=0.8,
    ),
    Composition(
        "Jazz",
        "Half Past Thursday",
        "Swing in F at 172 bpm: tenor saxophone, piano, rhythm guitar, walking bass, ride and hi-hat.",
        half_past,
        10.8,
        Room(size=0.45, level=0.5),
        fade_s=0.8,
    ),
    Composition(
        "Historic",
        "Parasol Rag",
        "A rag for parlour piano, clarinet, tuba and banjo as from a 78: mono, 150 Hz to 7 kHz, wow, hiss.",
        parasol,
        11.0,
        Room(size=0.35, level=0.4),
        fade_s=0.5,
        mono=True,
        age=shellac,
    ),
]
