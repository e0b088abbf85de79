"""What decoders play behind muted packets: found where it is, repaired with what it tells, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from recordings import music, sdr_db
from restore_audio.damage.codec_loss import PACKET_SAMPLES, CodecLoss
from restore_audio.damage.families import apply
from restore_audio.detection.detect import detect
from restore_audio.detection.overlap import overlap_end
from restore_audio.fill.fill import fill_spans
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.fill.methods import METHODS
from restore_audio.fill.overlap import repair
from restore_audio.signal.lapped import BLOCK, HEARD, earlier, later, windows
from restore_audio.spans import Span, merge_spans

RATE_HZ = 44_100


def zeros_in(samples: np.ndarray, near: int) -> tuple[int, int]:
    sounding = np.flatnonzero(samples)
    at = int(np.searchsorted(sounding, near))
    return int(sounding[at - 1]) + 1, int(sounding[at])


class TestDecoders:
    """Packets muted in a melody, decoded by real decoders."""

    def lost(self, codec: str, seed: int = 4):
        place = 40 * PACKET_SAMPLES[codec] + 500
        clean = music(2.5, channels=1, seed=seed)
        return apply(CodecLoss(codec, 192, "muted", (place,)), clean, RATE_HZ, reference=True), place

    @pytest.mark.parametrize("codec", ["mp3", "aac", "vorbis"])
    def test_what_follows_the_zeros_belongs_to_the_damage(self, codec):
        made, place = self.lost(codec)
        (truth,) = merge_spans(made.spans)
        start, end = zeros_in(made.samples[0], place)
        (found,) = detect(made.samples, RATE_HZ)
        assert found.start == start
        assert end + 100 < found.end
        assert truth.end - found.end < (1500 if codec == "mp3" else 100)  # one packet more can need lost bits
        assert "still held of the packet before the loss" in found.evidence

    @pytest.mark.parametrize("codec", ["mp3", "aac", "vorbis"])
    def test_the_true_sound_behind_zeros_is_none_of_it(self, codec):
        made, place = self.lost(codec)
        gap = zeros_in(made.samples[0], place)
        healthy = made.clean[0].copy()
        healthy[slice(*gap)] = 0.0
        assert overlap_end(healthy, gap) == gap[1]
        assert overlap_end(made.samples[0], gap) > gap[1]

    def test_the_repair_gains_by_what_it_knows(self):
        made, place = self.lost("aac")
        start, end = zeros_in(made.samples[0], place)
        gains = []
        for kind in ("zeros", "given"):
            span = Span(start, end + HEARD, 0, kind)
            filled, _ = fill_spans(made.samples, [span], RATE_HZ, method=METHODS["auto"])
            inside = np.s_[0, start : end + HEARD]
            gains.append(sdr_db(made.clean[inside], filled[inside]))
            np.testing.assert_array_equal(filled[0, end + HEARD :], made.samples[0, end + HEARD :])
        assert gains[0] > gains[1] + 0.5
        assert gains[0] > sdr_db(made.clean[inside], made.samples[inside]) + 6


class TestRules:
    def sound(self) -> np.ndarray:
        return music(0.5, seed=9)[0]

    def gone_on(self, zeros: int, at: int = 8000) -> tuple[np.ndarray, tuple[int, int]]:
        """The sound goes on behind so many zeros as if there had been none."""
        sound = self.sound()
        gap = (at, at + zeros)
        return np.concatenate([sound[:at], np.zeros(zeros), sound[at:]]), gap

    @pytest.mark.parametrize(
        ("zeros", "longer"),
        [(1152, 1930), (2304, 1930), (1024, 864), (3072, 864), (576, 128), (1000, 0), (192, 0)],
    )
    def test_the_length_of_the_packets_tells_that_of_the_overlap(self, zeros, longer):
        samples, gap = self.gone_on(zeros)
        assert overlap_end(samples, gap) == gap[1] + longer
        off = (gap[0] - 3, gap[1] - 4)  # the ends were found a little off
        assert overlap_end(samples, off) == (gap[1] + longer if longer else off[1])

    def test_it_must_go_on_from_the_first_sample_on(self):
        samples, gap = self.gone_on(1024)
        jumped = samples.copy()
        jumped[gap[1] :] += 0.05
        assert overlap_end(jumped, gap) == gap[1]

    def test_noise_goes_on_after_anything(self):
        noise = 0.1 * np.random.default_rng(3).standard_normal(20_000)
        noise[8000:9024] = 0.0
        assert overlap_end(noise, (8000, 9024)) == 9024

    @pytest.mark.parametrize("at", [500, 17_000])
    def test_not_at_the_ends_of_a_recording(self, at):
        samples, gap = self.gone_on(1024, at)
        assert overlap_end(samples[: at + 1500], gap) == gap[1]

    def test_what_is_no_run_of_zeros_has_none(self):
        samples, gap = self.gone_on(1024)
        samples[sum(gap) // 2] = 0.01
        assert overlap_end(samples, gap) == gap[1]


@pytest.mark.parametrize("number", range(3))
def test_two_packets_hold_a_block_between_them(number):
    rising = windows()[number]
    np.testing.assert_allclose(rising**2 + rising[::-1] ** 2, 1.0, atol=1e-12)
    block, other = np.random.default_rng(1).standard_normal((2, BLOCK))
    first, second = earlier(block, rising), later(other, rising)
    heard = rising[::-1] * first + rising * second
    np.testing.assert_allclose(earlier(heard, rising), first, atol=1e-12)
    np.testing.assert_allclose(later(heard, rising), second, atol=1e-12)
    np.testing.assert_allclose(
        rising[::-1] * earlier(block, rising) + rising * later(block, rising), block, atol=1e-12
    )


class TestRepair:
    def gap(self, length: int = BLOCK, window: int = 2) -> tuple[Gap, np.ndarray]:
        """A muted packet, and the truth."""
        truth = np.random.default_rng(5).standard_normal(4 * BLOCK + length)
        start, end = BLOCK, BLOCK + length
        rising, heard = windows()[window], truth.copy()
        heard[start:end] = 0.0
        halves = earlier(truth[start : start + BLOCK], rising), later(truth[end : end + BLOCK], rising)
        heard[end : end + BLOCK] = rising[::-1] * halves[0] + rising * halves[1]
        lost = np.zeros((1, heard.size), dtype=bool)
        lost[0, start : end + HEARD] = True
        return Gap(heard[None], lost, 0, start, end + HEARD, 0, heard.size, RATE_HZ, "zeros"), truth

    @pytest.mark.parametrize("window", range(3))
    @pytest.mark.parametrize("length", [BLOCK, 3 * BLOCK])
    def test_a_guess_comes_nearer_and_the_truth_stays(self, length, window):
        gap, truth = self.gap(length, window)
        inside = slice(gap.start, gap.end)
        repaired = repair(gap, Prediction(truth[inside], 1.0))
        assert repaired is not None
        np.testing.assert_allclose(repaired.samples, truth[inside], atol=1e-9)
        guess = truth[inside] + 0.3 * np.random.default_rng(6).standard_normal(gap.length)
        repaired = repair(gap, Prediction(guess, 1.0))
        assert repaired is not None
        assert repaired.expected_error == 0.5
        known = 2 * BLOCK if length > BLOCK else gap.length
        error, before = (np.sum((made - truth[inside]) ** 2) for made in (repaired.samples, guess))
        assert error < before * (1 - 0.4 * known / gap.length)

    def test_other_gaps_are_left_to_the_fill(self):
        gap, truth = self.gap()
        prior = Prediction(truth[gap.start : gap.end], 1.0)
        for place in (gap.start, gap.start + 500):
            other, _ = self.gap()
            other.mine[place] = 0.1
            assert repair(other, prior) is None
        other, _ = self.gap(BLOCK + 64)
        assert repair(other, prior) is None
        other, _ = self.gap()
        other.mine[other.end] = np.nan
        assert repair(other, prior) is None
