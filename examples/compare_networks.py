"""The paper's comparison: its six networks and ours at equal budget, beside its Tables 2 and 3.

    python examples/compare_networks.py --data DIR --validation DIR [--patches 6000] [--width 8]
    python examples/compare_networks.py --task restore --data DIR --validation DIR [--fills 4000]

Same data, width, patches seen, order of examples and seed for all; the network of the last moment is measured
(its moving average), so that none profits from more chances. Two rows need no network: doing nothing, and a
straight line across lost frames. With ``--task restore`` it is the task of ``fix``, and losses are compared, too; the
rows without network are AR and max(AR, interpolated neighbours), and each network's fills, blended as ``fix`` does, are
graded by the 2f-model. Writes JSON and prints a table in Markdown. A
network that is done, or half done, is not begun again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from fit_blend import measured as fills_measured
from torch import Tensor, nn

from restore_audio.fill.methods import METHODS, Blend, Method
from restore_audio.measure.material import choose_material
from restore_audio.network.maps import RESTORE_CHANNELS, FeatureSettings
from restore_audio.network.networks import NETWORKS, NetworkSettings, build
from restore_audio.network.predictor import Inpainter
from restore_audio.network.unet import parameter_count
from restore_audio.train.loop import TrainSettings, train
from restore_audio.train.losses import RestoreLoss
from restore_audio.train.metrics_log import read_metrics
from restore_audio.train.setup import Sources, paper_task, restore_task
from restore_audio.train.tasks import RESTORE_POWER, PaperTask, RestoreTask

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
RESTORE_NETWORKS = ("res-unet-v2", "res-unet-v2-additive", "res-unet-v2-axial", "res-unet-v2-cascade")
RESTORE_LOSSES = (RestoreLoss(log=0.1), RestoreLoss(consistency=1.0), RestoreLoss(0.1, 1.0))
"""Of the restore task: all networks by the plain loss, the first by these, too, and all by the best of them."""
GRADED_MS = (40.0, 80.0, 160.0, 320.0)
GRADED_GAPS = 3
"""Gaps of each length in ten seconds of each genre whose fills are graded."""


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
    parser.add_argument("--task", choices=("paper", "restore"), default="paper")
    parser.add_argument("--fills", type=int, default=4000, help="made ahead for the restore task")
    parser.add_argument(
        "--graded", type=Path, help="music whose gaps are filled and graded by 2f (restore task)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that make them")
    parser.add_argument("--patches", type=int, default=6000, help="seen by each network")
    parser.add_argument("--width", type=int, default=8, help="filters of the first level")
    parser.add_argument("--batch", type=int, default=29, help="patches of a step")
    parser.add_argument("--loss", choices=("psnr", "mse"), default="psnr")
    parser.add_argument("--prefill", choices=("none", "linear"), default="none")
    parser.add_argument("--runs", type=Path, default=Path("runs/compared"), help="folder of the run folders")
    parser.add_argument("--work", type=Path, default=Path("cache"), help="folder of decoded music")
    parser.add_argument("--json", type=Path, default=Path("networks.json"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)

    sources = Sources(
        *(options.data, options.validation, options.work),
        seed=options.seed,
        fills=options.fills,
        jobs=options.jobs,
    )
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
    if options.task == "restore":
        return compare_for_restoration(sources, settings, options)
    features = FeatureSettings(prefill=options.prefill)
    task = paper_task(sources, features=features, loss_name=options.loss, sampling="random", say=print)
    rows = [
        Row("nothing", *measured(replace(task, features=replace(features, prefill="none")), Damaged())),
        Row(
            "straight line", *measured(replace(task, features=replace(features, prefill="linear")), Damaged())
        ),
    ]
    print(lines([rows[0], rows[1]]), flush=True)
    for name in (name for name, architecture in NETWORKS.items() if "paper" in architecture.tasks):
        rows.append(trained(task, replace(settings, network=name), options.runs / name))
        print(lines(rows[-1:]), flush=True)
        options.json.write_text(json.dumps(document(rows, settings, options), indent=1) + "\n")
    print(table(rows))
    return 0


def compare_for_restoration(sources: Sources, settings: TrainSettings, options: argparse.Namespace) -> int:
    """Networks and losses on the task of ``fix``, by log-spectral distance."""
    task = restore_task(
        sources, features=FeatureSettings(power=RESTORE_POWER), added=RestoreLoss(), say=print
    )
    rows: list[dict[str, object]] = []

    def measure(network: str, added: RestoreLoss) -> None:
        rows.append(
            trained_to_restore(replace(task, added=added), replace(settings, network=network), options.runs)
        )
        options.json.write_text(json.dumps(restoration_document(rows, settings, options), indent=1) + "\n")

    for name in RESTORE_NETWORKS:
        measure(name, RestoreLoss())
    for added in RESTORE_LOSSES:
        measure(RESTORE_NETWORKS[0], added)
    by_loss = [row for row in rows if row["network"] == RESTORE_NETWORKS[0]]
    loss = min(by_loss, key=lambda row: row["lsd_db"])["loss"]
    best = next((added for added in RESTORE_LOSSES if added.name == loss), None)
    for name in RESTORE_NETWORKS[1:] if best else ():
        measure(name, best)
    if options.graded:
        grade(rows, options)
        options.json.write_text(json.dumps(restoration_document(rows, settings, options), indent=1) + "\n")
    print(restoration_table(restoration_document(rows, settings, options)))
    return 0


def grade(rows: list[dict[str, object]], options: argparse.Namespace) -> None:
    """Add to each row the 2f of gaps that it fills, of AR alone, and the standard error of their difference."""
    material = choose_material(options.graded, per_genre=1, seconds=10.0, seed=7)
    auto = Method("AR and network", blend=Blend())
    ways = {"AR": (METHODS["ar"], None)}
    for row in rows:
        weights = options.runs / f"{row['network']}, {row['loss']}" / "best.safetensors"
        ways[f"{row['network']}, {row['loss']}"] = (auto, Inpainter.open(weights, "restore"))
    graded = fills_measured(material, ways, GRADED_MS, GRADED_GAPS, 7)
    two_f = {name: np.concatenate([two_f for _, _, two_f in values]) for name, values in graded.items()}
    for row in rows:
        own = two_f[f"{row['network']}, {row['loss']}"]
        row["two_f"], row["two_f_ar"] = float(own.mean()), float(two_f["AR"].mean())
        row["two_f_error"] = float(np.std(own - two_f["AR"], ddof=1) / len(own) ** 0.5)


def trained_to_restore(task: RestoreTask, settings: TrainSettings, runs: Path) -> dict[str, object]:
    """Train a network on the task of ``fix``, or go on, and measure it; an earlier result is read."""
    run = runs / f"{settings.network}, {task.added.name}"
    result = run / "result.json"
    if not result.exists():
        print(f"{run.name}: training on {settings.examples} patches", flush=True)
        state = train(task, settings, run, device=CPU, resume=(run / "state.safetensors").exists())
        if state.interrupted:
            sys.exit(f"{run.name} was interrupted; the same command goes on.")
        metrics = task.validate(state.average.eval(), CPU)
        size = parameter_count(build(NetworkSettings(settings.network, settings.width, task.in_channels)))
        row = {"network": settings.network, "loss": task.added.name, "parameters": size, **metrics}
        row |= {"patches_per_s": patches_per_s(settings.network, settings.width)}
        result.write_text(json.dumps(row))
    return json.loads(result.read_text())  # type: ignore[no-any-return]


def patches_per_s(network: str, width: int) -> float:
    """Patches that a core restores in a second of its own, in 32 bit as ``fix`` does."""
    model = (
        build(NetworkSettings(network, width, RESTORE_CHANNELS)).eval().to(memory_format=torch.channels_last)
    )
    maps = torch.rand(6, RESTORE_CHANNELS, 128, 128).contiguous(memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode():
        for _ in range(5):
            began = time.process_time()
            model(maps)
            seconds.append(time.process_time() - began)
    return round(len(maps) / min(seconds), 1)


def restoration_document(
    rows: list[dict[str, object]], settings: TrainSettings, options: argparse.Namespace
) -> dict[str, object]:
    """Everything, for a program, and the table as ``write_tables.py`` reads it."""
    names = ("width", "batch", "seed")
    protocol = {name: getattr(settings, name) for name in names}
    protocol |= {"patches_seen": settings.examples, "fills": options.fills}
    graded = "two_f" in rows[0]
    of_ar = [f"{rows[0]['two_f_ar']:.1f}"] if graded else []
    cells = [["none: AR", "–", "–", f"{rows[0]['lsd_ar_db']:.2f}", *of_ar]]
    rule = ["none: max(AR, interpolated neighbours)", "–", "–", f"{rows[0]['lsd_rule_db']:.2f}"]
    cells.append(rule + (["–"] if graded else []))
    for row in rows:
        size = f"{row['parameters'] / 1e6:.2f} M"  # type: ignore[operator]
        name = f"{row['network']}, {row['loss']}"
        two_f = [f"{row['two_f']:.1f}"] if graded else []
        cells.append([name, size, str(row["patches_per_s"]), f"{row['lsd_db']:.2f}", *two_f])
    header = ["network, loss", "parameters", "patches/s in fix", "log-spectral distance, dB"]
    header += ["2f of 40 to 320 ms"] if graded else []
    table = {"title": "Networks and losses on the task of fix", "header": header, "rows": cells}
    return {"made": time.strftime("%Y-%m-%d"), "protocol": protocol, "rows": rows, "tables": [table]}


def restoration_table(document: dict[str, object]) -> str:
    """Markdown, as trained."""
    table = document["tables"][0]  # type: ignore[index]
    header = table["header"]
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *table["rows"]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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
