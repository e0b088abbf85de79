"""A training repeats itself to the bit, survives being stopped, learns, and says what it cannot do."""

from __future__ import annotations

import json
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from restore_audio.api import restore
from restore_audio.cli.app import main
from restore_audio.cli.train import enough_memory
from restore_audio.data.cache import Cache, PrepareSettings
from restore_audio.data.library import scan_library
from restore_audio.data.prepare import prepare
from restore_audio.errors import InputError, ModelError, OutputError, RestoreError
from restore_audio.network.checkpoint import load
from restore_audio.network.maps import FeatureSettings
from restore_audio.network.networks import NETWORKS, NetworkSettings, build
from restore_audio.network.predictor import Inpainter
from restore_audio.settings import FillSettings
from restore_audio.show.convergence import plot_convergence
from restore_audio.spans import Span
from restore_audio.train.distributed import Workers
from restore_audio.train.examples import PATCH_SAMPLES, PaperExamples, RestoreExamples
from restore_audio.train.fills import Fills, fill_gaps, machine_gaps, make_fills, track_weights
from restore_audio.train.loop import TrainSettings, train
from restore_audio.train.metrics_log import MetricsLog, read_metrics
from restore_audio.train.setup import fills_for
from restore_audio.train.tasks import PaperTask, RestoreTask

