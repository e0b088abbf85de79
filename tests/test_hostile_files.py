"""Headers that lie, samples beyond measure, weights and spans made to harm: a result or one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from recordings import music
from restore_audio.audio.audiofile import probe, read_audio, read_blocks, rewrite, write_audio
from restore_audio.audio.native import no_library_messages
from restore_audio.audio.random_access import RandomAccess
from restore_audio.errors import InputError, ModelError, OutputError
from restore_audio.fill import fill
from restore_audio.fill.gaps import Prediction
from restore_audio.fill.methods import method_named
from restore_audio.network.checkpoint import load, model_path, read_card
from restore_audio.network.predictor import Inpainter
from restore_audio.spans import Span, parse_spans
from test_audiofile import Part

GUID_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


def w64(path: Path, size: int, subtype: str = "PCM_16", body: bytes = bytes(8)) -> Path:
    """A Wave64 file with a chunk before the samples that says it has ``size`` bytes."""
    soundfile.write(path, music(0.5)[0], 44_100, format="W64", subtype=subtype)
    whole = path.read_bytes()
    at = whole.index(b"data" + GUID_TAIL)
    path.write_bytes(whole[:at] + b"list" + GUID_TAIL + struct.pack("<Q", size) + body + whole[at:])
    return path


@pytest.mark.parametrize("size", [0, 1, 23, 2**63, 2**64 - 24, 2**64 - 1])
@pytest.mark.timeout(20)
def test_a_chunk_of_an_impossible_size_does_not_hang(tmp_path: Path, size: int) -> None:
    source = w64(tmp_path / "in.w64", size)
    with contextlib.suppress(InputError):  # where libsndfile refuses the file as well
        rewrite(source, tmp_path / "out.w64", [Part(1_000, 0, np.zeros(10))])
        assert (tmp_path / "out.w64").stat().st_size == source.stat().st_size


def test_where_libsndfile_overlooks_such_a_chunk_not_a_byte_is_lost(tmp_path: Path) -> None:
    source, target = tmp_path / "in.w64", tmp_path / "out.w64"
    soundfile.write(source, music(0.5)[0], 44_100, format="W64", subtype="DOUBLE")
    whole = bytearray(source.read_bytes())
    at = whole.index(b"fact" + GUID_TAIL)
    whole[at + 16 : at + 24] = struct.pack("<Q", 2**63)
    source.write_bytes(whole)
    rewrite(source, target, [Part(1_000, 0, np.zeros(10))])
    after = target.read_bytes()
    assert len(after) == len(whole)
    assert sum(a != b for a, b in zip(whole, after, strict=True)) <= 80
    np.testing.assert_array_equal(soundfile.read(target)[0][1_000:1_010], 0)


def test_bytes_after_the_samples_stay_although_the_header_is_damaged(tmp_path: Path) -> None:
    source, target = tmp_path / "in.caf", tmp_path / "out.caf"
    soundfile.write(source, music(0.5)[0], 44_100, format="CAF", subtype="PCM_24", endian="LITTLE")
    whole = bytearray(source.read_bytes()) + bytes(range(255)) * 9
    whole[8 + 4 : 8 + 6] = b"\x00\x2e"  # a description of 12,947,848,928,690,208 bytes
    source.write_bytes(whole)
    rewrite(source, target, [Part(100, 0, np.zeros(10))])
    assert target.read_bytes()[-2_000:] == source.read_bytes()[-2_000:]
    assert target.stat().st_size == source.stat().st_size


@pytest.mark.parametrize("suffix", [".au", ".snd", ".vox", ".gsm"])
def test_words_are_no_audio_under_any_suffix(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"letter{suffix}").write_bytes(b"Dear Sir or Madam, " * 700)
    with pytest.raises(InputError, match="not audio"):
        probe(tmp_path / f"letter{suffix}")


TO_LOSSY = """
import sys
from restore_audio.audio.audiofile import rewrite
from restore_audio.errors import OutputError
try:
    rewrite(sys.argv[1], sys.argv[2], [])
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("level", [1e10, 1e37, np.inf, np.nan])
@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".opus"])
def test_a_lossy_encoder_gets_no_samples_that_end_the_process(tmp_path, suffix, level):
    audio = music(0.5, 48_000)
    audio[0, 9_000] = level
    soundfile.write(tmp_path / "in.wav", audio.T, 48_000, subtype="FLOAT")
    target = tmp_path / f"out{suffix}"
    run = subprocess.run(
        [sys.executable, "-c", TO_LOSSY, str(tmp_path / "in.wav"), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert f"out{suffix} cannot hold samples" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".mp3", ".flac"])
