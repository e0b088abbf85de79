"""``restore-audio revert``: put repairs back as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..show.console import Console
from ..spans import KINDS
from . import options
from .jobs import Job, refuse_lost_files, refuse_lost_inputs

CHOICE = options.panel("Which repairs (all parts that are given must hold)")
REVERTED = "put back by restore-audio revert"


def revert(
    restored: Annotated[Path, typer.Argument(metavar="RESTORED")],
    report: Annotated[Path, options.FILES(metavar="FILE")],
    output: Annotated[Path | None, options.FILES("--output", "-o", metavar="FILE")] = None,
    original: Annotated[Path | None, options.FILES(metavar="FILE")] = None,
    removed: Annotated[Path | None, options.FILES(metavar="FILE")] = None,
    new_report: Annotated[Path | None, options.FILES(metavar="FILE")] = None,
    overwrite: options.Overwrite = False,
    number: Annotated[list[str] | None, CHOICE(metavar="N,N-N")] = None,
    kind: Annotated[list[str] | None, options.choice(CHOICE, KINDS, "--kind", "-k")] = None,
    time: Annotated[list[str] | None, CHOICE(metavar="S-S")] = None,
    below: Annotated[float | None, CHOICE(metavar="0..1", min=0.0, max=1.0)] = None,
    everything: Annotated[bool, CHOICE("--all")] = False,
    quiet: options.Quiet = False,
) -> int:
    """Put repairs of a restored recording back as they were, to the sample.

    Where the original is gone, what fix --removed wrote serves as well.

    Args:
        restored: A recording that fix has written.
        report: The report of fix on it.
        output: Where to; otherwise beside RESTORED.
        original: Where the samples come from; otherwise the recording that the report names.
        removed: The same, from what fix --removed wrote.
        new_report: The report of what stays repaired.
        number: By their numbers in the report, from 1: 3, or 2,5-9.
        kind: By kind of damage; may be repeated.
        time: That overlap these seconds, like 12.5-14; may be repeated.
        below: With less confidence than this.
        everything: All of them.

    Examples:
        restore-audio revert clean.wav --report clean.json --kind click
        restore-audio revert clean.wav --report clean.json --number 3,7-9 --removed removed.wav
    """
    from ..audio.output import results
    from ..reverting import Choice, Source
    from ..reverting import revert as put_back
    from ..show.report import write_text
    from ..show.reports_read import read_report

    if original is not None and removed is not None:
        raise UsageError("--original and --removed say the same thing twice: give one of them.")
    if not (number or kind or time or below is not None or everything):
        raise UsageError("Say which repairs: --number, --kind, --time, --below or --all.")
    choice = Choice(_numbers(number or []), frozenset(kind or []), _times(time or []), below)
    told = read_report(report)
    place = removed or original or told.source
    if place is None:
        raise UsageError(f"{report} names no original: give it with --original, or --removed.")
    target = output or restored.with_name(f"{restored.stem}.reverted{restored.suffix}")
    others = [] if new_report is None else [new_report]
    refuse_lost_inputs([target, *others], [restored, report, place])
    refuse_lost_files(Job(restored, target), others, overwrite=overwrite)
    source = Source(place, is_difference=removed is not None)
    missing = choice.numbers - set(told.spans)
    if missing:
        raise UsageError(
            f"{report} has {len(told.spans)} spans and no number {min(missing)}: correct --number."
        )
    chosen = {n: span for n, span in told.repairs.items() if choice.holds(n, span, told.rate_hz)}
    if choice.numbers and not chosen:
        raise UsageError(
            f"No span of --number was filled and fits the other options, so there is nothing to put back: "
            f"look into {report} and correct --number."
        )
    with results(overwrite=overwrite, source=restored, preserve=True) as files:
        put_back(restored, target, list(chosen.values()), source, within=files)
        if new_report is not None:
            document = told.document
            for n in chosen:
                document["spans"][n - 1].update(filled=False, reason=REVERTED)
            document.update(target=str(target), filled=len(told.repairs) - len(chosen))
            write_text(
                new_report,
                json.dumps(document, allow_nan=False, ensure_ascii=False, indent=2) + "\n",
                within=files,
            )
    if not quiet:
        Console().line(
            f"{restored} -> {target}: {len(chosen)} of {len(told.repairs)} repairs put back as they were"
        )
    return 0


def _numbers(texts: list[str]) -> frozenset[int]:
    """Numbers and ranges of them.

    >>> sorted(_numbers(["2,5-7"]))
    [2, 5, 6, 7]
    """
    numbers: set[int] = set()
    for part in (part.strip() for text in texts for part in text.split(",")):
        first, _, last = part.partition("-")
        last = last or first
        if not (first.isdecimal() and last.isdecimal() and len(last) < 8 and 1 <= int(first) <= int(last)):
            raise UsageError(f"--number {part[:40]} is not like 3 or 5-9: correct it.")
        numbers.update(range(int(first), int(last) + 1))
    return frozenset(numbers)


def _times(texts: list[str]) -> tuple[tuple[float, float], ...]:
    """Ranges of seconds.

    >>> _times(["1.5-2"])
    ((1.5, 2.0),)
    """
    ranges = []
    for text in texts:
        first, _, last = text.partition("-")
        try:
            start_s, end_s = float(first), float(last)
        except ValueError:
            start_s, end_s = 1.0, 0.0
        if not 0 <= start_s <= end_s:
            raise UsageError(f"--time {text[:40]} is not like 12.5-14 (seconds): correct it.")
        ranges.append((start_s, end_s))
    return tuple(ranges)
