"""Stretches of recordings, for training and benchmarks: anywhere, quickly, and from damaged files too.

In: paths of anything that :mod:`.decode` opens. Out: samples ``(n, C)`` float32. Unlike what ``fix`` reads, a
recording may be cut off: what is there can be trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import InputError
from .decode import Decoder, open_recording, reason_of
from .native import native_dtype, no_library_messages, to_float

_BLOCK_FRAMES = 1 << 16


class Shape(NamedTuple):
    """What a recording's header says."""

    rate_hz: int
    channels: int
    frames: int


def shape_of(path: Path) -> Shape:
    """Rate, channels and length of a recording by its header.

    Raises:
        InputError: it is missing or not audio.
    """
    with open_recording(path) as sound:
        return Shape(int(sound.samplerate), int(sound.channels), int(sound.frames))


def read_stretch(
    path: Path, first: int, frames: int, block_frames: int = _BLOCK_FRAMES
) -> Iterator[NDArray[np.float32]]:
    """Blocks ``(n, C)`` of ``frames`` samples from sample ``first`` on, or of as many as there are.

    Raises:
        InputError: the recording cannot be read.
    """
    with open_recording(path) as sound:
        kind = native_dtype(sound.subtype)
        if isinstance(sound, soundfile.SoundFile):
            with no_library_messages():
                sound.seek(min(first, sound.frames))
        else:  # PyAV seeks by packets: decode and drop instead
            for skipped in range(0, first, block_frames):
                _read(path, sound, min(block_frames, first - skipped), kind)
        left = frames
        while left > 0 and len(block := _read(path, sound, min(left, block_frames), kind)):
            left -= len(block)
            yield block


def _read(path: Path, sound: Decoder, frames: int, kind: str) -> NDArray[np.float32]:
    try:
        with no_library_messages():
            block = sound.read(frames, dtype=kind, always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(f"{path} cannot be decoded ({reason_of(error)}): leave it out.") from None
    return to_float(block).astype(np.float32)
