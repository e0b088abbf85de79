"""What follows a click: a thump, a jump that settles or a ringing, told from the music by how likely it is.

In: the samples from a click on, and the models of the music on both sides. Out: the tail, what is left
without it, and how much likelier it makes what is there than no tail does.

What is there is music + tail, and under the click it is nothing that is known. The music is a Gaussian
process with the prediction errors of the autoregressive models of both sides, as in Janssen's interpolation.
The tail is one as well, a sum of splines whose weights are correlated as those of a decaying oscillation
are::

    covariance(s, t) = size² · fall(s) · fall(t) · cos(2π · frequency · (s − t))
                       · exp(−½ (s − t)² / coherence²)

Which frequency (0 for a jump), fall, coherence and size it has is told by how likely each makes what is there
(MacKay, Neural Computation 4(3), 1992); the music and the tail then follow from least squares. A ringing is
such a process too, times a cosine and a sine of the frequency that stands out.

Music does what its models do not expect, and then everything is less sure. How much less is seen in what the
tail and the click leave: of the whole prediction error for the click and the ringing; for a slow tail, which
shares no frequency with most of what surprises, of what the splines could still take from it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from .convolution import convolve, convolve_valid, fast_length
from .least_squares import filter_products

CONTEXT_MS, ORDER_SHARE = 186.0, 0.125
"""Of the models that tell music from tail: measured, half of it loses 2 dB, twice as much gains nothing."""

CLICK_MS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 4.0)
"""Lengths of the click that are tried."""

_PRICE = 4.0
"""Squared prediction error, in variances, that a sample must take away to count as the click's, as in
:mod:`restore_audio.detection.click_edges`: healthy ones take 1 on average."""

SLOW_KNOT_MS = 3.0
"""Distance of the splines of a thump or a jump: at 80 Hz their images are 40 dB down."""

FAST_KNOT_MS = 1.5
"""The same for a ringing, whose frequency slides."""

SLOW_HZ = (0.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0, 66.0, 85.0)
"""Arms and cartridges resonate at 8 to 80 Hz; 0 is a jump that settles."""

SLOW_COHERENCE, FAST_COHERENCE = (0.25, 1.0), (0.05, 0.15, 0.5)
"""In lengths of the tail: how long one phase is kept."""

SLOW_FALLS_DB, FAST_FALLS_DB = (15.0, 35.0, 70.0), (30.0, 60.0, 120.0)
"""Falls over the span (of a ringing, over :data:`LONGEST_RINGING_MS` of it at most), which is longer or
shorter than the tail. Of 50 ringings and 36 thumps in training music (``bench --protocol real --seed 31``),
falls of a ringing from 20 dB on gain 0.3 dB in the former and lose 0.7 dB in the latter, for notes that begin
there."""

SIZES = (1.0, 0.3, 0.1, 0.03)
"""Of tails at their start, in the largest sample of the span."""

LONGEST_RINGING_MS = 40.0
"""Simulated ringings (damage.clicks) have decayed by then."""

LEAST_EVIDENCE = 10.0
"""Logarithm of how much likelier a tail must make what is there; e^10 : 1."""

_REST = 1e-3
"""Of the tail's energy: so much of its end stays, and with it, to the bit, the samples behind it. A tail that
falls evenly never ends, but the damage does: with no rest 350 healthy samples behind each of 24 thumps in
training music changed, with this one 1, for 0.35 dB."""

_BROAD_FALL_DB = 60.0
"""Of the tail of any shape by which the click's length is told."""

_ROUNDS = 3
"""Of tail and remaining error, each found by the other."""

_LOWEST_HZ = 250.0
"""Of a ringing."""

_SHOWN_MS = 12.0
"""Start of the tail in which its frequency is looked for."""


