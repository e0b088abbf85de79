"""Break files on purpose and see what the tool makes of them: ``python -m tests.fuzz --tries 10000``.

In: small whole files of every container and coding that libsndfile (and PyAV, if it is there) writes,
mutated by their structure; recordings that no encoder writes (:mod:`tests.fuzz_built`); spans, labels,
weights, journals and zip archives; what lies beside recordings (:mod:`tests.fuzz_beside`). A finding is
anything but a result or one sentence of ours within 20 s and 1 GB: a crash, a traceback, an "unexpected"
error, words of a library on the terminal, a changed source, a left-over file, a result that does not open.
The seconds are the process's own on the processor, so that a busy machine makes no findings; one that sleeps
gets ten times as many.

Every try is drawn from the seed and its own number: ``--only N`` repeats one.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import random
import re
import resource
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.fuzz_beside import Beside
from tests.fuzz_built import BUILT, at_borders, flac_that_lies

LIMIT_S = 20.0
ASLEEP_S = 200.0
"""How long a try may take on the clock: one that waits for ever uses no processor."""
LIMIT_BYTES = 1 << 30
PROGRAM_BYTES = 600_000_000
"""Of that, what the program itself takes with PyTorch: a try may add the rest to what its process has."""
REPO = Path(__file__).resolve().parent.parent

CONTAINERS = {
    "WAV": (".wav", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]),
    "WAV-coded": (".wav", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_24", "MPEG_LAYER_III"]),
    "WAVEX": (".wav", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"]),
    "RF64": (".rf64", ["PCM_16", "PCM_24", "FLOAT"]),
    "W64": (".w64", ["PCM_U8", "PCM_16", "FLOAT", "DOUBLE", "GSM610", "IMA_ADPCM"]),
    "AIFF": (".aiff", ["PCM_S8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM", "GSM610"]),
    "CAF": (".caf", ["PCM_S8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ALAC_16", "ALAC_24", "ULAW"]),
    "AU": (".au", ["PCM_S8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE", "ULAW", "G721_32", "G723_40"]),
    "FLAC": (".flac", ["PCM_S8", "PCM_16", "PCM_24"]),
    "OGG": (".ogg", ["VORBIS", "OPUS"]),
    "MP3": (".mp3", ["MPEG_LAYER_III"]),
    "VOC": (".voc", ["PCM_U8", "PCM_16", "ULAW"]),
    "NIST": (".sph", ["PCM_S8", "PCM_16", "PCM_24", "ULAW"]),
    "IRCAM": (".sf", ["PCM_16", "PCM_32", "FLOAT", "ULAW"]),
    "SVX": (".svx", ["PCM_S8", "PCM_16"]),
    "PAF": (".paf", ["PCM_S8", "PCM_16", "PCM_24"]),
    "MAT4": (".mat", ["PCM_16", "FLOAT", "DOUBLE"]),
    "MAT5": (".mat", ["PCM_U8", "PCM_16", "FLOAT", "DOUBLE"]),
    "PVF": (".pvf", ["PCM_S8", "PCM_16", "PCM_32"]),
    "XI": (".xi", ["DPCM_8", "DPCM_16"]),
    "HTK": (".htk", ["PCM_16"]),
    "SDS": (".sds", ["PCM_S8", "PCM_16", "PCM_24"]),
    "AVR": (".avr", ["PCM_U8", "PCM_S8", "PCM_16"]),
    "WVE": (".wve", ["ALAW"]),
    "MPC2K": (".mpc", ["PCM_16"]),
}
AV_CODINGS = {"aac": ".m4a", "alac": ".m4a"}
NUMBERS = [
    *(0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 255, 256, 4_095, 65_535, 1 << 16, (1 << 31) - 1, 1 << 31),
    *((1 << 32) - 24, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 24, (1 << 64) - 1),
]
FLOATS = [
    *(0.0, -0.0, 1.0, -1.0, 1e-40, 1e-300, 64.0, 1e10, 1e19, 1e20, 1e38, 1e160, 1e308, float("inf")),
    *(float("-inf"), float("nan")),
]
TAGS = re.compile(
    rb"RIFF|RF64|RIFX|riff|wave|WAVE|fmt |fact|data|LIST|PEAK|bext|ds64|FORM|AIF[FC]|COMM|SSND|FVER"
)
MORE_TAGS = re.compile(
    rb"caff|desc|free|peak|kuki|pakt|OggS|fLaC|ID3|TAG|Xing|\xff\xfb|\.snd|ftyp|moov|mdat|stsz|stsd"
)


# --- whole files


def _forget_peak() -> int:
    """From now on only what comes counts as a peak; returns what the process has now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    """Largest resident size of this process itself; ru_maxrss counts that of its parent too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if "VmHWM" in line)


def corpus(folder: Path) -> dict[str, Path]:
    """A small whole file of each kind, by ``container/coding``."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(5)
    time_s = np.arange(4_000) / 8_000
    tone = 0.4 * np.sin(2 * np.pi * 440 * time_s) + 0.1 * np.sin(2 * np.pi * 1_210 * time_s)
    tone += 0.001 * rng.standard_normal(tone.size)
    tone[2_000:2_060] = 0
    made: dict[str, Path] = {}
    for name, (suffix, subtypes) in CONTAINERS.items():
        container = name.removesuffix("-coded")
        for subtype in subtypes:
            for channels in (1, 2):
                path = folder / f"{name}-{subtype}-{channels}{suffix}"
                try:
                    audio = np.stack([tone] * channels, axis=1)
                    soundfile.write(path, audio, 8_000, format=container, subtype=subtype)
                except (soundfile.LibsndfileError, ValueError):
                    path.unlink(missing_ok=True)
                else:
                    made[f"{name}/{subtype}/{channels}"] = path
    tagged = folder / "tagged.flac"
    shutil.copyfile(made["FLAC/PCM_16/1"], tagged)
    _tag(tagged)
    made["FLAC/tagged/1"] = tagged
    for codec, suffix in AV_CODINGS.items():
        path = folder / f"{codec}{suffix}"
        if _encode_av(path, codec, tone):
            made[f"M4A/{codec}/1"] = path
    return made


