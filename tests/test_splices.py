"""Splices: places where samples are missing or come twice, told from clicks, strokes and pulses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, lfilter, sosfilt

from recordings import music
from restore_audio import restore
from restore_audio.detection.detect import detect
from restore_audio.detection.screen import prediction_error
from restore_audio.detection.splices import _doubled, find_splices
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """``(2, T)``: notes and a little hiss, six seconds in 16 bit; the channels differ."""
    rng = np.random.default_rng(8)
    hiss = sosfilt(butter(1, 4000, fs=RATE_HZ, output="sos"), rng.standard_normal((2, 264_600)))
    return (
        np.rint((music(6.0, channels=2, seed=5) + 4e-4 * hiss + 1e-3 * lfilter([1], [1, -0.9], hiss)) * 32768)
        / 32768
    )


def find(audio: np.ndarray) -> list[Span]:
    audio = np.atleast_2d(audio)
    errors = [prediction_error(channel, RATE_HZ) for channel in audio]
    return [span for span in find_splices(audio, errors, RATE_HZ) if span.confidence >= 0.5]


def cut(audio: np.ndarray, place: int, lost: int) -> np.ndarray:
    """``lost`` samples left out at ``place``; so many doubled where it is negative."""
    return np.concatenate([audio[..., :place], audio[..., place + lost :]], axis=-1)


PLACES = (70_000, 100_000, 131_000, 150_000, 190_000)


class TestFound:
    @pytest.mark.parametrize("lost", [10, 40, 441, 2048, -12, -40])
    def test_most_places_are_found_to_the_sample(self, song, lost):
        hits = 0
        for place in PLACES:
            spans = find(cut(song, place, lost))
            assert len(spans) <= 2
            for span in spans:
                assert span.kind == "splice"
                assert abs((span.start + span.end) / 2 - place) <= 1
                assert span.length == 44
            hits += len(spans)
        assert hits >= 6

    def test_one_channel_suffices_where_there_is_no_other(self, song):
        assert sum(len(find(cut(song[0], place, 300))) for place in PLACES) >= 3

    def test_doubled_samples_are_named(self, song):
        words = [s.evidence for place in PLACES for s in find(cut(song, place, -23))]
        assert words
        assert all("23 samples come twice" in text for text in words)
        assert not any("twice" in s.evidence for place in PLACES for s in find(cut(song, place, 23)))

    @pytest.mark.parametrize(("count", "said"), [(4, 0), (5, 5), (6, 6), (63, 63), (64, 64), (65, 0)])
    @pytest.mark.parametrize("off", [-2, -1, 0, 1, 2])
    def test_five_to_sixty_four_samples_are_counted_beside_the_join(self, count, said, off):
        audio = np.random.default_rng(5).standard_normal(2000)
        audio[1000 : 1000 + count] = audio[1000 - count : 1000]
        assert _doubled(audio, 1000 + off) == (said if abs(off) < 2 else 0)

    def test_detect_reports_it_and_fix_smooths_it_within_a_millisecond(self, song):
        damaged = cut(song, 131_000, 500)
        result = restore(damaged, RATE_HZ, fill=FillSettings(method="ar"))
        assert {s.kind for s in result.spans} == {"splice"}
        for span in result.spans:
            around = slice(130_990, 131_010)
            before, after = (
                np.abs(np.diff(audio[span.channel, around], 2)).max() for audio in (damaged, result.samples)
            )
            assert after < 0.6 * before
        outside = np.ones(damaged.shape[1], bool)
        outside[130_978:131_022] = False
        assert np.array_equal(result.samples[:, outside], damaged[:, outside])

    def test_a_gap_has_ends_but_no_splices(self, song):
        damaged = song.copy()
        damaged[:, 131_000:131_500] = 0.0
        assert [s.kind for s in detect(damaged, RATE_HZ)] == ["zeros", "zeros"]


class TestLeftAlone:
    def test_music(self, song):
        assert find(song) == []

    @pytest.mark.parametrize("length", [1, 2, 5, 30])
    def test_clicks(self, song, length):
        rng = np.random.default_rng(length)
        for place in PLACES:
            damaged = song.copy()
            damaged[:, place : place + length] += (
                0.3 * rng.uniform(0.5, 1.0, length) * rng.choice([-1, 1], length)
            )
            assert find(damaged) == []

    def test_a_cut_in_one_channel_alone_counts_less(self, song):
        both = alone = 0
        for place in PLACES:
            damaged = song[:, : 264_600 - 300].copy()
            damaged[0] = cut(song[0], place, 300)
            alone += len(find(damaged))
            both += len(find(cut(song, place, 300)))
        assert alone < both

    def test_strokes(self, song):
        rng = np.random.default_rng(1)
        damaged = song.copy()
        for place in PLACES:
            damaged[:, place : place + 8000] += (
                0.3 * rng.standard_normal(8000) * np.exp(-np.arange(8000) / 1500)
            )
        assert find(damaged) == []

    def test_pulses_of_a_voice(self):
        pulses = np.zeros(5 * RATE_HZ)
        pulses[::390] = 1.0
        for hz, radius in ((600, 0.98), (1500, 0.97), (2800, 0.96)):
            pulses = lfilter([1.0], [1.0, -2 * radius * np.cos(2 * np.pi * hz / RATE_HZ), radius**2], pulses)
        audio = 0.3 * pulses / np.abs(pulses).max() + 1e-4 * np.random.default_rng(0).standard_normal(
            pulses.size
        )
        assert find(audio) == []

    def test_a_stop_and_a_start(self, song):
        """The level changes: a sound begins or ends."""
        damaged = song.copy()
        damaged[:, 100_000:] *= 0.1
        assert find(damaged) == []
        assert find(damaged[:, ::-1].copy()) == []

    def test_silence(self, song):
        assert find(cut(5e-4 * song, 131_000, 300)) == []

    def test_many_cuts_in_a_row_are_part_of_the_music(self, song):
        """Stuttered passages are cut every few hundredths of a second: most are left as they are."""
        pieces = [song[:, k : k + 1500] for k in np.random.default_rng(4).integers(0, 250_000, 120)]
        assert len(find(np.concatenate(pieces, axis=1))) < 0.25 * 2 * 119

    @pytest.mark.parametrize("length", [0, 100, 2000, 20_000])
    def test_short_recordings(self, length):
        find(0.1 * np.random.default_rng(0).standard_normal((2, length)))
