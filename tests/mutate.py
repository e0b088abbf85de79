"""Do the tests notice when the code of a room is changed? ``python -m tests.mutate --sample 150``

Each mutant changes one place of one module: a comparison, an operator, a constant, a condition, ``min`` for
``max``, the sign of a term, a return value. A first run of the rooms' tests records which of them executes
which line (coverage.py); a mutant is then met by just those tests, the fastest first, until one fails. The
sample is drawn from a seed, so that two people get the same score. Results are kept line by line in a file:
a run that was stopped goes on.

Each mutant's module is written into a copy of the package, in a folder of its own: the working tree is not
touched. mutmut was looked at first: it wants every test to run in one process, which the tests of processes,
signals and start-up times cannot.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "restore_audio"
TESTS = {
    "detection": ("detect", "repeats", "click", "gaps", "interpolated", "learned"),
    "fill": ("inpaint", "autoregressive", "similar", "remains", "adaptive", "tails"),
}
"""Beginnings of the test files of each room; those of the promises and the API are always among them."""

PATIENCE, LEAST_PATIENCE_S = 10.0, 120.0
"""A mutant whose tests take so many times as long as without it, and more seconds than this, loops."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_REVERSED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change: ``text`` is the whole module with it."""

    module: str
    line: int
    what: str
    text: str


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every single change of a module."""
    source = path.read_text(encoding="utf-8")
    name = path.relative_to(PACKAGE).as_posix()
    places = [node for node in ast.walk(ast.parse(source)) if hasattr(node, "lineno")]
    for number, node in enumerate(places):
        for variant, what in enumerate(_changes(node)):
            tree = ast.parse(source)
            copy = [n for n in ast.walk(tree) if hasattr(n, "lineno")][number]
            _apply(copy, variant)
            text = ast.unparse(tree)
            if text != ast.unparse(ast.parse(source)):
                yield Mutant(name, node.lineno, what, text)


def _changes(node: ast.AST) -> list[str]:
    """What can be changed at a node, in words, in the order in which :func:`_apply` numbers it."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        kinds = [
            table[type(node.ops[0])] for table in (_COMPARISONS, _REVERSED) if type(node.ops[0]) in table
        ]
        return [f"{ast.unparse(node)} by {kind.__name__}" for kind in kinds]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return [f"{ast.unparse(node)} by {_OPERATORS[type(node.op)].__name__}"]
    if isinstance(node, ast.BoolOp):
        return [f"{ast.unparse(node)} by the other connective", f"{ast.unparse(node)} without its last part"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        return [f"{ast.unparse(node)} without its operator"]
    if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value:
        return [f"{node.value} ten times as large", f"{node.value} a tenth"]
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        return [f"{node.value} negated"]
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return [f"{node.id} by {_NAMES[node.id]}"]
    if isinstance(node, ast.Attribute) and node.attr in _NAMES:
        return [f"{node.attr} by {_NAMES[node.attr]}"]
    if isinstance(node, ast.If):
        return [f"if {ast.unparse(node.test)}: always", f"if {ast.unparse(node.test)}: never"]
    return []


def _apply(node: ast.AST, variant: int) -> None:
    if isinstance(node, ast.Compare):
        tables = [table for table in (_COMPARISONS, _REVERSED) if type(node.ops[0]) in table]
        node.ops = [tables[variant][type(node.ops[0])]()]
    elif isinstance(node, ast.BinOp):
        node.op = _OPERATORS[type(node.op)]()
    elif isinstance(node, ast.BoolOp):
        if variant == 0:
            node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        else:
            node.values = [*node.values[:-1], ast.Constant(isinstance(node.op, ast.And))]
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
        else:  # twice is not at all
            node.operand = ast.UnaryOp(node.op, node.operand)
    elif isinstance(node, ast.Constant):
        if type(node.value) is bool:
            node.value = not node.value
        else:
            assert isinstance(node.value, int | float)
            node.value = node.value * 10 if variant == 0 else _tenth(node.value)
    elif isinstance(node, ast.Name):
        node.id = _NAMES[node.id]
    elif isinstance(node, ast.Attribute):
        node.attr = _NAMES[node.attr]
    elif isinstance(node, ast.If):
        node.test = ast.Constant(variant == 0)


def _tenth(value: float) -> float:
    return value // 10 if isinstance(value, int) else value / 10


def tests_of(rooms: list[str]) -> list[str]:
    """The test files of some rooms."""
    words = ["promises", "api", *(word for room in rooms for word in TESTS[room])]
    files = {path for word in words for path in (ROOT / "tests").glob(f"test_{word}*.py")}
    return sorted(str(path) for path in files)


def record(rooms: list[str], folder: Path) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
    """Which test executes which line of each module of the rooms, and how long each test takes."""
    settings, data, times = folder / "coveragerc", folder / "coverage", folder / "times.xml"
    settings.write_text("[run]\ndynamic_context = test_function\n", encoding="utf-8")
    words = ["coverage", "run", f"--rcfile={settings}", f"--data-file={data}", f"--source={PACKAGE}"]
    words += ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={times}", *tests_of(rooms)]
    subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=_environment(ROOT / "src"), check=True)
    from coverage import CoverageData

    found = CoverageData(str(data))
    found.read()
    lines: dict[str, dict[int, list[str]]] = {}
    for room in rooms:
        for path in sorted((PACKAGE / room).glob("*.py")):
            contexts = found.contexts_by_lineno(str(path))
            lines[path.relative_to(PACKAGE).as_posix()] = {
                line: sorted({name.rpartition(".")[2] for name in names if name})
                for line, names in contexts.items()
            }
    seconds: dict[str, float] = {}
    for case in ElementTree.parse(times).iter("testcase"):
        function = case.attrib["name"].partition("[")[0]
        seconds[function] = seconds.get(function, 0.0) + float(case.attrib["time"])
    return lines, seconds


