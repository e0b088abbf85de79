"""All of a recording, for fills that look far away: a small copy to search, and its samples where wanted.

In: a :class:`Source` of the recording and its damage. Out: the places whose surroundings resemble those of a
gap most, and the samples of one channel anywhere, with what of them is healthy.

The copy is mono, at about 5.5 kHz, in half floats, in a temporary file: 40 MB an hour, so that memory does
not grow with the recording. It is made when the first gap asks for it. The search compares the surroundings
with each place of the copy, by normalised cross-correlation, the gap left out::

    template   ████████·······████████          known · gap · known
    copy     ─────────────────────────────────────────────────────
    places         ████████▒▒▒▒▒▒▒████████      ▒ is what would be transplanted

What is found depends on the recording and its damage alone, never on what has been filled already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples, runs_of
from ..errors import OutputError
from ..signal.convolution import correlate
from ..spans import Span, merge_spans

Mask = NDArray[np.bool_]

COPY_RATE_HZ = 5_500
"""The copy has at least this rate, at most twice of it; at 44.1 kHz it keeps every eighth sample."""

SEARCH_S = 600.0
"""Searched to both sides of the gap: all of a song, and a bounded time in longer recordings."""

TEMPLATE_MS = 150.0
"""Compared on each side of the gap."""

PLACES = 24
"""Found for a gap. In 15 of 16 the best one at the full rate was the copy's best, in the last its 13th."""

LEAST_CORRELATION = 0.3
"""Of a place, in the copy."""

_LOBES = 16
"""Length of the low-pass before decimation, in samples of the copy."""

_CHUNK = 1 << 18
"""Places that are compared at a time: 48 s."""

_LOUDEST = 6e4
"""Half floats hold no more."""


class Source(Protocol):
    """A recording that can be read again."""

    def blocks(self) -> Iterable[Samples]:
        """All of it, ``(C, n)`` arrays one after the other."""

    def read(self, first: int, last: int) -> Samples:
        """Samples ``first`` to ``last`` (exclusive), ``(C, last - first)``."""

    def close(self) -> None:
        """It is not read any more."""


class ArraySource:
    """A recording in memory, ``(C, T)``."""

    def __init__(self, audio: Samples) -> None:
        self._audio = audio

    def blocks(self) -> Iterator[Samples]:
        """See :class:`Source`."""
        for first in range(0, self._audio.shape[1], 1 << 16):
            yield self._audio[:, first : first + (1 << 16)]

    def read(self, first: int, last: int) -> Samples:
        """See :class:`Source`."""
        return self._audio[:, first:last]

    def close(self) -> None:
        """See :class:`Source`."""


