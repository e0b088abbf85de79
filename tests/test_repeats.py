"""Blocks that were played again: which equal stretches are found, and which of them are damage."""

from __future__ import annotations

import numpy as np
import pytest

from recordings import in_16_bit, music
from restore_audio.detection.detect import detect, detect_blocks
from restore_audio.detection.matches import SHORTEST_SAMPLES, Match, find_matches
from restore_audio.detection.repeats import _sounds, find_repeats
from restore_audio.signal.g711 import conceal_g711
from restore_audio.spans import Span

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """``(T,)``: fourteen seconds in 16 bit."""
    return in_16_bit(music(14.0)[0])


def put(audio: np.ndarray, start: int, length: int, lag: int) -> np.ndarray:
    """A copy in which a block stands again ``lag`` samples later."""
    damaged = audio.copy()
    damaged[start : start + length] = np.resize(audio[start - lag : start - lag + min(lag, length)], length)
    return damaged


def edges(spans: list[Span]) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans if span.confidence >= 0.5]


class TestMatches:
    NOISE = np.random.default_rng(1).integers(-3000, 3000, 60_000) / 32768

    @pytest.mark.parametrize("length", [SHORTEST_SAMPLES, 100, 441, 4096, 9000])
    @pytest.mark.parametrize("lag", [9001, 20_000])
    def test_copies_are_found_to_the_sample(self, length, lag):
        found = find_matches(put(self.NOISE, 30_000, length, lag), 20_000)
        (match,) = found
        assert match.lag == lag
        assert abs(match.start - 30_000) <= 1  # a neighbour may agree by chance
        assert abs(match.end - 30_000 - length) <= 1
        assert match.length == match.end - match.start

    def test_a_block_played_three_times_is_one_match(self):
        assert find_matches(put(self.NOISE, 30_000, 1000, 500), 20_000) == [Match(30_000, 31_000, 500)]

    def test_every_copy_is_found_wherever_it_lies(self):
        for start in range(25_000, 25_200, 7):
            assert len(find_matches(put(self.NOISE, start, SHORTEST_SAMPLES + 16, 5000), 20_000)) == 1

    def test_shorter_nearer_and_older_ones_are_not(self):
        assert find_matches(put(self.NOISE, 30_000, 62, 9000), 20_000) == []
        assert find_matches(put(self.NOISE, 30_000, 500, 20_001), 20_000) == []
        assert find_matches(put(self.NOISE, 30_000, 6 * 40, 40), 20_000) == []
        assert find_matches(self.NOISE, 20_000) == []
        assert find_matches(self.NOISE[: 2 * SHORTEST_SAMPLES - 1], 20_000) == []

    def test_held_values_are_no_copies(self):
        held = np.repeat(self.NOISE[:10_000], 3)
        assert find_matches(put(held, 20_000, 1000, 9000), 20_000) == []

    def test_music_that_repeats_all_the_time_is_left_alone(self):
        rng = np.random.default_rng(2)
        pieces = [self.NOISE[k : k + 80] for k in range(0, 8000, 80)]
        assert find_matches(np.concatenate([pieces[k] for k in rng.integers(0, 100, 4000)]), 88_200) == []


