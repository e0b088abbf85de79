"""The small networks that say how far a detector's evidence is damage: one or two hidden layers, some seeds, one mean.

Used by train_detector.py and train_verifier.py; NumPy runs what comes out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

Network = dict[str, np.ndarray]

CLIPPED = 4.0
"""Evidence further from its mean than so many standard deviations says no more than that it is far."""


def _step(net: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> None:
    """One step on ``x (N, features)`` and ``y (N,)``; hard negatives count more: few false alarms matter most."""
    score = net(x)[:, 0]
    loss = F.binary_cross_entropy_with_logits(score, y, reduction="none")
    weight = torch.where(y > 0, 0.5, 1.0 + 2 * torch.sigmoid(score.detach()))
    optimizer.zero_grad()
    (loss * weight).mean().backward()
    optimizer.step()


def fit_once(
    rows: np.ndarray,
    damage: np.ndarray,
    seed: int,
    *,
    hidden: int,
    epochs: int,
    batch: int,
    least_scale: float,
    weight_decay: float = 1e-3,
) -> Network:
    """One network on evidence ``(N, features)``."""
    torch.manual_seed(seed)
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + least_scale
    x = torch.tensor(np.clip((rows - mean) / scale, -CLIPPED, CLIPPED), dtype=torch.float32)
    y = torch.tensor(damage, dtype=torch.float32)
    net = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.Tanh(), nn.Linear(hidden, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=8e-3, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for some in torch.randperm(len(y)).split(max(batch, len(y) // 10)):
            _step(net, optimizer, x[some], y[some])
        schedule.step()
    inner, inner_bias, outer, bias = (p.detach().numpy() for p in net.parameters())
    return {
        "mean": mean,
        "scale": scale,
        "inner": inner.T,
        "inner_bias": inner_bias,
        "outer": outer[0],
        "bias": bias,
    }


def fit_mean(rows: np.ndarray, damage: np.ndarray, **settings: float) -> Network:
    """The mean of three networks, as one network of thrice the width; settings of :func:`fit_once`."""
    nets = [fit_once(rows, damage, seed, **settings) for seed in (1, 2, 3)]
    return {
        "mean": nets[0]["mean"],
        "scale": nets[0]["scale"],
        "inner": np.concatenate([n["inner"] for n in nets], axis=1),
        "inner_bias": np.concatenate([n["inner_bias"] for n in nets]),
        "outer": np.concatenate([n["outer"] for n in nets]) / len(nets),
        "bias": np.mean([n["bias"] for n in nets], axis=0),
    }


def scored(net: Network, rows: np.ndarray) -> np.ndarray:
    """What a network says of evidence ``(N, features)``: ``(N,)``."""
    normal = np.clip((rows - net["mean"]) / net["scale"], -CLIPPED, CLIPPED)
    return np.tanh(normal @ net["inner"] + net["inner_bias"]) @ net["outer"] + net["bias"]


def fit_two_layers(
    rows: np.ndarray,
    damage: np.ndarray,
    *,
    hidden: tuple[int, int],
    seeds: Sequence[int],
    epochs: int,
    batch: int,
    rate: float,
    least_scale: float,
    weight_decay: float,
) -> Network:
    """Several networks with two hidden layers; :func:`restore_audio.detection.frame_network.weighed_by` runs them.

    Returns:
        ``mean`` and ``scale`` of the evidence, and ``(networks, …)`` of each layer's weights and biases.
    """
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + least_scale
    x = torch.tensor(np.clip((rows - mean) / scale, -CLIPPED, CLIPPED), dtype=torch.float32)
    y = torch.tensor(damage, dtype=torch.float32)
    made = []
    for seed in seeds:
        torch.manual_seed(seed)
        sizes = (x.shape[1], *hidden, 1)
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        net = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])
        optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=weight_decay)
        steps = epochs * -(-len(y) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        for _ in range(epochs):
            for some in torch.randperm(len(y)).split(batch):
                _step(net, optimizer, x[some], y[some])
                schedule.step()
        made.append([p.detach().numpy().T for p in net.parameters()])
    names = ("inner", "inner_bias", "middle", "middle_bias", "outer", "bias")
    layers_of = {name: np.stack(parts) for name, parts in zip(names, zip(*made, strict=True), strict=True)}
    return {"mean": mean, "scale": scale, **layers_of}
