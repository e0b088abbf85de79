"""Examples to look at and listen to while a training goes on.

In: a task and its network. Out: spectrograms of clean, damaged and restored patches, and the same three
as sound. Paper patches are inverted as the paper did; patches of the restore task go the way of ``fix``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..arrays import runs_of
from ..fill.fill import fill_spans
from ..fill.methods import METHODS
from ..fill.paper import invert
from ..network.checkpoint import ModelCard
from ..network.networks import NetworkSettings
from ..network.predictor import Inpainter
from ..settings import PATCH_BINS
from ..signal.spectrum import PAPER_HOP_SAMPLES, PAPER_RATE_HZ, Grid, stft
from ..spans import Span

if TYPE_CHECKING:
    from .tasks import PaperTask, RestoreTask

COUNT = 4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """One of the three: magnitudes ``(F, K)`` and sound ``(T,)``."""

    magnitudes: Array
    sound: Array


@dataclass(frozen=True)
class Picture:
    """An example as it was, as it was damaged, and as it was restored."""

    rate_hz: int
    clean: Seen
    damaged: Seen
    restored: Seen


def paper_pictures(task: PaperTask, network: nn.Module, device: torch.device) -> list[Picture]:
    """The first validation patches, sound by the paper's inversion."""
    batch = task.validation.batch(0, COUNT)
    restored = _inpainter(task, network, device).paper_magnitudes(batch.damaged)
    return [
        Picture(PAPER_RATE_HZ, *(_inverted(magnitudes) for magnitudes in three))
        for three in zip(batch.clean, batch.damaged, restored, strict=True)
    ]


def _inverted(magnitudes: NDArray[np.float32]) -> Seen:
    wide = magnitudes.astype(np.float64)
    return Seen(wide, invert(wide, magnitudes.shape[1] * PAPER_HOP_SAMPLES))


def restore_pictures(task: RestoreTask, network: nn.Module, device: torch.device) -> list[Picture]:
    """Some validation fills, evenly chosen, restored as ``fix`` does with known positions."""
    inpainter = _inpainter(task, network, device)
    fills = task.validation.fills
    pictures = []
    for number in np.linspace(0, len(fills) - 1, COUNT).astype(int):
        fill = fills[int(number)]
        clean = fill.clean.astype(np.float64)
        damaged = np.where(fill.healthy, clean, 0.0)
        spans = [Span(start, end, channel=0) for start, end in runs_of(~fill.healthy)]
        restored, _ = fill_spans(
            damaged[None],
            spans,
            fill.rate_hz,
            method=METHODS["network"],
            open_network=lambda: inpainter,
        )
        three = (seen(sound, fill.rate_hz) for sound in (clean, damaged, restored[0]))
        pictures.append(Picture(fill.rate_hz, *three))
    return pictures


def seen(sound: Array, rate_hz: int) -> Seen:
    """A sound ``(T,)`` and the lowest 8 kHz of its spectrogram."""
    return Seen(np.abs(stft(sound, Grid(rate_hz)))[:PATCH_BINS], sound)


def _inpainter(task: PaperTask | RestoreTask, network: nn.Module, device: torch.device) -> Inpainter:
    card = ModelCard(
        cast(NetworkSettings, network.settings), task.name, {"features": task.features.to_dict()}
    )
    return Inpainter(network, card, str(device))
