"""Options that several commands share, each written once, and how all of them are declared.

What an option means stands in its command's docstring, under ``Args:``; of those here, beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer


def panel(title: str) -> Callable[..., Any]:
    """``typer.Option`` for options that stand below ``title`` in the help."""
    return partial(typer.Option, rich_help_panel=title)


FILES = panel("Files")
DRAW = panel("The damage")
DAMAGE = panel("What counts as damage")
FILL = panel("How it is filled")
RESULTS = panel("Further results (with several inputs: a folder)")
RUN = panel("The run")


def choice(
    place: Callable[..., Any], names: Collection[str], *flags: str, metavar: str = "", help: str | None = None
) -> Any:
    """An option whose values are the names of a registry.

    Args:
        place: the panel it stands in.
        names: the values; the registry itself, so that what is added to it can be chosen.
        flags: of the option, where they are not the parameter's name.
        metavar: instead of the names, where they are many.
        help: where the docstring cannot say it.
    """

    def parsed(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"'{name}' is not one of {', '.join(names)}")
        return name

    shown = metavar or "|".join(names)
    return place(*flags, parser=parsed, metavar=shown, autocompletion=lambda: list(names), help=help)


Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="Recordings, folders or patterns like '*.wav'; - reads stdin."),
]
Recursive = Annotated[bool, FILES("--recursive", "-r", help="Look into folders inside folders.")]
Overwrite = Annotated[bool, FILES("--overwrite", help="Replace files that are there already.")]
SkipExisting = Annotated[
    bool, FILES("--skip-existing", help="Leave out recordings whose result is there already.")
]
Sensitivity = Annotated[
    float,
    DAMAGE(
        metavar="0..1",
        min=0.0,
        max=1.0,
        help="0: only what cannot be music is damage; 1: all that is suspicious.",
    ),
]
MaxGapMs = Annotated[
    float,
    DAMAGE(
        "--max-gap-ms",
        metavar="MS",
        min=0.1,
        max=60_000.0,
        help="Longer gaps are left as they are, and longer silences taken for music.",
    ),
]
Report = Annotated[Path | None, RESULTS(metavar="FILE", help="What was found and done, as JSON.")]
Labels = Annotated[Path | None, RESULTS(metavar="FILE", help="The spans as an Audacity label track.")]
Json = Annotated[bool, RESULTS("--json", help="One JSON object for each recording on stdout.")]
Quiet = Annotated[bool, RUN("--quiet", "-q", help="Say nothing unless something fails.")]
Verbose = Annotated[bool, RUN("--verbose", "-v", help="Say why as well: device, spans.")]
Jobs = Annotated[int, RUN("--jobs", "-j", metavar="N", min=1, help="Recordings at a time.")]
Shard = Annotated[
    str | None, RUN(metavar="I/N", help="Only the I-th of N parts of the inputs, for schedulers.")
]
Picture = Annotated[
    Path | None,
    RESULTS(
        metavar="FILE",
        help="Waveform, spectrograms, lanes by kind and the largest repairs as PNG (needs matplotlib).",
    ),
]
