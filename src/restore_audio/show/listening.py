"""The listening report: a page that stands alone, on which each repair is heard before and after.

In: a :class:`~restore_audio.outcomes.Report` and both recordings. Out: HTML with its styles, script,
pictures and sounds inside, which opens from disk.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..audio.audiofile import read_blocks
from ..audio.encode import TRANSFORM_CODECS
from ..spans import Span
from .clips import BESIDE_MS, Clip, choose_ranges, cut_clips
from .document import document, json_script
from .overview import Overview, look_over
from .report import write_bytes

if TYPE_CHECKING:
    from ..audio.output import Results
    from ..outcomes import Report


def write_report(report: Report, path: Path, *, before: Path, after: Path, within: Results) -> None:
    """Make the page of a recording and write it with its other results.

    Args:
        before, after: where the recordings can be read now.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, report_page(report, before, after).encode("utf-8", "backslashreplace"), within=within)


def report_page(report: Report, before: Path, after: Path) -> str:
    """The whole page; as :func:`write_report`."""
    shape = {"rate_hz": report.rate_hz, "total": report.frames}
    overview = look_over(lambda: read_blocks(before), lambda: read_blocks(after), report.spans, **shape)
    ranges, lossless = choose_ranges(report.spans, overview.removed_db, channels=report.channels, **shape)
    clips = cut_clips(
        read_blocks(before),
        read_blocks(after),
        ranges,
        report.spans,
        rate_hz=report.rate_hz,
        lossless=lossless,
    )
    name = "stdin" if str(report.source) == "-" else report.source.name
    data = {
        "rate_hz": report.rate_hz,
        "channels": report.channels,
        "frames": report.frames,
        "fade": round(BESIDE_MS * report.rate_hz / 1000),
        "spans": span_rows(report.spans, report.rate_hz, overview.removed_db),
        "overview": overview_row(overview),
        "clips": [_clip_row(clip) for clip in clips],
    }
    body = f"""<header><h1>{escape(name)}</h1>
<p class="lead">{escape(headline(report))}</p>{_numbers(report, overview)}</header>
<main><section aria-label="The whole recording"><div class="whole" id="whole"></div></section>
<section aria-labelledby="repairs"><div class="bar"><h2 id="repairs">Repairs</h2>
<label>Order <select id="sort"><option value="loudness">loudest first</option>
<option value="time">by time</option></select></label></div><div id="list"></div></section></main>
<div class="deck" id="deck" role="region" aria-label="Player"></div>"""
    return document(
        f"{name}: what restore-audio did",
        body,
        scripts=("page.js", "report.js"),
        data=data,
        head=json_script("summary", _summary(report, name, overview)),
    )


def span_rows(spans: Iterable[Span], rate_hz: int, removed_db: Iterable[float]) -> list[dict[str, Any]]:
    """Spans as the page reads them, numbered from 1 in the order of the report."""
    return [
        {"number": number, **span.to_dict(rate_hz), "removed_db": round(level_db, 1)}
        for number, (span, level_db) in enumerate(zip(spans, removed_db, strict=True), 1)
    ]


def overview_row(overview: Overview) -> dict[str, str]:
    """An overview as the page reads it: peaks as signed bytes in base64, lowest before highest."""
    row = {}
    for version in ("before", "after"):
        peaks = np.clip(np.round(getattr(overview, f"peaks_{version}") * 127), -127, 127).astype(np.int8)
        row[f"peaks_{version}"] = base64.b64encode(peaks.tobytes()).decode()
        picture = base64.b64encode(getattr(overview, f"picture_{version}")).decode()
        row[f"picture_{version}"] = f"data:image/png;base64,{picture}"
    return row


def _clip_row(clip: Clip) -> dict[str, Any]:
    return {
        "first": clip.first,
        "last": clip.last,
        "kind": clip.kind,
        "sound": base64.b64encode(clip.sound).decode(),
        "cores": clip.cores,
        "exact": base64.b64encode(clip.exact).decode(),
    }


def headline(report: Report) -> str:
    """What was done, in one sentence."""
    found, filled = len(report.spans), sum(span.filled for span in report.spans)
    if not found:
        return "No damage was found, and nothing was changed."
    places = f"{_count(found, 'place')} of damage {_were(found)} found"
    if not filled:
        return f"{places}, and none was repaired: nothing was changed."
    done = "repaired" if filled == found == 1 else "all repaired" if filled == found else f"{filled} repaired"
    rest = "every other sample is what it was"
    if report.subtype in TRANSFORM_CODECS:
        rest = f"and the whole recording was encoded again as {report.format} ({report.subtype})"
    return f"{places} and {done}: {_replaced_s(report):.3f} s of sound were replaced, {rest}."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _replaced_s(report: Report) -> float:
    return sum(span.length for span in report.spans if span.filled) / report.rate_hz


def _summary(report: Report, name: str, overview: Overview) -> dict[str, Any]:
    filled = [k for k, span in enumerate(report.spans) if span.filled]
    return {
        "name": name,
        "seconds": round(report.frames / report.rate_hz, 3),
        "found": len(report.spans),
        "filled": len(filled),
        "replaced_s": round(_replaced_s(report), 3),
        "loudest_db": round(max(overview.removed_db[k] for k in filled), 1) if filled else None,
    }


def _numbers(report: Report, overview: Overview) -> str:
    """Figures under the headline."""
    filled = [k for k, span in enumerate(report.spans) if span.filled]
    rows = [("repaired", f"{len(filled)} of {len(report.spans)}"), ("recording", _length(report))]
    if filled:
        longest_ms = max(report.spans[k].length for k in filled) * 1000 / report.rate_hz
        total = report.frames * report.channels
        changed = sum(report.spans[k].length for k in filled) / total
        rows += [
            ("longest repair", f"{longest_ms:.1f} ms" if longest_ms < 100 else f"{longest_ms:.0f} ms"),
            ("samples replaced", f"{100 * changed:.2g} %"),
            ("loudest removed", f"{max(overview.removed_db[k] for k in filled):.0f} dBFS".replace("-", "−")),
        ]
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<dl class="numbers">{items}</dl>'


def _length(report: Report) -> str:
    seconds = report.frames // report.rate_hz
    minutes = f"{seconds // 60}" if seconds < 3600 else f"{seconds // 3600}:{seconds // 60 % 60:02d}"
    shape = f"{report.rate_hz / 1000:g} kHz, {_count(report.channels, 'channel')}"
    return f"{minutes}:{seconds % 60:02d}, {shape}"
