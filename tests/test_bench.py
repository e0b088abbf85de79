"""Benchmarks are honest, repeatable, and survive being interrupted."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich.console
import soundfile
from numpy.typing import NDArray

from restore_audio.cli.app import main
from restore_audio.damage.packet_loss import lose_packets
from restore_audio.errors import InputError, UsageError
from restore_audio.fill.methods import METHODS, method_named
from restore_audio.measure import bench, methods, real, scoring
from restore_audio.measure.baselines import Baseline
from restore_audio.measure.bench import KEPT_NAME, Plan, make_trials, read_rows, run_bench
from restore_audio.measure.material import Material, choose_material, load_excerpt
from restore_audio.measure.measured import Measured
from restore_audio.measure.methods import Method, Outcome, choose_methods
from restore_audio.measure.paper_task import lose_frames
from restore_audio.measure.protocols import PROTOCOLS
from restore_audio.measure.rivals import FoundRival, Rival
from restore_audio.measure.scoring import pool, score
from restore_audio.measure.trials import CLEAN
from restore_audio.show import bench_table
from restore_audio.show.bench_html import page
from restore_audio.show.bench_table import BenchResult, Sheet, as_data, markdown, sheets
from restore_audio.show.bench_terminal import fitted, legend, rich_table, short_names
from restore_audio.signal.spectrum import interpolate_frames as line_across

Array = NDArray[np.float64]
RATE_HZ = 16_000


def song(seed: int, seconds: float = 6.0) -> Array:
    """Decaying chords over a little noise: predictable, but not wholly."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = 2e-3 * rng.standard_normal(time.size)
    for beat in np.arange(0, seconds, 0.5):
        age = np.maximum(time - beat, 0)
        struck = np.minimum(age / 0.005, 1) * np.exp(-2 * age)  # struck within 5 ms: no splice
        for f in 110 * 2 ** (rng.integers(0, 30, 3) / 12):
            sound += 0.06 * struck * np.sin(2 * np.pi * f * age + rng.uniform(0, 6))
    return np.asarray(sound)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for seed, name in enumerate(("Folk/one", "Folk/two", "Jazz/three")):
        path = folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, song(seed), RATE_HZ, subtype="FLOAT")
    return folder


def material(music: Path, genre: str = "Jazz", seconds: float = 5.0) -> Material:
    return choose_material(music, genres=[genre], per_genre=1, seconds=seconds, seed=0)


def plan(music: Path, protocol: str = "gaps", methods: str = "nothing,line,ar", **others: Any) -> Plan:
    chosen = choose_methods(methods.split(","), protocol, [], rival_time_limit_s=5)
    lengths = (5.0, 20.0) if protocol == "gaps" else ()
    made = Plan(
        protocol, PROTOCOLS[protocol].conditions(lengths), tuple(chosen), material(music), 0, 3, graders=()
    )
    return replace(made, **others)


def result_of(made: Plan, **how: Any) -> BenchResult:
    return BenchResult(made, tuple(run_bench(made, **how)))


def numbers(result: BenchResult) -> dict[str, Any]:
    """All that two runs have in common."""
    data = as_data(result)
    return {name: data[name] for name in data.keys() - {"cost", "tables", "command"}}


