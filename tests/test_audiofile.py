"""Recordings go in and come out as they were, but for the samples that are replaced."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restore_audio.audio.audiofile import probe, read_audio, read_blocks, rewrite, write_audio
from restore_audio.audio.native import native_dtype
from restore_audio.errors import OutputError


@dataclass(frozen=True)
class Part:
    start: int
    channel: int
    samples: np.ndarray


LOSSLESS = [
    (suffix, container, subtype)
    for suffix, container, subtypes in [
        (".wav", "WAV", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
        (".rf64", "RF64", ["PCM_16", "PCM_24", "FLOAT"]),
        (".w64", "W64", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"]),
        (".aiff", "AIFF", ["PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
        (".caf", "CAF", ["PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ALAC_16"]),
        (".flac", "FLAC", ["PCM_S8", "PCM_16", "PCM_24"]),
    ]
    for subtype in subtypes
]


def music(channels: int = 2, rate_hz: int = 44_100, seconds: float = 0.6) -> np.ndarray:
    rng = np.random.default_rng(channels)
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    tones = [np.sin(2 * np.pi * 220 * (c + 1) * time + c) for c in range(channels)]
    return np.array(tones) * 0.6 + 0.05 * rng.standard_normal((channels, time.size))


def native(path: Path) -> np.ndarray:
    with soundfile.SoundFile(path) as sound:
        return sound.read(dtype=native_dtype(sound.subtype), always_2d=True)


def parts(total: int, channels: int) -> list[Part]:
    rng = np.random.default_rng(9)
    return [
        Part(start, c % channels, rng.uniform(-1, 1, 777))
        for c, start in enumerate([0, 3_000, 9_000, total - 777])
    ]


@pytest.mark.parametrize(("suffix", "container", "subtype"), LOSSLESS)
def test_only_the_replaced_samples_differ(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(source, music().T, 44_100, subtype=subtype, format=container)
    before = native(source)
    replaced = parts(len(before), 2)
    assert rewrite(source, target, replaced) is False
    after = native(target)
    info = probe(target)
    assert (info.format, info.subtype, info.rate_hz, info.channels) == (container, subtype, 44_100, 2)
    assert after.shape == before.shape
    healthy = np.ones(before.shape, bool)
    for part in replaced:
        inside = slice(part.start, part.start + part.samples.size)
        healthy[inside, part.channel] = False
        got, _ = read_audio(target)
        step = {"PCM_U8": 2**-7, "PCM_S8": 2**-7, "PCM_16": 2**-15, "ALAC_16": 2**-15}.get(subtype, 2**-22)
        np.testing.assert_allclose(got[part.channel, inside], part.samples, atol=step)
    assert before[healthy].tobytes() == after[healthy].tobytes()


@pytest.mark.parametrize(("suffix", "container", "subtype"), LOSSLESS)
def test_nothing_replaced_is_a_byte_copy(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(source, music().T, 44_100, subtype=subtype, format=container)
    assert rewrite(source, target, []) is True
    assert source.read_bytes() == target.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "container", "subtype", "rate_hz"),
    [
        (".ogg", "OGG", "VORBIS", 44_100),
        (".opus", "OGG", "OPUS", 48_000),
        (".mp3", "MP3", "MPEG_LAYER_III", 44_100),
    ],
)
def test_lossy_recordings_keep_shape_and_coding(tmp_path, suffix, container, subtype, rate_hz):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    soundfile.write(source, music(2, rate_hz, 2.0).T, rate_hz, subtype=subtype, format=container)
    before, info = read_audio(source)
    rewrite(source, target, [Part(20_000, 0, np.zeros(4_000))])
    after, new = read_audio(target)
    assert (new.format, new.subtype, new.rate_hz, new.channels) == (
        info.format,
        info.subtype,
        rate_hz,
        2,
    )
    assert abs(after.shape[1] - before.shape[1]) <= (0 if subtype != "MPEG_LAYER_III" else 1152)
    assert np.abs(after[0, 21_000:23_000]).max() < 0.05
    noise = after[1, : before.shape[1]] - before[1, : after.shape[1]]
    assert 10 * np.log10(np.mean(before[1] ** 2) / np.mean(noise**2)) > 15


PLAIN = [
    (*case, endian)
    for endian in ("LITTLE", "BIG")
    for case in [
        *[c for c in LOSSLESS if c[1] != "FLAC" and not c[2].startswith("ALAC")],
        (".au", "AU", "PCM_24"),
        (".au", "AU", "ULAW"),
        (".wav", "WAV", "ULAW"),
        (".wav", "WAV", "ALAW"),
        (".wav", "WAVEX", "PCM_24"),
        (".caf", "CAF", "ALAW"),
    ]
    if soundfile.check_format(case[1], case[2], endian)
]


@pytest.mark.parametrize(("suffix", "container", "subtype", "endian"), PLAIN)
def test_not_a_byte_changes_outside_the_replaced_frames(tmp_path, suffix, container, subtype, endian):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with soundfile.SoundFile(
        source, "w", 44_100, 3, subtype=subtype, format=container, endian=endian
    ) as sound:
        if container not in ("W64", "AU"):  # which hold no texts
            sound.title, sound.comment = "A title", "and a comment, after the samples"
        sound.write(music(3).T)
    before, _ = read_audio(source)
    new = np.where(before[1, 5_000:5_200] > 0, -0.5, 0.5)
    rewrite(source, target, [Part(5_000, 1, new)])
    after, _ = read_audio(target)
    np.testing.assert_allclose(after[1, 5_000:5_200], new, atol=0.02)
    old_bytes, new_bytes = (np.frombuffer(path.read_bytes(), np.uint8) for path in (source, target))
    assert old_bytes.size == new_bytes.size
    changed = np.flatnonzero(old_bytes != new_bytes)
    sample_bytes = (old_bytes.size - 8_000) // before.size + 1
    assert 200 <= changed.size <= 200 * max(sample_bytes, 8)
    assert changed[-1] - changed[0] < 200 * 3 * max(sample_bytes, 8)
    before[1, 5_000:5_200] = after[1, 5_000:5_200]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("length", [30_001, 1_152 * 20, 100_003])
@pytest.mark.parametrize(
    ("container", "subtype", "suffix", "rate_hz"),
    [
        ("MP3", "MPEG_LAYER_III", ".mp3", 44_100),
        ("MP3", "MPEG_LAYER_III", ".mp3", 8_000),
        ("OGG", "VORBIS", ".ogg", 96_000),
        ("OGG", "VORBIS", ".ogg", 8_000),
        ("OGG", "OPUS", ".opus", 48_000),
        ("OGG", "OPUS", ".opus", 12_000),
        ("WAV", "IMA_ADPCM", ".wav", 44_100),
        ("W64", "MS_ADPCM", ".w64", 22_050),
        ("WAV", "GSM610", ".wav", 8_000),
    ],
)
def test_a_lossy_copy_has_the_length_of_its_source(tmp_path, container, subtype, suffix, rate_hz, length):
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    audio = music(1, rate_hz, length / rate_hz)
    soundfile.write(source, audio.T, rate_hz, subtype=subtype, format=container)
    rewrite(source, target, [Part(9_000, 0, np.zeros(30))])
    old, new = read_audio(source)[0][0], read_audio(target)[0][0]
    assert new.size == old.size >= length
    # An offset would show: the copy is nearest to its source where it lies.
    fits = [np.dot(old[3_000:-3_000], np.roll(new, shift)[3_000:-3_000]) for shift in range(-40, 41)]
    assert abs(int(np.argmax(fits)) - 40) <= 1


def test_sizes_left_open_by_a_pipe_are_no_damage(tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, music().T, 44_100, subtype="PCM_16")
    whole = bytearray(source.read_bytes())
    place = whole.index(b"data") + 4
    whole[4:8] = whole[place : place + 4] = b"\xff" * 4
    source.write_bytes(whole)
    rewrite(source, target, [Part(10, 0, np.zeros(5))])
    assert probe(target).frames == probe(source).frames == music().shape[1]
    assert target.read_bytes()[: place + 4] == whole[: place + 4]


def test_names_from_old_archives_work(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        folder.mkdir()
    except (OSError, UnicodeError):
        pytest.skip("this file system has Unicode names only")
    source = folder / os.fsdecode(b"b\xe4nd.wav")
    soundfile.write(tmp_path / "in.wav", music().T, 44_100, subtype="PCM_16")
    (tmp_path / "in.wav").rename(source)
    for suffix in (b".wav", b".flac", b".mp3"):
        target = folder / os.fsdecode(b"\xfcber" + suffix)
        rewrite(source, target, [Part(10, 0, np.zeros(5))])
        assert probe(target).frames == music().shape[1]


def test_every_other_chunk_of_a_wav_stays_byte_for_byte(tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, music(1).T, 48_000, subtype="PCM_24")
    plain = source.read_bytes()
    extra = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in [
            (b"bext", bytes(range(256)) * 3),
            (b"cue ", struct.pack("<I", 0)),
            (b"LIST", b"INFOINAM" + struct.pack("<I", 6) + b"title\0"),
            (b"zzzz", b"odd"),
        ]
    )
    whole = plain[:12] + extra[: len(extra) // 2 * 2] + plain[12:] + extra
    source.write_bytes(whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:])
    rewrite(source, target, [Part(1_000, 0, np.full(10, 0.25))])
    a, b = source.read_bytes(), target.read_bytes()
    assert len(a) == len(b)
    different = [i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y]
    assert 1 <= len(different) <= 30
    assert different[-1] - different[0] < 30
    np.testing.assert_allclose(read_audio(target)[0][0, 1_000:1_010], 0.25)


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 96_000, 192_000])
def test_any_channels_and_rates(tmp_path: Path, channels: int, rate_hz: int) -> None:
    source, target = tmp_path / "ä ö.wav", tmp_path / "出力.wav"
    soundfile.write(source, music(channels, rate_hz).T, rate_hz, subtype="PCM_16")
    rewrite(source, target, [Part(5, channels - 1, np.zeros(100))])
    before, after = native(source), native(target)
    changed = (before != after).any(axis=0)
    assert changed.tolist() == [False] * (channels - 1) + [True]


def test_blocks_put_together_are_the_recording(tmp_path: Path) -> None:
    source = tmp_path / "in.flac"
    soundfile.write(source, music(3).T, 44_100, subtype="PCM_24")
    whole, info = read_audio(source)
    assert whole.shape == (3, info.frames)
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(source, 1_000)), axis=1), whole)


def test_not_a_number_is_read_and_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    audio = music(1)
    audio[0, 100:200] = np.nan
    audio[0, 300] = np.inf
    soundfile.write(source, audio.T, 44_100, subtype="FLOAT")
    assert np.isnan(read_audio(source)[0][0, 100:200]).all()
    rewrite(source, target, [Part(100, 0, np.zeros(100))])
    after = read_audio(target)[0][0]
    assert np.isfinite(after[:300]).all()
    assert after[300] == np.inf


def test_other_containers_on_request(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, music().T, 44_100, subtype="PCM_24")
    rewrite(source, tmp_path / "out.flac", [])
    assert probe(tmp_path / "out.flac").subtype == "PCM_24"
    assert native(tmp_path / "out.flac").tobytes() == native(source).tobytes()
    rewrite(source, tmp_path / "out.ogg", [])
    assert probe(tmp_path / "out.ogg").subtype == "VORBIS"
    rewrite(tmp_path / "out.ogg", tmp_path / "back.wav", [])
    assert probe(tmp_path / "back.wav").subtype == "FLOAT"


def test_writing_blocks_gives_the_file_of_the_whole(tmp_path: Path) -> None:
    audio = music(2)
    write_audio(tmp_path / "a.wav", [audio[:, :5_000], audio[:, 5_000:]], 44_100, subtype="DOUBLE")
    got, info = read_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(got, audio)
    assert (info.subtype, info.rate_hz) == ("DOUBLE", 44_100)
    with pytest.raises(OutputError, match="suffix"):
        write_audio(tmp_path / "a.xyz", audio, 44_100)


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    import tracemalloc

    source = tmp_path / "long.wav"
    with soundfile.SoundFile(source, "w", 44_100, 2, "PCM_16") as sound:
        for _ in range(60):
            sound.write(np.zeros((88_200, 2), "int16"))
    tracemalloc.start()
    rewrite(source, tmp_path / "long.flac", [Part(1_000_000, 0, np.zeros(100))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_an_mp3_read_in_blocks_is_what_it_is_as_a_whole(tmp_path):
    path = tmp_path / "a.mp3"
    noise = 0.1 * np.random.default_rng(0).standard_normal(66_150)
    soundfile.write(path, noise, 44_100, format="MP3", subtype="MPEG_LAYER_III")
    blocks = list(read_blocks(path, 10_000))
    assert len(blocks) > 5
    whole = soundfile.read(path, always_2d=True)[0].T
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)
