"""Reads ``recipe.toml``: which packages there are, and which of their files are taken how."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["train", "validation"]
How = Literal["copy", "join", "loop", "mix", "leave"]

PARTS: tuple[Part, ...] = ("train", "validation")

GENRES = (
    *("Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk"),
    *("Hip-Hop", "Instrumental", "International", "Jazz", "Old-Time / Historic", "Pop", "Rock"),
    *("Soul-RnB", "Spoken"),
)
"""FMA's top-level genres."""


@dataclass(frozen=True)
class Pick:
    """Files of one package that are taken in one way; the fields are explained in ``recipe.toml``."""

    pattern: str
    genre: str
    how: How
    voice_levels: int


@dataclass(frozen=True)
class Package:
    """One package: its side of the split, what is taken, and who made it where no tag or copyright tells.

    ``pypi_file`` and ``sha256`` are set for a Python package's source archive, empty for a Debian package.
    """

    name: str
    part: Part
    picks: tuple[Pick, ...]
    licence: str = ""
    artist: str = ""
    version: str = ""
    pypi_file: str = ""
    sha256: str = ""


def read_recipe(path: Path = Path(__file__).parent / "recipe.toml") -> dict[str, Package]:
    """The packages of a recipe by name."""
    packages = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["package"]:
        below = entry.pop("below")
        picks = tuple(
            Pick(below + files, row.get("genre", ""), row.get("how", "copy"), row.get("voice_levels", 1))
            for row in entry.pop("picks")
            for files in ([row["files"]] if isinstance(row["files"], str) else row["files"])
        )
        packages[entry["name"]] = Package(picks=picks, **entry)
    return packages


def genre_folder(genre: str) -> str:
    """A genre's name as a folder.

    >>> genre_folder("Old-Time / Historic")
    'Old-Time - Historic'
    """
    return genre.replace("/", "-")
