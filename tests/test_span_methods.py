"""A span can say how it is to be filled, and each filled one says which error to expect."""

from __future__ import annotations

import json

import numpy as np
import pytest

from recordings import holes, load, music, save
from restore_audio import restore
from restore_audio.cli import main
from restore_audio.fill.fill import Filling
from restore_audio.fill.splice import splice
from restore_audio.measure.metrics import sdr_db
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

PLACES = [(20_000, 1_500), (45_000, 1_500)]
SPANS = [Span(start, start + length, 0) for start, length in PLACES]


def test_each_span_is_filled_by_its_own_method():
    audio = holes(music(1.6), PLACES)
    by_ar = restore(audio, 44_100, spans=SPANS, fill=FillSettings(method="ar")).samples
    by_network = restore(audio, 44_100, spans=SPANS, fill=FillSettings(method="network")).samples
    mixed = [Span(s.start, s.end, 0, method=m) for s, m in zip(SPANS, ("ar", "network"), strict=True)]
    made = restore(audio, 44_100, spans=mixed).samples
    assert not np.array_equal(by_ar, by_network)
    assert np.array_equal(made[:, :40_000], by_ar[:, :40_000])
    assert np.array_equal(made[:, 40_000:], by_network[:, 40_000:])


def test_one_gap_far_from_the_start_is_filled_alone_as_among_all():
    clean = music(30.0, rate_hz=8_000)
    spans = [
        Span(start, start + 400, 0) for start in (8_000, 200_000)
    ]  # 50 ms: similar passages are looked for
    audio = holes(clean, [(s.start, s.length) for s in spans])
    filling = Filling(spans, 8_000, audio.shape[1], FillSettings(method="auto"))
    for span in spans:
        patch, gap = filling.fill_one(span, lambda first, last: audio[:, first:last].copy())
        assert (patch.start, patch.end, gap.filled) == (span.start, span.end, True)
        assert sdr_db(clean, splice(audio, [patch]), [span]) > 0  # better than the hole


def test_the_expected_error_is_near_the_true_one():
    clean = music(3.0)
    spans = [Span(start, start + 400, 0) for start in range(20_000, 120_000, 20_000)]
    made = restore(holes(clean, [(s.start, s.length) for s in spans]), 44_100, spans=spans)
    off = [s.expected_error_db + sdr_db(clean, made.samples, [s]) for s in made.spans if s.expected_error_db]
    assert len(off) == len(spans)
    assert abs(np.median(off)) < 10


def test_a_report_read_as_spans_gives_the_same_file(tmp_path):
    damaged = save(tmp_path / "d.wav", holes(music(1.6), PLACES))
    told = [{"start": s.start, "end": s.end, "method": "ar", "confidence": 0.7} for s in SPANS]
    (tmp_path / "s.json").write_text(json.dumps(told))
    first, second = tmp_path / "1.wav", tmp_path / "2.wav"
    report = tmp_path / "r.json"
    words = ["fix", str(damaged), "-q"]
    assert main([*words, "-o", str(first), "--spans", str(tmp_path / "s.json"), "--report", str(report)]) == 0
    spans = json.loads(report.read_text())["spans"]
    assert [(s["method"], s["confidence"]) for s in spans] == [("ar", 0.7)] * 2
    assert all(s["expected_error_db"] < 0 for s in spans)
    assert main([*words, "-o", str(second), "--spans", str(report)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert not np.array_equal(load(first), load(damaged))


@pytest.mark.parametrize("method", ["paper", "magic"])
def test_a_method_that_fills_no_single_span_is_refused(method, tmp_path, capsys):
    damaged = save(tmp_path / "d.wav", music(0.5))
    (tmp_path / "s.json").write_text(json.dumps([{"start": 100, "end": 200, "method": method}]))
    words = ["fix", str(damaged), "-o", str(tmp_path / "o.wav"), "--spans", str(tmp_path / "s.json")]
    assert main(words) == 1
    assert f"'{method}': use one of auto, ar, network" in capsys.readouterr().err
    assert not (tmp_path / "o.wav").exists()
    with pytest.raises(ValueError, match=method):
        restore(music(0.5), 44_100, spans=[Span(100, 200, 0, method=method)])
