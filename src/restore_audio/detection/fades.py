"""Short mutes with ramps: a player faded the sound out to zero, by a line, and back in within a few samples.

In: one channel of a window and its prediction error. Out: spans of kind ``zeros`` with their ramps, exact to
the sample.

Where one or a few samples are exactly zero, it is tested whether the sound on both sides was faded down to
them: how much likelier the samples are with a ramp undone than as they are
(:func:`..signal.smear.likeliest_fade`), and how rare zeros are around. Longer mutes are runs or gaps; those
look for a sound that stops dead, so :func:`with_ramps_muted` takes away first what leads down to zeros.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Run, Samples
from ..signal import screens
from ..signal.least_squares import solve_places
from ..signal.lpc import lpc
from ..signal.smear import likeliest_fade
from ..spans import Span
from .measures import SILENT_DB, confidence, db, median, rms, samples_of
from .runs import FEWEST_SAMPLES, SHORTEST_MS, long_runs
from .screen import Floats

_AROUND = 4096
_MOST_ZEROS = 16
"""Samples around, on either side, and zeros among them at most: where there are more they prove little."""

_KINK = 3.0
_SEVERAL = 4
"""Prediction error, in the median size around, at a zero that the sound passes and that is worth a look; so
many zeros in a row are, and those at which the sound turns."""

_MOST_CANDIDATES = 32
"""In a window of 10 s, those with the fewest others around: quiet sounds often rest at zero."""

_AT_ONCE = 64
"""Zeros whose surroundings are looked at together."""

_BESIDE = 256
_CONTEXT_MS = 30.0
_LEAST_NATS, _UNLIKE = 3.0, 3.0
"""What each ramp must make likelier, and how many times as long the longer may be: an onset has but one."""

_ORDER, _FREEDOM = 32, 4.0
_MEDIAN = 0.741
"""Of the size of what is distributed as Student's t with four degrees of freedom and scale 1."""

_LONGEST = 36
"""Samples of a ramp: players mute with up to 32, and longer ones are sounds that begin."""

_SHORTEST = 3
"""Samples of each ramp where the zeros between are few: a bend of sound that passes zero has less."""

_AS_USUAL = 2.0
"""Prediction costs at most so many times as much over the undone samples as on both sides."""

_NATS, _NATS_PER_SCORE, _LEAST_SCORE = 36.0, 2.0, -2.0
"""Nine in ten mutes that are looked at lie beyond 48 in training music; at 24, four bends of undamaged music
in 70 minutes were taken for mutes, at 36 two."""

_NEAR_MS = 3.0
"""So near to a run of zeros there is sound: what is as soft as its rounding falls to zero by itself."""

_RAMPS_NATS = 14.0
"""What both ramps beside a run of zeros must make likelier in sum; what lies between is weighed as a gap is.
Of 284 mutes of more than 16 samples in training music 278 are found so, where 260 were."""


def with_ramps_muted(samples: Samples, rate_hz: int) -> Samples:
    """The same with zeros in place of the ramps between which a player has muted 16 samples or more.

    Args:
        samples: ``(T,)``, finite; returned as they are where there is no such ramp.
        rate_hz: sample rate.
    """
    context, near = (samples_of(ms, rate_hz) for ms in (_CONTEXT_MS, _NEAR_MS))
    runs = [
        (start, end)
        for start, end in long_runs(samples[1:] == samples[:-1], FEWEST_SAMPLES)
        if samples[start] == 0.0 and context <= start and end + context <= samples.size
    ]
    muted = samples
    for start, end in runs:
        before, after = samples[max(start - 2 * context, 0) : start], samples[end : end + 2 * context]
        if db(min(rms(before[-near:]), rms(after[:near]))) < SILENT_DB:
            continue
        ramps = _ramps(before, after, rate_hz)
        if ramps is not None and ramps[2] >= _RAMPS_NATS and max(ramps[:2]) <= _LONGEST:
            muted = samples.copy() if muted is samples else muted
            muted[start - ramps[0] : end + ramps[1]] = 0.0
    return muted


def _ramps(before: Samples, after: Samples, rate_hz: int) -> tuple[int, int, float] | None:
    """The likeliest ramps on both sides, if they are alike, and by how many nats likelier than none."""
    left, before_nats = likeliest_fade(before, rate_hz)
    if before_nats < _LEAST_NATS:
        return None
    right, after_nats = likeliest_fade(after[::-1], rate_hz)
    if after_nats < _LEAST_NATS or max(left, right) > _UNLIKE * min(left, right):
        return None
    return left, right, before_nats + after_nats


def find_fades(samples: Samples, error: Floats, channel: int, rate_hz: int) -> list[Span]:
    """Mutes of a few samples between ramps.

    Args:
        samples: ``(T,)``, finite.
        error: prediction error ``(T,)``.
        channel: its number, for the spans.
        rate_hz: sample rate.
    """
    places = np.flatnonzero(samples == 0.0)
    if not places.size:
        return []
    around = screens.count_near(places, _AROUND)
    longest = max(FEWEST_SAMPLES, math.ceil(SHORTEST_MS * rate_hz / 1000))
    few = places[around <= longest + _MOST_ZEROS]
    new = np.flatnonzero(np.diff(few, prepend=-2) != 1)
    starts, ends = few[new], few[np.append(new[1:], few.size) - 1] + 1 if few.size else few
    company = around[np.searchsorted(places, starts)] - (ends - starts)
    asked = np.flatnonzero((ends - starts < longest) & _suspicious(samples, error, starts, ends))
    rarest = asked[np.argsort(company[asked], kind="stable")[:_MOST_CANDIDATES]]
    spans = [
        _faded_to(samples, (int(starts[n]), int(ends[n])), channel, rate_hz, int(company[n]))
        for n in np.sort(rarest).tolist()
    ]
    return [span for span in spans if span is not None]


