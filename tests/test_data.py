"""Music to train on: read in FMA's layout and in folders, split as the paper did, decoded once."""

from __future__ import annotations

import json
import pickle
import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restore_audio.cli.app import main
from restore_audio.data import fma, prepare
from restore_audio.data.cache import Cache, PrepareSettings
from restore_audio.data.library import Library, scan_library
from restore_audio.errors import InputError, OutputError
from restore_audio.measure.material import choose_material, load_excerpt

RATE_HZ = 22_050
NATIVE = PrepareSettings(rate_hz=None, mono=False)
HEADER_ROWS = (
    ",album,album,set,set,track,track",
    ",comments,title,split,subset,bit_rate,genre_top",
    "track_id,,,,,,",
)


def noise(seconds: float, *, seed: int, channels: int = 1, rate_hz: int = RATE_HZ) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(0, 0.1, (round(seconds * rate_hz), channels)), -1, 1)


def write_clip(path: Path, seconds: float, *, seed: int = 0, channels: int = 1) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = noise(seconds, seed=seed, channels=channels)
    soundfile.write(path, samples, RATE_HZ)
    return samples


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Genre folders: five good tracks in two genres."""
    root = tmp_path / "music"
    for number in range(3):
        write_clip(root / "Rock" / f"band {number}.wav", 1.5 + 0.5 * number, seed=number, channels=2)
    write_clip(root / "Jazz" / "album" / "trio.flac", 2, seed=10)
    write_clip(root / "Jazz" / "solo.ogg", 2, seed=11)
    return root


@pytest.fixture
def small_fma(tmp_path: Path) -> Path:
    """FMA's layout with twelve clips; one is empty, one short, one no audio, one without a genre."""
    root = tmp_path / "fma"
    rows = []
    for number in (*range(2, 12), 133297, 99134):
        genre = "Rock" if number < 8 else "Old-Time / Historic"
        genre = "" if number == 11 else genre
        rows.append(f'{number},0,"An album, its title",training,small,320000,{genre}')
        path = root / "fma_small" / f"{number:06d}"[:3] / f"{number:06d}.mp3"
        write_clip(path, 0.3 if number == 7 else 1.5, seed=number)
    (root / "fma_small" / "133" / "133297.mp3").write_bytes(b"")
    (root / "fma_small" / "099" / "099134.mp3").write_bytes(b"<html>not found</html>" * 50)
    (root / "fma_small" / "README.txt").write_text("audio")
    table = root / "fma_metadata" / "tracks.csv"
    table.parent.mkdir()
    table.write_text("\n".join([*HEADER_ROWS, *rows]) + "\n", encoding="utf-8")
    return root


def failing(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 1) -> str:
    """Run the command line, which must fail with one sentence on stderr; the sentence."""
    assert main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    sentence = err.strip().splitlines()[-1]
    assert sentence.startswith("restore-audio: ")
    assert sentence.endswith((".", ".'"))
    assert "Traceback" not in err
    return sentence


class TestLibrary:
    def test_genre_folders_are_read_at_any_depth(self, folders: Path) -> None:
        (folders / "cover.jpg").write_bytes(b"x")
        (folders / "loose.wav").write_bytes(b"x")
        library = scan_library(folders)
        assert Counter(track.genre for track in library.tracks) == {"Rock": 3, "Jazz": 2}
        assert {track.name for track in library.tracks} >= {"Jazz/album/trio.flac", "Rock/band 0.wav"}
        assert library.rejected == ()
        assert not library.is_fma
        assert library.hours * 3600 == pytest.approx(1.5 + 2 + 2.5 + 2 + 2, abs=0.01)

    def test_fma_is_read_with_the_genres_of_its_table(self, small_fma: Path) -> None:
        library = scan_library(small_fma)
        assert library.is_fma
        genres = {fma.track_id(track.path): track.genre for track in library.tracks}
        assert genres == {2: "Rock", 3: "Rock", 4: "Rock", 5: "Rock", 6: "Rock"} | dict.fromkeys(
            (8, 9, 10), "Old-Time / Historic"
        )

    def test_unusable_files_are_listed_with_their_reason(self, small_fma: Path) -> None:
        reasons = {Path(bad.name).stem: bad.reason for bad in scan_library(small_fma).rejected}
        assert reasons.keys() == {"000007", "000011", "099134", "133297"}
        assert reasons["133297"] == "empty"
        assert reasons["000007"].startswith("too short (0.3")
        assert reasons["000011"] == "without a genre"
        assert reasons["099134"].startswith("broken")

    def test_long_descriptions_with_line_breaks_do_not_disturb_the_table(self, small_fma: Path) -> None:
        table = small_fma / "fma_metadata" / "tracks.csv"
        story = '"' + "once, upon a time\n" * 20_000 + '"'
        table.write_text(table.read_text().replace('"An album, its title"', story, 2))
        assert len(scan_library(small_fma).tracks) == 8

    def test_only_the_wanted_genre_is_taken(self, folders: Path) -> None:
        assert {track.genre for track in scan_library(folders, genres=["Jazz"]).tracks} == {"Jazz"}


