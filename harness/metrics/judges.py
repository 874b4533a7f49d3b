"""Judges of pose: pretrained networks that find a person's joints on a generated image.

The place to look at is the target's box and way up, the same for every method. Each picture is looked at alone, on one
CPU thread (or, keypoint R-CNN, a GPU), and judges may be called from several threads: no number depends on how many.

How far a judge can be trusted is what it says of real targets, the ceiling of every method. BlazePose on every 12th of
the footage's 491 frames, resized from the source to each size; a copy is the frame half a clip away:

| px | image | PCK@0.1 | PCK@0.2 | PCKh@0.5 | OKS | score |
|--:|---|--:|--:|--:|--:|--:|
| 128 | real target | .88 | .95 | .76 | .85 | .98 |
| 128 | copy | .30 | .63 | .10 | .37 | .90 |
| 128 | mean of the footage, noise | 0 | 0 | 0 | 0 | 0 |
| 64 | real target | .77 | .88 | .61 | .74 | .97 |
| 64 | copy | .25 | .59 | .08 | .34 | .85 |
| 64 | mean of the footage, noise | 0 | 0 | 0 | 0 | 0 |

The footage's joints began as BlazePose's own and were corrected by hand and geometry, mostly where it had swapped the
body's sides. It still swaps them: with each swapped body turned back, PCK@0.2 of the real targets would be .98 at
128 px and .94 at 64 px. Keypoint R-CNN is not measured.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from harness import boxes
from harness.arithmetic import exact_float32
from harness.blazepose import LEAST_PRESENCE, Landmarks, Region
from harness.errors import unknown
from harness.metrics.pose import Correspondence, Found, PoseScores, box_measures, pose_scores
from harness.segmenter import Subject
from harness.weights import WeightStore
from mrnet.skeletons import BLAZEPOSE33, COCO17, Skeleton

_PERSON = 1
"""COCO's category."""

_LEAST_SCORE = 0.5
"""Of a person found by keypoint R-CNN, as for the masks of Mask R-CNN."""


@dataclass(frozen=True)
class JudgeCard:
    """Plain data about a judge.

    title: one line for tables and footers. version: raised when the same image gives other joints.
    assets: names in `harness.assets` of its pretrained networks. landmarks: the names of what it finds.
    annotated: the datasets whose joints began as its own, where it judges in its own cause; reports say so.
    """

    name: str
    title: str
    version: int
    assets: tuple[str, ...]
    landmarks: tuple[str, ...]
    annotated: tuple[str, ...] = ()

    def correspondence(self, skeleton: Skeleton) -> Correspondence:
        """Which of the skeleton's joints it can tell, and why not the others."""
        return Correspondence.between(skeleton, self.landmarks)


_CARDS = (
    JudgeCard(
        "blazepose", "BlazePose, full, on the target's box", version=1, assets=("blazepose",),
        landmarks=BLAZEPOSE33.joints, annotated=("footage",),
    ),
    JudgeCard(
        "keypoint_rcnn", "keypoint R-CNN (ResNet-50-FPN, COCO)", version=1, assets=("keypoint_rcnn",),
        landmarks=COCO17.joints,
    ),
)  # fmt: skip

JUDGES: dict[str, JudgeCard] = {card.name: card for card in _CARDS}
"""Every judge's card by its name."""


class Judge(ABC):
    """Finds the joints of the person on an image. No network is loaded before the first image."""

    card: ClassVar[JudgeCard]

    @abstractmethod
    def find(self, subject: Subject) -> Found:
        """The person in the subject's box; of its joints only the way up is used. ValueError for no or another image.

        subject: the generated image with the target's joints and box. May be called from several threads.
        """

    def scores(self, subject: Subject) -> PoseScores:
        """How well the person on the image meets the subject's joints, those outside the picture left out.

        Raises UserError for a box that is not finite or has no area, ValueError for no image or one of another size.
        """
        box_measures(subject.box)  # before it decides where to look
        on_picture = boxes.inside(subject.joints, subject.size_px)[:, None]
        wanted = np.where(on_picture, subject.joints, np.nan)
        return pose_scores(self.find(subject), wanted, subject.box, self.card.correspondence(subject.skeleton))


