"""The learned detector's network, in NumPy with compiled sums: dilated convolutions over steps of 8 ms.

In: rows of :mod:`.features`. Out: a score for each kind of damage in each quarter of a step. Torch is only
needed to train it (``examples/train_detector.py``); the weights lie beside this module.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..signal.screens import add_biased, merge_taps
from .features import FEATURES

Floats = NDArray[np.float32]

KINDS = ("none", "dropout", "treble", "concealed", "noise")
QUARTERS = 4
"""Scores in a step: one for each 2 ms."""

_FILE = "detector.safetensors"

_CLIPPED = 4.0
"""Measures further from their mean than so many standard deviations say no more than that they are far."""


@dataclass(frozen=True)
class FrameNetwork:
    """Weights of ``W`` channels.

    Attributes:
        stem: ``(features, W)`` and its bias ``(W,)``.
        blocks: dilation in steps, convolution ``(W, 3 W)`` of the step before, the step and the step after,
            its bias, the mixing ``(W, W)``, its bias.
        head: two layers: ``(W, H)``, ``(H,)``, ``(H, 4 kinds)``, ``(4 kinds,)``.
        weights: of the networks on the measures of :mod:`.stretches`, see :func:`weighed_by`; None weighs by
            the peak alone.
        settings: ``opened`` and ``thresholds``, from the file's header.
    """

    stem: tuple[Floats, Floats]
    blocks: tuple[tuple[int, Floats, Floats, Floats, Floats], ...]
    head: tuple[Floats, Floats, Floats, Floats]
    weights: dict[str, Floats] | None
    settings: dict[str, Any]

    @property
    def opened(self) -> float:
        """Log odds above which a stretch is doubted."""
        return float(self.settings.get("opened", 0.0))

    def weigh(self, measures: Floats, kinds: list[str]) -> list[float]:
        """A score for each stretch, less the threshold of its kind; above 0 is damage.

        Args:
            measures: ``(N, measures)`` of :func:`.stretches.measures_of`.
            kinds: of the stretches.
        """
        thresholds = self.settings.get("thresholds", {})
        made = measures[:, 0] if self.weights is None else weighed_by(self.weights, measures)
        return [
            float(score) - float(thresholds.get(kind, 0.0))
            for score, kind in zip(made.tolist(), kinds, strict=True)
        ]

    def scores(self, rows: Floats) -> Floats:
        """Logits of :data:`KINDS` for each quarter of a step.

        Shape:
            ``(C, steps, features)`` → ``(C, 4 steps, kinds)``
        """
        made = np.empty((len(rows), rows.shape[1], self.head[2].shape[1]), np.float32)
        for channel, scores in zip(rows, made, strict=True):  # one stays in the processor's cache
            self._channel(channel, scores)
        return made.reshape(len(rows), rows.shape[1] * QUARTERS, -1)

    def _channel(self, rows: Floats, scores: Floats) -> None:
        """``(steps, features)`` → ``scores`` (steps, 4 kinds)."""
        weight, bias = self.stem
        steps, width = len(rows), weight.shape[1]
        hidden = _rectified(rows @ weight, bias)
        taps, inner, mixed = (np.empty((steps, size), np.float32) for size in (3 * width, width, width))
        for dilation, convolution, conv_bias, mixing, mix_bias in self.blocks:
            np.matmul(hidden, convolution, out=taps)
            merge_taps(taps, conv_bias, dilation, inner)
            np.matmul(inner, mixing, out=mixed)
            add_biased(hidden, mixed, mix_bias)
        first, first_bias, second, second_bias = self.head
        np.maximum(hidden, 0.0, out=hidden)
        np.matmul(_rectified(hidden @ first, first_bias), second, out=scores)
        scores += second_bias


def weighed_by(weights: dict[str, Floats], measures: Floats) -> Floats:
    """The mean score of ``n`` small networks with two hidden layers.

    Args:
        weights: ``mean`` and ``scale`` of the measures ``(m,)``; ``inner`` (n, m, h), ``inner_bias`` (n, h),
            ``middle`` (n, h, k), ``middle_bias`` (n, k), ``outer`` (n, k, 1), ``bias`` (n, 1).
        measures: ``(N, m)``.
    """
    w = weights
    normal = np.clip((measures - w["mean"]) / w["scale"], -_CLIPPED, _CLIPPED)
    hidden = np.tanh(normal @ w["inner"] + w["inner_bias"][:, None])
    hidden = np.tanh(hidden @ w["middle"] + w["middle_bias"][:, None])
    made: Floats = (hidden @ w["outer"] + w["bias"][:, None])[..., 0].mean(axis=0)
    return made


def _rectified(values: Floats, bias: Floats) -> Floats:
    """The larger of ``values + bias`` and 0, in place."""
    values += bias
    np.maximum(values, 0.0, out=values)
    return values


@lru_cache(maxsize=1)
def shipped_network() -> FrameNetwork:
    """The network of this package."""
    return load_network(Path(str(files(__package__).joinpath(_FILE))))


def load_network(path: Path) -> FrameNetwork:
    """Read weights that ``examples/train_detector.py`` wrote.

    Raises:
        ModelError: the file cannot be read, or was made for other features.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            settings = json.loads((file.metadata() or {}).get("settings", "{}"))
            arrays = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"The detector's weights {path} cannot be read ({error}): install restore-audio again."
        ) from error
    dilations = settings.get("dilations", [])
    needed = {"stem.weight", "stem.bias", "head1.weight", "head1.bias", "head2.weight", "head2.bias"}
    for number in range(len(dilations)):
        needed |= {f"{part}.{number}.{what}" for part in ("conv", "mix") for what in ("weight", "bias")}
    if not dilations or needed - arrays.keys() or arrays["stem.weight"].shape[0] != FEATURES:
        seen = arrays["stem.weight"].shape[0] if "stem.weight" in arrays else "no"
        raise ModelError(
            f"The detector's weights {path} are for {seen} features, and this version has {FEATURES}: "
            f"train them anew with examples/train_detector.py, or install restore-audio again."
        )
    second = {name[7:]: value for name, value in arrays.items() if name.startswith("second.")}
    return FrameNetwork(
        (arrays["stem.weight"], arrays["stem.bias"]),
        tuple(
            (
                int(dilation),
                arrays[f"conv.{n}.weight"],
                arrays[f"conv.{n}.bias"],
                arrays[f"mix.{n}.weight"],
                arrays[f"mix.{n}.bias"],
            )
            for n, dilation in enumerate(dilations)
        ),
        (arrays["head1.weight"], arrays["head1.bias"], arrays["head2.weight"], arrays["head2.bias"]),
        second or None,
        settings,
    )