def _suspicious(
    samples: Samples, error: Floats, starts: NDArray[np.integer], ends: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Whether several zeros are in a row, or the sound turns at them, or breaks."""
    found = (ends - starts >= _SEVERAL) | _turns(samples, starts, ends)
    passed = np.flatnonzero(~found)
    for first in range(0, passed.size, _AT_ONCE):
        some = passed[first : first + _AT_ONCE]
        found[some] = _breaks(error, starts[some], ends[some])
    return found


def _turns(samples: Samples, starts: NDArray[np.integer], ends: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether the sound comes back on the side of zero that it left: what passes zero does not."""
    last = samples.size - 1
    before = samples[starts - 2] + samples[starts - 1]
    behind = samples[np.minimum(ends, last)] + np.where(ends < last, samples[np.minimum(ends + 1, last)], 0.0)
    return np.asarray((starts >= 2) & (ends <= last) & (before * behind > 0.0))


def _breaks(error: Floats, starts: NDArray[np.integer], ends: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether prediction errs at fewer than :data:`_SEVERAL` zeros by far more than around them."""
    beside = np.arange(-_BESIDE, _BESIDE + _SEVERAL)
    places = starts[:, None] + beside
    there = (places >= 0) & (places < np.minimum(ends + _BESIDE, error.size)[:, None])
    size = np.where(there, np.abs(error[np.clip(places, 0, error.size - 1)]), np.float32(np.inf))
    near = (beside >= -2) & (places < ends[:, None] + 2) & there
    peak = np.max(size, axis=1, where=near, initial=0.0)
    count, below = there.sum(axis=1), np.count_nonzero(_KINK * size < peak[:, None], axis=1)
    found = below > count // 2
    for n in np.flatnonzero(below == count // 2).tolist():  # the median lies between the two in the middle
        found[n] = peak[n] > _KINK * float(median(size[n][there[n]]))
    return np.asarray(found)


def _faded_to(samples: Samples, zeros: Run, channel: int, rate_hz: int, company: int) -> Span | None:
    start, end = zeros
    context = samples_of(_CONTEXT_MS, rate_hz)
    before, after = samples[max(start - 2 * context, 0) : start], samples[end : end + 2 * context]
    if min(before.size, after.size) < context or db(min(rms(before), rms(after))) < SILENT_DB:
        return None
    likeliest = _ramps(before, after, rate_hz)
    if likeliest is None:
        return None
    left, right, _ = likeliest
    rareness = -math.log(max(company, 1) / (2 * _AROUND))
    # Players fade out as they fade in; each side alone tells its ramp to some samples.
    ramps = {(left, right), *((both, both) for both in (left, right, (left + right) // 2))}
    nats, (left, right) = max((_nats(before, after, end - start, pair), pair) for pair in sorted(ramps))
    score = (nats + rareness - _NATS) / _NATS_PER_SCORE
    sudden = min(left, right) < _SHORTEST and end - start < _SEVERAL
    if score < _LEAST_SCORE or max(left, right) > _LONGEST or sudden:
        return None
    words = f"the sound falls to zero within {left} samples and is back within {right}, as players mute"
    return Span(start - left, end + right, channel, "zeros", confidence(score), evidence=words)


def _nats(before: Samples, after: Samples, zeros: int, ramps: tuple[int, int]) -> float:
    """How much likelier the samples are with both ramps undone, and anything in place of the zeros.

    Sound that passes zero looks faded from either side, but does not go on behind the zero as it came.
    """
    left, right = ramps
    try:
        filter_ = lpc([before[: before.size - left], after[right:]], _ORDER)
    except ValueError:
        return -math.inf
    usual = [np.convolve(side, filter_, "valid") for side in (before[: before.size - left], after[right:])]
    variance = (float(median(np.abs(np.concatenate(usual)))) / _MEDIAN) ** 2 + 1e-12
    heard = np.concatenate([before[-left - _ORDER :], np.zeros(zeros), after[: right + _ORDER]])
    gain = np.concatenate([np.arange(left, 0, -1) / (left + 1), np.arange(1, right + 1) / (right + 1)])
    undone = heard.copy()
    undone[_ORDER : _ORDER + left] /= gain[:left]
    undone[undone.size - _ORDER - right : undone.size - _ORDER] /= gain[left:]
    places = left + np.arange(zeros)
    undone[places + _ORDER], _ = solve_places(filter_, undone, places)
    costs = [_cost(np.convolve(one, filter_, "valid"), variance) for one in (heard, undone, *usual)]
    sides = float(np.concatenate(costs[2:]).mean())
    if float(costs[1].mean()) > _AS_USUAL * sides:
        return -math.inf
    return float(costs[0].sum() - costs[1].sum() - np.log(gain).sum())


def _cost(errors: Samples, variance: float) -> Samples:
    """Minus the logarithm of the likelihood of each prediction error: Student's t, as music surprises."""
    return np.asarray(0.5 * (_FREEDOM + 1) * np.log1p(errors**2 / (_FREEDOM * variance)))
