"""Flesh, hair and clothes around a skeleton: the solids a person consists of, in pixels of the canvas."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator

from harness.rendered.people import Build, Person
from harness.rendered.skeleton import SIDES, SPINE_SHARES, TRUNK_LENGTH, Skeleton3D, station_at
from harness.rendered.solids import Solid
from harness.rendered.textures import HEAD_ACROSS, HEAD_DEEP, HEAD_HALF_HEIGHT

# the trunk by share of its length: half width, half depth (body heights)
_TRUNK = np.array([
    (-0.12, 0.074, 0.060), (0.00, 0.092, 0.068), (0.12, 0.092, 0.066), (0.40, 0.079, 0.057), (0.64, 0.090, 0.063),
    (0.80, 0.100, 0.064), (0.90, 0.098, 0.056), (0.97, 0.068, 0.044), (1.06, 0.034, 0.034),
])  # fmt: skip
_TRUNK_PROFILE = PchipInterpolator(_TRUNK[:, 0], _TRUNK[:, 1:])
_FACTOR_SHARES = (0.0, 0.38, 0.8, 1.0)  # where hips, waist, shoulders and neck set the width
_WAIST_SHARE, _HEM_SHARE = 0.24, -0.06  # trousers begin below one, shirts end at the other
_LOOSE, _LOOSE_BELOW = 0.007, 0.3
_SLICE_HEIGHT = 0.02  # half height of the end of a slice of the trunk, in its half width
_CLOTH = 0.005  # thickness of a layer
_ARM = (0.033, 0.025, 0.0165)  # half widths at shoulder, elbow, wrist
_LEG = (0.054, 0.037, 0.039, 0.022)  # hip, knee, calf, ankle
_CALF_SHARE = 0.32  # of the shank
_STANCE = 0.12  # between the knees of who stands
_PALM, _FINGERS, _THUMB = 0.045, 0.05, 0.04  # lengths
_CUT = 0.2  # half length of the end of a tube of cloth, in its half width
_ROUND = (1.0, 1.0, 1.0)
_Two, _Three = tuple[float, float], tuple[float, float, float]
_Place = Callable[[float, float, float], np.ndarray]
_PARALLEL, _ANY_FRONT = 1e-3, np.array([0.1, 0.2, 1.0])


class Builder:
    """Collects solids; places and sizes come in body heights of the picture's axes."""

    def __init__(self, scale_px: float, origin_px: np.ndarray):
        self.scale_px, self._origin_px = scale_px, origin_px
        self.solids: list[Solid] = []

    def add(
        self,
        start: np.ndarray,
        end: np.ndarray,
        sizes: tuple[float, float],
        frame: np.ndarray,
        material: str,
        proportions: tuple[float, float, float] = _ROUND,
        along: float = 0.0,
        worn: bool = True,
        swell: float | None = None,
    ) -> None:
        """One solid; what its fields mean: `Solid`."""
        scale = self.scale_px
        places = (self._origin_px + scale * start, self._origin_px + scale * end)
        pixels = (sizes[0] * scale, sizes[1] * scale)
        self.solids.append(Solid(*places, pixels, frame, proportions, along * scale, material, worn, swell))

    def limb(
        self,
        start: np.ndarray,
        end: np.ndarray,
        sizes: tuple[float, float],
        front: np.ndarray,
        material: str,
        flat: float = 1.0,
        along: float = 0.0,
        worn: bool = True,
    ) -> None:
        """A limb whose front side looks to `front`; flat: its depth against its width."""
        frame = limb_frame(end - start, front)
        self.add(start, end, sizes, frame, material, (1.0, 1.0, flat), along, worn)

    def ball(
        self, place: np.ndarray, size: float, frame: np.ndarray, material: str, along: float = 0.0, worn: bool = True
    ) -> None:
        """A sphere: a joint, a thing."""
        self.add(place, place, (size, size), frame, material, _ROUND, along, worn)

    def cloth(
        self,
        start: np.ndarray,
        end: np.ndarray,
        sizes: tuple[float, float],
        front: np.ndarray,
        material: str,
        along: float = 0.0,
    ) -> None:
        """A tube of cloth: a limb whose ends are cut off, not round."""
        self.add(start, end, sizes, limb_frame(end - start, front), material, (1.0, _CUT, 1.0), along, swell=0.0)


