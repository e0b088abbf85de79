"""Two Res-U-Nets V2, the second correcting the first: the paper's "double stage" future work.

In: magnitude patches ``(N, channels, F, K)``, F and K divisible by 32. Out: ``(N, 1, F, K)``.

The second sees what the first answered, before everything that the first saw, and its global residual works
on that answer. Both have fewer filters than a single network of the same ``width``, and cost about as much.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from .networks import NetworkSettings
from .unet import UNet


class Cascade(nn.Module):
    """Two stages, trained together from the second's answer."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        # Multiplications grow with the square: each stage has about half of those of one network.
        each = replace(settings, width=max(round(settings.width / 2**0.5), 1))
        self.first = UNet(each)
        self.second = UNet(replace(each, in_channels=settings.in_channels + 1))

    def forward(self, x: Tensor) -> Tensor:
        """Predict ``(N, 1, F, K)`` from ``(N, in_channels, F, K)``."""
        answer: Tensor = self.second(torch.cat([self.first(x), x], dim=1))
        return answer
