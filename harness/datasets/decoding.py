"""From image files to memory-mapped frames: each file is read and resized once, several at a time."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from harness import boxes, images
from harness import cache as frame_cache
from harness.datasets.index import FrameIndex
from harness.errors import UserError, lines
from harness.mask_cache import MaskCache
from harness.progress import track
from harness.segmentation import SEGMENTERS, Segmenter, Subject
from harness.segmentation import build as build_segmenter
from harness.weights import WeightStore
from methods.card import DatasetInfo
from mrnet.skeletons import Skeleton

FILTER = "bicubic-antialias"

_MOST_THREADS = 8
_SAME_SHAPE = 0.05  # of width to height, by a factor: sizes are rounded
_IN_FLIGHT = 64  # frames that wait for a thread: bounds what is in memory

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class SourceFrame:
    """A frame as it is stored: what a mask is made of.

    image: (h, w, 3) uint8, of any size. joints: (J, 2) and box: (4,) xyxy, in pixels of it, NaN = missing.
    mask_px: (height, width) that the mask file has to have; None for any.
    """

    data: bytes
    image: np.ndarray
    joints: np.ndarray
    box: np.ndarray
    mask_file: str | None
    mask_px: tuple[int, int] | None = None


class MaskMaker(ABC):
    """Gives a frame its person mask."""

    parallel = True

    @abstractmethod
    def mask(self, source: SourceFrame, joints: np.ndarray, box: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        """(H, W) uint8 in {0, 1} at the task size. joints, box: the frame's, in pixels of the task size."""


