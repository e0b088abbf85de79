"""The piece that is damaged and restored in ``examples/``."""

from __future__ import annotations

from score import Score


def lantern_street() -> Score:
    """Chamber pop in D: flute over piano and cello, acoustic bass, a small kit."""
    score = Score(bpm=132, seed=7)
    flute = score.part(73, pan=78, volume=112, reverb=70, velocity=84, vibrato=35)
    piano = score.part(0, pan=46, volume=92, reverb=50)
    cello = score.part(42, pan=90, volume=96, reverb=65, velocity=70, vibrato=20)
    bass = score.part(32, pan=60, volume=80, reverb=25, velocity=88)
    guitar = score.part(24, pan=30, volume=72, reverb=45)
    drums = score.drums(32, volume=66, reverb=40, velocity=66)
    flute.line(
        0, "-/1 F#5/0.5 G5 A5/1 F#5/0.5 E5 | D5/1.5! E5/0.5 C#5/1 A4/1 | B4/0.5 D5 G5 F#5 E5/1.5 D5/0.5"
    )
    flute.line(12, "E5/0.75! D5/0.25, C#5/1")
    flute.swell(0, 3, 96, 122)
    flute.swell(3, 10, 122, 104)
    piano.arpeggio(0, "D/4 A/2 Bm/2 Gmaj7/3 A7/1", order="02132132", low="D4", velocity=66)
    piano.line(0, "D3/2 F#3 | C#3/2 B2 | G2/3 A2/1", velocity=62)
    piano.chords(12, "D/2", low="D4", velocity=74, strum_ms=18)
    cello.line(0, "F#3/2_ A3_ | E3/2_ D3_ | B3/3_ C#4/1_ | D4+D3/2")
    cello.swell(0, 11, 92, 122)
    bass.line(
        0, "D2/1.5! D2/0.5, A2/1' F#2/1 | A1/1.5! E2/0.5 B1/1.5 F#2/0.5 | G1/1.5! D2/0.5 G2/1 A1/1 | D2/2"
    )
    guitar.chords(0, "D/4 A/2 Bm/2 Gmaj7/3 A7/1", rhythm="..x-.xx-", step=0.5, low="A3", strum_ms=14)
    drums.hits(0, times=3, kick="x.....o.x.......", snare="....x..o....x.o.", hat="o.x.o.x.o.x.o.xo")
    drums.hits(12, kick="x...", ride="x...", step=0.25)
    return score
