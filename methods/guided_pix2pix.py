"""Guided-Pix2Pix (AlBahar and Huang, ICCV 2019), pose transfer: an image and a pose branch that transform each other's
features, residual blocks, and a patch discriminator. Equal to the authors' release, but for how the pose is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import augmentation, cards, encoding, layers, released
from methods.adversarial import least_squares
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.training import Phase, Program, Turn, adam

LEVELS = 4
BOTTLENECK_CHANNELS = 100
EPSILON = 1e-5
"""Added to the variance of the features that are transformed."""

BETAS = (0.9, 0.999)
"""Of both Adams: the command in the authors' README; their program's own default has 0.5 first."""

PATCH_STRIDES = (2, 2, 2, 1, 1)
PATCH_PADDINGS = (1, 1, 1, 1, 1)

RELEASED_NAMES = {
    "padding_in.": "image.0.",
    "padding_g.": "guide.0.",
    **{f"conv{level}.": f"image.{level}." for level in range(1, LEVELS)},
    **{f"conv{level}_g.": f"guide.{level}." for level in range(1, LEVELS)},
    **{
        f"{theirs}_{map_}_{level + 1}.": f"{ours}.{level}.{map_}."
        for theirs, ours in (("G_bottleneck", "guide_to_image"), ("bottleneck", "image_to_guide"))
        for map_ in ("alpha", "beta")
        for level in range(LEVELS)
    },
}
"""Start of an entry's name in the authors' files → in ours; `resnet`, `pre_decoder` and `decoder` are the same."""


class FeatureTransformation(nn.Module):
    """Scales and shifts one branch's features, place by place, by what the other branch's say (paper §3.2)."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha, self.beta = _bottleneck(channels), _bottleneck(channels)

    def forward(self, features: Tensor, other: Tensor) -> Tensor:
        """alpha(other)·normalised features + beta(other); all (B, channels, H, W)."""
        return self.alpha(other) * normalised(features) + self.beta(other)


def normalised(features: Tensor) -> Tensor:
    """(B, C, H, W) with mean 0 and unbiased variance 1 in each sample's channel; computed in float32, H·W > 1."""
    exact = features.float()
    variance, mean = torch.var_mean(exact, dim=(2, 3), correction=1, keepdim=True)  # (B, C, 1, 1) each
    return ((exact - mean) * (variance + EPSILON).rsqrt()).to(features.dtype)


def _bottleneck(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, BOTTLENECK_CHANNELS, 1), nn.ReLU(inplace=True), nn.Conv2d(BOTTLENECK_CHANNELS, channels, 1)
    )


def _branch(in_channels: int, width: int) -> nn.ModuleList:
    """A 7×7 convolution to `width` channels, and three of stride 2 that double them."""
    widths = [width << level for level in range(LEVELS)]
    halving = [nn.Conv2d(few, many, 3, stride=2, padding=1) for few, many in zip(widths, widths[1:], strict=False)]
    return nn.ModuleList([nn.Sequential(*layers.padded(in_channels, width, 7, bias=True)), *halving])


class GuidedGenerator(nn.Module):
    """A reference image and pose maps to an image. Sides are multiples of 8, at least 16 px.

    The last transformation of the pose branch is never used, as in the release, which holds its weights.
    """

    def __init__(self, pose_channels: int, width: int, blocks: int):
        super().__init__()
        norm = nn.InstanceNorm2d
        self.image, self.guide = _branch(3, width), _branch(pose_channels, width)
        for name in ("guide_to_image", "image_to_guide"):
            setattr(self, name, nn.ModuleList(FeatureTransformation(width << level) for level in range(LEVELS)))
        deepest = width << (LEVELS - 1)
        self.resnet = nn.Sequential(*(layers.ResidualBlock(deepest, norm, dropout=0) for _ in range(blocks)))
        ups = (layers.up(width << level, norm) for level in range(LEVELS - 1, 0, -1))
        self.pre_decoder = nn.Sequential(*(layer for up in ups for layer in up))
        self.decoder = nn.Sequential(*layers.to_image(width, bias=True))

    def forward(self, image: Tensor, guide: Tensor) -> Tensor:
        """image: (B, 3, H, W) in [−1, 1]; guide: (B, pose_channels, H, W) in {−1, 1}. (B, 3, H, W) in (−1, 1)."""
        for level in range(LEVELS):
            x, g = self.image[level](image), self.guide[level](guide)  # (B, width·2^level, H/2^level, W/2^level)
            image = F.relu(self.guide_to_image[level](x, g))
            if level < LEVELS - 1:
                guide = F.relu(self.image_to_guide[level](g, x))
        return self.decoder(self.pre_decoder(self.resnet(image)))


