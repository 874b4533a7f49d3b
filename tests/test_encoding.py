"""Pose encodings, held against loops that say literally what each should be, and against the originals' fixture."""

import colorsys
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.draw import disk, polygon
from skimage.morphology import dilation, erosion

from methods import encoding
from methods.encoding import (
    convert,
    flip,
    gaussian_maps,
    keypoint_mask,
    limb_mask,
    part_boxes,
    part_boxes_fashion,
    skeleton_picture,
    solid_maps,
)
from mrnet.skeletons import BBC7, COCO17, FOOTAGE18, MPII14, OPENPOSE18, PENN13, SKELETONS

NAN = math.nan
SIZE_PX = (48, 32)
SQUARE_5 = np.ones((5, 5), dtype=np.uint8)

MASK_LIMBS = (
    "1-2 1-5 2-3 3-4 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13 1-0 0-14 14-16 0-15 15-17 1-16 1-17 8-11 11-5 8-2 16-17"
)

FIXTURE = Path(__file__).parents[2] / "shared" / "parity_tf" / "preprocess_pg2_bodyroi7"  # where it is at hand
needs_fixture = pytest.mark.skipif(not FIXTURE.with_suffix(".npz").exists(), reason="the fixture is not at hand")


def random_joints(skeleton, batch=6, whole=False, seed=0):
    """Joints in and around an image of SIZE_PX: some missing (one of them by x alone), some coincident, one far out."""
    rng = np.random.default_rng(seed)
    height, width = SIZE_PX
    joints = rng.uniform((-8, -8), (width + 8, height + 8), (batch, len(skeleton), 2))
    if whole:
        joints = joints.round()
    joints[rng.random((batch, len(skeleton))) < 0.15] = NAN
    joints[0, 1, 0] = NAN
    a, b = skeleton.edges[2]
    joints[1, a] = joints[1, b] = (9, 30)
    joints[2, 3] = (400, -300)
    return torch.tensor(joints, dtype=torch.float32)


def present(point):
    return not np.isnan(np.asarray(point)).any()


def limbs_of(skeleton):
    if skeleton is OPENPOSE18:
        return [tuple(map(int, limb.split("-"))) for limb in MASK_LIMBS.split()]
    return skeleton.edges


def closed(mask):
    return erosion(dilation(mask.astype(np.uint8), SQUARE_5), SQUARE_5)


# Joints -------------------------------------------------------------------------------------------------------------


def numbered(skeleton, batch=1):
    """Joint j of sample b lies at (100 b + j, −j)."""
    numbers = torch.arange(len(skeleton)).float()
    return torch.stack([torch.stack([100 * sample + numbers, -numbers], dim=-1) for sample in range(batch)])


def at(joints, skeleton, name, sample=0):
    return joints[sample, skeleton.joints.index(name)].tolist()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_conversion_to_the_same_joint_set_changes_nothing(skeleton):
    joints = random_joints(skeleton)
    joints[0, 1] = NAN
    assert torch.equal(convert(joints, skeleton, skeleton).nan_to_num(-1), joints.nan_to_num(-1))


@pytest.mark.parametrize("source", SKELETONS.values(), ids=SKELETONS)
@pytest.mark.parametrize("target", SKELETONS.values(), ids=SKELETONS)
def test_joints_keep_their_names(source, target):
    converted = convert(numbered(source, batch=2), source, target)
    assert converted.shape == (2, len(target), 2)
    for name in set(source.joints) & set(target.joints):
        assert at(converted, target, name, sample=1) == at(numbered(source, batch=2), source, name, sample=1)


def test_penn_gets_a_neck_between_its_shoulders_for_posewarp():
    converted = convert(numbered(PENN13), PENN13, MPII14)
    assert not converted.isnan().any()
    assert at(converted, MPII14, "neck") == [1.5, -1.5]  # left_shoulder 1, right_shoulder 2
    assert converted[0, :, 0].tolist() == [0, 1.5, 2, 4, 6, 1, 3, 5, 8, 10, 12, 7, 9, 11]


