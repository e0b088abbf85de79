"""Repair a click that has a tail: fill the click, subtract the tail.

In: a gap that holds a click and what follows it, a thump, a jump that settles, or a ringing. Out: the samples
``(gap,)`` without them, or None where there is too little around to tell.

Under the tail the music is intact, so it is kept. The tail is a sum of slow functions: raised cosines a few
milliseconds apart, for a ringing times a cosine and a sine of its frequency, whose size decays over the span.
Their weights and the samples under the click are solved for at once, such that the music that remains has the
least prediction error under the AR models of both sides, as in Janssen's interpolation; the tail's
weights are held by a ridge of their expected size. A tail that can hardly be told from its error, or leaves
what cannot be music, stays: then the click alone is filled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Samples
from ..signal.running import running_mean
from .ar import ArSettings, Sides, fit_sides
from .gaps import Gap, Prediction

MODELS = ArSettings(context_ms=186.0)
"""Of the models that tell music from tail: measured, half of it loses 2 dB, twice as much gains nothing."""

LONGEST_CLICK_MS = 4.0
"""Spans that are no longer than this are clicks alone."""

CLICK_MS = (0.3, 1.0, 2.2, 4.0)
"""Lengths of the click that are tried."""

SLOW_KNOT_MS = 4.0
"""Distance of the functions of a thump or a jump: they reach up to about 125 Hz."""

FAST_KNOT_MS = 1.5
"""The same for a ringing, whose frequency slides."""

DECAY_DB = 60.0
"""Fall of a tail's expected size over its span: measured, better than 25 and 40."""

MOST_EXCESS = 1000.0
"""Prediction error of what remains, in those of the surroundings, up to which it is believed. Where a voice
changes within the span it is large as well, and a slow tail is right all the same; noise exceeds this."""

RINGING_EXCESS = 2.0
"""From here on a ringing is looked for besides the thump."""

_BETTER = 0.7
"""A ringing is taken if it lowers the excess to this share."""

_MUCH_BETTER = 0.9
"""Another length of the click is taken if it lowers the excess to this share."""

_TAIL_RATIO = 40.0
"""Energy of a tail, in that of its error, below which it is better left: music by itself lies below."""

_TAKEN_DEVIATIONS = 3.0
_TAKEN = 2.0**-16
"""Standard errors of the model, whose music errs more than it expects, and half a step of 16 bit: behind
where more was last taken off, nothing is, and the samples stay to the bit."""

_FADE_MS = 2.0

_LOWEST_HZ = 250.0
"""Of a ringing."""

_MOST_VALUES = 1 << 24
"""Size of the matrix of functions, beyond which no tail is looked for: 16 million numbers take 256 MB."""

_SHOWN_MS = 12.0
"""Start of the tail in which its frequency is looked for."""


@dataclass(frozen=True)
class _Fit:
    """A repair.

    Attributes:
        samples: without the tail.
        click: how many of them were filled.
        expected_error: of them.
        excess: ratio of their prediction error to the surroundings'.
        tail_energy: of what was subtracted behind the click.
        deviation: standard error of what was subtracted, ``(T,)``.
    """

    samples: Samples
    click: int
    expected_error: float
    excess: float
    tail_energy: float
    deviation: Samples

    @property
    def is_told(self) -> bool:
        """Whether the tail can be told from its error."""
        return self.tail_energy > _TAIL_RATIO * float(np.sum(self.deviation[self.click :] ** 2))


def repair(gap: Gap, prior: Prediction) -> Prediction | None:
    """Repair a click with a tail.

    Args:
        gap: its samples are the damaged ones.
        prior: the best that its surroundings predict.
    """
    rate_hz = gap.rate_hz
    if gap.length_ms <= LONGEST_CLICK_MS or not np.all(np.isfinite(gap.mine[gap.start : gap.end])):
        return None
    sides = fit_sides(gap.before, gap.after, rate_hz=rate_hz, settings=MODELS)
    models = [m for m in sides.models if m is not None]
    order = max((m[0].size for m in models), default=0) - 1
    if len(models) < 2 or min(sides.left.size, sides.right.size) <= order:
        return None
    there = gap.mine[gap.start : gap.end]
    inside = there / sides.peak
    lengths = _click_lengths(gap.length, rate_hz)
    tail = _least([_best_fit(inside, click, sides, order, rate_hz) for click in lengths])
    best = tail
    if tail is None or not tail.is_told or tail.excess > MOST_EXCESS:
        nothing = np.zeros((0, inside.size))  # what follows the click stays
        best = _least([_solved(inside, click, nothing, sides, order) for click in lengths])
    if best is None:
        return None
    samples = sides.peak * best.samples
    # Where less was taken off than cannot be told from its error, up to the end of the span, nothing is.
    taken = (inside - best.samples)[best.click :] ** 2
    least = (_TAKEN_DEVIATIONS * best.deviation[best.click :]) ** 2 + (_TAKEN / sides.peak) ** 2
    around = min(round(2 * SLOW_KNOT_MS * rate_hz / 1000), taken.size)
    told = running_mean(taken, around) > running_mean(least, around)
    reach = best.click + int(np.max(np.flatnonzero(told) + 1, initial=0))
    fade = min(round(_FADE_MS * rate_hz / 1000), reach - best.click)
    share = np.r_[np.ones(reach - fade), np.linspace(1.0, 0.0, fade, endpoint=False)]
    samples[:reach] = share * samples[:reach] + (1.0 - share) * there[:reach]
    samples[reach:] = there[reach:]
    return Prediction(samples, min(sides.peak**2 * best.expected_error, prior.expected_error))


