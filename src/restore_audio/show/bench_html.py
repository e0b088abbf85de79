"""A benchmark as one HTML page that needs nothing else: no network, no script, no other file.

In: a :class:`BenchResult`. Out: a page with the tables, curves over the gap length or bars over the kinds of
damage, bars for each genre, and a few examples with spectrograms and players of clean, damaged and restored.
Pictures and sounds lie in the page as data URIs (PNG and 16-bit FLAC, which every browser plays).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..audio.encode import flac_bytes
from ..measure.protocols import PAPER, PROTOCOLS
from ..measure.scoring import METRICS
from ..measure.stretches import Example, make_examples
from .bench_table import NOTHING, BenchResult, Sheet, number, remarks, sheets
from .bench_terminal import fitted, short_names
from .charts import COLOURS, Series, bars, curves
from .document import document
from .report import write_bytes
from .spectrogram import peak_of, spectrogram_png

if TYPE_CHECKING:
    from ..measure.methods import Method

TABLE_WIDTH = 120
"""Characters of a table's row; as many are 1280 pixels wide at most."""


def write_page(result: BenchResult, path: Path) -> None:
    """Make the page and write it beside, then rename.

    Raises:
        OutputError: it cannot be written.
        RestoreError: an example cannot be made.
    """
    write_bytes(path, page(result, make_examples(result.plan)).encode())


def page(result: BenchResult, examples: Sequence[Example]) -> str:
    """The whole page."""
    parts = [
        "<h1>restore-audio bench: " + escape(result.plan.protocol) + "</h1>",
        f'<p class="headline">{escape(headline(result))}</p>',
        _legend(result),
    ]
    if examples:
        parts += ["<h2>Hear it</h2>", *(_example(example) for example in examples)]
    parts += [
        "<h2>Curves and bars</h2>",
        *_charts(result),
        "<h2>Tables</h2>",
        *(
            _table(result, part)
            for s in sheets(result)
            for part in fitted(short_names(result, s), TABLE_WIDTH)
        ),
        _remarks(result),
        f"<p>{escape(result.about)}</p>",
        *(f'<p class="soft">{escape(line)}</p>' for line in [_command(result)] if line),
    ]
    return document(f"restore-audio bench: {result.plan.protocol}", "\n".join(parts), style="bench.css")


def _command(result: BenchResult) -> str:
    return f"Made by: {result.command}" if result.command else ""


def headline(result: BenchResult) -> str:
    """One sentence: what each method comes to over everything, the best first."""
    metric = "psnr_db" if result.plan.protocol == PAPER else "sdr_db"
    what = "PSNR of the patches" if result.plan.protocol == PAPER else "SDR where damage was"
    known = [(result.summary(m.name)[metric], m.name) for m in result.plan.methods]
    ranked = sorted(((value, name) for value, name in known if value is not None), reverse=True)
    if not ranked:
        return "Nothing was damaged here, so there is nothing to be restored."
    return f"{what}: " + ", ".join(f"{name} {number(value, 1)} dB" for value, name in ranked) + "."


def _swatch(result: BenchResult, name: str) -> str:
    """The colour of a method, before its name; nothing for what is none."""
    for place, method in enumerate(result.plan.methods):
        if name in (method.name, method.title):
            return f'<i class="swatch bar s{place % COLOURS}"></i>'
    return ""


def _legend(result: BenchResult) -> str:
    methods = (
        f"<li>{_swatch(result, m.name)}<strong>{escape(m.name)}</strong>"
        + (f" {escape(m.title)}" if m.title != m.name else "")
        + "</li>"
        for m in result.plan.methods
    )
    return f'<ul class="legend">{"".join(methods)}</ul>'


def _table(result: BenchResult, sheet: Sheet) -> str:
    head = "".join(f"<th>{_swatch(result, cell)}{escape(cell)}</th>" for cell in sheet.header)
    rows = "".join(
        f"<tr><td>{_swatch(result, row[0])}{escape(row[0])}</td>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in sheet.rows
    )
    return f'<h3>{escape(sheet.title)}</h3><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _remarks(result: BenchResult) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in remarks(result))
    return f'<ul class="remarks">{lines}</ul>' if lines else ""


def _charts(result: BenchResult) -> list[str]:
    if result.plan.protocol == PAPER:
        return _paper_charts(result)
    charts = []
    axis = PROTOCOLS[result.plan.protocol].axis
    names = [condition.name for condition in result.plan.conditions]
    measures = [(metric.name, metric.chart) for metric in METRICS if metric.chart]
    for measure, title in measures:
        by_condition = [
            Series(m.title, tuple(result.summary(m.name, condition=c)[measure] for c in names))
            for m in result.plan.methods
        ]
        if axis is not None:
            places = [condition.value for condition in result.plan.conditions]
            charts.append(
                _figure(curves(places, by_condition, x_title=axis, y_title=title.split(" (")[0]), title)
            )
        else:
            charts.append(_figure(bars(names, by_condition, title=title), ""))
    by_genre = [
        Series(m.title, tuple(result.summary(m.name, genre=g)["sdr_db"] for g in result.genres))
        for m in result.plan.methods
    ]
    charts.append("<h3>By genre</h3>" + _figure(bars(result.genres, by_genre, title=measures[0][1]), ""))
    return charts


def _paper_charts(result: BenchResult) -> list[str]:
    def gain(method: Method, genre: str) -> float | None:
        before = result.summary(NOTHING, genre=genre)["psnr_db"]
        after = result.summary(method.name, genre=genre)["psnr_db"]
        return None if before is None or after is None else after - before

    series = [
        Series(m.title, tuple(gain(m, genre) for genre in result.genres))
        for m in result.plan.methods
        if m.name != NOTHING
    ]
    return ["<h3>By genre</h3>" + _figure(bars(result.genres, series, title="PSNR gain, dB"), "")]


def _figure(drawing: str, caption: str) -> str:
    if not drawing:
        return ""
    return f"<figure>{drawing}{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}</figure>"


def _example(example: Example) -> str:
    peak = peak_of(example.versions[0][1], example.rate_hz)
    figures = []
    for label, samples in example.versions:
        percent = 100 / max(samples.shape[1], 1)
        marks = "".join(
            f'<i style="left:{s.start * percent:.2f}%;width:{max(s.length * percent, 0.3):.2f}%"></i>'
            for s in example.spans
        )
        picture = _data_uri("image/png", spectrogram_png(samples, example.rate_hz, peak=peak))
        sound = _data_uri("audio/flac", flac_bytes(samples, example.rate_hz))
        name = escape(label, quote=True)
        figures.append(
            f'<figure><div class="marks"><img alt="spectrogram: {name}" src="{picture}">{marks}</div>'
            f'<audio controls preload="metadata" aria-label="{name}" src="{sound}"></audio>'
            f"<figcaption>{name}</figcaption></figure>"
        )
    return f'<h3>{escape(example.title)}</h3><div class="versions">{"".join(figures)}</div>'


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
