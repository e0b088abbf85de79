"""Gaps that went through something afterwards: the sound stops dead, rests near one value, and goes on.

In: one channel of a window. Out: candidates, each with the evidence (:mod:`.gap_evidence`) that
:mod:`.verifier` weighs.

Resampling, dither, noise, filters and codecs leave no two samples equal, but a gap stays what it was: its
level, at a resolution of a quarter of a millisecond, falls and rises by more than 20 dB within one
millisecond and rests in between. That is looked for from both sides, as an encoder may have smeared one of
the two edges. A resting value other than zero changes nothing, since the level of a cell is the range of
its samples.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays import Run, Samples, runs_of
from ..signal import screens
from ..signal.running import running_max
from ..spans import Span
from .candidate import Candidate
from .gap_edges import Gap, click_samples, find_edges
from .gap_evidence import FEATURES, gap_evidence, sides_of
from .measures import SILENT_DB, db, median, rms, samples_of
from .rounding import is_clipped
from .runs import LONGEST_MS as LONGEST_RUN_MS
from .runs import run_evidence
from .verifier import load_verifier

SHORTEST_MS = LONGEST_RUN_MS
"""Shorter stretches are the crests of slow waves as often as gaps; exact runs are looked for there."""

_LEAST_SIDE_MS = 5.0
"""A gap nearer to the end of the recording has no surroundings to be told from."""

_OFFSET = 0.1
"""A gap that rests this share of the level around it away from zero is a constant, not zeros."""

CELLS_PER_S = 4000
_FALL = 0.1
"""−20 dB: how far the range falls within five cells. Gaps that were encoded or processed afterwards still
do, at one edge at least (tests/test_gaps.py); music seldom does, and the verifier decides."""

_AROUND_CELLS = 4
"""Cells (1 ms) that are compared before and after a fall; the cell of the edge itself is left out."""

_CROWDED_MS = 250.0
_CROWD = 12
"""More falls than this within 250 ms on either side are the pulses of a wave or of a voice."""

_LEAST_DEPTH_DB = 18.0
"""What lies less below its quieter side is not rest: codecs fill a gap to less than that."""

_MOST_OTHERS, _PATTERN_SCORE = 7, 2.0
"""More than seven others within 2.5 s are a pattern if they are shallow, or leave much silence; this is taken
off the score for each doubling of them. None of 130 gaps found in 16 excerpts of training music had more than
six others, of 13 false ones in gates and patterns nine had from 13 to 48."""

_SHALLOW_DB, _MOST_SILENCE = 40.0, 0.15
"""Deeper gaps with less silence around can be lost packets, which come by the dozen too."""


def find_gaps(samples: Samples, rate_hz: int, longest: int) -> list[Candidate]:
    """Stretches that may be gaps.

    Args:
        samples: ``(T,)``, finite.
        rate_hz: sample rate.
        longest: in samples.
    """
    cell = max(4, round(rate_hz / CELLS_PER_S))
    side = samples_of(_LEAST_SIDE_MS, rate_hz)
    if samples.size < 4 * side:
        return []
    ranges = screens.cell_ranges(samples, cell)
    crowd, most = samples_of(_CROWDED_MS, rate_hz) // cell, longest // cell + 2 * _AROUND_CELLS
    size = ranges.size
    forwards = _rests(ranges, most, crowd)
    backwards = [(size - end, size - start) for start, end in _rests(ranges[::-1], most, crowd)]
    shortest = samples_of(SHORTEST_MS, rate_hz)
    found = [find_edges(samples, (s * cell, e * cell), rate_hz) for s, e in _united(forwards + backwards)]
    gaps = [
        gap
        for gap in found
        if gap is not None
        and shortest <= gap.end - gap.start <= longest
        and side <= gap.start
        and gap.end + side <= samples.size
        and _is_no_wave(samples, gap, rate_hz)
    ]
    evidence = gap_evidence(samples, gaps, rate_hz)
    made = [Candidate(g.start, g.end, e, partial(_doubt, e)) for g, e in zip(gaps, evidence, strict=True)]
    return _doubted_behind_clicks(samples, gaps, made, rate_hz)


def _doubted_behind_clicks(
    samples: Samples, gaps: list[Gap], found: list[Candidate], rate_hz: int
) -> list[Candidate]:
    """Gaps that begin or end at a click are doubted as far as they are less certain without it.

    A rest that ends at a click is as steep there as a gap. Behind a gap the music goes on at its level,
    behind a rest it is still quiet, or begins softly. So the click is cut out, and the gap weighed again.
    """
    kept = np.ones(samples.size, dtype=bool) if gaps else np.zeros(0, dtype=bool)
    for gap in gaps:
        kept[gap.end : gap.end + click_samples(samples[gap.end :], rate_hz)] = False
        kept[gap.start - click_samples(samples[: gap.start][::-1], rate_hz) : gap.start] = False
    for gap in gaps:
        kept[gap.start : gap.end] = True  # of two gaps side by side neither is the other's click
    if all(kept[gap.start - 1] and kept[gap.end] for gap in gaps):
        return found
    alone, places = samples[kept], np.concatenate([[0], np.cumsum(kept)])
    cut = {n: Gap(int(places[g.start]), int(places[g.end]), g.value) for n, g in enumerate(gaps)}
    side = samples_of(_LEAST_SIDE_MS, rate_hz)
    struck = [
        number
        for number, gap in enumerate(gaps)
        if not (kept[gap.start - 1] and kept[gap.end])
        and side <= cut[number].start
        and cut[number].end + side <= alone.size
    ]
    if not struck:
        return found
    bare = [replace(found[number], doubt=float) for number in struck]
    evidence = gap_evidence(alone, [cut[number] for number in struck], rate_hz)
    again = [replace(candidate, features=own) for candidate, own in zip(bare, evidence, strict=True)]
    scores, behind = (load_verifier("gap").scores(candidates) for candidates in (bare, again))
    less = dict(zip(struck, np.maximum(scores - behind, 0.0).tolist(), strict=True))
    made = []
    for number, candidate in enumerate(found):
        if number not in less:
            made.append(candidate)
        elif _is_no_wave(alone, cut[number], rate_hz):
            made.append(replace(candidate, doubt=partial(float, candidate.doubt() + less[number])))
    return made


def _doubt(features: Samples) -> float:
    """What speaks against a gap beside its evidence: many others that do not close, or leave much silence."""
    evidence = dict(zip(FEATURES, features.tolist(), strict=True))
    if evidence["depth"] >= _SHALLOW_DB and evidence["silence around"] <= _MOST_SILENCE:
        return 0.0
    return _PATTERN_SCORE * max(float(evidence["other gaps"]) - math.log2(1 + _MOST_OTHERS), 0.0)


def _rests(ranges: Samples, most: int, crowd: int) -> list[Run]:
    """Cells between a steep fall and the return to a tenth of the level before it."""
    size = ranges.size
    around = running_max(ranges, _AROUND_CELLS, first=0)  # of cells k … k + 3
    before, after = np.zeros(size), np.full(size, np.inf)
    before[_AROUND_CELLS:] = around[: size - _AROUND_CELLS]
    after[: size - _AROUND_CELLS - 1] = around[1 : size - _AROUND_CELLS]
    falls = runs_of(after < _FALL * before)
    places = np.array([first for first, _ in falls])
    crowds = np.searchsorted(places, places + crowd) - np.searchsorted(places, places - crowd)
    found: list[Run] = []
    for (first, last), company in zip(falls, crowds.tolist(), strict=True):
        steepest = first + int(np.argmin(after[first:last] / before[first:last])) + 1
        if company > _CROWD or (found and steepest < found[-1][1]):
            continue
        returns = np.flatnonzero(ranges[steepest : steepest + most] >= _FALL * before[first:last].max())
        if returns.size and returns[0] >= _AROUND_CELLS:
            found.append((steepest, steepest + int(returns[0])))
    return found


def _united(stretches: list[Run]) -> list[Run]:
    """Overlapping stretches joined: the two views of one gap."""
    united: list[Run] = []
    for first, last in sorted(stretches):
        if united and first < united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], last))
        else:
            united.append((first, last))
    return united


def _is_no_wave(samples: Samples, gap: Gap, rate_hz: int) -> bool:
    """Whether the gap lies far below both sides, neither of them is silent, and it is no clipped top."""
    quarter = (gap.end - gap.start) // 4
    inside = rms(samples[gap.start + quarter : gap.end - quarter] - gap.value)
    sides = sides_of(samples, gap, rate_hz)
    quieter = min(rms(side - side.mean()) for side in sides)
    deep = db(quieter) > SILENT_DB and quieter > inside * 10 ** (_LEAST_DEPTH_DB / 20)
    return deep and not is_clipped(*sides, gap.value) and not _is_short_run(samples, gap, rate_hz)


def _is_short_run(samples: Samples, gap: Gap, rate_hz: int) -> bool:
    """Whether most of it is a run of equal samples whose ends :mod:`.runs` finds to the sample."""
    inside = samples[gap.start : gap.end]
    longest = 1 + max((end - start for start, end in runs_of(inside[1:] == inside[:-1])), default=0)
    return inside.size < 2 * longest < 2 * samples_of(SHORTEST_MS, rate_hz)


def as_gap(samples: Samples, span: Span, rate_hz: int) -> Span:
    """The same span with its kind: ``constant`` or ``zeros``, by the value it rests at."""
    value = float(median(samples[span.start : span.end]))
    sides = sides_of(samples, Gap(span.start, span.end, value), rate_hz)
    kind = "constant" if abs(value) > _OFFSET * min(rms(side - side.mean()) for side in sides) else "zeros"
    if np.all(samples[span.start : span.end] == value):
        return replace(span, kind=kind, evidence=run_evidence(samples, (span.start, span.end), rate_hz))
    return replace(span, kind=kind)
