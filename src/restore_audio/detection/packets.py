"""What a decoder makes of packets that need a lost one: it is no music, and stands right behind the silence.

In: samples of a window and the frame network's log odds. Out: spans of kind ``concealed`` that begin where a
run of zeros ends.

A packet of MP3 begins in the bytes of those before it. Behind muted packets a decoder plays what it can of
those that need them, often louder than the music and never what belongs there, for up to 0.1 s. The frame
network hears that, but sees 12 ms every 8 ms: right beside a gap it says as much of the gap itself. So it is
asked where packets were muted, and is believed where it stays sure for longer than that. It is worth 1.2 of
5.3 dB to 615 muted packets of MP3 in training music, of which 3.3 % instead of 3.7 % are then worse by more
than 1 dB; 0.072 % of the healthy samples are changed, which were 0.069 %.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..arrays import runs_of
from ..spans import Span
from .features import step_samples
from .frame_network import QUARTERS
from .measures import samples_of

UNDECODED = "what a decoder makes of packets that need the lost one"

_PACKET = 576
"""Samples: what is muted of MP3 is a multiple of it."""

_LEAST_ODDS = 2.5
_BRIDGE_QUARTERS = 4
"""8 ms, a step."""

_LEAST_MS, _FARTHEST_MS = 20.0, 40.0
"""Of what is believed, and from the zeros to its beginning: between them may be what a decoder still held."""


def undecoded(samples: NDArray[np.floating], odds: NDArray[np.floating], rate_hz: int) -> Iterator[Span]:
    """Spans behind zeros.

    Args:
        samples: ``(C, T)``.
        odds: of :func:`.stretches.log_odds`, ``(C, quarters)``.
        rate_hz: sample rate.
    """
    quarter = step_samples(rate_hz) / QUARTERS
    for channel in np.flatnonzero((odds > _LEAST_ODDS).any(axis=1)).tolist():
        believed = odds[channel] > _LEAST_ODDS
        for start, end in runs_of(samples[channel] == 0.0):
            if (end - start) % _PACKET:
                continue
            places = np.flatnonzero(believed[int(end / quarter) :]) + int(end / quarter)
            breaks = np.flatnonzero(np.diff(places) > _BRIDGE_QUARTERS + 1)
            if not places.size:
                continue
            first = max(round(places[0] * quarter), end)
            last = round((places[breaks[0] if breaks.size else -1] + 1) * quarter)
            far = first - end > samples_of(_FARTHEST_MS, rate_hz)
            if not far and last - first >= samples_of(_LEAST_MS, rate_hz):
                words = f"{(last - first) * 1000 / rate_hz:.0f} ms are {UNDECODED}"
                yield Span(first, last, channel, "concealed", evidence=words)
