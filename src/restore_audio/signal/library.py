"""The library compiled from the C sources of this room: found, checked against them, its functions declared.

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

FOLDER = Path(__file__).parent

_ARRAY, _COUNT, _NUMBER, _WORD = ctypes.c_void_p, ctypes.c_long, ctypes.c_double, ctypes.c_uint
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "burg_recursion": (
        _COUNT,
        (_ARRAY, _ARRAY, _COUNT, _ARRAY, _COUNT, _NUMBER, _NUMBER, _ARRAY, _ARRAY, _ARRAY),
    ),
    "toeplitz_solve": (_COUNT, (_ARRAY, _ARRAY, _COUNT, _ARRAY, _ARRAY)),
    "all_pole": (None, (_ARRAY, _COUNT, _ARRAY, _COUNT)),
    "short_prediction": (None, (_ARRAY, _COUNT, _COUNT, _COUNT, _ARRAY, _NUMBER, _ARRAY, _ARRAY)),
    "cell_peaks": (None, (_ARRAY, _COUNT, _COUNT, _ARRAY)),
    "cell_ranges": (None, (_ARRAY, _COUNT, _COUNT, _ARRAY)),
    "add_products": (None, (_ARRAY, _ARRAY, _COUNT, _COUNT, _ARRAY, _ARRAY)),
    "band_powers": (
        None,
        (
            *(_ARRAY, _COUNT, _COUNT, _COUNT, _ARRAY, _ARRAY, _ARRAY, _COUNT),
            *3 * (_ARRAY,),
            _COUNT,
            _ARRAY,
            _ARRAY,
        ),
    ),
    "difference_powers": (None, (_ARRAY, _ARRAY, ctypes.c_float, _COUNT, _COUNT, _ARRAY, _ARRAY, _ARRAY)),
    "count_near": (None, (_ARRAY, _COUNT, _COUNT, _ARRAY)),
    "sign_agreement": (None, (_ARRAY, *7 * (_COUNT,), *3 * (_ARRAY,))),
    "merge_taps": (None, (_ARRAY, _ARRAY, *3 * (_COUNT,), _ARRAY)),
    "add_biased": (None, (*3 * (_ARRAY,), _COUNT, _COUNT)),
    "mark_straight": (None, (_ARRAY, _COUNT, _NUMBER, _COUNT, _ARRAY, _ARRAY)),
    "straight_stretches": (
        _COUNT,
        (_ARRAY, _ARRAY, _ARRAY, _COUNT, _COUNT, _COUNT, _NUMBER, _ARRAY, _ARRAY),
    ),
    "trial_repair": (
        _COUNT,
        (_ARRAY, *4 * (_COUNT,), _ARRAY, _ARRAY, _COUNT, _NUMBER, _ARRAY, _ARRAY, _ARRAY),
    ),
    "errors_of": (_COUNT, (_ARRAY, _COUNT, _ARRAY, _COUNT, _COUNT, _NUMBER, _ARRAY, _ARRAY)),
    "fade_likelihoods": (
        _COUNT,
        (_ARRAY, *2 * (_COUNT,), _ARRAY, _COUNT, *2 * (_NUMBER,), *4 * (_ARRAY,)),
    ),
    "left_energies": (_COUNT, (_ARRAY, _COUNT, _ARRAY, _COUNT, _COUNT, _NUMBER, _ARRAY, _ARRAY)),
    "whitened_energies": (
        _COUNT,
        (_ARRAY, *3 * (_COUNT,), _ARRAY, *2 * (_COUNT,), _NUMBER, _COUNT, _ARRAY, *2 * (_COUNT,), _NUMBER)
        + 2 * (_ARRAY,),
    ),
    "transform": (None, (*5 * (_ARRAY,), _COUNT)),
    "fill_between": (
        None,
        (
            *(_ARRAY, _COUNT, _ARRAY, _COUNT, _COUNT, _ARRAY, _COUNT, _ARRAY, _COUNT),
            *(*6 * (_ARRAY,), _COUNT, _ARRAY, _ARRAY),
        ),
    ),
    "find_anchors": (_COUNT, (_ARRAY, _ARRAY, _COUNT, _WORD, _WORD, _WORD, _WORD, _ARRAY)),
    "pair_anchors": (_COUNT, (_ARRAY, _ARRAY, *4 * (_COUNT,), _ARRAY, _COUNT, _ARRAY, _ARRAY)),
}
"""What each returns and takes; the sources say what that means."""

_NOTHING = ctypes.c_char * 0


def source_sum(folder: Path = FOLDER) -> int:
    """A checksum of the sources, which the build compiles in."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".c", ".h"))
    return zlib.crc32(b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in files))


def load_library(folder: Path = FOLDER) -> ctypes.CDLL | None:
    """The library in ``folder``; None if none there runs here and was compiled from the sources beside it."""
    for path in sorted(folder.glob("libkernels.*")):
        try:
            library = ctypes.CDLL(str(path))
            library.source_sum.restype = _WORD
            if library.source_sum() != source_sum(folder):
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
