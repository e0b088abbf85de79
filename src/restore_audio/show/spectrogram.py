"""Spectrograms as PNG files without any drawing library.

In: samples ``(C, T)``. Out: bytes of a PNG: time to the right, frequency upwards from 0 Hz to half the sample
rate, loudness from black (80 dB below the reference) over violet and orange to pale yellow.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ..signal.spectrum import Grid, stft

RANGE_DB = 80.0
_STOPS = np.array([[0, 0, 4], [60, 15, 110], [150, 44, 120], [222, 73, 80], [251, 155, 60], [252, 253, 191]])


def spectrogram_png(
    samples: NDArray[np.float64], rate_hz: int, *, peak: float | None = None, height: int = 200
) -> bytes:
    """Draw the mean of the channels' spectra.

    Args:
        peak: magnitude drawn brightest; that of the samples when None. Give the same to compare pictures.
        height: of the picture in pixels; a frame of 4 ms is a pixel wide.
    """
    magnitudes = np.abs(stft(samples, Grid(rate_hz))).mean(axis=0)  # (F, K)
    top = peak or float(magnitudes.max(initial=0.0)) or 1.0
    level_db = 20 * np.log10(np.maximum(magnitudes / top, 10 ** (-RANGE_DB / 20)))
    rows = np.linspace(magnitudes.shape[0] - 1, 0, height).round().astype(int)
    place = (1 + level_db[rows] / RANGE_DB) * (len(_STOPS) - 1)
    place = np.clip(place, 0, len(_STOPS) - 1)
    colours = np.stack(
        [np.interp(place, np.arange(len(_STOPS)), _STOPS[:, part]) for part in range(3)], axis=-1
    )
    return encode_png(colours.round().astype(np.uint8))


def peak_of(samples: NDArray[np.float64], rate_hz: int) -> float:
    """The magnitude to give as ``peak``."""
    return float(np.abs(stft(samples, Grid(rate_hz))).mean(axis=0).max(initial=0.0))


SHADES = 48
"""Colours of a picture of levels: 1.7 dB each, which the eye does not tell apart and PNG packs well."""


def levels_png(levels_db: NDArray[np.floating], *, top_db: float, height: int) -> bytes:
    """Draw levels ``(F, K)`` in dB, a frame a pixel wide, ``top_db`` brightest.

    Args:
        levels_db: 0 Hz first.
        top_db: drawn brightest; what lies :data:`RANGE_DB` below is black.
        height: of the picture in pixels; of the bins in one the loudest is shown.
    """
    bins = levels_db.shape[0]
    height = min(height, bins)
    rows = np.maximum.reduceat(levels_db, np.arange(height) * bins // height, axis=0)[::-1]
    shares = np.clip(1 + (rows - top_db) / RANGE_DB, 0, 1)
    palette = np.linspace(0, len(_STOPS) - 1, SHADES)
    colours = [np.interp(palette, np.arange(len(_STOPS)), _STOPS[:, part]) for part in range(3)]
    return encode_png(
        (shares * (SHADES - 1)).round().astype(np.uint8), np.stack(colours, axis=-1).round().astype(np.uint8)
    )


def encode_png(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> bytes:
    """A PNG (ISO/IEC 15948) of ``(height, width, 3)`` red, green and blue.

    Args:
        pixels: the colours, or ``(height, width)`` numbers of the colours of ``palette``.
        palette: ``(n, 3)``.

    >>> encode_png(np.zeros((1, 1, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width = pixels.shape[:2]
    flat = pixels.reshape(height, -1)
    lines = np.zeros((height, 1 + flat.shape[1]), dtype=np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = flat
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if palette is None else 3, 0, 0, 0)
    colours = () if palette is None else ((b"PLTE", palette.tobytes()),)
    data = zlib.compress(lines.tobytes(), 9)
    chunks = ((b"IHDR", header), *colours, (b"IDAT", data), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
