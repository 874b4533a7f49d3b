"""Market-1501 (Zheng et al., ICCV 2015) under the pose-gan / PATN protocol: raw folders and the protocol's csv files.

Training pairs follow the field's rule: images on which both hips and both shoulders were found, no distractor (`0000`)
and no junk (`-1`), all ordered pairs of an identity. The test pairs are the 12,000 of `market-pairs-test.csv`. The
field trains on all training identities and has no validation set; `val` is made of the identities of the test
annotations that no test pair shows, so that it shares nobody with either.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.datasets import patn_csv
from harness.datasets.index import Count, FrameIndex
from harness.datasets.on_disk import OnDisk
from harness.datasets.patn_csv import Annotations
from harness.datasets.splits import Part
from harness.errors import UserError
from harness.pairs import group_of
from mrnet.skeletons import OPENPOSE18

_TRAIN_CSV, _TEST_CSV, _PAIRS_CSV = "market-annotation-train.csv", "market-annotation-test.csv", "market-pairs-test.csv"
_TRAIN_FOLDERS, _TEST_FOLDERS = ("bounding_box_train", "train"), ("bounding_box_test", "test")
_QUERY = "query"
_NEEDED_JOINTS = [
    OPENPOSE18.joints.index(f"{side}_{part}") for part in ("shoulder", "hip") for side in ("left", "right")
]
_NOBODY = ("-1", "0000")
_NAME = re.compile(r"(-1|\d{4})_\S+\.jpg")
_SIZE_PX = (128, 64)
_PUBLISHED = {
    "images in bounding_box_train": 12_936,
    "images in bounding_box_test": 19_732,
    "images in query": 3_368,
    "training pairs by the rule": 263_632,
    "test pairs": 12_000,
    "distinct targets of test pairs": 7_264,
}


class Market1501(OnDisk):
    """Market-1501, 128×64, 18 OpenPose joints. A frame's group is its person."""

    name = "market"
    title = "Market-1501: persons of six street cameras, 128×64, 18 OpenPose joints"
    licence = "research use, cite the paper; people were filmed unasked: do not publish images"
    citation = "Market-1501 (Zheng et al., ICCV 2015); keypoints and pairs of pose-gan / PATN"
    splits = ("patn",)
    default_split = "patn"
    skeleton = OPENPOSE18
    shape = (2, 1)
    file_ending = ".jpg"
    reader_version = 1
    pairs_version = 1
    parts = ((_TRAIN_CSV,), (_TEST_CSV,), (_PAIRS_CSV,), _TRAIN_FOLDERS, _TEST_FOLDERS)
    folder_names = ("Market-1501-v15.09.15", "market_data")
    layout = "bounding_box_train/, bounding_box_test/, market-annotation-train.csv, -test.csv and market-pairs-test.csv"
    sources = (
        "Market-1501-v15.09.15.zip is linked from https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html, no "
        "form (older addresses are dead). The three csv files are those of PATN: its README "
        "(https://github.com/tengteng95/Pose-Transfer) links a Google Drive and a Baidu folder."
    )

    def read(self) -> FrameIndex:
        ids, images, joints, digests = [], [], [], []
        for annotated, wanted, folders in (
            (self._train, self._usable(self._train), _TRAIN_FOLDERS),
            (self._test, self._tested, _TEST_FOLDERS),
        ):
            folder = self._images(folders).name
            places = annotated.places
            ids += map(frame_id, wanted)
            images += (f"{folder}/{name}" for name in wanted)
            joints.append(annotated.joints[[places[name] for name in wanted]])
            digests.append(annotated.digest)
        content = repr((digests, self._test_pairs)).encode()
        patn_csv.check_apart(ids, self.part(_TRAIN_CSV), self.part(_TEST_CSV))
        digest = hashlib.sha256(content).hexdigest()
        return FrameIndex(tuple(ids), tuple(images), np.concatenate(joints), digest, annotated_px=_SIZE_PX)

    def _images(self, names: tuple[str, ...]) -> Path:
        """The folder of images by its alternative names, there or not."""
        return next((self.folder / name for name in names if (self.folder / name).is_dir()), self.folder / names[0])

    @cached_property
    def _train(self) -> Annotations:
        return self._annotations(_TRAIN_CSV)

    @cached_property
    def _test(self) -> Annotations:
        return self._annotations(_TEST_CSV)

    def _annotations(self, name: str) -> Annotations:
        path = self.part(name)
        annotations = patn_csv.read_annotations(path)
        for image in annotations.names:
            if not _NAME.fullmatch(image):
                raise UserError(f"{path} annotates {image}; Market's names are like 0002_c1s1_000451_03.jpg")
        return annotations

    @cached_property
    def _test_pairs(self) -> tuple[tuple[str, str], ...]:
        path = self.part(_PAIRS_CSV)
        pairs = patn_csv.read_pairs(path)
        patn_csv.unannotated(path, pairs, self._test, self.part(_TEST_CSV))
        lines: dict[tuple[str, str], int] = {}
        for number, (source, target) in enumerate(pairs, start=2):
            wrong = _wrong_pair(source, target)
            if wrong:
                raise UserError(f"{path}, line {number}: {source} and {target} {wrong}")
            first = lines.setdefault((source, target), number)
            if first != number:
                raise UserError(f"{path}, line {number}: {source} and {target} are the pair of line {first}")
        return pairs

    @cached_property
    def _val_names(self) -> list[str]:
        tested = {_person(name) for pair in self._test_pairs for name in pair}
        return [name for name in self._usable(self._test) if _person(name) not in tested]

    @cached_property
    def _tested(self) -> list[str]:
        """Images of the test folder that a test or validation pair uses, in order of name."""
        return sorted({*self._val_names, *(name for pair in self._test_pairs for name in pair)})

    def _usable(self, annotations: Annotations) -> list[str]:
        """Images that the field's rule admits, in order of name."""
        whole = np.isfinite(annotations.joints[:, _NEEDED_JOINTS]).all(axis=(1, 2))
        named = zip(annotations.names, whole, strict=True)
        return sorted(name for name, there in named if there and not name.startswith(_NOBODY))

    def person(self, frame_id: str) -> str:
        return group_of(frame_id)

    def file_name(self, frame_id: str) -> str:
        """`0002_c1s1_000451_03.jpg`."""
        return frame_id.replace("/", "_") + self.file_ending

    def divide(self, split: str, partition: str) -> Part:
        if partition == "test":
            return Part.of_pairs((frame_id(source), frame_id(target)) for source, target in self._test_pairs)
        names = self._usable(self._train) if partition == "train" else self._val_names
        ids = tuple(map(frame_id, names))
        return Part(ids, _all_ordered(ids))

    def counts(self) -> list[Count]:
        pairs = self._test_pairs
        found = {
            "images in bounding_box_train": _image_count(self._images(_TRAIN_FOLDERS)),
            "images in bounding_box_test": _image_count(self._images(_TEST_FOLDERS)),
            "images in query": _image_count(self.folder / _QUERY),
            "training pairs by the rule": len(self.divide("patn", "train").pairs),
            "test pairs": len(pairs),
            "distinct targets of test pairs": len({target for _, target in pairs}),
        }
        names = [*self._train.names, *self._test.names]
        return [
            *(Count(what, number, _PUBLISHED[what]) for what, number in found.items()),
            Count("annotated images on which nobody was found", sum(map(_nobody_found, (self._train, self._test)))),
            Count("annotated distractors (0000) and junk (-1)", sum(name.startswith(_NOBODY) for name in names)),
        ]


def frame_id(name: str) -> str:
    """`0002/c1s1_000451_03` of `0002_c1s1_000451_03.jpg`."""
    return name.removesuffix(".jpg").replace("_", "/", 1)


def _person(name: str) -> str:
    return name.partition("_")[0]


def _wrong_pair(source: str, target: str) -> str:
    """What keeps two images from being a test pair; empty for nothing."""
    if _person(source) != _person(target):
        return "show two persons"
    if source == target:
        return "are one image"
    return "show no person, but a distractor or junk" if _person(source) in _NOBODY else ""


def _all_ordered(ids: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """All ordered pairs of two frames of a person; the ids come sorted, so a person's stand together."""
    return tuple(pair for _, frames in itertools.groupby(ids, group_of) for pair in itertools.permutations(frames, 2))


def _nobody_found(annotations: Annotations) -> int:
    return int(np.isnan(annotations.joints).all(axis=(1, 2)).sum())


def _image_count(folder: Path) -> int:
    return sum(path.suffix == ".jpg" for path in folder.iterdir()) if folder.is_dir() else 0
