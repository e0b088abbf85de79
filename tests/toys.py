"""Toy parts that tests register, each in one line."""

from __future__ import annotations

from torch import Tensor, nn

from restore_audio.network.networks import NetworkSettings


class ToyNetwork(nn.Module):
    """One convolution."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.conv = nn.Conv2d(settings.in_channels, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.conv(x)
        return answer
