"""The training loop, readable from top to bottom; the same on one process, several, CPU or CUDA.

In: a task (:mod:`restore_audio.train.tasks`) and settings. Out: a run folder with

* ``state.safetensors``: all that is needed to go on (every few minutes, and at Ctrl-C),
* ``best.safetensors``: the weights (moving average) with the best validation score so far,
* ``metrics.jsonl``: a line for each report and each validation.

With ``examples`` as the budget, a resumed run is bit-identical to an uninterrupted one. With
``minutes`` the learning rate follows the clock, which no two runs share.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from ..errors import ModelError, OutputError, RestoreError
from ..network.checkpoint import ModelCard, load, save
from ..network.maps import FeatureSettings
from ..network.networks import NetworkSettings, build
from ..settings import ScheduleName
from .clock import Clock, interruptible
from .distributed import Workers
from .metrics_log import MetricsLog
from .state import State
from .tasks import Task

Report = Callable[[dict[str, Any]], None]
Look = Callable[[nn.Module, int], None]


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained. The defaults are what made the shipped weights.

    Attributes:
        network, width: which network, and its filters at the first level.
        batch: examples of a step over all processes (the paper: 58, one clip).
        learning_rate: of Adam; the paper: 0.001.
        schedule: ``cosine`` with warm-up, or ``fixed`` as in the paper.
        warmup_steps: steps of linear warm-up of the cosine schedule.
        examples: budget in examples seen; 0 where ``minutes`` is the budget.
        minutes: budget in minutes, counted over resumed parts too.
        bf16: run convolutions in bfloat16 (twice as fast on recent CPUs and GPUs).
        validate_minutes, validate_examples: how often validation happens (the latter if not 0).
    """

    network: str = "res-unet-v2"
    width: int = 16
    batch: int = 29
    learning_rate: float = 1e-3
    schedule: ScheduleName = "cosine"
    warmup_steps: int = 200
    examples: int = 0
    minutes: float = 0.0
    average_decay: float = 0.999
    clip_norm: float = 1.0
    bf16: bool = True
    validate_minutes: float = 4.0
    validate_examples: int = 0
    checkpoint_minutes: float = 3.0
    report_steps: int = 20
    seed: int = 0


MUST_MATCH = ("task", "network", "width", "batch", "seed", "schedule", "in_channels", "features", "loss_name")
"""Settings that a resumed run shares with the run it continues."""


def train(  # noqa: C901 (the loop, readable from top to bottom)
    task: Task,
    settings: TrainSettings,
    run: Path,
    *,
    device: torch.device,
    resume: bool = False,
    start: Path | None = None,
    description: dict[str, Any] | None = None,
    report: Report = lambda _: None,
    look: Look = lambda network, step: None,
    workers: Workers | None = None,
) -> State:
    """Train until the budget is spent, or Ctrl-C.

    Args:
        resume: go on from ``run/state.safetensors``.
        start: weights to begin with, of the same network and task, instead of random ones; a resumed run has
            its own.
        description: put into the weights' header (data, command line).
        report: called with each line that goes to ``metrics.jsonl``.
        look: called after each validation with the averaged network and the step.
        workers: the processes that share the work; one when None.

    Raises:
        ModelError: the checkpoint to resume from, or the weights to start with, are missing, corrupted or of
            another network.
        OutputError: the run's folder cannot be written to.
        RestoreError: the loss is no longer a number.
        ValueError: no budget, or a batch that the processes cannot share evenly.
    """
    if not (settings.examples or settings.minutes):
        raise ValueError("a training needs a budget: examples or minutes")
    workers = workers or Workers()
    network_settings = NetworkSettings(settings.network, settings.width, task.in_channels)
    network = build(network_settings, settings.seed).to(device).to(memory_format=torch.channels_last)
    if start is not None and not resume:
        _start_with(start, network, network_settings, task)
    model = workers.wrap(network)
    state = State(
        network=network,
        average=copy.deepcopy(network),
        optimizer=torch.optim.Adam(network.parameters(), settings.learning_rate, (0.9, 0.999), eps=1e-7),
        settings=_plain(task, settings),
    )
    share = workers.share(settings.batch)
    if resume:
        state.load(run / "state.safetensors", MUST_MATCH)
    log = MetricsLog(run / "metrics.jsonl", state.step) if workers.first else None
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16)

    def tell(line: dict[str, Any]) -> None:
        if log is not None:
            log.add(line)
            report(line)

    validated_step = -1

    def validate() -> None:
        nonlocal validated_step
        validated_step = state.step
        if workers.first:
            state.average.eval()
            with autocast:
                metrics = task.validate(state.average, device)
            score = metrics[task.score_name]
            best = score > state.best_score or not (run / "best.safetensors").exists()
            if best:
                state.best_score = score if math.isfinite(score) else state.best_score
                card = ModelCard(network_settings, task.name, _training(state, description), metrics)
                _save_weights(run / "best.safetensors", state.average, card)
            tell({"validation": metrics, "step": state.step, "examples": state.examples, "best": best})
            look(state.average, state.step)
        workers.wait()

    def checkpoint() -> None:
        if state.losses:
            # Averaged, so that any number of processes can go on from it.
            state.losses = list(workers.mean(torch.stack(state.losses)))
            _check_finite(torch.stack(state.losses).mean(), state)
        if workers.first:
            state.save(run / "state.safetensors")

    validated, written = Clock(), Clock()
    try:
        with interruptible() as interrupted:
            began, earlier = time.monotonic(), state.seconds
            reported_at, reported_examples = began, state.examples
            while (progress := _progress(state, settings)) < 1 and not workers.any(interrupted()):
                for group in state.optimizer.param_groups:
                    group["lr"] = _learning_rate(settings, state.step, progress)
                network.train()
                _warm_statistics(network, network_settings.batch_norm_momentum, state.step)
                with autocast:
                    loss = task.loss(model, state.examples + share.start, len(share), device)
                state.optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
                state.optimizer.step()
                state.update_average(settings.average_decay)
                state.step += 1
                state.examples += settings.batch
                state.seconds = workers.agree(earlier + time.monotonic() - began)
                state.losses.append(loss.detach())

                if state.step % settings.report_steps == 0:
                    mean_loss = workers.mean(torch.stack(state.losses)).mean()
                    _check_finite(mean_loss, state)
                    now = time.monotonic()
                    rate = (state.examples - reported_examples) / max(now - reported_at, 1e-9)
                    tell(
                        {
                            "step": state.step,
                            "examples": state.examples,
                            "loss": float(mean_loss),
                            "learning_rate": state.optimizer.param_groups[0]["lr"],
                            "patches_per_s": round(rate, 2),
                            "minutes": round(state.seconds / 60, 2),
                            "progress": round(progress, 5),
                        }
                    )
                    state.losses.clear()
                    reported_at, reported_examples = now, state.examples
                if _due(settings, state, validated, workers):
                    validate()
                if workers.any(written.minutes() >= settings.checkpoint_minutes):
                    written.restart()
                    checkpoint()
            state.interrupted = progress < 1
        checkpoint()
        # An interrupted run is validated only if it would have no weights: it shall go on as if nothing
        # had happened.
        unfinished = state.interrupted and not workers.agree(not (run / "best.safetensors").exists())
        if not unfinished and validated_step != state.step:
            validate()
            checkpoint()
    finally:
        if log is not None:
            log.close()
    return state


