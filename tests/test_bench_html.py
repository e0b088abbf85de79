"""The page of a benchmark stands alone: in a real browser its pictures and players are there."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from browser import opened
from restore_audio.measure.bench import Plan, run_bench
from restore_audio.measure.material import choose_material
from restore_audio.measure.methods import choose_methods
from restore_audio.measure.protocols import PROTOCOLS
from restore_audio.measure.stretches import make_examples
from restore_audio.show.bench_html import page, write_page
from restore_audio.show.bench_table import BenchResult
from restore_audio.show.charts import Series, bars, curves
from restore_audio.show.spectrogram import spectrogram_png

RATE_HZ = 16_000

# What the browser made of the page: sizes of pictures, lengths of sounds, places of both.
PROBE = """async () => {
  const box = e => { const r = e.getBoundingClientRect(); return [r.x, r.y + scrollY, r.width, r.height].map(Math.round); };
  const images = [...document.images].map(i => ({width: i.naturalWidth, height: i.naturalHeight, box: box(i)}));
  const players = await Promise.all([...document.querySelectorAll("audio")].map(a => new Promise(done => {
    const tell = () => done({seconds: a.duration, error: a.error ? a.error.code : null, controls: a.controls, box: box(a)});
    if (a.readyState > 0 || a.error) tell();
    else { a.onloadedmetadata = tell; a.onerror = tell; a.load(); }
  })));
  const charts = [...document.querySelectorAll("svg")].map(s => ({box: box(s), lines: s.querySelectorAll("polyline").length}));
  const tables = [...document.querySelectorAll(".wide")].map(t => t.scrollWidth - t.clientWidth);
  return {images, players, charts, tables};
}"""  # noqa: E501


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> BenchResult:
    folder = tmp_path_factory.mktemp("music")
    time = np.arange(5 * RATE_HZ) / RATE_HZ
    for genre, tone in (("Folk", 330), ("Jazz & Co", 440)):
        (folder / genre).mkdir()
        sound = 0.2 * np.sin(2 * np.pi * tone * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
        sound += 0.02 * np.random.default_rng(tone).standard_normal(time.size)
        soundfile.write(folder / genre / "<song> & more.wav", sound, RATE_HZ, subtype="FLOAT")
    methods = choose_methods(["nothing", "line", "ar"], "gaps", [], rival_time_limit_s=1)
    material = choose_material(folder, per_genre=1, seconds=4, seed=0)
    plan = Plan("gaps", PROTOCOLS["gaps"].conditions((10.0, 40.0, 160.0)), tuple(methods), material, gaps=2)
    return BenchResult(plan, tuple(run_bench(plan)), ("A rival <b>was</b> missing.",), "restore-audio bench")


@pytest.fixture(scope="module")
def html(result: BenchResult) -> str:
    return page(result, make_examples(result.plan)[:2])


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_the_page_refers_to_nothing_outside_of_itself(html: str) -> None:
    parsed = _Links()
    parsed.feed(html)
    assert parsed.links
    assert all(link.startswith("data:") for link in parsed.links)
    assert "url(" not in html
    assert "@import" not in html
    assert "script" not in parsed.tags


def test_names_are_text_and_never_markup(html: str) -> None:
    parsed = _Links()
    parsed.feed(html)
    assert "song" not in parsed.tags
    assert "b" not in parsed.tags
    assert "&lt;song&gt; &amp; more.wav" in html
    assert "Jazz &amp; Co" in html


def test_it_holds_tables_curves_bars_and_examples(html: str) -> None:
    assert html.count("<svg") == 5  # SDR, spectral distance, ODG, 2f; genres
    assert html.count("<polyline") == 12
    assert html.count("<table>") == 8
    assert html.count("<audio") == html.count("<img") == 8  # clean, damaged, two restored, twice
    assert "10 ms" in html
    assert "do nothing" in html


def test_it_begins_with_the_result_and_the_players_and_names_the_colours(html: str) -> None:
    places = [
        html.index(text) for text in ('class="headline"', 'class="legend"', "<audio", "<svg", "<table>")
    ]
    assert places == sorted(places)
    said = re.search(r'class="headline">SDR where damage was: (.*?)</p>', html)
    assert said is not None
    values = [float(value) for value in re.findall(r"(-?[\d.]+) dB", said[1])]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)
    for colour, name in enumerate(("nothing", "line", "ar")):
        assert f'<i class="swatch bar s{colour}"></i><strong>{name}</strong>' in html
        assert f'<td><i class="swatch bar s{colour}"></i>{name}</td>' in html


def test_writing_it_replaces_the_page_whole(result: BenchResult, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    write_page(result, path)
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_values_that_are_missing_leave_a_gap_in_charts() -> None:
    drawn = curves((5.0, 10.0), [Series("a", (None, 2.0)), Series("b", (1.0, 2.0))], x_title="x", y_title="y")
    assert drawn.count("<circle") == 3
    assert "nan" not in drawn
    assert curves((5.0,), [Series("a", (None,))], x_title="x", y_title="y") == ""
    assert bars(("g", "h"), [Series("a", (-2.0, None))], title="t").count("<rect") == 2  # bar and legend


def test_a_spectrogram_is_a_picture_of_the_sound() -> None:
    pixels = _decode(spectrogram_png(np.sin(0.25 * np.pi * np.arange(16_000))[None], RATE_HZ, height=129))
    assert pixels.shape == (129, 251, 3)
    brightness = pixels.astype(int).sum(axis=(1, 2))
    assert abs(int(np.argmax(brightness)) - 96) <= 1  # a quarter of the way up: 2 of 8 kHz


def test_in_a_browser_the_pictures_and_players_are_there(html: str, tmp_path: Path) -> None:
    path = tmp_path / "page with space.html"
    path.write_text(html, encoding="utf-8")
    with opened(offline=True) as tab:
        tab.goto(path.as_uri())
        seen: dict[str, Any] = tab.evaluate(PROBE)
        pixels = _decode(tab.screenshot(full_page=True))
        assert tab.complaints == []  # type: ignore[attr-defined]
    assert max(seen["tables"]) <= 0, "a table is wider than a window of 1280 pixels"
    assert len(seen["images"]) == len(seen["players"]) == 8
    for image in seen["images"]:
        assert image["width"] > 300
        assert image["height"] == 200
    for player in seen["players"]:
        assert player["error"] is None
        assert player["controls"]
        assert player["seconds"] == pytest.approx(3, abs=0.05)
    assert [chart["lines"] for chart in seen["charts"]] == [3, 3, 3, 3, 0]
    for kind, colours in (("images", 100), ("players", 4), ("charts", 8)):
        for element in seen[kind]:
            x, y, width, height = element["box"]
            assert width > 100
            assert height > 20
            part = pixels[y : y + height, x : x + width].reshape(-1, 3)
            assert len(np.unique(part, axis=0)) >= colours, f"{kind} at {x}, {y} cannot be seen"


def _decode(png: bytes) -> NDArray[np.uint8]:
    """Pixels ``(height, width, 3)``, by another reader."""
    pixels = matplotlib.image.imread(io.BytesIO(png), format="png")
    return np.asarray(np.round(255 * pixels[..., :3]), dtype=np.uint8)
