"""Do the tests notice when the code of a room is changed? ``python -m tests.mutate --sample 150 --seed 0``

Each mutant changes one place of one module: a comparison, an operator, a constant, a condition, ``min`` for
``max``, the sign of a term, a return value. A first run of each of the rooms' test files records which test
executes which line (coverage.py) and how much time each takes; a mutant is then met by just those tests,
the fastest first, until one fails or ``TESTS_S`` of them have passed. The sample is drawn from a seed, so
that two people get the same score. What was recorded and found is kept in ``cache/``: a run that was
stopped goes on, and ``--minutes`` makes it stop by itself.

The package and its tests are imported once; each mutant runs in a process forked from there, in which the
functions of its module are given their changed code. Only what is executed on import (constants, defaults)
is imported anew. The package is a copy in a folder of its own: the working tree is not touched. mutmut was
looked at first: it wants every test to run in one process, which the tests of processes, signals and start-up
times cannot.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import inspect
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "restore_audio"
CACHE = ROOT / "cache"
TESTS = {
    "detection": (
        *("detect", "repeats", "click", "gaps", "interpolated", "learned", "splices", "edges"),
        *("evidence", "extrapolated", "fades", "kernels"),
    ),
    "fill": (
        *("inpaint", "autoregressive", "similar", "memory", "remains", "adaptive", "tails", "doubt"),
        "kernels",
    ),
}
"""Beginnings of the test files of each room; those of the promises and the API are always among them."""

ELSEWHERE = "memory_does_not_grow or no_connection or one_entry"
"""Names of tests that do their work in other processes, where coverage.py does not follow."""

EQUIVALENT: dict[tuple[str, str], str] = {}
"""Changes that change nothing, by module and words, each with the reason."""

LEAST_CONSTANT = 1e-5
"""Smaller constants keep divisions and logarithms from zero, which ten times as much or a tenth does too."""

TESTS_S = 15.0
"""A mutant that so many seconds of tests have passed has survived: the score is a lower bound. Seconds are
the processor's, which do not depend on what else it does."""

