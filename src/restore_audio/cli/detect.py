"""``restore-audio detect``: where recordings are damaged, without touching them."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

from ..settings import DetectSettings
from ..show.console import Console
from . import options
from .jobs import Job, below, find_inputs
from .recording import Extras, WorkSettings
from .run import Session

if TYPE_CHECKING:
    from ..outcomes import Report


FAILED = 3
"""Exit code of ``--exit-code`` where something failed: 1 says that damage was found."""


def detect(
    inputs: options.Inputs,
    recursive: options.Recursive = False,
    overwrite: options.Overwrite = False,
    sensitivity: options.Sensitivity = DetectSettings.sensitivity,
    max_gap_ms: options.MaxGapMs = DetectSettings.max_gap_ms,
    report: options.Report = None,
    labels: options.Labels = None,
    explain: Annotated[bool, options.DAMAGE("--explain")] = False,
    picture: options.Picture = None,
    as_json: options.Json = False,
    exit_code: Annotated[bool, options.RESULTS("--exit-code")] = False,
    jobs: options.Jobs = 1,
    shard: options.Shard = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Find the damage of recordings and list it; no recording is changed.

    Each line: start and end in seconds, channel, kind of damage, confidence. With --explain a second line
    says what speaks for damage there; --json and --report hold it always. Channels are counted from 1.

    Args:
        explain: Say below each span what speaks for damage there.
        exit_code: End with 1 if damage was found, and with 3 if something failed; with -q list nothing.

    Examples:
        restore-audio detect damaged.wav
        restore-audio detect damaged.wav --explain --labels damaged.txt
        restore-audio detect -r records/ --json
        restore-audio detect --exit-code -q damaged.wav
    """
    from ..show import report as texts
    from ..show.plot import require_matplotlib

    if picture is not None:
        require_matplotlib()
    found, failures = find_inputs(inputs, recursive=recursive)
    planned = [Job(item.path, None, below(item) / item.path.name) for item in found]
    console = Console(verbosity=-1 if quiet else int(verbose))
    settings = WorkSettings(
        detect=DetectSettings(sensitivity=sensitivity, max_gap_ms=max_gap_ms),
        fill=None,
        extras=Extras(report=report, labels=labels, picture=picture),
        several=len(planned) + len(failures) > 1,
        overwrite=overwrite,
    )

    damaged = False
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else texts.UNBROKEN

    def tell(result: Report) -> None:
        nonlocal damaged
        damaged = damaged or bool(result.spans)
        if as_json or (quiet and exit_code):
            return
        console.say(texts.report_sentence(result))
        for line in texts.span_lines(result, explained=explain, width=width):
            console.result(line)

    code = Session(console, as_json, jobs, shard).run(planned, settings, failures, tell)
    if not exit_code:
        return code
    return FAILED if code else int(damaged)
