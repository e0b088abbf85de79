"""Many recordings in one run: an outcome for each job as it ends.

One bad file never stops the others; its sentence is its outcome.
"""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from .. import interrupts
from ..errors import RestoreError
from .jobs import Failure, Job

if TYPE_CHECKING:
    from ..workers import Done

Progress = Callable[[float], None]

Settings = TypeVar("Settings")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of a job: exactly one of ``result`` and ``failure``."""

    job: Job
    result: Result | None = None
    failure: Failure | None = None


def run(
    jobs: Sequence[Job],
    work: Callable[[Job, Settings, Progress], Result],
    settings: Settings,
    *,
    workers: int = 1,
    progress: Callable[[int, float], None] = lambda number, share: None,
) -> Iterator[Outcome[Result]]:
    """Do all jobs and yield what became of each, as they end.

    Args:
        work: a function at the top of its module (it is sent to other processes).
        settings: its second argument; the third is called with the share of the recording that is done.
        workers: processes; 1 works in this one.
        progress: called with the number of a job, from 0, and the share of it that is done.
    """
    if workers > 1 and len(jobs) > 1:
        return _apart(jobs, work, settings, workers, progress)
    return _here(jobs, work, settings, progress)


def _here(
    jobs: Sequence[Job],
    work: Callable[[Job, Settings, Progress], Result],
    settings: Settings,
    progress: Callable[[int, float], None],
) -> Iterator[Outcome[Result]]:
    for number, job in enumerate(jobs):
        progress(number, 0.0)
        yield _attempt(job, work, settings, functools.partial(_share, progress, number))
        progress(number, 1.0)
        if number + 1 < len(jobs):
            interrupts.release_all()


def _apart(
    jobs: Sequence[Job],
    work: Callable[[Job, Settings, Progress], Result],
    settings: Settings,
    workers: int,
    progress: Callable[[int, float], None],
) -> Iterator[Outcome[Result]]:
    from ..workers import work_on

    threads = max(1, (os.cpu_count() or 1) // workers)
    function = functools.partial(_attempt_apart, work, settings)
    results: Generator[Done[Outcome[Result]], None, None] = work_on(
        jobs, function, workers=min(workers, len(jobs)), threads=threads, progress=progress
    )
    with closing(results):
        for done in results:
            progress(done.number, 1.0)
            if done.value is not None:
                yield done.value
            else:
                job = jobs[done.number]
                sentence = f"{job.source}: {done.error}: it may need more memory, so use fewer --jobs."
                yield Outcome(job, failure=Failure(job.source, sentence))


def _share(progress: Callable[[int, float], None], number: int, share: float) -> None:
    interrupts.check()
    progress(number, share)


def _attempt_apart(
    work: Callable[[Job, Settings, Progress], Result], settings: Settings, job: Job, progress: Progress
) -> Outcome[Result]:
    return _attempt(job, work, settings, progress)


def _attempt(
    job: Job, work: Callable[[Job, Settings, Progress], Result], settings: Settings, progress: Progress
) -> Outcome[Result]:
    try:
        return Outcome(job, result=work(job, settings, progress))
    except RestoreError as error:
        return Outcome(job, failure=Failure(job.source, str(error)))
    except MemoryError:
        sentence = f"{job.source} did not fit into memory: close other programs, or use fewer --jobs."
        return Outcome(job, failure=Failure(job.source, sentence))
    except BrokenPipeError:
        raise
    except Exception as error:  # a fault of ours must not cost the other files
        interrupts.check()  # libraries turn Ctrl-C into whatever they raise while they load
        sentence = (
            f"{job.source}: unexpected {type(error).__name__} ({error}): please report it, with -v's output."
        )
        return Outcome(job, failure=Failure(job.source, sentence, traceback.format_exc()))
