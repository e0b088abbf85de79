"""Where in a file the samples of uncompressed audio lie, so that a few can be replaced in place.

In: a WAV, RF64, W64, AIFF, CAF or AU file with PCM, float or companded (G.711) samples. Out: the position of
its first sample and their byte layout, checked against what libsndfile reads there; None where that does not
agree. Replacing samples in a byte copy keeps every other chunk as it was: bext, cue, LIST, iXML, markers,
unknown ones.

Sources: EBU Tech 3285 (WAV) and 3306 (RF64), Apple's AIFF-C and CAF specifications, Sony's Wave64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from .native import from_float, native_dtype, sndfile_name

Order = Literal["little", "big"]

_BYTES = {
    "ULAW": 1,
    "ALAW": 1,
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
}
_COMPANDED = ("ULAW", "ALAW")
_PROBE_FRAMES = 512


@dataclass(frozen=True)
class Layout:
    """Where samples lie: ``frames`` × ``channels`` × ``sample_bytes`` from ``offset`` on."""

    offset: int
    frames: int
    channels: int
    subtype: str
    order: Order

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample."""
        return _BYTES[self.subtype]

    def encode(self, samples: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Float samples ``(n,)`` as the file's bytes, ``(n, sample_bytes)``."""
        if self.subtype in _COMPANDED:
            return _nearest_codes(samples, self.subtype)[:, None]
        return self._bytes(from_float(samples, self.subtype))

    def decode(self, raw: bytes) -> NDArray[Any]:
        """The file's bytes as native samples ``(n, channels)``."""
        count, size = len(raw) // self.sample_bytes, self.sample_bytes
        if self.subtype in ("FLOAT", "DOUBLE"):
            kind = native_dtype(self.subtype)
            values = np.frombuffer(raw, np.dtype(kind).newbyteorder(self.order)).astype(kind)
            return values.reshape(-1, self.channels)
        if self.subtype in _COMPANDED:
            return _levels(self.subtype)[np.frombuffer(raw, np.uint8)].reshape(-1, self.channels)
        parts = np.frombuffer(raw, np.uint8)[: count * size].reshape(count, size)
        if self.order == "big":
            parts = parts[:, ::-1]
        wide = np.zeros((count, 4), np.uint8)
        wide[:, 4 - size :] = parts
        if self.subtype == "PCM_U8":
            wide[:, 3] ^= 0x80
        return wide.view("<i4").astype(np.int32).reshape(-1, self.channels)

    def _bytes(self, native: NDArray[Any]) -> NDArray[np.uint8]:
        size = self.sample_bytes
        if self.subtype in ("FLOAT", "DOUBLE"):
            ordered = native.astype(native.dtype.newbyteorder(self.order))
            return np.ascontiguousarray(ordered).view(np.uint8).reshape(-1, size)
        parts = np.ascontiguousarray(native.astype("<i4")).view(np.uint8).reshape(-1, 4)[:, 4 - size :].copy()
        if self.subtype == "PCM_U8":
            parts[:, -1] ^= 0x80
        return parts[:, ::-1] if self.order == "big" else parts

    def replace(self, file: BinaryIO, start: int, channel: int, samples: NDArray[np.float64]) -> None:
        """Put samples ``(n,)`` of one channel from frame ``start`` on into an open file."""
        stride = self.channels * self.sample_bytes
        file.seek(self.offset + start * stride)
        raw = np.frombuffer(file.read(samples.size * stride), np.uint8).copy()
        frames = raw.reshape(samples.size, self.channels, self.sample_bytes)
        frames[:, channel] = self.encode(samples)
        file.seek(self.offset + start * stride)
        file.write(raw.tobytes())


@cache
def _levels(subtype: str) -> NDArray[np.float32]:
    """The sample that each byte of a companded coding (ITU-T G.711) stands for, as libsndfile has it."""
    codes = BytesIO(bytes(range(256)))
    levels, _ = soundfile.read(
        codes, samplerate=8_000, channels=1, format="RAW", subtype=subtype, dtype="float32"
    )
    return np.asarray(levels)


def _nearest_codes(samples: NDArray[np.float64], subtype: str) -> NDArray[np.uint8]:
    levels = _levels(subtype).astype(np.float64)
    order = np.argsort(levels, kind="stable")
    middles = (levels[order][1:] + levels[order][:-1]) / 2
    return order[np.searchsorted(middles, np.nan_to_num(samples))].astype(np.uint8)


def find_layout(path: Path, *, frames: int, channels: int, subtype: str) -> Layout | None:
    """The layout of a file, or None if it has none that we can vouch for."""
    if subtype not in _BYTES:
        return None
    with path.open("rb") as file:
        found = find_data(file)
    if found is None or found.offset + frames * channels * _BYTES[subtype] > path.stat().st_size:
        return None
    for order in ("little", "big"):
        layout = Layout(found.offset, frames, channels, subtype, order)
        if _agrees(layout, path):
            return layout
    return None


def _agrees(layout: Layout, path: Path) -> bool:
    """Whether libsndfile reads the same samples at the start, in the middle and at the end."""
    count = min(_PROBE_FRAMES, layout.frames)
    stride = layout.channels * layout.sample_bytes
    with soundfile.SoundFile(sndfile_name(path)) as sound, path.open("rb") as file:
        for start in (0, (layout.frames - count) // 2, layout.frames - count):
            sound.seek(start)
            expected = sound.read(count, dtype=native_dtype(layout.subtype), always_2d=True)
            file.seek(layout.offset + start * stride)
            ours = layout.decode(file.read(count * stride))
            if ours.shape != expected.shape or ours.tobytes() != expected.tobytes():
                return False
    return True


@dataclass(frozen=True)
class DataChunk:
    """Position of the first sample, and the bytes that the header promises (None: unknown)."""

    offset: int
    promised_bytes: int | None


def find_data(file: BinaryIO) -> DataChunk | None:
    """Find the chunk of samples of a WAV, RF64, W64, AIFF, CAF or AU file; None if there is none."""
    head = file.read(16)
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == b"WAVE":
        return _riff(file, ">" if head[:4] == b"RIFX" else "<")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(file)
    if head[:4] == b"caff":
        return _caf(file)
    if head[:4] == b"riff":
        return _w64(file)
    if head[:4] in (b".snd", b"dns."):
        offset, size = struct.unpack(">II" if head[:4] == b".snd" else "<II", head[4:12])
        return DataChunk(offset, None if size == 0xFFFFFFFF else size)
    return None


def _riff(file: BinaryIO, order: str) -> DataChunk | None:
    file.seek(12)
    long_bytes: int | None = None
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack(f"{order}I", head[4:])[0]
        if name == b"ds64":
            sizes = file.read(size)
            long_bytes = struct.unpack("<Q", sizes[8:16])[0] if len(sizes) >= 16 else None
            continue
        if name == b"data":
            # Writers into pipes leave the size open as all ones, or as nothing.
            unknown = size in (0, 0xFFFFFFFF, 0x7FFFFFFF) or (size & 0xFFFFF000) == 0x7FFFF000
            return DataChunk(file.tell(), long_bytes if long_bytes is not None else None if unknown else size)
        file.seek(size + size % 2, 1)
    return None


def _aiff(file: BinaryIO) -> DataChunk | None:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack(">I", head[4:])[0]
        if name == b"SSND":
            skip = struct.unpack(">I", file.read(8)[:4])[0]
            return DataChunk(file.tell() + skip, max(size - 8 - skip, 0))
        file.seek(size + size % 2, 1)
    return None


def _caf(file: BinaryIO) -> DataChunk | None:
    file.seek(8)
    while len(head := file.read(12)) == 12:
        name, size = head[:4], struct.unpack(">q", head[4:])[0]
        if name == b"data":
            return DataChunk(file.tell() + 4, size - 4 if size >= 4 else None)
        file.seek(size, 1)
    return None


def _w64(file: BinaryIO) -> DataChunk | None:
    file.seek(40)
    while len(head := file.read(24)) == 24:
        size = struct.unpack("<Q", head[16:])[0]
        if head[:4] == b"data":
            return DataChunk(file.tell(), size - 24)
        file.seek((size - 24 + 7) // 8 * 8, 1)
    return None
