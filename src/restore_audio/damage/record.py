"""What every damage has in common: a recording on its way, records as JSON, places drawn on it.

In: audio ``(C, T)`` in [-1, 1]. Out: :class:`Damaged`. A record is a frozen dataclass that holds all that its
``apply`` needs but the audio: numbers, words, and tuples of such records. Applied twice, it does the same
to the bit.
"""

from __future__ import annotations

import dataclasses
import types
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ..arrays import Samples
from ..errors import InputError
from ..spans import Span

QUIETEST_DB = -50.0
"""RMS level, dBFS, below which a recording is silent."""

_CONTEXT_MS = 40.0
_AVOID_MS = 100.0
_ROUNDS = 20
_MOST = 2.0**53
"""No number in a record is larger: these are whole in JSON."""


@dataclass(frozen=True)
class Damaged:
    """A recording after some steps of its history.

    Attributes:
        samples: ``(C, T)`` as it now is.
        rate_hz: its sample rate now.
        spans: where it is damaged, in samples of ``samples``, in order.
        clean: ``(C, T)`` what ``samples`` would be without the damage: cut where it is cut, and encoded,
            resampled or filtered as it is. None where it was not asked for, which saves time.
    """

    samples: Samples
    rate_hz: int
    spans: tuple[Span, ...] = ()
    clean: Samples | None = None

    def struck(self, samples: Samples, spans: Iterable[Span]) -> Damaged:
        """The same recording with other samples inside of ``spans``."""
        return dataclasses.replace(self, samples=samples, spans=tuple(sorted((*self.spans, *spans))))

    def played(self) -> Damaged:
        """As a program that knows no NaN takes it: there are zeros, and spans of that kind."""
        spans = (dataclasses.replace(s, kind="zeros") if s.kind == "nan" else s for s in self.spans)
        return dataclasses.replace(self, samples=np.nan_to_num(self.samples), spans=tuple(spans))


class Record(Protocol):
    """A step of a recording's history."""

    name: ClassVar[str]

    def apply(self, before: Damaged) -> Damaged:
        """The recording after this step."""
        ...


@dataclass(frozen=True)
class Place:
    """Samples ``start`` to ``end`` (exclusive) of some channels, and a seed of its own."""

    start: int
    end: int
    channels: tuple[int, ...]
    seed: int


@dataclass(frozen=True)
class Draft:
    """What every family is told when damage is drawn for a recording.

    Attributes:
        rng: source of all randomness.
        audio: the recording ``(C, T)``; nothing is drawn where it is silent.
        rate_hz: its sample rate.
        per_second: damages a second, as far as there is room; a burst counts once.
        length_ms: shortest and longest; None for the family's own.
        avoid: what is damaged already; damage keeps away from it.
    """

    rng: np.random.Generator
    audio: Samples
    rate_hz: int
    per_second: float = 0.5
    length_ms: tuple[float, float] | None = None
    avoid: Sequence[Span] = ()

    def samples(self, own_ms: tuple[float, float]) -> tuple[float, float]:
        """Shortest and longest in samples, the family's own being ``own_ms``."""
        low, high = self.length_ms or own_ms
        return low * self.rate_hz / 1000, high * self.rate_hz / 1000

    def places(self, lengths: tuple[float, float], *, all_channels: float = 0.7) -> list[Place]:
        """Places of these lengths in samples."""
        return draw_places(
            self.rng,
            self.audio,
            self.rate_hz,
            lengths,
            per_second=self.per_second,
            all_channels=all_channels,
            avoid=self.avoid,
        )


def draw_places(
    rng: np.random.Generator,
    audio: Samples,
    rate_hz: int,
    length_samples: tuple[float, float],
    *,
    per_second: float,
    distance_ms: float = 250.0,
    all_channels: float = 0.7,
    avoid: Sequence[Span] = (),
) -> list[Place]:
    """Draw places with signal on both sides, none nearer than ``distance_ms`` to another or to the ends.

    Args:
        length_samples: shortest and longest place; drawn evenly on a logarithmic scale.
        per_second: places a second, as far as there is room.
        distance_ms: healthy audio kept between places.
        all_channels: chance that a place is in all channels, else in one drawn channel.
        avoid: what is damaged already; 100 ms around it are kept as well.

    Returns:
        Places in order.
    """
    channels, length = audio.shape
    loud = loud_around(audio, rate_hz)
    apart = round(distance_ms * rate_hz / 1000)
    wanted = round(per_second * length / rate_hz)
    taken: list[tuple[int, int]] = []
    places: list[Place] = []
    starts = (int(s) for _ in range(_ROUNDS) for s in rng.integers(0, max(length, 1), size=8 * wanted))
    for start in starts if wanted else ():
        samples = max(1, round(log_uniform(rng, *length_samples)))
        seed = int(rng.integers(2**31))
        struck = range(channels) if rng.random() < all_channels else (int(rng.integers(channels)),)
        end = start + samples
        if len(taken) == wanted:
            break
        if start < max(apart, samples) or end > length - apart or not is_free(start, end, rate_hz, avoid):
            continue
        at = bisect(taken, (start, end))
        if any(a < end + apart and start < b + apart for a, b in taken[max(at - 1, 0) : at + 1]):
            continue
        loud_ones = tuple(c for c in struck if loud[c, [start, end]].all())
        if loud_ones:
            taken.insert(at, (start, end))
            places.append(Place(start, end, loud_ones, seed))
    return sorted(places, key=lambda p: p.start)


