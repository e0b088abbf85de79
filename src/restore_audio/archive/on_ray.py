"""The archive's engine on a Ray cluster, whose machines all see the sources and the archive.

In: entries of the manifest. Out: their rows. Ray Data reads a Parquet file of *paths*, hands them to actors
that keep their network open, and writes the rows as Parquet. An actor that dies is started anew and does its
task again, as others do for a machine that is lost; :func:`restore_audio.archive.work.work` leaves alone what
is done.
"""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from ..errors import OutputError, UsageError
from ..leftovers import scratch
from ..threads import MOST
from .manifest import Entry, entry_columns, write_parquet
from .rows import Row, packed, unpacked
from .work import ArchiveSettings, done_before, failed, work

_TASK_RETRIES = 1
_MOST_IN_TASK = 16
_TASKS_PER_WORKER = 8
"""Recordings go to actors in groups: small enough that all have work to the end, large enough for Ray."""

_ROWS_IN_FILE = 10_000
"""Each file is written by a task of its own, for which a small machine may have to start a process."""

_ANSWERS_S = 5.0
"""How long a cluster may take to answer at all."""

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
"""Nothing is sent to anybody but the cluster, and what Ray notes for itself is not for the terminal."""


def run(
    entries: Sequence[Entry], settings: ArchiveSettings, *, address: str, workers: int | None = None
) -> Iterator[Row]:
    """Work on all entries.

    What gave no row, because its process died each time, is tried once more with a task of its own.

    Args:
        workers: actors, of one core each (and one GPU with ``device="cuda"``); None for as many as fit.

    Yields:
        The row of each.

    Raises:
        UsageError: Ray is not installed, or no cluster is at that address.
        OutputError: the rows cannot be written.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError("--engine ray needs Ray: pip install 'ray[data]'.") from None
    ours = not ray.is_initialized()
    if ours:
        try:
            host, _, port = address.rpartition(":")
            if host and port.isdecimal():  # for which Ray would wait, and complain, for minutes
                socket.create_connection((host, int(port)), _ANSWERS_S).close()
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError(
                f"No Ray cluster answers at {address} ({reason}): start one with 'ray start --head'."
            ) from None
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        count = workers or max(int(resources.get("CPU", 1)), 1)
        left = {entry.place: entry for entry in entries}
        for in_task in (max(min(len(left) // (count * _TASKS_PER_WORKER), _MOST_IN_TASK), 1), 1):
            for row in _pass(list(left.values()), settings, count, in_task):
                if left.pop(row.place, None) is not None:
                    yield row
            if not left:
                return
    finally:
        if ours:
            ray.shutdown()
    for entry in left.values():
        sentence = f"{entry.path}: its process was ended each time; it may need more memory."
        yield done_before(entry, settings) or failed(settings, entry, sentence)


def _pass(entries: Sequence[Entry], settings: ArchiveSettings, workers: int, in_task: int) -> list[Row]:
    """One run of Ray Data; without rows for what its actors died of."""
    import ray.data
    from pyarrow import parquet

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.max_errored_blocks = -1
    context.enable_progress_bars = False
    if hasattr(context, "use_datasource_v2"):
        context.use_datasource_v2 = False  # whose readers ask for cores that the actors have
    how: dict[str, Any] = {"max_restarts": -1, "max_task_retries": _TASK_RETRIES}
    if settings.device == "cuda":
        how["num_gpus"] = 1
    try:
        with scratch(settings.folder) as folder:
            todo, made = folder / "todo.parquet", folder / "made"
            made.mkdir()
            write_parquet(todo, [asdict(entry) for entry in entries], entry_columns())
            paths = ray.data.read_parquet(
                str(todo), override_num_blocks=-(-len(entries) // in_task), num_cpus=0
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the first two of `how` have no other place yet
                rows = paths.map(
                    _Worker,  # type: ignore[arg-type]
                    fn_constructor_args=(settings,),
                    compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, len(entries))),
                    num_cpus=1,
                    **how,
                )
            few = {"min_rows_per_file": _ROWS_IN_FILE, "ray_remote_args": {"num_cpus": 0}}
            rows.write_parquet(str(made), **few)  # type: ignore[arg-type]
            return [
                unpacked(row["row"])
                for path in sorted(made.glob("*.parquet"))
                for row in parquet.read_table(path).to_pylist()
            ]
    except OSError as error:
        where = settings.folder
        raise OutputError(f"{where} cannot be written ({error.strerror or error}): free space.") from None


class _Worker:
    """An actor: one process that takes one recording after the other."""

    def __init__(self, settings: ArchiveSettings) -> None:
        os.environ[MOST] = "1"
        self._settings = settings

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"place": row["place"], "row": packed(work(self._settings, Entry(**row), lambda share: None))}
