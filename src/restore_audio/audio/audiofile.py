"""Recordings in and out, block by block: nothing here grows with their length.

In: paths of anything that :mod:`.decode` opens. Out: samples ``(C, n)`` float64 in [-1, 1), and files of the
same container, subtype, rate, channels and length with some samples replaced.

A restored file is, from the best way to the last:

1. a byte copy, where nothing is replaced;
2. a byte copy with the replaced samples patched in place (uncompressed WAV, RF64, W64, AIFF, CAF), so that
   every other chunk stays;
3. decoded and encoded again, with the tags copied. Lossless codecs keep healthy samples bit for bit; lossy
   ones cannot, and are encoded at their best quality.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from ..arrays import Samples
from ..errors import InputError, OutputError
from ..settings import MAX_RATE_HZ, MIN_RATE_HZ
from .decode import check_whole, native_blocks, open_recording
from .encode import converted, new_recording
from .formats import check_suffix, choose, keeps_coding
from .layout import find_layout
from .native import from_float, native_dtype, no_library_messages, to_float
from .output import Results, beside, check_target
from .suffixes import CONTAINERS

BLOCK_FRAMES = 1 << 16


@dataclass(frozen=True)
class AudioInfo:
    """What a recording is.

    Attributes:
        rate_hz, channels, frames: its sample rate, channels and samples a channel.
        format, subtype: container and coding, as libsndfile names them.
    """

    path: Path
    rate_hz: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate_hz


class Replacement(Protocol):
    """Samples ``(n,)`` that one channel holds from frame ``start`` on."""

    @property
    def start(self) -> int:
        """First frame."""

    @property
    def channel(self) -> int:
        """Which channel."""

    @property
    def samples(self) -> Samples:
        """What it holds there."""


def probe(path: str | Path) -> AudioInfo:
    """Look at a recording's header.

    Raises:
        InputError: it is missing, not audio, empty, cut off, or at a rate that we do not restore.
    """
    path = Path(path)
    with open_recording(path) as sound:
        info = AudioInfo(path, sound.samplerate, sound.channels, sound.frames, sound.format, sound.subtype)
    check_whole(path, seconds=info.seconds)
    if info.frames == 0:
        raise InputError(f"{path} holds no audio: its header is there, but not one sample: give another.")
    if not MIN_RATE_HZ <= info.rate_hz <= MAX_RATE_HZ:
        raise InputError(
            f"{path} has a sample rate of {info.rate_hz} Hz: resample it to between {MIN_RATE_HZ} and "
            f"{MAX_RATE_HZ} Hz first."
        )
    return info


def read_blocks(path: str | Path, block_frames: int = BLOCK_FRAMES) -> Iterator[Samples]:
    """A recording from start to end in blocks ``(C, n)``, n at most ``block_frames``.

    Raises:
        InputError: it cannot be read, or ends before its header says.
    """
    for block in native_blocks(Path(path), block_frames):
        yield to_float(block.T)


def read_range(path: str | Path, first: int, last: int) -> Samples:
    """Samples ``(C, last - first)`` of a recording that can be gone to: not of a codec's, nor PyAV's.

    Raises:
        InputError: it cannot be read.
    """
    with open_recording(Path(path)) as sound:
        if not isinstance(sound, soundfile.SoundFile):
            raise ValueError(f"{path} cannot be gone to by samples")
        sound.seek(first)
        with no_library_messages():
            native = sound.read(last - first, dtype=native_dtype(sound.subtype), always_2d=True)
    return to_float(np.ascontiguousarray(native.T))


def read_audio(path: str | Path) -> tuple[Samples, AudioInfo]:
    """A whole recording, ``(C, T)``, and what it is; for short ones.

    Raises:
        InputError: it cannot be read.
    """
    info = probe(path)
    blocks = list(read_blocks(path))
    return np.concatenate(blocks, axis=1), info


def write_audio(
    path: str | Path,
    blocks: Samples | Iterable[Samples],
    rate_hz: int,
    *,
    subtype: str | None = None,
    within: Results | None = None,
) -> None:
    """Write samples ``(C, T)``, or blocks of them, beside ``path`` and rename.

    Args:
        path: target; its suffix names the container.
        blocks: float64 samples in [-1, 1]; integers are rounded and clipped.
        subtype: coding; the container's usual one when None (16 bit; 32-bit float for WAV).

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    container = CONTAINERS.get(path.suffix.lower())
    if container is None:
        raise OutputError(f"{path.name} has no suffix of an audio container: use .wav or .flac.")
    parts = iter([blocks] if isinstance(blocks, np.ndarray) else blocks)
    first = next(parts, None)
    if first is None:
        raise ValueError("there is no block to write")
    wanted = subtype or ("FLOAT" if container == "WAV" else soundfile.default_subtype(container))
    container, wanted = choose(path, container, wanted, rate_hz=rate_hz, channels=first.shape[0])
    with (
        beside(path, within=within) as temporary,
        new_recording(temporary, path, container, wanted, rate_hz=rate_hz, channels=first.shape[0]) as write,
    ):
        for block in chain([first], parts):
            write(from_float(np.ascontiguousarray(block.T), wanted))