class TestDamage:
    def test_silence_and_blocks_that_begin_or_end_in_held_values_are_no_copies_of_a_sound(self):
        block = np.random.default_rng(6).standard_normal(2000)
        assert _sounds(block, 200)
        assert not _sounds(4e-4 * block, 200)
        for at_end in (False, True):
            for count, expected in ((120, False), (20, True)):
                held = block.copy()
                place = slice(-count, None) if at_end else slice(0, count)
                held[place] = held[place][0]
                assert _sounds(held, 200) == expected
        held = block.copy()
        held[600:1400] = 0.5
        assert not _sounds(held, 200)

    @pytest.mark.parametrize("length", [64, 441, 1024, 4096])
    @pytest.mark.parametrize("lag", [5000, 40_000, 88_200])
    def test_older_content_is_found_to_the_sample(self, song, length, lag):
        damaged = put(song, 120_000, length, lag)
        ((start, end),) = edges(find_repeats(damaged, 0, RATE_HZ))
        assert abs(start - 120_000) <= 2
        assert abs(end - 120_000 - length) <= 2

    @pytest.mark.parametrize(
        ("length", "lag"), [(64, 64), (512, 512), (4096, 4096), (3000, 1000), (700, 100)]
    )
    def test_blocks_played_again_are_found(self, song, length, lag):
        ((start, end),) = edges(find_repeats(put(song, 120_000, length, lag), 3, RATE_HZ))
        assert abs(start - 120_000) <= 2
        assert abs(end - 120_000 - length) <= 2

    def test_the_span_says_what_it_is(self, song):
        (span,) = find_repeats(put(song, 120_000, 512, 44_100), 3, RATE_HZ)
        assert (span.channel, span.kind) == (3, "repeat")
        assert "the same 512 samples as 1000.0 ms before" in span.evidence

    def test_the_past_is_compared_with_but_not_judged(self, song):
        damaged = put(put(song, 120_000, 512, 44_100), 160_000, 512, 60_000)
        spans = find_repeats(damaged[130_000:], 0, RATE_HZ, past=damaged[:130_000])
        assert edges(spans) == [(30_000, 30_512)]

    @pytest.mark.parametrize("block", [1 << 16, 10_000_000])
    @pytest.mark.parametrize("start", [361_000, 361_472, 368_000, 440_000])
    def test_older_content_is_found_across_windows(self, song, block, start):
        damaged = put(song, start, 882, 88_000)[None]
        blocks = [damaged[:, k : k + block] for k in range(0, damaged.shape[1], block)]
        spans = detect_blocks(blocks, RATE_HZ)
        assert [s.kind for s in spans] == ["repeat"]
        assert abs(spans[0].start - start) <= 2

    def test_lost_samples_in_the_past_do_no_harm(self, song):
        damaged = put(song, 440_000, 882, 60_000)
        damaged[300_000:300_100] = np.nan
        kinds = [(s.kind, s.start) for s in detect(damaged[None], RATE_HZ)]
        assert kinds == [("nan", 300_000), ("repeat", 440_000)]


