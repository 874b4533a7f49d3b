"""DeepFashion in-shop in PATN's naming and size: `fashion_data/train|test/*.jpg`, 256×176, with its csv files.

Files are called like `fashionWOMENBlouses_Shirtsid0000123401_1front.jpg`: the eight digits after `id` are the garment,
which one model wears. The csv files are spelled `fasion-…`, as they are distributed.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property

import numpy as np

from harness.datasets import pair_split, patn_csv
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.splits import Part
from harness.errors import UserError
from harness.pairs import group_of
from mrnet.skeletons import OPENPOSE18

_PARTS = ("train", "test")
_ANNOTATIONS = {
    part: (f"fasion-resize-annotation-{part}.csv", f"fashion-resize-annotation-{part}.csv") for part in _PARTS
}
_PAIRS = {part: (f"fasion-resize-pairs-{part}.csv", f"fashion-resize-pairs-{part}.csv") for part in _PARTS}
_PUBLISHED_PAIRS = {"train": 101_966, "test": 8_570}
_SIZE_PX = (256, 176)
_NAME = re.compile(r"(?P<garment>.+?id\d{8})(?P<view>.+)\.jpg")


class DeepFashion(OnDisk):
    """DeepFashion in-shop, PATN's 256×176 crops. A frame's group is its garment."""

    name = "deepfashion"
    title = "DeepFashion in-shop, PATN's 256×176 crops, 18 OpenPose joints"
    licence = "non-commercial research, by agreement with its keepers; do not redistribute images"
    citation = "DeepFashion in-shop (Liu et al., CVPR 2016); keypoints and pairs of PATN"
    splits = ("patn",)
    default_split = "patn"
    skeleton = OPENPOSE18
    shape = (16, 11)
    file_ending = ".jpg"
    reader_version = 1
    pairs_version = 1
    parts = (*_ANNOTATIONS.values(), *_PAIRS.values(), *((part,) for part in _PARTS))
    folder_names = ("fashion_data",)
    layout = "train/, test/, fasion-resize-annotation-train.csv, -test.csv and fasion-resize-pairs-train.csv, -test.csv"
    sources = (
        "The images are given out by https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion.html (In-shop Retrieval) after "
        "an agreement; the README of https://github.com/tengteng95/Pose-Transfer says how they are cropped to "
        "train/ and test/, and links the csv files."
    )

    def read(self) -> FrameIndex:
        ids, images, joints, digests = [], [], [], []
        for part in _PARTS:
            annotations, used = self._annotations[part], {name for pair in self._named_pairs[part] for name in pair}
            rows = [row for row, name in enumerate(annotations.names) if name in used]
            ids += [self._frame_id(part, annotations.names[row]) for row in rows]
            images += [f"{part}/{annotations.names[row]}" for row in rows]
            joints.append(annotations.joints[rows])
            digests.append((annotations.digest, self._named_pairs[part]))
        patn_csv.check_apart(ids, *(self.part(*names) for names in _ANNOTATIONS.values()))
        digest = hashlib.sha256(repr(digests).encode()).hexdigest()
        return FrameIndex(tuple(ids), tuple(images), np.concatenate(joints), digest, annotated_px=_SIZE_PX)

    @cached_property
    def _annotations(self) -> dict[str, patn_csv.Annotations]:
        return {part: patn_csv.read_annotations(self.part(*_ANNOTATIONS[part])) for part in _PARTS}

    @cached_property
    def _named_pairs(self) -> dict[str, tuple[tuple[str, str], ...]]:
        named = {}
        for part in _PARTS:
            path = self.part(*_PAIRS[part])
            named[part] = patn_csv.read_pairs(path)
            patn_csv.unannotated(path, named[part], self._annotations[part], self.part(*_ANNOTATIONS[part]))
        return named

    @cached_property
    def _divided_by_patn(self) -> dict[str, Part]:
        train, test = (
            [(self._frame_id(part, a), self._frame_id(part, b)) for a, b in self._named_pairs[part]] for part in _PARTS
        )
        return pair_split.with_val(train, test, group_of)

    def divide(self, split: str, partition: str) -> Part:
        return self._divided_by_patn[partition]

    def person(self, frame_id: str) -> str:
        """The garment: of the model who wears it nothing is known."""
        return group_of(frame_id)

    def file_name(self, frame_id: str) -> str:
        """`fashionWOMENDressesid0000000202_1front.jpg`."""
        return frame_id.replace("/", "") + self.file_ending

    def _frame_id(self, part: str, name: str) -> str:
        """`fashionWOMENDressesid00000002/02_1front`."""
        match = _NAME.fullmatch(name)
        if match is None:
            path = self.part(*_ANNOTATIONS[part])
            raise UserError(
                f"{path} names {name}; PATN's names are like fashionWOMENBlouses_Shirtsid0000123401_1front.jpg"
            )
        return f"{match['garment']}/{match['view']}"

    def counts(self) -> list[Count]:
        return [
            *(Count(f"{part} pairs", len(pairs), _PUBLISHED_PAIRS[part]) for part, pairs in self._named_pairs.items()),
            *(Count(f"annotated {part} images", len(found.names)) for part, found in self._annotations.items()),
        ]
