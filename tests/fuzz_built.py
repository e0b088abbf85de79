"""Recordings that no encoder writes: headers drawn field by field, samples beyond measure, cuts at borders.

In: a random generator, and small whole files. Out: the bytes of a file and its suffix. Where
:mod:`tests.fuzz` changes a whole file somewhere, these change it where its structure says that it hurts.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from itertools import pairwise

Made = tuple[str, bytes]

CHANNELS = [0, 1, 1, 1, 2, 2, 3, 8, 9, 64, 255, 256, 257, 1_024, 1_025, 32_767, 32_768, 65_535]
RATES_HZ = [0, 1, 7, 999, 1_000, 3_999, 4_000, 8_000, 8_000, 8_000, 44_100, 192_000, 768_000, 1_000_000]
RATES_HZ += [(1 << 31) - 1, 1 << 31, (1 << 32) - 1]
BITS = [0, 1, 7, 8, 8, 12, 16, 16, 16, 20, 24, 24, 32, 32, 33, 64, 64, 128, 255, 65_535]
CODINGS = [1, 1, 1, 1, 3, 3, 6, 7, 2, 0x11, 0x31, 0x50, 0x55, 0x64, 0, 0xFFFE, 0xFFFE, 0xFFFF, 0x162]
SIZES = [0, 1, 2, 3, 7, 8, 16, 18, 20, 40, 1_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF]
LEVELS = [0.0, -0.0, 1e-45, 1e-320, 1.0, -1.0, 1.5, 64.0, 1e10, 3.4e38, -3.4e38]
LEVELS += [float("nan"), float("inf"), float("-inf")]


def samples(rng: random.Random, count: int, form: str) -> bytes:
    """Numbers of one kind, with stretches of others: silence, one value held, noise, no number at all.

    Args:
        rng: what is drawn from.
        count: of numbers.
        form: as ``struct`` has it, with its order.
    """
    values: list[float] = []
    while len(values) < count:
        length = rng.choice((1, 2, 40, 300, 2_000))
        kind = rng.random()
        if kind < 0.5:
            values += [rng.gauss(0, 0.2) for _ in range(length)]
        elif kind < 0.7:
            values += [0.0] * length
        elif kind < 0.8:
            values += [rng.choice((-1.0, 1.0, 0.9))] * length
        else:
            values += [rng.choice(LEVELS) for _ in range(length)]
    del values[count:]
    order, code = form[0], form[1]
    if code in "fd":
        limit = 3.4e38 if code == "f" else 1.79e308
        return struct.pack(f"{order}{count}{code}", *(v if v != v else _held(v, limit) for v in values))
    top = (1 << 8 * struct.calcsize(code)) // 2 - 1
    whole = [0 if v != v else round(_held(v, 1.0) * top) for v in values]
    return struct.pack(f"{order}{count}{code}", *whole)


def _held(value: float, limit: float) -> float:
    return value if abs(value) == float("inf") and limit > 1 else min(max(value, -limit), limit)


def odd_riff(rng: random.Random) -> Made:
    """WAV, RF64 or RIFX: chunks in any order, some twice or within each other, sizes that lie."""
    name = rng.choice((b"RIFF", b"RIFF", b"RIFF", b"RIFX", b"RF64"))
    order = ">" if name == b"RIFX" else "<"
    coding, channels = rng.choice(CODINGS), rng.choice(CHANNELS)
    rate_hz, bits = rng.choice(RATES_HZ), rng.choice(BITS)
    if rng.random() < 0.7:  # plausible but for one thing, which goes further than nonsense throughout
        coding, bits = rng.choice(((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (0xFFFE, 16)))
        channels = channels if rng.random() < 0.4 else rng.choice((1, 2))
        rate_hz = rate_hz if rng.random() < 0.4 else 8_000
    align = channels * bits // 8 if rng.random() < 0.8 else rng.choice((0, 1, 3, 7, 65_535))
    speed = rate_hz * align if rng.random() < 0.8 else rng.choice(RATES_HZ)
    head = struct.pack(f"{order}HHIIHH", coding, channels, rate_hz, speed % (1 << 32), align % 65_536, bits)
    if coding == 0xFFFE or rng.random() < 0.1:
        mask = rng.choice((0, 1, 3, 0xFFFF_FFFF))
        tail = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        head += struct.pack(f"{order}HHIH", 22, bits, mask, rng.choice((1, 3, 0xFFFE))) + tail
    form = {8: "B", 16: "h", 32: "f" if coding == 3 else "i", 64: "d"}.get(bits, "h")
    count = min(channels, 2_000) * rng.choice((0, 1, 2, 100, 3_000))
    audio = samples(rng, min(count, 12_000), f"{order}{form if form != 'B' else 'b'}")
    chunks = [(b"fmt ", head), (b"data", audio)]
    extra = [
        (b"fact", struct.pack(f"{order}I", rng.choice((0, 1, count, 0xFFFF_FFFF)))),
        (b"LIST", b"INFO" + b"INAM" + struct.pack(f"{order}I", rng.choice(SIZES)) + b"A title\0"),
        (b"LIST", b"adtl" + b"ltxt" + struct.pack(f"{order}I", rng.choice(SIZES)) + bytes(20)),
        (b"cue ", struct.pack(f"{order}I", rng.choice((0, 1, 2, 0xFFFF, 0xFFFF_FFFF))) + bytes(24)),
        (b"smpl", bytes(28) + struct.pack(f"{order}II", rng.choice((0, 1, 9, 0xFFFF_FFFF)), 0) + bytes(24)),
        (b"bext", bytes(rng.choice((0, 1, 601, 602, 603, 858)))),
        (b"PEAK", struct.pack(f"{order}II", 1, 0) + bytes(8 * rng.choice((0, 1, 2, 99)))),
        (b"iXML", b"<BWFXML>" + bytes(rng.choice((0, 7)))),
        (b"id3 ", b"ID3\4\0\0" + bytes(rng.choice((4, 40)))),
        (b"JUNK", bytes(rng.choice((0, 1, 28)))),
        (b"ds64", struct.pack("<QQQI", rng.choice(SIZES), len(audio), rng.choice(SIZES), rng.choice(SIZES))),
        (rng.randbytes(4), rng.randbytes(rng.choice((0, 1, 9)))),
        (b"fmt ", head),
        (b"data", audio[:40]),
    ]
    chunks += rng.sample(extra, rng.choice((0, 0, 1, 2, 5)))
    if name == b"RF64" and rng.random() < 0.8:
        size = len(audio) if rng.random() < 0.7 else rng.choice(SIZES)
        chunks.insert(0, (b"ds64", struct.pack("<QQQI", 0, size, count, 0)))
    if rng.random() < 0.4:
        rng.shuffle(chunks)
    body = b""
    for kind, content in chunks:
        size = len(content)
        if rng.random() < 0.1:
            size = rng.choice([*SIZES, size + 1, max(size - 1, 0), 2 * size])
        if kind == b"data" and name == b"RF64":
            size = 0xFFFF_FFFF
        body += kind + struct.pack(f"{order}I", size % (1 << 32)) + content
        body += b"\0" if len(content) % 2 and rng.random() < 0.8 else b""
    total = len(body) + 4 if rng.random() < 0.7 else rng.choice(SIZES)
    return rng.choice((".wav", ".wav", ".rf64", ".au")), name + struct.pack(
        f"{order}I", total
    ) + b"WAVE" + body


def odd_aiff(rng: random.Random) -> Made:
    """AIFF and AIFF-C: rates in 80 bits of any exponent, markers, chunks in any order."""
    kind, coding = rng.choice(
        ((b"AIFF", b""), (b"AIFC", rng.choice((b"NONE", b"sowt", b"fl32", b"ulaw", b"x"))))
    )
    channels, bits = (
        rng.choice((1, 1, 2, rng.choice(CHANNELS))),
        rng.choice((8, 16, 16, 24, 32, rng.choice(BITS))),
    )
    audio = samples(rng, rng.choice((0, 1, 3_000)) * min(channels, 8), ">h")
    frames = len(audio) // max(channels * max(bits // 8, 1), 1)
    if rng.random() < 0.2:
        frames = rng.choice((0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF))
    rate = struct.pack(">HQ", 0x400B, 8_000 << 51)
    if rng.random() < 0.4:
        rate = struct.pack(
            ">HQ",
            rng.choice((0, 0x3FFF, 0x400E, 0x401E, 0x403E, 0x7FFF, 0xC00E)),
            rng.choice((0, 1 << 63, (1 << 64) - 1)),
        )
    comm = struct.pack(">HIH", channels, frames, bits) + rate
    if kind == b"AIFC":
        comm += (coding + bytes(4))[:4] + rng.choice((b"\0\0", b"\x05hallo", b"\xff"))
    chunks = [
        (b"COMM", comm),
        (b"SSND", struct.pack(">II", rng.choice((0, 0, 0, 1, 8, 0xFFFF_FFFF)), 0) + audio),
    ]
    chunks += rng.sample(
        [
            (b"MARK", struct.pack(">H", rng.choice((0, 1, 65_535))) + bytes(9)),
            (b"INST", bytes(rng.choice((0, 20)))),
            (b"NAME", b"name"),
            (b"ANNO", b"x" * rng.choice((0, 1, 4_000))),
            (b"FVER", struct.pack(">I", 0xA280_5140)),
            (b"PEAK", bytes(rng.choice((8, 16, 17)))),
            (b"basc", bytes(84)),
            (b"COMM", comm),
        ],
        rng.choice((0, 1, 3)),
    )
    if rng.random() < 0.3:
        rng.shuffle(chunks)
    body = b""
    for name, content in chunks:
        size = len(content) if rng.random() < 0.9 else rng.choice(SIZES)
        body += name + struct.pack(">I", size) + content + b"\0" * (len(content) % 2)
    return rng.choice((".aiff", ".aif", ".wav")), b"FORM" + struct.pack(">I", len(body) + 4) + kind + body


def odd_caf(rng: random.Random) -> Made:
    """CAF: any description, packet tables, chunks of any 64-bit size."""
    bits, channels = rng.choice((8, 16, 24, 32, 64, *BITS)), rng.choice((1, 2, *CHANNELS))
    rate_hz = rng.choice((8_000.0, 8_000.0, 8_000.0, *LEVELS, 1e308))
    coding = rng.choice((b"lpcm", b"lpcm", b"lpcm", b"ulaw", b"alac", b"ima4", b"aac "))
    flags, packet = rng.choice((0, 1, 2, 3, 0xFFFF_FFFF)), channels * bits // 8
    if rng.random() < 0.2:
        packet = rng.choice(SIZES)
    desc = struct.pack(
        ">d4sIIIII", rate_hz, coding, flags, packet, rng.choice((1, 1, 1, 0, 4_096)), channels, bits
    )
    audio = samples(rng, min(channels, 8) * rng.choice((0, 1, 3_000)), ">h")
    chunks = [(b"desc", desc), (b"data", bytes(4) + audio)]
    chunks += rng.sample(
        [
            (
                b"pakt",
                struct.pack(">qqii", rng.choice((0, 1, 5, -1, 1 << 40)), len(audio), 0, 0) + rng.randbytes(9),
            ),
            (b"kuki", rng.randbytes(rng.choice((0, 24, 48)))),
            (b"free", bytes(rng.choice((0, 100)))),
            (b"info", struct.pack(">I", rng.choice((0, 1, 0xFFFF_FFFF))) + b"title\0x\0"),
            (b"chan", bytes(12)),
            (b"mark", struct.pack(">II", 0, rng.choice((0, 1, 0xFFFF_FFFF)))),
        ],
        rng.choice((0, 1, 2)),
    )
    if rng.random() < 0.2:
        rng.shuffle(chunks)
    out = b"caff" + struct.pack(">HH", 1, 0)
    for name, content in chunks:
        size = len(content)
        if rng.random() < 0.12:
            size = rng.choice((-1, -1, 0, 1, -(1 << 63), (1 << 63) - 1, 1 << 33, size + 1))
        out += name + struct.pack(">q", size) + content
    return ".caf", out


def odd_au(rng: random.Random) -> Made:
    """AU: any offset, length, coding, rate and number of channels, in either order."""
    order, name = rng.choice(((">", b".snd"), ("<", b"dns.")))
    coding = rng.choice((1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 26, 27, 0, 99, 0xFFFF_FFFF))
    channels, rate_hz = rng.choice((1, 2, *CHANNELS)), rng.choice((8_000, 8_000, *RATES_HZ))
    audio = samples(rng, rng.choice((0, 1, 3_000)) * min(channels, 8), f"{order}h")
    offset, length = (
        rng.choice((24, 24, 24, 28, 0, 23, *SIZES)),
        rng.choice((len(audio), 0xFFFF_FFFF, *SIZES)),
    )
    head = struct.pack(f"{order}IIIII", offset, length, coding, rate_hz, channels)
    return rng.choice((".au", ".snd", ".wav")), name + head + audio


def at_borders(rng: random.Random, content: bytes) -> bytes:
    """A whole file cut, doubled or with parts exchanged where its own parts begin.

    Boxes of MPEG-4, pages of Ogg, blocks and frames of FLAC, frames of MP3.
    """
    borders = sorted({0, len(content), *_borders(content)})
    parts = [content[a:b] for a, b in pairwise(borders)]
    for _ in range(rng.choice((1, 1, 2, 3))):
        what, at = rng.random(), rng.randrange(len(parts)) if parts else 0
        if not parts:
            break
        if what < 0.25:
            parts = parts[: at + 1]
            parts[-1] = parts[-1][: rng.choice((0, 1, 4, 8, len(parts[-1]) // 2, max(len(parts[-1]) - 1, 0)))]
        elif what < 0.4:
            del parts[at]
        elif what < 0.55:
            parts.insert(at, parts[rng.randrange(len(parts))])
        elif what < 0.7:
            other = rng.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif what < 0.8:
            parts[at] = bytes(len(parts[at]))
        elif what < 0.9:
            parts.insert(
                at, rng.choice((b"OggS", b"fLaC", b"\xff\xfb\x90\0", bytes(8), b"\0\0\0\1mdat" + bytes(8)))
            )
        else:
            part = bytearray(parts[at])
            for _ in range(rng.choice((1, 4))):
                if part:
                    part[rng.randrange(min(len(part), 32))] = rng.choice((0, 1, 127, 128, 255))
            parts[at] = bytes(part)
    return b"".join(parts)


def _borders(content: bytes) -> list[int]:
    if content[4:8] == b"ftyp":
        return _boxes(content, 0, len(content))
    marks = {b"OggS": b"OggS", b"fLaC": b"\xff\xf8", b"ID3\x04": b"\xff\xfb"}
    mark = marks.get(content[:4], content[:2])
    found, at = [], content.find(mark, 1)
    while at > 0 and len(found) < 1_000:
        found.append(at)
        at = content.find(mark, at + 1)
    if content[:4] == b"fLaC":
        at, last = 4, False
        while not last and at + 4 < len(content):
            found.append(at)
            last = bool(content[at] & 0x80)
            at += 4 + int.from_bytes(content[at + 1 : at + 4], "big")
    return [place for place in found if place < len(content)]


def _boxes(content: bytes, start: int, end: int) -> list[int]:
    found, at = [], start
    while at + 8 <= end:
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        found.append(at)
        if size < 8:
            break
        if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta"):
            found += _boxes(content, at + 8, min(at + size, end))
        at += size
    return found


def flac_that_lies(rng: random.Random, content: bytes) -> bytes:
    """A FLAC file whose first block promises another length, rate, depth or sum than its frames have."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2))):
        at, size = rng.choice(
            ((8, 2), (10, 2), (12, 3), (15, 3), (18, 2), (20, 2), (22, 4), (26, 16), (5, 3))
        )
        data[at : at + size] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size)))
    return bytes(data)


BUILT: list[Callable[[random.Random], Made]] = [odd_riff, odd_riff, odd_aiff, odd_caf, odd_au]
