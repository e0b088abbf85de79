"""Promises of the AR core: what it restores, and that it never makes anything worse than silence by much."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from recordings import sdr_db
from restore_audio.fill.adaptive import predict_adaptively
from restore_audio.fill.ar import ArSettings, _attack, extrapolate, fill_gap, surroundings
from restore_audio.signal.burg import burg

RATE_HZ = 44_100
NO_PASS = ArSettings(passes=0)
Samples = NDArray[np.float64]

FAST = ArSettings(context_ms=186.0, passes=0)
"""Half of the context, extrapolation only."""


def textbook_burg(x: Samples, order: int, noise_db: float | None = None) -> Samples:
    """Burg's recursion as the textbooks print it, sample by sample errors; noise in expectation."""
    forward, backward = x.copy(), x.copy()
    a = np.ones(1)
    variance = 0.0 if noise_db is None else np.mean(x**2) * 10 ** (noise_db / 10)
    for _ in range(order):
        f, b = forward[1:], backward[:-1]
        cross = np.sum(f * b) + f.size * variance * np.sum(a[1:] * a[1:][::-1])
        power = np.sum(f * f) + np.sum(b * b) + 2 * f.size * variance * np.sum(a * a)
        k = -2 * cross / power
        forward, backward = f + k * b, b + k * f
        longer = np.append(a, 0.0)
        a = longer + k * longer[::-1]
    return a


def sines(seconds: float = 1.0) -> Samples:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.sum([0.2 * np.sin(2 * np.pi * f * t + f) for f in (220.0, 331.0, 487.0, 1234.5)], axis=0)


def resonant_noise(rng: np.random.Generator, samples: int) -> tuple[Samples, Samples]:
    """An AR process of two resonances, and its coefficients."""
    poles = np.array([0.995 * np.exp(0.1j), 0.98 * np.exp(0.9j)])
    a = np.poly(np.concatenate([poles, poles.conj()])).real
    return lfilter([1.0], a, rng.standard_normal(samples + 4000))[4000:], a


def fill(
    x: Samples, start: int, gap: int, settings: ArSettings | None = None, rate: int = RATE_HZ
) -> Samples:
    return fill_gap(x[:start], x[start + gap :], gap, rate_hz=rate, settings=settings)


@pytest.mark.parametrize("order", [1, 2, 7, 40])
def test_burg_agrees_with_the_textbook(order: int) -> None:
    x, _ = resonant_noise(np.random.default_rng(1), 600)
    np.testing.assert_allclose(burg(x, order, noise_db=-np.inf), textbook_burg(x, order), atol=1e-8)


@pytest.mark.parametrize("noise_db", [-65.0, -30.0])
def test_burg_imagines_noise_as_its_expectation_says(noise_db: float) -> None:
    x = sines(0.05)
    expected = textbook_burg(x, 60, noise_db)
    np.testing.assert_allclose(burg(x, 60, noise_db=noise_db), expected, atol=1e-5 * np.abs(expected).max())


def test_imagined_noise_does_what_real_noise_does() -> None:
    x = sines(0.5)
    noise = np.random.default_rng(3).standard_normal(x.size) * np.sqrt(np.mean(x**2)) * 10 ** (-20 / 20)
    np.testing.assert_allclose(burg(x, 12, noise_db=-20), burg(x + noise, 12, noise_db=-np.inf), atol=0.05)


def test_burg_finds_the_process() -> None:
    x, a = resonant_noise(np.random.default_rng(2), 50_000)
    np.testing.assert_allclose(burg(x, 4), a, atol=0.03)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1.0, 1e150])
def test_burg_does_not_care_about_the_level(scale: float) -> None:
    x, _ = resonant_noise(np.random.default_rng(4), 500)
    np.testing.assert_allclose(burg(scale * x, 20), burg(x, 20), atol=1e-9)


@pytest.mark.parametrize(
    "x",
    [sines(0.1), np.ones(500), np.r_[np.zeros(300), 1.0, np.zeros(200)], np.tile([1.0, -1.0], 300)],
    ids=["sines", "constant", "impulse", "alternating"],
)
def test_burg_is_stable(x: Samples) -> None:
    predictor = burg(x, 60)
    assert np.all(np.isfinite(predictor))
    assert np.abs(np.roots(predictor)).max() < 1.0


