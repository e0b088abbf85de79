"""``restore-audio damage``: simulate damage on a clean recording, with the truth beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..damage.kinds import AFTER_STEPS, FAMILIES, UNDAMAGED
from ..errors import InputError, UsageError
from ..show.console import Console
from . import options

if TYPE_CHECKING:
    from ..arrays import Samples
    from ..audio.audiofile import AudioInfo
    from ..audio.output import Results
    from ..damage.record import Damaged, Record

KINDS = (*FAMILIES, *UNDAMAGED)

_MOST_OF_REASON = 100

_JOINED_SAMPLES = 64
"""Runs of differing samples that lie nearer to each other are written as one."""


def damage(
    clean: Annotated[Path, typer.Argument(metavar="CLEAN")],
    output: Annotated[Path, options.FILES("--output", "-o", metavar="FILE")],
    overwrite: options.Overwrite = False,
    kind: Annotated[
        list[str] | None,
        options.DRAW(
            metavar="KIND",
            autocompletion=lambda: list(KINDS),
            help=f"Kind of damage; can be repeated, otherwise zeros. {', '.join(FAMILIES)}; "
            f"or no damage that looks like some: {', '.join(UNDAMAGED)}.",
        ),
    ] = None,
    then: Annotated[
        list[str] | None,
        options.DRAW(
            metavar="STEP",
            help="What is done to the whole recording afterwards; can be repeated. "
            f"{', '.join(AFTER_STEPS)}; with a value: mp3:128 (kbit/s), rate:48000, "
            "lowpass:8000 (Hz), gain:-6, noise:-50 (dB), dc:0.01.",
        ),
    ] = None,
    seed: Annotated[int, options.DRAW(min=0, metavar="N")] = 0,
    count: Annotated[int | None, options.DRAW(min=1, metavar="N")] = None,
    per_second: Annotated[float | None, options.DRAW("--per-second", metavar="X", min=0.001, max=4.0)] = None,
    length_ms: Annotated[str | None, options.DRAW("--length-ms", metavar="MIN:MAX")] = None,
    replay: Annotated[Path | None, options.DRAW(metavar="FILE")] = None,
    spans: Annotated[Path | None, options.FILES(metavar="FILE")] = None,
    as_json: Annotated[bool, options.RUN("--json")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Damage a copy of a clean recording: seeded, replayable, with the true spans as JSON.

    Args:
        clean: The recording to damage a copy of.
        output: The damaged copy.
        seed: The same seed damages in the same way.
        count: How many of each kind, as far as there is room.
        per_second: How many of each kind a second; 0.5 if neither is given.
        length_ms: Shortest and longest damage; each kind has its own otherwise.
        replay: Repeat the damage that an earlier --spans FILE recorded.
        spans: Where the damage is and how to replay it, as JSON.
        as_json: The same JSON on stdout.

    Examples:
        restore-audio damage clean.wav -o broken.wav --spans truth.json
        restore-audio damage clean.wav -o tape.wav --kind tape --kind click --seed 7
        restore-audio damage clean.wav -o lossy.wav --kind packets-zeros --then mp3:128
    """
    from ..audio.audiofile import read_audio
    from ..audio.output import results
    from ..damage.families import apply
    from ..damage.record import record_to_dict
    from ..show.report import write_text
    from ..spans import merge_spans, spans_to_json
    from .jobs import Job, refuse_lost_files, refuse_lost_inputs

    if count is not None and per_second is not None:
        raise UsageError("--count and --per-second contradict each other: give one of them.")
    if replay is not None and (kind or then or count or per_second or length_ms):
        raise UsageError(
            "--replay repeats what was recorded: leave out --kind, --then, --count, --per-second and "
            "--length-ms."
        )
    unknown = next((k for k in kind or [] if k not in KINDS), None)
    if unknown is not None:
        raise UsageError(f"--kind {unknown} is no kind of damage: choose from {', '.join(KINDS)}.")
    written = [output, *([] if spans is None else [spans])]
    refuse_lost_inputs(written, [clean, *([] if replay is None else [replay])])
    refuse_lost_files(Job(clean, output), written[1:], overwrite=overwrite)
    samples, info = read_audio(clean)
    if replay is not None:
        records = _recorded(replay, info)
        try:
            damaged = apply(records, samples, info.rate_hz)
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            reason = str(error)[:_MOST_OF_REASON]
            raise InputError(f"{replay} does not fit {clean} ({reason}): give what 'damage' wrote.") from None
    else:
        wanted = (
            count if count is not None else max(1, round((per_second or 0.5) * info.frames / info.rate_hz))
        )
        lengths = None if length_ms is None else _lengths(length_ms)
        records, damaged = _draw(
            samples, info.rate_hz, kind or ["zeros"], then or [], wanted=wanted, lengths=lengths, seed=seed
        )
    if any(s.kind == "nan" for s in damaged.spans) and info.subtype not in ("FLOAT", "DOUBLE"):
        raise InputError(
            f"{clean} holds whole numbers ({info.subtype}), which cannot be NaN: "
            f"leave out '--kind nan', or give a recording in floating point."
        )
    text = spans_to_json(
        damaged.spans,
        damaged.rate_hz,
        source=str(clean),
        target=str(output),
        seed=seed if replay is None else None,
        channels=info.channels,
        samples=damaged.samples.shape[1],
        clean={"rate_hz": info.rate_hz, "channels": info.channels, "samples": info.frames},
        damages=[record_to_dict(record) for record in records],
    )
    with results(overwrite=overwrite, source=clean) as files:
        _write(samples, info, output, damaged, files)
        if spans is not None:
            write_text(spans, text, within=files)
    console = Console(verbosity=-1 if quiet else 0)
    if as_json:
        console.result(text.rstrip("\n"))
    elif not quiet:
        found = len(damaged.spans)
        lost_s = sum(span.length for span in merge_spans(damaged.spans)) / damaged.rate_hz
        console.line(f"{clean} -> {output}: {found} damaged span{'' if found == 1 else 's'} ({lost_s:.3f} s)")


