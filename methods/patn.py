"""PATN: a generator of pose-attentional transfer blocks, and two discriminators (Zhu et al., CVPR 2019).

Facts are those of the authors' release. State dictionaries have the authors' own names (docs/methods/patn.md lists
them), so a released file needs no renaming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods import adversarial, cards, encoding, layers
from methods.base import Batch, Condition, Synthesis, TrainingSchedule, WeightSource
from methods.layers import DROPOUT, NORMS, Norm
from methods.network_method import NetworkMethod
from methods.training import Phase, Program, Turn, adam
from mrnet.perceptual import PerceptualNetwork
from mrnet.poses import disc_maps

IMAGE_CHANNELS = 3
BETAS = (0.5, 0.999)
PERCEPTUAL_TAP = "relu1_2"
JUDGE_BLOCKS = 3
POOL_SHARE = 0.5
"""How often a full history pool answers with an old input."""

GanLoss = Callable[[Tensor, bool], Tensor]

GAN_LOSSES: dict[str, GanLoss] = {
    "cross_entropy": adversarial.cross_entropy,
    "least_squares": adversarial.least_squares,
}


# Networks -----------------------------------------------------------------------------------------------------------


class TransferBlock(nn.Module):
    """A pose-attentional transfer block: the pose stream says where the image stream changes.

    channels: of the image stream. pose_channels: of the pose stream's input; its output has 2·channels.
    """

    def __init__(self, channels: int, pose_channels: int, norm: Norm):
        super().__init__()
        bias = layers.biased(norm)
        self.conv_block_stream1 = layers.residual_branch(channels, norm, DROPOUT)
        self.conv_block_stream2 = nn.Sequential(
            *layers.padded(pose_channels, pose_channels, 3, bias),
            norm(pose_channels),
            nn.ReLU(inplace=True),
            nn.Dropout(DROPOUT),
            *layers.padded(pose_channels, channels, 3, bias),
        )

    def forward(self, image: Tensor, pose: Tensor) -> tuple[Tensor, Tensor]:
        """The new image (B, channels, h, w) and pose (B, 2·channels, h, w) streams."""
        attention = self.conv_block_stream2(pose)
        image = image + self.conv_block_stream1(image) * attention.sigmoid()
        return image, torch.cat([attention, image], dim=1)


class Generator(nn.Module):
    """The released generator, started as it was; dropout is on in training mode.

    width: channels behind the first convolution of both streams. blocks: transfer blocks, at least one.
    """

    def __init__(self, joints: int, width: int, blocks: int, norm: Norm):
        super().__init__()
        channels = 4 * width
        self.model = nn.ModuleDict(
            {
                "stream1_down": layers.encoder(IMAGE_CHANNELS, width, norm),
                "stream2_down": layers.encoder(2 * joints, width, norm),
                "att": nn.ModuleList(
                    TransferBlock(channels, 2 * channels if index else channels, norm) for index in range(blocks)
                ),
                "stream1_up": nn.Sequential(
                    *layers.up(channels, norm), *layers.up(channels // 2, norm), *layers.to_image(width, bias=True)
                ),
            }
        )
        layers.normal_start(self)

    def forward(self, image: Tensor, pose: Tensor, target_pose: Tensor) -> Tensor:
        """(B, 3, H, W) in (−1, 1). image: (B, 3, H, W) in [−1, 1]; poses: maps (B, J, H, W); sides divisible by 4."""
        x = self.model["stream1_down"](image)  # (B, 4·width, H/4, W/4)
        p = self.model["stream2_down"](torch.cat([pose, target_pose], dim=1))
        for block in self.model["att"]:
            x, p = block(x, p)
        return self.model["stream1_up"](x)


class Discriminator(nn.Module):
    """A released discriminator: (B, in_channels, H, W) → logits (B, 4·width, H/4, W/4), no single channel at its end.

    The Market release puts a sigmoid behind it, which is part of the loss here. PyTorch's own start, as released.
    """

    def __init__(self, in_channels: int, width: int, norm: Norm):
        super().__init__()
        blocks = [layers.ResidualBlock(4 * width, norm, DROPOUT) for _ in range(JUDGE_BLOCKS)]
        self.model = nn.Sequential(*layers.encoder(in_channels, width, norm), *blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class HistoryPool(nn.Module):
    """Generated inputs that a discriminator sees again, as in CycleGAN: what it keeps is in its state.

    The first `size` inputs are kept and given back; from then on each gives way, with probability ½, to a random kept
    one whose place it takes. Size 0 keeps nothing. Random numbers are torch's, of the CPU.
    """

    def __init__(self, size: int, channels: int, size_px: tuple[int, int]):
        super().__init__()
        self.register_buffer("kept", torch.zeros(size, channels, *size_px))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """(B, channels, H, W): new ones or kept ones, without gradient."""
        given, size, count = inputs.clone(), len(self.kept), int(self.count)
        for index, new in enumerate(inputs):
            if count < size:
                self.kept[count] = new
                count += 1
            elif size and float(torch.rand(())) < POOL_SHARE:
                place = int(torch.randint(size, ()))
                given[index] = self.kept[place]
                self.kept[place] = new
        self.count.fill_(count)
        return given


# Losses -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """What the turns of a step learn from: images (B, 3, H, W) in [−1, 1], maps (B, J, H, W) of the target's pose."""

    reference: Tensor
    target: Tensor
    target_pose: Tensor
    generated: Tensor