def covering(lines: dict[int, list[str]], line: int) -> list[str]:
    """Tests that execute a line or the statement it continues; all of the module for its constants."""
    for above in range(line, max(line - 10, 0), -1):
        if lines.get(above):
            return lines[above]
        if above in lines:  # executed on import alone: a constant, a default, a decorator
            break
    return sorted({name for names in lines.values() for name in names})


def _environment(source: Path) -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}


def is_noticed(mutant: Mutant, seconds: dict[str, float], files: list[str]) -> bool:
    """Whether one of the tests, given with the time that it takes, fails on the mutant."""
    if not seconds:
        return False
    names = sorted(seconds, key=seconds.__getitem__)
    patience_s = max(PATIENCE * sum(seconds.values()), LEAST_PATIENCE_S)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder, "src", "restore_audio")
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.ogg"))
        for piece in (PACKAGE / "measure" / "suite").glob("*.ogg"):
            (copy / "measure" / "suite" / piece.name).symlink_to(piece)
        Path(folder, "models").symlink_to(ROOT / "models")
        (copy / mutant.module).write_text(mutant.text, encoding="utf-8")
        words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
        # The fastest tests in a call of their own: most mutants end there.
        for some in (names[:12], names[12:]):
            if not some:
                continue
            try:
                chosen = ["-k", " or ".join(some)]
                done = subprocess.run(
                    [*words, *files, *chosen],
                    cwd=ROOT,
                    env=_environment(copy.parent),
                    capture_output=True,
                    timeout=patience_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return True
            if done.returncode not in (0, 1, 2, 5):  # 2: a test module does not even import
                raise RuntimeError(done.stderr.decode() or done.stdout.decode())
            if done.returncode in (1, 2):
                return True
    return False


def main() -> None:
    """Draw, try, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", default=",".join(TESTS))
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=ROOT / "cache" / "mutants.jsonl")
    options = parser.parse_args()
    rooms = options.rooms.split(",")
    every = [m for room in rooms for path in sorted((PACKAGE / room).glob("*.py")) for m in mutants_of(path)]
    sample = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    kept = options.results.read_text(encoding="utf-8").splitlines() if options.results.exists() else []
    known = {(r["module"], r["line"], r["what"]): r["noticed"] for r in map(json.loads, kept)}
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        lines, seconds = record(rooms, Path(folder))
    files = tests_of(rooms)
    for room in rooms:
        path = PACKAGE / room / "__init__.py"
        same = Mutant(path.relative_to(PACKAGE).as_posix(), 1, "nothing", path.read_text(encoding="utf-8"))
        if is_noticed(same, seconds, files):
            raise SystemExit("a test fails without any mutant: mend that first")

    def attempt(mutant: Mutant) -> bool:
        key = (mutant.module, mutant.line, mutant.what)
        if key not in known:
            names = covering(lines.get(mutant.module, {}), mutant.line)
            noticed = is_noticed(mutant, {n: seconds.get(n, 0.0) for n in names}, files)
            row = {"module": mutant.module, "line": mutant.line, "what": mutant.what, "noticed": noticed}
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            known[key] = noticed
        print("noticed" if known[key] else "SURVIVED", *key, flush=True)
        return known[key]

    with ThreadPoolExecutor(options.jobs) as pool:
        noticed = list(pool.map(attempt, sample))
    for room in rooms:
        mine = [n for n, m in zip(noticed, sample, strict=True) if m.module.startswith(room + "/")]
        print(f"{room}: {sum(mine)} of {len(mine)} noticed ({100 * sum(mine) / max(len(mine), 1):.0f} %)")
    share = 100 * sum(noticed) / max(len(noticed), 1)
    print(f"{sum(noticed)} of {len(noticed)} noticed ({share:.0f} %), {len(every)} possible")


if __name__ == "__main__":
    main()
