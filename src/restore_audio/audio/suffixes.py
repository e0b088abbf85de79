"""File name suffixes of recordings, in one table; nothing heavy is imported to look at names."""

from __future__ import annotations

CONTAINERS = {
    ".wav": "WAV",
    ".wave": "WAV",
    ".bwf": "WAV",
    ".rf64": "RF64",
    ".w64": "W64",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".aifc": "AIFF",
    ".caf": "CAF",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".au": "AU",
}
"""Container, as libsndfile names it, that a target's suffix asks for."""

READ_BY_AV = frozenset({".m4a", ".m4b", ".mp4", ".aac", ".wma", ".webm", ".mka"})
"""Read through PyAV, where it is installed; not written."""

LOSSLESS = ".flac"
"""What a recording that can only be read becomes, unless another name is given."""

READ_ONLY = READ_BY_AV | {".sd2"}

RECORDINGS = frozenset(CONTAINERS) | READ_BY_AV | {".snd"}
"""What counts as a recording when a folder is searched; a file that is named is always tried."""
