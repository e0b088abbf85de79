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

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..settings import MAX_RATE_HZ, MIN_RATE_HZ, DetectSettings, FillSettings
from ..spans import Span, merge_spans
from .splice import Patch, cut_patches, splice
from .windows import Tape, Window, plan_windows

if TYPE_CHECKING:
    from ..network.device import Device
    from ..network.inpainter import Inpainter

Samples = NDArray[np.float64]

BLOCK_FRAMES = 1 << 16
"""Samples of a channel that are read at a time."""


@dataclass(frozen=True)
class Restoration:
    """Restored samples ``(C, T)``, and the spans with ``filled`` or a ``reason``."""

    samples: Samples
    spans: list[Span]


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
    from .detect import detect

    audio = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    if audio.ndim != 2:
        raise ValueError(f"samples must be (C, T) or (T,), got {samples.shape}")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate_hz}")
    how = fill_settings or FillSettings()
    if how.method == "paper":
        raise ValueError("method 'paper' resynthesises at 16 kHz mono: use restore_audio.restore.paper")
    if spans is None:
        spans = detect(audio, rate_hz, detect_settings or DetectSettings())
    filling = Filling(
        spans, rate_hz, audio.shape[1], how, functools.partial(open_network, how, device, model)
    )
    restored = splice(audio, filling.patches([audio]))
    return Restoration(restored.reshape(np.shape(samples)), filling.spans)


class Filling:
    """The fills of one recording, made while it streams by.

    Args:
        spans: what is damaged.
        rate_hz: sample rate.
        total: samples of a channel.
        settings: how to fill.
        network: opens the weights; called when the first gap is long enough to need them.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        rate_hz: int,
        total: int,
        settings: FillSettings,
        network: Callable[[], Inpainter | None],
    ) -> None:
        self._spans = sorted(spans)
        self._rate_hz = rate_hz
        self._settings = settings
        self._network = network
        longest = int(settings.max_gap_ms * rate_hz / 1000)
        gaps = merge_spans(replace(span, filled=False, reason=None) for span in spans)
        self._fate: dict[Span, Span] = {}
        too_long = [gap for gap in gaps if gap.length > longest]
        for gap in too_long:
            self._fate[gap] = replace(gap, reason=self._sentence(gap))
        fillable = [gap for gap in gaps if gap.length <= longest]
        self.windows: list[Window] = plan_windows(
            fillable, too_long, rate_hz=rate_hz, total=total, longest=longest
        )
        self._gaps = gaps

    def _sentence(self, gap: Span) -> str:
        length_ms = gap.length * 1000 / self._rate_hz
        return (
            f"{length_ms:.0f} ms is longer than the limit of {self._settings.max_gap_ms:g} ms (--max-gap-ms)"
        )

    def patches(
        self, blocks: Iterable[Samples], progress: Callable[[float], None] = lambda done: None
    ) -> Iterator[Patch]:
        """Fill window by window.

        Args:
            blocks: the recording, ``(C, n)`` arrays one after the other.
            progress: told the share of the windows that is done.
        """
        from .inpaint import inpaint

        tape = Tape(blocks, self.windows)
        for number, window in enumerate(self.windows):
            audio = tape.read(window)
            here = [_moved(gap, -window.first) for gap in (*window.gaps, *window.others)]
            filled, marked = inpaint(
                audio, here, self._rate_hz, settings=self._settings, network=self._network()
            )
            fates = {(s.channel, s.start + window.first): s for s in marked}
            done = []
            for gap in window.gaps:
                fate = fates[gap.channel, gap.start]
                self._fate[gap] = replace(gap, filled=fate.filled, reason=fate.reason)
                done.append(self._fate[gap])
            patches = list(cut_patches(filled, done, first=window.first))
            tape.put(patches)
            progress((number + 1) / len(self.windows))
            yield from patches

    @property
    def spans(self) -> list[Span]:
        """The spans with what became of them, once all patches are made."""
        by_channel: dict[int, list[Span]] = {}
        for gap in self._gaps:
            by_channel.setdefault(gap.channel, []).append(self._fate[gap])
        starts = {c: np.array([gap.start for gap in gaps]) for c, gaps in by_channel.items()}
        result = []
        for span in self._spans:
            number = int(np.searchsorted(starts[span.channel], span.start, side="right")) - 1
            fate = by_channel[span.channel][number]
            result.append(replace(span, filled=fate.filled, reason=fate.reason))
        return result


def _moved(span: Span, by: int) -> Span:
    return replace(span, start=span.start + by, end=span.end + by)


def open_network(settings: FillSettings, device: Device, model: str | None) -> Inpainter | None:
    """The network that a method needs, on its device; opened once in a process.

    Raises:
        DeviceError: the device is not there.
        ModelError: the weights are missing, damaged or for another method.
    """
    if settings.method == "ar":
        return None
    from ..network.checkpoint import model_path
    from ..network.device import choose_device

    task = "paper" if settings.method == "paper" else "restore"
    path = model_path(model or task)
    return _opened(path, task, choose_device(device)[0], path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _opened(path: Path, task: str, device: str, changed_ns: int) -> Inpainter:
    from ..network.inpainter import Inpainter

    return Inpainter.open(path, task, device)
