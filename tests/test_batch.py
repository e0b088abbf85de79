"""Many recordings: which are meant, where results go, and that one bad file never stops the others."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore_audio.cli.batch import run
from restore_audio.cli.jobs import STREAM, Found, Job, find_inputs, plan, refuse_lost_files, shard
from restore_audio.cli.journal import Journal
from restore_audio.errors import InputError, OutputError, UsageError
from restore_audio.fill.splice import Patch, cut_patches, splice
from restore_audio.fill.windows import Tape, plan_windows
from restore_audio.spans import Span
from restore_audio.workers import work_on


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found: list[Found], root: Path) -> list[str]:
    return [item.path.relative_to(root).as_posix() for item in found]


class TestInputs:
    def test_a_folder_gives_its_recordings_and_only_them(self, tmp_path):
        tree(tmp_path, "b.wav", "a.FLAC", "notes.txt", ".hidden.wav", "deep/c.mp3")
        found, failures = find_inputs([str(tmp_path)])
        assert names(found, tmp_path) == ["a.FLAC", "b.wav"]
        assert not failures

    def test_recursive_goes_deeper(self, tmp_path):
        tree(tmp_path, "b.wav", "deep/c.mp3", "deep/deeper/d.ogg", ".cache/e.wav")
        found, _ = find_inputs([str(tmp_path)], recursive=True)
        assert sorted(names(found, tmp_path)) == ["b.wav", "deep/c.mp3", "deep/deeper/d.ogg"]

    def test_patterns_that_the_shell_left_alone_are_expanded(self, tmp_path):
        tree(tmp_path, "a1.wav", "a2.wav", "b1.wav", "x/y/a3.wav")
        assert names(find_inputs([f"{tmp_path}/a*.wav"])[0], tmp_path) == ["a1.wav", "a2.wav"]
        assert names(find_inputs([f"{tmp_path}/**/a3.wav"])[0], tmp_path) == ["x/y/a3.wav"]

    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self, tmp_path):
        tree(tmp_path, "take[1].wav", "take1.wav")
        assert names(find_inputs([f"{tmp_path}/take[1].wav"])[0], tmp_path) == ["take[1].wav"]

    def test_each_recording_is_taken_once(self, tmp_path):
        tree(tmp_path, "a.wav")
        assert len(find_inputs([f"{tmp_path}/a.wav", str(tmp_path), f"{tmp_path}/*"])[0]) == 1

    def test_what_is_missing_is_said_and_the_rest_is_taken(self, tmp_path):
        tree(tmp_path, "a.wav", "empty/readme.txt")
        asked = [f"{tmp_path}/{n}" for n in ("a.wav", "gone.wav", "*.flac", "empty")]
        found, failures = find_inputs(asked)
        assert names(found, tmp_path) == ["a.wav"]
        sentences = [failure.sentence for failure in failures]
        assert "There is no file or folder" in sentences[0]
        assert "Nothing matches" in sentences[1]
        assert "holds no recordings" in sentences[2]


class TestTargets:
    def test_without_output_results_lie_beside_the_inputs(self):
        assert plan([Found(Path("d/a.wav"), Path("d"))], None)[0].target == Path("d/a.restored.wav")

    def test_a_single_file_goes_where_it_is_told(self):
        assert plan([Found(Path("a.wav"), Path())], "b.wav") == [Job(Path("a.wav"), Path("b.wav"))]

    def test_folders_keep_their_shape(self):
        inputs = [Found(Path("in/a.wav"), Path("in")), Found(Path("in/x/a.wav"), Path("in"))]
        targets = [job.target for job in plan(inputs, "out")]
        assert targets == [Path("out/a.wav"), Path("out/x/a.wav")]

    def test_names_follow_the_template(self):
        jobs = plan([Found(Path("in/a.wav"), Path("in"))], "out/", name="{index:02d}-{stem}.fixed{suffix}")
        assert jobs[0].target == Path("out/01-a.fixed.wav")

    @pytest.mark.parametrize("template", ["{nope}", "{stem", "../{name}", "/{name}", "", "{stem.x}"])
    def test_a_template_that_makes_no_name_is_refused(self, template):
        with pytest.raises(UsageError, match="--name"):
            plan([Found(Path("a.wav"), Path())], "out/", name=template or "{index:.0s}")

    def test_two_results_of_one_name_are_refused(self):
        inputs = [Found(Path("x/a.wav"), Path("x")), Found(Path("y/A.wav"), Path("y"))]
        with pytest.raises(UsageError, match="would both become"):
            plan(inputs, "out")

    def test_several_inputs_need_a_folder(self, tmp_path):
        tree(tmp_path, "out.wav")
        inputs = [Found(Path("a.wav"), Path()), Found(Path("b.wav"), Path())]
        for name in ("out.wav", "new.wav", "new.xyz"):
            with pytest.raises(UsageError, match="must be a folder"):
                plan(inputs, str(tmp_path / name))
        for name in ("new.xyz/", "new", "2025.11"):
            assert plan(inputs, f"{tmp_path}/{name}")[0].target == tmp_path / name / "a.wav"

    def test_only_one_recording_fits_into_a_pipe(self):
        with pytest.raises(UsageError, match="pipe"):
            plan([Found(Path("a.wav"), Path()), Found(Path("b.wav"), Path())], "-")
        assert plan([Found(STREAM, Path())], None) == [Job(STREAM, STREAM)]


class TestNothingIsLost:
    def test_the_input_is_never_written_over(self, tmp_path):
        tree(tmp_path, "a.wav")
        (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
        for target in ("a.wav", "link.wav"):
            with pytest.raises(OutputError, match="an input of this run"):
                refuse_lost_files(Job(tmp_path / "a.wav", tmp_path / target), [], overwrite=True)
        with pytest.raises(OutputError, match="an input of this run"):
            refuse_lost_files(
                Job(tmp_path / "a.wav", tmp_path / "b.wav"), [tmp_path / "a.wav"], overwrite=True
            )

    def test_what_is_there_stays_unless_told_otherwise(self, tmp_path):
        tree(tmp_path, "a.wav", "b.wav")
        job = Job(tmp_path / "a.wav", tmp_path / "b.wav")
        with pytest.raises(OutputError, match=r"--overwrite.*--skip-existing"):
            refuse_lost_files(job, [], overwrite=False, can_skip=True)
        with pytest.raises(OutputError, match=r"--overwrite, or give another name"):
            refuse_lost_files(job, [], overwrite=False)
        refuse_lost_files(job, [], overwrite=True)

    def test_two_results_cannot_share_a_file(self, tmp_path):
        target = tmp_path / "b.wav"
        with pytest.raises(OutputError, match="Two results"):
            refuse_lost_files(Job(tmp_path / "a.wav", target), [target], overwrite=True)


def length_of(job: Job, settings: int, progress: object) -> int:
    if job.source.name == "bad":
        raise InputError("bad is bad: give a good one.")
    if job.source.name == "bug":
        raise ZeroDivisionError("seven by zero")
    if job.source.name == "dead":
        os.kill(os.getpid(), signal.SIGKILL)
    return len(job.source.name) * settings


def dies_once(job: Job, settings: int, progress: object) -> str:
    mark = job.source.with_name("mark")
    if job.source.name == "once" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job.source.name


class InterruptedAtOnce:
    """A function that Ctrl-C meets while its worker is still unpacking it."""

    def __setstate__(self, state: dict[str, int]) -> None:
        if os.getpid() != state["parent"]:
            os.kill(os.getpid(), signal.SIGINT)

    def __getstate__(self) -> dict[str, int]:
        return {"parent": os.getpid()}

    def __call__(self, task: int, tell: object) -> int:
        return 2 * task


@pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="signals cannot be kept from a process here"
)
def test_a_worker_leaves_ctrl_c_to_its_parent_from_its_first_moment(capfd):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    done = list(work_on([4], InterruptedAtOnce(), workers=1))
    assert [one.value for one in done] == [8]
    assert "Traceback" not in capfd.readouterr().err
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


class TestRun:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_one_bad_file_never_stops_the_others(self, workers):
        jobs = [Job(Path(name), None) for name in ("a", "bad", "bug", "abcd")]
        outcomes = {o.job.source.name: o for o in run(jobs, length_of, 3, workers=workers)}
        assert outcomes["a"].result == 3
        assert outcomes["abcd"].result == 12
        assert outcomes["bad"].failure.sentence == "bad is bad: give a good one."
        assert "ZeroDivisionError" in outcomes["bug"].failure.sentence
        assert "Traceback" in outcomes["bug"].failure.trace

    def test_a_process_that_dies_is_an_outcome(self):
        jobs = [Job(Path(name), None) for name in ("a", "dead", "b", "bad", "c", "d")]
        outcomes = {o.job.source.name: o for o in run(jobs, length_of, 1, workers=2)}
        assert sorted(outcomes) == ["a", "b", "bad", "c", "d", "dead"]
        assert all(outcomes[name].result == 1 for name in "abcd")
        assert "was ended twice (SIGKILL)" in outcomes["dead"].failure.sentence
        assert outcomes["dead"].failure.sentence.endswith("--jobs.")

    def test_a_job_whose_process_died_is_tried_once_more(self, tmp_path):
        jobs = [Job(tmp_path / name, None) for name in ("once", "a", "b")]
        outcomes = list(run(jobs, dies_once, 1, workers=2))
        assert sorted(o.result for o in outcomes) == ["a", "b", "once"]

    def test_shards_share_the_jobs_without_overlap(self):
        jobs = [Job(Path(str(n)), None) for n in range(11)]
        parts = [shard(jobs, f"{i}/3") for i in (1, 2, 3)]
        assert sorted((j for part in parts for j in part), key=lambda j: int(j.source.name)) == jobs
        for wrong in ("0/3", "4/3", "x", "1", "1/0", "-1/2"):
            with pytest.raises(UsageError, match="--shard"):
                shard(jobs, wrong)

    def test_the_journal_remembers_what_is_done_until_it_changes(self, tmp_path):
        tree(tmp_path, "a.wav", "out.wav")
        job = Job(tmp_path / "a.wav", tmp_path / "out.wav")
        journal = Journal(tmp_path / "journal")
        assert not journal.holds(job)
        journal.add(job)
        assert Journal(tmp_path / "journal").holds(job)
        (tmp_path / "a.wav").write_bytes(b"changed")
        assert not Journal(tmp_path / "journal").holds(job)
        (tmp_path / "bad").write_text("no journal")
        with pytest.raises(InputError, match="no journal"):
            Journal(tmp_path / "bad")


class TestWindows:
    @given(
        gaps=st.lists(
            st.tuples(st.integers(0, 39_000), st.integers(1, 400), st.integers(0, 1)), min_size=1, max_size=12
        ),
        block=st.integers(25, 9000),
    )
    @settings(max_examples=30, deadline=None)
    def test_every_gap_lies_in_one_window_and_healthy_samples_are_told_from_damaged(self, gaps, block):
        rate_hz, total, longest = 1000, 40_000, 300
        taken: dict[int, list[Span]] = {0: [], 1: []}
        for start, length, channel in gaps:
            span = Span(start, min(start + length, total), channel)
            if all(span.end < other.start or other.end < span.start for other in taken[channel]):
                taken[channel].append(span)
        every = sorted(taken[0] + taken[1])
        short = [s for s in every if s.length <= longest]
        long = [s for s in every if s.length > longest]
        audio = np.arange(2 * total, dtype=float).reshape(2, total)
        windows = plan_windows(short, long, rate_hz=rate_hz, total=total)
        assert sorted(gap for w in windows for gap in w.gaps) == short
        tape = Tape((audio[:, i : i + block] for i in range(0, total, block)), windows)
        repaired: set[Span] = set()
        for window in windows:
            seen = tape.read(window)
            assert np.array_equal(seen, audio[:, window.first : window.last])
            damaged = np.zeros(seen.shape, dtype=bool)
            for span in (*window.gaps, *window.others):
                damaged[span.channel, span.start - window.first : span.end - window.first] = True
            for span in every:
                if span in repaired:
                    continue
                a, b = max(span.start, window.first), min(span.end, window.last)
                if a < b:
                    assert damaged[span.channel, a - window.first : b - window.first].all()
            repaired |= set(window.gaps)
            for gap in window.gaps:
                assert gap.start - window.first >= min(750, gap.start)
                assert window.last - gap.end >= min(750, total - gap.end)

    def test_a_tape_holds_no_more_than_windows_need(self):
        rate_hz, total = 1000, 400_000
        gaps = [Span(s, s + 20, 0) for s in range(5000, total - 5000, 2500)]
        windows = plan_windows(gaps, [], rate_hz=rate_hz, total=total)
        tape = Tape((np.zeros((1, 500)) for _ in range(total // 500)), windows)
        largest = max(tape.read(window).shape[1] for window in windows)
        assert largest < 32_000  # twice the context, the core, and room for the blocks it comes in

    def test_a_repaired_gap_is_seen_as_repaired_by_the_next_window(self):
        gaps = [Span(3000, 3020, 0), Span(4500, 4520, 0)]
        windows = plan_windows(gaps, [], rate_hz=1000, total=10_000)
        assert len(windows) == 2
        tape = Tape([np.zeros((1, 10_000))], windows)
        tape.read(windows[0])
        tape.put([Patch(3000, 0, np.ones(20))])
        second = tape.read(windows[1])
        assert second[0, 3000 - windows[1].first :][:20].tolist() == [1.0] * 20
        assert second.sum() == 20


class TestSplice:
    @given(
        spans=st.lists(st.tuples(st.integers(0, 90), st.integers(1, 10), st.integers(0, 1)), max_size=8),
        first=st.integers(0, 50),
    )
    @settings(deadline=None)
    def test_samples_outside_of_the_spans_are_the_same(self, spans, first):
        audio = np.random.default_rng(1).standard_normal((2, 100))
        filled = audio + 1
        chosen = [Span(s + first, s + n + first, c, filled=True) for s, n, c in spans]
        result = splice(audio, cut_patches(filled, chosen, first=first), first=first)
        inside = np.zeros(audio.shape, dtype=bool)
        for span in chosen:
            inside[span.channel, span.start - first : span.end - first] = True
        assert np.array_equal(result[~inside], audio[~inside])
        assert np.array_equal(result[inside], filled[inside])

    def test_spans_that_are_not_filled_stay(self):
        audio = np.zeros((1, 10))
        result = splice(audio, cut_patches(audio + 1, [Span(2, 5, 0, filled=False, reason="too long")]))
        assert np.array_equal(result, audio)
