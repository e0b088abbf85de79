"""The detectors, in one list: to add one, write its module and a line here.

A detector looks at a :class:`~restore_audio.detection.windows.Window` and returns spans, in samples of the
window, each with its kind, its confidence and its evidence in words. *Exact* ones prove their damage to
the sample; what the others weigh is not reported right beside an exact span.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..spans import Span
from .clicks import find_clicks
from .extrapolated import find_extrapolated
from .fades import find_fades
from .gaps import as_gap, find_gaps
from .interpolated import find_interpolated
from .learned import find_weighed
from .packets import undecoded
from .repeats import find_repeats
from .runs import find_runs
from .splices import find_splices
from .verifier import weigh
from .windows import Window

Find = Callable[[Window], list[Span]]


@dataclass(frozen=True)
class Detector:
    """One way in which damage shows.

    Attributes:
        name: of the detector.
        find: window to spans.
        exact: its spans are proven to the sample.
        behind: its spans are damage only right behind gaps that are proven.
    """

    name: str
    find: Find
    exact: bool = False
    behind: bool = False


def each_channel(find: Callable[[Window, int], list[Span]]) -> Find:
    """A detector that looks at one channel at a time, and at none that is silent."""

    def find_in_all(window: Window) -> list[Span]:
        return [s for c in window.sounding for s in find(window, c)]

    return find_in_all


def _runs(window: Window, channel: int) -> list[Span]:
    samples = window.samples[channel]
    muted = window.muted(channel)
    each = (samples,) if muted is samples else (samples, muted)
    return [s for audio in each for s in find_runs(audio, channel, window.rate_hz, window.longest_samples)]


def _fades(window: Window, channel: int) -> list[Span]:
    return find_fades(window.samples[channel], window.prediction_error(channel), channel, window.rate_hz)


def _gaps(window: Window, channel: int) -> list[Span]:
    samples = window.muted(channel)
    found = find_gaps(samples, window.rate_hz, window.longest_samples)
    return [as_gap(samples, span, window.rate_hz) for span in weigh("gap", found, channel)]


def _repeats(window: Window, channel: int) -> list[Span]:
    """Blocks played again, and what was predicted from them where it is no such block itself."""
    past, samples = None if window.past is None else window.past[channel], window.samples[channel]
    again = find_repeats(samples, channel, window.rate_hz, past)
    sure = [span for span in again if span.confidence >= 0.5]
    predicted = find_extrapolated(samples, channel, window.rate_hz)
    return again + [p for p in predicted if not any(p.start < s.end and s.start < p.end for s in sure)]


def _interpolated(window: Window, channel: int) -> list[Span]:
    return find_interpolated(window.samples[channel], channel, window.rate_hz)


def _clicks(window: Window, channel: int) -> list[Span]:
    error, peaks = window.prediction_error(channel), window.peaks(channel)
    found = find_clicks(window.samples[channel], error, window.rate_hz, peaks)
    return weigh("click", found, channel)


def _learned(window: Window) -> list[Span]:
    return find_weighed(window.samples, window.rate_hz, window.longest_samples, doubts=window.doubts())


def _packets(window: Window) -> list[Span]:
    doubts = window.doubts()
    return [] if doubts is None else list(undecoded(window.samples, doubts.odds, window.rate_hz))


def _splices(window: Window) -> list[Span]:
    errors = [window.prediction_error(channel) for channel in range(len(window.samples))]
    peaks = [window.peaks(channel) for channel in range(len(window.samples))]
    return find_splices(window.samples, errors, window.rate_hz, peaks)


DETECTORS: list[Detector] = [
    Detector("runs", each_channel(_runs), exact=True),
    Detector("fades", each_channel(_fades), exact=True),
    Detector("gaps", each_channel(_gaps), exact=True),
    Detector("repeats", each_channel(_repeats), exact=True),
    Detector("interpolated", each_channel(_interpolated), exact=True),
    Detector("clicks", each_channel(_clicks)),
    Detector("splices", _splices),
    Detector("learned", _learned),
    Detector("packets", _packets, behind=True),
]
