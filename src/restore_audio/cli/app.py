"""The Typer app: which commands there are, and how a run ends."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="restore-audio",
    help="Find the holes in a recording and fill them, leaving every healthy sample as it was.",
    no_args_is_help=True,
)


def main() -> None:
    """Run the command line."""
    app()
