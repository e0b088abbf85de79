"""Promises of the fills that choose by the error to expect, and of another channel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recordings import colourful, sdr_db
from restore_audio.fill.ar import Prediction, fill_gap, predict_gap
from restore_audio.fill.channels import fill_from_channel
from restore_audio.fill.gaps import Gap
from restore_audio.fill.memory import ArraySource, Memory
from restore_audio.fill.passages import fill as fill_from_passages
from restore_audio.spans import Span

RATE_HZ = 8000
Samples = NDArray[np.float64]


def test_expected_error_is_about_the_error() -> None:
    ratios = []
    for seed in range(12):
        x = colourful(seed, 9000)
        answer = predict_gap(x[:4500], x[4600:], 100, rate_hz=RATE_HZ)
        ratios.append(answer.expected_error / np.sum((answer.samples - x[4500:4600]) ** 2))
        np.testing.assert_array_equal(answer.samples, fill_gap(x[:4500], x[4600:], 100, rate_hz=RATE_HZ))
    assert 0.3 < np.median(ratios) < 2.0


def from_channel(x: Samples, other: Samples, start: int, gap: int) -> Prediction | None:
    return fill_from_channel(x[:start], x[start + gap :], other, gap, rate_hz=RATE_HZ)


def test_a_delayed_quieter_copy_restores_the_other_channel() -> None:
    rng = np.random.default_rng(9)
    left = colourful(9, 9000)
    right = 0.5 * np.roll(left, 3) + 1e-4 * rng.standard_normal(left.size)
    fill = from_channel(right, left, 4000, 800)
    assert fill is not None
    assert sdr_db(right[4000:4800], fill.samples) > 45


def test_what_the_other_channel_lacks_is_continued() -> None:
    left = colourful(10, 9000)
    tone = 0.1 * np.sin(2 * np.pi * 700 / RATE_HZ * np.arange(left.size))
    right = 0.8 * left + tone
    fill = from_channel(right, left, 4000, 800)
    assert fill is not None
    assert sdr_db(right[4000:4800], fill.samples) > 25
    alone = predict_gap(right[:4000], right[4800:], 800, rate_hz=RATE_HZ)
    assert fill.expected_error < alone.expected_error


def test_an_unrelated_or_silent_channel_is_not_listened_to() -> None:
    x = colourful(11, 9000)
    assert from_channel(x, colourful(12, 9000), 4000, 800) is None
    assert from_channel(x, np.zeros(9000), 4000, 800) is None
    assert from_channel(np.zeros(9000), x, 4000, 800) is None
    assert from_channel(x[:200], x[:200], 50, 100) is None


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="other has"):
        fill_from_channel(np.zeros(5), np.zeros(5), np.zeros(11), 2, rate_hz=RATE_HZ)


@pytest.mark.parametrize("wanted", ["passage", "channel", "ar"])
def test_the_expected_errors_choose_well(wanted: str) -> None:
    loop, noise = colourful(13, 12_000), colourful(14, 24_000)
    n = np.arange(24_000) / RATE_HZ
    chirp = np.sin(2 * np.pi * (437.3 + 4 * n) * n)
    x, other = {
        "passage": (np.concatenate([loop, loop]), noise),
        "channel": (noise, 0.7 * noise),
        "ar": (0.1 * chirp + 1e-3 * noise, noise + 0.1 * np.roll(chirp, 90)),
    }[wanted]
    lost = np.zeros((1, x.size), dtype=bool)
    lost[0, 16_000:16_800] = True
    broken = np.where(lost, np.nan, x)
    memory = Memory(ArraySource(broken), RATE_HZ, x.size, [Span(16_000, 16_800, 0)])
    gap = Gap(broken, lost, 0, 16_000, 16_800, 0, x.size, RATE_HZ, memory=memory)
    fills = {
        "ar": predict_gap(gap.before, gap.after, 800, rate_hz=RATE_HZ),
        "channel": from_channel(x, other, 16_000, 800),
        "passage": fill_from_passages(gap),
    }
    offered = {name: fill for name, fill in fills.items() if fill is not None}
    assert min(offered, key=lambda name: offered[name].expected_error) == wanted
    scores = {name: sdr_db(x[16_000:16_800], fill.samples) for name, fill in offered.items()}
    assert len(scores) > 1
    assert max(scores, key=lambda name: scores[name]) == wanted