def is_free(start: int, end: int, rate_hz: int, avoid: Sequence[Span]) -> bool:
    """Whether samples ``start`` to ``end`` keep 100 ms from all of ``avoid``."""
    apart = round(_AVOID_MS * rate_hz / 1000)
    return all(span.end + apart <= start or end + apart <= span.start for span in avoid)


def loud_around(audio: Samples, rate_hz: int) -> NDArray[np.bool_]:
    """Where ``audio`` is loud in the 40 ms before and in the 40 ms after: bool ``(C, T + 1)``.

    The loss of what is below :data:`QUIETEST_DB` is no damage.
    """
    size = max(2, round(_CONTEXT_MS * rate_hz / 1000))
    half = size // 2
    power = uniform_filter1d(np.square(audio), size, axis=1, mode="constant")
    power = np.pad(power, ((0, 0), (half, half + 1)))
    before, after = power[:, : audio.shape[1] + 1], power[:, 2 * half : 2 * half + audio.shape[1] + 1]
    threshold = 10 ** (QUIETEST_DB / 10)
    loud: NDArray[np.bool_] = (before >= threshold) & (after >= threshold)
    return loud


_COUNTED = "channel"
"""The field that is an index here and is counted from 1 in JSON, as channels are in all files."""


def record_to_dict(record: Record) -> dict[str, Any]:
    """The record's fields, its name under ``record``; those that are None are left out.

    Channels are counted from 1.
    """
    fields: Any = record
    return {"record": record.name, **_plain(dataclasses.asdict(fields))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: entry + 1 if key == _COUNTED else _plain(entry)
            for key, entry in value.items()
            if entry is not None
        }
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value


def record_from_dict(
    row: Any, types_by_name: Mapping[str, type[Record]], *, name: str, most: float = _MOST
) -> Record:
    """Read what :func:`record_to_dict` wrote.

    Args:
        types_by_name: which record is meant by which name.
        name: where it came from, for the error's sentence.
        most: no number but a seed is larger: places that a recording has, and lengths that fit into memory.

    Raises:
        InputError: it is not that.
    """
    try:
        fields = dict(row)
        made: Record = _read(types_by_name[fields.pop("record")], fields, most)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{name} holds no damages that can be replayed ({str(error)[:100]}): give the JSON that 'damage' "
            f"wrote."
        ) from None
    return made


def _read(wanted: Any, value: Any, most: float) -> Any:
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        hints = get_type_hints(wanted)
        read: dict[str, Any] = {}
        for key, entry in value.items():
            given = _read(hints[key], entry, _MOST if key == "seed" else most)
            read[key] = _index(given) if key == _COUNTED else given
        return wanted(**read)
    if get_origin(wanted) is tuple:
        parts = get_args(wanted)
        each = (parts[0],) * len(value) if parts[1:] == (Ellipsis,) else parts
        return tuple(_read(part, entry, most) for part, entry in zip(each, value, strict=True))
    if get_origin(wanted) in (Union, types.UnionType):
        inner = next((part for part in get_args(wanted) if part is not type(None)), None)
        return None if value is None else _read(inner, value, most)
    if wanted in (int, float, str, bool):
        whole_as_real = wanted is float and type(value) is int
        if type(value) is not wanted and not whole_as_real:
            raise TypeError(f"{str(value)[:20]!r} is no {wanted.__name__}")
        if wanted in (int, float) and not abs(value) <= most:
            raise ValueError(f"{str(value)[:20]} is beyond measure")
    return value


def _index(channel: Any) -> int:
    if not isinstance(channel, int) or channel < 1:
        raise ValueError(f"channels are counted from 1, and here is {channel!r}")
    return channel - 1


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly on a logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
