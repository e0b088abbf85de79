"""Samples that a player made up, in parts: which stretches lie straight, and how unlikely that is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import interpolated
from restore_audio.detection.interpolated import (
    _edges,
    _every_other,
    _joined,
    _nats,
    _on_lines,
    _rareness,
    _roughness,
    _screened,
    _spacing,
    _step,
    _Stretch,
    _stretches,
    find_interpolated,
)
from restore_audio.detection.surprise import surprise
from restore_audio.signal import kernels
from restore_audio.signal.lpc import lpc
from restore_audio.signal.screens import mark_straight

Samples = NDArray[np.float64]
RATE_HZ = 44_100
STEP = 2.0**-15


def noise(size: int = 20_000, seed: int = 1, level: float = 0.1) -> Samples:
    return np.rint(level * np.random.default_rng(seed).standard_normal(size) / STEP) * STEP


def places(*first_last: int, every: int = 1) -> _Stretch:
    return _Stretch(np.arange(*first_last, every), every == 2)


def totals_of(flags: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(flags)]).astype(np.int32)


class TestGrid:
    @pytest.mark.parametrize("bits", [7, 15, 23])
    def test_the_coarsest_that_holds_all_samples(self, bits: int) -> None:
        on = np.rint(noise() * math.pi * 2.0**bits) / 2.0**bits
        assert _step(on) == 2.0**-bits
        on[97 * 5] += 2.0 ** -(bits + 1)
        assert _step(on) != 2.0**-bits

    def test_on_none_it_is_the_rounding_of_floats(self) -> None:
        assert _step(noise() * math.pi) == 2.0**-22


class TestStretches:
    def flags(self, *runs: tuple[int, int]) -> NDArray[np.bool_]:
        made = np.zeros(1000, dtype=bool)
        for first, last in runs:
            made[first:last] = True
        return made

    @pytest.fixture(params=[True, False])
    def compiled(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if not request.param:
            monkeypatch.setattr(kernels, "LIBRARY", None)

    def found(
        self, flags: NDArray[np.bool_], every: int = 1, samples: Samples | None = None
    ) -> list[tuple[int, int]]:
        audio = np.arange(1000.0) if samples is None else samples
        first, last = _stretches(audio, flags, totals_of(flags), every)
        return sorted(zip(first.tolist(), last.tolist(), strict=True))

    @pytest.mark.usefixtures("compiled")
    def test_three_samples_and_those_joined_over_one_that_bends(self) -> None:
        assert self.found(self.flags((100, 102), (200, 203))) == [(200, 203)]
        assert self.found(self.flags((100, 102), (103, 105))) == [(100, 105)]
        assert self.found(self.flags((100, 103), (105, 108))) == [(100, 103), (105, 108)]
        assert self.found(self.flags((100, 101), (102, 105))) == [(102, 105)]  # a single one proves nothing

    @pytest.mark.usefixtures("compiled")
    def test_the_last_held_sample_bends(self) -> None:
        held = np.arange(1000.0)
        held[99:104] = 99.0
        assert self.found(self.flags((100, 103)), samples=held) == [(100, 104)]
        assert self.found(self.flags((101, 103)), samples=held) == [(101, 104)]

    @pytest.mark.usefixtures("compiled")
    def test_every_other_one_and_few_between(self) -> None:
        flags = self.flags()
        flags[[100, 102, 104]] = True
        flags[[301, 303]] = True
        assert self.found(flags, 2) == [(100, 105)]
        flags[101] = True
        assert self.found(flags, 2) == []  # one of three between is a third
        flags[106] = True
        assert self.found(flags, 2) == [(100, 107)]
        flags[101] = False
        flags[301:308:2] = True
        assert self.found(flags, 2) == [(100, 107), (301, 308)]

    def test_edges_and_joins(self) -> None:
        starts, ends = _edges(self.flags((5, 9), (20, 21)))
        assert (starts.tolist(), ends.tolist()) == ([5, 20], [9, 21])
        for apart, joined in ((11, [(5, 21)]), (10, [(5, 9), (20, 21)])):
            first, last = _joined(starts, ends, apart)
            assert list(zip(first.tolist(), last.tolist(), strict=True)) == joined
        first, last = _every_other(self.flags(), totals_of(self.flags()))
        assert first.size == last.size == 0


class TestMeasures:
    def test_rareness_is_the_share_of_straight_samples_in_96_on_either_side(self) -> None:
        flags = np.zeros(1000, dtype=bool)
        flags[500:510] = True
        ends = np.array([500]), np.array([510])
        assert _rareness(totals_of(flags), *ends)[0] == pytest.approx(
            math.log(986)
        )  # one more, if none is there
        for place, counted in (
            (403, 0),
            (404, 1),
            (497, 1),
            (498, 0),
            (511, 0),
            (512, 1),
            (605, 1),
            (606, 0),
        ):
            flags[:] = False
            flags[place] = True
            flags[[440, 560]] = True
            assert _rareness(totals_of(flags), *ends)[0] == pytest.approx(-math.log((2 + counted) / 188)), (
                place
            )

    def test_roughness_is_the_calmest_of_four_medians(self) -> None:
        """Second differences of a sound that jumps to and fro by ``a`` are 4 a."""
        audio = np.tile([0.1, -0.1], 500)
        ends = np.array([500]), np.array([510])
        assert _roughness(audio, *ends)[0] == pytest.approx(0.4)
        for calm, expected in (
            (slice(482, 502), 0.04),
            (slice(508, 532), 0.04),
            (slice(486, 502), 0.04),
            (slice(494, 502), 0.4),
            (slice(508, 514), 0.4),
        ):
            other = audio.copy()
            other[calm] *= 0.1
            assert _roughness(other, *ends)[0] == pytest.approx(expected), calm
        wide = audio.copy()
        wide[440:482] *= 0.1  # not right beside, but most of the 48 before
        assert _roughness(wide, *ends)[0] == pytest.approx(0.04)

    def test_values_are_as_far_apart_as_samples_around_take_them(self) -> None:
        near = np.array([0.0, 0.1, 0.2, 0.4, 0.8, 1.6] * 2)  # half of them equal others
        assert _spacing(near, np.array([0.4])) == pytest.approx(0.2)
        assert _spacing(near, np.array([0.2])) == pytest.approx(0.1)
        assert _spacing(near, np.array([0.4, 0.8, 0.8])) == pytest.approx(0.4)
        assert _spacing(near, np.array([1.6])) == pytest.approx(0.4)  # of the last but one
        assert _spacing(near, np.array([0.0])) == pytest.approx(0.1)
        assert _spacing(np.array([0.0, 1.0, 1.0]), np.array([0.0])) == math.inf

    def test_where_few_are_equal_their_number_says_how_many_values_there_are(self) -> None:
        near = np.linspace(0.0, 1.0, 1000)  # one a thousandth apart, and as many as there are
        assert _spacing(near, near[100:101]) == pytest.approx(2.0 / 1000**2)
        near[:100] = near[100:200]
        assert _spacing(near, near[300:301]) == pytest.approx(2.0 * 101 / 1000**2 * float(np.ptp(near)))
        near[200] = near[201]
        assert _spacing(near, near[300:301]) == pytest.approx(1.0 / 999)

    def test_each_part_between_two_bends_is_a_line_to_within_a_step(self) -> None:
        line = np.arange(100.0)
        straight = np.ones(100, dtype=bool)
        assert _on_lines(line, straight, 40, 50, 1.0)
        for off, on in ((1.0, True), (1.1, False)):
            bent = line.copy()
            bent[44] += off
            assert _on_lines(bent, straight, 40, 50, 1.0) == on
        curve = line.copy()
        curve[40:50] += 0.1 * (np.arange(10) - 5) ** 2
        assert not _on_lines(curve, straight, 40, 50, 1.0)
        corner = line.copy()
        corner[45:] = 45.0 - np.arange(55.0)
        assert not _on_lines(corner, straight, 40, 50, 1.0)
        straight[45] = False
        assert _on_lines(corner, straight, 40, 50, 1.0)


class TestNats:
    """The least of three measures, less a nat for each sample."""

    FIRST, LAST = 10_000, 10_008

    def line(self, audio: Samples, last: int = LAST) -> Samples:
        made = audio.copy()
        first = self.FIRST
        made[first - 1 : last + 1] = np.linspace(made[first - 1], made[last], last - first + 2)
        made[first:last] = np.rint(made[first:last] / STEP) * STEP
        return made

    def nats(self, audio: Samples, stretch: _Stretch | None = None, longest_run: int = 16) -> float:
        straight, totals = mark_straight(audio, 1.05 * STEP, 96)
        return _nats(audio, straight, totals, stretch or places(self.FIRST, self.LAST), STEP, longest_run)

    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
        """What each measure says."""
        says = {"rareness": 5.0, "roughness": 0.1, "surprise": 100.0}
        monkeypatch.setattr(interpolated, "_rareness", lambda *_: [says["rareness"]])
        monkeypatch.setattr(interpolated, "_rarest", lambda _: math.inf)
        monkeypatch.setattr(interpolated, "_roughness", lambda *_: [says["roughness"]])
        monkeypatch.setattr(interpolated, "surprise", lambda *_: says["surprise"])
        return says

    @pytest.mark.parametrize(("step", "most"), [(2.0**-15, math.log(192)), (2.0**-22, math.inf)])
    def test_on_a_grid_rareness_says_no_more_than_192_samples_can(self, step: float, most: float) -> None:
        assert interpolated._rarest(step) == most

    def test_the_least_counts(self, told: dict[str, float]) -> None:
        audio = self.line(noise())
        assert self.nats(audio) == pytest.approx(8 * 5.0 - 8)
        told["surprise"] = 33.0
        assert self.nats(audio) == pytest.approx(33.0 - 8)
        told["roughness"] = STEP * 5
        near = audio[self.FIRST - 4096 : self.LAST + 4096]
        exactness = max(_spacing(near, audio[self.FIRST : self.LAST]), STEP)
        assert self.nats(audio) == pytest.approx(8 * math.log(1.86 * STEP * 5 / exactness) - 8)

    def test_at_most_twenty_four_samples_are_weighed(self, told: dict[str, float]) -> None:
        told["roughness"] = 1e6
        told["surprise"] = 1e6
        for count, weighed in ((23, 23), (24, 24), (40, 24)):
            audio = self.line(noise(), self.FIRST + count)
            stretch = places(self.FIRST, self.FIRST + count)
            assert self.nats(audio, stretch) == pytest.approx(weighed * 4.0)

    def test_a_bend_right_beside_is_how_rough_it_is(self, told: dict[str, float]) -> None:
        """A saw-tooth's flank: calm where it begins, however rough the sound is elsewhere."""
        told["roughness"] = 1e3
        rough = self.nats(self.line(noise()))
        told["rareness"] = 1e3
        told["surprise"] = 1e6
        audio = self.line(noise())
        wild = self.nats(audio)
        gentle = audio.copy()
        slope = gentle[self.FIRST] - gentle[self.FIRST - 1]
        for k in range(2, 6):
            gentle[self.FIRST - k] = gentle[self.FIRST - 1] - slope * (k - 1) + 2e-4 * (k - 1) ** 2
        assert self.nats(gentle) < wild - 8 * math.log(50)
        assert wild > rough

    def test_silence_beside_and_held_sounds_have_none(self, told: dict[str, float]) -> None:
        for level, told_ in ((0.0013, True), (0.0008, False)):
            for side in (slice(self.FIRST - 1024, self.FIRST), slice(self.LAST, self.LAST + 1024)):
                audio = noise()
                audio[side] = noise(1024, 2, level)
                made = self.line(audio)
                assert math.isfinite(self.nats(made)) == told_, level
        for share, told_ in ((0.28, True), (0.32, False)):
            audio = noise()
            around = np.r_[self.FIRST - 4096 : self.FIRST - 60 : 2, self.LAST + 60 : self.LAST + 4096 : 2]
            equal = np.random.default_rng(1).permutation(around)[: round(share * 8200)]
            audio[equal] = audio[equal + 1]
            assert math.isfinite(self.nats(self.line(audio))) == told_

    @pytest.mark.usefixtures("told")
    def test_held_values_are_runs_from_some_length_on(self) -> None:
        def held(count: int, value: float, line: int = 0) -> float:
            audio = noise()
            last = self.FIRST + count + line
            audio[self.FIRST - 1 : self.FIRST + count] = value
            audio[last] = value + 0.05
            if line:
                ramp = np.linspace(value, audio[last], line + 2)[1:-1]
                audio[self.FIRST + count : last] = np.rint(ramp / STEP) * STEP
            return self.nats(audio, places(self.FIRST, last))

        value = 1000 * STEP
        assert math.isfinite(held(15, value))
        assert held(16, value) == -math.inf  # sixteen equal ones and nothing else: a run
        assert math.isfinite(held(16, value, line=4))
        assert held(16, 0.0, line=4) == -math.inf  # digital silence
        assert math.isfinite(held(15, 0.0, line=4))
        assert math.isfinite(held(64, value, line=4))
        assert held(65, value, line=4) == -math.inf

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize(("loud", "told_"), [(0.05, True), (0.5, False)])
    def test_zeros_to_which_a_sound_has_faded_are_silence(self, loud: float, told_: bool) -> None:
        for side in (1, -1):
            audio = noise()
            audio[self.FIRST - 1 : self.FIRST + 9] = 0.0
            quiet, other = slice(self.FIRST - 4, self.FIRST - 1), slice(self.FIRST + 9, self.FIRST + 13)
            if side < 0:
                quiet, other = other, quiet
            audio[quiet], audio[other] = 0.01, loud
            assert math.isfinite(self.nats(audio, places(self.FIRST, self.FIRST + 9))) == told_

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize(("share", "told_"), [(0.12, True), (0.08, False)])
    def test_so_are_zeros_between_two_fades(self, share: float, told_: bool) -> None:
        audio = noise()
        level = float(np.sqrt(np.mean(audio**2)))
        audio[self.FIRST - 4 : self.FIRST + 13] = share * level
        audio[self.FIRST - 1 : self.FIRST + 9] = 0.0
        assert math.isfinite(self.nats(audio, places(self.FIRST, self.FIRST + 9))) == told_

    @pytest.mark.usefixtures("told")
    @pytest.mark.parametrize(("share", "clipped"), [(0.96, False), (0.98, True)])
    def test_held_at_the_peak_they_are_clipped(self, share: float, clipped: bool) -> None:
        for sign in (-1.0, 1.0):
            audio = noise()
            first, last = self.FIRST, self.FIRST + 6
            peak = np.abs(audio[first - 40 : last + 40]).max() + 0.1
            audio[last + 30] = sign * peak
            audio[first - 1 : last] = np.rint(sign * share * peak / STEP) * STEP
            assert (self.nats(audio, places(first, last)) == -math.inf) == clipped

    @pytest.mark.usefixtures("told")
    def test_only_peaks_within_a_thousandth_of_a_second_of_values_that_are_held_alone(self) -> None:
        first, last = self.FIRST, self.FIRST + 6
        for distance, clipped in ((47, False), (49, True)):
            audio = np.clip(noise(), -0.15, 0.15)
            audio[first - 1 : last] = 0.2
            audio[last - 1 + distance] = 0.3
            assert (self.nats(audio, places(first, last)) == -math.inf) == clipped

    def test_means_of_neighbours_need_be_on_no_line(self, told: dict[str, float]) -> None:
        audio = noise()
        stretch = places(self.FIRST, self.FIRST + 15, every=2)
        audio[stretch.places] = (
            np.rint((audio[stretch.places - 1] + audio[stretch.places + 1]) / 2 / STEP) * STEP
        )
        assert self.nats(audio, stretch) == pytest.approx(8 * told["rareness"] - 8)


