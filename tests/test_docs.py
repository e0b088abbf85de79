"""What the README says is so: its commands run, its options exist, its files are there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restore_audio.cli import main
from restore_audio.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

RUN = ("fix", "detect", "damage", "score", "models", "doctor", "--version", "--help")
"""Commands that are run as they stand; the others take minutes or music: only their options are checked."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```(?:{language})\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of restore-audio in the README's shell blocks, as words."""
    found = []
    for block in blocks("bash|sh|console|shell"):
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


def test_commands_run_in_the_order_of_the_readme(place):
    for words in commands():
        if not words or words[0] not in RUN:
            continue
        done = run(["-m", "restore_audio", *words], place)
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"


def test_python_examples_run(place):
    for block in blocks("python"):
        done = run(["-c", block], place)
        assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_options_exist(capsys):
    wanted: dict[tuple[str, ...], set[str]] = {}
    for words in commands():
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


def test_files_that_it_points_to_are_there():
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", README) + re.findall(r'src="([^"]+)"', README)
    for link in links:
        if "://" not in link and not link.startswith("mailto:"):
            assert (ROOT / link).exists(), f"the README points to {link}, which is not there"
