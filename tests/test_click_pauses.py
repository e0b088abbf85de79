"""Clicks around a pause: the pause is healthy, and what is reported are the clicks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from restore_audio.detection.detect import detect
from restore_audio.detection.gap_edges import click_samples
from restore_audio.spans import Span

RATE_HZ = 44_100
PAUSE = (88_200, 97_020)
"""Samples of a pause of 200 ms."""

LENGTH = PAUSE[1] - PAUSE[0]


def with_pause(fade_ms: float = 4.0, depth_db: float = 40.0) -> np.ndarray:
    """Steady dark noise, ``(1, T)``, that fades by ``depth_db`` and back around the pause."""
    sos = butter(2, 3000, fs=RATE_HZ, output="sos")
    sound = sosfilt(sos, np.random.default_rng(3).standard_normal(4 * RATE_HZ))
    size = round(fade_ms * RATE_HZ / 1000)
    lowest = 10 ** (-depth_db / 20)
    gain = np.ones(sound.size)
    gain[PAUSE[0] : PAUSE[1]] = lowest
    gain[PAUSE[0] - size : PAUSE[0]] = np.geomspace(1, lowest, size)
    gain[PAUSE[1] : PAUSE[1] + size] = np.geomspace(lowest, 1, size)
    return 0.1 * (sound * gain)[None] / sound.std()


def with_clicks(audio: np.ndarray, places: tuple[int, ...], peak: float = 0.9) -> np.ndarray:
    """A copy with a click of half a millisecond at each place."""
    clicked = audio.copy()
    age = np.arange(22)
    for place in places:
        clicked[0, place : place + age.size] += peak * np.cos(0.9 * age) * np.exp(-age / 8)
    return clicked


def covered(spans: list[Span], start: int, end: int) -> int:
    """Samples of the stretch that any span covers."""
    return sum(max(0, min(s.end, end) - max(s.start, start)) for s in spans)


@pytest.mark.parametrize("depth_db", [14.0, 18.0, 40.0])
def test_two_clicks_do_not_make_a_dropout_of_the_pause_between_them(depth_db):
    plain = with_pause(depth_db=depth_db)
    if depth_db < 20:
        assert covered(detect(plain, RATE_HZ), *PAUSE) > 0.9 * LENGTH  # by itself it might be one
    spans = detect(with_clicks(plain, PAUSE), RATE_HZ)
    assert covered(spans, *PAUSE) < 0.04 * LENGTH
    if depth_db < 20:  # in front of silence a click begins or ends a sound
        assert {span.kind for span in spans} == {"click"}
        assert all(any(abs(span.start - place) < 300 for span in spans) for place in PAUSE)


def test_clicks_within_a_soft_pause_stay_two_clicks():
    inside = (PAUSE[0] + 220, PAUSE[1] - 220)
    spans = detect(with_clicks(with_pause(depth_db=40.0), inside), RATE_HZ)
    assert covered(spans, *PAUSE) < 0.04 * LENGTH


@pytest.mark.parametrize(
    ("places", "depth_db"),
    [((PAUSE[0],), 18.0), ((PAUSE[1],), 26.0), ((PAUSE[0] - 4_000, PAUSE[1] + 4_000), 18.0)],
)
def test_clicks_at_one_end_or_apart_leave_a_dropout_what_it_is(places, depth_db):
    spans = detect(with_clicks(with_pause(depth_db=depth_db), places), RATE_HZ)
    assert covered(spans, *PAUSE) > 0.9 * LENGTH


@pytest.mark.parametrize("turned", [False, True])
def test_a_rest_before_a_soft_sound_is_none_of_a_gap_because_of_a_click_at_its_end(turned):
    audio, pause = with_clicks(with_pause(fade_ms=25.0), (PAUSE[1],)), PAUSE
    if turned:
        audio, pause = audio[:, ::-1].copy(), (audio.shape[1] - PAUSE[1], audio.shape[1] - PAUSE[0])
    assert covered(detect(audio, RATE_HZ), *pause) < 0.04 * LENGTH


@pytest.mark.parametrize("place", [PAUSE[0] - 44, PAUSE[1]])
def test_a_gap_is_found_with_a_click_at_its_edge(place):
    audio = with_clicks(with_pause(depth_db=0.0), (place,))
    audio[0, slice(*PAUSE)] = 0.0
    assert covered(detect(audio, RATE_HZ), *PAUSE) == LENGTH


def test_the_length_of_a_click_at_an_edge():
    sound = 0.1 * np.random.default_rng(5).standard_normal(600)
    assert click_samples(sound, RATE_HZ) == 0
    for length in (22, 44, 220):
        clicked = sound.copy()
        clicked[:length] += np.linspace(3.0, 2.0, length)
        assert click_samples(clicked, RATE_HZ) == length
    clicked = sound.copy()
    clicked[:242] += 3.0
    assert click_samples(clicked, RATE_HZ) == 0  # longer than a click
    assert click_samples(np.r_[9.0, sound[:438]], RATE_HZ) == 0  # too near to the end to tell


def test_a_gap_beside_another_is_not_taken_for_its_click():
    rng = np.random.default_rng(8)
    for _ in range(40):
        audio = 0.1 * rng.standard_normal((1, RATE_HZ))
        place = RATE_HZ // 2
        for _ in range(6):
            length = int(rng.integers(60, 260))
            audio[0, place : place + length] = 0.0
            place += length
            burst = int(rng.integers(1, 200))
            audio[0, place : place + burst] *= 30.0
            place += burst
        detect(np.clip(audio, -1.0, 1.0), RATE_HZ)
