"""Scores as text, played by a human hand that a seed makes repeatable, written as MIDI.

A line of notes is words: ``E4/1`` is E4 for one beat, ``D4+F4+A4/2`` a chord for two, ``-/0.5`` a rest.
A length stays until the next one is given; ``|`` is for the reader. After the length ``!`` is an accent,
``,`` soft, ``~`` begins below the pitch and bends up to it, ``'`` staccato, ``_`` held on to the next.

A grid of hits is one character a step: ``x`` a hit, ``X`` an accent, ``o`` soft, ``.`` nothing (in a rhythm
of chords: still sounding), ``-`` silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import mido
import numpy as np

TICKS = 960
LEAD_IN_S = 0.04  # a player can be early even to the first note
DRUM_CHANNEL = 9
BEND_SEMITONES = 2.0

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "69": (0, 4, 9, 14),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "maj9": (0, 4, 11, 14),
    "m9": (0, 3, 10, 14),
    "9": (0, 4, 10, 14),
    "13": (0, 4, 10, 14, 21),
    "7b9": (0, 4, 10, 13),
    "7s9": (0, 4, 10, 15),
    "7sus": (0, 5, 7, 10),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "add9": (0, 4, 7, 14),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
}
DRUMS = {
    "kick": 36, "kick2": 35, "stick": 37, "snare": 38, "clap": 39, "snare2": 40, "tomlow": 45, "tommid": 47,
    "tomhigh": 50, "floor": 41, "hat": 42, "pedal": 44, "open": 46, "crash": 49, "ride": 51, "china": 52,
    "bell": 53, "tambourine": 54, "splash": 55, "cowbell": 56, "bongohigh": 60, "bongolow": 61,
    "congamute": 62, "conga": 63, "congalow": 64, "timbale": 65, "agogo": 67, "cabasa": 69, "maracas": 70,
    "guiro": 73, "claves": 75, "block": 76, "trianglemute": 80, "triangle": 81, "shaker": 82,
}  # fmt: skip
HITS = {"X": 1.22, "x": 1.0, "o": 0.62}


def pitch(name: str) -> int:
    """MIDI number of a note: C4 is 60."""
    match = re.fullmatch(r"([A-G])([#b]*)(-?\d)", name)
    if match is None:
        raise ValueError(f"no note is called {name!r}")
    step, shifts, octave = match.groups()
    return 12 * (int(octave) + 1) + STEPS[step] + shifts.count("#") - shifts.count("b")


def voicing(name: str, low: str) -> list[int]:
    """The chord's notes from ``low`` upwards, in the inversion that lies lowest; wide tensions on top."""
    match = re.fullmatch(r"([A-G][#b]?)(\w*)", name)
    if match is None or match.group(2) not in QUALITIES:
        raise ValueError(f"no chord is called {name!r}")
    root, bottom = pitch(match.group(1) + "0"), pitch(low)
    notes = []
    for interval in QUALITIES[match.group(2)]:
        note = bottom + (root + interval - bottom) % 12
        notes.append(note)
    return sorted(notes)


@dataclass(frozen=True)
class Note:
    """A note as written: beats, semitones, MIDI velocity."""

    start: float
    beats: float
    pitch: int
    velocity: float
    bend: bool = False
    late_s: float = 0.0


