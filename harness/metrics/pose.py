"""Pose accuracy: how well the joints that a judge finds on a generated image meet those the method was asked for.

PCK@a (Yang and Ramanan, PAMI 2013): the share of joints no further than a times the longer side of the person's box
from where they should be. PCKh@0.5 (after Andriluka et al., CVPR 2014): no further than half a head's size. OKS (COCO's
object keypoint similarity): the mean over joints of exp(-d² / (2 A (2σ)²)), A the box's area, σ the joint's.

Which joints count: those of the target that are not missing, lie on the picture and can be told by the judge; the rest
are excluded and counted. A person who is not found has every joint wrong. Numbers of two judges are not comparable.

Head size: from the head to the neck. The head is the skeleton's own head joint, or else the mean of the nose, eyes and
ears that are there; the neck its own, or else the middle of the two shoulders. It runs from the head's centre and so is
shorter than MPII's, which is 0.6 of the diagonal of an annotated head box: with the footage's upright people it is a
tenth of the box's longer side, so that PCKh@0.5 is about PCK@0.05. Foreshortened heads make it stricter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from harness.errors import UserError
from mrnet.skeletons import Skeleton

PCK_SHARES = (0.1, 0.2)
"""Of the box's longer side."""

PCKH_SHARE = 0.5
"""Of the head's size."""

_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_SHOULDERS = ("left_shoulder", "right_shoulder")

MADE_OF: Mapping[str, tuple[str, ...]] = MappingProxyType({"head": _FACE, "neck": _SHOULDERS})
"""Joints that judges do not name: the landmarks whose mean stands for each. Every other joint is a landmark's own."""

ELSEWHERE: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("mpii14", "head"): "is the top of the head; landmarks of the head are its face's and ears'",
        ("mpii14", "neck"): "is the upper neck; the middle of the shoulders lies below it",
    }
)
"""Joints, by skeleton and name, that mean another place than MADE_OF's, each with where."""

_COCO_SIGMA = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
}  # fmt: skip
"""Of a joint of either side: standard deviation of its annotation, as a share of the object's scale (COCO)."""

_OUR_SIGMA = {
    "head": 0.035,
    **dict.fromkeys(("neck",), _COCO_SIGMA["shoulder"]),
    **dict.fromkeys(("eye_inner", "eye_outer"), _COCO_SIGMA["eye"]),
    **dict.fromkeys(("mouth",), _COCO_SIGMA["nose"]),
    **dict.fromkeys(("pinky", "index", "thumb"), _COCO_SIGMA["wrist"]),
    **dict.fromkeys(("heel", "foot_index"), _COCO_SIGMA["ankle"]),
}
"""Of joints that COCO lacks: the largest of the face's for the head, the shoulders' for the neck between them (as
CrowdPose has it), and for corners of eyes, mouth, fingers, heels and toes that of the COCO joint they are nearest to:
eye, nose, wrist, ankle."""


@dataclass(frozen=True)
class Found:
    """What a judge found: points, (2,) float64 (x, y) pixels, 0-based pixel centres, by landmark; none for nobody.

    score: detection score in [0, 1].
    """

    points: Mapping[str, np.ndarray]
    score: float


@dataclass(frozen=True)
class Correspondence:
    """Which of a skeleton's joints a judge can tell.

    sources: by joint, the landmarks whose mean it is. lacking: by joint that it cannot tell, why.
    """

    skeleton: Skeleton
    sources: Mapping[str, tuple[str, ...]]
    lacking: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def between(cls, skeleton: Skeleton, landmarks: Iterable[str]) -> Correspondence:
        """Of a skeleton and a judge's landmarks."""
        known, sources, lacking = frozenset(landmarks), {}, {}
        for joint in skeleton.joints:
            wanted = MADE_OF.get(joint, (joint,))
            if (skeleton.name, joint) in ELSEWHERE:
                lacking[joint] = ELSEWHERE[skeleton.name, joint]
            elif known.issuperset(wanted):
                sources[joint] = wanted
            else:
                lacking[joint] = f"has no landmark: {', '.join(name for name in wanted if name not in known)}"
        return cls(skeleton, MappingProxyType(sources), MappingProxyType(lacking))

    def told(self) -> np.ndarray:
        """(J,) bool: which of the skeleton's joints can be told."""
        return np.array([joint in self.sources for joint in self.skeleton.joints], dtype=bool)

    def joints(self, points: Mapping[str, np.ndarray]) -> np.ndarray:
        """(J, 2) float64: the skeleton's joints from found landmarks; NaN where one cannot be told or was not found."""
        joints = np.full((len(self.skeleton), 2), np.nan)
        for index, joint in enumerate(self.skeleton.joints):
            sources = self.sources.get(joint, ())
            if sources and points.keys() >= set(sources):
                joints[index] = np.mean([points[name] for name in sources], axis=0)
        return joints


