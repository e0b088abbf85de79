"""The concealment of ITU-T G.711 Appendix I (1999), written from its description.

In: one channel in which a packet is lost. Out: what a receiver plays. The last pitch period is repeated, then
the last two, then three; full level for 10 ms, then 20 % less each 10 ms, silent at 60 ms; both ends are
overlapped and added.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Samples

PITCH_MS = (5.0, 15.0)
FULL_MS, SILENT_MS = 10.0, 60.0
_COMPARED_MS = 20.0


def conceal_g711(
    samples: Samples, start: int, end: int, rate_hz: int, pitch: int | None = None
) -> tuple[int, int]:
    """Conceal samples ``start`` to ``end`` of one channel in place, as G.711 Appendix I does.

    Times in milliseconds are the standard's; the sample rate is any, not 8 kHz only.

    Args:
        samples: ``(T,)``, changed.
        start, end: what is lost.
        pitch: period in samples; None finds it, as the standard does.

    Returns:
        First and last (exclusive) sample that is not the channel's own: a quarter of a pitch period before
        the gap and up to 10 ms after it are blended.
    """
    shortest, longest = (round(ms * rate_hz / 1000) for ms in PITCH_MS)
    step = max(1, round(FULL_MS * rate_hz / 1000))
    history = samples[max(start - 4 * longest, 0) : start].copy()
    if history.size < 2 * longest:
        samples[start:end] = 0.0
        return start, end
    if pitch is None:
        pitch = _pitch(history, shortest, longest, round(_COMPARED_MS * rate_hz / 1000))
    quarter = pitch // 4
    after = min(blended_back(pitch, end - start, rate_hz), samples.size - end)
    wanted = end - start + after
    rise = (np.arange(quarter) + 0.5) / quarter
    made = np.zeros(wanted)
    blended_tail = history[-quarter:]
    phase = 0
    for periods, first in ((1, 0), (2, step), (3, 2 * step)):
        size = periods * pitch
        period = history[-size:].copy()
        # The end of the period goes over into what stood before its start, so that it can be looped.
        period[-quarter:] = (1 - rise) * history[-quarter:] + rise * history[-size - quarter : -size]
        if periods == 1:
            blended_tail = period[-quarter:]
        last = wanted if periods == 3 else min(first + step, wanted)
        if first >= wanted:
            break
        overlap = min(quarter, wanted - first) if first else 0
        fresh = np.take(period, np.arange(phase, phase + last + quarter - first), mode="wrap")
        if overlap:  # made[first : first + overlap] still holds the run-on of the shorter loop
            made[first : first + overlap] *= 1 - rise[:overlap]
            made[first : first + overlap] += rise[:overlap] * fresh[:overlap]
        made[first + overlap : last + quarter] = fresh[overlap : min(last + quarter, wanted) - first]
        phase = (phase + last - first) % pitch
    ms = (np.arange(wanted) + 0.5) * 1000 / rate_hz
    made *= np.where(ms >= SILENT_MS, 0.0, np.clip(1 - 0.2 * (ms - FULL_MS) / 10, 0.0, 1.0))
    samples[start - quarter : start] = blended_tail
    samples[start:end] = made[: end - start]
    if after:
        back = (np.arange(after) + 0.5) / after
        samples[end : end + after] = (1 - back) * made[end - start :] + back * samples[end : end + after]
    return start - quarter, end + after


def blended_back(pitch: int, lost: int, rate_hz: int) -> int:
    """Samples behind a loss of ``lost`` samples that are blended with what comes again."""
    step = max(1, round(FULL_MS * rate_hz / 1000))
    return min(pitch // 4 + 4 * rate_hz // 1000 * ((lost - 1) // step), step)


def _pitch(history: Samples, shortest: int, longest: int, compared: int) -> int:
    """The lag at which the last samples are most like those before, by normalised correlation."""
    compared = min(compared, history.size - longest)
    recent = history[-compared:]
    region = history[-compared - longest : history.size - shortest]  # lag longest first
    size = 1 << int(np.ceil(np.log2(region.size + compared)))
    products = np.fft.irfft(np.fft.rfft(region, size) * np.conj(np.fft.rfft(recent, size)), size)
    products = products[: longest - shortest + 1]
    squares = np.concatenate([[0.0], np.cumsum(region**2)])
    energy = squares[compared : compared + products.size] - squares[: products.size]
    likeness = products / np.sqrt(np.maximum(energy, 1e-12))
    return int(longest - np.argmax(likeness))
