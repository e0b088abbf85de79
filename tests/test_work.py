"""Promises about the work that is done: counted in calls, so that a busy machine changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from recordings import music
from restore_audio.detection import windows
from restore_audio.detection.detect import detect
from restore_audio.fill import ar
from restore_audio.fill.fill import Filling
from restore_audio.settings import FillSettings
from restore_audio.spans import Span

RATE_HZ = 44_100


@pytest.mark.parametrize(("gap_ms", "most_fits"), [(20, 20), (100, 4)])
def test_a_gap_takes_few_fits(gap_ms: float, most_fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short: two sides and models beside them, for four settings; long: two sides, again with a passage."""
    fits = []
    fit = ar.burg

    def counted(x: np.ndarray, order: int, **how: float) -> np.ndarray:
        fits.append(order)
        return fit(x, order, **how)

    monkeypatch.setattr(ar, "burg", counted)
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
