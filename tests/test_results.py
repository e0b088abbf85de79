"""Published tables are those of the results that are kept, and the results those of commands that exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from restore_audio.cli import main as restore_audio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))

import write_tables  # noqa: E402

RESULTS = write_tables.Results(ROOT)
PLAN = RESULTS.plan
PAGES = [page for page in RESULTS.pages() if write_tables.BLOCK.search(page.read_text(encoding="utf-8"))]
MARKED = [m["name"] for page in PAGES for m in write_tables.BLOCK.finditer(page.read_text(encoding="utf-8"))]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout's pages and results, to change."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_every_table_is_that_of_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert write_tables.main(["--check"]) == 0, capsys.readouterr().out


def test_every_mark_is_closed() -> None:
    for page in RESULTS.pages():
        text = page.read_text(encoding="utf-8")
        assert len(re.findall(r"^<!-- table: ", text, re.MULTILINE)) == len(write_tables.BLOCK.findall(text))


@pytest.mark.parametrize(
    "name", sorted({name for name in MARKED if RESULTS.is_kept(PLAN["table"][name]["result"])})
)
def test_a_changed_result_is_noticed_and_rewritten(copy, name, capsys):
    shown = write_tables.Results(copy).table(name)
    path = copy / "docs" / "results" / f"{PLAN['table'][name]['result']}.json"
    data = json.loads(path.read_text(encoding="utf-8"), parse_float=lambda text: float(text) + 1.5)
    for table in data.get("tables", ()):
        table["rows"] = [[row[0], *(f"{cell}9" for cell in row[1:])] for row in table["rows"]]
    path.write_text(json.dumps(data), encoding="utf-8")
    assert write_tables.main(["--check"], root=copy) == 1
    assert write_tables.main([], root=copy) == 0
    assert write_tables.main(["--check"], root=copy) == 0
    assert write_tables.Results(copy).table(name) != shown


def test_a_missing_result_shows_its_command_and_no_number(copy: Path) -> None:
    (copy / "docs" / "results" / "real.json").unlink()
    assert write_tables.main(["--check"], root=copy) == 1
    assert write_tables.main([], root=copy) == 0
    block = next(
        b for b in write_tables.BLOCK.finditer((copy / "README.md").read_text()) if b["name"] == "real-short"
    )
    assert (
        block["body"] == "Not measured for this version: `python examples/write_tables.py --measure real`.\n"
    )


def test_a_damaged_result_is_one_sentence(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "docs" / "results" / "real.json").write_text("{")
    assert write_tables.main([], root=copy) == 1
    assert "make it anew: python examples/write_tables.py --measure real" in capsys.readouterr().err


def test_every_result_is_shown_and_has_a_command() -> None:
    kept = {path.stem for path in (ROOT / "docs" / "results").glob("*.json")}
    shown = {PLAN["table"][name]["result"] for name in MARKED}
    assert kept <= shown
    assert shown == PLAN["result"].keys()


@pytest.mark.parametrize("name", PLAN["result"])
def test_the_commands_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(PLAN["result"][name]["command"])
    if words[0] == "python":
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        known = set(re.findall(r'"(--?[a-z-]+)"', source))
    else:
        assert words[0] == "restore-audio"
        assert restore_audio([words[1], "--help"]) == 0
        known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", capsys.readouterr().out))
    assert {word for word in words if word.startswith("-")} <= known


def test_a_benchmarks_result_says_which_command_made_it() -> None:
    for name, result in PLAN["result"].items():
        path = ROOT / "docs" / "results" / f"{name}.json"
        if path.exists() and result["command"].startswith("restore-audio bench"):
            assert json.loads(path.read_text(encoding="utf-8"))["command"] == result["command"]


def test_measuring_runs_the_command_and_keeps_its_result(copy: Path) -> None:
    (copy / "toy.py").write_text("import json; print(json.dumps({'sum': 3}))")
    (copy / "docs" / "results" / "tables.toml").write_text(
        '[result.toy]\ncommand = "python toy.py"\n[table.toy]\nresult = "toy"\ntext = "It is {sum}."\n'
    )
    (copy / "README.md").write_text("Sum:\n\n<!-- table: toy -->\n<!-- end of table -->\n")
    (copy / "docs" / "benchmarks.md").unlink()
    assert write_tables.main(["--measure", "toy"], root=copy) == 0
    expected = "Sum:\n\n<!-- table: toy -->\nIt is 3.\n<!-- end of table -->\n"
    assert (copy / "README.md").read_text() == expected
