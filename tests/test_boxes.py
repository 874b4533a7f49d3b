"""Boxes around joints and masks, by hand."""

import numpy as np

from harness.boxes import box_of_joints, box_of_mask

SQUARE_PX = (64, 64)


def test_boxes_of_joints():
    joints = np.array([[10.0, 20.0], [30.0, 60.0], [np.nan, np.nan], [-5.0, 30.0]])
    np.testing.assert_array_equal(box_of_joints(joints, (128, 128)), [6, 14, 35, 65])
    np.testing.assert_array_equal(box_of_joints(np.array([[0.0, 0.0]]), SQUARE_PX), [0, 0, 4, 4])
    np.testing.assert_array_equal(box_of_joints(np.array([[63.0, 63.0]]), SQUARE_PX), [60, 60, 64, 64])
    np.testing.assert_array_equal(box_of_joints(np.full((3, 2), np.nan), SQUARE_PX), [0, 0, 64, 64])


def test_boxes_of_joints_in_a_frame_that_is_not_square():
    joints = np.array([[10.0, 20.0], [30.0, 100.0], [40.0, 30.0]])
    np.testing.assert_array_equal(box_of_joints(joints, (128, 32)), [2, 8, 32, 109])
    np.testing.assert_array_equal(box_of_joints(np.full((3, 2), np.nan), (128, 32)), [0, 0, 32, 128])


def test_boxes_of_masks():
    mask = np.zeros((20, 30), np.uint8)
    assert box_of_mask(mask) is None
    mask[4, 7] = mask[9, 20] = 3
    np.testing.assert_array_equal(box_of_mask(mask), [7, 4, 21, 10])
