"""Files appear whole, together, or not at all; what killed runs leave is finished or removed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recordings import holes, music, save
from restore_audio import leftovers, restore_file
from restore_audio.cli import main
from restore_audio.files import Together
from restore_audio.leftovers import PREFIX, scratch, sweep
from restore_audio.settings import FillSettings

AR = FillSettings(method="ar")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return save(tmp_path / "a.wav", holes(music(1.0), [(20_000, 400)]))


class TestTogether:
    def test_a_failure_in_the_middle_leaves_everything_as_it_was(self, tmp_path, monkeypatch):
        for name in ("one", "two"):
            (tmp_path / name).write_text("before")
        real = Path.replace

        def third_fails(self: Path, target: Path) -> Path:
            if Path(target).name == "three":
                raise PermissionError(13, "in use", str(target))
            return real(self, target)

        results = Together()
        for name in ("one", "two", "three"):
            results.add(tmp_path / name).write_text("after")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", third_fails)
            with pytest.raises(PermissionError):
                results.commit()
        assert names(tmp_path) == ["one", "two"]
        assert {p.read_text() for p in tmp_path.iterdir()} == {"before"}

    def test_a_file_that_came_up_meanwhile_is_not_replaced(self, tmp_path):
        results = Together()
        for name in ("first", "it"):
            results.add(tmp_path / name, replace=False).write_text("ours")
        (tmp_path / "it").write_text("theirs")
        with pytest.raises(FileExistsError):
            results.commit()
        assert (tmp_path / "it").read_text() == "theirs"
        assert names(tmp_path) == ["it"]

    def test_nothing_is_seen_before_all_is(self, tmp_path):
        with Together() as results:
            for name in ("one", "two"):
                results.add(tmp_path / name).write_text("x")
                assert [n for n in names(tmp_path) if n[0] != "."] == []
        assert names(tmp_path) == ["one", "two"]


KILLED = """
import os, signal, sys
from pathlib import Path
from restore_audio import files
at, folder = int(sys.argv[1]), Path(sys.argv[2])
count = 0
def counted(name):
    real = getattr(Path, name)
    def step(self, *given, **named):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *given, **named)
    setattr(Path, name, step)
for name in ("replace", "unlink", "chmod"):
    counted(name)
with files.Together() as results:
    for name in ("x/one", "y/two", "x/three"):
        results.add(folder / name).write_text("after")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="nothing is killed like this here")
