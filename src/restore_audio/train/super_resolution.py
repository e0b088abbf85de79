"""What is learnt to give a low-passed recording an upper band: examples, loss and validation.

In: a cache of 16 kHz mono audio. Each example is 512 ms, through a half, a quarter or an eighth of the
sample rate and back. TFNet and networks of spectrogram patches are trained alike, by what comes out of
them as sound: the error of compressed magnitudes, and a little of the logarithm of the error of the
waveform (Lim et al. 2018 supervise both domains, too). The score is what the log-spectral distance of the
published tables falls by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..network.maps import FeatureSettings
from ..network.networks import NetworkSettings
from ..network.super_resolver import CHANNELS, TASK, predict, takes_waveforms
from ..network.tfnet import SAMPLES
from ..signal.band import limit_band, published_distance
from ..signal.spectrum import PAPER_HOP_SAMPLES, PAPER_RATE_HZ, PAPER_WINDOW_SAMPLES
from .examples import PATCH_SAMPLES, PaperExamples

if TYPE_CHECKING:
    from .pictures import Picture

SHARES = (0.5, 0.25, 0.125)
"""Of the sample rate: 4, 2 and 1 kHz are left of 8."""

POWER = 0.3
WAVEFORM_WEIGHT = 0.1
"""Of the logarithm of the waveform's error. What cannot be known of an upper band, its phase, would else
be paid for by silence."""


@dataclass(frozen=True)
class BandBatch:
    """Waveforms ``(N, 8192)`` float32, whole and low-passed, and the shares ``(N,)`` that are left."""

    clean: NDArray[np.float32]
    low: NDArray[np.float32]
    share: NDArray[np.float32]


def band_batch(examples: PaperExamples, first: int, count: int) -> BandBatch:
    """Examples number ``first`` to ``first + count``, each a function of the seed and its number."""
    clean = np.empty((count, SAMPLES), np.float32)
    low = np.empty_like(clean)
    shares = np.empty(count, np.float32)
    edge = (PATCH_SAMPLES - SAMPLES) // 2
    for row in range(count):
        rng = np.random.default_rng((examples.seed, first + row))
        shares[row] = SHARES[int(rng.integers(len(SHARES)))]
        whole = examples.cut(rng, first + row)
        limited = limit_band(whole, PAPER_RATE_HZ, float(shares[row]))
        clean[row], low[row] = (audio[edge : edge + SAMPLES] for audio in (whole, limited))
    return BandBatch(clean, low, shares)


@dataclass
class SuperResolutionTask:
    """A lost upper band at 16 kHz."""

    train: PaperExamples
    validation: PaperExamples
    features: FeatureSettings = field(default_factory=lambda: FeatureSettings(power=POWER))
    validation_patches: int = 384
    batch: int = 64

    name = TASK
    in_channels = CHANNELS
    loss_name = f"l1 + {WAVEFORM_WEIGHT:g} log waveform"
    score_name = "lsd_gain"

    def __len__(self) -> int:
        return len(self.train)

    def loss(self, network: nn.Module, first: int, count: int, device: torch.device) -> Tensor:
        """Mean loss over a batch."""
        batch = band_batch(self.train, first, count)
        clean, made = _tensor(batch.clean, device), _made(network, batch, device)
        wrong = (_compressed(made, clean) - _compressed(clean, clean)).abs().mean()
        energy = clean.square().mean(dim=-1) + 1e-10
        error = ((made - clean).square().mean(dim=-1) / energy + 1e-5).log10().mean()
        return wrong + WAVEFORM_WEIGHT * error

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Signal-to-noise ratio and published log-spectral distance, and both before."""
        rows: list[NDArray[np.float64]] = []
        for first in range(0, self.validation_patches, self.batch):
            batch = band_batch(self.validation, first, min(self.batch, self.validation_patches - first))
            with torch.no_grad():
                made = _made(network, batch, device).cpu().numpy()
            columns = [_snr_db(batch.clean, test) for test in (made, batch.low)]
            columns += [published_distance(batch.clean, test) for test in (made, batch.low)]
            rows.append(np.stack(columns))
        snr, before, lsd, lsd_before = np.concatenate(rows, axis=1).mean(axis=1).tolist()
        return {
            "snr_db": snr,
            "snr_gain_db": snr - before,
            "lsd": lsd,
            "lsd_gain": lsd_before - lsd,
        }

    def pictures(self, network: nn.Module, device: torch.device) -> list[Picture]:
        """A few validation examples to look at and listen to."""
        from .pictures import COUNT, Picture, seen

        batch = band_batch(self.validation, 0, COUNT)
        with torch.no_grad():
            made = _made(network, batch, device).cpu().numpy()
        threes = zip(batch.clean, batch.low, made, strict=True)
        return [
            Picture(PAPER_RATE_HZ, *(seen(sound.astype(np.float64), PAPER_RATE_HZ) for sound in three))
            for three in threes
        ]


def _made(network: nn.Module, batch: BandBatch, device: torch.device) -> Tensor:
    inner = cast("nn.Module", getattr(network, "module", network))  # of several processes
    waveform = takes_waveforms(cast(NetworkSettings, inner.settings))
    return predict(network, _tensor(batch.low, device), _tensor(batch.share, device), waveform=waveform)


def _tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)


def _compressed(audio: Tensor, clean: Tensor) -> Tensor:
    """Compressed magnitudes over the level of ``clean``; −60 dB below it they no longer count."""
    level = clean.square().mean(dim=-1, keepdim=True).sqrt().clamp(min=1e-6)
    window = torch.hann_window(PAPER_WINDOW_SAMPLES, device=audio.device)
    spectra = torch.stft(
        audio / level, PAPER_WINDOW_SAMPLES, PAPER_HOP_SAMPLES, window=window, return_complex=True
    )
    return (spectra.abs() / window.sum() + 1e-3) ** POWER


def _snr_db(clean: NDArray[np.float32], test: NDArray[np.float32]) -> NDArray[np.float64]:
    signal = np.sum(clean.astype(np.float64) ** 2, axis=-1)
    error = np.sum((clean.astype(np.float64) - test) ** 2, axis=-1)
    return np.asarray(10 * np.log10((signal + 1e-12) / (error + 1e-12)))
