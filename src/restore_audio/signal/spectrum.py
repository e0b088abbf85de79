"""Short-time spectra on a grid that is the same picture at every sample rate.

In: audio ``(..., T)``. Out: complex spectra ``(..., F, K)``, and back.

A hop is 4 ms and a window 16 ms whatever the sample rate, so that 128 frames are the 512 ms patch
of Serra et al. 2021 and a bin is 62.5 Hz. At 16 kHz this is the paper's grid but for its 255-point
transform (:func:`paper_magnitudes` has that one); at 44.1 kHz a hop is 176 samples, off by 0.2 %.

Frames are centred: frame ``k`` looks at the window around sample ``k * hop_samples``::

    samples  0 . . . . hop . . . . 2 hop . . . .
    frame 0  ====|====
    frame 1       ====|====
    frame 2                 ====|====            (zeros stand beyond the ends)

Not for: filter banks with a perfect tiling; the window (periodic Hann, 75 % overlap) is redundant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..settings import FRAMES_PER_S, HEALTHY_SHARE, PATCH_BINS

PAPER_RATE_HZ = 16_000
PAPER_WINDOW_SAMPLES = 256
PAPER_HOP_SAMPLES = 64
PAPER_FFT_SAMPLES = 255


@dataclass(frozen=True)
class Grid:
    """Hop and window for a sample rate.

    >>> Grid(16_000).hop_samples, Grid(44_100).hop_samples, Grid(48_000).bins
    (64, 176, 385)
    """

    rate_hz: int

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next: 4 ms."""
        return round(self.rate_hz / FRAMES_PER_S)

    @property
    def window_samples(self) -> int:
        """Samples under a window: four hops."""
        return 4 * self.hop_samples

    @property
    def bins(self) -> int:
        """Bins of a frame, from 0 Hz to half the sample rate."""
        return self.window_samples // 2 + 1

    @property
    def tiles(self) -> int:
        """Stacks of 128 bins (8 kHz each) that the spectrum fills, at least one.

        A rest of less than half a tile counts too: 44.1 kHz has 0–8, 8–16 and 16–22 kHz.
        """
        return max(1, -(-(self.bins - 1) // PATCH_BINS))

    def frames(self, samples: int) -> int:
        """Frames of ``samples`` samples: one for each hop begun, and the one at the end."""
        return samples // self.hop_samples + 1

    def frame_range(self, start: int, end: int) -> tuple[int, int]:
        """First and last (exclusive) frame whose window touches the samples ``start`` to ``end``."""
        half = self.window_samples // 2
        first = (start - half) // self.hop_samples + 1
        last = -(-(end + half) // self.hop_samples)
        return max(first, 0), max(last, 0)


@lru_cache(maxsize=32)
def _window(samples: int) -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / samples)


def stft(audio: NDArray[np.floating], grid: Grid) -> NDArray[np.complex128]:
    """Spectra of ``audio``, scaled so that a full-scale sine peaks at 0.5 at every rate.

    Shape:
        ``(..., T)`` → ``(..., F, K)`` with ``K = T // hop + 1``
    """
    half = grid.window_samples // 2
    frames = grid.frames(audio.shape[-1])
    after = (frames - 1) * grid.hop_samples + grid.window_samples - half - audio.shape[-1]
    padding = [(0, 0)] * (audio.ndim - 1) + [(half, max(after, 0))]
    padded = np.pad(audio, padding)
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.window_samples, axis=-1)
    windows = windows[..., :: grid.hop_samples, :][..., :frames, :]
    window = _window(grid.window_samples)
    spectra = np.fft.rfft(windows * (window / window.sum()), axis=-1)
    result: NDArray[np.complex128] = np.swapaxes(spectra, -1, -2)
    return result


def istft(spectra: NDArray[np.complexfloating], grid: Grid, samples: int) -> NDArray[np.float64]:
    """The audio whose spectra lie closest to ``spectra`` (Griffin and Lim 1984, equation 6).

    Shape:
        ``(..., F, K)`` → ``(..., T)`` with ``T = samples``
    """
    half, hop = grid.window_samples // 2, grid.hop_samples
    window = _window(grid.window_samples)
    frames = np.fft.irfft(np.swapaxes(spectra, -1, -2), n=grid.window_samples, axis=-1) * window.sum()
    count = frames.shape[-2]
    total = (count - 1) * hop + grid.window_samples
    audio = np.zeros((*frames.shape[:-2], total))
    weight = np.zeros(total)
    # Four windows overlap everywhere: add each quarter of all frames at once instead of frame by frame.
    blocks = audio.reshape(*audio.shape[:-1], -1, hop) if total % hop == 0 else None
    assert blocks is not None, "window is a whole number of hops"
    parts = (frames * window).reshape(*frames.shape[:-1], 4, hop)
    squares = (window**2).reshape(4, hop)
    weights = weight.reshape(-1, hop)
    for quarter in range(4):
        blocks[..., quarter : quarter + count, :] += parts[..., quarter, :]
        weights[quarter : quarter + count] += squares[quarter]
    audio /= np.maximum(weight, 1e-8)
    audio = audio[..., half : half + samples]
    if audio.shape[-1] < samples:
        audio = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, samples - audio.shape[-1])])
    return audio


