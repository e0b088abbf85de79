"""Train the learned detector (src/restore_audio/detection/detector.safetensors).

    restore-audio data corpus --part train --to corpus/train
    python examples/detector_examples.py corpus/train --to segments --minutes 60 --seed 1
    python examples/train_detector.py fit segments --minutes 90 --state detector.pt
    python examples/detector_examples.py corpus/train --to more --minutes 20 --seed 9
    python examples/train_detector.py export detector.pt more corpus/train -o detector.safetensors

``fit`` trains on whatever segments there are, and on those that come while it runs. ``export`` sets the
thresholds on the tracks that were held out, so that undamaged music and lossy versions of it give at most
ALLOWED false spans in ten minutes and no undamaged sound that looks damaged more than one a minute, and writes
fp16 weights that numpy reads.
"""

from __future__ import annotations

import argparse
import csv
import json
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from detector_examples import UNKNOWN, Segment
from safetensors.numpy import save_file
from small_network import fit_mean, scored
from torch import nn

from restore_audio.damage.codecs import CODECS
from restore_audio.detection.features import BANDS, FEATURES, Levels, features_of, levels_of
from restore_audio.detection.frame_network import KINDS, QUARTERS, FrameNetwork, load_network
from restore_audio.detection.stretches import doubted, log_odds, measures_of

WIDTH = 64
DILATIONS = (1, 2, 4, 8, 16, 24, 4, 2, 1)
FOLDS = 5
SECOND = {"hidden": 16, "epochs": 100, "batch": 256, "least_scale": 1e-3}
"""How the network that weighs stretches is fitted."""

OPENED = -1.0
"""Log odds from which on a stretch is doubted."""

MARGIN = 0.2
ALLOWED = {"dropout": 0.04, "treble": 0.03, "concealed": 0.02, "noise": 0.01}
"""False spans in ten minutes of undamaged music."""

LOOKS_PER_MINUTE = 0.5
STEPS = 960
BATCH = 8
EDGE_QUARTERS = 160
"""Damage this near to a segment's ends is not taught: its mean over a second is not what it will be."""


class FrameNet(nn.Module):
    """:class:`restore_audio.detection.frame_network.FrameNetwork` in torch: ``(N, T, features)`` → ``(N, 4 T, kinds)``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(FEATURES, WIDTH, 1)
        self.conv = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, dilation=d, padding=d) for d in DILATIONS)
        self.mix = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in DILATIONS)
        self.head1 = nn.Conv1d(WIDTH, WIDTH, 1)
        self.head2 = nn.Conv1d(WIDTH, QUARTERS * len(KINDS), 1)
        for mix in self.mix:
            nn.init.normal_(mix.weight, 0.0, 0.3 / WIDTH**0.5)
            nn.init.zeros_(mix.bias)
        with torch.no_grad():
            self.head2.bias.view(QUARTERS, -1)[:, 0] = 4.0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits."""
        hidden = F.relu(self.stem(rows.transpose(1, 2)))
        for conv, mix in zip(self.conv, self.mix, strict=True):
            hidden = hidden + mix(F.relu(conv(hidden)))
        made = self.head2(F.relu(self.head1(F.relu(hidden))))
        return made.transpose(1, 2).reshape(len(rows), -1, len(KINDS))


