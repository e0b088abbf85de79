"""Two processes train one network together."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from torch import nn

from restore_audio.cli.app import main
from restore_audio.network.checkpoint import load
from restore_audio.network.maps import FeatureSettings
from restore_audio.network.networks import NetworkSettings, build
from restore_audio.train.distributed import Workers
from restore_audio.train.loop import TrainSettings
from restore_audio.train.metrics_log import read_metrics
from restore_audio.train.setup import Sources, paper_task

RATE_HZ = 16_000
EXAMPLES = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    for number in range(3):
        (root / "Rock").mkdir(exist_ok=True)
        tone = np.sin(2 * np.pi * 300 * (number + 1) * np.arange(2 * RATE_HZ) / RATE_HZ)
        soundfile.write(root / "Rock" / f"{number}.wav", 0.3 * tone + rng.normal(0, 0.05, tone.size), RATE_HZ)
    return root


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def arguments(folder: Path, work: Path, run: Path, *more: object) -> list[str]:
    """Training in full precision at a fixed rate, so that only the processes differ."""
    what = ["--task", "paper", "--width", 2, "--batch", 4, "--no-bf16", "--schedule", "fixed"]
    how = ["--threads", 1, "--device", "cpu", "--report-steps", 1, "--run-folder", run]
    music = ["--data", folder, "--validation", folder, "--work", work]
    return [str(argument) for argument in ("train", *music, *what, *how, *more)]


def two_processes(*options: object) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *launcher, "-m", "restore_audio", *arguments(*options)],  # type: ignore[arg-type]
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def side_by_side(*options: object) -> list[tuple[int, str]]:
    """Status and standard error of two processes that meet as torchrun's do, without torchrun."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "restore_audio", *arguments(*options)]  # type: ignore[arg-type]
    processes = [
        subprocess.Popen(
            words,
            env={**os.environ, **group, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]
    said = [process.communicate(timeout=300)[1] for process in processes]
    return [(process.returncode, error) for process, error in zip(processes, said, strict=True)]


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_metrics(run / "metrics.jsonl") if "loss" in line]


@pytest.fixture(scope="module")
def alone(folder: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process over everything."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    assert main(arguments(folder, work, run, "--examples", EXAMPLES)) == 0
    return run


@dataclass
class Together:
    """Two processes over the first half, then one over the second."""

    run: Path
    said: list[str]
    first_losses: list[float]


@pytest.fixture(scope="module")
def together(alone: Path, folder: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> Together:
    run = tmp_path_factory.mktemp("runs") / "together"
    half = two_processes(folder, work, run, "--examples", EXAMPLES // 2)
    assert half.returncode == 0, half.stderr
    first = losses(run)
    shutil.copy(run / "state.safetensors", run / "half.safetensors")
    assert main(arguments(folder, work, run, "--examples", EXAMPLES, "--resume")) == 0
    return Together(run, half.stderr.splitlines(), first)


def averaged_by_hand(folder: Path, work: Path, steps: int) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Losses and weights of one process that averages the gradients of two half batches itself."""
    sources = Sources(folder, folder, work)
    features = FeatureSettings("patch", prefill="linear")
    task = paper_task(sources, features=features, loss_name="psnr", sampling="random", say=lambda line: None)
    settings = TrainSettings(width=2, batch=4)
    network = build(NetworkSettings(settings.network, settings.width, task.in_channels), settings.seed)
    network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, (0.9, 0.999), eps=1e-7)
    found = []
    for step in range(steps):
        halves = [task.loss(network, 4 * step + start, 2, torch.device("cpu")) for start in (0, 2)]
        loss = torch.stack(halves).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimizer.step()
        found.append(float(loss.detach()))
    return found, dict(network.named_parameters())


def test_gradients_of_the_shares_are_averaged(together: Together, folder: Path, work: Path) -> None:
    by_hand, weights = averaged_by_hand(folder, work, EXAMPLES // 2 // 4)
    np.testing.assert_allclose(together.first_losses, by_hand, rtol=1e-4)
    theirs = load_file(together.run / "half.safetensors")
    a, b = (
        torch.cat([value.detach().flatten() for _, value in sorted(values)])
        for values in (weights.items(), [(name, theirs[f"network.{name}"]) for name in weights])
    )
    assert (a - b).norm() < 1e-3 * a.norm()  # as a whole: Adam makes whole steps of rounding errors


def test_statistics_of_a_share_are_near_those_of_the_batch(alone: Path, together: Together) -> None:
    np.testing.assert_allclose(together.first_losses, losses(alone)[: EXAMPLES // 2 // 4], rtol=0.2)


def test_one_process_goes_on_where_two_stopped(alone: Path, together: Together) -> None:
    assert len(losses(together.run)) == EXAMPLES // 4
    assert losses(together.run)[: EXAMPLES // 2 // 4] == together.first_losses
    one, two = (load_file(run / "state.safetensors") for run in (alone, together.run))
    assert one.keys() == two.keys()
    load(together.run / "best.safetensors")


def test_only_the_first_process_speaks(together: Together) -> None:
    assert sum("Training on cpu" in line for line in together.said) == 1
    assert sum(line.startswith("step 1:") for line in together.said) == 1
    assert not any("Warning" in line for line in together.said)


def test_two_processes_go_on_where_one_stopped(alone: Path, folder: Path, work: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(arguments(folder, work, run, "--examples", EXAMPLES // 2)) == 0
    for status, error in side_by_side(folder, work, run, "--examples", EXAMPLES, "--resume"):
        assert status == 0, error
    half = EXAMPLES // 2 // 4
    assert losses(run)[:half] == losses(alone)[:half]
    np.testing.assert_allclose(losses(run)[half:], losses(alone)[half:], rtol=0.2)


def test_a_batch_that_two_cannot_share_is_one_sentence(folder: Path, work: Path, tmp_path: Path) -> None:
    sentence = "restore-audio: --batch 5 cannot be shared evenly by 2 processes: give a multiple."
    for status, error in side_by_side(folder, work, tmp_path / "run", "--examples", 5, "--batch", 5):
        assert status == 2
        assert error.splitlines() == [sentence]
    assert not (tmp_path / "run").exists()


def test_shares_cover_a_batch_once() -> None:
    shares = [Workers(rank, 4).share(12) for rank in range(4)]
    assert [number for share in shares for number in share] == list(range(12))
    assert {len(share) for share in shares} == {3}
