"""PG²: a coarse image through a bottleneck, then a difference map against a discriminator (Ma et al., NIPS 2017).

Layers, losses and order of training are those of the authors' TensorFlow release, at any size whose height is 8 pixels
times a power of two. Names of the release's variables are numbers in order of creation; `released_names` gives them for
our network, whose layers are registered in that order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from methods import adversarial, augmentation, cards, encoding, released
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.residual_unet import IMAGE_CHANNELS, Discriminator, ResidualUNet, block, conv, down, halvings
from methods.tf_layers import glorot_start, slim_names
from methods.training import Phase, Program, Turn, adam

BETAS = (0.5, 0.999)

SOURCE_WEIGHT = 0.25
GENERATED_WEIGHT = 0.25
TARGET_WEIGHT = 0.5
"""Weights of the three images the discriminator judges; it takes the reference image, in the wrong pose, for a fake."""

VARIANTS = ("market", "fashion")

_SCOPES = {"coarse": "Pose_AE/G", "difference": "UAEnoFC/G"}
DROPPED = re.compile(
    r"Discriminator\..*"  # not needed to synthesize
    r"|(g|d)_lr"  # learning rates that the release keeps and does not use
    rf"|{released.TENSORFLOW_LEFTOVERS}"
)
"""Variables of a released checkpoint that are no part of the two networks. Any other unknown one is refused."""


# Networks -----------------------------------------------------------------------------------------------------------


class DifferenceNetwork(nn.Module):
    """G2: the coarse image and the reference, (B, 3, H, W) each, to what to add to the coarse image, (B, 3, H, W).

    A U-Net without pose, code or residual sums. full_skips: whether the decoder sees the encoder's first map
    (DeepFashion) or not (Market). The decoder's first stage gets the deepest map twice where it gets it at all.
    """

    def __init__(self, size_px: tuple[int, int], width: int, full_skips: bool):
        super().__init__()
        count = halvings(size_px) - 1
        self.first = nn.Sequential(*conv(2 * IMAGE_CHANNELS, width))
        self.encoder = nn.ModuleList()
        arriving = width
        for channels in range(width, count * width + 1, width):
            stage = nn.ModuleDict({"block": block(arriving, channels)})
            if channels < count * width:
                stage["down"] = down(channels, channels)
            self.encoder.append(stage)
            arriving = channels
        self._first_skip = 0 if full_skips else 1
        self.decoder = nn.ModuleList()
        for index in range(count, 0, -1):  # the encoder's stage it mirrors, from 1
            skipped = index * width if index > self._first_skip else 0
            layers = [*block(arriving + skipped, width)]
            if index > 1:
                layers.append(nn.Upsample(scale_factor=2))
            self.decoder.append(nn.Sequential(*layers))
            arriving = width
        self.last = nn.Conv2d(width, IMAGE_CHANNELS, 3, padding=1)

    def forward(self, coarse: Tensor, image: Tensor) -> Tensor:
        x = self.first(torch.cat([coarse, image], dim=1))
        maps = []
        for stage in self.encoder:
            x = stage["block"](x)
            maps.append(x)
            if "down" in stage:
                x = stage["down"](x)
        skips = maps[self._first_skip :]
        for stage in self.decoder:
            x = stage(torch.cat([x, skips.pop()], dim=1) if skips else x)
        return self.last(x)


class PG2(nn.Module):
    """G1 and G2: an image (B, 3, H, W) and the target's pose maps (B, J, H, W) to the coarse image and the difference
    map, (B, 3, H, W) each; the answer is their sum. size_px: (H, W). width: channels of the first layers.

    Starts with Glorot-uniform weights and biases of 0, as the release.
    """

    def __init__(self, pose_channels: int, size_px: tuple[int, int], width: int, full_skips: bool):
        super().__init__()
        self.coarse = ResidualUNet(IMAGE_CHANNELS + pose_channels, size_px, width)
        self.difference = DifferenceNetwork(size_px, width, full_skips)
        glorot_start(self)

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        coarse = self.coarse(torch.cat([image, pose], dim=1))
        return coarse, self.difference(coarse, image)


# Losses -------------------------------------------------------------------------------------------------------------


def pose_l1(image: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute difference over the image, and over the image with what lies outside the mask set to 0.

    image, target: (B, 3, H, W); mask: (B, 1, H, W) in {0, 1}. Both means are over all B·3·H·W values.
    """
    error = (image.float() - target.float()).abs()
    return error.mean(), (error * mask).mean()


class Judged(NamedTuple):
    """Logits of the discriminator, (B,) each."""

    target: Tensor
    source: Tensor
    generated: Tensor


