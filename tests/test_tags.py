"""Tags and covers stay with a recording, also into another container."""

from __future__ import annotations

from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC, CueSheet, CueSheetTrack, MetadataBlock, Picture
from mutagen.id3 import APIC, COMM, TIT2, TPE1, UFID, USLT
from mutagen.mp3 import MP3
from mutagen.oggvorbis import OggVorbis

from restore_audio.audio.audiofile import rewrite
from restore_audio.audio.tags import read_tags
from restore_audio.errors import OutputError
from test_audiofile import Part

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


def test_texts_of_a_wav_become_tags_and_texts_again(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    with soundfile.SoundFile(source, "w", 48_000, 1) as sound:
        sound.title, sound.artist, sound.tracknumber = "Ein Stück", "Wer", "7"
        sound.write(np.zeros(48_000))
    for name in ("out.flac", "out.mp3", "out.ogg", "out.caf", "out.rf64"):
        rewrite(source, tmp_path / name, [])
        tags = read_tags(tmp_path / name)
        assert (tags["title"], tags["artist"]) == (["Ein Stück"], ["Wer"]), name
        assert tags.get("tracknumber", ["7"]) == ["7"]
    rewrite(tagged_flac(tmp_path / "in.flac"), tmp_path / "back.wav", [])
    with soundfile.SoundFile(tmp_path / "back.wav") as sound:
        assert (sound.title, sound.artist) == ("Gymnopédie", "A")


def test_a_flac_keeps_its_cue_sheet_and_application_blocks(tmp_path: Path) -> None:
    source, target = tagged_flac(tmp_path / "in.flac"), tmp_path / "out.flac"
    file = FLAC(source)
    sheet = CueSheet(None)
    sheet.media_catalog_number, sheet.lead_in_samples, sheet.compact_disc = b"1234567890123", 88_200, True
    sheet.tracks = [CueSheetTrack(1, 0), CueSheetTrack(170, 48_000)]
    block = MetadataBlock(b"riffWAVE")
    block.code = 2
    file.metadata_blocks += [sheet, block]
    file.save()
    rewrite(source, target, [Part(100, 0, np.zeros(50))])
    kept = FLAC(target)
    assert kept.cuesheet == FLAC(source).cuesheet
    assert [b.data for b in kept.metadata_blocks if b.code == 2] == [b"riffWAVE"]
    assert [p.data for p in kept.pictures] == [COVER]


def test_a_broken_cover_costs_no_recording(tmp_path: Path) -> None:
    source = tone(tmp_path / "in.ogg")
    file = OggVorbis(source)
    file["title"], file["metadata_block_picture"] = "Still here", "no base64!"
    file.save()
    rewrite(source, tmp_path / "out.ogg", [Part(100, 0, np.zeros(50))])
    assert read_tags(tmp_path / "out.ogg")["title"] == ["Still here"]


def test_tags_that_cannot_be_written_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise mutagen.MutagenError("No space left on device")

    source = tagged_flac(tmp_path / "in.flac")
    monkeypatch.setattr(FLAC, "save", full)
    with pytest.raises(OutputError, match=r"in\.flac.*disk may be full"):
        rewrite(source, tmp_path / "out.flac", [Part(100, 0, np.zeros(50))])
    assert [path.name for path in tmp_path.iterdir()] == ["in.flac"]


def test_an_mp3_keeps_frames_that_only_id3_has(tmp_path: Path) -> None:
    source, target = tagged_mp3(tmp_path / "in.mp3"), tmp_path / "out.mp3"
    file = MP3(source)
    file.tags.add(UFID(owner="http://musicbrainz.org", data=b"0123"))
    file.tags.add(USLT(encoding=3, lang="eng", desc="", text="La la la"))
    file.save()
    rewrite(source, target, [Part(100, 0, np.zeros(50))])
    assert {k: f for k, f in MP3(target).tags.items() if k != "TSSE"} == dict(file.tags.items())
