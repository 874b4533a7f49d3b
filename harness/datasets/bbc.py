"""BBC-Pose (Charles, Pfister, Everingham, Zisserman, IJCV 2014): `code/bbcpose.mat` and `1/1.jpg` … `20/…`.

The file is a 1×92 struct array, of which the first 20 videos are BBC-Pose (the rest is the extended set). Each has
tracked frames, semi-automatic, and videos 11 to 20 manually labelled ones beside; a frame that is both counts as
labelled by hand. Coordinates are MATLAB's, 1-based; all seven joints are taken as visible.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from harness import config
from harness.config import Strict
from harness.datasets import matlab
from harness.datasets.frames import Partitions
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.splits import Part, each_once, seeded
from harness.errors import UserError, some
from mrnet.skeletons import BBC7

_MAT_FILES = ("code/bbcpose.mat", "bbcpose_extbbcpose_code_1.0/bbcpose.mat", "bbcpose.mat")
_VARIABLE = "bbcpose"
_VIDEOS = 20
_A_PAIR = 2  # frames
_PARTITION_OF_TYPE = {"train": "train", "val": "val", "test": "test"}


class Official(Strict):
    """The authors' split by video."""

    train_frames_per_video: int = Field(ge=2)


class WithinVideos(Strict):
    """A split within every video. frames: of all videos together, by partition."""

    frames: dict[str, int]


class Rules(Strict):
    """`benchmarks/datasets/bbc.yaml`, where each is explained."""

    version: int
    seed: int
    official: Official
    mrnet_like: WithinVideos


@dataclass(frozen=True)
class Video:
    """joints: (7, 2) float32 by frame number, 0-based pixels; of tracked and of manually labelled frames."""

    name: str
    partition: str
    tracked: dict[int, np.ndarray]
    manual: dict[int, np.ndarray]


class BBCPose(OnDisk):
    """BBC-Pose. Boxes from joints; who signs in which video, the files do not say."""

    name = "bbc"
    title = "BBC-Pose: 20 videos of sign-language interpreters, 7 upper-body joints"
    licence = "BBC broadcasts: research use, do not redistribute frames"
    citation = "BBC-Pose (Charles et al., IJCV 2014)"
    splits = ("official", "mrnet-like")
    default_split = "official"
    skeleton = BBC7
    reader_version = 1
    parts = (_MAT_FILES, *((str(number),) for number in range(1, _VIDEOS + 1)))
    folder_names = ("bbcpose", "bbcpose_data_1.0")
    layout = "the folders 1 to 20, and code/bbcpose.mat"
    sources = (
        "BBC-Pose (about 40 GB) is on https://www.robots.ox.ac.uk/~vgg/data/pose/, no form: bbcpose_data_1.0.zip, "
        "whose 20 archives are all extracted into one folder, and bbcpose_extbbcpose_code_1.0.tgz, whose folder code/ "
        "goes beside them. The extended set (bbcpose_extbbcpose_data_1.0) is not needed."
    )

    @cached_property
    def rules(self) -> Rules:
        return config.load("datasets", "bbc", Rules)

    @property
    def pairs_version(self) -> int:
        return self.rules.version

    @cached_property
    def videos(self) -> tuple[Video, ...]:
        """The 20 videos of BBC-Pose, in order."""
        path = self.part(*_MAT_FILES)
        array = matlab.load(path, [_VARIABLE])[_VARIABLE]
        if array.dtype.names is None or array.size < _VIDEOS:
            raise UserError(
                f"{path}: {_VARIABLE} is {array.dtype} {array.shape}; a struct of {_VIDEOS} videos is needed"
            )
        return tuple(_video(path, number, entry) for number, entry in enumerate(array.ravel()[:_VIDEOS], start=1))

    def read(self) -> FrameIndex:
        used = {
            frame for split in self.splits for part in Partitions.NAMES for frame in self._divided(split, part).frames
        }
        ids, joints = [], []
        for video in self.videos:
            every = {**video.tracked, **video.manual}
            for number in sorted(every):
                if frame_id(video.name, number) in used:
                    ids.append(frame_id(video.name, number))
                    joints.append(every[number])
        if not ids:
            raise UserError(f"{self.part(*_MAT_FILES)}: no video has frames to train or test on")
        table = np.stack(joints).astype(np.float32)
        content = [repr((self.rules, ids)).encode(), table.tobytes()]
        images = tuple(f"{name}.jpg" for name in ids)
        return FrameIndex(tuple(ids), images, table, hashlib.sha256(b"".join(content)).hexdigest())

    def divide(self, split: str, partition: str) -> Part:
        frames: list[str] = []
        pairs: list[tuple[str, str]] = []
        for place, video in enumerate(self.videos):
            numbers = self._official(video, partition) if split == "official" else self._within(place, video)[partition]
            ids = [frame_id(video.name, number) for number in sorted(numbers)]
            frames += ids
            pairs += each_once(ids, seeded(self.rules.seed, split, partition, video.name))
        return Part(tuple(frames), tuple(pairs))

    def _official(self, video: Video, partition: str) -> list[int]:
        if video.partition != partition:
            return []
        if partition != "train":
            return list(video.manual)
        return self._order(video)[: self.rules.official.train_frames_per_video]

    def _within(self, place: int, video: Video) -> dict[str, list[int]]:
        """A video's frames by partition, in the shares of the rules; a short video keeps the shares."""
        # Partitions take their frames in the order of their names, however the rules' file lists them.
        wanted = {name: _share(total, place) for name, total in sorted(self.rules.mrnet_like.frames.items())}
        order = self._order(video)
        factor = min(1.0, len(order) / sum(wanted.values()))
        parts, start = {}, 0
        for name, count in wanted.items():
            parts[name] = order[start : start + max(_A_PAIR, int(count * factor))]
            start += len(parts[name])
        return parts

    def _order(self, video: Video) -> list[int]:
        """The video's tracked frames in their seeded order: every split takes from its head."""
        numbers = np.array(sorted(video.tracked))
        return seeded(self.rules.seed, "order", video.name).permutation(numbers).tolist()

    def counts(self) -> list[Count]:
        return [
            Count("videos", len(self.videos), _VIDEOS),
            *(
                Count(f"{name} videos", sum(video.partition == name for video in self.videos), published)
                for name, published in (("train", 10), ("val", 5), ("test", 5))
            ),
            Count("tracked frames", sum(len(video.tracked) for video in self.videos)),
            Count("manually labelled frames", sum(len(video.manual) for video in self.videos), 2000),
        ]


