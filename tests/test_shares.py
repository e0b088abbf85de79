"""How much of a loss is undone: what the network computes, what it sees, and that it is worth it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recordings import music, sdr_db
from restore_audio.fill import remains, shares
from restore_audio.fill.ar import fill
from restore_audio.fill.gaps import Gap
from restore_audio.fill.shares import FACTORS, MEASURES, MOST_SHARE, measures_of, shares_of
from restore_audio.fill.workings import Workings, workings

RATE_HZ = 44_100
START, LENGTH = 30_000, 3_000


def dropout(channels: int = 2, depth_db: float = 18.0) -> tuple[Gap, np.ndarray]:
    """One channel of music with a dropout in its first, and the truth."""
    clean = music(2.0, channels=channels, seed=6)
    damaged = clean.copy()
    bell = np.sin(np.pi * (np.arange(LENGTH) + 0.5) / LENGTH) ** 2
    damaged[0, START : START + LENGTH] *= 10 ** (-depth_db * bell / 20)
    lost = np.zeros(clean.shape, dtype=bool)
    lost[0, START : START + LENGTH] = True
    return Gap(damaged, lost, 0, START, START + LENGTH, 0, clean.shape[1], RATE_HZ, "dropout"), clean[0]


def worked(gap: Gap) -> Workings:
    prior = fill(gap)
    work = workings(gap, prior)
    assert work is not None
    return work


def test_the_network_is_two_layers_whose_outputs_are_bounded():
    measures = np.array([[1.0, 3.0], [100.0, 3.0]])
    weights = {
        "mean": np.array([0.0, 1.0]),
        "scale": np.array([1.0, 2.0]),
        "inner": np.array([[[1.0], [0.5]], [[0.0], [0.0]]]),
        "inner_bias": np.zeros((2, 1)),
        "outer": np.array([[[2.0, -1.0]], [[0.0, 0.0]]]),
        "bias": np.array([[0.0, 0.0], [0.0, 0.0]]),
    }
    share, factor = shares_of(weights, measures)
    for row, value in enumerate((1.0, 4.0)):  # a hundred deviations say no more than four
        hidden = np.tanh(value + 0.5)
        of_first = 1 / (1 + np.exp(-2 * hidden)), 1 / (1 + np.exp(hidden))
        assert share[row] == pytest.approx(MOST_SHARE * np.mean([of_first[0], 0.5]))
        assert factor[row] == pytest.approx(FACTORS[0] * 16 ** np.mean([of_first[1], 0.5]))


def test_the_weights_take_the_measures_that_are_made():
    weights = shares._weights()
    assert len(weights["mean"]) == len(weights["scale"]) == weights["inner"].shape[1] == len(MEASURES)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_measures_of_each_band_are_finite_and_tell_the_damage(channels):
    gap, _ = dropout(channels)
    if channels > 1:
        gap.audio[1, START + 5 : START + 7] = np.nan, np.inf
    work = worked(gap)
    measures = dict(zip(MEASURES, measures_of(work).T, strict=True))
    bands = work.scene.edges.size - 1
    assert all(column.shape == (bands,) and np.all(np.isfinite(column)) for column in measures.values())
    assert np.all(measures["other channels"] == (channels > 1))
    assert np.all(measures["treble"] == 0.0)
    assert np.all(measures["length"] == pytest.approx(np.log(LENGTH / 44.1)))
    assert np.all(measures["mean loss"] <= measures["largest loss"] + 1e-9)
    strong = measures["level against the strongest band"] > -8
    assert np.mean(measures["what is there against the weaker side"][strong]) < -0.4
    if channels > 1:
        falls = measures["fall of other channels against the weaker side"][strong]
        assert np.mean(falls) > np.mean(measures["what is there against the weaker side"][strong])


def test_the_treble_is_told():
    gap, _ = dropout()
    measures = measures_of(worked(dataclasses.replace(gap, kind="treble")))
    assert np.all(measures[:, MEASURES.index("treble")] == 1.0)


def test_a_share_of_nothing_leaves_what_is_there_where_the_prediction_is_not_believed():
    gap, _ = dropout()
    work = worked(gap)
    ones = np.ones(work.scene.edges.size - 1)
    kept, _ = remains.undone(work, 0.0 * ones, 1e30 * ones)
    assert np.linalg.norm(kept - work.scene.damaged) < 0.03 * np.linalg.norm(work.scene.damaged)
    half, _ = remains.undone(work, 0.5 * ones, 1e30 * ones)
    whole, _ = remains.undone(work, ones, 1e30 * ones)
    energies = [float(np.sum(np.abs(cells) ** 2)) for cells in (kept, half, whole)]
    assert energies[0] < energies[1] < energies[2]


@pytest.mark.parametrize("depth_db", [12.0, 24.0])
def test_a_dropout_of_level_comes_back(depth_db):
    gap, clean = dropout(depth_db=depth_db)
    inside = slice(START, START + LENGTH)
    made = remains.repair(gap, fill(gap))
    assert made is not None
    assert sdr_db(clean[inside], made.samples) > sdr_db(clean[inside], gap.mine[inside]) + 4