def limb_frame(direction: np.ndarray, front: np.ndarray) -> np.ndarray:
    """The frame of a limb along `direction` that turns its front as far to `front` as it can."""
    along = direction / np.linalg.norm(direction)
    across = _cross(front, along)
    if np.linalg.norm(across) < _PARALLEL:  # it points to the front itself: any side will do
        across = _cross(_ANY_FRONT, along)
    across = across / np.linalg.norm(across)
    return np.stack([across, along, _cross(along, across)])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of two (3,) vectors; numpy's takes ten times as long on so few numbers."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def person_solids(
    person: Person, skeleton: Skeleton3D, scale_px: float, origin_px: np.ndarray, fingers: bool = False
) -> list[Solid]:
    """All of a person. skeleton: in the picture's axes, body heights; scale_px: pixels of a body height.

    origin_px: (3,) where the skeleton's origin lies on the canvas. fingers: single ones, for close views.
    """
    builder = Builder(scale_px, origin_px)
    _add_trunk(builder, person, skeleton)
    _add_head(builder, person, skeleton)
    for side in SIDES:
        _add_arm(builder, person, skeleton, side, fingers)
        _add_leg(builder, person, skeleton, side)
    _add_skirt(builder, person, skeleton)
    _add_bag(builder, person, skeleton)
    return builder.solids


@lru_cache(maxsize=256)
def _trunk_sizes(build: Build) -> np.ndarray:
    """(stations, 2) half width and half depth of the trunk at `SPINE_SHARES`, clothes left out."""
    factors = PchipInterpolator(_FACTOR_SHARES, (build.hips, build.waist, build.shoulders, 1.0))
    factor = factors(np.clip(SPINE_SHARES, 0, 1))
    return _TRUNK_PROFILE(SPINE_SHARES) * np.stack([factor, 0.5 + 0.5 * factor], axis=1)


def _hem_thickness(share: float) -> float:
    """A shirt hangs loose over the hips."""
    return _CLOTH + _LOOSE * float(np.clip((_LOOSE_BELOW - share) / _LOOSE_BELOW, 0, 1))


def _add_trunk(builder: Builder, person: Person, skeleton: Skeleton3D) -> None:
    hem = {"jacket": -0.1, "vest": 0.1, "dress": 0.0}.get(person.top, _HEM_SHARE)
    sizes = _trunk_sizes(person.build)
    for lower in range(len(SPINE_SHARES) - 1):
        upper = lower + 1
        middle = (SPINE_SHARES[lower] + SPINE_SHARES[upper]) / 2
        (low_width, low_depth), (high_width, high_depth) = sizes[lower], sizes[upper]
        layers = [("bottom", 0.0)] if middle < _WAIST_SHARE else []
        if middle > hem:
            layers.append(("top", _hem_thickness(middle)))
        for material, thickness in layers:
            builder.add(
                skeleton.spine_places[lower],
                skeleton.spine_places[upper],
                (low_width + thickness, high_width + thickness),
                skeleton.spine_frames[lower],
                material,
                (1.0, _SLICE_HEIGHT, (low_depth + high_depth + 2 * thickness) / (low_width + high_width)),
                along=float(SPINE_SHARES[lower]) * TRUNK_LENGTH,
                swell=0.0,
            )
    chest, joints = skeleton.spine_frames[station_at(0.9)], skeleton.joints
    yoke = {"vest": "skin", "jacket": "sleeve"}.get(person.top, "top")
    for side in SIDES:  # from the neck down to the shoulder
        inner = joints["neck_base"] - 0.012 * chest[1]
        builder.limb(inner, joints[f"{side}_shoulder"], (0.036, 0.033), chest[2], yoke, 0.9, 0.8 * TRUNK_LENGTH)
    if person.build.bust:
        place = joints["neck_base"] - 0.095 * chest[1] + 0.026 * chest[2]
        builder.add(place, place, (0.083, 0.083), chest, "top", (1.0, 0.55, 0.6), along=0.68 * TRUNK_LENGTH)


