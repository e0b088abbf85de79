"""The rules between detectors: which spans of one window make others superfluous, longer or more certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import detect as rules
from restore_audio.detection import registry
from restore_audio.detection.detect import (
    _bracketed,
    _is_spike,
    _joined,
    _judge,
    _until,
    _with_tails,
    detect,
    detect_at,
)
from restore_audio.detection.windows import Window
from restore_audio.settings import DetectSettings
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100


def window(samples: Samples | None = None, **options: object) -> Window:
    audio = 0.1 * np.random.default_rng(1).uniform(-1, 1, (2, 60_000)) if samples is None else samples
    return replace(Window(audio, RATE_HZ, 20_000, core=(0, audio.shape[1])), **options)


@pytest.fixture(autouse=True)
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends stay where they are told to be."""
    monkeypatch.setattr(rules, "_whole", lambda span, _: span)
    monkeypatch.setattr(rules, "tail_end", lambda _, __, end, ___, **____: end)


def judged(exact: list[Span], weighed: list[Span], least: float = 0.5, **options: object) -> list[Span]:
    return _judge(window(**options), (exact, weighed, []), least)


def span(start: int, end: int, kind: str, confidence: float = 0.9, channel: int = 0) -> Span:
    return Span(start, end, channel, kind, confidence)


class TestSplicesAndClicks:
    @pytest.mark.parametrize(
        ("certain", "start", "channel", "kinds"),
        [
            (0.8, 1010, 0, ["splice"]),
            (0.79, 1010, 0, ["splice", "click"]),
            (0.8, 1043, 0, ["splice"]),
            (0.8, 1044, 0, ["splice", "click"]),
            (0.8, 1010, 1, ["splice", "click"]),
        ],
    )
    def test_a_certain_splice_is_no_click(
        self, certain: float, start: int, channel: int, kinds: list[str]
    ) -> None:
        weighed = [span(1000, 1044, "splice", certain), span(start, start + 9, "click", 0.9, channel)]
        assert sorted(s.kind for s in judged([], weighed)) == sorted(kinds)

    def test_nothing_else_gives_way_to_it(self) -> None:
        weighed = [span(1000, 1044, "splice", 0.9), span(1000, 1044, "noise")]
        assert len(judged([], weighed)) == 2


class TestBrackets:
    """A pause between two clicks is what they make of it."""

    AUDIO = 0.1 * np.random.default_rng(1).choice([-1.0, 1.0], (2, 60_000))

    def pause(self, kind: str = "dropout", length: int = 2000) -> Span:
        return span(20_000, 20_000 + length, kind)

    def bracketed(self, clicks: list[Span], pause: Span | None = None, audio: Samples | None = None) -> bool:
        return _bracketed(pause or self.pause(), clicks, window(self.AUDIO if audio is None else audio))

    @pytest.mark.parametrize("kind", ["zeros", "constant", "dropout", "treble", "concealed"])
    def test_between_two_clicks(self, kind: str) -> None:
        clicks = [span(19_990, 20_005, "click"), span(21_995, 22_010, "click")]
        assert self.bracketed(clicks, self.pause(kind))
        assert not self.bracketed(clicks[:1], self.pause(kind))
        assert not self.bracketed(clicks[1:], self.pause(kind))
        assert not self.bracketed([replace(click, channel=1) for click in clicks], self.pause(kind))

    @pytest.mark.parametrize("kind", ["noise", "click", "repeat", "nan", "splice", "interpolated"])
    def test_louder_kinds_are_no_pauses(self, kind: str) -> None:
        clicks = [span(19_990, 20_005, "click"), span(21_995, 22_010, "click")]
        assert not self.bracketed(clicks, self.pause(kind))

    @pytest.mark.parametrize(("off", "near"), [(881, True), (882, False)])
    def test_within_twenty_milliseconds_of_its_edges(self, off: int, near: bool) -> None:
        far = span(21_995, 22_010, "click")
        assert self.bracketed([span(20_000 - off - 9, 20_000 - off, "click"), far]) == near
        assert self.bracketed([span(20_000 + off, 20_009 + off, "click"), far]) == near

    def test_clicks_as_long_as_the_pause_and_short_pauses_do_not_count(self) -> None:
        short = [span(19_990, 20_005, "click"), span(20_430, 20_445, "click")]
        assert self.bracketed(short, self.pause(length=440))
        assert not self.bracketed(short, self.pause(length=439))
        for length, counts in ((886, True), (887, False)):  # as near as that, one click is both edges
            assert self.bracketed([span(19_990, 20_005, "click")], self.pause(length=length)) == counts
        for length, counts in ((1999, True), (2000, False)):
            long = [span(20_000, 20_000 + length, "click")]
            assert self.bracketed([*long, span(21_995, 22_010, "click")]) == counts

    @pytest.mark.parametrize(
        ("peak", "places", "is_click"),
        [
            (0.145, (19_900, 21_900), True),
            (0.135, (19_900, 21_900), False),
            (0.205, (19_200, 22_800), True),
            (0.195, (19_200, 22_800), False),
        ],
    )
    def test_a_peak_of_the_sound_at_an_edge_counts_as_a_click(
        self, peak: float, places: tuple[int, int], is_click: bool
    ) -> None:
        """Twice as high as what is beyond, it may be up to twenty milliseconds away."""
        for at, other in zip(places, (21_995, 19_990), strict=True):
            audio = self.AUDIO.copy()
            audio[0, at] = peak
            assert self.bracketed([span(other, other + 15, "click")], audio=audio) == is_click, at

    def test_over_all_peaks_of_forty_milliseconds_beyond(self) -> None:
        sound = 0.1 * np.ones(4000)
        sound[30] = 0.15
        assert _is_spike(sound, 220, 1764, 1.4)
        assert not _is_spike(-0.1 * np.ones(4000), 220, 1764, 1.4)
        for place, spoilt in ((440, True), (439, False), (2203, True), (2204, False)):
            other = sound.copy()
            other[place] = -0.15
            assert _is_spike(other, 220, 1764, 1.4) != spoilt, place
        assert not _is_spike(sound[:660], 220, 1764, 1.4)  # too little beyond to tell
        assert _is_spike(sound[:661], 220, 1764, 1.4)

    def test_neither_is_reported_between_believed_clicks(self) -> None:
        clicks = [span(19_990, 20_005, "click", 0.9), span(21_995, 22_010, "click", 0.9)]
        assert [s.kind for s in judged([], [self.pause(), *clicks])] == ["click", "click"]
        doubtful = [replace(click, confidence=0.4) for click in clicks]
        assert [s.kind for s in judged([], [self.pause(), *doubtful])] == ["dropout"]
        # What is exact needs no click beside it to be one: only peaks of the sound count there.
        assert "zeros" in {s.kind for s in judged([self.pause("zeros")], clicks)}


