"""Rock, Pop, Country, Soul-RnB, Blues."""

from __future__ import annotations

from piece import Composition
from render import Room
from score import Score


def gravel() -> Score:
    """Rock in E minor: two distorted guitars, organ, a lead that bends."""
    score = Score(bpm=142, seed=21)
    left = score.part(30, pan=14, volume=80, reverb=24, velocity=92, loose_ms=8)
    right = score.part(29, pan=114, volume=84, reverb=24, velocity=92, loose_ms=8)
    bass = score.part(34, volume=104, reverb=8, velocity=100)
    organ = score.part(18, pan=70, volume=62, reverb=50, velocity=74)
    lead = score.part(29, pan=58, volume=92, reverb=70, velocity=100, vibrato=45)
    drums = score.drums(16, volume=116, reverb=30, velocity=104)
    changes = "E5/4 G5/2 D5/2 C5/4 A5/2 B5/2 E5/4"
    left.chords(0, changes, rhythm="X-oxo-X.", step=0.5, low="E2", strum_ms=5)
    right.chords(0, changes, rhythm="X-oxo-X.", step=0.5, low="E2", strum_ms=7)
    bass.line(0, "E1/0.5! E1 E1 E2' E1 E1 G1 A1 | G1! G1 G1 D2' D1 D2 F#1 D2 | C2! C2 C2 G1 C2 C2 B1 C2")
    bass.line(12, "A1/0.5! A1 A1 E2 B1 B1 D#2 B1 | E1! E1 E1 E2' E1 E1 D2 D#2 | E1/3!")
    organ.chords(0, "Em/4 G/2 D/2 C/4 Am/2 B7/2 Em/4 Em/3", low="G4", rhythm="x.......", strum_ms=0)
    lead.line(8, "-/0.5 G5/0.5! A5/0.25 G5 E5/0.5 D5/1~ E5/1 | A5/0.5 B5~ A5 G5/0.25 A5 B5/1!~ D#6/1")
    lead.line(16, "E6/1!~ D6/0.25 B5 A5 G5 A5/0.5 G5/0.25 E5 D5/0.5 B4 | E5+B5/3!~")
    drums.hits(
        0, crash="X...............", kick="X.....x.x.x.....", snare="....X.......X..o", hat="x.x.x.x.x.x.x.x."
    )
    drums.hits(4, times=3, kick="X.....x.x.x...x.", snare="....X.......X...", hat="X.x.x.x.X.x.x.x.")
    drums.hits(16, crash="o", kick="X.....x.x.x", snare="....X", hat="..x.x.x.", step=0.25)
    drums.hits(
        18, tomhigh="xx......", tommid="..xx....", tomlow="....Xx..", floor="......XX", snare="x...x..."
    )
    drums.hits(20, crash="x", kick="X")
    left.chords(20, "E5/3", low="E2", velocity=104, hold=0.9)
    right.chords(20, "E5/3", low="E2", velocity=104, hold=0.9)
    return score


