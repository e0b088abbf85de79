"""What happens to a recording after the damage: resampled, dithered, filtered, requantised."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.signal import butter, firwin, oaconvolve, sosfilt

from ..arrays import Samples
from .kinds import PROCESSES
from .record import Damaged, log_uniform

_RATES_HZ = (32_000, 44_100, 48_000, 88_200, 96_000)
_MU = 255.0

_LIMITS = {
    **dict.fromkeys(("resample", "rate"), (1000, 768_000)),
    "gain": (-120, 120),
    "noise": (-200, 0),
    "dc": (-1, 1),
    "lowpass": (1, 384_000),
}
"""Least and most of each process's value: beyond them there is silence, or nothing but clipping."""


@dataclass(frozen=True)
class Resampled:
    """Resampled to each of ``rates_hz`` in turn; spans are mapped to the last rate."""

    name: ClassVar[str] = "resampled"
    rates_hz: tuple[int, ...]
    quality: str = "HQ"

    def apply(self, before: Damaged) -> Damaged:
        """Same length if it comes back to the rate that it had."""
        before = before.played()
        target = self.rates_hz[-1]
        length = before.samples.shape[1]
        wanted = length if target == before.rate_hz else round(length * target / before.rate_hz)

        def through(samples: Samples) -> Samples:
            for from_hz, to_hz in itertools.pairwise((before.rate_hz, *self.rates_hz)):
                samples = resample(samples, from_hz, to_hz, self.quality)
            return np.clip(fit(samples, wanted), -1.0, 1.0)

        ratio = target / before.rate_hz
        spans = []
        for span in before.spans:
            start = min(int(np.floor(span.start * ratio)), wanted - 1)
            end = min(max(int(np.ceil(span.end * ratio)), start + 1), wanted)
            spans.append(replace(span, start=start, end=end))
        clean = None if before.clean is None else through(before.clean)
        return Damaged(through(before.samples), target, tuple(spans), clean)


def resample(samples: Samples, rate_hz: int, to_hz: int, quality: str = "HQ") -> Samples:
    """``(C, T)`` at another rate, by libsoxr."""
    import soxr

    made = soxr.resample(np.ascontiguousarray(samples.T), rate_hz, to_hz, quality=quality)
    return np.asarray(made, dtype=np.float64).reshape(len(made), len(samples)).T


def fit(samples: Samples, length: int) -> Samples:
    """Cut at the end, or zeros put there."""
    return np.pad(samples[:, :length], ((0, 0), (0, max(0, length - samples.shape[1]))))


