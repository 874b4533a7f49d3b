"""A picture of a person in a place: light, edges, noise, the exact mask, and which joints can be seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from harness.rendered import solids as geometry
from harness.rendered import textures
from harness.rendered.body import person_solids
from harness.rendered.motion import Pose
from harness.rendered.people import Person
from harness.rendered.props import prop_solids
from harness.rendered.skeleton import Skeleton3D, pose_skeleton, view_matrix
from harness.rendered.textures import Material

_LIGHT = np.array([-0.45, -0.62, 0.64], np.float32)  # from the upper left, before the picture
_AMBIENT, _DIFFUSE, _SKY = 0.56, 0.52, 0.1
_GLOSS_POWER = 12
_FOLD_STRENGTH = 1.0
_SHADOW_REACH, _SHADOW_STRENGTH = 0.045, 0.5  # of parts on what lies behind them, body heights

_GROUND_SHADOW = 0.42
_HALF = 0.5

# how deep in the body a joint may lie and still count as seen, body heights
_SURFACE_TOLERANCE = {
    "head": 0.09, "face": 0.12, "nose": 0.03, "eye": 0.03, "ear": 0.035, "neck": 0.09, "shoulder": 0.085,
    "elbow": 0.06, "wrist": 0.05, "hip": 0.115, "knee": 0.075, "ankle": 0.06,
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """Where a person stands in the picture. yaw, pitch: `skeleton.view_matrix`. height_px: of the upright person.

    ground_px: (x, y) of the point on the ground below the person, pixel edges at whole numbers.
    """

    yaw: float
    pitch: float
    height_px: float
    ground_px: tuple[float, float]


@dataclass(frozen=True)
class Joint:
    """A joint in the picture: x, y in pixels, pixel centres at whole numbers; hidden by the body or a thing; inside the
    frame.
    """

    x: float
    y: float
    hidden: bool
    inside: bool

    @property
    def seen(self) -> bool:
        return self.inside and not self.hidden


@dataclass(frozen=True)
class Rendering:
    """image: (H, W, 3) uint8. mask: (H, W) bool, the person without things in the hands. joints: by name."""

    image: np.ndarray
    mask: np.ndarray
    joints: Mapping[str, Joint]

    def box(self) -> tuple[int, int, int, int] | None:
        """x0, y0, x1, y1 around the mask, end-exclusive; None for an empty one."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True)
class Style:
    """How pictures are taken. supersampling: rays along a pixel's side. noise: standard deviation, grey levels.

    fingers: drawn singly. shadow: on the ground. gains: of red, green, blue, the camera's and the light's.
    """

    supersampling: int = 2
    noise: float = 2.5
    fingers: bool = False
    shadow: bool = True
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)


def render(
    person: Person,
    pose: Pose,
    view: View,
    background: np.ndarray,
    random: np.random.Generator,
    style: Style = Style(),
    prop: str = "",
    anchor: tuple[str, ...] = ("left_ankle", "right_ankle"),
) -> Rendering:
    """One frame. background: (H, W, 3) uint8. random: of the image noise alone."""
    height, width = background.shape[:2]
    rays = style.supersampling
    scale = view.height_px * rays
    origin = np.array([*view.ground_px, 0.0]) * rays
    skeleton = pose_skeleton(person.build, pose, anchor).seen(view_matrix(view.yaw, view.pitch), np.zeros(3))
    solids = person_solids(person, skeleton, scale, origin, style.fingers)
    things, thing_materials = prop_solids(prop, skeleton, scale, origin)
    solids = [*solids, *things]

    window = _window(solids, (height, width), rays)
    top, bottom, left, right = window
    shift = np.array([left * rays, top * rays, 0.0])
    solids = [replace(solid, start=solid.start - shift, end=solid.end - shift) for solid in solids]
    hits = geometry.cast(solids, ((bottom - top) * rays, (right - left) * rays))
    colours = _shade(solids, hits, {**person.materials, **thing_materials}, scale)

    image = background.astype(np.float32)
    if style.shadow:
        _cast_shadow(image, skeleton, view)
    covered, worn = hits.owner != geometry.NOBODY, _worn(solids, hits.owner)
    share = _reduced(covered.astype(np.float32), rays)[..., None]
    patch = image[top:bottom, left:right]
    patch *= 1 - share
    patch += _reduced(colours, rays)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = _reduced(worn.astype(np.float32), rays) >= _HALF
    image *= np.asarray(style.gains, np.float32)
    image += random.normal(0, style.noise, image.shape[:2]).astype(np.float32)[..., None]
    places = {name: origin - shift + scale * place for name, place in skeleton.joints.items()}
    joints = _joints(places, hits, worn, scale, rays, (left, top), (height, width))
    return Rendering(np.clip(np.rint(image), 0, 255).astype(np.uint8), mask, joints)


def _window(solids: list[geometry.Solid], size_px: tuple[int, int], rays: int) -> tuple[int, int, int, int]:
    """top, bottom, left, right of the picture's part that the solids can touch, at least one pixel."""
    ends = np.array([point[:2] for solid in solids for point in (solid.start, solid.end)])
    reach = np.repeat([max(solid.sizes) * max(solid.proportions) for solid in solids], 2)[:, None]
    low = np.floor((ends - reach).min(axis=0) / rays).astype(int)
    high = np.ceil((ends + reach).max(axis=0) / rays).astype(int)
    left, top = (int(np.clip(value, 0, side - 1)) for value, side in zip(low, size_px[::-1], strict=True))
    right, bottom = (int(np.clip(value, 1, side)) for value, side in zip(high, size_px[::-1], strict=True))
    return top, max(bottom, top + 1), left, max(right, left + 1)


