"""Perceptual grades by other programs, where they are installed.

In: reference and test ``(C, T)`` in [−1, 1], aligned. Out: a mean opinion score, or None where a recording is
too short to be graded. Channels are mixed and resampled to 48 kHz, as the programs want it.

============= ==========================================================================================
``visqol``    ViSQOL 3, audio mode, 1 to about 4.7: Chinen et al., QoMEX 2020 (``pip install visqol-python``);
              it takes longer than the recording lasts
``zimtohrli`` Zimtohrli, 1 to 5: Alakuijala et al. 2025, arXiv 2509.26133 (``pip install zimtohrli``)
============= ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np

from ..arrays import Samples
from ..errors import UsageError

PEAQ, TWO_F = "peaq", "2f"
"""Our own: PEAQ of the whole, the 2f-model of the surroundings of each gap."""

RATE_HZ = 48_000
SHORTEST_S = 1.0


def _visqol(reference: Samples, test: Samples) -> float:
    from visqol import VisqolApi

    api: Any = VisqolApi()
    api.create(mode="audio")
    return float(api.measure_from_arrays(reference, test, RATE_HZ).moslqo)


def _zimtohrli(reference: Samples, test: Samples) -> float:
    from zimtohrli import mos_from_signals

    return float(mos_from_signals(reference, test))


GRADERS: Mapping[str, Callable[[Samples, Samples], float]] = MappingProxyType(
    {"visqol": _visqol, "zimtohrli": _zimtohrli}
)
"""By name, which is that of the module they need."""

_PACKAGES = {"visqol": "visqol-python", "zimtohrli": "zimtohrli"}


def mean_opinion(name: str, reference: Samples, test: Samples, rate_hz: int) -> float | None:
    """What a grader says; None for recordings shorter than a second or silent ones."""
    import soxr

    mixed = [np.nan_to_num(samples).mean(axis=0) for samples in (reference, test)]
    if mixed[0].size < SHORTEST_S * rate_hz or not mixed[0].any():
        return None
    if rate_hz != RATE_HZ:
        mixed = [np.clip(soxr.resample(samples, rate_hz, RATE_HZ), -1.0, 1.0) for samples in mixed]
    return GRADERS[name](mixed[0], mixed[1])


def check_graders(names: Sequence[str], own: Sequence[str] = ()) -> tuple[str, ...]:
    """The names, if all are known and installed, or among ``own``.

    Raises:
        UsageError: one is not; the message says how to install it.
    """
    for name in names:
        if name in own:
            continue
        if name not in GRADERS:
            raise UsageError(f"There is no grader '{name}': choose from {', '.join((*own, *GRADERS))}.")
        if find_spec(name) is None:
            raise UsageError(
                f"The grader '{name}' is not installed: install it with pip install {_PACKAGES[name]}."
            )
    return tuple(dict.fromkeys(names))
