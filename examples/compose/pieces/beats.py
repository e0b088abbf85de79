"""Electronic, Hip-Hop, Experimental."""

from __future__ import annotations

from piece import Composition
from render import Room
from score import Score


def switchboard() -> Score:
    """House in F minor: four on the floor, pumped pad, off-beat bass, a plucked hook."""
    score = Score(bpm=125, seed=11)
    pad = score.part(89, volume=88, reverb=70, chorus=60, velocity=72, loose_ms=1)
    pluck = score.part(81, pan=38, volume=76, reverb=60, chorus=40, velocity=78, loose_ms=2)
    bass = score.part(38, volume=100, reverb=8, velocity=96, loose_ms=1)
    lead = score.part(90, pan=88, volume=84, reverb=75, chorus=50, velocity=80, loose_ms=2)
    bells = score.part(98, pan=20, volume=70, reverb=90, velocity=60, loose_ms=3)
    drums = score.drums(25, volume=108, reverb=18, velocity=92, loose_ms=1)
    changes = "Fm9/4 Dbmaj9/4 Ab69/4 Eb7sus/4"
    pad.chords(0, changes, low="F3", strum_ms=0)
    for beat in range(16):
        pad.swell(beat, beat + 0.85, 50, 124)
    pluck.arpeggio(0, changes, order="0.21.32.0.24.3.2", step=0.25, low="F4", ring=0.7)
    for bar, (low, high) in enumerate((("F1", "F2"), ("Db2", "Db3"), ("Ab1", "Ab2"), ("Eb2", "Eb3"))):
        bass.line(
            4 * bar, f"-/0.5 {low}/0.5! - {low} -/0.25 {low} {high}/0.5' - {low}/0.25 {high}'", legato=0.8
        )
    lead.line(
        4,
        "-/0.5 C6/0.5! Ab5/0.75 F5/0.25 G5/0.5 Ab5/1.5_ | Eb6/0.75! C6 Bb5/0.5 Ab5/1 Bb5/1 | "
        "G5/1.5 F5/0.5 Eb5/2",
    )
    bells.line(0, "F6/1.5, C7/2.5, | -/4 | -/2 Eb6/1 Ab6/1 | Bb6/2, G6/2,")
    drums.hits(0, kick="X...x...x...x...", hat="..o...o...o...o.", shaker="xoxo", times=1)
    drums.hits(
        4, kick="X...x...x...x..o", clap="....x.......x...", open="..o...o...o...o.", shaker="xoxo", times=3
    )
    drums.hits(15, snare="oxxX", step=0.25)
    pad.chords(16, "Fm9/4", low="F3", strum_ms=0)
    bass.line(16, "F1/1.5!")
    lead.line(16, "F5+C6/2")
    drums.hits(16, kick="X", crash="x")
    return score


def third_floor() -> Score:
    """Boom bap at 90: Rhodes, upright bass, a muted trumpet, drums that lean back."""
    score = Score(bpm=90, seed=12, swing=0.58, unit=0.25)
    rhodes = score.part(4, pan=50, volume=100, reverb=45, chorus=45, velocity=70)
    bass = score.part(32, volume=112, reverb=12, velocity=96)
    trumpet = score.part(59, pan=84, volume=88, reverb=65, velocity=76, vibrato=25)
    vibes = score.part(11, pan=30, volume=82, reverb=70, velocity=62)
    strings = score.part(48, volume=58, reverb=70, velocity=54)
    drums = score.drums(8, volume=112, reverb=26, velocity=96, loose_ms=6)
    changes = "Dm9/2 G13/2 Cmaj9/2 A7s9/2 Dm9/2 G13/1 Db9/1"
    rhodes.chords(0, changes, rhythm="x..-.ox.", step=0.25, low="A3", strum_ms=10)
    strings.chords(0, "Dm7/4 Cmaj7/4 Dm7/4", low="D5")
    strings.swell(0, 12, 40, 112)
    bass.line(0, "D2/0.75! D2/0.25 A2/0.75 F2/0.25 | G1/0.75! G2/0.25' F2/0.5 D2/0.5")
    bass.line(4, "C2/0.75! C2/0.25 E2/0.5 G2/0.5 | A1/0.75! A2/0.25' G2/0.5 C#2/0.5")
    bass.line(8, "D2/0.75! D2/0.25 A2/0.75 F2/0.25 | G1/1 Db2/1 | C2/2.5")
    trumpet.line(
        0, "-/2 -/0.5 D5/0.25 E5 F5/0.75~ E5/0.25 | D5/0.5 B4/1.5_ -/1 | -/0.5 C5/0.25 Eb5 E5/0.5~ G5/0.5 -/1"
    )
    trumpet.line(8, "A5/0.75!~ G5/0.25 F5/0.5 E5/0.5 | D5/0.75 B4/0.25 Ab4/1 | G4/2")
    vibes.line(0, "-/3 A5/0.25 G5 E5 D5 | E5/2 -/2 | -/2.5 F5/0.25 A5 C6 E6 D6/0.5 B5 | G5/2")
    drums.hits(0, times=3, kick="X..o......xx....", snare="....X..o.o..X...", hat="x.xoxoxox.xoxoxo")
    drums.hits(0, open="..............x.", times=2)
    rhodes.chords(12, "Cmaj9/3", low="G3", strum_ms=25)
    drums.hits(12, kick="X", ride="x", step=0.25)
    return score


