"""Pages made from what is there: the command line, the report's schema, documents of the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    "architecture.md": ROOT / "docs" / "architecture.md",
    "benchmarks.md": ROOT / "docs" / "benchmarks.md",
    "changelog.md": ROOT / "CHANGELOG.md",
}
"""Pages that are documents of the repository as they are."""

PICTURES = {"picture.png": ROOT / "examples" / "picture.png"}


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages to those that were written."""
    from mkdocs.structure.files import File

    made = {name: linkless(path.read_text(encoding="utf-8")) for name, path in DOCUMENTS.items()}
    made |= {"commands.md": commands(), "report.md": report()}
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    for name, path in PICTURES.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def linkless(text: str) -> str:
    """Markdown without links to files of the repository, which are no pages of the site."""
    return re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)


def commands() -> str:
    """The reference of all commands, as ``--help`` explains them."""
    import typer

    from restore_audio.cli.app import build
    from restore_audio.cli.usage import walk

    root = typer.main.get_command(build(None))
    parts = [
        "# Commands",
        "",
        "Made from the commands themselves: `restore-audio COMMAND --help` says the same.",
        "",
    ]
    for command, context in walk(
        root, root.context_class(root, info_name="restore-audio", **root.context_settings)
    ):
        parts += section(command, context)
    return "\n".join(parts)


def section(command: Any, context: Any) -> list[str]:
    """One command in Markdown."""
    from restore_audio.cli.usage import page

    shown = page(command, context)
    lines = [f"## {shown.name}", "", *(f"{escaped(paragraph)}\n" for paragraph in shown.paragraphs)]
    lines += ["```text", f"{shown.name} {shown.usage}", "```", ""]
    if shown.examples:
        lines += ["```bash", *shown.examples, "```", ""]
    for heading, rows in shown.sections:
        first = "command" if heading == "Commands" else "option"
        lines += [f"**{heading}**", "", f"| {first} | what it does |", "|---|---|"]
        lines += [f"| `{row.flags.replace('|', chr(92) + '|')}` | {escaped(row.text)} |" for row in rows]
        lines.append("")
    return lines


def escaped(text: str) -> str:
    """Text that Markdown takes as it is, in tables too."""
    return re.sub(r"([|*_<\[\]{}])", r"\\\1", text)


def report() -> str:
    """The fields of a report, from the schema in the package."""
    path = ROOT / "src" / "restore_audio" / "show" / "report.schema.json"
    text = path.read_text(encoding="utf-8")
    schema = json.loads(text)
    lines = ["# Reports", "", f"{schema['description']} The JSON Schema below lies in the package as", ""]
    lines[-2] += " `restore_audio/show/report.schema.json`; reports are tested against it."
    for heading, table in (("A report", schema), ("A span", schema["$defs"]["span"])):
        lines += [f"## {heading}", "", "| field | type | what it is |", "|---|---|---|"]
        for name, field in table["properties"].items():
            lines.append(f"| `{name}` | {kind(field)} | {escaped(field.get('description', ''))} |")
        lines.append("")
    lines += [
        "Span files that `damage --spans` writes hold `spans` in this form too. What stands beside them",
        "under `damages` only serves `--replay`.",
        "",
    ]
    return "\n".join([*lines, "## The schema", "", "```json", text.rstrip(), "```", ""])


def kind(field: dict[str, Any]) -> str:
    """The type of a field in words."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    names = field.get("type", ["object", "null"])
    return " or ".join([names] if isinstance(names, str) else names)
