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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Samples, as_audio, sane
from .audio.audiofile import AudioInfo, probe, read_audio, read_blocks, rewrite, write_audio
from .audio.output import Results, check_target, results
from .audio.random_access import RandomAccess
from .errors import OutputError, UsageError
from .fill.fill import Filling
from .fill.memory import ArraySource
from .fill.methods import method_named
from .fill.splice import splice
from .network.weights import Weights
from .outcomes import Report, Restoration
from .settings import DetectSettings, FillSettings
from .spans import Span

if TYPE_CHECKING:
    from .audio.loudness import Loudness
    from .network.device import Device

Progress = Callable[[float], None]

BLOCK_FRAMES = 1 << 16
"""Samples of a channel that are read at a time."""


def ignore_progress(share: float) -> None:
    """Progress callback that does nothing."""


def _nothing(report: Report, files: Results) -> None:
    """No further files."""


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
        """The damage of a recording in memory; see :func:`restore_audio.detect`."""
        from .detection.detect import detect_blocks

        return detect_blocks([sane(as_audio(samples, rate_hz))], rate_hz, self.detect_settings)

    def restore(self, samples: ArrayLike, rate_hz: int, spans: Sequence[Span] | None = None) -> Restoration:
        """Find and fill the damage of a recording in memory; see :func:`restore_audio.restore`."""
        audio = as_audio(samples, rate_hz)
        if self.method.resynthesises:
            raise ValueError(
                "this method resynthesises at 16 kHz mono: use restore_file, or restore_audio.fill.paper"
            )
        if spans is None:
            spans = self.detect(audio, rate_hz)
        known = sane(audio)
        filling = Filling(
            spans, rate_hz, audio.shape[1], self.fill_settings, self._weights().open, ArraySource(known)
        )
        restored = splice(audio, filling.patches([known]))
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
        """Find and fill the damage of a recording on disk; see :func:`restore_audio.restore_file`.

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
                recording = _FileSource(source)
                filling = Filling(
                    spans, info.rate_hz, info.frames, self.fill_settings, weights.open, recording
                )
                patches = filling.patches(recording.blocks(), lambda share: progress(0.5 + 0.5 * share))
                identical = rewrite(source, target, patches, within=files)
                found = filling.spans
                if removed is not None:
                    _write_removed(removed, info, target, files)
            written = files.path_of(target)
            made = probe(written)
            before = _loudness(source) if loudness else None
            after = None if before is None else before if identical else _loudness(written)
            report = replace(
                _report(source, made, found),
                target=target,
                method=self.fill_settings.method,
                device=weights.device,
                device_reason=weights.reason,
                identical=identical,
                before=before,
                after=after,
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
        before = _loudness(info.path) if loudness else None
        return replace(
            _report(info.path, info, found), before=before, elapsed_s=time.perf_counter() - started
        )

    def _detected(self, info: AudioInfo, progress: Progress) -> list[Span]:
        from .detection.detect import detect_blocks

        def blocks() -> Iterator[Samples]:
            done = 0
            for block in map(sane, read_blocks(info.path, BLOCK_FRAMES)):
                done += block.shape[1]
                progress(done / max(info.frames, 1))
                yield block

        return detect_blocks(blocks(), info.rate_hz, self.detect_settings)


def _report(source: Path, made: AudioInfo, spans: Sequence[Span]) -> Report:
    """What a recording is, and its damage."""
    shape = (made.rate_hz, made.channels, made.frames, made.format, made.subtype)
    return Report(source, None, *shape, tuple(spans))


class _FileSource:
    """A recording on disk, as fills read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._anywhere = RandomAccess(path)

    def blocks(self) -> Iterator[Samples]:
        return map(sane, read_blocks(self._path, BLOCK_FRAMES))

    def read(self, first: int, last: int) -> Samples:
        return sane(self._anywhere.read(first, last))

    def close(self) -> None:
        self._anywhere.close()


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
        read_blocks(info.path, BLOCK_FRAMES), read_blocks(files.path_of(target), BLOCK_FRAMES), strict=False
    )  # some codings end with samples that the source does not have
    differences = (before - after[:, : before.shape[1]] for before, after in pairs)
    subtype = "FLOAT" if exact_in_float else "DOUBLE"
    write_audio(path, differences, info.rate_hz, subtype=subtype, within=files)
