"""Stretches that the frame network doubts, and the evidence by which they are weighed once more.

In: the network's scores and the levels of a window. Out: stretches, and for each a row of measures: what the
network says of it and of its surroundings, what the other channels show, how steep its edges are, whether the
sound goes on behind it as it went before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of
from .dips import DIPS, Dips
from .features import FINE, Levels
from .frame_network import KINDS, QUARTERS
from .recurrence import recurrence

Floats = NDArray[np.float32]

MEASURES = (
    "peak of the log odds",
    "mean of the log odds",
    "highest log odds",
    "length",
    "share of dropout",
    "share of treble",
    "share of concealed",
    "share of noise",
    "peak in other channels",
    "highest rival",
    "rivals",
    "bass",
    "middle",
    "treble",
    "bass of other channels",
    "middle of other channels",
    "treble of other channels",
    "level before",
    "level change",
    "colour change",
    "unrest",
    "steepest fall",
    "steepest rise",
    "steepest fall of the treble",
    "steepest rise of the treble",
    "steeper than elsewhere",
    "steeper rise than elsewhere",
    "attack before",
    "attack after",
    "level before against the second around",
    "level after against the second around",
    "depth below the quietest tenth around",
    "level inside",
    "usable bands",
    "highest rival in the window",
    "rivals in the window",
    "difference from the likeliest other place",
    "share that the likeliest other place leaves",
    "prediction error",
    "steepest rise of the prediction error",
    "steepest fall of the prediction error",
    "fewest falls in a tenth of the bands",
    "most falls in a tenth of the bands",
    "share of the sound that is quieter than before",
    "share of the sound that is quieter than after",
    *DIPS,
)

_BRIDGE_QUARTERS = 3
"""Gaps in the evidence of up to 6 ms belong to the damage."""

# The network that weighs stretches was trained on measures that are computed with these: a change needs
# "python examples/train_detector.py export".
_SMOOTH_QUARTERS = 3
"""6 ms, a bridge's length."""

_RIVALS_QUARTERS = 750
"""1.5 s: other stretches so near are competitors."""

_AROUND_STEPS = 5
"""40 ms: what a stretch is compared with on either side."""

_EDGE_FINE, _ELSEWHERE_FINE = 6, 500
"""Milliseconds around an edge in which its slope is looked for, and in which others are."""

_SOUND_DB, _QUIETER_DB = 6.0, 1.0
"""What is so much louder than a stretch is sound; what is so much softer than its edge is quieter."""

_FALLEN_DB, _BACK_DB = 6.0, 3.0
"""Of a band: how far below the mean of its sides it has fallen, and below the lower one if it comes back."""

_NONE = -6.0
"""Log odds of a competitor where there is none."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of one channel.

    Attributes:
        first, last: quarters of a step, the last exclusive.
        channel: from 0.
        kind: one of :data:`~.frame_network.KINDS`.
        peak: mean log odds that it is damage, of the 6 ms where they are highest.
    """

    first: int
    last: int
    channel: int
    kind: str
    peak: float


def log_odds(scores: Floats) -> Floats:
    """Of damage of any kind against none: ``(C, quarters, kinds)`` → ``(C, quarters)``."""
    highest = scores[..., 1:].max(axis=2)
    total = np.exp(scores[..., 1:] - highest[..., None]).sum(axis=2)
    return np.asarray(highest + np.log(total) - scores[..., 0])


def doubted(scores: Floats, odds: Floats, opened: float) -> list[Stretch]:
    """Stretches whose log odds exceed ``opened``, channel by channel in order.

    Args:
        scores: logits ``(C, quarters, kinds)``.
        odds: their :func:`log_odds`.
        opened: log odds above which a stretch begins and ends.
    """
    found = []
    for channel in np.flatnonzero((odds > opened).any(axis=1)).tolist():
        row = odds[channel]
        flags = row > opened
        for first, last in runs_of(~flags):
            if first > 0 and last < row.size and last - first <= _BRIDGE_QUARTERS:
                flags[first:last] = True
        smooth = _smoothed(row)
        for first, last in runs_of(flags):
            kind = KINDS[1 + int(np.argmax(_shares(scores[channel, first:last])))]
            found.append(Stretch(first, last, channel, kind, float(smooth[first:last].max())))
    return found


def measures_of(found: list[Stretch], scores: Floats, odds: Floats, levels: Levels) -> Floats:
    """The :data:`MEASURES` of each stretch: ``(N, 59)``."""
    rows = np.zeros((len(found), len(MEASURES)), dtype=np.float32)
    dips = Dips(levels)
    for row, stretch in zip(rows, found, strict=True):
        row[:] = [*_measured(stretch, found, scores, odds, levels), *_dips(dips, stretch)]
    return rows


