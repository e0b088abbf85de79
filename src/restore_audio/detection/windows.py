"""The windows in which a recording is looked at: on a fixed grid, each with a margin of its neighbours.

In: blocks ``(C, n)`` of any sizes. Out: windows that do not depend on those sizes, in bounded memory::

    window 0  [======core======|margin]
    window 1           [margin|======core======|margin]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ..arrays import Samples
from ..settings import DetectSettings
from ..spans import Span
from .fades import with_ramps_muted
from .learned import Doubts, doubts_of
from .measures import grid_samples, samples_of
from .repeats import LONGEST_LAG_S
from .runs import find_nan
from .screen import Floats, Peaks, prediction_error

Kept = TypeVar("Kept")

_CORE_GRIDS = 256
"""Length of a core in grids of 32 ms: about 8 s, long enough that margins cost little."""

_MARGIN_S = 1.0

_PAST_S = LONGEST_LAG_S + 0.2
"""What is kept to compare with: a block as old as may be, and what its edges are judged by."""


@dataclass(frozen=True)
class Window:
    """What detectors look at.

    Attributes:
        samples: ``(C, T)``, finite: NaN and infinite samples are replaced by straight lines.
        rate_hz: sample rate.
        longest_samples: longer stretches of silence are silence.
        offset: sample of the recording at which the window begins.
        core: first and last sample (exclusive) of the recording whose spans this window reports.
        nan: spans that were not finite, in samples of the window.
        past: ``(C, P)``, finite: up to 2.2 s that come right before the samples, only to compare with.
    """

    samples: Samples
    rate_hz: int
    longest_samples: int
    offset: int = 0
    core: tuple[int, int] = (0, 0)
    nan: tuple[Span, ...] = ()
    past: Samples | None = None
    _kept: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def sounding(self) -> tuple[int, ...]:
        """Channels that are not silent."""
        return tuple(c for c, samples in enumerate(self.samples) if np.any(samples))

    def prediction_error(self, channel: int) -> Floats:
        """Error of a linear prediction of one channel, ``(T,)`` (:mod:`.screen`)."""
        return self._once("error", channel, lambda: prediction_error(self.samples[channel], self.rate_hz))

    def peaks(self, channel: int) -> Peaks:
        """Its peaks."""
        return self._once("peaks", channel, lambda: Peaks.of(self.prediction_error(channel), self.rate_hz))

    def muted(self, channel: int) -> Samples:
        """The samples ``(T,)`` with zeros in place of a player's ramps (:mod:`.fades`)."""
        return self._once("muted", channel, lambda: with_ramps_muted(self.samples[channel], self.rate_hz))

    def doubts(self) -> Doubts | None:
        """What the frame network says of all channels (:mod:`.learned`)."""

        def make() -> Doubts | None:
            errors = [self.prediction_error(channel) for channel in range(len(self.samples))]
            return doubts_of(self.samples, self.rate_hz, errors=errors)

        return self._once("doubts", 0, make)

    def _once(self, name: str, channel: int, make: Callable[[], Kept]) -> Kept:
        """What several detectors need is computed once."""
        key = name, channel
        if key not in self._kept:
            self._kept[key] = make()
        kept: Kept = self._kept[key]
        return kept


def cut_windows(blocks: Iterable[Samples], rate_hz: int, settings: DetectSettings) -> Iterator[Window]:
    """The windows of a recording that comes in blocks ``(C, n)``.

    Raises:
        ValueError: a block is not ``(C, n)``.
    """
    grid = grid_samples(rate_hz)
    core = _CORE_GRIDS * grid
    margin = -(-round(max(_MARGIN_S, settings.max_gap_ms / 1000 + 0.5) * rate_hz) // grid) * grid
    longest = samples_of(settings.max_gap_ms, rate_hz)
    before = max(margin, round(_PAST_S * rate_hz))
    held: list[Samples] = []
    offset = length = 0
    number = 0

    def cut(end: int) -> Window:
        nonlocal held, offset
        joined = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
        first = max(number * core - margin, 0)
        past = first - offset
        samples = joined[:, : end - offset]
        nan = find_nan(samples)
        finite = _without_nan(samples, nan) if nan else samples
        here = (replace(s, start=max(s.start - past, 0), end=s.end - past) for s in nan if s.end > past)
        core_here = (number * core, (number + 1) * core)
        window = Window(finite[:, past:], rate_hz, longest, first, core_here, tuple(here), finite[:, :past])
        keep = max((number + 1) * core - before, 0)
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


def _without_nan(samples: Samples, lost: Iterable[Span]) -> Samples:
    """A copy whose lost samples lie on straight lines, so that filters survive them."""
    copy = samples.copy()
    for span in lost:
        audio = copy[span.channel]
        ends = [audio[i] for i in (span.start - 1, span.end) if 0 <= i < audio.size] or [0.0]
        audio[span.start : span.end] = np.linspace(ends[0], ends[-1], span.length)
    return copy
