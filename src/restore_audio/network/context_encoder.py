"""The context encoder: a gap of 64 ms from what is before and after it (Marafioti et al., IEEE TASLP 2019).

In: ``(N, 2, 256, 16)``, magnitudes before and after a gap, 256 bins and 16 frames each. Out: ``(N, 1, 256,
11)``, the magnitudes of the frames that the gap touches. This is the paper's variant for magnitudes, at 16
kHz with windows of 512 samples every 128.

::

    before, after ── convolutions, 256 bins → 8 ── all of it through a narrow layer ── deconvolutions ── gap

Unlike a U-Net it has no skip connections: all that reaches the gap passes the narrow layer, from which
everything is seen. Kernels, filters and that layer are smaller than the paper's, so that it can be trained
on a CPU.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from .networks import NetworkSettings

BINS, CONTEXT_FRAMES, GAP_FRAMES = 256, 16, 11
LEVELS = 5


class ContextEncoder(nn.Module):
    """Encoder, narrow layer, decoder."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        width, momentum = settings.width, settings.batch_norm_momentum
        filters = [settings.in_channels, *(width * min(2**level, 4) for level in range(LEVELS))]
        self.encoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, (9, 3), stride=(2, 1), padding=(4, 1)),
                nn.BatchNorm2d(o, eps=1e-3, momentum=momentum),
            )
            for i, o in pairwise(filters)
        )
        self.kept = 2 * width  # maps on either side of the narrow layer
        self.squeeze = nn.Conv2d(filters[-1], self.kept, 1)
        bins = BINS // 2**LEVELS
        self.narrow = nn.Linear(self.kept * bins * CONTEXT_FRAMES, 32 * width)
        self.widen = nn.Linear(32 * width, self.kept * bins * GAP_FRAMES)
        back = [self.kept, *filters[-2:0:-1], width]
        self.decoder = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(i, o, (8, 3), stride=(2, 1), padding=(3, 1)),
                nn.BatchNorm2d(o, eps=1e-3, momentum=momentum),
            )
            for i, o in pairwise(back)
        )
        self.last = nn.Conv2d(back[-1], 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Predict ``(N, 1, 256, 11)`` from ``(N, 2, 256, 16)``."""
        h = x
        for layer in self.encoder:
            h = F.relu(layer(h))  # (N, filters, 256 / 2^level, 16)
        h = F.relu(self.narrow(F.relu(self.squeeze(h)).flatten(1)))  # (N, 32 · width)
        h = F.relu(self.widen(h)).view(len(x), self.kept, -1, GAP_FRAMES)  # (N, kept, 8, 11)
        for layer in self.decoder:
            h = F.relu(layer(h))
        answer: Tensor = self.last(h)  # (N, 1, 256, 11)
        return answer
