"""Undamaged recordings that look damaged: to learn from, and to count false alarms on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..arrays import Samples
from .codecs import Encoded, transcode
from .gates import GATES
from .kinds import CODECS, NEGATIVES
from .processed import Processed
from .record import Damaged
from .synthesised import SOUNDS

_ROUNDED = {
    "8bit": Processed(bits=8),
    "8bit_dithered": Processed(bits=8, dithered=True),
    "mulaw": Processed(mu_law=True),
}


@dataclass(frozen=True)
class Negative:
    """An undamaged recording of one sort.

    Attributes:
        sort: one of :data:`~.kinds.NEGATIVES`.
    """

    name: ClassVar[str] = "negative"
    sort: str
    seed: int = 0
    kbps: int | None = None

    def __post_init__(self) -> None:
        if self.sort not in NEGATIVES:
            raise ValueError(f"no negative is called {self.sort!r}; choose from {', '.join(NEGATIVES)}")

    def apply(self, before: Damaged) -> Damaged:
        """No span is added, and what is clean is what there is."""
        samples = self._made(before.samples, before.rate_hz)
        return replace(before, samples=samples, clean=None if before.clean is None else samples)

    def _made(self, samples: Samples, rate_hz: int) -> Samples:
        rng = np.random.default_rng(self.seed)
        if self.sort in CODECS:
            return transcode(samples, rate_hz, Encoded(self.sort, self.kbps or 64))
        if self.sort in _ROUNDED:
            rounded: Processed = replace(_ROUNDED[self.sort], seed=self.seed)
            return rounded.apply(Damaged(samples, rate_hz)).samples
        if self.sort in GATES:
            return GATES[self.sort](rng, samples, rate_hz)
        make: Callable[[np.random.Generator, int, int], Samples]
        make = SOUNDS["crackle" if self.sort == "crackle_bed" else self.sort]
        made = make(rng, samples.shape[1], rate_hz)
        made = np.resize(made, samples.shape) if len(made) == 1 else made[np.arange(len(samples)) % len(made)]
        if self.sort == "crackle_bed":
            made = samples + made
        return np.asarray(np.clip(made, -1.0, 1.0))


def draw_negative(rng: np.random.Generator, sort: str) -> Negative:
    """Draw one of :data:`~.kinds.NEGATIVES`, lossy ones at 32 to 128 kbit/s."""
    kbps = int(rng.choice([32, 48, 64, 96, 128])) if sort in CODECS else None
    return Negative(sort, int(rng.integers(2**31)), kbps)
