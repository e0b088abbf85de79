"""Archives: each recording once, whatever happens; originals untouched; tables and summary that are true."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import re
import shutil
import struct
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile

from recordings import holes, load, music, save
from restore_audio.archive import manifest, work
from restore_audio.archive.manifest import Entry, scan
from restore_audio.archive.page import page
from restore_audio.archive.rows import FAILED, RESTORED, UNCHANGED, Row, collect, columns
from restore_audio.archive.work import ArchiveSettings
from restore_audio.audio.history import add_history
from restore_audio.cli import main
from restore_audio.settings import DetectSettings, FillSettings

RATE_HZ = 8_000


def collection(folder: Path, count: int = 3) -> Path:
    """Short recordings in two folders, all but the first with holes."""
    for number in range(count):
        audio = music(1.0, RATE_HZ, seed=number)
        place = folder / ("a" if number % 2 else "b c") / f"{number}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        save(place, holes(audio, [(2_000, 40), (5_000, 60)]) if number else audio, RATE_HZ)
    return folder


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of change of all files."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths
    }


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def results(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        name: state for name, state in state_of(folder).items() if name.startswith(("recordings", "reports"))
    }


def settings_for(folder: Path, **more: object) -> ArchiveSettings:
    fill = FillSettings(method="ar")
    return ArchiveSettings(folder, DetectSettings(), fill, loudness=False, **more)  # type: ignore[arg-type]


def scanned(source: Path, folder: Path) -> list[Entry]:
    folder.mkdir(exist_ok=True)
    files = sorted(path for path in source.rglob("*.wav"))
    return scan([(path, path.relative_to(source).as_posix()) for path in files], folder)


def ignore(share: float) -> None:
    """Progress that is not shown."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    collection(root / "in")
    (root / "in" / "bad.wav").write_bytes(b"RIFF, and then nothing")
    before = state_of(root / "in")
    words = ["archive", str(root / "in"), "--to", str(root / "out"), "--method", "ar", "-q"]
    words += ["--checksums", "--bwf-history", "-j", "1"]
    code = main(words)
    return root, words, before, code


