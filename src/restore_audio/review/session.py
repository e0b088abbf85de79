"""One recording under review: what is found in it, what fills make of it, and what is saved.

In: a recording, and spans as a person has decided on them. Out: samples, spans and fills as plain values
for a page, and files.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples, sane
from ..audio.audiofile import probe, read_blocks, read_range, write_audio
from ..audio.output import Results
from ..audio.suffixes import CONTAINERS
from ..detection.detect import detect_at
from ..errors import InputError, OutputError
from ..fill.fill import Filling
from ..fill.methods import METHODS
from ..network.weights import Weights
from ..outcomes import Report
from ..pipeline import Restorer
from ..settings import DetectSettings, FillSettings
from ..show.listening import overview_row
from ..show.overview import look_over
from ..show.report import read_spans, write_text
from ..spans import Span, merge_spans, parse_spans, spans_to_json

SENSITIVITIES = tuple(round(0.1 * step, 1) for step in range(1, 10))
"""At which damage is looked for, in one go, so that a person can move between them without waiting."""

HEARD_CHANNELS = 2
"""More are mixed to one."""

SEEKABLE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC"})
"""Containers, as libsndfile names them, in which any sample can be gone to."""

SPANS_SUFFIX = ".spans.json"


class Session:
    """A recording under review.

    Args:
        source: the recording; never changed.
        target: where Save puts the result; the spans lie beside it.
        scratch: a folder for what is needed only now.
        spans: a file with spans, instead of looking for damage.
        overwrite: Save may replace files that were there before.

    Raises:
        InputError: the recording, or the spans, cannot be read.
    """

    def __init__(
        self,
        source: Path,
        target: Path | None,
        scratch: Path,
        *,
        spans: Path | None = None,
        overwrite: bool = False,
    ) -> None:
        self.info = probe(source)
        self.source = source
        suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".flac"
        self.target = target or source.with_name(f"{source.stem}.restored{suffix}")
        self._fill_settings = FillSettings()
        self._overwrite = overwrite
        self._weights = Weights("restore")
        self._lock = threading.Lock()
        self._found: dict[float, list[Span]] | None = None
        self._overview: dict[str, str] | None = None
        self._told: list[Span] | None = None
        self._saved: set[tuple[int, int, int] | None] = set()
        self._made: tuple[list[tuple[Span, str | None]], Sequence[Span]] | None = None
        self.progress = 0.0
        if spans is not None:
            shape = {"rate_hz": self.info.rate_hz, "channels": self.info.channels}
            self._told = read_spans(spans, length_samples=self.info.frames, **shape)
        self._readable = source
        if self.info.format not in SEEKABLE:  # codecs seek to packets: decode once, and seek in that
            self._readable = scratch / "decoded.w64"
            if self._readable.exists():
                self._readable.unlink()
            write_audio(self._readable, read_blocks(source), self.info.rate_hz, subtype="FLOAT")

    @property
    def spans_file(self) -> Path:
        """Where Save puts the spans."""
        return self.target.with_name(self.target.stem + SPANS_SUFFIX)

    def about(self) -> dict[str, Any]:
        """What the page has to know at once."""
        methods = {name: method.title for name, method in METHODS.items() if method.fills}
        return {
            "name": self.source.name,
            "rate_hz": self.info.rate_hz,
            "channels": self.info.channels,
            "frames": self.info.frames,
            "methods": methods,
            "method": self._fill_settings.method,
            "sensitivities": list(SENSITIVITIES),
            "sensitivity": DetectSettings.sensitivity,
            "told": self._told is not None,
            "target": self.target.name,
        }

    def overview(self) -> dict[str, str]:
        """Waveform and spectrogram of the whole."""
        with self._lock:
            if self._overview is None:
                self._overview = overview_row(
                    look_over(
                        self._blocks, self._blocks, [], rate_hz=self.info.rate_hz, total=self.info.frames
                    )
                )
            return self._overview

    def found(self, sensitivity: float) -> list[dict[str, Any]]:
        """The damage at a sensitivity, or what was told."""
        if self._told is not None:
            return [span.to_dict(self.info.rate_hz) for span in self._told]
        with self._lock:
            if self._found is None:
                self._found = detect_at(
                    self._watched(),
                    self.info.rate_hz,
                    SENSITIVITIES,
                    max_gap_ms=self._fill_settings.max_gap_ms,
                )
                self._open_network_ahead(self._found[DetectSettings.sensitivity])
        if sensitivity not in self._found:
            raise InputError(f"The sensitivity {sensitivity:g} is none of those that the page offers.")
        return [span.to_dict(self.info.rate_hz) for span in self._found[sensitivity]]

    def _open_network_ahead(self, spans: Sequence[Span]) -> None:
        """The network takes seconds to open: let it be there when the first fill needs it, if one will."""
        blend = METHODS[self._fill_settings.method].blend
        if blend and any(span.length * 1000 >= blend.shortest_ms * self.info.rate_hz for span in spans):
            threading.Thread(target=self._weights.open).start()

    def _blocks(self) -> Iterator[Samples]:
        return map(sane, read_blocks(self._readable))

    def _watched(self) -> Iterator[Samples]:
        done = 0
        for block in self._blocks():
            done += block.shape[1]
            self.progress = done / self.info.frames
            yield block

    def read(self, first: int, last: int) -> Samples:
        """Samples ``(C, n)`` of a range, cut to the recording."""
        first, last = max(first, 0), min(last, self.info.frames)
        return sane(read_range(self._readable, first, last))

    def heard(self, first: int, last: int) -> NDArray[np.float32]:
        """Samples as the page plays them: one or two channels, nothing that is no number."""
        samples = np.nan_to_num(self.read(first, last))
        if samples.shape[0] > HEARD_CHANNELS:
            samples = samples.mean(axis=0, keepdims=True)
        return samples.astype("<f4")

    def fill(self, document: str, number: int) -> dict[str, Any]:
        """What becomes of a span among others; for spans that were just saved, what stands in the file.

        Args:
            document: all accepted spans, as a spans file.
            number: of the span among them, in order of time.

        Returns:
            Of the gap that it is part of: start, end, channel (from 1), filled, reason, expected_error_db,
            and where it is filled ``change``: restored minus damaged, 32-bit floats in base64.
        """
        spans = self._parsed(document)
        made = self._as_saved(spans, number)
        if made is None:
            rate_hz, total = self.info.rate_hz, self.info.frames
            filling = Filling(spans, rate_hz, total, self._fill_settings, self._weights.open)
            with self._lock:
                patch, gap = filling.fill_one(spans[number], self.read)
            made = gap, None if patch is None else patch.samples
        gap, samples = made
        row = gap.to_dict(self.info.rate_hz)
        if samples is not None:
            change = samples - np.nan_to_num(self.read(gap.start, gap.end)[gap.channel])
            row["change"] = base64.b64encode(change.astype("<f4").tobytes()).decode()
        return row

    def _as_saved(self, spans: Sequence[Span], number: int) -> tuple[Span, Samples | None] | None:
        """The gap that a span is part of, and its samples, from what Save wrote for just these spans."""
        if self._made is None or self._made[0] != [(span, span.method) for span in spans]:
            return None
        if _state(self.target) not in self._saved or probe(self.target).format not in SEEKABLE:
            return None
        span, fate = spans[number], self._made[1][number]
        gaps = merge_spans(spans)
        gap = next(g for g in gaps if g.channel == span.channel and g.start <= span.start < g.end)
        gap = replace(gap, filled=fate.filled, reason=fate.reason, expected_error_db=fate.expected_error_db)
        samples = sane(read_range(self.target, gap.start, gap.end))[gap.channel] if gap.filled else None
        return gap, samples

    def save(self, document: str, refused: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """Write the recording restored at spans, and the spans; ``fix --spans`` makes the same of them.

        Args:
            document: the accepted spans, as a spans file.
            refused: those that were refused; kept in the file, where nothing reads them but people.

        Raises:
            RestoreError: they cannot be written; then all is as it was.
        """
        spans = self._parsed(document)
        text = spans_to_json(spans, self.info.rate_hz, source=str(self.source), refused=list(refused))
        spans = self._parsed(text)
        files = [self.target, self.spans_file]
        for path in files:
            if path.exists() and not self._overwrite and _state(path) not in self._saved:
                raise OutputError(
                    f"{path} is there already: start review with --overwrite, or with another name after -o."
                )

        def spans_too(report: Report, results: Results) -> None:  # noqa: ARG001
            write_text(self.spans_file, text, within=results)

        replaces = any(path.exists() for path in files)
        report = Restorer(fill=self._fill_settings).restore_file(
            self.source, self.target, spans=spans, overwrite=replaces, also=spans_too
        )
        self._saved |= {_state(path) for path in files}
        self._made = [(span, span.method) for span in spans], report.spans
        filled = sum(span.filled for span in report.spans)
        return {"target": str(self.target), "spans": str(self.spans_file), "filled": filled, "of": len(spans)}

    def _parsed(self, document: str) -> list[Span]:
        spans = parse_spans(
            document,
            rate_hz=self.info.rate_hz,
            channels=self.info.channels,
            length_samples=self.info.frames,
            name="The page",
        )
        for span in spans:
            if span.method is not None and span.method not in self.about()["methods"]:
                raise InputError(f"The page names a method {span.method[:20]!r}, which there is not.")
        return spans


def _state(path: Path) -> tuple[int, int, int] | None:
    """What tells a file that was written here from one that was changed since."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