def test_a_codec_gets_no_channels_that_end_the_process(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((40, 257)), 8_000)
    with pytest.raises(OutputError, match="257 channel"):
        rewrite(tmp_path / "in.wav", tmp_path / f"out{suffix}", [])
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_a_loud_recording_is_encoded_as_it_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", 20 * music(0.5).T, 44_100, subtype="FLOAT")
    rewrite(tmp_path / "in.wav", tmp_path / "out.mp3", [])
    assert 8 < np.abs(read_audio(tmp_path / "out.mp3")[0]).max() < 12


def test_integer_codings_are_clipped_and_not_wrapped_around(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.full(8_000, 1e10), 8_000, subtype="FLOAT")
    rewrite(tmp_path / "in.wav", tmp_path / "out.au", [])
    soundfile.write(tmp_path / "adpcm.wav", music(1, 8_000).T, 8_000, subtype="IMA_ADPCM")
    rewrite(tmp_path / "adpcm.wav", tmp_path / "out.wav", [Part(4_000, 0, np.full(900, 1e10))])
    after = read_audio(tmp_path / "out.wav")[0][0]
    assert after[4_500:4_800].min() > 0.9


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "FLOAT"), ("a.wav", "DOUBLE"), ("a.aiff", "FLOAT"), ("a.ogg", "VORBIS"), ("a.opus", "OPUS")],
)
def test_the_same_samples_give_the_same_bytes_at_any_time(tmp_path, monkeypatch, name, subtype):
    audio = music(1.0, 48_000, 2)
    write_audio(tmp_path / name, audio, 48_000, subtype=subtype)
    time.sleep(1.05)  # libsndfile's clock counts seconds
    again = tmp_path / f"again{Path(name).suffix}"
    write_audio(again, audio, 48_000, subtype=subtype)
    assert again.read_bytes() == (tmp_path / name).read_bytes()
    kept, _ = read_audio(again)
    assert kept.shape == audio.shape


def test_decoders_write_nothing_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.mp3", music(2.0).T, 44_100)
    whole = bytearray((tmp_path / "a.mp3").read_bytes())
    whole[9_000:9_400] = os.urandom(400)
    for name, content in (
        ("a.mp3", bytes(whole)),
        ("b.mp3", whole[:700] + bytes(90_000)),
        ("c.mp3", b"ID3" + os.urandom(70_000)),
    ):
        (tmp_path / name).write_bytes(content)
        with contextlib.suppress(InputError):
            read_audio(tmp_path / name)
        with contextlib.suppress(InputError), contextlib.closing(RandomAccess(tmp_path / name)) as source:
            source.read(0, 1_000)
    assert capfd.readouterr().err == ""


def test_what_c_libraries_print_reaches_no_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    import ctypes

    if os.name != "posix":
        pytest.skip("the C library is found otherwise here")
    library = ctypes.CDLL(None)
    with no_library_messages():
        library.puts(b"Error A : 40")  # which libsndfile does for some SDS files, held back until much later
    library.fflush(None)
    assert capfd.readouterr() == ("", "")


HEADERS = [
    {"name": "no-such-net"},
    {"width": "16"},
    {"width": -1},
    {"width": 10**9},
    {"width": 16.5},
    {"width": None},
    {"in_channels": 0},
    {"batch_norm_momentum": float("nan")},
]


def changed_weights(
    path: Path, *, network: object = None, training: object = None, **tensors: object
) -> Path:
    with safe_open(model_path("restore"), framework="pt") as file:
        header = dict(file.metadata())
        values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if network is not None:
        header["network"] = network if isinstance(network, str) else json.dumps(network)
    if training is not None:
        header["training"] = training if isinstance(training, str) else json.dumps(training)
    for name, value in tensors.items():
        (full,) = [n for n in values if n.startswith("down.0") and n.endswith(name)]
        values[full][0] = value
    save_file(values, path, metadata=header)
    return path


@pytest.mark.parametrize("change", HEADERS, ids=str)
def test_a_header_that_makes_no_network_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    network = read_card(model_path("restore")).network.to_dict() | change
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        load(changed_weights(tmp_path / "w.safetensors", network=network))


@pytest.mark.parametrize(
    "network", ["[]", "5", "{}", "{", "[" * 100_000, '{"name":' * 5_000, '{"name": "unet"}'], ids=range(7)
)
def test_a_header_that_is_no_object_or_nested_beyond_measure_is_refused(tmp_path: Path, network: str) -> None:
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        load(changed_weights(tmp_path / "w.safetensors", network=network))
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        load(changed_weights(tmp_path / "w.safetensors", training="[" * 100_000))