class TestSplit:
    def medium(self) -> dict[int, str]:
        """As many clips a genre as FMA medium has, numbers interleaved."""
        more = {"Electronic": 6314, "Experimental": 2251, "Rock": 7103, "Hip-Hop": 2201}
        counts = {**fma.TABLE_1, **more}
        labels = [genre for genre, count in counts.items() for _ in range(count)]
        order = np.random.default_rng(1).permutation(len(labels))
        return {int(number) * 3 + 2: labels[place] for place, number in enumerate(order)}

    def test_split_is_the_papers_table_1(self) -> None:
        genres = self.medium()
        split = fma.draw_split(genres)
        assert Counter(split.values()) == {"train": 6400, "validation": 1600, "test": 5583}
        table = Counter((genres[number], part) for number, part in split.items())
        assert [table["Hip-Hop", part] for part in fma.PARTS] == [800, 200, 585]
        assert [table["International", part] for part in fma.PARTS] == [800, 200, 18]
        assert [table["Old-Time / Historic", part] for part in fma.PARTS] == [0, 0, 510]
        assert [table["Easy Listening", part] for part in fma.PARTS] == [0, 0, 21]

    def test_split_depends_on_the_seed_and_not_on_the_order(self) -> None:
        genres = self.medium()
        backwards = dict(reversed(genres.items()))
        assert fma.draw_split(genres, seed=3) == fma.draw_split(backwards, seed=3)
        assert fma.draw_split(genres, seed=3) != fma.draw_split(genres, seed=4)

    def test_split_file_is_given_back(self, tmp_path: Path) -> None:
        split = fma.draw_split(dict.fromkeys(range(1200), "Pop"), seed=5)
        fma.write_split(tmp_path / "new" / "split.json", split, seed=5)
        assert fma.read_split(tmp_path / "new" / "split.json") == split

    def test_stats_writes_the_split_and_later_obeys_it(self, small_fma, tmp_path, capsys):
        def parts(seed: int) -> dict[str, str]:
            arguments = ["data", "stats", "--data", str(small_fma), "--split", str(tmp_path / "s.json")]
            assert main([*arguments, "--json", "--seed", str(seed)]) == 0
            return {track["name"]: track["split"] for track in json.loads(capsys.readouterr().out)["tracks"]}

        first = parts(1)
        assert Counter(first.values()) == {"train": 4, "validation": 1, "test": 3}
        assert all(parts(seed) == first for seed in range(2, 6))

    def test_stats_shows_genres_hours_rates_and_bad_files(self, small_fma, capsys):
        assert main(["data", "stats", "--data", str(small_fma)]) == 0
        out, err = capsys.readouterr()
        assert "8 tracks" in out
        assert str(RATE_HZ) in out
        rock = next(line for line in out.splitlines() if "Rock" in line)
        assert [int(word) for word in rock.split() if word.isdigit()] == [5, RATE_HZ, 4, 1, 0]
        assert "133297.mp3: empty" in err


