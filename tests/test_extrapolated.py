"""What a decoder predicts from the last pitch period is found, also resampled, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from scipy.signal import lfilter

from recordings import in_16_bit, music
from restore_audio.damage.families import apply, draw_negative
from restore_audio.detection.detect import detect
from restore_audio.detection.extrapolated import _agreement, find_extrapolated
from restore_audio.signal import kernels
from restore_audio.signal.lpc import lpc

RATE_HZ = 48_000


@pytest.fixture(scope="module")
def song() -> np.ndarray:
    """``(T,)``: six seconds, with breath and treble, as music has it."""
    rng = np.random.default_rng(3)
    breath = lfilter([1.0], [1.0, -0.9], rng.standard_normal(6 * RATE_HZ))
    return music(6.0, RATE_HZ)[0] + 3e-3 * breath


def concealed(audio: np.ndarray, start: int, period: int, packets: int = 1) -> np.ndarray:
    """A copy in which packets of 20 ms are made up as RFC 6716 describes it for CELT."""
    made, end = audio.copy(), start + 960 * packets
    model = lpc([made[start - 1024 : start]], 24)
    excitation = np.convolve(made[start - period - 24 : start], model, "valid")
    repeated = np.resize(excitation, end + 120 - start) * 0.95 ** (1 + np.arange(end + 120 - start) // period)
    memory = lfilter(*([1.0], model), np.zeros(1), zi=np.zeros(24))[1] * 0
    for k in range(24):  # of the direct form that SciPy runs
        memory[k] = -model[k + 1 :] @ made[start - 24 + k : start][::-1][: 24 - k]
    made[start : end + 120], _ = lfilter([1.0], model, repeated, zi=memory)
    fade = np.sin(0.5 * np.pi * (np.arange(120) + 0.5) / 120) ** 2
    made[end : end + 120] += fade * (audio[end : end + 120] - made[end : end + 120])
    return made


@pytest.mark.parametrize("rate_hz", [48_000, 44_100])
@pytest.mark.parametrize(("period", "packets"), [(130, 1), (333, 1), (700, 1), (411, 3)])
def test_found_also_after_resampling(song, rate_hz, period, packets):
    start, share = 120_000, rate_hz / RATE_HZ
    damaged = concealed(song, start, period, packets)
    if rate_hz != RATE_HZ:
        damaged = soxr.resample(damaged, RATE_HZ, rate_hz)
    (span,) = find_extrapolated(in_16_bit(damaged), 1, rate_hz)
    assert (span.channel, span.kind) == (1, "concealed")
    assert span.confidence > 0.9
    assert abs(span.start - start * share) < 5e-3 * rate_hz
    assert abs(span.end - (start + 960 * packets) * share) < 5e-3 * rate_hz
    assert "from its past" in span.evidence


def test_it_is_reported(song):
    spans = detect(in_16_bit(concealed(song, 120_000, 333))[None], RATE_HZ)
    assert [span.kind for span in spans] == ["concealed"]


def test_sound_that_no_decoder_made_up_is_left_alone(song):
    assert find_extrapolated(in_16_bit(song), 0, RATE_HZ) == []
    tone = 0.2 * np.sin(2 * np.pi * np.arange(200_000) / 200) + 0.1 * np.sin(
        2 * np.pi * np.arange(200_000) / 40
    )
    for audio in (tone, np.repeat([0.5, 0.0, 1.0], 66_666) * tone[:199_998]):
        assert find_extrapolated(in_16_bit(audio), 0, RATE_HZ) == []


@pytest.mark.parametrize("sort", ["gated_synthesiser", "chiptune", "staccato", "castanets", "hi_hats"])
def test_sounds_of_machines_are_left_alone(song, sort):
    made = apply(draw_negative(np.random.default_rng(1), sort), song[None], RATE_HZ).samples[0]
    assert [s for s in find_extrapolated(in_16_bit(made), 0, RATE_HZ) if s.confidence >= 0.5] == []


def test_numpy_finds_the_same_windows(song, monkeypatch):
    audio = in_16_bit(concealed(song, 120_000, 333))[100_000:150_000]
    agreement, lags = _agreement(audio, (100, 720))
    monkeypatch.setattr(kernels, "LIBRARY", None)
    again, same = _agreement(audio, (100, 720))
    found = agreement > 405
    assert found.any()
    assert np.array_equal(found, again > 405)
    assert np.array_equal(agreement[found], again[found])
    assert np.array_equal(lags[found], same[found])


def test_short_and_slow_recordings(song):
    assert find_extrapolated(song[:500], 0, RATE_HZ) == []
    assert find_extrapolated(song[:50_000], 0, 16_000) == []
