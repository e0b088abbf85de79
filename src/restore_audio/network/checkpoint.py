"""Weights in and out: safetensors whose header says what they are.

The header carries the network's settings, the task, how the input is prepared, what it was trained on
and the metrics measured, so that a file explains itself and no class name is ever unpickled. Headers are read
without PyTorch, which takes longer to import than most of what is done with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from ..errors import ModelError
from ..files import beside
from . import shipped
from .networks import NetworkSettings, create

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

FORMAT = "restore-audio-weights/1"


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says about itself.

    Attributes:
        network: which network, and its sizes.
        task: ``paper`` or ``restore``.
        training: protocol, data, patches seen, seed, command.
        metrics: what was measured on validation material.
    """

    network: NetworkSettings
    task: str
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def model_path(name: str) -> Path:
    """The file of shipped weights called ``name``, or ``name`` itself if it is a path.

    Raises:
        ModelError: neither exists.
    """
    path = Path(name)
    if path.suffix == ".safetensors" or path.is_file():
        if path.is_file():
            return path
        raise ModelError(f"There are no weights at {path}: check the path, or leave out --model.")
    path = shipped.models_dir() / f"{name}.safetensors"
    if path.is_file():
        return path
    have = ", ".join(sorted(p.stem for p in shipped.models_dir().glob("*.safetensors"))) or "none"
    raise ModelError(
        f"There are no weights called {name} (shipped: {have}): give one of those or a .safetensors file, "
        f"or install restore-audio again if its own are missing."
    )


def save(path: Path, network: nn.Module, card: ModelCard, *, half: bool = True) -> None:
    """Write weights beside ``path`` and rename, so that a reader never sees half a file.

    Args:
        path: target, ``.safetensors``.
        half: store floating-point weights in 16 bit (half the size; statistics stay in 32 bit).
    """
    from safetensors.torch import save_file

    tensors = {
        name: _stored(name, tensor, half).contiguous() for name, tensor in network.state_dict().items()
    }
    header = {
        "format": FORMAT,
        "task": card.task,
        "network": json.dumps(card.network.to_dict()),
        "training": json.dumps(dict(card.training), default=str),
        "metrics": json.dumps(dict(card.metrics)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    if half and tensor.is_floating_point() and not name.startswith("norm") and ".norm." not in name:
        return tensor.half()
    return tensor


def read_card(path: Path) -> ModelCard:
    """The header of a weights file, without its weights.

    Raises:
        ModelError: the file is missing, corrupted or not ours.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
        if header.get("format") != FORMAT:
            raise ModelError(f"{path} is not a weights file of restore-audio: give one made by its 'train'.")
        return ModelCard(
            network=NetworkSettings.from_dict(_values(header, "network")),
            task=header["task"],
            training=_values(header, "training"),
            metrics=_values(header, "metrics"),
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"The weights {path} cannot be read ({_short(error)}): install restore-audio again, "
            f"or give other weights with --model."
        ) from None


def _values(header: Mapping[str, str], name: str) -> dict[str, Any]:
    values = json.loads(header.get(name, "{}"))
    if not isinstance(values, dict):
        raise ValueError(f"{name!r} in its header is no object")
    return values


def load(path: Path, device: str | torch.device = "cpu") -> tuple[nn.Module, ModelCard]:
    """The network of a weights file, in evaluation mode on ``device``, and its card.

    Raises:
        ModelError: the file is missing, corrupted, not ours or does not fit its own header.
    """
    import torch

    card = read_card(path)
    try:
        with torch.device("meta"):  # shapes only: a wrong header must not ask for gigabytes
            network = create(card.network)
        wanted = network.state_dict()
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        tensors = {n: t.to(wanted[n].dtype) if n in wanted else t for n, t in tensors.items()}
        network.load_state_dict(tensors, assign=True)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(
            f"The weights {path} are damaged ({_short(error)}): install restore-audio again, "
            f"or give other weights with --model."
        ) from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all() or (name.endswith("running_var") and (tensor < 0).any()):
            raise ModelError(
                f"The weights {path} hold values in {name} that cannot be: install restore-audio again, or "
                f"give other weights with --model."
            )
    return network.to(device).to(memory_format=torch.channels_last).eval(), card


def load_for(
    task: str, in_channels: int, path: Path, device: str | torch.device = "cpu"
) -> tuple[nn.Module, ModelCard]:
    """As :func:`load`, for one task only, whose networks see so many maps.

    Raises:
        ModelError: the weights are missing, damaged, or made for another task.
    """
    network, card = load(path, device)
    if card.task != task or card.network.in_channels != in_channels:
        raise ModelError(f"The weights {path} are for the task '{card.task}', not '{task}': give others.")
    return network, card


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
