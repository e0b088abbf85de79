"""Loudness in blocks is pyloudnorm's loudness of the whole."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import resample_poly

from restore_audio.audio.loudness import loudness_of


def blocks(audio: np.ndarray, size: int) -> list[np.ndarray]:
    return [audio[:, i : i + size] for i in range(0, audio.shape[1], size)]


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_it_agrees_with_pyloudnorm(rate_hz: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    swell = np.repeat([0.3, 0.001, 0.1, 0.0, 0.4], [2 * rate_hz, rate_hz, rate_hz, rate_hz, rate_hz // 3])
    audio = swell * rng.standard_normal((channels, swell.size))
    whole = pyloudnorm.Meter(rate_hz).integrated_loudness(audio.T)
    measured = loudness_of(blocks(audio, 10_007), rate_hz).integrated_lufs
    assert measured == pytest.approx(whole, abs=1e-6)


def test_the_block_size_does_not_matter() -> None:
    audio = 0.2 * np.random.default_rng(0).standard_normal((2, 100_000))
    whole = loudness_of([audio], 44_100)
    for size in (1 << 16, 5_003, 37):
        parts = loudness_of(blocks(audio, size), 44_100)
        assert parts.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-6)
        assert parts.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=1e-6)


def test_the_true_peak_is_that_of_the_whole_oversampled() -> None:
    audio = 0.2 * np.random.default_rng(3).standard_normal((2, 20_000))
    whole = 20 * np.log10(np.abs(resample_poly(audio, 4, 1, axis=-1)).max())
    assert loudness_of(blocks(audio, 1_000), 44_100).true_peak_dbtp == pytest.approx(whole, abs=1e-9)


def test_the_true_peak_lies_between_the_samples() -> None:
    audio = np.sin(2 * np.pi * 0.25 * np.arange(4_000) + np.pi / 4)[None]
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-3.01, abs=0.01)
    assert loudness_of([audio], 44_100).true_peak_dbtp == pytest.approx(0, abs=0.5)


def test_silence_and_a_blink_have_no_loudness() -> None:
    assert loudness_of([np.zeros((2, 44_100))], 44_100).integrated_lufs is None
    assert loudness_of([np.zeros((2, 44_100))], 44_100).true_peak_dbtp is None
    blink = loudness_of([np.full((1, 4_000), 0.5)], 44_100)
    assert blink.integrated_lufs is None
    assert blink.true_peak_dbtp is not None
    nothing = loudness_of([], 44_100)
    assert (nothing.integrated_lufs, nothing.true_peak_dbtp) == (None, None)


def test_the_low_frequency_channel_of_surround_does_not_count() -> None:
    audio = 0.1 * np.random.default_rng(5).standard_normal((6, 48_000))
    without = audio.copy()
    without[3] = 0
    assert loudness_of([audio], 48_000).integrated_lufs == loudness_of([without], 48_000).integrated_lufs
    five = pyloudnorm.Meter(48_000).integrated_loudness(audio[[0, 1, 2, 4, 5]].T)
    assert loudness_of([audio], 48_000).integrated_lufs == pytest.approx(five, abs=1e-6)


def test_what_is_not_a_number_counts_as_silence() -> None:
    audio = 0.1 * np.random.default_rng(6).standard_normal((1, 48_000))
    holed, silent = audio.copy(), audio.copy()
    holed[0, 1_000:1_100], holed[0, 2_000] = np.nan, np.inf
    silent[0, 1_000:1_100], silent[0, 2_000] = 0, 0
    assert loudness_of([holed], 48_000) == loudness_of([silent], 48_000)
