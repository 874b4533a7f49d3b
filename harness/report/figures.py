"""The qualitative grid: one row a pair; reference, target pose drawn, target, then one column a method.

Pictures are enlarged by a whole number with nearest neighbour, so that every pixel a method made is seen as it is.
"""

from __future__ import annotations

import hashlib
import json
import math
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.images import read_image, write_png
from harness.pairs import Pair, group_of
from harness.pairs_folder import POSES

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

MIN_TILE_PX = 192
"""Least side a picture is enlarged to."""

MISSING = "no image"

_BACKGROUND = (255, 255, 255)
_INK = (25, 25, 28)
_FAINT_INK = (105, 105, 112)
_CANVAS = (38, 40, 46)
_LEFT = (64, 169, 255)
_RIGHT = (255, 159, 28)
_MIDDLE = (222, 222, 226)
_MARGIN_PX = 16
_GAP_PX = 6
_PART_GAP_PX = 18
_NUMBER_WIDTH_PX = 26
_FONT_PX = 15
_SMALL_FONT_PX = 13
_LEAST_FONT_PX = 11
_LINE_PX = 19
_SUPERSAMPLING = 4
_BONE_SHARE = 0.022
_JOINT_SHARE = 0.017
_FACE = ("nose", "eye", "ear")


@dataclass(frozen=True)
class GridColumn:
    """A method's column. subtitle: its part of the table, in a word; images: folder of `<pair id>.png`."""

    title: str
    subtitle: str
    images: Path


@dataclass(frozen=True)
class Poses:
    """Poses of a pair list.

    joints: by frame id, (J, 2) float64, pixels of the task-size image (0-based pixel centres), NaN = missing.
    """

    size_px: tuple[int, int]
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    joints: Mapping[str, np.ndarray]


def choose_pairs(pairs: Sequence[Pair], count: int, seed: int) -> tuple[Pair, ...]:
    """`count` pairs, as many from each target clip as there are, drawn by a hash of seed and pair id.

    The same pair is drawn on every machine and version; the result is in the list's order. UserError for count < 1.
    """
    if count < 1:
        raise UserError(f"--rows {count} leaves nothing to show; give at least 1")
    clips: dict[str, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: hashlib.sha256(f"{seed} {pair.id}".encode()).digest()):
        clips[group_of(pair.target)].append(pair)
    turns = sorted((turn, clip, pair.id) for clip, members in clips.items() for turn, pair in enumerate(members))
    chosen = {pair_id for _, _, pair_id in turns[:count]}
    return tuple(pair for pair in pairs if pair.id in chosen)


def read_poses(folder: Path) -> Poses:
    """The poses in a store's pairs folder. Raises UserError for a missing or malformed `poses.json`."""
    path = folder / POSES
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        height, width = data["size"]
        names, edges = data["skeleton"]["joints"], data["skeleton"]["edges"]
        joints = {frame: _points(entry["joints"], len(names)) for frame, entry in data["frames"].items()}
        return Poses((int(height), int(width)), tuple(names), tuple((int(a), int(b)) for a, b in edges), joints)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"cannot read the poses {path}: {error!r}. "
            "Remove the folder and run the same `bench run` again: it writes them"
        ) from error


def _points(joints: Sequence[Sequence[float | None]], count: int) -> np.ndarray:
    """(count, 2) float64 from JSON; null becomes NaN."""
    return np.array(joints, dtype=np.float64).reshape(count, 2)


