"""Files that are there whole or not at all: written beside their place, renamed when finished.

The one mechanism under everything that writes a file. What a failure means to a person is said by the
callers: :mod:`restore_audio.audio.output` for results, the modules of ``data`` and ``train`` for their own.

Several files can appear together: before the first is renamed, a record of all of them is written, so that
:mod:`restore_audio.leftovers` can finish what a killed process began.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .interrupts import unbroken
from .leftovers import OLD, POINTER, PREFIX, RECORD, locked, sweep

_LONGEST_SUFFIX = 16


@dataclass
class _Part:
    """A file on its way: ``path`` becomes ``target``."""

    path: Path
    target: Path
    lock: int
    replace: bool
    like: Path | None
    old: Path | None = None
    done: bool = False


class Together:
    """Files that appear together or not at all, when the block ends well.

    Args:
        durable: they are on the disk before they appear; always so for more than one.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Together() as results:
    ...     for name in ("one.txt", "two.txt"):
    ...         _ = results.add(folder / name).write_text(name)
    ...     (folder / "one.txt").exists()
    False
    >>> sorted(path.name for path in folder.iterdir())
    ['one.txt', 'two.txt']
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._parts: list[_Part] = []
        self._durable = durable
        self._token = f"{os.getpid()}-{secrets.token_hex(4)}"

    def add(self, target: Path, *, replace: bool = True, like: Path | None = None) -> Path:
        """An empty file beside ``target``, with its suffix, that will take its place.

        Args:
            replace: take the place of a file that is there by then; else that is an error.
            like: a file whose mode and time of change it gets.

        Raises:
            OSError: the folder cannot be written.
        """
        sweep(target.parent)
        suffix = target.suffix if len(target.suffix) <= _LONGEST_SUFFIX else ""
        path = target.parent / f"{PREFIX}{self._token}-{len(self._parts)}{suffix}"
        with unbroken():
            self._parts.append(_Part(path, target, locked(path), replace, like))
        return path

    def path_of(self, target: Path) -> Path:
        """Where the file that will be ``target`` is now; ``target`` itself if it was not added."""
        return next((part.path for part in self._parts if part.target == target), target)

    def pending(self) -> dict[Path, Path]:
        """Each target, and where it is now."""
        return {part.target: part.path for part in self._parts}

    def commit(self) -> None:
        """Let all of them appear.

        Raises:
            OSError: they cannot; then all is as it was.
        """
        with unbroken():
            try:
                self._appear()
            finally:
                self.discard()

    def _appear(self) -> None:
        several = len(self._parts) > 1
        for part in self._parts:
            _finish(part, durable=self._durable or several)
        records = self._write_records() if several else []
        try:
            for part in self._parts:
                _appear(part, keep_old=several)
        except OSError:
            for part in reversed(self._parts):
                _disappear(part)
            raise
        finally:
            for path, lock in records:
                os.close(lock)
                path.unlink(missing_ok=True)

    def _write_records(self) -> list[tuple[Path, int]]:
        """The record of all renames, and in every other folder where to find it; the record comes last."""
        folders = list(dict.fromkeys(part.target.parent.absolute() for part in self._parts))
        record = folders[0] / f"{PREFIX}{self._token}{RECORD}"
        renames = [
            [_relative(part.path, folders[0]), _relative(part.target, folders[0]), part.replace]
            for part in self._parts
        ]
        written: list[tuple[Path, int]] = []
        try:
            for folder in folders[1:]:
                path = folder / f"{PREFIX}{self._token}{POINTER}"
                written.append((path, _written(path, {"record": _relative(record, folder)})))
            # Last in, first out: pointers go before the record does.
            written.append((record, _written(record, {"renames": renames})))
        except OSError:
            for path, lock in written:
                os.close(lock)
                path.unlink(missing_ok=True)
            raise
        return written

    def discard(self) -> None:
        """Remove what has not appeared."""
        with unbroken():
            for part in self._parts:
                with suppress(OSError):
                    os.close(part.lock)
                for path in (part.path, part.old):
                    if path is not None:
                        path.unlink(missing_ok=True)
            self._parts = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


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
    with Together(durable=False) as one:
        yield one.add(target)


def sum_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
        OSError: it cannot be read, or is something that has no end, as a device or a pipe.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shortened(path: str | Path) -> str:
    """A path for a sentence, however long."""
    text = str(path).replace("\0", "\\0")
    return text if len(text) < 200 else f"{text[:100]}…{text[-40:]}"


def numbers_only(text: str) -> Any:
    """What a JSON text holds, in which every number is one: it can be written again.

    Raises:
        ValueError: it is no JSON, or has NaN, an infinity, or a number so large that it becomes one.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no number")
    return number


def _written(path: Path, content: dict[str, object]) -> int:
    """A small file that appears whole, and its lock."""
    part = path.with_name(path.name + ".part")
    lock = locked(part)
    try:
        os.write(lock, json.dumps(content).encode("ascii"))
        os.fsync(lock)
        part.replace(path)
    except OSError:
        os.close(lock)
        part.unlink(missing_ok=True)
        raise
    return lock


def _relative(path: Path, folder: Path) -> str:
    try:
        return os.path.relpath(path.absolute(), folder)
    except ValueError:  # another drive
        return str(path.absolute())


def _finish(part: _Part, *, durable: bool) -> None:
    """Mode, times and, if wanted, down to the disk."""
    if durable:
        with part.path.open("rb+") as file:
            os.fsync(file.fileno())
    if part.like is not None and part.like.exists():
        state = part.like.stat()
        with suppress(OSError):  # file systems without permissions or times refuse this
            os.utime(part.path, ns=(state.st_atime_ns, state.st_mtime_ns))
        with suppress(OSError):
            part.path.chmod(stat.S_IMODE(state.st_mode) & 0o777)
    else:
        with suppress(OSError):
            part.path.chmod(_mode_of_new_files())


def _appear(part: _Part, *, keep_old: bool) -> None:
    if os.name == "nt":
        os.close(part.lock)
    if not part.replace:
        try:
            os.link(part.path, part.target)  # which fails where a file has come up meanwhile
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if part.target.exists():
                raise FileExistsError(17, "is there already", str(part.target)) from None
            part.path.replace(part.target)
    else:
        if keep_old and part.target.exists():
            old = part.path.with_name(part.path.name + OLD)
            with suppress(OSError):
                os.link(part.target, old, follow_symlinks=False)
                part.old = old
        part.path.replace(part.target)
    part.done = True


def _disappear(part: _Part) -> None:
    """Undo :func:`_appear`."""
    if not part.done:
        return
    if part.old is not None:
        part.old.replace(part.target)
    elif not part.replace:
        part.target.unlink(missing_ok=True)


def _mode_of_new_files() -> int:
    """What ``open`` would give a new file; ``mkstemp`` and safetensors give 0600."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