def _least(fits: list[_Fit | None]) -> _Fit | None:
    """The fit of least excess, a shorter click if it is nearly as good."""
    best: _Fit | None = None
    for fit in fits:
        if fit is not None and (best is None or fit.excess < _MUCH_BETTER * best.excess):
            best = fit
    return best


def _best_fit(inside: Samples, click: int, sides: Sides, order: int, rate_hz: int) -> _Fit | None:
    """The tail as a thump, and as a ringing as well where that explains much more."""
    slow = _functions(inside.size, click, round(SLOW_KNOT_MS * rate_hz / 1000))
    fit = _solved(inside, click, slow, sides, order)
    if fit is None or fit.excess <= RINGING_EXCESS:
        return fit
    turns = _ringing(fit.samples[click:], sides, rate_hz) / rate_hz
    phase = 2 * np.pi * turns * np.arange(inside.size)
    envelopes = _functions(inside.size, click, round(FAST_KNOT_MS * rate_hz / 1000))
    functions = np.concatenate([slow, envelopes * np.cos(phase), envelopes * np.sin(phase)])
    both = _solved(inside, click, functions, sides, order)
    return both if both is not None and both.excess < _BETTER * fit.excess else fit


def _click_lengths(length: int, rate_hz: int) -> list[int]:
    return sorted({max(1, min(round(ms * rate_hz / 1000), length // 2)) for ms in CLICK_MS})


def _functions(length: int, first: int, knot: int) -> Samples:
    """Raised cosines over a span from ``first`` on, ever smaller: ``(N, length)``."""
    knot = max(min(knot, (length - first) // 3), 2)
    middles = np.arange(first, length - knot / 2, knot)
    distance = np.abs(np.arange(length) - middles[:, None]) / knot
    made = 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1.0))
    made[:, :first] = 0.0
    fall_db = DECAY_DB * (middles - first) / (length - first)
    return np.asarray(made * 10.0 ** (-fall_db / 20)[:, None])


def _ringing(tail: Samples, sides: Sides, rate_hz: int) -> float:
    """Frequency whose power in a tail ``(T,)`` stands highest above that of the surroundings, Hz."""
    size = min(tail.size, round(_SHOWN_MS * rate_hz / 1000))
    bins = 1 << (4 * size).bit_length()
    shown = np.abs(np.fft.rfft(tail[:size] * np.hanning(2 * size)[size:], bins)) ** 2
    around = np.zeros_like(shown)
    for side in (sides.left, sides.right):
        pieces = side[side.size % size :].reshape(-1, size)[-4:]
        around += np.sum(np.abs(np.fft.rfft(pieces * np.hanning(size), bins)) ** 2, axis=0)
    around += 1e-4 * np.max(around) + 1e-12
    hz = np.arange(shown.size) * rate_hz / bins
    prominence = np.where((hz > _LOWEST_HZ) & (hz < 0.45 * rate_hz), shown * np.sqrt(shown / around), 0.0)
    return float(hz[int(np.argmax(prominence))])


def _solved(inside: Samples, click: int, functions: Samples, sides: Sides, order: int) -> _Fit | None:
    """Least squares for the samples of the click and the weights of the functions."""
    length = inside.size
    left, right = sides.left[sides.left.size - order :], sides.right[sides.right.size - order :][::-1]
    known = np.concatenate([left, inside, right])
    known[order : order + click] = 0.0
    count = click + len(functions)
    products, target = np.zeros((count, count)), np.zeros(count)
    size = 1 << int(np.ceil(np.log2(known.size + order + 1)))
    if count * size > _MOST_VALUES:
        return None
    columns = np.zeros((count, size))
    columns[np.arange(click), order + np.arange(click)] = 1.0
    columns[click:, order : order + length] = -functions
    spectra = np.fft.rfft(columns, axis=1)
    known_spectrum = np.fft.rfft(known, size)
    parts: list[tuple[Samples, Samples, float]] = []
    for side, model in enumerate(sides.models):
        assert model is not None
        a, weight = model
        predictor = a if side == 0 else a[::-1]
        response = np.fft.rfft(predictor, size)
        first = a.size - 1
        rows = slice(first, known.size)
        filtered = np.fft.irfft(spectra * response, size)[:, rows]
        base = np.fft.irfft(known_spectrum * response, size)[rows]
        products += weight * filtered @ filtered.T
        target -= weight * filtered @ base
        parts.append((filtered, base, weight))
    largest = float(np.max(np.abs(inside)))
    ridge = np.r_[np.zeros(click), np.full(len(functions), 1.0 / max(largest, 1e-6) ** 2)]
    products[np.diag_indices(count)] += ridge + 1e-12
    try:
        inverse = np.linalg.inv(products)
    except np.linalg.LinAlgError:
        return None
    solution = inverse @ target
    samples = inside - solution[click:] @ functions
    samples[:click] = solution[:click]
    if not np.all(np.isfinite(samples)):
        return None
    excess = 0.0
    for filtered, base, weight in parts:
        errors = base + solution @ filtered
        excess += weight * float(np.mean(errors**2)) / len(parts)
    spread = np.einsum("in,ij,jn->n", functions, inverse[click:, click:], functions)
    deviation = np.sqrt(2 * np.maximum(spread, 0.0))
    expected = 2 * float(np.sum(spread[click:]) + np.trace(inverse[:click, :click]))
    taken = (inside - samples)[click:]
    return _Fit(samples, click, expected, excess, float(taken @ taken), deviation)
