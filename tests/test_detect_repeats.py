"""Equal stretches by hand: how far they reach, what breaks them, what speaks against damage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import matches, prediction, repeats
from restore_audio.detection.matches import Match, _extended, _keys, _sorted_pairs, find_matches
from restore_audio.detection.pitch_copies import _alike, _unblended, concealed_by_g711
from restore_audio.detection.prediction import prediction_break
from restore_audio.detection.repeats import _is_usual, _judged, find_repeats
from restore_audio.signal import kernels, screens
from restore_audio.signal.g711 import blended_back, conceal_g711
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100


def noise(size: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).integers(-3000, 3000, size) / 32768


class TestJudged:
    """What prediction says at the ends is told; from it the score follows by hand."""

    AUDIO = noise(60_000)
    MATCH = Match(30_000, 30_500, 9000)

    @pytest.fixture(autouse=True)
    def breaks(self, monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
        told = {30_000: 20.0, 30_500: 16.0, 21_000: 2.0, 21_500: 3.0}
        monkeypatch.setattr(repeats, "prediction_break", lambda _, place, __: told[place])
        return told

    def score(self, match: Match = MATCH) -> float | None:
        span = _judged(self.AUDIO, match, 3, RATE_HZ)
        if span is None:
            return None
        assert (span.start, span.end, span.channel, span.kind) == (match.start, match.end, 3, "repeat")
        return math.log(span.confidence / (1 - span.confidence))

    def test_the_stronger_break_counts_from_twelve_decibels_on(self, breaks: dict[int, float]) -> None:
        breaks[30_000], breaks[30_500] = 14.0, 14.0
        assert self.score() == pytest.approx(0.5)
        breaks[30_000] = 10.0
        assert self.score() == pytest.approx(0.5)  # (14 − 12) / 4, and (10 − 6) / 4
        breaks[30_500] = 9.0
        assert self.score() == pytest.approx(-0.5)

    def test_the_weaker_from_six_on(self, breaks: dict[int, float]) -> None:
        for weaker, score in ((8.0, 0.5), (5.0, -0.25), (-5.0, -2.75)):
            breaks[30_500] = weaker
            assert self.score() == pytest.approx(score)
        breaks[30_500] = -7.0
        assert self.score() is None

    def test_the_earlier_stretch_may_not_break_by_fourteen(self, breaks: dict[int, float]) -> None:
        breaks[30_000] = breaks[30_500] = 40.0
        for earlier, score in ((40.0, 0.5), (41.0, 0.25), (44.0, -0.5)):  # 14 + (40 − 12) less that
            for place in (21_000, 21_500):
                breaks[21_000] = breaks[21_500] = 2.0
                breaks[place] = earlier
                assert self.score() == pytest.approx(score), (earlier, place)
        breaks[30_000] = breaks[30_500] = 12.0
        breaks[21_000], breaks[21_500] = 16.0, 2.0
        assert self.score() == pytest.approx(-0.5)

    def test_where_it_is_played_again_at_once_only_its_beginning_did_not_break_before(
        self, breaks: dict[int, float]
    ) -> None:
        breaks.update({30_000 - 500: 1.0, 30_500: 16.0})
        assert self.score(Match(30_000, 30_500, 500)) == pytest.approx(2.0)
        breaks[30_000 - 510] = 1.0
        assert self.score(Match(30_000, 30_500, 510)) == pytest.approx(2.0)  # 98 in a hundred of its lag
        with pytest.raises(KeyError):
            self.score(Match(30_000, 30_500, 512))  # asks for the earlier end as well

    def test_longer_than_a_buffer_or_played_more_than_fifty_times_is_none(
        self, breaks: dict[int, float]
    ) -> None:
        for length, none in ((4410, False), (4411, True)):
            breaks.update({30_000 + length: 16.0, 21_000 + length: 2.0})
            assert (self.score(Match(30_000, 30_000 + length, 9000)) is None) == none
        for length, none in ((4098, False), (4099, True)):
            breaks.update({30_000 + length: 16.0, 21_000 + length: 2.0})
            span = _judged(self.AUDIO, Match(30_000, 30_000 + length, 9000), 0, 8000)
            assert (span is None) == none
        breaks.update({29_900: 1.0, 35_000: 16.0, 35_001: 16.0})
        assert self.score(Match(30_000, 35_000, 100)) == pytest.approx(2.0)
        assert self.score(Match(30_000, 35_001, 100)) is None

    def test_the_words_hold_length_age_and_both_breaks(self) -> None:
        span = _judged(self.AUDIO, self.MATCH, 0, RATE_HZ)
        assert span is not None
        assert span.evidence == (
            "the same 500 samples as 204.1 ms before, and only here the sound breaks at both ends "
            "(errors of prediction 20 and 16 dB above usual)"
        )

    def test_what_g711_plays_is_certain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(repeats, "concealed_by_g711", lambda *_: (29_950, 30_700))
        span = _judged(self.AUDIO, self.MATCH, 1, RATE_HZ)
        assert span is not None
        assert (span.start, span.end, span.channel, span.kind) == (29_950, 30_700, 1, "concealed")
        assert math.log(span.confidence / (1 - span.confidence)) == pytest.approx(4.0)
        assert span.evidence.startswith(
            "the last 204.1 ms before, to the last bit and without a break for 11 ms:"
        )


class TestCompany:
    def span(self, confidence: float = 0.9) -> Span:
        return Span(100_000, 100_500, 0, "repeat", confidence)

    def test_half_as_many_in_order_are_too_many(self) -> None:
        def near(count: int, first: int = 90_000) -> list[Match]:
            return [Match(first + k, first + k + 100, 5000) for k in range(count)]

        assert not _is_usual(self.span(), near(1), [], 1000_00)
        assert _is_usual(self.span(), near(1), near(1), 100_000)
        assert not _is_usual(self.span(), near(2), near(1), 100_000)
        assert _is_usual(self.span(), near(3), near(2), 100_000)

    def test_only_those_near_it_count(self) -> None:
        for match, usual in (
            (Match(98_900, 99_000, 500), False),
            (Match(98_900, 99_001, 500), True),
            (Match(101_500, 101_600, 500), False),
            (Match(101_499, 101_600, 500), True),
        ):
            assert _is_usual(self.span(), [], [match], 1000) == usual, match

    def test_within_three_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Doubtful ones count as in order; what begins in the past is not judged."""
        found = [Match(50_000, 50_500, 900), Match(200_000, 200_500, 900)]
        monkeypatch.setattr(repeats, "find_matches", lambda *_: found)
        sure = {50_000: 0.9, 200_000: 0.49}
        monkeypatch.setattr(
            repeats,
            "_judged",
            lambda _, m, channel, __: Span(m.start, m.end, channel, "repeat", sure[m.start]),
        )
        audio = np.zeros(300_000)
        assert [s.start for s in find_repeats(audio, 0, RATE_HZ)] == [50_000]
        assert find_repeats(audio, 0, 2 * RATE_HZ) == []
        sure[200_000] = 0.5
        assert [s.start for s in find_repeats(audio, 0, RATE_HZ)] == [50_000, 200_000]
        spans = find_repeats(audio[50_000:], 0, RATE_HZ, past=audio[:50_000])
        assert [(s.start, s.end) for s in spans] == [(0, 500), (150_000, 150_500)]
        spans = find_repeats(audio[50_001:], 0, RATE_HZ, past=audio[:50_001])
        assert [(s.start, s.end) for s in spans] == [(149_999, 150_499)]


