"""Where in a file the samples of uncompressed audio lie, so that a few can be replaced in place.

In: a WAV, RF64, W64, AIFF, CAF or AU file with PCM, float or companded (G.711) samples. Out: the position of
its first sample and their byte layout, checked against what libsndfile reads there; None where that does not
agree. Replacing samples in a byte copy keeps every other chunk as it was: bext, cue, LIST, iXML, markers,
unknown ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from .datachunk import places
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
        found_at = list(places(file))
    for found in found_at:
        if found.offset + frames * channels * _BYTES[subtype] <= path.stat().st_size:
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
            try:
                sound.seek(start)
                expected = sound.read(count, dtype=native_dtype(layout.subtype), always_2d=True)
            except soundfile.LibsndfileError:
                return False
            file.seek(layout.offset + start * stride)
            ours = layout.decode(file.read(count * stride))
            if ours.shape != expected.shape or ours.tobytes() != expected.tobytes():
                return False
    return True
