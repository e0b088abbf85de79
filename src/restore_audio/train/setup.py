"""From folders of music to a task that can be trained.

In: a folder (FMA's, ``genre/track`` files, or a cache that ``data prepare`` made), and one to validate on.
Out: a task (:mod:`restore_audio.train.tasks`). What is decoded or filled on the way is kept in a work
folder and used again by the next training.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..data.cache import Cache, CachedTrack, PrepareSettings
from ..data.library import kept_split, scan_library
from ..data.prepare import prepare
from ..errors import InputError
from ..network.maps import FeatureSettings
from ..settings import NETWORK_TILES, LossName, SamplingName, TaskName
from ..signal.spectrum import PAPER_RATE_HZ
from .examples import PaperExamples, RestoreExamples
from .fills import SHARD_EXAMPLES, Fills, make_fills, shard_count
from .gap_encoding import ContextEncoderTask
from .losses import RestoreLoss
from .super_resolution import SuperResolutionTask
from .tasks import PaperTask, RestoreTask

Say = Callable[[str], None]
Bar = Callable[[str, float], AbstractContextManager[Callable[[float], None]]]
"""Shows how far a task of so much is, which its context is called with."""

MOST_FILLS = 100_000
"""Not made for less than what can look at all of them :data:`LOOKS` times."""

EPOCH_FILLS = 20_000
"""Where the budget is in epochs, which are counted in fills."""

LOOKS = 8
"""Patches that are cut from one fill, on other tiles and at other offsets: as in the shipped training."""

LEAST_FILLS = 200
"""So many, or one for each patch, even for the shortest training: fewer would be learnt by heart."""

PATCHES_PER_S = 28
"""Of the shipped training; a faster machine sees the fills more often."""

PURPOSES = {"train": "train on", "validation": "validate on"}

_HELD_OUT_OF = 10
"""Without a split and without a validation folder, one track in ten validates."""

VALIDATION_PATCHES = 1024
"""Patches of a validation, where there are as many."""

RESTORE_SECONDS_PER_TRACK = 180.0
"""At full rate, the middle three minutes of a track are enough, and a third of the disk."""


@contextmanager
def _no_bar(what: str, total: float) -> Iterator[Callable[[float], None]]:  # noqa: ARG001
    yield lambda done: None


@dataclass(frozen=True)
class Sources:
    """Where examples come from.

    Attributes:
        data: folder of music, or a cache.
        validation: another one; None takes FMA's split, or one track in ten.
        work: folder for what is decoded and filled on the way.
        split: file of FMA's split; None draws the paper's by ``seed``.
        seed: of splits and examples.
        fills: AR fills to make for training (restore task); a tenth of that for validation, at most 1000.
    """

    data: Path
    validation: Path | None
    work: Path
    split: Path | None = None
    genres: tuple[str, ...] = ()
    seed: int = 0
    fills: int = MOST_FILLS
    jobs: int = 1


Part = tuple[Cache, Sequence[CachedTrack]]


def paper_task(
    sources: Sources,
    *,
    features: FeatureSettings,
    loss_name: LossName,
    sampling: SamplingName,
    say: Say,
    bar: Bar = _no_bar,
) -> PaperTask:
    """The paper's task on a folder of music.

    Raises:
        InputError: the folder cannot be used; OutputError: no room for the cache.
    """
    examples, held_out = _paper_examples(sources, sampling, say, bar)
    return PaperTask(examples, held_out, features, loss_name, min(VALIDATION_PATCHES, len(held_out)))


def related_task(
    sources: Sources, name: TaskName, *, say: Say, bar: Bar = _no_bar
) -> SuperResolutionTask | ContextEncoderTask:
    """The task of a related system, at 16 kHz as the paper's.

    Raises:
        InputError: the folder cannot be used; OutputError: no room for the cache.
    """
    examples, held_out = _paper_examples(sources, "random", say, bar)
    made = (SuperResolutionTask if name == "super-resolution" else ContextEncoderTask)(examples, held_out)
    made.validation_patches = min(made.validation_patches, len(held_out))
    return made


def _paper_examples(
    sources: Sources, sampling: SamplingName, say: Say, bar: Bar
) -> tuple[PaperExamples, PaperExamples]:
    """Examples at 16 kHz to train and to validate on."""
    train, validation = _parts(sources, PrepareSettings(PAPER_RATE_HZ, mono=True), say, bar)
    examples = PaperExamples(train[0], sources.seed, sampling=sampling, tracks=train[1])
    held_out = PaperExamples(validation[0], sources.seed + 1, tracks=validation[1])
    for part, folder in ((examples, train[0].folder), (held_out, validation[0].folder)):
        if not len(part):
            raise InputError(f"{folder} has no track as long as a patch (0.53 s): give other music.")
    return examples, held_out


def fills_for(*, examples: int, minutes: float) -> int:
    """AR fills that a training of this budget can use; :data:`EPOCH_FILLS` where it is in epochs.

    >>> fills_for(examples=80, minutes=0), fills_for(examples=0, minutes=90), fills_for(examples=0, minutes=1)
    (80, 18900, 210)
    """
    patches = examples or round(60 * minutes * PATCHES_PER_S)
    if not patches:
        return EPOCH_FILLS
    return min(MOST_FILLS, max(patches // LOOKS, min(patches, LEAST_FILLS)))


def restore_task(
    sources: Sources,
    *,
    features: FeatureSettings,
    added: RestoreLoss,
    say: Say,
    bar: Bar = _no_bar,
) -> RestoreTask:
    """The task of ``fix`` on a folder of music; makes the AR fills first.

    Raises:
        InputError: the folder cannot be used; OutputError: no room for the cache.
    """
    settings = PrepareSettings(None, mono=False, max_seconds=RESTORE_SECONDS_PER_TRACK)
    parts = _parts(sources, settings, say, bar)
    counts = (sources.fills, min(1000, max(sources.fills // 10, 1)))
    examples = []
    for number, (name, (cache, tracks), count) in enumerate(
        zip(("train", "validation"), parts, counts, strict=True)
    ):
        # Shards of a folder are of one size: few fills make a small one, in a folder of its own.
        size = min(SHARD_EXAMPLES, count)
        small = f"-{size}" if size < SHARD_EXAMPLES else ""
        folder = sources.work / f"fills-{name}-{_key(cache, tracks)}-{sources.seed}{small}"
        say(f"Gaps to {PURPOSES[name]}, filled by AR ahead of it: {count}.")
        with bar(f"filling gaps to {PURPOSES[name]}", 1.0) as tell:
            make_fills(
                cache,
                folder,
                count,
                jobs=sources.jobs,
                tracks=tracks,
                seed=sources.seed + number,
                shard_examples=size,
                report=tell,
            )
        made = Fills(folder, shard_count(count, size))
        examples.append(RestoreExamples(made, sources.seed + number, features))
    patches = min(VALIDATION_PATCHES, NETWORK_TILES * len(examples[1])) // features.tiles
    return RestoreTask(examples[0], examples[1], added, max(patches, 1))


def _key(cache: Cache, tracks: Sequence[CachedTrack]) -> str:
    """Tells fills of one choice of music from those of another."""
    music = [(t.source, t.source_bytes, t.frames, t.rate_hz) for t in tracks]
    return f"{zlib.crc32(repr((cache.settings, music)).encode()):08x}"


def _parts(sources: Sources, settings: PrepareSettings, say: Say, bar: Bar) -> tuple[Part, Part]:
    """Caches and tracks to train and to validate on."""
    if sources.validation is not None:
        train, validation = (
            _open(sources, f, settings, say, bar) for f in (sources.data, sources.validation)
        )
        return (train, _chosen(train, sources)), (validation, _chosen(validation, sources))
    cache = _open(sources, sources.data, settings, say, bar)
    tracks = _chosen(cache, sources)
    held_out = [t for t in tracks if _held_out(t)]
    training = [t for t in tracks if t not in held_out and t.split in ("", "train")]
    if not held_out or not training:
        raise InputError(
            f"{sources.data} has too few tracks to hold some back for validation: "
            f"give other music with --validation."
        )
    return (cache, training), (cache, held_out)


def _chosen(cache: Cache, sources: Sources) -> list[CachedTrack]:
    tracks = [t for t in cache.tracks if not sources.genres or t.genre in sources.genres]
    if not tracks:
        have = ", ".join(sorted({t.genre for t in cache.tracks}))
        raise InputError(f"{cache.folder} has no genre {', '.join(sources.genres)}; it has {have}.")
    return tracks


def _held_out(track: CachedTrack) -> bool:
    if track.split:
        return track.split == "validation"
    return zlib.crc32(track.source.encode()) % _HELD_OUT_OF == 0


def _open(sources: Sources, folder: Path, settings: PrepareSettings, say: Say, bar: Bar) -> Cache:
    if (folder / "index.json").is_file():
        cache = Cache.open(folder)
        if (cache.settings.rate_hz, cache.settings.mono) != (settings.rate_hz, settings.mono):
            want = f"{settings.rate_hz} Hz mono" if settings.rate_hz else "native rate and channels"
            raise InputError(
                f"The cache {folder} is not at {want}, which this task needs: give the music's own folder, "
                f"or prepare another cache."
            )
        return cache
    library = scan_library(folder, genres=sources.genres)
    if library.is_fma:
        library = kept_split(library, sources.split, sources.seed)
    kind = f"{settings.rate_hz or 'native'}-{zlib.crc32(str(folder.resolve()).encode()):08x}"
    with bar(f"decoding {folder}", 1.0) as tell:
        cache, broken = prepare(
            library,
            sources.work / f"decoded-{kind}",
            settings,
            progress=lambda done, total, name: tell(done / total),
        )
    for track in broken:
        say(f"left out: {track.name} is {track.reason}")
    return cache