class TestMusicByMachines:
    """It repeats to the bit, and nothing is wrong with it."""

    @staticmethod
    def tick(seed: int, length: int = 6000, decay: float = 900.0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(length) * np.exp(-np.arange(length) / decay)
        return 0.4 * noise / np.abs(noise).max()

    def test_loops(self, song):
        for length in (9_000, 30_000, 80_000):
            assert find_repeats(np.resize(song[50_000 : 50_000 + length], 300_000), 0, RATE_HZ) == []

    def test_long_passages_that_are_pasted_again(self, song):
        assert edges(find_repeats(put(song, 120_000, 4_700, 44_100), 0, RATE_HZ)) == []

    def test_notes_between_digital_silence(self, song):
        audio = np.zeros(200_000)
        for k, start in enumerate(range(1000, 190_000, 9000)):
            audio[start : start + 3000 + 200 * (k % 3)] = song[60_000 : 63_000 + 200 * (k % 3)]
        assert edges(find_repeats(audio, 0, RATE_HZ)) == []

    def test_one_strike_on_a_grid(self):
        audio = np.zeros(300_000)
        for k, start in enumerate(range(0, 290_000, 5000 + 11)):
            audio[start:] = 0.0
            one = self.tick(k % 2)
            audio[start : start + one.size] = one[: audio.size - start]
        assert edges(find_repeats(audio, 0, RATE_HZ)) == []

    def test_a_tone_of_whole_samples(self):
        tone = 0.3 * np.sin(2 * np.pi * np.arange(100_000) / 100)
        audio = np.concatenate([tone, 0.5 * tone, tone])
        assert edges(find_repeats(in_16_bit(audio), 0, RATE_HZ)) == []

    def test_squares_and_coarse_samples(self):
        time = np.arange(300_000)
        square = np.where(time % 200 < 100, 0.2, -0.2) + np.where(time % 147 < 70, 0.1, -0.1)
        assert find_repeats(square, 0, RATE_HZ) == []
        coarse = np.round(music(5.0)[0] * 32) / 128
        assert edges(find_repeats(coarse, 0, RATE_HZ)) == []

    def test_an_unbroken_copy(self, song):
        """What is overlapped and added, or cut where nothing breaks, may be meant."""
        audio = song.copy()
        fade = np.linspace(0.0, 1.0, 2000)
        old, new = slice(50_000, 53_000), slice(120_000, 123_000)
        audio[new] = song[old]
        audio[118_000:120_000] = song[118_000:120_000] * (1 - fade) + song[48_000:50_000] * fade
        audio[123_000:125_000] = song[123_000:125_000] * fade + song[53_000:55_000] * (1 - fade)
        assert edges(find_repeats(audio, 0, RATE_HZ)) == []

    def test_a_sound_that_was_cut_before_as_well(self, song):
        """Both places break alike: it was cut out and pasted, twice."""
        audio = song.copy()
        piece = self.tick(5, 2000, decay=1e9)
        for start in (80_000, 120_000):
            audio[start : start + 2000] = piece
        assert edges(find_repeats(audio, 0, RATE_HZ)) == []

    def test_one_that_only_one_end_breaks(self, song):
        audio = put(song, 120_000, 3000, 40_000)
        fade = np.sin(np.linspace(0.0, np.pi / 2, 4000)) ** 2
        mixed = song[123_000:127_000] * fade + song[83_000:87_000] * (1 - fade)
        audio[123_000:127_000] = in_16_bit(mixed)
        assert edges(find_repeats(audio, 0, RATE_HZ)) == []

    def test_silent_copies(self, song):
        assert find_repeats(put(1e-4 * song, 120_000, 512, 44_100), 0, RATE_HZ) == []

    def test_copies_among_many_that_are_in_order(self, song):
        """One broken block is damage; where others repeat unbroken around it, it is a way to play."""
        damaged = put(song, 120_000, 512, 30_000)
        assert len(edges(find_repeats(damaged, 0, RATE_HZ))) == 1
        fade = np.minimum(np.minimum(np.arange(6000), np.arange(6000)[::-1]) / 1500, 1.0)
        for start in (100_000, 140_000):
            old = song[start - 80_000 : start - 74_000]
            damaged[start : start + 6000] += fade * (old - damaged[start : start + 6000])
        assert edges(find_repeats(damaged, 0, RATE_HZ)) == []


class TestPitchCopies:
    """What G.711 Appendix I plays for lost packets repeats without a break."""

    @pytest.mark.parametrize("lost_ms", [10, 11.6, 20, 40, 80])
    def test_found_from_the_first_blended_sample_to_the_last(self, song, lost_ms):
        damaged = song.copy()
        first, last = conceal_g711(damaged, 120_000, 120_000 + round(lost_ms * RATE_HZ / 1000), RATE_HZ)
        (span,) = find_repeats(in_16_bit(damaged), 2, RATE_HZ)
        assert (span.channel, span.kind) == (2, "concealed")
        assert abs(span.start - first) <= 2
        assert abs(span.end - last) <= RATE_HZ // 1000
        assert "G.711" in span.evidence

    def test_one_that_began_before_the_window_is_cut_at_its_start(self, song):
        """Its first blended samples lie before it, what they repeat begins in it."""
        damaged = song.copy()
        first, _ = conceal_g711(damaged, 120_000, 120_882, RATE_HZ)
        past, here = np.split(in_16_bit(damaged), [first + 20])
        (span,) = find_repeats(here, 0, RATE_HZ, past)
        assert (span.start, span.kind) == (0, "concealed")

    def test_a_packet_played_again_is_a_repeat(self, song):
        (span,) = find_repeats(put(song, 120_000, 441, 441), 0, RATE_HZ)
        assert span.kind == "repeat"

    def test_a_period_that_is_kept_for_another_time_is_none(self, song):
        """Blended like a concealment, but for 13 ms: something else made it."""
        damaged = song.copy()
        conceal_g711(damaged, 120_000, 120_882, RATE_HZ, pitch=300)
        damaged[120_000:120_573] = np.resize(damaged[119_700:120_000], 573)
        assert all(span.kind == "repeat" for span in find_repeats(damaged, 0, RATE_HZ))
