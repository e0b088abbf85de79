"""What a splice's score is made of, each part by hand: breaks, company, other channels, doubled samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import screen, splices
from restore_audio.detection.candidate import company, company_doubt
from restore_audio.detection.screen import prediction_error
from restore_audio.detection.splices import (
    _crowded,
    _Join,
    _joined_at,
    _support,
    _words,
    find_splices,
)
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100
CELL = 22
PLACE = 600 * CELL + 7


def hum(size: int = 30_000, seed: int = 1, level: float = 0.1) -> Samples:
    """A tone in a little noise: prediction errs by the noise alone, and a cut breaks the tone."""
    rng = np.random.default_rng(seed)
    time = np.arange(size)
    return level * (
        np.sin(0.05 * time) + 0.5 * np.sin(0.31 * time + 1.0)
    ) + level * 1e-3 * rng.standard_normal(size)


def cut(audio: Samples, lost: int = 47, place: int = PLACE) -> Samples:
    return np.concatenate([audio[:place], audio[place + lost :]])


def accompanied(peaks: Samples, cells: NDArray[np.int64], cell: int) -> float:
    alike, pairs = company(peaks, cells, cell)
    return company_doubt(alike, pairs, most_alike=splices._MOST_ALIKE, crowd_score=splices._COMPANY_SCORE)


def found(*channels: Samples) -> list[Span]:
    audio = np.array(channels)
    return find_splices(audio, [prediction_error(one, RATE_HZ) for one in audio], RATE_HZ)


class TestJoin:
    def test_it_is_the_first_sample_behind_the_cut(self) -> None:
        for place in (PLACE, PLACE + 5, PLACE + 14):
            join = _joined_at(cut(hum(), place=place), 600 * CELL, CELL)
            assert join is not None
            assert abs(join.place - place) <= 1
            assert min(join.breaks_db) > 20.0

    @staticmethod
    def stepped(step: float, noise: float = 1e-4) -> Samples:
        """A tone in noise of two values; from ``PLACE`` on it is higher by ``step``."""
        audio = 0.1 * np.sin(0.05 * np.arange(30_000)) + noise * np.random.default_rng(3).choice(
            [-1, 1], 30_000
        )
        audio[PLACE:] += step
        return audio

    def test_both_errors_are_those_over_the_largest_on_their_side(self) -> None:
        less, more = (_joined_at(self.stepped(step), 600 * CELL, CELL) for step in (2e-3, 8e-3))
        assert less is not None
        assert less.place == more.place == PLACE
        assert less.breaks_db == pytest.approx((20 * math.log10(2e-3 / 3e-4),) * 2, abs=2.0)
        assert np.subtract(more.breaks_db, less.breaks_db) == pytest.approx([12.0, 12.0], abs=1.0)
        louder = self.stepped(4e-3)
        louder[PLACE + 700] += 1e-3  # one error on the right
        left_db, right_db = _joined_at(louder, 600 * CELL, CELL).breaks_db
        assert left_db - right_db == pytest.approx(20 * math.log10(1e-3 / 3e-4), abs=2.0)

    @pytest.mark.parametrize(("step", "joined"), [(0.8e-3, False), (1.6e-3, True)])
    def test_an_error_is_a_tenth_larger_than_all_beside_it(self, step: float, joined: bool) -> None:
        for side in (PLACE - 700, PLACE + 700):
            audio = self.stepped(step)
            audio[side] += 1e-3
            assert (_joined_at(audio, 600 * CELL, CELL) is not None) == joined

    @pytest.mark.parametrize(("times", "joined"), [(3.2, False), (6.0, True)])
    def test_an_error_is_four_and_a_half_times_its_usual_size(self, times: float, joined: bool) -> None:
        assert (_joined_at(self.stepped(times * 1e-4), 600 * CELL, CELL) is not None) == joined

    @pytest.mark.parametrize(
        ("beside", "between", "joined"),
        [(2, [], True), (2, [0.5], True), (3, [0.5], True), (3, [0.5, 0.5], False)],
    )
    def test_one_sample_at_a_join_may_lie_where_it_was_expected(
        self, monkeypatch: pytest.MonkeyPatch, beside: int, between: list[float], joined: bool
    ) -> None:
        """Each sample predicted as the mean of those before: they err as it is worked out by hand."""
        mean = np.r_[1.0, np.full(beside, -1 / beside), np.zeros(32 - beside)]
        monkeypatch.setattr(splices, "errors_of", lambda sound, *_: np.convolve(sound, mean, "valid"))
        audio = 5.0 + 0.1 * np.random.default_rng(3).choice([-1.0, 1.0], 30_000)
        audio[PLACE - 40 : PLACE] = 5.0
        audio[PLACE : PLACE + len(between)] = [5.0 + part for part in between]
        audio[PLACE + len(between) :] += 1.0
        audio[PLACE + len(between) : PLACE + 40] = 6.0
        join = _joined_at(audio, 600 * CELL, CELL)
        assert (join is not None) == joined
        if join:
            assert join.place == PLACE

    def test_a_single_wrong_sample_is_no_join(self) -> None:
        audio = 0.1 * np.random.default_rng(3).choice([-1.0, 1.0], 30_000)
        audio[PLACE] = 2.0
        assert _joined_at(audio, 600 * CELL, CELL) is None

    @pytest.mark.parametrize(("change_db", "joined"), [(8.0, True), (10.0, False)])
    def test_the_level_may_change_by_nine_decibels(self, change_db: float, joined: bool) -> None:
        audio = cut(hum(), 31)
        audio[PLACE:] *= 10 ** (-change_db / 20)
        assert (_joined_at(audio, 600 * CELL, CELL) is not None) == joined
        assert (_joined_at(audio[::-1].copy(), audio.size - PLACE - 10, CELL) is not None) == joined

    def test_so_may_the_size_of_the_error(self) -> None:
        for times, joined in ((2.5, True), (4.5, False)):
            audio = hum()
            audio[PLACE:] += times * 1e-4 * np.random.default_rng(5).standard_normal(audio.size - PLACE)
            assert (_joined_at(cut(audio), 600 * CELL, CELL) is not None) == joined, times

    def test_a_thousand_samples_on_either_side_are_needed(self) -> None:
        audio = cut(hum())
        left = 600 * CELL - 32 - 1024
        assert _joined_at(audio[left:], 600 * CELL - left, CELL) is not None
        assert _joined_at(audio[left + 1 :], 600 * CELL - left - 1, CELL) is None
        right = 601 * CELL + 32 + 1024
        assert _joined_at(audio[:right], 600 * CELL, CELL) is not None
        assert _joined_at(audio[: right - 1], 600 * CELL, CELL) is None

    def test_silence_has_none(self) -> None:
        for level, joined in ((0.0014, True), (0.0011, False)):
            assert (_joined_at(cut(hum(level=level)), 600 * CELL, CELL) is not None) == joined


class TestScore:
    JOIN = _Join(PLACE, (17.0, 20.0))

    @pytest.fixture
    def score(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., float]:
        """The score of the one splice of a channel, its parts as told."""

        def run(
            join: _Join | None = self.JOIN, doubled: int = 0, crowded: float = 0.0, support: float = 0.0
        ) -> float:
            monkeypatch.setattr(
                splices, "_joined_at", lambda _, cell, size: join if cell == 600 * size else None
            )
            monkeypatch.setattr(splices, "_doubled", lambda *_: doubled)
            monkeypatch.setattr(splices, "_crowded", lambda *_: crowded)
            monkeypatch.setattr(splices, "_support", lambda *_: support)
            spans = found(cut(hum()))
            if not spans:
                return -math.inf
            (span,) = spans
            assert (span.start, span.end, span.channel, span.kind) == (PLACE - 22, PLACE + 22, 0, "splice")
            return math.log(span.confidence / (1 - span.confidence))

        return run

    def test_three_decibels_beyond_fourteen_of_the_weaker_break_are_one(
        self, score: Callable[..., float]
    ) -> None:
        assert score() == pytest.approx(1.0)
        assert score(_Join(PLACE, (23.0, 12.5))) == pytest.approx(-0.5)
        assert score(_Join(PLACE, (14.0, 9.0))) == pytest.approx(-5 / 3)
        assert score(_Join(PLACE, (7.9, 20.0))) == -math.inf
        assert score(None) == -math.inf

    def test_doubled_samples_company_and_channels_are_added(self, score: Callable[..., float]) -> None:
        assert score(doubled=6) == pytest.approx(3.0)
        assert score(crowded=1.5) == pytest.approx(-0.5)
        assert score(support=2.0) == pytest.approx(3.0)
        assert score(support=-2.0) == pytest.approx(-1.0)

    def test_at_the_loudest_sample_of_a_second_it_loses_three(
        self, score: Callable[..., float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(splices, "_is_loudest", lambda *_: True)
        assert score(_Join(PLACE, (23.0, 23.0))) == pytest.approx(0.0)
        assert score(doubled=6) == pytest.approx(3.0)

    @pytest.mark.parametrize(
        ("channel", "place", "loudest"),
        [(0, 0, True), (1, -60, True), (0, 60, True), (0, -68, False), (1, 68, False)],
    )
    def test_the_loudest_sample_is_a_millisecond_and_a_half_away(
        self, channel: int, place: int, loudest: bool
    ) -> None:
        audio = np.stack([hum(60_000), hum(60_000, seed=2)])
        audio[channel, 30_000 + place] = -0.9
        assert splices._is_loudest(audio, 30_000, RATE_HZ) is loudest
        assert not splices._is_loudest(np.zeros((2, 60_000)), 30_000, RATE_HZ)

    def test_no_more_than_it_stands_alone(
        self, score: Callable[..., float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peaks = np.full(2000, 0.01)
        peaks[600] = 1.0
        monkeypatch.setattr(screen, "cell_peaks", lambda *_: peaks)
        assert score() == pytest.approx(1.0)
        for distance, level, expected in (
            (199, 0.71, 20 * math.log10(1 / 0.71) / 1.5),
            (201, 0.71, 3.0),
            (120, 1.1, -20 * math.log10(1.1) / 1.5),
            (4, 0.99, 3.0),
        ):
            peaks[560:640] = 0.01
            peaks[:] = 0.01
            peaks[600], peaks[600 + distance] = 1.0, level
            assert score(doubled=9) == pytest.approx(expected), distance

    @pytest.mark.parametrize(
        ("beside", "level", "found"),
        [(0, 0.0, True), (10, 0.70, True), (10, 0.73, False), (59, 0.73, False), (61, 0.73, True)],
    )
    def test_it_stands_out_of_thirty_milliseconds(
        self,
        score: Callable[..., float],
        monkeypatch: pytest.MonkeyPatch,
        beside: int,
        level: float,
        found: bool,
    ) -> None:
        peaks = np.full(2000, 0.01)
        peaks[600 + beside] = level
        peaks[600] = 1.0
        monkeypatch.setattr(screen, "cell_peaks", lambda *_: peaks)
        assert (score() > -math.inf) == found

    def test_and_of_its_background(
        self, score: Callable[..., float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for level, expected in ((0.28, True), (0.29, False)):
            peaks = np.full(2000, level)
            peaks[600] = 1.0
            monkeypatch.setattr(screen, "cell_peaks", lambda *_, peaks=peaks: peaks)
            assert (score() > -math.inf) == expected

    def test_of_cells_within_a_millisecond_and_a_half_the_largest_is_looked_at(
        self, score: Callable[..., float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for distance, expected in ((3, False), (4, True)):
            peaks = np.full(2000, 0.01)
            peaks[600], peaks[600 + distance] = 1.0, 1.2
            monkeypatch.setattr(screen, "cell_peaks", lambda *_, peaks=peaks: peaks)
            assert (score() > -math.inf) == expected

    def test_shorter_than_a_quarter_of_a_second_has_none(self) -> None:
        audio = cut(hum(40_000), place=250 * CELL)
        assert found(audio[: 500 * CELL])
        assert found(audio[: 500 * CELL - 1]) == []


class TestParts:
    @pytest.mark.parametrize(("others", "taken"), [(0, 0.0), (7, 0.0), (15, 0.6), (31, 1.2), (63, 1.8)])
    def test_more_than_eight_peaks_of_a_third_cost_something_for_each_doubling(
        self, others: int, taken: float
    ) -> None:
        peaks = np.full(4000, 0.34)
        peaks[2000] = 1.0
        peaks[1500 : 1500 + 3 * others : 3] = 0.36
        assert _crowded(peaks, 2000) == pytest.approx(taken)

    def test_they_are_counted_for_half_a_second_on_either_side(self) -> None:
        for first, taken in ((3000, 0.0), (2984, 0.6), (1000, 0.6), (984, 0.0)):
            peaks = np.full(4000, 0.1)
            peaks[2000] = 1.0
            peaks[first : first + 15] = 0.9
            assert _crowded(peaks, 2000) == pytest.approx(taken, abs=0.05 if taken else 1e-9), first

    @pytest.mark.parametrize(("others", "taken"), [(0, 0.0), (8, 0.0), (16, 3.0), (32, 6.0)])
    def test_more_than_eight_places_a_third_as_high_cost_something_for_each_doubling(
        self, others: int, taken: float
    ) -> None:
        peaks = np.full(40_000, 0.01)
        cells = np.array([20_000, *range(20_100, 20_100 + 80 * others, 80)])
        peaks[cells] = 0.36
        peaks[20_000] = 1.0
        assert accompanied(peaks, cells, 20_000) == pytest.approx(taken)
        peaks[cells[1:]] = 0.34
        assert accompanied(peaks, cells, 20_000) == 0.0

    def test_those_count_for_two_and_a_half_seconds_on_either_side(self) -> None:
        peaks = np.ones(40_000)
        for first, taken in ((24_984, 3.0), (25_000, 0.0), (15_000, 3.0), (14_984, 0.0)):
            cells = np.sort([20_000, *range(first, first + 16)])
            assert accompanied(peaks, cells, 20_000) == pytest.approx(taken), first

    def test_those_at_equal_distances_are_a_rhythm(self) -> None:
        peaks = np.ones(40_000)
        for pairs, taken in ((1, 0.0), (2, 3.0), (3, 3.0 * math.log2(3))):
            cells = np.arange(20_000 - 1000 * pairs, 20_001 + 1000 * pairs, 1000)
            assert accompanied(peaks, cells, 20_000) == pytest.approx(taken), pairs

    def other(self, audio: Samples, place: int = PLACE) -> float:
        mine = cut(hum(seed=2))
        size = min(mine.size, audio.size)
        return _support(np.array([mine[:size], audio[:size]]), 0, 1, _Join(place, (20.0, 20.0)), CELL)

    def test_another_channel_that_breaks_there_too_speaks_for_it(self) -> None:
        elsewhere = 0.1 * np.sin(0.123 * np.arange(30_000)) + 1e-4 * np.random.default_rng(6).standard_normal(
            30_000
        )
        assert self.other(cut(elsewhere, 40)) == 2.0
        assert self.other(cut(elsewhere, 40, PLACE + 1)) == 2.0
        assert self.other(cut(elsewhere, 40, PLACE + 3)) == -2.0

    def test_one_that_goes_on_speaks_against_it(self) -> None:
        elsewhere = 0.1 * np.sin(0.123 * np.arange(30_000)) + 1e-4 * np.random.default_rng(6).standard_normal(
            30_000
        )
        assert self.other(elsewhere) == -2.0
        assert self.other(elsewhere * 0.0142) == -2.0  # −60 dB is where silence begins

    def test_silence_the_same_sound_and_the_channel_itself_say_nothing(self) -> None:
        mine = cut(hum(seed=2))
        assert self.other(mine * 0.5) == 0.0
        assert self.other(-mine) == 0.0
        assert self.other(1e-3 * np.cos(0.123 * np.arange(30_000))) == 0.0
        assert _support(np.array([mine, mine]), 1, 1, _Join(PLACE, (20.0, 20.0)), CELL) == 0.0

    def test_alike_are_those_with_a_correlation_of_98_in_a_hundred(self) -> None:
        mine = cut(hum(seed=2))
        near = mine[PLACE - 1024 : PLACE + 1024]
        other = np.random.default_rng(9).standard_normal(mine.size)
        other[PLACE - 1024 : PLACE + 1024] -= (
            near * (other[PLACE - 1024 : PLACE + 1024] @ near) / (near @ near)
        )
        part = other[PLACE - 1024 : PLACE + 1024]
        other *= np.sqrt((near @ near) / (part @ part))
        for share, expected in ((0.985, 0.0), (0.975, -2.0)):
            assert self.other(share * mine + math.sqrt(1 - share**2) * other) == expected

    def test_the_words_hold_both_breaks(self) -> None:
        words = _words(_Join(7, (15.4, 20.6)), 0)
        assert words.endswith("from the left and from the right errs 15 and 21 dB more than beside")
        assert _words(_Join(7, (15.4, 20.6)), 9) == words + "; 9 samples come twice"
