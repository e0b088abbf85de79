"""What the context encoder learns: gaps of 64 ms in the middle of 320 ms at 16 kHz (Marafioti et al. 2019).

In: a cache of 16 kHz mono audio. The loss is the squared error of compressed magnitudes over their energy,
so that quiet gaps count as much as loud ones; the paper mixes it likewise. The score is how much louder
the magnitudes are than their error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..network.context_encoder import BINS, GAP_FRAMES
from ..network.gap_encoder import (
    CHANNELS,
    FIRST_FRAME,
    FIRST_SAMPLE,
    GAP_SAMPLES,
    GRID,
    PIECE_SAMPLES,
    POWER,
    RATE_HZ,
    TASK,
    EncoderInput,
    GapEncoder,
    prepare,
)
from ..network.maps import FeatureSettings
from ..signal.spectrum import stft
from .examples import PATCH_SAMPLES, PaperExamples

if TYPE_CHECKING:
    from .pictures import Picture

QUIET_SHARE = 0.2
"""Energy that is added below the fraction, in that of the context: gaps of nearly nothing do not rule (the
paper's constant c = 5)."""

SILENT = 1e-2
"""Energy that is added for each place besides: in digital silence there is no other."""


def pieces(examples: PaperExamples, first: int, count: int) -> NDArray[np.float32]:
    """Pieces number ``first`` to ``first + count``, ``(N, 5120)``; each depends on seed and number only."""
    made = np.empty((count, PIECE_SAMPLES), np.float32)
    edge = (PATCH_SAMPLES - PIECE_SAMPLES) // 2
    for row in range(count):
        rng = np.random.default_rng((examples.seed, first + row))
        made[row] = examples.cut(rng, first + row)[edge : edge + PIECE_SAMPLES]
    return made


@dataclass
class ContextEncoderTask:
    """Gaps of 64 ms."""

    train: PaperExamples
    validation: PaperExamples
    features: FeatureSettings = field(default_factory=lambda: FeatureSettings(power=POWER))
    validation_patches: int = 512
    batch: int = 64

    name = TASK
    in_channels = CHANNELS
    loss_name = "relative squares"
    score_name = "magnitudes_db"

    def __len__(self) -> int:
        return len(self.train)

    def loss(self, network: nn.Module, first: int, count: int, device: torch.device) -> Tensor:
        """Mean loss over a batch."""
        given, wanted = _batch(self.train, first, count, device)
        answer = network(given.features)[:, 0].float()
        error = (answer - wanted).square().sum(dim=(1, 2))
        energy = wanted.square().sum(dim=(1, 2))
        # silence on all sides has no energy, neither here nor there, and teaches nothing
        energy = energy + wanted[0].numel() * (
            QUIET_SHARE * given.features.square().mean(dim=(1, 2, 3)) + SILENT
        )
        loss: Tensor = (error / energy).mean()
        return loss

    def validate(self, network: nn.Module, device: torch.device) -> dict[str, float]:
        """Energy of the compressed magnitudes over that of their error; the same of the neighbours' mean."""
        rows: list[Tensor] = []
        for first in range(0, self.validation_patches, self.batch):
            count = min(self.batch, self.validation_patches - first)
            given, wanted = _batch(self.validation, first, count, device)
            with torch.no_grad():
                answer = network(given.features)[:, 0].float()
            # Of the two frames beside those that the gap touches.
            mean = given.features[:, :, :, [FIRST_FRAME - 1, 0]].diagonal(dim1=1, dim2=3).mean(dim=-1)
            tests = (answer, mean[..., None].expand_as(wanted))
            energy = wanted.square().sum(dim=(1, 2)) + 1e-9
            errors = [(test - wanted).square().sum(dim=(1, 2)) + 1e-9 for test in tests]
            rows.append(torch.stack([10 * (energy / error).log10() for error in errors]).cpu())
        ours, neighbours = torch.cat(rows, dim=1).double().mean(dim=1).tolist()
        return {"magnitudes_db": ours, "neighbours_db": neighbours}

    def pictures(self, network: nn.Module, device: torch.device) -> list[Picture]:
        """A few validation examples to look at and listen to."""
        from .pictures import COUNT, Picture, seen

        encoder = GapEncoder(network, str(device))
        made = []
        for clean in pieces(self.validation, 0, COUNT).astype(np.float64):
            damaged = clean.copy()
            damaged[FIRST_SAMPLE : FIRST_SAMPLE + GAP_SAMPLES] = 0.0
            three = (clean, damaged, encoder.fill(damaged))
            made.append(Picture(RATE_HZ, *(seen(sound, RATE_HZ) for sound in three)))
        return made


def _batch(
    examples: PaperExamples, first: int, count: int, device: torch.device
) -> tuple[EncoderInput, Tensor]:
    """What the network sees, and the compressed magnitudes that it should answer with, ``(N, 256, 11)``."""
    magnitudes = np.abs(stft(pieces(examples, first, count), GRID))[:, :BINS].astype(np.float32)
    whole = torch.from_numpy(magnitudes).to(device)
    given = prepare(whole)
    wanted = whole[..., FIRST_FRAME : FIRST_FRAME + GAP_FRAMES] / given.level
    return given, wanted**POWER
