"""The evidence about gaps: how dead the sound stops, and whether it stops so by itself elsewhere.

In: one channel of a window and its gaps. Out: evidence ``(30,)`` for each, for :mod:`.verifier`.

A gap of lost samples strikes anywhere. A gate closes where the level is low, so that nothing lower is left
in the recording; a rhythm has its stops at equal distances; the next note has another pitch. Each of these
is told by the company of a gap in its window, not by itself alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal.convolution import fast_length
from ..signal.lpc import errors_of
from .candidate import symmetries
from .gap_edges import Gap
from .measures import db, median, rms, samples_of
from .prediction import ORDER
from .rounding import ADJACENT, values_crossed

FEATURES = (
    "depth",
    "length",
    "lower edge",
    "higher edge",
    "lower jump",
    "higher jump",
    "smaller break",
    "larger break",
    "lower edge over the inside",
    "higher edge over the inside",
    "level change",
    "fall inside",
    "rise inside",
    "depth of the differences",
    "level inside",
    "level outside",
    "share of the sound that is quieter before",
    "share of the sound that is quieter after",
    "the same before, of the other gaps",
    "other gaps",
    "gaps at equal distances",
    "likeness",
    "likeness before",
    "values crossed",
    "level in steps",
    "equal neighbours",
    "beyond the peaks",
    "fall before",
    "rise behind",
    "silence around",
)

# The verifier was trained on evidence that is computed with these: a change needs examples/train_verifier.py.
CONTEXT_MS = 40.0
_EDGE_MS = 1.0
_FLOOR = 1e-7
"""−140 dBFS: digital silence."""

_INSIDE_SAMPLES, _SOFT_SAMPLES = 12, 2
"""Of a gap, over which the prediction from outside may err; and those outside that may be smeared."""

_BREAK_MS = 20.0
_LEVEL_MS = 10.0
_HEARD_DB = -70.0
_NEAR_S = 2.5
_EQUAL_MS = 1.0
_LIKE_MS = 10.0


def gap_evidence(samples: Samples, gaps: Sequence[Gap], rate_hz: int) -> list[Samples]:
    """Evidence about each gap of a channel.

    Args:
        samples: ``(T,)``.
        gaps: in order, some milliseconds from either end.
        rate_hz: sample rate.
    """
    if not gaps:
        return []
    size = samples_of(_LEVEL_MS, rate_hz)
    levels, sound = _sound(samples, gaps, size)
    before, after = _quieter_shares(samples, gaps, np.sort(levels[sound]), size)
    starts = np.array([gap.start for gap in gaps])
    reach = round(_NEAR_S * rate_hz)
    evidence = []
    for number, gap in enumerate(gaps):
        near = np.abs(starts - gap.start) < reach
        near[number] = False
        company = [
            before[number],
            after[number],
            float(median(before[near])) if near.any() else 0.5,
            math.log2(1 + np.count_nonzero(near)),
            math.log2(1 + symmetries(starts[near] - gap.start, samples_of(_EQUAL_MS, rate_hz))),
        ]
        around = sound[max((gap.start - reach) // size, 0) : (gap.end + reach) // size]
        values = [
            *_own(samples, gap, rate_hz),
            *company,
            *_likenesses(samples, gap, rate_hz),
            *_rounding(samples, gap, rate_hz),
            *_course(samples, gap, rate_hz),
            1.0 - float(np.mean(around)),
        ]
        evidence.append(np.clip(np.array(values), -140.0, 60.0))
    return evidence


def sides_of(samples: Samples, gap: Gap, rate_hz: int) -> tuple[Samples, Samples]:
    """The 40 ms before and behind a gap, as far as there are."""
    context = samples_of(CONTEXT_MS, rate_hz)
    return samples[max(gap.start - context, 0) : gap.start], samples[gap.end : gap.end + context]


def _own(samples: Samples, gap: Gap, rate_hz: int) -> list[float]:
    """What the gap itself shows."""
    edge = samples_of(_EDGE_MS, rate_hz)
    before, after = sides_of(samples, gap, rate_hz)
    inside = samples[gap.start : gap.end] - gap.value
    quarter, third = inside.size // 4, inside.size // 3
    core = inside[quarter : inside.size - quarter]
    rest = rms(core) + _FLOOR
    levels = rms(before - before.mean()) + _FLOOR, rms(after - after.mean()) + _FLOOR
    edges = rms(before[-edge:] - gap.value) + _FLOOR, rms(after[:edge] - gap.value) + _FLOOR
    jumps = (
        float(np.abs(before[-ADJACENT - 1 :] - gap.value).max()) / levels[0],
        float(np.abs(after[: ADJACENT + 1] - gap.value).max()) / levels[1],
    )
    relative = sorted((db(edges[0] / levels[0]), db(edges[1] / levels[1])))
    breaks = sorted(
        (
            _break(samples[max(gap.start - samples_of(_BREAK_MS, rate_hz), 0) : gap.start + _INSIDE_SAMPLES]),
            _break(samples[gap.end - _INSIDE_SAMPLES : gap.end + samples_of(_BREAK_MS, rate_hz)][::-1]),
        )
    )
    slope = db((rms(inside[1:third]) + _FLOOR) / (rms(inside[inside.size - third : -1]) + _FLOOR))
    detail = min(rms(np.diff(before)), rms(np.diff(after))) + _FLOOR
    return [
        db(min(levels) / rest),
        math.log2(inside.size * 1000 / rate_hz),
        *relative,
        *sorted(db(jump) for jump in jumps),
        *breaks,
        *sorted((db(edges[0] / rest), db(edges[1] / rest))),
        abs(db(levels[1] / levels[0])),
        max(slope, 0.0),
        max(-slope, 0.0),
        db((rms(np.diff(core)) + _FLOOR) / detail),
        db(rest),
        db(min(levels)),
    ]


def _break(samples: Samples) -> float:
    """How much worse the first samples of the gap are predicted than those before it, in dB."""
    tail = _INSIDE_SAMPLES + _SOFT_SAMPLES
    known = samples.size - tail
    if known < 4 * ORDER:
        return 0.0
    errors = errors_of(samples, known, ORDER)
    return db((rms(errors[-tail:]) + _FLOOR) / (rms(errors[:-tail]) + _FLOOR))


def _course(samples: Samples, gap: Gap, rate_hz: int) -> list[float]:
    """How the sound grows towards the gap, and away from it: the nearest 10 ms over the rest of the 40 ms."""
    size = samples_of(_LEVEL_MS, rate_hz)
    before, after = sides_of(samples, gap, rate_hz)
    return [
        db((rms(near) + _FLOOR) / (rms(far) + _FLOOR))
        for near, far in ((before[-size:], before[:-size]), (after[:size], after[size:]))
    ]


def _rounding(samples: Samples, gap: Gap, rate_hz: int) -> list[float]:
    """How coarsely the sound around is rounded, seen from the resting value."""
    before, after = sides_of(samples, gap, rate_hz)
    around = np.concatenate([before, after])
    values = np.unique(around)
    steps = np.diff(values)
    level = min(rms(before - before.mean()), rms(after - after.mean())) + _FLOOR
    peak = max(float(np.abs(around - around.mean()).max()), _FLOOR)
    return [
        math.log2(1 + values_crossed(before, after, gap.value, values)),
        db(level / (float(steps.min(initial=1.0)) + _FLOOR)),
        float(np.mean(around[1:] == around[:-1])),
        abs(gap.value - float(around.mean())) / peak,
    ]


def _sound(samples: Samples, gaps: Sequence[Gap], size: int) -> tuple[Samples, NDArray[np.bool_]]:
    """Level of each 10 ms in dBFS, and whether they are sound: neither silence nor in a gap."""
    cells = samples[: samples.size // size * size].reshape(-1, size)
    levels = 10.0 * np.log10(np.einsum("ij,ij->i", cells, cells) / size + _FLOOR**2)
    sound = levels > _HEARD_DB
    for gap in gaps:
        sound[gap.start // size : gap.end // size + 1] = False
    return levels, sound


def _quieter_shares(
    samples: Samples, gaps: Sequence[Gap], ordered: Samples, size: int
) -> tuple[Samples, Samples]:
    """Share of the window's sound that is quieter than the 10 ms before, and behind, each gap."""
    before = [db(rms(samples[max(gap.start - size, 0) : gap.start])) for gap in gaps]
    after = [db(rms(samples[gap.end : gap.end + size])) for gap in gaps]
    count = max(ordered.size, 1)
    return np.searchsorted(ordered, before) / count, np.searchsorted(ordered, after) / count


def _likenesses(samples: Samples, gap: Gap, rate_hz: int) -> list[float]:
    """How like the 40 ms before the gap are to the 10 ms behind it, and to their own last 10 ms."""
    size = samples_of(_LIKE_MS, rate_hz)
    before = samples[max(gap.start - 4 * size, 0) : gap.start]
    behind = samples[gap.end : gap.end + size]
    return [_likeness(before, behind), _likeness(before[: -size - size // 2], before[-size:])]


def _likeness(long: Samples, short: Samples) -> float:
    if long.size < short.size:
        return 0.0
    length = fast_length(long.size)  # what wraps around falls on places that are not looked at
    products = np.fft.irfft(np.fft.rfft(long, length) * np.conj(np.fft.rfft(short, length)), length)
    energy = np.cumsum(np.concatenate([[0.0], long**2]))
    energies = energy[short.size :] - energy[: -short.size]
    norm = np.sqrt((energies + _FLOOR) * (float(short @ short) + _FLOOR))
    return float(np.max(np.abs(products[: energies.size]) / norm))
