"""Folk, International, Instrumental, Easy Listening."""

from __future__ import annotations

from piece import Composition
from render import Room
from score import Score


def herons_jig() -> Score:
    """A jig in D: fiddle and flute, strummed guitar, accordion, a frame drum."""
    score = Score(bpm=172, seed=31)
    fiddle = score.part(110, pan=46, volume=92, reverb=50, velocity=82)
    flute = score.part(73, pan=86, volume=92, reverb=60, velocity=76)
    guitar = score.part(25, pan=30, volume=84, reverb=35, velocity=72)
    accordion = score.part(21, pan=100, volume=60, reverb=45, velocity=60)
    bass = score.part(32, volume=84, reverb=15, velocity=80)
    drums = score.drums(48, volume=80, reverb=35, velocity=74)
    first = (
        "F#5/0.5! A5 F#5 D5! E5 F#5 | G5! B5 G5 E5/1 C#5/0.5 | D5/0.5! C#5 D5 E5! F#5 G5 | "
        "A5/1! F#5/0.5 A5/1.5"
    )
    second = "B5/0.5! A5 G5 F#5! E5 D5 | G5! F#5 E5 C#5! B4 A4 | D5! F#5 A5 G5! E5 C#5 | D5/1! A4/0.5 D5/1.5"
    fiddle.line(0, first + " | " + second, legato=0.9)
    flute.line(12, second.replace("B5/0.5! A5 G5", "B5/0.5! C#6 B5"), legato=0.88)
    flute.line(0, "D5/3_ | E5/1.5 C#5/1.5 | D5/3_ | F#5/1.5 E5/1.5", velocity=62)
    changes = "D/3 A/3 D/3 D/3 G/3 A/3 D/1.5 A/1.5 D/3"
    guitar.chords(0, changes, rhythm="XoxxoX", step=0.5, low="A3", strum_ms=13, hold=0.9)
    accordion.chords(0, changes, rhythm="x.-x.-", step=0.5, low="D4", strum_ms=0)
    bass.line(0, "D2/1.5! A2 | A1! E2 | D2! A2 | D2! F#2 | G2! D2 | A1! C#2 | D2 A1 | D2/3!")
    drums.hits(0, step=0.5, times=8, floor="X.ox.o", tomlow="..o..x", tambourine="..o..o")
    fiddle.line(24, "D5+D4/3")
    guitar.chords(24, "D/3", low="D3", velocity=80, strum_ms=30)
    accordion.chords(24, "D/3", low="D4")
    drums.hits(24, floor="X")
    return score


def salt_market() -> Score:
    """Hijaz on D in seven (3+2+2): shawm and oud-like lute in turn, goblet drum, jingles, a drone."""
    score = Score(bpm=208, seed=32)
    shawm = score.part(111, pan=72, volume=80, reverb=60, velocity=80, vibrato=35)
    lute = score.part(24, pan=38, volume=104, reverb=40, velocity=88, loose_ms=9)
    saz = score.part(15, pan=92, volume=70, reverb=50, velocity=66)
    drone = score.part(42, pan=58, volume=72, reverb=60, velocity=58)
    clarinet = score.part(71, pan=24, volume=80, reverb=55, velocity=74, vibrato=20)
    bass = score.part(35, volume=84, reverb=20, velocity=82)
    drums = score.drums(0, volume=104, reverb=35, velocity=88)
    lute.line(
        0,
        "D4/0.5! Eb4 F#4 G4! F#4 Eb4! D4 | F#4! G4 A4 Bb4! A4 G4! F#4 | "
        "A4! Bb4 C5 D5! C5 Bb4! A4 | G4! F#4 Eb4 D4/1! A3/1",
    )
    shawm.line(
        14,
        "A5/1.5~! Bb5/0.5 A5 G5 F#5 | G5/1~ F#5/0.5 Eb5/1 D5/1 | "
        "F#5/0.5! G5 A5 C6/0.5~ Bb5 A5/0.5 G5 | A5/3.5~",
    )
    clarinet.line(
        14, "F#4/1.5 G4/1 F#4/1 | Eb4/1.5 C4/1 Bb3/1 | D4/1.5 Eb4/1 F#4/1 | G4/1 F#4/0.5 Eb4/1 C4/1"
    )
    saz.line(
        14,
        "D5/0.5 A4 D5 A4 D5 A4 D5 | C5 G4 C5 G4 C5 Bb4 G4 | D5 A4 D5 A4 D5 A4 D5 | Eb5 D5 C5 Bb4 A4 G4 F#4",
    )
    lute.line(28, "D4/0.5! Eb4 F#4 G4 A4 Bb4 C5 | D4+A4+D5/3.5!")
    shawm.line(28, "D6/0.5!~ C6 Bb5 A5 G5 F#5 Eb5 | D5/3")
    saz.line(28, "D5/0.5 C5 Bb4 A4 G4 F#4 Eb4 | D4+A4+D5/3")
    drone.line(0, "D3+A3/14 | D3+A3/7_ C3+G3/3.5 D3+A3/3.5 | D3+A3/6.5")
    drone.swell(0, 14, 60, 118)
    bass.line(
        0,
        "D2/1.5! A2/1 D2 | " * 4 + "D2/1.5! A2/1 D2 | C2/1.5! G2/1 C2 | D2/1.5! A2/1 D2 | G2/1.5! Eb2/1 C2 | "
        "D2/1.5! A1/1 C2 | D2/3!",
    )
    drums.hits(0, step=0.5, times=2, congalow="X.....o", bongohigh="..xo.xo")
    drums.hits(
        7, step=0.5, times=7, congalow="X..o.o.", bongohigh=".oxoxox", tambourine="x..x.x.", conga="...x..."
    )
    drums.hits(28, step=0.25, congalow="X.....x.....", bongohigh="..xoxo..xxxx")
    drums.hits(31.5, congalow="X", tambourine="X", triangle="o")
    return score