@dataclass
class Part:
    """One player.

    Attributes:
        program: General MIDI program from 0, or a drum kit.
        pan, volume, reverb, chorus, bank: as in MIDI, 0 to 127.
        loose_ms: how far off the beat this player is, usually.
        vibrato: MIDI modulation that long notes come to.
    """

    channel: int
    program: int
    pan: int = 64
    volume: int = 96
    reverb: int = 45
    chorus: int = 0
    bank: int = 0
    velocity: int = 82
    loose_ms: float = 7.0
    uneven: float = 5.0
    vibrato: int = 0
    notes: list[Note] = field(default_factory=list)
    swells: list[tuple[float, float, int, int]] = field(default_factory=list)

    def line(self, start: float, text: str, *, velocity: int | None = None, legato: float = 0.94) -> float:
        """Play a line of notes; returns the beat after it."""
        at, beats = start, 1.0
        for word in text.split():
            if word == "|":
                continue
            match = re.fullmatch(r"([^/!,~'_]+)(?:/([\d.]+))?([!,~'_]*)", word)
            if match is None:
                raise ValueError(f"not a note: {word!r}")
            names, length, marks = match.groups()
            beats = float(length) if length else beats
            loud = float(velocity or self.velocity)
            loud *= 1.18 if "!" in marks else 0.72 if "," in marks else 1.0
            held = beats * (0.4 if "'" in marks else 1.04 if "_" in marks else legato)
            if names != "-":
                for name in names.split("+"):
                    self.notes.append(Note(at, held, pitch(name), loud, "~" in marks))
            at += beats
        return at

    def chords(
        self,
        start: float,
        text: str,
        *,
        rhythm: str = "x",
        step: float | None = None,
        low: str = "C4",
        velocity: int | None = None,
        strum_ms: float = 6.0,
        hold: float = 0.96,
    ) -> float:
        """Play named chords (``Dm7/4``) in a rhythm that begins anew with every chord."""
        at = start
        for word in (w for w in text.split() if w != "|"):
            name, _, length = word.partition("/")
            beats = float(length or 4)
            unit = step or beats / len(rhythm)
            count = round(beats / unit)
            hits = (rhythm * (count // len(rhythm) + 1))[:count]
            notes = voicing(name, low) if name != "-" else []
            for place, hit in enumerate(hits):
                if hit not in HITS:
                    continue
                sounding = next((k for k in range(place + 1, count) if hits[k] != "."), count) - place
                down = place % 2 == 0 or strum_ms < 12
                for rank, note in enumerate(notes if down else notes[::-1]):
                    loud = (velocity or self.velocity) * HITS[hit] * (1.0 if rank == len(notes) - 1 else 0.93)
                    late = rank * strum_ms / 1000
                    self.notes.append(
                        Note(at + place * unit, hold * sounding * unit, note, loud, late_s=late)
                    )
            at += beats
        return at

    def arpeggio(
        self,
        start: float,
        text: str,
        *,
        order: str,
        step: float = 0.5,
        low: str = "C3",
        velocity: int | None = None,
        ring: float = 2.0,
    ) -> float:
        """Break named chords: ``order`` are digits, notes of the chord counted upwards through octaves."""
        at = start
        for word in (w for w in text.split() if w != "|"):
            name, _, length = word.partition("/")
            beats = float(length or 4)
            notes = voicing(name, low)
            for place in range(round(beats / step)):
                digit = order[place % len(order)]
                if digit == ".":
                    continue
                octave, index = divmod(int(digit), len(notes))
                loud = (velocity or self.velocity) * (1.08 if place % len(order) == 0 else 0.95)
                self.notes.append(Note(at + place * step, ring * step, notes[index] + 12 * octave, loud))
            at += beats
        return at

    def hits(self, start: float, *, step: float = 0.25, times: int = 1, **grid: str) -> float:
        """Play a grid of drums, one row for each name of :data:`DRUMS`; returns the beat after it."""
        steps = max(len(row) for row in grid.values())
        for time in range(times):
            for name, row in grid.items():
                for place in range(steps):
                    hit = row[place % len(row)]
                    if hit in HITS:
                        at = start + (time * steps + place) * step
                        self.notes.append(Note(at, step, DRUMS[name], self.velocity * HITS[hit]))
        return start + times * steps * step

    def swell(self, start: float, end: float, first: int, last: int) -> None:
        """Grow or fade (MIDI expression) between two beats."""
        self.swells.append((start, end, first, last))


class Score:
    """A piece: players, tempo, feel.

    Args:
        bpm: beats a minute.
        seed: of everything human in it.
        swing: share of a pair that its first half takes: 0.5 is even, 0.67 a triplet.
        unit: length in beats of what is swung.
        slower: from this beat on the tempo falls, to half of it after ``slower_beats``.
    """

    def __init__(
        self,
        *,
        bpm: float,
        seed: int,
        swing: float = 0.5,
        unit: float = 0.5,
        slower: float | None = None,
        slower_beats: float = 8.0,
    ) -> None:
        self.bpm = bpm
        self.swing, self.unit = swing, unit
        self.slower, self.slower_beats = slower, slower_beats
        self.rng = np.random.default_rng(seed)
        self.parts: list[Part] = []

    def part(self, program: int, **settings: float) -> Part:
        """Add a player with an instrument."""
        channel = [c for c in range(16) if c != DRUM_CHANNEL][sum(p.channel != 9 for p in self.parts)]
        self.parts.append(replace(Part(channel, program), **settings))  # type: ignore[arg-type]
        return self.parts[-1]

    def drums(self, kit: int = 0, **settings: float) -> Part:
        """Add the one drummer."""
        plain = Part(DRUM_CHANNEL, kit, loose_ms=4.0, uneven=7.0)
        self.parts.append(replace(plain, **settings))  # type: ignore[arg-type]
        return self.parts[-1]

    def seconds(self, beat: float) -> float:
        """When a beat sounds, with swing and the slower end."""
        pair, inside = divmod(beat, 2 * self.unit)
        share = inside / (2 * self.unit)
        warped = share * self.swing / 0.5 if share < 0.5 else 1 - (1 - share) * (1 - self.swing) / 0.5
        at = (pair + warped) * 2 * self.unit
        if self.slower is not None and at > self.slower:
            over = at - self.slower
            at = self.slower + over + over**2 / (2 * self.slower_beats)
        return LEAD_IN_S + at * 60 / self.bpm

    def events(self) -> list[tuple[float, int, mido.Message]]:
        """Seconds, rank among simultaneous events, message."""
        found: list[tuple[float, int, mido.Message]] = []
        for part in self.parts:
            found += self._setup(part)
            for note in sorted(part.notes, key=lambda n: (n.start, n.pitch)):
                found += self._note(part, note)
            for first_beat, last_beat, first, last in part.swells:
                beats = np.linspace(first_beat, last_beat, 24)
                for beat, value in zip(beats, np.linspace(first, last, 24), strict=True):
                    found.append((self.seconds(beat), 1, _control(part, 11, round(value))))
        return sorted(found, key=lambda event: event[:2])

    def _setup(self, part: Part) -> list[tuple[float, int, mido.Message]]:
        messages = [
            _control(part, 0, part.bank),
            mido.Message("program_change", channel=part.channel, program=part.program),
            _control(part, 7, part.volume),
            _control(part, 10, part.pan),
            _control(part, 91, part.reverb),
            _control(part, 93, part.chorus),
            _control(part, 11, 127),
        ]
        return [(0.0, 0, message) for message in messages]

    def _note(self, part: Part, note: Note) -> list[tuple[float, int, mido.Message]]:
        off_beat_s = float(np.clip(self.rng.normal(0, part.loose_ms / 1000), -0.03, 0.03))
        start_s = max(0.0, self.seconds(note.start) + off_beat_s + note.late_s)
        end_s = max(start_s + 0.03, self.seconds(note.start + note.beats) + off_beat_s)
        on_beat = 3.0 if abs(note.start % 1) < 1e-6 else 0.0
        loud = note.velocity + on_beat + self.rng.normal(0, part.uneven)
        velocity = int(np.clip(round(loud), 12, 127))
        key = {"channel": part.channel, "note": note.pitch}
        events = [
            (start_s, 3, mido.Message("note_on", velocity=velocity, **key)),
            (end_s, 2, mido.Message("note_off", velocity=64, **key)),
        ]
        if note.bend:
            for share in np.linspace(0, 1, 12):
                value = round(-8191 * (1 - share) ** 1.5 / BEND_SEMITONES)
                wheel = mido.Message("pitchwheel", channel=part.channel, pitch=value)
                events.append((start_s + 0.11 * float(share), 1, wheel))
        if part.vibrato and end_s - start_s > 0.4:
            events.append((start_s, 1, _control(part, 1, 0)))
            for share in np.linspace(0.3, 0.8, 6):
                depth = round(part.vibrato * (float(share) - 0.3) / 0.5)
                events.append((start_s + float(share) * (end_s - start_s), 1, _control(part, 1, depth)))
        return events

    def write(self, path: Path) -> None:
        """Write a MIDI file, one track."""
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(self.bpm), time=0)])
        now = 0
        for at_s, _, message in self.events():
            tick = round(at_s * self.bpm / 60 * TICKS)
            track.append(message.copy(time=max(0, tick - now)))
            now = max(now, tick)
        mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(path)


def _control(part: Part, control: int, value: int) -> mido.Message:
    return mido.Message("control_change", channel=part.channel, control=control, value=value)
