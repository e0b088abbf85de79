"""What is set in files and variables counts below the call, is told, and cannot do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recordings import holes, music, save
from restore_audio.cli import main
from restore_audio.cli.preferences import NAME


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """A current folder without, and a configuration folder for, settings."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "config"
    monkeypatch.setattr("platformdirs.user_config_path", lambda name, appauthor: folder)
    folder.mkdir()
    save(tmp_path / "a.wav", holes(music(1.0), [(20_000, 900)]))
    return folder


def limit_of(capsys, *words: str) -> float:
    """Which --max-gap-ms counted: a gap of 20 ms is left as too long, or not."""
    capsys.readouterr()
    assert main(["fix", "a.wav", "-o", "b.wav", "--overwrite", "--json", "--spans", "s.json", *words]) == 0
    reason = json.loads(capsys.readouterr().out)["spans"][0]["reason"]
    return float(reason.partition("limit of ")[2].split()[0]) if reason else 400.0


def test_the_call_counts_before_a_variable_before_the_folder_before_the_user(home, capsys, monkeypatch):
    Path("s.json").write_text('[{"start": 20000, "end": 20900}]')
    assert limit_of(capsys) == 400
    (home / NAME).write_text("[fix]\nmax-gap-ms = 11\n[detect]\nsensitivity = 0.2\n")
    assert limit_of(capsys) == 11
    Path(NAME).write_text("[fix]\nmax_gap_ms = 12\n")
    assert limit_of(capsys) == 12
    monkeypatch.setenv("RESTORE_AUDIO_FIX_MAX_GAP_MS", "13")
    assert limit_of(capsys) == 13
    assert limit_of(capsys, "--max-gap-ms", "14") == 14
    assert main(["fix", "a.wav", "-o", "b.wav", "--overwrite", "-v"]) == 0
    assert "fix --max-gap-ms from the environment" in capsys.readouterr().err


def test_flags_choices_and_lists_can_be_set(home, capsys, monkeypatch):
    Path(NAME).write_text('[fix]\njson = true\nmethod = "ar"\njobs = 2\n[data.stats]\ngenre = ["jazz"]\n')
    assert main(["fix", "a.wav", "-o", "b.wav"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "ar"
    monkeypatch.setenv("RESTORE_AUDIO_FIX_JSON", "no")
    assert main(["fix", "a.wav", "-o", "b.wav", "--overwrite"]) == 0
    assert "1 damaged span" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fix", "is not in TOML"),
        ("[mend]\njobs = 1", "sets mend, which is no command"),
        ("sensitivity = 0.2", "put options below a line like [fix]"),
        ("[fix]\nloudly = 1", "sets loudly, which is no option of fix"),
        ('[fix]\noutput = "/etc/x"', "belongs to a call"),
        ("[fix]\noverwrite = true", "belongs to a call"),
        ('[fix]\nreport = "x"', "RESTORE_AUDIO_FIX_REPORT"),
        ("[fix]\nsensitivity = 7", "--sensitivity takes a number from 0 to 1 (set in restore-audio.toml)"),
        ('[fix]\nmethod = "magic"', "'magic' is not one of"),
        ("[data]\nshow = 1", "which has no command show"),
    ],
)
def test_what_cannot_be_set_is_a_sentence_and_nothing_is_done(text, said, home, capsys):
    Path(NAME).write_text(text)
    words = ["data", "stats", "--data", "."] if text.startswith("[data") else ["fix", "a.wav", "-o", "b.wav"]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not Path("b.wav").exists()
    assert main(["fix", "--help"]) == 0


def test_doctor_says_what_was_read(home, capsys, monkeypatch):
    def settings() -> dict[str, str]:
        capsys.readouterr()
        main(["doctor", "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        return next(finding for finding in findings if finding["what"] == "settings")

    assert str(home) in settings()["text"]
    Path(NAME).write_text("[fix]\nsensitivity = 0.3\n")
    assert settings()["text"] == f"fix --sensitivity from {NAME}"
    Path(NAME).write_text("[fix]\nloudly = 0.3\n")
    assert settings()["state"] == "broken"
