"""Where people are rendered: cluttered rooms, streets and fields, and a television programme beside a signer.

A place is an (H, W, 3) uint8 picture, drawn once by seed. Its ground begins at `HORIZON` of its height.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from harness.rendered.textures import Colour

HORIZON = 0.62
"""Share of the height above the ground's far edge."""

_RAYS = 2  # places are drawn this much larger, then reduced: smooth edges
_BLOTCH_PX, _BLOTCH_STRENGTH, _GRAIN_STRENGTH = 24, 4.5, 4.0
_BLUR_PX = 0.6  # cameras focus on the person


class _Sketch:
    """A drawing in shares of the picture's width and height."""

    def __init__(self, random: np.random.Generator, size_px: tuple[int, int]):
        self.random = random
        self.height, self.width = size_px[0] * _RAYS, size_px[1] * _RAYS
        self.image = Image.new("RGB", (self.width, self.height))
        self._canvas = ImageDraw.Draw(self.image)

    def _pixels(self, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * self.width, y * self.height) for x, y in points]

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self._canvas.rectangle(self._pixels([(x0, y0), (max(x0, x1), max(y0, y1))]), fill=_whole(colour))

    def oval(self, x: float, y: float, half_x: float, half_y: float, colour: Colour) -> None:
        self._canvas.ellipse(self._pixels([(x - half_x, y - half_y), (x + half_x, y + half_y)]), fill=_whole(colour))

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        self._canvas.polygon(self._pixels(points), fill=_whole(colour))

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width_px: float = 1) -> None:
        self._canvas.line(self._pixels(points), fill=_whole(colour), width=max(1, round(width_px * _RAYS)))

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """Rows from y0 to y1, from one colour to another."""
        first, last = round(y0 * self.height), round(y1 * self.height)
        share = np.linspace(0, 1, max(1, last - first))[:, None, None]
        rows = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
        band = np.broadcast_to(rows, (len(share), self.width, 3)).round().astype(np.uint8)
        self.image.paste(Image.fromarray(np.ascontiguousarray(band)), (0, first))

    def colour(self, low: float = 40, high: float = 220, spread: float = 45) -> Colour:
        """A muted colour: a grey, tinted."""
        grey = self.random.uniform(low, high)
        return tuple(np.clip(grey + self.random.uniform(-spread, spread, 3), 0, 255).tolist())

    def finished(self) -> np.ndarray:
        """The picture at its own size, with blotches, grain and a little blur."""
        small = self.image.reduce(_RAYS).filter(ImageFilter.GaussianBlur(_BLUR_PX))
        array = np.asarray(small, np.float32)
        height, width = array.shape[:2]
        cells = (height // _BLOTCH_PX + 2, width // _BLOTCH_PX + 2)
        blotches = Image.fromarray(self.random.normal(0, 1, cells).astype(np.float32))
        blotches = blotches.resize((width, height), Image.Resampling.BICUBIC)
        grain = self.random.normal(0, 1, (height, width)).astype(np.float32)
        array = array + (_BLOTCH_STRENGTH * np.asarray(blotches) + _GRAIN_STRENGTH * grain)[..., None]
        return np.clip(np.rint(array), 0, 255).astype(np.uint8)


def _whole(colour: Colour) -> tuple[int, int, int]:
    return tuple(int(np.clip(round(channel), 0, 255)) for channel in colour)


def _shaded(colour: Colour, factor: float) -> Colour:
    return tuple(factor * channel for channel in colour)


def _room(sketch: _Sketch) -> None:
    random = sketch.random
    wall, floor = sketch.colour(110, 215, 25), sketch.colour(70, 160, 35)
    sketch.gradient(0, HORIZON, _shaded(wall, 1.06), _shaded(wall, 0.9))
    if random.random() < 0.6:  # wallpaper
        step = random.uniform(0.02, 0.06)
        for x in np.arange(0, 1, step):
            sketch.box(x, 0, x + step / 3, HORIZON, _shaded(wall, 0.93))
    _boards(sketch, floor)
    sketch.box(0, HORIZON - 0.025, 1, HORIZON, _shaded(wall, 1.2))
    for _ in range(random.integers(2, 5)):  # pictures, windows, posters
        x, y = random.uniform(0, 0.85), random.uniform(0.03, 0.3)
        w, h = random.uniform(0.07, 0.18), random.uniform(0.1, 0.22)
        sketch.box(x, y, x + w, y + h, sketch.colour(30, 90, 15))
        sketch.box(x + 0.01, y + 0.012, x + w - 0.01, y + h - 0.012, sketch.colour())
        sketch.oval(x + w / 2, y + h / 2, w / 4, h / 4, sketch.colour())
    _shelf(sketch, random.uniform(0, 0.75))
    for _ in range(random.integers(1, 4)):  # furniture against the wall
        x, w, h = random.uniform(-0.1, 0.85), random.uniform(0.12, 0.3), random.uniform(0.08, 0.24)
        base = HORIZON + random.uniform(0.0, 0.05)
        colour = sketch.colour(40, 170)
        sketch.box(x, base - h, x + w, base, colour)
        sketch.box(x, base - h, x + w, base - h + 0.02, _shaded(colour, 1.25))
        sketch.box(x, base - h * 0.35, x + w, base - h * 0.33, _shaded(colour, 0.7))
        shadow = [(x, base), (x + w, base), (x + w - 0.03, base + 0.025), (x + 0.03, base + 0.025)]
        sketch.polygon(shadow, _shaded(floor, 0.6))


def _boards(sketch: _Sketch, floor: Colour) -> None:
    """A floor whose joints meet at the horizon's middle."""
    sketch.gradient(HORIZON, 1, _shaded(floor, 0.85), _shaded(floor, 1.1))
    middle = sketch.random.uniform(0.3, 0.7)
    for x in np.linspace(-1.2, 2.2, 26):
        sketch.line([(middle + (x - middle) * 0.4, HORIZON), (x, 1)], _shaded(floor, 0.75), 0.6)


def _shelf(sketch: _Sketch, x: float) -> None:
    """A board of books."""
    random = sketch.random
    for y in (0.22, 0.38, 0.54)[: random.integers(1, 4)]:
        right = x + random.uniform(0.15, 0.3)
        at = x
        while at < right:
            w, h = random.uniform(0.008, 0.022), random.uniform(0.07, 0.12)
            sketch.box(at, y - h, at + w, y, sketch.colour(40, 200, 60))
            at += w
        sketch.box(x - 0.01, y, right + 0.015, y + 0.014, (104, 78, 52))


def _street(sketch: _Sketch) -> None:
    random = sketch.random
    sketch.gradient(0, HORIZON, (168, 194, 222), (216, 222, 226))
    x = -0.1
    while x < 1:  # houses
        w, top = random.uniform(0.15, 0.34), random.uniform(-0.1, 0.28)
        wall = sketch.colour(100, 200, 16)
        sketch.box(x, top, x + w, HORIZON, wall)
        _windows(sketch, (x, top, w, HORIZON - top), (int(random.integers(2, 6)), int(random.integers(3, 6))))
        x += w
    for _ in range(random.integers(1, 4)):
        _tree(sketch, random.uniform(0, 1), HORIZON + 0.02, random.uniform(0.12, 0.3))
    road = sketch.colour(95, 150, 8)
    sketch.gradient(HORIZON, 1, _shaded(road, 0.92), _shaded(road, 1.08))
    for y in HORIZON + (1 - HORIZON) * np.array([0.06, 0.2, 0.45, 0.8]):  # paving
        sketch.line([(0, y), (1, y)], _shaded(road, 0.82), 0.7)
    for x in np.linspace(-1, 2, 14):
        sketch.line([(0.5 + (x - 0.5) * 0.5, HORIZON), (x, 1)], _shaded(road, 0.85), 0.6)
    for _ in range(random.integers(1, 4)):
        _car(sketch, random.uniform(-0.1, 0.9), HORIZON + random.uniform(0.0, 0.04))


def _windows(sketch: _Sketch, house: tuple[float, float, float, float], grid: tuple[int, int]) -> None:
    """house: x, y, width, height. grid: columns, rows."""
    (x, y, w, h), (columns, rows) = house, grid
    glass = sketch.colour(40, 110, 20)
    for column in range(columns):
        for row in range(rows):
            left, top = x + w * (column + 0.25) / columns, y + h * (row + 0.2) / rows
            pane = _shaded(glass, sketch.random.uniform(0.8, 1.3))
            sketch.box(left, top, left + 0.5 * w / columns, top + 0.5 * h / rows, pane)


def _tree(sketch: _Sketch, x: float, base: float, size: float) -> None:
    random = sketch.random
    sketch.box(x - 0.012, base - size, x + 0.012, base, (84, 64, 46))
    for _ in range(24):
        dx, dy = random.normal(0, size * 0.3), random.normal(0, size * 0.28)
        green = (random.uniform(40, 95), random.uniform(80, 140), random.uniform(35, 70))
        sketch.oval(x + dx, base - 1.2 * size + dy, size * 0.17, size * 0.17, green)


def _car(sketch: _Sketch, x: float, base: float) -> None:
    paint, w, h = sketch.colour(40, 220, 60), sketch.random.uniform(0.18, 0.28), 0.07
    sketch.box(x, base - h, x + w, base - 0.012, paint)
    roof, hood = base - 1.9 * h, base - h
    cabin = [(x + 0.15 * w, hood), (x + 0.3 * w, roof), (x + 0.7 * w, roof), (x + 0.88 * w, hood)]
    sketch.polygon(cabin, _shaded(paint, 0.5))
    for wheel in (0.2, 0.8):
        sketch.oval(x + wheel * w, base - 0.01, 0.022, 0.028, (26, 26, 28))


def _field(sketch: _Sketch) -> None:
    random = sketch.random
    sketch.gradient(0, HORIZON, (140, 180, 224), (222, 230, 234))
    for _ in range(5):  # clouds
        x, y, half_x, half_y = (random.uniform(*r) for r in ((0, 1), (0, 0.25), (0.1, 0.25), (0.02, 0.05)))
        sketch.oval(x, y, half_x, half_y, (236, 238, 240))
    for _ in range(70):  # a wood
        green = (random.uniform(30, 85), random.uniform(65, 120), random.uniform(30, 60))
        size = random.uniform(0.04, 0.12)
        sketch.oval(random.uniform(0, 1), HORIZON - random.uniform(0.02, 0.2), 0.6 * size, size, green)
    grass = (random.uniform(75, 110), random.uniform(125, 155), random.uniform(50, 80))
    sketch.gradient(HORIZON, 1, _shaded(grass, 0.88), _shaded(grass, 1.05))
    for x in np.linspace(-1, 2, 13)[::2]:  # mown both ways
        near, far = (x, x + 0.25), (0.5 + (x - 0.5) * 0.45, 0.5 + (x - 0.25) * 0.45)
        sketch.polygon([(far[0], HORIZON), (far[1], HORIZON), (near[1], 1), (near[0], 1)], _shaded(grass, 1.08))
    if random.random() < 0.7:  # a fence
        rail = sketch.colour(120, 230, 10)
        for y in (0.05, 0.1):
            sketch.line([(0, HORIZON - y), (1, HORIZON - y)], rail, 1.2)
        for x in np.arange(random.uniform(0, 0.08), 1, 0.09):
            sketch.box(x, HORIZON - 0.12, x + 0.008, HORIZON + 0.01, rail)
    if random.random() < 0.5:  # a chalk line
        sketch.line([(0, random.uniform(0.75, 0.95)), (1, random.uniform(0.75, 0.95))], (236, 236, 230), 1.5)
    for _ in range(random.integers(0, 4)):
        _bystander(sketch, random.uniform(0.03, 0.97), HORIZON + random.uniform(0.01, 0.05), random.uniform(0.13, 0.2))


def _bystander(sketch: _Sketch, x: float, base: float, size: float) -> None:
    """A small, far figure, as there are in real clips."""
    thin = 0.1 * size
    sketch.box(x - thin, base - 0.5 * size, x + thin, base, sketch.colour(30, 120))
    sketch.box(x - 1.3 * thin, base - 0.86 * size, x + 1.3 * thin, base - 0.45 * size, sketch.colour(40, 220, 70))
    sketch.oval(x, base - 0.93 * size, 0.8 * thin, 0.08 * size, (206, 160, 128))


def _studio(sketch: _Sketch) -> None:
    """A plain lit backdrop, as behind a signer."""
    colour = sketch.colour(70, 180, 22)
    sketch.gradient(0, 1, _shaded(colour, 1.12), _shaded(colour, 0.85))


_DRAWERS: dict[str, Callable[[_Sketch], None]] = {"room": _room, "street": _street, "field": _field, "studio": _studio}
PLACES = tuple(_DRAWERS)


def draw_place(random: np.random.Generator, kind: str, size_px: tuple[int, int]) -> np.ndarray:
    """A place of a kind, (H, W, 3) uint8."""
    sketch = _Sketch(random, size_px)
    _DRAWERS[kind](sketch)
    return sketch.finished()


_PAN_PX, _SHOT_FRAMES = 3, 16
_MARGIN = 1.6  # of the wide picture a shot pans over


class Programme:
    """What runs on television: shots that pan over streets, fields and rooms, with something crossing them."""

    def __init__(self, random: np.random.Generator, size_px: tuple[int, int], frames: int):
        self._size_px = size_px
        wide = (size_px[0], round(size_px[1] * _MARGIN))
        kinds = ("field", "street", "room")
        self._shots = [
            draw_place(random, kinds[random.integers(len(kinds))], wide) for _ in range(-(-frames // _SHOT_FRAMES))
        ]
        self._pans = random.choice([-1, 1], len(self._shots))
        self._crossing = [_whole(random.uniform(60, 130) + random.uniform(-50, 50, 3)) for _ in self._shots]

    def frame(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 of a frame, from 0."""
        height, width = self._size_px
        shot, step = divmod(number, _SHOT_FRAMES)
        picture = self._shots[shot]
        travel = min(_PAN_PX * step, picture.shape[1] - width)
        left = travel if self._pans[shot] > 0 else picture.shape[1] - width - travel
        image = Image.fromarray(picture[:, left : left + width])
        x = width * (1.1 - 1.5 * step / _SHOT_FRAMES)
        canvas = ImageDraw.Draw(image)
        _draw_bus(canvas, (x, 0.58 * height), (0.36 * width, 0.2 * height), self._crossing[shot])
        return np.asarray(image)


def _draw_bus(
    canvas: ImageDraw.ImageDraw, corner: tuple[float, float], size: tuple[float, float], paint: Colour
) -> None:
    """A bus with its upper left corner and size in pixels."""
    (x, y), (width, height) = corner, size
    canvas.rounded_rectangle((x, y, x + width, y + height), height / 8, fill=paint)
    for window in np.linspace(0.05, 0.8, 5):
        left = x + window * width
        canvas.rectangle((left, y + 0.15 * height, left + 0.13 * width, y + 0.5 * height), fill=(206, 216, 222))
    for wheel in (0.2, 0.78):
        middle, radius = x + wheel * width, 0.17 * height
        canvas.ellipse((middle - radius, y + height - radius, middle + radius, y + height + radius), fill=(24, 24, 26))
