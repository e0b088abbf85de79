"""The library compiled from ``kernels.c``: found beside it, checked against it, its functions declared.

Out: the library, or None where there is none of this source for this machine. A library of another source is
not used: its functions may take other arguments.
"""

from __future__ import annotations

import ctypes
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SOURCE = Path(__file__).with_name("kernels.c")

_ARRAY, _COUNT, _NUMBER, _WORD = ctypes.c_void_p, ctypes.c_long, ctypes.c_double, ctypes.c_uint
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "burg_recursion": (
        _COUNT,
        (_ARRAY, _ARRAY, _COUNT, _ARRAY, _COUNT, _NUMBER, _NUMBER, _ARRAY, _ARRAY),
    ),
    "toeplitz_solve": (_COUNT, (_ARRAY, _ARRAY, _COUNT, _ARRAY, _ARRAY)),
    "all_pole": (None, (_ARRAY, _COUNT, _ARRAY, _COUNT)),
    "short_prediction": (None, (_ARRAY, _COUNT, _COUNT, _COUNT, _ARRAY, _NUMBER, _ARRAY, _ARRAY)),
    "cell_peaks": (None, (_ARRAY, _COUNT, _COUNT, _ARRAY)),
    "cell_ranges": (None, (_ARRAY, _COUNT, _COUNT, _ARRAY)),
    "add_products": (None, (_ARRAY, _ARRAY, _COUNT, _COUNT, _ARRAY, _ARRAY)),
    "find_anchors": (_COUNT, (_ARRAY, _ARRAY, _COUNT, _WORD, _WORD, _WORD, _WORD, _ARRAY)),
}
"""What each returns and takes; ``kernels.c`` says what that means."""

_NOTHING = ctypes.c_char * 0


def source_sum(source: Path = SOURCE) -> int:
    """A checksum of the source, which the build compiles in."""
    return zlib.crc32(source.read_bytes().replace(b"\r\n", b"\n"))


def load_library(folder: Path = SOURCE.parent) -> ctypes.CDLL | None:
    """The library in ``folder``; None if none there runs here and was compiled from the source beside it."""
    for path in sorted(folder.glob("libkernels.*")):
        try:
            library = ctypes.CDLL(str(path))
            library.source_sum.restype = _WORD
            source = folder / SOURCE.name
            if source.exists() and library.source_sum() != source_sum(source):
                continue
            for name, (returned, taken) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = returned, taken
        except (OSError, AttributeError):  # made for another machine, or from an older source
            continue
        return library
    return None


def at(array: NDArray[Any]) -> Any:
    """Where the values of a contiguous array lie, as an argument; ``array.ctypes`` takes six times that."""
    try:
        return _NOTHING.from_buffer(array)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # it may only be read
        return np.ascontiguousarray(array).ctypes.data
