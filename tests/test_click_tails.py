"""A click's span covers its tail where that is proven, and nothing where there is none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from restore_audio.detection import registry
from restore_audio.detection.click_edges import click_edges
from restore_audio.detection.detect import detect
from restore_audio.detection.registry import Detector
from restore_audio.detection.tails import (
    LEAST_AGREEING,
    _Behind,
    _reach,
    _ringing_end,
    _slow_end,
    rings,
    tail_end,
)
from restore_audio.spans import Span

RATE_HZ = 44_100
START = 60_000
CLICK = 40
Samples = NDArray[np.float64]


def music(seconds: float = 3.0, seed: int = 3) -> Samples:
    """A chord with a bass over coloured noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    audio = 0.05 * lfilter([1.0], [1.0, -0.9], rng.standard_normal(time.size))
    for hz in (65.0, 220.0, 277.0, 880.0):
        swell = 1.0 + 0.5 * np.sin(2 * np.pi * rng.uniform(3, 9) * time + rng.uniform(0, 6))
        audio += 40.0 / (hz + 200.0) * swell * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6))
    return np.asarray(0.2 * audio / np.max(np.abs(audio)))


def tail_of(name: str, length: int) -> Samples:
    time = np.arange(length) / RATE_HZ
    decay = np.exp(-4.0 * np.arange(length) / length)
    if name == "thump":
        return np.asarray(0.4 * decay * np.sin(2 * np.pi * 30.0 * time))
    if name == "jump":
        return np.asarray(0.4 * decay)
    return np.asarray(0.4 * decay * np.sin(2 * np.pi * 5000.0 * time))


def struck(clean: Samples, tail: Samples | None) -> Samples:
    damaged = clean.copy()
    if tail is not None:
        damaged[START : START + tail.size] += tail
    damaged[START : START + CLICK] += 0.7 * np.random.default_rng(2).standard_normal(CLICK)
    return damaged


@pytest.mark.parametrize(("name", "length"), [("thump", 3528), ("jump", 2205), ("ringing", 882)])
@pytest.mark.parametrize("scale", [1.0, 1e-2])
def test_a_tail_is_covered(name: str, length: int, scale: float) -> None:
    damaged = scale * struck(music(), tail_of(name, length))
    end = tail_end(damaged, START, START + CLICK, RATE_HZ)
    assert START + 0.7 * length <= end <= START + 1.5 * length


@pytest.mark.parametrize("seed", range(4))
def test_a_click_alone_stays_as_short_as_it_is(seed: int) -> None:
    damaged = struck(music(seed=seed), None)
    assert tail_end(damaged, START, START + CLICK, RATE_HZ) == START + CLICK


def test_a_sound_that_begins_at_the_click_and_stays_is_no_tail() -> None:
    clean = music()
    time = np.arange(clean.size - START) / RATE_HZ
    for hz in (40.0, 3000.0):
        begun = clean.copy()
        begun[START:] += 0.2 * np.minimum(time * 50, 1.0) * np.sin(2 * np.pi * hz * time)
        assert tail_end(struck(begun, None), START, START + CLICK, RATE_HZ) == START + CLICK


@pytest.mark.parametrize("off", [(0, 0), (-12, 15), (6, 25)])
@pytest.mark.parametrize("seed", range(3))
def test_a_clicks_edges_are_found_to_the_sample(off: tuple[int, int], seed: int) -> None:
    damaged = struck(music(seed=seed), None)
    start, end = click_edges(damaged, START + off[0], START + CLICK + off[1], RATE_HZ)
    assert abs(start - START) <= 4
    assert abs(end - START - CLICK) <= 4


def test_edges_stay_where_nothing_can_be_told() -> None:
    clean = music()
    assert click_edges(clean, START, START + CLICK, RATE_HZ) == (START, START + CLICK)  # nothing stands out
    assert click_edges(clean[:1000], 10, 50, RATE_HZ) == (10, 50)  # no surroundings
    assert click_edges(np.zeros(4000), 2000, 2040, RATE_HZ) == (2000, 2040)


@pytest.mark.parametrize(
    ("levels_db", "cells"),
    [
        (20.0 - 1.02 * np.arange(60.0), 30),  # lost at 3 dB, in cell 17; 30 dB down in cell 30
        (20.0 - 0.51 * np.arange(60.0), 59),
        (20.0 - 0.51 * np.arange(40.0), 40),  # no further than was looked
        (20.0 - 5.1 * np.arange(60.0), 6),
        (np.full(60, 20.0), 0),  # does not fall: a sound that begins
        (np.where(np.arange(60) < 30, 14.0 - 0.1 * np.arange(60), 0.0), 0),  # falls by 3 dB, then is gone
        (8.0 - np.arange(60.0), 0),  # never stood out
        (np.r_[20.0, 8.0, np.zeros(58)], 0),  # nor for two cells
    ],
)
@pytest.mark.parametrize("cell", [1, 22])
def test_a_ringing_reaches_as_far_as_it_is_seen_or_would_decay(
    levels_db: Samples, cells: int, cell: int
) -> None:
    assert _reach(np.repeat(10 ** (levels_db / 10), cell), cell) == cells * cell


