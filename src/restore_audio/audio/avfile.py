"""M4A, AAC and other recordings that libsndfile does not read, through PyAV (FFmpeg's libraries).

In: a path. Out: an open recording that reads like soundfile's: AAC as float32, Apple Lossless as integers,
left-justified in 32 bit. Only reading: PyAV is an optional part of the installation (``codecs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

_PRIMING_FRAMES = 8_192
"""More than any encoder adds at both ends, which headers may or may not count."""


class AvFile:
    """An open recording; the first track of sound in the file.

    Raises:
        ImportError: PyAV is not installed.
        InputError: it holds no sound that FFmpeg's libraries decode.
    """

    format = "M4A"

    def __init__(self, path: Path) -> None:
        import av

        self._path = path
        try:
            self._container: Any = av.open(str(path))
            self._stream: Any = self._container.streams.audio[0]
            self.samplerate = int(self._stream.rate)
            self.channels = int(self._stream.codec_context.channels)
        except (av.FFmpegError, OSError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path} is not audio that can be read ({_reason(error)}), or is cut off: copy it "
                f"again from where it came, or convert it to FLAC or WAV first."
            ) from None
        self._blocks = self._decoded()
        self._rest: NDArray[Any] = np.zeros((0, self.channels), np.float32)

    @property
    def subtype(self) -> str:
        """``ALAC_16`` to ``ALAC_32``, or the codec's name in capitals."""
        context = self._stream.codec_context
        if context.name != "alac":
            return str(context.name).upper()
        if context.format.name.startswith("s16"):
            return "ALAC_16"
        bits = int(getattr(context, "bits_per_coded_sample", None) or 24)
        return f"ALAC_{bits}" if bits in (20, 24, 32) else "ALAC_32"

    @cached_property
    def frames(self) -> int:
        """Samples a channel; found by decoding everything, as headers count the codec's padding or not.

        Raises:
            InputError: the header promises more.
        """
        with AvFile(self._path) as again:
            count = sum(len(block) for block in again._blocks)
        duration, base = self._stream.duration, self._stream.time_base
        promised = round(float(duration * base) * self.samplerate) if duration and base else 0
        if count + _PRIMING_FRAMES < promised:
            raise InputError(
                f"{self._path} is cut off: it promises {promised / self.samplerate:.1f} s of audio and holds "
                f"{count / self.samplerate:.1f} s; copy it again from where it came."
            )
        return count

    def read(self, frames: int, dtype: str, always_2d: bool = True) -> NDArray[Any]:  # noqa: ARG002
        """The next ``(n, C)`` samples, n at most ``frames`` and 0 at the end."""
        parts, have = [self._rest], len(self._rest)
        while have < frames:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            have += len(block)
        joined: NDArray[Any] = np.concatenate([part for part in parts if len(part)] or [self._rest])
        self._rest = joined[frames:]
        return joined[:frames].astype(dtype, copy=False)

    def _decoded(self) -> Iterator[NDArray[Any]]:
        import av

        done = 0
        try:
            for frame in self._container.decode(self._stream):
                block = _samples(frame, self.channels)
                done += len(block)
                yield block
        except (av.FFmpegError, OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self._path} cannot be decoded after {done / self.samplerate:.1f} s ({_reason(error)}): "
                f"copy it again from where it came."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()


def _samples(frame: Any, channels: int) -> NDArray[Any]:
    values: NDArray[Any] = frame.to_ndarray()
    block = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if block.dtype == np.int16:
        return np.asarray(block.astype(np.int32) << 16)
    return block if block.dtype == np.int32 else block.astype(np.float32)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".") or type(error).__name__
