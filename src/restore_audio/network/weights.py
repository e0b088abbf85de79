"""The network that fills need: opened when the first gap needs it, once in a process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .device import Device
    from .predictor import Inpainter


class Weights:
    """Weights that may be needed.

    Args:
        task: ``restore`` or ``paper``: what the network must be trained for.
        model: weights by name or file; None takes the shipped ones of the task.

    ``device`` and ``reason`` say where the network runs and why; None until it is opened.
    """

    def __init__(self, task: str, device: Device = "auto", model: str | None = None) -> None:
        self._task = task
        self._wanted: Device = device
        self._model = model
        self.device: str | None = None
        self.reason: str | None = None

    def open(self) -> Inpainter:
        """The network on its device.

        Raises:
            DeviceError: the device is not there.
            ModelError: the weights are missing, damaged or for another task.
        """
        from .checkpoint import model_path
        from .device import choose_device

        path = model_path(self._model or self._task)
        self.device, self.reason = choose_device(self._wanted)
        return _opened(path, self._task, self.device, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _opened(path: Path, task: str, device: str, changed_ns: int) -> Inpainter:  # noqa: ARG001
    from .predictor import Inpainter

    return Inpainter.open(path, task, device)
