"""The review, as a person meets it: a real browser, a real server, and files that fix makes too."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from browser import opened, until, violations
from recordings import holes, load, music, save
from restore_audio import detect
from restore_audio.cli import main
from restore_audio.review.session import Session
from restore_audio.settings import DetectSettings
from restore_audio.spans import spans_to_json

RATE_HZ = 44_100
PLACES = [(20_000, 900), (60_000, 1_000), (100_000, 400)]  # below 25 ms no fill needs the network


DROPPED = """([sound, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(sound), (c) => c.charCodeAt(0))], name));
  return transfer;
}"""


@pytest.fixture
def damaged(tmp_path) -> Path:
    return save(tmp_path / "dämaged <b>.wav", holes(music(3.0, channels=2), PLACES))


@contextmanager
def review(*arguments: object) -> Iterator[str]:
    words = [sys.executable, "-m", "restore_audio", "review", "--no-open", *map(str, arguments)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), process.stderr.read()
        yield address
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


def ready(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")


def rows(page) -> list[tuple[str, bool]]:
    found = page.locator("#list .row")
    return [
        (found.nth(k).locator(".name").inner_text(), found.nth(k).locator("input").is_checked())
        for k in range(found.count())
    ]


def same_as_fix(source: Path, result: Path, spans: Path, place: Path) -> bool:
    assert main(["fix", str(source), "--spans", str(spans), "-o", str(place), "-q"]) == 0
    return place.read_bytes() == result.read_bytes()


def test_a_person_hears_refuses_moves_marks_and_saves(damaged, tmp_path):
    result, spans = tmp_path / "out.wav", tmp_path / "out.spans.json"
    with review(damaged, "-o", result) as address, opened() as page:
        ready(page, address)
        assert page.locator("h1").inner_text() == damaged.name
        assert len(rows(page)) == 6  # three places in two channels
        # Hear: play, and change between before and after at the same place.
        page.get_by_label("loop").check()
        page.locator("#list .name").first.click()
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press(" ")
        until(page, "player.playing && player.position > player.run.first + 1000")
        page.keyboard.press("a")
        until(page, "player.gains.map((g) => Math.round(g.gain.value)).join() === '1,0,0'")
        page.keyboard.press("b")
        until(page, "player.gains.map((g) => Math.round(g.gain.value)).join() === '0,1,0'")
        assert page.evaluate("player.playing")
        page.keyboard.press(" ")
        # Refuse the second place in channel 1.
        page.locator("#list .row").nth(2).locator("input").click()
        assert [accepted for _, accepted in rows(page)] == [True, True, False, True, True, True]
        # Another method for the third place in channel 2, whose start is dragged 2 ms further out.
        page.locator("#list .name").nth(5).click()
        page.get_by_label("Method").select_option("ar")
        old = page.evaluate("chosenSpan().start")
        box = page.locator(".over").nth(1).bounding_box()
        where = page.evaluate("[zoom.first, zoom.last]")
        each = box["width"] / (where[1] - where[0])
        x, y = box["x"] + (old - where[0]) * each, box["y"] + 80
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 5, y)
        page.mouse.move(x - 0.002 * RATE_HZ * each, y)
        page.mouse.up()
        moved = page.evaluate("chosenSpan().start")
        assert 60 < old - moved < 120
        # Mark what was missed, in channel 2 only, by dragging over the sound.
        page.get_by_label("Marks are for").select_option("2")
        page.mouse.move(box["x"] + 0.2 * box["width"], y)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.25 * box["width"], y)
        page.mouse.move(box["x"] + 0.3 * box["width"], y)
        page.mouse.up()
        page.get_by_role("button", name="Mark as damage").click()
        marked = page.evaluate("chosenSpan()")
        assert (marked["kind"], marked["channel"]) == ("given", 2)
        assert marked["end"] - marked["start"] == pytest.approx(0.1 * (where[1] - where[0]), rel=0.1)
        # Undo all of it and do it again.
        made = rows(page)
        for _ in range(4):
            page.get_by_role("button", name="Undo").click()
        assert page.get_by_role("button", name="Undo").is_disabled()
        assert rows(page) != made
        for _ in range(4):
            page.keyboard.press("Control+Shift+z")
        assert rows(page) == made
        until(page, "accepted().every((span) => fills.has(keyOf(span)))")
        change = page.evaluate("[...fills.get(keyOf(spans.find((s) => s.kind === 'given'))).change]")
        page.get_by_role("button", name="Save").click()
        until(page, "document.getElementById('saved').textContent.startsWith('Saved: 6 of 6')")
        assert page.complaints == []
    document = json.loads(spans.read_text(encoding="utf-8"))
    assert len(document["spans"]) == 6
    assert [s["method"] for s in document["spans"] if s["start"] == moved] == ["ar"]
    assert len(document["refused"]) == 1
    assert same_as_fix(damaged, result, spans, tmp_path / "again.wav")
    before, after = load(damaged), load(result)
    refused = document["refused"][0]
    assert refused["channel"] == 1
    inside = slice(refused["start"], refused["end"])
    assert np.array_equal(before[0, inside], after[0, inside])
    inside = slice(marked["start"], marked["end"])
    assert np.allclose(
        after[1, inside] - before[1, inside], change, atol=1 / 32_768
    )  # what was heard is saved
    assert not np.array_equal(before[1, inside], after[1, inside])
    assert np.array_equal(before[0, inside], after[0, inside])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [damaged.name, "again.wav", "out.spans.json", "out.wav"]
    )


def test_all_of_it_without_a_mouse(damaged, tmp_path):
    result = damaged.with_name(f"{damaged.stem}.restored.wav")
    with review(damaged) as address, opened() as page:
        ready(page, address)
        for key in ("j", "j", "d"):
            page.keyboard.press(key)
        assert [accepted for _, accepted in rows(page)] == [True, True, False, True, True, True]
        for key in ("j", "2", "Shift+ArrowRight", "Control+ArrowLeft", "Control+ArrowLeft"):
            page.keyboard.press(key)
        span = page.evaluate("chosenSpan()")
        assert (span["method"], span["start"], span["end"]) == ("ar", 60_000 - 88, 61_000 + 44)
        page.keyboard.press("Escape")
        for start, key in ((30_000, "["), (31_000, "]")):
            page.evaluate(f"() => {{ place = {start} }}")  # as if it had been played up to there
            page.keyboard.press(key)
        page.keyboard.press("m")
        assert len(rows(page)) == 8
        page.keyboard.press("Delete")
        page.keyboard.press("Control+z")
        page.keyboard.press("-")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("p")
        until(page, "player.playing && player.run.last === data.frames")
        page.keyboard.press("Control+s")
        until(page, "document.getElementById('saved').textContent.startsWith('Saved')")
        assert page.complaints == []
    spans = result.with_name(f"{result.stem}.spans.json")
    assert same_as_fix(damaged, result, spans, tmp_path / "again.wav")


def test_sensitivity_shows_what_comes_and_goes_and_kinds_go_together(tmp_path):
    audio = holes(music(3.0), PLACES)
    audio[0, 30_000:30_030] += 0.05 * np.random.default_rng(0).standard_normal(30)  # a click, hardly
    damaged = save(tmp_path / "d.wav", audio)
    found = {s: detect(load(damaged), RATE_HZ, DetectSettings(sensitivity=s)) for s in (0.1, 0.5, 0.6, 0.9)}
    assert len({len(spans) for spans in found.values()}) > 1
    with review(damaged) as address, opened() as page:
        ready(page, address)

        def shown() -> list[tuple[int, int]]:
            return [tuple(pair) for pair in page.evaluate("spans.map((s) => [s.start, s.end])")]

        assert shown() == [(s.start, s.end) for s in found[0.5]]
        page.get_by_role("button", name="Refuse all zeros").click()
        assert not any(accepted for name, accepted in rows(page) if "zeros" in name)
        page.get_by_label("Sensitivity").press("ArrowRight")
        until(page, "sensitivity === 0.6")
        assert shown() == [(s.start, s.end) for s in found[0.6]]
        page.get_by_label("Sensitivity").press("End")
        until(page, "sensitivity === 0.9")
        assert shown() == [(s.start, s.end) for s in found[0.9]]
        assert "came" in page.locator("#came").inner_text()
        assert not any(accepted for name, accepted in rows(page) if "zeros" in name)
        page.keyboard.press("Home")
        until(page, "sensitivity === 0.1")
        assert page.complaints == []


def test_a_recording_is_dropped_and_its_result_downloaded(damaged, tmp_path):
    with review() as address, opened(accept_downloads=True) as page:
        page.goto(address)
        assert violations(page) == []
        sound = base64.b64encode(damaged.read_bytes()).decode()
        dropped = page.evaluate_handle(DROPPED, [sound, damaged.name])
        page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
        page.wait_for_selector("body[data-ready=yes]")
        assert page.locator("h1").inner_text() == damaged.name
        page.get_by_role("button", name="Save").click()
        names = {}
        for link in ("the result", "its spans"):
            with page.expect_download() as download:
                page.get_by_role("link", name=link).click()
            names[link] = tmp_path / download.value.suggested_filename.replace("damaged", "got")
            download.value.save_as(tmp_path / link)
        assert page.complaints == []
    assert same_as_fix(damaged, tmp_path / "the result", tmp_path / "its spans", tmp_path / "again.wav")


def test_nobody_is_shut_out(damaged):
    with review(damaged) as address, opened(color_scheme="light") as page:
        for width, scheme in ((1280, "light"), (390, "dark")):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            ready(page, address)
            until(page, "accepted().every((span) => fills.has(keyOf(span)))")
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            named = "e.labels?.length || e.innerText || e.getAttribute('aria-label')"
            assert page.evaluate(
                f"[...document.querySelectorAll('button, input, select')].every((e) => {named})"
            )


def test_who_does_not_know_the_token_gets_nothing(damaged):
    with review(damaged) as address:
        parts = urlsplit(address)

        def status(path: str, verb: str = "GET", **headers: str) -> int:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            connection.request(verb, path, headers=headers)
            answer = connection.getresponse()
            assert "access-control-allow-origin" not in {name.lower() for name, _ in answer.getheaders()}
            answer.read()
            return answer.status

        assert len(parts.path) > 30
        assert status(parts.path) == 200
        assert status("/") == status("/x/") == status(f"/{parts.path[1:-2]}x/") == 404
        assert status(f"{parts.path}../../etc/passwd") == 404
        assert status(parts.path, Host="evil.example") == 400  # a name that was bent to this address
        assert (
            status(f"{parts.path}save", "POST", **{"content-type": "text/plain"}) == 400
        )  # another site's form
        assert status(f"{parts.path}samples?first=0&last=99999999") == 400
        assert status(f"{parts.path}result") == 409


class TestSession:
    def test_nothing_that_was_there_is_replaced(self, damaged, tmp_path):
        target = save(tmp_path / "o.wav", music(0.1))
        kept = target.read_bytes()
        session = Session(damaged, target, tmp_path)
        empty = json.dumps({"spans": []})
        with pytest.raises(Exception, match="is there already"):
            session.save(empty)
        assert target.read_bytes() == kept
        target.unlink()
        session.save(empty)
        session.save(empty)  # its own result may be renewed
        target.write_bytes(kept)
        with pytest.raises(Exception, match="is there already"):
            session.save(empty)

    @pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac"])
    def test_what_is_heard_is_what_is_saved(self, suffix, tmp_path):
        damaged = save(
            tmp_path / f"d{suffix}",
            holes(music(2.0, channels=2), [(30_000, 700), (60_000, 1_500)]),
            subtype=None,
        )
        (tmp_path / "apart").mkdir()
        session = Session(damaged, tmp_path / "o.flac", tmp_path)
        found = [{"start": 30_000, "end": 30_700}, {"start": 60_000, "end": 61_500}]
        document = json.dumps({"spans": found})
        session.save(document)
        before, after = load(damaged), load(tmp_path / "o.flac")
        apart = Session(damaged, tmp_path / "p.flac", tmp_path / "apart")  # knows of nothing saved
        made = [(s, s.fill(document, n)) for s in (session, apart) for n in range(4)]
        for s, row in made:
            assert row["filled"]
            change = np.frombuffer(base64.b64decode(row["change"]), "<f4")
            inside = (row["channel"] - 1, slice(row["start"], row["end"]))
            error = np.abs(before[inside] + change - after[inside]).max()
            assert error < (2e-7 if s is session else 2 / 32_768)

    def test_channels_beyond_two_are_mixed(self, tmp_path):
        audio = music(0.5, channels=4)
        session = Session(save(tmp_path / "d.wav", audio, subtype="DOUBLE"), None, tmp_path)
        assert session.target == tmp_path / "d.restored.wav"
        assert np.allclose(session.heard(100, 200), audio[:, 100:200].mean(axis=0, keepdims=True), atol=1e-6)

    def test_spans_can_be_given(self, damaged, tmp_path):
        (tmp_path / "s.json").write_text(spans_to_json(detect(load(damaged), RATE_HZ)[:2], RATE_HZ))
        session = Session(damaged, None, tmp_path, spans=tmp_path / "s.json")
        assert len(session.found(0.5)) == 2


def test_a_recording_is_never_the_target(damaged, capsys):
    assert main(["review", str(damaged), "-o", str(damaged), "--no-open"]) == 1
    assert "never" in capsys.readouterr().err
    assert main(["review", "-o", "x.wav", "--no-open"]) == 2
    assert main(["review", "gone.wav", "--no-open"]) == 1
