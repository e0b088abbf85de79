"""The command line as people and scripts meet it: streams, exit codes, pipes, a sentence for each mishap."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from recordings import holes, load, music, save
from restore_audio import __version__
from restore_audio.cli import main
from restore_audio.cli.app import COMMANDS, build

HOLES = [(20_000, 300), (45_000, 500)]


@pytest.fixture(autouse=True)
def _keep_signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def damaged(tmp_path):
    return save(tmp_path / "damaged.wav", holes(music(1.6), HOLES))


def command(*arguments: object, **options: object) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "restore_audio", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, timeout=300, check=False, **options)  # type: ignore[call-overload]


def fails(capsys, *arguments: object, code: int = 1) -> str:
    """Run a command that must fail with one sentence; returns the sentence."""
    assert main([str(a) for a in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("restore-audio: ")
    assert lines[0].endswith((".", ")."))
    assert "Traceback" not in err
    return lines[0]


class TestHelp:
    def test_help_is_quick_and_imports_no_torch(self):
        code = (
            "import sys\nfrom restore_audio.cli import main\n"
            "main(['--help']); print(sorted({'torch', 'numpy', 'scipy', 'soundfile'} & set(sys.modules)))"
        )
        times = []
        for _ in range(3):  # time of the processor: how busy the machine is otherwise is not ours
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert command("--help").returncode == 0
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert min(times) < 0.4
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"

    @pytest.mark.parametrize("gap_samples", [0, 800, 8_000])
    def test_without_a_gpu_nothing_heavy_is_imported(self, gap_samples, tmp_path):
        audio = music(3.0)
        audio[..., 60_000 : 60_000 + gap_samples] = 0
        damaged = save(tmp_path / "d.wav", audio)
        heavy = {"torch", "torchaudio", "scipy", "numba", "mutagen", "pyloudnorm", "soxr", "matplotlib"}
        code = (
            "import sys\nfrom restore_audio.cli import main\n"
            f"words = ['fix', {str(damaged)!r}, '-o', {str(tmp_path / 'f.wav')!r}, '--device', 'cpu']\n"
            "assert main(words) == main([*words, '--overwrite']) == 0\n"
            f"print(sorted({heavy} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
        assert ("all filled" if gap_samples else "no damage") in done.stdout

    def test_the_list_says_of_each_command_what_that_says_of_itself(self):
        alone, listed = (
            {info.name: info.help for info in typer.main.get_command(build(wanted)).commands.values()}
            for wanted in (None, "")
        )
        assert list(listed) == list(COMMANDS)
        assert {name: text.strip().splitlines()[0] for name, text in alone.items()} == listed

    def test_version_and_module_are_the_same_command(self, capsys):
        assert main(["--version"]) == 0
        assert capsys.readouterr().out == f"restore-audio {__version__}\n"
        assert command("--version").stdout.decode() == f"restore-audio {__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--nonsense"],
            ["nonsense"],
            ["fix"],
            ["fix", "a.wav", "--method", "magic"],
            ["fix", "a.wav", "--sensitivity", "2"],
            ["fix", "a.wav", "--jobs", "0"],
            ["fix", "a.wav", "--overwrite", "--skip-existing"],
            ["damage", "a.wav"],
            ["damage", "a.wav", "-o", "b.wav", "--count", "2", "--per-second", "1"],
            ["score", "a.wav"],
        ],
    )
    def test_wrong_usage_is_a_sentence_and_exit_code_2(self, arguments, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        save(tmp_path / "a.wav", music(0.1))
        fails(capsys, *arguments, code=2)

    def test_no_colour_where_nobody_wants_it(self):
        done = command("--help", env={**os.environ, "FORCE_COLOR": "", "NO_COLOR": "1"})
        assert b"\x1b" not in done.stdout


class TestFix:
    def test_the_result_goes_to_stdout_and_the_rest_to_stderr(self, damaged, tmp_path, capsys):
        assert main(["fix", str(damaged), "-o", str(tmp_path / "clean.wav"), "-v"]) == 0
        out, err = capsys.readouterr()
        assert out.count("\n") == 1
        assert "2 damaged spans" in out
        assert "all filled" in out
        assert "no gap needed the network" in err

    def test_quiet_is_silent(self, damaged, tmp_path, capsys):
        assert main(["fix", str(damaged), "-o", str(tmp_path / "clean.wav"), "-q"]) == 0
        assert capsys.readouterr() == ("", "")

    def test_without_output_it_lies_beside_the_input(self, damaged):
        assert main(["fix", str(damaged), "-q"]) == 0
        assert damaged.with_name("damaged.restored.wav").exists()

    def test_json_is_one_object_a_recording_and_nothing_else(self, damaged, tmp_path, capsys):
        other = save(tmp_path / "other.wav", music(0.5, seed=3))
        assert main(["fix", str(damaged), str(other), "-o", str(tmp_path / "out"), "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(line["found"], line["filled"]) for line in lines] == [(2, 2), (0, 0)]
        assert lines[1]["identical"] is True
        for span, (start, length) in zip(lines[0]["spans"], HOLES, strict=True):
            assert abs(span["start"] - start) <= 44
            assert abs(span["end"] - start - length) <= 44
            assert span["filled"] is True

    def test_all_further_results_are_written(self, damaged, tmp_path, capsys):
        pytest.importorskip("matplotlib")
        names = {"--report": "r.json", "--labels": "l.txt", "--removed": "x.wav", "--picture": "p.png"}
        extras = [str(word) for option, name in names.items() for word in (option, tmp_path / name)]
        target = tmp_path / "clean.wav"
        assert main(["fix", str(damaged), "-o", str(target), "--loudness", "--json", *extras]) == 0
        line = json.loads(capsys.readouterr().out)
        assert json.loads((tmp_path / "r.json").read_text()) == line
        assert line["loudness"]["before"]["true_peak_dbtp"] < 0
        assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
        assert len((tmp_path / "l.txt").read_text().splitlines()) == 2
        before, after, removed = load(damaged), load(target), load(tmp_path / "x.wav")
        assert np.array_equal(removed + after, before)

    def test_of_several_recordings_each_gets_its_further_results(self, tmp_path, capsys):
        for name in ("in/a.wav", "in/b/a.wav"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            save(tmp_path / name, holes(music(0.8), [(20_000, 200)]))
        arguments = ["--report", str(tmp_path / "rep"), "--removed", str(tmp_path / "rem")]
        assert main(["fix", "-r", str(tmp_path / "in"), "-o", str(tmp_path / "out"), *arguments]) == 0
        made = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
        assert made == [
            *("in/a.wav", "in/b/a.wav", "out/a.wav", "out/b/a.wav"),
            *("rem/a.wav.removed.wav", "rem/b/a.wav.removed.wav", "rep/a.wav.json", "rep/b/a.wav.json"),
        ]
        assert "2 done, none failed" in capsys.readouterr().err

    def test_spans_that_are_given_are_filled_and_nothing_else(self, damaged, tmp_path, capsys):
        (tmp_path / "spans.txt").write_text("0.2\t0.201\tclick\n")
        target = tmp_path / "clean.wav"
        spans = ["--spans", str(tmp_path / "spans.txt")]
        assert main(["fix", str(damaged), "-o", str(target), "--json", *spans]) == 0
        (span,) = json.loads(capsys.readouterr().out)["spans"]
        assert (span["start"], span["end"], span["kind"]) == (8820, 8864, "given")
        changed = np.flatnonzero(load(damaged)[0] != load(target)[0])
        assert changed.size
        assert changed.min() >= 8820
        assert changed.max() < 8864

    def test_a_gap_that_is_too_long_is_left_and_the_reason_said(self, tmp_path, capsys):
        audio = holes(music(2.0), [(20_000, 300), (40_000, 22_050)])
        source = save(tmp_path / "a.wav", audio)
        (tmp_path / "s.json").write_text(
            json.dumps([{"start": 20_000, "end": 20_300}, {"start": 40_000, "end": 62_050}])
        )
        arguments = ["-o", str(tmp_path / "b.wav"), "--spans", str(tmp_path / "s.json"), "--json"]
        assert main(["fix", str(source), *arguments]) == 0
        short, long = json.loads(capsys.readouterr().out)["spans"]
        assert short["filled"]
        assert not long["filled"]
        assert "500 ms is longer than the limit of 400 ms" in long["reason"]
        assert not load(tmp_path / "b.wav")[0, 40_000:62_050].any()

    def test_a_dry_run_writes_nothing(self, damaged, tmp_path, capsys):
        before = sorted(tmp_path.iterdir())
        arguments = ["--report", str(tmp_path / "r.json"), "--journal", str(tmp_path / "j")]
        assert main(["fix", str(damaged), "-o", str(tmp_path / "new/"), "--dry-run", *arguments]) == 0
        assert sorted(tmp_path.iterdir()) == before
        out, err = capsys.readouterr()
        assert "2 damaged spans" in out
        assert "would be written" in err

    def test_names_of_any_script_work(self, tmp_path, capsys):
        source = save(tmp_path / "Žluťoučký 音楽 [1] 'x'.wav", holes(music(0.8), [(20_000, 200)]))
        assert main(["fix", str(source), "-o", str(tmp_path / "ü/"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["source"] == str(source)
        assert (tmp_path / "ü" / source.name).exists()

    def test_the_network_fills_long_gaps_and_its_device_is_said(self, tmp_path, capsys):
        model = tiny_weights(tmp_path, "restore")
        source = save(tmp_path / "a.wav", holes(music(1.6, 16_000), [(12_000, 800)]), 16_000)
        arguments = ["--model", str(model), "--device", "cpu", "-v"]
        for method in ("ar", "network", "auto"):
            target = tmp_path / f"{method}.wav"
            assert main(["fix", str(source), "-o", str(target), "--method", method, *arguments]) == 0
        assert "ran on cpu, because asked for with --device" in capsys.readouterr().err
        fills = {m: load(tmp_path / f"{m}.wav")[0] for m in ("ar", "network", "auto")}
        assert not np.array_equal(fills["ar"], fills["network"])
        assert not np.array_equal(fills["ar"], fills["auto"])
        for fill in fills.values():
            assert np.array_equal(fill[:11_900], load(source)[0, :11_900])

    def test_the_papers_way_gives_16_khz_mono(self, tmp_path):
        model = tiny_weights(tmp_path, "paper")
        source = save(tmp_path / "a.wav", music(0.7, channels=2))
        target = tmp_path / "b.wav"
        assert main(["fix", str(source), "-o", str(target), "--method", "paper", "--model", str(model)]) == 0
        info = soundfile.info(target)
        assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 11_200)


def tiny_weights(folder: Path, task: str) -> Path:
    """Untrained weights of the smallest network, in a file as training writes it."""
    import torch

    from restore_audio.network.checkpoint import ModelCard
    from restore_audio.network.checkpoint import save as save_weights
    from restore_audio.network.maps import RESTORE_CHANNELS, FeatureSettings
    from restore_audio.network.unet import NetworkSettings, UNet

    torch.manual_seed(0)
    channels = RESTORE_CHANNELS if task == "restore" else 1
    network = UNet(NetworkSettings(width=4, in_channels=channels))
    training = {"power": 0.5, "features": FeatureSettings().to_dict()}
    path = folder / f"{task}.safetensors"
    save_weights(path, network, ModelCard(network.settings, task, training))
    return path


class TestBatch:
    def test_one_bad_file_never_stops_the_others_and_the_summary_names_it(self, tmp_path, capsys):
        for name in ("a.wav", "c.wav"):
            save(tmp_path / name, holes(music(0.8), [(20_000, 200)]))
        (tmp_path / "b.wav").write_bytes(b"this is no audio")
        for workers in ("1", "2"):
            out = tmp_path / f"out{workers}"
            assert main(["fix", str(tmp_path), "-o", str(out), "--jobs", workers]) == 1
            assert sorted(p.name for p in out.iterdir()) == ["a.wav", "c.wav"]
            err = capsys.readouterr().err
            assert f"2 done, 1 failed: {tmp_path / 'b.wav'}" in err
            assert err.count("b.wav is not audio") == 1

    def test_existing_results_are_refused_skipped_or_replaced_as_told(self, damaged, tmp_path, capsys):
        target = tmp_path / "clean.wav"
        target.write_bytes(b"precious")
        sentence = fails(capsys, "fix", damaged, "-o", target)
        assert "--overwrite" in sentence
        assert "--skip-existing" in sentence
        assert main(["fix", str(damaged), "-o", str(target), "--skip-existing"]) == 0
        assert target.read_bytes() == b"precious"
        capsys.readouterr()
        report = tmp_path / "r.json"
        report.write_text("precious")
        assert "r.json is there already" in fails(
            capsys, "fix", damaged, "-o", tmp_path / "n.wav", "--report", report
        )
        assert not (tmp_path / "n.wav").exists()
        assert main(["fix", str(damaged), "-o", str(target), "--overwrite"]) == 0
        assert soundfile.info(target).frames == 70_560

    def test_shards_and_journal_share_and_remember_the_work(self, tmp_path, capsys):
        for name in "abc":
            save(tmp_path / f"{name}.wav", music(0.3))
        out = tmp_path / "out"
        for part, names in (("1/2", "ac"), ("2/2", "abc")):
            assert main(["fix", f"{tmp_path}/*.wav", "-o", str(out), "--shard", part, "-q"]) == 0
            assert sorted(p.stem for p in out.iterdir()) == list(names)
        arguments = ["fix", f"{tmp_path}/*.wav", "-o", f"{out}2", "--journal", str(tmp_path / "j"), "--json"]
        assert main(arguments) == 0
        assert len(capsys.readouterr().out.splitlines()) == 3
        save(tmp_path / "d.wav", music(0.3))
        assert main(arguments) == 0
        assert [json.loads(x)["source"] for x in capsys.readouterr().out.splitlines()] == [
            f"{tmp_path}/d.wav"
        ]


class TestBadInput:
    """Every line of the list: one sentence, an exit code, nothing lost."""

    def test_not_audio(self, tmp_path, capsys):
        (tmp_path / "a.wav").write_bytes(b"Dear diary, " * 100)
        assert "not audio" in fails(capsys, "fix", tmp_path / "a.wav")
        assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]

    @pytest.mark.parametrize("suffix", [".wav", ".aiff", ".flac", ".ogg"])
    def test_truncated(self, suffix, tmp_path, capsys):
        path = tmp_path / f"a{suffix}"
        soundfile.write(path, music(3.0)[0], 44_100)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        before = path.read_bytes()
        assert str(path) in fails(capsys, "fix", path)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
        assert path.read_bytes() == before

    def test_samples_that_are_not_numbers_are_filled(self, tmp_path, capsys):
        audio = music(1.6)
        audio[0, 30_000:30_200] = np.nan
        audio[0, 50_000] = np.inf
        source = save(tmp_path / "a.wav", audio, subtype="FLOAT")
        assert main(["fix", str(source), "-o", str(tmp_path / "b.wav"), "--json"]) == 0
        assert {s["kind"] for s in json.loads(capsys.readouterr().out)["spans"]} == {"nan"}
        after = load(tmp_path / "b.wav")
        assert np.isfinite(after).all()
        healthy = np.isfinite(audio)
        assert np.mean(after[healthy] != load(source)[healthy]) < 0.002

    def test_nothing_but_samples_that_are_not_numbers(self, tmp_path, capsys):
        source = save(tmp_path / "a.wav", np.full((1, 44_100), np.nan), subtype="FLOAT")
        assert main(["fix", str(source), "-o", str(tmp_path / "b.wav"), "--json"]) == 0
        line = json.loads(capsys.readouterr().out)
        assert line["filled"] == 0
        assert source.read_bytes() == (tmp_path / "b.wav").read_bytes()

    @pytest.mark.parametrize("frames", [1, 2, 100, 4_000])
    def test_shorter_than_a_patch_works(self, frames, tmp_path):
        source = save(tmp_path / "a.wav", music(0.5)[:, :frames])
        assert main(["fix", str(source), "-o", str(tmp_path / "b.wav"), "-q"]) == 0
        assert (tmp_path / "b.wav").read_bytes() == source.read_bytes()

    def test_a_short_recording_with_a_hole_is_restored(self, tmp_path, capsys):
        source = save(tmp_path / "a.wav", holes(music(0.3), [(7_000, 100)]))
        assert main(["fix", str(source), "-o", str(tmp_path / "b.wav"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["filled"] == 1
        assert load(tmp_path / "b.wav")[0, 7_000:7_100].any()

    def test_digital_silence_is_no_damage(self, tmp_path, capsys):
        source = save(tmp_path / "a.wav", np.zeros((2, 88_200)))
        assert main(["fix", str(source), "-o", str(tmp_path / "b.wav"), "--json", "--loudness"]) == 0
        line = json.loads(capsys.readouterr().out)
        assert line["found"] == 0
        assert line["loudness"]["before"]["integrated_lufs"] is None
        assert source.read_bytes() == (tmp_path / "b.wav").read_bytes()

    def test_paths_that_are_not_there(self, tmp_path, capsys, damaged):
        assert "There is no file" in fails(capsys, "fix", tmp_path / "gone.wav")
        assert "gone" in fails(capsys, "fix", damaged, "-o", tmp_path / "gone" / "b.wav")
        assert "cannot be made" in fails(capsys, "fix", damaged, "-o", f"{damaged}/out/")
        assert "spans" in fails(capsys, "fix", damaged, "--spans", tmp_path / "gone.json")

    @pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read and write everything")
    def test_unreadable_and_unwritable(self, tmp_path, capsys, damaged):
        locked = tmp_path / "locked"
        locked.mkdir()
        locked.chmod(0o500)
        assert "cannot be written" in fails(capsys, "fix", damaged, "-o", locked / "b.wav")
        damaged.chmod(0)
        assert "cannot be read" in fails(capsys, "fix", damaged)

    def test_unreadable_for_anybody(self, capsys, damaged, monkeypatch):
        whole = Path.open

        def locked(path, *arguments, **options):
            if path == damaged:
                raise PermissionError(13, "Permission denied")
            return whole(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", locked)
        assert "no permission" in fails(capsys, "fix", damaged)

    def test_unwritable_for_anybody(self, capsys, damaged):
        if not Path("/proc/self").exists():
            pytest.skip("here every folder can be written to")
        assert "cannot be" in fails(capsys, "fix", damaged, "-o", "/proc/self/b.wav")

    def test_output_equal_to_input(self, damaged, capsys, monkeypatch):
        before = damaged.read_bytes()
        monkeypatch.chdir(damaged.parent)
        for target in (damaged, "damaged.wav", "./damaged.wav"):
            assert "an input of this run" in fails(capsys, "fix", damaged, "-o", target, "--overwrite")
        assert "an input of this run" in fails(capsys, "fix", damaged, "-o", damaged.parent, "--overwrite")
        assert damaged.read_bytes() == before

    @pytest.mark.parametrize("command_name", ["detect", "fix"])
    @pytest.mark.parametrize("option", ["--report", "--labels", "--picture", "--removed"])
    @pytest.mark.parametrize(
        "name", ["damaged.wav", "./damaged.wav", "linked/damaged.wav", "other.wav", "absolute"]
    )
    def test_no_result_replaces_the_recording(self, command_name, option, name, damaged, capsys, monkeypatch):
        """``detect a.wav --report a.wav`` once replaced the recording with text."""
        if command_name == "detect" and option == "--removed":
            return
        before = damaged.read_bytes()
        folder = damaged.parent
        (folder / "linked").symlink_to(folder, target_is_directory=True)
        (folder / "other.wav").hardlink_to(damaged)
        monkeypatch.chdir(folder)
        named = str(damaged) if name == "absolute" else name
        output = [] if command_name == "detect" else ["-o", "fixed.wav"]
        for more in ([], ["--overwrite"]):
            sentence = fails(capsys, command_name, damaged, *output, option, named, *more)
            assert "an input of this run" in sentence
            assert damaged.read_bytes() == before
        assert not (folder / "fixed.wav").exists()

    def test_detect_replaces_no_file_without_overwrite(self, damaged, capsys):
        notes = damaged.with_name("notes.json")
        notes.write_text("mine")
        assert "there already" in fails(capsys, "detect", damaged, "--report", notes)
        assert notes.read_text() == "mine"
        assert main(["detect", str(damaged), "--report", str(notes), "--overwrite"]) == 0
        assert notes.read_text() != "mine"

    def test_another_recording_of_the_run_is_never_replaced(self, damaged, tmp_path, capsys):
        folder = tmp_path / "g"
        folder.mkdir()
        first, second = folder / "z.wav", folder / "1.wav"
        for path in (first, second):
            path.write_bytes(damaged.read_bytes())
        before = {path: path.read_bytes() for path in (first, second)}
        own = save(tmp_path / "q.wav", holes(music(1.6), HOLES))
        taken = save(tmp_path / "q.restored.wav", music(1.0))
        runs = (
            (first, second, "-o", folder, "--name", "{index}.wav", "--overwrite"),
            (own, taken, "--overwrite"),
            (own, "-o", tmp_path / "x.wav", "--spans", damaged, "--report", damaged, "--overwrite"),
        )
        for arguments in runs:
            assert "an input of this run" in fails(capsys, "fix", *arguments)
        assert all(path.read_bytes() == data for path, data in before.items())
        assert load(taken).shape[1] == music(1.0).shape[1]

    @pytest.mark.parametrize("suffix", [".wav", ".flac"])
    def test_disk_full(self, suffix, damaged, tmp_path):
        target = tmp_path / "out" / f"b{suffix}"
        target.parent.mkdir()
        target.write_bytes(b"precious")
        done = command(
            *("fix", damaged, "-o", target, "--overwrite"),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
        )
        assert done.returncode == 1
        sentences = done.stderr.decode().splitlines()
        assert len(sentences) == 1, sentences
        assert str(target.name) in sentences[0]
        assert target.read_bytes() == b"precious"
        assert [p.name for p in target.parent.iterdir()] == [target.name]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("workers", [1, 2])
    def test_interrupted_in_the_middle(self, number, workers, tmp_path):
        names = [f"{letter}.wav" for letter in "abcdefgh"]
        audio = holes(music(10.0, 22_050), [(s, 300) for s in range(9_000, 210_000, 20_000)])
        for name in names:
            save(tmp_path / name, audio, 22_050)
        out = tmp_path / "out"
        words = ["fix", str(tmp_path), "-o", str(out), "--method", "ar", "--jobs", str(workers)]
        process = subprocess.Popen(
            [sys.executable, "-m", "restore_audio", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # Where the tests run in the background of a shell, SIGINT is ignored and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        process.stdout.readline()  # the first recording is done
        time.sleep(0.1)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 128 + number
        said = ["restore-audio: interrupted; nothing half-written was left behind."]
        assert err.decode().splitlines() == (said if number == signal.SIGINT else [])
        made = sorted(p.name for p in out.iterdir())
        assert 1 <= len(made) < len(names)
        assert set(made) <= set(names)
        for name in made:
            assert soundfile.info(out / name).frames == soundfile.info(tmp_path / name).frames

    def test_missing_weights(self, tmp_path, capsys, monkeypatch):
        source = save(tmp_path / "a.wav", holes(music(1.6, 16_000), [(12_000, 800)]), 16_000)
        assert "no weights" in fails(capsys, "fix", source, "--model", "gone")
        assert "no weights" in fails(capsys, "fix", source, "--model", tmp_path / "gone.safetensors")
        needing_it = ("fix", source, "--method", "network")
        monkeypatch.setattr("restore_audio.network.shipped.models_dir", lambda: tmp_path / "nowhere")
        assert "no weights" in fails(capsys, *needing_it, "-o", tmp_path / "b.wav")
        assert "no weights" in fails(capsys, "models", "list")
        assert not (tmp_path / "b.wav").exists()

    def test_corrupted_weights(self, tmp_path, capsys):
        source = save(tmp_path / "a.wav", holes(music(1.6, 16_000), [(12_000, 800)]), 16_000)
        whole = tiny_weights(tmp_path, "restore").read_bytes()
        for content in (b"", b"rubbish" * 100, whole[: len(whole) // 2]):
            bad = tmp_path / "bad.safetensors"
            bad.write_bytes(content)
            sentence = fails(capsys, "fix", source, "-o", tmp_path / "b.wav", "--model", bad)
            assert "bad.safetensors" in sentence
            assert not (tmp_path / "b.wav").exists()
            assert main(["models", "verify", str(bad)]) == 1
            assert "bad.safetensors" in capsys.readouterr().err

    def test_weights_of_another_task(self, tmp_path, capsys):
        source = save(tmp_path / "a.wav", holes(music(1.6, 16_000), [(12_000, 800)]), 16_000)
        other = tiny_weights(tmp_path, "paper")
        assert "task 'paper'" in fails(capsys, "fix", source, "--method", "network", "--model", other)

    def test_cuda_asked_for_where_there_is_none(self, damaged, capsys, monkeypatch):
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        sentence = fails(capsys, "fix", damaged, "--device", "cuda")
        assert "no CUDA device" in sentence
        assert "--device cpu" in sentence


class TestDevice:
    def test_auto_takes_the_gpu_that_is_there_and_says_so(self, monkeypatch):
        import torch

        from restore_audio.network.device import choose_device

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Test GPU")
        assert choose_device("auto") == ("cuda", "a CUDA GPU is there (Test GPU)")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        assert choose_device("auto")[0] == "mps"
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        assert choose_device("auto") == ("cpu", "no GPU is there")
        assert choose_device("cpu")[0] == "cpu"


def all_of(keeper: int) -> bytes:
    """What a terminal has been shown; one read gives a part of it."""
    os.set_blocking(keeper, False)
    shown = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(keeper, 1 << 16):
            shown += piece
    os.close(keeper)
    return shown


class TestPipes:
    def test_audio_goes_through_a_pipe(self, damaged, tmp_path):
        assert main(["fix", str(damaged), "-o", str(tmp_path / "clean.wav"), "-q"]) == 0
        done = command("fix", "-", "-o", "-", input=damaged.read_bytes())
        assert done.returncode == 0
        assert done.stdout == (tmp_path / "clean.wav").read_bytes()
        assert b"2 damaged spans" in done.stderr

    @pytest.mark.parametrize("words", ["fix {} -o -", "detect {} --json", "detect {} -q", "--version"])
    def test_a_reader_that_leaves_is_met_with_silence(self, words, damaged):
        reader, writer = os.pipe()
        os.close(reader)
        arguments = words.format(damaged).split()
        done = subprocess.run(
            [sys.executable, "-m", "restore_audio", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )
        os.close(writer)
        assert done.returncode == 1
        assert done.stderr == b""

    def test_rubbish_and_nothing_through_a_pipe(self):
        for content in (b"", b"rubbish" * 50):
            done = command("fix", "-", input=content)
            assert done.returncode == 1
            assert done.stdout == b""
            assert len(done.stderr.splitlines()) == 1

    def test_json_and_audio_do_not_share_a_pipe(self, damaged, capsys):
        assert "--json" in fails(capsys, "fix", damaged, "-o", "-", "--json", code=2)

    def test_audio_is_not_written_to_a_terminal(self, damaged):
        import pty

        keeper, terminal = pty.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "restore_audio", "fix", str(damaged), "-o", "-"],
            stdout=terminal,
            stderr=subprocess.PIPE,
            timeout=300,
            check=False,
        )
        os.close(keeper)
        os.close(terminal)
        assert done.returncode == 2
        assert b"terminal" in done.stderr

    def test_a_bar_is_drawn_on_a_terminal_and_gone_at_the_end(self, damaged, tmp_path):
        import pty

        keeper, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "restore_audio", "fix", str(damaged), "-o", str(tmp_path / "c.wav")],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm"},
        )
        out, _ = process.communicate(timeout=300)
        shown = all_of(keeper)
        os.close(terminal)
        assert b"damaged.wav: looking" in shown
        assert out.count(b"\n") == 1
        assert b"\x1b" not in out

    def test_the_bar_names_the_recording_its_number_and_the_repairs_so_far(self, tmp_path):
        for name in "ab":
            save(tmp_path / f"{name}.wav", holes(music(1.6), HOLES))
        keeper, terminal = os.openpty()
        done = subprocess.run(
            [sys.executable, "-m", "restore_audio", "fix", str(tmp_path), "-o", str(tmp_path / "out")],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
            check=True,
        )
        shown = all_of(keeper).decode()
        os.close(terminal)
        for text in ("2 of 2: b.wav", "4 repairs"):  # what was drawn before depends on the clock
            assert text in shown
        assert done.stdout.count(b"all filled") == 2
        assert re.search(
            r"4 damaged spans in 2 of 2 recordings, all filled, in [\d.]+ s: 2 done, none", shown
        )


class TestDamageAndScore:
    @pytest.fixture
    def clean(self, tmp_path):
        return save(tmp_path / "clean.wav", music(3.0, channels=2))

    def test_damage_is_seeded_replayable_and_its_spans_are_true(self, clean, tmp_path, capsys):
        target, spans = tmp_path / "damaged.wav", tmp_path / "spans.json"
        kinds = ["--kind", "zeros", "--kind", "click", "--kind", "dropout", "--kind", "repeat"]
        arguments = ["--count", "2", "--seed", "7", "--spans", str(spans)]
        assert main(["damage", str(clean), "-o", str(target), *kinds, *arguments]) == 0
        document = json.loads(spans.read_text())
        assert {s["kind"] for s in document["spans"]} == {"zeros", "click", "dropout", "repeat"}
        before, after = load(clean), load(target)
        inside = np.zeros(before.shape, dtype=bool)
        for span in document["spans"]:
            inside[span["channel"] - 1, span["start"] : span["end"]] = True
            assert span["filled"] is False
        assert np.array_equal(before[~inside], after[~inside])
        assert np.mean(before[inside] != after[inside]) > 0.8
        again = tmp_path / "again.wav"
        assert main(["damage", str(clean), "-o", str(again), *kinds, "--count", "2", "--seed", "7"]) == 0
        assert again.read_bytes() == target.read_bytes()
        replayed = tmp_path / "replayed.wav"
        assert main(["damage", str(clean), "-o", str(replayed), "--replay", str(spans)]) == 0
        assert replayed.read_bytes() == target.read_bytes()
        other = tmp_path / "other.wav"
        assert main(["damage", str(clean), "-o", str(other), *kinds, "--count", "2", "--seed", "8"]) == 0
        assert other.read_bytes() != target.read_bytes()

    def test_lengths_are_kept_and_counted(self, clean, tmp_path, capsys):
        arguments = ["--length-ms", "5:10", "--per-second", "1", "--json"]
        assert main(["damage", str(clean), "-o", str(tmp_path / "d.wav"), *arguments]) == 0
        spans = json.loads(capsys.readouterr().out)["spans"]
        assert len({(s["start"], s["end"]) for s in spans}) == 3
        assert all(0.0049 <= s["end_s"] - s["start_s"] <= 0.0101 for s in spans)

    def test_what_cannot_be_damaged_is_a_sentence(self, clean, tmp_path, capsys):
        short = save(tmp_path / "short.wav", music(1.0))
        spans = tmp_path / "s.json"
        assert main(["damage", str(clean), "-o", str(tmp_path / "d.wav"), "--spans", str(spans)]) == 0
        capsys.readouterr()
        target = tmp_path / "n.wav"
        assert "another recording" in fails(capsys, "damage", short, "-o", target, "--replay", spans)
        assert "cannot be NaN" in fails(capsys, "damage", clean, "-o", target, "--kind", "nan")
        assert "--length-ms" in fails(capsys, "damage", clean, "-o", target, "--length-ms", "9:x", code=2)
        there = fails(capsys, "damage", clean, "-o", tmp_path / "d.wav")
        assert "is there already" in there
        assert "--skip-existing" not in there  # an option of fix alone
        assert not target.exists()

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--kind", "tape", "--kind", "packets-g711", "--kind", "disc-hold"),
            ("--kind", "buffers-dropped", "--kind", "zeros"),
            ("--kind", "codec-opus", "--then", "gain:-3"),
            ("--then", "mp3:128", "--then", "rate:48000"),
            ("--kind", "undamaged-chiptune", "--then", "mulaw"),
        ],
        ids=lambda words: words[-1],
    )
    @pytest.mark.parametrize("suffix", [".wav", ".flac"])
    def test_machines_and_what_follows_replay_to_the_bit(self, arguments, suffix, clean, tmp_path, capsys):
        target, spans, again = (tmp_path / n for n in (f"d{suffix}", "s.json", f"again{suffix}"))
        drawn = [*arguments, "--count", "3", "--seed", "5", "--spans", str(spans)]
        assert main(["damage", str(clean), "-o", str(target), *drawn]) == 0
        assert main(["damage", str(clean), "-o", str(again), "--replay", str(spans)]) == 0
        assert again.read_bytes() == target.read_bytes()
        document, info = json.loads(spans.read_text()), soundfile.info(target)
        rate_hz = 48_000 if "rate:48000" in arguments else 44_100
        assert info.samplerate == document["rate_hz"] == rate_hz
        assert info.frames == document["samples"]
        kinds = {span["kind"] for span in document["spans"]}
        assert bool(kinds) != ("undamaged-chiptune" in arguments)
        assert (info.frames < 3 * rate_hz) == ("splice" in kinds)
        assert "splice" in kinds or "buffers-dropped" not in arguments
        assert all(0 <= s["start"] < s["end"] <= info.frames for s in document["spans"])

    def test_a_damaged_copy_of_another_rate_has_the_coding_of_its_suffix(self, clean, tmp_path):
        for name, subtype in (("d.ogg", "VORBIS"), ("d.flac", "PCM_16"), ("d.mp3", "MPEG_LAYER_III")):
            arguments = ["-o", str(tmp_path / name), "--then", "rate:48000"]
            assert main(["damage", str(clean), *arguments]) == 0
            info = soundfile.info(tmp_path / name)
            assert (info.samplerate, info.subtype) == (48_000, subtype)

    def test_kinds_and_steps_that_are_none_are_a_sentence(self, clean, tmp_path, capsys):
        words = "damage", clean, "-o", tmp_path / "n.wav"
        assert "packets-g711, codec-mp3" in fails(capsys, *words, "--kind", "scratch", code=2)
        assert "mulaw, mp3, aac" in fails(capsys, *words, "--then", "shout", code=2)
        steps = (
            *("mp3:loud", "mp3:2", "opus:640", "dither:3", "lowpass:-1", "rate:7", "gain:nan"),
            *("noise:inf", "dc:2"),
        )
        for step in steps:
            assert f"--then {step}" in fails(capsys, *words, "--then", step, code=2)
        spans = tmp_path / "s.json"
        spans.write_text("{}")
        for drawn in (("--kind", "tape"), ("--count", "2"), ("--length-ms", "5:9")):
            assert "leave out" in fails(capsys, *words, "--replay", spans, *drawn, code=2)
        assert "records no damage" in fails(capsys, *words, "--replay", spans)
        shape = {"rate_hz": 44_100, "channels": 2, "samples": 3 * 44_100}
        for rows in ([{"record": "scratch"}], [{"record": "slips", "slips": [[1, 2]]}], [3]):
            spans.write_text(json.dumps({"clean": shape, "damages": rows}))
            assert "cannot be replayed" not in (sentence := fails(capsys, *words, "--replay", spans))
            assert "that can be replayed" in sentence
        far = {"record": "simple", "damages": [{"kind": "zeros", "start": 1, "end": 10**7, "channel": 1}]}
        spans.write_text(json.dumps({"clean": shape, "damages": [far]}))
        assert "beyond measure" in fails(capsys, *words, "--replay", spans)
        assert not (tmp_path / "n.wav").exists()

    def test_score_tells_how_much_better_it_got(self, clean, tmp_path, capsys):
        target, spans, fixed = (tmp_path / n for n in ("d.wav", "s.json", "f.wav"))
        arguments = ["--count", "3", "--length-ms", "2:6", "--seed", "1", "--spans", str(spans)]
        assert main(["damage", str(clean), "-o", str(target), *arguments]) == 0
        assert main(["fix", str(target), "-o", str(fixed)]) == 0
        capsys.readouterr()
        scores = []
        for test in (target, fixed):
            assert main(["score", str(clean), str(test), "--spans", str(spans), "--json"]) == 0
            scores.append(json.loads(capsys.readouterr().out))
        assert scores[0]["sdr_in_spans_db"] == pytest.approx(0, abs=0.01)
        assert scores[1]["sdr_in_spans_db"] > 10
        assert scores[1]["sdr_db"] > scores[0]["sdr_db"] + 10
        assert scores[1]["lsd_db"] < scores[0]["lsd_db"]
        assert scores[0]["changed_outside_spans_share"] == 0

    def test_score_knows_odg_and_identity(self, clean, capsys):
        assert main(["score", str(clean), str(clean), "--odg", "--json"]) == 0
        score = json.loads(capsys.readouterr().out)
        assert score["identical"] is True
        assert score["odg"] > -0.05
        assert score["two_f"] == 100.0
        assert main(["score", str(clean), str(clean)]) == 0
        assert "identical" in capsys.readouterr().out

    def test_score_names_the_worst_channel(self, tmp_path, capsys):
        stereo = music(2.0, channels=2)
        noisy = stereo.copy()
        noisy[0] += 0.02 * np.random.default_rng(0).standard_normal(noisy.shape[1])
        clean, test = save(tmp_path / "clean.wav", stereo), save(tmp_path / "noisy.wav", noisy)
        assert main(["score", str(clean), str(test), "--odg", "--json"]) == 0
        score = json.loads(capsys.readouterr().out)
        assert score["worst_channel_odg"] < score["odg"] - 0.1

    def test_what_cannot_be_compared_is_a_sentence(self, clean, tmp_path, capsys):
        for other in (music(2.0, channels=2), music(3.0)):
            path = save(tmp_path / "o.wav", other)
            assert "different" in fails(capsys, "score", clean, path)
        silent = save(tmp_path / "silent.wav", np.zeros((1, 44_100)))
        assert main(["score", str(silent), str(silent), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["sdr_db"] is None


class TestDetect:
    def test_each_span_is_a_line(self, damaged, capsys):
        before = damaged.read_bytes()
        assert main(["detect", str(damaged)]) == 0
        out, err = capsys.readouterr()
        assert len(out.splitlines()) == 2
        assert out.split()[2:4] == ["ch1", "zeros"]
        assert "2 damaged spans" in err
        assert damaged.read_bytes() == before

    def test_it_explains_itself_when_asked(self, damaged, capsys):
        assert main(["detect", str(damaged), "--explain"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 4
        assert all("samples exactly zero" in line for line in lines[1::2])
        assert main(["detect", str(damaged), "--json"]) == 0
        spans = json.loads(capsys.readouterr().out)["spans"]
        assert all("samples exactly zero" in span["evidence"] for span in spans)

    def test_its_report_can_be_given_to_fix(self, damaged, tmp_path):
        report = tmp_path / "spans.json"
        assert main(["detect", str(damaged), "--report", str(report), "-q"]) == 0
        for name, spans in (("a.wav", ["--spans", str(report)]), ("b.wav", [])):
            assert main(["fix", str(damaged), "-o", str(tmp_path / name), "-q", *spans]) == 0
        assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


class TestDoctor:
    def test_it_names_what_is_there_and_what_is_broken(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr("restore_audio.network.shipped.models_dir", lambda: tmp_path)
        assert main(["doctor", "--json"]) == 1
        findings = {f["what"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
        assert findings["torch"]["state"] == "ok"
        assert findings["device"]["state"] == "ok"
        assert findings["weights"]["state"] == "broken"
        tiny_weights(tmp_path, "restore")
        tiny_weights(tmp_path, "paper")
        assert main(["doctor"]) == 0
        assert "ok       weights" in capsys.readouterr().out

    def test_models_are_listed_and_verified(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr("restore_audio.network.shipped.models_dir", lambda: tmp_path)
        tiny_weights(tmp_path, "restore")
        assert main(["models", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["network"]["width"] == 4
        assert main(["models", "verify"]) == 0
        assert "ok" in capsys.readouterr().out
        (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  restore.safetensors\n")
        assert main(["models", "verify"]) == 1
        assert "SHA-256 differs" in capsys.readouterr().err
