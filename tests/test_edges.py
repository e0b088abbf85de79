"""The second look at where weighed damage begins and ends, in small cases with known ends."""

from __future__ import annotations

import numpy as np
import pytest

from restore_audio.detection.edges import burst, refined

START_S, LENGTH_S = 0.5, 0.06


def faded(rate_hz: int, depth_db: float, length_s: float = LENGTH_S) -> tuple[np.ndarray, int, int]:
    """A second of noise that is ``depth_db`` softer between two places."""
    noise = 0.1 * np.random.default_rng(4).standard_normal(rate_hz)
    start, end = round(START_S * rate_hz), round((START_S + length_s) * rate_hz)
    noise[start:end] *= 10 ** (-depth_db / 20)
    return noise, start, end


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("off_ms", [-6.0, 0.0, 6.0])
@pytest.mark.parametrize("depth_db", [12.0, 30.0, -15.0])
def test_ends_are_found_to_a_millisecond_and_a_half(rate_hz, order, off_ms, depth_db):
    audio, start, end = faded(rate_hz, depth_db)
    off = round(off_ms * rate_hz / 1000)
    found = refined(audio, start + off, end - off, rate_hz, order=order)
    assert max(abs(found[0] - start), abs(found[1] - end)) <= 0.0015 * rate_hz


def test_short_damage_has_its_own_ends() -> None:
    audio, start, end = faded(44_100, 25.0, 0.008)
    found = refined(audio, start - 90, end + 90, 44_100, order=1)
    assert max(abs(found[0] - start), abs(found[1] - end)) <= 70


def test_ends_stay_where_the_level_shows_none() -> None:
    audio, start, end = faded(44_100, 3.0)
    assert refined(audio, start + 100, end - 100, 44_100, order=1) == (start + 100, end - 100)


@pytest.mark.parametrize("order", [1, 2])
def test_ends_further_than_10_ms_away_are_others(order: int) -> None:
    audio, start, end = faded(44_100, 20.0, 0.12)
    early = start + round(0.025 * 44_100)
    found = refined(audio, early, end, 44_100, order=order)
    assert found[0] >= early - round(0.011 * 44_100)
    assert abs(found[1] - end) <= 70


def test_what_is_too_short_to_be_looked_at_stays() -> None:
    audio = faded(44_100, 20.0)[0][:300]
    assert refined(audio, 100, 200, 44_100, order=1) == (100, 200)


def test_a_constant_added_changes_nothing() -> None:
    audio, start, end = faded(44_100, 20.0)
    assert refined(audio + 0.5, start, end, 44_100, order=1) == refined(audio, start, end, 44_100, order=1)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("off_ms", [-0.7, 0.0, 0.7])
def test_a_burst_of_noise_is_found_to_a_quarter_of_a_millisecond_and_none_of_it_left_out(rate_hz, off_ms):
    rng = np.random.default_rng(3)
    audio = 0.01 * rng.standard_normal(rate_hz)
    start, end = round(START_S * rate_hz), round((START_S + 0.01) * rate_hz)
    audio[start:end] += 0.2 * rng.standard_normal(end - start)
    off = round(off_ms * rate_hz / 1000)
    first, last = burst(audio, start + off, end - off, rate_hz)
    assert start - 0.00025 * rate_hz <= first <= start
    assert end <= last <= end + 0.00025 * rate_hz


@pytest.mark.parametrize(
    ("first", "last"), [(30_000, 30_441), (22_050, 22_100), (100, 541), (43_600, 44_041)]
)
def test_a_burst_whose_ends_do_not_show_stays_where_it_was_found(first: int, last: int) -> None:
    audio = 0.01 * np.random.default_rng(3).standard_normal(44_100)
    audio[:70] = 0.5
    made = burst(audio, first, last, 44_100)
    assert max(abs(made[0] - first), abs(made[1] - last)) <= 44
    if last - first < 60 or first < 150:
        assert made[0] == first
