"""What a decoder predicted, in parts: where prediction errs less, by how much, and which packets are one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.damage.families import apply, draw_negative
from restore_audio.detection import extrapolated
from restore_audio.detection.extrapolated import (
    _extrapolated,
    _fall_db,
    _prediction,
    _stretch,
    _united,
    find_extrapolated,
)
from restore_audio.signal import kernels
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 48_000


def signs(size: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).choice([-1.0, 1.0], size)


class TestStretch:
    """The error is 1 outside and ``within`` inside of samples 5000 to 5960."""

    def error(self, within: float = 0.001) -> Samples:
        made = signs(12_000)
        made[5000:5960] *= within
        return made

    def test_its_ends_are_those_of_the_small_error(self) -> None:
        first, last = _stretch(self.error(), 5200, 448)
        assert abs(first - 5016) <= 1  # half of the sixteen that are averaged, twice
        assert abs(last - 5944) <= 1

    def test_half_way_in_decibels_or_three_times_the_error_within_ends_it(self) -> None:
        for step, ended in ((0.035, True), (0.028, False)):  # half-way from 0.001 to 1 is 0.0316
            error = self.error()
            error[5800:5960] = step * signs(160)
            first, last = _stretch(error, 5200, 448)
            assert (last < 5850) == ended
            error = self.error()
            error[5000:5160] = step * signs(160)
            first, last = _stretch(error, 5200, 448)
            assert (first > 5110) == ended
        for step, ended in ((0.8, True), (0.7, False)):  # three times 0.25 is more than half-way
            error = self.error(0.25)
            error[5800:5960] = step * signs(160)
            assert (_stretch(error, 5200, 448)[1] < 5850) == ended

    def test_the_usual_error_is_that_a_thousand_to_three_thousand_samples_away(self) -> None:
        for away, counts in ((900, False), (1100, True), (2900, True), (3100, False)):
            error = self.error()
            error[5200 - away - 50 : 5200 - away] *= 100.0
            half = math.sqrt(0.001 * math.sqrt((1950 + 50 * 1e4) / 2000 if counts else 1.0))
            error[5000:5160] = 0.06 * signs(160)
            first, _ = _stretch(error, 5200, 448)
            assert (first > 5110) == (half < 0.06), away

    def test_without_an_end_on_either_side_there_is_none(self) -> None:
        error = self.error()
        assert _stretch(error[:5900], 5200, 448) is None
        assert _stretch(error[5100:], 100, 448) is None


class TestFall:
    def test_errors_within_against_the_weaker_side(self) -> None:
        error, treble = signs(8000), np.ones(8000)
        error[3000:4000] *= 0.01
        assert _fall_db(error, treble, 3000, 4000) == pytest.approx(40.0)
        error[4000:] *= 0.1
        assert _fall_db(error, treble, 3000, 4000) == pytest.approx(20.0)
        error[4000:] *= 100.0
        assert _fall_db(error, treble, 3000, 4000) == pytest.approx(40.0)

    def test_only_from_32_to_600_samples_beyond_an_end(self) -> None:
        for distance, counts in ((31, False), (32, True), (599, True), (600, False)):
            error, treble = signs(8000), np.ones(8000)
            error[3000:4000] *= 0.01
            error[2400:2968] *= 0.1  # the weaker side
            error[2999 - distance] = 1000.0
            assert (_fall_db(error, treble, 3000, 4000) > 30.0) == counts, distance
            assert (_fall_db(error[::-1], treble, 4000, 5000) > 30.0) == counts, distance

    def test_a_treble_that_is_weaker_explains_as_much(self) -> None:
        error, treble = signs(8000), np.ones(8000)
        error[3000:4000] *= 0.01
        treble[3000:4000] = 0.1
        assert _fall_db(error, treble, 3000, 4000) == pytest.approx(20.0)
        treble[3000:4000] = 10.0
        assert _fall_db(error, treble, 3000, 4000) == pytest.approx(40.0)

    def test_a_side_of_less_than_half_tells_nothing(self) -> None:
        error, treble = signs(8000), np.ones(8000)
        error[3000:4000] *= 0.01
        for missing, told in ((284, True), (285, False)):
            first = 3000 - 600 + missing
            assert math.isfinite(_fall_db(error[first:], treble[first:], 3000 - first, 4000 - first)) == told
            last = 4000 + 600 - missing
            assert math.isfinite(_fall_db(error[:last], treble[:last], 3000, 4000)) == told


class TestPrediction:
    SIZE, LAG = 448, 300

    def periodic(self, noise: float = 1e-4) -> Samples:
        """White noise; its last 448 samples are nine tenths of those 300 before, through a filter."""
        rng = np.random.default_rng(1)
        white = rng.standard_normal(self.LAG + 24 + 4 + self.SIZE)
        for n in range(white.size - self.SIZE, white.size):
            white[n] = 0.9 * white[n - self.LAG] + 0.2 * white[n - 1] + noise * rng.standard_normal()
        return white

    @pytest.mark.parametrize("compiled", [True, False])
    def test_the_filter_that_made_it_is_found(self, monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
        if not compiled:
            monkeypatch.setattr(kernels, "LIBRARY", None)
        weights, gained_db = _prediction(self.periodic(), self.SIZE, self.LAG)
        assert weights.size == self.LAG + 24 + 4 + 1
        assert weights[0] == 1.0
        errors = np.convolve(self.periodic(), weights, "valid")
        assert np.std(errors[-self.SIZE :]) < 3e-4
        assert np.all(weights[25 : self.LAG - 4] == 0.0)
        assert gained_db > 60.0

    def test_what_its_own_past_predicts_as_well_is_none(self) -> None:
        made = _prediction(np.random.default_rng(2).standard_normal(776), self.SIZE, self.LAG)
        assert made is None or made[1] < 13.0
        tone = np.sin(0.3 * np.arange(776)) + 1e-3 * np.random.default_rng(2).standard_normal(776)
        made = _prediction(tone, self.SIZE, self.LAG)
        assert made is None or made[1] < 13.0


class TestWhole:
    """Noise whose packet of 20 ms repeats the 300 samples before it, weaker with each period."""

    START, END, LAG = 30_000, 30_960, 300

    def packet(self, rest: float = 1e-4, level: float = 0.1, seed: int = 4) -> Samples:
        rng = np.random.default_rng(seed)
        audio = level * rng.standard_normal(60_000)
        for n in range(self.START, self.END):
            audio[n] = 0.95 * audio[n - self.LAG] + level * rest * rng.standard_normal()
        return audio

    def test_it_is_found_from_a_millisecond_before_to_two_and_a_half_behind(self) -> None:
        audio = self.packet()
        span = _extrapolated(audio, 384 * 79, self.LAG, 1, RATE_HZ)
        assert span is not None
        assert (span.channel, span.kind) == (1, "concealed")
        assert abs(span.start - (self.START - 48 + 36)) <= 8
        assert abs(span.end - (self.END + 120 - 16)) <= 8
        assert "from 6.2 ms before" in span.evidence

    @pytest.mark.parametrize(("rest_db", "score"), [(-19.0, 1.0), (-16.0, -0.5)])
    def test_two_decibels_beyond_seventeen_are_one(self, rest_db: float, score: float) -> None:
        audio = self.packet(10 ** (rest_db / 20))
        span = _extrapolated(audio, 384 * 79, self.LAG, 0, RATE_HZ)
        assert span is not None
        assert math.log(span.confidence / (1 - span.confidence)) == pytest.approx(score, abs=1.2)

    def test_less_than_thirteen_decibels_are_not_handed_on(self) -> None:
        assert _extrapolated(self.packet(10 ** (-10 / 20)), 384 * 79, self.LAG, 0, RATE_HZ) is None

    def test_silence_and_square_waves_have_none(self) -> None:
        assert _extrapolated(self.packet(level=0.0011), 384 * 79, self.LAG, 0, RATE_HZ) is not None
        assert _extrapolated(self.packet(level=0.0008), 384 * 79, self.LAG, 0, RATE_HZ) is None
        for count, told in ((8, True), (20, False)):
            audio = self.packet()
            held = audio.reshape(-1, 40)
            held[:, 40 - count :] = held[:, 40 - count : 41 - count]
            made = _extrapolated(audio, 384 * 79, self.LAG, 0, RATE_HZ)
            assert made is None or told

    def test_what_begins_before_its_own_past_is_none(self) -> None:
        past = self.LAG + 24 + 4 + 32
        audio = self.packet()
        assert _extrapolated(audio[self.START - past :], past - 1, self.LAG, 0, RATE_HZ) is None

    def test_packets_within_twelve_milliseconds_are_one_and_others_are_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: dict[int, tuple[int, int, float]] = {}

        def look(_: Samples, first: int, lag: int, channel: int, rate_hz: int) -> Span | None:
            if first // 384 not in told:
                return None
            assert (lag, channel, rate_hz) == (first // 384, 2, RATE_HZ)
            start, end, confidence = told[first // 384]
            return Span(start, end, channel, "concealed", confidence)

        monkeypatch.setattr(extrapolated, "_extrapolated", look)
        agreement = np.zeros(200, np.int32)
        monkeypatch.setattr(extrapolated, "_agreement", lambda *_: (agreement, np.arange(200)))
        agreement[[3, 5, 8]] = 406  # 90.5 in a hundred of 448 are 405.4
        told.update({3: (100, 200, 0.9), 5: (776, 900, 0.8), 8: (1477, 1500, 0.7)})
        spans = find_extrapolated(np.zeros(90_000), 2, RATE_HZ)
        assert [(s.start, s.end) for s in spans] == [(100, 900), (1477, 1500)]
        agreement[5] = 405
        assert [(s.start, s.end) for s in find_extrapolated(np.zeros(90_000), 2, RATE_HZ)] == [
            (100, 200),
            (1477, 1500),
        ]

    def test_runs_of_windows_longer_than_a_packet_and_windows_full_of_them_are_music(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []
        monkeypatch.setattr(extrapolated, "_extrapolated", lambda _, first, *__: asked.append(first // 384))
        agreement = np.zeros(900, np.int32)
        monkeypatch.setattr(extrapolated, "_agreement", lambda *_: (agreement, np.zeros(900, np.int32)))
        agreement[10:27], agreement[40:58] = 448, 448  # 140 ms are 17 windows
        find_extrapolated(np.zeros(90_000), 0, RATE_HZ)
        assert asked == list(range(10, 27))
        agreement[:] = 0
        agreement[0:300:2] = 448
        find_extrapolated(np.zeros(90_000), 0, RATE_HZ)
        assert len(asked) == 17 + 150
        agreement[400] = 448
        assert find_extrapolated(np.zeros(90_000), 0, RATE_HZ) == []
        assert len(asked) == 17 + 150

    @pytest.mark.parametrize(
        ("rate_hz", "looked"), [(31_999, False), (32_000, True), (50_000, True), (50_001, False)]
    )
    def test_rates_from_32_to_50_khz_and_periods_of_libopus(
        self, monkeypatch: pytest.MonkeyPatch, rate_hz: int, looked: bool
    ) -> None:
        seen: list[tuple[int, int]] = []

        def agreement(_: Samples, lags: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
            seen.append(lags)
            return np.zeros(3, np.int32), np.zeros(3, np.int32)

        monkeypatch.setattr(extrapolated, "_agreement", agreement)
        assert find_extrapolated(np.zeros(5000), 0, rate_hz) == []
        assert seen == ([(rate_hz * 100 // 48_000, -(-rate_hz * 720 // 48_000))] if looked else [])

    def test_two_that_are_believed_are_one_else_the_surer(self) -> None:
        one, other = Span(10, 20, 0, "concealed", 0.9), Span(15, 40, 0, "concealed", 0.6)
        assert (_united(one, other).start, _united(one, other).end) == (10, 40)
        assert _united(other, one).confidence == 0.9
        doubtful = Span(15, 40, 0, "concealed", 0.49)
        assert _united(one, doubtful) == _united(doubtful, one) == one


def test_what_is_predicted_to_the_bit_was_computed_by_no_decoder() -> None:
    notes = draw_negative(np.random.default_rng(8), "staccato")
    samples = apply(notes, np.zeros((1, 441_000)), 44_100).samples[0].astype(np.float32).astype(np.float64)
    errs = [re.search(r"errs (\d+) dB less", span.evidence) for span in find_extrapolated(samples, 0, 44_100)]
    assert all(found is not None and int(found[1]) <= 100 for found in errs)
