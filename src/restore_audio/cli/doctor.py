"""``restore-audio doctor``: is everything here that restore-audio needs?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import RestoreError
from ..show.console import Console

NEEDED = (
    *("torch", "numpy", "scipy", "soundfile", "pyloudnorm", "soxr"),
    *("mutagen", "safetensors", "typer", "rich", "platformdirs"),
)
OPTIONAL = {
    "torchaudio": "--method paper",
    "matplotlib": "--picture (pip install matplotlib)",
    "av": "M4A files, simulated codecs (pip install av)",
    "pyarrow": "archive's tables as Parquet (pip install pyarrow)",
    "ray": "archive --engine ray (pip install 'ray[data]')",
    "starlette": "review (pip install starlette uvicorn)",
    "uvicorn": "review (pip install starlette uvicorn)",
    "tensorboard": "train's pictures and sounds (pip install tensorboard)",
}


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``ok``, ``missing`` (an extra) or ``broken``."""

    what: str
    state: str
    text: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> int:
    """Check versions, devices, formats, weights, extras and write access.

    Args:
        as_json: As one JSON object.

    Examples:
        restore-audio doctor
        restore-audio doctor --json
    """
    console = Console()
    findings = [
        _guarded(check) for check in (_system, _kernels, _device, _formats, _weights, _writable, _settings)
    ]
    findings[1:1] = [*_packages(), *_extras()]
    if as_json:
        console.result(json.dumps({"version": __version__, "findings": [asdict(f) for f in findings]}))
    else:
        for finding in findings:
            console.result(f"{finding.state:8s} {finding.what:12s} {finding.text}")
    return int(any(finding.state == "broken" for finding in findings))


def _guarded(check: Callable[[], Finding]) -> Finding:
    """A check that fails is a finding, whatever it failed with."""
    try:
        return check()
    except Exception as error:
        text = str(error) if isinstance(error, RestoreError) else f"{type(error).__name__}: {error}"
        return Finding(check.__name__.lstrip("_"), "broken", text)


def _system() -> Finding:
    text = f"restore-audio {__version__}, Python {platform.python_version()}, {platform.platform()}"
    return Finding("system", "ok", f"{text}, {os.cpu_count()} cores")


def _kernels() -> Finding:
    from ..signal import kernels

    if kernels.LIBRARY is None:
        what = "none of this version: all takes ten times as long; install a C compiler, then this again"
        return Finding("kernels", "missing", what)
    return Finding("kernels", "ok", "compiled")


def _packages() -> Iterator[Finding]:
    for name in NEEDED:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "broken", f"not installed: {sys.executable} -m pip install {name}")


def _extras() -> Iterator[Finding]:
    for name, use in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding(name, "missing", f"only needed for {use}")
        else:
            yield Finding(name, "ok", f"{importlib.metadata.version(name)}, for {use.partition(' (')[0]}")


def _device() -> Finding:
    from ..network.device import choose_device

    name, why = choose_device("auto")
    return Finding("device", "ok", f"{name}, because {why}")


def _formats() -> Finding:
    import soundfile

    wanted = {"WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64", "RF64"}
    missing = sorted(wanted - set(soundfile.available_formats()))
    if missing:
        return Finding("formats", "broken", f"libsndfile {soundfile.__libsndfile_version__} lacks {missing}")
    return Finding(
        "formats", "ok", f"libsndfile {soundfile.__libsndfile_version__}: {', '.join(sorted(wanted))}"
    )


def _weights() -> Finding:
    from ..network.checkpoint import load
    from ..network.shipped import models_dir

    names = []
    for name in ("restore", "paper"):
        load(models_dir() / f"{name}.safetensors")
        names.append(name)
    return Finding("weights", "ok", f"{', '.join(names)} in {models_dir()}")


def _settings() -> Finding:
    from typer.main import get_command

    from .app import COMMANDS, build
    from .preferences import NAME, gather, places

    command: Any = get_command(build(None))
    found = gather(command.commands, COMMANDS)
    if found.sources:
        return Finding("settings", "ok", "; ".join(found.sentences()))
    folders = " or ".join(str(path.parent.absolute()) for path in reversed(places()))
    return Finding("settings", "ok", f"the defaults: no {NAME} in {folders}, no RESTORE_AUDIO_* variable")


def _writable() -> Finding:
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    return Finding("writing", "ok", f"{Path.cwd()} and {tempfile.gettempdir()} can be written to")
