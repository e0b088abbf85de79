"""What a dropout has left of the signal is used, and nothing else is trusted more than it deserves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfiltfilt

from recordings import sdr_db
from restore_audio.fill.ar import predict_gap
from restore_audio.fill.fill import fill_spans
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.fill.methods import METHODS, load_repair
from restore_audio.fill.remains import repair
from restore_audio.spans import KINDS, Span

RATE_HZ = 44_100
START = 30_000
Samples = NDArray[np.float64]


def music(seconds: float = 1.6, seed: int = 3) -> Samples:
    """A chord that changes its strength over coloured noise: no extrapolation knows all of it."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = lfilter([1.0], [1.0, -0.9], rng.standard_normal(time.size))
    audio = 0.02 * noise
    for hz in (220.0, 277.0, 330.0, 880.0, 1320.0, 2500.0, 4100.0):
        swell = 1.0 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 9) * time + rng.uniform(0, 6))
        audio += 40.0 / (hz + 200.0) * swell * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6))
    return np.asarray(0.5 * audio / np.max(np.abs(audio)))


def bell(length: int) -> Samples:
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2)


def level_dropout(clean: Samples, length: int, depth_db: float, noise: float = 0.0) -> Samples:
    damaged = clean.copy()
    inside = slice(START, START + length)
    damaged[inside] *= 10 ** (-depth_db * bell(length) / 20)
    damaged[inside] += noise * bell(length) * np.random.default_rng(1).standard_normal(length)
    return damaged


def treble_dropout(clean: Samples, length: int, cutoff_hz: float = 3000.0) -> Samples:
    low = sosfiltfilt(butter(4, cutoff_hz, fs=RATE_HZ, output="sos"), clean)
    damaged = clean.copy()
    inside = slice(START, START + length)
    damaged[inside] -= 0.95 * bell(length) * (clean - low)[inside]
    return damaged


def gap_of(damaged: Samples, length: int, kind: str) -> tuple[Gap, Prediction]:
    lost = np.zeros((1, damaged.size), dtype=bool)
    lost[0, START : START + length] = True
    gap = Gap(damaged[None].copy(), lost, 0, START, START + length, 0, damaged.size, RATE_HZ, kind)
    return gap, predict_gap(gap.before, gap.after, length, rate_hz=RATE_HZ)


def repaired(damaged: Samples, length: int, kind: str) -> tuple[Samples, Prediction]:
    gap, prior = gap_of(damaged, length, kind)
    prediction = repair(gap, prior)
    assert prediction is not None
    assert prediction.samples.shape == (length,)
    assert 0.0 < prediction.expected_error <= prior.expected_error
    return prediction.samples, prior


@pytest.mark.parametrize("length_ms", [8, 20, 60, 200])
def test_a_level_dropout_is_undone(length_ms: int) -> None:
    clean, length = music(), round(length_ms * RATE_HZ / 1000)
    inside = slice(START, START + length)
    damaged = level_dropout(clean, length, 20.0)
    samples, prior = repaired(damaged, length, "dropout")
    before, by_ar, after = (sdr_db(clean[inside], x) for x in (damaged[inside], prior.samples, samples))
    assert after > before + 4
    assert after > by_ar - 0.5
    if length_ms >= 60:
        assert after > by_ar + 4


