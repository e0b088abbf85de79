"""Gaps are filled from what is around them, and nothing else is touched."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recordings import sdr_db
from restore_audio import restore
from restore_audio.fill import methods
from restore_audio.fill.fill import Filling, fill_spans
from restore_audio.fill.gaps import Gap, Prediction
from restore_audio.network.checkpoint import model_path
from restore_audio.network.predictor import Inpainter
from restore_audio.settings import FillSettings
from restore_audio.signal.spectrum import Grid, stft
from restore_audio.spans import Span, spans_to_json

RATE_HZ = 44_100


@pytest.fixture(scope="module")
def network() -> Inpainter:
    return Inpainter.open(model_path("restore"), "restore")


def fill(
    damaged: np.ndarray,
    spans: list[Span],
    network: Inpainter | None = None,
    method: str = "auto",
    rate_hz: int = RATE_HZ,
) -> tuple[np.ndarray, list[Span]]:
    how = methods.method_named(method)
    return fill_spans(damaged, spans, rate_hz, method=how, open_network=lambda: network)


def music(channels: int = 1, seconds: float = 2.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Plucked chords over a little noise: partials that decay, so that long gaps are not extrapolated."""
    rng = np.random.default_rng(4)
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    audio = 0.001 * rng.standard_normal((channels, time.size))
    for onset in np.arange(0, seconds, 0.25):
        since = np.maximum(time - onset, 0)
        for base in rng.choice([220, 262, 330, 392, 440], 3, replace=False):
            for partial in range(1, 9):
                decay = np.exp(-since * (2 + partial)) * (time >= onset)
                phase = rng.uniform(0, 2 * np.pi)
                audio += 0.05 / partial * decay * np.sin(2 * np.pi * base * partial * time + phase)
    return audio


def spectral_distance_db(clean: np.ndarray, test: np.ndarray, span: Span) -> float:
    grid = Grid(RATE_HZ)
    frames = slice(*grid.frame_range(span.start, span.end))
    a, b = (np.abs(stft(x[span.channel], grid))[:, frames] for x in (clean, test))
    floor = 1e-3 * np.sqrt(np.mean(a**2))
    return float(np.sqrt(np.mean((20 * np.log10((a + floor) / (b + floor))) ** 2)))


@pytest.mark.parametrize("method", ["auto", "ar", "network"])
def test_samples_outside_the_spans_are_bit_identical(method: str, network: Inpainter) -> None:
    damaged = music(2)
    spans = [Span(30_000, 34_000, 0), Span(50_000, 50_300, 1), Span(0, 400, 1), Span(88_000, 88_200, 0)]
    for span in spans:
        damaged[span.channel, span.start : span.end] = np.nan
    filled, marked = fill(damaged, spans, network, method)
    healthy = np.isfinite(damaged)
    np.testing.assert_array_equal(filled[healthy], damaged[healthy])
    assert np.isfinite(filled).all()
    assert all(span.filled and span.reason is None for span in marked)
    assert [(s.start, s.end, s.channel) for s in marked] == sorted((s.start, s.end, s.channel) for s in spans)


@pytest.mark.parametrize(("gap_ms", "at_least_db"), [(2, 25), (10, 18), (20, 12)])
def test_short_gaps_are_restored_nearly_exactly(
    gap_ms: float, at_least_db: float, network: Inpainter
) -> None:
    clean = music()
    span = Span(60_000, 60_000 + round(gap_ms * 44.1), 0)
    damaged = clean.copy()
    damaged[0, span.start : span.end] = 0
    filled, _ = fill(damaged, [span], network)
    assert sdr_db(clean[0, span.start : span.end], filled[0, span.start : span.end]) > at_least_db


def test_in_long_gaps_the_network_gives_back_what_ar_loses(network: Inpainter) -> None:
    clean = music()
    distances = {}
    for method in ("ar", "auto"):
        found = []
        for start in (20_000, 38_000, 55_000):
            span = Span(start, start + round(0.2 * RATE_HZ), 0)
            damaged = clean.copy()
            damaged[0, span.start : span.end] = 0
            filled, _ = fill(damaged, [span], network, method)
            found.append(spectral_distance_db(clean, filled, span))
        distances[method] = float(np.mean(found))
    assert distances["auto"] < distances["ar"] - 1


@pytest.mark.parametrize(("method", "needed"), [("network", True), ("auto", False), ("ar", False)])
def test_short_gaps_need_the_network_only_where_it_stands_alone(
    method: str, needed: bool, network: Inpainter
) -> None:
    damaged = music()
    span = Span(60_000, 60_441, 0)
    damaged[0, span.start : span.end] = 0

    opened = []

    def open_network() -> Inpainter:
        opened.append(True)
        return network

    filling = Filling([span], RATE_HZ, damaged.shape[1], FillSettings(method), open_network)
    (patch,) = filling.patches([damaged])
    assert len(opened) == needed
    whole, _ = fill(damaged, [span], network, method)
    np.testing.assert_allclose(patch.samples, whole[0, span.start : span.end], atol=1e-9)


