"""Person masks for datasets that ship none: the segmenters by name.

How well they meet the annotated masks of the footage, every 8th of its 491 frames at 128×128 px: intersection over
union, and the time of one picture on one CPU thread:

| segmenter | mean | 5 % of frames below | ms |
|---|--:|--:|--:|
| blazepose | .91 | .80 | 10 |
| joints | .80 | .75 | 0.4 |
| keypoint | .68 | .64 | 2 |
| box | .27 | .19 | 0.1 |
| maskrcnn | not measured | | 6,500 (480×270 px) |

The footage's masks were themselves made with BlazePose and then corrected: its number says that the geometry is right,
not how good it is on other pictures. The mask of BodyROI7 (`methods.encoding.limb_mask`, radius 7) reaches .58.
"""

from __future__ import annotations

import numpy as np

from harness import boxes
from harness.body_mask import mask_of_joints
from harness.segmenter import SEGMENTERS, Segmenter, SegmenterCard, Subject, card, provenance
from harness.weights import WeightStore

__all__ = ["SEGMENTERS", "Segmenter", "SegmenterCard", "Subject", "build", "card", "provenance"]


class Joints(Segmenter):
    """A body drawn around the joints (`harness.body_mask`)."""

    card = SEGMENTERS["joints"]

    def mask(self, subject: Subject) -> np.ndarray:
        return mask_of_joints(subject.joints, subject.skeleton, subject.size_px)


class Keypoint(Segmenter):
    """The mask most papers of the field use: discs at the joints and bars along the limbs (`methods.encoding`)."""

    card = SEGMENTERS["keypoint"]

    def mask(self, subject: Subject) -> np.ndarray:
        import torch

        from methods.encoding import keypoint_mask

        pose = torch.from_numpy(np.asarray(subject.joints, dtype=np.float32)[None])
        return keypoint_mask(pose, subject.skeleton, tuple(subject.size_px))[0, 0].numpy().astype(np.uint8)


class Box(Segmenter):
    """The person's box, filled: its whole pixels inside the picture, at least `harness.boxes.MIN_PX` a side."""

    card = SEGMENTERS["box"]

    def mask(self, subject: Subject) -> np.ndarray:
        left, top, right, bottom = boxes.whole(subject.box[:2], subject.box[2:], subject.size_px).astype(int)
        filled = np.zeros(subject.size_px, dtype=np.uint8)
        filled[top:bottom, left:right] = 1
        return filled


def build(name: str, weights: WeightStore) -> Segmenter:
    """The segmenter called `name`. A network is loaded with the first mask, not before.

    UserError for an unknown name, and for weights that are missing or damaged, with the command that fetches them.
    """
    made_of = provenance(name, weights)
    drawn = {segmenter.card.name: segmenter for segmenter in (Joints, Keypoint, Box)}
    if name in drawn:
        return drawn[name](made_of)
    from harness import neural_masks

    seen = {segmenter.card.name: segmenter for segmenter in (neural_masks.BlazePose, neural_masks.MaskRCNN)}
    return seen[name](weights, made_of)
