"""Controls: what each is made of, by slow and plain computations. What `copy` and `target` write is tested over a whole
run, in test_runner; how `bench run` adds controls in test_controls_run."""

import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import controls
from harness.datasets.synthetic import Synthetic
from harness.errors import UserError
from harness.pairs import Pair, PairData, PairList, group_of

SIZE_PX = (32, 32)


def data(pairs):
    return PairData(Synthetic().frames(SIZE_PX), PairList("synthetic", "time", "test", 1, tuple(pairs)))


def frame(test, frame_id):
    return test.frames.images[test.frames.index(frame_id)].astype(np.float64)


def test_mean_counts_each_training_target_of_the_clip_once_and_no_other_frame():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    numbers = ((0, 1), (3, 1), (0, 2))
    train = data(
        [*(Pair.of(f"ada-hall/0{a}", f"ada-hall/0{b}") for a, b in numbers), Pair.of("ben-yard/00", "ben-yard/01")]
    )
    expected = np.rint((frame(test, "ada-hall/01") + frame(test, "ada-hall/02")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_mean_of_a_clip_without_training_frames_is_that_of_all():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    train = data([Pair.of("ben-yard/00", "ben-yard/01"), Pair.of("ben-yard/00", "ben-yard/02")])
    expected = np.rint((frame(test, "ben-yard/01") + frame(test, "ben-yard/02")) / 2)
    assert np.array_equal(controls.build("mean", test, train).image(0), expected)


def test_target_and_its_blur_are_privileged_and_no_other():
    assert [name for name, card in controls.CONTROL_CARDS.items() if card.privileged] == ["target", "blur"]


def with_frames(given, **arrays):
    return PairData(replace(given.frames, **arrays), given.pairs)


def lists(split="time"):
    """The synthetic set's own test and training pairs."""
    dataset = Synthetic()
    frames = dataset.frames(SIZE_PX)
    return tuple(PairData(frames, dataset.pair_list(split, part, SIZE_PX)) for part in ("test", "train"))


@pytest.mark.parametrize("name", [name for name, card in controls.CONTROL_CARDS.items() if not card.privileged])
def test_controls_that_are_not_privileged_read_no_pixel_of_a_target(name):
    """Image and mask of every test frame that is no reference are noise: nothing changes. The pairs are few enough for
    some frames to be targets alone."""
    test, train = lists()
    chosen = tuple(pair for pair in test.pairs.pairs if pair.reference.endswith("6"))
    test = PairData(test.frames, replace(test.pairs, pairs=chosen))
    generator = np.random.Generator(np.random.PCG64(0))
    images, masks = np.array(test.frames.images), np.array(test.frames.masks)
    for frame_id in test.pairs.targets:
        index = test.frames.index(frame_id)
        images[index] = generator.integers(0, 256, images[index].shape, dtype=np.uint8)
        masks[index] = generator.integers(0, 2, masks[index].shape, dtype=np.uint8)
    blinded = with_frames(test, images=images, masks=masks)
    before, after = controls.build(name, test, train), controls.build(name, blinded, train)
    assert all(np.array_equal(before.image(index), after.image(index)) for index in range(len(test)))


@pytest.mark.parametrize("name", controls.CONTROL_CARDS)
def test_every_control_gives_images_of_the_dataset_and_leaves_its_frames_as_they_are(name):
    test, train = lists("person")
    frames = np.array(test.frames.images)
    control = controls.build(name, test, train)
    for index in (0, len(test) - 1):
        image = control.image(index)
        assert image.shape == (*SIZE_PX, 3) and image.dtype == np.uint8
    assert np.array_equal(test.frames.images, frames)


# ---- nearest


def slow_nearest(target, candidates):
    """The rule of `nearest_poses` for one pose, joint by joint."""

    def shared(candidate):
        return [j for j in range(len(target)) if not np.isnan([target[j], candidate[j]]).any()]

    present = sum(not np.isnan(point).any() for point in target)
    enough = min(present / 2, max(len(shared(candidate)) for candidate in candidates))

    def distance(candidate):
        joints = shared(candidate)
        if len(joints) < enough:
            return math.inf
        squares = [math.dist(target[j].tolist(), candidate[j].tolist()) ** 2 for j in joints]
        return math.sqrt(sum(squares) / len(squares)) if squares else 0.0

    return min(range(len(candidates)), key=lambda place: (distance(candidates[place]), place))


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.7, 0.95, 1.0])
def test_the_nearest_pose_is_the_one_a_slow_search_finds(missing, monkeypatch):
    monkeypatch.setattr(controls, "_BLOCK_DISTANCES", 100)  # three targets a block
    generator = np.random.Generator(np.random.PCG64(5))
    poses = (generator.random((55, 13, 2)) * 128).astype(np.float32)
    poses[generator.random((55, 13)) < missing] = np.nan
    targets, candidates = poses[:22], poses[22:]
    found = controls.nearest_poses(targets, candidates)
    assert found.tolist() == [slow_nearest(target, candidates) for target in targets]


