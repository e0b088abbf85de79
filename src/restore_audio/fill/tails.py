"""Repair a click that has a tail: fill the click, subtract the tail.

In: a gap that holds a click and what follows it, a thump, a jump that settles, or a ringing. Out: the samples
``(gap,)`` without them, or None where there is too little around to tell.

Under the tail the music is intact, so it is kept. Tail and music are told apart by
:mod:`restore_audio.signal.tails`. A tail that is not much likelier than none is not subtracted: then the
click alone is filled.
"""

from __future__ import annotations

import numpy as np

from ..signal.running import running_mean
from ..signal.tails import (
    CONTEXT_MS,
    FAST_KNOT_MS,
    LONGEST_RINGING_MS,
    ORDER_SHARE,
    SLOW_KNOT_MS,
    Scene,
    tail_reach,
    told,
)
from .ar import ArSettings, fit_sides
from .gaps import Gap, Prediction

MODELS = ArSettings(context_ms=CONTEXT_MS, order_share=ORDER_SHARE)

LONGEST_CLICK_MS = 4.0
"""Spans that are no longer than this are clicks alone."""

SHORT_MS, FARTHEST = 8.0, 100.0
"""Up to this length a fill of the whole span is sure enough to be held against: where a repair is farther
from it, in its expected error, what is left is noise. Of 11 noise bursts of 4 to 6 ms in training music that
were taken for clicks, ten are; repaired they had -21 dB, filled 12. Of 24 ringings as short, none is."""

_PEAK = 1.5
"""Bound of the click's samples, in the peak around, as in :mod:`.ar`."""

_TAKEN, _TAKEN_MS = 2.0**-16, 8.0
"""Half a step of 16 bit: behind where more is last taken off, averaged over so long, nothing is."""

_MOST_VALUES = 1 << 23
"""Size of the splines, beyond which no tail is looked for: half a second at 44.1 kHz, which take 64 MB, and
their covariances as much."""

_FADE_MS = 2.0


def repair(gap: Gap, prior: Prediction) -> Prediction | None:
    """Repair a click with a tail.

    Args:
        gap: its samples are the damaged ones.
        prior: the best that its surroundings predict.
    """
    rate_hz = gap.rate_hz
    there = gap.mine[gap.start : gap.end]
    splines = gap.length_ms / SLOW_KNOT_MS + 2 * LONGEST_RINGING_MS / FAST_KNOT_MS
    if gap.length_ms <= LONGEST_CLICK_MS or splines * gap.length > _MOST_VALUES:
        return None
    if not np.all(np.isfinite(there)):
        return None
    sides = fit_sides(gap.before, gap.after, rate_hz=rate_hz, settings=MODELS)
    models = [m for m in sides.models if m is not None]
    order = max((m[0].size for m in models), default=0) - 1
    if len(models) < 2 or min(sides.left.size, sides.right.size) <= order:
        return None
    try:
        both = sides.left, sides.right
        found = told(Scene.seen(there / sides.peak, both, models), both, rate_hz)
        problem, fit = found.problem, found.fit
        music, variance = problem.samples(fit.weights), problem.variance(fit)
    except np.linalg.LinAlgError:
        return None
    if not np.all(np.isfinite(music)):
        return None
    click = problem.click
    music[:click] = np.clip(music[:click], -_PEAK, _PEAK)
    samples = sides.peak * music
    farthest = FARTHEST * prior.expected_error
    if gap.length_ms <= SHORT_MS and np.sum((samples - prior.samples) ** 2) > farthest:
        return None
    taken = (samples - there)[click:] ** 2
    around = min(round(_TAKEN_MS * rate_hz / 1000), taken.size)
    heard = np.flatnonzero(running_mean(taken, around) > _TAKEN**2)
    reach = click + int(np.max(heard[heard < tail_reach(taken)] + 1, initial=0))
    fade = min(round(_FADE_MS * rate_hz / 1000), reach - click)
    share = np.r_[np.ones(reach - fade), np.linspace(1.0, 0.0, fade, endpoint=False)]
    samples[:reach] = share * samples[:reach] + (1.0 - share) * there[:reach]
    samples[reach:] = there[reach:]
    return Prediction(samples, min(sides.peak * sides.peak * float(np.sum(variance)), prior.expected_error))
