"""Draw what the learned detector is trained on: segments of music, damaged, processed, or undamaged.

In: a folder of genre/track files. Out: files of fifty segments, each with its levels on the detector's grid
(half decibels, 8 bit) and the kind of damage in each 2 ms.

    python examples/detector_examples.py corpus/train --to segments --minutes 30 --seed 1

Several processes may write into one folder, each with its own seed. What counts as damaged are those parts of
the simulated spans where damage is loud enough to be seen: its first or second difference at least WEAK_DB of
the clean signal's; the rest of a span teaches nothing either way.
"""

from __future__ import annotations

import argparse
import csv
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from transfer import transfer

from restore_audio.damage.families import (
    AFTER_STEPS,
    FAMILIES,
    NEGATIVES,
    apply,
    draw_after,
    draw_family,
    draw_negative,
)
from restore_audio.damage.record import Damaged
from restore_audio.detection.features import Levels, levels_of, step_samples
from restore_audio.detection.frame_network import KINDS, QUARTERS

SEGMENT_S = 8.0
UNKNOWN = 255
"""Label of what teaches nothing: ends of bells, damage that nobody hears, clicks and splices."""

WEAK_DB = -8.0
QUIET_DB = -62.0

LABELS = {
    "zeros": "dropout",
    "constant": "dropout",
    "dropout": "dropout",
    "treble": "treble",
    "concealed": "concealed",
    "repeat": "concealed",
    "noise": "noise",
}
"""What the network calls a span of a simulated kind; other kinds are left to other detectors."""

SHARES = {
    "tape": 0.29,
    "dropout": 0.13,
    "treble": 0.10,
    "zeros": 0.07,
    "packets-g711": 0.05,
    "packets-repeat": 0.02,
    "buffers-stale": 0.02,
    "disc-mute": 0.02,
    "noise": 0.10,
    "codec-opus": 0.07,
    "codec-aac": 0.04,
    "codec-mp3": 0.07,
    "codec-vorbis": 0.02,
}
PER_SECOND = (0.15, 1.5)
"""Fewest and most damages."""

ALWAYS_PROCESSED = ("zeros", "packets-repeat", "buffers-stale", "disc-mute")
"""Families that exact detectors find while nothing has been done afterwards."""

AFTER = {
    "mp3": 0.22,
    "aac": 0.12,
    "vorbis": 0.1,
    "opus": 0.14,
    "resample": 0.08,
    "rate": 0.06,
    "dither": 0.07,
    "gain": 0.05,
    "noise": 0.06,
    "dc": 0.02,
    "lowpass": 0.06,
    "8bit": 0.01,
    "mulaw": 0.01,
}
GATES = (
    *("gate", "expander", "rhythmic_gate", "ducked", "stops", "gated_synthesiser", "side_chained_pad"),
    *("staccato", "chiptune", "castanets"),
)
"""Undamaged sounds that look most like damage: half of all those drawn."""

SUFFIXES = (".ogg", ".mp3", ".flac", ".wav", ".opus", ".oga")

HELD_OUT = 10
"""Every tenth track is not trained on, but what thresholds are set on."""

PIECE_S = 20
"""Length of a segment that is not drawn, in seconds."""

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 32_000, 48_000, 96_000)


@dataclass(frozen=True)
class Segment:
    """Levels in half decibels above −120 dB, and the label of each 2 ms ``(C, 4 steps)``."""

    bands: np.ndarray
    fine: np.ndarray
    side: np.ndarray
    error: np.ndarray
    usable: int
    labels: np.ndarray
    story: str

    def levels(self) -> Levels:
        """As the features want them."""
        stored = (self.bands, self.fine, self.side, self.error)
        bands, fine, side, error = (0.5 * a.astype(np.float32) - 120.0 for a in stored)
        return Levels(bands, fine, side, error, self.usable)


class Music:
    """Excerpts of the tracks of a folder, genres by the square root of their number of tracks."""

    def __init__(self, folder: Path, held_out: bool = False) -> None:
        self.genres: dict[str, list[Path]] = {}
        for number, path in enumerate(sorted(folder.glob("*/*"))):
            if (number % HELD_OUT == HELD_OUT - 1) is held_out and path.suffix in SUFFIXES:
                self.genres.setdefault(path.parent.name, []).append(path)
        if not self.genres:
            raise SystemExit(f"{folder} holds no genre/track files.")

    def draw(self, rng: np.random.Generator, genre: str | None = None) -> tuple[np.ndarray, int]:
        """Eight seconds ``(C, T)`` that are not silent, one or two channels."""
        names = list(self.genres)
        shares = np.sqrt([len(self.genres[name]) for name in names])
        while True:
            chosen = genre or names[int(rng.choice(len(names), p=shares / shares.sum()))]
            path = self.genres[chosen][int(rng.integers(len(self.genres[chosen])))]
            try:
                with soundfile.SoundFile(path) as file:
                    length = round(SEGMENT_S * file.samplerate)
                    if file.frames < length:
                        continue
                    file.seek(int(rng.integers(file.frames - length + 1)))
                    audio = file.read(length, dtype="float64", always_2d=True).T[:2]
                    rate_hz = file.samplerate
            except (soundfile.LibsndfileError, RuntimeError):
                continue
            if audio.shape[1] == length and np.sqrt(np.mean(audio**2)) > 2e-3:
                return audio, rate_hz


