"""Tags and cover art, carried from one file to another by mutagen.

In: a tagged source and an encoded target. Out: the target with the source's tags: all of them where both
have the same kind of tags, else the common ones (title, artist, album, date, genre, track, comment) and the
pictures.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import mutagen
from mutagen.aiff import AIFF
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, TXXX, Frames
from mutagen.mp3 import MP3
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

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

_PICTURE = "metadata_block_picture"

Comments = dict[str, list[str]]


def read_tags(path: Path) -> Comments:
    """The text tags of a file under their Vorbis names; empty where there are none."""
    return _comments(_open(path))[0]


def copy_tags(source: Path, target: Path, container: str) -> None:
    """Give ``target`` the tags and pictures of ``source``.

    Args:
        source: the tagged file.
        target: an encoded file.
        container: the target's, as libsndfile names it; containers that mutagen does not tag are left alone.
    """
    tagged, new = _open(source), _open(target)
    if tagged is None or new is None or tagged.tags is None:
        return
    if isinstance(tagged.tags, ID3) and isinstance(new, MP3 | WAVE | AIFF):
        if new.tags is None:
            new.add_tags()
        for frame in tagged.tags.values():
            new.tags.add(frame)
        new.save()
        return
    comments, pictures = _comments(tagged)
    if not comments and not pictures:
        return
    if isinstance(new, FLAC | OggVorbis | OggOpus):
        _write_comments(new, comments, pictures)
    elif isinstance(new, MP3 | WAVE | AIFF):
        _write_frames(new, comments, pictures)


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
    comments: Comments = {}
    pictures = list(getattr(tagged, "pictures", []))
    if hasattr(tagged.tags, "items"):
        for name, values in tagged.tags.items():
            texts = [str(v) for v in (values if isinstance(values, list) else [values])]
            if name.lower() == _PICTURE:
                pictures += [Picture(base64.b64decode(text)) for text in texts]
            else:
                comments.setdefault(name.lower(), []).extend(texts)
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
