"""How a command is called, in words: its help, and the sentence for a call that cannot be understood.

In: the commands as Typer knows them. Out: :class:`Page`, which is the help of the terminal
(:func:`as_text`) and a page of the documentation, or a sentence. Nothing here speaks of types of Python.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import wrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

LEFT = 28
"""Columns of the flags; longer ones have their explanation on the next line."""

WIDEST = 100

MANY = 40
"""A list of choices that is longer stands in the explanation."""

GENERAL = "General"
COMMANDS = "Commands"


@dataclass(frozen=True)
class Row:
    """Flags (or a name) with what they take, and what that means."""

    flags: str
    text: str


@dataclass(frozen=True)
class Page:
    """The help of one command.

    Attributes:
        name: as it is called, ``restore-audio fix``.
        usage: what follows the name.
        paragraphs: what it does.
        examples: lines that can be typed.
        sections: headings, and the options or commands below them.
    """

    name: str
    usage: str
    paragraphs: tuple[str, ...]
    examples: tuple[str, ...]
    sections: tuple[tuple[str, tuple[Row, ...]], ...]


class _InWords:
    """Shows its help by :func:`page`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(as_text(page(self, ctx)))


class Command(_InWords, TyperCommand):
    """A command that explains itself, and what its docstring says of its options, in words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = _arguments(self.help or "")
        for parameter in self.params:
            parameter.help = told.get(parameter.name, parameter.help)  # type: ignore[attr-defined]


class Group(_InWords, TyperGroup):
    """A group of commands that explains itself in words."""


def walk(command: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """A command and all below it, each with its context."""
    yield command, context
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            yield from walk(below, type(context)(below, parent=context, info_name=name))


def page(command: Any, context: Any) -> Page:
    """The help of a command or group.

    Args:
        context: its context, which knows how it was called.
    """
    paragraphs, examples = _parts(command.help or "")
    sections: dict[str, list[Row]] = {}
    words = ["[OPTIONS]"]
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            word = f"{parameter.metavar}..." if parameter.nargs != 1 else parameter.metavar
            words.append(word if parameter.required else f"[{word}]")
            row = Row(parameter.metavar, parameter.help or "")
            sections.setdefault("Arguments", []).append(row)
        elif not parameter.hidden:
            panel = getattr(parameter, "rich_help_panel", None) or GENERAL
            sections.setdefault(panel, []).append(_option(parameter))
    if hasattr(command, "list_commands"):
        words.append("COMMAND ...")
        below = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
        rows = [Row(name, _parts(one.help or "")[0][0]) for name, one in below]
        sections = {COMMANDS: rows, **sections}
    if command.epilog:
        paragraphs.append(command.epilog)
    general = sections.pop(GENERAL, [])
    return Page(
        context.command_path,
        " ".join(words),
        tuple(paragraphs),
        tuple(examples),
        tuple((heading, tuple(rows)) for heading, rows in [*sections.items(), (GENERAL, general)] if rows),
    )


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Paragraphs and examples of a docstring.

    >>> _parts("Do it.\\n\\nExamples:\\n    restore-audio do it")
    (['Do it.'], ['restore-audio do it'])
    """
    body, _, tail = text.partition("Examples:\n")
    body = body.partition("Args:\n")[0]
    paragraphs = [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
    return paragraphs, [line.strip() for line in tail.splitlines() if line.strip()]


def _arguments(text: str) -> dict[str, str]:
    """What a docstring says of each parameter.

    >>> _arguments("Do it.\\n\\nArgs:\\n    one: The first.\\n    two: The second,\\n        and last.")
    {'one': 'The first.', 'two': 'The second, and last.'}
    """
    lines = text.partition("Args:\n")[2].partition("\n\n")[0].splitlines()
    joined = "\n".join(lines).replace("\n        ", " ")
    return {name.strip(): told for name, _, told in (line.partition(": ") for line in joined.splitlines())}


def _option(parameter: Any) -> Row:
    short = [flag for flag in parameter.opts if not flag.startswith("--")]
    long = [flag for flag in (*parameter.opts, *parameter.secondary_opts) if flag.startswith("--")]
    flags = ", ".join([*short, *long])
    takes, names = parameter.metavar or "", ""
    if len(takes) > MANY and "|" in takes:
        takes, names = "NAME", f"one of {', '.join(takes.split('|'))}"
    if not parameter.is_flag:
        flags += f" {takes}"
    notes = [
        names,
        _range(*limits(parameter)),
        "required" if parameter.required else "",
        "can be repeated" if getattr(parameter, "multiple", False) else "",
        _default(parameter),
    ]
    told = "; ".join(note for note in notes if note)
    return Row(flags, f"{parameter.help or ''}{f' ({told})' if told else ''}")


def limits(parameter: Any) -> tuple[float | None, float | None]:
    """The least and the largest value of a number, wherever this version of Typer keeps them."""
    places = (parameter, getattr(parameter, "type", None))
    low, high = (
        next((value for place in places if (value := getattr(place, name, None)) is not None), None)
        for name in ("min", "max")
    )
    return low, high


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None and low != 0:
        return f"{low:g} or more"
    return ""


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or value is False or value in ("", ()) or not getattr(parameter, "show_default", True):
        return ""
    if parameter.secondary_opts:
        return "on unless refused"
    if parameter.is_flag or callable(value):
        return ""
    return f"default: {value:g}" if isinstance(value, float) else f"default: {value}"


def as_text(shown: Page) -> str:
    """For a terminal, at its width up to 100 columns; headings in bold where that can be seen."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    lines = [f"{_bold('Usage:')} {shown.name} {shown.usage}", ""]
    for paragraph in shown.paragraphs:
        lines += [*wrap(paragraph, width, break_on_hyphens=False), ""]
    if shown.examples:
        lines += [_bold("Examples:"), *(f"  {line}" for line in shown.examples), ""]
    for heading, rows in shown.sections:
        lines.append(_bold(f"{heading}:"))
        left = max(len(row.flags) for row in rows) if heading == COMMANDS else LEFT
        for row in rows:
            lines += _columns(row, left, width)
        lines.append("")
    return "\n".join(lines)


def _columns(row: Row, left: int, width: int) -> Iterator[str]:
    text = wrap(row.text, max(width - left - 4, 20), break_on_hyphens=False) or [""]
    if len(row.flags) > left:
        yield f"  {row.flags}"
    else:
        yield f"  {row.flags:{left}}  {text.pop(0)}".rstrip()
    for line in text:
        yield " " * (left + 4) + line


def _bold(text: str) -> str:
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[1m{text}\x1b[0m"


_LONGEST = 600
"""Of what is quoted from a call that is refused; a list of choices is shorter."""


def refusal(error: Any, called: str, sources: Mapping[str, str]) -> str:
    """One sentence for what the parser refuses, whichever version of Typer raised it.

    Args:
        called: the command, where the error does not know it.
        sources: where values came from that were not given with the call, by ``command.option``.
    """
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else f"restore-audio {called}".rstrip()
    flag = _called(error.param).lstrip("-") if getattr(error, "param", None) is not None else ""
    source = sources.get(f"{called}.{flag}")
    told = f" (set in {source})" if source is not None else ""
    what = re.sub(r"\S{100,}", lambda word: f"{word[0][:60]}…", _what(error).rstrip("."))
    return f"{what[:_LONGEST]}{told}: see '{command} --help'."


def _what(error: Any) -> str:
    kind, message = type(error).__name__, error.format_message()
    parameter = getattr(error, "param", None)
    if kind == "NoSuchOption":
        near = ", ".join(get_close_matches(error.option_name, error.possibilities or (), 1, 0))
        return f"There is no option {error.option_name}{f' (perhaps {near}?)' if near else ''}"
    if kind == "MissingParameter" and parameter is not None:
        return f"{_called(parameter)} is missing"
    if kind == "BadParameter" and parameter is not None:
        low, high = limits(parameter)
        if "is not one of" in message or (low is None and high is None):
            return f"{_called(parameter)}: {getattr(error, 'message', message)}"
        whole = "whole " if isinstance(low if parameter.default is None else parameter.default, int) else ""
        between = _range(low, high) or "0 or more"
        joined = f"from {between}" if " to " in between else f"of {between}"
        return f"{_called(parameter)} takes a {whole}number {joined}"
    if kind == "BadOptionUsage":
        needs = "takes no value" if "not take" in message else "needs a value behind it"
        return f"{error.option_name} {needs}"
    unknown = re.match(r"No such command '?([^']*)'?\.?(?: Did you mean '?([^']*)'?\??)?", message)
    if unknown is not None:
        near = f" (perhaps {unknown[2]}?)" if unknown[2] else ""
        return f"There is no command {unknown[1]}{near}"
    extra = re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message)
    return f"Nothing is expected where {extra[1]} stands" if extra is not None else message


def _called(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    return str(max(parameter.opts, key=len))
