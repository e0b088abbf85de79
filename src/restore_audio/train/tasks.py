"""What is learnt: examples, loss and validation of the two tasks.

* ``paper``: random frames of 16 kHz patches are lost, at unknown positions (Serra et al. 2021). Loss and
  score are the paper's own measure, PSNR, averaged over patches in decibels.
* ``restore``: time-domain damage that AR has filled; the network corrects the magnitudes. Loss is the
  absolute error of compressed magnitudes in the damaged frames, and what :mod:`.losses` adds to it; the
  score is the log-spectral distance over them, beside that of max(AR, interpolated neighbours), the rule
  that needs no network.

A task is all that the loop in :mod:`restore_audio.train.loop` knows of either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..network.features import finish_paper, finish_restore, prepare_paper, prepare_restore
from ..network.maps import RESTORE_CHANNELS, FeatureSettings
from ..settings import PAPER_SCALE, LossName
from .examples import PaperBatch, PaperExamples, RestoreBatch, RestoreExamples
from .losses import RestoreLoss, consistency_error, log_error

if TYPE_CHECKING:
    from .pictures import Picture

Metrics = dict[str, float]

PAPER_POWER = FeatureSettings().power

RESTORE_POWER = 0.3
"""Compression of the restore task: near the ear's loudness, so that quiet partials count."""

_HEALTHY_WEIGHT = 0.02
"""Weight of frames that are not damaged: enough to keep the network quiet there."""


class Task(Protocol):
    """What the training loop asks of a task."""

    name: str
    in_channels: int
    score_name: str

    @property
    def features(self) -> FeatureSettings:
        """How magnitudes are prepared; the card of the weights says it, and ``fix`` does the same."""

    @property
    def loss_name(self) -> str:
        """What is minimised, for the card."""

    def __len__(self) -> int:
        """Examples of an epoch."""

    def loss(self, network: nn.Module, first: int, count: int, device: torch.device) -> Tensor:
        """Mean loss over the examples ``first`` to ``first + count``."""

    def validate(self, network: nn.Module, device: torch.device) -> Metrics:
        """Metrics on the validation examples; ``score_name`` among them, higher is better."""

    def pictures(self, network: nn.Module, device: torch.device) -> list[Picture]:
        """A few validation examples to look at and listen to."""


def _tensor(array: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True)


def _run(network: nn.Module, features: Tensor) -> Tensor:
    output: Tensor = network(features.contiguous(memory_format=torch.channels_last))
    return output.float()


@dataclass
class PaperTask:
    """Random lost frames, as in the paper.

    Attributes:
        features: how magnitudes are prepared.
        loss_name: ``mse`` as in the paper, or ``psnr``: the logarithm of each patch's error, which is
            what the tables report.
        validation_patches: how many validation examples are measured.
    """

    train: PaperExamples
    validation: PaperExamples
    features: FeatureSettings = field(default_factory=FeatureSettings)
    loss_name: LossName = "psnr"
    validation_patches: int = 1024
    batch: int = 64

    name = "paper"
    in_channels = 1
    score_name = "psnr_db"

    def __len__(self) -> int:
        return len(self.train)

    def loss(self, network: nn.Module, first: int, count: int, device: torch.device) -> Tensor:
        """Mean loss over a batch."""
        batch = self.train.batch(first, count)
        given = prepare_paper(_tensor(batch.damaged, device), self.features)
        restored = finish_paper(_run(network, given.features), given)
        error = ((restored - _tensor(batch.clean, device)) / given.level).square().mean(dim=(1, 2))
        if self.loss_name == "mse":
            return error.mean()
        # −50 dB of the patch's level is where a better patch stops mattering.
        return (error + 1e-5).log10().mean() * 10

    def validate(self, network: nn.Module, device: torch.device) -> Metrics:
        """PSNR and both NRMSE, restored and damaged, in the paper's scale."""
        rows: list[Tensor] = []
        for first in range(0, self.validation_patches, self.batch):
            batch: PaperBatch = self.validation.batch(first, min(self.batch, self.validation_patches - first))
            clean, damaged = _tensor(batch.clean, device), _tensor(batch.damaged, device)
            with torch.no_grad():
                given = prepare_paper(damaged, self.features)
                restored = finish_paper(_run(network, given.features), given)
            rows.append(torch.cat([_quality(clean, restored), _quality(clean, damaged)], dim=1).cpu())
        values = torch.cat(rows).double()
        values[~values.isfinite()] = torch.nan
        psnr, nrmse_rms, nrmse_range, psnr_before, nrmse_before, _ = values.nanmean(dim=0).tolist()
        return {
            "psnr_db": psnr,
            "psnr_gain_db": psnr - psnr_before,
            "nrmse_rms": nrmse_rms,
            "nrmse_range": nrmse_range,
            "nrmse_rms_before": nrmse_before,
        }

    def pictures(self, network: nn.Module, device: torch.device) -> list[Picture]:
        """A few validation examples to look at and listen to."""
        from .pictures import paper_pictures

        return paper_pictures(self, network, device)


