"""Recordings without their upper band, and how far from the whole they are.

In: audio ``(T,)`` or ``(..., T)``. Out: the same through a lower sample rate and back; or the log-spectral
distance that papers on super-resolution publish.

Not for: gaps. :func:`restore_audio.measure.metrics.log_spectral_distance_db` compares those, with a floor
below which nothing is heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PUBLISHED_WINDOW_SAMPLES = 2048
_TINY = 1e-10


def limit_band(audio: NDArray[np.floating], rate_hz: int, share: float) -> NDArray[np.float64]:
    """What is left of a recording that went through a lower sample rate.

    Args:
        share: of the rate; from about 0.9 of that share of the band on everything is lost.

    Returns:
        ``(T,)`` at the same rate.
    """
    import soxr

    low = soxr.resample(np.asarray(audio, dtype=np.float64), rate_hz, share * rate_hz)
    back = soxr.resample(low, share * rate_hz, rate_hz)[: audio.size]
    return np.asarray(np.pad(back, (0, audio.size - back.size)))


def published_distance(clean: NDArray[np.floating], test: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-spectral distance as Kuleshov et al. (2017) and Lim et al. (2018) have it.

    The root mean square over bins of the difference of log₁₀ power, the mean over frames of 2048 samples
    every 512; so 1 is 10 dB, and there is no floor: an empty band counts as what rounding left of it.

    Shape:
        ``(..., T)`` twice → ``(...)``
    """
    size = PUBLISHED_WINDOW_SAMPLES
    window = np.hanning(size + 1)[:-1]
    powers = []
    for audio in (clean, test):
        padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, max(size - audio.shape[-1], 0))])
        frames = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[..., :: size // 4, :]
        powers.append(np.log10(np.abs(np.fft.rfft(frames * window)) ** 2 + _TINY))
    each = np.sqrt(np.mean((powers[0] - powers[1]) ** 2, axis=-1))
    return np.asarray(each.mean(axis=-1))
