"""``metrics.jsonl``: a line for each report and each validation of a training.

A run that goes on from a checkpoint drops the lines that were written after it, as those steps are done
again: the file reads as if nothing had interrupted it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..files import beside


class MetricsLog:
    """Appends lines.

    Args:
        path: the file; its folder is made if need be.
        step: where the training stands; lines of later steps are dropped, at 0 all of them.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = [json.dumps(line) + "\n" for line in read_metrics(path) if step and line["step"] <= step]
            with beside(path) as part:
                part.write_text("".join(kept), encoding="utf-8")
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from None

    def add(self, line: dict[str, Any]) -> None:
        """Write a line through to the disk."""
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written ({error.strerror}): make room or give another --run folder."
        )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a ``metrics.jsonl``; none when there is no file."""
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # a run that was killed may leave half a line behind
            if isinstance(line, dict) and "step" in line:
                lines.append(line)
    return lines
