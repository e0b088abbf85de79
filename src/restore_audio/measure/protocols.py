"""The protocols of ``bench``, in one list: what happens to a recording before it is restored and measured.

A protocol makes :class:`~restore_audio.measure.trials.Trial` objects of a clean excerpt and a condition.
Nothing heavy is imported here, so that the command line can make its choices from the list.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from .trials import CLEAN, Condition, Trial

if TYPE_CHECKING:
    import numpy as np

    from ..arrays import Samples

    MakeTrials = Callable[[Samples, int, Condition, np.random.Generator, int], list[Trial]]

PAPER, REAL = "paper", "real"
SUPER_RESOLUTION, CONTEXT_ENCODER = "super-resolution", "context-encoder"

GAP_LENGTHS_MS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
LONG_LENGTHS_MS = (320.0, 500.0, 750.0, 1000.0, 1500.0)
BLIND_LENGTHS_MS = (1.0, 5.0, 20.0, 100.0)


@dataclass(frozen=True)
class Protocol:
    """What is done to a recording, and under which conditions.

    Attributes:
        title: for tables.
        make: module and function that do what :meth:`trials` does; empty for the paper's task, which
            :mod:`restore_audio.measure.paper_task` measures.
        fixed: conditions whatever the gap lengths.
        lengths_ms: gap lengths unless others are asked for; empty where they cannot be.
        told: positions are told; else they are to be found.
        axis: what ``Condition.value`` measures, or None where conditions are no scale.
        rivals: other programs take part by default; where positions are told, they cannot be told them.
        excerpt_s: length of an excerpt unless another is asked for; fills that look far away need minutes.
    """

    title: str
    make: str = ""
    fixed: tuple[Condition, ...] = ()
    lengths_ms: tuple[float, ...] = ()
    told: bool = True
    axis: str | None = None
    rivals: bool = False
    excerpt_s: float = 10.0

    def conditions(
        self, lengths_ms: Sequence[float] = (), families: Sequence[str] = ()
    ) -> tuple[Condition, ...]:
        """Columns, with other gap lengths or only some families of real damage if given.

        Raises:
            UsageError: there is no such family.
        """
        if self is PROTOCOLS[REAL]:
            from .real import conditions  # with every family of damage

            return conditions(families)
        lengths = (lengths_ms if self.lengths_ms else ()) or self.lengths_ms
        return (*(Condition(f"{ms:g} ms", ms, length_ms=ms) for ms in lengths), *self.fixed)

    def trials(
        self, clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
    ) -> list[Trial]:
        """A clean excerpt ``(C, T)`` damaged about ``count`` times."""
        module, _, function = self.make.partition(":")
        make = getattr(importlib.import_module(module, __package__), function)
        return cast("MakeTrials", make)(clean, rate_hz, condition, rng, count)


_PACKETS = tuple(
    Condition(
        f"{ms} ms, {share:.0%}{', bursts' if bursts else ''}",
        float(ms),
        length_ms=float(ms),
        lost_share=share,
        burst_packets=3.0 if bursts else 1 / (1 - share),
    )
    for ms in (10, 20)
    for share in (0.1, 0.2)
    for bursts in (False, True)
)
_BLIND = tuple(Condition(k, 0.0, k) for k in ("dropout", "click", "repeat", "noise", "mixed", CLEAN))

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "gaps": Protocol(
            "Zeroed gaps, positions told",
            ".simulated:make_gaps",
            lengths_ms=GAP_LENGTHS_MS,
            axis="gap, ms",
            excerpt_s=120.0,
        ),
        "one-channel": Protocol(
            "Zeroed gaps in one channel at a time, positions told",
            ".simulated:make_gaps_in_one_channel",
            lengths_ms=GAP_LENGTHS_MS,
            axis="gap, ms",
            excerpt_s=120.0,
        ),
        "onsets": Protocol(
            "Zeroed gaps over onsets, positions told",
            ".simulated:make_gaps_over_onsets",
            lengths_ms=(40.0, 80.0, 160.0, 320.0),
            axis="gap, ms",
            excerpt_s=120.0,
        ),
        "blind": Protocol(
            "Damage of all kinds, positions to be found",
            ".simulated:make_blind",
            _BLIND,
            BLIND_LENGTHS_MS,
            told=False,
            rivals=True,
        ),
        REAL: Protocol(
            "Damage as machines make it, positions to be found; and undamaged recordings",
            ".real:make_trials",
            told=False,
            rivals=True,
        ),
        # Marafioti et al., IEEE TASLP 27(12), 2019
        CONTEXT_ENCODER: Protocol(
            "64 ms in the middle of 320 ms at 16 kHz, told",
            ".simulated:make_context_encoder",
            (Condition("64 ms of 320", 64.0, length_ms=64.0),),
        ),
        # Lim et al., ICASSP 2018, and Kuleshov et al., 2017
        SUPER_RESOLUTION: Protocol(
            "The upper band lost at 16 kHz",
            ".simulated:make_super_resolution",
            tuple(
                Condition(f"{8 * s:g} kHz of 8", 8 * s, "treble", band_share=s) for s in (0.5, 0.25, 0.125)
            ),
            told=False,
            axis="left of the band, kHz",
        ),
        # Marafioti et al., GACELA, 2020; Ebner and Eltelt, 2020
        "long": Protocol(
            "Long gaps, told", ".simulated:make_gaps", lengths_ms=LONG_LENGTHS_MS, axis="gap, ms"
        ),
        "packets": Protocol("Lost packets, told", ".simulated:make_packets", _PACKETS, rivals=True),
        # Serra et al. 2021
        PAPER: Protocol("The paper's random frames", fixed=(Condition("random frames", 0.0),)),
    }
)
"""By the names that ``--protocol`` takes."""