def test_footage_fills_openpose_and_coco():
    converted = convert(numbered(FOOTAGE18), FOOTAGE18, OPENPOSE18)
    assert converted[0, :, 0].tolist() == [13, 1.5, 2, 4, 6, 1, 3, 5, 8, 10, 12, 7, 9, 11, 15, 14, 17, 16]
    converted = convert(numbered(FOOTAGE18), FOOTAGE18, COCO17)
    assert converted[0, :, 0].tolist() == [13, 14, 15, 16, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_bbc_gets_a_neck_and_has_no_legs():
    converted = convert(numbered(BBC7), BBC7, MPII14)
    assert converted[0, :8, 0].tolist() == [0, 5.5, 5, 3, 1, 6, 4, 2]
    assert converted[0, 8:].isnan().all()


def test_a_head_is_the_middle_of_the_ears_else_one_ear_else_the_nose_sample_by_sample():
    joints = numbered(OPENPOSE18, batch=4)
    nose, right_ear = OPENPOSE18.joints.index("nose"), OPENPOSE18.joints.index("right_ear")
    joints[1, right_ear] = NAN
    joints[2, right_ear, 1] = NAN  # half a coordinate is none
    left_ear = OPENPOSE18.joints.index("left_ear")
    joints[2, left_ear] = NAN
    joints[3, [nose, left_ear, right_ear]] = NAN
    heads = convert(joints, OPENPOSE18, PENN13)[:, 0]
    assert heads[0].tolist() == [16.5, -16.5]
    assert torch.equal(heads[1], joints[1, left_ear]) and torch.equal(heads[2], joints[2, nose])
    assert heads[3].isnan().all()


def test_a_derived_joint_needs_all_its_sources():
    joints = numbered(PENN13, batch=2)
    joints[1, PENN13.joints.index("left_shoulder")] = NAN
    necks = convert(joints, PENN13, MPII14)[:, 1]
    assert necks[0].tolist() == [1.5, -1.5]
    assert necks[1].isnan().all()


def test_a_joint_the_source_has_is_not_derived_where_it_is_missing():
    joints = numbered(OPENPOSE18)
    joints[0, OPENPOSE18.joints.index("neck")] = NAN
    assert convert(joints, OPENPOSE18, MPII14)[0, 1].isnan().all()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_flipping_mirrors_x_and_exchanges_sides(skeleton):
    joints = random_joints(skeleton, whole=True)
    flipped = flip(joints, skeleton, width_px=32)
    for sample, points in enumerate(joints.tolist()):
        for name, (x, y) in zip(skeleton.joints, points, strict=True):
            side, _, rest = name.partition("_")
            other = {"left": "right_", "right": "left_"}.get(side, "") + rest if rest else name
            mirrored = flipped[sample, skeleton.joints.index(other)].tolist()
            assert mirrored == [31 - x, y] if present((x, y)) else np.isnan(mirrored).all()
    assert torch.equal(flip(flipped, skeleton, 32).nan_to_num(-1)[1:], joints.nan_to_num(-1)[1:])


def test_flipped_joints_draw_the_flipped_maps():
    joints = random_joints(PENN13, whole=True)
    order = [*range(len(PENN13))]
    for left, right in PENN13.flip_pairs:
        order[left], order[right] = right, left
    drawn, mirrored = (gaussian_maps(j, SIZE_PX, 2.0) for j in (joints, flip(joints, PENN13, SIZE_PX[1])))
    assert torch.equal(mirrored[:, order], drawn.flip(-1))


# Maps ---------------------------------------------------------------------------------------------------------------


def test_solid_maps_are_discs_round_the_joint_truncated_to_integers():
    joints = random_joints(PENN13)
    drawn = solid_maps(joints, SIZE_PX)
    expected = np.full((*joints.shape[:2], *SIZE_PX), -1.0)
    for index in np.ndindex(*joints.shape[:2]):
        if present(joints[index]):
            x, y = (int(coordinate) for coordinate in joints[index])
            for row, column in np.ndindex(*SIZE_PX):
                if math.hypot(row - y, column - x) <= 4:
                    expected[index][row, column] = 1
    assert drawn.dtype == torch.float32
    np.testing.assert_array_equal(drawn, expected)


def test_a_solid_disc_has_49_pixels():
    assert (solid_maps(torch.tensor([[[15.9, 20.2]]]), SIZE_PX) == 1).sum() == 49


@pytest.mark.parametrize("sigma_px", [6.0, 1.75])
def test_gaussian_maps_follow_the_formula(sigma_px):
    joints = random_joints(PENN13, batch=3)
    drawn = gaussian_maps(joints, SIZE_PX, sigma_px)
    expected = np.zeros((*joints.shape[:2], *SIZE_PX))
    for index in np.ndindex(*joints.shape[:2]):
        x, y = joints[index].tolist()
        if present((x, y)):
            for row, column in np.ndindex(*SIZE_PX):
                expected[index][row, column] = math.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma_px**2))
    assert drawn.dtype == torch.float32
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert not drawn[0, 1].any()  # its x alone is missing


