"""What a corpus folder holds: ``manifest.json``, and its list of tracks once more as ``manifest.csv``."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from restore_audio.errors import InputError
from restore_audio.files import beside

from .recipe import Part

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One track of the corpus; ``file`` is relative to the corpus, ``source`` to the package."""

    file: str
    package: str
    version: str
    source: str
    seconds: float
    rate_hz: int
    channels: int
    genre: str
    licence: str
    artist: str
    how: str


@dataclass(frozen=True)
class Skipped:
    """What was left out, and why."""

    package: str
    source: str
    reason: str


@dataclass
class Manifest:
    """What a corpus folder holds; ``finished`` gives for each whole package the licences asked for."""

    part: Part
    entries: list[Entry] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    finished: dict[str, list[str]] = field(default_factory=dict)

    @property
    def hours(self) -> float:
        """Length of all tracks together."""
        return sum(entry.seconds for entry in self.entries) / 3600


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a corpus folder.

    Raises:
        InputError: it is missing, unreadable or of another version.
    """
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise InputError(
                f"{path} was written by another version; make the corpus anew in an empty folder."
            )
        return Manifest(
            data["part"],
            [Entry(**entry) for entry in data["entries"]],
            [Skipped(**entry) for entry in data["skipped"]],
            data.get("finished", {}),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the manifest of a corpus; make the corpus anew in an empty folder."
        ) from error


def write_manifest(to: Path, manifest: Manifest) -> None:
    """Write both files beside and rename them; the JSON last, as it is the one that is read back."""
    with beside(to / "manifest.csv") as part, part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [column.name for column in fields(Entry)])
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in manifest.entries)
    text = json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=1, ensure_ascii=False)
    with beside(to / "manifest.json") as part:
        part.write_text(text, encoding="utf-8")
