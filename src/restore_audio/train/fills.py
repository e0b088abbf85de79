"""Gaps that AR has filled ahead of training, in memory-mapped shards.

An AR fill costs more than a training step, so the ``restore`` task computes each once and looks at it on
several tiles, at several offsets and both ways in time. They are the fills that ``fix`` makes, around gaps
of all lengths that the network completes there; half of the gaps lie as machines make them. Each genre
counts with the square root of its hours. In: a cache of decoded audio at native rates. Out: a folder of
shards, each a function of the seed and its number, so that making them can stop, go on, and be shared by
several processes.

A shard is ``fills-00000.npy`` (int16, one after the other: a clean stretch, then what fills its gaps) and
``fills-00000.json`` (rate, offset, length and gaps of each example). The JSON is written last: a shard
without it is unfinished.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..damage.families import apply, draw_family
from ..damage.record import log_uniform
from ..data.cache import read_json
from ..errors import InputError, OutputError
from ..files import beside
from ..fill.fill import fill_spans
from ..fill.methods import METHODS
from ..settings import WIDE_FRAMES
from ..signal.spectrum import Grid
from ..spans import Span, merge_spans
from ..workers import work_on

if TYPE_CHECKING:
    from ..data.cache import Cache, CachedTrack

VERSION = 3
SHARD_EXAMPLES = 250
SLACK_FRAMES = 16
"""Frames stored beyond the longest patch, so that training can shift it."""

MIN_GAP_MS, MAX_GAP_MS = 20.0, 400.0
"""Lengths that are drawn: shorter gaps the network of ``fix`` leaves alone."""

MACHINES = (
    *("zeros", "windows", "noise"),
    *("packets-zeros", "buffers-zeroed", "buffers-repeated", "disc-mute"),
)
"""Families of damage that leave nothing of the signal, so that ``fix`` fills their spans as gaps."""

MACHINES_SHARE = 0.5
"""How often the gaps are those of a family; else they are drawn by :func:`draw_gaps`."""

_ATTEMPTS = 2000
"""Stretches looked at for one example before the music counts as silence."""

CONTEXT_MS = 450.0
"""Audio read beyond the stored stretch on each side: what a fill looks at, pseudo-gaps included."""


@dataclass(frozen=True)
class Fill:
    """One example: ``(T,)`` float32 in [-1, 1], clean and with its gaps filled by AR."""

    rate_hz: int
    clean: NDArray[np.float32]
    filled: NDArray[np.float32]
    healthy: NDArray[np.bool_]


def draw_gaps(rng: np.random.Generator, length: int, rate_hz: int) -> list[tuple[int, int]]:
    """Gaps of a stretch of ``length`` samples: mostly one near the middle, sometimes several.

    Lengths are drawn evenly on a logarithmic scale from 20 to 400 ms; several gaps lose 10 % to 70 % of
    the stretch, as in the paper.
    """
    if rng.random() < 0.65:
        gap = round(log_uniform(rng, MIN_GAP_MS, MAX_GAP_MS) * rate_hz / 1000)
        room = max(length - gap, 0) // 2
        start = room + round(room * 0.6 * rng.uniform(-1, 1))
        return [(start, start + gap)]
    lost = rng.uniform(0.1, 0.7) * length
    shares = rng.dirichlet(np.full(int(rng.integers(2, 5)), 2.0))
    keep = rng.dirichlet(np.full(len(shares) + 1, 2.0)) * (length - lost)
    gaps: list[tuple[int, int]] = []
    position = 0.0
    for share, before in zip(shares, keep[:-1], strict=True):
        start = round(position + before)
        end = min(round(start + share * lost), start + round(MAX_GAP_MS * rate_hz / 1000))
        if end > start:
            gaps.append((start, end))
        position = end
    return gaps


def machine_gaps(
    rng: np.random.Generator, stretch: NDArray[np.float64], rate_hz: int
) -> list[tuple[int, int]]:
    """Gaps of a stretch ``(T,)`` as one of :data:`MACHINES` makes them; none where all are too short."""
    family = MACHINES[int(rng.integers(len(MACHINES)))]
    record = draw_family(rng, family, stretch[None], rate_hz, per_second=float(rng.uniform(1, 4)))
    spans = merge_spans(Span(s.start, s.end, 0) for s in apply(record, stretch[None], rate_hz).spans)
    longest = round(MAX_GAP_MS * rate_hz / 1000)
    inside = [(s.start, s.end) for s in spans if s.start > 0 and s.end < stretch.size and s.length <= longest]
    return inside if any(end - start >= MIN_GAP_MS * rate_hz / 1000 for start, end in inside) else []


def fill_gaps(audio: NDArray[np.float64], gaps: list[tuple[int, int]], rate_hz: int) -> NDArray[np.float64]:
    """Fill gaps as ``fix`` does without other channels and passages."""
    spans = [Span(start, end, 0) for start, end in gaps]
    filled: NDArray[np.float64] = fill_spans(audio[None], spans, rate_hz, method=METHODS["ar"])[0][0]
    return filled


@dataclass(frozen=True)
class _Shard:
    """One shard to make; goes to another process as it is."""

    cache: Cache
    folder: Path
    number: int
    among: Sequence[CachedTrack]
    seed: int
    examples: int


def make_fills(
    cache: Cache,
    folder: Path,
    count: int,
    *,
    jobs: int = 1,
    tracks: Sequence[CachedTrack] | None = None,
    seed: int = 0,
    shard_examples: int = SHARD_EXAMPLES,
    report: Callable[[float], None] = lambda share: None,
) -> None:
    """Make ``count`` examples, rounded up to whole shards; shards that exist are left alone.

    Args:
        cache: decoded audio at native rates.
        jobs: processes; 1 makes them in this one. The shards are the same.

    Raises:
        InputError: the music is too short or silent; OutputError: a shard cannot be written.
    """
    among = cache.tracks if tracks is None else tracks
    total = shard_count(count, shard_examples)
    shards = [_Shard(cache, folder, number, among, seed, shard_examples) for number in range(total)]
    missing = [shard for shard in shards if not _index(folder, shard.number).exists()]
    shares = [0.0] * len(missing)

    def tell(number: int, share: float) -> None:
        shares[number] = share
        report((total - len(missing) + sum(shares)) / total)

    if jobs == 1 or len(missing) < 2:
        for number, shard in enumerate(missing):
            _make(shard, functools.partial(tell, number))
        return
    with contextlib.closing(work_on(missing, _make, workers=min(jobs, len(missing)), progress=tell)) as made:
        for one in made:
            if one.error is not None:
                raise one.error
            tell(one.number, 1.0)


def _make(shard: _Shard, tell: Callable[[float], None]) -> None:
    try:
        shard.folder.mkdir(parents=True, exist_ok=True)
        _make_shard(shard, tell)
    except OSError as error:
        raise OutputError(
            f"AR fills could not be written to {shard.folder} ({error.strerror}): make room and run the same "
            f"command again, finished shards are kept."
        ) from None


def _index(folder: Path, number: int) -> Path:
    return folder / f"fills-{number:05d}.json"


def shard_count(examples: int, shard_examples: int = SHARD_EXAMPLES) -> int:
    """Shards that hold ``examples``."""
    return -(-examples // shard_examples)


def _make_shard(shard: _Shard, tell: Callable[[float], None]) -> None:
    cache = shard.cache
    tracks = [t for t in shard.among if t.frames > 2 * t.rate_hz]
    if not tracks:
        raise InputError(
            f"{cache.folder} has no track longer than 2 s, which AR fills need: give other music."
        )
    weights = track_weights(tracks)
    pieces: list[NDArray[np.int16]] = []
    entries = []
    offset = 0
    for number in range(shard.examples):
        rng = np.random.default_rng((shard.seed, shard.number, number))
        for attempt in range(_ATTEMPTS):
            track = tracks[int(rng.choice(len(tracks), p=weights))]
            grid = Grid(track.rate_hz)
            length = (WIDE_FRAMES + SLACK_FRAMES) * grid.hop_samples
            context = round(CONTEXT_MS * track.rate_hz / 1000)
            start = int(rng.integers(max(track.frames - length - 2 * context, 1)))
            raw = cache.samples(track, start, length + 2 * context).reshape(track.channels, -1)
            mixed = raw[int(rng.integers(track.channels))] if rng.random() < 0.7 else raw.mean(axis=0)
            audio = mixed.astype(np.float64) / 32768
            if audio.shape[-1] == length + 2 * context and np.sqrt(np.mean(audio**2)) > 1e-3:
                break
            if attempt == _ATTEMPTS - 1:
                raise InputError(
                    f"The music in {cache.folder} is silent nearly everywhere: give other music."
                )
        gaps: list[tuple[int, int]] = []
        if rng.random() < MACHINES_SHARE:
            gaps = machine_gaps(rng, audio[context : context + length], track.rate_hz)
        gaps = gaps or draw_gaps(rng, length, track.rate_hz)
        wide = [(a + context, b + context) for a, b in gaps]
        filled = fill_gaps(audio, wide, track.rate_hz)
        for piece in (audio[context : context + length], *(filled[a:b] for a, b in wide)):
            pieces.append(np.clip(np.rint(piece * 32768), -32768, 32767).astype(np.int16))
        entries.append({"rate_hz": track.rate_hz, "offset": offset, "samples": length, "gaps": gaps})
        offset += length + sum(end - start for start, end in gaps)
        tell((number + 1) / shard.examples)
    index = _index(shard.folder, shard.number)
    with beside(index.with_suffix(".npy")) as part:
        np.save(part, np.concatenate(pieces))
    with beside(index) as part:
        part.write_text(json.dumps({"version": VERSION, "examples": entries}), encoding="utf-8")


def track_weights(tracks: Sequence[CachedTrack]) -> NDArray[np.float64]:
    """How often each track is drawn: by its length, each genre by the square root of its own.

    So a genre of a hundred times the hours is heard ten times as often.
    """
    seconds = np.array([t.frames / t.rate_hz for t in tracks])
    genres = np.array([t.genre for t in tracks])
    for genre in np.unique(genres):
        seconds[genres == genre] /= np.sqrt(seconds[genres == genre].sum())
    return np.asarray(seconds / seconds.sum())


class Fills:
    """The finished shards of a folder, as a sequence of :class:`Fill`.

    Args:
        shards: only the first so many; all that are there when None.

    Raises:
        InputError: there is none, or they are damaged or of another version.
    """

    def __init__(self, folder: Path, shards: int | None = None) -> None:
        self._shards: list[tuple[NDArray[np.int16], list[dict[str, Any]]]] = []
        for index in sorted(folder.glob("fills-*.json"))[:shards]:
            document = read_json(index)
            if document.get("version") != VERSION:
                raise InputError(
                    f"{index} is of another version ({document.get('version')}, this is {VERSION}): "
                    f"delete the folder, it is made again."
                )
            try:
                samples = np.load(index.with_suffix(".npy"), mmap_mode="r")
            except (OSError, ValueError):
                raise InputError(
                    f"{index.with_suffix('.npy')} is missing or damaged: delete it and {index.name}, "
                    f"they are made again."
                ) from None
            self._shards.append((samples, document["examples"]))
        if not self._shards:
            raise InputError(
                f"{folder} holds no AR fills: 'restore-audio train --task restore --data DIR' makes them."
            )

    def __len__(self) -> int:
        return sum(len(examples) for _, examples in self._shards)

    def __getitem__(self, number: int) -> Fill:
        shard, place = divmod(number, len(self._shards[0][1]))
        samples, examples = self._shards[shard]
        entry = examples[place]
        offset, length, rate_hz = (int(entry[k]) for k in ("offset", "samples", "rate_hz"))
        clean: NDArray[np.float32] = samples[offset : offset + length].astype(np.float32)
        clean /= 32768
        filled = clean.copy()
        healthy = np.ones(length, dtype=bool)
        offset += length
        for start, end in entry["gaps"]:
            filled[start:end] = samples[offset : offset + end - start].astype(np.float32) / 32768
            healthy[start:end] = False
            offset += end - start
        return Fill(rate_hz, clean, filled, healthy)