def _quality(clean: Tensor, test: Tensor) -> Tensor:
    """PSNR (data range 1 in the paper's scale), NRMSE over rms and over range: ``(N, 3)``."""
    error = ((clean - test) / PAPER_SCALE).square().mean(dim=(1, 2))
    scaled = clean / PAPER_SCALE
    rms = scaled.square().mean(dim=(1, 2)).sqrt()
    extent = scaled.amax(dim=(1, 2)) - scaled.amin(dim=(1, 2))
    return torch.stack([-10 * error.log10(), error.sqrt() / rms, error.sqrt() / extent], dim=1)


@dataclass
class RestoreTask:
    """Magnitudes in gaps that AR has filled; what ``fix`` uses."""

    train: RestoreExamples
    validation: RestoreExamples
    added: RestoreLoss = field(default_factory=RestoreLoss)
    validation_patches: int = 768
    batch: int = 64

    name = "restore"
    in_channels = RESTORE_CHANNELS
    score_name = "lsd_gain_db"

    @property
    def features(self) -> FeatureSettings:
        """How magnitudes are prepared, and how much is seen at once."""
        return self.train.features

    @property
    def loss_name(self) -> str:
        """What is minimised."""
        return self.added.name

    def __len__(self) -> int:
        return len(self.train)

    def loss(self, network: nn.Module, first: int, count: int, device: torch.device) -> Tensor:
        """Mean loss over a batch."""
        batch = self.train.batch(first, count)
        filled, known, tile = (_tensor(a, device) for a in (batch.filled, batch.known, batch.tile))
        given = prepare_restore(filled, known, tile, self.features.power)
        clean = _tensor(batch.clean, device) / given.level
        weight = ((1 - known)[:, None] + _HEALTHY_WEIGHT) * _bins_exist(batch, device)
        answer = _run(network, given.features)[:, 0]  # (N, F, K), compressed
        error = (answer - clean**self.features.power).abs()
        if self.added.log or self.added.consistency:
            restored = answer.clamp(min=0) ** (1 / self.features.power)
            if self.added.log:
                error = error + self.added.log * log_error(clean, restored)
            if self.added.consistency:
                phase = _tensor(batch.phase, device)
                apart = consistency_error(clean, restored, phase, self.features.power)
                error = error + self.added.consistency * apart
        return (error * weight).sum() / weight.expand_as(error).sum()

    def validate(self, network: nn.Module, device: torch.device) -> Metrics:
        """Log-spectral distance over the damaged frames: network, AR, and max(AR, interpolated)."""
        sums = np.zeros(3)
        patches = 0
        for first in range(0, self.validation_patches, self.batch):
            count = min(self.batch, self.validation_patches - first)
            batch = self.validation.batch(first, count)
            filled, known, tile = (_tensor(a, device) for a in (batch.filled, batch.known, batch.tile))
            clean, exists = _tensor(batch.clean, device), _bins_exist(batch, device)
            with torch.no_grad():
                given = prepare_restore(filled, known, tile, self.features.power)
                answer = finish_restore(_run(network, given.features), given)
                line = given.features[:, 1] ** (1 / self.features.power) * given.level
                touched = (known < 0.5)[:, None] & exists  # (N, F, K)
                for which, test in enumerate((answer, filled, torch.maximum(filled, line))):
                    sums[which] += float(_lsd(clean, test, touched, given.level).sum())
            patches += count
        network_lsd, ar_lsd, rule_lsd = (sums / patches).tolist()
        return {
            "lsd_db": network_lsd,
            "lsd_ar_db": ar_lsd,
            "lsd_rule_db": rule_lsd,
            "lsd_gain_db": rule_lsd - network_lsd,
        }

    def pictures(self, network: nn.Module, device: torch.device) -> list[Picture]:
        """A few validation examples to look at and listen to."""
        from .pictures import restore_pictures

        return restore_pictures(self, network, device)


def _bins_exist(batch: RestoreBatch, device: torch.device) -> Tensor:
    """Bins below half the sample rate: bool ``(N, F, 1)``."""
    index = np.arange(batch.clean.shape[1])
    return _tensor((index < batch.bins[:, None])[..., None], device)


def _lsd(clean: Tensor, test: Tensor, touched: Tensor, level: Tensor) -> Tensor:
    """Root mean square difference in dB over the touched places of each patch: ``(N,)``."""
    floor = level * 1e-3  # −60 dB of the patch's level: below it nothing is heard
    difference = 20 * ((clean + floor) / (test + floor)).log10()
    count = touched.sum(dim=(1, 2)).clamp(min=1)
    return ((difference.square() * touched).sum(dim=(1, 2)) / count).sqrt()
