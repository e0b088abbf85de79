"""Promises of what looks at the whole recording: the copy that is searched, passages, stretches of files."""

from __future__ import annotations

import dataclasses
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import restore_audio
from recordings import colourful, sdr_db
from restore_audio.audio.audiofile import read_audio
from restore_audio.audio.random_access import RandomAccess
from restore_audio.errors import OutputError
from restore_audio.fill import memory as memory_module
from restore_audio.fill import passages
from restore_audio.fill.ar import predict_gap
from restore_audio.fill.fill import Filling
from restore_audio.fill.gaps import Gap, Prediction, walk_gaps
from restore_audio.fill.memory import ArraySource, Memory
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 16_000


def song(apart: int, gain: float = 1.0) -> Samples:
    """A bar of a second at sample 4000, and again ``apart`` samples later, between noise."""
    audio = colourful(1, apart + 40_000)
    bar = colourful(2, RATE_HZ)
    audio[4000 : 4000 + RATE_HZ] = gain * bar
    audio[4000 + apart : 4000 + apart + RATE_HZ] = bar
    return audio


def damaged_gap(audio: Samples, *gaps: tuple[int, int], channel: int = 0) -> tuple[Gap, Memory]:
    """The first of some gaps in ``(C, T)``, with the memory of it."""
    spans = [Span(start, end, channel) for start, end in gaps]
    broken = np.atleast_2d(audio).copy()
    for span in spans:
        broken[span.channel, span.start : span.end] = np.nan
    memory = Memory(ArraySource(broken), RATE_HZ, broken.shape[1], spans)
    walked = {gap.start: gap for gap in walk_gaps(broken, spans, RATE_HZ, memory=memory)}
    return walked[gaps[0][0]], memory


