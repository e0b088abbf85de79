"""What happens to a recording before it is measured how well it is restored.

In: a clean excerpt ``(C, T)`` and a condition. Out: :class:`~restore_audio.measure.trials.Trial`: the damaged
recording, with its damage.

=================== =================================================================================
``gaps``            zeroed gaps of one length at a time, positions told
``blind``           dropouts, partial dropouts, clicks, repeats, noise, all mixed, none: at unknown positions
``real``            damage as machines make it, and undamaged recordings: :mod:`restore_audio.measure.real`
``context-encoder`` 64 ms in the middle of 320 ms at 16 kHz, told (Marafioti et al., IEEE TASLP 27(12), 2019)
``long``            gaps of 320 to 1500 ms, told (Marafioti et al., GACELA, 2020; Ebner and Eltelt, 2020)
``packets``         packets of 10 or 20 ms, 10 % or 20 % of them lost, alone and in bursts, told
``paper``           the paper's random frames: see :mod:`restore_audio.measure.paper_task`
=================== =================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ..damage.packet_loss import lose_packets
from ..damage.simulate import Damage, apply_damages, damage_spans, draw_damages
from ..spans import merge_spans
from . import real
from .trials import Condition, Protocol, Samples, Trial

GAP_LENGTHS_MS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
LONG_LENGTHS_MS = (320.0, 500.0, 750.0, 1000.0, 1500.0)
BLIND_LENGTHS_MS = (1.0, 5.0, 20.0, 100.0)

ENCODER_RATE_HZ = 16_000
ENCODER_SAMPLES, ENCODER_GAP_SAMPLES = 5120, 1024

_EDGE_MS = 250.0


def with_lengths(protocol: Protocol, lengths_ms: Sequence[float]) -> Protocol:
    """The protocol with other gap lengths; conditions that have no length stay."""
    if not lengths_ms or protocol.name not in ("gaps", "long", "blind"):
        return protocol
    others = tuple(c for c in protocol.conditions if c.length_ms is None)
    return replace(protocol, conditions=(*_lengths(lengths_ms), *others))


def _lengths(lengths_ms: Sequence[float]) -> tuple[Condition, ...]:
    return tuple(Condition(f"{ms:g} ms", ms, length_ms=ms) for ms in lengths_ms)


def _gaps(
    clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
) -> list[Trial]:
    assert condition.length_ms is not None
    length = round(condition.length_ms * rate_hz / 1000)
    return [_trial(clean, rate_hz, _place(clean, rate_hz, length, rng, count), told=True)]


def _place(clean: Samples, rate_hz: int, length: int, rng: np.random.Generator, count: int) -> list[Damage]:
    """Zeroed gaps in all channels, where there is signal on both sides."""
    return draw_damages(
        rng,
        "zeros",
        clean.shape[1],
        rate_hz,
        clean.shape[0],
        per_second=count * rate_hz / clean.shape[1],
        length_ms=(length * 1000 / rate_hz,) * 2,
        distance_ms=_EDGE_MS,
        all_channels=1.0,
        audio=clean,
    )


def _blind(
    clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
) -> list[Trial]:
    kinds: tuple[str, ...] = (condition.kind,)
    if condition.kind == "clean":
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
            clean.shape[1],
            rate_hz,
            clean.shape[0],
            per_second=max(share, 1) * rate_hz / clean.shape[1],
            length_ms=None if length_ms is None else (length_ms, length_ms),
            distance_ms=_EDGE_MS,
            depth_db=(20.0, 40.0),
            audio=clean,
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


def _context_encoder(
    clean: Samples,
    rate_hz: int,
    condition: Condition,  # noqa: ARG001
    rng: np.random.Generator,
    count: int,
) -> list[Trial]:
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


def _packets(
    clean: Samples,
    rate_hz: int,
    condition: Condition,
    rng: np.random.Generator,
    count: int,  # noqa: ARG001
) -> list[Trial]:
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


_ALONE = {share: 1 / (1 - share) for share in (0.1, 0.2)}

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("gaps", "Zeroed gaps, positions told", _lengths(GAP_LENGTHS_MS), True, "gap, ms", _gaps),
            Protocol(
                "blind",
                "Damage of all kinds, positions to be found",
                (
                    *_lengths(BLIND_LENGTHS_MS),
                    *(Condition(kind, 0.0, kind) for kind in ("dropout", "click", "repeat", "noise")),
                    Condition("mixed", 0.0, "mixed"),
                    Condition("clean", 0.0, "clean"),
                ),
                False,
                None,
                _blind,
            ),
            Protocol(
                "real",
                "Damage as machines make it, positions to be found; and undamaged recordings",
                real.conditions(),
                False,
                None,
                real.make_trials,
            ),
            Protocol(
                "context-encoder",
                "64 ms in the middle of 320 ms at 16 kHz, told",
                (Condition("64 ms of 320", 64.0, length_ms=64.0),),
                True,
                None,
                _context_encoder,
            ),
            Protocol("long", "Long gaps, told", _lengths(LONG_LENGTHS_MS), True, "gap, ms", _gaps),
            Protocol(
                "packets",
                "Lost packets, told",
                tuple(
                    Condition(
                        f"{ms} ms, {share:.0%}{', bursts' if bursts else ''}",
                        float(ms),
                        length_ms=float(ms),
                        lost_share=share,
                        burst_packets=3.0 if bursts else _ALONE[share],
                    )
                    for ms in (10, 20)
                    for share in (0.1, 0.2)
                    for bursts in (False, True)
                ),
                True,
                None,
                _packets,
            ),
        )
    }
)
"""The protocols in the time domain, by name."""
