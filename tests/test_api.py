"""The API that other programs build on: its names, its documentation, what it takes and what it refuses."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import restore_audio
from recordings import holes, music, save
from restore_audio import DetectSettings, FillSettings, Restorer, Span, detect, restore, restore_file

RATE_HZ = 16_000
AR = FillSettings("ar")


@pytest.fixture
def damaged() -> np.ndarray:
    return holes(music(1.5, RATE_HZ, channels=2), [(9_000, 200)])


def test_every_public_name_has_a_signature_and_a_docstring() -> None:
    for name in restore_audio.__all__:
        if name != "__version__":
            assert inspect.getdoc(getattr(restore_audio, name)), name
            assert inspect.signature(getattr(restore_audio, name)), name
            assert name in dir(restore_audio)
    assert "samples" in inspect.signature(restore_audio.restore).parameters
    assert "bit-identical" in (inspect.getdoc(restore_audio.restore) or "")


def test_importing_the_package_loads_neither_torch_nor_scipy() -> None:
    program = "import sys, restore_audio; print(*[m for m in ('torch', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"\n"


def test_a_restorer_holds_its_settings_and_does_what_the_functions_do(damaged, tmp_path) -> None:
    restorer = Restorer(detect=DetectSettings(sensitivity=0.4), fill=AR)
    spans = restorer.detect(damaged, RATE_HZ)
    assert spans == detect(damaged, RATE_HZ, DetectSettings(sensitivity=0.4))
    assert {(s.start, s.end) for s in spans} == {(9_000, 9_200)}
    result = restorer.restore(damaged, RATE_HZ)
    np.testing.assert_array_equal(result.samples, restore(damaged, RATE_HZ, fill=AR).samples)
    assert [(s.start, s.end, s.channel, s.filled) for s in result.spans] == [
        (s.start, s.end, s.channel, True) for s in spans
    ]
    source = save(tmp_path / "a.wav", damaged, RATE_HZ, "DOUBLE")
    report = restorer.restore_file(source, tmp_path / "b.wav")
    assert report.spans == restore_file(source, tmp_path / "c.wav", fill=AR).spans
    np.testing.assert_array_equal(soundfile.read(tmp_path / "b.wav")[0].T, result.samples)
    found = restorer.find_damage(source)
    assert (found.target, found.spans) == (None, tuple(spans))


def test_told_spans_are_filled_and_nothing_is_looked_for(damaged) -> None:
    result = Restorer(fill=AR).restore(damaged, RATE_HZ, spans=[Span(3_000, 3_100, 1)])
    assert [(s.start, s.end, s.channel) for s in result.spans] == [(3_000, 3_100, 1)]
    channels, places = np.nonzero(result.samples != damaged)
    assert set(channels) == {1}
    assert places.min() >= 3_000
    assert places.max() < 3_100


def test_lists_single_channels_float32_and_nothing_at_all_work(damaged) -> None:
    expected = restore(damaged[0], RATE_HZ, fill=AR).samples
    assert expected.shape == damaged[0].shape
    assert expected[9_000:9_200].any()
    assert restore(damaged[:, :0], RATE_HZ).samples.shape == (2, 0)
    np.testing.assert_array_equal(restore(damaged[0].tolist(), RATE_HZ, fill=AR).samples, expected)
    single = restore(damaged.astype(np.float32), RATE_HZ, fill=AR).samples
    assert single.dtype == np.float32
    healthy = np.abs(np.arange(damaged.shape[1]) - 9_100) > 300
    np.testing.assert_array_equal(single[:, healthy], damaged.astype(np.float32)[:, healthy])
    assert detect(damaged.astype(np.float32), RATE_HZ)


@pytest.mark.parametrize(
    ("samples", "rate_hz", "sentence"),
    [
        (np.zeros((44_100, 2)), 44_100, r"samples\.T"),
        (np.zeros((65, 100_000)), 44_100, "65 channels"),
        (np.zeros((1, 2, 3)), 44_100, "got shape"),
        (np.zeros(100, dtype=np.int16), 44_100, "32768"),
        (np.zeros(100), 4_000, "rate_hz"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(samples, rate_hz, sentence) -> None:
    for function in (detect, restore):
        with pytest.raises(ValueError, match=sentence):
            function(samples, rate_hz)


def test_an_unknown_method_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="choose from auto, ar"):
        Restorer(fill=FillSettings("magic"))
    with pytest.raises(ValueError, match="16 kHz mono"):
        restore(np.zeros(1_000), RATE_HZ, fill=FillSettings("paper"))
