"""The footage dataset: splits and counts from the annotations alone, then frames, masks and boxes from the clips."""

import numpy as np
import pytest
from PIL import Image

from harness import datasets
from harness.datasets import footage_spec
from harness.datasets.footage import Footage
from harness.errors import UserError
from harness.pairs import group_of, overlap
from mrnet.skeletons import FOOTAGE18, PENN13

SIZE_PX = (128, 128)
LAB = ("lab-cam01", "lab-cam02", "lab-cam03", "lab-cam04")


def numbers(frame_ids, track):
    return [int(frame_id[-4:]) for frame_id in frame_ids if group_of(frame_id) == track]


def joint(frames, group, name):
    """x of a joint over a clip, (n,)."""
    return frames.joints[[g == group for g in frames.groups], FOOTAGE18.joints.index(name), 0]


@pytest.fixture(scope="module")
def frames(footage):
    return footage.frames(SIZE_PX)


# ---- from the annotations alone


def test_491_frames_of_five_clips():
    counts = {track: len(found) for track, found in footage_spec.annotations().items()}
    assert counts == {**dict.fromkeys(LAB, 100), "roof": 91}
    assert len(footage_spec.frame_ids()) == len(set(footage_spec.frame_ids())) == 491


def test_pair_counts_are_those_of_the_reference():
    """Before validation frames are carved out and before test pairs are drawn."""

    def trained(tracks, last):
        return sum(len(footage_spec.ordered_pairs(track, tuple(range(last + 1)), 5)) for track in tracks)

    assert trained(LAB, 64) == 14_640
    assert trained(LAB[:3], 99) == 27_360
    assert {track: len(found) for track, found in footage_spec.all_pairs("video", "test").items()} == dict.fromkeys(
        LAB, 420
    )
    assert len(footage_spec.all_pairs("camera", "test")["lab-cam04"]) == 8_088


@pytest.mark.parametrize(("split", "last"), [("video", 64), ("camera", 99), ("scene", 99)])
def test_validation_is_carved_from_train_with_a_gap(split, last):
    partitions = Footage().partitions(split)
    for track in {group_of(frame_id) for frame_id in partitions.train}:
        train, val = numbers(partitions.train, track), numbers(partitions.val, track)
        assert val == list(range(8)) and train == list(range(13, last + 1))
    assert not {"train", "val", "test"} - set(partitions.NAMES)


def test_video_tests_on_later_frames_of_the_same_clips():
    partitions = Footage().partitions("video")
    for track in LAB:
        assert numbers(partitions.test, track) == list(range(70, 100))


def test_overlap_of_frames_clips_and_persons():
    dataset = Footage()
    found = {}
    for split in dataset.splits:
        for shared in overlap(dataset.partitions(split), dataset.person):
            found[split, shared.first, shared.second] = (shared.frames, shared.groups, shared.persons)
    assert found["video", "train", "test"] == (0, 4, 1)
    assert found["camera", "train", "test"] == (0, 0, 1)
    assert found["scene", "train", "test"] == (0, 0, 0)
    assert {found[split, "train", "val"][0] for split in dataset.splits} == {0}


@pytest.mark.parametrize(
    ("split", "start"), [("video", "7da7bf3aef51"), ("camera", "f31b30b96359"), ("scene", "87b0322b9005")]
)
def test_test_pairs_are_fixed(split, start):
    """A change of these hashes makes every stored result incomparable: it needs a new version of the list."""
    dataset = Footage()
    pairs = dataset.pair_list(split, "test", (128, 128))
    assert pairs.hash.startswith(start) and len(pairs) == 200 and pairs.version == 1
    assert pairs == dataset.pair_list(split, "test", (64, 64))
    clips = [group_of(pair.target) for pair in pairs.pairs]
    assert {clips.count(clip) for clip in clips} == ({50} if split == "video" else {200})
    assert len({pair.id for pair in pairs.pairs}) == 200


@pytest.mark.parametrize("split", ["video", "camera", "scene"])
def test_pairs_keep_their_distance_and_their_partition(split):
    dataset = Footage()
    annotated = footage_spec.annotations()
    for partition, apart in (("train", 5), ("val", 5), ("test", 10)):
        inside = set(dataset.partitions(split)[partition])
        for pair in dataset.pair_list(split, partition, SIZE_PX).pairs:
            assert {pair.reference, pair.target} <= inside and group_of(pair.reference) == group_of(pair.target)
            first, second = int(pair.reference[-4:]), int(pair.target[-4:])
            assert abs(first - second) >= apart
            if partition == "test":
                track = annotated[group_of(pair.target)]
                moved = np.linalg.norm(track[first].joints[:13] - track[second].joints[:13], axis=1)
                assert np.nanmean(moved) >= 4


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UserError, match="Did you mean 'video'"):
        Footage().partitions("vido")
    with pytest.raises(UserError, match="Did you mean 'test'"):
        Footage().pair_list("video", "tests", SIZE_PX)
    with pytest.raises(UserError, match="Did you mean 'footage'"):
        datasets.get("footages")


