"""The corpus recipe: what is taken out of packages, how, and what the manifest says about it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import resource
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile
from mutagen.oggvorbis import OggVorbis

from restore_audio.data.library import scan_library
from restore_audio.errors import InputError

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))  # the recipe is no part of the package

from corpus import clips  # noqa: E402
from corpus.build import build_corpus, main  # noqa: E402
from corpus.manifest import Manifest, read_manifest  # noqa: E402
from corpus.packages import fetch_package, parse_copyright, stanza_of  # noqa: E402
from corpus.recipe import GENRES, Package, read_recipe  # noqa: E402
from corpus.tracks import licence_fits  # noqa: E402

PACKAGES = read_recipe().values()
RATE_HZ = 8_000
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2004-2010, The Game <game@example.org>
License: GPL-2+

Files: music/cave
  music/hub
Copyright: (c) 2005 Lennaert
License: CC-BY-SA-3.0

License: GPL-2+
 Files: are mentioned here.
"""


def noise(seconds: float, *, seed: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (round(seconds * RATE_HZ), channels))


def write(path: Path, samples: np.ndarray, *, kind: str = "OGG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), samples, RATE_HZ, format=kind)
    return path


def debian(root: Path, name: str, *, version: str = "1.2-3", text: str = "All of it is free.\n") -> Path:
    """The documents of a package; returns the folder of the package."""
    documents = root / name / "usr/share/doc" / name
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(text, encoding="utf-8")
    with gzip.open(documents / "changelog.Debian.gz", "wt") as lines:
        lines.write(f"{name} ({version}) unstable; urgency=medium\n")
    return root / name


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Miniature packages with the files that the recipe names."""
    root = tmp_path_factory.mktemp("packages")
    blobwars = (
        debian(root, "blobwars-data", version="2:2.00-2", text=COPYRIGHT) / "usr/share/games/blobwars/music"
    )
    write(blobwars / "cave", noise(21, seed=1))
    write(blobwars / "title", noise(22, seed=2, channels=2))
    write(blobwars / "quiet", noise(25, seed=3) * 1e-4)
    write(blobwars / "jingle", noise(4, seed=3))
    (blobwars / "broken").write_bytes(b"OggS" + bytes(5000))
    (blobwars / "cave.tags").write_text("artist=nobody")

    nexuiz = debian(root, "nexuiz-music") / "usr/share/games/nexuiz/data"
    track = write(root / "stairs.ogg", noise(23, seed=4))
    tags = OggVorbis(track)
    tags["artist"] = "blkrbt"
    tags.save()
    nexuiz.mkdir(parents=True)
    with zipfile.ZipFile(nexuiz / "music.pk3", "w") as archive:
        archive.write(track, "sound/cdtracks/stairs.ogg")
        archive.writestr("sound/cdtracks/readme.txt", "no music")

    blupi = debian(root, "planetblupi-music-ogg") / "usr/share/planetblupi/music"
    period = noise(62.5, seed=5)
    write(blupi / "music000.ogg", np.concatenate([period, period, period[: RATE_HZ * 20]]))
    write(blupi / "music001.ogg", noise(120, seed=6))

    songs = debian(root, "fretsonfire-songs-muldjord") / "usr/share/games/fretsonfire/data/songs/muldjord"
    write(songs / "chaos" / "song.ogg", noise(20, seed=7))
    write(songs / "chaos" / "guitar.ogg", noise(21, seed=8))

    voices = debian(root, "hedgewars-data") / "usr/share/games/hedgewars/Data/Sounds/voices"
    for number in range(6):
        pause = np.zeros((RATE_HZ, 1))
        spoken = np.concatenate([pause, noise(1.5, seed=10 + number), pause])
        write(voices / "British" / f"clip{number}.ogg", spoken)
    write(voices / "British" / "silence.ogg", np.zeros((RATE_HZ, 1)))
    write(voices / "Robot" / "beep.ogg", noise(0.5, seed=30))

    validation = debian(root, "marsshooter-data") / "usr/share/games/marsshooter/audio/music"
    write(validation / "band.ogg", noise(20.5, seed=40))
    return root


def built(to: Path, unpacked: Path, *packages: str, **more: object) -> Manifest:
    return build_corpus(to, "train", packages=packages, unpacked=unpacked, **more)  # type: ignore[arg-type]


class TestRecipe:
    def test_every_genre_is_one_of_fmas(self) -> None:
        picks = [pick for each in PACKAGES for pick in each.picks]
        assert {pick.genre for pick in picks if pick.how != "leave"} <= set(GENRES)
        assert {pick.how for pick in picks} == {"copy", "join", "loop", "mix", "leave"}

    def test_packages_are_on_one_side_of_the_split_only(self) -> None:
        text = (EXAMPLES / "corpus" / "recipe.toml").read_text(encoding="utf-8")
        assert text.count("[[package]]") == len(PACKAGES)  # a name that comes twice would be lost
        validation = {each.name for each in PACKAGES if each.part == "validation"}
        assert validation == {
            "widelands-data",
            "marsshooter-data",
            "warmux-data",
            "lincity-ng-data",
            "fillets-ng-data-nl",
            "librosa",
        }

    def test_no_pick_is_hidden_by_an_earlier_one(self) -> None:
        for each in PACKAGES:
            for number, pick in enumerate(each.picks):
                for earlier in each.picks[:number]:
                    assert not fnmatch(pick.pattern, earlier.pattern), (each.name, pick.pattern)


class TestTaking:
    def test_originals_are_copied_byte_by_byte_into_genre_folders(self, unpacked, tmp_path):
        manifest = built(tmp_path, unpacked, "blobwars-data")
        assert [entry.file for entry in manifest.entries] == [
            "Electronic/blobwars-data__cave.ogg",
            "Electronic/blobwars-data__title.ogg",
        ]
        source = unpacked / "blobwars-data/usr/share/games/blobwars/music"
        for entry in manifest.entries:
            assert (tmp_path / entry.file).read_bytes() == (source / Path(entry.source).name).read_bytes()

    def test_effects_silence_and_broken_files_are_listed_and_left_out(self, unpacked, tmp_path):
        manifest = built(tmp_path, unpacked, "blobwars-data")
        reasons = {Path(left.source).name: left.reason for left in manifest.skipped}
        assert reasons.keys() == {"quiet", "jingle", "broken"}
        assert reasons["quiet"] == "nearly silent"
        assert reasons["jingle"] == "4.0 s: an effect, not music"
        assert reasons["broken"].startswith("broken")
        assert len(list((tmp_path / "Electronic").iterdir())) == 2

    def test_files_inside_archives_are_found_with_their_tags(self, unpacked: Path, tmp_path: Path) -> None:
        (entry,) = built(tmp_path, unpacked, "nexuiz-music").entries
        assert entry.file == "Electronic/nexuiz-music__stairs.ogg"
        assert entry.source.endswith("music.pk3!sound/cdtracks/stairs.ogg")
        assert (entry.artist, entry.licence) == ("blkrbt", "GPL-2+")
        assert (tmp_path / entry.file).read_bytes() == (unpacked / "stairs.ogg").read_bytes()

    def test_of_an_endless_loop_one_period_is_kept(self, unpacked: Path, tmp_path: Path) -> None:
        manifest = built(tmp_path, unpacked, "planetblupi-music-ogg")
        (entry,) = manifest.entries
        assert entry.file == "Pop/planetblupi-music-ogg__music000.flac"
        assert entry.seconds == 62.5
        loop, _ = soundfile.read(tmp_path / entry.file)
        source, _ = soundfile.read(unpacked / entry.package / entry.source, frames=len(loop))
        assert np.abs(loop - source).max() < 1e-4
        assert [left.reason for left in manifest.skipped] == ["no loop found in it"]

    def test_stems_of_a_piece_are_summed(self, unpacked: Path, tmp_path: Path) -> None:
        (entry,) = built(tmp_path, unpacked, "fretsonfire-songs-muldjord").entries
        assert entry.file == "Rock/fretsonfire-songs-muldjord__chaos.flac"
        folder = unpacked / entry.package / entry.source
        song, guitar = (soundfile.read(folder / f"{name}.ogg")[0] for name in ("song", "guitar"))
        total = guitar.copy()
        total[: len(song)] += song
        mixed, _ = soundfile.read(tmp_path / entry.file)
        assert np.abs(mixed - total / max(1, np.abs(total).max())).max() < 1e-4

    def test_clips_of_one_voice_are_joined_without_their_long_pauses(self, unpacked, tmp_path):
        manifest = built(tmp_path, unpacked, "hedgewars-data")
        (entry,) = manifest.entries
        assert entry.file == "Spoken/hedgewars-data__British.flac"
        assert 6 * 1.5 < entry.seconds < 6 * (1.5 + 0.4)
        reasons = {Path(left.source).name: left.reason for left in manifest.skipped}
        assert reasons["silence.ogg"] == "nearly silent"
        assert reasons["Robot"].endswith("too little of one voice")


class TestManifest:
    def test_manifest_tells_version_licence_and_maker_of_each_file(self, unpacked, tmp_path):
        built(tmp_path, unpacked, "blobwars-data")
        cave, title = read_manifest(tmp_path).entries
        assert (cave.version, cave.licence, cave.artist) == ("2:2.00-2", "CC-BY-SA-3.0", "Lennaert")
        assert (title.licence, title.artist, title.channels) == ("GPL-2+", "The Game", 2)
        assert (cave.seconds, cave.rate_hz, cave.genre) == (21.0, RATE_HZ, "Electronic")
        with (tmp_path / "manifest.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert [row["file"] for row in rows] == [cave.file, title.file]
        assert rows[0]["licence"] == "CC-BY-SA-3.0"

    def test_only_wanted_licences_are_taken(self, unpacked: Path, tmp_path: Path) -> None:
        manifest = built(tmp_path, unpacked, "blobwars-data", "nexuiz-music", licences=["CC-*"])
        assert [entry.licence for entry in manifest.entries] == ["CC-BY-SA-3.0"]
        assert "its licence is GPL-2+" in {left.reason for left in manifest.skipped}

    def test_second_run_adds_to_the_first_and_takes_back_what_is_no_longer_wanted(self, unpacked, tmp_path):
        built(tmp_path, unpacked, "blobwars-data")
        (tmp_path / "Electronic" / "mine.ogg").write_bytes(b"mine")
        manifest = built(tmp_path, unpacked, "nexuiz-music")
        assert {entry.package for entry in manifest.entries} == {"blobwars-data", "nexuiz-music"}
        built(tmp_path, unpacked, "blobwars-data", licences=["CC-*"])
        assert sorted(path.name for path in (tmp_path / "Electronic").iterdir()) == [
            "blobwars-data__cave.ogg",
            "mine.ogg",
            "nexuiz-music__stairs.ogg",
        ]

    def test_corpus_is_a_library_to_train_on(self, unpacked: Path, tmp_path: Path) -> None:
        manifest = built(tmp_path, unpacked, "blobwars-data", "hedgewars-data")
        library = scan_library(tmp_path)
        assert [track.name for track in library.tracks] == sorted(entry.file for entry in manifest.entries)
        assert library.rejected == ()

    @pytest.mark.parametrize(
        "content", ["", "[]", '{"schema": 99, "part": "train", "entries": [], "skipped": []}']
    )
    def test_bad_manifest_is_reported_and_left_alone(self, unpacked, tmp_path, content):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(InputError, match="empty folder"):
            built(tmp_path, unpacked, "blobwars-data")
        assert (tmp_path / "manifest.json").read_text() == content

    @pytest.mark.parametrize("packages", ["nexuiz-music", "fretsonfire-songs-muldjord"])
    def test_full_disk_is_one_sentence_and_leaves_the_corpus_as_it_was(
        self, unpacked, tmp_path, capsys, packages
    ):
        built(tmp_path, unpacked, "blobwars-data")
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        arguments = ["--to", str(tmp_path), "--from", str(unpacked)]
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the kernel refuses what goes beyond
        try:
            code = main([*arguments, "--packages", packages])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        _, err = capsys.readouterr()
        assert code == 1
        assert err.count("could not be written") == err.count("\n") == 1
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        assert main([*arguments, "--packages", packages]) == 0

    def test_stopped_it_goes_on_after_the_last_whole_package(self, unpacked, tmp_path, monkeypatch):
        names = ("nexuiz-music", "blobwars-data")

        def stop(line: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            built(tmp_path, unpacked, *names, report=stop)
        track = tmp_path / "Electronic" / "nexuiz-music__stairs.ogg"
        first = track.stat().st_mtime_ns
        lines: list[str] = []
        manifest = built(tmp_path, unpacked, *names, report=lines.append)
        assert [line.partition(":")[0] for line in lines] == list(names)
        assert lines[0] == "nexuiz-music: is there already"
        assert track.stat().st_mtime_ns == first
        assert {entry.package for entry in manifest.entries} == set(names)
        track.unlink()
        built(tmp_path, unpacked, *names)
        assert track.exists()

    def test_the_two_parts_never_share_a_folder(self, unpacked: Path, tmp_path: Path) -> None:
        built(tmp_path, unpacked, "blobwars-data")
        with pytest.raises(InputError, match="give another folder for validation"):
            build_corpus(tmp_path, "validation", packages=["marsshooter-data"], unpacked=unpacked)


class TestPackages:
    @pytest.fixture
    def archive(self, tmp_path: Path, unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A package archive in which only blobwars-data can be had."""
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "apt-get").write_text(
            "#!/bin/sh\n"
            '[ "$2" = blobwars-data ] || { echo "E: Unable to locate package $2" >&2; exit 100; }\n'
            f'tar -cf "$2_2.00_all.deb" -C "{unpacked}/$2" usr\n'
        )
        (tools / "dpkg-deb").write_text('#!/bin/sh\ntar -xf "$2" -C "$3"\n')
        for tool in tools.iterdir():
            tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
        return tools

    def test_package_that_cannot_be_had_is_listed_and_the_others_go_on(self, archive, tmp_path):
        manifest = build_corpus(tmp_path / "to", "train", packages=["nexuiz-music", "blobwars-data"])
        assert {entry.package for entry in manifest.entries} == {"blobwars-data"}
        assert manifest.entries[0].version == "2:2.00-2"
        (missing,) = [left for left in manifest.skipped if left.package == "nexuiz-music"]
        assert missing.reason == "nexuiz-music was not fetched: E: Unable to locate package nexuiz-music"
        assert sorted(path.name for path in (tmp_path / "to").iterdir()) == [
            "Electronic",
            "manifest.csv",
            "manifest.json",
        ]

    def test_what_is_there_stays_when_its_package_can_no_longer_be_had(self, archive, unpacked, tmp_path):
        to = tmp_path / "to"
        built(to, unpacked, "nexuiz-music")
        manifest = build_corpus(to, "train", packages=["nexuiz-music"], licences=["GPL*"])
        assert [entry.file for entry in manifest.entries] == ["Electronic/nexuiz-music__stairs.ogg"]
        assert (to / manifest.entries[0].file).exists()

    def test_folder_may_be_relative(self, archive, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        manifest = build_corpus(Path("deep/to"), "train", packages=["blobwars-data"])
        assert {entry.package for entry in manifest.entries} == {"blobwars-data"}

    def test_nothing_to_be_had_at_all_is_an_error(self, archive: Path, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="Nothing could be taken"):
            build_corpus(tmp_path / "to", "train", packages=["nexuiz-music"])

    def test_other_systems_are_told_what_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(InputError, match="use Debian or give unpacked packages with --from"):
            build_corpus(tmp_path / "to", "train", packages=["nexuiz-music"])

    @pytest.fixture
    def sdist(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
        """A Python package in an index; its build code would leave a trace."""
        trace = tmp_path / "was-run"
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as tar:
            for name, text in {"setup.py": f"open({str(trace)!r}, 'w')", "data/a.ogg": "music"}.items():
                member = tarfile.TarInfo(f"toy-1.0/{name}")
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        page = '<a href="../../files/toy-0.9.tar.gz#x">toy-0.9.tar.gz</a>'
        page += '<a data-y="" href="../../files/toy-1.0.tar.gz#sha256=0">toy-1.0.tar.gz</a>'
        pages = {"/simple/toy/": page.encode(), "/files/toy-1.0.tar.gz": content.getvalue()}

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path in pages else 404)
                self.end_headers()
                self.wfile.write(pages.get(self.path, b""))

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        sha256 = hashlib.sha256(content.getvalue()).hexdigest()
        yield Package("toy", "train", (), pypi_file="toy-1.0.tar.gz", sha256=sha256)
        server.shutdown()
        server.server_close()
        assert not trace.exists()

    def test_python_archive_is_unpacked_and_never_run(self, sdist: Package, tmp_path: Path) -> None:
        root = fetch_package(sdist, tmp_path / "package")
        files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        assert files == ["toy-1.0/data/a.ogg", "toy-1.0/setup.py"]

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"sha256": "0" * 64}, "has the SHA-256 sum"),
            ({"pypi_file": "toy-2.0.tar.gz"}, "has no toy-2.0.tar.gz"),
            ({"name": "tay"}, "404"),
        ],
    )
    def test_other_python_archive_than_the_recipes_is_refused(self, sdist, tmp_path, change, sentence):
        with pytest.raises(InputError, match=sentence):
            fetch_package(replace(sdist, **change), tmp_path / "package")  # type: ignore[arg-type]
        assert list((tmp_path / "package").iterdir()) == []

    def test_copyright_files_name_files_as_they_lie_in_the_source(self) -> None:
        stanzas = parse_copyright(COPYRIGHT)
        assert len(stanzas) == 2
        cave = stanza_of("usr/share/games/blobwars/music/cave", stanzas)
        other = stanza_of("usr/share/games/blobwars/music/tunnel", stanzas)
        assert cave is not None
        assert other is not None
        assert (cave.licence, cave.holder) == ("CC-BY-SA-3.0", "Lennaert")
        assert (other.licence, other.holder) == ("GPL-2+", "The Game")
        assert parse_copyright("This package was debianized by somebody.\n") == []

    def test_longer_tail_of_folders_wins(self) -> None:
        text = (
            "Format: x\n\nFiles: share/hedgewars/Data/Sounds/*\nLicense: GFDL-1.3\n\n"
            "Files: hedgewars/*\nLicense: GPL-2\n"
        )
        stanza = stanza_of("usr/share/games/hedgewars/Data/Sounds/voices/a.ogg", parse_copyright(text))
        assert stanza is not None
        assert stanza.licence == "GFDL-1.3"

    @pytest.mark.parametrize(
        ("licence", "wanted", "fits"),
        [
            ("CC-BY-3.0", ["CC-BY*"], True),
            ("CC-BY-SA-3.0", ["CC-BY-[0-9]*"], False),
            ("GPL-2+ or CC-BY-SA-3.0", ["CC-*"], True),
            ("GPL-2+ and CC-BY-SA-3.0", ["CC-*"], False),
            ("GPL-2+ and CC-BY-SA-3.0", ["CC-*", "GPL*"], True),
            ("", ["*"], True),
            ("", ["CC-*"], False),
        ],
    )
    def test_licence_filter(self, licence: str, wanted: list[str], fits: bool) -> None:
        assert licence_fits(licence, wanted) is fits


