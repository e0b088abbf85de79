"""Train the learned detector (src/restore_audio/detection/detector.safetensors).

    python examples/corpus --part train --to corpus/train
    python examples/detector_examples.py corpus/train --to segments --minutes 60 --seed 1
    python examples/train_detector.py fit segments --minutes 90 --state detector.pt
    python examples/detector_examples.py corpus/train --to more --minutes 10 --seed 8
    python examples/detector_examples.py corpus/train --to more --minutes 10 --seed 9 --held-out
    python examples/detector_examples.py corpus/train --to music --undamaged 45
    python examples/train_detector.py export detector.pt more music -o detector.safetensors

``fit`` trains on whatever segments there are, and on those that come while it runs. ``export`` fits the
networks that weigh stretches, on segments that were not trained on and on undamaged music, sets the thresholds by what
they say of pieces that they were not fitted on, so that undamaged music and lossy versions of it have at most ALLOWED
pieces with a false span in ten minutes and no undamaged sound that looks damaged more than LOOKS_PER_MINUTE, and
writes fp16 weights that numpy reads.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from detector_examples import UNKNOWN, Segment
from safetensors.numpy import load_file, save_file
from small_network import fit_two_layers
from torch import nn

from restore_audio.damage.codecs import CODECS
from restore_audio.damage.tape import REFERENCE_HZ, Dropout
from restore_audio.detection.features import BANDS, FEATURES, FINE, Levels, centres_hz, features_of
from restore_audio.detection.frame_network import (
    KINDS,
    QUARTERS,
    FrameNetwork,
    load_network,
    weighed_by,
)
from restore_audio.detection.stretches import doubted, log_odds, measures_of

WIDTH = 64
DILATIONS = (1, 2, 4, 8, 16, 32, 32, 4, 1)
FOLDS = 4
SECOND = {
    "hidden": (64, 32),
    "seeds": range(3),
    "epochs": 40,
    "batch": 512,
    "rate": 4e-3,
    "least_scale": 1e-3,
    "weight_decay": 1e-3,
}
"""How the network that weighs stretches is fitted."""

OPENED = -1.0
"""Log odds from which on a stretch is doubted."""

MARGIN = 0.05
ALLOWED = {"dropout": 0.1, "treble": 0.12, "concealed": 0.07, "noise": 0.03}
"""Pieces of undamaged music with a false span, in ten minutes of the training packages. Most are electronic music
that is chopped or filtered for effect, which these packages have more of than others, and such a piece
has many: so pieces are counted, not spans."""

LEAST_BARS = {"dropout": 3.8, "treble": 5.3, "concealed": 4.2, "noise": 2.0}
"""Thresholds that are not gone below. The training packages have little speech of few kilobits a second, whose
treble comes and goes: at 2.9, 2.0 and 2.5 such speech had nine false places in half an hour."""

LOOKS_PER_MINUTE = 0.9
"""False places in a minute of any undamaged sound that looks damaged."""

STEPS = 960
BATCH = 12
FRAME = np.hanning(14)[1:-1] ** 2
"""Power that each millisecond has in a frame of the bands."""

STRUCK = 0.35
"""Share of the segments whose levels are struck by more dropouts each time they are seen."""

SEEN_DB = -4.4
"""A loss that changes the level's amplitude by WEAK_DB of it."""

QUIETEST_DB = -75.0
"""Level of the first difference around a dropout below which nobody hears it."""

EDGE_QUARTERS = 160
"""Damage this near to a segment's ends is not taught: its mean over a second is not what it will be."""


class FrameNet(nn.Module):
    """:class:`restore_audio.detection.frame_network.FrameNetwork` in torch: ``(N, T, features)`` → ``(N, 4 T, kinds)``.

    A convolution over three steps is a product with the three of them side by side: so it runs in bf16 on a
    processor at twice the speed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(FEATURES, WIDTH)
        self.conv = nn.ModuleList(nn.Linear(3 * WIDTH, WIDTH) for _ in DILATIONS)
        self.mix = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in DILATIONS)
        self.head1 = nn.Linear(WIDTH, WIDTH)
        self.head2 = nn.Linear(WIDTH, QUARTERS * len(KINDS))
        for mix in self.mix:
            nn.init.normal_(mix.weight, 0.0, 0.3 / WIDTH**0.5)
            nn.init.zeros_(mix.bias)
        with torch.no_grad():
            self.head2.bias.view(QUARTERS, -1)[:, 0] = 4.0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Logits."""
        hidden = F.relu(self.stem(rows))
        steps = hidden.shape[1]
        for conv, mix, dilation in zip(self.conv, self.mix, DILATIONS, strict=True):
            padded = F.pad(hidden, (0, 0, dilation, dilation))
            three = torch.cat([padded[:, :steps], hidden, padded[:, 2 * dilation :]], dim=-1)
            hidden = hidden + mix(F.relu(conv(three)))
        made = self.head2(F.relu(self.head1(F.relu(hidden))))
        return made.reshape(len(rows), -1, len(KINDS))


