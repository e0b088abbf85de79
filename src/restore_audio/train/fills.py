"""Gaps that AR has filled ahead of training, in memory-mapped shards.

An AR fill costs more than a training step, so the ``restore`` task computes each once and looks at it on
several tiles, at several offsets and both ways in time. In: a cache of decoded audio at native rates.
Out: a folder of shards, each a function of the seed and its number, so that making them can stop, go on,
and be shared by several processes.

A shard is ``fills-00000.npy`` (int16, one after the other: clean, then filled) and ``fills-00000.json``
(rate, offset, length and gaps of each example). The JSON is written last: a shard without it is unfinished.
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

from ..data.cache import read_json
from ..errors import InputError, OutputError
from ..files import beside
from ..fill.ar import FAST, fill_gap
from ..fill.gaps import walk_gaps
from ..settings import PATCH_FRAMES
from ..signal.spectrum import Grid
from ..spans import Span
from ..workers import work_on

if TYPE_CHECKING:
    from ..data.cache import Cache, CachedTrack

VERSION = 2
SHARD_EXAMPLES = 250
SLACK_FRAMES = 16
"""Frames stored beyond a patch, so that training can shift it."""

MIN_GAP_MS, MAX_GAP_MS = 8.0, 400.0
_ATTEMPTS = 2000
"""Stretches looked at for one example before the music counts as silence."""

CONTEXT_MS = FAST.context_ms
"""Audio read beyond the stored stretch on each side, for the AR fit."""


@dataclass(frozen=True)
class Fill:
    """One example: ``(T,)`` float32 in [-1, 1], clean and with its gaps filled by AR."""

    rate_hz: int
    clean: NDArray[np.float32]
    filled: NDArray[np.float32]
    healthy: NDArray[np.bool_]


def draw_gaps(rng: np.random.Generator, length: int, rate_hz: int) -> list[tuple[int, int]]:
    """Gaps of a stretch of ``length`` samples: mostly one near the middle, sometimes several.

    Lengths are drawn evenly on a logarithmic scale from 8 to 400 ms; several gaps lose 10 % to 70 % of
    the stretch, as in the paper.
    """
    if rng.random() < 0.65:
        gap_ms = float(np.exp(rng.uniform(np.log(MIN_GAP_MS), np.log(MAX_GAP_MS))))
        gap = round(gap_ms * rate_hz / 1000)
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


def fill_gaps(audio: NDArray[np.float64], gaps: list[tuple[int, int]], rate_hz: int) -> NDArray[np.float64]:
    """Fill gaps by AR, each from what is healthy between it and its neighbours."""
    filled = audio.copy()
    spans = [Span(start, end, 0) for start, end in gaps]
    for gap in walk_gaps(audio[None], spans, rate_hz, look_through=False):
        fill = fill_gap(gap.before, gap.after, gap.length, rate_hz=rate_hz, settings=FAST)
        filled[gap.start : gap.end] = fill
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
        folder: for the shards.
        count: examples wanted.
        jobs: processes; 1 makes them in this one. The shards are the same.
        tracks: only these of the cache; all when None.
        seed: of every example.
        shard_examples: examples of a shard.
        report: called with the share that is done.

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
    weights = np.array([t.frames / t.rate_hz for t in tracks])
    weights /= weights.sum()
    pieces: list[NDArray[np.int16]] = []
    entries = []
    offset = 0
    for number in range(shard.examples):
        rng = np.random.default_rng((shard.seed, shard.number, number))
        for attempt in range(_ATTEMPTS):
            track = tracks[int(rng.choice(len(tracks), p=weights))]
            grid = Grid(track.rate_hz)
            length = (PATCH_FRAMES + SLACK_FRAMES) * grid.hop_samples
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
        gaps = draw_gaps(rng, length, track.rate_hz)
        wide = [(a + context, b + context) for a, b in gaps]
        filled = fill_gaps(audio, wide, track.rate_hz)
        for signal in (audio, filled):
            piece = signal[context : context + length]
            pieces.append(np.clip(np.rint(piece * 32768), -32768, 32767).astype(np.int16))
        entries.append({"rate_hz": track.rate_hz, "offset": offset, "samples": length, "gaps": gaps})
        offset += 2 * length
        tell((number + 1) / shard.examples)
    index = _index(shard.folder, shard.number)
    with beside(index.with_suffix(".npy")) as part:
        np.save(part, np.concatenate(pieces))
    with beside(index) as part:
        part.write_text(json.dumps({"version": VERSION, "examples": entries}), encoding="utf-8")


class Fills:
    """The finished shards of a folder, as a sequence of :class:`Fill`.

    Args:
        folder: where they lie.
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
        pair = samples[offset : offset + 2 * length].reshape(2, length).astype(np.float32) / 32768
        healthy = np.ones(length, dtype=bool)
        for start, end in entry["gaps"]:
            healthy[start:end] = False
        return Fill(rate_hz, pair[0], pair[1], healthy)
