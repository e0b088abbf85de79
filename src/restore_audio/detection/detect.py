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

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Run, Samples
from ..settings import DetectSettings
from ..spans import Span, merge_spans
from ..threads import in_order
from . import registry
from .click_edges import click_edges
from .gap_edges import with_smear
from .measures import samples_of
from .overlap import STILL_HELD, overlap_end
from .runs import lost_together
from .tails import rings, tail_end
from .windows import Window, cut_windows

_Candidates = tuple[list[Span], list[Span], list[Span]]

_TOGETHER = 0.5
"""Share of a span that another channel's must overlap to strengthen it."""

_SAME_MS = 20.0
"""Two channels that are the same so far on either side of a span hold one sound there."""

_OWN = 1e-3
"""Of a channel's energy, what must be its own to say anything that another does not: -30 dB, above the noise
with which a mono recording is transferred in stereo."""

_CERTAIN_SPLICE = 0.8
"""A splice this certain is no click: the step is all there is to repair. Ticks of a worn record that look
like splices lie below."""

_APART_MS = 6.0
"""Weighed detections within this distance of an exact one are suppressed: they are its edges. For what the
network takes for a pause it is :data:`_BRACKET_MS`."""

_HINT = 0.05
"""Confidence from which on the ends of a gap are taken for those of a pause that a weighed detector finds
there: in training music the ends lay within half a millisecond, those of the pause up to 5 ms outside."""

_RINGS = 0.9
"""Confidence of a click from :data:`_HINT` on, behind which a ringing is proven."""

_BRACKET_MS = 20.0
"""A click this near to an edge of a pause makes that edge: the network sees 12 ms every 8 ms."""

_SPIKE_MS = 5.0
"""A peak this near to an edge is that edge's: levels are smoothed over 3 ms."""

_SPIKE = 1.4
"""3 dB over all peaks of 40 ms beyond it: so loud is a click at an edge, and the music at both edges of one
dropout once in some hundreds."""

_HIGH_SPIKE = 2.0
"""The same, where the edge is only known to within :data:`_BRACKET_MS`."""

_SPIKE_OVER_MS = 40.0

_BESIDE = 8
"""Samples beside a gap in which a run ends that began with it."""

_MOST_MODELLED = 8
"""Clicks of a channel in 10 s whose tails are told by a model, the loudest: it takes 15 to 40 ms for each.
The thumps of the worst scratches of a record that crackles are among them."""

_PAUSES = ("zeros", "constant", "dropout", "treble", "concealed")
"""Kinds in which the sound is lower than beside them."""


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
    blocks: Iterable[Samples],
    rate_hz: int,
    settings: DetectSettings | None = None,
    *,
    workers: int | None = None,
) -> list[Span]:
    """Find damage in a recording that comes in blocks ``(C, n)`` of any sizes; as :func:`detect`.

    Windows are looked at side by side in ``workers`` threads, as many as there are cores if that is None;
    the spans do not depend on it.
    """
    settings = settings or DetectSettings()
    windows = cut_windows(blocks, rate_hz, settings)
    look = functools.partial(_look, settings=settings)
    return merge_spans(span for found in in_order(look, windows, workers) for span in found)


def detect_at(
    blocks: Iterable[Samples], rate_hz: int, sensitivities: Sequence[float], *, max_gap_ms: float
) -> dict[float, list[Span]]:
    """What :func:`detect_blocks` finds at each of several sensitivities, for little more than one costs."""
    windows = cut_windows(blocks, rate_hz, DetectSettings(max_gap_ms=max_gap_ms))

    def look(window: Window) -> list[list[Span]]:
        candidates = _candidates(window)
        return [_judge(window, candidates, 1.0 - sensitivity) for sensitivity in sensitivities]

    found = list(in_order(look, windows))
    return {
        sensitivity: merge_spans(span for spans in found for span in spans[number])
        for number, sensitivity in enumerate(sensitivities)
    }


def _look(window: Window, settings: DetectSettings) -> list[Span]:
    """Spans of one window, in samples of the recording."""
    return _judge(window, _candidates(window), 1.0 - settings.sensitivity)


def _candidates(window: Window) -> _Candidates:
    """What the exact and the weighed detectors find in a window, and what only counts behind gaps."""
    exact: list[Span] = []
    weighed: list[Span] = []
    behind: list[Span] = []
    for detector in registry.DETECTORS:
        found = exact if detector.exact else behind if detector.behind else weighed
        found.extend(detector.find(window))
    doubtful = [s for s in weighed if s.kind == "click" and _HINT <= s.confidence < _RINGS]
    asked = _loudest(doubtful, window)
    return exact, [_as_ringing(span, window) if span in asked else span for span in weighed], behind


def _as_ringing(span: Span, window: Window) -> Span:
    """A doubtful click that is certain for the ringing behind it."""
    audio = window.samples[span.channel]
    start, _ = _click_ends(audio, (span.start, span.end), window.rate_hz)
    if not rings(audio, start, window.rate_hz):
        return span
    return replace(span, confidence=_RINGS, evidence=f"{span.evidence}; a ringing follows it")


