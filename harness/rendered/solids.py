"""Swept ellipsoids, seen along parallel rays: the one shape all rendered people and things are made of.

An ellipsoid moves from `start` to `end` while its size changes linearly; limbs, slices of the trunk, heads and hands
are such. Where a ray meets it first has a closed form: with the pixel's offset q from the start, the front of the
ellipsoid at share t of the way lies at depth z(t) = z0 + m·t + √(A·t² + B·t + C), concave in t, so its maximum over
t in [0, 1] is the stationary point, clamped. Depths are compared in a buffer, so that arms pass in front of a trunk
or behind it as they do.

Axes of the picture: x right, y down, z towards the viewer; all lengths in pixels of the (supersampled) canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NOBODY = -1
"""Owner of a pixel that no solid covers."""

_TINY = 1e-6
_FLATTEST = -1e-3  # a cone seen along its axis: keeps the quadratic concave


@dataclass(frozen=True)
class Solid:
    """One swept ellipsoid.

    start, end: (3,) centres. sizes: at start and end. axes: (3, 3), rows are unit vectors across, along and to the
    front of the part. proportions: half axes along these, in units of the size. along: texture coordinate at the start.
    material: what it is made of. worn: whether it counts as the person (False: a thing held). swell: weight of the
    texture coordinate in the direction along the part of its normals, so that parts that continue each other are lit as
    one (0: a tube); None: the ellipsoid's own.
    """

    start: np.ndarray
    end: np.ndarray
    sizes: tuple[float, float]
    axes: np.ndarray
    proportions: tuple[float, float, float]
    along: float
    material: str
    worn: bool = True
    swell: float | None = None

    def shape(self) -> np.ndarray:
        """(3, 3) S: the surface at size r is v·S·v = r²."""
        return self.axes.T @ (self.axes / np.square(self.proportions)[:, None])


@dataclass(frozen=True)
class Hits:
    """What each ray meets. depth: (H, W), -inf where nothing. owner: (H, W) index of the solid or NOBODY.

    share: (H, W) how far along its solid's way, 0 to 1.
    """

    depth: np.ndarray
    owner: np.ndarray
    share: np.ndarray


def cast(solids: Sequence[Solid], size_px: tuple[int, int]) -> Hits:
    """The nearest solid at every pixel centre of an (H, W) canvas."""
    height, width = size_px
    hits = Hits(
        depth=np.full((height, width), -np.inf, np.float32),
        owner=np.full((height, width), NOBODY, np.int16),
        share=np.zeros((height, width), np.float32),
    )
    for index, solid in enumerate(solids):
        _cast_one(index, solid, hits)
    return hits


def _cast_one(index: int, solid: Solid, hits: Hits) -> None:
    shape = solid.shape()
    window = _window(solid, hits.owner.shape)
    if window is None:
        return
    rows, columns = window
    # offsets of pixel centres from the start, as a column and a row that broadcast
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5 - np.float32(solid.start[1]))[:, None]
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - np.float32(solid.start[0]))[None, :]

    depth_stiffness, tilt = float(shape[2, 2]), shape[:2, 2]
    flat = (shape[:2, :2] - np.outer(tilt, tilt) / depth_stiffness) / depth_stiffness
    way = (solid.end - solid.start)[:2]
    grow = solid.sizes[1] - solid.sizes[0]
    pull = flat @ way
    a = min(float(grow * grow / depth_stiffness - way @ pull), _FLATTEST)
    b = 2 * (solid.sizes[0] * grow / depth_stiffness + float(pull[0]) * x + float(pull[1]) * y)
    size_term = solid.sizes[0] ** 2 / depth_stiffness
    c = size_term - float(flat[0, 0]) * x * x - float(flat[1, 1]) * y * y - float(2 * flat[0, 1]) * (x * y)
    slope = float(solid.end[2] - solid.start[2] + tilt @ way / depth_stiffness)

    best = b / (-2 * a)
    inside = np.maximum(c + b * best / 2, 0)  # of the infinite cone, at its own best share
    share = np.clip(best + slope / np.sqrt(a * a - a * slope * slope) * np.sqrt(inside), 0, 1)
    room = c + share * (b + a * share)
    lean = (float(tilt[0]) / depth_stiffness) * x + (float(tilt[1]) / depth_stiffness) * y
    depth = float(solid.start[2]) - lean + slope * share + np.sqrt(np.maximum(room, 0))
    nearer = (room > 0) & (depth > hits.depth[rows, columns])
    hits.depth[rows, columns][nearer] = depth[nearer]
    hits.share[rows, columns][nearer] = share[nearer]
    hits.owner[rows, columns][nearer] = index


def _window(solid: Solid, size_px: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the canvas that the solid can touch."""
    spread = np.linalg.norm(solid.axes[:, :2] * np.array(solid.proportions)[:, None], axis=0)  # of size 1
    ends = np.array([solid.start[:2], solid.end[:2]])
    reach = np.outer(solid.sizes, spread)
    low, high = (ends - reach).min(axis=0), (ends + reach).max(axis=0)
    left, top = np.maximum(np.floor(low), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high), size_px[::-1]).astype(int)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class Surface:
    """The surface seen at N pixels. rows, columns, owner: (N,). normal: (N, 3) unit, in the picture's axes.

    local: (N, 3) pixels across, along and to the front of the part: across and front from its middle, along from where
    the solid's texture coordinate is 0.
    """

    rows: np.ndarray
    columns: np.ndarray
    owner: np.ndarray
    normal: np.ndarray
    local: np.ndarray


def surface(solids: Sequence[Solid], hits: Hits) -> Surface:
    """Normals and texture coordinates at every covered pixel."""
    rows, columns = np.nonzero(hits.owner != NOBODY)
    owner = hits.owner[rows, columns]
    share = hits.share[rows, columns][:, None]
    starts, ends, axes, along = (
        np.stack([getattr(solid, name) for solid in solids]).astype(np.float32)
        for name in ("start", "end", "axes", "along")
    )
    weights = np.stack([1 / np.square(solid.proportions) for solid in solids]).astype(np.float32)
    swelling = np.array([np.nan if solid.swell is None else solid.swell for solid in solids], np.float32)[owner]
    points = np.stack([columns + 0.5, rows + 0.5, hits.depth[rows, columns]], axis=1).astype(np.float32)
    offsets = points - starts[owner] - share * (ends - starts)[owner]
    local = np.einsum("nij,nj->ni", axes[owner], offsets)
    across = weights[owner] * local
    local[:, 1] += along[owner] + share[:, 0] * np.linalg.norm(ends - starts, axis=1)[owner]
    across[:, 1] = np.where(np.isnan(swelling), across[:, 1], swelling * local[:, 1])
    normal = np.einsum("nij,ni->nj", axes[owner], across)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + _TINY
    return Surface(rows, columns, owner, normal, local)
