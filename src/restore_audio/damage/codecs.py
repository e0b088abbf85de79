"""Encoded and decoded again in this process: MP3, AAC, Vorbis, Opus.

In: a recording. Out: the same, of the same length and rate, in place to the sample: each decoded frame goes
where its timestamp says, so that what encoder and decoder delay is taken off. MP3, AAC and Opus go through
PyAV (LAME, FFmpeg's AAC encoder, libopus), Vorbis through libsndfile (libvorbis).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ..arrays import Samples
from ..errors import UsageError
from .kinds import CODECS
from .processed import fit, resample
from .record import Damaged

_ENCODERS = {"mp3": "libmp3lame", "aac": "aac", "opus": "libopus"}
_DECODERS = {"mp3": "mp3float", "aac": "aac", "opus": "opus", "vorbis": "vorbis"}
_RATES_HZ = {
    "mp3": (16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "aac": (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000),
    "opus": (48_000,),
}
"""Rates that the encoders take; others are resampled to the next higher one and back."""

_VORBIS_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
"""Nominal bitrate of libvorbis at qualities 0 to 10, 44.1 kHz, stereo."""

_MOST_KBPS = {"opus": 510}
"""libopus refuses more; of what is too much, the other encoders take what they can."""

_BLOCK_SAMPLES = 4096


@dataclass(frozen=True)
class Encoded:
    """Encoded by ``codec`` at ``kbps`` (of a stereo signal; a mono one gets half of it), and decoded."""

    name: ClassVar[str] = "encoded"
    codec: str
    kbps: int

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"nothing is encoded as {self.codec!r}; choose from {', '.join(CODECS)}")
        most = _MOST_KBPS.get(self.codec, 640)
        if not 8 <= self.kbps <= most:
            raise ValueError(f"{self.codec} takes 8 to {most} kbit/s")

    def apply(self, before: Damaged) -> Damaged:
        """Spans stay; what the codec smears beyond them is not counted in.

        Raises:
            UsageError: PyAV is not installed.
        """
        before = before.played()
        clean = None if before.clean is None else transcode(before.clean, before.rate_hz, self)
        return replace(before, samples=transcode(before.samples, before.rate_hz, self), clean=clean)


def transcode(samples: Samples, rate_hz: int, how: Encoded) -> Samples:
    """Encode and decode ``(C, T)``; channels beyond two are encoded one by one."""
    if len(samples) > 2:
        return np.concatenate([transcode(channel[None], rate_hz, how) for channel in samples])
    finite = np.nan_to_num(samples)
    if how.codec == "vorbis":
        return _through_vorbis(finite, rate_hz, how.kbps)
    rate = codec_rate_hz(rate_hz, how.codec)
    ready = finite if rate == rate_hz else resample(finite, rate_hz, rate)
    packets, context = encode(ready, rate, how)
    decoded = decode(packets, context, how.codec, ready.shape[1])
    made = decoded if rate == rate_hz else resample(decoded, rate, rate_hz)
    return np.clip(fit(made, samples.shape[1]), -1.0, 1.0)


def codec_rate_hz(rate_hz: int, codec: str) -> int:
    """The rate at which the codec takes a recording of ``rate_hz``."""
    rates = _RATES_HZ.get(codec, (rate_hz,))
    return next((r for r in rates if r >= rate_hz), rates[-1])


def encode(
    samples: Samples, rate_hz: int, how: Encoded, options: Mapping[str, str] | None = None
) -> tuple[list[Any], Any]:
    """Packets of ``(C, T)``, one or two channels, and the encoder's context.

    Args:
        rate_hz: a rate that the codec takes.

    Raises:
        UsageError: PyAV is not installed.
    """
    av = import_av()
    channels, length = samples.shape
    layout = "stereo" if channels == 2 else "mono"
    context = av.CodecContext.create(_ENCODERS[how.codec], "w")
    context.sample_rate = rate_hz
    context.layout = layout
    context.bit_rate = 1000 * (how.kbps if channels == 2 else max(how.kbps // 2, 8))
    context.time_base = Fraction(1, rate_hz)
    context.format = "flt" if how.codec == "opus" else "fltp"
    context.options = dict(options or {})
    context.open()
    size = context.frame_size or 1024
    padded = np.pad(samples, ((0, 0), (0, -length % size))).astype(np.float32)
    packets: list[Any] = []
    for start in range(0, padded.shape[1], size):
        block = padded[:, start : start + size]
        block = block.T.reshape(1, -1) if how.codec == "opus" else block
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), context.format.name, layout)
        frame.sample_rate = rate_hz
        frame.pts = start
        packets += context.encode(frame)
    packets += context.encode(None)
    return packets, context


def decode(packets: Iterable[Any], encoder: Any, codec: str, length: int) -> Samples:
    """``(C, length)``: every decoded frame where its timestamp says."""
    return by_time(decoded_frames(packets, encoder, codec), encoder.channels, length)


def by_time(frames: Iterable[tuple[int, Samples]], channels: int, length: int) -> Samples:
    """Frames ``(C, n)`` put where their timestamps say in ``(C, length)``; zeros where none is."""
    made = np.zeros((channels, length))
    for start, block in frames:
        first, last = max(start, 0), min(start + block.shape[1], length)
        if first < last:
            made[:, first:last] = block[:, first - start : last - start]
    return made


def decoded_frames(packets: Iterable[Any], encoder: Any, codec: str) -> list[tuple[int, Samples]]:
    """Timestamp in samples and ``(C, n)`` of each frame that the decoder gives; it may refuse packets."""
    av = import_av()
    context = _decoder(encoder, codec)
    frames: list[tuple[int, Samples]] = []
    for packet in (*packets, None):
        try:
            decoded: Sequence[Any] = context.decode(packet)
        except av.FFmpegError:
            continue
        frames += [(int(f.pts or 0), np.asarray(f.to_ndarray(), dtype=np.float64)) for f in decoded]
    if len(frames) > 1:  # the encoder's delay is taken off the first frame, but not off its timestamp
        frames[0] = (frames[1][0] - frames[0][1].shape[1], frames[0][1])
    return frames


def _decoder(encoder: Any, codec: str) -> Any:
    context = import_av().CodecContext.create(_DECODERS[codec], "r")
    context.sample_rate = encoder.sample_rate
    context.layout = encoder.layout.name
    if encoder.extradata:
        context.extradata = encoder.extradata
    context.open()
    return context


def import_av() -> Any:
    """PyAV.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise UsageError("Simulating MP3, AAC and Opus needs PyAV: install it with pip install av.") from None
    return av