def rewrite(
    source: str | Path,
    target: str | Path,
    replacements: Iterable[Replacement],
    *,
    overwrite: bool = False,
    within: Results | None = None,
) -> bool:
    """Make ``target`` the source with some samples replaced.

    Args:
        source: the recording; never changed.
        target: of the same container, or of the one that its suffix names.
        replacements: ordered by ``start`` except within one window of a minute; drawn one by one.

    Returns:
        Whether the target has every byte of the source, which it has when nothing is replaced.

    Raises:
        InputError: the source cannot be read.
        OutputError: the target cannot be written, or cannot hold the source's samples.
    """
    source, target = Path(source), Path(target)
    check_suffix(source, target)
    info = probe(source)
    check_target(target, overwrite=within.overwrite if within else overwrite, source=source)
    parts = iter(replacements)
    first: Replacement | None = None
    as_it_is = keeps_coding(target, info.format, info.subtype)
    if as_it_is:
        first = next(parts, None)
        if first is None:
            with beside(target, overwrite=overwrite, source=source, within=within) as temporary:
                shutil.copyfile(source, temporary)
            return True
    container, subtype = choose(
        target, info.format, info.subtype, rate_hz=info.rate_hz, channels=info.channels
    )
    pending = parts if first is None else chain([first], parts)
    with beside(target, overwrite=overwrite, source=source, within=within) as temporary:
        layout = (
            find_layout(source, frames=info.frames, channels=info.channels, subtype=subtype)
            if as_it_is
            else None
        )
        if layout is not None:
            shutil.copyfile(source, temporary)
            with temporary.open("rb+") as file:
                for part in pending:
                    layout.replace(file, part.start, part.channel, part.samples)
        else:
            _encode(info, temporary, target, container, subtype, pending)
            from .tags import copy_tags

            copy_tags(source, temporary, container)
            _check_written(info, temporary, target)
    return False


def _check_written(info: AudioInfo, temporary: Path, target: Path) -> None:
    """Success is only reported for a file that opens and has the source's shape."""
    try:
        made = probe(temporary)
    except InputError as error:
        raise OutputError(
            f"{target} could not be written as a recording that opens again ({info.format}): write to .wav "
            f"or .flac instead."
        ) from error
    if (made.rate_hz, made.channels) != (info.rate_hz, info.channels) or made.frames < info.frames:
        raise OutputError(
            f"{target} would not hold all of {info.path.name}: {made.frames} samples in place of "
            f"{info.frames}; write to .wav or .flac instead."
        )


def _encode(
    info: AudioInfo,
    temporary: Path,
    target: Path,
    container: str,
    subtype: str,
    replacements: Iterator[Replacement],
) -> None:
    """Decode the source and encode it again, replacing samples on the way."""
    from .tags import text_strings  # with mutagen, which takes longer to import than a file is copied

    waiting: list[Replacement] = []
    more = True
    texts = text_strings(info.path, container)
    with new_recording(
        temporary, target, container, subtype, rate_hz=info.rate_hz, channels=info.channels, texts=texts
    ) as write:
        position = 0
        for native in native_blocks(info.path, BLOCK_FRAMES):
            end = position + len(native)
            # Replacements come in order, so one that starts a minute later means that all for here are in.
            while more and (not waiting or waiting[-1].start < end + 60 * info.rate_hz):
                part = next(replacements, None)
                if part is None:
                    more = False
                else:
                    waiting.append(part)
            block = converted(native, info.subtype, subtype)
            for part in waiting:
                a, b = max(part.start, position), min(part.start + part.samples.size, end)
                if a < b:
                    piece = part.samples[a - part.start : b - part.start]
                    block[a - position : b - position, part.channel] = from_float(piece, subtype)
            waiting = [p for p in waiting if p.start + p.samples.size > end]
            write(block)
            position = end
