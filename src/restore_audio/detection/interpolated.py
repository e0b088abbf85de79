"""Samples that a player made up: held, joined by a line, or put in the middle of their neighbours.

In: one channel of a window. Out: spans of kind ``interpolated``, exact to the sample.

What a player makes up obeys its rule to the last bit: the second difference of a line, and of a held value,
is zero but for rounding; so is that of a mean of two neighbours, at every other sample where errors are
spread over a disc. Music comes to lie on a line by chance as well. How unlikely that is, is measured in three
ways: how often second differences vanish around, how large they are right beside (the flanks of a saw-tooth
begin and end gently), and what a model of the music around says (:mod:`.surprise`). The least of the three
counts, and only what would not happen in hours of music is reported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal.screens import mark_straight, straight_stretches
from ..spans import Span
from .measures import SILENT_DB, confidence, db, median, rms
from .runs import FEWEST_SAMPLES, SHORTEST_MS
from .surprise import surprise

_GRIDS = (2.0**-7, 2.0**-15, 2.0**-23)
"""Steps of 8, 16 and 24 bit."""

_FINEST = 2.0**-22
"""What counts as the same in samples on none of these grids, which are floats."""

_ROUNDING = 2.0**-23
"""Of floats of 32 bit, relative to the value."""

_SMALL = 2.0**-15
"""Values below it are no more exact: what is as quiet was rounded before, or is noise."""

_ROUNDED = 1.05
"""Steps that the second difference of rounded values on a line, and their way off it, may span."""

_FEWEST = 3
"""Samples of a stretch: two fit a line or a mean by chance too often to prove anything."""

_BETWEEN = 0.3
"""Share of the good samples between averaged ones that may lie straight, by chance."""

_MOST = 24
"""Samples of a stretch that are weighed: more would prove nothing more."""

_LONGEST_HELD = 64
"""Samples: players mute what lasts longer."""

_AROUND, _WIDELY = 96, 2048
"""Samples on either side in which vanishing second differences are counted: the larger share is taken, and
where there are none nearby, the more samples say how rare they are."""

_BESIDE = (16, 48)
"""And in which the usual size of second differences is taken, the smallest of four medians."""

_DENSITY = 1.86
"""Samples that bend by b to either side (median) hit a place of width w with a chance of w / (1.86 b): the
normal density at its middle is 1 / (3.72 · median), and half a bend is the way off the neighbours' mean."""

_NATS = 16.0
"""e^-16 is once in nine million stretches; few stretches are weighed at all, so once in hours of music."""

_NATS_PER_SCORE = 2.0
"""Two nats beyond the threshold are a confidence of 73 %."""

_SHARED_NATS = 1.0
"""Taken off for each sample: neighbouring samples vanish together more often than each alone would."""

_CLIPPED = 0.97
"""Of the largest or smallest sample around: values held there are clipped."""

_HELD = 0.3
"""Share of equal neighbours from which on values are held throughout: square waves, doubled samples."""

_FEW_EQUAL = 0.1
"""Share of samples that equal others, up to which their number tells how many values there are."""

_FADED, _FADED_IN = 0.03, 0.1
"""Zeros are silence where the four samples on one side are 30 dB below those on the other, or those on both
sides 20 dB below the level around: a player that holds a sample seldom holds a zero."""

_LEVEL_SAMPLES = 4096
"""On either side, for the level and for the values that samples take."""

_LEAST_SCORE = -2.0
"""What is less likely (12 %) is not handed on."""

_MOST_CANDIDATES = 200
"""Windows with more are made of lines."""


Flags = NDArray[np.bool_]
Totals = NDArray[np.int32]
Places = NDArray[np.integer]


@dataclass(frozen=True)
class _Stretch:
    """Samples ``places`` (indices, in order) that may be made up; every other one if ``means``."""

    places: NDArray[np.int64]
    means: bool


def find_interpolated(samples: Samples, channel: int, rate_hz: int) -> list[Span]:
    """Samples that a player held, joined or averaged.

    Args:
        samples: ``(T,)``, finite.
        channel: its number, for the spans.
        rate_hz: sample rate.
    """
    if samples.size < 4 * _AROUND:
        return []
    step = _step(samples)
    straight, totals = mark_straight(samples, _ROUNDED * step, _AROUND)
    longest_run = max(FEWEST_SAMPLES, math.ceil(rate_hz * SHORTEST_MS / 1000))
    spans = []
    for stretch in _screened(samples, straight, totals, step):
        nats = _nats(samples, straight, totals, stretch, step, longest_run)
        score = (nats - _NATS) / _NATS_PER_SCORE
        if score > _LEAST_SCORE:
            first, last = int(stretch.places[0]), int(stretch.places[-1]) + 1
            first -= 0 if stretch.means else _held_before(samples, first)
            rule = "are the mean of their neighbours" if stretch.means else "are held or lie on a line"
            evidence = (
                f"{stretch.places.size} samples {rule} to within rounding, which the sound around would do "
                f"by chance with odds of one in 10^{nats / math.log(10):.0f}"
            )
            spans.append(Span(first, last, channel, "interpolated", confidence(score), evidence=evidence))
    return spans


