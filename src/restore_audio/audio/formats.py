"""Containers and subtypes: which one a target gets, and what it cannot hold.

In: a target's suffix and what the source is. Out: libsndfile's format and subtype, or a sentence why not.
"""

from __future__ import annotations

from pathlib import Path

import soundfile

from ..errors import OutputError
from .native import PCM_BITS, is_lossless
from .suffixes import CONTAINERS, READ_ONLY

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)

MOST_OGG_CHANNELS = 255
"""Their headers have a byte for it (Vorbis I, 4.2.2; RFC 7845)."""

_WAV_FAMILY = {"WAV", "WAVEX", "RF64"}


def check_suffix(source: Path, target: Path) -> None:
    """Refuse a target whose suffix says nothing, unless it is the source's own.

    Raises:
        OutputError: the suffix names no container.
    """
    suffix = target.suffix.lower()
    if suffix and suffix not in CONTAINERS | dict.fromkeys(READ_ONLY) and suffix != source.suffix.lower():
        known = ", ".join(CONTAINERS)
        raise OutputError(
            f"{target.name} has a suffix that names no container of audio: give one of {known}."
        )


def same_container(source_format: str, target: Path) -> bool:
    """Whether the target's suffix asks for the source's own container (or for nothing)."""
    suffix = target.suffix.lower()
    if suffix in READ_ONLY:
        return source_format == ("SD2" if suffix == ".sd2" else "M4A")
    wanted = CONTAINERS.get(suffix)
    if wanted is None:
        return True
    return wanted == source_format or (wanted in _WAV_FAMILY and source_format in _WAV_FAMILY)


def keeps_coding(target: Path, source_format: str, source_subtype: str) -> bool:
    """Whether the target is of the source's container and coding, so that its bytes can be copied."""
    return same_container(source_format, target) and not _changes_codec(target, source_subtype)


def choose(
    target: Path, source_format: str, source_subtype: str, *, rate_hz: int, channels: int
) -> tuple[str, str]:
    """Format and subtype for a target.

    The source's own where the suffix asks for nothing else; else the subtype that loses nothing, and for
    lossy sources (whose decoded samples are floats) 32-bit float, or 24 bit where there are no floats (FLAC;
    what a lossy codec lets rise above full scale is clipped there).

    Raises:
        OutputError: the container cannot hold this rate, number of channels or bit depth.
    """
    if target.suffix.lower() in READ_ONLY:
        raise OutputError(_only_read(target, target.suffix))
    if keeps_coding(target, source_format, source_subtype):
        container, subtype = source_format, source_subtype
    else:
        container = CONTAINERS[target.suffix.lower()]
        subtype = _subtype(target, container, source_subtype)
    _check(target, container, subtype, rate_hz, channels)
    return container, subtype


def _changes_codec(target: Path, subtype: str) -> bool:
    """Ogg holds Vorbis and Opus; the suffix .opus asks for Opus."""
    return target.suffix.lower() == ".opus" and subtype != "OPUS"


def _subtype(target: Path, container: str, source_subtype: str) -> str:
    if container == "OGG":
        return "OPUS" if target.suffix.lower() == ".opus" else "VORBIS"
    if container == "MP3":
        return "MPEG_LAYER_III"
    have = soundfile.available_subtypes(container)
    if source_subtype in have and is_lossless(source_subtype):
        return source_subtype
    if container == "FLAC" and is_lossless(source_subtype) and PCM_BITS.get(source_subtype, 32) > 24:
        raise OutputError(
            f"{target.name} cannot hold {source_subtype} samples, since FLAC has at most 24 bits: "
            f"write to .wav, .aiff or .caf instead."
        )
    wanted_bits = PCM_BITS.get(source_subtype)
    if wanted_bits is None:
        return "FLOAT" if "FLOAT" in have else "PCM_24"
    fitting = [s for s in ("PCM_16", "PCM_24", "PCM_32") if s in have and PCM_BITS[s] >= wanted_bits]
    return fitting[0]


def _check(target: Path, container: str, subtype: str, rate_hz: int, channels: int) -> None:
    if container in ("M4A", "SD2"):  # libsndfile keeps half of an SD2 in a second file that is not renamed
        raise OutputError(_only_read(target, container))
    if subtype == "OPUS" and rate_hz not in OPUS_RATES_HZ:
        rates = ", ".join(f"{r / 1000:g}" for r in OPUS_RATES_HZ)
        raise OutputError(
            f"{target.name} cannot be written at {rate_hz} Hz, since Opus has only {rates} kHz: "
            f"write to .flac, .wav or .ogg instead."
        )
    if subtype == "MPEG_LAYER_III" and (rate_hz not in MP3_RATES_HZ or channels > 2):
        raise OutputError(
            f"{target.name} cannot be written with {channels} channel(s) at {rate_hz} Hz, since MP3 has "
            f"one or two, up to 48 kHz: write to .flac or .wav instead."
        )
    if subtype in ("ALAC_20", "ALAC_24", "ALAC_32"):
        # libsndfile writes blocks of these that cannot be compressed as something else (seen with 1.2.2).
        raise OutputError(
            f"{target.name} cannot be trusted to hold {subtype} samples: name an output in .flac or .wav."
        )
    if container == "FLAC" and channels > 8:
        raise OutputError(
            f"{target.name} cannot hold {channels} channels, since FLAC has at most 8: write to .wav instead."
        )
    if container == "OGG" and channels > MOST_OGG_CHANNELS:  # libvorbis ends the process
        raise OutputError(
            f"{target.name} cannot hold {channels} channels, since Vorbis and Opus have at most "
            f"{MOST_OGG_CHANNELS}: write to .wav instead."
        )
    if not soundfile.check_format(container, subtype):
        raise OutputError(f"{target.name} cannot hold {subtype} samples: write to .wav or .flac instead.")


def _only_read(target: Path, kind: str) -> str:
    return (
        f"{target.name} cannot be written, since {kind} is only read here: name an output in .flac, .wav, "
        f".ogg or .mp3."
    )
