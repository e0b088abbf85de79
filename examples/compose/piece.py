"""What a piece of the suite is, for the builder and the index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from render import Room
from score import Score

Samples = NDArray[np.float64]


def _as_played(audio: Samples, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    return audio


@dataclass(frozen=True)
class Composition:
    """One piece.

    Attributes:
        genre: of FMA's sixteen.
        title, description: for the index.
        compose: makes the score; None for speech.
        seconds: length, the last ``fade_s`` of it faded.
        mono: one channel.
        age: what happens to the samples ``(C, T)`` after the players (an old record, a small room).
    """

    genre: str
    title: str
    description: str
    compose: Callable[[], Score] | None
    seconds: float
    room: Room = field(default_factory=Room)
    fade_s: float = 0.6
    mono: bool = False
    age: Callable[[Samples, np.random.Generator], Samples] = _as_played

    @property
    def stem(self) -> str:
        """Of its file."""
        return self.genre.lower().replace(" ", "-")
