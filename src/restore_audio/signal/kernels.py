"""Recursions of linear prediction that run compiled where they can: ``kernels.c``, called through ctypes.

In: arrays of float64. Out: new ones. Each function has a second way, in NumPy or SciPy, for an installation
that was built without a compiler; the two agree within 1e-8 of the largest value. ``LIBRARY`` is None there.

Compiled with the wheel instead of by numba when first called: Burg's recursion of order 2048 takes 3 ms
(numba 8 ms, NumPy 34 ms), loading the library 1 ms (importing numba 240 ms, its first compilation seconds),
and no dependency is added. The calls let other threads of Python run.
"""

from __future__ import annotations

from functools import lru_cache
from threading import local
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from .convolution import convolve
from .fades import cross_fade, edge_fade
from .library import at, load_library

LIBRARY = load_library()

_HELD = local()


def _scratch(size: int) -> Samples:
    """At least ``size`` values to work in, the same ones for each call in a thread: new ones cost time."""
    held: Samples | None = getattr(_HELD, "values", None)
    if held is None or held.size < size:
        held = _HELD.values = np.empty(size)
    return held


def burg_recursion(
    x: Samples, products: Samples, noise: float, smallest: float
) -> tuple[Samples, float, int] | None:
    """The recursion of :func:`.burg.fit`; None where it is not compiled.

    Args:
        x: samples with peak 1, shape (T,).
        products: twice their autocorrelation, shape (order + 1,), order below T.
        noise: what white noise adds to each sum of squares, for each sample.
        smallest: energy at which nothing is left to predict.

    Returns:
        The prediction error filter, shape (order + 1,), the energy of its errors forwards and backwards, and
        the number of reflection coefficients found.
    """
    if LIBRARY is None:
        return None
    order = products.size - 1
    x, mirrored = np.ascontiguousarray(x), np.ascontiguousarray(x[::-1])
    products = np.ascontiguousarray(products)
    a, work, energy = np.zeros(order + 1), np.empty(2 * order + 4), np.empty(1)
    a[0] = 1.0
    found = LIBRARY.burg_recursion(
        *(at(x), at(mirrored), x.size, at(products), order, noise, smallest, at(a), at(work), at(energy))
    )
    return a, float(energy[0]), found


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


def windowed_products(samples: Samples, window: Samples, lags: int) -> Samples | None:
    """Autocorrelation of ``samples * window``, both (T,), for lags below ``lags``; None if not compiled."""
    if LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    sums, work = np.zeros(lags), np.empty(samples.size + lags)
    LIBRARY.add_products(at(samples), at(window), samples.size, lags, at(work), at(sums))
    return sums


def errors_of(samples: Samples, window: Samples, order: int, noise: float) -> Samples | None:
    """The work of :func:`.lpc.errors_of`: ``window`` is of the samples that the model is fitted on.

    Returns:
        The errors, ``(T - order,)``, empty where there is no solution; None if not compiled.
    """
    if LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    errors, work = np.empty(samples.size - order), _scratch(window.size + 6 * (order + 1))
    done = LIBRARY.errors_of(
        *(at(samples), samples.size, at(window), window.size, order, noise, at(errors), at(work))
    )
    return errors if done and np.all(np.isfinite(errors)) else np.empty(0)


def trial_repair(
    samples: Samples,
    stretch: tuple[int, int],
    windows: tuple[Samples, Samples],
    order: int,
    noise: float,
) -> tuple[Samples, Samples] | None:
    """The work of :func:`restore_audio.detection.interpolation.repair`.

    Args:
        samples: shape (T,).
        stretch: first and last sample (exclusive) of what is filled.
        windows: of the sides that the model is fitted on, up to the stretch and from it on.
        noise: white noise under the fit, as a share of the power.

    Returns:
        The fill, and the energies of the prediction error over the stretch and the order after it, as found
        and as filled, and on both sides; both empty where there is no solution. None if not compiled.
    """
    if LIBRARY is None:
        return None
    first, last = stretch
    begin, end = first - windows[0].size, last + windows[1].size
    gap, energies = np.empty(last - first), np.empty(3)
    work = np.empty(12 * (order + 1) + 5 * gap.size + max(window.size for window in windows))
    samples = np.ascontiguousarray(samples, np.float64)
    done = LIBRARY.trial_repair(
        *(at(samples), begin, first, last, end, at(windows[0]), at(windows[1]), order, noise),
        *(at(gap), at(energies), at(work)),
    )
    if not done or not (np.isfinite(energies).all() and np.isfinite(gap).all()):
        return np.empty(0), np.empty(0)
    return gap, energies


def fade_likelihoods(
    samples: Samples,
    window: Samples,
    model: tuple[int, float],
    rounding: float,
    fades: tuple[Samples, Samples],
) -> Samples | None:
    """The work of :func:`.smear.likeliest_fade`.

    Args:
        samples: shape (T,), the last of which may be faded.
        window: of those before, that the model is fitted on.
        model: its order, and white noise under it, as a share of the power.
        rounding: size of an error of rounding.
        fades: gains of each length ``(N, order + N - 1)``, and twice the sums of their logarithms ``(N,)``.

    Returns:
        Logarithms of their likelihood ``(N,)``, empty where there is no solution; None if not compiled.
    """
    if LIBRARY is None:
        return None
    (order, noise), (gains, logs) = model, fades
    samples = np.ascontiguousarray(samples, np.float64)
    likelihoods, work = np.empty(logs.size), _scratch(samples.size + 7 * (order + 1) + logs.size)
    done = LIBRARY.fade_likelihoods(
        *(at(samples), samples.size, logs.size - 1, at(window), order, noise, rounding),
        *(at(gains), at(logs), at(likelihoods), at(work)),
    )
    return likelihoods if done and np.isfinite(likelihoods).all() else np.empty(0)


