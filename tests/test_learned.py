from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from restore_audio.arrays import Samples
from restore_audio.damage.families import Simple, apply, draw_after, draw_negative
from restore_audio.damage.simulate import Damage
from restore_audio.damage.tape import Dropout, Tape
from restore_audio.detection import frame_network
from restore_audio.detection.detect import detect, detect_blocks
from restore_audio.detection.dips import DIPS, Dips
from restore_audio.detection.features import FEATURES, Levels, features_of, levels_of, step_samples
from restore_audio.detection.frame_network import KINDS
from restore_audio.detection.learned import find_weighed
from restore_audio.detection.recurrence import FAR_DB, recurrence
from restore_audio.errors import ModelError
from restore_audio.measure.suite import load_piece, suite_pieces
from restore_audio.spans import Span

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
WEIGHTS = Path(frame_network.__file__).with_name("detector.safetensors")
LONGEST_MS = 400.0


def piece(genre: str, seconds: float = 12.0) -> tuple[Samples, int]:
    """The first seconds of a piece of the suite."""
    samples, rate_hz = load_piece(next(p for p in suite_pieces() if p.genre == genre))
    return samples[:, : round(seconds * rate_hz)], rate_hz


def found(samples: Samples, rate_hz: int, least: float = 0.5) -> list[Span]:
    longest = round(LONGEST_MS * rate_hz / 1000)
    return [s for s in find_weighed(samples, rate_hz, longest) if s.confidence >= least]


def overlapping(spans: list[Span], true: Span) -> list[Span]:
    return [s for s in spans if s.channel == true.channel and s.start < true.end and s.end > true.start]


def test_numpy_gives_the_scores_that_torch_gives(tmp_path):
    from train_detector import FrameNet, state_of, write

    torch.manual_seed(3)
    net = FrameNet()
    for parameter in net.parameters():  # as coarse as the file's fp16
        parameter.data = parameter.data.half().float()
    write(tmp_path / "net.safetensors", net.state_dict(), None, {})
    rows = np.random.default_rng(3).normal(size=(2, 150, FEATURES)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(rows)).numpy()
    made = frame_network.load_network(tmp_path / "net.safetensors").scores(rows)
    again = state_of(tmp_path / "net.safetensors")
    assert again.keys() == net.state_dict().keys()
    assert all(torch.allclose(again[name], value, atol=1e-3) for name, value in net.state_dict().items())
    assert made.shape == wanted.shape
    assert np.std(wanted) > 0.1
    np.testing.assert_allclose(made, wanted, atol=2e-4)


def test_numpy_weighs_as_the_networks_that_torch_fits():
    from small_network import fit_two_layers

    rng = np.random.default_rng(4)
    rows = rng.normal(size=(4000, 3))
    damage = rows[:, 0] * rows[:, 1] > 0  # nothing that one straight border tells
    how = {"hidden": (16, 8), "seeds": (0, 1), "epochs": 40, "batch": 128}
    weights = fit_two_layers(rows, damage, **how, rate=1e-2, least_scale=1e-3, weight_decay=1e-3)
    score = frame_network.weighed_by(weights, rows)
    assert score.shape == (4000,)
    assert np.mean((score > 0) == damage) > 0.85