def _draw(
    samples: Samples,
    rate_hz: int,
    kinds: list[str],
    steps: list[str],
    *,
    wanted: int,
    lengths: tuple[float, float] | None,
    seed: int,
) -> tuple[list[Record], Damaged]:
    """Each kind in turn, away from those before it, then each step; and what becomes of the recording."""
    import numpy as np

    from ..damage.families import apply, draw_after, draw_family

    rng = np.random.default_rng(seed)
    records: list[Record] = []
    state = apply([], samples, rate_hz)
    for kind in kinds:
        per_second = wanted * state.rate_hz / max(state.samples.shape[1], 1)
        drawn = draw_family(
            rng,
            kind,
            state.samples,
            state.rate_hz,
            per_second=per_second,
            length_ms=lengths,
            avoid=state.spans,
        )
        records.append(drawn)
        state = drawn.apply(state)
    for step in steps:
        try:
            after = draw_after(rng, step, state.rate_hz, samples=state.samples)
        except ValueError as error:
            raise UsageError(f"--then {step} cannot be done ({error}): correct it.") from None
        records.append(after)
        state = after.apply(state)
    return records, state


def _write(samples: Samples, info: AudioInfo, output: Path, damaged: Damaged, files: Results) -> None:
    """The source with the samples that differ replaced, or anew where length or rate are others."""
    from ..arrays import runs_of
    from ..audio.audiofile import rewrite, write_audio
    from ..audio.formats import choose
    from ..fill.splice import cut_patches
    from ..spans import Span, merge_spans

    if damaged.rate_hz != info.rate_hz or damaged.samples.shape != samples.shape:
        rate_hz, channels = damaged.rate_hz, info.channels
        _, subtype = choose(output, info.format, info.subtype, rate_hz=rate_hz, channels=channels)
        write_audio(output, damaged.samples, rate_hz, subtype=subtype, within=files)
        return
    differing = [
        Span(start, end, channel, filled=True)
        for channel, row in enumerate(damaged.samples != samples)
        for start, end in runs_of(row)
    ]
    patches = cut_patches(damaged.samples, merge_spans(differing, gap_samples=_JOINED_SAMPLES))
    rewrite(info.path, output, patches, within=files)


def _lengths(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition(":")
    try:
        low, high = float(shortest), float(longest or shortest)
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 60_000:
        raise UsageError(f"--length-ms {text} is not like 5:50 (shortest and longest in ms): correct it.")
    return low, high


def _recorded(path: Path, info: AudioInfo) -> list[Record]:
    from ..damage.families import records_from_rows

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows, made_for = list(document["damages"]), dict(document["clean"])
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path} records no damage: give a file that 'damage --spans' wrote.") from None
    if made_for != {"rate_hz": info.rate_hz, "channels": info.channels, "samples": info.frames}:
        raise InputError(
            f"The damage in {path} was recorded on another recording than {info.path}: "
            f"rate, channels or length do not fit; give the recording that it was made for."
        )
    return records_from_rows(rows, name=str(path), samples=info.frames)
