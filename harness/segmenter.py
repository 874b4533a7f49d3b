"""What a segmenter is: a way to a person mask where a dataset ships none; its card and its provenance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from harness.errors import unknown
from harness.weights import WeightStore
from mrnet.skeletons import Skeleton


@dataclass(frozen=True)
class SegmenterCard:
    """Plain data about a segmenter.

    title: one line for tables and footers. version: raised when the same inputs give another mask.
    assets: names in `harness.assets` of the pretrained networks it needs.
    sees_image: True where it works on a picture at the picture's own size; False where it draws from joints or box at
    the task size.
    """

    name: str
    title: str
    version: int
    assets: tuple[str, ...] = ()
    sees_image: bool = False


_CARDS = (
    SegmenterCard("joints", "drawn around the joints", version=1),
    SegmenterCard("keypoint", "discs at the joints and bars along the limbs, the field's keypoint mask", version=1),
    SegmenterCard("box", "the person's box, filled", version=1),
    SegmenterCard(
        "blazepose", "found by BlazePose in the person's box", version=1, assets=("blazepose",), sees_image=True
    ),
    SegmenterCard(
        "maskrcnn", "found by Mask R-CNN (ResNet-50-FPN v2, COCO)", version=1, assets=("maskrcnn_v2",), sees_image=True
    ),
)

SEGMENTERS: dict[str, SegmenterCard] = {card.name: card for card in _CARDS}
"""Every segmenter's card by its name."""


@dataclass(frozen=True)
class Subject:
    """A person on a picture of (height, width) pixels, as annotated.

    image: (H, W, 3) uint8 RGB of `size_px`; None only where the segmenter's card says that it is not seen.
    joints: (J, 2), (x, y) in its pixels, 0-based pixel centres, NaN = missing. box: (4,) xyxy, end-exclusive.
    """

    image: np.ndarray | None
    joints: np.ndarray
    box: np.ndarray
    skeleton: Skeleton
    size_px: tuple[int, int]

    def seen(self) -> np.ndarray:
        """The picture, (H, W, 3) uint8, of the size that joints and box refer to; ValueError for none or another."""
        image = self.image
        if image is None or image.shape != (*self.size_px, 3) or image.dtype != np.uint8:
            found = None if image is None else (image.shape, image.dtype)
            raise ValueError(f"expected an image of {tuple(self.size_px)}, (H, W, 3) uint8, got {found}")
        return image


class Segmenter(ABC):
    """Gives a picture's person a mask.

    provenance: what `provenance` gives for it: part of the masks' keys.
    """

    card: ClassVar[SegmenterCard]

    def __init__(self, provenance: dict[str, Any]):
        self.provenance = provenance

    @abstractmethod
    def mask(self, subject: Subject) -> np.ndarray:
        """(H, W) uint8 in {0, 1}: 1 where the person is; all 0 where none was found, which the caller reports.

        May be called from several threads.
        """


def card(name: str) -> SegmenterCard:
    """The card of the segmenter called `name`; UserError with did-you-mean otherwise."""
    if name not in SEGMENTERS:
        raise unknown("masks", name, SEGMENTERS)
    return SEGMENTERS[name]


def provenance(name: str, weights: WeightStore) -> dict[str, Any]:
    """What decides a segmenter's masks beside its inputs, for hashes and records; nothing is loaded.

    {"segmenter": its name, "version": its card's, "assets": {asset: SHA-256}}. UserError for weights that are missing.
    """
    described = card(name)
    weights.require(described.assets)
    hashes = {asset: weights.sha256(asset) for asset in described.assets}
    return {"segmenter": name, "version": described.version, "assets": hashes}
