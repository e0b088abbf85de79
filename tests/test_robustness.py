"""A short run of the fuzzer and the killer; long ones: ``python -m tests.fuzz``, ``python -m tests.kill``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests import fuzz, kill

ON_PROC = Path("/proc/self/stat").exists()


@pytest.mark.skipif(not ON_PROC, reason="the fuzzer watches its processes as Linux lets it")
def test_broken_files_give_a_result_or_one_sentence() -> None:
    tries = fuzz.fuzz(list(range(120)), seed=2026, jobs=min(2, os.cpu_count() or 1))
    assert sum(tries.kinds.values()) == 120
    assert tries.findings == []


def test_the_fuzzer_tells_left_overs_from_recordings_whose_names_begin_with_a_dot(tmp_path: Path) -> None:
    source = tmp_path / "....wav"
    for name in ("....wav", "....wav.json", ".lock", ".restore-audio-1-x"):
        (tmp_path / name).touch()
    assert fuzz.left_over(tmp_path, [source]) == [".restore-audio-1-x"]


@pytest.mark.skipif(not ON_PROC, reason="the killer finds processes as Linux lists them")
@pytest.mark.slow
def test_killed_runs_lose_nothing_and_leave_nothing(tmp_path: Path) -> None:
    runs = [kill.RUNS[1], kill.RUNS[5]]
    seconds = kill.durations(tmp_path, runs)
    for number in (1, 5, 1 + len(kill.RUNS), 5 + len(kill.RUNS)):  # both runs, twice
        what, found = kill.one(number, 2026, seconds, tmp_path)
        assert found is None, what
    assert kill.full_disk(kill.Case(runs[0], tmp_path / "disk"), 20_000) is None