@dataclass(frozen=True)
class Judge:
    """A discriminator with its history pool. beside: what it sees behind the judged image's channels."""

    network: Discriminator
    pool: HistoryPool
    beside: Callable[[Made], Tensor]

    def loss(self, made: Made, gan: GanLoss) -> Tensor:
        """Mean over real and generated; the generator gets no gradient."""
        beside = self.beside(made)
        real = gan(self.network(torch.cat([made.target, beside], dim=1)), True)
        generated = self.pool(torch.cat([made.generated, beside], dim=1))  # without gradient
        return 0.5 * (real + gan(self.network(generated), False))

    def misled(self, made: Made, gan: GanLoss) -> Tensor:
        """The generator's loss: how far the generated image is from being taken for real."""
        return gan(self.network(torch.cat([made.generated, self.beside(made)], dim=1)), True)


def perceptual_distance(network: PerceptualNetwork, generated: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the features at PERCEPTUAL_TAP; no gradient for the target."""
    with torch.no_grad():
        wanted = network(target)[PERCEPTUAL_TAP]
    return (network(generated)[PERCEPTUAL_TAP] - wanted).abs().mean()


# Method -------------------------------------------------------------------------------------------------------------


class PATNMethod(NetworkMethod):
    """The released model; see `cards.PATN` for its parameters."""

    card = cards.PATN

    def _build(self) -> Generator:
        self._check()
        options = self.parameters
        joints = len(self.info.skeleton)
        return Generator(joints, options["width"], options["blocks"], NORMS[options["norm"]])

    def _check(self) -> None:
        """ValueError for a parameter with an illegal value."""
        choices = {
            "norm": tuple(NORMS),
            "maps": tuple(_MAPS),
            "gan_loss": tuple(GAN_LOSSES),
            "perceptual_network": ("vgg16", "vgg19"),
        }
        for name, valid in choices.items():
            if self.parameters[name] not in valid:
                told = " or ".join(map(repr, valid))
                raise ValueError(f"{self.card.name}.{name} is {told}, got {self.parameters[name]!r}")
        least = {"width": 1, "blocks": 1, "pool": 0, "lambda_l1": 0, "lambda_perceptual": 0, "lambda_gan": 0}
        for name, bound in least.items():
            if not self.parameters[name] >= bound:  # not `<`, which NaN would pass
                raise ValueError(f"{self.card.name}.{name} is at least {bound}, got {self.parameters[name]!r}")

    def _maps(self, joints: Tensor) -> Tensor:
        """(B, J, H, W) float32 in [0, 1], joints in the dataset's order, all 0 for a missing one."""
        maps = _MAPS[self.parameters["maps"]](joints, self.info.size_px)
        return maps.to(memory_format=torch.channels_last)

    def _program(
        self, network: Generator, schedule: TrainingSchedule, weights: WeightSource, device: torch.device
    ) -> Program:
        options = self.parameters
        gan = GAN_LOSSES[options["gan_loss"]]
        asset = options["perceptual_network"]
        perceptual = PerceptualNetwork(asset, weights.state_dict(asset), taps=(PERCEPTUAL_TAP,))
        perceptual.to(device, memory_format=torch.channels_last)
        pp = self._judge(IMAGE_CHANNELS, lambda made: made.reference)
        pb = self._judge(len(self.info.skeleton), lambda made: made.target_pose)

        def make(batch: Batch) -> Made:
            condition = batch.condition
            pose, target_pose = self._maps(condition.joints), self._maps(condition.target_joints)
            generated = network(condition.image, pose, target_pose).float()
            return Made(condition.image, batch.target, target_pose, generated)

        def generator_loss(made: Made) -> tuple[Tensor, Mapping[str, Tensor]]:
            terms = {
                "l1": (made.generated - made.target).abs().mean(),
                "perceptual": perceptual_distance(perceptual, made.generated, made.target),
                "gan_pb": pb.misled(made, gan),
                "gan_pp": pp.misled(made, gan),
            }
            image = options["lambda_l1"] * terms["l1"] + options["lambda_perceptual"] * terms["perceptual"]
            return image + options["lambda_gan"] * (terms["gan_pb"] + terms["gan_pp"]) / 2, terms

        def turn_of(name: str, judge: Judge) -> Turn:
            optimizer = adam(judge.network, schedule, BETAS)
            return Turn(name, optimizer, lambda made: (options["lambda_gan"] * judge.loss(made, gan), {}))

        turns = (
            Turn("generator", adam(network, schedule, BETAS), generator_loss),
            turn_of("discriminator_pp", pp),
            turn_of("discriminator_pb", pb),
        )
        networks = {
            "generator": network,
            "discriminator_pp": pp.network,
            "discriminator_pb": pb.network,
            "pool_pp": pp.pool,
            "pool_pb": pb.pool,
        }
        return Program(networks, (Phase(turns, make),))

    def _judge(self, channels_beside: int, beside: Callable[[Made], Tensor]) -> Judge:
        options = self.parameters
        channels = IMAGE_CHANNELS + channels_beside
        network = Discriminator(channels, options["width"], NORMS[options["norm"]])
        return Judge(network, HistoryPool(options["pool"], channels, self.info.size_px), beside)

    def _answer(self, network: Generator, condition: Condition) -> Synthesis:
        maps = self._maps(condition.joints), self._maps(condition.target_joints)
        return Synthesis(network(condition.image, *maps))

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(state)


def _gaussians(joints: Tensor, size_px: tuple[int, int]) -> Tensor:
    return encoding.gaussian_maps(joints, size_px, encoding.PATN_SIGMA_PX)


def _pixels(joints: Tensor, size_px: tuple[int, int]) -> Tensor:
    """What the DeepFashion release feeds: its Gaussians lie in 8-bit integers, where only the peak is not 0."""
    return disc_maps(joints.trunc(), size_px, radius_px=0)


_MAPS: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {"gaussian": _gaussians, "pixel": _pixels}
