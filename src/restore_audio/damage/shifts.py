"""Samples left out or played twice: what follows shifts in time, and two ends meet that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..spans import Span
from .record import Damaged


def cut_out(before: Damaged, pieces: Sequence[tuple[int, int]]) -> Damaged:
    """Leave pieces out of all channels; each leaves a span of kind ``splice``.

    Args:
        pieces: start and end (exclusive) of each, in order, none overlapping another.
    """
    source = np.ones(before.samples.shape[1], dtype=bool)
    for start, end in pieces:
        source[start:end] = False
    return taken(before, np.flatnonzero(source))


def taken(before: Damaged, source: NDArray[np.int64]) -> Damaged:
    """The recording made of samples number ``source``; a splice where two do not follow each other."""
    spans: list[Span] = []
    for span in before.spans:
        inside = np.flatnonzero((source >= span.start) & (source < span.end))
        if inside.size:
            spans.append(replace(span, start=int(inside[0]), end=int(inside[-1]) + 1))
    joins = np.flatnonzero(np.diff(source) != 1)
    channels = len(before.samples)
    spans += [splice(int(join) + 1, channel) for join in joins for channel in range(channels)]
    clean = None if before.clean is None else before.clean[:, source]
    return Damaged(before.samples[:, source], before.rate_hz, tuple(sorted(spans)), clean)


def splice(first_after: int, channel: int) -> Span:
    """The span of a splice: the last sample before it and the first one after it."""
    return Span(first_after - 1, first_after + 1, channel, "splice")