def _step(samples: Samples) -> float:
    """The grid on which the samples lie, as far as every hundredth tells."""
    some = samples[::97]
    return next((grid for grid in _GRIDS if np.all(np.rint(some / grid) == some / grid)), _FINEST)


def _screened(samples: Samples, straight: Flags, totals: Totals, step: float) -> list[_Stretch]:
    """Stretches that lie straight where little else does."""
    found = []
    for every in (1, 2):
        first, last = _stretches(samples, straight, totals, every)
        count = (last - first + every - 1) // every
        likely = np.minimum(count, _MOST) * (
            np.minimum(_rareness(totals, first, last), _rarest(step)) - _SHARED_NATS
        )
        good = np.flatnonzero(likely > _NATS + _LEAST_SCORE * _NATS_PER_SCORE)
        first, last, count = first[good], last[good], count[good]
        exact = np.array(
            [_exactness(samples, np.arange(a, b, every), step) for a, b in zip(first, last, strict=True)]
        )
        rough = np.log(np.maximum(_DENSITY * _roughness(samples, first, last) / exact, 1e-9)) - _SHARED_NATS
        good = np.flatnonzero(np.minimum(count, _MOST) * rough > _NATS + _LEAST_SCORE * _NATS_PER_SCORE)
        if good.size > _MOST_CANDIDATES:
            continue
        found += [
            _Stretch(np.arange(a, b, every), every == 2)
            for a, b in zip(first[good].tolist(), last[good].tolist(), strict=True)
        ]
    return found


def _stretches(samples: Samples, straight: Flags, totals: Totals, every: int) -> tuple[Places, Places]:
    """First and last (exclusive) of the stretches in which each sample, or every other one, is straight."""
    compiled = straight_stretches(samples, straight, totals, every, _FEWEST, _BETWEEN)
    if compiled is not None:
        return compiled
    if every == 2:
        return _every_other(straight, totals)
    starts, ends = _edges(straight)
    kept = ends - starts >= 2
    starts, ends = _joined(starts[kept], ends[kept], 1)
    # Of a held value the last sample bends: it is held as well.
    ends = ends + (samples[ends - 1] == samples[ends])
    enough = ends - starts >= _FEWEST
    return starts[enough], ends[enough]


def _held_before(samples: Samples, first: int) -> int:
    """How many samples before a line hold one value: of two that are held only one lies straight."""
    earlier = samples[max(first - _LONGEST_HELD - 1, 0) : first]
    moves = np.flatnonzero(earlier[1:] != earlier[:-1])
    return int(earlier.size - 2 - moves[-1]) if moves.size else 0


def _exactness(samples: Samples, places: NDArray[np.int64], step: float) -> float:
    """How exactly samples obey their rule: to a step of their grid, and floats as they show it themselves."""
    if step > _FINEST:
        return step
    bends = np.abs(samples[places + 1] - samples[places] - (samples[places] - samples[places - 1]))
    bends = bends[bends <= _ROUNDED * step]  # a corner is none
    return float(max(bends.max(initial=0.0), _ROUNDING * max(np.abs(samples[places]).max(), _SMALL)))


def _edges(flags: Flags) -> tuple[Places, Places]:
    """First and last (exclusive) index of each stretch of true values; none may touch an end."""
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    return edges[0::2], edges[1::2]


def _joined(starts: Places, ends: Places, apart: int) -> tuple[Places, Places]:
    """The same stretches, those at most ``apart`` from the next one joined with it."""
    if starts.size == 0:
        return starts, ends
    new = np.flatnonzero(starts[1:] - ends[:-1] > apart)
    return starts[np.concatenate([[0], new + 1])], ends[np.concatenate([new, [ends.size - 1]])]


def _every_other(straight: Flags, totals: Totals) -> tuple[Places, Places]:
    """First and last (exclusive) index of stretches in which every other sample, and few more, are true."""
    firsts, lasts = [], []
    for phase in (0, 1):
        starts, ends = _edges(straight[phase::2])
        first, last = 2 * starts + phase, 2 * ends + phase - 1
        count = ends - starts
        between = totals[last] - totals[first] - count
        kept = (count >= _FEWEST) & (between <= _BETWEEN * count)
        firsts.append(first[kept])
        lasts.append(last[kept])
    return np.concatenate(firsts), np.concatenate(lasts)


def _rareness(totals: Totals, first: Places, last: Places) -> Samples:
    """Minus the logarithm of the share of straight samples around each stretch."""
    size = totals.size - 1
    share = np.zeros(first.size)
    for reach, least in ((_AROUND, 0), (_WIDELY, 1)):
        begin, end = np.maximum(first - reach, 0), np.minimum(last + reach, size)
        stop, start = first - 2, np.minimum(last + 2, size)
        count = totals[stop] - totals[begin] + totals[end] - totals[start]
        share = np.maximum(share, np.maximum(count, least) / (stop - begin + end - start))
    return np.asarray(-np.log(share))


