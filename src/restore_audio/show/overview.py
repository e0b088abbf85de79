"""What a page shows of a whole recording: its waveform, its spectrogram, and how much each repair changed.

In: a damaged recording and its restoration as blocks ``(C, n)``, and the spans. Out: an :class:`Overview`,
of a size that does not depend on the recording's length.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..spans import Span
from .plot import spectrogram
from .spectrogram import levels_png

Blocks = Callable[[], Iterable[Samples]]

COLUMNS = 1200
"""Of the waveform and the spectrogram: more than a page is wide would not be seen."""

HEIGHT = 128
"""Of the spectrogram in pixels."""

HEARD_S = 0.05
"""The loudness of what was removed is taken over at least this long: about what an ear sums over."""

SILENT_DB = -200.0


@dataclass(frozen=True)
class Overview:
    """A recording before and after, at a glance.

    Attributes:
        peaks_before, peaks_after: lowest and highest sample of each column, ``(2, columns)`` in [-1, 1].
        picture_before, picture_after: spectrograms as PNG.
        removed_db: for each span, the level of what was taken out, in dB below a full-scale constant.
    """

    peaks_before: NDArray[np.float32]
    peaks_after: NDArray[np.float32]
    picture_before: bytes
    picture_after: bytes
    removed_db: tuple[float, ...]


def look_over(before: Blocks, after: Blocks, spans: Sequence[Span], *, rate_hz: int, total: int) -> Overview:
    """Read both recordings and make their overview.

    Args:
        before, after: start reading; both have ``total`` samples a channel. The same reads only once.
    """
    peaks, removed_db = peaks_and_levels(before, after, spans, rate_hz=rate_hz, total=total)
    columns = peaks.shape[2]
    reads = (before,) if after == before else (before, after)
    shown = [spectrogram(read(), rate_hz, first=0, last=total, columns=columns) for read in reads]
    top_db = max(float(s.levels_db.max()) for s in shown)
    pictures = [levels_png(s.levels_db, top_db=top_db, height=HEIGHT) for s in shown]
    return Overview(peaks[0], peaks[1], pictures[0], pictures[-1], tuple(removed_db))


def peaks_and_levels(
    before: Blocks, after: Blocks, spans: Sequence[Span], *, rate_hz: int, total: int
) -> tuple[NDArray[np.float32], list[float]]:
    """From one pass over both recordings, the waveform and how much each repair changed.

    Returns:
        Lowest and highest sample of each column, before and after, ``(2, 2, columns)``, and for each span
        what :func:`removed_levels_db` gives.
    """
    columns = min(COLUMNS, total)
    edges = np.arange(columns + 1, dtype=np.int64) * total // columns
    peaks = np.zeros((2, 2, columns), dtype=np.float32)
    peaks[:, 0], peaks[:, 1] = np.inf, -np.inf
    place = 0
    different = after != before

    def noting() -> Iterator[tuple[Samples, Samples]]:
        nonlocal place
        pairs = zip(before(), after(), strict=True) if different else ((block, block) for block in before())
        for pair in pairs:
            for which, block in enumerate(pair):
                _note_peaks(peaks[which], edges, place, np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0))
            place += pair[0].shape[1]
            yield pair

    removed_db = removed_levels_db(noting(), spans, rate_hz)
    return peaks, removed_db


def removed_levels_db(
    pairs: Iterable[tuple[Samples, Samples]], spans: Sequence[Span], rate_hz: int
) -> list[float]:
    """How loud what repairs took out is, in dB below a full-scale constant, over :data:`HEARD_S` at least.

    Args:
        pairs: blocks ``(C, n)`` of the recording before and after, all of them.
        spans: of the repairs, in any order.
    """
    energy = np.zeros(len(spans))
    order = sorted(range(len(spans)), key=lambda k: spans[k].start)
    starts = [spans[k].start for k in order]
    ends = list(accumulate((spans[k].end for k in order), max))
    first = 0
    for pair in pairs:
        old, new = (np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0) for block in pair)
        last = first + old.shape[1]
        for k in order[bisect_left(ends, first + 1) : bisect_left(starts, last)]:
            span = spans[k]
            inside = slice(max(span.start - first, 0), max(span.end - first, 0))
            removed = old[span.channel, inside] - new[span.channel, inside]
            energy[k] += float(removed @ removed)
        first = last
    heard = HEARD_S * rate_hz
    return [
        float(10 * np.log10(e / max(s.length, heard))) if e > 0 else SILENT_DB
        for e, s in zip(energy, spans, strict=True)
    ]


def _note_peaks(peaks: NDArray[np.float32], edges: NDArray[np.int64], first: int, block: Samples) -> None:
    """Take a block ``(C, n)`` that begins at sample ``first`` into the peaks ``(2, columns)``."""
    last = first + block.shape[1]
    begin = int(np.searchsorted(edges, first, side="right")) - 1
    stop = int(np.searchsorted(edges, last, side="left"))
    starts = np.maximum(edges[begin:stop] - first, 0)
    if block.shape[1] and starts.size:
        columns = slice(begin, begin + starts.size)
        low = np.minimum.reduceat(block.min(axis=0), starts)
        high = np.maximum.reduceat(block.max(axis=0), starts)
        peaks[0, columns] = np.minimum(peaks[0, columns], low)
        peaks[1, columns] = np.maximum(peaks[1, columns], high)
