"""DeepFill v1: coarse-to-fine inpainting with contextual attention against two critics (Yu et al., CVPR 2018).

Layers, losses and rates are those of branch v1.0.0 of the authors' TensorFlow release, whose images are BGR. As a
method here it fills the reference's person box: it is the inpainter of `crop-inpaint`, and by itself the scene without
the person. It learns from the training images' own backgrounds: what it must paint lies in a random box, the person is
hidden from it and does not count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods import cards, released
from methods.attention import contextual_attention
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.network_method import NetworkMethod
from methods.tf_layers import SameConv, glorot_start
from methods.training import Phase, Program, Turn, adam
from methods.views import crop_windows
from mrnet.losses import box_masks

BETAS = (0.5, 0.9)
COARSE_WEIGHT = 1.2
L1_WEIGHT = 1.2
KNOWN_WEIGHT = 1.2
GAN_WEIGHT = 0.001
PENALTY_WEIGHT = 10.0
DISCOUNT = 0.9
"""An error counts this much less for each pixel between it and the nearest edge of the box."""

_BOX_SHARE = 2  # the random box takes half of each side
_MARGIN_SHARE = 16  # and its hole starts at most a sixteenth of the side within
_LEAK = 0.2
_NO_ZERO = 1e-12
_IMAGE_CHANNELS = 3
_INPUT_CHANNELS = 5  # image, ones, hole

RELEASED_PREFIX = "inpaint_net/"
_LEAVES = {"kernel": "weight", "bias": "bias"}

DROPPED = re.compile(rf"discriminator/.*|{released.TENSORFLOW_LEFTOVERS}")
"""Variables of a released checkpoint that are no part of the generator. Any other unknown one is refused."""


# Networks -----------------------------------------------------------------------------------------------------------


class _Layer(SameConv):
    """A convolution and its activation, behind a doubling of the size where the name says so."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, dilation: int, kind: str):
        super().__init__(in_channels, out_channels, kernel, stride, dilation)
        self._kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self._kind == "up":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = super().forward(x)
        if self._kind == "linear":
            return x
        return F.relu(x) if self._kind == "relu" else F.elu(x)


def _layers(prefix: str, in_channels: int, plan: Iterable[tuple[str, int, int, int, int, str]]) -> nn.Sequential:
    """plan: name behind the prefix, channels, kernel, stride, dilation and kind of each layer."""
    stack = nn.Sequential()
    for name, channels, kernel, stride, dilation, kind in plan:
        stack.add_module(prefix + name, _Layer(in_channels, channels, kernel, stride, dilation, kind))
        in_channels = channels
    return stack


def _atrous(first: int, channels: int) -> list[tuple[str, int, int, int, int, str]]:
    return [(f"conv{first + n}_atrous", channels, 3, 1, 2 << n, "elu") for n in range(4)]


