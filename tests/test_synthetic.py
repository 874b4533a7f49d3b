"""The synthetic dataset: the same pictures every time, joints on the person, partitions that share no frame."""

import numpy as np
import pytest

from harness import datasets
from harness.datasets.synthetic import CLIPS, FRAMES, Synthetic
from harness.errors import UserError
from harness.pairs import PairData, overlap
from mrnet.skeletons import FOOTAGE18, PENN13


@pytest.fixture(scope="module")
def frames():
    return Synthetic().frames((96, 64))


def test_frames_are_memory_mapped_uint8_of_any_size(frames):
    assert isinstance(frames.images, np.memmap)
    assert frames.images.shape == (len(CLIPS) * FRAMES, 96, 64, 3) and frames.images.dtype == np.uint8
    assert set(np.unique(frames.masks)) == {0, 1}
    assert min(mask.mean() for mask in frames.masks) > 0.05
    assert frames.images.min() < 30 and frames.images.max() > 225, "a picture in [0, 1] can be told from one in [-1, 1]"


def test_another_home_draws_the_same_pictures_and_another_variant_others(frames, empty_home):
    assert np.array_equal(Synthetic().frames((96, 64)).images, frames.images)
    other = Synthetic(variant=1)
    assert other.fingerprint((96, 64)) != Synthetic().fingerprint((96, 64))
    assert not np.array_equal(other.frames((96, 64)).images, frames.images)


def test_joints_lie_on_the_person_and_some_are_missing(frames):
    found = [
        mask[round(float(y)), round(float(x))]
        for mask, joints in zip(frames.masks, frames.joints, strict=True)
        for x, y in joints
        if np.isfinite(x) and 0 <= x < 63.5
    ]
    assert np.mean(found) > 0.98
    missing = np.isnan(frames.joints).any(axis=2)
    assert set(np.flatnonzero(missing.any(axis=0))) == {PENN13.joints.index("right_wrist")}
    assert 0.2 < missing.any(axis=1).mean() < 0.3


def test_left_is_left(frames):
    """Figures face the camera."""
    left, right = (frames.joints[:, PENN13.joints.index(f"{side}_hip"), 0] for side in ("left", "right"))
    assert (left > right).all()


def test_boxes_hold_the_person(frames):
    for mask, (left, top, right, bottom) in zip(frames.masks, frames.boxes.astype(int), strict=True):
        assert mask[top:bottom, left:right].sum() > 0.97 * mask.sum()


@pytest.mark.parametrize(("split", "counts"), [("time", (48, 8, 48)), ("person", (112, 4, 180))])
def test_pairs_of_each_split(split, counts, frames):
    dataset = datasets.get("synthetic")
    lists = [dataset.pair_list(split, partition, (64, 64)) for partition in ("train", "val", "test")]
    assert tuple(map(len, lists)) == counts
    assert all(len(PairData(frames, pairs)) == len(pairs) for pairs in lists)
    shared = overlap(dataset.partitions(split), dataset.person)
    assert not any(one.frames for one in shared)
    (train_test,) = (one for one in shared if (one.first, one.second) == ("train", "test"))
    assert (train_test.groups, train_test.persons) == ((4, 2) if split == "time" else (0, 0))


def test_a_method_may_ask_for_another_joint_set():
    dataset = Synthetic(skeleton=FOOTAGE18)
    assert dataset.info((32, 32)).skeleton is FOOTAGE18
    assert dataset.frames((32, 32)).joints.shape == (40, 18, 2)


def test_wrong_names_and_sizes():
    with pytest.raises(UserError, match="Did you mean 'time'"):
        Synthetic().partitions("tme")
    with pytest.raises(UserError, match="Valid: test, train, val"):
        Synthetic().pair_list("time", "validation", (64, 64))
    with pytest.raises(UserError, match="from 16 px"):
        Synthetic().info((8, 64))