def harbour() -> Score:
    """Slow, cinematic, in E flat: rolling piano, cello melody, vibraphone, strings that grow, soft timpani."""
    score = Score(bpm=84, seed=33, slower=11, slower_beats=9)
    piano = score.part(0, pan=54, volume=96, reverb=65, velocity=64, uneven=7)
    cello = score.part(42, pan=80, volume=108, reverb=75, velocity=78, vibrato=30)
    vibes = score.part(11, pan=28, volume=78, reverb=80, velocity=54)
    strings = score.part(49, volume=78, reverb=85, velocity=58)
    harp = score.part(46, pan=100, volume=80, reverb=70, velocity=60)
    bass = score.part(43, pan=70, volume=78, reverb=60, velocity=64)
    timpani = score.part(47, pan=44, volume=74, reverb=70, velocity=54)
    changes = "Ebadd9/2 Cm7/2 Abmaj7/2 Bb7sus/2 Gm7/1 Cm7/1 Fm7/1 Bb7/1"
    piano.arpeggio(0, changes, order="0213243213", step=0.25, low="Eb4", velocity=58, ring=3)
    piano.line(
        0,
        "Eb2+Bb2/2 | C2+G2/2 | Ab1+Eb2/2 | Bb1+F2/2 | G1+D2/1 C2+G2 F2+C3 Bb1+F2 | Eb2+Bb2+G3/3",
        velocity=56,
    )
    cello.line(
        0,
        "-/0.5 G3/0.5 Bb3/1 | Eb4/1.5_ D4/0.5 | C4/1 Eb4/0.5 G4 | F4/1.5~ Eb4/0.5 | "
        "D4/0.5 F4 Eb4 G4 Ab4/0.75 G4/0.25 F4/0.5 D4 | Eb4/3",
    )
    cello.swell(0, 4, 84, 112)
    cello.swell(4, 11, 112, 127)
    cello.swell(12, 15, 120, 70)
    vibes.line(
        1, "Bb5/0.5 G5 -/1 Eb6/0.5 D6 -/1.5 C6/0.5 G5 -/1 F6/0.5 | -/1 D6/0.5 Bb5 C6 G5 Ab5 F5 | G5+Bb5+Eb6/2"
    )
    strings.chords(4, "Abmaj7/2 Bb7sus/2 Gm/1 Cm/1 Fm/1 Bb7/1 Eb/3", low="G4", strum_ms=20)
    strings.swell(4, 11.5, 40, 127)
    strings.swell(12, 15, 120, 60)
    harp.line(7.5, "Bb4/0.125 D5 F5 Bb5 | -/3 F4/0.125 Ab4 Bb4 D5 F5 Ab5 Bb5 D6 | Eb6/2")
    bass.line(0, "-/4 | Ab1/2 Bb1 | G1/1 C2 F1 Bb1 | Eb1/3")
    timpani.line(11, "Bb2/0.125, Bb2, Bb2, Bb2 Bb2 Bb2 Bb2! Bb2! | Eb2/2!")
    return score


