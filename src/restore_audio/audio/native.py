"""Samples as a file holds them, and as we work on them.

libsndfile scales floats by 0x7FFF when it writes and by 0x8000 when it reads, so PCM that goes through its
floats does not come back the same. Here PCM is read and written as integers, left-justified in 32 bit, and
floats as they are; turning them into float64 in [-1, 1) and back is ours, and exact.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PCM_BITS = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAC_16": 16,
    "ALAC_20": 20,
    "ALAC_24": 24,
    "ALAC_32": 32,
}
"""Bits of the subtypes that hold integers without loss."""

FLOATS = {"FLOAT": "float32", "DOUBLE": "float64"}

_FULL_SCALE = 2.0**31


def is_lossless(subtype: str) -> bool:
    """Whether what is written comes back exactly."""
    return subtype in PCM_BITS or subtype in FLOATS


def native_dtype(subtype: str) -> str:
    """The type to read a subtype as: int32, float32 or float64."""
    if subtype in PCM_BITS:
        return "int32"
    return FLOATS.get(subtype, "float32")


def to_float(native: NDArray[Any]) -> NDArray[np.float64]:
    """Native samples as contiguous float64, full scale 1; NaN and infinite values stay what they are."""
    samples = np.empty(native.shape)
    if native.dtype == np.int32:
        np.multiply(native, 1.0 / _FULL_SCALE, out=samples)  # a power of two: exact
    else:
        samples[...] = native
    return samples


def from_float(samples: NDArray[np.float64], subtype: str) -> NDArray[Any]:
    """float64 samples in a subtype's native type, rounded to its bits and clipped.

    >>> from_float(np.array([0.5, 2.0]), "PCM_16") >> 16
    array([16384, 32767], dtype=int32)
    """
    bits = PCM_BITS.get(subtype)
    if bits is None:
        return samples.astype(native_dtype(subtype))
    top = 2.0 ** (bits - 1)
    rounded = np.clip(np.rint(np.nan_to_num(samples) * top), -top, top - 1).astype(np.int64)
    return (rounded << (32 - bits)).astype(np.int32)


def sndfile_name(path: Path) -> str | bytes:
    """A path as soundfile can open it, also if it is not Unicode (names from old archives)."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


_one_at_a_time = threading.RLock()


def _flush() -> None:
    """Write what C libraries have printed and still hold back."""
    if os.name == "posix":
        _c_library().fflush(None)


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@contextmanager
def no_library_messages() -> Iterator[None]:
    """Keep what libsndfile's decoders and encoders print from a person's terminal, and out of a pipe.

    Their errors come back as return values, and are told in our own words.
    """
    with _one_at_a_time:  # two threads would keep each other's replacement for the real one
        kept = {number: copy for number in (1, 2) if (copy := _copy(number)) is not None}
        try:
            with open(os.devnull, "wb", buffering=0) as nowhere:  # noqa: PTH123 (a device)
                for number in kept:
                    os.dup2(nowhere.fileno(), number)
            yield
        finally:
            _flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


def _copy(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:  # there is no such descriptor, so nothing can be written to it
        return None
