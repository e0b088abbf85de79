"""What is measured of a click's tail and of its ends, in small cases with answers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from restore_audio.detection import tails
from restore_audio.detection.click_edges import _kept, click_edges
from restore_audio.detection.tails import (
    SLOW_LENGTHS_MS,
    _reach,
    _ringing_end,
    _shapes,
    _slow_end,
    _slow_length,
    _whitened,
    tail_end,
)

Samples = NDArray[np.float64]
RATE_HZ = 48_000


def noise(size: int, seed: int = 1, level: float = 1.0) -> Samples:
    return level * np.random.default_rng(seed).standard_normal(size)


class TestReach:
    """Cells of four samples; their means are what counts."""

    @staticmethod
    def cells(*levels: float) -> Samples:
        return np.repeat(levels, 4) * np.tile([0.5, 1.5], 2 * len(levels))

    def test_both_first_cells_stand_eight_times_above(self) -> None:
        assert (
            _reach(self.cells(400.0, 8.0, 1.0, 1.0), 4) == 0
        )  # two have no slope: the click itself rings as long
        assert _reach(self.cells(4e5, 90.0, 20.0, 1.0, 1.0), 4) == 12
        assert _reach(self.cells(400.0, 7.9, 20.0, 1.0, 1.0), 4) == 0
        assert _reach(self.cells(7.9, 90.0, 20.0, 1.0, 1.0), 4) == 0

    def test_it_is_lost_where_two_cells_in_a_row_are_below_twice_the_surroundings(self) -> None:
        assert _reach(self.cells(1e4, 1e3, 100.0, 1.0, 9.0, 1.9, 1.9, 50.0), 4) == 20
        assert _reach(self.cells(1e4, 1e3, 100.0, 1.0, 9.0, 1.9, 2.1, 1.0, 1.0), 4) == 28

    def test_thirty_decibels_are_its_decay(self) -> None:
        """10 dB a cell: after three cells it has decayed, though it is seen for five."""
        fall = self.cells(*(10.0 ** (6 - k) for k in range(5)), 1.0, 1.0)
        assert _reach(fall, 4) == 4 * 5  # what is seen counts where it is further
        slow = self.cells(*(10.0 ** (3 - 0.31 * k) for k in range(9)), 1.0, 1.0, 1.0, 1.0)
        assert _reach(slow, 4) == 4 * 10  # 3.1 dB a cell: ten of them, of which nine are seen
        assert _reach(slow[: 4 * 9], 4) == 4 * 9

    def test_what_does_not_fall_by_six_decibels_is_no_ringing(self) -> None:
        for ratio, found in ((3.9, False), (4.1, True)):
            levels = [ratio * 10.0, 20.0, 10.0, 1.0, 1.0]
            assert bool(_reach(self.cells(*levels), 4)) == found
        assert _reach(self.cells(20.0, 40.0, 80.0, 160.0, 1.0, 1.0), 4) == 0

    def test_fewer_than_three_cells_say_nothing(self) -> None:
        assert _reach(self.cells(90.0, 30.0), 4) == 0
        assert _reach(self.cells(90.0, 30.0, 9.0), 4) == 12
        assert _reach(np.r_[self.cells(90.0, 30.0), [9.0] * 3], 4) == 0


class TestShapes:
    def test_a_pair_of_each_frequency_and_a_jump_of_each_length(self) -> None:
        lengths, shapes = _shapes(5, 305)
        assert shapes.shape == (lengths.size, 2, 305)
        # Oscillations of less than half a period are left out: 14 ms hold 36 Hz and more.
        counts = {ms: int(np.sum(lengths == ms)) for ms in SLOW_LENGTHS_MS}
        assert counts == {14: 4, 20: 5, 28: 6, 40: 7, 56: 8, 80: 8, 112: 8, 160: 8}
        assert np.all(shapes[:, :, :5] == 0.0)

    def test_they_decay_by_35_db_and_fade_at_their_end(self) -> None:
        lengths, shapes = _shapes(2, 302)
        at = np.flatnonzero(lengths == 160.0)
        size = np.hypot(*shapes[at[3]])[2:]  # of an oscillation: its envelope
        level = 20 * np.log10(size[:129:32] + 1e-30)
        assert level == pytest.approx([0.0, -7.0, -14.0, -21.0, -28.0], abs=0.05)
        assert size[144] / 10 ** (-35 / 20 * 0.9) == pytest.approx(0.5, abs=0.01)
        assert size[160] == 0.0
        turn = np.unwrap(np.angle(shapes[at[3], 0, 2:100] + 1j * shapes[at[3], 1, 2:100]))
        assert np.diff(turn) == pytest.approx(2 * np.pi * 25.0 / 1000)
        one, other = shapes[at[-1], :, 2:]  # the jump: two exponentials
        assert one[80] == pytest.approx(np.exp(-1.0))
        assert other[80] == pytest.approx(np.exp(-2.5))
        assert one[0] == other[0] == 1.0

    def test_whitened_they_are_orthonormal_and_blind_to_what_is_unknown(self) -> None:
        predictor = np.array([1.0, -0.9, 0.2])
        _, shapes = _shapes(4, 204)
        made = _whitened(shapes, predictor, 6)
        gram = np.einsum("nik,njk->nij", made, made)
        assert gram == pytest.approx(np.broadcast_to(np.eye(2), gram.shape), abs=1e-9)
        for place in range(6):
            impulse = np.zeros(204)
            impulse[place] = 1.0
            assert np.abs(made @ lfilter(predictor, [1.0], impulse)).max() < 1e-9
        impulse[5], impulse[6] = 0.0, 1.0
        assert np.abs(made @ lfilter(predictor, [1.0], impulse)).max() > 1e-2
        shape = lfilter(predictor, [1.0], shapes[9, 0])
        basis = np.array([lfilter(predictor, [1.0], np.eye(204)[k]) for k in range(6)])
        rest = shape - np.linalg.lstsq(basis.T, shape, rcond=None)[0] @ basis
        assert np.abs(made[9, 0] - rest / np.linalg.norm(rest)).max() < 1e-9


class TestSlow:
    ZERO, LENGTH = 500, 200

    def length(self, tail: Samples, share: float = 1.0, seed: int = 1) -> float:
        slow = noise(1200, seed)
        slow[self.ZERO : self.ZERO + tail.size] += tail
        return self.proven(slow, share)

    def proven(self, slow: Samples, share: float = 1.0) -> float:
        found, strength = _slow_length(slow, self.ZERO, 4, self.LENGTH)
        return found if strength >= share else 0.0

    @staticmethod
    def thump(size: float, ms: float, hz: float = 36.0) -> Samples:
        time = np.arange(round(ms)) / 1000
        return size * np.sin(2 * np.pi * hz * time) * 10 ** (-35 / 20 * time / (ms / 1000))

    @pytest.mark.parametrize("ms", [40.0, 80.0, 160.0])
    def test_the_length_found_and_fifteen_in_a_hundred_more(self, ms: float) -> None:
        found = self.length(self.thump(40.0, ms))
        lengths = [min(1.15 * known, 200.0) for known in SLOW_LENGTHS_MS]
        assert any(abs(found - known) < 1e-6 for known in lengths)
        assert 0.6 * ms < found < 1.7 * ms

    def test_twenty_variances_prove_one_and_less_where_another_channel_has(self) -> None:
        for size, alone, helped in ((0.4, False, False), (4.0, False, True), (12.0, True, True)):
            proven = [self.length(self.thump(size, 80.0), share) > 0 for share in (1.0, 0.3)]
            assert proven == [alone, helped], size

    def test_the_loudest_fifth_of_a_side_is_the_level(self) -> None:
        slow = noise(1200)
        slow[self.ZERO : self.ZERO + 80] += self.thump(7.0, 80.0)
        assert self.proven(slow) > 0
        for burst in (slice(100, 190), slice(1000, 1090)):
            louder = slow.copy()
            louder[burst] *= 6.0
            assert self.proven(louder) == 0

    def test_what_the_music_does_elsewhere_too_is_no_tail(self) -> None:
        for where in (150, 850):
            slow = noise(1200)
            slow[self.ZERO : self.ZERO + 80] += self.thump(30.0, 80.0)
            slow[where : where + 80] += self.thump(25.0, 80.0)
            assert self.proven(slow) == 0

    def test_silence_has_none(self) -> None:
        assert self.proven(np.zeros(1200)) == 0

    def recording(self, size: float, seconds: float = 1.6) -> Samples:
        """Soft noise with a thump of 80 ms right behind a click of 20 samples at 0.75 s."""
        audio = lfilter([1.0], [1.0, -0.5], noise(round(seconds * RATE_HZ), 2, 1e-3))
        time = np.arange(3840) / RATE_HZ
        audio[36_020 : 36_020 + 3840] += (
            size * np.sin(2 * np.pi * 36.0 * time) * 10 ** (-35 / 20 * time / 0.08)
        )
        audio[36_000:36_020] += 0.8
        return audio

    def test_in_a_recording(self) -> None:
        audio = self.recording(0.2)
        end, strength = _slow_end(audio, 36_000, 36_020, RATE_HZ)
        assert strength >= 1.0
        assert 0.05 * RATE_HZ < end - 36_020 < 0.14 * RATE_HZ
        assert (end - 36_020) / 48 in [pytest.approx(1.15 * ms) for ms in SLOW_LENGTHS_MS]
        modelled = tail_end(audio, 36_000, 36_020, RATE_HZ)
        assert 0.04 * RATE_HZ < modelled - 36_020 <= end - 36_020
        assert _slow_end(self.recording(0.0), 36_000, 36_020, RATE_HZ)[1] < 1.0

    @pytest.mark.parametrize(("missing", "told"), [(0, True), (48, False)])
    def test_a_quarter_of_a_second_on_either_side_is_needed(
        self, monkeypatch: pytest.MonkeyPatch, missing: int, told: bool
    ) -> None:
        monkeypatch.setattr(tails, "_slow_length", lambda *_: (10.0, 2.0))
        audio = noise(100_000, 1, 0.1)
        start = (250 + 2) * 48 - missing
        assert _slow_end(audio, start, start + 20, RATE_HZ) == (
            (start + 500, 2.0) if told else (start + 20, 0.0)
        )
        end = 100_000 - (200 + 250 + 2) * 48 + missing
        assert _slow_end(audio, end - 20, end, RATE_HZ) == ((end + 480, 2.0) if told else (end, 0.0))

    def test_it_is_looked_for_on_a_grid_that_begins_behind_the_click(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[int, float, int, int, int]] = []

        def look(slow: Samples, zero: int, unknown: int, length: int) -> tuple[float, float]:
            seen.append((slow.size, float(slow[zero]), zero, unknown, length))
            return 0.0, 0.0

        monkeypatch.setattr(tails, "_slow_length", look)
        for end, unknown in ((50_048, 3), (50_049, 4), (50_100, 5)):
            audio = np.arange(120_000.0)
            audio[50_000:end] = 1e6  # the click: a line bridges it
            _slow_end(audio, 50_000, end, RATE_HZ)
            size, value, zero, known, length = seen[-1]
            assert value == pytest.approx(end, abs=1.0)
            assert (known, length) == (unknown, 200)
            assert 500 <= zero <= 504
            assert size - zero == pytest.approx(700, abs=4)


class TestRinging:
    def ringing(self, size: float, decay_ms: float = 1.5, seed: int = 1) -> Samples:
        """White noise, and behind a click of 20 samples noise that decays."""
        audio = noise(10_000, seed, 0.01)
        time = np.arange(1900) / 48
        audio[4020:5920] += size * noise(1900, 5) * np.exp(-time / decay_ms)
        audio[4000:4020] += 0.7
        return audio

    def test_up_to_where_it_has_decayed(self) -> None:
        end = _ringing_end(self.ringing(0.5), 4000, 4020, RATE_HZ)
        assert 3.0 < (end - 4020) / 48 < 9.0
        assert (end - 4020 - 32) % 24 == 0
        longer = _ringing_end(self.ringing(0.5, 4.0), 4000, 4020, RATE_HZ)
        assert longer > end + 48 * 3

    def test_plain_sound_and_a_sound_that_begins_and_stays_have_none(self) -> None:
        assert _ringing_end(self.ringing(0.0), 4000, 4020, RATE_HZ) == 4020
        begun = self.ringing(0.0)
        begun[4020:] += noise(begun.size - 4020, 9, 0.5)
        assert _ringing_end(begun, 4000, 4020, RATE_HZ) == 4020

    @pytest.mark.parametrize("seed", [3, 4, 5])
    def test_a_tone_that_noise_hides_elsewhere_is_found_at_its_frequency(self, seed: int) -> None:
        """Over the whole band it has four times the power of the noise, and soon less."""
        time = np.arange(960) / RATE_HZ
        tone = np.exp(-time / 0.006) * np.sin(2 * np.pi * 2000.0 * time)
        for size, rings in ((0.0, False), (0.03, True)):
            audio = noise(10_000, seed, 0.01)
            audio[4020:4980] += size * tone
            assert (4020 + 480 < _ringing_end(audio, 4000, 4020, RATE_HZ) < 4020 + 1600) == rings

    def test_sixty_milliseconds_before_and_a_hundred_behind_are_needed(self) -> None:
        audio = self.ringing(0.5)
        assert _ringing_end(audio[4000 - 2880 :], 2880, 2900, RATE_HZ) > 2900
        assert _ringing_end(audio[4000 - 2879 :], 2879, 2899, RATE_HZ) == 2899
        stop = 4020 + 1920 + 2880
        assert _ringing_end(audio[:stop], 4000, 4020, RATE_HZ) > 4020
        assert _ringing_end(audio[: stop - 1], 4000, 4020, RATE_HZ) == 4020

    def test_one_side_whose_model_knows_it_suffices(self) -> None:
        """It begins and stays, in other words: what is usual behind is no ringing."""
        audio = self.ringing(0.5)
        audio[6000:] = noise(audio.size - 6000, 8, 1.0)
        assert _ringing_end(audio, 4000, 4020, RATE_HZ) == 4020


class TestClickEdges:
    """In white noise the model predicts nothing: a sample is kept while its square is below four."""

    def struck(self, first: int = 5000, last: int = 5020, size: float = 0.5) -> Samples:
        audio = noise(12_000, 4, 0.01)
        audio[first:last] += size * (-1.0) ** np.arange(last - first)
        return audio

    @pytest.mark.parametrize("off", [-15, -7, 0, 6, 15])
    def test_the_first_and_the_last_sample_that_stick_out(self, off: int) -> None:
        found = click_edges(self.struck(), 5000 + off, 5020 + off, RATE_HZ)
        assert abs(found[0] - 5000) <= 1
        assert abs(found[1] - 5020) <= 1

    def test_no_further_than_four_tenths_of_a_millisecond_outside(self) -> None:
        start, end = click_edges(self.struck(5000, 5060), 5030, 5035, RATE_HZ)
        assert (start, end) == (5011, 5054)

    def test_what_does_not_stick_out_stays_as_it_is(self) -> None:
        assert click_edges(noise(12_000, 4, 0.01), 5000, 5020, RATE_HZ) == (5000, 5020)
        assert click_edges(self.struck()[4990:], 10, 30, RATE_HZ) == (10, 30)
        assert click_edges(self.struck()[:5030], 5000, 5020, RATE_HZ) == (5000, 5020)
        audio = self.struck(5012, 5020)
        for known, told in ((95, False), (96, True)):  # three times the order, on either side
            assert (_kept(audio[5000 - known :], (known, known + 24), 960, from_end=False) < 24) == told
            assert (_kept(audio[: 5024 + known], (5000, 5024), 960, from_end=False) < 24) == told

    def test_four_variances_are_the_price_of_a_sample(self) -> None:
        for size, kept in ((0.015, 24), (0.05, 12)):
            audio = 0.01 * np.random.default_rng(4).choice([-1.0, 1.0], 12_000)
            audio[5012:5020] = size * (-1.0) ** np.arange(8)
            assert _kept(audio, (5000, 5024), 960, from_end=False) == kept

    def test_samples_behind_a_small_error_are_kept_if_they_are_worth_it(self) -> None:
        """A small error costs less than the samples behind it are worth, which save three variances each."""
        for size, kept in ((0.035, 24), (0.08, 10)):
            audio = 0.01 * np.random.default_rng(4).choice([-1.0, 1.0], 12_000)
            audio[5010] = size
            assert _kept(audio, (5000, 5024), 960, from_end=False) == kept
            assert _kept(audio, (5000, 5024), 960, from_end=True) == (24 if size < 0.05 else 13)
