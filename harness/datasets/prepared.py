"""The MR-Net authors' prepared layout: `Images/img|seg`, `Label/pair_split.json`, `Label/pose_label.pkl`.

Joints are (x, y) in the frame of the network's input, 128×128 or, for Market's 18 joints, 128×64, and so are the masks;
the images may have any size and are resized regardless of their shape. A frame's group is what stands before the first
underscore of its name: the video or the person. Names stand with or without `.jpg` in either file.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from harness import paths
from harness.datasets import pair_split
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.splits import Part
from harness.errors import UserError, some
from harness.pairs import group_of
from harness.pickles import load_poses
from mrnet.skeletons import BBC7, OPENPOSE18, PENN13, Skeleton

_JSON, _PICKLE = f"Label/{pair_split.FILE}", "Label/pose_label.pkl"
_SETS = {"prepared-penn": "Penn_Action", "prepared-bbc": "bbcpose", "prepared-market": "market1501"}
_HEIGHT_PX = 128
# by the number of joints: the set's name, the joint set and the shape
_KINDS: dict[int, tuple[str, Skeleton, tuple[int, int]]] = {
    13: ("prepared-penn", PENN13, (1, 1)),
    7: ("prepared-bbc", BBC7, (1, 1)),
    18: ("prepared-market", OPENPOSE18, (2, 1)),
}
# pairs of the paper, training and test
_PUBLISHED = {"penn13": (57_925, 4_634), "bbc7": (14_942, 3_736), "openpose18": (263_632, 12_000)}


class Prepared(OnDisk):
    """One prepared set: Penn Action, BBC-Pose or Market-1501, told by the number of joints, which names the results.

    Where a root holds several sets, one is asked for by its own name.
    """

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
    folder_names = ("prepared", *(place for folder in _SETS.values() for place in (folder, f"prepared/{folder}")))
    layout = "Images/img/, Images/seg/, Label/pair_split.json and Label/pose_label.pkl"
    sources = (
        "The prepared Penn_Action (Google Drive) and bbcpose (OneDrive) are linked from "
        "https://github.com/loadder/MR-Net; market1501 comes from https://github.com/ly015/intrinsic_flow."
    )

    def __init__(self, data_root: Path | None = None, masks: str | None = None, weights_dir: Path | None = None):
        super().__init__(data_root, masks, weights_dir)
        if type(self) is Prepared and self.available()[0]:
            with contextlib.suppress(UserError):  # said when the poses are asked for
                self.name = self._kind[0]

    @property
    def drawn_like(self) -> str:
        return Prepared.name

    def available(self) -> tuple[bool, str]:
        if self._ambiguous:
            return False, (
                f"{self.data_root or paths.home() / 'data'} holds several prepared sets, {', '.join(self._ambiguous)}: "
                f"name one by its folder (--data-root) or by its own name, {', '.join(_SETS)}"
            )
        return super().available()

    @property
    def _ambiguous(self) -> list[str]:
        """Places of several sets that the common name may mean; a set's own name takes the first of its places."""
        root = self.data_root or paths.home() / "data"
        there = [
            name for name in (*self.folder_names, "") if all((root / name / part).exists() for (part,) in self.parts)
        ]
        return there if type(self) is Prepared and len(there) > 1 else []

    @cached_property
    def skeleton(self) -> Skeleton:
        return self._named_kind[1]

    @property
    def shape(self) -> tuple[int, int]:
        return self._named_kind[2]

    @property
    def _named_kind(self) -> tuple[str, Skeleton, tuple[int, int]]:
        """The set's kind by its name, without a look at the data, or else by its poses."""
        return next((kind for kind in _KINDS.values() if kind[0] == self.name), None) or self._kind

    @cached_property
    def _kind(self) -> tuple[str, Skeleton, tuple[int, int]]:
        examples = {len(joints): name for name, joints in self._read_poses.items()}
        if len(examples) != 1 or not examples.keys() <= _KINDS.keys():
            found = some(f"{count} joints ({name})" for count, name in sorted(examples.items()))
            raise UserError(f"{self.part(_PICKLE)} has poses of {found}; all of 7, of 13 or of 18 are needed")
        kind = _KINDS[next(iter(examples))]
        if self.name not in (Prepared.name, kind[0]):
            raise UserError(f"{self.folder} holds {kind[0]}, by its {len(kind[1])} joints; {self.name} was asked for")
        return kind

    @property
    def _poses(self) -> dict[str, np.ndarray]:
        """Joints by name, without `.jpg`, of the set that was asked for."""
        self._kind  # noqa: B018, raises UserError for another set
        return self._read_poses

    @cached_property
    def _read_poses(self) -> dict[str, np.ndarray]:
        if self._ambiguous:
            raise UserError(self.available()[1])
        poses = load_poses(self.part(_PICKLE))
        if not poses:
            raise UserError(f"{self.part(_PICKLE)} holds no pose")
        named: dict[str, np.ndarray] = {}
        for name, joints in poses.items():
            stem = pair_split.stem(name)
            if not np.array_equal(named.setdefault(stem, joints), joints, equal_nan=True):
                raise UserError(f"{self.part(_PICKLE)} holds two poses of {stem}, with and without .jpg")
        return named

    @cached_property
    def _pairs(self) -> dict[str, list[tuple[str, str]]]:
        """The authors' pairs by partition, as frame ids."""
        path = self.part(_JSON)
        named = pair_split.read(path)
        names = {name for pairs in named.values() for pair in pairs for name in pair}
        if not names:
            raise UserError(f"{path} names no pair")
        absent = sorted(names - self._poses.keys())
        if absent:
            raise UserError(f"{path} names {len(absent)} frames without a pose in {self.part(_PICKLE)}: {some(absent)}")
        return {part: [(frame_id(a), frame_id(b)) for a, b in pairs] for part, pairs in named.items()}

    @cached_property
    def _divided_by_authors(self) -> dict[str, Part]:
        return pair_split.with_val(self._pairs["train"], self._pairs["test"], group_of)

    def divide(self, split: str, partition: str) -> Part:
        return self._divided_by_authors[partition]

    def person(self, frame_id: str) -> str | None:
        """Known for Market, whose names begin with it; the other sets' begin with a video."""
        return group_of(frame_id) if self.skeleton is OPENPOSE18 else None

    def read(self) -> FrameIndex:
        used = {frame for pairs in self._pairs.values() for pair in pairs for frame in pair}
        names = sorted(name for name in self._poses if frame_id(name) in used)
        joints = np.stack([self._poses[name] for name in names]).astype(np.float32)
        joints[((joints == -1) | ~np.isfinite(joints)).any(axis=2)] = np.nan
        content = [repr((names, self._pairs)).encode(), joints.tobytes()]
        height, width = self.shape
        return FrameIndex(
            ids=tuple(map(frame_id, names)),
            images=tuple(f"Images/img/{name}.jpg" for name in names),
            masks=tuple(f"Images/seg/{name}.bmp" for name in names),
            joints=joints,
            annotated_px=(_HEIGHT_PX, _HEIGHT_PX * width // height),
            stretched=True,
            notes=tuple(self._repeated()),
            digest=hashlib.sha256(b"".join(content)).hexdigest(),
        )

    def notes(self) -> tuple[str, ...]:
        return self.index.notes

    def _repeated(self) -> Iterator[str]:
        for part, pairs in self._pairs.items():
            if again := len(pairs) - len(set(pairs)):
                yield f"{again:,} {part} pairs of {pair_split.FILE} repeat another; each is used once"
            if alone := sum(reference == target for reference, target in pairs):
                yield f"{alone:,} {part} pairs of {pair_split.FILE} are of a frame with itself; none is used"

    def counts(self) -> list[Count]:
        train, test = _PUBLISHED[self.skeleton.name]
        return [
            Count("training pairs", len(self._pairs["train"]), train),
            Count("test pairs", len(self._pairs["test"]), test),
            Count("poses", len(self._poses)),
        ]


class PreparedPenn(Prepared):
    """The prepared Penn Action."""

    name = "prepared-penn"
    folder_names = ("Penn_Action", "prepared/Penn_Action", "prepared")


class PreparedBBC(Prepared):
    """The prepared BBC-Pose."""

    name = "prepared-bbc"
    folder_names = ("bbcpose", "prepared/bbcpose", "prepared")


class PreparedMarket(Prepared):
    """The prepared Market-1501."""

    name = "prepared-market"
    folder_names = ("market1501", "prepared/market1501", "prepared")


def frame_id(name: str) -> str:
    """`0001/000001` of `0001_000001`; a name with a folder of its own stays."""
    return name if "/" in name else name.replace("_", "/", 1)