PATIENCE, LEAST_PATIENCE_S = 6.0, 20.0
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
    """One change: the variant ``variant`` of the place ``place`` of a module."""

    module: str
    place: int
    variant: int
    line: int
    what: str

    @property
    def in_function(self) -> bool:
        """Whether it is inside of a function, its decorators left out: executed anew at each call."""
        tree = ast.parse((PACKAGE / self.module).read_text(encoding="utf-8"))
        place = _places(tree)[self.place]
        return any(
            place is inner
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            for part in (*node.body, *node.args.defaults, *node.args.kw_defaults)
            if part is not None
            for inner in ast.walk(part)
        )

    @property
    def text(self) -> str:
        """The whole module with the change."""
        tree = ast.parse((PACKAGE / self.module).read_text(encoding="utf-8"))
        _apply(_places(tree)[self.place], self.variant)
        return ast.unparse(tree)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every single change of a module."""
    name = path.relative_to(PACKAGE).as_posix()
    for place, node in enumerate(_places(ast.parse(path.read_text(encoding="utf-8")))):
        for variant, what in enumerate(_changes(node)):
            yield Mutant(name, place, variant, node.lineno, what)


def _places(tree: ast.AST) -> list[Any]:
    """What may be changed: not what is never executed, or says only how much is kept in memory."""
    idle = {id(n) for node in ast.walk(tree) for part in _idle(node) for n in ast.walk(part)}
    return [
        node
        for node in ast.walk(tree)
        if hasattr(node, "lineno")
        and id(node) not in idle
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]


def _idle(node: ast.AST) -> list[ast.expr]:
    """Annotations, the sizes of caches, and what only checks a programmer (``strict``, ``frozen``)."""
    found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        found += [part.value for part in node.body if isinstance(part, ast.Assign)]
    if isinstance(node, ast.Call):
        found += [keyword.value for keyword in node.keywords if keyword.arg in ("strict", "frozen")]
    if isinstance(node, ast.FunctionDef):
        found += [decorator for decorator in node.decorator_list if "cache" in ast.unparse(decorator)]
    return [part for part in found if isinstance(part, ast.expr)]


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
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if abs(node.value) < LEAST_CONSTANT:
            return []
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


def tests_of(rooms: Sequence[str]) -> list[str]:
    """The test files of some rooms."""
    words = ["promises", "api", *(word for room in rooms for word in TESTS[room])]
    files = {path for word in words for path in (ROOT / "tests").glob(f"test_{word}*.py")}
    return sorted(str(path.relative_to(ROOT)) for path in files)


@dataclass(frozen=True)
class Recorded:
    """Which tests (``file::name``) execute each line of each module, and how long each test takes."""

    lines: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]

    @classmethod
    def of(cls, rooms: Sequence[str], until_s: float) -> Recorded:
        """Recorded now, as far as neither package nor a test file has changed since the last time."""
        package = hashlib.sha256()
        for path in sorted(
            [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.json"), *(ROOT / "tests").glob("[!t]*.py")]
        ):
            if path != Path(__file__):
                package.update(path.read_bytes())
        kept = CACHE / "mutants-coverage.json"
        files = json.loads(kept.read_text()) if kept.exists() else {}
        found = cls({}, {})
        for name in tests_of(rooms):
            whole = hashlib.sha256(package.digest() + (ROOT / name).read_bytes()).hexdigest()
            if files.get(name, {}).get("digest") != whole:
                if time.monotonic() > until_s:
                    raise SystemExit("not all test files are recorded yet: the same command goes on")
                lines, seconds = _recorded(name)
                files[name] = {"digest": whole, "lines": lines, "seconds": seconds}
                CACHE.mkdir(exist_ok=True)
                kept.write_text(json.dumps(files))
                print(f"recorded {len(seconds)} tests of {name} ({sum(seconds.values()):.0f} s)", flush=True)
            found.seconds.update(files[name]["seconds"])
            for module, places in files[name]["lines"].items():
                for line, tests in places.items():
                    found.lines.setdefault(module, {}).setdefault(int(line), []).extend(tests)
        return found

    def covering(self, mutant: Mutant) -> list[str]:
        """Tests that execute a line, the statement it continues, or what uses the constant that it sets."""
        lines = self.lines.get(mutant.module, {})
        tree = ast.parse((PACKAGE / mutant.module).read_text(encoding="utf-8"))
        for node in tree.body:
            if node.lineno <= mutant.line <= (node.end_lineno or 0) and isinstance(
                node, ast.Assign | ast.AnnAssign
            ):
                set_here = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                used = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in set_here}
                if users := {test for line in used for test in lines.get(line, ())}:
                    return self._ordered(users)
        if any(
            isinstance(node, ast.FunctionDef)
            and node.lineno <= mutant.line <= (node.end_lineno or 0)
            and any("cache" in ast.unparse(decorator) for decorator in node.decorator_list)
            for node in ast.walk(tree)
        ):  # executed in the first test only, for all that follow
            return self._ordered({name for names in lines.values() for name in names})
        for above in range(mutant.line, max(mutant.line - 10, 0), -1):
            if lines.get(above):
                return self._ordered(set(lines[above]))
            if above in lines:  # executed on import alone: a default, a decorator
                break
        return self._ordered({name for names in lines.values() for name in names})

    def _ordered(self, tests: set[str]) -> list[str]:
        """The fastest first, in bands of similar times by file (for their fixtures), up to ``TESTS_S``."""
        chosen, total_s = [], 0.0
        for test in sorted(tests, key=lambda test: self.seconds.get(test, 0.0)):
            total_s += self.seconds.get(test, 0.0)
            if total_s > TESTS_S and chosen:
                break
            chosen.append(test)
        bands = (0.05, 0.3, 1.0, 3.0)
        return sorted(chosen, key=lambda test: (sum(self.seconds.get(test, 0.0) > b for b in bands), test))


class _Watch:
    """A plugin of pytest that tells coverage.py which test runs, and takes the processor's time."""

    def __init__(self, switch: Callable[[str], object]) -> None:
        self.switch = switch
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.switch(nodeid.partition("[")[0])
        self.began_s = time.process_time()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        test = nodeid.partition("[")[0]
        self.seconds[test] = self.seconds.get(test, 0.0) + time.process_time() - self.began_s


