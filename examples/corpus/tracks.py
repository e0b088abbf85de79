"""Taking the wanted recordings out of one unpacked package.

In: a package's folder and its recipe. Out: audio files in the corpus folder, an
:class:`~corpus.manifest.Entry` for each, and what was left out and why. Files are copied as they
are wherever possible; what must be cut, joined or summed becomes 16-bit FLAC.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath

import mutagen
import numpy as np
import soundfile

from restore_audio.errors import OutputError
from restore_audio.files import beside

from . import clips
from .manifest import Entry, Skipped
from .packages import Stanza, package_version, read_copyright, stanza_of
from .recipe import Package, Pick, genre_folder

MIN_SECONDS = 20.0
"""Shorter files are effects, not music, unless they are speech."""

MIN_SPOKEN_SECONDS = 5.0
JOINED_SECONDS = 180.0
LOOP_SECONDS = (60.0, 420.0)
_ENDINGS = {"OGG": ".ogg", "FLAC": ".flac", "WAV": ".wav", "MP3": ".mp3", "MPEG": ".mp3"}


@dataclass(frozen=True)
class _File:
    path: Path
    name: str
    pick: Pick


class UnwantedError(Exception):
    """A file that is not wanted; the message is the reason."""


class Taker:
    """Takes one unpacked package into the corpus."""

    def __init__(
        self, package: Package, root: Path, to: Path, scratch: Path, licences: Sequence[str]
    ) -> None:
        self.package = package
        self.root = root
        self.to = to
        self.scratch = scratch
        self.licences = licences
        self.version = package_version(root, package)
        self.stanzas: list[Stanza] = read_copyright(root)
        self.skipped: list[Skipped] = []
        self.used: set[str] = set()

    def entries(self) -> list[Entry]:
        """Write the tracks and describe them."""
        files = sorted(self._files(), key=lambda file: file.name)
        if not files:
            self._leave("", "nothing in the package fits the recipe")
        taken: list[Entry] = []
        for file in files:
            if file.pick.how in ("copy", "loop"):
                taken += self._attempt(file.name, partial(self._one, file))
        for how, take in (("mix", self._mixed), ("join", self._joined)):
            for folder, group in _grouped(file for file in files if file.pick.how == how):
                taken += self._attempt(folder, partial(take, folder, group))
        return taken

    def _attempt(self, name: str, take: Callable[[], list[Entry]]) -> list[Entry]:
        try:
            return take()
        except UnwantedError as reason:
            self._leave(name, str(reason))
        except (soundfile.LibsndfileError, zipfile.BadZipFile) as error:
            self._leave(name, f"broken: {error}")
        return []

    def _leave(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(self.package.name, name, reason))

    def _files(self) -> Iterator[_File]:
        picks = self.package.picks
        archives = {pick.pattern.partition("!")[0] for pick in picks if "!" in pick.pattern}
        for path in sorted(self.root.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            name = path.relative_to(self.root).as_posix()
            names = [name]
            if any(fnmatch(name, archive) for archive in archives):
                with zipfile.ZipFile(path) as archive:
                    names = [f"{name}!{member}" for member in archive.namelist() if not member.endswith("/")]
            for full in names:
                pick = next((pick for pick in picks if fnmatch(full, pick.pattern)), None)
                if pick is not None and pick.how != "leave":
                    yield _File(path, full, pick)

    def _licence(self, name: str) -> str:
        stanza = stanza_of(name.replace("!", "/"), self.stanzas)
        licence = stanza.licence if stanza and stanza.licence else self.package.licence
        if self.licences and not licence_fits(licence, self.licences):
            raise UnwantedError(f"its licence is {licence or 'unknown'}")
        return licence

    def _artist(self, path: Path, name: str) -> str:
        try:
            tags = mutagen.File(path, easy=True)
            artist = ", ".join(tags.get("artist") or ()) if tags else ""
        except (mutagen.MutagenError, ValueError, AttributeError):
            artist = ""
        if artist.strip("<>").lower() == "unknown":
            artist = ""
        stanza = stanza_of(name.replace("!", "/"), self.stanzas)
        return artist or self.package.artist or (stanza.holder if stanza else "")

    def _opened(self, file: _File) -> Path:
        """The file itself, or a copy of it from inside its archive."""
        if "!" not in file.name:
            return file.path
        member = file.name.partition("!")[2]
        inside = self.scratch / "member"
        with zipfile.ZipFile(file.path) as archive, archive.open(member) as source, inside.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        return inside

    def _place(self, genre: str, stem: str, ending: str) -> Path:
        stem = re.sub(r"[^\w.\- ]", "_", stem)
        name = f"{genre_folder(genre)}/{self.package.name}__{stem}{ending}"
        number = 2
        while name in self.used:
            name = f"{genre_folder(genre)}/{self.package.name}__{stem}-{number}{ending}"
            number += 1
        self.used.add(name)
        target = self.to / name
        target.parent.mkdir(exist_ok=True)
        return target

    def _one(self, file: _File) -> list[Entry]:
        licence = self._licence(file.name)
        path = self._opened(file)
        info = soundfile.info(str(path))
        if info.duration < MIN_SECONDS:
            raise UnwantedError(f"{info.duration:.1f} s: an effect, not music")
        if loudest_dbfs(path) < clips.SILENT_DBFS:
            raise UnwantedError("nearly silent")
        pure = PurePosixPath(file.name.replace("!", "/"))
        artist = self._artist(path, file.name)
        if file.pick.how == "loop":
            samples, rate_hz = _read(path, seconds=2 * LOOP_SECONDS[1])
            period = clips.loop_period(
                samples, rate_hz, shortest_s=LOOP_SECONDS[0], longest_s=LOOP_SECONDS[1]
            )
            if period is None:
                raise UnwantedError("no loop found in it")
            target = self._place(file.pick.genre, pure.stem, ".flac")
            _write_flac(target, samples[:, :period], rate_hz)
        else:
            ending = pure.suffix.lower() if pure.suffix else _ENDINGS.get(info.format, ".wav")
            target = self._place(file.pick.genre, pure.stem, ending)
            with beside(target) as part:
                shutil.copyfile(path, part)
        return [self._entry(target, file.name, file.pick, licence, artist)]

    def _mixed(self, key: str, group: list[_File]) -> list[Entry]:
        licence = self._licence(group[0].name)
        stems = [_read(self._opened(file)) for file in group]
        if len({rate for _, rate in stems}) > 1:
            raise UnwantedError("its stems have different sample rates")
        target = self._place(group[0].pick.genre, PurePosixPath(key).name, ".flac")
        _write_flac(target, clips.mix_stems([samples for samples, _ in stems]), stems[0][1])
        artist = self._artist(group[0].path, group[0].name)
        return [self._entry(target, key, group[0].pick, licence, artist)]

    def _joined(self, key: str, group: list[_File]) -> list[Entry]:
        licence = self._licence(group[0].name)
        artist = self._artist(group[0].path, group[0].name)
        entries = []
        for rate_hz, alike in self._alike(group):
            for joined in clips.join_clips(self._clips(alike), rate_hz, seconds=JOINED_SECONDS):
                if joined.shape[1] < MIN_SPOKEN_SECONDS * rate_hz:
                    self._leave(key, f"{joined.shape[1] / rate_hz:.1f} s in all: too little of one voice")
                    continue
                target = self._place(group[0].pick.genre, PurePosixPath(key).name, ".flac")
                _write_flac(target, joined, rate_hz)
                entries.append(self._entry(target, key, group[0].pick, licence, artist))
        return entries

    def _alike(self, group: list[_File]) -> list[tuple[int, list[_File]]]:
        """Clips that can be joined: of one rate and number of channels."""
        alike: dict[tuple[int, int], list[_File]] = {}
        for file in group:
            try:
                info = soundfile.info(str(self._opened(file)))
            except soundfile.LibsndfileError as error:
                self._leave(file.name, f"broken: {error}")
            else:
                alike.setdefault((info.samplerate, info.channels), []).append(file)
        return [(rate_hz, files) for (rate_hz, _), files in sorted(alike.items())]

    def _clips(self, files: list[_File]) -> Iterator[clips.Audio]:
        for file in files:
            try:
                samples, _ = _read(self._opened(file))
            except soundfile.LibsndfileError as error:
                self._leave(file.name, f"broken: {error}")
                continue
            if clips.level_dbfs(samples) < clips.SILENT_DBFS:
                self._leave(file.name, "nearly silent")
            else:
                yield samples

    def _entry(self, target: Path, source: str, pick: Pick, licence: str, artist: str) -> Entry:
        info = soundfile.info(str(target))
        return Entry(
            file=target.relative_to(self.to).as_posix(),
            package=self.package.name,
            version=self.version,
            source=source,
            seconds=round(info.duration, 3),
            rate_hz=info.samplerate,
            channels=info.channels,
            genre=pick.genre,
            licence=licence,
            artist=artist,
            how=pick.how,
        )


def _grouped(files: Iterable[_File]) -> list[tuple[str, list[_File]]]:
    groups: dict[str, list[_File]] = {}
    for file in files:
        folder = PurePosixPath(file.name.replace("!", "/")).parents[file.pick.voice_levels - 1]
        groups.setdefault(folder.as_posix(), []).append(file)
    return sorted(groups.items())


def _read(path: Path, *, seconds: float | None = None) -> tuple[clips.Audio, int]:
    with soundfile.SoundFile(str(path)) as sound:
        frames = -1 if seconds is None else round(seconds * sound.samplerate)
        samples = sound.read(frames, dtype="float64", always_2d=True)
        return np.ascontiguousarray(samples.T), int(sound.samplerate)


def _write_flac(target: Path, samples: clips.Audio, rate_hz: int) -> None:
    loudest = max(1.0, float(np.max(np.abs(samples), initial=0.0)))
    try:
        with beside(target) as part:
            soundfile.write(str(part), (samples / loudest).T, rate_hz, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:  # the samples are in memory: only the disk can fail
        raise OutputError(f"{target} could not be written ({error}); make room and run it again.") from error


def loudest_dbfs(path: Path, *, windows: int = 5, window_s: float = 2.0) -> float:
    """RMS of the loudest of a few stretches of a file, so that whole hours need not be decoded."""
    with soundfile.SoundFile(str(path)) as sound:
        length = min(sound.frames, round(window_s * sound.samplerate))
        levels = []
        for start in np.linspace(0, sound.frames - length, windows + 2)[1:-1]:
            sound.seek(int(start))
            levels.append(clips.level_dbfs(sound.read(length, dtype="float64", always_2d=True).T))
    return max(levels)


def licence_fits(licence: str, patterns: Sequence[str]) -> bool:
    """Whether one of the alternatives of a licence is wholly covered by the globs.

    >>> licence_fits("GPL-3 or CC-BY-3.0", ["CC-BY*"]), licence_fits("GPL-3 and CC-BY-3.0", ["CC-BY*"])
    (True, False)
    """
    return any(
        all(any(fnmatch(term.strip(), pattern) for pattern in patterns) for term in choice.split(" and "))
        for choice in licence.split(" or ")
    )
