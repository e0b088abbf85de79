"""A few short stretches to look at and listen to: clean, damaged, and restored by one or two methods.

In: a plan. Out: :class:`Example`, made anew from the plan's seed, so that they are what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Samples
from ..spans import Span
from .bench import Plan, Task, make_trials
from .methods import OURS, Method, run_method
from .protocols import PAPER

COUNT, LENGTH_S = 3, 3.0
_TRIES = 12


@dataclass(frozen=True)
class Example:
    """Versions of one stretch.

    Attributes:
        title: what it is and what happened to it.
        versions: labels and samples ``(C, T)``, clean first, damaged second.
    """

    title: str
    rate_hz: int
    versions: tuple[tuple[str, Samples], ...]
    spans: tuple[Span, ...]


def make_examples(plan: Plan) -> list[Example]:
    """Examples of different conditions and excerpts, as far as there are.

    Raises:
        RestoreError: one of our methods cannot work here.
    """
    shown = _shown(plan.methods)
    conditions = [c for c in plan.conditions if c.kind != "clean"] or list(plan.conditions)
    examples: list[Example] = []
    for number in range(_TRIES):
        if len(examples) == COUNT:
            break
        # Middle, last, first …: short gaps look like nothing, long ones like nothing but a gap.
        condition = conditions[
            (len(conditions) // 2 + number * max(len(conditions) // 3, 1)) % len(conditions)
        ]
        excerpt = plan.material.excerpts[number % len(plan.material.excerpts)]
        tasks = [
            Task(plan.protocol, condition, m, excerpt, plan.seed, plan.gaps, plan.mono, ()) for m in shown
        ]
        title = f"{excerpt.name} ({excerpt.genre}), {condition.name}"
        example = _paper(tasks, title) if plan.protocol == PAPER else _timed(tasks, title)
        if example is not None and title not in {e.title for e in examples}:
            examples.append(example)
    return examples


def _shown(methods: tuple[Method, ...]) -> list[Method]:
    """Ours if it is there, and the strongest of the others: the one before it, or a rival."""
    first = [m for name in ("auto", *OURS) for m in methods if m.name == name]
    first += [m for m in methods if m.kind == "ours" or m.model]
    others = [m for m in methods if m not in first and m.name != "nothing"]
    return [*dict.fromkeys(first)][:1] + others[-1:]


def _timed(tasks: list[Task], title: str) -> Example | None:
    trials = [t for t in (make_trials(tasks[0]) if tasks else []) if t.spans]
    if not trials:
        return None
    trial = trials[0]
    window = _window(trial.spans, trial.clean.shape[1], round(LENGTH_S * trial.rate_hz))
    versions = [("clean", trial.clean), ("damaged", np.nan_to_num(trial.damaged))]
    for task in tasks:
        outcome = run_method(task.method, trial)
        if outcome.samples is not None:
            versions.append((task.method.title, outcome.samples))
    spans = [
        Span(max(s.start - window.start, 0), min(s.end, window.stop) - window.start, s.channel, s.kind)
        for s in trial.spans
        if s.start < window.stop and s.end > window.start
    ]
    cut = tuple((label, np.ascontiguousarray(samples[:, window])) for label, samples in versions)
    return Example(title, trial.rate_hz, cut, tuple(spans))


def _paper(tasks: list[Task], title: str) -> Example | None:
    from ..signal.spectrum import PAPER_RATE_HZ
    from .paper_task import paper_versions

    if not tasks:
        return None
    methods = [task.method for task in tasks]
    versions = paper_versions(methods, tasks[0].excerpt, tasks[0].rng(), seconds=LENGTH_S)
    return Example(title, PAPER_RATE_HZ, tuple(versions), ()) if versions else None


def _window(spans: tuple[Span, ...], total: int, length: int) -> slice:
    """The stretch with the most damage in it that begins a little before a span."""
    starts = [max(0, min(span.start - length // 6, total - length)) for span in spans]
    best = max(starts, key=lambda first: sum(first <= s.start and s.end <= first + length for s in spans))
    return slice(best, min(best + length, total))
