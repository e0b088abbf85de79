"""Encode samples: a new file, what is written into it, and what its encoder cannot take.

In: native samples ``(n, C)``. Out: a file of a container and coding of libsndfile's, at the best quality.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import OutputError
from .decode import reason_of
from .native import from_float, is_lossless, native_dtype, no_library_messages, sndfile_name, to_float
from .steady import steady

_MP3_LEVEL, _VORBIS_LEVEL = 0.0, 0.1
"""libsndfile's compression level, 0 (largest) to 1: 320 kbit/s MP3, Vorbis quality 9."""

TRANSFORM_CODECS = frozenset({"MPEG_LAYER_III", "VORBIS", "OPUS"})
"""Codings in which no sample stays what it was when a recording is encoded again."""

_LOUDEST = 64.0
"""36 dB above full scale. From 10,000 on Opus and Vorbis write something else, from 10,000,000 on LAME ends
the process (libsndfile 1.2.2)."""


def converted(native: NDArray[Any], source_subtype: str, subtype: str) -> NDArray[Any]:
    """Samples of one coding in the native type of another; a copy."""
    if native_dtype(source_subtype) == native_dtype(subtype):
        return native.copy()
    return from_float(to_float(native), subtype)


def _fitting(block: NDArray[Any], subtype: str, target: Path) -> NDArray[Any]:
    """Samples as the encoder of ``subtype`` can take them.

    Lossless codings hold everything. Companded and ADPCM samples are integers: they are clipped as PCM is.

    Raises:
        OutputError: an MP3, Vorbis or Opus encoder would fail on them.
    """
    if is_lossless(subtype):
        return block
    if subtype not in TRANSFORM_CODECS:
        clipped: NDArray[Any] = np.clip(np.nan_to_num(block), -1.0, 1.0)
        return clipped
    peak = float(np.max(np.abs(block), initial=0.0))
    if not peak <= _LOUDEST:
        what = f"samples of {peak:.3g} times full scale" if peak > 0 else "samples that are not numbers"
        raise OutputError(f"{target.name} cannot hold {what}: write to .wav or .flac instead.")
    return block


@contextmanager
def new_recording(
    temporary: Path,
    target: Path,
    container: str,
    subtype: str,
    *,
    rate_hz: int,
    channels: int,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """A function that writes native samples ``(n, C)``, from the first to the last.

    Args:
        target: what it will be called, for sentences.
        container, subtype: as libsndfile names them.
        texts: title, artist and the like for the container's own chunks of text.

    Raises:
        OutputError: libsndfile cannot write it, or an encoder cannot take the samples.
    """
    level = {"MPEG_LAYER_III": _MP3_LEVEL, "VORBIS": _VORBIS_LEVEL, "OPUS": _VORBIS_LEVEL}.get(subtype)
    try:
        sound = soundfile.SoundFile(
            sndfile_name(temporary),
            "w",
            samplerate=rate_hz,
            channels=channels,
            format=container,
            subtype=subtype,
            compression_level=level,
            bitrate_mode="CONSTANT" if subtype == "MPEG_LAYER_III" else None,
        )
    except (soundfile.LibsndfileError, ValueError) as error:
        raise OutputError(
            f"{target.name} cannot be written as {container} with {subtype} at {rate_hz} Hz, {channels} "
            f"channel(s) ({error}): write to .wav instead."
        ) from None

    def write(block: NDArray[Any]) -> None:
        fit = _fitting(block, subtype, target)
        with no_library_messages():
            sound.write(fit)

    try:
        try:
            for name, text in texts.items():
                setattr(sound, name, text)
            yield write
        finally:
            with no_library_messages():
                sound.close()
    except soundfile.LibsndfileError as error:
        raise OutputError(
            f"{target} cannot be written ({reason_of(error)}): the disk may be full; free some space or "
            f"choose another folder."
        ) from None
    steady(temporary, container)


def flac_bytes(samples: NDArray[np.float64], rate_hz: int) -> bytes:
    """A 16-bit FLAC file of ``(C, T)`` in memory, for pages that carry their sound; clipped at full scale."""
    buffer = io.BytesIO()
    sound = np.clip(np.nan_to_num(samples), -1, 1 - 2.0**-15).T
    soundfile.write(buffer, sound, rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
