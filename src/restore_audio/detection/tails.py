"""What follows a click: how far its thump, jump or ringing reaches.

In: one channel, and a click in it. Out: the sample at which its tail has decayed, or the end of the click
where none is proven.

A slow tail (thump, jump) is looked for at 1 kHz: a sum of raised cosines 5 ms apart that begins at the click
is fitted such that the music without it has the least prediction error, for several lengths of tail. What it
takes from that error, in variances of the error around, less a price for each function, is the score; the
best length above a threshold is the tail's, if the tail falls. For a ringing the prediction error behind the
click is compared with that of both sides. A sound that begins at the click and stays is no tail either way:
one that is too quick for the cosines takes nothing from the error, one that stays does not fall.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.lpc import lpc
from .measures import samples_of

LONGEST_MS = 200.0
"""Of a slow tail: vinyl's thumps last up to 150 ms."""

LONGEST_RINGING_MS = 40.0
"""Simulated ringings (damage.clicks) have decayed by then."""

SLOW_LENGTHS_MS = (12.0, 20.0, 32.0, 50.0, 80.0, 120.0, 160.0, 200.0)

LEAST_SCORE = 1000.0
"""Precision first: at 20 a plain click over held notes was given a tail of 200 ms. What it costs and spares
shows ``bench --protocol real --families 'click*'``: the samples changed beside plain clicks, the SDR of
thumps."""

_PRICE = 4.0
"""Of each function, in variances; a useless one takes 1 on average."""

_SLOW_RATE_HZ = 1000
"""Simulated thumps lie at 10 to 80 Hz, and models of so few samples are quick."""

_SLOW_ORDER, _SLOW_CONTEXT_MS = 24, 300.0
"""Of the model of the music: 24 coefficients from 300 samples on either side."""

_SLOW_KNOT = 5
"""Milliseconds from one raised cosine to the next: a half period of 100 Hz."""

_FURTHER = 1.4
"""A slow tail is worth its price for about so much less than it lasts."""

_BLOCKS = 5
"""On each side; the largest variance of the error in them counts, as music is not the same throughout."""

_MOST_AT_END = 0.25
"""Power of the last third of a slow tail, in that of the louder of the other two."""

_FAST_ORDER, _FAST_CONTEXT_MS = 32, 30.0
"""Of the model that a ringing is compared with; 30 ms of music keep one model."""

_FAST_CELL_MS = 0.5

_FIRST = 8.0
"""Power of the error in each of the first two cells, in that of the surroundings, that proves a ringing."""

_LAST = 2.0
"""Where two cells in a row are below it, the ringing is lost in the surroundings."""

_DECAYED_DB = 30.0
"""Fall from its start at which a ringing has ended."""

_LEAST_FALL_DB = 6.0
"""What does not fall by as much before it is lost is no ringing."""


def tail_end(samples: Samples, start: int, end: int, rate_hz: int) -> int:
    """The first sample behind a click and its tail.

    Args:
        samples: one channel, ``(T,)``, finite.
        start, end: the click.
        rate_hz: sample rate.

    Returns:
        ``end`` where no tail is proven.
    """
    return max(end, _slow_end(samples, start, end, rate_hz), _ringing_end(samples, start, end, rate_hz))


