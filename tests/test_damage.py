from __future__ import annotations

import itertools

import numpy as np
import pytest

from restore_audio.damage.families import Simple, records_from_rows
from restore_audio.damage.kinds import SIMPLE
from restore_audio.damage.record import record_to_dict
from restore_audio.damage.simulate import (
    LENGTHS_MS,
    Damage,
    apply_damages,
    draw_damages,
    random_frames,
)
from restore_audio.errors import InputError

RATE_HZ = 32_000


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    rng = np.random.default_rng(5)
    seconds = np.arange(8 * RATE_HZ) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * f * seconds + f) for f in (220.0, 331.0, 1870.0, 5100.0))
    audio = 0.08 * np.stack([tones, np.roll(tones, 77)]) + 0.01 * rng.standard_normal((2, seconds.size))
    audio[:, 3 * RATE_HZ : 4 * RATE_HZ] = 0.0
    return audio


def draw(kind: str, audio: np.ndarray, seed: int = 0, **options) -> list[Damage]:
    rng = np.random.default_rng(seed)
    return draw_damages(rng, kind, audio, RATE_HZ, per_second=1.0, **options)


def test_random_frames_are_the_papers():
    rng = np.random.default_rng(0)
    drawn = [random_frames(rng) for _ in range(3000)]
    assert {len(f) for f in drawn} == set(range(12, 89))
    assert all(len(set(f.tolist())) == len(f) and f.min() >= 0 and f.max() < 128 for f in drawn)
    hits = np.bincount(np.concatenate(drawn), minlength=128) / len(drawn)
    assert np.ptp(hits) < 0.08
    assert abs(hits.mean() - 50 / 128) < 0.01


def test_records_count_channels_from_1_as_every_other_file(music):
    damages = draw("zeros", music, seed=3)
    counted = [damage["channel"] for damage in record_to_dict(Simple(tuple(damages)))["damages"]]
    assert counted == [damage.channel + 1 for damage in damages]


@pytest.mark.parametrize("kind", [k for k in SIMPLE if k != "windows"])
def test_lengths_distances_and_silence_are_kept(kind, music):
    damages = draw(kind, music, all_channels=1.0)
    shortest, longest = (round(ms * RATE_HZ / 1000) for ms in LENGTHS_MS[kind])
    assert all(shortest <= d.end - d.start <= longest for d in damages)
    places = sorted({(d.start, d.end) for d in damages})
    assert all(len([d for d in damages if (d.start, d.end) == place]) == 2 for place in places)
    apart = 0.25 * RATE_HZ
    assert places[0][0] >= apart
    assert places[-1][1] <= music.shape[1] - apart
    assert all(b[0] - a[1] >= apart for a, b in itertools.pairwise(places))
    assert not any(3 * RATE_HZ < edge < 4 * RATE_HZ for place in places for edge in place)


def test_one_channel_can_be_struck_alone(music):
    damages = draw("zeros", music, all_channels=0.0)
    assert {d.channel for d in damages} == {0, 1}
    assert len({d.start for d in damages}) == len(damages)


def test_windows_lose_10_to_70_percent_of_a_patch():
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(60):
        damages = draw_damages(rng, "windows", np.full((1, 2 * RATE_HZ), 0.1), RATE_HZ, per_second=0.5)
        assert damages[-1].end - damages[0].start <= 0.512 * RATE_HZ + 1
        assert all(b.start >= a.end for a, b in itertools.pairwise(damages))
        shares.append(sum(d.end - d.start for d in damages) / (0.512 * RATE_HZ))
    assert 0.095 < min(shares) < 0.2
    assert 0.6 < max(shares) < 0.705


def test_each_kind_is_what_its_name_says(music):
    a, b = 1000, 2600
    one = music[:1]

    def struck(**fields) -> np.ndarray:
        return apply_damages(one, RATE_HZ, [Damage(start=a, end=b, channel=0, **fields)])[0]

    clean, middle = one[0], slice(a + 400, b - 400)
    assert not struck(kind="zeros")[a:b].any()
    assert np.isnan(struck(kind="nan")[a:b]).all()
    assert np.all(struck(kind="constant")[a:b] == clean[a - 1])
    assert np.all(struck(kind="constant", value=0.25)[a:b] == 0.25)
    repeat = struck(kind="repeat", period_samples=800)
    assert np.array_equal(repeat[a : a + 800], clean[a - 800 : a])
    assert np.array_equal(repeat[a + 800 : b], clean[a - 800 : a])
    dropout = struck(kind="dropout", depth_db=20.0, edge_samples=100)
    assert np.allclose(dropout[middle], 0.1 * clean[middle])
    assert abs(dropout[a] - clean[a]) < 0.01 * abs(clean).max()
    noisy = struck(kind="dropout", depth_db=60.0, edge_samples=100, noise_db=-30.0)
    assert -33 < 20 * np.log10(noisy[middle].std() / clean.std()) < -27
    spectrum = np.abs(
        np.fft.rfft(struck(kind="treble", depth_db=40.0, edge_samples=10, cutoff_hz=3000.0)[middle])
    )
    before = np.abs(np.fft.rfft(clean[middle]))
    hz = np.fft.rfftfreq(800, 1 / RATE_HZ)
    assert spectrum[hz > 4500].sum() < 0.15 * before[hz > 4500].sum()
    assert 0.8 < spectrum[hz < 1000].sum() / before[hz < 1000].sum() < 1.2
    burst = struck(kind="noise", noise_db=12.0)[a:b] - clean[a:b]
    assert 11 < 20 * np.log10(burst.std() / clean.std()) < 13


def test_clicks_are_as_loud_as_their_record_says(music):
    for damage in draw("click", music, factor=(1.5, 1.5)):
        clean = music[damage.channel]
        added = apply_damages(music, RATE_HZ, [damage])[damage.channel] - clean
        around = clean[damage.start - 640 : damage.end + 640]
        assert np.isclose(abs(added).max(), 1.5 * abs(around).max(), rtol=1e-6)


def test_bad_records_are_refused():
    with pytest.raises(ValueError, match="no damage is of kind"):
        draw_damages(np.random.default_rng(0), "scratch", np.zeros((1, 1000)), RATE_HZ)
    with pytest.raises(ValueError, match="needs a place"):
        Damage("zeros", 5, 5, 0)
    with pytest.raises(ValueError, match="lies outside"):
        apply_damages(np.zeros((1, 10)), RATE_HZ, [Damage("zeros", 5, 11, 0)])
    for row in ({"record": "simple", "damages": [{"kind": "zeros"}]}, {"what": 1}, 1, "nonsense"):
        with pytest.raises(InputError, match=r"records\.json holds no damages"):
            records_from_rows([row], name="records.json")