class Memory:
    """A recording that is searched.

    Args:
        source: the recording as it came.
        rate_hz: its sample rate.
        total: samples of a channel.
        damage: all of it, in samples of the recording.
    """

    def __init__(self, source: Source, rate_hz: int, total: int, damage: Iterable[Span]) -> None:
        self._source = source
        self._factor = max(1, rate_hz // COPY_RATE_HZ)
        self._rate_hz = rate_hz
        self._total = total
        self._copy: IO[bytes] | None = None
        self._size = 0
        self._lock = Lock()
        self._found: dict[tuple[int, int], tuple[Lock, list[int]]] = {}
        spans = list(damage)
        self._lost = {
            channel: _edges(merge_spans(s for s in spans if s.channel == channel))
            for channel in {s.channel for s in spans}
        }
        self._lost_anywhere = _edges(merge_spans(replace(s, channel=0) for s in spans))

    @property
    def step(self) -> int:
        """Samples of the recording from one of the copy to the next: how exact places are."""
        return self._factor

    def stretch(self, channel: int, first: int, last: int) -> tuple[Samples, Mask]:
        """Samples of a channel and which of them are healthy, both ``(last - first,)``; zeros outside."""
        inside = slice(max(first, 0), min(last, self._total))
        samples, healthy = np.zeros(last - first), np.zeros(last - first, dtype=bool)
        if inside.start < inside.stop:
            place = slice(inside.start - first, inside.stop - first)
            healthy[place] = ~_covered(self._lost.get(channel, _NONE), inside.start, inside.stop)
            samples[place] = self._source.read(inside.start, inside.stop)[channel]
        healthy &= np.isfinite(samples)
        samples[~healthy] = 0.0
        return samples, healthy

    def places(self, start: int, end: int) -> list[int]:
        """Where what surrounds the gap ``start`` to ``end`` comes again.

        Returns:
            The samples at which the gap's counterparts begin, to about a sample of the copy, the most similar
            first.

        Raises:
            OutputError: there is no room for the copy.
        """
        with self._lock:
            if self._copy is None:
                self._make_copy()
            lock, found = self._found.setdefault((start, end), (Lock(), []))
        with lock:  # of two channels that ask for the same at once, one searches
            if not found:
                found += self._search(start, end) or [-1]
        return [place for place in found if place >= 0]

    def close(self) -> None:
        """Remove the copy, and close the source."""
        with self._lock:
            if self._copy is not None:
                self._copy.close()
                self._copy = None
            self._source.close()

    def _make_copy(self) -> None:
        copy: IO[bytes] | None = None
        self._size = 0
        try:
            copy = tempfile.TemporaryFile(prefix="restore-audio-")  # noqa: SIM115 (closed by close)
            for piece in _decimated(self._source.blocks(), self._factor):
                copy.write(np.clip(piece, -_LOUDEST, _LOUDEST).astype(np.float16).tobytes())
                self._size += piece.size
            copy.flush()
        except OSError as error:
            if copy is not None:
                copy.close()
            raise OutputError(
                f"{tempfile.gettempdir()} has no room for a small copy of the recording ({error.strerror}): "
                f"name another folder in TMPDIR, or choose --method ar."
            ) from error
        self._copy = copy

    def _read(self, first: int, last: int) -> tuple[Samples, Mask]:
        """Samples of the copy, zeros where they are not healthy, and where they are."""
        assert self._copy is not None
        with self._lock:
            self._copy.seek(2 * first)
            held = self._copy.read(2 * (last - first))
        # A sample of the copy is made of those that the low-pass reaches.
        reach = _LOBES // 2 * self._factor
        lost = _covered(self._lost_anywhere, first * self._factor - reach, last * self._factor + reach)
        edges = np.concatenate([[0], np.cumsum(lost)])
        number = np.arange(last - first) * self._factor
        healthy = edges[number + 2 * reach] == edges[number]
        return np.where(healthy, np.frombuffer(held, np.float16).astype(np.float64), 0.0), healthy

    def _search(self, start: int, end: int) -> list[int]:
        factor = self._factor
        begin, stop = start // factor, -(-end // factor)
        side = round(TEMPLATE_MS * self._rate_hz / 1000 / factor)
        first, last = max(begin - side, 0), min(stop + side, self._size)
        template, mask = self._read(first, last)
        energy = float(template @ template)
        if np.count_nonzero(mask) < side or energy <= 0.0:
            return []
        reach = round(SEARCH_S * self._rate_hz / factor)
        places, values = np.zeros(0, dtype=np.int64), np.zeros(0)
        final = min(self._size - template.size, first + reach) + 1
        for chunk in range(max(first - reach, 0), final, _CHUNK):
            behind = min(chunk + _CHUNK, final) + template.size - 1
            audio, known = self._read(chunk, behind)
            similar = _similarity(audio, template, mask, energy)
            lost = np.concatenate([[0], np.cumsum(~known)])
            counterpart = np.arange(similar.size) + begin - first
            similar[lost[counterpart + stop - begin] > lost[counterpart]] = 0.0
            around = np.concatenate([[0.0], similar, [0.0]])
            peaks = np.flatnonzero(
                (similar > LEAST_CORRELATION) & (similar >= around[:-2]) & (similar > around[2:])
            )
            places = np.concatenate([places, peaks + chunk])
            values = np.concatenate([values, similar[peaks]])
            best = np.argsort(-values, kind="stable")[:PLACES]
            places, values = places[best], values[best]
        return (start + (places - first) * factor).tolist()


def _similarity(audio: Samples, template: Samples, mask: Mask, energy: float) -> Samples:
    """Normalised correlation of a template with each place, what is masked in it left out."""
    energies = np.maximum(_sums(audio**2, mask), 1e-3 * energy)
    return np.asarray(correlate(audio, template) / np.sqrt(energy * energies))


def _sums(values: Samples, mask: Mask) -> Samples:
    """Σ_n values[place + n] · mask[n] for each place."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = values.size - mask.size + 1
    sums = np.zeros(places)
    for first, last in runs_of(mask):
        sums += total[last : last + places]
        sums -= total[first : first + places]
    return sums


def _decimated(blocks: Iterable[Samples], factor: int) -> Iterator[Samples]:
    """The mean of the channels, low-passed, every ``factor``-th sample."""
    ahead = _LOBES // 2 * factor
    times = (np.arange(_LOBES * factor) - ahead) / factor
    low_pass = np.sinc(0.9 * times) * np.hanning(times.size + 1)[:-1]
    rows = (
        (low_pass / low_pass.sum()).reshape(_LOBES, factor).T if factor > 1 else np.eye(_LOBES)[ahead][None]
    )
    held = np.zeros(ahead)
    for block in _and_then(blocks, ahead + factor - 1):
        mono = np.nan_to_num(block.mean(axis=0), posinf=0.0, neginf=0.0)
        held = np.concatenate([held, mono])
        count = held.size // factor - _LOBES + 1
        if count > 0:
            whole = held[: held.size // factor * factor].reshape(-1, factor) @ rows
            yield np.asarray(sum(whole[lobe : lobe + count, lobe] for lobe in range(_LOBES)))
            held = held[count * factor :]


def _and_then(blocks: Iterable[Samples], silence: int) -> Iterator[Samples]:
    yield from blocks
    yield np.zeros((1, silence))


_Edges = NDArray[np.int64]
_NONE: _Edges = np.zeros((2, 0), dtype=np.int64)


def _edges(spans: Sequence[Span]) -> _Edges:
    """Starts and ends of spans that do not overlap, in order, ``(2, n)``."""
    return np.array([[s.start for s in spans], [s.end for s in spans]], dtype=np.int64)


def _covered(edges: _Edges, first: int, last: int) -> Mask:
    """Which of the samples ``first`` to ``last`` lie in a span."""
    begin = int(np.searchsorted(edges[1], first, side="right"))
    stop = int(np.searchsorted(edges[0], last, side="left"))
    covered = np.zeros(last - first, dtype=bool)
    for start, end in edges[:, begin:stop].T.tolist():
        covered[max(start - first, 0) : end - first] = True
    return covered
