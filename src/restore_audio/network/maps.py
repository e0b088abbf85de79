"""What the restoration's network sees and what it says, in NumPy; for training :mod:`.features` has it.

In: magnitudes ``(N, F, K)`` of a signal whose gaps AR has filled. Out: maps ``(N, 4, F, K)``, and magnitudes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ..settings import (
    HEALTHY_SHARE,
    NETWORK_TILES,
    PATCH_BINS,
    PATCH_FRAMES,
    WIDE_FRAMES,
    LevelName,
    PrefillName,
    SightName,
)
from ..signal.spectrum import interpolate_frames

Floats = NDArray[np.float32]

RESTORE_CHANNELS = 4
"""AR magnitude, interpolated magnitude, known share of the frame, tile."""

TINY = 1e-8
"""Levels are not below it."""

SOFTEST = 1e-5
"""Of a patch's level: magnitudes are not below it where they are interpolated."""


@dataclass(frozen=True)
class FeatureSettings:
    """How magnitudes are prepared; travels in the weights' header.

    Attributes:
        level: ``patch`` divides by the level of the surviving frames; ``global`` is the paper's fixed
            scaling (÷ 127.98, + 0.001).
        power: exponent of the compression (1: none, as in the paper).
        prefill: ``linear`` puts a straight line across lost frames before the network sees them.
        sight: ``tile`` shows one tile of 8 kHz for 512 ms, ``wide`` all tiles for 1,024 ms (restore task).
    """

    level: LevelName = "patch"
    power: float = 0.5
    prefill: PrefillName = "none"
    sight: SightName = "tile"

    def __post_init__(self) -> None:
        chosen = (self.level, self.prefill, self.sight)
        for name, names in zip(chosen, (LevelName, PrefillName, SightName), strict=True):
            if name not in get_args(names):
                raise ValueError(f"unknown preparation {name!r}, there are {', '.join(get_args(names))}")
        if not isinstance(self.power, int | float) or not 0.01 <= self.power <= 4:
            raise ValueError(f"power must be from 0.01 to 4, got {self.power!r}")

    @property
    def frames(self) -> int:
        """Frames that the network sees at once in the restore task."""
        return WIDE_FRAMES if self.sight == "wide" else PATCH_FRAMES

    @property
    def tiles(self) -> int:
        """Tiles that it sees at once in the restore task."""
        return NETWORK_TILES if self.sight == "wide" else 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoint headers."""
        return asdict(self)


@dataclass(frozen=True)
class Maps:
    """What the network sees and what is needed to read its answer.

    Attributes:
        values: ``(N, 4, F, K)``.
        level: by which each bin is divided, ``(N, F, 1)``.
        power: exponent of the compression.
    """

    values: Floats
    level: Floats
    power: float

    def magnitudes(self, answer: Floats) -> Floats:
        """``(N, F, K)`` from the network's answer ``(N, 1, F, K)``."""
        return np.asarray(np.maximum(answer[:, 0], 0.0) ** np.float32(1 / self.power) * self.level)


def prepare(filled: Floats, known: Floats, tile: NDArray[np.integer], power: float) -> Maps:
    """Arguments as in :func:`.features.prepare_restore`."""
    count, bins, frames = filled.shape
    healthy = known >= HEALTHY_SHARE  # (N, K)
    tiles = filled.reshape(count, -1, PATCH_BINS, frames)
    kept = np.maximum(healthy.sum(axis=-1, keepdims=True), 1) * PATCH_BINS  # (N, 1)
    energy = (np.square(tiles) * healthy[:, None, None]).sum(axis=(2, 3))  # (N, tiles)
    each = np.maximum(np.sqrt(energy / kept), TINY).astype(np.float32)
    level = np.repeat(each, PATCH_BINS, axis=1)[..., None]
    values = np.empty((count, RESTORE_CHANNELS, bins, frames), np.float32)
    scaled = filled / level
    np.power(scaled, np.float32(power), out=values[:, 0])
    line = np.exp(interpolate_frames(np.log(np.maximum(scaled, SOFTEST)), healthy))
    values[:, 1] = line**power
    values[:, 2] = known[:, None]
    which = tile[:, None] + np.arange(tiles.shape[1])
    values[:, 3] = np.repeat(which / NETWORK_TILES, PATCH_BINS, axis=1)[..., None]
    return Maps(values, level, power)
