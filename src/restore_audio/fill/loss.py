"""Estimate what a dropout has taken: how many decibels at each time and frequency, and what noise it added.

In: the spectrum of the damaged stretch ``(F, K)``, and the spectrum that its surroundings predict with the
variance of that prediction. Out: a :class:`Loss`, or None where nothing seems to be lost.

A loss in dB is taken for the product of a course over time and a colour over frequency. Courses are
trapezoids with raised-cosine flanks over the span; colours are *flat* (an electric dropout), *sloped*
(spacing loss of tape, exp(-2πfd/v), in dB proportional to the frequency, with or without a flat part), and
*stepped* (only what lies above a cutoff). For each pair the depth follows in closed form from the log levels
in bands; the likeliest pairs of each colour are then compared by the likelihood of the complex spectrum
under the prediction: where the prediction is sure of itself, phase and tone tell more than any level.

Source of the sloped colour: Wallace, Bell System Technical Journal 30(4), 1951.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples

Spectrum = NDArray[np.complex128]

FLANKS_MS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Flanks that are tried for the courses, besides 0.35 and 0.5 of the span."""

SLOPE_FLAT_SHARES = (0.0, 0.05, 0.15, 0.4)
"""Of the sloped colours: the loss at 0 Hz relative to what the slope alone has at the highest frequency."""

CUTOFFS_HZ = tuple(np.geomspace(700.0, 9000.0, 16).tolist())
"""Of the stepped colours, whose power falls off as a Butterworth filter of order 4 does."""

TINY = 1e-13
"""Power below which a cell of the spectrum (of samples with a peak near 1) is empty."""

_DEEPEST = 40.0
"""Largest loss, as a natural logarithm of power."""

_NOISE_STEPS = np.arange(-1.0, 3.0, 0.5)
"""Noise powers that are tried, as natural logarithms, from the quietest band of the span on."""

_ABOVE_NOISE = 3.0
"""Bands at least so many times as strong as the noise are used to estimate the loss."""

_CANDIDATES = 3
"""Pairs of course and colour that are compared for each family of colours and each noise."""

_REFINED = 4
_STEPS = (0.7, 0.85, 1.15, 1.3)
"""The likeliest pairs are tried with depths that are so many times the one from the bands."""

_MODEL_ERROR = 0.003
"""Error of the product of course and colour: power, as a share of the predicted power."""

_FARTHEST = 20.0
"""Squared distances of the spectrum from its prediction, in variances, are cut here: one cell is not all."""

_TEMPERATURE = 300.0
"""Losses whose log likelihoods, summed over all cells, differ by so much differ by a factor of e in weight.
Cells are not independent and no loss is exactly such a product, so the likeliest alone would get too much
weight."""

_LEAST_GAIN = 0.2
"""Log likelihood for each cell by which the loss must explain a band better than no loss does. Of 320
dropouts of tapes and of treble in training music 2.5 % were worse by more than 1 dB with 0.2 as with 0.4, at
0.2 dB more of gain; with 0.1 treble loses 0.3 dB of it."""

_UNSURE = 0.5
"""Variance of a log band level (natural, power) besides what the surroundings show."""

_LIVELY = 8.0
"""Bands whose power is below 10^-8 of the strongest one's say nothing."""


@dataclass(frozen=True)
class Scene:
    """A damaged stretch and what is predicted for it, at ``K`` times inside of the span, ``F`` bins.

    Attributes:
        damaged: complex spectrum, ``(F, K)``.
        predicted: the spectrum of the prediction, ``(F, K)``.
        variance: of its error, ``(F, K)``.
        spread: variance of the log band levels before and after the span, ``(B,)``.
        edges: first bin of each band, and ``F``: ``(B + 1,)``.
        frequencies_hz: of the bins, ``(F,)``.
        centres: middle of each frame, in samples from the start of the span, ``(K,)``.
        window: of a frame, ``(W,)``.
        length: samples of the span.
        rate_hz: sample rate.
    """

    damaged: Spectrum
    predicted: Spectrum
    variance: Samples
    spread: Samples
    edges: NDArray[np.int64]
    frequencies_hz: Samples
    centres: NDArray[np.int64]
    window: Samples
    length: int
    rate_hz: int


