"""The ends of a gap: where the level changes most, to the sample, and as far outside as music is smeared.

In: one channel and a stretch that rests near one value. Out: first and last sample (exclusive) of the gap.

An encoder leaves noise on both sides of each edge, a resampler rings; no threshold on the level fits them
all. The edge is where two levels, one outside and one inside, explain the samples best (the likelihood of one
change of variance). Where the resting value is left at a clear sample close by, that sample is it. What
ringing and filters have smeared over healthy samples shows in the error of linear prediction from further
outside: it stays high from the edge outwards, for as long as it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Run, Samples
from ..signal.smear import CONTEXT_MS, faded, prediction_errors, smeared
from .measures import median, rms, samples_of


@dataclass(frozen=True)
class Gap:
    """Samples ``start`` to ``end`` (exclusive) that rest near ``value``."""

    start: int
    end: int
    value: float


_OUTSIDE_MS = (4.0, 15.0)
"""How far outside of the stretch the edge is looked for: as far as the stretch is long, within these."""

# Lengths by judgement, for what resampling, filters and codecs smear; ``bench`` says where ends come to lie.
_INSIDE_MS = 15.0
_NOTHING = 10 ** (-30 / 20)
"""What lies 30 dB below the sound outside is as good as nothing: ringing and noise there make no edge."""

_FEWEST = 8
"""Samples on either side of a change of level: fewer have none."""

_FLOOR_FACTOR = 3.0
"""Beyond three peaks of what moves inside the gap, a sample belongs to the sound."""

_CLEAR = 0.1
"""A sample this share of the level outside away from the value is clear: ringing is less after some."""

_CLEAR_MS = 0.5
"""A sample that clearly leaves the resting value is the edge if it lies so near to the change of level."""

_CLEAR_ERROR = 4.0
"""Prediction errors beyond four times their usual size: of a steady sound's 1 in 15,000 is."""

_RINGING = 3
"""Samples beside an edge that are replaced where it rings: so near it is loud. The rest stays."""

_CLICK_CELL_MS, _CLICK_CELLS = 0.5, 10
_FALLS = 0.1
"""A click falls by 20 dB within 5 ms, to what the next 5 ms are; a wave of 20 Hz falls by 10 dB at most."""


def find_edges(samples: Samples, stretch: Run, rate_hz: int) -> Gap | None:
    """The gap around a stretch that rests near one value; None where its two edges cross.

    Args:
        samples: ``(T,)``.
        stretch: first and last sample (exclusive), surely inside at one of its ends.
        rate_hz: sample rate.
    """
    start, end = stretch
    middle = (start + end) // 2
    value = float(median(samples[start:end]))
    outside = min(max(end - start, samples_of(_OUTSIDE_MS[0], rate_hz)), samples_of(_OUTSIDE_MS[1], rate_hz))
    inside = min((end - start) // 2, samples_of(_INSIDE_MS, rate_hz))
    left = samples[max(start - outside, 0) : start + inside] - value
    right = samples[end - inside : end + outside][::-1] - value
    if min(left.size, right.size) < inside + 2 * _FEWEST or inside < _FEWEST:
        return None
    first = start + inside - left.size + change_of_level(left, left.size - inside)
    last = end - inside + right.size - change_of_level(right, right.size - inside)
    if last - first < 2 * _FEWEST:
        return None
    quarter = (last - first) // 4
    floor = _FLOOR_FACTOR * float(np.abs(samples[first + quarter : last - quarter] - value).max())
    near = samples_of(_CLEAR_MS, rate_hz)
    reach = 8 * near + samples_of(CONTEXT_MS, rate_hz)  # so much is looked at outside of an edge
    begin, stop = max(first - reach, 0), min(last + reach, samples.size)
    first = begin + _clear_edge(samples[begin:middle] - value, first - begin, floor, near, rate_hz)
    last = stop - _clear_edge(samples[middle:stop][::-1] - value, stop - last, floor, near, rate_hz)
    return Gap(first, last, value) if first < last else None


def change_of_level(samples: Samples, outside: int) -> int:
    """Where the level changes: the first sample of the second of two levels that explain the samples best.

    Args:
        samples: ``(n,)``, first outside of a gap, then inside.
        outside: samples that are surely outside, by whose level 30 dB below are nothing.
    """
    count = samples.size
    energy = np.cumsum(np.square(samples))
    nothing = energy[outside - 1] / outside * _NOTHING**2
    places = np.arange(_FEWEST, count - _FEWEST)
    before = energy[places - 1] / places
    after = (energy[-1] - energy[places - 1]) / (count - places)
    cost = places * np.log(before + nothing + 1e-30) + (count - places) * np.log(after + nothing + 1e-30)
    return _FEWEST + int(np.argmin(cost))


def _clear_edge(samples: Samples, edge: int, floor: float, near: int, rate_hz: int) -> int:
    """The sample behind the last one that clearly leaves the resting value, if it is near to the edge.

    Args:
        samples: ``(n,)`` from outside to the middle of the gap, less the resting value.
        edge: the change of level.
        floor: what moves inside the gap.
        near: how far the two may lie apart, in samples.
        rate_hz: sample rate.
    """
    first = max(edge - near, 0)
    level = rms(samples[max(edge - 4 * near, 0) : edge])
    size = np.abs(samples[first:])
    sure, any_ = (np.flatnonzero(size > least) for least in (max(floor, _CLEAR * level), floor))
    if not sure.size:
        return edge
    clear, last = first + int(sure[-1]) + 1, first + int(any_[-1]) + 1
    if last != clear and abs(last - edge) <= near:  # the music passes the value, or it rings
        errors, usual = prediction_errors(samples[:last], last - clear, rate_hz)
        if errors.size and errors.max() <= _CLEAR_ERROR * usual:
            clear = last
    return clear if abs(clear - edge) <= near else edge


def click_samples(outside: Samples, rate_hz: int) -> int:
    """Samples of a click that stands at an edge; 0 where there is none.

    Args:
        outside: ``(n,)`` from the edge outwards.
        rate_hz: sample rate.
    """
    cell = samples_of(_CLICK_CELL_MS, rate_hz)
    near = np.abs(outside[: 2 * _CLICK_CELLS * cell])
    if near.size < 2 * _CLICK_CELLS * cell:
        return 0
    peaks = near.reshape(-1, cell).max(axis=1)
    highest = np.maximum.accumulate(peaks)
    for cells in range(1, _CLICK_CELLS + 1):
        if peaks[cells : cells + _CLICK_CELLS].max() < _FALLS * highest[cells - 1]:
            return cells * cell
    return 0


def with_smear(samples: Samples, gap: Run, rate_hz: int) -> Run:
    """The gap, of equal samples with what is faded on both sides of it, else with what rings nearest to it.

    More of the ringing need not be replaced: it gets quiet at once.
    """
    start, end = gap
    equal = bool(np.all(samples[start:end] == samples[start]))
    before, after = samples[:start], samples[end:][::-1]
    return start - _touched(before, equal, rate_hz), end + _touched(after, equal, rate_hz)


def _touched(outside: Samples, equal: bool, rate_hz: int) -> int:
    return faded(outside, rate_hz) if equal else min(smeared(outside, rate_hz), _RINGING)
