"""Gaps in small cases with answers by hand: where their ends are, which falls of the level count."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection.gap_edges import Gap, _clear_edge, change_of_level, find_edges
from restore_audio.detection.gaps import (
    _is_no_wave,
    _is_short_run,
    _rests,
    _united,
    as_gap,
    find_gaps,
)
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100


def noise(size: int, seed: int = 1, level: float = 0.1) -> Samples:
    made = np.random.default_rng(seed).standard_normal(size)
    return level * made / np.sqrt(np.mean(made**2))


class TestRests:
    """Cells of a quarter of a millisecond; a fall by 20 dB within five of them, and the way back."""

    def level(self, *parts: tuple[int, float]) -> Samples:
        return np.concatenate([np.full(count, value) for count, value in parts])

    def test_from_the_first_quiet_cell_to_the_first_loud_one(self) -> None:
        ranges = self.level((50, 1.0), (20, 0.01), (50, 1.0))
        assert _rests(ranges, 100, 1000) == [(50, 70)]
        assert _rests(ranges[::-1].copy(), 100, 1000) == [(50, 70)]
        assert _rests(self.level((50, 1.0), (20, 0.01), (50, 0.05)), 100, 1000) == []  # not back
        assert _rests(self.level((50, 1.0), (20, 0.01), (50, 0.101)), 100, 1000) == [(50, 70)]

    @pytest.mark.parametrize(("inside", "found"), [(0.099, True), (0.1, False)])
    def test_a_tenth_is_the_fall(self, inside: float, found: bool) -> None:
        ranges = self.level((50, 1.0), (20, inside), (50, 1.0))
        assert bool(_rests(ranges, 100, 1000)) == found

    @pytest.mark.parametrize(("cells", "found"), [(3, False), (4, True), (60, True), (61, False)])
    def test_at_least_a_millisecond_and_not_longer_than_asked(self, cells: int, found: bool) -> None:
        ranges = self.level((80, 1.0), (cells, 0.001), (80, 1.0))
        assert bool(_rests(ranges, 61, 1000)) == found

    @pytest.mark.parametrize(("between", "found"), [(0, True), (1, True), (4, True), (5, False)])
    def test_the_fall_may_take_four_cells_on_its_way(self, between: int, found: bool) -> None:
        ranges = self.level((50, 1.0), (between, 0.5), (30, 0.06), (50, 1.0))
        assert bool(_rests(ranges, 100, 1000)) == found

    def test_a_loud_cell_counts_for_the_four_behind_it(self) -> None:
        for behind, found in ((0, True), (4, True), (5, False)):
            ranges = self.level((50, 0.5), (1, 1.0), (behind, 0.5), (30, 0.07), (50, 0.5))
            assert bool(_rests(ranges, 100, 1000)) == found, behind

    def test_a_fall_within_a_gap_is_part_of_it(self) -> None:
        ranges = self.level((50, 1.0), (20, 0.05), (20, 0.001), (50, 1.0))
        assert _rests(ranges, 100, 1000) == [(50, 90)]

    @pytest.mark.parametrize(("others", "found"), [(11, True), (12, False)])
    def test_more_than_twelve_falls_around_are_pulses(self, others: int, found: bool) -> None:
        ranges = self.level(*[(30, 1.0), (10, 0.01)] * (others + 1), (30, 1.0))
        assert bool(_rests(ranges, 100, 2000)) == found
        assert len(_rests(ranges, 100, 200)) == others + 1  # not so many within 200 cells on either side

    def test_neighbouring_views_are_one(self) -> None:
        assert _united([(30, 40), (5, 10), (8, 12), (40, 50), (31, 33)]) == [(5, 12), (30, 40), (40, 50)]
        assert _united([]) == []


class TestChangeOfLevel:
    def test_where_the_variance_changes(self) -> None:
        for place in (30, 100, 170):
            audio = np.concatenate([noise(place), 0.01 * noise(200 - place, 2)])
            assert change_of_level(audio, 25) == place

    def test_the_most_likely_place_by_hand(self) -> None:
        audio = np.r_[np.tile([1.0, -1.0], 10), np.tile([0.1, -0.1], 10)]
        audio[19], audio[20] = 0.3, 0.3
        costs = []
        nothing = np.sum(audio[:15] ** 2) / 15 * 1e-3
        for k in range(8, 32):
            before, after = np.mean(audio[:k] ** 2), np.mean(audio[k:] ** 2)
            costs.append(k * np.log(before + nothing) + (40 - k) * np.log(after + nothing))
        assert change_of_level(audio, 15) == 8 + int(np.argmin(costs))

    def test_what_lies_30_db_below_the_sound_outside_makes_no_edge(self) -> None:
        for second, expected in ((0.2, 150), (1e-3, 100)):
            audio = np.concatenate([noise(100, 3, 1.0), noise(50, 4, second), noise(50, 5, 1e-6)])
            assert abs(change_of_level(audio, 80) - expected) <= 1

    def test_eight_samples_on_either_side_make_a_level(self) -> None:
        audio = np.r_[np.full(4, 1.0), np.full(60, 1e-3)]
        assert change_of_level(audio, 8) == 8
        assert change_of_level(audio[::-1].copy(), 8) == 64 - 9


class TestEdges:
    def test_from_the_first_to_the_last_sample_wherever_the_stretch_is_known_to_begin(self) -> None:
        for length in (66, 200, 1500, 9000):
            audio = noise(40_000)
            audio[20_000 : 20_000 + length] = 0.02 + 1e-7 * noise(length, 2)
            for off in (-min(length // 6, 150), 0, min(length // 6, 150)):
                gap = find_edges(audio, (20_000 - off, 20_000 + length + off), RATE_HZ)
                assert gap is not None
                assert (gap.start, gap.end) == (20_000, 20_000 + length), (length, off)
                assert gap.value == pytest.approx(0.02, abs=1e-6)

    @pytest.mark.parametrize(("off", "found"), [(170, True), (190, False)])
    def test_short_stretches_are_looked_at_four_milliseconds_outside(self, off: int, found: bool) -> None:
        audio = noise(40_000)
        audio[20_000:20_300] = 1e-7 * noise(300, 2)
        gap = find_edges(audio, (20_000 + off, 20_300), RATE_HZ)
        assert gap is not None
        assert (gap.start == 20_000) == found
        gap = find_edges(audio, (20_000, 20_300 - off), RATE_HZ)
        assert gap is not None
        assert (gap.end == 20_300) == found

    @pytest.mark.parametrize(("off", "found"), [(600, True), (680, False)])
    def test_long_ones_fifteen_milliseconds_outside(self, off: int, found: bool) -> None:
        audio = noise(40_000)
        audio[20_000:29_000] = 1e-7 * noise(9000, 2)
        gap = find_edges(audio, (20_000 + off, 29_000 - off), RATE_HZ)
        assert gap is not None
        assert (gap.start == 20_000) == (gap.end == 29_000) == found

    def test_what_moves_three_times_as_far_as_inside_is_sound(self) -> None:
        for beyond, end in ((0.0025, 20_304), (0.0035, 20_300)):
            audio = 0.02 * np.random.default_rng(3).choice([-1.0, 1.0], 40_000)
            audio[20_000:20_300] = np.resize([0.001, 0.0, -0.001, 0.0], 300)
            audio[20_300:20_304] = beyond
            gap = find_edges(audio, (20_000, 20_300), RATE_HZ)
            assert gap is not None
            assert gap.end == end

    def test_stretches_without_two_edges_have_none(self) -> None:
        audio = noise(40_000)
        audio[20_000:20_300] = 0.0
        assert find_edges(audio, (20_100, 20_115), RATE_HZ) is None
        assert find_edges(audio[20_000:20_300], (0, 300), RATE_HZ) is None
        assert find_edges(audio[19_990:], (10, 310), RATE_HZ) is None
        assert find_edges(audio[19_983:], (17, 317), RATE_HZ) is not None

    @pytest.mark.parametrize(("clear", "edge"), [(0.011, True), (0.009, False)])
    def test_a_sample_is_clear_a_tenth_of_the_level_away(self, clear: float, edge: bool) -> None:
        audio = np.r_[np.tile([0.1, -0.1], 100), [clear], np.zeros(80)]
        assert _clear_edge(audio, 200, 1e-6, 22, RATE_HZ) == (201 if edge else 200)

    def test_a_clear_sample_half_a_millisecond_away_is_no_edge(self) -> None:
        for distance, expected in ((21, 222), (22, 200)):
            audio = np.r_[np.tile([0.1, -0.1], 100), np.zeros(80)]
            audio[200 + distance] = 0.05
            assert _clear_edge(audio, 200, 1e-3, 22, RATE_HZ) == expected
        audio = np.r_[np.tile([0.1, -0.1], 100), np.zeros(80)]
        audio[190:200] = 0.0
        assert _clear_edge(audio, 200, 1e-3, 22, RATE_HZ) == 190
        audio[170:200] = 0.0
        assert _clear_edge(audio, 200, 1e-3, 22, RATE_HZ) == 200

    def test_what_moves_inside_is_not_clear(self) -> None:
        audio = np.r_[np.tile([0.1, -0.1], 100), [0.02, 0.02], np.zeros(80)]
        assert _clear_edge(audio, 200, 0.01, 22, RATE_HZ) == 202
        assert _clear_edge(audio, 200, 0.03, 22, RATE_HZ) == 200

    def test_where_music_passes_the_resting_value_it_is_still_music(self) -> None:
        time = np.arange(2200)
        tone = 0.1 * np.sin(2 * np.pi * (time - 2200) / 200) + 1e-6 * noise(2200)
        audio = np.r_[tone, np.zeros(80)]  # ends at zero: its last samples are below a tenth of its level
        assert abs(float(audio[2197])) < 0.01
        assert _clear_edge(audio, 2195, 1e-5, 22, RATE_HZ) >= 2199
        rung = np.r_[tone[:2190], 0.005 * np.tile([1.0, -1.0], 5), np.zeros(80)]
        assert _clear_edge(rung, 2190, 1e-5, 22, RATE_HZ) <= 2191


class TestWhichGaps:
    def gap(self, audio: Samples, length: int = 300, start: int = 20_000, value: float = 0.0) -> Samples:
        audio[start : start + length] = value
        return audio

    def test_18_db_below_its_quieter_side(self) -> None:
        for inside, found in ((0.0124, True), (0.0128, False)):
            audio = noise(40_000, 1, 0.1)
            audio[18_236:20_000] = noise(1764, 4, 0.1)
            audio[20_300:22_064] = noise(1764, 5, 0.2)
            audio[20_075:20_225] = noise(150, 6, inside)
            assert _is_no_wave(audio, Gap(20_000, 20_300, 0.0), RATE_HZ) == found
            assert _is_no_wave(audio[::-1].copy(), Gap(19_700, 20_000, 0.0), RATE_HZ) == found

    def test_the_level_is_that_about_the_value_it_rests_at(self) -> None:
        audio = self.gap(noise(40_000), value=0.05)
        assert _is_no_wave(audio, Gap(20_000, 20_300, 0.05), RATE_HZ)
        assert not _is_no_wave(audio, Gap(20_000, 20_300, 0.0), RATE_HZ)
        assert _is_no_wave(audio + 0.5, Gap(20_000, 20_300, 0.55), RATE_HZ)

    def test_the_quarters_at_its_ends_do_not_count(self) -> None:
        audio = self.gap(noise(40_000))
        audio[20_000:20_075] = audio[20_225:20_300] = 0.05
        assert _is_no_wave(audio, Gap(20_000, 20_300, 0.0), RATE_HZ)
        audio[20_076] = audio[20_223] = 0.5
        assert not _is_no_wave(audio, Gap(20_000, 20_300, 0.0), RATE_HZ)

    def test_silence_beside_it_makes_none(self) -> None:
        for level, found in ((0.0011, True), (0.0009, False)):
            audio = self.gap(noise(40_000, 1, level))
            audio[18_236:20_000] = noise(1764, 4, level)
            assert _is_no_wave(audio, Gap(20_000, 20_300, 0.0), RATE_HZ) == found

    def test_short_exact_runs_are_told_elsewhere(self) -> None:
        audio = noise(1000)
        audio[400:465] = 0.0
        assert _is_short_run(audio, Gap(395, 470, 0.0), RATE_HZ)
        audio[400:467] = 0.0
        assert not _is_short_run(audio, Gap(395, 470, 0.0), RATE_HZ)  # longer than 1.5 ms
        audio[400:435] = noise(35, 3)
        assert not _is_short_run(audio, Gap(395, 470, 0.0), RATE_HZ)  # less than half of it
        assert not _is_short_run(noise(1000), Gap(395, 470, 0.0), RATE_HZ)

    @pytest.mark.parametrize(("length", "found"), [(60, False), (70, True), (440, True), (442, False)])
    def test_from_a_millisecond_and_a_half_to_the_longest(self, length: int, found: bool) -> None:
        audio = self.gap(noise(40_000), length)
        audio[20_000 : 20_000 + length] += 1e-6 * noise(length, 8)
        assert bool(find_gaps(audio, RATE_HZ, 441)) == found

    @pytest.mark.parametrize(("beside", "found"), [(218, False), (221, True)])
    def test_five_milliseconds_from_either_end(self, beside: int, found: bool) -> None:
        audio = noise(20_000)
        audio[beside : beside + 300] = 0.0
        assert bool(find_gaps(audio, RATE_HZ, 20_000)) == found
        assert bool(find_gaps(audio[::-1].copy(), RATE_HZ, 20_000)) == found

    def test_pulses_come_in_numbers(self) -> None:
        audio = noise(40_000)
        audio[10_000 : 10_000 + 660 * 30].reshape(30, 660)[:, :100] = 0.0
        assert find_gaps(audio, RATE_HZ, 20_000) == []
        audio[10_660 : 10_660 + 660 * 29] = noise(660 * 29, 7)
        assert [c.start for c in find_gaps(audio, RATE_HZ, 20_000)] == [10_000]

    def test_an_offset_of_the_sound_is_none_of_its_level(self) -> None:
        audio = np.tile([0.2, 0.0], 20_000)
        audio[20_000:20_300] = 0.0115
        assert as_gap(audio, Span(20_000, 20_300, 0, "gap"), RATE_HZ).kind == "constant"

    def test_its_kind_by_the_value_it_rests_at(self) -> None:
        for value, kind in ((0.009, "zeros"), (-0.009, "zeros"), (0.0115, "constant"), (-0.0115, "constant")):
            audio = np.tile([0.1, -0.1], 20_000) + 0.0
            self.gap(audio, value=value)
            span = as_gap(audio, Span(20_000, 20_300, 1, "gap", 0.7, evidence="dead"), RATE_HZ)
            assert (span.kind, span.channel, span.confidence) == (kind, 1, 0.7)
            assert span.evidence.startswith("300 samples held at")
            audio[20_010] += 1e-4
            assert (
                as_gap(audio, Span(20_000, 20_300, 1, "gap", 0.7, evidence="dead"), RATE_HZ).evidence
                == "dead"
            )
