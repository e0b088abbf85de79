"""What a decoder makes of packets that need a lost one: found behind zeros where the network is sure."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from recordings import music
from restore_audio.damage.codec_loss import CodecLoss
from restore_audio.damage.families import apply
from restore_audio.detection.detect import detect
from restore_audio.detection.features import step_samples
from restore_audio.detection.frame_network import QUARTERS
from restore_audio.detection.packets import UNDECODED, undecoded

RATE_HZ = 44_100
QUARTER = step_samples(RATE_HZ) // QUARTERS


class TestUndecoded:
    def window(self, zeros: int = 1152) -> tuple[np.ndarray, np.ndarray, int]:
        """Samples with zeros, log odds of health, and the first quarter behind the zeros."""
        samples = music(1.0, channels=2, seed=3)
        end = 200 * QUARTER
        samples[0, end - zeros : end] = 0.0
        return samples, np.full((len(samples), samples.shape[1] // QUARTER), -5.0), 200

    @pytest.mark.parametrize("from_quarter", [0, 10])
    def test_begins_behind_zeros_or_what_was_still_held_and_ends_where_belief_ends(self, from_quarter):
        samples, odds, first = self.window()
        odds[0, first + from_quarter : first + from_quarter + 30] = 4.0
        odds[0, first + from_quarter + 15] = 0.0  # a short doubt
        (span,) = undecoded(samples, odds, RATE_HZ)
        assert (span.channel, span.kind) == (0, "concealed")
        assert span.start == (first + from_quarter) * QUARTER
        assert span.end == (first + from_quarter + 30) * QUARTER
        assert UNDECODED in span.evidence

    @pytest.mark.parametrize(
        ("zeros", "start", "quarters"),
        [
            (1152, 0, 8),  # no longer than what the network says of the gap itself
            (1152, 25, 30),  # too far away
            (1024, 0, 30),  # no packet of MP3
        ],
    )
    def test_other_places_are_not_believed(self, zeros, start, quarters):
        samples, odds, first = self.window(zeros)
        odds[0, first + start : first + start + quarters] = 4.0
        assert list(undecoded(samples, odds, RATE_HZ)) == []

    def test_another_channel_and_weak_belief_say_nothing(self):
        samples, odds, first = self.window()
        odds[0, first : first + 30] = 1.5
        odds[1, first : first + 30] = 4.0
        assert list(undecoded(samples, odds, RATE_HZ)) == []


def test_garbage_of_a_real_decoder_belongs_to_the_gap():
    longer = 0
    for kbps, seed in itertools.product((96, 128), range(8)):
        lost = CodecLoss("mp3", kbps, "muted", (46_580,))
        made = apply(lost, music(2.5, channels=1, seed=seed), RATE_HZ, reference=True)
        (found,) = detect(made.samples, RATE_HZ)
        assert found.end < max(span.end for span in made.spans) + 0.010 * RATE_HZ
        longer += UNDECODED in found.evidence
        healthy = made.clean.copy()
        healthy[0, 46_127:47_279] = 0.0
        assert not any(UNDECODED in span.evidence for span in detect(healthy, RATE_HZ))
    assert longer >= 6