CPU = torch.device("cpu")
RATE_HZ = 16_000
QUICK = TrainSettings(width=2, batch=4, examples=44, report_steps=4, validate_examples=16, warmup_steps=4)
LEARNING = TrainSettings(
    width=4, batch=4, learning_rate=1e-2, warmup_steps=5, average_decay=0.9, report_steps=10, bf16=False
)
RESTORE = FeatureSettings(power=0.3)
SHARD = 6


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def music(seconds: float, *, seed: int, rate_hz: int = RATE_HZ, level: float = 0.2) -> np.ndarray:
    """Slowly changing chords over noise: something that neighbouring frames tell about."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    chord = sum(
        np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
        * (1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.3, 2) * t))
        for f in rng.uniform(80, 0.4 * rate_hz, 12)
    )
    whole = chord + rng.normal(0, 1, t.size)
    return level * whole / np.sqrt(np.mean(whole**2))


def write_music(root: Path, *, level: float = 0.2, seconds: float = 3, rate_hz: int = RATE_HZ) -> Path:
    for number in range(6):
        path = root / ("Rock", "Jazz")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = music(seconds, seed=number, rate_hz=rate_hz, level=level)
        soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return root


def cached(root: Path, to: Path, *, native: bool = False) -> Cache:
    settings = PrepareSettings(None, mono=False) if native else PrepareSettings(RATE_HZ, mono=True)
    return prepare(scan_library(root), to, settings)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("music"))


@pytest.fixture(scope="module")
def cache(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return cached(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    root = write_music(tmp_path_factory.mktemp("native"), rate_hz=8_000)
    return cached(root, tmp_path_factory.mktemp("native-cache"), native=True)


@pytest.fixture(scope="module")
def fills(native: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("fills")
    make_fills(native, to, 4 * SHARD, shard_examples=SHARD)
    return to


def paper_task(cache: Cache, **features: Any) -> PaperTask:
    return PaperTask(
        PaperExamples(cache, 0), PaperExamples(cache, 1), FeatureSettings(**features), validation_patches=16
    )


@dataclass
class Interrupting(PaperTask):
    """Presses Ctrl-C in the middle of a step."""

    after_examples: int = 0

    def loss(self, network: torch.nn.Module, first: int, count: int, device: torch.device) -> torch.Tensor:
        if first == self.after_examples:
            signal.raise_signal(signal.SIGINT)
        return super().loss(network, first, count, device)


def what_happened(run: Path) -> list[dict[str, Any]]:
    """The metrics without what the clock said."""
    clock = ("patches_per_s", "minutes")
    return [{k: v for k, v in line.items() if k not in clock} for line in read_metrics(run / "metrics.jsonl")]


def same_tensors(one: Path, other: Path) -> bool:
    a, b = load_file(one), load_file(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def uninterrupted(cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    run = tmp_path_factory.mktemp("uninterrupted")
    train(paper_task(cache), QUICK, run, device=CPU)
    return run


@pytest.fixture
def stopped(cache: Cache, tmp_path: Path) -> Path:
    """A run that was stopped by Ctrl-C after 7 of its 11 steps, between two reports."""
    task = paper_task(cache)
    task = Interrupting(task.train, task.validation, task.features, validation_patches=16, after_examples=24)
    state = train(task, QUICK, tmp_path / "stopped", device=CPU)
    assert state.interrupted
    assert state.step == 7
    return tmp_path / "stopped"


# Resume


def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(cache, uninterrupted, stopped):
    state = train(paper_task(cache), QUICK, stopped, device=CPU, resume=True)
    assert not state.interrupted
    assert what_happened(stopped) == what_happened(uninterrupted)
    for name in ("state.safetensors", "best.safetensors"):
        assert same_tensors(stopped / name, uninterrupted / name)


def test_lines_written_after_the_checkpoint_of_a_killed_run_are_not_told_twice(cache, uninterrupted, stopped):
    shutil.copy(uninterrupted / "metrics.jsonl", stopped / "metrics.jsonl")
    with (stopped / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "los')
    train(paper_task(cache), QUICK, stopped, device=CPU, resume=True)
    assert what_happened(stopped) == what_happened(uninterrupted)


def test_a_new_run_forgets_the_lines_of_an_old_one(tmp_path: Path) -> None:
    for step in (3, 4):
        log = MetricsLog(tmp_path / "metrics.jsonl", 0)
        log.add({"step": step})
        log.close()
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 4}]


def test_ctrl_c_leaves_a_checkpoint_and_weights_that_load(cache, uninterrupted, stopped):
    assert (stopped / "state.safetensors").stat().st_size > 0
    _, card = load(stopped / "best.safetensors")
    assert card.training["patches_seen"] == 16
    assert not list(stopped.glob(".*"))


def test_ctrl_c_on_the_command_line_ends_with_130_and_the_way_to_go_on(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "restore_audio", "train", "--data", str(folder), "--validation"]
    command += [str(folder), "--task", "paper", "--width", "2", "--batch", "2", "--minutes", "9"]
    command += ["--work", str(tmp_path / "cache"), "--run", str(run), "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(600):
            if read_metrics(run / "metrics.jsonl"):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1].endswith("the same command with --resume goes on.")
    assert "Traceback" not in said
    load(run / "best.safetensors")
    seen = json.loads(json.dumps(read_metrics(run / "metrics.jsonl")))[-1]["examples"]
    arguments = [*command[3:], "--resume", "--examples", str(seen + 2), "--quiet"]
    arguments[arguments.index("--minutes") + 1] = "0"
    assert main(arguments) == 0
    assert read_metrics(run / "metrics.jsonl")[-1]["examples"] >= seen


# What is learnt


def test_weights_are_there_after_any_training_and_say_what_they_are(uninterrupted: Path) -> None:
    inpainter = Inpainter.open(uninterrupted / "best.safetensors", "paper")
    card = inpainter.card
    assert card.network == NetworkSettings("res-unet-v2", 2, 1)
    assert card.training["features"] == FeatureSettings().to_dict()
    assert card.training["patches_seen"] in (16, 32, 44)
    assert card.metrics["psnr_db"] > 0
    assert inpainter.paper_magnitudes(np.ones((1, 128, 128))).shape == (1, 128, 128)


def test_the_network_learns_to_fill_frames(cache: Cache, tmp_path: Path) -> None:
    task = PaperTask(PaperExamples(cache, 0), PaperExamples(cache, 1), validation_patches=32)
    settings = replace(LEARNING, examples=480, validate_examples=240)
    train(task, settings, tmp_path, device=CPU)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    losses = [line["loss"] for line in lines if "loss" in line]
    gains = [line["validation"]["psnr_gain_db"] for line in lines if "validation" in line]
    assert losses[-1] < losses[0] - 6
    assert gains[-1] > 3


def test_the_restore_network_learns_to_correct_fills(fills: Path, tmp_path: Path) -> None:
    task = RestoreTask(
        RestoreExamples(Fills(fills), 0, RESTORE),
        RestoreExamples(Fills(fills), 1, RESTORE),
        validation_patches=16,
    )
    settings = replace(LEARNING, examples=480, learning_rate=3e-3)
    train(task, settings, tmp_path, device=CPU)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.6 * losses[0]
    _, card = load(tmp_path / "best.safetensors")
    assert card.metrics["lsd_db"] < card.metrics["lsd_ar_db"]


def test_a_training_begins_with_the_weights_it_is_given(
    cache: Cache, uninterrupted: Path, tmp_path: Path
) -> None:
    start = uninterrupted / "best.safetensors"
    network, card = load(start)
    settings = replace(QUICK, examples=QUICK.batch, learning_rate=1e-7, average_decay=0.0, bf16=False)
    train(paper_task(cache), settings, tmp_path / "run", device=CPU, start=start)
    further, again = load(tmp_path / "run" / "best.safetensors")
    for one, other in zip(network.parameters(), further.parameters(), strict=True):
        np.testing.assert_allclose(other.detach(), one.detach(), atol=1e-3)
    assert card.network == again.network
    longer = replace(settings, examples=2 * QUICK.batch)
    resumed = train(
        paper_task(cache),
        longer,
        tmp_path / "run",
        device=CPU,
        resume=True,
        start=tmp_path / "gone.safetensors",
    )
    assert resumed.examples == longer.examples  # from its checkpoint: the weights of the start are not opened

    for task, asked in (
        (paper_task(cache), replace(settings, width=2 * settings.width)),
        (paper_task(cache, power=0.4), settings),
    ):
        with pytest.raises(ModelError, match="the same --network, --width, --task and --power"):
            train(task, asked, tmp_path / "other", device=CPU, start=start)
    assert not (tmp_path / "other" / "state.safetensors").exists()


def test_an_example_depends_on_seed_and_number_only(cache: Cache, fills: Path) -> None:
    for sampling in ("random", "grid"):
        whole = PaperExamples(cache, 3, sampling=sampling).batch(5, 4)  # type: ignore[arg-type]
        alone = PaperExamples(cache, 3, sampling=sampling).batch(7, 1)  # type: ignore[arg-type]
        np.testing.assert_array_equal(whole.clean[2], alone.clean[0])
        np.testing.assert_array_equal(whole.damaged[2], alone.damaged[0])
        other = PaperExamples(cache, 4, sampling=sampling).batch(7, 1)  # type: ignore[arg-type]
        assert not np.array_equal(other.damaged, alone.damaged)
    many, one = (RestoreExamples(Fills(fills), 3, RESTORE).batch(first, n) for first, n in ((5, 4), (7, 1)))
    for name in ("clean", "filled", "phase", "known", "tile", "bins"):
        np.testing.assert_array_equal(getattr(many, name)[2], getattr(one, name)[0])


def test_the_papers_grid_shows_every_patch_once_an_epoch(cache: Cache) -> None:
    examples = PaperExamples(cache, 0, sampling="grid")
    first = examples.batch(0, len(examples)).clean
    second = examples.batch(len(examples), len(examples)).clean
    sums = [sorted(epoch.sum(axis=(1, 2)).tolist()) for epoch in (first, second)]
    assert len(set(sums[0])) == len(examples)
    assert sums[0] == sums[1]
    assert not np.array_equal(first, second)


def test_ten_to_seventy_percent_of_the_frames_are_lost(cache: Cache) -> None:
    batch = PaperExamples(cache, 0).batch(0, 60)
    lost = (batch.damaged == 0).all(axis=1).sum(axis=1)
    assert lost.min() >= 12
    assert lost.max() <= 88
    kept = (batch.damaged != 0).any(axis=1)
    np.testing.assert_array_equal(batch.damaged.swapaxes(1, 2)[kept], batch.clean.swapaxes(1, 2)[kept])


# Level


def losses_of(root: Path, to: Path, **features: Any) -> float:
    task = PaperTask(
        PaperExamples(cached(root, to), 0), PaperExamples(cached(root, to), 1), FeatureSettings(**features)
    )
    network = build(NetworkSettings("res-unet-v2", 2, 1)).eval()
    with torch.no_grad():
        return float(task.loss(network, 0, 8, CPU))


@pytest.mark.parametrize("prefill", ["none", "linear"])
def test_quiet_music_trains_like_loud_music(folder: Path, tmp_path: Path, prefill: str) -> None:
    quiet = write_music(tmp_path / "quiet", level=0.002)
    loud_loss = losses_of(folder, tmp_path / "a", prefill=prefill)
    assert losses_of(quiet, tmp_path / "b", prefill=prefill) == pytest.approx(loud_loss, rel=0.01)


def test_the_papers_global_scaling_keeps_levels(folder: Path, tmp_path: Path) -> None:
    quiet = write_music(tmp_path / "quiet", level=0.002)
    how = {"level": "global", "power": 1.0}
    assert losses_of(quiet, tmp_path / "b", **how) < losses_of(folder, tmp_path / "a", **how) - 10


def test_quiet_fills_train_like_loud_fills(fills: Path) -> None:
    task = RestoreTask(RestoreExamples(Fills(fills), 0, RESTORE), RestoreExamples(Fills(fills), 1, RESTORE))
    network = build(NetworkSettings("res-unet-v2", 2, 4)).eval()
    loud = task.train.batch(0, 6)
    quiet = replace(loud, clean=loud.clean / 100, filled=loud.filled / 100)
    values = []
    for batch in (loud, quiet):
        task.train.batch = lambda first, count, batch=batch: batch  # type: ignore[method-assign,misc]
        with torch.no_grad():
            values.append(float(task.loss(network, 0, 6, CPU)))
    assert values[1] == pytest.approx(values[0], rel=0.01)


# AR fills


def test_fills_are_the_same_however_they_are_made(native: Cache, fills: Path, tmp_path: Path) -> None:
    together = tmp_path / "together"
    make_fills(native, together, 2 * SHARD, jobs=2, shard_examples=SHARD)
    for path in sorted(together.iterdir()):
        assert path.read_bytes() == (fills / path.name).read_bytes()
    assert len(list(together.iterdir())) == 4


def test_making_fills_goes_on_after_the_last_whole_shard(native: Cache, fills: Path, tmp_path: Path) -> None:
    there = tmp_path / "fills"
    shutil.copytree(fills, there)
    (there / "fills-00002.json").unlink()
    (there / "fills-00002.npy").write_bytes(b"half a shard")
    untouched = (there / "fills-00001.npy").stat().st_mtime_ns
    make_fills(native, there, 4 * SHARD, shard_examples=SHARD)
    assert (there / "fills-00001.npy").stat().st_mtime_ns == untouched
    for path in fills.iterdir():
        assert path.read_bytes() == (there / path.name).read_bytes()


def test_fills_differ_from_the_music_in_their_gaps_only(fills: Path) -> None:
    made = Fills(fills)
    assert len(made) == 4 * SHARD
    changed = []
    for number in range(len(made)):
        fill = made[number]
        np.testing.assert_array_equal(fill.clean[fill.healthy], fill.filled[fill.healthy])
        assert np.isfinite(fill.filled).all()
        gap = ~fill.healthy
        assert 0 < gap.mean() <= 0.75
        changed.append(np.mean(fill.clean[gap] != fill.filled[gap]))
    assert np.mean(changed) > 0.95


def test_gaps_of_machines_are_long_enough_to_train_on(native: Cache) -> None:
    audio = music(1.1, seed=3, rate_hz=8_000)
    found = [machine_gaps(np.random.default_rng(seed), audio, 8_000) for seed in range(30)]
    assert 10 < sum(bool(gaps) for gaps in found) < 30
    for gaps in filter(None, found):
        assert max(end - start for start, end in gaps) >= 0.02 * 8_000
        assert all(0 < start < end < audio.size for start, end in gaps)
        assert all(end < start for (_, end), (start, _) in pairwise(gaps))


def test_training_fills_are_those_that_fix_makes() -> None:
    audio, gaps = music(2, seed=4, rate_hz=8_000), [(6000, 6120), (9000, 10_200)]
    spans = [Span(start, end, 0) for start, end in gaps]
    made = restore(audio[None], 8_000, spans=spans, fill=FillSettings(method="ar")).samples[0]
    np.testing.assert_array_equal(fill_gaps(audio, gaps, 8_000), made)


def test_a_genre_of_a_hundred_times_the_hours_is_heard_ten_times_as_often(native: Cache) -> None:
    rock, jazz = (next(t for t in native.tracks if t.genre == genre) for genre in ("Rock", "Jazz"))
    long = replace(rock, frames=100 * jazz.frames)
    np.testing.assert_allclose(track_weights([long, long, jazz])[:2], 10 * 2**0.5 / 2 / (1 + 10 * 2**0.5))


def test_more_fills_than_asked_for_are_not_trained_on(fills: Path) -> None:
    assert len(Fills(fills, shards=2)) == 2 * SHARD


def test_music_without_sound_makes_no_fills_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "music" / "Rock" / "rest.wav"
    path.parent.mkdir(parents=True)
    soundfile.write(path, np.zeros(30_000), 8_000)
    with pytest.raises(InputError, match="silent"):
        make_fills(cached(tmp_path / "music", tmp_path / "cache", native=True), tmp_path / "fills", 1)
    soundfile.write(path, music(1.5, seed=0, rate_hz=8_000), 8_000)
    with pytest.raises(InputError, match="2 s"):
        make_fills(cached(tmp_path / "music", tmp_path / "cache2", native=True), tmp_path / "fills", 1)


@pytest.mark.parametrize("harm", ["missing", "cut", "version"])
def test_damaged_fills_are_one_sentence(fills: Path, tmp_path: Path, harm: str) -> None:
    there = tmp_path / "fills"
    shutil.copytree(fills, there)
    if harm == "missing":
        (there / "fills-00000.npy").unlink()
    elif harm == "cut":
        whole = (there / "fills-00000.npy").read_bytes()
        (there / "fills-00000.npy").write_bytes(whole[: len(whole) // 2])
    else:
        index = json.loads((there / "fills-00000.json").read_text())
        (there / "fills-00000.json").write_text(json.dumps({**index, "version": 0}))
    with pytest.raises(InputError, match="delete"):
        Fills(there)


# The command line


def sentence(capsys: pytest.CaptureFixture[str], arguments: list[object], code: int = 1) -> str:
    """Run the command line, which must fail with this code and one sentence."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("restore-audio: ")
    assert last.endswith(".")
    assert "Traceback" not in err
    return last


