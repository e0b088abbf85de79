"""Frozen settings and the constants that several rooms share, with their units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FRAMES_PER_S = 250
"""Frames a second at every sample rate: a hop of 4 ms."""

PATCH_FRAMES = 128
"""Frames of a patch: 512 ms (Serra et al. 2021)."""

PATCH_BINS = 128
"""Bins of a patch: 8 kHz at 62.5 Hz a bin."""

WIDE_FRAMES = 256
"""Frames of a wide patch, which has all tiles: 1,024 ms."""

PAPER_SCALE = 127.98
"""Largest magnitude of the paper's training set, which it divides by."""

NETWORK_TILES = 3
"""Tiles of 8 kHz that the network of ``fix`` is trained on: up to 24 kHz."""

HEALTHY_SHARE = 0.999
"""A frame with at least this much of its window healthy counts as known."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where the network can be asked to run."""

TaskName = Literal["paper", "restore", "super-resolution", "context-encoder"]
ScheduleName = Literal["cosine", "fixed"]
LevelName = Literal["patch", "global"]
PrefillName = Literal["none", "linear"]
SightName = Literal["tile", "wide"]
LossName = Literal["psnr", "mse"]
SamplingName = Literal["random", "grid"]
"""Choices of a training, for its settings and for the command line."""

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000

LOUDEST_SAMPLE = 1e12
"""240 dB above full scale: what is beyond it in a file of floats is no sound, and overflows when squared."""

MAX_CHANNELS = 64
"""An array in memory with more is taken for one with its axes exchanged."""


@dataclass(frozen=True)
class DetectSettings:
    """What counts as damage.

    Attributes:
        sensitivity: 0 (only what cannot be anything else) to 1 (everything suspicious);
            0.5 keeps clean music bit-identical.
        max_gap_ms: longer runs of silence are taken for silence, not damage.
    """

    sensitivity: float = 0.5
    max_gap_ms: float = 400.0


@dataclass(frozen=True)
class FillSettings:
    """How spans are filled.

    Attributes:
        method: one of :data:`restore_audio.fill.methods.METHODS`: ``auto`` (all parts), ``ar``,
            ``network`` or ``paper``; or ``ar`` and some of the others, as in ``ar+passages``.
        max_gap_ms: longer spans are reported and left as they are.
    """

    method: str = "auto"
    max_gap_ms: float = 400.0
