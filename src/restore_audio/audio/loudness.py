"""Integrated loudness (LUFS) and true peak of a recording of any length.

In: blocks ``(C, n)``. Out: the programme's loudness after ITU-R BS.1770-4 and its true peak in dBTP.

pyloudnorm, whose filters and gating blocks these are, takes a whole programme as an array. Here its filters
run over blocks and only the energy up to each edge of a gating block is kept (14 MB for a day of stereo): the
same numbers, in bounded memory. Beyond pyloudnorm's five channels, 5.1 and 7.1 are weighted as BS.1770-4
has it: no LFE, 1.5 dB more for the surrounds at the sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter, resample_poly

from ..arrays import Samples
from .audiofile import probe, read_blocks

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_GATE_S = 0.4
_STEP = 0.25
"""Gating blocks of 0.4 s, a new one each quarter."""

_K_WEIGHTING = {"high_shelf": (4.0, 0.5**0.5, 1500.0), "high_pass": (0.0, 0.5, 38.0)}
"""Gain (dB), quality and frequency (Hz) of the two filters of BS.1770, as pyloudnorm's meter has them."""

_GAINS = {6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41), 8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41)}
"""Weights of 5.1 and 7.1 in the order of WAV; up to five channels are L, R, C and surrounds."""

_GAINS_OF_FEW = (1.0, 1.0, 1.0, 1.41, 1.41)

_OVERSAMPLING = 4
_REACH = 16
"""Samples that the oversampling filter reaches to either side, at least."""


@dataclass(frozen=True)
class Loudness:
    """What was measured.

    Attributes:
        integrated_lufs: None for silence (never above -70 LUFS), and where there is less than 0.4 s.
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
    energy: _Energy | None = None
    peak: _TruePeak | None = None
    for block in blocks:
        clean = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        energy = energy or _Energy(rate_hz, len(clean))
        peak = peak or _TruePeak(len(clean))
        energy.add(clean)
        peak.add(clean)
    if energy is None or peak is None:
        return Loudness(None, None)
    level = peak.finish()
    peak_dbtp = 20 * float(np.log10(level)) if level > 0 else None
    long_enough = energy.total >= _GATE_S * rate_hz
    return Loudness(_gated(energy.of_gating_blocks()) if long_enough else None, peak_dbtp)


class _Energy:
    """Weighted energy of what went by, known at each edge of a gating block."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        import pyloudnorm

        self._rate_hz = rate_hz
        filters = [pyloudnorm.IIRfilter(*values, rate_hz, kind) for kind, values in _K_WEIGHTING.items()]
        self._filters = [(f.b, f.a) for f in filters]
        self._states = [np.zeros((channels, max(len(a), len(b)) - 1)) for b, a in self._filters]
        self._gains = np.ones(channels)
        few = _GAINS.get(channels, _GAINS_OF_FEW)
        self._gains[: len(few)] = few[:channels]
        self._sum = 0.0
        self._edges: list[NDArray[np.int64]] = []
        self._sums: list[Samples] = []
        self.total = 0

    def add(self, block: Samples) -> None:
        """The next samples ``(C, n)``."""
        weighted = block
        for number, (b, a) in enumerate(self._filters):
            weighted, self._states[number] = lfilter(b, a, weighted, axis=-1, zi=self._states[number])
        sums = self._sum + np.concatenate([[0.0], np.cumsum(self._gains @ weighted**2)])
        first, last = self.total, self.total + block.shape[1]
        per_step = _GATE_S * _STEP * self._rate_hz
        numbers = np.arange(max(0, int(first / per_step) - 1), int(last / per_step) + 2)
        starts, ends = self._bounds(numbers)
        edges = np.unique(np.concatenate([starts, ends]))
        edges = edges[(edges >= first) & (edges < last)]
        self._edges.append(edges)
        self._sums.append(sums[edges - first])
        self._sum, self.total = float(sums[-1]), last

    def of_gating_blocks(self) -> Samples:
        """Mean weighted power of each gating block, summed over channels; the last may be cut short."""
        seconds = self.total / self._rate_hz
        count = int(np.round((seconds - _GATE_S) / (_GATE_S * _STEP))) + 1
        edges = np.concatenate([*self._edges, [self.total]])
        sums = np.concatenate([*self._sums, [self._sum]])
        starts, ends = self._bounds(np.arange(count))
        lower = sums[np.searchsorted(edges, np.minimum(starts, self.total))]
        upper = sums[np.searchsorted(edges, np.minimum(ends, self.total))]
        return np.asarray((upper - lower) / (_GATE_S * self._rate_hz))

    def _bounds(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and last sample of gating blocks, rounded as pyloudnorm rounds."""
        starts = _GATE_S * (numbers * _STEP) * self._rate_hz
        ends = _GATE_S * (numbers * _STEP + 1) * self._rate_hz
        return starts.astype(np.int64), ends.astype(np.int64)


class _TruePeak:
    """The highest level of what went by, also between samples."""

    def __init__(self, channels: int) -> None:
        self._past = np.zeros((channels, 0))
        self._begun = False
        self._peak = 0.0

    def add(self, block: Samples) -> None:
        """The next samples ``(C, n)``."""
        joined = np.concatenate([self._past, block], axis=1)
        if joined.shape[1] > 2 * _REACH:
            self._measure(joined, joined.shape[1] - _REACH)
            self._begun = True
            joined = joined[:, -2 * _REACH :]
        self._past = joined
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))

    def finish(self) -> float:
        """The peak, full scale 1, once all is in."""
        if self._past.size:
            self._measure(self._past, self._past.shape[1])
        return self._peak

    def _measure(self, samples: Samples, end: int) -> None:
        # What lies within reach of a cut is measured with the next block, which knows what follows.
        finer = resample_poly(samples, _OVERSAMPLING, 1, axis=-1)
        start = _REACH if self._begun else 0
        self._peak = max(
            self._peak, float(np.abs(finer[:, start * _OVERSAMPLING : end * _OVERSAMPLING]).max(initial=0.0))
        )


def _gated(power: Samples) -> float | None:
    """Integrated loudness from the power of gating blocks, by the gates of BS.1770-4; None for silence."""
    with np.errstate(divide="ignore"):
        loudness = -0.691 + 10 * np.log10(np.maximum(power, 0.0))
    loud = loudness >= _ABSOLUTE_GATE_LUFS
    if not loud.any():
        return None
    gate = -0.691 + 10 * np.log10(power[loud].mean()) + _RELATIVE_GATE_LU
    kept = power[(loudness > _ABSOLUTE_GATE_LUFS) & (loudness > gate)]
    return float(-0.691 + 10 * np.log10(kept.mean())) if kept.size else None