def draw_segment(rng: np.random.Generator, music: Music, only: Sequence[str] = ()) -> Segment:
    """Damaged (seven in ten), as it is, or an undamaged sound that looks damaged.

    With ``only``, one of these undamaged sounds, half of them made of speech.
    """
    sort = "negative" if only else str(rng.choice(["damaged", "clean", "negative"], p=[0.70, 0.08, 0.22]))
    spoken = rng.random() < (0.5 if only else 0.18) and "Spoken" in music.genres
    audio, rate_hz = music.draw(rng, "Spoken" if spoken else None)
    if rng.random() < 0.15:
        audio, rate_hz = resampled(audio, rate_hz, int(rng.choice(RATES_HZ)))
    audio = channels_drawn(rng, audio) * 10 ** (rng.uniform(-12, 3) / 20)
    state = Damaged(np.clip(audio, -1, 1), rate_hz)
    story = [sort]
    if sort != "negative" and rng.random() < 0.12:
        state = Damaged(transfer(rng, state.samples, rate_hz), rate_hz)
        story.append("transfer")
    if sort != "damaged" and sort != "clean":
        sorts = only or (GATES if rng.random() < 0.5 else NEGATIVES)
        record = draw_negative(rng, str(rng.choice(sorts)))
        story.append(record.sort)
        state = apply(record, state.samples, rate_hz)
    masks: list[np.ndarray] = []
    if sort == "damaged":
        names = [name for name in SHARES if name in FAMILIES]
        shares = np.array([SHARES[name] for name in names])
        family = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        story.append(family)
        options = {"depth_db": (6.0, 20.0)} if family == "tape" and rng.random() < 0.5 else {}
        rate = float(np.exp(rng.uniform(*np.log(PER_SECOND))))
        record = draw_family(rng, family, state.samples, rate_hz, per_second=rate, **options)
        state = apply(record, state.samples, rate_hz, reference=True)
        masks = [heard(state, span) for span in state.spans]
        state = replace(state, clean=None)
    if rng.random() < 0.5 or story[-1] in ALWAYS_PROCESSED:
        steps = [name for name in AFTER if name in AFTER_STEPS]
        shares = np.array([AFTER[name] for name in steps])
        step = steps[int(rng.choice(len(steps), p=shares / shares.sum()))]
        story.append(step)
        kbps = (
            f":{rng.choice([48, 64, 96, 128, 160, 192, 256, 320])}"
            if step in ("mp3", "aac", "vorbis", "opus")
            else ""
        )
        state = draw_after(rng, step + kbps, state.rate_hz, samples=state.samples).apply(state)
    elif rng.random() < 0.7:
        state = replace(state, samples=np.round(state.samples * 32767) / 32768)
    return segment_of(state, masks, " ".join(story))


def resampled(audio: np.ndarray, rate_hz: int, to_hz: int) -> tuple[np.ndarray, int]:
    """At another rate."""
    import soxr

    return soxr.resample(np.ascontiguousarray(audio.T), rate_hz, to_hz).T, to_hz


def channels_drawn(rng: np.random.Generator, audio: np.ndarray) -> np.ndarray:
    """One in ten each: two equal channels, one channel, narrower stereo."""
    way = rng.random()
    if way < 0.1:
        return np.repeat(audio.mean(axis=0, keepdims=True), 2, axis=0)
    if way < 0.2:
        return audio[:1]
    if way < 0.3 and len(audio) == 2:
        middle, side = audio.mean(axis=0), 0.5 * (audio[0] - audio[1]) * rng.uniform(0, 0.5)
        return np.stack([middle + side, middle - side])
    return audio