def _add_head(builder: Builder, person: Person, skeleton: Skeleton3D) -> None:
    joints, frame = skeleton.joints, skeleton.head_frame
    half = HEAD_HALF_HEIGHT * person.build.head
    centre = joints["face"]

    def place(u: float, v: float, w: float) -> np.ndarray:
        return centre + half * (np.array([u, v, w]) @ frame)

    neck = 0.031 * person.build.limbs
    builder.limb(joints["neck_base"] - 0.02 * frame[1], place(0, -0.25, -0.12), (1.1 * neck, neck), frame[2], "skin")
    # skull and jaw share the coordinates of the face, so that eyes and mouth fit on both
    skull, skull_shape = place(0, 0.12, 0), (HEAD_ACROSS, 0.86, HEAD_DEEP)
    builder.add(skull, skull, (half, half), frame, "face", skull_shape, 0.12 * half, swell=1.0)
    chin, cheeks, jaw_sizes = place(0, -0.56, 0.06), place(0, 0.1, 0.06), (0.46 * half, 0.6 * half)
    builder.add(chin, cheeks, jaw_sizes, frame, "face", (1, 1, 1.28), -0.56 * half, swell=0.56)
    builder.limb(place(0, 0.05, 0.8), place(0, -0.22, 0.87), (0.06 * half, 0.115 * half), frame[2], "skin")  # nose
    for sign in (1, -1):
        ear, lobe = place(sign * 0.76, 0.0, -0.08), place(sign * 0.74, -0.16, -0.05)
        builder.add(ear, lobe, (0.16 * half, 0.16 * half), frame, "skin", (0.4, 1, 0.7))
    _add_hair(builder, person.hair_style, half, frame, place)


def _add_hair(builder: Builder, style: str, half: float, frame: np.ndarray, place: _Place) -> None:
    def lock(start: _Three, end: _Three, sizes: _Two, proportions: _Three = _ROUND, material: str = "hair") -> None:
        builder.add(place(*start), place(*end), (sizes[0] * half, sizes[1] * half), frame, material, proportions)

    thickness = 0.98 if style == "cropped" else 1.04
    lock((0, 0.24, -0.14), (0, 0.24, -0.14), (thickness,) * 2, (0.79, 0.86, 0.88))
    if style in ("short", "bob", "long", "tail", "bun"):  # the back of the head down to the neck
        lock((0, 0.1, -0.3), (0, -0.4, -0.3), (0.72, 0.5))
    if style in ("bob", "long"):
        for sign in (1, -1):
            lock((sign * 0.55, 0.2, -0.1), (sign * 0.62, -0.75, -0.12), (0.36, 0.26), (0.8, 1, 1.25))
    if style == "bob":
        lock((0, 0, -0.4), (0, -0.7, -0.4), (0.74, 0.62), (1, 0.5, 0.7))
    elif style == "long":
        lock((0, 0, -0.45), (0, -2.1, -0.75), (0.78, 0.6), (1, 0.5, 0.5))
    elif style == "tail":
        lock((0, 0.35, -1.0), (0, -1.3, -1.15), (0.3, 0.14))
    elif style == "bun":
        lock((0, 0.7, -0.85), (0, 0.7, -0.85), (0.4, 0.4))
    elif style == "cap":
        lock((0, 0.42, -0.06), (0, 0.42, -0.06), (1.06, 1.06), (0.78, 0.68, 0.9), "cap")
        lock((0, 0.56, 0.6), (0, 0.5, 1.05), (0.6, 0.5), (1, 0.16, 0.6), "cap")


