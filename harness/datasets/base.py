"""What every dataset offers: annotated frames at one size, partitions of its splits, and fixed pair lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from harness import paths
from harness.datasets.findings import Findings
from harness.datasets.frames import FrameStore, Partitions
from harness.errors import UserError
from harness.pairs import PairList
from methods.card import DatasetInfo

__all__ = ["Dataset", "Findings", "FrameStore", "Partitions"]


_WIDTH_MULTIPLE, _LEAST_WIDTH_PX = 16, 32


class Dataset(ABC):
    """A dataset on disk.

    data_root: folder of all datasets' sources, by default `data` under the home folder.
    masks: where person masks come from, of `mask_sources`; None for the dataset's own way.
    weights_dir: a folder of pretrained networks to look at first, for masks that a network makes.

    shape: height and width of a frame in lowest terms, or None for any.
    own_masks: the name of the dataset's own way, as records print it.
    file_ending: of the names that `file_name` gives.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    splits: ClassVar[tuple[str, ...]]
    default_split: ClassVar[str]
    shape: ClassVar[tuple[int, int] | None] = None
    own_masks: ClassVar[str]
    file_ending: ClassVar[str] = ""

    def __init__(self, data_root: Path | None = None, masks: str | None = None, weights_dir: Path | None = None):
        self.data_root = data_root
        self.folder = (data_root or paths.home() / "data") / self.name
        self.fetch_command = f"bench data fetch {self.name}" + (f" --data-root {data_root}" if data_root else "")
        self.masks = masks or self.own_masks
        self.weights_dir = weights_dir
        if self.masks not in self.mask_sources():
            raise UserError(
                f"the person masks of {self.name} are '{self.own_masks}'; it has no others, and '{masks}' was asked for"
                if len(self.mask_sources()) == 1
                else f"{self.name} has no masks '{masks}'. Valid: {', '.join(self.mask_sources())}"
            )

    @property
    def place(self) -> str:
        """Where its sources lie, in words."""
        return f"here: {self.folder}"

    @classmethod
    def mask_sources(cls) -> tuple[str, ...]:
        """Where its person masks may come from."""
        return (cls.own_masks,)

    def fitted(self, size_px: tuple[int, int]) -> tuple[int, int]:
        """The size for a preset's (height, width): a square one names the height, and the dataset keeps its shape.

        As nearly as networks allow that halve the picture four times: a width is a multiple of 16, and at least 32.
        """
        height, width = size_px
        if self.shape is None or self.shape[0] == self.shape[1] or height != width:
            return size_px
        wide = height * self.shape[1] / self.shape[0]
        return height, max(_LEAST_WIDTH_PX, round(wide / _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE)

    @property
    def assets(self) -> tuple[str, ...]:
        """Names of the pretrained networks that its frames need before they can be decoded."""
        return ()

    def decoded(self, size_px: tuple[int, int]) -> bool:
        """Whether its frames of that size lie in the cache, so that neither sources nor `assets` are needed."""
        return False

    @abstractmethod
    def info(self, size_px: tuple[int, int]) -> DatasetInfo:
        """What methods may know at (height, width) pixels; UserError for a size it cannot give. No decoding."""

    @abstractmethod
    def available(self) -> tuple[bool, str]:
        """Whether the sources are there; otherwise the reason and what mends it. The first line says the most."""

    @abstractmethod
    def fingerprint(self, size_px: tuple[int, int]) -> str:
        """Hash of the sources, the annotations, the reader's version, the masks' and the size; never of pixels."""

    @abstractmethod
    def frame_ids(self) -> tuple[str, ...]:
        """Every frame's id, in order; read from annotations, no decoding."""

    def file_name(self, frame_id: str) -> str:
        """What releases of methods call the frame in the names of their files: here the id, made flat."""
        return frame_id.replace("/", "_")

    @abstractmethod
    def partitions(self, split: str) -> Partitions:
        """The frames of each partition; UserError for an unknown split."""

    @abstractmethod
    def person(self, frame_id: str) -> str | None:
        """Who is on the frame; None where the dataset does not tell."""

    def category(self, frame_id: str) -> str | None:
        """What the person does, in the dataset's own word; None where it does not tell."""
        return None

    @abstractmethod
    def pair_list(self, split: str, partition: str, size_px: tuple[int, int]) -> PairList:
        """The fixed pairs of a partition. `size_px` may only decide which frames are usable, never which are drawn."""

    def notes(self) -> tuple[str, ...]:
        """What was odd in the annotations, one sentence each, and may change pair lists."""
        return ()

    @abstractmethod
    def frames(self, size_px: tuple[int, int]) -> FrameStore:
        """All frames at (height, width) pixels; decoded into the cache the first time. UserError without sources."""

    @abstractmethod
    def fetch(self) -> list[Path]:
        """Bring the sources to `folder`; the paths that were written. UserError where only the user can get them."""

    @abstractmethod
    def check(self) -> Findings:
        """What is to be said of the sources on disk; they are read whole."""
