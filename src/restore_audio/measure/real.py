"""Damage as machines make it, by families, and undamaged recordings that look damaged.

In: a clean excerpt ``(C, T)`` and a condition named after a :class:`Family`. Out: a trial. What the damage is
and which machine makes it so is told in :mod:`restore_audio.damage`. The clean recording that a trial is
scored against is what the machine would have made without the damage: encoded, resampled or cut as it is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from types import MappingProxyType
from typing import Any

import numpy as np

from ..arrays import Samples
from ..damage.codec_loss import LOSSES
from ..damage.families import NEGATIVES, apply, draw_after, draw_family, draw_negative
from ..damage.record import Record
from ..errors import UsageError
from ..spans import merge_spans
from .trials import CLEAN, Condition, Trial

UNDAMAGED = "undamaged"


@dataclass(frozen=True)
class Family:
    """One kind of damage, or one sort of undamaged recording.

    Attributes:
        name: as people read it, and as ``--families`` takes it.
        drawn: name in :data:`~restore_audio.damage.families.FAMILIES`; empty for an undamaged recording.
        options: of :func:`~restore_audio.damage.families.draw_family`.
        length_samples: shortest and longest, where the machine counts samples.
        after: what is done to the recording after the damage.
        negative: one of :data:`~restore_audio.damage.negatives.NEGATIVES`.
        rivals: other programs are measured too; they repair clicks and gaps.
        needs_av: PyAV makes it.
    """

    name: str
    drawn: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    length_samples: tuple[int, int] | None = None
    after: str = ""
    negative: str = ""
    rivals: bool = False
    needs_av: bool = False

    def records(self, rng: np.random.Generator, audio: Samples, rate_hz: int, count: int) -> list[Record]:
        """Steps that make it of a recording, with about ``count`` damages."""
        if self.negative:
            return [draw_negative(rng, self.negative)]
        if not self.drawn:
            return []
        options = dict(self.options)
        if self.length_samples is not None:
            options["length_ms"] = tuple(1000 * samples / rate_hz for samples in self.length_samples)
        per_second = count * rate_hz / audio.shape[1]
        records = [draw_family(rng, self.drawn, audio, rate_hz, per_second=per_second, **options)]
        if self.after:
            records.append(draw_after(rng, self.after, rate_hz, samples=audio))
        return records


_GAPS = {"length_ms": (2.0, 100.0)}
_DROPOUTS = {"length_ms": (6.0, 100.0)}
_ENCODED = {
    "MP3 128": "mp3:128",
    "MP3 320": "mp3:320",
    "AAC 128": "aac:128",
    "Vorbis 128": "vorbis:128",
    "Opus 96": "opus:96",
}
_PROCESSED = {
    "resampled": "resample",
    "dithered": "dither",
    "noise": "noise",
    "low-passed": "lowpass",
    "offset": "dc",
}

_TITLES = {"mp3": "MP3", "aac": "AAC", "vorbis": "Vorbis", "opus": "Opus"}
_LOSSY = {name.lower(): f"{UNDAMAGED}, {name}" for name in _TITLES.values()}

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("gap", "zeros", _GAPS, rivals=True),
            *(
                Family(f"gap, {name}", "zeros", _DROPOUTS, after=step, needs_av=True)
                for name, step in _ENCODED.items()
            ),
            *(Family(f"gap, {name}", "zeros", _GAPS, after=step) for name, step in _PROCESSED.items()),
            *(
                Family(f"tape {low}–{high} dB", "tape", {"depth_db": (float(low), float(high))})
                for low, high in ((6, 10), (10, 20), (20, 40))
            ),
            Family("treble lost", "treble", {"depth_db": (15.0, 40.0), "length_ms": (10.0, 200.0)}),
            *(
                Family(f"{_TITLES[codec]} {loss}", f"codec-{codec}", {"loss": loss}, needs_av=True)
                for codec, losses in LOSSES.items()
                for loss in losses
            ),
            Family("packet zeros", "packets-zeros"),
            Family("packet repeated", "packets-repeat"),
            Family("packet G.711", "packets-g711"),
            *(Family(f"buffer {f}", f"buffers-{f}") for f in ("repeated", "stale", "zeroed", "dropped")),
            Family("slip", "slips", length_samples=(5, 50)),
            Family("disc mean", "disc-mean", length_samples=(3, 60)),
            Family("disc hold", "disc-hold", length_samples=(3, 60)),
            Family("disc mute", "disc-mute"),
            Family("click", "click", rivals=True),
            *(Family(f"click {t}", f"clicks-{t}", rivals=True) for t in ("thump", "ringing", "switching")),
            Family("noise burst", "noise", rivals=True),
            Family(UNDAMAGED, rivals=True),
            *(
                Family(_LOSSY.get(name, name.replace("_", " ")), negative=name, needs_av=name in _LOSSY)
                for name in NEGATIVES
            ),
        )
    }
)
"""All of them by name, in the order of the rows."""


def conditions(patterns: Sequence[str] = ()) -> tuple[Condition, ...]:
    """A condition for each family whose name fits one of the patterns (``gap*``), in any case; all without.

    Raises:
        UsageError: a pattern fits none.
    """
    for pattern in patterns:
        if not any(_fits(name, [pattern]) for name in FAMILIES):
            raise UsageError(f"No family is called '{pattern}': choose from {', '.join(FAMILIES)}.")
    return tuple(
        Condition(family.name, 0.0, "real" if family.drawn else CLEAN, rivals=family.rivals)
        for family in FAMILIES.values()
        if not patterns or _fits(family.name, patterns)
    )


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name.lower(), pattern.lower()) for pattern in patterns)


def makeable(chosen: Sequence[Condition]) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """Conditions that can be made here, and a line about those that cannot."""
    if importlib.util.find_spec("av") is not None:
        return tuple(chosen), ()
    made = tuple(c for c in chosen if not FAMILIES[c.name].needs_av)
    left_out = [c.name for c in chosen if c not in made]
    note = f"PyAV is not installed here (pip install av): no {', '.join(left_out)}."
    return made, (note,) if left_out else ()


def make_trials(
    clean: Samples, rate_hz: int, condition: Condition, rng: np.random.Generator, count: int
) -> list[Trial]:
    """The recording damaged by a family's machine, samples rounded to 32-bit floats."""
    records = FAMILIES[condition.name].records(rng, clean, rate_hz, count)
    made = apply(records, clean, rate_hz, reference=True)
    assert made.clean is not None
    damaged = made.samples.astype(np.float32).astype(np.float64)
    reference = made.clean.astype(np.float32).astype(np.float64)
    spans = tuple(merge_spans(made.spans))
    return [Trial(reference, damaged, made.rate_hz, spans, told=False, before=True)]
