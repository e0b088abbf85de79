"""Open a recording and read it from start to end, or say in one sentence why not.

In: a path of anything that libsndfile reads, or of what PyAV reads if it is installed (M4A, AAC). Out: its
native samples, block by block. A recording that is cut off is refused, since a restored copy of the same
length cannot be promised: by its header where that tells, else where its samples end too early.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import soundfile
from numpy.typing import NDArray

from ..errors import InputError
from .avfile import AvFile
from .datachunk import find_data
from .native import native_dtype, no_library_messages, sndfile_name
from .suffixes import READ_BY_AV

_SLACK_BYTES = 64
"""Some recorders count their header in with the samples; nothing is missing then."""

_LAST_S = 1
"""Packets of Opus last 0.12 s at most (RFC 6716), those of Vorbis less."""

_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
"""The longest page of Ogg (RFC 3533)."""


_BLOCK_SAMPLES = 1 << 22
"""The most in a block, of all channels together: 34 MB of float64, or 65,536 samples of 64 channels."""


Decoder: TypeAlias = soundfile.SoundFile | AvFile
"""An open recording."""


class _Onward(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read on from block to block.

    After each read of a file that can be sought in, soundfile seeks to where it is already, which resets
    an MP3 decoder: the first thousand samples of every block but the first were not those of the recording.
    """

    def seekable(self) -> bool:
        """No, as far as soundfile's reads are concerned; ``seek`` works."""
        return False

    @cached_property
    def frames(self) -> int:
        """Samples that can be read: an Ogg stream can promise some more than its last packets hold."""
        promised = int(super().frames)
        if self.format != "OGG":
            return promised
        try:
            with no_library_messages(), soundfile.SoundFile(self.name) as again:
                first = int(again.seek(max(promised - _LAST_S * again.samplerate, 0)))
                return min(first + len(again.read(dtype="int16", always_2d=True)), promised)
        except soundfile.LibsndfileError:
            return promised


def open_recording(path: Path) -> Decoder:
    """Open a file for reading; a context manager.

    Raises:
        InputError: it is missing, empty, unreadable or not audio.
    """
    if not path.exists():
        raise InputError(f"{path} is not there: check the name.")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a recording in it, or give the folder to 'fix'.")
    if not path.is_file():
        raise InputError(f"{path} is no file: pipe the recording in, with - in place of the name.")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        reason = "no permission" if isinstance(error, PermissionError) else error.strerror
        raise InputError(f"{path} cannot be read ({reason}): ask its owner for it, or copy it.") from None
    if not head:
        raise InputError(f"{path} is empty: copy it again from where it came.")
    if _is_for_av(head):
        return _opened_by_av(path)
    try:
        with no_library_messages():
            sound = _Onward(sndfile_name(path))
    except (soundfile.LibsndfileError, OSError, TypeError, ValueError) as error:
        if path.suffix.lower() in READ_BY_AV:
            return _opened_by_av(path)
        raise _no_audio(path, reason_of(error)) from None
    if sound.format == "RAW":  # libsndfile takes anything named .au, .snd, .vox or .gsm for samples
        sound.close()
        raise _no_audio(path, "it has no header of audio")
    return sound


def _no_audio(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is not audio that can be read ({reason}): give WAV, AIFF, CAF, FLAC, Ogg, Opus or MP3."
    )


def native_blocks(path: Path, block_frames: int) -> Iterator[NDArray[Any]]:
    """Native samples ``(n, C)`` from start to end, n at most ``block_frames``, less of very many channels.

    Raises:
        InputError: it cannot be read, or ends before its header says.
    """
    with open_recording(path) as sound:
        kind = native_dtype(sound.subtype)
        block_frames = max(min(block_frames, _BLOCK_SAMPLES // sound.channels), 1)
        # PyAV tells the length only by decoding everything, which is what happens here anyway.
        expected = sound.frames if isinstance(sound, soundfile.SoundFile) else 0
        done = 0
        while True:
            try:
                with no_library_messages():
                    block = sound.read(block_frames, dtype=kind, always_2d=True)
            except soundfile.LibsndfileError as error:
                raise InputError(
                    f"{path} cannot be decoded after {done / sound.samplerate:.1f} s ({reason_of(error)}): "
                    f"copy it again from where it came."
                ) from None
            if len(block) == 0:
                break
            done += len(block)
            yield block
        if done < expected:
            raise InputError(_cut_off(path, expected / sound.samplerate, done / sound.samplerate))


def check_whole(path: Path, *, seconds: float) -> None:
    """Refuse a file whose header promises more samples than are there.

    Args:
        seconds: what can be read of it.

    Raises:
        InputError: it is cut off.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        data = find_data(file)
        if data is not None and data.promised_bytes is not None and seconds > 0:
            there = size - data.offset
            if data.promised_bytes > there + _SLACK_BYTES:
                raise InputError(_cut_off(path, seconds * data.promised_bytes / max(there, 1), seconds))
        file.seek(0)
        if file.read(4) == b"OggS":
            file.seek(max(0, size - _OGG_PAGE_BYTES))
            if _ends_inside_page(file.read()):
                raise InputError(
                    f"{path} is cut off after {seconds:.1f} s, in the middle of a page: copy it again from "
                    f"where it came, or save what is there under another name with an audio editor."
                )


def _ends_inside_page(tail: bytes) -> bool:
    start = tail.rfind(b"OggS")
    if start < 0:
        return False
    page = tail[start:]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def _is_for_av(head: bytes) -> bool:
    """MPEG-4, Matroska, Windows Media, or AAC in ADTS frames."""
    adts = len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
    return head[4:8] == b"ftyp" or head[:4] in (b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75") or adts


def _opened_by_av(path: Path) -> Decoder:
    try:
        return AvFile(path)
    except ImportError:
        raise InputError(
            f"{path} needs PyAV to be read: install it with pip install av, or convert "
            f"the recording to FLAC first, for instance with ffmpeg -i {path.name} {path.stem}.flac."
        ) from None


def _cut_off(path: Path, promised_s: float, there_s: float) -> str:
    return (
        f"{path} is cut off: it promises {promised_s:.1f} s of audio and holds {there_s:.1f} s; copy it "
        f"again from where it came, or save what is there under another name with an audio editor."
    )


def reason_of(error: Exception) -> str:
    """What libsndfile says, without the path and the dot."""
    text = str(error)
    return text.rsplit(": ", 1)[-1].strip().rstrip(".") or type(error).__name__
