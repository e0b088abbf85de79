"""Fill the spans of a recording: AR first, then the network's magnitudes, then a phase that agrees.

In: samples ``(C, T)``, spans, a network or none. Out: a filled copy and the spans with ``filled`` or a
``reason``; outside the spans every sample is the input's.

The steps, for each gap of each channel:

1. AR from both sides (:mod:`restore_audio.fill.ar`): right in phase and best up to about
   20 ms; in longer gaps it fades, and its return is heard as a new onset. A channel that is healthy there
   (:mod:`restore_audio.fill.channels`) or, where music repeats itself, a similar passage
   (:mod:`restore_audio.fill.passages`) may expect a smaller error; then the gap is theirs and done.
2. The network sees the AR-filled spectrogram in 512 ms patches and says which magnitudes belong there.
3. The two are blended: the louder of AR and a share of the network in each bin. Where AR knows, it is the
   louder; where it fades, in the middle of long gaps, the network takes over, by gap length and distance
   from the edges without being told either.
4. Griffin-Lim from the AR fill's phase, known samples pinned, a few iterations.
5. The result is faded into the AR fill at the gap's edges, so that nothing steps there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..settings import HEALTHY_SHARE, NETWORK_TILES, PATCH_BINS, PATCH_FRAMES, FillSettings
from ..signal.griffin_lim import griffin_lim
from ..signal.patches import HALO_FRAMES, cut, stitch
from ..signal.spectrum import Grid, between_frames, known_share, stft
from ..spans import Span
from .ar import ArSettings, Prediction, predict_gap
from .channels import fill_from_channel
from .passages import fill_from_passage

if TYPE_CHECKING:
    from ..network.predictor import Inpainter

Samples = NDArray[np.float64]
Gap = tuple[int, int]


@dataclass(frozen=True)
class Blend:
    """How much of the network goes into a gap.

    Fitted on validation music to lose less than 0.5 dB of SDR against AR alone at every length while the
    log-spectral distance falls below that of max(AR, interpolated neighbours). In gaps of 20 ms AR alone does
    that, and the network costs it up to 2 dB where it is good; from there its share rises. Tried and left: a
    geometric mean of AR and network (worse on both measures), and a network that only begins at some
    distance from the edges (the maximum does that by itself).

    Attributes:
        shortest_ms: shorter gaps are left to AR alone.
        full_ms: gaps from here on get the whole share; between the two it rises.
        share: magnitude = max(AR, share · network).
        iterations: of Griffin-Lim.
        fade_ms: fade from the AR fill at each edge.
        ar: whether AR's magnitudes take part; without it the network's stand alone.
    """

    shortest_ms: float = 25.0
    full_ms: float = 60.0
    share: float = 0.85
    iterations: int = 4
    fade_ms: float = 5.0
    ar: bool = True

    def share_of(self, gap_ms: float) -> float:
        """The network's share in a gap of this length: half at the shortest, whole from ``full_ms`` on.

        >>> [round(Blend().share_of(ms), 3) for ms in (25, 42.5, 100)]
        [0.425, 0.637, 0.85]
        """
        rise = (gap_ms - self.shortest_ms) / max(self.full_ms - self.shortest_ms, 1e-9)
        return self.share * (0.5 + 0.5 * min(max(rise, 0.0), 1.0))


@dataclass(frozen=True)
class _How:
    """Sample rate, and whether other channels and similar passages may help AR."""

    rate_hz: int
    helped: bool


NETWORK_ALONE = Blend(shortest_ms=0.0, full_ms=0.0, share=1.0, ar=False)
"""``--method network``: what the network says, in AR's phase."""


def blend_of(settings: FillSettings) -> Blend:
    """How the network takes part under a method."""
    return NETWORK_ALONE if settings.method == "network" else Blend()


