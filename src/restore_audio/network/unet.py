"""The six networks of Serra et al. 2021, ported to PyTorch.

In: magnitude patches ``(N, channels, F, K)``. Out: ``(N, 1, F, K)``; F and K divisible by 32.

One body, three switches (where text and public code of the paper differ, the code is followed):

=================== ============ ==================== =========
name                down         global residual      attention
=================== ============ ==================== =========
unet                max-pooling  no                   no
unet-v2             strided conv no                   no
res-unet            max-pooling  yes                  no
res-unet-v2         strided conv yes                  no
attention-unet      max-pooling  no                   yes
attention-res-unet  max-pooling  yes                  yes
=================== ============ ==================== =========

Read it downwards: :class:`UNet` is the picture of the paper's Figures 3 to 5, the blocks stand above.
"Same" padding is TensorFlow's: a stride-2 convolution pads only after the end, and a transposed one is
cropped only there, so that 128 × 128 stays on the original's grid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LEVELS = 5

MOST_FILTERS = 512
"""Widest first level, and most maps, that a header may ask for: sixteen times the paper's."""


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


class ConvBlock(nn.Module):
    """Convolution 3×3, batch normalisation, ReLU.

    Shape:
        ``(N, C, F, K)`` → ``(N, filters, F / stride, K / stride)``
    """

    def __init__(self, channels: int, filters: int, stride: int, momentum: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, 3, stride=stride, padding=1 if stride == 1 else 0)
        self.norm = nn.BatchNorm2d(filters, eps=1e-3, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        if self.conv.stride != (1, 1):
            x = F.pad(x, (0, 1, 0, 1))
        y: Tensor = self.norm(self.conv(x))
        return F.relu(y, inplace=True)


class UpConv(nn.Module):
    """Transposed convolution 3×3 of stride 2, cropped at the end, ReLU.

    Shape:
        ``(N, C, F, K)`` → ``(N, filters, 2 F, 2 K)``
    """

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, filters, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Double the map."""
        if (
            x.device.type == "cpu"
            and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") is torch.bfloat16
        ):
            # PyTorch's own kernel takes seven times as long here (88 against 12 ms in the last level of
            # width 16, 14 patches): more than all other convolutions of the forward pass together.
            assert self.conv.bias is not None
            weight, bias = self.conv.weight.bfloat16(), self.conv.bias.bfloat16()
            y: Tensor = _TransposedConvolution.apply(x.bfloat16(), weight)
            return F.relu(y[..., :-1, :-1] + bias[:, None, None], inplace=True)
        return F.relu(self.conv(x)[..., :-1, :-1])


class _TransposedConvolution(torch.autograd.Function):
    """``conv_transpose2d`` of stride 2 without bias, by the kernels of ``conv2d``'s gradients."""

    GEOMETRY = ([2, 2], [0, 0], [1, 1], False, [0, 0], 1)  # stride, padding, dilation, transposed, …, groups

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """``(N, C, F, K)``, ``(C, filters, 3, 3)`` → ``(N, filters, 2 F + 1, 2 K + 1)``."""
        ctx.save_for_backward(x, weight)
        bins, frames = x.shape[2:]
        shape = torch.empty(  # never read: it stands for the size and order of the result
            (x.shape[0], weight.shape[1], 2 * bins + 1, 2 * frames + 1),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last,
        )
        geometry = _TransposedConvolution.GEOMETRY
        y: Tensor = torch.ops.aten.convolution_backward(
            x, shape, weight, None, *geometry, [True, False, False]
        )[0]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of x and weight."""
        x, weight = ctx.saved_tensors
        (dy,) = gradients
        geometry = _TransposedConvolution.GEOMETRY
        dweight = torch.ops.aten.convolution_backward(x, dy, weight, None, *geometry, [False, True, False])[1]
        return F.conv2d(dy, weight, stride=2), dweight


class AttentionGate(nn.Module):
    """Additive attention on a skip connection: one weight for each place of the map."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.skip = nn.Conv2d(filters, filters, 1)
        self.up = nn.Conv2d(filters, filters, 1)
        self.weight = nn.Conv2d(filters, 1, 1)

    def forward(self, skip: Tensor, up: Tensor) -> Tensor:
        """Weigh ``skip`` by what ``up`` says matters; both ``(N, filters, F, K)``."""
        return skip * torch.sigmoid(self.weight(F.relu(self.skip(skip) + self.up(up))))


class UNet(nn.Module):
    """All six: five levels down, a middle, five levels up, one linear map at the end."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        strided, self.residual, attention = NETWORKS[settings.name]
        self.settings = settings
        momentum = settings.batch_norm_momentum
        filters = [settings.width * 2**level for level in range(LEVELS)]
        inputs = [settings.in_channels, *filters[:-1]]

        self.down = nn.ModuleList(ConvBlock(i, o, 1, momentum) for i, o in zip(inputs, filters, strict=True))
        self.pool = nn.ModuleList(
            ConvBlock(o, o, 2, momentum) if strided else nn.MaxPool2d(2) for o in filters
        )
        self.middle = ConvBlock(filters[-1], 2 * filters[-1], 1, momentum)
        self.up = nn.ModuleList(UpConv(2 * o, o) for o in reversed(filters))
        self.gate = nn.ModuleList(AttentionGate(o) for o in reversed(filters)) if attention else None
        self.merge = nn.ModuleList(ConvBlock(2 * o, o, 1, momentum) for o in reversed(filters))
        self.last = nn.Conv2d(filters[0], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict ``(N, 1, F, K)`` from ``(N, in_channels, F, K)``."""
        skips: list[Tensor] = []
        h = x  # (N, in_channels, F, K)
        for down, pool in zip(self.down, self.pool, strict=True):
            h = down(h)  # (N, width · 2^level, F / 2^level, K / 2^level)
            skips.append(h)
            h = pool(h)
        h = self.middle(h)  # (N, width · 32, F / 32, K / 32)
        for level, (up, merge) in enumerate(zip(self.up, self.merge, strict=True)):
            h, skip = up(h), skips.pop()
            if self.gate is not None:
                skip = self.gate[level](skip, h)
            h = merge(torch.cat([h, skip], dim=1))
        last: Tensor = self.last(h)  # (N, 1, F, K)
        return x[:, :1] - last if self.residual else last


NETWORKS = {
    # name: (strided convolutions instead of pooling, global residual connection, attention gates)
    "unet": (False, False, False),
    "unet-v2": (True, False, False),
    "res-unet": (False, True, False),
    "res-unet-v2": (True, True, False),
    "attention-unet": (False, False, True),
    "attention-res-unet": (False, True, True),
}


def build(settings: NetworkSettings, seed: int = 0) -> UNet:
    """A freshly initialised network: Glorot-normal kernels and zero biases, as in the paper (seed 0)."""
    network = UNet(settings)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
