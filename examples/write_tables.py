"""Write the tables of README.md, docs/ and models/ from the results in docs/results/, and make those results.

    python examples/write_tables.py                      # rewrite every table from its result
    python examples/write_tables.py --check              # change nothing; exit 1 if a table differs
    python examples/write_tables.py --measure real gaps  # run the commands of these results first
    python examples/write_tables.py --list

A page marks a table by the lines ``<!-- table: NAME -->`` and ``<!-- end of table -->``; what is between them is
rewritten. docs/results/tables.toml says which command makes a result, and which part of it a table shows. The
commands expect music in corpus/ (examples/corpus builds it) and, where they say so, in ebu/.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"(?<=<!-- table: )(?P<name>[\w-]+) -->\n(?P<body>.*?)(?=<!-- end of table -->)", re.DOTALL
)


class TableError(Exception):
    """A table that cannot be written; the message says why."""


@dataclass(frozen=True)
class Results:
    """The results of a checkout and how they are shown."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where the results are."""
        return self.root / "docs" / "results"

    @property
    def plan(self) -> dict[str, Any]:
        """What tables.toml says."""
        return tomllib.loads((self.folder / "tables.toml").read_text(encoding="utf-8"))

    def pages(self) -> Iterator[Path]:
        """The pages that have tables."""
        for pattern in ("README.md", "docs/*.md", "models/*.md", "CONTRIBUTING.md"):
            yield from sorted(self.root.glob(pattern))

    def load(self, name: str) -> Any:
        """A result by its name."""
        path = self.folder / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TableError(
                f"{path} cannot be read; make it anew: python examples/write_tables.py --measure {name}"
            ) from error

    def measure(self, name: str) -> None:
        """Run the command of a result and keep what it writes; a benchmark goes on where it was stopped."""
        command = self.plan["result"][name]["command"]
        path = self.folder / f"{name}.json"
        words = [str(path) if word == "RESULT" else word for word in shlex.split(command)]
        if words[:2] == ["restore-audio", "bench"]:
            words += ["--resume", str(self.root / "cache" / f"rows-{name}")]
        runner = {"restore-audio": [sys.executable, "-m", "restore_audio"], "python": [sys.executable]}
        done = subprocess.run(
            [*runner[words[0]], *words[1:]], stdout=subprocess.PIPE, text=True, check=True, cwd=self.root
        )
        if str(path) not in words:
            data = {**json.loads(done.stdout), "command": command}
            path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def written(self, text: str) -> str:
        """A page with its tables written anew."""
        return BLOCK.sub(lambda block: f"{block['name']} -->\n{self.table(block['name'])}\n", text)

    def is_kept(self, name: str) -> bool:
        """Whether there is a result of this name."""
        return (self.folder / f"{name}.json").exists()

    def table(self, name: str) -> str:
        """The lines of a table; where its result is not kept, the command that makes it.

        Raises:
            TableError: there is no such table, or its result lacks what it shows.
        """
        spec = self.plan["table"].get(name)
        if spec is None:
            raise TableError(f"tables.toml has no table '{name}'")
        if not self.is_kept(spec["result"]):
            return f"Not measured for this version: `python examples/write_tables.py --measure {spec['result']}`."
        data = self.load(spec["result"])
        if "text" in spec:
            return _filled(spec["text"], data, name).strip()
        if "lines" in spec:
            header, rows = (
                spec["header"],
                [[_filled(cell, data, name) for cell in row] for row in spec["lines"]],
            )
        else:
            header, rows = _selected(spec, data, name)
        rows += [list(row) for row in spec.get("more", [])]
        about = [f"{data['about']}", ""] if spec.get("about") else []
        alignment = ["---", *["---:"] * (len(header) - 1)]
        return "\n".join([*about, *("| " + " | ".join(row) + " |" for row in [header, alignment, *rows])])


def _selected(spec: dict[str, Any], data: Any, name: str) -> tuple[list[str], list[list[str]]]:
    """Rows and columns of one of the tables of a benchmark."""
    found = [table for table in data["tables"] if spec["title"] in table["title"]]
    if len(found) != 1:
        titles = "; ".join(table["title"] for table in data["tables"])
        raise TableError(f"table '{name}': {len(found)} titles hold '{spec['title']}' among: {titles}")
    header, rows = list(found[0]["header"]), [list(row) for row in found[0]["rows"]]
    names: dict[str, str] = spec.get("rows", {row[0]: row[0] for row in rows})
    by_name = {row[0]: row for row in rows}
    columns: dict[str, str] = spec.get("columns", {column: column for column in header[1:]})
    if missing := [n for n in names if n not in by_name] + [c for c in columns if c not in header]:
        raise TableError(f"table '{name}': its result has no {', '.join(missing)}")
    places = [header.index(column) for column in columns]
    first = spec.get("first", header[0])
    picked = [[label, *(by_name[row][place] for place in places)] for row, label in names.items()]
    return [first, *columns.values()], picked


def _cells(data: Any) -> dict[str, dict[str, dict[str, str]]]:
    """Cells of a benchmark's tables by title, row and column."""
    return {
        table["title"]: {row[0]: dict(zip(table["header"], row, strict=True)) for row in table["rows"]}
        for table in data.get("tables", ())
    }


def _filled(template: str, data: Any, name: str) -> str:
    try:
        return template.format_map({**data, "all": data, "cells": _cells(data)})
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise TableError(f"table '{name}': its result does not fit '{template}' ({error})") from error


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--measure", nargs="*", metavar="NAME", help="run the commands of these results, or of all"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a table differs")
    parser.add_argument("--list", action="store_true", help="show results and their commands")
    given = parser.parse_args(arguments)
    results = Results(root)
    commands = {name: result["command"] for name, result in results.plan["result"].items()}
    if given.list:
        for name, command in commands.items():
            print(f"{name}: {command}")
        return 0
    if given.measure is not None:
        if unknown := sorted(set(given.measure) - commands.keys()):
            parser.error(f"there is no result {', '.join(unknown)}; there are {', '.join(commands)}")
        for name in given.measure or commands:
            print(f"{name}: {commands[name]}", file=sys.stderr)
            results.measure(name)
    differing = 0
    for page in results.pages():
        before = page.read_text(encoding="utf-8")
        try:
            after = results.written(before)
        except TableError as error:
            print(f"{page.relative_to(root)}: {error}", file=sys.stderr)
            return 1
        if after == before:
            continue
        differing += 1
        if given.check:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(page), "its results", n=0
            )
            print("\n".join(lines))
        else:
            page.write_text(after, encoding="utf-8")
            print(f"written: {page.relative_to(root)}")
    return int(given.check and differing > 0)


if __name__ == "__main__":
    sys.exit(main())
