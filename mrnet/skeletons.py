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

SKELETONS = {skeleton.name: skeleton for skeleton in (PENN13, FOOTAGE18)}
