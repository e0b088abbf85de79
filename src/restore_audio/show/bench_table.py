"""What a benchmark came to, as tables: for the terminal, for Markdown, as JSON.

In: a :class:`BenchResult`. Out: :class:`Sheet`, a table of strings, and its forms. Every form says what was
measured on, with which seed and options; a value that does not exist is "–", never NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..measure.bench import PAPER, Plan, Row
from ..measure.scoring import Summary, pool

if TYPE_CHECKING:
    from rich.table import Table

NOTHING = "nothing"
SCHEMA_VERSION = 1
NO_VALUE = "–"
HEALTHY = "healthy samples changed / beyond 16 bit, %"


@dataclass(frozen=True)
class BenchResult:
    """A plan, its rows, and remarks (rivals that are not here).

    Attributes:
        command: what was typed, for whoever wants to run it again.
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
    """The tables of a benchmark."""
    if result.plan.protocol == PAPER:
        return _paper_sheets(result)
    made = [_by_condition(result, "SDR in the gaps / log-spectral distance, dB", _sdr_and_lsd)]
    if result.plan.odg:
        title = "ODG (PEAQ, basic version) of the excerpt / of its worst channel alone"
        made.append(_by_condition(result, title, _odg))
    if result.plan.protocol == "blind":
        made.append(_by_condition(result, "Damage found, both ends within 1 ms / damage hit, %", _found))
        made.append(_by_condition(result, HEALTHY.capitalize(), _changed))
        made.append(_detection(result))
    made = [sheet for sheet in made if any(set(row[1:]) != {NO_VALUE} for row in sheet.rows)]
    return [*made, _cost(result)]


def _by_condition(result: BenchResult, title: str, cell: Callable[[Summary], str]) -> Sheet:
    names = [condition.name for condition in result.plan.conditions]
    rows = []
    for method in result.plan.methods:
        cells = [result.summary(method.name, condition=name) for name in names]
        rows.append((method.title, *(_or_trouble(cell, summary) for summary in cells)))
    return Sheet(title, ("method", *names), tuple(rows))


def _or_trouble(cell: Callable[[Summary], str], summary: Summary) -> str:
    text = cell(summary)
    return "failed" if summary.troubles and set(text) <= set(f"{NO_VALUE} /") else text


def _sdr_and_lsd(summary: Summary) -> str:
    if summary.sdr_db is None and summary.lsd_db is None:
        return NO_VALUE
    return f"{number(summary.sdr_db, 1)} / {number(summary.lsd_db, 1)}"


def _odg(summary: Summary) -> str:
    if summary.odg is None:
        return NO_VALUE
    return f"{number(summary.odg, 2)} / {number(summary.worst_channel_odg, 2)}"


def _found(summary: Summary) -> str:
    if summary.recall is None:
        return NO_VALUE
    return f"{percent(summary.near_recall, 0)} / {percent(summary.recall, 0)}"


def _changed(summary: Summary) -> str:
    if summary.healthy_changed is None:
        return NO_VALUE
    return f"{share(summary.healthy_changed)} / {share(summary.healthy_altered)}"


def _detection(result: BenchResult) -> Sheet:
    rows = []
    for method in result.plan.methods:
        total = result.summary(method.name)
        cells = (percent(total.precision, 1), percent(total.recall, 1), percent(total.f1, 1))
        others = (number(total.false_per_minute, 2), number(total.boundary_ms, 2))
        rows.append((method.title, *cells, *others))
    header = ("method", "precision, %", "recall, %", "F1, %", "false spans / min", "boundary error, ms")
    return Sheet("Damage found, all conditions together", header, tuple(rows))


def _cost(result: BenchResult) -> Sheet:
    rows = []
    for method in result.plan.methods:
        total = result.summary(method.name)
        cells = (number(total.energy_db, 1), number(total.loudness_lu, 2), _changed(total))
        rows.append((method.title, *cells, significant(total.times_real_time), number(total.peak_mb, 0)))
    header = ("method", "energy, dB", "loudness, LU", HEALTHY, "× real time", "peak MB")
    return Sheet("All conditions together", header, tuple(rows))


def _paper_sheets(result: BenchResult) -> list[Sheet]:
    made = []
    for method in result.plan.methods:
        if method.name == NOTHING:
            continue
        header = (
            *("genre", "patches", "PSNR before, dB", "after", "gain"),
            *("NRMSE (rms) before", "after", "NRMSE (range) before", "after"),
            *("paper ODG before", "after", "ODG before", "after"),
        )
        pairs = [
            (result.summary(NOTHING, genre=genre), result.summary(method.name, genre=genre))
            for genre in result.genres
        ]
        rows = [
            (genre, str(after.gaps), *_paper_cells([(before, after)]))
            for genre, (before, after) in zip(result.genres, pairs, strict=True)
        ]
        total = str(sum(after.gaps for _, after in pairs))
        rows.append(("mean of the genres", total, *_paper_cells(pairs)))
        made.append(Sheet(f"{method.title}: random frames of 512 ms patches lost", header, tuple(rows)))
    return made


def _paper_cells(pairs: Sequence[tuple[Summary, Summary]]) -> tuple[str, ...]:
    def both(name: str, digits: int) -> tuple[str, str]:
        return tuple(number(_mean(getattr(pair[k], name) for pair in pairs), digits) for k in (0, 1))  # type: ignore[return-value]

    gains = [a.psnr_db - b.psnr_db for b, a in pairs if a.psnr_db is not None and b.psnr_db is not None]
    return (
        *both("psnr_db", 2),
        number(_mean(gains), 2, signed=True),
        *both("nrmse_rms", 4),
        *both("nrmse_range", 4),
        *both("paper_odg", 2),
        *both("odg", 2),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


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


def rich_table(sheet: Sheet) -> Table:
    """For the terminal."""
    from rich.table import Table

    table = Table(title=sheet.title, title_justify="left", title_style="bold")
    table.add_column(sheet.header[0], overflow="fold")
    for name in sheet.header[1:]:
        table.add_column(name, justify="right")
    for row in sheet.rows:
        table.add_row(*row)
    return table


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
    """Everything for JSON; what a run costs lies apart under ``cost``, as only that differs between runs."""
    plan = result.plan
    means: list[dict[str, Any]] = []
    cost: list[dict[str, Any]] = []
    for method in plan.methods:
        for condition in plan.conditions:
            for genre in result.genres:
                summary = asdict(result.summary(method.name, condition=condition.name, genre=genre))
                where = {"method": method.name, "condition": condition.name, "genre": genre}
                spent = {name: summary.pop(name) for name in ("times_real_time", "peak_mb")}
                means.append({**where, **summary})
                cost.append({**where, **spent})
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
    }
