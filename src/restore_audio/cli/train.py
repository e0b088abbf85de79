"""``restore-audio train``: train one of the six networks."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RestoreError, UsageError
from ..show.console import Console

if TYPE_CHECKING:
    from ..learn.tasks import Task

DATA = "Music"
NETWORK = "What is trained"
BUDGET = "How long (one of them)"
PROTOCOL = "How"
RUN = "The run"


class Network(StrEnum):
    """The six."""

    UNET = "unet"
    UNET_V2 = "unet-v2"
    RES_UNET = "res-unet"
    RES_UNET_V2 = "res-unet-v2"
    ATTENTION_UNET = "attention-unet"
    ATTENTION_RES_UNET = "attention-res-unet"


class TaskName(StrEnum):
    """What is learnt."""

    PAPER = "paper"
    RESTORE = "restore"


class Schedule(StrEnum):
    """How the learning rate moves."""

    COSINE = "cosine"
    FIXED = "fixed"


class Level(StrEnum):
    """What a patch is divided by."""

    PATCH = "patch"
    GLOBAL = "global"


class Prefill(StrEnum):
    """What the network finds in lost frames."""

    NONE = "none"
    LINEAR = "linear"


class Loss(StrEnum):
    """What is made small."""

    PSNR = "psnr"
    MSE = "mse"


class Sampling(StrEnum):
    """Where patches are cut."""

    RANDOM = "random"
    GRID = "grid"


def train(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="DIR",
            help="FMA's folder, genre/track files, or a cache of 'data prepare'.",
            rich_help_panel=DATA,
        ),
    ],
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Music to validate on; else FMA's split, or one track in ten.",
            rich_help_panel=DATA,
        ),
    ] = None,
    genre: Annotated[
        list[str] | None,
        typer.Option("--genre", help="Only this genre; can be repeated.", rich_help_panel=DATA),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            metavar="FILE",
            help="FMA's split: read if it exists, else drawn and written.",
            rich_help_panel=DATA,
        ),
    ] = None,
    fills: Annotated[
        int,
        typer.Option(
            min=1, help="AR fills made ahead of training (restore task).", rich_help_panel=DATA
        ),
    ] = 20_000,
    network: Annotated[
        Network, typer.Option(help="Which of the paper's networks.", rich_help_panel=NETWORK)
    ] = Network.RES_UNET_V2,
    task: Annotated[
        TaskName,
        typer.Option(
            help="paper: random frames lost, as in the paper. restore: what 'fix' uses.",
            rich_help_panel=NETWORK,
        ),
    ] = TaskName.RESTORE,
    width: Annotated[
        int, typer.Option(min=1, help="Filters of the first level; the paper has 32.", rich_help_panel=NETWORK)
    ] = 16,
    minutes: Annotated[
        float, typer.Option(min=0.0, help="Minutes to train, over resumed parts too.", rich_help_panel=BUDGET)
    ] = 0.0,
    epochs: Annotated[
        float, typer.Option(min=0.0, help="Times through the training patches.", rich_help_panel=BUDGET)
    ] = 0.0,
    examples: Annotated[
        int, typer.Option(min=0, help="Patches to see.", rich_help_panel=BUDGET)
    ] = 0,
    batch: Annotated[
        int, typer.Option(min=1, help="Patches of a step, over all processes.", rich_help_panel=PROTOCOL)
    ] = 29,
    learning_rate: Annotated[
        float, typer.Option(min=1e-7, max=1.0, help="Adam's learning rate.", rich_help_panel=PROTOCOL)
    ] = 1e-3,
    schedule: Annotated[
        Schedule,
        typer.Option(help="Warm-up and cosine, or fixed as in the paper.", rich_help_panel=PROTOCOL),
    ] = Schedule.COSINE,
    level: Annotated[
        Level,
        typer.Option(
            help="Divide by the patch's level, or globally as in the paper (paper task).",
            rich_help_panel=PROTOCOL,
        ),
    ] = Level.PATCH,
    power: Annotated[
        float,
        typer.Option(
            min=0.1, max=1.0, help="Compression of magnitudes; the paper has 1.", rich_help_panel=PROTOCOL
        ),
    ] = 0.5,
    prefill: Annotated[
        Prefill,
        typer.Option(
            help="What stands in lost frames at the network's input; none in the paper.",
            rich_help_panel=PROTOCOL,
        ),
    ] = Prefill.LINEAR,
    loss: Annotated[
        Loss,
        typer.Option(help="mse as in the paper, or the PSNR itself (paper task).", rich_help_panel=PROTOCOL),
    ] = Loss.PSNR,
    sampling: Annotated[
        Sampling,
        typer.Option(
            help="Cut patches anywhere, or on the paper's grid (paper task).", rich_help_panel=PROTOCOL
        ),
    ] = Sampling.RANDOM,
    average: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.99999, help="Decay of the weights' moving average.", rich_help_panel=PROTOCOL
        ),
    ] = 0.999,
    clip_norm: Annotated[
        float, typer.Option(min=1e-3, help="Largest norm of a gradient.", rich_help_panel=PROTOCOL)
    ] = 1.0,
    bf16: Annotated[
        bool, typer.Option(help="Convolutions in bfloat16.", rich_help_panel=PROTOCOL)
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of everything drawn.", rich_help_panel=PROTOCOL)] = 0,
    run: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for all that is written.", rich_help_panel=RUN)
    ] = Path("runs/latest"),
    work: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder for decoded music and AR fills, kept.", rich_help_panel=RUN
        ),
    ] = Path("cache"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's checkpoint.", rich_help_panel=RUN)
    ] = False,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda or mps.", rich_help_panel=RUN)
    ] = "auto",
    threads: Annotated[
        int,
        typer.Option(
            min=0, help="CPU threads of a process; 0 lets PyTorch choose.", rich_help_panel=RUN
        ),
    ] = 1,
    validate_minutes: Annotated[
        float, typer.Option(min=0.01, help="Minutes between validations.", rich_help_panel=RUN)
    ] = 4.0,
    checkpoint_minutes: Annotated[
        float, typer.Option(min=0.01, help="Minutes between checkpoints.", rich_help_panel=RUN)
    ] = 3.0,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Curves, spectrograms and sounds for TensorBoard.", rich_help_panel=RUN
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but errors.", rich_help_panel=RUN)
    ] = False,
) -> None:
    """Train one of the paper's networks, on FMA or any music.

    The run's folder gets the checkpoint (state.safetensors), the best weights (best.safetensors, for
    'fix --model'), metrics.jsonl and convergence.png. Several processes: torchrun --nproc-per-node 2 -m
    restore_audio train ...
    """
    if sum(bool(budget) for budget in (minutes, epochs, examples)) != 1:
        raise UsageError("Give the training one budget: --minutes, --epochs or --examples.")
    import torch

    from ..learn.distributed import Workers
    from ..learn.sources import Sources, paper_task, restore_task
    from ..learn.train import TrainSettings
    from ..learn.train import train as run_training
    from ..network.device import choose_device
    from ..network.features import FeatureSettings

    if threads:
        torch.set_num_threads(threads)
    console = Console(quiet=quiet)
    chosen, why = choose_device(device)
    workers = Workers.from_environment(chosen)
    if batch % workers.count:
        raise UsageError(
            f"--batch {batch} cannot be shared evenly by {workers.count} processes: use a multiple."
        )
    say = console.say if workers.first else (lambda _: None)
    say(f"Training on {chosen}: {why}.")
    sources = Sources(data, validation, work, split, tuple(genre or ()), seed, fills)

    def prepare_task() -> Task:
        if task is TaskName.RESTORE:
            return restore_task(sources, say=say)
        return paper_task(
            sources,
            features=FeatureSettings(level.value, power, prefill.value),
            loss_name=loss.value,
            sampling=sampling.value,
            say=say,
        )

    # Decoding and filling happen once: the other processes find what the first has made.
    if not workers.first:
        workers.wait()
    what = prepare_task()
    if workers.first:
        workers.wait()
    settings = TrainSettings(
        network=network.value,
        width=width,
        batch=batch,
        learning_rate=learning_rate,
        schedule=schedule.value,
        examples=examples or round(epochs * len(what)),
        minutes=minutes,
        average_decay=average,
        clip_norm=clip_norm,
        bf16=bf16,
        validate_minutes=validate_minutes,
        checkpoint_minutes=checkpoint_minutes,
        seed=seed,
    )
    say(f"{len(what)} training patches an epoch; the run is in {run}.")
    board = _board(run) if tensorboard and workers.first else None

    def report(line: dict[str, Any]) -> None:
        say(_sentence(line))
        if board is not None:
            board.add(line)

    try:
        state = run_training(
            what,
            settings,
            run,
            device=torch.device(chosen),
            resume=resume,
            description={"data": str(data), "command": " ".join(["restore-audio", *sys.argv[1:]])},
            report=report,
            workers=workers,
        )
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RestoreError(
            f"There is not enough memory to train {network.value} of width {width} with batches of {batch}: "
            f"use a smaller --batch or --width ({str(error).splitlines()[0][:80]})."
        ) from None
    if workers.first:
        _finish(run, what, say)
        if board is not None:
            board.finish(what, state.average, torch.device(chosen))


def _sentence(line: dict[str, Any]) -> str:
    if "validation" in line:
        metrics = ", ".join(f"{name} {value:.3f}" for name, value in line["validation"].items())
        return f"validation after {line['examples']} patches: {metrics}" + (" (best)" if line["best"] else "")
    return (
        f"step {line['step']}: loss {line['loss']:.4f}, {line['patches_per_s']:.1f} patches/s, "
        f"{100 * line['progress']:.1f} %"
    )


def _finish(run: Path, task: Task, say: Any) -> None:
    from ..show.convergence import plot_convergence

    picture = plot_convergence([run / "metrics.jsonl"], run / "convergence.png", task.score_name)
    if picture is None:
        say("No convergence.png: matplotlib is missing (pip install 'restore-audio[plots]').")


def _board(run: Path) -> Any:
    from ..show.tensorboard import Board

    return Board(run)