class TestMatches:
    def test_two_stretches_of_one_lag_are_two_only_if_something_differs_between(self) -> None:
        audio = noise(60_000)
        audio[30_000:30_400] = audio[20_000:20_400]
        assert find_matches(audio, 20_000) == [Match(30_000, 30_400, 10_000)]
        audio[30_200:30_270] += 0.5
        assert find_matches(audio, 20_000) == [
            Match(30_000, 30_200, 10_000),
            Match(30_270, 30_400, 10_000),
        ]

    def test_a_stretch_is_followed_beyond_four_thousand_samples_on_both_sides(self) -> None:
        audio = noise(40_000)
        audio[20_000:36_000] = audio[2_000:18_000]
        for place in (20_000, 24_096, 27_000, 35_990):
            assert _extended(audio, place, 18_000) == Match(20_000, 36_000, 18_000)
        whole = np.tile(noise(5000), 4)
        assert _extended(whole, 9000, 5000) == Match(5000, 20_000, 5000)

    def test_the_nearest_of_several_is_found(self) -> None:
        audio = noise(60_000)
        for start in (40_000, 50_000):
            audio[start : start + 300] = audio[10_000:10_300]
        assert find_matches(audio, 50_000) == [
            Match(40_000, 40_300, 30_000),
            Match(50_000, 50_300, 10_000),
        ]

    def test_a_stretch_is_told_once_however_far_its_anchors_lie_apart(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        audio = noise(10_000)
        audio[3000:3400], audio[6000:6600] = audio[2000:2400], audio[4000:4600]
        late = np.array([3050, 3350, 6100, 6300, 6590])
        monkeypatch.setattr(matches, "_pairs", lambda *_: (late, np.repeat([1000, 2000], [2, 3])))
        assert find_matches(audio, 5000) == [Match(3000, 3400, 1000), Match(6000, 6600, 2000)]

    def test_numpy_looks_up_the_same_places(self, monkeypatch: pytest.MonkeyPatch) -> None:
        audio = noise(40_000)
        audio[5000:5100] = 0.25  # held values are not looked up
        keys = _keys(audio)
        places = (keys & np.uint64((1 << 24) - 1)).astype(int)
        assert not np.any((places > 4996) & (places < 5100))
        assert places.size == pytest.approx(40_000 / 8, rel=0.1)  # one in eight
        compiled = screens.find_anchors(audio, int(matches._ANCHORS), matches._ODD)
        if compiled is not None:
            assert np.array_equal(keys, compiled)
        for seed in range(40):  # up to the last sample that can be looked up
            assert _keys(noise(100, seed)).size == 0 or max(_keys(noise(100, seed)) & np.uint64(127)) < 92
        copied = audio.copy()
        copied[30_000:30_200] = audio[20_000:20_200]
        pairs = screens.pair_anchors(copied, _keys(copied), (64, 20_000), 8)
        if pairs is not None:
            in_numpy = _sorted_pairs(copied, _keys(copied), 20_000)
            assert sorted(zip(*pairs, strict=True)) == sorted(zip(*in_numpy, strict=True))
            assert pairs[0].size > 10
        monkeypatch.setattr(kernels, "LIBRARY", None)
        assert find_matches(copied, 20_000) == [Match(30_000, 30_200, 10_000)]

    def test_windows_of_more_than_two_thousand_stretches_repeat_by_design(self) -> None:
        pieces = [np.r_[noise(70, 2), noise(70, 10 + k)] for k in range(2100)]
        assert len(find_matches(np.concatenate(pieces[:1900]), 140)) == 1899
        assert find_matches(np.concatenate(pieces), 140) == []

    def test_they_are_ordered_by_place_and_have_a_length(self) -> None:
        assert Match(5, 9, 3).length == 4
        assert sorted([Match(5, 9, 3), Match(2, 9, 7)])[0].start == 2


class TestBreaks:
    def test_an_error_of_prediction_over_the_usual_one(self) -> None:
        """White noise is not predicted: its usual error is its level, that of a jump is the jump."""
        audio = 0.01 * np.random.default_rng(3).choice([-1.0, 1.0], 4000)
        audio[2000] = 0.1
        for place in (1998, 1999, 2000, 2001, 2002, 2003):
            assert prediction_break(audio, place, RATE_HZ) == pytest.approx(20.0, abs=1.5), place
        for place in (1997, 2004):
            assert prediction_break(audio, place, RATE_HZ) < 6.0, place

    def test_twenty_milliseconds_are_known(self) -> None:
        audio = 0.01 * np.random.default_rng(3).choice([-1.0, 1.0], 4000)
        audio[2000] = 0.1
        audio[2000 - 850] = audio[2000 + 850] = 1.0
        assert prediction_break(audio, 2000, RATE_HZ) < 10.0
        audio[2000 - 850] = 0.01
        assert prediction_break(audio, 2000, RATE_HZ) == pytest.approx(20.0, abs=1.5)  # one side suffices

    def test_four_times_the_order_must_be_known(self) -> None:
        audio = 0.01 * np.random.default_rng(3).choice([-1.0, 1.0], 4000)
        for size, told in ((95, False), (96, True)):
            assert (prediction._one_sided(audio[: size + 3]) > -180.0) == told
        assert prediction._one_sided(np.zeros(200)) == -180.0


class TestG711:
    PITCH, STEP = 300, 441

    def concealed(self, lost: int = 441, seed: int = 3) -> tuple[Samples, tuple[int, int], Match]:
        time = np.arange(40_000)
        audio = np.sin(2 * np.pi * time / 301.7) * (1 + 0.3 * np.sin(time / 900)) * 0.3
        audio += 0.02 * np.random.default_rng(seed).standard_normal(time.size)
        own = conceal_g711(audio, 20_000, 20_000 + lost, RATE_HZ, self.PITCH)
        audio = np.rint(audio * 32768) / 32768
        quarter = self.PITCH // 4
        equal = audio[20_000:21_000] == audio[20_000 - self.PITCH : 21_000 - self.PITCH]
        end = 20_000 + int(np.argmin(equal))
        assert end >= 20_441 - 1
        return audio, own, Match(20_000, end, self.PITCH) if quarter else Match(0, 1, 1)

    @pytest.mark.parametrize("lost", [441, 882, 1764])
    def test_from_the_first_blended_sample_to_the_last(self, lost: int) -> None:
        audio, own, match = self.concealed(lost)
        assert own == (20_000 - 75, 20_000 + lost + blended_back(self.PITCH, lost, RATE_HZ))
        found = concealed_by_g711(audio, match, RATE_HZ)
        assert found is not None
        assert abs(found[0] - own[0]) <= 2
        assert abs(found[1] - own[1]) <= 2

    def test_only_periods_and_lengths_of_the_standard(self) -> None:
        audio, _, match = self.concealed()
        start, end = match.start, match.end
        assert concealed_by_g711(audio, match, RATE_HZ) is not None
        for other in (
            Match(start, start + 441 - 3, 300),
            Match(start, start + 441 + 10, 300),
            Match(start, end, 219),
            Match(start, end, 663),
        ):
            assert concealed_by_g711(audio, other, RATE_HZ) is None, other

    def test_enough_is_known_before_and_behind(self) -> None:
        audio, _, match = self.concealed()
        known = 4 * 662 + 300 + 2
        for first, told in ((match.start - known, True), (match.start - known + 1, False)):
            moved = Match(match.start - first, match.end - first, 300)
            assert (concealed_by_g711(audio[first:], moved, RATE_HZ) is not None) == told
        for stop, told in ((match.end + 441, True), (match.end + 440, False)):
            assert (concealed_by_g711(audio[:stop], match, RATE_HZ) is not None) == told

    def test_blending_is_undone(self) -> None:
        rng = np.random.default_rng(2)
        before, own = rng.standard_normal((2, 75))
        rise = (np.arange(75) + 0.5) / 75
        piece = np.r_[before, rng.standard_normal(225), own * (1 - rise) + before * rise]
        undone = _unblended(piece, 375, 300)
        assert undone is not None
        assert undone[:71] == pytest.approx(own[:71])
        assert undone[71:] == pytest.approx(piece[-4:])  # where little of it is left

    @pytest.mark.parametrize(("strays", "told"), [(0.018, False), (0.05, True)])
    def test_a_tone_that_never_strays_from_its_period_goes_on(self, strays: float, told: bool) -> None:
        before = np.random.default_rng(2).choice([-1.0, 1.0], 75)
        rise = (np.arange(75) + 0.5) / 75
        apart = strays / 0.75 * np.random.default_rng(5).choice([-1.0, 1.0], 75)
        piece = np.r_[before, np.zeros(225), before + apart * (1 - rise)]
        assert (_unblended(piece, 375, 300) is not None) == told

    @pytest.mark.parametrize(("left", "told"), [(0.2, True), (0.3, False)])
    def test_a_quarter_of_it_may_be_left_at_the_end(self, left: float, told: bool) -> None:
        rng = np.random.default_rng(2)
        piece = rng.choice([-1.0, 1.0], 375)
        piece[300:] = piece[:75] + rng.choice([-1.0, 1.0], 75)
        piece[-9:] = piece[66:75] + left * rng.choice([-1.0, 1.0], 9)
        assert (_unblended(piece, 375, 300) is not None) == told

    def test_samples_are_alike_until_three_of_a_millisecond_differ(self) -> None:
        made = np.random.default_rng(2).choice([-0.5, 0.5], 400)
        assert _alike(made, made, 44) == 400
        for off, count, alike in ((0.02, 9, 400), (0.03, 2, 400), (0.03, 3, 103)):
            piece = made.copy()
            piece[[103, 109, 120, 121, 122, 123, 124, 125, 126][:count]] += off
            assert _alike(piece, made, 44) == alike, (off, count)
        quiet = np.zeros(400)
        for off, alike in ((2.0**-15, 400), (2.0**-14, 100)):
            piece = quiet.copy()
            piece[100:110] = off
            assert _alike(piece, quiet, 44) == alike
