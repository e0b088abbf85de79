"""Many recordings in one run: an outcome for each job as it ends.

One bad file never stops the others; its sentence is its outcome.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import InputError, OutputError, RestoreError
from .jobs import Failure, Job

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

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
    progress: Progress = lambda done: None,
) -> Iterator[Outcome[Result]]:
    """Do all jobs and yield what became of each, as they end.

    Args:
        jobs: what to do.
        work: a function at the top of its module (it is sent to other processes).
        settings: its second argument; the third is called with the share of the recording that is done.
        workers: processes; 1 works in this one.
        progress: called with the number of jobs that are done.
    """
    if workers <= 1 or len(jobs) <= 1:
        for number, job in enumerate(jobs):
            yield _attempt(job, work, settings, functools.partial(_share, progress, number))
            progress(number + 1)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import active_children, get_context

    threads = max(1, (os.cpu_count() or 1) // workers)
    with ProcessPoolExecutor(
        min(workers, len(jobs)), get_context("spawn"), initializer=_prepare_worker, initargs=(threads,)
    ) as pool:
        others = set(active_children())
        try:
            yield from _collect(pool, jobs, work, settings, progress)
        except BaseException:
            for child in set(active_children()) - others:
                child.terminate()  # which ends its job as Ctrl-C would
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _collect(
    pool: ProcessPoolExecutor,
    jobs: Sequence[Job],
    work: Callable[[Job, Settings, Progress], Result],
    settings: Settings,
    progress: Progress,
) -> Iterator[Outcome[Result]]:
    from concurrent.futures import FIRST_COMPLETED, wait

    waiting: dict[Future[Outcome[Result]], Job] = {}
    for job in jobs:
        waiting[pool.submit(_attempt_interruptible, job, work, settings)] = job
    done = 0
    while waiting:
        finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            job = waiting.pop(future)
            error = future.exception()
            if isinstance(error, KeyboardInterrupt):
                raise error
            done += 1
            progress(done)
            if error is not None:  # the process died: out of memory, most likely
                sentence = f"{job.source}: its process ended abruptly ({error}): try again with fewer --jobs."
                yield Outcome(job, failure=Failure(job.source, sentence))
            else:
                yield future.result()


def _share(progress: Progress, done: int, share: float) -> None:
    progress(done + share)


def _ignore_progress(done: float) -> None:
    """Progress callback that does nothing: progress is not sent across processes."""


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
        sentence = (
            f"{job.source}: unexpected {type(error).__name__} ({error}): please report it, with -v's output."
        )
        return Outcome(job, failure=Failure(job.source, sentence, traceback.format_exc()))


def _prepare_worker(threads: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_interruptible(
    job: Job, work: Callable[[Job, Settings, Progress], Result], settings: Settings
) -> Outcome[Result]:
    """Ctrl-C ends a worker's job but not the worker, which has no one to tell its traceback to."""
    _signals_received.clear()
    signal.signal(signal.SIGINT, _interrupt_once)
    signal.signal(signal.SIGTERM, _interrupt_once)
    try:
        return _attempt(job, work, settings, _ignore_progress)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_signals_received: list[int] = []


def _interrupt_once(number: int, frame: object) -> None:  # noqa: ARG001
    """Raise once and ignore later signals: terminal and parent may both send one while the first unwinds."""
    if not _signals_received:
        _signals_received.append(number)
        raise KeyboardInterrupt


class Journal:
    """A file that remembers which recordings are done, so that a long run can be taken up again.

    One JSON object a line: the recording's path, size and time of change. A recording that has changed
    since counts as new.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._done: set[str] = set()
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            for line in lines:
                self._done.add(json.dumps(json.loads(line)["done"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(
                f"{path} is no journal of restore-audio: give another file to --journal."
            ) from None

    def holds(self, job: Job) -> bool:
        """Whether the job was done in this run or an earlier one, and its result is still there."""
        if job.target is None or not job.target.exists():
            return False
        return json.dumps(self._key(job)) in self._done

    def add(self, job: Job) -> None:
        """Remember a job that is done, at once."""
        key = self._key(job)
        self._done.add(json.dumps(key))
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"done": key}) + "\n")
        except OSError as error:
            raise OutputError(
                f"The journal {self.path} cannot be written ({error.strerror}): free space, or check its "
                f"permissions."
            ) from None

    @staticmethod
    def _key(job: Job) -> list[str | int]:
        state = job.source.stat()
        return [str(job.source.resolve()), state.st_size, state.st_mtime_ns]
