"""Pose maps: one binary disc a joint, x across and y down."""

import math

import pytest
import torch

from mrnet.poses import disc_maps, radius_px


def test_disc_is_every_pixel_within_the_radius_the_edge_included():
    x, y, radius = 40, 20, 5.0
    drawn = disc_maps(torch.tensor([[[float(x), float(y)]]]), (128, 64), radius)
    assert drawn.shape == (1, 1, 128, 64)
    expected = torch.zeros(128, 64)
    for row in range(128):
        for column in range(64):
            expected[row, column] = math.dist((column, row), (x, y)) <= radius
    assert torch.equal(drawn[0, 0], expected)
    assert drawn.sum() == 81  # lattice points in a circle of radius 5


def test_each_joint_has_its_own_channel_and_a_missing_one_an_empty_channel():
    nan = float("nan")
    joints = torch.tensor([[[8.0, 4.0], [nan, nan]], [[nan, 3.0], [2.0, 30.0]]])
    drawn = disc_maps(joints, (32, 16), 1.0)
    assert drawn.dtype == torch.float32
    assert drawn.sum(dim=(2, 3)).tolist() == [[5, 0], [0, 5]]
    assert drawn[0, 0, 4, 8] == 1
    assert drawn[1, 1, 30, 2] == 1


def test_a_joint_outside_the_image_shows_what_reaches_in():
    drawn = disc_maps(torch.tensor([[[-1.0, 10.0], [-50.0, 10.0]]]), (32, 32), 2.0)
    assert drawn[0, 0].nonzero().tolist() == [[9, 0], [10, 0], [10, 1], [11, 0]]
    assert drawn[0, 1].sum() == 0


def test_fractional_joints_are_measured_from_pixel_centres():
    drawn = disc_maps(torch.tensor([[[4.5, 4.0]]]), (9, 9), 0.5)
    assert drawn[0, 0].nonzero().tolist() == [[4, 4], [4, 5]]


@pytest.mark.parametrize(("size_px", "expected"), [((128, 128), 5.0), ((128, 64), 5.0), ((64, 64), 2.5)])
def test_radius_follows_the_height(size_px, expected):
    assert radius_px(size_px) == expected
