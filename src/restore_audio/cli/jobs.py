"""Which recordings are meant and where each result goes.

In: what a person typed. Out: :class:`Job` pairs of paths. Only names are looked at here; nothing is opened.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..audio.suffixes import LOSSLESS, READ_ONLY, RECORDINGS
from ..errors import InputError, OutputError, UsageError
from ..files import shortened

Thing = TypeVar("Thing")

STREAM = Path("-")
"""Standard input or output."""


@dataclass(frozen=True)
class Found:
    """An input, and the folder that was searched for it (its path below that is kept in the output)."""

    path: Path
    root: Path


@dataclass(frozen=True)
class Job:
    """One recording and where its restoration goes (None: nowhere, it is only looked at).

    ``label`` names it among others: its path below the folder that was searched. ``makes_folder``: the
    target's folder is made if it is not there.
    """

    source: Path
    target: Path | None
    label: Path = Path()
    makes_folder: bool = False

    def __post_init__(self) -> None:
        if self.label == Path():
            object.__setattr__(self, "label", Path((self.target or self.source).name))


@dataclass(frozen=True)
class Failure:
    """The sentence that a job ended with instead of a result; the traceback if it was not foreseen."""

    source: Path
    sentence: str
    trace: str = ""


def find_inputs(patterns: Sequence[str], *, recursive: bool = False) -> tuple[list[Found], list[Failure]]:
    """Files, folders and patterns to recordings, each once, in the order given and sorted within.

    Args:
        patterns: as typed; a pattern that the shell left alone is expanded here, ``-`` is stdin.

    Returns:
        What was found, and a failure for each path that does not exist, pattern that matches nothing and
        folder without recordings.
    """
    found: dict[Path, Found] = {}
    failures = []
    for pattern in patterns:
        try:
            for item in _expand(pattern, recursive):
                found.setdefault(item.path, item)
        except InputError as error:
            failures.append(Failure(Path(pattern), str(error)))
        except (OSError, ValueError, RecursionError):
            sentence = f"{shortened(Path(pattern))} is too long, or no name of a file: check the path."
            failures.append(Failure(Path(pattern), sentence))
    return list(found.values()), failures


def _expand(pattern: str, recursive: bool) -> Iterator[Found]:
    path = Path(pattern)
    if not pattern or "\0" in pattern:
        raise InputError("The name of an input is empty: check the call (. is the current folder).")
    if path == STREAM:
        yield Found(STREAM, STREAM.parent)
    elif path.is_dir():
        yield from _in_folder(path, recursive)
    elif path.exists():
        yield Found(path, path.parent)
    elif glob.has_magic(pattern):
        matches = sorted(Path(match) for match in glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute ones too)
        files = [match for match in matches if not match.is_dir()]
        for match in files:
            yield Found(match, match.parent)
        if recursive:
            for match in matches:
                if match.is_dir():
                    yield from _in_folder(match, recursive)
        if not matches:
            raise InputError(f"Nothing matches {pattern}: check the pattern.")
    else:
        raise InputError(f"There is no file or folder {pattern}: check the path.")


def _in_folder(folder: Path, recursive: bool) -> list[Found]:
    def complain(error: OSError) -> None:
        raise InputError(
            f"The folder {error.filename} cannot be read ({error.strerror}): check its permissions."
        )

    files: list[Path] = []
    for where, folders, names in os.walk(folder, onerror=complain):
        folders[:] = sorted(f for f in folders if not f.startswith(".")) if recursive else []
        files += [
            Path(where, n) for n in sorted(names) if Path(n).suffix.lower() in RECORDINGS and n[0] != "."
        ]
    if not files:
        hint = "give files by name" if recursive else "give files by name, or look deeper with --recursive"
        raise InputError(f"The folder {folder} holds no recordings: {hint}.")
    return [Found(path, folder) for path in files]


def plan(
    inputs: Sequence[Found],
    output: str | None,
    *,
    name: str | None = None,
    folder_wanted: bool = False,
) -> list[Job]:
    """Where each result goes.

    Args:
        output: ``-o``: a file, a folder, ``-`` or None (beside each input).
        name: template of file names with ``{stem}``, ``{suffix}``, ``{name}``, ``{parent}``, ``{index}``.
        folder_wanted: ``output`` is a folder even for a single input (a folder was given as input).

    Raises:
        UsageError: the arguments do not fit together, or two results would have one name.
    """
    if output == "-" or (output is None and len(inputs) == 1 and inputs[0].path == STREAM):
        if len(inputs) > 1:
            raise UsageError("Only one recording fits into a pipe: give one input, or a folder with -o.")
        return [Job(inputs[0].path, STREAM)]
    several = len(inputs) > 1 or folder_wanted
    folder = output is not None and (
        several or output.endswith(("/", os.sep)) or Path(output).is_dir() or not Path(output).suffix
    )
    if output is not None and folder and _called_like_a_file(output):
        raise UsageError(
            f"With several inputs -o must be a folder, and {output} is called like a file: name a folder, "
            f"with a / at its end if it shall be called so."
        )
    if output is not None and folder and Path(output).is_file():
        raise UsageError(f"With several inputs -o must be a folder, and {output} is a file: name a folder.")
    if output is not None and not folder:
        if name is not None:
            raise UsageError("--name is for folders, and -o names a file: leave out one of them.")
        return [Job(inputs[0].path, Path(output))]
    template = name or ("{stem}{suffix}" if output is not None else "{stem}.restored{suffix}")
    jobs = []
    for index, found in enumerate(inputs, 1):
        label = _label(found, template, index)
        folder_of = found.path.parent if output is None else Path(output) / below(found)
        jobs.append(Job(found.path, folder_of / label, below(found) / label, makes_folder=True))
    _refuse_twins(jobs)
    return jobs


def _called_like_a_file(output: str) -> bool:
    """Whether a path that is not there yet would be taken for a file's: its suffix is short, of letters."""
    if output.endswith(("/", os.sep)) or Path(output).is_dir():
        return False
    suffix = Path(output).suffix.lower()
    return suffix in RECORDINGS or (2 <= len(suffix) <= 5 and suffix[1].isalpha())


