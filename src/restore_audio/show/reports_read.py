"""Reports that were written before, read again.

In: a JSON report of ``fix``. Out: its recordings and its spans, numbered from 1 as they stand in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import numbers_only
from ..settings import MAX_RATE_HZ, MIN_RATE_HZ
from ..spans import Span, parse_spans

_NO_LENGTH = 1 << 62
_MOST_CHANNELS = 1 << 16


@dataclass(frozen=True)
class ReadReport:
    """A report of one recording.

    Attributes:
        document: all that it holds.
        source, target: the recordings; None where they are not named, or were streams.
        spans: with ``filled``, by their numbers.
    """

    path: Path
    document: dict[str, Any]
    source: Path | None
    target: Path | None
    rate_hz: int
    spans: dict[int, Span]

    @property
    def repairs(self) -> dict[int, Span]:
        """The spans that were filled."""
        return {number: span for number, span in self.spans.items() if span.filled}


def read_report(path: Path) -> ReadReport:
    """Read a JSON report of one recording.

    Raises:
        InputError: it cannot be read, or is no report of ours.
    """
    try:
        document = numbers_only(path.read_text(encoding="utf-8"))
        version = document["schema_version"]
        rate_hz, channels = int(document["rate_hz"]), int(document["channels"])
        if not (MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ and 0 < channels < _MOST_CHANNELS):
            raise ValueError("no recording that we restore")
        entries = list(document["spans"])
        source, target = (document.get(name) for name in ("source", "target"))
        spans = {}
        for number, entry in enumerate(entries, 1):
            text = json.dumps({"schema_version": version, "spans": [entry]})
            (span,) = parse_spans(
                text, rate_hz=rate_hz, channels=channels, length_samples=_NO_LENGTH, name=str(path)
            )
            reason = entry.get("reason")
            told = None if reason is None else str(reason)
            spans[number] = replace(span, filled=bool(entry.get("filled")), reason=told)
    except OSError as error:
        raise InputError(
            f"The report {path} cannot be read ({error.strerror}): check the path and its permissions."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InputError(
            f"{path} is no report of one recording: give what fix --report has written."
        ) from None
    return ReadReport(path, document, _place(source, path), _place(target, path), rate_hz, spans)


def _place(name: object, report: Path) -> Path | None:
    """A recording by the name in a report: as it stands, or beside the report."""
    if not isinstance(name, str) or name in ("", "-") or "\0" in name:
        return None
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # half a character: no file can be called so
        return None
    place = Path(name)
    beside = report.parent / place.name
    return beside if not _exists(place) and _exists(beside) else place


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):  # too long, no name at all
        return False
