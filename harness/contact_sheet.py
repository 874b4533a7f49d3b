"""A contact sheet of a dataset: frames of every clip with joints, limbs, boxes and mask outlines drawn on them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from PIL import Image, ImageDraw

from harness.datasets.frames import FrameStore
from mrnet.skeletons import Skeleton

_TILE_PX = 256
_LABEL_PX = 14
_JOINT_RADIUS_PX = 3
_LIMB_WIDTH_PX = 2

_LEFT = (60, 160, 255)
_RIGHT = (255, 130, 40)
_MIDDLE = (255, 235, 60)
_MASK = (60, 230, 90)
_BOX = (255, 255, 255)
_PAPER = (20, 20, 20)

LEGEND = "left of the person blue, right orange, middle yellow; mask outlined green, box white"


def draw(frames: FrameStore, columns: int) -> np.ndarray:
    """(H, W, 3) uint8: a row a clip, `columns` frames of it spread evenly in time, each named by its id."""
    clips: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(frames.groups):
        clips[group].append(index)
    height = _TILE_PX + _LABEL_PX
    sheet = Image.new("RGB", (columns * _TILE_PX, len(clips) * height), _PAPER)
    canvas = ImageDraw.Draw(sheet)
    for row, indices in enumerate(clips.values()):
        for column, place in enumerate(np.linspace(0, len(indices) - 1, columns).round().astype(int)):
            corner = (column * _TILE_PX, row * height)
            canvas.text((corner[0] + 2, corner[1] + 1), frames.ids[indices[place]], fill=_BOX)
            sheet.paste(_tile(frames, indices[place]), (corner[0], corner[1] + _LABEL_PX))
    return np.asarray(sheet)


def _tile(frames: FrameStore, index: int) -> Image.Image:
    tile = Image.fromarray(np.array(frames.images[index])).resize((_TILE_PX, _TILE_PX), Image.Resampling.BICUBIC)
    mask = Image.fromarray(np.array(frames.masks[index]) * 255).resize((_TILE_PX, _TILE_PX), Image.Resampling.NEAREST)
    tile = Image.fromarray(_outlined(np.array(tile), np.asarray(mask) > 0))
    canvas = ImageDraw.Draw(tile)
    scale = _TILE_PX / np.array(frames.info.size_px[::-1])
    left, top, right, bottom = frames.boxes[index] * np.tile(scale, 2)
    canvas.rectangle((left, top, right - 1, bottom - 1), outline=_BOX)
    _draw_pose(canvas, (frames.joints[index] + 0.5) * scale - 0.5, frames.info.skeleton)
    return tile


def _outlined(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`image` with the pixels of the mask that touch its outside painted."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    image[mask & ~inner] = _MASK
    return image


def _draw_pose(canvas: ImageDraw.ImageDraw, joints: np.ndarray, skeleton: Skeleton) -> None:
    """joints: (J, 2) pixels of the canvas, NaN = missing, not drawn."""
    for a, b in skeleton.edges:
        if np.isfinite(joints[[a, b]]).all():
            side = {_colour(skeleton.joints[a]), _colour(skeleton.joints[b])}
            colour = side.pop() if len(side) == 1 else _MIDDLE
            canvas.line((*joints[a], *joints[b]), fill=colour, width=_LIMB_WIDTH_PX)
    for name, (x, y) in zip(skeleton.joints, joints, strict=True):
        if np.isfinite((x, y)).all():
            r = _JOINT_RADIUS_PX
            canvas.ellipse((x - r, y - r, x + r, y + r), fill=_colour(name), outline=_PAPER)


def _colour(joint: str) -> tuple[int, int, int]:
    if joint.startswith("left_"):
        return _LEFT
    return _RIGHT if joint.startswith("right_") else _MIDDLE
