"""The network a method needs: opened when the first gap wants it, once in a process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Method

if TYPE_CHECKING:
    from .device import Device
    from .predictor import Inpainter


class Weights:
    """Weights that may be needed.

    Args:
        method: how gaps are filled.
        device: where the network shall run.
        model: weights by name or file; None takes the method's own.

    ``device`` and ``reason`` say where the network runs and why; None until it is opened.
    """

    def __init__(self, method: Method, device: Device = "auto", model: str | None = None) -> None:
        self._method = method
        self._wanted: Device = device
        self._model = model
        self.device: str | None = None
        self.reason: str | None = None

    def open(self) -> Inpainter | None:
        """The network on its device; None if the method needs none.

        Raises:
            DeviceError: the device is not there.
            ModelError: the weights are missing, damaged or for another method.
        """
        if self._method == "ar":
            return None
        from .checkpoint import model_path
        from .device import choose_device

        task = "paper" if self._method == "paper" else "restore"
        path = model_path(self._model or task)
        self.device, self.reason = choose_device(self._wanted)
        return _opened(path, task, self.device, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _opened(path: Path, task: str, device: str, changed_ns: int) -> Inpainter:
    from .predictor import Inpainter

    return Inpainter.open(path, task, device)
