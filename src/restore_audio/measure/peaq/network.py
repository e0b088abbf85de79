"""From the eleven model output variables of PEAQ (basic version) to one grade, and to the 2f-model's.

In: the model output variables (:class:`ModelOutputs`). Out: the distortion index and the objective
difference grade (ODG), 0.22 (nothing heard) down to −3.98 (very annoying); or the mean score that listeners
would give in a MUSHRA test, 0 to 100.

Numbers: ITU-R BS.1387-1, Annex 2, tables 13 to 16. The variables are scaled by the tables' ranges but
not clipped to them, so grades far outside of the fitted range extrapolate. The 2f-model: Kastner and Herre,
"An efficient model for estimating subjective quality of separated audio source signals", WASPAA 2019;
Torcoli, Kastner and Herre, IEEE/ACM TASLP 29 (2021), arXiv 2110.11438, where it followed the listeners of 14
tests best of all measures. It was fitted to PQevalAudio's variables, which ours agree with.

>>> grade_of(distortion_index=0.0)
-1.88
>>> from types import SimpleNamespace as Outputs
>>> round(two_f(Outputs(avg_mod_diff1=20.0, adb=1.0)), 2)
77.7
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from scipy.special import expit

GRADE_MIN, GRADE_MAX = -3.98, 0.22

# Rows: minimum, maximum, then the weight towards each of the three hidden nodes, in the order of
# the fields of ModelOutputs.
INPUT_TABLE = np.array(
    [
        [393.916656, 921.0, -0.502657, 0.436333, 1.219602],
        [361.965332, 881.131226, 4.307481, 3.246017, 1.123743],
        [-24.045116, 16.212030, 4.984241, -2.211189, -0.192096],
        [1.110661, 107.137772, 0.051056, -1.762424, 4.331315],
        [-0.206623, 2.886017, 2.321580, 1.789971, -0.754560],
        [0.074318, 13.933351, -5.303901, -3.452257, -10.814982],
        [1.113683, 63.257874, 2.730991, -6.111805, 1.519223],
        [0.950345, 1145.018555, 0.624950, -1.331523, -5.955151],
        [0.029985, 14.819740, 3.102889, 0.871260, -5.922878],
        [0.000101, 1.0, -1.051468, -0.939882, -0.142913],
        [0.0, 1.0, -1.804679, -0.503610, -0.620456],
    ]
)
HIDDEN_BIAS = np.array([-2.518254, 0.654841, -2.207228])
OUTPUT_WEIGHTS = np.array([-3.817048, 4.107138, 4.629582])
OUTPUT_BIAS = -0.307594

TWO_F_HEIGHT, TWO_F_SLOPE, TWO_F_SHIFT = 56.1345, -0.0282, -0.8628
TWO_F_ADB_WEIGHT, TWO_F_OFFSET = -27.1451, 86.3515


@dataclass(frozen=True)
class ModelOutputs:
    """The eleven model output variables of the basic version, in the order of the standard's tables."""

    bandwidth_ref: float  # BandwidthRefB, FFT bins
    bandwidth_test: float  # BandwidthTestB, FFT bins
    total_nmr_db: float  # TotalNMRB
    win_mod_diff1: float  # WinModDiff1B
    adb: float  # ADBB, average distorted block
    ehs: float  # EHSB, error harmonic structure × 1000
    avg_mod_diff1: float  # AvgModDiff1B
    avg_mod_diff2: float  # AvgModDiff2B
    rms_noise_loud: float  # RmsNoiseLoudB, sone
    mfpd: float  # MFPDB, maximum filtered probability of detection
    rel_dist_frames: float  # RelDistFramesB, fraction 0..1


def distortion_index(outputs: ModelOutputs) -> float:
    """The network's output before the last sigmoid; higher is better, about −4 to +6."""
    low, high, weights = INPUT_TABLE[:, 0], INPUT_TABLE[:, 1], INPUT_TABLE[:, 2:]
    scaled = (np.array(astuple(outputs)) - low) / (high - low)
    hidden = expit(scaled @ weights + HIDDEN_BIAS)
    return float(hidden @ OUTPUT_WEIGHTS + OUTPUT_BIAS)


def grade_of(distortion_index: float) -> float:
    """The objective difference grade of a distortion index."""
    return float(GRADE_MIN + (GRADE_MAX - GRADE_MIN) * expit(distortion_index))


def two_f(outputs: ModelOutputs) -> float:
    """The 2f-model's mean score, clipped to 0…100."""
    modulation = TWO_F_SLOPE * outputs.avg_mod_diff1 + TWO_F_SHIFT
    score = TWO_F_HEIGHT / (1.0 + modulation**2) + TWO_F_ADB_WEIGHT * outputs.adb + TWO_F_OFFSET
    return min(max(score, 0.0), 100.0)
