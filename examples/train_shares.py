"""Train the network that says how much of an estimated loss is undone (src/restore_audio/fill/shares.json).

    python examples/corpus --part train --to corpus/train
    python examples/train_shares.py gather corpus/train --minutes 20 --seed 1 --to shares.pickle
    python examples/train_shares.py gather corpus/train --minutes 5 --seed 2 --held-out --to held-out.pickle
    python examples/train_shares.py fit shares.pickle --held-out held-out.pickle -o src/restore_audio/fill/shares.json

``gather`` simulates dropouts of tapes, of treble and of level, a quarter of them encoded or processed
afterwards, lets the detectors find them, and keeps of each that has a repair the measures of its bands, and
the energies of the error that are left for shares and factors on a grid. ``fit`` trains so that the SDR of all
gains most, with a penalty on those that get worse by more than half a decibel.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from detector_examples import Music
from torch import nn

from restore_audio.damage.families import apply, draw_after, draw_family
from restore_audio.damage.record import Damaged
from restore_audio.detection.detect import detect
from restore_audio.fill.fill import predicted
from restore_audio.fill.gaps import Gap, walk_gaps
from restore_audio.fill.memory import ArraySource, Memory
from restore_audio.fill.methods import METHODS
from restore_audio.fill.remains import repaired, undone
from restore_audio.fill.shares import FACTORS, MEASURES, MOST_SHARE, measures_of
from restore_audio.fill.workings import COLOURS, Workings, workings
from restore_audio.spans import Span

SHARES = np.linspace(0.0, MOST_SHARE, 14)
BETWEEN = np.geomspace(*FACTORS, 3)

DAMAGE = {
    "tape, deep": (0.35, "tape", {"depth_db": (20.0, 40.0)}),
    "tape": (0.28, "tape", {"depth_db": (10.0, 20.0)}),
    "tape, shallow": (0.07, "tape", {"depth_db": (6.0, 10.0)}),
    "treble": (0.20, "treble", {"depth_db": (15.0, 40.0), "length_ms": (10.0, 200.0)}),
    "level": (0.10, "dropout", {"length_ms": (6.0, 100.0)}),
}
"""Share of the excerpts, family, and options."""

AFTER = ("mp3:128", "mp3:256", "opus:96", "vorbis:128", "noise", "gain")
PROCESSED = 0.25

NOISY, NOISE_DB = 0.25, (-30.0, -8.0)
"""Of the tapes, how many have louder noise in their dropouts than is usual, and how loud, against the sound."""

HIDDEN, SEEDS, EPOCHS, BATCH, RATE, WEIGHT_DECAY = 32, (1, 2, 3), 40, 64, 1e-2, 1e-2
WORSE_DB, PENALTY = 0.5, 3.0
LEAST_DB, MOST_DB = -12.0, 25.0
"""Gains beyond say no more."""


@dataclass(frozen=True)
class Row:
    """One dropout with ``B`` bands.

    Attributes:
        name: of :data:`DAMAGE`.
        measures: ``(B, m)``.
        errors: energy that is left in each band for each share and each factor, ``(B, S, F)``, in that of the
            error that there was in all bands.
    """

    name: str
    measures: np.ndarray
    errors: np.ndarray


def row_of(name: str, work: Workings, truth: np.ndarray) -> Row:
    """Measures and errors of a dropout whose truth is known: ``(T,)``, with its context."""
    clean = work.spectrum(truth / work.scale)[:, work.struck]
    edges = work.scene.edges[:-1]

    def energies(cells: np.ndarray) -> np.ndarray:
        return np.add.reduceat((np.abs(cells - clean) ** 2).sum(axis=1), edges)

    there = energies(work.scene.damaged).sum() + 1e-3 * np.sum(np.abs(clean) ** 2)
    errors = [
        [
            energies(undone(work, np.full(edges.size, share), np.full(edges.size, factor))[0])
            for factor in BETWEEN
        ]
        for share in SHARES.tolist()
    ]
    return Row(name, measures_of(work), np.moveaxis(np.array(errors), 2, 0) / there)


def rows_of(name: str, state: Damaged, spans: list[Span]) -> list[Row]:
    """Of the dropouts in one recording that are real, the channels apart, as they are filled."""
    rows = []
    for channel in range(len(state.samples)):
        audio = state.samples.copy()
        mine = [s for s in spans if s.channel == channel]
        others = [s for s in spans if s.channel != channel]
        memory = Memory(ArraySource(state.samples), state.rate_hz, audio.shape[1], spans)
        with closing(memory):
            rows += rows_of_channel(
                name, state, walk_gaps(audio, mine, state.rate_hz, others=others, memory=memory)
            )
    return rows


def rows_of_channel(name: str, state: Damaged, gaps: Iterable[Gap]) -> list[Row]:
    """Of one channel's gaps, which are repaired one after the other."""
    rows = []
    for gap in gaps:
        if gap.kind not in COLOURS:
            continue
        prior, _ = predicted(gap, METHODS["auto"])
        work = workings(gap, prior)
        made = work and repaired(work, prior)
        if work is None or made is None:
            continue
        first = gap.start - work.inside.start
        truth = state.clean[gap.channel, first : first + work.damaged.size]
        if any(s.channel == gap.channel and s.start < gap.end and gap.start < s.end for s in state.spans):
            row = row_of(name, work, truth)
            if np.all(np.isfinite(row.errors)):
                rows.append(row)
        gap.mine[gap.start : gap.end] = made.samples
    return rows


