"""The multi-branch refinement network (MR-Net), Xu et al., IEEE TIP 2020, sections III.A and IV.A, Fig. 4.

The person is encoded from pose and foreground once; a background encoder and a decoder then run K times, each pass
taking the image of the pass before as its background:

    F_p = E_p(I_tp),  F_fg = E_fg(I_h, F_p),  Î_{s,0} = I_bkg,  Î_{s,k} = D(F_p, F_fg, E_bkg(Î_{s,k-1}, M)),  k = 1..K

Two compositions of the same blocks: `MRNet.paper` follows the paper, `MRNet.released` equals the authors' program,
parameter names included. docs/decisions.md lists where the two differ and why.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mrnet.blocks import NonLocalBlock, ResidualJunction, conv_unit, up
from mrnet.encoders import (
    IMAGE_CHANNELS,
    BackgroundEncoder,
    BackgroundFeatures,
    PersonFeatures,
    PoseGuidedEncoder,
    SinglePathEncoder,
)

PAPER_WIDTH = 32
SIZE_MULTIPLE = 16  # four poolings
PAPER_MIN_SIZE_PX = 32  # at 16 px the deepest map would be a single pixel: a batch norm over nothing but the batch
RELEASED_MIN_SIZE_PX = 48  # the dilated convolutions take 22 px off the half-size map, and a pooling follows
BATCH_NORM_MOMENTUM = 0.1


class Decoder(nn.Module):
    """D: seven 5×5 units with four up-samplings and two non-local blocks, H/16×W/16 → an image at H×W, tanh.

    skips: channels of the person skips at H/8, H/4, H/2.
    up_first: up-sample in front of units 1, 3, 5 (release) and not behind them (paper).
    non_local: the blocks for 4·width and 2·width channels; `nn.Identity` twice switches them off.
    non_local_after_skip: blocks behind units 2 and 4 (the release's single path) and not in front of them.
    last_norm: batch norm in front of the tanh.
    """

    def __init__(
        self,
        width: int,
        skips: tuple[int, int, int],
        up_first: bool,
        non_local: tuple[nn.Module, nn.Module],
        non_local_after_skip: bool,
        last_norm: bool,
    ):
        super().__init__()
        eighth, quarter, half = skips

        def rising(in_channels: int, out_channels: int) -> nn.Sequential:
            return conv_unit(in_channels, out_channels, resample=up(), resample_first=up_first)

        self.non_local_after_skip = non_local_after_skip
        self.conv1 = rising(8 * width, 4 * width)
        self.nonlocal1, self.nonlocal2 = non_local
        self.conv2 = conv_unit(eighth + 4 * width, 4 * width)
        self.conv3 = rising(4 * width, 2 * width)
        self.conv4 = conv_unit(quarter + 2 * width + 4 * width, 2 * width)
        self.conv5 = rising(2 * width, width)
        self.conv6 = conv_unit(half + width + 2 * width, width)
        self.conv7 = conv_unit(width, IMAGE_CHANNELS, resample=up(), norm=last_norm, activation=nn.Tanh())

    def person(self, person: PersonFeatures) -> Tensor:
        """The part above the background's entry, the same in every pass: (B, 2·width, H/4, W/4)."""
        x = self.conv1(person.deepest)
        if self.non_local_after_skip:
            return self.conv3(self.nonlocal1(self.conv2(torch.cat((person.eighth, x), dim=1))))
        x = self.conv2(torch.cat((person.eighth, self.nonlocal1(x)), dim=1))
        return self.nonlocal2(self.conv3(x))

    def forward(self, x: Tensor, person: PersonFeatures, background: BackgroundFeatures) -> Tensor:
        """x: what `person` returned. The image (B, 3, H, W) in [-1, 1]."""
        x = self.conv4(torch.cat((person.quarter, x, background.quarter), dim=1))
        if self.non_local_after_skip:
            x = self.nonlocal2(x)
        x = self.conv6(torch.cat((person.half, self.conv5(x), background.half), dim=1))
        return self.conv7(x)

    def person_blocks(self) -> list[nn.Module]:
        """The blocks that `person` runs."""
        blocks = [self.conv1, self.conv2, self.conv3, self.nonlocal1]
        return blocks if self.non_local_after_skip else [*blocks, self.nonlocal2]


class MRNet(nn.Module):
    """MR-Net from its parts; use `MRNet.paper` or `MRNet.released`.

    passes: refinement passes, at least 1 (3 in the paper). min_size_px: smallest image side, pixels; why_min says why.
    """

    def __init__(
        self,
        encoder: PoseGuidedEncoder | SinglePathEncoder,
        background_encoder: BackgroundEncoder,
        decoder: Decoder,
        passes: int,
        min_size_px: int,
        why_min: str,
    ):
        super().__init__()
        if passes < 1:
            raise ValueError(f"MR-Net runs at least one pass, got passes={passes}")
        self.encoder_conv = encoder
        self.background_encoder = background_encoder
        self.decoder_conv = decoder
        self.passes = passes
        self.min_size_px = min_size_px
        self.why_min = why_min

    def check_size(self, size_px: tuple[int, int]) -> None:
        """ValueError unless both sides are multiples of 16 and not below the smallest size."""
        height, width = size_px
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or min(size_px) < self.min_size_px:
            raise ValueError(
                f"MR-Net needs image sides divisible by {SIZE_MULTIPLE} (it pools four times) and of at least "
                f"{self.min_size_px} px ({self.why_min}), got {height}×{width}"
            )

    def forward(self, pose: Tensor, person: Tensor, background: Tensor, mask: Tensor) -> list[Tensor]:
        """The image of every pass, (B, 3, H, W) in [-1, 1]; the last is the answer.

        pose: (B, P, H, W) target pose maps; person: (B, 3, H, W) I_h = image·mask; background: (B, 3, H, W)
        I_bkg = image·(1 - mask), both in [-1, 1]; mask: (B, 1, H, W), 1 = person, the same in every pass.
        Gradients flow through all passes. Raises ValueError for a size the network cannot take.
        """
        self.check_size((pose.shape[-2], pose.shape[-1]))
        features = self.encoder_conv(pose, person)
        common = self.decoder_conv.person(features)
        images: list[Tensor] = []
        for _ in range(self.passes):
            background = self.decoder_conv(common, features, self.background_encoder(background, mask))
            images.append(background)
        return images

    @classmethod
    def paper(
        cls,
        pose_channels: int,
        passes: int = 3,
        non_local: bool = True,
        two_path: bool = True,
        width: int = PAPER_WIDTH,
    ) -> MRNet:
        """The network of the paper, read as docs/decisions.md says; `width` scales every channel number (32 = paper).

        Takes any size divisible by 16 from 32 px. Raises ValueError for an odd width (a non-local block halves twice).
        """
        if width < 2 or width % 2:
            raise ValueError(f"MR-Net's width must be even and at least 2, got {width}")
        if two_path:
            junction = conv_unit(16 * width, 8 * width, kernel=1)
            encoder = PoseGuidedEncoder(pose_channels, width, pool_first=False, junction=junction)
        else:
            junction = conv_unit(8 * width, 8 * width, kernel=1)
            encoder = SinglePathEncoder(pose_channels, width, pool_first=False, junction=junction, half_layer=2)
        decoder = Decoder(
            width,
            _skip_channels(width, two_path),
            up_first=False,
            non_local=_non_local_pair(width, non_local, relu_behind=False),
            non_local_after_skip=False,
            last_norm=False,
        )
        background_encoder = BackgroundEncoder(width, pool_first=False, keep_size=True)
        why_min = "below, its deepest map is one pixel"
        return cls(encoder, background_encoder, decoder, passes, PAPER_MIN_SIZE_PX, why_min)

    @classmethod
    def released(cls, pose_channels: int, passes: int = 3, non_local: bool = True, two_path: bool = True) -> MRNet:
        """The authors' network: same function, names and shapes; only Up(32×32) is generalised to H/4×W/4.

        Takes any size divisible by 16 from 48 px (the release: 128×128 and 128×64).
        """
        width = PAPER_WIDTH
        if two_path:
            junction = ResidualJunction(16 * width, 8 * width)
            encoder = PoseGuidedEncoder(pose_channels, width, pool_first=True, junction=junction)
        else:
            encoder = SinglePathEncoder(pose_channels, width, pool_first=True, junction=nn.Identity(), half_layer=1)
        decoder = Decoder(
            width,
            _skip_channels(width, two_path),
            up_first=True,
            non_local=_non_local_pair(width, non_local, relu_behind=True),
            non_local_after_skip=not two_path,
            last_norm=True,
        )
        _repeat_running_statistics(decoder, passes)
        background_encoder = BackgroundEncoder(width, pool_first=True, keep_size=False)
        why_min = "its dilated convolutions take 22 px off the half-size map"
        return cls(encoder, background_encoder, decoder, passes, RELEASED_MIN_SIZE_PX, why_min)


def _skip_channels(width: int, two_path: bool) -> tuple[int, int, int]:
    paths = 2 if two_path else 1
    return 4 * width * paths, 2 * width * paths, width * paths


def _non_local_pair(width: int, wanted: bool, relu_behind: bool) -> tuple[nn.Module, nn.Module]:
    if not wanted:
        return nn.Identity(), nn.Identity()
    return NonLocalBlock(4 * width, relu_behind), NonLocalBlock(2 * width, relu_behind)


def _repeat_running_statistics(decoder: Decoder, passes: int) -> None:
    """Let one update of the running statistics count for `passes` equal ones.

    The release runs the whole decoder in every pass. What lies above the background's entry gets the same input each
    time, so we run it once; its running statistics must then move as far as K updates with the same batch would.
    """
    for block in decoder.person_blocks():
        for module in block.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1 - (1 - BATCH_NORM_MOMENTUM) ** passes
