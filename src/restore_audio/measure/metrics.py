"""Numbers that say how close a restored recording is to the clean one.

In: clean reference and test, ``(C, T)`` in [-1, 1], and the damaged spans; or magnitudes ``(..., F, K)``;
or found and true spans. Out: plain numbers, never NaN: where a number has no meaning it is None (the
reference is silent, there is no span), a perfect match is ``inf`` dB. Samples that are not numbers count
as 0, which is what a player makes of them.

The signal-to-distortion ratio is the plain energy ratio, without any gain or filter fitted to the test. PSNR
and NRMSE are those of Serra et al. 2021, on normalised magnitudes of patches; the paper's text divides
the NRMSE by the range of the reference, its published values by the reference's RMS.

>>> clean = np.ones((1, 100))
>>> sdr_db(clean, 0 * clean, [Span(10, 20, 0)])  # a hole
0.0
>>> sdr_db(clean, 0.9 * clean)
20.0
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..signal.spectrum import Grid, stft
from ..spans import Span, merge_spans

Array = NDArray[np.float64]

LSD_FLOOR = 1e-3
"""−60 dB below the local level nothing is heard, so spectra are compared above that."""

_PIECE_FRAMES = 2500  # 10 s


def sdr_db(reference: Array, test: Array, spans: Sequence[Span] | None = None) -> float | None:
    """Signal-to-distortion ratio over the samples of the spans, or over everything.

    Zeroed samples give 0 dB. None without reference signal there, ``inf`` where nothing differs.
    """
    _check(reference, test)
    signal = distortion = 0.0
    for clean, other in _pieces(reference, test, spans):
        signal += float(np.sum(clean**2))
        distortion += float(np.sum((clean - other) ** 2))
    return _ratio_db(signal, distortion)


def energy_error_db(reference: Array, test: Array, spans: Sequence[Span] | None = None) -> float | None:
    """Level of the test over that of the reference: negative where the fill is too quiet, −inf if silent."""
    _check(reference, test)
    signal = energy = 0.0
    for clean, other in _pieces(reference, test, spans):
        signal += float(np.sum(clean**2))
        energy += float(np.sum(other**2))
    if signal == 0:
        return None
    return 10 * math.log10(energy / signal) if energy > 0 else -math.inf


def log_spectral_distance_db(
    reference: Array, test: Array, rate_hz: int, spans: Sequence[Span] | None = None
) -> float | None:
    """Mean over the frames that the spans touch of the RMS difference of the spectra in dB.

    Frames are those of :class:`Grid`: 16 ms every 4 ms, all bins up to half the sample rate. Both
    magnitudes are lifted by −60 dB of the reference's level around. None where the reference is silent.
    """
    _check(reference, test)
    grid = Grid(rate_hz)
    total, count = 0.0, 0
    for channel, first, last in _frame_ranges(reference.shape, grid, spans):
        start = max(0, first - 2)  # a window reaches two hops to each side
        cut = slice(start * grid.hop_samples, (last + 2) * grid.hop_samples)
        clean, other = (
            np.abs(stft(_numbers(x[channel, cut]), grid)[:, first - start : last - start])
            for x in (reference, test)
        )
        floor = LSD_FLOOR * math.sqrt(float(np.mean(clean**2)))
        if floor == 0:
            continue
        difference_db = 20 * np.log10((clean + floor) / (other + floor))
        total += float(np.sqrt(np.mean(difference_db**2, axis=0)).sum())
        count += clean.shape[1]
    return total / count if count else None


def changed_share(
    before: Array, after: Array, spans: Iterable[Span] = (), *, tolerance: float = 0.0
) -> float:
    """Share of the samples outside of the spans that are not as before: exactly, or within a tolerance."""
    _check(before, after)
    outside = np.ones(before.shape, dtype=bool)
    for span in spans:
        outside[span.channel, span.start : span.end] = False
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    if tolerance > 0:
        same |= np.abs(before - after) <= tolerance
    return float(np.mean(~same[outside])) if outside.any() else 0.0


def loudness_difference_lu(reference: Array, test: Array, rate_hz: int) -> float | None:
    """Integrated loudness (ITU-R BS.1770) of the test minus that of the reference.

    None if either is silent, shorter than a measuring block of 0.4 s, or has more than five channels.
    """
    _check(reference, test)
    if len(reference) > 5 or reference.shape[1] < 0.4 * rate_hz + 1:
        return None
    import pyloudnorm

    meter = pyloudnorm.Meter(rate_hz)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")  # it warns of silence, which is what we look for
        before, after = (float(meter.integrated_loudness(_numbers(x).T)) for x in (reference, test))
    return after - before if math.isfinite(before) and math.isfinite(after) else None


def psnr_db(reference: Array, test: Array) -> Array:
    """Peak signal-to-noise ratio of each patch for magnitudes from 0 to 1: ``(..., F, K)`` → ``(...)``.

    ``inf`` for equal patches; the paper leaves those out of its means (:func:`mean_finite`).
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(_mean_square(reference - test)), dtype=np.float64)


