"""Clicks with what follows: an arm that thumps, a resonance that rings, a switch that jumps and settles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .kinds import CLICK_TAILS
from .record import Damaged, Draft, log_uniform
from .simulate import click_shape

_LENGTHS_MS = {"thump": (20.0, 150.0), "ringing": (3.0, 40.0), "switching": (10.0, 80.0)}
_CLICK_MS = (0.1, 2.0)
_PEAKS = (0.7, 4.0)
"""Lowest and highest peak of a click over the peak of the 20 ms on either side."""
_LOCAL_MS = 20.0
_DECAYED_DB = 35.0
"""How far a tail has fallen at its end, before the last fifth of it is faded out."""


@dataclass(frozen=True)
class Click:
    """A click and its tail, added to samples ``start`` to ``end`` of one channel.

    Attributes:
        click_samples: length of the click itself.
        peak: its height, 1 is full scale.
        tail: one of :data:`~.kinds.CLICK_TAILS`.
        tail_peak: height of the tail, with its sign.
        tail_hz: frequency of a thump (10 to 80 Hz) or of the ringing; of the high-pass through which the
            jump of a switch settles.
    """

    start: int
    end: int
    channel: int
    click_samples: int
    peak: float
    tail: str
    tail_peak: float
    tail_hz: float
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tail not in CLICK_TAILS or not 0 <= self.start < self.start + self.click_samples <= self.end:
            raise ValueError(f"no click from {self.start} to {self.end} has a tail of {self.tail!r}")

    def sound(self, rate_hz: int) -> Samples:
        """What is added ``(end - start,)``."""
        length = self.end - self.start
        time = np.arange(length) / rate_hz
        fade = np.clip((length - np.arange(length)) / (0.2 * length), 0, 1)
        envelope = np.sin(0.5 * np.pi * fade) ** 2
        if self.tail == "switching":  # a jump, through the high-pass of an amplifier's input
            edge = np.minimum((np.arange(length) + 1) / max(self.click_samples / 4, 1), 1)
            tail = edge * np.exp(-2 * np.pi * self.tail_hz * time)
        else:
            decay = np.exp(-np.log(10) * _DECAYED_DB / 20 * np.arange(length) / length)
            onset = np.minimum(time * self.tail_hz, 0.25)  # it starts at rest
            tail = decay * np.sin(2 * np.pi * (0.8 + 0.2 * decay) * self.tail_hz * time) * 4 * onset
        sound = self.tail_peak * envelope * tail
        shape = click_shape(np.random.default_rng(self.seed), self.click_samples)
        sound[: self.click_samples] += self.peak * shape
        return np.asarray(sound)


@dataclass(frozen=True)
class Clicks:
    """Clicks with tails."""

    name: ClassVar[str] = "clicks"
    clicks: tuple[Click, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``click`` that hold the click and its tail."""
        samples = before.samples.copy()
        for click in self.clicks:
            inside = samples[click.channel, click.start : click.end]
            inside[:] = np.clip(inside + click.sound(before.rate_hz)[: inside.size], -1.0, 1.0)
        return before.struck(samples, [Span(c.start, c.end, c.channel, "click") for c in self.clicks])


def draw_clicks(draft: Draft, *, tail: str) -> Clicks:
    """Draw clicks of 0.1 to 2 ms with tails, unequal in the channels.

    Args:
        tail: one of :data:`~.kinds.CLICK_TAILS`.
    """
    rng, audio, rate_hz = draft.rng, draft.audio, draft.rate_hz
    clicks = []
    local = round(_LOCAL_MS * rate_hz / 1000)
    for place in draft.places(draft.samples(_LENGTHS_MS[tail])):
        size = max(2, round(log_uniform(rng, *_CLICK_MS) * rate_hz / 1000))
        size = min(size, place.end - place.start)
        ratio = log_uniform(rng, *_PEAKS)
        seed = int(rng.integers(2**31))
        share = log_uniform(rng, 0.15, 1.0)
        sign = float(rng.choice([-1.0, 1.0]))
        seconds = (place.end - place.start) / rate_hz
        if tail == "thump":
            hz = max(log_uniform(rng, 10, 80), 0.8 / seconds)
        elif tail == "ringing":
            hz = log_uniform(rng, 400, min(8000, 0.4 * rate_hz))
        else:
            hz = rng.uniform(2.0, 5.0) / (2 * np.pi * seconds)
        turned = rng.random() < 0.3  # a vertical movement of the stylus: channels against each other
        for number, channel in enumerate(place.channels):
            around = audio[channel, max(place.start - local, 0) : place.end + local]
            peak = float(np.max(np.abs(around))) * ratio * (1.0 if number == 0 else rng.uniform(0.3, 1.0))
            other = -sign if turned and number % 2 else sign
            tail_peak = float(min(peak, 1.0) * share * other)
            clicks.append(
                Click(
                    place.start,
                    place.end,
                    channel,
                    click_samples=size,
                    peak=float(min(peak, 1.5)),
                    tail=tail,
                    tail_peak=tail_peak,
                    tail_hz=float(hz),
                    seed=seed,
                )
            )
    return Clicks(tuple(clicks))
