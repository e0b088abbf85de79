"""``restore-audio fix``: find the damage of recordings and fill it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..audio.suffixes import LOSSLESS, READ_ONLY
from ..errors import UsageError
from ..fill.methods import METHODS
from ..settings import DEVICES, DetectSettings, FillSettings
from ..show.console import Console
from . import options
from .jobs import STREAM, find_inputs, plan
from .recording import Extras, WorkSettings
from .run import Session

if TYPE_CHECKING:
    from ..outcomes import Report


def fix(
    inputs: options.Inputs,
    output: Annotated[str | None, options.FILES("--output", "-o", metavar="FILE|DIR|-")] = None,
    name: Annotated[str | None, options.FILES(metavar="TEMPLATE")] = None,
    recursive: options.Recursive = False,
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = False,
    preserve: Annotated[bool, options.FILES("--preserve/--no-preserve")] = True,
    dry_run: Annotated[bool, options.FILES("--dry-run")] = False,
    sensitivity: options.Sensitivity = DetectSettings.sensitivity,
    max_gap_ms: options.MaxGapMs = FillSettings.max_gap_ms,
    spans: Annotated[Path | None, options.DAMAGE(metavar="FILE")] = None,
    method: Annotated[
        str,
        options.choice(
            options.FILL,
            METHODS,
            help="; ".join(f"{name}: {method.title}" for name, method in METHODS.items()) + ".",
        ),
    ] = FillSettings.method,
    device: Annotated[str, options.choice(options.FILL, DEVICES)] = "auto",
    model: Annotated[str | None, options.FILL(metavar="NAME|FILE")] = None,
    report: options.Report = None,
    labels: options.Labels = None,
    removed: Annotated[Path | None, options.RESULTS(metavar="FILE")] = None,
    picture: options.Picture = None,
    html: Annotated[Path | None, options.RESULTS(metavar="FILE")] = None,
    loudness: Annotated[bool, options.RESULTS("--loudness")] = False,
    as_json: options.Json = False,
    jobs: options.Jobs = 1,
    shard: options.Shard = None,
    journal: Annotated[Path | None, options.RUN(metavar="FILE")] = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Find the holes in recordings and fill them; everything else stays exactly as it was.

    Each result is written beside its recording unless -o names another place. Files that are there already
    are kept unless --overwrite is given.

    Args:
        output: Where to: a file, a folder, - for stdout; otherwise beside each input (FLAC where its kind can
            only be read, as M4A).
        name: File names of the results, from {stem} {suffix} {name} {parent} {index}.
        preserve: Give each result the time of change and permissions of its source.
        dry_run: Only say what would be done.
        spans: Fill these spans (JSON or Audacity labels) instead of looking for damage.
        device: Where the network runs; -v says which and why.
        model: Other weights: shipped ones by name, or a .safetensors file.
        removed: Input minus output, as WAV: added to the output it gives the input.
        html: A page to hear each repair before and after, in any browser, without a network.
        loudness: Loudness and true peak before and after.
        journal: Keep in FILE what is done; the same call goes on where it was stopped.

    Examples:
        restore-audio fix damaged.wav -o clean.wav
        restore-audio fix -r records/ -o fixed/ --skip-existing
        restore-audio fix damaged.wav --dry-run -v
        restore-audio fix damaged.wav -o clean.wav --spans labels.txt
    """
    from ..show import report as texts

    if overwrite and skip_existing:
        raise UsageError("--overwrite and --skip-existing contradict each other: give one of them.")
    if html is not None and METHODS[method].resynthesises:
        raise UsageError(
            "--method paper makes everything anew, so --html has no repairs to show: leave it out."
        )
    check_tools(device, model, method, picture)
    found, failures = find_inputs(inputs, recursive=recursive)
    planned = plan(found, output, name=name, folder_wanted=any(Path(i).is_dir() for i in inputs))
    console = Console(
        verbosity=-1 if quiet else int(verbose),
        results_on_stderr=any(job.target == STREAM for job in planned),
    )
    if console.results_on_stderr and sys.stdout.isatty():
        raise UsageError("Audio cannot be written to a terminal: name a file with -o, or pipe it somewhere.")
    settings = WorkSettings(
        detect=DetectSettings(sensitivity=sensitivity, max_gap_ms=max_gap_ms),
        fill=None if dry_run else FillSettings(method=method, max_gap_ms=max_gap_ms),
        spans=spans,
        extras=Extras() if dry_run else Extras(report, labels, removed, picture, html),
        several=len(planned) + len(failures) > 1,
        overwrite=overwrite,
        device=device,
        model=model,
        loudness=loudness,
        preserve=preserve,
        journal=None if dry_run else journal,
    )

    def tell(result: Report) -> None:
        target, kind = result.target, result.source.suffix
        if (
            target is not None
            and kind.lower() in READ_ONLY
            and target.suffix == LOSSLESS != Path(output or "").suffix
        ):
            console.say(
                f"{result.source}: {kind[1:].upper()} is only read here, so the result is {target.name}"
            )
        if as_json:
            return
        if not quiet:
            console.line(texts.report_sentence(result))
        for line in (*texts.span_lines(result), *texts.circumstances(result)):
            console.detail(line)
        if result.before is not None:
            console.say(texts.loudness_sentence(result))

    if dry_run:
        for job in planned:
            console.say(f"{job.source}: would be written to {job.target}")
        journal = None
    session = Session(console, as_json, jobs, shard, journal, skip_existing)
    return session.run(planned, settings, failures, tell)


def check_tools(device: str, model: str | None, method: str, picture: Path | None) -> None:
    """What can be known to be missing is said before hours of work."""
    if picture is not None:
        from ..show.plot import require_matplotlib

        require_matplotlib()
    if device not in ("auto", "cpu"):
        from ..network.device import choose_device

        choose_device(device)
    if model is not None and (METHODS[method].blend or METHODS[method].resynthesises):
        from ..network.checkpoint import model_path, read_card

        read_card(model_path(model))