@pytest.mark.parametrize(
    ("name", "length", "level", "seed"),
    [("thump", 3528, 1.0, 3), ("jump", 2205, 1.0, 3), ("ringing", 882, 0.05, 3), ("ringing", 882, 0.1, 4)],
)
def test_a_tail_that_the_music_hides_is_proven_by_the_model_that_subtracts_it(
    name: str, length: int, level: float, seed: int
) -> None:
    clean = music(seed=seed)
    if name != "ringing":  # the music thumps, too
        clean[START - 15_000 : START - 15_000 + length] += tail_of(name, length)
    click = (START, START + CLICK)
    assert tail_end(struck(clean, None), *click, RATE_HZ) == click[1]
    damaged = struck(clean, level * tail_of(name, length))
    assert _slow_end(damaged, *click, RATE_HZ)[1] < 1.0
    assert _ringing_end(damaged, *click, RATE_HZ) == click[1]
    assert START + 0.3 * length < tail_end(damaged, *click, RATE_HZ) < START + 1.5 * length


@pytest.mark.parametrize("seed", range(3))
def test_a_doubtful_click_is_certain_where_it_rings(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = music(seed=seed)
    assert not rings(struck(clean, None), START, RATE_HZ)
    assert not rings(struck(clean, tail_of("thump", 3528)), START, RATE_HZ)
    rung = struck(clean, tail_of("ringing", 882))
    assert rings(rung, START, RATE_HZ)
    assert not rings(rung[START - 3000 :], 3000, RATE_HZ)  # too little before it to tell
    doubtful = Span(START, START + CLICK, 0, "click", 0.1, evidence="a peak")
    weighed = Detector("peaks", lambda window: [doubtful, replace(doubtful, confidence=0.04)])
    monkeypatch.setattr(registry, "DETECTORS", [weighed])
    for damaged, found in ((rung, 1), (struck(clean, None), 0)):
        spans = detect(damaged[None], RATE_HZ)
        assert [span.confidence for span in spans] == [0.9] * found
        assert all("a ringing follows it" in span.evidence for span in spans)


def test_less_proves_a_tail_that_another_channel_has_proven() -> None:
    found = np.zeros((2, 12), dtype=bool)
    for number, level in enumerate(np.geomspace(0.003, 2.0, 12)):
        damaged = struck(music(), level * tail_of("thump", 3528))
        for row, elsewhere in enumerate((False, True)):
            end = tail_end(damaged, START, START + CLICK, RATE_HZ, modelled=False, elsewhere=elsewhere)
            found[row, number] = end > START + CLICK
    assert 0 < found[0].sum() < found[1].sum() < 12


def test_what_the_model_contradicts_is_no_slow_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    damaged, end = struck(music(), tail_of("thump", 3528)), START + CLICK
    assert tail_end(damaged, START, end, RATE_HZ) > end
    unlikely = SimpleNamespace(slow=LEAST_AGREEING - 1.0, ringing=0.0)
    for told, proven in (
        (unlikely, False),
        (None, True),
    ):  # where there is too little around, it says nothing
        monkeypatch.setattr(_Behind, "told", lambda *_, told=told: told)
        assert (tail_end(damaged, START, end, RATE_HZ) > end) is proven
    monkeypatch.setattr(_Behind, "told", lambda *_: unlikely)
    assert tail_end(damaged, START, end, RATE_HZ, modelled=False) > end


def test_at_the_ends_of_a_recording_nothing_is_claimed() -> None:
    damaged = struck(music(), tail_of("thump", 3528))
    for first, last in ((START - 2000, damaged.size), (0, START + 8000)):
        piece = damaged[first:last]
        end = tail_end(piece, START - first, START - first + CLICK, RATE_HZ)
        assert end == START - first + CLICK


def test_detection_reports_click_and_tail_as_one_span() -> None:
    length = 3528
    clean = music()
    (plain,) = detect(struck(clean, None)[None], RATE_HZ)
    (span,) = detect(struck(clean, tail_of("thump", length))[None], RATE_HZ)
    assert plain.kind == span.kind == "click"
    assert plain.length < 200
    assert "tail" not in plain.evidence
    assert abs(span.start - START) < 30
    assert span.end >= START + 0.8 * length
    assert "a tail of" in span.evidence


def test_tails_of_unequal_length_do_not_weaken_what_two_channels_show() -> None:
    clean = np.stack([music(seed=3), music(seed=4)])
    damaged = np.stack([struck(clean[0], tail_of("thump", 3528)), struck(clean[1], None)])
    spans = detect(damaged, RATE_HZ)
    assert sorted((span.channel, "tail" in span.evidence) for span in spans) == [(0, True), (1, False)]
    assert all("shows damage there too" in span.evidence for span in spans)
