"""Averages over time and channels: from each frame's measures to PEAQ's model output variables.

In: a reference ``(C, T)`` in the scale of 16 bit, to find where its signal begins and ends, and the
:class:`FrameMeasures` of all frames. Out: :class:`ModelOutputs`.

Source: ITU-R BS.1387-1, Annex 2, sections 4 and 5. Where texts leave a choice we follow what Kabal's
PQevalAudio (2004) does; published figures were measured with it.
"""

from __future__ import annotations

import numpy as np

from .ear import FRAMES_PER_SECOND, HOP_SAMPLES, Array
from .frames import FrameMeasures
from .network import ModelOutputs

RUN_SAMPLES = 5
RUN_SUM = 200
DELAY_FRAMES = int(np.ceil(0.5 * FRAMES_PER_SECOND))
LOUDNESS_DELAY_FRAMES = int(np.ceil(0.050 * FRAMES_PER_SECOND))
WINDOW_FRAMES = int(0.1 * FRAMES_PER_SECOND)
SEARCH_SAMPLES = 2044


def signal_frames(reference: Array) -> range:
    """Frames that count: from the reference's first signal to its last; empty if there is none.

    Signal is a run of five samples whose magnitudes add up to more than 200. If both channels start
    within the same search block of 2044 samples the later start counts, as it does in PQevalAudio.
    """
    sums = np.lib.stride_tricks.sliding_window_view(np.abs(reference), RUN_SAMPLES, axis=-1).sum(-1)
    loud = [np.flatnonzero(row > RUN_SUM) for row in sums]
    loud = [row for row in loud if row.size]
    if not loud:
        return range(0)
    starts = [int(row[0]) for row in loud]
    block = min(starts) // SEARCH_SAMPLES
    first = max(start for start in starts if start // SEARCH_SAMPLES == block)
    last = max(int(row[-1]) for row in loud) + RUN_SAMPLES - 1
    return range(first // HOP_SAMPLES, (last + 1 - HOP_SAMPLES) // HOP_SAMPLES + 1)


def average(measures: FrameMeasures, frames: range) -> ModelOutputs:
    """Model output variables over the given frames; channels are averaged at the end.

    Frames before the first one have warmed up the ear's filters and do not count otherwise. A variable
    that waits for frames which never come is 0, as in PQevalAudio.
    """
    counted = slice(frames.start, frames.stop)
    # The half second that lets the adaptation settle may pass in the silence before the signal.
    delayed = slice(max(frames.start, DELAY_FRAMES), frames.stop)
    adb, mfpd = _detected(measures.both_detection[0, counted], measures.both_steps[0, counted])
    weights = measures.mod_weight[:, delayed]
    return ModelOutputs(
        bandwidth_ref=_mean_valid(measures.bandwidth_ref[:, counted]),
        bandwidth_test=_mean_valid(measures.bandwidth_test[:, counted]),
        total_nmr_db=float(np.mean(10 * np.log10(measures.nmr_mean[:, counted].mean(-1)))),
        win_mod_diff1=_windowed(measures.mod_diff1[:, delayed]),
        adb=adb,
        ehs=1000 * _mean_valid(measures.harmonic_error[:, counted]),
        avg_mod_diff1=_weighted(measures.mod_diff1[:, delayed], weights),
        avg_mod_diff2=_weighted(measures.mod_diff2[:, delayed], weights),
        rms_noise_loud=_rms_noise_loudness(measures, frames),
        mfpd=mfpd,
        rel_dist_frames=float(np.mean(measures.nmr_max[:, counted] > 10**0.15)),
    )


def _mean_valid(values: Array) -> float:
    """Mean over the frames that are numbers from 0 upwards, 0 if there is none; then over channels."""
    valid = values >= 0
    return float(np.mean(np.where(valid, values, 0.0).sum(-1) / np.maximum(valid.sum(-1), 1)))


def _windowed(values: Array) -> float:
    """A mean that a short but strong disturbance dominates; 0 for fewer frames than its window."""
    if values.shape[-1] < WINDOW_FRAMES:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(np.sqrt(values), WINDOW_FRAMES, axis=-1)
    return float(np.mean(np.sqrt(np.mean(windows.mean(-1) ** 4, axis=-1))))


def _weighted(values: Array, weights: Array) -> float:
    return float(np.mean((values * weights).sum(-1) / weights.sum(-1))) if values.size else 0.0


def _rms_noise_loudness(measures: FrameMeasures, frames: range) -> float:
    """Root mean square of the noise loudness, once both recordings were loud enough for a while."""
    both = np.minimum(measures.loudness_ref, measures.loudness_test)[:, frames.start : frames.stop]
    loud = np.flatnonzero((both > 0.1).any(0))
    if not loud.size:
        return 0.0
    first = max(frames.start + int(loud[0]) + LOUDNESS_DELAY_FRAMES, DELAY_FRAMES)
    values = measures.noise_loudness[:, first : frames.stop]
    return float(np.mean(np.sqrt(np.mean(values**2, axis=-1)))) if values.size else 0.0


def _detected(probability: Array, steps: Array) -> tuple[float, float]:
    """Average distorted block and maximum filtered probability of detection, from frames ``(K,)``."""
    filtered = highest = 0.0
    for p in probability:
        filtered = 0.9 * filtered + 0.1 * float(p)
        highest = max(highest, filtered)
    distorted = probability > 0.5
    total = float(steps[distorted].sum())
    if not distorted.any():
        return 0.0, highest
    return (float(np.log10(total / distorted.sum())) if total > 0 else -0.5), highest
