"""The manifest of a collection: which recordings there are, how long, and the sum of each one's bytes.

In: paths. Out: :class:`Entry` rows, as CSV and, with pyarrow, as Parquet. A scan writes down each file as
soon as it is summed, and takes up again what an interrupted one, or an earlier manifest, knows of unchanged
files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError, RestoreError, UsageError
from ..files import beside, sum_of

NAME = "manifest.csv"
LOCK = ".lock"
"""File that a process of an archive holds while it writes what all share."""

_LONGEST_S = 1e9
"""Of a recording: thirty years."""

_SCAN = "manifest.scan.jsonl"
"""What an interrupted scan has found; gone when the manifest is there."""


@dataclass(frozen=True)
class Entry:
    """A recording of a collection.

    Attributes:
        path: absolute.
        place: its path in the archive, with ``/``.
        size_bytes: of the file.
        modified_ns: its time of change, in ns since 1970.
        duration_s: None if it does not open as a recording.
        sha256: hexadecimal, of all its bytes; empty if they cannot be read.
    """

    path: str
    place: str
    size_bytes: int
    modified_ns: int
    duration_s: float | None
    sha256: str


def scan(
    sources: Sequence[tuple[Path, str]],
    folder: Path,
    *,
    threads: int = 1,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Entry]:
    """Look at every recording and write the manifest of an archive.

    Args:
        sources: path and place of each.
        threads: files that are summed at a time.

    Raises:
        OutputError: it cannot be written.
    """
    journal = folder / _SCAN
    known = {entry.path: entry for entry in _known(folder / NAME, journal)}
    entries: list[Entry] = []
    try:
        with journal.open("a", encoding="ascii") as file, ThreadPoolExecutor(threads) as pool:
            for entry in pool.map(lambda source: _look(source[0], source[1], known), sources):
                entries.append(entry)
                if known.get(entry.path) != entry:
                    file.write(json.dumps(asdict(entry)) + "\n")
                    file.flush()
                progress(len(entries))
        write(folder / NAME, [asdict(entry) for entry in entries], entry_columns())
        journal.unlink()
    except OSError as error:
        raise OutputError(
            f"The manifest in {folder} cannot be written ({error.strerror}): free space, then run it again."
        ) from None
    return entries


def _look(path: Path, place: str, known: dict[str, Entry]) -> Entry:
    from ..audio.audiofile import probe

    name, size_bytes, modified_ns = str(path.absolute()), 0, 0
    try:
        state = path.stat()
        size_bytes, modified_ns = state.st_size, state.st_mtime_ns
        before = known.get(name)
        if before is not None and (before.size_bytes, before.modified_ns) == (size_bytes, modified_ns):
            return Entry(name, place, size_bytes, modified_ns, before.duration_s, before.sha256)
        digest = sum_of(path)
    except OSError:  # working on it says why
        return Entry(name, place, size_bytes, modified_ns, None, "")
    duration_s = None
    with suppress(RestoreError):
        duration_s = round(probe(path).seconds, 6)
    return Entry(name, place, size_bytes, modified_ns, duration_s, digest)


def _known(manifest: Path, journal: Path) -> Iterator[Entry]:
    """What earlier scans found: of a line that a killed one did not finish, nothing."""
    if manifest.exists():
        yield from read(manifest)
    with suppress(OSError):
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with journal.open("rb+") as file:
                file.truncate(len(whole))
        for line in whole.splitlines():
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                yield _entry({name: _cell(value) for name, value in json.loads(line).items()})


def _cell(value: object) -> str:
    """A value as a table has it."""
    return "" if value is None else str(value)


def read(path: Path) -> list[Entry]:
    """The entries of a manifest.

    Raises:
        InputError: it is not there, or is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_entry(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise InputError(
            f"The manifest {path} cannot be read ({error.strerror}): make it by naming the sources."
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error):
        raise InputError(
            f"{path} is no manifest of restore-audio: delete it and name the sources again."
        ) from None


def _entry(row: dict[str, str]) -> Entry:
    path, place = row["path"], Path(row["place"])
    if not path or "\0" in path:
        raise ValueError("no recording")
    if not place.name or place.is_absolute() or ".." in place.parts or place.as_posix() != row["place"]:
        raise ValueError("leads out of the archive")
    if "\0" in row["place"]:
        raise ValueError("no name of a file")
    numbers = int(row["size_bytes"]), int(row["modified_ns"])
    duration_s = float(row["duration_s"]) if row["duration_s"] else None
    if not all(abs(number) < 1 << 63 for number in numbers) or not 0 <= (duration_s or 0.0) < _LONGEST_S:
        raise ValueError("beyond measure")
    return Entry(path, row["place"], *numbers, duration_s, row["sha256"])


def entry_columns() -> dict[str, type]:
    """Names and types of a manifest's columns."""
    kinds = {"int": int, "float | None": float, "str": str}
    return {field.name: kinds[str(field.type)] for field in fields(Entry)}


def write(path: Path, rows: Sequence[dict[str, Any]], columns: dict[str, type]) -> None:
    """Write a table as CSV and, where pyarrow is installed, as Parquet beside it.

    Args:
        rows: of plain values; None is an empty cell.

    Raises:
        OSError: it cannot be written.
    """
    with beside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    with suppress(UsageError):
        write_parquet(path.with_suffix(".parquet"), rows, columns)


def write_parquet(path: Path, rows: Sequence[dict[str, Any]], columns: dict[str, type]) -> None:
    """Write a table as Parquet.

    Raises:
        OSError: it cannot be written.
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install pyarrow.") from None
    types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    with beside(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema), temporary)
