"""Splices: two ends meet that do not follow each other, because samples were lost or put in between.

In: a window and its prediction errors. Out: spans of kind ``splice``, the samples within half a
millisecond of the join: nothing there is wrong but the step, which a fill so short smooths.

At a splice no sample is wrong. Predicted from the left, the sound is as usual up to the join and surprises
from there on; predicted from the right, it is as usual down to the join and surprises below it. So the first
sample that the past does not explain is the one right behind the last that the future does not explain. A
click, however short, is wrong itself, and both predictions fail at it; the pulses of a voice and the strokes
of a drum are new to the past but ring on, so that the future does not explain them either; and at an onset
the quiet before it is no surprise to a loud future.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Samples
from ..signal.lpc import errors_of
from ..signal.running import running_max
from ..spans import Span
from .candidate import company, company_doubt
from .measures import SILENT_DB, cell_samples, confidence, db, rms, samples_of
from .screen import Floats, Peaks

ORDER = 32
_CONTEXT = 1024
"""Samples that a model is fitted on, on either side."""

_LEAST_PEAK, _LEAST_PROMINENCE = 3.5, 1.4
"""Of a cell worth a look: its peak over the background, and over everything within 30 ms."""

_FEWEST_CELLS = 500
_SURPRISE = 4.5
"""Times its usual size: an error that is none by chance in the hundred samples looked at."""

_ABOVE_LARGEST = 1.1
"""And more than the largest of the thousand samples on its side."""

_JOINS = (1, 2)
"""From the last sample that the future does not explain to the first that the past does not: next to each
other, or one sample further where the first behind the join lay where it was expected."""

_BREAK_DB = 14.0
"""How far both errors at the join lie above the largest on their side. In half an hour of music and speech no
join lay above 12 dB; two thirds of cut places do."""

_DB_PER_SCORE = 3.0
"""As for runs: 3 dB beyond the thresholds are a confidence of 73 %."""

_ALONE_DB, _ALONE_DB_PER_SCORE = 0.0, 1.5
"""Peak at the join over all within 100 ms: cuts that are part of the music come in numbers."""

_CHANGE_DB = 9.0
"""Most that the level of the sound, or of its prediction error, may change at the join."""

_DOUBLED_SCORE = 2.0
_LONGEST_DOUBLED = 64
_FEWEST_DOUBLED = 5
"""So many samples at the join that equal those right before them are proof enough for a weaker break."""

_TOGETHER_SCORE, _APART_SCORE = 2.0, -2.0
"""What another channel adds that breaks at the same sample, and one that sounds and does not."""

_ALIKE = 0.98
"""Correlation from which on another channel is the same sound and says nothing of its own."""

_CROWD_CELLS = 1000
_COMPETING = 0.35
_MOST_COMPETING = 8
_CROWD_SCORE = 0.6
"""Peaks of a third of the join's within half a second: more than eight cost this much for each doubling.
At half of the splices there are at most two; at ticks of a worn record that look like splices, eight to a
thousand."""

_MOST_ALIKE, _COMPANY_SCORE = 8, 3.0
"""Cells worth a look within 2.5 s on either side and a third as high: more than eight cost this much for each
doubling. At nine in ten of 164 slips in training music there were at most six, at nine in ten ticks of a
bed of crackle that look like splices at least twelve."""

_PEAK_MS, _PEAK_AROUND_MS, _PEAK_SCORE = 1.5, 500.0, 3.0
"""What is taken off where the loudest sample of the second around lies this near, in any channel: there a
limiter or an overdriven microphone bends the wave. One place in 300 lies there by chance."""

_HALF_MS = 0.5
_LEAST_SCORE = -2.0
"""What is less likely (12 %) is not handed on."""


@dataclass(frozen=True)
class _Join:
    """``place``: first sample behind the join; how much both predictions err there, in dB above usual."""

    place: int
    breaks_db: tuple[float, float]


def find_splices(
    samples: Samples, errors: Sequence[Floats], rate_hz: int, among: Sequence[Peaks] | None = None
) -> list[Span]:
    """Places at which samples are missing or doubled.

    Args:
        samples: ``(C, T)``, finite.
        errors: prediction error ``(T,)`` of each channel.
        rate_hz: sample rate.
        among: their peaks; computed when None.
    """
    size = cell_samples(rate_hz)
    if samples.shape[1] < _FEWEST_CELLS * size:
        return []
    half = samples_of(_HALF_MS, rate_hz)
    among = among or [Peaks.of(error, rate_hz) for error in errors]
    spans = []
    for channel, audio in enumerate(samples):
        mine, wide = among[channel].each, among[channel].wide
        cells = np.flatnonzero(
            (mine > _LEAST_PEAK * among[channel].background)
            & (mine > _LEAST_PROMINENCE * among[channel].near)
            & (mine >= running_max(mine, 7))
        )
        # What does not stand alone cannot reach the least score: it is refused before models are fitted.
        alone = 20.0 * np.log10(mine[cells] / wide[cells]) - _ALONE_DB > _LEAST_SCORE * _ALONE_DB_PER_SCORE
        for cell in cells[alone].tolist():
            join = _joined_at(audio, cell * size, size)
            if join is None:
                continue
            doubled = _doubled(audio, join.place)
            score = (min(join.breaks_db) - _BREAK_DB) / _DB_PER_SCORE + (_DOUBLED_SCORE if doubled else 0.0)
            alike, pairs = company(mine, cells, cell)
            accompanied = company_doubt(alike, pairs, most_alike=_MOST_ALIKE, crowd_score=_COMPANY_SCORE)
            score -= _crowded(mine, cell) + accompanied
            if not doubled and _is_loudest(samples, join.place, rate_hz):
                score -= _PEAK_SCORE
            score += sum(_support(samples, channel, other, join, size) for other in range(len(samples)))
            score = min(score, (db(float(mine[cell] / wide[cell])) - _ALONE_DB) / _ALONE_DB_PER_SCORE)
            if score > _LEAST_SCORE:
                start, end = max(join.place - half, 0), min(join.place + half, audio.size)
                words = _words(join, doubled)
                spans.append(Span(start, end, channel, "splice", confidence(score), evidence=words))
    return spans


def _crowded(peaks: Floats, cell: int) -> float:
    """What is taken off where many peaks around are nearly as high: ticks of a record, strokes of a drum."""
    around = peaks[max(cell - _CROWD_CELLS, 0) : cell + _CROWD_CELLS]
    competing = np.count_nonzero(around > _COMPETING * peaks[cell])
    return _CROWD_SCORE * math.log2(max(competing / _MOST_COMPETING, 1.0))


def _is_loudest(samples: Samples, place: int, rate_hz: int) -> bool:
    """Whether a channel has its largest sample of the time around at a place."""
    near, around = (samples_of(ms, rate_hz) for ms in (_PEAK_MS, _PEAK_AROUND_MS))
    sound = np.abs(samples[:, max(place - around, 0) : place + around])
    first = min(place, around)
    here = sound[:, max(first - near, 0) : first + near].max(axis=1)
    return bool(np.any((here > 0.0) & (here >= sound.max(axis=1))))


def _support(samples: Samples, channel: int, other: int, join: _Join, size: int) -> float:
    """What another channel says to a join: samples are lost from all at once."""
    if other == channel:
        return 0.0
    near = slice(max(join.place - _CONTEXT, 0), join.place + _CONTEXT)
    audio = samples[other]
    mine, its = samples[channel][near], audio[near]
    alike = abs(float(mine @ its)) > _ALIKE * rms(mine) * rms(its) * mine.size
    if alike or db(rms(its)) < SILENT_DB:
        return 0.0
    there = _joined_at(audio, join.place - size // 2, size)
    if there is not None and abs(there.place - join.place) <= 1:
        return _TOGETHER_SCORE
    return _APART_SCORE


def _joined_at(samples: Samples, cell: int, size: int) -> _Join | None:
    """The join in or beside the cell from sample ``cell`` on; None if there is none."""
    first, last = cell - ORDER, cell + size + ORDER
    if first < _CONTEXT or last + _CONTEXT > samples.size:
        return None
    left, right = samples[first - _CONTEXT : first], samples[last : last + _CONTEXT]
    levels = [rms(side) for side in (left[-_CONTEXT // 2 :], right[: _CONTEXT // 2])]
    if db(min(levels)) < SILENT_DB:
        return None
    if abs(db(levels[1] / levels[0])) > _CHANGE_DB:
        return None
    sizes, places, breaks = [], [], []
    for sound in (samples[first - _CONTEXT : last], samples[first : last + _CONTEXT][::-1]):
        try:
            errors = np.abs(errors_of(sound, _CONTEXT, ORDER))
        except ValueError:
            return None
        usual, here = errors[: _CONTEXT - ORDER], errors[_CONTEXT - ORDER :]
        sizes.append(rms(usual))
        if sizes[-1] <= 0.0 or abs(db(sizes[-1] / sizes[0])) > _CHANGE_DB:
            return None
        largest = float(usual.max())
        surprises = np.flatnonzero(here > max(_SURPRISE * sizes[-1], _ABOVE_LARGEST * largest))
        if surprises.size == 0:
            return None
        places.append(int(surprises[0]))
        breaks.append(db(float(here.max()) / largest))
    behind, before = first + places[0], last - 1 - places[1]
    if not _JOINS[0] <= behind - before <= _JOINS[1]:
        return None
    return _Join((behind + before + 1) // 2, (breaks[0], breaks[1]))


def _doubled(samples: Samples, place: int) -> int:
    """How many samples come twice at the join: those from ``place`` on equal as many right before."""
    for count in range(_LONGEST_DOUBLED, _FEWEST_DOUBLED - 1, -1):
        for start in (place - 1, place, place + 1):
            if samples[start] != samples[start - count]:
                continue
            block = samples[start : start + count]
            if np.array_equal(block, samples[start - count : start]) and np.all(block[1:] != block[:-1]):
                return count
    return 0


def _words(join: _Join, doubled: int) -> str:
    text = (
        f"the sound before and behind is alike, but does not go on across this place: prediction from "
        f"the left and from the right errs {join.breaks_db[0]:.0f} and {join.breaks_db[1]:.0f} dB more "
        "than beside"
    )
    return f"{text}; {doubled} samples come twice" if doubled else text
