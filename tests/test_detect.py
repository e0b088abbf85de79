from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from recordings import holes, music
from restore_audio.damage.simulate import apply_damages, damage_spans, draw_damages
from restore_audio.detection import detect as detection
from restore_audio.detection import registry
from restore_audio.detection.detect import detect, detect_blocks
from restore_audio.detection.windows import Window
from restore_audio.settings import DetectSettings
from restore_audio.spans import Span

RATE_HZ = 44_100
EXAMPLE = Path(__file__).parents[1] / "examples" / "clean.wav"


@pytest.fixture(scope="module")
def example() -> np.ndarray:
    """Several instruments, composed for the project."""
    audio, rate_hz = soundfile.read(EXAMPLE, always_2d=True)
    assert rate_hz == RATE_HZ
    return audio.T


def drums(seconds: float = 10.0, seed: int = 0) -> np.ndarray:
    """Kicks, snares and closed hats over a bass: steep attacks, silence between some of them."""
    rng = np.random.default_rng(seed)
    total = round(seconds * RATE_HZ)
    audio = np.zeros(total)
    for number, start in enumerate(np.arange(0.05, seconds - 0.5, 0.125)):
        first = round(start * RATE_HZ)
        age = np.arange(round(0.3 * RATE_HZ)) / RATE_HZ
        hat = np.diff(rng.standard_normal(age.size + 1)) * np.exp(-age / 0.015) * 0.12
        hit = hat
        if number % 4 == 0:
            hit = hit + np.sin(2 * np.pi * 50 * age + 8 * (1 - np.exp(-age / 0.02))) * np.exp(-age / 0.08)
        if number % 8 == 4:
            hit = hit + rng.standard_normal(age.size) * np.exp(-age / 0.05) * 0.4
        audio[first : first + age.size] += hit[: total - first]
    return 0.5 * audio[None] / np.abs(audio).max()


