"""From a damaged recording to a restored one: the way of the data, in its order.

1. read: blocks at the native rate;
2. detect: spans of damage, unless they are given;
3. inpaint: each few neighbouring gaps in a window of real audio around them;
4. splice: the filled samples back into their spans, and only there;
5. write: beside the target, then renamed.

In: samples ``(C, T)`` or a path. Out: the restored samples or file, and what was done. Memory does not grow
with the length of the recording (except for ``method="paper"``, which resynthesises everything).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .audio.audiofile import AudioInfo, probe, read_audio, read_blocks, rewrite, write_audio
from .audio.loudness import Loudness, measure_loudness
from .audio.output import check_target
from .errors import OutputError, UsageError
from .fill.filling import Filling
from .fill.splice import splice
from .network.weights import Weights
from .settings import MAX_RATE_HZ, MIN_RATE_HZ, DetectSettings, FillSettings, Method
from .spans import Span

if TYPE_CHECKING:
    from .network.device import Device

Samples = NDArray[np.float64]
Progress = Callable[[float], None]

BLOCK_FRAMES = 1 << 16
"""Samples of a channel that are read at a time."""


def _untold(share: float) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True)
class Restoration:
    """Restored samples ``(C, T)``, and the spans with ``filled`` or a ``reason``."""

    samples: Samples
    spans: list[Span]


@dataclass(frozen=True)
class Report:
    """What was found in a recording and done about it.

    Attributes:
        source: the recording.
        target: the restored one; None if it was only looked at.
        rate_hz: sample rate of the target.
        channels: its channels.
        frames: its samples a channel.
        format: its container, as libsndfile names it.
        subtype: its coding.
        spans: the damage, ``filled`` or with a ``reason``.
        method: how gaps were filled; None if they were not.
        device: where the network ran; None if it was not needed.
        device_reason: why there.
        identical: the target has every byte of the source.
        before: loudness of the source, if asked for.
        after: loudness of the target, if asked for.
        elapsed_s: how long it took.
    """

    source: Path
    target: Path | None
    rate_hz: int
    channels: int
    frames: int
    format: str
    subtype: str
    spans: tuple[Span, ...]
    method: Method | None = None
    device: str | None = None
    device_reason: str | None = None
    identical: bool = False
    before: Loudness | None = None
    after: Loudness | None = None
    elapsed_s: float = 0.0


def restore(
    samples: Samples,
    rate_hz: int,
    *,
    detect_settings: DetectSettings | None = None,
    fill_settings: FillSettings | None = None,
    spans: Sequence[Span] | None = None,
    device: Device = "auto",
    model: str | None = None,
) -> Restoration:
    """Find and fill the damage of a recording in memory.

    Args:
        samples: ``(C, T)`` or ``(T,)``, in [-1, 1]; not changed.
        rate_hz: sample rate, 8000 to 192000.
        detect_settings: what counts as damage.
        fill_settings: how it is filled; not ``paper``, which changes rate and channels.
        spans: where the damage is, if that is known; nothing else is then touched.
        device: where the network runs.
        model: shipped weights by name, or a ``.safetensors`` file.

    Returns:
        Samples of the shape given, bit-identical outside the spans that are ``filled``.

    Raises:
        ValueError: the arguments make no sense.
        DeviceError: the device is not there.
        ModelError: the weights are missing or damaged.
    """
    from .detection.detect import detect

    audio = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    if audio.ndim != 2:
        raise ValueError(f"samples must be (C, T) or (T,), got {samples.shape}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate_hz}")
    how = fill_settings or FillSettings()
    if how.method == "paper":
        raise ValueError("method 'paper' resynthesises at 16 kHz mono: use restore_audio.fill.paper")
    if spans is None:
        spans = detect(audio, rate_hz, detect_settings or DetectSettings())
    filling = Filling(spans, rate_hz, audio.shape[1], how, Weights(how.method, device, model))
    restored = splice(audio, filling.patches([audio]))
    return Restoration(restored.reshape(np.shape(samples)), filling.spans)


def restore_file(
    source: str | Path,
    target: str | Path,
    *,
    detect_settings: DetectSettings | None = None,
    fill_settings: FillSettings | None = None,
    spans: Sequence[Span] | None = None,
    device: Device = "auto",
    model: str | None = None,
    removed: Path | None = None,
    overwrite: bool = False,
    loudness: bool = False,
    progress: Progress = _untold,
) -> Report:
    """Find and fill the damage of a recording on disk.

    Args:
        source: the recording; never changed.
        target: the restored one, of the same length, rate, channels, coding, tags and chunks; its suffix
            may ask for another container.
        detect_settings: what counts as damage.
        fill_settings: how it is filled.
        spans: where the damage is, if that is known; nothing else is then touched.
        device: where the network runs.
        model: shipped weights by name, or a ``.safetensors`` file.
        removed: write source minus target there, as 64-bit WAV.
        overwrite: replace files that are there; the source is never replaced.
        loudness: measure it before and after.
        progress: told the share that is done.

    Returns:
        What was found and done.

    Raises:
        RestoreError: one sentence; ``target`` is then as it was before.
    """
    started = time.perf_counter()
    source, target = Path(source), Path(target)
    how = fill_settings or FillSettings()
    for path in (target, removed):
        if path is not None:
            check_target(path, overwrite=overwrite, source=source)
    info = probe(source)
    weights = Weights(how.method, device, model)
    found: Sequence[Span] = ()
    identical = False
    if how.method == "paper":
        _resynthesise(info, target, weights, removed=removed, overwrite=overwrite)
    else:
        if spans is None:
            spans = _detected(info, detect_settings, lambda share: progress(0.5 * share))
        filling = Filling(spans, info.rate_hz, info.frames, how, weights)
        blocks = read_blocks(source, BLOCK_FRAMES)
        patches = filling.patches(blocks, lambda share: progress(0.5 + 0.5 * share))
        identical = rewrite(source, target, patches, overwrite=overwrite)
        found = filling.spans
        if removed is not None:
            _write_removed(removed, info, target, overwrite=overwrite)
    made = probe(target)
    return Report(
        source,
        target,
        made.rate_hz,
        made.channels,
        made.frames,
        made.format,
        made.subtype,
        tuple(found),
        method=how.method,
        device=weights.device,
        device_reason=weights.reason,
        identical=identical,
        before=measure_loudness(source) if loudness else None,
        after=measure_loudness(target) if loudness else None,
        elapsed_s=time.perf_counter() - started,
    )


def _resynthesise(
    info: AudioInfo, target: Path, weights: Weights, *, removed: Path | None, overwrite: bool
) -> None:
    """The paper's way: nothing of the source survives, so there is nothing to be said about spans."""
    from .fill.paper import restore_paper
    from .signal.spectrum import PAPER_RATE_HZ

    if removed is not None:
        raise UsageError("--method paper changes rate and channels, so --removed cannot be: leave it out.")
    network = weights.open()
    assert network is not None
    samples, _ = read_audio(info.path)
    write_audio(target, restore_paper(samples, info.rate_hz, network), PAPER_RATE_HZ, overwrite=overwrite)


