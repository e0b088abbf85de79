"""TFNet: a lost upper band predicted by a branch in time and one in frequency, merged (Lim et al., ICASSP
2018).

In: ``(N, 2, T)``, a waveform without its upper band, and the share of the band that it has, the same all
along. Out: ``(N, 1, T)``, the waveform with what the network predicts. T is divisible by 32; trained at
8192.

::

    waveform ──── U-Net along time ──────────────── F ──┬── magnitudes ──┐
       └──── F ── magnitudes, the band repeated ── U-Net along frequency ──┴─ w·a + (1 − w)·b ─┐
                                                        └── phase ──────────────────────────── F⁻¹ ── waveform

Both branches are the same network of one dimension. The upper half of the frequency branch's input would
be empty, so the band is repeated upwards there (the paper's *spectral replicator*); the two answers are
averaged bin by bin with weights that are learnt (its *spectral fusion layer*), and the phase is the time
branch's. The paper trains one network for each cutoff; here the share of the band is an input. Magnitudes
are compressed in the frequency branch.

Not for: long recordings at once; :class:`.super_resolver.SuperResolver` cuts them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import NetworkSettings

SAMPLES = 8192
"""Of a patch: 512 ms at 16 kHz, as in the paper."""

POWER = 0.3
LEVELS = 5
KERNEL = 9


class Branch(nn.Module):
    """A U-Net of one dimension: strided convolutions down, subpixel convolutions up, additive skips.

    Shape:
        ``(N, channels, L)`` → ``(N, 1, L)``, L divisible by 32
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        filters = [width * min(2**level, 8) for level in range(LEVELS + 1)]
        pad = KERNEL // 2
        self.first = nn.Conv1d(channels, filters[0], KERNEL, padding=pad)
        self.down = nn.ModuleList(
            nn.Conv1d(filters[n], filters[n + 1], KERNEL, stride=2, padding=pad) for n in range(LEVELS)
        )
        self.up = nn.ModuleList(
            nn.Conv1d(filters[n + 1], 2 * filters[n], KERNEL, padding=pad) for n in reversed(range(LEVELS))
        )
        self.last = nn.Conv1d(filters[0], 1, KERNEL, padding=pad)

    def forward(self, x: Tensor) -> Tensor:
        """What is to be added to the first channel."""
        h = F.leaky_relu(self.first(x), 0.2)
        skips = []
        for down in self.down:
            skips.append(h)
            h = F.leaky_relu(down(h), 0.2)
        for up in self.up:
            wide = up(h)  # (N, 2 · filters, L)
            wide = wide.reshape(len(wide), -1, 2, wide.shape[-1]).transpose(2, 3)  # (N, filters, L, 2)
            h = F.leaky_relu(wide.flatten(2), 0.2) + skips.pop()  # (N, filters, 2 L)
        answer: Tensor = self.last(h)
        return answer


class TFNet(nn.Module):
    """The two branches, merged."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.time = Branch(2, settings.width)
        self.frequency = Branch(2, settings.width)
        # Over the bins of a patch; zeros weigh both alike.
        self.balance = nn.Parameter(torch.zeros(SAMPLES // 2))

    def forward(self, x: Tensor) -> Tensor:
        """Predict ``(N, 1, T)`` from ``(N, 2, T)``."""
        low, share = x[:, :1], x[:, 1:]
        in_time = low + self.time(x)  # (N, 1, T)
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.fft.rfft(in_time.float())[..., :-1]  # (N, 1, T / 2)
            given = repeat_band(torch.fft.rfft(low.float())[..., :-1].abs(), share[..., :1].float())
            scale = given.square().mean(dim=-1, keepdim=True).sqrt().clamp(min=1e-8)
            compressed = (given / scale + 1e-6) ** POWER
        known = share[..., : given.shape[-1]]
        answer = (compressed + self.frequency(torch.cat([compressed, known], dim=1))).float()
        in_frequency = answer.clamp(min=0) ** (1 / POWER) * scale
        weight = torch.sigmoid(self._balance(given.shape[-1]))
        size = spectrum.abs()
        merged = weight * size + (1 - weight) * in_frequency
        whole = F.pad(spectrum * (merged / size.clamp(min=1e-8)), (0, 1))
        result: Tensor = torch.fft.irfft(whole, n=x.shape[-1])
        return result

    def _balance(self, bins: int) -> Tensor:
        if bins == self.balance.numel():
            return self.balance
        return F.interpolate(self.balance[None, None], size=bins, mode="linear")[0, 0]


def repeat_band(magnitudes: Tensor, share: Tensor) -> Tensor:
    """The known band, repeated up to the top.

    Args:
        magnitudes: ``(N, 1, bins)``.
        share: of the bins that are known, ``(N, 1, 1)``.
    """
    bins = magnitudes.shape[-1]
    known = (share * bins).round().long().clamp(min=1)
    place = torch.arange(bins, device=magnitudes.device) % known
    return magnitudes.gather(-1, place)