def augmented(rng: np.random.Generator, segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of a segment at another gain, with fewer bands or more dropouts, or of one channel."""
    levels, labels = segment.levels(), segment.labels.copy()
    if rng.random() < STRUCK:
        levels = struck(rng, levels, labels)
    gain = np.float32(rng.uniform(-12, 6))
    steps = levels.bands.shape[1]
    first = int(rng.integers(max(steps - STEPS, 0) + 1))
    bands = np.maximum(levels.bands[:, first : first + STEPS] + gain, -110)
    fine, side, error = (
        np.maximum(part[:, first : first + STEPS] + gain, -100)
        for part in (levels.fine, levels.side, levels.error)
    )
    labels = labels[:, QUARTERS * first : QUARTERS * (first + STEPS)]
    usable = levels.usable
    if rng.random() < 0.1 and usable > 12:
        usable = int(rng.integers(12, usable + 1))
        bands[..., usable:BANDS] = -110
    if len(bands) == 2 and rng.random() < 0.12:
        one = slice(*(lambda c: (c, c + 1))(int(rng.integers(2))))
        bands, fine, error, labels = bands[one], fine[one], error[one], labels[one]
        side = np.full_like(side[one], -100)
    short = STEPS - bands.shape[1]
    if short > 0:
        bands, fine, side, error = (
            np.pad(a, [(0, 0), (0, short)] + [(0, 0)] * (a.ndim - 2), mode="edge")
            for a in (bands, fine, side, error)
        )
        labels = np.pad(labels, ((0, 0), (0, QUARTERS * short)), constant_values=UNKNOWN)
    for edge in (slice(None, EDGE_QUARTERS), slice(-EDGE_QUARTERS, None)):
        labels[:, edge] = np.where(labels[:, edge] == 0, 0, UNKNOWN)
    return features_of(Levels(bands, fine, side, error, usable)), labels


def struck(rng: np.random.Generator, levels: Levels, labels: np.ndarray) -> Levels:
    """More dropouts of a tape (:mod:`restore_audio.damage.tape`) in the levels; ``labels`` are written to."""
    channels, steps = levels.bands.shape[:2]
    made = Levels(
        *(part.copy() for part in vars(levels).values() if isinstance(part, np.ndarray)), levels.usable
    )
    at, pause_ms = float(rng.uniform(200, 1200)), float(np.exp(rng.uniform(np.log(300), np.log(4000))))
    while True:
        length = float(np.exp(rng.uniform(np.log(5), np.log(300))))
        start, end = int(at), int(at + length) + 1
        at = end + 100 + float(rng.exponential(pause_ms))
        if end + 200 > FINE * steps:
            return made
        if np.any(labels[:, max(start // 2 - 50, 0) : end // 2 + 50]):
            continue
        depth = float(rng.uniform(6, 40)) if rng.random() < 0.5 else float(rng.uniform(6, 20))
        share = 0.0 if rng.random() < 0.5 else float(rng.uniform(0.2, 1.0))
        plateau = float(rng.uniform(0, 0.9)) if rng.random() < 0.6 else 0.0
        skew = float(rng.uniform(0.3, 0.7))
        noise_db = float(rng.uniform(-60, -30)) if rng.random() < 0.5 else None
        hit = range(channels) if rng.random() < 0.7 else [int(rng.integers(channels))]
        loudest = hit[int(rng.integers(len(hit)))]
        around = slice(max(start // FINE - 5, 0), end // FINE + 5)
        for channel in hit:
            if made.fine[channel, around, 0].mean() > QUIETEST_DB:
                deep = depth if channel == loudest else depth * float(rng.uniform(0.15, 1.0))
                lost = Dropout(start, end, channel, deep, deep * share, plateau, skew, noise_db)
                lift(made, labels, lost)
        if channels == 2:
            _side_struck(levels, made, slice(start // FINE, -(-end // FINE)))


def lift(levels: Levels, labels: np.ndarray, dropout: Dropout) -> None:
    """Take a dropout's loss off the levels of its channel; its times are milliseconds.

    The loss of the differences is that of the bands, weighed by what each adds to them; that of the error of prediction is
    about that of the second difference.
    """
    channel, hz = dropout.channel, centres_hz()
    first, last = dropout.start // FINE, min(-(-dropout.end // FINE), levels.bands.shape[1])
    bell = np.zeros(FINE * (last - first))
    offset = dropout.start - FINE * first
    bell[offset : offset + dropout.end - dropout.start] = dropout.bell()[: bell.size - offset]
    more_db = dropout.depth_db - dropout.level_db
    loss_db = np.minimum(dropout.level_db + more_db * hz / REFERENCE_HZ, 90)
    gains = 10 ** (-np.outer(bell, loss_db) / 10)  # of power, (ms, bands)
    frames = np.lib.stride_tricks.sliding_window_view(
        np.pad(gains, ((4, 8), (0, 0)), mode="edge"), 12, axis=0
    )
    of_frames = frames[::4][: 2 * (last - first)] @ (FRAME / FRAME.sum())
    power = 10 ** (levels.bands[channel, first:last] / 10)
    noise = 0.0 if dropout.noise_db is None else 10 ** (dropout.noise_db / 10) * power.mean(axis=(0, 1))
    of_frames = of_frames.reshape(power.shape)
    levels.bands[channel, first:last] = 10 * np.log10(power * of_frames + noise * (1 - of_frames) + 1e-11)
    of_ms = np.repeat(power.mean(axis=1), FINE, axis=0)
    seen = np.zeros(bell.size, dtype=bool)
    parts = (levels.fine[channel, :, 0], levels.fine[channel, :, 1], levels.error[channel])
    for part, order in zip(parts, (2, 4, 4), strict=True):
        weights = of_ms * hz**order
        gain_db = 10 * np.log10((weights * gains).sum(axis=1) / (weights.sum(axis=1) + 1e-30) + 1e-9)
        part[first:last] = np.maximum(part[first:last] + gain_db.reshape(-1, FINE), -100)
        seen |= gain_db < SEEN_DB
    row = labels[channel]
    row[dropout.start // 2 : -(-dropout.end // 2)] = UNKNOWN
    places = np.flatnonzero(seen) + FINE * first
    if places.size:
        treble = dropout.level_db + 0.1 * more_db < 3.0  # at 500 Hz
        row[places[0] // 2 : places[-1] // 2 + 1] = KINDS.index("treble" if treble else "dropout")


def _side_struck(before: Levels, after: Levels, steps: slice) -> None:
    """What the two channels do not share, if they are as like as they were."""
    a, b = 10 ** (before.fine[:, steps, 0] / 20)
    alike = np.clip((a**2 + b**2 - 10 ** (before.side[0, steps] / 10)) / (2 * a * b + 1e-12), -1, 1)
    a, b = 10 ** (after.fine[:, steps, 0] / 20)
    after.side[:, steps] = 10 * np.log10(np.maximum(a**2 + b**2 - 2 * alike * a * b, 1e-10))


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
        net.load_state_dict(
            state_of(options.start) if options.start.suffix == ".safetensors" else torch.load(options.start)
        )
    mean = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.Adam(net.parameters(), lr=options.rate, betas=(0.9, 0.98))
    started, losses = time.time(), []
    for step, (rows, labels) in enumerate(batches(np.random.default_rng(options.seed), options.segments), 1):
        done = (time.time() - started) / 60 / options.minutes
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = options.rate * min(1.0, step / 200) * 0.5 * (1 + np.cos(np.pi * done))
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(rows)
        loss = loss_of(logits.float(), labels)
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
            arrays[name] = torch.cat([tap.T for tap in value.split(WIDTH, dim=1)], dim=1)
        else:
            arrays[name] = value.T
    return {name: np.ascontiguousarray(value.numpy().astype(np.float16)) for name, value in arrays.items()}


def state_of(path: Path) -> dict[str, torch.Tensor]:
    """The frame network's weights in a file of :func:`write`, as :class:`FrameNet` wants them."""
    state = {}
    for name, array in load_file(path).items():
        value = torch.from_numpy(array.astype(np.float32))
        if name.startswith("second."):
            continue
        if name.startswith("conv.") and name.endswith("weight"):
            value = torch.cat([tap.T for tap in value.split(WIDTH, dim=1)], dim=1)
        elif not name.endswith("bias"):
            value = value.T
        state[name] = value.contiguous()
    return state


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
    """Stretches that a network doubts in folders of segments and in music: one entry for each, or each place.

    Attributes:
        measures: of each stretch.
        kinds: of the frame network.
        damage: whether it is.
        places: number of its recording, channel, first and last quarter.
        tracks: number of the track that it is from, -1 for what was synthesised or drawn.
        names: of each recording: its sort, and which.
        seconds: of all recordings of a sort.
    """

    measures: list[np.ndarray] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    damage: list[bool] = field(default_factory=list)
    places: list[tuple[int, int, int, int]] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def extend(self, other: Heard) -> None:
        """Add what is in another."""
        first = len(self.names)
        self.measures += other.measures
        self.kinds += other.kinds
        self.damage += other.damage
        self.names += other.names
        self.places += [(first + number, *place) for number, *place in other.places]
        for sort, seconds in other.seconds.items():
            self.seconds[sort] = self.seconds.get(sort, 0.0) + seconds

    def add(
        self,
        network: FrameNetwork,
        levels: Levels,
        sort: str,
        name: str,
        labels: np.ndarray | None = None,
    ) -> None:
        """Of one recording; stretches that only touch what is not known are left out."""
        self.seconds[sort] = self.seconds.get(sort, 0.0) + 0.008 * levels.bands.shape[1]
        self.names.append((sort, name))
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
                self.places.append((len(self.names) - 1, stretch.channel, stretch.first, stretch.last))


def hear(network: FrameNetwork, folders: list[Path]) -> Heard:
    """All segments of the folders."""
    heard = Heard()
    for path in sorted(path for folder in folders for path in folder.glob("*.pickle")):
        for row in pickle.loads(path.read_bytes()):
            segment = Segment(**row)
            words = segment.story.split()
            sort = words[1] if words[0] == "negative" else words[0]
            heard.add(network, segment.levels(), sort, segment.story, segment.labels)
    return heard


def false_places(
    heard: Heard, sorts: set[str], scores: np.ndarray, thresholds: dict[str, float]
) -> list[tuple[str, str]]:
    """Where undamaged recordings would be reported, once for all channels: each recording, and kind and time.

    What several channels show is more certain than what one shows, as :mod:`restore_audio.detection.detect` has it.
    """
    bars = np.array([thresholds[kind] for kind in heard.kinds])
    certain = 1 / (1 + np.exp(-np.clip(scores - bars, -30, 30)))
    by_name: dict[int, list[int]] = {}
    for n, place in enumerate(heard.places):
        if not heard.damage[n] and heard.names[place[0]][0] in sorts and certain[n] > 0.01:
            by_name.setdefault(place[0], []).append(n)
    found = []
    for name, numbers in by_name.items():
        taken: list[tuple[str, int, int]] = []
        for n in numbers:
            _, channel, first, last = heard.places[n]
            doubt = 1 - certain[n]
            for m in numbers:
                _, other, start, end = heard.places[m]
                if other != channel and min(last, end) - max(first, start) >= 0.5 * max(
                    last - first, end - start
                ):
                    doubt *= 1 - 0.5 * certain[m]
            kind = heard.kinds[n]
            if doubt <= 0.5 and not any(k == kind and first < e and s < last for k, s, e in taken):
                taken.append((kind, first, last))
        found += [(heard.names[name][1], f"{kind} + {0.002 * first:.2f} s") for kind, first, _ in taken]
    return found


def least_thresholds(heard: Heard, scores: np.ndarray) -> dict[str, float]:
    """The lowest threshold of each kind at which no more is reported than may be."""
    minutes = (heard.seconds.get("music", 0.0) + heard.seconds.get("clean", 0.0)) / 60
    looks = sorted(set(heard.seconds) - {"music", "clean", "damaged", *CODECS})
    thresholds = {}
    for kind, allowed in ALLOWED.items():
        last_worst = "nothing"
        for bar in np.arange(LEAST_BARS[kind] - MARGIN, 9.0, 0.1):
            bars = dict.fromkeys(ALLOWED, 99.0) | {kind: float(bar)}
            music = false_places(heard, {"music", "clean", *CODECS}, scores, bars)
            pieces = {piece_of(name) or name for name, _ in music}
            worst = "music" if len(pieces) > allowed * minutes / 10 else ""
            for sort in () if worst else looks:
                most = max(LOOKS_PER_MINUTE * heard.seconds[sort] / 60, 1.0)
                if len(false_places(heard, {sort}, scores, bars)) > most:
                    worst = sort
                    break
            if not worst:
                break
            last_worst = worst
        thresholds[kind] = round(float(bar) + MARGIN, 3)
        print(f"{kind}: {thresholds[kind]} because of {last_worst}")
        for line in music[:8]:
            print(f"    {': '.join(line)}")
    return thresholds


def cross_validated(heard: Heard) -> np.ndarray:
    """A score for each stretch, by networks that were fitted on other recordings, and on no other place of its piece."""
    rows, damage = np.array(heard.measures), np.array(heard.damage)
    numbers: dict[str, int] = {}
    pieces = [
        numbers.setdefault(piece_of(name) if sort == "music" else f"{n} {name}", len(numbers))
        for n, (sort, name) in enumerate(heard.names)
    ]
    fold = np.random.default_rng(0).integers(FOLDS, size=len(numbers))[pieces]
    fold = fold[[place[0] for place in heard.places]]
    out = np.zeros(len(rows))
    for number in range(FOLDS):
        inside = fold == number
        out[inside] = weighed_by(fit_two_layers(rows[~inside], damage[~inside], **SECOND), rows[inside])
    return out


def piece_of(story: str) -> str:
    """The track of a segment of undamaged music."""
    return story.rpartition(" at ")[0]


def export(options: argparse.Namespace) -> None:
    """Fit the second network and the thresholds; write all."""
    torch.set_num_threads(1)
    state = torch.load(options.state)
    write(options.output, state, None, {"opened": OPENED})
    network = load_network(options.output)
    if options.keep and options.keep.exists():
        heard = Heard(**pickle.loads(options.keep.read_bytes()))
    else:
        heard = hear(network, options.segments)
    if options.keep:
        options.keep.write_bytes(pickle.dumps(vars(heard)))
    for path in options.earlier:
        heard.extend(Heard(**pickle.loads(path.read_bytes())))
    rows, damage = np.array(heard.measures), np.array(heard.damage)
    out = cross_validated(heard)
    thresholds = least_thresholds(heard, out)
    for kind, bar in thresholds.items():
        mine = np.array([k == kind for k in heard.kinds])
        hits = mine & damage
        print(f"{kind}: of {hits.sum()} doubted {np.mean(out[hits] > bar):.1%} kept")
    minutes = (heard.seconds.get("music", 0.0) + heard.seconds.get("clean", 0.0)) / 60
    false = false_places(heard, {"music", "clean", *CODECS}, out, thresholds)
    print(f"undamaged music: {len(false) / minutes * 10:.2f} false in ten minutes")
    for sort, seconds in sorted(heard.seconds.items()):
        false = false_places(heard, {sort}, out, thresholds)
        print(f"{sort}: {len(false) / seconds * 60:.2f} false a minute, {seconds / 60:.1f} minutes")
    weigher = fit_two_layers(rows, damage, **SECOND)
    write(options.output, state, weigher, {"opened": OPENED, "thresholds": thresholds})
    print(f"{minutes / 60:.1f} h of music, {len(rows)} stretches, {damage.sum()} of them damage")


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
    fitting.add_argument("--start", type=Path, help="state or detector.safetensors to go on from")
    fitting.add_argument("--state", type=Path, required=True)
    fitting.set_defaults(run=fit)
    exporting = commands.add_parser("export")
    exporting.add_argument("state", type=Path)
    exporting.add_argument("segments", type=Path, nargs="+", help="drawn from seeds that were not trained on")
    exporting.add_argument("-o", "--output", type=Path, required=True)
    exporting.add_argument("--keep", type=Path, help="what was doubted; read again where it is there")
    exporting.add_argument(
        "--earlier", type=Path, nargs="+", default=(), help="kept files of earlier networks: weighed as well"
    )
    exporting.set_defaults(run=export)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