def _slow_end(samples: Samples, start: int, end: int, rate_hz: int) -> int:
    step = max(1, round(rate_hz / _SLOW_RATE_HZ))
    context, length = (samples_of(ms, rate_hz) // step for ms in (_SLOW_CONTEXT_MS, LONGEST_MS))
    first, last = start - context * step, end + (length + context) * step
    if first < 2 * step or last + 2 * step > samples.size:
        return end
    # The click itself is bridged by a line, and all is averaged over two steps, with a raised cosine.
    piece = samples[first - 2 * step : last + 2 * step].copy()
    click = slice(start - first + 2 * step, end - first + 2 * step)
    piece[click] = np.linspace(piece[click.start - 1], piece[click.stop], click.stop - click.start)
    window = np.hanning(4 * step + 1)[1:-1]
    slow = np.convolve(piece, window / window.sum(), "same")
    # On a grid that begins with the first sample behind the click.
    slow = slow[2 * step + (click.stop - 2 * step) % step :: step]
    zero = (click.stop - 2 * step) // step
    unknown = -(-(end - start) // step) + 2
    return end + step * _slow_length(slow, zero, unknown, length)


def _slow_length(slow: Samples, zero: int, unknown: int, length: int) -> int:
    """How many samples from ``zero`` on hold a slow tail; ``unknown`` of them before it are the click's."""
    left, right = slow[: zero - unknown], slow[zero + length :]
    try:
        predictor = lpc([left, right], _SLOW_ORDER)
    except ValueError:
        return 0
    errors = [np.convolve(side, predictor, "valid") for side in (left, right)]
    blocks = [np.mean(block**2) for error in errors for block in np.array_split(error, _BLOCKS)]
    level = float(max(blocks)) + 1e-18
    begin = zero - unknown - _SLOW_ORDER
    error = np.convolve(slow[begin : zero + length + _SLOW_ORDER], predictor, "valid")
    size = unknown + length
    free = np.eye(size)[: unknown + 2]  # two samples behind the click still see it
    nothing, _ = _fitted(error, free, predictor)
    best, found = LEAST_SCORE, 0
    for ms in SLOW_LENGTHS_MS:
        count = round(ms * _SLOW_RATE_HZ / 1000)
        middles = np.arange(0, count - _SLOW_KNOT / 2, _SLOW_KNOT)
        distance = np.abs(np.arange(length) - middles[:, None]) / _SLOW_KNOT
        functions = np.zeros((middles.size, size))
        functions[:, unknown:] = 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1.0))
        rest, weights = _fitted(error, np.concatenate([free, functions]), predictor)
        score = (nothing - rest) / level - _PRICE * middles.size
        tail = (weights[len(free) :] @ functions)[unknown : unknown + count]
        thirds = [float(np.mean(part**2)) for part in np.array_split(tail, 3)]
        if score > best and thirds[2] < _MOST_AT_END * max(thirds[:2]):
            best, found = score, count
    return min(round(_FURTHER * found), length)


def _fitted(error: Samples, functions: Samples, predictor: Samples) -> tuple[float, Samples]:
    """Energy of the prediction error that functions ``(N, T)`` leave, and their weights ``(N,)``."""
    columns = np.stack([np.convolve(f, predictor)[: error.size] for f in functions], axis=1)
    weights, *_ = np.linalg.lstsq(columns, error, rcond=1e-6)
    return float(np.sum((error - columns @ weights) ** 2)), weights


def _reach(ratio: Samples, cell: int) -> int:
    """Up to where the power of an error, in that of the surroundings, stands out, or its decay takes it."""
    count = ratio.size // cell
    above = ratio[: count * cell].reshape(count, cell).mean(axis=1)
    if count < 3 or np.min(above[:2]) < _FIRST:
        return 0
    lost = np.flatnonzero(np.maximum(above[:-1], above[1:]) < _LAST)
    seen = int(lost[0]) if lost.size else count
    levels = 10.0 * np.log10(above[:seen] + 1e-18)
    if seen < 3:
        return seen * cell
    slope = float(np.polyfit(np.arange(seen), levels, 1)[0])
    if slope >= 0.0 or levels[0] - levels[-1] < _LEAST_FALL_DB:
        return 0
    decayed = int(np.ceil(_DECAYED_DB / -slope))
    return min(max(seen, decayed), count) * cell


def _ringing_end(samples: Samples, start: int, end: int, rate_hz: int) -> int:
    context, length = (samples_of(ms, rate_hz) for ms in (_FAST_CONTEXT_MS, LONGEST_RINGING_MS))
    if start < context or end + length + context > samples.size:
        return end
    inside = samples[end : end + length]
    found = []
    for side in (samples[start - context : start], samples[end + length : end + length + context]):
        try:
            predictor = lpc([side], _FAST_ORDER)
        except ValueError:
            return end
        level = float(np.mean(np.convolve(side, predictor, "valid") ** 2)) + 1e-18
        found.append(np.convolve(inside, predictor, "valid") ** 2 / level)
    ratio = np.minimum(found[0], found[1])
    cell = samples_of(_FAST_CELL_MS, rate_hz)
    # The filter reaches back, so what it shows begins that much behind the click.
    reach = _reach(ratio, cell)
    return end + _FAST_ORDER + reach if reach else end
