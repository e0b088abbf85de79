"""What a benchmark came to, as tables: for the terminal, for Markdown, as JSON.

In: a :class:`BenchResult`. Out: :class:`Sheet`, a table of strings, and its forms. Every form says what was
measured on, with which seed and options; a value that does not exist is "–", never NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import __version__
from ..measure.bench import Plan, Row
from ..measure.methods import Method
from ..measure.scoring import METRICS, TABLES, Metric, Summary, Table, pool
from ..measure.trials import CLEAN
from .bench_paired import OF_GENRES, paired_rows

NOTHING = "nothing"
SCHEMA_VERSION = 1
NO_VALUE = "–"


@dataclass(frozen=True)
class BenchResult:
    """A plan, its rows, and remarks (rivals that are not here).

    Attributes:
        command: what was typed, so that it can be run again.
    """

    plan: Plan
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    command: str = ""

    def summary(self, method: str, *, condition: str | None = None, genre: str | None = None) -> Summary:
        """All rows of a method, or those of a condition or genre."""
        rows = [
            row
            for row in self.rows
            if row.method == method and condition in (None, row.condition) and genre in (None, row.genre)
        ]
        return pool((row.scores for row in rows), (row.trouble for row in rows if row.trouble))

    @property
    def genres(self) -> tuple[str, ...]:
        """Genres in order."""
        return tuple(sorted({excerpt.genre for excerpt in self.plan.material.excerpts}))

    @property
    def about(self) -> str:
        """One sentence on what was measured on, and how."""
        excerpts = self.plan.material.excerpts
        seconds = sum(excerpt.seconds for excerpt in excerpts)
        count = "1 excerpt" if len(excerpts) == 1 else f"{len(excerpts)} excerpts"
        return (
            f"Measured on {self.plan.material.title}: {count}, {seconds:.0f} s, {', '.join(self.genres)}; "
            f"protocol {self.plan.protocol}, seed {self.plan.seed}, restore-audio {__version__}."
        )


@dataclass(frozen=True)
class Sheet:
    """A table of strings: the first column names, the others hold values."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def sheets(result: BenchResult) -> list[Sheet]:
    """The tables of a benchmark: each of :data:`~restore_audio.measure.scoring.TABLES` that has a value."""
    made: list[Sheet] = []
    for table in TABLES:
        metrics = [metric for metric in METRICS if table in metric.tables]
        if result.plan.protocol not in (table.protocols or (result.plan.protocol,)):
            continue
        if table.layout == "paper":
            made += _paper_sheets(result, table, metrics)
        elif table.layout == "conditions":
            made.append(_by_condition(result, table, metrics))
        elif table.layout == "damage":
            made += [_by_damage(result, table, metrics, method) for method in result.plan.methods]
        elif table.layout == "undamaged":
            made.append(_undamaged(result, table, metrics))
        elif table.layout == "paired":
            made += [_paired(result, table, metric) for metric in metrics]
        elif table.layout == "genres":
            made.append(_by_genre(result, table, metrics))
        else:
            made.append(_total(result, table, metrics))
    return [sheet for sheet in made if any(set(row[1:]) - {NO_VALUE} for row in sheet.rows)]


def _by_condition(result: BenchResult, table: Table, metrics: Sequence[Metric]) -> Sheet:
    """A row for each method, a column for each condition."""
    names = [condition.name for condition in result.plan.conditions]
    rows = []
    for method in result.plan.methods:
        cells = [_cell(result.summary(method.name, condition=name), metrics) for name in names]
        rows.append((method.title, *cells))
    return Sheet(table.title, ("method", *names), tuple(rows))


def _paired(result: BenchResult, table: Table, metric: Metric) -> Sheet:
    """A row for each method but the reference, a column for each condition."""
    names = [condition.name for condition in result.plan.conditions]
    rows = paired_rows(result.rows, result.plan.methods, metric, names)
    return Sheet(f"{table.title}: {metric.label}", ("method", *names), tuple(rows))


