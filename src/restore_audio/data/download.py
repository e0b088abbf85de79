"""Fetching FMA's archives: resumed where they broke off, checked by SHA-1, unpacked safely.

In: the name of an archive and a folder. Out: the archive and its files in the folder. What has arrived is
kept in ``NAME.zip.part`` until the sum is right, so a later run asks the server only for the rest.
Source of the address and the sums: the README of FMA (Defferrard et al. 2017), github.com/mdeff/fma.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ..errors import InputError, OutputError, UsageError
from ..files import beside

if TYPE_CHECKING:
    import requests

FMA_ADDRESS = "https://os.unil.cloud.switch.ch/fma/"

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True)
class Archive:
    """One of FMA's archives and the SHA-1 that its README publishes."""

    file: str
    sha1: str


ARCHIVES = {
    "fma-metadata": Archive("fma_metadata.zip", "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"),
    "fma-small": Archive("fma_small.zip", "ade154f733639d52e35e32f5593efe5be76c6d70"),
    "fma-medium": Archive("fma_medium.zip", "c67b69ea232021025fca9231fc1c7c1a063ab50b"),
}

_LONGEST_REASON = 200
"""Characters: names in damaged archives can have any length."""
_CHUNK_BYTES = 1 << 20
_RECEIVED_BYTES = 1 << 15
"""What is written at a time: a broken transfer loses less than this."""

_TIMEOUT_S = (15.0, 60.0)


@dataclass(frozen=True)
class Patience:
    """How often to take up a broken transfer that brought nothing new, and how long to wait before."""

    attempts: int = 6
    wait_s: float = 2.0


def download(
    url: str,
    target: Path,
    sha1: str,
    *,
    patience: Patience = Patience(),
    progress: Progress = lambda done, total: None,
) -> Path:
    """Fetch a file, going on where an earlier transfer broke off, and check its sum.

    Args:
        target: where it shall be; if it is there already with the right sum, nothing is fetched.
        patience: attempts in a row that may bring nothing.

    Raises:
        InputError: the server cannot be reached, refuses, keeps breaking off, or sent wrong bytes.
        OutputError: the disk is full or the folder cannot be written; what has arrived is kept.
    """
    if target.exists():
        if sha1_of(target) == sha1:
            return target
        raise InputError(f"{target} has a wrong SHA-1 sum; delete it to fetch it again.")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _transfer(url, part, patience, progress)
        if (found := sha1_of(part)) != sha1:
            part.unlink()
            raise InputError(
                f"{url} brought other bytes than FMA published (SHA-1 {found[:12]}… instead of {sha1[:12]}…) "
                "and they were deleted; run the command again, or fetch the file by other means."
            )
        part.replace(target)
    except OSError as error:
        raise OutputError(
            f"{part} cannot be written ({error.strerror or error}); what has arrived is kept: "
            "make room and run the command again."
        ) from error
    return target


def _transfer(url: str, part: Path, patience: Patience, progress: Progress) -> None:
    import requests  # a third of a second, and only this command needs it
    from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

    failures = 0
    with requests.Session() as session:
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                if _receive(session, url, part, progress):
                    return
                reason = "the connection broke off"
            except (InvalidURL, InvalidSchema, MissingSchema) as error:
                raise InputError(f"{url} is no address; give one that begins with https://.") from error
            except requests.RequestException as error:
                reason = _in_words(error)
            except _TryLaterError as error:
                reason = str(error)
            now = part.stat().st_size if part.exists() else 0
            failures = 0 if now > before else failures + 1
            if failures >= patience.attempts:
                raise InputError(
                    f"{url} could not be fetched ({reason}); "
                    f"run the command again to go on after {now:,} bytes."
                )
            time.sleep(patience.wait_s * failures)


class _TryLaterError(Exception):
    """The server is there but cannot answer now."""


def _receive(session: requests.Session, url: str, part: Path, progress: Progress) -> bool:
    """One request for what is missing; whether the file is whole now."""
    have = part.stat().st_size if part.exists() else 0
    # Identity: a compressed answer would have other offsets than the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
        if answer.status_code == 416:
            # Nothing after what we have: it is whole, or it is not this file's beginning.
            total = _range_total(answer.headers.get("Content-Range", ""))
            if total is None or total == have:
                return True
            part.unlink()
            return False
        if answer.status_code in (429, 500, 502, 503, 504):
            raise _TryLaterError(f"the server answers {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise InputError(
                f"{url} could not be fetched: the server answers {answer.status_code} {answer.reason}."
            )
        start = _range_start(answer.headers.get("Content-Range", "")) if answer.status_code == 206 else 0
        if start not in (0, have):
            raise _TryLaterError("the server sent another part of the file than was asked for")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else 0
        _check_disk(part, total - start, url)
        with part.open("r+b" if part.exists() else "wb") as sink:
            sink.seek(start)
            sink.truncate()  # a server without range requests sends the whole file again
            for chunk in answer.iter_content(_RECEIVED_BYTES):
                sink.write(chunk)
                progress(sink.tell(), total)
            return total in (0, sink.tell())


