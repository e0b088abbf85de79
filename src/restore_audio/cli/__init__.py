"""The command line: parse, call, exit. One module for each command or group of commands."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # as in the package itself: until main() runs, Ctrl-C shows Python's traceback
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = b"restore-audio: interrupted; nothing half-written was left behind.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; see :func:`restore_audio.cli.app.main`.

    Args:
        arguments: instead of those the process was called with.
    """
    if arguments is None:
        try:  # noqa: SIM105 (importing contextlib would come before the handler)
            signal.signal(signal.SIGINT, _end_at_once)  # nothing is written while modules are imported
        except ValueError:
            pass  # only the main thread may set handlers
    from .app import main as run

    try:
        return run(arguments)
    except KeyboardInterrupt:  # between two steps that look after it themselves
        if arguments is not None:
            raise
        _end_at_once(signal.SIGINT, None)
        return 130


def _end_at_once(number: int, frame: object) -> None:  # noqa: ARG001
    try:  # noqa: SIM105
        os.write(2, _INTERRUPTED)
    except OSError:
        pass  # the reader has ended
    os._exit(130)
