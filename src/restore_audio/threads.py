"""Several cores for one recording: the same function over many things, side by side, results in order.

Threads: compiled code and NumPy's larger operations let each other run. What comes out does not depend on how
many there are, if the function keeps to its own thing.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST = "RESTORE_AUDIO_THREADS"
"""Environment variable that limits the threads of a process; ``--jobs`` sets it for its processes."""


_M_ARENA_MAX, _M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -8, -1, -3
"""Of mallopt, in malloc.h."""

_KEPT_BYTES, _MAPPED_BYTES = 1 << 25, 1 << 22
"""So much that is free stays with the process, and less than the second comes from the heap: what went back
to the system comes filled with zeros, which was a tenth of the time of a fill. With the network the peak is
lower by it; with four times as much it is 45 MB higher."""


def usable_cores() -> int:
    """Cores that this process may use, at most what ``RESTORE_AUDIO_THREADS`` says."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    limit = os.environ.get(MOST, "")
    return max(1, min(cores, int(limit))) if limit.isdigit() else cores


@lru_cache(maxsize=1)
def share_heap() -> bool:
    """Let all threads of this process take memory from one heap; whether that could be asked for.

    The GNU C library keeps one for each, and what a thread has given back is no use to another: with the
    network that is 15 MB of 165. What is free stays with the process, up to :data:`_KEPT_BYTES`. For a
    program's own process, before its threads begin; ``MALLOC_ARENA_MAX`` in the environment says otherwise.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
        asked = ((_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_MMAP_THRESHOLD, _MAPPED_BYTES))
        return all(mallopt(*wish) == 1 for wish in asked)
    except (OSError, AttributeError):  # another C library
        return False


@contextmanager
def pool(workers: int | None = None) -> Iterator[Executor]:
    """Threads that calls are submitted to; the calls that have not begun are dropped at the end.

    Args:
        workers: threads; None for the usable cores. With 1 each call is done at once, in this thread.
    """
    count = usable_cores() if workers is None else workers
    executor = ThreadPoolExecutor(count) if count > 1 else _AtOnce()
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def in_order(
    function: Callable[[Thing], Result], things: Iterable[Thing], workers: int | None = None
) -> Iterator[Result]:
    """``map(function, things)``, with as many calls at a time as there are workers.

    Args:
        things: drawn in this thread, one by one, few ahead of the results.
        workers: as in :func:`pool`.

    >>> list(in_order(abs, [-2, 3, -1], workers=2))
    [2, 3, 1]
    """
    count = usable_cores() if workers is None else workers
    with pool(count) as threads:
        ahead: deque[Future[Result]] = deque()
        for thing in things:
            ahead.append(threads.submit(function, thing))
            if count <= 1 or len(ahead) > count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


class _AtOnce(Executor):
    """Does each call when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
