"""The Free Music Archive dataset: its table of tracks, and the paper's split of it.

In: ``fma_metadata/tracks.csv``, whose three header rows name a group, a column and the index. Out: genres by
track id, and a split ``{track id: part}`` as in Table 1 of Serra et al. 2021: eight genres with 800 training
and 200 validation clips each, the rest of them and eight more genres for the test.
Source of the layout: Defferrard et al., "FMA: A Dataset For Music Analysis", ISMIR 2017.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import InputError, OutputError
from ..files import beside

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

SPLIT_SCHEMA = 1
TABLE_1: Mapping[str, int] = {
    "Electronic": 1637,
    "Experimental": 1624,
    "Rock": 1608,
    "Hip-Hop": 1585,
    "Folk": 1518,
    "Instrumental": 1349,
    "Pop": 1186,
    "International": 1018,
    "Classical": 619,
    "Old-Time / Historic": 510,
    "Jazz": 384,
    "Country": 178,
    "Soul-RnB": 154,
    "Spoken": 118,
    "Blues": 74,
    "Easy Listening": 21,
}
"""Clips of each genre in the paper's Table 1; FMA medium has more of the first four."""

TRAIN_GENRES = tuple(TABLE_1)[:8]
"""Genres of FMA small: the only ones the paper trains on."""

TRAIN_CLIPS = 800
VALIDATION_CLIPS = 200


def find_table(root: Path) -> Path | None:
    """``tracks.csv`` of an FMA folder, or None when the folder is not FMA's."""
    for path in (root / "fma_metadata" / "tracks.csv", root / "tracks.csv"):
        if path.is_file():
            return path
    return None


def track_id(path: Path) -> int | None:
    """FMA's number of a clip from its name.

    >>> track_id(Path("fma_small/000/000002.mp3"))
    2
    """
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else None


def read_genres(path: Path) -> dict[int, str]:
    """The top genre of each track of a ``tracks.csv``, empty where it has none.

    Raises:
        InputError: it cannot be read, or is not FMA's table.
    """
    advice = "unpack fma_metadata.zip again (`restore-audio data fetch fma-metadata --to DIR`)."
    try:
        with path.open(newline="", encoding="utf-8") as lines, _any_field_size():
            rows = csv.reader(lines)
            groups, columns, _index = next(rows), next(rows), next(rows)
            place = {pair: column for column, pair in enumerate(zip(groups, columns, strict=True))}
            genre = place["track", "genre_top"]
            genres = {int(row[0]): row[genre] for row in rows if row}
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration, KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"{path} is not FMA's table of tracks with its three header rows; {advice}"
        ) from error
    if not genres:
        raise InputError(f"{path} names no tracks; {advice}")
    return genres


@contextlib.contextmanager
def _any_field_size() -> Iterator[None]:
    """Some albums are described at greater length than csv expects of a field."""
    before = csv.field_size_limit(1 << 30)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def draw_split(genres: Mapping[int, str], *, seed: int = 0) -> dict[int, Part]:
    """The paper's split of tracks ``{id: genre}``.

    Of each training genre 800 clips are drawn for training and 200 for validation; the rest of them, up to
    the paper's number, and all other genres are for the test. Clips beyond the paper's number have no part.
    A genre with fewer than 1000 clips is shared 4 : 1 between training and validation, so that a piece of
    the dataset can be used as well. The draw depends on the seed and on each genre's own tracks only.

    >>> split = draw_split({number: "Rock" for number in range(2000)})
    >>> [sum(part == wanted for part in split.values()) for wanted in PARTS]
    [800, 200, 608]
    """
    split: dict[int, Part] = {}
    for genre in sorted(set(genres.values())):
        numbers = sorted(number for number, its in genres.items() if its == genre)
        place = tuple(TABLE_1).index(genre) if genre in TABLE_1 else len(TABLE_1)
        rng = np.random.default_rng((seed, place))
        order = [numbers[drawn] for drawn in rng.permutation(len(numbers))][: TABLE_1.get(genre)]
        train = validation = 0
        if genre in TRAIN_GENRES:
            train = min(TRAIN_CLIPS, len(order) * TRAIN_CLIPS // (TRAIN_CLIPS + VALIDATION_CLIPS))
            validation = min(VALIDATION_CLIPS, len(order) - train)
        split.update(dict.fromkeys(order[:train], "train"))
        split.update(dict.fromkeys(order[train : train + validation], "validation"))
        split.update(dict.fromkeys(order[train + validation :], "test"))
    return dict(sorted(split.items()))


def write_split(path: Path, split: Mapping[int, Part], *, seed: int) -> None:
    """Write a split beside and rename it into place.

    Raises:
        OutputError: the file cannot be written.
    """
    lists = {name: sorted(number for number, its in split.items() if its == name) for name in PARTS}
    text = json.dumps({"schema": SPLIT_SCHEMA, "seed": seed, **lists})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The split {path} could not be written: {error.strerror}.") from error


def read_split(path: Path) -> dict[int, Part]:
    """Read a split file.

    Raises:
        InputError: it is missing, no split file, of another version, or names a track twice.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SPLIT_SCHEMA:
            raise InputError(
                f"{path} is a split of another version; draw it again with `data stats --split`."
            )
        split: dict[int, Part] = {}
        for part in PARTS:
            numbers: Collection[int] = [int(number) for number in data[part]]
            if not split.keys().isdisjoint(numbers):
                raise InputError(
                    f"{path} puts a track into two parts; draw it again with `data stats --split`."
                )
            split.update(dict.fromkeys(numbers, part))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a split file; draw one with `data stats --split`.") from error
    return dict(sorted(split.items()))