def broken_clock() -> Score:
    """Octatonic bells, bowed glass, prepared-piano clusters and silences in 5/8 and 7/8."""
    score = Score(bpm=96, seed=13)
    bells = score.part(14, pan=40, volume=96, reverb=100, velocity=84, loose_ms=12)
    glass = score.part(92, pan=80, volume=100, reverb=110, velocity=64, loose_ms=20)
    kalimba = score.part(108, pan=96, volume=104, reverb=60, velocity=84)
    koto = score.part(107, pan=24, volume=92, reverb=60, velocity=92)
    piano = score.part(0, pan=64, volume=94, reverb=80, velocity=70, uneven=12)
    back = score.part(119, volume=70, reverb=80, velocity=90)
    pizz = score.part(45, pan=54, volume=100, reverb=70, velocity=82)
    drums = score.drums(48, volume=92, reverb=70, velocity=84, uneven=14)
    glass.line(0, "Db5+G5/5 | C5+F#5+A5/5.5 | Bb4+E5+Eb6/5")
    glass.swell(0, 4, 50, 127)
    glass.swell(5, 9, 127, 70)
    glass.swell(10, 14, 70, 124)
    bells.line(0, "G4/2.5! C#5/2.5, | -/1 E5/2.5 Bb4/2 | A4/2.5! Eb5/2,")
    kalimba.line(0.5, "E5/0.25 G5 Bb5 C#6 | -/1.25 E6/0.25! D#6 C6 A5 F#5 | -/1 C6/0.25 A5/0.5! G5/0.25 E5")
    kalimba.line(
        6, "C#5/0.25 E5 G5 A#5 C#6! A#5 G5 | -/0.75 F#6/0.25! D#6 C6 A5 | -/1.25 E5/0.25 G5 A5 C6 D#6 F#6!"
    )
    koto.line(
        2,
        "Bb3/0.75!~ C4/0.25 Eb4/0.5 F#4/1~ | -/1.5 A4/0.5!~ G4/0.25 F#4 E4/1 | "
        "-/1 Bb3/0.75~ C#4/0.25 E4/1.5!",
    )
    piano.line(0, "C1+Db1+G1/2.5! | -/2 F#6+G6+C7/0.5, A6+Bb6, | -/1.5 C2+F#2+B2/1.5! -/1")
    piano.line(10, "Eb6+E6+Bb6/0.25 D6+F6 C#6+G6, A5+Bb5, -/1 | C1+C2+F#2/3!")
    back.line(3.4, "C4/1.6! | -/3.4 C4/1.6!")
    pizz.line(
        5,
        "C#3/0.5! -/0.5 G3/0.25 -/0.25 E3/0.5 Bb2/1 | -/0.5 C3/0.25 F#3 A3/0.5 Eb3/1! | -/1 G2/0.5 C#3 E3/1!",
    )
    drums.hits(
        0, step=0.25, kick="X....................x..o.......", block="....o..x.o..........x.o.x...o..x"
    )
    drums.hits(5, step=0.25, triangle="x.........o...........x", floor="X......o.x....X...o..x", crash="o")
    drums.hits(13, step=0.25, china="X", kick="X")
    return score


PIECES = [
    Composition(
        "Electronic",
        "Switchboard",
        "House in F minor at 125 bpm: four on the floor, a pumping pad, off-beat synth bass, a plucked hook.",
        switchboard,
        10.0,
        Room(size=0.5, level=0.5, drive=1.6, width=0.8),
        fade_s=0.9,
    ),
    Composition(
        "Hip-Hop",
        "Third Floor, No Lift",
        "Boom bap at 90 bpm that leans back: Rhodes, upright bass, muted trumpet, vibraphone, drums.",
        third_floor,
        10.0,
        Room(size=0.4, level=0.45, drive=1.8),
        fade_s=0.8,
    ),
    Composition(
        "Experimental",
        "Broken Clock",
        "Octatonic bells, bowed glass, koto bends, clusters in odd metres, with near-silences between them.",
        broken_clock,
        10.5,
        Room(size=0.8, level=0.9, damping=0.2),
        fade_s=0.8,
    ),
]
