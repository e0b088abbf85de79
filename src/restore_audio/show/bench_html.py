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
from .bench_table import NOTHING, BenchResult, Sheet, remarks, sheets
from .charts import Series, bars, curves
from .report import write_bytes
from .spectrogram import peak_of, spectrogram_png

if TYPE_CHECKING:
    from ..measure.methods import Method

STYLE = """
:root{--paper:#fff;--ink:#1c1b1a;--soft:#6b6864;--rule:#e3e0db;
--c0:#8a8680;--c1:#c2410c;--c2:#2563eb;--c3:#15803d;--c4:#a21caf;--c5:#b45309;--c6:#0e7490;--c7:#be123c;
--c8:#4d7c0f;--c9:#6d28d9}
@media(prefers-color-scheme:dark){:root{--paper:#161514;--ink:#ece9e4;--soft:#a19d97;--rule:#34312e;
--c0:#9a958e;--c1:#fb923c;--c2:#7aa5ff;--c3:#4ade80;--c4:#e879f9;--c5:#fbbf24;--c6:#22d3ee;--c7:#fb7185;
--c8:#a3e635;--c9:#a78bfa}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;max-width:62rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.5rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}
p.soft,figcaption,.remarks{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--rule)}
td{white-space:nowrap}th:first-child,td:first-child{text-align:left;white-space:normal;min-width:11rem}
td:first-child{overflow-wrap:anywhere}
svg{width:100%;height:auto;max-width:760px;display:block}
svg .label{fill:var(--ink);font:12px system-ui,sans-serif}svg .small{font-size:11px;fill:var(--soft)}
svg .grid{stroke:var(--rule)}svg .line{fill:none;stroke-width:2}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)}
.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}.s8{stroke:var(--c8)}.s9{stroke:var(--c9)}
.bar,.dot{stroke:none}.bar.s0,.dot.s0{fill:var(--c0)}.bar.s1,.dot.s1{fill:var(--c1)}
.bar.s2,.dot.s2{fill:var(--c2)}.bar.s3,.dot.s3{fill:var(--c3)}.bar.s4,.dot.s4{fill:var(--c4)}
.bar.s5,.dot.s5{fill:var(--c5)}.bar.s6,.dot.s6{fill:var(--c6)}.bar.s7,.dot.s7{fill:var(--c7)}
.bar.s8,.dot.s8{fill:var(--c8)}.bar.s9,.dot.s9{fill:var(--c9)}
.versions{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:1rem}
figure{margin:0}figure img{width:100%;height:170px;display:block;image-rendering:auto;background:#000}
.marks{position:relative}.marks i{position:absolute;bottom:0;height:4px;background:#22d3ee}
audio{width:100%;height:2.2rem;margin-top:.3rem}
"""


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
        f"<p>{escape(result.about)}</p>",
        *(f'<p class="soft">{escape(line)}</p>' for line in [_command(result)] if line),
        "<h2>Tables</h2>",
        *(_table(sheet) for sheet in sheets(result)),
        _remarks(result),
        "<h2>Curves and bars</h2>",
        *_charts(result),
    ]
    if examples:
        parts += ["<h2>Examples</h2>", *(_example(example) for example in examples)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>restore-audio bench: {escape(result.plan.protocol)}</title>"
        '<link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _command(result: BenchResult) -> str:
    return f"Made by: {result.command}" if result.command else ""


def _table(sheet: Sheet) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in sheet.header)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in sheet.rows
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
