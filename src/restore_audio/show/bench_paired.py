"""Tables of a benchmark in which methods are compared gap by gap, and genre by genre.

In: the rows of a benchmark. Out: names and cells. All methods get the same damage, so that differences of the
same gap have a much smaller error than differences of means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..measure.bench import Row
from ..measure.methods import Method
from ..measure.scoring import Metric

REFERENCE = "ar"
"""Method that the others are compared with."""

MUCH_LOWER_DB = 3.0

OF_GENRES = ("ar", "ar+passages", "auto")
"""Methods that are shown for each genre, as far as they were measured."""


def differences(rows: Sequence[Row], method: str, metric: str, condition: str) -> list[float]:
    """What a metric of each gap differs from that of the reference's fill of the same gap."""
    scores = {
        (row.method, row.excerpt): row.scores.get(metric, []) for row in rows if row.condition == condition
    }
    found = []
    for (name, excerpt), values in scores.items():
        if name == method:
            pairs = zip(values, scores.get((REFERENCE, excerpt), []), strict=False)
            found += [mine - other for mine, other in pairs if mine is not None and other is not None]
    return found


def paired_rows(
    rows: Sequence[Row], methods: Sequence[Method], metric: Metric, conditions: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    """For each method but the reference: mean difference ± standard error; of SDR the share far below too."""
    if REFERENCE not in {method.name for method in methods}:
        return
    for method in methods:
        if method.name != REFERENCE:
            of_conditions = (differences(rows, method.name, metric.name, name) for name in conditions)
            yield (method.title, *(_difference(values, metric) for values in of_conditions))


def _difference(values: Sequence[float], metric: Metric) -> str:
    if len(values) < 2:
        return "–"
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    told = f"{np.mean(values) + 0.0:+.1f} ± {error:.1f}"
    if metric.name != "sdr_db":
        return told
    return f"{told} ({100 * np.mean(np.array(values) < -MUCH_LOWER_DB):.0f})"
