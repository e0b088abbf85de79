"""The recordings that are measured on, cut to excerpts.

In: a folder of music (FMA's layout, of which the test split is taken, or ``genre/track`` folders), or none:
then the built-in suite of short pieces that ships with the package. Out: :class:`Excerpt` descriptions,
drawn from a seed, and their samples ``(C, T)``, rounded to 32-bit floats so that any program can be given
exactly the same samples.

The suite is composed and rendered for this project: it shows that everything works and what to expect, and
is no dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..arrays import Samples
from ..audio.stretch import read_stretch, shape_of
from ..audio.suffixes import RECORDINGS
from ..errors import InputError

SUITE = "built-in suite"
_MARGIN_S = 0.5


@dataclass(frozen=True)
class Excerpt:
    """A stretch of a recording.

    Attributes:
        name: of the recording, unique in its material.
        path: its file, or None for a piece of the built-in suite.
        start_s, seconds: what of it is used.
    """

    name: str
    genre: str
    path: Path | None
    start_s: float
    seconds: float

    @property
    def label(self) -> str:
        """Name and place, unique among excerpts."""
        return f"{self.name} {self.start_s:.2f}+{self.seconds:.2f} s"


@dataclass(frozen=True)
class Material:
    """What is measured on.

    Attributes:
        title: a clause that says what this is, for every table made of it.
        excerpts: at least one.
        notes: what else a reader must know (files that could not be used).
    """

    title: str
    excerpts: tuple[Excerpt, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    name: str
    genre: str
    path: Path | None
    seconds: float


def choose_material(
    data: Path | None,
    *,
    genres: Sequence[str] = (),
    per_genre: int,
    seconds: float,
    seed: int,
    split: Path | None = None,
) -> Material:
    """Draw excerpts.

    Args:
        data: folder of music; None for the built-in suite.
        genres: only these, in any case; all when empty.
        per_genre: excerpts of each genre, as far as its recordings have room for; 0: one of each recording.
        seconds: length of an excerpt; shorter recordings are taken whole.
        split: FMA's split as ``data stats --split`` wrote it; None draws the paper's with seed 0.

    Raises:
        InputError: no such genre (the message names those that exist), or nothing usable in ``data``.
    """
    if data is None:
        sources, notes = _suite_sources(), tuple[str, ...]()
        place = f"The {SUITE}"
        description = (
            f"the {SUITE} (pieces composed and rendered for this project, one for each of FMA's genres; "
            f"not a dataset)"
        )
    else:
        sources, description, notes = _library_sources(data, split)
        place = str(data)
    known = sorted({source.genre for source in sources})
    wanted = [_known_genre(genre, known, place) for genre in genres] or known
    excerpts: list[Excerpt] = []
    for genre in sorted(set(wanted)):
        rng = np.random.default_rng((seed, *genre.encode()))
        excerpts += _draw([s for s in sources if s.genre == genre], rng, per_genre, seconds)
    return Material(description, tuple(excerpts), notes)


def _known_genre(genre: str, known: Sequence[str], place: str) -> str:
    for name in known:
        if name.casefold() == genre.casefold():
            return name
    raise InputError(f"{place} has no genre '{genre}': choose from {', '.join(known)}.")


def _draw(sources: list[_Source], rng: np.random.Generator, count: int, seconds: float) -> list[Excerpt]:
    """As many recordings as there are, then further places of the same ones, without overlap."""
    order = [sources[int(k)] for k in rng.permutation(len(sources))]
    count = count or len(sources)
    rounds: list[list[Excerpt]] = []
    for source in order[:count]:
        room = max(source.seconds - 2 * _MARGIN_S, 0.0)
        if room < seconds:
            places = [0.0]
        else:
            slots = int(room // seconds)
            slack = (room - slots * seconds) * rng.random()
            places = [_MARGIN_S + slack + seconds * int(k) for k in rng.permutation(slots)]
        length = min(seconds, source.seconds)
        rounds.append([Excerpt(source.name, source.genre, source.path, p, length) for p in places])
    drawn: list[Excerpt] = []
    for depth in range(count):
        drawn += [places[depth] for places in rounds if depth < len(places)]
    return sorted(drawn[:count], key=lambda e: (e.name, e.start_s))


def _suite_sources() -> list[_Source]:
    from .suite import load_piece, suite_pieces

    sources = []
    for piece in suite_pieces():
        samples, rate_hz = load_piece(piece)
        sources.append(_Source(piece.title, piece.genre, None, samples.shape[-1] / rate_hz))
    return sources


def _library_sources(data: Path, split: Path | None) -> tuple[list[_Source], str, tuple[str, ...]]:
    from ..data import fma
    from ..data.library import draw_split, scan_library, with_split

    try:
        library = scan_library(data)
    except InputError:
        flat = _flat_sources(data)
        if not flat:
            raise
        return flat, f"{len(flat)} recordings in {data.name or data}", ()
    title = f"{len(library.tracks)} recordings in {data.name or data}"
    if library.is_fma:
        # Always the split that training draws by default, whatever the seed of the damage: never train on it.
        tested = with_split(library, fma.read_split(split) if split is not None else draw_split(library, 0))
        library = replace(tested, tracks=tuple(t for t in tested.tracks if t.split == "test"))
        title = f"the test split of FMA ({len(library.tracks)} clips in {data.name or data})"
        if not library.tracks:
            raise InputError(f"{data} has no clip of the paper's test split: fetch more of FMA.")
    notes = (f"{len(library.rejected)} files could not be used",) if library.rejected else ()
    sources = [_Source(t.name, t.genre, t.path, t.seconds) for t in library.tracks]
    return sources, title, notes


def _flat_sources(data: Path) -> list[_Source]:
    """Recordings that lie in the folder itself, without genres."""
    sources = []
    for path in sorted(data.iterdir()) if data.is_dir() else []:
        if path.suffix.lower() in RECORDINGS and path.is_file():
            try:
                shape = shape_of(path)
            except InputError:
                continue
            if shape.frames:
                sources.append(_Source(path.name, "all", path, shape.frames / shape.rate_hz))
    return sources


@lru_cache(maxsize=2)
def load_excerpt(excerpt: Excerpt, mono: bool = False) -> tuple[Samples, int]:
    """Samples ``(C, T)`` and sample rate of an excerpt; read-only.

    Raises:
        InputError: the recording cannot be read (any more).
    """
    if excerpt.path is None:
        from .suite import load_piece, suite_pieces

        piece = next(piece for piece in suite_pieces() if piece.title == excerpt.name)
        whole, rate_hz = load_piece(piece)
        first = round(excerpt.start_s * rate_hz)
        samples = np.atleast_2d(whole)[:, first : first + round(excerpt.seconds * rate_hz)]
    else:
        samples, rate_hz = _read(excerpt)
    if mono:
        samples = samples.mean(axis=0, keepdims=True)
    samples = np.asarray(samples, dtype=np.float32).astype(np.float64)
    samples.setflags(write=False)
    return samples, rate_hz


def _read(excerpt: Excerpt) -> tuple[Samples, int]:
    assert excerpt.path is not None
    rate_hz = shape_of(excerpt.path).rate_hz
    first = round(excerpt.start_s * rate_hz)
    blocks = list(read_stretch(excerpt.path, first, round(excerpt.seconds * rate_hz)))
    if not blocks:
        raise InputError(f"{excerpt.path} holds no samples at {excerpt.start_s:.2f} s: check the file.")
    return np.concatenate(blocks).T.astype(np.float64), rate_hz
