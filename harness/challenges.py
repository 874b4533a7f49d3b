"""What makes a pair hard, by its two frames alone: the challenges of the non-iconic view (paper, I and IV.C).

The paper names them and measures none: persons small, moved, bent, half seen, before clutter and before a background
that does not stand still. Each is a plain number here, with a unit; no metric's value and no method's image enters it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VERSION = 1
"""Raised whenever a definition changes: numbers of another version are measured again."""


@dataclass(frozen=True)
class Challenge:
    """What a table needs to know of a challenge; source: where the paper speaks of it.

    More is harder, except for scale: small persons are.
    """

    key: str
    label: str
    unit: str
    decimals: int
    definition: str
    source: str


CHALLENGES = (
    Challenge(
        "person_scale", "person scale", "of the image's height", 2,
        "height of the target's person box over the image's",
        "I, varying pose scales; IV.C, small body scale",
    ),
    Challenge(
        "displacement", "displacement", "of the image's diagonal", 3,
        "distance between the centres of both person boxes, over the image's diagonal",
        "I, at any position; IV.C, when the human body moves",
    ),
    Challenge(
        "pose_distance", "pose distance", "of the boxes' longer sides", 3,
        "mean distance between shared joints, each pose measured from its box's centre in its box's longer side",
        "I (2), arbitrary person poses",
    ),
    Challenge(
        "clutter", "clutter", "grey levels a pixel", 1,
        "mean gradient of the reference outside both person boxes",
        "I (1), cluttered scene",
    ),
    Challenge(
        "missing_joints", "missing joints", "of all joints", 2,
        "share of joints that the reference or the target lacks",
        "I, occlusion",
    ),
    Challenge(
        "moving_background", "moving background", "grey levels", 1,
        "mean absolute difference between reference and target outside both person boxes",
        "I, camera shake; I (3), inconsistent background",
    ),
)  # fmt: skip
"""In the order of tables and panels."""


@dataclass(frozen=True)
class View:
    """A frame of a pair.

    image: (H, W, 3) uint8 RGB. joints: (J, 2), (x, y), pixels, NaN = missing. box: (4,) xyxy, end-exclusive, pixels.
    """

    image: np.ndarray
    joints: np.ndarray
    box: np.ndarray


def measure(reference: View, target: View) -> dict[str, float]:
    """Every challenge of a pair by its key; NaN where one is not defined. ValueError for frames of two sizes."""
    size_px = target.image.shape[:2]
    if reference.image.shape[:2] != size_px:
        raise ValueError(f"a reference of {reference.image.shape[:2]} px and a target of {size_px} px are no pair")
    boxes = (reference.box, target.box)
    return {
        "person_scale": person_scale(target.box, size_px),
        "displacement": displacement(*boxes, size_px),
        "pose_distance": pose_distance(reference.joints, reference.box, target.joints, target.box),
        "clutter": clutter(reference.image, boxes),
        "missing_joints": missing_joints(reference.joints, target.joints),
        "moving_background": moving_background(reference.image, target.image, boxes),
    }


def person_scale(target_box: np.ndarray, size_px: tuple[int, int]) -> float:
    """Height of the target's box (4,) over the image's, 0 to 1. size_px: (height, width)."""
    return float((target_box[3] - target_box[1]) / size_px[0])


def displacement(reference_box: np.ndarray, target_box: np.ndarray, size_px: tuple[int, int]) -> float:
    """Distance between the centres of two boxes (4,) over the image's diagonal, 0 to 1. size_px: (height, width)."""
    return float(np.linalg.norm(_centre(reference_box) - _centre(target_box)) / np.hypot(*size_px))


def pose_distance(
    reference_joints: np.ndarray, reference_box: np.ndarray, target_joints: np.ndarray, target_box: np.ndarray
) -> float:
    """Mean distance between two poses (J, 2), each moved and scaled into its box: in units of the box's longer side.

    A person who is only moved, or only nearer, has 0. Joints that either pose lacks are left out; NaN where the poses
    share none, or where a box has no extent.
    """
    apart = np.linalg.norm(_in_box(reference_joints, reference_box) - _in_box(target_joints, target_box), axis=-1)
    shared = np.isfinite(apart)
    return float(apart[shared].mean()) if shared.any() else float("nan")


def clutter(reference_image: np.ndarray, boxes: tuple[np.ndarray, ...]) -> float:
    """Mean length of the gradient of an (H, W, 3) uint8 image outside the boxes, grey levels a pixel; flat = 0.

    Of the luminance, by central differences. Pixels whose neighbours lie in a box are left out, for there the person
    would count; NaN where nothing is left.
    """
    from skimage.color import rgb2gray

    outside = _outside(boxes, reference_image.shape[:2], margin_px=1)
    if not outside.any():
        return float("nan")
    down, across = np.gradient(255.0 * rgb2gray(reference_image))
    return float(np.hypot(down, across)[outside].mean())


def missing_joints(reference_joints: np.ndarray, target_joints: np.ndarray) -> float:
    """Share of the J joints that are missing (NaN) in one pose (J, 2) or in both, 0 to 1."""
    return float(np.isnan(np.concatenate([reference_joints, target_joints], axis=1)).any(axis=1).mean())


def moving_background(
    reference_image: np.ndarray, target_image: np.ndarray, boxes: tuple[np.ndarray, ...]
) -> float:  # fmt: skip
    """Mean absolute difference of two (H, W, 3) uint8 images outside the boxes, grey levels over the channels.

    0 for a camera and a scene that stand still; NaN where the boxes cover the image.
    """
    outside = _outside(boxes, target_image.shape[:2])
    if not outside.any():
        return float("nan")
    difference = reference_image[outside].astype(np.float64) - target_image[outside]
    return float(np.abs(difference).mean())


def _centre(box: np.ndarray) -> np.ndarray:
    return (np.asarray(box[:2], dtype=np.float64) + box[2:]) / 2


def _in_box(joints: np.ndarray, box: np.ndarray) -> np.ndarray:
    longer_side_px = float(max(box[2] - box[0], box[3] - box[1]))
    if longer_side_px <= 0:
        return np.full(joints.shape, np.nan)
    # a joint is a pixel's centre, a box the edges of pixels
    return (joints + 0.5 - _centre(box)) / longer_side_px


def _outside(boxes: tuple[np.ndarray, ...], size_px: tuple[int, int], margin_px: int = 0) -> np.ndarray:
    """(H, W) bool: the pixels outside every box, and outside a margin around it."""
    outside = np.ones(size_px, dtype=bool)
    for box in boxes:
        left, top = (max(0, int(np.floor(edge)) - margin_px) for edge in box[:2])
        right, bottom = (max(0, int(np.ceil(edge)) + margin_px) for edge in box[2:])
        outside[top:bottom, left:right] = False
    return outside
