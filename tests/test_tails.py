"""A click's tail is subtracted: the music under it is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from recordings import sdr_db
from restore_audio.fill.ar import predict_gap
from restore_audio.fill.fill import fill_spans
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.fill.methods import METHODS
from restore_audio.fill.tails import repair
from restore_audio.spans import Span

RATE_HZ = 44_100
START = 30_000
CLICK = 40
Samples = NDArray[np.float64]


def music(seed: int = 3) -> Samples:
    """A chord with a bass over coloured noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(70_000) / RATE_HZ
    audio = 0.02 * lfilter([1.0], [1.0, -0.9], rng.standard_normal(time.size))
    for hz in (65.0, 220.0, 277.0, 880.0, 2500.0):
        swell = 1.0 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 9) * time + rng.uniform(0, 6))
        audio += 40.0 / (hz + 200.0) * swell * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6))
    return np.asarray(0.3 * audio / np.max(np.abs(audio)))


def thump(length: int) -> Samples:
    time = np.arange(length) / RATE_HZ
    return np.asarray(0.4 * np.exp(-4.0 * np.arange(length) / length) * np.sin(2 * np.pi * 30.0 * time))


def jump(length: int) -> Samples:
    return np.asarray(0.4 * np.exp(-5.0 * np.arange(length) / length))


def ringing(length: int) -> Samples:
    time = np.arange(length) / RATE_HZ
    return np.asarray(0.4 * np.exp(-4.0 * np.arange(length) / length) * np.sin(2 * np.pi * 1700.0 * time))


def struck(clean: Samples, tail: Samples) -> Samples:
    damaged = clean.copy()
    damaged[START : START + tail.size] += tail
    damaged[START : START + CLICK] += 0.8 * np.random.default_rng(2).standard_normal(CLICK)
    return damaged


def gap_of(damaged: Samples, length: int) -> tuple[Gap, Prediction]:
    lost = np.zeros((1, damaged.size), dtype=bool)
    lost[0, START : START + length] = True
    gap = Gap(damaged[None].copy(), lost, 0, START, START + length, 0, damaged.size, RATE_HZ, "click")
    return gap, predict_gap(gap.before, gap.after, length, rate_hz=RATE_HZ)


@pytest.mark.parametrize(
    ("tail", "least_db"),
    [(thump(3528), 15), (jump(2205), 13), (ringing(1323), 12)],
    ids=["thump", "jump", "ring"],
)
def test_the_tail_goes_and_the_music_stays(tail: Samples, least_db: float) -> None:
    clean = music()
    damaged = struck(clean, tail)
    inside = slice(START, START + tail.size)
    gap, prior = gap_of(damaged, tail.size)
    prediction = repair(gap, prior)
    assert prediction is not None
    assert 0 < prediction.expected_error <= prior.expected_error
    after = sdr_db(clean[inside], prediction.samples)
    assert after > least_db
    assert after > sdr_db(clean[inside], damaged[inside]) + 10
    assert after > sdr_db(clean[inside], prior.samples) + 3
    # It joins: no step at the edges that the music does not make itself.
    steps = np.abs(np.diff(np.r_[damaged[START - 1], prediction.samples, damaged[START + tail.size]]))
    assert max(steps[0], steps[-1]) < 3 * np.max(np.abs(np.diff(clean)))


def test_the_bass_under_a_thump_is_not_taken_for_it() -> None:
    clean, tail = music(), thump(3528)
    inside = slice(START, START + tail.size)
    gap, prior = gap_of(struck(clean, tail), tail.size)
    prediction = repair(gap, prior)
    assert prediction is not None
    bins = slice(3, 9)  # 37 to 100 Hz
    spectra = [np.abs(np.fft.rfft(x * np.hanning(x.size)))[bins] for x in (clean[inside], prediction.samples)]
    assert np.linalg.norm(spectra[0] - spectra[1]) < 0.25 * np.linalg.norm(spectra[0])


def test_where_there_is_no_tail_the_click_alone_is_filled() -> None:
    clean = music()
    for damaged in (struck(clean, 0.0 * thump(3528)), clean.copy()):
        damaged[START + 200 : START + 2000] += 1e-3 * np.random.default_rng(1).standard_normal(1800)
        gap, prior = gap_of(damaged, 3528)
        repaired = repair(gap, prior)
        assert repaired is not None
        assert np.array_equal(repaired.samples[200:], damaged[START + 200 : START + 3528])


def test_what_is_no_click_with_a_tail_is_left_to_the_other_fills() -> None:
    clean = music()
    damaged = clean.copy()
    assert repair(*gap_of(struck(clean, thump(3528)), 150)) is None  # a click alone
    damaged[START + 5] = np.nan
    assert repair(*gap_of(damaged, 2000)) is None
    gap, prior = gap_of(struck(clean, thump(3528)), 3528)
    short = Gap(gap.audio, gap.lost, 0, gap.start, gap.end, gap.start - 500, gap.last, RATE_HZ, "click")
    assert repair(short, prior) is None or np.all(np.isfinite(repair(short, prior).samples))  # type: ignore[union-attr]
    alone = Gap(gap.audio, gap.lost, 0, gap.start, gap.end, gap.start, gap.last, RATE_HZ, "click")
    assert repair(alone, prior) is None


def test_the_default_method_repairs_clicks_with_tails() -> None:
    clean, tail = music(), thump(3528)
    damaged = struck(clean, tail)
    span = Span(START, START + tail.size, 0, "click")
    filled, (marked,) = fill_spans(damaged[None], [span], RATE_HZ, method=METHODS["auto"])
    inside = slice(span.start, span.end)
    assert marked.filled
    assert sdr_db(clean[inside], filled[0, inside]) > 15
    np.testing.assert_array_equal(filled[0, : span.start], damaged[: span.start])
    np.testing.assert_array_equal(filled[0, span.end :], damaged[span.end :])
