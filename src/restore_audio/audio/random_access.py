"""Any stretch of a recording, again and again.

In: a path. Out: samples ``(C, n)`` float64. Plain samples and FLAC are sought in the file itself. Other
codings cannot be: after a seek libsndfile's Vorbis decoder gives other samples than before it, its MP3
decoder starts anew, and PyAV seeks by packets. They are decoded once into a temporary file of half floats,
300 MB for an hour of a channel, when the first stretch is wanted, which rounds each sample at 66 dB below
it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import InputError, OutputError
from .decode import Decoder, native_blocks, open_recording, reason_of
from .native import native_dtype, no_library_messages, to_float

_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
"""How the codings begin whose samples are the same after a seek."""

_BLOCK_FRAMES = 1 << 16
_LOUDEST = 6e4
"""Half floats hold no more."""


class RandomAccess:
    """Reads from one recording; several threads may.

    Args:
        path: of the recording, which stays as it is meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._sound: Decoder | None = None
        self._decoded: IO[bytes] | None = None

    def read(self, first: int, last: int) -> NDArray[np.float64]:
        """Samples ``first`` to ``last`` (exclusive), or as many as there are.

        Raises:
            InputError: the recording cannot be read.
            OutputError: there is no room for what has to be decoded.
        """
        with self._lock:
            if self._sound is None:
                self._sound = open_recording(self._path)
                sought = isinstance(self._sound, soundfile.SoundFile)
                if not (sought and self._sound.subtype.startswith(_EXACT)):
                    self._decoded = self._decode()
            if self._decoded is not None:
                width = 2 * self._sound.channels
                self._decoded.seek(first * width)
                held = np.frombuffer(self._decoded.read((last - first) * width), np.float16)
                return np.ascontiguousarray(held.reshape(-1, self._sound.channels).T, dtype=np.float64)
            try:
                with no_library_messages():
                    self._sound.seek(first)  # type: ignore[union-attr]
                    samples = self._sound.read(
                        last - first, native_dtype(self._sound.subtype), always_2d=True
                    )
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise InputError(
                    f"{self._path} cannot be decoded at sample {first} ({reason_of(error)}): "
                    f"copy it again from where it came."
                ) from None
        return to_float(samples.T)

    def _decode(self) -> IO[bytes]:
        decoded: IO[bytes] | None = None
        try:
            decoded = tempfile.TemporaryFile(prefix="restore-audio-")  # noqa: SIM115 (closed by close)
            for block in native_blocks(self._path, _BLOCK_FRAMES):
                halves = np.clip(to_float(block), -_LOUDEST, _LOUDEST).astype(np.float16)
                decoded.write(halves.tobytes())
            decoded.flush()
        except OSError as error:
            if decoded is not None:
                decoded.close()
            raise OutputError(
                f"{tempfile.gettempdir()} has no room for {self._path.name}, decoded ({error.strerror}): "
                f"name another folder in TMPDIR, or choose --method ar."
            ) from error
        return decoded

    def close(self) -> None:
        """Close the recording, and remove what was decoded."""
        with self._lock:
            if self._sound is not None:
                self._sound.__exit__(None, None, None)
            if self._decoded is not None:
                self._decoded.close()
            self._sound = self._decoded = None