class TestHonesty:
    def test_doing_nothing_about_zeroed_gaps_is_0_db(self, music: Path) -> None:
        summary = result_of(plan(music)).summary("nothing")
        assert summary["sdr_db"] == 0
        assert summary["gaps"] == 6

    def test_a_perfect_restoration_is_graded_as_one(self, music: Path) -> None:
        trial = make_trials(plan(music).tasks()[0])[0]
        perfect = pool([score(Measured(trial, Outcome(trial.clean, None, 1.0, None)), graders=["peaq"])])
        assert perfect["odg"] is not None
        assert perfect["odg"] >= -0.05
        assert perfect["two_f"] == 100.0
        assert perfect["sdr_db"] == 100
        assert perfect["lsd_db"] == 0
        assert perfect["healthy_changed"] == 0

    def test_ours_beats_doing_nothing_and_leaves_healthy_samples_alone(self, music: Path) -> None:
        result = result_of(plan(music))
        ours = result.summary("ar")
        assert ours["sdr_db"] is not None
        assert ours["sdr_db"] > 6
        assert ours["healthy_changed"] == 0

    def test_every_method_gets_the_same_damage(self, music: Path) -> None:
        tasks = plan(music).tasks()
        first, second = (make_trials(task)[0] for task in tasks[:2])
        assert tasks[0].method != tasks[1].method
        assert np.array_equal(first.damaged, second.damaged)

    def test_a_silent_reference_has_no_numbers_and_no_nan(self, music: Path, tmp_path: Path) -> None:
        (tmp_path / "Quiet").mkdir()
        soundfile.write(tmp_path / "Quiet" / "none.wav", np.zeros(4 * RATE_HZ), RATE_HZ)
        for protocol in ("gaps", "blind", "packets"):
            quiet = choose_material(tmp_path, per_genre=1, seconds=4, seed=0)
            result = result_of(
                replace(plan(music, protocol, "nothing,ar"), material=quiet, graders=("peaq",))
            )
            assert result.summary("ar")["sdr_db"] is None
            json.dumps(as_data(result), allow_nan=False)
            tables = [line for line in markdown(result).splitlines() if line.startswith("|")]
            assert tables
            assert not any("nan" in line or "inf" in line for line in tables)

    def test_a_rival_that_fails_has_a_row_that_says_so(self, music: Path, tmp_path: Path) -> None:
        program = tmp_path / "broken"
        program.write_text("#!/bin/sh\necho out of tape >&2\nexit 9\n")
        program.chmod(0o755)
        rival = FoundRival(Rival("broken", "broken", ("--hard",), ("{input}",), ()), str(program), "1.0")
        method = Method("broken", rival.title, "rival", rival=rival, time_limit_s=5)
        result = result_of(replace(plan(music), methods=(method,)))
        text = markdown(result)
        assert "| broken 1.0 --hard | failed | failed |" in text
        assert "2 run(s) without a result (failed with exit code 9: out of tape)" in text

    def test_the_output_says_what_was_measured_on(self, music: Path) -> None:
        result = result_of(plan(music))
        assert f"Measured on 3 recordings in {music.name}: 1 excerpt, 5 s, Jazz" in markdown(result)


