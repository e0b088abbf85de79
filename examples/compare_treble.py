"""Lost treble between known neighbours: the repair of ``fix`` beside networks that predict an upper band.

    python examples/compare_treble.py corpus/validation runs/tfnet/best.safetensors runs/band/best.safetensors

At 16 kHz, where TFNet and the patch network of 'train --task super-resolution' work: stretches of 10 to 200 ms whose
treble is gone (15 to 40 dB, above 1 to 5.6 kHz), at told positions. The networks see half a second on either side and how
much of the band is left, and serve inside of the spans alone, with a fade of 2 ms. Prints SDR and log-spectral
distance in the spans, and in how many of them a method leaves more error than there was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from restore_audio.damage.simulate import Damage, apply_damages, damage_spans, draw_damages
from restore_audio.fill.fill import fill_spans
from restore_audio.fill.methods import method_named
from restore_audio.measure.material import choose_material, load_excerpt
from restore_audio.measure.measured import Measured
from restore_audio.measure.metrics import mean_finite
from restore_audio.measure.trials import Outcome, Trial
from restore_audio.network.checkpoint import model_path
from restore_audio.network.predictor import Inpainter
from restore_audio.network.super_resolver import SuperResolver
from restore_audio.network.tfnet import SAMPLES
from restore_audio.train.super_resolution import SHARES

RATE_HZ = 16_000
FADE_SAMPLES = 32
WORSE_DB = 1.0

Way = Callable[[Trial, Damage], NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="music that no weights were trained on")
    parser.add_argument("models", type=Path, nargs="*", help="weights of the task super-resolution")
    parser.add_argument("--excerpts", type=int, default=2, help="of each genre")
    parser.add_argument("--seconds", type=float, default=20.0, help="of an excerpt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the table there as well")
    options = parser.parse_args()
    restore = Inpainter.open(model_path("restore"), "restore")
    ways: dict[str, Way] = {
        "nothing": lambda trial, damage: trial.damaged,
        "AR alone, as if nothing were left": lambda trial, damage: filled(trial, "ar", None, kind="zeros"),
        "AR and the network, as if nothing were left": (
            lambda trial, damage: filled(trial, "ar+network", restore, kind="zeros")
        ),
        "the repair of fix": lambda trial, damage: filled(trial, "auto", restore, kind="treble"),
    }
    for path in options.models:
        resolver = SuperResolver.open(path)
        ways[path.parent.name] = lambda trial, damage, resolver=resolver: served(trial, damage, resolver)
    columns: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ways}
    material = choose_material(
        options.data, per_genre=options.excerpts, seconds=options.seconds, seed=options.seed
    )
    for number, excerpt in enumerate(material.excerpts):
        clean, rate_hz = load_excerpt(excerpt, mono=True)
        mono = soxr.resample(clean[0], rate_hz, RATE_HZ)[None]
        rng = np.random.default_rng((options.seed, number))
        drawn = draw_damages(rng, "treble", mono, RATE_HZ, length_ms=(10.0, 200.0), depth_db=(15.0, 40.0))
        for damage in drawn:
            damaged = apply_damages(mono, RATE_HZ, [damage])
            trial = Trial(mono, damaged, RATE_HZ, tuple(damage_spans([damage])), told=True)
            for name, way in ways.items():
                made = Measured(trial, Outcome(way(trial, damage), None, 0.0, None))
                columns[name][0].extend(made.gap_sdr_db)
                columns[name][1].extend(made.lsd_db(made.samples))
    before = np.array(columns["nothing"][0])
    rows = []
    for name, (sdr, lsd) in columns.items():
        worse = float(np.mean(np.array(sdr) < before - WORSE_DB))
        rows.append([name, f"{mean_finite(sdr):.1f}", f"{mean_finite(lsd):.2f}", f"{100 * worse:.0f}"])
    header = ["", "SDR, dB", "log-spectral distance, dB", "worse by more than 1 dB, %"]
    print(f"{before.size} spans of {material.title}\n")
    for row in (header, ["---", *["---:"] * 3], *rows):
        print("| " + " | ".join(row) + " |")
    if options.json is not None:
        title = f"Lost treble at 16 kHz, {before.size} spans"
        table = {"title": title, "header": header, "rows": rows}
        options.json.write_text(
            json.dumps({"tables": [table]}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def filled(trial: Trial, method: str, network: Inpainter | None, *, kind: str) -> NDArray[np.float64]:
    """By the fills of the tool."""
    spans = [replace(span, kind=kind) for span in trial.spans]
    return fill_spans(
        trial.damaged, spans, RATE_HZ, method=method_named(method), open_network=lambda: network
    )[0]


def served(trial: Trial, damage: Damage, resolver: SuperResolver) -> NDArray[np.float64]:
    """By a network that predicts the upper band of a whole recording."""
    left = (damage.cutoff_hz or 0.0) / (RATE_HZ / 2)
    share = max((share for share in SHARES if share <= left), default=min(SHARES))
    result = trial.damaged.copy()
    first = max(damage.start - SAMPLES, 0)
    made = resolver.restore(trial.damaged[0, first : damage.end + SAMPLES], share)[damage.start - first :]
    inside = slice(damage.start, damage.end)
    place = np.arange(damage.end - damage.start)
    edge = np.minimum(place + 1, place[::-1] + 1) / FADE_SAMPLES
    fade = np.sin(0.5 * np.pi * np.clip(edge, 0.0, 1.0)) ** 2
    result[0, inside] += fade * (made[: fade.size] - result[0, inside])
    return result


if __name__ == "__main__":
    main()
