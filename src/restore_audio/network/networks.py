"""The networks, in one list: to add one, write its module and a line here.

A network is a class that takes :class:`NetworkSettings`, keeps them as ``settings``, and maps magnitude
patches ``(N, in_channels, F, K)`` to ``(N, 1, F, K)``; two others are made for one task and say what they
map. PyTorch is imported when one is built, so that the command line can make its choices from the list.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from torch import nn

LEVELS = 5
"""Of a U-Net, down and up."""

NORM_EPS = 1e-3
"""Added to variances where maps are normalised."""

MOST_FILTERS = 512
"""Widest first level, and most maps, that a header may ask for: sixteen times the paper's."""


@dataclass(frozen=True)
class Architecture:
    """What distinguishes a network.

    Attributes:
        strided: strided convolutions instead of max-pooling.
        residual: a global residual connection.
        attention: gates on the skip connections.
        additive: what comes up is added to the skip connection, which else it is joined to.
        tasks: what it can be trained for.
        shape: of what it sees, without batch and maps; F and K can be others.
        waveform: it maps waveforms.
        cls: its class, as ``module:Class``; a module of this room begins with a dot.
    """

    strided: bool = False
    residual: bool = False
    attention: bool = False
    additive: bool = False
    tasks: tuple[str, ...] = ("paper", "restore", "super-resolution")
    shape: tuple[int, ...] = (128, 128)
    waveform: bool = False
    cls: str = ".unet:UNet"


NETWORKS: dict[str, Architecture] = {
    "unet": Architecture(),
    "unet-v2": Architecture(strided=True),
    "res-unet": Architecture(residual=True),
    "res-unet-v2": Architecture(strided=True, residual=True),
    "attention-unet": Architecture(attention=True),
    "attention-res-unet": Architecture(residual=True, attention=True),
    "res-unet-v2-additive": Architecture(strided=True, residual=True, additive=True),
    "res-unet-v2-axial": Architecture(strided=True, residual=True, cls=".axial:AxialUNet"),
    "res-unet-v2-cascade": Architecture(strided=True, residual=True, cls=".cascade:Cascade"),
    "tfnet": Architecture(tasks=("super-resolution",), shape=(8192,), waveform=True, cls=".tfnet:TFNet"),
    "context-encoder": Architecture(
        tasks=("context-encoder",), shape=(256, 16), cls=".context_encoder:ContextEncoder"
    ),
}
"""By the names that ``--network`` takes: the six of Serra et al. 2021, its best one with lighter skip
connections, the two that it names as future work, and two related systems (Lim et al. 2018, Marafioti et al.
2019)."""


@dataclass(frozen=True)
class NetworkSettings:
    """Which of the networks, and its sizes.

    Attributes:
        name: one of :data:`NETWORKS`.
        width: filters of the first level; they double at each level (the paper: 32).
        in_channels: maps that the network sees; the global residual works on the first.
        batch_norm_momentum: share of the new batch in the running statistics. The paper's text has
            0.0003, its code 0.01; short trainings need more to have evaluated statistics at all.
    """

    name: str = "res-unet-v2"
    width: int = 32
    in_channels: int = 1
    batch_norm_momentum: float = 0.01

    def __post_init__(self) -> None:
        if self.name not in NETWORKS:
            raise ValueError(f"unknown network {self.name!r}, there are {', '.join(NETWORKS)}")
        for name, most in (("width", MOST_FILTERS), ("in_channels", MOST_FILTERS)):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} must be a whole number from 1 to {most}, got {value!r}")
        momentum = self.batch_norm_momentum
        if not isinstance(momentum, int | float) or not 0 <= momentum <= 1:
            raise ValueError(f"batch_norm_momentum must be from 0 to 1, got {momentum!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoint headers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkSettings:
        """The inverse of :meth:`to_dict`; other keys are left out.

        Raises:
            ValueError: a key is missing, or a value makes no network.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(f"{missing[0]!r} is missing")
        return cls(**{name: values[name] for name in names})


def create(settings: NetworkSettings) -> nn.Module:
    """A network whose weights are yet to be set."""
    module, _, name = NETWORKS[settings.name].cls.partition(":")
    return cast("nn.Module", getattr(importlib.import_module(module, __package__), name)(settings))


def build(settings: NetworkSettings, seed: int = 0) -> nn.Module:
    """A freshly initialised network: Glorot-normal kernels and zero biases, as in the paper (seed 0)."""
    import torch
    from torch import nn

    network = create(settings)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
