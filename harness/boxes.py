"""Person boxes where a dataset annotates none: around joints, or around a mask."""

from __future__ import annotations

import numpy as np

# The box holds every joint in the frame and this share of the joints' height around them. Upward more: the highest
# joint sits between the ears, not on the crown. At these margins it covers 99.8 % of the footage masks' pixels.
MARGIN = 0.10
MARGIN_TOP = 0.15
MIN_PX = 4


def box_of_joints(joints: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """The person's box, (4,) float32 xyxy, end-exclusive, whole pixels, from the joints inside the frame.

    joints: (J, 2), pixels of the frame, NaN = missing. size_px: (height, width). The whole frame if no joint is inside.
    """
    sides_px = np.array(size_px[::-1])  # (width, height), as x, y
    # as pixel edges: the centre of pixel 0 lies half a pixel inside the frame
    edges = joints[inside(joints, size_px)] + 0.5
    if not len(edges):
        return np.array([0, 0, *sides_px], dtype=np.float32)
    (left, top), (right, bottom) = edges.min(axis=0), edges.max(axis=0)
    height = bottom - top
    margin = MARGIN * height
    low, high = [left - margin, top - MARGIN_TOP * height], [right + margin, bottom + margin]
    return whole(np.array(low), np.array(high), size_px)


def whole(low: np.ndarray, high: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """The whole pixels, inside the frame and at least `MIN_PX` a side, of a box from `low` to `high`, (x, y) each.

    (4,) float32 xyxy, end-exclusive. size_px: (height, width).
    """
    sides_px = np.array(size_px[::-1])
    low = np.clip(np.floor(low), 0, sides_px - MIN_PX)
    high = np.clip(np.maximum(np.ceil(high), low + MIN_PX), 0, sides_px)
    return np.concatenate([low, high]).astype(np.float32)


def inside(joints: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(…,) bool: which of the (…, 2) joints lie on the picture of (height, width) pixels; a missing one does not."""
    edges = joints + 0.5
    return ((edges >= 0) & (edges <= np.array(size_px[::-1]))).all(axis=-1)


def box_of_mask(mask: np.ndarray) -> np.ndarray | None:
    """The tight box of an (H, W) mask's pixels that are not 0, (4,) float32 xyxy, end-exclusive; None for none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float32)