def _decoder(channels: int) -> list[tuple[str, int, int, int, int, str]]:
    return [
        ("conv11", channels, 3, 1, 1, "elu"),
        ("conv12", channels, 3, 1, 1, "elu"),
        ("conv13_upsample", channels // 2, 3, 1, 1, "up"),
        ("conv14", channels // 2, 3, 1, 1, "elu"),
        ("conv15_upsample", channels // 4, 3, 1, 1, "up"),
        ("conv16", channels // 8, 3, 1, 1, "elu"),
        ("conv17", _IMAGE_CHANNELS, 3, 1, 1, "linear"),
    ]


class DeepFill(nn.Module):
    """An image (B, 3, H, W), BGR in [-1, 1], and its hole (B, 1, H, W) in {0, 1} to a coarse and a fine image, both
    (B, 3, H, W) in [-1, 1] and painted everywhere. Sides divisible by 8. width: channels of the first layers.
    """

    def __init__(self, width: int):
        super().__init__()
        top = 4 * width
        start = ("conv1", width, 5, 1, 1, "elu")
        self.coarse = _layers(
            "",
            _INPUT_CHANNELS,
            [
                start,
                ("conv2_downsample", 2 * width, 3, 2, 1, "elu"),
                ("conv3", 2 * width, 3, 1, 1, "elu"),
                ("conv4_downsample", top, 3, 2, 1, "elu"),
                ("conv5", top, 3, 1, 1, "elu"),
                ("conv6", top, 3, 1, 1, "elu"),
                *_atrous(7, top),
                *_decoder(top),
            ],
        )
        shared = [start, ("conv2_downsample", width, 3, 2, 1, "elu"), ("conv3", 2 * width, 3, 1, 1, "elu")]
        self.painting = _layers(
            "x",
            _INPUT_CHANNELS,
            [
                *shared,
                ("conv4_downsample", 2 * width, 3, 2, 1, "elu"),
                ("conv5", top, 3, 1, 1, "elu"),
                ("conv6", top, 3, 1, 1, "elu"),
                *_atrous(7, top),
            ],
        )
        self.matching = _layers(
            "pm",
            _INPUT_CHANNELS,
            [
                *shared,
                ("conv4_downsample", top, 3, 2, 1, "elu"),
                ("conv5", top, 3, 1, 1, "elu"),
                ("conv6", top, 3, 1, 1, "relu"),
            ],
        )
        self.matched = _layers("pm", top, [("conv9", top, 3, 1, 1, "elu"), ("conv10", top, 3, 1, 1, "elu")])
        self.fine = _layers("all", 2 * top, _decoder(top))
        glorot_start(self)

    def forward(self, image: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        known, ones = image * (1 - hole), torch.ones_like(hole)
        coarse = self.coarse(torch.cat([known, ones, hole], dim=1)).clamp(-1, 1)
        x = torch.cat([coarse * hole + known, ones, hole], dim=1)
        matching = self.matching(x)
        with torch.autocast(image.device.type, enabled=False):  # a softmax over scores of any size
            attended = contextual_attention(matching.float(), hole.float())
        x = torch.cat([self.painting(x), self.matched(attended)], dim=1)
        return coarse, self.fine(x).clamp(-1, 1)


class Critic(nn.Module):
    """Images (B, 3, H, W) to a number an image, (B,), unbounded: four 5×5 convolutions of stride 2 and a dense layer.

    channels: of the four. size_px: (H, W).
    """

    def __init__(self, size_px: tuple[int, int], channels: tuple[int, int, int, int]):
        super().__init__()
        into = (_IMAGE_CHANNELS, *channels[:-1])
        self.features = nn.ModuleList(SameConv(a, b, 5, stride=2) for a, b in zip(into, channels, strict=True))
        halved = [math.ceil(side / 2 ** len(channels)) for side in size_px]
        self.judge = nn.Linear(math.prod(halved) * channels[-1], 1)
        glorot_start(self)

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for layer in self.features:
            x = F.leaky_relu(layer(x), _LEAK)
        return self.judge(x.permute(0, 2, 3, 1).flatten(1)).squeeze(1)  # from rows, columns, channels


class Critics(nn.Module):
    """The critic of the whole image and that of the random box. width: the generator's."""

    def __init__(self, size_px: tuple[int, int], width: int):
        super().__init__()
        box_px = (size_px[0] // _BOX_SHARE, size_px[1] // _BOX_SHARE)
        self.whole = Critic(size_px, (2 * width, 4 * width, 8 * width, 8 * width))
        self.local = Critic(box_px, (2 * width, 4 * width, 8 * width, 16 * width))


# Losses -------------------------------------------------------------------------------------------------------------


def discount(size_px: tuple[int, int], device: torch.device) -> Tensor:
    """(H, W): `DISCOUNT` to the power of the distance to the nearest edge. A row's distance to the lower edge counts
    from H, so the first row has weight 1 and the last `DISCOUNT`, as in the release; columns likewise."""

    def steps(side: int) -> Tensor:
        places = torch.arange(side, device=device)
        return torch.minimum(places, side - places)

    rows, columns = steps(size_px[0]), steps(size_px[1])
    return DISCOUNT ** torch.minimum(rows[:, None], columns[None, :]).float()


@dataclass(frozen=True)
class Painting:
    """What a training step made. All (B, C, H, W) and BGR; what is local is cut out by the random box.

    image: the real one. completed: the same with the fine image where it was to be painted.
    counts: 1 where an error counts, which is not on the person. blind: 1 where the network saw nothing.
    painted: 1 where the completed image is the network's.
    """

    image: Tensor
    coarse: Tensor
    fine: Tensor
    completed: Tensor
    counts: Tensor
    blind: Tensor
    painted: Tensor
    boxes: Tensor  # (B, 4) int64 xyxy, all of one size

    def local(self, maps: Tensor) -> Tensor:
        """The maps in each sample's box."""
        parts = [
            sample[:, top:bottom, left:right]
            for sample, (left, top, right, bottom) in zip(maps, self.boxes.tolist(), strict=True)
        ]
        return torch.stack(parts)


def reconstruction(made: Painting) -> dict[str, Tensor]:
    """The L1 of both images, discounted in the box (`l1`) and over what the network saw (`known`), unweighted."""
    weight = discount(tuple(made.local(made.image).shape[-2:]), made.image.device) * made.local(made.counts)
    seen = 1 - made.blind
    share_seen = seen.mean().clamp(min=1 / seen.numel())  # one pixel at least: persons may fill every image
    terms = {"l1": 0.0, "known": 0.0}
    for painted, share in ((made.coarse, COARSE_WEIGHT), (made.fine, 1.0)):
        error = (made.image - painted.float()).abs()
        terms["l1"] = terms["l1"] + share * (made.local(error) * weight).mean()
        terms["known"] = terms["known"] + share * (error * seen).mean() / share_seen
    return terms


def gradient_penalty(critic: nn.Module, real: Tensor, generated: Tensor, painted: Tensor) -> Tensor:
    """How far the critic's slope, over the painted pixels, is from 1 between real and generated images; a mean.

    The place between the two is drawn from torch's generator. Where the person covers the hole nothing is painted, so
    no slope is asked for: such a sample gives 0.
    """
    share = torch.rand(len(real), 1, 1, 1).to(real.device)
    between = (real + share * (generated - real)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    squares = (slope * painted).flatten(1).square().sum(dim=1)
    # not the root of 0, whose derivative is infinite
    length = torch.where(painted.flatten(1).any(dim=1), squares.clamp(min=_NO_ZERO), 1).sqrt()
    return (length - 1).square().mean()


# The method ---------------------------------------------------------------------------------------------------------


class DeepFillMethod(NetworkMethod):
    """DeepFill v1; see `cards.DEEPFILL` for its parameters. The critics live in training only."""

    card = cards.DEEPFILL

    def _build(self) -> DeepFill:
        width = self.parameters["width"]
        if width < 2 or width % 2:
            raise ValueError(f"deepfill.width is an even number from 2, since some layers have half of it, got {width}")
        return DeepFill(width)

    def _program(
        self, network: DeepFill, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        if self.parameters["critic_turns"] < 1:
            raise ValueError(f"deepfill.critic_turns is at least 1, got {self.parameters['critic_turns']}")
        critics = Critics(self.info.size_px, self.parameters["width"])

        def critic_loss(made: Painting) -> tuple[Tensor, Mapping[str, Tensor]]:
            with torch.autocast(device.type, enabled=False):  # the penalty is a derivative: it needs every bit
                completed = made.completed.detach()
                pairs = {"whole": (critics.whole, lambda maps: maps), "local": (critics.local, made.local)}
                terms = {}
                for name, (critic, part) in pairs.items():
                    real, generated = part(made.image), part(completed)
                    terms[f"critic_{name}"] = critic(generated).mean() - critic(real).mean()
                    terms[f"penalty_{name}"] = gradient_penalty(critic, real, generated, part(made.painted))
            distance = terms["critic_whole"] + terms["critic_local"]
            return distance + PENALTY_WEIGHT * (terms["penalty_whole"] + terms["penalty_local"]), terms

        def painter_loss(made: Painting) -> tuple[Tensor, Mapping[str, Tensor]]:
            with torch.autocast(device.type, enabled=False):
                judged = critics.whole(made.completed).mean() + critics.local(made.local(made.completed)).mean()
            terms = {"gan": -judged, **reconstruction(made)}
            total = GAN_WEIGHT * terms["gan"] + L1_WEIGHT * terms["l1"] + KNOWN_WEIGHT * terms["known"]
            return total, terms

        critic = Turn("critics", adam(critics, schedule, BETAS), critic_loss)
        painter = Turn("painter", adam(network, schedule, BETAS), painter_loss)
        turns = (critic,) * self.parameters["critic_turns"] + (painter,)
        return Program(
            {"generator": network, "critics": critics}, (Phase(turns, lambda batch: self._painted(network, batch)),)
        )

    def _painted(self, network: DeepFill, batch: Batch) -> Painting:
        """The network's answer to the batch's reference images with a random box hidden, and the person with it."""
        condition = batch.condition
        image = condition.image.flip(1)
        boxes, holes = random_boxes(len(image), self.info.size_px, image.device)
        masked = condition.mask.flatten(1).any(dim=1)[:, None, None, None]
        person = torch.where(masked, condition.mask, box_masks(condition.box, self.info.size_px))
        blind = torch.maximum(holes, person)
        coarse, fine = network(image, blind)
        painted = holes * (1 - person)
        completed = torch.where(painted.bool(), fine.float(), image)
        return Painting(image, coarse, fine, completed, 1 - person, blind, painted, boxes)

    def _answer(self, network: DeepFill, condition: Condition) -> Synthesis:
        boxes, _ = crop_windows(condition)
        hole = box_masks(boxes, self.info.size_px)
        _, fine = network(condition.image.flip(1), hole)
        return Synthesis(image=torch.where(hole.bool(), fine.flip(1).float(), condition.image))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.device("meta"):
            names = released_names(self._build())
        kept = {name: released.from_tensorflow(value) for name, value in state.items() if not DROPPED.fullmatch(name)}
        return released.renamed(kept, names)


def random_boxes(count: int, size_px: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Boxes of half the sides, (count, 4) int64 xyxy, at random places, and the hole in each, (count, 1, H, W), whose
    edges lie up to a sixteenth of the side within. All are drawn from torch's generator."""
    starts, ends, within = [], [], []
    for side in reversed(size_px):  # x, then y
        start = torch.randint(0, side - side // _BOX_SHARE, (count,))
        starts.append(start)
        ends.append(start + side // _BOX_SHARE)
        within.append(torch.randint(0, side // _MARGIN_SHARE + 1, (count,)))
    boxes = torch.stack([*starts, *ends], dim=1)
    margins = torch.stack([*within, *(-margin for margin in within)], dim=1)
    return boxes, box_masks((boxes + margins).float().to(device), size_px)


def released_names(network: DeepFill) -> dict[str, str]:
    """{the release's variable: our parameter}: layers have the release's names, in the order of its program."""
    table = {}
    for name, layer in network.named_modules():
        if isinstance(layer, _Layer):
            own = name.rpartition(".")[2]
            scope = f"{own}/{own}_conv" if own.endswith("_upsample") else own
            for theirs, ours in _LEAVES.items():
                table[f"{RELEASED_PREFIX}{scope}/{theirs}"] = f"{name}.{ours}"
    return table
