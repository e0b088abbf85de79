"""What a training needs to go on: one safetensors file, written beside and renamed.

It holds the network, its moving average, Adam's moments, and a header with the step, the examples seen,
the losses since the last report and the settings. There is no random state to keep: every example is drawn
by a generator seeded with its own number (:mod:`restore_audio.train.examples`), so the number of the next
example is the whole of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import ModelError, OutputError
from ..files import beside

FORMAT = "restore-audio-state/1"


@dataclass
class State:
    """A training at one moment.

    Attributes:
        average: exponential moving average of its weights and statistics; this is what ships.
        settings: what the run was started with, as plain values.
        examples: examples seen, over all processes; the next batch starts with this number.
        losses: of the steps since the last report, so that a resumed run reports the same means.
        interrupted: whether the training ended before its budget was spent.
    """

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    settings: dict[str, Any]
    step: int = 0
    examples: int = 0
    seconds: float = 0.0
    best_score: float = float("-inf")
    losses: list[Tensor] = field(default_factory=list)
    interrupted: bool = False

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the average towards the network; faster at first, so that it is usable early."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True)
        for average, current in pairs:
            if average.is_floating_point():
                average.lerp_(current, 1 - decay)
            else:
                average.copy_(current)

    def save(self, path: Path) -> None:
        """Write everything beside ``path`` and rename.

        Raises:
            OutputError: it cannot be written; an earlier checkpoint is kept.
        """
        tensors: dict[str, Tensor] = {}
        for prefix, module in (("network", self.network), ("average", self.average)):
            tensors |= {f"{prefix}.{name}": value.contiguous() for name, value in module.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {
                f"adam.{index}.{name}": torch.as_tensor(v).contiguous() for name, v in moments.items()
            }
        header = {
            "format": FORMAT,
            "settings": json.dumps(self.settings),
            "step": str(self.step),
            "examples": str(self.examples),
            "seconds": repr(self.seconds),
            "best_score": repr(self.best_score),
            "losses": json.dumps([float(loss) for loss in self.losses]),
        }
        try:
            with beside(path) as temporary:
                save_file(tensors, temporary, metadata=header)
        except (SafetensorError, OSError) as error:
            raise OutputError(
                f"The checkpoint {path} could not be written ({_short(error)}): make room and go on with "
                f"--resume, an earlier checkpoint is kept."
            ) from None

    def load(self, path: Path, must_match: tuple[str, ...]) -> None:
        """Go on from ``path``.

        Args:
            must_match: settings that have to be the same now as then.

        Raises:
            ModelError: the file is missing, corrupted, or of another network, task or data.
        """
        header, tensors = _read(path)
        then = json.loads(header["settings"])
        for name in must_match:
            if then.get(name) != self.settings.get(name):
                raise ModelError(
                    f"{path} was trained with {name} {then.get(name)!r}, not {self.settings.get(name)!r}: "
                    f"resume with the same {name}, or start anew in another --run folder."
                )
        try:
            for prefix, module in (("network", self.network), ("average", self.average)):
                start = len(prefix) + 1
                part = {n[start:]: t for n, t in tensors.items() if n.startswith(f"{prefix}.")}
                module.load_state_dict(part)
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith("adam."):
                    _, index, key = name.split(".")
                    moments.setdefault(int(index), {})[key] = tensor
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(
                f"The checkpoint {path} does not fit this network ({_short(error)}): "
                f"start anew in another --run folder."
            ) from None
        self.step = int(header["step"])
        self.examples = int(header["examples"])
        self.seconds = float(header["seconds"])
        self.best_score = float(header["best_score"])
        self.losses = [torch.tensor(loss) for loss in json.loads(header.get("losses", "[]"))]


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ModelError(f"{path} is not a checkpoint of 'restore-audio train': give its run folder.")
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"The checkpoint {path} cannot be read ({_short(error)}): delete it to start anew, "
            f"or use an earlier copy."
        ) from None


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
