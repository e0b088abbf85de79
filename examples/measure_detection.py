"""Measure how much damage is found, how exactly, and how often clean music is taken for damaged.

    python examples/measure_detection.py MUSIC [--excerpts 20] [--clean-minutes 0]

MUSIC is a folder of genre/track files of clean music. For each kind of damage it is drawn once a second into
excerpts of 12 s, where the music is above −50 dBFS. Then --clean-minutes of every track are looked at as they
are (0: all of it): whatever is found there counts as false, even if the recording is damaged.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from restore_audio.audio.audiofile import read_audio, read_blocks
from restore_audio.damage.simulate import apply_damages, damage_spans, draw_damages
from restore_audio.data.library import Track, scan_library
from restore_audio.detection.detect import detect, detect_blocks

EXCERPT_S = 12
CASES = {
    # name: kind, lengths in ms, depths in dB
    "zeros, 1 to 2 ms": ("zeros", (1.0, 2.0), (10.0, 40.0)),
    "zeros, 2 to 100 ms": ("zeros", (2.0, 100.0), (10.0, 40.0)),
    "dropouts, 20 to 40 dB, 10 to 100 ms": ("dropout", (10.0, 100.0), (20.0, 40.0)),
    "dropouts, 10 to 20 dB, 10 to 100 ms": ("dropout", (10.0, 100.0), (10.0, 20.0)),
    "clicks, 0.1 to 2 ms": ("click", (0.1, 2.0), (10.0, 40.0)),
    "repeats, 5 to 50 ms": ("repeat", (5.0, 50.0), (10.0, 40.0)),
    "noise bursts, 3 to 30 ms": ("noise", (3.0, 30.0), (10.0, 40.0)),
}


def excerpt(rng: np.random.Generator, tracks: list[Track]) -> tuple[np.ndarray, int]:
    """Twelve seconds of a drawn track that are not silent."""
    while True:
        samples, info = read_audio(tracks[int(rng.integers(len(tracks)))].path)
        length = EXCERPT_S * info.rate_hz
        if samples.shape[1] > length:
            start = int(rng.integers(samples.shape[1] - length))
            piece = samples[:, start : start + length]
            if np.sqrt(np.mean(piece**2)) > 1e-3:
                return piece, info.rate_hz


def measure_case(rng: np.random.Generator, tracks: list[Track], case: str, excerpts: int) -> None:
    """Print one row: what was found of a kind of damage."""
    kind, length_ms, depth_db = CASES[case]
    found = near = total = wrong = 0
    for _ in range(excerpts):
        clean, rate_hz = excerpt(rng, tracks)
        damages = draw_damages(
            rng,
            kind,
            clean.shape[1],
            rate_hz,
            len(clean),
            per_second=1.0,
            length_ms=length_ms,
            depth_db=depth_db,
            audio=clean,
        )
        truth = damage_spans(damages)
        spans = detect(apply_damages(clean, rate_hz, damages), rate_hz)
        for true in truth:
            hits = [
                s for s in spans if s.channel == true.channel and s.start < true.end and s.end > true.start
            ]
            total += 1
            if hits:
                found += 1
                off = max(
                    abs(min(s.start for s in hits) - true.start), abs(max(s.end for s in hits) - true.end)
                )
                near += off * 1000 <= rate_hz
        wrong += sum(
            not any(s.channel == t.channel and s.start < t.end and s.end > t.start for t in truth)
            for s in spans
        )
    print(f"| {case} | {total} | {found / total:.1%} | {near / total:.1%} | {wrong} |", flush=True)


def measure_clean(tracks: list[Track], minutes: float) -> None:
    """Print what is found where nothing is damaged."""
    seconds = spent = 0.0
    false = hit_minutes = all_minutes = 0
    for track in tracks:
        rate_hz = track.rate_hz
        most = round(minutes * 60 * rate_hz) if minutes else None
        started = time.process_time()
        done = 0

        def blocks(most: int | None = most, track: Track = track):  # type: ignore[no-untyped-def]
            nonlocal done
            for block in read_blocks(track.path):
                if most is not None and done >= most:
                    return
                done += block.shape[1]
                yield block

        spans = detect_blocks(blocks(), rate_hz)
        spent += time.process_time() - started
        seconds += done / rate_hz
        all_minutes += -(-done // (60 * rate_hz))
        hit_minutes += len({s.start // (60 * rate_hz) for s in spans})
        false += len({(s.start, s.kind) for s in spans})
        for span in spans:
            print(
                f"  false: {track.name} at {span.start / rate_hz:.3f} s, {span.kind}, {span.confidence:.2f}"
            )
    print(
        f"clean: {seconds / 3600:.2f} h, {false} false spans ({false / seconds * 600:.2f} in 10 minutes), "
        f"{1 - hit_minutes / all_minutes:.2%} of the minutes untouched, {seconds / spent:.0f} x real time on one core"
    )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--excerpts", type=int, default=20)
    parser.add_argument("--clean-minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tracks = list(scan_library(options.music).tracks)
    print("| damage | drawn | found | both ends within 1 ms | found elsewhere |\n|---|---|---|---|---|")
    for case in CASES:
        measure_case(np.random.default_rng((options.seed, len(case))), tracks, case, options.excerpts)
    measure_clean(tracks, options.clean_minutes)


if __name__ == "__main__":
    main()