class TestPrepare:
    def test_native_cache_holds_the_files_very_samples(self, folders: Path, tmp_path: Path) -> None:
        cache, broken = prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        assert broken == ()
        assert len(cache.tracks) == 5
        for track in cache.tracks:
            if track.source.endswith(".ogg"):
                continue
            expected, _ = soundfile.read(folders / track.source, dtype="int16", always_2d=True)
            whole = Cache.open(tmp_path / "cache").samples(track, 0, track.frames)
            assert whole.dtype == np.int16
            assert np.array_equal(whole.reshape(track.channels, -1), expected.T)
            piece = cache.samples(track, 700, 99)
            assert piece.shape == ((2, 99) if track.channels == 2 else (99,))
            assert np.array_equal(piece.reshape(track.channels, -1), expected.T[:, 700:799])
            assert isinstance(piece, np.memmap)

    def test_16_khz_mono_keeps_a_tone_and_drops_what_is_above(self, tmp_path: Path) -> None:
        path = tmp_path / "music" / "Rock" / "tones.wav"
        path.parent.mkdir(parents=True)
        seconds = np.arange(3 * RATE_HZ) / RATE_HZ
        low, high = np.sin(2 * np.pi * 1000 * seconds), np.sin(2 * np.pi * 9500 * seconds)
        soundfile.write(path, np.stack([0.5 * low, 0.25 * low + 0.2 * high], axis=1), RATE_HZ)
        cache, _ = prepare.prepare(scan_library(tmp_path / "music"), tmp_path / "cache", PrepareSettings())
        (track,) = cache.tracks
        assert (track.rate_hz, track.channels) == (16_000, 1)
        assert abs(track.frames - 48_000) <= 2
        middle = cache.samples(track, 8000, 32_000) / 32768
        expected = 0.375 * np.sin(2 * np.pi * 1000 * np.arange(8000, 40_000) / 16_000)
        assert np.abs(middle - expected).max() < 2e-3

    def test_of_long_tracks_the_middle_is_kept(self, tmp_path: Path) -> None:
        samples = write_clip(tmp_path / "music" / "Rock" / "long.wav", 6, seed=1)
        settings = PrepareSettings(rate_hz=None, mono=False, max_seconds=2)
        cache, _ = prepare.prepare(scan_library(tmp_path / "music"), tmp_path / "cache", settings)
        kept = cache.samples(cache.tracks[0], 0, 2 * RATE_HZ) / 32768
        assert cache.tracks[0].frames == 2 * RATE_HZ
        assert np.abs(kept - samples[2 * RATE_HZ : 4 * RATE_HZ, 0]).max() < 2 / 32768

    def test_parts_of_fma_are_kept_in_the_cache(self, small_fma: Path, tmp_path: Path) -> None:
        arguments = ["data", "prepare", "--data", str(small_fma), "--to", str(tmp_path / "cache")]
        assert main([*arguments, "--split", str(tmp_path / "split.json"), "--seed", "4", "--quiet"]) == 0
        split = fma.read_split(tmp_path / "split.json")
        tracks = Cache.open(tmp_path / "cache").tracks
        assert {fma.track_id(Path(track.source)): track.split for track in tracks} == split
        assert Counter(split.values()) == {"train": 4, "validation": 1, "test": 3}

    def test_announced_size_is_the_size_on_disk(self, folders: Path, tmp_path: Path) -> None:
        library = scan_library(folders)
        prepare.prepare(library, tmp_path / "cache", NATIVE)
        taken = sum(path.stat().st_size for path in (tmp_path / "cache").glob("*.i16"))
        assert prepare.needed_bytes(library, NATIVE) == pytest.approx(taken, rel=0.01)

    def test_cache_travels_to_another_process_without_its_samples(self, folders, tmp_path):
        cache, _ = prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        before = cache.samples(cache.tracks[0], 5, 50)
        travelled = pickle.dumps(cache)
        assert len(travelled) < 5000
        assert np.array_equal(pickle.loads(travelled).samples(cache.tracks[0], 5, 50), before)

    def test_stretch_outside_the_track_is_refused(self, folders: Path, tmp_path: Path) -> None:
        cache, _ = prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        with pytest.raises(ValueError, match="not inside"):
            cache.samples(cache.tracks[0], cache.tracks[0].frames - 10, 11)


