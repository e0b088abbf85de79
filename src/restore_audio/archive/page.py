"""An archive as one HTML page: what became of it, how damaged it is, and its recordings, the worst first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from ..show.charts import Series, bars
from ..show.document import document
from ..show.report import write_bytes
from ..spans import KINDS
from .rows import FAILED, PENDING, RECORDINGS, Row

_MOST_ROWS = 1_000
"""Recordings on the page; more make it slow, and are in the table."""

_EDGES_MS = (0.0, 1.0, 10.0, 100.0, 1_000.0, 10_000.0)
"""Edges of the histogram: damaged time in each minute."""


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the page.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, page(rows).encode("utf-8", "backslashreplace"))


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    known = [row for row in rows if row.found is not None]
    failed = [row for row in rows if row.state == FAILED]
    ranked = sorted(known, key=lambda row: (-row.damaged_share, -(row.damaged_s or 0.0), row.place))
    parts = ["<h1>Archive</h1>", f"<p>{escape(sentence(rows))}</p>"]
    parts += ['<p class="soft">All columns: <a href="table.csv">table.csv</a>.</p>']
    if failed:
        parts += ["<h2>Failed</h2>", _failures(failed)]
    if known:
        parts += ["<h2>How damaged</h2>", _histogram(known), _kinds(known)]
        parts += ["<h2>Recordings, the worst first</h2>", _ranking(ranked[:_MOST_ROWS])]
        if len(ranked) > _MOST_ROWS:
            parts.append(f'<p class="soft">{len(ranked) - _MOST_ROWS:,} more in table.csv.</p>')
    return document("restore-audio archive", "\n".join(parts), style="bench.css")


def sentence(rows: Sequence[Row]) -> str:
    """What became of an archive."""
    states = Counter(row.state for row in rows)
    hours = sum(row.duration_s or 0.0 for row in rows) / 3_600
    damaged_s = sum(row.damaged_s or 0.0 for row in rows)
    repaired_s = sum(row.repaired_s or 0.0 for row in rows)
    told = ", ".join(
        f"{count:,} {state}" for state, count in sorted(states.items(), key=lambda s: s[0] == PENDING)
    )
    return (
        f"{len(rows):,} recordings, {hours:,.2f} hours: {told or 'none'}; "
        f"{damaged_s:,.3f} s damaged, {repaired_s:,.3f} s repaired."
    )


def _histogram(rows: Sequence[Row]) -> str:
    ms = [60_000 * row.damaged_share for row in rows]
    names, counts = ["none"], [float(sum(value == 0 for value in ms))]
    for low, high in zip(_EDGES_MS, (*_EDGES_MS[1:], float("inf")), strict=True):
        names.append(f"{low:g} to {high:g} ms" if high < float("inf") else f"over {low:g} ms")
        counts.append(float(sum(low < value <= high for value in ms)))
    drawing = bars(names, [Series("recordings", tuple(counts))], title="Damaged time in a minute", digits=0)
    return f"<figure>{drawing}</figure>"


def _kinds(rows: Sequence[Row]) -> str:
    counts = [float(sum(row.kinds.get(kind, 0) for row in rows)) or None for kind in KINDS]
    drawing = bars(KINDS, [Series("spans", tuple(counts))], title="Spans by kind", digits=0)
    return f"<figure>{drawing}</figure>" if drawing else ""


def _failures(rows: Sequence[Row]) -> str:
    lines = "".join(
        f'<tr><td>{_linked(row.report, row.place)}</td><td class="text">{escape(row.error or "")}</td></tr>'
        for row in rows[:_MOST_ROWS]
    )
    return (
        f'<div class="wide"><table><tr><th>recording</th><th class="text">why</th></tr>{lines}</table></div>'
    )


def _ranking(rows: Sequence[Row]) -> str:
    head = ["recording", "report", "state", "damaged, ms a minute", "damaged, s", "repaired, s"]
    head += ["spans (filled)", "worst span", "LUFS", "length, s"]
    lines = []
    for number, row in enumerate(rows, 1):
        worst = (
            ""
            if row.worst_s is None
            else f"{row.worst_kind}, {1_000 * row.worst_s:.1f} ms at {row.worst_start_s:.2f} s"
        )
        loud = "" if row.lufs_before is None else f"{row.lufs_before:.1f}"
        loud += "" if row.lufs_after is None or row.state != "restored" else f" → {row.lufs_after:.1f}"
        restored = f"{RECORDINGS}/{row.place}" if row.sha256_target else None
        cells = [
            f"{number}. {_linked(restored, row.place)}",
            _linked(row.report, "report"),
            f'<span class="state">{escape(row.state)}</span>',
            f"{60_000 * row.damaged_share:.2f}",
            f"{row.damaged_s:.4f}",
            f"{row.repaired_s:.4f}",
            f"{row.found} ({row.filled})",
            escape(worst),
            loud,
            f"{row.duration_s:.2f}",
        ]
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f'<div class="wide"><table><tr>{titles}</tr>{"".join(lines)}</table></div>'


def _linked(path: str | None, text: str) -> str:
    return (
        escape(text)
        if path is None
        else f'<a href="{escape(quote(os.fsencode(path)), quote=True)}">{escape(text)}</a>'
    )
