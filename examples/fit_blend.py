"""How much of the network goes into a gap: what the ``Blend`` in fill/methods.py was chosen from.

    python examples/fit_blend.py corpus/validation [--added 0.25,0.5] [--shares 1] [--model FILE] [--json FILE]

Prints SDR, log-spectral distance and the 2f-model's score of the 3 s around each gap, of AR with each share of
the network and each limit of the energy that it adds, for gaps whose positions are told.
Neither other channels nor similar passages help here, as they leave the network nothing to do. The excerpts
are drawn from another seed than those that ``bench`` measures on.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np

from restore_audio.fill.fill import fill_spans
from restore_audio.fill.methods import METHODS, Blend, Method
from restore_audio.measure.material import Material, choose_material, load_excerpt
from restore_audio.measure.measured import Measured, Values
from restore_audio.measure.methods import Outcome
from restore_audio.measure.metrics import mean_finite
from restore_audio.measure.protocols import PROTOCOLS
from restore_audio.network.checkpoint import model_path
from restore_audio.network.predictor import Inpainter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="music that no weights were trained on")
    parser.add_argument("--shares", default="1", help="of the network")
    parser.add_argument("--added", default="0.12,0.25,0.5,1,inf", help="Blend.added")
    parser.add_argument("--lengths-ms", default="30,40,80,160,320", help="of the gaps")
    parser.add_argument("--model", default="restore", help="weights, by name or file")
    parser.add_argument("--excerpts", type=int, default=2, help="of each genre")
    parser.add_argument("--seconds", type=float, default=10.0, help="of an excerpt")
    parser.add_argument("--gaps", type=int, default=3, help="in an excerpt, of each length")
    parser.add_argument("--seed", type=int, default=1, help="of excerpts and gaps")
    parser.add_argument("--json", type=Path, help="write the table there as well")
    options = parser.parse_args()
    network = Inpainter.open(model_path(options.model), "restore")
    material = choose_material(
        options.data, per_genre=options.excerpts, seconds=options.seconds, seed=options.seed
    )
    ways: dict[str, Method] = {"AR alone": METHODS["ar"]}
    for share, added in product(options.shares.split(","), options.added.split(",")):
        blend = Blend(share=float(share), added=float(added))
        ways[f"share {share}, added {added}"] = Method("AR and network", blend=blend)
    lengths = tuple(float(ms) for ms in options.lengths_ms.split(","))
    values = measured(
        material, {name: (way, network) for name, way in ways.items()}, lengths, options.gaps, options.seed
    )
    rows = {
        name: [" / ".join(f"{mean_finite(column):.2f}" for column in columns) for columns in of_lengths]
        for name, of_lengths in values.items()
    }
    header = ["", *(f"{ms:g} ms" for ms in lengths)]
    about = f"Measured on {material.title}: SDR / log-spectral distance, dB / 2f-model"
    print(f"{about}\n")
    for row in (header, ["---", *["---:"] * len(lengths)], *([name, *cells] for name, cells in rows.items())):
        print("| " + " | ".join(row) + " |")
    if options.json is not None:
        table = {"title": about, "header": header, "rows": [[name, *cells] for name, cells in rows.items()]}
        options.json.write_text(
            json.dumps({"tables": [table]}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def measured(
    material: Material,
    ways: dict[str, tuple[Method, Inpainter]],
    lengths_ms: tuple[float, ...],
    gaps: int,
    seed: int,
) -> dict[str, list[tuple[Values, Values, Values]]]:
    """SDR, log-spectral distance and 2f of each gap that each way fills, for each length."""
    protocol = PROTOCOLS["gaps"]
    values: dict[str, list[tuple[Values, Values, Values]]] = {name: [] for name in ways}
    for condition in protocol.conditions(lengths_ms):
        for of_lengths in values.values():
            of_lengths.append(([], [], []))
        for number, excerpt in enumerate(material.excerpts):
            clean, rate_hz = load_excerpt(excerpt, mono=True)
            rng = np.random.default_rng((seed, number))
            for trial in protocol.trials(clean, rate_hz, condition, rng, gaps):
                for name, (method, network) in ways.items():
                    filled, _ = fill_spans(
                        trial.damaged,
                        trial.spans,
                        trial.rate_hz,
                        method=method,
                        open_network=lambda network=network: network,
                    )
                    made = Measured(trial, Outcome(filled, None, 0.0, None))
                    found = (made.gap_sdr_db, made.lsd_db(filled), made.gap_two_f)
                    for column, more in zip(values[name][-1], found, strict=True):
                        column += more
    return values


if __name__ == "__main__":
    main()
