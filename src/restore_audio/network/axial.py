"""Res-U-Net V2 whose middle looks along time and along frequency at once: the paper's future work.

In: magnitude patches ``(N, channels, F, K)``, F and K divisible by 32. Out: ``(N, 1, F, K)``.

Serra et al. 2021 found that gates on the skip connections do not help, and meant to try *temporal and
frequency-wise self-attention in parallel* (Zheng et al., AAAI 2021) instead: each frame looks at all other
frames, each band at all other bands, whatever lies between. Here that stands where a patch of 128 × 128 has
become 16 × 16, 32 ms × 500 Hz a place: three levels down, not five, since convolutions see a map of 4 × 4
places whole. Of a patch of several tiles, or of a longer one, all of it is seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import NetworkSettings
from .unet import UNet

LEVEL = 3
"""Halvings of the patch before the attention."""


class AxialAttention(nn.Module):
    """Self-attention along time and, beside it, along frequency; what both find is added to the map.

    A frame is compared with other frames by all its bands and maps together, a band by all its frames. The
    gains begin at zero, and so does the network as one without attention.

    Shape:
        ``(N, C, F, K)`` → ``(N, C, F, K)``
    """

    def __init__(self, filters: int) -> None:
        super().__init__()
        inner = max(filters // 4, 1)
        self.time = nn.Conv2d(filters, 3 * inner, 1)
        self.frequency = nn.Conv2d(filters, 3 * inner, 1)
        self.last = nn.Conv2d(2 * inner, filters, 1)
        self.gain = nn.Parameter(torch.zeros(filters, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Add what frames and bands have in common to the map."""
        along_time = _attend(self.time(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # by frames, and back
        along_frequency = _attend(self.frequency(x).permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
        found: Tensor = self.last(torch.cat([along_time, along_frequency], dim=1))
        return x + self.gain * found


def _attend(stacked: Tensor) -> Tensor:
    """Scaled dot-product attention over L places of queries, keys and values.

    Shape:
        ``(N, L, 3 C, P)`` → ``(N, L, C, P)``
    """
    query, key, value = stacked.chunk(3, dim=2)
    found = F.scaled_dot_product_attention(
        query.flatten(2), key.flatten(2), value.flatten(2)
    )  # (N, L, C · P)
    return found.view_as(value)


class AxialUNet(UNet):
    """Res-U-Net V2 with :class:`AxialAttention` on the map that the fourth level makes."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__(settings)
        self.down[LEVEL] = nn.Sequential(self.down[LEVEL], AxialAttention(settings.width * 2**LEVEL))
