"""Promises of the threads: order, results that do not depend on their number, errors that arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from recordings import holes, music
from restore_audio.detection.detect import detect_blocks
from restore_audio.threads import MOST, in_order, usable_cores


def test_results_come_in_order_however_long_each_takes() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.02 * (number % 2 == 0))
        return number

    assert list(in_order(slow_if_even, range(9), workers=3)) == list(range(9))


def test_as_many_work_at_a_time_as_there_are_workers() -> None:
    together = threading.Barrier(3, timeout=10)
    assert list(in_order(lambda _: together.wait() >= 0, range(6), workers=3)) == [True] * 6


def test_things_are_drawn_little_ahead() -> None:
    drawn = []

    def things() -> Iterator[int]:
        for number in range(50):
            drawn.append(number)
            yield number

    results = in_order(abs, things(), workers=2)
    next(results)
    assert len(drawn) <= 4
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_arrives(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [2, 1, 0], workers=workers))


def test_the_cores_can_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MOST, "")
    assert usable_cores() >= 1
    monkeypatch.setenv(MOST, "1")
    assert usable_cores() == 1


def test_what_is_found_does_not_depend_on_the_workers() -> None:
    audio = holes(music(40.0), [(place, 300) for place in range(50_000, 1_700_000, 90_000)])
    one, three = (detect_blocks([audio], 44_100, workers=workers) for workers in (1, 3))
    assert one == three
    assert len(one) > 15
    assert np.isfinite([span.confidence for span in one]).all()
