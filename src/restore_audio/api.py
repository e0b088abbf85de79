"""The functions of ``import restore_audio``: :class:`~restore_audio.pipeline.Restorer` in one call each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from .outcomes import Report, Restoration
from .pipeline import Progress, Restorer, ignore_progress
from .settings import DetectSettings, FillSettings
from .spans import Span

if TYPE_CHECKING:
    from .network.device import Device


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
