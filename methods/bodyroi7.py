"""BodyROI7: a person disentangled into pose, seven body regions and background, and put together again (Ma et al.,
Disentangled Person Image Generation, CVPR 2018).

The release's first model: a reconstruction of one image from its own parts, which in another pose synthesizes. Its
networks that sample appearance and pose from noise have no part in that and are left out. Layers, losses and order of
training are those of the authors' TensorFlow release, at any size whose height is 8 pixels times a power of two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods import adversarial, cards, encoding, released
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.residual_unet import (
    IMAGE_CHANNELS,
    Discriminator,
    ResidualEncoder,
    ResidualUNet,
    block,
    conv,
    flat,
    halvings,
)
from methods.tf_layers import glorot_start, slim_names
from methods.training import Phase, Program, Turn, adam
from mrnet.skeletons import OPENPOSE18

BETAS = (0.5, 0.999)
REGIONS = 7
REGION_PX = 48
"""Side of the square that each region's features are cut to."""

_REGION_SHARE = 4  # a region's code has a fourth of the width's numbers; the background's has the width's

_SCOPES = {"appearance": "Encoder/G_encoder", "generator": "ID_AE/G"}

DROPPED = re.compile(rf"Discriminator\..*|(g|d)_lr|{released.TENSORFLOW_LEFTOVERS}")
"""Variables of a released checkpoint that are no part of the two networks. Any other unknown one is refused."""


# Networks -----------------------------------------------------------------------------------------------------------


class Parts(NamedTuple):
    """Where the parts of an image's person are.

    mask: (B, 1, H, W) in {0, 1}. boxes: (B, 7, 4) xyxy, whole pixels. visible: (B, 7) in {0, 1}.
    """

    mask: Tensor
    boxes: Tensor
    visible: Tensor


def regions(maps: Tensor, boxes: Tensor) -> Tensor:
    """(B, C, H, W) cut by boxes (B, 7, 4) to (B, 7, C, 48, 48), bilinearly.

    As TensorFlow's crop_and_resize of boxes that the release divides by H and W: a corner y of the box lies at
    y / H · (H − 1), and the outermost samples lie on the corners.
    """
    size = torch.tensor([maps.shape[-1], maps.shape[-2]], device=maps.device).repeat(2)
    x1, y1, x2, y2 = (boxes / size * 2 - 1).unbind(dim=-1)  # (B, 7) each, -1 and 1 being the outermost pixels' centres
    steps = torch.linspace(0, 1, REGION_PX, device=maps.device)
    x = x1[..., None] + (x2 - x1)[..., None] * steps  # (B, 7, 48)
    y = y1[..., None] + (y2 - y1)[..., None] * steps
    grid = torch.stack(
        [x[:, :, None].expand(-1, -1, REGION_PX, -1), y[..., None].expand(-1, -1, -1, REGION_PX)], dim=-1
    )  # (B, 7, 48, 48, 2)
    cut = F.grid_sample(maps, grid.flatten(1, 2), align_corners=True)  # (B, C, 7·48, 48)
    return cut.unflatten(2, (REGIONS, REGION_PX)).transpose(1, 2)


class Branch(nn.Module):
    """Features (B, width, h, w) to a code (B, numbers): a residual encoder and a dense layer."""

    def __init__(self, size: tuple[int, int], count: int, width: int, numbers: int):
        super().__init__()
        self.encoder = ResidualEncoder(count, width)
        cells = math.prod(math.ceil(side / 2 ** (count - 1)) for side in size)
        self.code = nn.Linear(cells * count * width, numbers)

    def forward(self, x: Tensor) -> Tensor:
        return self.code(flat(self.encoder(x)[-1]))


