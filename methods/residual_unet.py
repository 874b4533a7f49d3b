"""Networks of PG² (Ma et al., NIPS 2017) that BodyROI7 (Ma et al., CVPR 2018) is built of too, as their TensorFlow
releases have them: a residual U-Net around a code, and the discriminator.

Images are halved down to 8 px of height, so a height is 8 px times a power of two. Layers are registered in the
releases' order of creation, from which their variables have their names.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from methods.tf_layers import SameConv, weighted

BOTTLENECK_PX = 8
"""Height of the deepest map of the U-Net and of the discriminator."""

CODE = 64
"""Numbers that the U-Net squeezes a person into."""

IMAGE_CHANNELS = 3

_LEAK = 0.2
_NORM_EPSILON = 1e-5
_DISCRIMINATOR_START_STD = 0.02
_WIDEST_JUDGE = 4  # the discriminator's channels stop at this many widths


def halvings(size_px: tuple[int, int]) -> int:
    """How often images of this (height, width) are halved on the way to the bottleneck."""
    return (size_px[0] // BOTTLENECK_PX).bit_length() - 1


def bottleneck_px(size_px: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the deepest map."""
    return BOTTLENECK_PX, size_px[1] >> halvings(size_px)


def conv(in_channels: int, out_channels: int, kernel: int = 3) -> list[nn.Module]:
    """A convolution that keeps the size, and ReLU."""
    return [nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]


def block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3×3 convolutions with ReLU."""
    return nn.Sequential(*conv(in_channels, out_channels), *conv(out_channels, out_channels))


def down(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3×3 convolution of stride 2, and ReLU."""
    return nn.Sequential(SameConv(in_channels, out_channels, 3, stride=2), nn.ReLU(inplace=True))


def flat(maps: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H·W·C), in TensorFlow's order: rows, columns, channels."""
    return maps.permute(0, 2, 3, 1).flatten(1)


class ResidualEncoder(nn.ModuleList):
    """(B, width, H, W) to the maps of `count` stages, the k-th (B, k·width, ⌈H/2ᵏ⁻¹⌉, …): residual blocks, halved and
    widened between."""

    def __init__(self, count: int, width: int):
        super().__init__()
        for channels in range(width, count * width + 1, width):
            stage = nn.ModuleDict({"block": block(channels, channels)})
            if channels < count * width:
                stage["down"] = down(channels, channels + width)
            self.append(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self:
            x = x + stage["block"](x)
            maps.append(x)
            if "down" in stage:
                x = stage["down"](x)
        return maps


class ResidualUNet(nn.Module):
    """Maps (B, in_channels, H, W) to an image (B, 3, H, W), unbounded, near [-1, 1], around a code of 64 numbers.

    size_px: (H, W). width: channels of the first layers.
    """

    def __init__(self, in_channels: int, size_px: tuple[int, int], width: int):
        super().__init__()
        height, columns = bottleneck_px(size_px)
        count = halvings(size_px) + 1
        cells = height * columns
        self.first = nn.Sequential(*conv(in_channels, width))
        self.encoder = ResidualEncoder(count, width)
        self.squeeze = nn.Linear(cells * count * width, CODE)
        self.expand = nn.Linear(CODE, cells * width)
        self.decoder = nn.ModuleList()
        arriving = width
        for skipped in range(count * width, 0, -width):
            channels = arriving + skipped
            stage = nn.ModuleDict({"block": block(channels, channels)})
            arriving = skipped - width
            if arriving:
                # the release doubles the size first: the same numbers, a 1×1 convolution sees one pixel at a time
                stage["up"] = nn.Sequential(*conv(channels, arriving, kernel=1), nn.Upsample(scale_factor=2))
            self.decoder.append(stage)
        self.last = nn.Conv2d(channels, IMAGE_CHANNELS, 3, padding=1)
        self._shape = (height, columns, width)

    def forward(self, maps: Tensor) -> Tensor:
        skips = self.encoder(self.first(maps))
        code = self.squeeze(flat(skips[-1]))  # (B, CODE)
        x = self.expand(code).unflatten(1, self._shape).permute(0, 3, 1, 2)  # (B, width, 8, W')
        for stage in self.decoder:
            x = torch.cat([x, skips.pop()], dim=1)
            x = x + stage["block"](x)
            if "up" in stage:
                x = stage["up"](x)
        return self.last(x)


class Discriminator(nn.Module):
    """Images (B, 3, H, W) to a logit an image, (B,), by stride-2 convolutions down to 8 px and a dense layer.

    Batch norms always take the batch's own statistics, so what is judged together decides. width: the generator's.
    """

    def __init__(self, size_px: tuple[int, int], width: int):
        super().__init__()
        layers: list[nn.Module] = []
        arriving = IMAGE_CHANNELS
        for index in range(halvings(size_px)):
            channels = min(width // 2 << index, _WIDEST_JUDGE * width)
            layers.append(SameConv(arriving, channels, 5, stride=2))
            if index:
                layers.append(nn.BatchNorm2d(channels, eps=_NORM_EPSILON, track_running_stats=False))
            layers.append(nn.LeakyReLU(_LEAK, inplace=True))
            arriving = channels
        self.features = nn.Sequential(*layers)
        self.judge = nn.Linear(arriving * math.prod(bottleneck_px(size_px)), 1)
        reach = _DISCRIMINATOR_START_STD * math.sqrt(3)
        for layer in weighted(self):
            nn.init.uniform_(layer.weight, -reach, reach)
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> Tensor:
        return self.judge(self.features(images).flatten(1)).squeeze(1)
