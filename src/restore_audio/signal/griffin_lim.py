"""Find audio whose spectrogram has given magnitudes, without touching samples that are known.

In: wanted magnitudes ``(..., F, K)``, a start ``(..., T)`` and which of its samples are known. Out: audio
``(..., T)``, equal to the start wherever it is known.

Griffin and Lim's iteration (IEEE TASSP 32(2), 1984) alternates between the magnitudes wanted and the
spectra that audio can have. The phase comes from the start: from zeros or noise even perfect magnitudes
lose to plain AR extrapolation at 100 ms. Few iterations are best, since going on towards magnitudes that
are merely likely destroys what the start knew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .spectrum import Grid, istft, stft


def griffin_lim(
    magnitudes: NDArray[np.floating],
    start: NDArray[np.floating],
    known: NDArray[np.bool_],
    grid: Grid,
    *,
    iterations: int,
) -> NDArray[np.float64]:
    """Iterate from ``start`` towards ``magnitudes``, known samples pinned in every iteration.

    Args:
        magnitudes: ``(..., F, K)``, in the scale of :func:`restore_audio.signal.spectrum.stft`.
        start: ``(..., T)`` whose phase is the first guess.
        known: ``(..., T)``, true where ``start`` must stay.
        grid: hop and window.
        iterations: at least 0.

    Returns:
        ``(..., T)``.
    """
    audio = np.asarray(start, dtype=np.float64)
    for _ in range(iterations):
        spectra = stft(audio, grid)
        phase = spectra / np.maximum(np.abs(spectra), 1e-12)
        audio = np.where(known, start, istft(magnitudes * phase, grid, start.shape[-1]))
    return audio