def gather(options: argparse.Namespace) -> None:
    """Simulate for so many minutes; write the rows."""
    rng, music = np.random.default_rng(options.seed), Music(options.music, options.held_out)
    names, shares = list(DAMAGE), np.array([share for share, _, _ in DAMAGE.values()])
    rows: list[Row] = []
    started = time.time()
    while time.time() - started < 60 * options.minutes:
        audio, rate_hz = music.draw(rng)
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        _, family, how = DAMAGE[name]
        record = draw_family(rng, family, audio, rate_hz, per_second=1.0, **how)
        if family == "tape" and rng.random() < NOISY:
            record = replace(
                record, dropouts=tuple(replace(d, noise_db=rng.uniform(*NOISE_DB)) for d in record.dropouts)
            )
        state = apply(record, audio, rate_hz, reference=True)
        if rng.random() < PROCESSED:
            step = str(rng.choice(AFTER))
            state = draw_after(rng, step, state.rate_hz, samples=state.samples).apply(state)
        if state.clean is not None and state.clean.shape == state.samples.shape:
            rows += rows_of(name, state, detect(state.samples, state.rate_hz))
    options.to.write_bytes(pickle.dumps(rows))
    print(f"{len(rows)} dropouts in {time.time() - started:.0f} s")


class Net(nn.Module):
    """:func:`restore_audio.fill.shares.shares_of` in torch, one training."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(len(MEASURES), HIDDEN), nn.Linear(HIDDEN, 2)
        nn.init.zeros_(self.outer.weight)
        with torch.no_grad():
            self.outer.bias.copy_(torch.tensor([1.2, 0.0]))

    def forward(self, measures: torch.Tensor) -> torch.Tensor:
        """Shares and factors by their place on the grid, from 0 to 1: ``(…, m)`` → ``(…, 2)``."""
        return torch.sigmoid(self.outer(torch.tanh(self.inner(measures))))


def gains_db(places: torch.Tensor, errors: torch.Tensor) -> torch.Tensor:
    """SDR that is won, ``(N,)``, between the points of the grid; ``(N, B, 2)`` and ``(N, B, S, F)``."""
    made = errors
    for axis in (1, 0):
        steps = made.shape[-1] - 1
        place = (places[..., axis] * steps).clamp(0, steps - 1e-4)
        below = place.floor().long()
        for _ in range(made.ndim - 3):
            below, place = below[..., None], place[..., None]
        below = below.expand(made.shape[:-1])[..., None]
        low, high = made.gather(-1, below)[..., 0], made.gather(-1, below + 1)[..., 0]
        made = low + (place - below[..., 0]) * (high - low)
    return -10 * torch.log10(made.sum(dim=1).clamp_min(1e-6)).clamp(-MOST_DB / 10, -LEAST_DB / 10)


def padded(rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Measures ``(N, B, m)`` and errors ``(N, B, S, F)``, zeros where a row has fewer bands."""
    bands = max(len(row.measures) for row in rows)
    measures, errors = (
        np.stack(
            [np.pad(part, [(0, bands - len(part))] + [(0, 0)] * (part.ndim - 1)) for part in parts]
        ).astype(np.float32)
        for parts in ([row.measures for row in rows], [row.errors for row in rows])
    )
    return measures, errors


