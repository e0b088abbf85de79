"""The evidence on which networks decide, of one damaged passage; ``python -m tests.evidence`` keeps it.

A network is worth what its inputs are: evidence that is computed otherwise than when it was trained makes it
decide at random, and nothing else would tell. Whoever changes the evidence trains the networks anew
(examples/train_verifier.py, examples/train_detector.py) and then runs this.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfilt

from restore_audio.detection.clicks import find_clicks
from restore_audio.detection.features import features_of, levels_of
from restore_audio.detection.frame_network import KINDS
from restore_audio.detection.gaps import find_gaps
from restore_audio.detection.screen import prediction_error
from restore_audio.detection.stretches import doubted, log_odds, measures_of

KEPT = Path(__file__).parent / "data" / "evidence.json"
RATES_HZ = (44_100, 16_000)
SECONDS = 2.0

CLICKS_S = (0.31, 0.62, 1.13, 1.71)
GAPS_S = ((0.45, 0.012), (0.95, 0.04), (1.5, 0.0045))
FADES_S = ((0.2, 0.03, 0.1), (1.3, 0.08, 0.25))
BURST_S = (0.8, 0.02)


def passage(rate_hz: int) -> np.ndarray:
    """Damaged music ``(2, T)``: plucked tones in noise; clicks, gaps that were filtered, fades, a burst."""
    rng = np.random.default_rng(1)
    t = np.arange(round(SECONDS * rate_hz)) / rate_hz
    audio = 0.004 * rng.standard_normal((2, t.size))
    for note in range(12):
        since = t - 0.17 * note
        tone_hz = 110.0 * 2 ** (rng.integers(36) / 12)
        sound = sum(np.sin(2 * np.pi * k * tone_hz * since) / k for k in range(1, 6)) * np.exp(-4 * since)
        audio += rng.uniform(0.05, 0.15, (2, 1)) * np.where(since > 0, sound, 0.0)

    def inside(start_s: float, length_s: float) -> slice:
        return slice(round(start_s * rate_hz), round((start_s + length_s) * rate_hz))

    for start_s, length_s, gain in FADES_S:
        audio[:, inside(start_s, length_s)] *= np.array([[gain], [0.6]])
    audio[:, inside(*BURST_S)] += 0.3 * rng.standard_normal(audio[:, inside(*BURST_S)].shape)
    for start_s, length_s in GAPS_S:
        audio[:, inside(start_s, length_s)] = 0.0
    audio = sosfilt(butter(4, 0.42 * rate_hz, fs=rate_hz, output="sos"), audio, axis=-1)
    audio += 1e-5 * rng.standard_normal(audio.shape)
    for number, start_s in enumerate(CLICKS_S):
        struck = audio[number % 2, inside(start_s, 0.0008)]
        struck += 0.5 * (-0.7) ** np.arange(struck.size)
    return audio


def scores(quarters: int) -> np.ndarray:
    """Logits ``(2, quarters, kinds)`` that wander as a network's do; whose they are does not matter here."""
    rng = np.random.default_rng(2)
    steps = rng.standard_normal((2, quarters // 6 + 2, len(KINDS)))
    places = np.arange(quarters) / 6
    wandering = [[np.interp(places, np.arange(len(c)), c[:, k]) for k in range(c.shape[1])] for c in steps]
    return (3.0 * np.moveaxis(np.array(wandering), 1, 2) + [6.0, *[0.0] * len(KINDS[1:])]).astype(np.float32)


def evidence(rate_hz: int) -> dict[str, list[list[float]]]:
    """Rows of numbers: places and evidence of clicks and gaps, what the frame network sees, what weighs."""
    audio = passage(rate_hz)
    made: dict[str, list[list[float]]] = {"click": [], "gap": []}
    for channel in audio:
        error = prediction_error(channel, rate_hz)
        clicks, gaps = find_clicks(channel, error, rate_hz), find_gaps(channel, rate_hz, round(0.4 * rate_hz))
        for kind, found in (("click", clicks), ("gap", gaps)):
            made[kind] += [[c.start, c.end, *c.features.tolist()] for c in found]
    levels = levels_of(audio, rate_hz)
    rows = features_of(levels)
    seen = np.concatenate([rows[:, 20::80], rows.mean(axis=1)[:, None]], axis=1)
    made["frames"] = seen.reshape(-1, rows.shape[-1]).tolist()
    logits = scores(4 * rows.shape[1])
    odds = log_odds(logits)
    stretches = doubted(logits, odds, 0.0)
    measures = measures_of(stretches, logits, odds, levels)
    made["stretches"] = [
        [s.first, s.last, s.channel, KINDS.index(s.kind), *row]
        for s, row in zip(stretches, measures.tolist(), strict=True)
    ][::5]
    return made


def rounded(rows: list[list[float]]) -> list[list[float]]:
    """Four digits of each number."""
    return [[float(f"{number:.4g}") for number in row] for row in rows]


if __name__ == "__main__":
    kept = {str(rate): {kind: rounded(rows) for kind, rows in evidence(rate).items()} for rate in RATES_HZ}
    KEPT.write_text(json.dumps(kept), encoding="utf-8")