def window_seat() -> Score:
    """Pop in A: piano and clean guitar, voices, a bright hook, a band that lifts on the third bar."""
    score = Score(bpm=114, seed=22)
    piano = score.part(1, pan=50, volume=92, reverb=40, velocity=76)
    guitar = score.part(27, pan=100, volume=72, reverb=45, chorus=50, velocity=70)
    bass = score.part(33, volume=100, reverb=10, velocity=92)
    voices = score.part(53, pan=64, volume=100, reverb=75, velocity=84, vibrato=20)
    choir = score.part(52, volume=58, reverb=80, velocity=60)
    glock = score.part(9, pan=32, volume=70, reverb=60, velocity=58)
    drums = score.drums(0, volume=104, reverb=26, velocity=92)
    changes = "Aadd9/4 F#m7/4 Dadd9/2 Bm7/2 E7sus/4"
    piano.chords(0, changes, rhythm="x..x..x.", step=0.5, low="A3", strum_ms=6)
    piano.line(0, "A2/3 E3/1 | F#2/3 C#3/1 | D3/2 B2/2 | E2/3 B2/1", velocity=68)
    guitar.arpeggio(0, changes, order="0213", step=0.25, low="A4", velocity=58, ring=1.6)
    bass.line(
        0,
        "A1/1.5! A1/0.5 -/0.5 A1 C#2 E2 | F#1/1.5! F#1/0.5 -/0.5 F#1 A1 C#2 | D2/1.5! A1/0.5 B1/1 F#2/0.5 B1",
    )
    bass.line(12, "E2/1.5! E2/0.5 B1/0.5 E2 G#2 E2 | A1/3")
    voices.line(
        0,
        "-/0.5 C#5/0.5 E5 F#5 E5/1! C#5/0.5 B4 | A4/1.5 C#5/0.5 E5/1.5 -/0.5 | "
        "F#5/0.5! F#5 E5 C#5 D5/1~ C#5/0.5 B4",
    )
    voices.line(12, "B4/1.5 C#5/0.5 D5/0.5 C#5 B4 G#4 | A4/3")
    choir.chords(8, "D/2 Bm/2 E/4 A/3", low="A4", strum_ms=20)
    choir.swell(8, 16, 60, 124)
    glock.line(8, "-/1 A6/0.5 F#6 -/1 D6/0.5 F#6 | E6/0.5 B6 -/3 | A6+E6/1")
    drums.hits(0, times=2, kick="X......xx.......", snare="....x.......x...", hat="x.o.x.o.x.o.x.oo")
    drums.hits(
        8,
        times=1,
        kick="X..x...xx..x....",
        snare="....X.......X..o",
        hat="X.x.X.x.X.x.X.x.",
        crash="x...............",
    )
    drums.hits(
        12,
        kick="X......xx.......",
        snare="....X.......X.xX",
        hat="X.x.X.x.X.x.....",
        tomlow="..............x.",
    )
    drums.hits(16, kick="X", crash="x")
    piano.chords(16, "Aadd9/3", low="A3", velocity=84, strum_ms=14)
    guitar.chords(16, "A/3", low="A3", velocity=66, strum_ms=30)
    return score


def tin_roof() -> Score:
    """Country two-step in G: banjo rolls, fiddle, sliding steel, train beat."""
    score = Score(bpm=212, seed=23)
    banjo = score.part(105, pan=100, volume=84, reverb=25, velocity=80)
    strum = score.part(25, pan=36, volume=84, reverb=25, velocity=74)
    steel = score.part(26, bank=8, pan=80, volume=96, reverb=65, velocity=84, vibrato=40)
    fiddle = score.part(110, pan=52, volume=88, reverb=50, velocity=82, vibrato=25)
    bass = score.part(32, volume=104, reverb=10, velocity=94)
    piano = score.part(3, pan=24, volume=62, reverb=30, velocity=66)
    drums = score.drums(0, volume=78, reverb=25, velocity=72)
    changes = "G/8 C/4 G/4 A7/4 D7/4 G/4"
    banjo.arpeggio(0, changes, order="02143120", step=0.5, low="G3", velocity=74, ring=1.2)
    strum.chords(0, changes, rhythm="-x-x", step=1, low="G3", strum_ms=16, hold=0.6)
    bass.line(0, "G1/2! D2 G1 B1/1 G1 | C2/2! G1 | G1 D2 | A1! E2 | D2 A1/1 F#1 | G1/2! D2 | G1/3!")
    fiddle.line(
        0,
        "D5/1 G5/0.5 A5 B5/1! D6/0.5 B5 A5/1 G5/0.5 E5 D5/1 B4/1 | "
        "C5/0.5 E5 G5 E5 C6/1! B5/0.5 A5 | B5/2_ D5/2",
    )
    fiddle.line(20, "F#5/0.5 A5 C6 A5 F#5 E5 D5 C5 | B4 D5 G5! B5 A5 G5 F#5 A5 | G5+B4/3")
    steel.line(8, "-/2 E5+G5/2~ | D5+G5/4~ | C#5+E5/2~! E5+A5/2~ | F#5+C6/3~ A5/1 | G5+B5/4~ | D5+G5+B5/3~")
    piano.line(24, "D5/0.5 E5 F5 F#5 G5+B5/1! D5/1 | G4+B4+D5+G5/2")
    drums.hits(0, step=0.5, times=7, kick="x...x...", snare="oXooXoXo", stick=".x...x..")
    drums.hits(28, step=0.5, kick="X", crash="o")
    strum.chords(28, "G/3", low="G2", velocity=84, strum_ms=35)
    return score


