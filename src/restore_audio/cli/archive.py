"""``restore-audio archive``: whole collections, with tables of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..fill.methods import METHODS
from ..settings import DEVICES, DetectSettings, FillSettings
from ..show.console import Console
from ..threads import usable_cores
from . import options
from .fix import check_tools
from .jobs import STREAM, Failure, below, find_inputs, refuse_lost_inputs, shard

RESULTS = options.panel("Further results")

ENGINES = ("local", "ray")


def archive(
    to: Annotated[Path, options.FILES("--to", metavar="DIR")],
    sources: Annotated[list[str] | None, typer.Argument(metavar="SOURCE")] = None,
    overwrite: options.Overwrite = False,
    scan_only: Annotated[bool, options.FILES("--scan-only")] = False,
    dry_run: Annotated[bool, options.FILES("--dry-run")] = False,
    sensitivity: options.Sensitivity = DetectSettings.sensitivity,
    max_gap_ms: options.MaxGapMs = FillSettings.max_gap_ms,
    method: Annotated[
        str, options.choice(options.FILL, [m for m in METHODS if m != "paper"])
    ] = FillSettings.method,
    device: Annotated[str, options.choice(options.FILL, DEVICES)] = "auto",
    model: Annotated[str | None, options.FILL(metavar="NAME|FILE")] = None,
    checksums: Annotated[bool, RESULTS("--checksums")] = False,
    bwf_history: Annotated[bool, RESULTS("--bwf-history")] = False,
    loudness: Annotated[bool, RESULTS("--loudness/--no-loudness")] = True,
    engine: Annotated[str, options.choice(options.RUN, ENGINES)] = ENGINES[0],
    address: Annotated[str, options.RUN(metavar="ADDRESS")] = "auto",
    jobs: Annotated[int | None, options.RUN("--jobs", "-j", metavar="N", min=1)] = None,
    part: Annotated[str | None, options.RUN("--shard", metavar="I/N")] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Restore a whole collection into a folder, with manifest, reports, table and summary.

    DIR gets recordings/, reports/, manifest.csv, table.csv and summary.html. The same command goes on where
    it was stopped. Originals are never changed.

    Args:
        to: The archive; made if needed.
        sources: Folders (searched with all inside) and recordings; none: those of the manifest in DIR.
        scan_only: Only write the manifest.
        dry_run: Survey: find the damage, write reports, table and summary, no recording.
        method: As in fix.
        device: Where the network runs.
        model: Other weights, as in fix.
        checksums: A .sha256 file beside each result.
        bwf_history: A CodingHistory line in the bext chunk of WAV files that were repaired.
        loudness: Loudness and true peak before and after.
        engine: local: processes here; ray: a Ray cluster whose machines all see the files (extra ray).
        address: Of the Ray cluster.
        jobs: Recordings at a time; all cores.
        part: Only the I-th of N parts of the manifest.

    Examples:
        restore-audio archive records/ --to restored/ --checksums
        restore-audio archive --to restored/ --shard 1/4
    """
    from ..archive import manifest
    from ..archive.session import Session
    from ..archive.work import ArchiveSettings
    from ..audio.output import make_folder
    from ..leftovers import alone

    console = Console(verbosity=-1 if quiet else int(verbose))
    if part is not None and sources:
        raise UsageError(
            "--shard divides the manifest in --to: scan first with --scan-only, then leave out the sources."
        )
    check_tools(device, model, method, None)
    folder = to.absolute()
    if name := _no_text(folder):
        raise UsageError(f"The name {name} is not Unicode, which no table can hold: choose another --to.")
    failures: list[Failure] = []
    if sources:
        found, failures = _found(sources, folder)
        for failure in failures:
            console.error(f"restore-audio: {failure.sentence}")
        if not found:
            return 1
        make_folder(folder, option="--to")
        with alone(folder / manifest.LOCK), console.progress("scanning", len(found)) as progress:
            entries = manifest.scan(found, folder, threads=jobs or usable_cores(), progress=progress)
    else:
        entries = manifest.read(folder / manifest.NAME)
    if scan_only:
        console.say(f"{folder / manifest.NAME}: {len(entries):,} recordings")
        return int(bool(failures))
    settings = ArchiveSettings(
        folder,
        DetectSettings(sensitivity=sensitivity, max_gap_ms=max_gap_ms),
        None if dry_run else FillSettings(method=method, max_gap_ms=max_gap_ms),
        device,
        str(Path(model).absolute()) if model is not None and Path(model).is_file() else model,
        checksums,
        bwf_history,
        loudness,
        overwrite,
    )
    mine = entries if part is None else shard(entries, part)
    refuse_lost_inputs(settings.written(entries), [Path(entry.path) for entry in entries])
    session = Session(console, settings, engine, address, jobs)
    return int(bool(session.run(entries, mine) or failures))


def _found(sources: Sequence[str], folder: Path) -> tuple[list[tuple[Path, str]], list[Failure]]:
    """Each recording and its place in the archive, below the name of its source where there are several."""
    folders = [path for path in map(Path, sources) if path.is_dir()]
    for source in folders:
        if folder.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                f"{folder} lies in {source}, so that results would become sources: choose another --to."
            )
    items, failures = find_inputs(sources, recursive=True)
    found: list[tuple[Path, str]] = []
    seen: dict[str, Path] = {}
    for item in items:
        prefix = Path(item.root.resolve().name) if len(sources) > 1 and item.root in folders else Path()
        place = (prefix / below(item) / item.path.name).as_posix()
        wrong = _no_place(item.path, place, seen.get(place.casefold()))
        if wrong is None:
            seen[place.casefold()] = item.path
            found.append((item.path, place))
        else:
            failures.append(Failure(item.path, wrong))
    return found, failures


def _no_place(path: Path, place: str, other: Path | None) -> str | None:
    """Why a recording cannot be part of an archive; None if it can."""
    if path == STREAM:
        return "Standard input cannot be part of an archive: name recordings or folders."
    if other is not None:  # some file systems take names for one that differ in case only
        return f"{other} and {path} would both become {place}: put them into separate archives."
    if name := _no_text(path.absolute()) or _no_text(Path(place)):
        return f"The name {name} is not Unicode, which no table can hold: rename it."
    return None


def _no_text(path: Path) -> str | None:
    """A name that is not Unicode, in letters that are; None for one that is."""
    name = str(path).encode(errors="backslashreplace").decode()
    return None if name == str(path) else name