def chiptune(seconds: float = 6.0) -> np.ndarray:
    """Square waves of 8 bit, notes cut hard, rests of digital silence."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    note = (time * 8).astype(int)
    pitch = 110 * 2 ** (np.array([0, 3, 7, 12, 7, 3, 10, 5])[note % 8] / 12)
    lead = np.where((time * pitch) % 1 < 0.25, 0.25, -0.25) * (note % 4 != 3)
    bass = np.where((time * 55) % 1 < 0.5, 0.2, -0.2) * (note % 8 < 6)
    return np.round((lead + bass) * 128)[None] / 128


def speech(seconds: float = 8.0, seed: int = 0) -> np.ndarray:
    """A voice of pulses through formants, with hissed consonants, plosives and digital silence between."""
    rng = np.random.default_rng(seed)
    audio = np.zeros(round(seconds * RATE_HZ))
    place = 2000
    while place < audio.size - RATE_HZ:
        length = int(rng.integers(4000, 14000))
        if rng.random() < 0.3:
            syllable = np.diff(rng.standard_normal(length + 1)) * np.hanning(length) * 0.3
        else:
            pulses = np.zeros(length)
            pulses[:: int(rng.integers(180, 420))] = 1.0
            syllable = pulses
            for formant in rng.uniform(300, 3000, size=3):
                angle = 2 * np.pi * formant / RATE_HZ
                syllable = lfilter([1.0], [1.0, -2 * 0.985 * np.cos(angle), 0.985**2], syllable)
            syllable *= np.hanning(length) / np.abs(syllable).max()
        if rng.random() < 0.4:
            burst = rng.standard_normal(400) * np.exp(-np.arange(400) / 120)
            audio[place : place + 400] += 0.3 * burst
            place += 700
        audio[place : place + length] += 0.4 * syllable
        place += length + int(rng.integers(0, 6000))
    return np.round(audio[None] * 32768) / 32768


def found(spans: list[Span], true: Span) -> Span | None:
    return next(
        (s for s in spans if s.channel == true.channel and s.start < true.end and s.end > true.start), None
    )


def struck(audio: np.ndarray, kind: str, seed: int, **options):
    rng = np.random.default_rng(seed)
    damages = draw_damages(rng, kind, audio, RATE_HZ, **options)
    assert damages
    return apply_damages(audio, RATE_HZ, damages), damage_spans(damages)


@pytest.mark.parametrize(
    "clean",
    [
        music(12.0, channels=2),
        drums(),
        chiptune(),
        speech(),
        drums(seed=1) + 0.3 * music(10.0)[:, : 10 * RATE_HZ],
    ],
    ids=["plucked", "drums", "chiptune", "speech", "drums and notes"],
)
def test_clean_sounds_are_left_alone(clean):
    assert detect(clean, RATE_HZ) == []


def test_the_clean_example_is_left_alone(example):
    assert detect(example, RATE_HZ) == []


@pytest.mark.parametrize("length_ms", [(1.0, 1.0), (1.0, 5.0), (5.0, 50.0), (50.0, 350.0)])
def test_zeroed_dropouts_are_found_to_the_sample(example, length_ms):
    damaged, true = struck(example, "zeros", 1, per_second=1.0, length_ms=length_ms)
    spans = detect(damaged, RATE_HZ)
    hits = [(found(spans, t), t) for t in true]
    assert sum(hit is not None for hit, _ in hits) >= 0.99 * len(true)
    assert all(abs(h.start - t.start) <= 2 and abs(h.end - t.end) <= 2 for h, t in hits if h)
    assert len(spans) == sum(hit is not None for hit, _ in hits)


@pytest.mark.parametrize(
    ("kind", "options", "least"),
    [
        ("constant", {}, 0.9),
        ("nan", {}, 1.0),
        ("repeat", {}, 0.9),
        ("dropout", {"depth_db": (20.0, 40.0)}, 0.6),
        ("click", {"factor": (1.0, 3.0)}, 0.85),
        ("noise", {}, 0.8),
        ("windows", {"per_second": 0.4}, 0.95),
    ],
)
def test_every_kind_is_found(example, kind, options, least):
    true: list[Span] = []
    hits = extra = 0
    for seed in (2, 3):
        damaged, damages = struck(example, kind, seed, **{"per_second": 1.0, "length_ms": None, **options})
        spans = detect(damaged, RATE_HZ)
        matched = [found(spans, t) for t in damages]
        hits += sum(hit is not None for hit in matched)
        extra += len([s for s in spans if s not in matched and not any(found([s], t) for t in damages)])
        true += damages
    assert hits >= least * len(true)
    assert extra <= 1


def test_a_run_says_its_length_and_the_levels_beside_it():
    audio = music(3.0, channels=1)
    audio[0, :60_000] *= 0.2 / np.sqrt(np.mean(audio[0, 58_236:60_000] ** 2))
    audio[0, 60_500:] *= 0.1 / np.sqrt(np.mean(audio[0, 60_500:62_264] ** 2))
    audio[0, 60_000:60_500] = 0.0
    (span,) = detect(audio, RATE_HZ)
    assert span.evidence.startswith("500 samples exactly zero, between sound of -14 and -20 dBFS")
    audio[0, 60_000:60_500] = -0.0625
    assert "500 samples held at -0.06250" in detect(audio, RATE_HZ)[0].evidence
    audio[0, 60_000:60_500] = np.nan
    assert "no finite numbers" in detect(audio, RATE_HZ)[0].evidence


def test_a_repeat_says_how_long_ago_it_was_played():
    audio = music(3.0, channels=1)
    audio[0, 60_000:60_882] = audio[0, 60_000 - 882 : 60_000]
    (span,) = detect(audio, RATE_HZ)
    assert "the same 882 samples as 20.0 ms before" in span.evidence
    assert "breaks at both ends" in span.evidence


def test_what_both_channels_show_is_told():
    audio = holes(music(3.0, channels=2), [(60_000, 500)])
    assert [s.evidence.rpartition("; ")[2] for s in detect(audio, RATE_HZ)] == [
        "channel 2 shows damage there too",
        "channel 1 shows damage there too",
    ]
    assert "too" not in detect(holes(audio[:, 60_500:], [(30_000, 500)], channel=1), RATE_HZ)[0].evidence


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "click",
            r"(\d+) dB above its background and \d+ dB above anything within 30 ms, and a trial repair",
        ),
        ("noise", r"treble \+(\d+) dB.*a burst of noise"),
        (
            "dropout",
            r"middle −(\d+) dB.*a lost level",
        ),
        ("treble", r"treble −(\d+) dB.*lost treble"),
    ],
)
def test_weighed_kinds_say_what_was_measured(example, kind, words):
    damaged, _ = struck(example, kind, 2, per_second=1.0, depth_db=(30.0, 40.0))
    texts = [s.evidence for s in detect(damaged, RATE_HZ) if s.kind == kind]
    assert texts
    for text in texts:
        match = re.search(words, text)
        assert match, text
        assert 5 <= int(match.group(1)) <= 70


def test_one_channel_alone_can_be_damaged():
    damaged = holes(music(3.0, channels=2), [(60_000, 500)], channel=1)
    assert [(s.start, s.end, s.channel, s.kind) for s in detect(damaged, RATE_HZ)] == [
        (60_000, 60_500, 1, "zeros")
    ]


@given(sizes=st.lists(st.integers(1, 400_000), min_size=1, max_size=12))
@settings(max_examples=6, deadline=None)
def test_block_size_does_not_matter(sizes):
    audio = np.concatenate([holes(music(11.0), [(200_000, 300), (362_000, 900)]), drums(3.0)], axis=1)
    whole = detect(audio, RATE_HZ)
    assert {(200_000, 200_300), (362_000, 362_900)} <= {(s.start, s.end) for s in whole}
    blocks, place = [], 0
    for size in sizes:
        blocks.append(audio[:, place : place + size])
        place += size
    blocks.append(audio[:, place:])
    assert detect_blocks(iter(blocks), RATE_HZ) == whole


def test_memory_does_not_grow_with_the_recording():
    second = music(1.0)

    def peak_bytes(seconds: int, workers: int) -> int:
        tracemalloc.start()
        detect_blocks((second.copy() for _ in range(seconds)), RATE_HZ, workers=workers)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    alone = peak_bytes(25, 1)
    assert peak_bytes(50, 1) < 1.15 * alone
    assert peak_bytes(40, 2) < 3 * alone  # windows that wait or are looked at: at most three more


def test_nan_runs_are_reported_however_long_and_wherever():
    audio = music(25.0, channels=1)
    audio[0, :100] = np.nan
    audio[0, 400_000:900_000] = np.inf
    audio[0, -1] = np.nan
    kinds = [(s.start, s.end, s.kind) for s in detect(audio, RATE_HZ)]
    end = audio.shape[1]
    assert kinds == [(0, 100, "nan"), (400_000, 900_000, "nan"), (end - 1, end, "nan")]


def test_silence_is_not_damage():
    audio = music(6.0)
    audio[:, :20_000] = 0.0  # at the start
    audio[:, -30_000:] = 0.0  # at the end
    audio[:, 90_000 : 90_000 + RATE_HZ] = 0.0  # longer than any gap
    fade = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, 4000))
    audio[:, 180_000:184_000] *= fade
    audio[:, 184_000:190_000] = 0.0
    audio[:, 190_000:194_000] *= fade[::-1]
    assert detect(audio, RATE_HZ) == []
    assert detect(np.zeros((2, 100_000)), RATE_HZ) == []


def test_longer_gaps_are_found_when_allowed():
    audio = holes(music(6.0), [(90_000, 30_000)])
    assert detect(audio, RATE_HZ) == []
    assert [s.kind for s in detect(audio, RATE_HZ, DetectSettings(max_gap_ms=1000.0))] == ["zeros"]


def test_clipping_is_not_damage():
    audio = np.clip(3.0 * music(5.0), -0.9, 0.9)
    assert detect(audio, RATE_HZ) == []


def test_sensitivity_goes_from_sure_to_suspicious(example):
    damaged, _ = struck(example, "dropout", 5, per_second=1.0, depth_db=(5.0, 12.0))
    counts = [len(detect(damaged, RATE_HZ, DetectSettings(sensitivity=s))) for s in (0.05, 0.5, 0.95)]
    assert counts[0] <= counts[1] <= counts[2]
    assert counts[0] < counts[2]


def test_confidence_is_at_least_what_the_sensitivity_asks(example):
    damaged, _ = struck(example, "click", 6, per_second=1.0)
    assert all(s.confidence >= 0.3 for s in detect(damaged, RATE_HZ, DetectSettings(sensitivity=0.7)))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000, 96_000, 192_000])
def test_every_rate_works(rate_hz):
    audio = holes(music(3.0, rate_hz), [(round(1.5 * rate_hz), round(0.01 * rate_hz))])
    spans = detect(audio, rate_hz)
    assert [(s.start, s.end) for s in spans] == [(round(1.5 * rate_hz), round(1.51 * rate_hz))]


@pytest.mark.parametrize("length", [0, 1, 15, 100, 3000])
def test_short_recordings_work(length):
    assert detect(np.random.default_rng(0).uniform(-0.1, 0.1, (2, length)), RATE_HZ) == []


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(channels, samples\)"):
        detect(np.zeros(100), RATE_HZ)


class TestRegistry:
    def test_a_detector_is_added_by_one_entry(self, monkeypatch):
        """A toy detector, registered in one line, is found by ``detect``, with its evidence."""

        def find(window: Window) -> list[Span]:
            return [
                Span(place, place + 3, channel, "toy", 0.9, evidence="a marked sample")
                for channel, audio in enumerate(window.samples)
                for place in np.flatnonzero(audio == mark).tolist()
            ]

        audio = music(2.0, channels=2)
        mark = audio[1, 40_000]
        assert detect(audio, 44_100) == []
        monkeypatch.setattr(registry, "DETECTORS", [*registry.DETECTORS, registry.Detector("toy", find)])
        (span,) = detect(audio, 44_100)
        assert (span.start, span.end, span.channel, span.kind) == (40_000, 40_003, 1, "toy")
        assert span.evidence == "a marked sample"


class TestLostTogether:
    """A run that ends with damage of another channel, to the sample, is of the same loss."""

    START, END = 2 * RATE_HZ, 2 * RATE_HZ + 110

    def stereo(self) -> np.ndarray:
        """Both lose 110 samples; in the second a note begins just there, after what is 40 dB quieter."""
        audio = music(4.0, channels=2, seed=4)
        audio[1, : self.START] *= 0.01
        audio[:, self.START : self.END] = 0.0
        return audio

    def test_what_one_channel_cannot_tell_another_does(self) -> None:
        audio = self.stereo()
        assert detect(audio[1:], RATE_HZ) == []
        found = detect(audio, RATE_HZ)
        assert {s.channel for s in found} == {0, 1}
        for span in found:
            assert (span.kind, span.confidence > 0.5) == ("zeros", True)
            assert max(abs(span.start - self.START), abs(span.end - self.END)) < 40
        assert "lost at once with those of channel 1" in found[1].evidence

    @pytest.mark.parametrize("longer", [(9, 0), (0, 5), (0, 40_000)])
    def test_a_rest_that_only_overlaps_is_left_alone(self, longer: tuple[int, int]) -> None:
        audio = self.stereo()
        audio[1, self.START - longer[0] : self.END + longer[1]] = 0.0
        assert {s.channel for s in detect(audio, RATE_HZ)} == {0}


def test_of_many_clicks_the_model_of_tails_is_asked_for_the_loudest(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = 0.01 * np.random.default_rng(3).standard_normal((2, 8 * RATE_HZ))
    places = np.cumsum(np.random.default_rng(4).integers(12_000, 30_000, 14))
    for number, place in enumerate(places):
        audio[0, place : place + 3] += 0.3 + 0.02 * number
    asked: list[tuple[int, bool]] = []

    def look(
        samples: np.ndarray, start: int, end: int, rate_hz: int, *, modelled: bool, elsewhere: bool = False
    ) -> int:
        asked.append((start, modelled))
        return end

    monkeypatch.setattr(detection, "tail_end", look)
    detect(audio, RATE_HZ)
    assert len(asked) > 10
    assert [modelled for _, modelled in sorted(asked)] == [False] * (len(asked) - 8) + [True] * 8
