"""What was found and done, as files and as lines: JSON, Audacity labels, sentences.

In: a :class:`~restore_audio.outcomes.Report`. Out: text, or a file that is written beside its name
and then renamed.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..audio.output import Results, beside
from ..errors import InputError
from ..fill.methods import METHODS
from ..spans import SCHEMA_VERSION, Span, parse_spans, spans_to_labels

if TYPE_CHECKING:
    from ..audio.loudness import Loudness
    from ..outcomes import Report


def report_to_dict(report: Report) -> dict[str, Any]:
    """Plain values; times in seconds beside samples, what is not known as None."""
    return {
        "schema_version": SCHEMA_VERSION,
        "source": str(report.source),
        "target": None if report.target is None else str(report.target),
        "rate_hz": report.rate_hz,
        "channels": report.channels,
        "samples": report.frames,
        "duration_s": report.frames / report.rate_hz,
        "format": report.format,
        "subtype": report.subtype,
        "method": report.method,
        "device": report.device,
        "device_reason": report.device_reason,
        "found": len(report.spans),
        "filled": sum(span.filled for span in report.spans),
        "identical": report.identical,
        "loudness": _loudness(report.before, report.after),
        "elapsed_s": round(report.elapsed_s, 3),
        "spans": [span.to_dict(report.rate_hz) for span in report.spans],
    }


def _loudness(before: Loudness | None, after: Loudness | None) -> dict[str, Any] | None:
    if before is None and after is None:
        return None
    return {
        name: None
        if value is None
        else {
            "integrated_lufs": _rounded(value.integrated_lufs),
            "true_peak_dbtp": _rounded(value.true_peak_dbtp),
        }
        for name, value in (("before", before), ("after", after))
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def report_line(report: Report) -> str:
    """The report as one line of JSON."""
    return json.dumps(report_to_dict(report), allow_nan=False, ensure_ascii=False)


def report_json(report: Report) -> str:
    """The report as a JSON document."""
    return json.dumps(report_to_dict(report), allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def report_labels(report: Report) -> str:
    """The spans as an Audacity label track."""
    return spans_to_labels(report.spans, report.rate_hz)


def report_sentence(report: Report) -> str:
    """What a person reads when a recording is done."""
    found = len(report.spans)
    filled = sum(span.filled for span in report.spans)
    source = "stdin" if str(report.source) == "-" else str(report.source)
    where = "" if report.target is None else f" -> {'stdout' if str(report.target) == '-' else report.target}"
    if report.method == "paper" and report.target is not None:
        done = f"resynthesised at {report.rate_hz} Hz"
    elif not found:
        done = "no damage found" + (", unchanged" if report.target is not None else "")
    else:
        length_s = sum(span.length for span in report.spans) / report.rate_hz
        done = f"{found} damaged span{'s' if found > 1 else ''} ({length_s:.3f} s)"
        if report.target is not None:
            left = f", {filled} filled, {found - filled} left (-v says why)"
            done += ", all filled" if filled == found else left
    return f"{source}{where}: {done} in {report.elapsed_s:.1f} s"


def circumstances(report: Report) -> list[str]:
    """What -v adds: where the network ran, and why."""
    if report.method is None:
        return []
    if report.device is None:
        return [f"method {report.method}; no gap needed the network"]
    return [f"method {report.method}; the network ran on {report.device}, because {report.device_reason}"]


def loudness_sentence(report: Report) -> str:
    """Loudness and true peak before and after."""
    parts = [
        f"{name} {_level(value.integrated_lufs, 'LUFS')}, true peak {_level(value.true_peak_dbtp, 'dBTP')}"
        for name, value in (("before", report.before), ("after", report.after))
        if value is not None
    ]
    return f"{report.source}: {'; '.join(parts)}"


def _level(value: float | None, unit: str) -> str:
    return "silent" if value is None else f"{value:.1f} {unit}"


UNBROKEN = 10_000
"""Columns of a line that no evidence fills: for programs that read lines."""

_INDENT = " " * 27
"""Of the evidence: as far as the channel."""


def span_lines(report: Report, *, explained: bool = False, width: int = UNBROKEN) -> list[str]:
    """A line for each span: start and end in seconds, channel from 1, kind, confidence, what became of it.

    Args:
        explained: below each, indented, the evidence that carried it.
        width: columns that the evidence is broken to.
    """
    lines = []
    widest = max((len(span.kind) for span in report.spans), default=0)
    for span in report.spans:
        fate = "filled" if span.filled else span.reason or "found"
        lines.append(
            f"{span.start / report.rate_hz:12.6f} {span.end / report.rate_hz:12.6f}  "
            f"ch{span.channel + 1:<2d} {span.kind:<{widest}s} {span.confidence:.2f}  {fate}"
        )
        if explained:
            lines += textwrap.wrap(
                span.evidence or "told by the user",
                width=max(width, 60),
                initial_indent=_INDENT,
                subsequent_indent=_INDENT,
                break_on_hyphens=False,
            )
    return lines


def read_spans(path: Path, *, rate_hz: int, channels: int, length_samples: int) -> list[Span]:
    """Spans from a JSON or Audacity label file.

    Raises:
        InputError: the file is not there, holds no spans that fit the recording, or one with a method that
            there is not.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"The spans {path} cannot be read ({error.strerror}): check the path and its permissions."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"The spans {path} are no text: give JSON or an Audacity label file.") from None
    spans = parse_spans(
        text, rate_hz=rate_hz, channels=channels, length_samples=length_samples, name=str(path)
    )
    methods = [name for name, method in METHODS.items() if method.fills]
    for span in spans:
        if span.method is not None and span.method not in methods:
            raise InputError(
                f"{path} has a span with the method {span.method[:20]!r}: use one of {', '.join(methods)}, "
                f"or leave it out."
            )
    return spans


def write_text(path: Path, text: str, *, within: Results | None = None) -> None:
    """Write a text file whole or not at all; replaces what is there.

    Args:
        text: what; names that are not Unicode are escaped as JSON does it.
        within: results that it appears together with, by their rules about replacing.

    Raises:
        OutputError: the file cannot be written.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"), within=within)


def write_bytes(path: Path, content: bytes, *, within: Results | None = None) -> None:
    """Write a file whole or not at all; as :func:`write_text`.

    Raises:
        OutputError: the file cannot be written.
    """
    with beside(path, overwrite=True, within=within) as temporary:
        temporary.write_bytes(content)
