"""What the repair of a dropout is made of: its spectrum, what is expected of it, and what seems to be lost.

In: a gap whose samples are damaged but not gone, and what the best fill predicts there. Out:
:class:`Workings`, from which :mod:`.remains` makes the repair.

The variance of the prediction follows from the AR models of the two sides: the error of the n-th sample
after the edge is the model's own response to n white samples, and its spectrum that of the response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal.kernels import continue_recursion
from ..signal.running import running_mean
from .ar import ArSettings, Sides, fit_sides
from .gaps import Gap, Prediction
from .loss import TINY, Loss, Scene, Spectrum, estimate_loss

COLOURS = {"dropout": ("flat", "sloped", "stepped"), "treble": ("sloped", "stepped")}
"""By kind of damage, the colours of loss that are tried."""

MODELS = ArSettings(context_ms=186.0)
"""Of the models that tell the prediction's variance."""

CONTEXT_MS = 40.0
"""Healthy sound on either side from which the lost level is told."""

GUARD_MS = 2.0
"""Levels are compared with those of so much on each side, from so far outside of the span on."""

NEAREST_MS, LOUDER_DB = 10.0, 2.0
"""No band is expected to be louder by the second than the course from its level before the span to that
behind, each the highest within the first: what begins soon after a span, or is over long before it, is in the
models of its sides and was continued into it. Of 320 dropouts of tapes and of treble in training music 3.8 %
were worse by more than 1 dB, and 2.2 % are so, at 0.2 dB more of gain."""

OVERCONFIDENCE = 3.0
"""Music errs more than its AR model expects: factor on the variance."""

LONG_MS, SHORT_MS = 30.0, 12.0
"""Spans from the first on are seen in frames of 11.6 ms, below the second in 2.9 ms, between them in 5.8."""

_FRAME_MS = 11.6
_DISTANCES = 24
_LONGEST_RESPONSE = 8192


@dataclass(frozen=True)
class Workings:
    """What a repair is made of.

    Attributes:
        gap: its samples are the damaged ones.
        scale: what the samples are divided by.
        damaged: the gap with its context on both sides, ``(T,)``.
        inside: the gap in it.
        hop: samples from a frame to the next.
        guessed: spectrum of all of it with the prediction in the gap, ``(F, N)``.
        struck: which frames hold any of the gap, ``(N,)``.
        beside: spectra of the healthy frames before and behind it.
        scene: its struck frames.
        loss: what is lost of them.
    """

    gap: Gap
    scale: float
    damaged: Samples
    inside: slice
    hop: int
    guessed: Spectrum
    struck: NDArray[np.bool_]
    beside: tuple[Spectrum, Spectrum]
    scene: Scene
    loss: Loss

    def spectrum(self, samples: Samples) -> Spectrum:
        """Frames of ``(T,)``, scaled as :attr:`damaged`: ``(F, N)``."""
        return analysed(samples, self.scene.window, self.hop)