@pytest.mark.parametrize(
    "training", [{}, {"features": 5}, {"features": {"power": "x"}}, {"features": {"p": 1}}]
)
def test_weights_that_do_not_say_how_to_prepare_are_refused(tmp_path: Path, training: object) -> None:
    path = changed_weights(tmp_path / "w.safetensors", training=training)
    with pytest.raises(ModelError, match=r"w\.safetensors.*prepared"):
        Inpainter.open(path, "restore")


@pytest.mark.parametrize("name", ["running_mean", "running_var", "weight", "bias"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_and_statistics_that_are_no_numbers_are_refused(tmp_path, name, value):
    path = changed_weights(tmp_path / "w.safetensors", **{f"norm.{name}": value})
    with pytest.raises(ModelError, match=f"{name} that cannot be"):
        load(path)


def test_a_negative_variance_is_refused(tmp_path: Path) -> None:
    path = changed_weights(tmp_path / "w.safetensors", **{"norm.running_var": -1.0})
    with pytest.raises(ModelError, match="running_var that cannot be"):
        load(path)


def test_finite_weights_that_overflow_give_a_sentence_and_no_samples(tmp_path: Path) -> None:
    path = changed_weights(tmp_path / "w.safetensors", **{"norm.running_mean": 3e38, "norm.weight": 3e38})
    network = Inpainter.open(path, "restore")
    patches = np.ones((1, 1, 128, 128))
    with pytest.raises(ModelError, match="not numbers"):
        network.restore_magnitudes(patches, np.zeros((1, 128)))
    assert torch.isfinite(next(load(path)[0].parameters())).all()


HARMFUL_SPANS = [
    "nan\t1.0\tx",
    "0.1\tinf\tx",
    '{"spans": [{"start_s": NaN, "end_s": 1}]}',
    '{"spans": [{"start_s": 0, "end_s": Infinity}]}',
    '{"spans": [{"start": 1e400, "end": 2}]}',
    '{"spans": 5}',
    '{"spans": [[]]}',
    "[" * 100_000,
    '{"spans": ' * 20_000,
    '[{"start": 5, "end": 5}]',
    '[{"start": -1e308, "end": -5}]',
    '[{"start": 0, "end": 9, "channel": 1e300}]',
    '[{"start": 0, "end": 9, "channel": ' + "9" * 4_000 + "}]",
]


@pytest.mark.parametrize("text", HARMFUL_SPANS, ids=lambda text: text[:30])
def test_spans_that_cannot_be_are_refused_in_a_short_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"s\.json") as caught:
        parse_spans(text, rate_hz=8_000, channels=2, length_samples=9_000, name="s.json")
    assert len(str(caught.value)) < 500


def test_spans_that_reach_beyond_the_recording_are_cut_however_far() -> None:
    texts = (
        "0.5\t1e308\tx",
        '[{"start_s": 0.5, "end_s": 1e308}]',
        '[{"start": 4000, "end": 1e308}]',
        '[{"start": 4000, "end_s": 1e308, "start_s": 1, "end": 9000, "kind": {"a": "\\ud800"}}]',
    )
    for text in texts:
        spans = parse_spans(text, rate_hz=8_000, channels=1, length_samples=9_000, name="s.json")
        assert spans == [Span(4_000, 9_000, 0, "given")]


def test_the_error_expected_beside_samples_beyond_measure_is_a_number(monkeypatch):
    monkeypatch.setattr(
        fill, "load_fill", lambda _: lambda gap: Prediction(np.full(gap.length, 1e-150), expected_error=1e20)
    )
    _, spans = fill.fill_spans(music(0.5), [Span(9_000, 9_010, 0)], 44_100, method=method_named("ar"))
    assert spans[0].expected_error_db == pytest.approx(3190)


@pytest.mark.parametrize("level", [1e-200, 1e160, 1e300])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_samples_beyond_measure_are_predicted(level: float) -> None:
    audio = level * music(0.5)
    filled, spans = fill.fill_spans(audio, [Span(9_000, 9_010, 0)], 44_100, method=method_named("ar"))
    assert np.abs(filled - audio).max() < level
    assert spans[0].filled


def test_a_thousand_channels_are_read_in_blocks_that_fit_into_memory(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    frames = np.arange(4_500, dtype=np.int16)
    soundfile.write(source, np.repeat(frames[:, None], 1_024, axis=1), 8_000)
    blocks = list(read_blocks(source))
    assert max(block.size for block in blocks) <= 1 << 22
    assert np.array_equal(np.concatenate(blocks, axis=1)[-1], frames / 32_768)
