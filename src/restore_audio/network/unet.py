"""The six networks of Serra et al. 2021, ported to PyTorch.

In: magnitude patches ``(N, channels, F, K)``. Out: ``(N, 1, F, K)``; F and K divisible by 32.

One body, four switches (where text and public code of the paper differ, the code is followed):

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

``res-unet-v2-additive`` is none of the paper's: Res-U-Net V2 that adds its skip connections instead of
joining them, so that the blocks behind them, 60 % of its multiplications, see half as many maps.

Read it downwards: :class:`UNet` is the picture of the paper's Figures 3 to 5, the blocks stand above.
"Same" padding is TensorFlow's: a stride-2 convolution pads only after the end, and a transposed one is
cropped only there, so that 128 × 128 stays on the original's grid.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import cpu_bf16
from .networks import LEVELS, NETWORKS, NORM_EPS, NetworkSettings


class ConvBlock(nn.Module):
    """Convolution 3×3, batch normalisation, ReLU.

    Shape:
        ``(N, C, F, K)`` → ``(N, filters, F / stride, K / stride)``
    """

    def __init__(self, channels: int, filters: int, stride: int, momentum: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, 3, stride=stride, padding=1 if stride == 1 else 0)
        self.norm = nn.BatchNorm2d(filters, eps=NORM_EPS, momentum=momentum)

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
        if cpu_bf16.applies_to(x):
            whole = cpu_bf16.conv_transpose(x, self.conv)
            return F.relu(whole[..., :-1, :-1].contiguous(memory_format=torch.channels_last), inplace=True)
        return F.relu(self.conv(x)[..., :-1, :-1])


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
    """All six: five levels down, a middle, five levels up, one linear map at the end.

    F and K may be any multiple of 32: patches of several tiles, or longer ones.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        architecture = NETWORKS[settings.name]
        self.residual, self.additive = architecture.residual, architecture.additive
        self.settings = settings
        momentum = settings.batch_norm_momentum
        filters = [settings.width * 2**level for level in range(LEVELS)]
        inputs = [settings.in_channels, *filters[:-1]]

        self.down = nn.ModuleList(ConvBlock(i, o, 1, momentum) for i, o in zip(inputs, filters, strict=True))
        self.pool = nn.ModuleList(
            ConvBlock(o, o, 2, momentum) if architecture.strided else nn.MaxPool2d(2) for o in filters
        )
        self.middle = ConvBlock(filters[-1], 2 * filters[-1], 1, momentum)
        self.up = nn.ModuleList(UpConv(2 * o, o) for o in reversed(filters))
        self.gate = (
            nn.ModuleList(AttentionGate(o) for o in reversed(filters)) if architecture.attention else None
        )
        joined = 1 if self.additive else 2
        self.merge = nn.ModuleList(ConvBlock(joined * o, o, 1, momentum) for o in reversed(filters))
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
            h = merge(h + skip if self.additive else cpu_bf16.joined(h, skip))
        last: Tensor = self.last(h)  # (N, 1, F, K)
        return x[:, :1] - last if self.residual else last


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
