"""Skeletons: the named joint sets the datasets of the field use. Plain data, free of torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """A joint set.

    joints: joint names in the dataset's order.
    edges: pairs of joint indices that a limb connects.
    flip_pairs: pairs of joint indices that change places when an image is mirrored.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)


def _flip_pairs(joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (index, joints.index(name.replace("left_", "right_")))
        for index, name in enumerate(joints)
        if name.startswith("left_")
    )


def _named_edges(joints: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> tuple[tuple[int, int], ...]:
    return tuple((joints.index(a), joints.index(b)) for a, b in edges)


_PENN13_JOINTS = (
    "head",
    "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow",
    "left_wrist", "right_wrist",
    "left_hip", "right_hip",
    "left_knee", "right_knee",
    "left_ankle", "right_ankle",
)  # fmt: skip

_BODY_EDGES = (
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
)  # fmt: skip

PENN13 = Skeleton(
    name="penn13",
    joints=_PENN13_JOINTS,
    edges=_named_edges(_PENN13_JOINTS, (("head", "left_shoulder"), ("head", "right_shoulder"), *_BODY_EDGES)),
    flip_pairs=_flip_pairs(_PENN13_JOINTS),
)

_FOOTAGE18_JOINTS = (*_PENN13_JOINTS, "nose", "left_eye", "right_eye", "left_ear", "right_ear")

FOOTAGE18 = Skeleton(
    name="footage18",
    joints=_FOOTAGE18_JOINTS,
    edges=_named_edges(
        _FOOTAGE18_JOINTS,
        (
            ("head", "left_shoulder"), ("head", "right_shoulder"), *_BODY_EDGES,
            ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ),
    ),
    flip_pairs=_flip_pairs(_FOOTAGE18_JOINTS),
)  # fmt: skip

_BBC7_JOINTS = (
    "head",
    "right_wrist", "left_wrist",
    "right_elbow", "left_elbow",
    "right_shoulder", "left_shoulder",
)  # fmt: skip

BBC7 = Skeleton(
    name="bbc7",
    joints=_BBC7_JOINTS,
    edges=_named_edges(
        _BBC7_JOINTS,
        (
            ("head", "right_shoulder"), ("head", "left_shoulder"), ("right_shoulder", "left_shoulder"),
            ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
            ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ),
    ),
    flip_pairs=_flip_pairs(_BBC7_JOINTS),
)  # fmt: skip
"""BBC-Pose (Charles et al., IJCV 2014): signers down to the elbows and wrists; left and right are the signer's."""

_RIGHT_FIRST_BODY = (
    "neck",
    "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle",
    "left_hip", "left_knee", "left_ankle",
)  # fmt: skip

_OPENPOSE18_JOINTS = ("nose", *_RIGHT_FIRST_BODY, "right_eye", "left_eye", "right_ear", "left_ear")

OPENPOSE18 = Skeleton(
    name="openpose18",
    joints=_OPENPOSE18_JOINTS,
    edges=_named_edges(
        _OPENPOSE18_JOINTS,
        (
            ("neck", "right_shoulder"), ("neck", "left_shoulder"),
            ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
            ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
            ("neck", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
            ("neck", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
            ("neck", "nose"),
            ("nose", "right_eye"), ("right_eye", "right_ear"), ("nose", "left_eye"), ("left_eye", "left_ear"),
            ("right_shoulder", "right_ear"), ("left_shoulder", "left_ear"),
        ),
    ),
    flip_pairs=_flip_pairs(_OPENPOSE18_JOINTS),
)  # fmt: skip
"""OpenPose's COCO-18 (Cao et al., CVPR 2017), the order of the Market and DeepFashion annotations of pose-gan and PATN.

Their code calls joints 14 to 17 left eye, right eye, left ear, right ear; the files hold OpenPose's order, right first.
"""

_COCO17_JOINTS = (
    "nose",
    "left_eye", "right_eye",
    "left_ear", "right_ear",
    *_PENN13_JOINTS[1:],
)  # fmt: skip

COCO17 = Skeleton(
    name="coco17",
    joints=_COCO17_JOINTS,
    edges=_named_edges(
        _COCO17_JOINTS,
        (
            *_BODY_EDGES,
            ("left_eye", "right_eye"), ("nose", "left_eye"), ("nose", "right_eye"),
            ("left_eye", "left_ear"), ("right_eye", "right_ear"),
            ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder"),
        ),
    ),
    flip_pairs=_flip_pairs(_COCO17_JOINTS),
)  # fmt: skip
"""COCO keypoints (Lin et al., ECCV 2014)."""

_MPII14_JOINTS = ("head", *_RIGHT_FIRST_BODY)

MPII14 = Skeleton(
    name="mpii14",
    joints=_MPII14_JOINTS,
    edges=_named_edges(
        _MPII14_JOINTS,
        (("head", "neck"), ("neck", "right_shoulder"), ("neck", "left_shoulder"), *_BODY_EDGES[1:]),
    ),
    flip_pairs=_flip_pairs(_MPII14_JOINTS),
)
"""The 14 joints of PoseWarp (Balakrishnan et al., CVPR 2018), after MPII; its head is the top of the head."""

_BLAZEPOSE33_JOINTS = (
    "nose",
    "left_eye_inner", "left_eye", "left_eye_outer",
    "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear",
    "left_mouth", "right_mouth",
    *_PENN13_JOINTS[1:7],
    "left_pinky", "right_pinky",
    "left_index", "right_index",
    "left_thumb", "right_thumb",
    *_PENN13_JOINTS[7:],
    "left_heel", "right_heel",
    "left_foot_index", "right_foot_index",
)  # fmt: skip

BLAZEPOSE33 = Skeleton(
    name="blazepose33",
    joints=_BLAZEPOSE33_JOINTS,
    edges=_named_edges(
        _BLAZEPOSE33_JOINTS,
        (
            *_BODY_EDGES,
            ("nose", "left_eye_inner"), ("left_eye_inner", "left_eye"),
            ("left_eye", "left_eye_outer"), ("left_eye_outer", "left_ear"),
            ("nose", "right_eye_inner"), ("right_eye_inner", "right_eye"),
            ("right_eye", "right_eye_outer"), ("right_eye_outer", "right_ear"),
            ("left_mouth", "right_mouth"),
            ("left_wrist", "left_thumb"), ("left_wrist", "left_index"),
            ("left_wrist", "left_pinky"), ("left_pinky", "left_index"),
            ("right_wrist", "right_thumb"), ("right_wrist", "right_index"),
            ("right_wrist", "right_pinky"), ("right_pinky", "right_index"),
            ("left_ankle", "left_heel"), ("left_heel", "left_foot_index"), ("left_ankle", "left_foot_index"),
            ("right_ankle", "right_heel"), ("right_heel", "right_foot_index"), ("right_ankle", "right_foot_index"),
        ),
    ),
    flip_pairs=_flip_pairs(_BLAZEPOSE33_JOINTS),
)  # fmt: skip
"""BlazePose (Bazarevsky et al., 2020) in MediaPipe's order; its mouth_left and mouth_right begin with the side here."""

SKELETONS = {skeleton.name: skeleton for skeleton in (PENN13, FOOTAGE18, BBC7, OPENPOSE18, COCO17, MPII14, BLAZEPOSE33)}

DERIVED: dict[str, tuple[tuple[str, ...], ...]] = {
    "neck": (("left_shoulder", "right_shoulder"),),
    "head": (("left_ear", "right_ear"), ("left_ear",), ("right_ear",), ("nose",)),
}
"""Joints that can be made of others: alternatives, best first, each the joints whose mean it is.

Our rules; the papers that need them give none. A derived head lies at the centre of the head, also for joint sets that
mean its top.
"""


def obtainable(skeleton: Skeleton) -> frozenset[str]:
    """Names of the joints it has and of those that can be derived from what it has."""
    own = frozenset(skeleton.joints)
    return own.union(
        name for name, alternatives in DERIVED.items() if any(own.issuperset(sources) for sources in alternatives)
    )
