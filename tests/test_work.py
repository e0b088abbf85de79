"""Promises about the work that is done: counted in calls, so that a busy machine changes nothing."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recordings import music
from restore_audio.detection import extrapolated, windows
from restore_audio.detection.detect import detect
from restore_audio.detection.features import levels_of
from restore_audio.detection.recurrence import recurrence
from restore_audio.fill import ar
from restore_audio.fill.fill import Filling
from restore_audio.settings import FillSettings
from restore_audio.signal import kernels
from restore_audio.spans import Span

RATE_HZ = 44_100


@pytest.mark.parametrize(("gap_ms", "most_fits"), [(20, 8), (100, 4)])
def test_a_gap_takes_few_fits(gap_ms: float, most_fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short: two sides for four settings; long: two sides, again with a passage."""
    fits = []
    fit = ar.fit

    def counted(x: np.ndarray, order: int, **how: float) -> tuple[np.ndarray, float] | None:
        fits.append(order)
        return fit(x, order, **how)

    monkeypatch.setattr(ar, "fit", counted)
    audio = music(4.0)
    gap = Span(80_000, 80_000 + round(gap_ms * RATE_HZ / 1000), 0)
    audio[0, gap.start : gap.end] = 0
    filling = Filling([gap], RATE_HZ, audio.shape[1], FillSettings("auto"), lambda: None)
    assert len(list(filling.patches([audio], workers=1))) == 1
    assert 2 <= len(fits) <= most_fits


def test_a_window_is_predicted_once_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = []
    predict = windows.prediction_error

    def counted(audio: np.ndarray, rate_hz: int) -> np.ndarray:
        samples.append(audio.size)
        return predict(audio, rate_hz)

    monkeypatch.setattr(windows, "prediction_error", counted)
    audio = music(30.0, channels=2)
    detect(audio, RATE_HZ)
    assert sum(samples) < 1.35 * audio.size  # once, and the margins of the windows once more


class Counting:
    """The compiled kernels, with what each is called for."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.calls: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.library, name)

        def counted(*given: Any) -> Any:
            self.calls[name].append(given)
            return function(*given)

        return counted


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    if kernels.LIBRARY is None:
        pytest.skip("nothing is compiled here")
    library = Counting(kernels.LIBRARY)
    monkeypatch.setattr(kernels, "LIBRARY", library)
    return library


def test_a_short_gap_takes_few_steps(counting: Counting) -> None:
    """Where the time goes: Burg's steps grow with order², and a fill's with gap² and gap · order."""
    audio, gap = music(4.0), Span(80_000, 80_882, 0)
    audio[0, gap.start : gap.end] = 0
    filling = Filling([gap], RATE_HZ, audio.shape[1], FillSettings("ar"), lambda: None)
    assert len(list(filling.patches([audio], workers=1))) == 1
    assert 1e6 < sum(call[4] ** 2 for call in counting.calls["burg_recursion"]) < 14e6
    fills = counting.calls["fill_between"]
    assert 1e6 < sum(call[4] ** 2 for call in fills) < 17e6
    assert 1e6 < sum(call[4] * (call[6] + call[8]) for call in fills) < 42e6
    assert not counting.calls["toeplitz_solve"]


def test_clean_music_is_looked_at_by_few_calls(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass of each screen over a window, candidates by the handful, transforms compiled."""
    transformed = []
    transform = np.fft.rfft

    def counted(values: np.ndarray, *more: Any, **how: Any) -> np.ndarray:
        transformed.append(values.size)
        return transform(values, *more, **how)

    monkeypatch.setattr(np.fft, "rfft", counted)
    audio = music(30.0, channels=2)
    detect(audio, RATE_HZ)
    looked_at = 2 * 4  # channels and windows
    for name in ("short_prediction", "band_powers", "difference_powers", "mark_straight"):
        assert len(counting.calls[name]) == looked_at, name
    assert len(counting.calls["add_products"]) < 30 * 50
    assert len(counting.calls["trial_repair"]) < 30 * 10
    assert sum(transformed) < audio.size / 2


def test_clean_music_takes_no_module_that_is_not_needed(tmp_path: Path) -> None:
    """NumPy's masked arrays, which its median imports, take as long as two seconds of sound."""
    np.save(tmp_path / "music.npy", music(4.0, channels=2))
    code = (
        "import sys, numpy as np; from restore_audio.detection.detect import detect;"
        f"detect(np.load({str(tmp_path / 'music.npy')!r}), 44_100); print('numpy.ma' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_tones_are_asked_for_concealment_in_compiled_code(counting, monkeypatch):
    """Steady sound agrees with its last period; few windows need more than the compiled question."""
    fitted = []
    fit = extrapolated.lpc

    def counted(*given: Any) -> np.ndarray:
        fitted.append(given)
        return fit(*given)

    monkeypatch.setattr(extrapolated, "lpc", counted)
    rng = np.random.default_rng(4)
    t = np.arange(8 * RATE_HZ) / RATE_HZ
    level = 0.02 + 0.98 * (np.sin(2 * np.pi * t / 0.3) > 0.7)  # agreement comes and goes
    audio = sum(np.sin(2 * np.pi * 97 * k * t) / k for k in range(1, 30)) / 8 + level * 1e-3 * rng.normal(
        size=t.size
    )
    extrapolated.find_extrapolated(audio, 0, RATE_HZ)
    asked = len(counting.calls["whitened_energies"])
    assert asked > 10
    assert len(fitted) < asked / 4


def test_all_stretches_of_a_window_are_compared_by_one_spectrum(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = levels_of(music(8.0), RATE_HZ)
    made = []
    transform = np.fft.rfft

    def counted(values: np.ndarray, *more: Any, **how: Any) -> np.ndarray:
        made.append(len(values))
        return transform(values, *more, **how)

    monkeypatch.setattr(np.fft, "rfft", counted)
    for first in range(100, 400, 50):
        recurrence(levels, 0, first, first + 5)
    assert sum(size > 500 for size in made) == 1  # the others are of passages