def left_energies(
    samples: Samples, size: int, offsets: NDArray[np.integer], own: int, ridge: float
) -> tuple[float, float] | None:
    """What least squares leave of the energy of the last ``size`` samples.

    Args:
        samples: shape (T,).
        size: samples that are predicted.
        offsets: how long before each sample those lie that predict it, ascending, at most T - ``size``.
        own: how many of them count for the first energy.
        ridge: white noise under the fit, as a share of the power.

    Returns:
        The energies with the first ``own`` offsets and with all, off by rounding of the whole energy; None if
        the system is singular, or not compiled.
    """
    if LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    places = np.ascontiguousarray(offsets, np.long)
    count = places.size
    work, left = np.empty(count * (count + 2)), np.empty(2)
    wanted = samples[samples.size - size :]
    done = LIBRARY.left_energies(at(wanted), size, at(places), count, own, ridge, at(work), at(left))
    return (float(left[0]), float(left[1])) if done else None


def whitened_energies(
    samples: Samples,
    stretch: tuple[int, int],
    known: tuple[int, Samples],
    model: tuple[int, float],
    past: int,
    fit: tuple[NDArray[np.integer], int, float],
) -> tuple[float, float] | None:
    """What :func:`left_energies` says of a stretch that a short model of the sound around has whitened.

    Args:
        samples: shape (T,).
        stretch: first and last sample (exclusive) of what is predicted.
        known: first sample that the model is fitted on, and the window that it is fitted under.
        model: its order, and white noise under it, as a share of the power.
        past: samples before the stretch that are whitened, at least the order and the last offset.
        fit: ``offsets``, ``own`` and ``ridge`` of :func:`left_energies`.
    """
    if LIBRARY is None:
        return None
    (first, last), (begin, window), (order, noise), (offsets, own, ridge) = stretch, known, model, fit
    samples = np.ascontiguousarray(samples, np.float64)
    places = np.ascontiguousarray(offsets, np.long)
    assert past <= first
    assert past >= order + int(places[-1])
    count, size = places.size, last - first
    work = np.empty(past + size + window.size + 5 * (order + 1) + count * (count + 2))
    left = np.empty(2)
    done = LIBRARY.whitened_energies(
        *(at(samples), first, size, begin, at(window), window.size, order, noise, past),
        *(at(places), count, own, ridge, at(work), at(left)),
    )
    return (float(left[0]), float(left[1])) if done else None


class FillRules(NamedTuple):
    """Numbers by which :func:`fill_between` fills; :mod:`restore_audio.fill.ar` has them.

    Attributes:
        cell, quiet: samples in which an attack is looked for; 0: none is.
        attack: an attack's power over that of the quiet stretch.
        near: samples around the gap, at least, whose peak bounds the fill; ``loudest`` times it.
        solve: whether to solve for the gap, and ``kept``: how much of the extrapolation stays then.
        most_apart, less_kept: a fill is quieter whose continuations differ by more.
        ramp: samples over which it becomes so.
        shortest: samples without which a side says nothing.
    """

    cell: int
    quiet: int
    attack: float
    near: int
    loudest: float
    solve: bool
    kept: float
    most_apart: float
    less_kept: float
    ramp: int
    shortest: int


def fill_between(
    before: Samples,
    after: Samples,
    gap: int,
    models: tuple[tuple[Samples, float] | None, tuple[Samples, float] | None],
    rules: FillRules,
) -> Samples | None:
    """The work of :mod:`restore_audio.fill.ar` once both sides have their models; None if not compiled.

    Args:
        before, after: samples on both sides as far as the fill may look, ``(B,)`` and ``(A,)``.
        gap: samples missing.
        models: of both sides, each a prediction error filter and the weight of its errors, or None; both may
            be the same.
        rules: how.

    Returns:
        The fill, ``(gap,)``.
    """
    if LIBRARY is None:
        return None
    before, after = np.ascontiguousarray(before, np.float64), np.ascontiguousarray(after, np.float64)
    filters = [None if model is None else np.ascontiguousarray(model[0]) for model in models]
    orders = [0 if filter_ is None else filter_.size - 1 for filter_ in filters]
    weights = np.array([0.0 if model is None else model[1] for model in models])
    order = max(orders)
    size = 1 << max(2 * order + gap, 1).bit_length()
    made, work = np.empty(gap), _scratch(7 * size + 3 * order + 6 * gap)
    first, second = (None if filter_ is None else at(filter_) for filter_ in filters)
    if models[0] is models[1]:
        second = first
    LIBRARY.fill_between(
        *(at(before), before.size, at(after), after.size, gap, first, orders[0], second, orders[1]),
        *(at(weights), *_tables(rules, gap), at(_roots(size)), size, at(made), at(work)),
    )
    return made


@lru_cache(maxsize=64)
def _tables(rules: FillRules, gap: int) -> tuple[Any, ...]:
    """``counts``, ``shares``, ``fade`` and ``inside`` of the compiled function."""
    counts = [rules.cell, rules.quiet, rules.near, rules.solve and gap > 0, rules.shortest]
    shares = [rules.attack, rules.loudest, rules.kept, rules.most_apart, rules.less_kept]
    inside = edge_fade(gap, min(gap // 4, rules.ramp))
    return (
        at(np.array(counts, np.long)),
        at(np.array(shares)),
        *(at(f.copy()) for f in (cross_fade(gap), inside)),
    )


@lru_cache(maxsize=16)
def _roots(size: int) -> Samples:
    """Cosines and minus sines of a quarter of the circle, in ``size / 4`` steps each."""
    angles = 2.0 * np.pi * np.arange(max(size // 4, 1)) / size
    return np.concatenate([np.cos(angles), -np.sin(angles)])