def discriminator_loss(logits: Judged) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted cross-entropies of the target as real, the reference and the generated image as fake."""
    terms = {
        "judged_target": adversarial.cross_entropy(logits.target, real=True),
        "judged_source": adversarial.cross_entropy(logits.source, real=False),
        "judged_generated": adversarial.cross_entropy(logits.generated, real=False),
    }
    weights = (TARGET_WEIGHT, SOURCE_WEIGHT, GENERATED_WEIGHT)
    return sum(weight * term for weight, term in zip(weights, terms.values(), strict=True)), terms


# The method ---------------------------------------------------------------------------------------------------------


class _Coarse(NamedTuple):
    """What stage 1 makes of a batch."""

    coarse: Tensor  # with gradients
    target: Tensor
    mask: Tensor


class _Refined(NamedTuple):
    """What stage 2 makes of a batch."""

    generated: Tensor  # with gradients to the difference network alone
    target: Tensor
    mask: Tensor
    judged: Tensor  # the discriminator's whole batch, with the same gradients


class PG2Method(NetworkMethod):
    """PG²; see `cards.PG2` for its parameters. The discriminator lives in training only."""

    card = cards.PG2

    def _build(self) -> PG2:
        """Raises ValueError for a parameter with a value that cannot be."""
        variant, width = self.parameters["variant"], self.parameters["width"]
        if variant not in VARIANTS:
            raise ValueError(f"pg2.variant is {' or '.join(map(repr, VARIANTS))}, got {variant!r}")
        if width < 2 or width % 2:
            raise ValueError(f"pg2.width is an even number from 2, since the discriminator has half of it, got {width}")
        return PG2(len(self.info.skeleton), self.info.size_px, width, full_skips=variant == "fashion")

    def _program(
        self, network: PG2, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        """Raises ValueError for parameters that cannot be, or with which stage 2 never starts."""
        stage1_steps = self._checked_stage1_steps(schedule)
        lambda_l1 = self.parameters["lambda_l1"]
        if not 0 <= lambda_l1 < math.inf:
            raise ValueError(f"pg2.lambda_l1 is a number from 0, got {lambda_l1}")
        discriminator = Discriminator(self.info.size_px, self.parameters["width"])

        def judge(images: Tensor) -> Judged:
            logits = discriminator(images)
            if self.parameters["variant"] == "market":
                target, source, _, generated = logits.chunk(4)  # the coarse image takes part in the statistics alone
            else:
                target, generated, source = logits.chunk(3)
            return Judged(target, source, generated)

        def coarse_loss(made: _Coarse) -> tuple[Tensor, Mapping[str, Tensor]]:
            l1, masked_l1 = pose_l1(made.coarse, made.target, made.mask)
            return l1 + masked_l1, {"coarse_l1": l1, "coarse_masked_l1": masked_l1}

        def generator_loss(made: _Refined) -> tuple[Tensor, Mapping[str, Tensor]]:
            l1, masked_l1 = pose_l1(made.generated, made.target, made.mask)
            gan = adversarial.cross_entropy(judge(made.judged).generated, real=True)
            return gan + lambda_l1 * (l1 + masked_l1), {"gan": gan, "l1": l1, "masked_l1": masked_l1}

        def judging_loss(made: _Refined) -> tuple[Tensor, Mapping[str, Tensor]]:
            return discriminator_loss(judge(made.judged.detach()))

        first = Turn("coarse", adam(network.coarse, schedule, BETAS), coarse_loss)
        second = Turn("difference", adam(network.difference, schedule, BETAS), generator_loss)
        third = Turn("discriminator", adam(discriminator, schedule, BETAS), judging_loss)
        return Program(
            {"generator": network, "discriminator": discriminator},
            (
                Phase((first,), lambda batch: self._made_coarse(network, batch), until=stage1_steps),
                Phase((second, third), lambda batch: self._made_refined(network, batch)),
            ),
        )

    def _checked_stage1_steps(self, schedule: TrainingSchedule) -> int:
        stage1_steps = self.parameters["stage1_steps"]
        if stage1_steps < 1:
            raise ValueError(f"pg2.stage1_steps is at least 1, got {stage1_steps}")
        if stage1_steps >= schedule.steps:
            raise ValueError(
                f"pg2.stage1_steps is {stage1_steps} and the schedule has {schedule.steps} steps, so stage 2 never "
                f"starts: set pg2.stage1_steps below {schedule.steps}, or train for more than {stage1_steps} steps"
            )
        return stage1_steps

    def _made_coarse(self, network: PG2, batch: Batch) -> _Coarse:
        batch = self._augmented(batch)
        coarse = network.coarse(torch.cat([batch.condition.image, self._pose(batch.condition)], dim=1))
        return _Coarse(coarse, batch.target, self._mask(batch.condition))

    def _made_refined(self, network: PG2, batch: Batch) -> _Refined:
        batch = self._augmented(batch)
        image = batch.condition.image
        with torch.no_grad():  # stage 1 has learned
            coarse = network.coarse(torch.cat([image, self._pose(batch.condition)], dim=1))
        generated = coarse.float() + network.difference(coarse, image).float()
        if self.parameters["variant"] == "market":
            judged = torch.cat([batch.target, image, coarse.float(), generated])  # (4B, 3, H, W)
        else:
            judged = torch.cat([batch.target, generated, image])  # (3B, 3, H, W)
        return _Refined(generated, batch.target, self._mask(batch.condition), judged)

    def _augmented(self, batch: Batch) -> Batch:
        return augmentation.randomly_flipped(batch, swap_sides=True) if self.parameters["flip"] else batch

    def _pose(self, condition: Condition) -> Tensor:
        maps = encoding.solid_maps(condition.target_joints, self.info.size_px)
        return maps.to(memory_format=torch.channels_last)

    def _mask(self, condition: Condition) -> Tensor:
        return encoding.limb_mask(condition.target_joints, self.info.skeleton, self.info.size_px)

    def _answer(self, network: PG2, condition: Condition) -> Synthesis:
        coarse, difference = network(condition.image, self._pose(condition))
        final = (coarse + difference).clamp(-1, 1)
        return Synthesis(image=final, passes=(coarse.clamp(-1, 1), final))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.device("meta"):
            names = released_names(self._build())
        kept = {name: released.from_tensorflow(value) for name, value in state.items() if not DROPPED.fullmatch(name)}
        return released.renamed(kept, names)


# The release's names ------------------------------------------------------------------------------------------------


def released_names(network: PG2) -> dict[str, str]:
    """{the release's variable: our parameter}."""
    return {
        theirs: ours
        for part, scope in _SCOPES.items()
        for theirs, ours in slim_names(network.get_submodule(part), scope, part).items()
    }
