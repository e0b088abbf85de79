"""Other programs on the same damage, run as anybody would run them: by their public commands.

In: damaged samples ``(C, T)`` and a sample rate. Out: what the program made of them, and where it says that
it repaired something, if it says so; or a sentence why there is no result. Rivals are not given
positions: compare them with methods that find the damage themselves.

A rival gets the samples as a 32-bit float WAV file in a folder of its own, a time limit, and nothing on its
stdin. Crashing, hanging, writing nothing or writing something of another length is its result, never ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Samples
from ..audio.audiofile import read_audio, write_audio
from ..errors import InputError
from ..spans import Span
from .resources import peak_of_process
from .trials import Outcome

TIME_LIMIT_S = 120.0
_VERSION_LIMIT_S = 30.0
_POLL_S = 0.01


@dataclass(frozen=True)
class Rival:
    """A program and how it is called.

    Attributes:
        name: as in ``--methods``.
        options: those that the row of the table shows.
        command: arguments after the executable, with ``{input}``, ``{output}`` and ``{options}``.
        version: arguments that make it say its version.
        report: file beside the output in which it says what it repaired, if it does.
    """

    name: str
    program: str
    options: tuple[str, ...]
    command: tuple[str, ...]
    version: tuple[str, ...]
    report: str | None = None

    def arguments(self, source: Path, target: Path) -> list[str]:
        """The arguments for one file."""
        filled: list[str] = []
        for part in self.command:
            if part == "{options}":
                filled += self.options
            else:
                filled.append(part.replace("{input}", str(source)).replace("{output}", str(target)))
        return filled


_FFMPEG = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-i", "{input}", "{options}")

RIVALS: tuple[Rival, ...] = (
    Rival(
        "ffmpeg-adeclick",
        "ffmpeg",
        ("-af", "adeclick"),
        (*_FFMPEG, "-c:a", "pcm_f32le", "{output}"),
        ("-version",),
    ),
    # The widest windows and fusion that it has, which reach its longest dropouts, and overlap-save, which
    # leaves the level of everything else alone, as overlap-add does not.
    Rival(
        "ffmpeg-adeclick-tuned",
        "ffmpeg",
        ("-af", "adeclick=w=100:o=50:a=8:t=3:b=10:m=s"),
        (*_FFMPEG, "-c:a", "pcm_f32le", "{output}"),
        ("-version",),
    ),
    Rival(
        "grooveclean",
        "grooveclean",
        ("--max-width-ms", "400", "--device", "cpu"),
        ("clean", "{input}", "-o", "{output}", "{options}"),
        ("--version",),
        report="{stem}.report.json",
    ),
)


@dataclass(frozen=True)
class FoundRival:
    """A rival that is on this machine."""

    rival: Rival
    executable: str
    version: str

    @property
    def title(self) -> str:
        """Program, version and options, for the row of a table."""
        return f"{self.rival.program} {self.version} {' '.join(self.rival.options)}"


def find_rivals(
    rivals: Sequence[Rival] = RIVALS, *, which: Callable[[str], str | None] = shutil.which
) -> tuple[list[FoundRival], list[str]]:
    """Rivals on this machine, and one line about each program that is not here."""
    found: list[FoundRival] = []
    missing: dict[str, str] = {}
    versions: dict[str, str] = {}
    for rival in rivals:
        executable = which(rival.program)
        if executable is None:
            missing[rival.program] = f"{rival.program} is not installed here: not compared."
            continue
        if executable not in versions:
            versions[executable] = _version([executable, *rival.version])
        found.append(FoundRival(rival, executable, versions[executable]))
    return found, list(missing.values())


def run_rival(
    found: FoundRival, samples: Samples, rate_hz: int, *, time_limit_s: float = TIME_LIMIT_S
) -> Outcome:
    """Let a rival repair a recording.

    Args:
        samples: ``(C, T)``; values that are no numbers are written as zeros, as few programs bear them.
        time_limit_s: after this its processes are killed.
    """
    given = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    with tempfile.TemporaryDirectory(prefix="restore-audio-rival-") as folder:
        source, target = Path(folder) / "damaged.wav", Path(folder) / "repaired.wav"
        write_audio(source, given, rate_hz, subtype="FLOAT")
        code, said, seconds, peak_mb = _run(
            [found.executable, *found.rival.arguments(source, target)], Path(folder), time_limit_s
        )
        trouble = None
        if code is None:
            trouble = f"killed after {time_limit_s:g} s"
        elif code != 0:
            trouble = f"failed with {_ending(code)}{': ' + said if said else ''}"
        elif not target.is_file():
            trouble = "wrote nothing"
        if trouble is not None:
            return Outcome(None, None, seconds, peak_mb, trouble)
        try:
            answer, info = read_audio(target)
        except InputError:
            return Outcome(None, None, seconds, peak_mb, "wrote something that is not audio")
        if answer.shape != samples.shape or info.rate_hz != rate_hz:
            wrong = f"wrote {answer.shape[0]} × {answer.shape[1]} samples at {info.rate_hz} Hz"
            return Outcome(None, None, seconds, peak_mb, f"{wrong} instead of the same shape")
        return Outcome(answer, _reported(found.rival, target), seconds, peak_mb)


def _reported(rival: Rival, target: Path) -> tuple[Span, ...] | None:
    """Spans of grooveclean's report; whatever is wrong with it, it just says nothing."""
    if rival.report is None:
        return None
    path = target.with_name(rival.report.replace("{stem}", target.stem))
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["clicks"]
        return tuple(sorted(Span(r["start_sample"], r["end_sample"], r["channel"], "click") for r in rows))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _version(command: list[str]) -> str:
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_LIMIT_S,
            check=False,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return "(version unknown)"
    number = re.search(r"\d+(?:\.\d+)+", answer.stdout + answer.stderr)
    return number.group() if number else "(version unknown)"


def _run(
    command: list[str], folder: Path, time_limit_s: float
) -> tuple[int | None, str, float, float | None]:
    """Exit code (None: killed), last line on stderr, seconds, peak MB."""
    log = folder / "stderr"
    began = time.perf_counter()
    with log.open("wb") as errors:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # so that whatever it starts can be ended with it
            )
        except OSError as error:
            return 127, str(error.strerror), 0.0, None
        try:
            code, peak_mb = _wait(process, began + time_limit_s)
        except BaseException:
            _kill(process)
            raise
    seconds = time.perf_counter() - began
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = lines[-1].replace(str(folder) + os.sep, "")[:200] if lines else ""
    return code, said, seconds, peak_mb


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int | None, float | None]:
    peak_mb: float | None = None
    while True:
        # Not from getrusage: the kernel starts a child's peak with the size of the process that it left.
        peak_mb = peak_of_process(process.pid) or peak_mb
        code = process.poll()
        if code is not None:
            return code, peak_mb
        if time.perf_counter() > deadline:
            _kill(process)
            return None, None
        time.sleep(_POLL_S)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
