"""Pose accuracy: PCK, PCKh and OKS by hand, OKS against pycocotools, and which landmarks are which joints."""

from dataclasses import astuple

import numpy as np
import pytest

from harness.errors import UserError
from harness.metrics import judges
from harness.metrics.pose import Correspondence, Found, head_size_px, oks, pose_scores, share_within, sigma
from mrnet.skeletons import BBC7, BLAZEPOSE33, COCO17, FOOTAGE18, MPII14, OPENPOSE18, PENN13, SKELETONS

BOX = np.array([10.0, 10.0, 50.0, 110.0])
"""40 wide, 100 high: PCK@0.1 allows 10 px, PCK@0.2 20 px."""

MPII_LACKING = {"head", "neck"}
LACKING = {
    "blazepose": {"mpii14": MPII_LACKING},
    "keypoint_rcnn": {
        "mpii14": MPII_LACKING,
        "blazepose33": {
            "left_eye_inner", "left_eye_outer", "right_eye_inner", "right_eye_outer", "left_mouth", "right_mouth",
            "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
            "left_heel", "right_heel", "left_foot_index", "right_foot_index",
        },
    },
}  # fmt: skip
"""By judge and skeleton; of every other skeleton a judge can tell all joints."""


def a_body(skeleton=COCO17):
    """(J, 2) joints that differ, no two of them alike, inside BOX."""
    rng = np.random.default_rng(0)
    return rng.uniform((10, 10), (50, 110), (len(skeleton), 2))


def found_at(joints, skeleton=COCO17, score=0.9):
    return Found(dict(zip(skeleton.joints, joints, strict=True)), score)


def scores_of(found_joints, wanted, skeleton=COCO17, box=BOX):
    return pose_scores(found_at(found_joints), wanted, box, Correspondence.between(skeleton, COCO17.joints))


# ---- PCK, PCKh and OKS by hand


def test_joints_where_they_should_be_are_all_right():
    body = a_body()
    assert astuple(scores_of(body, body)) == (1, 1, 1, 1, 0.9, 17, 0)


def test_pck_counts_joints_within_a_share_of_the_boxs_longer_side():
    """A distance equal to the threshold is right."""
    body = a_body().round()
    moved = body.copy()
    for index, distance in enumerate((10, 10.01, 20, 20.01)):
        moved[index, 0] += distance
    scores = scores_of(moved, body)
    assert scores.pck_01 == pytest.approx((17 - 3) / 17) and scores.pck_02 == pytest.approx((17 - 1) / 17)
    wide = scores_of(moved, body, box=np.array([0, 0, 100.5, 40]))
    assert wide.pck_01 == pytest.approx((17 - 2) / 17), "the longer side, be it the width"


def test_pckh_counts_joints_within_half_the_distance_from_head_to_neck():
    body = np.full((13, 2), 60.0)
    where = {"head": (30, 20), "left_shoulder": (40, 40), "right_shoulder": (20, 40)}
    for name, point in where.items():
        body[PENN13.joints.index(name)] = point
    assert head_size_px(body, PENN13) == 20
    moved = body.copy()
    moved[PENN13.joints.index("left_ankle"), 1] += 10
    moved[PENN13.joints.index("right_ankle"), 1] += 10.01
    own = Correspondence(PENN13, {name: (name,) for name in PENN13.joints})
    scores = pose_scores(found_at(moved, PENN13), body, BOX, own)
    assert scores.pckh == pytest.approx(12 / 13)


@pytest.mark.parametrize(
    ("skeleton", "points", "size"),
    [
        (MPII14, {"head": (0, 0), "neck": (3, 4), "left_shoulder": (9, 9), "right_shoulder": (9, 9)}, 5),
        (OPENPOSE18, {"nose": (0, 0), "left_ear": (6, 0), "neck": (3, 7)}, 7),
        (COCO17, {"right_ear": (3, 0), "left_shoulder": (0, 8), "right_shoulder": (6, 8)}, 8),
        (FOOTAGE18, {"nose": (3, 0), "left_shoulder": (0, 8), "right_shoulder": (6, 8)}, 8),
        (COCO17, {"right_ear": (3, 0), "left_shoulder": (0, 8)}, np.nan),
        (COCO17, {"left_shoulder": (0, 8), "right_shoulder": (6, 8)}, np.nan),
        (MPII14, {"head": (3, 4), "neck": (3, 4)}, np.nan),
        (PENN13, {}, np.nan),
    ],
)
def test_a_heads_size_runs_from_the_head_or_the_middle_of_the_face_to_the_neck_or_between_the_shoulders(
    skeleton, points, size
):
    joints = np.full((len(skeleton), 2), np.nan)
    for name, point in points.items():
        joints[skeleton.joints.index(name)] = point
    assert head_size_px(joints, skeleton) == pytest.approx(size, nan_ok=True)


def test_oks_by_hand():
    """A joint 2 σ √A away counts exp(-1/2), one at its place 1."""
    area = 4_000
    distance = 2 * 0.107 * np.sqrt(area)
    assert oks(np.array([distance, 0]), np.array([0.107, 0.026]), area) == pytest.approx((np.exp(-0.5) + 1) / 2)


def test_oks_is_that_of_pycocotools():
    """COCO's own code, with the box's area as the object's and all joints labelled but two."""
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(1)
    body = a_body()
    moved = body + rng.normal(0, 6, body.shape)
    labels = np.full((17, 1), 2)
    labels[[3, 8]] = 0
    judge = COCOeval(iouType="keypoints")
    judge.params.kpt_oks_sigmas = np.array([sigma(name) for name in COCO17.joints])
    width, height = BOX[2:] - BOX[:2]
    truth = {"keypoints": np.hstack([body, labels]).ravel().tolist(), "area": width * height, "bbox": [0, 0, 1, 1]}
    guess = {"keypoints": np.hstack([moved, labels]).ravel().tolist(), "score": 1.0}
    judge._gts[0, 1], judge._dts[0, 1] = [truth], [guess]
    expected = judge.computeOks(0, 1)[0, 0]
    wanted = np.where(labels > 0, body, np.nan)
    assert scores_of(moved, wanted).oks == pytest.approx(expected, abs=1e-12)
    assert 0.2 < expected < 0.98


