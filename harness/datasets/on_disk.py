"""Datasets that lie on a user's disk as their authors distribute them: what their readers share.

A reader says which files make up its layout, reads the annotations into a `FrameIndex`, and divides the frames. Here
they become a `FrameStore`: each frame is decoded once, however many pairs use it, resized with PIL's antialiased
bicubic filter, and laid into memory-mapped arrays beside its mask, joints and box.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness import boxes, paths
from harness import cache as frame_cache
from harness.assets import asset
from harness.datasets import decoding, inspection
from harness.datasets.base import Dataset
from harness.datasets.file_hashes import file_hashes
from harness.datasets.findings import Findings
from harness.datasets.frames import FrameStore, Partitions
from harness.datasets.index import Count, FrameIndex
from harness.datasets.splits import Part
from harness.errors import UserError, some, unknown
from harness.keys import digest
from harness.pairs import Pair, PairList, group_of
from harness.segmenter import SEGMENTERS
from harness.weights import WeightStore
from methods.card import DatasetInfo
from mrnet.skeletons import Skeleton

_MIN_SIZE_PX = 16


class OnDisk(Dataset):
    """A dataset read from files that the user has got.

    skeleton: the joints it annotates. reader_version: raised when the same files would give other frames.
    layout: what its folder holds, in words. parts: the same, each file or folder with its alternative names.
    folder_names: what the authors' archives call the folder. sources: where to get it, for the user to read.
    """

    skeleton: ClassVar[Skeleton]
    reader_version: ClassVar[int]
    parts: ClassVar[tuple[tuple[str, ...], ...]]
    folder_names: ClassVar[tuple[str, ...]] = ()
    layout: ClassVar[str]
    sources: ClassVar[str]
    box_source: ClassVar[str] = "joints"
    shape = (1, 1)
    own_masks = "joints"

    def __init__(self, data_root: Path | None = None, masks: str | None = None, weights_dir: Path | None = None):
        super().__init__(data_root, masks, weights_dir)
        root = data_root or paths.home() / "data"
        self.check_command = self.fetch_command.replace("data fetch", "data check")
        places = [root / self.name, *(root / name for name in self.folder_names), root]
        # the folder that holds the layout, else the one it would be looked for first; `max` keeps the first of equals
        self.folder = max(places, key=lambda place: sum(_part(place, names) is not None for names in self.parts))

    @classmethod
    def mask_sources(cls) -> tuple[str, ...]:
        return tuple(dict.fromkeys((cls.own_masks, *SEGMENTERS)))

    @abstractmethod
    def read(self) -> FrameIndex:
        """The annotations of every frame that some split may use. UserError that names file and line or key."""

    @abstractmethod
    def divide(self, split: str, partition: str) -> Part:
        """A valid split's partition, from annotations alone."""

    @property
    @abstractmethod
    def pairs_version(self) -> int:
        """Raised whenever the rules of `divide` change."""

    @abstractmethod
    def counts(self) -> list[Count]:
        """What can be counted and is known from the literature."""

    @cached_property
    def index(self) -> FrameIndex:
        """The annotations, read once."""
        return self.read()

    def part(self, *names: str) -> Path:
        """The file or folder of the layout by its alternative names. UserError with what to get where it is missing."""
        found = _part(self.folder, names)
        if found is None:
            raise UserError(f"{self.name}: {' or '.join(names)} is not in {self.folder}.\n{self.instructions}")
        return found

    @property
    def drawn_like(self) -> str:
        """The name of the layout that drawn people come in."""
        return self.name

    @property
    def instructions(self) -> str:
        """What to get and where to put it."""
        return (
            f"{self.sources}\nPut into {self.folder}: {self.layout}. "
            f"Another place is named by --data-root DIR (DIR itself or DIR/{self.name}). "
            f"Then run: {self.check_command}\n"
            f"Without the data, drawn people in the same layout: bench data synth --like {self.drawn_like} --out DIR"
        )

    def available(self) -> tuple[bool, str]:
        lacking = [names[0] for names in self.parts if _part(self.folder, names) is None]
        if not lacking:
            return True, ""
        absent = f"lacks {some(lacking)} in" if len(lacking) < len(self.parts) else "is not in"
        return False, f"{self.name} {absent} {self.folder}\n{self.instructions}"

    def fetch(self) -> list[Path]:
        available, reason = self.available()
        if not available:
            raise UserError(f"{self.name} cannot be fetched by a program; it is yours to get.\n{reason}")
        return []

    def info(self, size_px: tuple[int, int]) -> DatasetInfo:
        """From 16 px a side, in the dataset's shape."""
        height, width = size_px
        of_shape = width in (self.fitted((height, height))[1], round(height * self.shape[1] / self.shape[0]))
        if min(size_px) < _MIN_SIZE_PX or not of_shape:
            raise UserError(
                f"{self.name} is {self.shape[0]}:{self.shape[1]} (height to width) and at least {_MIN_SIZE_PX} px a "
                f"side; {height}×{width} was asked for"
            )
        return DatasetInfo(self.name, size_px, self.skeleton, True, self.box_source, self.masks)

    @property
    def assets(self) -> tuple[str, ...]:
        return SEGMENTERS[self.masks].assets if self.masks in SEGMENTERS else ()

    def fingerprint(self, size_px: tuple[int, int]) -> str:
        """Images and masks enter by the SHA-256 of their files, which are hashed once."""
        content = {
            "reader": self.reader_version,
            "size_px": list(self.info(size_px).size_px),
            "filter": decoding.FILTER,
            "annotations": self.index.digest,
            "files": self._files_digest,
            "masks": self._masks_made_of,
            "box": [boxes.MARGIN, boxes.MARGIN_TOP, boxes.MIN_PX],
        }
        return digest({"dataset": self.name, **content})

    @property
    def _masks_made_of(self) -> dict[str, object]:
        version = SEGMENTERS[self.masks].version if self.masks in SEGMENTERS else None
        return {"source": self.masks, "version": version, "assets": {name: asset(name).sha256 for name in self.assets}}

    @cached_property
    def _files_digest(self) -> str:
        names = [*self.index.images, *(self.index.masks or ())]
        return digest(sorted(file_hashes(self.folder, names).items()))

    def frame_ids(self) -> tuple[str, ...]:
        return self.index.ids

    def person(self, frame_id: str) -> str | None:
        """Unknown, unless a reader knows better: other videos may show the same person."""
        return None

    def partitions(self, split: str) -> Partitions:
        return Partitions(**{name: self._divided(split, name).frames for name in Partitions.NAMES})

    def pair_list(self, split: str, partition: str, size_px: tuple[int, int]) -> PairList:
        """The same at every size."""
        self.info(size_px)
        pairs = tuple(Pair.of(*names) for names in self._divided(split, partition).pairs)
        return PairList(self.name, split, partition, self.pairs_version, pairs)

    def _divided(self, split: str, partition: str) -> Part:
        if split not in self.splits:
            raise unknown(f"split of {self.name}", split, self.splits)
        if partition not in Partitions.NAMES:
            raise unknown("partition", partition, Partitions.NAMES)
        if (split, partition) not in self._parts:
            self._parts[split, partition] = self.divide(split, partition)
        return self._parts[split, partition]

    @cached_property
    def _parts(self) -> dict[tuple[str, str], Part]:
        return {}

    def _cache_folder(self, size_px: tuple[int, int]) -> Path:
        return frame_cache.folder(self.name, self.fingerprint(size_px), size_px)

    def decoded(self, size_px: tuple[int, int]) -> bool:
        return self._cache_folder(size_px).is_dir()

    def frames(self, size_px: tuple[int, int]) -> FrameStore:
        info, folder = self.info(size_px), self._cache_folder(size_px)
        frame_cache.open_or_build(folder, lambda temporary: self._build(temporary, size_px))
        count, ids = len(self.index), self.index.ids
        joints_shape = (count, len(self.skeleton), 2)
        return FrameStore(
            info=info,
            fingerprint=self.fingerprint(size_px),
            ids=ids,
            groups=tuple(map(group_of, ids)),
            images=frame_cache.open_array(folder / "images.npy", (count, *size_px, 3)),
            masks=frame_cache.open_array(folder / "masks.npy", (count, *size_px)),
            joints=frame_cache.open_array(folder / "joints.npy", joints_shape, np.float32),
            boxes=frame_cache.open_array(folder / "boxes.npy", (count, 4), np.float32),
        )

    def _build(self, folder: Path, size_px: tuple[int, int]) -> None:
        available, reason = self.available()
        if not available:
            raise UserError(reason)
        # by which `bench clean` finds out whether the folder is still of use
        source = {"data_root": self.data_root and str(self.data_root.absolute()), "masks": self.masks}
        (folder / frame_cache.SOURCE).write_text(json.dumps(source), encoding="utf-8")
        decoding.build(folder, self.folder, self.index, self.info(size_px), self.mask_maker())

    def mask_maker(self) -> decoding.MaskMaker:
        """What gives a frame its mask. UserError for a segmenter whose weights are missing."""
        return decoding.mask_maker(self.masks, self.folder, self.skeleton, WeightStore(extra_dir=self.weights_dir))

    def check(self) -> Findings:
        return inspection.inspect(self)


def _part(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)