def test_a_gaussian_is_one_on_its_joint():
    drawn = gaussian_maps(torch.tensor([[[7.0, 12.0]]]), SIZE_PX, 6.0)
    assert drawn[0, 0, 12, 7] == drawn.max() == 1


# Picture ------------------------------------------------------------------------------------------------------------


def distance_to_segment(point, start, end):
    start, end, point = (np.asarray(each, dtype=np.float64) for each in (start, end, point))
    along = end - start
    share = np.clip((point - start) @ along / (along @ along), 0, 1) if along.any() else 0.0
    return np.linalg.norm(point - start - share * along)


@pytest.mark.parametrize("skeleton", [PENN13, BBC7], ids=lambda skeleton: skeleton.name)
def test_the_picture_paints_limbs_in_order_and_joints_over_them(skeleton):
    limb_px, joint_px = 2.3, 3.1
    joints = random_joints(skeleton, batch=3)
    drawn = skeleton_picture(joints, skeleton, SIZE_PX, limb_px, joint_px)
    expected = np.zeros((len(joints), *SIZE_PX, 3))
    for sample, points in enumerate(joints.numpy()):
        for row, column in np.ndindex(*SIZE_PX):
            for index, (a, b) in enumerate(skeleton.edges):
                both = present(points[a]) and present(points[b])
                if both and distance_to_segment((column, row), points[a], points[b]) <= limb_px:
                    expected[sample, row, column] = colorsys.hsv_to_rgb(index / len(skeleton.edges), 1, 1)
            for index, point in enumerate(points):
                if present(point) and math.dist((column, row), point) <= joint_px:
                    expected[sample, row, column] = colorsys.hsv_to_rgb(index / len(skeleton), 1, 1)
    assert drawn.shape == (3, 3, *SIZE_PX)
    np.testing.assert_allclose(drawn.permute(0, 2, 3, 1), expected * 2 - 1, atol=1e-6)


def test_a_pose_without_joints_is_a_black_picture():
    drawn = skeleton_picture(torch.full((2, 18, 2), NAN), OPENPOSE18, SIZE_PX, 2.0, 3.0)
    assert (drawn == -1).all()


def test_a_limb_of_length_zero_is_a_disc():
    joints = torch.full((1, 18, 2), NAN)
    joints[0, [3, 4]] = 15
    drawn = skeleton_picture(joints, OPENPOSE18, SIZE_PX, limb_radius_px=5.0, joint_radius_px=2.0)
    assert (drawn != -1).any(dim=1).sum() == 81  # lattice points in a circle of radius 5


def test_every_limb_has_a_colour_of_its_own():
    joints = torch.full((1, 18, 2), NAN)
    seen = set()
    for a, b in OPENPOSE18.edges:
        joints[:] = NAN
        joints[0, a], joints[0, b] = torch.tensor([5.0, 20.0]), torch.tensor([25.0, 20.0])
        seen.add(tuple(skeleton_picture(joints, OPENPOSE18, SIZE_PX, 2.0, 3.0)[0, :, 20, 15].tolist()))
    assert len(seen) == len(OPENPOSE18.edges)


# Masks --------------------------------------------------------------------------------------------------------------


def stamped(points, skeleton, radius_px):
    mask = np.zeros(SIZE_PX, dtype=bool)
    rows, columns = np.indices(SIZE_PX)

    def stamp(x, y):
        mask[(rows - int(y)) ** 2 + (columns - int(x)) ** 2 <= radius_px**2] = True

    for a, b in limbs_of(skeleton):
        if present(points[a]) and present(points[b]):
            (x0, y0), (x1, y1) = ([int(coordinate) for coordinate in points[joint]] for joint in (a, b))
            stamp(x0, y0)
            stamp(x1, y1)
            count = int(math.dist((x0, y0), (x1, y1)) / radius_px)
            for step in range(1, count):
                stamp(x0 + Fraction((x1 - x0) * step, count), y0 + Fraction((y1 - y0) * step, count))
    return mask


