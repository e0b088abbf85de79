"""Fades over the edges of a stretch. In: lengths in samples. Out: a factor for each sample."""

from __future__ import annotations

import numpy as np

from ..arrays import Samples


def edge_fade(samples: int, fade: int) -> Samples:
    """0 just outside of both ends, 1 inside, in raised cosines of ``fade`` samples: ``(samples,)``.

    >>> edge_fade(3, 1).round(3).tolist()
    [0.5, 1.0, 0.5]
    """
    distance = np.minimum(np.arange(samples) + 1, samples - np.arange(samples))
    return np.asarray(np.sin(0.5 * np.pi * np.clip(distance / (fade + 1), 0, 1)) ** 2)
