"""Integrated loudness (LUFS) and true peak of a recording of any length.

In: blocks ``(C, n)``. Out: the programme's loudness after ITU-R BS.1770-4 and its true peak in dBTP.

pyloudnorm, whose filters these are, takes a whole programme as an array. Here its filters run over blocks and
only the energy of each 100 ms is kept (4.6 MB for a day of stereo), from which the gated blocks of 400 ms are
put together: the same numbers, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

from .audiofile import probe, read_blocks

Samples = NDArray[np.float64]

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_GAINS = (1.0, 1.0, 1.0, 1.41, 1.41)
"""Weights of left, right, centre and the surrounds; further channels count as fronts."""

_OVERSAMPLING = 4
_PEAK_OVERLAP = 64


@dataclass(frozen=True)
class Loudness:
    """What was measured.

    Attributes:
        integrated_lufs: None for silence and for less than 0.4 s, which have no loudness.
        true_peak_dbtp: None for silence.
    """

    integrated_lufs: float | None
    true_peak_dbtp: float | None


def measure_loudness(path: str | Path) -> Loudness:
    """Loudness of a recording on disk.

    Raises:
        InputError: it cannot be read.
    """
    info = probe(path)
    return loudness_of(read_blocks(path), info.rate_hz)


def loudness_of(blocks: Iterable[Samples], rate_hz: int) -> Loudness:
    """Loudness of blocks ``(C, n)``, one after the other; samples that are not finite count as zeros."""
    import pyloudnorm

    filters = list(pyloudnorm.Meter(rate_hz)._filters.values())
    states: list[Samples] = []
    energies: list[Samples] = []
    rest = np.zeros((0, 0))
    tail = np.zeros((0, 0))
    peak = 0.0
    step = round(0.1 * rate_hz)
    for block in blocks:
        clean = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        if not states:
            order = [max(len(f.a), len(f.b)) - 1 for f in filters]
            states = [np.zeros((clean.shape[0], n)) for n in order]
            rest = np.zeros((clean.shape[0], 0))
            tail = np.zeros((clean.shape[0], 0))
        weighted = clean
        for number, stage in enumerate(filters):
            weighted, states[number] = lfilter(stage.b, stage.a, weighted, axis=-1, zi=states[number])
            weighted = weighted * stage.passband_gain
        rest = np.concatenate([rest, weighted], axis=1)
        whole = rest.shape[1] // step * step
        parts = rest[:, :whole].reshape(rest.shape[0], -1, step)
        energies.append(np.sum(parts**2, axis=-1))
        rest = rest[:, whole:]
        with_past = np.concatenate([tail, clean], axis=1)
        peak = max(peak, float(np.abs(clean).max(initial=0.0)), _true_peak(with_past))
        tail = with_past[:, -_PEAK_OVERLAP:]
    integrated = _gated(np.concatenate(energies, axis=1), step) if energies else None
    return Loudness(integrated, 20 * float(np.log10(peak)) if peak > 0 else None)


def _true_peak(samples: Samples) -> float:
    if samples.shape[1] < 2:
        return 0.0
    return float(np.abs(resample_poly(samples, _OVERSAMPLING, 1, axis=-1)).max())


def _gated(energies: Samples, step: int) -> float | None:
    """Integrated loudness from the energies ``(C, n)`` of 100 ms each; gates of BS.1770-4."""
    if energies.shape[1] < 4:
        return None
    cumulative = np.concatenate([np.zeros((len(energies), 1)), np.cumsum(energies, axis=1)], axis=1)
    power = (cumulative[:, 4:] - cumulative[:, :-4]) / (4 * step)
    gains = np.ones(len(energies))
    gains[: len(_GAINS)] = _GAINS[: len(energies)]
    summed = gains @ power
    with np.errstate(divide="ignore"):
        loudness = -0.691 + 10 * np.log10(summed)
    loud = summed[loudness > _ABSOLUTE_GATE_LUFS]
    if loud.size == 0:
        return None
    gate = -0.691 + 10 * np.log10(loud.mean()) + _RELATIVE_GATE_LU
    kept = summed[(loudness > _ABSOLUTE_GATE_LUFS) & (loudness > gate)]
    return float(-0.691 + 10 * np.log10(kept.mean()))
