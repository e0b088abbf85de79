"""The Python API on the shipped example: python examples/restore_api.py

``detect`` only looks, ``restore`` works on arrays, ``restore_file`` on files of any length.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from restore_audio import detect, restore, restore_file

HERE = Path(__file__).resolve().parent


def load(name: str) -> tuple[np.ndarray, int]:
    """Channels first, in [-1, 1], as all of restore-audio has it."""
    samples, rate_hz = soundfile.read(HERE / name, always_2d=True)
    return samples.T, rate_hz


def sdr_db(clean: np.ndarray, test: np.ndarray, places: list[dict[str, int]]) -> float:
    """Signal to distortion where the damage was; the file counts channels from 1."""
    signal = distortion = 0.0
    for place in places:
        inside = (place["channel"] - 1, slice(place["start"], place["end"]))
        signal += np.sum(clean[inside] ** 2)
        distortion += np.sum((clean[inside] - test[inside]) ** 2)
    return float(10 * np.log10(signal / distortion))


def main() -> None:
    """Find, fill, compare."""
    clean, _ = load("clean.wav")
    damaged, rate_hz = load("damaged.wav")
    truth = json.loads((HERE / "damaged.spans.json").read_text(encoding="utf-8"))["spans"]

    for span in detect(damaged, rate_hz):
        print(
            f"{span.start / rate_hz:6.3f} s  {1000 * (span.end - span.start) / rate_hz:5.1f} ms"
            f"  channel {span.channel + 1}  {span.kind}"
        )

    restored = restore(damaged, rate_hz)
    changed = np.any(restored.samples != damaged)
    before, after = sdr_db(clean, damaged, truth), sdr_db(clean, restored.samples, truth)
    print(f"{sum(span.filled for span in restored.spans)} spans filled, something changed: {changed}")
    print(f"in the damaged spans: {before:.1f} dB before, {after:.1f} dB after, gain {after - before:.1f} dB")

    with tempfile.TemporaryDirectory() as place:
        report = restore_file(HERE / "damaged.wav", Path(place) / "restored.wav")
        print(f"restore_file: {len(report.spans)} spans in {report.elapsed_s:.1f} s on {report.device}")


if __name__ == "__main__":
    main()