class TestCommand:
    def test_the_tree_is_mirrored_and_originals_stay(self, made):
        root, _, before, code = made
        assert code == 1  # one of them is no recording
        assert state_of(root / "in") == before
        names = {
            path.relative_to(root / "out" / "recordings").as_posix()
            for path in (root / "out" / "recordings").rglob("*.wav")
        }
        assert names == {"a/1.wav", "b c/0.wav", "b c/2.wav"}
        assert (root / "out/recordings/b c/0.wav").read_bytes() == (root / "in/b c/0.wav").read_bytes()

    def test_the_table_tells_what_became_of_each(self, made):
        root, *_ = made
        rows = {row["place"]: row for row in table(root / "out")}
        states = {place: row["state"] for place, row in rows.items()}
        assert states == {
            "bad.wav": "failed",
            "a/1.wav": "restored",
            "b c/0.wav": "unchanged",
            "b c/2.wav": "restored",
        }
        row = rows["a/1.wav"]
        assert int(row["spans_zeros"]) == int(row["filled"]) == 2
        assert float(row["repaired_s"]) == pytest.approx(100 / RATE_HZ, abs=0.002)
        assert float(row["worst_s"]) == pytest.approx(60 / RATE_HZ, abs=0.001)
        assert float(row["worst_start_s"]) == pytest.approx(5_000 / RATE_HZ, abs=0.001)
        assert float(row["lufs_before"]) < 0
        assert float(row["lufs_after"]) < 0
        for key, file in (
            ("sha256_source", root / "in/a/1.wav"),
            ("sha256_target", root / "out/recordings/a/1.wav"),
        ):
            assert row[key] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert "is not audio" in rows["bad.wav"]["error"]

    def test_parquet_holds_the_same(self, made):
        parquet = pytest.importorskip("pyarrow.parquet")
        root, *_ = made
        for name, names in (
            ("table", list(columns())),
            ("manifest", [f.name for f in dataclasses.fields(Entry)]),
        ):
            whole = parquet.read_table(root / "out" / f"{name}.parquet")
            assert whole.column_names == names
            with (root / "out" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
                lines = list(csv.DictReader(file))
            told = [{k: "" if v is None else str(v) for k, v in row.items()} for row in whole.to_pylist()]
            assert told == lines

    def test_sums_are_as_sha256sum_checks_them(self, made):
        root, *_ = made
        for path in (root / "out" / "recordings").rglob("*.wav"):
            digest, name = path.with_name(path.name + ".sha256").read_text().split("  ")
            assert name == path.name + "\n"
            assert digest == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_the_summary_ranks_by_damage_and_needs_nothing_else(self, made):
        root, *_ = made
        text = (root / "out" / "summary.html").read_text(encoding="utf-8")
        assert not re.search(r"https?://|<script|<link(?! rel=\"icon\" href=\"data:)|src=", text)
        links = [unquote(link) for link in re.findall(r'<a href="([^"]+)"', text)]
        assert "reports/b c/2.wav.json" in links
        assert all((root / "out" / link).is_file() for link in links)
        assert "<svg" in text
        ranking = text[text.index("the worst first") :]
        assert ranking.index("b c/0.wav") > max(ranking.index("a/1.wav"), ranking.index("b c/2.wav"))

    def test_a_second_run_changes_nothing(self, made, capfd):
        root, words, before, _ = made
        done = results(root / "out")
        assert main([word for word in words if word != "-q"]) == 1
        assert "3 were done before" in capfd.readouterr().err
        assert results(root / "out") == done
        assert state_of(root / "in") == before

    def test_a_line_of_history_is_in_repaired_files_alone(self, made):
        root, *_ = made
        wanted = rb"A=PCM,F=8000,W=16,M=mono,T=restore-audio [^;,]+; method ar; 2 spans; 0\.\d{3} s\r\n"
        assert re.search(wanted, (root / "out/recordings/a/1.wav").read_bytes())
        assert b"bext" not in (root / "out/recordings/b c/0.wav").read_bytes()

    def test_other_settings_replace_nothing_unless_told_to(self, made, capfd):
        root, words, *_ = made
        done = results(root / "out")
        other = [*words, "--sensitivity", "0.6"]
        assert main(other) == 1
        assert capfd.readouterr().err.count("is already there") == 3
        assert results(root / "out") == done
        assert main([*other, "--overwrite"]) == 1  # the one that is no recording
        assert all("0.6" in row["settings"] for row in table(root / "out") if row["state"] != "failed")
        assert not (root / "out/failures/a/1.wav.json").exists()


def test_survey_then_shards_then_all_is_there(tmp_path):
    source, out = collection(tmp_path / "in"), tmp_path / "out"
    to = ["--to", str(out), "--method", "ar", "--no-loudness", "-q", "-j", "1"]
    assert main(["archive", str(source), *to, "--dry-run"]) == 0
    assert [row["state"] for row in table(out)] == ["surveyed"] * 3
    assert not (out / "recordings").exists()
    assert main(["archive", *to, "--shard", "1/2"]) == 0
    assert sorted(row["state"] for row in table(out)) == ["restored", "restored", "surveyed"]
    first = results(out)
    assert main(["archive", *to, "--shard", "2/2"]) == 0
    assert {row["state"] for row in table(out)} == {"restored", "unchanged"}
    assert {name: state for name, state in results(out).items() if name in first} == first


def test_what_cannot_be_meant_is_refused_in_one_sentence(tmp_path, capfd):
    source = collection(tmp_path / "in", 1)
    for words, hint in (
        ([str(source), "--to", str(source / "out")], "choose another --to"),
        ([str(source), "--to", str(tmp_path / "out"), "--shard", "1/2"], "--scan-only"),
        (["--to", str(tmp_path / "gone")], "naming the sources"),
        ([str(source), "--to", str(source / "b c/0.wav/out")], "choose another --to"),
        (["-", "--to", str(tmp_path / "out")], "name recordings or folders"),
        ([str(source), "--to", str(tmp_path / "out\udcff")], "choose another --to"),
    ):
        assert main(["archive", *words]) in (1, 2)
        error = capfd.readouterr().err
        assert hint in error
        assert len(error.splitlines()) == 1


class TestScan:
    def test_goes_on_where_it_was_stopped(self, tmp_path, monkeypatch):
        source, folder = collection(tmp_path / "in", 4), tmp_path / "out"
        summed: list[Path] = []

        def stopped(path: Path) -> str:
            if len(summed) == 2:
                raise KeyboardInterrupt
            summed.append(path)
            return hashlib.sha256(path.read_bytes()).hexdigest()

        monkeypatch.setattr(manifest, "sum_of", stopped)
        with pytest.raises(KeyboardInterrupt):
            scanned(source, folder)
        assert not (folder / manifest.NAME).exists()
        with (folder / "manifest.scan.jsonl").open("a") as file:
            file.write('{"path": "half a li')
        again: list[Path] = []
        monkeypatch.setattr(manifest, "sum_of", lambda path: (again.append(path), "0" * 64)[1])
        entries = scanned(source, folder)
        assert len(entries) == 4
        assert len(again) == 2
        assert not set(again) & set(summed)
        assert [path.name for path in folder.iterdir() if "scan" in path.name] == []
        assert manifest.read(folder / manifest.NAME) == entries

    def test_only_what_changed_is_summed_again(self, tmp_path, monkeypatch):
        source, folder = collection(tmp_path / "in", 2), tmp_path / "out"
        first = scanned(source, folder)
        save(source / "a/1.wav", music(1.5, RATE_HZ), RATE_HZ)
        again: list[Path] = []
        real = manifest.sum_of
        monkeypatch.setattr(manifest, "sum_of", lambda path: (again.append(path), real(path))[1])
        second = scanned(source, folder)
        assert [path.name for path in again] == ["1.wav"]
        assert [entry.duration_s for entry in second] == [1.5, 1.0]
        assert second[1] == first[1]

    def test_a_manifest_cannot_lead_out_of_the_archive(self, tmp_path, capfd):
        source = collection(tmp_path / "in", 1)
        assert main(["archive", str(source), "--to", str(tmp_path / "out"), "--scan-only", "-q"]) == 0
        path = tmp_path / "out" / manifest.NAME
        path.write_text(
            path.read_text().replace("b c/0.wav,8", "../../0.wav,8").replace(",b c/0.wav,", ",../../0.wav,")
        )
        assert main(["archive", "--to", str(tmp_path / "out")]) == 1
        assert "is no manifest" in capfd.readouterr().err


class TestWork:
    def test_two_at_the_same_time_make_one_result(self, tmp_path, monkeypatch):
        entry = scanned(collection(tmp_path / "in", 2), tmp_path / "out")[0]
        settings = settings_for(tmp_path / "out", checksums=True)
        row = work.work(settings, entry, ignore)
        assert row.state == RESTORED
        done = results(tmp_path / "out")
        calls = iter([None])
        real = work.done_before
        # Another process is done between our look at the archive and our own result.
        monkeypatch.setattr(work, "done_before", lambda entry, settings: next(calls, real(entry, settings)))
        assert work.work(settings, entry, ignore) == row
        assert results(tmp_path / "out") == done
        assert not (tmp_path / "out/failures").exists()

    def test_a_source_that_is_not_what_was_scanned_fails(self, tmp_path):
        entry = scanned(collection(tmp_path / "in", 1), tmp_path / "out")[0]
        content = bytearray(Path(entry.path).read_bytes())
        content[-5] ^= 1  # as a failing disk does it
        Path(entry.path).write_bytes(content)
        row = work.work(settings_for(tmp_path / "out"), entry, ignore)
        assert row.state == FAILED
        assert "not what the manifest says" in (row.error or "")
        assert not (tmp_path / "out/recordings").exists()

    def test_a_path_beyond_measure_is_told_in_a_sentence(self, tmp_path):
        entry = scanned(collection(tmp_path / "in", 1), tmp_path / "out")[0]
        row = work.work(settings_for(tmp_path / "out"), dataclasses.replace(entry, path="9" * 4_000), ignore)
        assert row.state == FAILED
        assert len(row.error) < 300

    def test_a_result_that_is_cut_or_gone_is_not_taken_for_done(self, tmp_path):
        entry = scanned(collection(tmp_path / "in", 1), tmp_path / "out")[0]
        settings = settings_for(tmp_path / "out")
        assert work.work(settings, entry, ignore).state == UNCHANGED
        target = tmp_path / "out/recordings" / entry.place
        target.write_bytes(target.read_bytes()[:-2])
        assert work.done_before(entry, settings) is None
        target.unlink()
        again = work.work(dataclasses.replace(settings, overwrite=True), entry, ignore)
        assert again.state == UNCHANGED

    def test_sums_are_added_to_what_is_done(self, tmp_path):
        entry = scanned(collection(tmp_path / "in", 1), tmp_path / "out")[0]
        row = work.work(settings_for(tmp_path / "out"), entry, ignore)
        sum_file = tmp_path / "out/recordings" / f"{entry.place}.sha256"
        assert not sum_file.exists()
        assert work.work(settings_for(tmp_path / "out", checksums=True), entry, ignore) == row
        assert sum_file.read_text().startswith(str(row.sha256_target))

    def test_an_unforeseen_fault_costs_one_recording(self, tmp_path, monkeypatch):
        entry = scanned(collection(tmp_path / "in", 1), tmp_path / "out")[0]
        monkeypatch.setattr(work, "_restorer", lambda *_: 1 / 0)
        row = work.work(settings_for(tmp_path / "out"), entry, ignore)
        assert row.state == FAILED
        told = json.loads((tmp_path / "out/failures" / f"{entry.place}.json").read_text())
        assert "ZeroDivisionError" in told["traceback"]
        assert collect(tmp_path / "out", [entry], {}) == [row]


class TestPage:
    def test_the_worst_comes_first_and_names_are_escaped(self):
        rows = [
            Row(
                place,
                place,
                RESTORED,
                duration_s=60.0,
                found=1,
                filled=1,
                damaged_s=damaged_s,
                repaired_s=damaged_s,
            )
            for place, damaged_s in (("little.wav", 0.001), ("<b>&worst.wav", 20.0), ("some.wav", 0.5))
        ]
        text = page(
            [*rows, Row("f.wav", "f.wav", FAILED, error="<script>no</script>"), Row("p", "p", "pending")]
        )
        ranking = text[text.index("the worst first") :]
        places = [ranking.index(name) for name in ("worst.wav", "some.wav", "little.wav")]
        assert places == sorted(places)
        assert "<b>" not in text
        assert "<script>" not in text
        assert "1 failed" in text
        assert "1 pending" in text


def riff(chunks: list[tuple[bytes, bytes]], *, name: bytes = b"RIFF", data: bytes = bytes(200)) -> bytes:
    def chunk(title: bytes, body: bytes, size: int | None = None) -> bytes:
        return title + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)

    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8_000, 16_000, 2, 16))
    long = name == b"RF64"
    body = (
        form + b"".join(chunk(*each) for each in chunks) + chunk(b"data", data, 0xFFFFFFFF if long else None)
    )
    body += chunk(b"LIST", b"INFOINAM\x02\0\0\0a\0")
    if long:
        size = 4 + 36 + len(body)
        body = chunk(b"ds64", struct.pack("<QQQI", size, len(data), len(data) // 2, 0)) + body
    return name + struct.pack("<I", 0xFFFFFFFF if long else 4 + len(body)) + b"WAVE" + body


class TestHistory:
    OLD = b"A=ANALOGUE,M=mono,T=reel 7\r\n"

    @pytest.mark.parametrize(
        ("name", "room"), [(b"RIFF", 0), (b"RIFF", 1), (b"RIFF", 400), (b"RF64", 0), (b"RF64", 400)]
    )
    def test_a_line_comes_behind_those_that_are_there(self, tmp_path, name, room):
        data = np.arange(-50, 50, dtype="<i2").tobytes()
        fixed = bytes(range(1, 201)) * 3 + b"xy"
        path = tmp_path / "a.wav"
        path.write_bytes(
            riff([(b"junk", b"abcd"), (b"bext", fixed + self.OLD + bytes(room))], name=name, data=data)
        )
        size = path.stat().st_size
        before, _ = soundfile.read(path, dtype="int16")
        assert add_history(path, "A=PCM,T=one")
        assert add_history(path, "A=PCM,T=two")
        content = path.read_bytes()
        assert fixed + self.OLD + b"A=PCM,T=one\r\nA=PCM,T=two\r\n" in content
        assert b"junk\x04\0\0\0abcdbext" in content
        assert content.endswith(b"LIST" + struct.pack("<I", 14) + b"INFOINAM\x02\0\0\0a\0")
        after, _ = soundfile.read(path, dtype="int16")
        assert np.array_equal(before, after)
        told = (
            struct.unpack_from("<Q", content, 20)[0]
            if name == b"RF64"
            else struct.unpack_from("<I", content, 4)[0]
        )
        assert told == len(content) - 8
        assert (len(content) == size) == (room == 400)

    def test_a_file_without_the_chunk_gets_one_before_its_samples(self, tmp_path):
        path = save(tmp_path / "a.wav", music(2.0, 44_100, 2))
        before = load(path, "int16")
        assert add_history(path, "A=PCM,T=one")
        content = path.read_bytes()
        at = content.index(b"bext")
        assert at < content.index(b"data")
        assert content[at + 8 + 602 :].startswith(b"A=PCM,T=one\r\n")
        assert struct.unpack_from("<I", content, 4)[0] == len(content) - 8
        assert np.array_equal(load(path, "int16"), before)

    def test_what_has_no_place_for_it_stays_as_it_is(self, tmp_path):
        for name, content in {
            "a.flac": save(tmp_path / "x.flac", music(0.2)).read_bytes(),
            "cut.wav": riff([(b"bext", bytes(602))])[:700],
            "short.wav": riff([(b"bext", bytes(10))]),
            "pipe.wav": b"RIFF\0\0\0\0" + riff([])[8:],
        }.items():
            path = tmp_path / name
            path.write_bytes(content)
            assert not add_history(path, "A=PCM,T=one")
            assert path.read_bytes() == content


def test_several_sources_keep_their_names(tmp_path):
    for name in ("tapes", "discs"):
        save_to = tmp_path / name
        save_to.mkdir()
        save(save_to / "1.wav", music(0.3, RATE_HZ), RATE_HZ)
    shutil.copy(tmp_path / "tapes/1.wav", tmp_path / "single.wav")
    sources = [str(tmp_path / name) for name in ("tapes", "discs", "single.wav")]
    assert main(["archive", *sources, "--to", str(tmp_path / "out"), "--scan-only", "-q"]) == 0
    assert [entry.place for entry in manifest.read(tmp_path / "out" / manifest.NAME)] == [
        "tapes/1.wav",
        "discs/1.wav",
        "single.wav",
    ]
