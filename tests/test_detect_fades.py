"""Short mutes with ramps: which zeros are asked, and what their score is made of, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from recordings import music
from restore_audio.detection import fades
from restore_audio.detection.detect import detect
from restore_audio.detection.fades import _breaks, _cost, _faded_to, _nats, find_fades, with_ramps_muted
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100
CONTEXT = 1323  # 30 ms
USUAL = (0.1 / 0.741) ** 2  # of Student's t, half of whose errors are below 0.1


def noise(size: int, seed: int = 1, level: float = 0.1) -> Samples:
    return level * np.random.default_rng(seed).choice([-1.0, 1.0], size)


class TestWhichZeros:
    """Whatever is asked is told."""

    @pytest.fixture(autouse=True)
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, int]]:
        asked: list[tuple[int, int, int]] = []

        def tell(_: Samples, zeros: tuple[int, int], channel: int, rate_hz: int, company: int) -> Span:
            assert rate_hz in (RATE_HZ, 96_000)
            asked.append((*zeros, company))
            return Span(*zeros, channel, "zeros")

        monkeypatch.setattr(fades, "_faded_to", tell)
        return asked

    def found(
        self, *runs: tuple[int, int], size: int = 30_000, rate_hz: int = RATE_HZ
    ) -> list[tuple[int, int]]:
        audio = noise(size)
        for start, length in runs:
            audio[start : start + length] = 0.0
        return [(s.start, s.length) for s in find_fades(audio, np.zeros(size, np.float32), 3, rate_hz)]

    def test_four_and_more_in_a_row_up_to_what_runs_are(self) -> None:
        for length in (3, 4, 15, 16):
            assert self.found((9000, length)) == ([(9000, length)] if 4 <= length <= 15 else []), length
        for length in (28, 29):  # 0.3 ms
            assert bool(self.found((9000, length), rate_hz=96_000)) == (length == 28), length

    def test_fewer_are_asked_where_the_sound_turns_or_breaks_there(self) -> None:
        for length in (1, 3):
            audio = np.full(9000, 0.1)
            audio[4000 : 4000 + length] = 0.0
            error = np.full(9000, 1e-3, np.float32)
            assert [(s.start, s.length) for s in find_fades(audio, error, 0, RATE_HZ)] == [(4000, length)]
            audio[4000:] *= -1.0
            assert find_fades(audio, error, 0, RATE_HZ) == []
            error[4000] = 0.01
            assert [(s.start, s.length) for s in find_fades(audio, error, 0, RATE_HZ)] == [(4000, length)]

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            ([9.0, 1.0, 2.0], [1.0, 1.0, -9.0], True),
            ([9.0, 1.0, 2.0], [-1.0, -1.0, 9.0], False),
            ([-9.0, 1.0, 2.0], [-1.0, 1.5, -9.0], True),  # the two beside together
            ([9.0, 1.0, -2.0], [-1.0, 1.5, 9.0], False),
            ([9.0, 1.0, -1.0], [1.0, 1.0, 9.0], False),
        ],
    )
    def test_the_sound_turns_where_it_comes_back_on_the_side_it_left(
        self, before: list[float], after: list[float], told: bool
    ) -> None:
        audio = np.full(9000, 0.1)
        audio[3997:4005] = 0.1 * np.array([*before, 0.0, 0.0, *after])
        error = np.full(9000, 1e-3, np.float32)
        assert bool(find_fades(audio, error, 0, RATE_HZ)) == told

    @pytest.mark.parametrize(("others", "told"), [(28, True), (29, False)])
    def test_sixteen_other_zeros_around_beside_the_longest_run_prove_little(
        self, asked: list[tuple[int, int, int]], others: int, told: bool
    ) -> None:
        for direction in (-1, 1):
            asked.clear()
            beside = [(15_000 + direction * (100 + 100 * n), 1) for n in range(others)]
            assert ((15_000, 4) in self.found((15_000, 4), *beside)) == told
            assert ((15_000, 15_004, 28) in asked) == told
            # Further away than 4096 samples they are no company.
            beside = [(15_000 + direction * (5000 + 100 * n), 1) for n in range(others)]
            assert (15_000, 4) in self.found((15_000, 4), *beside)
            assert (15_000, 15_004, 0) in asked

    def test_the_thirty_two_rarest_of_a_window_are_asked(self, asked: list[tuple[int, int, int]]) -> None:
        places = [(9000 + 9000 * n, 4) for n in range(33)]
        assert self.found(*places, (9000 + 9000 * 7 + 200, 1), size=320_000) == [*places[:7], *places[8:]]
        assert {company for *_, company in asked} == {0}

    def test_sound_without_zeros_has_none(self) -> None:
        assert self.found() == []


@pytest.mark.parametrize(("place", "breaks"), [(997, False), (998, True), (1004, True), (1005, False)])
@pytest.mark.parametrize("louder", [slice(744, 1000), slice(1003, 1259)])
def test_a_break_is_three_times_the_usual_error_within_two_samples(
    place: int, breaks: bool, louder: slice
) -> None:
    """Of 256 samples on either side and three zeros, those of one side are louder: the others are usual."""
    for times, beyond in ((2.9, False), (3.1, True)):
        error = np.ones(2000, np.float32)
        error[louder] = 2.5
        error[:744] = error[1259:] = 9.0
        error[place] = -times
        assert _breaks(error, np.array([1000]), np.array([1003])).tolist() == [breaks and beyond]


class TestScore:
    """Ramps and their likelihood as they are told by ``ramps`` and ``nats``."""

    @staticmethod
    def told(
        monkeypatch: pytest.MonkeyPatch,
        ramps: tuple[tuple[int, float], tuple[int, float]],
        nats: dict[tuple[int, int], float],
        company: int = 0,
        sides: tuple[Samples, Samples] | None = None,
    ) -> Span | None:
        answers = iter(ramps)
        monkeypatch.setattr(fades, "likeliest_fade", lambda *_: next(answers))
        monkeypatch.setattr(fades, "_nats", lambda *a: nats.get(a[3], -math.inf))
        before, after = sides or (noise(5000), noise(5000, 2))
        audio = np.concatenate([before, np.zeros(4), after])
        return _faded_to(audio, (before.size, before.size + 4), 1, RATE_HZ, company)

    def test_two_nats_beyond_thirty_six_are_one_of_log_odds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for company, rare in ((0, math.log(8192)), (1, math.log(8192)), (20, math.log(8192 / 20))):
            span = self.told(monkeypatch, ((10, 9.0), (10, 9.0)), {(10, 10): 37.0 - rare}, company)
            assert span is not None
            assert math.log(span.confidence / (1 - span.confidence)) == pytest.approx(0.5)
        assert (span.start, span.end, span.channel, span.kind) == (4990, 5014, 1, "zeros")
        assert "within 10 samples" in span.evidence

    def test_what_is_less_likely_than_one_in_eight_is_not_handed_on(self, monkeypatch) -> None:
        for score, handed in ((-1.99, True), (-2.01, False)):
            nats = {(10, 10): 2 * score + 36 - math.log(8192)}
            assert bool(self.told(monkeypatch, ((10, 9.0), (10, 9.0)), nats)) == handed

    def test_the_likeliest_of_the_ramps_of_both_sides(self, monkeypatch) -> None:
        for pair in ((8, 12), (8, 8), (12, 12), (10, 10)):
            span = self.told(monkeypatch, ((8, 9.0), (12, 9.0)), {(8, 12): 30.0, pair: 40.0})
            assert span is not None
            assert (5000 - span.start, span.end - 5004) == pair

    @pytest.mark.parametrize(
        ("ramps", "told"),
        [
            (((10, 3.0), (10, 3.0)), True),
            (((10, 2.9), (10, 9.0)), False),
            (((10, 9.0), (10, 2.9)), False),
            (((4, 9.0), (12, 9.0)), True),
            (((4, 9.0), (13, 9.0)), False),
            (((13, 9.0), (4, 9.0)), False),
            (((36, 9.0), (36, 9.0)), True),
            (((37, 9.0), (37, 9.0)), False),
        ],
    )
    def test_both_sides_have_a_ramp_alike_and_short(self, monkeypatch, ramps, told) -> None:
        lengths = (ramps[0][0], ramps[1][0])
        assert bool(self.told(monkeypatch, ramps, {lengths: 60.0})) == told

    @pytest.mark.parametrize("quiet", [0, 1])
    def test_both_sides_sound_and_are_thirty_milliseconds_long(self, monkeypatch, quiet) -> None:
        def told(*sides: Samples) -> bool:
            ramps, turn = ((10, 9.0), (10, 9.0)), -1 if quiet else 1
            return bool(self.told(monkeypatch, ramps, {(10, 10): 60.0}, sides=(sides[::turn])))

        assert told(noise(5000, 3, 1.1e-3), noise(5000))
        assert not told(noise(5000, 3, 0.9e-3), noise(5000))
        assert told(noise(CONTEXT), noise(5000))
        assert not told(noise(CONTEXT - 1), noise(5000))

    def test_sixty_milliseconds_of_either_side_are_looked_at(self, monkeypatch) -> None:
        seen: list[Samples] = []

        def look(side: Samples, rate_hz: int) -> tuple[int, float]:
            seen.append(side)
            return 10, 9.0

        monkeypatch.setattr(fades, "likeliest_fade", look)
        audio = np.concatenate([np.arange(1.0, 5001.0), np.zeros(4), np.arange(6000.0, 11_000.0)])
        _faded_to(audio, (5000, 5004), 0, RATE_HZ, 4)
        assert [(side.size, side[-1]) for side in seen] == [(2 * CONTEXT, 5000.0), (2 * CONTEXT, 6000.0)]


class TestLikelihood:
    """A model that predicts nothing: each sample is its own error."""

    @pytest.fixture(autouse=True)
    def nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fades, "lpc", lambda *_: np.r_[1.0, np.zeros(32)])

    def test_cost_is_that_of_students_t_with_four_degrees(self) -> None:
        """Whose density falls by (1 + x² / 4) to the power of 5 / 2."""
        errors = np.array([0.0, 0.1, -0.2, 0.4])
        assert np.exp(_cost(errors, 0.01)) == pytest.approx([1.0, 1.25**2.5, 2.0**2.5, 5.0**2.5])

    @pytest.mark.parametrize(("zeros", "left", "right"), [(3, 9, 5), (1, 4, 12)])
    def test_ramps_undone_and_samples_free_against_what_is_heard(self, zeros, left, right) -> None:
        before, after = noise(3000), noise(3000, 2)
        falls, rises = np.arange(left, 0, -1) / (left + 1), np.arange(1, right + 1) / (right + 1)
        before[-left:] *= falls
        after[:right] *= rises
        gained = sum(
            float(_cost(np.array([0.1 * gain]), USUAL)[0] - _cost(np.array([0.1]), USUAL)[0] - math.log(gain))
            for gain in (*falls, *rises)
        )
        assert _nats(before, after, zeros, (left, right)) == pytest.approx(gained)

    @pytest.mark.parametrize(("beside", "likely"), [(0.43, True), (0.445, False)])
    def test_undone_it_costs_at_most_twice_the_usual(self, beside: float, likely: bool) -> None:
        """Of 35 errors two are twice as large as the samples beside the zero, and one is none."""
        before, after = noise(3000), noise(3000, 2)
        before[-1] = after[0] = beside
        assert math.isfinite(_nats(before, after, 1, (1, 1))) == likely


class TestRampsMuted:
    """What leads down to a run of zeros, and up again, is zero as well."""

    @pytest.fixture
    def song(self) -> Samples:
        breath = 2e-3 * np.random.default_rng(2).standard_normal(3 * RATE_HZ)
        return np.rint((music(3.0, RATE_HZ)[0] + breath) * 32768) / 32768

    @staticmethod
    def muted(audio: Samples, zeros: int, fall: int, rise: int, place: int = 90_000) -> Samples:
        damaged = audio.copy()
        falls, rises = np.arange(fall, 0, -1) / (fall + 1), np.arange(1, rise + 1) / (rise + 1)
        damaged[place - fall : place + zeros + rise] *= np.concatenate([falls, np.zeros(zeros), rises])
        return damaged

    @pytest.mark.parametrize(("zeros", "ramp"), [(16, 10), (300, 30), (4000, 20)])
    def test_both_ramps_of_a_mute_are(self, song: Samples, zeros: int, ramp: int) -> None:
        damaged = self.muted(song, zeros, ramp, ramp)
        out = with_ramps_muted(damaged, RATE_HZ)
        changed = np.flatnonzero(out != damaged)
        assert abs(changed[0] - (90_000 - ramp)) <= 2 + ramp // 5
        assert abs(changed[-1] - (90_000 + zeros + ramp)) <= 2 + ramp // 5
        assert not out[changed[0] : changed[-1] + 1].any()

    def test_zeros_without_ramps_or_with_one_stay_as_they_are(self, song: Samples) -> None:
        for zeros, fall, rise in ((300, 0, 0), (300, 20, 0), (300, 0, 20), (15, 20, 20)):
            damaged = self.muted(song, zeros, fall, rise)
            assert with_ramps_muted(damaged, RATE_HZ) is damaged, (zeros, fall, rise)

    def test_a_mute_with_ramps_in_loud_music_is_reported(self, song: Samples) -> None:
        (span,) = detect(self.muted(song, 300, 30, 30)[None], RATE_HZ)
        assert (span.kind, abs(span.start - 89_970) <= 8, abs(span.end - 90_330) <= 8) == (
            "zeros",
            True,
            True,
        )


def test_what_cannot_be_predicted_is_infinitely_unlikely(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Samples:
        raise ValueError

    monkeypatch.setattr(fades, "lpc", fail)
    assert _nats(noise(3000), noise(3000), 1, (9, 9)) == -math.inf
