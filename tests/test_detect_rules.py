"""What detection promises, in small cases with answers by hand: which spans stay, how evidence is weighed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from restore_audio.detection import clicks, explanation, measures, registry, verifier
from restore_audio.detection.candidate import Candidate
from restore_audio.detection.clicks import FEATURES as CLICK_FEATURES
from restore_audio.detection.clicks import _doubt, _from_first_rise, find_clicks
from restore_audio.detection.detect import _same_sound, detect
from restore_audio.detection.screen import largest_around, prediction_error
from restore_audio.detection.verifier import Verifier, load_verifier, weigh
from restore_audio.detection.windows import Window, cut_windows
from restore_audio.errors import ModelError
from restore_audio.settings import DetectSettings
from restore_audio.spans import Span

Samples = NDArray[np.float64]
RATE_HZ = 44_100


def noise(samples: int, seed: int = 1) -> Samples:
    return np.random.default_rng(seed).standard_normal(samples)


class TestWhatStays:
    """The rules between detectors, with detectors that find what they are told."""

    @pytest.fixture
    def look(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Span]]:
        def run(
            exact: list[Span],
            weighed: list[Span],
            sensitivity: float = 0.5,
            nan: tuple[int, int] | None = None,
            same: int = 0,
        ) -> list[Span]:
            detectors = [
                registry.Detector("told", lambda _: weighed),
                registry.Detector("exact", lambda _: exact, exact=True),
            ]
            monkeypatch.setattr(registry, "DETECTORS", detectors)
            audio = 0.1 * noise(20_000).reshape(2, -1)
            if same:  # so many samples around 5000 to 5100
                audio[1, 5000 - same : 5100 + same] = audio[0, 5000 - same : 5100 + same]
            if nan:
                audio[0, slice(*nan)] = np.nan
            return detect(audio, RATE_HZ, DetectSettings(sensitivity=sensitivity))

        return run

    @pytest.mark.parametrize(("sensitivity", "stays"), [(0.5, False), (0.6, False), (0.61, True)])
    def test_spans_are_reported_from_one_minus_sensitivity_on(
        self, look: Callable[..., list[Span]], sensitivity: float, stays: bool
    ) -> None:
        assert bool(look([Span(100, 200, 0, "zeros", 0.395)], [], sensitivity)) == stays
        assert bool(look([], [Span(100, 200, 0, "noise", 0.395)], sensitivity)) == stays
        assert look([], [Span(100, 200, 0, "noise", 0.5)]) != []

    @pytest.mark.parametrize("distance", [0, 43, 44])
    def test_exact_spans_within_a_millisecond_of_lost_samples_are_their_edges(
        self, look: Callable[..., list[Span]], distance: int
    ) -> None:
        before = Span(5000 - distance - 50, 5000 - distance, 0, "zeros", 1.0)
        behind = Span(5010 + distance, 5060 + distance, 0, "zeros", 1.0)
        other = Span(5010, 5060, 1, "zeros", 1.0)
        kinds = [s.kind for s in look([before, behind, other], [], nan=(5000, 5010))]
        assert sorted(kinds) == (["nan", "zeros"] if distance < 44 else ["nan", "zeros", "zeros", "zeros"])

    @pytest.mark.parametrize(("distance", "stays"), [(0, False), (264, False), (265, True)])
    def test_weighed_spans_within_six_milliseconds_of_certain_ones_are_their_edges(
        self, look: Callable[..., list[Span]], distance: int, stays: bool
    ) -> None:
        near = [
            Span(5100 + distance, 5200 + distance, 0, "noise", 0.9),
            Span(4900 - distance, 5000 - distance, 0, "noise", 0.9),
        ]
        certain = Span(5000, 5100, 0, "zeros", 0.9)
        assert [s.kind for s in look([certain], near)].count("noise") == 2 * stays
        # Only in its channel, and only if it is certain.
        assert len(look([dataclasses.replace(certain, channel=1)], near)) == 3
        assert len(look([dataclasses.replace(certain, confidence=0.4)], near)) == 2
        assert len(look([dataclasses.replace(certain, confidence=0.5)], near)) == 1 + 2 * stays

    @pytest.mark.parametrize(
        ("confidence", "end", "kind"),
        [(0.1, 5560, "zeros"), (0.06, 5560, "zeros"), (0.04, 5560, "dropout"), (0.1, 6001, "dropout")],
    )
    def test_a_sure_pause_takes_the_ends_of_a_doubtful_gap(
        self, look: Callable[..., list[Span]], confidence: float, end: int, kind: str
    ) -> None:
        gap = Span(5000, 5500, 0, "zeros", confidence, evidence="stops dead")
        (span,) = look([gap], [Span(4950, end, 0, "dropout", 0.9, evidence="falls")])
        assert (span.kind, span.confidence) == (kind, 0.9)
        if kind == "zeros":
            assert max(abs(span.start - 5000), abs(span.end - 5500)) <= 3  # and what rings beside them
            assert span.evidence == "stops dead; falls"

    @pytest.mark.parametrize(
        "other",
        [
            Span(4950, 5560, 1, "dropout", 0.9),
            Span(4950, 5560, 0, "dropout", 0.4),
            Span(4950, 5560, 0, "noise", 0.9),
        ],
    )
    def test_nothing_else_makes_a_doubtful_gap_one(
        self, look: Callable[..., list[Span]], other: Span
    ) -> None:
        assert "zeros" not in [s.kind for s in look([Span(5000, 5500, 0, "zeros", 0.06)], [other])]

    def test_what_two_channels_show_is_more_certain(self, look: Callable[..., list[Span]]) -> None:
        both = [Span(5000, 5100, channel, "noise", 0.45, evidence="a burst") for channel in (0, 1)]
        spans = look([], both)
        assert [s.channel for s in spans] == [0, 1]
        for span in spans:
            assert span.confidence == pytest.approx(1 - 0.55 * (1 - 0.5 * 0.45))
            assert span.evidence == f"a burst; channel {2 - span.channel} shows damage there too"
        assert look([], both[:1]) == []
        assert look([], [both[0], dataclasses.replace(both[1], channel=0)]) == []

    def test_a_channel_that_holds_the_same_sound_says_nothing_of_its_own(
        self, look: Callable[..., list[Span]]
    ) -> None:
        both = [Span(5000, 5100, channel, "noise", 0.45) for channel in (0, 1)]
        assert look([], both, same=882) == []
        assert len(look([], both, same=840)) == 2

    @pytest.mark.parametrize(("side_db", "same"), [(-31.0, True), (-29.0, False)])
    def test_sound_is_the_same_whose_own_part_is_30_db_weaker(self, side_db: float, same: bool) -> None:
        mid, side = noise(100_000, 1), noise(100_000, 2)
        side -= mid * (mid @ side) / (mid @ mid)
        own = 10 ** (side_db / 20) * side * np.sqrt((mid @ mid) / (side @ side))
        for gain in (1.0, -0.2):
            assert _same_sound(mid, gain * (mid + own)) == same

    @pytest.mark.parametrize(
        ("start", "length", "helps"),
        [(50, 100, True), (51, 100, False), (0, 200, True), (0, 201, False), (25, 50, True), (25, 49, False)],
    )
    def test_they_must_share_half_of_the_longer(
        self, look: Callable[..., list[Span]], start: int, length: int, helps: bool
    ) -> None:
        one = Span(5000, 5100, 0, "noise", 0.45)
        other = Span(5000 + start, 5000 + start + length, 1, "noise", 0.45)
        assert bool(look([], [one, other])) == helps


class TestVerifier:
    TOY = Verifier(
        mean=np.array([1.0, 0.0]),
        scale=np.array([2.0, 1.0]),
        inner=np.array([[1.0, 0.0], [0.5, 1.0]]),
        inner_bias=np.array([0.1, -0.2]),
        outer=np.array([2.0, -1.0]),
        bias=0.25,
    )

    @staticmethod
    def candidates(*rows: list[float]) -> list[Candidate]:
        return [Candidate(10, 20, np.array(row)) for row in rows]

    def test_scores_are_those_of_a_network_of_one_hidden_layer(self) -> None:
        # (3 - 1) / 2 = 1 and 0.5: hidden tanh(1 + 0.25 + 0.1) and tanh(0.5 - 0.2).
        (score,) = self.TOY.scores(self.candidates([3.0, 0.5]))
        assert score == pytest.approx(2 * np.tanh(1.35) - np.tanh(0.3) + 0.25)
        assert self.TOY.scores([]).size == 0

    def test_a_doubt_is_taken_off(self) -> None:
        (sure,) = self.candidates([3.0, 0.5])
        doubted = dataclasses.replace(sure, doubt=lambda: 1.5)
        scores = self.TOY.scores([sure, doubted])
        assert scores[1] == pytest.approx(scores[0] - 1.5)

    def test_what_the_evidence_rules_out_is_not_asked_for_its_doubt(self) -> None:
        def asked() -> float:
            raise AssertionError

        unlikely = dataclasses.replace(self.TOY, bias=-9.0)
        (sure,) = self.candidates([3.0, 0.5])
        assert unlikely.scores([dataclasses.replace(sure, doubt=asked)]) == unlikely.scores([sure])
        with pytest.raises(AssertionError):
            self.TOY.scores([dataclasses.replace(sure, doubt=asked)])

    def test_evidence_beyond_four_deviations_counts_as_four(self) -> None:
        far, edge, near = self.TOY.scores(self.candidates([1.0, -900.0], [1.0, -4.0], [1.0, -3.9]))
        assert far == edge
        assert near != edge
        far, edge, near = self.TOY.scores(self.candidates([1e9, -2.0], [9.0, -2.0], [8.8, -2.0]))
        assert far == edge
        assert near != edge

    @pytest.mark.parametrize("kind", ["click"])
    def test_there_is_one_weight_for_each_feature(self, kind: str) -> None:
        loaded = load_verifier(kind)
        names = explanation.features_of(kind)
        assert len(set(names)) == len(names)
        assert loaded.mean.size == loaded.scale.size == len(loaded.inner) == len(names)
        assert loaded.inner.shape[1] == loaded.inner_bias.size == loaded.outer.size
        assert (loaded.scale > 0).all()

    @pytest.mark.parametrize("change", [CLICK_FEATURES[:-1], (*CLICK_FEATURES, "another")])
    def test_weights_for_other_features_are_refused_with_a_sentence(
        self, monkeypatch: pytest.MonkeyPatch, change: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr(verifier, "features_of", lambda _: change)
        load_verifier.cache_clear()
        sentence = f"weights of the kind 'click' take {len(CLICK_FEATURES)} measures, not the {len(change)}"
        with pytest.raises(ModelError, match=sentence):
            load_verifier("click")
        monkeypatch.undo()
        load_verifier.cache_clear()
        assert load_verifier("click").mean.size == len(CLICK_FEATURES)

    def test_believed_candidates_become_spans(self, monkeypatch: pytest.MonkeyPatch) -> None:
        certain = dataclasses.replace(
            self.TOY, outer=np.array([0.0, 0.0]), bias=float(np.log(0.0101 / 0.9899))
        )
        monkeypatch.setattr(verifier, "load_verifier", lambda _: certain)
        monkeypatch.setattr(verifier, "explain", lambda kind, _: f"a {kind}")
        places = [(90, 110), (5, 8), (195, 197)]
        found = [Candidate(start, end, np.zeros(2)) for start, end in places]
        spans = weigh("gap", found, 1)
        assert [(s.start, s.end) for s in spans] == places
        assert {(s.channel, s.kind, s.evidence) for s in spans} == {(1, "gap", "a gap")}
        assert spans[0].confidence == pytest.approx(0.0101)
        doubtful = dataclasses.replace(certain, bias=float(np.log(0.0099 / 0.9901)))
        monkeypatch.setattr(verifier, "load_verifier", lambda _: doubtful)
        assert weigh("click", found, 1) == []


class TestMeasures:
    def test_times_and_levels(self) -> None:
        assert [measures.samples_of(ms, 44_100) for ms in (0.0, 1.0, 0.25, 20.0)] == [1, 44, 11, 882]
        assert measures.rms(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
        assert measures.rms(np.zeros(0)) == 0.0
        assert [round(measures.db(x), 6) for x in (1.0, 0.1, 0.0)] == [0.0, -20.0, -180.0]
        assert [measures.cell_samples(rate) for rate in (8000, 44_100, 48_000)] == [4, 22, 24]
        assert measures.grid_samples(48_000) == 64 * 24

    def test_confidence_is_the_logistic_function(self) -> None:
        assert measures.confidence(np.log(3.0)) == pytest.approx(0.75)
        assert measures.confidence(-np.log(3.0)) == pytest.approx(0.25)
        assert measures.confidence(1e9) == measures.confidence(30.0) < 1.0
        assert measures.confidence(-1e9) == measures.confidence(-30.0) > 0.0


class TestWindows:
    """At 8000 Hz a grid has 256 samples, a core 65 536, and a second of margin 8192."""

    def cut(self, length: int, block: int = 10_000, **options: float) -> tuple[list[Window], Samples]:
        audio = noise(length)[None]
        blocks = [audio[:, k : k + block] for k in range(0, length, block)]
        return list(cut_windows(blocks, 8000, DetectSettings(**options))), audio

    @pytest.mark.parametrize("block", [997, 10_000, 150_000])
    def test_cores_follow_each_other_with_margins_and_a_past(self, block: int) -> None:
        windows, audio = self.cut(150_000, block)
        assert [w.core for w in windows] == [(0, 65_536), (65_536, 131_072), (131_072, 196_608)]
        assert [w.offset for w in windows] == [0, 57_344, 122_880]
        ends = [w.offset + w.samples.shape[1] for w in windows]
        assert ends == [73_728, 139_264, 150_000]
        for window, end in zip(windows, ends, strict=True):
            np.testing.assert_array_equal(window.samples, audio[:, window.offset : end])
            assert window.past is not None
            past = window.past.shape[1]  # 2.2 s before the core
            assert past == max(min(17_600 - 8192, window.offset), 0)
            np.testing.assert_array_equal(window.past, audio[:, window.offset - past : window.offset])
            assert window.longest_samples == 3200

    def test_the_margin_holds_the_longest_gap_and_half_a_second(self) -> None:
        windows, _ = self.cut(150_000, max_gap_ms=2000.0)
        assert windows[1].offset == 65_536 - 20_224  # 2.5 s, in whole grids
        assert windows[0].longest_samples == 16_000

    @pytest.mark.parametrize(("length", "count"), [(0, 0), (1, 1), (65_536, 1), (65_537, 2), (73_728, 2)])
    def test_every_sample_lies_in_one_core(self, length: int, count: int) -> None:
        assert len(self.cut(length)[0]) == count

    def test_lost_samples_are_told_and_lie_on_a_line(self) -> None:
        audio = noise(80_000)[None]
        audio[0, 70_000:70_003] = np.inf
        audio[0, 70_003] = 3.0
        audio[0, 69_999] = -1.0
        audio[0, :2] = np.nan
        first, second = cut_windows([audio], 8000, DetectSettings())
        assert [(s.start, s.end, s.kind) for s in first.nan] == [(0, 2, "nan"), (70_000, 70_003, "nan")]
        assert [(s.start, s.end) for s in second.nan] == [(70_000 - 57_344, 70_003 - 57_344)]
        np.testing.assert_allclose(first.samples[0, 69_999:70_004], [-1.0, -1.0, 1.0, 3.0, 3.0])
        np.testing.assert_array_equal(first.samples[0, :2], audio[0, 2])

    def test_an_array_of_one_dimension_is_refused(self) -> None:
        with pytest.raises(ValueError, match="must be"):
            list(cut_windows([np.zeros(5)], 8000, DetectSettings()))


class TestClicks:
    PLACE = 40_000

    def struck(self, before: float, after: float, click: float = 0.7, length: int = 12) -> list[Candidate]:
        audio = noise(80_000)
        audio[: self.PLACE] *= before
        audio[self.PLACE :] *= after
        audio[self.PLACE : self.PLACE + length] += click * np.array([1.0, -1.0] * (length // 2))
        return find_clicks(audio, prediction_error(audio, RATE_HZ), RATE_HZ)

    def test_a_click_is_a_candidate_at_its_samples(self) -> None:
        (candidate,) = self.struck(0.01, 0.01)
        assert abs(candidate.start - self.PLACE) <= 2
        assert abs(candidate.end - self.PLACE - 12) <= 4
        evidence = dict(zip(CLICK_FEATURES, candidate.features.tolist(), strict=True))
        assert abs(evidence["level change"]) < 2.0
        assert abs(evidence["treble change"]) < 2.0
        assert evidence["above background"] > 20.0
        assert evidence["removed level"] > 25.0
        assert evidence["competing peaks"] == 1.0
        assert evidence["repair"] > 20.0

    @pytest.mark.parametrize(("before", "after", "steady"), [(0.002, 0.01, True), (0.01, 0.002, True)])
    def test_a_level_that_changes_a_little_is_no_onset(
        self, before: float, after: float, steady: bool
    ) -> None:
        assert bool(self.struck(before, after)) == steady

    @pytest.mark.parametrize(("before", "after"), [(0.002, 0.04), (0.04, 0.002)])
    def test_where_a_sound_begins_or_ends_by_more_than_20_db_nothing_is_a_click(
        self, before: float, after: float
    ) -> None:
        assert self.struck(before, after) == []

    def test_nothing_clicks_in_silence_in_squares_or_in_too_little_sound(self) -> None:
        assert self.struck(1e-5, 1e-5, click=0.0005) == []
        square = np.where(np.arange(80_000) % 400 < 200, 0.2, -0.2)
        square[self.PLACE + 50 : self.PLACE + 60] += 0.3
        assert find_clicks(square, prediction_error(square, RATE_HZ), RATE_HZ) == []
        short = noise(22 * 399)
        assert find_clicks(short, prediction_error(short, RATE_HZ), RATE_HZ) == []

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
        """Which cells are examined, of 1000 whose prediction errors are 1 but for some."""
        nothing = np.zeros(len(CLICK_FEATURES))
        monkeypatch.setattr(
            clicks, "_examine", lambda *a: [(place, (place, place + 1), nothing) for place in a[4].tolist()]
        )

        def ask(*peaks: tuple[int, float]) -> list[int]:
            error = np.ones((1000, 22), np.float32)
            for cell, peak in peaks:
                error[cell, 7] = -peak
            return [found.start for found in find_clicks(np.zeros(22_000), error.ravel(), RATE_HZ)]

        return ask

    @pytest.mark.parametrize(("peak", "examined"), [(5.1, True), (4.9, False)])
    def test_five_times_the_background_is_examined(self, asked, peak: float, examined: bool) -> None:
        assert asked((500, peak)) == ([500] if examined else [])

    @pytest.mark.parametrize(
        ("distance", "counts"), [(1, False), (4, False), (6, True), (59, True), (62, False)]
    )
    def test_a_click_stands_out_of_what_is_from_two_and_a_half_to_thirty_milliseconds_away(
        self, asked, distance: int, counts: bool
    ) -> None:
        for other in (500 - distance, 500 + distance):
            assert (500 in asked((500, 20.0), (other, 20.0 / 1.75))) != counts
            assert 500 in asked((500, 20.0), (other, 20.0 / 1.85))

    @pytest.mark.parametrize(("distance", "one"), [(4, True), (5, True), (6, False)])
    def test_of_peaks_within_five_cells_the_largest_is_examined(
        self, asked, distance: int, one: bool
    ) -> None:
        found = asked((500, 20.0), (500 + distance, 10.0))
        assert 500 in found
        if one:
            assert 500 + distance not in found

    def test_a_click_among_its_like_is_none(self) -> None:
        audio = 0.01 * noise(80_000)
        for place in range(30_000, 50_000, 441):  # every 10 ms
            audio[place : place + 6] += [0.5, -0.5, 0.5, -0.5, 0.5, -0.5]
        assert find_clicks(audio, prediction_error(audio, RATE_HZ), RATE_HZ) == []

    @staticmethod
    def doubt(others: list[int], *, height: float = 0.4, rhythm: bool = False, **evidence: float) -> float:
        peaks = np.full(40_000, 0.01)
        peaks[others] = height
        peaks[20_000] = 1.0
        row = np.array([evidence.get(name.replace(" ", "_"), 0.0) for name in CLICK_FEATURES])
        places = np.array(sorted([20_000, *others]))
        return _doubt(row, peaks, places, places if rhythm else places[:0], 20_000)

    @pytest.mark.parametrize(("others", "taken"), [(0, 0.0), (20, 0.0), (40, 4.0), (60, 4.0 * np.log2(3))])
    def test_many_others_a_third_as_high_are_a_bed_of_crackle(self, others: int, taken: float) -> None:
        places = list(range(20_100, 20_100 + 70 * others, 70))
        assert self.doubt(places) == pytest.approx(taken)
        assert self.doubt(places, height=0.3) == 0.0

    def test_they_are_counted_for_two_and_a_half_seconds_on_either_side(self) -> None:
        for first, taken in ((24_960, 4.0), (25_000, 0.0), (15_000, 4.0), (14_960, 0.0)):
            assert self.doubt(list(range(first, first + 40))) == pytest.approx(taken), first

    def test_others_at_equal_distances_are_a_rhythm(self) -> None:
        late = [2, -2, 1, 0, 0, 0, 0, 2, -2]
        beats = [16_000 + 1000 * number + off for number, off in enumerate(late)]
        del beats[4]
        for pairs, taken in ((1, 0.0), (2, 3.0), (4, 6.0)):
            assert self.doubt(beats[4 - pairs : 4 + pairs], rhythm=True) == pytest.approx(taken)
        assert self.doubt([place + 50 * (place > 20_000) for place in beats], rhythm=True) == 0.0

    def test_a_step_of_the_level_is_the_edge_of_a_gate(self) -> None:
        for level, treble, taken in (
            (5.0, 20.0, 0.0),
            (10.0, 20.0, 4.0),
            (-20.0, -10.0, 4.0),
            (10.0, 3.0, 0.0),  # a thump
            (10.0, -10.0, 0.0),
        ):
            changes = {"level_change": level, "treble_change": treble}
            assert self.doubt([], **changes, removed_peak=-1.0) == pytest.approx(taken)
            assert self.doubt([], **changes, removed_peak=1.0) == 0.0

    def test_in_a_bed_of_crackle_and_in_a_gate_nothing_clicks(self) -> None:
        """Of one tick in 33 ms, and of beats without ramps, the verifier alone believes some."""
        rng = np.random.default_rng(1)
        bed = 0.01 * noise(8 * RATE_HZ)
        for place in range(2000, bed.size - 2000, RATE_HZ // 16):
            bed[place : place + 3] += rng.uniform(0.3, 0.6) * np.array([1.0, -0.8, 0.2])
        candidates = find_clicks(bed, prediction_error(bed, RATE_HZ), RATE_HZ)
        bare = [dataclasses.replace(candidate, doubt=float) for candidate in candidates]
        assert max(s.confidence for s in weigh("click", bare, 0)) > 0.5
        assert all(s.confidence < 0.5 for s in weigh("click", candidates, 0))

    def test_neighbours_are_looked_for_on_both_sides(self) -> None:
        peaks = np.zeros(100)
        peaks[50] = 1.0
        around = largest_around(peaks, 5, 21)
        assert np.flatnonzero(around == 1.0).tolist() == [*range(29, 46), *range(55, 72)]
        assert around.min() == 1e-9

    def test_a_click_begins_where_prediction_first_errs(self) -> None:
        error = np.zeros(100)
        error[[30, 45]] = [-4.0, 9.0]
        ends, levels = np.array([60, 60, 60, 45]), np.array([1.0, 1.2, 9.0, 1.0])
        starts, last = _from_first_rise(error, np.full(4, 20), ends, levels)
        assert starts.tolist() == [30, 45, 20, 30]
        assert last.tolist() == ends.tolist()