def nrmse_rms(reference: Array, test: Array) -> Array:
    """Root mean square error over the reference's RMS, as in the paper's tables: ``(..., F, K)`` → ``(...)``.

    ``inf`` for an error against a silent reference.
    """
    return _over(np.sqrt(_mean_square(reference - test)), np.sqrt(_mean_square(reference)))


def nrmse_range(reference: Array, test: Array) -> Array:
    """Root mean square error over the reference's range, as in the paper's text: ``(..., F, K)`` → ``(...)``.

    ``inf`` for an error against a constant reference.
    """
    return _over(np.sqrt(_mean_square(reference - test)), np.ptp(reference, axis=(-2, -1)))


def mean_finite(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are finite numbers, None if there is none."""
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else None


@dataclass(frozen=True)
class Detection:
    """How the found spans fit the true ones.

    A true span is hit if a found one of its channel shares a sample with it, and a found span is false if
    it shares none with a true one. As one span over everything would hit all, look at the ends too.

    Attributes:
        true_spans, found_spans, false_spans: how many.
        boundary_errors_ms: of each true span that is hit, the error of its worse end.
    """

    true_spans: int
    found_spans: int
    false_spans: int
    boundary_errors_ms: tuple[float, ...]


def score_detection(true: Sequence[Span], found: Sequence[Span], rate_hz: int) -> Detection:
    """Compare found spans to the true ones, channel by channel.

    Where several found spans share a true one, its boundaries are the first start and the last end.
    """
    errors_ms = []
    for span in true:
        hits = [other for other in found if _overlap(span, other)]
        if hits:
            start = abs(min(other.start for other in hits) - span.start)
            end = abs(max(other.end for other in hits) - span.end)
            errors_ms.append(1000 * max(start, end) / rate_hz)
    false = sum(not any(_overlap(span, other) for other in true) for span in found)
    return Detection(len(true), len(found), false, tuple(errors_ms))


def _overlap(one: Span, other: Span) -> bool:
    return one.channel == other.channel and one.start < other.end and other.start < one.end


def _frame_ranges(
    shape: tuple[int, ...], grid: Grid, spans: Sequence[Span] | None
) -> Iterator[tuple[int, int, int]]:
    """Channel, first and last (exclusive) frame of each piece to compare, none longer than 10 s."""
    channels, samples = shape
    everything = [Span(0, samples, channel) for channel in range(channels) if samples]
    touched = [
        Span(*grid.frame_range(span.start, span.end), span.channel)
        for span in (everything if spans is None else spans)
    ]
    for span in merge_spans(touched):
        stop = min(span.end, grid.frames(samples))
        for first in range(span.start, stop, _PIECE_FRAMES):
            yield span.channel, first, min(first + _PIECE_FRAMES, stop)


def _pieces(reference: Array, test: Array, spans: Sequence[Span] | None) -> Iterator[tuple[Array, Array]]:
    if spans is None:
        yield _numbers(reference), _numbers(test)
        return
    for span in merge_spans(spans):
        inside = span.channel, slice(span.start, span.end)
        yield _numbers(reference[inside]), _numbers(test[inside])


def _numbers(samples: Array) -> Array:
    return np.nan_to_num(np.asarray(samples, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _ratio_db(signal: float, distortion: float) -> float | None:
    if signal == 0:
        return None
    return 10 * math.log10(signal / distortion) if distortion > 0 else math.inf


def _mean_square(values: Array) -> Array:
    return np.asarray(np.mean(np.square(values), axis=(-2, -1)), dtype=np.float64)


def _over(error: Array, scale: Array) -> Array:
    worst = np.where(error > 0, np.inf, 0.0)
    return np.asarray(np.where(scale > 0, error / np.where(scale > 0, scale, 1.0), worst), dtype=np.float64)


def _check(reference: Array, test: Array) -> None:
    if reference.ndim != 2 or reference.shape != test.shape:
        raise ValueError(f"expected two arrays (C, T) of one shape, got {reference.shape} and {test.shape}")
