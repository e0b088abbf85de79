"""What detectors look at first: errors of short models, and their peaks; without the kernels too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz

from restore_audio.detection.candidate import Candidate, company, symmetries
from restore_audio.detection.clicks import FEATURES as CLICK_FEATURES
from restore_audio.detection.explanation import explain
from restore_audio.detection.gap_edges import Gap
from restore_audio.detection.gap_evidence import FEATURES as GAP_FEATURES
from restore_audio.detection.gap_evidence import (
    _likeness,
    _quieter_shares,
    _sound,
    gap_evidence,
)
from restore_audio.detection.interpolation import repair
from restore_audio.detection.screen import (
    _filtered,
    background,
    cell_peaks,
    levinson,
    prediction_error,
)
from restore_audio.signal import kernels
from restore_audio.signal.lpc import lpc

Samples = NDArray[np.float64]
RATE_HZ = 44_100
HOP = 64 * 22


@pytest.fixture(params=[True, False], ids=["compiled", "numpy"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(kernels, "LIBRARY", None)


def sound(size: int = 20_000, seed: int = 1) -> Samples:
    """An autoregressive sound, whose best prediction errs by 0.01."""
    rng = np.random.default_rng(seed)
    made = np.zeros(size)
    for n in range(2, size):
        made[n] = 1.7 * made[n - 1] - 0.9 * made[n - 2] + 0.01 * rng.standard_normal()
    return made


class TestPredictionError:
    def test_levinson_solves_the_normal_equations(self) -> None:
        rows = np.array(
            [np.correlate(s, s, "full")[s.size - 1 : s.size + 16] for s in (sound(500, k) for k in (1, 2))]
        )
        for row, made in zip(rows, levinson(rows), strict=True):
            column = row[:-1].copy()
            column[0] = column[0] * (1 + 3e-6) + 1e-12
            assert made == pytest.approx(np.r_[1.0, -solve_toeplitz(column, row[1:])], abs=1e-6)

    def test_each_block_through_its_own_filter(self) -> None:
        rng = np.random.default_rng(1)
        blocks = rng.standard_normal((3, 16 + 64)).astype(np.float32)
        filters = rng.standard_normal((3, 17)).astype(np.float32)
        made = _filtered(blocks, filters)
        for block, filter_, row in zip(blocks, filters, made, strict=True):
            assert row == pytest.approx(np.convolve(block, filter_, "valid"), abs=1e-4)

    @pytest.mark.usefixtures("compiled")
    def test_it_is_that_of_models_of_64_milliseconds_in_the_middle_of_which_it_lies(self) -> None:
        audio = sound()
        error = prediction_error(audio, RATE_HZ)
        assert error.shape == audio.shape
        window = np.hanning(2 * HOP)
        padded = np.r_[np.zeros(HOP // 2), audio, np.zeros(2 * HOP)]
        for block in (0, 3, 14):
            frame = padded[block * HOP : block * HOP + 2 * HOP] * window
            row = np.array([frame[lag:] @ frame[: frame.size - lag] for lag in range(17)])
            (filter_,) = levinson(row[None])
            here = np.convolve(np.r_[np.zeros(16), audio], filter_, "valid")[block * HOP : (block + 1) * HOP]
            assert error[block * HOP : (block + 1) * HOP] == pytest.approx(here, abs=2e-4)

    @pytest.mark.usefixtures("compiled")
    @pytest.mark.parametrize("size", [1, HOP - 1, HOP, HOP + 1, 66 * HOP + 5])
    def test_of_any_length(self, size: int) -> None:
        audio = sound(size)
        error = prediction_error(audio, RATE_HZ)
        assert error.shape == (size,)
        whole = prediction_error(np.r_[audio, np.zeros(5000)], RATE_HZ)
        settled = max(size - HOP, 0)
        assert error[:settled] == pytest.approx(whole[:settled], abs=1e-5)
        if size > 10 * HOP:
            assert np.sqrt(np.mean(error[5 * HOP :] ** 2)) == pytest.approx(0.01, rel=0.1)

    def test_both_ways_say_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        audio = sound(70 * HOP)
        error = prediction_error(audio, RATE_HZ)
        monkeypatch.setattr(kernels, "LIBRARY", None)
        assert prediction_error(audio, RATE_HZ) == pytest.approx(error, abs=1e-5)


class TestPeaks:
    @pytest.mark.usefixtures("compiled")
    def test_the_largest_magnitude_of_each_whole_cell(self) -> None:
        values = np.zeros(22 * 3 + 21, np.float32)
        values[[0, 21, 22, 65, 66]] = [1.0, -2.0, -3.0, 4.0, 9.0]
        assert cell_peaks(values, RATE_HZ).tolist() == [2.0, 3.0, 4.0]

    def test_the_background_is_a_median_of_medians(self) -> None:
        """Groups of sixteen cells, eleven groups."""
        peaks = np.ones(16 * 30, np.float32)
        peaks[16 * 10 : 16 * 15] = 9.0
        assert np.all(background(peaks) == 1.0)  # five of eleven
        peaks[16 * 15 : 16 * 16] = 9.0
        assert np.flatnonzero(background(peaks) == 9.0).tolist() == list(
            range(16 * 10, 16 * 16)
        )  # six of them
        half = np.ones(16 * 30, np.float32)
        half.reshape(-1, 16)[:, :8] = 3.0
        assert np.all(background(half) == 2.0)  # the mean of the two in the middle
        half.reshape(-1, 16)[:, :7] = 5.0
        half.reshape(-1, 16)[:, 7] = 1.0
        assert np.all(background(half) == 1.0)

    def test_the_background_of_few_cells(self) -> None:
        assert background(np.full(5, 2.0, np.float32)).tolist() == [2.0] * 5
        rising = np.repeat(np.arange(12.0, dtype=np.float32), 16)
        assert background(rising).shape == (192,)
        assert background(rising)[96] == 6.0
        assert background(rising)[0] == 3.0  # mirrored at the end: 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5


class TestRepair:
    @pytest.mark.usefixtures("compiled")
    def test_the_likeliest_samples_and_the_errors_before_and_after(self) -> None:
        audio = sound()
        truth = audio[10_000:10_020].copy()
        audio[10_000:10_020] += 1.0
        made = repair(audio, (10_000, 10_020), 882)
        assert made is not None
        assert np.abs(made.fill - truth).max() < 0.5
        assert made.error_around == pytest.approx(1e-4, rel=0.15)
        assert made.error_before > 50 * made.error_after
        assert made.error_after < 1.2e-4
        model = lpc([audio[10_000 - 882 : 10_000], audio[10_020 : 10_020 + 882]], 32)
        before = np.convolve(audio[10_000 - 32 : 10_020 + 32], model, "valid")
        assert made.error_before == pytest.approx(float(before @ before) / 52, rel=1e-6)
        filled = audio[10_000 - 32 : 10_020 + 32].copy()
        filled[32:-32] = made.fill
        after = np.convolve(filled, model, "valid")
        assert made.error_after == pytest.approx(float(after @ after) / 52, rel=1e-5)

    @pytest.mark.usefixtures("compiled")
    def test_three_times_the_order_is_needed_on_both_sides(self) -> None:
        audio = sound()
        for size, told in ((95, False), (96, True)):
            assert (repair(audio, (size, size + 9), 882) is not None) == told
            assert (repair(audio, (20_000 - size - 9, 20_000 - size), 882) is not None) == told
            assert (repair(audio, (9000, 9009), size) is not None) == told


class TestGapEvidence:
    def test_sound_is_neither_silence_nor_in_a_gap(self) -> None:
        audio = np.full(4410 + 200, 0.1)
        audio[882:1323] = 10 ** (-69 / 20)
        audio[1323:1764] = 10 ** (-71 / 20)
        levels, heard = _sound(audio, [Gap(2300, 2700, 0.0)], 441)
        assert levels == pytest.approx([-20.0, -20.0, -69.0, -71.0, *[-20.0] * 6], abs=0.1)
        assert heard.tolist() == [True, True, True, False, True, False, False, True, True, True]

    def test_shares_of_what_is_quieter(self) -> None:
        audio = np.full(2000, 0.1)
        audio[559:1000] = 0.01
        before, after = _quieter_shares(
            audio, [Gap(1000, 1100, 0.0)], np.array([-50.0, -45.0, -30.0, -10.0]), 441
        )
        assert (before[0], after[0]) == (0.5, 0.75)
        before, _ = _quieter_shares(audio, [Gap(1000, 1100, 0.0)], np.array([]), 441)
        assert before[0] == 0.0

    def test_gaps_at_equal_distances(self) -> None:
        assert symmetries(np.array([-100, -50, 48, 102, 300]), 2) == 2
        assert symmetries(np.array([-100, -50, 47, 103, 300]), 2) == 0
        assert symmetries(np.array([50, 100]), 2) == 0

    def test_company_is_what_is_a_third_as_high_within_two_and_a_half_seconds(self) -> None:
        peaks = np.zeros(30_000)
        places = np.array([8000, 8001, 12_000, 13_000, 14_003, 17_999, 18_001])
        peaks[places] = 10.0
        assert company(peaks, places, 13_000) == (5, 2)  # 5000 or 4999 cells before, 4999 behind
        peaks[14_003] = 3.4
        assert company(peaks, places, 13_000) == (4, 2)
        places[4], peaks[14_002] = 14_002, 3.6
        assert company(peaks, places, 13_000) == (5, 3)  # 1000 and 1002 cells away: a millisecond apart
        places[5], peaks[17_995] = 17_995, 10.0
        assert company(peaks, places, 13_000) == (5, 1)

    def test_likeness_is_a_normalised_correlation_at_its_best_place(self) -> None:
        rng = np.random.default_rng(1)
        long, short = rng.standard_normal(1764), rng.standard_normal(441)
        best = max(
            abs(long[k : k + 441] @ short)
            / np.sqrt((long[k : k + 441] @ long[k : k + 441]) * (short @ short))
            for k in range(1764 - 441)
        )
        assert _likeness(long, short) == pytest.approx(best, abs=2e-2)
        long[700:1141] = -3.0 * short
        assert _likeness(long, short) == pytest.approx(1.0, abs=1e-6)
        assert _likeness(short[:440], short) == 0.0

    def test_of_no_gaps_there_is_none(self) -> None:
        assert gap_evidence(np.zeros(1000), [], RATE_HZ) == []


class TestWords:
    def test_of_a_gap(self) -> None:
        values = dict.fromkeys(GAP_FEATURES, 0.0)
        values |= {
            "depth": 31.4,
            "lower edge over the inside": 20.0,
            "higher edge over the inside": 35.0,
            "share of the sound that is quieter before": 0.37,
        }
        words = explain("gap", Candidate(0, 1, np.array(list(values.values()))))
        assert words == (
            "the sound stops dead and rests 31 dB below both sides; its edges stand 20 and 35 dB above the "
            "inside, and 37% of the sound around is quieter than the last of it"
        )

    def test_of_a_click(self) -> None:
        values = dict.fromkeys(CLICK_FEATURES, 0.0)
        values |= {"above background": 30.0, "above neighbours within 30 ms": 12.0, "repair": 25.0}
        words = explain("click", Candidate(0, 1, np.array(list(values.values()))))
        assert words == (
            "prediction errs 30 dB above its background and 12 dB above anything within 30 ms, and a trial "
            "repair takes 25 dB off the error"
        )
