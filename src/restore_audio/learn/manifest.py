"""What a corpus folder holds: each track's package, version, file, seconds, rate, genre, licence and artist.

In and out: ``manifest.json`` (read back by the corpus and the model cards) and ``manifest.csv`` (for people).
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..beside import beside
from ..errors import InputError
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


@dataclass(frozen=True)
class Manifest:
    """What a corpus folder holds."""

    part: Part
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...]

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
            tuple(Entry(**entry) for entry in data["entries"]),
            tuple(Skipped(**entry) for entry in data["skipped"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the manifest of a corpus; make the corpus anew in an empty folder."
        ) from error


def write_manifest(to: Path, manifest: Manifest) -> None:
    """Write both files beside and rename them; the JSON last, so that it stands for a whole corpus."""
    with beside(to / "manifest.csv") as part, part.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, [field.name for field in fields(Entry)])
        writer.writeheader()
        writer.writerows(asdict(entry) for entry in manifest.entries)
    text = json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=1, ensure_ascii=False)
    with beside(to / "manifest.json") as part:
        part.write_text(text, encoding="utf-8")
