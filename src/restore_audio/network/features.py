"""From magnitudes to what a network sees, and from what it says back to magnitudes.

Two preparations, one for each task. Both divide a patch by the level of what survives of it, so that
quiet music is restored like loud music, and compress magnitudes by a power below one, so that a partial
30 dB below the loudest still counts.

* **paper**: the damaged patch alone, ``(N, F, K)``. Lost frames are those without any energy; they may
  be pre-filled by a straight line between their neighbours in each bin (``prefill="linear"``), which by
  itself gains 8.5 dB on real music: the network then learns a correction instead of the whole.
* **restore**: the spectrogram of a signal whose gaps AR has filled, and how much of each frame is known.
  The network sees the AR magnitudes, the neighbours interpolated on a log scale, the known share, and
  which 8 kHz of the spectrum it looks at; it predicts the magnitudes that belong there. It sees one tile of
  8 kHz for 512 ms, or, wide, all tiles together for 1,024 ms, each tile divided by its own level.

Everything here is a pure function of tensors ``(N, F, K)``, on any device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..settings import HEALTHY_SHARE, NETWORK_TILES, PAPER_SCALE, PATCH_BINS
from ..signal.spectrum import frames_around
from .maps import SOFTEST, TINY, FeatureSettings

PAPER_OFFSET = 0.001


@dataclass(frozen=True)
class PaperInput:
    """What the network sees ``(N, 1, F, K)`` and what is needed to read its answer."""

    features: Tensor
    damaged: Tensor
    lost: Tensor
    level: Tensor
    settings: FeatureSettings


def lost_frames(magnitudes: Tensor) -> Tensor:
    """Frames without energy: ``(N, F, K)`` → bool ``(N, 1, K)``."""
    return magnitudes.amax(dim=1, keepdim=True) <= TINY


def interpolate_frames(magnitudes: Tensor, known: Tensor) -> Tensor:
    """Put a straight line across unknown frames in each bin; beyond the last known frame it stays level.

    Args:
        magnitudes: ``(N, F, K)``.
        known: bool ``(N, 1, K)``.
    """
    around = frames_around(known.cpu().numpy())
    left, right, share = (torch.from_numpy(part).to(magnitudes.device) for part in around)
    weight = share.to(magnitudes.dtype)
    before = magnitudes.gather(-1, left.expand_as(magnitudes))
    behind = magnitudes.gather(-1, right.expand_as(magnitudes))
    return torch.where(known, magnitudes, before * (1 - weight) + behind * weight)


def prepare_paper(damaged: Tensor, settings: FeatureSettings) -> PaperInput:
    """Prepare damaged magnitudes ``(N, F, K)`` for the paper's task."""
    lost = lost_frames(damaged)
    if settings.level == "global":
        level = torch.full_like(damaged[:, :1, :1], PAPER_SCALE)
    else:
        kept = (~lost).sum(dim=-1, keepdim=True).clamp(min=1) * damaged.shape[1]
        level = (damaged.square().sum(dim=(1, 2), keepdim=True) / kept).sqrt().clamp(min=TINY)
    filled = interpolate_frames(damaged, ~lost) if settings.prefill == "linear" else damaged
    features = (filled / level) ** settings.power
    if settings.level == "global":
        features = features + PAPER_OFFSET
    return PaperInput(features[:, None], damaged, lost, level, settings)


def finish_paper(output: Tensor, given: PaperInput) -> Tensor:
    """Magnitudes ``(N, F, K)`` from the network's answer ``(N, 1, F, K)``.

    With ``prefill`` the lost frames are known to be lost, and only they are replaced; without it the
    answer stands everywhere, as in the paper.
    """
    compressed = output[:, 0]
    if given.settings.level == "global":
        compressed = compressed - PAPER_OFFSET
    magnitudes = compressed.clamp(min=0) ** (1 / given.settings.power) * given.level
    if given.settings.prefill == "none":
        return magnitudes
    return torch.where(given.lost, magnitudes, given.damaged)


@dataclass(frozen=True)
class RestoreInput:
    """What the network sees ``(N, 4, F, K)`` and what is needed to read its answer."""

    features: Tensor
    level: Tensor
    power: float


def prepare_restore(filled: Tensor, known: Tensor, tile: Tensor, power: float) -> RestoreInput:
    """Prepare AR-filled magnitudes for the restore task.

    Args:
        filled: magnitudes ``(N, F, K)`` of the signal with its gaps filled by AR, of one tile or several.
        known: share of each frame's window that is healthy, ``(N, K)``, 0 to 1.
        tile: which 8 kHz this is, or begins with, ``(N,)``: 0 for 0–8 kHz.
        power: exponent of the compression.
    """
    healthy = (known >= HEALTHY_SHARE)[:, None]  # (N, 1, K)
    tiles = filled.reshape(len(filled), -1, PATCH_BINS, filled.shape[-1])  # (N, tiles, 128, K)
    kept = healthy.sum(dim=-1).clamp(min=1) * PATCH_BINS  # (N, 1)
    energy = (tiles.square() * healthy[:, None]).sum(dim=(2, 3))  # (N, tiles)
    each = (energy / kept).sqrt().clamp(min=TINY)
    level = each.repeat_interleave(PATCH_BINS, dim=1)[..., None]  # (N, F, 1)
    scaled = filled / level
    line = interpolate_frames(scaled.clamp(min=SOFTEST).log(), healthy).exp()
    share = known[:, None].expand_as(filled)
    which = tile[:, None] + torch.arange(tiles.shape[1], device=tile.device)  # (N, tiles)
    place = which.to(filled.dtype) / NETWORK_TILES
    place = place.repeat_interleave(PATCH_BINS, dim=1)[..., None].expand_as(filled)
    features = torch.stack([scaled**power, line**power, share, place], dim=1)
    return RestoreInput(features, level, power)


def finish_restore(output: Tensor, given: RestoreInput) -> Tensor:
    """Magnitudes ``(N, F, K)`` from the network's answer ``(N, 1, F, K)``."""
    return output[:, 0].clamp(min=0) ** (1 / given.power) * given.level
