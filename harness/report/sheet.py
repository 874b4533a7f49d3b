"""A sheet of pictures and words at pixel places, written as PNG, pixel for pixel, or as PDF with text that stays text.

A picture is kept at its own size and enlarged by a whole number with nearest neighbour, so that every pixel is seen as
it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from harness.images import write_png as write_image

BACKGROUND = (255, 255, 255)
INK = (25, 25, 28)


class Picture(NamedTuple):
    """left, top: pixels. image: (H, W, 3) uint8, drawn `scale` times as large."""

    left: int
    top: int
    image: np.ndarray
    scale: int


class Words(NamedTuple):
    """A line of text. x, y: pixels; anchor: what of it stands there, `la` left and top, `ma` middle and top, `lm`."""

    x: float
    y: float
    text: str
    size_px: int
    bold: bool
    colour: tuple[int, int, int]
    anchor: Literal["la", "ma", "lm"]


@dataclass
class Sheet:
    """What is to be drawn; later pictures and words cover earlier ones."""

    pictures: list[Picture] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def font_path(bold: bool) -> Path:
    """DejaVu Sans, which comes with matplotlib: the same letters on every machine."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


def font(size_px: int, bold: bool):
    """The font as Pillow draws and measures it."""
    from PIL import ImageFont

    return ImageFont.truetype(str(font_path(bold)), size_px)


def write_png(path: Path, sheet: Sheet, size_px: tuple[int, int]) -> None:
    """Write the sheet of (width, height) pixels as a PNG. The same sheet gives the same bytes under the same Pillow."""
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", size_px, BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for picture in sheet.pictures:
        enlarged = picture.image.repeat(picture.scale, axis=0).repeat(picture.scale, axis=1)
        canvas.paste(Image.fromarray(enlarged), (picture.left, picture.top))
    for words in sheet.words:
        draw.text(
            (words.x, words.y), words.text, fill=words.colour, font=font(words.size_px, words.bold), anchor=words.anchor
        )
    write_image(path, np.asarray(canvas))


def write_pdf(path: Path, sheet: Sheet, size_px: tuple[int, int]) -> None:
    """Write the sheet as a PDF page of one point a pixel. The same sheet gives the same bytes (same matplotlib)."""
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    import harness.report.style as style

    width, height = size_px
    points_an_inch = 72
    with style.house():
        figure = Figure((width / points_an_inch, height / points_an_inch), dpi=points_an_inch)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        for left, top, image, scale in sheet.pictures:
            bottom, right = top + image.shape[0] * scale, left + image.shape[1] * scale
            axes.imshow(image, extent=(left, right, bottom, top), interpolation="none", aspect="auto")
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        for words in sheet.words:
            across, up = {"l": "left", "m": "center"}[words.anchor[0]], {"a": "top", "m": "center"}[words.anchor[1]]
            properties = FontProperties(fname=str(font_path(words.bold)), size=words.size_px)
            colour = tuple(part / 255 for part in words.colour)
            axes.text(
                words.x,
                words.y,
                words.text,
                color=colour,
                fontproperties=properties,
                ha=across,
                va=up,
                parse_math=False,
            )
    style.save(figure, path)
