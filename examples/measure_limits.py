"""Restore recordings at the limits once, and measure memory: above 4 GB, a day long, 64 channels, 192 kHz.

    python examples/measure_limits.py [--only NAME ...] [--folder DIR] [--json FILE]

The recordings are made on the fly and deleted: notes with noise, and in it gaps of zeros whose places are known.
The two above 4 GB and the day hold ten seconds of sound at the beginning, every 4 minutes and at the end, and
digital silence between (which is read, looked at and written like anything else, but where nothing is to be
weighed); the others are sound throughout. About 13 GB of disk are needed. Checked for each: every gap was found and filled,
and every sample outside of the reported spans is the source's. With --json, cases that FILE has are kept, so that
they can be measured one by one. Memory is the peak resident size of the process that restored, in MB of 1000².
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from restore_audio.threads import usable_cores

GAP_MS = 10.0
EVERY_S = 2.5
STARTS_S = (2.2, 4.7, 7.2)
"""Of gaps, in ten seconds of sound; not sooner behind a silence, where a gap is doubted that is quiet before."""

SILENCE_S = 240.0
BLOCK_S = 10.0


@dataclass(frozen=True)
class Case:
    """A recording: ``sparse`` has digital silence between its sounds; gaps come every ``every_s`` of sound."""

    name: str
    container: str
    rate_hz: int
    channels: int
    seconds: float
    subtype: str
    sparse: bool = False
    every_s: float = EVERY_S


CASES = (
    Case("RF64 above 4 GB", "RF64", 192_000, 2, 1_450.0, "DOUBLE", sparse=True),
    Case("W64 above 4 GB", "W64", 192_000, 2, 1_450.0, "DOUBLE", sparse=True),
    Case("24 hours", "WAV", 8_000, 1, 86_400.0, "PCM_16", sparse=True, every_s=60.0),
    Case("64 channels", "WAV", 48_000, 64, 20.0, "PCM_24"),
    Case("192 kHz", "WAV", 192_000, 2, 60.0, "PCM_24"),
)
SUFFIXES = {"RF64": ".rf64", "W64": ".w64", "WAV": ".wav"}
RESTORE = """
import sys, time
from restore_audio.cli import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if "VmHWM" in line).split()[1]
print(int(peak) * 1024 / 1e6, time.process_time())
sys.exit(code)
"""


def notes(case: Case) -> np.ndarray:
    """``(T, C)``: ten seconds of decaying notes with a little noise, each channel a little different."""
    rng = np.random.default_rng(case.rate_hz + case.channels)
    time_s = np.arange(round(BLOCK_S * case.rate_hz)) / case.rate_hz
    audio = np.zeros(time_s.size)
    for start_s in np.arange(0.0, BLOCK_S, 0.31):
        age_s = np.maximum(time_s - start_s, 0.0)
        shape = np.where(time_s > start_s, np.minimum(age_s / 0.02, 1.0) * np.exp(-age_s / 0.5), 0.0)
        pitch_hz = 110 * 2 ** (rng.integers(0, 30) / 12)
        for partial in range(1, 6):
            audio += shape * np.sin(2 * np.pi * partial * pitch_hz * age_s) / partial
    fade = np.minimum(1.0, np.minimum(time_s, BLOCK_S - time_s) / 0.05)
    audio *= 0.3 * fade / np.abs(audio).max()
    levels = 0.7 + 0.3 * rng.random(case.channels)
    noise = 1e-3 * rng.standard_normal((audio.size, case.channels))
    return audio[:, None] * levels + noise * fade[:, None]


def blocks(case: Case) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Ten seconds after each other, and where gaps begin in them."""
    sound, silence = notes(case), np.zeros((round(BLOCK_S * case.rate_hz), case.channels))
    gap = round(GAP_MS / 1_000 * case.rate_hz)
    count, since_s = round(case.seconds / BLOCK_S), 0.0
    for number in range(count):
        if case.sparse and number % round(SILENCE_S / BLOCK_S) and number != count - 1:
            yield silence, []
            continue
        block = sound * (0.9 + 0.1 * np.sin(number / 7))
        starts = []
        for start_s in STARTS_S:
            since_s += BLOCK_S / len(STARTS_S)
            if since_s >= case.every_s:
                since_s = 0.0
                starts.append(round((start_s + 0.01 * (number % 13)) * case.rate_hz))
        for start in starts:
            block[start : start + gap] = 0
        yield block, starts


def make(case: Case, path: Path) -> list[int]:
    """Write the recording; returns where its gaps begin."""
    places, done = [], 0
    with soundfile.SoundFile(
        path, "w", case.rate_hz, case.channels, case.subtype, format=case.container
    ) as file:
        for block, starts in blocks(case):
            file.write(block)
            places += [done + start for start in starts]
            done += len(block)
    return places


def changed_outside(before: Path, after: Path, spans: list[dict[str, int]]) -> int:
    """Samples outside of the spans that differ."""
    count = done = 0
    with soundfile.SoundFile(before) as first, soundfile.SoundFile(after) as second:
        while len(a := first.read(1 << 20, dtype="float64", always_2d=True)):
            differ = a != second.read(len(a), dtype="float64", always_2d=True)
            if differ.any():
                for span in spans:
                    rows = slice(max(span["start"] - done, 0), max(span["end"] - done, 0))
                    differ[rows, span["channel"] - 1] = False
                count += int(differ.sum())
            done += len(a)
    return count


def measure(case: Case, folder: Path) -> dict[str, object]:
    """Make, restore, check."""
    source, target = (folder / f"{name}{SUFFIXES[case.container]}" for name in ("in", "out"))
    report = folder / "report.json"
    try:
        places = make(case, source)
        words = ["fix", str(source), "-o", str(target), "--report", str(report), "-q"]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", RESTORE, *words], stdout=subprocess.PIPE, text=True, check=True
        )
        wall_s = time.perf_counter() - started
        peak_mb, cpu_s = map(float, done.stdout.split()[-2:])
        spans = [span for span in json.loads(report.read_text())["spans"] if span["filled"]]
        gap = round(GAP_MS / 1_000 * case.rate_hz)
        filled = sum(
            any(
                s["start"] <= place + 2 and s["end"] >= place + gap - 2 and s["channel"] == channel
                for s in spans
            )
            for place in places
            for channel in range(1, case.channels + 1)
        )
        return {
            **asdict(case),
            "gb": source.stat().st_size / 1e9,
            "hours": case.seconds / 3_600,
            "gaps": len(places) * case.channels,
            "filled": filled,
            "other_spans": len(spans) - filled,
            "changed_outside": changed_outside(source, target, spans),
            "peak_mb": peak_mb,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "times_real_time": case.seconds / cpu_s,
        }
    finally:
        for path in (source, target, report):
            path.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, help="measure this case (can be repeated)")
    parser.add_argument("--folder", type=Path, help="where the recordings are made; a temporary one")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args()
    kept = json.loads(given.json.read_text()) if given.json is not None and given.json.exists() else {}
    results: dict[str, dict[str, object]] = kept.get("cases", {})
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for case in CASES:
            if case.name in (given.only or names):
                results[case.name] = measure(case, Path(folder))
                print(json.dumps(results[case.name]), flush=True)
                if given.json is not None:
                    ordered = {name: results[name] for name in names if name in results}
                    content = {"cores": usable_cores(), "cases": ordered}
                    given.json.write_text(json.dumps(content, indent=1) + "\n")
    failed = [n for n, r in results.items() if r["filled"] != r["gaps"] or r["changed_outside"]]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