def _shade(
    solids: list[geometry.Solid], hits: geometry.Hits, materials: Mapping[str, Material], scale: float
) -> np.ndarray:
    """(h, w, 3) float32 colours, 0 where nothing is."""
    colours = np.zeros((*hits.owner.shape, 3), np.float32)
    if not (hits.owner != geometry.NOBODY).any():
        return colours
    seen = geometry.surface(solids, hits)
    local = seen.local / np.float32(scale)
    light = _AMBIENT + _DIFFUSE * np.maximum(seen.normal @ _LIGHT, 0) - _SKY * np.maximum(seen.normal[:, 1], 0)
    light *= 1 - _SHADOW_STRENGTH * _nearby_cover(hits.depth, scale)[seen.rows, seen.columns]
    half_way = (_LIGHT + (0, 0, 1)) / np.linalg.norm(_LIGHT + (0, 0, 1))
    shine = np.maximum(seen.normal @ half_way.astype(np.float32), 0) ** _GLOSS_POWER

    names = sorted({solid.material for solid in solids})
    of_solid = np.array([names.index(solid.material) for solid in solids])
    of_pixel = of_solid[seen.owner]
    for index, name in enumerate(names):
        chosen = np.flatnonzero(of_pixel == index)
        if not len(chosen):
            continue
        material, places = materials[name], local[chosen]
        brightness = light[chosen]
        if material.folds:
            brightness = brightness * (1 + _FOLD_STRENGTH * material.folds * textures.folds(places))
        lit = textures.paint(material, places) * brightness[:, None]
        lit += 255 * material.gloss * shine[chosen][:, None]
        colours[seen.rows[chosen], seen.columns[chosen]] = np.minimum(lit, 255)
    return colours


def _nearby_cover(depth: np.ndarray, scale: float) -> np.ndarray:
    """How much nearer parts stand around each pixel, 0 to 1: they take light from what lies behind them."""
    from scipy.ndimage import uniform_filter

    solid = np.isfinite(depth)
    floor = depth[solid].min()
    filled = np.where(solid, depth, floor)
    reach = max(3, round(_SHADOW_REACH * scale))
    around = uniform_filter(uniform_filter(filled, reach), reach)
    weight = uniform_filter(uniform_filter(solid.astype(np.float32), reach), reach)
    mean = floor + (around - floor) / np.maximum(weight, 1e-3)
    return np.clip((mean - filled) / (0.09 * scale), 0, 1)


def _cast_shadow(image: np.ndarray, skeleton: Skeleton3D, view: View) -> None:
    """Darken the ground below feet and hips, softly, in place."""
    height, width = image.shape[:2]
    flat = max(0.12, np.sin(np.radians(view.pitch)) * 0.9)
    shade = np.zeros((height, width), np.float32)
    y, x = np.ogrid[:height, :width]
    for name, size in (("left_ankle", 0.09), ("right_ankle", 0.09), ("pelvis", 0.2)):
        place = skeleton.joints[name]
        middle_x = view.ground_px[0] + view.height_px * (place[0] + 0.03)
        # the foot of the perpendicular: on the ground, a point's height does not matter
        middle_y = view.ground_px[1] + view.height_px * place[2] * flat * 0.5
        across = (x - middle_x) / (size * view.height_px)
        down = (y - middle_y) / (size * flat * view.height_px + 1)
        shade = np.maximum(shade, np.exp(-((across**2 + down**2) ** 1.0)))
    image *= (1 - _GROUND_SHADOW * shade)[..., None]


def _worn(solids: list[geometry.Solid], owner: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels of the person, not of things."""
    return np.array([*(solid.worn for solid in solids), False])[owner]  # NOBODY = -1 takes the last


def _reduced(array: np.ndarray, rays: int) -> np.ndarray:
    """Means over rays × rays blocks."""
    parts = [array[row::rays, column::rays] for row in range(rays) for column in range(rays)]
    return sum(parts[1:], start=parts[0]) / np.float32(rays**2)


def _joints(
    places: Mapping[str, np.ndarray],
    hits: geometry.Hits,
    worn: np.ndarray,
    scale: float,
    rays: int,
    corner_px: tuple[int, int],
    size_px: tuple[int, int],
) -> dict[str, Joint]:
    """places: (3,) by name in pixels of the canvas, whose upper left corner is at `corner_px` (x, y) of the picture."""
    joints = {}
    for name, (x, y, z) in places.items():
        tolerance = _SURFACE_TOLERANCE.get(name.split("_")[-1])
        if tolerance is None:  # a helper, not a joint anyone annotates
            continue
        column, row = math.floor(x), math.floor(y)
        hidden = False
        if 0 <= row < worn.shape[0] and 0 <= column < worn.shape[1]:
            by_thing = hits.owner[row, column] != geometry.NOBODY and not worn[row, column]
            above = hits.depth[row, column] - z
            hidden = bool(above > tolerance * scale or (by_thing and above > 0))
        picture_x, picture_y = float(x / rays + corner_px[0] - 0.5), float(y / rays + corner_px[1] - 0.5)
        inside = -0.5 <= picture_x < size_px[1] - 0.5 and -0.5 <= picture_y < size_px[0] - 0.5
        joints[name] = Joint(picture_x, picture_y, hidden, inside)
    return joints
