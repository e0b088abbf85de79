"""Kill the tool at random moments and fill its disk: ``python -m tests.kill --kills 200``.

In: runs of ``fix`` over one recording and over several, in one process and in three, and of ``archive``.
Out: what was lost, half done or left over. After SIGINT and SIGTERM each recording's files must be there
all or not at all, and the exit code of a run over one recording says which; after SIGKILL (of all, of the
parent, of a worker) that must hold after the next run of the same command, which must also end with every
result done, none twice, and nothing left over. A worker alone that is killed must cost nothing at all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from restore_audio.files import sum_of

REPO = Path(__file__).resolve().parent.parent
ORPHANS_END_S = 30.0
WAYS = ("all-KILL", "parent-KILL", "parent-INT", "all-INT", "parent-TERM", "worker-KILL", "worker-TERM")


@dataclass(frozen=True)
class Run:
    """A command that is killed.

    Attributes:
        name: what it is.
        words: its arguments, with ``{in}`` and ``{out}``.
        count: recordings.
        extras: what is added to a recording's name for its further files.
        earlier: results are there already, and ``--overwrite`` is given.
        journal: it has one, so that the same command goes on.
    """

    name: str
    words: tuple[str, ...]
    count: int
    extras: tuple[str, ...] = ()
    earlier: bool = False
    journal: bool = False


_ALL = ("--report", "{out}/", "--labels", "{out}/", "--removed", "{out}/")
_ALL_SUFFIXES = (".json", ".txt", ".removed.wav")
_JOURNAL = ("--journal", "{in}/../journal")
RUNS = [
    Run("single", ("fix", "{in}/0.wav", "-o", "{out}/0.wav", *_ALL), 1, _ALL_SUFFIXES),
    Run(
        "single-again",
        ("fix", "{in}/0.wav", "-o", "{out}/0.wav", "--overwrite", *_ALL),
        1,
        _ALL_SUFFIXES,
        True,
    ),
    Run("flac", ("fix", "{in}/0.wav", "-o", "{out}/0.flac"), 1),
    Run("batch", ("fix", "{in}", "-o", "{out}", *_JOURNAL, *_ALL), 4, _ALL_SUFFIXES, journal=True),
    Run(
        "batch-3", ("fix", "{in}", "-o", "{out}", "-j", "3", *_JOURNAL, *_ALL), 6, _ALL_SUFFIXES, journal=True
    ),
    Run("batch-2", ("fix", "{in}", "-o", "{out}", "-j", "2", *_JOURNAL), 4, journal=True),
    Run("archive", ("archive", "{in}", "--to", "{out}", "-j", "2", "--checksums"), 4),
]

FULL_DISKS = (RUNS[0], RUNS[1], RUNS[-1])


def recordings(folder: Path, count: int) -> None:
    """Short recordings with holes."""
    import numpy as np
    import soundfile

    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        time_s = np.arange(40_000) / 22_050
        audio = 0.3 * np.sin(2 * np.pi * (300 + 40 * number) * time_s) + 0.01 * rng.standard_normal(
            time_s.size
        )
        for start in (9_000, 20_000, 31_000):
            audio[start : start + 300] = 0
        soundfile.write(folder / f"{number}.wav", audio, 22_050, subtype="PCM_16")


class Case:
    """One run in a folder of its own."""

    def __init__(self, run: Run, root: Path) -> None:
        self.run = run
        self.root = root
        self.source, self.out = root / "in", root / "out"
        recordings(self.source, run.count)
        self.out.mkdir()
        places = {"in": str(self.source), "out": str(self.out)}
        self.words = [word.format(**places) for word in run.words] + ["--method", "ar", "-q"]
        self.before = {p.name: p.read_bytes() for p in self.source.iterdir()}
        if run.earlier:
            for name in self.group(0):
                (self.out / name).write_bytes(b"before")

    def group(self, number: int) -> list[str]:
        """The files of one recording."""
        if self.run.name == "archive":
            return [
                f"recordings/{number}.wav",
                f"recordings/{number}.wav.sha256",
                f"reports/{number}.wav.json",
            ]
        target = "0.flac" if self.run.name == "flac" else f"{number}.wav"
        return [target, *(target + suffix for suffix in self.run.extras)]

    def start(self, limit_bytes: int | None = None) -> subprocess.Popen[bytes]:
        """The run, in a session of its own."""

        def limited() -> None:
            if limit_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        few = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        return subprocess.Popen(
            [sys.executable, "-m", "restore_audio", *self.words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=limited,
            env={**os.environ, **few},
            cwd=REPO,
        )

    def states(self) -> list[str]:
        """``before``, ``after`` or ``half`` for each recording."""
        found = []
        for number in range(self.run.count):
            files = [self.out / name for name in self.group(number)]
            there = [path.exists() for path in files]
            old = [path.exists() and path.read_bytes() == b"before" for path in files]
            before = all(old) if self.run.earlier else not any(there)
            after = all(there) and not any(old) and all(self.is_whole(path, number) for path in files)
            found.append("before" if before else "after" if after else "half")
        return found

    def is_whole(self, path: Path, number: int) -> bool:
        """Whether a result is what it should be."""
        import numpy as np
        import soundfile

        if path.suffix == ".json":
            return bool(json.loads(path.read_text())["samples"] == 40_000)
        if path.suffix == ".sha256":
            return path.read_text().split()[0] == sum_of(path.with_suffix(""))
        if path.suffix == ".txt":
            return path.read_text().endswith("\n")
        audio, _ = soundfile.read(path)
        if path.name.endswith(".removed.wav"):
            target, _ = soundfile.read(path.with_name(self.group(number)[0]))
            audio = audio + target
            return bool(np.array_equal(audio, soundfile.read(self.source / f"{number}.wav")[0]))
        return bool(audio.size == 40_000)

    def left(self) -> list[str]:
        """What should not be there."""
        return [str(path.relative_to(self.root)) for path in self.root.rglob(".restore-audio-*")]

    def trouble(self) -> str | None:
        """A loss: of a source, or of anything that was there before."""
        now = {p.name: p.read_bytes() for p in self.source.iterdir() if not p.name.startswith(".")}
        if now != self.before:
            return f"sources changed: {sorted(set(now) ^ set(self.before)) or 'their content'}"
        return None


def members(session: int) -> list[int]:
    """Processes of a session that still live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            state, _, _, its = text.rpartition(")")[2].split()[:4]
            if int(its) == session and state != "Z":
                found.append(int(entry.name))
    return found


