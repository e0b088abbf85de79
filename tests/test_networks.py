"""The networks are the paper's and those it meant to try, and their weights travel safely."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from restore_audio.errors import ModelError
from restore_audio.network.axial import LEVEL, AxialAttention
from restore_audio.network.checkpoint import ModelCard, load, model_path, read_card, save
from restore_audio.network.features import (
    finish_paper,
    finish_restore,
    interpolate_frames,
    prepare_paper,
    prepare_restore,
)
from restore_audio.network.maps import FeatureSettings, prepare
from restore_audio.network.networks import NETWORKS, NetworkSettings, build, create
from restore_audio.network.plain import PlainUNet, open_plain
from restore_audio.network.predictor import Inpainter
from restore_audio.network.unet import ConvBlock, UNet, UpConv, parameter_count

PATCHES = [name for name, architecture in NETWORKS.items() if "paper" in architecture.tasks]
"""Networks of magnitude patches; the others are in test_related.py."""


def conv(channels: int, filters: int, size: int = 3) -> int:
    return channels * filters * size * size + filters


def block(channels: int, filters: int) -> int:
    return conv(channels, filters) + 2 * filters


def count_by_hand(name: str, width: int, in_channels: int) -> int:
    """The paper's Figures 3 to 5, and what we add to them, layer by layer."""
    if name == "res-unet-v2-cascade":
        each = round(width / 2**0.5)
        return sum(count_by_hand("res-unet-v2", each, maps) for maps in (in_channels, in_channels + 1))
    strided, attention, additive = (
        getattr(NETWORKS[name], switch) for switch in ("strided", "attention", "additive")
    )
    f = [width, 2 * width, 4 * width, 8 * width, 16 * width]
    total = block(in_channels, f[0]) + sum(block(a, b) for a, b in pairwise(f))
    if strided:
        total += sum(block(n, n) for n in f)
    total += block(f[4], 2 * f[4])
    total += sum(conv(2 * n, n) + block(n if additive else 2 * n, n) for n in f)
    if name == "res-unet-v2-axial":
        n = 8 * width
        total += 2 * conv(n, 3 * n // 4, 1) + conv(n // 2, n, 1) + n
    if attention:
        total += sum(2 * conv(n, n, 1) + conv(n, 1, 1) for n in f)
    return total + conv(f[0], 1)


@pytest.mark.parametrize("name", PATCHES)
@pytest.mark.parametrize(("width", "in_channels"), [(32, 1), (16, 4)])
def test_parameter_counts_are_those_derived_by_hand(name: str, width: int, in_channels: int) -> None:
    with torch.device("meta"):
        network = create(NetworkSettings(name, width, in_channels))
    assert parameter_count(network) == count_by_hand(name, width, in_channels)


def test_res_u_net_v2_has_the_papers_22_million_parameters() -> None:
    with torch.device("meta"):
        assert parameter_count(UNet(NetworkSettings("res-unet-v2", 32, 1))) == 22_012_161


@pytest.mark.parametrize("name", PATCHES)
def test_patches_keep_their_size_whatever_it_is(name: str) -> None:
    network = build(NetworkSettings(name, 4)).eval()
    for size in ((128, 128), (384, 256), (32, 64)):
        assert network(torch.rand(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("name", PATCHES)
def test_every_weight_learns(name: str) -> None:
    torch.manual_seed(1)  # a first stage may answer nothing but zeros, by chance
    network = build(NetworkSettings(name, 4, 2))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # gains that begin at zero hide what stands before them
    network(torch.rand(2, 2, 64, 64)).square().mean().backward()
    dead = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A bias before a batch normalisation is taken off by it: its gradient is rounding.
    assert not [n for n in dead if not n.endswith("conv.bias")]


@pytest.mark.parametrize("name", PATCHES)
def test_weights_of_every_network_come_back(name: str, tmp_path: Path) -> None:
    network = build(NetworkSettings(name, 2)).eval()
    save(tmp_path / "w.safetensors", network, ModelCard(network.settings, "paper"), half=False)
    x = torch.rand(1, 1, 64, 32)
    torch.testing.assert_close(load(tmp_path / "w.safetensors")[0](x), network(x))


@pytest.mark.parametrize("name", PATCHES)
def test_the_global_residual_subtracts_from_the_first_map(name: str) -> None:
    network = build(NetworkSettings(name, 4, in_channels=3)).eval()
    for part in network.modules():
        if isinstance(part, UNet):
            torch.nn.init.zeros_(part.last.weight)
    x = torch.rand(1, 3, 128, 128)
    expected = x[:, :1] if name.find("res-") >= 0 else torch.zeros(1, 1, 128, 128)
    torch.testing.assert_close(network(x), expected)


def test_attention_reaches_every_frame_of_a_band_and_every_band_of_a_frame_and_nothing_else() -> None:
    layer = AxialAttention(8)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(1, 8, 6, 9, requires_grad=True)
    layer(x)[0, :, 2, 4].sum().backward()
    reached = x.grad[0].abs().sum(dim=0) > 0
    assert reached.all()  # by the weights, which compare whole frames and whole bands
    fixed = x.detach().clone()
    fixed[..., :] = fixed[..., :1]  # frames alike: whichever is looked at, the same is found
    answer = layer(fixed)
    torch.testing.assert_close(answer, answer[..., :1].expand_as(answer))


def test_attention_begins_as_if_it_were_not_there() -> None:
    with_attention, without = (
        build(NetworkSettings(n, 2)).eval() for n in ("res-unet-v2-axial", "res-unet-v2")
    )
    states = {
        name.replace(f"down.{LEVEL}.0.", f"down.{LEVEL}."): t
        for name, t in with_attention.state_dict().items()
    }
    without.load_state_dict({name: states[name] for name in without.state_dict()})
    x = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(with_attention(x), without(x))


def test_the_second_stage_corrects_the_first() -> None:
    network = build(NetworkSettings("res-unet-v2-cascade", 4, 2)).eval()
    torch.nn.init.zeros_(network.second.last.weight)
    x = torch.rand(1, 2, 64, 64)
    torch.testing.assert_close(network(x), network.first(x))


def test_strided_convolution_pads_like_the_original() -> None:
    """TensorFlow's "same" pads an even input only after its end: output i sees inputs 2i, 2i+1, 2i+2."""
    layer = ConvBlock(1, 1, 2, 0.01).eval()
    torch.nn.init.zeros_(layer.conv.weight)
    layer.conv.weight.data[0, 0, 0, 0] = 1.0
    torch.nn.init.zeros_(layer.conv.bias)
    x = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(layer(x), x[..., ::2, ::2] / np.sqrt(1.001))


def test_transposed_convolution_crops_like_the_original() -> None:
    """It is the gradient of the strided "same" convolution, so only the end is cropped."""
    layer = UpConv(1, 1).eval()
    torch.nn.init.zeros_(layer.conv.bias)
    torch.nn.init.uniform_(layer.conv.weight, 0, 1)
    x = torch.rand(1, 1, 4, 4)
    probe = torch.zeros(1, 1, 8, 8, requires_grad=True)
    strided = F.conv2d(F.pad(probe, (0, 1, 0, 1)), layer.conv.weight, stride=2)
    strided.backward(x)
    torch.testing.assert_close(layer(x), probe.grad)


def test_gradients_of_joined_maps_are_those_of_cat_and_lie_densely() -> None:
    from restore_audio.network import cpu_bf16

    torch.manual_seed(0)
    weight, found = torch.randn(1, 6, 4, 4), []
    for join in (cpu_bf16.joined, lambda one, other: torch.cat([one, other], dim=1)):
        maps = [torch.ones(1, 3, 4, 4, dtype=torch.bfloat16, requires_grad=True) for _ in range(2)]
        strides = []
        for one in maps:
            one.register_hook(lambda gradient, strides=strides: strides.append(gradient.stride()[2:]))
        with torch.autocast("cpu", torch.bfloat16):
            (join(*maps) * weight.bfloat16()).sum().backward()
        found.append([one.grad for one in maps])
        if join is cpu_bf16.joined:
            assert strides == [(12, 3), (12, 3)]  # channels last
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_in_bfloat16_the_transposed_convolution_and_its_gradients_are_pytorchs() -> None:
    """On CPU it takes another way there, which must lead to the same place."""
    generator = torch.Generator().manual_seed(0)
    layer = UpConv(8, 4).to(memory_format=torch.channels_last)
    torch.nn.init.normal_(layer.conv.weight, generator=generator)
    torch.nn.init.normal_(layer.conv.bias, generator=generator)
    x = torch.randn(2, 8, 6, 10, generator=generator).contiguous(memory_format=torch.channels_last)
    # Where rounding decides on which side of zero a value falls, the two ways may differ: not asked for.
    clear = layer.conv(x).detach()[..., :-1, :-1].abs() > 0.1
    assert clear.float().mean() > 0.9
    probe = torch.randn(2, 4, 12, 20, generator=generator) * clear

    def pytorchs(given: torch.Tensor) -> torch.Tensor:
        return F.relu(layer.conv(given)[..., :-1, :-1])

    values = []
    for forward in (pytorchs, layer):
        layer.zero_grad()
        given = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = forward(given)
        assert y.dtype is torch.bfloat16
        (y.float() * probe).sum().backward()
        gradients = (given.grad, layer.conv.weight.grad, layer.conv.bias.grad)
        values.append([y.detach().float(), *(g.float() for g in gradients if g is not None)])
    assert len(values[1]) == 4
    for theirs, ours in zip(*values, strict=True):
        assert (theirs - ours).norm() < 0.01 * theirs.norm()


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (build(NetworkSettings(width=4), seed) for seed in (0, 0, 1))
    assert torch.equal(first.middle.conv.weight, second.middle.conv.weight)
    assert not torch.equal(first.middle.conv.weight, other.middle.conv.weight)


def test_weights_come_back_with_their_card(tmp_path: Path) -> None:
    network = build(NetworkSettings("attention-res-unet", 4)).eval()
    card = ModelCard(network.settings, "paper", {"data": "noise", "features": {}}, {"psnr_db": 1.5})
    save(tmp_path / "w.safetensors", network, card)
    loaded, read = load(tmp_path / "w.safetensors")
    assert read == card == read_card(tmp_path / "w.safetensors")
    x = torch.rand(1, 1, 128, 128)
    torch.testing.assert_close(loaded(x), network(x), rtol=0.05, atol=0.02)
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_corrupted_missing_and_foreign_weights_are_refused_with_a_sentence(tmp_path: Path) -> None:
    network = build(NetworkSettings(width=4))
    path = tmp_path / "w.safetensors"
    save(path, network, ModelCard(network.settings, "paper"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"w\.safetensors"):
        load(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="cannot be read"):
        load(path)
    with pytest.raises(ModelError, match="shipped"):
        model_path("no-such-weights")
    with pytest.raises(ModelError, match="no weights at"):
        model_path(str(tmp_path / "none.safetensors"))
    save(path, network, ModelCard(NetworkSettings(width=8), "paper"))
    with pytest.raises(ModelError, match="damaged"):
        load(path)
    save(path, network, ModelCard(network.settings, "paper"))
    with pytest.raises(ModelError, match="task 'paper'"):
        Inpainter.open(path, "restore")


def test_a_straight_line_across_lost_frames() -> None:
    magnitudes = torch.tensor([[[2.0, 0.0, 0.0, 5.0, 0.0]]])
    known = torch.tensor([[[True, False, False, True, False]]])
    torch.testing.assert_close(
        interpolate_frames(magnitudes, known), torch.tensor([[[2.0, 3.0, 4.0, 5.0, 5.0]]])
    )
    nothing_known = torch.zeros_like(known)
    torch.testing.assert_close(interpolate_frames(magnitudes, nothing_known), magnitudes)


@pytest.mark.parametrize("level", ["patch", "global"])
@pytest.mark.parametrize("power", [1.0, 0.5])
def test_preparing_and_finishing_a_patch_are_inverse(level: str, power: float) -> None:
    damaged = torch.rand(3, 128, 128) * 50
    damaged[:, :, 20:40] = 0
    given = prepare_paper(damaged, FeatureSettings(level=level, power=power))  # type: ignore[arg-type]
    torch.testing.assert_close(finish_paper(given.features, given), damaged, rtol=1e-4, atol=1e-3)


def test_with_prefill_surviving_frames_stay_as_they_are() -> None:
    damaged = torch.rand(1, 128, 128) + 0.1
    damaged[:, :, 50:60] = 0
    given = prepare_paper(damaged, FeatureSettings(prefill="linear"))
    answer = finish_paper(torch.full((1, 1, 128, 128), 3.0), given)
    assert torch.equal(answer[:, :, :50], damaged[:, :, :50])
    assert torch.equal(answer[:, :, 60:], damaged[:, :, 60:])
    assert (answer[:, :, 50:60] != damaged[:, :, 50:60]).all()


def test_quiet_music_looks_like_loud_music_to_the_network() -> None:
    loud = torch.rand(1, 128, 128) + 0.1
    loud[:, :, 50:60] = 0
    for settings in (FeatureSettings(), FeatureSettings(prefill="linear")):
        a, b = prepare_paper(loud, settings), prepare_paper(loud / 1000, settings)
        torch.testing.assert_close(a.features, b.features)
    known = torch.ones(1, 128)
    known[:, 50:60] = 0
    a, b = (prepare_restore(x, known, torch.zeros(1), 0.3) for x in (loud + 0.01, loud / 1000 + 1e-5))
    torch.testing.assert_close(a.features, b.features, rtol=1e-3, atol=1e-3)


def test_the_restore_task_is_inverse_too() -> None:
    filled = torch.rand(2, 128, 128) + 0.01
    given = prepare_restore(filled, torch.ones(2, 128), torch.tensor([0, 2]), 0.3)
    torch.testing.assert_close(finish_restore(given.features[:, :1], given), filled, rtol=1e-4, atol=1e-4)
    assert given.features[1, 3].unique().item() == pytest.approx(2 / 3)


PLAIN = [name for name, architecture in NETWORKS.items() if architecture.cls == NETWORKS["unet"].cls]


def with_statistics(network: UNet) -> UNet:
    """The network as if it had been trained: its normalisation and biases are not those of the start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, values in network.state_dict().items():
            if values.dim() == 1:
                values.copy_(torch.rand(values.shape, generator=generator) + 0.1 * ("running_var" in name))
    return network.eval()


@pytest.mark.parametrize("name", PLAIN)
def test_without_pytorch_the_same_is_predicted(name: str, tmp_path: Path) -> None:
    network = with_statistics(build(NetworkSettings(name, 4, 3)))
    save(tmp_path / "w.safetensors", network, ModelCard(network.settings, "restore"), half=False)
    plain = open_plain(tmp_path / "w.safetensors", network.settings)
    assert plain is not None
    maps = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        wanted = network(maps).numpy()
    largest = np.abs(wanted).max()
    assert np.abs(plain(maps.numpy()) - wanted).max() < 1e-5 * largest
    for first, last in ((0, 1), (95, 96), (30, 51), (31, 32), (2, 90)):
        some = plain(maps.numpy(), first, last)[..., first:last]
        assert np.abs(some - wanted[..., first:last]).max() < 1e-5 * largest


def test_weights_that_are_not_those_of_a_plain_network_are_left_to_pytorch(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    axial = build(NetworkSettings("res-unet-v2-axial", 4, 4))
    save(path, axial, ModelCard(axial.settings, "restore"))
    assert open_plain(path, axial.settings) is None
    network = build(NetworkSettings(width=4, in_channels=4))
    arrays = {name: values.numpy().copy() for name, values in network.state_dict().items()}
    PlainUNet(network.settings, arrays)
    for name, values in (
        ("more", np.ones(3)),
        ("last.weight", np.ones(3)),
        ("last.bias", np.array([np.nan])),
    ):
        with pytest.raises(ValueError, match=r"weights"):
            PlainUNet(network.settings, arrays | {name: values})
    with pytest.raises(ValueError, match="negative"):
        PlainUNet(network.settings, arrays | {"middle.norm.running_var": np.full(128, -1.0)})


def test_predictions_and_training_prepare_the_same_maps() -> None:
    filled = torch.rand(3, 256, 128) ** 4
    known = (torch.rand(3, 128) > 0.2).float()
    known[2] = 0.0
    tile = torch.tensor([0, 1, 0])
    wanted = prepare_restore(filled, known, tile, 0.3)
    given = prepare(filled.numpy(), known.numpy(), tile.numpy(), 0.3)
    np.testing.assert_allclose(given.values, wanted.features.numpy(), rtol=1e-4, atol=1e-5)
    answer = torch.rand(3, 1, 256, 128) - 0.1
    restored = finish_restore(answer, wanted).numpy()
    np.testing.assert_allclose(given.magnitudes(answer.numpy()), restored, rtol=1e-4, atol=1e-6)
