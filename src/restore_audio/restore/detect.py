"""Find damage at unknown positions, with almost no false alarms.

In: audio ``(C, T)``, whole or in blocks of any size. Out: spans, per channel, with kind and confidence.

The recording is looked at in windows on a fixed grid, each with a margin of its neighbours on both sides, so
that memory is bounded and what is found does not depend on the size of the blocks::

    window 0  [======core======|margin]
    window 1           [margin|======core======|margin]

Each detector (:mod:`restore_audio.restore.detectors`) looks at one channel of a window and says how sure it
is; what two channels show at the same time is surer than either. A span is reported when its confidence is
at least ``1 - sensitivity``.

Runs of zeros or of a constant that last longer than ``max_gap_ms`` are taken for silence. NaN and infinite
samples are always reported, however long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..settings import DetectSettings
from ..spans import Span, merge_spans
from .detectors.evidence import samples_of
from .detectors.repeats import find_repeats
from .detectors.runs import find_nan, find_runs

Samples = NDArray[np.float64]

GRID_MS = 32.0
"""Windows begin at multiples of this, and so do the frames that detectors cut them into."""

_CORE_GRIDS = 256
_MARGIN_S = 1.0
_TOGETHER = 0.5
"""Share of a span that another channel's must overlap to strengthen it."""

_EXACT = ("nan", "zeros", "constant", "repeat")


@dataclass(frozen=True)
class _Window:
    """Samples from ``offset`` on; what starts in ``core`` (of the recording) belongs to this window."""

    samples: Samples
    offset: int
    core: tuple[int, int]


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
    for window in _windows(blocks, rate_hz, settings):
        spans += _look(window, rate_hz, settings)
    return merge_spans(spans)


def _windows(blocks: Iterable[Samples], rate_hz: int, settings: DetectSettings) -> Iterator[_Window]:
    grid = samples_of(GRID_MS, rate_hz)
    core = _CORE_GRIDS * grid
    margin = -(-round(max(_MARGIN_S, settings.max_gap_ms / 1000 + 0.5) * rate_hz) // grid) * grid
    held: list[Samples] = []
    offset = length = 0
    number = 0

    def cut(end: int) -> _Window:
        nonlocal held, offset
        joined = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
        window = _Window(joined[:, : end - offset], offset, (number * core, (number + 1) * core))
        keep = max((number + 1) * core - margin, 0)
        held, offset = [joined[:, keep - offset :]], keep
        return window

    for block in blocks:
        if block.ndim != 2:
            raise ValueError(f"samples must be (channels, samples), got shape {block.shape}")
        held.append(block)
        length += block.shape[1]
        while length >= (number + 1) * core + margin:
            yield cut((number + 1) * core + margin)
            number += 1
    while number * core < length:
        yield cut(min((number + 1) * core + margin, length))
        number += 1


def _look(window: _Window, rate_hz: int, settings: DetectSettings) -> list[Span]:
    """Spans of one window, in samples of the recording."""
    lost = find_nan(window.samples)
    samples = _without_nan(window.samples, lost) if lost else window.samples
    longest = samples_of(settings.max_gap_ms, rate_hz)
    found: list[Span] = []
    for channel, audio in enumerate(samples):
        sure = find_runs(audio, channel, rate_hz, longest)
        sure += find_repeats(audio, channel, rate_hz)
        found += sure
    close = samples_of(1.0, rate_hz)
    found = [s for s in found if not any(_touch(s, n, close) for n in lost)]
    found = [s for s in _joined(found) if s.confidence >= 1.0 - settings.sensitivity]
    first, last = window.core
    kept = [
        replace(s, start=s.start + window.offset, end=s.end + window.offset)
        for s in found
        if first <= s.start + window.offset < last
    ]
    for span in lost:  # cut at the core: the next window has the rest, and they are merged
        start, end = max(span.start + window.offset, first), min(span.end + window.offset, last)
        if start < end:
            kept.append(replace(span, start=start, end=end))
    return kept


def _without_nan(samples: Samples, lost: list[Span]) -> Samples:
    """A copy whose lost samples lie on straight lines, so that filters survive them."""
    copy = samples.copy()
    for span in lost:
        audio = copy[span.channel]
        ends = [audio[i] for i in (span.start - 1, span.end) if 0 <= i < audio.size] or [0.0]
        audio[span.start : span.end] = np.linspace(ends[0], ends[-1], span.length)
    return copy


def _touch(one: Span, other: Span, close: int) -> bool:
    return one.channel == other.channel and one.start < other.end + close and other.start < one.end + close


def _joined(spans: list[Span]) -> list[Span]:
    """Confidences raised by what other channels show at the same time."""
    joined = []
    for span in spans:
        doubt = 1.0 - span.confidence
        for other in spans:
            overlap = min(span.end, other.end) - max(span.start, other.start)
            if other.channel != span.channel and overlap >= _TOGETHER * max(span.length, other.length):
                doubt *= 1.0 - 0.5 * other.confidence
        joined.append(replace(span, confidence=1.0 - doubt))
    return joined
