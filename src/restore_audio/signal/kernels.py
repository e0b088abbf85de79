"""Recursions that run compiled where they can: ``kernels.c``, called through ctypes.

In: arrays of float64. Out: new ones. Each function has a second way, in NumPy or SciPy, for an installation
that was built without a compiler; the two agree within 1e-8 of the largest value. ``LIBRARY`` is None there.

Compiled with the wheel instead of by numba when first called: Burg's recursion of order 2048 takes 3 ms
(numba 8 ms, NumPy 34 ms), loading the library 1 ms (importing numba 240 ms, its first compilation seconds),
and no dependency is added. The calls let other threads of Python run.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from .convolution import convolve
from .library import at, load_library

Samples = NDArray[np.float64]
Floats = NDArray[np.float32]


LIBRARY = load_library()


def burg_recursion(x: Samples, products: Samples, noise: float, smallest: float) -> Samples | None:
    """The recursion of :func:`.burg.burg`; None where it is not compiled.

    Args:
        x: samples with peak 1, shape (T,).
        products: twice their autocorrelation, shape (order + 1,), order below T.
        noise: what white noise adds to each sum of squares, for each sample.
        smallest: energy at which nothing is left to predict.

    Returns:
        The prediction error filter, shape (order + 1,).
    """
    if LIBRARY is None:
        return None
    order = products.size - 1
    x, mirrored = np.ascontiguousarray(x), np.ascontiguousarray(x[::-1])
    products = np.ascontiguousarray(products)
    a, work = np.zeros(order + 1), np.empty(2 * order + 4)
    a[0] = 1.0
    LIBRARY.burg_recursion(
        at(x),
        at(mirrored),
        x.size,
        at(products),
        order,
        noise,
        smallest,
        at(a),
        at(work),
    )
    return a


def solve_toeplitz(column: Samples, b: Samples) -> Samples:
    """x with T x = b for a symmetric Toeplitz matrix T, by Levinson's recursion in O(N²).

    Args:
        column: the first column of T, shape (N,).
        b: shape (N,).

    Raises:
        ValueError: T or a leading part of it is singular, or not finite.
    """
    if LIBRARY is None:
        from scipy.linalg import LinAlgError
        from scipy.linalg import solve_toeplitz as solve

        try:
            return np.asarray(solve(column, b), dtype=np.float64)
        except LinAlgError as error:
            raise ValueError(str(error)) from None
    column, b = np.ascontiguousarray(column, np.float64), np.ascontiguousarray(b, np.float64)
    if column.shape != b.shape or column.ndim != 1:
        raise ValueError(f"column {column.shape} and b {b.shape} must be vectors of one length")
    x, work = np.empty(b.size), np.empty(2 * b.size)
    done = b.size == 0 or LIBRARY.toeplitz_solve(at(column), at(b), b.size, at(x), at(work))
    if not done or not np.all(np.isfinite(x)):
        raise ValueError("the Toeplitz matrix is singular or not finite")
    return x


def continue_recursion(past: Samples, a: Samples, start: Samples) -> Samples:
    """y[n] = start[n] - Σ a[i] y[n - i], i from 1 to the order, with ``past`` before y.

    Args:
        past: shape (P,), y[-P] … y[-1]; before them are zeros.
        a: prediction error filter, shape (order + 1,), first element 1.
        start: shape (N,): zeros to continue ``past`` by what ``a`` predicts, an impulse for its response.

    Returns:
        y, shape (N,).
    """
    order, count = a.size - 1, start.size
    y = np.zeros(order + count)
    recent = past[max(past.size - order, 0) :]
    y[order - recent.size : order] = recent
    if LIBRARY is None:
        from scipy.signal import lfilter

        # State of the transposed direct form: what the past still contributes to each next sample.
        state = -convolve(a[:0:-1], y[order - 1 :: -1])[order - 1 :: -1] if order else np.zeros(0)
        return np.asarray(lfilter(np.ones(1), a, start, zi=state)[0], dtype=np.float64)
    y[order:] = start
    mirrored = np.ascontiguousarray(a[:0:-1], np.float64)
    LIBRARY.all_pole(at(mirrored), order, at(y), count)
    return y[order:]


def short_prediction(padded: Floats, lead: int, window: Floats, count: int, noise: float) -> Floats | None:
    """Prediction error of models of order 16, one a hop, for a whole recording; None where not compiled.

    Args:
        padded: ``lead`` zeros (at least 16 and half a hop), the samples, zeros up to half a hop after the
            last hop.
        lead: as above.
        window: of two hops, shape (2 hop,): what a model is fitted on.
        count: hops.
        noise: white noise that the fits imagine, as a share of the power.

    Returns:
        Shape (count · hop,).
    """
    hop = window.size // 2
    if LIBRARY is None:
        return None
    assert padded.dtype == window.dtype == np.float32
    assert lead >= max(hop // 2, 16)
    assert padded.size >= lead + count * hop + hop // 2
    padded, window = np.ascontiguousarray(padded), np.ascontiguousarray(window)
    error, work = np.empty(count * hop, np.float32), np.empty(2 * hop + 16)
    LIBRARY.short_prediction(
        at(padded),
        lead,
        hop,
        count,
        at(window),
        noise,
        at(work),
        at(error),
    )
    return error


def cell_peaks(values: Floats, cell: int) -> Floats:
    """The largest magnitude in each whole cell of ``cell`` values: shape (N,) → (N // cell,)."""
    count = values.size // cell
    if LIBRARY is None:
        cells = values[: count * cell].reshape(count, cell)
        return np.asarray(np.maximum(cells.max(axis=1), -cells.min(axis=1)))
    values = np.ascontiguousarray(values, np.float32)
    peaks = np.empty(count, np.float32)
    LIBRARY.cell_peaks(at(values), cell, count, at(peaks))
    return peaks


def find_anchors(samples: Samples, limit: int, factors: tuple[int, int, int]) -> NDArray[np.uint64] | None:
    """Keys of the places that :mod:`restore_audio.detection.matches` looks up; None where not compiled.

    Args:
        samples: shape (T,), T below 2^24.
        limit: hashes below it are anchors.
        factors: of three neighbouring samples in a hash, each below 2^32.

    Returns:
        For each anchor 40 bits of hash, then 24 bits of place, in order of place.
    """
    if LIBRARY is None or sys.byteorder != "little":
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    keys = np.empty(samples.size, np.uint64)
    found = LIBRARY.find_anchors(at(samples), at(samples), samples.size, limit, *factors, at(keys))
    return keys[:found].copy()


def cell_ranges(samples: Samples, cell: int) -> Samples:
    """Largest less smallest value in each whole cell of ``cell`` samples: shape (T,) → (T // cell,)."""
    count = samples.size // cell
    if LIBRARY is None:
        cells = samples[: count * cell].reshape(count, cell)
        highest, lowest = cells[:, 0].copy(), cells[:, 0].copy()
        for place in range(1, cell):  # a few long operations are faster than many short ones
            np.maximum(highest, cells[:, place], out=highest)
            np.minimum(lowest, cells[:, place], out=lowest)
        return highest - lowest
    samples = np.ascontiguousarray(samples, np.float64)
    ranges = np.empty(count)
    LIBRARY.cell_ranges(at(samples), cell, count, at(ranges))
    return ranges


def windowed_products(samples: Samples, window: Samples, lags: int) -> Samples | None:
    """Autocorrelation of ``samples * window``, both (T,), for lags below ``lags``; None if not compiled."""
    if LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    sums, work = np.zeros(lags), np.empty(samples.size + lags)
    LIBRARY.add_products(at(samples), at(window), samples.size, lags, at(work), at(sums))
    return sums
