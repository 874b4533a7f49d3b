"""Shared layers and adversarial losses: shapes, indices, biases, start weights; every value against plain formulas."""

import math

import parity
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from methods.adversarial import cross_entropy, least_squares
from methods.layers import (
    NORMS,
    ResidualBlock,
    biased,
    encoder,
    normal_start,
    padded,
    patch_discriminator,
    residual_branch,
    to_image,
    up,
)

PN_GAN_STRIDES, PN_GAN_PADDINGS = (2, 2, 2, 1, 1), (1, 1, 1, 0, 0)
GUIDED_STRIDES, GUIDED_PADDINGS = (2, 2, 2, 1, 1), (1, 1, 1, 1, 1)
EPS = 1e-5

both_norms = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS)


@pytest.fixture(autouse=True)
def same_start_weights():
    torch.manual_seed(0)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def convolutions(layers):
    """Index → convolution."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return {index: layer for index, layer in enumerate(layers) if isinstance(layer, kinds)}


def normalised(x, axes):
    mean, variance = x.mean(dim=axes, keepdim=True), x.var(dim=axes, keepdim=True, unbiased=False)
    return (x - mean) / (variance + EPS).sqrt()


def as_trained(norm, x):
    """A norm that has just been made, in training: over the batch too, or over each map alone."""
    return normalised(x, (0, 2, 3) if norm is nn.BatchNorm2d else (2, 3))


def reflected(x, conv):
    return F.conv2d(F.pad(x, [conv.kernel_size[0] // 2] * 4, mode="reflect"), conv.weight, conv.bias)


def close(one, other):
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_convolutions_have_a_bias_before_an_instance_norm_and_none_before_a_batch_norm():
    assert biased(nn.InstanceNorm2d) is True
    assert biased(nn.BatchNorm2d) is False


@pytest.mark.parametrize(("kernel", "bias"), [(3, True), (7, False)])
def test_padding_reflects_and_keeps_the_size(kernel, bias):
    pad, conv = padded(2, 5, kernel, bias)
    assert (conv.bias is not None) == bias
    x = drawn(1, 2, 9, 8)
    out = conv(pad(x))
    assert out.shape == (1, 5, 9, 8)
    assert close(out, reflected(x, conv))


@both_norms
def test_the_encoder_quarters_the_size_and_computes_what_it_says(norm):
    layers = encoder(3, 4, norm)
    convs = convolutions(layers)
    assert list(convs) == [1, 4, 7]
    assert [tuple(conv.weight.shape) for conv in convs.values()] == [(4, 3, 7, 7), (8, 4, 3, 3), (16, 8, 3, 3)]
    assert all((conv.bias is not None) == biased(norm) for conv in convs.values())
    image = drawn(2, 3, 16, 12)
    x = F.relu(as_trained(norm, reflected(image, convs[1])))
    for conv in (convs[4], convs[7]):
        x = F.relu(as_trained(norm, F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)))
    out = layers(image)
    assert out.shape == (2, 16, 4, 3)
    assert close(out, x)


@both_norms
def test_up_doubles_the_size_and_halves_the_channels(norm):
    layers = up(6, norm)
    (index,) = convolutions(layers)
    conv = layers[index]
    assert index == 0 and (conv.bias is not None) == biased(norm)
    x = drawn(2, 6, 5, 4)
    transposed = F.conv_transpose2d(x, conv.weight, conv.bias, stride=2, padding=1, output_padding=1)
    out = nn.Sequential(*layers)(x)
    assert out.shape == (2, 3, 10, 8)
    assert close(out, F.relu(as_trained(norm, transposed)))


@pytest.mark.parametrize("bias", [True, False])
def test_to_image_is_a_convolution_and_tanh(bias):
    layers = to_image(4, bias)
    (index,) = convolutions(layers)
    conv = layers[index]
    assert index == 1 and conv.weight.shape == (3, 4, 7, 7) and (conv.bias is not None) == bias
    x = drawn(2, 4, 8, 6)
    assert close(nn.Sequential(*layers)(x), reflected(x, conv).tanh())


@both_norms
@pytest.mark.parametrize(("dropout", "indices"), [(0.0, [1, 5]), (0.5, [1, 6])])
def test_residual_blocks_add_their_branch_and_nothing_stands_behind_the_sum(norm, dropout, indices):
    block = ResidualBlock(4, norm, dropout)
    convs = convolutions(block.conv_block)
    assert list(convs) == indices
    assert all((conv.bias is not None) == biased(norm) for conv in convs.values())
    drops = [layer.p for layer in block.conv_block if isinstance(layer, nn.Dropout)]
    assert drops == ([dropout] if dropout else [])
    for layer in block.conv_block:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    x = drawn(2, 4, 6, 5)
    first, second = convs.values()
    branch = as_trained(norm, reflected(F.relu(as_trained(norm, reflected(x, first))), second))
    out = block(x.clone())
    assert close(out, x + branch)
    assert out.min() < 0
    assert list(block.state_dict())[0] == "conv_block.1.weight"


def test_dropout_stands_between_the_first_relu_and_the_second_convolution():
    kinds = [type(layer).__name__ for layer in residual_branch(2, nn.BatchNorm2d, 0.5)]
    inner = ["ReflectionPad2d", "Conv2d", "BatchNorm2d"]
    assert kinds == [*inner, "ReLU", "Dropout", *inner]


def test_norms_are_pytorchs_plain_ones():
    batch, instance = NORMS["batch"](3), NORMS["instance"](3)
    assert (batch.eps, batch.momentum, batch.affine, batch.track_running_stats) == (EPS, 0.1, True, True)
    assert (instance.eps, instance.affine, instance.track_running_stats) == (EPS, False, False)


@pytest.mark.parametrize(
    ("strides", "paddings", "ends", "size_px", "judgements"),
    [
        (PN_GAN_STRIDES, PN_GAN_PADDINGS, False, (256, 128), (26, 10)),
        (PN_GAN_STRIDES, PN_GAN_PADDINGS, False, (128, 128), (10, 10)),
        (GUIDED_STRIDES, GUIDED_PADDINGS, True, (256, 256), (30, 30)),
        (GUIDED_STRIDES, GUIDED_PADDINGS, True, (128, 128), (14, 14)),
    ],
)
def test_patch_discriminators_judge_as_many_patches_as_the_released_ones(strides, paddings, ends, size_px, judgements):
    network = patch_discriminator(3, 2, strides, paddings, ends)
    convs = convolutions(network)
    assert list(convs) == [0, 2, 5, 8, 11]
    assert [conv.bias is not None for conv in convs.values()] == [ends, True, True, True, ends]
    assert [conv.out_channels for conv in convs.values()] == [2, 4, 8, 16, 1]
    with torch.inference_mode():
        assert network(drawn(1, 3, *size_px)).shape == (1, 1, *judgements)


def test_a_patch_discriminator_computes_what_it_says():
    network = patch_discriminator(2, 3, PN_GAN_STRIDES, PN_GAN_PADDINGS, False)
    image = drawn(2, 2, 64, 64)
    x = image
    for place, conv in enumerate(convolutions(network).values()):
        x = F.conv2d(x, conv.weight, conv.bias, stride=PN_GAN_STRIDES[place], padding=PN_GAN_PADDINGS[place])
        if 0 < place < 4:
            x = normalised(x, (2, 3))
        if place < 4:
            x = torch.where(x < 0, 0.2 * x, x)
    assert close(network(image.clone()), x)
    assert isinstance(network[-1], nn.Conv2d)  # judgements are unbounded


def test_it_is_the_released_discriminator_of_guided_pix2pix():
    wrapped = nn.ModuleDict({"model": patch_discriminator(19, 64, GUIDED_STRIDES, GUIDED_PADDINGS, True)})
    parity.check_names_and_counts("gp2p_penn128_D", wrapped)
    parity.fill(wrapped).eval()
    with torch.inference_mode():
        output = wrapped["model"](parity.competitor_inputs("gp2p_penn128_D")["x"])
    parity.check_output("gp2p_penn128_D", output)


def test_strides_and_paddings_must_be_as_many():
    with pytest.raises(ValueError):
        patch_discriminator(3, 2, (2, 2, 2, 1, 1), (1, 1, 1, 1), True)


def test_the_normal_start_draws_convolutions_and_batch_norms_and_leaves_the_rest():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(64, 64, 3),
        nn.ConvTranspose2d(64, 64, 3),
        nn.BatchNorm2d(20000),
        nn.InstanceNorm2d(8, affine=True),
        nn.Linear(64, 64),
    )
    nn.init.constant_(network[2].bias, 7)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert normal_start(network) is network
    state = network.state_dict()
    for name, mean in (("0.weight", 0), ("1.weight", 0), ("2.weight", 1)):
        values = state[name]
        assert float(values.std()) == pytest.approx(0.02, rel=0.03)
        assert float(values.mean()) == pytest.approx(mean, abs=5 * 0.02 / math.sqrt(values.numel()))
        standard = (values - mean) / values.std()
        assert float((standard.abs() < 1).float().mean()) == pytest.approx(0.683, abs=0.02)  # a normal law's share
    assert torch.equal(state["2.bias"], torch.zeros(20000))
    for name in ("0.bias", "1.bias", "3.weight", "3.bias", "4.weight", "4.bias"):
        assert torch.equal(state[name], before[name])
    assert all(parameter.requires_grad for parameter in network.parameters())


# Losses -------------------------------------------------------------------------------------------------------------

JUDGED = [[0.5, -2.0], [3.0, 0.0]]


def test_least_squares_is_the_mean_square_to_one_or_nought():
    judged = torch.tensor(JUDGED)
    assert float(least_squares(judged, real=True)) == pytest.approx((0.25 + 9 + 4 + 1) / 4)
    assert float(least_squares(judged, real=False)) == pytest.approx((0.25 + 4 + 9 + 0) / 4)


def test_cross_entropy_is_that_of_the_sigmoid():
    logits = torch.tensor(JUDGED)
    chances = [1 / (1 + math.exp(-value)) for row in JUDGED for value in row]
    real, fake = ([-math.log(chance) for chance in chances], [-math.log(1 - chance) for chance in chances])
    assert float(cross_entropy(logits, real=True)) == pytest.approx(sum(real) / 4)
    assert float(cross_entropy(logits, real=False)) == pytest.approx(sum(fake) / 4)


def test_cross_entropy_stays_finite_and_teaches_where_a_sigmoid_is_full():
    logits = torch.tensor([200.0, -200.0], requires_grad=True)
    loss = cross_entropy(logits, real=False)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(100)
    assert logits.grad.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("loss", [least_squares, cross_entropy])
def test_losses_compute_in_float32_whatever_they_get(loss):
    values = torch.tensor([0.3, 1.7, -0.4]).bfloat16()
    for real in (True, False):
        mean = loss(values, real)
        assert mean.dtype == torch.float32 and mean.shape == ()
        assert torch.equal(mean, loss(values.float(), real))
