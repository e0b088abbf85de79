"""A trained network as the restoration uses it: NumPy magnitudes in, NumPy magnitudes out.

Batches of patches go through on whatever device the weights lie; memory is bounded by ``batch``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import ModelError
from ..settings import PATCH_BINS
from .checkpoint import ModelCard, load
from .features import (
    RESTORE_CHANNELS,
    FeatureSettings,
    finish_paper,
    finish_restore,
    prepare_paper,
    prepare_restore,
)

BATCH = 16


class Inpainter:
    """Predicts the magnitudes that belong into gaps."""

    def __init__(self, network: nn.Module, card: ModelCard, device: str = "cpu") -> None:
        self.network = network
        self.card = card
        self.device = torch.device(device)
        self.features = FeatureSettings(**card.training["features"])

    @classmethod
    def open(cls, path: Path, task: str, device: str = "cpu") -> Inpainter:
        """Weights from a file.

        Raises:
            ModelError: they are missing, damaged, or made for another task.
        """
        network, card = load(path, device)
        if card.task != task:
            raise ModelError(
                f"The weights {path} are for the task '{card.task}', not '{task}': "
                f"choose the --method that they were made for, or other weights with --model."
            )
        try:
            predictor = cls(network, card, device)
            maps = RESTORE_CHANNELS if task == "restore" else 1
            if card.network.in_channels != maps:
                raise ValueError(f"in_channels must be {maps}, got {card.network.in_channels}")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The weights {path} do not say how their input is prepared ({error}): give weights made by "
                f"'train', or leave out --model."
            ) from None
        return predictor

    @property
    def frames(self) -> int:
        """Frames of the patches that :meth:`restore_magnitudes` takes."""
        return self.features.frames

    def restore_magnitudes(
        self,
        filled: NDArray[np.floating],
        known: NDArray[np.floating],
    ) -> NDArray[np.float32]:
        """Magnitudes for AR-filled patches of all tiles.

        Args:
            filled: ``(N, tiles, 128, K)``, magnitudes of the AR-filled signal; K is :attr:`frames`.
            known: ``(N, K)``, healthy share of each frame.

        Returns:
            ``(N, tiles, 128, K)``.
        """
        count, tiles = filled.shape[:2]
        together = self.features.tiles
        rest = -tiles % together
        tall = np.pad(filled, ((0, 0), (0, rest), (0, 0), (0, 0)))
        tall = tall.reshape(-1, together * PATCH_BINS, filled.shape[-1])  # (N · groups, F, K)
        groups = (tiles + rest) // together
        shares = np.repeat(known, groups, axis=0)
        first_tile = np.tile(np.arange(groups) * together, count)
        answers = []
        for first in range(0, len(tall), BATCH):
            piece = slice(first, first + BATCH)
            given = prepare_restore(
                self._tensor(tall[piece]),
                self._tensor(shares[piece]),
                torch.from_numpy(first_tile[piece]).to(self.device),
                self.features.power,
            )
            answers.append(finish_restore(self._run(given.features), given).cpu().numpy())
        return np.concatenate(answers).reshape(count, -1, *filled.shape[2:])[:, :tiles]

    def paper_magnitudes(self, damaged: NDArray[np.floating]) -> NDArray[np.float32]:
        """Magnitudes for damaged patches ``(N, 128, 128)`` of the paper's task, at unknown positions."""
        answers = []
        for first in range(0, len(damaged), BATCH):
            given = prepare_paper(self._tensor(damaged[first : first + BATCH]), self.features)
            answers.append(finish_paper(self._run(given.features), given).cpu().numpy())
        return np.concatenate(answers)

    def _tensor(self, array: NDArray[np.floating]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)

    def _run(self, features: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            answer: torch.Tensor = self.network(features.contiguous(memory_format=torch.channels_last))
        if not torch.isfinite(answer).all():
            raise ModelError(
                "The weights give values that are not numbers: give others with --model, or use --method ar."
            )
        return answer.float()
