"""DVG as the MR-Net authors rendered it: a U-Net over pose maps and the whole reference image.

Cai et al. (ECCV 2018) generate videos; what Xu et al. (IEEE TIP 2020) compare with, and released, is this network for
one image, trained by MR-Net's own program. Network, names of its parameters and loss are that release's; the original's
are others (docs/methods/dvg.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from methods import cards
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.training import Program, adam
from mrnet import checkpoint
from mrnet.blocks import conv_unit, up
from mrnet.encoders import IMAGE_CHANNELS, Encoder
from mrnet.losses import MRNetLoss, PerceptualLoss, WeightedReconstructionLoss
from mrnet.perceptual import RELEASED_PERCEPTUAL_TAPS, PerceptualNetwork
from mrnet.poses import disc_maps, radius_px

PERCEPTUAL_NETWORKS = ("vgg19", "vgg16")
"""Those that have the taps of the release, which used the first."""


class Decoder(nn.Module):
    """Seven 5×5 units, the odd ones behind an up-sampling, the even ones over a skip and what comes from below."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = conv_unit(8 * width, 4 * width, resample=up())
        self.conv2 = conv_unit(8 * width, 4 * width)
        self.conv3 = conv_unit(4 * width, 2 * width, resample=up())
        self.conv4 = conv_unit(4 * width, 2 * width)
        self.conv5 = conv_unit(2 * width, width, resample=up())
        self.conv6 = conv_unit(2 * width, width)
        self.conv7 = conv_unit(width, IMAGE_CHANNELS, resample=up(), activation=nn.Tanh())

    def forward(self, deepest: Tensor, eighth: Tensor, quarter: Tensor, half: Tensor) -> Tensor:
        """The image (B, 3, H, W) in (−1, 1).

        deepest: (B, 8·width, H/16, W/16); the skips have 4, 2 and 1·width channels at H/8, H/4 and H/2.
        """
        x = self.conv2(torch.cat((eighth, self.conv1(deepest)), dim=1))
        x = self.conv4(torch.cat((quarter, self.conv3(x)), dim=1))
        x = self.conv6(torch.cat((half, self.conv5(x)), dim=1))
        return self.conv7(x)


class DVG(nn.Module):
    """The release's U-Net; names in its state dictionary are the release's.

    pose_channels: P, joints of the dataset. width: channels of the first layers (32 in the release).
    """

    def __init__(self, pose_channels: int, width: int):
        super().__init__()
        self.encoder_conv = Encoder(pose_channels + IMAGE_CHANNELS, width, pool_first=True)
        self.decoder_conv = Decoder(width)

    def forward(self, pose: Tensor, image: Tensor) -> Tensor:
        """The image (B, 3, H, W) in (−1, 1). H and W are multiples of 16.

        pose: (B, P, H, W) in {0, 1}, maps of the target pose; image: (B, 3, H, W) in [−1, 1], the whole reference.
        """
        features = self.encoder_conv(torch.cat((pose, image), dim=1))
        return self.decoder_conv(features[7], eighth=features[5], quarter=features[3], half=features[0])


class DVGMethod(NetworkMethod):
    """The release's DVG; see `cards.DVG` for its parameters."""

    card = cards.DVG

    def _build(self) -> DVG:
        width, lambda1, asset = (self.parameters[name] for name in ("width", "lambda1", "perceptual_network"))
        if width < 1:
            raise ValueError(f"dvg.width is at least 1, got {width}")
        if not 0 <= lambda1 < math.inf:
            raise ValueError(f"dvg.lambda1 is finite and not negative, got {lambda1}")
        if asset not in PERCEPTUAL_NETWORKS:
            raise ValueError(f"dvg.perceptual_network is {' or '.join(map(repr, PERCEPTUAL_NETWORKS))}, got {asset!r}")
        return DVG(len(self.info.skeleton), width)

    def _objective(self, weights: WeightSource) -> MRNetLoss:
        """The release's loss without its RoI term: mean of |Î − I|, and VGG on images as they are, in [−1, 1]."""
        asset = str(self.parameters["perceptual_network"])
        taps = RELEASED_PERCEPTUAL_TAPS
        return MRNetLoss(
            PerceptualNetwork(asset, weights.state_dict(asset), taps, normalise=False),
            lambda1=self.parameters["lambda1"],
            lambda2=0.0,
            reconstruction=WeightedReconstructionLoss(released=True),
            perceptual=PerceptualLoss(taps),
        )

    def _inputs(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """Maps of the target pose (B, P, H, W) and the reference image (B, 3, H, W)."""
        size_px = self.info.size_px
        pose = disc_maps(condition.target_joints, size_px, radius_px(size_px))
        return pose.to(memory_format=torch.channels_last), condition.image

    def _program(
        self, network: DVG, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        objective = self._objective(weights).to(device, memory_format=torch.channels_last)

        def loss(batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
            image = network(*self._inputs(batch.condition))
            return objective([image], batch.target, batch.condition.box, batch.condition.target_box)

        return Program.single(network, adam(network, schedule), loss)

    def _answer(self, network: DVG, condition: Condition) -> Synthesis:
        return Synthesis(network(*self._inputs(condition)))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return checkpoint.convert_released(state)
