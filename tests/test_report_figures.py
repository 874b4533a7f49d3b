"""The qualitative grid: which pairs, which pixels, which poses."""

import numpy as np
import pytest
from report_store import CLIPS, SIZE_PX, add, demo_store, pair_list, record, write_one

from harness.errors import UserError
from harness.images import read_image
from harness.pairs import group_of
from harness.report.build import columns_of_pictures
from harness.report.figures import MIN_TILE_PX, Poses, _title_lines, choose_pairs, pose_image
from harness.report.select import Entry, comparisons
from harness.store import Store

SCALE = -(-MIN_TILE_PX // max(SIZE_PX))


def contains(sheet, picture):
    """Whether the enlarged picture stands somewhere in the sheet, pixel for pixel."""
    tile = picture.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    height, width = tile.shape[:2]
    for y, x in np.argwhere((sheet == tile[0, 0]).all(axis=-1)):
        found = sheet[y : y + height, x : x + width]
        if found.shape == tile.shape and np.array_equal(found, tile):
            return True
    return False


def test_pairs_are_balanced_over_clips_and_fixed_by_the_seed():
    pairs = pair_list(5).pairs
    chosen = choose_pairs(pairs, 4, seed=0)
    assert [group_of(pair.target) for pair in chosen] == [CLIPS[0], CLIPS[0], CLIPS[1], CLIPS[1]]
    assert chosen == choose_pairs(tuple(reversed(pairs)), 4, seed=0)[::-1]
    assert len({choose_pairs(pairs, 4, seed) for seed in range(8)}) > 1
    assert choose_pairs(pairs, 99, seed=0) == pairs
    with pytest.raises(UserError):
        choose_pairs(pairs, 0, seed=0)


def test_the_chosen_pairs_are_the_ones_they_always_were():
    chosen = choose_pairs(pair_list(5).pairs, 4, seed=2)
    assert [pair.id for pair in chosen] == [
        "lab-cam01_0001__0002", "lab-cam01_0003__0004", "lab-cam02_0001__0002", "lab-cam02_0004__0005",
    ]  # fmt: skip


def test_every_picture_is_in_the_grid_pixel_for_pixel(tmp_path):
    store = demo_store(tmp_path)
    sheet = read_image(write_one(store, rows=2).files["grid"])
    frames = next(store.glob("pairs/*/frames"))
    for pair in choose_pairs(pair_list().pairs, 2, seed=0):
        for frame in (pair.reference, pair.target):
            assert contains(sheet, read_image(frames / f"{frame.replace('/', '_')}.png"))
        for method in ("mrnet-0", "copy-None", "mean-None"):
            assert contains(sheet, read_image(store / "cells" / "footage" / method / "images" / f"{pair.id}.png"))
        # the ceiling has no column: the target stands there already
        assert not contains(sheet, read_image(store / "cells/footage/target-None/images" / f"{pair.id}.png"))


def test_a_wrappers_title_takes_two_lines_and_moves_the_pictures_down(tmp_path):
    plain = read_image(write_one(demo_store(tmp_path / "plain"), rows=1).files["grid"])
    wrapped = demo_store(tmp_path / "wrapped")
    pairs = pair_list()
    add(wrapped, record("union-crop(dvg)", pairs, title="Union-crop (DVG)"), pairs, name="union-crop.dvg-0")
    sheet = read_image(write_one(wrapped, rows=1).files["grid"])
    assert _title_lines("Union-crop (DVG)") == ["Union-crop", "(DVG)"] and _title_lines("MR-Net") == ["MR-Net"]
    ink = [np.flatnonzero((image != 255).any(axis=(1, 2)))[0] for image in (plain, sheet)]
    assert ink[0] == ink[1], "the first line stands where it stood"
    assert sheet.shape[0] > plain.shape[0]


def test_the_caption_names_pairs_seed_and_source(tmp_path):
    words = (
        write_one(demo_store(tmp_path), rows=2, seed=3).files["markdown"].read_text(encoding="utf-8").replace("\\", "")
    )
    for pair in choose_pairs(pair_list().pairs, 2, seed=3):
        assert pair.id in words
    assert "seed 3" in words and "Pose2Sim / Sports2D demo footage, BSD-3-Clause" in words


def test_more_rows_make_a_taller_picture(tmp_path):
    store = demo_store(tmp_path)
    heights = [read_image(write_one(store, tmp_path / str(rows), rows=rows).files["grid"]).shape[0] for rows in (1, 4)]
    assert heights[1] - heights[0] >= 3 * SIZE_PX[0] * SCALE


def test_a_missing_image_is_an_empty_tile_and_a_missing_frame_an_error(tmp_path):
    store = demo_store(tmp_path)
    (first,) = choose_pairs(pair_list().pairs, 1, seed=0)
    (store / "cells/footage/mrnet-0/images" / f"{first.id}.png").unlink()
    write_one(store, rows=1)
    next(store.glob(f"pairs/*/frames/{first.reference.replace('/', '_')}.png")).unlink()
    with pytest.raises(UserError, match="no image at"):
        write_one(store, rows=1)


def test_frames_of_another_size_are_an_error_that_names_both(tmp_path):
    store = demo_store(tmp_path)
    (path,) = store.glob("pairs/*/poses.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"size": [32, 24]', '"size": [64, 64]'), encoding="utf-8")
    with pytest.raises(UserError, match="64×64 px.*32×24"):
        write_one(store)


def test_methods_come_first_and_the_lowest_seed_stands_for_several(tmp_path):
    pairs = pair_list()
    store = demo_store(tmp_path)
    add(store, record("mrnet", pairs, seed=1), pairs)
    (comparison,) = comparisons([Entry(result, path.parent) for path, result in Store(store).records()])
    columns = columns_of_pictures(comparison)
    assert [(title, words) for title, words, _ in columns] == [
        ("MR-Net", "seed 0"), ("Copy", "control"), ("Mean", "control"),
    ]  # fmt: skip
    assert columns[0][2] == store / "cells" / "footage" / "mrnet-0" / "images"


def test_a_pose_is_drawn_at_its_joints_in_the_colours_of_its_sides():
    names = ("left_wrist", "left_elbow", "right_wrist", "head")
    joints = np.array([[4.0, 4.0], [20.0, 4.0], [4.0, 26.0], [np.nan, np.nan]])
    poses = Poses((32, 24), names, ((0, 1), (0, 3)), {})
    drawn = np.asarray(pose_image(joints, poses, scale=8)).astype(int)
    assert drawn.shape == (256, 192, 3)
    background = drawn[128, 96]
    left, middle_of_limb, right = drawn[36, 36], drawn[36, 100], drawn[212, 36]
    assert left[2] > left[0] and right[0] > right[2]
    assert middle_of_limb[2] > middle_of_limb[0]
    # the missing head draws neither a joint nor a limb towards it
    assert np.array_equal(drawn[:20].reshape(-1, 3).min(axis=0), background)
    assert np.array_equal(drawn[60:180].reshape(-1, 3).max(axis=0), background)
