"""Measure speed and memory of `restore-audio fix` on 44.1 kHz stereo.

    python examples/measure_speed.py MUSIC [--minutes 60] [--json FILE]

MUSIC is any clean recording; it is repeated with a slow drift in level, so that no two minutes are alike.
Printed: times real time on a clean minute and on one with a 20 ms dropout a second in both channels, the
peak resident memory for ten seconds and for --minutes, and the seconds that --help takes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATE_HZ = 44_100


def stretch(music: np.ndarray, path: Path, seconds: float, *, dropouts: bool = False) -> Path:
    """Write ``seconds`` of ``music`` (T, 2), repeated, with a 20 ms dropout each second if asked for."""
    total, done = round(seconds * RATE_HZ), 0
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as sound:
        while done < total:
            block = music[: total - done] * (0.9 + 0.1 * np.sin(done / RATE_HZ / 7.0))
            if dropouts:
                for start in range(-done % RATE_HZ, len(block) - 882, RATE_HZ):
                    block[start : start + 882] = 0
            sound.write(block)
            done += len(block)
    return path


def run(*words: str) -> tuple[float, float]:
    """Seconds and peak resident MB of a command."""
    code = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss);"
        "sys.exit(done.returncode)"
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, sys.executable, "-m", "restore_audio", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    options = parser.parse_args()
    music, rate_hz = soundfile.read(options.music, always_2d=True)
    music = soxr.resample(music[:, [0, -1]], rate_hz, RATE_HZ) * 0.9
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = str(folder / "out.wav")
        help_s, _ = run("--help")
        short = stretch(music, folder / "short.wav", 10)
        start_s, short_mb = run("fix", str(short), "-o", target, "--overwrite", "-q")
        clean = stretch(music, folder / "clean.wav", 300)
        clean_s, _ = run("fix", str(clean), "-o", target, "--overwrite", "-q")
        holes = stretch(music, folder / "holes.wav", 60, dropouts=True)
        holes_s, holes_mb = run("fix", str(holes), "-o", target, "--overwrite", "-q")
        long = stretch(music, folder / "long.wav", 60 * options.minutes)
        long_s, long_mb = run("fix", str(long), "-o", target, "--overwrite", "-q")
    print(f"--help                                  {help_s:.2f} s")
    print(f"10 s, clean                             {start_s:.1f} s, {short_mb:.0f} MB")
    print(f"5 min, clean                            {clean_s:.1f} s, {300 / clean_s:.0f} x real time")
    print(
        f"1 min, a 20 ms dropout each second      {holes_s:.1f} s, {60 / holes_s:.1f} x real time, "
        f"{holes_mb:.0f} MB"
    )
    print(
        f"{options.minutes:g} min, clean                           {long_s:.1f} s, "
        f"{60 * options.minutes / long_s:.0f} x real time, {long_mb:.0f} MB "
        f"({long_mb - short_mb:+.0f} MB against 10 s)"
    )
    if options.json is not None:
        numbers = {
            "minutes": options.minutes,
            "help_s": help_s,
            "start_s": start_s,
            "short_mb": short_mb,
            "clean_times_real_time": 300 / clean_s,
            "dropouts_s": holes_s,
            "dropouts_times_real_time": 60 / holes_s,
            "dropouts_mb": holes_mb,
            "long_s": long_s,
            "long_times_real_time": 60 * options.minutes / long_s,
            "long_mb": long_mb,
            "more_mb": long_mb - short_mb,
        }
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