def test_burg_of_nothing_predicts_nothing() -> None:
    for x in (np.zeros(100), np.zeros(0), np.ones(1)):
        np.testing.assert_array_equal(burg(x, 5), [1, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="finite"):
        burg(np.array([1.0, np.nan, 1.0]), 1)


def test_extrapolation_is_the_recursion() -> None:
    x, a = resonant_noise(np.random.default_rng(5), 100)
    expected = list(x)
    for _ in range(50):
        expected.append(-float(np.dot(a[1:], expected[: -a.size : -1])))
    np.testing.assert_allclose(extrapolate(x, 50, a), expected[100:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("gap_ms", [5, 20, 60])
def test_sines_come_back_above_60_db(gap_ms: int) -> None:
    x, gap = sines(), round(gap_ms * RATE_HZ / 1000)
    assert sdr_db(x[20_000 : 20_000 + gap], fill(x, 20_000, gap)) > 60


def test_the_pass_beats_extrapolation_on_its_own_process() -> None:
    rng = np.random.default_rng(6)
    solved, extrapolated = [], []
    for _ in range(12):
        x, _ = resonant_noise(rng, 9000)
        truth = x[4400:4424]
        solved.append(np.sum((truth - fill(x, 4400, 24, ArSettings(order_share=0.003))) ** 2))
        without = ArSettings(order_share=0.003, passes=0)
        extrapolated.append(np.sum((truth - fill(x, 4400, 24, without)) ** 2))
    assert np.sum(solved) < 0.75 * np.sum(extrapolated)


def test_more_context_helps_a_dense_sound() -> None:
    rng = np.random.default_rng(7)
    t = np.arange(RATE_HZ) / RATE_HZ
    x = np.sum([np.sin(2 * np.pi * f * t + f) for f in rng.uniform(80, 5000, 150)], axis=0)
    x += 0.01 * rng.standard_normal(x.size)
    truth = x[20_000:20_882]
    assert sdr_db(truth, fill(x, 20_000, 882)) > sdr_db(truth, fill(x, 20_000, 882, FAST)) + 6


def test_time_backwards_gives_the_fill_backwards() -> None:
    x = sines(0.6) + 0.05 * np.random.default_rng(8).standard_normal(round(0.6 * RATE_HZ))
    before, after = x[:9000], x[9500:]
    forth = fill_gap(before, after, 500, rate_hz=RATE_HZ)
    back = fill_gap(after[::-1], before[::-1], 500, rate_hz=RATE_HZ)
    np.testing.assert_allclose(back[::-1], forth, atol=1e-9)


@pytest.mark.parametrize("settings", [None, FAST], ids=["default", "fast"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_one_side_is_enough(side: str, settings: ArSettings | None) -> None:
    x = sines()
    truth = x[20_000:20_441]
    before = x[:20_000] if side == "before" else np.zeros(0)
    after = x[20_441:] if side == "after" else np.zeros(0)
    assert sdr_db(truth, fill_gap(before, after, 441, rate_hz=RATE_HZ, settings=settings)) > 30


@pytest.mark.parametrize("gap", [1, 2, 100, 5000])
@pytest.mark.parametrize("sizes", [(0, 0), (0, 1), (1, 1), (2, 9), (9, 4000), (40, 40), (3000, 3), (700, 0)])
@pytest.mark.parametrize("kind", ["noise", "silence", "constant", "8 bit", "square", "ramp", "click"])
def test_nothing_explodes(kind: str, sizes: tuple[int, int], gap: int) -> None:
    rng = np.random.default_rng(9)
    n = np.arange(sum(sizes))
    x = {
        "noise": rng.standard_normal(n.size),
        "silence": np.zeros(n.size),
        "constant": np.full(n.size, 0.7),
        "8 bit": np.rint(100 * np.sin(n / 9)).astype(np.int8),
        "square": np.sign(np.sin(n / 30) + 1e-9),
        "ramp": n / max(n.size, 1),
        "click": np.where(n == sizes[0] - 1, 1.0, 1e-4),
    }[kind]
    answer = fill_gap(x[: sizes[0]], x[sizes[0] :], gap, rate_hz=RATE_HZ)
    assert answer.shape == (gap,)
    assert answer.dtype == np.float64
    assert np.all(np.isfinite(answer))
    assert np.abs(answer).max() <= 1.5 * np.abs(x.astype(float)).max(initial=0.0)


def test_band_limited_music_does_not_make_the_pass_collapse() -> None:
    rng = np.random.default_rng(10)
    spectrum = np.fft.rfft(rng.standard_normal(RATE_HZ))
    spectrum[4000:] = 0  # nothing at all above 4 kHz: the fit is singular without its noise
    x = np.fft.irfft(spectrum, RATE_HZ)
    truth = x[20_000:20_200]
    assert sdr_db(truth, fill(x, 20_000, 200)) >= sdr_db(truth, fill(x, 20_000, 200, NO_PASS)) - 0.5


def test_silence_stays_silent_and_a_constant_constant() -> None:
    np.testing.assert_array_equal(fill(np.zeros(9000), 4000, 300), np.zeros(300))
    np.testing.assert_allclose(fill(np.full(9000, 0.3), 4000, 300), np.full(300, 0.3), atol=0.003)


def test_integers_and_floats_fill_alike() -> None:
    x = np.rint(100 * sines(0.3)).astype(np.int16)
    np.testing.assert_array_equal(fill(x, 6000, 200), fill(x.astype(np.float64), 6000, 200))


def test_levels_do_not_matter() -> None:
    x = sines(0.4) + 0.02 * np.random.default_rng(11).standard_normal(round(0.4 * RATE_HZ))
    np.testing.assert_allclose(1e6 * fill(x * 1e-6, 8000, 300), fill(x, 8000, 300), atol=1e-6)


def test_damage_beyond_the_context_is_not_looked_at() -> None:
    x = sines(0.5)
    broken = x.copy()
    broken[5000] = np.nan
    broken[-3000] = np.inf
    answer = fill_gap(broken[:10_000], broken[10_400:], 400, rate_hz=RATE_HZ)
    np.testing.assert_array_equal(answer, fill_gap(x[5001:10_000], x[10_400:-3000], 400, rate_hz=RATE_HZ))
    assert sdr_db(x[10_000:10_400], answer) > 60


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 96_000])
def test_any_rate_works_the_same(rate_hz: int) -> None:
    t = np.arange(rate_hz) / rate_hz
    x = np.sin(2 * np.pi * 440 * t) + 0.5 * np.sin(2 * np.pi * 1003 * t)
    gap, start = rate_hz // 50, rate_hz // 2
    assert sdr_db(x[start : start + gap], fill(x, start, gap, rate=rate_hz)) > 60


class TestAttacks:
    """What begins behind a gap is not in it."""

    def music(self, begins: int) -> Samples:
        """A soft tone, over which a loud note begins; it decays."""
        rng = np.random.default_rng(4)
        time = np.arange(40_000) / RATE_HZ
        audio = 0.01 * np.sin(2 * np.pi * 440 * time) + 1e-4 * rng.standard_normal(time.size)
        note = 0.5 * np.exp(-time / 0.2) * np.sin(2 * np.pi * 310 * time)
        audio[begins:] += note[: audio.size - begins]
        return audio

    @pytest.mark.parametrize("behind", [60, 300])
    def test_a_note_that_begins_behind_the_gap_is_not_continued_into_it(self, behind: int) -> None:
        start, end = 20_000, 20_880
        audio = self.music(end + behind)
        made = predict_adaptively(audio[:start], audio[end:], end - start, rate_hz=RATE_HZ).samples
        error = np.sum((made - audio[start:end]) ** 2) / np.sum(audio[start:end] ** 2)
        assert error < 0.8  # continued backwards it is 50 times what is there

    def test_what_is_there_before_the_gap_does_not_begin_behind_it(self) -> None:
        loud = np.ones(4000)
        for before, after, kept in (
            (0.1 * loud, np.r_[0.1 * loud[:440], loud], 440),
            (0.1 * loud, np.r_[0.1 * loud[:440], 0.3 * loud], 4440),  # 9.5 dB are no attack
            (np.r_[loud, 0.1 * loud[:400]], np.r_[0.1 * loud[:440], loud], 4440),
            (np.r_[loud, 0.1 * loud[:900]], np.r_[0.1 * loud[:440], loud], 440),
            (0.1 * loud, loud, 4000),  # it is there at once: when it began is not known
            (loud[:10], np.r_[0.1 * loud[:440], loud], 4440),
        ):
            assert _attack(before, after, RATE_HZ) == kept

    def test_other_fits_see_all_of_the_side(self) -> None:
        audio = self.music(20_900)
        for to_attack, size in ((True, 44), (False, 8203)):
            how = ArSettings(context_ms=186.0, to_attack=to_attack)
            assert surroundings(audio[:20_000], audio[20_850:], RATE_HZ, how)[1].size == size
