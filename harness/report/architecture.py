"""MR-Net drawn from its own blocks (the paper's Fig. 4): `python -m harness.report.architecture docs/architecture`.

Every number in the drawing is what a forward pass through the network gives.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import harness.report.style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import nn

    from mrnet.network import MRNet

SIZE_PX = (128, 128)
POSE_CHANNELS = 13
"""Joints of Penn Action, which the paper trains on first."""


class Block(NamedTuple):
    """A block as it ran. name: in the network; kernel: of its first convolution, pixels; size_px: (height, width)."""

    name: str
    kernel: int
    dilation: int
    in_channels: int
    channels: int
    size_px: tuple[int, int]


class _Lane(NamedTuple):
    """Blocks that stand in a row, from left to right. path: of the module they are in; x, y: of the first, in blocks.

    leftward: data runs from right to left.
    """

    title: str
    path: str
    names: tuple[str, ...]
    x: float
    y: float
    colour: str
    leftward: bool = False


_CONVS = tuple(f"conv{number}" for number in range(1, 9))
_DECODER = ("conv7", "conv6", "conv5", "conv4", "nonlocal2", "conv3", "conv2", "nonlocal1", "conv1")
_BACKGROUND = ("conv1", "conv2", "di_conv1", "di_conv2", "di_conv3", "conv3")
_LANES = (
    _Lane("pose\nencoder $E_p$", "encoder_conv.pose_enc", _CONVS, 0, 3, style.COLOURS[0]),
    _Lane("foreground\nencoder $E_{fg}$", "encoder_conv.fore_enc", _CONVS, 0, 2, style.COLOURS[2]),
    _Lane("", "encoder_conv", ("conv",), 8.2, 2.5, style.COLOURS[7]),
    _Lane("decoder $D$", "decoder_conv", _DECODER, 0, 1, style.COLOURS[1], leftward=True),
    _Lane("background\nencoder $E_{bkg}$", "background_encoder", _BACKGROUND, 0, 0, style.COLOURS[4]),
)
_SKIPS = (
    ("encoder_conv.fore_enc.conv6", "decoder_conv.conv2"),
    ("encoder_conv.fore_enc.conv4", "decoder_conv.conv4"),
    ("encoder_conv.fore_enc.conv2", "decoder_conv.conv6"),
    ("background_encoder.conv2", "decoder_conv.conv6"),
    ("background_encoder.conv3", "decoder_conv.conv4"),
)
"""What the decoder joins; those of E_fg are of both encoders of the person."""

_GUIDES = tuple((f"encoder_conv.pose_enc.conv{n - 1}", f"encoder_conv.fore_enc.conv{n}") for n in (2, 5, 7))
"""Where E_fg sees the pose features."""

_BOX = (0.8, 0.46)
_BLOCK_IN, _LANE_IN, _EDGE, _TITLE_WIDTH, _TITLE_GAP = 1.2, 1.15, 0.1, 1.2, 0.1
_FONT_PT, _TITLE_PT = 7.5, 9.5


def blocks(network: MRNet, pose_channels: int, size_px: tuple[int, int]) -> dict[str, Block]:
    """The network's drawn blocks by name, with the channels and sizes of a forward pass; a block's first call counts.

    A non-local block that is switched off is left out.
    """
    import torch

    found: dict[str, Block] = {}

    def note(name: str, module: nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        conv = next((part for part in module.modules() if isinstance(part, torch.nn.Conv2d)), None)
        if name not in found and conv is not None:
            size = (int(output.shape[-2]), int(output.shape[-1]))
            kernel, dilation = conv.kernel_size[0], conv.dilation[0]
            found[name] = Block(name, kernel, dilation, conv.in_channels, int(output.shape[1]), size)

    names = [f"{lane.path}.{part}" for lane in _LANES for part in lane.names]
    hooks = [network.get_submodule(name).register_forward_hook(partial(note, name)) for name in names]
    height, width = size_px
    images = [torch.zeros(1, channels, height, width) for channels in (pose_channels, 3, 3, 1)]
    try:
        with torch.no_grad():
            network.eval()(*images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def label(block: Block) -> str:
    """What stands in a block's box: kernel, channels in and out, and the map's size behind it."""
    part = block.name.rpartition(".")[2]
    dilated = f", dilation {block.dilation}" if block.dilation > 1 else ""
    if part == "conv":
        return f"junction, {block.kernel}×{block.kernel}\n{block.in_channels} → {block.channels}\n{_size(block)}"
    what = "non-local" if part.startswith("nonlocal") else f"{block.kernel}×{block.kernel}{dilated}"
    channels = f"{block.channels}" if part.startswith("nonlocal") else f"{block.in_channels} → {block.channels}"
    return f"{what}\n{channels}\n{_size(block)}"


def _size(block: Block) -> str:
    return f"{block.size_px[0]}×{block.size_px[1]}"


def draw(network: MRNet, pose_channels: int, size_px: tuple[int, int]) -> Figure:
    """The network as lanes of boxes: encoders above and below, the decoder between, what it joins as arrows."""
    from matplotlib.figure import Figure

    found = blocks(network, pose_channels, size_px)
    longest = max(lane.x + len(lane.names) for lane in _LANES)
    with style.house():
        figure = Figure(((longest + _TITLE_WIDTH) * _BLOCK_IN, len(_LANES[:-1]) * _LANE_IN))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        ax.set_xlim(-_TITLE_WIDTH, longest)
        ax.set_ylim(-_EDGE - _BOX[1] / 2, max(lane.y for lane in _LANES) + _BOX[1] / 2 + _EDGE)
        centres = {name: at for lane in _LANES for name, at in _lane(ax, lane, found).items()}
        for start, end in _SKIPS:
            _arrow(ax, centres[start], centres[end], style.COLOURS[3])
        for start, end in _GUIDES:
            _arrow(ax, centres[start], centres[end], style.COLOURS[0])
        junction = centres["encoder_conv.conv"]
        for last in ("encoder_conv.pose_enc.conv8", "encoder_conv.fore_enc.conv8"):
            _arrow(ax, centres[last], junction, style.COLOURS[7])
        _arrow(ax, junction, centres["decoder_conv.conv1"], style.COLOURS[7])
        _arrow(ax, centres["decoder_conv.conv7"], centres["background_encoder.conv1"], "black")
    return figure


def _lane(ax: Axes, lane: _Lane, found: dict[str, Block]) -> dict[str, tuple[float, float]]:
    """Draw a lane's blocks; their centres by name."""
    from matplotlib.patches import FancyBboxPatch

    width, height = _BOX
    there = [name for part in lane.names if (name := f"{lane.path}.{part}") in found]
    centres = {name: (lane.x + place + width / 2, lane.y) for place, name in enumerate(there)}
    for name, (x, y) in centres.items():
        corner = (x - width / 2, y - height / 2)
        ax.add_patch(
            FancyBboxPatch(
                corner, width, height, boxstyle="round,pad=0,rounding_size=0.05", facecolor=lane.colour, alpha=0.25,
                edgecolor=lane.colour,
            )
        )  # fmt: skip
        ax.text(x, y, label(found[name]), ha="center", va="center", fontsize=_FONT_PT)
    ax.text(-_TITLE_GAP, lane.y, lane.title, fontsize=_TITLE_PT, fontweight="bold", ha="right", va="center")
    for (x, y), (next_x, _) in itertools.pairwise(centres.values()):
        ends = ((next_x - width / 2, y), (x + width / 2, y))
        end, start = reversed(ends) if lane.leftward else ends
        ax.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "black"})
    return centres


def _arrow(ax: Axes, start: Sequence[float], end: Sequence[float], colour: str) -> None:
    """An arrow between the facing edges of two boxes of different lanes."""
    up = 1 if end[1] > start[1] else -1
    reach = _BOX[1] / 2 * up
    ax.annotate(
        "", (end[0], end[1] - reach), (start[0], start[1] + reach),
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.2},
    )  # fmt: skip


def main() -> None:
    """Write PATH.png and PATH.pdf of the paper's network."""
    from mrnet.network import MRNet

    parser = argparse.ArgumentParser(description="Draw MR-Net's architecture from its blocks.")
    parser.add_argument("path", type=Path, help="where to write, without the ending")
    path = parser.parse_args().path
    figure = draw(MRNet.paper(POSE_CHANNELS, passes=1), POSE_CHANNELS, SIZE_PX)
    for ending in (".png", ".pdf"):
        style.save(figure, path.with_suffix(ending))


if __name__ == "__main__":
    main()
