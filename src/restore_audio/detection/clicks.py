"""Clicks and pops: up to about 4 ms that neither side predicts.

In: one channel of a window and its prediction error. Out: candidates, each with the evidence that
:mod:`.verifier` weighs.

A click stands alone in the prediction error: it is above the background and above everything within 30 ms
on both sides, which a drum, a consonant or the pulse train of a voice is not. What is left is repaired on
trial; a click's repair quietens the error to that of its surroundings. The ticks of a bed of crackle and the
edges of a rhythmic gate are told by their company: there are many of them, or they come at equal distances.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..arrays import Run, Samples
from ..signal.running import running_max
from .candidate import Candidate, company, company_doubt
from .interpolation import repair
from .measures import SILENT_DB, cell_samples, db, rms, samples_of
from .screen import Floats, Peaks

FEATURES = (
    "above background",
    "above neighbours within 30 ms",
    "above neighbours within 100 ms",
    "above the third peak within 250 ms",
    "error 1 to 4 ms before",
    "error 1 to 4 ms after",
    "error 4 to 15 ms after",
    "background change",
    "length",
    "level change",
    "treble change",
    "repair",
    "repaired error",
    "removed peak",
    "removed level",
    "peak in place",
    "predictability",
    "competing peaks",
)
"""What the verifier weighs. It was trained on evidence that is computed as here: after a change of a length
or threshold below it must be trained anew (examples/train_verifier.py). Cells are 0.5 ms. The lengths are
judgement: no command measured them one by one, what they give together is measured by ``bench``."""

_LEAST_PEAK = 5.0
"""Of a candidate's prediction error, in that of the background; the verifier decides, this saves its time."""

_LEAST_PROMINENCE = 1.8
"""And in the largest within 30 ms."""

_LONGEST_CELLS = 10
"""Of a click, to either side of its peak: 5 ms."""

_ENDS_BACKGROUND, _ENDS_PEAK = 3.0, 0.08
"""A click ends where its error falls below so many times the background, and below so much of its peak."""

_EDGE = 3.5
"""Prediction error, in that of the background, at which a click begins to the sample."""

_AROUND_MS = 20.0
"""Sound on either side from which a click is repaired on trial."""

_FEWEST_CELLS, _MARGIN_CELLS = 400, 40
"""Shorter windows have no background, and what lies nearer to their ends no neighbours."""

_CROWD_CELLS, _CROWD_PEAKS = 500, 8
"""250 ms on either side; the eighth largest cell there stands for the third peak: each fills two or three."""

# What speaks against a click is taken off the verifier's score. Chosen on 116 excerpts of training music with
# 0.2 to 4 clicks a second, and as many gated synthesisers, rhythmic gates and beds of crackle.
_MOST_ALIKE, _CROWD_SCORE = 20, 4.0
"""More than 20 peaks a third as high within 2.5 s, four a second, are a bed of crackle or the music's own;
taken off for each doubling. Around 98 in a hundred of 797 clicks, 0.7 a second, lay at most 17, around 19 in
twenty false ones in crackle at least 21."""

_STEP_DB, _STEP_SCORE = 6.0, 1.0
"""A click stands above the sound on both sides, or leaves the level as it was; its tail raises the bass
alone. The edge of a gate changes level and treble: taken off for each dB beyond six by which both change."""

_FLOOR = 1e-7
"""−140 dBFS: levels are not below it."""

_TAIL = 0.04
"""Of a click's peak: what is below it on either side is left to the music."""

_SQUARE = 0.4
"""Share of equal neighbours from which on a sound is made of square waves, whose edges are no clicks."""

_STEADY_DB = 20.0
"""Where the level changes by more, a sound begins or ends."""

_AT_ONCE = 64
"""Candidates that are measured together: NumPy's calls cost more than what they do for one."""

Places = NDArray[np.int64]


