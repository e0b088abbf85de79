"""Cut a spectrogram into 512 ms × 8 kHz patches, and put them together again.

In: ``(F, K)`` of any size. Out: patches ``(N, tiles, 128, 128)``, and back: ``stitch(cut(x)) == x``.

Neighbouring patches overlap by a halo on each side, which is real audio and not zeros; of each patch only
the core is kept, so that what a network does near a border is never heard::

    frames   0 ............................................... K
    patch 0  [core=====|halo]
    patch 1        [halo|=====core=====|halo]
    patch 2                        [halo|=====core=====]      (moved inwards, so that it ends at K)

A spectrogram shorter than a patch is padded with zeros at its end, and so is the last tile of bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..settings import PATCH_BINS, PATCH_FRAMES

HALO_FRAMES = 16
"""64 ms of context on each side."""


@dataclass(frozen=True)
class PatchPlan:
    """Where the patches of ``frames`` frames start, and which of their frames are kept.

    Attributes:
        starts: first frame of each patch.
        cores: first and last (exclusive) frame that each patch contributes; together they tile the whole.
    """

    starts: tuple[int, ...]
    cores: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, frames: int, halo_frames: int = HALO_FRAMES, patch_frames: int = PATCH_FRAMES) -> PatchPlan:
        """Plan for a spectrogram of ``frames`` frames, to be cut into patches of ``patch_frames``.

        Raises:
            ValueError: no frames, or a halo that leaves no core.

        >>> PatchPlan.of(300, 16).starts
        (0, 96, 172)
        >>> PatchPlan.of(300, 0).cores
        ((0, 128), (128, 172), (172, 300))
        """
        core = patch_frames - 2 * halo_frames
        if frames < 1 or core < 1 or halo_frames < 0:
            raise ValueError(f"{frames} frames cannot be cut with a halo of {halo_frames}")
        last = max(frames - patch_frames, 0)
        starts = [0]
        while starts[-1] < last:
            starts.append(min(starts[-1] + core, last))
        edges = [0, *(start + halo_frames for start in starts[1:]), frames]
        return cls(tuple(starts), tuple(pairwise(edges)))


def cut(
    spectrogram: NDArray[np.floating], halo_frames: int = HALO_FRAMES, patch_frames: int = PATCH_FRAMES
) -> NDArray[np.floating]:
    """Patches of a spectrogram.

    Shape:
        ``(F, K)`` → ``(N, tiles, 128, patch_frames)`` with ``tiles = ceil(F / 128)``
    """
    bins, frames = spectrogram.shape
    tiles = -(-bins // PATCH_BINS)
    padding = ((0, tiles * PATCH_BINS - bins), (0, max(patch_frames - frames, 0)))
    padded = np.pad(spectrogram, padding).reshape(tiles, PATCH_BINS, -1)
    plan = PatchPlan.of(frames, halo_frames, patch_frames)
    return np.stack([padded[..., start : start + patch_frames] for start in plan.starts])


def stitch(
    patches: NDArray[np.floating], bins: int, frames: int, halo_frames: int = HALO_FRAMES
) -> NDArray[np.floating]:
    """The spectrogram whose patches these are; of each only the core is used.

    Shape:
        ``(N, tiles, 128, patch frames)`` → ``(F, K)`` with ``F = bins``, ``K = frames``
    """
    patch_frames = patches.shape[-1]
    plan = PatchPlan.of(frames, halo_frames, patch_frames)
    tall = patches.reshape(len(plan.starts), -1, patch_frames)[:, :bins]
    spectrogram = np.empty((bins, frames), dtype=patches.dtype)
    for patch, start, (first, last) in zip(tall, plan.starts, plan.cores, strict=True):
        spectrogram[:, first:last] = patch[:, first - start : last - start]
    return spectrogram
