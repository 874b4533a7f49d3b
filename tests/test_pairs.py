"""Pair lists, what partitions share, and the tensors of pairs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.datasets.frames import Partitions
from harness.errors import UserError
from harness.images import to_uint8
from harness.pairs import Pair, PairData, PairList, overlap

SIZE_PX = (64, 64)


def small_list(counts=(("a", 6), ("b", 2))):
    pairs = tuple(Pair.of(f"{clip}/{i:04d}", f"{clip}/{i + 1:04d}") for clip, n in counts for i in range(n))
    return PairList("made", "video", "test", 1, pairs)


@pytest.fixture(scope="module")
def data(footage):
    return PairData(footage.frames(SIZE_PX), footage.pair_list("video", "test", SIZE_PX))


def test_ids_tell_both_frames_and_are_safe_as_file_names():
    assert Pair.of("lab-cam01/0042", "lab-cam01/0071").id == "lab-cam01_0042__0071"
    assert Pair.of("lab-cam01/0042", "roof/0071").id == "lab-cam01_0042__roof_0071"


def test_a_list_survives_its_file(tmp_path):
    small_list().write(tmp_path / "new" / "pairs.csv")
    assert PairList.read(tmp_path / "new" / "pairs.csv") == small_list()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["pairs.csv"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("a/0003,a/0004", "a/0003,a/0005"), ("version=1", "version=2"), ("b_0001__0002,b/0001,b/0002\n", "")],
)
def test_an_edited_list_is_refused(tmp_path, old, new):
    path = tmp_path / "pairs.csv"
    small_list().write(path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match="does not match its hash"):
        PairList.read(path)


def test_a_file_that_is_no_list_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        PairList.read(tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("id,reference,target\n")
    with pytest.raises(UserError, match="is no pair list"):
        PairList.read(tmp_path / "other.csv")


def test_the_hash_covers_names_version_order_and_pairs():
    whole = small_list()
    others = [
        replace(whole, split="camera"), replace(whole, version=2), replace(whole, pairs=whole.pairs[::-1]),
        replace(whole, pairs=whole.pairs[:-1]), replace(whole, partition="val"), replace(whole, dataset="x"),
    ]  # fmt: skip
    assert len({whole.hash, *(other.hash for other in others)}) == 7
    assert small_list().hash == whole.hash


def test_a_limit_is_balanced_nested_and_the_same_every_time():
    whole = small_list()
    four = whole.limit(4)
    assert [pair.target[0] for pair in four.pairs] == ["a", "a", "b", "b"]
    assert four == whole.limit(4) and four.hash != whole.hash
    assert set(four.pairs) < set(whole.limit(6).pairs)
    assert len(whole.limit(7)) == 7, "a short clip is filled up from the others"
    assert whole.limit(100) is whole
    with pytest.raises(UserError, match="at least 1"):
        whole.limit(0)


def test_overlap_counts_frames_clips_and_persons():
    partitions = Partitions(train=("a/1", "a/2", "b/1"), val=("a/2", "c/1"), test=("d/1",))
    persons = {"a": "ann", "b": "ben", "c": "ben", "d": "dan"}
    found = {(o.first, o.second): (o.frames, o.groups, o.persons) for o in overlap(partitions, lambda f: persons[f[0]])}
    assert found == {("train", "val"): (1, 1, 2), ("train", "test"): (0, 0, 0), ("val", "test"): (0, 0, 0)}


def test_tensors_have_the_agreed_shapes_and_ranges(data):
    batch = data.batch([3, 120, 7])
    condition = batch.condition
    assert len(condition) == 3 and len(data) == 200
    for image in (condition.image, batch.target):
        assert image.shape == (3, 3, *SIZE_PX) and image.dtype == torch.float32
        assert -1 <= image.min() < -0.5 and 0.5 < image.max() <= 1
    for mask in (condition.mask, batch.target_mask):
        assert mask.shape == (3, 1, *SIZE_PX) and set(mask.unique().tolist()) == {0.0, 1.0}
    for joints in (condition.joints, condition.target_joints):
        assert joints.shape == (3, 18, 2) and joints.dtype == torch.float32
    for box in (condition.box, condition.target_box):
        assert box.shape == (3, 4) and box.dtype == torch.float32


def test_a_batch_is_its_pairs_in_the_order_asked_for(data):
    batch = data.batch([150, 2])
    for row, index in enumerate((150, 2)):
        pair, frames = data.pairs.pairs[index], data.frames
        reference, target = frames.index(pair.reference), frames.index(pair.target)
        np.testing.assert_array_equal(to_uint8(batch.condition.image[row]), frames.images[reference])
        np.testing.assert_array_equal(to_uint8(batch.target[row]), frames.images[target])
        np.testing.assert_array_equal(batch.target_mask[row, 0], frames.masks[target])
        np.testing.assert_array_equal(batch.condition.target_joints[row], frames.joints[target])
        np.testing.assert_array_equal(data.target_uint8(index), frames.images[target])
        np.testing.assert_array_equal(data.target_mask(index), frames.masks[target] == 1)
        np.testing.assert_array_equal(data.target_box(index), frames.boxes[target])
        assert data.pair_id(index) == pair.id and data.group(index) == pair.target.split("/")[0]


def test_conditions_touch_no_target_pixel(data):
    """With the targets' images and masks replaced by noise, every tensor of the condition stays bit for bit."""
    generator = np.random.default_rng(0)
    for index in (0, 60, 199):
        target = data.frames.index(data.pairs.pairs[index].target)
        images, masks = np.array(data.frames.images), np.array(data.frames.masks)
        images[target] = generator.integers(0, 256, images[target].shape)
        masks[target] = generator.integers(0, 2, masks[target].shape)
        poisoned = PairData(replace(data.frames, images=images, masks=masks), data.pairs)
        assert not torch.equal(poisoned.batch([index]).target, data.batch([index]).target)
        clean, blind = data.conditions([index]), poisoned.conditions([index])
        for name in ("image", "mask", "joints", "box", "target_joints", "target_box"):
            torch.testing.assert_close(getattr(blind, name), getattr(clean, name), rtol=0, atol=0, equal_nan=True)


def test_a_pair_of_unknown_frames_is_refused(data):
    stranger = replace(data.pairs, pairs=(Pair.of("lab-cam01/0001", "lab-cam01/9999"),))
    with pytest.raises(UserError, match="no frame 'lab-cam01/9999'"):
        PairData(data.frames, stranger)
