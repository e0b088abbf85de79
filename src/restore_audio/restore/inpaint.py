"""Fill the spans of a recording: AR first, then the network's magnitudes, then a phase that agrees.

In: samples ``(C, T)``, spans, a network or none. Out: a filled copy and the spans with ``filled`` or a
``reason``; outside the spans every sample is the input's.

The steps, for each gap of each channel:

1. AR from both sides (:mod:`restore_audio.signal.autoregressive`): right in phase and best up to about
   20 ms; in longer gaps it fades, and its return is heard as a new onset.
2. The network sees the AR-filled spectrogram in 512 ms patches and says which magnitudes belong there.
3. The two are blended: all AR near the gap's edges, where AR knows best, more network further inside.
4. Griffin-Lim from the AR fill's phase, known samples pinned, a few iterations.
5. The result is faded into the AR fill at the gap's edges, so that nothing steps there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..settings import PATCH_BINS, PATCH_FRAMES, FillSettings
from ..signal.autoregressive import fill_gap
from ..signal.griffin_lim import griffin_lim
from ..signal.patches import HALO_FRAMES, cut, stitch
from ..signal.spectrum import Grid, known_share, stft
from ..spans import Span

if TYPE_CHECKING:
    from ..network.inpainter import Inpainter

Samples = NDArray[np.float64]
Gap = tuple[int, int]

NETWORK_TILES = 3
"""Tiles of 8 kHz that the network knows; above 24 kHz the interpolated neighbours stand in for it."""


@dataclass(frozen=True)
class Blend:
    """How much of the network goes into a gap, fitted on validation music by SDR and spectral distance.

    Attributes:
        shortest_ms: shorter gaps are left to AR alone.
        onset_ms: distance from the nearer edge at which the network has half of its say.
        share: its share far inside, as an exponent: magnitude = AR^(1 − share) · network^share.
        iterations: of Griffin-Lim.
        fade_ms: fade from the AR fill at each edge.
    """

    shortest_ms: float = 20.0
    onset_ms: float = 12.0
    share: float = 0.8
    iterations: int = 3
    fade_ms: float = 5.0


def inpaint(
    samples: Samples,
    spans: Iterable[Span],
    rate_hz: int,
    *,
    settings: FillSettings,
    network: Inpainter | None = None,
    blend: Blend | None = None,
) -> tuple[Samples, list[Span]]:
    """Fill spans.

    Args:
        samples: ``(C, T)``; NaN and infinite values are allowed inside spans.
        spans: where, with channels.
        rate_hz: sample rate.
        settings: ``method`` ``auto``, ``ar`` or ``network``, and the longest gap to fill.
        network: for ``auto`` and ``network``; with None both fill by AR.
        blend: other than the fitted one, for experiments.

    Returns:
        The filled copy and the spans, ``filled`` or with a ``reason``, in order.

    Raises:
        ValueError: a span lies outside the samples.
    """
    blend = blend or (Blend(share=1.0, onset_ms=0.0) if settings.method == "network" else Blend())
    ordered = sorted(spans)
    filled = samples.copy()
    longest = settings.max_gap_ms * rate_hz / 1000
    lost = np.zeros(samples.shape, dtype=bool)
    for span in ordered:
        if span.end > samples.shape[1] or span.channel >= samples.shape[0]:
            raise ValueError(f"{span} lies outside of samples {samples.shape}")
        lost[span.channel, span.start : span.end] = True
    results: dict[tuple[int, Gap], str | None] = {}
    for channel in sorted({span.channel for span in ordered}):
        gaps = _runs(lost[channel])
        fillable: list[Gap] = []
        for gap in gaps:
            reason = _why_not(gap, lost[channel], longest, settings.max_gap_ms, rate_hz)
            results[channel, gap] = reason
            if reason is None:
                fillable.append(gap)
        _fill_channel(filled, channel, gaps, fillable, lost, rate_hz)
        if network is not None and settings.method != "ar":
            long = [g for g in fillable if g[1] - g[0] >= blend.shortest_ms * rate_hz / 1000]
            _enrich(filled[channel], long, fillable, Grid(rate_hz), network, blend)
    marked = []
    for span in ordered:
        reason = next(r for (c, (a, b)), r in results.items() if c == span.channel and a <= span.start < b)
        marked.append(replace(span, filled=reason is None, reason=reason))
    return filled, marked


def _runs(lost: NDArray[np.bool_]) -> list[Gap]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _why_not(
    gap: Gap, lost: NDArray[np.bool_], longest: float, max_gap_ms: float, rate_hz: int
) -> str | None:
    length = gap[1] - gap[0]
    if length > longest:
        return (
            f"{length * 1000 / rate_hz:.0f} ms is longer than the limit of {max_gap_ms:g} ms (--max-gap-ms)"
        )
    if length == lost.size:
        return "nothing healthy is left to fill it from"
    return None


def _fill_channel(
    filled: Samples,
    channel: int,
    gaps: list[Gap],
    fillable: list[Gap],
    lost: NDArray[np.bool_],
    rate_hz: int,
) -> None:
    """AR for each gap of a channel, in place, each from what is healthy or already filled around it."""
    audio = filled[channel]
    bounds = [0, *(edge for gap in gaps for edge in gap), audio.size]
    done: set[Gap] = set()
    for gap in fillable:
        number = gaps.index(gap)
        start, end = gap
        first = bounds[2 * number]
        if number and gaps[number - 1] in done:
            first = bounds[2 * number - 2]  # the gap before is filled: look through it
        last = bounds[2 * number + 3]
        audio[start:end] = fill_gap(audio[first:start], audio[end:last], end - start, rate_hz=rate_hz)
        done.add(gap)


def _enrich(
    audio: Samples, gaps: list[Gap], healthy_after: list[Gap], grid: Grid, network: Inpainter, blend: Blend
) -> None:
    """Steps 2 to 5 for the gaps of one channel, in place."""
    pending: list[tuple[Gap, int, NDArray[np.float64]]] = []
    lost = np.zeros(audio.shape, dtype=bool)
    for start, end in healthy_after:
        lost[start:end] = True
    for start, end in gaps:
        first, last = _window(start, end, audio.size, grid)
        window = slice(first, last)
        pending.append(((start, end), first, audio[window]))
    for (start, end), first, piece in pending:
        healthy = ~lost[first : first + piece.size]
        fill = piece.copy()
        spectra = stft(fill, grid)
        ar = np.abs(spectra)
        share = known_share(healthy, grid)
        wanted = ar.copy()
        bins = min(ar.shape[0], NETWORK_TILES * PATCH_BINS)
        wanted[:bins] = _predict(ar[:bins], share, network)
        if bins < ar.shape[0]:
            wanted[bins:] = np.maximum(ar[bins:], _interpolated(ar[bins:], share))
        weight = blend.share * _network_weight(grid, first, ar.shape[1], (start, end), blend)
        tiny = 1e-12
        magnitudes = np.exp((1 - weight) * np.log(ar + tiny) + weight * np.log(wanted + tiny))
        mine = np.zeros(piece.size, dtype=bool)
        mine[start - first : end - first] = True
        result = griffin_lim(magnitudes, fill, ~mine, grid, iterations=blend.iterations)
        fade = _edge_fade(end - start, round(blend.fade_ms * grid.rate_hz / 1000))
        inside = slice(start - first, end - first)
        audio[start:end] = fade * result[inside] + (1 - fade) * fill[inside]


def _window(start: int, end: int, total: int, grid: Grid) -> Gap:
    """A stretch around the gap that starts on the grid and holds at least a patch, where there is one."""
    hop = grid.hop_samples
    need = max(PATCH_FRAMES, -(-(end - start) // hop) + 2 * HALO_FRAMES) * hop
    first = (start + end - need) // 2
    first = max(min(first, total - need), 0)
    return first, min(first + need, total)


def _predict(ar: Samples, share: NDArray[np.floating], network: Inpainter) -> Samples:
    """The network's magnitudes for an AR-filled spectrogram ``(F, K)`` of any length."""
    bins, frames = ar.shape
    patches = cut(ar)  # (N, tiles, 128, 128)
    count, tiles = patches.shape[:2]
    shares = cut(share[None])[:, 0, 0]  # (N, 128)
    answer = network.restore_magnitudes(
        patches.reshape(-1, PATCH_BINS, PATCH_FRAMES),
        np.repeat(shares, tiles, axis=0),
        np.tile(np.arange(tiles), count),
    )
    return np.asarray(stitch(answer.reshape(patches.shape), bins, frames), dtype=np.float64)


