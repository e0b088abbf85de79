"""Repair a dropout with what it has left of the signal.

In: a gap whose samples are damaged but not gone (kinds ``dropout`` and ``treble``), and what the best fill
predicts there. Out: the repaired samples ``(gap,)``, or None where the gap is better taken as empty.

1. The loss at each time and frequency is estimated (:mod:`.loss`) and undone, by at most 30 dB and in each
   band as far as it is trusted (:mod:`.shares`).
2. That and the prediction are two estimates of each cell of the spectrum, each with an error of known size:
   the one's grows with what was undone (a loss is never known exactly, and noise is amplified with the
   signal), the other's with the distance from the edges. They are averaged with weights of one over the
   variance. So a band that lost nothing stays as it is, near the edges the prediction counts, in the
   middle what is left of the signal, and where noise has covered that, again the prediction.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..arrays import Samples
from ..signal.fades import edge_fade
from ..signal.running import running_mean
from .gaps import Gap, Prediction
from .loss import TINY, Loss, Scene, Spectrum, seen_by_frames
from .shares import undone_shares
from .workings import Workings, workings

MOST_UNDONE_DB = 30.0
"""More would amplify what is no longer signal."""

LOSS_ERROR = 0.08
"""Error of an estimated loss, as a share of it (both as logarithms), besides the spread of the likely
losses."""

JOIN_MS = 0.5
"""Fade from the record at both ends: it costs no SDR and takes 0.1 to 0.5 dB off the spectral distance."""

_SHOWN_MS = 3.0
_LEAST_CHANGE = 0.12
"""Of the largest power of what is changed, over so many milliseconds: before and behind less the record
stays, and what is taken for damage beyond its real edges is not touched. Of 285 losses of treble in training
music 0.042 % of the healthy samples are changed; at 0.02 it is 0.071 %, for 0.2 of 4.4 dB."""

_SMOOTHED_BINS, _SMOOTHED_FRAMES = 3, 8
"""Cells over which the difference of record and prediction is averaged."""


def repair(gap: Gap, prior: Prediction) -> Prediction | None:
    """Repair a dropout.

    Args:
        gap: its samples are the damaged ones.
        prior: the best that its surroundings predict.

    Returns:
        None where there is too little around it to compare with, or no loss is found.
    """
    work = workings(gap, prior)
    return None if work is None else repaired(work, prior)


def repaired(work: Workings, prior: Prediction) -> Prediction | None:
    """The same from what is known of the dropout."""
    gap = work.gap
    merged, error = undone(work, *undone_shares(work))
    result = work.guessed.copy()
    result[:, work.struck] = merged
    window, there = work.scene.window, work.damaged[work.inside]
    samples = _synthesised(result, window, work.hop, work.damaged.size)[work.inside]
    if not np.all(np.isfinite(samples)):
        return None
    # A dropout begins and ends gently: so near to its edges the record itself joins what is around it, and
    # where next to nothing would change, nothing does.
    around = min(round(_SHOWN_MS * gap.rate_hz / 1000), gap.length)
    changes = running_mean((samples - there) ** 2, around)
    told = np.flatnonzero(changes > _LEAST_CHANGE * np.max(changes))
    first, last = int(told[0]), int(told[-1]) + 1
    share = np.zeros(gap.length)
    share[first:last] = edge_fade(last - first, round(JOIN_MS * gap.rate_hz / 1000))
    made = work.scale * (share * samples + (1.0 - share) * there)
    made[share == 0.0] = gap.mine[gap.start : gap.end][share == 0.0]
    # Energy in time from that of overlapping frames, one half of the spectrum.
    expected = 2.0 * float(np.sum(error)) / window.size * 2 * work.hop / window.size
    return Prediction(made, min(work.scale**2 * expected, prior.expected_error))


def undone(work: Workings, shares: Samples, factors: Samples) -> tuple[Spectrum, Samples]:
    """The repaired cells ``(F, K)``, and the variance that is left.

    Args:
        shares: of the loss in each band that are undone, as a logarithm, ``(B,)``.
        factors: on the variance of the prediction in each band, ``(B,)``.
    """
    widths = np.diff(work.scene.edges)
    by_bin, wider = (np.repeat(each, widths)[:, None] for each in (shares, factors))
    lost, alike = by_bin * work.loss.lost, float(shares.min()) * work.loss.alike
    loss = replace(work.loss, lost=lost, alike=alike)
    most = np.log(10.0) * MOST_UNDONE_DB / 20
    # What is lost at all frequencies alike is undone sample by sample, the rest in the spectrum.
    samples = work.damaged.copy()
    samples[work.inside] *= np.exp(np.minimum(alike, most))
    scene = replace(work.scene, variance=wider * work.scene.variance)
    return _merged(scene, loss, work.spectrum(samples)[:, work.struck], most)


def _merged(scene: Scene, loss: Loss, undone: Spectrum, most: float) -> tuple[Spectrum, Samples]:
    """Both estimates averaged, ``(F, K)``, and the variance that is left, ``(F, K)``."""
    lost = loss.lost
    alike = seen_by_frames(loss.alike[None], scene.centres, scene.window)
    rest = np.maximum(np.minimum(lost, most) - np.minimum(alike, most), 0.0)
    observed = undone * np.exp(rest)
    expected = np.abs(scene.predicted) ** 2 + 0.5 * scene.variance
    level = np.maximum(np.abs(observed) ** 2, 0.3 * expected)
    beyond = np.maximum(lost - most, 0.0)
    error = ((LOSS_ERROR * lost) ** 2 + loss.error**2 + beyond**2) * level
    error += loss.noise * np.exp(2.0 * np.minimum(lost, most)) + TINY
    # Where little was lost, the record cannot be wrong by much: what the prediction differs from it beyond
    # that is the prediction's error, however small the models expect that to be.
    differs = np.abs(observed - scene.predicted) ** 2
    differs = running_mean(running_mean(differs, _SMOOTHED_BINS, axis=0), _SMOOTHED_FRAMES, axis=1)
    at_most = error + 4.0 * (np.exp(lost) - 1.0) ** 2 * level
    variance = np.maximum(scene.variance, differs - at_most)
    weight = variance / (variance + error)
    merged = weight * observed + (1.0 - weight) * scene.predicted
    return merged, 1.0 / (1.0 / np.maximum(variance, TINY) + 1.0 / error)


def _synthesised(spectrum: Spectrum, window: Samples, hop: int, length: int) -> Samples:
    """Samples ``(length,)`` of frames ``(F, K)``, overlapped and added."""
    frames = np.fft.irfft(spectrum.T, window.size) * window
    samples, weights = np.zeros(length), np.zeros(length)
    for number, frame in enumerate(frames):
        samples[number * hop : number * hop + window.size] += frame
        weights[number * hop : number * hop + window.size] += window**2
    return np.asarray(samples / np.maximum(weights, 1e-9))
