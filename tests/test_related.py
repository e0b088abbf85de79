"""The related systems, TFNet and the context encoder, do what their papers say, learn, and are measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from recordings import sdr_db
from restore_audio.cli.app import main
from restore_audio.data.cache import PrepareSettings
from restore_audio.data.library import scan_library
from restore_audio.data.prepare import prepare as prepare_music
from restore_audio.errors import ModelError
from restore_audio.network.checkpoint import ModelCard, load, save
from restore_audio.network.context_encoder import ContextEncoder
from restore_audio.network.gap_encoder import FIRST_FRAME, GAP_FRAMES, GRID, GapEncoder, finish, prepare
from restore_audio.network.networks import NETWORKS, NetworkSettings, build
from restore_audio.network.super_resolver import SuperResolver, kept_bins, predict
from restore_audio.network.tfnet import SAMPLES, repeat_band
from restore_audio.signal.band import limit_band, published_distance
from restore_audio.signal.spectrum import stft
from restore_audio.train.examples import PaperExamples
from restore_audio.train.gap_encoding import ContextEncoderTask

RATE_HZ = 16_000
CARD = ModelCard(NetworkSettings("res-unet-v2", 2, 2), "super-resolution")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def sound(samples: int, seed: int = 0) -> np.ndarray:
    """Harmonics of a note with vibrato, over noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / RATE_HZ
    phase = 2 * np.pi * (220 * t + 0.5 * np.sin(2 * np.pi * 5 * t))
    tone = sum(np.sin(k * phase + k) / k for k in range(1, 30))
    return 0.1 * (tone + 0.1 * rng.standard_normal(samples))


class Copies(nn.Module):
    """Answers with its first map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1]


class Answers(nn.Module):
    """Answers with a number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full_like(x[:, :1], self.value)


# The upper band


def test_a_lower_rate_loses_the_upper_band_and_nothing_else() -> None:
    audio = np.random.default_rng(0).standard_normal(16_384)
    low = limit_band(audio, RATE_HZ, 0.25)
    assert low.shape == audio.shape
    before, after = (np.abs(np.fft.rfft(a * np.hanning(a.size))) ** 2 for a in (audio, low))
    edge = before.size // 4
    assert after[edge:].sum() < 1e-4 * before[edge:].sum()
    kept = slice(100, round(0.85 * edge))
    np.testing.assert_allclose(after[kept].sum(), before[kept].sum(), rtol=1e-3)
    assert np.corrcoef(audio, limit_band(audio, RATE_HZ, 0.9))[0, 1] > 0.9  # and nothing is late


def test_the_published_distance_counts_ten_decibels_as_one() -> None:
    audio = np.random.default_rng(1).standard_normal((2, 8192))
    np.testing.assert_allclose(published_distance(audio, 10 * audio), [2, 2], atol=1e-6)
    assert published_distance(audio[0], audio[0]) == 0
    assert published_distance(audio[0, :500], audio[0, :500]) == 0


def test_the_known_band_is_repeated_up_to_the_top() -> None:
    given = torch.arange(8.0).expand(2, 1, 8)
    repeated = repeat_band(given, torch.tensor([0.5, 0.25])[:, None, None])
    assert repeated[0, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert repeated[1, 0].tolist() == [0, 1] * 4


def test_tfnet_averages_what_its_branches_say_bin_by_bin() -> None:
    network = build(NetworkSettings("tfnet", 2, 2)).eval()
    for branch in (network.time, network.frequency):
        nn.init.zeros_(branch.last.weight)  # each says what it was given
    low = torch.from_numpy(limit_band(sound(SAMPLES), RATE_HZ, 0.5)).float()[None]
    share = torch.tensor([0.5])
    nn.init.constant_(network.balance, 50.0)  # the branch in time alone
    torch.testing.assert_close(predict(network, low, share, waveform=True), low, atol=1e-4, rtol=0)
    nn.init.constant_(network.balance, -50.0)  # the one in frequency alone: the band repeated
    made = predict(network, low, share, waveform=True)[0].detach().numpy()
    size, given = np.abs(np.fft.rfft(made)), np.abs(np.fft.rfft(low[0].numpy()))
    np.testing.assert_allclose(size[2048 + 100 : 2048 + 1500], given[100:1500], rtol=0.1, atol=0.5)
    assert [network.time.last.weight.numel(), network.balance.numel()] == [2 * 9, 4096]


def test_a_patch_network_leaves_the_known_band_and_repeats_it_in_phase() -> None:
    t = np.arange(SAMPLES) / RATE_HZ
    low = torch.from_numpy(np.sin(2 * np.pi * 1000 * t)).float()[None]
    share = torch.tensor([0.25])
    assert int(kept_bins(share)) == 28  # 1,750 Hz of 2,000
    silent = predict(Answers(0.0), low, share, waveform=False)
    assert sdr_db(low[0].numpy(), silent[0].numpy()) > 30
    made = predict(Copies(), low, share, waveform=False)[0].numpy()[1000:7000]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(made.size)))
    spacing_hz = RATE_HZ / made.size
    for repeat in (1, 2, 3):  # a sine becomes sines of the same level: the frames agree
        place = round((1000 + 1750 * repeat) / spacing_hz)
        level = np.linalg.norm(spectrum[place - 4 : place + 5])
        assert level == pytest.approx(np.linalg.norm(spectrum[: round(1500 / spacing_hz)]), rel=0.1)


@pytest.mark.parametrize("samples", [100, 8192, 20_001])
def test_recordings_of_any_length_are_cut_and_put_together(samples: int) -> None:
    low = limit_band(sound(samples), RATE_HZ, 0.5)
    made = SuperResolver(Answers(0.0), CARD).restore(low, 0.5)
    assert made.shape == low.shape
    assert sdr_db(low, made) > 20


