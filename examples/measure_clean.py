"""Look for damage in undamaged music: whatever is found counts as false, even if the recording is damaged.

    python examples/measure_clean.py MUSIC [--minutes 1] [--json FILE]

MUSIC is a folder of genre/track files. Looked at is all of it, or the first --minutes of every track.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from restore_audio.audio.audiofile import read_blocks
from restore_audio.data.library import Track, scan_library
from restore_audio.detection.detect import detect_blocks


def first_minutes(track: Track, minutes: float, seen: list[int]) -> Iterator[np.ndarray]:
    """Blocks ``(C, T)`` of a track; ``seen`` gets the number of samples of each."""
    for block in read_blocks(track.path):
        if minutes and sum(seen) >= minutes * 60 * track.rate_hz:
            return
        seen.append(block.shape[1])
        yield block


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--minutes", type=float, default=0.0, help="of each track; 0: all of it")
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    options = parser.parse_args()
    tracks = scan_library(options.music).tracks
    seconds = spent = 0.0
    false: list[dict[str, object]] = []
    for track in tracks:
        seen: list[int] = []
        started = time.process_time()
        spans = detect_blocks(first_minutes(track, options.minutes, seen), track.rate_hz)
        spent += time.process_time() - started
        seconds += sum(seen) / track.rate_hz
        for start, kind in sorted({(span.start, span.kind) for span in spans}):  # once for all channels
            false.append({"track": track.name, "at_s": round(start / track.rate_hz, 3), "kind": kind})
            print(f"  false: {track.name} at {start / track.rate_hz:.3f} s, {kind}", flush=True)
    numbers = {
        "recordings": len(tracks),
        "hours": seconds / 3600,
        "false_spans": len(false),
        "false_recordings": len({str(one["track"]) for one in false}),
        "false_in_10_minutes": 600 * len(false) / seconds,
        "times_real_time": seconds / spent,
        "false": false,
    }
    print(
        f"{numbers['hours']:.2f} h, {len(false)} false spans ({numbers['false_in_10_minutes']:.2f} in 10 minutes), "
        f"{numbers['times_real_time']:.0f} x real time on one core"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
