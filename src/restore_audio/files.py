"""Files that are there whole or not at all: written beside their place, renamed when finished.

The one mechanism under everything that writes a file. What a failure means to a person is said by the
callers: :mod:`restore_audio.audio.output` for results, the modules of ``data`` and ``train`` for their own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """An empty file beside ``target``, with its suffix; it takes its place when the block ends well.

    It is deleted when the block fails, also by Ctrl-C. Several processes may write the same target: each
    has a file of its own, and the last to finish stays.

    Raises:
        OSError: the folder cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with beside(folder / "list.txt") as part:
    ...     _ = part.write_text("all of it")
    ...     (folder / "list.txt").exists()
    False
    >>> [path.name for path in folder.iterdir()]
    ['list.txt']
    """
    # A short name of its own, since the target's may be as long as names can be.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".restore-audio-", suffix=target.suffix)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with suppress(OSError):  # file systems without permissions refuse this
            part.chmod(_mode_of_new_files())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _mode_of_new_files() -> int:
    """What ``open`` would give a new file; ``mkstemp`` and safetensors give 0600."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
