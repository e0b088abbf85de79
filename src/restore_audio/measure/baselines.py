"""Well-known ways to fill a gap whose position is known: what our fills are compared with.

In: samples ``(C, T)``, spans, sample rate. Out: a filled copy ``(C, T)``; outside the spans nothing changes.
Each fills gap by gap and channel by channel, from what is healthy around it.

================ ====================================================================================
``nothing``      zeros in the gap: the SDR is 0 dB
``line``         a straight line in time between the samples at the gap's edges
``frames``       magnitudes on a straight line between the neighbouring frames; phase by Griffin-Lim
``ar-published`` AR extrapolation from both sides (Burg), cross-faded: Kauppinen and Roth, DAFx 2002
``ar-fixed-N``   our AR with one of its settings for short gaps, always: N ms of context on each side
``janssen``      AR fit and least-squares fill in turn: Janssen, Veldhuis, Vries, IEEE TASSP 34(2), 1986
``omp``          orthogonal matching pursuit on a Gabor dictionary: Adler et al., IEEE TASLP 20(3), 2012
``a-spain``      sparsest spectrum by ADMM: Mokrý, Záviška, Rajmic, Veselý, EUSIPCO 2019
``rule``         max(our AR, log-interpolated magnitudes), one iteration of Griffin-Lim from the AR fill
================ ====================================================================================

>>> ramp = np.arange(100.0)[None] / 100
>>> hole = ramp.copy()
>>> hole[0, 40:60] = 0
>>> bool(np.allclose(BASELINES["line"](hole, [Span(40, 60, 0)], 8000), ramp))
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples
from ..fill.adaptive import SETTINGS, predict_adaptively
from ..fill.ar import ArSettings, fill_gap
from ..fill.gaps import Gap, walk_gaps
from ..signal.burg import burg
from ..signal.griffin_lim import griffin_lim
from ..signal.least_squares import filter_products, solve_gap
from ..signal.spectrum import Grid, between_frames, known_share, stft
from ..spans import Span
from . import spain
from .matching_pursuit import pursue

Filler = Callable[[Samples, Sequence[Span], int], Samples]

PUBLISHED_AR = ArSettings(context_ms=186.0, order_share=0.125, noise_db=-100.0, passes=0)
"""8192 samples and order 1024 at 44.1 kHz, as in the published comparisons; only rounding noise is added."""

_FRAME_CONTEXT_MS = 128.0
_FRAMES_ITERATIONS = 30


def _each_gap(fill: Callable[[Gap], Samples]) -> Filler:
    def filler(samples: Samples, spans: Sequence[Span], rate_hz: int) -> Samples:
        result = samples.copy()
        for span in spans:
            result[span.channel, span.start : span.end] = 0.0
        healthy = result.copy()  # so that no gap is filled from another's fill
        for gap in walk_gaps(healthy, spans, rate_hz, look_through=False):
            result[gap.channel, gap.start : gap.end] = fill(gap)
        return result

    return filler


def _nothing(gap: Gap) -> Samples:
    return np.zeros(gap.length)


def _line(gap: Gap) -> Samples:
    edges = [side[place] for side, place in ((gap.before, -1), (gap.after, 0)) if side.size]
    if not edges:
        return _nothing(gap)
    return np.linspace(edges[0], edges[-1], gap.length + 2)[1:-1]


def _ar(gap: Gap, settings: ArSettings = PUBLISHED_AR) -> Samples:
    return fill_gap(gap.before, gap.after, gap.length, rate_hz=gap.rate_hz, settings=settings)


def _janssen(gap: Gap) -> Samples:
    context = round(PUBLISHED_AR.context_ms * gap.rate_hz / 1000)
    before, after = gap.before[-context:], gap.after[:context]
    fill = _ar(gap)
    if not before.size or not after.size:
        return fill
    order = max(1, int(min(before.size, after.size) * PUBLISHED_AR.order_share))
    # Longer gaps take seconds for each pass, and further passes change next to nothing in them.
    passes = 3 if fill.size <= 0.1 * gap.rate_hz else 1
    for _ in range(passes):
        piece = np.concatenate([before, fill, after])
        predictor = burg(piece, order, noise_db=PUBLISHED_AR.noise_db)
        order = predictor.size - 1
        products = filter_products([(predictor, 1.0)])
        better = solve_gap(products, _last(before, order), _first(after, order), fill.size)
        if better is None or np.max(np.abs(better)) > 10 * np.max(np.abs(piece)) + 1e-12:
            break
        fill = better
    return fill


def _last(side: Samples, count: int) -> Samples:
    return np.pad(side[-count:], (max(count - side.size, 0), 0))


def _first(side: Samples, count: int) -> Samples:
    return np.pad(side[:count], (0, max(count - side.size, 0)))


def _omp(gap: Gap) -> Samples:
    return pursue(gap.mine, gap.healthy, gap.start, gap.end, gap.rate_hz)


def _a_spain(gap: Gap) -> Samples:
    return spain.inpaint(gap.mine, gap.healthy, gap.start, gap.end, gap.rate_hz)


def _frames(gap: Gap) -> Samples:
    """Linear magnitudes between neighbouring frames, inverted from silence."""
    piece, known, inside = _around(gap)
    grid = Grid(gap.rate_hz)
    magnitudes = between_frames(np.abs(stft(piece, grid)), known_share(known, grid), logarithmic=False)
    start = np.where(known, piece, 0.0)
    # Silence has no phase to start from: a trace of noise gives it one, the same at every run.
    level = float(np.sqrt(np.mean(start**2)))
    start = np.where(known, start, 1e-3 * level * np.random.default_rng(0).standard_normal(start.size))
    return griffin_lim(magnitudes, start, known, grid, iterations=_FRAMES_ITERATIONS)[inside]


def _rule(gap: Gap) -> Samples:
    piece, known, inside = _around(gap)
    grid = Grid(gap.rate_hz)
    filled = piece.copy()
    filled[inside] = predict_adaptively(gap.before, gap.after, gap.length, rate_hz=gap.rate_hz).samples
    magnitudes = np.abs(stft(filled, grid))
    wanted = np.maximum(magnitudes, between_frames(magnitudes, known_share(known, grid), logarithmic=True))
    mine = np.ones(piece.size, dtype=bool)
    mine[inside] = False
    return griffin_lim(wanted, filled, mine, grid, iterations=1)[inside]


def _around(gap: Gap) -> tuple[Samples, NDArray[np.bool_], slice]:
    """The gap with its surroundings, which of it is known, and where the gap lies in it."""
    reach = round(_FRAME_CONTEXT_MS * gap.rate_hz / 1000)
    first = max(gap.start - reach, 0)
    window = slice(first, gap.end + reach)
    return gap.mine[window], gap.healthy[window], slice(gap.start - first, gap.end - first)


@dataclass(frozen=True)
class Baseline:
    """A way to fill gaps that a benchmark compares with.

    Attributes:
        name: as in ``--methods``.
        title: for tables.
        fill: samples ``(C, T)``, spans and sample rate to a filled copy.
        protocols: those in which it is measured by default; it can be asked for in all that tell
            where the damage is.
    """

    name: str
    title: str
    fill: Filler
    protocols: tuple[str, ...] = ("gaps", "context-encoder")

    def __call__(self, samples: Samples, spans: Sequence[Span], rate_hz: int) -> Samples:
        """The filled copy ``(C, T)``."""
        return self.fill(samples, spans, rate_hz)


_SHORT = ("gaps", "context-encoder", "packets")
_ALL = (*_SHORT, "long")

BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.name: baseline
        for baseline in (
            Baseline("nothing", "do nothing", _each_gap(_nothing), (*_ALL, "blind", "paper")),
            Baseline("line", "straight line in time", _each_gap(_line), _SHORT),
            Baseline(
                "frames",
                "straight line across frames",
                _each_gap(_frames),
                ("gaps", "context-encoder", "long", "paper"),
            ),
            Baseline("ar-published", "AR extrapolation (Burg)", _each_gap(_ar), _ALL),
            *(
                Baseline(
                    f"ar-fixed-{settings.context_ms:.0f}",
                    f"our AR, always {settings.context_ms:.0f} ms of context",
                    _each_gap(partial(_ar, settings=settings)),
                    (),
                )
                for settings in SETTINGS
            ),
            Baseline("janssen", "Janssen, gap-wise", _each_gap(_janssen)),
            Baseline("omp", "matching pursuit (Gabor)", _each_gap(_omp), ()),
            Baseline("a-spain", "A-SPAIN", _each_gap(_a_spain), ()),
            Baseline("rule", "max(our AR, log-interpolated)", _each_gap(_rule), _ALL),
        )
    }
)
"""By name; ``ar-published`` has the published settings, ours has its own."""