def terrace() -> Score:
    """Bossa nova in D: flute and strings over nylon guitar, vibraphone answers, rim clicks."""
    score = Score(bpm=138, seed=34)
    flute = score.part(73, pan=74, volume=100, reverb=65, velocity=78, vibrato=35)
    guitar = score.part(24, pan=40, volume=96, reverb=40, velocity=72)
    vibes = score.part(11, pan=96, volume=78, reverb=65, velocity=60)
    strings = score.part(48, volume=68, reverb=75, velocity=58)
    bass = score.part(32, volume=98, reverb=15, velocity=84)
    piano = score.part(0, pan=26, volume=70, reverb=45, velocity=54)
    drums = score.drums(32, volume=76, reverb=35, velocity=64)
    changes = "Dmaj9/4 B7b9/4 Em9/4 A13/4 F#m7/2 B7b9/2"
    guitar.chords(0, changes, rhythm="x-ox-x-ox-xo-x-o", step=0.25 * 2, low="B3", strum_ms=6, hold=0.9)
    bass.line(
        0, "D2/1.5! A2/0.5 A2/1.5 D2/0.5 | B1/1.5! F#2/0.5 F#2/1.5 B1/0.5 | E2/1.5! B1/0.5 B1/1.5 E2/0.5"
    )
    bass.line(12, "A1/1.5! E2/0.5 E2/1.5 A1/0.5 | F#1/1.5 C#2/0.5 B1/1.5 F#1/0.5 | E2/1 A1/1 | D2/2.5")
    flute.line(
        0,
        "F#5/1.5 A5/0.5_ A5/0.5 C#6 B5/1 | A5/0.5 G5_ G5/1 F#5/0.5 D#5 C5/1 | B4/0.5 D5 F#5/1.5 G5/0.5 E5/1",
    )
    flute.line(
        12, "C#5/0.5 E5 G5 B5_ B5/1 A5/1 | F#5/0.5 E5 C#5/1 D#5/0.5 A5_ A5/1 | G5/0.5 E5 C#5 B4 | A4/2.5"
    )
    flute.swell(0, 20, 100, 120)
    strings.chords(0, "Dmaj7/4 D#dim7/4 Em7/4 A7/4 F#m7/2 B7/2 Em7/1 A7/1 D69/2.5", low="D5", strum_ms=15)
    strings.swell(0, 12, 50, 110)
    strings.swell(12, 22, 110, 90)
    vibes.line(
        3,
        "E6/0.5, C#6, | -/3 C6/0.5 A5 | -/3 D6/0.5 B5 | -/3.5 E6/0.25 F#6 | G6/0.5, -/3 | "
        "-/2 A5+C#6+E6+F#6/2",
    )
    piano.chords(0, "Dmaj9/4 B7b9/4 Em9/4 A13/4", rhythm="...x..o.", step=0.5, low="D4", hold=0.5)
    drums.hits(
        0, step=0.5, times=5, kick="x..xx..x", stick="x..x..x...x..x..", hat="oxoxoxox", shaker="xoxoxoxo"
    )
    drums.hits(16, step=0.5, kick="x..xx..x", stick="x..x..x.", hat="oxoxoxox", shaker="xoxoxoxo")
    drums.hits(20, step=0.5, kick="x.x.x", stick="x.x.", ride="....o")
    guitar.chords(20, "Em9/1 A13/1 Dmaj9/2.5", low="B3", strum_ms=22)
    return score


PIECES = [
    Composition(
        "Folk",
        "The Heron's Jig",
        "A jig in D: fiddle with flute, strummed steel-string guitar, accordion, bass and frame drum.",
        herons_jig,
        10.0,
        Room(size=0.5, level=0.55, width=0.8),
        fade_s=0.7,
    ),
    Composition(
        "International",
        "Road to the Salt Market",
        "Hijaz on D in seven: plucked lute, shawm, clarinet, hammered strings, a drone, goblet-drum patterns.",
        salt_market,
        10.6,
        Room(size=0.6, level=0.6, width=0.8),
        fade_s=0.6,
    ),
    Composition(
        "Instrumental",
        "Harbour at Four",
        "Slow and cinematic in E flat: rolling piano, a cello melody, vibraphone, harp, strings that grow.",
        harbour,
        11.5,
        Room(size=0.75, level=0.8, damping=0.25),
        fade_s=0.9,
    ),
    Composition(
        "Easy Listening",
        "Terrace in April",
        "Bossa nova in D: flute and strings over nylon guitar, vibraphone answers, rim clicks and shaker.",
        terrace,
        10.6,
        Room(size=0.6, level=0.6),
        fade_s=0.8,
    ),
]
