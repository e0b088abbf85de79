"""Decoded music on disk, memory-mapped: what a training reads.

In: a folder made by :mod:`~restore_audio.data.prepare`. Out: int16 stretches of tracks, straight from the
map. The folder holds ``shard-00000.npy`` … (flat int16, the channels of a track interleaved) and
``index.json``, which tells where each track lies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

SCHEMA = 1
HEADER_BYTES = 128
"""Length of a shard's .npy header: numpy pads it to this for any number of samples."""


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
    """Where a track lies: ``channels * frames`` samples from ``offset`` on in a shard, interleaved."""

    shard: int
    offset: int
    frames: int
    rate_hz: int
    channels: int
    genre: str
    source: str
    split: str
    source_bytes: int


class Cache:
    """A prepared cache, opened for reading; shards are mapped when first needed."""

    def __init__(self, folder: Path, settings: PrepareSettings, tracks: tuple[CachedTrack, ...]) -> None:
        self.folder = folder
        self.settings = settings
        self.tracks = tracks
        self._shards: dict[int, NDArray[np.int16]] = {}

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
        cache = cls(folder, settings, tracks)
        for shard in sorted({track.shard for track in tracks}):
            last = max(
                track.offset + track.channels * track.frames for track in tracks if track.shard == shard
            )
            path = shard_path(folder, shard)
            if not path.is_file() or path.stat().st_size < HEADER_BYTES + 2 * last:
                raise InputError(f"{path} is missing or cut off; prepare the cache again in an empty folder.")
        return cache

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
        shard = self._shards.get(track.shard)
        if shard is None:
            shard = np.load(shard_path(self.folder, track.shard), mmap_mode="r")
            self._shards[track.shard] = shard
        whole = shard[track.offset : track.offset + track.channels * track.frames]
        if track.channels == 1:
            return whole[start : start + count]
        return whole.reshape(track.frames, track.channels)[start : start + count].T

    def __getstate__(self) -> dict[str, object]:
        # A worker process maps the shards itself instead of being sent their contents.
        return {**self.__dict__, "_shards": {}}


def shard_path(folder: Path, number: int) -> Path:
    """A finished shard."""
    return folder / f"shard-{number:05d}.npy"


def under_way_path(folder: Path, number: int) -> Path:
    """A shard that is still being written."""
    return folder / f"shard-{number:05d}.npy.part"


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
