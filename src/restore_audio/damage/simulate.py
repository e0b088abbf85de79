"""Damage that recordings suffer, drawn at random into records and applied from them.

In: a generator, or clean audio ``(C, T)`` in [-1, 1] with records. Out: records, or damaged audio.
Drawing and applying are apart, so that each example can be logged, sent as JSON, and replayed to the bit:
what looks random in an applied damage comes from the seed in its record.

The kinds are those of :mod:`restore_audio.spans`: runs of zeros, a held or constant value, NaN; a block
played again; a dropout of the level, or of the treble only; clicks; bursts of noise. ``windows`` draws
zeros in several pieces that together lose 10 % to 70 % of a 512 ms patch. :func:`random_frames` is the
damage of Serra et al. 2021, on spectrogram patches.

>>> noise = 0.1 * np.random.default_rng(0).standard_normal((1, 44_100))
>>> draw_damages(np.random.default_rng(1), "zeros", noise, 44_100, per_second=1.0)[0].kind
'zeros'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from ..arrays import Samples
from ..settings import PATCH_FRAMES
from ..signal.fades import edge_fade
from ..spans import Span
from .kinds import SIMPLE
from .record import draw_places, log_uniform

LENGTHS_MS: dict[str, tuple[float, float]] = {
    "zeros": (1.0, 100.0),
    "constant": (1.0, 50.0),
    "nan": (0.5, 50.0),
    "repeat": (5.0, 50.0),
    "dropout": (10.0, 200.0),
    "treble": (20.0, 200.0),
    "click": (0.1, 2.0),
    "noise": (3.0, 30.0),
    "windows": (512.0, 512.0),
}
"""Shortest and longest damage of each kind; lengths are drawn evenly on a logarithmic scale."""

FEWEST_LOST_FRAMES, MOST_LOST_FRAMES = 12, 88
"""10 % and 70 % of a patch of 128 frames, as the paper's code rounds them."""

_LOCAL_MS = 20.0


@dataclass(frozen=True)
class Damage:
    """What happens to samples ``start`` to ``end`` (exclusive) of one channel.

    Attributes:
        kind: one of the kinds of :mod:`restore_audio.spans`.
        seed: of whatever is random in it (noise, the shape of a click).
        value: ``constant``: the value; None holds the last sample before.
        period_samples: ``repeat``: length of the block that is played again, up to the span's end.
        depth_db: ``dropout``, ``treble``: how far the level falls.
        edge_samples: ``dropout``, ``treble``, ``noise``: length of the soft edges, inside the span.
        noise_db: ``dropout``: noise in it relative to the level around, None for none; ``noise``: the same.
        cutoff_hz: ``treble``: what lies above it is lost.
        factor: ``click``: its peak over the peak of the music around it.
    """

    kind: str
    start: int
    end: int
    channel: int
    seed: int = 0
    value: float | None = None
    period_samples: int | None = None
    depth_db: float | None = None
    edge_samples: int = 0
    noise_db: float | None = None
    cutoff_hz: float | None = None
    factor: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in SIMPLE or self.kind == "windows":
            raise ValueError(f"no damage is of kind {self.kind!r}")
        if not 0 <= self.start < self.end or self.channel < 0:
            raise ValueError(f"damage needs a place, got samples {self.start} to {self.end}")


def random_frames(rng: np.random.Generator, frames: int = PATCH_FRAMES) -> NDArray[np.int64]:
    """Frames that a patch loses in Serra et al. 2021: the first n of a random permutation, n in 12 … 88.

    Args:
        frames: frames of the patch, at least 88.

    Returns:
        Indices ``(n,)``, in no order, each once; all bins of these frames are to be zeroed.
    """
    lost = int(rng.integers(FEWEST_LOST_FRAMES, MOST_LOST_FRAMES + 1))
    return rng.permutation(frames)[:lost]