@dataclass(frozen=True)
class Processed:
    """Gain, offset, low-pass, noise and rounding, in this order, each if it is given.

    Attributes:
        offset: what is added to every sample.
        cutoff_hz: of the low-pass; None for none.
        taps: length of its linear-phase filter (odd); 0 for a Butterworth filter of order 4, whose delay
            of some samples is that of real ones.
        noise_dbfs: RMS of white noise that is added; None for none.
        bits: rounded to this many; None for none.
        dithered: with triangular dither before rounding.
        mu_law: rounded to the 256 values of mu-law instead.
    """

    name: ClassVar[str] = "processed"
    gain_db: float = 0.0
    offset: float = 0.0
    cutoff_hz: float | None = None
    taps: int = 0
    noise_dbfs: float | None = None
    bits: int | None = None
    dithered: bool = False
    mu_law: bool = False
    seed: int = 0

    def apply(self, before: Damaged) -> Damaged:
        """Spans stay."""
        before = before.played()
        clean = None if before.clean is None else self._through(before.clean, before.rate_hz)
        return replace(before, samples=self._through(before.samples, before.rate_hz), clean=clean)

    def _through(self, samples: Samples, rate_hz: int) -> Samples:
        rng = np.random.default_rng(self.seed)
        made = samples * 10 ** (self.gain_db / 20) + self.offset
        if self.cutoff_hz is not None:
            cutoff_hz = min(self.cutoff_hz, 0.45 * rate_hz)
            if self.taps:
                taps = firwin(self.taps | 1, cutoff_hz, fs=rate_hz)
                made = oaconvolve(made, taps[None], mode="full", axes=1)
                made = made[:, self.taps // 2 :][:, : samples.shape[1]]
            else:
                made = sosfilt(butter(4, cutoff_hz, fs=rate_hz, output="sos"), made, axis=1)
        if self.noise_dbfs is not None:
            made = made + rng.standard_normal(made.shape) * 10 ** (self.noise_dbfs / 20)
        if self.bits is not None:
            scale = 2.0 ** (self.bits - 1)
            dither = rng.random(made.shape) - rng.random(made.shape) if self.dithered else 0.0
            made = np.clip(np.round(made * scale + dither), -scale, scale - 1) / scale
        if self.mu_law:
            made = mu_law(made)
        return np.asarray(np.clip(made, -1.0, 1.0))


def mu_law(samples: Samples) -> Samples:
    """Rounded to the 256 values of mu-law (ITU-T G.711, in its continuous form with mu = 255)."""
    pressed = np.sign(samples) * np.log1p(_MU * np.minimum(np.abs(samples), 1.0)) / np.log1p(_MU)
    rounded = np.round(pressed * 127) / 127
    return np.asarray(np.sign(rounded) * np.expm1(np.abs(rounded) * np.log1p(_MU)) / _MU)


def draw_processed(
    rng: np.random.Generator,
    process: str,
    rate_hz: int,
    *,
    value: float | None = None,
    samples: Samples | None = None,
) -> Resampled | Processed:
    """Draw a step.

    Args:
        process: one of :data:`~.kinds.PROCESSES`.
        value: the rate in Hz for ``resample`` and ``rate``, dB for ``gain``, RMS in dBFS for ``noise``, the
            offset for ``dc``, the cutoff in Hz for ``lowpass``; drawn when None.
        samples: the recording; with it noise is quieter than the recording by 25 to 60 dB.

    Raises:
        ValueError: there is no such process, or it has no such value.
    """
    if process not in PROCESSES:
        raise ValueError(f"nothing is called {process!r}; choose from {', '.join(PROCESSES)}")
    if value is not None:
        if process not in _LIMITS:
            raise ValueError(f"{process} has no value")
        least, most = _LIMITS[process]
        if not least <= value <= most:
            raise ValueError(f"{process} takes {least} to {most}")
    seed = int(rng.integers(2**31))
    if process in ("resample", "rate"):
        others = [r for r in _RATES_HZ if r != rate_hz and 0.6 * rate_hz < r < 2.3 * rate_hz]
        other = int(value or rng.choice(others or [rate_hz * 2]))
        quality = str(rng.choice(["MQ", "HQ", "VHQ"]))
        return Resampled((other,) if process == "rate" else (other, rate_hz), quality)
    rms = 0.1 if samples is None else max(float(np.sqrt(np.mean(np.square(np.nan_to_num(samples))))), 1e-5)
    noise_dbfs = float(20 * np.log10(rms) - rng.uniform(25, 60))
    if process == "gain":
        gain_db = float(rng.uniform(-12, 0)) if value is None else value
        return Processed(gain_db=gain_db, noise_dbfs=noise_dbfs - 15, seed=seed)
    if process == "noise":
        return Processed(noise_dbfs=noise_dbfs if value is None else value, seed=seed)
    if process == "dc":
        offset = float(rng.choice([-1, 1]) * log_uniform(rng, 0.001, 0.05))
        return Processed(offset=offset if value is None else value, seed=seed)
    if process == "lowpass":
        taps = int(rng.choice([0, 65, 129, 257, 513]))
        cutoff_hz = log_uniform(rng, 3000, 18_000) if value is None else value
        return Processed(cutoff_hz=cutoff_hz, taps=taps, seed=seed)
    if process == "dither":
        return Processed(bits=16, dithered=True, seed=seed)
    if process == "8bit":
        return Processed(bits=8, dithered=bool(rng.random() < 0.5), seed=seed)
    return Processed(mu_law=True, seed=seed)