def _by_genre(result: BenchResult, table: Table, metrics: Sequence[Metric]) -> Sheet:
    """A row for each genre and some methods, a column for each condition."""
    names = [condition.name for condition in result.plan.conditions]
    rows = [
        (
            f"{genre}: {method.title}",
            *(_cell(result.summary(method.name, condition=name, genre=genre), metrics) for name in names),
        )
        for genre in result.genres
        for method in result.plan.methods
        if method.name in OF_GENRES
    ]
    return Sheet(table.title, ("genre: method", *names), tuple(rows))


def _by_damage(result: BenchResult, table: Table, metrics: Sequence[Metric], method: Method) -> Sheet:
    """A row for each condition with damage in which a method is measured, a column for each metric."""
    rows = []
    for condition in result.plan.conditions:
        summary = result.summary(method.name, condition=condition.name)
        if condition.kind != CLEAN and (summary["spans"] or summary.troubles):
            rows.append((condition.name, *(_cell(summary, [metric]) for metric in metrics)))
    return Sheet(f"{method.title}: {table.title}", ("damage", *(m.label for m in metrics)), tuple(rows))


def _undamaged(result: BenchResult, table: Table, metrics: Sequence[Metric]) -> Sheet:
    """A row for each condition without damage, a column for each method."""
    rows = []
    for condition in result.plan.conditions:
        if condition.kind == CLEAN:
            of_methods = (result.summary(m.name, condition=condition.name) for m in result.plan.methods)
            rows.append((condition.name, *(_cell(summary, metrics) for summary in of_methods)))
    names = (m.name if m.kind == "rival" else m.title for m in result.plan.methods)
    return Sheet(table.title, ("recording", *names), tuple(rows))


def _cell(summary: Summary, metrics: Sequence[Metric]) -> str:
    """Values of some metrics, divided by a slash; "failed" if there are none because of a trouble."""
    if any(summary[metric.name] is not None for metric in metrics):
        return " / ".join(_with_before(summary, metric) for metric in metrics)
    return "failed" if summary.troubles else NO_VALUE


def _with_before(summary: Summary, metric: Metric) -> str:
    after = text(summary[metric.name], metric)
    before = summary[metric.before] if metric.before else None
    return after if before is None else f"{text(before, metric)} → {after}"


def _total(result: BenchResult, table: Table, metrics: Sequence[Metric]) -> Sheet:
    """A row for each method, a column for each metric that has a value, over all conditions."""
    totals = {method.title: result.summary(method.name) for method in result.plan.methods}
    shown = [m for m in metrics if any(total[m.name] is not None for total in totals.values())]
    rows = [(title, *(text(total[m.name], m) for m in shown)) for title, total in totals.items()]
    return Sheet(table.title, ("method", *(m.label for m in shown)), tuple(rows))


