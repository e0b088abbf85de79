"""Which device the network runs on, and why."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from ..errors import DeviceError

Device = str
"""``auto``, ``cpu``, ``cuda`` or ``mps``."""


def choose_device(name: Device = "auto") -> tuple[str, str]:
    """A device that is there, and the reason for the choice.

    Args:
        name: ``auto`` takes CUDA, then Apple's GPU (MPS), then the CPU.

    Returns:
        The name that PyTorch knows, and a clause that says why.

    Raises:
        DeviceError: the device asked for is not on this machine.
    """
    if name == "cpu":
        return "cpu", "asked for with --device"
    if name == "auto" and "torch" not in sys.modules and not _has_driver():
        return "cpu", "no GPU is there"
    import torch

    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if name == "cuda":
        if not cuda:
            why = (
                "this PyTorch was built without CUDA" if torch.version.cuda is None else "no CUDA GPU answers"
            )
            raise DeviceError(
                f"There is no CUDA device here ({why}): leave out --device, or use --device cpu."
            )
        return "cuda", f"asked for with --device ({torch.cuda.get_device_name(0)})"
    if name == "mps":
        if not mps:
            raise DeviceError("There is no Apple GPU (MPS) here: leave out --device, or use --device cpu.")
        return "mps", "asked for with --device"
    if name != "auto":
        raise DeviceError(f"There is no device called '{name}': use auto, cpu, cuda or mps.")
    if cuda:
        return "cuda", f"a CUDA GPU is there ({torch.cuda.get_device_name(0)})"
    if mps:
        return "mps", "an Apple GPU is there"
    return "cpu", "no GPU is there"


def _has_driver() -> bool:
    """Whether a GPU may answer: PyTorch knows, but its import may take longer than all gaps."""
    if sys.platform == "darwin" or Path("/dev/kfd").exists():  # Apple's and AMD's
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
