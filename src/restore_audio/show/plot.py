"""Before and after as spectrograms in one PNG, with the spans marked.

In: blocks of both recordings and the spans. Out: a PNG. The whole recording is drawn on the left, however
long (each column shows one moment of its share of the time), its longest repaired span on the right.

matplotlib is an extra (``plots``); nothing else needs it.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..errors import UsageError
from ..spans import Span
from .report import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..audio.output import Results

COLUMNS = 1200
"""Columns of a spectrogram: more than the picture has pixels for would only blur."""

WINDOW_S = 0.023
FLOOR_DB = -100.0
ZOOM_S = 0.25
"""Healthy audio shown on each side of the span on the right."""


@dataclass(frozen=True)
class Spectrogram:
    """Levels ``(F, K)`` in dB from ``start_s`` to ``end_s``, 0 Hz to half the rate."""

    levels_db: NDArray[np.float32]
    start_s: float
    end_s: float
    rate_hz: int


def require_matplotlib() -> None:
    """Fail early, with the way out.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--picture needs matplotlib: install it with pip install matplotlib.")


def spectrogram(
    blocks: Iterable[Samples], rate_hz: int, *, first: int, last: int, columns: int = COLUMNS
) -> Spectrogram:
    """Spectrogram of samples ``first`` to ``last`` of a stream, in memory that depends on ``columns`` only.

    Args:
        blocks: ``(C, n)`` arrays from the recording's first sample on; channels are added.
        rate_hz: sample rate.
        first: where to begin.
        last: where to end (exclusive).
        columns: how many moments are shown at most.
    """
    size = 1 << round(np.log2(WINDOW_S * rate_hz))
    window = np.hanning(size)
    centres = np.unique(np.linspace(first, last - 1, min(columns, max(last - first, 1))).astype(np.int64))
    levels = np.full((size // 2 + 1, centres.size), FLOOR_DB, dtype=np.float32)
    held, held_first, number = np.zeros(size), -size, 0
    for piece in _mono_with_tail(blocks, size):
        held = np.concatenate([held, piece])
        while number < centres.size and centres[number] + size // 2 <= held_first + held.size:
            begin = int(centres[number]) - size // 2 - held_first
            magnitude = np.abs(np.fft.rfft(held[begin : begin + size] * window)) / (size / 4)
            levels[:, number] = 20 * np.log10(np.maximum(magnitude, 10 ** (FLOOR_DB / 20)))
            number += 1
        if number == centres.size:
            break
        drop = min(max(int(centres[number]) - size // 2 - held_first, 0), held.size)
        held, held_first = held[drop:], held_first + drop
    return Spectrogram(levels, first / rate_hz, last / rate_hz, rate_hz)


def _mono_with_tail(blocks: Iterable[Samples], size: int) -> Iterator[Samples]:
    for block in blocks:
        yield np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).mean(axis=0)
    yield np.zeros(size)


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
        after: starts reading the restored one, at the same rate.
        spans: marked in both.
        rate_hz: sample rate.
        total: samples of a channel.
        title: above the picture.
        within: results that the picture appears together with.

    Raises:
        UsageError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ranges = [(0, total), *_zoom(spans, rate_hz, total)]
    figure = Figure(figsize=(12, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    meshes: list[Any] = []
    axes = figure.subplots(2, len(ranges), squeeze=False, sharex="col", sharey=True)
    for row, (name, read) in enumerate((("before", before), ("after", after))):
        for column, (first, last) in enumerate(ranges):
            shown = spectrogram(read(), rate_hz, first=first, last=last)
            meshes.append(_draw(axes[row, column], shown, spans, rate_hz))
            axes[row, column].set_title(name if column == 0 else f"{name}, longest span", fontsize=10)
        axes[row, 0].set_ylabel("kHz")
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.colorbar(meshes[0], ax=axes, label="dB", fraction=0.03, pad=0.01)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": "restore-audio"})
    write_bytes(path, stream.getvalue(), within=within)


def _zoom(spans: Sequence[Span], rate_hz: int, total: int) -> list[tuple[int, int]]:
    filled = [span for span in spans if span.filled] or list(spans)
    if not filled:
        return []
    longest = max(filled, key=lambda span: span.length)
    margin = round(ZOOM_S * rate_hz)
    return [(max(longest.start - margin, 0), min(longest.end + margin, total))]


def _draw(axis: Axes, shown: Spectrogram, spans: Sequence[Span], rate_hz: int) -> Any:
    top = float(shown.levels_db.max())
    mesh = axis.imshow(
        shown.levels_db,
        origin="lower",
        aspect="auto",
        extent=(shown.start_s, shown.end_s, 0, rate_hz / 2000),
        cmap="magma",
        vmin=max(top - 90, FLOOR_DB),
        vmax=max(top, FLOOR_DB + 1),
        interpolation="nearest",
    )
    inside = [s for s in spans if s.end / rate_hz > shown.start_s and s.start / rate_hz < shown.end_s]
    high = rate_hz / 2000
    for span in inside:
        start, end = span.start / rate_hz, span.end / rate_hz
        colour = "#39d353" if span.filled else "#ffb000"
        axis.axvspan(start, end, ymin=0.97, color=colour, linewidth=1)
        axis.vlines((start, end), 0, high, colors=colour, linewidth=0.4, alpha=0.7)
    axis.set_xlim(shown.start_s, shown.end_s)
    axis.set_ylim(0, high)
    return mesh