def sunday_coat() -> Score:
    """Soul in Ab: Rhodes, organ, horn stabs, tenor sax, ghosted snare."""
    score = Score(bpm=94, seed=24, swing=0.54, unit=0.25)
    rhodes = score.part(4, pan=44, volume=94, reverb=35, chorus=30, velocity=74)
    organ = score.part(17, pan=90, volume=58, reverb=45, velocity=66)
    bass = score.part(33, volume=110, reverb=8, velocity=98)
    guitar = score.part(28, pan=108, volume=78, reverb=25, velocity=72)
    horns = score.part(61, pan=54, volume=84, reverb=45, velocity=98)
    sax = score.part(66, pan=70, volume=100, reverb=60, velocity=88, vibrato=45)
    drums = score.drums(2, volume=108, reverb=22, velocity=90)
    changes = "Abmaj9/2 Fm9/2 Dbmaj9/2 Eb13/2 Cm7/1 Fm9/1 Bbm9/1 Eb13/1"
    rhodes.chords(0, changes, rhythm="x..x-.o.", step=0.25, low="C4", strum_ms=8)
    organ.chords(0, "Ab/2 Fm/2 Db/2 Eb/2 Cm/1 Fm/1 Bbm/1 Eb/1 Ab/3", low="Ab4", strum_ms=0)
    bass.line(0, "Ab1/0.75! Ab2/0.25' Eb2/0.5 G2/0.25 Eb2 | F1/0.75! F2/0.25' C2/0.5 Eb2/0.25 C2")
    bass.line(4, "Db2/0.75! Db2/0.25 Ab1/0.5 C2/0.25 Db2 | Eb2/0.75! Eb1/0.25' Bb1/0.5 D2/0.25 B1")
    bass.line(8, "C2/0.75! G1/0.25 F1/0.75 C2/0.25 | Bb1/0.75 F1/0.25 Eb1/0.75 G1/0.25 | Ab1/3!")
    guitar.chords(
        0, "Ab/4 Db/4 Cm/2 Bbm/2", rhythm="..xo..o-..x-.oxo", step=0.25, low="Eb4", strum_ms=5, hold=0.5
    )
    horns.line(0, "-/3.5 C5+Eb5+Ab5/0.25! -/0.25 | -/2.5 Db5+F5+Bb5/0.25! -/0.25 Db5+G5+C6/0.75! -/0.25")
    horns.line(
        8,
        "-/0.5 Eb5+G5/0.25 -/0.25 Eb5+Ab5/0.5! -/0.5 | "
        "Db5+F5/0.25, -/0.25 F5+Bb5/0.5 G5+C6/0.75! -/0.25 | C5+Eb5+Ab5/2",
    )
    sax.line(
        0,
        "-/0.5 Eb4/0.25 F4 Ab4/0.75!~ C5/0.25 | Bb4/0.25 Ab4 F4/0.5 Ab4/1~_ | "
        "-/0.5 F5/0.5!~ Eb5/0.25 C5 Ab4/0.5 | Bb4/0.75~ G4/0.25 Eb4/0.75 -/0.25",
    )
    sax.line(8, "G4/0.5~ Bb4/0.25 C5 Eb5/0.75!~ C5/0.25 | Db5/0.25 C5 Bb4 Ab4 G4/0.5~ Bb4/0.5 | C5/2.5~")
    drums.hits(0, times=3, kick="X..o..x...x..o..", snare="....X..o.o..X..o", hat="xoxoxoxoxoxoxoxo")
    drums.hits(11, snare2="..xX", tomlow="xx..", step=0.25)
    drums.hits(12, kick="X", crash="o", open="o")
    rhodes.chords(12, "Abmaj9/3", low="C4", strum_ms=30)
    return score


