"""Perceptual grade of a pair of recordings: PEAQ, basic version.

In: reference and test ``(C, T)`` float64 in [−1, 1], aligned in time and level, one or two channels.
Out: :class:`PeaqResult` with the objective difference grade (ODG): about 0.2 when nothing is heard,
down to −3.98, "very annoying"; and the 2f-model's mean score, 0 to 100.

Source: ITU-R BS.1387-1 (2001), Annex 2, basic version, with the readings and choices of P. Kabal's
PQevalAudio (2004), the program behind most published figures for audio inpainting. Other
implementations of the standard differ, by up to one grade.

How to use the grade:

1. The model works at 48 kHz. 44.1 kHz is resampled by 160/147 (``scipy.signal.resample_poly``,
   default window) and rounded down to 16 bit, reference and test alike; 48 kHz is taken as it is.
   Any other rate is treated like 44.1 kHz with its own ratio. Another resampler or rounding shifts
   the grade by up to two, so compare only grades of the same route.
2. Digital silence in both recordings counts as unchanged signal; only the silence before the first
   and after the last signal of the reference is left out.
3. Two channels are averaged, so an untouched channel lifts the grade. ``worst_channel_odg`` is the
   lowest grade of a channel alone; report it beside the stereo one.
4. The model was fitted to the small impairments of codecs and is not monotone far outside of them: a
   muted recording gets a better grade than a noisy one. Never rank by the ODG alone.

>>> noise = np.random.default_rng(0).standard_normal(96_000)
>>> dull = np.convolve(noise, np.hanning(7) / 40, "same")[None]
>>> round(peaq(dull, dull, 48_000).odg, 2)
0.21
>>> peaq(0 * dull, dull, 48_000).reason
'the reference has no signal'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from scipy.signal import resample_poly

from .ear import FRAME_SAMPLES, FULL_SCALE, HOP_SAMPLES, RATE_HZ, Array
from .frames import FrameMeasures, FrameMeter, join
from .movs import average, signal_frames
from .network import ModelOutputs, distortion_index, grade_of, two_f

BLOCK_FRAMES = 128  # what fits into a processor's cache


@dataclass(frozen=True)
class PeaqResult:
    """A grade, or the reason why there is none."""

    odg: float | None = None
    di: float | None = None  # distortion index, the grade before its last sigmoid
    outputs: ModelOutputs | None = None  # the eleven model output variables
    channel_odgs: tuple[float | None, ...] = ()  # each channel alone; None where it has no signal
    reason: str | None = None  # set exactly when odg is None

    @property
    def two_f(self) -> float | None:
        """The 2f-model's mean score, 0 to 100; None if there is no grade."""
        return None if self.outputs is None else two_f(self.outputs)

    @property
    def worst_channel_odg(self) -> float | None:
        """The lowest grade of one channel alone."""
        return min((odg for odg in self.channel_odgs if odg is not None), default=None)


def peaq(reference: Array, test: Array, rate_hz: int) -> PeaqResult:
    """Grade ``test`` against ``reference``.

    Parameters
    ----------
    reference, test : shape=(C, T), float64 in [−1, 1], C = 1 or 2
    rate_hz : int > 0

    Returns
    -------
    PeaqResult
        Recordings that cannot be graded get ``odg=None`` and a ``reason``, never NaN.

    Raises
    ------
    ValueError
        If an array is not two-dimensional or the rate is not positive.
    """
    if reference.ndim != 2 or test.ndim != 2 or rate_hz <= 0:
        raise ValueError(f"expected (C, T) at a positive rate, got {reference.shape} {test.shape} {rate_hz}")
    reason = _obstacle(reference, test, rate_hz)
    if reason:
        return PeaqResult(reason=reason)
    reference, test = to_16_bit_scale(reference, rate_hz), to_16_bit_scale(test, rate_hz)

    frames = signal_frames(reference)
    if not frames:
        return PeaqResult(reason="the reference has no signal")
    measures = _measure(reference, test, frames.stop)
    outputs = average(measures, frames)
    di = distortion_index(outputs)
    odg = grade_of(di)
    if len(reference) == 1:
        return PeaqResult(odg, di, outputs, (odg,))
    alone = (signal_frames(reference[c : c + 1]) for c in range(len(reference)))
    odgs = tuple(
        grade_of(distortion_index(average(measures.channel(c), own))) if own else None
        for c, own in enumerate(alone)
    )
    return PeaqResult(odg, di, outputs, odgs)


def to_16_bit_scale(samples: Array, rate_hz: int) -> Array:
    """Samples at 48 kHz in the scale −32768..32767, rounded down to it where the rate had to change."""
    if rate_hz == RATE_HZ:
        return np.asarray(samples, dtype=np.float64) * FULL_SCALE
    divisor = gcd(rate_hz, RATE_HZ)
    resampled: Array = resample_poly(samples, RATE_HZ // divisor, rate_hz // divisor, axis=-1)
    clipped: Array = np.clip(np.floor(resampled * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return clipped


def _obstacle(reference: Array, test: Array, rate_hz: int) -> str | None:
    """Why this pair cannot even be measured, or None."""
    if len(reference) != len(test):
        return f"the numbers of channels differ ({len(reference)} and {len(test)})"
    if len(reference) not in (1, 2):
        return f"PEAQ takes one or two channels, not {len(reference)}"
    if reference.shape[1] != test.shape[1]:
        return f"the lengths differ ({reference.shape[1]} and {test.shape[1]} samples)"
    if reference.shape[1] < rate_hz:
        return "the recordings are shorter than one second"
    if not (np.isfinite(reference).all() and np.isfinite(test).all()):
        return "there are samples that are not numbers"
    return None


def _measure(reference: Array, test: Array, frame_count: int) -> FrameMeasures:
    """Measures of the first frames, block by block; frames past the end are filled with zeros."""
    meter = FrameMeter()
    blocks = []
    for first in range(0, frame_count, BLOCK_FRAMES):
        count = min(BLOCK_FRAMES, frame_count - first)
        blocks.append(meter(_frames(reference, first, count), _frames(test, first, count)))
    return join(blocks)


def _frames(samples: Array, first: int, count: int) -> Array:
    """Frames ``(C, count, 2048)`` from the given one on."""
    start, length = first * HOP_SAMPLES, (count - 1) * HOP_SAMPLES + FRAME_SAMPLES
    piece = samples[:, start : start + length]
    piece = np.pad(piece, ((0, 0), (0, length - piece.shape[1])))
    return np.lib.stride_tricks.sliding_window_view(piece, FRAME_SAMPLES, axis=-1)[:, ::HOP_SAMPLES]
