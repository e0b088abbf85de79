"""Fades over the edges of a stretch. In: lengths in samples. Out: a factor for each sample."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..arrays import Samples


@lru_cache(maxsize=64)
def edge_fade(samples: int, fade: int) -> Samples:
    """0 just outside of both ends, 1 inside, in raised cosines of ``fade`` samples: ``(samples,)``.

    >>> edge_fade(3, 1).round(3).tolist()
    [0.5, 1.0, 0.5]
    """
    distance = np.minimum(np.arange(samples) + 1, samples - np.arange(samples))
    return _kept(np.sin(0.5 * np.pi * np.clip(distance / (fade + 1), 0, 1)) ** 2)


@lru_cache(maxsize=64)
def cross_fade(samples: int) -> Samples:
    """From 1 just before to 0 just behind, by a squared cosine: ``(samples,)``; one minus it for the other.

    >>> cross_fade(3).round(3).tolist()
    [0.854, 0.5, 0.146]
    """
    return _kept(np.cos(0.5 * np.pi * (np.arange(samples) + 1.0) / (samples + 1.0)) ** 2)


def _kept(fade: Samples) -> Samples:
    """What is handed out again: it may only be read."""
    fade.setflags(write=False)
    return fade