@pytest.mark.parametrize("length_ms", [20, 60, 200])
def test_of_a_treble_dropout_the_low_band_stays_and_the_high_one_is_made(length_ms: int) -> None:
    clean, length = music(), round(length_ms * RATE_HZ / 1000)
    inside = slice(START, START + length)
    damaged = treble_dropout(clean, length)
    samples, _ = repaired(damaged, length, "treble")
    assert sdr_db(clean[inside], samples) > sdr_db(clean[inside], damaged[inside])
    changed = damaged.copy()
    changed[inside] = samples
    split = butter(4, 1000.0, fs=RATE_HZ, output="sos")
    low_before, low_after = sosfiltfilt(split, damaged), sosfiltfilt(split, changed)
    assert sdr_db(low_before[inside], low_after[inside]) > 40
    top = butter(4, 4000.0, "high", fs=RATE_HZ, output="sos")
    middle = slice(START + length // 4, START + 3 * length // 4)
    levels = [float(np.std(sosfiltfilt(top, x)[middle])) for x in (damaged, changed, clean)]
    assert levels[1] > 1.5 * levels[0]
    assert 0.5 * levels[2] < levels[1] < 2 * levels[2]


@pytest.mark.parametrize("length_ms", [8, 60])
def test_the_ends_join_the_record_without_a_step(length_ms: int) -> None:
    length = round(length_ms * RATE_HZ / 1000)
    damaged = level_dropout(music(), length, 20.0)
    samples, _ = repaired(damaged, length, "dropout")
    changed = np.abs(samples - damaged[START : START + length])
    assert max(changed[0], changed[-1]) < 0.02 * changed.max()
    assert max(changed[1], changed[-2]) < 0.05 * changed.max()


def test_where_noise_has_covered_the_signal_the_prediction_counts() -> None:
    clean, length = music(), 882
    inside = slice(START, START + length)
    damaged = level_dropout(clean, length, 50.0, noise=0.02)
    samples, prior = repaired(damaged, length, "dropout")
    assert sdr_db(clean[inside], samples) > sdr_db(clean[inside], prior.samples) - 0.5


def test_healthy_samples_are_hardly_touched() -> None:
    clean, length = music(), 2205
    for kind in ("dropout", "treble"):
        gap, prior = gap_of(clean, length, kind)
        prediction = repair(gap, prior)
        if prediction is not None:
            assert sdr_db(clean[START : START + length], prediction.samples) > 20


def test_a_level_ten_thousand_times_lower_is_repaired_alike() -> None:
    clean, length = music(), 1764
    damaged = level_dropout(clean, length, 20.0)
    loud, _ = repaired(damaged, length, "dropout")
    quiet, _ = repaired(1e-4 * damaged, length, "dropout")
    np.testing.assert_allclose(1e4 * quiet, loud, atol=1e-6)


def test_nothing_is_claimed_without_surroundings_or_with_samples_that_are_no_numbers() -> None:
    clean, length = music(), 882
    damaged = level_dropout(clean, length, 20.0)
    gap, prior = gap_of(damaged, length, "dropout")
    near = Gap(gap.audio, gap.lost, 0, gap.start, gap.end, gap.start - 300, gap.last, RATE_HZ, "dropout")
    assert repair(near, prior) is None
    near = Gap(gap.audio, gap.lost, 0, gap.start, gap.end, gap.first, gap.end + 300, RATE_HZ, "dropout")
    assert repair(near, prior) is None
    gap.audio[0, START + 5] = np.nan
    assert repair(gap, prior) is None


def test_the_default_method_repairs_by_kind_and_extrapolation_does_not() -> None:
    clean, length = music(), 6615
    inside = slice(START, START + length)
    damaged = level_dropout(clean, length, 20.0)
    results = {}
    for method, kind in (("auto", "dropout"), ("auto", "zeros"), ("ar", "dropout")):
        span = Span(START, START + length, 0, kind)
        filled, (marked,) = fill_spans(damaged[None], [span], RATE_HZ, method=METHODS[method])
        assert marked.filled
        np.testing.assert_array_equal(filled[0, :START], damaged[:START])
        np.testing.assert_array_equal(filled[0, START + length :], damaged[START + length :])
        results[method, kind] = sdr_db(clean[inside], filled[0, inside])
    assert results["auto", "dropout"] > max(results["auto", "zeros"], results["ar", "dropout"]) + 3


def test_kinds_that_leave_nothing_have_no_repair() -> None:
    assert {kind for kind in KINDS if load_repair(kind)} >= {"dropout", "treble"}
    for kind in ("nan", "constant", "repeat", "given"):
        assert load_repair(kind) is None
