"""What lies beside recordings, broken on purpose: settings, manifests, reports, records, left-overs, names.

In: whole ones, made once by the tool itself. Out: what was tried and what was wrong with it, as
:class:`tests.fuzz.Bench` tells it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fuzz import Bench

Tried = tuple[str, str | None]
Change = Callable[[str, random.Random], str]

TYPES = [
    *("null", "true", "[]", "{}", '"x"', '""', "-1", "0", "1e999", "NaN", "0.5", '"\\ud800"'),
    *('"a\\u0000b"', "[[1]]", "9" * 30, "9" * 5_000, '"' + "y" * 300 + '"', '"' + "z/" * 3_000 + '"'),
    *('"<b>"', '["a", 5]', "[" * 9_000 + "]" * 9_000, '"/dev/zero"', '"/dev/full"', '"."', '".."'),
    *('"../../x"', "1e308", "-1e308"),
]
CELLS = [
    *("", "x", "-1", "0", "nan", "inf", "1e400", "9" * 30, "9" * 5_000, "/", ".", "..", "a/../../b"),
    *("/etc/passwd", "\0", "\u202e", '"', "'", ",", "\n", "y" * 300, "z/" * 3_000, "-", "<script>"),
    *("/dev/zero", "1_0", "٣", "0x1"),
]
TOMLS = [
    *("", "nan", "inf", "-1", "0", "1e400", '""', '"auto"', "true", "[]", "[1, 2]", "{}", "{a = 1}"),
    *("1979-05-27", "07:32:00", "9" * 5_000, "[" * 2_000 + "]" * 2_000, '"' + "y" * 9_000 + '"'),
    *("'''\n'''", '"\\u0000"', "0x1F"),
]
OPTIONS = [
    *("sensitivity", "max-gap-ms", "method", "device", "jobs", "loudness", "json", "quiet", "verbose"),
    *("name", "preserve", "dry-run", "skip-existing", "kind", "model", "output", "overwrite", "spans"),
    *("no_such", "shard"),
]
NAMES = [
    *('"><wrong x=1>', "</script><wrong>", "' onload='wrong()", "a&lt;b", "{{wrong}}", "%00%2e%2e%2f"),
    *("\u202egnp", "line\nfeed", "tab\there", "\x1b[2J\x1b[31mred", "$(touch wrong)", "`touch wrong`"),
    *("; touch wrong", "-o", "--", "--overwrite", "*", "?", "[a]", "~", "ü" * 60, "\U0001f3b5"),
    *("e\u0301", "a" * 200, "...", " ", "nul", "a\\b", "\udcff\udcfe", "{stem}", "{0.__class__}", "%s%n"),
    *("#", "a#b?c=d", "javascript:wrong()", "<!--", "]]>"),
]


def change_values(text: str, rng: random.Random) -> str:
    """One to four values or keys of a JSON text exchanged for others, or the text cut or doubled."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        if rng.random() < 0.9:
            found = list(
                re.finditer(
                    r'(?<=[:\[,])\s*("(?:[^"\\]|\\.)*"(?!\s*:)|-?[\d.]+(?:e-?\d+)?|null|true|false)', text
                )
            )
            found += list(re.finditer(r"(?<=: )(\[[^\[\]]*\]|\{[^{}]*\})", text))
            if found:
                one = rng.choice(found)
                text = text[: one.start(1)] + rng.choice(TYPES) + text[one.end(1) :]
        elif rng.random() < 0.5:
            text = text[: rng.randrange(len(text) + 1)]
        else:
            keys = re.findall(r'"(\w+)":', text) or ["x"]
            text = text.replace(f'"{rng.choice(keys)}"', f'"{rng.choice(keys)}"', 1)
    return text


def change_cells(text: str, rng: random.Random) -> str:
    """One to four cells of a CSV table exchanged, or rows or columns lost or doubled."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        cells = lines[at].split(",")
        what = rng.random()
        if what < 0.7:
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        elif what < 0.8:
            del cells[rng.randrange(len(cells))]
        elif what < 0.9:
            lines.insert(at, lines[rng.randrange(len(lines))])
            cells = lines[at].split(",")
        else:
            return text[: rng.randrange(len(text) + 1)] + rng.choice(("", '"', "\r", "\0"))
        lines[at] = ",".join(cells)
        text = "\n".join(lines)
    return text


class _Tags(HTMLParser):
    """Whether a page has an element or an attribute that a name smuggled in."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "wrong" or "wrong" in names or any((v or "").startswith("wrong()") for _, v in attrs):
            self.wrong.append(str(self.get_starttag_text()))
        if any(name in ("href", "src") and (value or "").startswith("javascript:") for name, value in attrs):
            self.wrong.append(str(self.get_starttag_text()))


