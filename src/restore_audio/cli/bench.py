"""``restore-audio bench``: what the tool does, in numbers, beside the baselines and other programs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ..errors import UsageError
from ..measure.protocols import PAPER, PROTOCOLS, REAL
from ..show.console import Console
from .options import RUN, choice, panel

if TYPE_CHECKING:
    from ..show.bench_table import BenchResult

MATERIAL = panel("What is measured on")
DAMAGE = panel("What is damaged")
METHODS = panel("What repairs it")
RESULTS = panel("What comes out")


def bench(
    protocol: Annotated[
        str,
        choice(
            DAMAGE,
            PROTOCOLS,
            metavar="NAME",
            help=". ".join(f"{name}: {protocol.title}" for name, protocol in PROTOCOLS.items()) + ".",
        ),
    ] = "blind",
    lengths_ms: Annotated[str | None, DAMAGE("--lengths-ms", metavar="MS,...")] = None,
    families: Annotated[str | None, DAMAGE(metavar="NAME,...")] = None,
    gaps: Annotated[int, DAMAGE(min=1, max=100, metavar="N")] = 4,
    seed: Annotated[int, DAMAGE(min=0, metavar="N")] = 0,
    data: Annotated[Path | None, MATERIAL(metavar="DIR")] = None,
    split: Annotated[Path | None, MATERIAL(metavar="FILE")] = None,
    genre: Annotated[list[str] | None, MATERIAL("--genre", metavar="NAME")] = None,
    excerpts: Annotated[int, MATERIAL(min=0, metavar="N")] = 1,
    seconds: Annotated[float | None, MATERIAL(min=1.0, max=600.0, metavar="SECONDS")] = None,
    mono: Annotated[bool, MATERIAL("--mono")] = False,
    methods: Annotated[str | None, METHODS(metavar="NAME,...")] = None,
    rivals: Annotated[bool, METHODS("--rivals/--no-rivals")] = True,
    rival_seconds: Annotated[float, METHODS(min=1.0, metavar="SECONDS")] = 120.0,
    odg: Annotated[bool | None, RESULTS("--odg/--no-odg")] = None,
    graders: Annotated[str | None, RESULTS(metavar="NAME,...")] = None,
    as_json: Annotated[bool, RESULTS("--json")] = False,
    as_markdown: Annotated[bool, RESULTS("--markdown")] = False,
    html: Annotated[Path | None, RESULTS(metavar="FILE")] = None,
    overwrite: Annotated[bool, RESULTS("--overwrite")] = False,
    resume: Annotated[Path | None, RUN(metavar="DIR")] = None,
    jobs: Annotated[int, RUN("--jobs", "-j", min=0, metavar="N")] = 0,
    quiet: Annotated[bool, RUN("--quiet", "-q")] = False,
) -> None:
    """Measure what restoration does: SDR, spectra, PEAQ, detection, speed, beside baselines and rivals.

    Args:
        lengths_ms: Other gap lengths, with commas.
        families: Only these families of the protocol real, with commas; 'gap*' takes all gaps, and an unknown
            name lists those there are.
        gaps: Damages in each excerpt.
        seed: Fixes excerpts and damage.
        data: FMA's folder (its test split is taken), genre/track folders or a folder of recordings; without
            it the built-in suite.
        split: FMA's split as 'data stats --split' wrote it.
        genre: Only this genre.
        excerpts: Excerpts of each genre; 0 takes one of each recording.
        seconds: Length of an excerpt: 120 s for gaps, one-channel and onsets, else 10 s, or all there is.
        mono: Mix channels first.
        methods: Only these, with commas: methods of 'fix', a .safetensors file, baselines, rivals; an unknown
            name lists those there are.
        rivals: Run other programs that are installed (ffmpeg, grooveclean) on the same damage.
        rival_seconds: After so many seconds for an excerpt a rival is stopped.
        odg: Grade by PEAQ and the 2f-model too, which takes a while; for real only if asked for.
        graders: Grade by these too: 2f (of the 3 s around each gap), or visqol, zimtohrli, if installed.
        as_json: Everything as JSON on stdout.
        as_markdown: Tables for a README on stdout.
        html: One page with tables, curves, spectrograms and players, which needs no network.
        overwrite: Replace the page if it is there already.
        resume: Keep results in this folder as they come, and go on from those that are there.
        jobs: Processes; 0: one for each core.
        quiet: Say nothing but the result.

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
