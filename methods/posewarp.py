"""PoseWarp: limbs cut out, moved to the target pose and painted together (Balakrishnan et al., CVPR 2018).

Networks, losses and order of training are those of the authors' Keras release, whose images are BGR, at any size whose
sides are divisible by 32. Its sigmas are pixels of its 256×256 images and are not scaled with the size.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods import adversarial, augmentation, cards, encoding, limb_layers, released
from methods.base import Batch, Condition, FitContext, Synthesis, TrainingData, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.tf_layers import SameConv, glorot_start
from methods.training import Phase, Program, Turn, adam
from mrnet.perceptual import IMAGENET_STD, PerceptualNetwork
from mrnet.skeletons import MPII14

HALVINGS = 5

TAPS = {
    "vgg19": ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "3_4", "4_1", "4_2", "4_3", "4_4"),
    "vgg16": ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3"),
}
"""All layers of the first four blocks, behind their ReLU; VGG-19's are the release's."""

STATISTICS_IMAGES = 64
"""Training images over which the features' deviations are measured, evenly spaced in the training pairs."""

_LEAK = 0.2
_IMAGE_CHANNELS = 3
_POSE_CHANNELS = len(MPII14)
_LIMB_CHANNELS = _IMAGE_CHANNELS * len(limb_layers.LIMBS)
_LEAST_STD = 0.1 / (255 * sum(IMAGENET_STD) / len(IMAGENET_STD))
"""The release adds 0.1 to deviations of a VGG that is fed grey levels; torchvision's is fed these, divided."""


# Networks -----------------------------------------------------------------------------------------------------------


class UNet(nn.Module):
    """Images (B, C, H, W) and half-size pose maps (B, 14, H/2, W/2) to features (B, out_channels, H, W).

    width: channels at half size and below; the first two convolutions have half of them.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int):
        super().__init__()
        half = width // 2
        self.convs = nn.ModuleList([SameConv(in_channels, half, 7), SameConv(half, half, 3, stride=2)])
        arriving = half + _POSE_CHANNELS
        for level in range(HALVINGS):
            self.convs.append(SameConv(arriving, width, 3))
            if level < HALVINGS - 1:
                self.convs.append(SameConv(width, width, 3, stride=2))
            arriving = width
        for level in range(HALVINGS):
            last = level == HALVINGS - 1
            skipped = half if last else width
            self.convs.append(SameConv(width + skipped, out_channels if last else width, 3))

    def forward(self, images: Tensor, pose: Tensor) -> Tensor:
        convs = iter(self.convs)

        def conv(x: Tensor) -> Tensor:
            return F.leaky_relu(next(convs)(x), _LEAK)

        skips = [conv(images)]
        x = torch.cat([conv(skips[0]), pose], dim=1)
        for level in range(HALVINGS):
            x = conv(x)
            if level < HALVINGS - 1:
                skips.append(x)
                x = conv(x)
        while skips:
            x = conv(torch.cat([limb_layers.doubled(x), skips.pop()], dim=1))
        return x


class Layers(NamedTuple):
    """What PoseWarp makes, BGR: the image; masks of the reference's layers (B, 11, H, W), adding up to 1."""

    image: Tensor
    masks: Tensor
    moved_limbs: Tensor  # (B, 30, H, W)
    background: Tensor
    foreground: Tensor
    foreground_mask: Tensor


