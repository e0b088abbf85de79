"""A recording and its repairs in one PNG: where they are, of which kind, and the largest ones from near.

In: blocks of both recordings and the spans. Out: a PNG. Above, the whole recording, however long: waveform,
spectrograms before and after, and a lane for each kind of damage in each channel. Below, a sheet of the
largest repairs, each with its waveform and spectrograms before and after.

matplotlib is an extra (``plots``); nothing else needs it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..spans import KINDS, Span
from .clips import cut
from .overview import peaks_and_levels
from .plot import FLOOR_DB, Spectrogram, require_matplotlib, spectrogram
from .report import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..audio.output import Results

WIDTH_IN, DPI = 14.0, 100
HEAD_IN, FOOT_IN, CELL_IN, CELL_GAP_IN = 0.6, 0.85, 2.5, 0.65
"""Inches above and below the whole recording, of a row of the sheet, and between two rows."""

COLOURS = dict(
    zip(
        KINDS,
        (
            *("#2563eb", "#0e7490", "#be123c", "#7c3aed", "#4d7c0f", "#c2410c"),
            *("#a16207", "#a21caf", "#15803d", "#64748b", "#0369a1", "#57534e"),
        ),
        strict=True,
    )
)
"""By kind of damage, as on the listening page."""

MOST_LANES = 24
"""With more, the channels of a kind share one."""

NARROWEST = 0.0025
"""Share of the width that a repair has at least in its lane."""

SHEET_COLUMNS, SHEET_ROWS = 4, 3
AROUND_MS, AROUND_TIMES = 30.0, 0.75
"""Healthy sound on each side of a repair in the sheet: so much, or so many times its length."""

CELL_COLUMNS = 120
"""Moments of a spectrogram in the sheet."""


@dataclass(frozen=True)
class _Shown:
    """A repair of the sheet: its number, its surroundings ``(C, n)`` from sample ``first`` on."""

    number: int
    span: Span
    first: int
    before: Samples
    after: Samples


def draw_picture(
    path: Path,
    before: Callable[[], Iterable[Samples]],
    after: Callable[[], Iterable[Samples]],
    spans: Sequence[Span],
    *,
    rate_hz: int,
    total: int,
    title: str,
    within: Results | None = None,
) -> None:
    """Write the PNG, beside its name and then renamed.

    Args:
        path: where; replaced if it is there.
        before: starts reading the damaged recording.
        after: starts reading the restored one, at the same rate; the same one if it was only looked at.

    Raises:
        UsageError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    peaks, levels_db = peaks_and_levels(before, after, spans, rate_hz=rate_hz, total=total)
    shown = _sheet(before, after, spans, levels_db, rate_hz=rate_hz, total=total)
    lanes = lanes_of(spans)
    rows = -(-len(shown) // SHEET_COLUMNS)
    heights = [1.3, 1.5, 1.5, 0.24 * max(len(lanes), 1)]
    whole_in, sheet_in = sum(heights) + 0.12 * 3, CELL_IN * rows
    height_in = HEAD_IN + whole_in + FOOT_IN + sheet_in
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.text(0.5, 1 - 0.3 / height_in, f"{title}: {_sentence(spans, rate_hz)}", ha="center", fontsize=13)
    sides = {"left": 1.25 / WIDTH_IN, "right": 1 - 0.25 / WIDTH_IN}
    bottom_in = height_in - HEAD_IN - whole_in
    grid = figure.add_gridspec(
        4,
        1,
        height_ratios=heights,
        top=1 - HEAD_IN / height_in,
        bottom=bottom_in / height_in,
        hspace=0.12 * 4 / sum(heights),
        **sides,
    )
    first = figure.add_subplot(grid[0])
    whole = [first, *(figure.add_subplot(grid[row], sharex=first) for row in range(1, 4))]
    _draw_wave(whole[0], peaks, shown, rate_hz=rate_hz, total=total)
    pictures = [spectrogram(read(), rate_hz, first=0, last=total) for read in (before, after)]
    top_db = max(float(p.levels_db.max()) for p in pictures)
    for axis, picture, name in zip(whole[1:3], pictures, ("before", "after"), strict=True):
        _draw_spectrum(axis, picture, top_db)
        axis.set_ylabel(f"{name}\nkHz")
    _draw_lanes(whole[3], lanes, total / rate_hz, rate_hz)
    first.set_xlim(0, total / rate_hz)
    whole[3].xaxis.set_major_formatter(lambda value, _: clock(value))
    for axis in whole[:3]:
        axis.tick_params(labelbottom=False)
    for number, repair in enumerate(shown):
        row, column = divmod(number, SHEET_COLUMNS)
        top_in = bottom_in - FOOT_IN - CELL_IN * row
        cells = figure.add_gridspec(
            1,
            SHEET_COLUMNS,
            top=top_in / height_in,
            bottom=(top_in - CELL_IN + CELL_GAP_IN) / height_in,
            wspace=0.12,
            **sides,
        )
        _draw_repair(figure, cells[column], repair, rate_hz)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": "restore-audio"})
    write_bytes(path, stream.getvalue(), within=within)


def lanes_of(spans: Sequence[Span]) -> list[tuple[str, list[Span]]]:
    """Spans by kind and channel, each with its name; channels of a kind together where they are many.

    >>> spans = [Span(0, 1, 1, "click"), Span(0, 1, 0, "click"), Span(2, 3, 0, "zeros")]
    >>> [name for name, _ in lanes_of(spans)]
    ['zeros ch1', 'click ch1', 'click ch2']
    """
    keys = sorted({(KINDS.index(span.kind), span.channel) for span in spans})
    chosen: list[tuple[str, str, int | None]]
    if len(keys) <= MOST_LANES:
        chosen = [(f"{KINDS[kind]} ch{channel + 1}", KINDS[kind], channel) for kind, channel in keys]
    else:
        chosen = [(KINDS[kind], KINDS[kind], None) for kind in sorted({kind for kind, _ in keys})]
    return [
        (name, [s for s in spans if s.kind == kind and channel in (None, s.channel)])
        for name, kind, channel in chosen
    ]


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, with as many decimals as they need.

    >>> clock(5.0), clock(75.5), clock(3661)
    ('0:05', '1:15.5', '1:01:01')
    """
    whole, rest = divmod(round(seconds, 3), 60)
    text = f"{rest:06.3f}".rstrip("0").rstrip(".")
    hours, minutes = divmod(int(whole), 60)
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def _sentence(spans: Sequence[Span], rate_hz: int) -> str:
    if not spans:
        return "no damage found"
    filled = sum(span.filled for span in spans)
    counts = {kind: sum(span.kind == kind for span in spans) for kind in KINDS}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    length_s = sum(span.length for span in spans) / rate_hz
    return f"{len(spans)} damaged spans ({length_s:.2f} s; {kinds}), {filled} filled"


def _sheet(
    before: Callable[[], Iterable[Samples]],
    after: Callable[[], Iterable[Samples]],
    spans: Sequence[Span],
    levels_db: Sequence[float],
    *,
    rate_hz: int,
    total: int,
) -> list[_Shown]:
    """The largest repairs with their surroundings, in order, numbered as in the report and on its page.

    Largest is what changed most; where nothing was repaired, what is longest. Damage of several channels at
    one place is shown once.
    """
    order = sorted(range(len(spans)), key=lambda k: (-levels_db[k], -spans[k].length))
    chosen: list[int] = []
    for k in order:
        if len(chosen) == SHEET_COLUMNS * SHEET_ROWS:
            break
        if not any(spans[k].start < spans[j].end and spans[j].start < spans[k].end for j in chosen):
            chosen.append(k)
    shown = []
    for number, span in sorted((k + 1, spans[k]) for k in chosen):
        around = round(max(AROUND_MS * rate_hz / 1000, AROUND_TIMES * span.length))
        shown.append((number, span, max(span.start - around, 0), min(span.end + around, total)))
    pieces: dict[tuple[int, int], tuple[Samples, Samples]] = {}
    for where, old, new in cut(before(), after(), [(first, last) for _, _, first, last in shown]):
        pieces[where] = old, new
    return [_Shown(number, span, first, *pieces[first, last]) for number, span, first, last in shown]


def _draw_wave(
    axis: Axes, peaks: NDArray[np.float32], shown: Sequence[_Shown], *, rate_hz: int, total: int
) -> None:
    """Before in grey behind after; the numbers of the sheet above."""
    columns = peaks.shape[2]
    times = (np.arange(columns) + 0.5) * total / columns / rate_hz
    for (low, high), colour, name in zip(peaks, ("#bbbbbb", "#31688e"), ("before", "after"), strict=True):
        axis.fill_between(times, low, high, color=colour, linewidth=0, label=name)
    top = max(float(np.abs(peaks).max(initial=0.0)), 1e-3)
    axis.set_ylim(-1.05 * top, 1.45 * top)
    last_s, high = -1.0, False
    for repair in shown:
        at_s = (repair.span.start + repair.span.end) / 2 / rate_hz
        high = not high if at_s - last_s < 0.02 * total / rate_hz else False
        last_s = at_s
        axis.text(at_s, (1.26 if high else 1.08) * top, str(repair.number), ha="center", fontsize=8)
        axis.axvline(at_s, ymax=0.84, color=COLOURS[repair.span.kind], linewidth=0.6, alpha=0.6)
    axis.set_ylabel("wave")
    axis.legend(loc="lower right", ncols=2, fontsize=8, framealpha=0.8)


def _draw_spectrum(axis: Axes, shown: Spectrogram, top_db: float) -> None:
    axis.imshow(
        shown.levels_db,
        origin="lower",
        aspect="auto",
        extent=(shown.start_s, shown.end_s, 0, shown.rate_hz / 2000),
        cmap="magma",
        vmin=max(top_db - 90, FLOOR_DB),
        vmax=max(top_db, FLOOR_DB + 1),
        interpolation="nearest",
    )


def _draw_lanes(axis: Axes, lanes: Sequence[tuple[str, list[Span]]], length_s: float, rate_hz: int) -> None:
    """A lane for each kind and channel; what was found but left is hollow."""
    for row, (_, spans) in enumerate(lanes):
        for span in spans:
            width = max(span.length / rate_hz, NARROWEST * length_s)
            middle = (span.start + span.end) / 2 / rate_hz
            axis.broken_barh(
                [(middle - width / 2, width)],
                (row - 0.38, 0.76),
                facecolor=COLOURS[span.kind] if span.filled else "none",
                edgecolor=COLOURS[span.kind],
                linewidth=0.8,
            )
    axis.set_ylim(max(len(lanes), 1) - 0.5, -0.5)
    axis.set_yticks(range(len(lanes)), [name for name, _ in lanes], fontsize=8)
    axis.set_xlabel("minutes:seconds; hollow: found, but left as it is")
    axis.grid(axis="x", alpha=0.3)


def _draw_repair(figure: Figure, place: Any, repair: _Shown, rate_hz: int) -> None:
    """Waveform above, spectrograms before and after below, of the repaired channel."""
    span = repair.span
    cell = place.subgridspec(2, 2, hspace=0.08, wspace=0.06)
    old, new = (part[min(span.channel, part.shape[0] - 1)][None] for part in (repair.before, repair.after))
    start_ms, end_ms = ((at - repair.first) * 1000 / rate_hz for at in (span.start, span.end))
    times = np.arange(old.shape[1]) * 1000 / rate_hz
    wave = figure.add_subplot(cell[0, :])
    wave.axvspan(start_ms, end_ms, color=COLOURS[span.kind], alpha=0.2, linewidth=0)
    wave.plot(times, old[0], color="#777777", linewidth=1.2)
    if span.filled:
        wave.plot(times, new[0], color="#31688e", linewidth=0.8)
    wave.set_xlim(0, times[-1] if times.size else 1)
    top = float(np.abs(np.nan_to_num(new)).max(initial=1e-4))
    wave.set_ylim(-1.3 * top, 1.3 * top)
    wave.set_yticks([])
    wave.set_xticks([])
    length = 1000 * span.length / rate_hz
    minutes, seconds = divmod(span.start / rate_hz, 60)
    place = f"{minutes:.0f}:{seconds:06.3f}"
    what = f"{repair.number}   {place}  ch{span.channel + 1}  {span.kind}  {length:.3g} ms"
    wave.set_title(what if span.filled else f"{what}, left", fontsize=8.5, loc="left")
    pictures = [
        spectrogram([part], rate_hz, first=0, last=part.shape[1], columns=CELL_COLUMNS) for part in (old, new)
    ]
    top_db = float(pictures[1].levels_db.max())
    for side, (picture, name) in enumerate(zip(pictures, ("before", "after"), strict=True)):
        axis = figure.add_subplot(cell[1, side])
        _draw_spectrum(axis, picture, top_db)
        for edge in (start_ms, end_ms):
            axis.axvline(edge / 1000, color="white", linewidth=0.5, alpha=0.8)
        axis.set_xlim(0, old.shape[1] / rate_hz)
        axis.set_ylim(0, rate_hz / 2000)
        axis.set_yticks([])
        axis.xaxis.set_major_locator(_few_ticks())
        axis.xaxis.set_major_formatter(lambda value, _: f"{1000 * value:g}")
        axis.tick_params(labelsize=7)
        axis.set_xlabel(f"{name}, ms", fontsize=7.5, labelpad=1)


def _few_ticks() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4)