def known_share(healthy: NDArray[np.bool_], grid: Grid) -> NDArray[np.float32]:
    """Share of each frame's window (weighted by the window's square) that is healthy.

    Beyond the ends everything counts as healthy.

    Shape:
        ``(T,)`` → ``(K,)``
    """
    window = _window(grid.window_samples) ** 2
    half = grid.window_samples // 2
    frames = grid.frames(healthy.shape[-1])
    after = (frames - 1) * grid.hop_samples + grid.window_samples - half - healthy.shape[-1]
    padded = np.pad(healthy.astype(np.float32), (half, max(after, 0)), constant_values=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, grid.window_samples)[:: grid.hop_samples]
    share: NDArray[np.float32] = (windows[:frames] @ (window / window.sum())).astype(np.float32)
    return share


def between_frames(
    magnitudes: NDArray[np.float64], share: NDArray[np.floating], *, logarithmic: bool
) -> NDArray[np.float64]:
    """Magnitudes whose frames that are not wholly known lie on a line between those that are.

    Beyond the first and the last known frame the line is level; without any known frame nothing changes.

    Args:
        magnitudes: ``(F, K)``.
        share: of each frame that is healthy, ``(K,)``, as :func:`known_share` gives it.
        logarithmic: straight in decibels instead of in magnitudes.
    """
    known = share >= HEALTHY_SHARE
    if not logarithmic:
        return interpolate_frames(magnitudes, known)
    line = np.exp(interpolate_frames(np.log(np.maximum(magnitudes, 1e-12)), known))
    return np.where(known | ~known.any(), magnitudes, line)


def interpolate_frames(magnitudes: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Put a straight line across unknown frames in each bin; beyond the last known frame it stays level.

    Args:
        magnitudes: ``(..., F, K)``.
        known: ``(..., K)``; where no frame is known, nothing changes.
    """
    left, right, share = frames_around(known)
    before = np.take_along_axis(magnitudes, left[..., None, :], axis=-1)
    after = np.take_along_axis(magnitudes, right[..., None, :], axis=-1)
    weight = share[..., None, :]
    return np.where(known[..., None, :], magnitudes, before * (1 - weight) + after * weight)


def frames_around(
    known: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For each frame the known one before it and behind it, and the share of the latter by distance.

    Beyond the last known frame both are that one; where none is known, both are the frame itself.

    Shape:
        ``(..., K)`` → three times ``(..., K)``

    >>> [part.tolist() for part in frames_around(np.array([True, False, False, True]))]
    [[0, 0, 0, 3], [0, 3, 3, 3], [0.0, 0.3333333333333333, 0.6666666666666666, 0.0]]
    """
    count = known.shape[-1]
    frames = np.broadcast_to(np.arange(count), known.shape)
    before = np.maximum.accumulate(np.where(known, frames, -1), axis=-1)
    behind = np.minimum.accumulate(np.where(known, frames, count)[..., ::-1], axis=-1)[..., ::-1]
    none = (before < 0) & (behind >= count)
    left = np.where(none, frames, np.where(before < 0, behind, before))
    right = np.where(none, frames, np.where(behind >= count, before, behind))
    weight = (frames - left) / np.maximum(right - left, 1)
    return left, right, np.clip(weight, 0.0, 1.0)


def paper_magnitudes(audio: NDArray[np.floating]) -> NDArray[np.float64]:
    """Magnitudes as the paper's own code makes them, for 16 kHz audio.

    TensorFlow crops each windowed frame of 256 samples to the 255 of its odd-length transform, which
    is how 128 bins come out; frames start at multiples of 64 samples and the end is padded.

    Shape:
        ``(..., T)`` → ``(..., 128, K)`` with ``K = ceil(T / 64)``
    """
    length = audio.shape[-1]
    frames = -(-length // PAPER_HOP_SAMPLES)
    after = (frames - 1) * PAPER_HOP_SAMPLES + PAPER_WINDOW_SAMPLES - length
    padded = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, after)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, PAPER_WINDOW_SAMPLES, axis=-1)
    windows = windows[..., ::PAPER_HOP_SAMPLES, :PAPER_FFT_SAMPLES]
    spectra = np.fft.rfft(windows * _window(PAPER_WINDOW_SAMPLES)[:PAPER_FFT_SAMPLES], axis=-1)
    result: NDArray[np.float64] = np.swapaxes(np.abs(spectra), -1, -2)
    return result