class TestRepeatable:
    def test_two_runs_and_two_processes_give_the_same_numbers(self, music: Path) -> None:
        once = numbers(result_of(plan(music)))
        assert numbers(result_of(plan(music))) == once
        assert numbers(result_of(plan(music), jobs=2)) == once

    def test_another_seed_gives_other_damage(self, music: Path) -> None:
        assert numbers(result_of(plan(music, seed=1))) != {**numbers(result_of(plan(music))), "seed": 1}

    def test_an_interrupted_run_goes_on_where_it_was(self, music, tmp_path, monkeypatch):
        whole = numbers(result_of(plan(music)))
        original, done = bench.run_task, []

        def interrupted(task: bench.Task) -> bench.Row:
            if len(done) == 3:
                raise KeyboardInterrupt
            done.append(task)
            return original(task)

        monkeypatch.setattr(bench, "run_task", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_bench(plan(music), folder=tmp_path)
        assert len(read_rows(tmp_path)) == 3
        with (tmp_path / KEPT_NAME).open("a") as file:
            file.write('{"key": "half a li')  # what a crash leaves

        again = []
        monkeypatch.setattr(bench, "run_task", lambda task: (again.append(task), original(task))[1])
        assert numbers(result_of(plan(music), folder=tmp_path)) == whole
        assert len(again) == len(plan(music).tasks()) - 3
        again.clear()
        assert numbers(result_of(plan(music), folder=tmp_path)) == whole
        assert again == []

    def test_kept_rows_of_other_damage_or_code_are_not_taken(self, music, tmp_path, monkeypatch):
        keys = {task.key() for task in plan(music).tasks()}
        for other in (plan(music, seed=1), plan(music, gaps=2), plan(music, mono=True)):
            assert keys.isdisjoint(task.key() for task in other.tasks())

    @pytest.mark.parametrize("file", ["detection/verifier.json", "settings.py", "audio/decode.py"])
    def test_rows_are_measured_anew_when_any_file_of_the_package_changes(
        self, music, tmp_path, monkeypatch, file
    ):
        package = tmp_path / "restore_audio"
        shutil.copytree(bench.PACKAGE, package, ignore=shutil.ignore_patterns("suite", "__pycache__"))
        monkeypatch.setattr(bench, "PACKAGE", package)
        original, done = bench.run_task, []
        monkeypatch.setattr(bench, "run_task", lambda task: (done.append(task), original(task))[1])
        made = plan(music, methods="nothing")
        for expected in (2, 0):  # measured, then kept
            done.clear()
            bench.code_digest.cache_clear()
            run_bench(made, folder=tmp_path / "kept")
            assert len(done) == expected
        (package / file).write_text((package / file).read_text() + "\n")
        bench.code_digest.cache_clear()
        run_bench(made, folder=tmp_path / "kept")
        assert len(done) == 2
        bench.code_digest.cache_clear()


class TestProtocols:
    def test_gaps_have_the_length_they_are_named_for(self, music: Path) -> None:
        for task in plan(music).tasks():
            for trial in make_trials(task):
                assert trial.told
                assert {span.length for span in trial.spans} == {round(task.condition.value * RATE_HZ / 1000)}

    def test_blind_damage_is_of_every_kind_and_nobody_is_told(self, music: Path) -> None:
        made = plan(music, "blind", "nothing")
        kinds = {}
        for task in made.tasks():
            (trial,) = make_trials(task)
            assert not trial.told
            kinds[task.condition.name] = {span.kind for span in trial.spans}
        assert kinds["clean"] == set()
        assert kinds["dropout"] == {"dropout"}
        assert kinds["click"] == {"click"}
        assert kinds["repeat"] == {"repeat"}
        assert len(kinds["mixed"]) >= 3

    def test_blind_finds_and_fills_silent_dropouts(self, music: Path) -> None:
        made = plan(music, "blind", "nothing,ar")
        zeros = tuple(condition for condition in made.conditions if condition.kind == "zeros")
        result = result_of(replace(made, conditions=(*zeros, made.conditions[-1])))
        assert result.summary("ar", condition="20 ms")["recall"] == 1
        ours, nothing = (result.summary(name, condition="5 ms")["sdr_db"] for name in ("ar", "nothing"))
        assert ours is not None
        assert nothing is not None
        assert ours > nothing + 5
        assert result.summary("ar")["healthy_changed"] == 0
        assert result.summary("ar", condition="clean")["false_per_minute"] == 0

    def test_the_context_encoders_gap_lies_in_the_middle_of_320_ms(self, music: Path) -> None:
        trials = make_trials(plan(music, "context-encoder", "nothing").tasks()[0])
        assert trials
        for trial in trials:
            assert trial.clean.shape == (1, 5120)
            assert [(s.start, s.end) for s in trial.spans] == [(2048, 3072)]

    @pytest.mark.parametrize("share", [0.1, 0.2])
    @pytest.mark.parametrize("burst", [None, 3.0])
    def test_as_many_packets_are_lost_as_said_in_bursts_as_long_as_said(self, share, burst):
        mean = burst or 1 / (1 - share)
        lost = lose_packets(np.random.default_rng(0), 200_000, share, mean)
        assert lost.mean() == pytest.approx(share, rel=0.05)
        bursts = np.count_nonzero(np.diff(lost.astype(int)) == 1)
        assert lost.sum() / bursts == pytest.approx(mean, rel=0.05)

    def test_long_gaps_are_filled_although_fix_would_leave_them(self, music: Path) -> None:
        made = plan(music, "long", "ar", gaps=1)
        made = replace(made, conditions=made.conditions[:2])
        summary = result_of(made).summary("ar")
        assert summary["energy_db"] is not None
        assert summary["energy_db"] > -60

    def test_the_papers_frames_are_lost_and_a_line_across_them_helps(self, music: Path) -> None:
        result = result_of(plan(music, "paper", "nothing,frames"))
        before, after = result.summary("nothing"), result.summary("frames")
        assert before["gaps"] == after["gaps"] == 9  # 5 s hold 9 whole patches of 512 ms
        assert before["psnr_db"] is not None
        assert after["psnr_db"] is not None
        assert after["psnr_db"] > before["psnr_db"] + 3
        assert after["nrmse_rms"] is not None
        assert before["nrmse_rms"] is not None
        assert after["nrmse_rms"] < before["nrmse_rms"] < 1
        assert "| mean of the genres | 9 |" in markdown(result)

    def test_the_line_across_frames_is_that_of_the_networks_own_input(self) -> None:
        torch = pytest.importorskip("torch")
        from restore_audio.network.features import interpolate_frames

        rng = np.random.default_rng(0)
        clean = rng.uniform(0, 1, (4, 128, 128))
        damaged, lost = lose_frames(clean, rng)
        theirs = interpolate_frames(torch.from_numpy(damaged), ~torch.from_numpy(lost)[:, None])
        assert line_across(damaged, ~lost) == pytest.approx(theirs.numpy(), rel=1e-6)
        assert all(12 <= count <= 88 for count in lost.sum(axis=1))


class TestRegistries:
    def test_a_metric_of_one_line_is_in_tables_json_and_page(self, music, monkeypatch):
        toy = scoring.Metric("peak", "peak of the <result>", lambda m: [float(np.abs(m.samples).max())])
        monkeypatch.setattr(scoring, "METRICS", (*scoring.METRICS, toy))
        monkeypatch.setattr(bench_table, "METRICS", scoring.METRICS)
        result = result_of(plan(music, methods="nothing"))
        trials = [make_trials(task)[0] for task in result.plan.tasks()]
        peaks = [np.abs(trial.damaged).max() for trial in trials]
        assert result.summary("nothing")["peak"] == pytest.approx(np.mean(peaks))
        assert as_data(result)["results"][0]["peak"] == pytest.approx(peaks[0])
        assert "peak of the <result> |" in markdown(result)
        assert "<th>peak of the &lt;result&gt;</th>" in page(result, [])

    def test_a_baseline_of_one_line_is_measured(self, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        toy = Baseline("ones", "all ones", lambda samples, spans, rate_hz: np.ones_like(samples))
        monkeypatch.setattr(methods, "BASELINES", {**methods.BASELINES, "ones": toy})
        chosen = choose_methods([], "gaps", [], rival_time_limit_s=1)
        assert "all ones" in [method.title for method in chosen]
        summary = result_of(plan(music, methods="ones")).summary("ones")
        assert summary["sdr_db"] is not None
        assert summary["sdr_db"] < -10

    def test_every_metric_has_a_name_of_its_own(self) -> None:
        names = [metric.name for metric in scoring.METRICS]
        assert len(names) == len(set(names))


class TestReal:
    def test_damage_is_scored_before_and_after(self, music: Path) -> None:
        made = plan(music, "real", "nothing,ar", conditions=real.conditions(("gap", "Undamaged")))
        result = result_of(made)
        nothing, ours = (result.summary(name, condition="gap") for name in ("nothing", "ar"))
        assert nothing["sdr_db"] == nothing["sdr_before_db"] == ours["sdr_before_db"] == 0
        assert nothing["lsd_db"] == nothing["lsd_before_db"] == ours["lsd_before_db"]
        assert nothing["recall"] == nothing["worse"] == ours["worse"] == 0
        assert ours["sdr_db"] is not None
        assert ours["sdr_db"] > 5
        assert ours["recall"] is not None
        assert ours["recall"] == ours["near_3ms"] > 0.5
        undamaged = result.summary("ar", condition="undamaged")
        assert (undamaged["false_per_minute"], undamaged["healthy_changed"]) == (0, 0)
        assert undamaged["spans"] == 0

    def test_a_repair_that_makes_a_span_worse_is_counted(self, music: Path) -> None:
        made = plan(music, "real", "nothing", conditions=real.conditions(("treble lost",)))
        (trial,) = make_trials(made.tasks()[0])
        assert len(trial.spans) > 1
        first = trial.spans[0]
        spoilt = trial.damaged.copy()
        spoilt[first.channel, first.start : first.end] *= -1
        scores = score(Measured(trial, Outcome(spoilt, (first,), 1.0, None)), graders=())
        assert scores["worse"] == [1.0] + [0.0] * (len(trial.spans) - 1)
        assert scores["recall"] == scores["near_3ms"] == scores["worse"]

    def test_what_is_found_of_badly_damaged_spans_is_counted_by_itself(self, music: Path) -> None:
        made = plan(music, "real", "nothing", conditions=real.conditions(("treble lost",)))
        (trial,) = make_trials(made.tasks()[0])
        broken = trial.damaged.copy()
        for span in trial.spans[:2]:
            broken[span.channel, span.start : span.end] = 0.0
        outcome = Outcome(broken, (trial.spans[1], trial.spans[-1]), 1.0, None)
        scores = score(Measured(replace(trial, damaged=broken), outcome), graders=())
        before = [value < 5 for value in scores["sdr_before_db"]]
        assert before[:2] == [True, True]
        assert scores["broken_recall"] == [1.0] * (1 + before[-1]) + [0.0] * (sum(before) - 1 - before[-1])

    def test_at_a_splice_there_is_nothing_to_restore_but_something_to_find(self, music: Path) -> None:
        made = plan(music, "real", "nothing", conditions=real.conditions(("buffer dropped",)))
        summary = result_of(made).summary("nothing")
        assert summary["spans"]
        assert summary["sdr_db"] is None
        assert summary["recall"] == 0

    @pytest.mark.parametrize("name", real.FAMILIES)
    def test_every_family_can_be_made(self, name: str) -> None:
        stereo = np.stack([song(5, 4.0), song(6, 4.0)])
        (condition,) = real.conditions((name,))
        (trial,) = real.make_trials(stereo, RATE_HZ, condition, np.random.default_rng(0), 4)
        assert trial.clean.shape == trial.damaged.shape
        assert np.array_equal(trial.damaged, trial.damaged.astype(np.float32))
        assert bool(trial.spans) is (condition.kind != CLEAN)
        healthy = np.ones(trial.clean.shape, dtype=bool)
        for span in trial.spans:
            healthy[span.channel, span.start : span.end] = False
        if name.startswith("tape"):  # its spans end where it falls below a decibel at 5 kHz
            assert np.abs(trial.clean - trial.damaged)[healthy].max() < 0.02
        elif not real.FAMILIES[name].needs_av and not real.FAMILIES[name].after:
            assert np.array_equal(trial.clean[healthy], trial.damaged[healthy])

    def test_its_tables_fit_into_80_columns(self, music: Path) -> None:
        chosen = real.conditions(("gap, low*", "click switching", "gated synthesiser"))
        result = result_of(plan(music, "real", "nothing", conditions=chosen))
        (damage,), _, (undamaged,), _ = (
            [rich_table(part) for part in fitted(short_names(result, sheet), 80)] for sheet in sheets(result)
        )
        for table, names in ((damage, ["gap, low-passed", "click switching"]), (undamaged, ["gated synth"])):
            with io.StringIO() as file:
                rich.console.Console(file=file, width=80).print(table)
                lines = [line.strip() for line in file.getvalue().splitlines() if line.strip()]
            for name, line in zip(names, lines[-len(names) :], strict=True):
                assert line.startswith(name)

    @pytest.mark.parametrize(("columns", "rows"), [(3, 3), (7, 30), (30, 3), (30, 30)])
    def test_no_value_and_no_heading_is_cut_off_however_many_there_are(self, columns: int, rows: int) -> None:
        header = ("method", *(f"condition{k} before" for k in range(columns)))
        sheet = Sheet(
            "T", header, tuple((f"m{r}", *(f"{r}.{k} / 4.5" for k in range(columns))) for r in range(rows))
        )
        with io.StringIO() as file:
            for part in fitted(sheet, 80):
                rich.console.Console(file=file, width=80).print(rich_table(part))
            text = file.getvalue()
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= 80
        for value in (*(f"condition{k}" for k in range(columns)), *(c for row in sheet.rows for c in row)):
            assert value in text

    def test_methods_have_their_short_names_and_a_line_says_which_is_which(self, music: Path) -> None:
        result = result_of(plan(music, "gaps", "nothing"))
        (sheet, *_) = sheets(result)
        assert sheet.rows[0][0] == "do nothing"
        assert short_names(result, sheet).rows[0][0] == "nothing"
        assert legend(result) == ["nothing: do nothing"]

    def test_rivals_are_measured_only_where_they_can_repair(self, music: Path) -> None:
        rival = FoundRival(Rival("other", "other", (), ("{input}",), ()), "other", "1.0")
        method = Method("other", "other", "rival", rival=rival)
        chosen = real.conditions(("click*", "tape*", "undamaged"))
        made = replace(plan(music, "real", "nothing", conditions=chosen), methods=(method,))
        measured = {task.condition.name for task in made.tasks()}
        assert measured == {"click", "click thump", "click ringing", "click switching", "undamaged"}

    def test_what_needs_pyav_is_left_out_with_a_line_where_it_is_not(self, monkeypatch):
        monkeypatch.setattr(real.importlib.util, "find_spec", lambda name: None)
        made, notes = real.makeable(real.conditions(("gap", "gap, aac*")))
        assert [condition.name for condition in made] == ["gap"]
        assert "no gap, AAC 128" in notes[0]


class TestMaterial:
    def test_an_unknown_genre_is_answered_with_those_that_exist(self, music: Path) -> None:
        with pytest.raises(InputError, match=r"no genre 'polka': choose from Folk, Jazz\."):
            choose_material(music, genres=["polka"], per_genre=1, seconds=3, seed=0)

    def test_genres_are_found_in_any_case(self, music: Path) -> None:
        assert material(music, "jAZZ").excerpts[0].genre == "Jazz"

    def test_a_folder_without_audio_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "Jazz").mkdir()
        (tmp_path / "Jazz" / "readme.txt").write_text("no music")
        with pytest.raises(InputError, match="holds no audio"):
            choose_material(tmp_path, per_genre=1, seconds=3, seed=0)

    def test_excerpts_of_a_recording_do_not_overlap(self, music: Path) -> None:
        chosen = choose_material(music, genres=["Jazz"], per_genre=3, seconds=1.5, seed=4).excerpts
        assert len(chosen) == 3
        ends = [(excerpt.start_s, excerpt.start_s + excerpt.seconds) for excerpt in chosen]
        assert all(a_end <= b_start for (_, a_end), (b_start, _) in pairwise(ends))

    def test_an_excerpt_is_what_the_recording_holds_there(self, music: Path) -> None:
        excerpt = material(music, seconds=2).excerpts[0]
        samples, rate_hz = load_excerpt(excerpt)
        whole, _ = soundfile.read(music / "Jazz" / "three.wav", dtype="float64")
        first = round(excerpt.start_s * RATE_HZ)
        assert rate_hz == RATE_HZ
        assert np.array_equal(samples[0], whole[first : first + 2 * RATE_HZ])

    def test_the_built_in_suite_has_all_genres_and_is_never_called_a_dataset(self) -> None:
        chosen = choose_material(None, per_genre=1, seconds=10, seed=0)
        assert len(chosen.excerpts) == len({excerpt.genre for excerpt in chosen.excerpts}) == 16
        assert "not a dataset" in chosen.title
        samples, rate_hz = load_excerpt(chosen.excerpts[0])
        assert rate_hz == 44_100
        assert samples.shape[1] == pytest.approx(chosen.excerpts[0].seconds * rate_hz, abs=1)
        with pytest.raises(InputError, match=r"no genre 'polka': choose from Blues, Classical, .*Spoken\."):
            choose_material(None, genres=["polka"], per_genre=1, seconds=3, seed=0)


class TestMethods:
    def test_an_unknown_method_is_answered_with_those_that_exist(self) -> None:
        with pytest.raises(UsageError, match="no method 'magic' here: choose from nothing, line"):
            choose_methods(["magic"], "gaps", [], rival_time_limit_s=1)

    def test_baselines_that_must_be_told_are_not_offered_blind(self) -> None:
        with pytest.raises(UsageError, match="no method 'janssen' here"):
            choose_methods(["janssen"], "blind", [], rival_time_limit_s=1)


class TestCommand:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
        code = main(["bench", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    def test_json_holds_every_number_and_no_nan(self, music, capsys):
        code, out, _ = self.run(
            capsys, *("--protocol", "gaps", "--data", music, "--genre", "jazz", "--methods", "nothing,ar"),
            *("--lengths-ms", "10,30", "--no-odg", "--no-rivals", "--jobs", "1", "--json", "--seconds", "4"),
        )  # fmt: skip
        assert code == 0
        data = json.loads(out, parse_constant=lambda name: pytest.fail(name))
        assert data["conditions"] == ["10 ms", "30 ms"]
        assert {(r["method"], r["condition"]) for r in data["results"]} == {
            (m, c) for m in ("nothing", "ar") for c in data["conditions"]
        }
        assert all(math.isfinite(r["sdr_db"]) for r in data["results"])

    def test_a_table_is_printed_and_the_run_can_be_kept(self, music, tmp_path, capsys):
        arguments = (
            *("--protocol", "blind", "--data", music, "--genre", "folk", "--methods", "nothing"),
            *("--lengths-ms", "20", "--no-odg", "--no-rivals", "--jobs", "1", "--resume", tmp_path / "kept"),
        )
        code, out, _ = self.run(capsys, *arguments)
        assert code == 0
        assert "do nothing" in out
        assert "Damage found, all conditions together" in " ".join(out.split())
        assert read_rows(tmp_path / "kept")

    def test_it_runs_on_a_fresh_install(self, capsys: pytest.CaptureFixture[str]) -> None:
        code, out, _ = self.run(
            capsys, *("--protocol", "gaps", "--genre", "jazz", "--methods", "nothing,ar", "--no-odg"),
            *("--jobs", "1", "--lengths-ms", "20", "--gaps", "2", "--seconds", "5", "--json"),
        )  # fmt: skip
        assert code == 0
        data = json.loads(out)
        assert "built-in suite" in data["material"]
        found = {r["method"]: r["sdr_db"] for r in data["results"] if r["condition"] == "20 ms"}
        assert found["nothing"] == 0
        assert found["ar"] > 3

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--genre", "polka"), "choose from Folk, Jazz"),
            (("--methods", "magic"), "choose from"),
            (("--protocol", "paper", "--lengths-ms", "5"), "leave it out for paper"),
            (("--protocol", "gaps", "--lengths-ms", "five"), "give milliseconds"),
            (("--json", "--markdown"), "choose one"),
            (("--protocol", "real", "--families", "warp"), "choose from gap, gap, MP3 128"),
            (("--protocol", "gaps", "--families", "gap"), "leave it out for gaps"),
        ],
    )
    def test_mistakes_are_one_sentence(self, music, capsys, arguments, sentence):
        if "--methods" not in arguments:
            arguments = (*arguments, "--methods", "nothing")
        code, out, err = self.run(capsys, "--data", music, "--no-rivals", *arguments)
        assert code in (1, 2)
        assert out == ""
        assert sentence in " ".join(err.split())


def test_every_protocol_has_its_methods() -> None:
    for name in PROTOCOLS:
        chosen = choose_methods(["nothing"], name, [], rival_time_limit_s=1)
        assert [method.name for method in chosen] == ["nothing"]


class TestParts:
    """What each part of a fill is worth, alone and with others."""

    def test_ar_can_be_measured_with_each_further_part(self) -> None:
        names = ["ar", "ar+channels", "ar+passages+channels", "ar+network", "auto"]
        chosen = choose_methods(names, "gaps", [], rival_time_limit_s=1)
        assert [method.kind for method in chosen] == ["ours"] * 5
        assert [bool(method.digest) for method in chosen] == [False, False, False, True, True]
        assert chosen[2].title == "restore-audio, ar + passages + channels"
        assert method_named("ar+passages+channels").fills == ("adaptive", "channels", "passages")
        assert method_named("ar+network").blend == METHODS["auto"].blend
        with pytest.raises(UsageError, match=r"choose from .*ar\+channels\+passages\+network"):
            choose_methods(["ar+tape"], "gaps", [], rival_time_limit_s=1)
        with pytest.raises(UsageError, match="no method 'ar'"):
            choose_methods(["ar"], "paper", [], rival_time_limit_s=1)

    def test_differences_are_those_of_the_same_gaps(self, music: Path) -> None:
        result = result_of(plan(music, methods="nothing,line,ar"))
        mine, other = (
            [r for r in result.rows if (r.method, r.condition) == (m, "5 ms")] for m in ("line", "ar")
        )
        pairs = [
            a - b
            for one, two in zip(mine, other, strict=True)
            for a, b in zip(one.scores["sdr_db"], two.scores["sdr_db"], strict=True)
            if a is not None and b is not None
        ]
        assert len(pairs) == 3
        mean, error = np.mean(pairs), np.std(pairs, ddof=1) / np.sqrt(3)
        far = 100 * np.mean(np.array(pairs) < -3)
        (sheet,) = [
            s for s in sheets(result) if s.title.startswith("Against") and s.title.endswith("SDR, dB")
        ]
        assert [row[0] for row in sheet.rows] == ["do nothing", "straight line in time"]
        assert sheet.rows[1][1] == f"{mean:+.1f} ± {error:.1f} ({far:.0f})"
        assert not [
            s for s in sheets(result_of(plan(music, methods="line"))) if s.title.startswith("Against")
        ]

    def test_genres_are_shown_apart(self, music: Path) -> None:
        both = choose_material(music, per_genre=1, seconds=5, seed=0)
        result = result_of(replace(plan(music, methods="line,ar"), material=both))
        (sheet,) = [s for s in sheets(result) if s.title.startswith("By genre")]
        assert [row[0] for row in sheet.rows] == [
            "Folk: restore-audio --method ar",
            "Jazz: restore-audio --method ar",
        ]

    def test_gaps_in_one_channel_leave_the_others_whole(self) -> None:
        clean = np.stack([song(3), song(4)])
        (condition,) = PROTOCOLS["one-channel"].conditions((40.0,))
        (trial,) = PROTOCOLS["one-channel"].trials(clean, RATE_HZ, condition, np.random.default_rng(1), 6)
        assert {span.channel for span in trial.spans} == {0, 1}
        for span in trial.spans:
            inside = slice(span.start, span.end)
            assert not trial.damaged[span.channel, inside].any()
            other = 1 - span.channel
            np.testing.assert_array_equal(
                trial.damaged[other, inside], clean[other, inside].astype(np.float32)
            )

    def test_excerpts_are_two_minutes_where_fills_look_far_away(self) -> None:
        assert [PROTOCOLS[name].excerpt_s for name in ("gaps", "one-channel", "blind")] == [
            120.0,
            120.0,
            10.0,
        ]

    def test_gaps_over_onsets_hide_one_each_in_their_middle_half(self) -> None:
        rng, age = np.random.default_rng(2), np.arange(6 * RATE_HZ) % (RATE_HZ // 2) / RATE_HZ
        clean = 0.1 * rng.standard_normal((2, age.size)) * np.exp(-12 * age)  # a drum every half second
        (condition,) = PROTOCOLS["onsets"].conditions((80.0,))
        (trial,) = PROTOCOLS["onsets"].trials(clean, RATE_HZ, condition, np.random.default_rng(1), 5)
        assert len(trial.spans) == 2 * 5
        for span in trial.spans:
            beat = round(round((span.start + span.end) / RATE_HZ) / 2 * RATE_HZ)
            quarter, most = (beat - span.start) / span.length, 0.03 * RATE_HZ / span.length
            assert 0.25 - most < quarter < 0.75 + most
        assert PROTOCOLS["onsets"].trials(0 * clean, RATE_HZ, condition, np.random.default_rng(1), 5) == []
