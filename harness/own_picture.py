"""One's own picture and pose as a condition: joints from JSON, the mask from a file or from the joints.

The picture is cut to the largest window of the method's shape that lies around both poses, and resized with PIL's
antialiased bicubic filter, as datasets are. A pose file holds two joint sets, in pixels of the picture, 0-based:

    {"reference": {"head": [212, 80], "left_wrist": null, …}, "target": {…}}

Joints that are left out or null are missing. A list in the joint set's order does as well (`poses.json` of a results
folder has such lists). Without "reference" the mask must come from a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.body_mask import mask_of_joints
from harness.boxes import box_of_joints, box_of_mask
from harness.errors import UserError, unknown
from harness.images import from_uint8, read_mask, read_upright, resized, resized_mask
from methods.card import DatasetInfo
from mrnet.skeletons import Skeleton

if TYPE_CHECKING:
    from methods.base import Condition

_FARTHEST_PX = 1_000_000
"""A joint may lie outside its picture, but not beyond any."""

_EXAMPLE = '{"reference": {"head": [212, 80], …}, "target": {"head": [230, 84], …}}'


@dataclass(frozen=True)
class Poses:
    """Joints (J, 2) float64 in pixels of the picture, NaN = missing. reference: None where the file gives none."""

    reference: np.ndarray | None
    target: np.ndarray


@dataclass(frozen=True)
class Window:
    """A part of a picture, pixels: left and top edge, width and height; may have fractions of a pixel."""

    left: float
    top: float
    width: float
    height: float

    def joints(self, joints: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(J, 2) float32: joints of the picture, in pixels of the window resized to (height, width)."""
        scale = np.array([size_px[1] / self.width, size_px[0] / self.height])
        return ((joints + 0.5 - (self.left, self.top)) * scale - 0.5).astype(np.float32)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """xyxy, as PIL's `resize` takes it."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def __str__(self) -> str:
        return f"x {self.left:.0f}, y {self.top:.0f}, {self.width:.0f}×{self.height:.0f} px"


def read_poses(path: Path, skeleton: Skeleton) -> Poses:
    """The poses of a JSON file. UserError for a file that is none, joint names the skeleton lacks, or no target."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the pose file {path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}. Expected {_EXAMPLE}") from error
    if not isinstance(content, dict) or "target" not in content:
        raise UserError(f'{path} holds no "target" pose. Expected {_EXAMPLE}')
    for key in content:
        if key not in ("reference", "target"):
            raise UserError(f"{path}: {unknown('pose', key, ('reference', 'target'))}")
    reference = content.get("reference")
    return Poses(
        reference=None if reference is None else _joints(reference, skeleton, f"{path}: reference"),
        target=_joints(content["target"], skeleton, f"{path}: target"),
    )


def _joints(given: Any, skeleton: Skeleton, where: str) -> np.ndarray:
    if isinstance(given, list):
        if len(given) != len(skeleton):
            raise UserError(f"{where} lists {len(given)} joints; {skeleton.name} has {len(skeleton)}")
        given = dict(zip(skeleton.joints, given, strict=True))
    if not isinstance(given, dict):
        raise UserError(f"{where} is neither joints by name nor a list of them. Expected {_EXAMPLE}")
    joints = np.full((len(skeleton), 2), np.nan)
    for name, point in given.items():
        if name not in skeleton.joints:
            raise UserError(f"{where}: {unknown(f'joint of {skeleton.name}', name, skeleton.joints)}")
        if point is not None and point != [None, None]:
            joints[skeleton.joints.index(name)] = _point(point, f"{where}.{name}")
    if np.isnan(joints).all():
        raise UserError(f"{where} has no joint")
    return joints


def _point(point: Any, where: str) -> tuple[float, float]:
    numbers = isinstance(point, list) and len(point) == 2 and all(type(value) in (int, float) for value in point)
    if not numbers or not all(abs(value) <= _FARTHEST_PX for value in point):
        raise UserError(f"{where} is {json.dumps(point)}; [x, y] in pixels, or null for a missing joint, is needed")
    return point[0], point[1]


def window_around(poses: Poses, picture_px: tuple[int, int], size_px: tuple[int, int]) -> Window:
    """The largest window of the shape of `size_px` in a picture, as nearly centred on the poses as it fits.

    picture_px, size_px: (height, width).
    """
    picture_height, picture_width = picture_px
    scale = min(picture_height / size_px[0], picture_width / size_px[1])
    height, width = size_px[0] * scale, size_px[1] * scale
    sets = [poses.target] if poses.reference is None else [poses.reference, poses.target]
    points = np.concatenate(sets)
    middle_x, middle_y = (np.nanmin(points, axis=0) + np.nanmax(points, axis=0)) / 2 + 0.5
    left = float(np.clip(middle_x - width / 2, 0, picture_width - width))
    top = float(np.clip(middle_y - height / 2, 0, picture_height - height))
    return Window(left, top, width, height)


def condition_of(image: Path, pose: Path, mask: Path | None, info: DatasetInfo) -> tuple[Condition, Window, str]:
    """A condition of one pair at the method's size, the window it shows, and where its mask comes from.

    UserError for unreadable files, a mask of another size than the picture or without a pixel in the window, a target
    pose without a joint there, and where neither a mask nor a reference pose is given.
    """
    import torch

    from methods.base import Condition

    picture = read_upright(image)
    poses = read_poses(pose, info.skeleton)
    if mask is None and poses.reference is None:
        raise UserError(f'{pose} has no "reference" pose to draw the person\'s mask from: add it, or give --mask FILE')
    window = window_around(poses, picture.shape[:2], info.size_px)
    target = window.joints(poses.target, info.size_px)
    if not ((target > -0.5) & (target < np.array(info.size_px[::-1]) - 0.5)).all(axis=1).any():
        raise UserError(f"no joint of the target pose in {pose} lies in the window {window} of {image}")
    reference = np.full_like(target, np.nan)
    if poses.reference is not None:
        reference = window.joints(poses.reference, info.size_px)
    if mask is not None:
        person, source = resized_mask(read_mask(mask, picture.shape[:2]), info.size_px, window.box), f"file {mask}"
    else:
        person, source = mask_of_joints(reference, info.skeleton, info.size_px), "drawn around the joints"
    tight = box_of_mask(person)
    if tight is None:
        raise UserError(f"the person's mask ({source}) has no pixel in the window {window} of {image}")
    box = tight if poses.reference is None else box_of_joints(reference, info.size_px)
    condition = Condition(
        image=from_uint8(resized(picture, info.size_px, window.box)[None]),
        mask=torch.from_numpy(person[None, None].astype(np.float32)),
        joints=torch.from_numpy(reference[None]),
        box=torch.from_numpy(box[None]),
        target_joints=torch.from_numpy(target[None]),
        target_box=torch.from_numpy(box_of_joints(target, info.size_px)[None]),
        skeleton=info.skeleton,
    )
    return condition, window, source
