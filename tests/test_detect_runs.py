"""Runs of one value: every margin of their score by hand, in noise whose levels are set exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection.runs import _score, find_nan, find_runs, long_runs, run_evidence
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100
START, END = 5000, 5040
EDGE = 44  # a millisecond
CONTEXT = 1764  # 40 ms


def logit(span: Span) -> float:
    return math.log(span.confidence / (1.0 - span.confidence))


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def sound(value: float = 0.0, seed: int = 3) -> Samples:
    """10,000 samples of noise at −20 dBFS in which 40 hold one value; no run or neighbour is equal else."""
    audio = 0.1 * np.random.default_rng(seed).uniform(-1.7, 1.7, 10_000)
    audio[START:END] = value
    return audio


def soft(audio: Samples, before_db: float, after_db: float) -> tuple[float, float]:
    """Set the level of the millisecond at either edge; what that is against the 40 ms of its side, in dB."""
    audio[START - EDGE : START] *= 10 ** (before_db / 20) * 0.1 / level(audio[START - EDGE : START])
    audio[END : END + EDGE] *= 10 ** (after_db / 20) * 0.1 / level(audio[END : END + EDGE])
    return (
        20 * math.log10(level(audio[START - EDGE : START]) / level(audio[START - CONTEXT : START])),
        20 * math.log10(level(audio[END : END + EDGE]) / level(audio[END : END + CONTEXT])),
    )


def one(audio: Samples, **options: int) -> Span:
    (span,) = find_runs(audio, 0, RATE_HZ, options.pop("longest", 10_000), **options)
    return span


class TestScore:
    """Three decibels beyond the nearest threshold are one unit of log odds."""

    @pytest.mark.parametrize(("before_db", "after_db"), [(-20.0, 0.0), (0.0, -20.0), (0.0, -26.0)])
    def test_the_softer_edge_may_lie_22_db_below_its_side(self, before_db: float, after_db: float) -> None:
        audio = sound()
        softer = min(soft(audio, before_db, after_db))
        assert logit(one(audio)) == pytest.approx((softer + 22.0) / 3.0, abs=1e-6)

    @pytest.mark.parametrize("flip", [False, True])
    def test_the_louder_edge_may_lie_12_db_below_its_side(self, flip: bool) -> None:
        audio = sound()
        edges = soft(audio, *((-13.0, -11.0) if flip else (-11.0, -13.0)))
        assert logit(one(audio)) == pytest.approx((max(edges) + 12.0) / 3.0, abs=1e-6)

    def test_the_jump_to_one_side_must_be_a_sixteenth_of_its_level(self) -> None:
        audio = sound()
        for near in (slice(START - 3, START), slice(END, END + 3)):
            audio[near] *= 0.006 / np.abs(audio[near]).max()
        jumps = (
            np.abs(audio[START - 3 : START]).max() / level(audio[START - CONTEXT : START]),
            np.abs(audio[END : END + 3]).max() / level(audio[END : END + CONTEXT]),
        )
        assert logit(one(audio)) == pytest.approx((20 * math.log10(max(jumps)) + 24.0) / 3.0, abs=1e-6)
        audio[END] = 0.05  # one side suffices
        assert logit(one(audio)) > 2.0

    @pytest.mark.parametrize("rank", [4, 8, 12])
    def test_eight_values_in_use_must_lie_between_the_run_and_its_neighbours(self, rank: int) -> None:
        steps = (2 * np.floor(sound() * 64) + 1) / 128  # some twenty values, none of them 0
        odd = np.arange(10_000) % 2
        steps += 12 / 128 * np.where(odd, 1, -1)  # no neighbours are equal
        steps[START:END] = 0.0
        values = np.unique(np.concatenate([steps[START - CONTEXT : START], steps[END : END + CONTEXT]]))
        upper = values[values > 0][rank - 1]
        lower = values[values < 0][-1]
        for place in (START - 3, START - 2, START - 1, END, END + 1, END + 2):
            steps[place] = upper if odd[place] else lower
        span = one(steps)
        assert logit(span) == pytest.approx(20 * math.log10((rank - 1) / 8.0) / 3.0)

    def test_a_level_of_minus_60_db_on_the_quieter_side_is_silence(self) -> None:
        for gain_db, found in ((-9.0, True), (-11.0, False)):
            for side in (slice(END, None), slice(None, START)):
                audio = sound() * 10 ** (-30 / 20)
                audio[side] *= 10 ** (gain_db / 20)
                assert bool(find_runs(audio, 0, RATE_HZ, 10_000)) == found, gain_db

    @pytest.mark.parametrize("side", [slice(END, None), slice(None, START)])
    @pytest.mark.parametrize("change_db", [17.0, 23.0])
    def test_a_level_that_changes_by_20_db_makes_an_onset(self, side: slice, change_db: float) -> None:
        audio = sound()
        audio[side] *= 10 ** (-change_db / 20)
        levels = level(audio[START - CONTEXT : START]), level(audio[END : END + CONTEXT])
        made_db = 20 * math.log10(max(levels) / min(levels))
        assert logit(one(audio)) == pytest.approx((20.0 - made_db) / 3.0, abs=1e-6)

    def test_a_clipped_top_is_none(self) -> None:
        audio = sound(value=0.17)
        audio[START - 1] = audio[END] = 0.16
        assert find_runs(audio, 0, RATE_HZ, 10_000) == []
        audio[START:END] = 0.1
        assert one(audio).kind == "constant"

    def test_chance_is_weighed_where_more_than_two_in_a_hundred_neighbours_are_equal(self) -> None:
        for share in (0.015, 0.5):
            audio = sound()
            pairs = np.random.default_rng(1).permutation(np.r_[3100 : START - 60 : 2, END + 60 : 6900 : 2])
            pairs = pairs[: round(share * 2 * CONTEXT)]
            audio[pairs] = audio[pairs + 1]
            around = np.concatenate(
                [
                    (audio[1:] == audio[:-1])[START - CONTEXT : START],
                    (audio[1:] == audio[:-1])[END : END + CONTEXT],
                ]
            )
            common = around.mean()
            chance = 3.5 * math.log(-40 * math.log(common) / 14.0)
            expected = chance / 3.0 if common > 0.02 else None
            if expected is None:
                assert common > 0.01
                assert logit(one(audio)) > 2.5
            else:
                assert logit(one(audio)) == pytest.approx(expected, abs=0.05)

    def test_unlikely_runs_are_not_handed_on(self) -> None:
        for before_db, count in ((-30.4, 1), (-31.6, 0)):
            audio = sound()
            softer = min(soft(audio, before_db, 0.0))
            assert (softer + 22.0) / 3.0 == pytest.approx(-3.0, abs=0.25)
            assert len(find_runs(audio, 0, RATE_HZ, 10_000)) == count


class TestWhichRuns:
    def put(self, audio: Samples, start: int, length: int) -> Samples:
        audio[start : start + length] = 0.0
        return audio

    @pytest.mark.parametrize(
        ("rate_hz", "length", "found"),
        [(44_100, 15, False), (44_100, 16, True), (96_000, 28, False), (96_000, 29, True)],
    )
    def test_sixteen_samples_and_a_third_of_a_millisecond(
        self, rate_hz: int, length: int, found: bool
    ) -> None:
        audio = self.put(sound(0.05, 1), 3000, length)
        audio[START:END] = sound(seed=9)[START + 500 : END + 500]
        spans = find_runs(audio, 2, rate_hz, 10_000)
        assert [(s.start, s.end, s.channel, s.kind) for s in spans] == (
            [(3000, 3000 + length, 2, "zeros")] if found else []
        )

    @pytest.mark.parametrize(
        ("length", "longest", "found"), [(65, 999, True), (66, 999, False), (50, 50, False)]
    )
    def test_longer_ones_than_a_millisecond_and_a_half_are_gaps(
        self, length: int, longest: int, found: bool
    ) -> None:
        audio = self.put(sound(seed=5), START, length)
        assert bool(find_runs(audio, 0, RATE_HZ, longest)) == found

    def test_runs_at_the_ends_of_the_window_are_none(self) -> None:
        audio = np.random.default_rng(2).uniform(-0.1, 0.1, 9000)
        audio[:30] = audio[-30:] = 0.0
        assert find_runs(audio, 0, RATE_HZ, 10_000) == []
        audio[0] = audio[-1] = 0.05
        assert find_runs(audio, 0, RATE_HZ, 10_000) == []  # a side shorter than a millisecond has no level

    def test_a_dozen_others_within_half_a_second_are_the_sounds_own(self) -> None:
        def count(others: int, apart: int) -> int:
            audio = np.random.default_rng(4).uniform(-0.1, 0.1, 100_000)
            for number in range(others + 1):
                self.put(audio, 2000 + number * apart, 20)
            return len(find_runs(audio, 0, RATE_HZ, 10_000))

        assert count(12, 2000) > 0
        assert count(12, 1000) == 13
        assert count(13, 1000) == 0

    def test_other_runs_beside_are_no_music(self) -> None:
        audio = sound()
        audio[START - 400 : START - 200] = 0.0  # a gap: not part of the level
        with_gap = logit(one_of(audio, START))
        audio[START - 400 : START - 200] = np.nan_to_num(sound(seed=8)[:200])
        assert with_gap == pytest.approx(logit(one_of(audio, START)), abs=0.4)

    def testlong_runs_are_found_eight_neighbours_at_a_time_to_the_sample(self) -> None:
        for start in range(40, 56):
            for length in (16, 17, 23, 24, 31):
                values = np.arange(120.0)
                values[start : start + length] = -1.0
                assert long_runs(values[1:] == values[:-1], 16) == [(start, start + length)]
                assert long_runs(values[1:] == values[:-1], length + 1) == []
        both = np.arange(200.0)
        both[20:40] = both[60:90] = -1.0
        assert long_runs(both[1:] == both[:-1], 16) == [(20, 40), (60, 90)]
        held = np.zeros(64)
        assert long_runs(held[1:] == held[:-1], 16) == [(0, 64)]


def one_of(audio: Samples, start: int) -> Span:
    return next(s for s in find_runs(audio, 0, RATE_HZ, 10_000) if s.start == start)


def test_the_words_hold_the_length_the_value_and_both_levels() -> None:
    audio = sound()
    audio[:START] *= 0.1 / level(audio[START - CONTEXT : START])
    audio[END:] *= 0.01 / level(audio[END : END + CONTEXT])
    words = run_evidence(audio, (START, END), RATE_HZ)
    assert words == "40 samples exactly zero, between sound of -20 and -40 dBFS that does not fade"
    audio[START:END] = -0.25
    assert "40 samples held at -0.25000," in run_evidence(audio, (START, END), RATE_HZ)


def test_every_run_of_what_is_no_number_is_told_in_its_channel() -> None:
    window = np.zeros((2, 50))
    assert find_nan(window) == []
    window[0, 49] = np.inf
    window[1, [3, 4, 8]] = np.nan
    assert [(s.start, s.end, s.channel, s.kind) for s in find_nan(window)] == [
        (49, 50, 0, "nan"),
        (3, 5, 1, "nan"),
        (8, 9, 1, "nan"),
    ]


def test_sides_shorter_than_a_millisecond_have_no_level() -> None:
    for size, told in ((43, False), (44, True)):
        audio = np.random.default_rng(7).uniform(-0.1, 0.1, 2 * size + 20)
        audio[size : size + 20] = 0.0
        equal = audio[1:] == audio[:-1]
        lost = np.zeros(audio.size, dtype=bool)
        lost[size : size + 20] = True
        assert math.isfinite(_score(audio, equal, lost, (size, size + 20), RATE_HZ)) == told