def test_a_pose_that_shares_too_few_joints_is_not_near_and_of_equals_the_first_is_taken():
    nowhere = [math.nan, math.nan]
    target = np.float32([[[0, 0], [10, 0], [20, 0], nowhere]])
    one_joint_equal = [[0, 0], nowhere, nowhere, [5, 5]]
    far = [[9, 9], [19, 9], nowhere, nowhere]
    candidates = np.float32([one_joint_equal, far, far, one_joint_equal])
    assert controls.nearest_poses(target, candidates).tolist() == [1]
    assert controls.nearest_poses(target, candidates[[0, 3]]).tolist() == [0]


def test_nearest_is_a_frame_of_the_clips_training_pairs_bit_for_bit():
    test, train = lists()
    control = controls.build("nearest", test, train)
    frames = test.frames
    for index, pair in enumerate(test.pairs.pairs):
        known = [frame for frame in train.pairs.frame_ids if group_of(frame) == group_of(pair.reference)]
        indices = sorted(frames.index(frame) for frame in known)
        assert len(indices) == 4
        expected = indices[slow_nearest(frames.joints[frames.index(pair.target)], frames.joints[indices])]
        assert np.array_equal(control.image(index), frames.images[expected])


def test_nearest_of_a_clip_without_training_frames_is_that_of_all():
    test, train = lists("person")
    frames = test.frames
    indices = sorted(frames.index(frame) for frame in train.pairs.frame_ids)
    assert not {frames.groups[index] for index in indices} & {group_of(pair.reference) for pair in test.pairs.pairs}
    control = controls.build("nearest", test, train)
    for index, pair in enumerate(test.pairs.pairs):
        expected = indices[slow_nearest(frames.joints[frames.index(pair.target)], frames.joints[indices])]
        assert np.array_equal(control.image(index), frames.images[expected])


# ---- noise


def test_noise_is_the_raw_stream_of_the_pairs_hash():
    test, train = lists()
    image = controls.build("noise", test, train).image(3)
    generator = np.random.PCG64(int(hashlib.sha256(test.pair_id(3).encode()).hexdigest(), 16))
    expected = b"".join(int(generator.random_raw()).to_bytes(8, "little") for _ in range(image.size // 8))
    assert image.tobytes() == expected
    assert not np.array_equal(image, controls.build("noise", test, train).image(4))
    assert abs(image.mean() - 127.5) < 5 and len(np.unique(image)) == 256


def test_another_process_makes_the_same_images():
    script = (
        "import hashlib, test_controls as here\n"
        "print(here.fingerprint())"
    )  # fmt: skip
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tests)!r}, {str(tests.parent)!r}]\n{script}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == fingerprint()


def fingerprint():
    """A hash of images of every control, of pairs of several clips."""
    test, train = lists()
    made = hashlib.sha256()
    for name in controls.CONTROL_CARDS:
        control = controls.build(name, test, train)
        for index in range(0, len(test), 7):
            made.update(control.image(index).tobytes())
    return made.hexdigest()


# ---- paste


