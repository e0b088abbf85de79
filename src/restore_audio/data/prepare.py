"""Decoded music on disk, ready to be cut into patches: written once, memory-mapped ever after.

In: a :class:`~restore_audio.data.library.Library`. Out: a folder as :mod:`.cache` reads it. Nothing is held
in memory but the blocks that are being decoded.

A journal keeps what is finished: an interrupted run goes on after the last whole track, and a later run
over a grown library decodes only what is new.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from ..audio.stretch import read_stretch, shape_of
from ..errors import InputError, OutputError
from ..files import beside
from ..leftovers import alone
from .cache import SCHEMA, Cache, CachedTrack, PrepareSettings, check_schema, read_json
from .library import MIN_SECONDS, Library, Rejected, Track, brief

_BLOCK_FRAMES = 1 << 18
_SPARE_BYTES = 16 * 1024**2

Progress = Callable[[int, int, str], None]


def needed_bytes(library: Library, settings: PrepareSettings) -> int:
    """Disk that the cache of a library takes."""
    return sum(_track_bytes(track, settings) for track in library.tracks)


def _track_bytes(track: Track, settings: PrepareSettings) -> int:
    seconds = min(track.seconds, settings.max_seconds or track.seconds)
    channels = 1 if settings.mono else track.channels
    return round(seconds * (settings.rate_hz or track.rate_hz)) * channels * 2


def prepare(
    library: Library,
    to: Path,
    settings: PrepareSettings,
    *,
    progress: Progress = lambda done, total, name: None,
) -> tuple[Cache, tuple[Rejected, ...]]:
    """Decode a library into the folder ``to``, or go on where an earlier run stopped.

    Args:
        to: the cache's folder; made if need be.
        progress: called before each track with tracks done, tracks in all and the track's name.

    Returns:
        The cache, and the tracks that broke while they were decoded.

    Raises:
        InputError: the folder holds a cache of another version or of other settings.
        OutputError: not enough disk, or it cannot be written; what was finished is kept.
    """
    try:
        to.mkdir(parents=True, exist_ok=True)
        with alone(to / "lock"):  # the processes of one training all ask for it
            return _prepare(library, to, settings, progress)
    except OSError as error:
        raise OutputError(
            f"The cache cannot be made in {to} ({error.strerror}); give another folder."
        ) from error


def _prepare(
    library: Library, to: Path, settings: PrepareSettings, progress: Progress
) -> tuple[Cache, tuple[Rejected, ...]]:
    writer = _Writer(to, settings)
    todo = [track for track in library.tracks if writer.finished(track) is None]
    _check_disk(to, sum(_track_bytes(track, settings) for track in todo))
    broken: list[Rejected] = []
    try:
        for number, track in enumerate(todo):
            progress(number, len(todo), track.name)
            if (fault := writer.add(track)) is not None:
                broken.append(Rejected(track.name, fault))
        tracks = [done for track in library.tracks if (done := writer.finished(track)) is not None]
        if not tracks:
            first = f"{broken[0].name} is {broken[0].reason}" if broken else "it has no tracks"
            raise InputError(f"Nothing in {library.root} could be decoded: {first}.")
        writer.finish(tracks)
    except OSError as error:
        raise OutputError(
            f"The cache in {to} could not be written ({error.strerror}); make room and run the same "
            f"command again: {len(writer.journal)} finished tracks are kept."
        ) from error
    return Cache.open(to), tuple(broken)


def _check_disk(to: Path, needed: int) -> None:
    free = shutil.disk_usage(to).free
    if needed + _SPARE_BYTES > free:
        raise OutputError(
            f"The cache needs {needed / 1e9:.2f} GB and {to} has {free / 1e9:.2f} GB left; "
            "make room, or use a lower --rate, --mono or --max-seconds-per-track."
        )


class _Writer:
    """Adds tracks and keeps the journal."""

    def __init__(self, folder: Path, settings: PrepareSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.journal: dict[str, CachedTrack] = {}
        self._path = folder / "journal.jsonl"
        self._files = 0
        if (folder / "index.json").exists():
            check_schema(read_json(folder / "index.json"), folder)
        # A run that was killed may leave half a line behind: only whole lines count.
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole:
            self._read_journal(whole)
        else:
            whole = json.dumps({"schema": SCHEMA, "settings": asdict(settings)}) + "\n"
        if whole != text:
            with beside(self._path) as part:
                part.write_text(whole, encoding="utf-8")

    def _read_journal(self, whole: str) -> None:
        try:
            head, *entries = [json.loads(line) for line in whole.splitlines()]
            check_schema(head, self.folder)
            if head["settings"] != asdict(self.settings):
                words = _settings_words(head["settings"])
                raise InputError(
                    f"{self.folder} holds a cache made with other settings ({words}); "
                    "give the same settings or another folder."
                )
            tracks = [CachedTrack(**entry) for entry in entries]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._path} is damaged; prepare the cache again in an empty folder."
            ) from error
        # After a power cut the journal may know of samples that never reached the disk.
        self.journal = {track.source: track for track in tracks if track.is_in(self.folder)}
        self._files = len(tracks)

    def finished(self, track: Track) -> CachedTrack | None:
        """The cached form of a track, if it is there and its file has not changed since."""
        done = self.journal.get(track.name)
        if done is None or done.source_bytes != track.size_bytes or done.genre != track.genre:
            return None
        return replace(done, split=track.split)

    def add(self, track: Track) -> str | None:
        """Decode and append a track; what is wrong with it, if it cannot be decoded."""
        path = self.folder / f"{self._files:05d}.i16"
        channels = 1 if self.settings.mono else track.channels
        rate_hz = self.settings.rate_hz or track.rate_hz
        frames = 0
        try:
            with beside(path) as part, part.open("wb") as sink:
                for block in decode_blocks(track.path, self.settings):
                    sink.write(block.tobytes())
                    frames += len(block)
        except InputError as error:
            return f"broken ({brief(error, track.path)})"
        if frames < MIN_SECONDS * rate_hz:
            path.unlink()
            return f"too short ({frames / rate_hz:.2f} s decoded)"
        done = CachedTrack(
            path.name, frames, rate_hz, channels, track.genre, track.name, track.split, track.size_bytes
        )
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(done)) + "\n")
        self.journal[track.name] = done
        self._files += 1
        return None

    def finish(self, tracks: list[CachedTrack]) -> None:
        """Write the index: from here on the cache can be opened."""
        index = {
            "schema": SCHEMA,
            "settings": asdict(self.settings),
            "tracks": [asdict(track) for track in tracks],
        }
        with beside(self.folder / "index.json") as part:
            part.write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


def decode_blocks(path: Path, settings: PrepareSettings) -> Iterator[NDArray[np.int16]]:
    """Decode a file to int16 blocks ``(n, C)`` at the wanted rate and channels.

    Raises:
        InputError: it cannot be decoded.
    """
    shape = shape_of(path)
    rate_hz = settings.rate_hz or shape.rate_hz
    channels = 1 if settings.mono else shape.channels
    first, left = 0, shape.frames
    if settings.max_seconds is not None and left > settings.max_seconds * shape.rate_hz:
        wanted = round(settings.max_seconds * shape.rate_hz)
        first, left = (left - wanted) // 2, wanted
    resampler = None
    if rate_hz != shape.rate_hz:
        resampler = soxr.ResampleStream(shape.rate_hz, rate_hz, channels, dtype="float32")
    for block in read_stretch(path, first, left, _BLOCK_FRAMES):
        mixed = block.mean(axis=1, keepdims=True) if settings.mono else block
        yield _int16(mixed if resampler is None else resampler.resample_chunk(mixed))
    if resampler is not None:
        yield _int16(resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True))


def _int16(block: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2")


def _settings_words(settings: dict[str, Any]) -> str:
    words = [f"{settings['rate_hz']} Hz" if settings["rate_hz"] else "native rate"]
    words.append("mono" if settings["mono"] else "all channels")
    if settings["max_seconds"]:
        words.append(f"{settings['max_seconds']:g} s of each track at most")
    return ", ".join(words)
