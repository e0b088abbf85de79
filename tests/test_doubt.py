"""What no fill is expected to better is left as it is, and reported with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from restore_audio.fill import doubt
from restore_audio.fill.ar import predict_gap
from restore_audio.fill.doubt import (
    LEAST_RATIOS,
    SAME,
    STAND_INS,
    UNPROVEN,
    _errors_beside,
    ended,
    settled,
)
from restore_audio.fill.fill import Filling, fill_spans
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.fill.methods import METHODS
from restore_audio.settings import FillSettings
from restore_audio.signal.lapped import MP3_HEARD
from restore_audio.spans import KINDS, Span

RATE_HZ = 44_100
START, LENGTH = 30_000, 661
Samples = NDArray[np.float64]


def music(seed: int = 3) -> Samples:
    rng = np.random.default_rng(seed)
    time = np.arange(70_000) / RATE_HZ
    audio = 0.1 * lfilter([1.0], [1.0, -0.9], rng.standard_normal(time.size))
    for hz in (220.0, 277.0, 880.0, 2500.0):
        audio += 40.0 / (hz + 200.0) * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6))
    return np.asarray(0.3 * audio / np.max(np.abs(audio)))


def gap_of(audio: Samples, kind: str) -> tuple[Gap, Prediction]:
    lost = np.zeros((1, audio.size), dtype=bool)
    lost[0, START : START + LENGTH] = True
    gap = Gap(audio[None].copy(), lost, 0, START, START + LENGTH, 0, audio.size, RATE_HZ, kind)
    return gap, predict_gap(gap.before, gap.after, LENGTH, rate_hz=RATE_HZ)


def spoilt(clean: Samples, level: float) -> Samples:
    damaged = clean.copy()
    damaged[START : START + LENGTH] += level * np.random.default_rng(1).standard_normal(LENGTH)
    return damaged


def reason_to_leave(gap: Gap, prior: Prediction, repaired: Prediction | None = None) -> str | None:
    answer = settled(gap, prior, repaired)
    return answer if isinstance(answer, str) else None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_healthy_samples_are_left_and_spoilt_ones_are_not(seed: int, scale: float) -> None:
    clean = scale * music(seed)
    reason = reason_to_leave(*gap_of(clean, "concealed"))
    assert reason is not None
    assert reason.endswith("left as it is")
    assert reason_to_leave(*gap_of(spoilt(clean, 0.3 * scale), "concealed")) is None


def test_a_stand_in_as_good_as_the_fill_is_left() -> None:
    clean = music()
    _, prior = gap_of(clean, "concealed")
    error = float(np.std(prior.samples - clean[START : START + LENGTH]))
    assert reason_to_leave(*gap_of(spoilt(clean, 0.5 * error), "concealed")) is not None
    assert reason_to_leave(*gap_of(spoilt(clean, 6 * error), "concealed")) is None


def test_of_a_fill_the_more_is_taken_the_more_it_differs_from_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doubt, "_errors_beside", lambda gap, filled: [1.5, 1.5])
    gap, prior = gap_of(music(), "interpolated")
    there = gap.mine[START : START + LENGTH].copy()
    away = (prior.samples - there) / np.linalg.norm(prior.samples - there)
    shares = []
    for ratio in (0.5, 1.0, 2.0, 4.0, 100.0):
        size = np.sqrt(ratio * 1.5 * prior.expected_error)
        answer = settled(gap, Prediction(there + size * away, prior.expected_error))
        shares.append(0.0 if isinstance(answer, str) else float((answer.samples - there) @ away / size))
    assert shares == pytest.approx([0.0, 0.0, 0.5, 0.75, 0.99], abs=1e-6)


def test_what_a_decoder_made_up_is_replaced_only_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubt, "_errors_beside", lambda gap, filled: [1.5, 1.5])
    gap, prior = gap_of(music(), "concealed")
    there = gap.mine[START : START + LENGTH].copy()
    error = 1.5 * prior.expected_error
    bump = np.zeros(LENGTH)
    bump[200:400] = np.sqrt(error / 200)
    for ratio, left in ((0.99 * UNPROVEN, True), (1.01 * UNPROVEN, False), (16.0, False)):
        answer = settled(gap, Prediction(there + np.sqrt(ratio) * bump, prior.expected_error))
        assert isinstance(answer, str) == left
    assert isinstance(answer, Prediction)
    changed = (answer.samples - there) / (4 * bump.max())
    assert changed[230:370] == pytest.approx(1 - 200 / 661 / 16)
    assert np.array_equal(answer.samples[:170], there[:170])
    assert np.array_equal(answer.samples[430:], there[430:])


def test_the_average_with_a_stand_in_as_good_as_the_fill_is_better_than_either() -> None:
    clean = music()
    truth = clean[START : START + LENGTH]
    rng = np.random.default_rng(5)
    gap, _ = gap_of(clean, "interpolated")
    worse = max(1.0, float(np.exp(np.mean(np.log(_errors_beside(gap, truth))))))
    stand_in, fill = (truth + 0.01 * rng.standard_normal(LENGTH) for _ in range(2))
    gap.mine[START : START + LENGTH] = stand_in
    answer = settled(gap, Prediction(fill, float(np.sum((fill - truth) ** 2)) / worse))
    assert isinstance(answer, Prediction)
    errors = [float(np.sum((made - truth) ** 2)) for made in (answer.samples, fill, stand_in)]
    assert errors[0] < 0.7 * min(errors[1:])


def test_a_fill_is_not_taken_to_err_less_than_its_models_expect() -> None:
    clean = music()
    gap, prior = gap_of(clean, "interpolated")
    there = gap.mine[START : START + LENGTH]
    sure = float(np.exp(np.mean(np.log(_errors_beside(gap, prior.samples)))))
    unsure = Prediction(prior.samples, 20.0 * sure * prior.expected_error)  # beside the gap fills did better
    away = np.random.default_rng(0).standard_normal(LENGTH)
    size = np.sqrt(0.9 * unsure.expected_error) / np.linalg.norm(away)
    assert isinstance(settled(gap, replace(unsure, samples=there + size * away)), str)


def test_an_exact_copy_of_the_last_period_is_held_against_what_the_models_expect() -> None:
    clean = music()
    copied = clean.copy()
    copied[START : START + LENGTH] = np.resize(clean[START - 300 : START], LENGTH)
    noised = copied.copy()
    noised[START : START + LENGTH] += 3e-3 * np.random.default_rng(1).standard_normal(LENGTH)
    gap, prior = gap_of(copied, "concealed")
    there = gap.mine[START : START + LENGTH]
    ratio = np.exp(np.mean(np.log(_errors_beside(gap, prior.samples))))
    assert ratio > 1.2  # so the noised one is doubted more
    away = (there - prior.samples) / np.linalg.norm(there - prior.samples)
    between = replace(prior, samples=there - away * np.sqrt(1.1 * prior.expected_error))
    assert reason_to_leave(gap, between) is None
    other, _ = gap_of(noised, "concealed")
    there = other.mine[START : START + LENGTH]
    between = replace(prior, samples=there - away * np.sqrt(1.1 * prior.expected_error))
    assert reason_to_leave(other, between) is not None


def test_lost_treble_is_not_told_where_the_music_changes() -> None:
    clean = music()
    made = Prediction(clean[START : START + LENGTH] + 1.0, 1e-3)
    assert reason_to_leave(gap_of(clean, "treble")[0], made, made) is None
    for level, left in ((0.4, False), (0.1, True)):
        stepped = clean.copy()
        stepped[START + LENGTH :] *= level
        gap, _ = gap_of(stepped, "treble")
        assert ((reason_to_leave(gap, made, made) or "").startswith("the music changes")) == left
    long = replace(gap_of(clean, "treble")[0], end=START + 5_000)
    made = Prediction(clean[START : START + 5_000] + 1.0, 1e-3)
    assert reason_to_leave(long, made, made) is None
    long.audio[0, START : START + 5_000] *= 0.5
    assert reason_to_leave(long, made, made) is not None


def test_only_kinds_that_may_hold_something_are_doubted() -> None:
    clean = music()
    doubted = {*LEAST_RATIOS, *STAND_INS}
    assert set(KINDS) - {"zeros", "constant", "nan", "repeat", "given", "splice"} >= doubted
    for kind in KINDS:
        assert kind in doubted or reason_to_leave(*gap_of(clean, kind)) is None
        assert (reason_to_leave(*gap_of(clean, kind)) is not None) or kind not in LEAST_RATIOS


def test_without_surroundings_or_numbers_nothing_is_doubted() -> None:
    clean = music()
    gap, prior = gap_of(clean, "concealed")
    near = replace(gap, first=START - 800, last=START + LENGTH + 800)
    assert reason_to_leave(near, prior) is None
    one_side = replace(gap, last=START + LENGTH)
    assert reason_to_leave(one_side, prior) is not None
    gap.audio[0, START + 3] = np.nan
    assert reason_to_leave(gap, prior) is None


def test_what_is_left_is_reported_and_not_touched() -> None:
    clean = music()
    spans = [Span(START, START + LENGTH, 0, "concealed"), Span(50_000, 50_400, 0, "zeros")]
    audio = clean.copy()
    audio[50_000:50_400] = 0.0
    filled, marked = fill_spans(audio[None], spans, RATE_HZ, method=METHODS["auto"])
    assert [span.filled for span in marked] == [False, True]
    assert "left as it is" in (marked[0].reason or "")
    assert marked[1].reason is None
    np.testing.assert_array_equal(filled[0, :50_000], clean[:50_000])
    filling = Filling(spans, RATE_HZ, audio.size, FillSettings())
    patches = list(filling.patches([audio[None]]))
    assert [(patch.start, patch.end) for patch in patches] == [(50_000, 50_400)]
    assert [span.filled for span in filling.spans] == [False, True]


def test_a_method_that_was_asked_for_does_as_it_was_told() -> None:
    span = Span(START, START + LENGTH, 0, "concealed")
    _, (marked,) = fill_spans(music()[None], [span], RATE_HZ, method=METHODS["ar"])
    assert marked.filled


def held_behind_zeros() -> tuple[Gap, Samples]:
    """A gap of 1,000 zeros and what an MP3 decoder still held behind them; what is there."""
    audio, length = music(), 1000 + MP3_HEARD
    audio[START : START + 1000] = 0.0
    lost = np.zeros((1, audio.size), dtype=bool)
    lost[0, START : START + length] = True
    gap = Gap(audio[None], lost, 0, START, START + length, 0, audio.size, RATE_HZ, "zeros")
    return gap, audio[START : START + length].copy()


def test_what_a_decoder_still_held_stays_where_it_agrees_with_the_fill() -> None:
    gap, there = held_behind_zeros()
    made = Prediction(there.copy(), gap.length * 1e-4)  # 0.01 a sample
    made.samples[:1000] = 0.1
    made.samples[1000:2000] += np.sqrt(SAME * 1.2) * 0.01
    made.samples[2000:] += np.sqrt(SAME * 0.8) * 0.01
    samples = ended(gap, made)
    assert 1930 <= samples.size <= 2070
    assert samples[:1900] == pytest.approx(made.samples[:1900])
    assert abs(samples[-1] - there[samples.size - 1]) < 2e-3
    assert ended(replace(gap, kind="repeat"), made) is made.samples
    zeros = gap.mine[gap.start : gap.end].copy()
    gap.mine[gap.start : gap.end] = 0.0
    assert ended(gap, made) is made.samples
    gap.mine[gap.start : gap.end] = zeros
    gap.mine[START + 1500] = np.nan
    assert ended(gap, made) is made.samples


def test_zeros_never_stay() -> None:
    gap, there = held_behind_zeros()
    made = Prediction(there + 1e-9, 1.0)
    assert np.array_equal(ended(gap, made), made.samples[:1000])
