"""Things in hands: racquets, bats, clubs, a guitar, a barbell. They cover the person but are no part of the mask."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.rendered.body import Builder, limb_frame
from harness.rendered.skeleton import SIDES, Skeleton3D, station_at
from harness.rendered.solids import Solid
from harness.rendered.textures import Material

_MATERIALS = {
    "wood": Material(((196, 152, 96), (150, 104, 60)), "bars", 0.012, gloss=0.15),
    "steel": Material(((150, 154, 160),), gloss=0.35),
    "black": Material(((36, 36, 40),), gloss=0.2),
    "white": Material(((240, 240, 234),), gloss=0.1),
    "strings": Material(((222, 224, 206), (120, 126, 110)), "checks", 0.016),
    "frame": Material(((196, 44, 48),), gloss=0.2),
    "bowl": Material(((34, 52, 120), (80, 100, 190)), "dots", 0.05, gloss=0.4),
}


def prop_solids(
    prop: str, skeleton: Skeleton3D, scale_px: float, origin_px: np.ndarray
) -> tuple[list[Solid], dict[str, Material]]:
    """The solids of a thing held, "" for none, and the materials they name."""
    if not prop:
        return [], {}
    builder = Builder(scale_px, origin_px)
    _MAKERS[prop](builder, skeleton)
    return builder.solids, _MATERIALS


PROPS: tuple[str, ...] = ("club", "racquet", "bat", "ball", "bowl", "rope", "guitar", "barbell")
"""What can be held."""


def _fist(skeleton: Skeleton3D, side: str) -> np.ndarray:
    """The middle of a closed hand."""
    wrist, elbow = skeleton.joints[f"{side}_wrist"], skeleton.joints[f"{side}_elbow"]
    along = (wrist - elbow) / np.linalg.norm(wrist - elbow)
    return wrist + 0.045 * along


def _grip(skeleton: Skeleton3D) -> tuple[np.ndarray, np.ndarray]:
    """The right fist and the direction in which a tool leaves it."""
    return _fist(skeleton, "right"), skeleton.tool / np.linalg.norm(skeleton.tool)


def _rod(builder: Builder, start: np.ndarray, end: np.ndarray, sizes: tuple[float, float], material: str) -> None:
    builder.limb(start, end, sizes, np.array([0.0, 0.0, 1.0]), material, worn=False)


def _club(builder: Builder, skeleton: Skeleton3D) -> None:
    fist, way = _grip(skeleton)
    head = fist + 0.5 * way
    _rod(builder, fist - 0.08 * way, fist + 0.05 * way, (0.008, 0.008), "black")
    _rod(builder, fist + 0.05 * way, head, (0.005, 0.004), "steel")
    _rod(builder, head, head + 0.035 * skeleton.leg_frame[2], (0.013, 0.016), "black")


def _racquet(builder: Builder, skeleton: Skeleton3D) -> None:
    fist, way = _grip(skeleton)
    throat, middle = fist + 0.16 * way, fist + 0.26 * way
    _rod(builder, fist - 0.05 * way, throat, (0.01, 0.007), "black")
    frame = limb_frame(way, skeleton.chest[2] + 0.3 * skeleton.chest[0])
    builder.add(middle, middle, (0.086, 0.086), frame, "strings", (0.8, 1.06, 0.03), worn=False)
    corners = [
        middle + 0.09 * (0.8 * math.cos(angle) * frame[0] + 1.06 * math.sin(angle) * frame[1])
        for angle in np.linspace(0, 2 * math.pi, 15)
    ]
    for start, end in zip(corners, corners[1:], strict=False):
        _rod(builder, start, end, (0.0065, 0.0065), "frame")


def _bat(builder: Builder, skeleton: Skeleton3D) -> None:
    fist, way = _grip(skeleton)
    _rod(builder, fist - 0.07 * way, fist + 0.14 * way, (0.0085, 0.01), "wood")
    _rod(builder, fist + 0.14 * way, fist + 0.42 * way, (0.01, 0.02), "wood")


def _ball(builder: Builder, skeleton: Skeleton3D) -> None:
    fist = _fist(skeleton, "right")
    builder.ball(fist, 0.023, skeleton.head_frame, "white", worn=False)


def _bowl(builder: Builder, skeleton: Skeleton3D) -> None:
    wrist, elbow = skeleton.joints["right_wrist"], skeleton.joints["right_elbow"]
    place = wrist + 0.1 * (wrist - elbow) / np.linalg.norm(wrist - elbow)
    builder.ball(place, 0.06, skeleton.head_frame, "bowl", worn=False)


def _rope(builder: Builder, skeleton: Skeleton3D) -> None:
    """A bow between the hands that hangs towards `tool`."""
    left, right = (_fist(skeleton, side) for side in SIDES)
    way = skeleton.tool / np.linalg.norm(skeleton.tool)
    down = max(0.0, float(way @ -skeleton.leg_frame[1]))
    across, depth = left - right, 0.62 - 0.06 * down
    points = [
        (left + right) / 2
        + (0.5 * math.cos(angle) * (1 + 0.5 * math.sin(angle))) * across
        + depth * math.sin(angle) * way
        for angle in np.linspace(0, math.pi, 17)
    ]
    for start, end in zip(points, points[1:], strict=False):
        _rod(builder, start, end, (0.004, 0.004), "frame")


def _guitar(builder: Builder, skeleton: Skeleton3D) -> None:
    station = station_at(0.38)
    chest = skeleton.spine_frames[station]
    belly = skeleton.spine_places[station] + 0.125 * chest[2] - 0.05 * chest[0] - 0.03 * chest[1]
    neck_end = _fist(skeleton, "left") - 0.015 * chest[2]
    way = (neck_end - belly) / np.linalg.norm(neck_end - belly)
    frame = limb_frame(way, chest[2])
    flat = (1.0, 0.9, 0.22)
    builder.add(belly - 0.07 * way, belly - 0.07 * way, (0.105, 0.105), frame, "wood", flat, worn=False)
    builder.add(belly + 0.06 * way, belly + 0.06 * way, (0.08, 0.08), frame, "wood", flat, worn=False)
    hole = belly + 0.05 * way + 0.017 * frame[2]
    builder.add(hole, hole, (0.03, 0.03), frame, "black", (1, 1, 0.1), worn=False)
    _rod(builder, belly + 0.08 * way + 0.018 * frame[2], neck_end + 0.09 * way, (0.014, 0.011), "black")
    _rod(builder, neck_end + 0.09 * way, neck_end + 0.14 * way, (0.02, 0.018), "wood")


def _barbell(builder: Builder, skeleton: Skeleton3D) -> None:
    left, right = (_fist(skeleton, side) for side in SIDES)
    way = (left - right) / np.linalg.norm(left - right)
    middle = (left + right) / 2
    _rod(builder, middle - 0.46 * way, middle + 0.46 * way, (0.0085, 0.0085), "steel")
    frame = limb_frame(way, skeleton.leg_frame[2])
    for sign in (1, -1):
        for place, size, material in ((0.38, 0.12, "frame"), (0.41, 0.09, "black")):
            plate = middle + sign * place * way
            builder.add(plate, plate, (size, size), frame, material, (1.0, 0.12, 1.0), worn=False)


_MAKERS: dict[str, Callable[[Builder, Skeleton3D], None]] = {
    "club": _club,
    "racquet": _racquet,
    "bat": _bat,
    "ball": _ball,
    "bowl": _bowl,
    "rope": _rope,
    "guitar": _guitar,
    "barbell": _barbell,
}
