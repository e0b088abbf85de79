"""``restore-audio bench``: what the tool does, in numbers, beside the baselines and other programs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..measure.protocols import PAPER, PROTOCOLS, REAL
from ..show.console import Console
from .options import choice

if TYPE_CHECKING:
    from ..show.bench_table import BenchResult

MATERIAL = "What is measured on"
DAMAGE = "What is damaged"
METHODS = "What repairs it"
RESULTS = "What comes out"
RUN = "The run"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(bench)


def bench(
    protocol: Annotated[
        str,
        choice(
            PROTOCOLS,
            metavar="NAME",
            text=". ".join(f"{name}: {protocol.title}" for name, protocol in PROTOCOLS.items()) + ".",
            panel=DAMAGE,
        ),
    ] = "blind",
    lengths_ms: Annotated[
        str | None,
        typer.Option(
            "--lengths-ms",
            metavar="MS,...",
            help="Other gap lengths, with commas.",
            rich_help_panel=DAMAGE,
        ),
    ] = None,
    families: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Only these families of the protocol real, with commas; 'gap*' takes all gaps, "
            "and an unknown name lists those there are.",
            rich_help_panel=DAMAGE,
        ),
    ] = None,
    gaps: Annotated[
        int,
        typer.Option(min=1, max=100, metavar="N", help="Damages in each excerpt.", rich_help_panel=DAMAGE),
    ] = 4,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Fixes excerpts and damage.", rich_help_panel=DAMAGE)
    ] = 0,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="FMA's folder (its test split is taken), genre/track folders or a folder of recordings; "
            "without it the built-in suite.",
            rich_help_panel=MATERIAL,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="FMA's split as 'data stats --split' wrote it.", rich_help_panel=MATERIAL
        ),
    ] = None,
    genre: Annotated[
        list[str] | None,
        typer.Option("--genre", metavar="NAME", help="Only this genre.", rich_help_panel=MATERIAL),
    ] = None,
    excerpts: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Excerpts of each genre; 0 takes one of each recording.",
            rich_help_panel=MATERIAL,
        ),
    ] = 1,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=600.0,
            metavar="SECONDS",
            help="Length of an excerpt: 120 s for gaps, one-channel and onsets, else 10 s, or all there is.",
            rich_help_panel=MATERIAL,
        ),
    ] = None,
    mono: Annotated[
        bool, typer.Option("--mono", help="Mix channels first.", rich_help_panel=MATERIAL)
    ] = False,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Only these, with commas: methods of 'fix', a .safetensors file, baselines, rivals; "
            "an unknown name lists those there are.",
            rich_help_panel=METHODS,
        ),
    ] = None,
    rivals: Annotated[
        bool,
        typer.Option(
            "--rivals/--no-rivals",
            help="Run other programs that are installed (ffmpeg, grooveclean) on the same damage.",
            rich_help_panel=METHODS,
        ),
    ] = True,
    rival_seconds: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            help="After so many seconds for an excerpt a rival is stopped.",
            rich_help_panel=METHODS,
        ),
    ] = 120.0,
    odg: Annotated[
        bool | None,
        typer.Option(
            "--odg/--no-odg",
            help="Grade by PEAQ and the 2f-model too, which takes a while; for real only if asked for.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    graders: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="Grade by these too: 2f (of the 3 s around each gap), or visqol, zimtohrli, if installed.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON on stdout.", rich_help_panel=RESULTS)
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Tables for a README on stdout.", rich_help_panel=RESULTS)
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One page with tables, curves, spectrograms and players, which needs no network.",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace the page if it is there already.", rich_help_panel=RESULTS),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep results in this folder as they come, and go on from those that are there.",
            rich_help_panel=RUN,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", "-j", min=0, metavar="N", help="Processes; 0: one for each core.", rich_help_panel=RUN
        ),
    ] = 0,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but the result.", rich_help_panel=RUN)
    ] = False,
) -> None:
    """Measure what restoration does: SDR, spectra, PEAQ, detection, speed, beside baselines and rivals.

    Examples:
        restore-audio bench --genre jazz
        restore-audio bench --protocol gaps --lengths-ms 10,50 --methods auto,ar --no-odg
        restore-audio bench --protocol blind --data music/ --html blind.html
    """
    from ..measure.bench import Plan, run_bench
    from ..measure.graders import PEAQ, TWO_F, check_graders
    from ..measure.material import choose_material
    from ..measure.methods import choose_methods
    from ..measure.real import makeable
    from ..measure.rivals import find_rivals
    from ..show.bench_table import BenchResult

    if as_json and as_markdown:
        raise UsageError("--json and --markdown both want stdout: choose one.")
    if html is not None:
        _check_page(html, data, overwrite=overwrite)
    console = Console(verbosity=-1 if quiet else 0)
    lengths = _lengths(lengths_ms, protocol)
    named = _words(methods)
    also = check_graders(_words(graders), (TWO_F,))
    found, missing = find_rivals() if rivals and protocol != PAPER else ([], [])
    chosen = choose_methods(named, protocol, found, rival_time_limit_s=rival_seconds)
    material = choose_material(
        data,
        genres=genre or (),
        per_genre=excerpts,
        seconds=seconds or PROTOCOLS[protocol].excerpt_s,
        seed=seed,
        split=split,
    )
    conditions = PROTOCOLS[protocol].conditions(lengths, _families(families, protocol))
    left_out: tuple[str, ...] = ()
    if protocol == REAL:
        conditions, left_out = makeable(conditions)
        odg = bool(odg)
    graded_by = (*((PEAQ, TWO_F) if odg is not False else ()), *also)
    plan = Plan(protocol, conditions, tuple(chosen), material, seed, gaps, mono, graded_by)
    with console.progress("measuring", len(plan.tasks())) as tell:
        rows = run_bench(plan, jobs=jobs or os.cpu_count() or 1, folder=resume, progress=tell)
    notes = () if named or not PROTOCOLS[protocol].rivals else tuple(missing)
    result = BenchResult(plan, tuple(rows), (*notes, *left_out), shlex.join(["restore-audio", *sys.argv[1:]]))
    _show(console, result, as_json=as_json, as_markdown=as_markdown)
    if html is not None:
        from ..show.bench_html import write_page

        write_page(result, html)
        console.say(f"The page is in {html}.")


def _check_page(html: Path, data: Path | None, *, overwrite: bool) -> None:
    """Before hours of measuring: the page may be written where it shall be."""
    from ..audio.output import check_target
    from .jobs import refuse_lost_inputs

    check_target(html, overwrite=overwrite)
    if data is not None and html.exists():
        refuse_lost_inputs([html], (path for path in data.rglob("*") if path.is_file()))


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]


def _lengths(text: str | None, protocol: str) -> tuple[float, ...]:
    if text is None:
        return ()
    if not PROTOCOLS[protocol].lengths_ms:
        takers = ", ".join(name for name, other in PROTOCOLS.items() if other.lengths_ms)
        raise UsageError(f"--lengths-ms is for {takers}; leave it out for {protocol}.")
    try:
        lengths = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        lengths = ()
    if not lengths or not all(0.05 <= length <= 5000 for length in lengths):
        raise UsageError(f"--lengths-ms is '{text}': give milliseconds from 0.05 to 5000, like 5,20,80.")
    return lengths


def _families(text: str | None, protocol: str) -> tuple[str, ...]:
    if text is None:
        return ()
    if protocol != REAL:
        raise UsageError(f"--families is for real; leave it out for {protocol}.")
    return tuple(_words(text))


def _show(console: Console, result: BenchResult, *, as_json: bool, as_markdown: bool) -> None:
    from ..show.bench_table import as_data, markdown, remarks, sheets
    from ..show.bench_terminal import fitted, legend, rich_table, short_names, title

    if as_json:
        console.result(json.dumps(as_data(result), allow_nan=False, ensure_ascii=False, indent=1))
        return
    if as_markdown:
        console.result(markdown(result).rstrip())
        return
    console.result(result.about)
    width = shutil.get_terminal_size().columns
    for sheet in sheets(result):
        console.result(f"\n{title(sheet, width)}")
        for part in fitted(short_names(result, sheet), width):
            console.table(rich_table(part))
    for line in (*legend(result), *remarks(result)):
        console.result(line)
