"""Opus packets decoded by libopus itself, so that a lost one is concealed as its decoder conceals it.

In: packets, None for a lost one. Out: audio at 48 kHz. FFmpeg's libraries skip a packet that is missing;
libopus, asked without one, continues from its state (RFC 6716, section 4.4).
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from ..arrays import Samples
from ..errors import UsageError

RATE_HZ = 48_000
_LONGEST_SAMPLES = 5760
"""120 ms, the longest packet."""


def decode_opus(packets: Sequence[bytes | None], channels: int, packet_samples: int) -> Samples:
    """Decode packets of one length.

    Args:
        packets: in order; None for one that never arrived.
        channels: 1 or 2.
        packet_samples: length of each, at 48 kHz.

    Returns:
        ``(channels, len(packets) * packet_samples)``, the encoder's delay still in front.

    Raises:
        UsageError: no libopus was found.
        ValueError: libopus refuses a packet.
    """
    library = _library()
    status = ctypes.c_int()
    decoder = library.opus_decoder_create(RATE_HZ, channels, ctypes.byref(status))
    if not decoder or status.value:
        raise ValueError(f"libopus makes no decoder for {channels} channels (error {status.value})")
    made = np.zeros((len(packets), packet_samples, channels), dtype=np.float32)
    block = np.zeros((_LONGEST_SAMPLES, channels), dtype=np.float32)
    pointer = block.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    try:
        for number, packet in enumerate(packets):
            size = len(packet) if packet else 0
            room = _LONGEST_SAMPLES if packet else packet_samples
            count = library.opus_decode_float(decoder, packet or None, size, pointer, room, 0)
            if count < 0:
                raise ValueError(f"libopus refuses packet {number} (error {count})")
            made[number, :count] = block[: min(count, packet_samples)]
    finally:
        library.opus_decoder_destroy(decoder)
    return np.asarray(made.reshape(-1, channels).T, dtype=np.float64)


@cache
def _library() -> ctypes.CDLL:
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate)
            library.opus_decoder_create.restype = ctypes.c_void_p
            library.opus_decoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_void_p]
            library.opus_decode_float.argtypes = [
                *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32),
                *(ctypes.POINTER(ctypes.c_float), ctypes.c_int, ctypes.c_int),
            ]
            library.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
        except (OSError, AttributeError):  # not loadable, or without these functions
            continue
        return library
    raise UsageError(
        "Simulating lost Opus packets needs the library libopus, which was not found: "
        "install it with pip install av or from the system (Debian: libopus0)."
    )


def _candidates() -> Iterator[str]:
    """The system's libopus, then the one that PyAV's wheel carries."""
    found = ctypes.util.find_library("opus")
    if found:
        yield found
    try:
        import av
    except ImportError:
        return
    package = Path(av.__file__).parent
    for folder in (package.parent / "av.libs", package / ".dylibs", package):
        yield from sorted(str(path) for path in folder.glob("*opus*") if path.is_file())