@dataclass(frozen=True)
class Scene:
    """What is there, as the models of both sides see it; each counts half, they see the same errors.

    Attributes:
        inside: damaged samples of the span, ``(T,)``.
        products: autocorrelation of the prediction error filters, ``(2 · order + 1,)``.
        pulled: half the derivative of the prediction error by each sample of the span, ``(T,)``.
        cost: the prediction error.
        rows: how many errors it is the sum of.
    """

    inside: Samples
    products: Samples
    pulled: Samples
    cost: float
    rows: int

    @classmethod
    def seen(
        cls, inside: Samples, sides: tuple[Samples, Samples], models: list[tuple[Samples, float]]
    ) -> Scene:
        """What is there between two sides; the right one, and its model, are backwards in time."""
        products = 0.5 * filter_products(models)
        order = products.size // 2
        left, right = sides[0][sides[0].size - order :], sides[1][sides[1].size - order :][::-1]
        known = np.concatenate([left, inside, right])
        directed = (models[0][0], models[1][0][::-1])
        errors = [convolve_valid(known, predictor) for predictor in directed]
        cost = sum(0.5 * weight * float(e @ e) for e, (_, weight) in zip(errors, models, strict=True))
        pulled = convolve(known, products)[2 * order : 2 * order + inside.size]
        return cls(inside, products, pulled, cost, inside.size + order)

    def weighed(self, columns: Samples) -> Samples:
        """Products of functions ``(N, T)`` with the precision of the music, ``(N, T)``."""
        count, order = self.inside.size, self.products.size // 2
        size = fast_length(count + 2 * order)
        spectra = np.fft.rfft(columns, size) * np.fft.rfft(self.products, size)
        return np.asarray(np.fft.irfft(spectra, size)[:, order : order + count])


@dataclass(frozen=True)
class Fit:
    """A tail.

    Attributes:
        evidence: logarithm of how much likelier it makes what is there than no tail does.
        weights: of the functions, ``(N,)``.
        prior: covariance that they had, ``(N, N)``.
        surprise: squared errors of the music, in those that its models expect.
    """

    evidence: float
    weights: Samples
    prior: Samples
    surprise: float


class Problem:
    """Least squares for the first samples of a span and the weights of functions in all of it.

    Args:
        scene: what is there.
        click: how many samples are unknown.
        columns: the functions, ``(N, T)``.
        weighed: the same from :meth:`Scene.weighed`.
    """

    def __init__(self, scene: Scene, click: int, columns: Samples, weighed: Samples) -> None:
        self._scene, self.click, self._columns = scene, click, columns
        order = scene.products.size // 2
        lags = np.abs(np.subtract.outer(np.arange(click), np.arange(click)))
        system = np.where(lags <= order, scene.products[order + np.minimum(lags, order)], 0.0)
        system[np.diag_indices(click)] *= 1.0 + 1e-9
        self._root = np.linalg.cholesky(system)
        sides = np.concatenate([weighed[:, :click], scene.pulled[None, :click]])
        within = np.linalg.solve(self._root, sides.T)
        self._within, self._pull = within[:, :-1], within[:, -1]
        self._known = columns @ weighed.T, columns @ scene.pulled
        self._eliminate()

    def _eliminate(self) -> None:
        """What is known of the weights once the click's samples have been solved for."""
        products, target = self._known
        products = products - self._within.T @ self._within
        self._products = 0.5 * (products + products.T)
        self._target = target - self._within.T @ self._pull
        self.gain = float(self._pull @ self._pull)

    def shorter(self, click: int) -> Problem:
        """The same with fewer unknown samples: all that was found of them stays as it is."""
        problem = copy(self)
        problem.click, problem._root = click, self._root[:click, :click]
        problem._within, problem._pull = self._within[:click], self._pull[:click]
        problem._eliminate()
        return problem

    def prepared(self, priors: Samples) -> tuple[NDArray[np.intp], Samples, Samples]:
        """Of covariances ``(M, N, N)`` what :meth:`weighed` needs, whatever the surprise.

        Returns:
            The weights that may be other than 0, and products of their covariances.
        """
        free = np.flatnonzero(priors.any(axis=(0, 2)))
        some = priors[:, free[:, None], free] if free.size < priors.shape[1] else priors
        return free, some @ self._products[free[:, None], free], some @ self._target[free]

    def weighed(
        self, free: NDArray[np.intp], products: Samples, target: Samples, surprise: float
    ) -> tuple[Samples, Samples]:
        """Evidence ``(M,)`` and weights ``(M, N)`` of tails, :meth:`prepared`."""
        system = np.eye(free.size) + products / surprise
        weights = np.zeros((len(products), self._target.size))
        weights[:, free] = np.linalg.solve(system, target[..., None] / surprise)[..., 0]
        gains = weights @ (self._target / surprise)
        return 0.5 * (gains - np.linalg.slogdet(system)[1]), weights

    def best(self, priors: Samples, least: float) -> Fit:
        """The likeliest tail, with a surprise of at least ``least``."""
        prepared, surprise = self.prepared(priors), least
        for turn in range(_ROUNDS + 1):
            evidence, weights = self.weighed(*prepared, surprise)
            number = int(np.argmax(evidence))
            left = self._target - self._products @ (weights[number] * (evidence[number] > 0.0))
            system = self._products + 1e-9 * np.trace(self._products) / left.size * np.eye(left.size)
            seen = max(least, float(left @ np.linalg.solve(system, left)) / left.size)
            if turn == _ROUNDS or seen == surprise:
                break
            surprise = seen
        return Fit(float(evidence[number]), weights[number], priors[number], surprise)

    def cost(self, weights: Samples) -> float:
        """Prediction error that a tail leaves."""
        taken = 2.0 * weights @ self._target - weights @ self._products @ weights
        return self._scene.cost - self.gain - float(taken)

    def samples(self, weights: Samples) -> Samples:
        """The music ``(T,)``."""
        music = np.asarray(self._scene.inside - weights @ self._columns)
        music[: self.click] -= np.linalg.solve(self._root.T, self._pull - self._within @ weights)
        return music

    def tail(self, weights: Samples) -> Samples:
        """The tail ``(T,)``."""
        return np.asarray(weights @ self._columns)

    def variance(self, fit: Fit) -> Samples:
        """Of the music's error, ``(T,)``."""
        system = np.eye(self._target.size) + fit.prior @ (self._products / fit.surprise)
        covariance = np.linalg.solve(system, fit.prior)
        spread = np.einsum("in,ij,jn->n", self._columns, covariance, self._columns, optimize=True)
        spread = np.maximum(spread, 0.0)
        spread[: self.click] = fit.surprise * np.sum(np.linalg.inv(self._root) ** 2, axis=0)
        return np.asarray(spread)