# The gap


def test_the_gap_itself_is_not_looked_at_and_level_does_not_matter() -> None:
    magnitudes = torch.rand(2, 256, 41) + 0.1
    other = magnitudes.clone()
    other[..., FIRST_FRAME : FIRST_FRAME + GAP_FRAMES] = 9.0
    torch.testing.assert_close(prepare(magnitudes).features, prepare(other).features)
    torch.testing.assert_close(prepare(magnitudes).features, prepare(magnitudes / 100).features)


def test_true_magnitudes_fill_the_gap_and_nothing_else_changes() -> None:
    clean = sound(5120)
    inside = slice(2048, 3072)
    damaged = clean.copy()
    damaged[inside] = 0.0
    whole = torch.from_numpy(np.abs(stft(clean, GRID))[None, :256]).float()
    untouched = np.abs(stft(damaged, GRID)) - np.abs(stft(clean, GRID))
    touched = np.flatnonzero(np.abs(untouched).max(axis=0) > 1e-9)
    assert (touched[0], touched[-1] + 1) == (FIRST_FRAME, FIRST_FRAME + GAP_FRAMES)

    class Knows(nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            wanted = whole[..., FIRST_FRAME : FIRST_FRAME + GAP_FRAMES] / prepare(whole).level
            return (wanted**0.5)[:, None]

    given = prepare(whole)
    answer = finish(Knows()(given.features), given)
    torch.testing.assert_close(answer, whole[..., FIRST_FRAME : FIRST_FRAME + GAP_FRAMES])
    filled = GapEncoder(Knows()).fill(damaged)
    outside = np.r_[0:2048, 3072:5120]
    np.testing.assert_array_equal(filled[outside], clean[outside])
    assert sdr_db(clean[inside], filled[inside]) > 3


def test_all_that_reaches_the_gap_passes_the_narrow_layer() -> None:
    network = build(NetworkSettings("context-encoder", 2, 2)).eval()
    assert isinstance(network, ContextEncoder)
    first = network(torch.rand(1, 2, 256, 16))
    assert first.shape == (1, 1, 256, 11)
    nn.init.zeros_(network.narrow.weight)
    one, other = (network(torch.rand(1, 2, 256, 16)) for _ in range(2))
    assert torch.equal(one, other)


# Trained and measured


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    for number in range(4):
        path = root / ("Rock", "Jazz")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound(4 * RATE_HZ, number), RATE_HZ)
    return root


@pytest.mark.parametrize(
    ("task", "network", "score"),
    [
        ("super-resolution", "tfnet", "lsd_gain"),
        ("super-resolution", "res-unet-v2", "lsd_gain"),
        ("context-encoder", "context-encoder", "magnitudes_db"),
    ],
)
def test_related_systems_are_trained_and_measured_by_commands(folder, tmp_path, capsys, task, network, score):
    run = tmp_path / "run"
    how = ["--task", task, "--network", network, "--width", "4", "--batch", "4", "--examples", "96"]
    places = ["--data", folder, "--validation", folder, "--work", tmp_path / "work", "--run", run]
    more = ["--learning-rate", "0.01", "--average", "0.9", "--validate-examples", "48", "--report-steps", "4"]
    words = ["train", *how, *places, *more, "--threads", "1", "--tensorboard", "--quiet"]
    assert main([str(word) for word in words]) == 0
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < losses[0]
    weights = run / "best.safetensors"
    _, card = load(weights)
    assert card.task == task
    assert np.isfinite(card.metrics[score])
    assert main(["models", "verify", str(weights)]) == 0
    capsys.readouterr()
    words = ["bench", "--protocol", task, "--data", str(folder), "--methods", f"nothing,{weights}"]
    assert main([*words, "--seconds", "2", "--gaps", "1", "--no-odg", "--json", "-q", "--jobs", "1"]) == 0
    said = json.loads(capsys.readouterr().out)
    titles = {row[0] for sheet in said["tables"] for row in sheet["rows"]}
    assert f"{network}, weights best" in titles


def test_digital_silence_does_not_end_a_training_of_the_context_encoder(tmp_path: Path) -> None:
    (tmp_path / "Rock").mkdir()
    soundfile.write(tmp_path / "Rock" / "silence.wav", np.zeros(2 * RATE_HZ), RATE_HZ, subtype="PCM_16")
    cache, _ = prepare_music(scan_library(tmp_path), tmp_path / "cache", PrepareSettings(RATE_HZ, mono=True))
    task = ContextEncoderTask(PaperExamples(cache, 0), PaperExamples(cache, 1))
    network = build(NetworkSettings("context-encoder", 2, 2))
    loss = task.loss(network, 0, 4, torch.device("cpu"))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_a_network_that_cannot_be_trained_for_a_task_is_one_sentence(folder, capsys):
    words = ["train", "--data", str(folder), "--examples", "4", "--network", "tfnet", "--task", "restore"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "tfnet cannot be trained for the task 'restore'" in said
    assert all(
        ("restore" in a.tasks) == (name in said.split("give one of")[1]) for name, a in NETWORKS.items()
    )


def test_weights_of_other_tasks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save(path, build(NetworkSettings("res-unet-v2", 2, 2)), CARD)
    SuperResolver.open(path)
    with pytest.raises(ModelError, match="for the task 'super-resolution'"):
        GapEncoder.open(path)
    save(path, build(NetworkSettings("context-encoder", 2, 2)), ModelCard(CARD.network, "context-encoder"))
    with pytest.raises(ModelError):
        SuperResolver.open(path)