def test_too_long_gaps_are_left_with_a_reason() -> None:
    damaged = music()
    spans = [Span(10_000, 40_000, 0), Span(41_000, 41_500, 0)]
    damaged[0, 10_000:40_000] = 0
    result = restore(damaged, RATE_HZ, spans=spans, fill=FillSettings("ar"))
    assert not result.spans[0].filled
    assert "680 ms" in (result.spans[0].reason or "")
    assert "--max-gap-ms" in (result.spans[0].reason or "")
    np.testing.assert_array_equal(result.samples[0, 10_000:40_000], 0)
    assert result.spans[1].filled
    result = restore(damaged, RATE_HZ, spans=spans, fill=FillSettings("ar", max_gap_ms=800))
    assert result.spans[0].filled


TOY = f"""
import json, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from restore_audio.fill.methods import METHODS, Method
METHODS["hold"] = Method("the last sample held", ("test_inpaint:hold_last",))
from restore_audio.cli import main
sys.exit(any([main(words) for words in json.loads(sys.argv[1])]))
"""


def hold_last(gap: Gap) -> Prediction:
    return Prediction(np.full(gap.length, gap.before[-1]), 1.0)


def test_a_fill_and_a_method_are_added_by_one_entry(tmp_path) -> None:
    """A toy fill, registered in one line, is a ``--method`` of ``fix`` and one of ``bench``."""

    clean = music()
    span = Span(60_000, 60_441, 0)
    source, target, told = tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "spans.json"
    soundfile.write(source, clean.T, RATE_HZ, subtype="DOUBLE")
    told.write_text(spans_to_json([span], RATE_HZ))
    fix = f"fix {source} -o {target} --spans {told} --method hold -q"
    bench = "bench --protocol gaps --genre jazz --seconds 5 --lengths-ms 5 --no-odg --json -j 1"
    bench += " --methods hold,nothing --no-rivals"
    words = [sys.executable, "-c", TOY, json.dumps([fix.split(), bench.split()])]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=300)
    fixed = soundfile.read(target)[0]
    np.testing.assert_array_equal(fixed[span.start : span.end], clean[0, span.start - 1])
    np.testing.assert_array_equal(fixed[span.end :], clean[0, span.end :])
    rows = json.loads(done.stdout)
    assert "hold" in [method["name"] for method in rows["methods"]]
    assert [row["sdr_db"] for row in rows["results"] if row["method"] == "hold"]


def test_a_recording_without_anything_healthy_is_left_alone() -> None:
    filled, marked = fill(np.zeros((1, 500)), [Span(0, 500, 0)])
    assert not marked[0].filled
    assert "healthy" in (marked[0].reason or "")
    np.testing.assert_array_equal(filled, 0)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000, 96_000])
def test_any_rate_is_filled_over_its_full_band(rate_hz: int, network: Inpainter) -> None:
    clean = music(rate_hz=rate_hz)
    start, gap = rate_hz, round(0.06 * rate_hz)
    damaged = clean.copy()
    damaged[0, start : start + gap] = 0
    filled, _ = fill(damaged, [Span(start, start + gap, 0)], network, rate_hz=rate_hz)
    grid = Grid(rate_hz)
    middle = (start + gap // 2) // grid.hop_samples
    before, inside = (np.abs(stft(filled[0], grid))[:, f - 3 : f + 3] for f in (middle - 40, middle))
    top = slice(grid.bins * 3 // 4, grid.bins)
    level_db = 20 * np.log10(np.sqrt(np.mean(inside[top] ** 2)) / np.sqrt(np.mean(before[top] ** 2)))
    assert level_db > -8


def test_a_short_recording_is_filled_too(network: Inpainter) -> None:
    clean = music(seconds=0.2)
    span = Span(4_000, 5_500, 0)
    damaged = clean.copy()
    damaged[0, span.start : span.end] = 0
    filled, marked = fill(damaged, [span], network)
    assert marked[0].filled
    assert np.abs(filled[0, span.start : span.end]).max() > 0.01


def test_a_span_outside_of_the_samples_is_a_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="outside"):
        fill(np.zeros((1, 100)), [Span(90, 101, 0)])


def test_memory_grows_with_the_channels_and_not_with_their_square() -> None:
    channels, length = 24, 30_000
    audio = np.random.default_rng(0).standard_normal((channels, length))
    spans = [Span(15_000, 15_050, channel) for channel in range(channels)]
    filling = Filling(spans, 8_000, length, FillSettings(method="ar"))
    tracemalloc.start()
    patches = list(filling.patches([audio], workers=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(patches) == channels
    assert peak < 8 * audio.nbytes  # of each channel all channels were kept: 26 times
