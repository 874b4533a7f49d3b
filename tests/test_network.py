"""MR-Net: `released` equals the authors' network, `paper` follows the paper and has none of the release's traps."""

from functools import lru_cache

import numpy as np
import parity
import pytest
import torch
from torch import nn

from mrnet.blocks import NonLocalBlock
from mrnet.network import MRNet

ATOL = RTOL = 1e-4
FIXTURES = tuple(parity.sheets())
SMALL_WIDTH = 4


def released(fixture):
    _, dataset, variant = fixture.split("_")
    return MRNet.released(
        parity.POSE_CHANNELS[dataset],
        passes=1 if variant == "r1" else 3,
        non_local=variant != "nonl",
        two_path=variant != "single",
    )


@lru_cache(maxsize=1)
def outputs(fixture):
    network = parity.fill(released(fixture)).eval()
    with torch.inference_mode():
        return [image.numpy() for image in network(*parity.inputs(fixture.split("_")[1])[:4])]


def conditions(size_px, pose_channels=2, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def uniform(channels):
        return torch.rand((batch, channels, *size_px), generator=generator)

    mask = (uniform(1) < 0.3).float()
    image = 2 * uniform(3) - 1
    return (uniform(pose_channels) < 0.05).float(), image * mask, image * (1 - mask), mask


@pytest.mark.parametrize("fixture", FIXTURES)
def test_released_has_the_authors_parameter_names_and_shapes(fixture):
    state = released(fixture).state_dict()
    assert {name: list(value.shape) for name, value in state.items()} == parity.sheets()[fixture]["state_dict"]


@pytest.mark.parametrize("fixture", FIXTURES)
def test_released_computes_the_authors_function(fixture):
    images = outputs(fixture)
    statistics = parity.sheets()[fixture]["outputs"]
    assert len(images) == len(statistics)
    with np.load(parity.REFERENCE / "mrnet.npz") as thinned:
        for number, (image, whole) in enumerate(zip(images, statistics, strict=True)):
            np.testing.assert_allclose(image[..., ::4, ::4], thinned[f"{fixture}/out{number}"], rtol=RTOL, atol=ATOL)
            measured = image.mean(dtype=np.float64), image.std(dtype=np.float64), np.abs(image).sum(dtype=np.float64)
            assert measured == pytest.approx([whole[key] for key in ("mean", "std", "abs_sum")], rel=1e-4, abs=1e-5)
    if parity.FULL.is_dir():
        with np.load(parity.FULL / f"{fixture}.npz") as full:
            for number, image in enumerate(images):
                np.testing.assert_allclose(image, full[f"out{number}"], rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("size_px", [(32, 32), (48, 48), (64, 64), (128, 128), (128, 64)])
@pytest.mark.parametrize("two_path", [True, False])
def test_paper_takes_any_multiple_of_16_from_32(size_px, two_path):
    network = MRNet.paper(2, two_path=two_path, width=SMALL_WIDTH).train()
    images = network(*conditions(size_px, batch=1))
    assert [image.shape for image in images] == [(1, 3, *size_px)] * 3
    assert all(image.abs().max() <= 1 for image in images)


@pytest.mark.parametrize("size_px", [(48, 48), (64, 48), (128, 64)])
def test_released_takes_any_multiple_of_16_from_48(size_px):
    with torch.inference_mode():
        assert MRNet.released(2, passes=1).eval()(*conditions(size_px))[0].shape == (2, 3, *size_px)


@pytest.mark.parametrize(
    ("network", "size_px"),
    [
        (MRNet.paper(2, width=SMALL_WIDTH), (16, 32)),
        (MRNet.paper(2, width=SMALL_WIDTH), (72, 64)),
        (MRNet.released(2), (48, 32)),
    ],
)
def test_a_size_the_network_cannot_take_is_an_error_that_names_both(network, size_px):
    with pytest.raises(ValueError, match=rf"at least {network.min_size_px} px.*got {size_px[0]}×{size_px[1]}"):
        network(*conditions(size_px))


def test_no_pass_and_an_odd_width_are_errors():
    with pytest.raises(ValueError, match="passes=0"):
        MRNet.paper(2, passes=0)
    with pytest.raises(ValueError, match="got 3"):
        MRNet.paper(2, width=3)


def spelled(network, parts, size_px=(64, 64)):
    """The layers of the named parts in the order they run, in the paper's notation."""
    words = []

    def word(module, _, output):
        if isinstance(module, nn.Conv2d):
            dilation = f"D{module.dilation[0]}" if module.dilation[0] > 1 else ""
            words.append(f"K{module.kernel_size[0]}{dilation}C{module.out_channels}")
        elif isinstance(module, NonLocalBlock):
            del words[-4:]  # its own four 1×1 convolutions
            words.append(f"NL{output.shape[1]}")
        else:
            words.append({nn.MaxPool2d: "Down", nn.Upsample: "Up2"}[type(module)])

    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Upsample, NonLocalBlock)
    hooks = [
        module.register_forward_hook(word)
        for part in parts
        for module in network.get_submodule(part).modules()
        if isinstance(module, kinds)
    ]
    with torch.inference_mode():
        network.eval()(*conditions(size_px))
    for hook in hooks:
        hook.remove()
    return " - ".join(words)


def test_paper_lists_the_layers_the_paper_lists():
    network = MRNet.paper(2, passes=1)
    encoder = "K5C32 - Down - K5C32 - K5C64 - Down - K5C64 - K5C128 - Down - K5C128 - K5C256 - Down - K5C256"
    assert spelled(network, ["encoder_conv.pose_enc"]) == encoder
    assert spelled(network, ["encoder_conv.fore_enc"]) == encoder
    background = "K5C32 - K5C64 - Down - K3D2C64 - K3D4C64 - K3D8C64 - K5C128 - Down"  # Up(H/4×W/4): nothing left to do
    assert spelled(network, ["background_encoder"]) == background
    # the last two are exchanged: see docs/decisions.md
    decoder = "K1C256 - K5C128 - Up2 - NL128 - K5C128 - K5C64 - Up2 - NL64 - K5C64 - K5C32 - Up2 - K5C32 - Up2 - K5C3"
    assert spelled(network, ["encoder_conv.conv", "decoder_conv"]) == decoder


def test_width_scales_every_channel_number():
    def inner(width):
        network = MRNet.paper(2, width=width)
        return [m.out_channels for m in network.modules() if isinstance(m, nn.Conv2d) and m.out_channels != 3]

    assert inner(16) == [channels // 2 for channels in inner(32)]


def test_the_person_is_encoded_once_and_each_pass_replaces_the_background():
    network = MRNet.paper(2, width=SMALL_WIDTH).eval()
    seen, encoded = [], []
    network.background_encoder.register_forward_hook(lambda module, given, output: seen.append(given))
    network.encoder_conv.register_forward_hook(lambda module, given, output: encoded.append(given))
    pose, person, background, mask = conditions((32, 32))
    images = network(pose, person, background, mask)
    assert len(encoded) == 1
    for (given, given_mask), expected in zip(seen, [background, *images[:-1]], strict=True):
        assert given is expected
        assert given_mask is mask


def test_gradients_flow_through_all_passes():
    network = MRNet.paper(2, width=SMALL_WIDTH).train()
    images = network(*conditions((32, 32)))
    images[0].retain_grad()
    images[-1].square().mean().backward()
    assert images[0].grad.abs().sum() > 0


@pytest.mark.parametrize("build", [lambda: MRNet.paper(2, width=SMALL_WIDTH), lambda: MRNet.released(2, passes=1)])
def test_an_image_does_not_depend_on_its_batch_or_memory_format(build):
    torch.manual_seed(0)
    network = build().eval()
    given = conditions((48, 48), batch=3)
    with torch.inference_mode():
        together = network(*given)[-1]
        alone = torch.cat([network(*(part[i : i + 1] for part in given))[-1] for i in range(3)])
        network.to(memory_format=torch.channels_last)
        last = network(*(part.contiguous(memory_format=torch.channels_last) for part in given))[-1]
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(last, together, rtol=1e-4, atol=1e-5)


def train_steps(network, steps=3):
    pose, person, background, mask = conditions((48, 48))
    target = person.roll(8, dims=-1)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        sum((image - target).square().mean() for image in network(pose, person, background, mask)).backward()
        optimizer.step()


def non_local_parameters(network):
    return {name: value for name, value in network.named_parameters() if "nonlocal" in name}


def test_non_local_blocks_learn():
    torch.manual_seed(0)
    network = MRNet.paper(2, width=8)
    before = {name: value.detach().clone() for name, value in non_local_parameters(network).items()}
    train_steps(network)
    # φ's bias is constant under the softmax, those of g and W are taken off by the batch norm: no gradient is right
    idle = ("guide_attn_conv.bias", ".src_conv.bias", "output_conv.0.bias")
    for name, value in non_local_parameters(network).items():
        if not name.endswith(idle):
            assert value.grad.abs().max() > 1e-9, name
            assert not torch.equal(value, before[name]), name


def test_released_non_local_blocks_never_learn():
    torch.manual_seed(0)
    network = MRNet.released(2, passes=1)
    before = {name: value.detach().clone() for name, value in non_local_parameters(network).items()}
    train_steps(network)
    for name, value in non_local_parameters(network).items():
        assert torch.count_nonzero(value.grad) == 0, name
        assert torch.equal(value, before[name]), name


def test_non_local_block_starts_as_identity_and_equals_the_written_formula():
    torch.manual_seed(0)
    block = NonLocalBlock(8, relu_behind=False).eval()
    x = torch.randn(2, 8, 4, 6)
    torch.testing.assert_close(block(x), x)
    nn.init.normal_(block.output_conv[1].weight)
    theta, phi, g = (conv(x).flatten(2) for conv in (block.src_attn_conv, block.guide_attn_conv, block.src_conv))
    attention = (theta.transpose(1, 2) @ phi).softmax(dim=2)  # (B, N, N): row i over all positions j
    attended = (attention @ g.transpose(1, 2)).transpose(1, 2).unflatten(2, (4, 6))
    torch.testing.assert_close(block(x), x + block.output_conv(attended))


def dilated_sizes(network, size_px):
    sizes = []
    for name in ("conv2", "di_conv1", "di_conv2", "di_conv3"):
        unit = network.background_encoder.get_submodule(name)
        unit.register_forward_hook(lambda module, given, output: sizes.append(tuple(output.shape[-2:])))
    with torch.inference_mode():
        network.eval()(*conditions(size_px))
    return sizes


def test_dilated_convolutions_keep_the_size_and_the_released_ones_do_not():
    assert dilated_sizes(MRNet.paper(2, passes=1, width=SMALL_WIDTH), (128, 64)) == [(64, 32)] * 4
    assert dilated_sizes(MRNet.released(2, passes=1), (128, 64)) == [(64, 32), (62, 30), (56, 24), (42, 10)]
