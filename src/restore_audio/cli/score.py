"""``restore-audio score``: how close a restored recording is to the clean one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from ..show.console import Console
from ..spans import SCHEMA_VERSION, Span

WORDS = {
    "sdr_db": ("", "signal to distortion (SDR)"),
    "lsd_db": ("", "log-spectral distance"),
    "odg": ("", "objective difference grade"),
    "worst_channel_odg": ("", "... of the worst channel"),
    "two_f": ("", "2f-model's mean score"),
    "changed_share": ("", "samples that differ"),
    "sdr_in_spans_db": ("inside", "signal to distortion (SDR)"),
    "lsd_in_spans_db": ("inside", "log-spectral distance"),
    "energy_error_in_spans_db": ("inside", "energy error"),
    "changed_outside_spans_share": ("outside", "samples that differ"),
}
"""Where each value is measured (the whole, inside or outside of the spans), and what it is called."""


def score(
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE")],
    test: Annotated[Path, typer.Argument(metavar="TEST")],
    spans: Annotated[Path | None, typer.Option(metavar="FILE")] = None,
    odg: Annotated[bool, typer.Option("--odg")] = False,
    graders: Annotated[str | None, typer.Option(metavar="NAME,...")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Compare a recording with its clean reference: SDR, log-spectral distance, and grades if asked for.

    Args:
        reference: The clean recording.
        test: The recording to be judged.
        spans: Judge these spans (JSON or Audacity labels) as well as the whole.
        odg: Objective difference grade too (PEAQ, ITU-R BS.1387: 0 best, -4 worst), and the 2f-model's mean
            score (100 best, 0 worst).
        graders: Grade by these programs too, which must be installed: visqol, zimtohrli.
        as_json: As one JSON object.

    Examples:
        restore-audio score clean.wav restored.wav
        restore-audio score clean.wav restored.wav --spans truth.json --odg
    """
    from ..audio.audiofile import read_audio
    from ..measure.graders import check_graders, mean_opinion
    from ..measure.metrics import changed_share, energy_error_db, log_spectral_distance_db, sdr_db
    from ..measure.peaq.peaq import peaq
    from ..show.report import read_spans

    others = check_graders([word.strip() for word in (graders or "").split(",") if word.strip()])
    clean, clean_info = read_audio(reference)
    other, other_info = read_audio(test)
    for what, one, two in (
        ("sample rates", f"{clean_info.rate_hz} Hz", f"{other_info.rate_hz} Hz"),
        ("numbers of channels", clean_info.channels, other_info.channels),
        ("lengths", f"{clean_info.frames} samples", f"{other_info.frames} samples"),
    ):
        if one != two:
            raise InputError(
                f"{reference} and {test} have different {what} ({one} and {two}): "
                f"give two recordings of the same length, rate and channels."
            )
    rate_hz = clean_info.rate_hz
    values: dict[str, float | None] = {
        "sdr_db": sdr_db(clean, other),
        "lsd_db": log_spectral_distance_db(clean, other, rate_hz),
        "changed_share": changed_share(clean, other),
    }
    notes: list[str] = []
    where: list[Span] = []
    if spans is not None:
        where = read_spans(
            spans, rate_hz=rate_hz, channels=clean_info.channels, length_samples=clean_info.frames
        )
        values["sdr_in_spans_db"] = sdr_db(clean, other, where)
        values["lsd_in_spans_db"] = log_spectral_distance_db(clean, other, rate_hz, where)
        values["energy_error_in_spans_db"] = energy_error_db(clean, other, where)
        values["changed_outside_spans_share"] = changed_share(clean, other, where)
    if odg:
        graded = peaq(clean, other, rate_hz)
        values["odg"] = graded.odg
        values["worst_channel_odg"] = graded.worst_channel_odg
        values["two_f"] = graded.two_f
        if graded.reason is not None:
            notes.append(f"no ODG: {graded.reason}")
    for name in others:
        values[f"{name}_mos"] = mean_opinion(name, clean, other, rate_hz)
    console = Console()
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "reference": str(reference),
            "test": str(test),
            "spans": None if spans is None else str(spans),
            **{name: _plain(value) for name, value in values.items()},
            "identical": values["sdr_db"] == math.inf or values["changed_share"] == 0,
            "notes": notes,
        }
        console.result(json.dumps(document, allow_nan=False, ensure_ascii=False))
        return
    headings = {
        "": "the whole recording",
        "inside": f"in the {len(where)} spans of {spans}",
        "outside": f"outside of the {len(where)} spans of {spans} (a found span may be some samples longer)",
    }
    for place, heading in headings.items():
        named = {name: WORDS.get(name, ("", name.replace("_mos", "'s mean opinion"))) for name in values}
        lines = [f"  {named[n][1]:32s} {_text(n, v)}" for n, v in values.items() if named[n][0] == place]
        for line in [f"{heading}:", *lines] if lines else []:
            console.result(line)
    for note in notes:
        console.say(note)


def _plain(value: float | None) -> float | None:
    """JSON has no infinity: a perfect match is null there, and ``identical`` says which it is."""
    return value if value is not None and math.isfinite(value) else None


def _text(name: str, value: float | None) -> str:
    if value is None:
        return "not defined (the reference is silent there)" if name.endswith("_db") else "not defined"
    if value == math.inf:
        return "identical"
    if name.endswith("share"):
        return f"{100 * value:.4f} %"
    return f"{value:.2f}{' dB' if name.endswith('db') else ''}"
