"""Frames as methods and metrics get them, and which of them belong to which partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from harness.errors import UserError
from methods.card import DatasetInfo


@dataclass(frozen=True)
class FrameStore:
    """N annotated frames at one size, in one order.

    ids: frame ids, for example `lab-cam01/0042`. groups: the clip of each.
    images: (N, H, W, 3) uint8 RGB, memory-mapped. masks: (N, H, W) uint8 in {0, 1}, 1 = person, memory-mapped.
    joints: (N, J, 2) float32, (x, y), pixels, 0-based pixel centres, NaN = missing.
    boxes: (N, 4) float32 xyxy, 0-based, end-exclusive, whole pixels inside the image.
    """

    info: DatasetInfo
    fingerprint: str
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    images: np.ndarray
    masks: np.ndarray
    joints: np.ndarray
    boxes: np.ndarray
    _order: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_order", {frame_id: index for index, frame_id in enumerate(self.ids)})

    def __len__(self) -> int:
        return len(self.ids)

    def index(self, frame_id: str) -> int:
        """The frame's place in every array. Raises UserError for an unknown id."""
        if frame_id not in self._order:
            raise UserError(f"{self.info.name} has no frame '{frame_id}'; a frame is called like '{self.ids[0]}'")
        return self._order[frame_id]


@dataclass(frozen=True)
class Partitions:
    """The frames of a split's partitions, by id, in order."""

    NAMES: ClassVar[tuple[str, ...]] = ("train", "val", "test")

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]

    def __getitem__(self, partition: str) -> tuple[str, ...]:
        return {"train": self.train, "val": self.val, "test": self.test}[partition]
