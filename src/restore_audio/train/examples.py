"""Training examples, each a pure function of a seed and its number.

In: a :class:`~restore_audio.data.cache.Cache` of decoded audio, or shards of AR fills. Out: batches
of magnitude patches.

Example ``i`` of seed ``s`` is drawn by a generator seeded with ``(s, i)``: it does not depend on what was
drawn before it, on the batch size, or on how many processes share the work. That is what makes a resumed
training bit-identical to an uninterrupted one, and two processes see what one would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of
from ..damage.simulate import random_frames
from ..settings import PATCH_BINS, PATCH_FRAMES, SamplingName
from ..signal.spectrum import (
    PAPER_HOP_SAMPLES,
    PAPER_WINDOW_SAMPLES,
    Grid,
    known_share,
    paper_magnitudes,
    stft,
)

if TYPE_CHECKING:
    from ..data.cache import Cache, CachedTrack
    from ..network.maps import FeatureSettings
    from .fills import Fill, Fills

PATCH_SAMPLES = (PATCH_FRAMES - 1) * PAPER_HOP_SAMPLES + PAPER_WINDOW_SAMPLES
"""Samples at 16 kHz under the 128 frames of a paper patch: 8384."""

_QUIET_RMS = 1e-4
"""Below this (−80 dBFS) a stretch of audio teaches nothing; another is drawn."""


@dataclass(frozen=True)
class PaperBatch:
    """Magnitudes ``(N, F, K)`` float32 in the paper's scale, clean and with lost frames."""

    clean: NDArray[np.float32]
    damaged: NDArray[np.float32]


