"""The training corpus from openly licensed packages, as a ``genre/package__track.ext`` tree.

In: unpacked packages (or the names of packages to download) and the recipe of
:mod:`~restore_audio.learn.recipe`. Out: the tree with its ``manifest.json`` and ``manifest.csv``, and a list
of what was left out. A package that cannot be had is listed, the others go on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InputError, OutputError, RestoreError
from .manifest import Entry, Manifest, Skipped, read_manifest, write_manifest
from .packages import fetch_package
from .recipe import PACKAGES, Package, Part
from .taking import Taker

Report = Callable[[str], None]


def build_corpus(
    to: Path,
    part: Part,
    *,
    packages: Sequence[str] = (),
    licences: Sequence[str] = (),
    unpacked: Path | None = None,
    report: Report = lambda line: None,
) -> Manifest:
    """Make or complete the corpus in the folder ``to``.

    Args:
        to: the folder; tracks of packages that are not asked for stay as they are.
        part: which side of the split.
        packages: only these packages.
        licences: only files whose licence fits one of these globs (``CC-BY*``).
        unpacked: a folder with unpacked packages, ``PACKAGE/usr/share/…``; those not in it are downloaded.
        report: called with a line of progress.

    Raises:
        InputError: an unknown package is asked for, or nothing at all could be taken.
        OutputError: the folder cannot be written.
    """
    chosen = _chosen(part, packages)
    before = read_manifest(to) if (to / "manifest.json").exists() else Manifest(part, (), ())
    if before.part != part:
        raise InputError(f"{to} holds the {before.part} part of the corpus; give another folder for {part}.")
    names = {entry.name for entry in chosen}
    entries = [entry for entry in before.entries if entry.package not in names]
    skipped = [entry for entry in before.skipped if entry.package not in names]
    try:
        to.mkdir(parents=True, exist_ok=True)
        for package in chosen:
            taken, left = _take_package(package, to, licences, unpacked)
            hours = sum(entry.seconds for entry in taken) / 3600
            report(f"{package.name}: {len(taken)} tracks, {hours:.2f} h, {len(left)} left out")
            entries += taken
            skipped += left
        manifest = Manifest(part, tuple(entries), tuple(skipped))
        kept = {entry.file for entry in entries}
        for old in before.entries:
            if old.file not in kept:
                (to / old.file).unlink(missing_ok=True)
        if not entries:
            reasons = "; ".join(sorted({entry.reason.rstrip(".") for entry in skipped}))
            raise InputError(f"Nothing could be taken for the {part} corpus: {reasons}.")
        write_manifest(to, manifest)
    except OSError as error:
        raise OutputError(f"The corpus in {to} could not be written: {error}") from error
    return manifest


def _chosen(part: Part, packages: Sequence[str]) -> list[Package]:
    known = {entry.name: entry for entry in PACKAGES}
    if unknown := sorted(set(packages) - known.keys()):
        raise InputError(f"There is no recipe for {', '.join(unknown)}; there are {', '.join(known)}.")
    if elsewhere := sorted(name for name in set(packages) if known[name].part != part):
        raise InputError(
            f"{', '.join(elsewhere)} is not in the {part} part of the corpus; choose the other --part."
        )
    return [entry for entry in PACKAGES if entry.part == part and (not packages or entry.name in packages)]


def _take_package(
    package: Package, to: Path, licences: Sequence[str], unpacked: Path | None
) -> tuple[list[Entry], list[Skipped]]:
    with tempfile.TemporaryDirectory(prefix=".corpus-", dir=to) as scratch:
        root = unpacked / package.name if unpacked else None
        if root is None or not root.is_dir():
            try:
                root = fetch_package(package, Path(scratch) / "package")
            except RestoreError as error:
                return [], [Skipped(package.name, "", str(error))]
        taker = Taker(package, root, to, Path(scratch), licences)
        return taker.entries(), taker.skipped
