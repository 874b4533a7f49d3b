"""PN-GAN as a method: a residual generator fed the reference and a drawn target pose (Qian et al., ECCV 2018, §3.2).

Networks, losses and their order follow the release of the authors (github.com/naiq/PN_GAN, 276dda6). The option
`roi_loss` adds MR-Net's RoI perceptual loss, as the MR-Net paper does for its Fig. 13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods import adversarial, cards, encoding, layers, released
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.training import Phase, Program, Turn, adam
from mrnet.losses import RoIPerceptualLoss
from mrnet.perceptual import PerceptualNetwork

BETAS = (0.5, 0.999)
IMAGE_CHANNELS = 3
PICTURE_CHANNELS = 3

LIMB_RADIUS_OF_HEIGHT = 1 / 64
JOINT_RADIUS_OF_HEIGHT = 1 / 64
"""Radii of the pose picture, in image heights: limbs 4 px wide at Market's 128 px, joints no wider than limbs."""

ROI_NETWORKS = ("", "vgg16", "vgg19")

STRIDES = (2, 2, 2, 1, 1)
PADDINGS = (1, 1, 1, 0, 0)
"""Of the discriminator's five convolutions."""

_RUNNING = (".running_mean", ".running_var", ".num_batches_tracked")

RoILoss = Callable[[Tensor, Batch], Tensor]


class ResidualBlock(nn.Module):
    """ReLU(x plus two zero-padded 3×3 convolutions with instance norms and a ReLU between); the size is kept."""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.branch(x))


class Generator(nn.Module):
    """Reference and pose picture to the image in that pose.

    width: channels of the first layer. blocks: residual blocks.
    """

    def __init__(self, width: int, blocks: int):
        super().__init__()
        norm = nn.InstanceNorm2d
        self.encoder = layers.encoder(IMAGE_CHANNELS + PICTURE_CHANNELS, width, norm)
        self.blocks = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            *layers.up(4 * width, norm), *layers.up(2 * width, norm), *layers.to_image(width, bias=False)
        )

    def forward(self, image: Tensor, picture: Tensor) -> Tensor:
        """image, picture: (B, 3, H, W) in [-1, 1], H and W divisible by 4. (B, 3, H, W) in (-1, 1)."""
        x = torch.cat((image, picture), dim=1)  # (B, 6, H, W)
        return self.decoder(self.blocks(self.encoder(x)))


def discriminator(width: int) -> nn.Sequential:
    """(B, 3, H, W) in [-1, 1], sides of at least 56 px → (B, 1, h, w), unbounded: an image alone, without its pose."""
    return layers.patch_discriminator(IMAGE_CHANNELS, width, STRIDES, PADDINGS, bias_at_ends=False)


def released_names(blocks: int) -> dict[str, str]:
    """The start of a released generator's name → the start of ours, for `released.renamed`."""
    first = {"conv1.conv.": "encoder.1.", "conv2.conv.": "encoder.4.", "conv3.conv.": "encoder.7."}
    last = {"deconv3.deconv.": "decoder.0.", "deconv2.deconv.": "decoder.3.", "deconv1.conv.": "decoder.7."}
    middle = {
        f"res{block + 1}.conv{number}.conv.": f"blocks.{block}.branch.{index}."
        for block in range(blocks)
        for number, index in ((1, 0), (2, 3))
    }
    return first | middle | last


@dataclass(frozen=True)
class Made:
    """What a step's turns learn from: the batch and the generated images (B, 3, H, W) with their gradients."""

    batch: Batch
    generated: Tensor


class PNGANMethod(NetworkMethod):
    """The released model; see `cards.PN_GAN` for its parameters."""

    card = cards.PN_GAN

    def _build(self) -> Generator:
        self._check_parameters()
        return Generator(self.parameters["width"], self.parameters["blocks"])

    def _check_parameters(self) -> None:
        for name in ("width", "blocks"):
            if self.parameters[name] < 1:
                raise ValueError(f"pn_gan.{name} is at least 1, got {self.parameters[name]!r}")
        for name in ("lambda_l1", "lambda_roi"):
            if not 0 <= self.parameters[name] < float("inf"):
                raise ValueError(f"pn_gan.{name} is a finite number of at least 0, got {self.parameters[name]!r}")
        if self.parameters["roi_loss"] not in ROI_NETWORKS:
            valid = ", ".join(map(repr, ROI_NETWORKS))
            raise ValueError(f"pn_gan.roi_loss is one of {valid}, got {self.parameters['roi_loss']!r}")

    def _inputs(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """Reference and picture of the target pose, (B, 3, H, W) in [-1, 1]."""
        height_px, _ = size_px = self.info.size_px
        picture = encoding.skeleton_picture(
            condition.target_joints,
            condition.skeleton,
            size_px,
            limb_radius_px=LIMB_RADIUS_OF_HEIGHT * height_px,
            joint_radius_px=JOINT_RADIUS_OF_HEIGHT * height_px,
        )
        return condition.image, picture.to(memory_format=torch.channels_last)

    def _program(
        self, network: Generator, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        judge = discriminator(self.parameters["width"])
        roi = self._roi_loss(weights, device)

        def make(batch: Batch) -> Made:
            return Made(batch, network(*self._inputs(batch.condition)))

        def of_generator(made: Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            terms = {
                "adversarial": adversarial.least_squares(judge(made.generated), real=True),
                "l1": F.l1_loss(made.generated.float(), made.batch.target),
            }
            total = terms["adversarial"] + self.parameters["lambda_l1"] * terms["l1"]
            if roi is not None:
                terms["roi"] = roi(made.generated, made.batch)
                total = total + self.parameters["lambda_roi"] * terms["roi"]
            return total, terms

        def of_discriminator(made: Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            generated = adversarial.least_squares(judge(made.generated.detach()), real=False)
            # the release shows the source, not the target, as the real image, and does not halve the sum
            real = adversarial.least_squares(judge(made.batch.condition.image), real=True)
            return generated + real, {"judged_generated": generated, "judged_real": real}

        turns = (
            Turn("generator", adam(network, schedule, BETAS), of_generator),
            Turn("discriminator", adam(judge, schedule, BETAS), of_discriminator),
        )
        return Program({"generator": network, "discriminator": judge}, (Phase(turns, make),))

    def _roi_loss(self, weights: WeightSource, device: torch.device) -> RoILoss | None:
        """MR-Net's eq. (4) in the paper's form, over the target person's box; None where it is not wanted."""
        asset = self.parameters["roi_loss"]
        if not asset:
            return None
        features = PerceptualNetwork(asset, weights.state_dict(asset)).to(device, memory_format=torch.channels_last)
        loss = RoIPerceptualLoss()

        def pooled(image: Tensor, batch: Batch) -> dict[str, Tensor]:
            return loss.pool(features(image), batch.condition.target_box, image.shape[-2])

        def of_images(generated: Tensor, batch: Batch) -> Tensor:
            with torch.no_grad():
                wanted = pooled(batch.target, batch)
            return loss(pooled(generated, batch), wanted)

        return of_images

    def _answer(self, network: Generator, condition: Condition) -> Synthesis:
        return Synthesis(image=network(*self._inputs(condition)))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Old files hold running statistics of instance norms, which nothing reads: those of norms without weights."""

        def stale(name: str) -> bool:
            return name.endswith(_RUNNING) and f"{name.rpartition('.')[0]}.weight" not in state

        kept = {name: value for name, value in state.items() if not stale(name)}
        return released.renamed(kept, released_names(self.parameters["blocks"]))
