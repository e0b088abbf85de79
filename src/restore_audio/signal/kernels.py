"""Recursions that run compiled where they can: ``kernels.c``, called through ctypes.

In: arrays of float64. Out: new ones. Each function has a second way, in NumPy or SciPy, for an installation
that was built without a compiler; the two agree within 1e-8 of the largest value. ``LIBRARY`` is None there.

Compiled with the wheel instead of by numba when first called: Burg's recursion of order 2048 takes 3 ms
(numba 8 ms, NumPy 34 ms), loading the library 1 ms (importing numba 240 ms, its first compilation seconds),
and no dependency is added. The calls let other threads of Python run.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .convolution import convolve

Samples = NDArray[np.float64]
Floats = NDArray[np.float32]


def _load() -> ctypes.CDLL | None:
    for path in sorted(Path(__file__).parent.glob("libkernels.*")):
        try:
            library = ctypes.CDLL(str(path))
            array, count, number = ctypes.c_void_p, ctypes.c_long, ctypes.c_double
            library.burg_recursion.argtypes = [
                *(array, array, count, array, count, number, number, array, array),
            ]
            library.burg_recursion.restype = count
            library.toeplitz_solve.argtypes = [array, array, count, array, array]
            library.toeplitz_solve.restype = count
            library.all_pole.argtypes = [array, count, array, count]
            library.all_pole.restype = None
            library.short_prediction.argtypes = [array, count, count, count, array, number, array, array]
            library.short_prediction.restype = None
            library.cell_peaks.argtypes = [array, count, count, array]
            library.cell_peaks.restype = None
            word = ctypes.c_uint
            library.find_anchors.argtypes = [array, array, count, word, word, word, word, array]
            library.find_anchors.restype = count
        except (OSError, AttributeError):  # made for another machine, or from an older source
            continue
        return library
    return None


LIBRARY = _load()


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
        x.ctypes.data,
        mirrored.ctypes.data,
        x.size,
        products.ctypes.data,
        order,
        noise,
        smallest,
        a.ctypes.data,
        work.ctypes.data,
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
    done = b.size == 0 or LIBRARY.toeplitz_solve(
        column.ctypes.data, b.ctypes.data, b.size, x.ctypes.data, work.ctypes.data
    )
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
    LIBRARY.all_pole(mirrored.ctypes.data, order, y.ctypes.data, count)
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
        padded.ctypes.data,
        lead,
        hop,
        count,
        window.ctypes.data,
        noise,
        work.ctypes.data,
        error.ctypes.data,
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
    LIBRARY.cell_peaks(values.ctypes.data, cell, count, peaks.ctypes.data)
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
    at = samples.ctypes.data
    found = LIBRARY.find_anchors(at, at, samples.size, limit, *factors, keys.ctypes.data)
    return keys[:found].copy()