def inpaint(
    samples: Samples,
    spans: Iterable[Span],
    rate_hz: int,
    *,
    settings: FillSettings,
    network: Inpainter | None = None,
    blend: Blend | None = None,
    others: Iterable[Span] = (),
) -> tuple[Samples, list[Span]]:
    """Fill spans.

    Args:
        samples: ``(C, T)``; NaN and infinite values are allowed inside spans.
        spans: where, with channels.
        rate_hz: sample rate.
        settings: ``method`` ``auto``, ``ar`` or ``network``, and the longest gap to fill.
        network: for ``auto`` and ``network``; with None both fill by AR.
        blend: other than the fitted one, for experiments.
        others: damaged as well, but not to be filled here.

    Returns:
        The filled copy and the spans, ``filled`` or with a ``reason``, in order.

    Raises:
        ValueError: a span lies outside the samples.
    """
    blend = blend or blend_of(settings)
    how = _How(rate_hz, helped=settings.method == "auto")
    ordered = sorted(spans)
    filled = samples.copy()
    longest = settings.max_gap_ms * rate_hz / 1000
    lost = np.zeros(samples.shape, dtype=bool)
    for span in ordered:
        if span.end > samples.shape[1] or span.channel >= samples.shape[0]:
            raise ValueError(f"{span} lies outside of samples {samples.shape}")
        lost[span.channel, span.start : span.end] = True
    asked = lost.copy()
    for span in others:
        lost[span.channel, span.start : span.end] = True
    results: dict[tuple[int, Gap], str | None] = {}
    for channel in sorted({span.channel for span in ordered}):
        gaps = _runs(lost[channel])
        fillable: list[Gap] = []
        for gap in gaps:
            if not asked[channel, gap[0] : gap[1]].any():
                continue
            reason = _why_not(gap, lost[channel], longest, settings.max_gap_ms, rate_hz)
            results[channel, gap] = reason
            if reason is None:
                fillable.append(gap)
        by_ar = _fill_channel(filled, channel, gaps, fillable, lost, how)
        if network is not None and settings.method != "ar":
            for gap in fillable:
                if gap in by_ar and gap[1] - gap[0] >= blend.shortest_ms * rate_hz / 1000:
                    _enrich(filled[channel], gap, lost[channel], Grid(rate_hz), network, blend)
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
    audio: Samples, channel: int, gaps: list[Gap], fillable: list[Gap], lost: NDArray[np.bool_], how: _How
) -> set[Gap]:
    """Fill the gaps of a channel of ``audio`` ``(C, T)`` in place, from what is healthy or filled around.

    AR, another channel and a similar passage each say what error they expect; the least is taken.

    Returns:
        The gaps that AR alone has filled, which the network may enrich.
    """
    mine = audio[channel]
    bounds = [0, *(edge for gap in gaps for edge in gap), mine.size]
    wanted = set(fillable)
    by_ar: set[Gap] = set()
    for number, (start, end) in enumerate(gaps):
        if (start, end) not in wanted:
            continue
        # The gap before this one, if it was to be filled, is filled by now and may be looked through.
        first = bounds[2 * number - 2 if number and gaps[number - 1] in wanted else 2 * number]
        last = bounds[2 * number + 3]
        best = predict_gap(mine[first:start], mine[end:last], end - start, rate_hz=how.rate_hz)
        by_ar.add((start, end))
        if how.helped:
            for other in (
                _from_channels(audio, channel, lost, (first, start, end, last), how),
                fill_from_passage(mine, start, end, healthy=~lost[channel], rate_hz=how.rate_hz),
            ):
                if other is not None and other.expected_error < best.expected_error:
                    best = other
                    by_ar.discard((start, end))
        mine[start:end] = best.samples
    return by_ar


def _from_channels(
    audio: Samples, channel: int, lost: NDArray[np.bool_], edges: tuple[int, int, int, int], how: _How
) -> Prediction | None:
    """The best fill by a channel that is healthy around the gap, if there is one."""
    first, start, end, last = edges
    context = round(ArSettings().context_ms * how.rate_hz / 1000)
    first, last = max(first, start - context), min(last, end + context)
    mine = audio[channel]
    fills = [
        fill_from_channel(
            mine[first:start], mine[end:last], audio[other, first:last], end - start, rate_hz=how.rate_hz
        )
        for other in range(len(audio))
        if other != channel and not lost[other, first:last].any()
    ]
    return min((f for f in fills if f is not None), key=lambda f: f.expected_error, default=None)


def _enrich(
    audio: Samples, gap: Gap, lost: NDArray[np.bool_], grid: Grid, network: Inpainter, blend: Blend
) -> None:
    """Steps 2 to 5 for one gap of a channel ``(T,)``, in place."""
    first, last = _window(gap, audio.size, grid)
    fill = np.nan_to_num(audio[first:last], posinf=0.0, neginf=0.0)
    ar = np.abs(stft(fill, grid))
    share = known_share(~lost[first:last], grid)
    wanted = between_frames(ar, share, logarithmic=True)  # stands in above what the network knows
    bins = min(ar.shape[0], NETWORK_TILES * PATCH_BINS)
    wanted[:bins] = _predict(ar[:bins], share, network)
    # Frames that no damage touches are known: the network has no say in them.
    wanted = np.where(share < HEALTHY_SHARE, wanted, ar)
    gap_share = blend.share_of((gap[1] - gap[0]) * 1000 / grid.rate_hz)
    magnitudes = np.maximum(ar, gap_share * wanted) if blend.ar else wanted
    inside = slice(gap[0] - first, gap[1] - first)
    known = np.ones(fill.size, dtype=bool)
    known[inside] = False
    result = griffin_lim(magnitudes, fill, known, grid, iterations=blend.iterations)
    fade = _edge_fade(gap[1] - gap[0], round(blend.fade_ms * grid.rate_hz / 1000))
    audio[gap[0] : gap[1]] = fade * result[inside] + (1 - fade) * fill[inside]


def _window(gap: Gap, total: int, grid: Grid) -> Gap:
    """A stretch around the gap that holds at least a patch of frames, where there is as much."""
    start, end = gap
    frames = max(PATCH_FRAMES, -(-(end - start) // grid.hop_samples) + 2 * HALO_FRAMES)
    need = frames * grid.hop_samples - 1  # one sample less, or a frame of the next patch begins
    first = max(min((start + end - need) // 2, total - need), 0)
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


def _edge_fade(samples: int, fade: int) -> Samples:
    """0 at both ends, 1 inside, over ``fade`` samples."""
    distance = np.minimum(np.arange(samples) + 1, samples - np.arange(samples))
    rise: Samples = np.sin(0.5 * np.pi * np.clip(distance / max(fade, 1), 0, 1)) ** 2
    return rise
