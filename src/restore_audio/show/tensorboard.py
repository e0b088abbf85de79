"""A training in TensorBoard: curves, spectrograms of validation examples, and how they sound.

In: lines of metrics and pictures. Out: an events file in the run's folder. tensorboard is an extra
(``train``); nothing else needs it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

if TYPE_CHECKING:
    from ..train.pictures import Picture

RANGE_DB = 70.0
SCALARS = ("loss", "learning_rate", "patches_per_s")


def require_tensorboard() -> None:
    """Fail early, with the way out.

    Raises:
        UsageError: tensorboard is not installed.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UsageError(
            "--tensorboard needs the package tensorboard: install it with pip install tensorboard."
        )


class Board:
    """Writes events of one run."""

    def __init__(self, run: Path) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(run))

    def add(self, line: dict[str, Any]) -> None:
        """The numbers of a line of metrics, over the patches seen."""
        patches = line["examples"]
        for name, value in line.get("validation", {}).items():
            self._writer.add_scalar(f"validation/{name}", value, patches)
        for name in SCALARS:
            if name in line:
                self._writer.add_scalar(f"training/{name}", line[name], patches)

    def show(self, pictures: Sequence[Picture], step: int) -> None:
        """Clean, damaged and restored side by side, and each as sound."""
        for number, picture in enumerate(pictures):
            three = {"clean": picture.clean, "damaged": picture.damaged, "restored": picture.restored}
            image = side_by_side([seen.magnitudes for seen in three.values()])
            self._writer.add_image(f"spectrograms/{number}", image, step, dataformats="HW")
            loudest = max(float(np.abs(seen.sound).max()) for seen in three.values()) or 1.0
            for name, seen in three.items():
                sound = (seen.sound / loudest).astype(np.float32)[None]
                self._writer.add_audio(f"sounds/{number}/{name}", sound, step, sample_rate=picture.rate_hz)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def side_by_side(spectrograms: Sequence[NDArray[np.floating]]) -> NDArray[np.uint8]:
    """Magnitudes ``(F, K)`` each, on one scale of 70 dB below the loudest, as one grey picture.

    Low frequencies are at the bottom; white bars stand between.

    Shape:
        n × ``(F, K)`` → ``(F, n K + 4 (n − 1))``
    """
    loudest = max(float(s.max()) for s in spectrograms) or 1.0
    bar = np.full((spectrograms[0].shape[0], 4), 255, dtype=np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for spectrogram in spectrograms:
        levels_db = 20 * np.log10(np.maximum(spectrogram / loudest, 10 ** (-RANGE_DB / 20)))
        grey = np.rint(255 * (levels_db / RANGE_DB + 1)).astype(np.uint8)[::-1]
        parts += [grey, bar]
    return np.concatenate(parts[:-1], axis=1)
