"""Promises of the kernels: they say what NumPy and SciPy say, and without them all is only slower."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import fftconvolve, lfilter

from restore_audio.detection.features import FEATURES, levels_of
from restore_audio.detection.frame_network import shipped_network
from restore_audio.detection.interpolated import _stretches
from restore_audio.detection.interpolation import repair
from restore_audio.detection.screen import cell_peaks, prediction_error
from restore_audio.fill import ar
from restore_audio.signal import kernels, screens
from restore_audio.signal.bands import Bands
from restore_audio.signal.burg import burg, fit
from restore_audio.signal.convolution import convolve, convolve_valid, fast_length
from restore_audio.signal.library import at, load_library
from restore_audio.signal.lpc import autocorrelation, errors_of
from restore_audio.signal.smear import likeliest_fade

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import hatch_build  # noqa: E402

Samples = NDArray[np.float64]


def music(start: int, samples: int) -> Samples:
    audio, _ = soundfile.read(ROOT / "examples" / "clean.wav", always_2d=True)
    return audio[start : start + samples, 0]


def near(found: Samples, expected: Samples) -> bool:
    return bool(np.max(np.abs(found - expected)) <= 1e-8 * np.max(np.abs(expected)))


def test_they_are_compiled_here() -> None:
    """The suite builds them before it begins (conftest.py) wherever a compiler is found."""
    assert kernels.LIBRARY is not None or not list(hatch_build._compilers())


@pytest.mark.parametrize(("order", "samples"), [(1, 2), (2, 9), (7, 8), (32, 900), (2051, 16405)])
@pytest.mark.parametrize("start", [0, 30_000])
def test_burg_says_what_numpy_says(order, samples, start, monkeypatch):
    x = music(start, samples)
    compiled = burg(x, order)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert near(compiled, burg(x, order))


def test_burg_ends_where_nothing_is_left_to_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.cos(0.3 * np.arange(400))
    compiled = burg(x, 60, noise_db=-np.inf)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert np.flatnonzero(compiled).tolist() == np.flatnonzero(burg(x, 60, noise_db=-np.inf)).tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 44, 882])
def test_toeplitz_says_what_scipy_says(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(1000, 4000)
    column = np.correlate(x, x, "full")[x.size - 1 :][:size]
    column[0] *= 1.0 + 1e-6
    wanted = np.random.default_rng(size).standard_normal(size)
    assert near(kernels.solve_toeplitz(column, wanted), solve_toeplitz(column, wanted))
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert near(kernels.solve_toeplitz(column, wanted), solve_toeplitz(column, wanted))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_singular_matrix_is_refused(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(kernels, "LIBRARY", None)
    for column in (np.zeros(4), np.ones(4), np.array([1.0, np.nan, 0.0, 0.0])):
        with pytest.raises(ValueError):  # noqa: PT011 - the sentence is SciPy's where that does the work
            kernels.solve_toeplitz(column, np.ones(4))


@pytest.mark.parametrize(("past", "order"), [(0, 3), (2, 3), (500, 1), (3000, 600)])
def test_a_recursion_is_continued_as_scipy_does(past, order, monkeypatch):
    a = burg(music(0, 5000), order)
    start = np.zeros(700)
    start[:2] = 0.1, -0.3
    held = music(5000 - past, past)
    # The samples that, filtered, are the past and then ``start``.
    before = fftconvolve(np.concatenate([np.zeros(order), held]), a, "valid") if past else held
    driven = np.concatenate([before, start])
    expected = lfilter([1.0], a, driven)[held.size :]
    assert near(kernels.continue_recursion(held, a, start), expected)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert near(kernels.continue_recursion(held, a, start), expected)


def test_convolution_is_scipys() -> None:
    one, other = music(0, 700), music(900, 61)
    np.testing.assert_allclose(convolve(one, other), np.convolve(one, other), atol=1e-12)
    for pair in ((one, other), (other, one), (one, one)):
        np.testing.assert_allclose(convolve_valid(*pair), fftconvolve(*pair, "valid"), atol=1e-12)


def test_fast_lengths_are_products_of_small_primes() -> None:
    for least in (1, 2, 7, 1000, 16_405, 32_769):
        rest = fast_length(least)
        assert least <= rest < 1.2 * least + 2
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1


def test_without_a_compiler_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "_compilers", lambda: iter([["false"]]))
    assert not hatch_build.compiled(ROOT, tmp_path / hatch_build.LIBRARY)
    assert not list(tmp_path.iterdir())


def test_a_library_that_does_not_run_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / hatch_build.LIBRARY
    broken.write_bytes(b"\x7fELF of another machine")
    assert not hatch_build._runs(broken)


@pytest.mark.parametrize(("rate_hz", "samples"), [(44_100, 60_000), (8_000, 5_001), (192_000, 9_000)])
def test_the_screen_says_what_numpy_says(rate_hz: int, samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(20_000, samples)
    error = prediction_error(x, rate_hz)
    peaks = cell_peaks(error, rate_hz)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    expected = prediction_error(x, rate_hz)
    assert error.shape == expected.shape == x.shape
    # Single precision: both filter float32 samples.
    np.testing.assert_allclose(error, expected, atol=2e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(peaks, cell_peaks(error, rate_hz))


def test_a_library_of_another_source_is_not_used(tmp_path: Path) -> None:
    """Its functions may take other arguments, which ends the process."""
    library = tmp_path / hatch_build.LIBRARY
    for source in hatch_build.sources(ROOT):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    if not hatch_build.compiled(ROOT, library):
        pytest.skip("no compiler")
    assert load_library(tmp_path) is not None
    changed = tmp_path / "kernels.c"
    changed.write_bytes(changed.read_bytes() + b"/* changed */")
    assert load_library(tmp_path) is None


@pytest.mark.parametrize("size", [5, 33, 882, 1024])
def test_products_are_numpys(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(4000, size)[::-1]
    compiled = autocorrelation(x, 32)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert near(compiled, autocorrelation(x, 32))


def test_ranges_are_numpys(monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(4000, 1000)
    x.setflags(write=False)
    compiled = screens.cell_ranges(x, 11)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    np.testing.assert_array_equal(compiled, screens.cell_ranges(x, 11))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_levels_of_bands_are_numpys(rate_hz: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = np.stack([music(9_000 * c, 60_000) for c in range(channels)])
    compiled = levels_of(audio, rate_hz)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    expected = levels_of(audio, rate_hz)
    # Single precision: far below the loudest band of a frame its rounding is what is left.
    assert np.abs(compiled.bands - expected.bands).max() < 0.1
    assert np.abs(compiled.bands - expected.bands).mean() < 1e-4
    np.testing.assert_allclose(compiled.fine, expected.fine, atol=1e-4)
    np.testing.assert_allclose(compiled.side, expected.side, atol=1e-4)


@pytest.mark.parametrize("size", [8, 30, 98, 242, 338, 528, 34])
def test_a_band_of_one_bin_is_that_of_the_transform(size: int) -> None:
    x = music(500, 20 * size + size).astype(np.float32)
    window, bins = np.hanning(size).astype(np.float32), size // 2 + 1
    made = np.empty((21, bins), np.float32)
    Bands(window, np.eye(bins, dtype=np.float32)).powers(x, size, 21, made)
    expected = np.abs(np.fft.rfft(x.reshape(21, size) * window)) ** 2
    np.testing.assert_allclose(made, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("seed", range(3))
def test_what_detectors_look_at_first_is_numpys(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.round(music(20_000 * seed, 60_000) * 2**7) / 2**7  # coarse: it rests and lies on lines often
    x[30_000:30_009] = np.linspace(x[30_000], x[30_008], 9)
    x[40_001:40_021:2] = 0.5 * (x[40_000:40_020:2] + x[40_002:40_022:2])

    def looked_at() -> list[NDArray[np.floating]]:
        flags, totals = screens.mark_straight(x, 1.05 * 2.0**-7, 96)
        stretches = [np.stack(_stretches(x, flags, totals, every)) for every in (1, 2)]
        assert all(found.shape[1] > 3 for found in stretches)
        return [flags.astype(float), totals.astype(float), *stretches]

    compiled = looked_at()
    monkeypatch.setattr(kernels, "LIBRARY", None)
    for ours, numpys in zip(compiled, looked_at(), strict=True):
        assert ours.shape == numpys.shape
        assert near(ours, numpys)


@pytest.mark.parametrize("steps", [1, 30, 400])  # below, between and above the dilations
def test_the_detectors_network_scores_as_numpy_does_to_the_bit(steps, monkeypatch):
    rows = np.random.default_rng(steps).standard_normal((2, steps, FEATURES)).astype(np.float32)
    compiled = shipped_network().scores(rows)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert np.array_equal(shipped_network().scores(rows), compiled)


@pytest.mark.parametrize("gap", [1, 20, 300])
def test_a_trial_repair_is_numpys(gap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(3_000, 20_000)
    compiled = repair(x, (9_000, 9_000 + gap), 882)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    numpys = repair(x, (9_000, 9_000 + gap), 882)
    assert compiled is not None
    assert numpys is not None
    assert near(compiled.fill, numpys.fill)
    for name in ("error_before", "error_after", "error_around"):
        assert getattr(compiled, name) == pytest.approx(getattr(numpys, name), rel=1e-7)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("order", [1, 12, 700])
def test_burg_tells_the_mean_square_of_its_errors(order, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(kernels, "LIBRARY", None)
    x = 3.0 * music(20_000, 6_000)
    a, variance = fit(x, order)
    errors = np.concatenate([np.convolve(side, a, "valid")[1:] for side in (x, x[::-1])])
    assert variance == pytest.approx(np.mean(errors**2), rel=1e-6)


def test_least_squares_leave_what_numpys_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    x, size = music(20_000, 900), 448
    offsets = np.array([*range(1, 25), *range(150, 183)])
    rows = np.stack([x[x.size - size - offset : x.size - offset] for offset in offsets.tolist()], axis=1)
    left = kernels.left_energies(x, size, offsets, 24, 0.0)
    assert left is not None or kernels.LIBRARY is None
    for energy, some in zip(left or (), (rows[:, :24], rows), strict=False):
        expected = np.linalg.lstsq(some, x[-size:])[1]
        assert energy == pytest.approx(float(expected[0]), rel=1e-6)
    assert kernels.left_energies(np.zeros(900), size, offsets, 24, 0.0) is None
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert kernels.left_energies(x, size, offsets, 24, 0.0) is None


def test_what_a_short_model_whitens_is_left_as_least_squares_leave_it() -> None:
    from restore_audio.signal.lpc import NOISE, hann_window, lpc

    x, first, size, past, order = music(21_000, 3000), 1500, 448, 300, 32
    offsets = np.array([*range(1, 25), *range(150, 183)])
    known = x[700:2172]
    white = np.convolve(x[first - past : first + size], lpc([known], order), "valid")
    expected = kernels.left_energies(white, size, offsets, 24, 1e-9)
    window = hann_window(known.size)
    left = kernels.whitened_energies(
        x, (first, first + size), (700, window), (order, NOISE), past, (offsets, 24, 1e-9)
    )
    assert left == (None if expected is None else pytest.approx(expected, rel=1e-8))


@pytest.mark.parametrize("size", [0, 1, 500])
def test_neighbours_within_reach_are_counted_as_numpy_counts_them(size, monkeypatch):
    places = np.sort(np.random.default_rng(5).choice(4000, size, replace=False))
    compiled = screens.count_near(places, 100)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    np.testing.assert_array_equal(compiled, screens.count_near(places, 100))


@pytest.mark.parametrize(("left", "right"), [(20_000, 20_000), (0, 9_000), (9_000, 0), (300, 9_000), (5, 7)])
@pytest.mark.parametrize("gap", [1, 60, 200])
def test_a_fill_is_numpys(gap: int, left: int, right: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(0, 41_000)
    before, after = x[20_000 - left : 20_000].copy(), x[20_000 + gap : 20_000 + gap + right].copy()
    if left == 300:
        after[1500] = np.inf
        after[700:] *= 9  # begins there, and is left out
    settings = ar.ArSettings(context_ms=93.0, to_attack=True)
    sides = ar.fit_sides(before, after, rate_hz=44_100, settings=settings)

    def fills() -> list[Samples]:
        given = (before, after, gap, 44_100, settings)
        by_one = [ar.fill_by(model, *given) for model in sides.models]
        return [
            ar.fill_from(sides, gap, 44_100, settings),
            *by_one,
            ar.fill_from(sides, gap, 44_100, ar.ArSettings(passes=0)),
        ]

    compiled = fills()
    monkeypatch.setattr(kernels, "LIBRARY", None)
    for ours, numpys in zip(compiled, fills(), strict=True):
        assert near(ours, numpys)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 64, 512])
def test_a_transform_is_numpys(size: int) -> None:
    if kernels.LIBRARY is None:
        pytest.skip("nothing is compiled here")
    re, im, *work = np.random.default_rng(size).standard_normal((4, size))
    expected = np.fft.fft(re + 1j * im)
    kernels.LIBRARY.transform(*(at(array) for array in (re, im, *work, kernels._roots(size))), size)
    assert np.max(np.abs(re + 1j * im - expected)) <= 1e-13 * np.max(np.abs(expected))


@pytest.mark.parametrize("known", [1, 100, 900])
def test_errors_of_a_model_are_numpys(known: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = music(4000, 1000)[::-1]
    compiled = errors_of(x, known, 24)
    with pytest.raises(ValueError, match="no finite"):
        errors_of(np.full(1000, np.nan), known, 24)
    monkeypatch.setattr(kernels, "LIBRARY", None)
    assert compiled.size == 976
    assert near(compiled, errors_of(x, known, 24))


@pytest.mark.parametrize("faded", [0, 1, 9, 32, 40])
def test_likelihoods_of_fades_are_numpys(faded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(faded)
    for size in (400, 2000):
        x = np.cumsum(rng.standard_normal(size)) * 1e-3
        x[size - faded :] *= np.arange(faded, 0, -1) / (faded + 1)
        with monkeypatch.context() as patched:
            length, nats = likeliest_fade(x, 44_100)
            patched.setattr(kernels, "LIBRARY", None)
            assert likeliest_fade(x, 44_100) == (length, pytest.approx(nats, rel=1e-8, abs=1e-8))
    with pytest.raises(ValueError, match="finite"):
        likeliest_fade(np.full(2000, 1e200), 44_100)
