"""The archive's engine on one machine: processes that take one recording after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from ..workers import work_on
from .manifest import Entry
from .rows import Row
from .work import ArchiveSettings, done_before, failed, work


def run(
    entries: Sequence[Entry],
    settings: ArchiveSettings,
    *,
    workers: int,
    progress: Callable[[float], None] = lambda done: None,
) -> Iterator[Row]:
    """Work on all entries, the longest first, so that none is left alone at the end.

    Yields:
        The row of each, as they end.
    """
    ordered = sorted(entries, key=lambda entry: entry.duration_s or 0.0, reverse=True)
    shares = [0.0] * len(ordered)

    def tell(number: int, share: float) -> None:
        shares[number] = share
        progress(sum(shares))

    task = functools.partial(work, settings)
    results = work_on(ordered, task, workers=min(workers, max(len(ordered), 1)), progress=tell)
    with closing(results):
        for done in results:
            tell(done.number, 1.0)
            entry = ordered[done.number]
            row = done.value or done_before(entry, settings)
            yield row or failed(settings, entry, f"{entry.path}: {done.error}; it may need more memory.")