def _judge(window: Window, candidates: _Candidates, least: float) -> list[Span]:
    """Those of a window's candidates that hold at a confidence, in samples of the recording."""
    exact, weighed, behind = candidates
    clicks = [span for span in weighed if span.kind == "click" and span.confidence >= least]
    exact = [span for span in exact if not _bracketed(span, [], window)]
    weighed = [span for span in weighed if not _bracketed(span, clicks, window)]
    cuts = [span for span in weighed if span.kind == "splice" and span.confidence >= _CERTAIN_SPLICE]
    weighed = [s for s in weighed if not any(_touch(s, c, 0) and _explains(c, s) for c in cuts)]
    exact = [_supported(span, weighed, least) for span in exact]
    close = samples_of(1.0, window.rate_hz)
    exact = [s for s in exact if not any(_touch(s, n, close) for n in window.nan)]
    certain = [*window.nan, *(span for span in exact if span.confidence >= least)]
    weighed = _away_from(certain, weighed, window.rate_hz)
    joined = _joined(exact + weighed, window)
    exact, weighed = (
        [s for s in part if s.confidence >= least] for part in (joined[: len(exact)], joined[len(exact) :])
    )
    exact += _lost_together(exact, window)
    whole = [_with_undecoded(_whole(s, window), behind, window.rate_hz) for s in exact]
    found = whole + [_whole(s, window) for s in _away_from(whole, weighed, window.rate_hz)]
    found = _with_tails(found, window)
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


def _explains(cut: Span, other: Span) -> bool:
    """Whether a splice is what made another detector see something at its place."""
    return other.kind == "click" or (other.kind in _PAUSES and other.confidence < cut.confidence)


def _supported(gap: Span, weighed: Sequence[Span], least: float) -> Span:
    """A gap that is doubtful by itself, but lies where a weighed detector is sure of a pause."""
    if gap.kind not in _PAUSES or not _HINT <= gap.confidence < least:
        return gap
    for pause in weighed:
        if pause.kind in _PAUSES and pause.confidence >= least and pause.channel == gap.channel:
            overlap = min(gap.end, pause.end) - max(gap.start, pause.start)
            if overlap >= _TOGETHER * max(gap.length, pause.length):
                evidence = f"{gap.evidence}; {pause.evidence}"
                return replace(gap, confidence=pause.confidence, evidence=evidence)
    return gap


def _away_from(certain: Sequence[Span], weighed: Sequence[Span], rate_hz: int) -> list[Span]:
    """Those of the weighed that are not the edges of what is certain, nor what the network makes of those."""
    apart, far = (samples_of(ms, rate_hz) for ms in (_APART_MS, _BRACKET_MS))
    return [
        span
        for span in weighed
        if not any(_touch(span, other, far if span.kind in _PAUSES else apart) for other in certain)
    ]


def _bracketed(span: Span, clicks: Sequence[Span], window: Window) -> bool:
    """Whether two clicks make both edges of a span: then it is the pause between them.

    An edge is a click's if one of the clicks is there, or if the sound has its peak there. What is too short
    for both ends to be told apart is the click that it lies beside.
    """
    near, far = (samples_of(ms, window.rate_hz) for ms in (_SPIKE_MS, _BRACKET_MS))
    if span.kind not in _PAUSES or span.length < 2 * near:
        return False
    mine = [click for click in clicks if click.channel == span.channel and click.length < span.length]
    if span.length < far:
        return any(_touch(span, click, near) for click in mine)
    audio = window.samples[span.channel]
    around = samples_of(_SPIKE_OVER_MS, window.rate_hz)
    edges: tuple[tuple[int, Callable[[int], Samples]], ...] = (
        (span.start, lambda inside: audio[: span.start + inside][::-1]),
        (span.end, lambda inside: audio[max(span.end - inside, 0) :]),
    )
    return all(
        any(click.start - far < edge < click.end + far for click in mine)
        or _is_spike(outwards(near), near, around, _SPIKE)
        or (span.length > 2 * far and _is_spike(outwards(far), far, around, _HIGH_SPIKE))
        for edge, outwards in edges
    )


def _is_spike(sound: Samples, near: int, around: int, least: float) -> bool:
    """Whether the sound ``near`` on both sides of an edge stands out from what comes beyond."""
    beyond = np.abs(sound[2 * near : 2 * near + around])
    return beyond.size > near and float(np.abs(sound[: 2 * near]).max()) > least * float(beyond.max())


def _whole(span: Span, window: Window) -> Span:
    """A gap with what is smeared around it or overlaps with it; a click from its first sample to its last."""
    ends = {"zeros": with_smear, "constant": with_smear, "click": _click_ends}.get(span.kind)
    if ends is None:
        return span
    audio = window.samples[span.channel]
    start, end = ends(audio, (span.start, span.end), window.rate_hz)
    if span.kind == "zeros" and (last := overlap_end(audio, (span.start, span.end))) > end:
        more = f"; the {(last - span.end) * 1000 / window.rate_hz:.0f} ms behind it are {STILL_HELD}"
        return replace(span, start=start, end=last, evidence=span.evidence + more)
    return replace(span, start=start, end=end)


