"""What makes a pair hard, held against pairs made by hand; and its file in the pairs folder."""

import math

import numpy as np
import pytest
from report_store import pair_list, write_pairs
from scipy.ndimage import gaussian_gradient_magnitude

from harness import challenge_file
from harness.challenge_file import FILE, read
from harness.challenges import (
    CHALLENGES,
    View,
    clutter,
    displacement,
    measure,
    missing_joints,
    moving_background,
    person_scale,
    pose_distance,
)
from harness.errors import UserError
from harness.pairs_folder import complete

NAN = math.nan
BOX = np.array([10.0, 20.0, 30.0, 60.0])  # 20 wide, 40 high
POSE = np.array([[12.0, 22.0], [20.0, 40.0], [28.0, 58.0], [15.5, 33.0]])
HIGH, WIDE = 80, 60
EVERYTHING = np.array([0.0, 0.0, WIDE, HIGH])


def flat(grey=100):
    return np.full((HIGH, WIDE, 3), grey, dtype=np.uint8)


def moved(joints, box, by):
    return joints + by, box + np.tile(by, 2)


def test_person_scale_is_the_targets_height_in_the_image():
    assert person_scale(BOX, (HIGH, WIDE)) == 0.5
    assert person_scale(EVERYTHING, (HIGH, WIDE)) == 1.0


def test_displacement_is_in_diagonals_and_knows_no_size():
    (other,) = moved(POSE, BOX, np.array([30.0, -40.0]))[1:]
    assert displacement(BOX, other, (HIGH, WIDE)) == 0.5  # 50 px of 100
    grown = BOX + [-4, -4, 4, 4]
    assert displacement(BOX, grown, (HIGH, WIDE)) == 0.0


def test_a_person_who_is_only_moved_or_only_nearer_has_no_pose_distance():
    assert pose_distance(POSE, BOX, *moved(POSE, BOX, np.array([7.0, -3.0]))) == pytest.approx(0, abs=1e-12)
    # twice as near: pixel edges scale, so a centre at x lands at 2 (x + 0.5) - 0.5
    assert pose_distance(POSE, BOX, 2 * (POSE + 0.5) - 0.5, 2 * BOX) == pytest.approx(0, abs=1e-12)


def test_pose_distance_is_the_mean_over_shared_joints_in_longer_sides():
    other = POSE.copy()
    other[0] += (6, 8)  # 10 px of 40
    assert pose_distance(POSE, BOX, other, BOX) == pytest.approx(0.25 / 4)
    other[1] = NAN
    assert pose_distance(POSE, BOX, other, BOX) == pytest.approx(0.25 / 3)
    assert math.isnan(pose_distance(POSE, BOX, np.full((4, 2), NAN), BOX))
    assert math.isnan(pose_distance(POSE, BOX, POSE, np.array([3.0, 3.0, 3.0, 3.0])))


def test_a_flat_scene_has_no_clutter_whatever_the_person_looks_like():
    image = flat()
    image[20:60, 10:30] = np.random.default_rng(0).integers(0, 256, (40, 20, 3))
    assert clutter(image, (BOX, BOX)) == pytest.approx(0, abs=1e-9)
    assert clutter(image, (BOX + [0, 1, 0, 0], BOX)) == pytest.approx(0, abs=1e-9)
    # one row of the person left outside the boxes is scenery
    assert clutter(image, (BOX + [0, 2, 0, 0],) * 2) > 0.1


def test_clutter_of_a_ramp_is_its_slope_in_grey_levels_a_pixel():
    columns = np.broadcast_to(3 * np.arange(WIDE)[None, :, None], (HIGH, WIDE, 3)).astype(np.uint8)
    assert clutter(columns, (BOX, BOX)) == pytest.approx(3.0)
    rows = np.broadcast_to(2 * np.arange(HIGH)[:, None, None], (HIGH, WIDE, 3)).astype(np.uint8)
    assert clutter(np.maximum(rows, 0), (BOX, BOX)) == pytest.approx(2.0)


def test_clutter_orders_scenes_as_scipys_gradient_does():
    generator = np.random.default_rng(1)
    scenes = [np.uint8(127 + amount * generator.standard_normal((HIGH, WIDE, 1)).repeat(3, 2)) for amount in (2, 9, 25)]
    ours = [clutter(scene, (BOX, BOX)) for scene in scenes]
    theirs = [gaussian_gradient_magnitude(scene[..., 0].astype(float), 1).mean() for scene in scenes]
    assert np.argsort(ours).tolist() == np.argsort(theirs).tolist() == [0, 1, 2]


