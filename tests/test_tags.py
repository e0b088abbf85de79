"""Tags and covers stay with a recording, also into another container."""

from __future__ import annotations

from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, TIT2, TPE1
from mutagen.mp3 import MP3
from tests.test_audiofile import Part

from restore_audio.audio.audiofile import rewrite
from restore_audio.audio.tags import read_tags

COVER = b"\x89PNG\r\n" + bytes(range(200))


def tone(path: Path, rate_hz: int = 48_000) -> Path:
    soundfile.write(path, 0.3 * np.sin(np.arange(rate_hz) * 0.05), rate_hz)
    return path


def tagged_flac(path: Path) -> Path:
    file = FLAC(tone(path))
    file["title"], file["artist"], file["mood"] = "Gymnopédie", ["A", "B"], "calm"
    picture = Picture()
    picture.data, picture.mime, picture.type = COVER, "image/png", 3
    file.add_picture(picture)
    file.save()
    return path


def tagged_mp3(path: Path) -> Path:
    file = MP3(tone(path))
    file.add_tags()
    file.tags.add(TIT2(encoding=3, text="Gymnopédie"))
    file.tags.add(TPE1(encoding=3, text=["A", "B"]))
    file.tags.add(COMM(encoding=3, lang="eng", desc="", text="hiss"))
    file.tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=COVER))
    file.save()
    return path


def covers(path: Path) -> list[bytes]:
    file = mutagen.File(path)
    if hasattr(file, "pictures"):
        return [p.data for p in file.pictures]
    if path.suffix == ".mp3" or path.suffix == ".wav":
        return [frame.data for frame in file.tags.getall("APIC")]
    import base64

    return [Picture(base64.b64decode(t)).data for t in file.tags["metadata_block_picture"]]


@pytest.mark.parametrize("target", ["out.flac", "out.ogg", "out.opus", "out.mp3", "out.wav"])
@pytest.mark.parametrize("source", ["in.flac", "in.mp3"])
def test_tags_and_cover_come_along(tmp_path: Path, source: str, target: str) -> None:
    path = (tagged_flac if source == "in.flac" else tagged_mp3)(tmp_path / source)
    rewrite(path, tmp_path / target, [Part(100, 0, np.zeros(50))])
    tags = read_tags(tmp_path / target)
    assert tags["title"] == ["Gymnopédie"]
    assert tags["artist"] == ["A", "B"]
    assert tags["mood" if source == "in.flac" else "comment"] == ["calm" if source == "in.flac" else "hiss"]
    assert covers(tmp_path / target) == [COVER]


def test_a_file_without_tags_gets_none(tmp_path: Path) -> None:
    rewrite(tone(tmp_path / "in.flac"), tmp_path / "out.ogg", [Part(0, 0, np.zeros(5))])
    assert set(read_tags(tmp_path / "out.ogg")) <= {"encoder"}
