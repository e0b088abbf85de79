"""The U-Nets of :mod:`.unet` in NumPy, for predictions on a CPU.

In: maps ``(N, channels, F, K)`` and the weights of a file. Out: ``(N, 1, F, K)``, what PyTorch says to within
rounding. It is as fast as PyTorch is on one core, whose import takes 1.4 s of the processor and half a
gigabyte: more than all else that a recording with forty long gaps needs.

A convolution is three matrix products, one for each row of its kernel, of what three neighbouring places
hold side by side; batch normalisation is part of the weights. Inside, maps lie last: ``(N, F, K, C)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .networks import LEVELS, NETWORKS, NORM_EPS, NetworkSettings

Floats = NDArray[np.float32]
_Layer = tuple[Floats, Floats]
"""Weights of a convolution, ``(3, 3 C, filters)``, and its bias."""


class PlainUNet:
    """A U-Net that only predicts.

    Args:
        settings: of the network.
        arrays: its weights, by the names that PyTorch gives them.

    Raises:
        ValueError: the weights are not those of this network, or no numbers.
    """

    def __init__(self, settings: NetworkSettings, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        architecture = NETWORKS[settings.name]
        if architecture.cls != NETWORKS["unet"].cls:
            raise ValueError(f"{settings.name} is no plain U-Net")
        self._residual, self._additive = architecture.residual, architecture.additive
        filters = [settings.width * 2**level for level in range(LEVELS)]
        weights = _Weights(arrays)
        inputs = [settings.in_channels, *filters[:-1]]
        self._down = [
            weights.block(f"down.{n}", *io) for n, io in enumerate(zip(inputs, filters, strict=True))
        ]
        self._pool = (
            [weights.block(f"pool.{n}", one, one) for n, one in enumerate(filters)]
            if architecture.strided
            else None
        )
        self._middle = weights.block("middle", filters[-1], 2 * filters[-1])
        filters.reverse()
        self._up = [weights.transposed(f"up.{n}.conv", 2 * one, one) for n, one in enumerate(filters)]
        self._gate = (
            [
                [
                    weights.pointwise(f"gate.{n}.{part}", one, out)
                    for part, out in zip(_GATE, (one, one, 1), strict=True)
                ]
                for n, one in enumerate(filters)
            ]
            if architecture.attention
            else None
        )
        joined = 1 if self._additive else 2
        self._merge = [weights.block(f"merge.{n}", joined * one, one) for n, one in enumerate(filters)]
        self._last = weights.convolution("last", filters[-1], 1)
        weights.check_all_taken()

    def __call__(self, maps: Floats, first: int = 0, last: int | None = None) -> Floats:
        """Predict ``(N, 1, F, K)`` from ``(N, in_channels, F, K)``.

        Only frames ``first`` to ``last`` (exclusive) are what PyTorch says: on the way up no others are made,
        but for those that these need.
        """
        last = maps.shape[-1] if last is None else last
        with np.errstate(all="ignore"):  # what is no number is seen in the answer
            h = given = np.ascontiguousarray(np.moveaxis(maps, 1, -1), np.float32)
            skips, needed = [], [(max(first - 1, 0), min(last + 1, h.shape[2]))]
            for level, down in enumerate(self._down):
                h = _convolved(h, down)
                skips.append(h)
                needed.append(_needed_below(*needed[-1], h.shape[2]))
                h = _halved(h) if self._pool is None else _convolved(h, self._pool[level], 2)
            h = _convolved(h, self._middle)
            begin, end = needed.pop()
            h = h[:, :, begin:end]
            for level, (up, merge) in enumerate(zip(self._up, self._merge, strict=True)):
                skip, origin = skips.pop(), 2 * begin
                begin, end = (max(needed[-1][0] - 1, 0), min(needed.pop()[1] + 1, skip.shape[2]))
                h, skip = _doubled(h, up)[:, :, begin - origin : end - origin], skip[:, :, begin:end]
                if self._gate is not None:
                    skip = _weighed(skip, h, self._gate[level])
                h = _convolved(h + skip if self._additive else np.concatenate([h, skip], axis=-1), merge)
            made = np.zeros_like(given[..., :1])
            made[:, :, begin:end] = _convolved(h, self._last, least=-np.inf)
            answer = given[..., :1] - made if self._residual else made
        return np.moveaxis(answer, -1, 1)


def _needed_below(first: int, last: int, frames: int) -> tuple[int, int]:
    """Which of half as many ``frames`` make ``first`` to ``last``, by doubling and a convolution."""
    return max((max(first - 1, 0) // 2) - 1, 0), min(last + 2, frames) // 2


_AT_ONCE = 1 << 17
"""Numbers that a product is made of, half a megabyte: they stay in the processor's cache."""

_GATE = ("skip", "up", "weight")


