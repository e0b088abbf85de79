"""Blocks that were played again: a buffer that was not refilled in time.

In: one channel of a window. Out: spans of kind ``repeat``, exact to the sample.

A repeated block equals, bit for bit, the block right before it, and the sound breaks where it begins and
where it ends. Music made of loops repeats too, but over longer times; and a pure tone whose period is
a whole number of samples repeats without a break.
"""

from __future__ import annotations

import numpy as np

from ..spans import Span
from .measures import SILENT_DB, Samples, confidence, db, rms, samples_of
from .prediction import prediction_break

SHORTEST_MS, LONGEST_MS = 1.5, 100.0
"""Lengths of a block."""

_SHORTEST_SPAN_MS = 4.0
_MOST_PLAYS = 8
_ANCHOR_BITS = np.uint64(5)
"""One sample in 32 is looked up: which one is told by the samples themselves, so copies agree."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def find_repeats(samples: Samples, channel: int, rate_hz: int) -> list[Span]:
    """Blocks that equal the block before them.

    Args:
        samples: ``(T,)``, finite.
        channel: its number, for the spans.
        rate_hz: sample rate.
    """
    shortest, longest = samples_of(SHORTEST_MS, rate_hz), samples_of(LONGEST_MS, rate_hz)
    matches = _matches(samples, shortest, longest)
    spans = []
    for start, end, lag in matches:
        length = end - start
        if length < max(0.98 * lag, samples_of(_SHORTEST_SPAN_MS, rate_hz)) or length > _MOST_PLAYS * lag:
            continue
        near = samples_of(150.0, rate_hz)
        others = sum(1 for a, b, p in matches if p != lag and b > start - near and a < end + near)
        block = samples[start:end]
        if others > 1 or db(rms(block)) < SILENT_DB or np.mean(block[1:] == block[:-1]) > 0.3:
            continue
        breaks = prediction_break(samples, start, rate_hz), prediction_break(samples, end, rate_hz)
        score = (max(breaks) - 12.0) / 4.0 + (min(breaks) - 3.0) / 8.0
        if score > -3.0:
            evidence = (
                f"the same {length} samples as {lag * 1000 / rate_hz:.1f} ms before, and the sound breaks "
                f"at both ends (prediction errs by {breaks[0]:.0f} and {breaks[1]:.0f} dB more than usual)"
            )
            spans.append(Span(start, end, channel, "repeat", confidence(score), evidence=evidence))
    return spans


def _matches(samples: Samples, shortest: int, longest: int) -> list[tuple[int, int, int]]:
    """Start, end and lag of stretches that equal what came ``lag`` samples before."""
    if samples.size < 2 * shortest:
        return []
    bits = np.ascontiguousarray(samples).view(np.uint64)
    mixed = (bits[:-1] ^ (bits[1:] << np.uint64(1))) * _MIX
    anchors = np.flatnonzero((mixed >> np.uint64(64 - 5)) == 0)
    anchors = anchors[(anchors < samples.size - 4)]
    anchors = anchors[
        (samples[anchors] != samples[anchors + 1]) & (samples[anchors + 1] != samples[anchors + 2])
    ]
    keys = mixed[anchors] ^ (mixed[anchors + 2] >> np.uint64(3))
    order = np.lexsort((anchors, keys))
    sorted_keys, sorted_anchors = keys[order], anchors[order]
    lags = np.diff(sorted_anchors)
    pairs = np.flatnonzero((np.diff(sorted_keys) == 0) & (lags >= shortest) & (lags <= longest))
    found: set[tuple[int, int, int]] = set()
    covered: dict[int, int] = {}
    for place, lag in sorted(zip(sorted_anchors[pairs + 1].tolist(), lags[pairs].tolist(), strict=True)):
        if covered.get(lag, -1) > place:
            continue
        start, end = _extend(samples, place, lag)
        covered[lag] = end
        found.add((start, end, lag))
    return sorted(found)


def _extend(samples: Samples, place: int, lag: int) -> tuple[int, int]:
    step = 4096
    end = place
    while end < samples.size:
        stop = min(end + step, samples.size)
        different = np.flatnonzero(samples[end:stop] != samples[end - lag : stop - lag])
        if different.size:
            end += int(different[0])
            break
        end = stop
    start = place
    while start > lag:
        stop = max(start - step, lag)
        different = np.flatnonzero(samples[stop:start] != samples[stop - lag : start - lag])
        if different.size:
            start = stop + int(different[-1]) + 1
            break
        start = stop
    return start, end
