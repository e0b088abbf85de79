"""What the repair of dropouts computes, in small cases with answers by hand."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.fill import doubt, loss, remains, workings
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.fill.loss import Scene, estimate_loss
from restore_audio.signal.fades import edge_fade

Samples = NDArray[np.float64]
RATE_HZ = 8000


def noise(*shape: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).standard_normal(shape)


class TestFrames:
    @pytest.mark.parametrize(
        ("length_ms", "size"), [(100.0, 512), (30.0, 512), (29.9, 256), (12.1, 256), (11.9, 128), (1.0, 128)]
    )
    def test_short_spans_are_seen_in_short_frames(self, length_ms: float, size: int) -> None:
        assert workings._frame(round(length_ms * 44.1), 44_100) == (size, size // 8)

    def test_frames_have_at_least_32_samples(self) -> None:
        assert workings._frame(10, 8000) == (32, 4)

    def test_synthesis_undoes_analysis(self) -> None:
        window = np.sqrt(np.hanning(65)[:-1])
        audio = noise(640)
        spectrum = workings.analysed(audio, window, 8)
        assert spectrum.shape == (33, 73)
        np.testing.assert_allclose(spectrum[:, 3], np.fft.rfft(audio[24:88] * window))
        np.testing.assert_allclose(remains._synthesised(spectrum, window, 8, 640)[1:-1], audio[1:-1])

    def test_bands_have_400_hz_or_three_tenths_of_their_frequency(self) -> None:
        edges = workings._band_edges(257, 51_200)  # 100 Hz a bin
        assert edges[:5].tolist() == [0, 4, 8, 12, 16]
        widths = np.diff(edges)
        assert edges[-1] == 257
        for first, width in zip(edges[4:-2].tolist(), widths[4:-1].tolist(), strict=True):
            assert width == round(max(4.0, 0.3 * (first + 1)))
        assert widths[-1] >= 3

    def test_at_both_edges_the_record_fades_in_alike(self) -> None:
        share = edge_fade(9, 2)
        np.testing.assert_allclose(share, [0.25, 0.75, 1, 1, 1, 1, 1, 0.75, 0.25])
        np.testing.assert_allclose(edge_fade(3, 2), [0.25, 0.75, 0.25])

    @pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 96_000])
    def test_no_band_is_too_narrow_to_be_told(self, rate_hz: int) -> None:
        for bins in (17, 33, 65, 129, 257):
            edges = workings._band_edges(bins, rate_hz)
            widths = np.diff(edges)
            assert (edges[0], edges[-1]) == (0, bins)
            assert np.all(widths >= 2)
            assert widths[-1] >= 3

    def test_the_spread_of_levels_is_that_in_time_and_between_both_sides(self) -> None:
        shown = np.ones((4, 6), dtype=complex)
        shown[:2, :3] *= 2.0
        shown[:2, 3:] *= 6.0
        shown[2:, 0] = np.e  # a band that varies before: log power 2, 0, 0
        before = np.array([True, True, True, False, False, False])
        spread = workings._spread(shown, before, ~before, np.array([0, 2, 4]))
        assert spread[0] == pytest.approx(0.25 * (2 * np.log(3.0)) ** 2)
        varied = 0.5 * np.var([2.0, 0.0, 0.0])
        apart = 0.25 * np.log((np.e**2 + 2) / 3) ** 2
        assert spread[1] == pytest.approx(varied + apart)

    def test_silence_has_a_spread_too(self) -> None:
        before = np.array([True, True, False, False])
        spread = workings._spread(np.zeros((4, 4), dtype=complex), before, ~before, np.array([0, 2, 4]))
        np.testing.assert_array_equal(spread, [0.0, 0.0])

    def test_the_error_of_a_prediction_grows_from_both_edges(self) -> None:
        """x[n] = e[n]: every sample errs by the variance of e, whatever the distance; two sides halve it."""
        window = np.sqrt(np.hanning(65)[:-1])
        white = (np.array([1.0]), 4.0)
        centres = np.array([10, 50, 90])
        one = workings._prediction_variance(SimpleNamespace(models=[white, None]), 100, centres, window)  # type: ignore[arg-type]
        np.testing.assert_allclose(one, np.sum(window**2) / 4.0, rtol=1e-6)
        two = workings._prediction_variance(SimpleNamespace(models=[white, white]), 100, centres, window)  # type: ignore[arg-type]
        np.testing.assert_allclose(two, np.sum(window**2) / 8.0, rtol=1e-6)
        slow = (np.array([1.0, -0.99]), 1.0)
        left = workings._prediction_variance(SimpleNamespace(models=[slow, None]), 100, centres, window)  # type: ignore[arg-type]
        right = workings._prediction_variance(SimpleNamespace(models=[None, slow]), 100, 99 - centres, window)  # type: ignore[arg-type]
        np.testing.assert_allclose(left, right)
        assert left[0, 0] < left[0, 1] < left[0, 2]
        # After n samples a sum of n decaying values: |1 + 0.99 + … + 0.99^(n-1)|² at 0 Hz, about n².
        total = (1 - 0.99**10) / 0.01
        assert left[0, 0] == pytest.approx(total**2 * np.sum(window**2), rel=0.35)


class TestMerge:
    def merged(self, lost: float, variance: float, noise_power: float = 0.0, undone: float = 1.0) -> Any:
        shape = (3, 12)
        scene = SimpleNamespace(
            predicted=np.full(shape, 2.0 + 0j),
            variance=np.full(shape, variance),
            centres=np.arange(12) * 8,
            window=np.sqrt(np.hanning(65)[:-1]),
        )
        made = loss.Loss(np.full(shape, lost), np.zeros(shape), np.zeros(200), noise_power, np.zeros(3))
        merged, error = remains._merged(scene, made, np.full(shape, undone + 0j), np.log(10.0) * 1.5)  # type: ignore[arg-type]
        return merged[1, 5].real, error[1, 5]

    def test_what_lost_nothing_stays_and_what_is_predicted_surely_is_predicted(self) -> None:
        assert self.merged(0.0, 4.0)[0] == pytest.approx(1.0, abs=1e-6)
        value, _ = self.merged(2.0, 1e-9, undone=2.0 * np.exp(-2.0))
        assert value == pytest.approx(2.0, abs=1e-4)

    def test_both_are_averaged_by_one_over_their_variances(self) -> None:
        lost, variance = 1.0, 0.05
        undone = 2.2 * np.exp(-lost)  # restored to 2.2, where 2.0 is predicted
        error = (0.08 * lost) ** 2 * 2.2**2
        weight = variance / (variance + error)
        value, left = self.merged(lost, variance, undone=undone)
        assert value == pytest.approx(weight * 2.2 + (1 - weight) * 2.0, rel=1e-6)
        assert left == pytest.approx(1.0 / (1.0 / variance + 1.0 / error), rel=1e-6)

    def test_noise_counts_as_often_as_it_is_amplified(self) -> None:
        error = (0.08 * 1.0) ** 2 * 2.2**2 + 0.01 * np.exp(2.0)
        weight = 0.05 / (0.05 + error)
        value, _ = self.merged(1.0, 0.05, noise_power=0.01, undone=2.2 * np.exp(-1.0))
        assert value == pytest.approx(weight * 2.2 + (1 - weight) * 2.0, rel=1e-6)

    def test_a_prediction_that_differs_by_too_much_is_not_trusted_around_there(self) -> None:
        """Averaged over three bins and eight frames."""
        shape = (9, 40)
        scene = SimpleNamespace(
            predicted=np.full(shape, 2.0 + 0j),
            variance=np.full(shape, 1e-9),
            centres=np.arange(40) * 8,
            window=np.sqrt(np.hanning(65)[:-1]),
        )
        restored = np.full(shape, 2.2 + 0j)
        restored[4, 20] = 1e3
        made = loss.Loss(np.full(shape, 1.0), np.zeros(shape), np.zeros(400), 0.0, np.zeros(9))
        merged, _ = remains._merged(scene, made, restored * np.exp(-1.0), np.log(10.0) * 1.5)  # type: ignore[arg-type]
        recorded = np.abs(merged - restored) < 0.01
        assert np.flatnonzero(recorded.any(axis=1)).tolist() == [3, 4, 5]
        assert np.count_nonzero(recorded[3]) == np.count_nonzero(recorded[5]) == 8
        np.testing.assert_allclose(merged[~recorded][:5].real, 2.0, atol=1e-3)

    def test_no_more_than_30_db_is_undone(self) -> None:
        lost = np.log(10.0) * 1.5 + 2.0
        # 30 dB above 0.1, with an error of the 2 that stay lost besides that of every loss.
        restored = 0.1 * 10**1.5
        error = ((0.08 * lost) ** 2 + 2.0**2) * restored**2
        weight = 1.0 / (1.0 + error)
        value, _ = self.merged(lost, 1.0, undone=0.1)
        assert value == pytest.approx(weight * restored + (1 - weight) * 2.0, rel=1e-6)


class TestLoss:
    def test_courses_are_trapezoids_of_all_pairs_of_flanks(self) -> None:
        courses = loss._courses(200, 1000)
        flanks = [0.5, 1, 2, 4, 8, 16, 32, 64, 70, 100]  # ms, that lie below 0.35 of 200; and the two shares
        assert courses.shape == (len(flanks) ** 2, 200)
        assert (courses >= 0).all()
        assert courses.max() == 1.0
        first = courses[len(flanks) * 4 + 2]  # rises over 8, falls over 2
        np.testing.assert_allclose(first[:8], np.sin(0.5 * np.pi * np.arange(1, 9) / 9) ** 2)
        np.testing.assert_allclose(first[-2:], np.sin(0.5 * np.pi * np.array([2, 1]) / 3) ** 2)
        np.testing.assert_array_equal(first[8:-2], 1.0)
        assert loss._courses(100, 1000).shape[0] == 9**2  # 32 ms are, 64 ms are not below 35
        for number, flank in enumerate(flanks):
            rise = np.sin(0.5 * np.pi * np.minimum(np.arange(1, 201) / (flank + 1), 1)) ** 2
            np.testing.assert_allclose(courses[(len(flanks) + 1) * number], rise * rise[::-1])

    def test_colours_are_flat_sloped_and_stepped(self) -> None:
        hz = np.linspace(0.0, 20_000.0, 201)
        flat, sloped, stepped = loss._colours(hz, ("flat", "sloped", "stepped"))
        np.testing.assert_array_equal(flat, np.ones((1, 201)))
        np.testing.assert_allclose(sloped[0], hz / 20_000)
        for made, share in zip(sloped, (0.0, 0.05, 0.15, 0.4), strict=True):
            np.testing.assert_allclose(made, (share + hz / 20_000) / (share + 1.0))
        np.testing.assert_allclose(stepped[0], 1.0 - 1.0 / (1.0 + (hz / 700.0) ** 8))
        assert len(stepped) == 16
        assert len(loss._colours(np.linspace(0.0, 5000.0, 51), ("stepped",))[0]) == sum(
            c < 4000.0 for c in np.geomspace(700.0, 9000.0, 16)
        )

    def test_frames_see_courses_by_the_power_of_their_window(self) -> None:
        window = np.hanning(9)[:-1]
        course = np.arange(40.0)[None]
        seen = loss.seen_by_frames(course, np.array([20, 4, 0]), window)
        weights = window**2 / np.sum(window**2)
        assert seen[0, 0] == pytest.approx(np.sum(weights * np.arange(16, 24)))
        assert seen[0, 1] == pytest.approx(np.sum(weights * np.arange(0, 8)))
        assert seen[0, 2] == pytest.approx(np.sum(weights[4:] * np.arange(0, 4)))  # nothing before the span

    def test_bands_are_means_of_their_bins(self) -> None:
        cells = np.arange(12.0).reshape(6, 2)
        np.testing.assert_allclose(loss._band_means(cells, np.array([0, 2, 6])), [[1, 2], [7, 8]])

    def scene(self, lost: Samples, noise_power: float = 0.0) -> Scene:
        bins, frames = lost.shape
        predicted = noise(bins, frames, seed=2) + 1j * noise(bins, frames, seed=3)
        predicted *= 3.0
        error = 0.3 * (noise(bins, frames, seed=4) + 1j * noise(bins, frames, seed=5))
        added = np.sqrt(noise_power / 2) * (noise(bins, frames, seed=6) + 1j * noise(bins, frames, seed=7))
        return Scene(
            damaged=np.exp(-lost) * (predicted + error) + added,
            predicted=predicted,
            variance=np.full(lost.shape, 0.18),
            spread=np.full(4, 0.1),
            edges=np.array([0, 8, 16, 32, 65]),
            frequencies_hz=np.linspace(0.0, 22_050.0, bins),
            centres=np.arange(frames) * 16,
            window=np.sqrt(np.hanning(129)[:-1]),
            length=16 * frames,
            rate_hz=44_100,
        )

    @pytest.mark.parametrize("depth_db", [6.0, 20.0, 30.0])
    def test_a_flat_loss_is_found(self, depth_db: float) -> None:
        depth = np.log(10.0) * depth_db / 20
        found = estimate_loss(self.scene(np.full((65, 60), depth)))
        assert found is not None
        np.testing.assert_allclose(found.lost[:, 20:40], depth, atol=0.15)
        np.testing.assert_allclose(found.alike[400:560], depth, atol=0.2)
        assert found.error[:, 20:40].max() < 0.3
        assert found.noise < 0.02

    def test_a_sloped_loss_is_found_and_nothing_is_lost_alike(self) -> None:
        lost = 2.0 * np.linspace(0.0, 1.0, 65)[:, None] * np.ones((65, 60))
        found = estimate_loss(self.scene(lost), ("sloped", "stepped"))
        assert found is not None
        np.testing.assert_allclose(found.lost[16:, 20:40], lost[16:, 20:40], atol=0.3)
        assert found.alike.max() < 0.1

    def test_a_stepped_loss_leaves_the_bands_below_it(self) -> None:
        hz = np.linspace(0.0, 22_050.0, 65)
        lost = 2.5 * (1.0 - 1.0 / (1.0 + (hz / 6400.0) ** 8))[:, None] * np.ones((65, 60))
        found = estimate_loss(self.scene(lost), ("sloped", "stepped"))
        assert found is not None
        np.testing.assert_array_equal(found.lost[:8], 0.0)
        np.testing.assert_allclose(found.lost[36:, 20:40], 2.5, atol=0.3)
        assert not found.alike.any()

    def test_noise_under_the_loss_is_found(self) -> None:
        found = estimate_loss(self.scene(np.full((65, 60), np.log(30.0)), noise_power=0.3))
        assert found is not None
        assert 0.1 < found.noise < 0.9

    def test_nothing_is_found_where_nothing_is_lost(self) -> None:
        assert estimate_loss(self.scene(np.zeros((65, 60)))) is None

    def told(
        self, powers: list[float], depths: list[float], spread: list[float] | None = None
    ) -> list[tuple[float, float]]:
        """Depth and noise of what is tried where each band of 8 bins has lost so much of a power."""
        count = len(powers)
        scene = SimpleNamespace(
            damaged=np.repeat(np.sqrt(np.array(powers) * np.exp(-np.array(depths))), 8)[:, None] * np.ones(5),
            predicted=np.repeat(np.sqrt(powers), 8)[:, None] * np.ones(5),
            variance=np.zeros((8 * count, 5)),
            spread=np.array(spread or [0.0] * count),
            edges=8 * np.arange(count + 1),
        )
        made = loss._candidates(scene, [np.ones((1, 8 * count))], np.ones((1, 5)))  # type: ignore[arg-type]
        return [(depth, noise) for depth, _, _, noise in made]

    def test_a_depth_is_the_mean_of_the_bands_by_their_spread_and_half(self) -> None:
        depth, noise = self.told([4.0, 4.0], [1.0, 1.0])[0]
        assert (depth, noise) == (pytest.approx(1.0), 0.0)
        assert self.told([4.0, 4.0], [1.0, 4.0])[0][0] == pytest.approx(2.5)
        assert self.told([4.0, 4.0], [-1.0, -1.0])[0][0] == 0.0
        assert self.told([4e9, 4e9], [45.0, 45.0])[0][0] == 40.0  # no loss is deeper
        # Weights of 1 / 0.5 and 1 / (0.5 + 0.5).
        assert self.told([4.0, 4.0], [1.0, 4.0], [0.0, 0.5])[0][0] == pytest.approx(2.0)

    @pytest.mark.parametrize(("power", "counts"), [(1.1e-8, True), (0.9e-8, False)])
    def test_bands_below_a_hundred_millionth_of_the_strongest_say_nothing(
        self, power: float, counts: bool
    ) -> None:
        depth, _ = self.told([1.0, power], [1.0, 4.0])[0]
        assert depth == pytest.approx(2.5 if counts else 1.0, abs=1e-3)

    def test_noise_is_tried_from_the_quietest_band_on(self) -> None:
        tried = [noise for _, noise in self.told([4.0, 400.0], [1.0, 1.0])]
        quietest = 4.0 * np.exp(-1.0)
        np.testing.assert_allclose(tried, [0.0, *(quietest * np.exp(np.arange(-1.0, 3.0, 0.5)))])
        # Bands that are not three times as strong tell nothing; of the others it is taken off.
        depth, noise = self.told([4.0, 400.0], [1.0, 1.0])[3]
        assert noise == pytest.approx(quietest)
        assert depth == pytest.approx(-np.log((400.0 * np.exp(-1.0) - quietest) / 400.0))

    def test_half_of_the_overlap_is_compared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[slice] = []
        likelihood = loss._Likelihood

        def look(scene: Scene, some: slice) -> loss._Likelihood:
            seen.append(some)
            return likelihood(scene, some)

        monkeypatch.setattr(loss, "_Likelihood", look)
        scene = self.scene(np.full((65, 60), 1.0))
        estimate_loss(dataclasses.replace(scene, centres=scene.centres + 16))
        assert seen == [slice(None, None, 4)]  # frames of 128 samples, 16 apart

    def test_losses_count_by_their_likelihood(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fifteen frames are compared: costs that differ by 300 / 15 · ln 3 are three to one."""
        costs = {1.0: 5.0, 3.0: 5.0 + 20.0 * np.log(3.0), 9.0: 1e4}
        monkeypatch.setattr(loss, "_REFINED", 0)
        monkeypatch.setattr(loss._Likelihood, "cost", lambda _, depth, *__: costs[depth])
        flat = [(depth, np.ones(65), 0, depth / 10) for depth in costs]
        monkeypatch.setattr(loss, "_candidates", lambda *_: iter(flat))
        monkeypatch.setattr(loss, "_courses", lambda *_: np.ones((1, 960)))
        found = estimate_loss(self.scene(np.full((65, 60), 0.75)))
        assert found is not None
        np.testing.assert_allclose(found.lost[:, 20:40], 0.5 * (0.75 * 1.0 + 0.25 * 3.0))
        np.testing.assert_allclose(found.error[:, 20:40], 0.5 * np.sqrt(3 / 16) * 2.0)
        np.testing.assert_allclose(found.alike, 0.75)
        assert found.noise == pytest.approx(0.75 * 0.1 + 0.25 * 0.3)

    def test_the_four_likeliest_are_tried_a_little_deeper_and_shallower(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tried: list[float] = []

        def cost(_: loss._Likelihood, depth: float, *__: Any) -> float:
            tried.append(depth)
            return depth

        monkeypatch.setattr(loss._Likelihood, "cost", cost)
        flat = [(float(depth), np.ones(65), 0, 0.0) for depth in (5, 1, 4, 2, 3)]
        monkeypatch.setattr(loss, "_candidates", lambda *_: iter(flat))
        estimate_loss(self.scene(np.full((65, 60), 0.75)))
        assert tried[:5] == [5.0, 1.0, 4.0, 2.0, 3.0]
        expected = [step * depth for depth in (1, 2, 3, 4) for step in (0.7, 0.85, 1.15, 1.3)]
        np.testing.assert_allclose(tried[5:], expected)

    def test_likelihoods_are_those_of_complex_normal_cells(self) -> None:
        scene = self.scene(np.zeros((65, 60)))
        likelihood = loss._Likelihood(scene, slice(None, None, 2))
        lost = np.full((65, 30), 0.5)
        gain = np.exp(-0.5)
        predicted = scene.predicted[:, ::2]
        variance = gain**2 * (0.18 + 0.003 * abs(predicted) ** 2) + 0.2
        distance = np.minimum(abs(scene.damaged[:, ::2] - gain * predicted) ** 2 / variance, 20.0)
        expected = np.mean(distance + np.log(variance), axis=1)
        np.testing.assert_allclose(likelihood.by_bin(lost, 0.2), expected)
        cost = likelihood.cost(1.0, np.ones(65), np.ones(30), 0.2)  # depths are of power: half as much lost
        assert cost == pytest.approx(expected.sum())


class TestRepair:
    """What the repair asks of its surroundings; at 8000 Hz 30 ms are 240 samples, a frame is 64 long."""

    def gap(self, first: int = 0, last: int = 4000, length: int = 240) -> Gap:
        audio = 0.1 * noise(4000)[None]
        audio[0, 2000 : 2000 + length] *= 0.1
        return Gap(
            audio, np.zeros(audio.shape, bool), 0, 2000, 2000 + length, first, last, RATE_HZ, "dropout"
        )

    def test_forty_milliseconds_and_a_frame_are_needed_on_both_sides(self) -> None:
        size, hop = workings._frame(240, RATE_HZ)
        context = 320 // hop * hop + size
        prior = Prediction(np.zeros(240), 1e9)
        assert remains.repair(self.gap(2000 - context, 2240 + context), prior) is not None
        assert remains.repair(self.gap(2001 - context), prior) is None
        assert remains.repair(self.gap(last=2239 + context), prior) is None

    def test_it_expects_no_more_error_than_the_fill_that_it_is_made_of(self) -> None:
        prior = Prediction(np.zeros(240), 1e-9)
        repaired = remains.repair(self.gap(), prior)
        assert repaired is not None
        assert repaired.expected_error == 1e-9
        expected = remains.repair(self.gap(), Prediction(np.zeros(240), 1e9))
        assert expected is not None
        clean = 0.1 * noise(4000)[2000:2240]
        error = np.sum((expected.samples - clean) ** 2)
        assert 0.05 < expected.expected_error / error < 20.0
        assert error < 0.6 * np.sum((0.9 * clean) ** 2)

    def test_within_half_a_millisecond_of_both_ends_it_joins_the_record(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remains, "_synthesised", lambda *args: np.full(args[3], 7.0))
        gap = self.gap()
        repaired = remains.repair(gap, Prediction(np.zeros(240), 1e9))
        assert repaired is not None
        level = repaired.samples[120]  # of the constant, as loud as the surroundings are scaled
        share = (repaired.samples - gap.mine[2000:2240]) / (level - gap.mine[2000:2240])
        rise = np.sin(0.5 * np.pi * np.arange(1, 5) / 5) ** 2
        np.testing.assert_allclose(share[:4], rise)
        np.testing.assert_allclose(share[-4:], rise[::-1])
        np.testing.assert_allclose(share[4:-4], 1.0)

    def test_silence_around_has_nothing_to_compare_with(self) -> None:
        gap = self.gap()
        gap.audio[:] = 0.0
        assert remains.repair(gap, Prediction(np.zeros(240), 1.0)) is None


class TestBounds:
    """What is predicted is no louder than the level that each band has beside the span lets expect."""

    EDGES = np.array([0, 2, 5])

    def test_each_band_keeps_2_db_above_the_course_between_its_levels(self) -> None:
        before, after = np.ones((5, 3)), np.ones((5, 4))
        before[2:], after[2:] = 10.0, 0.1  # the upper band falls by 40 dB
        course = np.array([[1.0, 1.0, 1.0], [100.0, 1.0, 0.01]])
        for louder_db, share in ((-20.0, 1.0), (1.9, 1.0), (6.0, 10**-0.4), (20.0, 10**-1.8)):
            expected = np.repeat(course * 10 ** (louder_db / 10), [2, 3], axis=0)
            shares = workings._bounded(expected, (before, after), self.EDGES, np.array([0.0, 0.5, 1.0]))
            np.testing.assert_allclose(shares, share, rtol=1e-9)

    def test_what_begins_behind_a_span_is_not_continued_into_it(self) -> None:
        rng = np.random.default_rng(2)
        audio = 0.01 * rng.standard_normal((1, 40_000))
        audio[0, 20_000 + 2000 + 900 :] *= 30.0  # 20 ms behind it, 30 dB louder
        lost = np.zeros(audio.shape, bool)
        lost[0, 20_000:22_000] = True
        clean = audio[0, 20_000:22_000].copy()
        audio[0, 20_000:22_000] *= 0.03 + 0.97 * np.abs(np.linspace(-1, 1, 2000)) ** 4
        gap = Gap(audio, lost, 0, 20_000, 22_000, 0, 40_000, 44_100, "dropout")
        loud = Prediction(0.3 * rng.standard_normal(2000), 2000 * 0.09)
        repaired = remains.repair(gap, loud)
        assert repaired is not None
        assert np.sum(repaired.samples**2) < 2.5 * np.sum(clean**2)


class TestDoubt:
    """Samples stay that differ from a fill by less than twice the error of such fills beside the gap."""

    @pytest.mark.parametrize(
        ("kind", "differs", "share"),
        [
            ("click", 1.99, 0.0),
            ("click", 2.01, 1.0),
            ("concealed", 1.99, 0.0),  # a stand-in is averaged with its fill
            ("concealed", 2.5, 0.6),
            ("concealed", 4.0, 0.75),
            ("interpolated", 0.99, 0.0),
            ("interpolated", 2.0, 0.5),
            ("interpolated", 4.0, 0.75),
            ("zeros", 0.1, 1.0),
            ("given", 0.1, 1.0),
        ],
    )
    def test_by_kind(self, monkeypatch: pytest.MonkeyPatch, kind: str, differs: float, share: float) -> None:
        monkeypatch.setattr(
            doubt, "_errors_beside", lambda *_: [0.5, 2.0]
        )  # of energy 1 by the geometric mean
        audio = np.zeros((1, 100))
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 50, 54, 0, 100, RATE_HZ, kind)
        prediction = Prediction(np.full(4, np.sqrt(differs / 4)), 1.0)
        made = doubt.settled(gap, prediction)
        if share:
            assert isinstance(made, Prediction)
            np.testing.assert_allclose(made.samples, share * prediction.samples)
        else:
            assert made == doubt.AGREES
        audio[0, 51] = np.nan
        assert doubt.settled(gap, prediction) is prediction
        monkeypatch.setattr(doubt, "_errors_beside", lambda *_: [])
        audio[0, 51] = 0.0
        assert doubt.settled(gap, prediction) is prediction

    def test_pseudo_gaps_lie_30_and_75_ms_away_on_both_sides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        places = []
        audio = noise(1, 6000)

        def predict(before: Samples, after: Samples, gap: int, **_: Any) -> Prediction:
            places.append((before.size - reach, reach + 80 + reach - after.size - reach))
            truth = audio[0, 3000 + places[-1][0] : 3000 + places[-1][1]]
            return Prediction(truth + 0.1, float(gap))

        reach = round((75.0 + 186.0) * 8) + 80
        monkeypatch.setattr(doubt, "predict_gap", predict)
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 3000, 3080, 0, 6000, RATE_HZ, "click")
        errors = doubt._errors_beside(gap, audio[0, 3000:3080])
        assert places == [(-320, -240), (320, 400), (-680, -600), (680, 760)]
        np.testing.assert_allclose(errors, 80 * 0.01 / 80)  # in units of the error that each expects

    @pytest.mark.parametrize(("first", "count"), [(2160, 4), (2161, 3), (2520, 3), (2521, 2)])
    def test_each_needs_twenty_milliseconds_beyond_it(
        self, monkeypatch: pytest.MonkeyPatch, first: int, count: int
    ) -> None:
        monkeypatch.setattr(doubt, "predict_gap", lambda _, __, gap, **___: Prediction(np.zeros(gap), 1.0))
        audio = noise(1, 6080)
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 3000, 3080, first, 6080, RATE_HZ, "click")
        assert len(doubt._errors_beside(gap, np.zeros(80))) == count
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, 3000, 3080, 0, 6080 - first, RATE_HZ, "click")
        assert len(doubt._errors_beside(gap, np.zeros(80))) == count


