"""Fill a long gap with the help of similar passages of the same recording.

In: a gap and the memory of its recording (:mod:`.memory`). Out: the gap's samples ``(gap,)`` with the error
to expect, or None where nothing is similar enough.

Music repeats itself: loops exactly, players roughly. The memory names places whose surroundings resemble
those of the gap. At the full rate each is moved to where it fits best, and the best :data:`MOST_PASSAGES`
of them are fitted to the gap's surroundings together, each through a short symmetrical filter, by least
squares with a ridge: bands that are not the same in both stay out, and tempi that are no whole samples
apart are met. What is transplanted is not laid over the AR fill: the fitted passages are *subtracted* from
the surroundings, and what remains there is continued into the gap by AR (:mod:`.ar`). So the seams fit by
themselves, and sounds that are not in the passages are continued still.

Measured on 32 gaps of 80 and 160 ms in training music and speech of eight genres: mean SDR of AR 3.0 dB, of
the fills by one tap a passage 4.8 dB where they are always taken, by 33 taps 5.3 dB, and 5.8 dB where they
are taken at a margin of 2 dB; 65 taps, six passages, a ridge of ten times more or less, and a fit as far as
AR looks were within 0.3 dB or below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..arrays import Samples
from .ar import ArSettings, predict_gap
from .gaps import Gap, Prediction
from .memory import TEMPLATE_MS

Mask = NDArray[np.bool_]

SHORTEST_MS = 40.0
"""Shorter gaps are AR's own, and the search would cost more than the fill."""

MOST_PASSAGES = 3

TAPS = 33
"""Of each passage's filter; odd, the middle tap is the same instant."""

RIDGE = 1e-3
"""Added to the diagonal of the normal equations, as a share of its mean."""

LEAST_CORRELATION = 0.5
"""Of a place at the full rate; below it AR alone is better, above it the expected errors decide."""

MARGIN_DB = 2.0
"""Added to the expected error: that of AR alone is more to be trusted."""

CONTEXT_MS = ArSettings().context_ms


@dataclass(frozen=True)
class Passage:
    """What the gap resembles.

    Attributes:
        start: sample of the recording at which the gap's counterpart begins.
        correlation: of the surroundings, 0 to 1.
        samples: around the counterpart, with half a filter more on each side than the surroundings,
            ``(n + TAPS - 1,)``; zeros where they are not healthy.
        healthy: which of the surroundings ``(n,)`` the filter makes of healthy samples alone.
    """

    start: int
    correlation: float
    samples: Samples
    healthy: Mask


@dataclass(frozen=True)
class Surroundings:
    """A gap's channel as far as AR looks on both sides, ``(n,)``, zeros where it is not healthy.

    Attributes:
        samples, healthy: ``(n,)`` each.
        gap: where the gap is in them.
        near: what passages are compared with, ``(n,)``.
    """

    samples: Samples
    healthy: Mask
    gap: slice
    near: Mask


def fill(gap: Gap) -> Prediction | None:
    """Fill a gap by passages of its channel that resemble it.

    Returns:
        The missing samples, with the error to expect, to be taken if that is below the error of AR alone; or
        None: nothing resembles the gap.
    """
    if gap.memory is None or gap.length_ms < SHORTEST_MS:
        return None
    here = surroundings(gap)
    passages = similar_passages(gap, here)
    if not passages:
        return None
    usable = here.healthy & np.all([passage.healthy for passage in passages], axis=0)
    filters = _filters(passages, here.samples, usable & here.near)
    if filters is None:
        return None
    pairs = zip(passages, filters, strict=True)
    transplanted = np.sum([np.convolve(p.samples, taps[::-1], "valid") for p, taps in pairs], axis=0)
    rest = np.where(usable, here.samples - transplanted, np.nan)
    before, after = rest[: here.gap.start], rest[here.gap.stop :]
    # AR stops at what is not finite; with half a template on neither side there is nothing to continue.
    least = round(0.5 * TEMPLATE_MS * gap.rate_hz / 1000)
    if not (np.all(np.isfinite(before[-least:])) or np.all(np.isfinite(after[:least]))):
        return None
    remainder = predict_gap(before, after, gap.length, rate_hz=gap.rate_hz)
    samples = transplanted[here.gap] + remainder.samples
    if np.max(np.abs(samples)) > 1.5 * np.max(np.abs(here.samples)):
        return None
    return Prediction(samples, remainder.expected_error * 10.0 ** (MARGIN_DB / 10.0))


