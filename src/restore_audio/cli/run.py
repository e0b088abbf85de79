"""One run over many recordings: the results of each, the sentences, the summary, the exit code."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..leftovers import sweep
from ..spans import SCHEMA_VERSION
from .batch import Outcome, run
from .jobs import STREAM, Failure, Job, shard
from .journal import Journal
from .recording import WorkSettings, check_together, index_of, sort_out, work, written_by
from .tally import Tally

if TYPE_CHECKING:
    from ..outcomes import Report
    from ..show.console import Console


@dataclass(frozen=True)
class Session:
    """How a run over recordings goes and tells.

    Attributes:
        as_json: a JSON line for each recording, printed here.
        part: ``I/N``: which part of the jobs.
        journal: file that remembers what is done.
        skip_existing: leave out recordings whose result is there.
    """

    console: Console
    as_json: bool = False
    workers: int = 1
    part: str | None = None
    journal: Path | None = None
    skip_existing: bool = False

    def run(
        self,
        jobs: Sequence[Job],
        settings: WorkSettings,
        failures: Sequence[Failure],
        tell: Callable[[Report], None],
    ) -> int:
        """Work on the jobs and return the exit code.

        Args:
            jobs: all of them; this part is chosen here.
            failures: inputs that were no recordings to begin with.
            tell: called with each result, to print it where JSON is not wanted.
        """
        if self.as_json and any(job.target == STREAM for job in jobs):
            raise UsageError("--json and the restored audio cannot both go to stdout: name a file with -o.")
        jobs, impossible = sort_out(jobs, settings)
        check_together(settings, jobs, self.journal)
        jobs = jobs if self.part is None else shard(jobs, self.part)
        failures = [*failures, *impossible]
        for folder in {path.parent for job in jobs for path in written_by(job, settings)}:
            sweep(folder, again=True)
        journal = None if self.journal is None else Journal(self.journal)
        todo, skipped = self._sift(jobs, journal)
        failed = list(failures)
        for failure in failures:
            self._fail(failure)
        tally = Tally(todo, settings)
        with self.console.progress("", sum(tally.weights)) as bar:
            progress = functools.partial(tally.show, bar)
            for outcome in run(todo, work, settings, workers=self.workers, progress=progress):
                self._told(outcome, tell, failed)
                if outcome.result is not None:
                    tally.add(outcome.result)
                    if journal is not None:
                        journal.add(outcome.job)
        pages = index_of(settings)
        if pages is not None and pages.is_dir():
            from ..show.listening_index import write_index

            write_index(pages)
        if len(jobs) + len(failures) > 1:
            self._summary(tally, skipped, failed)
        return 1 if failed else 0

    def _sift(self, jobs: Sequence[Job], journal: Journal | None) -> tuple[list[Job], int]:
        todo = []
        for job in jobs:
            there = job.target not in (None, STREAM) and job.target is not None and job.target.exists()
            if journal is not None and journal.holds(job):
                self.console.detail(f"{job.source}: done before, says the journal")
            elif self.skip_existing and there:
                self.console.say(f"{job.source}: skipped, {job.target} is there already")
            else:
                todo.append(job)
        return todo, len(jobs) - len(todo)

    def _told(self, outcome: Outcome[Report], tell: Callable[[Report], None], failed: list[Failure]) -> None:
        if outcome.failure is not None:
            failed.append(outcome.failure)
            self._fail(outcome.failure)
        elif outcome.result is not None:
            if self.as_json:
                from ..show.report import report_line

                self.console.result(report_line(outcome.result))
            tell(outcome.result)

    def _fail(self, failure: Failure) -> None:
        self.console.error(f"restore-audio: {failure.sentence}")
        if failure.trace:
            self.console.detail(failure.trace)
        if self.as_json:
            line = {
                "schema_version": SCHEMA_VERSION,
                "source": str(failure.source),
                "error": failure.sentence,
            }
            self.console.result(json.dumps(line, ensure_ascii=False))

    def _summary(self, tally: Tally, skipped: int, failed: Sequence[Failure]) -> None:
        text = tally.sentence() + (f", {skipped} skipped" if skipped else "")
        if failed:
            names = ", ".join(str(failure.source) for failure in failed)
            self.console.error(f"{text}, {len(failed)} failed: {names}")
        else:
            self.console.say(f"{text}, none failed")
