"""The concealment of G.711 Appendix I, proven by doing it again.

In: one channel, and a stretch that equals what lay a few milliseconds before. Out: the samples that a
receiver made up.

A receiver repeats the last pitch period to the last bit for 10 ms; before that it has blended the end of the
period into its beginning, so that nothing breaks, and prediction sees nothing wrong. What it blended can be
undone. From there the concealment goes one way only, and it lasted as long as the samples are those that it
makes. Sounds of machines repeat as exactly, but not for 10 ms to the sample.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from ..signal.g711 import FULL_MS, PITCH_MS, blended_back, conceal_g711
from .matches import Match
from .measures import rms, samples_of

_LONGEST_MS = 400.0
_CELL_MS = 1.0
_DIFFERENT = 0.05
"""Of the level made up: from there on it is something else. Rounding to 8 bit µ-law is less."""

_SEEN = 4
"""What is blended back differs from what was made up after a quarter of the way, at the latest."""

_ROUNDING = 2.0**-15
"""One step of 16 bit."""

_NOT_PERIODIC = 0.02
"""−34 dB: how far at least the sound before strays from its own period. A tone that never did goes on."""

_BLENDED = 0.25
"""Share of that which may be left at the end of the blended samples; a tenth is."""


def concealed_by_g711(samples: Samples, match: Match, rate_hz: int) -> tuple[int, int] | None:
    """First and last (exclusive) sample that is not the channel's own; None if G.711 would not do so.

    Args:
        samples: ``(T,)``, finite.
        match: a stretch that equals an earlier one.
        rate_hz: sample rate.
    """
    pitch, step = match.lag, samples_of(FULL_MS, rate_hz)
    shortest, longest = (samples_of(ms, rate_hz) for ms in PITCH_MS)
    quarter = pitch // 4
    known = 4 * longest + pitch
    if (
        not shortest <= pitch <= longest
        or not step - 2 <= match.length <= step + quarter // 8
        or match.start < known + 2
        or match.end + step > samples.size
    ):
        return None
    ends = []
    for start in range(match.end - step - 2, match.end - step + 1):  # two samples may go on by chance
        piece = samples[start - known : start + samples_of(_LONGEST_MS, rate_hz)]
        own = _unblended(piece, known, pitch)
        if own is None:
            continue
        made = piece.copy()
        made[known - quarter : known] = own
        conceal_g711(made, known, made.size - step, rate_hz, pitch)
        lost = step + _alike(piece[known + step :], made[known + step :], samples_of(_CELL_MS, rate_hz))
        whole = lost - lost % step  # packets last 10 ms or a multiple
        if lost - whole < blended_back(pitch, whole, rate_hz) // _SEEN:
            lost = whole
        ends.append((start + lost + blended_back(pitch, lost, rate_hz), start - quarter))
    if not ends:
        return None
    last, first = max(ends)
    return first, min(last, samples.size)


def _unblended(piece: Samples, place: int, pitch: int) -> Samples | None:
    """What stood before ``place`` until it was blended with the period before; None if it was not."""
    quarter = pitch // 4
    rise = (np.arange(quarter) + 0.5) / quarter
    tail, before = piece[place - quarter : place], piece[place - pitch - quarter : place - pitch]
    apart = tail - before
    strays = rms(apart[: quarter // 2])
    if strays < _NOT_PERIODIC * rms(before) or rms(apart[-max(quarter // 8, 2) :]) > _BLENDED * strays:
        return None
    # Where little of it is left rounding would grow.
    return np.where(rise < 1 - 4 / quarter, (tail - rise * before) / (1 - rise), tail)


def _alike(piece: Samples, made: Samples, cell: int) -> int:
    """How many of the first samples are those made up; both ``(n,)``."""
    for start in range(0, made.size, cell):
        here = made[start : start + cell]
        most = _DIFFERENT * rms(here) + _ROUNDING
        off = np.flatnonzero(np.abs(piece[start : start + cell] - here) > most)
        if off.size > 2:
            return start + int(off[0])
    return made.size
