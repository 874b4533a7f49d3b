"""Person masks that a pretrained network finds on the picture: Mask R-CNN and BlazePose.

Each picture is looked at alone, on one CPU thread (or the GPU, where Mask R-CNN finds one), so that its mask depends on
nothing but itself. A segmenter may be called from several threads; it takes one picture at a time.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness import boxes
from harness.arithmetic import exact_float32
from harness.body_mask import middle, named_points
from harness.segmenter import SEGMENTERS, Segmenter, Subject
from harness.weights import WeightStore
from mrnet.skeletons import Skeleton

_PERSON = 1
"""COCO's category."""

_LEAST_SCORE = 0.5
"""Of a person found by Mask R-CNN."""

_LEAST_PROBABILITY = 0.5
"""Of a pixel to be the person's, in both networks' masks."""

_LEAST_SHARE = 0.5
"""Of the joints that must lie on a detected person's mask: hidden limbs and thin ones, of which masks fall short, are
the smaller part of a body."""

_REGION = 1.25
"""Side of BlazePose's square region in longer sides of the person's box: the margin that MediaPipe gives it, and the
best of 1.0, 1.1, 1.25 and 1.5 on the footage."""

_LEAST_PRESENCE = 0.1
"""Of BlazePose's presence. A person is annotated there, so that this only guards against regions that show none: 95 %
of the footage's upper left corners stay below .002. MediaPipe's own .5 would lose 1 of 60 of its frames."""

_BLAZEPOSE_SIDE_PX = 256
_PRESENCE_SHAPE, _MASK_SHAPE = (1, 1), (1, _BLAZEPOSE_SIDE_PX, _BLAZEPOSE_SIDE_PX, 1)
"""By which the network's outputs are told apart."""

_SHOULDERS, _HIPS, _HEAD = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("head",)
_UPWARDS = ((_HIPS, _SHOULDERS), (_HIPS, _HEAD), (_SHOULDERS, _HEAD))
"""From which part of a body to which is up; the first pair that is there counts."""


def choose(masks: np.ndarray, joints: np.ndarray, box: np.ndarray) -> int | None:
    """Which of several found persons is the annotated one: the largest that holds at least half of its joints.

    masks: (N, H, W) bool. joints: (J, 2), pixels, NaN = missing; those outside the picture do not count. Where none is
    left, at least half of a person's mask must lie in the box, (4,) xyxy. None where no person fits.
    """
    height, width = masks.shape[1:]
    areas = masks.sum(axis=(1, 2))
    joints = joints[boxes.inside(joints, (height, width))]
    if len(joints):
        x, y = np.floor(joints + 0.5).astype(int).T
        share = masks[:, y.clip(0, height - 1), x.clip(0, width - 1)].mean(axis=1)
    else:
        left, top, right, bottom = boxes.whole(box[:2], box[2:], (height, width)).astype(int)
        share = masks[:, top:bottom, left:right].sum(axis=(1, 2)) / areas.clip(1)
    fitting = np.flatnonzero((share >= _LEAST_SHARE) & (areas > 0))
    return int(fitting[areas[fitting].argmax()]) if len(fitting) else None


