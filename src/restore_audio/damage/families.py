"""All families of damage by name: drawn into records, applied, written as JSON.

>>> rng = np.random.default_rng(1)
>>> music = 0.1 * rng.standard_normal((2, 88_200))
>>> record = draw_family(rng, "disc-mute", music, 44_100)
>>> {span.kind for span in apply([record, draw_after(rng, "resample", 44_100)], music, 44_100).spans}
{'zeros'}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ..arrays import Samples
from .buffers import Buffers, draw_buffers
from .clicks import Clicks, draw_clicks
from .codec_loss import CodecLoss, draw_codec_loss
from .codecs import Encoded, draw_encoded
from .disc import Disc, draw_disc
from .kinds import (
    AFTER_STEPS,
    BUFFER_FAULTS,
    CLICK_TAILS,
    CODECS,
    DISC_METHODS,
    FAMILIES,
    NEGATIVES,
    PACKET_FILLS,
    SIMPLE,
    UNDAMAGED,
)
from .negatives import Negative, draw_negative
from .packet_loss import PacketLoss, draw_packet_loss
from .processed import Processed, Resampled, draw_processed
from .record import Damaged, Draft, Record, record_from_dict
from .simulate import Damage, apply_damages, damage_spans, draw_damages
from .slips import Slips, draw_slips
from .tape import Tape, draw_tape

_LONGER, _MOST_AT_HAND = 24, 1e6
"""A record's numbers are places and lengths of a recording, up to so many times longer after resampling,
or rates and the like, which are smaller than this."""


@dataclass(frozen=True)
class Simple:
    """Damages of :mod:`.simulate`."""

    name: ClassVar[str] = "simple"
    damages: tuple[Damage, ...]

    def apply(self, before: Damaged) -> Damaged:
        """Spans of the damages' own kinds."""
        return before.struck(
            apply_damages(before.samples, before.rate_hz, self.damages), damage_spans(self.damages)
        )


def _draw_simple(kind: str, draft: Draft, **options: Any) -> Simple:
    drawn = draw_damages(
        draft.rng,
        kind,
        draft.audio,
        draft.rate_hz,
        per_second=draft.per_second,
        length_ms=draft.length_ms,
        avoid=draft.avoid,
        **options,
    )
    return Simple(tuple(drawn))


def _draw_undamaged(sort: str, draft: Draft) -> Negative:
    return draw_negative(draft.rng, sort)


_DRAW: Mapping[str, Callable[..., Record]] = MappingProxyType(
    {
        **{kind: partial(_draw_simple, kind) for kind in SIMPLE},
        "tape": draw_tape,
        **{f"packets-{fill}": partial(draw_packet_loss, fill=fill) for fill in PACKET_FILLS},
        **{f"codec-{codec}": partial(draw_codec_loss, codec=codec) for codec in CODECS},
        **{f"buffers-{fault}": partial(draw_buffers, fault=fault) for fault in BUFFER_FAULTS},
        **{f"disc-{method}": partial(draw_disc, method=method) for method in DISC_METHODS},
        **{f"clicks-{tail}": partial(draw_clicks, tail=tail) for tail in CLICK_TAILS},
        "slips": draw_slips,
        **{f"undamaged-{sort}": partial(_draw_undamaged, sort) for sort in NEGATIVES},
    }
)

_RECORDS: Mapping[str, type[Record]] = MappingProxyType(
    {
        r.name: r
        for r in (
            *(Simple, Tape, PacketLoss, CodecLoss, Buffers, Clicks, Slips, Disc),
            *(Resampled, Processed, Encoded, Negative),
        )
    }
)


def draw_family(
    rng: np.random.Generator, family: str, audio: Samples, rate_hz: int, **options: Any
) -> Record:
    """Draw damage of a family for a recording.

    Args:
        family: one of :data:`~.kinds.FAMILIES` or :data:`~.kinds.UNDAMAGED`.
        audio: the recording ``(C, T)``; nothing is drawn where it is silent.
        options: ``per_second``, ``length_ms`` and ``avoid`` of :class:`~.record.Draft`, and what the family's
            function has.

    Raises:
        ValueError: there is no such family.
    """
    if family not in _DRAW:
        raise ValueError(f"no damage is of the family {family!r}; choose from {', '.join(FAMILIES)}")
    shared = {name: options.pop(name) for name in ("per_second", "length_ms", "avoid") if name in options}
    return _DRAW[family](Draft(rng, audio, rate_hz, **shared), **options)


def draw_after(
    rng: np.random.Generator, step: str, rate_hz: int, *, samples: Samples | None = None
) -> Record:
    """Draw a step of :data:`~.kinds.AFTER_STEPS`, or one with its value: ``mp3:128``, ``lowpass:8000``.

    Args:
        samples: the recording, by whose level noise is measured.

    Raises:
        ValueError: there is no such step.
    """
    word, _, text = step.partition(":")
    if word not in AFTER_STEPS:
        raise ValueError(f"nothing is called {word!r}; choose from {', '.join(AFTER_STEPS)}")
    try:
        value = float(text) if text else None
        if value is not None and not math.isfinite(value):
            raise ValueError
    except ValueError:
        raise ValueError(f"{text!r} is no number for {word!r}") from None
    if word in CODECS:
        return draw_encoded(rng, word, None if value is None else round(value))
    return draw_processed(rng, word, rate_hz, value=value, samples=samples)


def apply(
    records: Record | Sequence[Record], audio: Samples, rate_hz: int, *, reference: bool = False
) -> Damaged:
    """Damage a copy of a recording, step by step.

    Args:
        audio: ``(C, T)`` in [-1, 1].
        reference: also make ``clean``, what the recording would be without the damage; codecs then run twice.
    """
    state = Damaged(audio, rate_hz, (), audio if reference else None)
    for record in records if isinstance(records, Sequence) else [records]:
        state = record.apply(state)
    return state


def records_from_rows(rows: Sequence[Any], *, name: str, samples: int | None = None) -> list[Record]:
    """Read what :func:`~restore_audio.damage.record.record_to_dict` wrote.

    Args:
        name: where they came from, for the error's sentence.
        samples: of the recording that they are for; None if that is not known.

    Raises:
        InputError: they are not records, or for a longer recording.
    """
    limit = {} if samples is None else {"most": _MOST_AT_HAND + _LONGER * samples}
    return [record_from_dict(row, _RECORDS, name=name, **limit) for row in rows]


__all__ = [
    "AFTER_STEPS",
    "FAMILIES",
    "NEGATIVES",
    "UNDAMAGED",
    "Damaged",
    "Record",
    "apply",
    "draw_after",
    "draw_family",
    "draw_negative",
]
