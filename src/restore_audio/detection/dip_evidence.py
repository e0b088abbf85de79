"""The evidence about a dip of the level: its depth and edges, and whether the music goes on behind it.

In: levels in dB for each millisecond, the dip, the audio under it. Out: evidence ``(20,)`` for
:mod:`.verifier`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..signal.convolution import fast_length
from ..signal.running import running_mean
from .dips import Dip, Levels
from .measures import median, quantile, samples_of

FEATURES = (
    "depth",
    "depth in the other band",
    "fall",
    "rise",
    "level change",
    "level change in the other band",
    "range inside",
    "slope inside",
    "length",
    "unrest outside",
    "lowest level outside",
    "other falls",
    "other rises",
    "colour change",
    "colour inside",
    "likeness",
    "attack before",
    "attack after",
    "level inside",
    "steeper falls outside",
)

_FLOOR = 1e-5
"""−100 dBFS: below it there is nothing to tell apart."""


def levels_of(power: Samples) -> Levels:
    """RMS level in dB of mean squares for each cell of 1 ms, smoothed over three."""
    return np.asarray(10.0 * np.log10(running_mean(power, 3) + _FLOOR**2))


def dip_evidence(
    dip: Dip,
    mine: Levels,
    other: Levels,
    falls: Levels,
    rises: Levels,
    audio: Samples,
    begin: int,
    cell: int,
    rate_hz: int,
) -> Samples:
    """Evidence about a dip.

    Args:
        dip: in cells of 1 ms, at least 80 of them from either end.
        mine: the level that dips.
        other: another level of the same sound.
        falls, rises: how steep ``mine`` is elsewhere.
        audio: what ``mine`` is the level of, 46 ms before the dip to 46 ms after it at least.
        begin: sample at which ``audio`` begins.
        cell: samples of a cell.
        rate_hz: sample rate.
    """
    first, last = dip.first, dip.last
    before, after = mine[first - 12 : first - 2], mine[last + 2 : last + 12]
    inside = mine[first + 3 : last - 3] if last - first > 8 else mine[first + 2 : last - 2]
    inside_other = other[first + 3 : last - 3] if last - first > 8 else other[first + 2 : last - 2]
    level_before, level_after = median(before), median(after)
    other_before = median(other[first - 12 : first - 2])
    other_after = median(other[last + 2 : last + 12])
    inside_ordered = np.sort(inside)
    bottom = quantile(inside_ordered, 0.75)
    outside = np.concatenate([mine[max(first - 300, 0) : first - 3], mine[last + 3 : last + 300]])
    third = max(inside.size // 3, 1)
    rivals_fall = np.concatenate([falls[max(first - 500, 0) : first - 8], falls[last + 8 : last + 500]])
    rivals_rise = np.concatenate([rises[max(first - 500, 0) : first - 8], rises[last + 8 : last + 500]])
    colours = [
        _colour(audio[place : place + samples_of(20.0, rate_hz)], rate_hz)
        for place in (first * cell - samples_of(23.0, rate_hz) - begin, (last + 3) * cell - begin)
    ]
    within = _colour(audio[(first + 2) * cell - begin : (last - 2) * cell - begin], rate_hz)
    mean_colour = (colours[0] + colours[1]) / 2
    values = [
        min(level_before, level_after) - bottom,
        min(other_before, other_after) - quantile(np.sort(inside_other), 0.75),
        dip.fall_db,
        dip.rise_db,
        level_after - level_before,
        other_after - other_before,
        quantile(inside_ordered, 0.9) - quantile(inside_ordered, 0.1),
        float(inside[:third].mean() - inside[-third:].mean()),
        10.0 * math.log10(last - first),
        float(outside.std()),
        quantile(np.sort(outside), 0.1) - bottom,
        10.0 * math.log10(1.0 + _count(rivals_fall, 0.6 * dip.fall_db)),
        10.0 * math.log10(1.0 + _count(rivals_rise, 0.6 * dip.rise_db)),
        float(np.std(colours[1] - colours[0])),
        float(np.std(within - mean_colour)),
        20.0 * _likeness(audio, first * cell - begin, (last + 2) * cell - begin, samples_of(20.0, rate_hz)),
        level_before - median(mine[first - 60 : first - 12]),
        level_after - median(mine[last + 12 : last + 60]),
        bottom,
        dip.fall_db - float(rivals_fall.max(initial=0.0)),
    ]
    return np.asarray(np.clip(np.array(values), -100.0, 60.0))


def _count(values: Levels, least: float) -> int:
    above = values > least
    return int(np.count_nonzero(above[1:] & ~above[:-1]))


def _colour(audio: Samples, rate_hz: int) -> NDArray[np.float64]:
    """Level in dB of eight bands, evenly wide on a logarithmic scale from 200 Hz, less their mean."""
    if audio.size < 16:
        return np.zeros(8)
    window, bins = _analysis(audio.size, rate_hz)
    spectrum = np.fft.rfft(audio * window)
    power = (spectrum.real**2 + spectrum.imag**2) / audio.size
    sums = np.add.reduceat(power[: max(bins[-1], bins[-2] + 1)], bins[:-1])
    bands = sums / np.maximum(np.diff(bins), 1)
    colour = 10.0 * np.log10(bands + 1e-12)
    return np.asarray(colour - colour.mean())


@lru_cache(maxsize=256)
def _analysis(size: int, rate_hz: int) -> tuple[Samples, NDArray[np.int64]]:
    """Window, and the first bins of the bands, of which the last is where the eighth ends."""
    edges = np.geomspace(200.0, 0.36 * rate_hz, 9)
    return np.hanning(size), np.clip((edges * size / rate_hz).astype(int), 1, size // 2)


def _likeness(audio: Samples, first: int, last: int, size: int) -> float:
    """Largest correlation of the 20 ms behind with any 20 ms of the 40 ms before."""
    left, right = audio[max(first - 2 * size, 0) : first], audio[last : last + size]
    if left.size < size or right.size < size:
        return 0.0
    length = fast_length(left.size)  # what wraps around falls on places that are not looked at
    products = np.fft.irfft(np.fft.rfft(left, length) * np.conj(np.fft.rfft(right, length)), length)
    energy = np.cumsum(np.concatenate([[0.0], left**2]))
    energies = energy[size:] - energy[:-size]
    norm = np.sqrt(np.maximum(energies, 1e-12) * max(float(right @ right), 1e-12))
    return float(np.max(np.abs(products[: energies.size]) / norm))


def edges_of(dip: Dip, levels: Levels, cell: int) -> tuple[int, int]:
    """First and last sample of the dip with its soft edges, within about a cell."""
    before = median(levels[dip.first - 12 : dip.first - 3])
    after = median(levels[dip.last + 3 : dip.last + 12])
    first, last = dip.first, dip.last
    while first > dip.first - 6 and levels[first - 1] < before - 3.0:
        first -= 1
    while last < dip.last + 6 and levels[last] < after - 3.0:
        last += 1
    return first * cell, last * cell
