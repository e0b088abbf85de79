"""``restore-audio data``: look at music, fetch FMA, decode it once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..show.console import Console

if TYPE_CHECKING:
    from rich.table import Table

    from ..data.library import Library, Rejected

data = typer.Typer(
    name="data",
    help="""Music to train on: look at it, fetch it, decode it once.

    Examples:
        restore-audio data stats --data music/
        restore-audio data fetch fma-small --to fma
    """,
    no_args_is_help=True,
)

Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", help="FMA's folder, or a folder of genre/track files.")
]
Split = Annotated[
    Path | None,
    typer.Option("--split", metavar="FILE", help="FMA's split: read if it exists, else drawn and written."),
]
Genres = Annotated[list[str] | None, typer.Option("--genre", metavar="NAME", help="Only this genre.")]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of the paper's split of FMA.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the result.")]


@data.command()
def stats(
    data: Data,
    split: Split = None,
    seed: Seed = 0,
    genre: Genres = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show genres, hours, rates, unusable files, and for FMA the paper's split.

    Args:
        as_json: Write everything as JSON.

    Examples:
        restore-audio data stats --data music/
        restore-audio data stats --data fma/ --split split.json
    """
    from ..data.library import scan_library

    console = Console()
    library = scan_library(data, genres=genre or ())
    library = _with_split(library, split, seed)
    if as_json:
        console.result(json.dumps(_as_data(library), ensure_ascii=False, indent=1))
        return
    console.table(_genre_table(library))
    _say_rejected(console, library.rejected)
    if split is not None:
        console.say(f"The split is in {split}.")


@data.command()
def fetch(
    what: Annotated[str, typer.Argument(metavar="ARCHIVE")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR")],
    mirror: Annotated[str | None, typer.Option("--mirror", metavar="URL")] = None,
    attempts: Annotated[int, typer.Option("--attempts", min=1, metavar="N")] = 6,
    remove_archive: Annotated[bool, typer.Option("--remove-archive")] = False,
    quiet: Quiet = False,
) -> None:
    """Download from FMA's address, go on where it broke off, check the sum, unpack.

    Args:
        what: fma-small, fma-medium or fma-metadata.
        to: Where the music shall be.
        mirror: Another address that has FMA's archives.
        attempts: Attempts in a row that may bring nothing.
        remove_archive: Delete the zip once it is unpacked.

    Examples:
        restore-audio data fetch fma-small --to fma
        restore-audio data fetch fma-metadata --to fma
    """
    try:
        import requests  # noqa: F401
    except ImportError as error:
        raise UsageError("`data fetch` needs the package requests: pip install requests.") from error
    from ..data import download

    console = Console(verbosity=-1 if quiet else 0)
    with console.progress(f"fetching {what}", 1) as tell:
        path = download.fetch(
            what,
            to,
            address=mirror or download.FMA_ADDRESS,
            patience=download.Patience(attempts=attempts),
            progress=lambda done, total: tell(done / total if total else 0),
        )
    with console.progress(f"unpacking {what}", 1) as tell:
        download.unzip(path, to, progress=lambda done, total: tell(done / total if total else 1))
    if remove_archive:
        path.unlink()
    console.say(f"{what} is in {to}; its SHA-1 sum is right.")


@data.command()
def prepare(
    data: Data,
    to: Annotated[Path, typer.Option("--to", metavar="CACHE")],
    rate: Annotated[str, typer.Option("--rate", metavar="HZ|native")] = "16000",
    mono: Annotated[bool, typer.Option("--mono/--all-channels")] = True,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds-per-track", min=1.0, metavar="SECONDS")
    ] = None,
    split: Split = None,
    seed: Seed = 0,
    genre: Genres = None,
    quiet: Quiet = False,
) -> None:
    """Decode everything once to memory-mapped files; says how much disk it needs first.

    Args:
        to: Folder of the decoded music.
        rate: Training rate, or native for each track's own.
        mono: Mix channels down.
        max_seconds: Keep only the middle of longer tracks.

    Examples:
        restore-audio data prepare --data music/ --to cache/music
        restore-audio data prepare --data music/ --to cache/native --rate native --all-channels
    """
    from ..data import prepare as preparing
    from ..data.cache import PrepareSettings
    from ..data.library import scan_library

    console = Console(verbosity=-1 if quiet else 0)
    settings = PrepareSettings(rate_hz=_rate_hz(rate), mono=mono, max_seconds=max_seconds)
    library = _with_split(scan_library(data, genres=genre or ()), split, seed)
    needed = preparing.needed_bytes(library, settings)
    console.say(
        f"{len(library.tracks)} tracks, {library.hours:.2f} h: the cache takes {needed / 1e9:.2f} GB."
    )
    with console.progress("decoding", max(1, len(library.tracks))) as tell:
        cache, broken = preparing.prepare(
            library, to, settings, progress=lambda done, total, name: tell(done * len(library.tracks) / total)
        )
    _say_rejected(console, (*library.rejected, *broken))
    console.say(f"{len(cache.tracks)} tracks, {cache.hours:.2f} h are ready in {to}.")


def _rate_hz(text: str) -> int | None:
    from ..settings import MAX_RATE_HZ, MIN_RATE_HZ

    if text == "native":
        return None
    if not text.isascii() or not text.isdigit() or not MIN_RATE_HZ <= int(text) <= MAX_RATE_HZ:
        raise UsageError(f"--rate is {text!r}; give native or {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz.")
    return int(text)


def _with_split(library: Library, split: Path | None, seed: int) -> Library:
    """FMA's tracks assigned to parts by the split file, or by the split drawn anew."""
    from ..data.library import kept_split

    if library.is_fma:
        return kept_split(library, split, seed)
    if split is not None:
        raise UsageError(f"--split is for FMA's layout, and {library.root} has no fma_metadata/tracks.csv.")
    return library


def _say_rejected(console: Console, rejected: tuple[Rejected, ...]) -> None:
    for bad in rejected:
        console.say(f"left out: {bad.name}: {bad.reason}")


def _genre_table(library: Library) -> Table:
    from rich.table import Table

    from ..data.fma import PARTS

    table = Table("genre", title=f"{library.root}: {len(library.tracks)} tracks, {library.hours:.2f} h")
    for heading in ("tracks", "hours", "sample rates (Hz)", *(PARTS if library.is_fma else ())):
        table.add_column(heading, justify="right")
    for genre in [*sorted({track.genre for track in library.tracks}), "all"]:
        tracks = [track for track in library.tracks if genre in (track.genre, "all")]
        parts = [str(sum(track.split == part for track in tracks)) for part in PARTS]
        table.add_row(
            genre,
            str(len(tracks)),
            f"{sum(track.seconds for track in tracks) / 3600:.2f}",
            ", ".join(map(str, sorted({track.rate_hz for track in tracks}))),
            *(parts if library.is_fma else ()),
        )
    return table


def _as_data(library: Library) -> dict[str, object]:
    return {
        "tracks": [
            {
                "name": track.name,
                "genre": track.genre,
                "seconds": round(track.seconds, 3),
                "rate_hz": track.rate_hz,
                "channels": track.channels,
                "split": track.split,
            }
            for track in library.tracks
        ],
        "rejected": [{"name": bad.name, "reason": bad.reason} for bad in library.rejected],
    }
