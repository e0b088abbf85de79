"""Turning game audio into training material: one period of a loop, clips joined, stems summed, silence told.

Arrays are ``(C, T)`` float, pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Audio = NDArray[np.float64]

SILENT_DBFS = -50.0
"""A recording that never gets louder than this teaches nothing."""

_PAUSE_S = 0.12
_FADE_S = 0.005
_EDGE_DB = -45.0


def level_dbfs(samples: Audio) -> float:
    """RMS level over all of ``(C, T)``; −inf for digital silence.

    >>> round(level_dbfs(np.full((1, 8), 0.1)), 3)
    -20.0
    """
    power = float(np.mean(np.square(samples))) if samples.size else 0.0
    return 10 * float(np.log10(power)) if power > 0 else -np.inf


def trim_clip(samples: Audio, rate_hz: int) -> Audio:
    """A spoken clip with at most 0.12 s of its own pause left at each end, its cuts faded.

    The pause is the clip's own room tone; no digital silence is put in, which a network would learn.
    """
    loudest = np.max(np.abs(samples), axis=0)
    if not loudest.size or loudest.max() == 0:
        return samples[:, :0]
    active = np.flatnonzero(loudest > loudest.max() * 10 ** (_EDGE_DB / 20))
    pause = round(_PAUSE_S * rate_hz)
    cut = samples[:, max(0, active[0] - pause) : active[-1] + 1 + pause].copy()
    fade = min(round(_FADE_S * rate_hz), cut.shape[1] // 2)
    if fade:
        ramp = np.sin(np.linspace(0, np.pi / 2, fade)) ** 2
        cut[:, :fade] *= ramp
        cut[:, -fade:] *= ramp[::-1]
    return cut


def join_clips(clips: Iterable[Audio], rate_hz: int, *, seconds: float) -> Iterator[Audio]:
    """Clips ``(C, T)`` one after the other, in pieces that end with the first clip past ``seconds``.

    The last piece is shorter; a last piece below a tenth of ``seconds`` goes with the one before.
    """
    pieces: list[list[Audio]] = [[]]
    for clip in clips:
        if sum(part.shape[1] for part in pieces[-1]) >= seconds * rate_hz:
            if len(pieces) > 1:
                yield np.concatenate(pieces.pop(0), axis=1)
            pieces.append([])
        pieces[-1].append(trim_clip(clip, rate_hz))
    if len(pieces) > 1 and sum(part.shape[1] for part in pieces[-1]) < 0.1 * seconds * rate_hz:
        pieces[-2:] = [pieces[-2] + pieces[-1]]
    for piece in pieces:
        if piece:
            yield np.concatenate(piece, axis=1)


def loop_period(samples: Audio, rate_hz: int, *, shortest_s: float, longest_s: float) -> int | None:
    """Samples after which a recording repeats itself, or None when it does not.

    Found by correlating five seconds near the beginning with what follows, at an eighth of the rate. A
    refrain comes back too, so a candidate counts only if the recording agrees with itself everywhere at
    that distance. Then it is refined to the sample.
    """
    coarse = 8
    mono = samples.mean(axis=0)
    usable = mono.size // coarse * coarse
    small = mono[:usable].reshape(-1, coarse).mean(axis=1)
    start, length = round(10 * rate_hz / coarse), round(5 * rate_hz / coarse)
    likeness = _likeness(
        small, start, length, round(shortest_s * rate_hz / coarse), round(longest_s * rate_hz / coarse)
    )
    for place in _summits(likeness, apart=length // 4):
        lag = round(shortest_s * rate_hz / coarse) + place
        if _repeats(small, lag, length):
            lowest = (lag - 2) * coarse
            fine = _likeness(mono, start * coarse, length * coarse, lowest, lowest + 4 * coarse)
            return lowest + int(np.argmax(fine))
    return None


_ALIKE = 0.9
_EVERYWHERE_ALIKE = 0.8
"""Lower, as a lossy codec spends little on quiet passages; those of another verse are below 0.3."""

_PROBES = 24


def _summits(likeness: NDArray[np.float64], *, apart: int) -> Iterator[int]:
    """Places of the peaks above the threshold, first things first."""
    place = 0
    while place < likeness.size:
        above = np.flatnonzero(likeness[place:] > _ALIKE)
        if not above.size:
            return
        first = place + int(above[0])
        summit = first + int(np.argmax(likeness[first : first + apart]))
        yield summit
        place = summit + apart


def _repeats(x: NDArray[np.float64], lag: int, length: int) -> bool:
    last = x.size - lag - length
    if last < 0:
        return False
    for start in np.linspace(0, last, _PROBES).astype(int):
        here, there = x[start : start + length], x[start + lag : start + lag + length]
        power = float(np.sqrt(np.sum(here**2) * np.sum(there**2)))
        if power > 0 and float(here @ there) / power < _EVERYWHERE_ALIKE:
            return False
    return True


def _likeness(
    x: NDArray[np.float64], start: int, length: int, lowest: int, highest: int
) -> NDArray[np.float64]:
    """Normalised correlation of ``length`` samples from ``start`` on with those each lag later."""
    template = x[start : start + length]
    searched = x[start + lowest : start + highest + length]
    energy = float(np.sum(template**2))
    if searched.size < length or template.size < length or energy == 0:
        return np.zeros(0)
    scores = fftconvolve(searched, template[::-1], mode="valid")
    sums = np.concatenate(([0.0], np.cumsum(searched**2)))
    norms = np.sqrt(np.maximum(sums[length:] - sums[:-length], 1e-12) * energy)
    return np.asarray(scores / norms, dtype=np.float64)


def mix_stems(stems: list[Audio]) -> Audio:
    """The sum of stems ``(C, T)`` of one piece, padded to the longest, scaled down if it would clip."""
    channels = max(stem.shape[0] for stem in stems)
    total = np.zeros((channels, max(stem.shape[1] for stem in stems)))
    for stem in stems:
        total[:, : stem.shape[1]] += stem
    return total / max(1.0, float(np.max(np.abs(total), initial=0.0)))
