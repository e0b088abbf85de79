"""The archive on a real Ray cluster of several nodes: an actor killed, a node lost, the run started again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from recordings import holes, music, save
from restore_audio.archive.manifest import NAME, read
from restore_audio.archive.rows import FAILED, RESTORED, UNCHANGED, Row, read_row
from restore_audio.archive.work import ArchiveSettings
from restore_audio.cli import main
from restore_audio.settings import DetectSettings, FillSettings

ray = pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it needs Linux' list of processes"),
]

RATE_HZ = 8_000
COUNT = int(os.environ.get("ARCHIVE_COUNT", "9"))
"""Recordings; a release is tried with 2,000 (CONTRIBUTING.md)."""

STORE_BYTES = 80_000_000
GIVES_UP_S = 240.0
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's workers give way to other programs; on a busy machine they would hardly get on.
    "RAY_worker_niceness": "0",
    # Each node starts a process for each core ahead, of which the actors use none.
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    # A busy machine takes longer to start a process than Ray waits for it.
    "RAY_worker_register_timeout_seconds": "240",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    os.environ.update(ENVIRONMENT)
    made = Cluster()
    grow(made, include_dashboard=False)
    yield made
    with suppress(Exception):
        ray.shutdown()
    made.shutdown()


def grow(cluster: Any, **more: Any) -> Any:
    """One more node of one core; Ray gives it half a minute, which a busy machine may exceed."""
    for patience in (2, 1, 0):
        try:
            return cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES, **more)
        except Exception:
            if not patience:
                raise
    return None


def collection(folder: Path, count: int = COUNT) -> Path:
    for number in range(count):
        place = folder / f"{number % 3}" / f"{number}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        save(place, holes(music(0.6, RATE_HZ, seed=number), [(2_000, 40)]), RATE_HZ)
    return folder


def results(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for kind in ("recordings", "reports") for path in sorted((folder / kind).rglob("*"))]
    return {str(p.relative_to(folder)): (p.read_bytes(), p.stat().st_ino) for p in files if p.is_file()}


def actors() -> list[int]:
    """Processes that work on recordings."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if (entry / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                    found.append(int(entry.name))
    return found


def reports(folder: Path) -> int:
    return len(list((folder / "reports").rglob("[0-9]*.json")))


def test_an_actor_is_killed_and_a_node_lost_and_each_recording_is_there_once(tmp_path, cluster):
    source, out = collection(tmp_path / "in"), tmp_path / "out"
    before = {path: path.read_bytes() for path in source.rglob("*.wav")}
    node = grow(cluster)
    grow(cluster)
    done_by_then: list[int] = []

    def disturb() -> None:
        until = time.monotonic() + GIVES_UP_S
        while reports(out) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        stopped = actors()  # so that they are not done before both has happened
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        os.kill(stopped[0], signal.SIGKILL)
        done_by_then.append(reports(out))
        cluster.remove_node(node, allow_graceful=False)
        for pid in stopped[1:]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=disturb)
    thread.start()
    words = ["archive", "--to", str(out), "--method", "ar", "--checksums", "--no-loudness"]
    words += ["--engine", "ray", "--address", cluster.address, "-q"]
    assert main([*words, str(source)]) == 0
    thread.join()
    assert 2 <= done_by_then[0] < COUNT
    entries = read(out / NAME)
    rows = [read_row(out / "reports" / f"{entry.place}.json") for entry in entries]
    assert len(entries) == COUNT
    states = Counter(row.state for row in rows if row is not None)
    assert states[RESTORED] + states[UNCHANGED] == COUNT  # a hole may be where the music is as quiet
    assert states[RESTORED] > 0.9 * COUNT
    assert not (out / "failures").exists() or not list((out / "failures").rglob("*.json"))
    assert not list(out.rglob("*restore-audio-*"))
    assert {path: path.read_bytes() for path in source.rglob("*.wav")} == before
    first = results(out)
    # One is lost, as by a killed run: only that one is made again, and it is what it was.
    (out / "recordings/1/1.wav").unlink()
    (out / "recordings/1/1.wav.sha256").unlink()
    (out / "reports/1/1.wav.json").unlink()
    assert main(words) == 0
    second = results(out)
    again = {"recordings/1/1.wav", "recordings/1/1.wav.sha256", "reports/1/1.wav.json"}
    assert {name: state for name, state in second.items() if name not in again} == {
        name: state for name, state in first.items() if name not in again
    }
    assert second["recordings/1/1.wav"][0] == first["recordings/1/1.wav"][0]


class Deadly(ArchiveSettings):
    """Settings under which the process of one recording dies, except that of the test itself."""

    here = os.getpid()

    def target(self, place: str) -> Path:
        if place.startswith("1/") and os.getpid() != self.here:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().target(place)


def test_a_recording_that_ends_its_process_costs_only_itself(tmp_path, cluster):
    from restore_audio.archive import on_ray

    source, out = collection(tmp_path / "in", 2), tmp_path / "out"
    assert main(["archive", str(source), "--to", str(out), "--scan-only", "-q"]) == 0
    import test_archive_ray

    ray.cloudpickle.register_pickle_by_value(test_archive_ray)
    settings = Deadly(out, DetectSettings(), FillSettings(method="ar"), loudness=False)
    rows: list[Row] = list(on_ray.run(read(out / NAME), settings, address=cluster.address, workers=1))
    assert {row.place: row.state for row in rows} == {"0/0.wav": RESTORED, "1/1.wav": FAILED}
    assert "its process was ended each time" in next(row.error or "" for row in rows if row.state == FAILED)


def test_where_no_cluster_answers_one_sentence_says_so(tmp_path, capfd):
    source = collection(tmp_path / "in", 1)
    words = ["archive", str(source), "--to", str(tmp_path / "out"), "--engine", "ray", "-q"]
    assert main([*words, "--address", "127.0.0.1:1"]) == 2
    assert "No Ray cluster answers at 127.0.0.1:1" in capfd.readouterr().err
