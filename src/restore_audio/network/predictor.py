"""A trained network as the restoration uses it: NumPy magnitudes in, NumPy magnitudes out.

Batches of patches go through on whatever device the weights lie; memory is bounded by ``batch``. On a CPU the
networks of the paper need no PyTorch (:mod:`.plain`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..settings import HEALTHY_SHARE, PATCH_BINS
from .checkpoint import ModelCard, load, read_card
from .maps import RESTORE_CHANNELS, FeatureSettings, Floats, prepare
from .plain import PlainUNet, open_plain

if TYPE_CHECKING:
    from torch import nn

BATCH = 16


class Inpainter:
    """Predicts the magnitudes that belong into gaps.

    Args:
        network: in PyTorch or without it.
        card: of its weights.
        device: on which a network in PyTorch runs.
    """

    def __init__(self, network: nn.Module | PlainUNet, card: ModelCard, device: str = "cpu") -> None:
        self.network = network
        self.card = card
        self.device = device
        self.features = FeatureSettings(**card.training["features"])

    @classmethod
    def open(cls, path: Path, task: str, device: str = "cpu") -> Inpainter:
        """Weights from a file.

        Raises:
            ModelError: they are missing, damaged, or made for another task.
        """
        card = read_card(path)
        network: nn.Module | PlainUNet | None = open_plain(path, card.network) if device == "cpu" else None
        if network is None:
            network, _ = load(path, device)
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
        """Magnitudes for AR-filled patches of all tiles, in the frames that are not healthy.

        Args:
            filled: ``(N, tiles, 128, K)``, magnitudes of the AR-filled signal; K is :attr:`frames`.
            known: ``(N, K)``, healthy share of each frame.

        Returns:
            ``(N, tiles, 128, K)``; where a frame is healthy, as given.
        """
        count, tiles = filled.shape[:2]
        together = self.features.tiles
        rest = -tiles % together
        tall = np.pad(np.asarray(filled, np.float32), ((0, 0), (0, rest), (0, 0), (0, 0)))
        tall = tall.reshape(-1, together * PATCH_BINS, filled.shape[-1])  # (N · groups, F, K)
        groups = (tiles + rest) // together
        shares = np.repeat(np.asarray(known, np.float32), groups, axis=0)
        first_tile = np.tile(np.arange(groups) * together, count)
        answers = tall.copy()
        for first in range(0, len(tall), BATCH):
            piece = slice(first, first + BATCH)
            lost = np.flatnonzero((shares[piece] < HEALTHY_SHARE).any(axis=0))
            if lost.size:
                given = prepare(tall[piece], shares[piece], first_tile[piece], self.features.power)
                made = given.magnitudes(self._run(given.values, int(lost[0]), int(lost[-1]) + 1))
                answers[piece] = np.where(shares[piece, None] < HEALTHY_SHARE, made, tall[piece])
        return answers.reshape(count, -1, *filled.shape[2:])[:, :tiles]

    def paper_magnitudes(self, damaged: NDArray[np.floating]) -> NDArray[np.float32]:
        """Magnitudes for damaged patches ``(N, 128, 128)`` of the paper's task, at unknown positions."""
        import torch

        from .features import finish_paper, prepare_paper

        answers = []
        for first in range(0, len(damaged), BATCH):
            patches = np.ascontiguousarray(damaged[first : first + BATCH], dtype=np.float32)
            given = prepare_paper(torch.from_numpy(patches), self.features)
            answer = self._run(given.features.numpy(), 0, patches.shape[-1])
            answers.append(finish_paper(torch.from_numpy(answer), given).numpy())
        return np.concatenate(answers)

    def _run(self, maps: Floats, first: int, last: int) -> Floats:
        """The network's answer ``(N, 1, F, K)``, of which frames ``first`` to ``last`` are needed."""
        if isinstance(self.network, PlainUNet):
            answer = self.network(maps, first, last)
        else:
            import torch

            with torch.inference_mode():
                given = torch.from_numpy(maps).to(self.device, memory_format=torch.channels_last)
                answer = self.network(given).float().cpu().numpy()
        if not np.isfinite(answer[..., first:last]).all():
            raise ModelError(
                "The weights give values that are not numbers: give others with --model, or use --method ar."
            )
        return answer
