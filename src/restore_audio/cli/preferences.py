"""What a person has set once for all calls: settings files and variables of the environment.

In: ``restore-audio.toml`` in the current folder and in the user's configuration folder, and variables like
``RESTORE_AUDIO_FIX_SENSITIVITY``. Out: values for the options of a command, and where each came from.

What is given with the call counts first, then a variable, then the current folder's file, then the user's,
then the default. A file cannot name what is written or allow that something is replaced: that is not
left to a folder that came from elsewhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageError

NAME = "restore-audio.toml"
PREFIX = "RESTORE_AUDIO_"

_MOST_OF_REASON = 200

_NOT_IN_FILES = ("output", "overwrite", "to", "run_folder", "shard")
"""Options that belong to one call; so do all that take a file or a folder."""


@dataclass
class Preferences:
    """Values by command and parameter, and where each came from.

    Attributes:
        values: what Typer takes for ``default_map``.
        sources: by ``command.parameter``.
    """

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """A line for each value."""
        return [f"{name.replace('.', ' --')} from {source}" for name, source in self.sources.items()]


def places() -> list[Path]:
    """Files that are looked for, the one that counts least first."""
    from platformdirs import user_config_path

    return [user_config_path("restore-audio", appauthor=False) / NAME, Path(NAME)]


def gather(commands: Mapping[str, Any], known: Mapping[str, str]) -> Preferences:
    """Read everything that is set.

    Args:
        commands: commands of Typer by name whose options are looked up: the one that is called, or all.
        known: all commands there are; what is set for others is not looked at.

    Raises:
        UsageError: a file cannot be read, or names what there is not.
    """
    found = Preferences()
    for path in places():
        if path.is_file():
            for command, options in _tables(path, known):
                _take(found, commands, command, options, str(path), of_file=True)
    for name in commands:
        prefix = f"{PREFIX}{name.upper()}_"
        options = {key[len(prefix) :]: value for key, value in os.environ.items() if key.startswith(prefix)}
        _take(found, commands, name, options, "the environment", of_file=False)
    return found


def _tables(path: Path, known: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None
    except (ValueError, RecursionError) as error:  # not in UTF-8, not in TOML, numbers of 5,000 digits
        reason = (
            "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:_MOST_OF_REASON]
        )
        raise UsageError(f"{path} is not in TOML ({reason}): correct it or rename it.") from None
    for name, table in document.items():
        if name not in known or not isinstance(table, dict):
            raise UsageError(
                f"{path} sets {name}, which is no command: put options below a line like [fix], "
                f"with one of {', '.join(known)}."
            )
        yield name, table


def _take(
    found: Preferences,
    commands: Mapping[str, Any],
    name: str,
    options: Mapping[str, Any],
    source: str,
    *,
    of_file: bool,
    where: tuple[str, ...] = (),
) -> None:
    """Add the options of a command, or of the commands of a group."""
    command = commands.get(name)
    if command is None:
        return
    path = (*where, name)
    below = getattr(command, "commands", None)
    for key, value in options.items():
        if below is not None:
            group, _, rest = key.lower().partition("_") if not of_file else (key, "", "")
            if group not in below or (of_file and not isinstance(value, dict)):
                raise UsageError(f"{source} sets {key} of {' '.join(path)}, which has no command {group}.")
            given = value if of_file else {rest: value}
            _take(found, below, group, given, source, of_file=of_file, where=path)
            continue
        flag = key.lower().replace("-", "_")
        parameter = next((p for p in command.params if flag in _names(p)), None)
        if parameter is None:
            raise UsageError(
                f"{source} sets {key}, which is no option of {' '.join(path)}: see "
                f"'restore-audio {' '.join(path)} --help'."
            )
        if of_file and (flag in _NOT_IN_FILES or _names_a_file(parameter)):
            raise UsageError(
                f"{source} sets {key}, which belongs to a call and cannot be set in a file: give it "
                f"with the call, or as the variable {PREFIX}{'_'.join(path).upper()}_{flag.upper()}."
            )
        if getattr(parameter, "multiple", False) and isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        place = found.values
        for part in path:
            place = place.setdefault(part, {})
        place[parameter.name] = value
        found.sources[f"{' '.join(path)}.{max(parameter.opts, key=len).lstrip('-')}"] = source


def _names(parameter: Any) -> list[str]:
    return [flag.lstrip("-").replace("-", "_") for flag in parameter.opts if flag.startswith("--")]


def _names_a_file(parameter: Any) -> bool:
    return any(word in (parameter.metavar or "") for word in ("FILE", "DIR", "CACHE"))