def said(rows: list[Row], gains: np.ndarray) -> str:
    """Mean gain, and how many are worse by more than 1 dB, by damage."""
    names = np.array([row.name for row in rows])
    parts = [("all", gains)] + [(name, gains[names == name]) for name in DAMAGE]
    return ", ".join(f"{name} {g.mean():.2f} dB ({np.mean(g < -1):.1%})" for name, g in parts if g.size)


def fit(options: argparse.Namespace) -> None:
    """Train; write the weights; tell what they are worth where they were not trained."""
    torch.set_num_threads(1)
    rows = [row for path in options.rows for row in pickle.loads(path.read_bytes())]
    known = np.concatenate([row.measures for row in rows])
    mean, scale = known.mean(axis=0), known.std(axis=0) + 1e-3

    def tensors(some: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
        measures, errors = padded(some)
        return torch.from_numpy(
            np.clip((measures - mean) / scale, -4, 4).astype(np.float32)
        ), torch.from_numpy(errors)

    measures, errors = tensors(rows)
    nets = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        net = Net()
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, RATE, total_steps=EPOCHS * -(-len(rows) // BATCH)
        )
        for _ in range(EPOCHS):
            for some in torch.randperm(len(rows)).split(BATCH):
                gains = gains_db(net(measures[some]), errors[some])
                loss = -gains.mean() + PENALTY * torch.relu(-WORSE_DB - gains).mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        nets.append(net)
    for path, some in ((None, rows), (options.held_out, pickle.loads(options.held_out.read_bytes()))):
        at, left = tensors(some)
        with torch.no_grad():
            made = torch.stack([net(at) for net in nets]).mean(dim=0)
            print(path or "trained on", f"{len(some)} dropouts:", said(some, gains_db(made, left).numpy()))
            usual = torch.tensor([0.9 / MOST_SHARE, 0.5]).expand(made.shape)
            print("  nine tenths of each:", said(some, gains_db(usual, left).numpy()))
    weights = {
        "mean": mean,
        "scale": scale,
        "inner": np.stack([net.inner.weight.detach().numpy().T for net in nets]),
        "inner_bias": np.stack([net.inner.bias.detach().numpy() for net in nets]),
        "outer": np.stack([net.outer.weight.detach().numpy().T for net in nets]),
        "bias": np.stack([net.outer.bias.detach().numpy() for net in nets]),
    }
    rounded = {name: np.round(values.astype(float), 4).tolist() for name, values in weights.items()}
    options.output.write_text(json.dumps(rounded), encoding="utf-8")


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    gathering = commands.add_parser("gather")
    gathering.add_argument("music", type=Path)
    gathering.add_argument("--minutes", type=float, default=20.0)
    gathering.add_argument("--seed", type=int, default=0)
    gathering.add_argument("--held-out", action="store_true", help="of the tracks that are not trained on")
    gathering.add_argument("--to", type=Path, required=True)
    gathering.set_defaults(run=gather)
    fitting = commands.add_parser("fit")
    fitting.add_argument("rows", type=Path, nargs="+")
    fitting.add_argument("--held-out", type=Path, required=True)
    fitting.add_argument("-o", "--output", type=Path, required=True)
    fitting.set_defaults(run=fit)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
