"""What a lapped transform's packets know of the block of sound that two of them share.

In: a block ``(T,)``. Out: what the earlier packet holds of it, and what the later one does, each ``(T,)``.

AAC and Vorbis code each block of 1,024 samples in two packets, by a modified discrete cosine transform. The
earlier one holds ``f[n] x[n] + r[n] x[T-1-n]``, the later one ``r[n] x[n] - f[n] x[T-1-n]``, where ``r``
rises and ``f`` is its mirror image, with ``f² + r² = 1``. Each is half of the block's numbers, and
the two together are all of them (Princen and Bradley 1986).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..arrays import Samples

BLOCK = 1024
"""Samples in which two packets of AAC, or of long blocks of Vorbis, overlap."""

HEARD = 864
"""So many of them are more than 20 dB off, in the median, if the earlier of the two packets is another."""

MP3_HEARD = 1930
"""The same of MP3, whose packets are filtered besides; often it is 1,350, and more where its reservoir is
empty, which does not show."""


def earlier(block: Samples, rising: Samples) -> Samples:
    """What the earlier packet holds; times the falling window it is what its decoder keeps to be added."""
    return rising[::-1] * block + rising * block[::-1]


def later(block: Samples, rising: Samples) -> Samples:
    """What the later packet holds; times the rising window it is what its decoder adds."""
    return rising * block - rising[::-1] * block[::-1]


@cache
def windows() -> tuple[Samples, ...]:
    """The rising halves of the windows in use: Kaiser and Bessel's (AAC, alpha 4), the sine's, Vorbis's."""
    sine = np.sin((np.arange(BLOCK) + 0.5) * np.pi / (2 * BLOCK))
    sums = np.cumsum(np.kaiser(BLOCK + 1, 4 * np.pi))
    return np.sqrt(sums[:-1] / sums[-1]), sine, np.sin(np.pi / 2 * sine**2)
