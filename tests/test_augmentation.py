"""Mirrored training pairs: everything of a pair mirrored together and exactly, by fair coins of torch's generator."""

import random

import numpy as np
import pytest
import torch

from methods import encoding
from methods.augmentation import randomly_flipped
from methods.base import Batch, Condition
from mrnet.skeletons import OPENPOSE18, PENN13

HEIGHT_PX, WIDTH_PX = 12, 9
MANY = 40000

both_ways = pytest.mark.parametrize("swap_sides", [False, True])


def picture(joints):
    """(B, J, H, W): the pixel of each joint, a channel a joint; missing joints draw nothing."""
    drawn = torch.zeros(*joints.shape[:2], HEIGHT_PX, WIDTH_PX)
    for sample, points in enumerate(joints.tolist()):
        for joint, (x, y) in enumerate(points):
            if x == x and y == y:
                drawn[sample, joint, int(y), int(x)] = 1
    return drawn


def filled(boxes):
    """(B, 1, H, W): the pixels inside."""
    drawn = torch.zeros(len(boxes), 1, HEIGHT_PX, WIDTH_PX)
    for sample, (x1, y1, x2, y2) in enumerate(boxes.int().tolist()):
        drawn[sample, :, y1:y2, x1:x2] = 1
    return drawn


def joints_of(count, skeleton, generator):
    x = torch.randint(WIDTH_PX, (count, len(skeleton), 1), generator=generator)
    y = torch.randint(HEIGHT_PX, (count, len(skeleton), 1), generator=generator)
    return torch.cat([x, y], dim=-1).float()


def pairs(count, skeleton=PENN13, seed=0):
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.tensor([[1.0, 2.0, 5.0, 7.0], [0.0, 0.0, 3.0, HEIGHT_PX]]).repeat(-(-count // 2), 1)[:count]

    def uniform(channels):
        return torch.rand(count, channels, HEIGHT_PX, WIDTH_PX, generator=generator) * 2 - 1

    condition = Condition(
        uniform(3),
        (uniform(1) > 0).float(),
        joints_of(count, skeleton, generator),
        boxes,
        joints_of(count, skeleton, generator),
        boxes.flip(0),
        skeleton,
    )
    return Batch(condition, uniform(3), (uniform(1) > 0).float())


def mirrored(before, after):
    """(B,) bool, by the reference images."""
    return (after.condition.image == before.condition.image.flip(-1)).flatten(1).all(dim=1)


def flipped(batch, swap_sides, seed=1):
    torch.manual_seed(seed)
    return randomly_flipped(batch, swap_sides)


def where(coins, changed, same):
    return torch.where(coins.reshape(-1, *[1] * (same.ndim - 1)), changed, same)


@both_ways
def test_both_images_both_masks_joints_and_boxes_are_mirrored_together(swap_sides):
    before = pairs(16)
    after = flipped(before, swap_sides)
    coins = mirrored(before, after)
    assert 0 < coins.sum() < 16
    old, new = before.condition, after.condition
    for was, now in (
        (old.image, new.image),
        (old.mask, new.mask),
        (before.target, after.target),
        (before.target_mask, after.target_mask),
        (filled(old.box), filled(new.box)),
        (filled(old.target_box), filled(new.target_box)),
    ):
        assert torch.equal(now, where(coins, was.flip(-1), was))
    order = list(range(len(PENN13)))
    if swap_sides:
        for left, right in PENN13.flip_pairs:
            order[left], order[right] = right, left
    for was, now in ((old.joints, new.joints), (old.target_joints, new.target_joints)):
        drawn = picture(was)
        assert torch.equal(picture(now), where(coins, drawn.flip(-1)[:, order], drawn))
    assert new.skeleton is old.skeleton


@pytest.mark.parametrize("skeleton", [PENN13, OPENPOSE18], ids=lambda skeleton: skeleton.name)
def test_swapped_sides_are_those_of_the_pose_encodings(skeleton):
    before = pairs(16, skeleton)
    after = flipped(before, swap_sides=True)
    coins = mirrored(before, after)
    for name in ("joints", "target_joints"):
        was = getattr(before.condition, name)
        expected = where(coins, encoding.flip(was, skeleton, WIDTH_PX), was)
        assert torch.equal(getattr(after.condition, name), expected)


def test_fractions_of_a_pixel_and_boxes_that_reach_outside_are_mirrored_too():
    before = pairs(8)
    before.condition.joints[:] = torch.tensor([1.25, 3.5])
    before.condition.box[:] = torch.tensor([-2.5, 1.0, 4.0, 6.0])
    after = flipped(before, swap_sides=False)
    coins = mirrored(before, after)
    assert coins.any()
    assert after.condition.joints[coins].unique(dim=1).squeeze(1).tolist() == [[6.75, 3.5]] * int(coins.sum())
    assert after.condition.box[coins].tolist() == [[5.0, 1.0, 11.5, 6.0]] * int(coins.sum())


def test_missing_joints_stay_missing_on_the_side_they_belong_to():
    left, right = PENN13.flip_pairs[0]
    before = pairs(16)
    before.condition.joints[:, left] = float("nan")
    for swap_sides in (False, True):
        after = flipped(before, swap_sides)
        coins = mirrored(before, after)
        missing = after.condition.joints.isnan().all(dim=-1)
        assert torch.equal(missing.sum(dim=1), torch.ones(16, dtype=torch.long))
        moved = coins if swap_sides else torch.zeros_like(coins)
        assert torch.equal(missing[:, right], moved) and torch.equal(missing[:, left], ~moved)


def test_twice_mirrored_is_as_before_and_the_batch_given_is_left_alone():
    before, untouched = pairs(8), pairs(8)
    twice = flipped(flipped(before, swap_sides=True), swap_sides=True)
    for name, value in vars(untouched.condition).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(getattr(before.condition, name), value)
            assert torch.equal(getattr(twice.condition, name), value)
            assert getattr(twice.condition, name).dtype == torch.float32
    for batch in (before, twice):
        assert torch.equal(batch.target, untouched.target)
        assert torch.equal(batch.target_mask, untouched.target_mask)


def test_coins_are_fair_and_each_pair_has_its_own():
    one = pairs(1)
    condition = one.condition

    def many(value, *shape):
        return value.expand(MANY, *shape)

    def pixels(value):
        return many(value[..., :1, :2], value.shape[1], 1, 2)

    joints, box = many(condition.joints, len(PENN13), 2), many(condition.box, 4)
    small = Condition(pixels(condition.image), pixels(condition.mask), joints, box, joints, box, PENN13)
    batch = Batch(small, pixels(one.target), pixels(one.target_mask))
    coins = mirrored(batch, flipped(batch, swap_sides=False)).float()
    five_deviations = 5 * 0.5 / MANY**0.5
    assert float(coins.mean()) == pytest.approx(0.5, abs=five_deviations)
    changes = (coins[1:] != coins[:-1]).float().mean()  # independent neighbours differ half the time
    assert float(changes) == pytest.approx(0.5, abs=five_deviations)


def test_coins_come_from_torchs_generator_alone():
    batch = pairs(32)
    coins = mirrored(batch, flipped(batch, swap_sides=False, seed=3))
    np.random.seed(99)
    random.seed(99)
    assert torch.equal(coins, mirrored(batch, flipped(batch, swap_sides=False, seed=3)))
    assert not torch.equal(coins, mirrored(batch, flipped(batch, swap_sides=False, seed=4)))
    torch.manual_seed(3)
    first, second = (mirrored(batch, randomly_flipped(batch, False)) for _ in range(2))
    assert not torch.equal(first, second)