def drawn(box, to_box, person, has_masks=True):
    """One pair of frames of our own: random bytes with that person and box; the target box; a grey mean."""
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    train = data([Pair.of("ada-hall/00", "ada-hall/01")])
    frames = test.frames
    images, masks, boxes = np.array(frames.images), np.array(frames.masks), np.array(frames.boxes)
    reference, target = frames.index("ada-hall/05"), frames.index("ada-hall/06")
    images[reference] = np.random.Generator(np.random.PCG64(2)).integers(0, 256, (*SIZE_PX, 3), dtype=np.uint8)
    images[frames.index("ada-hall/01")] = 77
    masks[reference], boxes[reference], boxes[target] = person, box, to_box
    test = with_frames(test, images=images, masks=masks, boxes=boxes, info=replace(frames.info, has_masks=has_masks))
    return images[reference], controls.build("paste", test, PairData(test.frames, train.pairs)).image(0)


def ellipse():
    rows, columns = np.mgrid[: SIZE_PX[0], : SIZE_PX[1]]
    return ((rows - 14) / 9) ** 2 + ((columns - 10) / 5) ** 2 <= 1


def test_a_box_of_the_same_size_moves_the_person_pixel_for_pixel():
    person = ellipse()
    picture, pasted = drawn((5, 5, 16, 24), (15, 8, 26, 27), person)
    expected = picture.copy()
    expected[person] = 77
    for row, column in np.argwhere(person):
        expected[row + 3, column + 10] = picture[row, column]
    assert np.array_equal(pasted, expected)


def test_the_same_box_gives_the_reference_back_and_what_lies_outside_the_box_is_taken_out():
    person = ellipse()
    picture, pasted = drawn((5, 5, 16, 24), (5, 5, 16, 24), person)
    assert np.array_equal(pasted, picture)
    person[30, 30] = True
    _, pasted = drawn((5, 5, 16, 24), (5, 5, 16, 24), person)
    assert (pasted[30, 30] == 77).all()
    pasted[30, 30] = picture[30, 30]
    assert np.array_equal(pasted, picture)


def test_another_box_scales_person_and_mask_into_it():
    person = ellipse()
    picture, pasted = drawn((5, 5, 16, 24), (1, 2, 31, 30), person)
    size = (30, 28)
    cut = np.asarray(Image.fromarray(picture[5:24, 5:16]).resize(size, Image.Resampling.BILINEAR))
    covers = np.asarray(Image.fromarray(np.uint8(255 * person[5:24, 5:16])).resize(size, Image.Resampling.BILINEAR))
    for row, column in np.ndindex(SIZE_PX):
        inside = 2 <= row < 30 and 1 <= column < 31
        if inside and covers[row - 2, column - 1] >= 128:
            expected = cut[row - 2, column - 1]
        else:
            expected = 77 if person[row, column] else picture[row, column]
        assert (pasted[row, column] == expected).all(), (row, column)


def test_without_masks_the_box_is_the_person():
    picture, pasted = drawn((5, 5, 16, 24), (15, 8, 26, 27), np.ones(SIZE_PX, np.uint8), has_masks=False)
    expected = picture.copy()
    expected[5:24, 5:16] = 77
    expected[8:27, 15:26] = picture[5:24, 5:16]
    assert np.array_equal(pasted, expected)


# ---- blur


def test_blur_is_a_gaussian_of_a_32nd_of_the_height():
    test, train = lists()
    target = test.target_uint8(0).astype(np.float64)
    sigma_px = SIZE_PX[0] / 32
    reach = 4  # scipy's: four standard deviations
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    taps /= taps.sum()
    padded = np.pad(target, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    expected = sum(
        a * b * padded[row : row + SIZE_PX[0], column : column + SIZE_PX[1]]
        for row, a in enumerate(taps)
        for column, b in enumerate(taps)
    )
    found = controls.build("blur", test, train).image(0)
    assert np.abs(found - expected).max() <= 0.5 + 1e-9
    assert found.std() < target.std()


def test_an_unknown_control_is_an_error():
    test = data([Pair.of("ada-hall/05", "ada-hall/06")])
    with pytest.raises(UserError, match="Did you mean 'copy'"):
        controls.build("copi", test, test)