def test_missing_joints_count_once_where_both_poses_lack_them():
    reference, target = POSE.copy(), POSE.copy()
    reference[0], target[0], target[2, 1] = NAN, NAN, NAN
    assert missing_joints(POSE, POSE) == 0
    assert missing_joints(reference, target) == 0.5


def test_a_still_scene_does_not_move_and_one_that_does_is_measured_in_grey_levels():
    image = np.random.default_rng(2).integers(0, 250, (HIGH, WIDE, 3), dtype=np.uint8)
    assert moving_background(image, image, (BOX, BOX)) == 0
    other = image + np.uint8(5)
    other[20:60, 10:30] = 0  # the person: inside the box
    assert moving_background(image, other, (BOX, BOX)) == 5
    assert moving_background(other, image, (BOX, BOX)) == 5


def test_where_boxes_cover_the_image_there_is_no_background_to_speak_of():
    assert math.isnan(clutter(flat(), (BOX, EVERYTHING)))
    assert math.isnan(moving_background(flat(), flat(), (EVERYTHING, BOX)))
    beyond = np.array([-9.0, -9.0, 500.0, 500.0])
    assert math.isnan(clutter(flat(), (beyond, BOX)))
    assert clutter(flat(), (np.array([-30.0, 5.0, -10.0, 20.0]), BOX)) == pytest.approx(0, abs=1e-9)


def test_every_challenge_is_measured_and_frames_of_two_sizes_are_no_pair():
    view = View(flat(), POSE, BOX)
    assert tuple(measure(view, view)) == tuple(challenge.key for challenge in CHALLENGES)
    with pytest.raises(ValueError, match="no pair"):
        measure(view, View(flat()[:-1], POSE, BOX))


# ---- the file


def test_the_folder_holds_a_row_a_pair(tmp_path):
    pairs = pair_list()
    rows = read(write_pairs(tmp_path, pairs), pairs)
    assert [row.pair for row in rows] == [pair.id for pair in pairs.pairs]
    # boxes are the whole picture there, heads are missing, and nothing tells who is on it
    assert {row.values["person_scale"] for row in rows} == {1.0}
    assert {row.values["missing_joints"] for row in rows} == {1 / 13}
    assert all(math.isnan(row.values["clutter"]) and row.values["pose_distance"] > 0 for row in rows)
    assert {(row.category, row.person) for row in rows} == {(None, None)}


class Telling:
    """What a dataset tells, and nothing else of it."""

    def category(self, frame_id):
        return f"walk, {frame_id[-1]}"

    def person(self, frame_id):
        return frame_id.partition("-")[0]


def test_a_folder_without_the_file_is_completed_and_not_rebuilt(tmp_path):
    pairs = pair_list()
    folder = write_pairs(tmp_path, pairs)
    written = (folder / FILE).read_bytes()
    (folder / FILE).unlink()
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    complete(folder, None)
    assert (folder / FILE).read_bytes() == written
    assert {path: path.stat().st_mtime_ns for path in times} == times
    # of older definitions, or of another list: measured again, with what the dataset tells of the target
    for old in (written.replace(b"version=1", b"version=0"), written.replace(pairs.hash.encode(), b"0" * 64), b"\xff"):
        (folder / FILE).write_bytes(old)
        assert read(folder, pairs) is None
        complete(folder, Telling())
        assert [row.category for row in read(folder, pairs)] == [f"walk, {pair.target[-1]}" for pair in pairs.pairs]
    complete(tmp_path / "nowhere", None)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_is_current_is_left_alone(tmp_path):
    pairs = pair_list()
    folder = write_pairs(tmp_path, pairs)
    next(folder.glob("frames/*.png")).unlink()
    complete(folder, None)
    (folder / FILE).unlink()
    with pytest.raises(UserError, match="no image at"):
        complete(folder, None)
    assert not (folder / FILE).exists()


def test_a_damaged_file_is_named(tmp_path):
    pairs = pair_list()
    folder = write_pairs(tmp_path, pairs)
    lines = (folder / FILE).read_text().splitlines()
    for damaged in (lines[:-1], [*lines[:-1], lines[-1].replace(",1.0,", ",one,")], [*lines[:-1], "x"], lines[:1]):
        (folder / FILE).write_text("\n".join(damaged) + "\n")
        with pytest.raises(UserError, match=f"{FILE} is damaged"):
            read(folder, pairs)


def test_poses_that_lack_a_frame_are_named(tmp_path):
    pairs = pair_list()
    folder = write_pairs(tmp_path, pairs)
    path = folder / challenge_file.POSES
    path.write_text(path.read_text().replace(pairs.pairs[0].target, "other"))
    (folder / FILE).unlink()
    with pytest.raises(UserError, match=f"no pose of {pairs.pairs[0].target}"):
        complete(folder, None)