def workings(gap: Gap, prior: Prediction) -> Workings | None:
    """What a repair of a gap is made of; arguments and None as of :func:`.remains.repair`."""
    size, hop = _frame(gap.length, gap.rate_hz)
    context = max(round(CONTEXT_MS * gap.rate_hz / 1000) // hop * hop, size) + size
    first, last = gap.start - context, gap.end + context
    if first < gap.first or last > gap.last or not np.all(np.isfinite(gap.mine[first:last])):
        return None
    sides = fit_sides(gap.before, gap.after, rate_hz=gap.rate_hz, settings=MODELS)
    scale = sides.peak
    if scale <= 0.0:
        return None
    window = np.sqrt(np.hanning(size + 1)[:-1])
    damaged = gap.mine[first:last] / scale
    predicted = damaged.copy()
    inside = slice(context, context + gap.length)
    predicted[inside] = prior.samples / scale
    shown, guessed = analysed(damaged, window, hop), analysed(predicted, window, hop)
    centres = np.arange(shown.shape[1]) * hop + size // 2 - context
    guard = round(GUARD_MS * gap.rate_hz / 1000)
    before = centres <= -(size // 4) - guard
    after = centres >= gap.length + size // 4 + guard
    struck = ~(before | after)
    variance = OVERCONFIDENCE * _prediction_variance(sides, gap.length, centres[struck], window)
    edges = _band_edges(shown.shape[0], gap.rate_hz)
    reach = size // 4 + guard + round(NEAREST_MS * gap.rate_hz / 1000)
    share = _bounded(
        np.abs(guessed[:, struck]) ** 2 + 0.5 * variance,
        (shown[:, before & (centres >= -reach)], shown[:, after & (centres <= gap.length + reach)]),
        edges,
        np.clip(centres[struck] / gap.length, 0.0, 1.0),
    )
    scene = Scene(
        shown[:, struck],
        np.sqrt(share) * guessed[:, struck],
        share * variance,
        _spread(shown, before, after, edges),
        edges,
        np.arange(shown.shape[0]) * gap.rate_hz / size,
        centres[struck],
        window,
        gap.length,
        gap.rate_hz,
    )
    loss = estimate_loss(scene, COLOURS.get(gap.kind, COLOURS["dropout"]))
    if loss is None:
        return None
    beside = shown[:, before], shown[:, after]
    return Workings(gap, scale, damaged, inside, hop, guessed, struck, beside, scene, loss)


def _bounded(
    expected: Samples, beside: tuple[Spectrum, Spectrum], edges: NDArray[np.int64], place: Samples
) -> Samples:
    """What makes of a predicted power, ``(F, K)``, one that is no stronger than the sides let expect.

    Args:
        expected: the prediction.
        beside: what is right before the span and right behind it.
        edges: of the bands.
        place: of the ``K`` frames, from 0 at the start of the span to 1 at its end.
    """
    sides = [np.log(_levels(np.abs(side) ** 2, edges).max(axis=1))[:, None] for side in beside]
    most = np.exp(sides[0] + (sides[1] - sides[0]) * place) * 10 ** (LOUDER_DB / 10)
    return np.repeat(np.minimum(most / _levels(expected, edges), 1.0), np.diff(edges), axis=0)


def _levels(power: Samples, edges: NDArray[np.int64]) -> Samples:
    """Means of bands, ``(B, K)``."""
    return np.asarray(np.add.reduceat(power, edges[:-1], axis=0) / np.diff(edges)[:, None] + TINY)


def _frame(length: int, rate_hz: int) -> tuple[int, int]:
    """Samples of a frame and of a hop: short frames for short spans."""
    size = 1 << round(np.log2(_FRAME_MS * rate_hz / 1000))
    if length < LONG_MS * rate_hz / 1000:
        size //= 2
    if length < SHORT_MS * rate_hz / 1000:
        size //= 2
    size = max(size, 32)
    return size, size // 8


def analysed(samples: Samples, window: Samples, hop: int) -> Spectrum:
    """Frames of ``(T,)``: ``(F, K)``."""
    return np.asarray(np.fft.rfft(sliding_window_view(samples, window.size)[::hop] * window, axis=-1).T)


def _band_edges(bins: int, rate_hz: int) -> NDArray[np.int64]:
    """First bins of bands of at least 400 Hz and 0.3 of their frequency, and the number of bins."""
    spacing_hz = rate_hz / 2 / (bins - 1)
    edges = [0]
    while edges[-1] < bins:
        centre_hz = (edges[-1] + 1) * spacing_hz
        edges.append(edges[-1] + max(2, round(max(400.0, 0.3 * centre_hz) / spacing_hz)))
    edges[-1] = bins
    if len(edges) > 2 and edges[-1] - edges[-2] < 3:
        edges.pop(-2)
    return np.array(edges)


def _spread(
    shown: Spectrum, before: NDArray[np.bool_], after: NDArray[np.bool_], edges: NDArray[np.int64]
) -> Samples:
    """Variance of log band levels before and after the span, and from one to the other: ``(B,)``."""
    power = _levels(np.abs(shown) ** 2, edges)
    sides = [power[:, before], power[:, after]]
    varied = 0.5 * sum(np.log(side).var(axis=1) for side in sides)
    means = [np.log(side.mean(axis=1)) for side in sides]
    return np.asarray(varied + 0.25 * (means[0] - means[1]) ** 2)


def _prediction_variance(sides: Sides, length: int, centres: NDArray[np.int64], window: Samples) -> Samples:
    """Power of the prediction's error in each cell, ``(F, K)``, from both sides' models together."""
    bins = window.size // 2 + 1
    certainty = np.zeros((bins, centres.size))
    for side, model in enumerate(sides.models):
        if model is None:
            continue
        distances = np.clip(centres if side == 0 else length - 1 - centres, 1, _LONGEST_RESPONSE)
        longest = int(distances.max())
        response = continue_recursion(np.zeros(0), model[0], np.r_[1.0, np.zeros(longest - 1)])
        some = np.unique(np.geomspace(1, longest, _DISTANCES).astype(np.int64))
        finer = -(-max(longest, window.size) // window.size)
        spectra = np.stack(
            [np.abs(np.fft.rfft(response[:count], finer * window.size)) ** 2 for count in some.tolist()]
        )
        spectra = running_mean(spectra, finer, axis=1, last_twice=False)[:, ::finer]
        place = np.interp(np.log(distances), np.log(some), np.arange(some.size))
        lower = np.minimum(place.astype(np.int64), max(some.size - 2, 0))
        upper = np.minimum(lower + 1, some.size - 1)
        logs = np.log(np.maximum(spectra, 0.0) + 1e-30)
        between = logs[lower] + (place - lower)[:, None] * (logs[upper] - logs[lower])
        certainty += model[1] / np.maximum(np.exp(between.T) * np.sum(window**2), 1e-30)
    return np.asarray(1.0 / np.maximum(certainty, 1e-30))
