"""Packets that a network loses, and what the receiver plays instead of them.

Which packets are lost follows Gilbert's model of two states (Bell Syst. Tech. J. 39(5), 1960). The receiver
plays zeros, the last packet again, or the concealment of ITU-T G.711 Appendix I (:mod:`..signal.g711`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arrays import Samples, runs_of
from ..signal.g711 import conceal_g711
from ..spans import Span
from .kinds import PACKET_FILLS
from .record import Damaged, Draft, is_free, log_uniform, loud_around

_KINDS = {"zeros": "zeros", "repeat": "repeat", "g711": "concealed"}

MUSIC_PACKET_SAMPLES = 512
"""Packets of the music packet loss concealment challenge, at 44.1 kHz."""

_EDGE_MS = 120.0

_MOST_PACKETS = 16
"""Longer bursts are cut short."""


@dataclass(frozen=True)
class PacketLoss:
    """Packets number ``lost`` (in order) of ``packet_samples`` each never arrive, in any channel."""

    name: ClassVar[str] = "packet_loss"
    packet_samples: int
    lost: tuple[int, ...]
    fill: str

    def __post_init__(self) -> None:
        if self.fill not in PACKET_FILLS or self.packet_samples < 1:
            raise ValueError(f"no receiver fills {self.packet_samples} samples with {self.fill!r}")

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``zeros``, ``repeat`` or ``concealed``, one for packets lost in a row."""
        length = before.samples.shape[1]
        gone = np.zeros(length, dtype=bool)
        for packet in self.lost:
            gone[packet * self.packet_samples : (packet + 1) * self.packet_samples] = True
        samples = before.samples.copy()
        spans = []
        for start, end in runs_of(gone):
            for channel in range(len(samples)):
                first, last = self._fill(samples[channel], start, end, before.rate_hz)
                spans.append(Span(first, last, channel, _KINDS[self.fill]))
        return before.struck(samples, spans)

    def _fill(self, samples: Samples, start: int, end: int, rate_hz: int) -> tuple[int, int]:
        if self.fill == "g711":
            return conceal_g711(samples, start, end, rate_hz)
        last = samples[max(start - self.packet_samples, 0) : start] if self.fill == "repeat" else samples[:0]
        samples[start:end] = np.resize(last, end - start) if last.size else 0.0
        return start, end


def lose_packets(
    rng: np.random.Generator, packets: int, share: float, burst_packets: float
) -> NDArray[np.bool_]:
    """Which packets are lost ``(packets,)``, by Gilbert's model.

    Args:
        share: of them that is lost in the long run.
        burst_packets: mean length of a loss; 1 / (1 - share) are losses independent of each other.
    """
    leave = min(1 / burst_packets, 1.0)
    enter = leave * share / (1 - share)
    draws = rng.random(packets)
    lost = np.zeros(packets, dtype=bool)
    bad = False
    for packet in range(packets):
        bad = bool(draws[packet] >= leave) if bad else bool(draws[packet] < enter)
        lost[packet] = bad
    return lost


def spare(
    lost: NDArray[np.bool_], draft: Draft, packet_samples: int, at_hz: int, *, most: int, edge_ms: float
) -> None:
    """Let packets arrive after all, in place: where it is silent, near the ends and near other damage.

    Args:
        lost: which packets are lost.
        packet_samples: of a packet, at the rate ``at_hz``.
        most: longer bursts are cut short.
        edge_ms: nothing is lost so near to the ends.
    """
    edge = int(np.ceil(edge_ms * at_hz / 1000 / packet_samples))
    lost[:edge] = lost[max(lost.size - edge, 0) :] = False
    loud: NDArray[np.bool_] = np.any(loud_around(draft.audio, draft.rate_hz), axis=0)
    for start, end in runs_of(lost):
        lost[start + most : end] = False
        ends = (start, min(end, start + most))
        first, last = (packet * packet_samples * draft.rate_hz // at_hz for packet in ends)
        if not loud[[first, last]].all() or not is_free(first, last, draft.rate_hz, draft.avoid):
            lost[start:end] = False


def draw_packet_loss(draft: Draft, *, fill: str) -> PacketLoss:
    """Draw packets of 10 ms, 20 ms or 512 samples that are lost, alone or in bursts.

    Args:
        fill: one of :data:`~.kinds.PACKET_FILLS`.
    """
    rng, audio, rate_hz = draft.rng, draft.audio, draft.rate_hz
    sizes = (round(0.01 * rate_hz), round(0.02 * rate_hz), MUSIC_PACKET_SAMPLES)
    packet = sizes[int(rng.integers(len(sizes)))]
    if draft.length_ms is not None:
        packet = max(1, round(log_uniform(rng, *draft.length_ms) * rate_hz / 1000))
    burst = float(rng.choice([1.0, 1.0, 1.5, 3.0, 6.0]))
    packets = audio.shape[1] // packet
    share = min(draft.per_second * burst * packet / rate_hz, 0.4)
    lost = lose_packets(rng, packets, share, burst)
    spare(lost, draft, packet, rate_hz, most=_MOST_PACKETS, edge_ms=_EDGE_MS)
    return PacketLoss(packet, tuple(np.flatnonzero(lost).tolist()), fill)