def _measured(
    stretch: Stretch,
    found: list[Stretch],
    scores: Floats,
    odds: Floats,
    levels: Levels,
) -> list[float]:
    first, last, channel = stretch.first, stretch.last, stretch.channel
    inside = odds[channel, first:last]
    far = [s for s in found if s.channel == channel and s is not stretch]
    rivals = [other.peak for other in far if abs(other.first - first) < _RIVALS_QUARTERS]
    all_rivals = [other.peak for other in far]
    others = [c for c in range(len(odds)) if c != channel]
    around = slice(max(first - 2, 0), last + 2)
    company = max((float(odds[c, around].max()) for c in others), default=stretch.peak)
    steps = first // QUARTERS, max(-(-last // QUARTERS), first // QUARTERS + 1)
    own = band_falls(levels, channel, *steps)
    falls = np.sort(own[: levels.usable])
    other = np.mean([band_falls(levels, c, *steps) for c in others], axis=0) if others else own
    before, after = _sides(levels, channel, *steps)
    change = (after - before)[: levels.usable]
    full = levels.fine[channel, :, 0].mean(axis=1)
    wide = full[max(steps[0] - 62, 0) : steps[1] + 62]
    slopes = [_slopes(levels, channel, order, first, last) for order in (0, 1)]
    return [
        stretch.peak,
        float(inside.mean()),
        float(inside.max()),
        float(np.log2(last - first)),
        *_shares(scores[channel, first:last]).tolist(),
        company,
        max(rivals, default=_NONE),
        float(np.log2(1 + sum(peak > stretch.peak - 3.0 for peak in rivals))),
        *thirds(own, levels.usable),
        *thirds(other, levels.usable),
        float(full[max(steps[0] - _AROUND_STEPS, 0) : steps[0] + 1].mean()),
        float(change.mean()),
        float(change.std()),
        float(wide.std()),
        slopes[0][0],
        slopes[0][1],
        slopes[1][0],
        slopes[1][1],
        slopes[0][0] - slopes[0][2],
        slopes[0][1] - slopes[0][3],
        *_history(full, *steps),
        float(levels.usable),
        max(all_rivals, default=_NONE),
        float(np.log2(1 + sum(peak > stretch.peak - 3.0 for peak in all_rivals))),
        *recurrence(levels, channel, *steps),
        *_surprise(levels.error[channel], *steps),
        *(_quantile(falls, share) for share in (0.1, 0.9)),
        *_quieter(full, *steps),
    ]


