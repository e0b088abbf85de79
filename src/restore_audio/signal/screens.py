"""Loops over every sample that run compiled where they can (``screens.c``): what detectors look at first.

In: one channel, ``(T,)``. Out: a value a sample, or a cell. What is not compiled is done in NumPy, here or by
the caller; both say the same.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from . import kernels
from .library import at

Floats = NDArray[np.float32]


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
    if kernels.LIBRARY is None:
        return None
    assert padded.dtype == window.dtype == np.float32
    assert lead >= max(hop // 2, 16)
    assert padded.size >= lead + count * hop + hop // 2
    padded, window = np.ascontiguousarray(padded), np.ascontiguousarray(window)
    error, work = np.empty(count * hop, np.float32), np.empty(2 * hop + 16)
    kernels.LIBRARY.short_prediction(
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
    if kernels.LIBRARY is None:
        cells = values[: count * cell].reshape(count, cell)
        return np.asarray(np.maximum(cells.max(axis=1), -cells.min(axis=1)))
    values = np.ascontiguousarray(values, np.float32)
    peaks = np.empty(count, np.float32)
    kernels.LIBRARY.cell_peaks(at(values), cell, count, at(peaks))
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
    if kernels.LIBRARY is None or sys.byteorder != "little":
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    keys = np.empty(samples.size, np.uint64)
    found = kernels.LIBRARY.find_anchors(at(samples), at(samples), samples.size, limit, *factors, at(keys))
    return keys[:found].copy()


def pair_anchors(
    samples: Samples, keys: NDArray[np.uint64], lags: tuple[int, int], probe: int
) -> tuple[NDArray[np.long], NDArray[np.long]] | None:
    """Places that equal an earlier one, of the same hash, and how much earlier; None where not compiled.

    Args:
        samples: shape (T,).
        keys: from :func:`find_anchors`, in order of place.
        lags: shortest and longest, in samples, to the nearest anchor of the same hash.
        probe: samples that have to be the same from both places on, at most 8.
    """
    if kernels.LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    late, lag = np.empty((2, keys.size), np.long)
    bits = max(keys.size, 1).bit_length() + 1  # at most half full
    table = np.zeros(1 << bits, np.uint32)
    found = kernels.LIBRARY.pair_anchors(
        *(at(samples), at(keys), keys.size, *lags, probe, at(table), bits, at(late), at(lag))
    )
    return late[:found], lag[:found]


def count_near(places: NDArray[np.integer], reach: int) -> NDArray[np.integer]:
    """How many of ``places`` (ascending) lie in [place - reach, place + reach) of each."""
    if kernels.LIBRARY is None:
        return np.searchsorted(places, places + reach) - np.searchsorted(places, places - reach)
    places = np.ascontiguousarray(places, np.long)
    near = np.empty_like(places)
    kernels.LIBRARY.count_near(at(places), places.size, reach, at(near))
    return near


def cell_ranges(samples: Samples, cell: int) -> Samples:
    """Largest less smallest value in each whole cell of ``cell`` samples: shape (T,) → (T // cell,)."""
    count = samples.size // cell
    if kernels.LIBRARY is None:
        cells = samples[: count * cell].reshape(count, cell)
        highest, lowest = cells[:, 0].copy(), cells[:, 0].copy()
        for place in range(1, cell):  # a few long operations are faster than many short ones
            np.maximum(highest, cells[:, place], out=highest)
            np.minimum(lowest, cells[:, place], out=lowest)
        return highest - lowest
    samples = np.ascontiguousarray(samples, np.float64)
    ranges = np.empty(count)
    kernels.LIBRARY.cell_ranges(at(samples), cell, count, at(ranges))
    return ranges


def sign_agreement(
    samples: Samples, words: int, hop: int, lags: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """How like itself a sound is a short time before; None where not compiled.

    Signs of ``x[n] - x[n - 4]`` are compared, in windows that begin at multiples of
    ``64 * hop``.

    Args:
        samples: shape (T,).
        words: 64 samples each, of a window.
        hop: words from one window to the next.
        lags: shortest and longest, in samples, less than 1,900 apart.

    Returns:
        For each window the most signs that agree at one lag, and that lag; zeros for the first windows, and
        where fewer than 104 of the first 128 agree.
    """
    if kernels.LIBRARY is None:
        return None
    assert lags[1] - lags[0] < 1900
    samples = np.ascontiguousarray(samples, np.float64)
    count = max((samples.size // 64 - words) // hop + 1, 0)
    first = -(-(lags[1] // 64 + 1) // hop)
    most, best = np.zeros(count, np.int32), np.zeros(count, np.int32)
    if count > first:
        bits = np.empty(samples.size // 64 + 2, np.uint64)
        kernels.LIBRARY.sign_agreement(
            at(samples),
            samples.size,
            words,
            hop,
            first * hop,
            count - first,
            *lags,
            at(bits),
            at(most[first:]),
            at(best[first:]),
        )
    return most, best


def merge_taps(taps: Floats, bias: Floats, dilation: int, inner: Floats) -> None:
    """What a dilated convolution makes of its taps, rectified; to the bit the same where not compiled.

    Args:
        taps: shape (steps, 3 W), contiguous: what goes ``dilation`` steps on, what stays, what goes back.
        bias: shape (W,).
        dilation: in steps.
        inner: shape (steps, W), contiguous: where the result goes.
    """
    steps, width = inner.shape
    if kernels.LIBRARY is not None:
        kernels.LIBRARY.merge_taps(at(taps), at(bias), steps, width, dilation, at(inner))
        return
    np.add(taps[:, width : 2 * width], bias, out=inner)
    if dilation < steps:
        inner[dilation:] += taps[: steps - dilation, :width]
        inner[: steps - dilation] += taps[dilation:, 2 * width :]
    np.maximum(inner, 0.0, out=inner)


def add_biased(hidden: Floats, more: Floats, bias: Floats) -> None:
    """Add ``more``, then ``bias``, to ``hidden`` in place: (steps, W) contiguous, twice, and (W,)."""
    if kernels.LIBRARY is not None:
        kernels.LIBRARY.add_biased(at(hidden), at(more), at(bias), *hidden.shape)
        return
    hidden += more
    hidden += bias


def mark_straight(samples: Samples, width: float, margin: int) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Which samples lie on a line between their neighbours, and how many do before each.

    Args:
        samples: shape (T,).
        width: how far the second difference may lie from 0.
        margin: samples at either end that are not looked at, at least 1.

    Returns:
        Flags, shape (T,), and counts, shape (T + 1,).
    """
    flags, totals = np.zeros(samples.size, dtype=bool), np.zeros(samples.size + 1, np.int32)
    if kernels.LIBRARY is None:
        bends = np.diff(samples)
        flags[1:-1] = np.abs(np.diff(bends)) <= width
        flags[:margin] = flags[-margin:] = False
        np.cumsum(flags, out=totals[1:])
    elif samples.size > 2 * margin:
        samples = np.ascontiguousarray(samples, np.float64)
        kernels.LIBRARY.mark_straight(at(samples), samples.size, width, margin, at(flags), at(totals))
    return flags, totals


def straight_stretches(
    samples: Samples,
    flags: NDArray[np.bool_],
    totals: NDArray[np.int32],
    every: int,
    fewest: int,
    share: float,
) -> tuple[NDArray[np.long], NDArray[np.long]] | None:
    """First and last (exclusive) of stretches of flags, as ``screens.c`` says; None if not compiled."""
    if kernels.LIBRARY is None:
        return None
    samples = np.ascontiguousarray(samples, np.float64)
    made = np.empty((2, samples.size // 2), np.long)
    found = kernels.LIBRARY.straight_stretches(
        *(at(samples), at(flags), at(totals), samples.size, every, fewest, share, at(made[0]), at(made[1])),
    )
    return made[0, :found].copy(), made[1, :found].copy()
