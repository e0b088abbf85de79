"""Recordings go in and come out as they were, but for the samples that are replaced."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restore_audio.audio.audiofile import probe, read_audio, read_blocks, rewrite, write_audio
from restore_audio.audio.native import native_dtype
from restore_audio.errors import InputError, OutputError


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
def test_lossy_recordings_keep_shape_and_coding(
    tmp_path: Path, suffix: str, container: str, subtype: str, rate_hz: int
) -> None:
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


def test_what_a_container_cannot_hold_is_refused_with_the_way_out(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, music().T, 44_100, subtype="PCM_32")
    with pytest.raises(OutputError, match=r"out\.flac.*24 bits.*\.wav"):
        rewrite(source, tmp_path / "out.flac", [])
    with pytest.raises(OutputError, match=r"out\.opus.*44100 Hz.*\.flac"):
        rewrite(source, tmp_path / "out.opus", [])
    soundfile.write(tmp_path / "in.caf", music().T, 44_100, subtype="ALAC_24")
    with pytest.raises(OutputError, match=r"out\.caf.*\.flac"):
        rewrite(tmp_path / "in.caf", tmp_path / "out.caf", [Part(0, 0, np.zeros(9))])
    soundfile.write(source, music(6).T, 44_100, subtype="PCM_16")
    with pytest.raises(OutputError, match=r"out\.mp3.*6 channel"):
        rewrite(source, tmp_path / "out.mp3", [])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.caf", "in.wav"]


def test_bad_input_gets_one_sentence_with_the_file_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, match: str) -> None:
        with pytest.raises(InputError, match=match) as caught:
            list(read_blocks(tmp_path / name)) if name == "short.flac" else probe(tmp_path / name)
        assert name in str(caught.value)

    refused("none.wav", "not there")
    (tmp_path / "empty.wav").write_bytes(b"")
    refused("empty.wav", "is empty")
    (tmp_path / "text.wav").write_text("these are words")
    refused("text.wav", "not audio")
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(64))
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "av", None)
        without.delitem(sys.modules, "restore_audio.audio.avfile", raising=False)
        refused("song.m4a", r"restore-audio\[m4a\].*ffmpeg")
    (tmp_path / "folder").mkdir()
    refused("folder", "folder")
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), 44_100)
    refused("none.wav", "no audio")
    soundfile.write(tmp_path / "slow.wav", music(1, 4_000).T, 4_000)
    refused("slow.wav", "4000 Hz")
    soundfile.write(tmp_path / "fast.wav", music(1, 200_000).T, 200_000)
    refused("fast.wav", "200000 Hz")
    soundfile.write(tmp_path / "whole.wav", music(1).T, 44_100)
    (tmp_path / "short.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:20_000])
    refused("short.wav", "cut off")
    soundfile.write(tmp_path / "whole.flac", music(1, seconds=3).T, 44_100)
    (tmp_path / "short.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:50_000])
    refused("short.flac", "copy it again")


def test_nothing_is_lost_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "in.flac", tmp_path / "out.flac"
    soundfile.write(source, music().T, 44_100)
    target.write_bytes(b"an earlier result")

    def interrupted():  # type: ignore[no-untyped-def]
        yield Part(0, 0, np.zeros(10))
        raise KeyboardInterrupt

    with pytest.raises(OutputError, match="--overwrite"):
        rewrite(source, target, [])
    with pytest.raises(KeyboardInterrupt):
        rewrite(source, target, interrupted(), overwrite=True)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", full)
        with pytest.raises(OutputError, match="disk is full"):
            rewrite(source, target, [], overwrite=True)
    with pytest.raises(OutputError, match="recording itself"):
        rewrite(source, source, [], overwrite=True)
    with pytest.raises(OutputError, match="not there"):
        rewrite(source, tmp_path / "no" / "out.flac", [])
    assert target.read_bytes() == b"an earlier result"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.flac", "out.flac"]


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
