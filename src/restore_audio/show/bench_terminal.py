"""Tables of a benchmark in a terminal of 80 columns: nothing is cut off, whatever is measured.

In: a :class:`~restore_audio.show.bench_table.Sheet`. Out: the same values as one table or several that fit.
Methods have their short names there; a line below says which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from .bench_table import NO_VALUE, Sheet

if TYPE_CHECKING:
    from rich.table import Table

    from .bench_table import BenchResult

NARROWEST = 7
"""Columns that a heading may have at least before it is wrapped."""


def fitted(sheet: Sheet, width: int) -> list[Sheet]:
    """Tables of at most ``width`` columns: as it is, lying, or in parts below each other.

    Columns without any value are left out.

    >>> sheet = Sheet("", ("method", "a", "b"), (("x", "1234567", "12345"), ("y", "1234567", "12345")))
    >>> [[part.header for part in fitted(sheet, width)] for width in (24, 19, 16)]
    [[('method', 'a', 'b')], [('', 'x', 'y')], [('method', 'a'), ('method', 'b')]]
    """
    kept = [0] + [k for k in range(1, len(sheet.header)) if any(row[k] != NO_VALUE for row in sheet.rows)]
    whole = _chosen(sheet, kept)
    lying = _transposed(whole)
    if _width(whole) <= width:
        return [whole]
    if _width(lying) <= width:
        return [lying]
    parts: list[list[int]] = [[]]
    for column in range(1, len(whole.header)):
        if parts[-1] and _width(_chosen(whole, [0, *parts[-1], column])) > width:
            parts.append([])
        parts[-1].append(column)
    return [_chosen(whole, [0, *part]) for part in parts]


def short_names(result: BenchResult, sheet: Sheet) -> Sheet:
    """The sheet with methods called as in ``--methods``."""
    names = {method.title: method.name for method in result.plan.methods}
    header = tuple(names.get(cell, cell) for cell in sheet.header)
    return Sheet(sheet.title, header, tuple((names.get(row[0], row[0]), *row[1:]) for row in sheet.rows))


def legend(result: BenchResult) -> list[str]:
    """A line for each method that is called otherwise in full."""
    return [f"{m.name}: {m.title}" for m in result.plan.methods if m.name != m.title]


def title(sheet: Sheet, width: int) -> str:
    """Above the table, in lines of at most ``width`` columns."""
    return "\n".join(wrap(sheet.title, width))


def rich_table(sheet: Sheet) -> Table:
    """For the terminal: headings are wrapped to about the width of their column's values.

    Without the title, which would be wrapped to the width of the table: see :func:`title`.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column(sheet.header[0], overflow="fold")
    for number in range(1, len(sheet.header)):
        heading, _ = _heading(sheet, number)
        table.add_column("\n".join(heading), justify="right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _heading(sheet: Sheet, column: int) -> tuple[list[str], int]:
    """Lines of a heading, and the width of its column."""
    widest = max((len(row[column]) for row in sheet.rows), default=0)
    lines = wrap(sheet.header[column], max(widest, NARROWEST), break_long_words=False) or [""]
    return lines, max(widest, *map(len, lines))


def _width(sheet: Sheet) -> int:
    first = max(len(sheet.header[0]), *(len(row[0]) for row in sheet.rows), 0)
    return 2 + first + sum(1 + _heading(sheet, column)[1] for column in range(1, len(sheet.header)))


def _chosen(sheet: Sheet, columns: Sequence[int]) -> Sheet:
    rows = tuple(tuple(row[k] for k in columns) for row in sheet.rows)
    return Sheet(sheet.title, tuple(sheet.header[k] for k in columns), rows)


def _transposed(sheet: Sheet) -> Sheet:
    header = ("", *(row[0] for row in sheet.rows))
    rows = [(name, *(row[k] for row in sheet.rows)) for k, name in enumerate(sheet.header[1:], 1)]
    return Sheet(sheet.title, header, tuple(rows))
