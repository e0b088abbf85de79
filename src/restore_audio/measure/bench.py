"""The runner: methods × conditions × excerpts, one after the other or in several processes.

In: a :class:`Plan`. Out: a :class:`Row` for each, in the order of the plan. With a
folder rows are kept there as they come, one JSON object a line, and a run that was interrupted goes on after
the last of them. A kept row counts only for the same code, weights, material, damage and options.

The damage depends on the seed, the excerpt and the condition, never on the method: all methods get the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import InputError, OutputError
from ..workers import work_on
from .graders import PEAQ, TWO_F
from .material import Excerpt, Material, load_excerpt
from .measured import Measured
from .methods import Method, run_method
from .protocols import PAPER, PROTOCOLS
from .scoring import Scores, join, score
from .trials import Condition, Trial

NO_METHOD = Method("", "", "baseline")
KEPT_NAME = "rows.jsonl"
PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        conditions: columns; one stand-in for the paper's task.
        methods: rows.
        gaps: damages in each excerpt.
        graders: perceptual grades that are computed too (:mod:`.graders`).
    """

    protocol: str
    conditions: tuple[Condition, ...]
    methods: tuple[Method, ...]
    material: Material
    seed: int = 0
    gaps: int = 4
    mono: bool = False
    graders: tuple[str, ...] = (PEAQ, TWO_F)

    def tasks(self) -> list[Task]:
        """Everything there is to do, excerpt by excerpt."""
        return [
            Task(self.protocol, condition, method, excerpt, self.seed, self.gaps, self.mono, self.graders)
            for excerpt in self.material.excerpts
            for condition in self.conditions
            for method in self.methods
            if condition.rivals or method.kind != "rival"
        ]


@dataclass(frozen=True)
class Task:
    """One method on one excerpt under one condition; goes to another process as it is."""

    protocol: str
    condition: Condition
    method: Method
    excerpt: Excerpt
    seed: int
    gaps: int
    mono: bool
    graders: tuple[str, ...]

    def rng(self) -> np.random.Generator:
        """The same for every method."""
        place = f"{self.protocol}|{self.condition.name}|{self.excerpt.label}"
        return np.random.default_rng((self.seed, zlib.crc32(place.encode())))

    def key(self) -> str:
        """Changes with whatever may change the result."""
        path = self.excerpt.path
        file = None if path is None else (str(path), path.stat().st_size if path.exists() else 0)
        described = json.dumps([asdict(self), file, code_digest()], default=str, sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()


@dataclass(frozen=True)
class Row:
    """The scores of a task, or why there are none."""

    protocol: str
    condition: str
    method: str
    excerpt: str
    genre: str
    scores: Scores
    trouble: str | None = None


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of every file of the package, code and data: a changed program's rows are not the present one's."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def make_trials(task: Task) -> list[Trial]:
    """The damaged recordings of a task: the same for every method, made once for methods in a row."""
    return _trials(replace(task, method=NO_METHOD, graders=()))


@lru_cache(maxsize=1)
def _trials(task: Task) -> list[Trial]:
    clean, rate_hz = load_excerpt(task.excerpt, task.mono)
    return PROTOCOLS[task.protocol].trials(clean, rate_hz, task.condition, task.rng(), task.gaps)


def run_task(task: Task) -> Row:
    """Do one task.

    Raises:
        RestoreError: the recording cannot be read, or one of our methods cannot work here.
    """
    names = (task.protocol, task.condition.name, task.method.name, task.excerpt.label, task.excerpt.genre)
    if task.protocol == PAPER:
        from .paper_task import measure_paper

        return Row(*names, measure_paper(task.method, task.excerpt, task.rng(), graders=task.graders))
    scores: list[Scores] = []
    for trial in make_trials(task):
        outcome = run_method(task.method, trial)
        if outcome.samples is None:
            return Row(*names, {}, outcome.trouble)
        scores.append(score(Measured(trial, outcome), graders=task.graders))
    return Row(*names, join(scores))


def run_bench(
    plan: Plan,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Row]:
    """Do everything, and keep rows as they come.

    Args:
        jobs: processes; 1 does it in this one.
        folder: where rows are kept; None keeps none.

    Raises:
        RestoreError: see :func:`run_task`; rows kept so far stay.
        OutputError: the folder cannot be written.
    """
    tasks = plan.tasks()
    keys = [task.key() for task in tasks]
    kept = read_rows(folder) if folder is not None else {}
    rows: dict[str, Row] = {key: kept[key] for key in keys if key in kept}
    missing = [(key, task) for key, task in zip(keys, tasks, strict=True) if key not in rows]
    progress(len(rows))
    with _keeper(folder) as keep, contextlib.closing(_results(missing, jobs)) as results:
        for key, row in results:
            rows[key] = row
            if row.trouble is None:  # a rival that failed is run again
                keep(key, row)
            progress(len(rows))
    return [rows[key] for key in keys]


def _results(missing: list[tuple[str, Task]], jobs: int) -> Generator[tuple[str, Row], None, None]:
    if jobs == 1 or len(missing) < 2:
        for key, task in missing:
            yield key, run_task(task)
        return
    # One thread each: processes are the parallelism.
    for done in work_on([task for _, task in missing], _run, workers=min(jobs, len(missing))):
        if done.error is not None:
            raise done.error
        assert done.value is not None
        yield missing[done.number][0], done.value


def _run(task: Task, tell: Callable[[float], None]) -> Row:  # noqa: ARG001 (a task is one step)
    return run_task(task)


@contextlib.contextmanager
def _keeper(folder: Path | None) -> Iterator[Callable[[str, Row], None]]:
    if folder is None:
        yield lambda key, row: None
        return
    path = folder / KEPT_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _end_line(path)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Results cannot be kept in {folder} ({error.strerror}): give another.") from error

    def keep(key: str, row: Row) -> None:
        try:
            file.write(json.dumps({"key": key, "row": asdict(row)}, allow_nan=False) + "\n")
            file.flush()
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written any more ({error.strerror}): make room, then run the same again."
            ) from error

    with file:
        yield keep


def _end_line(path: Path) -> None:
    """A line that an interrupted run did not finish must not swallow the next one."""
    if path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n"):
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")


def read_rows(folder: Path) -> dict[str, Row]:
    """Rows kept in a folder by their keys; unfinished lines are passed over.

    Raises:
        InputError: the file of rows cannot be read.
    """
    path = folder / KEPT_NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give another folder to --resume.") from error
    rows: dict[str, Row] = {}
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            kept = json.loads(line)
            rows[kept["key"]] = Row(**kept["row"])
    return rows
