"""A contact sheet of a dataset: frames of every clip with joints, limbs, boxes and mask outlines drawn on them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from PIL import Image, ImageDraw

from harness.datasets.frames import FrameStore
from mrnet.skeletons import Skeleton

_TILE_PX = 256
_LABEL_PX = 14
_LETTER_PX = 6
_JOINT_RADIUS_PX = 3
_LIMB_WIDTH_PX = 2

_LEFT = (60, 160, 255)
_RIGHT = (255, 130, 40)
_MIDDLE = (255, 235, 60)
_MASK = (60, 230, 90)
_BOX = (255, 255, 255)
_PAPER = (20, 20, 20)

LEGEND = "left of the person blue, right orange, middle yellow; mask outlined green, box white"


def draw(frames: FrameStore, columns: int, rows: int) -> np.ndarray:
    """(H, W, 3) uint8: a row a group, `columns` frames of it spread evenly in time, each named by its id.

    rows: groups at most, spread evenly over all. Groups with fewer frames leave places empty.
    """
    clips: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(frames.groups):
        clips[group].append(index)
    chosen = [list(clips.values())[place] for place in _spread(len(clips), rows)]
    tile_height, tile_width = _tile_px(frames.info.size_px)
    row_height = tile_height + _LABEL_PX
    sheet = Image.new("RGB", (columns * tile_width, len(chosen) * row_height), _PAPER)
    canvas = ImageDraw.Draw(sheet)
    for row, indices in enumerate(chosen):
        for column, place in enumerate(_spread(len(indices), columns)):
            corner = (column * tile_width, row * row_height)
            canvas.text((corner[0] + 2, corner[1] + 1), _label(frames.ids[indices[place]], tile_width), fill=_BOX)
            sheet.paste(_tile(frames, indices[place]), (corner[0], corner[1] + _LABEL_PX))
    return np.asarray(sheet)


def _label(frame_id: str, width_px: int) -> str:
    """The end of a frame's id, as much of it as a tile has room for."""
    return frame_id[-((width_px - 2) // _LETTER_PX) :]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly from the first to the last."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def _tile_px(size_px: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a tile: the frame's shape, its longer side as long as a tile's."""
    scale = _TILE_PX / max(size_px)
    return round(size_px[0] * scale), round(size_px[1] * scale)


def _tile(frames: FrameStore, index: int) -> Image.Image:
    width_height = _tile_px(frames.info.size_px)[::-1]
    tile = Image.fromarray(np.array(frames.images[index])).resize(width_height, Image.Resampling.BICUBIC)
    mask = Image.fromarray(np.array(frames.masks[index]) * 255).resize(width_height, Image.Resampling.NEAREST)
    tile = Image.fromarray(_outlined(np.array(tile), np.asarray(mask) > 0))
    canvas = ImageDraw.Draw(tile)
    scale = np.array(width_height) / np.array(frames.info.size_px[::-1])
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
