"""The fills of one recording, made window by window while it streams by.

In: its spans and its blocks, in order. Out: patches, in order, and what became of each span. Memory holds
one window at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..network.weights import Weights
from ..settings import FillSettings
from ..spans import Span, merge_spans
from .inpaint import blend_of, inpaint
from .splice import Patch, cut_patches
from .windows import Tape, Window, plan_windows

Samples = NDArray[np.float64]


class Filling:
    """The fills of one recording, made while it streams by.

    Args:
        spans: what is damaged.
        rate_hz: sample rate.
        total: samples of a channel.
        settings: how to fill.
        weights: opened when the first gap is long enough to need a network.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        rate_hz: int,
        total: int,
        settings: FillSettings,
        weights: Weights,
    ) -> None:
        self._spans = sorted(spans)
        self._rate_hz = rate_hz
        self._settings = settings
        self._weights = weights
        longest = int(settings.max_gap_ms * rate_hz / 1000)
        gaps = merge_spans(replace(span, filled=False, reason=None) for span in spans)
        self._fate: dict[Span, Span] = {}
        too_long = [gap for gap in gaps if gap.length > longest]
        for gap in too_long:
            self._fate[gap] = replace(gap, reason=self._sentence(gap))
        fillable = [gap for gap in gaps if gap.length <= longest]
        self.windows: list[Window] = plan_windows(fillable, too_long, rate_hz=rate_hz, total=total)
        self._gaps = gaps

    def _sentence(self, gap: Span) -> str:
        length_ms = gap.length * 1000 / self._rate_hz
        return (
            f"{length_ms:.0f} ms is longer than the limit of {self._settings.max_gap_ms:g} ms (--max-gap-ms)"
        )

    def patches(
        self, blocks: Iterable[Samples], progress: Callable[[float], None] = lambda done: None
    ) -> Iterator[Patch]:
        """Fill window by window.

        Args:
            blocks: the recording, ``(C, n)`` arrays one after the other.
            progress: told the share of the windows that is done.
        """
        shortest = blend_of(self._settings).shortest_ms * self._rate_hz / 1000
        tape = Tape(blocks, self.windows)
        for number, window in enumerate(self.windows):
            audio = tape.read(window)
            here = [_moved(gap, -window.first) for gap in window.gaps]
            others = [_moved(gap, -window.first) for gap in window.others]
            needed = any(gap.length >= shortest for gap in window.gaps)
            network = self._weights.open() if needed else None
            filled, marked = inpaint(
                audio, here, self._rate_hz, settings=self._settings, network=network, others=others
            )
            fates = {(s.channel, s.start + window.first): s for s in marked}
            done = []
            for gap in window.gaps:
                fate = fates[gap.channel, gap.start]
                self._fate[gap] = replace(gap, filled=fate.filled, reason=fate.reason)
                done.append(self._fate[gap])
            patches = list(cut_patches(filled, done, first=window.first))
            tape.put(patches)
            progress((number + 1) / len(self.windows))
            yield from patches

    @property
    def spans(self) -> list[Span]:
        """The spans with what became of them, once all patches are made."""
        by_channel: dict[int, list[Span]] = {}
        for gap in self._gaps:
            by_channel.setdefault(gap.channel, []).append(self._fate[gap])
        starts = {c: np.array([gap.start for gap in gaps]) for c, gaps in by_channel.items()}
        result = []
        for span in self._spans:
            number = int(np.searchsorted(starts[span.channel], span.start, side="right")) - 1
            fate = by_channel[span.channel][number]
            result.append(replace(span, filled=fate.filled, reason=fate.reason))
        return result


def _moved(span: Span, by: int) -> Span:
    return replace(span, start=span.start + by, end=span.end + by)
