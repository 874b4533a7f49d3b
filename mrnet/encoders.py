"""The encoders of MR-Net (Xu et al., IEEE TIP 2020, III.A, IV.A): pose E_p, foreground E_fg, background E_bkg."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrnet.blocks import conv_unit, down

IMAGE_CHANNELS = 3
MASK_CHANNELS = 1
DILATIONS = (2, 4, 8)

_ENCODER_WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8)  # channels of conv1..conv8, in units of `width`
_GUIDED_LAYERS = (2, 5, 7)  # layers of E_fg whose input is joined by the pose features of the layer before


class PersonFeatures(NamedTuple):
    """What the encoder hands to the decoder: the deepest map (at H/16) and the skips at H/8, H/4, H/2."""

    deepest: Tensor
    eighth: Tensor
    quarter: Tensor
    half: Tensor


class BackgroundFeatures(NamedTuple):
    """E_bkg's output: `quarter` (B, 4·width, H/4, W/4) and `half` (B, 2·width, H/2, W/2)."""

    quarter: Tensor
    half: Tensor


class Encoder(nn.Module):
    """Eight 5×5 units with four poolings, H×W → H/16×W/16; E_p as it stands, E_fg when guided.

    pool_first: pooling in front of layers 1, 3, 5, 7 (release) and not of layers 2, 4, 6, 8 (paper).
    guided: layers 2, 5, 7 also see the pose features of the layer before them.
    """

    def __init__(self, in_channels: int, width: int, pool_first: bool, guided: bool = False):
        super().__init__()
        self.guided = guided
        channels = (in_channels, *(width * factor for factor in _ENCODER_WIDTHS))
        for layer in range(1, len(channels)):
            seen = channels[layer - 1] * (2 if guided and layer in _GUIDED_LAYERS else 1)
            pooled = (layer % 2 == 1) == pool_first
            self.add_module(f"conv{layer}", conv_unit(seen, channels[layer], resample=down() if pooled else None))

    def forward(self, x: Tensor, guide: tuple[Tensor, ...] = ()) -> tuple[Tensor, ...]:
        """x: (B, in_channels, H, W); guide: E_p's features if guided. Returns the outputs of conv1..conv8, in order."""
        features: list[Tensor] = []
        for layer in range(1, len(_ENCODER_WIDTHS) + 1):
            if self.guided and layer in _GUIDED_LAYERS:
                x = torch.cat((x, guide[layer - 2]), dim=1)
            x = self.get_submodule(f"conv{layer}")(x)
            features.append(x)
        return tuple(features)


class PoseGuidedEncoder(nn.Module):
    """E: the pose encoder E_p guides the foreground encoder E_fg.

    junction: fuses their 16·width deepest channels to 8·width.
    """

    def __init__(self, pose_channels: int, width: int, pool_first: bool, junction: nn.Module):
        super().__init__()
        self.pose_enc = Encoder(pose_channels, width, pool_first)
        self.fore_enc = Encoder(IMAGE_CHANNELS, width, pool_first, guided=True)
        self.conv = junction

    def forward(self, pose: Tensor, person: Tensor) -> PersonFeatures:
        """pose: (B, P, H, W); person: (B, 3, H, W). Skips have 8, 4 and 2·width channels, pose first."""
        of_pose = self.pose_enc(pose)
        of_person = self.fore_enc(person, of_pose)
        joined = {n: torch.cat((of_pose[n - 1], of_person[n - 1]), dim=1) for n in (2, 4, 6, 8)}
        return PersonFeatures(self.conv(joined[8]), joined[6], joined[4], joined[2])


class SinglePathEncoder(Encoder):
    """The ablation's one encoder over concat(pose, person) in place of E_p and E_fg.

    half_layer: the layer whose output is the skip at half size (2 in the two-path network; the release takes 1 here).
    """

    def __init__(self, pose_channels: int, width: int, pool_first: bool, junction: nn.Module, half_layer: int):
        super().__init__(pose_channels + IMAGE_CHANNELS, width, pool_first)
        self.conv = junction
        self.half_layer = half_layer

    def forward(self, pose: Tensor, person: Tensor) -> PersonFeatures:
        """pose: (B, P, H, W); person: (B, 3, H, W). Skips have 4, 2 and 1·width channels."""
        features = super().forward(torch.cat((pose, person), dim=1))
        return PersonFeatures(self.conv(features[7]), features[5], features[3], features[self.half_layer - 1])


class BackgroundEncoder(nn.Module):
    """E_bkg: two 5×5 units, three dilated 3×3 units (dilation 2, 4, 8), one 5×5 unit; output at H/4×W/4.

    keep_size: pad by the dilation, so that features stay aligned with the image; the release pads by 1 whatever the
    dilation, which loses 22 px of the half-size map, and stretches what is left.
    """

    def __init__(self, width: int, pool_first: bool, keep_size: bool):
        super().__init__()
        self.conv1 = conv_unit(IMAGE_CHANNELS + MASK_CHANNELS, width)
        self.conv2 = conv_unit(width, 2 * width, resample=down(), resample_first=pool_first)
        for number, dilation in enumerate(DILATIONS, start=1):
            padding = dilation if keep_size else 1
            unit = conv_unit(2 * width, 2 * width, kernel=3, dilation=dilation, padding=padding)
            self.add_module(f"di_conv{number}", unit)
        self.conv3 = conv_unit(2 * width, 4 * width, resample=down(), resample_first=pool_first)

    def forward(self, background: Tensor, mask: Tensor) -> BackgroundFeatures:
        """background: (B, 3, H, W) in [-1, 1]; mask: (B, 1, H, W), 1 = person."""
        height, width = background.shape[-2:]
        half = self.conv2(self.conv1(torch.cat((background, mask), dim=1)))
        x = self.conv3(self.di_conv3(self.di_conv2(self.di_conv1(half))))
        quarter_px = (height // 4, width // 4)
        if x.shape[-2:] != quarter_px:
            x = functional.interpolate(x, size=quarter_px, mode="bilinear", align_corners=True)
        return BackgroundFeatures(x, half)
