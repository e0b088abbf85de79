"""Train the small networks that weigh what the detectors find (src/restore_audio/detection/verifier.json).

    python examples/corpus --part train --to corpus/train
    python examples/train_verifier.py corpus/train -o verifier.json

Negatives are what the screens fire at in clean music and speech; positives are simulated damage that they
found in it. A network of one hidden layer is trained three times for each kind and averaged; its bias is set
on tracks that it was not trained on, so that at the default sensitivity clean recordings stay as good as
clean: at most ALLOWED false alarms in ten minutes. ``--kinds`` trains some of them and keeps the others' weights.

Gaps are learned on passages of a window's length, since a gap's company is evidence: each passage as it is,
as two undamaged sounds that look damaged, and with gaps after three of the things that happen to recordings.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from small_network import fit_mean, scored

from restore_audio.audio.audiofile import read_audio
from restore_audio.damage.codecs import CODECS
from restore_audio.damage.families import apply, draw_after, draw_family
from restore_audio.damage.negatives import NEGATIVES, draw_negative
from restore_audio.damage.processed import PROCESSES
from restore_audio.damage.simulate import apply_damages, draw_damages
from restore_audio.data.library import scan_library
from restore_audio.detection.candidate import Candidate
from restore_audio.detection.clicks import find_clicks
from restore_audio.detection.gaps import find_gaps
from restore_audio.detection.screen import prediction_error

LONGEST_S = 0.4
FOLDS = 5
SETTINGS = {"hidden": 16, "epochs": 120, "batch": 512, "least_scale": 1e-6}
ALLOWED = {"gap": 1.1, "click": 0.1}
"""False alarms in ten minutes of undamaged music that the screens' candidates may give on tracks held out. Three
passages of the training packages look more like a gap than most gaps do, as some gates do that count for nothing
here, so that fewer would leave most gaps unfound."""

PASSAGE_S = 10.2
"""Length of a detection window."""

FAR_S = 0.3
"""What is found so far from all gaps of a damaged passage is the passage's own."""

HARD_NEGATIVES = ("gate", "gate", "expander", "rhythmic_gate", "castanets", "8bit", "staccato", "ducked")
"""What looks like gaps most."""


def clicked(rng: np.random.Generator, clean: np.ndarray, rate_hz: int):
    """A copy with clicks, in 16 bit, and what was done."""
    lengths_ms = [(0.1, 2.0), (1.0, 4.0)]
    damages = draw_damages(
        rng,
        "click",
        clean[None],
        rate_hz,
        per_second=0.8,
        length_ms=lengths_ms[int(rng.integers(len(lengths_ms)))],
        factor=(1.0, 1.3) if rng.random() < 0.5 else (1.0, 4.0),
    )
    return np.rint(apply_damages(clean[None], rate_hz, damages)[0] * 32768) / 32768, damages


class Gathered(NamedTuple):
    """What the screens fire at.

    Attributes:
        rows: evidence ``(N, features)``.
        labels: whether it is damage ``(N,)``.
        folds: of its track ``(N,)``.
        undamaged: whether it lies in music as it is ``(N,)``.
        hours: of music as it is.
    """

    rows: np.ndarray
    labels: np.ndarray
    folds: np.ndarray
    undamaged: np.ndarray
    hours: float


def gather_clicks(paths: list[Path], seconds: float) -> Gathered:
    """In whole tracks, and in a stretch of each with clicks."""
    rng = np.random.default_rng(12)
    rows, labels, folds, heard = [], [], [], 0.0
    for number, path in enumerate(paths):
        samples, info = read_audio(path)
        clean, rate_hz = samples[number % len(samples)], info.rate_hz
        heard += clean.size / rate_hz / 3600
        mistaken = candidates(clean, rate_hz)
        rows += [c.features for c in mistaken]
        labels += [0] * len(mistaken)
        length = min(clean.size, round(seconds * rate_hz))
        if length > 5 * rate_hz:
            start = int(rng.integers(clean.size - length + 1))
            audio, damages = clicked(rng, clean[start : start + length], rate_hz)
            found = candidates(audio, rate_hz)
            near = 0.0005 * rate_hz
            for d in damages:
                hits = [c for c in found if c.start < d.end + near and c.end > d.start - near]
                if hits:
                    rows.append(hits[0].features)
                    labels.append(1)
        folds += [number % FOLDS] * (len(rows) - len(folds))
    is_damage = np.array(labels)
    return Gathered(np.array(rows, dtype=np.float64), is_damage, np.array(folds), is_damage == 0, heard)


