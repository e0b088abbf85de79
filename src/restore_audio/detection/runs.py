"""Runs of one value: samples that were lost and came out as zeros, as a constant, or as NaN.

In: a window ``(C, T)``. Out: spans of kind ``nan``, ``zeros`` and ``constant``, exact to the sample.

A run is damage when music stops dead in it and goes on after it as if nothing had happened. What is none:

* silence: the level fades into it, or one side of it is silent or much quieter than the other, or it lasts
  longer than any gap we fill;
* clipping: the run stands at the largest or smallest value around it;
* square waves and coarse quantisation: equal neighbours are common all around it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Run, Samples, runs_of
from ..spans import Span
from .measures import SILENT_DB, confidence, db, rms, samples_of
from .rounding import ADJACENT, is_clipped, values_crossed

FEWEST_SAMPLES = 16
SHORTEST_MS = 0.3
"""At 8 kHz sounds below 200 Hz rest for 16 samples at a crest, at 48 kHz 16 samples are 0.3 ms."""

LONGEST_MS = 1.5
"""Longer runs are gaps, which need not be exact (:mod:`.gaps`)."""

_CONTEXT_MS = 40.0
"""Long enough for one period of the lowest notes (27.5 Hz), so that its level does not hang on the phase."""

_EDGE_MS = 1.0
"""Whose level beside a run says whether the sound stops dead."""

# The level of the millisecond at either edge relative to the 40 ms on its side, and the jump to the run: so
# low that runs cut into music pass (tests/test_detect.py), so high that a fade does not.
_WEAKER_EDGE_DB = -22.0
_STRONGER_EDGE_DB = -12.0
_JUMP_DB = -24.0

_STEADY_DB = 20.0
"""Where the level changes by more, a sound ends and another begins: the run is the silence between them."""

_FEWEST_VALUES = 8.0
"""A run whose neighbours are no more of the values in use away rests on the crest of a rounded wave; in 8 bit
and in mu-law they are up to 5 or 6 away."""

_COMMON = 0.02
"""Share of equal neighbours around from which on runs come about by chance."""

_COMPANY_MS, _MOST_COMPANY = 500.0, 12
"""Sound that rests so often within so far on either side is made of steps (square waves, chiptune): even a
wave of 13 Hz rests more often, and losses of less than 1.5 ms do not come by the dozen a second."""

_CHANCE_NATS = 14.0
"""How unlikely a run of chance must be: e^-14, once in 20 s of such neighbours at 44.1 kHz."""

_TOGETHER_SAMPLES = 2
"""How far the ends of runs that were lost at once may be apart: sound may pass through zero there."""

_DB_PER_NAT = 3.0
"""Margins are divided by this: 3 dB beyond every threshold are a confidence of e / (1 + e) = 73 %."""

_LEAST_SCORE = -3.0
"""What is less likely (5 %) is not handed on."""


def find_nan(window: Samples) -> list[Span]:
    """Every run of NaN or infinite samples."""
    if np.isfinite(window.sum()):
        return []
    return [
        Span(start, end, channel, "nan", evidence="samples that are no finite numbers (NaN or infinite)")
        for channel, samples in enumerate(window)
        for start, end in runs_of(~np.isfinite(samples))
    ]


def find_runs(samples: Samples, channel: int, rate_hz: int, longest: int) -> list[Span]:
    """Runs of zeros or of a constant in one channel.

    Args:
        samples: ``(T,)``, finite.
        channel: its number, for the spans.
        rate_hz: sample rate.
        longest: runs longer than this many samples are silence.
    """
    equal = samples[1:] == samples[:-1]
    fewest = max(FEWEST_SAMPLES, math.ceil(SHORTEST_MS * rate_hz / 1000))
    runs = long_runs(equal, fewest)
    if not runs:
        return []
    lost = np.zeros(samples.size, dtype=bool)
    for start, end in runs:
        lost[start:end] = True
    spans = []
    longest = min(longest, samples_of(LONGEST_MS, rate_hz))
    starts = np.array([start for start, _ in runs])
    near = samples_of(_COMPANY_MS, rate_hz)
    company = np.searchsorted(starts, starts + near) - np.searchsorted(starts, starts - near) - 1
    for (start, end), others in zip(runs, company.tolist(), strict=True):
        if start == 0 or end == samples.size or end - start >= longest or others > _MOST_COMPANY:
            continue
        score = _score(samples, equal, lost, (start, end), rate_hz)
        if score > _LEAST_SCORE:
            kind = "zeros" if samples[start] == 0.0 else "constant"
            spans.append(
                Span(
                    start,
                    end,
                    channel,
                    kind,
                    confidence(score),
                    evidence=run_evidence(samples, (start, end), rate_hz),
                )
            )
    return spans


def run_evidence(samples: Samples, run: Run, rate_hz: int) -> str:
    """The evidence for a run of equal samples, in words."""
    start, end = run
    context = samples_of(_CONTEXT_MS, rate_hz)
    value = samples[start]
    what = "exactly zero" if value == 0.0 else f"held at {value:.5f}"
    before, after = rms(samples[max(start - context, 0) : start]), rms(samples[end : end + context])
    return (
        f"{end - start} samples {what}, between sound of {db(before):.0f} and {db(after):.0f} dBFS "
        "that does not fade"
    )


def lost_together(one: Samples, other: Samples, place: int) -> Run | None:
    """The run of one value in ``other``, if a run of ``one`` begins and ends with it; both hold ``place``.

    Args:
        one: ``(T,)``, a channel in which a run is damage.
        other: ``(T,)``, another channel.
        place: a sample within that run.
    """
    here, there = (_run_at(samples, place) for samples in (one, other))
    apart = max(abs(a - b) for a, b in zip(here, there, strict=True))
    return there if there[1] - there[0] >= FEWEST_SAMPLES and apart <= _TOGETHER_SAMPLES else None


def _run_at(samples: Samples, place: int) -> Run:
    """First and last (exclusive) sample of the run of equal samples around a place."""
    before = np.flatnonzero(samples[:place] != samples[place])
    behind = np.flatnonzero(samples[place:] != samples[place])
    return (
        int(before[-1]) + 1 if before.size else 0,
        place + int(behind[0]) if behind.size else samples.size,
    )


def long_runs(equal: NDArray[np.bool_], fewest: int) -> list[Run]:
    """Runs of at least ``fewest`` equal samples, found eight neighbours at a time."""
    whole = equal.size // 8 * 8
    groups = np.flatnonzero(equal[:whole].view(np.uint64) == 0x0101010101010101)
    if groups.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(groups) > 1)
    firsts = groups[np.concatenate([[0], breaks + 1])] * 8
    lasts = (groups[np.concatenate([breaks, [groups.size - 1]])] + 1) * 8
    runs: list[Run] = []
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        start, end = first, last
        while start > 0 and equal[start - 1]:
            start -= 1
        while end < equal.size and equal[end]:
            end += 1
        if end + 1 - start >= fewest:
            runs.append((start, end + 1))
    return runs


def _score(
    samples: Samples, equal: NDArray[np.bool_], lost: NDArray[np.bool_], run: Run, rate_hz: int
) -> float:
    start, end = run
    context = samples_of(_CONTEXT_MS, rate_hz)
    edge = max(FEWEST_SAMPLES, samples_of(_EDGE_MS, rate_hz))
    left, right = slice(max(start - context, 0), start), slice(end, end + context)
    before, after = samples[left][~lost[left]], samples[right][~lost[right]]
    if min(before.size, after.size) < edge:
        return -np.inf
    level_before, level_after = rms(before), rms(after)
    quieter = min(level_before, level_after)
    if db(quieter) < SILENT_DB:
        return -np.inf
    value = samples[start]
    if is_clipped(before, after, value):
        return -np.inf
    edges = (
        db(rms(before[-edge:] - value) / level_before),
        db(rms(after[:edge] - value) / level_after),
    )
    margins = [min(edges) - _WEAKER_EDGE_DB, max(edges) - _STRONGER_EDGE_DB]
    margins.append(_STEADY_DB - db(max(level_before, level_after) / quieter))
    jumps = (
        np.abs(before[-ADJACENT:] - value).max() / level_before,
        np.abs(after[:ADJACENT] - value).max() / level_after,
    )
    margins.append(db(float(max(jumps))) - _JUMP_DB)
    margins.append(db(values_crossed(before, after, value) / _FEWEST_VALUES))
    around = np.concatenate(
        [equal[left][~lost[left]], equal[end : end + context][~lost[right][: equal.size - end]]]
    )
    common = float(np.mean(around))
    if common > _COMMON:
        margins.append(
            _CHANCE_NATS / 4 * math.log(-(end - start) * math.log(min(common, 0.999)) / _CHANCE_NATS)
        )
    return min(margins) / _DB_PER_NAT