def find_clicks(samples: Samples, error: Floats, rate_hz: int, among: Peaks | None = None) -> list[Candidate]:
    """Stretches that may be clicks.

    Args:
        samples: ``(T,)``, finite.
        error: prediction error ``(T,)``.
        rate_hz: sample rate.
        among: its peaks; computed when None.
    """
    among = among or Peaks.of(error, rate_hz)
    peaks = among.each
    if peaks.size < _FEWEST_CELLS:
        return []
    level, near, wide = np.maximum(among.background, _FLOOR), among.near, among.wide
    high = (peaks > _LEAST_PEAK * level) & (peaks >= running_max(peaks, 11))
    places = np.flatnonzero(high & (peaks > _LEAST_PROMINENCE * near))
    others = np.flatnonzero(high) if places.size else places
    inner = places[(places > _MARGIN_CELLS) & (places < peaks.size - _MARGIN_CELLS)]
    found = []
    for first in range(0, inner.size, _AT_ONCE):
        some = inner[first : first + _AT_ONCE]
        for place, stretch, features in _examine(samples, error, rate_hz, peaks, some, (level, near, wide)):
            doubt = partial(_doubt, features, peaks, others, places, place)
            found.append(Candidate(*stretch, features, doubt))
    return found


def _doubt(features: Samples, peaks: Floats, others: Places, places: Places, place: int) -> float:
    """What speaks against a click: many that are alike, some at equal distances, a step of the level.

    ``others``: peaks above their background; ``places``: those of them that stand out as clicks do.
    """
    alike, pairs = company(peaks, others, place)[0], company(peaks, places, place)[1]
    doubt = company_doubt(alike, pairs, most_alike=_MOST_ALIKE, crowd_score=_CROWD_SCORE)
    evidence = dict(zip(FEATURES, features.tolist(), strict=True))
    level, treble = evidence["level change"], evidence["treble change"]
    if evidence["removed peak"] < 0.0 < level * treble:
        doubt += _STEP_SCORE * max(min(abs(level), abs(treble)) - _STEP_DB, 0.0)
    return doubt


