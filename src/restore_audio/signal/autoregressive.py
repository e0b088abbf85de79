"""Fill a gap with what its surroundings predict: autoregressive extrapolation from both sides.

In: the samples before (B,) and after (A,) a gap. Out: the gap's samples (gap,), float64.
The recording is taken for an autoregressive process, fitted by Burg's method on each side; both
continuations are cross-faded over the gap.

Source: Burg, *Maximum entropy spectral analysis* (1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy
from scipy.signal import fftconvolve, lfilter

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class ArSettings:
    """How a gap is continued from its surroundings.

    Attributes:
        context_ms: how much of each side is used at most.
        order_share: order of the model as a share of the shorter side's context.
        noise_db: white noise that the fit imagines under the signal, relative to its level.
    """

    context_ms: float = 186.0
    order_share: float = 0.125
    noise_db: float = -65.0


FAST = ArSettings(context_ms=93.0, order_share=0.125)
"""Cheap fills for training data: half the context, a quarter of the order."""


def burg(x: Samples, order: int, *, noise_db: float | None = None) -> Samples:
    """Fit an autoregressive model by Burg's method.

    Args:
        x: samples, shape (T,).
        order: number of coefficients besides the leading one; lowered to T - 1 if longer.
        noise_db: level of white noise, relative to that of ``x``, that is added in expectation
            (nothing is drawn); ``None`` fits the samples as they are.

    Returns:
        Prediction error filter, shape (order + 1,), first element 1; its zeros lie inside the unit circle.
    """
    a = np.zeros(order + 1)
    a[0] = 1.0
    x = np.ascontiguousarray(x, dtype=np.float64)
    energy = float(x @ x)
    if x.size < 2 or not energy > 0.0:
        return a
    variance = 0.0 if noise_db is None else energy / x.size * 10.0 ** (noise_db / 10.0)
    smallest = energy * 1e-14
    forward, backward = x.copy(), x.copy()
    for m in range(min(order, x.size - 1)):
        # forward[t] and backward[t] are the errors of order m at sample t; both live on t >= m.
        f, b = forward[m + 1 :], backward[m:-1]
        noise = variance * f.size
        known = a[1 : m + 1]
        cross = float(f @ b) + noise * float(known @ known[::-1])
        power = float(f @ f) + float(b @ b) + 2.0 * noise * (1.0 + float(known @ known))
        if power <= smallest:
            break
        k = -2.0 * cross / power
        a[1 : m + 2] += k * a[m::-1]
        previous = f.copy()
        daxpy(b, f, a=k)
        backward[m + 1 :] = b
        daxpy(previous, backward[m + 1 :], a=k)
    return a


def extrapolate(context: Samples, count: int, coefficients: Samples) -> Samples:
    """Continue samples by the model's own prediction.

    Args:
        context: samples before the continuation, shape (T,); earlier ones count as zeros.
        count: number of samples wanted.
        coefficients: prediction error filter from :func:`burg`, shape (order + 1,).

    Returns:
        The continuation, shape (count,).
    """
    order = coefficients.size - 1
    if count <= 0 or order < 1 or context.size == 0:
        return np.zeros(max(count, 0))
    past = np.zeros(order)
    recent = context[-order:][::-1]
    past[: recent.size] = recent
    # State of the transposed direct form: what the past still contributes to each next output.
    state = -fftconvolve(coefficients[:0:-1], past)[order - 1 :: -1]
    continuation, _ = lfilter(np.ones(1), coefficients, np.zeros(count), zi=state)
    return np.asarray(continuation, dtype=np.float64)


def fill_gap(
    before: Samples, after: Samples, gap: int, *, rate_hz: float, settings: ArSettings | None = None
) -> Samples:
    """Fill a gap from both sides, or from the one that there is.

    Args:
        before: samples before the gap, shape (B,); B may be 0.
        after: samples after the gap, shape (A,); A may be 0.
        gap: number of samples missing.
        rate_hz: sample rate.
        settings: how; the default is the best that was measured.

    Returns:
        The missing samples, shape (gap,), always finite.
    """
    how = settings or ArSettings()
    longest = max(1, round(how.context_ms * rate_hz / 1000.0))
    left = np.asarray(before[-longest:], dtype=np.float64) if len(before) else np.zeros(0)
    right = np.asarray(after[:longest], dtype=np.float64)[::-1]
    forwards, backwards = (_continue(side, gap, how) for side in (left, right))
    if left.size == 0 or right.size == 0:
        return forwards + backwards[::-1]
    fade = np.cos(0.5 * np.pi * (np.arange(gap) + 1.0) / (gap + 1.0)) ** 2
    blended: Samples = fade * forwards + (1.0 - fade) * backwards[::-1]
    return blended


def _continue(context: Samples, count: int, how: ArSettings) -> Samples:
    order = min(int(context.size * how.order_share), context.size - 1)
    if order < 1:
        return np.zeros(count)
    return extrapolate(context, count, burg(context, order, noise_db=how.noise_db))
