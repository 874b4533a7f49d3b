"""What every dataset offers: annotated frames at one size, partitions of its splits, and fixed pair lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from harness import paths
from harness.datasets.frames import FrameStore, Partitions
from harness.pairs import PairList
from methods.card import DatasetInfo

__all__ = ["Dataset", "FrameStore", "Partitions"]


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
        self.fetch_command = f"bench data fetch {self.name}" + (f" --data-root {data_root}" if data_root else "")

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
    def frame_ids(self) -> tuple[str, ...]:
        """Every frame's id, in order; read from annotations, no decoding."""

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
