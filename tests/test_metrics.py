"""Each metric equals a slow and plain computation of it, and none answers NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.errors import UsageError
from restore_audio.measure import graders
from restore_audio.measure.graders import check_graders, mean_opinion
from restore_audio.measure.measured import Measured
from restore_audio.measure.methods import Outcome
from restore_audio.measure.metrics import (
    changed_share,
    energy_error_db,
    log_spectral_distance_db,
    loudness_difference_lu,
    mean_finite,
    nrmse_range,
    nrmse_rms,
    psnr_db,
    score_detection,
    sdr_db,
)
from restore_audio.measure.peaq.peaq import peaq
from restore_audio.measure.scoring import Summary, pool, score
from restore_audio.measure.trials import Trial
from restore_audio.spans import Span

Array = NDArray[np.float64]
RATE_HZ = 16_000


def music(seconds: float = 1.0, channels: int = 2) -> Array:
    rng = np.random.default_rng(5)
    return np.asarray(
        0.1 * np.cumsum(rng.standard_normal((channels, int(seconds * RATE_HZ))), -1) % 0.5 - 0.25
    )


def damaged(clean: Array) -> Array:
    return np.asarray(clean + 0.01 * np.random.default_rng(6).standard_normal(clean.shape))


class TestGrades:
    def test_2f_is_that_of_three_seconds_around_each_gap(self) -> None:
        clean = 0.2 * music(12.0, 1)
        spans = [Span(4 * RATE_HZ, 4 * RATE_HZ + 1600, 0), Span(9 * RATE_HZ, 9 * RATE_HZ + 1600, 0)]
        test = clean.copy()
        test[0, spans[1].start : spans[1].end] = 0.0
        measured = Measured(Trial(clean, test, RATE_HZ, tuple(spans), True), Outcome(test, None, 1.0, None))
        intact, struck = measured.gap_two_f
        middle = (spans[1].start + spans[1].end) // 2
        around = slice(middle - 3 * RATE_HZ // 2, middle + 3 * RATE_HZ // 2)
        assert intact == 100.0
        assert struck == peaq(clean[:, around], test[:, around], RATE_HZ).two_f
        assert struck < 95.0

    def test_other_programs_are_called_where_they_are_installed(self) -> None:
        pytest.importorskip("zimtohrli")
        clean = 0.2 * music(2.0)
        same, worse = (mean_opinion("zimtohrli", clean, test, RATE_HZ) for test in (clean, damaged(clean)))
        assert same is not None
        assert worse is not None
        assert worse < same - 0.1
        assert mean_opinion("zimtohrli", clean[:, :8000], clean[:, :8000], RATE_HZ) is None

    def test_a_grader_that_is_not_there_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UsageError, match="choose from visqol, zimtohrli"):
            check_graders(["pesq"])
        assert check_graders(["2f", "2f"], own=["2f"]) == ("2f",)
        monkeypatch.setattr(graders, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match="pip install visqol-python"):
            check_graders(["visqol"])


class TestSdr:
    def test_it_is_the_energy_ratio_of_the_samples_under_the_spans(self) -> None:
        clean = music()
        test = damaged(clean)
        spans = [Span(100, 140, 0), Span(130, 150, 0), Span(7, 9, 1)]
        places = [(0, t) for t in range(100, 150)] + [(1, 7), (1, 8)]
        signal = math.fsum(clean[c, t] ** 2 for c, t in places)
        error = math.fsum((clean[c, t] - test[c, t]) ** 2 for c, t in places)
        assert sdr_db(clean, test, spans) == pytest.approx(10 * math.log10(signal / error), rel=1e-9)
        whole = 10 * math.log10(math.fsum((clean**2).ravel()) / math.fsum(((clean - test) ** 2).ravel()))
        assert sdr_db(clean, test) == pytest.approx(whole, rel=1e-9)

    def test_a_zeroed_gap_has_0_db_and_a_perfect_fill_infinity(self) -> None:
        clean = music()
        test = clean.copy()
        test[0, 500:600] = 0
        assert sdr_db(clean, test, [Span(500, 600, 0)]) == pytest.approx(0, abs=1e-12)
        assert sdr_db(clean, clean, [Span(500, 600, 0)]) == math.inf

    def test_samples_that_are_not_numbers_count_as_silence(self) -> None:
        clean = music()
        test = clean.copy()
        test[1, 10:20] = [np.nan, np.inf] * 5
        assert sdr_db(clean, test, [Span(10, 20, 1)]) == pytest.approx(0, abs=1e-12)

    def test_a_silent_reference_has_no_ratio(self) -> None:
        silent = np.zeros((1, 5000))
        assert sdr_db(silent, silent + 0.1) is None
        assert energy_error_db(silent, silent + 0.1) is None
        assert log_spectral_distance_db(silent, silent + 0.1, RATE_HZ) is None
        assert loudness_difference_lu(silent, silent + 0.1, RATE_HZ) is None
        assert sdr_db(silent + 1, silent, []) is None

    def test_different_shapes_are_a_mistake_of_the_caller(self) -> None:
        with pytest.raises(ValueError, match="one shape"):
            sdr_db(np.zeros((1, 5)), np.zeros((1, 6)))


class TestEnergyError:
    def test_half_the_amplitude_is_6_db_too_quiet(self) -> None:
        clean = music()
        test = clean.copy()
        test[0, 40:90] *= 0.5
        expected = 20 * math.log10(0.5)
        assert energy_error_db(clean, test, [Span(40, 90, 0)]) == pytest.approx(expected, rel=1e-9)
        assert energy_error_db(clean, 0 * clean) == -math.inf


class TestLogSpectralDistance:
    def test_it_is_the_mean_over_touched_frames_of_the_rms_difference_in_db(self) -> None:
        clean = music(channels=1)
        test = damaged(clean)
        start, end, hop, window = 3000, 3500, 64, 256
        hann = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / window) for n in range(window)]) / 128
        frames = [k for k in range(250) if k * hop - 128 < end and k * hop + 128 > start]
        spectra = [
            np.array([abs(np.fft.rfft(hann * x[0, k * hop - 128 : k * hop + 128])) for k in frames])
            for x in (clean, test)
        ]
        floor = 1e-3 * math.sqrt(np.mean(spectra[0] ** 2))
        difference = 20 * np.log10((spectra[0] + floor) / (spectra[1] + floor))
        expected = np.mean([math.sqrt(np.mean(row**2)) for row in difference])
        measured = log_spectral_distance_db(clean, test, RATE_HZ, [Span(start, end, 0)])
        assert measured == pytest.approx(expected, rel=1e-6)

    def test_a_gain_is_measured_as_what_it_is_at_any_rate(self) -> None:
        clean = np.random.default_rng(2).standard_normal((2, 48_000))
        for rate_hz in (16_000, 44_100):
            measured = log_spectral_distance_db(clean, 0.5 * clean, rate_hz)
            assert measured == pytest.approx(20 * math.log10(2), rel=0.01)

    def test_pieces_of_a_long_recording_join(self) -> None:
        clean = np.tile(np.random.default_rng(2).standard_normal((1, 16_000)), 25)
        short, long = (
            log_spectral_distance_db(x, np.round(x * 4) / 4, RATE_HZ) for x in (clean[:, :160_000], clean)
        )
        assert long == pytest.approx(short, rel=2e-3)
        assert log_spectral_distance_db(clean, clean, RATE_HZ) == 0

    def test_spans_at_the_ends_are_measured(self) -> None:
        clean = music(0.1, 1)
        spans = [Span(0, 20, 0), Span(clean.shape[1] - 20, clean.shape[1], 0)]
        measured = log_spectral_distance_db(clean, damaged(clean), RATE_HZ, spans)
        assert measured is not None
        assert measured > 0


class TestHealthySamples:
    def test_one_changed_sample_outside_of_the_spans_is_seen(self) -> None:
        before = music(0.01, 1)
        before[0, 3] = np.nan
        after = before.copy()
        after[0, 50:60] = 0
        assert changed_share(before, after, [Span(50, 60, 0)]) == 0
        after[0, 61] = np.nextafter(after[0, 61], 1)
        assert changed_share(before, after, [Span(50, 60, 0)]) == pytest.approx(1 / 150)


class TestLoudness:
    def test_6_db_are_6_loudness_units(self) -> None:
        clean = music(2)
        assert loudness_difference_lu(clean, 0.5 * clean, RATE_HZ) == pytest.approx(-6.02, abs=0.01)
        assert loudness_difference_lu(clean[:, :100], clean[:, :100], RATE_HZ) is None


class TestMagnitudes:
    REFERENCE = np.array([[[0.0, 0.2], [0.4, 0.8]], [[0.5, 0.5], [0.5, 0.5]]])
    TEST = np.array([[[0.1, 0.2], [0.4, 0.5]], [[0.5, 0.5], [0.5, 0.5]]])

    def test_psnr_of_each_patch_by_hand(self) -> None:
        first, second = psnr_db(self.REFERENCE, self.TEST)
        assert first == pytest.approx(10 * math.log10(1 / 0.025), rel=1e-9)
        assert second == math.inf
        assert mean_finite([first, second, None]) == first

    def test_nrmse_in_both_normalisations_by_hand(self) -> None:
        error = math.sqrt(0.1 / 4)
        assert nrmse_rms(self.REFERENCE, self.TEST) == pytest.approx(
            [error / math.sqrt(0.84 / 4), 0], rel=1e-9
        )
        assert nrmse_range(self.REFERENCE, self.TEST) == pytest.approx([error / 0.8, 0], rel=1e-9)

    def test_an_error_against_nothing_is_infinite_and_left_out_of_means(self) -> None:
        silent = np.zeros((1, 2, 2))
        assert nrmse_rms(silent, silent + 1) == nrmse_range(silent, silent + 1) == math.inf
        assert mean_finite(nrmse_rms(silent, silent + 1)) is None


class TestDetection:
    TRUE = (Span(100, 200, 0), Span(1000, 1100, 0), Span(1000, 1100, 1))
    FOUND = (Span(96, 150, 0), Span(150, 208, 0), Span(1100, 1200, 0), Span(1000, 1100, 1))

    @staticmethod
    def summary(true: tuple[Span, ...], found: tuple[Span, ...]) -> Summary:
        """What a benchmark makes of a trial of half a minute at 16 kHz."""
        samples = np.zeros((2, 30 * RATE_HZ))
        trial = Trial(samples, samples, RATE_HZ, true, told=False)
        return pool([score(Measured(trial, Outcome(samples, found, 1.0, None)), graders=())])

    def test_spans_and_boundaries_by_hand(self) -> None:
        found = self.summary(self.TRUE, self.FOUND)
        assert found["recall"] == pytest.approx(2 / 3)
        assert found["precision"] == pytest.approx(3 / 4)
        assert found["f1"] == pytest.approx(2 * (2 / 3) * (3 / 4) / (2 / 3 + 3 / 4))
        assert found["false_per_minute"] == 2
        assert found["boundary_ms"] == 0.25  # 8 samples at 16 kHz and none
        assert score_detection(self.TRUE, self.FOUND, RATE_HZ).boundary_errors_ms == (0.5, 0.0)

    def test_spans_count_as_near_with_both_ends_within_1_and_3_ms(self) -> None:
        found = tuple(Span(100, 200 + late, 0) for late in (15, 17, 47, 49))
        for span, near_1, near_3 in zip(found, (1, 0, 0, 0), (1, 1, 1, 0), strict=True):
            summary = self.summary((Span(100, 200, 0),), (span,))
            assert (summary["near_recall"], summary["near_3ms"]) == (near_1, near_3)

    def test_nothing_found_and_nothing_to_find_are_defined(self) -> None:
        missed = self.summary(self.TRUE, ())
        assert (missed["recall"], missed["precision"], missed["f1"]) == (0, None, 0)
        clean = self.summary((), self.FOUND)
        assert (clean["recall"], clean["precision"], clean["f1"], clean["near_3ms"]) == (None, 0, None, None)

    def test_one_span_over_everything_does_not_pass_for_good(self) -> None:
        summary = self.summary(self.TRUE, tuple(Span(0, 16_000, channel) for channel in range(2)))
        assert (summary["recall"], summary["precision"], summary["near_3ms"]) == (1, 1, 0)
