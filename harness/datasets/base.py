"""What every dataset offers: annotated frames at one size, partitions of its splits, and fixed pair lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness import paths
from harness.errors import UserError
from harness.pairs import PairList
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


class Dataset(ABC):
    """A dataset on disk.

    data_root: folder of all datasets' sources, by default `data` under the home folder.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    default_split: ClassVar[str]

    def __init__(self, data_root: Path | None = None):
        self.folder = (data_root or paths.home() / "data") / self.name

    @abstractmethod
    def info(self, size_px: tuple[int, int]) -> DatasetInfo:
        """What methods may know at (height, width) pixels; UserError for a size it cannot give. No decoding."""

    @abstractmethod
    def available(self) -> tuple[bool, str]:
        """Whether the sources are there; otherwise the reason and the command that mends it."""

    @abstractmethod
    def fingerprint(self, size_px: tuple[int, int]) -> str:
        """Hash of the sources' SHA-256, the annotations, the reader's version and the size; never of pixels."""

    @abstractmethod
    def partitions(self, split: str) -> Partitions:
        """The frames of each partition; UserError for an unknown split."""

    @abstractmethod
    def person(self, frame_id: str) -> str:
        """Who is on the frame."""

    @abstractmethod
    def pair_list(self, split: str, partition: str, size_px: tuple[int, int]) -> PairList:
        """The fixed pairs of a partition. `size_px` may only decide which frames are usable, never which are drawn."""

    @abstractmethod
    def frames(self, size_px: tuple[int, int]) -> FrameStore:
        """All frames at (height, width) pixels; decoded into the cache the first time. UserError without sources."""

    @abstractmethod
    def fetch(self) -> list[Path]:
        """Bring the sources to `folder`; the paths that were written."""

    @abstractmethod
    def check(self) -> list[str]:
        """What is wrong with the sources on disk, one sentence each; empty if all hashes agree."""
