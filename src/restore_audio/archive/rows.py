"""What became of each recording of an archive: one row, kept with its report, and tables of all.

In: reports. Out: :class:`Row`, files in the archive's folders, ``table.csv`` and ``table.parquet``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..files import numbers_only
from ..spans import KINDS, Span
from .manifest import Entry, write

if TYPE_CHECKING:
    from ..outcomes import Report

RECORDINGS, REPORTS, SURVEYS, FAILURES = "recordings", "reports", "surveys", "failures"
"""Folders of an archive. What they hold of a recording counts in the order reports, failures, surveys."""

RESTORED, UNCHANGED, SURVEYED, FAILED, PENDING = "restored", "unchanged", "surveyed", "failed", "pending"

_MODES = {1: "mono", 2: "stereo"}
_BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}

_MOST = 1 << 63
"""Numbers of a table are smaller."""

_KEY = "archive"
"""Where a report holds its row."""


@dataclass(frozen=True)
class Row:
    """One recording of an archive; times in seconds, None where nothing is known.

    Attributes:
        place: its path in the archive.
        source: the original.
        state: ``restored``, ``unchanged`` (no damage was filled), ``surveyed``, ``failed`` or ``pending``.
        duration_s, rate_hz, channels, format, subtype: what it is.
        damaged_s, repaired_s: time in which a channel at least is damaged, or was repaired.
        worst_kind, worst_start_s, worst_s: the longest span.
        lufs_before, lufs_after, peak_before_dbtp, peak_after_dbtp: loudness and true peak.
        sha256_source, sha256_target, target_bytes: sums and size of the files.
        history: a line was added to its coding history.
        version, settings: of the tool that did it.
        elapsed_s: how long that took.
        report: the file with all spans, within the archive.
    """

    place: str
    source: str
    state: str
    error: str | None = None
    duration_s: float | None = None
    rate_hz: int | None = None
    channels: int | None = None
    format: str | None = None
    subtype: str | None = None
    found: int | None = None
    filled: int | None = None
    damaged_s: float | None = None
    repaired_s: float | None = None
    worst_kind: str | None = None
    worst_start_s: float | None = None
    worst_s: float | None = None
    lufs_before: float | None = None
    lufs_after: float | None = None
    peak_before_dbtp: float | None = None
    peak_after_dbtp: float | None = None
    sha256_source: str | None = None
    sha256_target: str | None = None
    target_bytes: int | None = None
    history: bool | None = None
    version: str | None = None
    settings: str | None = None
    elapsed_s: float | None = None
    report: str | None = None
    kinds: dict[str, int] = field(default_factory=dict)

    def fits(self) -> bool:
        """Whether its values are of the kinds that a table takes, which a file need not hold."""
        kinds = columns()
        return (
            isinstance(self.kinds, dict)
            and all(kind in KINDS and _is_a(count, int) for kind, count in self.kinds.items())
            and None not in (self.place, self.source, self.state)
            and all(
                value is None or _is_a(value, kinds[name])
                for name, value in vars(self).items()
                if name != "kinds"
            )
        )

    @property
    def damaged_share(self) -> float:
        """Of its time, that in which it is damaged."""
        return (self.damaged_s or 0.0) / self.duration_s if self.duration_s else 0.0

    def flat(self) -> dict[str, Any]:
        """As a table has it: a column for each kind of damage."""
        plain = asdict(self)
        kinds = plain.pop("kinds")
        known = self.found is not None
        return plain | {f"spans_{kind}": kinds.get(kind, 0) if known else None for kind in KINDS}


def _is_a(value: object, kind: type) -> bool:
    if isinstance(value, str) and value != value.encode(errors="ignore").decode():
        return False  # no text that a table can hold
    if kind in (str, bool) or isinstance(value, bool):
        return type(value) is kind
    return isinstance(value, int | float) and (kind is float or isinstance(value, int)) and abs(value) < _MOST


def columns() -> dict[str, type]:
    """Names and types of a table's columns, as :meth:`Row.flat` has them."""
    kinds = {"int": int, "floa": float, "str": str, "bool": bool}
    named = {f.name: kinds[str(f.type).partition(" ")[0][:4]] for f in fields(Row) if f.name != "kinds"}
    return named | {f"spans_{kind}": int for kind in KINDS}


