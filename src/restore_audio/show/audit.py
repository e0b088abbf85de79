"""The loudest repairs of many recordings, as files to listen to.

In: reports. Out: for each chosen repair three WAV files, before, after and removed, with the samples of the
recordings.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..arrays import Samples
from ..audio.audiofile import probe, read_blocks, write_audio
from ..audio.native import is_lossless
from ..audio.output import results
from ..errors import InputError, RestoreError
from ..spans import Span
from .overview import removed_levels_db
from .reports_read import ReadReport

VERSIONS = ("before", "after", "removed")


@dataclass(frozen=True)
class Repair:
    """One of the loudest repairs.

    Attributes:
        rank: from 1.
        removed_db: level of what was taken out.
    """

    rank: int
    source: Path
    target: Path
    number: int
    span: Span
    removed_db: float
    rate_hz: int

    def files(self, folder: Path) -> list[Path]:
        """The clips' names, one for each of :data:`VERSIONS`."""
        name = f"{self.rank:03d}-{self.source.stem[:80]}-{self.number}-{self.span.kind}"
        return [folder / f"{name}-{version}.wav" for version in VERSIONS]

    def line(self) -> str:
        """What a person reads of it."""
        return (
            f"{self.rank:4d}  {self.source}  number {self.number}  {self.span.start / self.rate_hz:.3f} s  "
            f"ch{self.span.channel + 1} {self.span.kind}  {self.removed_db:.1f} dBFS"
        )


def largest(reports: Sequence[ReadReport], count: int) -> tuple[list[Repair], list[str]]:
    """The loudest repairs of all, and a sentence for each report whose recordings cannot be compared."""
    missing: list[str] = []

    def repairs() -> Iterator[Repair]:
        for report in reports:
            try:
                yield from _repairs(report)
            except RestoreError as error:
                missing.append(str(error))

    ranked = heapq.nlargest(count, repairs(), key=lambda repair: repair.removed_db)
    return [replace(repair, rank=rank) for rank, repair in enumerate(ranked, 1)], missing


def _repairs(report: ReadReport) -> Iterator[Repair]:
    source, target = report.source, report.target
    if source is None or target is None:
        raise InputError(f"{report.path} names no recording and result on disk: audit cannot hear it.")
    before, after = probe(source), probe(target)
    shapes = [(info.rate_hz, info.channels, info.frames) for info in (before, after)]
    longest = max((span.end for span in report.spans.values()), default=0)
    if shapes[0] != shapes[1] or before.rate_hz != report.rate_hz or longest > before.frames:
        raise InputError(f"{report.path} does not fit its recordings, which have changed: run fix again.")
    pairs = zip(read_blocks(source), read_blocks(target), strict=True)
    levels_db = removed_levels_db(pairs, list(report.repairs.values()), report.rate_hz)
    for (number, span), level_db in zip(report.repairs.items(), levels_db, strict=True):
        yield Repair(0, source, target, number, span, level_db, report.rate_hz)


def write_clips(repairs: Sequence[Repair], folder: Path, *, around_s: float, overwrite: bool) -> None:
    """Write the clips of repairs, all of them or none.

    Args:
        around_s: seconds on each side.
        overwrite: replace clips that are there.

    Raises:
        OutputError: they cannot be written.
    """
    with results(overwrite=overwrite) as files:
        for repair in repairs:
            around = round(around_s * repair.rate_hz)
            first, last = max(repair.span.start - around, 0), repair.span.end + around
            before, after = (_cut(path, first, last) for path in (repair.source, repair.target))
            subtype = probe(repair.source).subtype
            kept = subtype if is_lossless(subtype) and subtype != "PCM_S8" else "FLOAT"
            exact = "FLOAT" if kept in ("PCM_U8", "PCM_16", "PCM_24") else "DOUBLE"
            for path, sound, coding in zip(
                repair.files(folder), (before, after, before - after), (kept, kept, exact), strict=True
            ):
                write_audio(path, sound, repair.rate_hz, subtype=coding, within=files)


def _cut(path: Path, first: int, last: int) -> Samples:
    """Samples ``first`` to ``last`` or the end, ``(C, n)``."""
    parts = []
    position = 0
    for block in read_blocks(path):
        part = block[:, max(first - position, 0) : last - position]
        if part.size:
            parts.append(part)
        position += block.shape[1]
        if position >= last:
            break
    return np.concatenate(parts, axis=1)
