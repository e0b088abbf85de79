"""The paper's way, exactly: 16 kHz mono, every patch through the network, everything resynthesised.

In: samples ``(C, T)`` at any rate. Out: ``(1, T')`` at 16 kHz.

Serra et al. 2021: magnitudes of a 255-point transform every 64 samples, cut into 128 × 128 patches that do
not overlap; the network restores each without knowing where the damage is; 100 iterations of
Griffin-Lim from zero phase. No healthy sample survives this: use it to compare, not to restore.

Works on clips of 30 s, as the paper did, faded into each other over half a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import RestoreError
from ..signal.patches import cut, stitch
from ..signal.spectrum import PAPER_FFT_SAMPLES, PAPER_HOP_SAMPLES, PAPER_RATE_HZ, paper_magnitudes

if TYPE_CHECKING:
    from ..network.predictor import Inpainter

CLIP_SAMPLES = 30 * PAPER_RATE_HZ
FADE_SAMPLES = PAPER_RATE_HZ // 2
ITERATIONS = 100
"""Of Griffin-Lim, as in the paper."""


def restore_paper(
    samples: NDArray[np.float64], rate_hz: int, network: Inpainter, *, iterations: int = ITERATIONS
) -> NDArray[np.float64]:
    """Resynthesise a recording at 16 kHz mono.

    Args:
        samples: ``(C, T)``; values that are not finite count as lost.
        rate_hz: sample rate.
        network: weights of the paper's task.
        iterations: of Griffin-Lim.

    Returns:
        ``(1, ceil(T · 16000 / rate_hz))``.

    Raises:
        RestoreError: torchaudio, which this method alone needs, does not work here.
    """
    mono = to_paper_rate(np.where(np.isfinite(samples), samples, 0.0), rate_hz)
    restored = np.zeros_like(mono)
    for start, end in _clips(mono.size):
        clip = invert(restore_clip(mono[start:end], network), end - start, iterations)
        fade = min(FADE_SAMPLES, clip.size) if start else 0
        rise = (np.arange(fade) + 0.5) / max(fade, 1)
        restored[start : start + fade] *= 1 - rise
        clip[:fade] *= rise
        restored[start:end] += clip
    return restored[None]


def _clips(length: int) -> Iterator[tuple[int, int]]:
    """Clips of 30 s; each begins half a second before the end of the one before."""
    start = 0
    while True:
        end = min(start + CLIP_SAMPLES, length)
        yield start, end
        if end == length:
            return
        start = end - FADE_SAMPLES


def restore_clip(mono: NDArray[np.float64], network: Inpainter) -> NDArray[np.float64]:
    """Restored magnitudes ``(128, K)`` of 16 kHz audio ``(T,)``."""
    magnitudes = analyse(mono)
    bins, frames = magnitudes.shape
    patches = cut(magnitudes, halo_frames=0)
    answer = network.paper_magnitudes(patches[:, 0])
    return np.asarray(stitch(answer[:, None], bins, frames, halo_frames=0), dtype=np.float64)


def analyse(mono: NDArray[np.float64]) -> NDArray[np.float64]:
    """The paper's magnitudes, on the frame positions that :func:`invert` goes back from."""
    return paper_magnitudes(np.pad(mono, (PAPER_FFT_SAMPLES // 2, 0)))


def to_paper_rate(samples: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """``(C, T)`` mixed to one channel at 16 kHz, ``(T',)``."""
    functional, torch = _torchaudio()
    mono = torch.from_numpy(np.ascontiguousarray(samples.mean(axis=0), dtype=np.float32))
    resampled: NDArray[np.float64] = functional.resample(mono, rate_hz, PAPER_RATE_HZ).double().numpy()
    return resampled


def invert(magnitudes: NDArray[np.float64], length: int, iterations: int = ITERATIONS) -> NDArray[np.float64]:
    """Audio ``(length,)`` from magnitudes ``(128, K)`` by Griffin-Lim, zero phase, no momentum."""
    functional, torch = _torchaudio()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(PAPER_FFT_SAMPLES) / (PAPER_FFT_SAMPLES + 1))
    frames = 1 + (length - 1) // PAPER_HOP_SAMPLES  # as many as torch.stft makes of the length
    padded = np.pad(magnitudes, ((0, 0), (0, max(frames - magnitudes.shape[1], 0))))[:, :frames]
    audio = functional.griffinlim(
        torch.from_numpy(np.ascontiguousarray(padded, dtype=np.float32)),
        window=torch.from_numpy(window.astype(np.float32)),
        n_fft=PAPER_FFT_SAMPLES,
        hop_length=PAPER_HOP_SAMPLES,
        win_length=PAPER_FFT_SAMPLES,
        power=1.0,
        n_iter=iterations,
        momentum=0.0,
        length=length,
        rand_init=False,
    )
    result: NDArray[np.float64] = audio.double().numpy()
    return result


def _torchaudio() -> tuple[Any, Any]:
    """torch and torchaudio's functions; imported here, since a broken torchaudio must not break ``fix``."""
    try:
        import torch
        from torchaudio import functional
    except (ImportError, OSError) as error:
        raise RestoreError(
            f"The method 'paper' needs torchaudio, which does not work here ({str(error).splitlines()[0]}): "
            f"install a torchaudio that fits torch, or use --method auto."
        ) from None
    return functional, torch
