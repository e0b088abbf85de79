"""What a decoder made up by prediction: the last pitch period, repeated through an all-pole filter.

In: one channel of a window. Out: spans of kind ``concealed``.

For a lost packet Opus (CELT, libopus) repeats the last pitch period of the excitation, ever weaker, and
filters it by linear prediction of order 24. What it makes is therefore predictable to within rounding
from its own past and from one period before, which no sound that was recorded is; and so it stays when
it is resampled. Candidates are windows in which nearly all signs of ``x[n] - x[n - 4]`` are those of one
period before (compiled, :func:`.screens.sign_agreement`). There that prediction is fitted, and must err
by far less than on both sides, and than without the period.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples, runs_of
from ..signal import kernels, screens
from ..signal.lpc import NOISE, hann_window, lpc
from ..spans import Span
from .measures import SILENT_DB, confidence, db, rms, samples_of

_WORDS, _HOP = 7, 6
"""Windows of 448 samples, one every 384: one lies within each 20 ms."""

_PERIOD_S = (100 / 48_000, 720 / 48_000)
"""Shortest and longest period that libopus looks for."""

_RATES_HZ = (32_000, 50_000)
_AGREE = 0.905
"""Share of signs: 19 in 20 packets concealed in training music lie above, one in thirteen windows of the
music itself. With a difference of neighbours, which rises to the highest frequencies, it is 17 in 20: a
resampled period is not a whole number of samples."""

_MOST_WINDOWS = 150
"""In a window of the recording, 10 s: sounds that repeat so often are made by machines. With 400, synthetic
tones cut by silence had 19 false spans a minute, for 3 % more of the concealed packets."""

_WHITENED, _ORDER = 32, 24
_BESIDE = 4
"""Samples about the period that are weighed as well: resampled, it is no whole number."""

_CONTEXT = 800
_REACH_MS = 160.0
_SMOOTH = 16
_LEFT = 3.0
"""Times its size within the window, or half-way (in dB) to its usual size, from 1000 to 3000 samples away:
there prediction errs again, and the packet has ended. Its strength steps down between packets."""

_AWAY = (1000, 3000)

_OUTSIDE = (32, 600)
"""Samples beyond an end in which prediction must err more; nearest to it packets are blended."""

_LATE_MS, _BLENDED_MS = 1.0, 2.5
"""How much later the median packet is seen to begin, and how long it is blended into the next one."""

_HELD = 0.3
"""Share of equal neighbours from which on a sound is made of square waves, which machines repeat exactly."""

_LEAST_MS, _MOST_MS = 8.0, 140.0
_FALL_DB = 17.0
"""How much less prediction errs within than on both sides."""

_MOST_FALL_DB = 100.0
"""Decoders compute in floats of 24 bits: of 56 packets lost in training music none was beyond 89 dB. Notes
that a synthesiser computes to the bit are mostly beyond 105."""

_DB_PER_SCORE = 2.0
_LEAST_SCORE = -2.0
_LEAST_DB = _FALL_DB + _DB_PER_SCORE * _LEAST_SCORE
_MARGIN_DB = 1.0
"""For rounding, in what decides without the exact solution."""

_RIDGE = 1e-9
_APART_MS = 12.0
"""Packets lost one after the other: each begins with a new strength."""


def find_extrapolated(samples: Samples, channel: int, rate_hz: int) -> list[Span]:
    """Stretches that were predicted from the pitch period before them.

    Args:
        samples: ``(T,)``, finite.
        channel: its number, for the spans.
        rate_hz: sample rate; those from 32 to 50 kHz are looked at.
    """
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        return []
    lags = (int(_PERIOD_S[0] * rate_hz), math.ceil(_PERIOD_S[1] * rate_hz))
    agreement, best = _agreement(samples, lags)
    longest = samples_of(_MOST_MS, rate_hz) // (64 * _HOP)
    runs = runs_of(agreement >= _AGREE * 64 * _WORDS)
    windows = [number for a, b in runs if b - a <= longest for number in range(a, b)]
    if len(windows) > _MOST_WINDOWS:
        return []
    spans: list[Span] = []
    for number in windows:
        span = _extrapolated(samples, 64 * _HOP * number, int(best[number]), channel, rate_hz)
        if span is None:
            continue
        near = samples_of(_APART_MS, rate_hz)
        while spans and span.start <= spans[-1].end + near:
            span = _united(spans.pop(), span)
        spans.append(span)
    return spans


def _united(one: Span, other: Span) -> Span:
    """Both as one span if both have a confidence of 0.5 or more, else the one that has more."""
    doubtful, surer = sorted((one, other), key=lambda span: span.confidence)
    if doubtful.confidence < 0.5:
        return surer
    return replace(surer, start=min(one.start, other.start), end=max(one.end, other.end))


def _agreement(samples: Samples, lags: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """As :func:`.screens.sign_agreement`, in NumPy where that is not compiled."""
    compiled = screens.sign_agreement(samples, _WORDS, _HOP, lags)
    if compiled is not None:
        return compiled
    size, hop = 64 * _WORDS, 64 * _HOP
    signs = np.full(samples.size, -1.0, np.float32)
    signs[4:][samples[4:] > samples[:-4]] = 1.0
    count = max((samples.size // 64 - _WORDS) // _HOP + 1, 0)
    first = -(-(lags[1] // 64 + 1) // _HOP)
    most, best = np.zeros(count, np.int32), np.zeros(count, np.int32)
    length = 1 << (size + lags[1]).bit_length()
    for number in range(first, count):
        start = number * hop
        past = np.fft.rfft(signs[start - lags[1] : start + size - lags[0]], length)
        products = np.fft.irfft(past * np.conj(np.fft.rfft(signs[start : start + size], length)), length)
        products = products[: lags[1] - lags[0] + 1][::-1]
        at = int(np.argmax(products))
        most[number], best[number] = round((size + float(products[at])) / 2), lags[0] + at
    return most, best


def _extrapolated(samples: Samples, first: int, lag: int, channel: int, rate_hz: int) -> Span | None:
    """The stretch around a window that one prediction explains; None if there is none."""
    size, reach = 64 * _WORDS, samples_of(_REACH_MS, rate_hz)
    past = lag + _ORDER + _BESIDE + _WHITENED
    start, begin = max(first - reach, 0), max(first - _CONTEXT, 0)
    known = samples[begin : first + size + _CONTEXT // 2]
    if first < past or _is_unpredicted(samples, first, lag, past, (begin, known.size)):
        return None
    if db(rms(known)) < SILENT_DB or np.mean(known[1:] == known[:-1]) > _HELD:
        return None
    try:
        white = np.convolve(samples[first - past : first + size], lpc([known], _WHITENED), "valid")
    except ValueError:
        return None
    fitted = _prediction(white, size, lag)
    if fitted is None or fitted[1] < _LEAST_DB:
        return None
    weights, periodic_db = fitted
    lead = weights.size - 1
    error = np.convolve(samples[start : first + size + reach], weights, "valid")
    inside = _stretch(error, first - start - lead, size)
    if inside is None or not samples_of(_LEAST_MS, rate_hz) <= inside[1] - inside[0] <= samples_of(
        _MOST_MS, rate_hz
    ):
        return None
    fall_db = _fall_db(error, np.diff(samples[start + lead - 1 : start + lead + error.size]), *inside)
    score = (min(fall_db, periodic_db) - _FALL_DB) / _DB_PER_SCORE
    if score < _LEAST_SCORE or fall_db > _MOST_FALL_DB:
        return None
    begin, end = (start + lead + edge for edge in inside)
    begin = max(begin - samples_of(_LATE_MS, rate_hz), 0)
    end = min(end + samples_of(_BLENDED_MS, rate_hz), samples.size)
    words = (
        f"predicted from its past and from {1000 * lag / rate_hz:.1f} ms before, which errs {fall_db:.0f} dB "
        "less here than on both sides: what a decoder repeats through its filter for a lost packet"
    )
    return Span(begin, end, channel, "concealed", confidence(score), evidence=words)


def _is_unpredicted(samples: Samples, first: int, lag: int, past: int, known: tuple[int, int]) -> bool:
    """Whether it is plain, but for rounding, that :func:`_prediction` will not do for a window."""
    size = 64 * _WORDS
    around = known[0], hann_window(known[1])
    fit = _offsets(lag), _ORDER, _RIDGE
    left = kernels.whitened_energies(samples, (first, first + size), around, (_WHITENED, NOISE), past, fit)
    return left is not None and left[0] < left[1] * 10 ** ((_LEAST_DB - _MARGIN_DB) / 10)


@lru_cache(maxsize=1024)
def _offsets(lag: int) -> NDArray[np.long]:
    """How long before a sample those lie that predict it, ascending: its past, and one period before."""
    late, early = range(1, _ORDER + 1), range(lag - _BESIDE, lag + _ORDER + _BESIDE + 1)
    return np.array(sorted({*late, *early}), np.long)


def _stretch(error: Samples, first: int, size: int) -> tuple[int, int] | None:
    """From where to where prediction errs as little as in ``size`` samples from ``first`` on."""
    last = first + size
    level = np.sqrt(np.convolve(np.square(error), np.full(_SMOOTH, 1 / _SMOOTH), "same"))
    within = max(rms(error[first:last]), 1e-12)
    near, far = _AWAY
    usual = [rms(error[max(first - far, 0) : max(first - near, 0)]), rms(error[last + near : last + far])]
    most = [max(_LEFT * within, math.sqrt(within * one)) for one in usual]
    before = np.flatnonzero(level[:first] > most[0])
    behind = np.flatnonzero(level[last:] > most[1])
    if not before.size or not behind.size:
        return None
    return int(before[-1]) + 1 + _SMOOTH // 2, last + int(behind[0]) - _SMOOTH // 2


def _fall_db(error: Samples, treble: Samples, first: int, last: int) -> float:
    """How much less prediction errs than on both sides, beyond what the treble is weaker."""
    near, far = _OUTSIDE
    within, here = max(rms(error[first:last]), 1e-12), rms(treble[first:last])
    sides = slice(max(first - far, 0), max(first - near, 0)), slice(last + near, last + far)
    if min(error[side].size for side in sides) < (far - near) // 2:
        return -math.inf
    return db(min(rms(error[side]) / max(rms(treble[side]), here, 1e-12) for side in sides) * here / within)


def _prediction(white: Samples, size: int, lag: int) -> tuple[Samples, float] | None:
    """The filter whose output is least in the last ``size`` samples.

    And by how many dB less it is than what the past without the period leaves; None if that is too few.
    """
    first = white.size - size
    offsets = _offsets(lag)
    left = kernels.left_energies(white, size, offsets, _ORDER, _RIDGE)
    if left is not None and left[0] < left[1] * 10 ** ((_LEAST_DB - _MARGIN_DB) / 10):
        return None
    rows = np.stack([white[first - offset : first - offset + size] for offset in offsets.tolist()])
    wanted = white[first : first + size]
    system, target = rows @ rows.T, rows @ wanted
    system[np.diag_indices_from(system)] *= 1 + _RIDGE
    try:
        taps = np.linalg.solve(system, target)
        own = np.linalg.solve(system[:_ORDER, :_ORDER], target[:_ORDER])
    except np.linalg.LinAlgError:
        return None
    weights = np.zeros(int(offsets[-1]) + 1)
    weights[offsets] = -taps
    weights[0] = 1.0
    error = max(rms(wanted - taps @ rows), 1e-12)
    return weights, db(rms(wanted - own @ rows[:_ORDER]) / error)
