"""From a damaged recording to a restored one: the way of the data, in its order.

1. read: blocks at the native rate;
2. detect: spans of damage, unless they are given;
3. fill: each few neighbouring gaps in a window of real audio around them;
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
from numpy.typing import ArrayLike, NDArray

from .audio.audiofile import AudioInfo, probe, read_audio, read_blocks, rewrite, write_audio
from .audio.output import Results, check_target, results
from .errors import OutputError, UsageError
from .fill.fill import Filling
from .fill.methods import method_named
from .fill.splice import splice
from .network.weights import Weights
from .settings import LOUDEST_SAMPLE, MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ, DetectSettings, FillSettings
from .spans import Span

if TYPE_CHECKING:
    from .audio.loudness import Loudness
    from .network.device import Device

Samples = NDArray[np.float64]
Progress = Callable[[float], None]

BLOCK_FRAMES = 1 << 16
"""Samples of a channel that are read at a time."""


def ignore_progress(share: float) -> None:
    """Progress callback that does nothing."""


def _nothing(report: Report, files: Results) -> None:
    """No further files."""


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
    method: str | None = None
    device: str | None = None
    device_reason: str | None = None
    identical: bool = False
    before: Loudness | None = None
    after: Loudness | None = None
    elapsed_s: float = 0.0


class Restorer:
    """Finds and fills damage: the settings once, for any number of recordings.

    Args:
        detect: what counts as damage.
        fill: how it is filled.
        device: where the network runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        model: weights, shipped ones by name or a ``.safetensors`` file; None takes the method's own.

    Raises:
        ValueError: the fill method does not exist.
    """

    def __init__(
        self,
        *,
        detect: DetectSettings | None = None,
        fill: FillSettings | None = None,
        device: Device = "auto",
        model: str | None = None,
    ) -> None:
        self.detect_settings = detect or DetectSettings()
        self.fill_settings = fill or FillSettings()
        self.method = method_named(self.fill_settings.method)
        self._device: Device = device
        self._model = model

    def _weights(self) -> Weights:
        return Weights("paper" if self.method.resynthesises else "restore", self._device, self._model)

    def detect(self, samples: ArrayLike, rate_hz: int) -> list[Span]:
        """The damage of a recording in memory; see :func:`detect`."""
        from .detection.detect import detect_blocks

        return detect_blocks([_sane(as_audio(samples, rate_hz))], rate_hz, self.detect_settings)

    def restore(self, samples: ArrayLike, rate_hz: int, spans: Sequence[Span] | None = None) -> Restoration:
        """Find and fill the damage of a recording in memory; see :func:`restore`."""
        audio = as_audio(samples, rate_hz)
        if self.method.resynthesises:
            raise ValueError(
                "this method resynthesises at 16 kHz mono: use restore_file, or restore_audio.fill.paper"
            )
        if spans is None:
            spans = self.detect(audio, rate_hz)
        filling = Filling(spans, rate_hz, audio.shape[1], self.fill_settings, self._weights().open)
        restored = splice(audio, filling.patches([_sane(audio)]))
        given = np.asarray(samples)
        kept = given.dtype if np.issubdtype(given.dtype, np.floating) else restored.dtype
        return Restoration(restored.reshape(given.shape).astype(kept, copy=False), filling.spans)

    def restore_file(
        self,
        source: str | Path,
        target: str | Path,
        *,
        spans: Sequence[Span] | None = None,
        removed: Path | None = None,
        overwrite: bool = False,
        preserve: bool = True,
        loudness: bool = False,
        also: Callable[[Report, Results], None] = _nothing,
        progress: Progress = ignore_progress,
    ) -> Report:
        """Find and fill the damage of a recording on disk; see :func:`restore_file`.

        Args:
            also: told what was done while nothing has appeared yet; may add files that appear with the rest.
        """
        started = time.perf_counter()
        source, target = Path(source), Path(target)
        for path in (target, removed):
            if path is not None:
                check_target(path, overwrite=overwrite, source=source)
        info = probe(source)
        weights = self._weights()
        found: Sequence[Span] = ()
        identical = False
        with results(overwrite=overwrite, source=source, preserve=preserve) as files:
            if self.method.resynthesises:
                _resynthesise(info, target, weights, removed=removed, files=files)
            else:
                if spans is None:
                    spans = self._detected(info, lambda share: progress(0.5 * share))
                filling = Filling(spans, info.rate_hz, info.frames, self.fill_settings, weights.open)
                blocks = map(_sane, read_blocks(source, BLOCK_FRAMES))
                patches = filling.patches(blocks, lambda share: progress(0.5 + 0.5 * share))
                identical = rewrite(source, target, patches, within=files)
                found = filling.spans
                if removed is not None:
                    _write_removed(removed, info, target, files)
            written = files.path_of(target)
            made = probe(written)
            report = Report(
                source,
                target,
                made.rate_hz,
                made.channels,
                made.frames,
                made.format,
                made.subtype,
                tuple(found),
                method=self.fill_settings.method,
                device=weights.device,
                device_reason=weights.reason,
                identical=identical,
                before=_loudness(source) if loudness else None,
                after=_loudness(written) if loudness else None,
                elapsed_s=time.perf_counter() - started,
            )
            also(report, files)
        return report

    def find_damage(
        self,
        source: str | Path,
        *,
        spans: Sequence[Span] | None = None,
        loudness: bool = False,
        progress: Progress = ignore_progress,
    ) -> Report:
        """Find the damage of a recording on disk without filling it.

        Args:
            source: the recording.
            spans: the damage, if it is known; nothing is then looked for.
            loudness: measure it.
            progress: called with the share that is done.

        Raises:
            RestoreError: one sentence.
        """
        started = time.perf_counter()
        info = probe(Path(source))
        found = self._detected(info, progress) if spans is None else spans
        return Report(
            info.path,
            None,
            info.rate_hz,
            info.channels,
            info.frames,
            info.format,
            info.subtype,
            tuple(found),
            before=_loudness(info.path) if loudness else None,
            elapsed_s=time.perf_counter() - started,
        )

    def _detected(self, info: AudioInfo, progress: Progress) -> list[Span]:
        from .detection.detect import detect_blocks

        def blocks() -> Iterator[Samples]:
            done = 0
            for block in map(_sane, read_blocks(info.path, BLOCK_FRAMES)):
                done += block.shape[1]
                progress(done / max(info.frames, 1))
                yield block

        return detect_blocks(blocks(), info.rate_hz, self.detect_settings)


def _sane(block: Samples) -> Samples:
    """Samples with NaN in place of those that cannot be sound."""
    if np.abs(block).max(initial=0.0) <= LOUDEST_SAMPLE:
        return block
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(block) <= LOUDEST_SAMPLE, block, np.nan)


def as_audio(samples: ArrayLike, rate_hz: int) -> Samples:
    """Samples as ``(C, T)`` float64, checked.

    Args:
        samples: ``(C, T)`` or ``(T,)``, floating point in [-1, 1]; an array or lists.
        rate_hz: 8000 to 192000.

    Raises:
        ValueError: the shape, the type or the rate cannot be meant.
    """
    given = np.asarray(samples)
    if given.ndim not in (1, 2):
        raise ValueError(f"samples must be (channels, samples) or (samples,), got shape {given.shape}")
    if isinstance(samples, np.ndarray) and not np.issubdtype(given.dtype, np.floating):
        raise ValueError(
            f"samples must be floating point in [-1, 1], got {given.dtype}: divide by full scale, "
            f"for example by 32768 for int16"
        )
    audio = np.atleast_2d(np.asarray(given, dtype=np.float64))
    channels, length = audio.shape
    if channels > MAX_CHANNELS or channels > length > 0:
        raise ValueError(
            f"samples of shape {given.shape} would be {channels} channels of {length} samples: give "
            f"(channels, samples), for example samples.T of what soundfile reads"
        )
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate_hz}")
    return audio


def detect(samples: ArrayLike, rate_hz: int, settings: DetectSettings | None = None) -> list[Span]:
    """Find the damage of a recording in memory, at unknown positions.

    Args:
        samples: ``(C, T)`` or ``(T,)``, floating point in [-1, 1]; NaN and infinite values are damage.
        rate_hz: sample rate, 8000 to 192000.
        settings: what counts as damage.

    Returns:
        Spans in order, each of one channel; none of them overlap within a channel.

    Raises:
        ValueError: the arguments make no sense.
    """
    return Restorer(detect=settings).detect(samples, rate_hz)


def restore(
    samples: ArrayLike,
    rate_hz: int,
    *,
    spans: Sequence[Span] | None = None,
    detect: DetectSettings | None = None,
    fill: FillSettings | None = None,
    device: Device = "auto",
    model: str | None = None,
) -> Restoration:
    """Find and fill the damage of a recording in memory.

    Args:
        samples: ``(C, T)`` or ``(T,)``, floating point in [-1, 1]; not changed.
        rate_hz: sample rate, 8000 to 192000.
        spans: where the damage is, if that is known; nothing else is then touched.
        detect: what counts as damage.
        fill: how it is filled; not by ``paper``, which changes rate and channels.
        device: where the network runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        model: weights, shipped ones by name or a ``.safetensors`` file.

    Returns:
        Samples of the shape given, bit-identical outside the spans that are ``filled``.

    Raises:
        ValueError: the arguments make no sense.
        DeviceError: the device is not there.
        ModelError: the weights are missing or damaged.
    """
    return Restorer(detect=detect, fill=fill, device=device, model=model).restore(samples, rate_hz, spans)


def restore_file(
    source: str | Path,
    target: str | Path,
    *,
    spans: Sequence[Span] | None = None,
    detect: DetectSettings | None = None,
    fill: FillSettings | None = None,
    device: Device = "auto",
    model: str | None = None,
    removed: Path | None = None,
    overwrite: bool = False,
    preserve: bool = True,
    loudness: bool = False,
    progress: Progress = ignore_progress,
) -> Report:
    """Find and fill the damage of a recording on disk; all files of it appear together or not at all.

    Args:
        source: the recording; never changed.
        target: the restored one, of the same length, rate, channels, coding, tags and chunks; its suffix
            may ask for another container.
        spans: where the damage is, if that is known; nothing else is then touched.
        detect: what counts as damage.
        fill: how it is filled.
        device: where the network runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        model: weights, shipped ones by name or a ``.safetensors`` file.
        removed: write source minus target there, as 64-bit WAV.
        overwrite: replace files that are there; the source is never replaced.
        preserve: the target gets the mode and time of change of the source.
        loudness: measure it before and after.
        progress: called with the share that is done.

    Returns:
        What was found and done.

    Raises:
        RestoreError: one sentence; ``target`` is then as it was before.
    """
    return Restorer(detect=detect, fill=fill, device=device, model=model).restore_file(
        source,
        target,
        spans=spans,
        removed=removed,
        overwrite=overwrite,
        preserve=preserve,
        loudness=loudness,
        progress=progress,
    )


def _resynthesise(
    info: AudioInfo, target: Path, weights: Weights, *, removed: Path | None, files: Results
) -> None:
    """The paper's way: nothing of the source survives, so there is nothing to be said about spans."""
    from .fill.paper import restore_paper
    from .signal.spectrum import PAPER_RATE_HZ

    if removed is not None:
        raise UsageError("--method paper changes rate and channels, so --removed cannot be: leave it out.")
    network = weights.open()
    samples, _ = read_audio(info.path)
    write_audio(target, restore_paper(samples, info.rate_hz, network), PAPER_RATE_HZ, within=files)


def _loudness(path: Path) -> Loudness:
    from .audio.loudness import measure_loudness  # with scipy.signal, which takes a second to import

    return measure_loudness(path)


def _write_removed(path: Path, info: AudioInfo, target: Path, files: Results) -> None:
    """Source minus target, exactly: added to the target it gives the source.

    The difference of two 24-bit samples fits into a 32-bit float, of anything wider into 64 bit. (Two
    64-bit floats can differ by more digits than any float has; the sum is then off by its last bit.)
    """
    if path.suffix.lower() not in (".wav", ".w64", ".rf64", ".caf"):
        raise OutputError(f"{path} cannot hold differences exactly: name a .wav file with --removed.")
    exact_in_float = info.subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24")
    pairs = zip(
        read_blocks(info.path, BLOCK_FRAMES), read_blocks(files.path_of(target), BLOCK_FRAMES), strict=True
    )
    differences = (before - after for before, after in pairs)
    subtype = "FLOAT" if exact_in_float else "DOUBLE"
    write_audio(path, differences, info.rate_hz, subtype=subtype, within=files)
