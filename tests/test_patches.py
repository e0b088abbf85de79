"""Cutting and stitching is the identity, and the grid is the same picture at every rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore_audio.signal.griffin_lim import griffin_lim
from restore_audio.signal.patches import PatchPlan, cut, stitch
from restore_audio.signal.spectrum import Grid, istft, known_share, paper_magnitudes, stft


@given(bins=st.integers(1, 400), frames=st.integers(1, 700), halo=st.integers(0, 60))
def test_stitching_what_was_cut_is_the_identity(bins: int, frames: int, halo: int) -> None:
    spectrogram = np.random.default_rng(0).random((bins, frames))
    patches = cut(spectrogram, halo)
    assert patches.shape[1:] == (-(-bins // 128), 128, 128)
    np.testing.assert_array_equal(stitch(patches, bins, frames, halo), spectrogram)


@given(frames=st.integers(129, 3000), halo=st.integers(1, 60))
def test_a_kept_frame_has_real_audio_around_it(frames: int, halo: int) -> None:
    plan = PatchPlan.of(frames, halo)
    for start, (first, last) in zip(plan.starts, plan.cores, strict=True):
        assert first - start >= halo or start == 0
        assert start + 128 - last >= halo or start + 128 == frames


def test_patches_see_the_frames_of_their_place() -> None:
    spectrogram = np.arange(300.0)[None].repeat(130, axis=0)
    patches = cut(spectrogram, 16)
    assert [int(p[0, 0, 0]) for p in patches] == list(PatchPlan.of(300, 16).starts)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
def test_a_spectrum_inverts_to_its_audio_at_every_rate(rate_hz: int) -> None:
    grid = Grid(rate_hz)
    audio = np.random.default_rng(1).standard_normal((2, rate_hz // 3 + 7))
    np.testing.assert_allclose(istft(stft(audio, grid), grid, audio.shape[-1]), audio, atol=1e-9)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_tone_lands_in_the_same_bin_with_the_same_level_at_every_rate(rate_hz: int) -> None:
    grid = Grid(rate_hz)
    exact_hz = 16 * rate_hz / grid.window_samples
    magnitudes = np.abs(stft(np.sin(2 * np.pi * exact_hz * np.arange(rate_hz) / rate_hz), grid))
    middle = magnitudes[:, 60]
    assert int(middle.argmax()) == 16
    assert middle[16] == pytest.approx(0.5, rel=1e-6)
    assert exact_hz == pytest.approx(1000, rel=0.003)


def test_paper_magnitudes_have_the_papers_shape_and_values() -> None:
    audio = np.random.default_rng(2).standard_normal(480_000)
    magnitudes = paper_magnitudes(audio)
    assert magnitudes.shape == (128, 7500)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    frame = (audio[64 * 10 : 64 * 10 + 256] * hann)[:255]
    direct = np.abs(np.exp(-2j * np.pi * np.outer(np.arange(128), np.arange(255)) / 255) @ frame)
    np.testing.assert_allclose(magnitudes[:, 10], direct, rtol=1e-9)


def test_a_frame_in_a_gap_is_not_known_and_one_far_away_is() -> None:
    grid = Grid(16_000)
    healthy = np.ones(16_000, dtype=bool)
    healthy[4000:8000] = False
    share = known_share(healthy, grid)
    assert share[6000 // 64] == 0
    assert share[20] == pytest.approx(1)
    touched = np.flatnonzero(share < 1 - 1e-6)
    first, last = grid.frame_range(4000, 8000)
    assert first - 1 <= touched[0]
    assert touched[-1] <= last


def test_griffin_lim_keeps_known_samples_and_moves_towards_the_magnitudes() -> None:
    grid = Grid(16_000)
    rng = np.random.default_rng(3)
    time = np.arange(8_000) / 16_000
    clean = sum(np.sin(2 * np.pi * f * time + p) for f, p in [(440, 0.1), (1230, 1), (3100, 2)])
    known = np.ones(8_000, dtype=bool)
    known[3000:4500] = False
    start = np.where(known, clean, 0.3 * rng.standard_normal(8_000))
    wanted = np.abs(stft(clean, grid))
    restored = griffin_lim(wanted, start, known, grid, iterations=30)
    np.testing.assert_array_equal(restored[known], start[known])

    def error(audio: np.ndarray) -> float:
        return float(np.linalg.norm(np.abs(stft(audio, grid)) - wanted))

    assert error(restored) < 0.3 * error(start)