@dataclass(frozen=True)
class Told:
    """What follows a click.

    Attributes:
        problem: which the tail solves.
        fit: the tail, of weight 0 if none is told.
        slow: logarithm of how much likelier a thump or a jump makes what is there than no tail does.
        ringing: the same of a ringing besides.
    """

    problem: Problem
    fit: Fit
    slow: float
    ringing: float

    @property
    def tail(self) -> Samples:
        """The samples ``(T,)`` that it adds."""
        return self.problem.tail(self.fit.weights)


def tail_reach(taken: Samples) -> int:
    """Samples of ``taken``, the squares of a tail ``(T,)``, up to where the rest is :data:`_REST` of it."""
    most = np.cumsum(taken[::-1])[::-1] > _REST * np.sum(taken)
    return int(np.max(np.flatnonzero(most) + 1, initial=0))


def told(scene: Scene, sides: tuple[Samples, Samples], rate_hz: int) -> Told:
    """The likeliest tail, of weight 0 if none is told.

    Args:
        scene: what is there.
        sides: of it, on the same scale.
        rate_hz: sample rate.
    """
    length = scene.inside.size
    largest = float(np.max(np.abs(scene.inside))) + 1e-9
    slow, places = _splines(length, round(SLOW_KNOT_MS * rate_hz / 1000))
    weighed = scene.weighed(slow)
    broad = np.diag(largest**2 * 10.0 ** (-_BROAD_FALL_DB / 10 * places / length))[None]
    problem, surprise = _with_click(scene, slow, weighed, broad, rate_hz)
    sizes = (largest * np.array(SIZES)) ** 2
    turns = [hz / rate_hz for hz in SLOW_HZ]
    fit = problem.best(_priors(sizes, places, length, turns, SLOW_COHERENCE, SLOW_FALLS_DB), 1.0)
    evidence = fit.evidence
    if evidence < LEAST_EVIDENCE:
        fit = Fit(0.0, np.zeros(len(slow)), np.zeros((len(slow), len(slow))), fit.surprise)
    # A ringing besides.
    shown = min(length, round(LONGEST_RINGING_MS * rate_hz / 1000))
    envelopes, places = _splines(shown, round(FAST_KNOT_MS * rate_hz / 1000))
    envelopes = np.pad(envelopes, ((0, 0), (0, length - shown)))
    hz = _ringing(problem.samples(fit.weights)[problem.click :], sides, rate_hz)
    phase = 2 * np.pi * hz / rate_hz * np.arange(length)
    fast = np.concatenate([envelopes * np.cos(phase), envelopes * np.sin(phase)])
    both = Problem(
        scene,
        problem.click,
        np.concatenate([slow, fast]),
        np.concatenate([weighed, scene.weighed(fast)]),
    )
    rings = _priors(sizes, places, shown, [0.0], FAST_COHERENCE, FAST_FALLS_DB)
    first, second = len(slow), len(slow) + len(envelopes)
    priors = np.zeros((1 + len(rings), len(slow) + len(fast), len(slow) + len(fast)))
    priors[:, :first, :first] = fit.prior
    priors[1:, first:second, first:second] = priors[1:, second:, second:] = rings
    rung = both.best(priors[1:], surprise)
    alone = float(both.weighed(*both.prepared(priors[:1]), rung.surprise)[0][0])
    rings_by = rung.evidence - alone
    if rings_by > LEAST_EVIDENCE:
        return Told(both, rung, evidence, rings_by)
    return Told(problem, fit, evidence, rings_by)


