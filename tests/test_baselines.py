"""Each baseline is what its name says: the bar must not hang low."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.measure.baselines import BASELINES
from restore_audio.measure.matching_pursuit import pursue
from restore_audio.measure.metrics import energy_error_db, log_spectral_distance_db, sdr_db
from restore_audio.measure.spain import inpaint
from restore_audio.signal.least_squares import filter_products, solve_gap
from restore_audio.spans import Span

Array = NDArray[np.float64]
RATE_HZ = 16_000
GAP = Span(8000, 8320, 0)  # 20 ms


def tones(seconds: float = 1.0, channels: int = 1) -> Array:
    rng = np.random.default_rng(3)
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = sum(
        np.sin(2 * np.pi * f * time + phase) / k
        for k, (f, phase) in enumerate(zip((220, 331, 447, 1210, 2503), range(5), strict=True), 1)
    )
    noise = 1e-3 * rng.standard_normal((channels, time.size))
    return np.asarray(0.2 * sound + noise)


def holed(clean: Array, *spans: Span) -> Array:
    damaged = clean.copy()
    for span in spans:
        damaged[span.channel, span.start : span.end] = 0
    return damaged


@pytest.mark.parametrize("name", BASELINES)
class TestEveryBaseline:
    def test_samples_outside_of_the_gaps_are_untouched(self, name: str) -> None:
        clean = tones(channels=2)
        spans = [GAP, Span(12_000, 12_050, 1)]
        filled = BASELINES[name](holed(clean, *spans), spans, RATE_HZ)
        outside = np.ones(clean.shape, dtype=bool)
        for span in spans:
            outside[span.channel, span.start : span.end] = False
        assert np.array_equal(filled[outside], clean[outside])

    def test_what_lies_in_the_gap_is_not_looked_at(self, name: str) -> None:
        clean = tones()
        spoilt = clean.copy()
        spoilt[0, GAP.start : GAP.end] = np.nan
        filled = BASELINES[name](spoilt, [GAP], RATE_HZ)
        assert np.isfinite(filled).all()
        assert np.array_equal(filled, BASELINES[name](clean, [GAP], RATE_HZ))

    def test_gaps_at_the_ends_and_over_everything_are_filled_with_numbers(self, name: str) -> None:
        clean = tones(0.1)
        end = clean.shape[1]
        for spans in ([Span(0, 100, 0)], [Span(end - 100, end, 0)], [Span(0, end, 0)]):
            filled = BASELINES[name](holed(clean, *spans), spans, RATE_HZ)
            assert np.isfinite(filled).all()

    def test_two_runs_give_the_same(self, name: str) -> None:
        damaged = holed(tones(), GAP)
        assert np.array_equal(
            BASELINES[name](damaged, [GAP], RATE_HZ), BASELINES[name](damaged, [GAP], RATE_HZ)
        )


def sdr_of(name: str, clean: Array, span: Span = GAP) -> float:
    value = sdr_db(clean, BASELINES[name](holed(clean, span), [span], RATE_HZ), [span])
    assert value is not None
    return value


def test_doing_nothing_is_0_db() -> None:
    assert sdr_of("nothing", tones()) == 0


def test_a_straight_line_meets_the_samples_at_both_edges() -> None:
    clean = tones()
    filled = BASELINES["line"](holed(clean, GAP), [GAP], RATE_HZ)[0]
    before, after, count = clean[0, GAP.start - 1], clean[0, GAP.end], GAP.length
    by_hand = [before + (after - before) * (k + 1) / (count + 1) for k in range(count)]
    assert filled[GAP.start : GAP.end] == pytest.approx(by_hand, abs=1e-12)


def test_steady_tones_are_continued_by_the_methods_that_know_about_tones() -> None:
    clean = tones()
    assert sdr_of("ar-published", clean) > 25
    assert sdr_of("janssen", clean) > 25
    assert sdr_of("omp", clean) > 15
    assert sdr_of("a-spain", clean) > 15
    assert sdr_of("rule", clean) > 15


def test_the_least_squares_fill_is_that_of_a_plain_solver() -> None:
    rng = np.random.default_rng(8)
    before, after, count = rng.standard_normal(30), rng.standard_normal(30), 7
    predictor = np.array([1.0, -1.6, 0.9, -0.1])
    order = predictor.size - 1
    length = before.size + count + after.size
    errors = np.zeros((length - order, length))  # each row is one prediction error
    for row in range(length - order):
        errors[row, row : row + order + 1] = predictor[::-1]
    gap = slice(before.size, before.size + count)
    known = np.concatenate([before, np.zeros(count), after])
    plain, *_ = np.linalg.lstsq(errors[:, gap], -errors @ known, rcond=None)
    solved = solve_gap(filter_products([(predictor, 1.0)]), before[-order:], after[:order], count)
    assert solved == pytest.approx(plain, rel=1e-6)
    short = np.array([1.0, -0.7])
    weighed = filter_products([(predictor, 2.0), (short, 0.5)])
    both = 2.0 * np.correlate(predictor, predictor, "full")
    both[order - 1 : order + 2] += 0.5 * np.correlate(short, short, "full")
    assert weighed == pytest.approx(both)


def test_janssen_does_not_leave_the_start_that_it_was_given_worse() -> None:
    rng = np.random.default_rng(1)
    clean = tones() + 0.02 * rng.standard_normal((1, RATE_HZ))
    assert sdr_of("janssen", clean) > sdr_of("ar-published", clean) - 0.5


def test_matching_pursuit_finds_the_few_atoms_that_there_are() -> None:
    time = np.arange(4096) / RATE_HZ
    clean = np.cos(2 * np.pi * 500 * time) + 0.5 * np.sin(2 * np.pi * 1500 * time)
    known = np.ones(clean.size, dtype=bool)
    known[2000:2100] = False
    filled = pursue(np.where(known, clean, 0), known, 2000, 2100, RATE_HZ)
    error = np.sum((filled - clean[2000:2100]) ** 2) / np.sum(clean[2000:2100] ** 2)
    assert error < 10 ** (-30 / 10)


def test_a_spain_finds_the_sparse_spectrum_that_there_is_at_any_level() -> None:
    time = np.arange(4096) / 2048  # in lengths of its transform
    clean = np.cos(2 * np.pi * 100 * time) + 0.5 * np.sin(2 * np.pi * 333 * time)
    known = np.ones(clean.size, dtype=bool)
    known[2000:2160] = False
    filled = inpaint(np.where(known, clean, np.nan), known, 2000, 2160, RATE_HZ)
    error = np.sum((filled - clean[~known]) ** 2) / np.sum(clean[~known] ** 2)
    assert error < 10 ** (-25 / 10)
    assert inpaint(7 * clean, known, 2000, 2160, RATE_HZ) == pytest.approx(7 * filled)


def test_interpolated_magnitudes_keep_the_level_where_ar_fades() -> None:
    clean = 0.1 * np.random.default_rng(4).standard_normal((1, 2 * RATE_HZ))
    span = Span(RATE_HZ - 1600, RATE_HZ + 1600, 0)  # 200 ms of noise, which cannot be predicted
    damaged = holed(clean, span)
    filled = {name: BASELINES[name](damaged, [span], RATE_HZ) for name in ("frames", "ar-published", "rule")}
    energy = {name: energy_error_db(clean, audio, [span]) for name, audio in filled.items()}
    distance = {
        name: log_spectral_distance_db(clean, audio, RATE_HZ, [span]) for name, audio in filled.items()
    }
    assert all(value is not None for value in (*energy.values(), *distance.values()))
    assert energy["ar-published"] < -6 < energy["rule"] < 1  # type: ignore[operator]
    assert abs(energy["frames"]) < 3  # type: ignore[arg-type]
    assert distance["rule"] < distance["ar-published"]  # type: ignore[operator]
