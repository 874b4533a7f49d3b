"""Building blocks of MR-Net: the convolution unit, the non-local block and the junction of the released program.

Sub-module names and indices are those of the authors' release, so that its state dictionaries fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL = 5
NON_LOCAL_REDUCTION = 4  # a non-local block attends in C / 4 channels


def down() -> nn.Module:
    """Down: 2×2 max-pooling."""
    return nn.MaxPool2d(2)


def up() -> nn.Module:
    """Up2: nearest up-sampling by 2."""
    return nn.Upsample(scale_factor=2, mode="nearest")


def conv_unit(
    in_channels: int,
    out_channels: int,
    kernel: int = KERNEL,
    dilation: int = 1,
    padding: int | None = None,
    resample: nn.Module | None = None,
    resample_first: bool = True,
    norm: bool = True,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    """Convolution with stride 1 and bias, batch norm, ReLU; `resample` stands in front of them or behind.

    padding: pixels a side; None keeps the map's size. activation: None means ReLU.
    (B, in_channels, H, W) → (B, out_channels, H', W').
    """
    if padding is None:
        padding = dilation * (kernel - 1) // 2
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=dilation)]
    if norm:
        layers.append(nn.BatchNorm2d(out_channels))
    layers.append(nn.ReLU(inplace=True) if activation is None else activation)
    if resample is not None:
        layers.insert(0 if resample_first else len(layers), resample)
    return nn.Sequential(*layers)


class NonLocalBlock(nn.Module):
    """y = x + W(softmax(θ(x)ᵀ φ(x)) g(x)), Wang et al., CVPR 2018; W = 1×1 convolution and batch norm from γ = 0.

    Unscaled dot products over all positions, C/4 inner channels. The block starts as an identity and, as nothing stands
    behind the norm, its γ gets a gradient from the first step on and the other weights from the second.
    relu_behind: the release's ReLU behind the norm. At γ = β = 0 it passes no gradient, so such a block never learns.
    """

    def __init__(self, channels: int, relu_behind: bool):
        super().__init__()
        inner = channels // NON_LOCAL_REDUCTION
        self.src_attn_conv = nn.Conv2d(channels, inner, 1)  # θ
        self.guide_attn_conv = nn.Conv2d(channels, inner, 1)  # φ
        self.src_conv = nn.Conv2d(channels, inner, 1)  # g
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        layers = [nn.Conv2d(inner, channels, 1), norm]
        if relu_behind:
            layers.append(nn.ReLU())
        self.output_conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        theta, phi, g = (
            conv(x).flatten(2).transpose(1, 2).unsqueeze(1)  # (B, 1, H·W, C/4)
            for conv in (self.src_attn_conv, self.guide_attn_conv, self.src_conv)
        )
        attended = functional.scaled_dot_product_attention(theta, phi, g, scale=1.0)
        attended = attended.squeeze(1).transpose(1, 2).unflatten(2, x.shape[-2:])  # (B, C/4, H, W)
        return x + self.output_conv(attended)


class ResidualJunction(nn.Module):
    """The release's junction of the two encoders: a residual block of two 3×3 convolutions with a 1×1 shortcut.

    The shortcut is normalised twice, before and after a ReLU, as in the release. (B, in, h, w) → (B, out, h, w).
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = nn.Sequential(conv_unit(in_channels, out_channels, kernel=1), nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        main = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return torch.relu(main + self.downsample(x))
