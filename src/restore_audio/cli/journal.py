"""The journal of a long run: what is done, and what was about to appear when the run was killed.

In: a file of JSON lines. Out: which jobs need not be done again.

``{"done": KEY}`` is written after a recording is told to be done, where KEY is its path, size and time of
change; ``{"making": KEY, "files": {PATH: SHA-256}}`` just before its files appear. After a run that was
killed between the two, the next finds the files there with those sums, and knows them for its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..files import sum_of
from .jobs import Job


class Journal:
    """A file with the recordings that are done, so that a long run can be taken up again.

    A recording that has changed since counts as new. A last line that a killed run did not finish is cut off.

    Raises:
        InputError: the file is no journal, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._done: set[str] = set()
        self._making: dict[str, dict[str, str]] = {}
        try:
            content = path.read_bytes() if path.exists() else b""
            whole, _, cut = content.rpartition(b"\n")
            lines = whole.splitlines()
            for line in lines:
                self._take(json.loads(line))
            if cut:
                if not lines and not cut.startswith(b'{"'):
                    raise ValueError("not begun by us")
                with path.open("rb+") as file:
                    file.truncate(len(content) - len(cut))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(
                f"{path} is no journal of restore-audio: give another file to --journal."
            ) from None

    def _take(self, line: Any) -> None:
        if "done" in line:
            self._done.add(json.dumps(line["done"]))
        else:
            self._making[json.dumps(line["making"])] = dict(line["files"])

    def holds(self, job: Job) -> bool:
        """Whether the job was done in this run or an earlier one, and its result is still there."""
        if job.target is None or not job.target.exists():
            return False
        key = _key(job)
        if key is None:
            return False
        if json.dumps(key) in self._done:
            return True
        files = self._making.get(json.dumps(key), {})
        if str(job.target.absolute()) not in files or not all(map(_has_sum, files, files.values())):
            return False
        self.add(job)
        return True

    def add(self, job: Job) -> None:
        """Remember a job that is done, at once."""
        key = _key(job)
        if key is not None:
            self._done.add(json.dumps(key))
            _append(self.path, {"done": key})


def note_making(path: Path, job: Job, files: dict[Path, Path]) -> None:
    """Write down what is about to appear.

    Args:
        files: each result, and where it lies now.

    Raises:
        OutputError: the journal cannot be written.
    """
    sums = {str(target.absolute()): sum_of(now) for target, now in files.items()}
    _append(path, {"making": _key(job), "files": sums})


def _has_sum(path: str, wanted: object) -> bool:
    try:
        return sum_of(Path(path)) == wanted
    except (OSError, ValueError):
        return False


def _key(job: Job) -> list[str | int] | None:
    try:
        state = job.source.stat()
    except OSError:
        return None
    return [str(job.source.resolve()), state.st_size, state.st_mtime_ns]


def _append(path: Path, line: dict[str, Any]) -> None:
    try:
        with path.open("ab", buffering=0) as file:  # one write: processes append to the same file
            file.write((json.dumps(line) + "\n").encode("ascii"))
    except OSError as error:
        raise OutputError(
            f"The journal {path} cannot be written ({error.strerror}): free space, or check its permissions."
        ) from None
