"""What the restore task may minimise is what its words say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restore_audio.signal.spectrum import Grid, stft
from restore_audio.train.losses import FLOOR, RestoreLoss, consistency_error, log_error, project


def spectra(rate_hz: int, tile: int = 0) -> torch.Tensor:
    """Of noise, one tile or all that are whole, a patch of frames, level one."""
    grid = Grid(rate_hz)
    audio = np.random.default_rng(2).standard_normal(127 * grid.hop_samples)
    whole = stft(audio, grid)[tile * 128 : (tile + 1) * 128]
    return torch.from_numpy(whole / np.sqrt(np.mean(np.abs(whole) ** 2))).to(torch.complex64)[None]


def test_names_say_what_is_minimised() -> None:
    assert RestoreLoss().name == "l1"
    assert RestoreLoss(0.1, 2).name == "l1 + 0.1 log + 2 consistency"


def test_the_log_error_is_a_difference_in_decibels_down_to_the_floor() -> None:
    ones = torch.ones(1, 2, 2)
    decibels = 20 / np.log(10) * log_error(ones, 2 * ones)
    torch.testing.assert_close(decibels, torch.full_like(ones, 6.02), atol=0.01, rtol=0)
    assert log_error(FLOOR / 100 * ones, 0 * ones).max() < 0.02


@pytest.mark.parametrize(("rate_hz", "tile"), [(16_000, 0), (44_100, 0), (44_100, 1), (48_000, 2)])
def test_spectra_of_a_sound_stay_as_they_are(rate_hz: int, tile: int) -> None:
    """All but those at the borders, which depend on what lies beyond."""
    given = spectra(rate_hz, tile)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    error = (project(given) - given)[inside].abs().mean() / given.abs().mean()
    assert error < 0.01


def test_what_is_no_sounds_spectrum_becomes_one() -> None:
    generator = torch.Generator().manual_seed(0)
    phase = torch.polar(torch.ones(1, 128, 128), 6.3 * torch.rand(1, 128, 128, generator=generator))
    once = project(phase)
    assert (once - phase).abs().mean() > 0.5
    inside = slice(None), slice(0, 120)  # what it has at half the sample rate is cut off each time
    torch.testing.assert_close(project(once)[inside], once[inside], atol=2e-2, rtol=0)


def test_several_tiles_are_projected_as_each_alone() -> None:
    one, other = spectra(16_000), spectra(44_100, 1)
    both = project(torch.cat([one, other], dim=1))
    torch.testing.assert_close(both, torch.cat([project(one), project(other)], dim=1))


def test_true_magnitudes_are_consistent_in_the_true_phase_only() -> None:
    given = spectra(44_100)
    clean, phase = given.abs(), given / given.abs()
    right = consistency_error(clean, clean, phase, 0.3)[:, 4:-4, 4:-4].mean()
    wrong = consistency_error(clean, clean, phase.flip(1), 0.3)[:, 4:-4, 4:-4].mean()
    assert right < 0.01 < 0.1 < wrong


def test_gradients_are_finite_in_silence_too() -> None:
    test = torch.zeros(1, 128, 32, requires_grad=True)
    phase = torch.ones(1, 128, 32, dtype=torch.complex64)
    clean = torch.zeros(1, 128, 32)
    (consistency_error(clean, test, phase, 0.3) + log_error(clean, test)).sum().backward()
    assert torch.isfinite(test.grad).all()
