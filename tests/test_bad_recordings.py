"""What cannot be read or written ends in one sentence that names the file, and nothing is lost."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from restore_audio.audio.audiofile import probe, read_audio, read_blocks, rewrite
from restore_audio.audio.output import beside
from restore_audio.errors import InputError, OutputError
from test_audiofile import Part, music


def test_bad_input_gets_one_sentence_with_the_file_in_it(tmp_path, monkeypatch):
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
        refused("song.m4a", r"pip install av.*ffmpeg")
    (tmp_path / "folder").mkdir()
    refused("folder", "folder")
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), 44_100)
    refused("none.wav", "no audio")
    soundfile.write(tmp_path / "slow.wav", music(1, 4_000).T, 4_000)
    refused("slow.wav", "4000 Hz: resample")
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


@pytest.mark.parametrize("share", [0.0005, 0.5, 0.97])
@pytest.mark.parametrize(
    ("suffix", "container", "subtype"),
    [
        (".wav", "WAV", "PCM_16"),
        (".wav", "WAV", "FLOAT"),
        (".wav", "WAV", "IMA_ADPCM"),
        (".rf64", "RF64", "PCM_24"),
        (".w64", "W64", "PCM_16"),
        (".aiff", "AIFF", "PCM_16"),
        (".caf", "CAF", "PCM_16"),
        (".caf", "CAF", "ALAC_16"),
        (".au", "AU", "PCM_16"),
        (".flac", "FLAC", "PCM_16"),
        (".ogg", "OGG", "VORBIS"),
        (".opus", "OGG", "OPUS"),
        (".mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
def test_a_recording_that_is_cut_off_is_refused(tmp_path, suffix, container, subtype, share):
    source = tmp_path / f"cut{suffix}"
    soundfile.write(source, music(2, 48_000, 2.0).T, 48_000, format=container, subtype=subtype)
    whole = source.read_bytes()
    source.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError) as caught:
        rewrite(source, tmp_path / "out.wav", [Part(0, 0, np.zeros(9))])
    sentence = str(caught.value)
    assert str(source) in sentence
    assert sentence.endswith(".")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_header_that_counts_itself_in_is_no_damage(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, music(1).T, 44_100, subtype="PCM_16")
    whole = bytearray(source.read_bytes())
    place = whole.index(b"data") + 4
    size = struct.unpack("<I", whole[place : place + 4])[0]
    whole[place : place + 4] = struct.pack("<I", size + 44)
    source.write_bytes(whole)
    assert probe(source).frames == music(1).shape[1]
    whole[place : place + 4] = struct.pack("<I", size + 4_400)
    source.write_bytes(whole)
    with pytest.raises(InputError, match=r"in\.wav is cut off"):
        probe(source)


def _with_checksum(page: bytes) -> bytes:
    """An Ogg page with its checksum (RFC 3533)."""
    page = page[:22] + bytes(4) + page[26:]
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = ((checksum << 1) ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", checksum) + page[26:]


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_an_ogg_stream_that_promises_some_samples_too_many_is_whole(tmp_path: Path, subtype: str) -> None:
    source, more = tmp_path / "in.ogg", tmp_path / "more.ogg"
    soundfile.write(source, music(1).T, 48_000, format="OGG", subtype=subtype)
    whole = source.read_bytes()
    last = whole.rindex(b"OggS")
    granule = struct.unpack("<q", whole[last + 6 : last + 14])[0] + 1500
    page = whole[last : last + 6] + struct.pack("<q", granule) + whole[last + 14 :]
    more.write_bytes(whole[:last] + _with_checksum(page))
    with soundfile.SoundFile(more) as sound:
        promised, readable = sound.frames, len(sound.read(always_2d=True))
    assert promised > readable >= music(1).shape[1]
    assert probe(more).frames == readable
    assert read_audio(more)[0].shape[1] == readable


def test_a_header_without_channels_or_rate_is_no_recording(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, music(1).T, 44_100, subtype="PCM_16")
    whole = source.read_bytes()
    for offset, size in ((22, 2), (24, 4)):
        source.write_bytes(whole[:offset] + bytes(size) + whole[offset + size :])
        with pytest.raises(InputError, match=r"in\.wav is not audio"):
            probe(source)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(InputError, match=r"pipe\.wav is no file.*-"):
        probe(tmp_path / "pipe.wav")


@pytest.mark.parametrize("name", ["out.m4a", "out.aac", "out.sd2"])
def test_containers_that_are_only_read_are_refused(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / "in.wav", music().T, 44_100)
    with pytest.raises(OutputError, match=f"{name} cannot be written.*\\.flac"):
        rewrite(tmp_path / "in.wav", tmp_path / name, [])
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_the_input_is_never_replaced_through_a_link(tmp_path: Path) -> None:
    source, link = tmp_path / "in.wav", tmp_path / "link.wav"
    soundfile.write(source, music().T, 44_100)
    link.symlink_to(source)
    before = source.read_bytes()
    with pytest.raises(OutputError, match="recording itself"):
        rewrite(source, link, [Part(0, 0, np.zeros(9))], overwrite=True)
    with pytest.raises(OutputError, match="is a folder"):
        rewrite(source, tmp_path, [])
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("number", "match"), [(13, "no permission"), (30, "only be read"), (28, "disk is full")]
)
def test_folders_that_cannot_be_written_are_named(tmp_path, monkeypatch, number, match):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("restore_audio.files.locked", refuse)
    with pytest.raises(OutputError, match=match) as caught, beside(tmp_path / "out.wav"):
        pass
    assert "out.wav" in str(caught.value)


FULL_DISK = """
import resource, signal, sys
from types import SimpleNamespace
import numpy as np
from restore_audio.audio.audiofile import rewrite
from restore_audio.errors import OutputError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
for target in sys.argv[2:]:
    try:
        part = SimpleNamespace(start=5, channel=0, samples=np.zeros(9))
        rewrite(sys.argv[1], target, [part], overwrite=True)
    except OutputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes cannot be limited here")
def test_when_the_disk_is_full_earlier_results_stay(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, music(2, 48_000, 4.0).T, 48_000)
    names = ["out.wav", "out.flac", "out.ogg", "out.mp3", "out.opus", "out.caf", "out.w64", "out.aiff"]
    for name in names:
        (tmp_path / name).write_bytes(b"an earlier result")
    targets = [str(tmp_path / name) for name in names]
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(source), *targets],
        capture_output=True,
        text=True,
        check=True,
    )
    sentences = run.stdout.splitlines()
    assert len(sentences) == len(names)
    for name, sentence in zip(names, sentences, strict=True):
        assert f"{name} cannot be written" in sentence
        assert (tmp_path / name).read_bytes() == b"an earlier result"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.wav", *names])
