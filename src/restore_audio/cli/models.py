"""``restore-audio models``: the weights that ship, and whether they are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ModelError
from ..show.console import Console

if TYPE_CHECKING:
    from ..network.checkpoint import ModelCard

models = typer.Typer(
    name="models",
    help="""The weights that ship: list them, verify them.

    Examples:
        restore-audio models list
        restore-audio models verify
    """,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object for each file.")]


USES = {
    "restore": "completes the spectrum of gaps from 25 ms on; what fix uses",
    "paper": "fills lost frames at 16 kHz, as in Serra et al. 2021; what --method paper uses",
    "super-resolution": "predicts a lost upper band at 16 kHz; for bench --protocol super-resolution",
    "context-encoder": "fills 64 ms at 16 kHz; for bench --protocol context-encoder",
}
"""What each task's weights are for."""

MEASURED = {
    "lsd_db": ("log-spectral distance in validation gaps (lower is better)", " dB", 1),
    "lsd_ar_db": ("the same of AR alone", " dB", 1),
    "lsd_rule_db": ("the same of max(AR, interpolated neighbours)", " dB", 1),
    "psnr_db": ("PSNR of validation patches", " dB", 1),
    "psnr_gain_db": ("PSNR won over the damaged patches", " dB", 1),
    "nrmse_rms_before": ("error before, relative to the signal", " %", 100),
    "nrmse_rms": ("error after", " %", 100),
    "snr_db": ("signal-to-noise ratio of validation pieces", " dB", 1),
    "snr_gain_db": ("won over low-passed ones", " dB", 1),
    "lsd": ("log-spectral distance as in Lim et al. 2018 (lower is better)", "", 1),
    "lsd_gain": ("won over low-passed pieces", "", 1),
    "magnitudes_db": ("magnitudes of validation gaps over their error", " dB", 1),
    "neighbours_db": ("the same of the neighbouring frames' mean", " dB", 1),
}
"""Metrics of a card in words: what, unit, factor."""


@models.command("list")
def list_models(as_json: Json = False) -> None:
    """List the shipped weights: what each is for, its network and size, what was measured.

    Examples:
        restore-audio models list
        restore-audio models list --json
    """
    from ..network.checkpoint import read_card

    console = Console()
    for path in _shipped():
        card = read_card(path)
        size_mb = path.stat().st_size / 1e6
        if as_json:
            console.result(json.dumps({"name": path.stem, "size_mb": round(size_mb, 2), **_card(card)}))
        else:
            for line in _in_words(path.stem, card, size_mb):
                console.result(line)


def _in_words(name: str, card: ModelCard, size_mb: float) -> Iterator[str]:
    """What weights are for, what they are, and what was measured when they were trained."""
    yield f"{name}: {USES.get(card.task, card.task)}"
    yield f"  network {card.network.name} of width {card.network.width}, {size_mb:.1f} MB"
    patches, hours = (card.training.get(key) for key in ("patches_seen", "hours_trained"))
    if patches is not None and hours is not None:
        yield f"  trained on {patches:,} patches in {hours:g} h"
    for metric, value in card.metrics.items():
        if metric in MEASURED:
            what, unit, scale = MEASURED[metric]
            yield f"  {what}: {scale * value:.3g}{unit}"


@models.command()
def verify(
    files: Annotated[list[str] | None, typer.Argument(metavar="NAME|FILE")] = None,
) -> int:
    """Load weights, run each network once, and compare shipped files with their recorded SHA-256.

    Args:
        files: Weights to verify; otherwise all that ship.

    Examples:
        restore-audio models verify
        restore-audio models verify runs/restore/best.safetensors
    """
    from ..network.checkpoint import model_path

    console = Console()
    failed = False
    sums = _sums()
    for path in [model_path(name) for name in files] if files else _shipped():
        try:
            console.result(f"{path.stem}: {_verify(path, sums)}")
        except ModelError as error:
            failed = True
            console.error(f"restore-audio: {error}")
    return int(failed)


def _verify(path: Path, sums: dict[str, str]) -> str:
    import hashlib

    import torch

    from ..network.checkpoint import load
    from ..network.networks import NETWORKS
    from ..network.shipped import models_dir
    from ..network.unet import parameter_count

    network, card = load(path)
    parameters = parameter_count(network)
    with torch.inference_mode():
        answer = network(torch.zeros(1, card.network.in_channels, *NETWORKS[card.network.name].shape))
    if not torch.isfinite(answer).all():
        raise ModelError(f"The weights {path} give no numbers: install restore-audio again.")
    text = f"ok, {parameters:,} parameters, task {card.task}"
    if path.parent.resolve() == models_dir().resolve() and path.name in sums:
        if hashlib.sha256(path.read_bytes()).hexdigest() != sums[path.name]:
            raise ModelError(
                f"The weights {path} are not those that shipped (SHA-256 differs): "
                f"install restore-audio again."
            )
        text += ", SHA-256 as shipped"
    return text


def _shipped() -> list[Path]:
    from ..network.shipped import models_dir

    paths = sorted(models_dir().glob("*.safetensors"))
    if not paths:
        raise ModelError(f"There are no weights in {models_dir()}: install restore-audio again.")
    return paths


def _sums() -> dict[str, str]:
    """The sums of ``models/SHA256SUMS`` (as sha256sum writes them), by file name."""
    from ..network.shipped import models_dir

    path = models_dir() / "SHA256SUMS"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split() for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in pairs}


def _card(card: ModelCard) -> dict[str, Any]:
    return {
        "task": card.task,
        "network": card.network.to_dict(),
        "training": dict(card.training),
        "metrics": dict(card.metrics),
    }
