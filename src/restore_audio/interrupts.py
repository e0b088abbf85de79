"""Ctrl-C and the signals that end a process: at once, except inside of a step that must not be cut in two.

In: signals. Out: ``KeyboardInterrupt`` or ``SystemExit`` where the work stands, or after the step.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _State:
    """Which signal was heard, whether we listen at all, and how many steps are under way."""

    heard: int | None = None
    listening = False
    steps = 0


def listen() -> dict[int, Any]:
    """From now on signals are heard here; for the main thread of a process that is ours.

    Returns:
        What :func:`restore` wants.
    """
    before: dict[int, Any] = {}
    _State.heard, _State.listening, _State.steps = None, True, 0
    for number in _SIGNALS:
        with suppress(ValueError):  # only the main thread may set handlers
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                before[number] = signal.signal(number, _hear)
    return before


def restore(before: dict[int, Any]) -> None:
    """Undo :func:`listen`."""
    _State.heard, _State.listening, _State.steps = None, False, 0
    for number, handler in before.items():
        signal.signal(number, handler)


def stop_listening() -> None:
    """Signals change nothing any more: all is done and only the exit code is left."""
    _State.listening = False
    for number in _SIGNALS:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def heard() -> int | None:
    """The signal that was heard, if any: libraries turn the exception that it raises into others."""
    return _State.heard


def forget() -> None:
    """What was heard has been answered: the program goes on to its end as it would have."""
    _State.heard = None


def check() -> None:
    """Raise what was heard, if nothing has: an exception inside a destructor is lost.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        SystemExit: another signal ends the process.
    """
    if _State.heard is not None and not _State.steps:
        raise _exception(_State.heard)


def hold() -> None:
    """Begin a step that signals wait for."""
    _State.steps += 1


def release_all() -> None:
    """End all steps; what was heard meanwhile is raised now.

    Raises:
        KeyboardInterrupt, SystemExit: as :func:`check`.
    """
    _State.steps = 0
    check()


@contextmanager
def unbroken() -> Iterator[None]:
    """A step that is done to its end once it has begun; in whichever program it is run."""
    before: dict[int, Any] = {}
    if not _State.listening:
        _State.heard = None
        for number in _SIGNALS:
            if callable(signal.getsignal(number)) or signal.getsignal(number) is signal.SIG_DFL:
                with suppress(ValueError):
                    before[number] = signal.signal(number, _hear)
    hold()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _State.steps = max(_State.steps - 1, 0)
        if not before:
            check()
        elif _State.heard is not None:
            number, _State.heard = _State.heard, None
            signal.raise_signal(number)


def _hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    first = _State.heard is None
    _State.heard = number if first else _State.heard
    if first and not _State.steps:  # the second is not heard: terminal and parent may both send one
        raise _exception(number)


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