def test_the_class_names_the_splits_of_the_description():
    assert set(Footage.splits) == set(footage_spec.spec().splits)
    assert Footage.default_split in Footage.splits
    assert FOOTAGE18.joints[: len(PENN13)] == PENN13.joints


def test_the_fingerprint_needs_no_clip_and_tells_sizes_apart(empty_home):
    assert Footage().fingerprint((64, 64)) == Footage().fingerprint((64, 64)) != Footage().fingerprint((128, 128))


def test_sizes_that_are_not_square_are_refused():
    with pytest.raises(UserError, match="square"):
        Footage().info((128, 64))
    with pytest.raises(UserError, match="at least 16"):
        Footage().info((8, 8))


def test_missing_and_damaged_clips_name_the_command(empty_home, tmp_path):
    dataset = Footage(tmp_path)
    available, reason = dataset.available()
    assert not available and "lab-cam01.mp4" in reason and "bench data fetch footage" in reason
    with pytest.raises(UserError, match="bench data fetch footage"):
        dataset.frames((32, 32))
    dataset.folder.mkdir()
    for track in (*LAB, "roof"):
        (dataset.folder / f"{track}.mp4").write_bytes(b"damaged")
    assert dataset.available()[0] and len(dataset.check().problems) == 5
    with pytest.raises(UserError, match="SHA-256"):
        dataset.frames((32, 32))
    assert not list((empty_home / "cache" / "footage").glob("[!.]*")), "nothing is taken for whole"


# ---- from the clips


def test_sources_have_their_hashes(footage):
    assert footage.available() == (True, "") and footage.check().problems == ()
    assert len([path for path in footage.folder.iterdir() if path.suffix == ".mp4"]) == 5
    assert {path.suffix for path in footage.folder.iterdir()} <= {".mp4", ".lock", ""}, "no archive is kept"


def test_frames_are_memory_mapped_uint8(frames):
    assert isinstance(frames.images, np.memmap) and isinstance(frames.masks, np.memmap)
    assert frames.images.shape == (491, 128, 128, 3) and frames.images.dtype == np.uint8
    assert frames.masks.shape == (491, 128, 128) and set(np.unique(frames.masks)) == {0, 1}
    assert frames.ids == footage_spec.frame_ids() and frames.index("roof/0000") == 400
    assert frames.images.reshape(491, -1).std(axis=1).min() > 20, "every frame shows something"


def test_sizes_show_the_same_picture(footage, frames):
    small = footage.frames((64, 64))
    for index in (0, 250, 490):
        halved = np.asarray(Image.fromarray(frames.images[index]).resize((64, 64), Image.Resampling.BICUBIC))
        assert np.abs(halved.astype(int) - small.images[index]).mean() < 3
        assert abs(frames.masks[index].mean() - small.masks[index].mean()) < 0.01
    np.testing.assert_allclose(small.joints, (frames.joints + 0.5) / 2 - 0.5, atol=1e-4)
    assert np.abs(small.boxes * 2 - frames.boxes).max() <= 2


def test_joints_lie_on_the_person(frames):
    """Inside the mask or within 3 px of it; a hand may be cut off by the mask, so not every one."""
    near = [
        frames.masks[i, max(int(y) - 3, 0) : int(y) + 4, max(int(x) - 3, 0) : int(x) + 4].any()
        for i in range(len(frames))
        for x, y in frames.joints[i, : len(PENN13)]
        if np.isfinite(x)
    ]
    assert np.mean(near) > 0.98


def test_left_is_left(frames):
    """Who faces the camera has his left on the picture's right, who shows his back on its left; and nobody flips."""
    for group, facing in (("lab-cam02", True), ("roof", True), ("lab-cam03", False)):
        left_is_right = joint(frames, group, "left_shoulder") > joint(frames, group, "right_shoulder")
        assert np.mean(left_is_right == facing) > 0.95
    for group in (*LAB, "roof"):
        torso = frames.joints[[g == group for g in frames.groups]][:, [1, 2, 7, 8]]
        kept = np.linalg.norm(np.diff(torso, axis=0), axis=-1).sum(axis=-1)
        swapped = np.linalg.norm(torso[1:, [1, 0, 3, 2]] - torso[:-1], axis=-1).sum(axis=-1)
        assert (kept < swapped).all()


def test_boxes_hold_the_person(frames):
    covered = {}
    for frame_id, mask, box in zip(frames.ids, frames.masks, frames.boxes, strict=True):
        left, top, right, bottom = box.astype(int)
        assert 0 <= left < right <= 128 and 0 <= top < bottom <= 128
        covered[frame_id] = mask[top:bottom, left:right].sum() / mask.sum()
    # the one frame whose annotation misses a leg: the right knee and ankle lie beside it
    assert 0.9 < covered.pop("lab-cam02/0061") < 0.95
    assert np.mean(list(covered.values())) > 0.998 and min(covered.values()) > 0.98