def candidates(audio: np.ndarray, rate_hz: int) -> list[Candidate]:
    """What may be a click."""
    return find_clicks(audio, prediction_error(audio, rate_hz), rate_hz)


def gather_gaps(paths: list[Path]) -> Gathered:
    """In a passage of each track, in two sounds made of it that look damaged, and in three with gaps."""
    rng = np.random.default_rng(11)
    rows, labels, folds, plain, heard = [], [], [], [], 0.0

    def look(
        audio: np.ndarray, rate_hz: int, truth: list[tuple[int, int]], fold: int, undamaged: bool = False
    ) -> None:
        for found in find_gaps(audio, rate_hz, round(LONGEST_S * rate_hz)):
            hits = [(a, b) for a, b in truth if found.start < b and found.end > a]
            far = all(found.end < a - FAR_S * rate_hz or found.start > b + FAR_S * rate_hz for a, b in truth)
            near = [
                (a, b)
                for a, b in hits[:1]
                if max(abs(found.start - a), abs(found.end - b)) < 0.003 * rate_hz + 0.1 * (b - a)
            ]
            if near or (not hits and far):
                rows.append(found.features)
                labels.append(int(bool(near)))
                folds.append(fold)
                plain.append(undamaged)

    for number, path in enumerate(paths):
        samples, info = read_audio(path)
        rate_hz, length = info.rate_hz, round(PASSAGE_S * info.rate_hz)
        start = int(rng.integers(max(samples.shape[1] - length, 0) + 1))
        passage = samples[number % len(samples)][None, start : start + length]
        if passage.shape[1] < 3 * rate_hz:
            continue
        heard += passage.shape[1] / rate_hz / 3600
        look(passage[0], rate_hz, [], number % FOLDS, undamaged=True)
        for sort in (str(rng.choice(NEGATIVES)), str(rng.choice(HARD_NEGATIVES))):
            look(apply(draw_negative(rng, sort), passage, rate_hz).samples[0], rate_hz, [], number % FOLDS)
        for step in rng.permutation(["none", *PROCESSES, *CODECS])[:3].tolist():
            gaps = draw_family(
                rng,
                "zeros" if rng.random() < 0.75 else "constant",
                passage,
                rate_hz,
                per_second=float(np.exp(rng.uniform(np.log(0.15), np.log(3.0)))),
                length_ms=(4.0 if step in CODECS else 1.7, 300.0),
                distance_ms=float(rng.choice([60, 250])),
            )
            after = [] if step == "none" else [draw_after(rng, step, rate_hz, samples=passage)]
            made = apply([gaps, *after], passage, rate_hz)
            if made.spans:
                truth = [(s.start, s.end) for s in made.spans]
                look(made.samples[0], made.rate_hz, truth, number % FOLDS)
    return Gathered(
        np.array(rows, dtype=np.float64), np.array(labels), np.array(folds), np.array(plain), heard
    )


def main() -> None:
    """Gather, train, set the bias, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=["gap", "click"], help="only these; others are kept")
    parser.add_argument("--tracks", type=int, default=0, help="only so many, drawn; 0: all")
    parser.add_argument("--seconds", type=float, default=75.0, help="of a track that get damaged")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = [t.path for t in scan_library(options.music).tracks]
    order = np.random.default_rng(0).permutation(len(paths))[: options.tracks or None]
    paths = [paths[i] for i in order]
    document = json.loads(options.output.read_text(encoding="utf-8")) if options.output.exists() else {}
    for kind in options.kinds:
        gathered = gather_gaps(paths) if kind == "gap" else gather_clicks(paths, options.seconds)
        rows, labels, folds, undamaged, heard = gathered
        held_out = np.zeros(len(rows))
        for fold in range(FOLDS):
            inside = folds == fold
            held_out[inside] = scored(fit_mean(rows[~inside], labels[~inside], **SETTINGS), rows[inside])
        worst = np.sort(held_out[undamaged])[::-1]
        threshold = float(worst[min(int(ALLOWED[kind] * heard * 6), len(worst) - 1)])
        net = fit_mean(rows, labels, **SETTINGS)
        recall = float(np.mean(held_out[labels == 1] > threshold))
        print(
            f"{kind}: {heard:.1f} h, {np.sum(labels == 0)} negatives, {np.sum(labels)} positives, {recall:.1%} kept"
        )
        rounded = {name: np.round(values, 5).tolist() for name, values in net.items()}
        document[kind] = {**rounded, "bias": float(net["bias"][0]) - threshold}
    options.output.write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
