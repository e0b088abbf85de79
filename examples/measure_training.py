"""How fast training is: what the data pipeline supplies, what the network consumes, what processes add.

    python examples/measure_training.py [--seconds 20] [--width 16] [--json FILE]

Makes its own music (the speed does not depend on what is heard), so it runs anywhere. What one core does
is counted in seconds of that core, so that a busy machine changes it little; what several processes do is
counted by the clock: run that on an idle machine, or leave it out with --one-core. It is measured alone and
beside one more program that keeps a core busy: threads of one process wait for each other hundreds of times
a step, processes a handful of times. Ends with 1 if the pipeline of a task supplies less than five times what
the network consumes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch

from restore_audio.data.cache import Cache, PrepareSettings
from restore_audio.data.library import scan_library
from restore_audio.data.prepare import prepare
from restore_audio.network.maps import FeatureSettings
from restore_audio.network.networks import NetworkSettings, build
from restore_audio.train.examples import PaperExamples, RestoreExamples
from restore_audio.train.fills import Fills, make_fills
from restore_audio.train.metrics_log import read_metrics
from restore_audio.train.tasks import RESTORE_POWER, PaperTask, RestoreTask

BATCH = 28
NEEDED_RATIO = 5.0
CPU = torch.device("cpu")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--width", type=int, default=16, help="filters of the network's first level")
    parser.add_argument("--fills", type=int, default=48, help="AR fills that the restore task is measured on")
    parser.add_argument("--one-core", action="store_true", help="leave out the runs of two processes")
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    numbers: dict[str, float] = {}

    def tell(name: str, value: float) -> None:
        numbers[name] = value
        print(f"{name:55s} {value:8.1f}", flush=True)

    tell("cores", os.cpu_count() or 1)
    tell("load before", os.getloadavg()[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_music(folder / "music")
        mono = decoded(folder, PrepareSettings(16_000, mono=True))
        native = decoded(folder, PrepareSettings(None, mono=False))
        began = time.process_time()
        make_fills(native, folder / "fills", options.fills, shard_examples=options.fills)
        tell("AR fills made/s", options.fills / (time.process_time() - began))
        fills = RestoreExamples(Fills(folder / "fills"), 0, FeatureSettings(power=RESTORE_POWER))
        paper = PaperExamples(mono, 0)
        tasks = {
            "paper": PaperTask(paper, paper, FeatureSettings(prefill="linear")),
            "restore": RestoreTask(fills, fills),
        }
        for name, task in tasks.items():
            supplied = rate(lambda first, task=task: task.train.batch(first, BATCH), options.seconds)
            consumed = rate(step_of(task, options.width), options.seconds)
            tell(f"{name}: examples supplied/s", supplied)
            tell(f"{name}: patches consumed/s (one core, bf16)", consumed)
            tell(f"{name}: supplied over consumed", supplied / consumed)
        ways = (("one process, two threads", 1, 2), ("two processes", 2, 1))
        for busy in () if options.one_core else (False, True):
            for words, processes, threads in ways:
                run = folder / f"run-{processes}-{busy}"
                how = Launch(processes, threads, options.width, options.seconds / (4 if busy else 1))
                with company() if busy else nullcontext():
                    tell(f"{words}{', machine busy' * busy}: patches/s", trained(folder, run, how))
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")
    enough = all(v >= NEEDED_RATIO for name, v in numbers.items() if name.endswith("over consumed"))
    return 0 if enough else 1


def write_music(root: Path) -> None:
    """Six stereo tracks of 20 s at 44.1 kHz."""
    rng = np.random.default_rng(0)
    t = np.arange(20 * 44_100) / 44_100
    for number in range(6):
        (root / "Rock").mkdir(parents=True, exist_ok=True)
        chord = sum(np.sin(2 * np.pi * f * t) for f in rng.uniform(60, 6000, 10)) / 40
        stereo = np.stack([chord, chord], axis=1) + rng.normal(0, 0.01, (t.size, 2))
        soundfile.write(root / "Rock" / f"{number}.wav", stereo, 44_100)


def decoded(folder: Path, settings: PrepareSettings) -> Cache:
    return prepare(scan_library(folder / "music"), folder / f"cache-{settings.rate_hz}", settings)[0]


def rate(work: Callable[[int], object], seconds: float) -> float:
    """Examples a second of one core: the best fifth of batches, after one to warm up."""
    work(0)
    spent: list[float] = []
    while sum(spent) < seconds:
        began = time.process_time()
        work(len(spent) * BATCH)
        spent.append(time.process_time() - began)
    return BATCH / float(np.quantile(spent, 0.2))


def step_of(task: PaperTask | RestoreTask, width: int) -> Callable[[int], object]:
    """Forward and backward through the network on examples that are ready, as the training does it."""
    network = build(NetworkSettings("res-unet-v2", width, task.in_channels))
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)
    batch = task.train.batch(0, BATCH)
    ready = copy(task.train)
    ready.batch = lambda first, count: batch  # type: ignore[method-assign,assignment,return-value]
    task = replace(task, train=ready, validation=ready)  # type: ignore[arg-type]

    def step(first: int) -> object:
        with torch.autocast("cpu", torch.bfloat16):
            loss = task.loss(network, first, BATCH, CPU)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


@contextmanager
def company() -> Iterator[None]:
    """Another program that keeps a core busy meanwhile."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


@dataclass(frozen=True)
class Launch:
    """How the real command is started."""

    processes: int
    threads: int
    width: int
    seconds: float


def trained(folder: Path, run: Path, how: Launch) -> float:
    """Patches a second of the real command, by its own report, the first of which is left out."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(how.processes)]
    command = [sys.executable, *(launch if how.processes > 1 else []), "-m", "restore_audio", "train"]
    command += ["--data", str(folder / "cache-16000"), "--validation", str(folder / "cache-16000")]
    command += ["--task", "paper", "--width", str(how.width), "--batch", str(BATCH)]
    patches = BATCH * max(8, round(2 * how.seconds))
    command += ["--examples", str(patches), "--threads", str(how.threads), "--device", "cpu"]
    command += ["--run-folder", str(run), "--report-steps", "2", "--quiet"]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": str(how.threads)})
    rates = [line["patches_per_s"] for line in read_metrics(run / "metrics.jsonl") if "loss" in line]
    return float(np.quantile(rates[1:] or rates, 0.8))


if __name__ == "__main__":
    sys.exit(main())
