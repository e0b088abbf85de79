"""Each frame's numbers from which PEAQ (basic version) averages its model output variables.

In: frames of samples of reference and test, ``(C, K, 2048)``, in the scale of 16 bit at 48 kHz. Out:
:class:`FrameMeasures`, arrays ``(C, K)``. :class:`FrameMeter` keeps the states of the ear between
blocks of frames.

Source: ITU-R BS.1387-1, Annex 2, sections 3 and 4; numbers of equations "K" are those of P. Kabal,
"An Examination and Interpretation of ITU-R BS.1387", McGill University, 2003.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.fft import irfft, rfft

from .ear import (
    BAND_BARK,
    BANDS,
    EAR_WEIGHTS,
    HOP_SAMPLES,
    Array,
    Mask,
    group,
    power_spectra,
)
from .patterns import (
    SHARPNESS,
    Adaptation,
    ForwardMasking,
    Modulation,
    loudness_sone,
    spread_excitation,
)

BAND_COUNT = BANDS.centre_hz.size


@dataclass(frozen=True)
class FrameMeasures:
    """Per channel and frame ``(C, K)``; for both ears together ``(1, K)``."""

    bandwidth_ref: Array  # bins, −1 where none is found
    bandwidth_test: Array
    nmr_mean: Array  # noise-to-mask ratio, energy
    nmr_max: Array
    mod_diff1: Array
    mod_diff2: Array
    mod_weight: Array
    noise_loudness: Array  # sone
    loudness_ref: Array  # sone
    loudness_test: Array
    harmonic_error: Array  # NaN where the frame is too quiet to count
    detection: Array  # probability of hearing a difference
    steps: Array  # steps above the threshold of hearing one
    both_detection: Array  # (1, K)
    both_steps: Array  # (1, K)

    def channel(self, index: int) -> FrameMeasures:
        """The same as if that channel were the only one."""
        own = {f.name: getattr(self, f.name)[index : index + 1] for f in fields(self)}
        own |= {"both_detection": own["detection"], "both_steps": own["steps"]}
        return FrameMeasures(**own)


def join(blocks: list[FrameMeasures]) -> FrameMeasures:
    """Blocks of frames one after another."""
    return FrameMeasures(
        *(np.concatenate([getattr(b, f.name) for b in blocks], axis=1) for f in fields(FrameMeasures))
    )


class FrameMeter:
    """Measures a pair of recordings, one block of frames after another, from the very first frame."""

    def __init__(self) -> None:
        self._masking_ref, self._masking_test = ForwardMasking(), ForwardMasking()
        self._modulation_ref, self._modulation_test = Modulation(), Modulation()
        self._adaptation = Adaptation()

    def __call__(self, ref_frames: Array, test_frames: Array) -> FrameMeasures:
        """Measure the next frames, ``(C, K, 2048)`` each."""
        ref_power, test_power = power_spectra(ref_frames), power_spectra(test_frames)
        ref_weighted, test_weighted = ref_power * EAR_WEIGHTS, test_power * EAR_WEIGHTS
        noise = group((np.sqrt(ref_weighted) - np.sqrt(test_weighted)) ** 2)
        ref_spread, test_spread = spread_excitation(ref_weighted), spread_excitation(test_weighted)
        ref_smeared, test_smeared = self._masking_ref(ref_spread), self._masking_test(test_spread)
        ref_modulation, ref_mean = self._modulation_ref(ref_spread)
        test_modulation, _ = self._modulation_test(test_spread)
        ref_adapted, test_adapted = self._adaptation(ref_smeared, test_smeared)

        bandwidth_ref, bandwidth_test = bandwidths(ref_power, test_power)
        nmr_mean, nmr_max = noise_to_mask(noise, ref_smeared)
        mod_diff1, mod_diff2, mod_weight = modulation_differences(ref_modulation, test_modulation, ref_mean)
        missed, steps = detection(ref_smeared, test_smeared)
        return FrameMeasures(
            bandwidth_ref=bandwidth_ref,
            bandwidth_test=bandwidth_test,
            nmr_mean=nmr_mean,
            nmr_max=nmr_max,
            mod_diff1=mod_diff1,
            mod_diff2=mod_diff2,
            mod_weight=mod_weight,
            noise_loudness=noise_loudness(ref_adapted, test_adapted, ref_modulation, test_modulation),
            loudness_ref=loudness_sone(ref_smeared),
            loudness_test=loudness_sone(test_smeared),
            harmonic_error=np.where(
                _too_quiet(ref_frames) & _too_quiet(test_frames),
                np.nan,
                harmonic_error(ref_power, test_power),
            ),
            detection=1 - missed.prod(-1),
            steps=steps.sum(-1),
            # In each band the better ear decides.
            both_detection=1 - missed.min(0, keepdims=True).prod(-1),
            both_steps=steps.max(0, keepdims=True).sum(-1),
        )


def _too_quiet(frames: Array) -> Mask:
    return np.asarray((frames[..., HOP_SAMPLES:] ** 2).sum(-1) < 8000)


def bandwidths(ref_power: Array, test_power: Array) -> tuple[Array, Array]:
    """Bins up to which reference and test stand out of the test's floor near 22 kHz; −1 for none.

    Unweighted powers ``(..., 1025)`` → two arrays ``(...)``.
    """
    floor = test_power[..., 921:1024].max(-1, keepdims=True)
    ref = 1.0 + _last_true(ref_power[..., 347:921] >= 10 * floor, 347)
    ref = np.where(ref > 0, ref, -1.0)
    below_ref = np.arange(921) < ref[..., None]
    test = 1.0 + _last_true((test_power[..., :921] >= 10**0.5 * floor) & below_ref, 0)
    return ref, np.where(test > 0, test, -1.0)


def _last_true(found: Mask, first_bin: int) -> Array:
    """Bin of the last hit along the last axis, −1 where there is none."""
    last = found.shape[-1] - 1 - np.argmax(found[..., ::-1], axis=-1) + first_bin
    return np.asarray(np.where(found.any(-1), last, -1), dtype=np.float64)


_BAND = np.arange(BAND_COUNT)
_MASK_OFFSET = 10 ** (-0.1 * np.where(_BAND <= 12 / BAND_BARK, 3.0, 0.25 * BAND_BARK * _BAND))


def noise_to_mask(noise: Array, ref_smeared: Array) -> tuple[Array, Array]:
    """Mean and maximum over the bands of noise against mask, as energies."""
    ratio = noise / (_MASK_OFFSET * ref_smeared)
    return ratio.mean(-1), ratio.max(-1)


def modulation_differences(ref: Array, test: Array, ref_mean: Array) -> tuple[Array, Array, Array]:
    """Both differences of modulation and the weight for averaging them over time."""
    difference = np.abs(ref - test)
    first = 100 * (difference / (1 + ref)).mean(-1)
    # Losing modulation is heard less than gaining it.
    second = 100 * (np.where(test < ref, 0.1, 1.0) * difference / (0.01 + ref)).mean(-1)
    weight = (ref_mean / (ref_mean + 100 * BANDS.internal_noise**SHARPNESS)).sum(-1)
    return first, second, weight


def noise_loudness(ref: Array, test: Array, ref_modulation: Array, test_modulation: Array) -> Array:
    """Partial loudness in sone of what the test adds to the reference (K87 to K91)."""
    ref_slope = 0.15 * ref_modulation + 0.5
    test_slope = 0.15 * test_modulation + 0.5
    partial_masking = np.exp(-1.5 * (test - ref) / ref)
    added = np.maximum(test_slope * test - ref_slope * ref, 0.0)
    audible = added / (BANDS.internal_noise + ref_slope * ref * partial_masking)
    per_band = (BANDS.internal_noise / test_slope) ** 0.23 * ((1 + audible) ** 0.23 - 1)
    return np.asarray(np.maximum(per_band.sum(-1) * 24 / BAND_COUNT, 0.0), dtype=np.float64)


def detection(ref_smeared: Array, test_smeared: Array) -> tuple[Array, Array]:
    """Per band, the probability of missing the difference and the steps above threshold (K120 to K125)."""
    ref_db, test_db = 10 * np.log10(ref_smeared), 10 * np.log10(test_smeared)
    level_db = 0.3 * np.maximum(ref_db, test_db) + 0.7 * test_db
    heard = np.where(level_db > 0, level_db, 1.0)
    polynomial = np.polyval([9.01033e-11, 5.05622e-6, -0.00102438, 0.0550197, -0.198719], heard)
    step_db = np.where(level_db > 0, 5.95072 * (6.39468 / heard) ** 1.71332 + polynomial, 1e30)
    difference_db = ref_db - test_db
    steepness = np.where(ref_db > test_db, 4, 6)
    missed = 0.5 ** ((difference_db / step_db) ** steepness)
    return missed, np.abs(np.trunc(difference_db)) / step_db


_LAGS = 256
_LAG_WINDOW = np.sqrt(8 / 3) * 0.5 * (1 - np.cos(2 * np.pi * np.arange(_LAGS) / (_LAGS - 1))) / _LAGS


def harmonic_error(ref_power: Array, test_power: Array) -> Array:
    """Strength of the harmonic structure of the error (K133 to K144), 0 where a spectrum has a zero.

    Unweighted powers ``(..., 1025)`` → ``(...)``.
    """
    width = 2 * _LAGS - 1
    ref, test = ref_power[..., :width], test_power[..., :width]
    usable: Mask = np.asarray(((ref > 0) & (test > 0)).all(-1))
    # Such a frame would spoil no other, but its logarithm would warn.
    ratio = np.where(usable[..., None], test, 1.0) / np.where(usable[..., None], ref, 1.0)
    log_ratio = np.log(ratio)

    size = 1024  # room for 511 bins against 256 without wrapping around
    spectrum = rfft(log_ratio, size) * np.conj(rfft(log_ratio[..., :_LAGS], size))
    products = irfft(spectrum, size)[..., :_LAGS]
    running: Array = np.cumsum(np.square(log_ratio), axis=-1)
    energies = running[..., _LAGS - 1 :].copy()
    energies[..., 1:] -= running[..., : _LAGS - 1]
    norm = energies[..., :1] * energies
    correlation = np.where(norm > 0, products / np.sqrt(np.where(norm > 0, norm, 1.0)), 1.0)

    correlation = correlation - correlation.mean(-1, keepdims=True)
    cepstrum = np.abs(rfft(correlation * _LAG_WINDOW)) ** 2
    peaks = cepstrum[..., 1:].max(-1)
    return np.where(usable & (peaks > cepstrum[..., 0]), peaks, 0.0)