def assert_same(one: Cache, other: Cache) -> None:
    assert [track.source for track in one.tracks] == [track.source for track in other.tracks]
    for left, right in zip(one.tracks, other.tracks, strict=True):
        assert np.array_equal(one.samples(left, 0, left.frames), other.samples(right, 0, right.frames))


class Decodings:
    """Counts the files that are decoded, and can be told to stop like Ctrl-C before one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.stop_before: int | None = None
        decode = prepare.decode_blocks

        def counted(path: Path, settings: PrepareSettings):
            if self.stop_before == len(self.names):
                raise KeyboardInterrupt
            self.names.append(path.name)
            return decode(path, settings)

        monkeypatch.setattr(prepare, "decode_blocks", counted)


class TestRestart:
    @pytest.fixture
    def library(self, folders: Path) -> Library:
        return scan_library(folders)

    @pytest.mark.parametrize("finished", [0, 1, 3, 4])
    def test_finished_tracks_are_not_decoded_again(self, library, tmp_path, monkeypatch, finished):
        whole, _ = prepare.prepare(library, tmp_path / "whole", NATIVE)
        decodings = Decodings(monkeypatch)
        decodings.stop_before = finished
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(library, tmp_path / "cache", NATIVE)
        with pytest.raises(InputError, match="no finished cache"):
            Cache.open(tmp_path / "cache")
        decodings.stop_before = None
        cache, _ = prepare.prepare(library, tmp_path / "cache", NATIVE)
        assert sorted(decodings.names) == sorted(track.path.name for track in library.tracks)
        assert_same(whole, cache)

    def test_killed_in_the_middle_of_a_track_and_of_a_journal_line(self, library, tmp_path, monkeypatch):
        whole, _ = prepare.prepare(library, tmp_path / "whole", NATIVE)
        decodings = Decodings(monkeypatch)
        decodings.stop_before = 2
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(library, tmp_path / "cache", NATIVE)
        (tmp_path / "cache" / "00002.i16").write_bytes(b"a track that was not noted")
        with (tmp_path / "cache" / "journal.jsonl").open("a") as journal:
            journal.write('{"file": "00002.i16", "fra')
        decodings.stop_before = None
        cache, _ = prepare.prepare(library, tmp_path / "cache", NATIVE)
        assert len(decodings.names) == len(library.tracks)
        assert_same(whole, cache)

    def test_samples_that_never_reached_the_disk_are_decoded_again(self, library, tmp_path, monkeypatch):
        whole, _ = prepare.prepare(library, tmp_path / "whole", NATIVE)
        decodings = Decodings(monkeypatch)
        decodings.stop_before = 3
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(library, tmp_path / "cache", NATIVE)
        last = tmp_path / "cache" / "00002.i16"
        with last.open("r+b") as samples:
            samples.truncate(last.stat().st_size - 10)
        decodings.stop_before = None
        cache, _ = prepare.prepare(library, tmp_path / "cache", NATIVE)
        assert_same(whole, cache)

    def test_new_and_changed_files_are_decoded_and_nothing_else(self, folders, tmp_path, monkeypatch):
        prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        write_clip(folders / "Folk" / "new.wav", 1.2, seed=20)
        write_clip(folders / "Rock" / "band 0.wav", 1.7, seed=21)
        (folders / "Jazz" / "solo.ogg").unlink()
        decodings = Decodings(monkeypatch)
        cache, _ = prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        assert sorted(decodings.names) == ["band 0.wav", "new.wav"]
        fresh, _ = prepare.prepare(scan_library(folders), tmp_path / "fresh", NATIVE)
        assert_same(fresh, cache)

    def test_two_runs_at_once_decode_everything_once(self, library, tmp_path, monkeypatch):
        whole, _ = prepare.prepare(library, tmp_path / "whole", NATIVE)
        decodings = Decodings(monkeypatch)
        with ThreadPoolExecutor(2) as both:
            runs = [both.submit(prepare.prepare, library, tmp_path / "cache", NATIVE) for _ in range(2)]
        assert sorted(decodings.names) == sorted(track.path.name for track in library.tracks)
        for run in runs:
            assert_same(whole, run.result()[0])

    def test_disk_that_fills_up_loses_nothing(self, library, tmp_path, monkeypatch, capsys):
        whole, _ = prepare.prepare(library, tmp_path / "whole", NATIVE)
        decodings = Decodings(monkeypatch)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        arguments = ["data", "prepare", "--data", library.root, "--to", tmp_path / "cache"]
        arguments += ["--rate", "native", "--all-channels"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))  # the kernel refuses what goes beyond
        try:
            sentence = failing(capsys, *arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "could not be written" in sentence
        assert "3 finished tracks are kept" in sentence
        assert main([str(argument) for argument in arguments]) == 0
        names = Counter(decodings.names)
        assert sum(names.values()) == len(library.tracks) + 1  # only the one that did not fit, twice
        assert_same(whole, Cache.open(tmp_path / "cache"))


class TestBadInput:
    def test_no_such_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "is not a folder" in failing(capsys, "data", "stats", "--data", tmp_path / "none")

    def test_empty_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for command in (["stats"], ["prepare", "--to", tmp_path / "cache"]):
            (tmp_path / "empty").mkdir(exist_ok=True)
            assert "is empty" in failing(capsys, "data", *command, "--data", tmp_path / "empty")
        assert not (tmp_path / "cache").exists()

    def test_folder_without_audio(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "docs" / "Rock").mkdir(parents=True)
        (tmp_path / "docs" / "Rock" / "notes.txt").write_text("la la la")
        assert "holds no audio" in failing(capsys, "data", "stats", "--data", tmp_path / "docs")

    def test_folder_with_nothing_readable(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "bad" / "Rock").mkdir(parents=True)
        (tmp_path / "bad" / "Rock" / "song.mp3").write_bytes(b"")
        sentence = failing(capsys, "data", "stats", "--data", tmp_path / "bad")
        assert "None of the 1 audio files" in sentence
        assert "song.mp3 is empty" in sentence

    @pytest.mark.parametrize(
        "table",
        [
            b"",
            b"track_id,genre\n2,Rock\n",
            "\n".join(HEADER_ROWS).encode(),
            "\n".join([*HEADER_ROWS, "two,0,x,training,small,320000,Rock"]).encode(),
            "\n".join([*HEADER_ROWS, "2,0"]).encode(),
            b"\xff\xfe\x00\x00" * 40,
            b"PK\x03\x04 a zip",
        ],
        ids=["empty", "one-header", "no-rows", "no-number", "cut-row", "binary", "zip"],
    )
    def test_unreadable_table(self, small_fma, capsys, table):
        (small_fma / "fma_metadata" / "tracks.csv").write_bytes(table)
        sentence = failing(capsys, "data", "stats", "--data", small_fma)
        assert "tracks.csv" in sentence
        assert "fetch fma-metadata" in sentence

    def test_unknown_genre(self, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
        sentence = failing(capsys, "data", "stats", "--data", folders, "--genre", "Polka")
        assert "has no genre Polka; it has Jazz, Rock" in sentence

    @pytest.mark.parametrize(
        "content", ["", "{}", "[1]", '{"schema": 1, "train": [1], "validation": [1], "test": []}']
    )
    def test_bad_split_file(self, small_fma, tmp_path, capsys, content):
        (tmp_path / "split.json").write_text(content)
        failing(capsys, "data", "stats", "--data", small_fma, "--split", tmp_path / "split.json")
        assert (tmp_path / "split.json").read_text() == content

    def test_split_without_fma(self, folders, tmp_path, capsys):
        failing(capsys, "data", "stats", "--data", folders, "--split", tmp_path / "split.json", code=2)

    @pytest.mark.parametrize("rate", ["fast", "100", "-1", "16000.5", "1e6"])
    def test_impossible_rate(self, folders, tmp_path, capsys, rate):
        failing(capsys, "data", "prepare", "--data", folders, "--to", tmp_path / "c", "--rate", rate, code=2)

    @pytest.mark.parametrize("file", ["index.json", "journal.jsonl"])
    def test_cache_of_another_version(self, folders, tmp_path, capsys, file):
        arguments = ["data", "prepare", "--data", str(folders), "--to", str(tmp_path / "cache"), "--quiet"]
        assert main(arguments) == 0
        path = tmp_path / "cache" / file
        path.write_text(path.read_text().replace('"schema": 2', '"schema": 1'))
        kept = {each.name: each.read_bytes() for each in (tmp_path / "cache").iterdir()}
        assert "another version" in failing(capsys, *arguments)
        assert {each.name: each.read_bytes() for each in (tmp_path / "cache").iterdir()} == kept
        if file == "index.json":
            with pytest.raises(InputError, match="another version"):
                Cache.open(tmp_path / "cache")

    def test_cache_of_other_settings(self, folders, tmp_path, capsys):
        arguments = ["data", "prepare", "--data", str(folders), "--to", str(tmp_path / "cache"), "--quiet"]
        assert main(arguments) == 0
        sentence = failing(capsys, *arguments, "--rate", "native")
        assert "16000 Hz, mono" in sentence

    @pytest.mark.parametrize("damage", ["index", "missing track", "cut track", "no index"])
    def test_damaged_cache(self, folders: Path, tmp_path: Path, damage: str) -> None:
        prepare.prepare(scan_library(folders), tmp_path, NATIVE)
        track = tmp_path / "00000.i16"
        match damage:
            case "index":
                (tmp_path / "index.json").write_text('{"schema": 1, "tra')
            case "missing track":
                track.unlink()
            case "cut track":
                track.write_bytes(track.read_bytes()[:-100])
            case "no index":
                (tmp_path / "index.json").unlink()
        with pytest.raises(InputError, match="prepare"):
            Cache.open(tmp_path)

    def test_too_little_disk_is_refused_before_anything_is_written(self, folders, tmp_path, monkeypatch):
        library = scan_library(folders)
        free = prepare.needed_bytes(library, NATIVE) - 1
        monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: DiskUsage(free))
        with pytest.raises(OutputError, match=r"needs 0\.00 GB"):
            prepare.prepare(library, tmp_path / "cache", NATIVE)
        assert list((tmp_path / "cache").glob("*.i16")) == []

    def test_track_that_breaks_while_decoding_is_listed(self, folders: Path, tmp_path: Path) -> None:
        path = folders / "Jazz" / "album" / "trio.flac"
        content = bytearray(path.read_bytes())
        content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
        path.write_bytes(content)
        cache, broken = prepare.prepare(scan_library(folders), tmp_path / "cache", NATIVE)
        assert [bad.name for bad in broken] == ["Jazz/album/trio.flac"]
        kept = sum(track.channels * track.frames for track in cache.tracks)
        assert sum(path.stat().st_size for path in (tmp_path / "cache").glob("*.i16")) == 2 * kept
        assert len(cache.tracks) == 4
        folders_without = scan_library(folders, genres=["Rock"])
        clean, _ = prepare.prepare(folders_without, tmp_path / "clean", NATIVE)
        for track in clean.tracks:
            same = next(each for each in cache.tracks if each.source == track.source)
            assert np.array_equal(cache.samples(same, 0, same.frames), clean.samples(track, 0, track.frames))


class DiskUsage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_training_and_benchmarks_read_what_fix_reads(tmp_path) -> None:
    """M4A goes through the same door: listed, decoded into a cache, and cut into excerpts."""
    av = pytest.importorskip("av")
    folder = tmp_path / "music" / "Jazz"
    folder.mkdir(parents=True)
    rate_hz = 44_100
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * rate_hz) / rate_hz)).astype(np.float32)
    with av.open(str(folder / "tone.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=rate_hz, layout="mono")
        for first in range(0, tone.size, 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], "fltp", "mono")
            frame.sample_rate, frame.pts = rate_hz, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    library = scan_library(tmp_path / "music")
    assert [track.name for track in library.tracks] == ["Jazz/tone.m4a"]
    cache, broken = prepare.prepare(library, tmp_path / "cache", NATIVE)
    assert not broken
    assert np.abs(np.asarray(cache.samples(cache.tracks[0], rate_hz, rate_hz))).max() > 8_000
    material = choose_material(tmp_path / "music", per_genre=1, seconds=1.0, seed=0)
    samples, _ = load_excerpt(material.excerpts[0])
    assert samples.shape == (1, rate_hz)
    assert np.abs(samples).max() > 0.25
