"""Samples that a player made up: told from music that comes to lie on a line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import butter, lfilter, resample_poly, sosfilt

from recordings import music
from restore_audio import restore
from restore_audio.detection.detect import detect
from restore_audio.detection.interpolated import find_interpolated
from restore_audio.detection.surprise import surprise
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

RATE_HZ = 44_100
STEP = 2.0**-15


def rounded(audio: np.ndarray, step: float = STEP) -> np.ndarray:
    return np.rint(audio / step) * step


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """``(T,)``: notes and a hissing cymbal, six seconds in 16 bit."""
    hiss = sosfilt(
        butter(2, 6000, fs=RATE_HZ, output="sos"), np.random.default_rng(3).standard_normal(264_600)
    )
    return rounded(music(6.0)[0] + 0.02 * hiss)


def held(audio: np.ndarray, start: int, hold: int, line: int, step: float = STEP) -> np.ndarray:
    """A copy: ``hold`` samples stay on the last good value, ``line`` more lead to the next good one."""
    damaged = audio.copy()
    end = start + hold + line
    damaged[start : start + hold] = audio[start - 1]
    ramp = audio[start - 1] + (audio[end] - audio[start - 1]) * np.arange(1, line + 1) / (line + 1)
    damaged[start + hold : end] = rounded(ramp, step)
    return damaged


def averaged(audio: np.ndarray, start: int, count: int, step: float = STEP) -> np.ndarray:
    """A copy: ``count`` samples, every other one, are the mean of their neighbours."""
    damaged = audio.copy()
    places = start + 2 * np.arange(count)
    damaged[places] = rounded((damaged[places - 1] + damaged[places + 1]) / 2, step)
    return damaged


def certain(audio: np.ndarray) -> list[Span]:
    return [span for span in find_interpolated(audio, 0, RATE_HZ) if span.confidence >= 0.5]


def test_a_value_held_for_two_samples_before_a_line_belongs_to_it(song):
    start = 80_000
    (span,) = certain(held(song, start, 2, 8))
    assert (span.start, span.end) == (start, start + 10)


def test_in_floats_three_averaged_samples_are_proof_that_16_bit_is_not(song):
    noise = 1e-3 * np.random.default_rng(5).standard_normal(song.size)
    floats = (0.3 * song + noise).astype(np.float32).astype(np.float64)
    start = 80_000
    places = start + 2 * np.arange(3)
    floats[places] = (0.5 * (floats[places - 1] + floats[places + 1])).astype(np.float32)
    (span,) = certain(floats)
    assert (span.start, span.end) == (start, start + 5)
    assert certain(rounded(floats)) == []


def test_floats_on_a_hidden_grid_are_no_more_exact_than_it(song):
    """Recordings of 16 bit that were made quieter: equal neighbours and short lines are common in them."""
    assert certain((0.0123 * song).astype(np.float32).astype(np.float64)) == []


class TestSurprise:
    NOISE = 0.1 * np.random.default_rng(4).standard_normal(6000)

    @pytest.mark.parametrize("count", [1, 4, 20])
    def test_white_noise_is_as_unlikely_as_its_density(self, count):
        """Each value has the normal density, which is known in closed form."""
        audio = self.NOISE.copy()
        places = 3000 + np.arange(count)
        audio[places] = 0.0
        expected = count * math.log(math.sqrt(2 * math.pi) * 0.1 / STEP)
        assert surprise(audio, places, STEP) == pytest.approx(expected, rel=0.1)

    def test_finer_values_are_less_likely_by_just_that(self):
        places = 3000 + 2 * np.arange(5)
        coarse, fine = (surprise(self.NOISE, places, width) for width in (1e-4, 1e-5))
        assert fine - coarse == pytest.approx(5 * math.log(10), rel=1e-3)

    def test_values_off_the_model_add_up_to_three_nats_each(self):
        places = 3000 + np.arange(4)
        mid, far, further = (np.array(self.NOISE) for _ in range(3))
        for audio, value in ((mid, 0.0), (far, 0.3), (further, 10.0)):
            audio[places] = value
        likely, unlikely, cut = (surprise(audio, places, STEP) for audio in (mid, far, further))
        assert unlikely > likely + 6.0
        assert cut == pytest.approx(likely + 12.0, abs=1.0)

    def test_what_can_be_predicted_is_no_surprise(self):
        tone = np.sin(np.arange(6000) * 0.05) * 0.3 + STEP / 4 * np.random.default_rng(1).standard_normal(
            6000
        )
        assert surprise(rounded(tone), 3000 + np.arange(10), STEP) < 10.0
        assert surprise(self.NOISE, 3000 + np.arange(10), STEP) > 60.0

    def test_the_calmer_side_counts(self):
        audio = np.concatenate([self.NOISE, 1e-3 * self.NOISE])
        both = surprise(self.NOISE, 3000 + np.arange(5), STEP)
        assert surprise(audio, 5990 + np.arange(5), STEP) < both - 10.0

    def test_nothing_is_said_at_the_ends(self):
        assert surprise(self.NOISE, np.arange(10, 15), STEP) == -math.inf
        assert surprise(self.NOISE, np.arange(5950, 5955), STEP) == -math.inf


class TestMadeUp:
    @pytest.mark.parametrize(("hold", "line"), [(3, 3), (5, 8), (14, 3), (30, 10)])
    def test_held_samples_with_a_line_behind(self, song, hold, line):
        for start in (60_000, 121_000, 200_000):
            (span,) = certain(held(song, start, hold, line))
            assert abs(span.start - start) <= 1
            assert abs(span.end - start - hold - line) <= 1

    def test_several_in_one_recording_are_each_found(self, song):
        places = (60_000, 90_000, 90_400, 200_000)
        damaged = song
        for start in places:
            damaged = held(damaged, start, 5, 8)
        found = certain(damaged)
        assert len(found) == len(places)
        for span, start in zip(found, places, strict=True):
            assert abs(span.start - start) <= 1
            assert abs(span.end - start - 13) <= 1

    @pytest.mark.parametrize("start", [60_000, 60_001, 121_003])
    def test_means_of_neighbours_are_found_to_the_sample_wherever_they_begin(self, song, start):
        (span,) = certain(averaged(song, start, 12))
        assert (span.start, span.end) == (start, start + 23)

    @pytest.mark.parametrize("count", [6, 12, 30])
    def test_lines(self, song, count):
        for start in (60_000, 121_000, 200_000):
            (span,) = certain(held(song, start, 0, count))
            assert abs(span.start - start) <= 1
            assert abs(span.end - start - count) <= 1

    @pytest.mark.parametrize("count", [8, 12, 30])
    def test_means_of_neighbours(self, song, count):
        for start in (60_000, 121_000, 200_000):
            (span,) = certain(averaged(song, start, count))
            assert abs(span.start - start) <= 2
            assert abs(span.end - start - 2 * count + 1) <= 2
            assert f"{count} samples are the mean of their neighbours" in span.evidence

    @pytest.mark.parametrize("step", [2.0**-15, 2.0**-23, 1e-12])
    def test_in_samples_of_any_grid(self, song, step):
        audio = 0.7310585 * song
        assert len(certain(held(rounded(audio, step), 121_000, 4, 6, step))) == 1

    def test_the_span_says_what_it_is(self, song):
        (span,) = find_interpolated(held(song, 121_000, 5, 5), 3, RATE_HZ)
        assert (span.channel, span.kind) == (3, "interpolated")
        assert "10 samples are held or lie on a line" in span.evidence
        odds = int(span.evidence.rpartition("^")[2])
        assert 9 <= odds <= 25

    def test_more_samples_are_more_certain(self, song):
        few, more = (find_interpolated(held(song, 121_000, 0, n), 0, RATE_HZ)[0].confidence for n in (5, 8))
        assert few < more

    def test_detect_reports_them(self, song):
        spans = detect(held(song, 121_000, 5, 8)[None], RATE_HZ)
        assert [(s.start, s.end, s.kind) for s in spans] == [(121_000, 121_013, "interpolated")]


class TestMusic:
    def test_itself(self, song):
        assert certain(song) == []
        assert certain(0.7310585 * song) == []

    def test_single_means_prove_nothing(self, song):
        for count in (1, 2, 3):
            assert certain(averaged(song, 121_000, count)) == []

    @pytest.mark.parametrize("times", [2, 6])
    def test_resampled(self, song, times):
        assert certain(rounded(resample_poly(song[::times], times, 1))) == []
        assert certain(np.repeat(song[::times], times)) == []
        line = np.interp(np.arange(song.size) / times, np.arange(song.size), song)
        assert certain(rounded(line)) == []

    def test_coarse(self, song):
        assert certain(rounded(song, 2.0**-7)) == []
        mu = np.sign(song) * np.log1p(255 * np.abs(song)) / np.log(256)
        back = np.rint(mu * 127) / 127
        assert certain(rounded(np.sign(back) * (256.0 ** np.abs(back) - 1) / 255)) == []

    @pytest.mark.parametrize("limit", [0.1, 0.3])
    def test_clipped(self, song, limit):
        assert certain(rounded(np.clip(song, -limit, limit))) == []
        assert certain(rounded(np.clip(song, -limit, 1.0))) == []
        wave = 0.3 * np.sin(np.arange(song.size) * 0.03) + song
        assert certain(rounded(np.clip(wave, -1.0, limit))) == []

    def test_saw_teeth_through_a_filter(self):
        time = np.arange(4 * RATE_HZ)
        saw = sum(0.2 * ((time * hz / RATE_HZ) % 1 - 0.5) for hz in (110.0, 139.3))
        for corner in (3000, 8000):
            audio = sosfilt(butter(2, corner, fs=RATE_HZ, output="sos"), saw)
            audio *= 1.0 + 0.3 * np.sin(time / 20_000)
            assert certain(rounded(audio)) == []

    def test_squares_and_stairs(self):
        time = np.arange(3 * RATE_HZ)
        square = np.where(time % 200 < 100, 0.2, -0.2) + np.where(time % 147 < 70, 0.1, -0.1)
        noise = np.repeat(np.random.default_rng(2).standard_normal(time.size // 12 + 1), 12)[: time.size]
        assert certain(rounded(square)) == []
        assert certain(rounded(0.05 * noise)) == []

    def test_slow_and_quiet_sounds(self, song):
        time = np.arange(5 * RATE_HZ)
        assert certain(rounded(0.4 * np.sin(time * 0.04))) == []
        assert certain(rounded(0.002 * lfilter([0.02], [1, -0.98], song))) == []
        assert certain(rounded(1e-3 * song)) == []

    def test_digital_silence_between_sounds(self, song):
        audio = song.copy()
        for start in range(20_000, 240_000, 20_000):
            audio[start : start + 20 + start // 1000] = 0.0
        assert certain(audio) == []

    def test_a_few_quiet_samples_in_rough_sound(self, song):
        """A decay passes through a smooth stretch before the next attack: no sample there is made up."""
        audio = song.copy()
        fade = np.minimum(np.abs(np.arange(-400, 400)) / 400, 1.0) ** 3
        for start in range(20_000, 240_000, 9_000):
            audio[start : start + 800] = rounded(audio[start : start + 800] * fade)
        assert certain(audio) == []

    def test_a_crest_that_rests(self, song):
        """Where values rest on the highest of all around, a limiter was at work."""
        damaged = song.copy()
        place = 100_000 + int(np.argmax(song[100_000:101_000]))
        damaged[place : place + 9] = damaged[place]
        assert certain(damaged) == []

    @pytest.mark.parametrize("length", [0, 5, 300, 500])
    def test_short_recordings(self, length):
        assert find_interpolated(rounded(0.1 * np.ones(length)), 0, RATE_HZ) == []


class TestRepair:
    def test_good_samples_between_averaged_ones_stay(self, song):
        damaged = averaged(song, 121_000, 20)
        result = restore(damaged[None], RATE_HZ, fill=FillSettings())
        assert [s.kind for s in result.spans if s.filled] == ["interpolated"]
        changed = np.flatnonzero(result.samples[0] != damaged) - 121_000
        assert set(changed.tolist()) <= set(range(0, 40, 2))
        bad = 121_000 + 2 * np.arange(20)
        before, after = (np.sum((audio[bad] - song[bad]) ** 2) for audio in (damaged, result.samples[0]))
        assert after < 0.5 * before

    def test_held_samples_are_filled_whole(self, song):
        damaged = held(song, 121_000, 10, 6)
        result = restore(damaged[None], RATE_HZ, fill=FillSettings())
        inside = slice(121_000, 121_016)
        before, after = (np.sum((a[inside] - song[inside]) ** 2) for a in (damaged, result.samples[0]))
        assert after < 0.5 * before
