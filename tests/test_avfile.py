"""M4A and AAC are read when PyAV is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4, MP4Cover

from restore_audio.audio.audiofile import probe, read_audio, read_blocks, rewrite
from restore_audio.audio.tags import read_tags
from restore_audio.errors import InputError, OutputError
from test_audiofile import Part, music, native

av = pytest.importorskip("av", reason="PyAV is an optional part of the installation")


def encoded(path: Path, samples: np.ndarray, codec: str, layout: str = "stereo") -> Path:
    """Samples (C, T) of the type that the codec takes, at 44.1 kHz."""
    kind = {"float32": "fltp", "int16": "s16p", "int32": "s32p"}[samples.dtype.name]
    with av.open(str(path), "w", format="adts" if path.suffix == ".aac" else "ipod") as container:
        stream = container.add_stream(codec, rate=44_100, layout=layout, format=kind)
        for start in range(0, samples.shape[1], 4_096):
            block = np.ascontiguousarray(samples[:, start : start + 4_096])
            frame = av.AudioFrame.from_ndarray(block, format=kind, layout=layout)
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("kind", "shift", "subtype"), [("int16", 0, "PCM_16"), ("int32", 8, "PCM_24")])
def test_apple_lossless_becomes_wav_bit_for_bit(tmp_path: Path, kind: str, shift: int, subtype: str) -> None:
    bits = 16 if kind == "int16" else 24
    whole = np.rint(music() * 2 ** (bits - 1)).clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    source = encoded(tmp_path / "in.m4a", whole.astype(kind) << shift, "alac")
    info = probe(source)
    assert (info.frames, info.channels, info.subtype) == (music().shape[1], 2, f"ALAC_{bits}")
    for name in ("out.wav", "out.flac"):
        rewrite(source, tmp_path / name, [Part(500, 1, np.zeros(50))])
        assert probe(tmp_path / name).subtype == subtype
        expected = whole.astype(np.int32).T << (32 - bits)
        expected[500:550, 1] = 0
        np.testing.assert_array_equal(native(tmp_path / name), expected)


@pytest.mark.parametrize("name", ["in.m4a", "in.aac", "misnamed.wav"])
def test_aac_is_read_in_blocks_of_any_size(tmp_path: Path, name: str) -> None:
    audio = music(1, seconds=2.0)
    made = encoded(
        tmp_path / ("in.aac" if name == "in.aac" else "in.m4a"), audio.astype(np.float32), "aac", "mono"
    )
    source = made.rename(tmp_path / name)
    whole, info = read_audio(source)
    assert whole.shape == (1, info.frames)
    assert audio.shape[1] <= info.frames < audio.shape[1] + 4_096
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(source, 777)), axis=1), whole)
    assert np.std(whole) == pytest.approx(np.std(audio), rel=0.1)


def test_its_tags_and_cover_come_along(tmp_path: Path) -> None:
    source = encoded(tmp_path / "in.m4a", music().astype(np.float32), "aac")
    file = MP4(source)
    file["\xa9nam"], file["\xa9ART"], file["trkn"] = "Gymnopédie", ["A", "B"], [(3, 12)]
    file["covr"] = [MP4Cover(b"\x89PNG\r\n", MP4Cover.FORMAT_PNG)]
    file.save()
    rewrite(source, tmp_path / "out.flac", [])
    tags = read_tags(tmp_path / "out.flac")
    assert (tags["title"], tags["artist"], tags["tracknumber"]) == (["Gymnopédie"], ["A", "B"], ["3/12"])


def test_it_is_copied_when_clean_and_refused_with_the_way_out_when_not(tmp_path: Path) -> None:
    source, target = encoded(tmp_path / "in.m4a", music().astype(np.float32), "aac"), tmp_path / "out.m4a"
    with pytest.raises(OutputError, match=r"out\.m4a cannot be written.*\.flac"):
        rewrite(source, target, [Part(0, 0, np.zeros(9))])
    assert not target.exists()
    assert rewrite(source, target, []) is True
    assert target.read_bytes() == source.read_bytes()


def test_one_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    source = encoded(tmp_path / "in.m4a", music().astype(np.float32), "aac")
    source.write_bytes(source.read_bytes()[:-3_000])
    with pytest.raises(InputError, match=r"in\.m4a.*cut off"):
        read_audio(source)


def test_without_a_name_the_result_is_flac_and_that_is_said(tmp_path: Path, capsys) -> None:
    from restore_audio.cli import main

    source = encoded(tmp_path / "in.m4a", music().astype(np.float32), "aac")
    assert main(["fix", str(source)]) == 0
    assert main(["fix", str(source), "-o", str(tmp_path / "out/")]) == 0
    for made in (tmp_path / "in.restored.flac", tmp_path / "out" / "in.flac"):
        assert (probe(made).format, probe(made).frames) == ("FLAC", probe(source).frames)
    err = capsys.readouterr().err
    assert "M4A is only read here, so the result is in.restored.flac" in err
    assert "so the result is in.flac" in err
    assert main(["fix", str(source), "-o", str(tmp_path / "named.flac")]) == 0
    assert "only read" not in capsys.readouterr().err