def _with_undecoded(gap: Span, behind: Sequence[Span], rate_hz: int) -> Span:
    """A gap of zeros with what a decoder could not decode right behind it (:mod:`.packets`)."""
    near = samples_of(_APART_MS, rate_hz)
    for other in behind:
        later = gap.start < other.start and gap.end < other.end
        if gap.kind == "zeros" and later and _touch(gap, other, near):
            return replace(gap, end=other.end, evidence=f"{gap.evidence}; {other.evidence}")
    return gap


def _click_ends(samples: Samples, click: Run, rate_hz: int) -> Run:
    return click_edges(samples, *click, rate_hz)


def _with_tails(spans: list[Span], window: Window) -> list[Span]:
    """The same with tails that are proven behind clicks; where one channel proves it, others need less."""
    clicks = [span for span in spans if span.kind == "click"]
    modelled = _loudest(clicks, window)
    tails = {click: _tail(click, window, modelled=click in modelled) for click in clicks}
    near = samples_of(1.0, window.rate_hz)
    for click in clicks:
        if tails[click] == click.end and any(
            other.channel != click.channel
            and abs(other.start - click.start) < near < tails[other] - other.end
            for other in clicks
        ):
            tails[click] = _tail(click, window, modelled=click in modelled, elsewhere=True)
    return [_until(span, tails.get(span, span.end), window.rate_hz) for span in spans]


def _loudest(clicks: Sequence[Span], window: Window) -> set[Span]:
    """Those of each channel's clicks whose tails a model is asked for, where there are many."""
    peaks = {c: float(np.abs(window.samples[c.channel, c.start : c.end]).max()) for c in clicks}
    kept: set[Span] = set()
    for channel in {click.channel for click in clicks}:
        mine = sorted((c for c in clicks if c.channel == channel), key=lambda c: (-peaks[c], c.start))
        kept.update(mine[:_MOST_MODELLED])
    return kept


def _tail(click: Span, window: Window, *, modelled: bool, elsewhere: bool = False) -> int:
    audio = window.samples[click.channel]
    return tail_end(*(audio, click.start, click.end, window.rate_hz), modelled=modelled, elsewhere=elsewhere)


def _until(click: Span, last: int, rate_hz: int) -> Span:
    if last == click.end:
        return click
    tail = f"; a tail of {(last - click.end) * 1000 / rate_hz:.0f} ms follows it"
    return replace(click, end=last, evidence=click.evidence + tail)


def _touch(one: Span, other: Span, close: int) -> bool:
    return one.channel == other.channel and one.start < other.end + close and other.start < one.end + close


def _joined(spans: list[Span], window: Window) -> list[Span]:
    """Confidences raised by what other channels show at the same time, which the evidence then names.

    Channels are not independent of each other: the one that is believed most counts, however many there are.
    A channel that holds the same sound says nothing of its own.
    """
    around = samples_of(_SAME_MS, window.rate_hz)
    joined = []
    for span in spans:
        helpers: dict[int, float] = {}
        for other in spans:
            overlap = min(span.end, other.end) - max(span.start, other.start)
            if other.channel == span.channel or overlap < _TOGETHER * max(span.length, other.length):
                continue
            here = slice(max(span.start - around, 0), span.end + around)
            if not _same_sound(window.samples[span.channel, here], window.samples[other.channel, here]):
                helpers[other.channel] = max(other.confidence, helpers.get(other.channel, 0.0))
        doubt = (1.0 - span.confidence) * (1.0 - 0.5 * max(helpers.values(), default=0.0))
        also = "".join(f"; channel {channel + 1} shows damage there too" for channel in sorted(helpers))
        joined.append(replace(span, confidence=1.0 - doubt, evidence=span.evidence + also))
    return joined


def _lost_together(gaps: Sequence[Span], window: Window) -> list[Span]:
    """Runs in other channels that begin and end with one that is damage: one loss made both."""
    more: list[Span] = []
    for gap in gaps:
        if gap.kind not in ("zeros", "constant"):
            continue
        middle = (gap.start + gap.end) // 2
        for channel, samples in enumerate(window.samples):
            known = any(s.channel == channel and s.start <= middle < s.end for s in (*gaps, *more))
            if channel == gap.channel or known:
                continue
            around = slice(max(gap.start - _BESIDE, 0), gap.end + _BESIDE)
            one, other = window.samples[gap.channel, around], samples[around]
            run = lost_together(one, other, middle - around.start)
            if run is not None:
                kind = "zeros" if samples[middle] == 0.0 else "constant"
                run = run[0] + around.start, run[1] + around.start
                words = (
                    f"{run[1] - run[0]} equal samples, lost at once with those of channel {gap.channel + 1}"
                )
                more.append(Span(*run, channel, kind, gap.confidence, evidence=words))
    return more


def _same_sound(one: Samples, other: Samples) -> bool:
    """Whether two channels hold the same, but for its level and what is :data:`_OWN` of its energy."""
    if np.array_equal(one, other):
        return True
    both = float(one @ other)
    return both**2 > (1.0 - _OWN) * float(one @ one) * float(other @ other)