def below(found: Found) -> Path:
    """The folder of a recording below the one that was searched."""
    return Path() if found.path == STREAM else found.path.parent.relative_to(found.root)


def _label(found: Found, template: str, index: int) -> str:
    path = Path("stdin.wav") if found.path == STREAM else found.path
    suffix = path.suffix if path.suffix.lower() not in READ_ONLY else LOSSLESS
    try:
        name = template.format(
            stem=path.stem, suffix=suffix, name=path.stem + suffix, parent=path.parent.name, index=index
        )
    except (KeyError, IndexError, ValueError, AttributeError):
        raise UsageError(
            f"--name {template} is no template: use {{stem}}, {{suffix}}, {{name}}, {{parent}} or {{index}}."
        ) from None
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or name.endswith(("/", os.sep)):
        raise UsageError(
            f"--name {template} gives '{name}', which is no file name: use '{{stem}}{{suffix}}'."
        )
    return name


def _refuse_twins(jobs: Iterable[Job]) -> None:
    seen: dict[str, Path] = {}
    for job in jobs:
        key = str(job.target).casefold()  # some file systems take both for one
        if key in seen:
            raise UsageError(
                f"{seen[key]} and {job.source} would both become {job.target}: "
                f"use --name, for example '{{parent}}-{{name}}', or separate runs."
            )
        seen[key] = job.source


def refuse_lost_inputs(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Refuse a run that would write over a file that it reads, by whatever name.

    Links, ``./``, absolute paths and file systems that ignore case are seen through: files are compared, not
    names. It holds with ``--overwrite`` too, which is about earlier results.

    Raises:
        OutputError: with the way out.
    """
    inputs = {_identity(path): path for path in read if path != STREAM}
    outputs: dict[object, Path] = {}
    for path in written:
        if path == STREAM:
            continue
        identity = _identity(path)
        if identity in inputs:
            raise OutputError(
                f"{path} is an input of this run, which is never written over, --overwrite or not: give the "
                f"result another name."
            )
        if identity in outputs:
            raise OutputError(f"Two results would both be written to {path}: give each its own name.")
        outputs[identity] = path


def _identity(path: Path) -> object:
    """The same for all names of one file: device and inode, or the resolved name where there is none yet."""
    try:
        state = path.stat()
    except OSError:
        return str(path.absolute().parent.resolve() / path.name).casefold()
    return state.st_dev, state.st_ino


def refuse_lost_files(job: Job, others: Iterable[Path], *, overwrite: bool, can_skip: bool = False) -> None:
    """Refuse to write over the input, or over anything that is there without ``overwrite``.

    Args:
        job: its target and its source are looked at.
        overwrite: existing files may be replaced; the input never.
        can_skip: the command has ``--skip-existing``, which looks at the target.

    Raises:
        OutputError: with the way out.
    """
    written = [path for path in (job.target, *others) if path is not None and path != STREAM]
    refuse_lost_inputs(written, [job.source])
    for path in written:
        if path.is_dir():
            raise OutputError(f"{path} is a folder: give the name of a file.")
        if path.exists() and not overwrite:
            skip = " leave it with --skip-existing," if can_skip and path == job.target else ""
            raise OutputError(
                f"{path} is there already: replace it with --overwrite,{skip} or give another name."
            )


def is_name(path: Path) -> bool:
    """Whether there can be a file of this name."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return True
    except (OSError, ValueError):  # too long, NUL, a loop of links
        return False
    return True


def shard(jobs: Sequence[Thing], text: str) -> list[Thing]:
    """Every n-th job, for schedulers that start n runs.

    >>> [job.source.name for job in shard([Job(Path(n), None) for n in "abcde"], "2/2")]
    ['b', 'd']

    Raises:
        UsageError: ``text`` is not like ``1/4``.
    """
    part, _, whole = text.partition("/")
    if not (
        part.isdecimal()
        and whole.isdecimal()
        and text.isascii()
        and len(text) < 20
        and 1 <= int(part) <= int(whole)
    ):
        raise UsageError(f"--shard {text[:40]} is not like 1/4 (the first of four parts): correct it.")
    return list(jobs[int(part) - 1 :: int(whole)])
