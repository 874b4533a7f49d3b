"""The drawing of MR-Net says what the network is: channels and sizes by arithmetic, and every block in it."""

import pytest
import torch

from harness.report.architecture import POSE_CHANNELS, SIZE_PX, blocks, draw, label
from mrnet.network import MRNet

WIDTH = 4


@pytest.fixture(scope="module")
def network():
    return MRNet.paper(POSE_CHANNELS, passes=1, width=WIDTH)


def test_labels_are_the_networks_channels_and_sizes(network):
    found = blocks(network, POSE_CHANNELS, SIZE_PX)
    for number, (channels, share) in enumerate(
        [(1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16)], start=1
    ):
        block = found[f"encoder_conv.pose_enc.conv{number}"]
        assert block.channels == channels * WIDTH and block.size_px == (SIZE_PX[0] // share, SIZE_PX[1] // share)
        (conv,) = (m for m in network.get_submodule(block.name).modules() if isinstance(m, torch.nn.Conv2d))
        assert label(block).split("\n")[1] == f"{conv.in_channels} → {conv.out_channels}"
    assert found["background_encoder.di_conv3"].dilation == 8
    assert label(found["decoder_conv.conv7"]) == f"5×5\n{WIDTH} → 3\n{SIZE_PX[0]}×{SIZE_PX[1]}"


def test_every_convolution_is_in_a_drawn_block(network):
    drawn = blocks(network, POSE_CHANNELS, SIZE_PX)
    convolutions = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Conv2d)]
    assert [name for name in convolutions if not any(name.startswith(f"{block}.") for block in drawn)] == []


def test_every_block_has_its_box_in_the_figure(network):
    (axes,) = draw(network, POSE_CHANNELS, SIZE_PX).axes
    words = [text.get_text() for text in axes.texts]
    for block in blocks(network, POSE_CHANNELS, SIZE_PX).values():
        assert label(block) in words
