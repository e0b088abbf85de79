"""Tags and cover art, carried from one file to another by mutagen.

In: a tagged source and an encoded target. Out: the target with the source's tags: all of them where both
have the same kind of tags, else the common ones (title, artist, album, date, genre, track, comment) and the
pictures.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import mutagen
import soundfile
from mutagen.aiff import AIFF
from mutagen.flac import FLAC, Picture
from mutagen.flac import error as FLACError
from mutagen.id3 import APIC, COMM, ID3, TXXX, Frames
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4Cover, MP4Tags
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from ..errors import OutputError
from .native import no_library_messages, sndfile_name

_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "albumartist": "TPE2",
    "composer": "TCOM",
    "date": "TDRC",
    "genre": "TCON",
    "tracknumber": "TRCK",
    "discnumber": "TPOS",
    "copyright": "TCOP",
}
"""Vorbis comments and the ID3 frames that mean the same."""

_ATOMS = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album": "\xa9alb",
    "albumartist": "aART",
    "composer": "\xa9wrt",
    "date": "\xa9day",
    "genre": "\xa9gen",
    "comment": "\xa9cmt",
    "copyright": "cprt",
}
"""Vorbis comments and the MPEG-4 atoms that mean the same."""

_STRINGS = ("title", "artist", "album", "date", "genre", "tracknumber", "comment", "copyright", "license")
"""Texts that libsndfile keeps in chunks of WAV, AIFF and CAF (LIST INFO and the like)."""

_WRITES_STRINGS = frozenset({"WAV", "WAVEX", "RF64", "CAF"})

_PICTURE = "metadata_block_picture"

_FLAC_BLOCKS = (2, 5)
"""APPLICATION and CUESHEET; libsndfile makes the others anew, comments and pictures are copied apart."""

Comments = dict[str, list[str]]


def read_tags(path: Path) -> Comments:
    """The text tags of a file under their Vorbis names; empty where there are none."""
    return _source_tags(path)[0]


def text_strings(source: Path, container: str) -> dict[str, str]:
    """What to hand to libsndfile for a new file's text chunks: soundfile's attribute names and texts."""
    if container not in _WRITES_STRINGS:
        return {}
    comments, _ = _source_tags(source)
    return {name: comments[name][0] for name in _STRINGS if comments.get(name)}


def copy_tags(source: Path, target: Path, container: str) -> None:
    """Give ``target`` the tags and pictures of ``source``.

    Args:
        container: the target's, as libsndfile names it; containers that mutagen does not tag are left alone.

    Raises:
        OutputError: they cannot be written.
    """
    tagged, new = _open(source), _open(target)
    if new is None:
        return
    try:
        if tagged is not None and isinstance(tagged.tags, ID3) and isinstance(new, MP3 | WAVE | AIFF):
            if new.tags is None:
                new.add_tags()
            for frame in tagged.tags.values():
                new.tags.add(frame)
            new.save()
            return
        comments, pictures = _source_tags(source)
        if isinstance(tagged, FLAC) and isinstance(new, FLAC):
            new.metadata_blocks += [b for b in tagged.metadata_blocks if b.code in _FLAC_BLOCKS]
        elif not comments and not pictures:
            return
        if isinstance(new, FLAC | OggVorbis | OggOpus):
            _write_comments(new, comments, pictures)
        elif isinstance(new, MP3 | WAVE | AIFF):
            _write_frames(new, comments, pictures)
    except (mutagen.MutagenError, OSError) as error:
        raise OutputError(
            f"The tags of {source.name} cannot be written to the {container} file ({error}): the disk may be "
            f"full; free some space, or choose another folder."
        ) from None


def _source_tags(path: Path) -> tuple[Comments, list[Picture]]:
    comments, pictures = _comments(_open(path))
    if not comments:
        comments = {name: [text] for name, text in _strings(path).items()}
    return comments, pictures


def _strings(path: Path) -> dict[str, str]:
    try:
        with no_library_messages(), soundfile.SoundFile(sndfile_name(path)) as sound:
            return {name: text for name in _STRINGS if (text := getattr(sound, name))}
    except (soundfile.LibsndfileError, TypeError):
        return {}  # read by PyAV: its tags are mutagen's


def _open(path: Path) -> Any:
    try:
        return mutagen.File(path)
    except mutagen.MutagenError:
        return None  # what it cannot parse has no tags that it could copy


def _comments(tagged: Any) -> tuple[Comments, list[Picture]]:
    if tagged is None or tagged.tags is None:
        return {}, []
    if isinstance(tagged.tags, ID3):
        return _from_id3(tagged.tags)
    if isinstance(tagged.tags, MP4Tags):
        return _from_mp4(tagged.tags)
    comments: Comments = {}
    pictures = list(getattr(tagged, "pictures", []))
    if hasattr(tagged.tags, "items"):
        for name, values in tagged.tags.items():
            texts = [str(v) for v in (values if isinstance(values, list) else [values])]
            if name.lower() == _PICTURE:
                pictures += [picture for text in texts if (picture := _picture(text)) is not None]
            else:
                comments.setdefault(name.lower(), []).extend(texts)
    return comments, pictures


def _picture(text: str) -> Picture | None:
    try:
        return Picture(base64.b64decode(text))
    except (binascii.Error, FLACError, ValueError):
        return None  # a cover that no player could show either


def _from_mp4(tags: MP4Tags) -> tuple[Comments, list[Picture]]:
    comments: Comments = {
        name: [str(value) for value in tags[atom]] for name, atom in _ATOMS.items() if tags.get(atom)
    }
    for name, atom in (("tracknumber", "trkn"), ("discnumber", "disk")):
        if tags.get(atom):
            number, total = tags[atom][0]
            comments[name] = [f"{number}/{total}" if total else str(number)]
    pictures = []
    for cover in tags.get("covr", []):
        picture = Picture()
        png = cover.imageformat == MP4Cover.FORMAT_PNG
        picture.data, picture.mime, picture.type = bytes(cover), "image/png" if png else "image/jpeg", 3
        pictures.append(picture)
    return comments, pictures


def _from_id3(tags: ID3) -> tuple[Comments, list[Picture]]:
    names = {frame: name for name, frame in _FRAMES.items()}
    comments: Comments = {}
    pictures = []
    for frame in tags.values():
        if isinstance(frame, APIC):
            picture = Picture()
            picture.data, picture.mime, picture.desc, picture.type = (
                frame.data,
                frame.mime,
                frame.desc,
                frame.type,
            )
            pictures.append(picture)
        elif isinstance(frame, COMM):
            comments.setdefault("comment", []).extend(str(t) for t in frame.text)
        elif isinstance(frame, TXXX):
            comments.setdefault(frame.desc.lower(), []).extend(str(t) for t in frame.text)
        elif frame.FrameID in names:
            comments.setdefault(names[frame.FrameID], []).extend(str(t) for t in frame.text)
    return comments, pictures


def _write_comments(new: Any, comments: Comments, pictures: list[Picture]) -> None:
    if new.tags is None:
        new.add_tags()
    for name, values in comments.items():
        new.tags[name] = values
    if isinstance(new, FLAC):
        for picture in pictures:
            new.add_picture(picture)
    elif pictures:
        new.tags[_PICTURE] = [base64.b64encode(p.write()).decode("ascii") for p in pictures]
    new.save()


def _write_frames(new: Any, comments: Comments, pictures: list[Picture]) -> None:
    if new.tags is None:
        new.add_tags()
    for name, values in comments.items():
        if name in _FRAMES:
            new.tags.add(Frames[_FRAMES[name]](encoding=3, text=values))
        elif name == "comment":
            new.tags.add(COMM(encoding=3, lang="und", desc="", text=values))
        else:
            new.tags.add(TXXX(encoding=3, desc=name, text=values))
    for picture in pictures:
        new.tags.add(
            APIC(encoding=3, mime=picture.mime, type=picture.type, desc=picture.desc, data=picture.data)
        )
    new.save()
