"""What people look at: reports, labels, lines, pictures, and who prints where."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from recordings import holes, music
from restore_audio import Report
from restore_audio.audio.loudness import Loudness
from restore_audio.errors import InputError, OutputError, UsageError
from restore_audio.show import picture, plot, report
from restore_audio.show.console import Console
from restore_audio.show.progress import TimeLeft
from restore_audio.spans import KINDS, SCHEMA_VERSION, Span, parse_spans

SPANS = (
    Span(4410, 5292, 0, "zeros", 1.0, True, evidence="882 samples exactly zero"),
    Span(
        44_100, 88_200, 1, "dropout", 0.7, False, "1000 ms is longer than the limit of 400 ms (--max-gap-ms)"
    ),
)


def made(**changes: object) -> Report:
    values: dict = {
        "source": Path("dämaged.wav"),
        "target": Path("clean.wav"),
        "rate_hz": 44_100,
        "channels": 2,
        "frames": 132_300,
        "format": "WAV",
        "subtype": "PCM_16",
        "spans": SPANS,
        "method": "auto",
        "elapsed_s": 1.23456,
    }
    return Report(**{**values, **changes})


class TestReports:
    def test_json_holds_what_the_schema_promises(self):
        document = json.loads(report.report_json(made()))
        assert document["schema_version"] == 2
        assert (document["found"], document["filled"], document["duration_s"]) == (2, 1, 3.0)
        first, second = document["spans"]
        assert (first["start"], first["end"], first["start_s"], first["end_s"]) == (4410, 5292, 0.1, 0.12)
        assert (first["channel"], first["kind"], first["confidence"]) == (1, "zeros", 1.0)
        assert first["filled"] is True
        assert first["reason"] is None
        assert "longer than the limit" in second["reason"]
        assert (first["evidence"], second["evidence"]) == ("882 samples exactly zero", "")

    def test_reports_of_every_kind_fit_the_schema_of_the_package(self):
        jsonschema = pytest.importorskip("jsonschema")
        schema = json.loads((Path(report.__file__).with_name("report.schema.json")).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        loud = Loudness(-23.0, -1.0)
        for changes in ({}, {"spans": ()}, {"target": None, "method": None}, {"before": loud, "after": None}):
            validator.validate(json.loads(report.report_json(made(**changes))))
        assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
        assert tuple(schema["$defs"]["span"]["properties"]["kind"]["enum"]) == KINDS
        wrong = json.loads(report.report_json(made()))
        for harm in ({"channel": 0}, {"kind": "scratch"}, {"more": 1}):
            spans = [{**wrong["spans"][0], **harm}]
            assert not validator.is_valid({**wrong, "spans": spans})
        assert not validator.is_valid({**wrong, "schema_version": 1})

    def test_a_line_is_one_line(self):
        line = report.report_line(made())
        assert "\n" not in line
        assert json.loads(line)["source"] == "dämaged.wav"

    def test_spans_survive_the_way_through_files(self):
        for text in (report.report_json(made()), report.report_labels(made())):
            back = parse_spans(text, rate_hz=44_100, channels=2, length_samples=132_300, name="x")
            assert {(s.start, s.end) for s in back} == {(s.start, s.end) for s in SPANS}

    def test_channels_are_counted_from_1_and_files_of_the_first_version_from_0(self):
        spans = [{"start": 1, "end": 9, "channel": 1}]
        documents = {0: spans, 1: {"schema_version": 1, "spans": spans}}
        for channel, document in documents.items():
            (span,) = parse_spans(json.dumps(document), rate_hz=8000, channels=2, length_samples=99, name="x")
            assert span.channel == channel
        for wrong in (0, 3):
            text = json.dumps([{**spans[0], "channel": wrong}])
            with pytest.raises(InputError, match=f"channel {wrong}.*counted from 1"):
                parse_spans(text, rate_hz=8000, channels=2, length_samples=99, name="x")
        back = parse_spans(
            report.report_json(made()), rate_hz=44_100, channels=2, length_samples=132_300, name="x"
        )
        assert [span.channel for span in back] == [span.channel for span in SPANS]

    def test_a_report_can_be_sent_to_another_process(self):
        assert pickle.loads(pickle.dumps(made())) == made()

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            (
                {},
                "dämaged.wav -> clean.wav: 2 damaged spans (1.020 s), 1 filled, 1 left (-v says why) in",
            ),
            ({"spans": SPANS[:1]}, "1 damaged span (0.020 s), all filled"),
            ({"spans": ()}, "no damage found, unchanged"),
            ({"target": None}, "dämaged.wav: 2 damaged spans (1.020 s) in"),
        ],
    )
    def test_the_sentence_says_what_was_done(self, changes, text):
        assert text in report.report_sentence(made(**changes))

    def test_lines_show_the_evidence_only_if_asked(self):
        plain = report.span_lines(made())
        assert len(plain) == 2
        assert "exactly zero" not in "".join(plain)
        first, evidence, second, told = report.span_lines(made(), explained=True)
        assert [first, second] == plain
        assert (evidence.strip(), told.strip()) == ("882 samples exactly zero", "told by the user")
        assert evidence.startswith(" " * 20)

    def test_columns_are_straight_whatever_the_kinds_and_evidence_fits_the_terminal(self):
        spans = (Span(0, 10, 0, "click", 1.0), Span(20, 900, 1, "interpolated", 1.0, evidence="word " * 40))
        first, second = report.span_lines(made(spans=spans))
        assert first.index("1.00") == second.index("1.00")
        lines = report.span_lines(made(spans=spans), explained=True, width=80)
        assert max(map(len, lines)) <= 80
        assert " ".join(line.strip() for line in lines[3:]) == ("word " * 40).strip()


class TestFiles:
    def test_a_file_is_written_whole_or_not_at_all(self, tmp_path, monkeypatch):
        path = tmp_path / "report.json"
        report.write_text(path, "first")
        monkeypatch.setattr(Path, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OutputError, match="The disk is full"):
            report.write_text(path, "second")
        assert path.read_text() == "first"
        assert [p.name for p in path.parent.iterdir()] == ["report.json"]

    def test_spans_that_cannot_be_read_are_a_sentence(self, tmp_path):
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        (tmp_path / "nonsense").write_text("hello")
        for name, words in (("gone", "cannot be read"), ("binary", "no text"), ("nonsense", "no spans")):
            with pytest.raises(InputError, match=words):
                report.read_spans(tmp_path / name, rate_hz=8000, channels=1, length_samples=8000)


class TestPicture:
    def test_a_spectrogram_shows_the_tone_where_it_is_and_the_hole_as_dark(self):
        rate_hz = 16_000
        tone = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(rate_hz) / rate_hz)[None]
        audio = holes(tone, [(8000, 2000)])
        blocks = [audio[:, i : i + 777] for i in range(0, rate_hz, 777)]
        shown = plot.spectrogram(blocks, rate_hz, first=0, last=rate_hz, columns=200)
        size = 2 * (shown.levels_db.shape[0] - 1)
        assert np.argmax(shown.levels_db[:, 50]) == round(2000 * size / rate_hz)
        assert shown.levels_db[:, 50].max() > -10
        assert shown.levels_db[:, 112].max() == plot.FLOOR_DB

    def test_seventy_repairs_in_three_minutes_can_be_told_apart(self, tmp_path):
        pytest.importorskip("matplotlib")
        from matplotlib.image import imread

        rate_hz, rng = 8_000, np.random.default_rng(1)
        clean = 0.2 * rng.standard_normal((1, 180 * rate_hz))
        starts = (np.arange(70) * 2.55 + 0.5) * rate_hz
        spans = [Span(int(s), int(s) + 40 + 8 * k, 0, "click", filled=k != 33) for k, s in enumerate(starts)]
        path = tmp_path / "a.png"
        picture.draw_picture(
            path,
            lambda: [holes(clean, [(span.start, span.length) for span in spans])],
            lambda: [clean],
            spans,
            rate_hz=rate_hz,
            total=clean.shape[1],
            title="x",
        )
        pixels = imread(path)[..., :3]
        colour = np.array([0x15, 0x80, 0x3D]) / 255
        marked = (np.abs(pixels - colour).max(axis=-1) < 0.02).any(axis=1)
        lane = pixels[np.flatnonzero(marked)]
        counts = [
            np.count_nonzero(np.diff((np.abs(row - colour).max(axis=-1) < 0.02).astype(int)) == 1)
            for row in lane
        ]
        assert 70 <= max(counts) <= 72  # the one that was left is hollow: two edges
        assert pixels.shape[1] == 1400

    def test_the_sheet_shows_the_largest_changes_once_and_in_order(self):
        rng = np.random.default_rng(0)
        clean = np.sign(rng.standard_normal((2, 40_000)))
        spans = [
            Span(1000 * k, 1000 * k + 10 * k, c, "zeros", filled=True) for k in range(1, 31) for c in (0, 1)
        ]
        damaged = clean.copy()
        for span in spans:
            damaged[span.channel, span.start : span.end] = 0
        levels = picture.peaks_and_levels(
            lambda: [damaged], lambda: [clean], spans, rate_hz=8000, total=40_000
        )[1]
        shown = picture._sheet(lambda: [damaged], lambda: [clean], spans, levels, rate_hz=8000, total=40_000)
        assert [repair.span.start for repair in shown] == [1000 * k for k in range(19, 31)]
        numbers = [repair.number for repair in shown]  # what revert --number takes
        assert [spans[number - 1] for number in numbers] == [repair.span for repair in shown]
        for repair in shown:
            at = repair.span.start - repair.first
            inside = np.s_[:, at : at + repair.span.length]
            assert not repair.before[inside].any()
            assert np.array_equal(repair.after[inside], clean[:, repair.span.start : repair.span.end])

    def test_a_picture_of_nothing_says_so(self, tmp_path):
        pytest.importorskip("matplotlib")
        audio = music(0.3, 16_000)
        picture.draw_picture(
            tmp_path / "a.png", lambda: [audio], lambda: [audio], [], rate_hz=16_000, total=4_800, title="x"
        )
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")

    def test_without_matplotlib_the_way_to_it_is_said(self, monkeypatch):
        monkeypatch.setattr(plot.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match=r"pip install matplotlib"):
            plot.require_matplotlib()


class TestConsole:
    def test_results_go_to_stdout_and_the_rest_to_stderr(self, capsys):
        console = Console(verbosity=1)
        console.result("result")
        console.say("said")
        console.detail("detail")
        console.error("wrong")
        assert capsys.readouterr() == ("result\n", "said\ndetail\nwrong\n")

    def test_lines_are_one_line_and_move_no_cursor_whatever_names_they_hold(self, capsys):
        console = Console()
        for tell in (console.line, console.say, console.error):
            tell("a\nb\x1b[2J.wav: done")
        out, err = capsys.readouterr()
        assert (out + err).splitlines() == ["a\\nb\\x1b[2J.wav: done"] * 3

    def test_quiet_still_says_what_failed(self, capsys):
        console = Console(verbosity=-1)
        console.say("said")
        console.error("wrong")
        assert capsys.readouterr() == ("", "wrong\n")

    def test_the_time_left_counts_down_though_the_work_is_uneven(self):
        now = 0.0
        left = TimeLeft(lambda: now)
        told = []
        rng = np.random.default_rng(0)
        steps = np.cumsum(rng.uniform(0.5, 1.5, size=400))
        left.tell(0.0)
        for share in steps / steps[-1]:
            now += 0.25  # 100 s in all
            left.tell(float(share))
            told.append(left.seconds())
        assert told[0] is None
        known = [seconds for seconds in told if seconds is not None]
        assert 80 <= known[8] <= 130
        assert sum(b > a for a, b in itertools.pairwise(known)) <= 1
        assert known[-1] <= 5
        assert len(set(known)) < 20

    def test_the_time_left_follows_when_the_work_turns_out_longer(self):
        now = 0.0
        left = TimeLeft(lambda: now)
        left.tell(0.0)
        for step in range(100):
            now += 1
            left.tell(0.01 * step if step < 50 else 0.5 + 0.001 * (step - 50))
        assert 60 <= (left.seconds() or 0) <= 130
        assert left.text() == f"about {(left.seconds() or 0) / 60:.0f} min left"

    def test_no_bar_where_nobody_looks(self, capsys):
        with Console().progress("working", 3) as progress:
            progress(1.5)
        assert capsys.readouterr() == ("", "")
