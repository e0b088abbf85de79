"""Decoded music on disk, memory-mapped: what a training reads.

In: a folder made by :mod:`~restore_audio.data.prepare`. Out: int16 stretches of tracks, straight from the
map. The folder holds ``00000.i16`` … (a track each: int16, its channels interleaved) and ``index.json``,
which tells what they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

SCHEMA = 2


@dataclass(frozen=True)
class PrepareSettings:
    """How tracks are decoded.

    Attributes:
        rate_hz: target rate; None keeps each track's own.
        mono: mix channels down.
        max_seconds: of longer tracks only the middle is kept; None keeps all.
    """

    rate_hz: int | None = 16_000
    mono: bool = True
    max_seconds: float | None = None


@dataclass(frozen=True)
class CachedTrack:
    """A track: ``channels * frames`` samples in a file of the folder."""

    file: str
    frames: int
    rate_hz: int
    channels: int
    genre: str
    source: str
    split: str
    source_bytes: int

    def is_in(self, folder: Path) -> bool:
        """Whether all of its samples are there."""
        path = folder / self.file
        return path.is_file() and path.stat().st_size == 2 * self.channels * self.frames


@dataclass(frozen=True)
class Cache:
    """A prepared cache, opened for reading."""

    folder: Path
    settings: PrepareSettings
    tracks: tuple[CachedTrack, ...]

    @classmethod
    def open(cls, folder: Path | str) -> Cache:
        """Open the cache in a folder.

        Raises:
            InputError: there is none, it is unfinished, damaged or of another version.
        """
        folder = Path(folder)
        if not (folder / "index.json").is_file():
            raise InputError(f"{folder} holds no finished cache; make one with `restore-audio data prepare`.")
        data = read_json(folder / "index.json")
        check_schema(data, folder)
        try:
            settings = PrepareSettings(**data["settings"])
            tracks = tuple(CachedTrack(**track) for track in data["tracks"])
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{folder}/index.json is damaged; prepare the cache again in an empty folder."
            ) from error
        missing = next((track.file for track in tracks if not track.is_in(folder)), None)
        if missing is not None:
            raise InputError(
                f"{folder / missing} is missing or cut off; prepare the cache again in an empty folder."
            )
        return cls(folder, settings, tracks)

    @property
    def hours(self) -> float:
        """Length of all tracks together."""
        return sum(track.frames / track.rate_hz for track in self.tracks) / 3600

    def samples(self, track: CachedTrack, start: int, count: int) -> NDArray[np.int16]:
        """A stretch of a track, ``(count,)`` for mono and ``(C, count)`` otherwise, straight from the map.

        Raises:
            ValueError: the stretch is not inside the track.
        """
        if not 0 <= start <= start + count <= track.frames:
            raise ValueError(f"{start} + {count} is not inside the track's {track.frames} frames")
        shape = (track.frames, track.channels)
        whole = np.memmap(self.folder / track.file, "<i2", "r", shape=shape)
        return whole[start : start + count, 0] if track.channels == 1 else whole[start : start + count].T


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; InputError when it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged; prepare the cache again in an empty folder.") from error
    return data if isinstance(data, dict) else {}


def check_schema(data: dict[str, Any], folder: Path) -> None:
    """InputError when a cache was written by another version."""
    if data.get("schema") != SCHEMA:
        raise InputError(f"{folder} holds a cache of another version; prepare it again in an empty folder.")