def _dips(dips: Dips, stretch: Stretch) -> list[float]:
    """Of the stretch, in milliseconds."""
    return dips.measures(stretch.channel, FINE * stretch.first // QUARTERS, FINE * stretch.last // QUARTERS)


def _surprise(error: Floats, first: int, last: int) -> tuple[float, float, float]:
    """Level of the prediction error against both sides, its rise near the start, its fall near the end."""
    inside = float(error[first:last].mean())
    sides = np.concatenate([error[max(first - _AROUND_STEPS, 0) : first], error[last : last + _AROUND_STEPS]])
    outside = float(sides.mean()) if sides.size else inside
    at_start = np.diff(error[max(first - 1, 0) : first + 1].reshape(-1), prepend=outside)
    at_end = np.diff(error[max(last - 1, 0) : last + 1].reshape(-1), append=outside)
    return inside - outside, float(at_start.max(initial=0.0)), float(-at_end.min(initial=0.0))


def _quieter(full: Floats, first: int, last: int) -> tuple[float, float]:
    """Share of a window's sound that is quieter than what stops, or begins: a gate leaves little."""
    sound = np.sort(full[full > full[first:last].mean() + _SOUND_DB])
    ends = full[max(first - 2, 0) : max(first, 1)], full[min(last, len(full) - 1) : last + 2]
    places = np.searchsorted(sound, [end.mean() - _QUIETER_DB for end in ends])
    before, after = (places / max(sound.size, 1)).tolist()
    return before, after


def _history(full: Floats, first: int, last: int) -> list[float]:
    """How the level of each step comes to the stretch, goes on behind it, and what it is elsewhere."""
    inside = float(full[first:last].mean())
    outside = np.concatenate([full[max(first - 62, 0) : max(first - 1, 0)], full[last + 1 : last + 62]])
    if not outside.size:
        return [0.0] * 5 + [inside]
    before, after = full[max(first - 2, 0) : max(first, 1)].mean(), full[last : last + 2]
    after = after.mean() if after.size else before
    earlier, later = full[max(first - 8, 0) : max(first - 2, 0)], full[last + 2 : last + 8]
    return [
        float(before - earlier.mean()) if earlier.size else 0.0,
        float(after - later.mean()) if later.size else 0.0,
        float(before - outside.mean()),
        float(after - outside.mean()),
        _quantile(np.sort(outside), 0.1) - inside,
        inside,
    ]


def band_falls(levels: Levels, channel: int, first: int, last: int) -> Floats:
    """Mean level of each band in steps ``first`` to ``last``, less that of the 40 ms on both sides."""
    begin = max(first - _AROUND_STEPS, 0)
    bands = levels.bands[channel, begin : last + _AROUND_STEPS].mean(axis=1)
    first, last = first - begin, last - begin
    sides = np.concatenate([bands[:first], bands[last:]]) if first or last < len(bands) else bands
    return np.asarray(bands[first:last].mean(axis=0) - sides.mean(axis=0))


def share_that_comes_back(levels: Levels, channel: int, first: int, last: int) -> float:
    """Of the bands that fall in steps ``first`` to ``last``, the share that lies above them on both sides.

    Returns:
        1 where no band falls by 6 dB below the mean of the 40 ms on both sides.
    """
    sides = [side[: levels.usable] for side in _sides(levels, channel, first, last)]
    inside = levels.bands[channel, first:last, :, : levels.usable].mean(axis=(0, 1))
    fallen = 0.5 * (sides[0] + sides[1]) - inside >= _FALLEN_DB
    back = np.minimum(*sides) - inside >= _BACK_DB
    return float(np.mean(back[fallen])) if fallen.any() else 1.0


def thirds(bands: Floats, usable: int) -> list[float]:
    """Means over the lower, the middle and the upper third of the usable bands."""
    third, more = divmod(usable, 3)
    first, second = third + (more > 0), 2 * third + more  # as np.array_split, which takes five times as long
    return [float(part.mean()) for part in (bands[:first], bands[first:second], bands[second:usable])]


def _quantile(ordered: Floats, share: float) -> float:
    """As NumPy's, of values in order, in a tenth of the time."""
    place = (ordered.size - 1) * share
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, ordered.size - 1)])
    return low + (high - low) * (place - below)


def _sides(levels: Levels, channel: int, first: int, last: int) -> tuple[Floats, Floats]:
    bands = levels.bands[channel]
    before = bands[max(first - _AROUND_STEPS, 0) : max(first, 1)].mean(axis=1).mean(axis=0)
    after = bands[min(last, len(bands) - 1) : last + _AROUND_STEPS].mean(axis=1).mean(axis=0)
    return before, after


def _slopes(
    levels: Levels, channel: int, order: int, first: int, last: int
) -> tuple[float, float, float, float]:
    """Steepest fall near the start, rise near the end, fall and rise elsewhere, in dB over 3 ms."""
    fine = levels.fine[channel, :, order].reshape(-1)
    start, end = first * FINE // QUARTERS, last * FINE // QUARTERS
    low, high = max(start - _ELSEWHERE_FINE, 0), min(end + _ELSEWHERE_FINE, fine.size)
    drops = fine[low : high - 3] - fine[low + 3 : high]
    if drops.size < 4 * _EDGE_FINE:
        return 0.0, 0.0, 0.0, 0.0
    a, b = start - low, end - low
    at_start = drops[max(a - _EDGE_FINE, 0) : a + _EDGE_FINE]
    at_end = drops[max(b - _EDGE_FINE, 0) : b + _EDGE_FINE]
    rest = np.concatenate([drops[: max(a - 2 * _EDGE_FINE, 0)], drops[b + 2 * _EDGE_FINE :]])
    return (
        float(at_start.max(initial=0.0)),
        float(-at_end.min(initial=0.0)),
        float(rest.max(initial=0.0)),
        float(-rest.min(initial=0.0)),
    )


def _shares(scores: Floats) -> Floats:
    inside = scores[:, 1:]
    weights = np.exp(inside - inside.max()).sum(axis=0)
    return np.asarray(weights / weights.sum())


def _smoothed(row: Floats) -> Floats:
    return np.convolve(row, np.full(_SMOOTH_QUARTERS, 1 / _SMOOTH_QUARTERS, dtype=np.float32), mode="same")
