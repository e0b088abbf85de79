"""Build the example and the benchmark suite from their scores: ``python examples/compose/build.py``.

Needs FluidSynth with FluidR3_GM.sf2, espeak-ng and mido. The same versions give the same samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import soundfile
from pieces.example import lantern_street
from render import RATE_HZ, Room, finish, play

EXAMPLES = Path(__file__).resolve().parent.parent


def build_example() -> None:
    """``examples/clean.wav``."""
    audio = play(lantern_street(), Room(level=0.7))
    audio = finish(audio, Room(), seconds=6.5, fade_s=0.5, mono=False, seed=7)
    soundfile.write(EXAMPLES / "clean.wav", audio.T, RATE_HZ, subtype="PCM_16")


def main() -> None:
    """Build what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["example"])
    arguments = parser.parse_args()
    if "example" in arguments.what:
        build_example()


if __name__ == "__main__":
    main()