class TestCommand:
    def test_command_builds_the_tree(self, unpacked: Path, tmp_path: Path) -> None:
        command = [sys.executable, EXAMPLES / "corpus", "--to", tmp_path / "v", "--from", unpacked]
        command += ["--part", "validation", "--packages", "marsshooter-data"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "marsshooter-data: 1 tracks" in done.stderr
        assert json.loads((tmp_path / "v" / "manifest.json").read_text())["part"] == "validation"
        assert (tmp_path / "v" / "Rock" / "marsshooter-data__band.ogg").exists()

    @pytest.mark.parametrize(
        ("packages", "sentence"),
        [
            ("doom-music", "There is no recipe for doom-music"),
            ("marsshooter-data", "marsshooter-data is not in the train part"),
        ],
    )
    def test_wrong_package_is_one_sentence(self, unpacked, tmp_path, capsys, packages, sentence):
        arguments = ["--to", str(tmp_path / "t"), "--from", str(unpacked)]
        assert main([*arguments, "--packages", packages]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert sentence in err
        assert err.count("\n") == 1
        assert not (tmp_path / "t").exists()


class TestClips:
    def test_joined_pieces_hold_every_clip_once(self) -> None:
        parts = [np.full((1, 100), value) for value in (0.1, 0.2, 0.3, 0.4, 0.5)]
        pieces = list(clips.join_clips(iter(parts), 1000, seconds=0.2))
        assert [piece.shape[1] for piece in pieces] == [200, 200, 100]

    def test_loop_is_found_to_the_sample_and_noise_has_none(self) -> None:
        rng = np.random.default_rng(3)
        hum = np.hanning(40) / 10  # music has most of its power far below the highest frequency
        period = np.stack([np.convolve(rng.normal(0, 0.1, 21 * 2000 + 46), hum, "valid") for _ in range(2)])
        looped = np.concatenate([period] * 4, axis=1) + rng.normal(0, 0.002, (2, 4 * period.shape[1]))
        other = np.convolve(rng.normal(0, 0.1, 160_000), hum)[None]
        assert clips.loop_period(looped, 2000, shortest_s=15, longest_s=60) == 21 * 2000 + 7
        assert clips.loop_period(other, 2000, shortest_s=15, longest_s=60) is None

    def test_refrain_that_comes_back_is_no_loop(self) -> None:
        rng = np.random.default_rng(4)
        hum = np.hanning(40) / 10
        refrain, verse, bridge = (np.convolve(rng.normal(0, 0.1, 20 * 2000), hum)[None] for _ in range(3))
        song = np.concatenate([refrain, verse, refrain, bridge], axis=1)
        assert clips.loop_period(song, 2000, shortest_s=15, longest_s=60) is None
        period = clips.loop_period(np.concatenate([song, song], axis=1), 2000, shortest_s=15, longest_s=120)
        assert period == song.shape[1]
