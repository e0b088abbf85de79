"""What lies beside recordings, made to harm: reports, manifests, tables, records, settings, left-overs."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from recordings import holes, music, save
from restore_audio.archive import manifest
from restore_audio.archive.rows import FAILED, Row, keep, read_row
from restore_audio.cli import main
from restore_audio.damage.families import draw_family, records_from_rows
from restore_audio.damage.record import record_to_dict
from restore_audio.errors import InputError
from restore_audio.files import sum_of
from restore_audio.show.reports_read import read_report

RATE_HZ = 8_000
REPORT = {
    "schema_version": 2,
    "source": "in.wav",
    "target": "out.wav",
    "rate_hz": RATE_HZ,
    "channels": 1,
    "spans": [{"start": 100, "end": 140, "channel": 1, "kind": "zeros", "filled": True, "reason": None}],
}
NO_REPORTS = [
    {"rate_hz": 0},
    {"rate_hz": -8_000},
    {"rate_hz": 1e300},
    {"channels": 0},
    {"channels": 10**9},
    {"spans": [{"start": 1, "end": 2}] * 2 + [5]},
    {"spans": [{"start": float("nan"), "end": 2}]},
    {"loudness": float("nan")},
    {"loudness": float("inf")},
]


@pytest.mark.parametrize("change", NO_REPORTS, ids=str)
def test_a_report_of_no_recording_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    text = json.dumps(REPORT | change).replace("Infinity", "1e999")
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=r"r\.json (is no report|holds no spans)"):
        read_report(tmp_path / "r.json")


def test_what_a_report_says_of_names_and_reasons_is_taken_as_words(tmp_path: Path) -> None:
    span = REPORT["spans"][0]  # type: ignore[index]
    same = [{**span, "reason": ["a", 1]}, {**span, "reason": None}, {**span, "reason": {"b": 2}}]
    (tmp_path / "r.json").write_text(
        json.dumps(REPORT | {"spans": same, "source": "y/" * 4_000, "target": "\ud800"})
    )
    told = read_report(tmp_path / "r.json")
    assert len(sorted(told.spans.values(), key=lambda span: (span.start, span.reason or ""))) == 3
    assert told.target is None
    assert main(["audit", str(tmp_path / "r.json"), "--to", str(tmp_path / "clips")]) == 1


LEFT = [
    "",
    "{",
    "[]",
    "5",
    "[" * 50_000,
    '{"record": 5}',
    '{"record": "a\\u0000b"}',
    '{"renames": 7}',
    "\udcff",
]
LEFT += ['{"renames": [[".restore-audio-9-x-0", "a\\u0000b", true]]}', '{"renames": [[1, 2, 3], [4]]}']


@pytest.mark.parametrize("text", LEFT, ids=lambda text: text[:30])
def test_left_overs_that_say_nothing_are_removed(tmp_path: Path, text: str) -> None:
    save(tmp_path / "in.wav", holes(music(0.5, RATE_HZ), [(2_000, 40)]), RATE_HZ)
    for end in ("together", "elsewhere", "0"):
        left = tmp_path / f".restore-audio-999999999-x.{end}"
        left.write_bytes(text.encode("utf-8", "surrogateescape"))
        os.utime(left, (0, 0))
    assert (
        main(["fix", str(tmp_path / "in.wav"), "-o", str(tmp_path / "out.wav"), "--method", "ar", "-q"]) == 0
    )
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"in.wav", "out.wav"}


ENTRY = {
    "path": "/a/b.wav",
    "place": "b.wav",
    "size_bytes": 5,
    "modified_ns": 7,
    "duration_s": 0.5,
    "sha256": "0" * 64,
}
NO_ENTRIES = [
    {"path": ""},
    {"path": "a\0b"},
    {"place": "."},
    {"place": "a\0b"},
    {"place": "a//b.wav"},
    {"place": "/etc/x"},
    {"size_bytes": 10**40},
    {"size_bytes": "x"},
    {"modified_ns": -(10**40)},
    {"duration_s": "nan"},
    {"duration_s": "inf"},
    {"duration_s": -1},
]


@pytest.mark.parametrize("change", NO_ENTRIES, ids=str)
def test_a_manifest_with_an_entry_that_cannot_be_is_refused(tmp_path, change):
    path = tmp_path / manifest.NAME
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ENTRY))
        writer.writeheader()
        writer.writerow(ENTRY | change)
    with pytest.raises(InputError, match="is no manifest"):
        manifest.read(path)


@pytest.mark.parametrize("change", [*NO_ENTRIES, {"path": ["x"]}, {"sha256": {}}, {"more": 1}], ids=str)
def test_a_scan_knows_nothing_of_lines_that_cannot_be(tmp_path: Path, change: dict[str, object]) -> None:
    save(tmp_path / "b.wav", music(0.1, RATE_HZ), RATE_HZ)
    out = tmp_path / "out"
    out.mkdir()
    lines = [json.dumps(ENTRY | change), "[" * 50_000, "5", "null", "[]"]
    (out / "manifest.scan.jsonl").write_text("\n".join(lines) + "\n")
    (entry,) = manifest.scan([(tmp_path / "b.wav", "b.wav")], out)
    assert entry == manifest.read(out / manifest.NAME)[0]
    assert entry.sha256 == sum_of(tmp_path / "b.wav")


ROW = Row("b.wav", "/a/b.wav", "restored", duration_s=0.5, found=1, filled=1, kinds={"zeros": 1})
NO_ROWS: list[dict[str, object]] = [
    {"place": None},
    {"state": 5},
    {"version": "\ud800"},
    {"duration_s": "long"},
    {"duration_s": float("nan")},
    {"found": 1.5},
    {"found": True},
    {"target_bytes": 10**30},
    {"kinds": []},
    {"kinds": {"zeros": "many"}},
    {"kinds": {"<b>": 1}},
    {"history": 1},
    {"more": 1},
]


@pytest.mark.parametrize("change", NO_ROWS, ids=str)
def test_a_report_whose_row_fits_no_table_counts_as_none(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "r.json"
    path.write_text(keep(ROW, {}))
    assert read_row(path) == ROW
    document = json.loads(path.read_text())
    document["archive"].update(change)
    path.write_text(json.dumps(document))
    assert read_row(path) is None


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file without an end here")
def test_what_has_no_end_is_not_summed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is no file"):
        sum_of(Path("/dev/zero"))
    os.mkfifo(tmp_path / "pipe.wav")
    out = tmp_path / "out"
    assert main(["archive", str(tmp_path / "pipe.wav"), "--to", str(out), "-j", "1", "-q"]) == 1
    row = read_row(out / "failures" / "pipe.wav.json")
    assert row is not None
    assert row.state == FAILED


@pytest.mark.parametrize(
    "text", ["x = " + "[" * 5_000 + "]" * 5_000, "jobs = " + "9" * 5_000, "jobs = \udcff", "["]
)
def test_settings_that_cannot_be_read_are_one_sentence(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "restore-audio.toml").write_bytes(f"[fix]\n{text}\n".encode("utf-8", "surrogateescape"))
    assert main(["fix", "no.wav"]) == 2
    said = capsys.readouterr().err
    assert "is not in TOML" in said
    assert len(said) < 400


@pytest.mark.parametrize("value", ["9" * 5_000, "9 " * 5_000])
def test_a_setting_of_any_length_is_refused_in_a_short_sentence(monkeypatch, capsys, value):
    monkeypatch.setenv("RESTORE_AUDIO_FIX_METHOD", value)
    assert main(["fix", "no.wav"]) == 2
    said = capsys.readouterr().err
    assert "set in the environment" in said
    assert len(said) < 1_000


WRONG_DAMAGES = ['"1"', "true", "null", "[]", "1e300", "1.5", str(10**12), "NaN", "-1"]


@pytest.mark.parametrize("value", WRONG_DAMAGES)
def test_damages_that_cannot_be_are_refused_before_memory_is_taken(tmp_path: Path, value: str) -> None:
    audio = music(2.0, RATE_HZ)
    clean = save(tmp_path / "clean.wav", audio, RATE_HZ)
    record = draw_family(
        np.random.default_rng(0), "clicks-thump", np.atleast_2d(audio), RATE_HZ, per_second=1.0
    )
    rows = [json.loads(json.dumps(record_to_dict(record)))]
    rows[0]["clicks"][0]["end"] = "HERE"
    given = json.dumps(rows).replace('"HERE"', value)
    document = {"damages": "ROWS", "clean": {"rate_hz": RATE_HZ, "channels": 1, "samples": audio.shape[-1]}}
    (tmp_path / "d.json").write_text(json.dumps(document).replace('"ROWS"', given))
    words = ["damage", str(clean), "-o", str(tmp_path / "out.wav"), "--replay", str(tmp_path / "d.json")]
    assert main(words) == 1
    assert not (tmp_path / "out.wav").exists()
    assert records_from_rows(json.loads(json.dumps([record_to_dict(record)])), name="the text") == [record]
