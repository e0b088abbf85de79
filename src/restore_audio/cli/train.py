"""``restore-audio train``: train one of the networks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

from ..errors import RestoreError, UsageError
from ..network.networks import NETWORKS
from ..settings import (
    DEVICES,
    LevelName,
    LossName,
    PrefillName,
    SamplingName,
    ScheduleName,
    SightName,
    TaskName,
)
from ..show.console import Console
from ..show.progress import TimeLeft
from .options import RUN, choice, panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ..train.tasks import Task


DATA = panel("Music")
WHAT = panel("What is trained")
BUDGET = panel("How long (one of them)")
PROTOCOL = panel("How")
PAPER = panel("How, in the paper's task only")
RESTORE = panel("How, in the restore task only")


class StoppedError(RestoreError):
    """The training was stopped; its checkpoint is there."""

    exit_code = 130


def train(  # noqa: C901 (checks of its many options)
    data: Annotated[Path, DATA("--data", metavar="DIR")],
    validation: Annotated[Path | None, DATA(metavar="DIR")] = None,
    genre: Annotated[list[str] | None, DATA("--genre", metavar="NAME")] = None,
    split: Annotated[Path | None, DATA(metavar="FILE")] = None,
    fills: Annotated[int | None, DATA("--fills", metavar="N", min=1)] = None,
    jobs: Annotated[int, DATA("--jobs", "-j", metavar="N", min=1)] = 1,
    network: Annotated[str, choice(WHAT, NETWORKS)] = "res-unet-v2",
    task: Annotated[TaskName, choice(WHAT, get_args(TaskName))] = "restore",
    width: Annotated[int, WHAT(metavar="N", min=1, max=256)] = 16,
    minutes: Annotated[float, BUDGET(metavar="MINUTES", min=0.0, show_default=False)] = 0.0,
    epochs: Annotated[float, BUDGET(metavar="X", min=0.0, show_default=False)] = 0.0,
    examples: Annotated[int, BUDGET(metavar="N", min=0, show_default=False)] = 0,
    batch: Annotated[int, PROTOCOL(metavar="N", min=1)] = 29,
    learning_rate: Annotated[float, PROTOCOL(metavar="X", min=1e-7, max=1.0)] = 1e-3,
    schedule: Annotated[ScheduleName, choice(PROTOCOL, get_args(ScheduleName))] = "cosine",
    power: Annotated[float | None, PROTOCOL(metavar="X", min=0.1, max=1.0)] = None,
    average: Annotated[float, PROTOCOL(metavar="X", min=0.0, max=0.99999)] = 0.999,
    clip_norm: Annotated[float, PROTOCOL(metavar="X", min=1e-3)] = 1.0,
    bf16: Annotated[bool, PROTOCOL()] = True,
    seed: Annotated[int, PROTOCOL(metavar="N", min=0)] = 0,
    level: Annotated[LevelName, choice(PAPER, get_args(LevelName))] = "patch",
    prefill: Annotated[PrefillName, choice(PAPER, get_args(PrefillName))] = "linear",
    loss: Annotated[LossName, choice(PAPER, get_args(LossName))] = "psnr",
    sight: Annotated[SightName, choice(RESTORE, get_args(SightName))] = "tile",
    log_loss: Annotated[float, RESTORE(metavar="X", min=0.0)] = 0.0,
    consistency_loss: Annotated[float, RESTORE(metavar="X", min=0.0)] = 0.0,
    sampling: Annotated[SamplingName, choice(PAPER, get_args(SamplingName))] = "random",
    # torchrun takes a --run for its own --run-path, even behind the module's name
    run: Annotated[Path | None, RUN("--run", "--run-folder", metavar="DIR")] = None,
    work: Annotated[Path, RUN(metavar="DIR")] = Path("cache"),
    resume: Annotated[bool, RUN("--resume")] = False,
    start: Annotated[Path | None, RUN(metavar="FILE")] = None,
    device: Annotated[str, choice(RUN, DEVICES)] = "auto",
    threads: Annotated[int, RUN(metavar="N", min=0)] = 0,
    validate_minutes: Annotated[float, RUN(metavar="MINUTES", min=0.01)] = 4.0,
    validate_examples: Annotated[int, RUN(metavar="N", min=0)] = 0,
    checkpoint_minutes: Annotated[float, RUN(metavar="MINUTES", min=0.01)] = 3.0,
    report_steps: Annotated[int, RUN(metavar="N", min=1)] = 20,
    tensorboard: Annotated[bool, RUN("--tensorboard")] = False,
    quiet: Annotated[bool, RUN("--quiet", "-q")] = False,
) -> None:
    """Train one of the paper's networks, or of related systems, on FMA or any music.

    The run's folder gets the checkpoint (state.safetensors), the best weights (best.safetensors, for
    'fix --model'), metrics.jsonl and convergence.png. Ctrl-C writes a checkpoint and stops.

    The paper's own protocol: --task paper --width 32 --batch 58 --epochs 100 --schedule fixed --average 0
    --level global --power 1 --prefill none --loss mse --sampling grid

    Several processes, or GPUs: torchrun --nproc-per-node 2 -m restore_audio train --batch 58
    --run-folder DIR ...; on CPU each process takes batch statistics over its own share.

    Args:
        data: FMA's folder, genre/track files, or a cache of 'data prepare'.
        validation: Music to validate on; else FMA's split, or one track in ten.
        genre: Only this genre.
        split: FMA's split: read if it exists, else drawn and written.
        fills: Gaps filled by AR ahead of training (restore task); otherwise an eighth of the patches of the
            budget, at most 100,000.
        jobs: Processes that make AR fills.
        network: The paper's six, what it meant to try, and tfnet and context-encoder for tasks of their own;
            res-unet-v2 is the one that ships.
        task: restore: what 'fix' uses. paper: random frames lost, as in the paper. super-resolution: a lost
            upper band. context-encoder: 64 ms at 16 kHz.
        width: Filters of the first level; the paper has 32.
        minutes: Minutes to train, over resumed parts too.
        epochs: Times through the training patches.
        examples: Patches to see.
        batch: Patches of a step, over all processes; the paper has 58.
        learning_rate: Adam's learning rate, at its highest.
        schedule: Warm-up and cosine decay, or fixed as in the paper.
        power: Exponent that compresses magnitudes (1 in the paper); else 0.5, or 0.3 to restore.
        average: Decay of the weights' moving average, which is what is kept.
        clip_norm: Largest norm of a gradient.
        bf16: Convolutions in bfloat16: twice as fast where the processor knows it.
        seed: Seed of weights, examples and splits.
        level: Divide a patch by its own level, or all by one number as in the paper.
        prefill: What the network finds in lost frames: a straight line, or nothing.
        loss: The PSNR itself, or mse as in the paper.
        sight: What the network sees at once: 8 kHz for 512 ms, or all tiles for 1,024 ms.
        log_loss: Weight of the difference of log magnitudes, beside that of compressed ones.
        consistency_loss: Weight of the error that is left when the magnitudes have become sound.
        sampling: Cut patches anywhere, or on the paper's grid.
        run: Folder for all that is written; else runs/TASK-NETWORK.
        work: Folder for decoded music and AR fills; kept.
        resume: Go on from the run's checkpoint.
        start: Begin with these weights, by name or file, instead of random ones; --resume goes on
            from its own.
        device: Where the network runs.
        threads: CPU threads of each process; 0 lets PyTorch choose.
        validate_minutes: Minutes between validations.
        validate_examples: Patches between validations, instead of minutes.
        checkpoint_minutes: Minutes between checkpoints.
        report_steps: Steps between two lines of metrics.
        tensorboard: Write curves, spectrograms and sounds for TensorBoard to the run's folder.
        quiet: Say nothing but errors.

    Examples:
        restore-audio train --data music/ --minutes 90 --run runs/restore
        restore-audio train --data music/ --minutes 180 --run runs/restore --resume
        restore-audio train --data music/ --minutes 30 --start restore --learning-rate 3e-4
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

    from ..network.checkpoint import model_path
    from ..network.device import choose_device
    from ..network.maps import FeatureSettings
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
            start=None if start is None or resume else model_path(str(start)),
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