def _start_with(path: Path, network: nn.Module, settings: NetworkSettings, task: Task) -> None:
    trained, card = load(path)
    own = (card.network, card.task, FeatureSettings(**card.training.get("features", {})))
    if own != (settings, task.name, task.features):
        raise ModelError(
            f"The weights {path} are of another network, task or preparation ({card.network.name} of width "
            f"{card.network.width} for '{card.task}'): give the same --network, --width, --task and --power."
        )
    network.load_state_dict(trained.state_dict())


def _progress(state: State, settings: TrainSettings) -> float:
    if settings.examples:
        return state.examples / settings.examples
    return state.seconds / (60 * settings.minutes)


def _learning_rate(settings: TrainSettings, step: int, progress: float) -> float:
    if settings.schedule == "fixed":
        return settings.learning_rate
    warmup = min(1.0, (step + 1) / max(settings.warmup_steps, 1))
    return (
        settings.learning_rate * warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))
    )


def _warm_statistics(network: nn.Module, momentum: float, step: int) -> None:
    """Plain means of the batches seen so far at first: short trainings would evaluate with untrained ones."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
            module.momentum = max(momentum, 1 / (step + 1))


def _due(settings: TrainSettings, state: State, validated: Clock, workers: Workers) -> bool:
    if settings.validate_examples:
        steps = max(1, settings.validate_examples // settings.batch)
        return state.step % steps == 0
    if not workers.any(validated.minutes() >= settings.validate_minutes):
        return False
    validated.restart()
    return True


def _check_finite(loss: torch.Tensor, state: State) -> None:
    if not math.isfinite(float(loss)):
        raise RestoreError(
            f"The loss is no longer a number after {state.step} steps: go on from the last checkpoint with "
            f"--resume and a lower --learning-rate or --clip-norm."
        )


def _save_weights(path: Path, network: nn.Module, card: ModelCard) -> None:
    try:
        save(path, network, card)
    except (SafetensorError, OSError) as error:
        raise OutputError(
            f"The weights {path} could not be written ({str(error)[:100]}): make room and go on with "
            f"--resume."
        ) from None


def _plain(task: Task, settings: TrainSettings) -> dict[str, Any]:
    values: dict[str, Any] = {"task": task.name, "in_channels": task.in_channels, **asdict(settings)}
    return {**values, "features": task.features.to_dict(), "loss_name": task.loss_name}


def _training(state: State, description: dict[str, Any] | None) -> dict[str, Any]:
    return {
        **state.settings,
        **(description or {}),
        "step": state.step,
        "patches_seen": state.examples,
        "hours_trained": round(state.seconds / 3600, 3),
    }
