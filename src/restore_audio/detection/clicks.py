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
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Run, Samples
from ..signal.running import running_max
from .candidate import Candidate, company
from .interpolation import repair
from .measures import SILENT_DB, cell_samples, db, rms, samples_of
from .screen import Floats, background, cell_peaks, largest_around

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
"""What the verifier weighs. It was trained on evidence that is computed as here: whoever changes a length or
threshold below trains it anew (examples/train_verifier.py). Cells are 0.5 ms. The lengths are judgement: no
command measured them one by one, what they give together is measured by ``bench``."""

_LEAST_PEAK = 5.0
"""Of a candidate's prediction error, in that of the background; the verifier decides, this saves its time."""

_LEAST_PROMINENCE = 1.8
"""And in the largest within 30 ms."""

_BESIDE_CELLS, _NEAR_CELLS, _WIDE_CELLS = 5, 60, 200
"""The click's own cells, and how far its neighbours are looked for: 30 and 100 ms."""

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

_RHYTHM_SCORE = 3.0
"""Pairs of candidates as high at equal distances before and behind are a rhythm; taken off for each doubling
beyond the first, which is chance."""

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


def find_clicks(samples: Samples, error: Floats, rate_hz: int) -> list[Candidate]:
    """Stretches that may be clicks.

    Args:
        samples: ``(T,)``, finite.
        error: prediction error ``(T,)``.
        rate_hz: sample rate.
    """
    peaks = cell_peaks(error, rate_hz)
    if peaks.size < _FEWEST_CELLS:
        return []
    level = np.maximum(background(peaks), _FLOOR)
    near, wide = (largest_around(peaks, _BESIDE_CELLS, cells) for cells in (_NEAR_CELLS, _WIDE_CELLS))
    high = (peaks > _LEAST_PEAK * level) & (peaks >= running_max(peaks, 11))
    places = np.flatnonzero(high & (peaks > _LEAST_PROMINENCE * near))
    others = np.flatnonzero(high) if places.size else places
    found = []
    for place in places[(places > _MARGIN_CELLS) & (places < peaks.size - _MARGIN_CELLS)].tolist():
        candidate = _examine(samples, error, rate_hz, peaks, level, place, (near[place], wide[place]))
        if candidate is not None:
            found.append(replace(candidate, doubt=_doubt(candidate, peaks, others, places, place)))
    return found


def _doubt(
    candidate: Candidate, peaks: Floats, others: NDArray[np.int64], places: NDArray[np.int64], place: int
) -> float:
    """What speaks against a click: many that are alike, some at equal distances, a step of the level.

    ``others``: peaks above their background; ``places``: those of them that stand out as clicks do.
    """
    alike, pairs = company(peaks, others, place)[0], company(peaks, places, place)[1]
    doubt = _CROWD_SCORE * math.log2(max(alike / _MOST_ALIKE, 1.0))
    doubt += _RHYTHM_SCORE * math.log2(max(pairs, 1))
    evidence = dict(zip(FEATURES, candidate.features.tolist(), strict=True))
    level, treble = evidence["level change"], evidence["treble change"]
    if evidence["removed peak"] < 0.0 < level * treble:
        doubt += _STEP_SCORE * max(min(abs(level), abs(treble)) - _STEP_DB, 0.0)
    return doubt


def _examine(
    samples: Samples,
    error: Floats,
    rate_hz: int,
    peaks: Floats,
    level: Floats,
    place: int,
    largest: tuple[float, float],
) -> Candidate | None:
    cell = cell_samples(rate_hz)
    top = float(peaks[place])
    floor = max(_ENDS_BACKGROUND * float(level[place]), _ENDS_PEAK * top)
    first, last = place, place + 1
    while first > place - _LONGEST_CELLS and peaks[first - 2 : first].max() > floor:
        first -= 1
    while last < place + _LONGEST_CELLS and peaks[last : last + 2].max() > floor:
        last += 1
    start, end = _from_first_rise(error, (first * cell, last * cell), float(level[place]))
    around = samples_of(_AROUND_MS, rate_hz)
    if start < around or end + around > samples.size:
        return None
    before, after = samples[start - around : start], samples[end : end + around]
    level_before, level_after = rms(before[-around // 2 :]), rms(after[: around // 2])
    local_peak = max(float(np.abs(before).max()), float(np.abs(after).max()))
    quiet, loud = sorted((level_before, level_after))
    held = min(np.mean(side[1:] == side[:-1]) for side in (before, after))
    if db(quiet) < SILENT_DB or db(loud / quiet) > _STEADY_DB or held > _SQUARE:
        return None
    inside = samples[start:end]
    trial = repair(samples, (start, end), around)
    if trial is None or db(float(np.abs(inside).max())) < SILENT_DB:
        return None
    removed = inside - trial.fill
    local = max(rms(before), rms(after))
    stretch = peaks[max(place - _CROWD_CELLS, 0) : place + _CROWD_CELLS]
    third = float(np.partition(stretch, -_CROWD_PEAKS)[-_CROWD_PEAKS])
    features = [
        db(top / float(level[place])),
        db(top / largest[0]),
        db(top / largest[1]),
        db(top / max(third, 1e-9)),
        db(rms(peaks[max(first - 8, 0) : max(first - 1, 1)]) / top),
        db(rms(peaks[last + 1 : last + 8]) / top),
        db(rms(peaks[last + 8 : last + 30]) / top),
        db(rms(peaks[last + 2 : last + 40]) / max(rms(peaks[max(first - 40, 0) : first - 2]), 1e-9)),
        10.0 * math.log10((end - start) / rate_hz * 1000),
        db(level_after / level_before),
        db(
            max(rms(np.diff(after[: around // 2])), _FLOOR)
            / max(rms(np.diff(before[-around // 2 :])), _FLOOR)
        ),
        0.5 * db(trial.error_before / max(trial.error_after, 1e-18)),
        0.5 * db(trial.error_after / max(trial.error_around, 1e-18)),
        db(float(np.abs(removed).max()) / local_peak),
        db(rms(removed) / local),
        db(float(np.abs(inside).max()) / local_peak),
        0.5 * db(max(trial.error_around, 1e-18) / local**2),
        float(np.sum(stretch > 0.5 * top)),
    ]
    loud_part = np.flatnonzero(np.abs(removed) > _TAIL * np.abs(removed).max(initial=0.0))
    if loud_part.size:
        start, end = start + int(loud_part[0]), start + int(loud_part[-1]) + 1
    return Candidate(start, end, np.clip(np.array(features), -60.0, 60.0))


def _from_first_rise(error: Floats, stretch: Run, level: float) -> Run:
    """The stretch from where the prediction error first rises; behind a click it errs on for a while."""
    start, end = stretch
    threshold = _EDGE * level
    rises = np.flatnonzero(np.abs(error[start:end]) > threshold)
    if rises.size:
        return start + int(rises[0]), max(end, start + int(rises[0]) + 1)
    return start, end
