"""Measure `restore-audio archive`: hours of music that a core restores in an hour, and the local engine beside Ray.

    python examples/measure_archive.py MUSIC [--seconds 300] [--tiny 2000] [--workers 2] [--json FILE]

MUSIC is any clean recording; it is repeated with a slow drift in level, as 44.1 kHz stereo, and worked on by one
process: by `fix`, by `archive`, and by `archive --no-loudness`. Seconds of the processor count, so that other
programs on the machine count little. From them follows what 10,000 hours cost on 100 cores.

Then `--tiny` recordings of half a second with a hole each are worked on by `--workers` processes of the local
engine, and by as many actors of a Ray cluster of one-core nodes that is started here (where Ray is installed).
Recordings a second are counted from the first report that is written to the last, so that most of starting up is
left out; the second actor of Ray may come seconds after the first, which is why there are thousands.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from measure_speed import RATE_HZ, stretch

HOURS, CORES = 10_000, 100
STORE_BYTES = 100_000_000


def cpu_s(*words: str) -> float:
    """Seconds of the processor that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    one = {**os.environ, "RESTORE_AUDIO_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "restore_audio", *words, "-q"], check=True, env=one)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def real_time(music: np.ndarray, seconds: float, folder: Path) -> dict[str, float]:
    """Seconds of music for a second of one core."""
    source = folder / "music"
    source.mkdir()
    stretch(music, source / "music.wav", seconds)
    ways = {
        "fix": ("fix", str(source), "-o", str(folder / "a")),
        "archive": ("archive", str(source), "--to", str(folder / "b"), "-j", "1"),
        "archive --no-loudness": (
            *("archive", str(source), "--to", str(folder / "c"), "-j", "1", "--no-loudness"),
        ),
    }
    return {name: seconds / cpu_s(*words) for name, words in ways.items()}


def tiny(folder: Path, count: int) -> Path:
    """Short recordings with a hole each."""
    folder.mkdir()
    time_s = np.arange(22_050) / RATE_HZ
    for number in range(count):
        rng = np.random.default_rng(number)
        audio = 0.3 * np.sin(2 * np.pi * (200 + number) * time_s) + 0.01 * rng.standard_normal(time_s.size)
        audio[9_000:9_300] = 0
        soundfile.write(folder / f"{number}.wav", audio, RATE_HZ)
    return folder


def per_second(source: Path, target: Path, workers: int, *more: str) -> float:
    """Recordings a second, from the first report to the last."""
    words = ["archive", str(source), "--to", str(target), "--method", "ar", "-j", str(workers), "-q", *more]
    subprocess.run([sys.executable, "-m", "restore_audio", *words], check=True, stderr=subprocess.DEVNULL)
    times_ns = sorted(path.stat().st_mtime_ns for path in (target / "reports").glob("*.json"))
    return 1e9 * (len(times_ns) - 1) / (times_ns[-1] - times_ns[0])


def on_ray(source: Path, target: Path, workers: int) -> float:
    """The same on a cluster of one-core nodes."""
    from ray.cluster_utils import Cluster

    # Else its workers give way to other programs, as those of the local engine do not.
    os.environ.update({"RAY_worker_niceness": "0"})
    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        for _ in range(workers - 1):
            cluster.add_node(**node)
        return per_second(source, target, workers, "--engine", "ray", "--address", cluster.address)
    finally:
        cluster.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0, help="of the music")
    parser.add_argument("--tiny", type=int, default=2_000, help="short recordings; 0 leaves this out")
    parser.add_argument("--workers", type=int, default=2, help="processes for the short recordings")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args()
    music, rate_hz = soundfile.read(given.music, always_2d=True)
    music = 0.9 * soxr.resample(music[:, [0, -1]], rate_hz, RATE_HZ)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, object] = {"hours": HOURS, "cores": CORES, "workers": given.workers}
        speeds = real_time(music, given.seconds, folder)
        result["times_real_time"] = speeds
        result["core_hours"] = {way: HOURS / speed for way, speed in speeds.items()}
        result["hours_on_all_cores"] = {way: HOURS / speed / CORES for way, speed in speeds.items()}
        print(json.dumps(result), flush=True)
        if given.tiny:
            source = tiny(folder / "tiny", given.tiny)
            result["local_per_second"] = per_second(source, folder / "local", given.workers)
            print(f"local: {result['local_per_second']:.2f} recordings a second", flush=True)
            if importlib.util.find_spec("ray") is not None:
                result["ray_per_second"] = on_ray(source, folder / "ray", given.workers)
                print(f"ray: {result['ray_per_second']:.2f} recordings a second", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
