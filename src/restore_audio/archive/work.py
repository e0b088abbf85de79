"""What is done with one recording of an archive; doing it again changes nothing.

In: an entry of the manifest. Out: its row. Target, report and sum appear together, the report tells that they
did, and a run that finds one that fits leaves everything as it is: killed, retried and repeated runs, also at
the same time on several machines, end with each recording done once.
"""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import interrupts
from ..audio.output import make_folder
from ..errors import InputError, RestoreError
from ..files import beside, shortened, sum_of
from ..settings import DetectSettings, FillSettings
from ..show.report import report_to_dict, write_text
from ..spans import SCHEMA_VERSION
from .manifest import Entry
from .rows import (
    FAILED,
    FAILURES,
    RECORDINGS,
    REPORTS,
    RESTORED,
    SURVEYED,
    SURVEYS,
    UNCHANGED,
    Row,
    described,
    forget_failure,
    history_line,
    keep,
    read_row,
)

if TYPE_CHECKING:
    from ..audio.output import Results
    from ..network.device import Device
    from ..outcomes import Report
    from ..pipeline import Restorer

Progress = Callable[[float], None]


@dataclass(frozen=True)
class ArchiveSettings:
    """How the recordings of an archive are worked on.

    Attributes:
        folder: the archive, absolute.
        fill: how it is filled; None only looks for damage.
        checksums: a ``.sha256`` file beside each result.
        history: a line in the coding history of WAV files that were repaired.
        overwrite: results of other settings, or of a source that has changed, are replaced.
    """

    folder: Path
    detect: DetectSettings
    fill: FillSettings | None
    device: Device = "auto"
    model: str | None = None
    checksums: bool = False
    history: bool = False
    loudness: bool = True
    overwrite: bool = False

    @property
    def text(self) -> str:
        """All that results depend on, as JSON."""
        fill = {} if self.fill is None else {"method": self.fill.method, "history": self.history}
        gap_ms = {"max_gap_ms": self.detect.max_gap_ms}
        return json.dumps({"sensitivity": self.detect.sensitivity, **gap_ms, **fill, "model": self.model})

    def target(self, place: str) -> Path:
        """The restored recording."""
        return self.folder / RECORDINGS / place

    def written(self, entries: Iterable[Entry]) -> Iterator[Path]:
        """Every file of the archive that work on the entries may write."""
        for entry in entries:
            place = entry.place
            yield from (self.folder / kind / f"{place}.json" for kind in (REPORTS, SURVEYS, FAILURES))
            yield from (self.target(place), sum_file(self.target(place)))

    def report(self, place: str) -> Path:
        """What was found and done, in a file."""
        return self.folder / (SURVEYS if self.fill is None else REPORTS) / f"{place}.json"


def done_before(entry: Entry, settings: ArchiveSettings) -> Row | None:
    """The row of a recording that need not be worked on again."""
    survey = settings.fill is None
    places = [REPORTS, SURVEYS] if survey else [REPORTS]
    for row in (read_row(settings.folder / kind / f"{entry.place}.json") for kind in places):
        if row is None or row.sha256_source != entry.sha256:
            continue
        if row.state == SURVEYED:
            if row.settings == settings.text:
                return row
        elif (survey or row.settings == settings.text) and _is_there(settings.target(entry.place), row):
            return row
    return None


def _is_there(target: Path, row: Row) -> bool:
    try:
        return target.stat().st_size == row.target_bytes
    except OSError:
        return False


def finished(settings: ArchiveSettings, entry: Entry) -> Row | None:
    """The row of a recording that is done; a sum or a failure's end that is missing is seen to."""
    row = done_before(entry, settings)
    if row is not None:
        if settings.checksums and row.sha256_target is not None:
            _add_sum(settings.target(entry.place), row.sha256_target)
        forget_failure(settings.folder, entry.place)
    return row


