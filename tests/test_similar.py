"""Promises of the fills that look elsewhere: a similar passage, another channel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from restore_audio.fill.ar import Prediction, fill_gap, predict_gap
from restore_audio.fill.channels import fill_from_channel
from restore_audio.fill.passages import SimilarSettings, fill_from_passage, similar_passage

RATE_HZ = 8000
Samples = NDArray[np.float64]


def sdr_db(reference: Samples, test: Samples) -> float:
    return float(10 * np.log10(np.sum(reference**2) / np.sum((reference - test) ** 2)))


def colourful(seed: int, samples: int) -> Samples:
    """Noise with a spectrum, that AR cannot foresee for long."""
    rng = np.random.default_rng(seed)
    return 0.1 * lfilter([1.0], [1.0, -1.2, 0.6], rng.standard_normal(samples))


def damaged(x: Samples, *gaps: tuple[int, int]) -> tuple[Samples, NDArray[np.bool_]]:
    healthy = np.ones(x.size, dtype=bool)
    broken = x.copy()
    for start, end in gaps:
        healthy[start:end] = False
        broken[start:end] = np.nan
    return broken, healthy


def test_a_loop_is_restored_from_its_repeat() -> None:
    loop = colourful(1, 9000)
    x = np.concatenate([loop, 0.6 * loop, loop])
    broken, healthy = damaged(x, (12_000, 13_000))
    passage = similar_passage(broken, 12_000, 13_000, healthy=healthy, rate_hz=RATE_HZ)
    assert passage is not None
    assert passage.start in (3000, 21_000)
    assert passage.gain == pytest.approx(0.6, rel=1e-3)
    assert passage.correlation == pytest.approx(1.0, abs=1e-6)
    fill = fill_from_passage(broken, 12_000, 13_000, healthy=healthy, rate_hz=RATE_HZ)
    assert fill is not None
    assert sdr_db(x[12_000:13_000], fill.samples) > 60


def test_what_the_passage_lacks_is_continued() -> None:
    loop = colourful(2, 8000)
    tone = 0.15 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(16_000)) * (np.arange(16_000) >= 8000)
    x = np.concatenate([loop, loop]) + tone
    broken, healthy = damaged(x, (12_000, 12_800))
    truth = x[12_000:12_800]
    fill = fill_from_passage(broken, 12_000, 12_800, healthy=healthy, rate_hz=RATE_HZ)
    assert fill is not None
    assert sdr_db(truth, fill.samples) > 25
    assert sdr_db(truth, loop[4000:4800]) < 10


def test_noise_that_never_returns_has_no_passage() -> None:
    broken, healthy = damaged(colourful(3, 30_000), (15_000, 16_000))
    assert similar_passage(broken, 15_000, 16_000, healthy=healthy, rate_hz=RATE_HZ) is None
    assert fill_from_passage(broken, 15_000, 16_000, healthy=healthy, rate_hz=RATE_HZ) is None


def test_a_damaged_repeat_is_not_transplanted() -> None:
    loop = colourful(4, 9000)
    x = np.concatenate([loop, loop, loop])
    broken, healthy = damaged(x, (12_000, 13_000), (3500, 3600))
    passage = similar_passage(broken, 12_000, 13_000, healthy=healthy, rate_hz=RATE_HZ)
    assert passage is not None
    assert passage.start == 21_000
    broken, healthy = damaged(x, (12_000, 13_000), (3500, 3600), (21_900, 22_300))
    assert similar_passage(broken, 12_000, 13_000, healthy=healthy, rate_hz=RATE_HZ) is None


def test_the_gap_is_never_its_own_model() -> None:
    x = np.concatenate([colourful(5, 6000), np.zeros(2000), colourful(6, 6000)])
    broken, healthy = damaged(x, (6500, 7200))
    broken[~healthy] = 0.0
    passage = similar_passage(
        broken,
        6500,
        7200,
        healthy=healthy,
        rate_hz=RATE_HZ,
        settings=SimilarSettings(least_correlation=-1.0, largest_gain=1e9),
    )
    assert passage is None or passage.start >= 7200 or passage.start + 700 <= 6500


def test_short_gaps_are_left_to_ar() -> None:
    loop = colourful(7, 4000)
    broken, healthy = damaged(np.concatenate([loop, loop]), (5000, 5100))
    assert fill_from_passage(broken, 5000, 5100, healthy=healthy, rate_hz=RATE_HZ) is None


@pytest.mark.parametrize("gap", [(0, 900), (15_100, 16_000), (0, 16_000), (900, 15_900)])
@pytest.mark.parametrize("kind", ["loop", "silence", "constant"])
def test_gaps_anywhere_give_something_finite_or_nothing(kind: str, gap: tuple[int, int]) -> None:
    loop = {"loop": colourful(8, 4000), "silence": np.zeros(4000), "constant": np.full(4000, 0.5)}[kind]
    broken, healthy = damaged(np.tile(loop, 4), gap)
    fill = fill_from_passage(broken, *gap, healthy=healthy, rate_hz=RATE_HZ)
    assert fill is None or (np.all(np.isfinite(fill.samples)) and fill.samples.size == gap[1] - gap[0])


def test_a_gap_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        similar_passage(np.zeros(10), 5, 11, healthy=np.ones(10, dtype=bool), rate_hz=RATE_HZ)


def test_expected_error_is_about_the_error() -> None:
    ratios = []
    for seed in range(12):
        x = colourful(seed, 9000)
        answer = predict_gap(x[:4500], x[4600:], 100, rate_hz=RATE_HZ)
        ratios.append(answer.expected_error / np.sum((answer.samples - x[4500:4600]) ** 2))
        np.testing.assert_array_equal(answer.samples, fill_gap(x[:4500], x[4600:], 100, rate_hz=RATE_HZ))
    assert 0.3 < np.median(ratios) < 2.0


def from_channel(x: Samples, other: Samples, start: int, gap: int) -> Prediction | None:
    return fill_from_channel(x[:start], x[start + gap :], other, gap, rate_hz=RATE_HZ)


def test_a_delayed_quieter_copy_restores_the_other_channel() -> None:
    rng = np.random.default_rng(9)
    left = colourful(9, 9000)
    right = 0.5 * np.roll(left, 3) + 1e-4 * rng.standard_normal(left.size)
    fill = from_channel(right, left, 4000, 800)
    assert fill is not None
    assert sdr_db(right[4000:4800], fill.samples) > 45


def test_what_the_other_channel_lacks_is_continued() -> None:
    left = colourful(10, 9000)
    tone = 0.1 * np.sin(2 * np.pi * 700 / RATE_HZ * np.arange(left.size))
    right = 0.8 * left + tone
    fill = from_channel(right, left, 4000, 800)
    assert fill is not None
    assert sdr_db(right[4000:4800], fill.samples) > 25
    alone = predict_gap(right[:4000], right[4800:], 800, rate_hz=RATE_HZ)
    assert fill.expected_error < alone.expected_error


def test_an_unrelated_or_silent_channel_is_not_listened_to() -> None:
    x = colourful(11, 9000)
    assert from_channel(x, colourful(12, 9000), 4000, 800) is None
    assert from_channel(x, np.zeros(9000), 4000, 800) is None
    assert from_channel(np.zeros(9000), x, 4000, 800) is None
    assert from_channel(x[:200], x[:200], 50, 100) is None


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="other has"):
        fill_from_channel(np.zeros(5), np.zeros(5), np.zeros(11), 2, rate_hz=RATE_HZ)


@pytest.mark.parametrize("wanted", ["passage", "channel", "ar"])
def test_the_expected_errors_choose_well(wanted: str) -> None:
    loop, noise = colourful(13, 12_000), colourful(14, 24_000)
    n = np.arange(24_000) / RATE_HZ
    chirp = np.sin(2 * np.pi * (437.3 + 4 * n) * n)
    x, other = {
        "passage": (np.concatenate([loop, loop]), noise),
        "channel": (noise, 0.7 * noise),
        "ar": (0.1 * chirp + 1e-3 * noise, noise + 0.1 * np.roll(chirp, 90)),
    }[wanted]
    broken, healthy = damaged(x, (16_000, 16_800))
    fills = {
        "ar": predict_gap(broken[:16_000], broken[16_800:], 800, rate_hz=RATE_HZ),
        "channel": from_channel(broken, other, 16_000, 800),
        "passage": fill_from_passage(
            broken,
            16_000,
            16_800,
            healthy=healthy,
            rate_hz=RATE_HZ,
            settings=SimilarSettings(least_correlation=0.0),
        ),
    }
    offered = {name: fill for name, fill in fills.items() if fill is not None}
    assert min(offered, key=lambda name: offered[name].expected_error) == wanted
    scores = {name: sdr_db(x[16_000:16_800], fill.samples) for name, fill in offered.items()}
    assert len(scores) > 1
    assert max(scores, key=lambda name: scores[name]) == wanted
