"""The coding history of Broadcast Wave files: a line about what was done to the sound.

In: a WAV or RF64 file that is our own. Out: the same with a line more in its ``bext`` chunk, or with such a
chunk in front of the samples, not one of which changes.

Source: EBU Tech 3285.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

_FIXED_BYTES = 602
"""Of a bext chunk before its coding history."""

_VERSION_AT = 346
_BLOCK_BYTES = 1 << 20
_LONGEST = 0xFFFFFFFF


def add_history(path: Path, line: str) -> bool:
    """Add a line to the coding history of a file, in place.

    Args:
        path: a file that is not in its place yet, so that no other program reads it.
        line: without its end; ASCII.

    Returns:
        Whether it was added: only WAV and RF64 have a place for it, and WAV only up to 4 GiB.
    """
    with path.open("rb+") as file:
        chunks = _chunks(file)
        if chunks is None or b"data" not in chunks:
            return False
        ends = line.encode("ascii", "replace") + b"\r\n"
        at, size = chunks.get(b"bext", (chunks[b"data"][0], 0))
        if b"bext" in chunks and size >= _FIXED_BYTES:
            file.seek(at + 8)
            body = file.read(size)
            lines = body[_FIXED_BYTES:].rstrip(b"\0")
            lines += b"\r\n" if lines and not lines.endswith(b"\n") else b""
            new, old_bytes = body[:_FIXED_BYTES] + lines + ends, 8 + size + size % 2
        elif b"bext" in chunks:
            return False
        else:
            fixed = bytearray(_FIXED_BYTES)
            fixed[_VERSION_AT] = 1
            new, old_bytes = bytes(fixed) + ends, 0
        if len(new) < size:
            new = new.ljust(size, b"\0")  # what was left room for stays where it is
        new += b"\0" * (len(new) % 2)  # within the chunk: libsndfile knows no padding in RF64
        chunk = b"bext" + struct.pack("<I", len(new)) + new
        if not _grow(file, len(chunk) - old_bytes, chunks, at):
            return False
        file.seek(at)
        file.write(chunk)
    return True


def _chunks(file: BinaryIO) -> dict[bytes, tuple[int, int]] | None:
    """Where the first chunk of each name begins up to the samples, and its size; None if this is no WAV."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    found: dict[bytes, tuple[int, int]] = {}
    at, long_bytes = 12, None
    while at + 8 <= end:
        file.seek(at)
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"ds64" and size >= 16:
            long_bytes = struct.unpack("<8xQ", file.read(16))[0]
        if name == b"data" and size == _LONGEST and long_bytes is not None:
            size = long_bytes
        if at + 8 + size > end:
            return found if name == b"data" else None
        found.setdefault(name, (at, size))
        at += 8 + size + size % 2
    return found


def _grow(file: BinaryIO, more_bytes: int, chunks: dict[bytes, tuple[int, int]], at: int) -> bool:
    """Make room at ``at`` and tell the header so; False where the header cannot."""
    if not more_bytes:
        return True
    file.seek(0)
    name, size = struct.unpack("<4sI", file.read(8))
    if b"ds64" in chunks:
        place = chunks[b"ds64"][0] + 8
        file.seek(place)
        longer = struct.unpack("<Q", file.read(8))[0] + more_bytes
        file.seek(place)
        file.write(struct.pack("<Q", longer))
    elif name == b"RIFF" and 0 < size + more_bytes < _LONGEST and size:
        file.seek(4)
        file.write(struct.pack("<I", size + more_bytes))
    else:
        return False
    position = file.seek(0, os.SEEK_END)
    while position > at:
        step = min(_BLOCK_BYTES, position - at)
        position -= step
        file.seek(position)
        block = file.read(step)
        file.seek(position + more_bytes)
        file.write(block)
    return True