class MaskRCNN(Segmenter):
    """Mask R-CNN, ResNet-50-FPN v2, trained on COCO (He et al., ICCV 2017; torchvision's weights).

    Of the persons it is at least half sure of, the one that `choose` picks; pixels with a probability above one half.
    On a GPU and on a CPU masks may differ by a pixel of their edge here and there.
    """

    card = SEGMENTERS["maskrcnn"]

    def __init__(self, weights: WeightStore, provenance: dict[str, Any]):
        super().__init__(provenance)
        self._weights, self._lock = weights, threading.Lock()

    def mask(self, subject: Subject) -> np.ndarray:
        persons = self.persons(_seen(subject))
        chosen = choose(persons, subject.joints, subject.box)
        return np.zeros(subject.size_px, dtype=np.uint8) if chosen is None else persons[chosen].astype(np.uint8)

    def persons(self, image: np.ndarray) -> np.ndarray:
        """(N, H, W) bool: the masks of the persons found on an (H, W, 3) uint8 RGB image, surest first."""
        import torch

        with self._lock, exact_float32():
            network, device = self._network
            scaled = torch.from_numpy(image.copy()).to(device).movedim(-1, 0).float() / np.iinfo(np.uint8).max
            found = network([scaled])[0]
            wanted = (found["labels"] == _PERSON) & (found["scores"] >= _LEAST_SCORE)
            return (found["masks"][wanted][:, 0] > _LEAST_PROBABILITY).cpu().numpy()

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        """The network and its device. No download: neither of the whole nor of its backbone."""
        import torch
        from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

        (asset,) = self.card.assets
        network = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, box_score_thresh=_LEAST_SCORE)
        network.load_state_dict(self._weights.state_dict(asset), strict=True)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return network.eval().to(device), device


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

    def cut(self, image: np.ndarray) -> np.ndarray:
        """(side, side, 3): that part of an (H, W, 3) image; beyond the picture its edge goes on."""
        rows, columns = (
            (start + np.arange(self.side)).clip(0, length - 1)
            for start, length in zip((self.top, self.left), image.shape[:2], strict=True)
        )
        return np.ascontiguousarray(np.rot90(image[np.ix_(rows, columns)], self.turns))

    def put_back(self, part: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(H, W) uint8 in {0, 1}: a (side, side) bool mask of the region as one of the picture, 0 around the region."""
        height, width = size_px
        upright = np.rot90(part, -self.turns)
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        mask = np.zeros(size_px, dtype=np.uint8)
        mask[top:bottom, left:right] = upright[top - self.top : bottom - self.top, left - self.left : right - self.left]
        return mask


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


class BlazePose(Segmenter):
    """The person mask of BlazePose's landmark model, full (Bazarevsky et al., arXiv:2006.10204; MediaPipe's weights).

    It sees a square around the person's box at 256×256, turned by quarters until the body is nearest to upright: people
    who lie or stand on their hands it mostly does not take for people. Where another person stands in the square, the
    mask may hold them too.
    """

    card = SEGMENTERS["blazepose"]

    def __init__(self, weights: WeightStore, provenance: dict[str, Any]):
        super().__init__(provenance)
        self._weights, self._lock = weights, threading.Lock()

    def mask(self, subject: Subject) -> np.ndarray:
        from PIL import Image

        image, size_px = _seen(subject), subject.size_px
        whole = boxes.whole(subject.box[:2], subject.box[2:], size_px)
        region = Region.around(whole, quarter_turns(subject.joints, subject.skeleton))
        side = (_BLAZEPOSE_SIDE_PX, _BLAZEPOSE_SIDE_PX)
        part = Image.fromarray(region.cut(image)).resize(side, Image.Resampling.BILINEAR)
        presence, logits = self._run(np.asarray(part, dtype=np.float32) / np.iinfo(np.uint8).max)
        if presence < _LEAST_PRESENCE:
            return np.zeros(size_px, dtype=np.uint8)
        resized = Image.fromarray(logits).resize((region.side, region.side), Image.Resampling.BILINEAR)
        return region.put_back(np.asarray(resized) > _logit(_LEAST_PROBABILITY), size_px)

    def _run(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """Presence in [0, 1] and mask logits (256, 256) of a (256, 256, 3) float32 image in [0, 1]."""
        with self._lock:  # an interpreter has one set of tensors
            network = self._network
            network.set_tensor(network.get_input_details()[0]["index"], image[None])
            network.invoke()
            found = {
                tuple(output["shape"]): network.get_tensor(output["index"]) for output in network.get_output_details()
            }
        return float(found[_PRESENCE_SHAPE][0, 0]), found[_MASK_SHAPE][0, :, :, 0]

    @cached_property
    def _network(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        (asset,) = self.card.assets
        network = Interpreter(model_path=str(self._weights.path(asset)), num_threads=1)
        network.allocate_tensors()
        return network


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _seen(subject: Subject) -> np.ndarray:
    """The picture, (H, W, 3) uint8, of the size that joints and box refer to; ValueError for none or another."""
    image = subject.image
    if image is None or image.shape != (*subject.size_px, 3) or image.dtype != np.uint8:
        found = None if image is None else (image.shape, image.dtype)
        raise ValueError(f"expected an image of {tuple(subject.size_px)}, (H, W, 3) uint8, got {found}")
    return image
