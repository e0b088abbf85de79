"""The paper's own task, measured as Serra et al. 2021 did: random frames of 512 ms patches are lost.

In: a recording, which is mixed to 16 kHz mono. Out: scores with PSNR and NRMSE of each patch and the
ODG of the inverted whole, for a method of three:

* ``nothing``: the damaged magnitudes as they are, the paper's "before";
* ``frames``: each bin on a straight line across the lost frames, no network: the floor the paper lacks;
* a network of the task ``paper``, without knowing which frames are lost.

Magnitudes are divided by 127.98, so that PSNR (data range 1) compares with the paper's; its added 0.001
cancels in the PSNR and is left out of the NRMSE. Patches of digital silence, which nothing can damage, are
left out. ``paper_odg`` grades against the Griffin-Lim inversion of the undamaged magnitudes, as the paper
does; ``odg`` against the recording itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..damage.simulate import random_frames
from ..settings import PAPER_SCALE, PATCH_FRAMES
from ..signal.spectrum import PAPER_HOP_SAMPLES, PAPER_RATE_HZ, interpolate_frames
from .material import Excerpt, load_excerpt
from .methods import Method
from .metrics import nrmse_range, nrmse_rms, psnr_db
from .resources import Meter
from .scoring import Scores, score
from .trials import Outcome

if TYPE_CHECKING:
    from ..network.predictor import Inpainter
    from .peaq.peaq import PeaqResult

PATCH_S = PATCH_FRAMES * PAPER_HOP_SAMPLES / PAPER_RATE_HZ


def lose_frames(magnitudes: Samples, rng: np.random.Generator) -> tuple[Samples, NDArray[np.bool_]]:
    """Zero random frames of patches ``(N, F, K)``; also which are lost, ``(N, K)``."""
    lost = np.zeros((magnitudes.shape[0], magnitudes.shape[-1]), dtype=bool)
    for patch in lost:
        patch[random_frames(rng, patch.size)] = True
    return np.where(lost[:, None, :], 0.0, magnitudes), lost


@dataclass(frozen=True)
class MeasuredPatches:
    """What a method made of an excerpt's patches.

    Attributes:
        reference, test: patches that sound, ``(N, F, K)`` in the paper's scale.
        restored: all patches ``(N, F, K)``.
        outcome: what it cost; it has no samples.
    """

    excerpt: Excerpt
    reference: Samples
    test: Samples
    restored: Samples
    outcome: Outcome

    @property
    def audio_s(self) -> float:
        """Length of the recording."""
        return _clean_patches(self.excerpt)[0].size / PAPER_RATE_HZ

    @property
    def gaps(self) -> int:
        """Patches that have a PSNR."""
        return sum(value is not None for value in self.psnr_db)

    @cached_property
    def psnr_db(self) -> list[float | None]:
        """PSNR of each patch, in dB."""
        return _finite(psnr_db(self.reference, self.test))

    @property
    def nrmse_rms(self) -> list[float | None]:
        """NRMSE of each patch over its root mean square."""
        return _finite(nrmse_rms(self.reference, self.test))

    @property
    def nrmse_range(self) -> list[float | None]:
        """NRMSE of each patch over its range."""
        return _finite(nrmse_range(self.reference, self.test))

    @cached_property
    def audio(self) -> Samples:
        """Griffin-Lim inversion of the restored magnitudes ``(1, T)``."""
        from ..fill.paper import invert

        return invert(_joined(self.restored), _clean_patches(self.excerpt)[0].size)[None]

    @cached_property
    def grade(self) -> PeaqResult:
        """PEAQ against the recording itself."""
        from .peaq.peaq import peaq

        return peaq(_clean_patches(self.excerpt)[0][None], self.audio, PAPER_RATE_HZ)

    @property
    def paper_odg(self) -> list[float | None]:
        """PEAQ against the inversion of the undamaged magnitudes."""
        from .peaq.peaq import peaq

        return [peaq(_clean_inverted(self.excerpt), self.audio, PAPER_RATE_HZ).odg]


def _finite(values: Samples) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def measure_paper(
    method: Method, excerpt: Excerpt, rng: np.random.Generator, *, graders: Sequence[str]
) -> Scores:
    """Score a method on an excerpt; the damage depends on the generator alone.

    Raises:
        RestoreError: torchaudio does not work here, or the weights are not there.
    """
    _, clean = _clean_patches(excerpt)
    damaged, lost = lose_frames(clean, rng)
    with Meter() as meter:
        restored = _restore(method, damaged, lost)
    sounding = clean.max(axis=(1, 2), initial=0.0) > 0
    reference, test = clean[sounding] / PAPER_SCALE, restored[sounding] / PAPER_SCALE
    outcome = Outcome(None, None, meter.seconds, meter.peak_mb)
    measured = MeasuredPatches(excerpt, reference, test, restored, outcome)
    return score(measured, patches=True, graders=graders if len(clean) else ())


def _restore(method: Method, damaged: Samples, lost: NDArray[np.bool_]) -> Samples:
    if method.name == "nothing" or not len(damaged):
        return damaged
    if method.name == "frames":
        return interpolate_frames(damaged, ~lost)
    return np.asarray(_network(method).paper_magnitudes(damaged), dtype=np.float64)


def paper_versions(
    methods: Sequence[Method], excerpt: Excerpt, rng: np.random.Generator, *, seconds: float
) -> list[tuple[str, Samples]]:
    """The beginning, clean, damaged and restored, as sound: labels and 16 kHz samples ``(1, T)``."""
    from ..fill.paper import invert

    mono, clean = _clean_patches(excerpt)
    if not len(clean):
        return []
    clean = clean[: max(1, round(seconds / PATCH_S))]
    length = min(mono.size, round(len(clean) * PATCH_S * PAPER_RATE_HZ))
    damaged, lost = lose_frames(clean, rng)
    versions = [("clean", mono[None, :length]), ("damaged", invert(_joined(damaged), length)[None])]
    for method in methods:
        restored = _restore(method, damaged, lost)
        versions.append((method.title, invert(_joined(restored), length)[None]))
    return versions


@lru_cache(maxsize=2)
def _clean_patches(excerpt: Excerpt) -> tuple[Samples, Samples]:
    """16 kHz mono ``(T,)`` and its patches ``(N, 128, 128)``; the rest below a patch is dropped, as there."""
    from ..fill.paper import analyse, to_paper_rate

    mono = to_paper_rate(*load_excerpt(excerpt))
    magnitudes = analyse(mono)
    count = magnitudes.shape[1] // PATCH_FRAMES
    patches = magnitudes[:, : count * PATCH_FRAMES].reshape(magnitudes.shape[0], count, PATCH_FRAMES)
    return mono[: count * PATCH_FRAMES * PAPER_HOP_SAMPLES], np.ascontiguousarray(np.swapaxes(patches, 0, 1))


@lru_cache(maxsize=1)
def _clean_inverted(excerpt: Excerpt) -> Samples:
    from ..fill.paper import invert

    mono, clean = _clean_patches(excerpt)
    return invert(_joined(clean), mono.size)[None]


def _joined(patches: Samples) -> Samples:
    """Patches ``(N, F, K)`` side by side, ``(F, N · K)``."""
    return np.ascontiguousarray(np.swapaxes(patches, 0, 1).reshape(patches.shape[1], -1))


def _network(method: Method) -> Inpainter:
    from ..network.weights import Weights

    return Weights("paper", "cpu", method.model).open()
