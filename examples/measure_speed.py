"""Measure speed and memory of `restore-audio fix` on 44.1 kHz stereo, and of other programs in the same run.

    python examples/measure_speed.py MUSIC [MUSIC ...] [--minutes 60] [--json FILE]

Each MUSIC is any clean recording (give a calm and a dense one); it is repeated with a slow drift in level, so
that no two minutes are alike. Whole processes are measured. Printed: wall-clock seconds, times real time, the
share of the cores' time that is used (seconds of the processor over wall-clock seconds and cores), the peak
resident memory, and how much faster that is than ffmpeg's adeclick and grooveclean, where they are installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from restore_audio.threads import usable_cores

RATE_HZ = 44_100


GAP_SAMPLES = {"none": (0, 0), "20 ms": (882, 882), "50 to 200 ms": (2205, 8820)}
"""Shortest and longest gap that a second has in both channels."""


@dataclass(frozen=True)
class Measured:
    """A process: wall-clock seconds, seconds of the processor, peak resident MB of 1024² bytes."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def stretch(music: np.ndarray, path: Path, seconds: float, gaps: str = "none") -> Path:
    """Write ``seconds`` of ``music`` (T, 2), repeated, with a gap each second if asked for."""
    total, done = round(seconds * RATE_HZ), 0
    shortest, longest = GAP_SAMPLES[gaps]
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as sound:
        while done < total:
            block = music[: total - done] * (0.9 + 0.1 * np.sin(done / RATE_HZ / 7.0))
            if longest:
                for start in range(-done % RATE_HZ, len(block) - longest, RATE_HZ):
                    block[start : start + rng.integers(shortest, longest + 1)] = 0
            sound.write(block)
            done += len(block)
    return path


def run(*words: str) -> Measured:
    """Measure a command."""
    code = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024);"
        "sys.exit(done.returncode)"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    wall_s = time.perf_counter() - started
    cpu_s, peak_mb = map(float, done.stdout.split()[-2:])
    return Measured(wall_s, cpu_s, peak_mb)


def fix(source: Path, target: Path, *more: str) -> Measured:
    return run(
        *(sys.executable, "-m", "restore_audio", "fix", str(source), "-o", str(target)),
        *("--overwrite", "--quiet", *more),
    )


def rivals(source: Path, folder: Path) -> dict[str, Measured]:
    """Those that are installed, with their usual settings."""
    target = str(folder / "rival.wav")
    commands = {
        "ffmpeg adeclick": ("ffmpeg", "-v", "error", "-y", "-i", str(source), "-af", "adeclick", target),
        "grooveclean": ("grooveclean", "clean", str(source), "-o", target, "--device", "cpu"),
    }
    return {name: run(*words) for name, words in commands.items() if shutil.which(words[0])}


def row(name: str, seconds: float, measured: Measured, others: dict[str, Measured]) -> str:
    cores = usable_cores()
    faster = ", ".join(f"{other.wall_s / measured.wall_s:.1f} × {name}" for name, other in others.items())
    return (
        f"| {name} | {measured.wall_s:.1f} s | {seconds / measured.wall_s:.1f} × | "
        f"{measured.cpu_s / measured.wall_s / cores:.2f} | {measured.peak_mb:.0f} MB | {faster or '–'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long recording")
    parser.add_argument("--clean-s", type=float, default=300.0, help="length of the clean recordings")
    parser.add_argument("--gaps-s", type=float, default=60.0, help="length of those with gaps")
    parser.add_argument("--json", type=Path, help="write the numbers of the first MUSIC there as well")
    options = parser.parse_args()
    print(f"{usable_cores()} cores\n\n| | wall | real time | cores used | memory | speed against |")
    print("|---|---:|---:|---:|---:|---|")
    made: dict[str, Measured] = {}
    lengths_s = dict(zip(GAP_SAMPLES, (options.clean_s, options.gaps_s, options.gaps_s), strict=True))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def measure(title: str, music: np.ndarray, seconds: float, gaps: str, beside: bool = False) -> None:
            source = stretch(music, folder / "music.wav", seconds, gaps)
            measured = fix(source, folder / "out.wav")
            made.setdefault(title.partition(": ")[2] or title, measured)
            print(row(title, seconds, measured, rivals(source, folder) if beside else {}), flush=True)

        made["help"] = run(sys.executable, "-m", "restore_audio", "--help")
        print(row("--help", 0.0, made["help"], {}))
        for number, path in enumerate(options.music):
            music, rate_hz = soundfile.read(path, always_2d=True)
            music = soxr.resample(music[:, [0, -1]], rate_hz, RATE_HZ) * 0.9
            if number == 0:
                measure("ten seconds", music, 10.0, "none")
                for gaps in GAP_SAMPLES:
                    measure(f"2 seconds, gaps {gaps}", music, 2.0, gaps)
                measure("long", music, 60 * options.minutes, "none")
            for gaps, seconds in lengths_s.items():
                measure(f"{path.stem}, gaps: {gaps}", music, seconds, gaps, beside=True)
    if options.json is not None:
        options.json.write_text(json.dumps(numbers(made, options.minutes, lengths_s), indent=1) + "\n")


def numbers(made: dict[str, Measured], minutes: float, lengths_s: dict[str, float]) -> dict[str, float]:
    """What the documents quote."""
    short, long, clean, gaps = (made[name] for name in ("ten seconds", "long", "none", "20 ms"))
    return {
        "minutes": minutes,
        "help_s": made["help"].wall_s,
        "start_s": short.wall_s,
        "short_mb": short.peak_mb,
        "clean_times_real_time": lengths_s["none"] / clean.wall_s,
        "dropouts_s": gaps.wall_s,
        "dropouts_times_real_time": lengths_s["20 ms"] / gaps.wall_s,
        "dropouts_mb": gaps.peak_mb,
        "long_s": long.wall_s,
        "long_times_real_time": 60 * minutes / long.wall_s,
        "long_mb": long.peak_mb,
        "more_mb": long.peak_mb - short.peak_mb,
    }


if __name__ == "__main__":
    main()
