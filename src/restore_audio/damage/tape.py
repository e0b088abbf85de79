"""Tape dropouts: dirt lifts the tape off the head, and the treble goes first.

A gap d between head and tape multiplies the spectrum by exp(-2 pi f d / v) (Wallace, Bell Syst. Tech. J.
30(4), 1951): a loss in dB that grows with frequency. The gap opens and closes as a bell. What is missing on
the tape itself (worn or scraped coating) takes level at all frequencies as well: the loss at frequency f is
``bell(t) * (level_db + (depth_db - level_db) * f / 5 kHz)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from ..arrays import Samples, runs_of
from ..spans import Span
from .record import Damaged, Draft, log_uniform

REFERENCE_HZ = 5000.0
SPAN_LOSS_DB = 1.0
"""A dropout's span is where the loss at 5 kHz is at least this, or where its noise is heard."""

DEEPEST_DB = 90.0
_STEPS = 16
_MARGIN_SAMPLES = 512


@dataclass(frozen=True)
class Dropout:
    """The head loses samples ``start`` to ``end`` of one channel.

    Attributes:
        start, end, channel: where the bell is not zero.
        depth_db: loss at 5 kHz where it is deepest.
        level_db: loss at all frequencies there, at most ``depth_db``.
        plateau: share of the length on which the bell stays at its top, 0 … 0.9.
        skew: where the bell's middle lies, 0.3 … 0.7 of the length.
        noise_db: level of the noise that comes in, relative to the RMS of the signal around; None for none.
    """

    start: int
    end: int
    channel: int
    depth_db: float
    level_db: float = 0.0
    plateau: float = 0.0
    skew: float = 0.5
    noise_db: float | None = None
    seed: int = 0

    def bell(self) -> Samples:
        """From 0 to 1 and back ``(end - start,)``, in raised cosines."""
        length = self.end - self.start
        time = (np.arange(length) + 0.5) / length
        rise, fall = (1 - self.plateau) * self.skew, (1 - self.plateau) * (1 - self.skew)
        edge = np.minimum(time / max(rise, 1e-9), (1 - time) / max(fall, 1e-9))
        return np.asarray(np.sin(0.5 * np.pi * np.clip(edge, 0, 1)) ** 2)


@dataclass(frozen=True)
class Tape:
    """Dropouts of a tape."""

    name: ClassVar[str] = "tape"
    dropouts: tuple[Dropout, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans are of kind ``treble`` if the level at 500 Hz falls by less than 3 dB, else ``dropout``."""
        samples = before.samples.copy()
        spans = []
        for dropout in self.dropouts:
            channel = dropout.channel
            samples[channel, dropout.start : dropout.end] = _lifted(samples[channel], before.rate_hz, dropout)
            heard = dropout.bell() * dropout.depth_db >= SPAN_LOSS_DB
            low_db = dropout.level_db + (dropout.depth_db - dropout.level_db) * 500 / REFERENCE_HZ
            kind = "treble" if low_db < 3.0 else "dropout"
            spans += [Span(dropout.start + a, dropout.start + b, channel, kind) for a, b in runs_of(heard)]
        return before.struck(samples, spans)


def _lifted(samples: Samples, rate_hz: int, dropout: Dropout) -> Samples:
    first, last = max(dropout.start - _MARGIN_SAMPLES, 0), dropout.end + _MARGIN_SAMPLES
    piece = samples[first:last]
    inside = slice(dropout.start - first, dropout.end - first)
    size = next_fast_len(piece.size, real=True)
    share = np.fft.rfftfreq(size, REFERENCE_HZ / rate_hz)  # of the reference frequency
    loss_db = np.minimum(dropout.level_db + (dropout.depth_db - dropout.level_db) * share, DEEPEST_DB)
    # Filtered at some fixed distances, and blended from one to the next as the bell rises and falls.
    steps = np.linspace(0, 1, _STEPS + 1)
    spectra = rfft(piece, size) * 10 ** (-loss_db * steps[:, None] / 20)
    lifted = irfft(spectra, size, axis=1)[:, inside]
    bell = dropout.bell() * _STEPS
    lower = np.minimum(bell.astype(np.int64), _STEPS - 1)
    upper_share = bell - lower
    rows = np.arange(bell.size)
    struck = (1 - upper_share) * lifted[lower, rows] + upper_share * lifted[lower + 1, rows]
    if dropout.noise_db is not None:
        rms = float(np.sqrt(np.mean(np.square(piece))))
        noise = np.random.default_rng(dropout.seed).standard_normal(bell.size)
        struck += dropout.bell() * noise * rms * 10 ** (dropout.noise_db / 20)
    return np.asarray(struck)


def draw_tape(draft: Draft, *, depth_db: tuple[float, float] = (6.0, 40.0)) -> Tape:
    """Draw dropouts of 5 to 300 ms, unequal in the channels, three in ten in one channel alone.

    Half of them are spacing loss alone.

    Args:
        depth_db: shallowest and deepest loss at 5 kHz.
    """
    rng = draft.rng
    dropouts = []
    for place in draft.places(draft.samples((5.0, 300.0))):
        depth = float(rng.uniform(*depth_db))
        level_share = 0.0 if rng.random() < 0.5 else float(rng.uniform(0.2, 1.0))
        plateau = float(rng.uniform(0, 0.9)) if rng.random() < 0.6 else 0.0
        skew = float(rng.uniform(0.3, 0.7))
        noise_db = float(rng.uniform(-60, -30)) if rng.random() < 0.5 else None
        loudest = place.channels[int(rng.integers(len(place.channels)))]
        for channel in place.channels:
            deep = depth if channel == loudest else depth * float(rng.uniform(0.15, 1.0))
            shift = 0 if channel == loudest else round(log_uniform(rng, 1, 2 * draft.rate_hz / 1000) - 1)
            dropouts.append(
                Dropout(
                    place.start + shift,
                    place.end + shift,
                    channel,
                    deep,
                    deep * level_share,
                    plateau,
                    skew,
                    noise_db,
                    int(rng.integers(2**31)),
                )
            )
    return Tape(tuple(dropouts))
