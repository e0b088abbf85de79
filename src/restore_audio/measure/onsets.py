"""Onsets of a recording: where something new begins to sound.

In: audio ``(T,)``. Out: samples, in order. For benchmarks, which cut gaps over them.

The rise of the logarithmic spectrum from frame to frame, falls left out, mean over all bins; a peak that
stands out is an onset.

Source: Bello et al., *A tutorial on onset detection in music signals*, IEEE TSAP 13(5), 2005.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import maximum_filter1d

from ..arrays import Samples
from ..signal.spectrum import Grid, stft

FLOOR_DB = -50.0
"""Under the loudest bin of the recording: what rises below it is not heard."""

BEHIND_MS = 12.0
"""Frames are compared at this distance, shorter than an attack."""

APART_MS = 60.0
"""No two onsets are nearer."""

LEAST_RATIO = 3.0
"""Of a peak to the median rise, which noise never reaches."""

LEAST_RISE = 0.1
"""Of a peak, mean over the bins, natural logarithm: 0.9 dB over the whole spectrum."""


def find_onsets(audio: Samples, rate_hz: int) -> list[int]:
    """Where the spectrum rises most.

    >>> struck = np.zeros(40_000)
    >>> struck[20_000:] = np.sin(np.arange(20_000) / 5) * np.linspace(1, 0, 20_000)
    >>> [round(place, -2) for place in find_onsets(struck, 16_000)]
    [19900]
    """
    grid = Grid(rate_hz)
    magnitudes = np.abs(stft(audio, grid))  # (F, K)
    peak = float(np.max(magnitudes, initial=0.0))
    if peak == 0.0:
        return []
    levels = np.log(magnitudes / peak + 10 ** (FLOOR_DB / 20))
    behind, apart = (max(1, round(ms * rate_hz / 1000 / grid.hop_samples)) for ms in (BEHIND_MS, APART_MS))
    rise = np.zeros(levels.shape[1])
    rise[behind:] = np.maximum(levels[:, behind:] - levels[:, :-behind], 0.0).mean(axis=0)
    least = max(LEAST_RATIO * float(np.median(rise)), LEAST_RISE)
    tops = np.flatnonzero((rise == maximum_filter1d(rise, 2 * apart + 1)) & (rise >= least))
    return [round((frame - 0.5 * behind) * grid.hop_samples) for frame in tops.tolist()]  # half way up
