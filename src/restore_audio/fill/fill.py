"""Fill the spans of a recording: each gap by the best of its method's fills, the long ones completed.

In: samples ``(C, T)`` and spans, or a stream of blocks. Out: filled copies, or patches, and the spans with
``filled`` or a ``reason``; outside the spans every sample is the input's. A stream is filled window by
window, and memory holds one window at a time.

For each gap (:mod:`.gaps`) the fills of the method (:mod:`.methods`) predict the missing samples, each with
the error that it expects, and the least is taken: AR from both sides (:mod:`.ar`), a channel that is healthy
there (:mod:`.channels`), a similar passage (:mod:`.passages`). Where the damage has left something of the
signal, that is used (:mod:`.remains`, :mod:`.tails`), and where a fill can hardly be better than what is
there, that is left (:mod:`.doubt`); what is not sure of itself the network completes (:mod:`.network`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from ..arrays import Samples
from ..settings import FillSettings
from ..signal.smear import smeared
from ..spans import Span, merge_spans
from ..threads import pool, usable_cores
from .doubt import ended, settled
from .gaps import Gap, Prediction, walk_gaps
from .memory import ArraySource, Memory, Source
from .methods import Blend, Method, filling_method, load_fill, load_repair, method_named
from .splice import Patch, cut_patches
from .windows import Tape, Window, plan_windows

if TYPE_CHECKING:
    from ..network.predictor import Inpainter

OpenNetwork = Callable[[], "Inpainter | None"]
_Filled = tuple[list[Patch], list[Span]]
"""Patches and fates of a channel's gaps, in samples of the recording. The samples around them are not kept:
that were all channels of a window, for each channel."""

_HARD = frozenset({"zeros", "constant", "interpolated"})
"""Kinds whose edges ring where the recording was resampled or filtered afterwards."""

_BESIDE_S = 0.3
"""Nearer gaps are filled with the one that is to be heard: the network sees 0.26 s on each side."""

EMPTY = "nothing healthy is left to fill it from"


SURE_DB = -14.0
"""The network leaves passages and channels alone whose expected error is smaller, relative to their energy.
Measured on 64 gaps of 50 to 350 ms in training music that passages fill: completing takes 1.3 dB off the
log-spectral distance of those above -8 dB, for 0.2 dB of SDR, and 0.9 dB of those down to -14 dB, for 0.1 dB;
below, next to nothing. The first fill is always completed."""


def _no_network() -> None:
    return None


def fill_spans(
    samples: Samples,
    spans: Iterable[Span],
    rate_hz: int,
    *,
    method: Method,
    open_network: OpenNetwork = _no_network,
    others: Iterable[Span] = (),
    memory: Memory | None = None,
    offset: int = 0,
) -> tuple[Samples, list[Span]]:
    """Fill spans, however long.

    Args:
        samples: ``(C, T)``; NaN and infinite values are allowed inside spans.
        spans: where, with channels.
        rate_hz: sample rate.
        method: which fills are tried, and how the network completes them, where a span names no other.
        open_network: called when the first gap needs the network; may return None.
        others: damaged as well, but not to be filled here.
        memory: of the whole recording; None if the samples are all of it.
        offset: where the samples begin in it.

    Returns:
        The filled copy and the spans, ``filled`` or with a ``reason``, in order.

    Raises:
        ValueError: a span lies outside the samples, or names no method that fills gaps.
    """
    if not method.fills:
        raise ValueError(f"the method '{method.title}' fills no gaps")
    ordered = sorted(spans)
    filled = samples.copy()
    others = list(others)
    fates: dict[tuple[int, int], _Fate] = {}
    to_complete: list[tuple[Gap, Blend, float | None]] = []
    alone = None if memory else Memory(ArraySource(samples), rate_hz, samples.shape[1], [*ordered, *others])
    with closing(alone) if alone else nullcontext():
        for gap in walk_gaps(filled, ordered, rate_hz, others=others, memory=memory or alone, offset=offset):
            empty = gap.before.size == 0 and gap.after.size == 0
            own = method if gap.method is None else filling_method(gap.method)
            fates[gap.channel, gap.start] = _Fate(EMPTY) if empty else _fill(gap, own, to_complete)
    if to_complete and (network := open_network()) is not None:
        from .network import complete

        complete(to_complete, network)
    starts = {c: sorted(start for channel, start in fates if channel == c) for c, _ in fates}
    marked = []
    for span in ordered:
        places = starts[span.channel]
        fate = fates[span.channel, places[int(np.searchsorted(places, span.start, side="right")) - 1]]
        marked.append(
            replace(span, filled=fate.reason is None, reason=fate.reason, expected_error_db=fate.error_db)
        )
    return filled, marked


@dataclass(frozen=True)
class _Fate:
    """What became of a gap: ``reason``, if it was left; the error expected of its fill, if it was not."""

    reason: str | None
    error_db: float | None = None


def _fill(gap: Gap, method: Method, to_complete: list[tuple[Gap, Blend, float | None]]) -> _Fate:
    """Fill a gap in place by the fill that expects the smallest error, or give the reason why it is left.

    Where the kind of damage has a repair, it makes the samples from that fill and the damaged ones. What the
    network may complete, which the first fill or one that is not sure of itself has made, and in which no
    sample stays as it was, is added to ``to_complete``.
    """
    best, extrapolated = predicted(gap, method)
    repair = load_repair(gap.kind) if method.repairs else None
    repaired = repair(gap, best) if repair else None
    chosen = settled(gap, best, repaired) if method.repairs else best
    if isinstance(chosen, str):
        return _Fate(chosen)
    samples = chosen.samples if repaired is not None else ended(gap, chosen)
    changed = replace(gap, end=gap.start + samples.size)
    kept = np.any(gap.mine[changed.start : changed.end] == samples)
    gap.mine[changed.start : changed.end] = samples
    error_db, blend = _error_db(chosen), method.blend
    sure = not extrapolated and (error_db is None or error_db < SURE_DB)
    whole = repaired is None and not (sure or kept)
    if whole and blend is not None and changed.length_ms >= blend.shortest_ms:
        to_complete.append((changed, blend, error_db))
    return _Fate(None, error_db)


def predicted(gap: Gap, method: Method) -> tuple[Prediction, bool]:
    """The fill that expects the smallest error, and whether it is the method's first, that extrapolates."""
    smear = _smeared(gap)
    wide = replace(gap, start=gap.start - smear, end=gap.end + smear)
    made = [load_fill(name)(wide) for name in method.fills]
    predictions = [p and replace(p, samples=p.samples[smear : smear + gap.length]) for p in made]
    answers = [p for p in predictions if p is not None]
    best = min((p for p in answers if _holds(p, answers[0])), key=lambda p: p.expected_error)
    return best, best is predictions[0]