def _tag(path: Path) -> None:
    from mutagen.flac import FLAC, Picture

    file = FLAC(path)
    file["title"], file["artist"] = "A title", ["One", "Two"]
    picture = Picture()
    picture.data, picture.mime, picture.type = b"\x89PNG" + bytes(60), "image/png", 3
    file.add_picture(picture)
    file.save()


def _encode_av(path: Path, codec: str, tone: object) -> bool:
    try:
        import av
        import numpy as np

        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=8_000, layout="mono")
            samples = (np.asarray(tone)[None] * 32_767).astype("int16")
            form = stream.codec_context.format.name
            kind = {
                "fltp": samples / np.float32(32_768),
                "s16p": samples,
                "s32p": samples.astype("int32") << 16,
            }
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(kind[form].astype(kind[form].dtype)), format=form, layout="mono"
            )
            frame.sample_rate = 8_000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
    except Exception:
        path.unlink(missing_ok=True)
        return False
    return True


def weights(path: Path) -> Path:
    """The smallest network that ``fix`` takes."""
    from restore_audio.network.checkpoint import ModelCard, save
    from restore_audio.network.networks import NetworkSettings, build

    features = {"level": "patch", "power": 0.3, "prefill": "none"}
    settings = NetworkSettings(name="res-unet-v2", width=1, in_channels=4)
    save(path, build(settings), ModelCard(settings, "restore", {"features": features}, {"loss": 0.5}))
    return path


# --- mutations


def mutate(content: bytes, rng: random.Random, others: Callable[[], bytes]) -> bytes:
    """One to four mutations of a binary file."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        rng.choice(_BINARY)(data, rng, others)
        if len(data) > 1 << 20:
            del data[1 << 20 :]
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Mostly in the header, often just after the name of a chunk."""
    if not data:
        return 0
    tags = [match.end() for match in TAGS.finditer(data)] + [m.end() for m in MORE_TAGS.finditer(data)]
    if tags and rng.random() < 0.5:
        return min(rng.choice(tags) + rng.choice((0, 0, 0, 4, 8, 12)), len(data) - 1)
    return rng.randrange(min(len(data), 256) if rng.random() < 0.6 else len(data))


