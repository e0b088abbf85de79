"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

FILES = "Files"
DRAW = "The damage"
DAMAGE = "What counts as damage"
FILL = "How it is filled"
RESULTS = "Further results (with several inputs: a folder)"
RUN = "The run"


def choice(
    names: Collection[str],
    *flags: str,
    text: str,
    panel: str,
    metavar: str | None = None,
) -> Any:
    """An option whose values are the names of a registry.

    Args:
        names: the values; the registry itself, so that what is added to it can be chosen.
        flags: of the option, where they are not the parameter's name.
        text: its help.
        panel: the part of the help it stands in.
        metavar: instead of the names, where they are many.
    """

    def parsed(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"'{name}' is not one of {', '.join(names)}")
        return name

    return typer.Option(
        *flags,
        parser=parsed,
        metavar=metavar or "|".join(names),
        autocompletion=lambda: list(names),
        help=text,
        rich_help_panel=panel,
    )


Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="Recordings, folders or patterns like '*.wav'; - reads stdin."),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look into folders inside folders.", rich_help_panel=FILES)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that are there already.", rich_help_panel=FILES)
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing", help="Leave out recordings whose result is there already.", rich_help_panel=FILES
    ),
]
Sensitivity = Annotated[
    float,
    typer.Option(
        metavar="0..1",
        min=0.0,
        max=1.0,
        help="0 takes only what cannot be music for damage, 1 everything suspicious.",
        rich_help_panel=DAMAGE,
    ),
]
MaxGapMs = Annotated[
    float,
    typer.Option(
        "--max-gap-ms",
        metavar="MS",
        min=0.1,
        max=60_000.0,
        help="Longer gaps are left as they are, and longer silences taken for music.",
        rich_help_panel=DAMAGE,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What was found and done, as JSON.", rich_help_panel=RESULTS),
]
Labels = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The spans as an Audacity label track.", rich_help_panel=RESULTS),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object for each recording on stdout.", rich_help_panel=RESULTS),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing unless something fails.", rich_help_panel=RUN)
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say why as well: device, spans.", rich_help_panel=RUN)
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", metavar="N", min=1, help="Recordings at a time.", rich_help_panel=RUN)
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N", help="Only the I-th of N parts of the inputs, for schedulers.", rich_help_panel=RUN
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Waveform, spectrograms, lanes by kind and the largest repairs as PNG (needs matplotlib).",
        rich_help_panel=RESULTS,
    ),
]