def draw_damages(
    rng: np.random.Generator,
    kind: str,
    audio: Samples,
    rate_hz: int,
    *,
    per_second: float = 0.5,
    length_ms: tuple[float, float] | None = None,
    distance_ms: float = 250.0,
    all_channels: float = 0.7,
    depth_db: tuple[float, float] = (10.0, 40.0),
    factor: tuple[float, float] = (1.0, 4.0),
    avoid: Sequence[Span] = (),
) -> list[Damage]:
    """Draw damages of one kind, none of them nearer than ``distance_ms`` to another or to the ends.

    Args:
        kind: one of :data:`~.kinds.SIMPLE`.
        audio: the recording ``(C, T)``; nothing is drawn where it is silent, as the loss of silence is no
            damage.
        length_ms: shortest and longest; the kind's own of :data:`LENGTHS_MS` when None.
        distance_ms: healthy audio kept between damages.
        all_channels: chance that a damage strikes all channels, else one drawn channel.
        depth_db: shallowest and deepest ``dropout`` or ``treble``.
        factor: lowest and highest peak of a ``click`` over the local peak.

    Returns:
        Damages in order; a damage of several channels is one record for each.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind not in SIMPLE:
        raise ValueError(f"no damage is of kind {kind!r}; choose from {', '.join(SIMPLE)}")
    shortest, longest = length_ms or LENGTHS_MS[kind]
    places = draw_places(
        rng,
        audio,
        rate_hz,
        (shortest * rate_hz / 1000, longest * rate_hz / 1000),
        per_second=per_second,
        distance_ms=distance_ms,
        all_channels=all_channels,
        avoid=avoid,
    )
    damages: list[Damage] = []
    for place in places:
        own, length = np.random.default_rng(place.seed), place.end - place.start
        for damage in _draw_parameters(own, kind, place.start, length, rate_hz, depth_db, factor):
            damages.extend(replace(damage, channel=c, seed=place.seed + c) for c in place.channels)
    return sorted(damages, key=lambda d: (d.start, d.channel))


def _draw_parameters(
    rng: np.random.Generator,
    kind: str,
    start: int,
    length: int,
    rate_hz: int,
    depth_db: tuple[float, float],
    factor: tuple[float, float],
) -> list[Damage]:
    if kind == "windows":
        return _draw_windows(rng, start, length)
    plain = Damage(kind, start, start + length, 0)
    edge = round(min(rng.uniform(0.5, 5.0) * rate_hz / 1000, length / 4))
    if kind == "constant":
        return [replace(plain, value=None if rng.random() < 0.7 else float(rng.uniform(-0.5, 0.5)))]
    if kind == "repeat":
        return [replace(plain, period_samples=max(1, length // int(rng.integers(1, 4))))]
    if kind == "dropout":
        depth = float(rng.uniform(*depth_db))
        noise = -depth - float(rng.uniform(0, 15)) if rng.random() < 0.4 else None
        return [replace(plain, depth_db=depth, edge_samples=edge, noise_db=noise)]
    if kind == "treble":
        cutoff = log_uniform(rng, 1000, min(6000, 0.35 * rate_hz))
        return [replace(plain, depth_db=float(rng.uniform(*depth_db)), edge_samples=edge, cutoff_hz=cutoff)]
    if kind == "click":
        return [replace(plain, factor=log_uniform(rng, *factor))]
    if kind == "noise":
        soft = round(min(0.2 * rate_hz / 1000, length / 4))
        return [replace(plain, noise_db=float(rng.uniform(0, 12)), edge_samples=soft)]
    return [plain]


def _draw_windows(rng: np.random.Generator, start: int, patch: int) -> list[Damage]:
    lost = rng.uniform(0.1, 0.7) * patch
    pieces = rng.dirichlet(np.full(int(rng.integers(2, 7)), 2.0)) * lost
    kept = rng.dirichlet(np.full(pieces.size + 1, 2.0)) * (patch - lost)
    ends = start + np.cumsum(kept[:-1] + pieces)
    spans = [(round(end - piece), round(end)) for piece, end in zip(pieces, ends, strict=True)]
    return [Damage("zeros", first, last, 0) for first, last in spans if last > first]


def apply_damages(clean: Samples, rate_hz: int, damages: Iterable[Damage]) -> Samples:
    """Damage a copy of the audio.

    Args:
        clean: ``(C, T)`` in [-1, 1].
        damages: what happens to it, in order; each is worked out from the clean audio.

    Returns:
        ``(C, T)``; outside of the damages every sample is the clean one.

    Raises:
        ValueError: a damage lies outside of the audio.
    """
    damaged = clean.copy()
    for damage in damages:
        if damage.channel >= clean.shape[0] or damage.end > clean.shape[1]:
            raise ValueError(f"{damage} lies outside of audio {clean.shape}")
        damaged[damage.channel, damage.start : damage.end] = _strike(clean[damage.channel], rate_hz, damage)
    return damaged


def _strike(clean: Samples, rate_hz: int, damage: Damage) -> Samples | float:
    inside = clean[damage.start : damage.end]
    if damage.kind == "zeros":
        return 0.0
    if damage.kind == "nan":
        return float("nan")
    if damage.kind == "constant":
        held = clean[damage.start - 1] if damage.start else 0.0
        return float(held if damage.value is None else damage.value)
    if damage.kind == "repeat":
        period = min(damage.period_samples or inside.size, max(damage.start, 1))
        block = clean[damage.start - period : damage.start] if damage.start else inside[:1]
        return np.resize(block, inside.size)
    rng = np.random.default_rng(damage.seed)
    local = round(_LOCAL_MS * rate_hz / 1000)
    around = clean[max(damage.start - local, 0) : damage.end + local]
    if damage.kind == "click":
        peak = float(np.max(np.abs(around))) * (damage.factor or 1.0)
        return np.clip(inside + peak * click_shape(rng, inside.size), -1.0, 1.0)
    rms = float(np.sqrt(np.mean(np.square(around))))
    fade = edge_fade(inside.size, damage.edge_samples)
    noise = rng.standard_normal(inside.size) * rms * _gain(damage.noise_db)
    if damage.kind == "noise":
        return np.clip(inside + fade * noise, -1.0, 1.0)
    lost = 1.0 - _gain(-(damage.depth_db or 0.0))
    if damage.kind == "dropout":
        return inside * (1.0 - lost * fade) + fade * noise
    margin = 4 * local
    first = max(damage.start - margin, 0)
    piece = clean[first : damage.end + margin]
    sos = butter(4, min(damage.cutoff_hz or 4000.0, 0.45 * rate_hz), fs=rate_hz, output="sos")
    low = sosfiltfilt(sos, piece, padlen=min(100, piece.size - 1))[damage.start - first :][: inside.size]
    return np.asarray(inside - lost * fade * (inside - low))


def _gain(level_db: float | None) -> float:
    return 0.0 if level_db is None else float(10 ** (level_db / 20))


def click_shape(rng: np.random.Generator, samples: int) -> Samples:
    """A sudden, decaying wobble of peak 1: what a scratch makes of a stylus."""
    time = np.arange(samples) / samples
    turns = log_uniform(rng, 0.5, max(0.75, samples / 6))
    wobble = np.cos(2 * np.pi * turns * time + rng.uniform(-0.8, 0.8))
    wobble += 0.3 * rng.standard_normal(samples)
    pulse = wobble * np.exp(-rng.uniform(1.0, 5.0) * time) * rng.choice([-1.0, 1.0])
    return np.asarray(pulse / np.max(np.abs(pulse)))


def damage_spans(damages: Iterable[Damage]) -> list[Span]:
    """Where the damages are, as the spans that a detector should find."""
    return sorted(Span(d.start, d.end, d.channel, d.kind) for d in damages)