class PaperExamples:
    """Patches of 16 kHz mono audio with random frames lost.

    Args:
        cache: decoded audio at 16 kHz, one channel.
        sampling: ``random`` cuts patches anywhere, tracks weighted by length; ``grid`` goes through the
            paper's non-overlapping patches, each once an epoch, in an order drawn for the epoch.
    """

    def __init__(
        self,
        cache: Cache,
        seed: int,
        *,
        sampling: SamplingName = "random",
        tracks: Sequence[CachedTrack] | None = None,
    ) -> None:
        self.cache = cache
        self.seed = seed
        self.sampling = sampling
        wanted = cache.tracks if tracks is None else tracks
        self.tracks: list[CachedTrack] = [t for t in wanted if t.frames >= PATCH_SAMPLES]
        hop = PATCH_FRAMES * PAPER_HOP_SAMPLES
        counts = np.array([t.frames // hop for t in self.tracks], dtype=np.int64)
        counts = np.maximum(counts, 1)
        self._ends = np.cumsum(counts)
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """Patches of an epoch."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def batch(self, first: int, count: int) -> PaperBatch:
        """Examples number ``first`` to ``first + count``."""
        audio = np.empty((count, PATCH_SAMPLES), dtype=np.float32)
        lost = np.zeros((count, PATCH_FRAMES), dtype=bool)
        for row in range(count):
            rng = np.random.default_rng((self.seed, first + row))
            audio[row] = self.cut(rng, first + row)
            lost[row, random_frames(rng, PATCH_FRAMES)] = True
        clean = paper_magnitudes(audio)[..., :PATCH_FRAMES].astype(np.float32)
        return PaperBatch(clean, np.where(lost[:, None, :], np.float32(0), clean))

    def cut(self, rng: np.random.Generator, number: int) -> NDArray[np.float32]:
        """Samples ``(8384,)`` of an example: those under the frames of a patch."""
        piece: NDArray[np.float32] = np.zeros(PATCH_SAMPLES, dtype=np.float32)
        for _ in range(20):
            if self.sampling == "grid":
                patch = self._permutation(number // len(self))[number % len(self)]
            else:
                patch = int(rng.integers(len(self)))
            which = int(np.searchsorted(self._ends, patch, side="right"))
            track = self.tracks[which]
            offset = int(patch - (self._ends[which - 1] if which else 0))
            start = offset * PATCH_FRAMES * PAPER_HOP_SAMPLES
            if self.sampling == "random":
                start += int(rng.integers(PATCH_FRAMES * PAPER_HOP_SAMPLES))
            start = max(0, min(start, track.frames - PATCH_SAMPLES))
            whole = self.cache.samples(track, start, PATCH_SAMPLES).reshape(-1)
            piece = whole.astype(np.float32) / np.float32(32768)
            if self.sampling == "grid" or np.sqrt(np.mean(piece**2)) > _QUIET_RMS:
                break
        return piece

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            order = np.random.default_rng((self.seed, epoch, 1)).permutation(len(self))
            self._order = (epoch, order)
        return self._order[1]


@dataclass(frozen=True)
class RestoreBatch:
    """Magnitudes ``(N, F, K)`` float32 of the clean and the AR-filled signal, on one tile each or on all.

    Attributes:
        phase: of the filled signal, complex64 of absolute one.
        known: healthy share of each frame's window, ``(N, K)``.
        tile: which 8 kHz, or the first of them, ``(N,)``.
        bins: bins that exist, ``(N,)``; those above are zero.
    """

    clean: NDArray[np.float32]
    filled: NDArray[np.float32]
    phase: NDArray[np.complex64]
    known: NDArray[np.float32]
    tile: NDArray[np.int64]
    bins: NDArray[np.int64]


TILE_SHARES = (0.55, 0.27, 0.18)
"""How often each tile is trained on: most of what is heard lies in the lowest."""

_GAP_PLACE = (0.2, 0.8)
"""Where in a patch the middle of a gap lies; ``fix`` has it in the middle, and others around it."""

_TINY = 1e-12


class RestoreExamples:
    """Patches around real time-domain damage, filled by AR ahead of training.

    Args:
        fills: shards made by :func:`restore_audio.train.fills.make_fills`.
        features: tell how many tiles and frames a patch has.
    """

    def __init__(self, fills: Fills, seed: int, features: FeatureSettings) -> None:
        self.fills = fills
        self.seed = seed
        self.features = features

    def __len__(self) -> int:
        """Fills of an epoch; each is seen on one tile a time, or on all."""
        return len(self.fills)

    def batch(self, first: int, count: int) -> RestoreBatch:
        """Examples number ``first`` to ``first + count``."""
        frames, together = self.features.frames, self.features.tiles
        shape = (count, together * PATCH_BINS, frames)
        clean, filled = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        phase = np.zeros(shape, np.complex64)
        known = np.zeros((count, frames), np.float32)
        tiles, bins = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for row in range(count):
            rng = np.random.default_rng((self.seed, first + row))
            fill = self.fills[int(rng.integers(len(self.fills)))]
            tiles[row] = 0 if together > 1 else _draw_tile(rng, fill)
            low = int(tiles[row]) * PATCH_BINS
            spectra, known[row] = _spectra(fill, frames, rng)
            spectra = spectra[:, low : low + shape[1]]
            bins[row] = spectra.shape[1]
            sizes = np.abs(spectra)
            clean[row, : bins[row]], filled[row, : bins[row]] = sizes
            phase[row, : bins[row]] = spectra[1] / np.maximum(sizes[1], _TINY)
        return RestoreBatch(clean, filled, phase, known, tiles, bins)


def _draw_tile(rng: np.random.Generator, fill: Fill) -> int:
    shares = np.array(TILE_SHARES[: Grid(fill.rate_hz).tiles])
    return int(rng.choice(len(shares), p=shares / shares.sum()))


def _spectra(
    fill: Fill, frames: int, rng: np.random.Generator
) -> tuple[NDArray[np.complex128], NDArray[np.float32]]:
    """Spectra ``(2, F, frames)``, clean and filled, of a part with a gap; healthy shares ``(frames,)``."""
    grid = Grid(fill.rate_hz)
    length = frames * grid.hop_samples
    gaps = runs_of(~fill.healthy)
    start, end = gaps[int(rng.integers(len(gaps)))]
    # The fill stores more than a patch, so that the damage stands at different places of it each time.
    first = round((start + end) / 2 - rng.uniform(*_GAP_PLACE) * length)
    first = min(max(first, 0), fill.clean.size - length)
    piece = slice(first, first + length)
    pair = np.stack([fill.clean[piece], fill.filled[piece]]).astype(np.float32)
    spectra, known = stft(pair, grid)[..., :frames], known_share(fill.healthy[piece], grid)[:frames]
    if rng.random() < 0.5:  # music played backwards has gaps too: twice the examples for nothing
        return np.conj(spectra[..., ::-1]), known[::-1]
    return spectra, known
