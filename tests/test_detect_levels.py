"""What the learned detector measures of its stretches, and the second look at their ends, by hand."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import learned
from restore_audio.detection.edges import _edge, refined
from restore_audio.detection.features import Levels, _in_db, features_of, levels_of, moving_mean, step_samples
from restore_audio.detection.frame_network import KINDS, FrameNetwork
from restore_audio.detection.learned import _likely, _placed, _shows, _steps, described, find_weighed
from restore_audio.detection.stretches import (
    Stretch,
    _history,
    _shares,
    _sides,
    _slopes,
    _smoothed,
    band_falls,
    doubted,
    log_odds,
    measures_of,
    share_that_comes_back,
    thirds,
)

Floats = NDArray[np.float32]
RATE_HZ = 48_000


def levels(channels: int = 1, steps: int = 200, usable: int = 32) -> Levels:
    """Every level is −20 dB."""
    shapes = {"bands": (2, 32), "fine": (2, 8), "side": (8,), "error": (8,)}
    kinds = [field.name for field in fields(Levels) if field.init and field.name != "usable"]
    made = {kind: np.full((channels, steps, *shapes[kind]), -20.0, np.float32) for kind in kinds}
    return Levels(**made, usable=usable)


def stretch(
    first: int = 400, last: int = 440, channel: int = 0, kind: str = "dropout", peak: float = 1.0
) -> Stretch:
    return Stretch(first, last, channel, kind, peak)


class TestDoubted:
    def scores(self, odds: list[float] | Floats, kind: int = 1) -> Floats:
        """Logits of one channel in which one kind has these log odds against none."""
        made = np.full((1, len(odds), len(KINDS)), -40.0, np.float32)
        made[0, :, 0] = 0.0
        made[0, :, kind] = odds
        return made

    def test_log_odds_are_those_of_any_kind_against_none(self) -> None:
        logits = np.zeros((1, 2, 3), np.float32)
        logits[0, 1] = [2.0, 1.0, 100.0]
        assert log_odds(logits)[0] == pytest.approx([math.log(2.0), 98.0])

    def found(self, odds: list[float], opened: float = 0.0) -> list[tuple[int, int]]:
        scores = self.scores(odds)
        return [(s.first, s.last) for s in doubted(scores, log_odds(scores), opened)]

    def test_quarters_above_the_threshold_are_a_stretch(self) -> None:
        row = [-5.0] * 10 + [1.0] * 4 + [-5.0] * 10
        assert self.found(row) == [(10, 14)]
        assert self.found(row, 0.99) == [(10, 14)]
        assert self.found(row, 1.01) == []

    def test_gaps_of_up_to_three_quarters_belong_to_it(self) -> None:
        for between, expected in ((3, [(10, 21)]), (4, [(10, 14), (18, 22)])):
            assert self.found([-5.0] * 10 + [1.0] * 4 + [-5.0] * between + [1.0] * 4 + [-5.0] * 9) == expected
        assert self.found([-5.0] * 2 + [1.0] * 4 + [-5.0] * 2) == [(2, 6)]  # not those at the ends

    def test_its_peak_is_the_mean_of_three_and_its_kind_the_likeliest(self) -> None:
        scores = self.scores([-5.0] * 10 + [1.0, 2.0, 6.0, 1.0] + [-5.0] * 10, 3)
        (one,) = doubted(scores, log_odds(scores), 0.0)
        assert one.peak == pytest.approx(3.0)
        assert (one.kind, one.channel) == (KINDS[3], 0)
        two = np.concatenate([self.scores([-5.0] * 24), scores])
        assert [s.channel for s in doubted(two, log_odds(two), 0.0)] == [1]

    def test_shares_are_of_probability_summed_over_the_stretch(self) -> None:
        logits = np.log(np.array([[9.0, 1.0, 3.0], [9.0, 2.0, 2.0]], np.float32))
        assert _shares(logits) == pytest.approx([3 / 8, 5 / 8])
        assert _smoothed(np.array([0.0, 3.0, 0.0, 0.0], np.float32)) == pytest.approx([1.0, 1.0, 1.0, 0.0])


class TestMeasures:
    def test_bands_fall_against_forty_milliseconds_on_both_sides(self) -> None:
        here = levels()
        here.bands[0, 100:110, :, 3] = -50.0
        here.bands[0, 95:100, :, 3] = -24.0
        assert band_falls(here, 0, 100, 110)[3] == pytest.approx(-50.0 + 22.0)
        assert band_falls(here, 0, 100, 110)[4] == 0.0
        here.bands[0, [94, 115]] = 0.0  # further away than five steps
        assert band_falls(here, 0, 100, 110)[3] == pytest.approx(-28.0)
        here.bands[0, [95, 114], :, 4] = -10.0
        assert band_falls(here, 0, 100, 110)[4] == pytest.approx(-2.0)
        assert band_falls(here, 0, 0, 200) == pytest.approx(np.zeros(32))  # nothing around
        assert band_falls(here, 0, 3, 110)[4] == pytest.approx(
            -20.0 + 2 / 107 * 5 - (-20.0 + 10 / 8), abs=0.2
        )

    def test_thirds_are_of_the_usable_bands(self) -> None:
        assert thirds(np.array([1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 99.0]), 6) == [2.0, 6.0, 10.0]

    def test_sides_are_five_steps_long(self) -> None:
        here = levels()
        here.bands[0, 95:100] = -10.0
        here.bands[0, 110:115] = -30.0
        before, after = _sides(here, 0, 100, 110)
        assert (before[0], after[0]) == (-10.0, -30.0)
        here.bands[0, [94, 115]] = 0.0
        assert [side[0] for side in _sides(here, 0, 100, 110)] == [-10.0, -30.0]
        here.bands[0, [95, 114]] = -20.0
        assert [side[0] for side in _sides(here, 0, 100, 110)] == pytest.approx([-12.0, -28.0])
        here.bands[0, 0], here.bands[0, 199] = -1.0, -2.0
        assert _sides(here, 0, 0, 110)[0][0] == -1.0
        assert _sides(here, 0, 100, 200)[1][0] == -2.0

    def test_slopes_are_over_three_milliseconds(self) -> None:
        """Milliseconds 800 to 880 of the fine levels."""
        here = levels()
        fine = here.fine[0, :, 0].reshape(-1)
        fine[800:880] = -60.0
        here.fine[0, :, 0] = fine.reshape(-1, 8)
        assert _slopes(here, 0, 0, 400, 440) == (40.0, 40.0, 0.0, 0.0)
        assert _slopes(here, 0, 1, 400, 440) == (0.0, 0.0, 0.0, 0.0)
        for off, seen in ((6, True), (9, True), (10, False)):
            shifted = np.roll(fine, off)
            here.fine[0, :, 0] = shifted.reshape(-1, 8)
            assert (_slopes(here, 0, 0, 400, 440)[0] == 40.0) == (off < 9), off
            assert seen or _slopes(here, 0, 0, 400, 440)[0] == 0.0
        ramp = np.full(1600, -20.0, np.float32)
        ramp[800:] = -20.0 - 2.0 * np.arange(800)
        here.fine[0, :, 0] = ramp.reshape(-1, 8)
        assert _slopes(here, 0, 0, 400, 440)[0] == 6.0

    def test_slopes_elsewhere_are_competitors(self) -> None:
        here = levels()
        fine = here.fine[0, :, 0].reshape(-1).copy()
        for place, elsewhere in (
            *((790, True), (791, False), (892, False), (893, True)),
            *((301, True), (300, False), (1379, True), (1380, False)),
        ):
            other = fine.copy()
            other[place:] -= 9.0
            here.fine[0, :, 0] = other.reshape(-1, 8)
            assert (_slopes(here, 0, 0, 400, 440)[2] == 9.0) == elsewhere, place
            other[place:] += 18.0
            here.fine[0, :, 0] = other.reshape(-1, 8)
            assert (_slopes(here, 0, 0, 400, 440)[3] == 9.0) == elsewhere, place
        short = levels(steps=3)
        assert _slopes(short, 0, 0, 2, 6) == (0.0, 0.0, 0.0, 0.0)

    def test_its_history_in_steps(self) -> None:
        full = np.full(300, -20.0, np.float32)
        full[100:110] = -50.0
        full[98:100] = -14.0
        full[92:98] = -18.0
        full[110:112] = -23.0
        full[112:118] = -26.0
        attack, end, before, after, depth, inside = _history(full, 100, 110)
        outside = np.concatenate([full[38:99], full[111:172]])
        assert (attack, end, inside) == pytest.approx((4.0, 3.0, -50.0))
        assert before == pytest.approx(-14.0 - outside.mean(), abs=1e-4)
        assert after == pytest.approx(-23.0 - outside.mean(), abs=1e-4)
        assert depth == pytest.approx(np.percentile(outside, 10) + 50.0, abs=1e-4)
        for far in (37, 172):
            full[far] = 1000.0
        assert _history(full, 100, 110)[2] == pytest.approx(before)
        assert _history(full[:1], 0, 1) == [0.0] * 5 + [-20.0]
        assert _history(full[90:105], 10, 15)[1] == 0.0

    def test_each_measure_stands_in_its_place(self) -> None:
        here = levels(channels=2, steps=300, usable=30)
        here.bands[0, 100:110, :, :10] = -30.0
        here.bands[1, 100:110, :, 10:20] = -44.0
        here.bands[0, 110:115, :, :30] = -14.0
        here.fine[0, 100:110, 0] = -52.0
        here.fine[0, 200:230, 0] = -40.0
        here.error[0, 100:110] = -35.0
        odds = np.full((2, 1200), -3.0, np.float32)
        odds[0, 400:440] = np.linspace(1.0, 3.0, 40)
        odds[1, 398], odds[1, 397], odds[1, 441] = 0.5, 9.0, 0.7
        odds[1, 442] = 9.0
        scores = np.zeros((2, 1200, len(KINDS)), np.float32)
        found = [
            stretch(peak=2.0),
            stretch(100, 110, peak=1.5),
            stretch(200, 210, peak=-0.5),
            stretch(1149, 1150, peak=-1.5),
            stretch(1150, 1151, peak=8.0),
            stretch(400, 440, channel=1, peak=9.0),
        ]
        rows = measures_of(found, scores, odds, here)
        row = dict(zip(learned_measures(), rows[0].tolist(), strict=True))
        assert row["peak of the log odds"] == 2.0
        assert row["mean of the log odds"] == pytest.approx(2.0)
        assert row["highest log odds"] == pytest.approx(3.0)
        assert row["length"] == pytest.approx(math.log2(40))
        assert row["share of dropout"] == pytest.approx(0.25)
        assert row["peak in other channels"] == pytest.approx(0.7)
        assert row["highest rival"] == pytest.approx(1.5)
        assert row["rivals"] == pytest.approx(math.log2(3))  # within three nats: those of 1.5 and −0.5
        assert [row[k] for k in ("bass", "middle", "treble")] == pytest.approx([-13.0, -3.0, -3.0])
        assert [row[f"{k} of other channels"] for k in ("bass", "middle", "treble")] == pytest.approx(
            [0.0, -24.0, 0.0]
        )
        assert row["level change"] == pytest.approx(6.0)
        assert row["colour change"] == pytest.approx(0.0)
        assert row["level before"] == pytest.approx((5 * -20.0 - 52.0) / 6, abs=1e-4)
        assert row["steepest fall"] == row["steepest rise"] == row["steeper than elsewhere"] == 32.0
        assert row["steepest fall of the treble"] == 0.0
        assert row["usable bands"] == 30.0
        assert row["level inside"] == pytest.approx(-52.0)
        assert row["highest rival in the window"] == 8.0
        assert row["rivals in the window"] == pytest.approx(2.0)  # those of 1.5, −0.5 and 8
        assert row["prediction error"] == pytest.approx(-15.0)
        assert row["steepest rise of the prediction error"] == pytest.approx(0.0)
        assert row["steepest fall of the prediction error"] == pytest.approx(0.0)
        assert row["fewest falls in a tenth of the bands"] == pytest.approx(-13.0)
        assert row["most falls in a tenth of the bands"] == pytest.approx(-3.0)
        quieter = [row[f"share of the sound that is quieter than {side}"] for side in ("before", "after")]
        assert quieter == pytest.approx([30 / 290, 30 / 290])
        wide = here.fine[0, :, 0].mean(axis=1)[38:172]
        assert row["unrest"] == pytest.approx(wide.std(), rel=1e-4)

    def test_alone_it_is_its_own_company(self) -> None:
        here, odds = levels(), np.full((1, 800), 2.0, np.float32)
        rows = measures_of([stretch(peak=2.5)], np.zeros((1, 800, len(KINDS)), np.float32), odds, here)
        row = dict(zip(learned_measures(), rows[0].tolist(), strict=True))
        assert (row["peak in other channels"], row["highest rival"], row["rivals"]) == (2.5, -6.0, 0.0)
        assert row["bass of other channels"] == row["bass"]


def learned_measures() -> tuple[str, ...]:
    from restore_audio.detection.stretches import MEASURES

    return MEASURES


class TestFeatures:
    def test_a_moving_mean_of_a_second(self) -> None:
        values = np.zeros((1, 400, 1), np.float32)
        values[0, 200] = 125.0
        mean = moving_mean(values)[0, :, 0]
        assert np.flatnonzero(mean > 0.5).tolist() == list(range(138, 263))
        assert mean[138:263] == pytest.approx(1.0)
        edge = np.zeros((1, 400, 1), np.float32)
        edge[0, 0] = 125.0  # continues beyond the window
        assert moving_mean(edge)[0, 0, 0] == pytest.approx(63.0)
        assert moving_mean(edge)[0, 62, 0] == pytest.approx(1.0)
        assert moving_mean(edge)[0, 63, 0] == 0.0

    def test_levels_in_decibels(self) -> None:
        powers = np.array([1.0, 0.01, 0.0], np.float32)
        assert _in_db(powers, 1e-10) == pytest.approx([0.0, -20.0, -100.0], abs=1e-3)

    def test_a_sine_has_its_level_in_its_band_and_no_other_side(self) -> None:
        tone = np.sin(2 * np.pi * 1000.0 * np.arange(RATE_HZ) / RATE_HZ)
        here = levels_of(np.array([tone, 0.1 * tone]), RATE_HZ)
        assert here.usable == 32
        assert here.bands.shape == (2, 125, 2, 32)
        strongest = int(np.argmax(here.bands[0, 60, 0]))
        assert here.bands[0, 60, 0, strongest] == pytest.approx(0.0, abs=2.5)
        assert here.bands[1, 60, 0, strongest] == pytest.approx(
            here.bands[0, 60, 0, strongest] - 20.0, abs=0.05
        )
        assert 5 < strongest < 10
        difference = 2 * math.sin(math.pi * 1000.0 / RATE_HZ)
        assert here.fine[0, 60, 0].mean() == pytest.approx(
            20 * math.log10(difference / math.sqrt(2)), abs=0.1
        )
        assert here.fine[0, 60, 1].mean() == pytest.approx(
            20 * math.log10(difference**2 / math.sqrt(2)), abs=0.1
        )
        assert here.side[0, 60].mean() == pytest.approx(
            here.fine[0, 60, 0].mean() + 20 * math.log10(0.9), abs=0.1
        )

    def test_rows_hold_levels_less_their_means(self) -> None:
        here = levels(channels=3, usable=30)
        here.bands[0, 100, 1, 5] = 0.0
        here.bands[1, 100, 0, 4] = -40.0
        here.fine[2, 100, 1, 3] = -10.0
        here.fine[2, 100, 0, 2] = -15.0
        here.side[1, 100, 7] = -60.0
        rows = features_of(here)
        off = 1 / 125
        assert rows[0, 100, 37] == pytest.approx(2.0 - off, abs=1e-4)
        assert rows[1, 100, 4] == pytest.approx(-2.0 + off, abs=1e-4)
        assert rows[0, 100, 64 + 4] == pytest.approx((-2.0 + off) / 2, abs=1e-3)  # the mean of two others
        assert rows[1, 100, 64 + 37] == pytest.approx((2.0 - off) / 2, abs=1e-3)
        assert rows[2, 100, 128 + 11] == pytest.approx(1.0 - 1.0 / 1000, abs=2e-3)
        assert rows[0, 100, 144 + 11] == pytest.approx(0.5, abs=2e-3)
        assert rows[1, 100, 160 + 7] == pytest.approx(-4.0)
        assert rows[2, 100, 168 + 2] == pytest.approx((45.0) * 0.05)
        assert rows[2, 100, 168 + 3] == pytest.approx(2.0)
        assert rows[0, 100, 176 + 5] == pytest.approx((40.0 + 10.0 * off * 2 / 2) * 0.05, abs=1e-2)
        assert np.all(rows[..., 30:32] == 0.0)
        assert np.all(rows[..., 176 + 30 : 176 + 32] == -2.5)
        assert np.all(rows[..., 208] == np.float32(30 / 32))


class TestNetwork:
    def network(self, weights: dict[str, Floats] | None, **settings: object) -> FrameNetwork:
        none = np.zeros((1, 1), np.float32)
        return FrameNetwork((none, none[0]), (), (none, none[0], none, none[0]), weights, dict(settings))

    def test_without_a_second_network_the_peak_counts_less_the_threshold_of_its_kind(self) -> None:
        measures = np.array([[2.0, 9.0], [3.0, 9.0]], np.float32)
        made = self.network(None, thresholds={"noise": 0.5}).weigh(measures, ["noise", "treble"])
        assert made == [1.5, 3.0]
        assert self.network(None).opened == 0.0
        assert self.network(None, opened=-1.5).opened == -1.5

    def test_small_networks_weigh_measures_within_four_deviations_and_their_mean_counts(self) -> None:
        weights = {
            "mean": np.array([1.0, 0.0]),
            "scale": np.array([2.0, 1.0]),
            "inner": np.array([[[0.1], [0.2]], [[0.0], [0.0]]]),
            "inner_bias": np.array([[0.05], [0.0]]),
            "middle": np.array([[[0.7]], [[0.0]]]),
            "middle_bias": np.array([[0.1], [0.0]]),
            "outer": np.array([[[3.0]], [[0.0]]]),
            "bias": np.array([[-0.5], [1.5]]),
        }
        measures = np.array([[3.0, 1.0], [99.0, -99.0]], np.float32)
        made = self.network(weights, thresholds={"noise": 0.25}).weigh(measures, ["noise", "dropout"])
        first, second = (math.tanh(0.7 * math.tanh(x + 0.05) + 0.1) for x in (0.3, 0.4 - 0.8))
        assert made == pytest.approx([(3 * first + 1.0) / 2 - 0.25, (3 * second + 1.0) / 2])


class TestSpans:
    def test_a_stretch_is_as_many_steps_as_it_touches(self) -> None:
        assert _steps(stretch(400, 440)) == (100, 110)
        assert _steps(stretch(403, 441)) == (100, 111)
        assert _steps(stretch(402, 403)) == (100, 101)

    def here(self, fall_db: float, first_band: int = 0, last_band: int = 10) -> Levels:
        made = levels(usable=30)
        made.bands[0, 100:110, :, first_band:last_band] += fall_db
        return made

    @pytest.mark.parametrize(
        ("kind", "fall_db", "shown"),
        [
            ("dropout", -1.1, True),
            ("dropout", -0.9, False),
            ("dropout", 9.0, False),
            ("treble", -1.1, True),
            ("noise", 1.1, True),
            ("noise", 0.9, False),
            ("noise", -9.0, False),
            ("concealed", 0.0, True),
        ],
    )
    def test_its_own_levels_show_the_kind_in_a_third_of_the_bands(
        self, kind: str, fall_db: float, shown: bool
    ) -> None:
        assert _shows(stretch(kind=kind), self.here(fall_db)) == shown

    @pytest.mark.parametrize(("stays_away", "shown"), [(0, True), (6, True), (7, False), (10, False)])
    def test_a_third_of_the_treble_that_falls_comes_back(self, stays_away: int, shown: bool) -> None:
        made = self.here(-20.0)
        made.bands[0, 110:, :, :stays_away] -= 18.0
        assert _shows(stretch(kind="treble"), made) == shown
        assert _shows(stretch(kind="dropout"), made)
        assert share_that_comes_back(made, 0, 100, 110) == pytest.approx(1 - stays_away / 10)
        assert share_that_comes_back(self.here(-5.9), 0, 100, 110) == 1.0  # none falls

    def test_the_words_name_thirds_and_other_channels(self) -> None:
        two = levels(channels=2, usable=30)
        two.bands[0, 100:110, :, :10] = -33.0
        two.bands[0, 100:110, :, 20:30] = -15.0
        two.bands[1, 100:110, :, :30] = -24.0
        assert described(stretch(), two) == (
            "against the 40 ms on both sides bass −13 dB, middle +0 dB, treble +5 dB, all bands of the other "
            "channels −4 dB: the detector's network classes this as a lost level"
        )
        assert "other" not in described(stretch(), self.here(-9.0))

    def test_where_it_lies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A quarter is 96 samples at 48 kHz; 0.5 ms are 24."""
        seen: list[int] = []

        def look(_: Floats, start: int, end: int, rate_hz: int, order: int) -> tuple[int, int]:
            seen.append(order)
            return start + 7, end - 7

        monkeypatch.setattr(learned, "refined", look)
        audio = np.zeros(50_000)
        assert step_samples(RATE_HZ) == 384
        assert _placed(stretch(kind="concealed"), audio, RATE_HZ) == (38_400, 42_240)
        assert seen == []
        assert _placed(stretch(kind="dropout"), audio, RATE_HZ) == (38_383, 42_257)
        assert _placed(stretch(kind="treble"), audio, RATE_HZ) == (38_383, 42_257)
        assert _placed(stretch(kind="noise"), audio, RATE_HZ) == (38_407, 42_233)
        assert seen == [1, 2, 2]
        assert _placed(stretch(0, 10), audio[:900], RATE_HZ) == (0, 900)
        assert _placed(stretch(kind="concealed"), audio[:42_000], RATE_HZ) == (38_400, 42_000)

    def test_a_stand_in_ends_where_damage_is_no_longer_likely(self) -> None:
        odds = np.full(40, -0.5, np.float32)
        assert _likely(stretch(10, 30), odds) == stretch(10, 30)
        odds[[5, 14, 25, 35]] = 0.1
        assert _likely(stretch(10, 30), odds) == stretch(14, 26)

    def test_likely_ones_no_longer_than_asked_become_spans(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told = [(stretch(10, 20), 2.0), (stretch(30, 40, 1, "noise"), -4.5), (stretch(50, 60), -4.7)]
        monkeypatch.setattr(learned, "weighed", lambda *_: told)
        monkeypatch.setattr(learned, "_placed", lambda s, _, __: (s.first * 100, s.last * 100))
        monkeypatch.setattr(learned, "described", lambda s, _: s.kind)
        network = TestNetwork().network(None)
        doubtless = np.zeros((2, 0, 5), np.float32)
        monkeypatch.setattr(learned.FrameNetwork, "scores", lambda *_: doubtless)
        audio = np.zeros((2, 10_000))
        spans = find_weighed(audio, RATE_HZ, 1000, network)
        assert [(s.start, s.end, s.channel, s.kind, s.evidence) for s in spans] == [
            (1000, 2000, 0, "dropout", "dropout"),
            (3000, 4000, 1, "noise", "noise"),
        ]
        assert spans[0].confidence == pytest.approx(1 / (1 + math.exp(-2.0)))
        assert find_weighed(audio, RATE_HZ, 999, network) == []
        assert find_weighed(audio[:, :383], RATE_HZ, 1000, network) == []
        assert len(find_weighed(audio[:, :384], RATE_HZ, 1000, network)) == 2


class TestEdge:
    """Cells of half a millisecond; −20 dB outside and −50 dB inside of cells 100 to 160."""

    def levels(self, inside: float = -50.0) -> NDArray[np.float64]:
        made = np.full(260, -20.0)
        made[100:160] = inside
        return made

    @pytest.mark.parametrize("off", [-13, -5, 0, 7, 19])
    def test_where_the_level_is_back(self, off: int) -> None:
        assert _edge(self.levels(), 100 + off, 60) == 100

    def test_no_further_than_ten_milliseconds(self) -> None:
        assert _edge(self.levels(), 121, 60) == 101

    def test_within_four_decibels_of_the_outer_level_or_four_tenths_of_the_fall(self) -> None:
        for level, inside, back in (
            (-23.9, -50.0, True),
            (-24.1, -50.0, False),
            (-22.3, -26.0, True),
            (-22.5, -26.0, False),
        ):
            made = self.levels(inside)
            made[100:104] = level
            assert _edge(made, 102, 60) == (104 if back else 100), (level, inside)

    def test_a_level_that_rises_inside_has_edges_too(self) -> None:
        assert _edge(self.levels(inside=0.0), 105, 60) == 100

    def test_six_decibels_show_one(self) -> None:
        assert _edge(self.levels(-25.9), 105, 60) == 105
        assert _edge(self.levels(-26.1), 105, 60) == 100

    def test_outer_levels_are_those_of_5_to_24_milliseconds(self) -> None:
        for first, last, counts in ((57, 95, True), (0, 57, False), (95, 99, False)):
            made = self.levels()
            made[first:last] = -48.0
            assert (_edge(made, 105, 60) == 100) != counts, (first, last)
        assert _edge(self.levels()[83:], 17, 60) == 17  # fewer than eight of them
        assert _edge(self.levels()[82:], 18, 60) == 18

    def test_inner_ones_of_2_to_12_milliseconds_and_no_more_than_half(self) -> None:
        made = self.levels()
        made[104:124] = -21.0
        assert _edge(made, 100, 60) == 100.0
        short = np.full(260, -20.0)
        short[100:106] = -50.0
        assert _edge(short, 100, 6) == 100
        assert _edge(short[::-1], 260 - 106, 6) == 260 - 106

    def test_in_samples_with_cells_of_24(self) -> None:
        audio = 0.1 * np.random.default_rng(4).choice([-1.0, 1.0], 48_000)
        audio[24_000:26_400] *= 0.001
        for order in (1, 2):
            start, end = refined(audio, 24_100, 26_300, RATE_HZ, order)
            assert abs(start - 24_000) <= 48
            assert abs(end - 26_400) <= 48
            assert (start - 24_100 // 24 * 24) % 24 == 0
        assert refined(audio[:479], 100, 200, RATE_HZ, 1) == (100, 200)