def described(entry: Entry, made: Report, state: str, settings: str, **more: Any) -> Row:
    """The row of a recording that was worked on."""
    rate_hz = made.rate_hz
    worst = max(made.spans, key=lambda span: span.length, default=None)
    before, after = made.before, made.after
    return Row(
        entry.place,
        entry.path,
        state,
        duration_s=round(made.frames / rate_hz, 6),
        rate_hz=rate_hz,
        channels=made.channels,
        format=made.format,
        subtype=made.subtype,
        found=len(made.spans),
        filled=sum(span.filled for span in made.spans),
        damaged_s=_seconds(made.spans, rate_hz),
        repaired_s=_seconds([span for span in made.spans if span.filled], rate_hz),
        worst_kind=None if worst is None else worst.kind,
        worst_start_s=None if worst is None else round(worst.start / rate_hz, 6),
        worst_s=None if worst is None else round(worst.length / rate_hz, 6),
        lufs_before=_rounded(before.integrated_lufs if before else None),
        lufs_after=_rounded(after.integrated_lufs if after else None),
        peak_before_dbtp=_rounded(before.true_peak_dbtp if before else None),
        peak_after_dbtp=_rounded(after.true_peak_dbtp if after else None),
        sha256_source=entry.sha256,
        version=__version__,
        settings=settings,
        elapsed_s=round(made.elapsed_s, 3),
        kinds=dict(Counter(span.kind for span in made.spans)),
        **more,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _seconds(spans: Iterable[Span], rate_hz: int) -> float:
    """Time that at least one of the spans covers."""
    total = end = 0
    for span in sorted(spans):
        total += max(span.end - max(span.start, end), 0)
        end = max(end, span.end)
    return round(total / rate_hz, 6)


def history_line(report: Report) -> str:
    """A line of coding history as EBU R 98 has it: algorithm, rate, word length, mode and free text."""
    filled = [span for span in report.spans if span.filled]
    bits = _BITS.get(report.subtype)
    fields = [f"A={'PCM' if bits else report.subtype}", f"F={report.rate_hz}"]
    fields += [f"W={bits}"] if bits else []
    fields += [f"M={_MODES[report.channels]}"] if report.channels in _MODES else []
    repaired_s = _seconds(filled, report.rate_hz)
    text = f"restore-audio {__version__}; method {report.method}; {len(filled)} spans; {repaired_s:.3f} s"
    return ",".join([*fields, f"T={text}"])


def keep(row: Row, report: dict[str, Any]) -> str:
    """The text of a report that holds its row."""
    return json.dumps(report | {_KEY: asdict(row)}, allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def packed(row: Row) -> str:
    """A row as text, which :func:`unpacked` makes the same row of."""
    return json.dumps(asdict(row))


def unpacked(text: str) -> Row:
    """The row of a text."""
    return Row(**json.loads(text))


def read_row(path: Path) -> Row | None:
    """The row that a report holds; None where there is none."""
    try:
        row = Row(**numbers_only(path.read_text(encoding="utf-8"))[_KEY])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return row if row.fits() else None


def collect(folder: Path, entries: Sequence[Entry], made: dict[str, Row]) -> list[Row]:
    """A row for each entry of the manifest.

    Args:
        entries: of the whole manifest, also those that others work on.
        made: rows of this run, by place.
    """
    rows = []
    for entry in entries:
        places = [folder / kind / f"{entry.place}.json" for kind in (REPORTS, FAILURES, SURVEYS)]
        row = made.get(entry.place) or next((r for r in map(read_row, places) if r is not None), None)
        rows.append(row or Row(entry.place, entry.path, PENDING, duration_s=entry.duration_s))
    return rows


def write_table(folder: Path, rows: Sequence[Row]) -> None:
    """Write ``table.csv`` and, with pyarrow, ``table.parquet``.

    Raises:
        OSError: they cannot be written.
    """
    write(folder / "table.csv", [row.flat() for row in rows], columns())


def forget_failure(folder: Path, place: str) -> None:
    """A recording that is done has not failed."""
    with suppress(OSError):
        (folder / FAILURES / f"{place}.json").unlink()