def _examine(
    samples: Samples,
    error: Floats,
    rate_hz: int,
    peaks: Floats,
    places: Places,
    levels: tuple[Floats, Floats, Floats],
) -> list[tuple[int, Run, Samples]]:
    """Those of the cells ``places`` ``(N,)`` that may hold clicks, each with its samples and its evidence.

    ``levels``: of every cell, the background and the largest peaks near it and farther away.
    """
    cell, around = cell_samples(rate_hz), samples_of(_AROUND_MS, rate_hz)
    level = levels[0][places].astype(np.float64)
    first, last = _reach(peaks, places, np.maximum(_ENDS_BACKGROUND * level, _ENDS_PEAK * peaks[places]))
    start, end = _from_first_rise(error, first * cell, last * cell, level)
    whole = (start >= around) & (end + around <= samples.size)
    places, first, last, start, end = (one[whole] for one in (places, first, last, start, end))
    sides = samples[start[:, None] + np.arange(-around, 0)], samples[end[:, None] + np.arange(around)]
    near = sides[0][:, -around // 2 :], sides[1][:, : around // 2]
    quiet, loud = np.sort([_rms(side) for side in near], axis=0)
    held = np.min([np.mean(side[:, 1:] == side[:, :-1], axis=1) for side in sides], axis=0)
    asked = (_db(quiet) >= SILENT_DB) & (loud <= quiet * 10 ** (_STEADY_DB / 20)) & (held <= _SQUARE)
    places, first, last, start, end = (one[asked] for one in (places, first, last, start, end))
    if not places.size:
        return []
    level_before, level_after = (_rms(side[asked]) for side in near)
    treble_before, treble_after = (np.maximum(_rms(np.diff(side[asked])), _FLOOR) for side in near)
    local = np.max([_rms(side[asked]) for side in sides], axis=0)
    local_peak = np.max([np.abs(side[asked]).max(axis=1) for side in sides], axis=0)
    top = peaks[places]
    stretch = _windows(peaks, places - _CROWD_CELLS, 2 * _CROWD_CELLS)
    third = np.partition(stretch, -_CROWD_PEAKS, axis=1)[:, -_CROWD_PEAKS]
    ratios = (
        *(top / np.maximum(one, 1e-9) for one in (*(one[places] for one in levels), third)),
        *(_level(peaks, *some) / top for some in ((first - 8, 7), (last + 1, 7), (last + 8, 22))),
        _level(peaks, last + 2, 38) / np.maximum(_level(peaks, first - 40, 38), 1e-9),
        np.sqrt((end - start) / rate_hz * 1000),  # a power
        level_after / level_before,
        treble_after / treble_before,
    )
    competing = np.count_nonzero(stretch > 0.5 * top[:, None], axis=1)
    trials = [
        _repaired(samples, run, around, *sides_are)
        for run, *sides_are in zip(
            zip(start.tolist(), end.tolist(), strict=True), local.tolist(), local_peak.tolist(), strict=True
        )
    ]
    rows = np.ones((len(trials), len(FEATURES)))
    rows[:, :-7] = np.stack(ratios, axis=1)
    rows[:, -7:-1] = [trial[1] for trial in trials]
    rows = np.clip(_db(rows), -60.0, 60.0)
    rows[:, -1] = np.minimum(competing, 60.0)
    return [
        (place, run, features)
        for place, (run, _), features in zip(places.tolist(), trials, rows, strict=True)
        if run is not None
    ]


def _reach(peaks: Floats, places: Places, floor: NDArray[np.floating]) -> tuple[Places, Places]:
    """First and last (exclusive) cell of each candidate: up to where two cells lie below the floor."""
    pairs = np.maximum(peaks[:-1], peaks[1:])
    first, last = places.copy(), places + 1
    for _ in range(_LONGEST_CELLS):
        first -= (first > places - _LONGEST_CELLS) & (pairs[first - 2] > floor)
        last += (last < places + _LONGEST_CELLS) & (pairs[last] > floor)
    return first, last


def _from_first_rise(
    error: Floats, start: Places, end: Places, level: NDArray[np.floating]
) -> tuple[Places, Places]:
    """Each stretch from where the prediction error first rises; behind a click it errs on for a while."""
    offsets = np.arange(int((end - start).max(initial=0)))
    inside = offsets < (end - start)[:, None]
    size = np.abs(error[np.minimum(start[:, None] + offsets, error.size - 1)])
    rises = inside & (size > _EDGE * level[:, None])
    start = start + np.where(rises.any(axis=1), rises.argmax(axis=1), 0) if offsets.size else start
    return start, np.maximum(end, start + 1)


def _repaired(
    samples: Samples, stretch: Run, around: int, local: float, local_peak: float
) -> tuple[Run | None, tuple[float, ...]]:
    """What a trial repair says: the samples that it changes, and the evidence from "repair" on as ratios.

    ``local`` and ``local_peak``: level and largest sample of the sides.
    """
    start, end = stretch
    inside = samples[start:end]
    trial, peak = repair(samples, stretch, around), float(np.abs(inside).max())
    if trial is None or db(peak) < SILENT_DB:
        return None, 6 * (1.0,)
    removed = inside - trial.fill
    size = np.abs(removed)
    most, usual = float(size.max()), max(trial.error_around, 1e-18)
    ratios = (
        math.sqrt(trial.error_before / max(trial.error_after, 1e-18)),
        math.sqrt(trial.error_after / usual),
        *(most / local_peak, rms(removed) / local, peak / local_peak),
        math.sqrt(usual) / local,
    )
    loud = np.flatnonzero(size > _TAIL * most)
    if loud.size:
        start, end = start + int(loud[0]), start + int(loud[-1]) + 1
    return (start, end), ratios


def _windows(peaks: Floats, first: Places, size: int) -> Floats:
    """``(N, size)`` cells from ``first`` on; -1 beyond the ends."""
    cells = first[:, None] + np.arange(size)
    beyond = (cells < 0) | (cells >= peaks.size)
    return np.where(beyond, np.float32(-1.0), peaks[np.clip(cells, 0, peaks.size - 1)])


def _level(peaks: Floats, first: Places, size: int) -> Floats:
    """Root mean square of ``size`` cells from ``first`` on, of those that there are."""
    cells = _windows(peaks, first, size)
    there = cells >= 0.0
    return np.asarray(np.sqrt(np.sum(np.square(cells) * there, axis=1) / there.sum(axis=1)), np.float32)


def _rms(rows: Samples) -> Samples:
    """As :func:`.measures.rms`, of each row."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows) / rows.shape[1]))


def _db(ratios: NDArray[np.floating]) -> NDArray[np.floating]:
    """As :func:`.measures.db`, of each."""
    return np.asarray(20.0 * np.log10(np.maximum(ratios, 1e-9)))