class _Weights:
    """The arrays of a file, taken one by one."""

    def __init__(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        self._left = dict(arrays)

    def _take(self, name: str, *shape: int) -> Floats:
        found = self._left.pop(name, None)
        if found is None or found.shape != shape or not np.isfinite(found).all():
            raise ValueError(f"the weights {name} are missing or cannot be")
        return found.astype(np.float32)

    def check_all_taken(self) -> None:
        """Whether nothing is left but counts of batches."""
        if any(not name.endswith(".num_batches_tracked") for name in self._left):
            raise ValueError("there are weights of another network")

    def convolution(self, name: str, channels: int, filters: int) -> _Layer:
        """Of a convolution 3×3."""
        kernel = self._take(f"{name}.weight", filters, channels, 3, 3)
        rows = kernel.transpose(2, 3, 1, 0).reshape(3, 3 * channels, filters)
        return np.ascontiguousarray(rows), self._take(f"{name}.bias", filters)

    def block(self, name: str, channels: int, filters: int) -> _Layer:
        """Of a convolution whose outputs are normalised."""
        kernel, bias = self.convolution(f"{name}.conv", channels, filters)
        parts = ("weight", "bias", "running_mean", "running_var")
        weight, shift, mean, variance = (self._take(f"{name}.norm.{part}", filters) for part in parts)
        if np.any(variance < 0.0):
            raise ValueError(f"a variance of {name} is negative")
        with np.errstate(all="ignore"):
            scale = weight / np.sqrt(variance + np.float32(NORM_EPS))
            return kernel * scale, (bias - mean) * scale + shift

    def transposed(self, name: str, channels: int, filters: int) -> _Layer:
        """Of a transposed convolution 3×3: ``(3, 2 C, 2 filters)``, its bias twice."""
        kernel = self._take(f"{name}.weight", channels, filters, 3, 3)
        # A place and its left neighbour make two places side by side, in two rows. What the kernel's last row
        # and column make lies behind a place: it comes from the neighbours.
        pairs = np.zeros((3, 2, channels, 2, filters), np.float32)
        for way, row in enumerate((0, 2, 1)):
            taps = kernel[:, :, row].transpose(2, 0, 1)
            pairs[way, 1, :, 0], pairs[way, 1, :, 1], pairs[way, 0, :, 0] = taps
        bias = self._take(f"{name}.bias", filters)
        return pairs.reshape(3, 2 * channels, 2 * filters), np.tile(bias, 2)

    def pointwise(self, name: str, channels: int, filters: int) -> _Layer:
        """Of a convolution 1×1: ``(C, filters)``."""
        kernel = self._take(f"{name}.weight", filters, channels, 1, 1)
        return np.ascontiguousarray(kernel[:, :, 0, 0].T), self._take(f"{name}.bias", filters)


def open_plain(path: Path, settings: NetworkSettings) -> PlainUNet | None:
    """The network of a weights file; None if it is no such network, or damaged: PyTorch says how."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return PlainUNet(settings, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError):
        return None


def _convolved(maps: Floats, layer: _Layer, stride: int = 1, *, least: float = 0.0) -> Floats:
    """``(N, F, K, C)`` → ``(N, F / stride, K / stride, filters)``, nowhere below ``least``; padded as in
    :mod:`.unet`."""
    kernel, bias = layer
    count, high, wide, channels = maps.shape
    tall, broad, before = high // stride, wide // stride, 2 - stride
    padded = np.zeros((high + 2, wide + 2, channels), np.float32)
    made = np.empty((count, tall, broad, bias.size), np.float32)
    band = max(1, _AT_ONCE // (3 * channels * broad * stride))
    for image, out in zip(maps, made, strict=True):
        padded[before : before + high, before : before + wide] = image
        for top in range(0, tall, band):
            here = out[top : top + band].reshape(-1, bias.size)
            rows = padded[stride * top : stride * min(top + band, tall) + 2]
            seen = [_side_by_side(rows[part::stride], 3, broad, stride) for part in range(stride)]
            for row, weights in enumerate(kernel):
                first = row // stride * broad
                products = seen[row % stride][first : first + len(here)] @ weights
                here[:] = products + bias if row == 0 else here + products
            np.maximum(here, least, out=here)
    return made


def _doubled(maps: Floats, layer: _Layer) -> Floats:
    """``(N, F, K, C)`` → ``(N, 2 F, 2 K, filters)``, rectified."""
    (same, above, below), bias = layer
    count, high, wide, channels = maps.shape
    padded = np.zeros((high + 1, wide + 1, channels), np.float32)
    made = np.empty((count, high, 2, wide * bias.size), np.float32)
    for image, out in zip(maps, made, strict=True):
        padded[1:, 1:] = image
        seen = _side_by_side(padded, 2, wide, 1)
        even = seen[wide:] @ same
        even += seen[:-wide] @ above
        out[:, 0] = even.reshape(high, -1)
        out[:, 1] = (seen[wide:] @ below).reshape(high, -1)
        out += np.tile(bias, wide)
        np.maximum(out, 0.0, out=out)
    return made.reshape(count, 2 * high, 2 * wide, -1)


def _side_by_side(rows: Floats, places: int, count: int, stride: int) -> Floats:
    """What ``places`` neighbours in a row ``(rows, K, C)`` hold: ``(rows · count, places · C)``."""
    down, right, within = rows.strides
    shape = len(rows), count, places * rows.shape[2]
    views = np.lib.stride_tricks.as_strided(rows, shape, (down, stride * right, within))
    return np.ascontiguousarray(views).reshape(-1, shape[2])


def _halved(maps: Floats) -> Floats:
    """The largest of each four places."""
    count, high, wide, channels = maps.shape
    return np.asarray(maps.reshape(count, high // 2, 2, wide // 2, 2, channels).max(axis=(2, 4)))


def _weighed(skip: Floats, up: Floats, gate: list[_Layer]) -> Floats:
    """Attention on a skip connection, as in :mod:`.unet`."""
    (a, a_bias), (b, b_bias), (weight, bias) = gate
    seen = np.maximum(skip @ a + up @ b + (a_bias + b_bias), 0.0)
    return np.asarray(skip / (1.0 + np.exp(-(seen @ weight + bias))))
