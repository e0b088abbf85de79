"""Processes that work on tasks: one that dies costs its task one attempt, and nothing else.

In: a function and tasks, which can be sent to other processes. Out: what became of each task, as they end.

A task whose process died (killed, out of memory, ended by a library) is tried once more when all others are
done, alone; if it dies again, that is what became of it. Workers end with the process that started them.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from . import interrupts
from .errors import RestoreError
from .threads import MOST

Task = TypeVar("Task")
Value = TypeVar("Value")

_THREAD_VARIABLES = (MOST, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_POLL_S = 1.0
_TELL_S = 0.1
_GRACE_S = 10.0
"""How long a worker may take to end its step and remove its files."""


class WorkerDied(RestoreError):  # noqa: N818 (what happened, not what is wrong)
    """The process of a task ended before the task did, twice."""


@dataclass(frozen=True)
class Done(Generic[Value]):
    """What became of the task ``number``: exactly one of value and error."""

    number: int
    value: Value | None = None
    error: Exception | None = None


@dataclass
class _Worker:
    process: Any
    connection: Connection
    number: int | None = None


def work_on(
    tasks: Sequence[Task],
    function: Callable[[Task, Callable[[float], None]], Value],
    *,
    workers: int,
    threads: int = 1,
    progress: Callable[[int, float], None] = lambda number, share: None,
) -> Generator[Done[Value], None, None]:
    """Do all tasks in processes of their own.

    Args:
        tasks: what to do; picklable.
        function: given a task, and a function to be told the share of it that is done; at the top of its
            module. What it raises is the task's error.
        workers: how many processes at a time.
        threads: of each, at most.
        progress: told a task's number and the share of it that is done.

    Yields:
        What became of each, in the order in which they end.
    """
    waiting, again = deque(range(len(tasks))), deque[int]()
    tried: set[int] = set()
    crew: list[_Worker] = []
    try:
        while waiting or again or any(worker.number is not None for worker in crew):
            if not waiting:
                _dismiss([worker for worker in crew if worker.number is None])
                crew = [worker for worker in crew if worker.number is not None]
                if not crew and again:
                    waiting.append(again.popleft())
            while len(crew) < workers and sum(worker.number is None for worker in crew) < len(waiting):
                crew.append(_start(function, threads))
            for worker in crew:
                if worker.number is None and waiting:
                    _give(worker, waiting.popleft(), tasks)
            for worker, (kind, content) in _messages(crew):
                number = worker.number
                assert number is not None
                if kind == "progress":
                    progress(number, content)
                    continue
                worker.number = None
                if kind == "died":
                    crew.remove(worker)
                    if number not in tried:
                        again.append(number)
                        tried.add(number)
                        continue
                    kind, content = (
                        "error",
                        WorkerDied(f"its process was ended twice ({content})"),
                    )
                yield Done(number, error=content) if kind == "error" else Done(number, value=content)
            interrupts.check()
    finally:
        _dismiss(crew)


def _start(function: Callable[..., Any], threads: int) -> _Worker:
    """A process that shares nothing: a forked one would have PyTorch's threads in whatever state they are."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function), daemon=True)
    with _few_threads(threads), _deaf_to_ctrl_c():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _few_threads(threads: int) -> Iterator[None]:
    """What a new process inherits: threads within processes would only be in each other's way."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    for name, value in before.items():
        told = int(value) if value is not None and value.isdecimal() else threads
        os.environ[name] = str(min(max(told, 1), threads))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """What a new process inherits: the terminal sends Ctrl-C to all, and the parent decides."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which, if it must be started first, undoes what follows
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give(worker: _Worker, number: int, tasks: Sequence[Any]) -> None:
    worker.number = number
    with suppress(OSError):  # it is dead, which its sentinel says next
        worker.connection.send(tasks[number])


def _messages(crew: Sequence[_Worker]) -> Iterator[tuple[_Worker, tuple[str, Any]]]:
    """What busy workers have to say; ``died`` where one has nothing to say any more."""
    busy = [worker for worker in crew if worker.number is not None]
    ready = wait([w.connection for w in busy] + [w.process.sentinel for w in busy], _POLL_S)
    for worker in busy:
        if worker.connection in ready or worker.process.sentinel in ready:
            try:
                # What a worker said before it died comes first.
                yield worker, worker.connection.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                worker.process.join(_GRACE_S)
                yield worker, ("died", _reason(worker.process.exitcode))


def _reason(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with suppress(ValueError):
            return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"


def _dismiss(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.connection.close()
        worker.process.terminate()
    until = time.monotonic() + _GRACE_S
    for worker in crew:
        worker.process.join(max(until - time.monotonic(), 0.01))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _serve(connection: Connection, function: Callable[..., Any]) -> None:
    """What a worker does: task in, message out, until there is none or its parent has gone."""
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", category=RuntimeWarning)
    interrupts.listen()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be kept from this process
    threading.Thread(target=_end_with_parent, daemon=True).start()

    told_s = 0.0

    def tell(share: float) -> None:
        nonlocal told_s
        interrupts.check()
        if time.monotonic() > told_s + _TELL_S:
            told_s = time.monotonic()
            connection.send(("progress", share))

    with suppress(EOFError, OSError):
        while True:
            task = connection.recv()
            try:
                message = ("value", function(task, tell))
            except Exception as error:
                interrupts.check()  # a library may have turned the signal's exception into another
                message = ("error", _sendable(error))
            connection.send(message)
            interrupts.release_all()


def _sendable(error: Exception) -> Exception:
    """An error that surely arrives; others may not be made anew from what they hold."""
    ours = isinstance(error, RestoreError) and error.args == (str(error),)
    return error if ours else RuntimeError(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return
    parent.join()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)