@dataclass(frozen=True)
class PoseScores:
    """A pair's pose accuracy.

    pck_01, pck_02: PCK@0.1 and PCK@0.2. pckh: PCKh@0.5. oks: mean OKS of the joints. All in [0, 1]; NaN where nothing
    is to be judged: no joint, or for pckh no head size.
    score: the judge's detection score in [0, 1]. joints: how many were judged. excluded: the skeleton's others.
    """

    pck_01: float
    pck_02: float
    pckh: float
    oks: float
    score: float
    joints: int
    excluded: int


def pose_scores(found: Found, wanted: np.ndarray, box: np.ndarray, correspondence: Correspondence) -> PoseScores:
    """How well `found` meets the joints that were wanted.

    wanted: (J, 2), (x, y) in pixels, 0-based pixel centres, NaN = not to be judged. box: (4,) xyxy, the person's.
    Raises UserError for a box without area, ValueError for joints of another skeleton.
    """
    skeleton = correspondence.skeleton
    wanted = _joints(wanted, skeleton)
    longer_px, area_px2 = box_measures(box)
    judged = correspondence.told() & np.isfinite(wanted).all(axis=1)
    distances = distances_px(correspondence.joints(found.points)[judged], wanted[judged])
    sigmas = np.array([sigma(joint) for joint in skeleton.joints])[judged]
    pck_01, pck_02 = (share_within(distances, share * longer_px) for share in PCK_SHARES)
    pckh = share_within(distances, PCKH_SHARE * head_size_px(wanted, skeleton))
    count = int(judged.sum())
    return PoseScores(
        pck_01, pck_02, pckh, oks(distances, sigmas, area_px2), float(found.score), count, len(skeleton) - count
    )


def distances_px(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(K,) float64: from each of the (K, 2) found joints to the wanted one; infinite where none was found."""
    distances = np.linalg.norm(found - wanted, axis=1)
    return np.where(np.isfinite(distances), distances, np.inf)


def share_within(distances: np.ndarray, threshold_px: float) -> float:
    """The share of the (K,) distances no greater than the threshold; NaN for no distance or a threshold of NaN."""
    if not len(distances) or math.isnan(threshold_px):
        return math.nan
    return float(np.mean(distances <= threshold_px))


def oks(distances: np.ndarray, sigmas: np.ndarray, area_px2: float) -> float:
    """Object keypoint similarity of (K,) distances in pixels with (K,) COCO sigmas; NaN for no distance."""
    if not len(distances):
        return math.nan
    return float(np.mean(np.exp(-(distances**2) / (2 * area_px2 * (2 * sigmas) ** 2))))


def sigma(joint: str) -> float:
    """OKS's sigma of a joint, by its name in `mrnet.skeletons`; KeyError for a name that no skeleton has."""
    part = joint.removeprefix("left_").removeprefix("right_")
    return _COCO_SIGMA[part] if part in _COCO_SIGMA else _OUR_SIGMA[part]


def head_size_px(joints: np.ndarray, skeleton: Skeleton) -> float:
    """From head to neck, as the module's docstring defines them; NaN where one of them is missing or both coincide.

    joints: (J, 2), pixels, NaN = missing.
    """
    points = {name: point for name, point in zip(skeleton.joints, joints, strict=True) if np.isfinite(point).all()}
    head, neck = _own_or_mean(points, "head", _FACE, least=1), _own_or_mean(points, "neck", _SHOULDERS, least=2)
    if head is None or neck is None:
        return math.nan
    return float(np.linalg.norm(head - neck)) or math.nan


def _own_or_mean(points: Mapping[str, np.ndarray], name: str, others: Sequence[str], least: int) -> np.ndarray | None:
    """The named point, or the mean of those others that are there, of which there must be at least some."""
    if name in points:
        return points[name]
    there = [points[other] for other in others if other in points]
    return np.mean(there, axis=0) if len(there) >= least else None


def _joints(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    joints = np.asarray(joints, dtype=np.float64)
    if joints.shape != (len(skeleton), 2):
        raise ValueError(f"joints are {joints.shape}; {skeleton.name} has ({len(skeleton)}, 2)")
    return joints


def box_measures(box: np.ndarray) -> tuple[float, float]:
    """The longer side in pixels and the area in square pixels of a person's box, (4,) xyxy.

    Raises UserError for one that is not finite or has no area.
    """
    box = np.asarray(box, dtype=np.float64)
    width, height = box[2:] - box[:2] if box.shape == (4,) else (math.nan, math.nan)
    if not (np.isfinite(box).all() and width > 0 and height > 0):
        raise UserError(f"the person's box is {box.tolist()}; x0 < x1 and y0 < y1, all finite, are needed")
    return float(max(width, height)), float(width * height)