def test_weights_for_other_features_are_refused(tmp_path):
    from safetensors import safe_open

    arrays = load_file(WEIGHTS)
    with safe_open(WEIGHTS, framework="numpy") as file:
        metadata = file.metadata()
    arrays["stem.weight"] = arrays["stem.weight"][:-1]
    save_file(arrays, tmp_path / "old.safetensors", metadata=metadata)
    with pytest.raises(ModelError, match=rf"for {FEATURES - 1} features, and this version has {FEATURES}"):
        frame_network.load_network(tmp_path / "old.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        frame_network.load_network(tmp_path / "none.safetensors")


def test_the_weights_are_small():
    assert WEIGHTS.stat().st_size < 1_000_000


@pytest.mark.parametrize(("genre", "least"), [("Rock", 0.5), ("Classical", 0.3), ("Jazz", 0.5)])
def test_a_spacing_loss_of_the_tape_is_found_in_its_channel(genre, least):
    audio, rate_hz = piece(genre)
    starts = [round(s * rate_hz) for s in (2.1, 4.3, 6.2, 8.4)]
    dropouts = [Dropout(s, s + round(0.06 * rate_hz), 0, 40.0, 20.0, plateau=0.4) for s in starts]
    damaged = apply(Tape(tuple(dropouts)), audio, rate_hz)
    spans = found(damaged.samples, rate_hz, least=least)
    hits = [overlapping(spans, true) for true in damaged.spans]
    assert sum(bool(hit) for hit in hits) >= 3
    assert all(s.kind in ("dropout", "treble") for hit in hits for s in hit)
    assert all(s.evidence for s in spans)
    assert all(any(s in hit for hit in hits) for s in spans)


@pytest.mark.parametrize("codec", ["mp3:128", "opus:96"])
def test_a_gap_that_was_encoded_afterwards_is_found_with_its_ends(codec):
    pytest.importorskip("av")
    audio, rate_hz = piece("Folk")
    length = round(0.03 * rate_hz)
    starts = [round(s * rate_hz) for s in (2.1, 4.3, 6.2, 8.4)]
    gaps = [Damage("zeros", s, s + length, c) for s in starts for c in range(len(audio))]
    step = draw_after(np.random.default_rng(0), codec, rate_hz)
    damaged = apply([Simple(tuple(gaps)), step], audio, rate_hz)
    spans = detect(damaged.samples, rate_hz)
    hits = [(overlapping(spans, true), true) for true in damaged.spans]
    assert sum(bool(hit) for hit, _ in hits) >= 0.75 * len(hits)
    near = 0.004 * rate_hz
    ends = [abs(h[0].start - t.start) < near and abs(h[-1].end - t.end) < near for h, t in hits if h]
    assert sum(ends) >= 0.7 * len(ends)


@pytest.mark.parametrize("genre", sorted(p.genre for p in suite_pieces()))
def test_nothing_is_found_in_the_clean_suite(genre):
    assert found(*piece(genre)) == []


@pytest.mark.parametrize(
    "sort", ["gate", "expander", "rhythmic_gate", "ducked", "staccato", "hi_hats", "mulaw"]
)
def test_nothing_is_found_in_undamaged_sounds_that_look_damaged(sort):
    audio, rate_hz = piece("Spoken" if "gate" in sort else "Rock")
    spans = []
    for seed in range(3):
        negative = draw_negative(np.random.default_rng(seed), sort)
        spans += found(apply(negative, audio, rate_hz).samples, rate_hz)
    assert spans == []


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 48_000, 96_000])
def test_other_sample_rates_have_the_same_rows(rate_hz):
    noise = 0.1 * np.random.default_rng(0).normal(size=(3, 2 * rate_hz))
    levels = levels_of(noise, rate_hz)
    rows = features_of(levels)
    assert rows.shape[0] == 3
    assert rows.shape[2] == FEATURES
    assert abs(rows.shape[1] - 250) <= 22  # a cell of 0.5 ms is a whole number of samples
    assert np.all(np.isfinite(rows))
    assert np.all(rows[..., levels.usable : 32] == 0)
    assert (levels.usable == 32) == (rate_hz > 36_000)
    assert find_weighed(noise[:, : rate_hz // 200], rate_hz, rate_hz) == []


def test_what_is_found_does_not_depend_on_the_blocks():
    once, rate_hz = piece("Rock", 9.5)
    audio = np.concatenate([once, once], axis=1)
    starts = [round(s * rate_hz) for s in (2.1, 8.2, 9.1, 16.3)]
    dropouts = [Dropout(s, s + round(0.1 * rate_hz), 1, 45.0, 30.0, plateau=0.5) for s in starts]
    damaged = apply(Tape(tuple(dropouts)), audio, rate_hz).samples
    whole = detect(damaged, rate_hz)
    assert whole
    for size in (1000, 44_100, 300_001):
        blocks = [damaged[:, i : i + size] for i in range(0, damaged.shape[1], size)]
        assert detect_blocks(blocks, rate_hz) == whole


def dropouts_of(cell: int) -> list[Dropout]:
    """Three, in units of ``cell`` samples."""
    places = ((1000, 1100, 0, 20.0, 0.0), (3000, 3030, 0, 30.0, 15.0), (5000, 5200, 1, 15.0, 10.0))
    return [Dropout(a * cell, b * cell, *rest, plateau=0.3) for a, b, *rest in places]


def test_the_dropouts_that_training_puts_into_levels_are_those_of_a_tape():
    from train_detector import lift

    audio, rate_hz = piece("Rock", 8.0)
    audio = np.concatenate([audio, audio])[:2]
    millisecond = step_samples(rate_hz) // 8
    before = levels_of(audio, rate_hz)
    played = levels_of(apply(Tape(tuple(dropouts_of(millisecond))), audio, rate_hz).samples, rate_hz)
    made = Levels(before.bands.copy(), before.fine.copy(), before.side, before.error.copy(), 32)
    labels = np.zeros((2, 4 * before.bands.shape[1]), dtype=np.uint8)
    for dropout in dropouts_of(1):
        lift(made, labels, dropout)
        steps = slice(dropout.start // 8, dropout.end // 8 + 1)
        channel = dropout.channel
        for true, mine, healthy in (
            (played.bands, made.bands, before.bands),
            (played.fine, made.fine, before.fine),
        ):
            lost = np.abs(true - healthy)[channel, steps].mean()
            assert lost > 3
            assert np.abs(true - mine)[channel, steps].mean() < 0.2 * lost
        named = labels[channel, dropout.start // 2 : dropout.end // 2]
        assert set(named) - {255} == {KINDS.index("treble" if dropout.level_db == 0 else "dropout")}
    assert not labels[1, : dropouts_of(1)[2].start // 2].any()


class TestRecurrence:
    """Noise of 100 steps a second and two channels of bands; a dip of 5 steps."""

    def levels(self, *dips: int) -> Levels:
        bands = np.random.default_rng(0).normal(-40, 2, (1, 1000, 2, 32)).astype(np.float32)
        bands[0, dips[0] : dips[0] + 5] -= 20
        for first in dips[1:]:
            bands[0, first - 8 : first + 13] = bands[0, dips[0] - 8 : dips[0] + 13]
        fine = np.zeros((1, 1000, 2, 8), dtype=np.float32)
        return Levels(bands, fine, fine[:, :, 0], fine[:, :, 0], 32)

    def test_a_dip_that_comes_back_is_told_from_one_that_does_not(self):
        again, left = recurrence(self.levels(100, 700), 0, 100, 105)
        once, more_left = recurrence(self.levels(100), 0, 100, 105)
        assert again < 0.2
        assert left < 0.01
        assert once > 5
        assert more_left > 0.9

    def test_loudness_does_not_matter(self):
        levels = self.levels(100, 700)
        levels.bands[0, 500:] += 12
        assert recurrence(levels, 0, 100, 105)[0] < 0.2

    def test_where_there_is_no_other_place_it_is_far(self):
        levels = self.levels(100)
        short = Levels(levels.bands[:, 90:115], levels.fine, levels.side, levels.error, 32)
        assert recurrence(short, 0, 10, 15) == (FAR_DB, 1.0)


class TestDips:
    """Eight seconds of noise; a dip of 20 ms, 15 dB deep."""

    def measured(self, *dips_ms: int) -> dict[str, float]:
        """Of the first dip."""
        rng = np.random.default_rng(0)
        fine = rng.normal(-40, 1, (1, 1000, 2, 8)).astype(np.float32)
        bands = rng.normal(-40, 1, (1, 1000, 2, 32)).astype(np.float32)
        for first in dips_ms:
            every = np.arange(first, min(first + 20, 8000))
            fine[0, every // 8, :, every % 8] -= 15
            bands[0].reshape(-1, 32)[first // 4 : first // 4 + 5, 16:] -= 15
        levels = Levels(bands, fine, fine[:, :, 0], fine[:, :, 0], 32)
        return dict(zip(DIPS, Dips(levels).measures(0, dips_ms[0], dips_ms[0] + 20), strict=True))

    def test_a_dip_that_is_alone_stands_out(self):
        made = self.measured(4000)
        assert made["dip of the level"] == pytest.approx(15, abs=1.5)
        assert made["dip beyond the deepest elsewhere of the treble"] > 12
        assert made["fall beyond nearly all of the highs"] > 12
        assert made["fall of the lows"] < 3

    def test_one_that_comes_again_does_not(self):
        made = self.measured(4000, 1000)
        assert made["dip of the level"] == pytest.approx(15, abs=1.5)
        assert abs(made["dip beyond the deepest elsewhere of the level"]) < 1.5
        assert made["dip beyond most of the level"] > 12
        often = self.measured(4000, *range(100, 3900, 200), *range(4200, 7900, 200))
        assert often["dip beyond nearly all of the level"] < 6

    def test_at_a_windows_end_it_is_measured_against_what_there_is(self):
        assert self.measured(7990)["dip of the level"] < 3
