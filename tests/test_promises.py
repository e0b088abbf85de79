"""What the project promises, each on files as people have them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from recordings import holes, load, music, save
from restore_audio import pipeline, restore, restore_file
from restore_audio.audio.audiofile import BLOCK_FRAMES
from restore_audio.measure.metrics import sdr_db
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

AR = FillSettings(method="ar")
PLACES = [(15_000, 44), (30_000, 400), (50_000, 1_200)]

LOSSLESS = [
    ("WAV", ".wav", "PCM_U8"),
    ("WAV", ".wav", "PCM_16"),
    ("WAV", ".wav", "PCM_24"),
    ("WAV", ".wav", "PCM_32"),
    ("WAV", ".wav", "FLOAT"),
    ("WAV", ".wav", "DOUBLE"),
    ("AIFF", ".aiff", "PCM_24"),
    ("CAF", ".caf", "PCM_16"),
    ("W64", ".w64", "PCM_16"),
    ("RF64", ".wav", "PCM_24"),
    ("FLAC", ".flac", "PCM_16"),
    ("FLAC", ".flac", "PCM_24"),
]
LOSSY = [("OGG", ".ogg", "VORBIS"), ("OGG", ".opus", "OPUS"), ("MP3", ".mp3", "MPEG_LAYER_III")]


def write(path, audio, rate_hz, container, subtype):
    soundfile.write(path, audio.T, rate_hz, format=container, subtype=subtype)
    return path


def outside(shape, spans):
    mask = np.ones(shape, dtype=bool)
    for span in spans:
        mask[span.channel, span.start : span.end] = False
    return mask


class TestHealthySamplesAreUntouched:
    @pytest.mark.parametrize(("container", "suffix", "subtype"), LOSSLESS)
    def test_outside_the_spans_every_bit_stays(self, container, suffix, subtype, tmp_path):
        damaged = holes(music(1.6, channels=2), PLACES)
        source = write(tmp_path / f"a{suffix}", damaged, 44_100, container, subtype)
        target = tmp_path / f"b{suffix}"
        report = restore_file(source, target, fill=AR, spans=known(2))
        kind = "int32" if subtype.startswith("PCM") else "float64"
        before, after = load(source, kind), load(target, kind)
        mask = outside(before.shape, report.spans)
        assert np.array_equal(before[mask], after[mask])
        for span in report.spans:
            assert span.filled
            inside = slice(span.start, span.end)
            assert np.mean(before[span.channel, inside] != after[span.channel, inside]) > 0.9

    @pytest.mark.parametrize(("container", "suffix", "subtype"), LOSSLESS + LOSSY)
    def test_a_clean_recording_comes_out_byte_for_byte(self, container, suffix, subtype, tmp_path):
        source = write(tmp_path / f"a{suffix}", music(1.5, 48_000), 48_000, container, subtype)
        report = restore_file(source, tmp_path / f"b{suffix}")
        assert report.spans == ()
        assert report.identical
        assert (tmp_path / f"b{suffix}").read_bytes() == source.read_bytes()

    @given(
        places=st.lists(st.tuples(st.integers(0, 15_000), st.integers(1, 900)), min_size=1, max_size=5),
        channel=st.sampled_from([None, 0, 1]),
    )
    @settings(max_examples=15, deadline=None)
    def test_wherever_the_holes_are(self, places, channel):
        damaged = holes(MUSIC, places, channel)
        result = restore(damaged, 16_000, fill=AR)
        mask = outside(damaged.shape, [s for s in result.spans if s.filled])
        assert np.array_equal(result.samples[mask], damaged[mask])
        assert np.isfinite(result.samples).all()

    def test_the_array_given_is_not_written_to(self):
        damaged = holes(MUSIC, [(5_000, 200)])
        before = damaged.copy()
        damaged.flags.writeable = False
        result = restore(damaged, 16_000, fill=AR)
        assert np.array_equal(damaged, before)
        assert not np.array_equal(result.samples, before)


MUSIC = music(1.0, 16_000, channels=2)


def known(channels, places=PLACES):
    return [Span(s, s + n, c) for s, n in places for c in range(channels)]


class TestWhatWasRemovedCanBePutBack:
    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
    def test_removed_plus_output_is_the_input(self, subtype, tmp_path):
        audio = music(1.6, channels=2)
        rng = np.random.default_rng(5)
        for start, length in PLACES:  # full-scale noise: the largest differences that there can be
            audio[:, start : start + length] = rng.choice([-1.0, 1.0], (2, length)) * rng.uniform(
                0.5, 1, length
            )
        source = save(tmp_path / "a.wav", np.clip(audio, -1, 1 - 2**-23), subtype=subtype)
        target, removed = tmp_path / "b.wav", tmp_path / "removed.wav"
        report = restore_file(source, target, fill=AR, spans=known(2), removed=removed)
        before, after, difference = load(source), load(target), load(removed)
        assert np.array_equal(difference + after, before)
        assert not difference[outside(before.shape, report.spans)].any()
        assert np.abs(difference).max() > 0.5

    @pytest.mark.parametrize("samples", [4_001, BLOCK_FRAMES + 1, 2 * BLOCK_FRAMES - 1])
    def test_where_a_coding_ends_with_a_sample_more_the_sum_is_the_input(self, samples, tmp_path):
        source = tmp_path / "a.voc"  # libsndfile reads a byte of padding as a sample
        soundfile.write(source, music(9.0, 16_000)[0, :samples], 16_000, format="VOC", subtype="ULAW")
        before = load(source)
        target, removed = tmp_path / "b.voc", tmp_path / "removed.wav"
        restore_file(source, target, fill=AR, spans=[Span(1_000, 1_050, 0)], removed=removed)
        length = before.shape[1]
        assert load(removed).shape == before.shape
        assert np.array_equal(load(target)[:, :length] + load(removed), before)

    def test_of_a_clean_recording_nothing_was_removed(self, tmp_path):
        source = save(tmp_path / "a.wav", music(1.0))
        restore_file(source, tmp_path / "b.wav", removed=tmp_path / "r.wav")
        assert not load(tmp_path / "r.wav").any()


class TestSameShape:
    @pytest.mark.parametrize(("container", "suffix", "subtype"), LOSSLESS + LOSSY)
    def test_length_rate_channels_and_coding_stay(self, container, suffix, subtype, tmp_path):
        channels = 2 if subtype in ("MPEG_LAYER_III", "OPUS") else 3
        source = write(tmp_path / f"a{suffix}", music(1.2, 48_000, channels), 48_000, container, subtype)
        restore_file(source, tmp_path / f"b{suffix}", fill=AR, spans=[Span(20_000, 20_500, 1)])
        before, after = soundfile.info(source), soundfile.info(tmp_path / f"b{suffix}")
        for name in ("samplerate", "channels", "frames", "format", "subtype"):
            assert getattr(before, name) == getattr(after, name), name

    @pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 96_000, 192_000])
    def test_any_sample_rate_is_restored_at_its_own(self, rate_hz, tmp_path):
        places = [(round(0.5 * rate_hz), round(0.008 * rate_hz))]
        clean = music(1.2, rate_hz)
        source = save(tmp_path / "a.wav", holes(clean, places), rate_hz, "PCM_24")
        report = restore_file(source, tmp_path / "b.wav", fill=AR)
        assert [s.kind for s in report.spans] == ["zeros"]
        assert report.rate_hz == rate_hz
        assert sdr_db(clean, load(tmp_path / "b.wav"), list(report.spans)) > 10

    def test_tags_and_chunks_stay(self, tmp_path):
        from mutagen.flac import FLAC

        flac = write(tmp_path / "a.flac", holes(music(1.0), [(20_000, 300)]), 44_100, "FLAC", "PCM_16")
        tags = FLAC(flac)
        tags["title"], tags["artist"] = "Žluť", ["One", "Two"]
        tags.save()
        restore_file(flac, tmp_path / "b.flac", fill=AR)
        assert FLAC(tmp_path / "b.flac")["title"] == ["Žluť"]
        assert FLAC(tmp_path / "b.flac")["artist"] == ["One", "Two"]
        wav = save(tmp_path / "a.wav", holes(music(1.0), [(20_000, 300)]))
        raw = wav.read_bytes()
        chunk = b"bext" + (602).to_bytes(4, "little") + b"Tape 7".ljust(602, b"\0")
        raw = raw[:4] + (len(raw) - 8 + len(chunk)).to_bytes(4, "little") + raw[8:] + chunk
        wav.write_bytes(raw)
        restore_file(wav, tmp_path / "b.wav", fill=AR)
        assert (tmp_path / "b.wav").read_bytes().endswith(chunk)
        assert load(tmp_path / "b.wav")[0, 20_000:20_300].any()


class TestNobodySaysWhereTheGapsAre:
    def test_holes_are_found_and_filled_with_what_was_there(self, tmp_path):
        clean = music(3.0, channels=2)
        places = [(20_000, 60), (45_000, 441), (70_000, 882), (100_000, 2_205)]
        source = save(tmp_path / "a.wav", holes(clean, places), subtype="FLOAT")
        report = restore_file(source, tmp_path / "b.wav", fill=AR)
        assert len(report.spans) == 2 * len(places)
        for place in places:
            mine = [s for s in report.spans if abs(s.start - place[0]) < 45 and abs(s.length - place[1]) < 90]
            assert len(mine) == 2
        filled = load(tmp_path / "b.wav")
        truth = known(2, places)
        assert sdr_db(clean, load(source), truth) == pytest.approx(0, abs=0.01)
        assert sdr_db(clean, filled, truth[:4]) > 20
        assert sdr_db(clean, filled, truth) > 8


class TestAnyLength:
    def test_blocks_and_windows_leave_no_trace(self, tmp_path, monkeypatch):
        damaged = holes(music(6.0, 22_050), [(s, 120) for s in range(8_000, 125_000, 13_000)])
        source = save(tmp_path / "a.wav", damaged, 22_050, "FLOAT")
        whole = restore(load(source), 22_050, fill=AR)
        for number, block in enumerate((1_000, 33_333, 1 << 16)):
            monkeypatch.setattr(pipeline, "BLOCK_FRAMES", block)
            report = restore_file(source, tmp_path / f"{number}.wav", fill=AR)
            assert list(report.spans) == whole.spans
            assert np.array_equal(load(tmp_path / f"{number}.wav"), np.float32(whole.samples))

    def test_memory_does_not_grow_with_the_recording(self, tmp_path):
        """Fifteen minutes (58 MB of samples in memory) take hardly more than ten seconds."""
        code = (
            "import resource, sys\nfrom restore_audio import restore_file\n"
            "from restore_audio.settings import FillSettings\n"
            "report = restore_file(*sys.argv[1:], fill=FillSettings(method='network'))\n"
            "print(len(report.spans), report.device, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        # Silent at both ends: music that is cut and goes on elsewhere is a splice, which would be found.
        fade = np.minimum(np.arange(80_000), np.arange(80_000)[::-1]) / 4_000
        piece = music(10.0, 8_000) * np.clip(fade, 0, 1)
        peaks = []
        for seconds in (10, 900):
            source = tmp_path / f"{seconds}.wav"
            with soundfile.SoundFile(source, "w", 8_000, 1, "PCM_16") as file:
                for number in range(seconds // 10):
                    file.write(holes(piece, [(40_000 + number, 400)] if number % 30 == 0 else [])[0])
            target = str(tmp_path / f"out{seconds}.wav")
            words = [sys.executable, "-c", code, str(source), target]
            found, device, peak = subprocess.run(words, capture_output=True, check=True).stdout.split()
            assert int(found) == -(-seconds // 300)
            assert device != b"None"
            peaks.append(int(peak) / 1024)
        assert peaks[1] - peaks[0] < 30


class TestWorksOffline:
    def test_no_connection_is_tried(self, tmp_path):
        code = (
            "import socket, sys\n"
            "def refuse(*a, **k): raise SystemExit('a connection was tried')\n"
            "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
            "from restore_audio.cli import main\n"
            "for method in ('ar', 'network', 'paper'):\n"
            "    words = ['fix', sys.argv[1], '-o', f'{sys.argv[2]}{method}.wav', '--method', method, '-v']\n"
            "    if main(words): sys.exit(1)\n"
        )
        source = save(tmp_path / "a.wav", holes(music(0.8), [(10_000, 2_600)]))
        words = [sys.executable, "-c", code, str(source), str(tmp_path / "out-")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert len(list(tmp_path.glob("out-*.wav"))) == 3
        assert done.stderr.count("no gap needed the network") == 1
