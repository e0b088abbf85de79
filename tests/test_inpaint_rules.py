"""What filling promises, in small cases with answers by hand: gaps, choice, windows, patches, completion."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.fill import fill as filling
from restore_audio.fill import methods, network, paper
from restore_audio.fill.fill import Filling, fill_spans
from restore_audio.fill.gaps import Gap, Prediction, walk_gaps
from restore_audio.fill.methods import Blend, Method
from restore_audio.fill.splice import Patch, cut_patches, splice
from restore_audio.fill.windows import Tape, Window, plan_windows
from restore_audio.settings import HEALTHY_SHARE, FillSettings
from restore_audio.signal.spectrum import Grid, known_share, stft
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 8000
MINE = __name__


class TestWalk:
    SPANS = (Span(10, 20, 0), Span(30, 40, 0), Span(70, 80, 0), Span(5, 8, 1))
    OTHERS = (Span(50, 55, 0),)

    def around(self, **options: bool) -> list[tuple[int, ...]]:
        gaps = walk_gaps(np.zeros((2, 100)), self.SPANS, 1000, others=self.OTHERS, **options)
        return [(g.channel, g.start, g.end, g.first, g.last) for g in gaps]

    def test_the_stretch_before_reaches_through_filled_gaps_and_stops_at_what_stays_damaged(self) -> None:
        assert self.around() == [
            (0, 10, 20, 0, 30),
            (0, 30, 40, 0, 50),
            (0, 70, 80, 55, 100),
            (1, 5, 8, 0, 100),
        ]

    def test_or_it_begins_behind_the_gap_before(self) -> None:
        assert self.around(look_through=False)[1] == (0, 30, 40, 20, 50)

    def test_it_reaches_through_one_gap_and_not_through_two(self) -> None:
        spans = [Span(10, 20, 0), Span(30, 40, 0), Span(50, 60, 0)]
        assert [g.first for g in walk_gaps(np.zeros((1, 100)), spans, 1000)] == [0, 0, 20]

    def test_all_that_is_or_was_damaged_is_lost_and_nothing_else(self) -> None:
        gap = next(walk_gaps(np.zeros((2, 100)), self.SPANS, 1000, others=self.OTHERS))
        assert np.flatnonzero(gap.lost[0]).tolist() == [
            k for first, last in ((10, 20), (30, 40), (50, 55), (70, 80)) for k in range(first, last)
        ]
        assert np.flatnonzero(gap.lost[1]).tolist() == [5, 6, 7]
        np.testing.assert_array_equal(gap.healthy, ~gap.lost[0])

    def test_a_gap_knows_its_length_and_sides(self) -> None:
        audio = np.arange(200.0).reshape(2, 100)
        gap = Gap(audio, np.zeros((2, 100), bool), 1, 30, 50, 10, 90, 4000)
        assert (gap.length, gap.length_ms) == (20, 5.0)
        assert gap.before.tolist() == list(range(110, 130))
        assert gap.after.tolist() == list(range(150, 190))

    @pytest.mark.parametrize("span", [Span(95, 101, 0), Span(0, 1, 2)])
    def test_spans_outside_are_refused(self, span: Span) -> None:
        with pytest.raises(ValueError, match="outside"):
            list(walk_gaps(np.zeros((2, 100)), [span], 1000))
        assert len(list(walk_gaps(np.zeros((2, 100)), [Span(90, 100, 1)], 1000))) == 1


def fill_one(gap: Gap) -> Prediction:
    return Prediction(np.full(gap.length, 1.0), 5.0)


def fill_two(gap: Gap) -> Prediction:
    return Prediction(np.full(gap.length, 2.0), 3.9)


def fill_three(gap: Gap) -> Prediction:
    return Prediction(np.full(gap.length, 3.0), 6.0)


def fill_quiet(gap: Gap) -> Prediction:
    """It expects less error than the first, but four times its own energy."""
    return Prediction(np.full(gap.length, 0.5), 1.0 * gap.length)


def fill_poor(gap: Gap) -> Prediction:
    return Prediction(np.full(gap.length, 1.0), 4.2 * gap.length)


def fill_unsure(gap: Gap) -> Prediction:
    """Its error is 0.04 of its energy: −13.98 dB."""
    return Prediction(np.full(gap.length, 5.0), 1.0 * gap.length)


def fill_sure(gap: Gap) -> Prediction:
    """Its error is 0.0395 of its energy: −14.03 dB."""
    return Prediction(np.full(gap.length, 5.0), 0.9875 * gap.length)


def fill_none(gap: Gap) -> None:
    return None


SEEN: list[tuple[int, Samples, NDArray[np.bool_]]] = []


def fill_seen(gap: Gap) -> Prediction:
    SEEN.append((gap.start, gap.mine.copy(), gap.lost[gap.channel].copy()))
    return Prediction(np.full(gap.length, 7.0), 1.0)


def method(*names: str, blend: Blend | None = None, repairs: bool = False) -> Method:
    return Method("toy", tuple(f"{MINE}:fill_{name}" for name in names), blend=blend, repairs=repairs)


class TestChoice:
    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (("one", "two", "three"), 2.0),
            (("two", "one"), 2.0),
            (("one", "none", "three"), 1.0),
            (("one", "quiet"), 1.0),
        ],
    )
    def test_the_least_expected_error_is_taken(self, names: tuple[str, ...], expected: float) -> None:
        filled, (span,) = fill_spans(np.zeros((1, 50)), [Span(10, 14, 0)], 1000, method=method(*names))
        np.testing.assert_array_equal(filled[0, 10:14], expected)
        assert not filled[0, :10].any()
        assert not filled[0, 14:].any()
        assert span.filled
        assert span.reason is None

    def test_the_input_is_left_as_it_is(self) -> None:
        audio = np.zeros((1, 50))
        fill_spans(audio, [Span(10, 14, 0)], 1000, method=method("one"))
        assert not audio.any()

    def test_a_method_without_fills_is_refused(self) -> None:
        with pytest.raises(ValueError, match="fills no gaps"):
            fill_spans(np.zeros((1, 50)), [Span(10, 14, 0)], 1000, method=methods.METHODS["paper"])

    def test_what_has_one_healthy_side_is_filled_and_what_has_none_is_not(self) -> None:
        spans = [Span(0, 50, 0), Span(0, 49, 1), Span(1, 50, 2)]
        filled, marked = fill_spans(np.zeros((3, 50)), spans, 1000, method=method("one"))
        assert {s.channel: s.filled for s in marked} == {0: False, 1: True, 2: True}
        assert [s.reason for s in marked if s.reason] == ["nothing healthy is left to fill it from"]
        assert not filled[0].any()

    def test_the_network_completes_what_is_not_sure_of_itself_and_no_repair(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        completed: list[tuple[int, int]] = []
        monkeypatch.setattr(
            network,
            "complete",
            lambda gaps, _: completed.extend((gap.channel, gap.start) for gap, *_ in gaps),
        )
        blend = Blend(shortest_ms=25.0)
        spans = [Span(10, 34, 0), Span(60, 85, 0), Span(10, 110, 1, kind="click")]

        def run(*names: str, repairs: bool = False, opened: object = True) -> list[tuple[int, int]]:
            completed.clear()
            how = method(*names, blend=blend, repairs=repairs)
            fill_spans(np.zeros((2, 200)), spans, 1000, method=how, open_network=lambda: opened)  # type: ignore[arg-type, return-value]
            return completed.copy()

        # 24 ms are below the blend's shortest gap, 25 ms are not.
        assert run("one", "three") == [(0, 60), (1, 10)]
        assert run("one", "two") == run("poor", "sure") == []
        assert run("poor", "unsure") == [(0, 60), (1, 10)]
        assert run("one", opened=None) == []
        monkeypatch.setattr(filling, "load_repair", lambda kind: self.halved if kind == "click" else None)
        assert run("one", repairs=True) == [(0, 60)]
        assert run("one", repairs=False) == [(0, 60), (1, 10)]

    @staticmethod
    def halved(gap: Gap, prior: Prediction) -> Prediction | None:
        return Prediction(0.5 * prior.samples, 9.0) if gap.start != 30 else None

    @pytest.mark.parametrize(
        ("value", "error", "expected_db"),
        [(2.0, 4.0, -10.0), (0.0, 4.0, None), (2.0, 0.0, None), (2.0, np.inf, None), (2.0, np.nan, None)],
    )
    def test_the_error_to_expect_is_told_against_the_energy_of_the_fill(
        self, monkeypatch: pytest.MonkeyPatch, value: float, error: float, expected_db: float | None
    ) -> None:
        made = Prediction(np.full(10, value), error)
        monkeypatch.setattr(filling, "load_fill", lambda _: lambda _: made)
        _, (span,) = fill_spans(np.zeros((1, 50)), [Span(10, 20, 0)], 1000, method=method("one"))
        assert span.expected_error_db == (None if expected_db is None else pytest.approx(expected_db))

    def test_a_repair_is_made_from_the_best_fill_or_leaves_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(filling, "load_repair", lambda kind: self.halved if kind == "click" else None)
        spans = [Span(10, 14, 0, kind="click"), Span(30, 34, 0, kind="click"), Span(20, 24, 0)]
        how = method("one", "two", repairs=True)
        filled, _ = fill_spans(np.zeros((1, 50)), spans, 1000, method=how)
        assert [filled[0, k] for k in (11, 21, 31)] == [1.0, 2.0, 2.0]


class TestStream:
    """Two gaps a second apart: nearer than a window's context, too far for one window."""

    def play(self, monkeypatch: pytest.MonkeyPatch, spans: list[Span], **options: Any) -> tuple[Any, ...]:
        SEEN.clear()
        monkeypatch.setitem(methods.METHODS, "toy", method("seen"))
        audio = np.random.default_rng(1).standard_normal((1, 6000))
        run = Filling(spans, 1000, 6000, FillSettings("toy", **options))
        shares: list[float] = []
        patches = list(run.patches([audio[:, k : k + 700] for k in range(0, 6000, 700)], shares.append))
        return audio, run, patches, shares

    def test_gaps_of_other_windows_are_damaged(self, monkeypatch: pytest.MonkeyPatch) -> None:
        audio, run, patches, shares = self.play(monkeypatch, [Span(2500, 2510, 0), Span(3510, 3520, 0)])
        assert [(w.first, w.last, w.follows) for w in run.windows] == [
            (500, 4510, False),
            (1510, 5520, False),
        ]
        (first, first_audio, first_lost), (second, second_audio, second_lost) = SEEN
        assert (first, second) == (2000, 2000)
        assert np.flatnonzero(first_lost).tolist() == [*range(2000, 2010), *range(3010, 3020)]
        assert np.flatnonzero(second_lost).tolist() == [*range(990, 1000), *range(2000, 2010)]
        np.testing.assert_array_equal(first_audio[:2000], audio[0, 500:2500])
        np.testing.assert_array_equal(second_audio[1000:2000], audio[0, 2510:3510])
        assert [(p.start, p.end, p.channel) for p in patches] == [(2500, 2510, 0), (3510, 3520, 0)]
        assert shares == [0.5, 1.0]
        assert all(span.filled and span.reason is None for span in run.spans)

    def test_a_window_that_follows_sees_the_repairs_of_the_one_before(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Gaps half a second apart for eleven seconds: two windows that belong together."""
        monkeypatch.setitem(methods.METHODS, "toy", method("seen"))
        spans = [Span(start, start + 10, 0) for start in range(3000, 14_000, 500)]
        run = Filling(spans, 1000, 20_000, FillSettings("toy"))
        assert [window.follows for window in run.windows] == [False, True]
        SEEN.clear()
        patches = list(run.patches([np.zeros((1, 20_000))]))
        assert [patch.start for patch in patches] == [span.start for span in spans]
        first, second = run.windows
        last_of_first, first_of_second = first.gaps[-1].start, second.gaps[0].start
        assert (last_of_first, first_of_second) == (12_500, 13_000)
        start, audio, lost = SEEN[len(first.gaps)]
        assert start == first_of_second - second.first
        for gap in first.gaps:  # all of them are filled by now, and none of them is damage any more
            if gap.start >= second.first:
                inside = slice(gap.start - second.first, gap.end - second.first)
                np.testing.assert_array_equal(audio[inside], 7.0)
                assert not lost[inside].any()
        assert lost[start : start + 10].all()
        _, _, lost = SEEN[0]  # and the later ones were damage for the first
        assert lost[13_000 - first.first : 13_010 - first.first].all()

    @pytest.mark.parametrize(("distance", "together"), [(300, True), (301, False)])
    def test_one_gap_alone_is_filled_with_those_within_three_tenths_of_a_second(
        self, monkeypatch: pytest.MonkeyPatch, distance: int, together: bool
    ) -> None:
        monkeypatch.setitem(methods.METHODS, "toy", method("seen"))
        spans = [Span(2500, 2510, 0), Span(2510 + distance, 2520 + distance, 0), Span(2505, 2515, 1)]
        run = Filling(spans, 1000, 6000, FillSettings("toy"))
        for span, other in (spans[:2], spans[1::-1]):
            SEEN.clear()
            patch, gap = run.fill_one(span, lambda first, last: np.zeros((2, last - first)))
            assert patch is not None
            assert (patch.start, patch.channel, gap.filled) == (span.start, 0, True)
            first = max(min(span.start, other.start if together else 9999) - 2000, 0)
            filled = sorted(place + first for place, *_ in SEEN)
            assert filled == (sorted([spans[0].start, spans[1].start]) if together else [span.start])
            assert all(lost[other.start - first : other.end - first].all() for _, _, lost in SEEN)

    def test_the_longest_gap_is_filled_and_one_sample_more_is_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spans = [Span(1000, 1030, 0), Span(1030, 1050, 0), Span(2000, 2051, 0)]
        _, run, patches, _ = self.play(monkeypatch, spans, max_gap_ms=50.0)
        assert [p.start for p in patches] == [1000]
        assert [span.filled for span in run.spans] == [True, True, False]
        assert run.spans[2].reason == "51 ms is longer than the limit of 50 ms (--max-gap-ms)"
        (_, _, lost), *_ = SEEN
        assert lost[2000:2051].all()

    def test_every_span_gets_the_fate_of_its_gap_in_its_channel(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(methods.METHODS, "toy", method("one"))
        spans = [Span(3000, 3010, 1), Span(100, 200, 1), Span(3000, 3100, 0), Span(3050, 3060, 1)]
        run = Filling(spans, 1000, 6000, FillSettings("toy", max_gap_ms=60.0))
        list(run.patches([np.zeros((2, 6000))]))
        fates = {(s.start, s.channel): s.filled for s in run.spans}
        assert fates == {(100, 1): False, (3000, 0): False, (3000, 1): True, (3050, 1): True}


class TestWindows:
    """At 1000 Hz a sample is a millisecond."""

    @staticmethod
    def plan(*gaps: tuple[int, int], too_long: tuple[Span, ...] = (), total: int = 100_000) -> list[Window]:
        return plan_windows([Span(*gap, 0) for gap in gaps], too_long, rate_hz=1000, total=total)

    def test_gaps_have_two_seconds_around_them(self) -> None:
        assert [(w.first, w.last) for w in self.plan((20_000, 20_039))] == [(18_000, 22_039)]
        assert [(w.first, w.last) for w in self.plan((20_000, 20_400))] == [(18_000, 22_400)]
        assert [(w.first, w.last) for w in self.plan((1000, 1010), total=2500)] == [(0, 2500)]
        assert self.plan() == []

    @pytest.mark.parametrize(("distance", "windows"), [(750, 1), (751, 2)])
    def test_gaps_share_a_window_up_to_three_quarters_of_a_second(self, distance: int, windows: int) -> None:
        plan = self.plan((20_000, 20_010), (20_010 + distance, 20_020 + distance))
        assert len(plan) == windows
        assert [gap.start for w in plan for gap in w.gaps] == [20_000, 20_010 + distance]

    def test_the_distance_is_that_from_the_last_end_of_all_channels(self) -> None:
        gaps = [Span(20_000, 20_700, 0), Span(20_100, 20_110, 1), Span(21_400, 21_410, 0)]
        (window,) = plan_windows(gaps, [], rate_hz=1000, total=100_000)
        assert (window.first, window.last) == (18_000, 23_410)
        gaps = [Span(20_000, 20_700, 0), Span(20_100, 20_110, 1)]
        (window,) = plan_windows(gaps, [], rate_hz=1000, total=100_000)
        assert window.last == 22_700

    @pytest.mark.parametrize(("last_end", "windows"), [(30_000, 1), (30_001, 2)])
    def test_a_window_has_gaps_of_ten_seconds(self, last_end: int, windows: int) -> None:
        gaps = [(start, start + 10) for start in range(20_000, 29_800, 650)]
        assert len(self.plan(*gaps, (last_end - 10, last_end))) == windows

    def test_what_is_damaged_besides_is_cut_to_the_window(self) -> None:
        too_long = (Span(17_900, 18_300, 0), Span(10_000, 18_000, 0), Span(22_010, 23_000, 0))
        gaps = [(20_000, 20_010), (21_900, 21_920), (22_009, 22_012), (22_800, 22_810)]
        first = self.plan(*gaps, too_long=too_long)[0]
        assert first.gaps == (Span(20_000, 20_010, 0),)
        assert [(s.start, s.end) for s in first.others] == [
            (18_000, 18_300),
            (21_900, 21_920),
            (22_009, 22_010),
        ]


class TestTape:
    AUDIO = np.random.default_rng(2).standard_normal((2, 1000))
    WINDOWS = (Window(100, 300, ()), Window(50, 350, ()), Window(500, 700, ()), Window(690, 1000, ()))

    @pytest.mark.parametrize("size", [1, 7, 100, 1000])
    def test_windows_of_blocks_are_those_of_the_whole(self, size: int) -> None:
        tape = Tape((self.AUDIO[:, k : k + size] for k in range(0, 1000, size)), self.WINDOWS)
        for window in self.WINDOWS:
            np.testing.assert_array_equal(tape.read(window), self.AUDIO[:, window.first : window.last])

    def test_what_was_put_back_is_read_by_later_windows_but_changes_no_earlier_copy(self) -> None:
        tape = Tape([self.AUDIO], self.WINDOWS)
        early = tape.read(self.WINDOWS[0])
        tape.put([Patch(200, 1, np.full(20, 9.0))])
        np.testing.assert_array_equal(early, self.AUDIO[:, 100:300])
        late = tape.read(self.WINDOWS[1])
        np.testing.assert_array_equal(late[1, 150:170], 9.0)
        np.testing.assert_array_equal(late[1, :150], self.AUDIO[1, 50:200])
        np.testing.assert_array_equal(late[1, 170:], self.AUDIO[1, 220:350])
        np.testing.assert_array_equal(late[0], self.AUDIO[0, 50:350])

    def test_no_more_is_read_and_held_than_windows_need(self) -> None:
        taken: list[int] = []

        def blocks() -> Any:
            for k in range(0, 1000, 10):
                taken.append(k)
                yield self.AUDIO[:, k : k + 10]

        tape = Tape(blocks(), self.WINDOWS)
        held = []
        for window, read in zip(self.WINDOWS, (300, 350, 700, 1000), strict=True):
            tape.read(window)
            assert len(taken) * 10 == read
            assert tape._held is not None
            held.append(tape._held.shape[1])
        assert held == [250, 300, 200, 310]

    def test_a_stream_that_ends_too_early_is_told(self) -> None:
        with pytest.raises(ValueError, match="ended at sample 299, before a window's end at 300"):
            Tape([self.AUDIO[:, :299]], self.WINDOWS).read(self.WINDOWS[0])


class TestSplice:
    def test_patches_are_what_was_filled(self) -> None:
        filled = np.arange(20.0).reshape(2, 10)
        spans = [Span(103, 105, 1, filled=True), Span(106, 108, 0)]
        (patch,) = cut_patches(filled, spans, first=100)
        assert (patch.start, patch.end, patch.channel, patch.samples.tolist()) == (103, 105, 1, [13.0, 14.0])
        filled[:] = 0.0
        assert patch.samples.tolist() == [13.0, 14.0]

    @pytest.mark.parametrize(
        ("start", "expected"),
        [
            (97, [0, 0, 0, 0, 0]),
            (98, [3, 0, 0, 0, 0]),
            (99, [2, 3, 0, 0, 0]),
            (101, [0, 1, 2, 3, 0]),
            (103, [0, 0, 0, 1, 2]),
            (104, [0, 0, 0, 0, 1]),
            (105, [0, 0, 0, 0, 0]),
        ],
    )
    def test_the_part_of_a_patch_that_lies_in_it_is_put(self, start: int, expected: list[int]) -> None:
        samples = np.zeros((2, 5))
        result = splice(samples, [Patch(start, 1, np.array([1.0, 2.0, 3.0]))], first=100)
        assert result[1].tolist() == expected
        assert not result[0].any()
        assert not samples.any()


class TestMethods:
    def test_names_mean_what_they_say(self) -> None:
        assert methods.method_named("auto") is methods.METHODS["auto"]
        with pytest.raises(ValueError, match="no method is called 'sox'; choose from auto, ar"):
            methods.method_named("sox")
        assert methods.method_named("ar+network").fills == methods.METHODS["ar"].fills
        both = methods.method_named("ar+network+passages")
        assert both.fills == (*methods.METHODS["ar"].fills, "passages")
        assert both.blend == methods.METHODS["auto"].blend
        assert methods.method_named("ar+channels+passages").blend is None
        for name in ("auto+network", "ar+sox", "ar+"):
            with pytest.raises(ValueError, match=r"or ar\+channels\+passages\+network or some of these"):
                methods.method_named(name)
        assert methods.load_fill(f"{MINE}:fill_two") is fill_two
        assert methods.load_fill("channels").__module__ == "restore_audio.fill.channels"
        assert methods.load_repair("constant") is None
        for kind, module in (("dropout", "remains"), ("treble", "remains"), ("click", "tails")):
            repair = methods.load_repair(kind)
            assert repair is not None
            assert repair.__module__ == f"restore_audio.fill.{module}"

    def test_only_the_default_repairs_and_only_it_and_the_network_blend(self) -> None:
        table = {
            name: (m.repairs, m.blend is not None, m.resynthesises) for name, m in methods.METHODS.items()
        }
        assert table["auto"] == (True, True, False)
        assert table["ar"] == (False, False, False)
        assert table["network"] == (False, True, False)
        assert table["paper"] == (False, False, True)
        alone = methods.METHODS["network"].blend
        assert alone is not None
        assert not alone.ar
        assert (alone.shortest_ms, alone.share) == (0.0, 1.0)
        assert methods.METHODS["auto"].blend == Blend(25.0, 1.0, 0.25, 4, 5.0, True)


class Answer:
    """A network that answers a number everywhere, and keeps what it was given."""

    def __init__(self, value: float | Samples) -> None:
        self.value = value
        self.given: tuple[Any, ...] = ()

    frames = 128

    def restore_magnitudes(self, filled: Samples, known: Samples) -> Samples:
        self.given = (filled, known)
        return np.full(filled.shape, self.value)


class Louder:
    """A network that doubles what it is given, and counts its patches."""

    frames = 128

    def __init__(self) -> None:
        self.patches: list[int] = []

    def restore_magnitudes(self, filled: Samples, known: Samples) -> Samples:
        self.patches.append(len(known))
        return 2.0 * filled


class TestCompletion:
    """At 8000 Hz a hop is 32 samples, a patch 4096, the fade of 5 ms 40 samples."""

    GRID = Grid(RATE_HZ)

    def gap(self, length: int = 800, value: float | None = None) -> Gap:
        audio = 0.1 * np.random.default_rng(3).standard_normal((1, 16_000))
        if value is not None:
            audio[0, 8000 : 8000 + length] = value
        lost = np.zeros((1, 16_000), bool)
        lost[0, 8000 : 8000 + length] = True
        return Gap(audio, lost, 0, 8000, 8000 + length, 0, 16_000, RATE_HZ)

    def complete(
        self,
        monkeypatch: pytest.MonkeyPatch,
        gap: Gap,
        answer: Answer,
        blend: Blend,
        error_db: float | None = None,
    ) -> Any:
        seen = SimpleNamespace()

        def listen(magnitudes, start, known, grid, *, iterations):
            seen.magnitudes, seen.start, seen.known, seen.iterations = magnitudes, start, known, iterations
            return np.ones(start.size)

        monkeypatch.setattr(network, "griffin_lim", listen)
        network.complete([(gap, blend, error_db)], answer)  # type: ignore[arg-type]
        return seen

    def test_gaps_and_channels_go_through_the_network_together_unless_one_sees_another(self) -> None:
        audio = 0.1 * np.random.default_rng(3).standard_normal((2, 120_000))
        lost = np.zeros(audio.shape, bool)
        gaps = []
        # 4095 samples around each are looked at: the third sees the second, which lies in the same channel.
        for channel, start, length in [(0, 8000, 800), (0, 30_000, 900), (0, 32_500, 400), (1, 8000, 6000)]:
            lost[channel, start : start + length] = True
            gaps.append(Gap(audio, lost, channel, start, start + length, 0, 120_000, RATE_HZ))
        alone = audio.copy()
        for gap in gaps:
            network.complete([(replace(gap, audio=alone), Blend(), None)], Louder())  # type: ignore[arg-type]
        asked = Louder()
        network.complete([(gap, Blend(), None) for gap in gaps], asked)  # type: ignore[arg-type]
        np.testing.assert_array_equal(audio, alone)
        assert asked.patches == [2, 3]

    def test_sixteen_gaps_go_through_the_network_at_once(self) -> None:
        audio = 0.1 * np.random.default_rng(3).standard_normal((20, 16_000))
        gaps = [
            (Gap(audio, np.zeros(audio.shape, bool), channel, 8000, 8800, 0, 16_000, RATE_HZ), Blend(), None)
            for channel in range(20)
        ]
        network.complete(gaps, asked := Louder())  # type: ignore[arg-type]
        assert asked.patches == [16, 4]

    @pytest.mark.parametrize("blend", [Blend(share=0.7), Blend(0.0, ar=False)], ids=["auto", "network"])
    def test_frames_that_no_damage_touches_keep_their_magnitudes(
        self, monkeypatch: pytest.MonkeyPatch, blend: Blend
    ) -> None:
        gap = self.gap()
        seen = self.complete(monkeypatch, gap, answer := Answer(1000.0), blend)
        first = 8000 + 400 - 2048  # a patch around the middle of the gap
        np.testing.assert_array_equal(np.flatnonzero(~seen.known), np.arange(8000 - first, 8800 - first))
        assert seen.start.size == 4095
        own = np.abs(stft(seen.start, self.GRID))
        share = known_share(seen.known, self.GRID)
        known = share >= HEALTHY_SHARE
        assert 60 < known.sum() < own.shape[1] - 800 // 32
        np.testing.assert_array_equal(seen.magnitudes[:, known], own[:, known])
        np.testing.assert_allclose(seen.magnitudes[1:100, ~known], 1000.0 * blend.share)
        assert seen.iterations == blend.iterations
        filled, shares = answer.given
        assert filled.shape[1:] == (1, 128, 128)
        assert shares.shape == (len(filled), 128)
        np.testing.assert_allclose(shares[0, 10:110], share[10:110], atol=1e-6)

    @pytest.mark.parametrize(("ar", "expected"), [(True, "own"), (False, "network")])
    def test_where_ar_is_louder_it_stays_unless_the_network_stands_alone(
        self, monkeypatch: pytest.MonkeyPatch, ar: bool, expected: str
    ) -> None:
        seen = self.complete(monkeypatch, self.gap(), Answer(1e-6), Blend(0.0, ar=ar))
        own = np.abs(stft(seen.start, self.GRID))
        lost = known_share(seen.known, self.GRID) < HEALTHY_SHARE
        wanted = own if expected == "own" else np.full(own.shape, 1e-6)
        np.testing.assert_allclose(seen.magnitudes[1:100, lost], wanted[1:100, lost])

    def test_the_network_adds_a_share_of_the_energy_that_the_fill_expects_to_have_missed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gap = self.gap(value=0.0)
        gap.mine[8000:8800] = 0.1 * np.sin(np.arange(800) / 3)  # loud in a few bins, silent in the others
        answer = Answer(np.geomspace(1e-3, 1, 128)[:, None])
        free, capped, none = (
            self.complete(monkeypatch, replace(gap, audio=gap.audio.copy()), answer, Blend(added=0.5), error)
            for error in (None, -6.0, 60.0)
        )
        own = np.abs(stft(free.start, self.GRID))
        missing = 1 - known_share(free.known, self.GRID)
        added = capped.magnitudes**2 - own**2
        alone = np.where(free.known, 0.0, free.start)
        energy = np.sum(np.abs(stft(alone, self.GRID)) ** 2)
        assert np.sum(missing * added) == pytest.approx(0.5 * 10**-0.6 * energy)
        cut = capped.magnitudes < free.magnitudes - 1e-9
        assert 0 < cut.sum() < np.count_nonzero(added > 1e-9)
        np.testing.assert_allclose(added[cut], added.max())
        np.testing.assert_allclose(capped.magnitudes[~cut], free.magnitudes[~cut])
        np.testing.assert_array_equal(none.magnitudes, free.magnitudes)

    def test_what_is_loud_beside_the_gap_allows_nothing_more_in_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gap = self.gap(value=0.01)
        quiet = self.complete(monkeypatch, replace(gap, audio=gap.audio.copy()), Answer(0.1), Blend(), 0.0)
        gap.mine[8800:] *= 100.0
        loud = self.complete(monkeypatch, gap, Answer(0.1), Blend(), 0.0)
        added = [
            np.sum(
                (1 - known_share(seen.known, self.GRID))
                * (seen.magnitudes**2 - np.abs(stft(seen.start, self.GRID)) ** 2)
            )
            for seen in (quiet, loud)
        ]
        assert added[1] == pytest.approx(added[0], rel=0.01)

    def test_the_result_is_faded_in_over_five_milliseconds_and_nothing_else_is_touched(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gap = self.gap(value=0.0)
        before = gap.mine.copy()
        self.complete(monkeypatch, gap, Answer(1.0), Blend(fade_ms=5.0))
        inside = gap.mine[8000:8800]
        rise = np.sin(0.5 * np.pi * np.arange(1, 41) / 40) ** 2
        np.testing.assert_allclose(inside[:40], rise)
        np.testing.assert_allclose(inside[-40:], rise[::-1])
        np.testing.assert_array_equal(inside[40:-40], 1.0)
        np.testing.assert_array_equal(gap.mine[:8000], before[:8000])
        np.testing.assert_array_equal(gap.mine[8800:], before[8800:])

    def test_the_fill_under_the_fade_is_ars(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gap = self.gap(value=0.5)
        self.complete(monkeypatch, gap, Answer(1.0), Blend())
        np.testing.assert_allclose(gap.mine[8000], 0.5 + 0.5 * np.sin(0.5 * np.pi / 40) ** 2)

    def test_a_fade_of_nothing_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        gap = self.gap(value=0.0)
        self.complete(monkeypatch, gap, Answer(1.0), Blend(fade_ms=0.0))
        np.testing.assert_array_equal(gap.mine[8000:8800], 1.0)

    @pytest.mark.parametrize(
        ("start", "length", "total", "expected"),
        [
            (8000, 800, 16_000, (6352, 10_447)),
            (10, 20, 16_000, (0, 4095)),
            (15_900, 50, 16_000, (11_905, 16_000)),
            (1000, 50, 3000, (0, 3000)),
            (8000, 3200, 20_000, None),
        ],
    )
    def test_the_window_holds_a_patch_around_the_gap(
        self, start: int, length: int, total: int, expected: tuple[int, int] | None
    ) -> None:
        gap = Gap(np.zeros((1, total)), np.zeros((1, total), bool), 0, start, start + length, 0, total, 8000)
        first, last = network._window(gap, total, self.GRID, 128)
        wide = network._window(gap, total, self.GRID, 256)
        assert wide[1] - wide[0] == min(total, 8191)
        if expected is not None:
            assert (first, last) == expected
        else:  # longer gaps: the halo of a patch on each side
            assert last - first == (100 + 2 * network.HALO_FRAMES) * 32 - 1
            assert abs((start - first) - (last - start - length)) <= 1


class TestPaper:
    RATE = 16_000

    def test_clips_of_thirty_seconds_overlap_by_half_a_second(self) -> None:
        assert list(paper._clips(480_000)) == [(0, 480_000)]
        assert list(paper._clips(480_001)) == [(0, 480_000), (472_000, 480_001)]
        assert list(paper._clips(1_000_000)) == [
            (0, 480_000),
            (472_000, 952_000),
            (944_000, 1_000_000),
        ]

    @pytest.mark.parametrize("length", [1_000_000, 480_500, 944_001])
    def test_clips_are_faded_into_each_other(self, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
        levels = iter([1.0, 2.0, 2.0])
        monkeypatch.setattr(paper, "to_paper_rate", lambda samples, rate_hz: samples.mean(axis=0))
        monkeypatch.setattr(paper, "restore_clip", lambda mono, _: mono)
        asked = []

        def invert(magnitudes, length, iterations):
            asked.append((magnitudes.size, length, iterations))
            return np.full(length, next(levels))

        monkeypatch.setattr(paper, "invert", invert)
        audio = np.zeros((1, length))
        (restored,) = paper.restore_paper(audio, self.RATE, None, iterations=5)  # type: ignore[arg-type]
        assert all(size == n and times == 5 for size, n, times in asked)
        fade = min(8000, asked[1][1])
        np.testing.assert_array_equal(restored[:472_000], 1.0)
        np.testing.assert_allclose(
            restored[472_000 : 472_000 + fade], 1.0 + (np.arange(fade) + 0.5) / fade, rtol=1e-12
        )
        np.testing.assert_allclose(restored[472_000 + fade :], 2.0, rtol=1e-12)

    def test_samples_that_are_no_numbers_count_as_lost(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heard: list[Samples] = []
        monkeypatch.setattr(paper, "to_paper_rate", lambda samples, _: samples.mean(axis=0))
        monkeypatch.setattr(paper, "restore_clip", lambda mono, _: heard.append(mono.copy()))
        monkeypatch.setattr(paper, "invert", lambda _, length, __: np.zeros(length))
        paper.restore_paper(np.array([[0.5, np.nan, np.inf]]), self.RATE, None)  # type: ignore[arg-type]
        assert heard[0].tolist() == [0.5, 0.0, 0.0]


def test_the_papers_inversion_gives_back_the_magnitudes() -> None:
    time = np.arange(8000) / 16_000
    tones = sum(np.sin(2 * np.pi * hz * time) / (k + 1) for k, hz in enumerate((440.0, 1230.0, 3100.0)))
    magnitudes = paper.analyse(0.2 * tones)
    made = paper.invert(magnitudes, time.size, 30)
    assert made.shape == time.shape
    again = paper.analyse(made)[:, 4:-4]
    error = np.linalg.norm(again - magnitudes[:, 4:-4]) / np.linalg.norm(magnitudes[:, 4:-4])
    assert error < 0.35
    assert np.linalg.norm(again) == pytest.approx(np.linalg.norm(magnitudes[:, 4:-4]), rel=0.25)
