"""Blocks of the residual image-to-image networks (Johnson et al., ECCV 2016) and of patch discriminators (Isola et al.,
CVPR 2017) that two or more methods share.

Functions give flat lists of layers, for the indices in an `nn.Sequential` to be those of the released networks.
A convolution before a batch norm has no bias, one before an instance norm has.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Norm = type[nn.BatchNorm2d] | type[nn.InstanceNorm2d]

NORMS: dict[str, Norm] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}

LEAK = 0.2
START_STD = 0.02
DROPOUT = 0.5


def biased(norm: Norm) -> bool:
    """Whether convolutions before the norm have a bias."""
    return norm is nn.InstanceNorm2d


def padded(in_channels: int, out_channels: int, kernel: int, bias: bool) -> list[nn.Module]:
    """Reflection padding and a convolution that keeps the size."""
    return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(in_channels, out_channels, kernel, bias=bias)]


def encoder(in_channels: int, width: int, norm: Norm) -> nn.Sequential:
    """(B, in_channels, H, W) → (B, 4·width, H/4, W/4): a 7×7 convolution and two of stride 2, each with norm and ReLU.

    Convolutions at indices 1, 4, 7.
    """
    layers = [*padded(in_channels, width, 7, biased(norm)), norm(width), nn.ReLU(inplace=True)]
    for channels in (width, 2 * width):
        layers += [
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=biased(norm)),
            norm(2 * channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def up(channels: int, norm: Norm) -> list[nn.Module]:
    """(B, channels, H, W) → (B, channels/2, 2H, 2W): transposed convolution, norm, ReLU."""
    half = channels // 2
    transposed = nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1, bias=biased(norm))
    return [transposed, norm(half), nn.ReLU(inplace=True)]


def to_image(channels: int, bias: bool) -> list[nn.Module]:
    """(B, channels, H, W) → (B, 3, H, W) in (−1, 1): a 7×7 convolution and tanh."""
    return [*padded(channels, 3, 7, bias), nn.Tanh()]


def residual_branch(channels: int, norm: Norm, dropout: float) -> nn.Sequential:
    """Two padded 3×3 convolutions with norms, ReLU (and dropout, where there is any) between; the size is kept."""
    drop = [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(
        *padded(channels, channels, 3, biased(norm)),
        norm(channels),
        nn.ReLU(inplace=True),
        *drop,
        *padded(channels, channels, 3, biased(norm)),
        norm(channels),
    )


class ResidualBlock(nn.Module):
    """x plus its residual branch; no activation behind the sum."""

    def __init__(self, channels: int, norm: Norm, dropout: float):
        super().__init__()
        self.conv_block = residual_branch(channels, norm, dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def patch_discriminator(
    in_channels: int, width: int, strides: Sequence[int], paddings: Sequence[int], bias_at_ends: bool
) -> nn.Sequential:
    """(B, in_channels, H, W) → (B, 1, h, w), a judgement a patch: five 4×4 convolutions, instance norm on the inner
    three, LeakyReLU behind all but the last.

    strides, paddings: of the five. bias_at_ends: whether the first and the last convolution have a bias, as the inner
    ones do.
    """
    channels = (in_channels, width, 2 * width, 4 * width, 8 * width, 1)
    last = len(strides) - 1
    layers: list[nn.Module] = []
    for index, (stride, padding) in enumerate(zip(strides, paddings, strict=True)):
        inner = 0 < index < last
        bias = inner or bias_at_ends
        layers.append(nn.Conv2d(channels[index], channels[index + 1], 4, stride, padding, bias=bias))
        if inner:
            layers.append(nn.InstanceNorm2d(channels[index + 1]))
        if index < last:
            layers.append(nn.LeakyReLU(LEAK, inplace=True))
    return nn.Sequential(*layers)


@torch.no_grad()
def normal_start(network: nn.Module) -> nn.Module:
    """Start convolutions' weights from N(0, 0.02), batch norms from N(1, 0.02) and 0; returns the network.

    Biases of convolutions keep PyTorch's start.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, START_STD)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, START_STD)
            nn.init.zeros_(layer.bias)
    return network