def test_sigmas_are_cocos_and_every_joint_has_one():
    from pycocotools.cocoeval import Params

    assert np.allclose([sigma(name) for name in COCO17.joints], Params("keypoints").kpt_oks_sigmas)
    assert all(0.02 < sigma(name) < 0.11 for skeleton in SKELETONS.values() for name in skeleton.joints)
    assert sigma("head") == 0.035 and sigma("neck") == 0.079 and sigma("left_heel") == sigma("left_ankle")


# ---- what counts


def test_missing_joints_are_excluded_and_counted():
    body = a_body()
    wanted = body.copy()
    wanted[[0, 4, 16]] = np.nan
    wanted[5, 1] = np.nan
    moved = body.copy()
    moved[[0, 1]] += 500
    scores = scores_of(moved, wanted)
    assert (scores.joints, scores.excluded) == (13, 4)
    assert scores.pck_02 == pytest.approx(12 / 13), "joint 0, far off, does not count"


def test_joints_without_a_landmark_are_excluded_and_counted():
    body = a_body(MPII14)
    correspondence = Correspondence.between(MPII14, COCO17.joints)
    points = dict(zip(MPII14.joints, body, strict=True))
    scores = pose_scores(Found(points, 1.0), body, BOX, correspondence)
    assert (scores.joints, scores.excluded) == (12, 2) and scores.pck_01 == 1
    assert scores.pckh == 1, "the target's own head and neck give the size, whether judged or not"


def test_a_person_who_is_not_found_has_every_joint_wrong():
    scores = pose_scores(Found({}, 0.03), a_body(), BOX, Correspondence.between(COCO17, COCO17.joints))
    assert astuple(scores) == (0, 0, 0, 0, 0.03, 17, 0)


def test_a_joint_that_is_not_found_is_wrong():
    body = a_body()
    points = dict(zip(COCO17.joints, body, strict=True))
    del points["nose"]
    points["left_eye"] = np.array([np.nan, 3])
    scores = pose_scores(Found(points, 1.0), body, BOX, Correspondence.between(COCO17, COCO17.joints))
    assert scores.pck_02 == scores.oks == pytest.approx(15 / 17) and scores.joints == 17


def test_where_nothing_is_to_be_judged_there_is_no_number():
    scores = scores_of(a_body(), np.full((17, 2), np.nan))
    assert np.isnan([scores.pck_01, scores.pck_02, scores.pckh, scores.oks]).all()
    assert (scores.score, scores.joints, scores.excluded) == (0.9, 0, 17)
    assert np.isnan(share_within(np.array([1.0]), np.nan)) and np.isnan(share_within(np.array([]), 1))


def test_without_a_head_size_only_pckh_has_no_number():
    body = a_body()
    wanted = body.copy()
    wanted[COCO17.joints.index("left_shoulder")] = np.nan
    scores = scores_of(body, wanted)
    assert np.isnan(scores.pckh) and scores.pck_01 == scores.oks == 1


@pytest.mark.parametrize("box", [(10, 10, 10, 50), (10, 50, 20, 40), (0, 0, np.nan, 9), (0, 0, np.inf, 9), (1, 2)])
def test_a_box_without_area_is_refused(box):
    with pytest.raises(UserError, match="the person's box is"):
        scores_of(a_body(), a_body(), box=np.array(box, dtype=float))


def test_joints_of_another_skeleton_are_refused():
    with pytest.raises(ValueError, match=r"coco17 has \(17, 2\)"):
        scores_of(a_body(), a_body(PENN13))


# ---- which landmarks are which joints


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
@pytest.mark.parametrize("judge", judges.JUDGES)
def test_every_joint_of_every_skeleton_is_told_or_listed_as_lacking_with_a_reason(judge, skeleton):
    card = judges.card(judge)
    found = card.correspondence(skeleton)
    assert set(found.sources) | set(found.lacking) == set(skeleton.joints)
    assert set(found.lacking) == LACKING[judge].get(skeleton.name, set())
    assert set(found.sources).isdisjoint(found.lacking) and all(found.lacking.values())
    assert all(set(landmarks) <= set(card.landmarks) for landmarks in found.sources.values())


@pytest.mark.parametrize("judge", judges.JUDGES)
def test_a_head_is_the_middle_of_the_face_and_a_neck_of_the_shoulders(judge):
    points = {name: np.array([index, index**2], dtype=float) for index, name in enumerate(judges.card(judge).landmarks)}
    face = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    for skeleton in (PENN13, FOOTAGE18, BBC7):
        head = judges.card(judge).correspondence(skeleton).joints(points)[skeleton.joints.index("head")]
        assert np.allclose(head, np.mean([points[name] for name in face], axis=0))
    neck = judges.card(judge).correspondence(OPENPOSE18).joints(points)[OPENPOSE18.joints.index("neck")]
    assert np.allclose(neck, (points["left_shoulder"] + points["right_shoulder"]) / 2)


def test_left_stays_left():
    points = {name: np.full(2, float(index)) for index, name in enumerate(BLAZEPOSE33.joints)}
    joints = judges.card("blazepose").correspondence(BBC7).joints(points)
    assert joints[BBC7.joints.index("left_wrist"), 0] == BLAZEPOSE33.joints.index("left_wrist")
