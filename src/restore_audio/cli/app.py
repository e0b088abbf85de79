"""The Typer app: which commands there are, and how a run ends.

Exit codes: 0 done; 1 something failed (in a batch: any file); 2 called wrongly; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import __version__, interrupts
from ..errors import RestoreError
from ..files import shortened
from ..show.console import Console
from .usage import Command, Group, refusal

if TYPE_CHECKING:
    from .preferences import Preferences

INTERRUPTED = 130
_INTERRUPTED = "restore-audio: interrupted; nothing half-written was left behind."

COMMANDS = {
    "fix": "Find the holes in recordings and fill them; everything else stays exactly as it was.",
    "detect": "Find the damage of recordings and list it; no recording is changed.",
    "review": "Hear each repair in a browser, accept or refuse it, mark what was missed, and save.",
    "revert": "Put repairs of a restored recording back as they were, to the sample.",
    "audit": "Cut short clips before, after and of what was removed, of the loudest repairs of all reports.",
    "damage": "Damage a copy of a clean recording: seeded, replayable, with the true spans as JSON.",
    "archive": "Restore a whole collection into a folder, with manifest, reports, table and summary.",
    "score": "Compare a recording with its clean reference: SDR, log-spectral distance, "
    "and grades if asked for.",
    "bench": "Measure what restoration does: SDR, spectra, PEAQ, detection, speed, "
    "beside baselines and rivals.",
    "train": "Train one of the paper's networks, or of related systems, on FMA or any music.",
    "doctor": "Check versions, devices, formats, weights, extras and write access.",
    "data": "Music to train on: look at it, fetch it, decode it once.",
    "models": "The weights that ship: list them, verify them.",
}
"""Modules of this package in the order of ``--help``, and what ``--help`` says of them. Each holds a command,
or a group of them, of its own name; only the module of the one that is called is imported."""

HELP = """Find the holes in a recording and fill them, leaving every healthy sample as it was.

Examples:
    restore-audio fix damaged.wav -o clean.wav
    restore-audio detect damaged.wav
    restore-audio fix --help
"""

_THREADED = ("fix", "detect", "review")
"""Commands that divide a recording among the cores; ``--method paper`` has one large network and does not."""

_HELP = {"-h", "--help"}

_COMPLETION = "_RESTORE_AUDIO_COMPLETE"
"""Set by shells that ask for completions, which concern every command."""


def _version(wanted: bool) -> None:
    if wanted:
        Console().result(f"restore-audio {__version__}")
        raise typer.Exit


def build(wanted: str | None = None) -> typer.Typer:
    """The app with all of its commands.

    Args:
        wanted: the command that will be called, the others only being listed; None for all of them.
    """
    app = typer.Typer(
        name="restore-audio",
        cls=Group,
        epilog="Exit codes: 0 done; 1 something failed (of many: any); 2 called wrongly; 130 interrupted.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help=HELP)
    def options(
        version: Annotated[
            bool,
            typer.Option(
                "--version", "-V", callback=_version, is_eager=True, help="Show the version and end."
            ),
        ] = False,
    ) -> None: ...

    for name, sentence in COMMANDS.items():
        if wanted in (name, None):
            command = getattr(importlib.import_module(f".{name}", __package__), name)
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=name)
            else:
                app.command()(command)
        else:
            app.command(name, help=sentence)(_listed)
    _explain_in_words(app)
    return app


def _explain_in_words(app: typer.Typer) -> None:
    """Every command and group below ``app`` shows its help by :mod:`restore_audio.cli.usage`."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        group.cls = Group
        if group.typer_instance is not None:
            _explain_in_words(group.typer_instance)


def _leave_threads_to_us() -> None:
    """Before NumPy and PyTorch are imported: one thread each, unless the user says otherwise.

    These commands use the cores themselves, on several windows and channels at a time. Threads inside of
    small operations would mostly wait for each other, which takes as much of the processor as working does.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def _listed() -> None:
    """Stands for a command that is not called."""


def _wanted(arguments: Sequence[str]) -> str | None:
    """The command that is called; "" for none."""
    if _COMPLETION in os.environ:
        return None
    return next((word for word in arguments if not word.startswith("-")), "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: instead of those the process was called with.
    """
    if not sys.warnoptions:  # what NumPy says of a broken recording is no use to a person
        warnings.filterwarnings("ignore", category=RuntimeWarning)
    before = interrupts.listen()
    _write_any_name()
    try:
        code = _run(arguments)
    except BaseException:
        interrupts.restore(before)
        raise
    if arguments is None:
        interrupts.stop_listening()
    else:
        interrupts.restore(before)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    console = Console()
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = _wanted(words)
    sources: Mapping[str, str] = {}
    try:
        if wanted in _THREADED and "paper" not in words:
            _leave_threads_to_us()
        command = typer.main.get_command(build(wanted))
        preferred = _preferred(console, command, wanted, words)
        sources = preferred.sources
        outcome: Any = command.main(
            words, "restore-audio", standalone_mode=False, default_map=preferred.values
        )
        sys.stdout.flush()
        if outcome == INTERRUPTED:  # newer versions of Typer turn Ctrl-C into this
            raise KeyboardInterrupt
        return outcome if isinstance(outcome, int) else 0
    except RestoreError as error:
        console.error(f"restore-audio: {error}")
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        console.error(_INTERRUPTED)
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return 1
    except MemoryError:
        console.error("restore-audio: there is not enough memory: close other programs, or use fewer --jobs.")
        return 1
    except Exception as error:
        if interrupts.heard() == signal.SIGINT:  # libraries turn Ctrl-C into whatever they raise
            console.error(_INTERRUPTED)
            return INTERRUPTED
        interrupts.check()
        if isinstance(error, OSError):
            console.error(f"restore-audio: {_sentence(error)}")
            return 1
        if not hasattr(error, "format_message"):
            raise
        return _wrong_usage(console, error, wanted, sources)


def _preferred(console: Console, command: Any, wanted: str | None, words: Sequence[str]) -> Preferences:
    """Values from settings files and the environment; ``doctor`` looks at them itself."""
    from .preferences import Preferences, gather

    if wanted not in COMMANDS or wanted == "doctor" or _HELP & set(words):
        return Preferences()
    found = gather({wanted: command.commands[wanted]}, COMMANDS)
    if {"-v", "--verbose"} & set(words):
        for sentence in found.sentences():
            console.say(sentence)
    return found


def _sentence(error: OSError) -> str:
    name = shortened(error.filename2 or error.filename or "A file")
    return f"{name} cannot be used ({error.strerror or error}): check its name and its place."


def _wrong_usage(console: Console, error: Any, called: str | None, sources: Mapping[str, str]) -> int:
    # Without arguments the help has been shown, and there is no message.
    if error.format_message().rstrip("."):
        console.error(f"restore-audio: {refusal(error, called or '', sources)}")
    return int(error.exit_code)


def _forget_stdout() -> None:
    """Avoid BrokenPipeError when the interpreter flushes stdout at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write_any_name() -> None:
    """Names that are not Unicode (from old archives) are written as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