class TestScore:
    @pytest.mark.parametrize(("nats", "score"), [(16.0, 0.0), (20.0, 2.0), (12.2, -1.9), (12.0, None)])
    def test_two_nats_beyond_sixteen_are_one(
        self, monkeypatch: pytest.MonkeyPatch, nats: float, score: float | None
    ) -> None:
        monkeypatch.setattr(
            interpolated, "_screened", lambda *_: [places(500, 504), places(600, 605, every=2)]
        )
        monkeypatch.setattr(interpolated, "_nats", lambda *_: nats)
        spans = find_interpolated(noise(1000), 2, RATE_HZ)
        if score is None:
            assert spans == []
            return
        assert [(s.start, s.end, s.channel, s.kind) for s in spans] == [
            (500, 504, 2, "interpolated"),
            (600, 605, 2, "interpolated"),
        ]
        for span in spans:
            assert math.log(span.confidence / (1 - span.confidence)) == pytest.approx(score)
            assert span.evidence.endswith(f"odds of one in 10^{nats / math.log(10):.0f}")
        assert spans[0].evidence.startswith("4 samples are held or lie on a line to within rounding")
        assert spans[1].evidence.startswith("3 samples are the mean of their neighbours to within rounding")

    def test_runs_are_as_long_as_the_other_detector_tells_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[int] = []
        monkeypatch.setattr(interpolated, "_screened", lambda *_: [places(500, 504)])
        monkeypatch.setattr(interpolated, "_nats", lambda *given: seen.append(given[-1]) or 0.0)
        for rate_hz in (8000, 44_100, 96_000):
            find_interpolated(noise(1000), 0, rate_hz)
        assert seen == [16, 16, 29]

    def test_recordings_of_less_than_384_samples_have_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(interpolated, "_screened", lambda *_: [places(200, 204)])
        monkeypatch.setattr(interpolated, "_nats", lambda *_: 20.0)
        assert find_interpolated(noise(383), 0, RATE_HZ) == []
        assert len(find_interpolated(noise(384), 0, RATE_HZ)) == 1

    def test_what_is_screened_out_is_neither_rare_nor_rough_enough(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Twelve nats are needed of either: of four samples three each, and the one that they share."""
        ends = np.array([500]), np.array([504])
        empty = np.array([], dtype=int), np.array([], dtype=int)
        monkeypatch.setattr(interpolated, "_stretches", lambda *given: ends if given[-1] == 1 else empty)
        flags = np.zeros(1000, dtype=bool)
        audio, totals = noise(1000), totals_of(flags)

        def screened(rareness: float, rough_nats: float) -> int:
            bend = STEP * math.exp(rough_nats) / 1.86
            monkeypatch.setattr(interpolated, "_rareness", lambda *_: np.array([rareness]))
            monkeypatch.setattr(interpolated, "_roughness", lambda *_: np.array([bend]))
            return len(_screened(audio, flags, totals, STEP))

        assert screened(4.05, 4.05) == 1
        assert screened(3.95, 4.05) == 0
        assert screened(4.05, 3.95) == 0
        ends = np.array([500]), np.array([503])
        assert screened(4.9, 9.0) == 0
        assert screened(5.05, 5.05) == 1

    def test_windows_of_more_than_two_hundred_are_made_of_lines(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flags = np.zeros(9000, dtype=bool)
        audio, totals = noise(9000), totals_of(flags)
        monkeypatch.setattr(interpolated, "_rareness", lambda _, first, __: np.full(first.size, 9.0))
        monkeypatch.setattr(interpolated, "_roughness", lambda _, first, __: np.full(first.size, 1.0))
        for count, kept in ((200, 400), (201, 0)):
            first = 200 + 20 * np.arange(count)
            monkeypatch.setattr(interpolated, "_stretches", lambda *_, f=first: (f, f + 9))
            found = _screened(audio, flags, totals, STEP)
            assert len(found) == kept
            assert sum(s.means for s in found) == kept // 2
        assert found == []

    def test_of_means_every_other_sample_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        flags = np.zeros(9000, dtype=bool)
        monkeypatch.setattr(interpolated, "_rareness", lambda _, first, __: np.full(first.size, 9.0))
        monkeypatch.setattr(interpolated, "_roughness", lambda _, first, __: np.full(first.size, 1.0))
        monkeypatch.setattr(interpolated, "_stretches", lambda *_: (np.array([300]), np.array([307])))
        straight, means = _screened(noise(9000), flags, totals_of(flags), STEP)
        assert straight.places.tolist() == list(range(300, 307))
        assert means.places.tolist() == [300, 302, 304, 306]


class TestSurprise:
    """Under the model that is fitted: a normal density, with what is known on both sides."""

    def audio(self) -> Samples:
        rng = np.random.default_rng(3)
        made = np.zeros(6000)
        for n in range(2, 6000):
            made[n] = 1.6 * made[n - 1] - 0.8 * made[n - 2] + 0.01 * rng.standard_normal()
        return made

    @pytest.mark.parametrize("count", [1, 3])
    def test_it_is_the_density_of_the_model_that_is_fitted(self, count: int) -> None:
        audio, asked = self.audio(), 3000 + 2 * np.arange(count)
        first, last = 3000, int(asked[-1]) + 1
        left, right = audio[first - 1024 : first], audio[last : last + 1024]
        model = lpc([left, right], 32, noise=1e-9)
        errors = [np.convolve(side, model, "valid") ** 2 for side in (left, right)]
        variance = min(
            part.mean() for size in (64, 256, 1024) for part in (errors[0][-size:], errors[1][32 : 32 + size])
        )
        variance += STEP**2 / 12
        # All prediction errors that see the samples, as rows of one matrix.
        wide = audio[first - 32 : last + 32]
        rows = np.array(
            [np.r_[np.zeros(k), model[::-1], np.zeros(wide.size - 33 - k)] for k in range(wide.size - 32)]
        )
        own = rows[:, asked - first + 32]
        rest = wide.copy()
        rest[asked - first + 32] = 0.0
        likely = -np.linalg.lstsq(own, rows @ rest, rcond=None)[0]
        off = audio[asked] - likely
        misfit = min(float(np.sum((own @ off) ** 2)) / (2 * variance), 3.0 * count)
        spread = 0.5 * (count * math.log(2 * math.pi * variance) - np.linalg.slogdet(own.T @ own)[1])
        assert surprise(audio, asked, STEP) == pytest.approx(misfit + spread - count * math.log(STEP))

    def test_four_times_the_order_is_needed_on_either_side(self) -> None:
        audio = self.audio()
        for size, told in ((127, False), (128, True)):
            assert math.isfinite(surprise(audio, np.array([size]), STEP)) == told
            assert math.isfinite(surprise(audio, np.array([6000 - size - 1]), STEP)) == told