def heard(state: Damaged, span) -> np.ndarray:
    """Which 2 ms of a span are damaged so much that they can be seen ``(n,)``, of about 2 ms each."""
    cell = max(step_samples(state.rate_hz) // QUARTERS, 4)
    first, last = max(span.start - cell, 0), min(span.end + cell, state.samples.shape[1])
    clean = state.clean[span.channel, first:last]
    error = state.samples[span.channel, first:last] - clean
    count = max(span.length // cell, 1)
    seen = np.zeros(count, dtype=bool)
    for order in (1, 2):
        cells = []
        for audio in (error, clean):
            power = np.diff(audio, order) ** 2
            edges = np.minimum(cell + np.arange(count + 1) * span.length // count, power.size - 1)
            edges = np.stack(
                [np.maximum(edges[:-1] - cell // 2, 0), np.minimum(edges[1:] + cell // 2, power.size - 1)]
            )
            sums = np.concatenate([[0.0], np.cumsum(power)])
            cells.append((sums[edges[1]] - sums[edges[0]]) / np.maximum(edges[1] - edges[0], 1))
        loud = cells[1] > 10 ** ((QUIET_DB - 10 * order) / 10)
        seen |= loud & (cells[0] > 10 ** (WEAK_DB / 10) * cells[1])
        # Noise and stand-ins in a pause are damage too where they are loud themselves.
        seen |= cells[0] > np.maximum(10 ** ((QUIET_DB - 10 * order) / 10), 2 * cells[1])
    return seen


def segment_of(state: Damaged, masks: list[np.ndarray], story: str) -> Segment:
    """Levels and labels."""
    levels = levels_of(state.samples.astype(np.float32), state.rate_hz)
    steps = levels.bands.shape[1]
    quarter = step_samples(state.rate_hz) / QUARTERS
    labels = np.zeros((len(state.samples), QUARTERS * steps), dtype=np.uint8)
    ordered = sorted(zip(state.spans, masks, strict=True), key=lambda pair: pair[0])
    for span, _ in ordered:
        row = labels[span.channel]
        row[max(int(span.start / quarter) - 1, 0) : int(np.ceil(span.end / quarter)) + 1] = UNKNOWN
    for span, mask in ordered:
        if not mask.any() or span.kind not in LABELS:
            continue
        ones = np.flatnonzero(mask)
        first = (span.start + span.length * ones[0] / mask.size) / quarter
        last = (span.start + span.length * (ones[-1] + 1) / mask.size) / quarter
        start, end = int(first + 0.5), int(last + 0.5)
        labels[span.channel, start : max(end, start + 1)] = KINDS.index(LABELS[span.kind])

    def packed(values: np.ndarray) -> np.ndarray:
        return np.clip(np.round(2.0 * (values + 120.0)), 0, 255).astype(np.uint8)

    return Segment(
        packed(levels.bands),
        packed(levels.fine),
        packed(levels.side),
        packed(levels.error),
        levels.usable,
        labels,
        story,
    )


def _joined(music: Path) -> frozenset[str]:
    """Tracks that the recipe has joined from clips: their joins are gaps, and some are found, rightly."""
    manifest = music / "manifest.csv"
    rows = csv.DictReader(manifest.read_text(encoding="utf-8").splitlines()) if manifest.exists() else []
    return frozenset(Path(row["file"]).name for row in rows if row["how"] == "join")


def undamaged_segments(folder: Path, seconds: float) -> Iterator[list[Segment]]:
    """The middle of every track, so many seconds; of held-out ones so many minutes; in pieces of PIECE_S."""
    joined = _joined(folder)
    for number, path in enumerate(sorted(folder.glob("*/*"))):
        if path.suffix not in SUFFIXES or path.name in joined:
            continue
        wanted_s = 60 * seconds if number % HELD_OUT == HELD_OUT - 1 else seconds
        made = []
        try:
            with soundfile.SoundFile(path) as file:
                size = PIECE_S * file.samplerate
                length = min(round(wanted_s * file.samplerate), file.frames)
                first = (file.frames - length) // 2
                file.seek(first)
                for start in range(0, length - size + 1, size):
                    audio = file.read(size, dtype="float32", always_2d=True).T
                    at_s = (first + start) / file.samplerate
                    made.append(
                        segment_of(Damaged(audio, file.samplerate), [], f"music {path.name} at {at_s:.2f}")
                    )
        except (soundfile.LibsndfileError, RuntimeError):
            pass
        yield made


def main() -> None:
    """Draw for so many minutes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true", help="of the tracks that are not trained on")
    parser.add_argument("--only", nargs="+", default=(), help="sorts of undamaged sounds that look damaged")
    parser.add_argument("--undamaged", type=float, help="nothing is drawn: so many seconds of each track")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    music = Music(options.music, options.held_out)
    started, number = time.time(), 0
    if options.undamaged:
        for number, made in enumerate(undamaged_segments(options.music, options.undamaged)):
            (options.to / f"music_{number:04d}.pickle").write_bytes(pickle.dumps([vars(s) for s in made], 5))
        return
    while time.time() - started < 60 * options.minutes:
        segments = []
        for _ in range(50):
            segments.append(draw_segment(np.random.default_rng((options.seed, number)), music, options.only))
            number += 1
        path = options.to / f"{options.seed:03d}_{number:06d}.pickle"
        path.with_suffix(".part").write_bytes(pickle.dumps([vars(s) for s in segments], 5))
        path.with_suffix(".part").rename(path)
        print(
            f"{number} segments in {time.time() - started:.0f} s ({time.process_time():.0f} s on the processor)",
            flush=True,
        )


if __name__ == "__main__":
    main()
