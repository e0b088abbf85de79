"""Write beside the target and rename: a target is whole or as it was, whatever happens.

In: a target path. Out: a temporary path in the same folder; it takes the target's place when the block
ends, and is gone when the block fails, also by Ctrl-C or a full disk.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError
from ..files import beside as renamed_to


@contextmanager
def beside(target: Path, *, overwrite: bool = False, source: Path | None = None) -> Iterator[Path]:
    """A temporary path beside ``target``, renamed to it at the end.

    Args:
        target: what will be written.
        overwrite: replace it if it is there.
        source: what it is made from; never replaced.

    Raises:
        OutputError: it is there already, is the source, or its folder cannot be written.
    """
    check_target(target, overwrite=overwrite, source=source)
    try:
        with renamed_to(target) as temporary:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(_sentence(target, error)) from None


def check_target(target: Path, *, overwrite: bool, source: Path | None = None) -> None:
    """Refuse a target that must not be written, before any work is done.

    Raises:
        OutputError: it is there already, is a folder, is the source, or its folder is missing.
    """
    if target.is_dir():
        raise OutputError(f"{target} is a folder: name a file in it.")
    if source is not None and target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the recording itself, which is never replaced: name another output.")
    if target.exists() and not overwrite:
        raise OutputError(
            f"{target} is already there: use --overwrite to replace it, or name another output."
        )
    if not target.parent.is_dir():
        raise OutputError(f"The folder {target.parent} for {target.name} is not there: make it first.")


def _sentence(target: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {target} was not written; free some space or choose another folder."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{target} cannot be written (no permission): choose a folder that you may write to."
    return f"{target} cannot be written ({error.strerror or error}): choose another output."
