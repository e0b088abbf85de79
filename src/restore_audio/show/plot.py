"""The spectrogram of a stream, however long: each column shows one moment of its share of the time.

In: blocks. Out: levels of a fixed number of columns.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..errors import UsageError

COLUMNS = 1200
"""Columns of a spectrogram: more than the picture has pixels for would only blur."""

WINDOW_S = 0.023
FLOOR_DB = -100.0


@dataclass(frozen=True)
class Spectrogram:
    """Levels ``(F, K)`` in dB from ``start_s`` to ``end_s``, 0 Hz to half the rate."""

    levels_db: NDArray[np.float32]
    start_s: float
    end_s: float
    rate_hz: int


def require_matplotlib() -> None:
    """Fail early, with the way out.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--picture needs matplotlib: install it with pip install matplotlib.")


def spectrogram(
    blocks: Iterable[Samples], rate_hz: int, *, first: int, last: int, columns: int = COLUMNS
) -> Spectrogram:
    """Spectrogram of samples ``first`` to ``last`` of a stream, in memory that depends on ``columns`` only.

    Args:
        blocks: ``(C, n)`` arrays from the recording's first sample on; channels are added.
        columns: how many moments are shown at most.
    """
    size = 1 << round(np.log2(WINDOW_S * rate_hz))
    window = np.hanning(size)
    centres = np.unique(np.linspace(first, last - 1, min(columns, max(last - first, 1))).astype(np.int64))
    levels = np.full((size // 2 + 1, centres.size), FLOOR_DB, dtype=np.float32)
    held, held_first, number = np.zeros(size), -size, 0
    for piece in _mono_with_tail(blocks, size):
        held = np.concatenate([held, piece])
        while number < centres.size and centres[number] + size // 2 <= held_first + held.size:
            begin = int(centres[number]) - size // 2 - held_first
            magnitude = np.abs(np.fft.rfft(held[begin : begin + size] * window)) / (size / 4)
            levels[:, number] = 20 * np.log10(np.maximum(magnitude, 10 ** (FLOOR_DB / 20)))
            number += 1
        if number == centres.size:
            break
        drop = min(max(int(centres[number]) - size // 2 - held_first, 0), held.size)
        held, held_first = held[drop:], held_first + drop
    return Spectrogram(levels, first / rate_hz, last / rate_hz, rate_hz)


def _mono_with_tail(blocks: Iterable[Samples], size: int) -> Iterator[Samples]:
    for block in blocks:
        yield np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).mean(axis=0)
    yield np.zeros(size)
