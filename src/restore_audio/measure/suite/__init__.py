"""The built-in suite: sixteen short pieces, one for each genre of FMA, that ship with the package.

In: nothing. Out: :class:`Piece` descriptions, and their samples ``(C, T)`` at 44.1 kHz.

Composed for this project and rendered with sampled instruments (synthetic speech for Spoken); the scores and
what renders them are in ``examples/compose`` of the source. They show what to expect, they are no dataset.

>>> sorted({piece.genre for piece in suite_pieces()})[:3]
['Blues', 'Classical', 'Country']
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...arrays import Samples
from ...audio.audiofile import read_audio

PLACE = Path(__file__).resolve().parent
INDEX = PLACE / "suite.json"


@dataclass(frozen=True)
class Piece:
    """A piece of the suite.

    Attributes:
        genre: one of FMA's sixteen, as FMA spells it.
        title: its name, unique in the suite.
        path: its file.
        seconds, channels: of the file.
        description: a line on what is heard.
        source: what played it.
        licence: of score and recording.
    """

    genre: str
    title: str
    path: Path
    seconds: float
    channels: int
    description: str
    source: str
    licence: str


def suite_pieces() -> list[Piece]:
    """All pieces, by genre."""
    rows = json.loads(INDEX.read_text(encoding="utf-8"))["pieces"]
    return sorted((Piece(path=PLACE / row.pop("file"), **row) for row in rows), key=lambda piece: piece.genre)


def load_piece(piece: Piece) -> tuple[Samples, int]:
    """Samples ``(C, T)`` in [-1, 1] and the sample rate.

    Raises:
        InputError: the file is missing or damaged.
    """
    samples, info = read_audio(piece.path)
    return samples, info.rate_hz
