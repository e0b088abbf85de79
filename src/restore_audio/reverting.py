"""Put repairs back: the samples of chosen spans as they were before.

In: a restored recording, the spans of its report, and the original or what was removed from it. Out: the
restored recording with those samples exactly as in the original, and every other byte as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .arrays import Samples
from .audio.audiofile import AudioInfo, probe, read_blocks, rewrite
from .audio.encode import TRANSFORM_CODECS
from .audio.output import Results
from .errors import InputError
from .fill.splice import Patch
from .spans import Span

Range = tuple[float, float]


@dataclass(frozen=True)
class Choice:
    """Which repairs; each part that is given must hold, and one entry of it is enough.

    Attributes:
        numbers: places in the report, from 1.
        kinds: of damage.
        times_s: ranges that a repair overlaps.
        below: confidence is less than this.
    """

    numbers: frozenset[int] = frozenset()
    kinds: frozenset[str] = frozenset()
    times_s: tuple[Range, ...] = ()
    below: float | None = None

    def holds(self, number: int, span: Span, rate_hz: int) -> bool:
        """Whether a repair is chosen."""
        start_s, end_s = span.start / rate_hz, span.end / rate_hz
        return (
            (not self.numbers or number in self.numbers)
            and (not self.kinds or span.kind in self.kinds)
            and (not self.times_s or any(start_s <= b and a < end_s for a, b in self.times_s))
            and (self.below is None or span.confidence < self.below)
        )


@dataclass(frozen=True)
class Source:
    """Where samples come back from: the original, or what was removed (original minus restored)."""

    path: Path
    is_difference: bool = False
    info: AudioInfo = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "info", probe(self.path))


def revert(restored: Path, target: Path, spans: Sequence[Span], source: Source, *, within: Results) -> None:
    """Write the restored recording with the samples of spans as they were.

    Raises:
        InputError: the recordings are not of one shape, or their coding cannot hold single samples.
        OutputError: the target cannot be written.
    """
    info = probe(restored)
    if info.subtype in TRANSFORM_CODECS:
        raise InputError(
            f"{restored} is encoded as {info.subtype}, in which nothing can be put back exactly: run fix on "
            f"the original with --spans and the repairs that shall stay."
        )
    shapes = [(i.rate_hz, i.channels, i.frames) for i in (info, source.info)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"{source.path} has another rate, length or number of channels than {restored}: name the "
            f"recording that it was restored from."
        )
    if any(span.end > info.frames or span.channel >= info.channels for span in spans):
        raise InputError(f"The report is of another recording than {restored}: give the one of fix on it.")
    rewrite(restored, target, _as_it_was(restored, spans, source), within=within)


def _as_it_was(restored: Path, spans: Sequence[Span], source: Source) -> Iterator[Patch]:
    """The samples of spans, block by block."""
    ordered = sorted(spans)
    waiting = 0
    first = 0
    active: list[Span] = []
    for before in _before(restored, source):
        last = first + before.shape[1]
        while waiting < len(ordered) and ordered[waiting].start < last:
            active.append(ordered[waiting])
            waiting += 1
        for span in active:
            start, end = max(span.start, first), min(span.end, last)
            yield Patch(start, span.channel, before[span.channel, start - first : end - first].copy())
        active = [span for span in active if span.end > last]
        first = last


def _before(restored: Path, source: Source) -> Iterator[Samples]:
    if not source.is_difference:
        yield from read_blocks(source.path)
        return
    for removed, left in zip(read_blocks(source.path), read_blocks(restored), strict=True):
        yield removed + left