def _rarest(step: float) -> float:
    """The most that rareness may say: on a grid music lies straight where it never did before."""
    return math.log(2 * _AROUND) if step > _FINEST else math.inf


def _roughness(samples: Samples, first: Places, last: Places) -> Samples:
    """How much the sound bends right beside each stretch, at its calmest."""
    medians = []
    for size in _BESIDE:
        reach = np.arange(2, 2 + size)
        for places in (first[:, None] - 1 - reach, last[:, None] - 1 + reach):
            middle = np.clip(places + 1, 1, samples.size - 2)  # the bend of sample k is that at k + 1
            bends = samples[middle + 1] - samples[middle] - (samples[middle] - samples[middle - 1])
            medians.append(median(np.abs(bends)))
    return np.asarray(np.min(medians, axis=0))


def _nats(
    samples: Samples,
    straight: Flags,
    totals: Totals,
    stretch: _Stretch,
    step: float,
    longest_run: int,
) -> float:
    """What the least of the three measures says, in nats; −inf for what can be something else."""
    first, last = int(stretch.places[0]), int(stretch.places[-1]) + 1
    near = samples[max(first - _LEVEL_SAMPLES, 0) : last + _LEVEL_SAMPLES]
    beside = (
        samples[max(first - _LEVEL_SAMPLES // 4, 0) : first],
        samples[last : last + _LEVEL_SAMPLES // 4],
    )
    if min(db(rms(side)) for side in beside) < SILENT_DB or np.mean(near[1:] == near[:-1]) > _HELD:
        return -math.inf
    if not stretch.means:
        held = samples[first:last][samples[first:last] == samples[first - 1 : last - 1]]
        alone = held.size >= last - first - 1
        zeros = held.size - int(np.count_nonzero(held))
        if held.size > _LONGEST_HELD or zeros >= longest_run or (alone and held.size >= longest_run):
            return -math.inf  # a run, which has its own detector
        if 0 < zeros == held.size and _is_silence(samples, first, last, min(map(rms, beside))):
            return -math.inf
        around = samples[first - _AROUND // 2 : last + _AROUND // 2] if alone else near
        if held.size and (held.max() >= _CLIPPED * around.max() or held.min() <= _CLIPPED * around.min()):
            return -math.inf  # clipped, or the crest of a wave
        if not _on_lines(samples, straight, first, last, step):
            return -math.inf
    asked = stretch.places[:_MOST]
    exactness = max(_spacing(near, samples[asked]), _exactness(samples, asked, step))
    count = asked.size
    ends = np.array([first]), np.array([last])
    bends = np.abs(np.diff(samples[max(first - _LEVEL_SAMPLES, 0) : last + _LEVEL_SAMPLES], n=2))
    shift = max(first - _LEVEL_SAMPLES, 0)
    rough = float(_roughness(samples[shift : last + _LEVEL_SAMPLES], ends[0] - shift, ends[1] - shift)[0])
    if not stretch.means:
        corners = (bends[first - shift - 3 : first - shift - 1], bends[last - shift - 1 : last - shift + 1])
        rough = min(rough, *(float(corner.max()) for corner in corners))
    measures = (
        count * min(float(_rareness(totals, *ends)[0]), _rarest(step)),
        count * math.log(max(_DENSITY * rough / exactness, 1e-9)),
        surprise(samples, asked, exactness),
    )
    return min(measures) - _SHARED_NATS * count


def _is_silence(samples: Samples, first: int, last: int, level: float) -> bool:
    """Whether a sound fades to the zeros of a stretch, and the next begins dead or fades in as well."""
    sides = [float(np.abs(side).max()) for side in (samples[first - 4 : first], samples[last : last + 4])]
    return min(sides) < _FADED * max(sides) or max(sides) < _FADED_IN * level


def _on_lines(samples: Samples, straight: Flags, first: int, last: int, step: float) -> bool:
    """Whether each part between two bends is a line but for rounding, not a curve that bends a little."""
    corners = [first - 1, *(first + np.flatnonzero(~straight[first:last])).tolist(), last]
    for start, end in pairwise(corners):
        off = samples[start : end + 1] - np.linspace(samples[start], samples[end], end + 1 - start)
        if np.ptp(off) > _ROUNDED * step:
            return False
    return True


def _spacing(near: Samples, values: Samples) -> float:
    """How far apart the values lie that samples can take around there: µ-law is coarse where it is loud.

    No farther than those that they take and, where few of them are equal, than makes as many equal by chance.
    """
    levels = np.unique(near)
    if levels.size < 3:
        return math.inf
    place = np.clip(np.searchsorted(levels, values), 1, levels.size - 2)
    taken = float(median(np.minimum(levels[place] - levels[place - 1], levels[place + 1] - levels[place])))
    equal = near.size - levels.size
    if equal > _FEW_EQUAL * near.size:
        return taken
    return min(taken, 2.0 * (equal + 1) / near.size**2 * float(levels[-1] - levels[0]))
