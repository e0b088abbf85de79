"""Find damage at unknown positions, with almost no false alarms.

In: audio ``(C, T)``, whole or in blocks of any size. Out: spans, per channel, with kind and confidence.

The recording is looked at in windows (:mod:`.windows`), so that memory is bounded and what is found does not
depend on the size of the blocks. Each detector of :data:`.registry.DETECTORS` returns spans with a
confidence; what several channels show at the same time is more certain than what one shows. A span is
reported when its confidence is at least ``1 - sensitivity``.

Runs of zeros or of a constant that last longer than ``max_gap_ms`` are taken for silence. NaN and infinite
samples are always reported, however long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..settings import DetectSettings
from ..spans import Span, merge_spans
from . import registry
from .measures import samples_of
from .windows import Window, cut_windows

Samples = NDArray[np.float64]

_TOGETHER = 0.5
"""Share of a span that another channel's must overlap to strengthen it."""

_APART_MS = 6.0
"""Weighed detections within this distance of an exact one are suppressed: they are its edges."""


def detect(samples: Samples, rate_hz: int, settings: DetectSettings | None = None) -> list[Span]:
    """Find damage in a whole recording.

    Args:
        samples: ``(C, T)`` in [-1, 1]; NaN and infinite values are damage.
        rate_hz: sample rate.
        settings: how suspicious to be, and how long a gap can be.

    Returns:
        Spans in order, each of one channel; none of them overlap within a channel.

    Raises:
        ValueError: samples are not ``(C, T)``.
    """
    return detect_blocks([samples], rate_hz, settings)


def detect_blocks(
    blocks: Iterable[Samples], rate_hz: int, settings: DetectSettings | None = None
) -> list[Span]:
    """Find damage in a recording that comes in blocks ``(C, n)`` of any sizes; as :func:`detect`."""
    settings = settings or DetectSettings()
    spans: list[Span] = []
    for window in cut_windows(blocks, rate_hz, settings):
        spans += _look(window, settings)
    return merge_spans(spans)


def _look(window: Window, settings: DetectSettings) -> list[Span]:
    """Spans of one window, in samples of the recording."""
    least = 1.0 - settings.sensitivity
    exact = [span for detector in registry.DETECTORS if detector.exact for span in detector.find(window)]
    weighed = [
        span for detector in registry.DETECTORS if not detector.exact for span in detector.find(window)
    ]
    certain = [*window.nan, *(span for span in exact if span.confidence >= least)]
    near = samples_of(_APART_MS, window.rate_hz)
    found = exact + [s for s in weighed if not any(_touch(s, c, near) for c in certain)]
    close = samples_of(1.0, window.rate_hz)
    found = [s for s in found if not any(_touch(s, n, close) for n in window.nan)]
    found = [s for s in _joined(found) if s.confidence >= least]
    first, last = window.core
    kept = [
        replace(s, start=s.start + window.offset, end=s.end + window.offset)
        for s in found
        if first <= s.start + window.offset < last
    ]
    for span in window.nan:  # cut at the core: the next window has the rest, and they are merged
        start, end = max(span.start + window.offset, first), min(span.end + window.offset, last)
        if start < end:
            kept.append(replace(span, start=start, end=end))
    return kept


def _touch(one: Span, other: Span, close: int) -> bool:
    return one.channel == other.channel and one.start < other.end + close and other.start < one.end + close


def _joined(spans: list[Span]) -> list[Span]:
    """Confidences raised by what other channels show at the same time, which the evidence then names."""
    joined = []
    for span in spans:
        doubt = 1.0 - span.confidence
        helpers: set[int] = set()
        for other in spans:
            overlap = min(span.end, other.end) - max(span.start, other.start)
            if other.channel != span.channel and overlap >= _TOGETHER * max(span.length, other.length):
                doubt *= 1.0 - 0.5 * other.confidence
                helpers.add(other.channel)
        also = "".join(f"; channel {channel + 1} shows damage there too" for channel in sorted(helpers))
        joined.append(replace(span, confidence=1.0 - doubt, evidence=span.evidence + also))
    return joined
