"""Take the clock and chance out of a new file, so that the same samples give the same bytes.

In: a file as libsndfile wrote it. Out: the file without the time stamp of its PEAK chunk (float WAV and AIFF)
or of its description (MAT 5), and with a fixed serial number in the pages of Ogg. Sources: RFC 3533 (Ogg);
libsndfile's ``wav.c``, ``aiff.c``, ``mat5.c`` for where they put the time.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_CHUNKED = {"WAV": "<I", "WAVEX": "<I", "RF64": "<I", "AIFF": ">I"}
_MAT5_TEXT = b"MATLAB 5.0 MAT-file, written by restore-audio".ljust(116)
_PAGE_HEADER_BYTES = 27
_SERIAL = struct.pack("<I", 1)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def steady(path: Path, container: str) -> None:
    """Make a file that has just been written independent of when.

    Args:
        container: as libsndfile names it; those that know no time are left alone.

    Raises:
        OSError: it cannot be written.
    """
    if container in _CHUNKED:
        with path.open("rb+") as file:
            _clear_peak_time(file, _CHUNKED[container])
    elif container == "OGG":
        with path.open("rb+") as file:
            _number_pages(file)
    elif container == "MAT5":
        with path.open("rb+") as file:
            file.write(_MAT5_TEXT)


def _clear_peak_time(file: BinaryIO, size_form: str) -> None:
    at = 12
    while True:
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[:4] in (b"data", b"SSND"):
            return
        size = struct.unpack(size_form, head[4:])[0]
        if head[:4] == b"PEAK" and size >= 8:
            file.seek(at + 12)  # after name, size and version
            file.write(bytes(4))
            return
        at += 8 + size + size % 2


def _number_pages(file: BinaryIO) -> None:
    at = 0
    while True:
        file.seek(at)
        head = bytearray(file.read(_PAGE_HEADER_BYTES))
        if len(head) < _PAGE_HEADER_BYTES or head[:4] != b"OggS":
            return
        lengths = file.read(head[26])
        body = file.read(sum(lengths))
        head[14:18], head[22:26] = _SERIAL, bytes(4)
        head[22:26] = struct.pack("<I", _ogg_checksum(bytes(head) + lengths + body))
        file.seek(at)
        file.write(head)
        at += _PAGE_HEADER_BYTES + len(lengths) + len(body)


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the polynomial of zlib's, but from the highest bit on and without its inversions."""
    reflected = ~zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) & 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
