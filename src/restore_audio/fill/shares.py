"""How much of an estimated loss is undone in each band, and how far the prediction is believed there.

In: the workings of a dropout's repair (:mod:`.workings`). Out: for each band a share of the loss, as a
logarithm, and a factor on the variance of the prediction.

A loss is found the sooner where the music is weaker as well, and is then taken for more than it is; where the
music itself changes beside it, a band seems struck that is not. How the loss was told, and what is before,
behind and in other channels, tells how far to trust it: a small network was trained on dropouts that were
simulated in music and found by the detectors to give those shares and factors that leave the least error, and
hardly ever more of it than there was (``examples/train_shares.py``).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from .loss import TINY
from .workings import Workings

MEASURES = (
    "mean loss",
    "largest loss",
    "error of the loss",
    "gain of log likelihood",
    "the same of the band below",
    "the same of the band above",
    "what is there against what is expected",
    "error of the prediction against its level",
    "spread of the sides",
    "level before against behind",
    "level against the strongest band",
    "what is there against the weaker side",
    "what is there against the stronger side",
    "frequency",
    "fall of other channels against the weaker side",
    "fall of other channels against the stronger side",
    "level of other channels before against behind",
    "length",
    "treble",
    "other channels",
    "noise",
    "noise against what is there",
    "loss at all frequencies",
    "gain of log likelihood of all bands",
    "loss where the sound is",
)

MOST_SHARE = 1.25
"""Of a loss: more is never undone."""

FACTORS = (0.25, 4.0)
"""Least and largest factor on the variance of the prediction."""

_CLIPPED = 4.0
"""Measures further from their mean than so many standard deviations say no more than that they are far."""


def undone_shares(work: Workings) -> tuple[Samples, Samples]:
    """Shares of the loss and factors on the variance of the prediction, ``(B,)`` each."""
    return shares_of(_weights(), measures_of(work))


def shares_of(weights: dict[str, Samples], measures: Samples) -> tuple[Samples, Samples]:
    """What the network makes of :func:`measures_of`; the mean of its outputs of ``n`` trainings.

    Args:
        weights: ``mean`` and ``scale`` of the measures ``(m,)``; ``inner`` (n, m, h), ``inner_bias`` (n, h),
            ``outer`` (n, h, 2), ``bias`` (n, 2).
        measures: ``(B, m)``.
    """
    w = weights
    normal = np.clip((measures - w["mean"]) / w["scale"], -_CLIPPED, _CLIPPED)
    hidden = np.tanh(normal @ w["inner"] + w["inner_bias"][:, None])
    made = 1.0 / (1.0 + np.exp(-(hidden @ w["outer"] + w["bias"][:, None])))
    share, place = np.moveaxis(made, 2, 0)
    least, most = np.log(FACTORS)
    return MOST_SHARE * share.mean(axis=0), np.exp(least + (most - least) * place.mean(axis=0))


def measures_of(work: Workings) -> Samples:
    """The :data:`MEASURES` of each band: ``(B, 25)``; levels are natural logarithms of power."""
    scene, loss = work.scene, work.loss
    widths = np.diff(scene.edges)
    frames = scene.damaged.shape[1]
    gains = _sums(loss.gains[:, None], scene.edges) / widths
    there = _sums(np.abs(scene.damaged) ** 2, scene.edges)
    predicted, variance = (
        _sums(each, scene.edges) for each in (np.abs(scene.predicted) ** 2, scene.variance)
    )
    expected = predicted + 0.5 * variance
    before, behind = (_log_levels(np.abs(side) ** 2, scene.edges) for side in work.beside)
    level = _log_levels(np.abs(scene.damaged) ** 2, scene.edges)
    lost = _sums(loss.lost, scene.edges) / widths / frames
    centres = 0.5 * (scene.frequencies_hz[scene.edges[:-1]] + scene.frequencies_hz[scene.edges[1:] - 1])
    bands = [
        lost,
        np.maximum.reduceat(loss.lost.max(axis=1), scene.edges[:-1]),
        _sums(loss.error, scene.edges) / widths / frames,
        gains,
        np.append(gains[0], gains[:-1]),
        np.append(gains[1:], gains[-1]),
        np.log(there + TINY) - np.log(expected + TINY),
        np.log(variance + TINY) - np.log(predicted + TINY),
        scene.spread,
        before - behind,
        np.log(expected + TINY) - np.log(expected.max() + TINY),
        level - np.minimum(before, behind),
        level - np.maximum(before, behind),
        np.log(centres + 50.0),
        *_others(work),
    ]
    noise = float(np.log(loss.noise + TINY) - np.log(there.sum() / widths.sum() / frames + TINY))
    whole = (
        float(np.log(work.gap.length_ms)),
        float(work.gap.kind == "treble"),
        float(len(work.gap.audio) > 1),
        float(loss.noise > 0.0),
        noise,
        float(loss.alike.max()),
        float((gains * widths).sum() / widths.sum()),
        float((lost * predicted).sum() / (predicted.sum() + TINY)),
    )
    return np.stack([*bands, *(np.full(widths.size, value) for value in whole)], axis=1)


def _others(work: Workings) -> Samples:
    """How the other channels fall in each band, in the mean, and how their sides differ: ``(3, B)``."""
    gap, edges = work.gap, work.scene.edges
    context = work.inside.start
    rows = []
    for channel, audio in enumerate(gap.audio):
        if channel == gap.channel:
            continue
        around = audio[gap.start - context : gap.end + context]
        around = np.where(np.isfinite(around), around, 0.0) / work.scale
        power = np.abs(work.spectrum(around)) ** 2
        struck = np.flatnonzero(work.struck)
        parts = power[:, : struck[0]], power[:, struck], power[:, struck[-1] + 1 :]
        before, inside, behind = (_log_levels(part, edges) for part in parts)
        rows.append(
            [inside - np.minimum(before, behind), inside - np.maximum(before, behind), before - behind]
        )
    return np.mean(rows, axis=0) if rows else np.zeros((3, edges.size - 1))


def _log_levels(power: Samples, edges: NDArray[np.int64]) -> Samples:
    """Natural logarithms of the mean power in each band, ``(F, K)`` → ``(B,)``."""
    return np.asarray(np.log(_sums(power, edges) / np.diff(edges) / power.shape[1] + TINY))


def _sums(cells: Samples, edges: NDArray[np.int64]) -> Samples:
    """Of ``(F, K)`` in each band: ``(B,)``."""
    return np.asarray(np.add.reduceat(cells.sum(axis=1), edges[:-1]))


@lru_cache(maxsize=1)
def _weights() -> dict[str, Samples]:
    text = files(__package__).joinpath("shares.json").read_text(encoding="utf-8")
    return {name: np.array(values) for name, values in json.loads(text).items()}
