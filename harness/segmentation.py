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
from harness.segmenter import SEGMENTERS, Segmenter, SegmenterCard, card, provenance
from harness.weights import WeightStore
from mrnet.skeletons import Skeleton

__all__ = ["SEGMENTERS", "Segmenter", "SegmenterCard", "build", "card", "provenance"]


class Joints(Segmenter):
    """A body drawn around the joints (`harness.body_mask`)."""

    card = SEGMENTERS["joints"]

    def mask(
        self,
        image: np.ndarray | None,
        joints: np.ndarray,
        box: np.ndarray,
        skeleton: Skeleton,
        size_px: tuple[int, int],
    ) -> np.ndarray:
        return mask_of_joints(joints, skeleton, size_px)


class Keypoint(Segmenter):
    """The mask most papers of the field use: discs at the joints and bars along the limbs (`methods.encoding`)."""

    card = SEGMENTERS["keypoint"]

    def mask(
        self,
        image: np.ndarray | None,
        joints: np.ndarray,
        box: np.ndarray,
        skeleton: Skeleton,
        size_px: tuple[int, int],
    ) -> np.ndarray:
        import torch

        from methods.encoding import keypoint_mask

        pose = torch.from_numpy(np.asarray(joints, dtype=np.float32)[None])
        return keypoint_mask(pose, skeleton, tuple(size_px))[0, 0].numpy().astype(np.uint8)


class Box(Segmenter):
    """The person's box, filled: its whole pixels inside the picture, at least `harness.boxes.MIN_PX` a side."""

    card = SEGMENTERS["box"]

    def mask(
        self,
        image: np.ndarray | None,
        joints: np.ndarray,
        box: np.ndarray,
        skeleton: Skeleton,
        size_px: tuple[int, int],
    ) -> np.ndarray:
        left, top, right, bottom = boxes.whole(box[:2], box[2:], size_px).astype(int)
        filled = np.zeros(size_px, dtype=np.uint8)
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