def _with_click(
    scene: Scene, slow: Samples, weighed: Samples, broad: Samples, rate_hz: int
) -> tuple[Problem, float]:
    """The problem of the click's likeliest length, and the surprise that it and a slow tail leave."""
    lengths = _click_lengths(slow.shape[1], rate_hz)
    longest = Problem(scene, lengths[-1], slow, weighed)
    problems = [longest.shorter(click) for click in lengths]
    prepared = [problem.prepared(broad) for problem in problems]
    best, surprise = problems[0], 1.0
    for _ in range(2):
        fits = [p.weighed(*some, surprise) for p, some in zip(problems, prepared, strict=True)]
        worth = [
            float(evidence[0]) + 0.5 * problem.gain / surprise - 0.5 * _PRICE * problem.click
            for problem, (evidence, _) in zip(problems, fits, strict=True)
        ]
        number = int(np.argmax(worth))
        best = problems[number]
        left = min(problems[n].cost(fits[n][1][0]) for n in (number, -1))
        surprise = max(1.0, left / scene.rows)
    return best, surprise


def _click_lengths(length: int, rate_hz: int) -> list[int]:
    return sorted({max(1, min(round(ms * rate_hz / 1000), length // 2)) for ms in CLICK_MS})


def _splines(length: int, knot: int) -> tuple[Samples, Samples]:
    """Cubic splines over a span, ``(N, length)``, and their middles ``(N,)``, of which none is before it."""
    knot = max(min(knot, length // 4), 2)
    middles = np.arange(-knot, length + 2 * knot, knot)
    distance = np.abs(np.arange(-2 * knot, 2 * knot)) / knot
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    spline, made = np.where(distance < 1, near, far), np.zeros((middles.size, length))
    for row, middle in zip(made, middles.tolist(), strict=True):
        first, last = max(middle - 2 * knot, 0), min(middle + 2 * knot, length)
        row[first:last] = spline[first - middle + 2 * knot : max(last - middle + 2 * knot, 0)]
    return made, np.maximum(middles, 0).astype(np.float64)


def _priors(
    sizes: Samples,
    places: Samples,
    length: int,
    turns: list[float],
    coherence: tuple[float, ...],
    falls_db: tuple[float, ...],
) -> Samples:
    """Covariances of the weights of splines at ``places``: ``(M, N, N)``; ``turns`` are cycles a sample."""
    apart = np.subtract.outer(places, places)
    shapes = []
    for fall_db in falls_db:
        fall = 10.0 ** (-fall_db / 20 * places / length)
        for turn in turns:
            wave = np.cos(2 * np.pi * turn * apart) * np.outer(fall, fall)
            shapes += [wave * np.exp(-0.5 * (apart / (share * length)) ** 2) for share in coherence]
    return np.asarray((sizes[:, None, None, None] * np.array(shapes)).reshape(-1, *apart.shape))


def _ringing(tail: Samples, sides: tuple[Samples, Samples], rate_hz: int) -> float:
    """Frequency whose power in a tail ``(T,)`` stands highest above that of the surroundings, Hz."""
    size = min(tail.size, round(_SHOWN_MS * rate_hz / 1000))
    bins = 1 << (4 * size).bit_length()
    shown = np.abs(np.fft.rfft(tail[:size] * np.hanning(2 * size)[size:], bins)) ** 2
    around = np.zeros_like(shown)
    for side in sides:
        pieces = side[side.size % size :].reshape(-1, size)[-4:]
        around += np.sum(np.abs(np.fft.rfft(pieces * np.hanning(size), bins)) ** 2, axis=0)
    around += 1e-4 * np.max(around) + 1e-12
    hz = np.arange(shown.size) * rate_hz / bins
    prominence = np.where((hz > _LOWEST_HZ) & (hz < 0.45 * rate_hz), shown * np.sqrt(shown / around), 0.0)
    return float(hz[int(np.argmax(prominence))])
