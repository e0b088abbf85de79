"""What the restore task may minimise besides the error of compressed magnitudes.

In: magnitudes ``(N, F, K)`` over the level of their patch. Out: errors of each place, ``(N, F, K)``.

* **log**: the difference of the logarithms, which is what log-spectral distance measures. The error of
  compressed magnitudes alone is content with a little too little everywhere.
* **consistency**: the error after the projection. A gap is completed by giving the network's magnitudes
  the phase of the AR fill, and the sound that comes of it has other magnitudes, since not every
  spectrogram is one of a sound. So they are compared after that step (Griffin and Lim 1984; Le Roux et
  al., DAFx 2010).

Not for: magnitudes of unknown level; the floor is relative to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..settings import PATCH_BINS
from ..signal.spectrum import PAPER_HOP_SAMPLES, PAPER_WINDOW_SAMPLES

FLOOR = 1e-3
"""−60 dB of the patch's level: below it nothing is heard, and log-spectral distance counts nothing."""


@dataclass(frozen=True)
class RestoreLoss:
    """Weights of what is added to the absolute error of compressed magnitudes.

    Attributes:
        log: of the difference of natural logarithms.
        consistency: of the error of compressed magnitudes after the projection.

    >>> RestoreLoss(log=0.1).name
    'l1 + 0.1 log'
    """

    log: float = 0.0
    consistency: float = 0.0

    @property
    def name(self) -> str:
        """For the card of the weights, and to compare runs by."""
        parts = {"log": self.log, "consistency": self.consistency}
        return " + ".join(["l1", *(f"{weight:g} {name}" for name, weight in parts.items() if weight)])


def log_error(clean: Tensor, test: Tensor) -> Tensor:
    """Absolute difference of the logarithms: 0.23 is 2 dB."""
    return ((test + FLOOR) / (clean + FLOOR)).log().abs()


def consistency_error(clean: Tensor, test: Tensor, phase: Tensor, power: float) -> Tensor:
    """Absolute error of compressed magnitudes after ``test`` was sound for once.

    Args:
        clean, test: magnitudes.
        phase: complex, of absolute one: that of the AR fill.
        power: exponent of the compression.
    """
    projected = project(test * phase).abs()
    return ((projected + FLOOR) ** power - (clean + FLOOR) ** power).abs()


def project(spectra: Tensor) -> Tensor:
    """The spectra of the sound whose spectra lie closest to these.

    How neighbouring places depend on each other is told by the overlap alone, four hops to a window at
    every sample rate, and a tile of 128 bins depends on those beside it by a bin or two: so each tile is
    transformed as if it were all of a recording at 16 kHz.

    Shape:
        ``(N, 128 · tiles, K)`` → the same
    """
    tiles = spectra.reshape(-1, PATCH_BINS, spectra.shape[-1])  # (N · tiles, 128, K)
    size, hop = PAPER_WINDOW_SAMPLES, PAPER_HOP_SAMPLES
    window = torch.hann_window(size, device=spectra.device)
    padded = torch.nn.functional.pad(tiles, (0, 0, 0, 1))  # no energy at half the sample rate
    sound = torch.istft(padded, size, hop, window=window)
    again = torch.stft(sound, size, hop, window=window, pad_mode="constant", return_complex=True)
    return again[:, :-1].reshape(spectra.shape)
