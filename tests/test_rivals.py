"""Other programs may work, crash, hang or lie: each of these is a row, and none of them ends the run."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from restore_audio.measure.rivals import RIVALS, FoundRival, Rival, find_rivals, run_rival
from restore_audio.spans import Span

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the fake rivals are scripts with a #! line")

RATE_HZ = 16_000
SOUND = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 4000)).astype(np.float32).astype(np.float64)


def fake(folder: Path, body: str, *, report: str | None = None) -> FoundRival:
    """A rival whose program is a few lines of Python with ``source`` and ``target``."""
    path = folder / "fakerival"
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        "if '--version' in sys.argv:\n    print('fakerival v3.2.1 of 2026')\n    sys.exit()\n"
        f"source, target = sys.argv[1:3]\n{body}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    command = ("{input}", "{output}", "{options}")
    rival = Rival("fake", "fakerival", ("--gently",), command, ("--version",), report)
    found, missing = find_rivals([rival], which=lambda name: str(path))
    assert missing == []
    return found[0]


COPY = "import shutil; shutil.copy(source, target)"


def test_a_working_rival_gets_the_samples_exactly_and_its_answer_comes_back_exactly(tmp_path: Path) -> None:
    result = run_rival(fake(tmp_path, COPY), SOUND, RATE_HZ)
    assert result.trouble is None
    assert result.samples is not None
    assert np.array_equal(result.samples, SOUND)
    assert result.found is None
    assert result.seconds > 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak")
def test_its_memory_is_its_own_and_not_that_of_the_process_that_calls_it(tmp_path: Path) -> None:
    ballast = np.ones(40_000_000)  # 305 MB in this process
    small = run_rival(fake(tmp_path, f"{COPY}\nimport time; time.sleep(0.2)"), SOUND, RATE_HZ)
    large = run_rival(
        fake(tmp_path, f"{COPY}\nimport time; x = b'x' * 150_000_000; time.sleep(0.2)"), SOUND, RATE_HZ
    )
    assert ballast.size
    assert small.peak_mb is not None
    assert large.peak_mb is not None
    assert small.peak_mb < 100
    assert large.peak_mb > small.peak_mb + 120


def test_the_row_says_version_and_options(tmp_path: Path) -> None:
    assert fake(tmp_path, COPY).title == "fakerival 3.2.1 --gently"


def test_samples_that_are_no_numbers_reach_a_rival_as_silence(tmp_path: Path) -> None:
    spoilt = SOUND.copy()
    spoilt[0, 5:9] = np.nan
    result = run_rival(fake(tmp_path, COPY), spoilt, RATE_HZ)
    assert result.samples is not None
    assert np.array_equal(result.samples[0, 5:9], np.zeros(4))


def test_what_a_rival_reports_is_scored(tmp_path: Path) -> None:
    report = (
        f"{COPY}\nimport json\nfrom pathlib import Path\n"
        "click = dict(start_sample=3, end_sample=9, channel=1)\n"
        "Path(target).with_suffix('.report.json').write_text(json.dumps(dict(clicks=[click])))"
    )
    result = run_rival(fake(tmp_path, report, report="{stem}.report.json"), SOUND, RATE_HZ)
    assert result.found == (Span(3, 9, 1, "click"),)


def test_a_crash_is_said_with_its_code_and_last_words(tmp_path: Path) -> None:
    result = run_rival(fake(tmp_path, "print('no more tape', file=sys.stderr); sys.exit(3)"), SOUND, RATE_HZ)
    assert result.samples is None
    assert result.trouble == "failed with exit code 3: no more tape"


def test_a_rival_that_is_killed_is_said_with_the_signal(tmp_path: Path) -> None:
    result = run_rival(
        fake(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), SOUND, RATE_HZ
    )
    assert result.trouble is not None
    assert result.trouble.startswith("failed with signal 11")


def test_a_rival_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "still-alive"
    hang = (
        f"import subprocess, time\nsubprocess.Popen(['sh', '-c', 'sleep 2.5; touch {mark}'])\ntime.sleep(60)"
    )
    began = time.perf_counter()
    result = run_rival(fake(tmp_path, hang), SOUND, RATE_HZ, time_limit_s=1.0)
    assert time.perf_counter() - began < 50  # less than it would have slept
    assert result.samples is None
    assert result.trouble == "killed after 1 s"
    time.sleep(3)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("pass", "wrote nothing"),
        ("open(target, 'w').write('not sound')", "wrote something that is not audio"),
        (
            "import soundfile; x, r = soundfile.read(source); soundfile.write(target, x[:-7], r)",
            "wrote 2 × 3993 samples at 16000 Hz instead of the same shape",
        ),
    ],
)
def test_an_answer_that_is_none_is_said(tmp_path: Path, body: str, trouble: str) -> None:
    result = run_rival(fake(tmp_path, body), SOUND, RATE_HZ)
    assert result.samples is None
    assert result.trouble == trouble


def test_rivals_that_are_not_here_are_one_line_each_and_no_error() -> None:
    found, missing = find_rivals(which=lambda name: None)
    assert found == []
    assert len(missing) == len({rival.program for rival in RIVALS})
    assert "ffmpeg is not installed here: not compared." in missing


def test_a_version_that_hangs_or_crashes_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "silent"
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)
    found, _ = find_rivals(RIVALS[:1], which=lambda name: str(path))
    assert found[0].version == "(version unknown)"
