"""The listening report: it stands alone, opens from disk, and what is heard is what was there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import html5lib
import numpy as np
import pytest

from browser import opened, until, violations
from recordings import holes, load, music, save
from restore_audio import restore_file
from restore_audio.cli import main
from restore_audio.outcomes import Report
from restore_audio.show import clips, listening, overview
from restore_audio.spans import Span

RATE_HZ = 44_100
PLACES = [(20_000, 900), (60_000, 1_800), (100_000, 40)]
HOSTILE = "a'\"><img src=x onerror=alert(1)>&lt;<script>x<!--.wav"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("listening")
    audio = music(3.0, channels=2)
    damaged = save(folder / HOSTILE, holes(audio, PLACES, channel=0))
    page = folder / "page & more.html"
    assert main(["fix", str(damaged), "-o", str(folder / "o.wav"), "--html", str(page), "-q"]) == 0
    report = restore_file(damaged, folder / "again.wav")
    assert (folder / "o.wav").read_bytes() == (folder / "again.wav").read_bytes()
    return page, report


def data_of(html: str, name: str = "data") -> dict:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_the_page_is_valid_and_names_are_text(made):
    html = made[0].read_text(encoding="utf-8")
    parser = html5lib.HTMLParser(strict=True)
    tree = parser.parse(html)
    names = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert "img" not in names
    assert tree.find(".//{*}h1").text == HOSTILE
    links = [element.get(name) for element in tree.iter() for name in ("src", "href") if element.get(name)]
    assert links == ["data:,"]
    assert data_of(html, "summary")["name"] == HOSTILE


def test_it_says_in_one_sentence_what_was_done(made):
    report = made[1]
    assert len(report.spans) == 3
    seconds = sum(span.length for span in report.spans) / RATE_HZ
    assert listening.headline(report) == (
        f"3 places of damage were found and all repaired: {seconds:.3f} s of sound were replaced, "
        f"every other sample is what it was."
    )
    left = replace(report.spans[0], filled=False, reason="x")
    for spans, words in (
        ((), "No damage was found, and nothing was changed."),
        ((left,), "1 place of damage was found, and none was repaired"),
        ((left, report.spans[1]), "2 places of damage were found and 1 repaired"),
        (report.spans[:1], "1 place of damage was found and repaired"),
    ):
        assert listening.headline(replace(report, spans=spans)).startswith(words)
    assert "encoded again as MP3" in listening.headline(
        replace(report, format="MP3", subtype="MPEG_LAYER_III")
    )


def test_loudest_comes_first_by_what_was_removed(made):
    page, report = made
    rows = data_of(page.read_text(encoding="utf-8"))["spans"]
    before, after = load(page.with_name(HOSTILE)), load(page.with_name("o.wav"))
    for row, span in zip(rows, report.spans, strict=True):
        removed = (before - after)[span.channel, span.start : span.end]
        energy = removed @ removed / max(span.length, 0.05 * RATE_HZ)
        assert row["removed_db"] == pytest.approx(10 * np.log10(energy), abs=0.06)
        assert (row["start"], row["channel"]) == (span.start, span.channel + 1)


@pytest.mark.parametrize("total", [1, 7, 999, 1_200, 60_000])
def test_the_waveform_does_not_depend_on_the_blocks(total):
    rng = np.random.default_rng(total)
    audio = rng.uniform(-1, 1, (2, total))
    shown = [
        overview.look_over(
            lambda size=size: (audio[:, k : k + size] for k in range(0, total, size)),
            lambda size=size: (audio[:, k : k + size] for k in range(0, total, size)),
            [Span(0, total, 1)],
            rate_hz=RATE_HZ,
            total=total,
        )
        for size in (777, total)
    ]
    assert np.array_equal(shown[0].peaks_before, shown[1].peaks_before)
    assert shown[0].picture_after == shown[1].picture_after
    columns = shown[0].peaks_after.shape[1]
    parts = [audio[:, k * total // columns : (k + 1) * total // columns] for k in range(columns)]
    assert np.array_equal(
        shown[0].peaks_after, np.float32([[p.min() for p in parts], [p.max() for p in parts]])
    )
    assert shown[0].removed_db == (overview.SILENT_DB,)


def test_three_minutes_with_seventy_repairs_stay_below_10_mb(tmp_path):
    rng = np.random.default_rng(1)
    piece = music(12.0, channels=2) + 0.02 * rng.standard_normal((2, 12 * RATE_HZ))
    clean = np.tile(piece, 15)
    total = clean.shape[1]
    starts = (np.arange(70) + 0.5) * total / 70
    spans = tuple(Span(int(s), int(s) + 2_205, k % 2, "dropout", 0.9, True) for k, s in enumerate(starts))
    damaged = clean.copy()
    for span in spans:
        damaged[span.channel, span.start : span.end] *= 0.1
    before, after = save(tmp_path / "b.wav", damaged), save(tmp_path / "a.wav", clean)
    report = Report(before, after, RATE_HZ, 2, total, "WAV", "PCM_16", spans, method="auto")
    html = listening.report_page(report, before, after)
    assert len(html) < 10e6
    data = data_of(html)
    assert all(any(c["first"] < s.start and s.end < c["last"] for c in data["clips"]) for s in spans)


def test_of_too_many_repairs_the_loudest_are_heard():
    total = 3_600 * RATE_HZ
    spans = [Span(k * 40_000, k * 40_000 + 100, 0, "click", 1.0, True) for k in range(3_900)]
    loudness = list(np.random.default_rng(0).permutation(3_900).astype(float))
    ranges, lossless = clips.choose_ranges(spans, loudness, rate_hz=RATE_HZ, channels=2, total=total)
    assert not lossless
    assert sum(b - a for a, b in ranges) * 0.26 * 2 <= clips.BUDGET
    heard = [k for k, s in enumerate(spans) if any(a <= s.start and s.end <= b for a, b in ranges)]
    assert len(heard) > 60
    assert {k for k in range(3_900) if loudness[k] >= 3_840} <= set(heard)


PROBE = """async ([first, last]) => {
  const sound = await clips.read(first, last);
  return [sound.before.map((c) => [...c]), sound.after.map((c) => [...c])];
}"""


@pytest.mark.parametrize("lossless", [True, False])
def test_from_disk_each_repair_is_heard_to_the_sample(made, lossless, tmp_path, monkeypatch):
    page, report = made
    before, after = page.with_name(HOSTILE), page.with_name("o.wav")
    if not lossless:
        monkeypatch.setattr(clips, "_FLAC_SHARE", 100.0)
        monkeypatch.setattr(clips, "BUDGET", 2_000_000)
        page = tmp_path / "lossy.html"
        page.write_text(listening.report_page(report, before, after), encoding="utf-8")
    kinds = {clip["kind"] for clip in data_of(page.read_text(encoding="utf-8"))["clips"]}
    assert kinds == {"audio/flac" if lossless else "audio/ogg"}
    with opened(offline=True) as browser:
        browser.goto(page.as_uri())
        browser.wait_for_selector("article")
        for span in report.spans:
            beside = 300 if lossless else 0  # where lossy surroundings are faded in
            first, last = span.start - beside, span.end + beside
            for heard, path in zip(browser.evaluate(PROBE, [first, last]), (before, after), strict=True):
                np.testing.assert_allclose(heard, load(path)[:, first:last], atol=2e-5)  # 16 bit
            if not lossless:  # the surroundings are there, and nearly the same
                first, last = span.start - 2_000, span.start - 1_000
                heard = browser.evaluate(PROBE, [first, last])[1]
                truth = load(after)[:, first:last]
                assert np.sum((np.array(heard) - truth) ** 2) < 0.05 * np.sum(truth**2)
        assert browser.complaints == []


def test_a_person_plays_switches_and_goes_on(made):
    page, _ = made
    with opened(offline=True, color_scheme="dark") as browser:
        browser.goto(page.as_uri())
        cards = browser.locator("article")
        assert cards.count() == 3
        loudest = data_of(page.read_text(encoding="utf-8"))["spans"]
        order = [row["number"] for row in sorted(loudest, key=lambda row: -row["removed_db"])]
        assert [cards.nth(k).get_attribute("id") for k in range(3)] == [f"repair-{n}" for n in order]
        browser.get_by_label("loop").check()  # however slow the machine, it plays on
        cards.first.get_by_role("button", name="Play repair").click()
        until(browser, "player.playing && player.position > player.run.first + 2000")
        browser.evaluate(
            "() => { window.jumps = []; let last = player.position; const look = () => {"
            "const now = player.position; jumps.push(now - last); last = now; requestAnimationFrame(look) };"
            "look() }"
        )
        for key, name in (("a", "Before"), ("r", "Removed"), ("x", "Before"), ("x", "After"), ("b", "After")):
            browser.keyboard.press(key)
            pressed = browser.locator('[aria-label="What is heard"] [aria-pressed=true]')
            assert pressed.count() == 1
            assert pressed.inner_text().startswith(name)
            browser.wait_for_timeout(60)
            gains = browser.evaluate("player.gains.map((g) => Math.round(g.gain.value))")
            assert gains == [int(n == name) for n in ("Before", "After", "Removed")]
        assert browser.evaluate("player.playing")
        assert browser.evaluate("jumps.length") > 10
        assert (
            browser.evaluate("jumps.filter((j) => j < 0 && j > -50_000).length") == 0
        )  # only the loop goes back
        browser.keyboard.press(" ")
        assert not browser.evaluate("player.playing")
        place = browser.evaluate("player.place")
        browser.keyboard.press(" ")
        until(browser, "player.playing")
        assert browser.evaluate("player.run.start") == pytest.approx(place, abs=1)
        browser.keyboard.press("j")
        assert browser.locator("[aria-current=true]").get_attribute("id") == f"repair-{order[1]}"
        until(browser, "player.playing && player.run.begin !== null")
        assert browser.evaluate("playedFor.number") == order[1]
        browser.select_option("#sort", "time")
        assert [cards.nth(k).get_attribute("id") for k in range(3)] == ["repair-1", "repair-2", "repair-3"]
        assert browser.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nobody_is_shut_out(made, width, scheme):
    with opened(offline=True, color_scheme=scheme) as browser:
        browser.set_viewport_size({"width": width, "height": 900})
        browser.goto(made[0].as_uri())
        browser.wait_for_selector("article")
        assert violations(browser) == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        canvas = browser.locator("#whole canvas")
        pixels = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer"
        colours = f"c => new Set(new Uint32Array({pixels})).size"
        until(browser, f"({colours})(document.querySelector('#whole canvas')) > 40")
        assert "3 zeros" in canvas.get_attribute("aria-label")


class TestFolder:
    def recordings(self, folder: Path) -> Path:
        (folder / "in" / "deep").mkdir(parents=True)
        save(folder / "in" / "one.wav", holes(music(1.0), [(20_000, 300)]))
        save(folder / "in" / "deep" / "#2 %20.wav", music(0.5))
        return folder / "in"

    def fix(self, folder: Path, *more: str) -> int:
        pages = folder / "pages"
        return main(
            ["fix", "-r", str(folder / "in"), "-o", str(folder / "out"), "--html", str(pages), "-q", *more]
        )

    def test_each_recording_has_a_page_and_the_index_leads_to_it(self, tmp_path, capsys):
        self.recordings(tmp_path)
        assert self.fix(tmp_path) == 0
        index = tmp_path / "pages" / "index.html"
        tree = html5lib.HTMLParser(strict=True).parse(index.read_text(encoding="utf-8"))
        rows = [row.findall("{*}td") for row in tree.findall(".//{*}tr")][1:]
        assert [row[0][0].text for row in rows] == ["one.wav", "#2 %20.wav"]
        assert [row[3].text for row in rows] == ["1", "0"]
        with opened(offline=True) as browser:
            for number in range(2):
                browser.goto(index.as_uri())
                browser.locator("td a").nth(number).click()
                browser.wait_for_selector("#deck button")
                assert browser.locator("h1").inner_text() == rows[number][0][0].text
            assert browser.complaints == []
        assert self.fix(tmp_path) == 1  # all is there already
        assert "is there already" in capsys.readouterr().err
        save(tmp_path / "in" / "two.wav", holes(music(1.0), [(20_000, 300)]))
        assert self.fix(tmp_path, "--skip-existing") == 0
        assert index.read_text(encoding="utf-8").count("<tr>") == 4

    def test_an_index_that_is_not_ours_stays(self, tmp_path, capsys):
        self.recordings(tmp_path)
        index = tmp_path / "pages" / "index.html"
        index.parent.mkdir()
        index.write_text("somebody's")
        assert self.fix(tmp_path) == 1
        assert "no index of ours" in capsys.readouterr().err
        assert index.read_text() == "somebody's"
        assert not (tmp_path / "out").exists()
        assert self.fix(tmp_path, "--overwrite") == 0
        assert "one.wav" in index.read_text()


class TestManners:
    def test_the_page_appears_with_the_other_results_or_not_at_all(self, tmp_path, capsys):
        damaged = save(tmp_path / "d.wav", holes(music(1.0), [(20_000, 300)]))
        page = tmp_path / "p.html"
        page.write_text("mine")
        assert main(["fix", str(damaged), "-o", str(tmp_path / "o.wav"), "--html", str(page)]) == 1
        assert "is there already" in capsys.readouterr().err
        assert page.read_text() == "mine"
        assert (
            main(["fix", str(damaged), "-o", str(tmp_path / "o.wav"), "--html", str(damaged), "--overwrite"])
            == 1
        )
        assert sorted(p.name for p in tmp_path.iterdir()) == ["d.wav", "p.html"]

    def test_paper_has_no_repairs_to_show(self, tmp_path, capsys):
        damaged = save(tmp_path / "d.wav", music(1.0))
        assert main(["fix", str(damaged), "--method", "paper", "--html", str(tmp_path / "p.html")]) == 2
        assert "no repairs to show" in capsys.readouterr().err