def quick(folder: Path, tmp_path: Path, *more: object) -> list[object]:
    where = ["--work", tmp_path / "cache", "--run", tmp_path / "run"]
    what = ["--task", "paper", "--width", 2, "--batch", 4, "--threads", 1]
    return ["train", "--data", folder, "--validation", folder, *where, *what, *more]


def test_folders_of_genres_train_from_nothing(folder: Path, tmp_path: Path) -> None:
    run = quick(folder, tmp_path, "--examples", 8, "--quiet", "--genre", "Rock")
    assert main([str(argument) for argument in run]) == 0
    _, card = load(tmp_path / "run" / "best.safetensors")
    assert card.training["data"] == str(folder)
    assert card.training["patches_seen"] == 8
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"best.safetensors", "state.safetensors", "metrics.jsonl", "convergence.png"}
    assert (tmp_path / "run" / "convergence.png").read_bytes().startswith(b"\x89PNG")


def test_fma_trains_from_nothing(tmp_path: Path) -> None:
    root = tmp_path / "fma"
    rows = [",album,set,set,track", ",title,split,subset,genre_top", "track_id,,,,"]
    for number in range(2, 12):
        path = root / "fma_small" / "000" / f"{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, music(2, seed=number), RATE_HZ, format="MP3")
        rows.append(f"{number},An album,training,small,Rock")
    (root / "fma_metadata").mkdir()
    (root / "fma_metadata" / "tracks.csv").write_text("\n".join(rows) + "\n")
    where = ["--work", tmp_path / "cache", "--run", tmp_path / "run", "--split", tmp_path / "split.json"]
    run = [
        "train",
        "--data",
        root,
        *where,
        "--task",
        "paper",
        "--width",
        2,
        "--batch",
        4,
        "--epochs",
        0.1,
        "-q",
    ]
    assert main([str(argument) for argument in [*run, "--quiet"]]) == 0
    load(tmp_path / "run" / "best.safetensors")
    split = json.loads((tmp_path / "split.json").read_text())
    assert (len(split["train"]), len(split["validation"])) == (8, 2)