class BlazePoseJudge(Judge):
    """BlazePose's landmarks in the target's box (`harness.blazepose`); all of them, also those it guesses hidden.

    The detection score is its presence. On the CPU always: 10 to 20 ms an image.
    """

    card = JUDGES["blazepose"]

    def __init__(self, weights: WeightStore):
        self._weights = weights

    def find(self, subject: Subject) -> Found:
        region = Region.of(subject)
        seen = self._network(region.shown(subject.seen()))
        if seen.presence < LEAST_PRESENCE:
            return Found({}, seen.presence)
        points = region.points_back(seen.landmarks)
        return Found(dict(zip(self.card.landmarks, points, strict=True)), seen.presence)

    @cached_property
    def _network(self) -> Landmarks:
        (asset,) = self.card.assets
        return Landmarks(self._weights.path(asset))


class KeypointRCNN(Judge):
    """Keypoint R-CNN (He et al., ICCV 2017; torchvision's weights and defaults: the image's shorter side at 800 px).

    Of the persons it is at least half sure of, the one whose box overlaps the target's best (intersection over union);
    nobody, with score 0, where none overlaps. The detection score is that person's. Joints are where torchvision puts
    them, up to half a pixel from pixel centres. On a CPU seconds an image; on a GPU last bits differ from a CPU's.
    device: "cpu", "cuda", ….
    """

    card = JUDGES["keypoint_rcnn"]

    def __init__(self, weights: WeightStore, device: str):
        self._weights, self._device, self._lock = weights, device, threading.Lock()

    def find(self, subject: Subject) -> Found:
        import torch

        with self._lock, exact_float32():  # torch's settings are the process's
            image = torch.from_numpy(subject.seen().copy()).to(self._device)
            scaled = image.movedim(-1, 0).float() / np.iinfo(np.uint8).max
            found = {name: value.cpu().numpy() for name, value in self._network([scaled])[0].items()}
        persons = (found["labels"] == _PERSON) & (found["scores"] >= _LEAST_SCORE)
        chosen = best_overlap(found["boxes"][persons], subject.box)
        if chosen is None:
            return Found({}, 0.0)
        points = found["keypoints"][persons][chosen, :, :2].astype(np.float64)
        return Found(dict(zip(self.card.landmarks, points, strict=True)), float(found["scores"][persons][chosen]))

    @cached_property
    def _network(self) -> Any:
        """No download: neither of the whole nor of its backbone."""
        from torchvision.models.detection import keypointrcnn_resnet50_fpn

        (asset,) = self.card.assets
        network = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None, box_score_thresh=_LEAST_SCORE)
        network.load_state_dict(self._weights.state_dict(asset), strict=True)
        return network.eval().to(self._device)


def best_overlap(found: np.ndarray, box: np.ndarray) -> int | None:
    """Which of (N, 4) xyxy boxes has the greatest intersection over union with a (4,) box; None where none meets it."""
    found, box = np.asarray(found, dtype=np.float64), np.asarray(box, dtype=np.float64)
    if not len(found):
        return None
    sides = np.minimum(found[:, 2:], box[2:]) - np.maximum(found[:, :2], box[:2])
    shared = sides.clip(min=0).prod(axis=1)
    overlaps = shared / ((found[:, 2:] - found[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - shared)
    best = int(overlaps.argmax())
    return best if overlaps[best] > 0 else None


def card(name: str) -> JudgeCard:
    """The card of the judge called `name`; UserError with did-you-mean otherwise."""
    if name not in JUDGES:
        raise unknown("judge", name, JUDGES)
    return JUDGES[name]


def build(name: str, weights: WeightStore, device: str = "cpu") -> Judge:
    """The judge called `name`; `device` is keypoint R-CNN's alone.

    UserError for an unknown name, and for weights that are missing or damaged, with the command that fetches them.
    """
    weights.require(card(name).assets)
    return BlazePoseJudge(weights) if name == BlazePoseJudge.card.name else KeypointRCNN(weights, device)
