"""Packets that a network loses, and what the receiver plays instead of them.

Which packets are lost follows Gilbert's model of two states (Bell Syst. Tech. J. 39(5), 1960). The receiver
plays zeros, the last packet again, or the concealment of ITU-T G.711 Appendix I (1999), written from its
description: the last pitch period is repeated, then the last two, then three; full level for 10 ms, then
20 % less each 10 ms, silent at 60 ms; both ends are overlapped and added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..spans import Span
from .kinds import PACKET_FILLS
from .record import Damaged, Samples, is_free, log_uniform, loud_around, true_runs

_KINDS = {"zeros": "zeros", "repeat": "repeat", "g711": "concealed"}

MUSIC_PACKET_SAMPLES = 512
"""Packets of the music packet loss concealment challenge, at 44.1 kHz."""

_EDGE_MS = 120.0
_PITCH_MS = (5.0, 15.0)
_COMPARED_MS = 20.0
_FULL_MS, _SILENT_MS = 10.0, 60.0


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
        for start, end in true_runs(gone):
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


def conceal_g711(samples: Samples, start: int, end: int, rate_hz: int) -> tuple[int, int]:
    """Conceal samples ``start`` to ``end`` of one channel in place, as G.711 Appendix I does.

    Times in milliseconds are the standard's; the sample rate is any, not 8 kHz only.

    Returns:
        First and last (exclusive) sample that is not the channel's own: a quarter of a pitch period before
        the gap and up to 10 ms after it are blended.
    """
    shortest, longest = (round(ms * rate_hz / 1000) for ms in _PITCH_MS)
    step = max(1, round(_FULL_MS * rate_hz / 1000))
    history = samples[max(start - 4 * longest, 0) : start].copy()
    if history.size < 2 * longest:
        samples[start:end] = 0.0
        return start, end
    pitch = _pitch(history, shortest, longest, round(_COMPARED_MS * rate_hz / 1000))
    quarter = pitch // 4
    after = min(min(quarter + 4 * rate_hz // 1000 * ((end - start - 1) // step), step), samples.size - end)
    wanted = end - start + after
    rise = (np.arange(quarter) + 0.5) / quarter
    made = np.zeros(wanted)
    blended_tail = history[-quarter:]
    phase = 0
    for periods, first in ((1, 0), (2, step), (3, 2 * step)):
        size = periods * pitch
        period = history[-size:].copy()
        # The end of the period goes over into what stood before its start, so that it can be looped.
        period[-quarter:] = (1 - rise) * history[-quarter:] + rise * history[-size - quarter : -size]
        if periods == 1:
            blended_tail = period[-quarter:]
        last = wanted if periods == 3 else min(first + step, wanted)
        if first >= wanted:
            break
        overlap = min(quarter, wanted - first) if first else 0
        fresh = np.take(period, np.arange(phase, phase + last + quarter - first), mode="wrap")
        if overlap:  # made[first : first + overlap] still holds the run-on of the shorter loop
            made[first : first + overlap] *= 1 - rise[:overlap]
            made[first : first + overlap] += rise[:overlap] * fresh[:overlap]
        made[first + overlap : last + quarter] = fresh[overlap : min(last + quarter, wanted) - first]
        phase = (phase + last - first) % pitch
    ms = (np.arange(wanted) + 0.5) * 1000 / rate_hz
    made *= np.where(ms >= _SILENT_MS, 0.0, np.clip(1 - 0.2 * (ms - _FULL_MS) / 10, 0.0, 1.0))
    samples[start - quarter : start] = blended_tail
    samples[start:end] = made[: end - start]
    if after:
        back = (np.arange(after) + 0.5) / after
        samples[end : end + after] = (1 - back) * made[end - start :] + back * samples[end : end + after]
    return start - quarter, end + after


def _pitch(history: Samples, shortest: int, longest: int, compared: int) -> int:
    """The lag at which the last samples are most like those before, by normalised correlation."""
    compared = min(compared, history.size - longest)
    recent = history[-compared:]
    region = history[-compared - longest : history.size - shortest]  # lag longest first
    size = 1 << int(np.ceil(np.log2(region.size + compared)))
    products = np.fft.irfft(np.fft.rfft(region, size) * np.conj(np.fft.rfft(recent, size)), size)
    products = products[: longest - shortest + 1]
    squares = np.concatenate([[0.0], np.cumsum(region**2)])
    energy = squares[compared : compared + products.size] - squares[: products.size]
    likeness = products / np.sqrt(np.maximum(energy, 1e-12))
    return int(longest - np.argmax(likeness))


def lose_packets(
    rng: np.random.Generator, packets: int, share: float, burst_packets: float
) -> NDArray[np.bool_]:
    """Which packets are lost ``(packets,)``, by Gilbert's model.

    Args:
        rng: source of randomness.
        packets: how many.
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


def draw_packet_loss(
    rng: np.random.Generator,
    audio: Samples,
    rate_hz: int,
    *,
    fill: str | None = None,
    per_second: float = 0.5,
    length_ms: tuple[float, float] | None = None,
    avoid: Sequence[Span] = (),
    most_packets: int = 16,
) -> PacketLoss:
    """Draw packets of 10 ms, 20 ms or 512 samples that are lost, alone or in bursts.

    Args:
        rng: source of all randomness.
        audio: the recording ``(C, T)``; nothing is lost where it is silent, or near its ends.
        rate_hz: its sample rate.
        fill: one of :data:`~.kinds.PACKET_FILLS`; drawn when None.
        per_second: losses a second; a burst counts once.
        length_ms: shortest and longest packet instead.
        avoid: what is damaged already; losses keep away from it.
        most_packets: longer bursts are cut short.
    """
    sizes = (round(0.01 * rate_hz), round(0.02 * rate_hz), MUSIC_PACKET_SAMPLES)
    packet = sizes[int(rng.integers(len(sizes)))]
    if length_ms is not None:
        packet = max(1, round(log_uniform(rng, *length_ms) * rate_hz / 1000))
    burst = float(rng.choice([1.0, 1.0, 1.5, 3.0, 6.0]))
    packets = audio.shape[1] // packet
    share = min(per_second * burst * packet / rate_hz, 0.4)
    lost = lose_packets(rng, packets, share, burst)
    edge = int(np.ceil(_EDGE_MS * rate_hz / 1000 / packet))
    lost[:edge] = lost[max(packets - edge, 0) :] = False
    loud: NDArray[np.bool_] = np.any(loud_around(audio, rate_hz, -50.0), axis=0)
    for start, end in true_runs(lost):
        lost[start + most_packets : end] = False
        first, last = start * packet, min(end, start + most_packets) * packet
        if not loud[[first, last]].all() or not is_free(first, last, rate_hz, avoid):
            lost[start:end] = False
    which = fill or PACKET_FILLS[int(rng.integers(len(PACKET_FILLS)))]
    return PacketLoss(packet, tuple(np.flatnonzero(lost).tolist()), which)