def test_killed_between_any_two_steps_the_next_run_finds_all_or_none(tmp_path: Path) -> None:
    seen = set()
    for at in range(1, 25):
        root = tmp_path / str(at)
        for name in ("x", "y"):
            (root / name).mkdir(parents=True)
        for name in ("x/one", "y/two"):
            (root / name).write_text("before")
        subprocess.run([sys.executable, "-c", KILLED, str(at), str(root)], check=False)
        for name in ("y", "x"):  # the folder without the record comes first: it must not be cleared
            sweep(root / name)
        texts = {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*") if p.is_file()}
        before = {"x/one": "before", "y/two": "before"}
        after = dict.fromkeys(("x/one", "y/two", "x/three"), "after")
        assert texts in (before, after), f"killed at step {at}"
        seen.add(len(texts))
    assert seen == {2, 3}


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    with Together() as results:
        part = results.add(tmp_path / "a.txt")
        code = (
            "import sys; from pathlib import Path; from restore_audio.leftovers import sweep; "
            "sweep(Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
        assert part.exists()
    assert names(tmp_path) == ["a.txt"]


def test_a_record_that_names_files_of_others_moves_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_text("mine")
    (tmp_path / "theirs.wav").write_text("theirs")
    record = tmp_path / f"{PREFIX}1-abc.together"
    record.write_text(json.dumps({"renames": [["mine.wav", "theirs.wav", True], ["../x", "../y", True], 5]}))
    sweep(tmp_path, again=True)
    record.write_text("[" * 10_000)
    sweep(tmp_path, again=True)
    assert (tmp_path / "theirs.wav").read_text() == "theirs"
    assert (tmp_path / "mine.wav").read_text() == "mine"


def test_scratch_folders_of_killed_processes_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from restore_audio.leftovers import scratch\n"
        "with scratch() as place:\n    (place / 'x').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(names(tmp_path)) == 1
    with scratch() as place:
        assert names(tmp_path) == [place.name]
    assert names(tmp_path) == []


class TestOneRecording:
    def test_left_overs_of_a_killed_run_are_removed_by_the_next(self, damaged, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        left = out / f"{PREFIX}99999999-deadbeef-0.wav"
        left.write_bytes(b"half")
        leftovers._swept.clear()
        assert main(["fix", str(damaged), "-o", str(out / "b.wav"), "--method", "ar"]) == 0
        assert names(out) == ["b.wav"]

    def test_times_and_mode_are_kept_and_can_be_left(self, damaged, tmp_path):
        damaged.chmod(0o640)
        os.utime(damaged, ns=(10**18, 10**18 + 5_000))
        restore_file(damaged, tmp_path / "kept.wav", fill=AR)
        state = (tmp_path / "kept.wav").stat()
        assert (state.st_mtime_ns, state.st_mode & 0o777) == (10**18 + 5_000, 0o640)
        assert main(["fix", str(damaged), "-o", str(tmp_path / "new.wav"), "--no-preserve", "-q"]) == 0
        assert (tmp_path / "new.wav").stat().st_mtime > time.time() - 100
        clean = save(tmp_path / "clean.wav", music(1.0))
        clean.chmod(0o444)
        assert main(["fix", str(clean), "-o", str(tmp_path / "copy.wav"), "-q"]) == 0
        assert (tmp_path / "copy.wav").stat().st_mode & 0o777 == 0o444
        assert (tmp_path / "copy.wav").stat().st_mtime_ns == clean.stat().st_mtime_ns

    def test_all_files_appear_or_none(self, damaged, tmp_path, monkeypatch):
        extras = {"report": "r.json", "labels": "l.txt", "removed": "x.wav", "picture": "p.png"}
        words = ["fix", str(damaged), "-o", str(tmp_path / "b.wav"), "--overwrite", "--method", "ar", "-q"]
        for option, name in extras.items():
            (tmp_path / name).write_text("before")
            words += [f"--{option}", str(tmp_path / name)]
        (tmp_path / "b.wav").write_text("before")

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device", "p.png")

        with monkeypatch.context() as patched:
            patched.setattr("restore_audio.show.picture.write_bytes", full)
            assert main(words) == 1
        results = ["b.wav", *extras.values()]
        assert names(tmp_path) == sorted(["a.wav", *results])
        assert {(tmp_path / name).read_text() for name in results} == {"before"}
        assert main(words) == 0
        assert names(tmp_path) == sorted(["a.wav", *results])
        added = soundfile.read(tmp_path / "b.wav")[0] + soundfile.read(tmp_path / "x.wav")[0]
        np.testing.assert_array_equal(added, soundfile.read(damaged)[0])
        assert json.loads((tmp_path / "r.json").read_text())["target"] == str(tmp_path / "b.wav")

    @pytest.mark.parametrize("unknown", ["x.xyz", "x.txt", "x.json"])
    def test_a_suffix_that_names_no_container_is_refused(self, damaged, tmp_path, unknown, capsys):
        assert main(["fix", str(damaged), "-o", str(tmp_path / unknown)]) == 1
        assert "names no container of audio" in capsys.readouterr().err
        assert not (tmp_path / unknown).exists()

    def test_a_folder_called_like_a_file_is_refused(self, damaged, tmp_path, capsys):
        other = save(tmp_path / "b.wav", music(0.5))
        assert main(["fix", str(damaged), str(other), "-o", str(tmp_path / "x.wav")]) == 2
        assert "must be a folder" in capsys.readouterr().err
        assert not (tmp_path / "x.wav").exists()
        assert main(["fix", str(damaged), str(other), "-o", f"{tmp_path}/x.wav/", "-q"]) == 0

    def test_names_that_cannot_be_cost_only_their_file(self, damaged, tmp_path, capsys):
        long = save(tmp_path / ("n" * 246 + ".wav"), music(0.5))
        assert main(["fix", str(long), str(damaged)]) == 1
        assert "1 done, 1 failed" in capsys.readouterr().err
        assert (tmp_path / "a.restored.wav").exists()
        for words in (
            [str(damaged), "-o", str(tmp_path / ("x" * 300 + ".wav"))],
            [str(damaged), "-o", "a\0b.wav"],
            ["x/" * 5_000 + "a.wav"],
            ["a\0b.wav"],
            [""],
            [str(damaged), "--report", "r" * 300],
            [str(damaged), "--spans", "r" * 300],
            [str(damaged), "--model", "r" * 300 + ".safetensors"],
            [str(damaged), "--journal", "r" * 300],
            [str(damaged), "--shard", "²/³"],
            [str(damaged), "--shard", "1/" + "9" * 5_000],
        ):
            assert main(["fix", *words]) in (1, 2), words
            error = capsys.readouterr().err
            assert error.startswith("restore-audio: "), words
            assert "Traceback" not in error, words
            assert "unexpected" not in error, words
            assert len(error) < 1_500, words

    def test_names_that_are_not_unicode_go_into_every_result(self, tmp_path):
        source = tmp_path / os.fsdecode(b"b\xe4nd.wav")
        try:
            save(tmp_path / "in.wav", holes(music(1.0), [(20_000, 400)])).rename(source)
        except (OSError, UnicodeError):
            pytest.skip("this file system has Unicode names only")
        words = [sys.executable, "-m", "restore_audio", "fix", os.fsencode(source), "--method", "ar"]
        words += ["-o", os.fsencode(tmp_path / os.fsdecode(b"\xfc.wav")), "--json"]
        for option in ("report", "labels", "removed"):
            words += [f"--{option}", str(tmp_path / option) + (".wav" if option == "removed" else "")]
        done = subprocess.run(words, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        for text in (done.stdout.decode(), (tmp_path / "report").read_text()):
            assert json.loads(text)["source"] == str(source)

    def test_a_list_of_pages_leads_to_names_that_are_not_unicode(self, tmp_path):
        (tmp_path / "in").mkdir()
        name = os.fsdecode(b"b\xe4nd.wav")
        try:
            save(tmp_path / "in.wav", holes(music(0.5), [(9_000, 400)])).rename(tmp_path / "in" / name)
        except (OSError, UnicodeError):
            pytest.skip("this file system has Unicode names only")
        pages = tmp_path / "pages"
        pages.mkdir()
        words = ["fix", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--html", str(pages)]
        assert main([*words, "--method", "ar", "-q"]) == 0
        assert (pages / f"{name}.html").exists()
        assert 'href="b%E4nd.wav.html"' in (pages / "index.html").read_text(encoding="utf-8")


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_while_files_appear_comes_after_them(self, damaged, tmp_path, number):
        code = f"""
import os, sys
from pathlib import Path
real = Path.replace
def signalled(self, target):
    os.kill(os.getpid(), {int(number)})
    return real(self, target)
from restore_audio.cli import main
Path.replace = signalled
sys.exit(main())
"""
        words = ["fix", str(damaged), "-o", str(tmp_path / "b.wav"), "--method", "ar", "--overwrite"]
        words += ["--report", str(tmp_path / "r.json")]
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert names(tmp_path) == ["a.wav", "b.wav", "r.json"]

    def test_ctrl_c_that_a_library_swallows_is_still_ctrl_c(self, damaged, tmp_path):
        code = f"""
import os, signal, sys
from restore_audio.cli import main
import restore_audio.cli.recording as recording
def work(job, settings, progress):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise ValueError("converted while loading") from None
import restore_audio.cli.run as run
run.work = work
sys.exit(main(["fix", {str(damaged)!r}]))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert (done.returncode, "unexpected" in done.stderr) == (130, False)
        assert "interrupted" in done.stderr

    @pytest.mark.parametrize("after_s", [0.05, 0.1, 0.2, 0.4, 0.8])
    def test_ctrl_c_at_the_start_is_no_traceback(self, damaged, tmp_path, after_s):
        code = "from restore_audio.cli import main; print('up', flush=True); raise SystemExit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "fix", str(damaged), "-o", str(tmp_path / "b.wav")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=300)
        assert "Traceback" not in error
        assert process.returncode in (0, 130)
        assert (tmp_path / "b.wav").exists() == (process.returncode == 0)


class TestJournal:
    def test_results_that_a_killed_run_did_not_note_are_known_by_their_content(
        self, damaged, tmp_path, capsys
    ):
        other = save(tmp_path / "b.wav", holes(music(1.0, seed=3), [(9_000, 300)]))
        words = ["fix", str(damaged), str(other), "-o", str(tmp_path / "out"), "--method", "ar"]
        words += ["--journal", str(tmp_path / "j"), "--report", str(tmp_path / "out")]
        assert main(words) == 0
        whole = (tmp_path / "j").read_bytes()
        before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
        kept = [line for line in whole.splitlines(keepends=True) if b'{"done"' not in line]
        (tmp_path / "j").write_bytes(b"".join(kept) + b'{"done": ["/som')
        assert main(words) == 0
        assert before == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
        lines = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
        assert sum("done" in line for line in lines) == 2
        (tmp_path / "out" / "b.wav").write_bytes(b"somebody else's")
        (tmp_path / "j").write_bytes(b"".join(kept))
        capsys.readouterr()
        assert main(words) == 1
        assert "is there already" in capsys.readouterr().err
        assert (tmp_path / "out" / "b.wav").read_bytes() == b"somebody else's"

    def test_a_recording_given_as_journal_is_not_cut(self, damaged, tmp_path):
        before = damaged.read_bytes()
        other = save(tmp_path / "c.wav", music(0.5))
        assert main(["fix", str(other), "-o", str(tmp_path / "d.wav"), "--journal", str(damaged)]) == 1
        assert main(["fix", str(damaged), "-o", str(tmp_path / "e.wav"), "--journal", str(damaged)]) == 1
        assert damaged.read_bytes() == before


class TestOtherCommands:
    def test_damage_replaces_nothing_that_it_reads_and_writes_all_or_nothing(self, tmp_path, capsys):
        clean = save(tmp_path / "clean.wav", music(1.0))
        truth, link = tmp_path / "truth.json", tmp_path / "link.json"
        words = ["damage", str(clean), "-o", str(tmp_path / "d.wav"), "--overwrite"]
        assert main([*words, "--spans", str(truth)]) == 0
        link.symlink_to(truth)
        before = truth.read_bytes()
        for spans in (truth, link, tmp_path / "." / "truth.json", clean):
            assert main([*words, "--replay", str(truth), "--spans", str(spans)]) == 1
            assert "an input of this run" in capsys.readouterr().err
        (tmp_path / "d.wav").write_bytes(b"before")
        assert main([*words, "--spans", str(tmp_path / "no" / "such" / "folder.json")]) == 1
        assert truth.read_bytes() == before
        assert (tmp_path / "d.wav").read_bytes() == b"before"

    def test_a_page_of_the_benchmark_replaces_nothing_unless_told(self, tmp_path, capsys):
        song = save(tmp_path / "song.wav", music(1.0))
        before = song.read_bytes()
        words = ["bench", "--data", str(tmp_path), "--html", str(song)]
        assert main(words) == 1
        assert "--overwrite" in capsys.readouterr().err
        assert main([*words, "--overwrite"]) == 1
        assert "an input of this run" in capsys.readouterr().err
        assert song.read_bytes() == before

    def test_score_says_which_spans_it_means(self, damaged, tmp_path, capsys):
        (tmp_path / "true.txt").write_text("0.4\t0.5\tx\n")
        words = ["score", str(damaged), str(damaged), "--spans", str(tmp_path / "true.txt")]
        assert main(words) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert f"outside of the 1 spans of {tmp_path / 'true.txt'}" in told
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["spans"] == str(tmp_path / "true.txt")
