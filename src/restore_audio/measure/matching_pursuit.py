"""Sparse fill of a gap: orthogonal matching pursuit on a Gabor dictionary.

In: audio ``(T,)``, what of it is known, and a gap. Out: the gap's samples.

Frames of 64 ms (longer for long gaps) every quarter of a frame; in each frame that the gap touches, windowed
cosines and sines of twice as many frequencies as a Fourier transform has are picked, greedily and together
with their phase, until the known samples are explained; the frames' fills are added up under a sine window.

Source: Adler, Emiya, Jafari, Elad, Gribonval, Plumbley, *Audio inpainting*, IEEE Transactions on Audio,
Speech, and Language Processing 20(3), 2012: its dictionary, frames and greedy pairs.
Not for: gaps longer than a frame; sparsity does not use what comes before and after.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..arrays import Samples

Estimate = Callable[[Samples, NDArray[np.bool_], Samples], Samples]

FRAME_MS = 64.0
"""Length of a frame; a frame has at least twice the gap's length."""


ATOMS_SHARE, MOST_ATOMS = 1 / 64, 48
"""Most atoms (pairs of cosine and sine), as a share of the frame's samples and as a number, which only
frames for long gaps reach."""

ERROR_DB = -60.0
"""Residual at which to stop, relative to the known samples."""


def pursue(audio: Samples, known: NDArray[np.bool_], start: int, end: int, rate_hz: int) -> Samples:
    """Fill the samples ``start`` to ``end`` (exclusive).

    Args:
        known: ``(T,)``; what is not known is not looked at.

    Returns:
        ``(end - start,)``, zeros where no frame has anything known.
    """
    return fill_by_frames(audio, known, start, end, rate_hz, _frame)


def fill_by_frames(
    audio: Samples, known: NDArray[np.bool_], start: int, end: int, rate_hz: int, estimate: Estimate
) -> Samples:
    """Fill a gap by its frames, each estimated alone.

    Args:
        audio, known, start, end, rate_hz: as in :func:`pursue`.
        estimate: makes of a frame, what of it is known, and the window, ``(N,)`` each, the windowed frame.
    """
    frame = 4 * round(max(FRAME_MS * rate_hz / 1000, 2 * (end - start)) / 4)
    padded = np.pad(audio, frame)  # frames may reach beyond the ends, where nothing is known
    there = np.pad(known, frame)
    window = np.sin(np.pi * (np.arange(frame) + 0.5) / frame)
    total, weight = np.zeros(end - start), np.zeros(end - start)
    first = frame + start - frame + frame // 4
    for place in range(first, frame + end, frame // 4):
        piece, mask = padded[place : place + frame], there[place : place + frame]
        if piece.size < frame or not mask.any():
            continue
        made = estimate(np.where(mask, piece, 0.0), mask, window)
        low, high = max(place, frame + start), min(place + frame, frame + end)
        target = slice(low - frame - start, high - frame - start)
        source = slice(low - place, high - place)
        total[target] += window[source] * made[source]
        weight[target] += window[source] ** 2
    return total / np.maximum(weight, 1e-9)


def _frame(piece: Samples, mask: NDArray[np.bool_], window: Samples) -> Samples:
    """The windowed frame ``(N,)`` as the sum of few atoms that explain its known samples."""
    size = piece.size
    target = np.where(mask, piece * window, 0.0)
    energy = float(target @ target)
    if energy == 0.0:
        return np.zeros(size)
    seen = np.flatnonzero(mask)
    norms = _pair_norms(window, mask)
    residual = target.copy()
    most = max(1, min(int(size * ATOMS_SHARE), MOST_ATOMS))
    basis = np.zeros((2 * most, seen.size))  # orthonormal rows over the known samples
    atoms = np.zeros((2 * most, size))
    triangle = np.zeros((2 * most, 2 * most))
    count = 0
    frequencies = np.zeros(size + 1, dtype=bool)
    for _ in range(most):
        strength = np.abs(fft.rfft(residual * window, 2 * size)) / norms
        strength[frequencies] = 0.0
        best = int(np.argmax(strength))
        if strength[best] <= 0:
            break
        frequencies[best] = True
        phase = np.pi * best / size * np.arange(size)
        for atom in (window * np.cos(phase), window * np.sin(phase)):
            vector = atom[seen]
            length = float(np.linalg.norm(vector))
            if length == 0:
                continue
            along = basis[:count] @ vector
            rest = vector - along @ basis[:count]
            again = basis[:count] @ rest  # once more, against the loss of orthogonality
            rest -= again @ basis[:count]
            norm = float(np.linalg.norm(rest))
            if norm < 1e-4 * length:
                continue
            atoms[count] = atom
            basis[count] = rest / norm
            triangle[:count, count] = along + again
            triangle[count, count] = norm
            count += 1
            residual[seen] -= basis[count - 1] * float(basis[count - 1] @ residual[seen])
        if float(residual @ residual) <= energy * 10 ** (ERROR_DB / 10):
            break
    if not count:
        return np.zeros(size)
    weights = np.linalg.solve(triangle[:count, :count], basis[:count] @ target[seen])
    estimate: Samples = weights @ atoms[:count]
    return estimate


def _pair_norms(window: Samples, mask: NDArray[np.bool_]) -> Samples:
    """Length of a complex atom over the known samples; the same at every frequency."""
    return np.full(window.size + 1, max(float(np.sqrt(np.sum(window[mask] ** 2))), 1e-12))
