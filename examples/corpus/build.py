"""The training corpus from openly licensed packages, as a ``genre/package__track.ext`` tree.

    python examples/corpus --part train --to corpus/train
    python examples/corpus --part validation --to corpus/validation
    python examples/corpus --part train --to free --licence 'CC-BY*,CC0*' --packages naev-data,freecol

In: packages, downloaded or unpacked already (``--from``), and the recipe in ``recipe.toml``. Out: the tree, its
``manifest.json`` and ``manifest.csv``, and a list of what was left out. It needs Debian's ``apt-get`` and
``dpkg-deb``; nothing is installed, nothing of a package is run. A package that cannot be had is listed and the
others go on; stopped, it goes on after the last whole package when it is started again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from restore_audio.errors import InputError, OutputError, RestoreError

from .manifest import Manifest, Skipped, read_manifest, write_manifest
from .packages import fetch_package
from .recipe import PARTS, Package, Part, read_recipe
from .tracks import Taker

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
    manifest = read_manifest(to) if (to / "manifest.json").exists() else Manifest(part)
    if manifest.part != part:
        raise InputError(
            f"{to} holds the {manifest.part} part of the corpus; give another folder for {part}."
        )
    try:
        to.mkdir(parents=True, exist_ok=True)
        for package in chosen:
            if _is_whole(package, manifest, to, licences):
                report(f"{package.name}: is there already")
            else:
                _add(package, manifest, to, licences, unpacked, report)
    except OSError as error:
        raise OutputError(f"The corpus in {to} could not be written: {error}") from error
    if not manifest.entries:
        reasons = "; ".join(sorted({entry.reason.rstrip(".") for entry in manifest.skipped}))
        raise InputError(f"Nothing could be taken for the {part} corpus: {reasons}.")
    return manifest


def _chosen(part: Part, packages: Sequence[str]) -> list[Package]:
    known = read_recipe()
    if unknown := sorted(set(packages) - known.keys()):
        raise InputError(f"There is no recipe for {', '.join(unknown)}; there are {', '.join(known)}.")
    if elsewhere := sorted(name for name in set(packages) if known[name].part != part):
        raise InputError(
            f"{', '.join(elsewhere)} is not in the {part} part of the corpus; choose the other --part."
        )
    return [entry for entry in known.values() if entry.part == part and entry.name in (packages or known)]


def _is_whole(package: Package, manifest: Manifest, to: Path, licences: Sequence[str]) -> bool:
    files = [to / entry.file for entry in manifest.entries if entry.package == package.name]
    return manifest.finished.get(package.name) == list(licences) and all(path.is_file() for path in files)


def _add(
    package: Package,
    manifest: Manifest,
    to: Path,
    licences: Sequence[str],
    unpacked: Path | None,
    report: Report,
) -> None:
    """Take one package and write the manifest, so that a later run goes on after it."""
    manifest.skipped = [left for left in manifest.skipped if left.package != package.name]
    with tempfile.TemporaryDirectory(prefix=".corpus-", dir=to) as scratch:
        root = unpacked / package.name if unpacked else None
        if root is None or not root.is_dir():
            try:
                root = fetch_package(package, Path(scratch) / "package")
            except RestoreError as error:  # what an earlier run took of it stays
                manifest.skipped.append(Skipped(package.name, "", str(error)))
                report(str(error))
                return
        taker = Taker(package, root, to, Path(scratch), licences)
        taken = taker.entries()
    kept = {entry.file for entry in taken}
    before = [entry.file for entry in manifest.entries if entry.package == package.name]
    manifest.entries = [entry for entry in manifest.entries if entry.package != package.name] + taken
    manifest.skipped += taker.skipped
    manifest.finished[package.name] = list(licences)
    write_manifest(to, manifest)
    for old in set(before) - kept:
        (to / old).unlink(missing_ok=True)
    hours = sum(entry.seconds for entry in taken) / 3600
    report(f"{package.name}: {len(taken)} tracks, {hours:.2f} h, {len(taker.skipped)} left out")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="corpus", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="folder of the corpus")
    parser.add_argument(
        "--part", choices=PARTS, default="train", help="packages to train on or to validate with"
    )
    parser.add_argument("--packages", default="", help="only these packages, with commas")
    parser.add_argument("--licence", default="", help="only files under these licences (CC-BY*), with commas")
    parser.add_argument(
        "--from", dest="unpacked", type=Path, metavar="DIR", help="folder of unpacked packages"
    )
    given = parser.parse_args(arguments)
    try:
        manifest = build_corpus(
            given.to,
            given.part,
            packages=_listed(given.packages),
            licences=_listed(given.licence),
            unpacked=given.unpacked,
            report=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except RestoreError as error:
        print(error, file=sys.stderr)
        return 1
    for left in manifest.skipped:
        print(f"left out: {left.package} {left.source}: {left.reason}")
    print(
        f"{len(manifest.entries)} tracks, {manifest.hours:.2f} h are in {given.to}; see manifest.json there."
    )
    return 0


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
