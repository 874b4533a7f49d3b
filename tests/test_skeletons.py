"""Joint sets: the published orders, spelled out, and what can be derived from what."""

import subprocess
import sys
from pathlib import Path

import pytest

from mrnet.skeletons import (
    BBC7,
    BLAZEPOSE33,
    COCO17,
    DERIVED,
    FOOTAGE18,
    MPII14,
    OPENPOSE18,
    PENN13,
    SKELETONS,
    obtainable,
)

ORDERS = {
    "penn13": (
        "head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip right_hip"
        " left_knee right_knee left_ankle right_ankle"
    ),
    "footage18": (
        "head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip right_hip"
        " left_knee right_knee left_ankle right_ankle nose left_eye right_eye left_ear right_ear"
    ),
    "bbc7": "head right_wrist left_wrist right_elbow left_elbow right_shoulder left_shoulder",
    "openpose18": (
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist"
        " right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"
    ),
    "coco17": (
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow"
        " left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"
    ),
    "mpii14": (
        "head neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist"
        " right_hip right_knee right_ankle left_hip left_knee left_ankle"
    ),
    "blazepose33": (
        "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear"
        " left_mouth right_mouth left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist"
        " left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip"
        " left_knee right_knee left_ankle right_ankle left_heel right_heel left_foot_index right_foot_index"
    ),
}

PUBLISHED_EDGES = {
    "bbc7": "1-3 3-5 2-4 4-6 5-6 0-5 0-6",
    # pose-gan's and PATN's drawing
    "openpose18": "1-2 1-5 2-3 3-4 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13 1-0 0-14 14-16 0-15 15-17 2-16 5-17",
    "coco17": "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6",
    # MediaPipe's drawing
    "blazepose33": (
        "0-1 1-2 2-3 3-7 0-4 4-5 5-6 6-8 9-10 11-12 11-13 13-15 15-17 15-19 15-21 17-19 12-14 14-16 16-18 16-20 16-22"
        " 18-20 11-23 12-24 23-24 23-25 24-26 25-27 26-28 27-29 28-30 29-31 30-32 27-31 28-32"
    ),
}

FLIP_PAIRS = {"penn13": 6, "footage18": 8, "bbc7": 3, "openpose18": 8, "coco17": 8, "mpii14": 6, "blazepose33": 16}

every_skeleton = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)


def test_the_seven_joint_sets_are_known_by_their_names():
    assert list(SKELETONS.values()) == [PENN13, FOOTAGE18, BBC7, OPENPOSE18, COCO17, MPII14, BLAZEPOSE33]
    assert all(name == skeleton.name for name, skeleton in SKELETONS.items())
    assert set(SKELETONS) == set(ORDERS)


@every_skeleton
def test_joints_are_in_the_published_order(skeleton):
    assert skeleton.joints == tuple(ORDERS[skeleton.name].split())
    assert len(skeleton) == int("".join(filter(str.isdigit, skeleton.name)))
    assert len(set(skeleton.joints)) == len(skeleton)


@every_skeleton
def test_edges_connect_different_joints_once_and_leave_none_out(skeleton):
    assert all(0 <= joint < len(skeleton) for edge in skeleton.edges for joint in edge)
    assert len({frozenset(edge) for edge in skeleton.edges}) == len(skeleton.edges)
    assert all(a != b for a, b in skeleton.edges)
    assert {joint for edge in skeleton.edges for joint in edge} == set(range(len(skeleton)))


@pytest.mark.parametrize("name", PUBLISHED_EDGES)
def test_edges_are_the_published_ones(name):
    published = [tuple(map(int, edge.split("-"))) for edge in PUBLISHED_EDGES[name].split()]
    assert {frozenset(edge) for edge in SKELETONS[name].edges} == {frozenset(edge) for edge in published}


def test_openpose_edges_keep_their_order():
    # mask limbs are counted from its end, and later limbs are painted over earlier ones
    assert " ".join(f"{a}-{b}" for a, b in OPENPOSE18.edges) == PUBLISHED_EDGES["openpose18"]


@every_skeleton
def test_the_drawing_is_its_own_mirror_image(skeleton):
    other = dict(skeleton.flip_pairs) | {right: left for left, right in skeleton.flip_pairs}
    edges = {frozenset(edge) for edge in skeleton.edges}
    assert {frozenset(other.get(joint, joint) for joint in edge) for edge in edges} == edges


@every_skeleton
def test_flip_pairs_join_every_left_joint_to_its_right_one(skeleton):
    assert len(skeleton.flip_pairs) == FLIP_PAIRS[skeleton.name]
    for left, right in skeleton.flip_pairs:
        assert skeleton.joints[left].startswith("left_")
        assert skeleton.joints[right] == "right_" + skeleton.joints[left].removeprefix("left_")
    paired = [joint for pair in skeleton.flip_pairs for joint in pair]
    assert len(set(paired)) == len(paired)  # each joint changes places once, so that twice is back
    sided = [index for index, name in enumerate(skeleton.joints) if name.startswith(("left_", "right_"))]
    assert sorted(paired) == sided


def test_openpose_eyes_and_ears_are_right_first():
    assert OPENPOSE18.joints[14:] == ("right_eye", "left_eye", "right_ear", "left_ear")


def test_derived_joints_in_order_of_preference():
    assert DERIVED == {
        "neck": (("left_shoulder", "right_shoulder"),),
        "head": (("left_ear", "right_ear"), ("left_ear",), ("right_ear",), ("nose",)),
    }


def test_sources_of_derived_joints_are_joints_of_some_skeleton():
    names = {name for skeleton in SKELETONS.values() for name in skeleton.joints}
    assert names >= {source for alternatives in DERIVED.values() for sources in alternatives for source in sources}


@pytest.mark.parametrize(
    ("skeleton", "derived"),
    [
        (PENN13, {"neck"}),
        (FOOTAGE18, {"neck"}),
        (BBC7, {"neck"}),
        (OPENPOSE18, {"head"}),
        (COCO17, {"neck", "head"}),
        (MPII14, set()),
        (BLAZEPOSE33, {"neck", "head"}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_obtainable_joints_are_its_own_and_the_derived_ones(skeleton, derived):
    assert obtainable(skeleton) == set(skeleton.joints) | derived


def test_what_methods_need_is_obtainable():
    assert obtainable(PENN13) >= set(MPII14.joints)
    assert obtainable(FOOTAGE18) >= set(OPENPOSE18.joints)
    assert obtainable(BLAZEPOSE33) >= set(FOOTAGE18.joints)
    assert not obtainable(PENN13) >= set(OPENPOSE18.joints)  # no face


def test_skeletons_need_no_torch():
    code = "import sys, mrnet.skeletons; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
