"""``restore-audio train``: train one of the networks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import RestoreError, UsageError
from ..network.networks import NETWORKS
from ..show.console import Console
from ..show.progress import TimeLeft
from . import train_options as options

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ..train.tasks import Task


class StoppedError(RestoreError):
    """The training was stopped; its checkpoint is there."""

    exit_code = 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(train)


def train(  # noqa: C901 (checks of its many options)
    data: options.Data,
    validation: options.Validation = None,
    genre: options.Genres = None,
    split: options.Split = None,
    fills: options.FillCount = None,
    jobs: options.Jobs = 1,
    network: options.Network = "res-unet-v2",
    task: options.Task = "restore",
    width: options.Width = 16,
    minutes: options.Minutes = 0.0,
    epochs: options.Epochs = 0.0,
    examples: options.Examples = 0,
    batch: options.Batch = 29,
    learning_rate: options.LearningRate = 1e-3,
    schedule: options.Schedule = "cosine",
    power: options.Power = None,
    average: options.Average = 0.999,
    clip_norm: options.ClipNorm = 1.0,
    bf16: options.Bf16 = True,
    seed: options.Seed = 0,
    level: options.Level = "patch",
    prefill: options.Prefill = "linear",
    loss: options.Loss = "psnr",
    sight: options.Sight = "tile",
    log_loss: options.LogLoss = 0.0,
    consistency_loss: options.ConsistencyLoss = 0.0,
    sampling: options.Sampling = "random",
    run: options.Run = None,
    work: options.Work = Path("cache"),
    resume: options.Resume = False,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    validate_minutes: options.ValidateMinutes = 4.0,
    validate_examples: options.ValidateExamples = 0,
    checkpoint_minutes: options.CheckpointMinutes = 3.0,
    report_steps: options.ReportSteps = 20,
    tensorboard: options.TensorBoard = False,
    quiet: options.Quiet = False,
) -> None:
    """Train one of the paper's networks, or of related systems, on FMA or any music.

    The run's folder gets the checkpoint (state.safetensors), the best weights (best.safetensors, for
    'fix --model'), metrics.jsonl and convergence.png. Ctrl-C writes a checkpoint and stops.

    The paper's own protocol: --task paper --width 32 --batch 58 --epochs 100 --schedule fixed --average 0
    --level global --power 1 --prefill none --loss mse --sampling grid

    Several processes, or GPUs: torchrun --nproc-per-node 2 -m restore_audio train --batch 58
    --run-folder DIR ...; on CPU each process takes batch statistics over its own share.

    Examples:
        restore-audio train --data music/ --minutes 90 --run runs/restore
        restore-audio train --data music/ --minutes 180 --run runs/restore --resume
        restore-audio train --data music/ --minutes 90 --network res-unet-v2-axial --log-loss 0.1
        restore-audio train --data fma/ --task paper --epochs 100 --tensorboard
        restore-audio train --data music/ --task super-resolution --network tfnet --minutes 30
        restore-audio train --data music/ --task context-encoder --network context-encoder --minutes 30
    """
    if sum(bool(budget) for budget in (minutes, epochs, examples)) != 1:
        raise UsageError("A training needs one budget: give --minutes, --epochs or --examples.")
    if task not in NETWORKS[network].tasks:
        able = ", ".join(name for name, architecture in NETWORKS.items() if task in architecture.tasks)
        raise UsageError(
            f"The network {network} cannot be trained for the task '{task}': give one of {able}."
        )
    run = run or Path("runs") / f"{task}-{network}"
    _check_run(run, resume)
    from ..show.tensorboard import Board, require_tensorboard

    if tensorboard:
        require_tensorboard()
    import torch

    from ..network.device import choose_device
    from ..network.features import FeatureSettings
    from ..train.distributed import Workers
    from ..train.loop import TrainSettings
    from ..train.loop import train as run_training
    from ..train.losses import RestoreLoss
    from ..train.setup import Sources, fills_for, paper_task, related_task, restore_task
    from ..train.tasks import PAPER_POWER, RESTORE_POWER

    if threads:
        torch.set_num_threads(threads)
    chosen, why = choose_device(device)
    with Workers.joined(chosen) as workers, enough_memory(network, width, batch):
        if batch % workers.count:
            raise UsageError(
                f"--batch {batch} cannot be shared evenly by {workers.count} processes: give a multiple."
            )
        console = Console(verbosity=-1 if quiet or not workers.first else 0)
        console.say(f"Training on {chosen}: {why}.")
        wanted = fills or fills_for(examples=examples, minutes=minutes)
        sources = Sources(data, validation, work, split, tuple(genre or ()), seed, wanted, jobs)

        def prepare_task() -> Task:
            if task == "restore":
                return restore_task(
                    sources,
                    features=FeatureSettings(power=power or RESTORE_POWER, sight=sight),
                    added=RestoreLoss(log_loss, consistency_loss),
                    say=console.say,
                    bar=console.progress,
                )
            if task != "paper":
                return related_task(sources, task, say=console.say, bar=console.progress)
            features = FeatureSettings(level, power or PAPER_POWER, prefill)
            return paper_task(
                sources,
                features=features,
                loss_name=loss,
                sampling=sampling,
                say=console.say,
                bar=console.progress,
            )

        what = workers.one_after_the_first(prepare_task)
        settings = TrainSettings(
            network=network,
            width=width,
            batch=batch,
            learning_rate=learning_rate,
            schedule=schedule,
            examples=examples or round(epochs * len(what)),
            minutes=minutes,
            average_decay=average,
            clip_norm=clip_norm,
            bf16=bf16,
            validate_minutes=validate_minutes,
            validate_examples=validate_examples,
            checkpoint_minutes=checkpoint_minutes,
            report_steps=report_steps,
            seed=seed,
        )
        console.say(f"{len(what)} training patches an epoch; the run is in {run}.")
        board = Board(run) if tensorboard and workers.first else None

        left = TimeLeft()

        def report(line: dict[str, Any]) -> None:
            if "progress" in line:
                left.tell(line["progress"])
            console.say(", ".join(part for part in (_sentence(line), left.text()) if part))
            if board is not None:
                board.add(line)

        def look(best: nn.Module, step: int) -> None:
            if board is not None:
                board.show(what.pictures(best, torch.device(chosen)), step)

        state = run_training(
            what,
            settings,
            run,
            device=torch.device(chosen),
            resume=resume,
            description={"data": str(data), "command": " ".join(["restore-audio", *sys.argv[1:]])},
            report=report,
            look=look,
            workers=workers,
        )
        if workers.first:
            _draw(run, what.score_name, console.say)
        if board is not None:
            board.close()
    if state.interrupted and workers.first:
        raise StoppedError(
            f"Interrupted after {state.examples} patches: the same command with --resume goes on."
        )


def _check_run(run: Path, resume: bool) -> None:
    there = (run / "state.safetensors").exists()
    if there and not resume:
        raise UsageError(
            f"{run} holds a training already: go on with --resume, or give another --run folder."
        )
    if resume and not there:
        raise UsageError(f"{run} holds no checkpoint to go on from: leave out --resume to start.")


@contextmanager
def enough_memory(network: str, width: int, batch: int) -> Iterator[None]:
    """One sentence for each way in which PyTorch says that memory is short."""
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:
        first = (str(error).splitlines() or [""])[0]
        short = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not (short or "memory" in first.lower()):
            raise
        raise RestoreError(
            f"There is not enough memory to train {network} of width {width} with batches of {batch}: "
            f"give a smaller --batch or --width."
        ) from None


def _sentence(line: dict[str, Any]) -> str:
    if "validation" in line:
        metrics = ", ".join(f"{name} {value:.3f}" for name, value in line["validation"].items())
        return f"validation after {line['examples']} patches: {metrics}" + (" (best)" if line["best"] else "")
    return (
        f"step {line['step']}: loss {line['loss']:.4f}, {line['patches_per_s']:.1f} patches/s, "
        f"{100 * line['progress']:.1f} %"
    )


def _draw(run: Path, score_name: str, say: Callable[[str], None]) -> None:
    from ..show.convergence import plot_convergence

    picture = plot_convergence([run / "metrics.jsonl"], run / "convergence.png", score_name)
    if picture is None:
        say("No convergence.png: matplotlib is missing (pip install matplotlib).")
