"""Spans: where a recording is damaged, and their text forms (JSON, Audacity labels).

Text in, spans out, and back; no file is opened here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import InputError

SCHEMA_VERSION = 2
"""Of JSON documents with spans. Since 2, their channels are counted from 1, as everywhere that people look;
in Python a channel is an index, from 0. Documents of version 1 counted from 0, and are still read so."""

KINDS = (
    "zeros",
    "constant",
    "nan",
    "repeat",
    "interpolated",
    "dropout",
    "treble",
    "concealed",
    "click",
    "noise",
    "splice",
    "given",
)
"""zeros/constant/nan: a run of such samples; repeat: a block played again, old content, or held;
interpolated: a player held, joined or averaged samples; dropout: the level collapses (treble: only its
upper part); concealed: what a decoder made up for packets that it did not get; click: 0.1 to 4 ms, or with a
tail behind it; noise: a short burst; splice: two ends meet that do not follow each other, there is nothing
to restore; given: told by the user."""


@dataclass(frozen=True, order=True)
class Span:
    """Samples ``start`` to ``end`` (exclusive) of one channel.

    Attributes:
        start, end: first sample, and the first one behind.
        channel: from 0.
        kind: one of :data:`KINDS`.
        confidence: 0 to 1.
        filled: whether it was repaired.
        reason: why it was not, if it should have been.
        method: of :data:`restore_audio.fill.methods.METHODS`, how it is to be filled; None: as all others.
        evidence: in words, what speaks for damage here.
        expected_error_db: energy of the error that the fill expects of itself, relative to that of the fill.

    Two spans that differ in nothing but the last three are equal.
    """

    start: int
    end: int
    channel: int
    kind: str = "given"
    confidence: float = 1.0
    filled: bool = False
    reason: str | None = None
    method: str | None = field(default=None, compare=False)
    evidence: str = field(default="", compare=False)
    expected_error_db: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span must hold at least one sample, got {self.start} to {self.end}")

    @property
    def length(self) -> int:
        """Length in samples."""
        return self.end - self.start

    def to_dict(self, rate_hz: int) -> dict[str, Any]:
        """The span as reports write it: times in seconds beside samples, its channel counted from 1."""
        return {
            "start": self.start,
            "end": self.end,
            "start_s": self.start / rate_hz,
            "end_s": self.end / rate_hz,
            "channel": self.channel + 1,
            "kind": self.kind,
            "confidence": round(float(self.confidence), 4),
            "filled": self.filled,
            "reason": self.reason,
            "method": self.method,
            "evidence": self.evidence,
            "expected_error_db": None if self.expected_error_db is None else round(self.expected_error_db, 1),
        }


def merge_spans(spans: Iterable[Span], gap_samples: int = 0) -> list[Span]:
    """Join spans of a channel that overlap or lie at most ``gap_samples`` apart.

    The joined span keeps the kind, confidence and evidence of its most confident member.

    >>> merge_spans([Span(0, 10, 0), Span(8, 20, 0), Span(30, 40, 0)])[0].end
    20
    """
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.channel, s.start, s.end)):
        last = merged[-1] if merged else None
        if last is not None and last.channel == span.channel and span.start <= last.end + gap_samples:
            best = max(last, span, key=lambda s: s.confidence)
            merged[-1] = replace(best, start=last.start, end=max(last.end, span.end))
        else:
            merged.append(span)
    return sorted(merged)


def spans_to_json(spans: Sequence[Span], rate_hz: int, **extra: Any) -> str:
    """A JSON document with ``schema_version`` and ``spans``; ``extra`` keys go beside them."""
    document = {"schema_version": SCHEMA_VERSION, "rate_hz": rate_hz, **extra}
    document["spans"] = [span.to_dict(rate_hz) for span in spans]
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def spans_to_labels(spans: Sequence[Span], rate_hz: int) -> str:
    """An Audacity label track: start and end in seconds and a text, separated by tabs."""
    lines = (
        f"{s.start / rate_hz:.6f}\t{s.end / rate_hz:.6f}\t{s.kind} ch{s.channel + 1} {s.confidence:.2f}\n"
        for s in spans
    )
    return "".join(lines)


def parse_spans(text: str, *, rate_hz: int, channels: int, length_samples: int, name: str) -> list[Span]:
    """Read spans from JSON (ours, or a bare list) or from an Audacity label track.

    Args:
        text: the document.
        rate_hz: sample rate that turns seconds into samples.
        channels: channels of the recording; a span without a channel stands for all of them.
        length_samples: length of the recording; spans are cut to it.
        name: the file's name, for error sentences.

    Raises:
        InputError: the text is neither form, or a span lies outside the recording.
    """
    stripped = text.lstrip("\ufeff \t\r\n")
    try:
        rows = _json_rows(stripped) if stripped[:1] in ("{", "[") else _label_rows(stripped)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{name} holds no spans that can be read ({_short(error)}): give JSON with a list 'spans' "
            f"of objects with 'start' and 'end' in samples (or 'start_s' and 'end_s'), or an Audacity label "
            f"file."
        ) from None
    spans = []
    for start_s, end_s, start, end, channel, told in rows:
        longest_s = length_samples / rate_hz + 1.0  # what lies beyond is cut, and needs no exact number
        first = start if start is not None else round(min(max(start_s, -1.0), longest_s) * rate_hz)
        last = end if end is not None else round(min(max(end_s, -1.0), longest_s) * rate_hz)
        first, last = max(first, 0), min(last, length_samples)
        if first >= last or (channel is not None and not 0 <= channel < channels):
            times = f"{_seconds(start, start_s, rate_hz)} to {_seconds(end, end_s, rate_hz)}"
            raise InputError(
                f"{name} has a span ({times}, {_channel(channel)}) outside the recording, which has "
                f"{channels} channel(s), counted from 1, of {length_samples / rate_hz:.3f} s: correct it or "
                f"remove it."
            )
        for c in range(channels) if channel is None else (channel,):
            spans.append(Span(first, last, c, **told))
    return sorted(spans)


def _seconds(samples: int | None, seconds: float, rate_hz: int) -> str:
    value = seconds if samples is None else float(min(max(samples, -(10**15)), 10**15)) / rate_hz
    return f"{value:.3f} s" if abs(value) < 1e9 else f"{value:.3g} s"


def _channel(index: int | None) -> str:
    return "all channels" if index is None else f"channel {str(index + 1)[:9]}"


def _short(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]


_Row = tuple[float, float, int | None, int | None, int | None, dict[str, Any]]


def _json_rows(text: str) -> list[_Row]:
    document = json.loads(text)
    entries, first = document, 1
    if isinstance(document, dict):
        entries = document["spans"]
        first = 0 if document.get("schema_version") == 1 else 1
    rows: list[_Row] = []
    for entry in entries:
        start = None if entry.get("start") is None else int(entry["start"])
        end = None if entry.get("end") is None else int(entry["end"])
        if (start is None or end is None) and ("start_s" not in entry or "end_s" not in entry):
            raise ValueError("a span lacks 'start' and 'end'")
        channel = None if entry.get("channel") is None else int(entry["channel"]) - first
        start_s, end_s = _finite(entry.get("start_s", 0)), _finite(entry.get("end_s", 0))
        rows.append((start_s, end_s, start, end, channel, _told(entry)))
    return rows


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """What else an entry says of its span."""
    kind, method = entry.get("kind"), entry.get("method")
    confidence = entry.get("confidence")
    return {
        "kind": kind if kind in KINDS else "given",
        "confidence": 1.0 if confidence is None else min(max(_finite(confidence), 0.0), 1.0),
        "method": method if isinstance(method, str) else None,
        "evidence": str(entry.get("evidence") or ""),
    }


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{str(value)[:20]} is no time")
    return number


def _label_rows(text: str) -> list[_Row]:
    rows: list[_Row] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("\\"):  # Audacity continues a label with its frequency range
            continue
        fields = line.split("\t")
        if len(fields) < 2:
            raise ValueError(f"line {number} is not 'start<tab>end<tab>text'")
        rows.append((_finite(fields[0]), _finite(fields[1]), None, None, None, {}))
    if not rows:
        raise ValueError("it is empty")
    return rows
