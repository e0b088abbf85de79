"""What a run over recordings has come to so far: the line while it runs, and the sentence at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .jobs import STREAM, Job
from .recording import WorkSettings

if TYPE_CHECKING:
    from ..outcomes import Report
    from ..show.progress import Bar

FOUND = 0.5
"""Share of a recording that is done when all of it has been looked at."""


class Tally:
    """Counts what is found and filled."""

    def __init__(self, jobs: Sequence[Job], settings: WorkSettings) -> None:
        self._jobs = jobs
        self._fills = settings.fill is not None
        self.weights = [_size(job) for job in jobs]
        self._shares = [0.0] * len(jobs)
        self._done = self._damaged = self._found = self._filled = 0
        self._began_s = time.monotonic()
        self._filling = False

    def show(self, bar: Bar, number: int, share: float) -> None:
        """Tell the bar that ``share`` of the job ``number`` is done.

        One recording is looked at, then filled: how long the second takes is not known before the first is
        done. Of several, each counts by its size.
        """
        job = self._jobs[number]
        name = "stdin" if job.source == STREAM else job.source.name
        if len(self._jobs) > 1:
            self._shares[number] = share
            note = f", {self._filled} repairs" if self._fills else f", {self._found} damaged spans"
            bar.name(f"{sum(s > 0 for s in self._shares) or 1} of {len(self._jobs)}: {name}", note)
            bar(sum(w * s for w, s in zip(self.weights, self._shares, strict=True)))
            return
        total = self.weights[0]
        if not self._fills:
            bar.name(f"{name}: looking")
            bar(total * share)
        elif share < FOUND:
            bar.name(f"{name}: looking")
            bar(total * share / FOUND)
        else:
            if not self._filling:
                self._filling = True
                bar.restart(f"{name}: filling")
            bar(total * (share - FOUND) / (1 - FOUND))

    def add(self, report: Report) -> None:
        """Count a recording that is done."""
        self._done += 1
        self._damaged += bool(report.spans)
        self._found += len(report.spans)
        self._filled += sum(span.filled for span in report.spans)

    def sentence(self) -> str:
        """What was found and filled, in how long, and how many are done."""
        if not self._done:
            return "0 done"
        what = "No damage found"
        if self._found:
            what = f"{self._found} damaged spans in {self._damaged} of {self._done} recordings"
            if self._fills:
                what += (
                    ", all filled"
                    if self._filled == self._found
                    else f", {self._filled} filled, the others left"
                )
        seconds = time.monotonic() - self._began_s
        took = f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min"
        return f"{what}, in {took}: {self._done} done"


def _size(job: Job) -> float:
    """Weight of a job: the size of its recording, which says how long it takes."""
    try:
        return float(job.source.stat().st_size) if job.source != STREAM else 1.0
    except OSError:
        return 1.0