def _interpolated(ar: Samples, share: NDArray[np.floating]) -> Samples:
    """Magnitudes of unknown frames on a straight line, on a log scale, between known neighbours."""
    known = np.flatnonzero(share >= 0.999)
    if known.size == 0:
        return ar
    frames = np.arange(ar.shape[1])
    logs = np.log(np.maximum(ar[:, known], 1e-12))
    place = np.searchsorted(known, frames).clip(1, max(known.size - 1, 1))
    left, right = known[place - 1], known[np.minimum(place, known.size - 1)]
    weight = np.clip((frames - left) / np.maximum(right - left, 1), 0, 1)
    line = logs[:, place - 1] * (1 - weight) + logs[:, np.minimum(place, known.size - 1)] * weight
    return np.where(share >= 0.999, ar, np.exp(line))


def _network_weight(grid: Grid, first: int, frames: int, gap: Gap, blend: Blend) -> Samples:
    """Say of the network in each frame ``(K,)``: none at the edges, rising towards the middle."""
    centre = first + np.arange(frames) * grid.hop_samples
    inside_ms = np.minimum(centre - gap[0], gap[1] - centre) * 1000 / grid.rate_hz
    if blend.onset_ms <= 0:
        return (inside_ms > 0).astype(np.float64)
    weight: Samples = 1 - 0.5 ** (np.maximum(inside_ms, 0) / blend.onset_ms) ** 2
    return weight


def _edge_fade(samples: int, fade: int) -> Samples:
    """0 at both ends, 1 inside, over ``fade`` samples."""
    distance = np.minimum(np.arange(samples) + 1, samples - np.arange(samples))
    rise: Samples = np.sin(0.5 * np.pi * np.clip(distance / max(fade, 1), 0, 1)) ** 2
    return rise
