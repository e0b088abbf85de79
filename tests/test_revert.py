"""Repairs can be put back, exactly, and the loudest ones heard as files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recordings import holes, load, music, save
from restore_audio.cli import main

PLACES = [(15_000, 300), (40_000, 900), (60_000, 500)]
SPANS = [
    {"start": 15_000, "end": 15_300, "channel": 1, "kind": "click", "confidence": 0.5},
    {"start": 40_000, "end": 40_900, "channel": 1, "kind": "zeros", "confidence": 1.0},
    {"start": 40_100, "end": 40_900, "channel": 2, "kind": "zeros", "confidence": 0.9},
    {"start": 60_000, "end": 60_500, "channel": 2, "kind": "dropout", "confidence": 0.7},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for name, subtype in (("16.wav", "PCM_16"), ("24.flac", "PCM_24"), ("float.wav", "FLOAT")):
        stem = name.partition(".")[0]
        audio = holes(music(1.6, channels=2), PLACES)
        if stem == "16":
            audio[0, 15_100] = 0.4  # a click, which loses nothing to doubt
        damaged = save(folder / name, audio, subtype=subtype)
        (folder / "s.json").write_text(json.dumps([{**s, "kind": "given"} for s in SPANS]))
        words = [
            "fix",
            str(damaged),
            "-o",
            str(folder / f"restored-{name}"),
            "--spans",
            str(folder / "s.json"),
        ]
        more = ["--report", str(folder / f"{stem}.json"), "--removed", str(folder / f"{stem}-removed.wav")]
        assert main([*words, *more, "-q"]) == 0
        report = json.loads((folder / f"{stem}.json").read_text())
        for entry, span in zip(report["spans"], SPANS, strict=True):
            entry.update(kind=span["kind"], confidence=span["confidence"])
            assert entry["filled"]
        (folder / f"{stem}.json").write_text(json.dumps(report))
    return folder


def revert(folder: Path, name: str, target: Path, *more: object) -> int:
    report = folder / f"{name.partition('.')[0]}.json"
    words = ["revert", str(folder / f"restored-{name}"), "--report", str(report), "-o", str(target), "-q"]
    return main([*words, *map(str, more)])


def back(folder: Path, name: str, target: Path) -> list[bool]:
    """Which spans of a result are as in the original; asserts that all else is as restored."""
    kind = "float64" if name.startswith("float") else "int32"
    before, after, made = (load(p, kind) for p in (folder / name, folder / f"restored-{name}", target))
    found = []
    for span in SPANS:
        inside = (span["channel"] - 1, slice(span["start"], span["end"]))
        assert np.any(before[inside] != after[inside])
        as_before = np.array_equal(made[inside], before[inside])
        assert as_before or np.array_equal(made[inside], after[inside])
        found.append(as_before)
        before[inside] = after[inside] = made[inside] = 0
    assert np.array_equal(made, after)
    return found


@pytest.mark.parametrize("name", ["16.wav", "24.flac", "float.wav"])
@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (("--number", "2,4"), [0, 1, 0, 1]),
        (("--number", "2-3"), [0, 1, 1, 0]),
        (("--kind", "zeros", "--kind", "click"), [1, 1, 1, 0]),
        (("--time", "0.9-0.91"), [0, 1, 1, 0]),
        (("--below", "0.9"), [1, 0, 0, 1]),
        (("--kind", "zeros", "--below", "0.95"), [0, 0, 1, 0]),
    ],
)
def test_what_is_chosen_comes_back_and_nothing_else(made, name, choice, wanted, tmp_path):
    target = tmp_path / name
    assert revert(made, name, target, *choice) == 0
    assert back(made, name, target) == wanted
    from_removed = tmp_path / f"r-{name}"
    removed = made / f"{name.partition('.')[0]}-removed.wav"
    assert revert(made, name, from_removed, *choice, "--removed", removed) == 0
    assert from_removed.read_bytes() == target.read_bytes()


def test_all_of_them_give_the_original_byte_for_byte(made, tmp_path):
    assert revert(made, "16.wav", tmp_path / "o.wav", "--all", "--new-report", tmp_path / "o.json") == 0
    assert (tmp_path / "o.wav").read_bytes() == (made / "16.wav").read_bytes()
    document = json.loads((tmp_path / "o.json").read_text())
    assert document["filled"] == 0
    assert {s["reason"] for s in document["spans"]} == {"put back by restore-audio revert"}
    assert (tmp_path / "o.wav").stat().st_mtime == (made / "restored-16.wav").stat().st_mtime


class TestMishaps:
    @pytest.mark.parametrize(
        ("more", "code", "words"),
        [
            ((), 2, "Say which repairs"),
            (("--number", "9"), 2, "no number 9"),
            (("--number", "3-1"), 2, "is not like 3 or 5-9"),
            (("--time", "x"), 2, "is not like 12.5-14"),
            (("--all", "--original", "a", "--removed", "b"), 2, "say the same thing twice"),
            (("--all", "--original", "short.wav"), 1, "has another rate, length"),
        ],
    )
    def test_they_are_sentences_and_nothing_is_written(
        self, made, more, code, words, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        save(tmp_path / "short.wav", music(0.5))
        assert revert(made, "16.wav", tmp_path / "o.wav", *more) == code
        assert words in capsys.readouterr().err
        assert not (tmp_path / "o.wav").exists()

    def test_no_file_that_is_read_or_there_is_replaced(self, made, tmp_path, capsys):
        folder = tmp_path / "copy"
        shutil.copytree(made, folder)
        sums = {p.name: p.read_bytes() for p in folder.iterdir()}
        for target in ("restored-16.wav", "16.wav", "16.json"):
            assert (
                revert(
                    folder, "16.wav", folder / target, "--all", "--original", folder / "16.wav", "--overwrite"
                )
                == 1
            )
        assert revert(folder, "16.wav", folder / "24.flac", "--all", "--original", folder / "16.wav") == 1
        assert "is there already" in capsys.readouterr().err
        assert sums == {p.name: p.read_bytes() for p in folder.iterdir()}

    def test_what_is_no_report_is_a_sentence(self, made, tmp_path, capsys):
        for text in ("[]", "{}", "x", '{"schema_version": 2, "rate_hz": 1, "channels": 1, "spans": 3}'):
            (tmp_path / "r.json").write_text(text)
            words = ["revert", str(made / "restored-16.wav"), "--report", str(tmp_path / "r.json"), "--all"]
            assert main(words) == 1
            assert "is no report of one recording" in capsys.readouterr().err

    def test_a_number_that_was_not_filled_is_a_sentence(self, made, tmp_path, capsys):
        document = json.loads((made / "16.json").read_text())
        document["spans"][0]["filled"] = False
        (tmp_path / "r.json").write_text(json.dumps(document))
        words = ["revert", str(made / "restored-16.wav"), "--report", str(tmp_path / "r.json")]
        words += ["--original", str(made / "16.wav"), "-o", str(tmp_path / "o.wav")]
        assert main([*words, "--number", "1"]) == 2
        assert "nothing to put back" in capsys.readouterr().err
        assert main([*words, "--number", "1-2"]) == 0

    def test_a_lossy_recording_is_refused(self, made, tmp_path, capsys):
        soundfile.write(tmp_path / "a.ogg", load(made / "16.wav").T, 44_100, format="OGG", subtype="VORBIS")
        words = ["revert", str(tmp_path / "a.ogg"), "--report", str(made / "16.json"), "--all"]
        assert main(words) == 1
        assert "nothing can be put back exactly" in capsys.readouterr().err


class TestAudit:
    def test_the_loudest_repairs_are_cut_to_the_sample(self, made, tmp_path, capsys):
        reports = tmp_path / "reports"
        reports.mkdir()
        for name in ("16", "float"):
            shutil.copy(made / f"{name}.json", reports)
        words = ["audit", str(reports), "--to", str(tmp_path / "clips"), "-n", "3", "--around-s", "0.1"]
        assert main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        levels = [float(line.split()[-2]) for line in lines]
        assert len(lines) == 3
        assert levels == sorted(levels, reverse=True)
        clips = sorted(p.name for p in (tmp_path / "clips").iterdir())
        assert len(clips) == 9
        name = next(clip for clip in clips if clip.startswith("001") and clip.endswith("-before.wav"))
        stem, number = name.split("-")[1:3]
        span = SPANS[int(number) - 1]
        first, last = span["start"] - 4_410, span["end"] + 4_410
        before, after, removed = (
            load(tmp_path / "clips" / name.replace("before", v)) for v in ("before", "after", "removed")
        )
        assert np.array_equal(before, load(made / f"{stem}.wav")[:, first:last])
        assert np.array_equal(after, load(made / f"restored-{stem}.wav")[:, first:last])
        assert np.array_equal(removed, before - after)
        loudest = max(
            (b - a)[s["channel"] - 1, s["start"] : s["end"]]
            @ (b - a)[s["channel"] - 1, s["start"] : s["end"]]
            for b, a in ((load(made / f"{n}.wav"), load(made / f"restored-{n}.wav")) for n in ("16", "float"))
            for s in SPANS
        )
        assert levels[0] == pytest.approx(10 * np.log10(loudest / 2_205), abs=0.06)
        assert main(words) == 1  # they are there already
        assert main([*words, "--overwrite"]) == 0

    def test_a_recording_that_is_gone_costs_its_report(self, made, tmp_path, capsys):
        shutil.copy(made / "16.json", tmp_path)
        gone = json.loads((made / "16.json").read_text())
        gone["source"] = "gone.wav"
        (tmp_path / "gone.json").write_text(json.dumps(gone))
        assert main(["audit", str(tmp_path), "--to", str(tmp_path / "clips"), "-n", "2"]) == 1
        out, err = capsys.readouterr()
        assert "gone.wav" in err
        assert out.count("\n") == 2