def encode_vorbis(samples: Samples, rate_hz: int, kbps: int) -> tuple[list[Any], Any]:
    """Packets of ``(C, T)`` and the context of a decoder for them, which holds the codec's headers.

    Raises:
        UsageError: PyAV is not installed.
    """
    av = import_av()
    with av.open(_vorbis_file(samples, rate_hz, kbps)) as file:
        stream = file.streams.audio[0]
        packets = [packet for packet in file.demux(stream) if packet.size]
        encoder = stream.codec_context
    # Timestamps of the container are those of pages: count what each packet decodes to instead.
    done = 0
    for packet, count in zip(packets, _frame_lengths(packets, encoder), strict=True):
        packet.pts = packet.dts = done
        done += count
    return packets, encoder


def _frame_lengths(packets: Iterable[Any], encoder: Any) -> list[int]:
    context = _decoder(encoder, "vorbis")
    return [sum(frame.samples for frame in context.decode(packet)) for packet in packets]


def _vorbis_file(samples: Samples, rate_hz: int, kbps: int) -> io.BytesIO:
    import soundfile

    quality = float(np.interp(kbps, _VORBIS_KBPS, np.arange(11)))
    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=rate_hz,
        channels=len(samples),
        format="OGG",
        subtype="VORBIS",
        compression_level=1 - quality / 10,
    ) as out:
        for start in range(0, samples.shape[1], _BLOCK_SAMPLES):  # libvorbis overflows on long blocks
            out.write(np.ascontiguousarray(samples[:, start : start + _BLOCK_SAMPLES].T, dtype=np.float32))
    file.seek(0)
    return file


def _through_vorbis(samples: Samples, rate_hz: int, kbps: int) -> Samples:
    import soundfile

    made, _ = soundfile.read(_vorbis_file(samples, rate_hz, kbps), always_2d=True)
    return np.clip(fit(made.T, samples.shape[1]), -1.0, 1.0)


def draw_encoded(rng: np.random.Generator, codec: str, kbps: int | None) -> Encoded:
    """A codec at a bitrate, which is drawn from 64 to 320 kbit/s when None."""
    return Encoded(codec, kbps if kbps is not None else int(rng.choice([64, 96, 128, 160, 192, 256, 320])))