def _paper_sheets(result: BenchResult, table: Table, metrics: Sequence[Metric]) -> list[Sheet]:
    """A table for each method: a row for each genre, before and after for each metric."""
    made = []
    gained = metrics[0]
    for method in result.plan.methods:
        if method.name == NOTHING:
            continue
        header = ["genre", "patches"]
        for metric in metrics:
            header += [f"{metric.label} before", f"{metric.label} after"]
            header += [f"{metric.label} gain"] if metric is gained else []
        pairs = [
            (result.summary(NOTHING, genre=genre), result.summary(method.name, genre=genre))
            for genre in result.genres
        ]
        grouped = [
            *zip(result.genres, ([pair] for pair in pairs), strict=True),
            ("mean of the genres", pairs),
        ]
        rows = []
        for name, group in grouped:
            row = [name, f"{sum(after['gaps'] or 0 for _, after in group):.0f}"]
            for metric in metrics:
                before, after = (_mean(pair[k][metric.name] for pair in group) for k in (0, 1))
                row += [text(before, metric), text(after, metric)]
                if metric is gained:
                    known = before is not None and after is not None
                    row.append(number(after - before if known else None, 2, signed=True))  # type: ignore[operator]
            rows.append(tuple(row))
        made.append(Sheet(f"{method.title}: {table.title}", tuple(header), tuple(rows)))
    return made


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def text(value: float | None, metric: Metric) -> str:
    """A value as its metric is written."""
    if metric.digits is None:
        return share(value) if metric.percent else significant(value)
    return percent(value, metric.digits) if metric.percent else number(value, metric.digits)


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number with so many digits, "–" for None; no minus before a zero.

    >>> number(-0.04, 1), number(None, 1), number(2, 1, signed=True)
    ('0.0', '–', '+2.0')
    """
    if value is None:
        return NO_VALUE
    rounded = round(value, digits) + 0.0
    return f"{rounded:+.{digits}f}" if signed else f"{rounded:.{digits}f}"


def percent(value: float | None, digits: int) -> str:
    """A share in per cent, without the sign."""
    return number(None if value is None else 100 * value, digits)


def share(value: float | None) -> str:
    """A share in per cent that is never rounded to nothing.

    >>> share(0.0), share(0.000001), share(0.02)
    ('0', '0.0001', '2')
    """
    if value is None:
        return NO_VALUE
    return f"{100 * value:.2g}" if value < 0.1 else f"{100 * value:.1f}"


def significant(value: float | None) -> str:
    """Two significant digits for small numbers, none behind the point for large ones."""
    if value is None:
        return NO_VALUE
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def troubles(result: BenchResult) -> list[str]:
    """A line for each method that failed somewhere."""
    lines = []
    for method in result.plan.methods:
        failed = [row for row in result.rows if row.method == method.name and row.trouble]
        if failed:
            reasons = "; ".join(dict.fromkeys(row.trouble or "" for row in failed))
            lines.append(f"{method.title}: {len(failed)} run(s) without a result ({reasons}).")
    return lines


def remarks(result: BenchResult) -> list[str]:
    """All lines that belong under the tables."""
    return [*result.notes, *result.plan.material.notes, *troubles(result)]


def markdown(result: BenchResult) -> str:
    """For a README: what was measured, the tables, the remarks, the command."""
    parts = [result.about]
    for sheet in sheets(result):
        lines = [
            f"**{sheet.title}**",
            "",
            _line(sheet.header),
            _line(["---", *["---:"] * (len(sheet.header) - 1)]),
        ]
        parts.append("\n".join([*lines, *(_line(row) for row in sheet.rows)]))
    parts += [f"- {line}" for line in remarks(result)]
    if result.command:
        parts.append(f"`{result.command}`")
    return "\n\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def as_data(result: BenchResult) -> dict[str, Any]:
    """Everything for JSON.

    What a run costs lies apart under ``cost``: with the tables, only that differs between runs.
    """
    plan = result.plan
    means: list[dict[str, Any]] = []
    cost: list[dict[str, Any]] = []
    for method in plan.methods:
        for condition in plan.conditions:
            for genre in result.genres:
                summary = result.summary(method.name, condition=condition.name, genre=genre)
                where = {"method": method.name, "condition": condition.name, "genre": genre}
                kept = {m.name: summary[m.name] for m in METRICS if not m.cost}
                means.append({**where, **kept, "troubles": summary.troubles})
                cost.append({**where, **{m.name: summary[m.name] for m in METRICS if m.cost}})
    return {
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "protocol": plan.protocol,
        "material": plan.material.title,
        "excerpts": [
            {"name": e.name, "genre": e.genre, "start_s": e.start_s, "seconds": e.seconds}
            for e in plan.material.excerpts
        ],
        "seed": plan.seed,
        "gaps": plan.gaps,
        "methods": [{"name": m.name, "title": m.title, "digest": m.digest} for m in plan.methods],
        "conditions": [condition.name for condition in plan.conditions],
        "results": means,
        "cost": cost,
        "remarks": remarks(result),
        "about": result.about,
        "command": result.command,
        "tables": [asdict(sheet) for sheet in sheets(result)],
    }