class PoseWarp(nn.Module):
    """A reference image (B, 3, H, W), BGR in [-1, 1], and both poses, (B, 14, 2) in pixels, to `Layers`.

    width: channels of the U-Nets, 128 as released. Convolutions are registered in the release's order of creation.
    """

    def __init__(self, width: int):
        super().__init__()
        self.cutting = UNet(_IMAGE_CHANNELS, width // 4, width)
        self.to_masks = SameConv(width // 4, limb_layers.LAYERS, 3)
        self.behind = UNet(_IMAGE_CHANNELS + 1, width // 2, width)
        self.to_background = SameConv(width // 2, _IMAGE_CHANNELS, 3)
        self.joining = UNet(_LIMB_CHANNELS, width // 2, width)
        self.to_foreground = SameConv(width // 2, _IMAGE_CHANNELS, 3)
        self.to_foreground_mask = SameConv(width // 2, 1, 3)
        glorot_start(self)

    def forward(self, image: Tensor, joints: Tensor, target_joints: Tensor) -> Layers:
        size_px = tuple(image.shape[-2:])
        pose, target_pose = (limb_layers.half_size_pose(points, size_px) for points in (joints, target_joints))
        prior = limb_layers.log_prior(limb_layers.limb_masks(joints, target_joints, size_px))
        # float32 also under autocast: softmax over logs, and pixels to move
        masks = (self.to_masks(self.cutting(image, pose)).float() + prior).softmax(dim=1)
        limbs = masks[:, 1:, None] * image[:, None].float()  # (B, 10, 3, H, W)
        transforms = limb_layers.limb_transforms(joints, target_joints).flatten(0, 1)
        moved = limb_layers.warped(limbs.flatten(0, 1), transforms).unflatten(0, limbs.shape[:2]).flatten(1, 2)
        behind = torch.cat([masks[:, :1] * image, masks[:, :1]], dim=1)
        background = self.to_background(self.behind(behind, pose)).float().tanh()
        joined = self.joining(moved, target_pose)
        foreground = self.to_foreground(joined).float().tanh()
        share = self.to_foreground_mask(joined).float().sigmoid()
        return Layers(foreground * share + background * (1 - share), masks, moved, background, foreground, share)


class Discriminator(nn.Module):
    """Images (B, 3, H, W), BGR, and half-size maps of both poses, (B, 28, H/2, W/2), to a logit an image, (B,).

    width: channels of the first convolution, 64 as released.
    """

    def __init__(self, size_px: tuple[int, int], width: int):
        super().__init__()
        plan = [(_IMAGE_CHANNELS, width, 5), (width + 2 * _POSE_CHANNELS, 2 * width, 5), (2 * width, 4 * width, 3)]
        plan += [(4 * width, 4 * width, 3)] * (HALVINGS - 2)
        self.convs = nn.ModuleList(SameConv(*sizes) for sizes in plan)
        smallest = math.prod(side >> HALVINGS for side in size_px)
        self.dense = nn.ModuleList(
            [nn.Linear(4 * width * smallest, 4 * width), nn.Linear(4 * width, 4 * width), nn.Linear(4 * width, 1)]
        )
        glorot_start(self)

    def forward(self, images: Tensor, poses: Tensor) -> Tensor:
        x = images
        for index, conv in enumerate(self.convs):
            if index == 1:
                x = torch.cat([x, poses], dim=1)
            x = F.leaky_relu(conv(x), _LEAK)
            if index < HALVINGS:
                x = F.max_pool2d(x, 2)
        x = x.permute(0, 2, 3, 1).flatten(1)  # from rows, columns, channels
        for dense in self.dense[:-1]:
            x = F.relu(dense(x))
        return self.dense[-1](x).squeeze(1)


# Losses -------------------------------------------------------------------------------------------------------------


class FeatureLoss(nn.Module):
    """Mean over VGG's layers of the absolute difference of features, each channel divided by its deviation over
    training images, so that every channel has a say.

    images: (N, 3, H, W), RGB in [-1, 1], over which the deviations are measured. Pooling is by averages.
    """

    def __init__(self, arch: str, state: Mapping[str, Tensor], images: Tensor, device: torch.device):
        super().__init__()
        self.network = PerceptualNetwork(arch, state, [f"relu{name}" for name in TAPS[arch]])
        for index, layer in enumerate(self.network.features):
            if isinstance(layer, nn.MaxPool2d):
                self.network.features[index] = nn.AvgPool2d(2)
        self.to(device, memory_format=torch.channels_last)
        self._deviations = self._measured(images, device)

    @torch.no_grad()
    def _measured(self, images: Tensor, device: torch.device) -> dict[str, Tensor]:
        """(C,) float32 a tap, from one image at a time."""
        sums: dict[str, Tensor] = {}
        for image in images:
            for name, features in self.network(image[None].to(device)).items():
                pixels = features.double().flatten(2)[0]  # (C, h·w)
                moments = torch.stack([torch.ones_like(pixels), pixels, pixels.square()]).sum(dim=2)  # (3, C)
                sums[name] = sums.get(name, 0) + moments
        return {
            name: (squares / count - (total / count).square()).clamp(min=0).sqrt().float()
            for name, (count, total, squares) in sums.items()
        }

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Both (B, 3, H, W), RGB in [-1, 1]; gradients reach `image` alone."""
        with torch.no_grad():
            wanted = self.network(target)
        found = self.network(image)
        terms = [
            ((found[name] - wanted[name]).abs().mean(dim=(0, 2, 3)) / (deviation + _LEAST_STD)).mean()
            for name, deviation in self._deviations.items()
        ]
        return torch.stack(terms).mean()


# The method ---------------------------------------------------------------------------------------------------------


class _Made(NamedTuple):
    """What a step made: the synthesized image with gradients, the target, both BGR, and both poses' maps."""

    image: Tensor
    target: Tensor
    poses: Tensor


class PoseWarpMethod(NetworkMethod):
    """PoseWarp; see `cards.POSEWARP` for its parameters. Discriminator and VGG live in training only."""

    card = cards.POSEWARP
    _measured_on: Tensor | None = None

    def fit(self, data: TrainingData, context: FitContext) -> None:
        chosen = np.unique(np.linspace(0, len(data) - 1, STATISTICS_IMAGES).round().astype(int))
        self._measured_on = data.batch(chosen.tolist()).condition.image
        super().fit(data, context)
        self._measured_on = None

    def _build(self) -> PoseWarp:
        width = self.parameters["width"]
        if width < 4 or width % 4:
            raise ValueError(f"posewarp.width is a multiple of 4, since some layers have a quarter of it, got {width}")
        return PoseWarp(width)

    def _program(
        self, network: PoseWarp, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        arch, gan_steps = self.parameters["perceptual_network"], self.parameters["gan_steps"]
        lambda_gan = self.parameters["lambda_gan"]
        if arch not in TAPS:
            raise ValueError(f"posewarp.perceptual_network is {' or '.join(map(repr, TAPS))}, got {arch!r}")
        if not 0 <= gan_steps < schedule.steps:
            raise ValueError(
                f"posewarp.gan_steps, the last of the schedule's {schedule.steps} steps, is a number from 0 to "
                f"{schedule.steps - 1}, got {gan_steps}"
            )
        warm_up_steps = self.parameters["warm_up_steps"]
        if gan_steps and not 0 <= warm_up_steps < gan_steps:
            raise ValueError(
                f"posewarp.warm_up_steps, in which the discriminator learns alone, is a number from 0 to "
                f"{gan_steps - 1}, below posewarp.gan_steps, got {warm_up_steps}"
            )
        features = FeatureLoss(arch, weights.state_dict(arch), self._measured_on, device)
        discriminator = Discriminator(self.info.size_px, max(1, self.parameters["width"] // 2))

        def feature_loss(made: _Made) -> Tensor:
            return features(made.image.flip(1), made.target.flip(1))

        def first_loss(made: _Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            return feature_loss(made), {}

        def second_loss(made: _Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            terms = {
                "features": feature_loss(made),
                "gan": adversarial.cross_entropy(discriminator(made.image, made.poses), real=True),
            }
            return terms["features"] + lambda_gan * terms["gan"], terms

        def judging_loss(made: _Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            images = torch.cat([made.target, made.image.detach()])
            real, generated = discriminator(images, made.poses.repeat(2, 1, 1, 1)).chunk(2)
            losses = adversarial.cross_entropy(real, real=True), adversarial.cross_entropy(generated, real=False)
            return sum(losses) / 2, {}

        optimizer = adam(network, schedule)
        painter = Turn("generator", optimizer, second_loss)
        critic = Turn("discriminator", adam(discriminator, schedule), judging_loss)
        alone = schedule.steps - gan_steps

        def make(batch: Batch) -> _Made:
            return self._made(network, batch)

        return Program(
            {"generator": network, "discriminator": discriminator},
            (
                Phase((Turn("generator", optimizer, first_loss),), make, until=alone),
                Phase((critic,), make, until=alone + warm_up_steps),
                Phase((critic, painter), make),
            ),
        )

    def _made(self, network: PoseWarp, batch: Batch) -> _Made:
        if self.parameters["augment"]:
            batch = augmentation.randomly_moved(augmentation.randomly_flipped(batch, swap_sides=True))
        joints, target_joints = self._poses(batch.condition)
        image = network(batch.condition.image.flip(1), joints, target_joints).image
        poses = [limb_layers.half_size_pose(points, self.info.size_px) for points in (joints, target_joints)]
        return _Made(image, batch.target.flip(1), torch.cat(poses, dim=1))

    def _poses(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """Both poses in the release's joints; its neck is made of the shoulders where a dataset has none."""
        return tuple(
            encoding.convert(points, condition.skeleton, MPII14)
            for points in (condition.joints, condition.target_joints)
        )

    def _answer(self, network: PoseWarp, condition: Condition) -> Synthesis:
        layers = network(condition.image.flip(1), *self._poses(condition))
        return Synthesis(image=layers.image.flip(1), masks=layers.masks)

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return _in_order_of_creation(state)


# The release's names ------------------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"(?:.*/)?conv2d_(\d+)/(kernel|bias)(?::0)?")
_LEAVES = {"kernel": "weight", "bias": "bias"}


def layer_names() -> list[str]:
    """Our convolutions in the release's order of creation."""
    with torch.device("meta"):
        network = PoseWarp(4)
    return [name for name, layer in network.named_modules() if isinstance(layer, SameConv)]


def _in_order_of_creation(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keras numbers the convolutions of a program one after the other, from whatever number it has come to."""
    numbered = {name: match for name in state if (match := _NUMBERED.fullmatch(name))}
    numbers = sorted({int(match[1]) for match in numbered.values()})
    names = layer_names()
    if len(numbers) != len(names):
        raise ValueError(f"PoseWarp has {len(names)} convolutions, conv2d_N; the file has {len(numbers)}")
    result = {}
    for name, value in state.items():
        match = numbered.get(name)
        ours = f"{names[numbers.index(int(match[1]))]}.{_LEAVES[match[2]]}" if match else name
        result[ours] = released.from_tensorflow(value)
    return result
