"""Loudness in blocks is pyloudnorm's loudness of the whole."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from restore_audio.audio.loudness import loudness_of


def blocks(audio: np.ndarray, size: int) -> list[np.ndarray]:
    return [audio[:, i : i + size] for i in range(0, audio.shape[1], size)]


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_it_agrees_with_pyloudnorm(rate_hz: int, channels: int) -> None:
    rng = np.random.default_rng(channels)
    swell = np.repeat([0.3, 0.001, 0.1, 0.0], 2 * rate_hz)
    audio = swell * rng.standard_normal((channels, swell.size))
    whole = pyloudnorm.Meter(rate_hz).integrated_loudness(audio.T)
    measured = loudness_of(blocks(audio, 10_007), rate_hz).integrated_lufs
    assert measured == pytest.approx(whole, abs=0.02)


def test_the_block_size_does_not_matter() -> None:
    audio = 0.2 * np.random.default_rng(0).standard_normal((2, 100_000))
    first, second = (loudness_of(blocks(audio, n), 44_100) for n in (1 << 16, 5_003))
    assert first.integrated_lufs == pytest.approx(second.integrated_lufs)
    assert first.true_peak_dbtp == pytest.approx(second.true_peak_dbtp, abs=0.2)


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