def last_bus() -> Score:
    """The last four bars of a slow blues in A: bent guitar, harmonica, organ, walking turnaround."""
    score = Score(bpm=92, seed=25, swing=0.66, unit=0.5, slower=13, slower_beats=7)
    guitar = score.part(29, pan=76, volume=82, reverb=50, velocity=94, vibrato=50)
    harp = score.part(22, pan=40, volume=80, reverb=55, velocity=78, vibrato=40)
    organ = score.part(17, pan=96, volume=62, reverb=40, velocity=62)
    bass = score.part(33, volume=108, reverb=10, velocity=92)
    piano = score.part(0, pan=28, volume=84, reverb=35, velocity=72)
    drums = score.drums(32, volume=104, reverb=28, velocity=84)
    organ.chords(0, "E7/4 D7/4 A7/1 A7/1 D7/1 Ddim7/1 A7/1 E7/1 A9/2.3", low="E4", strum_ms=0)
    piano.chords(0, "E7/4 D7/4 A7/2 D7/2", rhythm="-x-x-xxo", step=0.5, low="G#3", strum_ms=8, hold=0.7)
    bass.line(0, "E2/1! G#2 B2 C#3 | D2! F#2 A2 B2 | A1! C#2 D2 D#2 | E2/0.5 E2 F2/0.5 F#2 | A1/2.3!")
    guitar.line(
        0,
        "-/0.5 G5/0.5!~ E5/0.5 D5/0.5~ B4/1 G4/0.5 B4 | A4/1.5~ C5/0.5!~ D5/0.5 C5 A4/1 | "
        "E5/0.5!~ E5 C5 A4 C5~ A4 G4 E4",
    )
    guitar.line(12, "A4/0.5 C#5~ E5 G#5 | A5+E5/2.3!~")
    harp.line(
        2, "-/1 E5+G5/1~ | -/2 F#5/0.5~ A5 D5/1~ | -/1 G5+E5/1 -/2 | C#5/0.5 E5~ B4 D5~ | C#5+E5+A5/2.3~"
    )
    piano.line(12, "A4+C#5/0.5 A4+C5 E4+B4 F4+D5 | G4+B4+C#5+E5/2.3!", velocity=84)
    drums.hits(0, step=0.5, times=3, kick="X..ox..o", snare="..X...X.", ride="x.xxx.xx", pedal="..x...x.")
    drums.hits(12, step=0.5, kick="X.x.", snare="..Xo", ride="x.x.")
    drums.hits(14, kick="X", crash="o")
    return score


PIECES = [
    Composition(
        "Rock",
        "Gravel and Rain",
        "Rock in E minor at 142 bpm: two distorted guitars left and right, organ, a bending lead, loud drums.",
        gravel,
        10.2,
        Room(size=0.45, level=0.5, drive=2.0, width=0.6),
        fade_s=0.7,
    ),
    Composition(
        "Pop",
        "Window Seat",
        "Pop in A at 114 bpm: piano, chorused guitar, wordless voices, glockenspiel, a band that lifts.",
        window_seat,
        10.3,
        Room(drive=1.5),
        fade_s=0.8,
    ),
    Composition(
        "Country",
        "Tin Roof Saturday",
        "A fast two-step in G: banjo rolls, fiddle, sliding steel guitar, upright bass, train beat.",
        tin_roof,
        10.0,
        Room(size=0.4, level=0.5, width=0.8),
        fade_s=0.7,
    ),
    Composition(
        "Soul-RnB",
        "Sunday Coat",
        "Soul in A flat at 94 bpm: Rhodes, organ, horn stabs, tenor saxophone, a ghosted snare.",
        sunday_coat,
        10.3,
        Room(size=0.45, level=0.5, drive=1.5),
        fade_s=0.8,
    ),
    Composition(
        "Blues",
        "Last Bus",
        "The turnaround of a slow shuffle in A: bent electric guitar, harmonica, organ, piano, bass, drums.",
        last_bus,
        11.5,
        Room(size=0.5, level=0.55, drive=1.2),
        fade_s=0.8,
    ),
]