def _holds(made: Prediction, first: Prediction) -> bool:
    """Whether a fill expects no more error, relative to its energy, than the first; else it is only quieter.

    None of 64 passages in training music that expected less error than AR expected more of it relative to
    their energies; one of 4 in decaying notes did, and was 13 dB worse.
    """
    error_db, first_db = _error_db(made), _error_db(first)
    return error_db is None or first_db is None or error_db <= first_db


def _smeared(gap: Gap) -> int:
    """Samples on either side of the gap that tell nothing about it: ringing of its edges covers them."""
    if gap.kind not in _HARD:
        return 0
    smear = max(smeared(side, gap.rate_hz) for side in (gap.before, gap.after[::-1]))
    return min(smear, gap.before.size, gap.after.size)


def _error_db(made: Prediction) -> float | None:
    """The error that a fill expects of itself, relative to its energy."""
    energies = float(made.samples @ made.samples), made.expected_error
    if not all(0 < energy < float("inf") for energy in energies):
        return None
    of_fill_db, of_error_db = 10 * np.log10(energies)  # their quotient may be no number that can be
    return float(of_error_db - of_fill_db)


class Filling:
    """The fills of one recording, made while it streams by.

    Args:
        spans: what is damaged.
        rate_hz: sample rate.
        total: samples of a channel.
        settings: how to fill.
        open_network: called when the first gap needs the network; may return None.
        source: the recording, for fills that look farther than a window; with None they stay in it.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        rate_hz: int,
        total: int,
        settings: FillSettings,
        open_network: OpenNetwork = _no_network,
        source: Source | None = None,
    ) -> None:
        self._spans = sorted(spans)
        self._rate_hz = rate_hz
        self._total = total
        self._settings = settings
        self._method = method_named(settings.method)
        self._open_network = open_network
        self._lock = Lock()
        longest = int(settings.max_gap_ms * rate_hz / 1000)
        gaps = merge_spans(replace(span, filled=False, reason=None) for span in spans)
        self._fate: dict[Span, Span] = {}
        too_long = [gap for gap in gaps if gap.length > longest]
        for gap in too_long:
            self._fate[gap] = replace(gap, reason=self._sentence(gap))
        fillable = [gap for gap in gaps if gap.length <= longest]
        self.windows: list[Window] = plan_windows(fillable, too_long, rate_hz=rate_hz, total=total)
        self._gaps = gaps
        self._memory = None if source is None else Memory(source, rate_hz, total, gaps)

    def _sentence(self, gap: Span) -> str:
        length_ms = gap.length * 1000 / self._rate_hz
        return (
            f"{length_ms:.0f} ms is longer than the limit of {self._settings.max_gap_ms:g} ms (--max-gap-ms)"
        )

    def patches(
        self,
        blocks: Iterable[Samples],
        progress: Callable[[float], None] = lambda done: None,
        *,
        workers: int | None = None,
    ) -> Iterator[Patch]:
        """Fill windows and their channels side by side; the patches do not depend on how many at a time.

        Args:
            blocks: the recording, ``(C, n)`` arrays one after the other.
            progress: called with the share of the windows that is done.
            workers: threads; None for the usable cores.
        """
        count = usable_cores() if workers is None else workers
        tape = Tape(blocks, self.windows)
        followed = {number - 1 for number, window in enumerate(self.windows) if window.follows}
        ahead: deque[tuple[int, list[Future[_Filled]]]] = deque()

        def first_patches() -> list[Patch]:
            number, parts = ahead.popleft()
            patches = [patch for part in parts for patch in self._settled(part.result())]
            if number in followed:
                tape.put(patches)
            progress((number + 1) / len(self.windows))
            return patches

        with closing(self._memory) if self._memory else nullcontext(), pool(count) as threads:
            for number, window in enumerate(self.windows):
                while ahead and (window.follows or len(ahead) >= count):
                    yield from first_patches()
                audio = tape.read(window)
                channels = sorted({gap.channel for gap in window.gaps})
                ahead.append((number, [threads.submit(self._fill, window, audio, c) for c in channels]))
            while ahead:
                yield from first_patches()

    def fill_one(self, span: Span, read: Callable[[int, int], Samples]) -> tuple[Patch | None, Span]:
        """What becomes of one gap, without filling the rest of the recording, so that it is heard at once.

        The gaps of its channel within :data:`_BESIDE_S` are filled with it; all others are damage, where
        :meth:`patches` sees them repaired if they come first. Without a source similar passages are looked
        for in its window only. So the two can differ, mostly in long gaps.

        Args:
            span: one of the spans.
            read: called with a first and a last sample; returns ``(C, last - first)``.

        Returns:
            The patch, if the gap is filled, and the gap with what became of it.
        """
        gap = next(g for g in self._gaps if g.channel == span.channel and g.start <= span.start < g.end)
        if gap in self._fate:  # too long
            return None, self._fate[gap]
        beside = round(_BESIDE_S * self._rate_hz)
        near = [
            g
            for g in self._gaps
            if g.channel == gap.channel
            and g not in self._fate
            and g.start <= gap.end + beside
            and g.end >= gap.start - beside
        ]
        rest = [g for g in self._gaps if g not in near]
        windows = plan_windows(near, rest, rate_hz=self._rate_hz, total=self._total)
        window = next(window for window in windows if gap in window.gaps)
        patches, fates = self._fill(window, read(window.first, window.last), gap.channel)
        fate = next(fate for fate in fates if fate.start == gap.start)
        return next((patch for patch in patches if patch.start == gap.start), None), fate

    def _fill(self, window: Window, audio: Samples, channel: int) -> _Filled:
        """One channel of a window; the others' gaps there are damage."""
        parts = {True: list[Span](), False: list[Span](window.others)}
        for gap in window.gaps:
            parts[gap.channel == channel].append(gap)
        here, others = ([_moved(gap, -window.first) for gap in parts[own]] for own in (True, False))
        filled, marked = fill_spans(
            audio,
            here,
            self._rate_hz,
            method=self._method,
            open_network=self._open,
            others=others,
            memory=self._memory,
            offset=0 if self._memory is None else window.first,
        )
        fates = [_moved(span, window.first) for span in marked]
        return list(cut_patches(filled, fates, first=window.first)), fates

    def _open(self) -> Inpainter | None:
        with self._lock:  # of two threads that need it at once, one opens it
            return self._open_network()

    def _settled(self, filled: _Filled) -> list[Patch]:
        """Note what became of a channel's gaps."""
        patches, fates = filled
        for fate in fates:
            self._fate[replace(fate, filled=False, reason=None, expected_error_db=None)] = fate
        return patches

    @property
    def spans(self) -> list[Span]:
        """The spans with what became of them, once all patches are made."""
        by_channel: dict[int, list[Span]] = {}
        for gap in self._gaps:
            by_channel.setdefault(gap.channel, []).append(self._fate[gap])
        starts = {c: np.array([gap.start for gap in gaps]) for c, gaps in by_channel.items()}
        result = []
        for span in self._spans:
            number = int(np.searchsorted(starts[span.channel], span.start, side="right")) - 1
            fate = by_channel[span.channel][number]
            result.append(
                replace(
                    span, filled=fate.filled, reason=fate.reason, expected_error_db=fate.expected_error_db
                )
            )
        return result


def _moved(span: Span, by: int) -> Span:
    return replace(span, start=span.start + by, end=span.end + by)