def _add_arm(builder: Builder, person: Person, skeleton: Skeleton3D, side: str, fingers: bool) -> None:
    joints, front = skeleton.joints, skeleton.chest[2]
    shoulder, elbow, wrist = (joints[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
    sizes = tuple(size * person.build.limbs for size in _ARM)
    upper = float(np.linalg.norm(elbow - shoulder))
    builder.limb(shoulder, elbow, sizes[:2], front, "skin")
    builder.limb(elbow, wrist, sizes[1:], front, "skin", 0.9, upper)
    if person.sleeve > 0:
        share = min(1.0, 2 * person.sleeve)
        end = shoulder + share * (elbow - shoulder)
        layer = 2.2 * _CLOTH if person.sleeve < 0.5 else 1.4 * _CLOTH
        cuff = sizes[0] + share * (sizes[1] - sizes[0]) + layer
        builder.ball(shoulder, sizes[0] + _CLOTH, limb_frame(elbow - shoulder, front), "sleeve")
        builder.cloth(shoulder, end, (sizes[0] + _CLOTH, cuff), front, "sleeve")
    if person.sleeve > 0.5:
        builder.ball(elbow, sizes[1] + 1.4 * _CLOTH, limb_frame(elbow - shoulder, front), "sleeve", upper)
        end = elbow + (2 * person.sleeve - 1) * (wrist - elbow)
        builder.cloth(elbow, end, (sizes[1] + 1.4 * _CLOTH, sizes[2] + 1.4 * _CLOTH), front, "sleeve", upper)
    _add_hand(builder, person, wrist, wrist - elbow, front, fingers)


def _add_hand(
    builder: Builder,
    person: Person,
    wrist: np.ndarray,
    forearm: np.ndarray,
    front: np.ndarray,
    fingers: bool,
) -> None:
    frame = limb_frame(forearm, front)
    thick = person.build.limbs
    # the palm looks to the body's midline when the arm hangs: its breadth runs from front to back
    breadth, along = frame[2], frame[1]
    palm_normal = frame[0]
    knuckles = wrist + _PALM * along
    builder.limb(wrist, knuckles, (0.0165 * thick, 0.023 * thick), palm_normal, "skin", 0.55)
    thumb_root = wrist + 0.4 * _PALM * along + 0.016 * breadth
    builder.limb(thumb_root, thumb_root + _THUMB * (0.8 * along + 0.5 * breadth), (0.009, 0.0065), palm_normal, "skin")
    if not fingers:
        tip = knuckles + _FINGERS * along
        builder.limb(knuckles, tip, (0.022 * thick, 0.013 * thick), palm_normal, "skin", 0.45)
        return
    for place, length in ((-1.5, 0.78), (-0.5, 0.95), (0.5, 1.0), (1.5, 0.9)):
        root = knuckles + place * 0.0105 * breadth
        tip = root + length * _FINGERS * (along + 0.07 * place * breadth)
        builder.limb(root, tip, (0.0072 * thick, 0.0055 * thick), palm_normal, "skin")


def _add_leg(builder: Builder, person: Person, skeleton: Skeleton3D, side: str) -> None:
    joints, front = skeleton.joints, skeleton.leg_frame[2]
    hip, knee, ankle, heel, toe = (joints[f"{side}_{part}"] for part in ("hip", "knee", "ankle", "heel", "toe"))
    calf = knee + _CALF_SHARE * (ankle - knee) - 0.006 * front
    sizes = tuple(size * person.build.limbs for size in _LEG)
    thigh = float(np.linalg.norm(knee - hip))
    calf_along = thigh + _CALF_SHARE * float(np.linalg.norm(ankle - knee))
    builder.limb(hip, knee, sizes[:2], front, "skin")
    builder.limb(knee, calf, sizes[1:3], front, "skin", 1.0, thigh)
    builder.limb(calf, ankle, sizes[2:], front, "skin", 1.0, calf_along)
    if person.leg > 0.5:
        layer = 1.4 * _CLOTH
        builder.limb(hip, knee, (sizes[0] + _CLOTH, sizes[1] + layer), front, "bottom")
        builder.limb(knee, calf, (sizes[1] + layer, sizes[2] + layer), front, "bottom", 1.0, thigh)
        builder.cloth(calf, ankle, (sizes[2] + layer, sizes[3] + 2 * layer), front, "bottom", calf_along)
    elif person.leg > 0:
        share = 2 * person.leg
        hem = sizes[0] + share * (sizes[1] - sizes[0]) + 2.6 * _CLOTH
        builder.ball(hip, sizes[0] + _CLOTH, limb_frame(knee - hip, front), "bottom")
        builder.cloth(hip, hip + share * (knee - hip), (sizes[0] + 1.4 * _CLOTH, hem), front, "bottom")
        builder.limb(ankle, ankle + 0.16 * (calf - ankle), (sizes[3] + 0.003, sizes[3] + 0.004), front, "sock")
    sole_front = _cross(_cross(toe - heel, ankle - heel), toe - heel)  # up from the sole
    builder.limb(ankle, heel, (0.023, 0.023), sole_front, "shoe")
    builder.limb(heel, toe, (0.025, 0.021), sole_front, "shoe", 0.85)


def _add_skirt(builder: Builder, person: Person, skeleton: Skeleton3D) -> None:
    if person.bottom != "skirt":
        return
    joints = skeleton.joints
    knees = (joints["left_knee"] + joints["right_knee"]) / 2
    pelvis = joints["pelvis"]
    width = _trunk_sizes(person.build)[station_at(0.0), 0] + _hem_thickness(0.0)
    stride = float(np.linalg.norm(joints["left_knee"] - joints["right_knee"]))
    round_hem = float(np.clip((stride - _STANCE) / _STANCE, 0, 1))  # a stride opens the skirt to a circle
    frame = limb_frame(knees - pelvis, skeleton.leg_frame[2])
    top, hem = pelvis - 0.02 * frame[1], pelvis + 0.84 * (knees - pelvis)
    sizes, shape = (width, max(0.108, 0.5 * stride + 0.05)), (1.0, 0.15, 0.74 + 0.26 * round_hem)
    builder.add(top, hem, sizes, frame, "bottom", shape, swell=0.0)


def _add_bag(builder: Builder, person: Person, skeleton: Skeleton3D) -> None:
    station = station_at(0.55)
    chest, middle, joints = skeleton.spine_frames[station], skeleton.spine_places[station], skeleton.joints
    depth = 0.062 * person.build.waist
    if person.bag == "backpack":
        place = middle - (depth + 0.035) * chest[2]
        builder.add(place - 0.055 * chest[1], place + 0.045 * chest[1], (0.075, 0.07), chest, "bag", (1.0, 0.5, 0.62))
        for side, sign in zip(SIDES, (1, -1), strict=True):
            neck = joints["neck_base"]
            shoulder = neck + 0.55 * (joints[f"{side}_shoulder"] - neck) + 0.022 * chest[1]
            front, back = shoulder + 0.02 * chest[2], shoulder - 0.05 * chest[2]
            low = _on_trunk(person, skeleton, 0.5, 0.75 * sign, 1)
            builder.limb(front, low, _STRAP, chest[2], "strap", 0.7)
            builder.limb(front, back, _STRAP, chest[1], "strap", 0.7)
    elif person.bag == "shoulder":
        hip = joints["left_hip"] + 0.055 * chest[0]
        builder.add(hip, hip - 0.03 * chest[1], (0.06, 0.06), chest, "bag", (0.4, 0.75, 1.0))
        for sign in (1, -1):  # before the chest and behind it
            points = [_on_trunk(person, skeleton, share, side, sign) for share, side in _STRAP_WAY]
            for start, end in zip(points, [*points[1:], hip], strict=True):
                builder.limb(start, end, _STRAP, chest[2], "strap", 0.7)


_STRAP = (0.009, 0.009)  # half widths
# of a strap from the right shoulder to the left hip: share of the trunk's length, place across it in half widths
_STRAP_WAY = ((1.0, -0.7), (0.9, -0.5), (0.75, -0.25), (0.55, 0.05), (0.35, 0.4), (0.2, 0.7))


def _on_trunk(person: Person, skeleton: Skeleton3D, share: float, side: float, sign: int) -> np.ndarray:
    """A point on the cloth, before (sign 1) or behind (-1) the trunk; side: -1 to 1, from right to left."""
    station = station_at(share)
    width, depth = _trunk_sizes(person.build)[station] + 1.6 * _CLOTH
    bust = 0.022 * person.build.bust * (sign > 0) * (0.5 < share < 0.85)
    place = np.array([side * width, 0.0, sign * (depth * np.sqrt(1 - side**2) + bust)])
    return skeleton.spine_places[station] + place @ skeleton.spine_frames[station]
