"""Short mutes with ramps are found to the sample, and onsets and plain zeros are none."""

from __future__ import annotations

import numpy as np
import pytest

from recordings import in_16_bit, music
from restore_audio.detection.detect import detect
from restore_audio.detection.fades import find_fades
from restore_audio.detection.screen import prediction_error

RATE_HZ = 44_100
PLACE = 90_000


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """``(T,)``: six seconds in 16 bit, with some breath."""
    breath = 2e-3 * np.random.default_rng(2).standard_normal(6 * RATE_HZ)
    return in_16_bit(music(6.0, RATE_HZ)[0] + breath)


def muted(audio: np.ndarray, zeros: int, fall: int, rise: int) -> np.ndarray:
    """A copy that falls to ``zeros`` samples of silence at :data:`PLACE`, and rises behind them."""
    damaged = audio.copy()
    gain = np.concatenate(
        [np.arange(fall, 0, -1) / (fall + 1), np.zeros(zeros), np.arange(1, rise + 1) / (rise + 1)]
    )
    damaged[PLACE - fall : PLACE + zeros + rise] *= gain
    return in_16_bit(damaged)


def found(audio: np.ndarray) -> list[tuple[int, int]]:
    spans = find_fades(audio, prediction_error(audio, RATE_HZ), 1, RATE_HZ)
    assert all((s.kind, s.channel) == ("zeros", 1) for s in spans)
    return [(s.start, s.end) for s in spans if s.confidence >= 0.5]


@pytest.mark.parametrize(("zeros", "ramp"), [(1, 6), (1, 20), (3, 12), (9, 30)])
def test_a_mute_of_a_few_samples_is_found_with_its_ramps(song, zeros, ramp):
    ((start, end),) = found(muted(song, zeros, ramp, ramp))
    barely = 2 + ramp // 5  # the first and last samples are hardly faded
    assert abs(start - (PLACE - ramp)) <= barely
    assert abs(end - (PLACE + zeros + ramp)) <= barely


def test_detect_reports_it(song):
    (span,) = detect(muted(song, 1, 12, 12)[None], RATE_HZ)
    assert span.kind == "zeros"
    assert "as players mute" in span.evidence


def test_music_passes_zero_without_a_mute(song):
    assert np.count_nonzero(song == 0.0) > 20
    assert found(song) == []


def test_a_sound_that_begins_or_ends_at_zero_has_one_ramp_only(song):
    assert found(muted(song, 2, 0, 20)) == []
    assert found(muted(song, 2, 20, 0)) == []
    assert found(muted(song, 2, 4, 24)) == []


def test_where_zeros_are_common_they_prove_nothing(song):
    damaged = muted(song, 1, 12, 12)
    damaged[PLACE - 4_000 : PLACE - 100 : 40] = 0.0
    assert found(damaged) == []