class PatchDiscriminator(nn.Module):
    """Judges reference, pose maps and an image of the target, (B, 3 + pose_channels + 3, H, W) → (B, 1, h, w).

    A judgement sees 70×70 px.
    """

    def __init__(self, pose_channels: int, width: int):
        super().__init__()
        channels = 3 + pose_channels + 3
        self.model = layers.patch_discriminator(channels, width, PATCH_STRIDES, PATCH_PADDINGS, bias_at_ends=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


@torch.no_grad()
def released_start(network: nn.Module) -> nn.Module:
    """Start as released: convolutions from N(0, 0.02), their biases 0; returns the network."""
    layers.normal_start(network)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.zeros_(layer.bias)
    return network


@dataclass(frozen=True)
class Made:
    """What a step makes of its batch once.

    given: (B, 3 + J, H, W), the reference and the pose maps. generated, target: (B, 3, H, W).
    """

    given: Tensor
    generated: Tensor
    target: Tensor


def discriminator_loss(discriminator: nn.Module, made: Made) -> tuple[Tensor, dict[str, Tensor]]:
    """Half the sum of least squares over generated and true images; no gradient reaches the generator."""
    generated = least_squares(discriminator(torch.cat([made.given, made.generated.detach()], dim=1)), real=False)
    real = least_squares(discriminator(torch.cat([made.given, made.target], dim=1)), real=True)
    return 0.5 * (generated + real), {"judged_generated": generated, "judged_real": real}


def generator_loss(discriminator: nn.Module, made: Made, lambda_l1: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Least squares of the discriminator's judgement plus lambda_l1 · L1, a mean over pixels and channels."""
    adversarial = least_squares(discriminator(torch.cat([made.given, made.generated], dim=1)), real=True)
    reconstruction = F.l1_loss(made.generated.float(), made.target)
    return adversarial + lambda_l1 * reconstruction, {"adversarial": adversarial, "reconstruction": reconstruction}


class GuidedPix2PixMethod(NetworkMethod):
    """The released model; see `cards.GUIDED_PIX2PIX` for its parameters."""

    card = cards.GUIDED_PIX2PIX

    def _build(self) -> GuidedGenerator:
        options = self.parameters
        for name in ("width", "blocks"):
            if options[name] < 1:
                raise ValueError(f"guided_pix2pix.{name} is at least 1, got {options[name]}")
        if not 0 <= options["lambda_l1"] < math.inf:
            raise ValueError(f"guided_pix2pix.lambda_l1 is a number not below 0, got {options['lambda_l1']}")
        return released_start(GuidedGenerator(len(self.info.skeleton), options["width"], options["blocks"]))

    def _program(
        self, network: GuidedGenerator, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        flip, lambda_l1 = self.parameters["flip"], self.parameters["lambda_l1"]
        discriminator = released_start(PatchDiscriminator(len(self.info.skeleton), self.parameters["width"]))

        def make(batch: Batch) -> Made:
            if flip:
                batch = augmentation.randomly_flipped(batch, swap_sides=False)
            image, guide = self._inputs(batch.condition)
            return Made(torch.cat([image, guide], dim=1), network(image, guide), batch.target)

        of_discriminator, of_generator = adam(discriminator, schedule, BETAS), adam(network, schedule, BETAS)
        turns = (
            Turn("discriminator", of_discriminator, lambda made: discriminator_loss(discriminator, made)),
            Turn("generator", of_generator, lambda made: generator_loss(discriminator, made, lambda_l1)),
        )
        return Program({"generator": network, "discriminator": discriminator}, (Phase(turns, make),))

    def _inputs(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """The reference (B, 3, H, W) and the target pose's maps (B, J, H, W) in {−1, 1}."""
        guide = encoding.solid_maps(condition.target_joints, self.info.size_px)
        return condition.image, guide.to(memory_format=torch.channels_last)

    def _answer(self, network: GuidedGenerator, condition: Condition) -> Synthesis:
        return Synthesis(image=network(*self._inputs(condition)))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return released.renamed(state, RELEASED_NAMES)
