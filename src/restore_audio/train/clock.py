"""When a training does something next, and when it is asked to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Clock:
    """Minutes since it was made or restarted."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Count from now."""
        self._since = time.monotonic()

    def minutes(self) -> float:
        """Minutes counted."""
        return (time.monotonic() - self._since) / 60


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the loop after the running step, so that the checkpoint is whole.

    Yields a function that says whether one of them came.
    """
    asked: list[int] = []
    old: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            old[number] = signal.signal(number, lambda n, _: asked.append(n))
    except ValueError:
        pass  # only the main thread may set handlers; elsewhere the budget ends the loop
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
