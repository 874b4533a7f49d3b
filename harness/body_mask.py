"""A body drawn around joints: a person's mask without a look at the picture.

Limbs are capsules, the torso a filled quadrangle with rounded edges, the head a disc that reaches above its joint;
hands and feet lengthen the limbs they end. All widths are shares of the torso's length, or of the pose's extent where
the torso is foreshortened. Over the footage's 491 frames at 128 px such a mask meets the annotated one with a mean
intersection over union of .80 (5 % of them below .75): good enough to run a method, not to score one.

Joint sets without hips get a trunk that hangs from the shoulders, cut off by the frame; those without a head joint get
one between the ears, or else between the face and the body's axis.
"""

from __future__ import annotations

import itertools

import numpy as np

from mrnet.skeletons import DERIVED, Skeleton

_SUPERSAMPLING = 4
_LEAST_TORSO = 0.33  # of the joints' extent

# widths and lengths in torso lengths
_ARM, _THIGH, _SHANK, _TRUNK, _NECK, _HEAD = 0.15, 0.30, 0.18, 0.24, 0.33, 0.40
_HAND, _FOOT, _CROWN = 0.32, 0.17, 0.25  # how far they reach past their joint, in lengths of the limb before it

# a trunk without hips, in shoulder widths; in the footage's five clips the torso measures 1.5 to 1.7 of them
_HANGING_TRUNK = 1.6  # its length
_TAPER = 0.7  # its width below, between the middles of the rounded edges

_SIDES = ("left", "right")
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_SHOULDERS, _HIPS = (tuple(f"{side}_{part}" for side in _SIDES) for part in ("shoulder", "hip"))
_TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_LIMBS = (("shoulder", "elbow", _ARM), ("elbow", "wrist", _ARM), ("hip", "knee", _THIGH), ("knee", "ankle", _SHANK))
_ENDS = (("elbow", "wrist", _HAND, _ARM), ("knee", "ankle", _FOOT, _SHANK))


def mask_of_joints(joints: np.ndarray, skeleton: Skeleton, size_px: tuple[int, int]) -> np.ndarray:
    """(H, W) uint8 in {0, 1}: 1 where a body with these joints would be; parts without joints are left out.

    joints: (J, 2), (x, y) in pixels, 0-based pixel centres, NaN = missing. size_px: (height, width).
    """
    from PIL import Image, ImageDraw

    height, width = size_px
    canvas = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING), 0)
    points = {name: (point + 0.5) * _SUPERSAMPLING for name, point in named_points(joints, skeleton).items()}
    if points:
        _Body(ImageDraw.Draw(canvas), points, hips="left_hip" in skeleton.joints).draw()
    return (np.asarray(canvas.reduce(_SUPERSAMPLING)) >= 128).astype(np.uint8)


def named_points(joints: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """The joints that are there, (2,) float64 each, by name; with a derived `head` where the skeleton has none.

    joints: (J, 2), NaN = missing. The head is made as `mrnet.skeletons.DERIVED` says; where not both ears are seen, it
    lies halfway between the middle of the face and the body's axis.
    """
    points = {
        name: point
        for name, point in zip(skeleton.joints, np.asarray(joints, dtype=np.float64), strict=True)
        if np.isfinite(point).all()
    }
    if "head" not in skeleton.joints:
        sources = next((names for names in DERIVED["head"] if points.keys() >= set(names)), None)
        if sources is not None:
            points["head"] = middle(points, *sources)
            if sources != DERIVED["head"][0]:
                points["head"] = _towards_axis(points)
    return points


def _towards_axis(points: dict[str, np.ndarray]) -> np.ndarray:
    """Halfway from what is seen of the face to the line from hips through neck; the head as it is without a neck.

    With the footage's ears left out such masks meet the annotated ones with .797 for .779, those of drawn people in
    Market's layout with .673 for .661.
    """
    neck, hips = middle(points, *_SHOULDERS), middle(points, *_HIPS)
    if neck is None:
        return points["head"]
    up = np.array([0.0, -1.0]) if hips is None or np.array_equal(hips, neck) else neck - hips
    up = up / np.linalg.norm(up)
    face = middle(points, *_FACE)
    return (face + neck + up * max(0.0, float((face - neck) @ up))) / 2


def middle(points: dict[str, np.ndarray], *names: str) -> np.ndarray | None:
    """The mean of those of the named points that are there; None for none."""
    found = [points[name] for name in names if name in points]
    return np.mean(found, axis=0) if found else None


class _Body:
    """A body to be drawn: points by joint name, in pixels of the canvas. hips: whether its joint set has them."""

    def __init__(self, canvas, points: dict[str, np.ndarray], hips: bool):
        self._canvas, self._points = canvas, points
        self._neck = middle(points, *_SHOULDERS)
        extent = np.ptp(np.stack(list(points.values())), axis=0).max()
        length = self._torso_length() if hips else self._hanging_length()
        self._unit = max(length, _LEAST_TORSO * float(extent))
        if not hips:
            self._hang_trunk()

    def draw(self) -> None:
        points = self._points
        torso = [tuple(points[name]) for name in _TORSO if name in points]
        if len(torso) > 2:
            self._canvas.polygon(torso, fill=255)
        for first, second in itertools.combinations(_TORSO, 2):
            self._capsule(points.get(first), points.get(second), _TRUNK)
        for side in _SIDES:
            for first, second, width in _LIMBS:
                self._capsule(points.get(f"{side}_{first}"), points.get(f"{side}_{second}"), width)
            for first, second, reach, width in _ENDS:
                start, end = points.get(f"{side}_{first}"), points.get(f"{side}_{second}")
                if start is not None and end is not None:
                    self._capsule(end, end + (end - start) * reach, width)
        self._draw_head()

    def _draw_head(self) -> None:
        head = self._points.get("head")
        if head is None:
            return
        if self._neck is not None:
            self._capsule(head, self._neck, _NECK)
            head = head + (head - self._neck) * _CROWN
        self._capsule(head, head, _HEAD)

    def _capsule(self, start: np.ndarray | None, end: np.ndarray | None, width: float) -> None:
        """A bar with round ends; nothing where an end is missing. width: in torso lengths."""
        if start is None or end is None:
            return
        radius = width * self._unit / 2
        for x, y in (start, end):
            self._canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        along = end - start
        length = float(np.linalg.norm(along))
        if length > 0:
            across = np.array([-along[1], along[0]]) / length * radius
            corners = (start + across, end + across, end - across, start - across)
            self._canvas.polygon([tuple(corner) for corner in corners], fill=255)

    def _torso_length(self) -> float:
        hips = middle(self._points, *_HIPS)
        return 0.0 if self._neck is None or hips is None else float(np.linalg.norm(self._neck - hips))

    def _hanging_length(self) -> float:
        left, right = (self._points.get(name) for name in _SHOULDERS)
        return 0.0 if left is None or right is None else _HANGING_TRUNK * float(np.linalg.norm(left - right))

    def _hang_trunk(self) -> None:
        """Put hips straight below the shoulders: joint sets without hips are of people who sit or stand."""
        for shoulder, hip in zip(_SHOULDERS, _HIPS, strict=True):
            if shoulder in self._points:
                inwards = _TAPER * (self._points[shoulder] - self._neck)
                self._points[hip] = self._neck + inwards + (0.0, self._unit)
