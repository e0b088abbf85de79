"""Complete filled gaps by the network: its magnitudes, and a phase that agrees with them.

In: gaps whose samples were filled by AR. Out: the same samples with the spectrum that AR lost.

1. The network sees the AR-filled spectrogram in patches of 512 ms (or what it was trained on) and says which
   magnitudes belong there.
2. The two are blended: the louder of AR and a share of the network in each bin. Where AR predicts well, it
   is the louder; where it fades, in the middle of long gaps, the network takes over, by gap length and
   distance from the edges, without either being a parameter. What the network adds, in AR's phase, can be as
   wrong as right; so it may add no more energy than a share of what AR expects to have missed. The loudest
   bins get less, by a common cap; all others, which hold next to none of the energy and most of the
   spectrum, get all of theirs.
3. Griffin-Lim from the AR fill's phase, known samples pinned, a few iterations.
4. The result is faded into the AR fill at the gap's edges, so that nothing steps there.

Tried and left: a geometric mean of AR and network (worse in SDR and log-spectral distance), and a network
that only begins at some distance from the edges (the maximum does that by itself).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..settings import HEALTHY_SHARE, NETWORK_TILES, PATCH_BINS
from ..signal.fades import edge_fade
from ..signal.griffin_lim import griffin_lim
from ..signal.patches import HALO_FRAMES, cut, stitch
from ..signal.spectrum import Grid, between_frames, known_share, stft
from .gaps import Gap
from .methods import Blend

if TYPE_CHECKING:
    from ..network.predictor import Inpainter

_BINS = NETWORK_TILES * PATCH_BINS
"""Bins that the network knows."""


Incomplete = tuple[Gap, Blend, float | None]
"""A filled gap, how it is completed, and the error that its fill expects of itself, relative to its energy in
decibels; None if it does not say."""

_TOGETHER = 16
"""Gaps whose patches go through the network at once: as many as :data:`..network.predictor.BATCH`."""


@dataclass(frozen=True)
class _Scene:
    """The stretch of a channel around a gap, as its fill left it.

    Attributes:
        first: its first sample.
        fill: ``(T,)``.
        ar: magnitudes ``(F, K)``.
        share: healthy share of each frame ``(K,)``.
    """

    first: int
    fill: Samples
    ar: Samples
    share: NDArray[np.floating]


def complete(gaps: Iterable[Incomplete], network: Inpainter) -> None:
    """Complete the fills of gaps, in place and in order.

    Patches of several gaps and channels go through the network together, except of a gap that sees what an
    earlier one of them becomes.
    """
    for together in _apart(gaps, network.frames):
        scenes = [_scene(gap, network.frames) for gap, _, _ in together]
        answers = _predict(scenes, network)
        for (gap, blend, error_db), scene, answer in zip(together, scenes, answers, strict=True):
            _finish(gap, blend, error_db, scene, answer)


def _apart(gaps: Iterable[Incomplete], patch_frames: int) -> Iterator[list[Incomplete]]:
    """Groups in order, in each of which no gap lies in the stretch around a later one."""
    together: list[Incomplete] = []
    for each in gaps:
        gap = each[0]
        first, last = _window(gap, gap.mine.size, Grid(gap.rate_hz), patch_frames)
        seen = any(
            other.channel == gap.channel and other.start < last and first < other.end
            for other, _, _ in together
        )
        if seen or len(together) == _TOGETHER:
            yield together
            together = []
        together.append(each)
    if together:
        yield together


def _scene(gap: Gap, patch_frames: int) -> _Scene:
    grid = Grid(gap.rate_hz)
    first, last = _window(gap, gap.mine.size, grid, patch_frames)
    fill = np.nan_to_num(gap.mine[first:last], posinf=0.0, neginf=0.0)
    return _Scene(first, fill, np.abs(stft(fill, grid)), known_share(gap.healthy[first:last], grid))


def _finish(gap: Gap, blend: Blend, error_db: float | None, scene: _Scene, answer: Samples) -> None:
    """Give a gap the magnitudes of the network's answer ``(F', K)``, F' at most F, as the blend says."""
    grid, fill, ar, share = Grid(gap.rate_hz), scene.fill, scene.ar, scene.share
    inside = slice(gap.start - scene.first, gap.end - scene.first)
    wanted = between_frames(ar, share, logarithmic=True)  # used above the highest frequency of the network
    wanted[: len(answer)] = answer
    # Frames that no damage touches are known: the network has no say in them.
    wanted = np.where(share < HEALTHY_SHARE, wanted, ar)
    magnitudes = np.maximum(ar, blend.share * wanted) if blend.ar else wanted
    if blend.ar and error_db is not None:
        alone = np.zeros_like(fill)
        alone[inside] = fill[inside]
        allowed = blend.added * 10 ** (error_db / 10) * float(np.sum(np.abs(stft(alone, grid)) ** 2))
        magnitudes = _capped(ar, magnitudes, 1 - share, allowed)
    known = np.ones(fill.size, dtype=bool)
    known[inside] = False
    result = griffin_lim(magnitudes, fill, known, grid, iterations=blend.iterations)
    fade = edge_fade(gap.length, max(round(blend.fade_ms * gap.rate_hz / 1000) - 1, 0))
    gap.mine[gap.start : gap.end] = fade * result[inside] + (1 - fade) * fill[inside]


def _window(gap: Gap, total: int, grid: Grid, patch_frames: int) -> tuple[int, int]:
    """A stretch around the gap that holds at least a patch of frames, where there is as much."""
    frames = max(patch_frames, -(-gap.length // grid.hop_samples) + 2 * HALO_FRAMES)
    need = frames * grid.hop_samples - 1  # one sample less, or a frame of the next patch begins
    first = max(min((gap.start + gap.end - need) // 2, total - need), 0)
    return first, min(first + need, total)


def _predict(scenes: Sequence[_Scene], network: Inpainter) -> list[Samples]:
    """The network's magnitudes ``(F', K)`` for stretches of one rate and any lengths."""
    known = [scene.ar[:_BINS] for scene in scenes]
    patches = [cut(ar, patch_frames=network.frames) for ar in known]  # (N, tiles, 128, K)
    shares = [cut(scene.share[None], patch_frames=network.frames)[:, 0, 0] for scene in scenes]  # (N, K)
    answers = network.restore_magnitudes(np.concatenate(patches), np.concatenate(shares))
    each = np.split(answers, np.cumsum([len(some) for some in patches])[:-1])
    return [
        np.asarray(stitch(answer, *ar.shape), dtype=np.float64)
        for answer, ar in zip(each, known, strict=True)
    ]


def _capped(ar: Samples, louder: Samples, missing: NDArray[np.floating], most: float) -> Samples:
    """Less of what ``louder (F, K)`` adds to the energy of ``ar (F, K)``, where it adds most.

    The energy added in each bin is capped, at the level at which all of it together, each frame weighted by
    how much of it is ``missing (K,)``, is ``most``.
    """
    added = np.maximum(louder**2 - ar**2, 0.0)
    some = added > 0.0  # a small part: most of the stretch is known
    values, weights = added[some], np.broadcast_to(missing, added.shape)[some]
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    # If the cap is values[n], those below it add all of theirs, the others the cap.
    below = np.cumsum(values * weights) - values * weights
    rest = np.cumsum(weights[::-1])[::-1]
    number = int(np.searchsorted(below + values * rest, most))
    if number == values.size:
        return louder
    cap = (most - below[number]) / rest[number]
    return np.asarray(np.sqrt(ar**2 + np.minimum(added, cap)))
