"""What the fills compute, in small cases with answers by hand: AR, channels, tails, losses."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.fill import adaptive, ar, channels, tails
from restore_audio.fill.ar import ArSettings, Sides
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.signal import tails as model
from restore_audio.signal.burg import burg

Samples = NDArray[np.float64]
RATE_HZ = 8000


def noise(samples: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).standard_normal(samples)


def smooth(samples: int, seed: int = 1) -> Samples:
    """Noise that linear prediction foresees for some samples."""
    made = noise(samples, seed)
    for k in range(2, samples):
        made[k] += 1.6 * made[k - 1] - 0.81 * made[k - 2]
    return 0.05 * made


class TestAutoregressive:
    def test_the_context_is_as_long_as_said_and_both_sides_share_one_peak(self) -> None:
        before, after = np.linspace(-3.0, 1.0, 5000), np.linspace(2.0, -0.5, 4000)
        left, right, peak = ar.surroundings(before, after, RATE_HZ, ArSettings(context_ms=100.0))
        assert peak == 2.0
        np.testing.assert_allclose(left, before[-800:] / 2.0)
        np.testing.assert_allclose(right, after[:800][::-1] / 2.0)

    def test_default_orders_and_contexts_are_those_documented(self) -> None:
        assert [
            (round(s.context_ms * 44.1, -2), round(s.order_share * s.context_ms * 44.1 / 512) * 512)
            for s in adaptive.SETTINGS
        ] == [(16_400, 2048), (8200, 1024), (4100, 1024), (2100, 512)]
        assert (
            ar.fit_side(smooth(5000), RATE_HZ, ArSettings(context_ms=100.0, order_share=0.25))[0].size == 201
        )  # type: ignore[index]

    @pytest.mark.parametrize(("size", "order"), [(7, None), (8, 2), (60, 20), (62, 20), (63, 21), (300, 50)])
    def test_a_short_side_keeps_an_order_of_a_third(self, size: int, order: int | None) -> None:
        side = noise(size)
        model = ar.fit(side, 50, noise_db=-65.0)
        assert (model is None) == (order is None)
        if model is not None and order is not None:
            np.testing.assert_allclose(model[0], burg(side, order, noise_db=-65.0))

    def test_a_model_weighs_by_one_over_the_variance_of_its_errors(self) -> None:
        side = smooth(3000)
        model = ar.fit(side, 2, noise_db=-40.0)
        assert model is not None
        errors = np.concatenate([np.convolve(way, model[0], "valid")[1:] for way in (side, side[::-1])])
        np.testing.assert_allclose(1.0 / model[1], np.mean(errors**2) + 1e-4 * np.mean(side**2))
        assert ar.fit(np.zeros(100), 2, noise_db=-40.0) is None

    def test_expected_errors_grow_like_those_of_the_model_and_join_from_both_sides(self) -> None:
        """x[n] = 0.5 x[n-1] + e: the variances after 1, 2, 3 samples are 1, 1.25, 1.3125 times that of e."""
        model = (np.array([1.0, -0.5]), 4.0)
        loud = np.full(100, 3.0)
        grown = np.array([1.0, 1.25, 1.3125]) / 4.0
        assert ar._expected_error(loud, loud, 3, [model, None]) == pytest.approx(grown.sum())
        assert ar._expected_error(loud, loud, 3, [None, model]) == pytest.approx(grown.sum())
        both = 1.0 / (1.0 / grown + 1.0 / grown[::-1])
        assert ar._expected_error(loud, loud, 3, [model, model]) == pytest.approx(both.sum())
        # Never above the power of the side: that much silence would err.
        quiet = np.full(100, 0.5)
        assert ar._expected_error(quiet, quiet, 3, [model, None]) == pytest.approx(0.75)
        assert ar._expected_error(loud, loud, 3, [None, None]) == 0.0

    def test_expected_errors_are_energies(self) -> None:
        x = smooth(4000)
        one = ar.predict_gap(x[:2000], x[2050:], 50, rate_hz=RATE_HZ)
        ten = ar.predict_gap(10 * x[:2000], 10 * x[2050:], 50, rate_hz=RATE_HZ)
        assert ten.expected_error == pytest.approx(100 * one.expected_error)

    def test_little_on_both_sides_is_joined_by_a_line(self) -> None:
        before, after = np.arange(1.0, 8.0), np.array([3.0, 9.0])
        np.testing.assert_allclose(ar.fill_gap(before, after, 3, rate_hz=RATE_HZ), [6.0, 5.0, 4.0])
        np.testing.assert_allclose(ar.fill_gap(before, np.zeros(0), 6, rate_hz=RATE_HZ), [6, 5, 4, 3, 2, 1])
        assert ar.fill_gap(before, after, 0, rate_hz=RATE_HZ).size == 0

    def test_extrapolations_are_faded_by_cos_squared(self) -> None:
        hold = (np.array([1.0, -1.0]), 1.0)  # each sample as the last one
        filled, apart = ar._extrapolated(np.full(20, 1.0), np.full(20, 3.0), 3, [hold, hold])
        assert apart == 12.0
        fade = np.cos(0.5 * np.pi * np.array([0.25, 0.5, 0.75])) ** 2
        np.testing.assert_allclose(filled, fade + 3.0 * (1 - fade))
        alone, apart = ar._extrapolated(np.ones(7), np.full(20, 3.0), 3, [None, hold])
        np.testing.assert_array_equal(alone, 3.0)
        assert apart == 0.0
        alone, apart = ar._extrapolated(np.ones(20), np.full(7, 3.0), 3, [hold, None])
        np.testing.assert_array_equal(alone, 1.0)
        assert apart == 0.0

    def test_a_fifth_of_the_extrapolation_stays_in_the_solution(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ar, "_extrapolated", lambda left, right, gap, models: (np.full(gap, 1.0), 0.0))
        solutions = iter([np.full(10, 2.0), None])
        monkeypatch.setattr(ar, "_solved", lambda *_: next(solutions))
        sides = np.full(50, 9.0)
        np.testing.assert_allclose(ar._fill(sides, sides, 10, [], RATE_HZ, ArSettings()), 1.8)
        np.testing.assert_array_equal(ar._fill(sides, sides, 10, [], RATE_HZ, ArSettings()), 1.0)

    @pytest.mark.parametrize(
        ("gap", "passes", "solved"), [(2000, 1, True), (2001, 1, False), (2000, 0, False)]
    )
    def test_gaps_up_to_a_quarter_of_a_second_are_solved(
        self, monkeypatch: pytest.MonkeyPatch, gap: int, passes: int, solved: bool
    ) -> None:
        calls = []
        monkeypatch.setattr(ar, "_extrapolated", lambda left, right, gap, models: (np.zeros(gap), 0.0))
        monkeypatch.setattr(ar, "_solved", lambda *_: calls.append(1))
        ar._fill(np.ones(50), np.ones(50), gap, [], RATE_HZ, ArSettings(passes=passes))
        assert bool(calls) == solved

    def test_no_fill_is_louder_than_half_again_what_is_near(self) -> None:
        side = np.full(9000, 0.1)
        side[-1024] = 1.0
        side[-1025] = 4.0
        assert ar._local_peak(side, np.zeros(10), 100) == 1.5
        assert ar._local_peak(side, np.zeros(10), 257) == 6.0
        assert ar._local_peak(np.zeros(10), side, 100) == 1.5
        steep = (np.array([1.0, -2.0]), 1.0)  # doubles with every sample
        filled = ar._fill(
            np.full(50, 0.5), np.full(50, 0.5), 20, [steep, steep], RATE_HZ, ArSettings(passes=0)
        )
        assert filled.max() == 0.75
        assert (
            ar._fill(
                -np.full(50, 0.5), -np.full(50, 0.5), 20, [steep, steep], RATE_HZ, ArSettings(passes=0)
            ).min()
            == -0.75
        )

    def test_the_solution_has_the_least_weighted_error(self) -> None:
        left, right = smooth(400), smooth(400, 2)
        models = [ar.fit(side, 2, noise_db=-65.0) for side in (left, right)]
        good = [m for m in models if m is not None]
        solved = ar._solved(left, right, 5, good)
        assert solved is not None

        def cost(fill: Samples) -> float:
            known = np.concatenate([left[-2:], fill, right[-2:][::-1]])
            return sum(w * float(np.sum(np.convolve(known, a, "valid") ** 2)) for a, w in good)

        for k in range(5):
            for step in (-0.01, 0.01):
                assert cost(solved) < cost(solved + step * np.eye(5)[k])
        assert ar._solved(left, right, 5, good) is not None
        assert ar._solved(left[:2], right, 5, good) is None  # shorter than the model
        assert ar._solved(1e-3 * left / abs(left).max(), 1e-3 * right[:1] * 0, 5, good) is None
        assert ar._solved(left, right, 5, []) is None


class TestMixture:
    """Settings are weighed by the errors that they make beside the gap, to the power of -3."""

    def mixture(
        self, monkeypatch: pytest.MonkeyPatch, errors: list[list[float]], gap: int = 10
    ) -> Prediction:
        values, told = iter([1.0, 2.0, 3.0, 4.0]), iter(errors)
        monkeypatch.setattr(adaptive, "fit_sides", lambda *_, **__: None)
        monkeypatch.setattr(
            adaptive, "predict_from", lambda _, n, *__: Prediction(np.full(n, v := next(values)), 10.0 * v)
        )
        monkeypatch.setattr(adaptive, "fill_from", lambda _, n, *__: np.full(n, next(values)))
        monkeypatch.setattr(adaptive, "_log_errors", lambda *_: next(told))
        return adaptive.predict_adaptively(np.zeros(100), np.zeros(100), gap, rate_hz=RATE_HZ)

    def test_half_the_error_weighs_eight_times(self, monkeypatch: pytest.MonkeyPatch) -> None:
        half, far = float(np.log(0.5)), 50.0
        mixed = self.mixture(monkeypatch, [[0.0, 0.0], [half - 1, half + 1], [far, far], [far, far]])
        np.testing.assert_allclose(mixed.samples, 1.0 / 9.0 + 2.0 * 8.0 / 9.0)
        assert mixed.expected_error == pytest.approx(10.0 * 0.5 ** (8.0 / 9.0))

    @pytest.mark.parametrize("errors", [[[], [], [], []], [[0.0], [np.nan], [0.0], [0.0]]])
    def test_without_trials_the_first_setting_stands(
        self, monkeypatch: pytest.MonkeyPatch, errors: list[list[float]]
    ) -> None:
        mixed = self.mixture(monkeypatch, errors)
        np.testing.assert_array_equal(mixed.samples, 1.0)
        assert mixed.expected_error == 10.0

    @pytest.mark.parametrize(("gap", "tried"), [(1, True), (200, True), (201, False), (0, False)])
    def test_gaps_up_to_25_ms_are_tried(self, monkeypatch: pytest.MonkeyPatch, gap: int, tried: bool) -> None:
        monkeypatch.setattr(adaptive, "predict_gap", lambda *_, settings, **__: settings)
        if tried:
            np.testing.assert_allclose(self.mixture(monkeypatch, [[0.0]] * 4, gap).samples, 2.5)
        else:
            assert self.mixture(monkeypatch, [[0.0]] * 4, gap) == adaptive.SETTINGS[0]

    def trials(
        self, monkeypatch: pytest.MonkeyPatch, before: int, after: int
    ) -> tuple[list[tuple[int, int]], list[float], list[float]]:
        """Where pseudo-gaps lie from the gap's start, which side's model fills them, and their errors."""
        gap, error = 80, 0.1
        audio = smooth(before + gap + after)
        places, used = [], []
        settings = adaptive.SETTINGS[0]
        reach = round((75.0 + settings.context_ms) * 8) + gap
        origin, whole = min(before, reach), min(before, reach) + gap + min(after, reach)

        def filled(model: tuple[Samples, float], left: Samples, right: Samples, *_: Any) -> Samples:
            used.append(model[1])
            places.append((left.size - origin, whole - right.size - origin))
            return audio[before + places[-1][0] : before + places[-1][1]] + error

        monkeypatch.setattr(adaptive, "fill_by", filled)
        errors = adaptive._log_errors(
            *(audio[:before], audio[before : before + gap], audio[before + gap :]),
            Sides(np.zeros(1), np.zeros(1), [(np.ones(1), 0.0), (np.ones(1), 1.0)], 1.0),
            *(RATE_HZ, settings),
        )
        return places, used, errors

    def test_pseudo_gaps_lie_30_and_75_ms_away_on_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        places, used, errors = self.trials(monkeypatch, 4000, 4000)
        assert sorted(places) == [(-680, -600), (-320, -240), (320, 400), (680, 760)]
        assert used == [float(start > 0) for start, _ in places]  # the model of its own side fills each
        np.testing.assert_allclose(errors, np.log(80 * 0.01), rtol=1e-6)

    def test_a_model_that_has_seen_the_truth_errs_by_akaikes_factor_more(self) -> None:
        audio = smooth(2000)
        sides = Sides(np.zeros(300), np.zeros(300), [(np.r_[1.0, np.zeros(100)], 1.0), None], 1.0)
        arguments = (audio[:1000], np.zeros(8), audio[1008:])
        plain = adaptive._log_errors(
            *arguments, replace(sides, left=np.zeros(10**6, np.int8)), RATE_HZ, adaptive.SETTINGS[0]
        )
        known = adaptive._log_errors(*arguments, sides, RATE_HZ, adaptive.SETTINGS[0])
        np.testing.assert_allclose(np.subtract(known, plain)[:2], np.log(400 / 200), atol=1e-3)
        np.testing.assert_allclose(known[2:], plain[2:])

    @pytest.mark.parametrize(("before", "count"), [(840, 4), (839, 3), (480, 3), (479, 2)])
    def test_each_needs_twenty_milliseconds_beyond_it(
        self, monkeypatch: pytest.MonkeyPatch, before: int, count: int
    ) -> None:
        assert len(self.trials(monkeypatch, before, 4000)[0]) == count
        assert len(self.trials(monkeypatch, 4000, before)[0]) == count


class TestChannels:
    def predicted(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        seen: list[Any] = []

        def predict(before: Samples, after: Samples, gap: int, **_: Any) -> Prediction:
            seen.append((before, after))
            return Prediction(np.full(gap, 0.25), 2.0)

        monkeypatch.setattr(channels, "predict_gap", predict)
        return seen

    def test_what_the_filter_explains_is_taken_and_the_rest_continued_at_a_margin_of_1_db(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = self.predicted(monkeypatch)
        other = noise(3000)
        mine = 0.5 * np.roll(other, 16)  # the farthest delay that 33 taps meet
        answer = channels.fill_from_channel(mine[:1400], mine[1500:], other, 100, rate_hz=RATE_HZ)
        assert answer is not None
        np.testing.assert_allclose(answer.samples, mine[1400:1500] + 0.25, atol=1e-4)
        assert answer.expected_error == pytest.approx(2.0 * 10**0.1)
        ((before, after),) = seen
        assert (before.size, after.size) == (1400, 1500)
        assert abs(before[16:]).max() < 1e-4
        assert abs(after).max() < 1e-4

    @pytest.mark.parametrize(("delay", "helps"), [(16, True), (-16, True), (17, False), (-17, False)])
    def test_delays_up_to_half_the_taps_are_met(
        self, monkeypatch: pytest.MonkeyPatch, delay: int, helps: bool
    ) -> None:
        self.predicted(monkeypatch)
        other = noise(3000)
        mine = np.roll(other, delay)
        answer = channels.fill_from_channel(mine[:1400], mine[1500:], other, 100, rate_hz=RATE_HZ)
        assert (answer is not None) == helps

    @pytest.mark.parametrize(("share", "helps"), [(0.14, True), (0.07, False)])
    def test_a_tenth_of_the_energy_must_be_explained(
        self, monkeypatch: pytest.MonkeyPatch, share: float, helps: bool
    ) -> None:
        self.predicted(monkeypatch)
        other = noise(3000)
        mine = np.sqrt(share) * other + np.sqrt(1 - share) * noise(3000, 2)
        # Of 2400 samples that are fitted to, 33 taps explain about 33 / 2400 by chance.
        answer = channels.fill_from_channel(mine[:1400], mine[1500:], other, 100, rate_hz=RATE_HZ)
        assert (answer is not None) == helps

    def test_the_filter_is_fitted_to_150_ms_on_each_side(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.predicted(monkeypatch)
        other = noise(4000)
        mine = other.copy()
        mine[: 2000 - 1200] = noise(800, 3)  # unrelated, but farther than 1200 samples
        mine[2100 + 1200 :] = noise(700, 4)
        answer = channels.fill_from_channel(mine[:2000], mine[2100:], other, 100, rate_hz=RATE_HZ)
        assert answer is not None
        np.testing.assert_allclose(answer.samples, mine[2000:2100] + 0.25, atol=1e-4)

    @pytest.mark.parametrize(("sides", "helps"), [((264, 0), True), ((263, 0), False), ((0, 264), True)])
    def test_eight_samples_for_each_tap_are_needed(
        self, monkeypatch: pytest.MonkeyPatch, sides: tuple[int, int], helps: bool
    ) -> None:
        self.predicted(monkeypatch)
        x = noise(sum(sides) + 50)
        answer = channels.fill_from_channel(x[: sides[0]], x[sides[0] + 50 :], x, 50, rate_hz=RATE_HZ)
        assert (answer is not None) == helps

    def test_the_best_channel_that_is_healthy_all_around_is_taken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def from_channel(before: Samples, after: Samples, other: Samples, gap: int, **_: Any) -> Prediction:
            asked.append((int(other[0]), before.size, after.size, other.size))
            return Prediction(np.full(gap, other[0]), {0: 3.0, 2: 2.0, 3: 4.0, 4: 5.0}[int(other[0])])

        monkeypatch.setattr(channels, "fill_from_channel", from_channel)
        audio = np.repeat(np.arange(5.0)[:, None], 10_000, axis=1)
        lost = np.zeros(audio.shape, bool)
        gap = Gap(audio, lost, 1, 5000, 5100, 100, 9000, RATE_HZ)
        lost[1, 5000:5100] = lost[3, 2024] = lost[4, 8076] = lost[4, 2023] = True  # 372 ms are 2976 samples
        answer = channels.fill(gap)
        assert answer is not None
        assert answer.expected_error == 2.0
        assert asked == [(k, 2976, 2976, 6052) for k in (0, 2, 4)]
        lost[[0, 2, 4], 8075] = True
        assert channels.fill(gap) is None
        near = Gap(audio, np.zeros(audio.shape, bool), 1, 5000, 5100, 4000, 6000, RATE_HZ)
        asked.clear()
        assert channels.fill(near) is not None
        assert {entry[1:] for entry in asked} == {(1000, 900, 2000)}


class TestTails:
    def test_clicks_of_several_lengths_are_tried_up_to_half_the_span(self) -> None:
        assert model._click_lengths(1000, 10_000) == [1, 2, 4, 7, 10, 15, 22, 40]
        assert model._click_lengths(50, 10_000) == [1, 2, 4, 7, 10, 15, 22, 25]
        assert model._click_lengths(9000, 100_000) == [10, 20, 40, 70, 100, 150, 220, 400]
        assert model._click_lengths(1, 10_000) == [1]

    def test_splines_add_up_to_one_and_follow_waves(self) -> None:
        made, places = model._splines(420, 40)
        assert made.shape == (places.size, 420)
        np.testing.assert_allclose(made.sum(axis=0), 1.0)
        assert places.tolist() == [0, 0, *range(40, 481, 40)]
        wave = np.sin(2 * np.pi * np.arange(420) / 160)  # four knots a period
        weights, *_ = np.linalg.lstsq(made.T, wave, rcond=None)
        assert np.max(np.abs(weights @ made - wave)) < 0.02
        # A short span has knots that fit into it.
        assert len(model._splines(60, 100)[0]) == 7

    def test_tails_are_as_large_as_their_sizes_and_fall(self) -> None:
        places = np.array([0.0, 10.0, 20.0, 40.0])
        made = model._priors(np.array([1.0, 4.0]), places, 40, [0.0, 0.05], (0.5, 1e6), (20.0,))
        assert made.shape == (8, 4, 4)
        np.testing.assert_allclose(
            np.diagonal(made, axis1=1, axis2=2)[4:], 4.0 * 10 ** (-places / 20)[None].repeat(4, 0)
        )
        np.testing.assert_allclose(made[1, 0] ** 2, np.diag(made[1]))  # a jump keeps its shape
        assert made[3, 0, 1] == pytest.approx(-made[1, 0, 1])  # half a period later
        assert made[0, 0, 2] == pytest.approx(np.exp(-0.5) * made[1, 0, 2])

    @pytest.mark.parametrize("frequency_hz", [300.0, 900.0, 2500.0])
    def test_the_frequency_of_a_ringing_is_found(self, frequency_hz: float) -> None:
        time = np.arange(2000) / RATE_HZ
        around = 0.3 * np.sin(2 * np.pi * 1500 * time) + 0.01 * noise(2000)
        sides = (around, around[::-1])
        tail = around[:800] + 0.3 * np.exp(-time[:800] / 0.02) * np.sin(2 * np.pi * frequency_hz * time[:800])
        found = model._ringing(tail, sides, RATE_HZ)
        assert found == pytest.approx(frequency_hz, abs=40.0)

    def test_the_first_12_ms_say_what_rings(self) -> None:
        time = np.arange(2000) / RATE_HZ
        around = 0.001 * noise(2000)
        sides = (around, around[::-1])
        early = round(0.012 * RATE_HZ)
        tail = np.where(np.arange(800) < early, np.sin(2 * np.pi * 900 * time[:800]), 0.0)
        tail[early:] = 3.0 * np.sin(2 * np.pi * 2500 * time[early:800])
        assert model._ringing(tail, sides, RATE_HZ) == pytest.approx(900.0, abs=60.0)

    def test_nothing_below_250_hz_rings(self) -> None:
        time = np.arange(2000) / RATE_HZ
        sides = (0.001 * noise(2000), 0.001 * noise(2000))
        found = model._ringing(np.sin(2 * np.pi * 100 * time), sides, RATE_HZ)
        assert found > 250.0

    def sides(self, audio: Samples, start: int, end: int) -> Sides:
        return ar.fit_sides(audio[:start], audio[end:], rate_hz=RATE_HZ, settings=ArSettings(context_ms=60.0))

    def scene(self, inside: Samples, sides: Sides) -> model.Scene:
        models = [m for m in sides.models if m is not None]
        return model.Scene.seen(inside / sides.peak, (sides.left, sides.right), models)

    def test_click_and_tail_are_solved_for_at_once(self) -> None:
        audio = smooth(3000)
        sides = self.sides(audio, 1400, 1600)
        clean = audio[1400:1600]
        columns, _ = model._splines(200, 40)
        weights = 4.0 * sides.peak * np.array([0.5, -0.4, 0.3, 0.0, 0.2, 0.1, 0.0, 0.0])[: len(columns)]
        damaged = clean + weights @ columns
        damaged[:5] = 0.9
        scene = self.scene(damaged, sides)
        problem = model.Problem(scene, 5, columns, scene.weighed(columns))
        fit = problem.best(np.eye(len(columns))[None], 1.0)
        assert fit.evidence > 10.0
        error = (sides.peak * problem.samples(fit.weights) - clean) ** 2
        assert np.sum(error) < 0.05 * np.sum((damaged - clean) ** 2)
        assert 0.2 < sides.peak**2 * np.sum(problem.variance(fit)) / np.sum(error) < 5.0
        # The least squares in another way: all unknowns at once, by the models' own errors.
        order = scene.products.size // 2
        unknown = np.concatenate([-np.eye(200)[:5], columns])
        weighed = unknown @ scene.weighed(unknown).T
        weighed[np.arange(5, len(unknown)), np.arange(5, len(unknown))] += fit.surprise
        solved = np.linalg.solve(weighed, unknown @ scene.pulled)
        assert scene.rows == 200 + order
        expected = damaged / sides.peak - solved @ unknown
        np.testing.assert_allclose(problem.samples(fit.weights), expected, atol=1e-6)

    def test_the_cost_is_the_prediction_error(self) -> None:
        audio = smooth(3000)
        sides = self.sides(audio, 1400, 1600)
        columns, _ = model._splines(200, 40)
        scene = self.scene(audio[1400:1600], sides)
        assert 0.5 < scene.cost / scene.rows < 2.0
        problem = model.Problem(scene, 3, columns, scene.weighed(columns))
        weights = np.linspace(-0.1, 0.1, len(columns))
        left = self.scene(sides.peak * problem.samples(weights), sides)
        assert problem.cost(weights) == pytest.approx(left.cost, rel=1e-6)

    def gap(self, damage: Samples) -> Gap:
        audio = smooth(8000)[None]
        audio[0, 4000 : 4000 + damage.size] += damage
        return Gap(audio, np.zeros(audio.shape, bool), 0, 4000, 4800, 0, 8000, RATE_HZ)

    def tail(self, size: float, hz: float = 30.0) -> Samples:
        time = np.arange(600) / RATE_HZ
        made = size * np.exp(-time / 0.015) * np.sin(2 * np.pi * hz * time)
        made[:8] += 0.8
        return made

    @pytest.mark.parametrize("hz", [30.0, 900.0])
    def test_a_tail_is_subtracted_and_what_is_behind_it_stays_to_the_bit(self, hz: float) -> None:
        clean, gap = smooth(8000)[4000:4800], self.gap(self.tail(0.5, hz))
        there = gap.mine[4000:4800].copy()
        answer = tails.repair(gap, Prediction(np.zeros(800), 1e9))
        assert answer is not None
        error = np.sum((answer.samples - clean) ** 2)
        assert error < 0.15 * np.sum((there - clean)[8:] ** 2)
        assert np.array_equal(answer.samples[650:], there[650:])
        assert 0.05 < answer.expected_error / error < 20.0

    def test_without_a_tail_the_click_alone_is_filled(self) -> None:
        gap = self.gap(self.tail(0.0))
        there = gap.mine[4000:4800].copy()
        answer = tails.repair(gap, Prediction(np.zeros(800), 3.0))
        assert answer is not None
        assert np.array_equal(answer.samples[32:], there[32:])
        assert np.max(np.abs(answer.samples[:8] - smooth(8000)[4000:4008])) < 0.4

    def test_a_short_span_of_noise_is_filled_as_a_whole(self) -> None:
        """No tail explains it, and what a click alone leaves is far from all that the sides foresee."""
        for size, repaired in ((0.0, True), (20.0, False)):
            audio = smooth(8000)[None]
            audio[0, 4000:4040] += size * noise(40, 5)
            gap = Gap(audio, np.zeros(audio.shape, bool), 0, 4000, 4040, 0, 8000, RATE_HZ)
            prior = ar.predict_gap(audio[0, :4000], audio[0, 4040:], 40, rate_hz=RATE_HZ)
            assert (tails.repair(gap, prior) is not None) == repaired
        # A long one is not: there the fill knows too little to be held against.
        audio[0, 4040:4080] += size * noise(40, 6)
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 4000, 4080, 0, 8000, RATE_HZ)
        answer = tails.repair(gap, Prediction(np.zeros(80), 1.0))
        assert answer is not None
        peak = max(abs(audio[0, :4000]).max(), abs(audio[0, 4080:]).max())
        assert np.max(np.abs(answer.samples[:4])) <= 1.5 * peak + 1e-9

    def test_a_note_that_begins_there_is_no_tail(self) -> None:
        """It does not fall: what rings is not taken for a tail, and not much of it is lost."""
        time = np.arange(4000) / RATE_HZ
        note = 0.5 * np.minimum(time / 0.002, 1.0) * np.sin(2 * np.pi * 700.0 * time)
        gap = self.gap(note)
        gap.mine[4000:4008] += 0.8
        clean = smooth(8000)[4000:4800] + note[:800]
        answer = tails.repair(gap, Prediction(np.zeros(800), 1e9))
        assert answer is not None
        assert np.sum((answer.samples - clean) ** 2) < 0.1 * np.sum(clean**2)

    def test_in_a_span_of_seconds_no_tail_is_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It would take gigabytes."""
        asked = []
        monkeypatch.setattr(
            tails, "fit_sides", lambda *_, **__: asked.append(1) or Sides(*[np.ones(9)] * 2, [], 1.0)
        )
        for rate_hz, length_ms, looked in ((44_100, 500, True), (44_100, 800, False), (192_000, 300, False)):
            length = length_ms * rate_hz // 1000
            gap = Gap(
                np.ones((1, length + 20)), np.zeros((1, 1), bool), 0, 10, 10 + length, 0, length + 20, rate_hz
            )
            asked.clear()
            assert tails.repair(gap, Prediction(np.zeros(length), 1.0)) is None
            assert bool(asked) == looked

    @pytest.mark.parametrize(("length", "tried"), [(32, False), (33, True)])
    def test_spans_up_to_4_ms_are_clicks_alone(self, length: int, tried: bool) -> None:
        audio = smooth(4000)[None]
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 2000, 2000 + length, 0, 4000, RATE_HZ)
        answer = tails.repair(gap, Prediction(np.zeros(length), 3.0))
        assert (answer is not None) == tried

    @pytest.fixture
    def subtracted(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """What is left of a tail ``(800,)`` behind a click of 8 samples, where it is told as it is."""

        def run(tail: Samples) -> Samples:
            gap = self.gap(tail)
            clean = gap.mine[4000:4800] - tail

            peak = ar.fit_sides(gap.before, gap.after, rate_hz=RATE_HZ, settings=tails.MODELS).peak
            made = SimpleNamespace(
                click=8, samples=lambda _: clean / peak, variance=lambda _: np.full(800, 1e-6)
            )
            found = SimpleNamespace(problem=made, fit=SimpleNamespace(weights=None))
            monkeypatch.setattr(tails, "told", lambda *_: found)
            answer = tails.repair(gap, Prediction(np.zeros(800), 1e9))
            assert answer is not None
            return answer.samples - clean

        return run

    def test_a_thousandth_of_a_tail_stays_at_its_end(self, subtracted: Any) -> None:
        """Its energy falls by e in 25 samples, so to a thousandth in 173; two milliseconds fade into it."""
        tail = np.exp(-np.arange(800) / 50)
        left = subtracted(tail) / tail
        reach = 8 + round(25 * np.log(1000))
        assert np.flatnonzero(np.abs(left) > 1e-9)[0] == pytest.approx(reach - 15, abs=2)
        np.testing.assert_allclose(left[reach + 2 :], 1.0)
        np.testing.assert_allclose(np.diff(left[reach - 13 : reach - 2]), 1 / 16)

    @pytest.mark.parametrize(("size", "taken"), [(0.9 * 2.0**-16, False), (1.1 * 2.0**-16, True)])
    def test_half_a_step_of_sixteen_bit_is_no_tail(self, subtracted: Any, size: float, taken: bool) -> None:
        tail = np.r_[np.ones(8), np.full(792, size)]
        assert (np.abs(subtracted(tail)[400]) < size / 2) == taken

    @pytest.mark.parametrize(("times", "taken"), [(7.8, False), (8.2, True)])
    def test_what_is_taken_is_averaged_over_eight_milliseconds(
        self, subtracted: Any, times: float, taken: bool
    ) -> None:
        """A single sample counts as the root of one in 64."""
        tail = np.zeros(800)
        tail[400] = times * 2.0**-16
        assert (subtracted(tail)[400] < 0.99 * tail[400]) == taken

    def test_what_is_no_number_is_no_repair(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told = SimpleNamespace(
            click=8, samples=lambda _: np.full(800, np.nan), variance=lambda _: np.ones(800)
        )
        found = SimpleNamespace(problem=told, fit=SimpleNamespace(weights=None))
        monkeypatch.setattr(tails, "told", lambda *_: found)
        assert tails.repair(self.gap(self.tail(0.5)), Prediction(np.zeros(800), 1e9)) is None

    def test_both_sides_are_longer_than_the_filters(self) -> None:
        gap = self.gap(self.tail(0.5))
        for first, last in ((3900, 8000), (0, 4900)):
            short = Gap(gap.audio, gap.lost, 0, 4000, 4800, first, last, RATE_HZ)
            assert tails.repair(short, Prediction(np.zeros(800), 1e9)) is None

    def test_which_tails_are_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Jumps and oscillations of 9 to 85 Hz, ringings besides; loud and soft, short and long."""
        asked: list[tuple[Any, ...]] = []
        broad: list[Samples] = []
        priors, with_click = model._priors, model._with_click

        def ask(*arguments: Any) -> Samples:
            asked.append(arguments)
            return priors(*arguments)

        def look(*arguments: Any) -> Any:
            broad.append(arguments[3])
            return with_click(*arguments)

        monkeypatch.setattr(model, "_priors", ask)
        monkeypatch.setattr(model, "_with_click", look)
        gap = self.gap(self.tail(0.5))
        largest = np.abs(gap.mine[4000:4800]).max() / np.abs(np.r_[gap.before, gap.after]).max()
        assert tails.repair(gap, Prediction(np.zeros(800), 1e9)) is not None
        slow, fast = asked
        for sizes, places, *_ in asked:
            np.testing.assert_allclose(np.sqrt(sizes), np.array([1.0, 0.3, 0.1, 0.03]) * sizes[0] ** 0.5)
            assert np.sqrt(sizes[0]) == pytest.approx(largest, rel=0.3)
            assert set(np.diff(places)[2:]) == ({24.0} if places is slow[1] else {12.0})
        assert (slow[2], slow[4:]) == (800, ((0.25, 1.0), (15.0, 35.0, 70.0)))
        assert np.array(slow[3]) * RATE_HZ == pytest.approx([0, 9, 14, 20, 28, 38, 50, 66, 85])
        assert fast[2:] == (320, [0.0], (0.05, 0.15, 0.5), (30.0, 60.0, 120.0))
        level_db = 10 * np.log10(np.diagonal(broad[0][0]) / slow[0][0])
        np.testing.assert_allclose(level_db, -60.0 * slow[1] / 800)

    def test_a_ringing_stands_above_what_sounded_right_before(self) -> None:
        """Fifty milliseconds are compared: what the music did earlier is no reason to overlook it."""
        time = np.arange(96 * 40)
        tone = np.sin(2 * np.pi * 900.0 / RATE_HZ * time)
        tail = (tone + 0.8 * np.sin(2 * np.pi * 2000.0 / RATE_HZ * time))[:400]
        left = 0.01 * noise(time.size) + tone * (time < 96 * 35)
        near = 0.01 * noise(time.size) + tone * (time >= 96 * 37)
        for side, hz in ((left, 900.0), (near, 2000.0)):
            sides = (side, 0.01 * noise(time.size, 2))
            assert model._ringing(tail, sides, RATE_HZ) == pytest.approx(hz, abs=20.0)


def test_a_fill_whose_sides_disagree_is_quieter_but_at_its_edges() -> None:
    fill = np.ones(4410)
    for apart, inside in ((0.0, 1.0), (4410.0, 1.0), (4 * 4410.0, 1 / 1.9), (np.inf, 0.0)):
        kept = ar._agreed(fill, apart, 44_100)
        np.testing.assert_allclose(kept[220:-220], inside, atol=1e-4)
        assert min(kept[0], kept[-1]) > 0.999
        np.testing.assert_allclose(kept, kept[::-1])
    assert np.all(ar._agreed(np.zeros(4410), 1.0, 44_100) == 1.0)


def test_noise_is_filled_with_less_energy_and_a_tone_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    tone, noise = np.sin(0.05 * np.arange(20_000)), np.random.default_rng(3).standard_normal(20_000)
    for sound, least, most in ((tone, 0.999, 1.0), (np.convolve(noise, np.hanning(40), "same"), 0.0, 0.9)):
        energies = []
        for apart in (ar.MOST_APART, np.inf):
            monkeypatch.setattr(ar, "MOST_APART", apart)
            ar._rules.cache_clear()
            filled = ar.fill_gap(sound[:9000], sound[10_000:], 1000, rate_hz=44_100)
            energies.append(float(filled @ filled))
            monkeypatch.undo()
            ar._rules.cache_clear()
        assert least <= energies[0] / energies[1] <= most
