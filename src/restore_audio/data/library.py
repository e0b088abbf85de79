"""A folder of music: which tracks it holds, their genres, and which of them cannot be used.

In: FMA's own layout (``fma_metadata/tracks.csv`` beside ``fma_small/000/000002.mp3``) or plain
``genre/…/track.ext`` folders. Out: a :class:`Library` of readable tracks with their headers, sorted by
name, and the files that are broken or too short, each with its reason: a bad file is listed, never a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..audio.stretch import shape_of
from ..audio.suffixes import RECORDINGS
from ..errors import InputError
from . import fma

MIN_SECONDS = 1.0
"""Shorter recordings hold no patch with its surroundings."""


@dataclass(frozen=True)
class Track:
    """A readable recording of a library.

    Attributes:
        name: its path below the library's folder, with ``/``.
        genre: its folder, or FMA's ``genre_top``.
        seconds, rate_hz, channels: from the file's header.
        size_bytes: of the file.
        split: ``train``, ``validation``, ``test``, or empty where no split was given.
    """

    path: Path
    name: str
    genre: str
    seconds: float
    rate_hz: int
    channels: int
    size_bytes: int
    split: str = ""


@dataclass(frozen=True)
class Rejected:
    """A file that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Library:
    """All of a folder: what can be used and what cannot."""

    root: Path
    tracks: tuple[Track, ...]
    rejected: tuple[Rejected, ...]
    is_fma: bool

    @property
    def hours(self) -> float:
        """Length of all tracks together."""
        return sum(track.seconds for track in self.tracks) / 3600


def scan_library(root: Path, *, genres: Collection[str] = ()) -> Library:
    """Find the tracks below ``root``.

    Raises:
        InputError: no such folder, nothing in it, no audio in it, nothing readable in it, an unreadable
            ``tracks.csv``, or a genre that the library does not have.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; give the folder that holds the music.")
    table = fma.find_table(root)
    found = list(_fma_files(root, fma.read_genres(table)) if table else _folder_files(root))
    if not found:
        if not any(root.iterdir()):
            raise InputError(f"{root} is empty; it needs genre/track files or FMA's folders.")
        raise InputError(
            f"{root} holds no audio as genre/track.ext"
            + (" or fma_small/000/000002.mp3" if table else "")
            + "; give the folder above the genres."
        )
    unknown = sorted(set(genres) - {genre for _, genre in found})
    if unknown:
        known = ", ".join(sorted({genre for _, genre in found if genre}))
        raise InputError(f"{root} has no genre {', '.join(unknown)}; it has {known}.")
    tracks: list[Track] = []
    rejected: list[Rejected] = []
    for path, genre in found:
        if genres and genre not in genres:
            continue
        probed = _probe(root, path, genre)
        if isinstance(probed, Track):
            tracks.append(probed)
        else:
            rejected.append(probed)
    if not tracks:
        raise InputError(
            f"None of the {len(rejected)} audio files in {root} can be used: "
            f"{rejected[0].name} is {rejected[0].reason}."
        )
    return Library(root, tuple(tracks), tuple(rejected), table is not None)


def with_split(library: Library, split: Mapping[int, str]) -> Library:
    """The library with FMA's tracks assigned to parts by ``{track id: part}``; others are left out."""
    tracks = []
    for track in library.tracks:
        part = split.get(fma.track_id(track.path) or -1)
        if part:
            tracks.append(replace(track, split=part))
    return replace(library, tracks=tuple(tracks))


def draw_split(library: Library, seed: int) -> dict[int, fma.Part]:
    """The paper's split of FMA's tracks, drawn anew."""
    genres = {
        number: track.genre for track in library.tracks if (number := fma.track_id(track.path)) is not None
    }
    return fma.draw_split(genres, seed=seed)


def kept_split(library: Library, path: Path | None, seed: int) -> Library:
    """FMA's tracks assigned to parts by a split file; if it is not there, the split is drawn and written.

    Args:
        path: of the file; None draws the split and keeps none.

    Raises:
        InputError: the file is no split.
        OutputError: it cannot be written.
    """
    if path is not None and path.exists():
        return with_split(library, fma.read_split(path))
    split = draw_split(library, seed)
    if path is not None:
        fma.write_split(path, split, seed=seed)
    return with_split(library, split)


def _folder_files(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*")):
        inner = path.relative_to(root).parts
        if len(inner) > 1 and path.suffix.lower() in RECORDINGS and _visible(inner) and path.is_file():
            yield path, inner[0]


def _fma_files(root: Path, genres: Mapping[int, str]) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*.mp3")):
        number = fma.track_id(path)
        if number is not None and number in genres and _visible(path.relative_to(root).parts):
            yield path, genres[number]


def _visible(parts: tuple[str, ...]) -> bool:
    return not any(part.startswith(".") for part in parts)


def _probe(root: Path, path: Path, genre: str) -> Track | Rejected:
    name = path.relative_to(root).as_posix()
    if not genre:
        return Rejected(name, "without a genre")
    size = path.stat().st_size
    if size == 0:
        return Rejected(name, "empty")
    try:
        shape = shape_of(path)
    except InputError as error:
        return Rejected(name, f"broken ({brief(error, path)})")
    seconds = shape.frames / shape.rate_hz
    if seconds < MIN_SECONDS:
        return Rejected(name, f"too short ({seconds:.2f} s)")
    return Track(path, name, genre, seconds, shape.rate_hz, shape.channels, size)


def brief(error: InputError, path: Path) -> str:
    """What is wrong with a recording, without its path and the way out."""
    return str(error).removeprefix(f"{path} ").partition(": ")[0]