class TestMemory:
    @pytest.mark.parametrize("apart_s", [2, 100])
    @pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
    def test_it_finds_where_the_surroundings_come_again(self, apart_s: int, rate_hz: int) -> None:
        audio = song(apart_s * RATE_HZ)
        place = 4000 + apart_s * RATE_HZ + 7001
        memory = Memory(ArraySource(audio[None]), rate_hz, audio.size, [Span(place, place + 800, 0)])
        first, *_ = memory.places(place, place + 800)
        assert abs(first - 11_001) <= memory.step
        memory.close()
        assert memory.places(place, place + 800)[0] == first  # a copy is made again if it is wanted again
        assert memory.places(place + 20, place + 800)[0] - first in range(10, 31)
        memory.close()

    def test_what_is_found_does_not_depend_on_the_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Blocks(ArraySource):
            def blocks(self) -> Iterator[Samples]:
                for first in range(0, self._audio.shape[1], 777):
                    yield self._audio[:, first : first + 777]

        audio = song(60_000)[None]
        spans = [Span(70_000, 71_000, 0)]
        whole, pieces = (Memory(kind(audio), RATE_HZ, audio.size, spans) for kind in (ArraySource, Blocks))
        found = whole.places(70_000, 71_000)
        assert found == pieces.places(70_000, 71_000)
        monkeypatch.setattr(memory_module, "_CHUNK", 5000)
        again = Memory(ArraySource(audio), RATE_HZ, audio.size, spans)
        assert again.places(70_000, 71_000) == found

    def test_damage_is_no_place_and_no_part_of_a_template(self) -> None:
        audio = song(100_000)
        place = 111_000
        gap, memory = damaged_gap(audio, (place, place + 800), (11_300, 11_400))
        assert all(abs(found - 11_000) > 1000 for found in memory.places(gap.start, gap.end))
        samples, healthy = memory.stretch(0, 11_290, 11_410)
        assert np.flatnonzero(~healthy).tolist() == list(range(10, 110))
        assert np.all(samples[10:110] == 0.0)
        np.testing.assert_array_equal(samples[:10], audio[11_290:11_300])

    def test_outside_of_the_recording_nothing_is_healthy(self) -> None:
        _, memory = damaged_gap(song(50_000), (20_000, 21_000))
        samples, healthy = memory.stretch(0, -5, 3)
        assert healthy.tolist() == [False] * 5 + [True] * 3
        assert samples[:5].tolist() == [0.0] * 5

    def test_silence_has_no_place(self) -> None:
        gap, memory = damaged_gap(np.zeros(60_000), (30_000, 31_000))
        assert memory.places(gap.start, gap.end) == []

    def test_memory_does_not_grow_with_the_recording(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(memory_module, "_CHUNK", 1 << 14)

        class Long:
            def __init__(self, blocks: int) -> None:
                self.count = blocks

            def blocks(self) -> Iterable[Samples]:
                return (colourful(number, 1 << 14)[None] for number in range(self.count))

            def read(self, first: int, last: int) -> Samples:
                return np.zeros((1, last - first))

            def close(self) -> None: ...

        def peak(blocks: int) -> int:
            memory = Memory(Long(blocks), RATE_HZ, blocks << 14, [Span(30_000, 31_000, 0)])
            tracemalloc.start()
            memory.places(30_000, 31_000)
            highest = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            memory.close()
            return highest

        assert peak(240) < 1.2 * peak(60)

    def test_a_full_disk_is_one_sentence(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(**_: str) -> None:
            raise OSError(28, "No space left on device")

        gap, memory = damaged_gap(song(50_000), (20_000, 21_000))
        monkeypatch.setattr(tempfile, "TemporaryFile", full)
        with pytest.raises(OutputError, match=r"TMPDIR.*--method ar"):
            memory.places(gap.start, gap.end)


class TestPassages:
    def test_a_bar_from_a_minute_ago_is_restored(self) -> None:
        audio = song(60 * RATE_HZ, gain=0.6)
        start = 4000 + 60 * RATE_HZ + 7000
        gap, _ = damaged_gap(audio, (start, start + 1600))
        fill = passages.fill(gap)
        assert fill is not None
        assert sdr_db(audio[start : start + 1600], fill.samples) > 40
        alone = predict_gap(gap.before, gap.after, 1600, rate_hz=RATE_HZ)
        assert sdr_db(audio[start : start + 1600], alone.samples) < 5
        assert fill.expected_error < 0.01 * alone.expected_error

    def test_several_that_each_hold_a_part_make_the_whole(self) -> None:
        """The gap's bar is the sum of two bars that are heard elsewhere, each with something else."""
        one, other = colourful(3, RATE_HZ), colourful(4, RATE_HZ)
        parts = [
            one + 0.5 * other,
            colourful(5, RATE_HZ),
            other + 0.3 * one,
            colourful(6, RATE_HZ),
            one + other,
        ]
        audio = np.concatenate([*parts, colourful(7, RATE_HZ)])
        start = 4 * RATE_HZ + 7000
        gap, _ = damaged_gap(audio, (start, start + 1600))
        fill = passages.fill(gap)
        assert fill is not None
        assert sdr_db(audio[start : start + 1600], fill.samples) > 30
        here = passages.surroundings(gap)
        assert {p.start for p in passages.similar_passages(gap, here)} >= {7000, 2 * RATE_HZ + 7000}

    def test_half_a_sample_off_is_met(self) -> None:
        bar = colourful(8, 2 * RATE_HZ + 2)
        bar = np.convolve(bar, np.hanning(9) / 4, "same")  # little above a quarter of the rate
        spectrum = np.fft.rfft(bar)
        late = np.fft.irfft(spectrum * np.exp(-1j * np.pi * np.arange(spectrum.size) / bar.size), bar.size)
        audio = np.concatenate([bar, colourful(9, RATE_HZ), late])
        start = bar.size + RATE_HZ + 16_000
        gap, _ = damaged_gap(audio, (start, start + 1600))
        fill = passages.fill(gap)
        assert fill is not None
        assert sdr_db(audio[start : start + 1600], fill.samples) > 25

    def test_what_the_passage_lacks_is_continued(self) -> None:
        audio = song(50_000)
        audio[40_000:] += 0.15 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(audio.size - 40_000))
        gap, _ = damaged_gap(audio, (61_000, 62_600))
        fill = passages.fill(gap)
        assert fill is not None
        assert sdr_db(audio[61_000:62_600], fill.samples) > 20

    def test_noise_that_never_returns_has_no_passage(self) -> None:
        gap, _ = damaged_gap(colourful(10, 80_000), (40_000, 41_600))
        assert passages.fill(gap) is None

    def test_a_damaged_repeat_is_not_transplanted(self) -> None:
        gap, _ = damaged_gap(song(50_000), (61_000, 62_600), (11_500, 11_520))
        assert passages.fill(gap) is None

    def test_where_less_than_a_side_is_known_nothing_is_compared(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """150 ms are 2400 samples."""
        for known, asked in ((2400, True), (2399, False)):
            gap, memory = damaged_gap(song(50_000), (61_000, 62_600))
            here = passages.surroundings(gap)
            near = np.zeros(here.near.size, dtype=bool)
            near[np.flatnonzero(here.near)[:known]] = True
            here = dataclasses.replace(here, near=near)
            searched: list[int] = []
            monkeypatch.setattr(memory, "places", lambda start, _, seen=searched: seen.append(start) or [])
            assert passages.similar_passages(gap, here) == []
            assert bool(searched) == asked

    def test_silence_and_what_is_no_number_make_nothing(self) -> None:
        everywhere = np.ones(50, dtype=bool)
        for value in (0.0, np.inf, np.nan):
            samples = np.full(50 + passages.TAPS - 1, value)
            passage = passages.Passage(0, 1.0, samples, everywhere)
            assert passages._filters([passage], np.ones(50), everywhere) is None

    def test_gaps_below_40_ms_are_left_to_ar(self) -> None:
        for length, filled in ((640, True), (639, False)):
            gap, _ = damaged_gap(song(50_000), (61_000, 61_000 + length))
            assert (passages.fill(gap) is not None) == filled

    def test_the_error_of_ar_is_expected_of_the_rest_at_a_margin(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rests: list[tuple[Samples, Samples]] = []

        def predict(before: Samples, after: Samples, gap: int, **_: float) -> Prediction:
            rests.append((before, after))
            return Prediction(np.full(gap, 0.01), 2.0)

        monkeypatch.setattr(passages, "predict_gap", predict)
        audio = song(50_000)
        gap, _ = damaged_gap(audio, (61_000, 62_600), (60_000, 60_010))
        fill = passages.fill(gap)
        assert fill is not None
        assert fill.expected_error == pytest.approx(2.0 * 10**0.2)  # two decibels
        assert sdr_db(audio[61_000:62_600], fill.samples - 0.01) > 30
        ((before, after),) = rests
        assert before.size == after.size == 5952
        assert np.flatnonzero(np.isnan(before)).tolist() == list(range(4952, 4962))
        assert np.max(np.abs(before[-900:])) < 0.02

    def test_a_fill_louder_than_half_again_its_surroundings_is_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gap, _ = damaged_gap(song(50_000), (61_000, 62_600))
        loud = float(1.5 * np.max(np.abs(passages.surroundings(gap).samples)))
        for value, filled in ((0.0, True), (3 * loud, False)):
            made = Prediction(np.full(1600, value), 1.0)
            monkeypatch.setattr(passages, "predict_gap", lambda *_, made=made, **__: made)
            assert (passages.fill(gap) is not None) == filled

    @pytest.mark.parametrize("place", [(0, 900), (15_100, 16_000), (0, 16_000), (900, 15_900), (8000, 8800)])
    @pytest.mark.parametrize("kind", ["loop", "silence", "constant"])
    def test_gaps_anywhere_give_something_finite_or_nothing(self, kind: str, place: tuple[int, int]) -> None:
        loop = {"loop": colourful(8, 4000), "silence": np.zeros(4000), "constant": np.full(4000, 0.5)}[kind]
        gap, _ = damaged_gap(np.tile(loop, 4), place)
        fill = passages.fill(gap)
        assert fill is None or (np.all(np.isfinite(fill.samples)) and fill.samples.size == gap.length)


class TestRecordings:
    """Far passages in arrays and in files, whatever the number of threads."""

    def scene(self) -> tuple[Samples, Samples, list[Span]]:
        clean = np.stack([song(40 * RATE_HZ), 0.8 * song(40 * RATE_HZ)])
        start = 4000 + 40 * RATE_HZ + 7000
        spans = [Span(start, start + 1600, channel) for channel in (0, 1)]
        broken = clean.copy()
        broken[:, start : start + 1600] = 0.0
        return clean, broken, spans

    def test_arrays_and_files_are_filled_alike_from_far_away(self, tmp_path: Path) -> None:
        clean, broken, spans = self.scene()
        soundfile.write(tmp_path / "broken.wav", broken.T, RATE_HZ, subtype="DOUBLE")
        array = restore_audio.restore(broken, RATE_HZ, spans=spans).samples
        restore_audio.restore_file(tmp_path / "broken.wav", tmp_path / "whole.wav", spans=spans)
        file, _ = read_audio(tmp_path / "whole.wav")
        np.testing.assert_array_equal(file, array)
        inside = slice(spans[0].start, spans[0].end)
        assert sdr_db(clean[:, inside], array[:, inside]) > 30

    def test_the_number_of_workers_changes_nothing(self) -> None:
        _, broken, spans = self.scene()
        more = [Span(start, start + 1000, 0) for start in (100_000, 180_000, 300_000)]
        for span in more:
            broken[0, span.start : span.end] = 0.0
        made = []
        for workers in (1, 3):
            source = ArraySource(broken)
            filling = Filling([*spans, *more], RATE_HZ, broken.shape[1], FillSettings(), source=source)
            made.append([patch.samples for patch in filling.patches(source.blocks(), workers=workers)])
        assert len(made[0]) == len(made[1]) == 5
        for one, three in zip(*made, strict=True):
            np.testing.assert_array_equal(one, three)


class TestRandomAccess:
    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
    def test_a_stretch_is_that_of_the_whole(self, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"song.{suffix}"
        soundfile.write(path, song(20_000)[:, None].repeat(2, 1), 44_100)
        whole, _ = read_audio(path)
        sound = RandomAccess(path)
        for first, last in ((50_000, 51_000), (0, 10), (9_000, 20_000), (49_999, 50_001)):
            np.testing.assert_allclose(sound.read(first, last), whole[:, first:last], rtol=1e-3, atol=1e-6)
        assert sound.read(59_990, 70_000).shape == whole[:, 59_990:].shape
        sound.close()

    def test_what_only_pyav_reads_is_decoded(self, tmp_path: Path) -> None:
        av = pytest.importorskip("av")
        path = tmp_path / "song.m4a"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=44_100)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(song(20_000)[None].astype(np.float32), "fltp", "mono")
            frame.rate = 44_100
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        whole, _ = read_audio(path)
        sound = RandomAccess(path)
        for first, last in ((50_000, 51_000), (0, 10)):
            np.testing.assert_allclose(sound.read(first, last), whole[:, first:last], rtol=1e-3, atol=1e-6)
        sound.close()
