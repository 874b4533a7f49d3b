"""BlazePose's landmark network, full (Bazarevsky et al., arXiv:2006.10204; MediaPipe's weights, LiteRT), and its view.

It sees a square around a person's box at 256×256, turned by quarters until the body is nearest to upright: people who
lie or stand on their hands it mostly does not take for people. Masks and the pose judge share it.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import boxes
from harness.body_mask import middle, named_points
from harness.segmenter import Subject
from mrnet.skeletons import BLAZEPOSE33, Skeleton

LEAST_PRESENCE = 0.1
"""Of BlazePose's presence. A person is annotated there, so that this only guards against regions that show none: 95 %
of the footage's upper left corners stay below .002. MediaPipe's own .5 would lose 1 of 60 of its frames."""

SIDE_PX = 256
"""Of the square that the network sees."""

_REGION = 1.25
"""Side of BlazePose's square region in longer sides of the person's box: the margin that MediaPipe gives it, and the
best of 1.0, 1.1, 1.25 and 1.5 on the footage."""

_LANDMARKS, _VALUES = 39, 5
"""Six more than are named, which place the next frame's region; x, y, z, visibility and presence of each."""

_PRESENCE_SHAPE, _MASK_SHAPE = (1, 1), (1, SIDE_PX, SIDE_PX, 1)
_LANDMARKS_SHAPE = (1, _LANDMARKS * _VALUES)
"""By which the network's outputs are told apart."""

_SHOULDERS, _HIPS, _HEAD = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("head",)
_UPWARDS = ((_HIPS, _SHOULDERS), (_HIPS, _HEAD), (_SHOULDERS, _HEAD))
"""From which part of a body to which is up; the first pair that is there counts."""


@dataclass(frozen=True)
class Region:
    """A square part of a picture, turned upright; may reach beyond the picture.

    left, top, side: whole pixels. turns: quarter turns, counter-clockwise, that bring it upright.
    """

    left: int
    top: int
    side: int
    turns: int

    @classmethod
    def around(cls, box: np.ndarray, turns: int) -> Region:
        """The region around a person's box, (4,) xyxy in pixels."""
        left, top, right, bottom = (float(edge) for edge in box)
        side = math.ceil(_REGION * max(right - left, bottom - top))
        return cls(round((left + right - side) / 2), round((top + bottom - side) / 2), side, turns)

    @classmethod
    def of(cls, subject: Subject) -> Region:
        """The region that shows an annotated person, turned as their joints say."""
        whole = boxes.whole(subject.box[:2], subject.box[2:], subject.size_px)
        return cls.around(whole, quarter_turns(subject.joints, subject.skeleton))

    def cut(self, image: np.ndarray) -> np.ndarray:
        """(side, side, 3): that part of an (H, W, 3) image; beyond the picture its edge goes on."""
        rows, columns = (
            (start + np.arange(self.side)).clip(0, length - 1)
            for start, length in zip((self.top, self.left), image.shape[:2], strict=True)
        )
        return np.ascontiguousarray(np.rot90(image[np.ix_(rows, columns)], self.turns))

    def shown(self, image: np.ndarray) -> np.ndarray:
        """(256, 256, 3) float32 in [0, 1]: what the network sees of an (H, W, 3) uint8 image."""
        from PIL import Image

        part = Image.fromarray(self.cut(image)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)
        return np.asarray(part, dtype=np.float32) / np.iinfo(np.uint8).max

    def put_back(self, part: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(H, W) uint8 in {0, 1}: a (side, side) bool mask of the region as one of the picture, 0 around the region."""
        height, width = size_px
        upright = np.rot90(part, -self.turns)
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        mask = np.zeros(size_px, dtype=np.uint8)
        mask[top:bottom, left:right] = upright[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return mask

    def points_back(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) float64 pixels of the picture, 0-based pixel centres, of points of what the network sees.

        points: (N, 2), (x, y) from 0 to 256, edge to edge of the square, as MediaPipe reads them.
        """
        x, y = np.asarray(points, dtype=np.float64).T * (self.side / SIDE_PX)
        for _ in range(self.turns):  # undo `numpy.rot90`, by which x' = y and y' = side - x
            x, y = self.side - y, x
        return np.stack([x + self.left, y + self.top], axis=1) - 0.5


def quarter_turns(joints: np.ndarray, skeleton: Skeleton) -> int:
    """Quarter turns, counter-clockwise as `numpy.rot90` counts, that bring a body nearest to upright; 0 if unknown.

    joints: (J, 2), (x, y) in pixels, y downwards, NaN = missing.
    """
    points = named_points(joints, skeleton)
    for below, above in _UPWARDS:
        start, end = middle(points, *below), middle(points, *above)
        if start is not None and end is not None:
            x, y = end - start
            if abs(y) >= abs(x):
                return 0 if y <= 0 else 2
            return 1 if x > 0 else 3
    return 0


@dataclass(frozen=True)
class Seen:
    """What the network tells of a square.

    presence: in [0, 1], how surely a person is there. landmarks: (33, 2) float64, (x, y) from 0 to 256, edge to edge,
    of BLAZEPOSE33's joints; always all of them, guessed where hidden. logits: (256, 256) float32 of the person's mask.
    """

    presence: float
    landmarks: np.ndarray
    logits: np.ndarray


class Landmarks:
    """The network; an interpreter a thread, each on one CPU thread, so that no number depends on how many there are."""

    def __init__(self, file: Path):
        self._file, self._threads = file, threading.local()

    def __call__(self, square: np.ndarray) -> Seen:
        """Of a (256, 256, 3) float32 image in [0, 1]."""
        network = self._interpreter()
        network.set_tensor(network.get_input_details()[0]["index"], square[None])
        network.invoke()
        found = {tuple(output["shape"]): network.get_tensor(output["index"]) for output in network.get_output_details()}
        landmarks = found[_LANDMARKS_SHAPE].reshape(_LANDMARKS, _VALUES)[: len(BLAZEPOSE33), :2]
        return Seen(float(found[_PRESENCE_SHAPE][0, 0]), landmarks.astype(np.float64), found[_MASK_SHAPE][0, :, :, 0])

    def _interpreter(self) -> Any:
        if not hasattr(self._threads, "interpreter"):
            from ai_edge_litert.interpreter import Interpreter

            interpreter = Interpreter(model_path=str(self._file), num_threads=1)
            interpreter.allocate_tensors()
            self._threads.interpreter = interpreter
        return self._threads.interpreter