def frame_id(video: str, number: int) -> str:
    """`16/2043`: the frame's file without its ending."""
    return f"{video}/{number}"


def _share(total: int, place: int) -> int:
    """What the video at `place` gives to a total over all videos; the first ones give what does not divide."""
    return total // _VIDEOS + (place < total % _VIDEOS)


def _video(path: Path, number: int, entry: Any) -> Video:
    where = f"{path}: video {number}"
    lacking = [name for name in ("type", "train_frames", "train_joints") if name not in entry.dtype.names]
    if lacking:
        raise UserError(f"{where} has no field {', '.join(lacking)}; it has {', '.join(entry.dtype.names)}")
    kind = str(np.ravel(entry["type"])[0]) if np.size(entry["type"]) else ""
    if kind not in _PARTITION_OF_TYPE:
        raise UserError(f"{where}: type is {kind!r}; train, val or test is needed")
    manual = {}
    if kind != "train":
        if "test_frames" not in entry.dtype.names or "test_joints" not in entry.dtype.names:
            raise UserError(f"{where} has no manually labelled frames (test_frames, test_joints)")
        manual = _frames(where, "test", entry)
    return Video(str(number), _PARTITION_OF_TYPE[kind], _frames(where, "train", entry), manual)


def _frames(where: str, kind: str, entry: Any) -> dict[int, np.ndarray]:
    """Joints by frame number. UserError for another shape than frames (N) and joints (2, 7, N)."""
    numbers, joints = np.ravel(entry[f"{kind}_frames"]), np.asarray(entry[f"{kind}_joints"])
    if joints.ndim == 2 and numbers.size == 1:
        joints = joints[..., None]  # MATLAB drops a last dimension of one
    if joints.shape != (2, len(BBC7), numbers.size) or joints.dtype.kind not in "fiu":
        raise UserError(
            f"{where}: {kind}_joints is {joints.dtype} {joints.shape} for {numbers.size} frames; "
            f"(2, {len(BBC7)}, {numbers.size}) is needed"
        )
    if numbers.dtype.kind not in "fiu" or not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise UserError(f"{where}: {kind}_frames is {some(map(str, numbers))}; numbers of frames are needed")
    points = joints.astype(np.float64).transpose(2, 1, 0) - 1
    # all seven are taken as visible; what is no number, or lies before the first pixel, is none
    points[~(np.isfinite(points) & (points > -1)).all(axis=2)] = np.nan
    return dict(zip(numbers.astype(int).tolist(), points.astype(np.float32), strict=True))