class TestCores:
    def test_a_window_reports_what_begins_in_its_core(self) -> None:
        spans = [span(start, start + 10, "noise") for start in (0, 999, 1000, 2999, 3000)]
        found = judged([], spans, offset=5000, core=(6000, 8000))
        assert [s.start for s in found] == [6000, 7999]
        assert [s.end for s in found] == [6010, 8009]

    def test_lost_samples_are_cut_at_it(self) -> None:
        nan = tuple(Span(a, b, 0, "nan") for a, b in ((10, 1010), (1500, 1600), (2990, 3010), (3000, 3020)))
        found = judged([], [], offset=5000, core=(6000, 8000), nan=nan)
        assert [(s.start, s.end) for s in found] == [(6000, 6010), (6500, 6600), (7990, 8000)]

    def test_within_a_millisecond_of_lost_samples_nothing_is_proven(self) -> None:
        lost = (Span(2000, 2100, 0, "nan"),)
        for start, channel, kept in (
            (2143, 0, False),
            (2144, 0, True),
            (2143, 1, True),
            (1946, 0, True),
            (1947, 0, False),
        ):
            for kind in ("zeros", "repeat", "interpolated"):
                found = judged([span(start, start + 10, kind, channel=channel)], [], nan=lost)
                assert sorted(s.kind for s in found) == sorted(["nan", kind] if kept else ["nan"]), start