@dataclass(frozen=True)
class Loss:
    """What is lost, as natural logarithms of amplitude.

    Attributes:
        lost: in each cell, ``(F, K)``, 0 or more.
        error: standard error of ``lost``, by how far the likely losses differ, ``(F, K)``.
        alike: the part of it that all frequencies have lost, sample by sample, ``(T,)``.
        noise: power of the noise in a cell of the spectrum.
        gains: of log likelihood in a cell, by taking the loss for lost, averaged over time, ``(F,)``.
    """

    lost: Samples
    error: Samples
    alike: Samples
    noise: float
    gains: Samples


def estimate_loss(scene: Scene, colours: tuple[str, ...] = ("flat", "sloped", "stepped")) -> Loss | None:
    """The likeliest loss.

    Args:
        scene: the stretch.
        colours: which families are tried.

    Returns:
        None where no loss explains any band better than no loss does.
    """
    courses = _courses(scene.length, scene.rate_hz)
    seen = seen_by_frames(courses, scene.centres, scene.window)
    families = _colours(scene.frequencies_hz, colours)
    # Half of the frames' overlap is enough to compare by.
    hop = int(scene.centres[1] - scene.centres[0]) if scene.centres.size > 1 else scene.window.size
    some = slice(None, None, max(scene.window.size // 2 // hop, 1))
    likelihood = _Likelihood(scene, some)
    judged = [
        (likelihood.cost(depth, colour, seen[number, some], noise), depth, colour, number, noise)
        for depth, colour, number, noise in _candidates(scene, families, seen)
    ]
    judged.sort(key=lambda entry: entry[0])
    for _, depth, colour, number, noise in judged[:_REFINED]:
        for step in _STEPS:
            cost = likelihood.cost(step * depth, colour, seen[number, some], noise)
            judged.append((cost, step * depth, colour, number, noise))
    if not judged:
        return None
    frames = seen[:, some].shape[1]
    costs = np.array([entry[0] for entry in judged]) * frames
    weights = np.exp(-(costs - costs.min()) / _TEMPERATURE)
    weights /= weights.sum()
    lost = np.zeros(scene.damaged.shape)
    square = np.zeros(scene.damaged.shape)
    alike = np.zeros(scene.length)
    level = 0.0
    for weight, (_, depth, colour, number, noise) in zip(weights.tolist(), judged, strict=True):
        if weight < 1e-3:
            continue
        one = 0.5 * depth * np.outer(colour, seen[number])
        lost += weight * one
        square += weight * one**2
        alike += weight * 0.5 * depth * colour.min() * courses[number]
        level += weight * noise
    error = np.sqrt(np.maximum(square - lost**2, 0.0))
    some_lost = lost[:, some]
    gains = likelihood.by_bin(np.zeros_like(some_lost), 0.0)
    gains -= likelihood.by_bin(some_lost, level)
    proven = np.flatnonzero(_band_means(gains[:, None], scene.edges)[:, 0] > _LEAST_GAIN)
    if proven.size == 0 or not np.any(lost):
        return None
    # What lies below the lowest band that is proven to be struck is left as it is.
    first = int(scene.edges[proven[0]])
    lost[:first] = error[:first] = 0.0
    if first:
        alike[:] = 0.0
    return Loss(lost, error, alike, level, gains)


class _Likelihood:
    """How well losses explain a scene."""

    def __init__(self, scene: Scene, some: slice) -> None:
        self._damaged, self._predicted = scene.damaged[:, some], scene.predicted[:, some]
        power = np.abs(self._predicted) ** 2
        self._variance = scene.variance[:, some] + _MODEL_ERROR * power + TINY
        levels = _band_means(power + scene.variance[:, some], scene.edges).mean(axis=1)
        self._lively = np.repeat(levels > levels.max() * 10.0**-_LIVELY, np.diff(scene.edges))

    def by_bin(self, lost: Samples, noise: float) -> Samples:
        """Negative log likelihood of a cell, averaged over time: ``(F,)``."""
        gain = np.exp(-lost)
        variance = gain**2 * self._variance + noise + TINY
        distance = np.abs(self._damaged - gain * self._predicted) ** 2 / variance
        return np.asarray(np.mean(np.minimum(distance, _FARTHEST) + np.log(variance), axis=1))

    def cost(self, depth: float, colour: Samples, seen: Samples, noise: float) -> float:
        """The same, summed over the bins that are not empty."""
        lost = 0.5 * depth * np.outer(colour, seen)
        return float(np.sum(self.by_bin(lost, noise)[self._lively]))


def _candidates(
    scene: Scene, families: list[Samples], seen: Samples
) -> Iterator[tuple[float, Samples, int, float]]:
    """Depth, colour ``(F,)``, number of the course, and noise of the pairs that fit the band levels best."""
    levels = _band_means(np.abs(scene.damaged) ** 2, scene.edges)
    expected = np.log(_band_means(np.abs(scene.predicted) ** 2 + 0.5 * scene.variance, scene.edges) + TINY)
    mean = expected.mean(axis=1)
    lively = mean > mean.max() - _LIVELY * np.log(10.0)
    weights = np.where(lively, 1.0 / (scene.spread + _UNSURE), 1e-9)
    quietest = float(np.quantile(levels.min(axis=0), 0.2)) + TINY
    for noise in (0.0, *(quietest * np.exp(_NOISE_STEPS))):
        told = (levels > _ABOVE_NOISE * noise).astype(np.float64)
        ratio = told * (np.log(np.maximum(levels - noise, TINY)) - expected)
        for family in families:
            colours = _band_means(family.T, scene.edges).T
            products = colours @ (weights[:, None] * ratio) @ seen.T
            squares = (colours**2 * weights) @ told @ (seen**2).T
            depths = np.clip(-products / np.maximum(squares, 1e-9), 0.0, _DEEPEST)
            explained = depths * -products
            for place in np.argsort(explained, axis=None)[-_CANDIDATES:].tolist():
                colour, course = divmod(place, seen.shape[0])
                yield float(depths[colour, course]), family[colour], course, float(noise)


def _band_means(cells: Samples, edges: NDArray[np.int64]) -> Samples:
    """Means of ``(F, K)`` over bands: ``(B, K)``."""
    sums = np.add.reduceat(cells, edges[:-1], axis=0)
    return np.asarray(sums / np.diff(edges)[:, None])


def _courses(length: int, rate_hz: int) -> Samples:
    """Trapezoids over the span with every pair of flanks: ``(M, length)``."""
    flanks = [ms * rate_hz / 1000 for ms in FLANKS_MS if ms * rate_hz / 1000 < 0.35 * length]
    flanks += [0.35 * length, 0.5 * length]
    time = np.arange(length)
    rises = [np.sin(0.5 * np.pi * np.clip((time + 1) / (flank + 1), 0, 1)) ** 2 for flank in flanks]
    return np.array([rise * fall[::-1] for rise in rises for fall in rises])


def seen_by_frames(courses: Samples, centres: NDArray[np.int64], window: Samples) -> Samples:
    """Courses ``(M, T)`` averaged over the frames, weighted by the window's power: ``(M, K)``."""
    size = window.size
    weights = window**2 / np.sum(window**2)
    padded = np.pad(courses, ((0, 0), (size, size)))
    starts = np.clip(centres - size // 2 + size, 0, padded.shape[1] - size)
    return np.stack([padded[:, start : start + size] @ weights for start in starts.tolist()], axis=1)


def _colours(frequencies_hz: Samples, names: tuple[str, ...]) -> list[Samples]:
    """Families of colours, each ``(N, F)``."""
    highest = max(float(frequencies_hz[-1]), 1.0)
    slope = frequencies_hz / highest
    made = {
        "flat": np.ones((1, frequencies_hz.size)),
        "sloped": np.array([(share + slope) / (share + 1.0) for share in SLOPE_FLAT_SHARES]),
        "stepped": np.array(
            [1.0 - 1.0 / (1.0 + (frequencies_hz / c) ** 8) for c in CUTOFFS_HZ if c < 0.8 * highest]
        ),
    }
    return [made[name] for name in names if made[name].size]
