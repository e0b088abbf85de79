"""Promises of the threads: order, results that do not depend on their number, errors that arrive."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recordings import holes, music
from restore_audio.cli import recording
from restore_audio.cli.app import main
from restore_audio.detection.detect import detect_blocks
from restore_audio.fill.fill import Filling
from restore_audio.fill.splice import Patch
from restore_audio.fill.windows import plan_windows
from restore_audio.settings import FillSettings
from restore_audio.spans import Span
from restore_audio.threads import MOST, in_order, usable_cores


def test_results_come_in_order_however_long_each_takes() -> None:
    def slow_if_even(number: int) -> int:
        time.sleep(0.02 * (number % 2 == 0))
        return number

    assert list(in_order(slow_if_even, range(9), workers=3)) == list(range(9))


def test_as_many_work_at_a_time_as_there_are_workers() -> None:
    together = threading.Barrier(3, timeout=60)
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


@pytest.mark.parametrize(
    "apart_s", [1.1, 0.3], ids=["windows side by side", "each window after the one before"]
)
def test_what_is_filled_does_not_depend_on_the_threads(apart_s: float) -> None:
    audio = music(25.0, 16_000, channels=2)
    starts = range(8_000, 390_000, round(apart_s * 16_000))
    spans = [Span(s, s + 160, c) for s in starts for c in (0, 1)]
    for span in spans:
        audio[span.channel, span.start : span.end] = 0

    def filled(workers: int) -> list[Patch]:
        filling = Filling(spans, 16_000, audio.shape[1], FillSettings("ar"))
        assert sum(window.follows for window in filling.windows) == (2 if apart_s < 0.75 else 0)
        patches = list(filling.patches([audio], workers=workers))
        assert all(span.filled for span in filling.spans)
        return patches

    one, three = filled(1), filled(3)
    assert len(one) == len(spans)
    for ours, theirs in zip(one, three, strict=True):
        assert (ours.start, ours.channel) == (theirs.start, theirs.channel)
        np.testing.assert_array_equal(ours.samples, theirs.samples)


def test_planning_takes_a_time_that_grows_with_the_spans() -> None:
    def looked_at(count: int) -> int:
        gaps = [Span(s, s + 100, 0) for s in range(1000, 1000 + count * 8000, 8000)]
        windows = plan_windows(gaps, [], rate_hz=16_000, total=count * 8000 + 9000)
        assert sum(len(window.gaps) for window in windows) == count
        return sum(len(window.others) for window in windows)

    assert looked_at(10_000) < 11 * looked_at(1_000)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no heaps for threads")
def test_threads_share_a_heap_unless_the_environment_says_how_many_there_are() -> None:
    code = "from restore_audio.threads import share_heap; print(share_heap())"
    for environment, shared in (({}, "True"), ({"MALLOC_ARENA_MAX": "4"}, "False")):
        kept = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
        done = subprocess.run(
            [sys.executable, "-c", code], env=kept | environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == shared


def test_a_recording_is_worked_on_with_one_heap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    monkeypatch.setattr(recording, "share_heap", lambda: asked.append(True))
    soundfile.write(tmp_path / "a.wav", music(1.0)[0], 44_100)
    assert main(["detect", str(tmp_path / "a.wav")]) == 0
    assert asked
