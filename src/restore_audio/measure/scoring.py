"""The numbers of one method on one trial, and what many of them come to.

In: a trial and an outcome. Out: :class:`Scores`, plain numbers that go into JSON; and :func:`pool`, which
joins the scores of many trials into the :class:`Summary` that a table shows.

Each gap counts the same, whatever its level, as in the published tables: means are over gaps, in dB. A gap
without any signal in the clean recording has no ratio and is left out. A perfect fill counts 100 dB, an empty
one −100 dB of energy, so that means stay finite. No number is ever NaN; what does not exist is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from .methods import Outcome
from .metrics import (
    changed_share,
    energy_error_db,
    log_spectral_distance_db,
    loudness_difference_lu,
    mean_finite,
    score_detection,
    sdr_db,
)
from .protocols import Trial

if TYPE_CHECKING:
    from .peaq.peaq import PeaqResult

LIMIT_DB = 100.0
NEAR_MS = 1.0
HALF_STEP = 2.0**-16


@dataclass(frozen=True)
class Scores:
    """Lists have one entry for each gap, trial or patch; None where there is nothing to measure.

    Attributes:
        sdr_db, lsd_db, energy_db: of each gap.
        overall_sdr_db, odg, loudness_lu: of each trial.
        worst_channel_odg: of each trial, the lowest grade of one channel: an untouched one lifts ``odg``.
        healthy_changed, healthy_altered: of each trial, the share of the samples outside of the true damage
            that are not exactly as they were given; and of those that differ by more than half a step of
            16 bit, which leaves out mere rounding.
        true_spans, hit_spans, near_spans, found_spans, false_spans: counts; ``near`` are hit with both ends
            within 1 ms. None if nobody had to find anything, or if the method does not say what it found.
        boundary_ms: the worse end of each hit span.
        psnr_db, nrmse_rms, nrmse_range, paper_odg: of each patch, or trial, of the paper's task.
        seconds, audio_s, peak_mb: what it cost.
    """

    sdr_db: list[float | None] = field(default_factory=list)
    lsd_db: list[float | None] = field(default_factory=list)
    energy_db: list[float | None] = field(default_factory=list)
    overall_sdr_db: list[float | None] = field(default_factory=list)
    odg: list[float | None] = field(default_factory=list)
    worst_channel_odg: list[float | None] = field(default_factory=list)
    paper_odg: list[float | None] = field(default_factory=list)
    loudness_lu: list[float | None] = field(default_factory=list)
    healthy_changed: list[float | None] = field(default_factory=list)
    healthy_altered: list[float | None] = field(default_factory=list)
    boundary_ms: list[float | None] = field(default_factory=list)
    psnr_db: list[float | None] = field(default_factory=list)
    nrmse_rms: list[float | None] = field(default_factory=list)
    nrmse_range: list[float | None] = field(default_factory=list)
    true_spans: int | None = None
    hit_spans: int | None = None
    near_spans: int | None = None
    found_spans: int | None = None
    false_spans: int | None = None
    seconds: float = 0.0
    audio_s: float = 0.0
    peak_mb: float | None = None


_LISTS = tuple(f.name for f in fields(Scores) if f.type.startswith("list"))
_COUNTS = ("true_spans", "hit_spans", "near_spans", "found_spans", "false_spans")


def score_trial(trial: Trial, outcome: Outcome, *, odg: bool) -> Scores:
    """Score what a method made of a trial; ``odg`` computes PEAQ too, which takes a while."""
    assert outcome.samples is not None
    clean, test, rate_hz = trial.clean, outcome.samples, trial.rate_hz
    gaps = [[span] for span in trial.spans]
    counts: dict[str, Any] = {}
    boundaries: list[float | None] = []
    grades = [_graded(trial, outcome)] if odg else []
    if outcome.found is not None:
        detection = score_detection(trial.spans, outcome.found, rate_hz)
        counts = {
            "true_spans": detection.true_spans,
            "hit_spans": detection.hit_spans,
            "near_spans": sum(error <= NEAR_MS for error in detection.boundary_errors_ms),
            "found_spans": detection.found_spans,
            "false_spans": detection.false_spans,
        }
        boundaries = list(detection.boundary_errors_ms)
    return Scores(
        sdr_db=[_bounded(sdr_db(clean, test, gap)) for gap in gaps],
        lsd_db=[log_spectral_distance_db(clean, test, rate_hz, gap) for gap in gaps],
        energy_db=[_bounded(energy_error_db(clean, test, gap)) for gap in gaps],
        overall_sdr_db=[_bounded(sdr_db(clean, test))],
        odg=[grade.odg for grade in grades],
        worst_channel_odg=[grade.worst_channel_odg for grade in grades],
        loudness_lu=[loudness_difference_lu(clean, test, rate_hz)],
        healthy_changed=[changed_share(trial.damaged, test, trial.spans)],
        healthy_altered=[changed_share(trial.damaged, test, trial.spans, tolerance=HALF_STEP)],
        boundary_ms=boundaries,
        seconds=outcome.seconds,
        audio_s=clean.shape[1] / rate_hz,
        peak_mb=outcome.peak_mb,
        **counts,
    )


def _graded(trial: Trial, outcome: Outcome) -> PeaqResult:
    from .peaq.peaq import peaq

    assert outcome.samples is not None
    return peaq(trial.clean, np.nan_to_num(outcome.samples), trial.rate_hz)


def _bounded(value_db: float | None) -> float | None:
    return None if value_db is None else max(-LIMIT_DB, min(LIMIT_DB, value_db))


def join(scores: Sequence[Scores]) -> Scores:
    """Scores of several trials as those of one."""
    lists: dict[str, Any] = {name: [value for s in scores for value in getattr(s, name)] for name in _LISTS}
    counts: dict[str, Any] = {}
    for name in _COUNTS:
        known = [getattr(s, name) for s in scores if getattr(s, name) is not None]
        counts[name] = sum(known) if known else None
    peaks = [s.peak_mb for s in scores if s.peak_mb is not None]
    return Scores(
        **lists,
        **counts,
        seconds=math.fsum(s.seconds for s in scores),
        audio_s=math.fsum(s.audio_s for s in scores),
        peak_mb=max(peaks, default=None),
    )


@dataclass(frozen=True)
class Summary:
    """What a method comes to; None where nothing was measured.

    Attributes:
        gaps: how many gaps (patches, in the paper's task) are behind the means.
        sdr_db, lsd_db, energy_db, overall_sdr_db, odg, worst_channel_odg, paper_odg, loudness_lu: means.
        healthy_changed, healthy_altered: means.
        psnr_db, nrmse_rms, nrmse_range: means over the patches where they are finite, as in the paper.
        recall, near_recall, precision, f1: of spans; ``near_recall`` counts those hit within 1 ms.
        boundary_ms: median.
        false_per_minute: false spans in a minute.
        times_real_time: seconds of audio for each second of work.
        peak_mb: largest resident size.
        troubles: what went wrong, each sentence once.
    """

    gaps: int
    sdr_db: float | None
    lsd_db: float | None
    energy_db: float | None
    overall_sdr_db: float | None
    odg: float | None
    worst_channel_odg: float | None
    paper_odg: float | None
    loudness_lu: float | None
    healthy_changed: float | None
    healthy_altered: float | None
    psnr_db: float | None
    nrmse_rms: float | None
    nrmse_range: float | None
    recall: float | None
    near_recall: float | None
    precision: float | None
    f1: float | None
    boundary_ms: float | None
    false_per_minute: float | None
    times_real_time: float | None
    peak_mb: float | None
    troubles: tuple[str, ...] = ()


def pool(scores: Iterable[Scores], troubles: Iterable[str] = ()) -> Summary:
    """Summarise the scores of a method."""
    total = join(list(scores))
    recall = _share(total.hit_spans, total.true_spans)
    correct = None
    if total.found_spans is not None and total.false_spans is not None:
        correct = total.found_spans - total.false_spans
    precision = _share(correct, total.found_spans)
    measured = total.psnr_db or total.sdr_db
    false_per_minute = None
    if total.false_spans is not None and total.audio_s:
        false_per_minute = 60 * total.false_spans / total.audio_s
    boundaries = [value for value in total.boundary_ms if value is not None]
    return Summary(
        gaps=sum(value is not None for value in measured),
        sdr_db=mean_finite(total.sdr_db),
        lsd_db=mean_finite(total.lsd_db),
        energy_db=mean_finite(total.energy_db),
        overall_sdr_db=mean_finite(total.overall_sdr_db),
        odg=mean_finite(total.odg),
        worst_channel_odg=mean_finite(total.worst_channel_odg),
        paper_odg=mean_finite(total.paper_odg),
        loudness_lu=mean_finite(total.loudness_lu),
        healthy_changed=mean_finite(total.healthy_changed),
        healthy_altered=mean_finite(total.healthy_altered),
        psnr_db=mean_finite(total.psnr_db),
        nrmse_rms=mean_finite(total.nrmse_rms),
        nrmse_range=mean_finite(total.nrmse_range),
        recall=recall,
        near_recall=_share(total.near_spans, total.true_spans),
        precision=precision,
        f1=_f1(recall, precision),
        boundary_ms=float(np.median(boundaries)) if boundaries else None,
        false_per_minute=false_per_minute,
        times_real_time=total.audio_s / total.seconds if total.seconds > 0 and total.audio_s else None,
        peak_mb=total.peak_mb,
        troubles=tuple(dict.fromkeys(troubles)),
    )


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None


def _f1(recall: float | None, precision: float | None) -> float | None:
    if recall is None:
        return None
    total = recall + (precision or 0.0)
    return 2 * recall * (precision or 0.0) / total if total else 0.0
