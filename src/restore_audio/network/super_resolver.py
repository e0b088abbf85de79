"""A lost upper band predicted at 16 kHz, by TFNet or by a network of spectrogram patches.

In: a waveform without its upper band and the share of the band that it has. Out: the waveform with what
the network predicts above. Both kinds are trained and used by the same function, :func:`predict`, on
pieces of 512 ms, so that they compare.

A patch network sees the magnitudes of the known band, repeated upwards, and which bins are lost. The phase
of the lost bins is that of the bins they were repeated from: moved by a multiple of four bins, it goes on
from frame to frame as it should, since a hop is a quarter of a window. The known band stays as it is.
TFNet answers with a waveform.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ModelError
from ..settings import PATCH_BINS, PATCH_FRAMES
from ..signal.spectrum import PAPER_HOP_SAMPLES, PAPER_WINDOW_SAMPLES
from .checkpoint import ModelCard, load_for
from .networks import NETWORKS, NetworkSettings
from .tfnet import SAMPLES

TASK = "super-resolution"
CHANNELS = 2
"""The known band and where it ends, for both kinds."""

POWER = 0.3
KEPT_SHARE = 0.9
"""Of the known band: above it the filters of the lower rate have begun."""

_TINY = 1e-8


def takes_waveforms(settings: NetworkSettings) -> bool:
    """Whether a network of these settings answers with a waveform."""
    return NETWORKS[settings.name].waveform


def kept_bins(share: Tensor) -> Tensor:
    """Bins of a patch that are known, a multiple of four."""
    return (4 * (KEPT_SHARE * share * PATCH_BINS / 4).floor()).long().clamp(min=4)


def predict(network: nn.Module, low: Tensor, share: Tensor, *, waveform: bool) -> Tensor:
    """Pieces with an upper band.

    Args:
        network: of two channels.
        low: ``(N, 8192)`` at 16 kHz.
        share: of the band that is known, ``(N,)``.
        waveform: the network is TFNet.

    Returns:
        ``(N, 8192)``, float32.
    """
    level = low.square().mean(dim=-1, keepdim=True).sqrt().clamp(min=_TINY)
    scaled = low / level
    if waveform:
        given = torch.stack([scaled, share[:, None].expand_as(scaled)], dim=1)
        made: Tensor = network(given)[:, 0].float() * level
        return made
    return _by_patches(network, scaled, share) * level


def _by_patches(network: nn.Module, low: Tensor, share: Tensor) -> Tensor:
    size, hop = PAPER_WINDOW_SAMPLES, PAPER_HOP_SAMPLES
    window = torch.hann_window(size, device=low.device)
    unit = window.norm()  # so that the magnitudes of a sound of level 1 lie around 1
    spectra = torch.stft(low / unit, size, hop, window=window, pad_mode="constant", return_complex=True)
    kept = kept_bins(share)[:, None, None]
    bins = torch.arange(PATCH_BINS, device=low.device)[None, :, None]
    lost = (bins >= kept).expand(-1, -1, spectra.shape[-1])  # (N, 128, 129)
    repeated = spectra.gather(1, (bins % kept).expand_as(lost))
    level = repeated.abs()
    maps = torch.stack([(level + 1e-3) ** POWER, lost.float()], dim=1)[..., :PATCH_FRAMES]
    answer = network(maps.contiguous(memory_format=torch.channels_last))[:, 0].float()
    magnitudes = F.pad(answer.clamp(min=0) ** (1 / POWER), (0, 1))  # the last frame is left silent
    new = repeated * (magnitudes / level.clamp(min=_TINY))
    whole = torch.where(lost, new, spectra[:, :PATCH_BINS])
    padded = torch.cat([whole, torch.zeros_like(whole[:, :1])], dim=1)
    made: Tensor = torch.istft(padded, size, hop, window=window, length=low.shape[-1]) * unit
    return made


class SuperResolver:
    """Gives recordings at 16 kHz an upper band."""

    def __init__(self, network: nn.Module, card: ModelCard, device: str = "cpu") -> None:
        self.network, self.device = network, torch.device(device)
        self.waveform = takes_waveforms(card.network)

    @classmethod
    def open(cls, path: Path, device: str = "cpu") -> SuperResolver:
        """Weights from a file.

        Raises:
            ModelError: they are missing, damaged, or made for another task.
        """
        network, card = load_for(TASK, CHANNELS, path, device)
        return cls(network, card, device)

    def restore(self, low: NDArray[np.floating], share: float) -> NDArray[np.float64]:
        """``(T,)`` at 16 kHz with an upper band, ``share`` of which is known; pieces overlap by half."""
        hop = SAMPLES // 2
        count = -(-low.size // hop) + 1
        padded = np.zeros((count + 1) * hop, dtype=np.float32)
        padded[hop : hop + low.size] = low
        pieces = np.lib.stride_tricks.sliding_window_view(padded, SAMPLES)[::hop]
        fade = np.sin(np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES) ** 2  # of two halves, they add up to one
        result = np.zeros(padded.size)
        with torch.inference_mode():
            for number, piece in enumerate(pieces):
                given = torch.from_numpy(piece.copy()).to(self.device)[None]
                shares = torch.full((1,), share, device=self.device)
                made = predict(self.network, given, shares, waveform=self.waveform)[0].cpu().numpy()
                result[number * hop : number * hop + SAMPLES] += fade * made
        if not np.all(np.isfinite(result)):
            raise ModelError("The weights give values that are not numbers: give others.")
        return result[hop : hop + low.size]