def workers_of(pid: int) -> list[int]:
    """Worker processes among a process's children."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            try:
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
            except OSError:
                continue
    return found


def kill(case: Case, way: str, delay_s: float, rng: random.Random) -> str | None:
    """Start, kill, look; start again, look."""
    process = case.start()
    time.sleep(delay_s)
    who, _, what = way.partition("-")
    number = getattr(signal, f"SIG{what}")
    hit = _send(process, who, number, rng)
    _, error = process.communicate(timeout=300)
    until = time.monotonic() + ORPHANS_END_S
    while members(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    if alive := members(process.pid):
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        return f"{len(alive)} orphans go on after {ORPHANS_END_S:.0f} s"
    said, code, states = error.decode("utf-8", "replace"), process.returncode, case.states()
    if trouble := case.trouble():
        return trouble
    if ("Traceback" in said and not _before_us(said)) or "please report" in said:
        return said[-1_500:]
    if what != "KILL" or who == "worker":
        if case.left():
            return f"left over at once: {case.left()}"
        if "half" in states:
            return f"half at once: {states}"
    if case.run.count == 1 and code in (0, 130, 143) and states != (["after"] if code == 0 else ["before"]):
        return f"exit code {code} and yet {states}"
    if who == "worker" and hit and (code or set(states) != {"after"}):
        return f"a worker killed cost something: exit code {code}, {states}: {said[-500:]}"
    return _again(case, states)


def _before_us(said: str) -> bool:
    """Whether Ctrl-C met Python's own start, in which no program can answer it: ours begins in ``main``."""
    return said.rstrip().endswith("KeyboardInterrupt") and ", in main" not in said


