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

__version__ = "0.1.0"

TYPE_CHECKING = False  # importing ``typing`` takes longer than all the rest of this module
if TYPE_CHECKING:
    from typing import Any

    from .api import detect, restore, restore_file
    from .outcomes import Report, Restoration
    from .pipeline import Restorer
    from .settings import DetectSettings, FillSettings
    from .spans import Span

__all__ = [
    "DetectSettings",
    "FillSettings",
    "Report",
    "Restoration",
    "Restorer",
    "Span",
    "__version__",
    "detect",
    "restore",
    "restore_file",
]

_HOMES = {
    "DetectSettings": ".settings",
    "FillSettings": ".settings",
    "Span": ".spans",
    "Restorer": ".pipeline",
    **dict.fromkeys(("Report", "Restoration"), ".outcomes"),
    **dict.fromkeys(("detect", "restore", "restore_file"), ".api"),
}


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that ``restore-audio --help`` stays fast (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