class TestCopies:
    """What repeats one period before to the sample: at 8 kHz 24 samples, 32 or 48 behind the start."""

    def copied(self, first: int, period: int, length: int = 80, start: int = 2000, off: float = 0.0) -> bool:
        audio = noise(1, 4000)
        there = audio[0, start + first : start + first + 24]
        there[:] = audio[0, start + first - period : start + first + 24 - period]
        there *= 1.0 + off
        gap = Gap(audio, np.zeros(audio.shape, bool), 0, start, start + length, 0, 4000, RATE_HZ, "concealed")
        return doubt._is_copied(gap)

    @pytest.mark.parametrize(
        ("first", "copied"), [(31, False), (32, True), (33, False), (47, False), (48, True), (49, False)]
    )
    def test_from_four_or_six_milliseconds_on(self, first: int, copied: bool) -> None:
        assert self.copied(first, 60) == copied

    @pytest.mark.parametrize(("period", "copied"), [(39, False), (40, True), (120, True), (121, False)])
    def test_periods_of_five_to_fifteen_milliseconds(self, period: int, copied: bool) -> None:
        assert self.copied(32, period) == self.copied(48, period) == copied

    @pytest.mark.parametrize(
        ("first", "length", "copied"), [(32, 56, True), (32, 55, False), (48, 72, True), (48, 71, False)]
    )
    def test_all_of_it_within_the_gap(self, first: int, length: int, copied: bool) -> None:
        assert self.copied(first, 60, length) == copied

    @pytest.mark.parametrize(("start", "copied"), [(88, True), (87, False)])
    def test_the_longest_period_lies_in_the_recording(self, start: int, copied: bool) -> None:
        assert self.copied(32, 60, start=start) == copied

    @pytest.mark.parametrize(("off", "copied"), [(0.99e-3, True), (1.01e-3, False)])
    def test_to_within_a_millionth_of_its_energy(self, off: float, copied: bool) -> None:
        assert self.copied(32, 60, off=off / (1 - off)) == copied

    def test_of_what_a_decoder_copied_the_fill_is_believed_sooner(self, monkeypatch) -> None:
        monkeypatch.setattr(doubt, "_errors_beside", lambda *_: [1.0])
        for copied, differs, left in ((True, 1.01, False), (True, 0.99, True), (False, 1.01, True)):
            monkeypatch.setattr(doubt, "_is_copied", lambda _, copied=copied: copied)
            for kind in ("concealed", "noise"):
                gap = Gap(np.zeros((1, 9)), np.zeros((1, 9), bool), 0, 4, 5, 0, 9, RATE_HZ, kind)
                made = doubt.settled(gap, Prediction(np.full(1, np.sqrt(differs)), 1.0))
                assert (made == doubt.AGREES) == (left if kind == "concealed" else True)


