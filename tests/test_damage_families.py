from __future__ import annotations

import json

import numpy as np
import pytest

from restore_audio.damage.families import (
    AFTER_STEPS,
    FAMILIES,
    NEGATIVES,
    apply,
    draw_after,
    draw_family,
    draw_negative,
    records_from_rows,
)
from restore_audio.damage.record import Damaged, record_to_dict

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """Two channels of tones that come and go over noise, 4 s."""
    rng = np.random.default_rng(5)
    seconds = np.arange(4 * RATE_HZ) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * f * seconds + f) / (1 + f / 900) for f in (220.0, 331.0, 1870.0, 5100.0))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * seconds)
    return 0.1 * swell * np.stack([tones, np.roll(tones, 77)]) + 0.004 * rng.standard_normal(
        (2, seconds.size)
    )


def span_mask(damaged) -> np.ndarray:
    mask = np.zeros(damaged.samples.shape, dtype=bool)
    for span in damaged.spans:
        mask[span.channel, span.start : span.end] = True
    return mask


def through_json(record):
    (again,) = records_from_rows([json.loads(json.dumps(record_to_dict(record)))], name="the text")
    return again


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_replays_to_the_bit_through_json_and_differs_in_its_spans(family, music):
    record = draw_family(np.random.default_rng(3), family, music, RATE_HZ, per_second=2.0)
    assert record == draw_family(np.random.default_rng(3), family, music, RATE_HZ, per_second=2.0)
    assert record != draw_family(np.random.default_rng(4), family, music, RATE_HZ, per_second=2.0)
    again = through_json(record)
    assert again == record
    damaged = apply(record, music, RATE_HZ, reference=True)
    assert np.array_equal(apply(again, music, RATE_HZ).samples, damaged.samples, equal_nan=True)
    assert len(damaged.spans) >= 3
    assert damaged.clean.shape == damaged.samples.shape
    mask = span_mask(damaged)
    if family == "tape":  # the treble falls by a little more than 1 dB outside of the spans
        assert np.std((damaged.samples - damaged.clean)[~mask]) < 0.02 * np.std(damaged.clean)
    elif family.startswith("codec"):  # what a decoder needs to come back to itself is below -20 dB
        assert np.std((damaged.samples - damaged.clean)[~mask]) < 0.1 * np.std(damaged.clean)
        assert np.std((damaged.samples - damaged.clean)[mask]) > 0.1 * np.std(damaged.clean)
    else:
        assert np.array_equal(damaged.samples[~mask], damaged.clean[~mask])
    if any(span.kind != "splice" for span in damaged.spans):
        every_other = 0.5 if family == "disc-mean" else 0.9
        assert (damaged.samples != damaged.clean)[mask].mean() >= every_other


@pytest.mark.parametrize("step", AFTER_STEPS)
def test_what_is_done_afterwards_keeps_the_recording_in_place(step, music):
    record = draw_after(np.random.default_rng(2), step, RATE_HZ, samples=music)
    again = through_json(record)
    zeros = draw_family(np.random.default_rng(1), "zeros", music, RATE_HZ)
    damaged = apply([zeros, record], music, RATE_HZ, reference=True)
    assert np.array_equal(apply([zeros, again], music, RATE_HZ).samples, damaged.samples)
    before = apply(zeros, music, RATE_HZ)
    assert len(damaged.spans) == len(before.spans)
    ratio = damaged.rate_hz / RATE_HZ
    for span, was in zip(damaged.spans, before.spans, strict=True):
        assert abs(span.start - was.start * ratio) <= 1
        assert abs(span.end - was.end * ratio) <= 1
    if damaged.rate_hz == RATE_HZ:
        assert damaged.samples.shape == music.shape
        size = 2 * music.shape[1]
        likeness = np.fft.irfft(np.fft.rfft(damaged.clean[0], size) * np.conj(np.fft.rfft(music[0], size)))
        delay = int(np.argmax(likeness))
        assert min(delay, size - delay) <= (15 if step == "lowpass" else 0)


@pytest.mark.parametrize("step", ["noise", "rate", "vorbis"])
def test_programs_that_know_no_nan_make_zeros_of_it(step, music):
    rng = np.random.default_rng(3)
    state = draw_family(rng, "nan", music, RATE_HZ).apply(Damaged(music, RATE_HZ))
    assert {span.kind for span in state.spans} == {"nan"}
    made = draw_after(rng, step, RATE_HZ, samples=state.samples).apply(state)
    assert {span.kind for span in made.spans} == {"zeros"}
    assert np.isfinite(made.samples).all()


@pytest.mark.parametrize("sort", NEGATIVES)
def test_negatives_are_undamaged_finite_and_replayable(sort, music):
    record = draw_negative(np.random.default_rng(4), sort)
    again = through_json(record)
    made = apply(record, music, RATE_HZ)
    assert made.spans == ()
    assert made.samples.shape == music.shape
    assert np.isfinite(made.samples).all()
    assert 0 < np.max(np.abs(made.samples)) <= 1
    assert np.array_equal(apply(again, music, RATE_HZ).samples, made.samples)
