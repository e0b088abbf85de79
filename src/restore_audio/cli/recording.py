"""What ``fix`` and ``detect`` do with one recording, in a form that can be sent to another process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import interrupts
from ..audio.output import make_folder
from ..errors import InputError, UsageError
from ..files import shortened
from ..leftovers import scratch
from ..network.shipped import models_dir
from ..settings import DetectSettings, FillSettings
from ..show.console import write_to_stdout
from ..threads import share_heap
from .jobs import STREAM, Failure, Job, is_name, refuse_lost_files, refuse_lost_inputs
from .journal import note_making

if TYPE_CHECKING:
    from ..audio.output import Results
    from ..network.device import Device
    from ..outcomes import Report

SUFFIXES = {
    "report": ".json",
    "labels": ".txt",
    "removed": ".removed.wav",
    "picture": ".png",
    "html": ".html",
}
"""What is added to a recording's name for each further result, where a folder was given."""


SPANS_SUFFIXES = (".json", ".txt")
"""What is added to a recording's name for its spans, where a folder of them was given."""


@dataclass(frozen=True)
class Extras:
    """Files written beside the restored one; None: not wanted."""

    report: Path | None = None
    labels: Path | None = None
    removed: Path | None = None
    picture: Path | None = None
    html: Path | None = None

    def named(self) -> dict[str, Path]:
        """Those that are wanted, by the names of :data:`SUFFIXES`."""
        places = {name: getattr(self, name) for name in SUFFIXES}
        return {name: place for name, place in places.items() if place is not None}

    def wanted(self) -> list[Path]:
        """Those that are wanted."""
        return list(self.named().values())


@dataclass(frozen=True)
class WorkSettings:
    """How recordings are worked on.

    Attributes:
        fill: how it is filled; None only looks for damage.
        spans: file (``several``: folder) with the spans instead of looking for them.
        extras: files (``several``: folders) for further results.
        several: whether more than one recording was given.
        preserve: results get the mode and time of change of their sources.
        journal: file that is told what is about to appear.
    """

    detect: DetectSettings
    fill: FillSettings | None
    spans: Path | None = None
    extras: Extras = Extras()
    several: bool = False
    overwrite: bool = False
    device: Device = "auto"
    model: str | None = None
    loudness: bool = False
    preserve: bool = True
    journal: Path | None = None


def extras_of(job: Job, settings: WorkSettings) -> Extras:
    """The further results of one recording."""

    def place(name: str, given: Path) -> Path:
        if not (settings.several or given.is_dir()):
            return given
        return given / job.label.with_name(job.label.name + SUFFIXES[name])

    return Extras(**{name: place(name, given) for name, given in settings.extras.named().items()})


def index_of(settings: WorkSettings) -> Path | None:
    """The folder of pages that gets an index, if there is one."""
    html = settings.extras.html
    return html if html is not None and (settings.several or html.is_dir()) else None


def spans_of(job: Job, settings: WorkSettings) -> Path | None:
    """The file with the spans of one recording.

    Raises:
        InputError: a folder was given and holds none for it.
    """
    if settings.spans is None or not settings.spans.is_dir():
        return settings.spans
    places = _spans_places(job, settings.spans)
    for place in places:
        if place.is_file():
            return place
    raise InputError(f"{settings.spans} holds no spans for {job.source}: put them into {places[0]}.")


def _spans_places(job: Job, folder: Path) -> list[Path]:
    return [folder / job.label.with_name(job.label.name + suffix) for suffix in SPANS_SUFFIXES]


def written_by(job: Job, settings: WorkSettings) -> list[Path]:
    """Every file that a job will write."""
    target = None if settings.fill is None or job.target == STREAM else job.target
    return [path for path in (target, *extras_of(job, settings).wanted()) if path is not None]


def sort_out(jobs: Sequence[Job], settings: WorkSettings) -> tuple[list[Job], list[Failure]]:
    """Jobs whose results can have the names that they shall have, and a failure for each other."""
    possible, failures = [], []
    for job in jobs:
        wrong = next((path for path in written_by(job, settings) if not is_name(path)), None)
        if wrong is None:
            possible.append(job)
        else:
            sentence = (
                f"{shortened(job.source)}: its result cannot be called {shortened(wrong)}, which is too long "
                f"or no name of a file: give a shorter one with -o or --name."
            )
            failures.append(Failure(job.source, sentence))
    return possible, failures


def check_together(settings: WorkSettings, jobs: Sequence[Job], journal: Path | None) -> None:
    """Refuse what cannot work, or would lose a file, before anything is done.

    Raises:
        OutputError: a file that is read would be written over.
        UsageError: arguments that do not fit together.
    """
    if settings.several:
        _check_several(settings, jobs)
    written = [path for job in jobs for path in written_by(job, settings)]
    pages = index_of(settings)
    if pages is not None:
        from ..show.listening_index import check_index

        written.append(check_index(pages, overwrite=settings.overwrite))
    read = [job.source for job in jobs]
    spans = [settings.spans] if settings.spans is not None else []
    if settings.spans is not None and settings.spans.is_dir():
        spans = [place for job in jobs for place in _spans_places(job, settings.spans)]
    read += [path for path in spans if path.is_file()]
    if settings.model is not None:
        read.append(Path(settings.model))
    read += models_dir().glob("*")
    refuse_lost_inputs([*written, *([] if journal is None else [journal])], read)