def _write_removed(path: Path, info: AudioInfo, target: Path, *, overwrite: bool) -> None:
    """Source minus target, exactly: added to the target it gives the source.

    The difference of two 24-bit samples fits into a 32-bit float, of anything wider into 64 bit. (Two
    64-bit floats can differ by more digits than any float has; the sum is then off by its last bit.)
    """
    if path.suffix.lower() not in (".wav", ".w64", ".rf64", ".caf"):
        raise OutputError(f"{path} cannot hold differences exactly: name a .wav file with --removed.")
    exact_in_float = info.subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24")
    pairs = zip(read_blocks(info.path, BLOCK_FRAMES), read_blocks(target, BLOCK_FRAMES), strict=True)
    differences = (before - after for before, after in pairs)
    subtype = "FLOAT" if exact_in_float else "DOUBLE"
    write_audio(path, differences, info.rate_hz, subtype=subtype, overwrite=overwrite)


def find_damage(
    source: str | Path,
    *,
    detect_settings: DetectSettings | None = None,
    spans: Sequence[Span] | None = None,
    loudness: bool = False,
    progress: Progress = _untold,
) -> Report:
    """Find the damage of a recording on disk, without filling it; arguments as in :func:`restore_file`."""
    started = time.perf_counter()
    info = probe(Path(source))
    found = _detected(info, detect_settings, progress) if spans is None else spans
    return Report(
        info.path,
        None,
        info.rate_hz,
        info.channels,
        info.frames,
        info.format,
        info.subtype,
        tuple(found),
        before=measure_loudness(info.path) if loudness else None,
        elapsed_s=time.perf_counter() - started,
    )


def _detected(info: AudioInfo, settings: DetectSettings | None, progress: Progress) -> list[Span]:
    from .detection.detect import detect_blocks

    def told() -> Iterator[Samples]:
        done = 0
        for block in read_blocks(info.path, BLOCK_FRAMES):
            done += block.shape[1]
            progress(done / max(info.frames, 1))
            yield block

    return detect_blocks(told(), info.rate_hz, settings)
