"""Samples that were averaged: the good ones between stay, the others are predicted, lines are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.fill import averaged
from restore_audio.fill.averaged import repair
from restore_audio.fill.doubt import settled
from restore_audio.fill.gaps import Gap, Prediction, walk_gaps
from restore_audio.spans import Span

Samples = NDArray[np.float64]
START, LENGTH = 3000, 41
PRIOR = Prediction(np.zeros(LENGTH), 7.0)


def sound(size: int = 8000) -> Samples:
    """Two tones, one so high that a mean of neighbours is far off."""
    time = np.arange(size)
    tones = 0.3 * np.sin(0.11 * time) + 0.2 * np.sin(1.9 * time + 1.0)
    return tones + 1e-4 * np.random.default_rng(1).standard_normal(size)


def means(audio: Samples, start: int = START, length: int = LENGTH, error: float = 0.0) -> Samples:
    """Every other sample of a stretch is the mean of its neighbours."""
    made = audio.copy()
    for place in range(start, start + length, 2):
        made[place] = (audio[place - 1] + audio[place + 1]) / 2 + error
    return made


def gap(audio: Samples, start: int = START, length: int = LENGTH) -> Gap:
    (one,) = walk_gaps(audio[None], [Span(start, start + length, 0, "interpolated")], 44_100)
    return one


def test_good_samples_stay_and_the_others_are_what_they_were() -> None:
    clean = sound()
    damaged = means(clean)
    made = repair(gap(damaged), PRIOR)
    assert made is not None
    inside = slice(START, START + LENGTH)
    np.testing.assert_array_equal(made.samples[1::2], clean[inside][1::2])
    off = made.samples - clean[inside]
    assert np.abs(off).max() < 0.01 * np.abs(damaged - clean)[inside].max()
    assert 0.1 < made.expected_error / float(off @ off) < 10.0


def test_means_stay_where_the_repair_expects_to_err_more() -> None:
    clean = sound() + 0.1 * np.random.default_rng(2).standard_normal(8000)
    clean[START - 20 : START + LENGTH + 20] *= 0.03  # a model of what is loud knows nothing of what is quiet
    one = gap(means(clean))
    made = repair(one, PRIOR)
    assert made is not None
    assert isinstance(settled(one, PRIOR, made), str)
    loud = gap(means(sound()))
    assert not isinstance(settled(loud, PRIOR, repair(loud, PRIOR)), str)


@pytest.mark.parametrize(("length", "told"), [(3, False), (4, False), (5, True)])
def test_three_means_are_the_fewest(length: int, told: bool) -> None:
    assert bool(repair(gap(means(sound(), length=length), length=length), PRIOR)) == told


def test_two_steps_of_sixteen_bit_are_rounding() -> None:
    # A mean that is off by e bends by 2 e.
    for error, told in ((2.0**-15 * 0.99, True), (2.0**-15 * 1.01, False)):
        assert bool(repair(gap(means(sound(), error=error)), PRIOR)) == told
    for place in (0, 6, 18, LENGTH - 1):
        once = means(sound())
        once[START + place] += 1e-3
        assert repair(gap(once), PRIOR) is None


def test_where_the_samples_between_lie_straight_too_nothing_is_good() -> None:
    audio = sound()
    audio[START - 1 : START + LENGTH + 1] = np.linspace(audio[START - 1], audio[START + LENGTH], LENGTH + 2)
    assert repair(gap(audio), PRIOR) is None
    held = sound()
    held[START - 1 : START + LENGTH + 1] = held[START - 1]
    assert repair(gap(held), PRIOR) is None
    for straight, told in ((10, True), (12, False)):  # of twenty between
        some = sound()
        end = START + 2 * straight
        some[START - 1 : end + 2] = np.linspace(some[START - 1], some[end + 1], end + 3 - START)
        assert bool(repair(gap(means(some)), PRIOR)) == told, straight


def test_a_hundred_and_twenty_eight_samples_on_either_side_are_needed() -> None:
    audio = means(sound())
    for off, told in ((128, True), (127, False)):
        first = START - off
        assert bool(repair(gap(audio[first:], off), PRIOR)) == told
        assert bool(repair(gap(audio[: START + LENGTH + off]), PRIOR)) == told
        other = [Span(first - 20, first, 0)]  # damaged as well, and not filled
        (one,) = walk_gaps(audio[None], [Span(START, START + LENGTH, 0)], 44_100, others=other)
        assert bool(repair(one, PRIOR)) == told


def test_a_model_of_the_thousand_samples_on_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Samples]] = []

    def look(sides: list[Samples], order: int) -> Samples:
        seen.append(sides)
        return np.r_[1.0, np.zeros(order)]

    monkeypatch.setattr(averaged, "lpc", look)
    audio = means(sound())
    made = repair(gap(audio), PRIOR)
    assert made is not None
    assert np.abs(made.samples[::2]).max() < 1e-12  # a model that predicts nothing
    (left, right), end = seen[0], START + LENGTH
    np.testing.assert_array_equal(left, audio[START - 1024 : START])
    np.testing.assert_array_equal(right, audio[end : end + 1024])


def test_what_is_no_number_or_cannot_be_predicted_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = means(sound())
    audio[START - 500] = np.nan
    assert repair(gap(audio), PRIOR) is None

    def fail(*_: object) -> Samples:
        raise ValueError

    monkeypatch.setattr(averaged, "lpc", fail)
    assert repair(gap(means(sound())), PRIOR) is None