def _check_several(settings: WorkSettings, jobs: Sequence[Job]) -> None:
    given = {**settings.extras.named(), **({} if settings.spans is None else {"spans": settings.spans})}
    for option, path in given.items():
        if path.is_file():
            raise UsageError(
                f"With several inputs --{option} must be a folder, and {path} is a file: name one."
            )
    if settings.spans is not None and not settings.spans.is_dir():
        raise UsageError(
            f"With several inputs --spans must be a folder, and there is none at {settings.spans}."
        )
    seen: set[Path] = set()
    for path in (path for job in jobs for path in extras_of(job, settings).wanted()):
        if path in seen:
            raise UsageError(f"Two recordings would both write {path}: use --name, or separate runs.")
        seen.add(path)


def work(job: Job, settings: WorkSettings, progress: Callable[[float], None]) -> Report:
    """Restore one recording (or only look at it) and write all that was asked for.

    Raises:
        RestoreError: with the sentence for the person.
    """
    refuse_lost_files(
        job,
        extras_of(job, settings).wanted(),
        overwrite=settings.overwrite,
        can_skip=settings.fill is not None,
    )
    share_heap()
    if settings.fill is None:
        job = replace(job, target=None)
    folders = [p.parent for p in extras_of(job, settings).wanted()] if settings.several else []
    if job.target is not None and job.makes_folder:
        folders.append(job.target.parent)
    for folder in folders:
        make_folder(folder)
    if STREAM not in (job.source, job.target):
        return _work_on_files(job, settings, job, progress)
    with scratch() as place:
        source, target = job.source, job.target
        if source == STREAM:
            source = _spooled(place)
        if target == STREAM:
            paper = settings.fill is not None and settings.fill.method == "paper"
            target = Path(place, f"restored{source.suffix or ('.wav' if paper else '')}")
        return _work_on_files(replace(job, source=source, target=target), settings, job, progress)


def _spooled(folder: Path) -> Path:
    """Standard input as a file: containers can only be read by going back and forth."""
    path = folder / "stdin"
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    except OSError as error:
        raise InputError(
            f"Standard input cannot be kept on disk ({error.strerror}): free some space."
        ) from None
    return path


def _work_on_files(job: Job, settings: WorkSettings, told: Job, progress: Callable[[float], None]) -> Report:
    """``told``: the job as the person knows it, whose source or target may be a stream."""
    from ..audio.audiofile import probe
    from ..audio.output import results
    from ..pipeline import Restorer
    from ..show.report import read_spans

    extras = extras_of(told, settings)
    spans_file = spans_of(told, settings)
    spans = None
    if spans_file is not None:
        info = probe(job.source)
        spans = read_spans(
            spans_file, rate_hz=info.rate_hz, channels=info.channels, length_samples=info.frames
        )
    restorer = Restorer(
        detect=settings.detect, fill=settings.fill, device=settings.device, model=settings.model
    )

    def further(report: Report, files: Results) -> None:
        _write_extras(replace(report, source=told.source, target=told.target), extras, job, files)
        if settings.journal is not None:
            note_making(settings.journal, told, files.pending())
        if told.target == STREAM and job.target is not None:
            with files.path_of(job.target).open("rb") as file:
                write_to_stdout(iter(lambda: file.read(1 << 20), b""))
        interrupts.hold()  # from here on it is done, and will be told to be; `run` lets go

    if settings.fill is None or job.target is None:
        with results(overwrite=settings.overwrite, source=job.source) as files:
            report = restorer.find_damage(
                job.source, spans=spans, loudness=settings.loudness, progress=progress
            )
            further(report, files)
    else:
        report = restorer.restore_file(
            job.source,
            job.target,
            spans=spans,
            removed=extras.removed,
            overwrite=settings.overwrite,
            preserve=settings.preserve,
            loudness=settings.loudness,
            also=further,
            progress=progress,
        )
    return replace(report, source=told.source, target=told.target)


def _write_extras(report: Report, extras: Extras, job: Job, files: Results) -> None:
    from ..show import report as texts

    if extras.report is not None:
        texts.write_text(extras.report, texts.report_json(report), within=files)
    if extras.labels is not None:
        texts.write_text(extras.labels, texts.report_labels(report), within=files)
    if extras.picture is not None:
        _draw(extras.picture, report, job, files)
    if extras.html is not None and job.target is not None:
        from ..show.listening import write_report

        write_report(report, extras.html, before=job.source, after=files.path_of(job.target), within=files)


def _draw(path: Path, report: Report, job: Job, files: Results) -> None:
    from ..audio.audiofile import read_blocks
    from ..show.picture import draw_picture

    after = job.source if job.target is None else files.path_of(job.target)
    draw_picture(
        path,
        lambda: read_blocks(job.source, 1 << 16),
        lambda: read_blocks(after, 1 << 16),
        report.spans,
        rate_hz=report.rate_hz,
        total=report.frames,
        title=report.source.name,
        within=files,
    )