def test_the_restore_task_makes_its_fills_and_trains(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("restore_audio.train.setup.SHARD_EXAMPLES", SHARD)
    run = quick(folder, tmp_path, "--examples", 8, "--fills", 8, "--quiet", "--tensorboard")
    run += ["--sight", "wide", "--log-loss", 0.1, "--consistency-loss", 1]
    run[run.index("paper")] = "restore"
    assert main([str(argument) for argument in run]) == 0
    _, card = load(tmp_path / "run" / "best.safetensors")
    assert (card.task, card.network.in_channels, card.training["loss_name"]) == (
        "restore",
        4,
        "l1 + 0.1 log + 1 consistency",
    )
    assert card.training["features"] == {**RESTORE.to_dict(), "sight": "wide"}
    made = sorted(path.name for path in (tmp_path / "cache").glob("fills-train-*/*.npy"))
    assert made == ["fills-00000.npy", "fills-00001.npy"]


def test_no_more_gaps_are_filled_ahead_than_the_budget_can_use(folder: Path, tmp_path: Path, capsys) -> None:
    run = quick(folder, tmp_path, "--examples", 8)
    run[run.index("paper")] = "restore"
    assert main([str(argument) for argument in run]) == 0
    counts = {
        path.parent.name.split("-")[1]: len(Fills(path.parent)) for path in tmp_path.rglob("fills-*.json")
    }
    assert counts == {"train": 8, "validation": 1}
    assert "Gaps to train on, filled by AR ahead of it: 8." in capsys.readouterr().err


def test_fills_follow_the_budget() -> None:
    assert [fills_for(examples=n, minutes=0) for n in (1, 80, 10_000, 10**6)] == [1, 80, 1250, 100_000]
    assert fills_for(examples=0, minutes=90) == 18_900
    assert fills_for(examples=0, minutes=0) == 20_000  # epochs are counted in fills


def test_tensorboard_gets_curves_pictures_and_sounds(folder: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = quick(folder, tmp_path, "--examples", 80, "--quiet", "--tensorboard")
    assert main([str(argument) for argument in run]) == 0
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    tags = events.Tags()
    assert {"training/loss", "validation/psnr_db", "validation/nrmse_rms"} <= set(tags["scalars"])
    assert "spectrograms/0" in tags["images"]
    assert {f"sounds/0/{name}" for name in ("clean", "damaged", "restored")} <= set(tags["audio"])
    assert events.Images("spectrograms/0")[0].width == 3 * 128 + 8


def test_a_missing_tensorboard_is_said_before_anything_is_made(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("restore_audio.show.tensorboard.importlib.util.find_spec", lambda name: None)
    said = sentence(capsys, quick(folder, tmp_path, "--examples", 8, "--tensorboard"), 2)
    assert "pip install tensorboard" in said
    assert not any(path.exists() for path in (tmp_path / "run", tmp_path / "cache"))


def test_the_papers_own_protocol_trains(folder: Path, tmp_path: Path) -> None:
    how = ["--schedule", "fixed", "--average", 0, "--level", "global", "--power", 1, "--prefill", "none"]
    run = quick(folder, tmp_path, "--epochs", 0.5, *how, "--loss", "mse", "--sampling", "grid", "--quiet")
    assert main([str(argument) for argument in run]) == 0
    state = load_file(tmp_path / "run" / "state.safetensors")
    assert torch.equal(state["average.last.weight"], state["network.last.weight"])
    _, card = load(tmp_path / "run" / "best.safetensors")
    assert card.training["patches_seen"] == 16  # half of 30 patches, in whole batches of 4
    how = {"level": "global", "power": 1.0, "prefill": "none", "sight": "tile"}
    assert card.training["features"] == how


@pytest.mark.parametrize(
    ("more", "code", "part"),
    [
        ([], 2, "one budget"),
        (["--minutes", 1, "--epochs", 1], 2, "one budget"),
        (["--examples", 4, "--resume"], 2, "no checkpoint"),
        (["--examples", 4, "--genre", "Polka"], 1, "no genre Polka"),
        (["--examples", 4, "--network", "w-net"], 2, "w-net"),
    ],
)
def test_a_wrong_call_is_one_sentence(folder, tmp_path, capsys, more, code, part):
    assert part in sentence(capsys, quick(folder, tmp_path, *more), code)
    assert not (tmp_path / "run").exists()


def test_a_training_is_not_overwritten(folder, uninterrupted, tmp_path, capsys):
    shutil.copytree(uninterrupted, tmp_path / "run")
    before = (tmp_path / "run" / "state.safetensors").read_bytes()
    assert "--resume" in sentence(capsys, quick(folder, tmp_path, "--examples", 4), 2)
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == before


@pytest.mark.parametrize("harm", ["other network", "cut", "noise", "weights"])
def test_a_checkpoint_that_does_not_fit_is_one_sentence(folder, uninterrupted, tmp_path, capsys, harm):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    state = run / "state.safetensors"
    network = "unet" if harm == "other network" else "res-unet-v2"
    if harm == "cut":
        state.write_bytes(state.read_bytes()[:10_000])
    elif harm == "noise":
        state.write_bytes(np.random.default_rng(0).bytes(10_000))
    elif harm == "weights":
        shutil.copy(run / "best.safetensors", state)
    before = state.read_bytes()
    arguments = quick(
        folder, tmp_path, "--examples", 60, "--resume", "--prefill", "none", "--network", network
    )
    said = sentence(capsys, arguments)
    assert "state.safetensors" in said
    assert state.read_bytes() == before


def test_a_batch_too_large_for_memory_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    arguments = [str(a) for a in quick(folder, tmp_path, "--examples", 8, "--quiet")]
    arguments[arguments.index("--batch") + 1] = "1000000"

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))

    done = subprocess.run(
        [sys.executable, "-m", "restore_audio", *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=little_memory,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "restore-audio: There is not enough memory to train res-unet-v2 of width 2 with batches of 1000000: "
        "give a smaller --batch or --width."
    ]


def test_every_way_of_running_out_of_memory_is_understood() -> None:
    with pytest.raises(RestoreError, match="not enough memory"), enough_memory("unet", 256, 4):
        torch.empty(1 << 55)  # PyTorch's own allocator
    with pytest.raises(RestoreError, match="not enough memory"), enough_memory("unet", 256, 4):
        np.ones(1 << 50)
    with pytest.raises(RuntimeError, match="shape"), enough_memory("unet", 256, 4):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_a_full_disk_keeps_the_earlier_checkpoint(cache, stopped, monkeypatch):
    before = (stopped / "state.safetensors").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("restore_audio.train.state.save_file", full)
    with pytest.raises(OutputError, match="could not be written"):
        train(paper_task(cache), QUICK, stopped, device=CPU, resume=True)
    assert (stopped / "state.safetensors").read_bytes() == before
    assert not list(stopped.glob(".*"))


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(cache: Cache, stopped: Path) -> None:
    class Exploding(PaperTask):
        def loss(self, *arguments: Any) -> torch.Tensor:
            return super().loss(*arguments) * float("nan")

    task = paper_task(cache)
    before = (stopped / "state.safetensors").read_bytes()
    with pytest.raises(RestoreError, match="no longer a number"):
        train(Exploding(task.train, task.validation, task.features), QUICK, stopped, device=CPU, resume=True)
    assert (stopped / "state.safetensors").read_bytes() == before


def test_a_training_without_budget_or_with_an_uneven_batch_is_refused(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="budget"):
        train(paper_task(cache), replace(QUICK, examples=0), tmp_path / "run", device=CPU)
    with pytest.raises(ValueError, match="evenly"):
        Workers(0, 3).share(4)
    with pytest.raises(ModelError, match="cannot be read"):
        train(paper_task(cache), QUICK, tmp_path / "run", device=CPU, resume=True)


def test_convergence_is_drawn_for_several_runs_or_not_at_all(uninterrupted, tmp_path, monkeypatch):
    runs = [uninterrupted / "metrics.jsonl"] * 2
    target = tmp_path / "convergence.png"
    assert plot_convergence(runs, target, "psnr_db") == target
    assert target.read_bytes().startswith(b"\x89PNG")
    target.unlink()
    monkeypatch.setattr("restore_audio.show.convergence.importlib.util.find_spec", lambda name: None)
    assert plot_convergence(runs, target, "psnr_db") is None
    assert not target.exists()


def test_patches_are_as_long_as_the_papers() -> None:
    assert PATCH_SAMPLES == 127 * 64 + 256


def compared(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: object
) -> list[dict[str, Any]]:
    """Rows of examples/compare_networks.py, run in ``tmp_path`` on 8 patches."""
    monkeypatch.chdir(tmp_path)
    script = Path(__file__).parent.parent / "examples" / "compare_networks.py"
    monkeypatch.syspath_prepend(script.parent)
    arguments = ["--data", folder, "--validation", folder, "--patches", 8, "--batch", 4, *words]
    monkeypatch.setattr(sys, "argv", [str(word) for word in (script, *arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    rows: list[dict[str, Any]] = json.loads((tmp_path / "networks.json").read_text())["rows"]
    return rows


def test_the_networks_are_compared_at_equal_budget_and_never_twice(folder, tmp_path, monkeypatch, capsys):
    for _ in range(2):
        rows = {row["name"]: row for row in compared(folder, tmp_path, monkeypatch, "--width", 1)}
    networks = [name for name, architecture in NETWORKS.items() if "paper" in architecture.tasks]
    assert set(rows) == {"nothing", "straight line", *networks}
    assert rows["nothing"]["overall"]["psnr_gain_db"] == pytest.approx(0, abs=1e-6)
    assert rows["straight line"]["overall"]["psnr_gain_db"] > 1
    assert all(set(row["genres"]) == {"Rock", "Jazz"} for row in rows.values())
    said = capsys.readouterr().out.splitlines()
    assert all(said.count(f"{name}: training on 8 patches") == 1 for name in networks)


def test_networks_and_losses_are_compared_on_the_task_of_fix(folder, tmp_path, monkeypatch, capsys):
    words = ("--width", 2, "--task", "restore", "--fills", 6, "--graded", folder)
    rows = compared(folder, tmp_path, monkeypatch, *words)
    names = [(row["network"], row["loss"]) for row in rows]
    networks = [name for name in NETWORKS if name.startswith("res-unet-v2")]
    assert names[:7] == [
        *((name, "l1") for name in networks),
        *(
            ("res-unet-v2", f"l1 + {added}")
            for added in ("0.1 log", "1 consistency", "0.1 log + 1 consistency")
        ),
    ]
    best = min([rows[0], *rows[4:7]], key=lambda row: row["lsd_db"])["loss"]
    assert names[7:] == ([] if best == "l1" else [(name, best) for name in networks[1:]])
    assert len({row["two_f_ar"] for row in rows}) == 1
    assert all(0 <= row["two_f"] <= 100 for row in rows)
    assert len({row["lsd_ar_db"] for row in rows}) == 1
    assert len({row["lsd_db"] for row in rows}) > 1
    assert capsys.readouterr().out.count("| res-unet-v2") == len(rows)


TOY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from restore_audio.network.networks import NETWORKS, Architecture
NETWORKS["toy"] = Architecture(cls="toys:ToyNetwork")
from restore_audio.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_network_is_added_by_one_entry(folder: Path, tmp_path: Path) -> None:
    """A toy network, registered in one line, is trained by ``train --network`` and can be loaded."""
    arguments = ["--network", "toy", "--task", "paper", "--width", "1", "--examples", "8", "--batch", "4"]
    places = [
        *("--data", folder, "--validation", folder, "--run", tmp_path / "run", "--work"),
        tmp_path / "work",
    ]
    words = [sys.executable, "-c", TOY, "train", *arguments, *map(str, places), "--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    with safe_open(tmp_path / "run" / "best.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["network"])["name"] == "toy"
        assert set(file.keys()) == {"conv.weight", "conv.bias"}