@pytest.mark.parametrize("skeleton", [OPENPOSE18, PENN13, BBC7], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("radius_px", [1, 4, 7])
def test_limb_mask_is_stamped_discs_closed(skeleton, radius_px):
    joints = random_joints(skeleton, batch=12, seed=radius_px)
    drawn = limb_mask(joints, skeleton, SIZE_PX, radius_px)
    expected = [closed(stamped(points, skeleton, radius_px)) for points in joints.numpy()]
    assert drawn.shape == (12, 1, *SIZE_PX)
    assert drawn.dtype == torch.float32
    np.testing.assert_array_equal(drawn[:, 0], expected)


def test_a_joint_without_a_partner_draws_no_limb():
    joints = torch.full((1, 18, 2), NAN)
    joints[0, OPENPOSE18.joints.index("right_wrist")] = 15
    assert not limb_mask(joints, OPENPOSE18, SIZE_PX).any()
    assert keypoint_mask(joints, OPENPOSE18, SIZE_PX).sum() == 45


def test_coincident_ends_draw_one_disc():
    joints = torch.full((1, 18, 2), NAN)
    joints[0, [3, 4]] = 15
    assert limb_mask(joints, OPENPOSE18, SIZE_PX).sum() == 49
    assert keypoint_mask(joints, OPENPOSE18, SIZE_PX).sum() == 45


def with_skimage(points, skeleton, radius_px):
    """As pose-gan does: a polygon a limb, a disc a joint, closed; in (row, column)."""
    mask = np.zeros(SIZE_PX, dtype=bool)
    points = points[:, ::-1].astype(np.float64)
    for a, b in limbs_of(skeleton):
        if present(points[a]) and present(points[b]) and (points[a] != points[b]).any():
            row, column = points[b] - points[a]
            aside = radius_px * np.array([-column, row]) / math.hypot(row, column)
            corners = np.stack([points[a] + aside, points[a] - aside, points[b] - aside, points[b] + aside])
            mask[polygon(*corners.T, shape=SIZE_PX)] = True
    for point in points:
        if present(point):
            mask[disk(point, radius_px, shape=SIZE_PX)] = True
    return closed(mask)


@pytest.mark.parametrize("skeleton", [OPENPOSE18, PENN13, BBC7], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("radius_px", [2, 4])
def test_keypoint_mask_is_what_skimage_draws(skeleton, radius_px):
    joints = random_joints(skeleton, batch=24, seed=radius_px)
    drawn = keypoint_mask(joints, skeleton, SIZE_PX, radius_px)
    expected = [with_skimage(points, skeleton, radius_px) for points in joints.numpy()]
    assert drawn.shape == (24, 1, *SIZE_PX)
    np.testing.assert_array_equal(drawn[:, 0], expected)


def exactly(points, skeleton, radius_px):
    """The same in whole numbers, where skimage's corners are rounded."""
    mask = np.zeros(SIZE_PX, dtype=bool)
    rows, columns = np.indices(SIZE_PX)
    for a, b in limbs_of(skeleton):
        if present(points[a]) and present(points[b]):
            (x0, y0), (x1, y1) = (tuple(map(int, points[joint])) for joint in (a, b))
            dx, dy, x, y = columns - x0, rows - y0, x1 - x0, y1 - y0
            if (x, y) != (0, 0):
                along, across = dx * x + dy * y, dx * y - dy * x
                length = x**2 + y**2
                mask |= (along >= 0) & (along <= length) & (across**2 <= radius_px**2 * length)
    for point in points:
        if present(point):
            x, y = map(int, point)
            mask |= (columns - x) ** 2 + (rows - y) ** 2 < radius_px**2
    return closed(mask)


def test_keypoint_mask_of_whole_numbered_joints_is_exact():
    joints = random_joints(OPENPOSE18, batch=24, whole=True)
    drawn = keypoint_mask(joints, OPENPOSE18, SIZE_PX)
    np.testing.assert_array_equal(drawn[:, 0], [exactly(points, OPENPOSE18, 4) for points in joints.numpy()])


def test_a_level_limb_includes_its_edges_as_in_skimage():
    joints = torch.full((1, 18, 2), NAN)
    joints[0, 3], joints[0, 4] = torch.tensor([8.0, 20.0]), torch.tensor([22.0, 20.0])
    drawn = keypoint_mask(joints, OPENPOSE18, SIZE_PX)
    assert drawn[0, 0, :, 15].nonzero().flatten().tolist() == [*range(16, 25)]
    np.testing.assert_array_equal(drawn[0, 0], with_skimage(joints[0].numpy(), OPENPOSE18, 4))


# Boxes --------------------------------------------------------------------------------------------------------------

ARMS_AND_LEGS = ((5, 6, 7), (2, 3, 4), (11, 12, 13), (8, 9, 10))
PARTS = ((0, 1, 2, 5, 14, 15, 16, 17), (2, 3, 4, 5, 6, 7, 8, 11), range(8, 14), *ARMS_AND_LEGS)


def literal_boxes(points, size_px, margin_px, lone_px):
    height, width = size_px
    for part in PARTS:
        there = [points[joint].tolist() for joint in part if present(points[joint])]
        if not there:
            yield [0, 0, 1, 1], 0
            continue
        margin = lone_px if len(there) == 1 else margin_px
        xs, ys = zip(*there, strict=True)
        corners = (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)
        limits = (width - 1, height - 1) * 2
        yield [int(max(0, min(limit, corner))) for limit, corner in zip(limits, corners, strict=True)], 1


def sparse_joints():
    joints = random_joints(OPENPOSE18, batch=24)
    joints[np.random.default_rng(1).random((24, 18)) < 0.5] = NAN
    return joints


def test_part_boxes_are_grown_and_clamped_extents():
    joints = sparse_joints()
    boxes, visible = part_boxes(joints, SIZE_PX)
    expected = [[*literal_boxes(points, SIZE_PX, 6, 10)] for points in joints]
    assert boxes.tolist() == [[box for box, _ in sample] for sample in expected]
    assert visible.tolist() == [[seen for _, seen in sample] for sample in expected]
    assert {seen for sample in expected for _, seen in sample} == {0, 1}


def test_the_fashion_rule_raises_the_nose_and_widens_cut_bodies():
    joints = sparse_joints()
    boxes, visible = part_boxes_fashion(joints, SIZE_PX)
    framings = set()
    for points, sample, seen in zip(joints, boxes, visible, strict=True):
        whole = any(present(points[joint]) for joint in (9, 10)) and any(present(points[joint]) for joint in (12, 13))
        framings.add(whole)
        raised = points.clone()
        if present(points[0]):
            raised[0, 1] = max(0, points[0, 1] - (10 if whole else 25))
        expected = [*literal_boxes(raised, SIZE_PX, *((10, 20) if whole else (20, 40)))]
        assert sample.tolist() == [box for box, _ in expected]
        assert seen.tolist() == [seen for _, seen in expected]
    assert framings == {True, False}


# All together -------------------------------------------------------------------------------------------------------

ENCODINGS = {
    "convert": lambda joints: convert(joints, OPENPOSE18, PENN13),
    "flip": lambda joints: flip(joints, OPENPOSE18, 32),
    "solid_maps": lambda joints: solid_maps(joints, SIZE_PX),
    "gaussian_maps": lambda joints: gaussian_maps(joints, SIZE_PX, 6.0),
    "skeleton_picture": lambda joints: skeleton_picture(joints, OPENPOSE18, SIZE_PX, 2.0, 3.0),
    "limb_mask": lambda joints: limb_mask(joints, OPENPOSE18, SIZE_PX),
    "keypoint_mask": lambda joints: keypoint_mask(joints, OPENPOSE18, SIZE_PX),
    "part_boxes": lambda joints: part_boxes(joints, SIZE_PX)[0],
    "part_boxes_fashion": lambda joints: part_boxes_fashion(joints, SIZE_PX)[0],
}
every_encoding = pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)


@every_encoding
def test_a_batch_equals_its_samples_one_by_one(encode):
    joints = random_joints(OPENPOSE18, batch=8)
    together, alone = encode(joints), torch.cat([encode(joints[index : index + 1]) for index in range(8)])
    assert torch.equal(together.nan_to_num(-9), alone.nan_to_num(-9))


@every_encoding
def test_no_gradient_flows_back_and_the_joints_stay_as_they_are(encode):
    joints = random_joints(OPENPOSE18)
    given = joints.clone().requires_grad_()
    assert not encode(given).requires_grad
    encode(joints)
    assert torch.equal(joints.nan_to_num(-1), given.detach().nan_to_num(-1))


@every_encoding
def test_a_pose_of_no_joints_is_encoded_too(encode):
    encoded = encode(torch.full((2, 18, 2), NAN))
    assert len(encoded) == 2


@pytest.mark.parametrize("encode", [encode for name, encode in ENCODINGS.items() if not name.endswith("_maps")])
def test_joints_of_another_skeleton_are_refused(encode):
    with pytest.raises(ValueError, match=r"joints of openpose18 are \(B, 18, 2\), not \(1, 13, 2\)"):
        encode(torch.zeros(1, 13, 2))


# The originals' own arrays ------------------------------------------------------------------------------------------


def fixture_cases():
    if not FIXTURE.with_suffix(".json").exists():
        return []
    return json.loads(FIXTURE.with_suffix(".json").read_text())["cases"]


def fixture_joints(case):
    people = json.loads(FIXTURE.with_suffix(".json").read_text())["joints_xy"]
    joints = torch.tensor([[point or [NAN, NAN] for point in people[case["person"]]]])
    return joints * torch.tensor([float(case["x_scale"]), 1.0])


def fixture_array(name, case, shape):
    packed = np.load(FIXTURE.with_suffix(".npz"))[f"{name}_{case['H']}x{case['W']}_{case['person']}"]
    return np.unpackbits(packed)[: math.prod(shape)].reshape(shape)


every_case = pytest.mark.parametrize("case", fixture_cases(), ids=lambda c: f"{c['H']}x{c['W']}_{c['person']}")


@needs_fixture
@every_case
def test_solid_maps_equal_pg2s(case):
    size_px = case["H"], case["W"]
    maps = solid_maps(fixture_joints(case), size_px)[0]
    np.testing.assert_array_equal(maps.permute(1, 2, 0) > 0, fixture_array("pose_r4", case, (*size_px, 18)))
    assert (maps > 0).sum(dim=(1, 2)).tolist() == case["pose_r4_pixels"]


@needs_fixture
@every_case
@pytest.mark.parametrize("radius_px", [4, 7, 8])
def test_limb_masks_equal_pg2s_and_bodyroi7s(case, radius_px):
    size_px = case["H"], case["W"]
    mask = limb_mask(fixture_joints(case), OPENPOSE18, size_px, radius_px)[0, 0]
    np.testing.assert_array_equal(mask, fixture_array(f"mask_r{radius_px}", case, size_px))
    assert mask.sum() == case[f"mask_r{radius_px}_pixels"]


@needs_fixture
@every_case
def test_part_boxes_equal_bodyroi7s(case):
    size_px, joints = (case["H"], case["W"]), fixture_joints(case)
    rows_first = [1, 0, 3, 2]
    boxes, _ = part_boxes_fashion(joints, size_px)
    assert boxes[0, :, rows_first].tolist() == case["bbox7_deepfashion_rule_at_this_size"]
    if "bbox7_market_r6" in case:
        boxes, visible = part_boxes(joints, size_px)
        assert boxes[0, :, rows_first].tolist() == case["bbox7_market_r6"]
        assert visible[0].tolist() == case["vis7"]


@needs_fixture
def test_every_array_of_the_fixture_is_compared():
    compared = {
        f"{name}_{case['H']}x{case['W']}_{case['person']}"
        for case in fixture_cases()
        for name in ("pose_r4", "mask_r4", "mask_r7", "mask_r8")
    }
    assert compared == set(np.load(FIXTURE.with_suffix(".npz")).files)


def test_published_constants():
    assert (encoding.PG2_RADIUS_PX, encoding.BODYROI7_MASK_RADIUS_PX, encoding.PATN_SIGMA_PX) == (4, 7, 6.0)