def augmented(rng: np.random.Generator, segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of a segment at another gain, with fewer bands, or of one of its channels."""
    levels, labels = segment.levels(), segment.labels.copy()
    gain = np.float32(rng.uniform(-12, 6))
    steps = levels.bands.shape[1]
    first = int(rng.integers(max(steps - STEPS, 0) + 1))
    bands = np.maximum(levels.bands[:, first : first + STEPS] + gain, -110)
    fine = np.maximum(levels.fine[:, first : first + STEPS] + gain, -100)
    side = np.maximum(levels.side[:, first : first + STEPS] + gain, -100)
    labels = labels[:, QUARTERS * first : QUARTERS * (first + STEPS)]
    usable = levels.usable
    if rng.random() < 0.15 and usable > 12:
        usable = int(rng.integers(12, usable + 1))
        bands[..., usable:BANDS] = -110
    if len(bands) == 2 and rng.random() < 0.12:
        one = slice(*(lambda c: (c, c + 1))(int(rng.integers(2))))
        bands, fine, side, labels = bands[one], fine[one], np.full_like(side[one], -100), labels[one]
    short = STEPS - bands.shape[1]
    if short > 0:
        bands, fine, side = (
            np.pad(a, [(0, 0), (0, short)] + [(0, 0)] * (a.ndim - 2), mode="edge")
            for a in (bands, fine, side)
        )
        labels = np.pad(labels, ((0, 0), (0, QUARTERS * short)), constant_values=UNKNOWN)
    for edge in (slice(None, EDGE_QUARTERS), slice(-EDGE_QUARTERS, None)):
        labels[:, edge] = np.where(labels[:, edge] == 0, 0, UNKNOWN)
    return features_of(Levels(bands, fine, side, usable)), labels


def batches(rng: np.random.Generator, folder: Path) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of channels, for ever: four files at a time, shuffled."""
    rows: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    while True:
        files = sorted(folder.glob("*.pickle"))
        rng.shuffle(files)
        for start in range(0, len(files), 4):
            segments = [
                Segment(**row) for f in files[start : start + 4] for row in pickle.loads(f.read_bytes())
            ]
            for number in rng.permutation(len(segments)):
                made = augmented(rng, segments[int(number)])
                rows += list(made[0])
                labels += list(made[1])
                while len(rows) >= BATCH:
                    x = torch.from_numpy(np.stack(rows[:BATCH]))
                    yield x, torch.from_numpy(np.stack(labels[:BATCH]).astype(np.int64))
                    rows, labels = rows[BATCH:], labels[BATCH:]


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy in which a healthy 2 ms counts the more, the more it is taken for damage."""
    known = labels != UNKNOWN
    wanted = torch.where(known, labels, 0)
    logs = F.log_softmax(logits, dim=-1)
    entropy = -logs.gather(-1, wanted[..., None])[..., 0]
    doubted = 1.0 - logs[..., 0].exp().detach()
    weight = torch.where(wanted == 0, 0.3 + 2.0 * doubted, 1.0) * known
    return 10.0 * (entropy * weight).sum() / known.sum()


def fit(options: argparse.Namespace) -> None:
    """Train for so many minutes; write the weights' running mean every 500 batches."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    net = FrameNet()
    if options.start:
        net.load_state_dict(torch.load(options.start))
    mean = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.Adam(net.parameters(), lr=options.rate, betas=(0.9, 0.98))
    started, losses = time.time(), []
    for step, (rows, labels) in enumerate(batches(np.random.default_rng(options.seed), options.segments), 1):
        done = (time.time() - started) / 60 / options.minutes
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, step / 200) * 0.5 * (1 + np.cos(np.pi * done))
        logits = net(rows)
        loss = loss_of(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in net.state_dict().items():
                mean[name].mul_(keep).add_(value, alpha=1 - keep)
        losses.append(loss.item())
        if step % 200 == 0:
            print(
                f"{step} batches, {time.time() - started:.0f} s ({time.process_time():.0f} s on the processor), loss {np.mean(losses[-200:]):.4f}",
                flush=True,
            )
        if step % 500 == 0:
            torch.save(mean, options.state)
    torch.save(mean, options.state)


def arrays_of(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Weights as :class:`FrameNetwork` wants them, fp16."""
    arrays = {}
    for name, value in state.items():
        if name.endswith("bias"):
            arrays[name] = value
        elif name.startswith("conv."):
            arrays[name] = torch.cat([value[:, :, tap].T for tap in range(3)], dim=1)
        else:
            arrays[name] = value[:, :, 0].T
    return {name: np.ascontiguousarray(value.numpy().astype(np.float16)) for name, value in arrays.items()}


def write(
    path: Path, state: dict[str, torch.Tensor], weigher: dict[str, np.ndarray] | None, settings: dict
) -> None:
    """Weights and settings into one safetensors file."""
    second = {
        f"second.{name}": np.ascontiguousarray(value, np.float32) for name, value in (weigher or {}).items()
    }
    arrays = {**arrays_of(state), **second}
    save_file(arrays, path, metadata={"settings": json.dumps({"dilations": DILATIONS, **settings})})


@dataclass
class Heard:
    """Stretches that a network doubts in a folder of segments or in music."""

    measures: list[np.ndarray] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    damage: list[bool] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    place: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(
        self,
        network: FrameNetwork,
        levels: Levels,
        where: str,
        place: str,
        labels: np.ndarray | None = None,
    ) -> None:
        """Of one recording; stretches that only touch what is not known are left out."""
        self.seconds[where] = self.seconds.get(where, 0.0) + 0.008 * levels.bands.shape[1]
        scores = network.scores(features_of(levels))
        odds = log_odds(scores)
        found = doubted(scores, odds, network.opened)
        for stretch, row in zip(found, measures_of(found, scores, odds, levels), strict=True):
            inside = np.zeros(1) if labels is None else labels[stretch.channel, stretch.first : stretch.last]
            damage = bool(np.any((inside > 0) & (inside < UNKNOWN)))
            if damage or not np.any(inside == UNKNOWN):
                self.measures.append(row)
                self.kinds.append(stretch.kind)
                self.damage.append(damage)
                self.where.append(where)
                self.place.append(f"{place} + {0.002 * stretch.first:.2f} s, channel {stretch.channel + 1}")


@lru_cache(maxsize=1)
def _joined(music: Path) -> frozenset[str]:
    """Tracks that the recipe has joined from clips: their joins are gaps, and some are found, rightly."""
    manifest = music / "manifest.csv"
    rows = csv.DictReader(manifest.read_text(encoding="utf-8").splitlines()) if manifest.exists() else []
    return frozenset(Path(row["file"]).name for row in rows if row["how"] == "join")


def hear(network: FrameNetwork, segments: Path, music: Path, seconds: float) -> Heard:
    """The segments, and so much of the middle of every track."""
    heard = Heard()
    for path in sorted(segments.glob("*.pickle")):
        for row in pickle.loads(path.read_bytes()):
            segment = Segment(**row)
            words = segment.story.split()
            where = "damaged" if words[0] == "damaged" else words[1] if words[0] == "negative" else "clean"
            heard.add(network, segment.levels(), where, segment.story, segment.labels)
    for path in sorted(music.glob("*/*")):
        if path.name in _joined(music):
            continue
        try:
            with soundfile.SoundFile(path) as file:
                length = round(seconds * file.samplerate)
                file.seek(max(file.frames - length, 0) // 2)
                audio = file.read(length, dtype="float32", always_2d=True).T
                rate_hz = file.samplerate
        except (soundfile.LibsndfileError, RuntimeError):
            continue
        for start in range(0, audio.shape[1], 20 * rate_hz):
            piece = audio[:, start : start + 20 * rate_hz]
            if piece.shape[1] > rate_hz:
                first_s = (max(file.frames - length, 0) // 2 + start) / rate_hz
                heard.add(network, levels_of(piece, rate_hz), "music", f"{path.name} at {first_s:.2f}")
    return heard


def export(options: argparse.Namespace) -> None:
    """Fit the second network and the thresholds; write all."""
    torch.set_num_threads(1)
    state = torch.load(options.state)
    write(options.output, state, None, {"opened": OPENED})
    network = load_network(options.output)
    heard = hear(network, options.segments, options.music, options.seconds)
    if options.keep:
        options.keep.write_bytes(pickle.dumps(vars(heard)))
    rows, damage = np.array(heard.measures), np.array(heard.damage)
    kinds, where = np.array(heard.kinds), np.array(heard.where)
    fold = np.random.default_rng(0).integers(FOLDS, size=len(rows))
    out = np.zeros(len(rows))
    for number in range(FOLDS):
        inside = fold == number
        out[inside] = scored(fit_mean(rows[~inside], damage[~inside], **SECOND), rows[inside])
    thresholds = {}
    minutes = (heard.seconds.get("music", 0.0) + heard.seconds.get("clean", 0.0)) / 60
    for kind, allowed in ALLOWED.items():
        mine = kinds == kind
        clean = mine & np.isin(where, ["music", "clean", *CODECS]) & ~damage
        bars = {"music": nth_score(out[clean], int(allowed * minutes / 10))}
        for sort in set(where) - {"music", "clean", "damaged", *CODECS}:
            most = int(LOOKS_PER_MINUTE * heard.seconds[sort] / 60)
            bars[sort] = nth_score(out[mine & (where == sort) & ~damage], most)
        worst = sorted(bars.items(), key=lambda pair: -pair[1])[:3]
        thresholds[kind] = round(max(max(bars.values()), 0.0) + MARGIN, 3)
        loudest = [n for n in np.argsort(-out) if mine[n] and clean[n]][:6]
        for n in loudest:
            print(f"    {out[n]:.2f} {heard.place[n]}")
        hits = mine & damage
        print(
            f"{kind}: {thresholds[kind]:.2f} by {worst}; of {hits.sum()} doubted {np.mean(out[hits] > thresholds[kind]):.1%} kept"
        )
    weigher = fit_mean(rows, damage, **SECOND)
    write(options.output, state, weigher, {"opened": OPENED, "thresholds": thresholds})
    print(f"{minutes / 60:.1f} h of music, {len(rows)} stretches, {damage.sum()} of them damage")


def nth_score(scores: np.ndarray, allowed: int) -> float:
    """The score that only ``allowed`` of them exceed."""
    ordered = np.sort(scores)[::-1]
    return float(ordered[allowed]) if len(ordered) > allowed else -9.0


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("segments", type=Path)
    fitting.add_argument("--minutes", type=float, default=90.0)
    fitting.add_argument("--rate", type=float, default=2e-3)
    fitting.add_argument("--seed", type=int, default=0)
    fitting.add_argument("--start", type=Path, help="weights to go on from")
    fitting.add_argument("--state", type=Path, required=True)
    fitting.set_defaults(run=fit)
    exporting = commands.add_parser("export")
    exporting.add_argument("state", type=Path)
    exporting.add_argument("segments", type=Path, help="drawn from a seed that was not trained on")
    exporting.add_argument("music", type=Path)
    exporting.add_argument("-o", "--output", type=Path, required=True)
    exporting.add_argument("--seconds", type=float, default=60.0, help="of each track, from its middle")
    exporting.add_argument("--keep", type=Path, help="what was doubted, to look at")
    exporting.set_defaults(run=export)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
