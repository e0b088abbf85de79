"""Fill a gap with the help of another channel that is healthy there.

In: one channel around its gap, and another one over all of it. Out: the gap's samples and the error to
expect of them, or None where it can be predicted too little from the other channel.

The other channel is filtered such that it comes nearest to the damaged one on both sides of the gap (least
squares, a short symmetrical window of taps, so that small delays between microphones are met). The filtered
channel predicts the gap; what it does not explain is continued by AR (:mod:`.ar`). The
fill is taken where the error it expects is below that of AR alone.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..arrays import Samples
from .ar import ArSettings, predict_gap
from .gaps import Gap, Prediction

TAPS = 33
"""Odd; the middle tap is the same instant."""

FIT_MS = 150.0
"""Audio on each side that the filter is fitted to."""

LEAST_EXPLAINED = 0.1
"""Share of the damaged channel's energy that the filter must explain around the gap."""

MARGIN_DB = 1.0
"""Added to the expected error: that of AR alone is more to be trusted."""

NOISE = 1e-7
"""Energy of noise, as a share of the other channel's, under the fit: it holds empty bands still."""


def fill(gap: Gap) -> Prediction | None:
    """The best fill by a channel that is healthy around the gap; None if there is none."""
    context = round(ArSettings().context_ms * gap.rate_hz / 1000)
    first, last = max(gap.first, gap.start - context), min(gap.last, gap.end + context)
    fills = [
        fill_from_channel(
            gap.mine[first : gap.start],
            gap.mine[gap.end : last],
            gap.audio[other, first:last],
            gap.length,
            rate_hz=gap.rate_hz,
        )
        for other in range(len(gap.audio))
        if other != gap.channel and not gap.lost[other, first:last].any()
    ]
    return min((f for f in fills if f is not None), key=lambda f: f.expected_error, default=None)


def fill_from_channel(
    before: Samples,
    after: Samples,
    other: Samples,
    gap: int,
    *,
    rate_hz: float,
    settings: ArSettings | None = None,
) -> Prediction | None:
    """Fill a gap of one channel by another.

    Args:
        before: healthy samples before the gap, shape (B,).
        after: healthy samples after the gap, shape (A,).
        other: the other channel from the first of ``before`` to the last of ``after``, all healthy,
            shape (B + gap + A,).
        gap: number of samples missing.
        rate_hz: sample rate.
        settings: how the rest is continued.

    Returns:
        The missing samples, shape (gap,), with the error to expect, to be taken if that is below the error
        of :func:`.autoregressive.predict_gap`; or None: the other channel is of no use.

    Raises:
        ValueError: the lengths do not agree.
    """
    if other.size != before.size + gap + after.size:
        raise ValueError(f"other has {other.size} samples, not {before.size} + {gap} + {after.size}")
    half = TAPS // 2
    padded = np.concatenate([np.zeros(half), np.asarray(other, dtype=np.float64), np.zeros(half)])
    around = sliding_window_view(padded, TAPS)  # (B + gap + A, TAPS)
    reach = round(FIT_MS * rate_hz / 1000.0)
    left, right = min(reach, before.size), min(reach, after.size)
    near = np.r_[before.size - left : before.size, before.size + gap : before.size + gap + right]
    if near.size < 8 * TAPS:
        return None
    rows = around[near]
    wanted = np.concatenate([before[before.size - left :], after[:right]]).astype(np.float64)
    energy = float(wanted @ wanted)
    products = rows.T @ rows
    ridge = NOISE * float(np.trace(products)) / TAPS
    if not (energy > 0.0 and np.isfinite(energy) and np.isfinite(ridge) and ridge > 0.0):
        return None
    try:
        taps = np.linalg.solve(products + ridge * np.eye(TAPS), rows.T @ wanted)
    except np.linalg.LinAlgError:
        return None
    rest = wanted - rows @ taps
    if float(rest @ rest) > (1.0 - LEAST_EXPLAINED) * energy:
        return None
    explained = around @ taps
    remainder = predict_gap(
        before - explained[: before.size],
        after - explained[before.size + gap :],
        gap,
        rate_hz=rate_hz,
        settings=settings,
    )
    fill = explained[before.size : before.size + gap] + remainder.samples
    doubted = remainder.expected_error * 10.0 ** (MARGIN_DB / 10.0)
    return Prediction(fill, doubted) if np.all(np.isfinite(fill)) else None