def work(settings: ArchiveSettings, entry: Entry, progress: Progress) -> Row:
    """Restore (or look at) one recording; what goes wrong is in its row."""
    try:
        row = finished(settings, entry) or _work(settings, entry, progress)
        forget_failure(settings.folder, entry.place)
        return row
    except RestoreError as error:
        sentence, trace = str(error), ""
    except MemoryError:
        sentence, trace = f"{entry.path} did not fit into memory: run it where there is more.", ""
    except Exception as error:  # a fault of ours must not cost the other recordings
        interrupts.check()
        sentence = f"{entry.path}: unexpected {type(error).__name__} ({error}): please report it."
        trace = traceback.format_exc()
    return done_before(entry, settings) or failed(settings, entry, sentence, trace)


def failed(settings: ArchiveSettings, entry: Entry, sentence: str, trace: str = "") -> Row:
    """The row of a recording that failed, written down."""
    path = settings.folder / FAILURES / f"{entry.place}.json"
    row = Row(
        entry.place,
        entry.path,
        FAILED,
        error=sentence,
        duration_s=entry.duration_s,
        sha256_source=entry.sha256 or None,
        settings=settings.text,
        report=path.relative_to(settings.folder).as_posix(),
    )
    told = {"schema_version": SCHEMA_VERSION, "source": entry.path, "error": sentence}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, keep(row, told | ({"traceback": trace} if trace else {})))
    except (OSError, RestoreError):  # a full disk: the next run tries it again in any case
        return replace(row, report=None)
    return row


def _work(settings: ArchiveSettings, entry: Entry, progress: Progress) -> Row:
    source, report_file = Path(entry.path), settings.report(entry.place)
    try:
        now = sum_of(source)
    except OSError as error:
        raise InputError(f"{shortened(source)} cannot be read ({error.strerror}): check it.") from None
    if now != entry.sha256:
        raise InputError(f"{source} is not what the manifest says: name the sources again to scan it anew.")
    restorer = _restorer(settings.detect, settings.fill, settings.device, settings.model)
    rows: list[Row] = []

    def tell(report: Report, files: Results) -> None:
        rows.append(_tell(report, settings, entry, files))

    if settings.fill is None:
        make_folder(report_file.parent, option="--to")
        report = restorer.find_damage(source, loudness=settings.loudness, progress=progress)
        told = report_file.relative_to(settings.folder).as_posix()
        row = described(entry, report, SURVEYED, settings.text, report=told)
        write_text(report_file, keep(row, report_to_dict(report)))
        return row
    target = settings.target(entry.place)
    for folder in (target.parent, report_file.parent):
        make_folder(folder, option="--to")
    restorer.restore_file(
        source,
        target,
        overwrite=settings.overwrite,
        loudness=settings.loudness,
        also=tell,
        progress=progress,
    )
    return rows[0]


def _tell(report: Report, settings: ArchiveSettings, entry: Entry, files: Results) -> Row:
    """Add to what appears with the target: its sum, and the report with the row."""
    target, report_file = settings.target(entry.place), settings.report(entry.place)
    made = files.path_of(target)
    filled = any(span.filled for span in report.spans)
    history = False
    if settings.history and filled:
        from ..audio.history import add_history

        history = add_history(made, history_line(report))
    row = described(
        entry,
        report,
        RESTORED if filled else UNCHANGED,
        settings.text,
        sha256_target=sum_of(made),
        target_bytes=made.stat().st_size,
        history=history,
        report=report_file.relative_to(settings.folder).as_posix(),
    )
    write_text(report_file, keep(row, report_to_dict(report)), within=files)
    if settings.checksums:
        write_text(sum_file(target), _sum_line(target, row.sha256_target or ""), within=files)
    return row


def _add_sum(target: Path, digest: str) -> None:
    """The sum of a result that was made without."""
    if not sum_file(target).exists():
        with beside(sum_file(target)) as temporary:
            temporary.write_text(_sum_line(target, digest), encoding="utf-8")


def sum_file(target: Path) -> Path:
    """Where the sum of a result is kept."""
    return target.with_name(f"{target.name}.sha256")


def _sum_line(target: Path, digest: str) -> str:
    """As ``sha256sum --check`` reads it."""
    return f"{digest}  {target.name}\n"


@functools.lru_cache(maxsize=1)
def _restorer(
    detect: DetectSettings, fill: FillSettings | None, device: Device, model: str | None
) -> Restorer:
    from ..pipeline import Restorer

    return Restorer(detect=detect, fill=fill, device=device, model=model)