def _range_start(header: str) -> int:
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", header)
    return int(found[1]) if found else -1


def _range_total(header: str) -> int | None:
    found = re.fullmatch(r"bytes \*/(\d+)", header)
    return int(found[1]) if found else None


def _in_words(error: Exception) -> str:
    text = type(error).__name__
    return {
        "ConnectTimeout": "the server does not answer",
        "ReadTimeout": "the server stopped sending",
        "ConnectionError": "there is no connection to the server",
        "ChunkedEncodingError": "the connection broke off",
        "SSLError": "the server's certificate is not valid",
    }.get(text, f"{text}: {error}")


def _check_disk(path: Path, needed: int, what: str) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise OutputError(
            f"{what} needs {needed / 1e9:.2f} GB and {path.parent} has {free / 1e9:.2f} GB left; "
            "make room first."
        )


def sha1_of(path: Path) -> str:
    """Hexadecimal SHA-1 of a file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha1").hexdigest()


def unzip(archive: Path, to: Path, *, progress: Progress = lambda done, total: None) -> int:
    """Unpack an archive; files that are there already with the right length are left alone.

    Every file is written beside and renamed. Names that would leave the folder, links in the archive and
    links that are in the folder already are refused before anything is written.

    Returns:
        How many files were written.

    Raises:
        InputError: not a zip archive, damaged, or with names that lead out of ``to``.
        OutputError: not enough disk, the folder cannot be written, or a symbolic link is where a file goes.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = [member for member in source.infolist() if not member.is_dir()]
            for member in members:
                _check_member(archive, member, to)
            todo = [member for member in members if not _is_there(to / member.filename, member.file_size)]
            total = sum(member.file_size for member in todo)
            to.mkdir(parents=True, exist_ok=True)
            _check_disk(to / archive.name, total, f"Unpacking {archive}")
            done = 0
            for member in todo:
                target = to / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with beside(target) as part, source.open(member) as packed, part.open("wb") as sink:
                    shutil.copyfileobj(packed, sink, _CHUNK_BYTES)
                done += member.file_size
                progress(done, total)
            return len(todo)
    except (
        zipfile.BadZipFile,
        IndexError,  # a member without a name, in Python 3.11
        zipfile.LargeZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        RuntimeError,
    ) as error:
        reason = str(error)[:_LONGEST_REASON]
        raise InputError(  # RuntimeError: encrypted, or packed in an unknown way
            f"{archive} is not a whole zip archive ({reason}); delete it and fetch it again."
        ) from error
    except OSError as error:
        raise OutputError(
            f"{archive} could not be unpacked into {to} ({error.strerror or error})."
        ) from error


def _check_member(archive: Path, member: zipfile.ZipInfo, to: Path) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
    if not name.parts or name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or is_link:
        raise InputError(
            f"{archive} holds {member.filename!r}, which would lead out of the folder; do not use it."
        )
    target = to / member.filename
    for place in [target, *target.parents][: len(name.parts)]:
        if place.is_symlink():
            raise OutputError(
                f"{place} is a symbolic link, and {archive} would be unpacked through it; "
                "remove the link or choose another folder."
            )


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def fetch(
    name: str,
    to: Path,
    *,
    address: str = FMA_ADDRESS,
    patience: Patience = Patience(),
    progress: Progress = lambda done, total: None,
) -> Path:
    """Fetch one of :data:`ARCHIVES` into the folder ``to``; :func:`unzip` unpacks it.

    Args:
        name: ``fma-small``, ``fma-medium`` or ``fma-metadata``.
        address: where the archives are; FMA's own address unless a mirror is given.
        patience: attempts in a row that may bring nothing.

    Returns:
        The archive, whose sum is right.

    Raises:
        InputError: no such archive, or as :func:`download`.
        OutputError: as :func:`download`.
    """
    if name not in ARCHIVES:
        raise UsageError(f"There is no {name}; choose one of {', '.join(ARCHIVES)}.")
    archive = ARCHIVES[name]
    url = address.rstrip("/") + "/" + archive.file
    return download(url, to / archive.file, archive.sha1, patience=patience, progress=progress)
