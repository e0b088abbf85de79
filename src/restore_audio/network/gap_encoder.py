"""Gaps of 64 ms at 16 kHz filled by the context encoder, as Marafioti et al. (2019) do.

In: samples ``(T,)`` and where the gap is. Out: the gap's samples.

The network sees magnitudes of the 128 ms before and the 128 ms after the gap, over their level and
compressed, and answers with those of the frames that the gap touches. The phase is found by Griffin and
Lim's iteration from a gap of zeros, with the known samples pinned; the paper begins with its phase
gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ModelError
from ..signal.griffin_lim import griffin_lim
from ..signal.spectrum import Grid, stft
from .checkpoint import load_for
from .context_encoder import BINS, CONTEXT_FRAMES, GAP_FRAMES

TASK = "context-encoder"
CHANNELS = 2
RATE_HZ = 16_000
PIECE_SAMPLES, GAP_SAMPLES = 5120, 1024
FIRST_SAMPLE = (PIECE_SAMPLES - GAP_SAMPLES) // 2

GRID = Grid(32_000)
"""512 samples every 128, as in the paper: at 16 kHz that is 32 ms every 8 ms."""

FIRST_FRAME = 15
"""Of the frames that the gap touches: as many lie before it as behind it."""

POWER = 0.5
ITERATIONS = 100
_TINY = 1e-8


@dataclass(frozen=True)
class EncoderInput:
    """What the network sees ``(N, 2, 256, 16)``, and what is needed to read its answer."""

    features: Tensor
    level: Tensor


def prepare(magnitudes: Tensor) -> EncoderInput:
    """Prepare magnitudes ``(N, 256, 41)`` of pieces; those of the gap's own frames are not looked at."""
    before = magnitudes[..., :FIRST_FRAME]
    behind = magnitudes[..., FIRST_FRAME + GAP_FRAMES :]
    context = torch.stack([before, behind], dim=1)  # (N, 2, 256, 15)
    level = context.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp(min=_TINY)
    padded = F.pad(context / level, (0, CONTEXT_FRAMES - context.shape[-1]))
    return EncoderInput(padded**POWER, level[:, 0])


def finish(answer: Tensor, given: EncoderInput) -> Tensor:
    """Magnitudes ``(N, 256, 11)`` from the network's answer ``(N, 1, 256, 11)``."""
    return answer[:, 0].float().clamp(min=0) ** (1 / POWER) * given.level


class GapEncoder:
    """Fills gaps of 64 ms at 16 kHz."""

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        self.network, self.device = network, torch.device(device)

    @classmethod
    def open(cls, path: Path, device: str = "cpu") -> GapEncoder:
        """Weights from a file.

        Raises:
            ModelError: they are missing, damaged, or made for another task.
        """
        network, _ = load_for(TASK, CHANNELS, path, device)
        return cls(network, device)

    def fill(self, piece: NDArray[np.floating]) -> NDArray[np.float64]:
        """A piece ``(5120,)`` with the 1024 samples in its middle filled."""
        known = np.ones(PIECE_SAMPLES, dtype=bool)
        known[FIRST_SAMPLE : FIRST_SAMPLE + GAP_SAMPLES] = False
        start = np.where(known, piece, 0.0)
        magnitudes = np.abs(stft(start, GRID))  # (257, 41)
        given = prepare(torch.from_numpy(magnitudes[None, :BINS].astype(np.float32)).to(self.device))
        with torch.inference_mode():
            answer = finish(self.network(given.features), given)[0].cpu().numpy()
        if not np.all(np.isfinite(answer)):
            raise ModelError("The weights give values that are not numbers: give others.")
        magnitudes[:, FIRST_FRAME : FIRST_FRAME + GAP_FRAMES] = np.pad(answer, ((0, 1), (0, 0)))
        return griffin_lim(magnitudes, start, known, GRID, iterations=ITERATIONS)
