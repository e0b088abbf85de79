"""The 2f-model: the quality of a recording from two of PEAQ's model output variables.

In: :class:`ModelOutputs`. Out: the mean score that listeners would give in a MUSHRA test, 0 to 100.

Source: Kastner and Herre, "An efficient model for estimating subjective quality of separated audio source
signals", WASPAA 2019; Torcoli, Kastner and Herre, IEEE/ACM TASLP 29 (2021), arXiv 2110.11438, where it
followed the listeners of 14 tests best of all measures. It was fitted to PQevalAudio's variables, which ours
agree with.

>>> from types import SimpleNamespace as Outputs
>>> round(two_f(Outputs(avg_mod_diff1=20.0, adb=1.0)), 2)
77.7
"""

from __future__ import annotations

from .network import ModelOutputs

HEIGHT, SLOPE, SHIFT = 56.1345, -0.0282, -0.8628
ADB_WEIGHT, OFFSET = -27.1451, 86.3515


def two_f(outputs: ModelOutputs) -> float:
    """The model's mean score, clipped to 0…100."""
    modulation = SLOPE * outputs.avg_mod_diff1 + SHIFT
    score = HEIGHT / (1.0 + modulation**2) + ADB_WEIGHT * outputs.adb + OFFSET
    return min(max(score, 0.0), 100.0)
