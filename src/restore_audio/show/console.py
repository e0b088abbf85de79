"""The only place that prints: results on stdout, everything else on stderr.

Colour and progress bars appear only where a person looks (a terminal, no ``NO_COLOR``); a reader that
closes our stdout early ends the run without a word.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .progress import Bar

if TYPE_CHECKING:
    import rich.console
    from rich.table import Table


_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160))}
"""Characters that move a terminal's cursor, or do more, and how they are shown."""


@dataclass(frozen=True)
class Console:
    """What a command says, and how loudly.

    Attributes:
        verbosity: -1 only errors and results asked for, 0 a line for each thing done, 1 why as well.
        results_on_stderr: stdout carries audio, so that even results go to stderr.
    """

    verbosity: int = 0
    results_on_stderr: bool = False

    def result(self, text: str) -> None:
        """Result on stdout, as it is."""
        stream = sys.stderr if self.results_on_stderr else sys.stdout
        stream.write(text + "\n")
        stream.flush()

    def line(self, text: str) -> None:
        """Result for a person, in one line whatever names it holds."""
        self.result(text.translate(_CONTROLS))

    def say(self, text: str) -> None:
        """A line that -q leaves out."""
        if self.verbosity >= 0:
            self._write(text.translate(_CONTROLS))

    def detail(self, text: str) -> None:
        """A line that only -v shows."""
        if self.verbosity >= 1:
            self._write(text)

    def error(self, text: str) -> None:
        """A sentence about what went wrong, in one line whatever names it holds; always."""
        self._write(text.translate(_CONTROLS))

    def table(self, table: Table) -> None:
        """A table as result, on stdout."""
        _rich(stderr=self.results_on_stderr).print(table)

    @contextmanager
    def progress(self, what: str, total: float) -> Iterator[Bar]:
        """A bar on stderr, if that is a terminal.

        Yields it: to be called with how much of ``total`` is done.
        """
        if self.verbosity < 0 or not sys.stderr.isatty():
            yield Bar(None, None, total, what, self.say)
            return
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        with Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(16),
            TextColumn(
                "{task.percentage:>3.0f} %{task.fields[note]}{task.fields[left]}",
                table_column=Column(no_wrap=True),
            ),
            console=_rich(stderr=True),
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # elsewhere results must reach the file or pipe they go to
        ) as bars:
            yield Bar(bars, bars.add_task(what, total=total, note="", left=""), total)

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def write_to_stdout(chunks: Iterator[bytes]) -> None:
    """Raw audio to stdout, piece by piece."""
    for chunk in chunks:
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _rich(*, stderr: bool) -> rich.console.Console:
    from rich.console import Console as RichConsole

    return RichConsole(stderr=stderr)
