"""What a restoration says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .spans import Span

if TYPE_CHECKING:
    from .audio.loudness import Loudness


@dataclass(frozen=True)
class Restoration:
    """Restored samples ``(C, T)``, and the spans with ``filled`` or a ``reason``."""

    samples: NDArray[np.float64]
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
