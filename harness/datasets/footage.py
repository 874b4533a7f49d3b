"""`footage`: 491 annotated frames of two real men, cut from demo clips that ship inside two PyPI wheels.

The clips are kept as they come; a fixed square window of each frame is resized with PIL's bicubic filter, which
antialiases. Joints and masks are shipped with the package: annotating again on a user's machine would bring back the
left-right swaps that were corrected by hand and geometry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from harness import boxes
from harness import cache as frame_cache
from harness.datasets import footage_spec
from harness.datasets.base import Dataset, Findings
from harness.datasets.footage_spec import ANNOTATED_SIZE_PX, Track, annotations, spec
from harness.datasets.frames import FrameStore, Partitions
from harness.errors import UserError
from harness.fetch import PyPIMember, fetch_members, is_whole
from harness.images import resized, resized_mask
from harness.pairs import PairList, group_of
from harness.progress import track as shown
from methods.card import DatasetInfo
from mrnet.skeletons import FOOTAGE18

READER_VERSION = 1
_MIN_SIZE_PX = 16


class Footage(Dataset):
    """The footage dataset; see `benchmarks/datasets/footage.yaml` for sources, windows and splits."""

    name = "footage"
    title = "491 annotated frames of two real people, demo clips of Pose2Sim and Sports2D"
    licence = "BSD-3-Clause"
    citation = "Pose2Sim / Sports2D demo footage, BSD-3-Clause"
    splits = ("video", "camera", "scene")
    default_split = "video"
    shape = (1, 1)
    own_masks = "annotated"

    def info(self, size_px: tuple[int, int]) -> DatasetInfo:
        """Square sizes from 16 px; the annotations are made at 128 px."""
        height, width = size_px
        if height != width or height < _MIN_SIZE_PX:
            raise UserError(f"footage is square and at least {_MIN_SIZE_PX} px; {height}×{width} was asked for")
        return DatasetInfo(
            self.name, (height, width), FOOTAGE18, has_masks=True, box_source="joints", mask_source=self.masks
        )

    def available(self) -> tuple[bool, str]:
        missing = [self._clip(name).name for name in spec().tracks if not self._clip(name).is_file()]
        if missing:
            return False, f"footage lacks {', '.join(missing)} in {self.folder}. Run: {self.fetch_command}"
        return True, ""

    def fingerprint(self, size_px: tuple[int, int]) -> str:
        content = {
            "reader": READER_VERSION,
            "size_px": list(self.info(size_px).size_px),
            "filter": "bicubic-antialias",
            "annotations": spec().annotations_sha256,
            "tracks": {name: [track.sha256, *track.window_px] for name, track in spec().tracks.items()},
            "box": [boxes.MARGIN, boxes.MARGIN_TOP, boxes.MIN_PX],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def frame_ids(self) -> tuple[str, ...]:
        return footage_spec.frame_ids()

    def partitions(self, split: str) -> Partitions:
        return footage_spec.partitions(split)

    def person(self, frame_id: str) -> str:
        return spec().tracks[group_of(frame_id)].person

    def pair_list(self, split: str, partition: str, size_px: tuple[int, int]) -> PairList:
        """Every frame is usable at every size, so the list is the same at all of them."""
        self.info(size_px)
        pairs = footage_spec.chosen_pairs(split, partition)
        return PairList(self.name, split, partition, spec().pairs.version, pairs)

    def frames(self, size_px: tuple[int, int]) -> FrameStore:
        info, fingerprint, ids = self.info(size_px), self.fingerprint(size_px), footage_spec.frame_ids()
        folder = frame_cache.folder(self.name, fingerprint, info.size_px)
        frame_cache.open_or_build(folder, lambda temporary: self._build(temporary, info.size_px))
        side = info.size_px[0]
        joints = _scaled_joints(side)
        joints.setflags(write=False)
        return FrameStore(
            info=info,
            fingerprint=fingerprint,
            ids=ids,
            groups=tuple(group_of(frame_id) for frame_id in ids),
            images=frame_cache.open_array(folder / "images.npy", (len(ids), side, side, 3)),
            masks=frame_cache.open_array(folder / "masks.npy", (len(ids), side, side)),
            joints=joints,
            boxes=np.stack([boxes.box_of_joints(frame, info.size_px) for frame in joints]),
        )

    def fetch(self) -> list[Path]:
        wanted = [
            (PyPIMember(track.package, track.version, track.member, track.sha256), self._clip(name))
            for name, track in spec().tracks.items()
        ]
        return fetch_members(wanted)

    def check(self) -> Findings:
        available, reason = self.available()
        if not available:
            return Findings(problems=(reason,))
        problems = tuple(
            f"{self._clip(name)} does not have the SHA-256 {track.sha256}. Remove it and run: bench data fetch footage"
            for name, track in spec().tracks.items()
            if not is_whole(self._clip(name), track.sha256)
        )
        whole = len(spec().tracks) - len(problems)
        return Findings(facts=(f"{whole} of {len(spec().tracks)} clips have their SHA-256",), problems=problems)

    def _clip(self, track: str) -> Path:
        return self.folder / f"{track}.mp4"

    def _build(self, folder: Path, size_px: tuple[int, int]) -> None:
        problems = self.check().problems
        if problems:
            raise UserError(" ".join(problems))
        count, side = len(footage_spec.frame_ids()), size_px[0]
        images = frame_cache.create_array(folder / "images.npy", (count, side, side, 3))
        masks = frame_cache.create_array(folder / "masks.npy", (count, side, side))
        rows = shown(self._decoded(side), f"decoding footage at {side}×{side}", count)
        for index, (image, mask) in enumerate(rows):
            images[index], masks[index] = image, mask
        images.flush()
        masks.flush()

    def _decoded(self, side_px: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Image (side, side, 3) and mask (side, side), uint8, of every annotated frame in order."""
        for name, frames in annotations().items():
            for number, image in _clip_frames(self._clip(name), spec().tracks[name], set(frames), side_px):
                yield image, _mask(frames[number].mask_rle, side_px)


def _clip_frames(path: Path, track: Track, wanted: set[int], side_px: int) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted source frames of a clip, cut to the track's window and resized, (side, side, 3) uint8 RGB."""
    import av

    x0, y0, size = track.window_px
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                window = frame.to_ndarray(format="rgb24")[y0 : y0 + size, x0 : x0 + size]
                yield number, resized(window, (side_px, side_px))
            if number >= max(wanted):
                return
    raise UserError(f"{path} ended before frame {max(wanted)}. Remove it and run: bench data fetch footage")


def _mask(rle: str, side_px: int) -> np.ndarray:
    """(side, side) uint8 in {0, 1}."""
    from pycocotools import mask as coco

    mask = coco.decode({"size": [ANNOTATED_SIZE_PX, ANNOTATED_SIZE_PX], "counts": rle})
    return resized_mask(mask, (side_px, side_px))


@cache
def _annotated_joints() -> np.ndarray:
    """(N, 18, 2) float64, pixels of the 128 px crop, in the order of `frame_ids`."""
    return np.stack([frame.joints for track in annotations().values() for frame in track.values()])


def _scaled_joints(side_px: int) -> np.ndarray:
    """(N, 18, 2) float32: pixel centres keep their place in the picture, so x' + ½ = s (x + ½)."""
    scale = side_px / ANNOTATED_SIZE_PX
    return ((_annotated_joints() + 0.5) * scale - 0.5).astype(np.float32)
