"""The index of a folder of listening reports.

In: a folder. Out: ``index.html`` in it, which lists the pages that are there, most repairs first. It is read
from the pages themselves, so that runs that were stopped, or shared out, end with one index of all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from ..errors import OutputError
from ..files import numbers_only
from .document import document
from .report import write_bytes

NAME = "index.html"

_MARK = '<meta name="generator" content="restore-audio index">'
_SUMMARY = re.compile(r'<script type="application/json" id="summary">(.*?)</script>', re.DOTALL)
_HEAD_BYTES = 1 << 14
"""Within the first bytes of a page its summary is found."""

_COLUMNS = ("recording", "seconds", "found", "repaired", "replaced, s", "loudest removed, dBFS")


@dataclass(frozen=True)
class _Row:
    """A page, by its path below the folder, and what it says of its recording."""

    place: str
    name: str
    seconds: float
    found: int
    filled: int
    replaced_s: float
    loudest_db: float | None


def check_index(folder: Path, *, overwrite: bool) -> Path:
    """The index of a folder, which may be written: it is not there, or an earlier one.

    Raises:
        OutputError: something else has its name.
    """
    path = folder / NAME
    if path.exists() and not overwrite and _MARK not in _head(path):
        raise OutputError(
            f"{path} is there already and no index of ours: use --overwrite, or name another folder."
        )
    return path


def write_index(folder: Path) -> None:
    """List the pages below a folder; run again, it lists what is there then.

    Raises:
        OutputError: it cannot be written.
    """
    rows = sorted(_rows(folder), key=lambda row: (-row.filled, -row.found, row.place))
    filled, touched = sum(row.filled for row in rows), sum(row.filled > 0 for row in rows)
    replaced_s = sum(row.replaced_s for row in rows)
    lead = (
        f"{len(rows)} recordings; {filled} repairs in {touched} of them replaced {replaced_s:.3f} s of sound."
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in _COLUMNS)
    body = (
        f'<header><h1>What restore-audio did</h1><p class="lead">{lead}</p></header>'
        f'<main><div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_cells, rows))}</tbody></table>"
        "</div></main>"
    )
    write_bytes(
        folder / NAME,
        document("What restore-audio did", body, head=_MARK).encode("utf-8", "backslashreplace"),
    )


def _cells(row: _Row) -> str:
    loudest = "–" if row.loudest_db is None else f"{row.loudest_db:.0f}".replace("-", "−")
    numbers = (f"{row.seconds:.1f}", f"{row.found}", f"{row.filled}", f"{row.replaced_s:.3f}", loudest)
    link = f'<a href="{escape(quote(os.fsencode(row.place)), quote=True)}">{escape(row.name)}</a>'
    return f"<tr><td>{link}</td>{''.join(f'<td>{number}</td>' for number in numbers)}</tr>"


def _rows(folder: Path) -> Iterator[_Row]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(where, name)
            found = _SUMMARY.search(_head(path)) if path.suffix == ".html" else None
            if found and (row := _row(found.group(1), path.relative_to(folder).as_posix())):
                yield row


def _row(text: str, place: str) -> _Row | None:
    """What a page says of itself; None if it is not one of ours."""
    try:
        row = numbers_only(text)
        loudest_db = None if row["loudest_db"] is None else float(row["loudest_db"])
        found, filled = int(row["found"]), int(row["filled"])
        return _Row(
            place,
            str(row["name"]),
            float(row["seconds"]),
            found,
            filled,
            float(row["replaced_s"]),
            loudest_db,
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
