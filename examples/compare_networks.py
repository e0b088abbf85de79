"""The paper's comparison: its six networks at equal budget, beside its Tables 2 and 3.

    python examples/compare_networks.py --data DIR --validation DIR [--patches 6000] [--width 8]

Same data, width, patches seen, order of examples and seed for all six; the network of the last moment is
measured (its moving average), so that none profits from more chances. Two rows need no network: doing
nothing, and a straight line across lost frames. Writes ``six_networks.json`` and prints a table in
Markdown. A network that is done, or half done, is not begun again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from restore_audio.network.features import FeatureSettings
from restore_audio.network.networks import NETWORKS, NetworkSettings, build
from restore_audio.network.unet import parameter_count
from restore_audio.train.loop import TrainSettings, train
from restore_audio.train.metrics_log import read_metrics
from restore_audio.train.setup import Sources, paper_task
from restore_audio.train.tasks import PaperTask

CPU = torch.device("cpu")
PAPER = {  # Serra et al. 2021, Tables 2 and 3: PSNR in dB, NRMSE
    "unet": (55.7687, 0.1523),
    "attention-unet": (55.7427, 0.1534),
    "unet-v2": (56.2264, 0.1465),
    "res-unet": (55.9020, 0.1511),
    "attention-res-unet": (55.8396, 0.1527),
    "res-unet-v2": (56.3534, 0.1460),
}
QUARTERS = 4
MEASURES = ("psnr_db", "psnr_gain_db", "nrmse_rms", "nrmse_range")


@dataclass(frozen=True)
class Row:
    """What one method reached; ``curve`` is its PSNR gain at each quarter of the way but the last."""

    name: str
    overall: dict[str, float]
    genres: dict[str, dict[str, float]]
    parameters: int = 0
    minutes: float = 0.0
    curve: list[float] = field(default_factory=list)


class Damaged(nn.Module):
    """Answers with what it was given."""

    def forward(self, features: Tensor) -> Tensor:
        return features


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="music to train on")
    parser.add_argument("--validation", type=Path, help="music to validate on; else as 'train' chooses it")
    parser.add_argument("--patches", type=int, default=6000, help="seen by each network")
    parser.add_argument("--width", type=int, default=8, help="filters of the first level")
    parser.add_argument("--batch", type=int, default=29, help="patches of a step")
    parser.add_argument("--loss", choices=("psnr", "mse"), default="psnr")
    parser.add_argument("--prefill", choices=("none", "linear"), default="none")
    parser.add_argument("--runs", type=Path, default=Path("runs/six"), help="folder of the six run folders")
    parser.add_argument("--work", type=Path, default=Path("cache"), help="folder of decoded music")
    parser.add_argument("--json", type=Path, default=Path("six_networks.json"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)

    sources = Sources(options.data, options.validation, options.work, seed=options.seed)
    features = FeatureSettings(prefill=options.prefill)
    task = paper_task(sources, features=features, loss_name=options.loss, sampling="random", say=print)
    settings = TrainSettings(
        width=options.width,
        batch=options.batch,
        examples=options.patches,
        validate_examples=options.patches // QUARTERS,
        checkpoint_minutes=1.0,
        average_decay=0.99,  # of so few steps, the last hundred
        warmup_steps=20,
        seed=options.seed,
    )
    rows = [
        Row("nothing", *measured(replace(task, features=replace(features, prefill="none")), Damaged())),
        Row(
            "straight line", *measured(replace(task, features=replace(features, prefill="linear")), Damaged())
        ),
    ]
    print(lines([rows[0], rows[1]]), flush=True)
    for name in NETWORKS:
        rows.append(trained(task, replace(settings, network=name), options.runs / name))
        print(lines(rows[-1:]), flush=True)
        options.json.write_text(json.dumps(document(rows, settings, options), indent=1) + "\n")
    print(table(rows))
    return 0


def trained(task: PaperTask, settings: TrainSettings, run: Path) -> Row:
    """Train a network, or go on, and measure it; an earlier result is read."""
    result = run / "result.json"
    if result.exists():
        return Row(**json.loads(result.read_text()))
    print(f"{settings.network}: training on {settings.examples} patches", flush=True)
    state = train(task, settings, run, device=CPU, resume=(run / "state.safetensors").exists())
    if state.interrupted:
        sys.exit(f"{settings.network} was interrupted; the same command goes on.")
    overall, genres = measured(task, state.average.eval())
    size = parameter_count(build(NetworkSettings(settings.network, settings.width)))
    validated = [line["validation"] for line in read_metrics(run / "metrics.jsonl") if "validation" in line]
    curve = [metrics["psnr_gain_db"] for metrics in validated[: QUARTERS - 1]]
    row = Row(settings.network, overall, genres, size, round(state.seconds / 60, 2), curve)
    result.write_text(json.dumps(row.__dict__))
    return row


def measured(task: PaperTask, network: nn.Module) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Means over all validation patches, and over those of each genre."""
    genres = {}
    for genre in sorted({track.genre for track in task.validation.tracks}):
        tracks = [track for track in task.validation.tracks if track.genre == genre]
        examples = type(task.validation)(task.validation.cache, task.validation.seed, tracks=tracks)
        part = replace(task, validation=examples, validation_patches=min(128, 2 * len(examples)))
        genres[genre] = chosen(part.validate(network, CPU))
    return chosen(task.validate(network, CPU)), genres


