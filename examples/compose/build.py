"""Build the example and the benchmark suite from their scores.

python examples/compose/build.py              everything
python examples/compose/build.py example      examples/clean.wav
python examples/compose/build.py jazz rock    these pieces of the suite, and the index

Needs FluidSynth with FluidR3_GM.sf2, espeak-ng and mido; the same versions give the same samples.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
from piece import Composition, Samples
from pieces import acoustic, band, beats, hall, speech
from pieces.example import lantern_street
from render import RATE_HZ, Room, finish, play

EXAMPLES = Path(__file__).resolve().parent.parent
SUITE = EXAMPLES.parent / "src" / "restore_audio" / "measure" / "suite"
COMPOSITIONS = [*beats.PIECES, *band.PIECES, *acoustic.PIECES, *hall.PIECES, *speech.PIECES]
LICENCE = "MIT, like the project"
SAMPLED = "rendered with FluidSynth and the sampled instruments of FluidR3 GM (MIT)"
SPOKEN = "spoken by espeak-ng"


def build_example() -> None:
    """``examples/clean.wav``."""
    audio = play(lantern_street(), Room(level=0.7))
    audio = finish(audio, Room(), seconds=6.5, fade_s=0.5, mono=False, seed=7)
    soundfile.write(EXAMPLES / "clean.wav", audio.T, RATE_HZ, subtype="PCM_16")


def perform(piece: Composition) -> Samples:
    """Samples ``(C, T)`` of a piece, as they are shipped."""
    seed = int.from_bytes(piece.stem.encode()[:6], "big")
    rng = np.random.default_rng(seed)
    audio = speech.speak(rng) if piece.compose is None else play(piece.compose(), piece.room)
    if piece.mono:
        audio = audio.mean(axis=0, keepdims=True)
    audio = piece.age(audio, rng)
    return finish(audio, piece.room, seconds=piece.seconds, fade_s=piece.fade_s, mono=piece.mono, seed=seed)


def build_piece(piece: Composition) -> None:
    """An Ogg Vorbis file of the suite, at about 200 kbit/s: lossless, sixteen would be 16 MB."""
    audio = perform(piece)
    path = SUITE / f"{piece.stem}.ogg"
    with soundfile.SoundFile(
        path, "w", RATE_HZ, len(audio), "VORBIS", format="OGG", compression_level=0.3
    ) as file:
        for start in range(0, audio.shape[1], 1 << 16):  # libsndfile overflows on long Vorbis writes
            file.write(audio[:, start : start + (1 << 16)].T)


def write_index() -> None:
    """``suite.json``: what every file is."""
    rows = [
        {
            "genre": piece.genre,
            "title": piece.title,
            "file": f"{piece.stem}.ogg",
            "seconds": piece.seconds,
            "channels": 1 if piece.mono else 2,
            "description": piece.description,
            "source": SPOKEN if piece.compose is None else SAMPLED,
            "licence": LICENCE,
        }
        for piece in sorted(COMPOSITIONS, key=lambda p: p.genre)
    ]
    text = json.dumps({"rate_hz": RATE_HZ, "pieces": rows}, indent=2, ensure_ascii=False)
    (SUITE / "suite.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Build what was asked for."""
    stems = [piece.stem for piece in COMPOSITIONS]
    parser = argparse.ArgumentParser(description="Build the example and the benchmark suite.")
    parser.add_argument("what", nargs="*", metavar="PIECE", help=f"example, {', '.join(stems)}")
    what = parser.parse_args().what or ["example", *stems]
    unknown = set(what) - {"example", *stems}
    if unknown:
        parser.error(f"there is no piece called {', '.join(sorted(unknown))}")
    if "example" in what:
        build_example()
    for piece in COMPOSITIONS:
        if piece.stem in what:
            build_piece(piece)
    write_index()


if __name__ == "__main__":
    main()
