"""The sound of a page: only the surroundings of repairs, as small as browsers can play it to the sample.

In: a damaged recording and its restoration as blocks, and the spans. Out: :class:`Clip`, stretches around
the loudest repairs.

A clip holds the *restored* surroundings once, as 16-bit FLAC where there is room and as Ogg Vorbis else, and
the samples in and right beside each repair twice, before and after, as FLAC. The page fades the exact cores
into the surroundings, so that what is heard of a repair is exact in both versions, nothing clicks between
them, and three versions cost little more than one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile

from ..arrays import Samples
from ..audio.encode import flac_bytes
from ..spans import Span

AROUND_S = 1.2
"""Sound on each side of a repair."""

LONGEST_S = 15.0
"""Neighbouring repairs share a clip up to this length."""

BESIDE_MS = 8.0
"""Of exact sound on each side of a repair, over which it is faded into the surroundings."""

BUDGET = 5_500_000
"""Bytes of sound in a page; base64 makes a third more of them."""

_FLAC_SHARE = 0.7
"""Bytes of FLAC for a byte of 16-bit samples; loud modern music."""

_VORBIS_BYTES = 0.26
"""Bytes of Ogg Vorbis for a sample of a channel, at the level below (measured: 0.2 to 0.26 on music)."""

_VORBIS_LEVEL = 0.5
_PIECE = 1 << 14
"""Frames written at a time: libvorbis has ended processes on long ones."""

Range = tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """Samples ``first`` to ``last`` of a recording.

    Attributes:
        kind: media type of ``sound``.
        sound: the restored surroundings, encoded.
        cores: ranges around repairs, in order.
        exact: those ranges before, and then after, one behind the other, as FLAC.
    """

    first: int
    last: int
    kind: str
    sound: bytes
    cores: tuple[Range, ...]
    exact: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.sound) + len(self.exact)


def choose_ranges(
    spans: Sequence[Span], loudness_db: Sequence[float], *, rate_hz: int, channels: int, total: int
) -> tuple[list[Range], bool]:
    """Where to cut clips: around the loudest repairs, as many as there is room for.

    Args:
        spans: what was found; those that were not filled are played too.
        loudness_db: of what each repair removed.

    Returns:
        Ranges in order, and whether they can be FLAC.
    """
    around, longest = round(AROUND_S * rate_hz), round(LONGEST_S * rate_hz)
    heard = min(channels, 2)
    room = BUDGET / (_VORBIS_BYTES * heard)
    order = sorted(range(len(spans)), key=lambda k: -loudness_db[k])
    count = len(order)
    ranges = _around([spans[k] for k in order], around, longest, total)
    while count > 1 and sum(b - a for a, b in ranges) > room:
        count = max(1, int(count * 0.8))
        ranges = _around([spans[k] for k in order[:count]], around, longest, total)
    return ranges, sum(b - a for a, b in ranges) * 2 * heard * _FLAC_SHARE <= BUDGET


def _around(spans: Iterable[Span], around: int, longest: int, total: int) -> list[Range]:
    ranges: list[Range] = []
    for span in sorted(spans):
        first, last = max(span.start - around, 0), min(span.end + around, total)
        if ranges and first <= ranges[-1][1] and last - ranges[-1][0] <= longest:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], last)
        else:
            ranges.append((first, last))
    return ranges


def cut_clips(
    before: Iterable[Samples],
    after: Iterable[Samples],
    ranges: Sequence[Range],
    spans: Sequence[Span],
    *,
    rate_hz: int,
    lossless: bool,
) -> list[Clip]:
    """Clips of ranges, from one pass over both recordings; less of them where they come out too large.

    Args:
        before, after: the recordings as blocks.
        lossless: surroundings as FLAC.
    """
    repaired = sorted(span for span in spans if span.filled)
    beside = round(BESIDE_MS * rate_hz / 1000)
    clips = []
    room = BUDGET
    for (first, last), old, new in cut(before, after, ranges):
        cores: list[Range] = []
        for span in repaired:
            core = max(span.start - beside, first), min(span.end + beside, last)
            if core[0] >= core[1]:
                continue
            if cores and core[0] <= cores[-1][1]:
                cores[-1] = cores[-1][0], max(cores[-1][1], core[1])
            else:
                cores.append(core)
        parts = [sound[:, a - first : b - first] for sound in (old, new) for a, b in cores]
        exact = flac_bytes(np.concatenate(parts, axis=1), rate_hz) if parts else b""
        sound = flac_bytes(new, rate_hz) if lossless else _vorbis_bytes(new, rate_hz)
        kind = "audio/flac" if lossless else "audio/ogg"
        clip = Clip(first, last, kind, sound, tuple(cores), exact)
        if clip.size <= room:
            clips.append(clip)
            room -= clip.size
    return clips


def cut(
    before: Iterable[Samples], after: Iterable[Samples], ranges: Sequence[Range]
) -> Iterator[tuple[Range, Samples, Samples]]:
    """Each range with its samples before and after, ``(c, n)``, ``c`` at most 2."""
    waiting = list(ranges)
    held: list[tuple[Samples, Samples]] = []
    begin = end = 0  # of what is held
    for pair in zip(before, after, strict=True):
        held.append((_audible(pair[0]), _audible(pair[1])))
        end += pair[0].shape[1]
        while waiting and waiting[0][1] <= end:
            first, last = waiting.pop(0)
            old, new = (np.concatenate([part[which] for part in held], axis=1) for which in (0, 1))
            yield (first, last), old[:, first - begin : last - begin], new[:, first - begin : last - begin]
        needed = min((first for first, _ in waiting), default=end)
        while held and begin + held[0][0].shape[1] <= needed:
            begin += held.pop(0)[0].shape[1]
        if not waiting:
            return


def _audible(block: Samples) -> Samples:
    """As the page plays it: one or two channels; more are mixed to one."""
    block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    return block if block.shape[0] <= 2 else block.mean(axis=0, keepdims=True)


def _vorbis_bytes(samples: Samples, rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    sound = np.clip(samples, -1, 1).T
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=rate_hz,
        channels=sound.shape[1],
        format="OGG",
        subtype="VORBIS",
        compression_level=_VORBIS_LEVEL,
    ) as file:
        for first in range(0, len(sound), _PIECE):
            file.write(sound[first : first + _PIECE])
    return buffer.getvalue()
