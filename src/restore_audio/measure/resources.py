"""How long something takes and how much memory it needs at most.

>>> with Meter() as meter:
...     _ = sum(range(1000))
>>> meter.seconds > 0
True
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

_RESET = Path("/proc/self/clear_refs")


class Meter:
    """Measures what happens inside of its ``with``.

    ``seconds`` is wall clock. ``peak_mb`` is the largest resident size of the process meanwhile, in MB of
    1024² bytes; None where the system cannot start counting anew (it can on Linux).
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.peak_mb: float | None = None
        self._began = 0.0
        self._counts = False

    def __enter__(self) -> Meter:
        self._counts = _reset_peak()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        self.peak_mb = peak_of_process("self") if self._counts else None


def _reset_peak() -> bool:
    try:
        _RESET.write_text("5")  # 5 resets the high-water mark: man 5 proc
    except OSError:
        return False
    return True


def peak_of_process(number: int | str) -> float | None:
    """Largest resident size so far of a process, MB; None if it is gone or the system does not tell."""
    try:
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)
