"""Means of a per-pixel map over a person's mask or box, or over what lies outside."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from harness.errors import UserError


def mean_over_mask(values: np.ndarray, mask: np.ndarray) -> float:
    """Mean of an (H, W) map over the pixels where the (H, W) mask is not 0.

    Raises UserError for a mask of another size or without a pixel.
    """
    if mask.shape != values.shape:
        raise UserError(f"the mask is {_size(mask)}, the image {_size(values)}; they must be equal")
    inside = mask.astype(bool)
    if not inside.any():
        raise UserError("the mask is empty: no pixel belongs to the person")
    return float(values[inside].mean(dtype=np.float64))


def mean_over_box(values: np.ndarray, box: np.ndarray) -> float:
    """Mean of an (H, W) map over the pixels a box touches.

    box: (4,) xyxy in pixels, 0-based, end-exclusive, fractions allowed; it is clipped to the image.
    Raises UserError for a box that is not finite or lies outside.
    """
    rows, columns = box_slices(box, values.shape)
    return float(values[rows, columns].mean(dtype=np.float64))


def mean_outside(values: np.ndarray, boxes: Iterable[np.ndarray]) -> float:
    """Mean of an (H, W) map over the pixels that no box touches; NaN where the boxes cover all.

    boxes: (4,) each, as of `mean_over_box`, with the same errors.
    """
    outside = np.ones(values.shape, dtype=bool)
    for box in boxes:
        outside[box_slices(box, values.shape)] = False
    return float(values[outside].mean(dtype=np.float64)) if outside.any() else math.nan


def box_slices(box: np.ndarray, size_px: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of an image of `size_px` (height, width) that an xyxy box touches: floor to ceil, clipped."""
    edges = np.asarray(box, dtype=np.float64)
    if edges.shape != (4,) or not np.isfinite(edges).all():
        raise UserError(f"the box is {np.asarray(box).tolist()}; four finite numbers x0, y0, x1, y1 are needed")
    height, width = size_px
    x0, y0 = np.maximum(np.floor(edges[:2]), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(edges[2:]), (width, height)).astype(int)
    if x0 >= x1 or y0 >= y1:
        raise UserError(f"the box {edges.tolist()} holds no pixel of an image of {height}×{width}")
    return slice(y0, y1), slice(x0, x1)


def _size(array: np.ndarray) -> str:
    return "×".join(str(side) for side in array.shape)
