"""Files that are there whole or not at all: written beside their place, renamed when finished."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` when the block ends well and is deleted when not.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with beside(folder / "list.txt") as part:
    ...     _ = part.write_text("all of it")
    ...     (folder / "list.txt").exists()
    False
    >>> [path.name for path in folder.iterdir()]
    ['list.txt']
    """
    part = target.with_name(target.name + ".part")
    try:
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(target)