def chosen(metrics: dict[str, float]) -> dict[str, float]:
    return {name: metrics[name] for name in MEASURES}


def document(rows: list[Row], settings: TrainSettings, options: argparse.Namespace) -> dict[str, object]:
    """Everything, for a program."""
    return {
        "made": time.strftime("%Y-%m-%d"),
        "protocol": {
            "width": settings.width,
            "patches_seen": settings.examples,
            "batch": settings.batch,
            "seed": settings.seed,
            "loss": options.loss,
            "prefill": options.prefill,
        },
        "rows": [row.__dict__ for row in rows],
        "paper": {name: {"psnr_db": psnr, "nrmse": nrmse} for name, (psnr, nrmse) in PAPER.items()},
    }


def lines(rows: list[Row]) -> str:
    """Rows of the Markdown table."""
    text = []
    for row in rows:
        psnr, nrmse = PAPER.get(row.name, (None, None))
        theirs = f"{psnr:.2f} | {nrmse:.3f}" if psnr is not None else "– | –"
        psnr_db, gain_db, nrmse_rms, _ = (row.overall[name] for name in MEASURES)
        ours = f"{psnr_db:.2f} | {gain_db:+.2f} | {nrmse_rms:.3f}"
        size = f"{row.parameters / 1e6:.2f} M" if row.parameters else "–"
        way = " | ".join(f"{gain_db:+.2f}" for gain_db in row.curve) or "– | – | –"
        text.append(f"| {row.name} | {size} | {way} | {ours} | {theirs} |")
    return "\n".join(text)


def table(rows: list[Row]) -> str:
    """All of it, best first, and whether our order is the paper's."""
    head = (
        "| network | parameters | gain dB after ¼ | ½ | ¾ | PSNR dB at the end | gain dB | NRMSE (rms) "
        "| paper: PSNR dB | paper: NRMSE |\n|---|---|---|---|---|---|---|---|---|---|\n"
    )
    ranked = sorted(rows, key=lambda row: -row.overall["psnr_db"])
    ours = [row.name for row in ranked if row.name in PAPER]
    theirs = sorted(PAPER, key=lambda name: -PAPER[name][0])
    order = (
        "Our order is the paper's."
        if ours == theirs
        else (f"Our order differs from the paper's ({' > '.join(theirs)}): {' > '.join(ours)}.")
    )
    return f"{head}{lines(ranked)}\n\n{order}"


if __name__ == "__main__":
    sys.exit(main())
