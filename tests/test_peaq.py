"""PEAQ agrees with PQevalAudio, keeps the exact properties of its formulas, and never answers NaN."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import astuple, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from restore_audio.measure.peaq import peaq as facade
from restore_audio.measure.peaq.ear import FRAME_SAMPLES, FULL_SCALE, HOP_SAMPLES, power_spectra
from restore_audio.measure.peaq.frames import FrameMeasures, FrameMeter
from restore_audio.measure.peaq.movs import average, signal_frames
from restore_audio.measure.peaq.network import ModelOutputs, two_f
from restore_audio.measure.peaq.peaq import PeaqResult, peaq, to_16_bit_scale

Array = NDArray[np.float64]
DATA = Path(__file__).parent / "data" / "peaq"
RATE_HZ = 48_000

# First samples of the clicks in synA_clicks, three samples long; the sign is the direction.
CLICKS = np.fromstring(
    """
    -17009 -17425 19638 21176 -21463 -34800 35750 -36683 41937 48314 52824 60465 -63910 64515
    -68730 -108564 122974 125605 127017 -137592 148833 -159800 160948 -164727 165580 166844 -167299
    193487 -197299 -200326 -205295 206005 -213711 217701 -227741 -229438 -233422 233561 -233879
    235858
    """,
    dtype=int,
    sep=" ",
)


def clicked(reference: Array) -> Array:
    test = reference.copy()
    where = np.abs(CLICKS)[:, None] + np.arange(3)
    test[:, where] += 9830 * np.sign(CLICKS)[:, None]
    return test


def gapped(reference: Array, starts: range, length: int) -> Array:
    test = reference.copy()
    for start in starts:
        test[:, start : start + length] = 0
    return test


# What follows exactly from the reference, in the scale of 16 bit.
DERIVED: dict[str, Callable[[Array], Array]] = {
    "synA_invert": lambda x: -x,
    "synA_delay1": lambda x: np.pad(x, ((0, 0), (1, 0)))[:, :-1],
    "synA_gain-3dB": lambda x: np.round(x * 10 ** (-3 / 20)),
    "synA_clip97": lambda x: np.clip(x, -6229, 6229),
    "synA_quant8": lambda x: 256 * np.round(x / 256),
    "synA_gaps20": lambda x: gapped(x, range(17_760, 220_000, 24_131), 960),
    "synA_gaps80": lambda x: gapped(x, range(21_600, 220_000, 43_277), 3840),
    "synA_clicks": clicked,
    "synX_swap": lambda x: x[::-1],
}


@cache
def recording(name: str) -> Array:
    samples, _ = soundfile.read(DATA / f"{name}.flac", always_2d=True)
    return np.ascontiguousarray(samples.T)


def pair(reference_name: str, test_name: str) -> tuple[Array, Array]:
    reference = recording(reference_name)
    if test_name in DERIVED:
        return reference, DERIVED[test_name](reference * FULL_SCALE) / FULL_SCALE
    return reference, recording(test_name)


@cache
def graded(reference_name: str, test_name: str) -> PeaqResult:
    return peaq(*pair(reference_name, test_name), RATE_HZ)


def graded_outputs(result: PeaqResult) -> ModelOutputs:
    assert result.outputs is not None
    return result.outputs


def expected_rows() -> list[tuple[str, str, list[float]]]:
    with (DATA / "expected.tsv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    return [(row[0][:-5], row[1][:-5], [float(value) for value in row[2:]]) for row in rows]


def dull_noise(seconds: float, *, channels: int = 1, rate_hz: int = RATE_HZ, seed: int = 1) -> Array:
    noise = np.random.default_rng(seed).standard_normal((channels, int(seconds * rate_hz)))
    kernel = np.hanning(7) / 40
    return np.stack([np.convolve(row, kernel, "same") for row in noise])


class TestAgreement:
    @pytest.mark.parametrize(
        ("reference", "test", "expected"), expected_rows(), ids=lambda v: v if isinstance(v, str) else ""
    )
    def test_every_variable_and_the_grade_match_pqevalaudio(self, reference, test, expected):
        result = graded(reference, test)
        outputs = graded_outputs(result)
        assert result.odg == pytest.approx(expected[12], abs=0.003)
        assert result.di == pytest.approx(expected[11], abs=0.01)
        frames = len(signal_frames(recording(reference) * FULL_SCALE))
        for field, value, wanted in zip(fields(outputs), astuple(outputs), expected[:11], strict=True):
            if field.name in ("bandwidth_ref", "bandwidth_test", "ehs"):
                tolerance = 1e-4 * abs(wanted) / 10
            elif field.name == "rel_dist_frames":
                tolerance = 1.001 / frames
            else:
                # What remains comes from four misprinted band edges in the reference program.
                tolerance = 0.01 * max(0.3, abs(wanted))
            assert value == pytest.approx(wanted, abs=tolerance), field.name


class TestTwoF:
    # By hand from PQevalAudio's ADBB and AvgModDiff1B in expected.tsv.
    @pytest.mark.parametrize(
        ("reference", "test", "expected"),
        [
            ("synA_ref", "synA_ref", 100.0),
            ("synA_ref", "synA_gain-3dB", 48.427),
            ("synA_ref", "synA_gaps20", 40.051),
            ("synA_ref", "synA_gaps80", 11.915),
            ("synA_ref", "synA_codec", 71.158),
            ("synX_ref", "synX_swap", 19.123),
        ],
    )
    def test_it_is_that_of_pqevalaudios_variables(self, reference: str, test: str, expected: float) -> None:
        assert graded(reference, test).two_f == pytest.approx(expected, abs=0.3)

    def test_no_score_is_below_0_or_above_100(self) -> None:
        outputs = graded_outputs(graded("synX_ref", "synX_swap"))
        assert two_f(replace(outputs, adb=9.0)) == 0.0
        assert two_f(replace(outputs, adb=0.0, avg_mod_diff1=0.0)) == 100.0

    def test_without_a_grade_there_is_none(self) -> None:
        assert peaq(dull_noise(0.5), dull_noise(0.5), RATE_HZ).two_f is None


class TestExactProperties:
    def test_identical_recordings_get_the_highest_grade_of_the_formula(self) -> None:
        result = graded("synA_ref", "synA_ref")
        outputs = graded_outputs(result)
        assert result.odg is not None
        assert 0.20 <= result.odg <= 0.215
        assert (outputs.adb, outputs.ehs, outputs.win_mod_diff1, outputs.mfpd) == (0, 0, 0, 0)

    def test_polarity_is_not_heard(self) -> None:
        assert graded("synA_ref", "synA_invert") == graded("synA_ref", "synA_ref")

    def test_swapping_the_channels_of_both_changes_nothing(self) -> None:
        reference, test = pair("synX_ref", "synX_lpL_gapsR")
        swapped = peaq(reference[::-1], test[::-1], RATE_HZ)
        result = graded("synX_ref", "synX_lpL_gapsR")
        assert (swapped.odg, swapped.di, swapped.outputs) == (result.odg, result.di, result.outputs)
        assert swapped.channel_odgs == result.channel_odgs[::-1]

    def test_the_same_signal_on_both_channels_is_graded_like_mono(self) -> None:
        reference, test = pair("synA_ref", "synA_clicks")
        both = peaq(np.repeat(reference, 2, axis=0), np.repeat(test, 2, axis=0), RATE_HZ)
        mono = graded("synA_ref", "synA_clicks")
        assert astuple(graded_outputs(both)) == pytest.approx(astuple(graded_outputs(mono)), rel=1e-12)

    def test_a_full_scale_tone_reads_92_db_in_every_frame(self) -> None:
        tone = 32_768 * np.sin(2 * np.pi * 1019.5 / RATE_HZ * np.arange(RATE_HZ))
        frames = np.lib.stride_tricks.sliding_window_view(tone, FRAME_SAMPLES)[::HOP_SAMPLES]
        peaks_db = 10 * np.log10(power_spectra(frames).max(-1))
        np.testing.assert_allclose(peaks_db, 92, atol=2e-3)

    def test_the_length_of_a_block_does_not_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(facade, "BLOCK_FRAMES", 31)
        again = peaq(*pair("synX_ref", "synX_lpL_gapsR"), RATE_HZ)
        outputs = graded_outputs(graded("synX_ref", "synX_lpL_gapsR"))
        assert astuple(graded_outputs(again)) == pytest.approx(astuple(outputs), rel=1e-12)


class TestWorstChannel:
    def test_it_is_the_grade_of_the_damaged_channel_alone(self) -> None:
        reference = recording("synX_ref")
        test = reference.copy()
        test[0] += 0.02 * np.random.default_rng(3).standard_normal(test.shape[1])
        result = peaq(reference, test, RATE_HZ)
        alone = peaq(reference[:1], test[:1], RATE_HZ)
        assert result.worst_channel_odg == result.channel_odgs[0] == alone.odg
        assert result.odg is not None
        assert alone.odg is not None
        assert alone.odg < result.odg - 1
        assert result.channel_odgs[1] is not None
        assert result.channel_odgs[1] > 0.2

    def test_a_silent_channel_of_the_reference_has_no_grade_of_its_own(self) -> None:
        reference = np.concatenate([dull_noise(2), np.zeros((1, 2 * RATE_HZ))])
        result = peaq(reference, 0.5 * reference, RATE_HZ)
        assert result.channel_odgs[1] is None
        assert result.worst_channel_odg == result.channel_odgs[0]


class TestRate:
    def test_44_1_khz_is_resampled_by_the_rule_that_published_values_follow(self) -> None:
        reference = dull_noise(2, rate_hz=44_100)
        test = np.round(reference * 64) / 64

        def by_hand(samples: Array) -> Array:
            return np.floor(resample_poly(samples, 160, 147, axis=-1) * 32_768) / 32_768

        assert peaq(reference, test, 44_100) == peaq(by_hand(reference), by_hand(test), RATE_HZ)

    def test_48_khz_is_left_untouched(self) -> None:
        samples = dull_noise(1)
        np.testing.assert_array_equal(to_16_bit_scale(samples, RATE_HZ), samples * 32_768)

    def test_other_rates_keep_their_duration(self) -> None:
        assert to_16_bit_scale(dull_noise(2, rate_hz=32_000), 32_000).shape == (1, 2 * RATE_HZ)
        assert to_16_bit_scale(dull_noise(2, rate_hz=96_000), 96_000).shape == (1, 2 * RATE_HZ)


class TestSignalFrames:
    def test_silence_around_the_reference_is_left_out(self) -> None:
        reference = np.zeros((1, 40 * HOP_SAMPLES))
        reference[0, 5 * HOP_SAMPLES + 10 : 30 * HOP_SAMPLES] = 100
        assert signal_frames(reference) == range(5, 30)

    def test_a_last_frame_counts_with_half_of_its_samples(self) -> None:
        reference = np.full((1, 20 * HOP_SAMPLES), 100.0)
        assert signal_frames(reference) == range(20)
        assert signal_frames(reference[:, :-1]) == range(19)

    def test_five_samples_must_exceed_200_together(self) -> None:
        assert len(signal_frames(np.full((1, 4096), 40.0))) == 0
        assert len(signal_frames(np.full((1, 4096), -41.0))) == 4

    def test_the_later_of_two_channels_counts_only_within_one_search_block(self) -> None:
        reference = np.zeros((2, 40 * HOP_SAMPLES))
        reference[0, 100:] = 100
        reference[1, 1500:] = 100
        assert signal_frames(reference).start == 1
        reference[1, :2100] = 0
        assert signal_frames(reference).start == 0

    def test_silence_before_the_signal_covers_the_delay_of_the_averages(self) -> None:
        reference, test = (x[:, : 2 * RATE_HZ] for x in pair("synA_ref", "synA_gain-3dB"))
        late_reference, late_test = (np.pad(x, ((0, 0), (24 * HOP_SAMPLES, 0))) for x in (reference, test))
        late = graded_outputs(peaq(late_reference, late_test, RATE_HZ))
        early = graded_outputs(peaq(reference, test, RATE_HZ))
        # The first half second, when the adaptation has not settled yet, only counts in the late one.
        assert late.rms_noise_loud > 1.1 * early.rms_noise_loud
        assert late.bandwidth_ref == pytest.approx(early.bandwidth_ref, rel=1e-9)


class TestWhichFramesCount:
    def test_noise_loudness_waits_50_ms_after_both_recordings_became_audible(self) -> None:
        frames = 100
        flat = {field.name: np.ones((1, frames)) for field in fields(FrameMeasures)}
        heard_from_40 = np.where(np.arange(frames) < 40, 0.09, 0.11)[None]
        noise = np.where(np.arange(frames) < 43, 9.0, 2.0)[None]
        measures = FrameMeasures(**flat | {"noise_loudness": noise, "loudness_test": heard_from_40})
        assert average(measures, range(frames)).rms_noise_loud == pytest.approx(2)
        measures = FrameMeasures(**flat | {"noise_loudness": noise, "loudness_test": 0.09 + 0 * noise})
        assert average(measures, range(frames)).rms_noise_loud == 0

    def test_loudness_has_the_scale_of_the_standard(self) -> None:
        # The standard means one sone at 40 dB and 1 kHz, but its constants give less.
        amplitude = 32_768 * 10 ** ((40 - 92) / 20)
        tone = amplitude * np.sin(2 * np.pi * 1000 / RATE_HZ * np.arange(RATE_HZ // 2))
        frames = np.lib.stride_tricks.sliding_window_view(tone, FRAME_SAMPLES)[None, ::HOP_SAMPLES]
        assert FrameMeter()(frames, frames).loudness_ref[0, -1] == pytest.approx(0.584, abs=0.005)

    def test_the_error_structure_skips_frames_that_are_quiet_in_both(self) -> None:
        quiet = np.full((1, 1, FRAME_SAMPLES), np.sqrt(7990 / HOP_SAMPLES))
        loud = np.full((1, 1, FRAME_SAMPLES), np.sqrt(8010 / HOP_SAMPLES))
        loud[..., :HOP_SAMPLES] = quiet[..., :HOP_SAMPLES] = 1000
        assert np.isnan(FrameMeter()(quiet, quiet).harmonic_error).all()
        assert np.isfinite(FrameMeter()(quiet, loud).harmonic_error).all()
        assert np.isfinite(FrameMeter()(loud, quiet).harmonic_error).all()


class TestNeverNaN:
    @pytest.mark.parametrize(
        ("reference", "test", "reason"),
        [
            (np.zeros((1, 96_000)), dull_noise(2), "no signal"),
            (np.full((1, 96_000), 1e-3), dull_noise(2), "no signal"),
            (dull_noise(0.99), dull_noise(0.99), "one second"),
            (dull_noise(2), dull_noise(2, channels=2), "channels differ"),
            (dull_noise(2, channels=3), dull_noise(2, channels=3), "one or two channels"),
            (dull_noise(2), dull_noise(2.1), "lengths differ"),
            (dull_noise(2), dull_noise(2) * np.nan, "not numbers"),
        ],
    )
    def test_a_pair_without_a_grade_says_why(self, reference: Array, test: Array, reason: str) -> None:
        result = peaq(reference, test, RATE_HZ)
        assert (result.odg, result.di, result.outputs, result.worst_channel_odg) == (None,) * 4
        assert result.reason is not None
        assert reason in result.reason

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("kept", [0, 30_000, 50_000])
    def test_muted_and_very_short_signals_get_finite_numbers(self, kept: int) -> None:
        reference = dull_noise(2, channels=2)
        test = reference.copy()
        test[:, kept:] = 0
        muted = peaq(reference, test, RATE_HZ)
        assert np.isfinite([*astuple(graded_outputs(muted)), muted.odg, muted.di]).all()
        short = test if kept else reference * (np.arange(reference.shape[1]) > 95_000)
        result = peaq(short, reference, RATE_HZ)
        assert np.isfinite([*astuple(graded_outputs(result)), result.odg, result.di]).all()

    def test_silence_in_both_counts_as_unchanged(self) -> None:
        reference, test = pair("synA_ref", "synA_quant8")
        pause = np.zeros((1, RATE_HZ))

        def graded_with(middle: Array) -> ModelOutputs:
            long = (np.concatenate([x, middle, x], axis=1) for x in (reference, test))
            return graded_outputs(peaq(next(long), next(long), RATE_HZ))

        assert graded_with(pause).rel_dist_frames < 0.95 * graded_with(pause[:, :0]).rel_dist_frames


def test_a_minute_of_stereo_takes_at_most_ten_seconds_of_one_core() -> None:
    reference = dull_noise(60, channels=2)
    started = time.process_time()
    assert peaq(reference, np.round(reference * 256) / 256, RATE_HZ).odg is not None
    assert time.process_time() - started < 10