def _flip(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _number(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    size, order = rng.choice((1, 2, 4, 4, 4, 8, 8)), rng.choice(("little", "big"))
    at = _place(data, rng)
    old = int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]
    value = rng.choice([*NUMBERS, len(data), old + 1, old - 1, 2 * old, old // 2]) % (1 << 8 * size)
    data[at : at + size] = value.to_bytes(size, order)  # type: ignore[arg-type]


def _real(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    form = rng.choice(("<f", ">f", "<d", ">d"))
    at = rng.randrange(len(data) + 1) if rng.random() < 0.8 else _place(data, rng)
    for step in range(rng.choice((1, 1, 5, 100))):
        value = rng.choice(FLOATS)
        if abs(value) > 3e38 and value == value and form[1] == "f":
            value = float("inf")
        where = at + step * struct.calcsize(form)
        data[where : where + struct.calcsize(form)] = struct.pack(form, value)


def _cut(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    at = _place(data, rng)
    if rng.random() < 0.5:
        del data[at:]
    else:
        del data[at : at + rng.choice((1, 2, 4, 8, 100, 1_000))]


def _insert(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    at = _place(data, rng) if rng.random() < 0.7 else len(data)
    count = rng.choice((1, 3, 4, 8, 24, 300))
    data[at:at] = rng.choice(
        (bytes(count), b"\xff" * count, rng.randbytes(count), b"data" + rng.randbytes(12))
    )


def _repeat(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    a, b = sorted((_place(data, rng), _place(data, rng)))
    at = _place(data, rng)
    data[at:at] = data[a : min(b, a + 4_000)] * rng.choice((1, 1, 2, 20))


def _zero(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    at = _place(data, rng)
    count = min(rng.choice((4, 16, 200, 2_000)), len(data) - at)
    data[at : at + count] = bytes(count) if rng.random() < 0.6 else rng.randbytes(count)


def _splice(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    other = others()
    at = _place(data, rng)
    data[at:] = other[min(at, len(other)) :] if rng.random() < 0.5 else other


def _shuffle(data: bytearray, rng: random.Random, others: Callable[[], bytes]) -> None:
    cuts = sorted({0, len(data), *(match.start() for match in TAGS.finditer(data))})
    pieces = [bytes(data[a:b]) for a, b in pairwise(cuts)]
    head, rest = pieces[:1], pieces[1:]
    rng.shuffle(rest)
    data[:] = b"".join(head + rest)


_BINARY = [_flip, _number, _number, _number, _real, _cut, _insert, _repeat, _zero, _splice, _shuffle]

VALUES = [
    *("NaN", "Infinity", "-Infinity", "1e308", "-1e308", "1e400", "-1", "0", "4000"),
    *("99999999999999999999", "null", "true", '"12"', '"\\ud800"', '"x"', "[]", "{}", '{"a": [1]}'),
    *("1.5", "9" * 4_000, '"' + "y" * 9_000 + '"', "[" * 3_000 + "]" * 3_000, "[" * 100_000),
]


def mutate_json(text: str, rng: random.Random) -> str:
    """One to four mutations of a JSON text: values, keys, brackets, bytes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        values = list(re.finditer(r'(?<=[:\[,] )[-0-9.e]+|(?<=: )"[^"]*"|(?<=: )\w+', text))
        what = rng.random()
        if what < 0.6 and values:
            found = rng.choice(values)
            text = text[: found.start()] + rng.choice(VALUES) + text[found.end() :]
        elif what < 0.75:
            keys = list(re.finditer(r'"\w+":', text))
            if keys:
                found = rng.choice(keys)
                text = (
                    text[: found.start()] + rng.choice(('"z":', '"start":', '"end_s":')) + text[found.end() :]
                )
        else:
            at = rng.randrange(len(text) + 1)
            piece = rng.choice(("", "{", "}", "[", "]", ",", '"', "\0", "\ufeff", "é", "\\"))
            text = text[:at] + piece + text[at + rng.choice((0, 1, 30)) :]
    return text


def mutate_labels(text: str, rng: random.Random) -> str:
    """One to four mutations of an Audacity label track."""
    lines = text.split("\n")
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(len(lines))
        fields = lines[at].split("\t")
        fields[rng.randrange(len(fields))] = rng.choice(
            [*VALUES, "", "-0.5", "0,25", "1e-9", "\\", "0x10", "١"]
        )
        lines[at] = rng.choice(("\t", "\t", "\t", " ", ",")).join(fields)
    return "\n".join(lines)


# --- one try


class Bench:
    """What the tries of one process share."""

    def __init__(self, seed: int, folder: Path, kind: str | None = None) -> None:
        import typer

        from restore_audio.cli import app

        self.seed = seed
        self.folder = folder
        self.kind = kind
        (folder / "whole").mkdir()
        self.whole = corpus(folder / "whole")
        self.kinds = sorted(self.whole)
        self.good = self.whole["WAV/PCM_16/1"]
        self.weights = weights(folder / "whole" / "w.safetensors").read_bytes()
        self.beside = Beside(self, folder / "beside")
        # A process makes its command once; to make it for each try is a third of the time of all.
        app.build = functools.cache(app.build)
        typer.main.get_command = functools.cache(typer.main.get_command)

    def try_one(self, number: int) -> tuple[str, str | None]:
        """What was tried, and what was wrong with it."""
        rng = random.Random(f"{self.seed}/{number}")
        place = self.folder / "try"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        kinds = {
            "audio": (0.62, self._audio),
            "spans": (0.07, self._spans),
            "labels": (0.05, self._labels),
            "weights": (0.05, self._weights),
            "journal": (0.02, self._journal),
            "zip": (0.03, self._zip),
            "beside": (0.16, self.beside.try_one),
        }
        kinds |= {one.__name__: (0.0, one) for one in self.beside.tries}
        if self.kind is not None:
            return kinds[self.kind][1](rng, place)
        shares = [share for share, _ in kinds.values()]
        return rng.choices(list(kinds.values()), shares)[0][1](rng, place)

    def _broken(self, rng: random.Random) -> tuple[str, str, bytes]:
        """A recording that is none, or an odd one: what it was, its suffix, its bytes."""
        if rng.random() < 0.25:
            made = rng.choice(BUILT)
            suffix, content = made(rng)
            if rng.random() < 0.1:
                content = mutate(content, rng, lambda: self.good.read_bytes())
            return f"built/{made.__name__}", suffix, content
        container = rng.choice(sorted({kind.split("/")[0] for kind in self.kinds}))
        kind = rng.choice([kind for kind in self.kinds if kind.startswith(f"{container}/")])
        whole = self.whole[kind]
        content = whole.read_bytes()
        if container in ("OGG", "MP3", "FLAC", "M4A") and rng.random() < 0.4:
            lies = container == "FLAC" and rng.random() < 0.4
            content = flac_that_lies(rng, content) if lies else at_borders(rng, content)
        else:
            content = mutate(content, rng, lambda: self.whole[rng.choice(self.kinds)].read_bytes())
        others = (".wav", ".au", ".snd", ".gsm", ".mp3", ".m4a")
        return kind, whole.suffix if rng.random() < 0.9 else rng.choice(others), content

    def _audio(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        kind, suffix, broken = self._broken(rng)
        source = place / f"in{suffix}"
        source.write_bytes(broken)
        target = (
            place / f"out{rng.choice((suffix, suffix, '.wav', '.flac', '.mp3', '.ogg', '.caf', '.opus'))}"
        )
        words = ["fix", str(source), "-o", str(target)]
        words += ["--method", "ar"] if rng.random() < 0.8 else []
        words += (
            ["--report", str(place / "r.json"), "--labels", str(place / "l.txt")]
            if rng.random() < 0.3
            else []
        )
        words += ["--removed", str(place / "x.wav")] if rng.random() < 0.2 else []
        words += ["--loudness"] if rng.random() < 0.1 else []
        if rng.random() < 0.15:
            words = ["detect", str(source), "--json"]
        elif rng.random() < 0.05:
            words = ["score", str(source), str(self.good)]
        elif rng.random() < 0.05:
            words = ["damage", str(source), "-o", str(target), "--spans", str(place / "s.json")]
        return f"{kind} {' '.join(words)}", self.run(words, [source], place)

    def _spans(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        spans = [
            {"start": 2_000, "end": 2_060, "start_s": 0.25, "end_s": 0.2575, "channel": 1, "kind": "zeros"},
            {"start_s": 0.1, "end_s": 0.11},
            {"start": 3_000, "end": 3_400, "channel": None},
        ]
        text = json.dumps({"schema_version": 2, "rate_hz": 8_000, "spans": spans})
        path = place / "spans.json"
        path.write_bytes(mutate_json(text, rng).encode("utf-8", "surrogatepass"))
        return self._with_spans(path, rng, place)

    def _labels(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        path = place / "labels.txt"
        text = "0.25\t0.2575\tzeros\n\\\t100\t200\n0.3\t0.35\tgiven\n0.4\t0.41\t\n"
        path.write_bytes(mutate_labels(text, rng).encode("utf-8", "surrogatepass"))
        if rng.random() < 0.2:
            path.write_bytes(mutate(path.read_bytes(), rng, lambda: b"\xff\xfe0\0"))
        return self._with_spans(path, rng, place)

    def _with_spans(self, path: Path, rng: random.Random, place: Path) -> tuple[str, str | None]:
        source = place / "in.wav"
        shutil.copyfile(self.good, source)
        words = ["fix", str(source), "-o", str(place / "out.wav"), "--spans", str(path), "--method", "ar"]
        words += ["--labels", str(place / "l.txt"), "--report", str(place / "r.json")]
        if rng.random() < 0.2:
            words = ["score", str(source), str(self.good), "--spans", str(path), "--json"]
        elif rng.random() < 0.2:
            words = ["damage", str(source), "-o", str(place / "out.wav"), "--replay", str(path)]
        return f"spans {' '.join(words)}", self.run(words, [source, path], place)

    def _weights(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        path, source = place / "w.safetensors", place / "in.wav"
        size = struct.unpack("<Q", self.weights[:8])[0]
        header, body = self.weights[8 : 8 + size].decode(), self.weights[8 + size :]
        if rng.random() < 0.6:
            header = mutate_json(header.replace(":", ": ").replace(",", ", "), rng)
            head = header.encode("utf-8", "surrogatepass")
            content = struct.pack("<Q", len(head)) + head + body
        else:
            content = mutate(self.weights, rng, lambda: self.good.read_bytes())
        path.write_bytes(content)
        shutil.copyfile(self.good, source)
        spans = place / "s.txt"
        spans.write_text("0.2\t0.3\tx\n")
        words = ["fix", str(source), "-o", str(place / "o.wav"), "--spans", str(spans), "--model", str(path)]
        words += ["--method", rng.choice(("auto", "network"))]
        if rng.random() < 0.3:
            words = ["models", "verify", str(path)]
        return f"weights {' '.join(words)}", self.run(words, [source, path], place)

    def _journal(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        source, path = place / "in.wav", place / "journal"
        shutil.copyfile(self.good, source)
        state = source.stat()
        key = [str(source), state.st_size, state.st_mtime_ns]
        lines = [{"making": key, "files": {str(place / "out.wav"): "0" * 64}}, {"done": key}]
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        path.write_bytes(mutate_json(text, rng).encode("utf-8", "surrogatepass"))
        words = ["fix", str(source), "-o", str(place / "out.wav"), "--journal", str(path), "--method", "ar"]
        return f"journal {' '.join(words)}", self.run(words, [source], place)

    def _zip(self, rng: random.Random, place: Path) -> tuple[str, str | None]:
        stream = io.BytesIO()
        names = [
            *("a/b.wav", "c.txt", ".", "", "/x", "..", "a/../../x", "a" * 300, "d/" * 500 + "e"),
            *("C:\\x", "ü", "a"),
        ]
        with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for _ in range(rng.randrange(1, 5)):
                info = zipfile.ZipInfo(rng.choice(names) or "z")
                info.external_attr = rng.choice((0, 0o100644 << 16, 0o120777 << 16))
                archive.writestr(info, b"some words " * 30)
        content = stream.getvalue()
        if rng.random() < 0.8:
            content = mutate(content, rng, lambda: self.good.read_bytes())
        path = place / "x.zip"
        path.write_bytes(content)
        wrong = self._guarded(lambda: _unzip(path, place / "to"))
        outside = [p for p in place.iterdir() if p.name not in ("x.zip", "to")]
        return "zip", wrong or (f"left its folder: {outside}" if outside else None)

    def run(
        self,
        words: list[str],
        sources: list[Path],
        place: Path,
        *,
        several: bool = False,
        hidden: bool = False,
    ) -> str | None:
        """Call the tool and judge what came of it.

        Args:
            words: what it is called with.
            sources: files that must stay as they are.
            place: folder of the try.
            several: it may have a sentence to say of each of several recordings.
            hidden: there were files called like left-overs before.
        """
        from restore_audio.cli import main

        before = [path.read_bytes() for path in sources]
        code: list[int] = []
        wrong = self._guarded(lambda: code.append(main(words)))
        if wrong:
            return wrong
        said = self.said.strip()
        if code[0] not in (0, 1, 2):
            return f"exit code {code[0]}: {said[-500:]}"
        if "please report it" in said or "Traceback" in said:
            return said[-1_500:]
        errors = [line for line in said.splitlines() if line.startswith("restore-audio: ")]
        if code[0] and (
            not (errors if several else len(errors) == 1)
            or len(said) > 2_000
            or (words[0] == "fix" and not several and len(said.splitlines()) > 1)
        ):
            return f"exit code {code[0]} with other than one sentence: {said[-800:]}"
        if not code[0] and (errors or "Warning" in said or "rror:" in said):
            return f"words beside a result: {said[-800:]}"
        if [path.read_bytes() for path in sources] != before:
            return "a source was changed"
        left = left_over(place, sources)
        if left and not hidden:
            return f"left over: {left}"
        made = [p for p in place.iterdir() if p.stem in ("out", "o")]
        if code[0] and made:
            return f"exit code {code[0]}, and yet {made[0].name} is there"
        return _check_opens(made[0]) if made else None

    def _guarded(self, call: Callable[[], object]) -> str | None:
        """Run with everything said kept, also what C libraries say."""
        kept = os.dup(1), os.dup(2)
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as told:
            os.dup2(told.fileno(), 1)
            os.dup2(said.fileno(), 2)
            started, had = time.process_time(), _forget_peak()
            wrong = None
            try:
                call()
            except BaseException as error:
                import traceback

                trace = "".join(traceback.format_exception(error)[-6:])
                wrong = f"{type(error).__name__} came through: {trace[-1_500:]}"
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os.dup2(kept[0], 1)
                os.dup2(kept[1], 2)
                os.close(kept[0])
                os.close(kept[1])
            said.seek(0)
            self.said = said.read(100_000).decode("utf-8", "replace")
        took_s = time.process_time() - started
        if wrong is None and took_s > LIMIT_S:
            wrong = f"took {took_s:.0f} s"
        added = _peak_bytes() - had
        if wrong is None and added > LIMIT_BYTES - PROGRAM_BYTES:
            wrong = f"took {added / 1e6:.0f} MB more than the {had / 1e6:.0f} MB that were there"
        return wrong


def left_over(folder: Path, sources: list[Path]) -> list[str]:
    """Hidden files, but those of recordings whose own names begin with a dot."""
    known = (".lock", *(path.name for path in sources))
    return [path.name for path in folder.rglob(".*") if not path.name.startswith(known)]


def _unzip(path: Path, to: Path) -> None:
    from restore_audio.data.download import unzip
    from restore_audio.errors import RestoreError

    try:
        unzip(path, to)
    except RestoreError as error:
        if len(str(error)) > 2_000:
            raise ValueError("a sentence of more than 2,000 characters") from error


def _check_opens(path: Path) -> str | None:
    from restore_audio.audio.audiofile import read_blocks
    from restore_audio.errors import InputError

    try:
        for _ in read_blocks(path):
            pass
    except InputError as error:
        return f"the result does not open: {error}"
    return None


# --- many tries


def serve(seed: int, kind: str | None) -> None:
    """A process that tries the numbers it is told, until it is told no more."""
    import faulthandler

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    faulthandler.enable()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        bench = Bench(seed, Path(folder), kind)
        answers.write("ready\n")
        for line in sys.stdin:
            what, wrong = bench.try_one(int(line))
            answers.write(json.dumps([int(line), what, wrong]) + "\n")


class Tries:
    """Numbers to try, and what was found."""

    def __init__(self, numbers: list[int], seed: int, kind: str | None = None) -> None:
        self.numbers = numbers[::-1]
        self.seed = seed
        self.kind = kind
        self.findings: list[tuple[int, str, str]] = []
        self.kinds: Counter[str] = Counter()
        self._lock = threading.Lock()

    def work(self) -> None:
        """What one thread does: keep one process busy."""
        process: subprocess.Popen[str] | None = None
        while True:
            with self._lock:
                if not self.numbers:
                    break
                number = self.numbers.pop()
            if process is None or process.poll() is not None:
                process = self._start()
            self._one(process, number)
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def _start(self) -> subprocess.Popen[str]:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RESTORE_AUDIO_THREADS")
        few = dict.fromkeys(names, "1")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.fuzz", "--serve", "--seed", str(self.seed)),
                *(() if self.kind is None else ("--kind", self.kind)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env={**os.environ, **few},
        )
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            assert process.stderr is not None
            print(f"the fuzzer does not start: {process.stderr.read()}", flush=True)
            os._exit(2)
        return process

    def _one(self, process: subprocess.Popen[str], number: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
        except OSError:
            pass
        ready = _answers(process)
        answer = process.stdout.readline() if ready else ""
        if answer.startswith("["):
            _, what, wrong = json.loads(answer)
        elif answer:
            process.kill()
            what, wrong = "?", f"wrote on the terminal: {answer[:500]!r}"
        else:
            process.kill()
            assert process.stderr is not None
            end = process.stderr.read()[-1_500:]
            what, wrong = "?", f"ended the process ({process.wait()}): {end}" if ready else "hangs"
        with self._lock:
            self.kinds[what.split()[0]] += 1
            if wrong is not None:
                self.findings.append((number, what, wrong))
                print(f"\n#{number} {what}\n{wrong}", flush=True)


def _answers(process: subprocess.Popen[str]) -> bool:
    """Wait for an answer, but not for ever: twice the limit on the processor, ``ASLEEP_S`` on the clock."""
    until, most_s = time.monotonic() + ASLEEP_S, _processor_s(process.pid) + 2 * LIMIT_S
    while time.monotonic() < until and _processor_s(process.pid) < most_s:
        if select.select([process.stdout], [], [], 0.5)[0]:
            return True
    return False


def _processor_s(pid: int) -> float:
    """What a process has used of the processor; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def fuzz(numbers: list[int], seed: int, jobs: int, kind: str | None = None) -> Tries:
    """Try all numbers in ``jobs`` processes."""
    tries = Tries(numbers, seed, kind)
    threads = [threading.Thread(target=tries.work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tries


def main() -> int:
    """Parse, try, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, action="append", help="repeat this try")
    parser.add_argument("--keep", type=Path, help="with --only: leave the files of the try there")
    parser.add_argument(
        "--kind", help="only this: audio, spans, labels, weights, journal, zip, beside, report …"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.seed, given.kind)
        return 0
    if given.keep is not None:
        given.keep.mkdir(parents=True)
        print(*Bench(given.seed, given.keep, given.kind).try_one(given.only[0]), sep="\n")
        return 0
    started = time.monotonic()
    tries = fuzz(
        given.only or list(range(given.first, given.first + given.tries)), given.seed, given.jobs, given.kind
    )
    total = sum(tries.kinds.values())
    print(
        f"\n{total} tries of {len(tries.kinds)} kinds, {len(tries.findings)} findings, seed {given.seed}, "
        f"{time.monotonic() - started:.0f} s"
    )
    return int(bool(tries.findings))


if __name__ == "__main__":
    sys.exit(main())
