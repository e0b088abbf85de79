"""What an encoder, a filter or a player's ramp has smeared over the samples beside a gap.

In: the samples before an edge ``(n,)`` (behind it: backwards in time). Out: how many of the last ones their
own past does not predict as well as usual, or were faded.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..arrays import Samples
from .kernels import fade_likelihoods
from .lpc import NOISE, errors_of, hann_window, lpc

_LONGEST_MS = 2.5
"""The widest smear that is looked for: about half the length of a filter of 255 taps."""

_ORDER = 32
CONTEXT_MS = 25.0
"""So much of the music further outside is looked at."""

_PRICE = 4.0
"""Squared prediction error, in variances, that a sample may have without being smeared; 1 is usual."""

_EVIDENCE = 30.0
"""What the squared errors must have beyond that in sum."""

_LARGE = 4.0
"""Prediction errors beyond four times their usual size: of a steady sound's 1 in 15,000 is."""

_LINK_MS = 0.25
"""Such errors belong together, and to the edge, when they lie no further apart."""

_BESIDE_MS = 5.0
_LOUDER = 1.25
"""Music that grows by more over so much is no smear, but begins there."""

_LONGEST_FADE = 40
"""Samples: players mute with ramps of up to 32."""

_ROUNDING = 2.0**-16
_NATS = 15.0
"""How much likelier the samples must be with a fade than without."""


def smeared(outside: Samples, rate_hz: int) -> int:
    """How many of the last samples before an edge are smeared.

    They reach from where on they err most in sum, and from where single ones err so much that link up to the
    edge.
    """
    errors, usual = prediction_errors(outside, round(_LONGEST_MS * rate_hz / 1000), rate_hz)
    if not errors.size:
        return 0
    size = errors[::-1] / (usual + 1e-12)
    linked, link = 0, round(_LINK_MS * rate_hz / 1000)
    for distance in (np.flatnonzero(size > _LARGE) + 1).tolist():
        if distance - linked > link:
            break
        linked = distance
    excess = np.cumsum(size**2 - _PRICE)
    count = int(np.argmax(excess)) + 1
    proven = excess[count - 1] > _EVIDENCE
    if not proven or _level(outside[-count:]) > _LOUDER * _beside(outside, count, rate_hz):
        return linked
    return max(count, linked)


def faded(outside: Samples, rate_hz: int) -> int:
    """How many of the last samples before an edge a player has faded, by a line down to zero."""
    length, nats = likeliest_fade(outside, rate_hz)
    return length if nats > _NATS else 0


def likeliest_fade(outside: Samples, rate_hz: int) -> tuple[int, float]:
    """Length of the likeliest fade before an edge, and by how many nats it is likelier than none.

    Their likelihood under a short model of the music before is compared, with fades of any length undone.
    """
    longest = min(_LONGEST_FADE, outside.size // 2)
    known = outside[max(outside.size - longest - round(CONTEXT_MS * rate_hz / 1000), 0) :]
    context = known[: known.size - longest]
    if context.size < 4 * _ORDER or not np.all(np.isfinite(known)):
        return 0, 0.0
    gains, _, logs = _fades(longest)
    likelihoods = fade_likelihoods(
        known, hann_window(context.size), (_ORDER, NOISE), _ROUNDING, (gains, logs)
    )
    if likelihoods is None:
        likelihoods = _likelihoods(known, context, longest)
    elif not likelihoods.size:
        raise ValueError("the samples have no finite model")
    best = int(np.argmax(likelihoods))
    return best, float(likelihoods[best] - likelihoods[0])


def _likelihoods(known: Samples, context: Samples, longest: int) -> Samples:
    """As :func:`.kernels.fade_likelihoods`, where that is not compiled."""
    gains, rounding, logs = _fades(longest)
    predictor = lpc([context], _ORDER)
    variance = float(np.mean(np.convolve(context, predictor, "valid") ** 2)) + _ROUNDING**2
    undone = known[known.size - longest - _ORDER :] / gains
    # The filter as a matrix: one product for all lengths.
    band = np.zeros((undone.shape[1], longest))
    down, right = band.strides
    as_strided(band, (longest, _ORDER + 1), (down + right, down))[:] = predictor[::-1]
    errors = (undone @ band) ** 2
    spread = variance + rounding
    return np.asarray(-0.5 * (np.sum(errors / spread + np.log(spread), axis=1) + logs))


@lru_cache(maxsize=8)
def _fades(longest: int) -> tuple[Samples, Samples, Samples]:
    """What fades of 0 to ``longest`` samples leave of the last ``longest``, and of the order before.

    Returns:
        Gains ``(longest + 1, order + longest)``; the variance of rounding once they are undone, of the last
        ``(longest + 1, longest)``; and twice the sum of the gains' logarithms, ``(longest + 1,)``.
    """
    lengths, to_edge = np.arange(longest + 1)[:, None], np.arange(longest + _ORDER, 0, -1)
    gains = np.where(to_edge <= lengths, to_edge / (lengths + 1), 1.0)
    return gains, (_ROUNDING / gains[:, _ORDER:]) ** 2, 2.0 * np.sum(np.log(gains), axis=1)


def prediction_errors(samples: Samples, count: int, rate_hz: int) -> tuple[Samples, float]:
    """Size of the prediction error of the last ``count`` samples, and its usual size before them."""
    context = round(CONTEXT_MS * rate_hz / 1000)
    heard = samples[max(samples.size - count - context, 0) :]
    known = heard.size - count
    if known < 4 * _ORDER or not np.all(np.isfinite(heard)):
        return np.zeros(0), 0.0
    errors = errors_of(heard, known, _ORDER)
    return np.abs(errors[-count:]), _level(errors[:-count])


def _beside(outside: Samples, count: int, rate_hz: int) -> float:
    return _level(outside[-count - round(_BESIDE_MS * rate_hz / 1000) : -count])


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
