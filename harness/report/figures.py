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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import UserError
from harness.images import read_image
from harness.pairs import Pair, group_of
from harness.pairs_folder import POSES
from harness.report.sheet import INK, Picture, Sheet, Words, font, write_pdf, write_png

if TYPE_CHECKING:
    from PIL import Image

MIN_TILE_PX = 192
"""Least side a picture is enlarged to."""

MISSING = "no image"

_FAINT_INK = (105, 105, 112)
_PALE_INK = (222, 222, 226)
_CANVAS = (38, 40, 46)
_LEFT = (64, 169, 255)
_RIGHT = (255, 159, 28)
_MIDDLE = (222, 222, 226)
_MARGIN_PX = 16
_GAP_PX = 6
_NOTE_GAP_PX = 3
_PART_GAP_PX = 18
_NUMBER_WIDTH_PX = 26
_GIVEN = 3  # columns before the methods: reference, pose, target
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
    """A method's column.

    subtitle: its part of the table, in a word; images: folder of `<pair id>.png`. notes: by pair id, a line under its
    picture.
    """

    title: str
    subtitle: str
    images: Path
    notes: Mapping[str, str] = field(default_factory=dict)


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
    """Write the grid of `pairs` as PNG or PDF, by the path's ending; rows are numbered in order.

    folder: the store's pairs folder (frames/*.png, poses.json). size_px: (height, width) of every picture in it and of
    the methods'. caption: paragraphs under the picture, wrapped to its width.
    The same inputs give the same bytes under the same Pillow (matplotlib, for PDF). Raises UserError for a missing
    frame or pose and for another size; a method's missing image is drawn as an empty tile that says so.
    """
    poses = read_poses(folder)
    height, width = size_px
    if poses.size_px != (height, width):
        raise UserError(
            f"{folder} holds frames of {poses.size_px[0]}×{poses.size_px[1]} px, the records are of {height}×{width}. "
            "Run the `bench run` that made the records again: it writes the frames at that size"
        )
    sheet = Sheet()
    scale = max(1, math.ceil(MIN_TILE_PX / max(height, width)))
    tile = (width * scale, height * scale)
    lefts = _lefts(len(columns), tile[0])
    total_width = lefts[-1] + tile[0] + _MARGIN_PX
    top = _head(sheet, lefts, tile[0], columns)
    row_height = tile[1] + _GAP_PX + (_LINE_PX if any(column.notes for column in columns) else 0)
    for index, pair in enumerate(pairs):
        y = top + index * row_height
        sheet.words.append(Words(_MARGIN_PX, y + tile[1] / 2, str(index + 1), _FONT_PX, True, INK, "lm"))
        for left, picture in zip(lefts, _row(folder, pair, columns, poses, scale), strict=True):
            sheet.pictures.append(Picture(left, y, *picture))
        for left, column in zip(lefts[_GIVEN:], columns, strict=True):
            if not (column.images / f"{pair.id}.png").is_file():
                middle = y + (tile[1] - _SMALL_FONT_PX) / 2
                sheet.words.append(_centred(left + tile[0] / 2, middle, MISSING, tile[0], _PALE_INK))
            if pair.id in column.notes:
                under = y + tile[1] + _NOTE_GAP_PX
                sheet.words.append(_centred(left + tile[0] / 2, under, column.notes[pair.id], tile[0], _FAINT_INK))
    end = top + len(pairs) * row_height + _GAP_PX
    lines = _wrapped(caption, total_width - 2 * _MARGIN_PX)
    for index, line in enumerate(lines):
        sheet.words.append(Words(_MARGIN_PX, end + index * _LINE_PX, line, _SMALL_FONT_PX, False, INK, "la"))
    write = write_pdf if path.suffix == ".pdf" else write_png
    write(path, sheet, (total_width, end + len(lines) * _LINE_PX + _MARGIN_PX))


def _head(sheet: Sheet, lefts: Sequence[int], width_px: int, columns: Sequence[GridColumn]) -> int:
    """Write titles and subtitles over the columns; where the rows begin, in pixels from the top."""
    headings = [("reference", ""), ("target pose", ""), ("target", ""), *((c.title, c.subtitle) for c in columns)]
    title_lines = max(len(_title_lines(title)) for title, _ in headings)
    for left, (title, subtitle) in zip(lefts, headings, strict=True):
        middle, lines = left + width_px / 2, _title_lines(title)
        for place, line in enumerate(lines, title_lines - len(lines)):
            sheet.words.append(_centred(middle, _MARGIN_PX + place * _LINE_PX, line, width_px, INK, bold=True))
        sheet.words.append(_centred(middle, _MARGIN_PX + title_lines * _LINE_PX, subtitle, width_px, _FAINT_INK))
    return _MARGIN_PX + (title_lines + 1) * _LINE_PX + _GAP_PX


def _title_lines(title: str) -> list[str]:
    """A wrapper's title in two lines, its inner method below: in one it would have to shrink."""
    return title.replace(" (", "\n(").split("\n")


def _lefts(methods: int, tile_width_px: int) -> list[int]:
    """Left edges of the columns; a wider gap sets the methods apart from what they were given."""
    start = _MARGIN_PX + _NUMBER_WIDTH_PX
    return [
        start + index * (tile_width_px + _GAP_PX) + (_PART_GAP_PX if index >= _GIVEN else 0)
        for index in range(_GIVEN + methods)
    ]


def _row(
    folder: Path, pair: Pair, columns: Sequence[GridColumn], poses: Poses, scale: int
) -> list[tuple[np.ndarray, int]]:
    """The row's pictures, each with how many times it is enlarged."""
    if pair.target not in poses.joints:
        raise UserError(
            f"{folder / 'poses.json'} has no pose of {pair.target}. Run the same `bench run` again; it writes it"
        )
    return [
        (_frame(folder, pair.reference, poses), scale),
        (np.asarray(pose_image(poses.joints[pair.target], poses, scale)), 1),
        (_frame(folder, pair.target, poses), scale),
        *((_made(column.images / f"{pair.id}.png", poses), scale) for column in columns),
    ]


def _frame(folder: Path, frame_id: str, poses: Poses) -> np.ndarray:
    return read_image(folder / "frames" / f"{frame_id.replace('/', '_')}.png", poses.size_px)


def _made(path: Path, poses: Poses) -> np.ndarray:
    """A method's image; an empty one where it is missing."""
    return read_image(path, poses.size_px) if path.is_file() else np.full((*poses.size_px, 3), _CANVAS, np.uint8)


def _centred(x: float, y: float, words: str, width_px: int, colour: tuple[int, int, int], bold: bool = False) -> Words:
    """Words centred at x, smaller where they do not fit the width; what still does not is cut with an ellipsis."""
    size_px = _FONT_PX if bold else _SMALL_FONT_PX
    if font(size_px, bold).getlength(words) > width_px:
        size_px = _LEAST_FONT_PX
    shown, drawn = words, font(size_px, bold)
    while shown and drawn.getlength(shown) > width_px:
        shown = shown.removesuffix("…")[:-1].rstrip() + "…" if len(shown) > 1 else ""
    return Words(x, y, shown, size_px, bold, colour, "ma")


def _wrapped(paragraphs: Sequence[str], width_px: int) -> list[str]:
    widest = font(_SMALL_FONT_PX, False).getlength("abcdefghijklmnopqrstuvwxyz0123456789") / 36
    columns = max(20, int(width_px / widest))
    return [line for words in paragraphs for line in textwrap.wrap(words, columns, break_on_hyphens=False)]
