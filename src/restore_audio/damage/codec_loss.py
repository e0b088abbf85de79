"""Packets of an encoded recording that get lost or spoilt before a real decoder decodes it.

``skipped``: the packet is left out and the decoder goes on with the next, so that time shifts. ``muted``: the
player keeps time and is silent meanwhile. ``corrupted``: bytes of the packet are wrong, and the decoder makes
of it what it makes. ``concealed``: the Opus decoder is told that a packet is missing.

The truth is found by decoding without the loss as well: a span is where the two differ.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ..arrays import Samples, runs_of
from ..spans import Span
from .codecs import (
    Encoded,
    by_time,
    codec_rate_hz,
    decoded_frames,
    encode,
    encode_vorbis,
    import_av,
)
from .kinds import CODECS
from .libopus import decode_opus
from .packet_loss import lose_packets, spare
from .processed import Resampled, fit
from .record import Damaged, Draft
from .shifts import taken

LOSSES = {
    "mp3": ("skipped", "muted", "corrupted"),
    "aac": ("skipped", "muted", "corrupted"),
    "vorbis": ("skipped", "muted", "corrupted"),
    "opus": ("concealed", "skipped", "muted", "corrupted"),
}
"""What can happen to packets of each codec."""

PACKET_SAMPLES = {"mp3": 1152, "aac": 1024, "vorbis": 1024, "opus": 960}
"""Length of a packet; Vorbis changes between two lengths, this one is common."""

DIFFERENCE_DB = -20.0
"""A decoded recording is damaged where what the loss changed is louder than this, relative to the RMS of the
20 ms around; differences are smoothed over 2 ms, and pauses of up to 8 ms between them belong to the span."""

_QUIETEST = 10 ** (-70 / 20)
_EDGE_MS = 150.0


@dataclass(frozen=True)
class CodecLoss:
    """Packets lost on the way to the decoder.

    Attributes:
        codec: one of :data:`~restore_audio.damage.codecs.CODECS`.
        loss: what happens: one of :data:`LOSSES` for the codec.
        lost_samples: at the codec's own rate: the packets that hold these samples are struck.
        decoder: ``ffmpeg``; ``mpg123`` (in libsndfile) for skipped packets of MP3; concealed ones of Opus
            are always libopus's.
    """

    name: ClassVar[str] = "codec_loss"
    codec: str
    kbps: int
    loss: str
    lost_samples: tuple[int, ...]
    seed: int = 0
    decoder: str = "ffmpeg"

    def __post_init__(self) -> None:
        if self.codec not in CODECS or self.loss not in LOSSES[self.codec]:
            raise ValueError(f"packets of {self.codec!r} cannot be {self.loss!r}")
        skipped_mp3 = (self.codec, self.loss) == ("mp3", "skipped")
        if self.decoder != "ffmpeg" and not (self.decoder == "mpg123" and skipped_mp3):
            raise ValueError(f"{self.loss} packets of {self.codec} are not decoded by {self.decoder!r} here")

    def apply(self, before: Damaged) -> Damaged:
        """Spans of kind ``concealed``, ``zeros`` (muted) and ``splice``.

        Raises:
            UsageError: PyAV or libopus is not installed.
        """
        before = before.played()
        channels, length = before.samples.shape
        rate = codec_rate_hz(before.rate_hz, self.codec)
        state = before if rate == before.rate_hz else Resampled((rate,)).apply(before)
        parts = [self._decoded(part, rate) for part in _pairs(state.samples)]
        whole = np.clip(np.concatenate([lossless for lossless, _, _ in parts]), -1.0, 1.0)
        clean = None
        if state.clean is not None:
            same = state.clean is state.samples or np.array_equal(state.clean, state.samples)
            clean = whole if same else self._without_loss(state.clean, rate)
        source = parts[0][2]
        state = taken(replace(state, samples=whole, clean=clean), source)
        lossless = state.samples
        lossy = np.clip(np.concatenate([fit(part, source.size) for _, part, _ in parts]), -1.0, 1.0)
        kind = "zeros" if self.loss == "muted" else "concealed"
        spans = [
            Span(start, end, channel, kind)
            for channel in range(channels)
            for start, end in different(lossless[channel], lossy[channel], rate)
        ]
        state = state.struck(lossy, spans)
        if rate == before.rate_hz:
            return state
        state = Resampled((before.rate_hz,)).apply(state)
        if source.size != whole.shape[1] or state.samples.shape[1] == length:
            return state
        clean = None if state.clean is None else fit(state.clean, length)
        return replace(state, samples=fit(state.samples, length), clean=clean)

    def _without_loss(self, samples: Samples, rate_hz: int) -> Samples:
        pieces = _pairs(np.nan_to_num(samples))
        without = replace(self, lost_samples=())
        made = np.concatenate([without._decoded(p, rate_hz)[0] for p in pieces])
        return np.asarray(np.clip(made, -1.0, 1.0))

    def _decoded(self, samples: Samples, rate_hz: int) -> tuple[Samples, Samples, NDArray[np.int64]]:
        """Decoded without the loss and with it, and from which sample of the first each of the second is."""
        length = samples.shape[1]
        how = Encoded(self.codec, self.kbps)
        packets, encoder = (
            encode_vorbis(samples, rate_hz, self.kbps)
            if self.codec == "vorbis"
            else encode(samples, rate_hz, how, {"aac_pns": "0"} if self.codec == "aac" else None)
        )
        struck = self._struck(packets)
        if self.loss == "concealed":
            size = PACKET_SAMPLES["opus"]
            delay = -int(packets[0].pts)
            every = [bytes(p) for p in packets]
            some = [None if hit else packet for hit, packet in zip(struck, every, strict=True)]
            lossless, lossy = (
                fit(decode_opus(p, len(samples), size)[:, delay:], length) for p in (every, some)
            )
            return lossless, lossy, np.arange(length)
        if self.decoder == "mpg123":
            return _by_mpg123(packets, struck, length)
        lossless = by_time(decoded_frames(packets, encoder, self.codec), len(samples), length)
        if self.loss == "corrupted":
            rng = np.random.default_rng(self.seed)
            given = [_spoilt(rng, p) if hit else p for hit, p in zip(struck, packets, strict=True)]
        else:
            given = [p for hit, p in zip(struck, packets, strict=True) if not hit]
        frames = decoded_frames(given, encoder, self.codec)
        if self.loss == "muted":
            return lossless, by_time(frames, len(samples), length), np.arange(length)
        source = np.concatenate([start + np.arange(block.shape[1]) for start, block in frames])
        inside = (source >= 0) & (source < length)
        return lossless, np.concatenate([block for _, block in frames], axis=1)[:, inside], source[inside]

    def _struck(self, packets: Sequence[Any]) -> list[bool]:
        starts = np.array([int(p.pts or 0) for p in packets])
        hit = np.zeros(len(packets), dtype=bool)
        places = np.searchsorted(starts, np.array(self.lost_samples, dtype=np.int64), side="right") - 1
        hit[places[places > 1]] = True  # the first packets carry what tells the decoder its delay
        return [bool(h) for h in hit]


def _pairs(samples: Samples) -> list[Samples]:
    return [samples] if len(samples) <= 2 else [channel[None] for channel in samples]


def _by_mpg123(
    packets: Sequence[Any], struck: Sequence[bool], length: int
) -> tuple[Samples, Samples, NDArray[np.int64]]:
    import soundfile

    size, delay = PACKET_SAMPLES["mp3"], -int(packets[0].pts)
    given = [number for number, hit in enumerate(struck) if not hit]

    def read(numbers: Sequence[int]) -> Samples:
        file = io.BytesIO(b"".join(bytes(packets[number]) for number in numbers))
        made, _ = soundfile.read(file, always_2d=True)
        return fit(made.T, len(numbers) * size)

    source = (np.array(given)[:, None] * size + np.arange(size)).ravel() - delay
    inside = (source >= 0) & (source < length)
    lossless = fit(read(range(len(packets)))[:, delay:], length)
    return lossless, read(given)[:, inside], source[inside]


def _spoilt(rng: np.random.Generator, packet: Any) -> Any:
    """The packet with 1 to 8 wrong bytes, its header left alone."""
    av = import_av()
    content = bytearray(bytes(packet))
    for place in rng.integers(min(6, len(content) - 1), len(content), int(rng.integers(1, 9))).tolist():
        content[place] ^= int(rng.integers(1, 256))
    made = av.Packet(bytes(content))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    return made


def different(lossless: Samples, lossy: Samples, rate_hz: int) -> list[tuple[int, int]]:
    """Where one channel differs by more than :data:`DIFFERENCE_DB`: start and end of each place."""
    short, long = max(1, round(0.002 * rate_hz)), max(1, round(0.02 * rate_hz))
    changed = np.square(lossy - lossless)
    if not changed.any():
        return []
    level = uniform_filter1d(np.square(lossless), long)
    threshold = np.maximum(np.maximum(level, 0.0) * 10 ** (DIFFERENCE_DB / 10), _QUIETEST**2)
    far = (uniform_filter1d(changed, short) > threshold) & (changed > 0)
    joined = _closed(far, round(0.008 * rate_hz))
    return [(a, b) for a, b in runs_of(joined) if b - a >= short // 2]


def _closed(mask: NDArray[np.bool_], gap: int) -> NDArray[np.bool_]:
    """Runs of False up to ``gap`` between runs of True filled."""
    filled = mask.copy()
    runs = runs_of(mask)
    for (_, end), (start, _) in itertools.pairwise(runs):
        if start - end <= gap:
            filled[end:start] = True
    return filled


def draw_codec_loss(draft: Draft, *, codec: str, loss: str | None = None) -> CodecLoss:
    """Draw packets that get lost, alone or in bursts, at 64 to 256 kbit/s.

    Args:
        codec: one of the codecs.
        loss: one of :data:`LOSSES`; drawn when None.
    """
    rng, audio, rate_hz = draft.rng, draft.audio, draft.rate_hz
    which = loss or LOSSES[codec][int(rng.integers(len(LOSSES[codec])))]
    rate = codec_rate_hz(rate_hz, codec)
    packet = PACKET_SAMPLES[codec]
    packets = int(audio.shape[1] * rate / rate_hz) // packet
    burst = float(rng.choice([1.0, 1.0, 1.5, 3.0]))
    most = 8
    if draft.length_ms is not None:
        burst = max(1.0, sum(draft.length_ms) / 2 * rate / 1000 / packet)
        most = max(1, round(draft.length_ms[1] * rate / 1000 / packet))
    lost = lose_packets(rng, packets, min(draft.per_second * burst * packet / rate, 0.4), burst)
    spare(lost, draft, packet, rate, most=most, edge_ms=_EDGE_MS)
    middles = np.flatnonzero(lost) * packet + packet // 2
    bitrate = int(rng.choice([64, 96, 128, 160, 192, 256]))
    decoder = "mpg123" if (codec, which) == ("mp3", "skipped") and rng.random() < 0.5 else "ffmpeg"
    return CodecLoss(codec, bitrate, which, tuple(middles.tolist()), int(rng.integers(2**31)), decoder)