class _FromFile(MaskMaker):
    """A mask that the dataset ships, at the size its joints refer to."""

    def __init__(self, folder: Path):
        self._folder = folder

    def mask(self, source: SourceFrame, joints: np.ndarray, box: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        return images.resized_mask(images.read_mask(self._folder / source.mask_file, source.mask_px), size_px)


class _Drawn(MaskMaker):
    """A mask drawn from joints and box at the task size."""

    def __init__(self, segmenter: Segmenter, skeleton: Skeleton):
        self._segmenter, self._skeleton = segmenter, skeleton

    def mask(self, source: SourceFrame, joints: np.ndarray, box: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        return self._segmenter.mask(Subject(None, joints, box, self._skeleton, size_px))


class Seen(MaskMaker):
    """A mask that a network finds on the stored image, once. folder: where these masks are kept."""

    parallel = False  # a network looks at one picture at a time

    def __init__(self, segmenter: Segmenter, skeleton: Skeleton):
        self._cache, self._skeleton = MaskCache(segmenter), skeleton
        self.folder = self._cache.folder

    def is_known(self, source: SourceFrame) -> bool:
        """Whether the frame's mask was found before."""
        return self._cache.path(source.data, source.joints, source.box, self._skeleton).is_file()

    def found(self, source: SourceFrame) -> np.ndarray:
        """(h, w) uint8 in {0, 1}, of the stored image's size."""
        return self._cache.mask(source.data, lambda: source.image, source.joints, source.box, self._skeleton)

    def mask(self, source: SourceFrame, joints: np.ndarray, box: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
        return images.resized_mask(self.found(source), size_px)


def mask_maker(name: str, folder: Path, skeleton: Skeleton, weights: WeightStore) -> MaskMaker:
    """What makes the masks called `name` of a dataset in `folder`. UserError for missing weights."""
    if name not in SEGMENTERS:
        return _FromFile(folder)
    segmenter = build_segmenter(name, weights)
    return (Seen if segmenter.card.sees_image else _Drawn)(segmenter, skeleton)


def source_frame(folder: Path, index: FrameIndex, row: int) -> SourceFrame:
    """A frame as it is stored. UserError for a file that is missing, truncated, no image, or of another shape."""
    path = folder / index.images[row]
    data = images.read_bytes(path)
    image = images.decoded(path, data)
    _check_shape(path, image.shape[:2], index)
    # joints may be given in another frame than the stored image's (the prepared layout)
    scale = _scale(index.annotated_px or image.shape[:2], image.shape[:2])
    joints = _scaled(index.joints[row], scale)
    box = boxes.box_of_joints(joints, image.shape[:2])
    if index.boxes is not None and np.isfinite(index.boxes[row]).all():
        box = _whole(index.boxes[row] * np.tile(scale, 2), image.shape[:2])
    return SourceFrame(data, image, joints, box, index.masks[row] if index.masks else None, index.annotated_px)


def _check_shape(path: Path, found_px: tuple[int, int], index: FrameIndex) -> None:
    """Joints given for a crop are wrong on the whole picture, and nothing else would tell."""
    if index.annotated_px is None or index.stretched:
        return
    (height, width), (wanted_height, wanted_width) = found_px, index.annotated_px
    if abs(np.log((width / height) / (wanted_width / wanted_height))) > _SAME_SHAPE:
        raise UserError(
            f"{path} is {height}×{width}; its joints are given for {wanted_height}×{wanted_width}, "
            "and an image of that shape is needed"
        )


def decode(
    source: SourceFrame, size_px: tuple[int, int], masks: MaskMaker
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Image (H, W, 3) and mask (H, W) uint8, joints (J, 2) and box (4,) float32, at the task size.

    A joint that lies outside the picture is missing: no method can be asked to put it there.
    """
    scale = _scale(source.image.shape[:2], size_px)
    joints = _scaled(source.joints, scale)
    joints[~boxes.inside(joints, size_px)] = np.nan
    box = _whole(source.box * np.tile(scale, 2), size_px)
    return images.resized(source.image, size_px), masks.mask(source, joints, box, size_px), joints, box


def build(folder: Path, root: Path, index: FrameIndex, info: DatasetInfo, masks: MaskMaker) -> None:
    """Decode every frame of the index into `folder`: images.npy, masks.npy, joints.npy, boxes.npy.

    UserError that names the files that are missing or damaged.
    """
    absent = [name for name in (*index.images, *(index.masks or ())) if not (root / name).is_file()]
    if absent:
        raise UserError(
            f"{info.name}: {len(absent)} files are missing in {root}:\n{lines(absent)}\n"
            f"Get them from where the others came, then: bench data check {info.name}"
        )
    count, size_px = len(index), info.size_px
    image_array = frame_cache.create_array(folder / "images.npy", (count, *size_px, 3))
    mask_array = frame_cache.create_array(folder / "masks.npy", (count, *size_px))
    joints = np.empty((count, len(info.skeleton), 2), dtype=np.float32)
    found = np.empty((count, 4), dtype=np.float32)

    def one(row: int) -> None:
        decoded = decode(source_frame(root, index, row), size_px, masks)
        image_array[row], mask_array[row], joints[row], found[row] = decoded

    rows = in_parallel(one, range(count), workers() if masks.parallel else 1)
    for _ in track(rows, f"decoding {info.name} at {size_px[0]}×{size_px[1]}", count):
        pass
    image_array.flush()
    mask_array.flush()
    np.save(folder / "joints.npy", joints)
    np.save(folder / "boxes.npy", found)


def workers() -> int:
    """Threads that decode at once: PIL lets go of Python's lock while it works."""
    return min(_MOST_THREADS, os.cpu_count() or 1)


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item], threads: int) -> Iterator[Result]:
    """`work` of every item, in order, with a bounded number under way; the first error ends it."""
    with ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(items), _IN_FLIGHT):
                yield from pool.map(work, items[start : start + _IN_FLIGHT])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _scale(source_px: tuple[int, int], size_px: tuple[int, int]) -> np.ndarray:
    """(x, y) factors from a (height, width) to another."""
    return np.array([size_px[1] / source_px[1], size_px[0] / source_px[0]])


def _scaled(joints: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Pixel centres keep their place in the picture: x' + ½ = s (x + ½)."""
    return ((joints + 0.5) * scale - 0.5).astype(np.float32)


def _whole(box: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """(4,) float32: the box's whole pixels inside a picture, at least `boxes.MIN_PX` a side."""
    return boxes.whole(box[:2], box[2:], size_px)