def surroundings(gap: Gap) -> Surroundings:
    """What is around a gap."""
    context, side = (round(ms * gap.rate_hz / 1000) for ms in (CONTEXT_MS, TEMPLATE_MS))
    samples = np.zeros(2 * context + gap.length)
    healthy = np.zeros(samples.size, dtype=bool)
    first, last = max(gap.start - context, 0), min(gap.end + context, gap.mine.size)
    there = slice(first - gap.start + context, last - gap.start + context)
    inside = slice(context, context + gap.length)
    healthy[there] = gap.healthy[first:last] & np.isfinite(gap.mine[first:last])
    healthy[inside] = False
    samples[there] = np.where(healthy[there], gap.mine[first:last], 0.0)
    near = healthy.copy()
    near[: context - side] = near[inside.stop + side :] = False
    return Surroundings(samples, healthy, inside, near)


def similar_passages(gap: Gap, here: Surroundings) -> list[Passage]:
    """The passages that resemble a gap's surroundings most, at most :data:`MOST_PASSAGES`, the best first."""
    memory = gap.memory
    assert memory is not None
    side = round(TEMPLATE_MS * gap.rate_hz / 1000)
    if np.count_nonzero(here.near) < side:
        return []
    first, last = int(np.argmax(here.near)), here.near.size - int(np.argmax(here.near[::-1]))
    mask = here.near[first:last]
    template = np.where(mask, here.samples[first:last], 0.0)
    energy = float(template @ template)
    half, slack = TAPS // 2, 2 * memory.step
    low, high = min(first, here.gap.start), max(last, here.gap.stop)
    compared, gap_there = slice(first - low, last - low), slice(here.gap.start - low, here.gap.stop - low)
    found: list[tuple[float, int]] = []
    for start in memory.places(gap.offset + gap.start, gap.offset + gap.end):
        begin = start - here.gap.start + low - slack - half
        samples, healthy = memory.stretch(gap.channel, begin, begin + high - low + 2 * (slack + half))
        fits = _fits(samples[half + compared.start : half + compared.stop + 2 * slack], template)
        moved = int(np.argmax(fits))
        there = samples[half + moved :][compared][mask]
        correlation = float(fits[moved] / np.sqrt(max(energy * float(there @ there), 1e-300)))
        if correlation >= LEAST_CORRELATION and _whole(healthy[moved:])[gap_there].all():
            found.append((-correlation, start - slack + moved))
    chosen: list[Passage] = []
    for negative, start in sorted(found):
        if len(chosen) < MOST_PASSAGES and all(abs(start - c.start) > slack for c in chosen):
            begin = start - here.gap.start - half
            samples, healthy = memory.stretch(gap.channel, begin, begin + here.samples.size + 2 * half)
            chosen.append(Passage(start, -negative, samples, _whole(healthy)))
    return chosen


def _whole(healthy: Mask) -> Mask:
    """Where the filter sees healthy samples alone, ``(n - TAPS + 1,)``."""
    lost = np.concatenate([[0], np.cumsum(~healthy)])
    return np.asarray(lost[TAPS:] == lost[:-TAPS])


def _fits(samples: Samples, template: Samples) -> Samples:
    """Products of a template with each of the places in ``samples``: so few that no transform is faster."""
    size = template.size
    return np.array([samples[place : place + size] @ template for place in range(samples.size - size + 1)])


def _filters(passages: list[Passage], wanted: Samples, where: Mask) -> Samples | None:
    """What makes the wanted samples ``(n,)`` of the passages, ``(P, TAPS)``; None if nothing does."""
    first, last = int(np.argmax(where)), where.size - int(np.argmax(where[::-1]))
    some = where[first:last]
    near = [sliding_window_view(p.samples[first : last + TAPS - 1], some.size) for p in passages]
    rows = np.concatenate([one[:, some] for one in near])
    products = rows @ rows.T
    ridge = RIDGE * float(np.trace(products)) / len(rows)
    if not (np.isfinite(ridge) and ridge > 0.0):
        return None
    system = products + ridge * np.eye(len(rows))
    return np.asarray(np.linalg.solve(system, rows @ wanted[first:last][some])).reshape(-1, TAPS)
