"""Put filled samples back where they belong, and nowhere else.

In: filled stretches of a recording. Out: patches, which hold a span's samples of one channel and nothing
outside of it. Fills arrive already faded in at their edges (AR fills join by themselves, others are faded
into the AR fill inside the span), so that a patch replaces its samples and no healthy one is touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..arrays import Samples
from ..spans import Span


@dataclass(frozen=True)
class Patch:
    """What ``channel`` holds from sample ``start`` on: ``samples``, shape (n,)."""

    start: int
    channel: int
    samples: Samples

    @property
    def end(self) -> int:
        """First sample after the patch."""
        return self.start + self.samples.size


def cut_patches(filled: Samples, spans: Iterable[Span], *, first: int = 0) -> Iterator[Patch]:
    """The patches of the spans that are filled.

    Args:
        filled: ``(C, n)``, samples ``first`` to ``first + n`` of the recording.
        spans: in samples of the recording; those not ``filled`` give no patch.
        first: where ``filled`` begins in the recording.
    """
    for span in spans:
        if span.filled:
            inside = filled[span.channel, span.start - first : span.end - first]
            yield Patch(span.start, span.channel, inside.copy())


def splice(samples: Samples, patches: Iterable[Patch], *, first: int = 0) -> Samples:
    """A copy of ``samples`` ``(C, n)``, which begin at ``first``, with those parts of patches that lie in it.

    >>> import numpy as np
    >>> splice(np.zeros((1, 4)), [Patch(1, 0, np.array([0.5, 0.25]))])
    array([[0.  , 0.5 , 0.25, 0.  ]])
    """
    result = samples.copy()
    last = first + samples.shape[1]
    for patch in patches:
        start, end = max(patch.start, first), min(patch.end, last)
        if start < end:
            piece = patch.samples[start - patch.start : end - patch.start]
            result[patch.channel, start - first : end - first] = piece
    return result
