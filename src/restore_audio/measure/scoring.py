"""The metrics of a benchmark, each once: how it is computed, how many values are joined, how tables show it.

In: a :class:`Measured` trial, or the patches of the paper's task. Out: :data:`Scores`, lists of plain numbers
that go into JSON, and :func:`pool`, which makes of the scores of many trials the :class:`Summary` of a table.
A metric is added by one entry in :data:`METRICS`: it is then in the tables, the JSON and the page.

Each gap counts the same, whatever its level, as in the published tables: means are over gaps, in dB. A gap
without any signal in the clean recording has no ratio and is left out. A perfect fill counts 100 dB, an empty
one −100 dB of energy, so that means stay finite. No number is ever NaN; what does not exist is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .graders import PEAQ, TWO_F
from .measured import Measured, Values, bounded
from .metrics import (
    Detection,
    changed_share,
    energy_error_db,
    loudness_difference_lu,
    mean_finite,
    sdr_db,
)

Scores = dict[str, Values]
"""Values by the name of their metric: one for each gap, span, trial or patch."""

HALF_STEP = 2.0**-16
"""Half a step of 16 bit: smaller differences are rounding."""


@dataclass(frozen=True)
class Table:
    """A table that a benchmark shows.

    ``layout``: ``total`` has methods as rows and metrics as columns, over all conditions; ``conditions`` has
    methods as rows and conditions as columns; ``damage`` is one table for each method, with the conditions
    that have damage as rows and metrics as columns; ``undamaged`` has the other conditions as rows and
    methods as columns; ``paired`` is one table for each metric, of differences to AR alone; ``genres`` has
    genres and methods as rows and conditions as columns. A table without any value is left out.
    """

    title: str
    layout: Literal["total", "conditions", "damage", "undamaged", "paper", "paired", "genres"]
    protocols: tuple[str, ...] = ()


GAP_PROTOCOLS = ("gaps", "one-channel", "onsets")
TIMED = ("blind", *GAP_PROTOCOLS, "long", "packets", "context-encoder")
BAND = Table(
    "SNR of the whole, dB / log-spectral distance of Lim et al. 2018", "conditions", ("super-resolution",)
)
REAL = Table("damage as machines make it", "damage", ("real",))
BROKEN = Table("Spans whose SDR is below 5 dB", "damage", ("real",))
UNDAMAGED = Table("False spans a minute in undamaged recordings / samples changed, %", "undamaged", ("real",))
GAPS = Table("SDR in the gaps / log-spectral distance, dB", "conditions", TIMED)
ODG = Table("ODG (PEAQ, basic version) of the excerpt / of its worst channel alone", "conditions", TIMED)
TWO_F_MODEL = Table("2f-model, 0 to 100, of the 3 s around each gap / of the excerpt", "conditions", TIMED)
AGAINST_AR = Table(
    "Against AR alone in the same gaps, mean ± standard error (SDR: gaps lower by more than 3 dB, %)",
    "paired",
    GAP_PROTOCOLS,
)
GENRES = Table("By genre: SDR / log-spectral distance, dB", "genres", GAP_PROTOCOLS)
OTHER_GRADES = Table("Mean opinion of the excerpt: ViSQOL / Zimtohrli", "conditions", TIMED)
FOUND = Table("Damage found, both ends within 1 ms / damage hit, %", "conditions", ("blind",))
CHANGED = Table("Healthy samples changed / beyond 16 bit, %", "conditions", ("blind",))
DETECTION = Table("Damage found, all conditions together", "total", ("blind",))
TOTAL = Table("All conditions together", "total", TIMED)
COST = Table("Cost", "total", ("real", "paper", "super-resolution"))
PAPER = Table("random frames of 512 ms patches lost", "paper", ("paper",))
TABLES = (
    PAPER,
    BAND,
    REAL,
    BROKEN,
    UNDAMAGED,
    GAPS,
    AGAINST_AR,
    GENRES,
    ODG,
    TWO_F_MODEL,
    OTHER_GRADES,
    FOUND,
    CHANGED,
    DETECTION,
    TOTAL,
    COST,
)


@dataclass(frozen=True)
class Metric:
    """One number of a benchmark.

    Attributes:
        name: its key in JSON.
        label: heading of its column, with the unit.
        compute: of a :class:`Measured` (or :class:`~restore_audio.measure.paper_task.MeasuredPatches`): a
            value for each gap, span or patch, or one for the trial.
        pool: what the values of many trials come to; their mean if None.
        tables: where it is shown.
        before: name of the metric that is the same of the damaged recording; it is written before an arrow.
        digits: decimals; None writes two significant digits.
        percent: a share, written in per cent.
        chart: caption of its curves and bars on the HTML page, which it has then.
        of: what it is computed of.
        grader: what it needs beyond NumPy (:mod:`.graders`) and is asked for by name, as it takes a while.
        cost: what a run costs, the only thing that differs from run to run.
    """

    name: str
    label: str
    compute: Callable[[Any], Values]
    pool: Callable[[Scores], float | None] | None = None
    tables: tuple[Table, ...] = (TOTAL,)
    before: str = ""
    digits: int | None = 1
    percent: bool = False
    chart: str = ""
    of: Literal["gaps", "patches", "both"] = "gaps"
    grader: str = ""
    cost: bool = False

    def pooled(self, scores: Scores) -> float | None:
        """What its values come to; None if there are none."""
        return self.pool(scores) if self.pool is not None else mean_finite(scores.get(self.name, ()))


def _of_detection(
    values: Callable[[Detection], Iterable[float]],
    which: Callable[[Measured], Detection | None] = lambda measured: measured.detection,
) -> Callable[[Measured], Values]:
    def of(measured: Measured) -> Values:
        detection = which(measured)
        return [] if detection is None else [float(value) for value in values(detection)]

    return of


def _each(true: int, all_of_them: int) -> list[float]:
    return [1.0] * true + [0.0] * (all_of_them - true)


def _hits(detection: Detection) -> list[float]:
    return _each(len(detection.boundary_errors_ms), detection.true_spans)


def _within(error_ms: float) -> Callable[[Measured], Values]:
    return _of_detection(lambda d: _each(sum(e <= error_ms for e in d.boundary_errors_ms), d.true_spans))


def _total(name: str) -> Callable[[Scores], float | None]:
    def total(scores: Scores) -> float | None:
        known = [value for value in scores.get(name, ()) if value is not None]
        return math.fsum(known) if known else None

    return total


def _ratio(part: str, whole: str, times: float = 1.0) -> Callable[[Scores], float | None]:
    def ratio(scores: Scores) -> float | None:
        above, below = _total(part)(scores), _total(whole)(scores)
        return times * above / below if above is not None and below else None

    return ratio


def _median(scores: Scores) -> float | None:
    known = [value for value in scores.get("boundary_ms", ()) if value is not None]
    return float(np.median(known)) if known else None


def _f1(scores: Scores) -> float | None:
    recall, precision = mean_finite(scores.get("recall", ())), mean_finite(scores.get("precision", ()))
    if recall is None:
        return None
    total = recall + (precision or 0.0)
    return 2 * recall * (precision or 0.0) / total if total else 0.0


def _peak(scores: Scores) -> float | None:
    return max((value for value in scores.get("peak_mb", ()) if value is not None), default=None)


def _nothing(measured: Any) -> Values:  # noqa: ARG001
    return []


METRICS: tuple[Metric, ...] = (
    Metric("gaps", "gaps", lambda m: [m.gaps], _total("gaps"), (), digits=0, of="both"),
    Metric("spans", "spans", lambda m: [len(m.trial.spans)], _total("spans"), (REAL,), digits=0),
    Metric(
        "recall",
        "found, %",
        _of_detection(_hits),
        tables=(REAL, FOUND, DETECTION),
        digits=0,
        percent=True,
    ),
    Metric("broken", "spans", lambda m: [len(m.broken)], _total("broken"), (BROKEN,), digits=0),
    Metric(
        "broken_recall",
        "found, %",
        _of_detection(_hits, lambda m: m.broken_detection),
        tables=(BROKEN,),
        digits=0,
        percent=True,
    ),
    Metric("near_recall", "ends within 1 ms, %", _within(1.0), tables=(FOUND,), digits=0, percent=True),
    Metric("near_3ms", "ends 3 ms, %", _within(3.0), tables=(REAL,), digits=0, percent=True),
    Metric("sdr_before_db", "SDR before, dB", lambda m: m.before_sdr_db, tables=()),
    Metric(
        "sdr_db",
        "SDR, dB",
        lambda m: m.gap_sdr_db,
        tables=(REAL, BAND, GAPS, AGAINST_AR, GENRES),
        before="sdr_before_db",
        chart="SDR in the gaps, dB (more is better)",
    ),
    Metric(
        "lsd_before_db",
        "log-spectral distance before, dB",
        lambda m: m.lsd_db(m.trial.damaged) if m.trial.before else [],
        tables=(),
    ),
    Metric(
        "lsd_db",
        "LSD, dB",
        lambda m: m.lsd_db(m.samples),
        tables=(REAL, GAPS, AGAINST_AR, GENRES),
        before="lsd_before_db",
        chart="log-spectral distance, dB (less is better)",
    ),
    Metric(
        "published_lsd",
        "LSD of log₁₀ power",
        lambda m: m.published_lsd,
        tables=(BAND,),
        digits=2,
        chart="log-spectral distance of Lim et al. 2018 (less is better)",
    ),
    Metric("worse", "worse, %", lambda m: m.worse, tables=(REAL,), percent=True),
    Metric(
        "overall_sdr_db",
        "SDR of the whole, dB",
        lambda m: [bounded(sdr_db(m.trial.clean, m.samples))],
        tables=(),
    ),
    Metric("psnr_db", "PSNR, dB", lambda m: m.psnr_db, tables=(PAPER,), digits=2, of="patches"),
    Metric("nrmse_rms", "NRMSE (rms)", lambda m: m.nrmse_rms, tables=(PAPER,), digits=4, of="patches"),
    Metric("nrmse_range", "NRMSE (range)", lambda m: m.nrmse_range, tables=(PAPER,), digits=4, of="patches"),
    Metric(
        "paper_odg", "paper ODG", lambda m: m.paper_odg, tables=(PAPER,), digits=2, of="patches", grader=PEAQ
    ),
    Metric(
        "odg",
        "ODG",
        lambda m: [m.grade.odg],
        tables=(PAPER, ODG),
        digits=2,
        chart="ODG by PEAQ (0: nothing heard, −4: very annoying)",
        of="both",
        grader=PEAQ,
    ),
    Metric(
        "worst_channel_odg",
        "ODG of the worst channel",  # an untouched channel lifts the other's grade
        lambda m: [m.grade.worst_channel_odg],
        tables=(ODG,),
        digits=2,
        grader=PEAQ,
    ),
    Metric(
        "gap_two_f",
        "2f around the gaps",
        lambda m: m.gap_two_f,
        tables=(AGAINST_AR, TWO_F_MODEL),
        chart="2f-model of the 3 s around each gap (more is better)",
        grader=TWO_F,
    ),
    Metric("two_f", "2f", lambda m: [m.grade.two_f], tables=(PAPER, TWO_F_MODEL), of="both", grader=PEAQ),
    Metric(
        "visqol_mos", "ViSQOL", lambda m: m.opinion("visqol"), None, (OTHER_GRADES,), "", 2, grader="visqol"
    ),
    Metric(
        "zimtohrli_mos",
        "Zimtohrli",
        lambda m: m.opinion("zimtohrli"),
        tables=(OTHER_GRADES,),
        digits=2,
        grader="zimtohrli",
    ),
    Metric(
        "precision",
        "precision, %",
        _of_detection(lambda d: _each(d.found_spans - d.false_spans, d.found_spans)),
        tables=(DETECTION,),
        percent=True,
    ),
    Metric("f1", "F1, %", _nothing, _f1, (DETECTION,), percent=True),
    Metric(
        "false_per_minute",
        "false spans / min",
        _of_detection(lambda d: [d.false_spans]),
        _ratio("false_per_minute", "audio_s", times=60.0),
        (UNDAMAGED, DETECTION),
        digits=2,
    ),
    Metric(
        "boundary_ms",
        "boundary error, ms",  # of the worse end of each span that was hit
        _of_detection(lambda d: d.boundary_errors_ms),
        _median,
        (DETECTION,),
        digits=2,
    ),
    Metric(
        "energy_db",
        "energy, dB",
        lambda m: [bounded(energy_error_db(m.trial.clean, m.samples, [s])) for s in m.spans],
    ),
    Metric(
        "loudness_lu",
        "loudness, LU",
        lambda m: [loudness_difference_lu(m.trial.clean, m.samples, m.trial.rate_hz)],
        digits=2,
    ),
    Metric(
        "healthy_changed",
        "healthy changed, %",
        lambda m: [changed_share(m.trial.damaged, m.samples, m.trial.spans)],
        tables=(REAL, UNDAMAGED, CHANGED, TOTAL),
        digits=None,
        percent=True,
    ),
    Metric(
        "healthy_altered",
        "beyond 16 bit, %",
        lambda m: [changed_share(m.trial.damaged, m.samples, m.trial.spans, tolerance=HALF_STEP)],
        tables=(CHANGED, TOTAL),
        digits=None,
        percent=True,
    ),
    Metric("audio_s", "audio, s", lambda m: [m.audio_s], _total("audio_s"), (), of="both"),
    Metric(
        "times_real_time",
        "× real time",
        lambda m: [m.outcome.seconds],
        _ratio("audio_s", "times_real_time"),
        (TOTAL, COST),
        digits=None,
        of="both",
        cost=True,
    ),
    Metric(
        "peak_mb",
        "peak MB",
        lambda m: [m.outcome.peak_mb],
        _peak,
        (TOTAL, COST),
        digits=0,
        of="both",
        cost=True,
    ),
)
"""All of them, in the order of the columns."""


def score(measured: Any, *, patches: bool = False, graders: Sequence[str]) -> Scores:
    """Everything that is measured of a trial, or of the patches of the paper's task, with these graders."""
    wanted = ("patches" if patches else "gaps", "both")
    return {m.name: m.compute(measured) for m in METRICS if m.of in wanted and m.grader in ("", *graders)}


def join(scores: Sequence[Scores]) -> Scores:
    """Scores of several trials as those of one."""
    names = dict.fromkeys(name for s in scores for name in s)
    return {name: [value for s in scores for value in s.get(name, ())] for name in names}


@dataclass(frozen=True)
class Summary:
    """What a method comes to: a value by the name of each metric, None where nothing was measured.

    ``troubles`` holds what went wrong, each sentence once.
    """

    values: Mapping[str, float | None]
    troubles: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> float | None:
        return self.values[name]


def pool(scores: Iterable[Scores], troubles: Iterable[str] = ()) -> Summary:
    """Summarise the scores of a method."""
    joined = join(list(scores))
    return Summary({m.name: m.pooled(joined) for m in METRICS}, tuple(dict.fromkeys(troubles)))