class TestTails:
    def tails(self, monkeypatch: pytest.MonkeyPatch, ends: dict[tuple[int, bool], int]) -> list[int]:
        """Clicks at 1000 in channel 0 and at ``START`` in channel 1; the ends of their tails as told."""

        def tail(_: Samples, start: int, end: int, rate_hz: int, *, modelled: bool, elsewhere: bool) -> int:
            return ends.get((start, elsewhere), end)

        monkeypatch.setattr(rules, "tail_end", tail)
        clicks = [span(1000, 1020, "click"), span(1000 + self.APART, 1030, "click", channel=1)]
        return [s.end for s in _with_tails([*clicks, span(2000, 2100, "noise")], window())]

    APART = 5

    def test_where_one_channel_proves_a_tail_the_other_is_asked_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.tails(monkeypatch, {}) == [1020, 1030, 2100]
        assert self.tails(monkeypatch, {(1000, False): 4000}) == [4000, 1030, 2100]
        assert self.tails(monkeypatch, {(1000, False): 4000, (1005, True): 5000}) == [4000, 5000, 2100]
        assert self.tails(monkeypatch, {(1005, True): 5000, (1000, True): 4000}) == [1020, 1030, 2100]

    def test_only_of_a_tail_of_a_millisecond_at_the_same_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for length, asked in ((44, False), (45, True)):
            ends = self.tails(monkeypatch, {(1000, False): 1020 + length, (1005, True): 5000})
            assert (ends[1] == 5000) == asked
        for apart, asked in ((43, True), (44, False)):
            self.APART = apart - 1000 + 1000
            clicks = [span(1000, 1020, "click"), span(1000 + apart, 1130, "click", channel=1)]
            told = {(1000, False): 4000, (1000 + apart, True): 5000}
            monkeypatch.setattr(
                rules, "tail_end", lambda _, a, b, __, modelled, elsewhere, t=told: t.get((a, elsewhere), b)
            )
            assert (_with_tails(clicks, window())[1].end == 5000) == asked
        same = [span(1000, 1020, "click"), span(1010, 1030, "click")]
        told = {(1000, False): 4000, (1010, True): 5000}
        monkeypatch.setattr(
            rules, "tail_end", lambda _, a, b, __, modelled, elsewhere: told.get((a, elsewhere), b)
        )
        assert [s.end for s in _with_tails(same, window())] == [4000, 1030]

    def test_its_length_is_told(self) -> None:
        click = Span(1000, 1020, 0, "click", evidence="errs")
        assert _until(click, 1020, RATE_HZ) == click
        longer = _until(click, 1020 + 2205, RATE_HZ)
        assert (longer.end, longer.evidence) == (3225, "errs; a tail of 50 ms follows it")


class TestSeveralChannels:
    def test_the_surest_halves_the_doubt_as_far_as_it_is_believed(self) -> None:
        three = [span(1000, 1100, "noise", 0.4, channel) for channel in range(3)]
        held = window(np.random.default_rng(1).uniform(-0.1, 0.1, (3, 2000)))
        for found in _joined(three, held):
            assert found.confidence == pytest.approx(1 - 0.6 * 0.8)
        assert (
            _joined(three, held)[1].evidence
            == "; channel 1 shows damage there too; channel 3 shows damage there too"
        )

    @pytest.mark.parametrize(("noise", "says"), [(0.0, False), (0.01, False), (0.1, True)])
    def test_one_with_the_same_sound_at_another_level_says_nothing(self, noise: float, says: bool) -> None:
        rng = np.random.default_rng(2)
        sound = rng.uniform(-0.1, 0.1, 2000)
        held = window(np.stack([sound, -0.7 * sound + noise * rng.uniform(-0.1, 0.1, 2000)]))
        two = [span(1000, 1100, "concealed", 0.4, channel) for channel in range(2)]
        assert [found.confidence > 0.4 for found in _joined(two, held)] == [says, says]


class TestDetect:
    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Span]], None]:
        def tell(spans: list[Span]) -> None:
            monkeypatch.setattr(registry, "DETECTORS", [registry.Detector("told", lambda _: spans)])

        return tell

    def test_several_sensitivities_find_what_each_finds_alone(
        self, told: Callable[[list[Span]], None]
    ) -> None:
        told([span(1000 * k, 1000 * k + 10, "noise", k / 10) for k in range(1, 10)])
        audio = window().samples
        found = detect_at([audio], RATE_HZ, (0.2, 0.5, 0.8), max_gap_ms=400.0)
        assert [len(found[sensitivity]) for sensitivity in (0.2, 0.5, 0.8)] == [2, 5, 8]
        for sensitivity, spans in found.items():
            assert spans == detect(audio, RATE_HZ, DetectSettings(sensitivity=sensitivity))

    def test_the_longest_gap_is_handed_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[int] = []

        def find(looked: Window) -> list[Span]:
            seen.append(looked.longest_samples)
            return []

        monkeypatch.setattr(registry, "DETECTORS", [registry.Detector("told", find)])
        detect_at([window().samples], RATE_HZ, (0.5,), max_gap_ms=100.0)
        detect(window().samples, RATE_HZ, DetectSettings(max_gap_ms=200.0))
        detect(window().samples, RATE_HZ)
        assert seen == [4410, 8820, 17_640]

    def test_silent_channels_are_not_looked_at(self) -> None:
        asked: list[int] = []

        def find(_: Window, channel: int) -> list[Span]:
            asked.append(channel)
            return [span(channel, channel + 1, "noise", channel=channel)]

        audio = np.zeros((3, 100))
        audio[[0, 2], 50] = 1e-9
        assert [s.channel for s in registry.each_channel(find)(window(audio))] == [0, 2]
        assert asked == [0, 2]
