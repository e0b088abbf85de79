"""Measure speed and memory of `restore-audio` on 44.1 kHz stereo, and of other programs in the same run.

    python examples/measure_speed.py CALM DENSE [--json FILE] [--parts clean gaps short hour spans]

CALM and DENSE are any two clean recordings; they are repeated with a slow drift in level, so that no two minutes
are alike. Whole processes are measured: wall-clock seconds, seconds of the processor (all threads together), the
largest resident memory. Seconds of the processor tell the speed of one core on a busy machine as well, wall-clock
seconds only on an idle one: the load of the machine is kept with the numbers. ffmpeg (of the system or of
imageio-ffmpeg) and grooveclean are measured on the same files where they are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from restore_audio.spans import Span, spans_to_json
from restore_audio.threads import usable_cores

RATE_HZ = 44_100
CLEAN_S, GAPS_S, LONG_GAPS_S, SHORT_S, HOUR_S = 600.0, 30.0, 20.0, 2.0, 3600.0
RIVAL_GAPS_S = 10.0
"""grooveclean takes as long as the sound lasts."""

SPAN_SAMPLES, SPANS_AN_HOUR = 88, 10_000
PARTS = ("clean", "gaps", "short", "hour", "spans")


@dataclass(frozen=True)
class Measured:
    """A process: wall-clock seconds, seconds of the processor, peak resident MB of 1024² bytes."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass
class Table:
    """What was measured, row by row, printed as it comes."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, seconds: float, ours: Measured, rivals: dict[str, float] | None = None) -> None:
        """A row for ``seconds`` of sound; rivals: seconds of sound that they do in one of the processor."""
        cores = usable_cores()
        row = {
            "sound_s": seconds,
            **{"wall_s": ours.wall_s, "cpu_s": ours.cpu_s, "peak_mb": ours.peak_mb},
            "one_core": seconds / ours.cpu_s,
            "times_real_time": seconds / ours.wall_s,
            "useful": ours.cpu_s / ours.wall_s / cores,
            "against": {rival: seconds / ours.cpu_s / speed for rival, speed in (rivals or {}).items()},
        }
        self.rows[name] = row
        faster = ", ".join(f"{ratio:.1f} × {rival}" for rival, ratio in row["against"].items())
        print(
            f"| {name} | {ours.wall_s:.2f} s | {ours.cpu_s:.2f} s | {row['one_core']:.1f} × | "
            f"{row['times_real_time']:.1f} × | {ours.peak_mb:.0f} MB | {faster or '–'} |",
            flush=True,
        )


def stretch(music: np.ndarray, path: Path, seconds: float, shortest: int = 0, longest: int = 0) -> Path:
    """Write ``seconds`` of ``music`` (T, 2), repeated; with a gap of so many samples each second if asked for."""
    total, done = round(seconds * RATE_HZ), 0
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as sound:
        while done < total:
            block = music[: total - done] * (0.9 + 0.1 * np.sin(done / RATE_HZ / 7.0))
            if longest:
                first = (RATE_HZ // 2 - done) % RATE_HZ
                for start in range(first, len(block) - longest, RATE_HZ):
                    block[start : start + rng.integers(shortest, longest + 1)] = 0
            sound.write(block)
            done += len(block)
    return path


def run(*words: str) -> Measured:
    """Measure a command."""
    code = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024);"
        "sys.exit(done.returncode)"
    )
    # An installed package is compiled to bytecode; a checkout is too, where nothing forbids that.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, env=environment
    )
    wall_s = time.perf_counter() - started
    cpu_s, peak_mb = map(float, done.stdout.split()[-2:])
    return Measured(wall_s, cpu_s, peak_mb)


def fix(source: Path, *more: str) -> Measured:
    target = source.with_name("out.wav")
    return run(
        *(sys.executable, "-m", "restore_audio", "fix", str(source), "-o", str(target)),
        *("--overwrite", "--quiet", *more),
    )


def adeclick(source: Path) -> dict[str, float]:
    """Seconds of sound that ffmpeg does in one of the processor."""
    program = shutil.which("ffmpeg")
    if program is None:
        try:
            from imageio_ffmpeg import get_ffmpeg_exe
        except ImportError:
            return {}
        program = get_ffmpeg_exe()
    used = run(
        *(program, "-v", "error", "-y", "-i", str(source), "-af", "adeclick", str(source.with_name("r.wav")))
    )
    return {"ffmpeg adeclick": soundfile.info(source).duration / used.cpu_s}


def grooveclean(source: Path) -> dict[str, float]:
    program = shutil.which(
        "grooveclean", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if program is None:
        return {}
    used = run(program, "clean", str(source), "-o", str(source.with_name("r.wav")), "--device", "cpu")
    return {"grooveclean": soundfile.info(source).duration / used.cpu_s}


def read(path: Path) -> np.ndarray:
    """From 10 s on: many pieces begin with silence."""
    music, rate_hz = soundfile.read(path, always_2d=True)
    music = music[10 * rate_hz :]
    return np.asarray(soxr.resample(music[:, [0, -1]], rate_hz, RATE_HZ) * 0.9)


def measure(parts: list[str], calm: np.ndarray, dense: np.ndarray, many: int, folder: Path) -> Table:
    table = Table()
    source = folder / "music.wav"
    if "clean" in parts:
        for name, music in (("calm", calm), ("dense", dense)):
            stretch(music, source, CLEAN_S)
            table.add(f"clean, {name}", CLEAN_S, fix(source), adeclick(source))
    if "gaps" in parts:
        rivals = grooveclean(stretch(dense, source, RIVAL_GAPS_S, 882, 882))
        table.add("20 ms gaps", GAPS_S, fix(stretch(dense, source, GAPS_S, 882, 882)), rivals)
        table.add("50 to 200 ms gaps", LONG_GAPS_S, fix(stretch(dense, source, LONG_GAPS_S, 2205, 8820)))
    if "short" in parts:
        table.add("--help", 0.0, run(sys.executable, "-m", "restore_audio", "--help"))
        table.add("2 s, clean", SHORT_S, fix(stretch(dense, source, SHORT_S)))
        table.add("2 s, 20 ms gaps", SHORT_S, fix(stretch(dense, source, SHORT_S, 882, 882)))
        table.add("2 s, network", SHORT_S, fix(source, "--method", "network"))
    if "hour" in parts:
        table.add("10 s", 10.0, fix(stretch(calm, source, 10.0)))
        table.add("an hour", HOUR_S, fix(stretch(calm, source, HOUR_S)))
    if "spans" in parts:
        seconds = HOUR_S * many / SPANS_AN_HOUR
        stretch(dense, source, seconds)
        apart = round(seconds * RATE_HZ) // (many + 1)
        spans = [Span(n * apart, n * apart + SPAN_SAMPLES, n % 2) for n in range(1, many + 1)]
        given = folder / "spans.json"
        given.write_text(spans_to_json(spans, RATE_HZ), encoding="utf-8")
        table.add("spans", seconds, fix(source, "--spans", str(given)))
        table.rows["spans"]["spans"] = many
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("calm", type=Path, help="calm music")
    parser.add_argument("dense", type=Path, help="dense music: rock, drums, electronic")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument(
        "--spans", type=int, default=SPANS_AN_HOUR, help="how many, 10,000 an hour, for 'spans'"
    )
    parser.add_argument("--json", type=Path, help="keep the numbers there; parts not measured keep theirs")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    print("| | wall | processor | one core | real time | memory | against |")
    print("|---|---:|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        table = measure(options.parts, read(options.calm), read(options.dense), options.spans, Path(name))
    if options.json is not None:
        kept = json.loads(options.json.read_text())["rows"] if options.json.exists() else {}
        about = {"cores": usable_cores(), "load_before": round(before, 1)}
        options.json.write_text(json.dumps({**about, "rows": {**kept, **table.rows}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