class AppearanceEncoder(nn.Module):
    """An image (B, 3, H, W) in [-1, 1] and its parts to a code (B, 7·width/4 + width): the regions' in their order,
    zeros for one that is not visible, then the background's."""

    def __init__(self, size_px: tuple[int, int], width: int):
        super().__init__()
        count = halvings(size_px) + 1
        self.first = nn.Sequential(*conv(IMAGE_CHANNELS, width))
        self.block = block(width, width)
        self.foreground = Branch((REGION_PX, REGION_PX), count, width, width // _REGION_SHARE)
        self.background = Branch(size_px, count, width, width)

    def forward(self, image: Tensor, parts: Parts) -> Tensor:
        x = self.first(image)
        x = x + self.block(x)
        cut = regions(x * parts.mask, parts.boxes)
        codes = self.foreground(cut.flatten(0, 1)).unflatten(0, cut.shape[:2]) * parts.visible[..., None]
        return torch.cat([codes.flatten(1), self.background(x * (1 - parts.mask))], dim=1)


class BodyROI7(nn.Module):
    """The appearance of an image (B, 3, H, W) and a pose as maps (B, J, H, W), to an image (B, 3, H, W), unbounded.

    size_px: (H, W). width: channels of the first layers.
    """

    def __init__(self, pose_channels: int, size_px: tuple[int, int], width: int):
        super().__init__()
        numbers = REGIONS * (width // _REGION_SHARE) + width
        self.appearance = AppearanceEncoder(size_px, width)
        self.generator = ResidualUNet(numbers + pose_channels, size_px, width)
        glorot_start(self)

    def forward(self, image: Tensor, parts: Parts, pose: Tensor) -> Tensor:
        code = self.appearance(image, parts)[..., None, None].expand(-1, -1, *pose.shape[-2:])
        return self.generator(torch.cat([code, pose], dim=1))


# The method ---------------------------------------------------------------------------------------------------------


class _Made(NamedTuple):
    """What a step makes: an image, and its reconstruction with gradients."""

    image: Tensor
    generated: Tensor


class BodyROI7Method(NetworkMethod):
    """BodyROI7; see `cards.BODYROI7` for its parameters. The discriminator lives in training only."""

    card = cards.BODYROI7

    def _build(self) -> BodyROI7:
        width = self.parameters["width"]
        if width < _REGION_SHARE or width % _REGION_SHARE:
            raise ValueError(f"bodyroi7.width is a multiple of 4, since a region's code has a fourth, got {width}")
        return BodyROI7(len(self.info.skeleton), self.info.size_px, width)

    def _program(
        self, network: BodyROI7, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        lambda_l1 = self.parameters["lambda_l1"]
        if not 0 <= lambda_l1 < math.inf:
            raise ValueError(f"bodyroi7.lambda_l1 is a number from 0, got {lambda_l1}")
        discriminator = Discriminator(self.info.size_px, self.parameters["width"])

        def generator_loss(made: _Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            gan = adversarial.cross_entropy(discriminator(made.generated), real=True)
            l1 = (made.generated - made.image).abs().mean()
            return gan + lambda_l1 * l1, {"gan": gan, "l1": l1}

        def judging_loss(made: _Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            # one after the other: each image is judged among its like, whose statistics the norms take
            generated = adversarial.cross_entropy(discriminator(made.generated.detach()), real=False)
            real = adversarial.cross_entropy(discriminator(made.image), real=True)
            return (generated + real) / 2, {"judged_generated": generated, "judged_real": real}

        first = Turn("generator", adam(network, schedule, BETAS), generator_loss)
        second = Turn("discriminator", adam(discriminator, schedule, BETAS), judging_loss)
        return Program(
            {"generator": network, "discriminator": discriminator},
            (Phase((first, second), lambda batch: self._made(network, batch)),),
        )

    def _made(self, network: BodyROI7, batch: Batch) -> _Made:
        """The batch's references from their own parts; what a target looks like is not learned from."""
        condition = batch.condition
        generated = network(condition.image, self._parts(condition), self._pose(condition.joints))
        return _Made(condition.image, generated.float())

    def _answer(self, network: BodyROI7, condition: Condition) -> Synthesis:
        parts = self._parts(condition)
        image = network(condition.image, parts, self._pose(condition.target_joints))
        return Synthesis(image=image.clamp(-1, 1), masks=torch.cat([1 - parts.mask, parts.mask], dim=1))

    def _pose(self, joints: Tensor) -> Tensor:
        return encoding.solid_maps(joints, self.info.size_px).to(memory_format=torch.channels_last)

    def _parts(self, condition: Condition) -> Parts:
        """The reference's: regions by the 18 joints of the release, whose nose is the head where a dataset has none."""
        skeleton, size_px = condition.skeleton, self.info.size_px
        joints = encoding.convert(condition.joints, skeleton, OPENPOSE18)
        if "nose" not in skeleton.joints and "head" in skeleton.joints:
            joints[:, OPENPOSE18.joints.index("nose")] = condition.joints[:, skeleton.joints.index("head")]
        mask = encoding.limb_mask(condition.joints, skeleton, size_px, encoding.BODYROI7_MASK_RADIUS_PX)
        return Parts(mask, *encoding.part_boxes(joints, size_px))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.device("meta"):
            names = released_names(self._build())
        kept = {name: released.from_tensorflow(value) for name, value in state.items() if not DROPPED.fullmatch(name)}
        return released.renamed(kept, names)


def released_names(network: BodyROI7) -> dict[str, str]:
    """{the release's variable: our parameter}."""
    return {
        theirs: ours
        for part, scope in _SCOPES.items()
        for theirs, ours in slim_names(network.get_submodule(part), scope, part).items()
    }
