"""The MR-Net authors' prepared layout: `Images/img|seg`, `Label/pair_split.json`, `Label/pose_label.pkl`.

Joints are (x, y) in the frame of the network's input, 128×128 or, for Market's 18 joints, 128×64, and so are the masks;
the images may have any size and are resized regardless of their shape. A frame's group is what stands before the first
underscore of its name: the video or the person. Names stand with or without `.jpg` in either file.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from harness.datasets import pair_split
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.splits import Part
from harness.errors import UserError, some
from harness.pairs import group_of
from harness.pickles import load_poses
from mrnet.skeletons import BBC7, OPENPOSE18, PENN13, Skeleton

_JSON, _PICKLE = f"Label/{pair_split.FILE}", "Label/pose_label.pkl"
_SETS = ("Penn_Action", "bbcpose", "market1501")
_HEIGHT_PX = 128
# by the number of joints: the joint set and the shape
_KINDS: dict[int, tuple[Skeleton, tuple[int, int]]] = {
    13: (PENN13, (1, 1)),
    7: (BBC7, (1, 1)),
    18: (OPENPOSE18, (2, 1)),
}
# pairs of the paper, training and test
_PUBLISHED = {"penn13": (57_925, 4_634), "bbc7": (14_942, 3_736), "openpose18": (263_632, 12_000)}


class Prepared(OnDisk):
    """One prepared set: Penn Action, BBC-Pose or Market-1501, told by the number of joints."""

    name = "prepared"
    title = "Penn Action, BBC-Pose or Market-1501 as MR-Net's authors prepared them, with masks and their pairs"
    licence = "that of the set; do not redistribute frames"
    citation = "MR-Net's prepared data (Xu et al., TIP 2020)"
    splits = ("mrnet",)
    default_split = "mrnet"
    own_masks = "prepared"
    reader_version = 1
    pairs_version = 1
    parts = ((_JSON,), (_PICKLE,), ("Images/img",), ("Images/seg",))
    folder_names = (*_SETS, *(f"prepared/{name}" for name in _SETS))
    layout = "Images/img/, Images/seg/, Label/pair_split.json and Label/pose_label.pkl"
    sources = (
        "The prepared Penn_Action (Google Drive) and bbcpose (OneDrive) are linked from "
        "https://github.com/loadder/MR-Net; market1501 comes from https://github.com/ly015/intrinsic_flow."
    )

    @cached_property
    def skeleton(self) -> Skeleton:
        return self._kind[0]

    @property
    def shape(self) -> tuple[int, int]:
        return self._kind[1]

    @cached_property
    def _kind(self) -> tuple[Skeleton, tuple[int, int]]:
        counts = {len(joints) for joints in self._poses.values()}
        if len(counts) != 1 or (count := counts.pop()) not in _KINDS:
            raise UserError(
                f"{self.part(_PICKLE)} has poses of {some(map(str, sorted(counts)))} joints; 7, 13 or 18 are known"
            )
        return _KINDS[count]

    @cached_property
    def _poses(self) -> dict[str, np.ndarray]:
        """Joints by name, without `.jpg`."""
        poses = load_poses(self.part(_PICKLE))
        if not poses:
            raise UserError(f"{self.part(_PICKLE)} holds no pose")
        return {pair_split.stem(name): joints for name, joints in poses.items()}

    @cached_property
    def _pairs(self) -> dict[str, list[tuple[str, str]]]:
        """The authors' pairs by partition, as frame ids."""
        path = self.part(_JSON)
        named = pair_split.read(path)
        names = {name for pairs in named.values() for pair in pairs for name in pair}
        absent = sorted(names - self._poses.keys())
        if absent:
            raise UserError(f"{path} names {len(absent)} frames without a pose in {self.part(_PICKLE)}: {some(absent)}")
        return {part: [(frame_id(a), frame_id(b)) for a, b in pairs] for part, pairs in named.items()}

    @cached_property
    def _divided_by_authors(self) -> dict[str, Part]:
        return pair_split.with_val(self._pairs["train"], self._pairs["test"], group_of)

    def divide(self, split: str, partition: str) -> Part:
        return self._divided_by_authors[partition]

    def read(self) -> FrameIndex:
        used = {frame for pairs in self._pairs.values() for pair in pairs for frame in pair}
        names = sorted(name for name in self._poses if frame_id(name) in used)
        joints = np.stack([self._poses[name] for name in names]).astype(np.float32)
        joints[(joints == -1).any(axis=2)] = np.nan
        content = [repr((names, self._pairs)).encode(), joints.tobytes()]
        height, width = self.shape
        return FrameIndex(
            ids=tuple(map(frame_id, names)),
            images=tuple(f"Images/img/{name}.jpg" for name in names),
            masks=tuple(f"Images/seg/{name}.bmp" for name in names),
            joints=joints,
            annotated_px=(_HEIGHT_PX, _HEIGHT_PX * width // height),
            digest=hashlib.sha256(b"".join(content)).hexdigest(),
        )

    def counts(self) -> list[Count]:
        train, test = _PUBLISHED[self.skeleton.name]
        return [
            Count("training pairs", len(self._pairs["train"]), train),
            Count("test pairs", len(self._pairs["test"]), test),
            Count("poses", len(self._poses)),
        ]


def frame_id(name: str) -> str:
    """`0001/000001` of `0001_000001`; a name with a folder of its own stays."""
    return name if "/" in name else name.replace("_", "/", 1)