class Beside:
    """Tries of side inputs, around a bench that runs and judges."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        from restore_audio.cli import main

        self.bench, self.folder = bench, folder
        self.music = folder / "music"
        self.music.mkdir(parents=True)
        for name in ("a.wav", "b.wav"):
            shutil.copyfile(bench.good, self.music / name)
        self.fixed = folder / "fixed"
        words = ["--method", "ar", "-q", "-j", "1"]
        with _silent():
            extras = ["--report", f"{self.fixed}/", "--removed", f"{self.fixed}/", "--html", f"{self.fixed}/"]
            self.fixed.mkdir()
            assert main(["fix", str(self.music), "-o", str(self.fixed), *extras, *words]) == 0
            assert main(["archive", str(self.music), "--to", str(folder / "archive"), *words]) == 0
            survey = ["archive", str(self.music), "--to", str(folder / "survey"), "--dry-run", *words]
            assert main(survey) == 0
            told = ["damage", str(bench.good), "-o", str(folder / "d.wav"), "--spans", str(folder / "d.json")]
            assert main([*told, "--kind", "zeros", "--kind", "click", "-q"]) == 0
        self.tries = [self.report, self.report, self.archive, self.archive, self.settings, self.replay]
        self.tries += [self.left, self.name, self.page]

    def try_one(self, rng: random.Random, place: Path) -> Tried:
        """One of them."""
        return rng.choice(self.tries)(rng, place)

    def report(self, rng: random.Random, place: Path) -> Tried:
        """Reports, read by revert and audit."""
        for path in self.fixed.iterdir():
            shutil.copyfile(path, place / path.name)
        report = place / "a.wav.json"
        _write(report, change_values(report.read_text(), rng))
        if rng.random() < 0.3:
            words = ["audit", str(report), "--to", str(place / "clips")]
        else:
            choice = rng.choice(
                (["--all"], ["--number", "1"], ["--below", "0.9"], ["--kind", "zeros"], ["--time", "0-9"])
            )
            words = [
                "revert",
                str(place / "a.wav"),
                "--report",
                str(report),
                "-o",
                str(place / "out.wav"),
                *choice,
            ]
            words += rng.choice(
                (
                    [],
                    ["--removed", str(place / "a.wav.removed.wav")],
                    ["--original", str(self.music / "a.wav")],
                )
            )
            words += ["--new-report", str(place / "new.json")] if rng.random() < 0.5 else []
        said = self.bench.run(words, [report, place / "a.wav"], place, several=words[0] == "audit")
        return f"report {' '.join(words)}", said

    def archive(self, rng: random.Random, place: Path) -> Tried:
        """What an archive holds of itself, taken up again."""
        out = place / "archive"
        shutil.copytree(self.folder / rng.choice(("archive", "archive", "survey")), out)
        files = [path for path in sorted(out.rglob("*")) if path.suffix in (".csv", ".json", ".parquet")]
        path = rng.choice([*files, out / "manifest.csv"])
        draw = rng.random()
        if draw < 0.1:
            with (out / "manifest.csv").open() as file:
                head, row = file.readline(), file.readline()
            entry = dict(zip(head.strip().split(","), row.strip().split(","), strict=True))
            path = out / "manifest.scan.jsonl"
            _write(path, change_values(json.dumps(entry), rng) + rng.choice(("\n", "", "\n\n{}\n")))
        elif draw < 0.15:
            target = rng.choice(
                (".lock", "recordings", "reports", "table.csv", "manifest.csv", "summary.html")
            )
            path = out / target
            if path.is_dir():
                shutil.rmtree(path)
                path.write_text("no folder")
            else:
                path.unlink(missing_ok=True)
                path.mkdir()
        elif path.suffix == ".parquet":
            path.write_bytes(path.read_bytes()[: rng.randrange(100)])
        else:
            _write(path, (change_cells if path.suffix == ".csv" else change_values)(path.read_text(), rng))
        words = ["archive", "--to", str(out), "--method", "ar", "-q", "-j", "1"]
        words += rng.choice(
            ([], [], [str(self.music)], ["--shard", "1/2"], ["--dry-run"], ["--scan-only", str(self.music)])
        )
        words += rng.choice(([], ["--checksums"], ["--overwrite"], ["--bwf-history"], ["--no-loudness"]))
        sources = [self.music / "a.wav", self.music / "b.wav"]
        said = self.bench.run(words, sources, place, several=True)
        if said is None and (outside := [p.name for p in place.iterdir() if p.name != "archive"]):
            said = f"left its folder: {outside}"
        return f"archive {path.relative_to(out)} {' '.join(words)}", said

    def settings(self, rng: random.Random, place: Path) -> Tried:
        """A settings file in the current folder, or variables."""
        lines = [
            rng.choice(
                ("[fix]", "[fix]", "[fix]", "[detect]", "[data]", "[nonsense]", "", "[[fix]]", "[fix.a]")
            )
        ]
        for _ in range(rng.choice((1, 2, 5))):
            lines.append(f"{rng.choice(OPTIONS)} = {rng.choice(TOMLS)}")
        text = "\n".join(lines)
        if rng.random() < 0.15:
            text = text[: rng.randrange(len(text) + 1)] + rng.choice(("\0", "\ufeff", '"', "[", "é"))
        shutil.copyfile(self.bench.good, place / "in.wav")
        words = ["fix", str(place / "in.wav"), "-o", str(place / "out.wav")]
        variables = {}
        if rng.random() < 0.7:
            _write(place / "restore-audio.toml", text)
        else:
            name = rng.choice(OPTIONS).upper().replace("-", "_")
            variables[f"RESTORE_AUDIO_FIX_{name}"] = rng.choice(
                [*CELLS[:9], *CELLS[10:], "auto", "1"]
            ).replace("\0", "")
        with _within(place, variables):
            said = self.bench.run(words, [place / "in.wav"], place)
        return f"settings {text[:200]!r} {str(variables)[:100]}", said

    def replay(self, rng: random.Random, place: Path) -> Tried:
        """Records of damage, done again."""
        path = place / "d.json"
        text = (self.folder / "d.json").read_text()
        at = text.index('"damages"')
        _write(path, text[:at] + change_values(text[at:], rng))
        words = ["damage", str(self.bench.good), "-o", str(place / "out.wav"), "--replay", str(path)]
        return f"replay {' '.join(words)}", self.bench.run(words, [self.bench.good, path], place)

    def left(self, rng: random.Random, place: Path) -> Tried:
        """Files called like those that killed runs leave."""
        shutil.copyfile(self.bench.good, place / "in.wav")
        (place / "else").mkdir()
        shutil.copyfile(self.bench.good, place / "else" / "x.wav")
        token = rng.choice(("999999-00000000", "0-0", "x", "-", "1" * 30, "../x".replace("/", "-")))
        renames = [
            [f".restore-audio-{token}-0.wav", "else/x.wav", True],
            [f".restore-audio-{token}-1", "new.txt", False],
        ]
        record = change_values(json.dumps({"renames": renames}), rng)
        pointer = change_values(json.dumps({"record": f".restore-audio-{token}.together"}), rng)
        for name, text in ((f"{token}.together", record), (f"{token}.elsewhere", pointer)):
            _write(
                place / f".restore-audio-{name}",
                rng.choice((text, text, "", "{", "[" * 9_000, "\ud8ff", "\0")),
            )
        shutil.copyfile(self.bench.good, place / f".restore-audio-{token}-0.wav")
        for path in place.glob(".restore-audio-*"):
            os.utime(path, (0, 0))
        words = ["fix", str(place / "in.wav"), "-o", str(place / "out.wav"), "--method", "ar"]
        said = self.bench.run(words, [place / "in.wav", place / "else" / "x.wav"], place, hidden=True)
        return f"left {token}", said

    def name(self, rng: random.Random, place: Path) -> Tried:
        """Names that mean something to a page, a shell, a terminal or a template."""
        name = rng.choice(NAMES) + rng.choice(("", rng.choice(NAMES))) + ".wav"
        name = name.replace("/", "∕")[:120]
        source = place / "in" / name
        source.parent.mkdir()
        shutil.copyfile(self.bench.good, source)
        out = place / rng.choice(("of", "of", "of", "of\udcff"))
        words = ["fix", str(source), "-o", f"{out}/", "--method", "ar"]
        words += ["--html", f"{out}/", "--report", f"{out}/", "--labels", f"{out}/", "--removed", f"{out}/"]
        if rng.random() < 0.3:
            words = [
                *("archive", str(source.parent), "--to", str(out), "--method", "ar", "-j", "1"),
                "--checksums",
            ]
        out.mkdir()
        said = self.bench.run(words, [source], place, several=True)
        if said is None:
            said = _pages(out)
        if said is None and (
            wrong := [p.name for p in (*place.iterdir(), *Path.cwd().glob("wrong")) if p.name == "wrong"]
        ):
            said = f"a name was run: {wrong}"
        return f"name {name!r} {words[0]}", said

    def page(self, rng: random.Random, place: Path) -> Tried:
        """Pages of earlier runs, which the list of pages tells of."""
        for path in self.fixed.iterdir():
            shutil.copyfile(path, place / path.name)
        page = place / "a.wav.html"
        text = page.read_text()
        at = text.find('{"', text.find("<meta") if "<meta" in text else 0)
        if rng.random() < 0.8 and at >= 0:
            end = text.index("}", at) + 1
            text = text[:at] + change_values(text[at:end], rng).replace("</", "<\\/") + text[end:]
        else:
            text = text[: rng.randrange(len(text))]
        _write(page, text)
        for kept in ("b.wav", "b.wav.json", "b.wav.removed.wav", "b.wav.html", "index.html"):
            (place / kept).unlink(missing_ok=True)
        words = [
            *("fix", str(self.music / "b.wav"), "-o", f"{place}/", "--html", f"{place}/", "--method"),
            *("ar", "--overwrite"),
        ]
        said = self.bench.run(words, [self.music / "b.wav"], place)
        return "page", said or _pages(place, but=page)


def _pages(folder: Path, but: Path | None = None) -> str | None:
    for path in sorted(folder.rglob("*.html")):
        if path != but:
            tags = _Tags()
            tags.feed(path.read_text(encoding="utf-8"))
            if tags.wrong:
                return f"{path.name!r} has {tags.wrong[:3]}"
    return None


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


@contextlib.contextmanager
def _within(folder: Path, variables: dict[str, str]) -> Iterator[None]:
    before = Path.cwd()
    kept = dict(os.environ)
    os.chdir(folder)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(kept)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
