"""What follows a click: how far its thump, jump or ringing reaches.

In: one channel, and a click in it. Out: the sample at which its tail has decayed, or the end of the click
where none is proven.

A slow tail (thump, jump) is looked for at 1 kHz: decaying oscillations of 9 to 72 Hz and decaying jumps of
several lengths, which begin at the click, are matched with the prediction error. What the best of them takes
from that error, in variances of the error around, is the score; it must also be several times what the best
of them takes at any other place around, where the music does by itself what it does. For a ringing the
power at the frequency that stands out behind the click is compared with that on both sides, in the prediction
error, where loud low notes are no louder than the rest. A sound that begins at the click and stays is no tail
either way: nothing that decays explains it.

Both see little of a tail that the music hides. So where neither proves one, the model by which it would be
subtracted (:mod:`restore_audio.signal.tails`) is asked how much likelier a tail makes what follows the click.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..arrays import Samples
from ..signal.burg import fit_side
from ..signal.lpc import lpc
from ..signal.tails import CONTEXT_MS, LONGEST_RINGING_MS, ORDER_SHARE, Scene, Told, tail_reach, told
from .measures import samples_of

LONGEST_MS = 200.0
"""Of a slow tail: vinyl's thumps last up to 150 ms."""

SLOW_LENGTHS_MS = (14.0, 20.0, 28.0, 40.0, 56.0, 80.0, 112.0, 160.0)
SLOW_HZ = (9.0, 13.0, 18.0, 25.0, 36.0, 50.0, 72.0)

LEAST_SCORE = 20.0
LEAST_RATIO = 4.0
"""Of the score, and of the score in the best one elsewhere. What they cost and spare shows ``bench --protocol
real --families 'click*'``: the samples changed beside plain clicks, the SDR of thumps."""

_ELSEWHERE = 0.3
"""Of both, where another channel has proven the tail."""

_SCREEN = 0.07
"""Of both, where the model is asked: 9 in 10 thumps pass, and one plain click in three."""

_SLOW_WINDOWS_MS, LEAST_SLOW_EVIDENCE = (40.0, 80.0, 160.0), 40.0
_FAST_WINDOWS_MS, LEAST_FAST_EVIDENCE = (12.0, LONGEST_RINGING_MS), 10.0
"""Stretches behind the click that the model sees, and the logarithm of how much likelier a tail must make the
first two of a thump or jump, the first of a ringing. Of 25 thumps and 33 ringings in training music the model
proves 18 and 15, what is seen without it 13 and 14; of 158 plain clicks that it was asked about none."""

LEAST_AGREEING = 20.0
"""Logarithm of how much likelier a slow tail that is proven without the model must make two of its three
stretches. Of 1,200 plain clicks in training music eight have a slow tail proven, and six of them less; of 150
thumps and switching clicks five have less.
"""

PROVING_EVIDENCE = 250.0
"""The same of a ringing that makes a doubtful click a certain one. Of 16 clicks with ringings in training
music that were missed, of 162, six have more; of doubtful clicks in four minutes of simulated applause one
has 224, in 65 minutes of music one has 30."""

_DECAYED = 0.75
"""Share of a stretch in which a tail must have decayed: what goes on is a note that began."""

_DECAY_DB = 35.0
"""Fall of a thump over its length."""

_FURTHER = 1.15
"""Of the length found: lengths are known to a quarter, and the repair takes nothing off where nothing is."""

_SLOW_RATE_HZ = 1000
"""Simulated thumps lie at 10 to 80 Hz, and models of so few samples are quick."""

_SLOW_ORDER = 40
_SLOW_CONTEXT_MS, _LEAST_CONTEXT_MS = 500.0, 250.0
"""Of the model of the music: 40 coefficients from 500 samples on either side, or what there is of them."""

_BLOCKS = 5
"""On each side; the largest variance of the error in them counts, as music is not the same throughout."""

_FAST_ORDER, _FAST_CONTEXT_MS = 32, 60.0
"""Of the model by whose prediction error a ringing is told from what is around."""

_SHOWN_MS, _LOWEST_HZ, _HIGHEST_SHARE = 6.0, 250.0, 0.45
"""Start of the tail in which its frequency is looked for, and between which that lies, Hz and rates."""