def _send(process: subprocess.Popen[bytes], who: str, number: int, rng: random.Random) -> bool:
    try:
        if who == "all":
            os.killpg(process.pid, number)
        elif who == "parent":
            os.kill(process.pid, number)
        else:
            workers = workers_of(process.pid)
            if not workers:
                return False
            os.kill(rng.choice(workers), number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _again(case: Case, states: list[str]) -> str | None:
    process = case.start()
    _, error = process.communicate(timeout=300)
    said = error.decode("utf-8", "replace")
    there_already = case.run.count == 1 and not case.run.earlier and "is there already" in said
    if process.returncode and not there_already:
        return f"the next run ends with {process.returncode} after {states}: {said[-800:]}"
    if trouble := case.trouble():
        return trouble
    if set(case.states()) != {"after"}:
        return f"after the next run: {case.states()}, before it {states}"
    if case.left():
        return f"left over after the next run: {case.left()}"
    if case.run.journal:
        lines = [json.loads(line) for line in (case.root / "journal").read_text().splitlines()]
        done = Counter(json.dumps(line["done"]) for line in lines if "done" in line)
        if len(done) != case.run.count:
            return f"the journal holds {len(done)} of {case.run.count}"
    return None


def full_disk(case: Case, limit_bytes: int) -> str | None:
    """No file may grow beyond a size; then the limit is gone."""
    process = case.start(limit_bytes)
    _, error = process.communicate(timeout=300)
    said, states = error.decode("utf-8", "replace"), case.states()
    if trouble := case.trouble():
        return trouble
    if "Traceback" in said or "please report" in said:
        return said[-1_500:]
    if case.left():
        return f"left over on a full disk: {case.left()}"
    if "half" in states:
        return f"half on a full disk: {states}"
    if (process.returncode == 0) != (set(states) == {"after"}):
        return f"exit code {process.returncode} and yet {states}: {said[-500:]}"
    return _again(case, states)


def one(number: int, seed: int, seconds: dict[str, float], place: Path) -> tuple[str, str | None]:
    """One kill, drawn from the seed and its number."""
    rng = random.Random(f"{seed}/{number}")
    run = RUNS[number % len(RUNS)]
    ways = WAYS if "-j" in run.words else [way for way in WAYS if not way.startswith("worker")]
    way = rng.choice(ways)
    delay_s = rng.uniform(0.05, 1.1) * seconds[run.name]
    root = place / f"{number}"
    found = kill(Case(run, root), way, delay_s, rng)
    shutil.rmtree(root, ignore_errors=True)
    return f"{run.name} {way} after {delay_s:.2f} s", found


def durations(place: Path, runs: Sequence[Run] = RUNS) -> dict[str, float]:
    """How long each run takes undisturbed; each must end well."""
    seconds = {}
    for run in runs:
        case = Case(run, place / f"undisturbed-{run.name}")
        started = time.monotonic()
        process = case.start()
        _, error = process.communicate(timeout=300)
        seconds[run.name] = time.monotonic() - started
        if process.returncode or set(case.states()) != {"after"}:
            raise SystemExit(f"{run.name} does not even work undisturbed: {error.decode()}")
    return seconds


def main() -> int:
    """Parse, kill, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    findings = 0
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        place = Path(folder)
        seconds = durations(place)
        sizes = [round(90_000 * (step / given.disks) ** 2) for step in range(given.disks)]
        with ThreadPoolExecutor(given.jobs) as pool:
            kills = [pool.submit(one, n, given.seed, seconds, place) for n in range(given.kills)]
            disks = [
                pool.submit(full_disk, Case(FULL_DISKS[n % 3], place / f"disk-{n}"), size)
                for n, size in enumerate(sizes)
            ]
            for number, future in enumerate(kills):
                what, found = future.result()
                if found is not None:
                    findings += 1
                    print(f"#{number} {what}: {found}", flush=True)
            for size, disk in zip(sizes, disks, strict=True):
                if (found := disk.result()) is not None:
                    findings += 1
                    print(f"disk of {size} bytes: {found}", flush=True)
    print(f"{given.kills} kills, {given.disks} full disks, seed {given.seed}: {findings} findings")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
