"""Complete a filled gap by the network: its magnitudes, and a phase that agrees with them.

In: a gap whose samples were filled by AR. Out: the same samples with the spectrum that AR lost.

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


def complete(gap: Gap, network: Inpainter, blend: Blend, error_db: float | None = None) -> None:
    """Complete the fill of a gap, in place.

    Args:
        gap: filled.
        network: what completes it.
        blend: how.
        error_db: the error that its fill expects of itself, relative to its energy; None if it does not say.
    """
    grid = Grid(gap.rate_hz)
    audio = gap.mine
    first, last = _window(gap, audio.size, grid, network.frames)
    fill = np.nan_to_num(audio[first:last], posinf=0.0, neginf=0.0)
    inside = slice(gap.start - first, gap.end - first)
    ar = np.abs(stft(fill, grid))
    share = known_share(gap.healthy[first:last], grid)
    wanted = between_frames(ar, share, logarithmic=True)  # used above the highest frequency of the network
    bins = min(ar.shape[0], NETWORK_TILES * PATCH_BINS)
    wanted[:bins] = _predict(ar[:bins], share, network)
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
    audio[gap.start : gap.end] = fade * result[inside] + (1 - fade) * fill[inside]


def _window(gap: Gap, total: int, grid: Grid, patch_frames: int) -> tuple[int, int]:
    """A stretch around the gap that holds at least a patch of frames, where there is as much."""
    frames = max(patch_frames, -(-gap.length // grid.hop_samples) + 2 * HALO_FRAMES)
    need = frames * grid.hop_samples - 1  # one sample less, or a frame of the next patch begins
    first = max(min((gap.start + gap.end - need) // 2, total - need), 0)
    return first, min(first + need, total)


def _predict(ar: Samples, share: NDArray[np.floating], network: Inpainter) -> Samples:
    """The network's magnitudes for an AR-filled spectrogram ``(F, K)`` of any length."""
    bins, frames = ar.shape
    patches = cut(ar, patch_frames=network.frames)  # (N, tiles, 128, K)
    shares = cut(share[None], patch_frames=network.frames)[:, 0, 0]  # (N, K)
    return np.asarray(stitch(network.restore_magnitudes(patches, shares), bins, frames), dtype=np.float64)


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
