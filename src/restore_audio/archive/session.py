"""One run over an archive: what is done is left alone, the rest goes to an engine, tables tell of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError
from ..leftovers import alone, sweep
from ..show.console import Console
from ..threads import usable_cores
from . import local
from .manifest import LOCK, Entry
from .page import sentence, write_summary
from .rows import FAILED, Row, collect, write_table
from .work import ArchiveSettings, finished


@dataclass(frozen=True)
class Session:
    """How a run over an archive goes and tells.

    Attributes:
        engine: ``local`` or ``ray``.
        workers: recordings at a time; None for all cores.
    """

    console: Console
    settings: ArchiveSettings
    engine: str = "local"
    address: str = "auto"
    workers: int | None = None

    def run(self, entries: Sequence[Entry], mine: Sequence[Entry]) -> list[Row]:
        """Work on what is not done yet, and write table and summary.

        Args:
            entries: the whole manifest, which the tables tell of.

        Returns:
            Those that failed.

        Raises:
            OutputError: the tables cannot be written.
        """
        folder, settings = self.settings.folder, self.settings
        self._sweep(mine)
        before = (finished(settings, entry) for entry in mine)
        made = {row.place: row for row in before if row is not None}
        todo = [entry for entry in mine if entry.place not in made]
        skipped = len(made)
        what = "looking" if settings.fill is None else "restoring"
        with self.console.progress(what, len(todo)) as progress:
            for row in self._rows(todo, progress):
                made[row.place] = row
                self._tell(row)
        self._sweep(todo)  # what workers left that were killed meanwhile
        try:
            with alone(folder / LOCK):
                rows = collect(folder, entries, made)
                write_table(folder, rows)
                write_summary(folder / "summary.html", rows)
        except OSError as error:
            raise OutputError(
                f"The tables in {folder} cannot be written ({error.strerror}): free space, then run it again."
            ) from None
        self.console.say(sentence(rows) + (f" {skipped:,} were done before." if skipped else ""))
        self.console.say(f"See {folder / 'summary.html'} and {folder / 'table.csv'}.")
        return [row for row in made.values() if row.state == FAILED]

    def _rows(self, todo: Sequence[Entry], progress: Callable[[float], None]) -> Iterable[Row]:
        if not todo:
            return []
        if self.engine == "ray":
            from . import on_ray

            return on_ray.run(todo, self.settings, address=self.address, workers=self.workers)
        workers = self.workers or usable_cores()
        return local.run(todo, self.settings, workers=workers, progress=progress)

    def _sweep(self, entries: Iterable[Entry]) -> None:
        folders: set[Path] = {path.parent for path in self.settings.written(entries)}
        for folder in sorted(folders):
            sweep(folder, again=True)

    def _tell(self, row: Row) -> None:
        if row.state == FAILED:
            self.console.error(f"restore-audio: {row.error}")
        else:
            self.console.detail(f"{row.place}: {row.state}, {row.found} spans, {row.damaged_s} s damaged")
