"""The built-in suite is what it says: sixteen genres, real recordings, small enough to ship."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from restore_audio.errors import InputError
from restore_audio.measure.suite import INDEX, PLACE, Piece, load_piece, suite_pieces

GENRES = {
    "Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk", "Hip-Hop",
    "Historic", "Instrumental", "International", "Jazz", "Pop", "Rock", "Soul-RnB", "Spoken",
}  # fmt: skip
BYTES = 8_000_000
RATE_HZ = 44_100
MS = RATE_HZ // 1000

PIECES = suite_pieces()
each_piece = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.genre)


def level_db(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(samples**2) + 1e-20)


def longest_run(same: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(int)))
    return int(np.max(edges[1::2] - edges[::2], initial=0))


def test_each_genre_of_fma_has_one_piece():
    assert [piece.genre for piece in PIECES] == sorted(GENRES)


def test_titles_and_descriptions_tell_pieces_apart():
    assert len({piece.title for piece in PIECES}) == len({piece.description for piece in PIECES}) == 16
    assert all(20 < len(piece.description) <= 110 and piece.licence and piece.source for piece in PIECES)


def test_the_index_names_every_file_and_no_other():
    named = {row["file"] for row in json.loads(INDEX.read_text(encoding="utf-8"))["pieces"]}
    assert named == {path.name for path in PLACE.iterdir() if path.suffix not in (".py", ".json", "")}


def test_all_together_are_small_enough_to_ship():
    assert sum(piece.path.stat().st_size for piece in PIECES) <= BYTES


@each_piece
def test_files_are_what_the_index_says(piece):
    samples, rate_hz = load_piece(piece)
    assert rate_hz == RATE_HZ
    assert samples.shape == (piece.channels, round(piece.seconds * RATE_HZ))
    assert 8 <= piece.seconds <= 15
    info = soundfile.info(str(piece.path))
    assert (info.format, info.subtype) == ("OGG", "VORBIS")
    again, _ = soundfile.read(piece.path, always_2d=True, dtype="float32")
    assert np.array_equal(samples, again.T)


@each_piece
def test_levels_are_those_of_finished_recordings(piece):
    samples, _ = load_piece(piece)
    assert 20 * np.log10(np.max(np.abs(samples))) == pytest.approx(-3.0, abs=1.0)  # coding moves peaks
    assert -27 < level_db(samples) < -11
    assert abs(np.mean(samples)) < 2e-3


@each_piece
def test_there_is_sound_throughout(piece):
    samples, _ = load_piece(piece)
    window = RATE_HZ // 2
    inside = samples[:, : round((piece.seconds - 1.5) * RATE_HZ)].mean(axis=0)
    levels = [level_db(inside[k : k + window]) for k in range(0, inside.size - window, window // 2)]
    assert min(levels) > -48


@each_piece
def test_nothing_in_it_looks_like_lost_samples(piece):
    samples, _ = load_piece(piece)
    for channel in samples[:, 20 * MS : -20 * MS]:
        assert longest_run(channel == 0) < MS
        assert longest_run(np.diff(channel) == 0) < MS


@each_piece
def test_it_is_full_band(piece):
    samples, _ = load_piece(piece)
    power = np.abs(np.fft.rfft(samples.mean(axis=0))) ** 2
    frequency = np.fft.rfftfreq(samples.shape[1], 1 / RATE_HZ)
    high = power[(frequency > 10_000) & (frequency < 16_000)].sum() / power.sum()
    assert 10 * np.log10(high) > -75  # 16 bit rounding alone is below -85 dB there


def test_some_are_stereo():
    assert sum(piece.channels == 2 for piece in PIECES) >= 2
    for piece in PIECES:
        if piece.channels == 2:
            left, right = load_piece(piece)[0]
            assert level_db(left - right) > level_db(left) - 35


def test_a_missing_file_is_one_sentence(tmp_path):
    lost = Piece("Jazz", "Lost", tmp_path / "lost.ogg", 10.0, 1, "Nothing.", "nobody", "MIT")
    with pytest.raises(InputError, match=r"lost\.ogg"):
        load_piece(lost)
