"""Where the samples of a WAV, RF64, W64, AIFF, CAF or AU file begin, and how many bytes the header promises.

In: an open file. Out: the chunk of samples, by the list of chunks or, where that is damaged, by its name.

Sources: EBU Tech 3285 (WAV) and 3306 (RF64), Apple's AIFF-C and CAF specifications, Sony's Wave64.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_SEARCHED_BYTES = 1 << 22
_SEARCHED_PLACES = 32
"""How far, and how often, the chunk of samples is searched for by its name."""


@dataclass(frozen=True)
class DataChunk:
    """Position of the first sample, and the bytes that the header promises (None: unknown)."""

    offset: int
    promised_bytes: int | None


def find_data(file: BinaryIO) -> DataChunk | None:
    """Find the chunk of samples of a WAV, RF64, W64, AIFF, CAF or AU file; None if there is none.

    Where a size in the list of chunks cannot be (beyond the end of the file, less than its own header),
    the chunk of samples is searched for by its name, as libsndfile reads many such files.
    """
    return next(places(file), None)


def places(file: BinaryIO) -> Iterator[DataChunk]:
    """Where the samples may begin, the likeliest first: by the list of chunks, then by the chunk's name."""
    end = file.seek(0, SEEK_END)
    file.seek(0)
    head = file.read(16)
    if len(head) < 16:
        return
    if head[:4] in (b".snd", b"dns."):
        offset, size = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:12])
        yield DataChunk(offset, None if size == 0xFFFFFFFF else size)
        return
    kind = _kind(head)
    if kind is None:
        return
    walked = kind.walk(file, end)
    if walked is not None:
        yield walked
    file.seek(0)
    beginning = file.read(_SEARCHED_BYTES)
    at = -1
    named: list[DataChunk] = []
    while len(named) < _SEARCHED_PLACES and (at := beginning.find(kind.marker, at + 1)) >= 0:
        file.seek(at)
        chunk = kind.chunk(file, None)
        if chunk is not None and chunk != walked:
            named.append(chunk)
    yield from sorted(named, key=lambda chunk: chunk.offset + (chunk.promised_bytes or 0) > end)


@dataclass(frozen=True)
class _Kind:
    """A container: how its list of chunks is walked.

    Attributes:
        first: where the list begins.
        marker: name of the chunk of samples.
        header_bytes: of a chunk.
        size_of: a header's size of the body.
        step: chunks lie at multiples of this.
        chunk: an open file at the chunk of samples, and RF64's 64-bit size, to its :class:`DataChunk`.
    """

    first: int
    marker: bytes
    header_bytes: int
    size_of: Callable[[bytes], int]
    step: int
    chunk: Callable[[BinaryIO, int | None], DataChunk | None]

    def walk(self, file: BinaryIO, end: int) -> DataChunk | None:
        """Follow the list of chunks to the samples; None where it does not lead there."""
        at, long_bytes = self.first, None
        while at + self.header_bytes <= end:
            file.seek(at)
            head = file.read(self.header_bytes)
            if head.startswith(self.marker):
                file.seek(at)
                return self.chunk(file, long_bytes)
            size = self.size_of(head)
            if size < 0:
                return None
            if head[:4] == b"ds64" and size >= 16:
                long_bytes = struct.unpack("<Q", file.read(16)[8:].ljust(8, b"\0"))[0]
            at += self.header_bytes + -(-size // self.step) * self.step
        return None


def _kind(head: bytes) -> _Kind | None:
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        order = ">" if head[:4] == b"RIFX" else "<"
        size_of = _unpacked(f"{order}I", 4)
        return _Kind(12, b"data", 8, size_of, 2, lambda file, long: _riff_samples(file, size_of, long))
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _Kind(12, b"SSND", 8, _unpacked(">I", 4), 2, lambda file, _: _aiff_samples(file))
    if head[:4] == b"caff":
        return _Kind(8, b"data", 12, _unpacked(">q", 4), 1, lambda file, _: _caf_samples(file))
    if head[:4] == b"riff":
        body = _unpacked("<Q", 16)
        return _Kind(40, _W64_DATA, 24, lambda h: body(h) - 24, 8, lambda file, _: _w64_samples(file))
    return None


def _unpacked(form: str, at: int) -> Callable[[bytes], int]:
    def size(head: bytes) -> int:
        return int(struct.unpack_from(form, head, at)[0])

    return size


def _riff_samples(
    file: BinaryIO, size_of: Callable[[bytes], int], long_bytes: int | None
) -> DataChunk | None:
    head = file.read(8)
    if len(head) < 8:
        return None
    size = size_of(head)
    # Writers into pipes leave the size open as all ones, or as nothing.
    unknown = size in (0, 0xFFFFFFFF, 0x7FFFFFFF) or (size & 0xFFFFF000) == 0x7FFFF000
    return DataChunk(file.tell(), long_bytes if long_bytes is not None else None if unknown else size)


def _aiff_samples(file: BinaryIO) -> DataChunk | None:
    head = file.read(16)
    if len(head) < 16:
        return None
    size, skip = struct.unpack(">I", head[4:8])[0], struct.unpack(">I", head[8:12])[0]
    return DataChunk(file.tell() + skip, max(size - 8 - skip, 0))


def _caf_samples(file: BinaryIO) -> DataChunk | None:
    head = file.read(12)
    if len(head) < 12:
        return None
    size = struct.unpack(">q", head[4:])[0]
    return DataChunk(file.tell() + 4, size - 4 if size >= 4 else None)


def _w64_samples(file: BinaryIO) -> DataChunk | None:
    head = file.read(24)
    if len(head) < 24:
        return None
    size = struct.unpack("<Q", head[16:])[0]
    return DataChunk(file.tell(), size - 24 if size >= 24 else None)
