"""``restore-audio audit``: short clips of the loudest repairs, to listen to a folder in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..audio.output import make_folder
from ..errors import InputError, RestoreError
from ..show.console import Console
from . import options
from .jobs import refuse_lost_inputs


def audit(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT")],
    to: Annotated[Path, options.FILES("--to", metavar="DIR")],
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", min=1, max=10_000)] = 10,
    around_s: Annotated[float, typer.Option("--around-s", metavar="S", min=0.0, max=60.0)] = 1.5,
    overwrite: options.Overwrite = False,
) -> int:
    """Cut short clips before, after and of what was removed, of the loudest repairs of all reports.

    Each line: rank, recording, number in its report, time, kind, level of what was removed in dBFS.

    Args:
        reports: Reports of fix (--report), or folders of them.
        to: Where the clips go.
        count: How many repairs.
        around_s: Seconds on each side of a repair.

    Examples:
        restore-audio fix -r tapes/ -o fixed/ --report reports/
        restore-audio audit reports/ --to clips/
    """
    from ..show.audit import largest, write_clips
    from ..show.reports_read import read_report

    console = Console()
    failed = False
    told = []
    for path in _files(reports):
        try:
            told.append(read_report(path))
        except RestoreError as error:
            failed = True
            console.error(f"restore-audio: {error}")
    found, missing = largest(told, count)
    for sentence in missing:
        failed = True
        console.error(f"restore-audio: {sentence}")
    make_folder(to)
    names = [path for repair in found for path in repair.files(to)]
    recordings = [path for report in told for path in (report.source, report.target) if path is not None]
    refuse_lost_inputs(names, [*recordings, *(report.path for report in told)])
    write_clips(found, to, around_s=around_s, overwrite=overwrite)
    for repair in found:
        console.line(repair.line())
    return 1 if failed else 0


def _files(places: list[Path]) -> list[Path]:
    """Reports by name, and those in folders, however deep."""
    files: list[Path] = []
    for place in places:
        inside = sorted(place.rglob("*.json")) if place.is_dir() else [place]
        if not inside:
            raise InputError(f"The folder {place} holds no reports: give what fix --report has written.")
        files += inside
    return files
