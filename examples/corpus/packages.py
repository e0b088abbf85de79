"""Debian packages and source distributions as folders of files: fetch, unpack, version, licence, holder.

In: a package's name. Out: a folder with the package's files. Nothing is installed, nothing of it is run.
Source of the copyright format: Debian's "Machine-readable debian/copyright file", version 1.0 (DEP-5).
"""

from __future__ import annotations

import gzip
import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from restore_audio.errors import InputError

from .recipe import Package

_COMMAND_SECONDS = 900
_ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Stanza:
    """One paragraph of a copyright file: which files, who holds the rights, under which licence."""

    files: tuple[str, ...]
    holder: str
    licence: str


def fetch_package(package: Package, to: Path) -> Path:
    """Download a package and unpack it into the folder ``to``, which is made. Nothing of it is run.

    ``apt-get`` checks a Debian package against the archive's signed list of sums; a Python archive is
    checked against the sum in the recipe.

    Raises:
        InputError: the package cannot be had, with the reason.
    """
    to.mkdir(parents=True, exist_ok=True)
    if package.pypi_file:
        _fetch_from_pypi(package, to)
        return to
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise InputError(
            f"{package.name} was not fetched because apt-get and dpkg-deb are not on this machine; "
            "use Debian or give unpacked packages with --from."
        )
    _run(["apt-get", "download", package.name], to, package.name)
    archives = sorted(to.glob("*.deb"))
    if not archives:
        raise InputError(f"{package.name} was not fetched: apt-get left no package behind.")
    _run(["dpkg-deb", "-x", archives[-1].name, "."], to, package.name)  # run in "to"
    for archive in archives:
        archive.unlink()
    return to


def _fetch_from_pypi(package: Package, to: Path) -> None:
    """Find the file in the index that pip uses, check its sum, and unpack it without running any of it."""
    index = f"{_pip_index().rstrip('/')}/{package.name}/"
    try:
        with urllib.request.urlopen(index, timeout=_ANSWER_SECONDS) as answer:
            page = answer.read().decode("utf-8", errors="replace")
        link = re.search(rf'href="([^"#]*/{re.escape(package.pypi_file)})[#"]', page)
        if link is None:
            raise InputError(f"{package.name} was not fetched: {index} has no {package.pypi_file}.")
        with urllib.request.urlopen(
            urllib.parse.urljoin(index, html.unescape(link[1])), timeout=_ANSWER_SECONDS
        ) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:  # ValueError: what is set as pip's index is no address
        raise InputError(f"{package.name} was not fetched: {error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != package.sha256:
        raise InputError(
            f"{package.name} was not fetched: {package.pypi_file} has the SHA-256 sum {found[:12]}… "
            f"instead of {package.sha256[:12]}…."
        )
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(to, filter="data")


def _pip_index() -> str:
    """Address of the index that pip is set to use."""
    if address := os.environ.get("PIP_INDEX_URL"):
        return address
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "https://pypi.org/simple"


def _run(command: list[str], folder: Path, name: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{name} was not fetched: {error}.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InputError(f"{name} was not fetched: {said[-1] if said else command[0] + ' failed'}")


def package_version(root: Path, package: Package) -> str:
    """Version of an unpacked package, from its Debian changelog; empty when there is none."""
    if package.version:
        return package.version
    for pattern in (f"usr/share/doc/{package.name}/changelog*.gz", "usr/share/doc/*/changelog.Debian*.gz"):
        for changelog in sorted(root.glob(pattern)):
            with gzip.open(changelog, "rt", encoding="utf-8", errors="replace") as lines:
                found = re.match(r"\S+ \(([^)]+)\)", lines.readline())
            if found:
                return found[1]
    return ""


def read_copyright(root: Path) -> list[Stanza]:
    """The stanzas of an unpacked package's copyright file; none where it is prose."""
    stanzas: list[Stanza] = []
    for path in sorted(root.glob("usr/share/doc/*/copyright")):
        stanzas += parse_copyright(path.read_text(encoding="utf-8", errors="replace"))
    return stanzas


def parse_copyright(text: str) -> list[Stanza]:
    """Stanzas of a machine-readable copyright text.

    >>> stanza = "Files: data/*\\nCopyright: A\\nLicense: MIT"
    >>> parse_copyright("Format: https://x/copyright-format/1.0/\\n\\n" + stanza)
    [Stanza(files=('data/*',), holder='A', licence='MIT')]
    """
    if not re.match(r"\s*Format(-Specification)?:", text):
        return []
    stanzas = []
    for paragraph in re.split(r"\n(?:[ \t]*\n)+(?=\S)", text):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in paragraph.splitlines():
            if line[:1] not in (" ", "\t", "#") and ":" in line:
                name, _, first = line.partition(":")
                name = name.strip().lower()
                fields[name] = [first.strip()]
            elif name and line.strip() not in ("", "."):
                fields[name].append(line.strip())
        if "files" in fields:
            files = tuple(pattern.removeprefix("./") for pattern in " ".join(fields["files"]).split())
            holder = ", ".join(part for part in fields.get("copyright", []) if part)
            licence = fields.get("license", [""])[0]
            stanzas.append(Stanza(files, _without_years(holder), licence))
    return stanzas


def _without_years(holder: str) -> str:
    cleaned = re.sub(r"<[^>]*>|\(c\)|©|Copyright", "", holder, flags=re.IGNORECASE)
    cleaned = re.sub(r"\b(19|20)\d\d\b(\s*[-–,]\s*(19|20)\d\d\b)*\s*,?(\s*by\b)?", "", cleaned)
    cleaned = re.sub(r"\s+,", ",", re.sub(r"\(\s*\)", "", cleaned))
    return " ".join(cleaned.split()).strip(" ,")


def stanza_of(path: str, stanzas: list[Stanza]) -> Stanza | None:
    """The stanza that speaks of an installed file.

    A copyright file names files as they lie in the source; installed, they lie elsewhere. The pattern
    whose longest tail of folders matches wins, a later stanza over an earlier one.
    """
    best: tuple[int, Stanza] | None = None
    for stanza in stanzas:
        for pattern in stanza.files:
            depth = _matching_depth(path, pattern)
            if depth is not None and (best is None or depth >= best[0]):
                best = (depth, stanza)
    return best[1] if best else None


def _matching_depth(path: str, pattern: str) -> int | None:
    if pattern == "*":
        return 0
    parts = PurePosixPath(pattern).parts
    for first in range(len(parts) - 1):
        if fnmatch(path, "*/" + "/".join(parts[first:])):
            return len(parts) - first
    return None
