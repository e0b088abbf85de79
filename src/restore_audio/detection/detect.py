"""Find damage at unknown positions, with almost no false alarms.

In: audio ``(C, T)``, whole or in blocks of any size. Out: spans, per channel, with kind and confidence.

The recording is looked at in windows on a fixed grid, each with a margin of its neighbours on both sides, so
that memory is bounded and what is found does not depend on the size of the blocks::

    window 0  [======core======|margin]
    window 1           [margin|======core======|margin]

Each detector (:mod:`restore_audio.detection`) looks at one channel of a window and says how sure it
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
from .bursts import find_bursts
from .candidate import Candidate
from .clicks import find_clicks
from .dropouts import find_dropouts
from .explanation import explain
from .measures import confidence, grid_samples, samples_of
from .repeats import find_repeats
from .runs import find_nan, find_runs
from .screen import prediction_error
from .verifier import load_verifier

Samples = NDArray[np.float64]

_CORE_GRIDS = 256
_MARGIN_S = 1.0
_TOGETHER = 0.5
"""Share of a span that another channel's must overlap to strengthen it."""

_WIDER_MS = {"click": 0.25, "noise": 1.0, "dropout": 1.2, "treble": 1.2}
"""What is added to both ends of kinds whose edges are found on a grid and are damaged themselves."""

_APART_MS = 6.0
"""Exact evidence explains whatever else stirs so near to it."""

_LEAST_CONFIDENCE = 0.01


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
    grid = grid_samples(rate_hz)
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
        exact = find_runs(audio, channel, rate_hz, longest) + find_repeats(audio, channel, rate_hz)
        sure = [s for s in exact if s.confidence >= 1.0 - settings.sensitivity]
        sure += [s for s in lost if s.channel == channel]
        near = samples_of(_APART_MS, rate_hz)
        likely = _find_likely(audio, channel, rate_hz, longest)
        found += exact + [s for s in likely if not any(_touch(s, e, near) for e in sure)]
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


def _find_likely(audio: Samples, channel: int, rate_hz: int, longest: int) -> list[Span]:
    """Kinds that have to be weighed: clicks, bursts, dropouts of the level and of the treble."""
    if not np.any(audio):
        return []
    error = prediction_error(audio, rate_hz)
    dropouts, treble = find_dropouts(audio, rate_hz, longest)
    found = {
        "click": find_clicks(audio, error, rate_hz),
        "noise": find_bursts(audio, error, rate_hz),
        "dropout": dropouts,
        "treble": treble,
    }
    return [
        span for kind, ones in found.items() for span in _weighed(kind, ones, channel, rate_hz, audio.size)
    ]


def _weighed(kind: str, ones: list[Candidate], channel: int, rate_hz: int, length: int) -> list[Span]:
    wider = samples_of(_WIDER_MS[kind], rate_hz)
    spans = []
    for candidate, score in zip(ones, load_verifier(kind).scores(ones).tolist(), strict=True):
        sureness = confidence(score)
        if sureness > _LEAST_CONFIDENCE:
            start, end = max(candidate.start - wider, 0), min(candidate.end + wider, length)
            spans.append(Span(start, end, channel, kind, sureness, evidence=explain(kind, candidate)))
    return spans


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
