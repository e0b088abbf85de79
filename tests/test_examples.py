"""The examples that a reader runs first do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from restore_audio.cli.app import main

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_the_python_api_restores_the_example() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "restore_api.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    gain = re.search(r"gain (-?[\d.]+) dB", done.stdout)
    assert gain is not None, done.stdout
    assert float(gain[1]) > 10
    assert "something changed: True" in done.stdout
    assert re.search(r"restore_file: [1-9]\d* spans", done.stdout)


def test_the_restored_example_is_what_fix_makes_of_the_damaged_one(tmp_path: Path) -> None:
    """To rounding: another processor may round the last bit of a fill otherwise."""
    fixed = tmp_path / "fixed.wav"
    assert main(["fix", str(EXAMPLES / "damaged.wav"), "-o", str(fixed), "--quiet"]) == 0
    ours, shipped = (soundfile.read(path)[0] for path in (fixed, EXAMPLES / "restored.wav"))
    assert ours.shape == shipped.shape
    damaged = soundfile.read(EXAMPLES / "damaged.wav")[0]
    assert np.mean(damaged != shipped) > 0.001
    assert np.abs(ours - shipped).max() < 1e-3
