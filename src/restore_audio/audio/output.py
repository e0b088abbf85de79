"""Write beside the target and rename: a target is whole or as it was, whatever happens.

In: target paths. Out: temporary paths in the same folders; they take the targets' places when the block
ends, all of them or none, and are gone when the block fails, also by Ctrl-C or a full disk.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import OutputError
from ..files import Together, shortened


@dataclass(frozen=True)
class Results:
    """The files that come of one recording, which appear together.

    Attributes:
        overwrite: they may replace files that are there.
        source: what they are made from; never replaced.
        preserve: give the restored recording the mode and time of change of its source.
    """

    overwrite: bool = False
    source: Path | None = None
    preserve: bool = False
    _files: Together = field(default_factory=Together)

    def add(self, target: Path, *, like_source: bool = False) -> Path:
        """A temporary path that will be ``target``.

        Raises:
            OutputError: it is there already, is the source, or its folder cannot be written.
        """
        check_target(target, overwrite=self.overwrite, source=self.source)
        like = self.source if like_source and self.preserve else None
        try:
            return self._files.add(target, replace=self.overwrite, like=like)
        except OSError as error:
            raise OutputError(_sentence(target, error)) from None

    def pending(self) -> dict[Path, Path]:
        """Each target, and where it can be read now."""
        return self._files.pending()

    def path_of(self, target: Path) -> Path:
        """Where ``target`` can be read now."""
        return self._files.path_of(target)


def make_folder(folder: Path, *, option: str = "-o") -> None:
    """Make a folder, and those above it, if it is not there.

    Args:
        option: of the command line, which names another one.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made ({error.strerror}): choose another with {option}."
        ) from None


@contextmanager
def results(
    *, overwrite: bool = False, source: Path | None = None, preserve: bool = False
) -> Iterator[Results]:
    """Files that appear together when the block ends well.

    Raises:
        OutputError: they cannot be written; then all is as it was.
    """
    made = Results(overwrite, source, preserve)
    try:
        yield made
    except BaseException:
        made._files.discard()
        raise
    try:
        made._files.commit()
    except OSError as error:
        raise OutputError(_sentence(Path(error.filename2 or error.filename or "The result"), error)) from None


@contextmanager
def beside(
    target: Path, *, overwrite: bool = False, source: Path | None = None, within: Results | None = None
) -> Iterator[Path]:
    """A temporary path beside ``target``, renamed to it at the end, or with all others of ``within``.

    Args:
        overwrite: replace it if it is there.
        source: what it is made from; never replaced.
        within: the group that it belongs to, whose ``overwrite`` and ``source`` count.

    Raises:
        OutputError: it is there already, is the source, or its folder cannot be written.
    """
    try:
        if within is not None:
            yield within.add(target, like_source=source is not None)
        else:
            with results(overwrite=overwrite, source=source) as alone:
                yield alone.add(target)
    except OSError as error:
        raise OutputError(_sentence(target, error)) from None


def check_target(target: Path, *, overwrite: bool, source: Path | None = None) -> None:
    """Refuse a target that must not be written, before any work is done.

    Raises:
        OutputError: it is there already, is a folder, is the source, or its folder is missing.
    """
    if "\0" in str(target):
        raise OutputError("The name of an output holds a NUL character, which no file can have: correct it.")
    try:
        _check_place(target, overwrite=overwrite, source=source)
    except OSError as error:
        raise OutputError(_sentence(target, error)) from None


def _check_place(target: Path, *, overwrite: bool, source: Path | None) -> None:
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
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):
        return f"{shortened(target)} cannot be written (no file can have that name): give a shorter one."
    if error.errno == errno.EEXIST:
        return f"{target} is already there: use --overwrite to replace it, or name another output."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = "its disk can only be read" if error.errno == errno.EROFS else "no permission"
        return f"{target} cannot be written ({why}): choose a folder that you may write to."
    return f"{target} cannot be written ({error.strerror or error}): choose another output."