_STANDS_OUT = 4.0
"""Power of the tail there, in the largest that any stretch as long around has."""

_WINDOW_MS, _WINDOW_CYCLES = 1.5, 4.0
"""Over which the power at that frequency is taken; the longer of both."""

_FAST_CELL_MS = 0.5

_FIRST = 8.0
"""Power in each of the first two cells, in that of the surroundings, that proves a ringing."""

_LAST = 2.0
"""Where two cells in a row are below it, the ringing is lost in the surroundings."""

_DECAYED_DB = 30.0
"""Fall from its start at which a ringing has ended."""

_LEAST_FALL_DB = 6.0
"""What does not fall by as much before it is lost is no ringing."""


def tail_end(
    samples: Samples, start: int, end: int, rate_hz: int, *, modelled: bool = True, elsewhere: bool = False
) -> int:
    """The first sample behind a click and its tail.

    Args:
        samples: one channel, ``(T,)``, finite.
        start, end: the click.
        rate_hz: sample rate.
        modelled: whether the model of the tail is asked, which takes a while.
        elsewhere: the same click has a tail in another channel, so less proves one in this.

    Returns:
        ``end`` where no tail is proven.
    """
    share = _ELSEWHERE if elsewhere else 1.0
    slow, strength = _slow_end(samples, start, end, rate_hz)
    ringing = _ringing_end(samples, start, end, rate_hz)
    behind = _Behind(samples, start, rate_hz)
    if strength < share or (modelled and _contradicted(behind, share)):
        slow = end
    if modelled and strength >= min(_SCREEN, share):
        last = _modelled_end(behind, end, share, slow=True)
        slow = last if last > end else slow
    if modelled and max(slow, ringing) == end:
        ringing = _modelled_end(behind, end, share, slow=False)
    return max(end, slow, ringing)


def rings(samples: Samples, start: int, rate_hz: int) -> bool:
    """Whether what follows a click that begins at ``start`` rings as nothing but damage does."""
    found = _Behind(samples, start, rate_hz).told(_FAST_WINDOWS_MS[0])
    return found is not None and found.ringing >= PROVING_EVIDENCE


class _Behind:
    """What the model says of what follows a click, each stretch asked for once.

    Args:
        samples: one channel, ``(T,)``, finite.
        start: of the click.
        rate_hz: sample rate.
    """

    def __init__(self, samples: Samples, start: int, rate_hz: int) -> None:
        self._samples, self.start, self.rate_hz = samples, start, rate_hz
        self._context = samples_of(CONTEXT_MS, rate_hz)
        self._order = round(ORDER_SHARE * self._context)
        self._told: dict[float, Told | None] = {}

    def told(self, window_ms: float) -> Told | None:
        """Of so much from the click on; None where there is too little around it."""
        if window_ms not in self._told:
            self._told[window_ms] = self._ask(self.start + samples_of(window_ms, self.rate_hz))
        return self._told[window_ms]

    @cached_property
    def _before(self) -> tuple[Samples, tuple[Samples, float] | None]:
        side = self._samples[max(self.start - self._context, 0) : self.start]
        return side, fit_side(side, self._order)

    def _ask(self, last: int) -> Told | None:
        if self.start < 3 * self._order or last + 3 * self._order > self._samples.size:
            return None
        behind = self._samples[last : last + self._context][::-1]
        (before, left), right = self._before, fit_side(behind, self._order)
        if left is None or right is None:
            return None
        peak = max(float(np.max(np.abs(side))) for side in (before, behind))
        models = [(model, weight * peak**2) for model, weight in (left, right)]
        scaled = before / peak, behind / peak
        try:
            scene = Scene.seen(self._samples[self.start : last] / peak, scaled, models)
            return told(scene, scaled, self.rate_hz)
        except np.linalg.LinAlgError:
            return None


