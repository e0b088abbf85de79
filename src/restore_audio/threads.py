"""Several cores for one recording: the same function over many things, side by side, results in order.

Threads: compiled code and NumPy's larger operations let each other run. What comes out does not depend on how
many there are, if the function keeps to its own thing.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST = "RESTORE_AUDIO_THREADS"
"""Environment variable that limits the threads of a process; ``--jobs`` sets it for its processes."""


def usable_cores() -> int:
    """Cores that this process may use, at most what ``RESTORE_AUDIO_THREADS`` says."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    limit = os.environ.get(MOST, "")
    return max(1, min(cores, int(limit))) if limit.isdigit() else cores


def in_order(
    function: Callable[[Thing], Result], things: Iterable[Thing], workers: int | None = None
) -> Iterator[Result]:
    """``map(function, things)``, with as many calls at a time as there are workers.

    Args:
        function: called in other threads.
        things: drawn in this thread, one by one, few ahead of the results.
        workers: threads; None for the usable cores. With 1 everything happens in this thread.

    >>> list(in_order(abs, [-2, 3, -1], workers=2))
    [2, 3, 1]
    """
    count = usable_cores() if workers is None else workers
    if count <= 1:
        yield from map(function, things)
        return
    with ThreadPoolExecutor(count) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for thing in things:
                ahead.append(pool.submit(function, thing))
                if len(ahead) > count:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
