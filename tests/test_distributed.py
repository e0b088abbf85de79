"""Two processes train the network that one would have trained."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from torch import distributed as dist
from torch import nn

from restore_audio.cli.app import main
from restore_audio.learn.distributed import GroupBatchNorm, Share, Workers
from restore_audio.learn.metrics_log import read_metrics
from restore_audio.network.checkpoint import load

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
    assert main(arguments(folder, work, run, "--examples", EXAMPLES, "--resume")) == 0
    return Together(run, half.stderr.splitlines(), first)


def test_two_processes_follow_the_loss_curve_of_one(alone: Path, together: Together) -> None:
    assert len(together.first_losses) == EXAMPLES // 2 // 4
    np.testing.assert_allclose(together.first_losses, losses(alone)[: EXAMPLES // 2 // 4], rtol=1e-3)


def test_one_process_goes_on_where_two_stopped(alone: Path, together: Together) -> None:
    assert len(losses(together.run)) == EXAMPLES // 4
    np.testing.assert_allclose(losses(together.run), losses(alone), rtol=2e-3)
    one, two = (load_file(run / "state.safetensors") for run in (alone, together.run))
    assert one.keys() == two.keys()
    # As a whole: where a gradient is zero but for rounding, Adam still makes whole steps.
    weights, theirs = (
        torch.cat([values[name].double().flatten() for name in sorted(values) if name.startswith("average.")])
        for values in (one, two)
    )
    assert (theirs - weights).norm() < 0.005 * weights.norm()
    load(together.run / "best.safetensors")


def test_only_the_first_process_speaks(together: Together) -> None:
    assert sum("Training on cpu" in line for line in together.said) == 1
    assert sum(line.startswith("step 1:") for line in together.said) == 1
    assert not any("Warning" in line for line in together.said)


def test_two_processes_go_on_where_one_stopped(alone: Path, folder: Path, work: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(arguments(folder, work, run, "--examples", EXAMPLES // 2)) == 0
    done = two_processes(folder, work, run, "--examples", EXAMPLES, "--resume")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(losses(run), losses(alone), rtol=2e-3)


def test_a_batch_that_two_cannot_share_is_one_sentence(folder: Path, work: Path, tmp_path: Path) -> None:
    done = two_processes(folder, work, tmp_path / "run", "--examples", 5, "--batch", 5)
    assert done.returncode != 0
    sentence = "restore-audio: --batch 5 cannot be shared evenly by 2 processes: give a multiple."
    assert sentence in done.stderr.splitlines()
    assert not (tmp_path / "run").exists()


def test_shares_cover_a_batch_once() -> None:
    shares = [Workers(rank, 4).share(12) for rank in range(4)]
    assert shares == [Share(0, 3), Share(3, 3), Share(6, 3), Share(9, 3)]


@pytest.fixture
def world_of_one(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("world_of_one")
def test_group_normalisation_of_one_process_is_batch_normalisation() -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(3, eps=1e-3, momentum=0.1)
    nn.init.normal_(plain.weight)
    nn.init.normal_(plain.bias)
    group = GroupBatchNorm.of(plain)
    target = torch.randn(4, 3, 8, 8)
    for step in range(3):
        inputs = []
        for norm in (plain, group):
            torch.manual_seed(step)
            x = (torch.randn(4, 3, 8, 8) * 3 + 5).requires_grad_()
            norm.zero_grad()
            y = norm(x)
            (y - target).square().sum().backward()
            inputs.append((y.detach(), x.grad))
        for ours, theirs in zip(inputs[1], inputs[0], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(group.weight.grad, plain.weight.grad, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(group.bias.grad, plain.bias.grad, rtol=1e-3, atol=1e-3)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(group.state_dict()[name], value, rtol=1e-4, atol=1e-4)
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(group.eval()(x), plain.eval()(x))


@pytest.mark.usefixtures("world_of_one")
def test_group_statistics_of_bfloat16_are_in_full_precision() -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(8)
    group = GroupBatchNorm.of(plain)
    x = (torch.randn(4, 8, 32, 32) * 2 + 3).bfloat16().to(memory_format=torch.channels_last)
    assert group(x).dtype == plain(x).dtype == torch.bfloat16
    assert group.running_mean is not None
    torch.testing.assert_close(group.running_mean, plain.running_mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(group.running_var, plain.running_var, rtol=1e-5, atol=1e-6)