class TestMoves:
    """Lost treble cannot be told where the level changes by itself; 30 ms are 240 samples."""

    @staticmethod
    def gap(length: int, before_db: float, inside_db: float, after_db: float, far_db: float = 60.0) -> Gap:
        signs = np.random.default_rng(1).choice([-1.0, 1.0], (1, 4000))
        level_db = np.full(4000, far_db)
        level_db[1760:2000], level_db[2000 : 2000 + length] = before_db, inside_db
        level_db[2000 + length : 2240 + length] = after_db
        audio = 1e-3 * signs * 10.0 ** (level_db / 20)
        return Gap(audio, np.zeros(audio.shape, bool), 0, 2000, 2000 + length, 0, 4000, RATE_HZ, "treble")

    @pytest.mark.parametrize(("step_db", "moves"), [(11.9, False), (12.1, True)])
    def test_sides_that_differ_by_twelve_decibels(self, step_db: float, moves: bool) -> None:
        assert doubt._moves(self.gap(400, 20.0, 20.0, 20.0 + step_db)) == moves
        assert doubt._moves(self.gap(400, 20.0 + step_db, 20.0, 20.0)) == moves

    @pytest.mark.parametrize(
        ("length", "fall_db", "moves"),
        [(801, 5.1, True), (801, 4.9, False), (800, 20.0, False)],
    )
    def test_more_than_a_tenth_of_a_second_five_decibels_below_the_louder_side(
        self, length: int, fall_db: float, moves: bool
    ) -> None:
        for other in (3.0, 0.0):
            for sides in ((30.0 - other, 30.0), (30.0, 30.0 - other)):
                assert doubt._moves(self.gap(length, sides[0], 30.0 - fall_db, sides[1])) == moves

    def test_a_gap_without_sides_does_not(self) -> None:
        gap = self.gap(100, 20.0, 20.0, 20.0)
        alone = Gap(gap.audio, gap.lost, 0, 2000, 2100, 2000, 2100, RATE_HZ, "treble")
        assert not doubt._moves(alone)

    def test_its_repair_is_judged_by_that_alone(self) -> None:
        gap = self.gap(400, 20.0, 20.0, 20.0)
        there = gap.mine[2000:2400]
        repaired = Prediction(there + 0.01, 1.0)
        assert doubt.settled(gap, Prediction(there, 1.0), repaired) is repaired
        moving = self.gap(400, 20.0, 20.0, 33.0)
        assert doubt.settled(moving, Prediction(there + 1.0, 1e-9), repaired) == doubt.MOVES
