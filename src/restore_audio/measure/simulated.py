"""Trials with simulated damage: gaps, damage of all kinds, lost packets.

In: a clean excerpt ``(C, T)`` and a condition of :mod:`restore_audio.measure.protocols`. Out: trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from ..arrays import Samples
from ..damage.packet_loss import lose_packets
from ..damage.simulate import Damage, apply_damages, damage_spans, draw_damages
from ..signal.band import limit_band
from ..spans import Span, merge_spans
from .onsets import find_onsets
from .trials import CLEAN, Condition, Trial

ENCODER_RATE_HZ = 16_000
ENCODER_SAMPLES, ENCODER_GAP_SAMPLES = 5120, 1024

_EDGE_MS = 250.0


def make_gaps(
    clean: Samples,
    rate_hz: int,
    condition: Condition,
    rng: np.random.Generator,
    count: int,
    *,
    all_channels: float = 1.0,
) -> list[Trial]:
    """Gaps of one length where there is signal on both sides, told.

    Args:
        all_channels: chance that a gap is in all channels, else in one that is drawn.
    """
    assert condition.length_ms is not None
    length = round(condition.length_ms * rate_hz / 1000)
    gaps = draw_damages(
        rng,
        "zeros",
        clean,
        rate_hz,
        per_second=count * rate_hz / clean.shape[1],
        length_ms=(length * 1000 / rate_hz,) * 2,
        all_channels=all_channels,
    )
    return [_trial(clean, rate_hz, gaps, told=True)]


make_gaps_in_one_channel = partial(make_gaps, all_channels=0.0)


def make_gaps_over_onsets(
    clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
) -> list[Trial]:
    """Gaps of one length in all channels, each hiding an onset in its middle half, told."""
    assert condition.length_ms is not None
    length, edge = (round(ms * rate_hz / 1000) for ms in (condition.length_ms, _EDGE_MS))
    starts: list[int] = []
    for onset in rng.permutation(find_onsets(clean.mean(axis=0), rate_hz)).astype(int).tolist():
        start = onset - round(rng.uniform(0.25, 0.75) * length)
        fits = edge <= start <= clean.shape[1] - length - edge
        if fits and len(starts) < count and all(abs(start - s) >= length + edge for s in starts):
            starts.append(start)
    channels = range(clean.shape[0])
    damages = [Damage("zeros", s, s + length, c) for s in sorted(starts) for c in channels]
    return [_trial(clean, rate_hz, damages, told=True)] if damages else []


def make_blind(
    clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
) -> list[Trial]:
    """Damage of one kind, or of all, at unknown positions."""
    kinds: tuple[str, ...] = (condition.kind,)
    if condition.kind == CLEAN:
        kinds = ()
    elif condition.kind == "mixed":
        kinds = ("zeros", "dropout", "click", "repeat", "noise")
    damages: list[Damage] = []
    share = count / max(len(kinds), 1)
    for kind in kinds:
        length_ms = condition.length_ms
        damages += draw_damages(
            rng,
            kind,
            clean,
            rate_hz,
            per_second=max(share, 1) * rate_hz / clean.shape[1],
            length_ms=None if length_ms is None else (length_ms, length_ms),
            depth_db=(20.0, 40.0),
        )
    return [_trial(clean, rate_hz, _apart(damages, round(0.1 * rate_hz)), told=False)]


def _apart(damages: Sequence[Damage], samples: int) -> list[Damage]:
    """Damages that keep a distance from those of other kinds, the earlier ones first."""
    kept: list[Damage] = []
    for damage in sorted(damages, key=lambda d: (d.start, d.channel)):
        rivals = [k for k in kept if (k.start, k.end) != (damage.start, damage.end)]
        if all(damage.start >= k.end + samples for k in rivals):
            kept.append(damage)
    return kept


def make_context_encoder(
    clean: Samples,
    rate_hz: int,
    condition: Condition,  # noqa: ARG001
    rng: np.random.Generator,
    count: int,
) -> list[Trial]:
    """Single gaps in short pieces at 16 kHz (Marafioti et al. 2019), told."""
    import soxr

    mono = soxr.resample(clean.mean(axis=0), rate_hz, ENCODER_RATE_HZ)
    trials: list[Trial] = []
    starts = rng.integers(0, max(mono.size - ENCODER_SAMPLES, 0) + 1, size=8 * count).tolist()
    middle = (ENCODER_SAMPLES - ENCODER_GAP_SAMPLES) // 2
    gap = Damage("zeros", middle, middle + ENCODER_GAP_SAMPLES, 0)
    for start in starts:
        piece = mono[None, start : start + ENCODER_SAMPLES]
        loud = piece.size == ENCODER_SAMPLES and np.mean(piece[:, middle : gap.end] ** 2) > 1e-5
        if loud and len(trials) < count:
            trials.append(_trial(piece, ENCODER_RATE_HZ, [gap], told=True))
    return trials


def make_super_resolution(
    clean: Samples,
    rate_hz: int,
    condition: Condition,
    rng: np.random.Generator,  # noqa: ARG001
    count: int,  # noqa: ARG001
) -> list[Trial]:
    """The whole excerpt at 16 kHz, through a lower sample rate and back; a span that is all of it."""
    import soxr

    mono = soxr.resample(clean.mean(axis=0), rate_hz, ENCODER_RATE_HZ)
    if mono.size < ENCODER_RATE_HZ or not np.any(mono):
        return []
    low = limit_band(mono, ENCODER_RATE_HZ, condition.band_share)
    whole = Span(0, mono.size, 0, "treble")
    share = condition.band_share
    return [Trial(mono[None], low[None], ENCODER_RATE_HZ, (whole,), told=False, band_share=share)]


def make_packets(
    clean: Samples,
    rate_hz: int,
    condition: Condition,
    rng: np.random.Generator,
    count: int,  # noqa: ARG001
) -> list[Trial]:
    """Lost packets, told."""
    assert condition.length_ms is not None
    length = round(condition.length_ms * rate_hz / 1000)
    packets = clean.shape[1] // length
    lost = lose_packets(rng, packets, condition.lost_share, condition.burst_packets)
    edge = round(_EDGE_MS / condition.length_ms)
    lost[:edge] = lost[max(packets - edge, 0) :] = False
    damages = [
        Damage("zeros", int(p) * length, (int(p) + 1) * length, channel)
        for p in np.flatnonzero(lost)
        for channel in range(clean.shape[0])
    ]
    return [_trial(clean, rate_hz, damages, told=True)]


def _trial(clean: Samples, rate_hz: int, damages: Sequence[Damage], *, told: bool) -> Trial:
    """Damage rounded to 32-bit floats, as files that rivals are given hold it."""
    damaged = apply_damages(clean, rate_hz, damages).astype(np.float32).astype(np.float64)
    spans = merge_spans(damage_spans(damages))
    return Trial(clean, damaged, rate_hz, tuple(spans), told)