def pose_image(joints: np.ndarray, poses: Poses, scale: int) -> Image.Image:
    """A pose as a coloured skeleton, `scale` times the task size: the person's left blue, right orange, middle grey."""
    from PIL import Image, ImageDraw

    height, width = poses.size_px
    factor = scale * _SUPERSAMPLING
    canvas = Image.new("RGB", (width * factor, height * factor), _CANVAS)
    draw = ImageDraw.Draw(canvas)
    side = min(canvas.size)
    bone, radius = max(1, round(side * _BONE_SHARE)), side * _JOINT_SHARE
    points = [None if np.isnan(point).any() else tuple((point + 0.5) * factor) for point in joints]
    for a, b in poses.edges:
        if points[a] and points[b]:
            names = (poses.names[a], poses.names[b])
            thin = any(part in name for name in names for part in _FACE)
            draw.line([points[a], points[b]], fill=_colour(names), width=max(1, bone // 2) if thin else bone)
    for name, point in zip(poses.names, points, strict=True):
        if point:
            reach = radius / 2 if any(part in name for part in _FACE) else radius
            x, y = point
            draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=_colour((name,)))
    return canvas.resize((width * scale, height * scale), Image.Resampling.LANCZOS)


def _colour(names: Sequence[str]) -> tuple[int, int, int]:
    """Left or right where a joint of the limb says so and none says the other."""
    left, right = (any(name.startswith(side) for name in names) for side in ("left_", "right_"))
    if left == right:
        return _MIDDLE
    return _LEFT if left else _RIGHT


def qualitative_grid(
    path: Path,
    folder: Path,
    size_px: tuple[int, int],
    pairs: Sequence[Pair],
    columns: Sequence[GridColumn],
    caption: Sequence[str],
) -> None:
    """Write the grid of `pairs` as a PNG; rows are numbered in order.

    folder: the store's pairs folder (frames/*.png, poses.json). size_px: (height, width) of every picture in it and of
    the methods'. caption: paragraphs under the picture, wrapped to its width.
    The same inputs give the same bytes under the same Pillow. Raises UserError for a missing frame or pose and for
    another size; a method's missing image is drawn as an empty tile that says so.
    """
    from PIL import Image, ImageDraw

    poses = read_poses(folder)
    height, width = size_px
    if poses.size_px != (height, width):
        raise UserError(
            f"{folder} holds frames of {poses.size_px[0]}×{poses.size_px[1]} px, the records are of {height}×{width}. "
            "Run the `bench run` that made the records again: it writes the frames at that size"
        )
    scale = max(1, math.ceil(MIN_TILE_PX / max(height, width)))
    tile = (width * scale, height * scale)
    headings = [("reference", ""), ("target pose", ""), ("target", ""), *((c.title, c.subtitle) for c in columns)]
    lefts = _lefts(len(columns), tile[0])
    total_width = lefts[-1] + tile[0] + _MARGIN_PX
    title_lines = max(len(_title_lines(title)) for title, _ in headings)
    top = _MARGIN_PX + (title_lines + 1) * _LINE_PX + _GAP_PX
    body_end = top + len(pairs) * (tile[1] + _GAP_PX)
    paragraphs = _wrapped(caption, total_width - 2 * _MARGIN_PX)
    sheet = Image.new("RGB", (total_width, body_end + _GAP_PX + len(paragraphs) * _LINE_PX + _MARGIN_PX), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for left, (title, subtitle) in zip(lefts, headings, strict=True):
        lines = _title_lines(title)
        for place, line in enumerate([*[""] * (title_lines - len(lines)), *lines]):
            _centred(draw, left + tile[0] / 2, _MARGIN_PX + place * _LINE_PX, line, tile[0], bold=True)
        _centred(draw, left + tile[0] / 2, _MARGIN_PX + title_lines * _LINE_PX, subtitle, tile[0], bold=False)
    for index, pair in enumerate(pairs):
        y = top + index * (tile[1] + _GAP_PX)
        draw.text((_MARGIN_PX, y + tile[1] / 2), str(index + 1), fill=_INK, font=_font(_FONT_PX, True), anchor="lm")
        for left, picture in zip(lefts, _row(folder, pair, columns, poses, scale), strict=True):
            sheet.paste(picture, (left, y))
    for index, line in enumerate(paragraphs):
        draw.text(
            (_MARGIN_PX, body_end + _GAP_PX + index * _LINE_PX), line, fill=_INK, font=_font(_SMALL_FONT_PX, False)
        )
    write_png(path, np.asarray(sheet))


def _title_lines(title: str) -> list[str]:
    """A wrapper's title in two lines, its inner method below: in one it would have to shrink."""
    return title.replace(" (", "\n(").split("\n")


def _lefts(methods: int, tile_width_px: int) -> list[int]:
    """Left edges of the columns; a wider gap sets the methods apart from what they were given."""
    start = _MARGIN_PX + _NUMBER_WIDTH_PX
    given = 3
    return [
        start + index * (tile_width_px + _GAP_PX) + (_PART_GAP_PX if index >= given else 0)
        for index in range(given + methods)
    ]


def _row(folder: Path, pair: Pair, columns: Sequence[GridColumn], poses: Poses, scale: int) -> list[Image.Image]:
    if pair.target not in poses.joints:
        raise UserError(
            f"{folder / 'poses.json'} has no pose of {pair.target}. Run the same `bench run` again; it writes it"
        )
    return [
        _enlarged(_frame(folder, pair.reference, poses), scale),
        pose_image(poses.joints[pair.target], poses, scale),
        _enlarged(_frame(folder, pair.target, poses), scale),
        *(_method_tile(column.images / f"{pair.id}.png", poses, scale) for column in columns),
    ]


def _frame(folder: Path, frame_id: str, poses: Poses) -> np.ndarray:
    return read_image(folder / "frames" / f"{frame_id.replace('/', '_')}.png", poses.size_px)


def _method_tile(path: Path, poses: Poses, scale: int) -> Image.Image:
    from PIL import Image, ImageDraw

    if path.is_file():
        return _enlarged(read_image(path, poses.size_px), scale)
    height, width = poses.size_px
    tile = Image.new("RGB", (width * scale, height * scale), _CANVAS)
    _centred(ImageDraw.Draw(tile), tile.width / 2, tile.height / 2, MISSING, tile.width, bold=False)
    return tile


def _enlarged(image: np.ndarray, scale: int) -> Image.Image:
    from PIL import Image

    return Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1))


def _centred(draw: ImageDraw.ImageDraw, x: float, y: float, words: str, width_px: int, bold: bool) -> None:
    """Words centred at x, smaller where they do not fit the width; what still does not is cut with an ellipsis."""
    font = _font(_FONT_PX if bold else _SMALL_FONT_PX, bold)
    if draw.textlength(words, font=font) > width_px:
        font = _font(_LEAST_FONT_PX, bold)
    shown = words
    while shown and draw.textlength(shown, font=font) > width_px:
        shown = shown.removesuffix("…")[:-1].rstrip() + "…" if len(shown) > 1 else ""
    draw.text((x, y), shown, fill=_INK if bold else _FAINT_INK, font=font, anchor="ma")


def _wrapped(paragraphs: Sequence[str], width_px: int) -> list[str]:
    widest = _font(_SMALL_FONT_PX, False).getlength("abcdefghijklmnopqrstuvwxyz0123456789") / 36
    columns = max(20, int(width_px / widest))
    return [line for words in paragraphs for line in textwrap.wrap(words, columns, break_on_hyphens=False)]


def _font(size_px: int, bold: bool):
    """DejaVu Sans, which comes with matplotlib: the same letters on every machine."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size_px)
