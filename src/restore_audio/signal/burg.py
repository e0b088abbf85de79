"""Fit an autoregressive model by Burg's method, in a time that hardly depends on the recording's length.

In: samples (T,). Out: the prediction error filter (order + 1,), first element 1, that leaves the least
energy when run over the samples forwards and backwards, built up one reflection coefficient at a time.

Burg's recursion filters all T samples once for each order. Its sums of products can be updated instead of
its signals (Vos 2013): with

    R_m[j, l] = Σ_n x[n-j] x[n-l]  +  the same for the samples reversed,   n = m … T-1,

the next reflection coefficient needs only ``g = R a``, and R changes from one order to the next by the
products of the samples that drop out at the two ends. That makes O(T log T + order²).

On band-limited music the sums are near-singular, and the fit would follow rounding errors. White noise far
below the signal cures it; its expectation is added to R, so nothing is drawn and nothing is left to chance.

Sources: Burg, *Maximum entropy spectral analysis* (1975); Vos, *A fast implementation of Burg's method*
(2013).

>>> a = burg(np.array([1.0, 0.5, 0.25, 0.125, 0.0625]), 1, noise_db=-120.0)
>>> [round(float(v), 3) for v in a]
[1.0, -0.8]
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples
from .convolution import fast_length
from .kernels import burg_recursion

NOISE_DB = -65.0
"""Level of the imagined noise relative to the signal's; from −55 to −80 dB nothing measurable changes."""

SHORTEST_CONTEXT = 8
"""Samples below which a side says nothing about the process."""

_SILENT = 1e-280
"""Variances below it have no inverse."""


def burg(x: Samples, order: int, *, noise_db: float = NOISE_DB) -> Samples:
    """Fit an autoregressive model.

    Args:
        x: samples, shape (T,).
        order: coefficients besides the leading one. Those past T - 1, and those past the point where
            nothing is left to predict, are 0.
        noise_db: white noise that is imagined under the samples, relative to their level;
            ``-inf`` for none, which suits noisy signals only.

    Returns:
        Prediction error filter, shape (order + 1,), first element 1; its zeros lie inside the unit circle.
        Silence gives ``[1, 0, …]``.

    Raises:
        ValueError: the samples are not finite.
    """
    return fit(x, order, noise_db=noise_db)[0]


def fit(x: Samples, order: int, *, noise_db: float = NOISE_DB) -> tuple[Samples, float]:
    """:func:`burg`, with the mean square of its errors, forwards and backwards, less the noise in it."""
    x = np.asarray(x, dtype=np.float64)
    a = np.zeros(order + 1)
    a[0] = 1.0
    peak = float(np.max(np.abs(x), initial=0.0))
    if not np.isfinite(peak):
        raise ValueError("burg needs finite samples")
    steps = min(order, x.size - 1)
    if steps < 1 or peak == 0.0:
        return a, float(x @ x) / max(x.size, 1)
    x = x / peak  # so that neither very quiet nor very loud samples leave the range of the squares
    energy = float(x @ x)
    noise = 2.0 * energy / x.size * 10.0 ** (noise_db / 10.0)
    smallest = energy * 1e-13
    products = 2.0 * _autocorrelation(x, steps + 1)
    found = burg_recursion(x, products, noise, smallest)
    a[: steps + 1], left, done = _recursion(x, products, noise, smallest) if found is None else found
    # The last errors that the energy counts lie at sample ``done + 1``, or it is that of the step before.
    errors = max(x.size - 1 - done, 1)
    variance = max(left / errors - noise * float(a @ a), 0.0) / 2.0
    return a, peak**2 * variance


def fit_side(side: Samples, order: int, *, noise_db: float = NOISE_DB) -> tuple[Samples, float] | None:
    """A model of one side of a gap, and the weight of its errors: one over their variance.

    Args:
        side: samples, shape (T,).
        order: at most a third of them is used.
        noise_db: as in :func:`burg`.

    Returns:
        None where the side is silent, or shorter than :data:`SHORTEST_CONTEXT`.
    """
    if side.size < SHORTEST_CONTEXT or not np.any(side):
        return None
    model, variance = fit(side, min(order, side.size // 3), noise_db=noise_db)
    variance += float(np.mean(side**2)) * 10.0 ** (max(noise_db, -120.0) / 10.0)
    return (model, 1.0 / variance) if variance > _SILENT else None


def _recursion(x: Samples, products: Samples, noise: float, smallest: float) -> tuple[Samples, float, int]:
    """As :func:`.kernels.burg_recursion`, where that is not compiled."""
    steps = products.size - 1
    a = np.zeros(steps + 1)
    a[0] = 1.0
    ends = np.stack([x[::-1], x])
    # Row 0 is g; row 1 the last row of R, newest product last. Both change by the same two vectors.
    sums = np.zeros((2, steps + 2))
    g, last = sums
    g[0] = last[0] = products[0] - x[0] ** 2 - x[-1] ** 2 + (x.size - 1) * noise
    g[1] = last[1] = products[1]
    shares = np.empty((2, 2))
    power = 0.0
    for m in range(steps):
        known = a[: m + 1]
        power = float(known @ g[: m + 1])
        reflection = -float(known @ g[m + 1 : 0 : -1]) / power if power > smallest else np.nan
        if not abs(reflection) < 1.0:
            return a, power, m
        a[: m + 2] += reflection * a[m + 1 :: -1]
        g[: m + 2] += reflection * g[m + 1 :: -1]
        known = a[: m + 2]
        dropped = ends[:, x.size - 2 - m :]  # (2, m + 2)
        shares[0] = dropped @ known
        shares[1] = dropped[:, 0]
        sums[:, : m + 2] -= shares @ dropped
        g[: m + 2] -= noise * known
        if m + 1 < steps:
            last[0] -= noise
            last[m + 2] = products[m + 2]
            g[m + 2] = last[1 : m + 3] @ a[m + 1 :: -1]
    return a, float(a @ g[: steps + 1]), steps


def _autocorrelation(x: Samples, lags: int) -> Samples:
    """Σ_n x[n] x[n - lag] for lags 0 … ``lags`` - 1."""
    size = fast_length(x.size + lags)
    products: Samples = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2, size)[:lags]
    return products
