"""Sparse fill of a gap: A-SPAIN, the sparsest spectrum that agrees with the known samples.

In: audio ``(T,)``, what of it is known, and a gap. Out: the gap's samples.

Frames as in :mod:`.matching_pursuit`. In each, ADMM looks for a signal that equals the windowed frame where
that is known and has at most k coefficients in a Fourier transform of twice the frame's length, for a k that
grows by one from iteration to iteration until both agree::

    z = H_k(A x + u)          the k largest of the coefficients
    x = known, else A*(z - u)
    u = u + A x - z           until ‖A x - z‖ ≤ ε

Source: Mokrý, Záviška, Rajmic, Veselý, *Introducing SPAIN (SParse Audio INpainter)*, EUSIPCO 2019; frames of
64 ms every 16 ms and ε as in the authors' comparison (Mokrý and Rajmic, IEEE/ACM TASLP 28, 2020), whose
transform is twice as long: that takes three times as long.
Not for: gaps longer than a frame; sparsity does not use what comes before and after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..arrays import Samples
from .matching_pursuit import fill_by_frames

REDUNDANCY = 2
EPSILON = 0.1
"""Of the residual where the loudest known sample is 1; the transform keeps energies."""


def inpaint(audio: Samples, known: NDArray[np.bool_], start: int, end: int, rate_hz: int) -> Samples:
    """Fill the samples ``start`` to ``end`` (exclusive); arguments as in :func:`.matching_pursuit.pursue`."""
    peak = float(np.max(np.abs(audio), where=known, initial=0.0))
    if peak == 0.0:
        return np.zeros(end - start)
    return peak * fill_by_frames(np.where(known, audio, 0.0) / peak, known, start, end, rate_hz, _frame)


def _frame(piece: Samples, known: NDArray[np.bool_], window: Samples) -> Samples:
    """The windowed frame ``(N,)`` with the sparsest spectrum that was found."""
    size, bins = piece.size, 2 * fft.next_fast_len(REDUNDANCY * piece.size // 2)
    target = np.where(known, piece * window, 0.0)
    x, best = target, target
    coefficients = fft.rfft(x, bins, norm="ortho")
    dual = np.zeros_like(coefficients)
    least = np.inf
    # Pairs of conjugates count once: all but the first and the last count twice.
    pairs = np.full(coefficients.size, 2.0)
    pairs[[0, -1]] = 1.0
    for k in range(1, coefficients.size):
        moved = coefficients + dual
        strength = np.abs(moved)
        sparse = np.where(strength >= np.partition(strength, -k)[-k], moved, 0.0)
        difference = coefficients - sparse
        residual = float(np.sqrt(np.sum(pairs * (difference.real**2 + difference.imag**2))))
        if residual <= least:
            least, best = residual, x
        if residual <= EPSILON:
            break
        x = np.where(known, target, fft.irfft(sparse - dual, bins, norm="ortho")[:size])
        coefficients = fft.rfft(x, bins, norm="ortho")
        dual = dual + coefficients - sparse
    return best
