"""Largest and mean values of windows that slide over values.

In: values ``(N,)`` and the size of the window. Out: a value for each place, ``(N,)``. Beyond the ends the
values are mirrored, the last ones included, as ``scipy.ndimage`` does, which takes 0.15 s to import.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_FEW = 8
"""Windows up to this size are summed anew at each place: exact beside values that are larger by far."""

Floats = TypeVar("Floats", NDArray[np.float32], NDArray[np.float64])


def running_max(values: Floats, size: int, first: int | None = None) -> Floats:
    """The largest of the ``size`` values from ``first`` places on; by default the window is centred.

    >>> running_max(np.array([0.0, 3.0, 1.0, 0.0, 0.0]), 3)
    array([3., 3., 3., 1., 0.])
    """
    padded = _mirrored(values, size, -(size // 2) if first is None else first)
    width = 1  # padded[i] is the largest of so many values from i on
    while 2 * width <= size:
        padded = np.maximum(padded[:-width], padded[width:])
        width *= 2
    rest = size - width
    return np.maximum(padded[: padded.size - rest], padded[rest:]) if rest else padded


def running_mean(
    values: NDArray[np.float64], size: int, axis: int = 0, *, last_twice: bool = True
) -> NDArray[np.float64]:
    """The mean of a centred window along an axis; ``last_twice`` as SciPy's ``reflect``, else its ``mirror``.

    >>> running_mean(np.array([0.0, 3.0, 0.0, 0.0]), 3)
    array([1., 1., 1., 0.])
    """
    rows = np.moveaxis(values, axis, 0)
    count, before = len(rows), size // 2
    beyond = [(before, size - 1 - before), *[(0, 0)] * (rows.ndim - 1)]
    padded = np.pad(rows, beyond, mode="symmetric" if last_twice else "reflect")
    if size <= _FEW:
        mean = sum((padded[i : i + count] for i in range(1, size)), padded[:count]) / size
    else:
        sums = np.cumsum(padded, axis=0)
        mean = sums[size - 1 :].copy()
        mean[1:] -= sums[:-size]
        mean /= size
    return np.moveaxis(mean, 0, axis)


def _mirrored(values: Floats, size: int, first: int) -> Floats:
    before, after = max(-first, 0), max(first + size - 1, 0)
    padded = np.pad(values, (before, after), mode="symmetric")
    start = before + first
    return padded[start : start + values.size + size - 1]
