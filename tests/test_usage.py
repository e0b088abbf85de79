"""How commands are called: every help has examples that can be typed, and no word of a library."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from recordings import holes, music, save
from restore_audio.cli import main
from restore_audio.cli.app import build
from restore_audio.cli.usage import as_text, page, walk

LIBRARY = re.compile(
    r"<\w+|\bint\b|\bbool\b|\bstr\b|\bfloat\b|x>=|<=x|Input should|Value error|parse|Invalid|Missing|No such"
)


def commands() -> list[tuple[Any, Any]]:
    root = typer.main.get_command(build(None))
    return list(walk(root, root.context_class(root, info_name="restore-audio", **root.context_settings)))


@pytest.mark.parametrize(("command", "context"), commands(), ids=lambda value: str(value)[:40])
def test_a_help_fits_80_columns_in_words_with_examples_that_can_be_typed(command, context, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    name = context.command_path
    shown = page(command, context)
    assert shown.examples, f"{name} has no examples"
    text = as_text(shown)
    examples = {f"  {line}" for line in shown.examples}
    assert [line for line in text.splitlines() if len(line) > 80 and line not in examples] == []
    assert LIBRARY.findall(text) == []
    for row in (row for _, rows in shown.sections for row in rows):
        assert row.text, f"{name} {row.flags} is not explained"
        assert "None" not in row.flags
    root = context.find_root().command
    for example in shown.examples:
        words = shlex.split(example)
        assert words[0] == "restore-audio"
        place = root
        for number, word in enumerate(words[1:], 2):
            if not hasattr(place, "list_commands"):
                break
            place, rest = place.get_command(context, word), words[number:]
        if "--help" not in rest:
            place.make_context("example", rest)  # parses and checks every value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fxi", "There is no command fxi (perhaps fix?)"),
        ("models lst", "There is no command lst (perhaps list?)"),
        ("fix", "INPUT is missing"),
        ("damage a.wav", "--output is missing"),
        ("fix a.wav --sensitvity 1", "no option --sensitvity (perhaps --sensitivity?)"),
        ("fix a.wav --sensitivity 2", "--sensitivity takes a number from 0 to 1"),
        ("fix a.wav --sensitivity much", "--sensitivity takes a number from 0 to 1"),
        ("fix a.wav --jobs 1.5", "--jobs takes a whole number of 1 or more"),
        ("fix a.wav --method magic", "--method: 'magic' is not one of auto, ar, network, paper"),
        ("bench --protocol nothing", "--protocol: 'nothing' is not one of "),
        ("train --data x --task sing", "--task: 'sing' is not one of paper, restore"),
        ("fix a.wav -o", "-o needs a value behind it: see 'restore-audio fix --help'"),
        ("fix a.wav --overwrite=1", "--overwrite takes no value"),
        ("score a.wav b.wav c.wav", "Nothing is expected where c.wav stands"),
    ],
)
def test_a_wrong_call_is_answered_in_words(words, said, capsys):
    assert main(shlex.split(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert LIBRARY.findall(err.replace("restore-audio", "")) == []


def test_short_flags_give_version_and_help(capsys):
    for short, long in (("-V", "--version"), ("-h", "--help")):
        assert main([short]) == main([long]) == 0
        out = capsys.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :]


def test_detect_tells_scripts_by_its_exit_code_what_it_found(tmp_path: Path, capsys):
    clean = save(tmp_path / "clean.wav", music(1.0))
    damaged = save(tmp_path / "damaged.wav", holes(music(1.0), [(20_000, 300)]))
    codes = [main(["detect", "-q", "--exit-code", str(path)]) for path in (clean, damaged, tmp_path / "none")]
    assert codes == [0, 1, 3]
    assert capsys.readouterr().out == ""
    assert main(["detect", "-q", str(damaged)]) == 0
    assert main(["detect", "--exit-code", "--json", str(damaged)]) == 1
