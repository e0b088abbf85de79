"""Short gaps are filled by the settings that do best beside them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from recordings import sdr_db
from restore_audio.fill.adaptive import LONGEST_MS, SETTINGS, fill, predict_adaptively
from restore_audio.fill.ar import fill_gap, predict_gap
from restore_audio.fill.gaps import Gap
from restore_audio.fill.methods import METHODS

RATE_HZ = 44_100
START = 40_000
Samples = NDArray[np.float64]


def sustained() -> Samples:
    """Many steady partials: only a long model holds them."""
    time = np.arange(80_000) / RATE_HZ
    rng = np.random.default_rng(1)
    audio = sum(np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) for hz in rng.uniform(100, 9000, 150))
    return np.asarray(0.01 * audio + 1e-4 * rng.standard_normal(time.size))


def restless() -> Samples:
    """Noise through resonances that are others every 68 ms: only what is near tells about the gap."""
    rng = np.random.default_rng(2)
    pieces = []
    for _ in range(27):
        angles = rng.uniform(0.05, 0.6, 3)
        poles = 0.995 * np.exp(1j * np.concatenate([angles, -angles]))
        pieces.append(lfilter([1.0], np.poly(poles).real, rng.standard_normal(3000)))
    audio = np.concatenate(pieces)
    return np.asarray(0.1 * audio / np.max(np.abs(audio)))


def results(audio: Samples, gap: int) -> tuple[list[float], float]:
    """SDR of each setting, and of the mixture, averaged over some gaps."""
    fixed, mixed = [], []
    for start in range(START, START + 12_000, 4_000):
        before, after, truth = audio[:start], audio[start + gap :], audio[start : start + gap]
        fixed.append(
            [sdr_db(truth, fill_gap(before, after, gap, rate_hz=RATE_HZ, settings=s)) for s in SETTINGS]
        )
        mixed.append(sdr_db(truth, predict_adaptively(before, after, gap, rate_hz=RATE_HZ).samples))
    return np.mean(fixed, axis=0).tolist(), float(np.mean(mixed))


def test_each_sound_gets_about_the_best_setting_for_it() -> None:
    gap = 88
    steady, steady_mixed = results(sustained(), gap)
    changing, changing_mixed = results(restless(), gap)
    assert int(np.argmax(steady)) == 0
    assert steady_mixed > steady[0] - 0.3
    assert int(np.argmax(changing)) == len(SETTINGS) - 1
    assert changing_mixed > changing[0] + 2
    assert changing_mixed > max(changing) - 1.5


def test_the_error_to_expect_falls_with_that_of_the_pseudo_gaps() -> None:
    gap = 88
    ratios = {}
    for name, audio in (("steady", sustained()), ("changing", restless())):
        before, after = audio[:START], audio[START + gap :]
        default = predict_gap(before, after, gap, rate_hz=RATE_HZ)
        ratios[name] = (
            predict_adaptively(before, after, gap, rate_hz=RATE_HZ).expected_error / default.expected_error
        )
    assert ratios["changing"] < 0.7
    assert 0.9 < ratios["steady"] < 1.1


def test_long_gaps_have_the_long_setting_alone() -> None:
    audio = restless()
    gap = round(LONGEST_MS * RATE_HZ / 1000) + 1
    before, after = audio[:START], audio[START + gap :]
    whole = predict_adaptively(before, after, gap, rate_hz=RATE_HZ).samples
    first = predict_gap(before, after, gap, rate_hz=RATE_HZ, settings=SETTINGS[0]).samples
    np.testing.assert_array_equal(whole, first)
    shorter = predict_adaptively(before, after, gap - 1, rate_hz=RATE_HZ).samples
    assert not np.array_equal(shorter, predict_gap(before, after, gap - 1, rate_hz=RATE_HZ).samples)


@pytest.mark.parametrize(("left", "right"), [(0, 20_000), (20_000, 0), (300, 20_000), (5, 5), (20_000, 900)])
def test_sides_that_are_short_or_missing_still_give_a_fill(left: int, right: int) -> None:
    audio = restless()
    before, after = audio[START - left : START], audio[START + 100 : START + 100 + right]
    prediction = predict_adaptively(before, after, 100, rate_hz=RATE_HZ)
    assert prediction.samples.shape == (100,)
    assert np.all(np.isfinite(prediction.samples))
    assert np.max(np.abs(prediction.samples)) < 2 * np.max(np.abs(audio))


def test_what_is_not_finite_is_not_looked_at() -> None:
    audio = sustained()
    before, after = audio[:START].copy(), audio[START + 100 :].copy()
    before[-2000] = np.nan
    after[1500] = np.inf
    prediction = predict_adaptively(before, after, 100, rate_hz=RATE_HZ)
    assert np.all(np.isfinite(prediction.samples))


def test_the_level_changes_nothing() -> None:
    audio = restless()
    loud = predict_adaptively(audio[:START], audio[START + 60 :], 60, rate_hz=RATE_HZ)
    quiet = predict_adaptively(1e-5 * audio[:START], 1e-5 * audio[START + 60 :], 60, rate_hz=RATE_HZ)
    np.testing.assert_allclose(1e5 * quiet.samples, loud.samples, atol=1e-7)
    assert quiet.expected_error == pytest.approx(1e-10 * loud.expected_error, rel=1e-3)


def test_the_methods_use_it() -> None:
    audio = restless()
    lost = np.zeros((1, audio.size), dtype=bool)
    gap = Gap(audio[None], lost, 0, START, START + 60, 0, audio.size, RATE_HZ)
    expected = predict_adaptively(audio[:START], audio[START + 60 :], 60, rate_hz=RATE_HZ)
    np.testing.assert_array_equal(fill(gap).samples, expected.samples)
    for name in ("auto", "ar"):
        assert METHODS[name].fills[0] == "adaptive"
