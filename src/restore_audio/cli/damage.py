"""``restore-audio damage``: simulate damage on a clean recording, with the truth beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, UsageError
from ..show.console import Console
from . import options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..audio.audiofile import AudioInfo
    from ..damage.simulate import Damage

APART_S = 0.1
"""Healthy audio between damages of different kinds."""

ATTEMPTS = 20


class KindName(StrEnum):
    """Kinds of damage that can be simulated."""

    ZEROS = "zeros"
    CONSTANT = "constant"
    NAN = "nan"
    REPEAT = "repeat"
    DROPOUT = "dropout"
    TREBLE = "treble"
    CLICK = "click"
    NOISE = "noise"
    WINDOWS = "windows"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(damage)


def damage(
    clean: Annotated[Path, typer.Argument(metavar="CLEAN", help="The recording to damage a copy of.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The damaged copy.", rich_help_panel=options.FILES
        ),
    ],
    overwrite: options.Overwrite = False,
    kind: Annotated[
        list[KindName] | None,
        typer.Option(help="Kind of damage; can be repeated. Otherwise zeros.", rich_help_panel=options.DRAW),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed damages in the same way.", rich_help_panel=options.DRAW)
    ] = 0,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many of each kind, as far as there is room.", rich_help_panel=options.DRAW
        ),
    ] = None,
    per_second: Annotated[
        float | None,
        typer.Option(
            "--per-second",
            min=0.001,
            max=4.0,
            help="How many of each kind a second; 0.5 if neither is given.",
            rich_help_panel=options.DRAW,
        ),
    ] = None,
    length_ms: Annotated[
        str | None,
        typer.Option(
            "--length-ms",
            metavar="MIN:MAX",
            help="Shortest and longest damage; each kind has its own otherwise.",
            rich_help_panel=options.DRAW,
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Repeat the damage that an earlier --spans FILE recorded.",
            rich_help_panel=options.DRAW,
        ),
    ] = None,
    spans: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the damage is and how to replay it, as JSON.",
            rich_help_panel=options.FILES,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same JSON on stdout.", rich_help_panel=options.RUN)
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Damage a copy of a clean recording: seeded, replayable, with the true spans as JSON."""
    from ..audio.audiofile import read_audio, rewrite
    from ..damage.simulate import apply_damages, damage_spans, damages_to_json
    from ..fill.splice import cut_patches
    from ..show.report import write_text
    from ..spans import merge_spans, spans_to_json
    from .jobs import Job, refuse_lost_files

    if count is not None and per_second is not None:
        raise UsageError("--count and --per-second contradict each other: give one of them.")
    refuse_lost_files(Job(clean, output), [] if spans is None else [spans], overwrite=overwrite)
    samples, info = read_audio(clean)
    if replay is not None:
        damages = _recorded(replay, info)
    else:
        wanted = (
            count if count is not None else max(1, round((per_second or 0.5) * info.frames / info.rate_hz))
        )
        lengths = None if length_ms is None else _lengths(length_ms)
        kinds = [k.value for k in kind or [KindName.ZEROS]]
        damages = _draw(samples, info, kinds, wanted=wanted, lengths=lengths, seed=seed)
    if any(d.kind == "nan" for d in damages) and info.subtype not in ("FLOAT", "DOUBLE"):
        raise InputError(
            f"{clean} holds whole numbers ({info.subtype}), which cannot be NaN: "
            f"leave out '--kind nan', or give a recording in floating point."
        )
    damaged = apply_damages(samples, info.rate_hz, damages)
    truth = damage_spans(damages)
    struck = merge_spans(replace(span, filled=True) for span in truth)
    rewrite(clean, output, cut_patches(damaged, struck), overwrite=overwrite)
    text = spans_to_json(
        truth,
        info.rate_hz,
        source=str(clean),
        target=str(output),
        seed=seed if replay is None else None,
        channels=info.channels,
        samples=info.frames,
        damages=json.loads(damages_to_json(damages)),
    )
    if spans is not None:
        write_text(spans, text)
    console = Console(verbosity=-1 if quiet else 0)
    if as_json:
        console.result(text.rstrip("\n"))
    elif not quiet:
        lost_s = sum(span.length for span in struck) / info.rate_hz
        console.result(f"{clean} -> {output}: {len(truth)} damaged spans ({lost_s:.3f} s)")


def _draw(
    samples: NDArray[np.float64],
    info: AudioInfo,
    kinds: list[str],
    *,
    wanted: int,
    lengths: tuple[float, float] | None,
    seed: int,
) -> list[Damage]:
    """As many damages of each kind as were wanted, or as there is room for, kept apart from each other."""
    import numpy as np

    from ..damage.simulate import draw_damages

    rng = np.random.default_rng(seed)
    apart = round(APART_S * info.rate_hz)
    chosen: list[Damage] = []
    for kind in kinds:
        have = 0
        for _ in range(ATTEMPTS):
            drawn = draw_damages(
                rng,
                kind,
                info.frames,
                info.rate_hz,
                info.channels,
                per_second=wanted * info.rate_hz / max(info.frames, 1),
                length_ms=lengths,
                audio=samples,
            )
            for struck in _together(drawn):
                free = all(
                    d.end + apart <= struck[0].start or struck[0].end + apart <= d.start for d in chosen
                )
                if have < wanted and free:
                    chosen += struck
                    have += 1
            if have == wanted:
                break
    return sorted(chosen, key=lambda d: (d.start, d.channel))


def _together(damages: list[Damage]) -> list[list[Damage]]:
    """Records of one damage that struck several channels, together."""
    groups: dict[tuple[int, int], list[Damage]] = {}
    for record in damages:
        groups.setdefault((record.start, record.end), []).append(record)
    return list(groups.values())


def _lengths(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition(":")
    try:
        low, high = float(shortest), float(longest or shortest)
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 60_000:
        raise UsageError(f"--length-ms {text} is not like 5:50 (shortest and longest in ms): correct it.")
    return low, high


def _recorded(path: Path, info: AudioInfo) -> list[Damage]:
    from ..damage.simulate import damages_from_json

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = document["damages"] if isinstance(document, dict) else document
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path.") from None
    except (ValueError, KeyError):
        raise InputError(f"{path} records no damage: give a file that 'damage --spans' wrote.") from None
    damages = damages_from_json(json.dumps(rows), name=str(path))
    rate_hz = document.get("rate_hz", info.rate_hz) if isinstance(document, dict) else info.rate_hz
    fits = all(d.end <= info.frames and d.channel < info.channels for d in damages)
    if rate_hz != info.rate_hz or not fits:
        raise InputError(
            f"The damage in {path} was recorded on another recording than {info.path}: "
            f"rate, channels or length do not fit; give the recording that it was made for."
        )
    return damages
