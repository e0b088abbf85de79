"""Find the holes in a recording and fill them, leaving every healthy sample as it was.

The same letters everywhere:

====== ==================================================
``C``  channels
``T``  samples
``N``  patches
``K``  frames of a spectrogram (4 ms apart)
``F``  bins of a spectrogram (62.5 Hz apart)
====== ==================================================

Audio is ``(C, T)``, float64 in [-1, 1]; a spectrogram is ``(..., F, K)``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .restore.detect import detect
    from .restore.pipeline import restore, restore_file

__all__ = ["__version__", "detect", "restore", "restore_file"]


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that ``restore-audio --help`` stays fast (PEP 562)."""
    if name == "detect":
        from .restore.detect import detect

        return detect
    if name == "restore_file":
        from .restore.pipeline import restore_file

        return restore_file
    if name == "restore":
        return importlib.import_module(".restore", __name__)  # callable: see there
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
