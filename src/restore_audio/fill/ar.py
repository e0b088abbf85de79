"""Fill a gap with what its surroundings predict: autoregressive, from both sides at once.

In: the samples before ``(B,)`` and after ``(A,)`` a gap. Out: the gap's samples ``(gap,)``, float64.

1. Each side is taken for an autoregressive process and fitted by Burg's method (:mod:`.burg`), the right
   one backwards in time.
2. Both are continued into the gap by their own prediction, and cross-faded with cos².
3. The gap's samples are solved for, such that both models' prediction errors over all windows that touch
   the gap are least in sum, each model weighted by how well it fits its own side. This is Janssen's step.
   The normal equations are Toeplitz, so Levinson's recursion solves them in O(gap²).
4. The solution is accepted if it is finite and no louder than 1.5 × the local peak; a fifth of step 2 stays
   in it. Otherwise the fill is step 2 alone.
5. Where the two continuations of step 2 differ by more than they have in common, the fill is made quieter.

The models of step 1 serve step 3 as they are: a further fit over both sides and the fill, as Janssen has it,
costs as much again. Step 3 is left out above 250 ms. How far each fill comes at each length of gap:
``restore-audio bench --protocol gaps``, docs/benchmarks.md.

Sources: Janssen, Veldhuis & Vries (1986); Kauppinen & Roth (2002) for the
two-sided extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..arrays import Samples
from ..signal.burg import NOISE_DB, SHORTEST_CONTEXT
from ..signal.burg import fit_side as fit
from ..signal.fades import cross_fade, edge_fade
from ..signal.kernels import FillRules, continue_recursion, fill_between
from ..signal.least_squares import filter_products, solve_gap
from .gaps import Gap, Prediction

Model = tuple[Samples, float]


@dataclass(frozen=True)
class ArSettings:
    """How a gap is continued from its surroundings.

    Attributes:
        context_ms: how much of each side is used at most.
        order_share: order of the model as a share of that; a side that is cut short keeps the order up to
            a third of what it has.
        noise_db: white noise added to the fit under the signal, relative to its level.
        passes: 1 to solve for the gap after the extrapolation, 0 to leave it at that.
        longest_pass_ms: longer gaps are left at the extrapolation: the solution takes O(gap²).
        kept_share: how much of the extrapolation stays in the solution.
        to_attack: whether a sound that is heard to begin after the gap, or at its end, is left out: continued
            backwards it would begin in the gap.
    """

    context_ms: float = 372.0
    order_share: float = 0.125
    noise_db: float = NOISE_DB
    passes: int = 1
    longest_pass_ms: float = 250.0
    kept_share: float = 0.2
    to_attack: bool = False


@dataclass(frozen=True)
class Sides:
    """Both sides of a gap with their models; they do not depend on how long the gap is.

    Attributes:
        left: samples before the gap, over ``peak``, shape (B,).
        right: samples after it, over ``peak`` and backwards in time, shape (A,).
        models: of left and right, each a prediction error filter and one over the variance of its errors.
        peak: the largest of both sides, 0 where both are silent.
    """

    left: Samples
    right: Samples
    models: list[Model | None]
    peak: float


def extrapolate(context: Samples, count: int, coefficients: Samples) -> Samples:
    """Continue samples by the model's own prediction.

    Args:
        context: samples before the continuation, shape (T,); those before them count as zeros.
        count: number of samples wanted.
        coefficients: prediction error filter from :func:`.burg.burg`, shape (order + 1,).

    Returns:
        The continuation, shape (count,).
    """
    order = coefficients.size - 1
    if count <= 0 or order < 1 or context.size == 0:
        return np.zeros(max(count, 0))
    return continue_recursion(context, coefficients, np.zeros(count))


ATTACK_DB, _CELL_MS, _QUIET_MS = 10.0, 1.0, 20.0
"""A sound begins where the level over the second rises by the first above all cells of the last stretch
before the gap, and above the first cell after it. Of 960 gaps of 5 to 40 ms in training music it does behind
215; there 26 fills were worse than silence by 1 dB, and 6 are without what begins, at a mean SDR of 6.6 for
5.8 dB."""

MOST_APART, LESS_KEPT, _KEPT_RAMP_MS = 1.0, 0.3, 5.0
"""Where the continuations of the two sides differ by more energy than the fill has, at most one of them is
right, and the fill is quieter, by 1 / (1 + 0.3 of what is beyond). Of 1319 gaps of 8 to 100 ms in training
music 36 fills were worse than silence by 1 dB, and 20 are so, at a mean SDR of 7.76 for 7.80 dB."""

_NEAR, _LOUDEST = 1024, 1.5
"""A fill is at most the second times as loud as so many samples, at least, on both sides."""


def fill_gap(
    before: Samples, after: Samples, gap: int, *, rate_hz: float, settings: ArSettings | None = None
) -> Samples:
    """Fill a gap from both sides, or from the one that there is.

    Args:
        before: samples before the gap, shape (B,); B may be 0. What lies beyond a sample that is not
            finite is not used; the same for ``after``.
        after: samples after the gap, shape (A,); A may be 0.
        gap: number of samples missing.
        rate_hz: sample rate.
        settings: how; the defaults when None.

    Returns:
        The missing samples, shape (gap,): finite, and within 1.5 × the peak of what is around them.
    """
    return predict_gap(before, after, gap, rate_hz=rate_hz, settings=settings).samples


def predict_gap(
    before: Samples, after: Samples, gap: int, *, rate_hz: float, settings: ArSettings | None = None
) -> Prediction:
    """:func:`fill_gap`, with the error to expect, so that fills of different origin can be compared."""
    how = settings or ArSettings()
    return predict_from(fit_sides(before, after, rate_hz=rate_hz, settings=how), gap, rate_hz, how)


def fill(gap: Gap) -> Prediction:
    """Fill a gap by :func:`predict_gap`."""
    return predict_gap(gap.before, gap.after, gap.length, rate_hz=gap.rate_hz)


def fit_sides(before: Samples, after: Samples, *, rate_hz: float, settings: ArSettings) -> Sides:
    """The models of both sides of a gap; arguments as in :func:`fill_gap`."""
    left, right, peak = surroundings(before, after, rate_hz, settings)
    return Sides(left, right, [fit_side(side, rate_hz, settings) for side in (left, right)], peak)


def fit_side(side: Samples, rate_hz: float, settings: ArSettings) -> Model | None:
    """The model of one side that :func:`surroundings` gave, or None where it is too short or silent."""
    order = max(1, round(settings.order_share * _longest(rate_hz, settings)))
    return fit(side, order, noise_db=settings.noise_db)


def predict_from(sides: Sides, gap: int, rate_hz: float, settings: ArSettings) -> Prediction:
    """Fill a gap of ``gap`` samples between sides that are fitted."""
    error = _expected_error(sides.left, sides.right, gap, sides.models)
    return Prediction(fill_from(sides, gap, rate_hz, settings), sides.peak * sides.peak * error)


def fill_from(sides: Sides, gap: int, rate_hz: float, settings: ArSettings) -> Samples:
    """:func:`predict_from` without the error to expect."""
    rules = _rules(rate_hz, settings, gap, to_attack=False)  # they end at it
    models = (sides.models[0], sides.models[1])
    made = fill_between(sides.left, sides.right[::-1], gap, models, rules)
    if made is None:
        made = _fill(sides.left, sides.right, gap, sides.models, rate_hz, settings)
    return sides.peak * made


def fill_by(
    model: Model | None, before: Samples, after: Samples, gap: int, rate_hz: float, settings: ArSettings
) -> Samples:
    """Fill a gap by one model that is given, in both directions; the rest as in :func:`fill_gap`."""
    longest = _longest(rate_hz, settings)
    rules = _rules(rate_hz, settings, gap, to_attack=settings.to_attack)
    made = fill_between(before[max(before.size - longest, 0) :], after[:longest], gap, (model, model), rules)
    if made is None:
        left, right, peak = surroundings(before, after, rate_hz, settings)
        made = peak * _fill(left, right, gap, [model, model], rate_hz, settings)
    return made


def _longest(rate_hz: float, settings: ArSettings) -> int:
    return max(1, round(settings.context_ms * rate_hz / 1000.0))


@lru_cache(maxsize=64)
def _rules(rate_hz: float, settings: ArSettings, gap: int, *, to_attack: bool) -> FillRules:
    cell, quiet, ramp = (round(ms * rate_hz / 1000) for ms in (_CELL_MS, _QUIET_MS, _KEPT_RAMP_MS))
    return FillRules(
        cell=max(1, cell) if to_attack else 0,
        quiet=quiet,
        attack=10 ** (ATTACK_DB / 10),
        near=_NEAR,
        loudest=_LOUDEST,
        solve=bool(settings.passes) and gap <= settings.longest_pass_ms * rate_hz / 1000.0,
        kept=settings.kept_share,
        most_apart=MOST_APART,
        less_kept=LESS_KEPT,
        ramp=ramp,
        shortest=SHORTEST_CONTEXT,
    )


def surroundings(
    before: Samples, after: Samples, rate_hz: float, how: ArSettings
) -> tuple[Samples, Samples, float]:
    """Both sides with peak 1, the right one backwards in time, as if it were a left; and the peak."""
    longest = _longest(rate_hz, how)
    left = _finite_end(np.asarray(before[max(len(before) - longest, 0) :], dtype=np.float64))
    right = _finite_end(np.asarray(after[:longest], dtype=np.float64)[::-1])
    peak = _peak(left, right)
    if how.to_attack and peak:
        right = right[right.size - _attack(left / peak, right[::-1] / peak, rate_hz) :]
        peak = _peak(left, right)
    return (left / peak, right / peak, peak) if peak else (left, right, 0.0)


def _peak(left: Samples, right: Samples) -> float:
    return max(float(np.max(np.abs(side), initial=0.0)) for side in (left, right))


def _attack(before: Samples, after: Samples, rate_hz: float) -> int:
    """Samples after a gap up to where a sound begins; all if none does."""
    cell = max(1, round(_CELL_MS * rate_hz / 1000))
    quiet, levels = (
        np.mean(np.square(side[: side.size // cell * cell]).reshape(-1, cell), axis=1)
        for side in (before[::-1][: round(_QUIET_MS * rate_hz / 1000)], after)
    )
    if not quiet.size or not levels.size:
        return after.size
    begun = np.flatnonzero(levels > 10 ** (ATTACK_DB / 10) * max(float(np.max(quiet)), float(levels[0])))
    return int(begun[0]) * cell if begun.size else after.size


def _fill(
    left: Samples, right: Samples, gap: int, models: list[Model | None], rate_hz: float, how: ArSettings
) -> Samples:
    gap = max(gap, 0)
    if gap == 0 or max(left.size, right.size) < SHORTEST_CONTEXT:
        return _straight(left, right, gap)
    fill, apart = _extrapolated(left, right, gap, models)
    if how.passes and gap <= how.longest_pass_ms * rate_hz / 1000.0:
        solved = _solved(left, right, gap, [m for m in models if m is not None])
        if solved is not None:
            fill = how.kept_share * fill + (1.0 - how.kept_share) * solved
    bound = _local_peak(left, right, gap)
    return np.clip(fill * _agreed(fill, apart, rate_hz), -bound, bound)


def _agreed(fill: Samples, apart: float, rate_hz: float) -> Samples:
    """How much of a fill is kept, ``(gap,)``: less the more its continuations differ, all of it at the edges.

    Args:
        fill: of both.
        apart: energy of their difference.
        rate_hz: sample rate.
    """
    energy = float(fill @ fill)
    beyond = max(apart / energy - MOST_APART, 0.0) if energy > 0.0 else 0.0
    inside = edge_fade(fill.size, min(fill.size // 4, round(_KEPT_RAMP_MS * rate_hz / 1000)))
    return np.asarray(1.0 - inside * (1.0 - 1.0 / (1.0 + LESS_KEPT * beyond)))


def _expected_error(left: Samples, right: Samples, gap: int, models: list[Model | None]) -> float:
    """Variance of each continuation's error, growing to the side's own power, combined and summed."""
    certainty = np.zeros(gap)
    impulse = np.zeros(gap)
    impulse[:1] = 1.0
    for number, (side, model) in enumerate(zip((left, right), models, strict=True)):
        if model is not None:
            response = continue_recursion(np.zeros(0), model[0], impulse)
            variance = np.minimum(np.cumsum(response**2) / model[1], np.mean(side**2))
            certainty += 1.0 / (variance if number == 0 else variance[::-1])
    return float(np.sum(1.0 / certainty)) if np.all(certainty > 0.0) else 0.0


def _finite_end(side: Samples) -> Samples:
    """The longest end of a side that is finite throughout."""
    broken = np.flatnonzero(~np.isfinite(side))
    return side[broken[-1] + 1 :] if broken.size else side


def _straight(left: Samples, right: Samples, gap: int) -> Samples:
    """A line between what little there is; silence where one end is missing."""
    ends = [side[-1] if side.size else 0.0 for side in (left, right)]
    return np.asarray(np.linspace(ends[0], ends[1], gap + 2)[1:-1], dtype=np.float64)


def _extrapolated(
    left: Samples, right: Samples, gap: int, models: list[Model | None]
) -> tuple[Samples, float]:
    """Both continuations cross-faded, and the energy of their difference; 0 where there is one."""
    forwards, backwards = (
        np.zeros(gap) if model is None else extrapolate(side, gap, model[0])
        for side, model in zip((left, right), models, strict=True)
    )
    backwards = backwards[::-1]
    if left.size < SHORTEST_CONTEXT:
        return backwards, 0.0
    if right.size < SHORTEST_CONTEXT:
        return forwards, 0.0
    fade = cross_fade(gap)
    return fade * forwards + (1.0 - fade) * backwards, float(np.sum((forwards - backwards) ** 2))


def _solved(left: Samples, right: Samples, gap: int, models: list[Model]) -> Samples | None:
    """The gap of least weighted prediction error, or None where that is not to be trusted."""
    # A window that reaches past a short side would take what is unknown there for silence.
    if not models or max(model[0].size for model in models) > min(left.size, right.size):
        return None
    if models[0] is models[-1]:  # one model for both directions
        models = [(models[0][0], sum(weight for _, weight in models))]
    products = filter_products(models)
    order = products.size // 2
    before, after = left[left.size - order :], right[right.size - order :][::-1]
    solved = solve_gap(products, before, after, gap)
    if solved is None or np.max(np.abs(solved)) > _local_peak(left, right, gap):
        return None
    return solved


def _local_peak(left: Samples, right: Samples, gap: int) -> float:
    """The loudest that a fill may be: by the peak within four gaps' length, or more, of the gap."""
    near = max(4 * gap, _NEAR)
    return _LOUDEST * max(float(np.max(np.abs(side[-near:]), initial=0.0)) for side in (left, right))