def _modelled_end(behind: _Behind, end: int, share: float, *, slow: bool) -> int:
    """Where the tail ends that the model proves; ``end`` where it proves none."""
    windows_ms, least = (
        (_SLOW_WINDOWS_MS, LEAST_SLOW_EVIDENCE) if slow else (_FAST_WINDOWS_MS, LEAST_FAST_EVIDENCE)
    )
    reach = 0
    for number, window_ms in enumerate(windows_ms, start=1):
        found = behind.told(window_ms)
        if found is None or (found.slow if slow else found.ringing) < share * least:
            break
        if not reach:
            taken = found.tail**2
            taken[: end - behind.start] = 0.0
            decayed = tail_reach(taken)
            reach = decayed if decayed < _DECAYED * samples_of(window_ms, behind.rate_hz) else 0
        if reach and number >= (2 if slow else 1):
            return max(end, behind.start + round(_FURTHER * reach))
    return end


def _contradicted(behind: _Behind, share: float) -> bool:
    """Whether the model sees no slow tail in most of its stretches."""
    found = [told.slow for told in map(behind.told, _SLOW_WINDOWS_MS) if told is not None]
    return len(found) == len(_SLOW_WINDOWS_MS) and sorted(found)[1] < share * LEAST_AGREEING


def _slow_end(samples: Samples, start: int, end: int, rate_hz: int) -> tuple[int, float]:
    """Where a slow tail would end, and how strong it is: from 1 on it is proven."""
    step = max(1, round(rate_hz / _SLOW_RATE_HZ))
    length = samples_of(LONGEST_MS, rate_hz) // step
    most, least = (samples_of(ms, rate_hz) // step for ms in (_SLOW_CONTEXT_MS, _LEAST_CONTEXT_MS))
    context = min(most, start // step - 2, (samples.size - end) // step - length - 2)
    if context < least:
        return end, 0.0
    first, last = start - context * step, end + (length + context) * step
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
    tail, strength = _slow_length(slow, zero, unknown, length)
    return end + round(step * tail), strength


def _slow_length(slow: Samples, zero: int, unknown: int, length: int) -> tuple[float, float]:
    """How many samples from ``zero`` on hold a slow tail; ``unknown`` of them before it are the click's.

    And how strong it is: the smaller of its score and its ratio, each in the least that proves one.
    """
    left, right = slow[: zero - unknown], slow[zero + length :]
    try:
        predictor = lpc([left, right], _SLOW_ORDER)
    except ValueError:
        return 0.0, 0.0
    sides = [np.convolve(side, predictor, "valid") for side in (left, right)]
    level = float(max(np.mean(block**2) for side in sides for block in np.array_split(side, _BLOCKS)))
    error = np.convolve(slow, predictor, "valid")
    size = unknown + length + _SLOW_ORDER
    lengths, shapes = _shapes(unknown, size)
    tails = _whitened(shapes, predictor, unknown + 2)  # two samples behind the click still see it
    place = zero - unknown - _SLOW_ORDER
    scores = np.sum((tails @ error[place : place + size]) ** 2, axis=1)
    best = int(np.argmax(scores))
    strength = float(scores[best]) / (LEAST_SCORE * (level + 1e-18))
    if strength < _SCREEN:
        return 0.0, 0.0
    # What the music does by itself: the same shapes where they would not touch the click and its tail.
    begins = sliding_window_view(error, size)
    elsewhere = np.concatenate([begins[: max(place - size, 0)], begins[place + length :]])
    if elsewhere.size:
        products = (elsewhere @ tails.reshape(-1, size).T).reshape(-1, *tails.shape[:2])
        most = LEAST_RATIO * float(np.max(np.sum(products**2, axis=2)))
        strength = min(strength, float(scores[best]) / max(most, 1e-300))
    return min(_FURTHER * float(lengths[best]), float(length)), strength


@lru_cache(maxsize=8)
def _shapes(unknown: int, size: int) -> tuple[Samples, Samples]:
    """Lengths ``(N,)`` in samples of the slow rate, and pairs of functions ``(N, 2, size)``."""
    time = np.arange(size - unknown) / _SLOW_RATE_HZ
    lengths, shapes = [], []
    for seconds in np.array(SLOW_LENGTHS_MS) / 1000:
        fade = np.clip((seconds - time) / (0.2 * seconds), 0.0, 1.0)
        envelope = fade * 10.0 ** (-_DECAY_DB / 20 * time / seconds)
        for hz in SLOW_HZ:
            if hz * seconds < 0.5:
                continue
            turn = np.exp(2j * np.pi * hz * time)
            shapes.append((envelope * turn.real, envelope * turn.imag))
            lengths.append(seconds * _SLOW_RATE_HZ)
        shapes.append((fade * np.exp(-2.0 * time / seconds), fade * np.exp(-5.0 * time / seconds)))
        lengths.append(seconds * _SLOW_RATE_HZ)
    return np.array(lengths), np.pad(np.array(shapes), ((0, 0), (0, 0), (unknown, 0)))


def _whitened(shapes: Samples, predictor: Samples, free: int) -> Samples:
    """Prediction errors of the shapes, without what ``free`` unknown first samples explain, orthonormal in
    each pair: ``(N, 2, size)``."""
    size = shapes.shape[2]
    spectrum = np.fft.rfft(predictor, 2 * size)
    errors = np.fft.irfft(np.fft.rfft(shapes, 2 * size) * spectrum, 2 * size)[..., :size]
    basis = np.zeros((free, size))
    for number in range(free):
        basis[number, number : number + predictor.size] = predictor
    explained, _ = np.linalg.qr(basis.T)
    errors -= (errors @ explained) @ explained.T
    one, other = errors[:, 0], errors[:, 1]
    one /= np.linalg.norm(one, axis=1, keepdims=True) + 1e-30
    other -= np.sum(one * other, axis=1, keepdims=True) * one
    other /= np.linalg.norm(other, axis=1, keepdims=True) + 1e-30
    return np.stack([one, other], axis=1)


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
        return 0
    slope = float(np.polyfit(np.arange(seen), levels, 1)[0])
    if slope >= 0.0 or levels[0] - levels[-1] < _LEAST_FALL_DB:
        return 0
    decayed = int(np.ceil(_DECAYED_DB / -slope))
    return min(max(seen, decayed), count) * cell


def _ringing_end(samples: Samples, start: int, end: int, rate_hz: int) -> int:
    context, length = (samples_of(ms, rate_hz) for ms in (_FAST_CONTEXT_MS, LONGEST_RINGING_MS))
    if start < context or end + length + context > samples.size:
        return end
    left, right = samples[start - context : start], samples[end + length : end + length + context]
    try:
        predictor = lpc([left, right], _FAST_ORDER)
    except ValueError:
        return end
    # The filter reaches back, so what it shows begins that much behind the click.
    inside = np.convolve(samples[end : end + length], predictor, "valid")
    sides = [np.convolve(side, predictor, "valid") for side in (left, right)]
    hz = _frequency(inside, sides, rate_hz)
    if hz is None:
        return end
    size = max(samples_of(_WINDOW_MS, rate_hz), round(_WINDOW_CYCLES * rate_hz / hz))
    window = np.hanning(size + 2)[1:-1] * np.exp(2j * np.pi * hz / rate_hz * np.arange(size))
    level = max(float(np.mean(np.abs(np.convolve(side, window, "valid")) ** 2)) for side in sides) + 1e-18
    ratio = np.abs(np.convolve(inside, window, "same")) ** 2 / level
    reach = _reach(ratio, samples_of(_FAST_CELL_MS, rate_hz))
    return end + _FAST_ORDER + reach if reach else end


def _frequency(inside: Samples, sides: list[Samples], rate_hz: int) -> float | None:
    """Where the start of a tail stands highest above all that is around it; None where it does not."""
    size = samples_of(_SHOWN_MS, rate_hz)
    shown = np.abs(np.fft.rfft(inside[:size] * np.hanning(2 * size)[size:], 2 * size)) ** 2
    pieces = np.concatenate([side[: side.size // size * size].reshape(-1, size) for side in sides])
    around = np.max(np.abs(np.fft.rfft(pieces * np.hanning(size), 2 * size)) ** 2, axis=0) + 1e-18
    hz = np.arange(shown.size) * rate_hz / (2 * size)
    ratio = np.where((hz > _LOWEST_HZ) & (hz < _HIGHEST_SHARE * rate_hz), shown / around, 0.0)
    best = int(np.argmax(shown * np.sqrt(ratio)))
    return float(hz[best]) if ratio[best] > _STANDS_OUT else None
