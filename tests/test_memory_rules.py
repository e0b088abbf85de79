"""The search through a whole recording, in parts: the copy, what of it is healthy, and the places found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.fill import memory as memory_module
from restore_audio.fill.memory import ArraySource, Memory, _covered, _decimated, _edges, _similarity, _sums
from restore_audio.spans import Span

Samples = NDArray[np.float64]


def noise(size: int, seed: int = 1, level: float = 0.1) -> Samples:
    return level * np.random.default_rng(seed).standard_normal(size)


class TestCopy:
    def test_every_nth_sample_of_the_mean_of_the_channels_below_its_band(self) -> None:
        """At 44.1 kHz every eighth: 600 Hz stays to the sample, 4 kHz, which would come out as 1.5, goes."""
        time = np.arange(44_100) / 44_100
        low, high = np.sin(2 * np.pi * 600.0 * time), np.sin(2 * np.pi * 4000.0 * time)
        (made,) = self.copied(np.array([low, 3.0 * low]), 8)
        assert 0 <= made.size - low[::8].size <= 1
        np.testing.assert_allclose(made[10:5500], 2.0 * low[::8][10:5500], atol=0.01)
        (made,) = self.copied(high[None], 8)
        assert np.abs(made[10:-10]).max() < 0.01

    def copied(self, audio: Samples, factor: int, size: int = 10_000) -> list[Samples]:
        blocks = [audio[:, k : k + size] for k in range(0, audio.shape[1], size)]
        return [np.concatenate(list(_decimated(blocks, factor)))]

    def test_a_factor_of_one_is_the_sound_itself(self) -> None:
        audio = noise(3000)
        (made,) = self.copied(audio[None], 1, 700)
        np.testing.assert_allclose(made[:3000], audio, atol=1e-12)

    def test_what_is_no_number_is_silent(self) -> None:
        audio = noise(3000)
        audio[1000:1010] = [np.nan, np.inf] * 5
        (made,) = self.copied(audio[None], 1)
        np.testing.assert_array_equal(made[1000:1010], 0.0)

    @pytest.mark.parametrize(("rate_hz", "step"), [(5499, 1), (10_999, 1), (11_000, 2), (44_100, 8)])
    def test_its_rate_is_five_and_a_half_kilohertz_or_more(self, rate_hz: int, step: int) -> None:
        assert Memory(ArraySource(np.zeros((1, 9))), rate_hz, 9, []).step == step

    def test_samples_that_the_low_pass_makes_of_damage_are_not_healthy(self) -> None:
        """It reaches eight samples of the copy to either side, 64 of the recording."""
        audio = noise(20_000) + 1.0
        memory = Memory(
            ArraySource(audio[None]), 44_100, audio.size, [Span(8000, 8001, 0), Span(16_000, 16_100, 3)]
        )
        memory._make_copy()
        samples, healthy = memory._read(900, 2300)
        assert (900 + np.flatnonzero(~healthy)).tolist() == [*range(993, 1009), *range(1993, 2021)]
        np.testing.assert_array_equal(samples[~healthy], 0.0)
        assert np.abs(samples[healthy][:1390]).min() > 0.5
        memory.close()


class TestSimilarity:
    def test_sums_of_what_a_mask_leaves(self) -> None:
        values, mask = noise(50), np.array([True, True, False, False, True])
        expected = [values[k : k + 5][mask].sum() for k in range(46)]
        np.testing.assert_allclose(_sums(values, mask), expected)

    def test_one_where_the_template_comes_again_however_loud(self) -> None:
        template, mask = noise(100, 2), np.ones(100, dtype=bool)
        mask[40:60] = False
        template[~mask] = 0.0
        energy = float(template @ template)
        for gain, similar in ((1.0, 1.0), (-1.0, -1.0), (20.0, 1.0), (0.04, 1.0), (0.01, 0.01 / 10**-1.5)):
            audio = np.zeros(400)
            audio[150:250] = gain * template
            audio[190:210] = 1.0  # masked
            found = _similarity(audio, template, mask, energy)
            assert found.size == 301
            assert found[150] == pytest.approx(similar)
            if gain > 0.5:
                assert int(np.argmax(np.abs(found))) == 150


def test_what_spans_cover() -> None:
    edges = _edges([Span(5, 8, 0), Span(20, 22, 0), Span(40, 41, 0)])
    assert np.flatnonzero(_covered(edges, 0, 50)).tolist() == [5, 6, 7, 20, 21, 40]
    assert np.flatnonzero(_covered(edges, 7, 21)).tolist() == [0, 13]
    assert not _covered(edges, 8, 20).any()


class TestPlaces:
    """At 5.5 kHz the copy is the recording; 825 samples on either side of a gap are compared."""

    RATE, SIDE = 5500, 825

    def audio(self, *places: tuple[int, float], size: int = 30_000, gap: int = 15_000) -> Samples:
        """Noise; the surroundings of the gap of 50 samples come again, mixed with so much that is other."""
        made = noise(size, 3)
        around = made[gap - self.SIDE : gap + 50 + self.SIDE]
        for number, (place, other) in enumerate(places):
            mixed = around + other * noise(around.size, 10 + number)
            made[place - self.SIDE : place + 50 + self.SIDE] = mixed
        return made

    def found(self, audio: Samples, *damage: Span, gap: int = 15_000) -> list[int]:
        spans = [Span(gap, gap + 50, 0), *damage]
        memory = Memory(ArraySource(audio[None]), self.RATE, audio.size, spans)
        places = memory.places(gap, gap + 50)
        memory.close()
        return places

    def test_the_most_similar_first(self) -> None:
        assert self.found(self.audio((3000, 1.0), (7000, 0.2), (25_000, 0.5))) == [7000, 25_000, 3000]

    def test_a_correlation_of_three_tenths_is_the_least(self) -> None:
        """Mixed with n times as much other noise, it correlates by 1 / √(1 + n²)."""
        for other, told in ((2.0, True), (5.0, False)):
            assert bool(self.found(self.audio((7000, other)))) == told

    def test_a_place_whose_counterpart_is_damaged_is_none(self) -> None:
        audio = self.audio((7000, 0.1), (25_000, 0.3))
        assert self.found(audio, Span(7020, 7021, 0)) == [25_000]
        assert self.found(audio, Span(7020, 7021, 4)) == [25_000]  # in any channel: the copy is of all
        assert self.found(audio, Span(7100, 7101, 0))[0] == 7000

    @pytest.mark.parametrize(("seconds", "told"), [(1.46, [7000]), (1.45, [])])
    def test_searched_to_both_sides_for_so_long(
        self, monkeypatch: pytest.MonkeyPatch, seconds: float, told: list[int]
    ) -> None:
        monkeypatch.setattr(memory_module, "SEARCH_S", seconds)
        audio = self.audio((7000, 0.1))
        assert self.found(audio) == told
        behind = audio[::-1].copy()
        assert self.found(behind, gap=30_000 - 15_050) == [30_000 - 7050 for _ in told]

    def test_twenty_four_of_them(self) -> None:
        places = [(3000 + 1800 * n, 0.1) for n in range(28)]
        audio = self.audio(*places, size=120_000, gap=100_000)
        found = self.found(audio, gap=100_000)
        assert len(found) == 24
        assert set(found) <= {place for place, _ in places}

    @pytest.mark.parametrize(("known", "told"), [(8, True), (7, False)])
    def test_as_much_must_be_known_as_one_side(self, known: int, told: bool) -> None:
        """Of the 825 samples behind the gap the low-pass spoils eight; so many of those before are known."""
        before = Span(14_000, 14_985 - known, 0)
        assert bool(self.found(self.audio((7000, 0.1)), before)) == told
