"""What the README says is so: its commands run, its options exist, its files are there."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restore_audio.cli import main
from restore_audio.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs" / "pages").rglob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "models" / "README.md"]

RUN = ("fix", "revert", "audit", "detect", "damage", "score", "models", "doctor", "--version", "--help")
"""Commands that are run as they stand; the others take minutes or music: only their options are checked."""


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```(?:{language})\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str = README) -> list[list[str]]:
    """Every call of restore-audio in the shell blocks of a document, as words."""
    found = []
    for block in blocks("bash|sh|console|shell", text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:3] == ["python", "-m", "restore_audio"]:
                words = ["restore-audio", *words[3:]]
            if words[:1] == ["restore-audio"]:
                found.append(words[1:])
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as a reader has it: the examples as they ship, nothing that our own runs have left."""
    place = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "examples", place / "examples")
    return place


def run(words: list[str], place: Path) -> subprocess.CompletedProcess:
    # One thread: on a machine that is busy otherwise, PyTorch's threads wait for each other for minutes.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def test_the_main_job_is_there():
    assert any(words[:1] == ["fix"] for words in commands()), "the README shows no 'restore-audio fix'"


def test_commands_run_in_the_order_of_the_readme(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    for words in commands():
        if words and words[0] in RUN:
            assert main(words) == 0, f"{shlex.join(words)}\n{capsys.readouterr()}"


def test_python_examples_run(place):
    for block in blocks("python"):
        done = run(["-c", block], place)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_options_exist(capsys):
    wanted: dict[tuple[str, ...], set[str]] = {}
    documents = [README, *(path.read_text(encoding="utf-8") for path in [*PAGES, *DOCUMENTS])]
    for words in (words for document in documents for words in commands(document)):
        group = tuple(words[:2]) if words[:1] in (["data"], ["models"]) else tuple(words[:1])
        options = {w.partition("=")[0] for w in words[len(group) :] if re.match(r"--?[a-z]", w)}
        wanted.setdefault(group, set()).update(options)
    for group, options in wanted.items():
        if not group or group[0].startswith("-"):
            continue
        assert group[0] in COMMANDS, f"the README calls 'restore-audio {group[0]}', which there is not"
        capsys.readouterr()
        assert main([*group, "--help"]) == 0
        explained = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", capsys.readouterr().out))
        assert options <= explained, f"{group}: {sorted(options - explained)}"


def test_the_readme_begins_with_one_command_to_the_example_and_one_to_the_tests():
    first, second = (block.strip() for block in blocks("bash")[:2])
    assert first.count("\n") == second.count("\n") == 0
    assert "pip install . &&" in first
    assert first.endswith("restore-audio fix examples/damaged.wav -o clean.wav")
    assert second.endswith("-m pytest")
    assert (ROOT / "examples" / "damaged.wav").exists()


def test_every_command_and_field_stands_in_the_reference_that_is_made_of_them(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    hooks = importlib.import_module("hooks")
    reference = hooks.commands()
    for name in COMMANDS:
        assert f"\n## restore-audio {name}\n" in reference
    assert "`-o, --output FILE\\|DIR\\|-`" in reference
    assert hooks.linkless("[a](b.md) [c](https://d)") == "a [c](https://d)"
    report = hooks.report()
    assert all(f"| `{field}` |" in report for field in ("schema_version", "channel", "confidence"))


def test_files_that_it_points_to_are_there():
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^"]+)"', text):
            if "://" not in link and not link.startswith("mailto:"):
                assert (path.parent / link).exists(), f"{path.name} points to {link}, which is not there"


def names_in(text: str) -> list[str]:
    """Dotted names and file paths in back-ticks."""
    return re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+|[a-z_.]+(?:/[\w.-]+)+/?)`", text)


def exists(name: str) -> bool:
    """Whether a file of the repository, a module of the package, or something in one has this name."""
    if "/" in name or name.endswith((".py", ".md", ".toml")):
        places = (ROOT, ROOT / "src" / "restore_audio")
        return any((place / name).exists() for place in places)
    words = name.removeprefix("restore_audio.").split(".")
    for split in range(len(words), -1, -1):
        try:
            place = importlib.import_module(".".join(["restore_audio", *words[:split]]))
        except ModuleNotFoundError:
            continue
        for word in words[split:]:
            place = getattr(place, word, None)
        return place is not None
    return False


def test_names_that_do_not_exist_are_noticed() -> None:
    assert exists("fill.gaps.walk_gaps")
    assert exists("fill/methods.py")
    assert exists("pipeline.Restorer.restore_file")
    assert not exists("fill.gaps.walk_no_gaps")
    assert not exists("restore.pipeline")
    assert not exists("src/restore_audio/nothing.py")


def contributed(folder: Path) -> Path:
    """The package with what CONTRIBUTING.md adds to it."""
    package = folder / "restore_audio"
    shutil.copytree(ROOT / "src" / "restore_audio", package, copy_function=os.symlink)
    for block in blocks("python", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        first, _, code = block.partition("\n")
        name, _, where = first.removeprefix("# ").partition(", in ")
        path = package / name
        if where:
            text = path.read_text(encoding="utf-8")
            imports = "".join(line for line in code.splitlines(True) if line.startswith("from "))
            text = text.replace("annotations\n", f"annotations\n{imports}", 1)
            entry = re.compile(rf"^({where}: .* = [\[({{]\n)", re.MULTILINE)
            (found,) = entry.finditer(text)
            text = text[: found.end()] + code.removeprefix(imports) + text[found.end() :]
            path.unlink()
            path.write_text(text, encoding="utf-8")
        else:
            assert not path.exists()
            path.write_text(code, encoding="utf-8")
    return package.parent


def test_what_contributing_adds_is_in_the_commands(tmp_path: Path) -> None:
    """A detector, a fill, a metric and a network, each in one file and one line, as written there."""
    audio = 0.3 * np.sin(0.2 * np.arange(32_000)) + 0.01 * np.random.default_rng(0).standard_normal(32_000)
    audio[9000], audio[20_000:20_050] = 0.9, 0.0
    soundfile.write(tmp_path / "a.wav", audio, 16_000, subtype="DOUBLE")
    bench = (
        "bench --protocol gaps --genre jazz --seconds 2 --lengths-ms 5 --methods hold"
        " --no-odg --no-rivals --json -j 1"
    )
    calls = [
        ["detect", "a.wav"],
        ["fix", "a.wav", "-o", "b.wav", "--method", "hold"],
        bench.split(),
        ["train", "--help"],
    ]
    code = f"import sys; from restore_audio.cli import main; sys.exit(any([main(call) for call in {calls}]))"
    environment = {**os.environ, "PYTHONPATH": str(contributed(tmp_path / "src")), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"0\.5625\d* +0\.5625\d* +ch1 +stuck 0\.95", done.stdout)
    fixed, _ = soundfile.read(tmp_path / "b.wav")
    assert fixed[9000] == audio[8999]
    np.testing.assert_array_equal(fixed[20_000:20_050], audio[19_999])
    assert re.search(r'"peak": \[?\s*0\.\d+', done.stdout)
    assert "mine" in done.stdout.rpartition("--network NAME")[2]


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_every_name_in_the_documents_exists(document: str) -> None:
    names = names_in((ROOT / document).read_text(encoding="utf-8"))
    assert document == "README.md" or len(names) >= 5
    assert [name for name in names if not exists(name)] == []


def test_the_rooms_of_the_document_are_those_of_the_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z]+`(?:, `[a-z]+`)*) \|", text, flags=re.MULTILINE)
    rooms = {room for row in rows for room in re.findall(r"[a-z]+", row)}
    package = ROOT / "src" / "restore_audio"
    modules = {path.stem for path in package.glob("*.py")}
    there = modules | {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms == there - {"__init__", "__main__"}


def test_no_hint_names_a_package_of_ours_on_an_index() -> None:
    """Nothing of this name is on an index: what helps from a checkout is the package that is missing."""
    hint = re.compile(r"(?:pipx?|uv pip|uv tool|uvx)(?: install| run)? '?restore-audio")
    for path in [*(ROOT / "src").rglob("*.py"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        assert hint.findall(path.read_text(encoding="utf-8")) == [], path