def _recorded(name: str) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
    """Which tests of a file execute each line of each module, and how long they take, in another process."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        made = Path(folder) / "made.json"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.environ["PYTHONPATH"] = str(PACKAGE.parent)
                sys.path.insert(0, str(PACKAGE.parent))
                import coverage
                import pytest

                cover = coverage.Coverage(data_file=str(Path(folder) / "data"), include=[f"{PACKAGE}/*"])
                cover.start()
                watch = _Watch(cover.switch_context)
                pytest.main(
                    ["-q", "-p", "no:cacheprovider", "-k", f"not ({ELSEWHERE})", name], plugins=[watch]
                )
                cover.stop()
                if watch.failed:
                    print(f"{watch.failed[0]} fails without any mutant: mend that first")
                else:
                    data = cover.get_data()
                    lines = {
                        Path(file).relative_to(PACKAGE).as_posix(): {
                            line: [test for test in tests if test]
                            for line, tests in data.contexts_by_lineno(file).items()
                        }
                        for file in data.measured_files()
                    }
                    made.write_text(json.dumps([lines, watch.seconds]))
                    status = 0
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{name} cannot be recorded")
        lines, seconds = json.loads(made.read_text())
        return lines, seconds


def is_noticed(mutant: Mutant | None, tests: Sequence[str], seconds: float, folder: Path) -> bool:
    """Whether one of the tests, which take ``seconds`` without the mutant, fails with it."""
    if not tests:
        return False
    changed = folder / "src" / "restore_audio" / (mutant.module if mutant else "spans.py")
    before = changed.read_text(encoding="utf-8")
    if mutant:
        changed.write_text(mutant.text, encoding="utf-8")
    child = os.fork()
    if child == 0:
        _meet(mutant, tests, max(PATIENCE * seconds, LEAST_PATIENCE_S))
    until_s = time.monotonic() + 10 * max(PATIENCE * seconds, LEAST_PATIENCE_S)  # if it waits for ever
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status != 0
            if time.monotonic() > until_s:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return True
            time.sleep(0.02)
    finally:
        changed.write_text(before, encoding="utf-8")


def _meet(mutant: Mutant | None, tests: Sequence[str], most_s: float) -> None:
    """In the forked process: run the tests against the changed package; status 0 if all pass."""
    status = 1
    try:
        os.setsid()
        used_s = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used_s + most_s) + 1, resource.RLIM_INFINITY))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        import pytest

        if mutant and mutant.in_function:
            _change_functions(mutant)
        elif mutant:
            for name in [
                n for n in sys.modules if n.partition(".")[0] in ("restore_audio", "toys", *_TEST_MODULES)
            ]:
                del sys.modules[name]
        given = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--rootdir", str(ROOT), *tests]
        status = int(pytest.main(given))
    finally:
        os._exit(status)


_TEST_MODULES = [path.stem for path in (ROOT / "tests").glob("*.py") if path != Path(__file__)]


def _change_functions(mutant: Mutant) -> None:
    """Give the functions of a module that is imported the code that they have in the mutant."""
    name = "restore_audio." + mutant.module.removesuffix(".py").replace("/", ".")
    name = name.removesuffix(".__init__")
    old = sys.modules[name]
    new = types.ModuleType(name)
    new.__dict__.update({key: vars(old)[key] for key in ("__file__", "__package__", "__spec__")})
    exec(compile(mutant.text, str(old.__file__), "exec"), new.__dict__)
    _exchange(vars(old), vars(new), name)


def _exchange(old: Mapping[str, Any], new: Mapping[str, Any], module: str) -> None:
    for key, other in new.items():
        one, other = _bare(old.get(key)), _bare(other)
        if getattr(other, "__module__", None) != module:
            continue
        if isinstance(one, types.FunctionType) and isinstance(other, types.FunctionType):
            if one.__code__.co_freevars == other.__code__.co_freevars:
                one.__code__, one.__defaults__ = other.__code__, other.__defaults__
                one.__kwdefaults__ = other.__kwdefaults__
            getattr(old[key], "cache_clear", lambda: None)()
        elif isinstance(one, type) and isinstance(other, type):
            _exchange(vars(one), vars(other), module)


def _bare(thing: Any) -> Any:
    """The function in a property, a method of a class, or a wrapper."""
    if isinstance(thing, property):
        thing = thing.fget
    if isinstance(thing, classmethod | staticmethod):
        thing = thing.__func__
    return inspect.unwrap(thing) if callable(thing) and not isinstance(thing, type) else thing


def _copied(folder: Path) -> None:
    """A package beside the models, as a checkout has them; large files are linked."""
    copy = folder / "src" / "restore_audio"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.ogg"))
    for piece in (PACKAGE / "measure" / "suite").glob("*.ogg"):
        (copy / "measure" / "suite" / piece.name).symlink_to(piece)
    (folder / "models").symlink_to(ROOT / "models")


def _import_from(folder: Path, tests: Sequence[str]) -> None:
    """Import the copy of the package, and the test files."""
    source = str(folder / "src")
    os.environ["PYTHONPATH"] = source
    sys.path.insert(0, source)
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    import pytest

    given = ["-qq", "--collect-only", "-p", "no:cacheprovider", "-o", "addopts=", "--rootdir", str(ROOT)]
    kept, silence = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    status = pytest.main([*given, *tests])
    os.dup2(kept, 1)
    assert not status, "the tests cannot be collected"
    assert str(sys.modules["restore_audio"].__file__).startswith(source)


def main() -> None:
    """Draw, try, count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", default=",".join(TESTS))
    parser.add_argument("--only", default="", help="modules, as detection/runs.py,fill/ar.py")
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop then; the same command goes on")
    parser.add_argument("--results", type=Path, default=CACHE / "mutants.jsonl")
    options = parser.parse_args()
    until_s = time.monotonic() + 60 * options.minutes
    rooms = options.rooms.split(",")
    every = [m for room in rooms for path in sorted((PACKAGE / room).glob("*.py")) for m in mutants_of(path)]
    only = set(options.only.split(",")) if options.only else {m.module for m in every}
    every = [m for m in every if m.module in only and (m.module, m.what) not in EQUIVALENT]
    sample = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    kept = options.results.read_text(encoding="utf-8").splitlines() if options.results.exists() else []
    known = {(r["module"], r["line"], r["what"]): r["noticed"] for r in map(json.loads, kept)}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    recorded = Recorded.of(rooms, until_s)
    verdicts: dict[Mutant, bool] = {}
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        _copied(folder)
        _import_from(folder, tests_of(rooms))
        tests = sorted(recorded.seconds, key=recorded.seconds.__getitem__)[:30]
        if is_noticed(None, tests, sum(recorded.seconds[test] for test in tests), folder):
            raise SystemExit("a test fails without any mutant: mend that first")
        for mutant in sample:
            key = (mutant.module, mutant.line, mutant.what)
            if key not in known:
                if time.monotonic() > until_s:
                    break
                began_s, tests = time.monotonic(), recorded.covering(mutant)
                seconds = sum(recorded.seconds.get(test, 0.0) for test in tests)
                known[key] = is_noticed(mutant, tests, seconds, folder)
                row = dict(zip(("module", "line", "what", "noticed"), (*key, known[key]), strict=True))
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**row, "tests": len(tests)}) + "\n")
                took = f"({time.monotonic() - began_s:.0f} s)"
                print("noticed " if known[key] else "SURVIVED", *key, took, flush=True)
            verdicts[mutant] = known[key]
    for room in (*rooms, ""):
        mine = [noticed for mutant, noticed in verdicts.items() if mutant.module.startswith(room)]
        share = 100 * sum(mine) / max(len(mine), 1)
        print(f"{room or 'together'}: {sum(mine)} of {len(mine)} noticed ({share:.0f} %)")
    print(f"{len(verdicts)} of {len(sample)} tried, {len(every)} possible")


if __name__ == "__main__":
    main()
