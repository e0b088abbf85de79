"""Temporary files and folders, and what killed processes left of theirs.

In: folders. Out: temporary files that are locked by their process as long as it lives, so that those of
killed processes are told from those of others; renames that were begun are finished, the rest is removed.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .interrupts import unbroken

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be deleted: that is the lock
    fcntl = None  # type: ignore[assignment]

PREFIX = ".restore-audio-"
"""What the names of temporary files begin with."""

RECORD, POINTER, OLD = ".together", ".elsewhere", ".old"
"""What they end with: all renames of a group, where that is, a file that a rename will replace."""

_YOUNG_S = 5.0
"""A file without a lock may be one that its process is about to lock."""


def locked(path: Path) -> int:
    """A new file, locked until its descriptor is closed, which a killed process does too."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks: its left-overs stay
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """No other process is in such a block with the same file, if the file system knows locks."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # the system does so too when a process ends, however it ends


_swept: set[str] = set()


def sweep(folder: Path, *, again: bool = False) -> None:
    """Finish what killed processes began to rename in a folder, and remove what else they left.

    Args:
        folder: where; a folder that cannot be read is left alone.
        again: also if this process has done it before.
    """
    key = str(folder.absolute())
    if key in _swept and not again:
        return
    _swept.add(key)
    try:
        names = [path.name for path in folder.iterdir() if path.name.startswith(PREFIX)]
    except OSError:
        return
    for name in sorted(names, key=lambda name: not name.endswith((RECORD, POINTER))):
        path = folder / name
        with suppress(OSError), unbroken():
            if not stat.S_ISREG(path.lstat().st_mode) or not _abandoned(path):
                continue
            if name.endswith(RECORD):
                _go_on(path)
            elif name.endswith(POINTER):
                record = folder / str(_told(path).get("record", ""))
                if record.name.endswith(RECORD) and record.is_file() and _abandoned(record):
                    _go_on(record)
            path.unlink(missing_ok=True)


def _go_on(record: Path) -> None:
    """Do what is left of the renames of a record. It can only name temporary files of its own process."""
    token = record.name.removesuffix(RECORD)
    try:
        renames = _told(record)["renames"]
        wanted = [(record.parent / str(a), record.parent / str(b), bool(c)) for a, b, c in renames]
    except (ValueError, KeyError, TypeError):
        wanted = []
    for path, target, replace in wanted:
        with suppress(ValueError):  # names that cannot be
            its_own = path.name.startswith(f"{token}-") and path.parent == target.parent and path.is_file()
            if its_own and (replace or not target.exists()):
                path.replace(target)
    record.unlink(missing_ok=True)


def _told(path: Path) -> dict[str, Any]:
    """What a record or a pointer says; nothing where it says nothing that we can read."""
    try:
        content = json.loads(path.read_text("ascii"))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _abandoned(path: Path, name: str | None = None) -> bool:
    """Whether the process that made a temporary file has ended; its number is in the name."""
    handle = os.open(path, os.O_RDWR)
    try:
        if fcntl is None:
            return True  # its process has it open, so that it could not be removed
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        age_s = time.time() - os.fstat(handle).st_ctime
        return age_s > _YOUNG_S or not _lives(name or path.name)
    finally:
        os.close(handle)


def _lives(name: str) -> bool:
    number = name.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(number), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except OSError:
        return True
    return True


@contextmanager
def scratch(place: Path | None = None) -> Iterator[Path]:
    """A folder for what is needed only now; those of killed processes are removed first.

    Args:
        place: where it is made; None for the system's place for temporary files.
    """
    place = Path(tempfile.gettempdir()) if place is None else place
    for left in place.glob(f"{PREFIX[1:]}*"):
        with suppress(OSError):
            owner = getattr(os, "getuid", int)()
            ours = left.is_dir() and not left.is_symlink() and left.stat().st_uid == owner
            if ours and (left / "lock").is_file() and _abandoned(left / "lock", f".{left.name}"):
                shutil.rmtree(left, ignore_errors=True)
    with unbroken():
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX[1:]}{os.getpid()}-", dir=place))
        lock = locked(folder / "lock")
    try:
        yield folder
    finally:
        with unbroken():
            os.close(lock)
            shutil.rmtree(folder, ignore_errors=True)
