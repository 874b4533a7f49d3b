"""Person masks that a pretrained network finds on the picture: Mask R-CNN and BlazePose.

Each picture is looked at alone, on one CPU thread (or the GPU, where Mask R-CNN finds one), so that its mask depends on
nothing but itself. A segmenter may be called from several threads; Mask R-CNN takes one picture at a time.
"""

from __future__ import annotations

import math
import threading
from functools import cached_property
from typing import Any

import numpy as np

from harness import boxes
from harness.arithmetic import exact_float32
from harness.blazepose import LEAST_PRESENCE, Landmarks, Region
from harness.segmenter import SEGMENTERS, Segmenter, Subject
from harness.weights import WeightStore

_PERSON = 1
"""COCO's category."""

_LEAST_SCORE = 0.5
"""Of a person found by Mask R-CNN."""

_LEAST_PROBABILITY = 0.5
"""Of a pixel to be the person's, in both networks' masks."""

_LEAST_SHARE = 0.5
"""Of the joints that must lie on a detected person's mask: hidden limbs and thin ones, of which masks fall short, are
the smaller part of a body."""


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
        persons = self.persons(subject.seen())
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


class BlazePose(Segmenter):
    """The person mask of BlazePose's landmark model, full (Bazarevsky et al., arXiv:2006.10204; MediaPipe's weights).

    What it sees, `harness.blazepose` tells. Where another person stands in the square, the mask may hold them too.
    """

    card = SEGMENTERS["blazepose"]

    def __init__(self, weights: WeightStore, provenance: dict[str, Any]):
        super().__init__(provenance)
        self._weights = weights

    def mask(self, subject: Subject) -> np.ndarray:
        from PIL import Image

        region = Region.of(subject)
        presence, logits = self._run(region.shown(subject.seen()))
        if presence < LEAST_PRESENCE:
            return np.zeros(subject.size_px, dtype=np.uint8)
        resized = Image.fromarray(logits).resize((region.side, region.side), Image.Resampling.BILINEAR)
        return region.put_back(np.asarray(resized) > _logit(_LEAST_PROBABILITY), subject.size_px)

    def _run(self, square: np.ndarray) -> tuple[float, np.ndarray]:
        """Presence in [0, 1] and mask logits (256, 256) of a (256, 256, 3) float32 image in [0, 1]."""
        seen = self._network(square)
        return seen.presence, seen.logits

    @cached_property
    def _network(self) -> Landmarks:
        (asset,) = self.card.assets
        return Landmarks(self._weights.path(asset))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
