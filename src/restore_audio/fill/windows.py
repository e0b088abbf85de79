"""Which stretches of a recording are needed to fill its spans, in one pass and bounded memory.

In: the gaps (merged spans) of a recording. Out: windows, each with a few neighbouring gaps and real audio
around them, in the order in which a stream delivers them; and a tape that holds just as much of the
stream as the windows still to come need.

::

    recording  ──────────▒▒───▒─────────────────────────────▒▒▒──────────
    windows        [~~~~~▒▒~~~▒~~~~~]                [~~~~~~▒▒▒~~~~~~]
                    context  gaps  context

A window's left context is already repaired; what is still damaged in it (later gaps, gaps too long to be
filled) is listed with it, so that no fill takes that for healthy.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .splice import Patch, splice

CONTEXT_S = 2.0
"""Audio on each side of a window's gaps, where there is as much."""

NEAR_S = 0.75
"""A fill needs this much on each side: gaps that are nearer than this share a window."""

CORE_S = 10.0
"""A window's gaps lie within this, so that heavy damage does not make one window of a whole recording."""


@dataclass(frozen=True)
class Window:
    """Samples ``first`` to ``last`` with the ``gaps`` to fill there.

    Attributes:
        first, last: of the recording.
        gaps: to be filled here.
        others: damaged as well, cut to the window: gaps of other windows, or too long to be filled.
        follows: the first gap is so near to the window before that its fill is needed; that one's gaps are
            not among the ``others``.
    """

    first: int
    last: int
    gaps: tuple[Span, ...]
    others: tuple[Span, ...] = ()
    follows: bool = False


def plan_windows(gaps: Sequence[Span], too_long: Sequence[Span], *, rate_hz: int, total: int) -> list[Window]:
    """The windows for gaps to fill, in a time that grows with their number.

    Args:
        gaps: to be filled; none overlaps or touches another of its channel.
        too_long: gaps that stay, which no fill may take for healthy.
        rate_hz: sample rate.
        total: samples of the recording.
    """
    ordered = sorted(gaps)
    damage = sorted([*((gap, True) for gap in ordered), *((gap, False) for gap in too_long)])
    starts = [gap.start for gap, _ in damage]
    # Nothing before a place ends after it, if the largest end so far lies before it.
    ends = list(accumulate((gap.end for gap, _ in damage), max))
    near, context = round(NEAR_S * rate_hz), round(CONTEXT_S * rate_hz)
    windows: list[Window] = []
    chain = end = 0  # the sample from which on gaps are filled before this window is, and where they end
    for begin, stop in _groups(ordered, near, round(CORE_S * rate_hz)):
        core = ordered[begin:stop]
        follows = begin > 0 and core[0].start - end <= near
        chain = chain if follows else core[0].start
        end = max(gap.end for gap in core)
        first, last = max(core[0].start - context, 0), min(end + context, total)
        others = [
            gap
            for gap, filled in damage[bisect_right(ends, first) : bisect_left(starts, last)]
            if not (filled and chain <= gap.start and gap <= core[-1])
        ]
        windows.append(Window(first, last, tuple(core), tuple(_cut(others, first, last)), follows))
    return windows


def _groups(ordered: Sequence[Span], near: int, core: int) -> Iterator[tuple[int, int]]:
    """Ranges of gaps that share a window."""
    begin, end = 0, 0
    for number, gap in enumerate(ordered):
        if number > begin and (gap.start - end > near or gap.end - ordered[begin].start > core):
            yield begin, number
            begin, end = number, 0
        end = max(end, gap.end)
    if ordered:
        yield begin, len(ordered)


def _cut(gaps: Iterable[Span], first: int, last: int) -> Iterator[Span]:
    for gap in gaps:
        start, end = max(gap.start, first), min(gap.end, last)
        if start < end:
            yield replace(gap, start=start, end=end)


class Tape:
    """The part of a stream that windows still need.

    Args:
        blocks: ``(C, n)`` arrays, one after the other.
        windows: in order of their gaps.
    """

    def __init__(self, blocks: Iterable[Samples], windows: Sequence[Window]) -> None:
        self._blocks = iter(blocks)
        self._held: Samples | None = None
        self._first = 0
        starts = np.array([window.first for window in windows], dtype=np.int64)
        # A window may begin before an earlier one does: keep what any of those to come needs.
        self._needed = np.minimum.accumulate(starts[::-1])[::-1].tolist()
        self._number = 0

    def read(self, window: Window) -> Samples:
        """The next window's samples ``(C, last - first)``, repaired as far as patches were put back."""
        needed = self._needed[self._number]
        self._number += 1
        pieces = [] if self._held is None else [self._held]
        end = self._first + sum(piece.shape[1] for piece in pieces)
        while end < window.last:
            block = next(self._blocks, None)
            if block is None:
                raise ValueError(f"the stream ended at sample {end}, before a window's end at {window.last}")
            end += block.shape[1]
            pieces.append(block)
            while pieces and end - sum(p.shape[1] for p in pieces[1:]) <= needed:
                self._first += pieces.pop(0).shape[1]
        held = np.concatenate(pieces, axis=1)
        drop = max(needed - self._first, 0)
        self._held, self._first = held[:, drop:].copy(), self._first + drop
        return self._held[:, window.first - self._first : window.last - self._first].copy()

    def put(self, patches: Sequence[Patch]) -> None:
        """Let later windows see these samples as repaired."""
        if self._held is not None:
            self._held = splice(self._held, patches, first=self._first)
